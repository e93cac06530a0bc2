"""The exercises of lesson 05 in their four states."""

import keras
import numpy as np
from keras import layers, ops

from course_utils.exercises import lesson_05 as ex


def test_output_size(check_states):
    check_states(
        ex.output_size,
        raising=lambda size, kernel, stride, padding: size / 0,
        wrong={
            "28 places on 28 pixels, not 27": lambda size, kernel, stride, padding: (size - kernel) // stride,
            "on 28 pixels, not 27": lambda size, kernel, stride, padding: (size + padding - kernel) // stride + 1,
            "padding 1 has 14 places": lambda size, kernel, stride, padding: (size + 2 * padding - kernel) / stride + 1,
            "on 28 pixels, not 15": lambda size, kernel, stride, padding: (
                -(-(size + 2 * padding - kernel) // stride) + 1
            ),
            "must be a whole number": lambda size, kernel, stride, padding: np.floor(
                (size + 2 * padding - kernel) / stride + 1
            ),
        },
        correct=lambda size, kernel, stride, padding: len(range(0, size + 2 * padding - kernel + 1, stride)),
    )


def test_upsample(check_states):
    check_states(
        ex.upsample,
        raising=lambda images: images.upsample(),
        wrong={
            "must become (2, 4, 6, 4)": lambda images: ops.repeat(images, 2, axis=1),
            "Yours is (2, 2, 6, 8)": lambda images: ops.repeat(ops.repeat(images, 2, axis=2), 2, axis=3),
            "must fill its 2 × 2 block": lambda images: ops.tile(images, (1, 2, 2, 1)),
            "[[1.0, 0.0], [0.0, 0.0]]": lambda images: ops.where(
                ops.tile(ops.convert_to_tensor([[1, 0], [0, 0]]), images.shape[1:3])[None, :, :, None] == 1,
                ops.repeat(ops.repeat(images, 2, axis=1), 2, axis=2),
                0.0,
            ),
        },
        correct=lambda images: layers.UpSampling2D(2)(images),
    )


def _swapped(values, positions):
    """Counts positions column by column."""
    return ex.max_unpool.reference(values, 2 * (positions % 2) + positions // 2)


def test_max_unpool(check_states):
    double = ex.upsample.reference
    check_states(
        ex.max_unpool,
        raising=lambda values, positions: values + positions[0, 0, 0, 99],
        wrong={
            "yours are (2, 2, 3, 4)": lambda values, positions: values,
            "upper left corner": lambda values, positions: double(values),
            "upper right corner": _swapped,
            "position 1 belongs": lambda values, positions: ex.max_unpool.reference(values, 0 * positions),
        },
        correct=_with_corners,
    )


def _with_corners(values, positions):
    rows = [
        ops.stack([ops.where(positions == 2 * row + column, values, 0.0) for column in (0, 1)], axis=3)
        for row in (0, 1)
    ]
    _, height, width, channels = values.shape
    return ops.reshape(ops.stack(rows, axis=2), (-1, 2 * height, 2 * width, channels))


def test_max_unpool_counts_values(check_states):
    line = ex.max_unpool.checks[2](lambda values, positions: 0 * ex.max_unpool.reference(values, positions))
    assert line == "36 maxima must give 36 values that are not 0, yours are 0"
    mirrored = ex.max_unpool.checks[2](lambda values, positions: ex.max_unpool.reference(values, 3 - positions))
    assert "must return to the pixel" in mirrored


def _pair(encoder_layers, decoder_layers, latent_dim):
    encoder = keras.Sequential([keras.Input((28, 28, 1)), *encoder_layers])
    return encoder, keras.Sequential([keras.Input((latent_dim,)), *decoder_layers])


def _dense_pair(latent_dim):
    decode = [layers.Dense(784, "sigmoid"), layers.Reshape((28, 28, 1))]
    return _pair([layers.Flatten(), layers.Dense(latent_dim)], decode, latent_dim)


def _conv_decoder(activation):
    return [
        layers.Dense(7 * 7 * 4),
        layers.Reshape((7, 7, 4)),
        layers.Conv2DTranspose(1, 4, strides=4, activation=activation),
    ]


def _small_pair(latent_dim, activation="sigmoid"):
    encode = [layers.Conv2D(8, 4, strides=4), layers.Flatten(), layers.Dense(latent_dim)]
    return _pair(encode, _conv_decoder(activation), latent_dim)


def _large_pair(latent_dim):
    encode = [layers.Conv2D(32, 3, padding="same"), layers.Flatten(), layers.Dense(latent_dim)]
    return _pair(encode, _conv_decoder("sigmoid"), latent_dim)


def _short_pair(latent_dim):
    encode = [layers.Conv2D(8, 4, strides=4), layers.Flatten(), layers.Dense(latent_dim)]
    decode = [layers.Dense(49), layers.Reshape((7, 7, 1)), layers.Conv2DTranspose(1, 3, strides=2, padding="same")]
    return _pair(encode, decode, latent_dim)


def test_conv_pair(check_states):
    check_states(
        ex.conv_pair,
        raising=lambda latent_dim: _pair([], [layers.Reshape((28, 28, 1))], latent_dim),
        wrong={
            "must be a pair of Keras models": lambda latent_dim: _small_pair(latent_dim)[0],
            "the encoder's output must be of shape (None, 5)": lambda latent_dim: (
                _small_pair(32)[0],
                _small_pair(latent_dim)[1],
            ),
            "the decoder's output must be of shape (None, 28, 28, 1), yours is (None, 14, 14, 1)": _short_pair,
            "The encoder must convolve": _dense_pair,
            "must have at most 150,000 parameters, yours has": _large_pair,
            "must lie in [0, 1]": lambda latent_dim: _small_pair(latent_dim, "linear"),
        },
        correct=_small_pair,
    )
