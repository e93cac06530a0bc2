"""The exercises of lesson 05 in their four states."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from course_utils.exercises import as_array
from course_utils.exercises import lesson_05 as ex
from course_utils.exercises.answers import Watched


def by_convolving(size, kernel, stride, padding):
    line = np.zeros((1, size + 2 * padding, 1), "float32")
    return ops.shape(ops.conv(line, np.zeros((kernel, 1, 1), "float32"), strides=stride))[1]


def test_output_size(check_states):
    check_states(
        ex.output_size,
        raising=lambda size, kernel, stride, padding: size / 0,
        wrong={
            "28 places on 28 pixels, not 27": lambda size, kernel, stride, padding: (size - kernel) // stride,
            "on 28 pixels, not 27": lambda size, kernel, stride, padding: (size + padding - kernel) // stride + 1,
            "A whole number is expected; yours is 14.5": lambda size, kernel, stride, padding: (
                (size + 2 * padding - kernel) / stride + 1
            ),
            "On a random case": lambda size, kernel, stride, padding: (
                (size + 2 * padding - kernel + (2 if stride > 2 else stride)) // stride
            ),
            "10 was expected, yours returns 9": lambda size, kernel, stride, padding: (
                (size + 2 * padding - kernel + 1) // stride
            ),
            "on 28 pixels, not 15": lambda size, kernel, stride, padding: (
                -(-(size + 2 * padding - kernel) // stride) + 1
            ),
        },
        right=[
            lambda size, kernel, stride, padding: len(range(0, size + 2 * padding - kernel + 1, stride)),
            lambda size, kernel, stride, padding: np.floor((size + 2 * padding - kernel) / stride + 1),
            lambda size, kernel, stride, padding: -(-(size + 2 * padding - kernel + 1) // stride),
            by_convolving,
        ],
    )


def test_upsample(check_states):
    check_states(
        ex.upsample,
        raising=lambda images: images.upsample(),
        wrong={
            "must become (2, 4, 6, 4)": lambda images: ops.repeat(images, 2, axis=1),
            "Yours is (2, 2, 6, 8)": lambda images: ops.repeat(ops.repeat(images, 2, axis=2), 2, axis=3),
            "none passes through NumPy": lambda images: np.repeat(np.repeat(images, 2, axis=1), 2, axis=2),
            "must fill its 2 × 2 block": lambda images: ops.tile(images, (1, 2, 2, 1)),
            "[[1.0, 0.0], [0.0, 0.0]]": lambda images: ops.where(
                ops.tile(ops.convert_to_tensor([[1, 0], [0, 0]]), images.shape[1:3])[None, :, :, None] == 1,
                ops.repeat(ops.repeat(images, 2, axis=1), 2, axis=2),
                0.0,
            ),
        },
        right=[
            lambda images: layers.UpSampling2D(2)(images),
            lambda images: tf.repeat(tf.repeat(images, 2, axis=1), 2, axis=2),
            lambda images: tf.image.resize(images, 2 * np.array(images.shape[1:3]), method="nearest"),
        ],
    )


def by_one_hot(values, positions):
    _, height, width, channels = values.shape
    blocks = values[..., None] * ops.one_hot(ops.cast(positions, "int32"), 4)  # (batch, height, width, channels, 4)
    blocks = ops.reshape(blocks, (-1, height, width, channels, 2, 2))
    return ops.reshape(ops.transpose(blocks, (0, 1, 4, 2, 5, 3)), (-1, 2 * height, 2 * width, channels))


def with_tensorflow(values, positions):
    own = tf.tile(tf.constant([[0.0, 1.0], [2.0, 3.0]]), values.shape[1:3])[None, :, :, None]
    values, positions = (tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2) for x in (values, positions))
    return tf.where(positions == own, values, tf.zeros_like(values))


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
            "none passes through NumPy": lambda values, positions: ex.max_unpool.reference(np.array(values), positions),
            "position 1 belongs": lambda values, positions: ex.max_unpool.reference(values, 0 * positions),
        },
        right=[_with_corners, with_tensorflow, by_one_hot],
    )


def _with_corners(values, positions):
    rows = [
        ops.stack([ops.where(positions == 2 * row + column, values, 0.0) for column in (0, 1)], axis=3)
        for row in (0, 1)
    ]
    _, height, width, channels = values.shape
    return ops.reshape(ops.stack(rows, axis=2), (-1, 2 * height, 2 * width, channels))


def test_max_unpool_counts_values(check_states):
    def watched(answer):
        return Watched(answer, as_array, tensors=True)

    line = ex.max_unpool.checks[2](watched(lambda values, positions: 0 * ex.max_unpool.reference(values, positions)))
    assert line == "36 maxima must give 36 values that are not 0, yours are 0"
    mirrored = ex.max_unpool.checks[2](
        watched(lambda values, positions: ex.max_unpool.reference(values, 3 - positions))
    )
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


def _never_called(latent_dim):
    return tuple(keras.Sequential(part.layers) for part in _small_pair(latent_dim))


class _Whole(keras.Model):
    def __init__(self, stack):
        super().__init__()
        self.stack = stack

    def call(self, x):
        for layer in self.stack:
            x = layer(x)
        return x


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
            "must give codes of shape (2, 5), yours are (2, 32)": lambda latent_dim: (
                _small_pair(32)[0],
                _small_pair(latent_dim)[1],
            ),
            "must give images of shape (2, 28, 28, 1), yours are (2, 14, 14, 1)": _short_pair,
            "What yours returns can't be used: ValueError": lambda latent_dim: _small_pair(latent_dim)[::-1],
            "The encoder must convolve": _dense_pair,
            "must have at most 150,000 parameters, yours has": _large_pair,
            "must lie in [0, 1]": lambda latent_dim: _small_pair(latent_dim, "linear"),
        },
        right=[
            _small_pair,
            _never_called,
            lambda latent_dim: [_Whole(part.layers) for part in _small_pair(latent_dim)],
        ],
    )


@pytest.mark.parametrize(
    ("prediction", "measured", "right", "wrong", "invalid"),
    [
        (ex.smallest_shift, 4, [4, np.int64(4), 4.0], [2, 1], "four"),
        (ex.stronger_part, "positions", ["positions", " Positions"], ["code"], "both"),
        (ex.least_help, 128, [128, ops.convert_to_tensor(128)], [16, 32], ...),
    ],
)
def test_predictions(capsys, prediction, measured, right, wrong, invalid):
    def said_of(guess):
        prediction.check(guess, measured)
        return capsys.readouterr().out

    assert said_of(...).startswith("○")
    assert all(said_of(guess).startswith("✓") for guess in right)
    assert all(said_of(guess).startswith("✗") and prediction.why in said_of(guess) for guess in wrong)
    assert not said_of(invalid).startswith("✓")
