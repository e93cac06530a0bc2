"""The warping family: images moved along a field, and a velocity followed for a unit of time."""

import keras
from keras import ops

from course_utils.checks import check_same_shape, check_whole


@keras.saving.register_keras_serializable(package="course_utils")
class SpatialTransformer(keras.layers.Layer):
    """Warps images: each pixel p of the result looks up the image at p + displacement(p), between pixels bilinearly.

    So a displacement says where a pixel comes from, not where it goes; one of (0, 1) moves a picture to the left. What
    lies beyond the border looks like the border. It is computed in float32 whatever comes in.

    >>> image = np.reshape([1.0, 2.0, 4.0], (1, 1, 3, 1))
    >>> right = np.full((1, 1, 3, 1), 0.5)  # half a pixel to the right
    >>> print(ops.convert_to_numpy(SpatialTransformer()([image, np.concatenate([0 * right, right], -1)]))[0, 0, :, 0])
    [1.5 3.  4. ]

    Call arguments:
        inputs: pair `[images, displacement]` of `(batch, height, width, channels)` and `(batch, height, width, 2)`,
            the latter (down, right), in pixels.

    Returns:
        Tensor `(batch, height, width, channels)`. Gradients reach both inputs. Where a displacement ends exactly on a
        pixel, its gradient is that of the step to the next one down or right.

    Raises:
        ValueError: if the inputs are no such pair or their sides are not known.

    Reference:
        Jaderberg, Simonyan, Zisserman & Kavukcuoglu, Spatial transformer networks, 2015, section 3.3; there the
        displaced positions themselves come in.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        if not isinstance(inputs, (tuple, list)) or len(inputs) != 2:
            raise ValueError(f"`inputs` must be the pair [images, displacement]. Received: inputs={inputs!r}")
        images, displacement = inputs
        _check_sides("images", images)
        check_same_shape(
            "displacement", displacement, "the images' batch and sides, and 2 components:", (*images.shape[:3], 2)
        )
        return _warp(ops.cast(images, "float32"), ops.cast(displacement, "float32"))


@keras.saving.register_keras_serializable(package="course_utils")
class VectorIntegration(keras.layers.Layer):
    """Follows a velocity that doesn't change for a unit of time: from a velocity v to the displacement of exp(v).

    Scaling and squaring: a step of v / 2ⁿ is short enough to be taken straight, and n times the way so far is walked
    twice: u(p) ← u(p) + u(p + u(p)), looked up as in `SpatialTransformer`. The result is a map that has an inverse,
    exp(-v), up to the errors of pixels and steps. It is computed in float32 whatever comes in.

    >>> velocity = np.full((1, 4, 4, 2), 1.5)  # the same everywhere, so nobody ever turns
    >>> print(ops.convert_to_numpy(VectorIntegration(7)(velocity))[0, 0, 0])
    [1.5 1.5]

    Args:
        steps: number n of squarings, a whole number; 0 returns the velocity itself.

    Call arguments:
        inputs: velocity `(batch, height, width, 2)`, (down, right), in pixels per unit of time.

    Returns:
        Displacement of the same shape, in pixels.

    Raises:
        ValueError: if `steps` is no non-negative whole number or the inputs are no such tensor with known sides.

    Reference:
        Arsigny, Commowick, Pennec & Ayache, A log-Euclidean framework for statistics on diffeomorphisms, 2006;
        Dalca, Balakrishnan, Guttag & Sabuncu, Unsupervised learning for fast probabilistic diffeomorphic
        registration, 2018.
    """

    def __init__(self, steps=7, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.steps = check_whole("steps", steps, least=0)

    def call(self, inputs):
        _check_sides("inputs", inputs)
        check_same_shape("inputs", inputs, "a field's", (*inputs.shape[:3], 2))
        displacement = ops.cast(inputs, "float32") / 2**self.steps
        for _ in range(self.steps):
            displacement = displacement + _warp(displacement, displacement)
        return displacement

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}


def _warp(images, displacement):
    """Looks four neighbours up by their numbers, all in one gather.

    Hat functions as matrix products, relu(1 - |position - row|), need no gather, but on a CPU an integration and its
    gradient took them two to four times as long, and where a position is a whole number they have no gradient.
    """
    _, height, width, channels = images.shape
    first = ops.expand_dims(ops.arange(ops.shape(images)[0]) * (height * width), -1)  # pixel of each image
    upper, lower, down = _neighbours(displacement[..., 0], ops.reshape(ops.arange(height), (1, -1, 1)), height)
    left, right, across = _neighbours(displacement[..., 1], ops.reshape(ops.arange(width), (1, 1, -1)), width)
    upper, lower = first + upper * width, first + lower * width
    corners = ops.stack([upper + left, upper + right, lower + left, lower + right])
    corners = ops.unstack(ops.take(ops.reshape(images, (-1, channels)), corners, axis=0), 4)
    above = corners[0] + across * (corners[1] - corners[0])
    below = corners[2] + across * (corners[3] - corners[2])
    return ops.reshape(above + down * (below - above), (-1, height, width, channels))


def _neighbours(displacement, places, side):
    """The two pixels around each place on one axis, and how far the way from the first to the second is gone."""
    position = ops.clip(displacement + ops.cast(places, "float32"), 0, side - 1)
    position = ops.reshape(position, (-1, displacement.shape[1] * displacement.shape[2]))
    before = ops.floor(position)
    whole = ops.clip(ops.cast(before, "int32"), 0, side - 1)  # NaN too looks up a pixel, and stays NaN in the share
    return whole, ops.minimum(whole + 1, side - 1), ops.expand_dims(position - ops.stop_gradient(before), -1)


def _check_sides(argument, tensor):
    if len(tensor.shape) != 4 or None in tensor.shape[1:]:
        wanted = "(batch, height, width, channels) with sides that are known"
        raise ValueError(f"`{argument}` must be {wanted}. Received: {argument} of shape {tuple(tensor.shape)}")
