"""What every fit shares: progress, and going on after an interruption."""

import functools
import math
import os
import sys

import keras
import numpy as np

from course_utils.lesson import budget, expect, profile, setup  # noqa: F401, stay importable from here
from course_utils.resume import Resume


def callbacks(name):
    """Callbacks for `fit(..., verbose=0)`: a progress bar of one line, and resuming after an interruption.

    Interrupt a fit at any moment, run its cell again, and it goes on from the last finished epoch,
    even in a new kernel: each epoch's state is kept in `$COURSE_CACHE` (default: `~/.cache/course_utils`)
    until the fit is complete. Another model, optimizer, loss, number of epochs or other data start afresh, and so does
    a function of the same name that was edited. Where a callback changes what was compiled, such as the learning rate,
    build and compile the model anew before the fit is run again.

    A resumed fit ends with the same weights, bit for bit, as one in a single go, if it is fed by `FreshBatches` or by
    arrays with `shuffle=False`. Arrays that Keras shuffles come in another order after the interruption, and what
    other callbacks count, such as the patience of `EarlyStopping`, they count from there.

    A loss that is not a number ends the fit with a `NotANumber` that says what to look at.

    Args:
        name: what the bar shows; unique among a lesson's fits.

    Raises:
        ValueError: by `fit`, if the model was compiled without an optimizer, or if targets that are images
            `(n, height, width, channels)` don't lie in [0, 1].
    """
    return [Resume(name), ProgressBar(name)]  # in this order, for what Resume prints stands above the bar


def fast(model, steps=math.inf):
    """Keyword arguments of `compile` that make the model's fits fast: `model.compile("adam", "mse", **fast(model))`.

    On TensorFlow, in the full profile, several batches are trained in one go, and callbacks hear of every 8th or 32nd
    alone. A model without convolutions is also compiled by XLA, which draws other random numbers. That costs a few
    seconds for each size of batch, the smaller last one too, and saves a few milliseconds a batch, so a fit of fewer
    than a thousand batches is left to TensorFlow. Convolutions are slower with it. The fits of the quick profile are
    too short for either to pay, and other backends are as fast as they come: there the dictionary is empty.

    `make bench` measures it all; `benchmarks/README.md` tells what it found.

    Args:
        model: a `keras.Model` that is built.
        steps: how many batches the fit will train on, in all epochs; many by default.
    """
    if keras.backend.backend() != "tensorflow" or profile() == "quick":
        return {}
    kernels = [len(weight.shape) for weight in model.variables]
    if steps >= 1000 and kernels and max(kernels) == 2:  # those of convolutions have four axes
        _compile_unheard()
        return {"jit_compile": True, "steps_per_execution": 32}
    return {"steps_per_execution": 8}


@functools.cache
def _compile_unheard():
    """Has XLA compile something small: the first time, TensorFlow says so on stderr whatever its level of logging."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.ReLU()])  # draws no random number
    model.compile(jit_compile=True)
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        model.predict(np.zeros((1, 1)), verbose=0)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class ProgressBar(keras.callbacks.Callback):
    """One line per fit: epochs, elapsed and remaining time, and the latest epoch's losses."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def on_train_begin(self, logs=None):
        from tqdm import tqdm

        layout = "{desc} {percentage:3.0f}%|{bar:16}| {elapsed}<{remaining}{postfix}"
        self.bar = tqdm(desc=self.name, file=sys.stdout, mininterval=0.5, bar_format=layout, total=0, position=0)
        self.epochs = self.params["epochs"]

    def on_epoch_begin(self, epoch, logs=None):
        self.seen = 0  # batches of this epoch
        if not self.bar.total:  # here, not above: a resumed fit has only its remaining epochs to do
            self.bar.reset(total=(self.params["steps"] or 1) * (self.epochs - epoch))
        self.bar.set_description_str(f"{self.name}, epoch {epoch + 1}/{self.epochs}", refresh=False)

    def on_train_batch_end(self, batch, logs=None):
        seen = min(batch + 1, self.params["steps"] or math.inf)  # of several in one go, Keras tells the last one
        self.bar.update(seen - self.seen)
        self.seen = seen

    def on_epoch_end(self, epoch, logs=None):
        shown = {key: f"{value:.4g}" for key, value in (logs or {}).items() if np.ndim(value) == 0}
        self.bar.set_postfix(shown, refresh=epoch + 1 == self.epochs)

    def on_train_end(self, logs=None):
        self.bar.close()
