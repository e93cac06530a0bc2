"""The explorer's file: its recipe at a small scale, and that it holds all it needs (tests/browser: at work)."""

import base64
import re

import numpy as np
import pytest

from course_utils.checkpoints import load_checkpoint
from tools import explorer, train_explorer

pytestmark = pytest.mark.system


@pytest.fixture
def small(monkeypatch, tmp_path, on_few_digits):
    """The recipe on a few digits with networks of a few units, in a folder of its own."""
    on_few_digits(train_explorer)
    for module in (explorer, train_explorer):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(train_explorer, "N_TRAIN", 32)
    monkeypatch.setattr(train_explorer, "BATCH", 16)
    monkeypatch.setattr(train_explorer, "fast", lambda model, steps: {"run_eagerly": True})
    build_vae, build_plain = train_explorer.build_dense_vae, train_explorer.build_dense_autoencoder
    build_conditional = train_explorer.build_conditional_vae
    few = {"hidden": (6, 5)}
    monkeypatch.setattr(train_explorer, "build_dense_vae", lambda *a, **k: build_vae(*a, **k | few))
    monkeypatch.setattr(train_explorer, "build_dense_autoencoder", lambda *a, **k: build_plain(*a, **k | few))
    monkeypatch.setattr(train_explorer, "build_conditional_vae", lambda *a, **k: build_conditional(*a, **k | few))
    return tmp_path


def test_it_trains_once_stores_three_models_and_the_codes_of_the_stored_weights(small, capsys):
    train_explorer.main(["--epochs", "2"])
    train_explorer.main(["--epochs", "2"])
    assert capsys.readouterr().out.count("stored already") == 3
    vae = train_explorer.MODELS["vae"]()
    log = load_checkpoint(vae, str(small / "vae"))
    assert list(log["epoch"]) == [1, 2] and {"loss", "kl"} < set(log)
    with np.load(small / "codes.npz") as stored:
        mean, _ = vae.encoder(train_explorer.load("mnist").x_test)
        np.testing.assert_allclose(stored["vae"], mean, atol=1e-3)
        assert stored["plain"].shape == mean.shape and stored["labels"].dtype == np.uint8


def test_less_than_all_of_mnist_is_refused(small, monkeypatch):
    monkeypatch.setattr(train_explorer, "N_TRAIN", 55_000)
    with pytest.raises(SystemExit, match="need all of MNIST"):
        train_explorer.main([])


def test_the_file_holds_every_weight_and_asks_for_nothing(small):
    train_explorer.main(["--epochs", "1"])
    data, page = explorer.data(), explorer.page()
    assert data["models"]["conditional"]["parts"] == {"decoder": [[12, 5, "gelu"], [5, 6, "gelu"], [6, 784, "sigmoid"]]}
    assert list(data["models"]["vae"]["parts"]) == ["decoder", "body", "mean", "log_var"]
    vae = train_explorer.MODELS["vae"]()
    load_checkpoint(vae, str(small / "vae"))
    numbers = np.frombuffer(base64.b64decode(data["models"]["vae"]["weights"]), "<f2")
    expected = [np.ravel(weight) for part in (vae.decoder, vae.encoder) for weight in part.get_weights()]
    np.testing.assert_array_equal(numbers, np.concatenate(expected))
    assert not re.search(r"/\* \w+\.(css|js|json) \*/", page), "every piece is in its place"
    assert re.findall(r"https?://[^\s\"'<]+|<link rel=.?styles|<script src|@import|fetch\(|import\(", page) == []


def test_limits_hold_the_codes_and_a_tenth_more():
    assert explorer.widened([[-1.0, 1.0], [0.0, 5.0]]) == [[-1.2, 1.2], [-0.5, 5.5]]
