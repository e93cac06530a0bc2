"""Damage for autoencoders to undo. Each takes and returns images `(n, height, width, channels)` in [0, 1]."""

import numpy as np

from course_utils.checks import check_images, check_non_negative, check_whole


def gaussian_noise(images, sigma, rng):
    """Adds independent Gaussian noise to every pixel and clips the result to [0, 1].

    >>> grey = np.full((1, 200, 200, 1), 0.5, np.float32)
    >>> print(f"{gaussian_noise(grey, 0.1, np.random.default_rng(0)).std():.2f}")
    0.10

    Args:
        images: array in [0, 1].
        sigma: non-negative standard deviation, in units of the grey scale.
        rng: `numpy.random.Generator`.

    Returns:
        float32 array of the same shape.

    Raises:
        ValueError: if `images` is no such array or `sigma` is negative or not finite.
    """
    check_images(images)
    sigma = check_non_negative("sigma", sigma)
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    return np.clip(images + sigma * noise, 0, 1).astype(np.float32)


def salt_and_pepper(images, amount, rng):
    """Replaces a share of the pixels by black or white, each with even odds.

    >>> grey = np.full((1, 2, 5, 1), 0.5, np.float32)
    >>> print(salt_and_pepper(grey, 0.8, np.random.default_rng(0))[0, :, :, 0])
    [[1.  1.  0.5 0.  0. ]
     [0.  0.  0.  0.  1. ]]

    Args:
        images: array in [0, 1].
        amount: share of the pixels, from 0 to 1.
        rng: `numpy.random.Generator`.

    Returns:
        float32 array of the same shape.

    Raises:
        ValueError: if `images` is no such array or `amount` does not lie in [0, 1].
    """
    check_images(images)
    amount = check_non_negative("amount", amount, most=1)
    draw = rng.random((*images.shape[:3], 1), dtype=np.float32)
    damaged = np.where(draw < amount / 2, 0, images)
    return np.where(draw > 1 - amount / 2, 1, damaged).astype(np.float32)


def mask_block(images, size, rng):
    """Blackens one square block of each image, at a random place that lies within the image.

    >>> white = np.ones((1, 4, 4, 1), np.float32)
    >>> print(mask_block(white, 2, np.random.default_rng(0))[0, :, :, 0])
    [[1. 1. 1. 1.]
     [1. 1. 1. 1.]
     [1. 0. 0. 1.]
     [1. 0. 0. 1.]]

    Args:
        images: array in [0, 1].
        size: side of the block in pixels, from 0 to the image's shorter side.
        rng: `numpy.random.Generator`.

    Returns:
        float32 array of the same shape.

    Raises:
        ValueError: if `images` is no such array or `size` no whole number of this range.
    """
    check_images(images)
    n, height, width, _ = images.shape
    size = check_whole("size", size, least=0, most=min(height, width))
    top = rng.integers(0, height - size + 1, (n, 1, 1))
    left = rng.integers(0, width - size + 1, (n, 1, 1))
    row, column = np.arange(height)[:, np.newaxis], np.arange(width)
    inside = (row >= top) & (row < top + size) & (column >= left) & (column < left + size)
    return np.where(inside[..., np.newaxis], 0, images).astype(np.float32)


def downsample(images, factor):
    """Averages blocks of `factor` × `factor` pixels into one.

    >>> image = np.arange(8, dtype=np.float32).reshape(1, 2, 4, 1) / 8
    >>> print(downsample(image, 2)[0, :, :, 0])
    [[0.3125 0.5625]]

    Args:
        images: array in [0, 1].
        factor: positive whole number that divides height and width.

    Returns:
        float32 array `(n, height / factor, width / factor, channels)`.

    Raises:
        ValueError: if `images` is no such array or `factor` does not divide its sides.
    """
    check_images(images)
    factor = check_whole("factor", factor)
    n, height, width, channels = images.shape
    if height % factor or width % factor:
        raise ValueError(
            f"`factor` must divide the images' sides. Received: factor={factor}, images of {height} × {width}"
        )
    blocks = images.reshape(n, height // factor, factor, width // factor, factor, channels)
    return blocks.mean(axis=(2, 4)).astype(np.float32)
