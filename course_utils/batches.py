"""What a fit is fed: images binarised, and made anew for each batch."""

import keras
import numpy as np

from course_utils.checks import check_images, check_whole


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
        self.arrays = (images,) if labels is None else (images, labels)
        self.images, self.make_pair, self.seed = images, make_pair, seed
        self.batch_size = check_whole("batch_size", batch_size)
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
