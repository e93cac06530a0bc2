"""Exercises of lesson 12: classes by energy, and noise that fools a classifier."""

import numpy as np

from course_utils.exercises import as_array, as_whole, exercise, fitting
from course_utils.exercises.answers import Wrong, short


def _as_classes(result, *_):
    array = as_array(result)
    if not np.array_equal(array, np.rint(array)):
        raise Wrong(
            f"A class is the place of the least energy, a whole number, not that energy; yours is {short(array)}"
        )
    return np.asarray(as_whole(array))


# Ten atlases and weight 0.1: each typical mistake has another of them for its least energy, the right answer is 1.
_MISMATCH = np.array([1, 3.1, 4.5, 30, 200, 20, 60.5, 1.5, 3.62, 50])
_ROUGHNESS = np.array([100, 10, 4, 1, 400, 300, 0.5, 40, 5, 50])
_ROLLS = np.array([0, 3, 8, 6])  # by how many classes each of four images has them moved


def _four_images():
    return (np.stack([np.roll(row, k) for k in _ROLLS]) for row in (_MISMATCH, _ROUGHNESS))


def _least_of_both(classified):
    got = classified(*_four_images(), 0.1)
    if got.shape != (4,):
        return f"Four images have four classes, shape (4,): compare the ten atlases of each; yours has {got.shape}"
    expected = (1 + _ROLLS) % 10
    if not np.array_equal(got, expected):
        wrong = np.flatnonzero(got != expected)[0]
        told = fitting(
            (got[wrong] - _ROLLS[wrong]) % 10,
            {
                0: "The roughness of the way counts too: an atlas that fits only by a wild field is not the class",
                2: "The weight is missing: it stands before the roughness",
                3: "The weight stands before the roughness, not before the mismatch",
                4: "The least energy is asked for, not the largest",
                5: "Add the roughness; yours subtracts it",
                6: "The mismatch counts too, not the roughness alone",
                7: "The weight is the argument `weight`, not a number of its own",
                8: "Only the roughness is weighted; the mismatch counts in full, not by 1 - weight",
            },
            "Take the place of the least energy in each row",
        )
        return f"With weight 0.1 the class of image {wrong} is {expected[wrong]}, yours is {got[wrong]}. {told}"
    return None


def _heeds_the_weight(classified):
    got, expected = classified(*_four_images(), 1.0), (2 + _ROLLS) % 10
    if not np.array_equal(got, expected):
        said = f"With weight 1 the classes are {expected.tolist()}, yours are {got.tolist()}"
        return f"{said}. The weight is the argument `weight`, not a number of its own"
    return None


def _first_of_equals(classified):
    mismatch = np.full((1, 10), 5.0)
    mismatch[0, [3, 7]] = 2
    got = classified(mismatch, np.zeros((1, 10)), 1.0)
    if not np.array_equal(got, [3]):
        return f"Of two atlases with the same least energy, 3 and 7, the first is the class; yours is {got.tolist()}"
    return None


@exercise(
    checks=[_least_of_both, _heeds_the_weight, _first_of_equals],
    hint="The energies are an array (n, 10). NumPy has a function that gives the place of the least entry, not the "
    "entry itself; along which axis are the ten atlases?",
    returns=_as_classes,
    cases=lambda rng: [(rng.random((23, 10)), rng.random((23, 10)), 0.6)],
)
def classified(mismatch, roughness, weight):
    """The class (n,) whose atlas needs the least energy: mismatch and weighted roughness, both (n, 10)."""
    return np.argmin(mismatch + weight * roughness, axis=1)


def _may_go_below_zero(ascended):
    noise, signs = np.zeros((1, 4, 5, 1), np.float32), np.ones((1, 4, 5, 1), np.float32)
    signs[:, ::2] = -1
    got = ascended(noise, signs, 0.01, 0.1)
    if got.shape == noise.shape and np.allclose(got, np.maximum(0.01 * signs, 0), atol=1e-6):
        return "Where the gradient is negative, the noise goes down, from 0 to -0.01: the lower bound is -bound, not 0"
    return None


def _steps_by_the_rate(ascended):
    noise = np.zeros((1, 4, 5, 1), np.float32)
    signs = np.sign(np.random.default_rng(0).normal(size=noise.shape)).astype(np.float32)
    for size in (1e-6, 1.0, 1e3):
        gradient = size * signs * np.linspace(0.5, 1, 20, dtype=np.float32).reshape(noise.shape)
        got = ascended(noise, gradient, 0.01, 5.0)
        if got.shape != noise.shape:
            return f"Noise {noise.shape} must come back in that shape; yours has {got.shape}"
        if np.allclose(got, -0.01 * signs, atol=1e-6):
            return "Yours goes down: where the gradient is positive, more noise raises the loss, so add the step"
        if not np.allclose(got, 0.01 * signs, atol=1e-6):
            said = f"Each pixel moves by `rate`, 0.01, however large the gradient is; where that is about {size:g}, "
            return f"{said}yours move by up to {np.abs(got).max():.3g}. {_other_step(got, signs, gradient)}"
    return None


def _other_step(got, signs, gradient):
    """What a step from 0 with rate 0.01 and bound 5 may be instead of 0.01 · sign."""
    largest = np.abs(got).max()
    if np.allclose(got, largest * signs, rtol=1e-4, atol=0):
        sentences = {
            1.0: "The sign is there, `rate` is missing before it",
            5.0: "The sign's factor is `rate`; `bound` is no step, it only limits the noise",
        }
        return fitting(largest, sentences, "The sign is right, its factor is not: `rate` alone")
    if np.allclose(got, largest * gradient / np.abs(gradient).max(), rtol=1e-4, atol=0) and np.isclose(largest, 0.01):
        return "Divided by its largest entry, the gradient moves that pixel by `rate` and the others less: take signs"
    return "Only the gradient's sign counts"


def _rests_without_a_gradient(ascended):
    noise = np.linspace(-0.1, 0.1, 20, dtype=np.float32).reshape(1, 4, 5, 1)
    if not np.allclose(ascended(noise, np.zeros_like(noise), 0.01, 1.0), noise, atol=1e-6):
        return "Where the gradient is 0, no direction raises the loss: the pixel stays. What is the sign of 0?"
    return None


def _clips_each_pixel(ascended):
    noise = np.array([0.095, 0.05, 0.03, -0.04], np.float32).reshape(1, 2, 2, 1)
    got = ascended(noise, np.ones_like(noise), 0.02, 0.1)
    if not np.allclose(got.flat[1:], [0.07, 0.05, -0.02], atol=1e-6):
        return (
            "Clip each pixel by itself: one that would leave the bound changes nothing for the others. From 0.05 by "
            f"+0.02, with the bound 0.1, one gets to 0.07; yours goes to {got.flat[1]:.3g}"
        )
    return None


_BOUNDED = {  # noise, sign of the gradient, rate: the noise after the step, where the bound is 0.1
    "A step that would leave the upper bound ends on it": (0.09, 1, 0.02, 0.1),
    "A step that would leave the lower bound ends on it": (-0.09, -1, 0.02, -0.1),
    "The bound is on the noise, not on the step": (-0.1, 1, 0.15, 0.05),
    "Noise below zero may stay there": (-0.08, 1, 0.02, -0.06),
}


def _stays_within_the_bound(ascended):
    for sentence, (before, sign, rate, expected) in _BOUNDED.items():
        noise, gradient = (np.full((1, 2, 4, 1), value, np.float32) for value in (before, sign))
        got = ascended(noise, gradient, rate, 0.1)
        if not np.allclose(got, expected, atol=1e-6):
            step = f"from {before:g} by {sign * rate:+g}, with the bound 0.1"
            return f"{sentence}: {step}, to {expected:g}; yours goes to {got.flat[0]:.3g}"
    return None


@exercise(
    checks=[
        _may_go_below_zero,
        _steps_by_the_rate,
        _rests_without_a_gradient,
        _clips_each_pixel,
        _stays_within_the_bound,
    ],
    hint="`np.sign` keeps of the gradient only where it points. `np.clip` keeps numbers within bounds: which numbers "
    "are to be kept?",
    returns=as_array,
    cases=lambda rng: [
        (*(rng.uniform(-0.2, 0.2, (1, 9, 6, 1)).astype(np.float32) for _ in range(2)), 0.05, 0.2),
    ],
)
def ascended(noise, gradient, rate, bound):
    """The noise (1, height, width, 1) after a step of size `rate` in each pixel that raises the loss, within ±bound."""
    return np.clip(noise + rate * np.sign(gradient), -bound, bound)
