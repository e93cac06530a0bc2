"""The unpooling family: what undoes a pooling."""

import keras
from keras import ops

from course_utils.checks import check_same_shape, check_whole


class _BlockLayer(keras.layers.Layer):
    """What the family shares: the side of its blocks, and images whose sides are known when the layer is built."""

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = check_whole("size", size)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        shapes = input_shape if isinstance(input_shape[0], (tuple, list)) else [input_shape]
        if any(None in shape[1:] for shape in shapes):
            raise ValueError(
                "Height, width and channels must be known, as in `keras.Input((28, 28, 1))`. "
                f"Received inputs of shape {input_shape}"
            )

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="course_utils")
class BedOfNails2D(_BlockLayer):
    """Upsamples by putting each value into the upper left corner of a block of zeros.

    >>> print(ops.convert_to_numpy(BedOfNails2D(2)(np.full((1, 1, 2, 1), 7.0)))[0, :, :, 0])
    [[7. 0. 7. 0.]
     [0. 0. 0. 0.]]

    Args:
        size: side of the block, a positive whole number.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, size · height, size · width, channels)`.

    Raises:
        ValueError: if `size` is no positive whole number or the inputs' sides are not known.
    """

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        blocks = ops.reshape(inputs, (-1, height, 1, width, 1, channels))
        zeros = self.size - 1
        blocks = ops.pad(blocks, ((0, 0), (0, 0), (0, zeros), (0, 0), (0, zeros), (0, 0)))
        return ops.reshape(blocks, (-1, self.size * height, self.size * width, channels))


@keras.saving.register_keras_serializable(package="course_utils")
class MaxPoolingWithPositions2D(_BlockLayer):
    """Max pooling that remembers where in its block each maximum stood.

    >>> maximum, position = MaxPoolingWithPositions2D(2)(np.reshape([1.0, 5.0, 2.0, 3.0], (1, 2, 2, 1)))
    >>> print(float(maximum[0, 0, 0, 0]), float(position[0, 0, 0, 0]))
    5.0 1.0

    Args:
        size: side of the block, a positive whole number.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`; height and width are multiples of `size`.

    Returns:
        Pair `(maxima, positions)`, both `(batch, height / size, width / size, channels)`. A position
        counts the places of its block row by row from 0 and is of the inputs' type.

    Raises:
        ValueError: if `size` is no positive whole number, or height or width is not known or no multiple of it.

    Reference:
        Zeiler & Fergus, Visualizing and understanding convolutional networks, 2014, section 2.1 ("switches").
    """

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        if height % self.size or width % self.size:
            raise ValueError(f"Height and width must be multiples of `size`={self.size}. Received: {inputs.shape}")
        rows, columns = height // self.size, width // self.size
        blocks = ops.reshape(inputs, (-1, rows, self.size, columns, self.size, channels))
        blocks = ops.transpose(blocks, (0, 1, 3, 5, 2, 4))
        blocks = ops.reshape(blocks, (-1, rows, columns, channels, self.size**2))
        return ops.max(blocks, axis=-1), ops.cast(ops.argmax(blocks, axis=-1), inputs.dtype)


@keras.saving.register_keras_serializable(package="course_utils")
class MaxUnpooling2D(_BlockLayer):
    """Upsamples by putting each value back where its pooling layer found the maximum, zeros elsewhere.

    Args:
        size: side of the block, that of the corresponding `MaxPoolingWithPositions2D`.

    Call arguments:
        inputs: pair `(values, positions)`, both `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, size · height, size · width, channels)`.

    Raises:
        ValueError: if `size` is no positive whole number, the shapes of the two differ or their sides are not known.

    Reference:
        Zeiler & Fergus, Visualizing and understanding convolutional networks, 2014, section 2.1.
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(size, **kwargs)
        self.input_spec = [self.input_spec, self.input_spec]

    def call(self, inputs):
        values, positions = inputs
        check_same_shape("positions", positions, "the values'", values.shape)
        _, height, width, channels = values.shape
        chosen = ops.one_hot(ops.cast(positions, "int32"), self.size**2, dtype=values.dtype)
        blocks = ops.expand_dims(values, -1) * chosen
        blocks = ops.reshape(blocks, (-1, height, width, channels, self.size, self.size))
        blocks = ops.transpose(blocks, (0, 1, 4, 2, 5, 3))
        return ops.reshape(blocks, (-1, self.size * height, self.size * width, channels))
