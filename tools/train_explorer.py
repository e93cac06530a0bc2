"""Trains the three models of the explorer and encodes the test digits. `make checkpoints` calls this.

The recipe is lesson 08's with more epochs: a VAE and a plain autoencoder with a code of two numbers, and a conditional
VAE. What is stored already is not trained again. data/explorer/README.md says what the files hold.
"""

import argparse

import keras
import numpy as np

from course_utils.batches import FreshBatches, binarised_pair, predict_in_batches
from course_utils.checkpoints import load_checkpoint, save_checkpoint
from course_utils.data import REPOSITORY_DATA, load, replacing
from course_utils.lesson import setup
from course_utils.losses import bernoulli_nll
from course_utils.models import build_conditional_vae, build_dense_autoencoder, build_dense_vae
from course_utils.resume import Resume
from course_utils.training import fast
from tools.train_checkpoints import Report, check_all_of_mnist, is_stored, positive_whole

N_TRAIN, BATCH, SEED, PEAK = 55_000, 250, 8, 3e-3
FOLDER = REPOSITORY_DATA / "explorer"
MODELS = {
    "vae": lambda: build_dense_vae(2, seed=SEED),
    "plain": lambda: build_dense_autoencoder(2, hidden=(256, 128), activation="gelu"),
    "conditional": lambda: build_conditional_vae(2, 10, hidden=(256, 128), seed=SEED),
}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=positive_whole, default=60)
    options = parser.parse_args(arguments)
    setup(SEED)
    mnist = load("mnist")
    check_all_of_mnist(mnist, N_TRAIN)
    for name in MODELS:
        if not is_stored(FOLDER / f"{name}.npz"):
            train(name, mnist, options.epochs)
    store_codes(mnist)


def labelled_pair(images, labels, rng):
    drawn, _ = binarised_pair(images, rng)
    return (drawn, labels), drawn


def train(name, mnist, epochs):
    """Trains a model on freshly binarised digits and stores it."""
    keras.utils.set_random_seed(SEED)
    model = MODELS[name]()
    told = {"make_pair": binarised_pair}
    if name == "conditional":
        told = {"make_pair": labelled_pair, "labels": np.eye(10, dtype=np.float32)[mnist.y_train]}
    batches = FreshBatches(mnist.x_train, **told, batch_size=BATCH, seed=SEED)
    steps = epochs * len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=PEAK, warmup_steps=len(batches) // 2)
    model.compile(keras.optimizers.Adam(schedule), loss=bernoulli_nll, **fast(model, steps))
    history = model.fit(batches, epochs=epochs, verbose=0, callbacks=[Report(name), Resume(name)]).history
    save_checkpoint(model, str(FOLDER / name), {"epoch": 1 + np.arange(epochs), **history})


def stored_model(name):
    """The model of that name in `MODELS`, with its stored weights."""
    model = MODELS[name]()
    load_checkpoint(model, str(FOLDER / name))
    return model


def store_codes(mnist):
    """Stores the test digits' labels and codes, the VAE's means and the plain autoencoder's, by the stored weights."""
    (mean, _), plain = (predict_in_batches(stored_model(name).encoder, mnist.x_test) for name in ("vae", "plain"))
    with replacing(FOLDER / "codes.npz") as unfinished:
        codes = {"vae": mean.astype(np.float16), "plain": plain.astype(np.float16)}
        np.savez_compressed(unfinished, labels=mnist.y_test.astype(np.uint8), **codes)


if __name__ == "__main__":
    main()
