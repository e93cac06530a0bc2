"""Exercises of lesson 04: denoising."""

import keras
import numpy as np
from keras import layers

from course_utils.corruptions import gaussian_noise, mask_block, salt_and_pepper
from course_utils.exercises import exercise, is_affine
from course_utils.models import Autoencoder


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
    noise = np.asarray(add_noise(_grey(0.5), 0.1, np.random.default_rng(0))) - 0.5
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


@exercise(
    checks=[check_no_noise, check_range, check_standard_deviation, check_clipped_black, check_generator],
    hint="`rng.standard_normal(images.shape)` has standard deviation 1; `np.clip(x, 0, 1)` does the rest.",
)
def add_noise(images, sigma, rng):
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    return np.clip(images + sigma * noise, 0, 1)


def _grey(value):
    return np.full((8, 28, 28, 1), value, dtype=np.float32)


def check_one_number_an_image(psnr_db):
    values = np.asarray(psnr_db(_grey(0.5), _grey(0.25)))
    if values.shape != (8,):
        return f"eight images must give eight numbers, shape (8,); yours has shape {values.shape}"


def check_twenty_decibels(psnr_db):
    value = np.ravel(psnr_db(_grey(0.5), _grey(0.6)))[0]
    if np.isclose(value, -20, atol=0.01):
        return "an error of 0.1 in every pixel is +20 dB; yours is -20 dB. Less error means more decibels"
    if not np.isclose(value, 20, atol=0.01):
        return (
            "an error of 0.1 in every pixel has the mean square 0.01, so 10 log10(1 / 0.01) = 20 dB; "
            f"yours is {value:.4g} dB"
        )


def check_half_the_error(psnr_db):
    images = np.zeros((2, 4, 4, 1))
    reconstruction = np.stack([np.full((4, 4, 1), 0.2), np.full((4, 4, 1), 0.4)])
    values = np.ravel(psnr_db(images, reconstruction))
    if not np.allclose(values[0] - values[-1], 20 * np.log10(2)):
        return (
            "half the error is worth 20 log10(2) = 6.02 dB, for each image by itself; "
            f"yours finds {values[0] - values[-1]:.4g} dB between errors of 0.4 and 0.2"
        )


@exercise(
    checks=[check_one_number_an_image, check_twenty_decibels, check_half_the_error],
    hint="Take the mean of the squared difference over `axis=(1, 2, 3)`, then -10 times its `np.log10`.",
)
def psnr_db(images, reconstruction):
    mean_square = np.mean(np.square(images - reconstruction), axis=(1, 2, 3))
    return -10 * np.log10(mean_square)


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
)
def best_guess(seen, sigma, share):
    white = share * np.exp(-np.square(seen - 1) / (2 * sigma**2))
    black = (1 - share) * np.exp(-np.square(seen) / (2 * sigma**2))
    return white / (white + black)


SMALL = {"image_shape": (8, 8, 1), "filters": (2, 3), "middle": 1}


def check_same_shape(build_denoiser):
    denoiser = build_denoiser(**SMALL)
    if not isinstance(denoiser, Autoencoder):
        return f"the builder must return an `Autoencoder(encoder, decoder)`; yours returns a {type(denoiser).__name__}"
    shape = tuple(denoiser(np.zeros((2, 8, 8, 1), np.float32)).shape)
    if shape != (2, 8, 8, 1):
        return f"two images of shape (8, 8, 1) must come out as (2, 8, 8, 1); yours come out as {shape}"


def check_map(build_denoiser):
    shape = tuple(build_denoiser(**SMALL).encoder.output.shape)
    if shape != (None, 2, 2, 3):
        return (
            "each level halves height and width: with filters (2, 3) the code of an image of 8×8 is a map of shape "
            f"(batch, 2, 2, 3); yours is {shape}"
        )


def check_image(build_denoiser):
    bright = 200 * np.random.default_rng(0).standard_normal((4, 8, 8, 1)).astype(np.float32)
    output = keras.ops.convert_to_numpy(build_denoiser(**SMALL)(bright))
    if output.min() < 0 or output.max() > 1:
        return (
            "the output must be an image in [0, 1] whatever comes in; yours goes from "
            f"{output.min():.3g} to {output.max():.3g}. Let the last layer end in a sigmoid"
        )


def check_no_dense(build_denoiser):
    counts = [_count(build_denoiser((side, side, 1), (2, 3), 0)) for side in (8, 16)]
    if counts[0] != counts[1]:
        return (
            "a convolution has as many weights for a large image as for a small one, so the parameters must not depend "
            f"on `image_shape`; yours has {counts[0]} for 8×8 and {counts[1]} for 16×16. Leave Dense and Flatten out"
        )


def check_middle(build_denoiser):
    counts = [_count(build_denoiser((8, 8, 1), (2, 3), middle)) for middle in (0, 2)]
    expected = 2 * (3 * 3 * 3 * 3 + 3)
    if counts[1] - counts[0] != expected:
        return (
            "a middle convolution has 3 × 3 weights between any two of filters[-1] channels, and a bias for each: with "
            f"filters (2, 3), two of them add {expected} parameters; yours add {counts[1] - counts[0]}"
        )


def check_activations(build_denoiser):
    a, b = np.random.default_rng(1).standard_normal((2, 1, 8, 8, 1)).astype(np.float32)
    if is_affine(build_denoiser(**SMALL), a, b, ends_in_sigmoid=True):
        return "all layers but the last need an activation such as relu: without one, they are together one linear map"


def _count(model):
    return model.encoder.count_params() + model.decoder.count_params()


@exercise(
    checks=[check_same_shape, check_map, check_image, check_no_dense, check_middle, check_activations],
    hint=(
        "Encoder: a Conv2D with strides=2, padding='same' and relu for each entry of `filters`, then the middle ones, "
        "without strides. Decoder: an Input of the code's shape, then a Conv2DTranspose with strides=2 a level, the "
        "last with one filter and a sigmoid. A kernel of 4 × 4 suits a stride of 2."
    ),
)
def build_denoiser(image_shape, filters, middle):
    images = x = keras.Input(image_shape)
    for channels in filters:
        x = layers.Conv2D(channels, 4, strides=2, padding="same", activation="relu")(x)
    for _ in range(middle):
        x = layers.Conv2D(filters[-1], 3, padding="same", activation="relu")(x)
    encoder = keras.Model(images, x, name="encoder")

    maps = y = keras.Input(x.shape[1:])
    for channels in filters[-2::-1]:
        y = layers.Conv2DTranspose(channels, 4, strides=2, padding="same", activation="relu")(y)
    y = layers.Conv2DTranspose(image_shape[-1], 4, strides=2, padding="same", activation="sigmoid")(y)
    return Autoencoder(encoder, keras.Model(maps, y, name="decoder"))


def _pairs(make_pair):
    """Pairs of forty batches of grey images, each with a generator of its own."""
    grey = _grey(0.5)
    return [make_pair(grey, np.random.default_rng(seed)) for seed in range(40)]


def check_pair(mixed_damage):
    pair = mixed_damage(_grey(0.5), np.random.default_rng(0))
    if not isinstance(pair, tuple) or len(pair) != 2:
        return f"the function must return the pair (damaged, images); yours returns a {type(pair).__name__}"
    for damaged, target in _pairs(mixed_damage):
        if np.shape(damaged) != (8, 28, 28, 1):
            return f"the damaged images must keep the shape (8, 28, 28, 1); yours have {np.shape(damaged)}"
        if not np.array_equal(target, _grey(0.5)):
            return "the second of the pair, the target, must be the images as they came, undamaged"


def check_three_kinds(mixed_damage):
    found = {_kind(damaged) for damaged, _ in _pairs(mixed_damage)}
    missing = {"Gaussian noise", "salt and pepper", "a black block"} - found
    if missing:
        never = " nor ".join(sorted(missing))
        return f"in 40 batches each of the three kinds must turn up alone, but there was never {never}"


def check_fresh(mixed_damage):
    first, second = (mixed_damage(_grey(0.5), np.random.default_rng(5))[0] for _ in range(2))
    if not np.array_equal(first, second):
        return "two generators with the same seed must give the same damage. Draw every number from `rng`"
    rng = np.random.default_rng(0)
    if len({mixed_damage(_grey(0.5), rng)[0].tobytes() for _ in range(6)}) < 6:
        return "one generator used again must give fresh damage; yours repeats itself. Is there a seed inside?"


def check_strengths(mixed_damage):
    blackened = {np.sum(d == 0) for d, _ in _pairs(mixed_damage) if _kind(d) == "a black block"}
    if len(blackened) < 2:
        return "the strength must change from batch to batch, but all your blocks have the same size"


def _kind(damaged):
    """Which damage a batch of grey images has suffered, told from the values that occur."""
    values = set(np.unique(damaged).tolist())
    if values == {0.0, 0.5}:
        return "a black block"
    if values == {0.0, 0.5, 1.0}:
        return "salt and pepper"
    return "Gaussian noise" if len(values) > 100 else "another kind"


@exercise(
    checks=[check_pair, check_three_kinds, check_fresh, check_strengths],
    hint=(
        "`rng.integers(3)` picks a kind, `rng.uniform(low, high)` a strength, `rng.integers(4, 15)` a side of "
        "4 to 14. Return the pair (damaged, images)."
    ),
)
def mixed_damage(images, rng):
    kind = rng.integers(3)
    if kind == 0:
        return gaussian_noise(images, rng.uniform(0, 1), rng), images
    if kind == 1:
        return salt_and_pepper(images, rng.uniform(0, 0.5), rng), images
    return mask_block(images, int(rng.integers(4, 15)), rng), images
