"""The exercises of lesson 01 in all four states."""

import keras
import numpy as np
from keras import layers

from course_utils.exercises import lesson_01 as ex
from course_utils.models import Autoencoder


def build(latent_dim, hidden, *, activation="relu", code="linear", last="sigmoid", mirrored=True):
    """The many ways to build it, right by default."""
    encoder = [layers.Flatten(), *(layers.Dense(width, activation) for width in hidden), layers.Dense(latent_dim, code)]
    outwards = hidden[::-1] if mirrored else hidden
    decoder = [*(layers.Dense(width, activation) for width in outwards), layers.Dense(784, last)]
    return Autoencoder(
        keras.Sequential([keras.Input((28, 28, 1)), *encoder]),
        keras.Sequential([keras.Input((latent_dim,)), *decoder, layers.Reshape((28, 28, 1))]),
    )


def test_dense_parameters(check_states):
    check_states(
        ex.dense_parameters,
        raising=lambda n_inputs, n_units: n_inputs.shape,
        wrong={
            "a weight and a bias": lambda n_inputs, n_units: n_inputs * n_units,
            "one bias, together 16; yours gives 15": lambda n_inputs, n_units: n_inputs * (n_units + 1),
            "yours gives 13": lambda n_inputs, n_units: n_inputs * n_units + 1,
        },
        correct=lambda n_inputs, n_units: n_inputs * n_units + n_units,
    )


def test_mse_per_image(check_states):
    check_states(
        ex.mse_per_image,
        raising=lambda images, reconstruction: images @ "reconstruction",
        wrong={
            "shape (3,); yours has shape ()": lambda a, b: np.mean((a - b) ** 2),
            "the mean is 1; yours gives 20": lambda a, b: np.sum((a - b) ** 2, axis=(1, 2, 3)),
            "yours gives 0.5": lambda a, b: np.mean(np.abs(a - b), axis=(1, 2, 3)),
            "give [0, 0.25]": lambda a, b: np.full(len(a), np.mean((a - b) ** 2)),
        },
        correct=lambda a, b: ((a - b).reshape(len(a), -1) ** 2).mean(axis=1),
    )


def test_pca_reconstruction(check_states):
    from sklearn.decomposition import PCA

    def scikit_learn(x_train, x, width):
        pca = PCA(width).fit(x_train)
        return pca.inverse_transform(pca.transform(x))

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
        correct=scikit_learn,
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
        },
        correct=build,
    )
