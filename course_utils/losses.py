"""Losses of each image, shape `(batch,)`: negative log-likelihoods in nats, Dice's, registration's.

They are computed in float32 whatever comes in, as sums over pixels are too fine for the half precision of a GPU.
"""

import itertools
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
def categorical_nll(values, logits):
    """-log p(values) of grids of whole numbers if the softmax of the logits says how likely each value is.

    >>> print(np.round(categorical_nll(np.zeros((1, 7, 7)), np.zeros((1, 7, 7, 128))), 1))  # 49 ln 128
    [237.7]

    Args:
        values: whole numbers from 0 to K - 1, `(batch, ...)`.
        logits: `(batch, ..., K)`.

    Returns:
        Tensor `(batch,)`, in nats.

    Raises:
        ValueError: if the shapes don't fit together.
    """
    check_same_shape("logits", logits, "the values' and K:", (*values.shape, logits.shape[-1]))
    cost = ops.sparse_categorical_crossentropy(values, ops.cast(logits, "float32"), from_logits=True)
    return ops.sum(ops.reshape(cost, (ops.shape(cost)[0], -1)), axis=1)


@keras.saving.register_keras_serializable(package="course_utils")
def sentence_nll(sentences, logits):
    """-log p(sentence): as `categorical_nll`, but zeros, which fill a row after the sentence's end, cost nothing.

    >>> sentences, logits = np.array([[5, 3, 1, 0, 0]]), np.zeros((1, 5, 8))
    >>> print(np.round(sentence_nll(sentences, logits), 2))  # two words and the end: 3 ln 8
    [6.24]

    Args:
        sentences: whole numbers from 0 to K - 1, `(batch, length)`.
        logits: `(batch, length, K)`.

    Returns:
        Tensor `(batch,)`, in nats.

    Raises:
        ValueError: if the shapes don't fit together.
    """
    check_same_shape("logits", logits, "the sentences' and K:", (*sentences.shape, logits.shape[-1]))
    cost = ops.sparse_categorical_crossentropy(sentences, ops.cast(logits, "float32"), from_logits=True)
    return ops.sum(ops.where(ops.not_equal(sentences, 0), cost, 0.0), axis=1)


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


@keras.saving.register_keras_serializable(package="course_utils")
def soft_dice_loss(masks, probabilities):
    """1 minus the Dice coefficient, with probabilities in the place of the guessed mask; over all pixels and channels.

    One pixel that is surely right is added to both, so an empty mask has a loss as well: 0 if it is met.

    >>> masks, halves = np.ones((1, 3, 3, 1)), np.full((1, 3, 3, 1), 0.5)
    >>> print(np.round(soft_dice_loss(masks, halves), 3))  # 1 - (2 · 4.5 + 1) / (9 + 4.5 + 1)
    [0.31]

    Args:
        masks: targets, zeros and ones, `(batch, height, width, channels)`.
        probabilities: of the same shape.

    Returns:
        Tensor `(batch,)`, from 0 to 1.

    Raises:
        ValueError: if the shapes differ.

    Reference:
        Milletari, Navab & Ahmadi, V-Net, 2016; there with squares in the denominator.
    """
    masks, probabilities = _same_shape_in_float32(masks, probabilities, "probabilities", "the masks'")
    both = _sum_over_pixels(masks * probabilities)
    return 1 - (2 * both + 1) / (_sum_over_pixels(masks) + _sum_over_pixels(probabilities) + 1)


@keras.saving.register_keras_serializable(package="course_utils")
def permutation_invariant_nll(masks, probabilities):
    """The least `bernoulli_nll` over all orders of the masks' channels: whoever comes first, the loss is the same.

    For k channels it looks at k² pairs and k! orders, so for few.

    >>> masks = np.stack([np.eye(4), 1 - np.eye(4)], axis=-1)[np.newaxis]
    >>> print(np.round(permutation_invariant_nll(masks, masks[..., ::-1]), 3))
    [0.]

    Args:
        masks: targets in [0, 1], `(batch, height, width, k)`.
        probabilities: of the same shape.

    Returns:
        Tensor `(batch,)`, in nats.

    Raises:
        ValueError: if the shapes differ.

    Reference:
        Yu, Kolbæk, Tan & Jensen, Permutation invariant training of deep models for speech separation, 2017.
    """
    masks, probabilities = _same_shape_in_float32(masks, probabilities, "probabilities", "the masks'")
    probabilities = ops.clip(probabilities, 1e-7, 1 - 1e-7)
    pairs = -ops.einsum("bhwi,bhwj->bij", masks, ops.log(probabilities))
    pairs -= ops.einsum("bhwi,bhwj->bij", 1 - masks, ops.log(1 - probabilities))  # mask i by the probabilities j
    orders = itertools.permutations(range(masks.shape[-1]))
    costs = [sum(pairs[:, i, j] for i, j in enumerate(order)) for order in orders]
    return ops.min(ops.stack(costs), axis=0)


@keras.saving.register_keras_serializable(package="course_utils")
def squared_error(images, reconstruction):
    """Sum over pixels and channels of (images - reconstruction)².

    >>> print(ops.convert_to_numpy(squared_error(np.zeros((1, 2, 2, 1)), np.full((1, 2, 2, 1), 0.5))))
    [1.]

    Args:
        images: targets, `(batch, height, width, channels)`.
        reconstruction: of the same shape.

    Returns:
        Tensor `(batch,)`, in squared units of the grey scale.

    Raises:
        ValueError: if the shapes differ.
    """
    images, reconstruction = _same_shape_in_float32(images, reconstruction)
    return _sum_over_pixels(ops.square(images - reconstruction))


def roughness(field):
    """Sum over pixels and components of a field's squared differences from one pixel to the next, down and right.

    >>> field = np.zeros((1, 2, 3, 2))
    >>> field[..., 1] = 0.5 * np.arange(3)  # to the right it grows by a half a pixel, four times
    >>> print(ops.convert_to_numpy(roughness(field)))
    [1.]

    Args:
        field: velocity or displacement, `(batch, height, width, 2)`, in pixels.

    Returns:
        Tensor `(batch,)`, in squared pixels.

    Reference:
        Balakrishnan, Zhao, Sabuncu, Guttag & Dalca, VoxelMorph, 2019, equation 6.
    """
    field = ops.cast(field, "float32")
    down, right = field[:, 1:] - field[:, :-1], field[:, :, 1:] - field[:, :, :-1]
    return _sum_over_pixels(ops.square(down)) + _sum_over_pixels(ops.square(right))


def _same_shape_in_float32(images, reconstruction, argument="reconstruction", whose="the images'"):
    images, reconstruction = ops.cast(images, "float32"), ops.cast(reconstruction, "float32")
    check_same_shape(argument, reconstruction, whose, images.shape)
    return images, reconstruction


def _sum_over_pixels(values):
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))
