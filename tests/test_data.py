"""The image sets: where they come from, what a damaged file says."""

import hashlib
import http.server
import io
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest

from course_utils import data
from course_utils.lesson import profile

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


@pytest.fixture
def served(tmp_path, monkeypatch, small_mnist):
    """A server on this machine in the place of Keras's: `served.answers` says what it does, one word per request."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            word = server.answers[min(len(server.requests), len(server.answers) - 1)]
            server.requests.append(word)
            if word == "missing":
                return self.send_error(404)
            if word == "hang":
                return server.ended.wait(20)
            if word == "both":  # not before the other one is there too
                server.meeting.wait(60)
            self.send_response(200)
            self.send_header("Content-Length", str(len(server.archive)))
            self.end_headers()
            if word == "stall":  # the network is gone in the middle
                self.wfile.write(server.archive[:1000])
                return server.ended.wait(20)
            content = {"cut": server.archive[:1000], "altered": server.archive[:-1] + b"x"}.get(word, server.archive)
            return self.wfile.write(content)

        def log_message(self, *args):
            pass

    buffer = io.BytesIO()
    np.savez(buffer, **small_mnist)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.archive, server.answers, server.requests = buffer.getvalue(), ["good"], []
    server.ended, server.meeting = threading.Event(), threading.Barrier(2)
    server.url = f"http://127.0.0.1:{server.server_port}/mnist.npz"
    server.sha256 = hashlib.sha256(server.archive).hexdigest()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(data, "MNIST_URL", server.url)
    monkeypatch.setattr(data, "MNIST_SHA256", server.sha256)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()  # seconds between looks
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()


# Sources


def test_quick_profile_uses_the_embedded_sample_at_once(monkeypatch, course_data, served, capsys):
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    mnist = data.load("mnist")
    assert [len(images) for images in (mnist.x_train, mnist.x_valid, mnist.x_test)] == [3500, 500, 1000]
    assert mnist.x_train.shape[1:] == mnist.x_valid.shape[1:] == mnist.x_test.shape[1:] == (28, 28, 1)
    assert mnist.x_train.dtype == mnist.x_valid.dtype == np.float32 and mnist.y_valid.dtype == np.int32
    assert mnist.x_train.min() == 0 and mnist.x_train.max() == 1
    assert (np.bincount([*mnist.y_train, *mnist.y_valid]) == 400).all() and (np.bincount(mnist.y_test) == 100).all()
    line = "MNIST, 3,500 training, 500 validation and 1,000 test digits from the embedded sample (quick profile)"
    assert mnist.source == line and capsys.readouterr().out == line + "\n"
    assert served.requests == []


def test_a_misspelt_profile_is_refused_here_too(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "Quick")
    with pytest.raises(ValueError, match=r"COURSE_PROFILE must be 'full' or 'quick'\. Received: 'Quick'"):
        data.load("mnist")


def test_course_data_comes_first(course_data, small_mnist):
    mnist = data.load("mnist")
    assert mnist.source.endswith("from $COURSE_DATA/mnist.npz")
    np.testing.assert_array_equal(mnist.x_test[..., 0], small_mnist["x_test"].astype(np.float32) / 255)
    np.testing.assert_array_equal(mnist.y_test, small_mnist["y_test"])


def test_the_repository_comes_second(course_data, monkeypatch):
    monkeypatch.setattr(data, "REPOSITORY_DATA", course_data)
    monkeypatch.setenv("COURSE_DATA", str(course_data / "empty"))
    assert data.load("mnist").source.endswith("from data/mnist.npz")


def test_the_keras_cache_comes_third(nothing_stored, small_mnist, served):
    nothing_stored.parent.mkdir(parents=True)
    np.savez(nothing_stored, **small_mnist)
    assert data.load("mnist").source.endswith("from Keras's cache") and served.requests == []


def test_the_keras_cache_is_where_keras_keeps_it(monkeypatch):
    """Keras names its folder by a private function only; the package may follow, but not import, it."""
    from keras.src.backend.config import keras_home

    looked_at = []
    monkeypatch.setattr(data, "read_archive", lambda path: looked_at.append(path))
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    data._from_keras_cache()
    assert looked_at == [Path(keras_home()) / "datasets" / "mnist.npz"]


def test_a_download_is_kept_whole(nothing_stored, served):
    assert len(data.load("mnist").x_train) == 27
    assert [path.name for path in nothing_stored.parent.iterdir()] == ["mnist.npz"]
    assert len(data.load("mnist").x_train) == 27 and served.requests == ["good"]


@pytest.mark.parametrize("trouble", ["missing", "cut", "stall", "altered", "hang"])
def test_a_download_is_tried_twice_more(nothing_stored, served, monkeypatch, trouble):
    monkeypatch.setattr(data, "DOWNLOAD_TIMEOUT", 0.3)
    served.answers = [trouble, trouble, "good"]
    assert data.load("mnist").source.endswith("from Keras's cache") and profile() == "full"
    assert served.requests == [trouble, trouble, "good"]
    assert nothing_stored.read_bytes() == served.archive


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("missing", r"404: Not Found; is there a network\?"),
        ("cut", r"1000 bytes read, \d+ more expected.*; is there a network\?"),
        ("altered", "what came is another file, by its checksum"),
        ("stall", r"timed out; is there a network\?"),
        ("hang", r"timed out; is there a network\?"),
    ],
)
def test_without_a_download_the_quick_profile_takes_over(nothing_stored, served, monkeypatch, capsys, trouble, reason):
    monkeypatch.setattr(data, "DOWNLOAD_TIMEOUT", 0.3)
    served.answers = [trouble]
    assert profile() == "full"
    mnist = data.load("mnist")
    first, second = capsys.readouterr().out.splitlines()
    words = rf"The full MNIST cannot be had \(no download in 3 tries: .*{reason}\)\. Going on in the quick profile\."
    assert re.fullmatch(words, first)
    assert second == mnist.source and "embedded sample" in second and len(mnist.x_train) == 3500
    assert profile() == "quick" and len(served.requests) == 3
    assert not nothing_stored.parent.exists()


def test_without_a_network_the_quick_profile_takes_over(nothing_stored, served, monkeypatch, capsys):
    monkeypatch.setattr(data, "MNIST_URL", "http://127.0.0.1:9/mnist.npz")  # nobody listens there
    data.load("mnist")
    assert "refused" in capsys.readouterr().out and profile() == "quick"


def test_falling_back_leaves_the_environment_alone(nothing_stored, served, monkeypatch):
    served.answers = ["missing"]
    before = dict(os.environ)
    data.load("mnist")
    assert dict(os.environ) == before


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_a_download_that_cannot_be_written_leaves_nothing(nothing_stored, served, monkeypatch, interruption):
    def half(path, content):
        with open(path, "wb") as file:
            file.write(content[:100])
        raise interruption

    monkeypatch.setattr(Path, "write_bytes", half)
    if interruption is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            data.load("mnist")
    else:  # a full disk: the arrays are in memory all the same
        assert len(data.load("mnist").x_train) == 27
    assert list(nothing_stored.parent.iterdir()) == []


def test_a_read_only_home_does_not_lose_the_download(tmp_path, served, monkeypatch, nothing_stored):
    occupied = tmp_path / "a file, where a folder should be"
    occupied.touch()
    monkeypatch.setenv("KERAS_HOME", str(occupied))
    assert len(data.load("mnist").x_train) == 27


@pytest.mark.system
def test_two_processes_download_at_once(tmp_path, nothing_stored, served, monkeypatch, capsys):
    """This one and another."""
    served.answers = ["both"]
    monkeypatch.setattr(data, "DOWNLOAD_TIMEOUT", 60)
    code = f"""
        from pathlib import Path
        from course_utils import data
        data.MNIST_URL, data.MNIST_SHA256 = {served.url!r}, {served.sha256!r}
        data.DOWNLOAD_TIMEOUT = 60
        data.REPOSITORY_DATA = Path({str(tmp_path)!r})
        data.load("mnist")
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    environment = {**os.environ, "KERAS_HOME": str(tmp_path / "keras"), "TF_CPP_MIN_LOG_LEVEL": "3", "no_proxy": "*"}
    environment["PYTHONPATH"] = str(ROOT)
    other = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    data.load("mnist")
    output, errors = other.communicate(timeout=120)
    assert other.returncode == 0, errors
    expected = "MNIST, 27 training, 3 validation and 20 test digits from Keras's cache\n"
    assert output == capsys.readouterr().out == expected
    assert list(nothing_stored.parent.iterdir()) == [nothing_stored]
    assert served.requests == ["both", "both"]


# Files that are replaced


def test_replacing_puts_the_whole_file_in_place(tmp_path):
    target = tmp_path / "some.name.npz"
    target.write_text("old")
    with data.replacing(target) as unfinished:
        assert unfinished.parent == tmp_path and unfinished.suffix == ".npz" and not unfinished.exists()
        unfinished.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError])
def test_replacing_leaves_the_old_file_when_interrupted(tmp_path, fault):
    target = tmp_path / "log.csv"
    target.write_text("old")
    with pytest.raises(fault), data.replacing(target) as unfinished:
        unfinished.write_text("half")
        raise fault
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


# Held-back images


@pytest.mark.parametrize(("n", "n_valid"), [(60_000, 5000), (4000, 500), (30, 3), (7, 0)])
def test_the_last_training_images_are_held_back(monkeypatch, n, n_valid):
    images = np.arange(n, dtype=np.uint32).view(np.uint8).reshape(n, 2, 2)  # each another one
    arrays = {"x_train": images, "y_train": np.arange(n), "x_test": images[:5], "y_test": np.arange(5)}
    monkeypatch.setattr(data, "_find", lambda name: (arrays, data.NAMES[name], "memory"))
    everything = data.load("mnist")
    assert len(everything.x_valid) == len(everything.y_valid) == n_valid
    np.testing.assert_array_equal([*everything.y_train, *everything.y_valid], np.arange(n))
    np.testing.assert_array_equal(everything.x_valid[..., 0], images[n - n_valid :].astype(np.float32) / 255)
    few = data.load("mnist", n_train=3)
    np.testing.assert_array_equal(few.x_valid, everything.x_valid)


def test_load_says_its_facts(course_data, monkeypatch):
    said = []
    monkeypatch.setattr(data, "say", lambda line, **facts: said.append(facts))
    data.load("mnist", n_train=5)
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    data.load("mnist")
    full = {"kind": "data", "name": "mnist", "embedded": False, "n_train": 5, "n_valid": 3, "n_test": 20}
    assert said == [full, full | {"embedded": True, "n_train": 3500, "n_valid": 500, "n_test": 1000}]


# Arguments


def test_the_first_so_many(course_data):
    everything, some = data.load("mnist"), data.load("mnist", n_train=7, n_test=3)
    np.testing.assert_array_equal(some.x_train, everything.x_train[:7])
    np.testing.assert_array_equal(some.y_test, everything.y_test[:3])
    assert "7 training, 3 validation and 3 test" in some.source


def test_unknown_name():
    with pytest.raises(ValueError, match=r"`name` must be .*'mnist'.*Received: name='mnits'"):
        data.load("mnits")


@pytest.mark.parametrize(("argument", "most"), [("n_train", 27), ("n_test", 20)])
def test_whole_numbers_of_any_type(course_data, argument, most):
    """Python's and NumPy's: those in range are taken, the others refused by name."""
    rng = np.random.default_rng(0)
    for number in [0, 1, most, most + 1, *rng.integers(-10, 40, 20)]:
        for number_type in (int, np.int64, np.int8):
            if 1 <= number <= most:
                loaded = data.load("mnist", **{argument: number_type(number)})
                assert len(loaded.x_train if argument == "n_train" else loaded.x_test) == number
            else:
                _refused_number(argument, most, number_type(number))


@pytest.mark.parametrize(("argument", "most"), [("n_train", 27), ("n_test", 20)])
@pytest.mark.parametrize(
    "number", [2.0, 2.5, np.float32(3), float("nan"), True, np.True_, "7", b"7", [7], (), np.ones(2)]
)
def test_what_is_no_whole_number(course_data, argument, most, number):
    _refused_number(argument, most, number)


def _refused_number(argument, most, number):
    with pytest.raises(
        ValueError, match=rf"`{argument}` must be a whole number from 1 to {most}\. Received: {argument}="
    ):
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
        ("y_train", lambda y: y[:-1], "y_train is uint8.*one integer per image"),
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


def test_an_installed_wheel_carries_the_sample(tmp_path, monkeypatch):
    """The build puts the archive beside the modules; there, with no repository around, `load` finds it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included[f"data/{data.EMBEDDED}"] == f"course_utils/{data.EMBEDDED}"
    shutil.copy(ROOT / "data" / data.EMBEDDED, tmp_path)
    monkeypatch.setattr(data, "__file__", str(tmp_path / "data.py"))
    monkeypatch.setattr(data, "REPOSITORY_DATA", tmp_path / "nowhere")
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    assert len(data.load("mnist").x_train) == 3500
