"""Masked convolutions: each pixel is computed from the pixels before it in reading order, and from no other."""

import keras
from keras import layers, ops

from course_utils.checks import check_channels_last, check_whole

STACKS = ("plain", "vertical", "horizontal")


@keras.saving.register_keras_serializable(package="course_utils")
class MaskedConv2D(layers.Layer):
    """Convolution whose kernel holds only what lies before its centre: row by row, and in a row from left to right.

    Three ways to say "before" (`stack`):

    - `"plain"`: the rows above, and the pixels to the left in the same row. Several on top of each other have a
      *blind spot*: they never see some pixels above and to the right.
    - `"vertical"`: whole rows, so that nothing above is out of sight; the pixels to the left are not seen.
    - `"horizontal"`: the pixels to the left in the same row alone.

    With `mask="A"` the centre is left out (for `"vertical"`: its row), with `"B"` it counts. The first layer of a model
    is an A, as its centre is the pixel to be predicted; those behind it are Bs, as their centre holds no more than
    what was allowed. What is masked is not computed: a vertical layer is half a square kernel, a horizontal half a row.

    >>> layer = MaskedConv2D(1, 3, mask="A", stack="horizontal", kernel_initializer="ones")
    >>> print(ops.convert_to_numpy(layer(np.reshape([1.0, 2.0, 4.0], (1, 1, 3, 1))))[0, 0, :, 0])
    [0. 1. 2.]

    Args:
        filters: channels of the result.
        kernel_size: side of the square kernel, an odd whole number.
        mask: `"A"` without the centre or `"B"` with it.
        stack: `"plain"`, `"vertical"` or `"horizontal"`.
        use_bias, kernel_initializer: as in Keras's layers.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, height, width, filters)`; beyond the border are zeros.

    Raises:
        ValueError: if a number is no positive whole one, `kernel_size` is even, `mask` or `stack` is none of these, or
            Keras is set to `channels_first`.

    Reference:
        van den Oord, Kalchbrenner & Kavukcuoglu, Pixel recurrent neural networks, 2016, section 3.4; for the two
        stacks: van den Oord et al., Conditional image generation with PixelCNN decoders, 2016, section 2.2.
    """

    def __init__(
        self, filters, kernel_size, *, mask, stack="plain", use_bias=True, kernel_initializer="glorot_uniform", **kwargs
    ):
        super().__init__(**kwargs)
        self.filters = check_whole("filters", filters)
        self.kernel_size = check_whole("kernel_size", kernel_size)
        if self.kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd, so that there is a centre. Received: {kernel_size}")
        for name, value, wanted in (("mask", mask, ("A", "B")), ("stack", stack, STACKS)):
            if value not in wanted:
                raise ValueError(f"`{name}` must be one of {', '.join(wanted)}. Received: {name}={value!r}")
        check_channels_last()
        self.mask, self.stack, self.use_bias = mask, stack, use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        side, half = self.kernel_size, self.kernel_size // 2
        with_centre = int(self.mask == "B")
        rows = {"plain": half + 1, "vertical": half + with_centre, "horizontal": 1}[self.stack]
        columns = half + with_centre if self.stack == "horizontal" else side
        if rows == 0 or columns == 0:
            raise ValueError("A kernel of one pixel without its centre sees nothing: take a larger `kernel_size`")
        shape = (rows, columns, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias") if self.use_bias else 0.0

    def call(self, inputs):
        half, centre_out = self.kernel_size // 2, int(self.mask == "A")
        height, width = inputs.shape[1:3]
        kernel = self.kernel
        if self.stack == "vertical":  # up to the row above, or to this row
            inputs, padding = inputs[:, : height - centre_out], ((half, 0), (half, half))
        elif self.stack == "horizontal":
            inputs, padding = inputs[:, :, : width - centre_out], ((0, 0), (half, 0))
        else:
            padding = ((half, 0), (half, half))
            last = ops.arange(self.kernel_size) < half + 1 - centre_out  # of the centre's row, what is left of it
            seen = ops.concatenate([ops.ones((half, self.kernel_size)), ops.cast(last, "float32")[None]])
            kernel = kernel * ops.cast(seen, kernel.dtype)[:, :, None, None]
        inputs = ops.pad(inputs, ((0, 0), *padding, (0, 0)))
        return ops.conv(inputs, kernel, padding="valid") + self.bias

    def get_config(self):
        config = {name: getattr(self, name) for name in ("filters", "kernel_size", "mask", "stack", "use_bias")}
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), **config, "kernel_initializer": initializer}


@keras.saving.register_keras_serializable(package="course_utils")
class PositionBias(layers.Layer):
    """Adds a learned number to each channel of each position: a convolution by itself doesn't know where it is.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`, of which all but the batch are known.

    Returns:
        Tensor of the same shape.
    """

    def build(self, input_shape):
        self.bias = self.add_weight(shape=tuple(input_shape[1:]), initializer="zeros", name="bias")

    def call(self, inputs):
        return inputs + self.bias
