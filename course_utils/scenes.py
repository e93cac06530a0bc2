"""Scenes to take apart: a digit in clutter, two digits on top of each other; each with the masks of what is in it."""

import numpy as np

from course_utils.checks import check_images, check_whole

THRESHOLD = 0.5  # a pixel of a digit above it belongs to its mask


def digit_in_clutter(images, rng, *, crops=16, side=40):
    """Puts each digit at a random place among small square pieces of other digits.

    Where things meet, the brighter pixel is seen. The pieces are 6 × 6 pixels, cut from random places of random other
    images of the same array; about four in ten are blank.

    >>> digits = np.random.default_rng(0).random((3, 28, 28, 1))
    >>> scenes, masks = digit_in_clutter(digits, np.random.default_rng(0))
    >>> print(scenes.shape, masks.shape, np.unique(masks))
    (3, 40, 40, 1) (3, 40, 40, 1) [0. 1.]

    Args:
        images: array in [0, 1], `(n, height, width, 1)`, n at least 2.
        rng: `numpy.random.Generator`.
        crops: how many pieces a scene has.
        side: height and width of a scene in pixels, at least those of an image.

    Returns:
        scenes and the masks of their digits, both float32 `(n, side, side, 1)`: what `FreshBatches` asks for.

    Raises:
        ValueError: if `images` is no such array, or a number is out of its range.
    """
    side = _check(images, side)
    crops = check_whole("crops", crops, least=0)
    digits = _placed(images, side, rng)
    scenes = digits.copy()
    _paste_pieces(scenes[..., 0], images[..., 0], crops, 6, rng)
    return scenes, (digits > THRESHOLD).astype(np.float32)


def overlapping_digits(images, rng, *, side=36):
    """Puts each digit and another one of the array at random places of a scene in which they mostly overlap.

    Where the two meet, the brighter pixel is seen.

    Args:
        images: array in [0, 1], `(n, height, width, 1)`, n at least 2.
        rng: `numpy.random.Generator`.
        side: height and width of a scene in pixels, at least those of an image.

    Returns:
        scenes, float32 `(n, side, side, 1)`, and the masks of both digits, the image's own first, float32
        `(n, side, side, 2)`: what `FreshBatches` asks for.

    Raises:
        ValueError: if `images` is no such array, or `side` is too small.
    """
    scenes, masks, _ = _overlapping(images, rng, side)
    return scenes, masks


def overlapping_classes(images, labels, rng, *, side=36):
    """The scenes of `overlapping_digits`, with a mask for each class instead of each digit.

    Args:
        images, rng, side: as there.
        labels: whole numbers `(n,)` from 0 to 9.

    Returns:
        scenes, float32 `(n, side, side, 1)`, and masks, float32 `(n, side, side, 10)`: 1 where a digit of a class is.

    Raises:
        ValueError: as there, or if `labels` are no such numbers.
    """
    _check_labels(labels, images)
    scenes, masks, partners = _overlapping(images, rng, side)
    own, other = masks[..., :1] * _one_hot(labels), masks[..., 1:] * _one_hot(labels[partners])
    return scenes, np.maximum(own, other, out=own)


def single_classes(images, labels, rng, *, side=36):
    """As `overlapping_classes`, but with one digit a scene: what to learn first.

    Args:
        images, labels, rng, side: as there.

    Returns:
        scenes `(n, side, side, 1)` and masks `(n, side, side, 10)`, as there.

    Raises:
        ValueError: as there.
    """
    _check_labels(labels, images)
    scenes, masks = digit_in_clutter(images, rng, crops=0, side=side)
    return scenes, masks * _one_hot(labels)


def _overlapping(images, rng, side):
    """Scenes of two digits, their masks, and which image the second digit is, `(n,)`."""
    side = _check(images, side)
    partners = _others(len(images), (), rng)
    both = np.concatenate([_placed(images, side, rng), _placed(images[partners], side, rng)], axis=-1)
    return both.max(axis=-1, keepdims=True), (both > THRESHOLD).astype(np.float32), partners


def _check_labels(labels, images):
    whole = isinstance(labels, np.ndarray) and labels.dtype.kind in "iu" and labels.ndim == 1
    if not whole or len(labels) != len(images) or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"`labels` must be whole numbers from 0 to 9, one per image. Received: labels={labels!r}")


def _one_hot(labels):
    """As masks are multiplied by it: `(n, 1, 1, 10)`."""
    return np.eye(10, dtype=np.float32)[labels][:, np.newaxis, np.newaxis]


def _check(images, side):
    check_images(images)
    if len(images) < 2 or images.shape[-1] != 1:
        raise ValueError(f"`images` must be at least two, of one channel each. Received: {images.shape}")
    return check_whole("side", side, least=max(images.shape[1:3]))


def _placed(images, side, rng):
    """Each image at a random place of a black canvas `(n, side, side, 1)`."""
    n, height, width, _ = images.shape
    canvas = np.zeros((n, side, side, 1), np.float32)
    tops, lefts = rng.integers(side - height + 1, size=n), rng.integers(side - width + 1, size=n)
    for own, image, top, left in zip(canvas, images, tops, lefts):
        own[top : top + height, left : left + width] = image
    return canvas


def _others(n, shape, rng):
    """For each of n images, indices of others, never its own: `(n, *shape)`."""
    steps = rng.integers(1, n, size=(n, *shape))
    return (np.arange(n).reshape(n, *(1 for _ in shape)) + steps) % n


def _paste_pieces(scenes, images, number, size, rng):
    """Brightens scenes `(n, side, side)` in place by square pieces of other images; all at once, for speed."""
    (n, side, _), (_, height, width) = scenes.shape, images.shape
    shape, (rows, columns) = (n, number, 1, 1), np.indices((size, size))

    def corners(high, wide):
        return rng.integers(high - size + 1, size=shape), rng.integers(wide - size + 1, size=shape)

    sources = _others(n, (number,), rng)[..., np.newaxis, np.newaxis]
    (top, left), (y, x) = corners(height, width), corners(side, side)
    pieces = images[sources, top + rows, left + columns]
    places = (np.arange(n).reshape(n, 1, 1, 1) * side + y + rows) * side + x + columns
    np.maximum.at(scenes.reshape(-1), places.ravel(), pieces.ravel())
