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
    if not isinstance(number, int) or not 1 <= number <= len(images):
        raise ValueError(f"`{argument}` must be a whole number from 1 to {len(images)}. Received: {argument}={number}")
    return images[:number], labels[:number]


def _to_unit_interval(images):
    return images[..., np.newaxis].astype(np.float32) / 255


def check_images(images, argument="images"):
    """Raises a ValueError that names `argument` unless it holds images: `(n, height, width, channels)` in [0, 1]."""
    if not isinstance(images, np.ndarray) or images.ndim != 4 or images.dtype.kind != "f":
        got = f"{images.dtype}{list(images.shape)}" if isinstance(images, np.ndarray) else type(images).__name__
        raise ValueError(f"`{argument}` must be a float array (n, height, width, channels). Received: {got}")
    if images.size and not (images.min() >= 0 and images.max() <= 1):  # also refuses NaN
        raise ValueError(
            f"`{argument}` must lie in [0, 1]. Received values from {images.min()} to {images.max()}; "
            "8-bit images are divided by 255 first"
        )


def binarise(images, rng):
    """Draws black-and-white images: each pixel is white with a probability equal to its grey value.

    Args:
        images: array in [0, 1], `(n, height, width, channels)`.
        rng: `numpy.random.Generator`.

    Returns:
        float32 array of zeros and ones, of the same shape.

    Reference:
        Salakhutdinov & Murray, On the quantitative analysis of deep belief networks, 2008, section 5.
    """
    check_images(images)
    return (rng.random(images.shape, dtype=np.float32) < images).astype(np.float32)


def binarised_pair(images, rng):
    """The same binarised images as inputs and as targets: what `FreshBatches` asks for to train a VAE."""
    drawn = binarise(images, rng)
    return drawn, drawn


class FreshBatches(keras.utils.PyDataset):
    """Batches whose inputs are made anew each time: fresh noise, fresh binarisation, in fresh order.

    Args:
        images: array in [0, 1], `(n, height, width, channels)`.
        make_pair: function of `(images, rng)` that returns the pair `(inputs, targets)` of a batch;
            of `(images, labels, rng)` if there are labels.
        labels: optional array `(n, ...)`, one entry an image, such as one-hot labels.
        batch_size: images a batch.
        seed: what all randomness starts from; every epoch and every batch has its own.
    """

    def __init__(self, images, make_pair, *, labels=None, batch_size=128, seed=0):
        super().__init__()
        check_images(images)
        if labels is not None and len(labels) != len(images):
            raise ValueError(f"`labels` must have one entry an image, {len(images)}. Received: {len(labels)}")
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"`batch_size` must be a positive whole number. Received: batch_size={batch_size}")
        self.arrays = (images,) if labels is None else (images, labels)
        self.images, self.make_pair, self.batch_size, self.seed = images, make_pair, batch_size, seed
        self.epoch = 0
        self._shuffle()

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        rng = np.random.default_rng([self.seed, self.epoch, index])
        return self.make_pair(*(array[chosen] for array in self.arrays), rng)

    def on_epoch_end(self):
        self.epoch += 1
        self._shuffle()

    def _shuffle(self):
        self.order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.images))
