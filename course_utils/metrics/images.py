"""How close two images are."""

import numpy as np

from course_utils.checks import check_images


def psnr(images, reconstruction):
    """Peak signal-to-noise ratio of each image, in decibels: 10 log10(1 / mean squared error).

    Args:
        images: array in [0, 1], `(n, height, width, channels)`.
        reconstruction: array in [0, 1], of the same shape.

    Returns:
        Array `(n,)`; infinite where the two are equal.
    """
    _check_pair(images, reconstruction)
    error = np.mean(np.square(images - reconstruction, dtype=np.float64), axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return -10 * np.log10(error)


def ssim(images, reconstruction):
    """Structural similarity of each image: 1 for equal images, about 0 for unrelated ones.

    Args:
        images: array in [0, 1], `(n, height, width, channels)`.
        reconstruction: array in [0, 1], of the same shape.

    Returns:
        Array `(n,)`.

    Reference:
        Wang, Bovik, Sheikh & Simoncelli, Image quality assessment, 2004; scikit-image's implementation.
    """
    from skimage.metrics import structural_similarity

    _check_pair(images, reconstruction)
    pairs = zip(images, reconstruction)
    return np.array([structural_similarity(a, b, data_range=1, channel_axis=-1) for a, b in pairs])


def _check_pair(images, reconstruction):
    check_images(images)
    check_images(reconstruction, "reconstruction")
    if images.shape != reconstruction.shape:
        raise ValueError(
            f"`reconstruction` must have the images' shape {images.shape}. Received: {reconstruction.shape}"
        )
