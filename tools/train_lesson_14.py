"""Trains the pixel model that takes too long for lesson 14. `make checkpoints` calls this.

It is the lesson's PixelCNN with more blocks, on freshly binarised digits, for between two and three hours. What is
stored already is not trained again; an interrupted training goes on after its last epoch. data/checkpoints/README.md
says what the files hold.
"""

import argparse

import keras
import numpy as np

from course_utils import checkpoints
from course_utils.batches import FreshBatches, binarise, predict_in_batches
from course_utils.checkpoints import load_checkpoint, save_checkpoint
from course_utils.data import load
from course_utils.lesson import setup
from course_utils.losses import categorical_nll
from course_utils.models import build_pixel_cnn
from course_utils.resume import Resume
from course_utils.training import fast
from tools.train_checkpoints import Report, check_all_of_mnist, is_stored, positive_whole

N_TRAIN, BATCH, SEED, PEAK = 55_000, 16, 14, 2e-3
NAME, N_BLOCKS = "pixel_cnn", 14


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixel-epochs", type=positive_whole, default=36)
    options = parser.parse_args(arguments)
    setup(SEED)
    mnist = load("mnist")
    check_all_of_mnist(mnist, N_TRAIN)
    path, _ = checkpoints.files(NAME)
    if not is_stored(path):
        train(mnist, options.pixel_epochs)


def pixel_pair(images, rng):
    """Binarised digits (n, 28, 28), whole numbers, as inputs and as targets."""
    pixels = binarise(images, rng)[..., 0].astype(np.int32)
    return pixels, pixels


def train(mnist, epochs):
    """Trains the model, stores its weights, and prints what the stored ones score on the test digits."""
    keras.utils.set_random_seed(SEED)
    model = build_pixel_cnn((28, 28), 2, n_blocks=N_BLOCKS)
    batches = FreshBatches(mnist.x_train, pixel_pair, batch_size=BATCH, seed=SEED)
    steps = epochs * len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=PEAK, warmup_steps=steps // 50)
    watched, _ = pixel_pair(mnist.x_valid, np.random.default_rng(2))
    model.compile(keras.optimizers.Adam(schedule), loss=categorical_nll, **fast(model, steps))
    history = model.fit(
        batches,
        epochs=epochs,
        validation_data=(watched, watched),  # for the log only
        validation_batch_size=200,
        verbose=0,
        callbacks=[Report(NAME), Resume(NAME)],
    ).history
    save_checkpoint(model, NAME, {"epoch": 1 + np.arange(epochs), **history})
    load_checkpoint(model, NAME)
    pixels, _ = pixel_pair(mnist.x_test, np.random.default_rng(1))
    nats = np.asarray(categorical_nll(pixels, predict_in_batches(model, pixels)))
    print(
        f"{NAME}: {nats.mean():.3f} ± {nats.std() / len(nats) ** 0.5:.3f} nats on {len(nats):,} test digits", flush=True
    )


if __name__ == "__main__":
    main()
