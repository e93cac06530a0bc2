"""Exercises of lesson 01: the shallow and the deep autoencoder."""

import keras
import numpy as np
from keras import layers

from course_utils.exercises import exercise, is_affine
from course_utils.models import Autoencoder


def check_one_unit(dense_parameters):
    count = dense_parameters(1, 1)
    if count != 2:
        return f"one input and one unit make a weight and a bias, so 2 parameters; yours gives {count}"


def check_layer(dense_parameters):
    count, expected = dense_parameters(3, 4), layers.Dense(4)
    expected.build((None, 3))
    if count != expected.count_params():
        return (
            "3 inputs and 4 units: each unit has a weight for each input and one bias, together "
            f"{expected.count_params()}; yours gives {count}"
        )


@exercise(
    checks=[check_one_unit, check_layer],
    hint="Each unit has one weight for each of its inputs, and one bias. Count one unit, then multiply.",
)
def dense_parameters(n_inputs, n_units):
    return (n_inputs + 1) * n_units


def check_one_number_an_image(mse_per_image):
    errors = np.asarray(mse_per_image(np.zeros((3, 4, 5, 1)), np.ones((3, 4, 5, 1))))
    if errors.shape != (3,):
        return f"three images must give three numbers, shape (3,); yours has shape {errors.shape}"


def check_mean_over_pixels(mse_per_image):
    error = mse_per_image(np.zeros((3, 4, 5, 1)), np.ones((3, 4, 5, 1)))[0]
    if not np.isclose(error, 1):
        return f"black against white is wrong by 1 in every pixel, so the mean is 1; yours gives {error:g}"


def check_square(mse_per_image):
    error = mse_per_image(np.full((2, 4, 4, 1), 0.75), np.full((2, 4, 4, 1), 0.25))[0]
    if not np.isclose(error, 0.25):
        return f"a difference of 0.5 in every pixel gives 0.5² = 0.25; yours gives {error:g}"


def check_each_image_for_itself(mse_per_image):
    images = np.zeros((2, 2, 2, 1))
    reconstruction = np.zeros((2, 2, 2, 1))
    reconstruction[1, 0, 0] = 1
    errors = np.asarray(mse_per_image(images, reconstruction))
    if not np.allclose(errors, [0, 0.25]):
        return f"a perfect image and one with one of its 4 pixels wrong by 1 give [0, 0.25]; yours gives {errors}"


@exercise(
    checks=[check_one_number_an_image, check_mean_over_pixels, check_square, check_each_image_for_itself],
    hint="Square the difference, then take `np.mean` over every axis but the first: `axis=(1, 2, 3)`.",
)
def mse_per_image(images, reconstruction):
    return np.mean(np.square(images - reconstruction), axis=(1, 2, 3))


def _vectors():
    """Sixty vectors of six correlated numbers, far from zero on average."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6)) + np.arange(6) + 5


def check_vectors_return(pca_reconstruction):
    x = _vectors()
    shape = np.shape(pca_reconstruction(x, x[:7], 2))
    if shape != (7, 6):
        return f"the result must have the shape of `x`, here (7, 6); yours has {shape}"


def check_full_width(pca_reconstruction):
    x = _vectors()
    result = np.asarray(pca_reconstruction(x, x, 6))
    if np.allclose(result, x - x.mean(axis=0)):
        return "with all 6 components x must come back exactly; yours comes back without its mean. Add it again"
    if not np.allclose(result, x):
        return f"with all 6 components x must come back exactly; yours is off by up to {np.abs(result - x).max():.2g}"


def check_discarded_variance(pca_reconstruction):
    x = _vectors()
    error = np.sum(np.square(pca_reconstruction(x, x, 2) - x))
    discarded = np.sum(np.linalg.svd(x - x.mean(axis=0), compute_uv=False)[2:] ** 2)
    if not np.isclose(error, discarded):
        return (
            "with 2 components the summed squared error on the training vectors must be the sum of the "
            f"other squared singular values, here {discarded:.4g}; yours is {error:.4g}. "
            "Is the mean taken off before the SVD? Are the components the rows of its last factor?"
        )


def check_training_mean(pca_reconstruction):
    x = _vectors()
    alone, together = pca_reconstruction(x, x[:1], 2), pca_reconstruction(x, x, 2)[:1]
    if not np.allclose(alone, together):
        return (
            "a vector's reconstruction must not depend on what else is in `x`: "
            "the mean and the components come from `x_train` only"
        )


@exercise(
    checks=[check_vectors_return, check_full_width, check_discarded_variance, check_training_mean],
    hint=(
        "Centre x_train. `np.linalg.svd(centred, full_matrices=False)` returns (u, s, vt); the first `width` rows "
        "of vt are the components. Encode x with `@ components.T`, decode with `@ components`, add the mean again."
    ),
)
def pca_reconstruction(x_train, x, width):
    mean = x_train.mean(axis=0)
    _, _, directions = np.linalg.svd(x_train - mean, full_matrices=False)
    components = directions[:width]
    codes = (x - mean) @ components.T
    return mean + codes @ components


def _small(build_deep_autoencoder):
    return build_deep_autoencoder(5, (40, 20))


def _images(n):
    return np.random.default_rng(0).random((n, 28, 28, 1), dtype=np.float32)


def _kernels(model):
    return [tuple(weight.shape) for weight in model.weights if len(weight.shape) == 2]


def check_parts(build_deep_autoencoder):
    model = _small(build_deep_autoencoder)
    if not hasattr(model, "encoder") or not hasattr(model, "decoder"):
        return f"the result must be `Autoencoder(encoder, decoder)`; yours is a {type(model).__name__}"
    codes = model.encoder(_images(2))
    if tuple(codes.shape) != (2, 5):
        return f"with latent_dim=5, two images must give codes of shape (2, 5); yours have {tuple(codes.shape)}"
    pictures = model.decoder(codes)
    if tuple(pictures.shape) != (2, 28, 28, 1):
        return f"two codes must give images of shape (2, 28, 28, 1); yours have {tuple(pictures.shape)}"


def check_symmetry(build_deep_autoencoder):
    model = _small(build_deep_autoencoder)
    expected = [(784, 40), (40, 20), (20, 5)]
    encoder, decoder = _kernels(model.encoder), _kernels(model.decoder)
    if encoder != expected:
        return f"with hidden=(40, 20) the encoder's weight matrices must be {expected}; yours are {encoder}"
    mirrored = [shape[::-1] for shape in reversed(expected)]
    if decoder != mirrored:
        return f"the decoder must mirror the encoder, with weight matrices {mirrored}; yours are {decoder}"


def check_output_range(build_deep_autoencoder):
    decoder = _small(build_deep_autoencoder).decoder
    codes = 1000 * np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    pictures = keras.ops.convert_to_numpy(decoder(codes))
    if pictures.min() < 0 or pictures.max() > 1:
        return (
            "whatever the code, the output must lie in [0, 1] (a sigmoid does that); "
            f"yours reaches from {pictures.min():.3g} to {pictures.max():.3g}"
        )


def check_linear_code(build_deep_autoencoder):
    encoder = _small(build_deep_autoencoder).encoder
    codes = keras.ops.convert_to_numpy(encoder(1000 * _images(50)))
    if codes.min() >= -1 or codes.max() <= 1:
        return (
            "the code must be linear, so that it can take any value; "
            f"yours stays between {codes.min():.3g} and {codes.max():.3g}"
        )


def check_hidden_activation(build_deep_autoencoder):
    model = _small(build_deep_autoencoder)
    for name, part, inputs in (
        ("encoder", model.encoder, 10 * _images(2)),
        ("decoder", model.decoder, np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)),
    ):
        a, b = inputs[:1], inputs[1:]
        if is_affine(part, a, b, ends_in_sigmoid=name == "decoder"):
            return (
                f"the {name}'s hidden layers need an activation such as gelu: "
                "without one, all its layers together are one linear map"
            )


@exercise(
    checks=[check_parts, check_symmetry, check_output_range, check_linear_code, check_hidden_activation],
    hint=(
        "Two `keras.Sequential` models. Encoder: `keras.Input((28, 28, 1))`, `Flatten`, one `Dense(width, 'gelu')` for "
        "each width in `hidden`, `Dense(latent_dim)`. Decoder: `keras.Input((latent_dim,))`, the widths in reverse, "
        "`Dense(784, 'sigmoid')`, `Reshape((28, 28, 1))`."
    ),
)
def build_deep_autoencoder(latent_dim, hidden):
    encoder = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten()])
    for width in hidden:
        encoder.add(layers.Dense(width, "gelu"))
    encoder.add(layers.Dense(latent_dim))
    decoder = keras.Sequential([keras.Input((latent_dim,))])
    for width in reversed(hidden):
        decoder.add(layers.Dense(width, "gelu"))
    decoder.add(layers.Dense(784, "sigmoid"))
    decoder.add(layers.Reshape((28, 28, 1)))
    return Autoencoder(encoder, decoder)
