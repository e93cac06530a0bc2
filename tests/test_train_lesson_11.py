"""The recipes behind what lesson 11 has stored, at a small scale."""

import numpy as np
import pytest

from course_utils.checkpoints import load_checkpoint, stored_table
from course_utils.models import build_unet
from tools import train_lesson_11 as module

pytestmark = pytest.mark.system

COLUMNS = ("without skips", "without skips, on ink", "U-Net", "U-Net, on ink")


@pytest.fixture
def recipe(monkeypatch, on_few_digits):
    on_few_digits(module)
    for name, value in {"N_TRAIN": 32, "N_SINGLE": 32, "N_CLUTTER": 32, "EPOCHS": 2, "SEEDS": (2,)}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "fast", lambda model: {"run_eagerly": True})  # to trace takes longer than a few steps
    monkeypatch.setattr(
        module, "build_unet", lambda *args, **kwargs: build_unet(*args, **{**kwargs, "filters": (2, 3)})
    )
    return module


def test_it_stores_weights_log_and_figures_and_trains_once(recipe, tmp_path, capsys):
    recipe.main()
    assert "two_digits: Dice" in capsys.readouterr().out
    model = build_unet((36, 36, 1), 10, filters=(2, 3), activation="sigmoid")
    before = [weight.copy() for weight in model.get_weights()]
    log = load_checkpoint(model, "two_digits")
    assert set(log) == {"epoch", "loss", "val_loss"} and list(log["epoch"]) == [1, 2]
    assert any(np.any(a != b) for a, b in zip(before, model.get_weights()))
    (row,) = stored_table("clutter")
    assert row["seed"] == "2" and set(row) == {"seed", *COLUMNS}
    assert all(0 <= float(row[name]) <= 1 for name in COLUMNS)
    recipe.main()
    assert capsys.readouterr().out.count("stored already") == 2


def test_less_than_all_of_mnist_is_refused(recipe):
    recipe.N_TRAIN = 55_000
    with pytest.raises(SystemExit, match="need all of MNIST"):
        recipe.main()
