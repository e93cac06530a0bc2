"""Images to learn from: the full sets where they can be had, an embedded sample where not."""

import contextlib
import hashlib
import http.client
import io
import os
import urllib.request
import uuid
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from course_utils.batches import FreshBatches, binarise, binarised_pair, check_images  # noqa: F401, stay importable from here
from course_utils.checks import check_whole
from course_utils.lesson import fall_back_to_quick, profile, say
from course_utils.photographs import photograph_patches

MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
DOWNLOAD_TRIES = 3
DOWNLOAD_TIMEOUT = 15  # seconds without an answer
REPOSITORY_DATA = Path(__file__).parents[1] / "data"
EMBEDDED = "mnist_5k.npz"
NAMES = {
    "mnist": ("MNIST", "digits"),
    "fashion_mnist": ("Fashion-MNIST", "garments"),
    "cifar10": ("CIFAR-10", "images"),
}


class Dataset(NamedTuple):
    """Images to train on, to watch a training by, and to test with; each set with its labels.

    Images are `(n, height, width, channels)` float32 in [0, 1], labels `(n,)` int32. `source` is a line that says
    which data these are.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_valid: np.ndarray
    y_valid: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str


def load(name, *, n_train=None, n_test=None):
    """Loads an image set and says in a line where it came from.

    Takes the first of: a file `<name>.npz` in the folder `$COURSE_DATA` or in the repository's
    `data/`; Keras's cache or download; what comes with the package: the 5,000 embedded digits, which stand in for
    Fashion-MNIST too, and patches of photographs for CIFAR-10. In the quick profile, these at once. Falling back to
    them turns the quick profile on, since the full profile's bounds hold for the full set only.

    The last of the training images are held back for validation, so that nothing is ever chosen by a test image:
    5,000 of MNIST's 60,000, 500 of the 4,000 embedded, an eighth of another file's up to 5,000.

    Args:
        name: `"mnist"`, `"fashion_mnist"` or `"cifar10"`.
        n_train: how many of the other training images to take, from the start; all by default.
        n_test: how many test images to take, from the start; all by default.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: if the name is unknown, a number is not available, or a file is damaged.

    Reference:
        LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition, 1998; Xiao, Rasul &
        Vollgraf, Fashion-MNIST, 2017; Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """
    if name not in NAMES:
        raise ValueError(f"`name` must be one of {', '.join(map(repr, NAMES))}. Received: name={name!r}")
    arrays, (title, what), where = _find(name)
    n_valid = min(5000, len(arrays["x_train"]) // 8)
    held_back = len(arrays["x_train"]) - n_valid
    x_train, y_train = _take("n_train", n_train, arrays["x_train"][:held_back], arrays["y_train"][:held_back])
    x_valid, y_valid = arrays["x_train"][held_back:], arrays["y_train"][held_back:]
    x_test, y_test = _take("n_test", n_test, arrays["x_test"], arrays["y_test"])
    numbers = {"n_train": len(x_train), "n_valid": len(x_valid), "n_test": len(x_test)}
    source = "{n_train:,} training, {n_valid:,} validation and {n_test:,} test".format(**numbers)
    source = f"{title}, {source} {what} from {where}"
    say(source, kind="data", name=name, embedded=profile() == "quick", **numbers)  # there and only there
    x_train, x_valid, x_test = (_to_unit_interval(images) for images in (x_train, x_valid, x_test))
    return Dataset(x_train, y_train, x_valid, y_valid, x_test, y_test, source)


def _find(name):
    """Arrays, the pair of the set's title and what its images are, and where they come from."""
    if profile() == "quick":
        arrays, words, where = _stand_in(name)
        return arrays, words, f"{where} (quick profile)"
    folders = {"data": REPOSITORY_DATA}
    if os.environ.get("COURSE_DATA"):
        folders = {"$COURSE_DATA": Path(os.environ["COURSE_DATA"])} | folders
    for label, folder in folders.items():
        if (folder / f"{name}.npz").is_file():
            return read_archive(folder / f"{name}.npz"), NAMES[name], f"{label}/{name}.npz"
    try:
        arrays = _from_keras_cache() if name == "mnist" else _from_keras_datasets(name)
        return arrays, NAMES[name], "Keras's cache"
    except OSError as error:
        fall_back_to_quick(f"The full {NAMES[name][0]} cannot be had ({error}).")
        return _stand_in(name)


def _stand_in(name):
    """What comes with the package in the place of a full set: arrays, words and origin, as `_find` returns them."""
    if name == "cifar10":
        return photograph_patches(), ("Photographs for CIFAR-10", "patches"), "scikit-learn and scikit-image"
    beside_this_file = Path(__file__).with_name(EMBEDDED)  # in an installed wheel
    digits = read_archive(beside_this_file if beside_this_file.is_file() else REPOSITORY_DATA / EMBEDDED)
    title = "MNIST" if name == "mnist" else "MNIST for Fashion-MNIST"
    return digits, (title, "digits"), "the embedded sample"


def _from_keras_datasets(name):
    """The set as Keras loads it, from its cache or by download; an OSError if that fails."""
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises plain ones where a download fails
        raise OSError(str(error)) from error
    labels = {"y_train": y_train.ravel().astype(np.int32), "y_test": y_test.ravel().astype(np.int32)}
    return {"x_train": x_train, "x_test": x_test, **labels}


def _from_keras_cache():
    """Reads Keras's cached archive, or downloads it there: whole or not at all."""
    keras_home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))  # Keras has no public name for it
    cached = keras_home / "datasets" / "mnist.npz"
    if cached.is_file():
        return read_archive(cached)
    archive = _download()
    with contextlib.suppress(OSError):  # a read-only home: the archive is in memory all the same
        cached.parent.mkdir(parents=True, exist_ok=True)
        with replacing(cached) as unfinished:
            unfinished.write_bytes(archive)
    return read_archive(io.BytesIO(archive))


def _download():
    """The archive that Keras distributes, 11 MB, as bytes; an OSError that says why if it can't be had."""
    for _ in range(DOWNLOAD_TRIES):
        try:
            with urllib.request.urlopen(MNIST_URL, timeout=DOWNLOAD_TIMEOUT) as answer:
                archive = answer.read()
        except (OSError, http.client.HTTPException) as error:  # no network, no answer, or half of one
            reason = f"{error}; is there a network?"
            continue
        if hashlib.sha256(archive).hexdigest() == MNIST_SHA256:
            return archive
        reason = "what came is another file, by its checksum"
    raise OSError(f"no download in {DOWNLOAD_TRIES} tries: {reason}")


@contextlib.contextmanager
def replacing(target):
    """Puts a file in its place whole or not at all, so that no reader ever meets half of it.

    Yields a path in the same folder and with the same ending, which nobody else uses. What the block writes there takes
    the place of `target` when the block ends, and is gone if it ends with an error or an interruption.
    """
    target = Path(target)
    unfinished = target.with_name(f"{uuid.uuid4().hex}{target.suffix}")
    try:
        yield unfinished
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def read_archive(path):
    """Reads and checks an image archive: uint8 images `(n, height, width)` or, in colour, `(n, height, width, 3)`.

    Args:
        path: an .npz file with the arrays `x_train`, `y_train`, `x_test` and `y_test`; labels `(n,)` from 0 to 9.

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
        grey_or_colour = images.ndim == 3 or images.shape[3:] == (3,)
        if images.dtype != np.uint8 or not grey_or_colour or len(images) == 0:
            what = f"{images.dtype}{list(images.shape)}, not uint8[n, height, width] or uint8[n, height, width, 3]"
            raise _damaged(path, f"x_{split} is {what}")
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise _damaged(path, f"y_{split} is {labels.dtype}{list(labels.shape)}, not one integer per image")
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
    return (images if images.ndim == 4 else images[..., np.newaxis]).astype(np.float32) / 255
