"""What the shared checks let pass, and what they say of the rest."""

import keras
import numpy as np
import pytest

from course_utils.checks import (
    check_channels_last,
    check_images,
    check_non_negative,
    check_rows,
    check_same_shape,
    check_whole,
    check_wholes,
)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_python_and_numpy(value):
    assert type(check_whole("k", value)) is int and check_whole("k", value, least=0, most=3) == 3


@pytest.mark.parametrize("value", [0, -1, 2.0, "2", None, True, np.True_, (2,), float("nan"), np.array([3])])
def test_everything_else_is_no_positive_whole_number(value):
    with pytest.raises(ValueError, match=r"`k` must be a positive whole number\. Received: k="):
        check_whole("k", value)


def test_whole_numbers_out_of_range():
    with pytest.raises(ValueError, match=r"`k` must be a whole number of at least 2\. Received: k=1"):
        check_whole("k", 1, least=2)
    with pytest.raises(ValueError, match=r"`k` must be a whole number from 0 to 7\. Received: k=8"):
        check_whole("k", 8, least=0, most=7)


def test_tuples_of_whole_numbers_come_back_as_pythons():
    assert check_wholes("hidden", [np.int32(5), 3]) == (5, 3) and check_wholes("hidden", ()) == ()
    for wrong in (128, (128, 0), (16, 2.5), ("a",), "34", (True,), None, np.array([3])):
        with pytest.raises(ValueError, match=r"`hidden` must be a tuple of positive whole numbers\. Received: hidden="):
            check_wholes("hidden", wrong)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.5), np.array(0.5), keras.ops.convert_to_tensor(0.5)])
def test_numbers(value):
    assert check_non_negative("sigma", value) == float(value)


@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf"), "1", None, 1j, np.ones(2)])
def test_everything_else_is_no_number(value):
    with pytest.raises(ValueError, match=r"`sigma` must be non-negative and finite\. Received: sigma="):
        check_non_negative("sigma", value)
    with pytest.raises(ValueError, match=r"`sigma` must be positive and finite\. Received: sigma="):
        check_non_negative("sigma", value, positive=True)


def test_numbers_out_of_range():
    with pytest.raises(ValueError, match=r"`sigma` must be positive and finite\. Received: sigma=0"):
        check_non_negative("sigma", 0, positive=True)
    with pytest.raises(ValueError, match=r"`amount` must be a number in \[0, 1\]\. Received: amount=1.5"):
        check_non_negative("amount", 1.5, most=1)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_images(dtype):
    check_images(np.ones((2, 3, 3, 1), dtype))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((2, 3, 3)), r"a float array \(n, height, width, channels\)\. Received: float64\[2, 3, 3\]"),
        (np.zeros((2, 3, 3, 1), "uint8"), r"a float array .*Received: uint8"),
        ([[[[0.5]]]], "a float array .*Received: list"),
        (np.full((2, 3, 3, 1), 255.0), r"lie in \[0, 1\].*divided by 255 first"),
        (np.full((2, 3, 3, 1), np.nan), r"lie in \[0, 1\]"),
    ],
)
def test_what_is_no_images(wrong, words):
    with pytest.raises(ValueError, match=f"`photos` must .*{words}"):
        check_images(wrong, "photos")


def test_empty_images_pass_where_nothing_is_averaged():
    for shape in ((0, 3, 3, 1), (2, 0, 3, 1)):
        check_images(np.zeros(shape))
        with pytest.raises(ValueError, match=r"`images` must hold at least one image\. Received: .*, 3, 1\)"):
            check_images(np.zeros(shape), empty=False)


def test_rows_come_back_as_an_array():
    np.testing.assert_array_equal(check_rows("codes", [[1, 2], [3, 4]], 2), [[1, 2], [3, 4]])
    for wrong in (np.ones(3), np.ones((1, 3)), np.ones((3, 0))):
        with pytest.raises(ValueError, match=r"`codes` must be an array \(n, width\) with n ≥ 2\. Received: \("):
            check_rows("codes", wrong, 2)
    for wrong in ([[np.nan], [1]], [[np.inf], [1]], [["a"], ["b"]]):
        with pytest.raises(ValueError, match="`codes` must hold finite numbers"):
            check_rows("codes", wrong, 2)


def test_shapes_are_compared_as_far_as_they_are_known():
    check_same_shape("log_var", np.ones((3, 2)), "the mean's", (None, 2))
    for wrong in ((None, 3), (3,), (2, 2)):
        with pytest.raises(ValueError, match=r"`log_var` must have the mean's shape \(.*\)\. Received: \(3, 2\)"):
            check_same_shape("log_var", np.ones((3, 2)), "the mean's", wrong)


def test_channels_first_is_refused():
    check_channels_last()
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match=r'`keras.config.set_image_data_format\("channels_last"\)`'):
            check_channels_last()
    finally:
        keras.config.set_image_data_format("channels_last")
