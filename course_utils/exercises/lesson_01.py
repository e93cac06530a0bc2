"""Exercises of lesson 01: the shallow and the deep autoencoder, and what a penalty or a wide code does."""

import keras
import numpy as np
from keras import layers

from course_utils.exercises import Prediction, as_array, as_whole, exercise, fitting
from course_utils.exercises.models import as_autoencoder, computes_the_same, is_affine, on_data, weight_shapes
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
    returns=as_whole,
    cases=lambda rng: [rng.integers(5, 900, 2).tolist() for _ in range(3)],
)
def dense_parameters(n_inputs, n_units):
    """Number of parameters (weights and biases) of a dense layer."""
    return (n_inputs + 1) * n_units


def check_one_number_per_image(mse_per_image):
    errors = mse_per_image(np.zeros((3, 4, 5, 1)), np.ones((3, 4, 5, 1)))
    if errors.shape != (3,):
        return f"three images must give three numbers, shape (3,); yours has shape {errors.shape}"


def check_mean_over_pixels(mse_per_image):
    error = mse_per_image(np.zeros((3, 4, 5, 1)), np.ones((3, 4, 5, 1)))[0]
    if not np.isclose(error, 1):
        remedies = {
            20: " Divide by the number of pixels",
            20 / 784: " These images have 4 × 5 pixels, not 784: divide by their own number, or let np.mean count",
        }
        return (
            "black against white is wrong by 1 in each of the 20 pixels, so the mean is 1; "
            f"yours gives {error:.4g}.{fitting(error, remedies)}"
        )


def check_square(mse_per_image):
    error = mse_per_image(np.full((2, 4, 4, 1), 0.75), np.full((2, 4, 4, 1), 0.25))[0]
    if not np.isclose(error, 0.25):
        return f"a difference of 0.5 in every pixel gives 0.5² = 0.25; yours gives {error:.4g}"


def check_each_image_for_itself(mse_per_image):
    images = np.zeros((2, 2, 2, 1))
    reconstruction = np.zeros((2, 2, 2, 1))
    reconstruction[1, 0, 0] = 1
    errors = mse_per_image(images, reconstruction)
    if not np.allclose(errors, [0, 0.25]):
        return f"a perfect image and one with one of its 4 pixels wrong by 1 give [0, 0.25]; yours gives {errors}"


@exercise(
    checks=[check_one_number_per_image, check_mean_over_pixels, check_square, check_each_image_for_itself],
    hint="Square the difference, then take `np.mean` over every axis but the first: `axis=(1, 2, 3)`.",
    returns=as_array,
    cases=lambda rng: [rng.random((2, 5, 3, 7, channels)) for channels in (1, 3)],
)
def mse_per_image(images, reconstruction):
    """Mean squared error over the pixels of each image; shape (n,)."""
    return np.mean(np.square(images - reconstruction), axis=(1, 2, 3))


def _vectors():
    """Sixty vectors of six correlated numbers, far from zero on average."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6)) + np.arange(6) + 5


def check_vectors_return(pca_reconstruction):
    x = _vectors()
    shape = pca_reconstruction(x, x[:7], 2).shape
    if shape != (7, 6):
        return f"the result must have the shape of `x`, here (7, 6); yours has {shape}"


def check_full_width(pca_reconstruction):
    x = _vectors()
    result = pca_reconstruction(x, x, 6)
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


def _training_and_other_vectors(rng):
    for n, d, width in ((20, 9, 4), (5, 8, 3)):  # also fewer vectors than numbers in each
        yield rng.normal(size=(n, d)) + 3, rng.normal(size=(3, d)), width


@exercise(
    checks=[check_vectors_return, check_full_width, check_discarded_variance, check_training_mean],
    hint=(
        "Centre x_train. `np.linalg.svd(centred, full_matrices=False)` returns (u, s, vt); the first `width` rows "
        "of vt are the components. Encode x with `@ components.T`, decode with `@ components`, add the mean again."
    ),
    returns=as_array,
    cases=_training_and_other_vectors,
)
def pca_reconstruction(x_train, x, width):
    """Projects vectors `x` (n, d) onto the first `width` principal components of `x_train` and back; (n, d)."""
    mean = x_train.mean(axis=0)
    _, _, directions = np.linalg.svd(x_train - mean, full_matrices=False)
    components = directions[:width]
    codes = (x - mean) @ components.T
    return mean + codes @ components


def _small(build_deep_autoencoder):
    return build_deep_autoencoder(5, (40, 20))


def _images(n):
    return np.random.default_rng(0).random((n, 28, 28, 1), dtype=np.float32)


def _codes(n):
    return np.random.default_rng(0).normal(size=(n, 5)).astype(np.float32)


def check_parts(build_deep_autoencoder):
    model = _small(build_deep_autoencoder)
    shape = on_data(model.encoder, _images(2)).shape
    if shape != (2, 5):
        return f"with latent_dim=5, two images must give codes of shape (2, 5); yours have {shape}"
    shape = on_data(model.decoder, _codes(2)).shape
    if shape != (2, 28, 28, 1):
        return f"two codes must give images of shape (2, 28, 28, 1); yours have {shape}"


def check_symmetry(build_deep_autoencoder):
    model = _small(build_deep_autoencoder)
    expected = [(784, 40), (40, 20), (20, 5)]
    encoder, decoder = weight_shapes(model.encoder, 2), weight_shapes(model.decoder, 2)
    if sorted(encoder) != sorted(expected):
        return f"with hidden=(40, 20) the encoder's weight matrices must be {expected}; yours are {encoder}"
    mirrored = [shape[::-1] for shape in reversed(expected)]
    if sorted(decoder) != sorted(mirrored):
        return f"the decoder must mirror the encoder, with weight matrices {mirrored}; yours are {decoder}"


def check_output_range(build_deep_autoencoder):
    pictures = on_data(_small(build_deep_autoencoder).decoder, 1000 * _codes(20))
    if pictures.min() < 0 or pictures.max() > 1:
        return (
            "whatever the code, the output must lie in [0, 1] (a sigmoid does that); "
            f"yours reaches from {pictures.min():.3g} to {pictures.max():.3g}"
        )


def check_linear_code(build_deep_autoencoder):
    codes = on_data(_small(build_deep_autoencoder).encoder, 1000 * _images(50))
    if codes.min() >= -1 or codes.max() <= 1:
        return (
            "the code must be linear, so that it can take any value; "
            f"yours stays between {codes.min():.3g} and {codes.max():.3g}"
        )


def check_hidden_activation(build_deep_autoencoder):
    model = _small(build_deep_autoencoder)
    for name, part, inputs in (("encoder", model.encoder, 10 * _images(2)), ("decoder", model.decoder, _codes(2))):
        if is_affine(part, inputs[:1], inputs[1:], ends_in_sigmoid=name == "decoder"):
            return (
                f"the {name}'s hidden layers need an activation such as gelu: "
                "without one, all its layers together are one linear map"
            )


def check_gelu_and_sigmoid(answer):
    model, reference = (_small(build) for build in (answer, build_deep_autoencoder.reference))
    if not computes_the_same(model.encoder, reference.encoder, 5 * _images(20)):
        return (
            "with the same weights your encoder computes something else than dense layers with a bias, GELU after "
            "each hidden one, and no activation on the code"
        )
    if not computes_the_same(model.decoder, reference.decoder, 3 * _codes(20)):
        return (
            "with the same weights your decoder computes something else than dense layers with a bias, GELU after "
            "each hidden one, and a sigmoid on every pixel by itself"
        )


@exercise(
    checks=[
        check_parts,
        check_symmetry,
        check_output_range,
        check_linear_code,
        check_hidden_activation,
        check_gelu_and_sigmoid,
    ],
    hint=(
        "Two `keras.Sequential` models. Encoder: `keras.Input((28, 28, 1))`, `Flatten`, one `Dense(width, 'gelu')` for "
        "each width in `hidden`, `Dense(latent_dim)`. Decoder: `keras.Input((latent_dim,))`, the widths in reverse, "
        "`Dense(784, 'sigmoid')`, `Reshape((28, 28, 1))`."
    ),
    returns=lambda model, latent_dim, hidden: as_autoencoder(model, (28, 28, 1)),
)
def build_deep_autoencoder(latent_dim, hidden):
    """Autoencoder of images (28, 28, 1): GELU layers of widths `hidden` in the encoder, reversed in the decoder."""
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


left_guess = Prediction(
    "left_guess",
    "What share of PCA's error at width 32 does the deep autoencoder leave?",
    "Digits of one kind lie along curved surfaces: slant, width and thickness vary together. A plane needs many "
    "directions to cover a curve, hidden layers can follow it. With all of MNIST about a third of PCA's error is "
    "left; with few digits and epochs the deep network is not trained yet.",
    "The shallow one leaves a bit more than half. What can three curved layers add?",
    unit="percent",
    within=10,
)


def check_least_error(choose_lambda):
    chosen = choose_lambda((0, 1e-4, 1e-3), np.array([100.0, 50.0, 20.0]), np.array([0.006, 0.007, 0.010]), 60)
    if chosen != 1e-4:
        return f"of the two with at most 60 units, λ = 0.0001 has the smaller error; yours returns {chosen}"


def check_most_is_allowed(choose_lambda):
    chosen = choose_lambda((0, 1e-4, 1e-3), np.array([90.0, 60.0, 20.0]), np.array([0.006, 0.007, 0.010]), 60)
    if chosen != 1e-4:
        return f"60 active units are *at most* 60, so λ = 0.0001 is allowed; yours returns {chosen}"


def _chosen_by_hand(lambdas, active, errors, most):
    return lambdas[np.argmin(np.where(active <= most, errors, np.inf))]


def check_any_order(choose_lambda):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        lambdas, active, errors = rng.random(9), rng.uniform(10, 120, 9), rng.random(9)
        expected, chosen = _chosen_by_hand(lambdas, active, errors, 70), choose_lambda(lambdas, active, errors, 70)
        if chosen != expected:
            return f"of nine networks in random order, λ = {expected:.4f} is the one; yours returns {chosen}"


@exercise(
    checks=[check_least_error, check_most_is_allowed, check_any_order],
    hint="Keep those with `active <= most`; of these take the λ whose error is smallest.",
)
def choose_lambda(lambdas, active, errors, most):
    """The λ with the smallest error among those with at most `most` active units; there is at least one."""
    allowed = [(error, price) for price, units, error in zip(lambdas, active, errors) if units <= most]
    return min(allowed)[1]


shuffled_guess = Prediction(
    "shuffled_guess",
    'Is the result "a copy", "nothing of it" or "something between"?',
    "It has room for a nearly perfect copy of any image and has not learned to make one: training asks for digits "
    "only. So of the shuffled digit it returns traces, better than a black picture, and no more.",
    "It was trained on digits only. What has it been asked to do with pixels that are always black in them?",
    options=("a copy", "nothing of it", "something between"),
)
