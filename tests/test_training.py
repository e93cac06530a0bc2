"""The progress bar, and what `callbacks` makes of unusual models."""

import keras
import numpy as np
import pytest

from course_utils import training
from course_utils.losses import bernoulli_nll
from course_utils.models import build_dense_vae

IMAGES = np.random.default_rng(0).integers(0, 2, (24, 4, 4, 1)).astype(np.float32)


def _compiled(optimizer="adam", **kwargs):
    model = build_dense_vae(2, hidden=(5,), image_shape=(4, 4, 1), seed=0)
    model.compile(optimizer, bernoulli_nll, run_eagerly=True, **kwargs)
    return model


def _fit(model, name="small VAE", epochs=3, **kwargs):
    return model.fit(
        IMAGES, IMAGES, batch_size=8, epochs=epochs, verbose=0, callbacks=training.callbacks(name), **kwargs
    )


def _as_a_terminal_shows_it(text):
    """What is left of each line after its carriage returns."""
    return [line.rsplit("\r", 1)[-1].rstrip() for line in text.rstrip("\n").split("\n")]


def test_one_line_a_fit(capsys):
    _fit(_compiled())
    lines = _as_a_terminal_shows_it(capsys.readouterr().out)
    assert len(lines) == 1, lines
    assert lines[0].startswith("small VAE, epoch 3/3 100%|") and "loss=" in lines[0] and "kl=" in lines[0]


def test_the_bar_reaches_its_end_with_several_batches_in_one_go(capsys):
    model = build_dense_vae(2, hidden=(5,), image_shape=(4, 4, 1), seed=0)
    model.compile("adam", bernoulli_nll, steps_per_execution=2)  # 3 batches an epoch: the second go has but one
    _fit(model)
    assert "epoch 3/3 100%|" in _as_a_terminal_shows_it(capsys.readouterr().out)[0]


class ErrorByRow(keras.metrics.Metric):
    """A metric whose result is an array."""

    def __init__(self):
        super().__init__(name="by_row")
        self.total = self.add_weight(shape=(4,), initializer="zeros", name="total")

    def update_state(self, truth, prediction, sample_weight=None):
        self.total.assign_add(keras.ops.sum(keras.ops.square(truth - prediction), axis=(0, 2, 3)))

    def result(self):
        return self.total


def test_a_metric_that_is_an_array_is_kept_and_not_shown(capsys):
    history = _fit(_compiled(metrics=[ErrorByRow()])).history
    assert np.shape(history["by_row"]) == (3, 4) and isinstance(history["by_row"][0], list)
    (line,) = _as_a_terminal_shows_it(capsys.readouterr().out)
    assert "loss=" in line and "by_row" not in line


def test_a_model_without_an_optimizer_is_refused():
    with pytest.raises(ValueError, match=r"`optimizer` must be given to `compile`.*Received: optimizer=None"):
        _fit(_compiled(optimizer=None))
