"""Negative log-likelihoods: nats per image, summed over pixels, shape `(batch,)`.

They are computed in float32 whatever comes in, as sums over pixels are too fine for the half precision of a GPU.
"""

import math

import keras
from keras import ops

from course_utils.checks import check_non_negative, check_same_shape


@keras.saving.register_keras_serializable(package="course_utils")
def bernoulli_nll(images, reconstruction):
    """-log p(images) if every pixel is an independent coin with the reconstruction as its probability.

    For grey images this is the summed binary cross-entropy, which is no likelihood but a common loss. Probabilities
    are held within [1e-7, 1 - 1e-7], so a pixel that was sure and wrong costs 16 nats and not infinitely many.

    >>> images, coins = np.ones((2, 28, 28, 1)), np.full((2, 28, 28, 1), 0.5)
    >>> print(np.round(bernoulli_nll(images, coins), 1))  # 784 ln 2
    [543.4 543.4]

    Args:
        images: targets in [0, 1], `(batch, height, width, channels)`.
        reconstruction: probabilities, of the same shape.

    Returns:
        Tensor `(batch,)`, in nats.

    Raises:
        ValueError: if the shapes differ.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix C.1.
    """
    images, reconstruction = _same_shape_in_float32(images, reconstruction)
    return _sum_over_pixels(ops.binary_crossentropy(images, reconstruction))


@keras.saving.register_keras_serializable(package="course_utils")
def gaussian_nll(images, reconstruction, sigma=1.0):
    """-log p(images) if every pixel is Gaussian around the reconstruction with standard deviation `sigma`.

    >>> images, means = np.zeros((1, 2, 2, 1)), np.ones((1, 2, 2, 1))
    >>> print(np.round(gaussian_nll(images, means, sigma=0.5), 2))  # 4 (1 / (2 · 0.5²) + ln(0.5 √(2π)))
    [8.9]

    Args:
        images: targets, `(batch, height, width, channels)`.
        reconstruction: means, of the same shape.
        sigma: positive standard deviation, in units of the grey scale.

    Returns:
        Tensor `(batch,)`, in nats.

    Raises:
        ValueError: if the shapes differ or `sigma` is not positive and finite.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix C.2.
    """
    sigma = check_non_negative("sigma", sigma, positive=True)
    images, reconstruction = _same_shape_in_float32(images, reconstruction)
    error = ops.square((images - reconstruction) / sigma) / 2
    return _sum_over_pixels(error + math.log(sigma) + math.log(2 * math.pi) / 2)


def _same_shape_in_float32(images, reconstruction):
    images, reconstruction = ops.cast(images, "float32"), ops.cast(reconstruction, "float32")
    check_same_shape("reconstruction", reconstruction, "the images'", images.shape)
    return images, reconstruction


def _sum_over_pixels(values):
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))
