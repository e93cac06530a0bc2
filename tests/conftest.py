"""What several test modules share."""

import gc
import os
import sys

import numpy as np
import pytest


def pytest_collection_finish():
    gc.freeze()  # or the collector walks through all of TensorFlow again and again


def pytest_runtest_setup(item):
    for system, here in {"posix": os.name == "posix", "linux": sys.platform == "linux"}.items():
        if item.get_closest_marker(system) and not here:
            pytest.skip(f"it needs {system}")


@pytest.fixture(autouse=True)
def untouched_environment(monkeypatch, tmp_path):
    """Each test starts in the full profile with a cache of its own, whatever the shell says, and leaves no trace."""
    from course_utils import lesson  # here, since pytest's own process has no use for TensorFlow

    for name in ("COURSE_PROFILE", "COURSE_DATA", "COURSE_CACHE", "KERAS_HOME"):
        monkeypatch.setenv(name, "")  # so that what a test sets itself is undone as well
        monkeypatch.delenv(name)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(lesson, "_fallen_back", False)


@pytest.fixture(autouse=True)
def same_random_numbers(request, monkeypatch):
    """Each test draws the same numbers, whichever tests ran before it in its process."""
    import keras

    keras.utils.set_random_seed(0)
    if hasattr(request.module, "RNG"):
        monkeypatch.setattr(request.module, "RNG", np.random.default_rng(1))


@pytest.fixture
def digits():
    """A few smooth random images: `(32, 28, 28, 1)` float32 in [0, 1]."""
    rng = np.random.default_rng(0)
    return np.repeat(np.repeat(rng.random((32, 7, 7, 1), dtype=np.float32), 4, axis=1), 4, axis=2)


@pytest.fixture
def on_few_digits(tmp_path, monkeypatch, digits):
    """A function that has a module under `tools` train on 32 images for MNIST and store what it makes in `tmp_path`."""
    from course_utils import checkpoints
    from course_utils.data import Dataset

    labels = np.arange(32, dtype=np.int32) % 10
    sets = [part for n in (32, 6, 8) for part in (digits[:n], labels[:n])]

    def prepare(module):
        monkeypatch.setattr(module, "load", lambda name: Dataset(*sets, "few"))
        monkeypatch.setattr(checkpoints, "folder", lambda: tmp_path)

    return prepare
