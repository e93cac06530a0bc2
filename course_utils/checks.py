"""What every public function asks of its arguments: an error names the argument, what it must be, and what came."""

import math
import numbers

import keras
import numpy as np


def check_whole(argument, value, *, least=1, most=None):
    """Returns a whole number as an int, or raises a ValueError that names `argument`. NumPy's count, True does not."""
    if not _is_whole(value) or value < least or (most is not None and value > most):
        wanted = "a positive whole number" if (least, most) == (1, None) else f"a whole number of at least {least}"
        if most is not None:
            wanted = f"a whole number from {least} to {most}"
        raise ValueError(f"`{argument}` must be {wanted}. Received: {argument}={value!r}")
    return int(value)


def check_wholes(argument, values):
    """Returns positive whole numbers as a tuple of ints, or raises a ValueError that names `argument`."""
    if not isinstance(values, (tuple, list)) or not all(_is_whole(value) and value > 0 for value in values):
        raise ValueError(f"`{argument}` must be a tuple of positive whole numbers. Received: {argument}={values!r}")
    return tuple(int(value) for value in values)


def check_number(argument, value, *, finite=True):
    """Returns `value` as a float, or raises a ValueError that names `argument`. NumPy's numbers count, True does not.

    So does an array or a tensor that holds one number and has no dimension.
    """
    number = np.asarray(value).item() if getattr(value, "shape", None) == () else value
    if not isinstance(number, numbers.Real) or isinstance(number, bool) or (finite and not math.isfinite(number)):
        wanted = "a finite number" if finite else "a number"
        raise ValueError(f"`{argument}` must be {wanted}. Received: {argument}={value!r}")
    return float(number)


def check_non_negative(argument, value, *, positive=False, most=math.inf):
    """Returns `value` as a float, or raises a ValueError that names `argument`.

    It must be finite and at least 0, above 0 if `positive`, and no more than `most`.
    """
    try:
        number = check_number(argument, value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= most or math.isinf(number) or (positive and number == 0):
        wanted = "positive" if positive else "non-negative"
        wanted = f"{wanted} and finite" if most == math.inf else f"a number in [0, {most}]"
        raise ValueError(f"`{argument}` must be {wanted}. Received: {argument}={value!r}")
    return number


def check_images(images, argument="images", *, empty=True):
    """Raises a ValueError that names `argument` unless it holds images: `(n, height, width, channels)` in [0, 1].

    An array without pixels passes unless `empty` is False, as where a mean is taken over them.
    """
    if not isinstance(images, np.ndarray) or images.ndim != 4 or images.dtype.kind != "f":
        wanted = "a float array (n, height, width, channels)"
        raise ValueError(f"`{argument}` must be {wanted}. Received: {kind_of(images)}")
    if not images.size and not empty:
        raise ValueError(f"`{argument}` must hold at least one image. Received: an array of shape {images.shape}")
    check_unit_interval(argument, images)


def kind_of(value):
    """What an error says of a value that is no such array: dtype and shape, or the type of what is no array at all."""
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__


def check_unit_interval(argument, array):
    """Raises a ValueError that names `argument` unless all numbers of the array lie in [0, 1]; NaN does not."""
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(
            f"`{argument}` must lie in [0, 1]. Received values from {array.min()} to {array.max()}; "
            "8-bit images are divided by 255 first"
        )


def check_rows(argument, array, least):
    """Returns a finite array `(n, width)` of at least so many rows, or raises a ValueError that names `argument`."""
    array = np.asarray(array)
    if array.ndim != 2 or len(array) < least or not array.shape[1]:
        raise ValueError(f"`{argument}` must be an array (n, width) with n ≥ {least}. Received: {array.shape}")
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise ValueError(
            f"`{argument}` must hold finite numbers. Received: an array of {array.dtype} with NaN or infinity"
        )
    return array


def check_same_shape(argument, array, whose, shape):
    """Raises a ValueError that names `argument` unless it has `whose` shape; None is a side not yet known."""
    received, shape = tuple(array.shape), tuple(shape)
    if len(received) != len(shape) or any(a != b for a, b in zip(received, shape) if None not in (a, b)):
        raise ValueError(f"`{argument}` must have {whose} shape {shape}. Received: {received}")


def check_channels_last():
    """Raises a ValueError if Keras is set, as by its keras.json, to take images for `(n, channels, height, width)`."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "Images here are (n, height, width, channels), but Keras is set to `channels_first`: write "
            '`keras.config.set_image_data_format("channels_last")` before building a model'
        )


def _is_whole(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))
