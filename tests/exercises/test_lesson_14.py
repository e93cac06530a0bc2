"""Exercises of lesson 14, each in its four states."""

import numpy as np
import tensorflow as tf
from keras import ops
from scipy.spatial.distance import cdist
from scipy.stats import entropy

from course_utils.exercises import lesson_14 as ex


def _nearest_by_loops(vectors, codebook):
    return [min(range(len(codebook)), key=lambda k: (sum((v - codebook[k]) ** 2), k)) for v in vectors]


def _nearest_with_tensorflow(vectors, codebook):
    return tf.argmin(tf.reduce_sum((vectors[:, tf.newaxis] - codebook) ** 2, axis=-1), axis=1)


def test_nearest_entries(check_states):
    check_states(
        ex.nearest_entries,
        wrong={
            "furthest away": lambda v, e: cdist(v, e).argmax(axis=1),
            "needs its squared length": lambda v, e: (v @ e.T).argmax(axis=1),
            "Whole numbers are expected": lambda v, e: cdist(v, e),
            "yours has (3, 2)": lambda v, e: e[cdist(v, e).argmin(axis=1)],
            "take the one with the lowest number": lambda v, e: len(e) - 1 - cdist(v, e)[:, ::-1].argmin(axis=1),
        },
        right=[
            lambda v, e: cdist(v, e).argmin(axis=1),
            _nearest_by_loops,
            _nearest_with_tensorflow,
            lambda v, e: np.argmax(v @ e.T - np.sum(e**2, axis=1) / 2, axis=1).astype(float),
        ],
    )


def test_straight_through(check_states):
    check_states(
        ex.straight_through,
        wrong={
            "yours hands on the vectors": lambda v, e: v + 0 * ops.stop_gradient(e),
            "Gradients must pass": lambda v, e: ops.stop_gradient(e),
            "No gradient by `entries` may pass": lambda v, e: e + v - ops.stop_gradient(v),
            "yours begins with": lambda v, e: v + ops.stop_gradient(v - e),
            "the result does not depend on it": lambda v, e: e,
        },
        right=[
            lambda v, e: ops.stop_gradient(e) + v - ops.stop_gradient(v),
            lambda v, e: v - tf.stop_gradient(v - e),
            lambda vectors, entries: ops.add(vectors, ops.stop_gradient(ops.subtract(entries, vectors))),
            lambda v, e: tf.custom_gradient(lambda vectors: (tf.convert_to_tensor(e), lambda up: up))(v),
        ],
    )


def _loss(of_codebook, of_vectors):
    """Both terms with these weights, by `keras.ops`."""

    def quantization_loss(v, e, beta):
        codebook = ops.mean((ops.stop_gradient(v) - e) ** 2)
        return of_codebook(beta) * codebook + of_vectors(beta) * ops.mean((v - ops.stop_gradient(e)) ** 2)

    return quantization_loss


def test_quantization_loss(check_states):
    check_states(
        ex.quantization_loss,
        wrong={
            "its gradient by `vectors` is 4 times": _loss(lambda beta: beta, lambda beta: 1),
            "Is the commitment missing?": lambda v, e, beta: ops.mean((ops.stop_gradient(v) - e) ** 2),
            "Summed where a mean": lambda v, e, beta: (1 + beta) * ops.sum((v - e) ** 2),
            "yours has shape (2,)": lambda v, e, beta: (1 + beta) * ops.mean((v - e) ** 2, axis=-1),
            "its gradient by `vectors` is 5 times": lambda v, e, beta: (1 + beta) * ops.mean((v - e) ** 2),
        },
        right=[
            _loss(lambda beta: 1, lambda beta: beta),
            lambda v, e, beta: (
                tf.reduce_mean((tf.stop_gradient(v) - e) ** 2) + beta * tf.reduce_mean((v - tf.stop_gradient(e)) ** 2)
            ),
        ],
    )


def _mask_by_loops(side, with_centre):
    middle = side // 2
    return [[1 if (i, j) < (middle, middle) or (with_centre and i == j == middle) else 0 for j in range(side)]
            for i in range(side)]  # fmt: skip


def test_causal_mask(check_states):
    check_states(
        ex.causal_mask,
        wrong={
            "a pixel must not see itself": lambda side, with_centre: ex.causal_mask.reference(side, True),
            "Those are the pixels after the centre": lambda side, c: ex.causal_mask.reference(side, c)[::-1, ::-1],
            "column by column": lambda side, c: ex.causal_mask.reference(side, c).T,
            "the right one as well": lambda side, c: np.tril(np.ones((side, side)), -1 + c),
            "the centre is 1": lambda side, c: ex.causal_mask.reference(side, False),
            "must": lambda side, c: np.arange(side**2).reshape(side, side) <= side**2 // 2,
        },
        right=[
            _mask_by_loops,
            lambda side, c: np.arange(side * side).reshape(side, side) < side * side // 2 + c,
            lambda side, c: tf.reshape(tf.cast(tf.range(side**2) < side**2 // 2 + int(c), tf.float32), (side, side)),
        ],
    )


def _draw(rng, odds):
    return np.array([rng.choice(len(row), p=row) for row in odds])


def _in_order(predict, values, known, rng, order=None, draw=_draw, start=None):
    values = values.copy() if start is None else start(values)
    places = [tuple(place) for place in np.argwhere(~known)]
    for i, j in sorted(places, key=order):
        values[:, i, j] = draw(rng, predict(values)[:, i, j])
    return values


def _all_at_once(predict, values, known, rng):
    odds = predict(values)
    drawn = np.array([_draw(rng, grid.reshape(-1, grid.shape[-1])) for grid in odds]).reshape(values.shape)
    return np.where(known, values, drawn)


def _by_cumulative_odds(predict, values, known, rng):
    values = values.copy()
    for i in range(known.shape[0]):
        for j in range(known.shape[1]):
            if not known[i, j]:
                odds = predict(values)[:, i, j]
                values[:, i, j] = (rng.random((len(odds), 1)) > odds.cumsum(axis=1)).sum(axis=1)
    return values


def _pasted_afterwards(predict, values, known, rng):
    return np.where(known, values, _in_order(predict, np.zeros_like(values), known & False, rng))


def _grid_by_grid(predict, values, known, rng):
    values = values.copy()
    for i, j in np.argwhere(~known):
        odds = predict(values)[:, i, j]
        odds /= odds.sum(axis=1, keepdims=True)
        values[:, i, j] = [rng.choice(len(p), p=p) for p in odds]
    return values


def test_sampled(check_states):
    def variant(**options):
        return lambda predict, values, known, rng: _in_order(predict, values, known, rng, **options)

    check_states(
        ex.sampled,
        wrong={
            "from one and the same `predict(values)`": _all_at_once,
            "from the last entry to the first": variant(order=lambda place: (-place[0], -place[1])),
            "each grid is drawn from its own": variant(draw=lambda rng, odds: _draw(rng, 0 * odds + odds[:1])),
            "Row by row from the left": variant(order=lambda place: (place[1], place[0])),
            "Known entries stay": lambda predict, values, known, rng: _in_order(predict, values, known & False, rng),
            "takes the likeliest": variant(draw=lambda rng, odds: odds.argmax(axis=1)),
            "needs its own draw": variant(draw=lambda rng, odds: np.where(
                odds.max(axis=1) == 1, odds.argmax(axis=1), rng.choice(odds.shape[1], p=odds[0]))),
            "Known entries must be in place": _pasted_afterwards,
            "the same seed makes the same grids": lambda predict, values, known, rng: _in_order(
                predict, values, known, np.random.default_rng(0)),
            "in place": lambda predict, values, known, rng: _in_order(predict, values, known, rng, start=lambda v: v),
        },
        right=[
            _in_order,
            _by_cumulative_odds,
            _grid_by_grid,
            lambda *args: tf.constant(_in_order(*args)),
            lambda *args: _by_cumulative_odds(*args).astype(float),
        ],
    )  # fmt: skip


def _by_entropy(probabilities, values):
    one_hot = np.eye(probabilities.shape[-1])[values]
    cross = entropy(one_hot, axis=-1, base=2) - np.sum(one_hot * np.log2(probabilities), axis=-1)
    return cross.sum(axis=tuple(range(1, values.ndim)))


def test_code_length(check_states):
    nats = lambda p, values: ex.code_length.reference(p, values) * np.log(2)
    check_states(
        ex.code_length,
        wrong={
            "Those are nats": nats,
            "The sign is turned": lambda p, values: -ex.code_length.reference(p, values),
            "the whole grid must be coded": lambda p, v: ex.code_length.reference(p, v) / np.prod(v.shape[1:]),
            "Those are bytes": lambda p, values: ex.code_length.reference(p, values) / 8,
            "first the logarithms": lambda p, v: (
                -np.log2(np.take_along_axis(p, v[..., None], -1).reshape(len(v), -1).prod(axis=1))
            ),
            "shape (1,); yours has ()": lambda p, values: ex.code_length.reference(p, values).sum(),
        },
        right=[
            _by_entropy,
            lambda p, v: [
                -sum(np.log2(grid[(*i, value)]) for i, value in np.ndenumerate(own)) for grid, own in zip(p, v)
            ],
            lambda p, v: (
                -tf.reduce_sum(
                    tf.reshape(tf.math.log(tf.gather(p, v, axis=-1, batch_dims=v.ndim)) / np.log(2), (len(v), -1)),
                    axis=1,
                )
            ),
        ],
    )


def test_predictions(check_prediction):
    check_prediction(ex.blind_guess, 25, 50, 19.2)
    check_prediction(ex.bytes_guess, 40, 13, 35.2)
