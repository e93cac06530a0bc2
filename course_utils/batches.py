"""Batches: what a fit is fed, binarised and made anew each time, and what a model answers."""

import math

import keras
import numpy as np

from course_utils.checks import check_images, check_whole


def binarise(images, rng):
    """Draws black-and-white images: each pixel is white with a probability equal to its grey value.

    >>> grey = np.full((1, 2, 4, 1), 0.5)
    >>> binarise(grey, np.random.default_rng(0))[0, :, :, 0]
    array([[0., 0., 0., 1.],
           [1., 1., 1., 1.]], dtype=float32)

    Args:
        images: array in [0, 1], `(n, height, width, channels)`.
        rng: `numpy.random.Generator`.

    Returns:
        float32 array of zeros and ones, of the same shape.

    Raises:
        ValueError: if `images` is no float array `(n, height, width, channels)` in [0, 1].

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

    >>> batches = FreshBatches(np.zeros((5, 2, 2, 1)), binarised_pair, batch_size=2)
    >>> [inputs.shape for inputs, targets in batches]
    [(2, 2, 2, 1), (2, 2, 2, 1), (1, 2, 2, 1)]

    Args:
        images: array in [0, 1], `(n, height, width, channels)`, n at least 1.
        make_pair: function of `(images, rng)` that returns the pair `(inputs, targets)` of a batch;
            of `(images, labels, rng)` if there are labels.
        labels: optional array `(n, ...)`, one entry per image, such as one-hot labels.
        batch_size: images per batch.
        seed: what all randomness starts from; every epoch and every batch has its own.

    Raises:
        ValueError: if `images` is no float array of images in [0, 1] or has none, `labels` has another number of
            entries, `batch_size` is no positive or `seed` no non-negative whole number.
    """

    def __init__(self, images, make_pair, *, labels=None, batch_size=128, seed=0):
        super().__init__()
        check_images(images)
        if len(images) == 0:
            raise ValueError("`images` must hold at least one image. Received: none")
        if labels is not None and len(labels) != len(images):
            raise ValueError(f"`labels` must have one entry per image, {len(images)}. Received: {len(labels)}")
        self.arrays = (images,) if labels is None else (images, labels)
        self.images, self.make_pair = images, make_pair
        self.batch_size = check_whole("batch_size", batch_size)
        self.seed = check_whole("seed", seed, least=0)
        self.start_at(0)

    def __len__(self):
        return math.ceil(len(self.images) / self.batch_size)

    def __getitem__(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        rng = np.random.default_rng([self.seed, self.epoch, index])
        return self.make_pair(*(array[chosen] for array in self.arrays), rng)

    def on_epoch_end(self):
        self.start_at(self.epoch + 1)

    def start_at(self, epoch):
        """Goes to the order and the randomness of an epoch, so that a fit that is resumed repeats none."""
        self.epoch = epoch
        self.order = np.random.default_rng([self.seed, epoch]).permutation(len(self.images))


def predict_in_batches(model, inputs):
    """`model.predict` without its start-up, a tenth of a second a call, for lessons that call it a hundred times.

    Args:
        model: a `keras.Model`.
        inputs: array `(n, ...)`, or a list of such arrays for a model with several inputs; n at least 1.

    Returns:
        array `(n, ...)`, or a list of them for a model with several outputs; computed 500 entries at a time.

    Raises:
        ValueError: if `inputs` has no entries, or arrays of different lengths.
    """
    lengths = {len(array) for array in keras.tree.flatten(inputs)}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"`inputs` must hold arrays of one length, at least 1. Received lengths: {sorted(lengths)}")

    def batch(start):
        return keras.tree.map_structure(lambda array: array[start : start + 500], inputs)

    parts = [model.predict_on_batch(batch(start)) for start in range(0, lengths.pop(), 500)]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
