"""Exercises of lesson 09: the importance-weighted bound, active units, free bits, the best output deviation."""

import keras
import numpy as np
from keras import ops

from course_utils.exercises.exercise import exercise, refuses_tensors


def _numbers(tensor):
    return np.asarray(ops.convert_to_numpy(tensor), dtype=float)


def _one_bound_an_image(answer):
    shape = _numbers(answer(np.zeros((3, 5)))).shape
    if shape != (3,):
        return f"For three images with five codes each the result must have shape (3,), yours has {shape}"


def _equal_weights(answer):
    got = _numbers(answer(np.full((1, 4), -2.0))).item()
    if np.isclose(got, -2 + np.log(4)):
        return f"Four weights of e^-2 have the mean e^-2: expected -2, yours is {got:.4g}. A mean is a sum divided by k"
    if not np.isclose(got, -2):
        return f"If all weights are e^-2, so is their mean: expected -2, yours is {got:.4g}"


def _logarithm_of_the_mean(answer):
    got = _numbers(answer(np.log([[1.0, 3.0]]))).item()
    if np.isclose(got, np.log(3) / 2):
        return f"That is the mean of the logarithms, {got:.4g}. The bound is the logarithm of the mean, log 2 = 0.6931"
    if not np.isclose(got, np.log(2)):
        return f"The weights 1 and 3 have the mean 2: expected log 2 = 0.6931, yours is {got:.4g}"


def _no_underflow(answer):
    with np.errstate(all="ignore"):
        got = _numbers(answer(np.array([[-1000.0, -1000 + np.log(3)], [0.0, np.log(3)]])))
    if not np.allclose(got, [-1000 + np.log(2), np.log(2)]):
        return (
            f"exp(-1000) is 0 in a computer: expected -999.3 and 0.6931, yours are {got.round(4)}. "
            "Subtract each image's largest log-weight first and add it again at the end"
        )


@exercise(
    checks=[_one_bound_an_image, _equal_weights, _logarithm_of_the_mean, _no_underflow],
    hint="log of the mean of exp, over axis 1. Take each row's maximum out first: log Σ e^a = m + log Σ e^(a - m). "
    "np.logaddexp.reduce does it as well.",
)
def importance_bound(log_w):
    """log of the mean importance weight of each image: `(n, k)` log-weights to `(n,)`, in nats."""
    largest = log_w.max(axis=1)
    return largest + np.log(np.mean(np.exp(log_w - largest[:, np.newaxis]), axis=1))


_MEAN = np.array([[3.0, 0.05, 0.2, 7.0], [-3.0, -0.05, -0.2, 7.0], [3.0, 0.05, 0.2, 7.0], [-3.0, -0.05, -0.2, 7.0]])


def _counts_by_hand(answer):
    got = np.asarray(answer(_MEAN, 0.01))
    if got.shape != ():
        return f"How many: one number was expected, yours has shape {got.shape}"
    hints = {
        3: "Is that the standard deviation instead of the variance, or does a constant mean count as active?",
        4: "Over which axis is the variance taken? It says how a unit differs from image to image",
    }
    if got != 2:
        hint = hints.get(int(got), "Take the variance over the images, compare, and count")
        return f"Variances of 9, 0.0025, 0.04 and 0 make 2 active units, yours are {got}. {hint}"


def _follows_the_threshold(answer):
    got = int(answer(_MEAN, 0.001))
    if got != 3:
        return f"With a threshold of 0.001 the unit of variance 0.0025 is active too: expected 3, yours is {got}"


@exercise(
    checks=[_counts_by_hand, _follows_the_threshold],
    hint="np.var over the images, axis 0; compare with the threshold; count with np.sum.",
)
def count_active(mean, threshold):
    """How many units of the mean codes `(n, latent_dim)` have a variance over the images above `threshold`."""
    return np.sum(np.var(mean, axis=0) > threshold)


_KL = np.array([[1.0, 0.0, 4.0], [3.0, 0.2, 0.0]], "float32")


def _without_a_floor(answer):
    got = _numbers(answer(_KL, 0.0))
    if got.shape != ():
        return f"One number for the batch was expected, yours has shape {got.shape}. Mean over images, sum over units"
    if not np.isclose(got, 4.1, rtol=1e-4):
        hints = {8.2: " Summed over the batch?", 4.1 / 3: " Averaged over the units?"}
        hint = next((text for value, text in hints.items() if np.isclose(got, value, rtol=1e-4)), "")
        return f"With no floor it is the KL term, 2 + 0.1 + 2 = 4.1 nats per image, yours is {got:.4g}.{hint}"


def _every_unit_has_its_floor(answer):
    got = float(_numbers(answer(np.zeros((2, 3), "float32"), 0.5)))
    if np.isclose(got, 0.5):
        return "The floor holds for each unit: three silent units must cost 1.5 nats at a floor of 0.5, yours cost 0.5"
    if not np.isclose(got, 1.5):
        return f"Three silent units must cost 3 · 0.5 = 1.5 nats at a floor of 0.5, yours cost {got:.4g}"


def _floor_under_the_batch_mean(answer):
    got = float(_numbers(answer(_KL, 0.5)))
    if not np.isclose(got, 4.5, rtol=1e-4):
        return (
            f"Units that cost 2, 0.1 and 2 nats in the batch's mean make 2 + 0.5 + 2 = 4.5 at a floor of 0.5, "
            f"yours make {got:.4g}. First the mean over the batch, then for each unit the larger of its "
            "cost and the floor, then the sum"
        )


def _free_bits_take_tensors(answer):
    return refuses_tensors(answer, keras.Input((3,)), 0.5)


@exercise(
    checks=[_without_a_floor, _every_unit_has_its_floor, _floor_under_the_batch_mean, _free_bits_take_tensors],
    hint="First ops.mean over the batch, axis 0: one cost a unit. Then ops.maximum with the floor, then the sum.",
)
def free_bits(kl, floor):
    """KL term whose units cost at least `floor` nats each: `(batch, latent_dim)` to one number, nats per image."""
    return ops.sum(ops.maximum(ops.mean(kl, axis=0), floor))


def _off_by_a_tenth(answer):
    images = np.zeros((2, 4, 4, 1))
    got = _numbers(answer(images, images + 0.1))
    if got.shape != ():
        return f"One deviation for all pixels was expected, yours has shape {got.shape}"
    if np.isclose(got, 0.01):
        return "0.01 is the variance. Its square root is the standard deviation, 0.1"
    if not np.isclose(got, 0.1):
        return f"If every pixel is off by 0.1, the best deviation is 0.1, yours is {got:.4g}"


def _makes_the_likelihood_largest(answer):
    rng = np.random.default_rng(0)
    images, reconstruction = rng.random((2, 5, 4, 4, 1))
    reconstruction[0] = images[0]  # one image is exact: means of absolute errors or of roots give it away
    got = float(_numbers(answer(images, reconstruction)))
    squared = np.mean((images - reconstruction) ** 2)

    def nll(sigma):
        return squared / (2 * sigma**2) + np.log(sigma)

    if not (got > 0 and nll(got) <= min(nll(0.99 * got), nll(1.01 * got)) + 1e-9):
        return (
            f"At your deviation of {got:.4g} the likelihood is not at its largest, {np.sqrt(squared):.4g} makes it "
            "larger. Set the derivative of e²/(2s²) + log s by s to zero, for the mean of all e²"
        )


@exercise(
    checks=[_off_by_a_tenth, _makes_the_likelihood_largest],
    hint="d/ds [E/(2s²) + log s] = -E/s³ + 1/s with E the mean squared error over all pixels. Where is it zero?",
)
def best_sigma(images, reconstruction):
    """The standard deviation s that makes Gaussian pixels around the reconstruction most likely; one number."""
    return np.sqrt(np.mean((images - reconstruction) ** 2))
