"""Trains and scores the two models of lesson 09 that take too long for a lesson. `make checkpoints` calls this.

First a VAE, then from its weights an importance-weighted autoencoder (IWAE), both on MNIST's training digits; the
validation digits are watched in the log, the test digits are for the scores alone. What is stored already is not
trained again; an interrupted training goes on after its last epoch, an interrupted score after its last slice of
digits. data/checkpoints/README.md says what the files hold.
"""

import argparse
import sys
import time

import keras
import numpy as np

from course_utils import checkpoints
from course_utils.batches import FreshBatches, binarise, binarised_pair
from course_utils.checkpoints import load_checkpoint, save_checkpoint, store_table
from course_utils.checks import check_whole
from course_utils.data import load
from course_utils.lesson import setup
from course_utils.losses import bernoulli_nll
from course_utils.metrics import iwae_bound, negative_elbo_terms
from course_utils.models import IWAE, build_dense_vae
from course_utils.resume import Resume

LATENT_DIM, BATCH, SEED = 50, 128, 9
N_TRAIN = 55_000  # and 5,000 held back
SCORE_K, SLICE = 5000, 250  # codes per digit; digits scored between two saves


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vae-epochs", type=positive_whole, default=120)
    parser.add_argument("--iwae-epochs", type=positive_whole, default=110)
    parser.add_argument("--k", type=positive_whole, default=10, help="codes per image in the IWAE's loss")
    parser.add_argument("--vae-peak", type=float, default=2e-3, help="largest learning rate")
    parser.add_argument("--iwae-peak", type=float, default=1e-3)
    options = parser.parse_args(arguments)
    setup(SEED)
    mnist = load("mnist")
    if len(mnist.x_train) != N_TRAIN:
        parser.error("the checkpoints need all of MNIST: a network once, or mnist.npz in data/")
    x_valid = binarise(mnist.x_valid, np.random.default_rng(2))
    x_test = binarise(mnist.x_test, np.random.default_rng(1))

    vae = build_dense_vae(LATENT_DIM, seed=SEED)
    train(vae, f"vae_{LATENT_DIM}", options.vae_epochs, options.vae_peak, mnist.x_train, x_valid)
    iwae = IWAE(vae.encoder, vae.decoder, options.k, seed=SEED)  # goes on with the VAE's weights, as stored
    scores = [score(vae, f"vae_{LATENT_DIM}", x_test)]
    train(iwae, f"iwae_{LATENT_DIM}", options.iwae_epochs, options.iwae_peak, mnist.x_train, x_valid)
    scores.append(score(iwae, f"iwae_{LATENT_DIM}", x_test))
    write_scores(scores)


def check_all_of_mnist(mnist, n_train):
    """Ends the program if there are not so many training digits."""
    if len(mnist.x_train) != n_train:
        sys.exit("the checkpoints need all of MNIST: a network once, or mnist.npz in data/")


def is_stored(path):
    """Whether a file is there already, which is then said."""
    if path.is_file():
        print(f"{path.name}: stored already; delete {path} to make it anew")
    return path.is_file()


def positive_whole(text):
    """A number from the command line; argparse names the option that has none."""
    return check_whole("number", int(text))


def train(model, name, epochs, peak, images, x_valid):
    """Trains and stores a model unless that was done before; either way it ends with the stored weights."""
    weights_file, _ = checkpoints.files(name)
    if weights_file.is_file():
        print(f"{name}: stored already; delete {weights_file} to train it anew")
    else:
        batches = FreshBatches(images, binarised_pair, batch_size=BATCH, seed=SEED)
        model.compile(optimizer(epochs, len(batches), peak), loss=bernoulli_nll, jit_compile=True)  # a third faster
        model.fit(
            batches,
            epochs=epochs,
            validation_data=(x_valid, x_valid),  # for the log only
            validation_batch_size=200,
            verbose=0,
            callbacks=[Report(name), Resume(name)],
        )
        bounds_of(name).unlink(missing_ok=True)  # those of earlier weights
        save_checkpoint(model, name, {"epoch": 1 + np.arange(epochs), **model.history.history})
    load_checkpoint(model, name)


def optimizer(epochs, batches, peak):
    """Adam whose learning rate rises during an epoch and then falls to zero as a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, (epochs - 1) * batches), warmup_target=peak, warmup_steps=batches
    )
    return keras.optimizers.Adam(schedule)


class Report(keras.callbacks.Callback):
    """Prints each epoch as a line of its own, and puts its seconds into the log; stands before what keeps the log."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.monotonic() - self.start
        print(f"{self.name}, epoch {epoch + 1}: " + ", ".join(f"{k} {v:.2f}" for k, v in logs.items()), flush=True)


def bounds_of(name):
    return checkpoints.folder() / f"{name}_bounds.npy"


def score(model, name, x_test):
    """The stored weights' ELBO and bounds on the test digits, as one row of the table of scores."""
    distortion, rate = negative_elbo_terms(model, x_test, 10)
    start = time.monotonic()
    bounds = {f"bound_{few}": iwae_bound(model, x_test, few) for few in (1, 50)}
    bounds[f"bound_{SCORE_K}"] = slice_by_slice(model, bounds_of(name), x_test)
    row = {"model": name, "digits": len(x_test), "elbo": -(distortion + rate).mean()}
    row |= {"reconstruction": distortion.mean(), "rate": rate.mean()}
    for column, bound in bounds.items():
        row |= {column: bound.mean(), f"{column}_error": bound.std() / np.sqrt(len(bound))}
    print(", ".join(f"{k}: {v:.2f}" if isinstance(v, float) else f"{k}: {v}" for k, v in row.items()))
    print(f"{name}: scored in {time.monotonic() - start:.0f} s", flush=True)
    return row


def slice_by_slice(model, path, x_test):
    """`iwae_bound` of all digits, kept in a file after each slice; NaN stands where none is done yet."""
    bounds = np.full(len(x_test), np.nan, np.float32)
    if path.is_file():
        bounds[:] = np.load(path, allow_pickle=False)
    for start in range(0, len(bounds), SLICE):
        rows = slice(start, start + SLICE)
        if np.isnan(bounds[rows]).any():
            bounds[rows] = iwae_bound(model, x_test[rows], SCORE_K, seed=start)
            np.save(path, bounds)
            print(f"{path.stem}: {min(rows.stop, len(bounds))} digits, mean {np.nanmean(bounds):.3f}", flush=True)
    return bounds.astype(float)


def write_scores(rows):
    """Writes the table of scores."""
    store_table("scores", [{k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows])


if __name__ == "__main__":
    main()
