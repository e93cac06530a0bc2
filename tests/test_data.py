"""The image sets: where they come from, what a damaged file says, batches made anew."""

import hashlib
import io
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import keras
import numpy as np
import pytest

from course_utils import data

ROOT = Path(__file__).parents[1]


@pytest.fixture
def small_mnist():
    """Arrays like MNIST's, but tiny."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 30), ("test", 20)):
        arrays[f"x_{split}"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"y_{split}"] = (np.arange(n) % 10).astype(np.uint8)
    return arrays


@pytest.fixture
def course_data(tmp_path, monkeypatch, small_mnist):
    """A folder named by $COURSE_DATA, with a small mnist.npz in it."""
    folder = tmp_path / "data"
    folder.mkdir()
    np.savez(folder / "mnist.npz", **small_mnist)
    monkeypatch.setenv("COURSE_DATA", str(folder))
    return folder


@pytest.fixture
def nothing_stored(tmp_path, monkeypatch):
    """No file in data/ and an empty Keras cache; returns the place that the cache's archive would have."""
    monkeypatch.setattr(data, "REPOSITORY_DATA", _only_the_sample(tmp_path / "repository"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "datasets" / "mnist.npz"


def _only_the_sample(folder):
    folder.mkdir()
    shutil.copy(ROOT / "data" / data.EMBEDDED, folder)
    return folder


def _no_network(*args, **kwargs):
    raise Exception("URL fetch failure")  # this is what Keras raises


def _a_download(arrays):
    """Stands in for `keras.utils.get_file`: writes an archive below `cache_dir`."""

    def get_file(name, url, *, file_hash, cache_dir):
        path = Path(cache_dir) / "datasets" / name
        path.parent.mkdir()
        np.savez(path, **arrays)
        return str(path)

    return get_file


# Sources


def test_quick_profile_uses_the_embedded_sample_at_once(monkeypatch, course_data, capsys):
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    monkeypatch.setattr(keras.utils, "get_file", _no_network)
    mnist = data.load("mnist")
    assert mnist.x_train.shape == (4000, 28, 28, 1) and mnist.x_test.shape == (1000, 28, 28, 1)
    assert mnist.x_train.dtype == np.float32 and mnist.y_train.dtype == np.int32
    assert mnist.x_train.min() == 0 and mnist.x_train.max() == 1
    assert (np.bincount(mnist.y_train) == 400).all() and (np.bincount(mnist.y_test) == 100).all()
    line = "MNIST, 4,000 training and 1,000 test digits from the embedded sample (quick profile)"
    assert mnist.source == line and capsys.readouterr().out == line + "\n"


def test_course_data_comes_first(course_data, small_mnist):
    mnist = data.load("mnist")
    assert mnist.source.endswith("from $COURSE_DATA/mnist.npz")
    np.testing.assert_array_equal(mnist.x_test[..., 0], small_mnist["x_test"].astype(np.float32) / 255)
    np.testing.assert_array_equal(mnist.y_test, small_mnist["y_test"])


def test_the_repository_comes_second(course_data, monkeypatch):
    monkeypatch.setattr(data, "REPOSITORY_DATA", course_data)
    monkeypatch.setenv("COURSE_DATA", str(course_data / "empty"))
    assert data.load("mnist").source.endswith("from data/mnist.npz")


def test_the_keras_cache_comes_third(nothing_stored, small_mnist, monkeypatch):
    nothing_stored.parent.mkdir(parents=True)
    np.savez(nothing_stored, **small_mnist)
    monkeypatch.setattr(keras.utils, "get_file", _no_network)
    assert data.load("mnist").source.endswith("from Keras's cache")


def test_the_keras_cache_is_where_keras_keeps_it(monkeypatch):
    """Keras names its folder by a private function only; the package may follow, but not import, it."""
    from keras.src.backend.config import keras_home

    looked_at = []
    monkeypatch.setattr(data, "read_archive", lambda path: looked_at.append(path))
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    data._from_keras_cache()
    assert looked_at == [Path(keras_home()) / "datasets" / "mnist.npz"]


def test_a_download_is_kept_whole(nothing_stored, small_mnist, monkeypatch):
    monkeypatch.setattr(keras.utils, "get_file", _a_download(small_mnist))
    assert len(data.load("mnist").x_train) == 30
    assert [path.name for path in nothing_stored.parent.iterdir()] == ["mnist.npz"]
    monkeypatch.setattr(keras.utils, "get_file", _no_network)
    assert len(data.load("mnist").x_train) == 30


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_a_broken_off_download_leaves_nothing(nothing_stored, small_mnist, monkeypatch, interruption):
    def half(source, target):
        Path(target).write_bytes(Path(source).read_bytes()[:100])
        raise interruption

    monkeypatch.setattr(keras.utils, "get_file", _a_download(small_mnist))
    monkeypatch.setattr(shutil, "copyfile", half)
    if interruption is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            data.load("mnist")
    else:  # a full disk: the arrays are in memory all the same
        assert len(data.load("mnist").x_train) == 30
    assert list(nothing_stored.parent.iterdir()) == []


def test_a_read_only_home_does_not_lose_the_download(tmp_path, small_mnist, monkeypatch, nothing_stored):
    occupied = tmp_path / "a file, where a folder should be"
    occupied.touch()
    monkeypatch.setenv("KERAS_HOME", str(occupied))
    monkeypatch.setattr(keras.utils, "get_file", _a_download(small_mnist))
    assert len(data.load("mnist").x_train) == 30


def test_without_a_network_the_quick_profile_takes_over(nothing_stored, monkeypatch, capsys):
    from course_utils.training import profile

    monkeypatch.setattr(keras.utils, "get_file", _no_network)
    assert profile() == "full"
    mnist = data.load("mnist")
    first, second = capsys.readouterr().out.splitlines()
    assert "cannot be had" in first and "is there a network?" in first and "quick profile" in first
    assert second == mnist.source and "embedded sample" in second and len(mnist.x_train) == 4000
    assert profile() == "quick"


def test_two_processes_download_at_once(tmp_path, small_mnist):
    np.savez(tmp_path / "served.npz", **small_mnist)
    code = f"""
        import shutil, sys, time
        from pathlib import Path
        from course_utils import data
        import keras

        def get_file(name, url, *, file_hash, cache_dir):
            Path({str(tmp_path)!r}, sys.argv[1]).touch()
            for _ in range(1200):  # until the other process is here too
                if len(list(Path({str(tmp_path)!r}).glob("here*"))) == 2:
                    break
                time.sleep(0.05)
            return shutil.copy({str(tmp_path / "served.npz")!r}, cache_dir)

        keras.utils.get_file = get_file
        data.REPOSITORY_DATA = Path({str(tmp_path)!r})
        data.load("mnist")
    """
    environment = {"KERAS_HOME": str(tmp_path / "keras"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), f"here{number}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | {"PYTHONPATH": str(ROOT)},
        )
        for number in range(2)
    ]
    for process in started:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert output == "MNIST, 30 training and 20 test digits from Keras's cache\n"
    assert [path.name for path in (tmp_path / "keras" / "datasets").iterdir()] == ["mnist.npz"]


# Arguments


def test_the_first_so_many(course_data):
    everything, some = data.load("mnist"), data.load("mnist", n_train=7, n_test=3)
    np.testing.assert_array_equal(some.x_train, everything.x_train[:7])
    np.testing.assert_array_equal(some.y_test, everything.y_test[:3])
    assert "7 training and 3 test" in some.source


def test_unknown_name():
    with pytest.raises(ValueError, match=r"`name` must be .*'mnist'.*Received: name='mnits'"):
        data.load("mnits")


@pytest.mark.parametrize("argument", ["n_train", "n_test"])
@pytest.mark.parametrize("number", [0, -1, 31, 2.5, "7"])
def test_numbers_that_cannot_be_had(course_data, argument, number):
    with pytest.raises(ValueError, match=rf"`{argument}` must be a whole number from 1 to \d+\. Received: .*{number}"):
        data.load("mnist", **{argument: number})


# Damaged files


def _archive(tmp_path, save=np.savez, **arrays):
    save(tmp_path / "mnist.npz", **arrays)
    return tmp_path / "mnist.npz"


def _refused(path, because=None):
    with pytest.raises(ValueError, match=because) as caught:
        data.read_archive(path)
    message = str(caught.value)
    assert str(path) in message and "Delete it and load again" in message


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_truncated_or_altered_anywhere(tmp_path, small_mnist, save):
    """Cut or with a byte flipped, a file is refused, unless its arrays are whole all the same (a time stamp, say)."""
    path = _archive(tmp_path, save, **{key: array[:10] for key, array in small_mnist.items()})
    intact, truth = path.read_bytes(), data.read_archive(path)
    for place in np.linspace(0, len(intact) - 1, 60).astype(int):
        path.write_bytes(intact[:place])
        _refused(path)
    headers = [match.start() + offset for match in re.finditer(b"PK", intact) for offset in range(30)]
    for place in [*np.linspace(0, len(intact) - 1, 60).astype(int), *(h for h in headers if h < len(intact))]:
        flipped = bytearray(intact)
        flipped[place] ^= 0x21
        path.write_bytes(flipped)
        try:
            arrays = data.read_archive(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert all(np.array_equal(arrays[key], truth[key]) for key in truth)


def test_a_flipped_pixel_is_noticed(tmp_path, small_mnist):
    path = _archive(tmp_path, **small_mnist)
    content = path.read_bytes()
    place = content.index(small_mnist["x_test"].tobytes())
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    _refused(path, "CRC")


def test_pickled(tmp_path, small_mnist):
    objects = small_mnist | {"x_train": np.array([{"a": 1}, None], dtype=object)}
    _refused(_archive(tmp_path, **objects), "pickle")


def test_other_files(tmp_path, small_mnist):
    path = tmp_path / "mnist.npz"
    for content in (b"", b"<html>404</html>", b"PK\x03\x04"):
        path.write_bytes(content)
        _refused(path)
    buffer = io.BytesIO()
    np.save(buffer, small_mnist["x_train"])
    path.write_bytes(buffer.getvalue())
    _refused(path)


@pytest.mark.parametrize(
    ("key", "change", "because"),
    [
        ("x_train", lambda x: x.astype(np.float32), "x_train is float32"),
        ("x_test", lambda x: x[..., np.newaxis], r"x_test is uint8\[20, 28, 28, 1\]"),
        ("x_train", lambda x: x[:0], "x_train is uint8"),
        ("y_train", lambda y: y[:-1], "y_train is uint8.*one integer an image"),
        ("y_train", lambda y: y.astype(np.float32), "y_train is float32"),
        ("y_test", lambda y: y + 1, "labels from 1 to 10, not 0 to 9"),
        ("y_test", lambda y: y.astype(np.int64) - 1, "labels from -1 to 8"),
    ],
)
def test_wrong_arrays(tmp_path, small_mnist, key, change, because):
    _refused(_archive(tmp_path, **(small_mnist | {key: change(small_mnist[key])})), because)


def test_missing_array(tmp_path, small_mnist):
    del small_mnist["y_test"]
    _refused(_archive(tmp_path, **small_mnist), "y_test")


def test_a_damaged_file_stops_the_load(course_data):
    path = course_data / "mnist.npz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=re.escape(str(path))):
        data.load("mnist")


def test_checksums_are_those_of_the_readme():
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    embedded = hashlib.sha256((ROOT / "data" / data.EMBEDDED).read_bytes()).hexdigest()
    assert embedded in readme and data.MNIST_SHA256 in readme


# Checks, binarisation, fresh batches


def test_check_images_says_what_it_got(digits):
    data.check_images(digits)
    data.check_images(digits[:0])
    for wrong, words in [
        (digits[..., 0], r"float32\[32, 28, 28\]"),
        ((digits * 255).astype(np.uint8), r"uint8\[32, 28, 28, 1\]"),
        (digits.tolist(), "list"),
        (digits * 255, r"must lie in \[0, 1\].*divided by 255"),
        (digits - 0.5, r"must lie in \[0, 1\]"),
        (np.where(digits > 0.9, np.nan, digits), r"must lie in \[0, 1\]"),
    ]:
        with pytest.raises(ValueError, match=f"`pictures` .*{words}"):
            data.check_images(wrong, "pictures")


def test_binarised_pixels_are_white_as_often_as_they_are_bright():
    grey = np.broadcast_to(np.float32([0, 0.25, 0.5, 1])[:, None, None, None], (4, 100, 100, 1))
    drawn = data.binarise(grey, np.random.default_rng(0))
    assert drawn.dtype == np.float32 and set(np.unique(drawn)) == {0, 1}
    np.testing.assert_allclose(drawn.mean(axis=(1, 2, 3)), [0, 0.25, 0.5, 1], atol=0.02)
    np.testing.assert_array_equal(drawn, data.binarise(grey, np.random.default_rng(0)))
    for half in data.binarised_pair(grey, np.random.default_rng(0)):
        np.testing.assert_array_equal(half, drawn)


def _numbered(n):
    """`n` one-pixel images, told apart by their grey value."""
    return (np.arange(n, dtype=np.float32) / n).reshape(n, 1, 1, 1)


def _noisy(images, rng):
    return images + rng.standard_normal(images.shape), images


def _epoch(batches):
    pairs = [batches[index] for index in range(len(batches))]
    batches.on_epoch_end()
    return [np.concatenate(part).ravel() for part in zip(*pairs)]


def test_every_image_once_an_epoch_and_fresh_each_time():
    batches = data.FreshBatches(_numbered(10), _noisy, batch_size=4, seed=1)
    assert len(batches) == 3 and [len(batches[i][0]) for i in range(3)] == [4, 4, 2]
    (first_inputs, first), (second_inputs, second) = _epoch(batches), _epoch(batches)
    np.testing.assert_array_equal(np.sort(first), _numbered(10).ravel())
    np.testing.assert_array_equal(np.sort(second), _numbered(10).ravel())
    assert (first != second).any(), "another order each epoch"
    noise = np.concatenate([first_inputs - first, second_inputs - second])
    assert len(np.unique(noise)) == 20, "other noise for every image of every epoch"


def test_fresh_batches_repeat_by_seed():
    def inputs(seed):
        batches = data.FreshBatches(_numbered(10), _noisy, batch_size=4, seed=seed)
        return np.concatenate([_epoch(batches)[0], _epoch(batches)[0]])

    np.testing.assert_array_equal(inputs(3), inputs(3))
    assert (inputs(3) != inputs(4)).any()


def test_fresh_batches_refuse_bad_input(digits):
    with pytest.raises(ValueError, match=r"`batch_size` must be a positive whole number\. Received: batch_size=0"):
        data.FreshBatches(digits, _noisy, batch_size=0)
    with pytest.raises(ValueError, match="`images` must"):
        data.FreshBatches(digits[..., 0], _noisy)


def test_fresh_batches_hand_over_labels_with_their_images():
    def pair(images, labels, rng):
        return (images, labels), images

    images = _numbered(10)
    batches = data.FreshBatches(images, pair, labels=images.ravel(), batch_size=4)
    for index in range(len(batches)):
        (inputs, labels), _ = batches[index]
        np.testing.assert_array_equal(labels, inputs.ravel())


def test_fresh_batches_refuse_labels_of_another_number():
    with pytest.raises(ValueError, match=r"`labels` must have one entry an image, 10\. Received: 9"):
        data.FreshBatches(_numbered(10), _noisy, labels=np.zeros(9))


def test_an_installed_wheel_carries_the_sample(tmp_path, monkeypatch):
    """The build puts the archive beside the modules; there, with no repository around, `load` finds it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included[f"data/{data.EMBEDDED}"] == f"course_utils/{data.EMBEDDED}"
    shutil.copy(ROOT / "data" / data.EMBEDDED, tmp_path)
    monkeypatch.setattr(data, "__file__", str(tmp_path / "data.py"))
    monkeypatch.setattr(data, "REPOSITORY_DATA", tmp_path / "nowhere")
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    assert len(data.load("mnist").x_train) == 4000
