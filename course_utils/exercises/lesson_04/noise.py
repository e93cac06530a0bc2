"""Exercises of lesson 04: noise, decibels, and the best guess for one pixel."""

import numpy as np

from course_utils.exercises import Prediction, as_array, exercise


def check_range(add_noise):
    noisy = add_noise(_grey(0.9), 0.5, np.random.default_rng(0))
    low, high = np.min(noisy), np.max(noisy)
    if low < 0 or high > 1:
        return f"the result must be an image again, clipped to [0, 1]; yours goes from {low:.2f} to {high:.2f}"


def check_no_noise(add_noise):
    noisy = add_noise(_grey(0.3), 0.0, np.random.default_rng(0))
    if np.shape(noisy) != (8, 28, 28, 1):
        return f"the result must have the images' shape (8, 28, 28, 1); yours has {np.shape(noisy)}"
    if not np.allclose(noisy, 0.3):
        return "with sigma = 0 nothing may change, but your images did. Clip; don't rescale"


def check_standard_deviation(add_noise):
    noise = add_noise(_grey(0.5), 0.1, np.random.default_rng(0)) - 0.5
    within_images = np.mean(np.std(noise, axis=(1, 2, 3)))
    if within_images < 0.01 < np.std(noise) or np.std(noise) < 1e-6:
        return "every pixel needs noise of its own; within one of your images all pixels get the same"
    if not 0.095 < within_images < 0.105:
        return (
            "on a grey image, where clipping hardly matters, sigma = 0.1 must give the standard deviation 0.1; "
            f"yours has {within_images:.3f}. Is it a standard normal number times sigma?"
        )
    if np.allclose(noise[0], noise[1]):
        return "every image needs noise of its own; yours is the same in all images"


def check_clipped_black(add_noise):
    mean, expected = np.mean(add_noise(_grey(0.0), 0.4, np.random.default_rng(0))), 0.4 / np.sqrt(2 * np.pi)
    if not abs(mean - expected) < 0.01:
        return (
            "black, with the negative half of its noise clipped off, has the mean sigma / sqrt(2π), "
            f"for sigma = 0.4 that is {expected:.3f}; yours has {mean:.3f}"
        )


def check_generator(add_noise):
    first, second = (add_noise(_grey(0.5), 0.2, np.random.default_rng(3)) for _ in range(2))
    if not np.array_equal(first, second):
        return "two generators with the same seed must give the same noise. Draw it from `rng`"
    if np.allclose(first, add_noise(_grey(0.5), 0.2, np.random.default_rng(4))):
        return "two generators with different seeds must give different noise. Is there a generator of your own inside?"


def check_colour_images(add_noise):
    """Other shapes and values than above: the noise is that of the asked deviation in each channel of each image."""
    images = np.random.default_rng(1).uniform(0.4, 0.6, (3, 40, 50, 3))
    noisy = add_noise(images, 0.05, np.random.default_rng(2))
    if noisy.shape != images.shape:
        return f"images of shape {images.shape} must keep it; yours have {noisy.shape}"
    deviations = np.std(noisy - images, axis=(1, 2))
    if not np.allclose(deviations, 0.05, atol=0.004):
        return (
            "in three colour images with sigma = 0.05 the noise of each channel must have that standard deviation; "
            f"yours goes from {deviations.min():.3f} to {deviations.max():.3f}"
        )
    if np.abs(np.corrcoef((noisy - images).reshape(-1, 3).T) - np.eye(3)).max() > 0.1:
        return "each channel of a colour image needs noise of its own; yours get the same"


@exercise(
    checks=[
        check_no_noise,
        check_range,
        check_standard_deviation,
        check_clipped_black,
        check_generator,
        check_colour_images,
    ],
    hint="`rng.standard_normal(images.shape)` has standard deviation 1; `np.clip(x, 0, 1)` does the rest.",
    returns=as_array,
)
def add_noise(images, sigma, rng):
    """Images plus independent normal noise of standard deviation `sigma`, clipped to [0, 1]."""
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    return np.clip(images + sigma * noise, 0, 1)


def _grey(value):
    return np.full((8, 28, 28, 1), value, dtype=np.float32)


def check_known_shares(error_left):
    for decibels, share in ((0, 1), (10, 0.1), (20, 0.01)):
        left = float(error_left(decibels))
        if np.isclose(left, 1 / share) and decibels:
            return f"more decibels are less error: {decibels} dB must leave the share {share}; yours is {left:g}"
        if not np.isclose(left, share):
            return (
                f"{decibels} dB more must leave the share {share} of the squared error, since ten decibels are a "
                f"tenth; yours is {left:.4g}"
            )


def check_worse(error_left):
    left, expected = float(error_left(-3)), 10**0.3
    if not np.isclose(left, expected):
        return (
            f"3 dB *less* leave more error, {expected:.4f} times the other's: undo the logarithm of the PSNR's "
            f"definition; yours is {left:.4g}"
        )


@exercise(
    checks=[check_known_shares, check_worse],
    hint=(
        "The difference of two PSNRs is 10 log10(MSE of the worse / MSE of the better). Solve for the ratio the other "
        "way round."
    ),
    returns=as_array,
    cases=lambda rng: [(rng.normal(0, 8),), (rng.normal(0, 8, (4, 3)),)],
)
def error_left(decibels):
    """The share of the squared error that is left after a gain of so many decibels; may be an array."""
    return 10 ** (-decibels / 10)


def check_no_information(best_guess):
    for share in (0.1, 0.5, 0.8):
        guess = float(best_guess(0.5, 0.7, share))
        if not np.isclose(guess, share):
            return (
                "0.5 is as far from black as from white and says nothing new: the guess must stay at the share of "
                f"white pixels, {share}; yours is {guess:.4g}. Does each likelihood count with its prior?"
            )


def check_far_away(best_guess):
    guesses = [float(best_guess(value, 0.1, 0.2)) for value in (0.0, 1.0)]
    if not np.allclose(guesses, [0, 1], atol=1e-6):
        return (
            f"with little noise, 0 must be read as black and 1 as white; yours gives {guesses[0]:g} and {guesses[1]:g}"
        )


def check_odds(best_guess):
    guess, expected = float(best_guess(1.0, 1.0, 0.5)), 1 / (1 + np.exp(-0.5))
    if not np.isclose(guess, expected, atol=1e-4):
        return (
            "seeing 1 with sigma = 1, white is exp(1/2) times as likely as black, so with even odds the guess is "
            f"{expected:.4f}; yours is {guess:.4f}. In the exponent, the square is divided by 2 sigma²"
        )


def check_arrays(best_guess):
    shape = np.shape(best_guess(np.linspace(-1, 2, 7), 0.5, 0.2))
    if shape != (7,):
        return f"seven values must give seven guesses, shape (7,); yours has shape {shape}"


@exercise(
    checks=[check_no_information, check_far_away, check_odds, check_arrays],
    hint=(
        "Bayes: white has the weight share · exp(-(seen - 1)² / 2 sigma²), black (1 - share) · exp(-seen² / 2 sigma²). "
        "The mean of a pixel that is 0 or 1 is the probability of 1."
    ),
    returns=as_array,
    cases=lambda rng: [
        (rng.normal(0.5, 1, shape), rng.uniform(0.4, 1), rng.uniform(0.1, 0.9)) for shape in (9, (4, 3))
    ],
)
def best_guess(seen, sigma, share):
    """The mean of a pixel that is 0 or 1, given the value `seen` through Gaussian noise; `seen` may be an array."""
    white = share * np.exp(-np.square(seen - 1) / (2 * sigma**2))
    black = (1 - share) * np.exp(-np.square(seen) / (2 * sigma**2))
    return white / (white + black)


walk_end = Prediction(
    "walk_end",
    "Where do walks from pure noise end, that follow the best guess of a small world while the noise shrinks to 0?",
    "When the noise is gone, the density of a small world lies at its digits and nowhere else, and each step goes "
    "uphill in it. The mean of all digits is only where the walk heads for at first, while σ is large.",
    "Which images have a chance to be the original when almost no noise is left, in a world that has 2,000 of them?",
    options=("digits of the world", "new digits", "the mean of all digits"),
)
