"""What every lesson's training shares: seeds, profiles, progress, resuming, and numbers that must be met."""

import hashlib
import json
import logging
import os
import platform
import re
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from course_utils.data import replace_file


def profile():
    """The profile of this run, `"full"` or `"quick"`, from the environment variable `COURSE_PROFILE`."""
    name = os.environ.get("COURSE_PROFILE", "full")
    if name not in ("full", "quick"):
        raise ValueError(f"The environment variable COURSE_PROFILE must be 'full' or 'quick'. Received: {name!r}")
    return name


def budget(full, *, quick):
    """Picks a number by profile: `budget(30, quick=4)` is 30 in the full profile and 4 in the quick one."""
    return full if profile() == "full" else quick


def setup(seed):
    """Seeds Python, NumPy and Keras, so that the same machine gives the same digits twice; prints the versions."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # no notices of retracing under a student's cell
    keras.utils.set_random_seed(seed)
    backend = keras.backend.backend()
    versions = f"Python {platform.python_version()}, Keras {keras.__version__} on {backend}"
    print(f"{versions}; {profile()} profile, seed {seed}")


class ExpectationMissed(Exception):
    """A measured number lies outside the bound that the lesson claims for it."""


def expect(what, value, *, at_least=None, at_most=None, unit="", published=None):
    """Holds a measured number to a bound: prints both, and raises if the bound is missed.

    Args:
        what: name of the number, such as `"test MSE at width 32"`.
        value: the measured number.
        at_least: lower bound, or None.
        at_most: upper bound, or None; at least one of the two is given.
        unit: unit of all three, such as `"nats"`.
        published: the published figure with its source, or None.

    Raises:
        ValueError: if there is no bound.
        ExpectationMissed: if the value is out of bounds or not a number.
    """
    if at_least is None and at_most is None:
        raise ValueError("`expect` needs a bound: `at_least`, `at_most` or both. Received: neither")
    met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most) and value == value
    limits = {"at least": at_least, "at most": at_most}
    bounds = " and ".join(f"{word} {limit:g}" for word, limit in limits.items() if limit is not None)
    line = f"[{'met' if met else 'MISSED'}] {what}: {value:.4g}{unit and ' ' + unit} (bound: {bounds})"
    print(line if published is None else f"{line}; published: {published}")
    if not met:
        raise ExpectationMissed(
            f"{what} is {value:.4g}, but this lesson expects {bounds} in the {profile()} profile. "
            "If you changed the cells above, that may be why; if not, please report it."
        )


def callbacks(name):
    """Callbacks for `fit(..., verbose=0)`: a progress bar of one line, and resuming after an interruption.

    Interrupt a fit at any moment, run its cell again, and it goes on from the last finished epoch,
    even in a new kernel: each epoch's state is kept in `$COURSE_CACHE` (default: `~/.cache/course_utils`)
    until the fit is complete. Another model, optimizer, loss or number of epochs starts afresh.

    Args:
        name: what the bar shows; unique among a lesson's fits.
    """
    return [Resume(name), ProgressBar(name)]  # in this order, for what Resume prints stands above the bar


class ProgressBar(keras.callbacks.Callback):
    """One line a fit: epochs, elapsed and remaining time, and the latest epoch's losses."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def on_train_begin(self, logs=None):
        from tqdm import tqdm

        layout = "{desc} {percentage:3.0f}%|{bar:16}| {elapsed}<{remaining}{postfix}"
        self.bar = tqdm(desc=self.name, file=sys.stdout, mininterval=0.5, bar_format=layout, total=0, position=0)
        self.epochs = self.params["epochs"]

    def on_epoch_begin(self, epoch, logs=None):
        if not self.bar.total:  # here, not above: a resumed fit has only its remaining epochs to do
            self.bar.reset(total=(self.params["steps"] or 1) * (self.epochs - epoch))
        self.bar.set_description_str(f"{self.name}, epoch {epoch + 1}/{self.epochs}", refresh=False)

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        shown = {key: f"{value:.4g}" for key, value in (logs or {}).items()}
        self.bar.set_postfix(shown, refresh=epoch + 1 == self.epochs)

    def on_train_end(self, logs=None):
        self.bar.close()


PARTS = ("model", "optimizer")


class Resume(keras.callbacks.Callback):
    """Keeps the state after each epoch and takes it up again; see `callbacks`.

    Keras's `BackupAndRestore` does the same for long jobs. This one also keeps the history, survives an
    interruption while it writes, and never gives one model the weights of another.
    """

    def __init__(self, name):
        super().__init__()
        self.name = name

    def on_train_begin(self, logs=None):
        self.epoch_logs = []
        self.model._initial_epoch = None
        if self.model.built and not self.model.optimizer.built:  # TensorFlow would do so in the first step, which it
            self.model.optimizer.build(self.model.trainable_variables)  # then has to trace twice
        self.file = self._choose_file()
        if self.file is None or not self.file.is_file():
            return
        try:
            self._take_up()
        except Exception as error:  # a damaged archive can raise almost anything
            print(f"{self.name}: the saved state {self.file} is of no use ({error}), so this fit starts afresh.")
            return
        self.model._initial_epoch = len(self.epoch_logs)  # as BackupAndRestore does; there is no public way
        print(f"{self.name}: going on after epoch {len(self.epoch_logs)}, where it was interrupted.")

    def _take_up(self):
        """Restores model, optimizer and logs: all of them, or none and an error."""
        with np.load(self.file, allow_pickle=False) as saved:
            logs = json.loads(str(saved["epoch_logs"]))
            values = {part: [saved[f"{part}_{i}"] for i in range(saved[f"{part}_size"])] for part in PARTS}
        _check_shapes(self.model.variables, values["model"])
        _check_shapes(self.model.optimizer.variables, values["optimizer"])
        for part, variables in self._variables().items():
            for variable, value in zip(variables, values[part]):
                variable.assign(value)
        self.epoch_logs = logs

    def on_epoch_end(self, epoch, logs=None):
        self.epoch_logs.append({key: float(value) for key, value in (logs or {}).items()})
        if self.file is None:
            return
        arrays = {}
        for part, variables in self._variables().items():
            arrays[f"{part}_size"] = len(variables)
            arrays |= {f"{part}_{i}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(variables)}
        try:
            with tempfile.TemporaryDirectory() as folder:
                finished = Path(folder) / "state.npz"
                np.savez(finished, epoch_logs=json.dumps(self.epoch_logs), **arrays)
                replace_file(finished, self.file)
        except OSError as error:  # such as a full disk, which is no reason to lose a training
            print(f"{self.name}: cannot write {self.file} ({error.strerror}), so this fit can't be resumed.")
            self.file = None

    def on_train_end(self, logs=None):
        if self.file is not None:
            self.file.unlink(missing_ok=True)
        self.model._initial_epoch = None  # the next fit of this model starts at its own beginning
        history = keras.callbacks.History()  # a new one: Keras makes none when every epoch was done already
        history.set_model(self.model)
        history.epoch = list(range(len(self.epoch_logs)))
        for key in dict.fromkeys(key for logs in self.epoch_logs for key in logs):
            history.history[key] = [logs[key] for logs in self.epoch_logs if key in logs]
        self.model.history = history

    def _variables(self):
        return dict(zip(PARTS, (self.model.variables, self.model.optimizer.variables)))

    def _choose_file(self):
        """The file of this very fit, or None where nothing can be written."""
        identity = {
            "name": self.name,
            "model": _configuration(self.model),
            "optimizer": _configuration(self.model.optimizer),
            "loss": _configuration(self.model.loss),
            "fit": [self.params["epochs"], self.params["steps"]],
        }
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
        folder = Path(os.environ.get("COURSE_CACHE", Path.home() / ".cache" / "course_utils"))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            print(f"{self.name}: cannot write to {folder} ({error.strerror}), so this fit can't be resumed.")
            return None
        return folder / f"{digest[:16]}.npz"


def _check_shapes(variables, values):
    expected, received = [tuple(variable.shape) for variable in variables], [value.shape for value in values]
    if expected != received:
        raise ValueError(f"it holds weights of the shapes {received}, the model {expected}")


def _configuration(part):
    """What a model, optimizer or loss is, in words that are the same for an equal one in a new kernel."""
    try:
        config = part.get_config()
    except (AttributeError, NotImplementedError):  # a function, or a model written in a lesson
        config = getattr(part, "__name__", None) or str(part)
    counters_and_addresses = r"_\d+\b| at 0x[0-9a-f]+"  # Keras's "dense_3" is "dense_7" when its cell is run again
    return re.sub(counters_and_addresses, "", json.dumps(config, sort_keys=True, default=str))
