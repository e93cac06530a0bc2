"""Negative log-likelihoods: nats per image, summed over pixels, shape `(batch,)`."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="course_utils")
def bernoulli_nll(images, reconstruction):
    """-log p(images) if every pixel is an independent coin with the reconstruction as its probability.

    For grey images this is the summed binary cross-entropy, which is no likelihood but a common loss.

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
    _check_shapes(images, reconstruction)
    return _sum_over_pixels(ops.binary_crossentropy(images, reconstruction))


@keras.saving.register_keras_serializable(package="course_utils")
def gaussian_nll(images, reconstruction, sigma=1.0):
    """-log p(images) if every pixel is Gaussian around the reconstruction with standard deviation `sigma`.

    Args:
        images: targets, `(batch, height, width, channels)`.
        reconstruction: means, of the same shape.
        sigma: positive standard deviation, in units of the grey scale.

    Returns:
        Tensor `(batch,)`, in nats.

    Raises:
        ValueError: if the shapes differ or `sigma` is not positive.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix C.2.
    """
    _check_shapes(images, reconstruction)
    if not sigma > 0:  # also refuses NaN
        raise ValueError(f"`sigma` must be positive. Received: sigma={sigma}")
    error = ops.square((images - reconstruction) / sigma) / 2
    return _sum_over_pixels(error + math.log(sigma) + math.log(2 * math.pi) / 2)


def _sum_over_pixels(values):
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))


def _check_shapes(images, reconstruction):
    expected, received = ops.shape(images), ops.shape(reconstruction)
    if expected[1:] != received[1:]:
        raise ValueError(f"`reconstruction` must have the images' shape {expected}. Received: {received}")
