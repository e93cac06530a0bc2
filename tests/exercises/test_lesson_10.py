"""Exercises of lesson 10, each in its four states."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from course_utils.exercises import lesson_10 as ex


def test_to_rgb(check_states):
    def with_matrix(ycbcr):
        matrix = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
        return ycbcr @ np.linalg.inv(matrix).T

    check_states(
        ex.to_rgb,
        wrong={
            "pure red has": lambda x: with_matrix(np.take(x, [0, 2, 1], axis=-1)),
            "pure red has Y": lambda x: np.flip(with_matrix(x), axis=-1),
            "must become (0.5, 0.5, 0.5)": lambda x: with_matrix(x - [0, 0.5, 0.5]),
            "must come back in that shape": lambda x: np.moveaxis(with_matrix(x), -1, 1),
        },
        right=[with_matrix, lambda x: ops.convert_to_tensor(with_matrix(x)), lambda x: with_matrix(x).tolist()],
    )


def test_annealed_mean(check_states):
    def soft(p, centres, temperature):
        logits = np.log(np.maximum(p, 1e-300)) / temperature
        return ops.sum(ops.softmax(ops.convert_to_tensor(logits, "float64"), axis=-1) * centres, axis=-1)

    check_states(
        ex.annealed_mean,
        wrong={
            "the probabilities stay as they are": lambda p, c, t: (p ** (1 / t) * c).mean(axis=-1),
            "one over the temperature": lambda p, c, t: (p**t * c).sum(axis=-1) / (p**t).sum(axis=-1),
            "must sum to 1 again": lambda p, c, t: (p ** (1 / t) * c).sum(axis=-1),
            "0 / 0 is no number": lambda p, c, t: (p ** (1 / t) * c).sum(axis=-1) / (p ** (1 / t)).sum(axis=-1),
            "Expected [0.1, 0.1], yours": lambda p, c, t: np.nan_to_num(
                (p ** (1 / t) * c).sum(axis=-1) / (p ** (1 / t)).sum(axis=-1)
            ),
            "make two means": lambda p, c, t: p * c,
        },
        right=[soft, lambda p, c, t: tf.reduce_sum(tf.nn.softmax(np.log(p + 1e-300) / t) * c, axis=-1)],
    )


def _missing(guess, small, factor):
    n, height, width, channels = small.shape
    return small - guess.reshape(n, height, factor, width, factor, channels).mean(axis=(2, 4))


def test_make_consistent(check_states):
    def with_repeat(guess, small, factor):
        return guess + _missing(guess, small, factor).repeat(factor, axis=1).repeat(factor, axis=2)

    def with_kron(guess, small, factor):
        block = np.ones((1, factor, factor, 1))
        return guess + np.stack([np.kron(one[np.newaxis], block)[0] for one in _missing(guess, small, factor)])

    check_states(
        ex.make_consistent,
        wrong={
            "must average to the small image": lambda g, s, f: g,
            "yours are off by": lambda g, s, f: g + s.repeat(f, axis=1).repeat(f, axis=2),
            "must come back as it is": lambda g, s, f: s.repeat(f, axis=1).repeat(f, axis=2),
            "the same to all pixels of a block": lambda g, s, f: (
                g + f * f * np.kron(_missing(g, s, f), np.eye(f).reshape(1, f, f, 1) / f)
            ),
            "must have the guess's shape": lambda g, s, f: s,
        },
        right=[with_repeat, with_kron, lambda g, s, f: tf.constant(with_repeat(g, s, f))],
    )


def test_unmark(check_states):
    def right(marked, opacity, colour):
        clear = opacity < 1
        image = (marked - colour * opacity) / np.where(clear, 1 - opacity, 1)
        return np.where(clear, image, marked)

    def in_place_of_a_copy(marked, opacity, colour):
        image = marked.copy()
        rows = np.broadcast_to(opacity, marked.shape)
        inside = (rows > 0) & (rows < 1)
        image[inside] = (marked[inside] - colour * rows[inside]) / (1 - rows[inside])
        return image

    check_states(
        ex.unmark,
        wrong={
            "come off without a trace": lambda m, a, c: m - a * c,
            "0 / 0 is no number": lambda m, a, c: (m - a * c) / (1 - a),
            "leave those pixels as they are": lambda m, a, c: (m - a * c) / np.maximum(1 - a, 1e-6),
            "must come back in that shape": lambda m, a, c: right(m, a, c).mean(axis=-1),
            "Opaque pixels must not keep the others": lambda m, a, c: m if np.any(a == 1) else right(m, a, c),
            "up to an opacity of 0.97": lambda m, a, c: np.where(a > 0.95, m, right(m, a, c)),
            "leave those pixels": lambda m, a, c: np.where(a == 1, np.full_like(m, c), right(m, a, c)),
        },
        right=[right, in_place_of_a_copy, lambda m, a, c: ops.convert_to_tensor(right(m, a, c))],
    )


@pytest.mark.parametrize(
    ("prediction", "guess", "measured"),
    [
        (ex.better_by_image, "grey copy", "grey copy"),
        (ex.paleness, 0.2, 0.22),
        (ex.hardest_hole, "thick logo", "thick logo"),
    ],
)
def test_predictions(capsys, prediction, guess, measured):
    prediction.check(guess, measured)
    assert capsys.readouterr().out.startswith("✓")
