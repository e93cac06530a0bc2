"""Patches of photographs in the place of CIFAR-10, and the other image sets that `load` knows."""

import numpy as np
import pytest
import skimage.data

from course_utils import data, photographs
from course_utils.photographs import PHOTOGRAPHS, photograph_patches


@pytest.fixture(scope="module")
def patches():
    return photograph_patches()


def test_patches_are_arrays_like_those_of_an_archive(patches):
    assert set(patches) == {"x_train", "y_train", "x_test", "y_test"}
    for split in ("train", "test"):
        images, numbers = patches[f"x_{split}"], patches[f"y_{split}"]
        assert images.dtype == np.uint8 and images.shape == (len(numbers), 32, 32, 3) and len(images) > 100
        assert set(numbers) == set(range(len(PHOTOGRAPHS[split]))) and numbers.dtype == np.int32
        assert set(numbers[:100]) == set(numbers), "the first hundred are of all photographs"


def test_no_photograph_is_in_both_lists_and_the_order_is_settled(patches):
    assert not set(PHOTOGRAPHS["train"]) & set(PHOTOGRAPHS["test"])
    for name, array in photograph_patches().items():
        np.testing.assert_array_equal(array, patches[name])


def test_a_patch_is_a_piece_of_the_photograph_at_half_its_size(patches):
    astronaut = skimage.data.astronaut().astype(float)
    halved = astronaut.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3))
    own = patches["x_train"][patches["y_train"] == PHOTOGRAPHS["train"].index("astronaut")]
    corner = np.round(halved[:32, :32])
    assert (np.abs(own - corner).max(axis=(1, 2, 3)) <= 1).sum() == 1
    assert len(own) == 15**2, "a new one every 16 pixels"


def test_test_patches_do_not_overlap(patches):
    assert len({patch.tobytes() for patch in patches["x_test"]}) == len(patches["x_test"])
    assert photographs.SIDE == 32


@pytest.mark.parametrize(
    ("name", "what", "shape"),
    [("cifar10", "patches", (32, 32, 3)), ("fashion_mnist", "MNIST for Fashion-MNIST", (28, 28, 1))],
)
def test_the_quick_profile_takes_what_comes_with_the_package(monkeypatch, name, what, shape):
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    images = data.load(name)
    assert what in images.source and "(quick profile)" in images.source
    assert images.x_train.shape[1:] == shape and images.x_train.dtype == np.float32
    assert images.x_train.min() >= 0 and images.x_train.max() <= 1


@pytest.fixture
def nothing_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "REPOSITORY_DATA", tmp_path)
    monkeypatch.setattr("course_utils.lesson._fallen_back", False)


def test_a_file_of_colour_images_comes_first(tmp_path, monkeypatch, nothing_stored):
    rng = np.random.default_rng(0)
    arrays = {
        f"x_{split}": rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8) for split, n in (("train", 16), ("test", 5))
    }
    arrays |= {f"y_{split}": np.arange(len(arrays[f"x_{split}"])) % 10 for split in ("train", "test")}
    np.savez(tmp_path / "cifar10.npz", **arrays)
    images = data.load("cifar10")
    assert images.source == "CIFAR-10, 14 training, 2 validation and 5 test images from data/cifar10.npz"
    np.testing.assert_allclose(images.x_test, arrays["x_test"] / np.float32(255))


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
def test_keras_is_asked_next(monkeypatch, nothing_stored, name):
    side = (32, 32, 3) if name == "cifar10" else (28, 28)
    parts = [(np.zeros((n, *side), np.uint8), np.zeros((n, 1), np.uint8)) for n in (16, 4)]
    monkeypatch.setattr(f"keras.datasets.{name}.load_data", lambda: parts)
    images = data.load(name)
    assert images.source.endswith("from Keras's cache") and images.y_train.shape == (14,)


def test_without_a_network_patches_and_the_quick_profile_take_over(monkeypatch, nothing_stored, capsys):
    def fail():
        raise Exception("URL fetch failure: no route to host")

    monkeypatch.setattr("keras.datasets.cifar10.load_data", fail)
    images = data.load("cifar10")
    assert "Photographs for CIFAR-10" in images.source
    said = capsys.readouterr().out
    assert "The full CIFAR-10 cannot be had (URL fetch failure: no route to host)." in said and "quick profile" in said


@pytest.mark.parametrize("shape", [(4, 32, 32, 1), (4, 32, 32, 4), (4, 32, 32, 3, 1)])
def test_an_archive_with_other_channels_is_refused(tmp_path, shape):
    images, labels = np.zeros(shape, np.uint8), np.zeros(4, np.uint8)
    np.savez(tmp_path / "x.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    with pytest.raises(ValueError, match=r"not uint8\[n, height, width\] or uint8\[n, height, width, 3\]"):
        data.read_archive(tmp_path / "x.npz")
