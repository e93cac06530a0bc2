"""The unpooling family: what undoes a pooling."""

import keras
from keras import ops

from course_utils.checks import check_whole


@keras.saving.register_keras_serializable(package="course_utils")
class BedOfNails2D(keras.layers.Layer):
    """Upsamples by putting each value into the upper left corner of a block of zeros.

    Args:
        size: side of the block, a positive whole number.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, size · height, size · width, channels)`.
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = check_whole("size", size)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        blocks = ops.reshape(inputs, (-1, height, 1, width, 1, channels))
        zeros = self.size - 1
        blocks = ops.pad(blocks, ((0, 0), (0, 0), (0, zeros), (0, 0), (0, zeros), (0, 0)))
        return ops.reshape(blocks, (-1, self.size * height, self.size * width, channels))

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="course_utils")
class MaxPoolingWithPositions2D(keras.layers.Layer):
    """Max pooling that remembers where in its block each maximum stood.

    Args:
        size: side of the block, a positive whole number.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`; height and width are multiples of `size`.

    Returns:
        Pair `(maxima, positions)`, both `(batch, height / size, width / size, channels)`. A position
        counts the places of its block row by row from 0 and is of the inputs' type.

    Raises:
        ValueError: if height or width is no multiple of `size`.

    Reference:
        Zeiler & Fergus, Visualizing and understanding convolutional networks, 2014, section 2.1 ("switches").
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = check_whole("size", size)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        if height % self.size or width % self.size:
            raise ValueError(f"Height and width must be multiples of `size`={self.size}. Received: {inputs.shape}")
        rows, columns = height // self.size, width // self.size
        blocks = ops.reshape(inputs, (-1, rows, self.size, columns, self.size, channels))
        blocks = ops.transpose(blocks, (0, 1, 3, 5, 2, 4))
        blocks = ops.reshape(blocks, (-1, rows, columns, channels, self.size**2))
        return ops.max(blocks, axis=-1), ops.cast(ops.argmax(blocks, axis=-1), inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="course_utils")
class MaxUnpooling2D(keras.layers.Layer):
    """Upsamples by putting each value back where its pooling layer found the maximum, zeros elsewhere.

    Args:
        size: side of the block, that of the corresponding `MaxPoolingWithPositions2D`.

    Call arguments:
        inputs: pair `(values, positions)`, both `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, size · height, size · width, channels)`.

    Raises:
        ValueError: if the shapes of the two differ.

    Reference:
        Zeiler & Fergus, Visualizing and understanding convolutional networks, 2014, section 2.1.
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = check_whole("size", size)
        self.input_spec = [keras.layers.InputSpec(ndim=4), keras.layers.InputSpec(ndim=4)]

    def call(self, inputs):
        values, positions = inputs
        if tuple(values.shape) != tuple(positions.shape):
            raise ValueError(f"`positions` must have the values' shape {values.shape}. Received: {positions.shape}")
        _, height, width, channels = values.shape
        chosen = ops.one_hot(ops.cast(positions, "int32"), self.size**2, dtype=values.dtype)
        blocks = ops.expand_dims(values, -1) * chosen
        blocks = ops.reshape(blocks, (-1, height, width, channels, self.size, self.size))
        blocks = ops.transpose(blocks, (0, 1, 4, 2, 5, 3))
        return ops.reshape(blocks, (-1, self.size * height, self.size * width, channels))

    def get_config(self):
        return {**super().get_config(), "size": self.size}
