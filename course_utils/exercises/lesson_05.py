"""Exercises of lesson 05: the convolutional autoencoder."""

import keras
import numpy as np
from keras import layers, ops

from course_utils.exercises import Prediction, as_whole, exercise
from course_utils.exercises.answers import Wrong
from course_utils.exercises.models import called_once, on_data, weight_shapes
from course_utils.layers import MaxPoolingWithPositions2D


def _counts_the_places(output_size):
    for size, kernel, stride, padding in [(28, 1, 1, 0), (28, 3, 1, 1), (28, 3, 1, 0), (28, 3, 2, 1), (7, 2, 2, 0)]:
        places = len(range(-padding, size + padding - kernel + 1, stride))
        got = output_size(size, kernel, stride, padding)
        if got != places:
            return (
                f"A kernel of {kernel} with stride {stride} and padding {padding} has {places} places "
                f"on {size} pixels, not {got}"
            )
    return None


def _any_line(rng):
    for _ in range(30):
        kernel = int(rng.integers(1, 8))
        yield int(rng.integers(kernel, 40)), kernel, int(rng.integers(1, 6)), int(rng.integers(0, 5))


@exercise(
    checks=[_counts_the_places],
    hint="The first place is free; how many more strides fit into what is left of the padded line? "
    "The padding is added on both sides. Whole division is `//`.",
    returns=as_whole,
    cases=_any_line,
)
def output_size(size, kernel, stride, padding):
    """How many places a kernel has on a line of `size` pixels with `padding` zeros on each side."""
    return (size + 2 * padding - kernel) // stride + 1


smallest_shift = Prediction(
    "smallest_shift",
    "What is the smallest shift of the image after which two convolutions of stride 2 in a row give the same numbers, "
    "moved?",
    "The second convolution needs a map that moves by an even number of pixels, say by 2, and the map of the first "
    "moves by 2 if the image moves by 4. Each further stride of 2 doubles the shift again.",
    "By how much must the result of the first convolution move, so that the second one's just moves? And by how much "
    "must the image move for that?",
    unit="pixels",
    within=0,
)


def _numbers(batch, height, width, channels):
    """Different numbers in every place: 1, 2, 3, …"""
    count = batch * height * width * channels
    return np.arange(1, count + 1, dtype=np.float32).reshape(batch, height, width, channels)


def _doubles_the_sides(upsample):
    got = upsample(_numbers(2, 2, 3, 4)).shape
    if got != (2, 4, 6, 4):
        return f"(2, 2, 3, 4) must become (2, 4, 6, 4): twice the height and width, nothing else. Yours is {got}"
    return None


def _fills_blocks(upsample):
    images = _numbers(2, 2, 3, 4)
    got = upsample(images)
    for row, column in np.ndindex(2, 2):
        if not np.array_equal(got[:, row::2, column::2], images):
            first = got[0, :2, :2, 0].tolist()
            return f"A pixel must fill its 2 × 2 block: the upper left block must be all 1, yours is {first}"
    return None


@exercise(
    checks=[_doubles_the_sides, _fills_blocks],
    hint="`ops.repeat(x, 2, axis=...)` repeats every entry along one axis. Which two axes are height and width?",
    cases=lambda rng: [(rng.normal(size=(3, 2, 5, 4)).astype("float32"),)],
    gradients=("images",),
)
def upsample(images):
    """Nearest neighbour: (batch, height, width, channels) to (batch, 2 · height, 2 · width, channels)."""
    return ops.repeat(ops.repeat(images, 2, axis=1), 2, axis=2)


def _unpools_to_double(max_unpool):
    got = max_unpool(_numbers(2, 2, 3, 4), np.zeros((2, 2, 3, 4), np.float32)).shape
    if got != (2, 4, 6, 4):
        return f"Values of shape (2, 2, 3, 4) must become (2, 4, 6, 4), yours are {got}"
    return None


def _respects_the_position(max_unpool):
    for position, place in enumerate(("upper left", "upper right", "lower left", "lower right")):
        got = max_unpool(np.full((1, 1, 1, 1), 5, np.float32), np.full((1, 1, 1, 1), position, np.float32))
        block = np.zeros((2, 2))
        block[position // 2, position % 2] = 5
        if got.dtype == bool:
            return (
                "The result holds True and False. Compare first, then choose between the values and 0 with `ops.where`"
            )
        if not np.array_equal(got[0, ..., 0], block):
            return (
                f"Value 5 with position {position} belongs in the {place} corner of zeros, "
                f"{block.tolist()}, yours is {got[0, ..., 0].tolist()}"
            )
    return None


def _undoes_the_pooling(max_unpool):
    images = np.abs(np.sin(_numbers(2, 4, 6, 3)))
    pool = MaxPoolingWithPositions2D(2)
    values, positions = (ops.convert_to_numpy(part) for part in pool(images))
    unpooled = max_unpool(values, positions)
    kept = unpooled != 0
    if kept.sum() != values.size:
        return f"{values.size} maxima must give {values.size} values that are not 0, yours are {kept.sum()}"
    if not np.array_equal(unpooled[kept], images[kept]):
        return "Every maximum must return to the pixel that it came from; some of yours stand elsewhere"
    return None


@exercise(
    checks=[_unpools_to_double, _respects_the_position, _undoes_the_pooling],
    hint="Upsample values and positions by nearest neighbour. A pixel keeps its value where the position equals the "
    "pixel's own number in its block, 0 1 / 2 3, which `ops.tile` spreads over the image; `ops.where` does the rest.",
    cases=lambda rng: [
        (rng.normal(size=(3, 2, 5, 4)).astype("float32"), rng.integers(0, 4, (3, 2, 5, 4)).astype("float32"))
    ],
    gradients=("values",),
)
def max_unpool(values, positions):
    """Puts each value into its 2 × 2 block at its position (0 1 / 2 3), zeros elsewhere."""
    _, height, width, _ = values.shape
    own_number = ops.tile(ops.convert_to_tensor([[0.0, 1.0], [2.0, 3.0]]), (height, width))[None, :, :, None]
    values, positions = (ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2) for x in (values, positions))
    return ops.where(positions == own_number, values, 0.0)


def _as_pair(pair, latent_dim):
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(m, keras.Model) for m in pair):
        raise Wrong(f"The answer must be a pair of Keras models, `encoder, decoder`, yours is a {type(pair).__name__}")
    encoder, decoder = pair
    return called_once(encoder, (28, 28, 1)), called_once(decoder, (latent_dim,))


def _has_the_shapes(conv_pair):
    encoder, decoder = conv_pair(5)
    shape = on_data(encoder, np.zeros((2, 28, 28, 1))).shape
    if shape != (2, 5):
        return f"For `conv_pair(5)` two images must give codes of shape (2, 5), yours are {shape}"
    shape = on_data(decoder, np.zeros((2, 5))).shape
    if shape != (2, 28, 28, 1):
        return f"For `conv_pair(5)` two codes must give images of shape (2, 28, 28, 1), yours are {shape}"
    return None


def _is_convolutional_and_small(conv_pair):
    for name, model in zip(("encoder", "decoder"), conv_pair(32)):
        if not weight_shapes(model, 4):
            return f"The {name} must convolve: give it at least one convolutional layer"
        if model.count_params() > 150_000:
            return (
                f"At 32 numbers, the {name} must have at most 150,000 parameters, yours has {model.count_params():,}. "
                "Halve the sides before `Flatten`"
            )
    return None


def _ends_in_an_image(conv_pair):
    _, decoder = conv_pair(8)
    images = on_data(decoder, 1000 * np.cos(_numbers(1, 1, 16, 8)[0, 0]))
    if not (images.min() >= 0 and images.max() <= 1):
        return (
            f"The decoder's output must lie in [0, 1] for every code, yours goes from {images.min():.3g} "
            f"to {images.max():.3g}. Which activation ensures that?"
        )
    if images.max() == images.min():
        return "Different codes must give different images, yours are all the same"
    return None


@exercise(
    checks=[_has_the_shapes, _is_convolutional_and_small, _ends_in_an_image],
    hint="Encoder: `Conv2D(..., strides=2, padding='same')` twice, `Flatten`, `Dense(latent_dim)`. "
    "Decoder: `Dense` to 7 · 7 · channels numbers, `Reshape`, `Conv2DTranspose(..., strides=2, padding='same')` twice, "
    "the last one with a sigmoid.",
    returns=_as_pair,
)
def conv_pair(latent_dim):
    """An encoder from (28, 28, 1) to (latent_dim,) and a decoder back, both convolutional."""
    halve = {"kernel_size": 3, "strides": 2, "padding": "same"}
    encoder = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, activation="relu", **halve),
            layers.Conv2D(32, activation="relu", **halve),
            layers.Flatten(),
            layers.Dense(latent_dim),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.Input((latent_dim,)),
            layers.Dense(7 * 7 * 32, activation="relu"),
            layers.Reshape((7, 7, 32)),
            layers.Conv2DTranspose(16, activation="relu", **halve),
            layers.Conv2DTranspose(1, activation="sigmoid", **halve),
        ]
    )
    return encoder, decoder


stronger_part = Prediction(
    "stronger_part",
    "With the code of one digit and the positions of another, which of the two shapes the picture more?",
    "The positions say where strokes run, to the pixel, in every channel. A decoder that is told so much has little "
    "left to learn from the code.",
    "Count the numbers that each of the two hands over, and think of what a stroke's place says about a digit.",
    options=("code", "positions"),
)

least_help = Prediction(
    "least_help",
    "At which width is the convolutional autoencoder's error closest to the shallow one's, as a quotient?",
    "The wider the code, the less it matters how it is made: 128 numbers hold nearly all of a digit that is 28 × 28 "
    "pixels, even if they are linear functions of it.",
    "What is left to gain for convolutions if a linear code is already good?",
    within=0,
)
