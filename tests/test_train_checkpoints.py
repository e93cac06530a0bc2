"""The recipe behind lesson 09's checkpoints, at a small scale: what it stores, and that it goes on where it was."""

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from course_utils import checkpoints
from course_utils.checkpoints import load_checkpoint
from course_utils.data import Dataset, binarise
from course_utils.metrics import iwae_bound
from course_utils.models import build_dense_vae

TOOL = Path(__file__).parents[1] / "tools" / "train_checkpoints.py"
IMAGES = np.random.default_rng(0).random((40, 28, 28, 1), dtype=np.float32)
FEW = ["--vae-epochs", "2", "--iwae-epochs", "1", "--k", "3"]


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    specification = importlib.util.spec_from_file_location("train_checkpoints", TOOL)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    labels = np.zeros(40, np.int32)
    monkeypatch.setattr(module, "load", lambda name: Dataset(IMAGES, labels, IMAGES[:12], labels[:12], "noise"))
    monkeypatch.setattr(module, "build_dense_vae", lambda width, seed: build_dense_vae(width, hidden=(8,), seed=seed))
    for name, value in {"N_TRAIN": 40, "SCORE_K": 20, "SLICE": 5}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(checkpoints, "folder", lambda: tmp_path)
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
    recipe.N_TRAIN = 60_000
    with pytest.raises(SystemExit):
        recipe.main([])
    assert "need all of MNIST" in capsys.readouterr().err
