"""The recipe behind the pixel model of lesson 14, at a small scale."""

import numpy as np
import pytest

from course_utils.checkpoints import load_checkpoint
from course_utils.models import build_pixel_cnn
from tools import train_lesson_14 as module

pytestmark = pytest.mark.system


@pytest.fixture
def recipe(monkeypatch, on_few_digits):
    on_few_digits(module)
    monkeypatch.setattr(module, "N_TRAIN", 32)
    monkeypatch.setattr(module, "N_BLOCKS", 1)
    monkeypatch.setattr(module, "fast", lambda model, steps: {"run_eagerly": True})
    return module


def test_it_stores_weights_and_log_and_trains_once(recipe, tmp_path, capsys):
    recipe.main(["--pixel-epochs", "2"])
    printed = capsys.readouterr().out
    assert "pixel_cnn, epoch 2:" in printed and "nats on 8 test digits" in printed
    model = build_pixel_cnn((28, 28), 2, n_blocks=1)
    before = [weight.copy() for weight in model.get_weights()]
    log = load_checkpoint(model, "pixel_cnn")
    assert list(log["epoch"]) == [1, 2] and {"loss", "val_loss"} <= set(log)
    assert log["loss"][1] < log["loss"][0]
    assert any(np.any(a != b) for a, b in zip(before, model.get_weights()))
    recipe.main(["--pixel-epochs", "2"])
    assert "stored already" in capsys.readouterr().out


def test_less_than_all_of_mnist_is_refused(recipe):
    recipe.N_TRAIN = 55_000
    with pytest.raises(SystemExit, match="need all of MNIST"):
        recipe.main([])
