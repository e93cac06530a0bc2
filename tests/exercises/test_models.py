"""Models as answers, whatever their make."""

import keras
import numpy as np
import pytest
from keras import layers

from course_utils.exercises.answers import Wrong
from course_utils.exercises.models import as_autoencoder, called_once, computes_the_same, is_affine
from course_utils.models import Autoencoder


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize("make", [Subclassed, lambda: keras.Sequential([layers.Dense(3)]), lambda: dense(None, (3,))])
def test_a_model_of_any_make_gets_an_output_and_weights(make):
    model = make()
    assert called_once(model, (4,)) is model
    assert tuple(model.output.shape) == (None, 3) and model.count_params() == 15


def test_an_autoencoder_of_parts_without_weights_gets_them():
    model = Autoencoder(keras.Sequential([layers.Dense(3)]), keras.Sequential([layers.Dense(4)]))
    assert as_autoencoder(model, (4,)) is model and tuple(model.decoder.output.shape) == (None, 4)
    assert model.count_params() == 15 + 16


class PlainPair:
    encoder = decoder = keras.layers.Identity()


@pytest.mark.parametrize("answer", [layers.Dense(3), keras.Sequential([layers.Dense(3)]), PlainPair(), None])
def test_what_is_no_autoencoder_is_named(answer):
    with pytest.raises(Wrong, match=f"must be `Autoencoder.*yours is a {type(answer).__name__}"):
        as_autoencoder(answer, (4,))


def dense(activation, order=(6, 5), **how):
    return keras.Sequential([keras.Input((4,)), *(layers.Dense(n, activation, **how) for n in order)])


def test_two_models_are_compared_by_what_they_compute():
    x = np.random.default_rng(0).normal(size=(30, 4))
    assert computes_the_same(dense("gelu"), dense("gelu"), x)
    assert not computes_the_same(dense("relu"), dense("gelu"), x)
    assert not computes_the_same(dense("gelu", (7, 5)), dense("gelu"), x)
    assert not computes_the_same(dense("gelu", use_bias=False), dense("gelu"), x)


def test_affine():
    a, b = np.random.default_rng(0).normal(size=(2, 1, 4))
    assert is_affine(dense(None), a, b, ends_in_sigmoid=False)
    assert not is_affine(dense("relu", (40, 5)), a, b, ends_in_sigmoid=False)
