"""Exercises of lesson 04: the convolutional denoiser and the residual one."""

import keras
import numpy as np
from keras import layers

from course_utils.exercises import Prediction, exercise
from course_utils.exercises.models import (
    as_autoencoder,
    called_once,
    computes_the_same,
    is_affine,
    on_data,
    weight_shapes,
)
from course_utils.models import Autoencoder

SMALL = (8, 8, 1), (2, 3), 1


def check_map(build_denoiser):
    model = build_denoiser(*SMALL)
    shape = on_data(model.encoder, np.zeros((2, 8, 8, 1))).shape
    if shape != (2, 2, 2, 3):
        return (
            "each level halves height and width: with filters (2, 3) the codes of two images of 8×8 are maps of shape "
            f"(2, 2, 2, 3); yours are {shape}"
        )
    shape = on_data(model, np.zeros((2, 8, 8, 1))).shape
    if shape != (2, 8, 8, 1):
        return f"two images of shape (8, 8, 1) must come out as (2, 8, 8, 1); yours come out as {shape}"


def check_image(build_denoiser):
    bright = 200 * np.random.default_rng(0).standard_normal((4, 8, 8, 1)).astype(np.float32)
    output = on_data(build_denoiser(*SMALL), bright)
    if output.min() < 0 or output.max() > 1:
        return (
            "the output must be an image in [0, 1] whatever comes in; yours goes from "
            f"{output.min():.3g} to {output.max():.3g}. Let the last layer end in a sigmoid"
        )


def check_no_dense(build_denoiser):
    counts = [_count(build_denoiser((side, side, 1), (2, 3), 0)) for side in (8, 16)]
    if counts[0] != counts[1]:
        return (
            "a convolution has as many weights for a large image as for a small one, so the parameters must not depend "
            f"on `image_shape`; yours has {counts[0]} for 8×8 and {counts[1]} for 16×16. Leave Dense and Flatten out"
        )


def check_middle(build_denoiser):
    counts = [_count(build_denoiser((8, 8, 1), (2, 3), middle)) for middle in (0, 2)]
    expected = 2 * (3 * 3 * 3 * 3 + 3)
    if counts[1] - counts[0] != expected:
        return (
            "a middle convolution has 3 × 3 weights between any two of filters[-1] channels, and a bias for each: with "
            f"filters (2, 3), two of them add {expected} parameters; yours add {counts[1] - counts[0]}"
        )


def check_activations(build_denoiser):
    a, b = np.random.default_rng(1).standard_normal((2, 1, 8, 8, 1)).astype(np.float32)
    if is_affine(build_denoiser(*SMALL), a, b, ends_in_sigmoid=True):
        return "all layers but the last need an activation such as relu: without one, they are together one linear map"


def check_kernels(build_denoiser):
    model = build_denoiser(*SMALL)
    for name, part in (("encoder", model.encoder), ("decoder", model.decoder)):
        kernels = [shape[:2] for shape in weight_shapes(part, 4)]
        expected = [(4, 4), (4, 4)] + [(3, 3)] * (name == "encoder")
        if sorted(kernels) != sorted(expected):
            return (
                "kernels are 4 × 4 wherever the size changes, in the decoder by one Conv2DTranspose per level, and "
                f"3 × 3 in the middle: with filters (2, 3) and one in the middle the {name} has {expected}; yours: "
                f"{kernels}"
            )


def check_layers(answer):
    for arguments in (SMALL, ((12, 8, 3), (4, 5), 0), ((16, 8, 2), (3, 5, 4), 2)):
        model, reference = answer(*arguments), build_denoiser.reference(*arguments)
        images = np.random.default_rng(2).normal(size=(6, *arguments[0]))
        if on_data(model, images).shape != images.shape:
            return f"six images of shape {arguments[0]} must come out in that shape"
        if not computes_the_same(model.encoder, reference.encoder, images):
            return (
                "with the same weights your encoder computes something else than convolutions with padding='same' and "
                "a ReLU after every one of them"
            )
        maps = np.random.default_rng(3).random((6, *reference.encoder.output.shape[1:]))
        if not computes_the_same(model.decoder, reference.decoder, maps):
            return (
                "with the same weights your decoder computes something else than one Conv2DTranspose per level, "
                "padding='same', the encoder's numbers of channels in reverse with a ReLU each, and at last the "
                "image's channels and a sigmoid"
            )


def _count(model):
    return model.encoder.count_params() + model.decoder.count_params()


@exercise(
    checks=[
        check_map,
        check_image,
        check_no_dense,
        check_middle,
        check_activations,
        check_kernels,
        check_layers,
    ],
    hint=(
        "Encoder: a Conv2D with strides=2, padding='same' and relu for each entry of `filters`, then the middle ones, "
        "without strides. Decoder: an Input of the code's shape, then a Conv2DTranspose with strides=2 per level, the "
        "last with `image_shape[-1]` filters and a sigmoid. A kernel of 4 × 4 suits a stride of 2."
    ),
    returns=lambda model, image_shape, filters, middle: as_autoencoder(model, image_shape),
)
def build_denoiser(image_shape, filters, middle):
    """A convolutional `Autoencoder`; its code is a map (height / 2ⁿ, width / 2ⁿ, filters[-1]) with n = len(filters)."""
    images = x = keras.Input(image_shape)
    for channels in filters:
        x = layers.Conv2D(channels, 4, strides=2, padding="same", activation="relu")(x)
    for _ in range(middle):
        x = layers.Conv2D(filters[-1], 3, padding="same", activation="relu")(x)
    encoder = keras.Model(images, x, name="encoder")

    maps = y = keras.Input(x.shape[1:])
    for channels in filters[-2::-1]:
        y = layers.Conv2DTranspose(channels, 4, strides=2, padding="same", activation="relu")(y)
    y = layers.Conv2DTranspose(image_shape[-1], 4, strides=2, padding="same", activation="sigmoid")(y)
    return Autoencoder(encoder, keras.Model(maps, y, name="decoder"))


def check_subtraction(answer):
    for shape, width, depth in (((8, 8, 1), 4, 3), ((6, 10, 3), 5, 2)):
        model, images = answer(shape, width, depth), np.random.default_rng(0).random((2, *shape))
        output = on_data(model, images)
        if output.shape != images.shape:
            return f"two images of shape {shape} must come out in that shape; yours come out as {output.shape}"
        for weight in model.weights:
            weight.assign(np.zeros(weight.shape))
        if not np.allclose(on_data(model, images), images, atol=1e-6):
            return (
                "with all weights 0 the layers find no noise, and the images must come out as they went in; yours "
                "don't. Subtract what the last layer gives from the input, and put nothing after that"
            )


def check_residual_layers(answer):
    for shape, width, depth in (((8, 8, 1), 4, 3), ((6, 10, 3), 5, 4)):
        model, reference = answer(shape, width, depth), build_residual.reference(shape, width, depth)
        on_data(model, np.zeros((1, *shape)))
        kernels, expected = (sorted(weight_shapes(part, 4)) for part in (model, reference))
        if kernels != expected:
            return (
                f"for images {shape}, width {width} and depth {depth} the kernels are {expected}, each as (height, "
                f"width, channels in, channels out); yours: {kernels}"
            )


def check_residual_function(answer):
    arguments = (8, 9, 1), 4, 3
    images = np.random.default_rng(1).normal(size=(6, *arguments[0]))
    model, reference = answer(*arguments), build_residual.reference(*arguments)
    on_data(model, images)
    a, b = images[:1], images[1:2]
    if is_affine(model, a, b, ends_in_sigmoid=False):
        return "all layers but the last need a ReLU: without one, they are together one linear map"
    if not computes_the_same(model, reference, images):
        return (
            "with the same weights yours computes something else than the input minus convolutions with "
            "padding='same', with a ReLU after each but the last. Is the noise subtracted, not added, and nothing "
            "clipped?"
        )


@exercise(
    checks=[check_subtraction, check_residual_layers, check_residual_function],
    hint=(
        "Functional: keep the `keras.Input` under a name of its own, send it through the layers, and end with "
        "`keras.Model(images, images - noise)`. The last Conv2D has `image_shape[-1]` filters and no activation."
    ),
    returns=lambda model, image_shape, width, depth: called_once(model, image_shape),
)
def build_residual(image_shape, width, depth):
    """A residual denoiser (Zhang et al. 2017): images minus what `depth` convolutions make of them."""
    images = x = keras.Input(image_shape)
    for _ in range(depth - 1):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    noise = layers.Conv2D(image_shape[-1], 3, padding="same")(x)
    return keras.Model(images, images - noise)


weak_noise_winner = Prediction(
    "weak_noise_winner",
    "Who is best at weak noise: the best filter, the autoencoder or the residual denoiser?",
    "Most of a weakly noisy image is right already. The residual denoiser passes it on and takes away what sticks out; "
    "the autoencoder must redraw all of it, and a filter knows no strokes.",
    "Who has least to do where the input is nearly right? And who has learned what a stroke looks like?",
    options=("filter", "autoencoder", "residual"),
)
