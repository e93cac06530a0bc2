"""How well a warp behaves: whether it folds, whether another undoes it; and how sharp an atlas is."""

import numpy as np

from course_utils.checks import check_images, check_same_shape, kind_of


def jacobian_determinant(displacement):
    """By how much the map p + displacement(p) stretches the area at each pixel; 0 or less where it folds.

    det(I + ∇u) with forward differences of the displacement u: 1 where nothing changes.

    >>> downwards = np.zeros((1, 3, 3, 2))
    >>> downwards[..., 0] = 0.5 * np.arange(3)[:, np.newaxis]  # rows move apart
    >>> print(jacobian_determinant(downwards)[0])
    [[1.5 1.5]
     [1.5 1.5]]

    Args:
        displacement: array `(n, height, width, 2)`, (down, right), in pixels; sides of at least 2.

    Returns:
        float64 array `(n, height - 1, width - 1)`.

    Raises:
        ValueError: if the displacement is no such array of finite numbers.
    """
    field = _field("displacement", displacement)
    down = np.diff(field, axis=1)[:, :, :-1]
    right = np.diff(field, axis=2)[:, :-1]
    return (1 + down[..., 0]) * (1 + right[..., 1]) - down[..., 1] * right[..., 0]


def folded_share(displacement):
    """Share of the pixels at which each displacement folds: those with a `jacobian_determinant` of 0 or less.

    >>> print(folded_share(np.zeros((2, 4, 4, 2))))
    [0. 0.]

    Args:
        displacement: array `(n, height, width, 2)`, (down, right), in pixels; sides of at least 2.

    Returns:
        Array `(n,)`, from 0 to 1.

    Raises:
        ValueError: if the displacement is no such array of finite numbers.
    """
    return np.mean(jacobian_determinant(displacement) <= 0, axis=(1, 2))


def inverse_error(forward, backward):
    """How far from its start a pixel ends that goes along `backward` and from there along `forward`, in pixels.

    The mean over all pixels of the length of backward(p) + forward(p + backward(p)), looked up bilinearly and at the
    border beyond it. It is 0 where one undoes the other: give it the displacements of exp(v) and exp(-v).

    >>> shift = np.full((1, 5, 5, 2), 0.5)
    >>> print(inverse_error(shift, -shift))
    [0.]

    Args:
        forward: array `(n, height, width, 2)`, (down, right), in pixels; sides of at least 2.
        backward: array of the same shape.

    Returns:
        Array `(n,)`, in pixels.

    Raises:
        ValueError: if one is no such array of finite numbers, or their shapes differ.
    """
    from scipy.ndimage import map_coordinates

    forward, backward = _field("forward", forward), _field("backward", backward)
    check_same_shape("backward", backward, "the forward displacement's", forward.shape)
    places = np.moveaxis(backward, -1, 1) + np.indices(forward.shape[1:3])  # (n, 2, height, width)
    onwards = [
        [map_coordinates(field[..., axis], place, order=1, mode="nearest") for axis in (0, 1)]
        for field, place in zip(forward, places)
    ]
    total = backward + np.moveaxis(np.reshape(onwards, places.shape), 1, -1)
    return np.mean(np.linalg.norm(total, axis=-1), axis=(1, 2))


def gradient_energy(images):
    """How much contrast the edges of each image have: the sum of its squared forward differences, down and right.

    >>> edge = np.zeros((1, 4, 4, 1))
    >>> edge[:, :, 2:] = 1  # one edge, four pixels long
    >>> print(gradient_energy(edge))
    [4.]

    Args:
        images: array in [0, 1], `(n, height, width, channels)`.

    Returns:
        float64 array `(n,)`.

    Raises:
        ValueError: if `images` is no such array.
    """
    check_images(images)
    images = images.astype(np.float64)
    return sum(np.sum(np.square(np.diff(images, axis=axis)), axis=(1, 2, 3)) for axis in (1, 2))


def _field(argument, array):
    """Returns a field as a float64 array, or raises a ValueError that names `argument`."""
    wanted = "an array (n, height, width, 2) with sides of at least 2"
    right = isinstance(array, np.ndarray) and array.ndim == 4 and array.shape[3] == 2 and min(array.shape[1:3]) > 1
    if not right or array.dtype.kind not in "fiu":
        raise ValueError(f"`{argument}` must be {wanted}. Received: {kind_of(array)}")
    if not np.isfinite(array).all():
        raise ValueError(f"`{argument}` must hold finite numbers. Received: NaN or infinity")
    return array.astype(np.float64)
