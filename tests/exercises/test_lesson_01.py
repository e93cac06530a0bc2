"""The exercises of lesson 01 in all four states."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from course_utils.exercises import lesson_01 as ex
from course_utils.models import Autoencoder


def build(latent_dim, hidden, *, activation="gelu", code="linear", last="sigmoid", mirrored=True, inputs=True):
    """The many ways to build it, right by default."""
    encoder = [layers.Flatten(), *(layers.Dense(width, activation) for width in hidden), layers.Dense(latent_dim, code)]
    outwards = hidden[::-1] if mirrored else hidden
    decoder = [*(layers.Dense(width, activation) for width in outwards), layers.Dense(784, last)]
    first = ([keras.Input((28, 28, 1))], [keras.Input((latent_dim,))]) if inputs else ([], [])
    return Autoencoder(
        keras.Sequential([*first[0], *encoder]),
        keras.Sequential([*first[1], *decoder, layers.Reshape((28, 28, 1))]),
    )


class Half(keras.Model):
    """A subclassed half, whose layers are made in the wrong order."""

    def __init__(self, widths, last, shape):
        super().__init__()
        self.last = layers.Dense(widths[-1], last)
        self.hidden = [layers.Dense(width) for width in widths[:-1]]
        self.shape_of_result = shape

    def call(self, x):
        x = keras.ops.reshape(x, (keras.ops.shape(x)[0], -1))
        for layer in self.hidden:
            x = keras.activations.gelu(layer(x), approximate=True)
        return keras.ops.reshape(self.last(x), (-1, *self.shape_of_result))


def subclassed(latent_dim, hidden):
    encoder = Half([*hidden, latent_dim], None, (latent_dim,))
    return Autoencoder(encoder, Half([*hidden[::-1], 784], "sigmoid", (28, 28, 1)))


def counted_by_keras(n_inputs, n_units):
    layer = layers.Dense(n_units)
    layer.build((None, n_inputs))
    return layer.count_params()


def test_dense_parameters(check_states):
    check_states(
        ex.dense_parameters,
        raising=lambda n_inputs, n_units: n_inputs.shape,
        wrong={
            "a weight and a bias": lambda n_inputs, n_units: n_inputs * n_units,
            "one bias, together 16; yours gives 15": lambda n_inputs, n_units: n_inputs * (n_units + 1),
            "yours gives 13": lambda n_inputs, n_units: n_inputs * n_units + 1,
            "returns None": lambda n_inputs, n_units: print(end=""),
            "A whole number is expected": lambda n_inputs, n_units: (n_inputs + 1) * n_units + 0.5,
            "On a random case": lambda n_inputs, n_units: (n_inputs + 1) * n_units if n_units < 5 else n_inputs,
        },
        right=[
            lambda n_inputs, n_units: n_inputs * n_units + n_units,
            lambda n_inputs, n_units: np.ones((n_inputs + 1, n_units)).sum(),
            lambda n_inputs, n_units: keras.ops.convert_to_tensor((n_inputs + 1) * n_units),
            counted_by_keras,
        ],
    )


def in_place(images, reconstruction):
    images -= reconstruction
    return np.mean(images**2, axis=(1, 2, 3))


def test_mse_per_image(check_states):
    check_states(
        ex.mse_per_image,
        raising=lambda images, reconstruction: images @ "reconstruction",
        wrong={
            "shape (3,); yours has shape ()": lambda a, b: np.mean((a - b) ** 2),
            "not 784": lambda a, b: np.sum((a - b) ** 2, axis=(1, 2, 3)) / 784,
            "in place": in_place,
            "On a random case": lambda a, b: np.mean((a - b) ** 2, axis=(1, 2))[:, 0],
            "Numbers are expected": lambda a, b: [[0], [0, 1]],
            "Divide by the number of pixels": lambda a, b: np.sum((a - b) ** 2, axis=(1, 2, 3)),
            "yours gives 0.5": lambda a, b: np.mean(np.abs(a - b), axis=(1, 2, 3)),
            "give [0, 0.25]": lambda a, b: np.full(len(a), np.mean((a - b) ** 2)),
        },
        right=[
            lambda a, b: ((a - b).reshape(len(a), -1) ** 2).mean(axis=1),
            lambda a, b: keras.ops.mean(keras.ops.square(a - b), axis=(1, 2, 3)),
            lambda a, b: tf.reduce_mean(tf.square(a - b), axis=[1, 2, 3]),
            lambda a, b: [np.mean((x - y) ** 2) for x, y in zip(a, b)],
            lambda a, b: (((a - b)[..., 0] if a.shape[-1] == 1 else a - b) ** 2).reshape(len(a), -1).mean(axis=-1),
        ],
    )


def test_pca_reconstruction(check_states):
    from sklearn.decomposition import PCA

    def scikit_learn(x_train, x, width):
        pca = PCA(width).fit(x_train)
        return pca.inverse_transform(pca.transform(x))

    def by_eigenvectors(x_train, x, width):
        mean = x_train.mean(axis=0)
        basis = np.linalg.eigh(np.cov(x_train.T))[1][:, -width:]
        return (mean + (x - mean) @ basis @ basis.T).tolist()

    def mean_forgotten(x_train, x, width):
        return scikit_learn(x_train, x, width) - x_train.mean(axis=0)

    def first_columns(x_train, x, width):
        mean = x_train.mean(axis=0)
        components = np.linalg.svd(x_train - mean)[2].T[:width]
        return mean + (x - mean) @ components.T @ components

    def not_centred(x_train, x, width):
        components = np.linalg.svd(x_train)[2][:width]
        return x @ components.T @ components

    check_states(
        ex.pca_reconstruction,
        raising=lambda x_train, x, width: x_train @ x,
        wrong={
            "must have the shape of `x`": lambda x_train, x, width: x[:, :width],
            "without its mean": mean_forgotten,
            "off by up to": lambda x_train, x, width: scikit_learn(x_train, x, 1),
            "Is the mean taken off before the SVD?": not_centred,
            "rows of its last factor?": first_columns,
            "come from `x_train` only": lambda x_train, x, width: x if len(x) == 1 else scikit_learn(x_train, x, width),
        },
        right=[scikit_learn, by_eigenvectors, lambda *arguments: keras.ops.convert_to_tensor(scikit_learn(*arguments))],
    )


def test_build_deep_autoencoder(check_states):
    check_states(
        ex.build_deep_autoencoder,
        raising=lambda latent_dim, hidden: layers.Dense(-hidden[0]),
        wrong={
            "yours is a Sequential": lambda latent_dim, hidden: keras.Sequential([layers.Dense(latent_dim)]),
            "codes of shape (2, 5)": lambda latent_dim, hidden: build(latent_dim + 1, hidden),
            "the encoder's weight matrices": lambda latent_dim, hidden: build(latent_dim, hidden[:1]),
            "must mirror the encoder": lambda latent_dim, hidden: build(latent_dim, hidden, mirrored=False),
            "must lie in [0, 1]": lambda latent_dim, hidden: build(latent_dim, hidden, last="linear"),
            "the code must be linear": lambda latent_dim, hidden: build(latent_dim, hidden, code="relu"),
            "it can take any value": lambda latent_dim, hidden: build(latent_dim, hidden, code="tanh"),
            "yours stays between": lambda latent_dim, hidden: build(latent_dim, hidden, code="gelu"),
            "need an activation": lambda latent_dim, hidden: build(latent_dim, hidden, activation="linear"),
            "GELU after": lambda latent_dim, hidden: build(latent_dim, hidden, activation="relu"),
            "a sigmoid on every pixel": lambda latent_dim, hidden: build(latent_dim, hidden, last="softmax"),
        },
        right=[build, subclassed, lambda latent_dim, hidden: build(latent_dim, hidden, inputs=False)],
    )


def test_choose_lambda(check_states):
    def strictly_below(lambdas, active, errors, most):
        allowed = [(e, x) for x, a, e in zip(lambdas, active, errors) if a < most]
        return min(allowed)[1] if allowed else lambdas[0]

    def least_error_of_all(lambdas, active, errors, most):
        return lambdas[int(np.argmin(errors))]

    def smallest_allowed(lambdas, active, errors, most):
        allowed = [x for x, a in zip(lambdas, active) if a <= most]
        return min(allowed) if allowed else lambdas[0]

    def in_numpy(lambdas, active, errors, most):
        allowed = np.flatnonzero(np.asarray(active) <= most)
        return None if len(allowed) == 0 else np.asarray(lambdas)[allowed[np.argmin(np.asarray(errors)[allowed])]]

    def sorted_by_error(lambdas, active, errors, most):
        for i in sorted(range(len(errors)), key=lambda i: errors[i]):
            if active[i] <= most:
                return lambdas[i]

    check_states(
        ex.choose_lambda,
        wrong={
            "the smaller error": least_error_of_all,
            "is allowed": strictly_below,
            "in random order": smallest_allowed,
        },
        right=[in_numpy, sorted_by_error],
    )


def test_predictions(capsys):
    for prediction, guess, measured, words in (
        (ex.left_guess, ..., 30, "not attempted"),
        (ex.left_guess, 60, 30, "not as measured"),
        (ex.left_guess, 35, 30, "as measured"),
        (ex.shuffled_guess, "a picture", "something between", "not a valid answer"),
        (ex.shuffled_guess, "Something between", "something between", "as measured"),
    ):
        prediction.check(guess, measured)
        assert words in capsys.readouterr().out
