"""How close two images are, or two masks."""

import numpy as np

from course_utils.checks import check_images, check_same_shape, kind_of


def psnr(images, reconstruction):
    """Peak signal-to-noise ratio of each image, in decibels: 10 log10(1 / mean squared error).

    >>> black, grey = np.zeros((1, 8, 8, 1)), np.full((1, 8, 8, 1), 0.1)
    >>> print(psnr(black, grey))
    [20.]

    Args:
        images: array in [0, 1], `(n, height, width, channels)`.
        reconstruction: array in [0, 1], of the same shape.

    Returns:
        Array `(n,)`; infinite where the two are equal.

    Raises:
        ValueError: if one is no such array, or empty, or their shapes differ.
    """
    _check_pair(images, reconstruction)
    error = np.mean(np.square(images - reconstruction, dtype=np.float64), axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return -10 * np.log10(error)


def ssim(images, reconstruction):
    """Structural similarity of each image: 1 for equal images, about 0 for unrelated ones.

    >>> image = np.random.default_rng(0).random((1, 8, 8, 1))
    >>> print(ssim(image, image))
    [1.]

    Args:
        images: array in [0, 1], `(n, height, width, channels)`.
        reconstruction: array in [0, 1], of the same shape.

    Returns:
        Array `(n,)`.

    Raises:
        ValueError: if one is no such array, or empty, their shapes differ, or a side is shorter than the 7 pixels of
            the window.

    Reference:
        Wang, Bovik, Sheikh & Simoncelli, Image quality assessment, 2004; scikit-image's implementation.
    """
    from skimage.metrics import structural_similarity

    _check_pair(images, reconstruction)
    if min(images.shape[1:3]) < 7:
        raise ValueError(f"`images` must have sides of at least 7 pixels. Received: {images.shape}")
    pairs = zip(images, reconstruction)
    return np.array([structural_similarity(a, b, data_range=1, channel_axis=-1) for a, b in pairs])


def dice(masks, guess):
    """Dice coefficient of each image: twice the area that both masks cover, over the sum of their areas.

    Over all pixels and channels. 1 for equal masks, two empty ones included; 0 for masks that don't meet. With the
    intersection over union J it is 2 J / (1 + J).

    >>> left, upper = np.zeros((2, 1, 2, 2, 1))
    >>> left[:, :, 0] = upper[:, 0] = 1
    >>> print(dice(left, upper))
    [0.5]

    Args:
        masks: array of zeros and ones, or of bool, `(n, height, width, channels)`.
        guess: the same, of the same shape. Probabilities are refused: cut them at a threshold first.

    Returns:
        Array `(n,)`.

    Raises:
        ValueError: if one is no such array, or empty, or their shapes differ.

    Reference:
        Dice, Measures of the amount of ecologic association between species, 1945.
    """
    masks, guess = _as_masks(masks, "masks"), _as_masks(guess, "guess")
    check_same_shape("guess", guess, "the masks'", masks.shape)
    both, areas = np.sum(masks & guess, axis=(1, 2, 3)), np.sum(masks, axis=(1, 2, 3)) + np.sum(guess, axis=(1, 2, 3))
    return np.where(areas > 0, 2 * both / np.maximum(areas, 1), 1.0)


def _as_masks(array, argument):
    if not isinstance(array, np.ndarray) or array.ndim != 4 or array.size == 0 or array.dtype.kind not in "fbiu":
        wanted = "an array (n, height, width, channels), n at least 1"
        raise ValueError(f"`{argument}` must be {wanted}. Received: {kind_of(array)}")
    inside = array > 0
    if not np.array_equal(inside, array):  # not so for NaN either
        raise ValueError(
            f"`{argument}` must hold zeros and ones alone. Received values from {array.min()} to {array.max()}; "
            "cut probabilities at a threshold first, such as guess > 0.5"
        )
    return inside


def _check_pair(images, reconstruction):
    check_images(images, empty=False)
    check_images(reconstruction, "reconstruction")
    check_same_shape("reconstruction", reconstruction, "the images'", images.shape)
