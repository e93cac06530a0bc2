"""The exercises of lesson 04 in their four states."""

import math
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from course_utils.corruptions import gaussian_noise, mask_block, salt_and_pepper
from course_utils.exercises import lesson_04 as ex
from course_utils.models import Autoencoder


def normal(images, rng):
    return rng.standard_normal(images.shape)


def test_add_noise(check_states):
    def one_noise_for_all(images, sigma, rng):
        return np.clip(images + sigma * rng.standard_normal(images.shape[1:]), 0, 1)

    def in_place(images, sigma, rng):
        images += sigma * normal(images, rng)
        return np.clip(images, 0, 1)

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
            "in place": in_place,
            "a generator of your own": lambda x, s, rng: gaussian_noise(x, s, np.random.default_rng(0)),
            "each channel": lambda x, s, rng: np.clip(x + s * rng.standard_normal((*x.shape[:3], 1)), 0, 1),
        },
        right=[
            gaussian_noise,
            lambda x, s, rng: ops.clip(x + rng.normal(0, s, x.shape), 0, 1),
            lambda x, s, rng: tf.clip_by_value(x + rng.normal(scale=s, size=x.shape), 0, 1),
            lambda x, s, rng: np.array([np.clip(image + s * normal(image, rng), 0, 1) for image in x]).tolist(),
        ],
    )


def test_error_left(check_states):
    check_states(
        ex.error_left,
        wrong={
            "more decibels are less error": lambda decibels: 10 ** (decibels / 10),
            "10 dB more must leave the share 0.1": lambda decibels: 10 ** (-decibels / 20),
            "yours is 4.54e-05": lambda decibels: np.exp(-decibels),
            "3 dB *less* leave more error": lambda decibels: 10 ** (-np.abs(decibels) / 10),
            "On a random case a result of shape (4, 3)": lambda decibels: float(
                np.mean(10 ** (-np.array(decibels) / 10))
            ),
        },
        right=[
            lambda decibels: 0.1 ** (decibels / 10),
            lambda decibels: ops.exp(-np.log(10) * np.asarray(decibels) / 10),
            lambda decibels: 1 / np.power(10.0, np.array(decibels) / 10),
        ],
    )


def test_best_guess(check_states):
    def by_normal_densities(seen, sigma, share):
        from scipy.stats import norm

        white, black = share * norm.pdf(seen, 1, sigma), (1 - share) * norm.pdf(seen, 0, sigma)
        return (white / (white + black)).tolist()

    def logistic(exponent):
        return 1 / (1 + np.exp(-exponent))

    check_states(
        ex.best_guess,
        wrong={
            "with its prior": lambda seen, sigma, share: logistic((2 * seen - 1) / (2 * sigma**2)),
            "0 must be read as black": lambda seen, sigma, share: share + 0 * seen,
            "divided by 2 sigma²": lambda y, s, p: logistic((2 * y - 1) / s**2 + np.log(p / (1 - p))),
            "shape (7,)": lambda y, s, p: float(np.mean(ex.best_guess.reference(y, s, p))),
            "On a random case": lambda y, s, p: ex.best_guess.reference(np.clip(y, 0, 1), s, p),
        },
        right=[
            lambda y, s, p: logistic((2 * y - 1) / (2 * s**2) + np.log(p / (1 - p))),
            lambda y, s, p: ops.sigmoid((2 * y - 1) / (2 * s**2) + np.log(p / (1 - p))),
            by_normal_densities,
        ],
    )


def conv_denoiser(image_shape, filters, middle, *, activation="relu", last="sigmoid", strides=2, kernel=4, **how):
    """A right answer of another make than the reference, with ways to spoil it."""
    same = {"padding": "same", "activation": activation}
    encoder = [layers.Conv2D(n, kernel, strides=strides, **same) for n in filters]
    encoder += [layers.Conv2D(filters[-1], how.get("inner", 3), **same) for _ in range(middle)]
    last = {"padding": "same", "activation": last}
    decoder = [layers.Conv2DTranspose(n, kernel, strides=strides, **same) for n in filters[::-1][1:]]
    decoder.append(layers.Conv2DTranspose(image_shape[-1], kernel, strides=strides, **last))
    if how.get("upsample"):
        decoder = [layers.UpSampling2D(4), layers.Conv2D(image_shape[-1], kernel, **last)]
    first = [keras.Input(image_shape)] if how.get("inputs") else []
    encoder, decoder = keras.Sequential([*first, *encoder]), keras.Sequential(decoder)
    return keras.Sequential([encoder, decoder]) if how.get("whole") else Autoencoder(encoder, decoder)


class Part(keras.Model):
    """A subclassed half."""

    def __init__(self, stack):
        super().__init__()
        self.stack = stack

    def call(self, x):
        for layer in self.stack:
            x = layer(x)
        return x


def subclassed(image_shape, filters, middle):
    model = conv_denoiser(image_shape, filters, middle)
    return Autoencoder(Part(model.encoder.layers), Part(model.decoder.layers))


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
            "yours is a Sequential": spoilt(whole=True),
            "maps of shape (2, 2, 2, 3); yours are (2, 1, 1, 3)": too_small,
            "yours are (2, 8, 8, 3)": spoilt(strides=1),
            "the encoder has [(4, 4), (4, 4), (3, 3)]; yours: [(5, 5), (5, 5), (3, 3)]": spoilt(kernel=5),
            "the decoder has [(4, 4), (4, 4)]; yours: [(4, 4)]": spoilt(upsample=True),
            "a ReLU after every one": spoilt(activation="elu"),
            "and a sigmoid": lambda shape, filters, middle: Autoencoder(
                conv_denoiser(shape, filters, middle).encoder,
                conv_denoiser(shape, filters, middle, activation="elu").decoder,
            ),
            "channels in reverse": lambda shape, filters, middle: Autoencoder(
                conv_denoiser(shape, filters, middle).encoder,
                keras.Sequential(
                    [
                        keras.Input((shape[0] // 2 ** len(filters), shape[1] // 2 ** len(filters), filters[-1])),
                        *(layers.Conv2DTranspose(n, 4, 2, "same", activation="relu") for n in filters[:-1]),
                        layers.Conv2DTranspose(shape[-1], 4, 2, "same", activation="sigmoid"),
                    ]
                ),
            ),
            "in a sigmoid": spoilt(last="linear"),
            "Leave Dense and Flatten out": with_dense_layer,
            "one linear map": spoilt(activation=None),
            "yours add 0": lambda image_shape, filters, middle: conv_denoiser(image_shape, filters, 0),
            "two of them add 168": lambda image_shape, filters, middle: conv_denoiser(image_shape, filters, 2 * middle),
        },
        right=[conv_denoiser, spoilt(inputs=True), subclassed],
    )


def test_mixed_damage(check_states):
    def kinds(images, rng, sigma=1.0, share=0.5, sides=(4, 15)):
        return [
            lambda: gaussian_noise(images, rng.uniform(0, sigma), rng),
            lambda: salt_and_pepper(images, rng.uniform(0, share), rng),
            lambda: mask_block(images, int(rng.integers(*sides)), rng),
        ]

    def correct(images, rng, **ranges):
        return kinds(images, rng, **ranges)[rng.integers(3)](), images

    def all_at_once(images, rng):
        return mask_block(salt_and_pepper(gaussian_noise(images, 0.3, rng), 0.2, rng), 8, rng), images

    def one_size(images, rng):
        return [*kinds(images, rng)[:2], lambda: mask_block(images, 10, rng)][rng.integers(3)](), images

    check_states(
        ex.mixed_damage,
        wrong={
            "undamaged": lambda images, rng: correct(images, rng)[::-1],
            "never a black block nor salt and pepper": lambda images, rng: (gaussian_noise(images, 0.5, rng), images),
            "turn up alone": all_at_once,
            "draw every number from `rng`": lambda images, rng: correct(images, np.random.default_rng()),
            "Yours differ with Gaussian noise": lambda images, rng: (
                [lambda: gaussian_noise(images, np.random.rand(), rng), *kinds(images, rng)[1:]][rng.integers(3)](),
                images,
            ),
            "Is there a seed inside": lambda images, rng: correct(
                images, np.random.default_rng(rng.bit_generator.seed_seq.entropy)
            ),
            "with a black block yours hardly changes": one_size,
            "with Gaussian noise yours hardly changes": lambda images, rng: (
                [lambda: gaussian_noise(images, 0.4, rng), *kinds(images, rng)[1:]][rng.integers(3)](),
                images,
            ),
            "over all of its range; with Gaussian noise": lambda images, rng: (
                [lambda: gaussian_noise(images, rng.uniform(0.5, 1), rng), *kinds(images, rng)[1:]][rng.integers(3)](),
                images,
            ),
            "with salt and pepper yours hardly changes": lambda images, rng: (
                [kinds(images, rng)[0], lambda: salt_and_pepper(images, 0.2, rng), kinds(images, rng)[2]][
                    rng.integers(3)
                ](),
                images,
            ),
            "4 to 14, both included": partial(correct, sides=(4, 14)),
            "must go up to 0.5": partial(correct, share=0.3),
            "is weaker": partial(correct, sigma=0.5),
            "is stronger": partial(correct, sigma=2.0),
            "Several things are to be returned": lambda images, rng: correct(images, rng)[0],
            "yours returns 3 things": lambda images, rng: (*correct(images, rng), 0),
        },
        right=[
            correct,
            lambda images, rng: [ops.convert_to_tensor(part) for part in correct(images, rng)],
            lambda images, rng: (correct(images, rng)[0].tolist(), images.copy()),
        ],
    )


def residual(image_shape, width, depth, *, activation="relu", sign=-1, kernel=3, **how):
    """A right answer of another make than the reference, with ways to spoil it."""
    layer = layers.DepthwiseConv2D if how.get("depthwise") else layers.Conv2D
    inner = [layers.Conv2D(width, kernel, padding="same", activation=activation) for _ in range(depth - 1)]
    channels = how.get("channels", image_shape[-1])
    noise = keras.Sequential([*inner, layer(channels, 3, padding="same", activation=how.get("last"))])
    images = keras.Input(image_shape)
    output = images + noise(images) if sign > 0 else layers.Subtract()([images, noise(images)])
    if how.get("clipped"):
        output = ops.clip(output, 0, 1)
    return keras.Model(images, noise(images) if how.get("direct") else output)


class SubclassedResidual(keras.Model):
    """A residual denoiser that has no weights before its first call."""

    def __init__(self, image_shape, width, depth):
        super().__init__()
        self.inner = [layers.Conv2D(width, 3, padding="same") for _ in range(depth - 1)]
        self.last = layers.Conv2D(image_shape[-1], 3, padding="same")

    def call(self, images):
        x = images
        for layer in self.inner:
            x = ops.relu(layer(x))
        return images - self.last(x)


def spoilt_residual(**how):
    return lambda image_shape, width, depth: residual(image_shape, width, depth, **how)


def test_build_residual(check_states):
    check_states(
        ex.build_residual,
        wrong={
            "the images must come out as they went in": spoilt_residual(direct=True),
            "the kernels are": spoilt_residual(kernel=5),
            "come out in that shape": lambda shape, width, depth: keras.Sequential([layers.Conv2D(1, 3)]),
            "yours: [(3, 3, 1, 4), (3, 3, 4, 1), (3, 3, 4, 4), (3, 3, 4, 4)]": lambda shape, width, depth: residual(
                shape, width, depth + 1
            ),
            "one linear map": spoilt_residual(activation=None),
            "a ReLU after each but the last": spoilt_residual(activation="gelu"),
            "not added": spoilt_residual(sign=1),
            "nothing clipped": spoilt_residual(clipped=True),
        },
        right=[residual, SubclassedResidual],
    )


def test_predictions_name_what_the_run_shows(capsys):
    ex.walk_end.check("New digits", "digits of the world")
    ex.weak_noise_winner.check("residual", "residual")
    missed, met = capsys.readouterr().out.strip().split("\n")
    assert missed.startswith("✗ walk_end: not as measured.") and met.startswith("✓ weak_noise_winner: as measured.")
