"""What `fast` asks of `compile`, and that fits stay what they were."""

import os
import random
import subprocess
import sys

import keras
import numpy as np
import pytest

from course_utils import training
from course_utils.batches import FreshBatches, binarised_pair
from course_utils.losses import bernoulli_nll
from course_utils.models import build_conv_autoencoder, build_dense_vae
from course_utils.training import fast

IMAGES = np.random.default_rng(0).random((24, 4, 4, 1), dtype=np.float32) ** 4
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
pytestmark = [pytest.mark.system, pytest.mark.skipif(not ON_TENSORFLOW, reason="elsewhere `fast` has nothing to say")]


def _vae(optimizer=None, compiled_fast=True):
    keras.utils.set_random_seed(0)
    model = build_dense_vae(2, hidden=(8,), image_shape=(4, 4, 1), seed=0)
    words = fast(model) if compiled_fast else {}
    model.compile(optimizer or keras.optimizers.Adam(0.01), bernoulli_nll, **words)
    return model


def _conv():
    return build_conv_autoencoder(2, filters=(4,), image_shape=(4, 4, 1))


def test_several_batches_in_one_go_and_xla_for_dense_models_in_the_full_profile_alone(monkeypatch):
    dense, conv = build_dense_vae(2, hidden=(8,)), _conv()
    assert fast(dense)["jit_compile"] and fast(dense)["steps_per_execution"] > 1
    assert fast(dense, 1000) == fast(dense) and "jit_compile" not in fast(dense, 999), "too few steps to pay for it"
    assert "jit_compile" not in fast(conv) and fast(conv)["steps_per_execution"] > 1
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    assert fast(dense) == fast(conv) == {}


def test_a_convolution_that_is_frozen_or_not_yet_there_is_not_taken_for_a_dense_layer():
    frozen = _conv()
    frozen.encoder.trainable = frozen.decoder.trainable = False
    head = keras.Sequential([frozen, keras.layers.Flatten(), keras.layers.Dense(3)])
    head.build((None, 4, 4, 1))
    assert "jit_compile" not in fast(head)
    assert "jit_compile" not in fast(keras.Sequential([keras.layers.Conv2D(1, 3)]))


def test_other_backends_are_left_as_they_are(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert fast(build_dense_vae(2, hidden=(8,))) == {}


def test_trains_to_the_same_loss():
    losses = []
    for compiled_fast in (False, True):
        model = _vae(compiled_fast=compiled_fast)
        model.fit(FreshBatches(np.tile(IMAGES, (40, 1, 1, 1)), binarised_pair, batch_size=32), epochs=10, verbose=0)
        losses.append(model.history.history["loss"])
    assert losses[0][-1] < losses[0][0] - 1, "it has learned something"
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.03)


def test_a_fit_shorter_than_an_execution():
    model = _vae(keras.optimizers.SGD(0.0))
    history = model.fit(IMAGES, IMAGES, batch_size=5, epochs=2, verbose=0).history
    assert int(model.optimizer.iterations) == 2 * 5
    assert {key: len(values) for key, values in history.items()} == {"loss": 2, "kl": 2}
    expected = model.evaluate(IMAGES, IMAGES, verbose=0, return_dict=True)
    assert history["kl"][-1] == pytest.approx(expected["kl"], rel=1e-4), (
        "all batches count, the smaller one by its size"
    )


def test_predicts_every_image_whatever_the_number_of_batches():
    model = _vae()
    assert model.predict(IMAGES, batch_size=5, verbose=0).shape == IMAGES.shape
    means = model.encoder.predict(IMAGES, batch_size=5, verbose=0)[0]
    np.testing.assert_allclose(means, model.encoder.predict(IMAGES, verbose=0)[0], rtol=1e-4, atol=1e-5)


def test_the_same_seed_gives_the_same_digits_interrupted_or_not():
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def fit(model, *more):
        callbacks = [*training.callbacks("a fit"), *more]
        batches = {"batch_size": 12, "epochs": 4, "shuffle": False}
        return model.fit(IMAGES, IMAGES, verbose=0, callbacks=callbacks, **batches).history

    at_once, stopped, resumed = _vae(), _vae(), _vae()
    history = fit(at_once)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, Interrupt())
    assert fit(resumed) == history
    for one, other in zip(at_once.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_leaves_random_numbers_alone():
    model = build_dense_vae(2, hidden=(8,))
    training._compile_unheard.cache_clear()
    before = random.getstate(), np.random.get_state()[1].tolist()
    fast(model)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_nothing_is_written_under_a_lessons_cell():
    """TensorFlow announces its first compilation on stderr; a new process, for it does so once in each."""
    lines = """
import course_utils, keras, numpy as np
from course_utils.training import fast
x, model = np.ones((2, 1)), keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", **fast(model))
model.fit(x, x, verbose=0)
print(model.jit_compile)
"""
    fresh = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}  # JAX has set it here
    command = [sys.executable, "-c", lines]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=fresh)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_the_progress_bar_reaches_its_end(capsys):
    """21 batches of 3 in two epochs, heard of in lots of eight, the last one of five."""
    model = _conv()
    model.compile("adam", "mse", steps_per_execution=8)
    images = np.random.default_rng(0).random((62, 4, 4, 1), dtype=np.float32)
    model.fit(images, images, batch_size=3, epochs=2, verbose=0, callbacks=[training.ProgressBar("fit")])
    assert "100%" in capsys.readouterr().out.split("\r")[-1]
