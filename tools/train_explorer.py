"""Trains the three models of the explorer and encodes the test digits. `make checkpoints` calls this.

The recipe is lesson 08's with more epochs: a VAE and a plain autoencoder with a code of two numbers, and a conditional
VAE. What is stored already is not trained again. data/explorer/README.md says what the files hold.
"""

import argparse
import sys

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
from tools.train_checkpoints import Report, positive_whole

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
    if len(mnist.x_train) != N_TRAIN:
        sys.exit("the checkpoints need all of MNIST: a network once, or mnist.npz in data/")
    for name in MODELS:
        path = FOLDER / f"{name}.npz"
        if path.is_file():
            print(f"{path.name}: stored already; delete {path} to make it anew")
        else:
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


def store_codes(mnist):
    """Stores the test digits' labels and codes, the VAE's means and the plain autoencoder's, by the stored weights."""
    codes = {}
    for name in ("vae", "plain"):
        model = MODELS[name]()
        load_checkpoint(model, str(FOLDER / name))
        codes[name] = np.asarray(predict_in_batches(model.encoder, mnist.x_test))
    codes["vae"] = codes["vae"][0]  # the mean of the pair
    with replacing(FOLDER / "codes.npz") as unfinished:
        halves = {name: values.astype(np.float16) for name, values in codes.items()}
        np.savez_compressed(unfinished, labels=mnist.y_test.astype(np.uint8), **halves)


if __name__ == "__main__":
    main()
