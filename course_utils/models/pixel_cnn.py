"""The PixelCNN: a distribution over grids of whole numbers, one entry after the other."""

import keras
from keras import layers, ops

from course_utils.checks import check_whole, check_wholes
from course_utils.layers import MaskedConv2D, PositionBias


def build_pixel_cnn(grid, n_values, *, filters=16, n_blocks=10, first_size=7, n_classes=0):
    """A network that says of each entry of a grid, from those before it in reading order, how likely each value is.

    A vertical stack of masked convolutions sees all rows above, a horizontal one the entries to the left, and what the
    vertical one found besides. Both are residual. A learned bias of each position tells them where they are.

    >>> build_pixel_cnn((7, 7), 128, first_size=3).output.shape
    (None, 7, 7, 128)

    Args:
        grid: `(rows, columns)`, such as (28, 28) for the pixels of a digit.
        n_values: number of values an entry can take: 2 for black and white, K for codes of a codebook of K entries.
        filters: channels of both stacks.
        n_blocks: residual blocks; each looks one row and one column further.
        first_size: side of the first kernel, odd, at least 3.
        n_classes: width of the one-hot labels by which the network is told the class; 0 for none. A label of zeros
            stands for "any class".

    Returns:
        A `keras.Model` from whole numbers `(batch, rows, columns)`, or from the pair of these and labels
        `(batch, n_classes)`, to logits `(batch, rows, columns, n_values)`, float32 always.

    Raises:
        ValueError: if a number is no positive whole one, `n_values` or `first_size` is too small, or `first_size` even.

    Reference:
        van den Oord et al., Conditional image generation with PixelCNN decoders, 2016; there the units are gated, and
        the position counts only where it is told from outside (section 2.3).
    """
    grid = check_wholes("grid", grid)
    if len(grid) != 2:
        raise ValueError(f"`grid` must be (rows, columns). Received: grid={grid!r}")
    n_values, n_classes = check_whole("n_values", n_values, least=2), check_whole("n_classes", n_classes, least=0)
    filters, n_blocks = check_whole("filters", filters), check_whole("n_blocks", n_blocks)
    first = {"kernel_size": check_whole("first_size", first_size, least=3), "mask": "A"}

    values, labels = keras.Input(grid, dtype="int32", name="values"), keras.Input((n_classes,), name="labels")
    one_hot = ops.one_hot(values, n_values)
    above = MaskedConv2D(filters, stack="vertical", **first)(one_hot)
    left = layers.Add()([MaskedConv2D(filters, stack="horizontal", **first)(one_hot), layers.Conv2D(filters, 1)(above)])
    above, left = PositionBias()(above), PositionBias()(left)
    if n_classes:
        above, left = (x + layers.Dense(filters, use_bias=False)(labels)[:, None, None] for x in (above, left))
    for _ in range(n_blocks):
        above, left = _block(above, left, filters)
    logits = layers.Conv2D(n_values, 1, dtype="float32", name="logits")(layers.ReLU()(left))
    return keras.Model([values, labels] if n_classes else values, logits, name="pixel_cnn")


def _block(above, left, filters):
    """A step of the vertical stack, and one of the horizontal stack that looks at it."""
    step = {"filters": filters, "kernel_size": 3, "mask": "B"}
    above = layers.Add()([above, MaskedConv2D(stack="vertical", use_bias=False, **step)(layers.ReLU()(above))])
    x = layers.Add()(
        [MaskedConv2D(stack="horizontal", **step)(layers.ReLU()(left)), layers.Conv2D(filters, 1)(layers.ReLU()(above))]
    )
    return above, layers.Add()([left, layers.Conv2D(filters, 1, use_bias=False)(layers.ReLU()(x))])
