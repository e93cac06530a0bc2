"""The recipe behind lesson 09's checkpoints, at a small scale: what it stores, and that it goes on where it was."""

import csv

import keras
import numpy as np
import pytest

from course_utils import checkpoints
from course_utils.batches import binarise
from course_utils.checkpoints import load_checkpoint
from course_utils.data import Dataset
from course_utils.metrics import iwae_bound
from course_utils.models import build_dense_vae
from tools import train_checkpoints as module

pytestmark = pytest.mark.system

IMAGES = np.random.default_rng(0).random((40, 28, 28, 1), dtype=np.float32)
FEW = ["--vae-epochs", "2", "--iwae-epochs", "1", "--k", "3"]


def _noise():
    parts = [(images, np.zeros(len(images), np.int32)) for images in (IMAGES, IMAGES[20:30], IMAGES[:12])]
    return Dataset(*(array for part in parts for array in part), "noise")


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load", lambda name: _noise())
    monkeypatch.setattr(module, "build_dense_vae", lambda width, seed: build_dense_vae(width, hidden=(8,), seed=seed))
    for name, value in {"N_TRAIN": 40, "SCORE_K": 20, "SLICE": 5}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(checkpoints, "folder", lambda: tmp_path)
    compile_ = keras.Model.compile
    monkeypatch.setattr(
        keras.Model, "compile", lambda *args, jit_compile, **kwargs: compile_(*args, run_eagerly=True, **kwargs)
    )
    return module


def test_the_recipe_stores_weights_logs_bounds_and_scores_and_goes_on(recipe, tmp_path, capsys):
    recipe.main(FEW)
    printed = capsys.readouterr().out
    assert "vae_50, epoch 2: " in printed and "iwae_50, epoch 1: " in printed and "stored already" not in printed
    model = build_dense_vae(50, hidden=(8,))
    log = load_checkpoint(model, "vae_50")
    assert set(log) == {"epoch", "loss", "kl", "val_loss", "val_kl", "seconds"} and list(log["epoch"]) == [1, 2]
    with open(tmp_path / "scores.csv", encoding="utf-8") as file:
        scores = {row["model"]: row for row in csv.DictReader(file)}
    assert set(scores) == {"vae_50", "iwae_50"} and scores["vae_50"]["digits"] == "12"
    bounds = np.load(tmp_path / "vae_50_bounds.npy", allow_pickle=False)
    assert float(scores["vae_50"]["bound_20"]) == pytest.approx(bounds.mean(), abs=1e-3)
    x_test = binarise(IMAGES[:12], np.random.default_rng(1))
    np.testing.assert_allclose(bounds[5:10], iwae_bound(model, x_test[5:10], 20, seed=5), rtol=1e-5)

    bounds[5:10] = np.nan  # as if interrupted there
    np.save(tmp_path / "vae_50_bounds.npy", bounds)
    recipe.main(FEW)
    printed = capsys.readouterr().out
    assert printed.count("stored already") == 2 and printed.count(" digits, mean ") == 1
    assert np.isfinite(np.load(tmp_path / "vae_50_bounds.npy")).all()

    (tmp_path / "iwae_50.npz").unlink()  # trained anew: bounds of the earlier weights must go
    recipe.main(FEW)
    assert capsys.readouterr().out.count(" digits, mean ") == 3


def test_less_than_all_of_mnist_is_refused(recipe, capsys):
    recipe.N_TRAIN = 55_000
    with pytest.raises(SystemExit):
        recipe.main([])
    assert "need all of MNIST" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-3", "1.5", "ten"])
def test_numbers_of_the_command_line_are_checked(recipe, capsys, number):
    with pytest.raises(SystemExit):
        recipe.main(["--vae-epochs", number])
    assert f"--vae-epochs: invalid positive_whole value: '{number}'" in capsys.readouterr().err


def test_no_test_digit_is_watched(recipe, monkeypatch):
    """What `fit` is given, whether to train on or for the log, are training and validation digits."""
    watched = []

    class Noted(Exception):
        pass

    def fit(self, batches, *, validation_data, **kwargs):
        watched.extend([batches.images, *validation_data])
        raise Noted

    monkeypatch.setattr(keras.Model, "fit", fit)
    with pytest.raises(Noted):
        recipe.main(FEW)
    training, inputs, targets = watched
    expected = binarise(IMAGES[20:30], np.random.default_rng(2))
    np.testing.assert_array_equal(training, IMAGES)
    np.testing.assert_array_equal(inputs, expected)
    np.testing.assert_array_equal(targets, expected)
