"""What figures ask of their arguments, so that none is wrong in silence; each check returns what it has checked."""

from collections.abc import Mapping

import numpy as np

ROUNDING = 1e-5  # how far mixing or filtering in float32 takes images beyond [0, 1]


def as_images(argument, images, channels=(1, 3)):
    """Images as a float32 array `(n, height, width, channels)` in [0, 1], n ≥ 1; else a ValueError names `argument`."""
    array = _array(argument, images)
    if array.dtype.kind in "iu":
        raise ValueError(
            f"`{argument}` must be floats in [0, 1]: divide 8-bit images by 255. Received: dtype {array.dtype}"
        )
    if array.dtype.kind != "f" or array.ndim != 4 or not array.size or array.shape[3] not in channels:
        wanted = f"(n, height, width, {' or '.join(map(str, channels))})"
        raise ValueError(f"`{argument}` must be floats of the shape {wanted}, n ≥ 1. Received: {_found(array)}")
    low, high = array.min(), array.max()
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # also refuses NaN
        raise ValueError(f"`{argument}` must lie in [0, 1]. Received: values from {low:.4g} to {high:.4g}")
    return np.clip(array.astype(np.float32), 0, 1)


def as_numbers(argument, values, shape=None, *, infinity=False):
    """Numbers as a float array; else a ValueError names `argument`.

    Args:
        argument: its name.
        values: array, list or number.
        shape: sizes, any shape by default; a word such as `"n"` stands for any size from 1 on.
        infinity: whether plus infinity is allowed. NaN and minus infinity never are.
    """
    array = _array(argument, values)
    fits = shape is None or len(shape) == array.ndim
    for wanted, size in zip(shape or (), array.shape):
        fits = fits and (size == wanted or isinstance(wanted, str))
    if array.dtype.kind not in "biuf" or not array.size or not fits:
        wanted = "numbers" if shape is None else f"numbers of the shape ({', '.join(map(str, shape))})"
        raise ValueError(f"`{argument}` must be {wanted}. Received: {_found(array)}")
    array = array.astype(float)
    good = np.isfinite(array) | (np.isposinf(array) & infinity)
    if not good.all():
        wanted = "numbers or plus infinity" if infinity else "finite numbers"
        raise ValueError(f"`{argument}` must be {wanted}. Received: {array[~good][0]}")
    return array


def as_labels(argument, labels, n):
    """Digits as an integer array `(n,)` of 0 to 9; else a ValueError names `argument`."""
    array = _array(argument, labels)
    if array.dtype.kind not in "iu" or array.shape != (n,):
        raise ValueError(f"`{argument}` must be integers of the shape ({n},). Received: {_found(array)}")
    if array.min() < 0 or array.max() > 9:
        raise ValueError(f"`{argument}` must be digits from 0 to 9. Received: {array.min()} to {array.max()}")
    return array.astype(int)


def as_dictionary(argument, values, most=None):
    """The dictionary itself; a ValueError names `argument` unless it has an entry, and at most so many."""
    if not isinstance(values, Mapping) or not values or (most is not None and len(values) > most):
        wanted = "at least one entry" if most is None else f"1 to {most} entries"
        found = f"{len(values)} entries" if isinstance(values, Mapping) else type(values).__name__
        raise ValueError(f"`{argument}` must be a dictionary with {wanted}. Received: {found}")
    return values


def as_names(argument, names, n):
    """Names as a list of n strings; else a ValueError names `argument`."""
    names = [] if names is None else [str(name) for name in names]
    if len(names) != n:
        raise ValueError(f"`{argument}` must have {n} entries. Received: {len(names)}")
    return names


def _array(argument, values):
    try:
        return np.asarray(values)
    except ValueError as error:  # NumPy's own words name no argument
        raise ValueError(f"`{argument}` must be an array, all its rows of one length. Received: {error}") from None


def _found(array):
    return f"{array.dtype} of the shape {array.shape}"
