"""What every public function asks of its arguments: an error names the argument, what it must be, and what came."""

import numbers

import numpy as np


def check_whole(argument, value, *, least=1, most=None):
    """Returns `value` as an int, or raises a ValueError that names `argument`. NumPy's integers count, True does not."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))
    if not whole or value < least or (most is not None and value > most):
        wanted = "a positive whole number" if (least, most) == (1, None) else f"a whole number of at least {least}"
        if most is not None:
            wanted = f"a whole number from {least} to {most}"
        raise ValueError(f"`{argument}` must be {wanted}. Received: {argument}={value!r}")
    return int(value)


def check_images(images, argument="images"):
    """Raises a ValueError that names `argument` unless it holds images: `(n, height, width, channels)` in [0, 1]."""
    if not isinstance(images, np.ndarray) or images.ndim != 4 or images.dtype.kind != "f":
        got = f"{images.dtype}{list(images.shape)}" if isinstance(images, np.ndarray) else type(images).__name__
        raise ValueError(f"`{argument}` must be a float array (n, height, width, channels). Received: {got}")
    if images.size and not (images.min() >= 0 and images.max() <= 1):  # also refuses NaN
        raise ValueError(
            f"`{argument}` must lie in [0, 1]. Received values from {images.min()} to {images.max()}; "
            "8-bit images are divided by 255 first"
        )


def check_rows(argument, array, least):
    """Raises a ValueError that names `argument` unless it is an array `(n, width)` of at least so many rows."""
    if np.ndim(array) != 2 or len(array) < least:
        raise ValueError(f"`{argument}` must be an array (n, width) with n ≥ {least}. Received: {np.shape(array)}")
