"""Going on with a fit after an interruption, in a new kernel as well."""

import json
import os
import random
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from course_utils.batches import FreshBatches
from course_utils.checks import check_unit_interval
from course_utils.data import replacing
from course_utils.fingerprint import fingerprint


class NotANumber(ArithmeticError):
    """A fit came to a loss or to weights that are no finite numbers, and was ended."""


class Resume(keras.callbacks.Callback):
    """Keeps the state after each epoch and takes it up again; see `course_utils.training.callbacks`.

    Keras's `BackupAndRestore` does the same for long jobs. This one also keeps the history, survives an
    interruption while it writes, and never gives one model the weights of another.
    """

    def __init__(self, name):
        super().__init__()
        self.name = name

    def on_train_begin(self, logs=None):
        if self.model.optimizer is None:
            raise ValueError('`optimizer` must be given to `compile`, such as "adam". Received: optimizer=None')
        fit = _arguments_of_fit(self.model)
        _check_targets(fit.get("y"))
        self.batches = fit.get("x") if isinstance(fit.get("x"), FreshBatches) else None
        self.done = []  # the pair of number and logs of each finished epoch
        # Keras's `fit` starts at this epoch if it is set; there is no public way, and BackupAndRestore takes this one.
        self.model._initial_epoch = None
        if self.model.built and not self.model.optimizer.built:
            # TensorFlow would build it in the first step, which it then has to trace twice.
            self.model.optimizer.build(self.model.trainable_variables)
        self.file = self._choose_file(fit)
        if self.file is None or not self.file.is_file():
            return
        try:
            self._take_up()
        except Exception as error:  # a damaged archive can raise almost anything
            print(f"{self.name}: the saved state {self.file} is of no use ({error}), so this fit starts afresh.")
            return
        self.model._initial_epoch = self.done[-1][0] + 1
        print(
            f"{self.name}: going on after epoch {self.model._initial_epoch}, where it was interrupted. "
            f"To start afresh, stop it and delete {self.file}"
        )

    def _take_up(self):
        """Restores model, optimizer, logs and the order of the batches: all of them, or none and an error."""
        with np.load(self.file, allow_pickle=False) as saved:
            done, order = json.loads(str(saved["done"])), json.loads(str(saved["order"]))
            values = [saved[f"variable_{i}"] for i in range(len(saved.files) - 2)]
        variables = self._variables()
        expected, received = [tuple(variable.shape) for variable in variables], [value.shape for value in values]
        if expected != received:
            raise ValueError(f"it holds weights of the shapes {received}, the model {expected}")
        if not _finite(variables, values):
            raise ValueError("it holds weights that are not finite")
        if self.batches is not None:
            epoch, (version, state, gauss) = order
            random.setstate((version, tuple(state), gauss))
            self.batches.start_at(epoch)
        for variable, value in zip(variables, values):
            variable.assign(value)
        self.done = done

    def on_train_batch_end(self, batch, logs=None):
        self._check_losses(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._check_losses(logs)
        values = [keras.ops.convert_to_numpy(variable) for variable in self._variables()]
        if not _finite(self._variables(), values):
            self._give_up("weights are not finite")
        self.done.append((epoch, {key: np.asarray(value).tolist() for key, value in (logs or {}).items()}))
        if self.file is None:
            return
        # Keras takes the batches of a PyDataset in an order that it draws from Python's own generator.
        order = None if self.batches is None else (self.batches.epoch, random.getstate())
        arrays = {f"variable_{i}": value for i, value in enumerate(values)}
        try:
            with replacing(self.file) as unfinished:
                np.savez(unfinished, done=json.dumps(self.done), order=json.dumps(order), **arrays)
        except OSError as error:  # such as a full disk, which is no reason to lose a training
            print(f"{self.name}: cannot write {self.file} ({error.strerror}), so this fit can't be resumed.")
            self.file = None

    def on_train_end(self, logs=None):
        self._forget()
        self.model._initial_epoch = None  # the next fit of this model starts at its own beginning
        history = keras.callbacks.History()  # a new one: Keras makes none when every epoch was done already
        history.set_model(self.model)
        history.epoch = [epoch for epoch, _ in self.done]
        for key in dict.fromkeys(key for _, logs in self.done for key in logs):
            history.history[key] = [logs[key] for _, logs in self.done if key in logs]
        self.model.history = history

    def _check_losses(self, logs):
        for key, value in (logs or {}).items():
            if key.endswith("loss") and not np.isfinite(value).all():
                self._give_up(f"{key} is {value}")

    def _give_up(self, what):
        self._forget()
        raise NotANumber(
            f"{self.name}: the {what}, so this fit ends here, and nothing of it is stored. Are the images in [0, 1] "
            "(8-bit images are divided by 255 first)? Is there a NaN in the data? Is the learning rate too large?"
        )

    def _forget(self):
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def _choose_file(self, fit):
        """The file of this very fit, or None where nothing can be written or the fit not be recognised."""
        folder = Path(os.environ.get("COURSE_CACHE") or Path.home() / ".cache" / "course_utils")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            print(f"{self.name}: cannot write to {folder} ({error.strerror}), so this fit can't be resumed.")
            return None
        data = [fit.get(argument) for argument in ("x", "y", "sample_weight", "class_weight", "validation_data")]
        extent = [self.params["epochs"], self.params["steps"], fit.get("initial_epoch"), fit.get("batch_size")]
        try:
            return folder / f"{fingerprint(self.model, name=self.name, data=data, extent=extent)}.npz"
        except Exception as error:  # a lesson's own code can raise anything
            print(f"{self.name}: this fit can't be told from another ({error}), so it can't be resumed.")
            return None


def _finite(variables, values):
    """Whether all weights that are trained are; a metric's variables may well be infinite."""
    return all(np.isfinite(value).all() for variable, value in zip(variables, values) if variable.trainable)


def _arguments_of_fit(model):
    """What the running `model.fit` was called with; empty if it can't be found.

    Keras hands its callbacks neither data nor `initial_epoch`, so they are looked up in the frame of `fit` itself.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model:
            return dict(frame.f_locals)
        frame = frame.f_back
    return {}


def _check_targets(targets):
    """Raises a ValueError if there are images among the targets that don't lie in [0, 1]."""
    for array in keras.tree.flatten(targets):
        if len(getattr(array, "shape", ())) == 4:
            check_unit_interval("y", keras.ops.convert_to_numpy(array))
