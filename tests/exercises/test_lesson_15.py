"""Exercises of lesson 15, each in its four states."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from scipy.spatial.distance import cdist
from scipy.stats import entropy

from course_utils.exercises import lesson_15 as ex


def _by_keras_loss(real, made):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return (loss(ops.ones_like(real), real) + loss(ops.zeros_like(made), made)) / 2


def test_discriminator_loss(check_states):
    check_states(
        ex.discriminator_loss,
        wrong={
            "The sum of two means": lambda r, m: ops.mean(ops.softplus(-r)) + ops.mean(ops.softplus(m)),
            "Real and made are swapped": lambda r, m: (ops.mean(ops.softplus(r)) + ops.mean(ops.softplus(-m))) / 2,
            "Logits of -300 for real": lambda r, m: (
                -(ops.mean(ops.log(ops.sigmoid(r))) + ops.mean(ops.log(1 - ops.sigmoid(m)))) / 2
            ),
            "yours has shape (2, 1)": lambda r, m: ops.softplus(-r) + ops.softplus(m),
            "Gradients must pass": lambda r, m: (
                (np.logaddexp(0, -np.asarray(r)).mean() + np.logaddexp(0, np.asarray(m)).mean()) / 2
            ),
        },
        right=[
            _by_keras_loss,
            lambda r, m: (tf.reduce_mean(tf.nn.softplus(-r)) + tf.reduce_mean(tf.nn.softplus(m))) / 2,
            lambda r, m: -(ops.mean(ops.log_sigmoid(r)) + ops.mean(ops.log_sigmoid(-m))) / 2,
        ],
    )


def test_generator_loss(check_states):
    check_states(
        ex.generator_loss,
        wrong={
            "That is the saturating loss": lambda m: -ops.mean(ops.softplus(m)),
            "That is the discriminator's loss": lambda m: ops.mean(ops.softplus(m)),
            "Summed over the batch": lambda m: ops.sum(ops.softplus(-m)),
            "Logits of -300 cost 300": lambda m: -ops.mean(ops.log(ops.sigmoid(m))),
        },
        right=[
            lambda m: -ops.mean(ops.log_sigmoid(m)),
            lambda m: keras.losses.BinaryCrossentropy(from_logits=True)(ops.ones_like(m), m),
        ],
    )


def test_modes_found(check_states):
    check_states(
        ex.modes_found,
        wrong={
            "a share of 0.8": lambda p, c, r: (len(set(cdist(p, c).argmin(axis=1))), 1.0),
            "Two of the three centres": lambda p, c, r: (
                np.sum(cdist(p, c) <= r),
                np.mean(cdist(p, c).min(axis=1) <= r),
            ),
            "no centre is found": lambda p, c, r: (
                len(set(cdist(p, c).argmin(axis=1))),
                np.mean(cdist(p, c).min(axis=1) <= r),
            ),
        },
        right=[
            lambda p, c, r: (np.sum(cdist(p, c).min(axis=0) <= r), np.mean((cdist(p, c) <= r).any(axis=1))),
            lambda points, centres, radius: [
                sum(any(np.hypot(*(point - centre)) <= radius for point in points) for centre in centres),
                sum(any(np.hypot(*(point - centre)) <= radius for centre in centres) for point in points) / len(points),
            ],
        ],
    )


def test_packed(check_states):
    check_states(
        ex.packed,
        wrong={
            "make shape (2, 6)": lambda x, m: x.reshape(m, -1),
            "Each point belongs to one group": lambda x, m: np.tile(x[: len(x) // m], m),
            "behind the other": lambda x, m: np.stack([x[i::m] for i in range(m)], axis=-1).reshape(len(x) // m, -1),
        },
        right=[
            lambda x, m: np.concatenate(np.split(x[: len(x) // m * m], m), axis=-1),
            lambda x, m: np.concatenate([x[: len(x) // m * m][i::m] for i in reversed(range(m))], axis=-1),
            lambda x, m: tf.concat(tf.split(x[: len(x) // m * m], m), axis=-1),
        ],
    )


def test_class_kl(check_states):
    def shares(labels, k):
        return np.array([np.mean(labels == i) for i in range(k)])

    check_states(
        ex.class_kl,
        wrong={
            "nan in yours": lambda labels, k: np.sum(shares(labels, k) * np.log(shares(labels, k) * k)),
            "That is in bits": lambda labels, k: np.log2(k) - entropy(shares(labels, k), base=2),
            "equally frequent it is 0": lambda labels, k: entropy(shares(labels, k)),
        },
        right=[
            lambda labels, k: np.log(k) - entropy(shares(labels, k)),
            lambda labels, k: entropy(shares(labels, k), np.full(k, 1 / k)),
        ],
    )


def _halves(y):
    return np.split(np.asarray(y), 2, axis=-1)


def _back(undo, *, ask=1, swap=True):
    """An answer that asks the network with half number `ask` and undoes its work as `undo(moved, log_scale, shift)`."""

    def uncoupled(y, network):
        moved, kept = _halves(y)
        log_scale, shift = network((moved, kept)[ask])
        parts = [kept, undo(moved, log_scale, shift)]
        return np.concatenate(parts if swap else parts[::-1], axis=-1)

    return uncoupled


def _back_by_keras(y, network):
    moved, kept = ops.split(y, 2, axis=-1)
    log_scale, shift = network(ops.convert_to_numpy(kept))
    return ops.concatenate([kept, (moved - shift) / ops.exp(log_scale)], axis=-1)


def _back_in_place(y, network):
    x, d = np.empty_like(y), y.shape[-1] // 2
    x[:, :d] = y[:, d:]
    log_scale, shift = network(x[:, :d])
    x[:, d:] = (y[:, :d] - shift) * np.exp(-np.asarray(log_scale))
    return x


def test_uncoupled(check_states):
    check_states(
        ex.uncoupled,
        wrong={
            "the halves changed places; yours asks the other": _back(lambda m, s, t: (m - t) * np.exp(-s), ask=0),
            "but for the places of the halves": _back(lambda m, s, t: (m - t) * np.exp(-s), swap=False),
            "Undo the last thing first": _back(lambda m, s, t: m * np.exp(-s) - t),
            "by exp(-s) on the way back": _back(lambda m, s, t: (m - t) * np.exp(s)),
            "to be taken away": _back(lambda m, s, t: (m + t) * np.exp(-s)),
            "yours does not ask it": lambda y, network: y,
        },
        right=[_back_by_keras, _back_in_place],
    )


def test_nats_of_codes(check_states):
    log_2pi = np.log(2 * np.pi)

    def by_tensorflow(u, log_det):
        return 0.5 * tf.reduce_sum(u * u + log_2pi, axis=1) - log_det

    check_states(
        ex.nats_of_codes,
        wrong={
            "the sign of yours is turned": lambda u, det: ops.sum(u**2 + log_2pi, axis=-1) / 2 + det,
            "yours says 0": lambda u, det: ops.sum(u**2, axis=-1) / 2 - det,
            "One number for each code": lambda u, det: ops.mean(ops.sum(u**2 + log_2pi, axis=-1) / 2 - det),
            "3/2 · log 2π": lambda u, det: ops.sum(u**2, axis=-1) / 2 + log_2pi / 2 - det,
        },
        right=[by_tensorflow, lambda u, det: ops.sum((ops.square(u) + log_2pi) / 2, axis=-1) - det],
    )


def test_predictions(check_prediction):
    check_prediction(ex.slope_guess, 2, 1, 2.01)
    check_prediction(ex.winner_guess, "gan", "VAE-GAN", "GAN")
