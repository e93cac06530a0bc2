"""Damage for autoencoders to undo. Each takes and returns images `(n, height, width, channels)` in [0, 1]."""

import numpy as np

from course_utils.data import check_images


def gaussian_noise(images, sigma, rng):
    """Adds independent Gaussian noise to every pixel and clips the result to [0, 1].

    Args:
        images: array in [0, 1].
        sigma: non-negative standard deviation, in units of the grey scale.
        rng: `numpy.random.Generator`.
    """
    check_images(images)
    if not sigma >= 0:  # also refuses NaN
        raise ValueError(f"`sigma` must be non-negative. Received: sigma={sigma}")
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    return np.clip(images + np.float32(sigma) * noise, 0, 1)


def salt_and_pepper(images, amount, rng):
    """Replaces a share of the pixels by black or white, each with even odds.

    Args:
        images: array in [0, 1].
        amount: share of the pixels, from 0 to 1.
        rng: `numpy.random.Generator`.
    """
    check_images(images)
    if not 0 <= amount <= 1:
        raise ValueError(f"`amount` must lie in [0, 1]. Received: amount={amount}")
    draw = rng.random((*images.shape[:3], 1), dtype=np.float32)
    damaged = np.where(draw < amount / 2, np.float32(0), images)
    return np.where(draw > 1 - amount / 2, np.float32(1), damaged)


def mask_block(images, size, rng):
    """Blackens one square block of each image, at a random place that lies within the image.

    Args:
        images: array in [0, 1].
        size: side of the block in pixels, from 0 to the image's shorter side.
        rng: `numpy.random.Generator`.
    """
    check_images(images)
    n, height, width, _ = images.shape
    if not 0 <= size <= min(height, width):
        raise ValueError(f"`size` must lie between 0 and {min(height, width)} pixels. Received: size={size}")
    top = rng.integers(0, height - size + 1, (n, 1, 1))
    left = rng.integers(0, width - size + 1, (n, 1, 1))
    row, column = np.arange(height)[:, np.newaxis], np.arange(width)
    inside = (row >= top) & (row < top + size) & (column >= left) & (column < left + size)
    return np.where(inside[..., np.newaxis], np.float32(0), images)
