"""Images to learn from: the full sets where they can be had, an embedded sample where not."""

import contextlib
import os
import shutil
import socket
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from course_utils.batches import FreshBatches, binarise, binarised_pair, check_images  # noqa: F401, stay importable from here
from course_utils.checks import check_whole

MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
DOWNLOAD_TIMEOUT = 15  # seconds without an answer
REPOSITORY_DATA = Path(__file__).parents[1] / "data"
EMBEDDED = "mnist_5k.npz"


class Dataset(NamedTuple):
    """Training and test images `(n, height, width, channels)` float32 in [0, 1], labels `(n,)` int32.

    `source` is a line that says which data these are.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str


def load(name, *, n_train=None, n_test=None):
    """Loads an image set and prints a line that says where it came from.

    Takes the first of: a file `<name>.npz` in the folder `$COURSE_DATA` or in the repository's
    `data/`; Keras's cache or download; the 5,000 digits embedded in this package. In the quick
    profile, the embedded digits at once. Falling back to them turns the quick profile on, since
    the full profile's bounds hold for the full set only.

    Args:
        name: `"mnist"`.
        n_train: how many training images to take, from the start; all by default.
        n_test: how many test images to take, from the start; all by default.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: if the name is unknown, a number is not available, or a file is damaged.

    Reference:
        LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition, 1998.
    """
    if name != "mnist":
        raise ValueError(f"`name` must be 'mnist'. Received: name={name!r}")
    arrays, where = _find_mnist()
    x_train, y_train = _take("n_train", n_train, arrays["x_train"], arrays["y_train"])
    x_test, y_test = _take("n_test", n_test, arrays["x_test"], arrays["y_test"])
    source = f"MNIST, {len(x_train):,} training and {len(x_test):,} test digits from {where}"
    print(source)
    return Dataset(_to_unit_interval(x_train), y_train, _to_unit_interval(x_test), y_test, source)


def _find_mnist():
    if os.environ.get("COURSE_PROFILE") == "quick":
        return read_archive(_embedded()), "the embedded sample (quick profile)"
    folders = {"data": REPOSITORY_DATA}
    if "COURSE_DATA" in os.environ:
        folders = {"$COURSE_DATA": Path(os.environ["COURSE_DATA"])} | folders
    for label, folder in folders.items():
        if (folder / "mnist.npz").is_file():
            return read_archive(folder / "mnist.npz"), f"{label}/mnist.npz"
    try:
        return _from_keras_cache(), "Keras's cache"
    except OSError as error:
        os.environ["COURSE_PROFILE"] = "quick"
        print(f"The full MNIST cannot be had ({error}). Going on in the quick profile.")
        return read_archive(_embedded()), "the embedded sample"


def _embedded():
    beside_this_file = Path(__file__).with_name(EMBEDDED)  # in an installed wheel
    return beside_this_file if beside_this_file.is_file() else REPOSITORY_DATA / EMBEDDED


def _from_keras_cache():
    """Reads Keras's cached archive, or downloads it there: whole or not at all."""
    keras_home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))  # Keras has no public name for it
    cached = keras_home / "datasets" / "mnist.npz"
    if cached.is_file():
        return read_archive(cached)
    with tempfile.TemporaryDirectory() as folder:
        downloaded = _download(folder)
        arrays = read_archive(downloaded)
        with contextlib.suppress(OSError):  # a read-only home: the arrays are in memory all the same
            cached.parent.mkdir(parents=True, exist_ok=True)
            replace_file(downloaded, cached)
    return arrays


def _download(folder):
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        return keras.utils.get_file("mnist.npz", MNIST_URL, file_hash=MNIST_SHA256, cache_dir=folder)
    except Exception as error:  # Keras wraps every failure of the network in a bare Exception
        raise OSError("no download: is there a network?") from error
    finally:
        socket.setdefaulttimeout(timeout)


def replace_file(source, target):
    """Puts a finished file in its place in one step, so that no reader ever meets half of it."""
    descriptor, unfinished = tempfile.mkstemp(dir=Path(target).parent)
    os.close(descriptor)
    try:
        shutil.copyfile(source, unfinished)
        os.replace(unfinished, target)
    except BaseException:  # an interruption as well
        os.unlink(unfinished)
        raise


def read_archive(path):
    """Reads and checks an image archive: uint8 images `(n, height, width)`, labels `(n,)` from 0 to 9.

    Args:
        path: an .npz file with the arrays `x_train`, `y_train`, `x_test` and `y_test`.

    Returns:
        A dictionary of the four arrays; labels as int32.

    Raises:
        ValueError: if the file is truncated, altered, pickled or holds other arrays; names the file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in ("x_train", "y_train", "x_test", "y_test")}
    except (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(path, error) from error
    for split in ("train", "test"):
        images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
        if images.dtype != np.uint8 or images.ndim != 3 or len(images) == 0:
            raise _damaged(path, f"x_{split} is {images.dtype}{list(images.shape)}, not uint8[n, height, width]")
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise _damaged(path, f"y_{split} is {labels.dtype}{list(labels.shape)}, not one integer an image")
        if labels.min() < 0 or labels.max() > 9:
            raise _damaged(path, f"y_{split} has labels from {labels.min()} to {labels.max()}, not 0 to 9")
        arrays[f"y_{split}"] = labels.astype(np.int32)
    return arrays


def _damaged(path, reason):
    return ValueError(f"The data file {path} is damaged: {reason}. Delete it and load again.")


def _take(argument, number, images, labels):
    if number is None:
        return images, labels
    number = check_whole(argument, number, most=len(images))
    return images[:number], labels[:number]


def _to_unit_interval(images):
    return images[..., np.newaxis].astype(np.float32) / 255
