"""The recipes behind the stored models of lesson 15, at a small scale."""

import numpy as np
import pytest

from course_utils.checkpoints import load_checkpoint
from course_utils.models import build_discriminator, build_gaussian_encoder, build_generator
from tools import train_lesson_15 as module

pytestmark = pytest.mark.system


@pytest.fixture
def recipe(monkeypatch, on_few_digits):
    on_few_digits(module)
    monkeypatch.setattr(module, "N_TRAIN", 32)
    monkeypatch.setattr(module, "BATCH", 16)
    monkeypatch.setattr(module, "fast", lambda model, steps: {"run_eagerly": True})
    small = {"filters": (2, 2)}
    monkeypatch.setattr(module, "build_generator", lambda width: build_generator(width, **small))
    monkeypatch.setattr(module, "build_gaussian_encoder", lambda width: build_gaussian_encoder(width, **small))
    monkeypatch.setattr(module, "build_discriminator", lambda: build_discriminator(**small))
    return module


def test_it_stores_three_decoders_and_trains_once(recipe, capsys):
    recipe.main(["--times", "1"])
    assert "long_gan, epoch 3:" in capsys.readouterr().out
    decoder = build_generator(recipe.LATENT, filters=(2, 2))
    pictures = []
    for name, (*_, epochs) in recipe.RECIPES.items():
        log = load_checkpoint(decoder, name)
        assert list(log["epoch"]) == list(range(1, epochs + 1)) and "loss" in log
        pictures.append(decoder.predict_on_batch(np.ones((1, recipe.LATENT), np.float32)))
    assert len({picture.tobytes() for picture in pictures}) == 3
    recipe.main(["--times", "1"])
    assert capsys.readouterr().out.count("stored already") == 3


def test_less_than_all_of_mnist_is_refused(recipe):
    recipe.N_TRAIN = 55_000
    with pytest.raises(SystemExit, match="need all of MNIST"):
        recipe.main([])
