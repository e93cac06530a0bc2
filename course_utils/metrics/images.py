"""How close two images are."""

import numpy as np

from course_utils.checks import check_images, check_same_shape


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


def _check_pair(images, reconstruction):
    check_images(images, empty=False)
    check_images(reconstruction, "reconstruction")
    check_same_shape("reconstruction", reconstruction, "the images'", images.shape)
