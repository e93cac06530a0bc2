"""Lesson 09's exercises in all four states."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.special import logsumexp

from course_utils.exercises import lesson_09 as ex


def bound_of(log_w, k):
    return logsumexp(np.reshape(log_w, (-1, k)), axis=1) - np.log(k)


def test_mean_bound(check_states):
    check_states(
        ex.mean_bound,
        wrong={
            "divided by k": lambda a, k: (bound_of(a, k) + np.log(k)).mean(),
            "whatever k": lambda a, k: a.mean(),
            "not to be mixed": lambda a, k: logsumexp(a) - np.log(a.size) if k > 1 else a.mean(),
            "most draws go unused": lambda a, k: bound_of(a[:, :k], k).mean(),
            "after the logarithm": lambda a, k: bound_of(a, a.shape[1]).mean() if k > 1 else a.mean(),
            "exp(-1000) is 0": lambda a, k: np.log(np.exp(a).reshape(-1, k).mean(axis=1)).mean(),
            "One number": bound_of,
            "On a random case": lambda a, k: bound_of(a, min(k, 2)).mean(),
        },
        right=[
            lambda a, k: bound_of(a, k).mean(),
            lambda a, k: ops.mean(ops.logsumexp(ops.reshape(a, (-1, k)), axis=1)) - np.log(k),
            lambda a, k: tf.reduce_mean(tf.reduce_logsumexp(tf.reshape(a, (len(a), -1, k)), axis=-1)) - np.log(k),
            lambda a, k: np.mean([bound_of(part, k) for row in a for part in np.split(row, len(row) // k)]),
        ],
    )


def test_digits_needed(check_states):
    check_states(
        ex.digits_needed,
        wrong={
            "for independent": lambda a, b: 4 * (a.var() + b.var()) / (a.mean() - b.mean()) ** 2,
            "not once": lambda a, b: ((a - b).std() / (a - b).mean()) ** 2,
            "under a root": lambda a, b: 2 * (a - b).std() / (a - b).mean(),
            "either way": lambda a, b: 0 if a.mean() < b.mean() else (2 * (a - b).std() / (a - b).mean()) ** 2,
            "One number": lambda a, b: (2 * (a - b) / (a - b).mean()) ** 2,
        },
        right=[
            lambda a, b: int(np.ceil((2 * np.std(a - b, ddof=1) / np.mean(a - b)) ** 2)),
            lambda a, b: 4 * ops.var(a - b) / ops.square(ops.mean(a - b)),
            lambda a, b: tf.square(2 * tf.math.reduce_std(b - a) / tf.reduce_mean(b - a)),
        ],
    )


@pytest.mark.parametrize(
    ("prediction", "right", "wrong", "measured"),
    [
        (ex.floor_guess, 50, 300, 46.3),
        (ex.information_guess, 8.5, 25, 8.5),
        (ex.needed_guess, "10", "10,000", "10"),
        (ex.overfit_guess, "s learned", "s = 0.05", "s learned"),
    ],
)
def test_predictions(capsys, prediction, right, wrong, measured):
    for guess, sign in ((right, "✓"), (wrong, "✗"), (..., "○")):
        prediction.check(guess, measured)
        assert capsys.readouterr().out.startswith(sign)
    assert vars(ex)[prediction.name] is prediction


def test_free_bits(check_states):
    check_states(
        ex.free_bits,
        wrong={
            "Summed over the batch": lambda kl, floor: ops.sum(ops.maximum(kl, floor)),
            "Averaged over the units": lambda kl, floor: ops.mean(ops.maximum(ops.mean(kl, axis=0), floor)),
            "shape (2,)": lambda kl, floor: ops.sum(ops.maximum(kl, floor), axis=1),
            "for each unit": lambda kl, floor: ops.maximum(ops.sum(ops.mean(kl, axis=0)), floor),
            "First the mean over the batch": lambda kl, floor: ops.sum(ops.mean(ops.maximum(kl, floor), axis=0)),
            "none passes through NumPy": lambda kl, floor: np.maximum(np.mean(kl, axis=0), floor).sum(),
            "a random case": lambda kl, floor: ops.sum(ops.maximum(ops.sum(kl, axis=0) / 2, floor)),
        },
        right=[
            lambda kl, floor: ops.sum(ops.where(ops.mean(kl, axis=0) > floor, ops.mean(kl, axis=0), floor)),
            lambda kl, floor: tf.reduce_sum(tf.maximum(tf.reduce_mean(kl, axis=0), floor)),
            lambda kl, floor: sum(ops.maximum(ops.mean(kl[:, i]), floor) for i in range(kl.shape[1])),
            lambda kl, floor: ops.sum(floor + ops.relu(ops.mean(kl, axis=0) - floor)),
        ],
    )


def test_best_sigma(check_states):
    check_states(
        ex.best_sigma,
        wrong={
            "0.01 is the variance": lambda x, y: np.mean((x - y) ** 2),
            "One number is expected": lambda x, y: [np.sqrt(np.mean((x - y) ** 2))],
            "not at its largest": lambda x, y: np.mean(np.abs(x - y)),
            "Divided by N - 1?": lambda x, y: np.sqrt(np.sum((x - y) ** 2) / (x.size - 1)),
            "the best deviation is 0.1": lambda x, y: np.sqrt(np.sum((x - y) ** 2)),
        },
        right=[
            lambda x, y: np.sqrt(np.mean(x**2 - 2 * x * y + y**2)),
            lambda x, y: ops.sqrt(ops.mean(ops.square(x - y))),
            lambda x, y: float(tf.norm(x - y)) / np.sqrt(x.size),
            lambda x, y: np.linalg.norm(x - y) / x.size**0.5,
        ],
    )
