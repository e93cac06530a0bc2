"""Checkpoints: round trip, size, and errors that name the file and the remedy."""

import io
import tomllib
from pathlib import Path

import numpy as np
import pytest

from course_utils import checkpoints
from course_utils.checkpoints import load_checkpoint, save_checkpoint, store_table, stored_table
from course_utils.models import build_dense_vae

ROOT = Path(__file__).parents[1]
LOG = {"loss": [200.5, 150.25], "seconds": [7.0, 6.5]}


def small_vae(width=3, seed=0):
    return build_dense_vae(width, hidden=(8,), seed=seed, image_shape=(4, 4, 1))


@pytest.fixture
def stored(tmp_path):
    model = small_vae()
    save_checkpoint(model, tmp_path / "some" / "vae", LOG)
    return model, tmp_path / "some" / "vae"


def test_weights_and_log_come_back(stored):
    model, path = stored
    other = small_vae(seed=1)
    log = load_checkpoint(other, path)
    for ours, theirs in zip(model.weights, other.weights):
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-6)
    assert {key: list(values) for key, values in log.items()} == LOG
    assert sorted(file.name for file in path.parent.iterdir()) == ["vae.csv", "vae.npz"]


def test_a_bare_name_lies_in_the_folder_and_a_path_where_it_says(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "folder", lambda: tmp_path / "stored")
    monkeypatch.chdir(tmp_path)
    for name, place in [("mine", "stored"), ("./mine", "."), ("runs/mine", "runs"), (tmp_path / "all" / "mine", "all")]:
        save_checkpoint(small_vae(), name, LOG)
        assert {file.name for file in (tmp_path / place).glob("mine.*")} == {"mine.csv", "mine.npz"}
        assert list(load_checkpoint(small_vae(seed=1), name)["loss"]) == LOG["loss"]


def test_a_table_comes_back_as_text_by_column(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "folder", lambda: tmp_path)
    store_table("dice", [{"seed": 2, "U-Net": 0.94}, {"seed": 3, "U-Net": 0.95}])
    assert (tmp_path / "dice.csv").read_text(encoding="utf-8") == "seed,U-Net\n2,0.94\n3,0.95\n"
    assert stored_table("dice") == [{"seed": "2", "U-Net": "0.94"}, {"seed": "3", "U-Net": "0.95"}]
    with pytest.raises(ValueError, match=r"no table loss: .*loss\.csv is missing\. `make checkpoints`"):
        stored_table("loss")


def test_a_dot_is_part_of_the_name(tmp_path):
    models = {name: small_vae(seed=seed) for seed, name in enumerate(["vae_beta0.1", "vae_beta0.5", "vae_beta0"])}
    for name, model in models.items():
        save_checkpoint(model, tmp_path / name, {"loss.": [1.0], "val, loss": [2.0]})
    assert len(list(tmp_path.iterdir())) == 6
    for name, model in models.items():
        other = small_vae(seed=9)
        assert set(load_checkpoint(other, tmp_path / name)) == {"loss.", "val, loss"}
        np.testing.assert_allclose(other.get_weights()[0], model.get_weights()[0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e5])
def test_weights_that_are_not_finite_as_float16_are_not_stored(stored, value):
    model, path = stored
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    model.decoder.weights[-1].assign(np.full(model.decoder.weights[-1].shape, value))
    with pytest.raises(ValueError, match=r"`model` must have weights that are finite as float16\. Received .*bias"):
        save_checkpoint(model, path, {"loss": [0.0]})
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before


@pytest.mark.parametrize(
    "log", [{"loss": [1, 2], "kl": [3]}, {"loss": [1, 2], "by_row": [[1, 2], [3, 4]]}, {"loss": 3}]
)
def test_a_log_that_is_no_table_is_not_stored(tmp_path, log):
    with pytest.raises(ValueError, match=r"`log` must have one number per epoch in each column\. Received the shapes"):
        save_checkpoint(small_vae(), tmp_path / "vae", log)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "loss,kl\n1,2\n3\n", "loss\nmuch\n", "loss,kl\n1\n2\n"])
def test_a_damaged_log_is_named(stored, text):
    model, path = stored
    path.with_suffix(".csv").write_text(text)
    with pytest.raises(ValueError, match=r"vae is damaged: .*make checkpoints"):
        load_checkpoint(model, path)


def test_interrupted_while_writing_the_earlier_files_stay(stored, monkeypatch):
    model, path = stored
    before = path.with_suffix(".npz").read_bytes()

    def half(file, **arrays):
        Path(file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", half)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(model, path, LOG)
    assert path.with_suffix(".npz").read_bytes() == before and len(list(path.parent.iterdir())) == 2


def test_saving_again_changes_nothing(stored, tmp_path):
    _, path = stored
    model = small_vae(seed=1)
    load_checkpoint(model, path)
    save_checkpoint(model, tmp_path / "again", LOG)
    for name in ("weight_0", "weight_5"):
        with np.load(path.with_suffix(".npz")) as first, np.load(tmp_path / "again.npz") as second:
            np.testing.assert_array_equal(first[name], second[name])


def test_a_log_of_one_epoch(tmp_path):
    save_checkpoint(small_vae(), tmp_path / "vae", {"loss": [3.0]})
    assert list(load_checkpoint(small_vae(), tmp_path / "vae")["loss"]) == [3]


def test_the_full_size_stays_below_its_limit(tmp_path):
    """50 latent units, two layers of 400 on each side: as `make checkpoints` trains it."""
    save_checkpoint(build_dense_vae(50), tmp_path / "vae", LOG)
    assert (tmp_path / "vae.npz").stat().st_size < 2.5e6


def test_a_missing_checkpoint_is_named_with_the_remedy(tmp_path):
    with pytest.raises(ValueError, match=r"There is no checkpoint vae_7: .*vae_7\.npz is missing. `make checkpoints`"):
        load_checkpoint(small_vae(), tmp_path / "vae_7")


def test_another_model_is_refused(stored):
    _, path = stored
    with pytest.raises(ValueError, match=r"`model` must have the shapes of the checkpoint vae, \[\(16, 8\).*Received"):
        load_checkpoint(small_vae(width=4), path)


def test_a_damaged_file_is_refused_and_the_model_left_alone(stored):
    model, path = stored
    before = model.get_weights()
    archive = path.with_suffix(".npz")
    intact = archive.read_bytes()
    for content in (b"", intact[: len(intact) // 2], b"no archive"):
        archive.write_bytes(content)
        with pytest.raises(ValueError, match=r"vae is damaged: .*make checkpoints"):
            load_checkpoint(model, path)
    with np.load(io.BytesIO(intact)) as opened:
        arrays = {name: opened[name] for name in opened.files}
    for change in (arrays["weight_0"] * np.float16(np.nan), arrays["weight_0"].astype(np.int32)):
        np.savez(archive, **{**arrays, "weight_0": change})
        with pytest.raises(ValueError, match="no finite float16"):
            load_checkpoint(model, path)
    for ours, kept in zip(model.get_weights(), before):
        np.testing.assert_array_equal(ours, kept)


def test_the_folder_is_the_repositorys_or_the_wheels(tmp_path, monkeypatch):
    assert (checkpoints.folder() / "README.md").is_file() and checkpoints.folder().parent.name == "data"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    target = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]["data/checkpoints"]
    monkeypatch.setattr(checkpoints, "__file__", str(tmp_path / "course_utils" / "checkpoints.py"))
    (tmp_path / target).mkdir(parents=True)
    assert checkpoints.folder() == tmp_path / target
