"""The exercises of lesson 04 in their four states."""

import math

import keras
import numpy as np
from keras import layers

from course_utils.corruptions import gaussian_noise, mask_block, salt_and_pepper
from course_utils.exercises import lesson_04 as ex
from course_utils.models import Autoencoder


def normal(images, rng):
    return rng.standard_normal(images.shape)


def test_add_noise(check_states):
    def one_noise_for_all(images, sigma, rng):
        return np.clip(images + sigma * rng.standard_normal(images.shape[1:]), 0, 1)

    def rescaled(images, sigma, rng):
        noisy = images + sigma * normal(images, rng)
        return (noisy - noisy.min()) / max(np.ptp(noisy), 1e-6)

    check_states(
        ex.add_noise,
        wrong={
            "clipped to [0, 1]": lambda images, sigma, rng: images + sigma * normal(images, rng),
            "don't rescale": rescaled,
            "yours has 0.010": lambda images, sigma, rng: np.clip(images + sigma**2 * normal(images, rng), 0, 1),
            "within one of your images": lambda x, s, rng: np.clip(x + s * rng.standard_normal((8, 1, 1, 1)), 0, 1),
            "the same in all images": one_noise_for_all,
            "Is it a standard normal number": lambda x, s, rng: np.clip(x + s * rng.uniform(-1, 1, x.shape), 0, 1),
            "sigma / sqrt(2π)": lambda x, s, rng: np.clip(np.abs(x + s * normal(x, rng)), 0, 1),
            "Draw it from `rng`": lambda x, s, rng: np.clip(x + s * np.random.standard_normal(x.shape), 0, 1),
        },
        correct=gaussian_noise,
    )


def test_psnr_db(check_states):
    def mean_square(images, reconstruction):
        return np.mean(np.square(images - reconstruction), axis=(1, 2, 3))

    check_states(
        ex.psnr_db,
        wrong={
            "shape (8,)": lambda a, b: -10 * np.log10(np.mean(np.square(a - b))),
            "yours is -20 dB": lambda a, b: 10 * np.log10(mean_square(a, b)),
            "yours is 40 dB": lambda a, b: -20 * np.log10(mean_square(a, b)),
            "yours is 46.05 dB": lambda a, b: -10 * np.log(mean_square(a, b)),
            "for each image by itself": lambda a, b: np.full(len(a), -10 * np.log10(mean_square(a, b).mean())),
        },
        correct=lambda a, b: 10 * np.log10(1 / mean_square(a, b)),
    )


def test_best_guess(check_states):
    def logistic(exponent):
        return 1 / (1 + np.exp(-exponent))

    check_states(
        ex.best_guess,
        wrong={
            "with its prior": lambda seen, sigma, share: logistic((2 * seen - 1) / (2 * sigma**2)),
            "0 must be read as black": lambda seen, sigma, share: share + 0 * seen,
            "divided by 2 sigma²": lambda y, s, p: logistic((2 * y - 1) / s**2 + np.log(p / (1 - p))),
            "shape (7,)": lambda y, s, p: float(np.mean(ex.best_guess.reference(y, s, p))),
        },
        correct=lambda y, s, p: logistic((2 * y - 1) / (2 * s**2) + np.log(p / (1 - p))),
    )


def conv_denoiser(image_shape, filters, middle, *, activation="relu", last="sigmoid", strides=2, whole=False):
    """A right answer of another make than the reference, with ways to spoil it."""
    images = x = keras.Input(image_shape)
    for channels in filters:
        x = layers.Conv2D(channels, 3, strides=strides, padding="same", activation=activation)(x)
    for _ in range(middle):
        x = layers.Conv2D(filters[-1], 3, padding="same", activation=activation)(x)
    maps = y = keras.Input(x.shape[1:])
    for channels in reversed(filters):
        y = layers.UpSampling2D(strides)(y)
        y = layers.Conv2D(channels, 3, padding="same", activation=activation)(y)
    y = layers.Conv2D(1, 3, padding="same", activation=last)(y)
    encoder, decoder = keras.Model(images, x), keras.Model(maps, y)
    return keras.Model(images, decoder(x)) if whole else Autoencoder(encoder, decoder)


def with_dense_layer(image_shape, filters, middle):
    height, width, channels = image_shape
    images = keras.Input(image_shape)
    code_shape = (height // 4, width // 4, filters[-1])
    code = layers.Reshape(code_shape)(layers.Dense(math.prod(code_shape))(layers.Flatten()(images)))
    maps = keras.Input(code_shape)
    pixels = layers.Dense(height * width * channels, "sigmoid")(layers.Flatten()(maps))
    return Autoencoder(keras.Model(images, code), keras.Model(maps, layers.Reshape(image_shape)(pixels)))


def too_small(image_shape, filters, middle):
    small = (image_shape[0] // 2, image_shape[1] // 2, 1)
    images = keras.Input(image_shape)
    inner = conv_denoiser(small, filters, middle)
    return Autoencoder(keras.Model(images, inner.encoder(layers.MaxPooling2D(2)(images))), inner.decoder)


def spoilt(**how):
    return lambda image_shape, filters, middle: conv_denoiser(image_shape, filters, middle, **how)


def test_build_denoiser(check_states):
    check_states(
        ex.build_denoiser,
        wrong={
            "yours returns a Functional": spoilt(whole=True),
            "come out as (2, 4, 4, 1)": too_small,
            "yours is (None, 8, 8, 3)": spoilt(strides=1),
            "in a sigmoid": spoilt(last="linear"),
            "Leave Dense and Flatten out": with_dense_layer,
            "one linear map": spoilt(activation=None),
            "yours add 0": lambda image_shape, filters, middle: conv_denoiser(image_shape, filters, 0),
            "two of them add 168": lambda image_shape, filters, middle: conv_denoiser(image_shape, filters, 2 * middle),
        },
        correct=conv_denoiser,
    )


def test_mixed_damage(check_states):
    def kinds(images, rng):
        return [
            lambda: gaussian_noise(images, rng.uniform(0.2, 0.8), rng),
            lambda: salt_and_pepper(images, rng.uniform(0.1, 0.4), rng),
            lambda: mask_block(images, int(rng.integers(6, 12)), rng),
        ]

    def correct(images, rng):
        return kinds(images, rng)[rng.integers(3)](), images

    def all_at_once(images, rng):
        return mask_block(salt_and_pepper(gaussian_noise(images, 0.3, rng), 0.2, rng), 8, rng), images

    def one_size(images, rng):
        return [*kinds(images, rng)[:2], lambda: mask_block(images, 10, rng)][rng.integers(3)](), images

    check_states(
        ex.mixed_damage,
        wrong={
            "the pair (damaged, images)": lambda images, rng: correct(images, rng)[0],
            "undamaged": lambda images, rng: correct(images, rng)[::-1],
            "never a black block nor salt and pepper": lambda images, rng: (gaussian_noise(images, 0.5, rng), images),
            "turn up alone": all_at_once,
            "Draw every number from `rng`": lambda images, rng: correct(images, np.random.default_rng()),
            "Is there a seed inside": lambda images, rng: correct(
                images, np.random.default_rng(rng.bit_generator.seed_seq.entropy)
            ),
            "the same size": one_size,
        },
        correct=correct,
    )
