"""Masked convolutions: what they see, the blind spot, and parity with a convolution whose kernel is masked by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from course_utils.layers import MaskedConv2D, PositionBias

BEFORE = {  # of a 3 × 3 kernel
    ("plain", "A"): [[1, 1, 1], [1, 0, 0], [0, 0, 0]],
    ("plain", "B"): [[1, 1, 1], [1, 1, 0], [0, 0, 0]],
    ("vertical", "A"): [[1, 1, 1], [0, 0, 0], [0, 0, 0]],
    ("vertical", "B"): [[1, 1, 1], [1, 1, 1], [0, 0, 0]],
    ("horizontal", "A"): [[0, 0, 0], [1, 0, 0], [0, 0, 0]],
    ("horizontal", "B"): [[0, 0, 0], [1, 1, 0], [0, 0, 0]],
}


def seen(layers, side=9, at=(4, 4)):
    """The input pixels to which the output at one place has a gradient, a boolean map."""
    images = tf.constant(np.random.default_rng(0).random((1, side, side, 1)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        x = images
        for layer in layers:
            x = layer(x)
        value = tf.reduce_sum(x[0, at[0], at[1]])
    gradient = tape.gradient(value, images)
    return np.zeros((side, side), bool) if gradient is None else gradient.numpy()[0, :, :, 0] != 0


@pytest.mark.parametrize("stack, mask", BEFORE)
def test_it_is_a_convolution_with_a_masked_kernel(stack, mask):
    rng, mask_3x3 = np.random.default_rng(1), np.array(BEFORE[stack, mask])
    images, kernel = rng.normal(size=(2, 6, 5, 3)), rng.normal(size=(3, 3, 3, 4)) * mask_3x3[:, :, None, None]
    layer = MaskedConv2D(4, 3, mask=mask, stack=stack)
    layer.build(images.shape)
    rows, columns = layer.kernel.shape[:2]
    top, left = {"horizontal": 1}.get(stack, 0), 0
    layer.kernel.assign(kernel[top : top + rows, left : left + columns])
    expected = ops.conv(ops.convert_to_tensor(images, "float32"), kernel.astype("float32"), padding="same")
    np.testing.assert_allclose(layer(images), expected, atol=1e-5)


@pytest.mark.parametrize("stack, mask", BEFORE)
def test_gradients_reach_what_lies_before_and_nothing_else(stack, mask):
    found = seen([MaskedConv2D(2, 3, mask=mask, stack=stack)])
    np.testing.assert_array_equal(found[3:6, 3:6], np.array(BEFORE[stack, mask], bool))
    assert found.sum() == np.sum(BEFORE[stack, mask])


def test_plain_layers_are_blind_above_and_to_the_right():
    found = seen([MaskedConv2D(2, 3, mask="A"), *(MaskedConv2D(2, 3, mask="B") for _ in range(3))])
    assert not found[3, 6]  # one row up, two columns right
    assert found[3, 5] and found[2, 6]
    assert not found[4, 4:].any() and not found[5:].any()


def test_two_stacks_see_everything_before():
    above = seen(
        [
            MaskedConv2D(2, 3, mask="A", stack="vertical"),
            *(MaskedConv2D(2, 3, mask="B", stack="vertical") for _ in range(4)),
        ]
    )
    left = seen(
        [
            MaskedConv2D(2, 3, mask="A", stack="horizontal"),
            *(MaskedConv2D(2, 3, mask="B", stack="horizontal") for _ in range(4)),
        ]
    )
    before = np.arange(81).reshape(9, 9) < 40
    np.testing.assert_array_equal(above | left, before | (above | left))
    assert (above | left)[:4, 0:].sum() >= 4 * 9 - 8  # all but corners that five layers don't reach
    assert not (above & left).any() and not ((above | left) & ~before).any()


def test_it_survives_saving(tmp_path):
    model = keras.Sequential([keras.Input((5, 5, 2)), MaskedConv2D(3, 5, mask="A"), PositionBias()])
    images = np.random.default_rng(2).random((2, 5, 5, 2))
    model.layers[-1].bias.assign(np.random.default_rng(3).random((5, 5, 3)))
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(images), model(images))


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"kernel_size": 4}, "`kernel_size` must be odd"),
        ({"mask": "C"}, "`mask` must be one of A, B. Received: mask='C'"),
        ({"stack": "diagonal"}, "`stack` must be one of plain, vertical, horizontal"),
        ({"filters": 0}, "`filters` must be a positive whole number"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        MaskedConv2D(**{"filters": 2, "kernel_size": 3, "mask": "A", **arguments})


@pytest.mark.parametrize("stack", ["vertical", "horizontal"])
def test_a_kernel_that_sees_nothing_is_refused(stack):
    with pytest.raises(ValueError, match="sees nothing"):
        MaskedConv2D(2, 1, mask="A", stack=stack).build((None, 4, 4, 1))


def test_a_position_bias_starts_as_nothing_and_is_one_number_for_each_place_and_channel():
    layer, images = PositionBias(), np.random.default_rng(0).random((2, 3, 4, 5)).astype("float32")
    np.testing.assert_array_equal(layer(images), images)
    assert layer.bias.shape == (3, 4, 5)
