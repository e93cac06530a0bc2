"""What a fit is fed: images checked, binarised, and made anew for each batch."""

import keras
import numpy as np


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
