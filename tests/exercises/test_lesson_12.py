"""Exercises of lesson 12, each in its four states."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.interpolate import RegularGridInterpolator

from course_utils.exercises import lesson_12 as ex


def _by_interpolation(first, second, warped):
    """Does not use `warped`, but SciPy's interpolation on a grid."""
    height, width = first.shape[1:3]
    result = np.empty_like(second)
    for one, two, own in zip(first, second, result):
        q = np.moveaxis(np.indices((height, width)), 0, -1) + two
        q = np.clip(q, 0, [height - 1, width - 1])
        own[:] = two + RegularGridInterpolator((np.arange(height), np.arange(width)), one)(q)
    return result


def _a_component_at_a_time(first, second, warped):
    parts = [warped(first[..., i : i + 1], second)[..., 0] + second[..., i] for i in (0, 1)]
    return ops.stack([ops.convert_to_tensor(part) for part in parts], axis=-1)


def _of_the_first_image(first, second, warped):
    return np.concatenate([second[:1] + warped(first[:1], second[:1]), second[1:]])


def test_composed(check_states):
    check_states(
        ex.composed,
        wrong={
            "Yours is zero: the way from p to q": lambda first, second, warped: warped(first, second),
            "only `first` is looked up at q": lambda first, second, warped: warped(first + second, second),
            "From p one goes to q and stays there": lambda first, second, warped: second / 2 + warped(first, second),
            "`second` is zero, q is p itself": lambda first, second, warped: second + warped(first, first),
            "make (1.5, -1); yours is (0.5, -3)": _of_the_first_image,
            "It is `first` that is looked up": lambda first, second, warped: first + warped(second, first),
            "The two are not just to be added": lambda first, second, warped: first + second,
            "yours looks at p - second(p)": lambda first, second, warped: second + warped(first, -second),
            "in the middle (2.22, -0.62); yours is (2.44, -0.24)": lambda first, second, warped: (
                second + warped(first, 2 * second)
            ),
            "make one field of that shape": lambda first, second, warped: np.concatenate([first, second], axis=-1),
            "changes its argument `second`": lambda first, second, warped: np.add(
                second, warped(first, second), out=second
            ),
        },
        right=[
            _by_interpolation,
            _a_component_at_a_time,
            lambda first, second, warped: tf.add(warped(tf.constant(first), tf.constant(second)), second),
        ],
    )


def _with_steps(divisor, compositions=lambda steps: steps, grown=lambda u, v, warped: u + warped(u, u)):
    def integrated(velocity, steps, warped):
        step = velocity / divisor(steps)
        field = step
        for _ in range(compositions(steps)):
            field = grown(field, step, warped)
        return field

    return integrated


def _small_steps(more=0, backwards=False):
    def integrated(velocity, steps, warped):
        step = velocity / 2**steps
        field = np.zeros_like(velocity)
        for _ in range(2**steps + more):
            field = step + warped(field, step) if backwards else field + warped(step, field)
        return field

    return integrated


def _recursive(velocity, steps, warped):
    if steps == 0:
        return velocity
    half = _recursive(velocity / 2, steps - 1, warped)
    return ops.add(half, warped(half, half))


def _by_positions(velocity, steps, warped):
    """Where each pixel is, instead of how far it has gone; in a plain loop over images."""
    fields = []
    for one in velocity:
        grid = np.moveaxis(np.indices(one.shape[:2]), 0, -1)
        position = grid + one * 0.5**steps
        for _ in range(steps):
            way = (position - grid)[np.newaxis].astype("float32")
            position = position + warped(way, way)[0]
        fields.append(position - grid)
    return tf.constant(np.stack(fields))


def test_integrated(check_states):
    def power(steps):
        return 2**steps

    check_states(
        ex.integrated,
        wrong={
            "Scale first": _with_steps(lambda steps: 1),
            "by 2**steps, not by steps": _with_steps(lambda steps: steps),
            "not by 2 * steps": _with_steps(lambda steps: 2 * steps),
            "too many: there are as many": _with_steps(power, lambda steps: steps + 1),
            "too few: there are as many": _with_steps(power, lambda steps: steps - 1),
            "not yet composed": _with_steps(power, lambda steps: 0),
            "adds one small step": _with_steps(power, grown=lambda u, v, warped: u + warped(v, u)),
            "the velocity comes back": _with_steps(lambda steps: 2 ** (steps - 1), lambda steps: abs(steps - 1)),
            "Twice the field": _with_steps(power, grown=lambda u, v, warped: 2 * u),
            "too few, and one halving": lambda v, steps, warped: ex.integrated.reference(v, max(steps - 1, 0), warped),
            "too many, and one halving": lambda v, steps, warped: ex.integrated.reference(
                v, steps + (steps > 0), warped
            ),
            "(I + A/4)⁴ - I": _with_steps(power, grown=lambda u, v, warped: u + warped(u, -u)),
            "small steps, one after the other; double instead": _small_steps(),
            "one after the other": _small_steps(backwards=True),
            "One small step too many": _small_steps(more=1),
            "divide by 2**steps, which is 1 then": _with_steps(
                lambda steps: steps, lambda steps: steps - 1, lambda u, v, warped: u + warped(v, u)
            ),
            "makes a field of that shape": lambda velocity, steps, warped: velocity[0],
        },
        right=[_recursive, _by_positions, lambda v, steps, warped: ex.integrated.reference(v, steps, warped).tolist()],
    )


_DOWN, _RIGHT = np.eye(2, dtype="float32")


def _determinant(displacement, differences, sign=-1):
    by_y, by_x = differences(displacement)
    return by_y[..., 0] * by_x[..., 1] + sign * by_x[..., 0] * by_y[..., 1]


def _forward(displacement):
    """The rows of I + ∇u, by axis of the array."""
    here = displacement[:, :-1, :-1]
    by_y, by_x = displacement[:, 1:, :-1] - here, displacement[:, :-1, 1:] - here
    return by_y + _DOWN, by_x + _RIGHT


def _central(displacement):
    by_y, by_x = np.gradient(displacement, axis=(1, 2))
    return (by_y + _DOWN)[:, :-1, :-1], (by_x + _RIGHT)[:, :-1, :-1]


def _cut_at_the_wrong_end(displacement):
    by_y, by_x = np.diff(displacement, axis=1), np.diff(displacement, axis=2)
    return (by_y + _DOWN)[:, :, 1:], (by_x + _RIGHT)[:, 1:]


def _without_identity(displacement):
    by_y, by_x = _forward(displacement)
    return by_y - _DOWN, by_x - _RIGHT


def _one_plus_divergence(displacement):
    by_y, by_x = _forward(displacement)
    return by_y[..., 0] + by_x[..., 1] - 1


def _ones_everywhere(displacement):
    by_y, by_x = _forward(displacement)
    return by_y + _RIGHT, by_x + _DOWN


def _coarse(displacement):
    return _determinant(displacement.astype("float16"), _forward_halves)


def _forward_halves(displacement):
    return [part.astype("float16") for part in _forward(displacement)]


def _with_linalg(displacement):
    """The determinants of the differences of the positions p + u(p)."""
    positions = displacement + np.moveaxis(np.indices(displacement.shape[1:3]), 0, -1)
    by_y, by_x = np.diff(positions, axis=1)[:, :, :-1], np.diff(positions, axis=2)[:, :-1]
    return np.linalg.det(np.stack([by_y, by_x], axis=-1))


def _in_loops(displacement):
    n, height, width, _ = displacement.shape
    result = np.empty((n, height - 1, width - 1))
    for i, y, x in np.ndindex(result.shape):
        u = displacement[i].astype(float)
        (a, c), (b, d) = u[y + 1, x] - u[y, x], u[y, x + 1] - u[y, x]
        result[i, y, x] = (1 + a) * (1 + d) - b * c
    return result


def test_jacobian_determinant(check_states):
    check_states(
        ex.jacobian_determinant,
        wrong={
            "Add the identity": lambda u: _determinant(u, _without_identity),
            "Subtract the product off the diagonal": lambda u: _determinant(u, _forward, sign=1),
            "off the diagonal is missing": lambda u: _determinant(u, _forward, sign=0),
            "Component 0 goes down": lambda u: _determinant(np.flip(u, axis=-1), _forward),
            "1 plus the divergence": _one_plus_divergence,
            "on the diagonal only": lambda u: _determinant(u, _ones_everywhere),
            "Add I before the determinant": lambda u: 1 + _determinant(u, _without_identity),
            "keep it, without abs": lambda u: np.abs(_determinant(u, _forward)),
            "without a maximum": lambda u: np.maximum(_determinant(u, _forward), 0),
            "not where it is 0 or less": lambda u: _determinant(u, _forward) <= 0,
            "Is it a mask?": lambda u: (_determinant(u, _forward) <= 0).astype(float),
            "what component 0 changes by": lambda u: 2 * _determinant(u, _forward) - 1,
            "right but for rounding": _coarse,
            "The differences are forward": lambda u: _determinant(u, _central),
            "cut off at the wrong end": lambda u: _determinant(u, _cut_at_the_wrong_end),
            "The last row and the last column": lambda u: np.pad(_determinant(u, _forward), ((0, 0), (0, 1), (0, 1))),
        },
        right=[
            _with_linalg,
            _in_loops,
            lambda u: _determinant(tf.constant(u), _forward),
            lambda u: ops.det(ops.stack(_forward(ops.convert_to_tensor(u)), axis=-2)),
        ],
    )


def _in_a_loop(noise, gradient, rate, bound):
    result = noise.copy()
    for place in np.ndindex(noise.shape):
        if gradient[place]:
            step = rate if gradient[place] > 0 else -rate
            result[place] = max(-bound, min(bound, noise[place] + step))
    return result


def _shrunk(noise, bound, size):
    """All pixels by one factor, instead of each by itself."""
    return noise * min(1, bound / max(size(noise), 1e-12))


def test_ascended(check_states):
    check_states(
        ex.ascended,
        wrong={
            "Yours goes down": lambda noise, g, rate, bound: np.clip(noise - rate * np.sign(g), -bound, bound),
            "Only the gradient's sign": lambda noise, g, rate, bound: np.clip(noise + rate * g, -bound, bound),
            "sign counts": lambda noise, g, rate, bound: np.clip(noise + rate * g / np.linalg.norm(g), -bound, bound),
            "the lower bound is -bound, not 0": lambda noise, g, rate, bound: np.clip(
                noise + rate * np.sign(g), 0, bound
            ),
            "lower bound is -bound": lambda noise, g, rate, bound: np.clip(noise + rate * np.sign(g), 0, 1),
            "`rate` is missing": lambda noise, g, rate, bound: np.clip(noise + np.sign(g), -bound, bound),
            "`bound` is no step": lambda noise, g, rate, bound: np.clip(noise + bound * np.sign(g), -bound, bound),
            "its factor is not": lambda noise, g, rate, bound: np.clip(noise + 2 * rate * np.sign(g), -bound, bound),
            "Divided by its largest entry": lambda noise, g, rate, bound: np.clip(
                noise + rate * g / np.abs(g).max(), -bound, bound
            ),
            "Clip each pixel by itself": lambda noise, g, rate, bound: _shrunk(
                noise + rate * np.sign(g), bound, np.linalg.norm
            ),
            "changes nothing for the others": lambda noise, g, rate, bound: _shrunk(
                noise + rate * np.sign(g), bound, lambda noise: np.abs(noise).max()
            ),
            "What is the sign of 0": lambda noise, g, rate, bound: np.clip(
                noise + np.where(g > 0, rate, -rate), -bound, bound
            ),
            "would leave the upper bound": lambda noise, g, rate, bound: noise + rate * np.sign(g),
            "would leave the lower bound": lambda noise, g, rate, bound: np.minimum(noise + rate * np.sign(g), bound),
            "the noise, not on the step": lambda noise, g, rate, bound: np.clip(
                noise + np.clip(rate * np.sign(g), -bound, bound), -bound, bound
            ),
            "come back in that shape": lambda noise, g, rate, bound: np.clip(noise + rate * np.sign(g), -bound, bound)[
                0
            ],
            "changes its argument `noise`": lambda noise, g, rate, bound: np.clip(
                noise + rate * np.sign(g), -bound, bound, out=noise
            ),
        },
        right=[
            _in_a_loop,
            lambda noise, g, rate, bound: tf.clip_by_value(
                tf.constant(noise) + rate * tf.sign(tf.constant(g)), -bound, bound
            ),
            lambda noise, g, rate, bound: tf.clip_by_value(noise + rate * np.sign(g), -bound, bound),
            lambda noise, g, rate, bound: ops.clip(
                ops.add(noise, rate * ops.sign(ops.convert_to_tensor(g))), -bound, bound
            ),
        ],
    )


def _by_comparing(mismatch, roughness, weight):
    classes = []
    for energies in mismatch + weight * roughness:
        best = 0
        for k in range(1, 10):
            best = k if energies[k] < energies[best] else best
        classes.append(best)
    return classes


def _one_class_for_all(mismatch, roughness, weight):
    return np.repeat(np.argmin(mismatch + weight * roughness, axis=1)[:1], len(mismatch))


def test_classified(check_states):
    check_states(
        ex.classified,
        wrong={
            "The roughness of the way": lambda s, r, w: np.argmin(s, axis=1),
            "The weight is missing": lambda s, r, w: np.argmin(s + r, axis=1),
            "not before the mismatch": lambda s, r, w: np.argmin(w * s + r, axis=1),
            "not the largest": lambda s, r, w: np.argmax(s + w * r, axis=1),
            "yours subtracts it": lambda s, r, w: np.argmin(s - w * r, axis=1),
            "the class of image 1 is 4, yours is 1": _one_class_for_all,
            "not the roughness alone": lambda s, r, w: np.argmin(r, axis=1),
            "Four images have four classes, shape (4,)": lambda s, r, w: np.argmin(s + w * r),
            "is the argument `weight`": lambda s, r, w: np.argmin(s + 0.02 * r, axis=1),
            "With weight 1 the classes are": lambda s, r, w: np.argmin(s + 0.1 * r, axis=1),
            "not by 1 - weight": lambda s, r, w: np.argmin((1 - w) * s + w * r, axis=1),
            "compare the ten atlases of each": lambda s, r, w: np.argmin(s + w * r, axis=0),
            "not that energy": lambda s, r, w: np.min(s + w * r, axis=1),
            "the first is the class": lambda s, r, w: 9 - np.argmin((s + w * r)[:, ::-1], axis=1),
        },
        right=[
            _by_comparing,
            lambda s, r, w: tf.argmin(tf.constant(s) + w * tf.constant(r), axis=-1),
            lambda s, r, w: np.argsort(s + w * r, axis=1, kind="stable")[:, 0].astype(float),
            lambda s, r, w: ops.argmax(-(s + w * r), axis=1),
        ],
    )


@pytest.mark.parametrize(
    ("prediction", "guess", "wrong", "measured"),
    [
        (ex.direction, "left", "right", "left"),
        (ex.higher_dice, "without integration", "with integration", "without integration"),
    ],
)
def test_predictions(check_prediction, prediction, guess, wrong, measured):
    check_prediction(prediction, guess, wrong, measured)
