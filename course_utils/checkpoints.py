"""Trained models that are too dear for a lesson: small files that `make checkpoints` makes and a lesson loads."""

import csv
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
from keras import ops

from course_utils.data import REPOSITORY_DATA, replacing

REMEDY = "`make checkpoints` makes it anew"


def folder():
    """Where the checkpoints lie: in the repository's `data/`, or beside this file in an installed wheel."""
    installed = Path(__file__).with_name("checkpoints_data")
    return installed if installed.is_dir() else REPOSITORY_DATA / "checkpoints"


def files(name):
    """The paths of a checkpoint's weights and of its log, whether they exist or not.

    Args:
        name: of the checkpoint, such as `"vae_50"`: its files lie in `folder()`. With a folder in front, as in
            `"./mine"`, it is a path of its own. A dot in it is part of the name: `"beta_0.5"` is not `"beta_0.1"`.

    Returns:
        Two paths, `<name>.npz` and `<name>.csv`.
    """
    place, name = os.path.split(name)
    place = Path(place) if place else folder()
    return place / f"{name}.npz", place / f"{name}.csv"


def save_checkpoint(model, name, log):
    """Writes a model's weights as float16, and the log of their training, where `load_checkpoint` looks.

    Args:
        model: a `keras.Model`; of one with an `encoder` and a `decoder` these two alone are stored.
        name: of the checkpoint, as for `files`.
        log: dictionary from column to one number per epoch, such as the history of a fit.

    Raises:
        ValueError: if a weight is no finite float16 (NaN, or beyond ±65504), or the columns of the log are no numbers
            or of unequal lengths. Nothing is written then.
    """
    variables = _weights(model)
    with np.errstate(over="ignore"):  # what overflows is refused below
        weights = [ops.convert_to_numpy(variable).astype(np.float16) for variable in variables]
    unfit = [variable.path for variable, weight in zip(variables, weights) if not np.isfinite(weight).all()]
    if unfit:
        raise ValueError(f"`model` must have weights that are finite as float16. Received others in {unfit}")
    columns = [np.asarray(column, float) for column in log.values()]
    if any(column.ndim != 1 or len(column) != len(columns[0]) for column in columns):
        received = {name: column.shape for name, column in zip(log, columns)}
        raise ValueError(f"`log` must have one number per epoch in each column. Received the shapes {received}")
    weights_file, log_file = files(name)
    weights_file.parent.mkdir(parents=True, exist_ok=True)
    # The log is put in place first, the weights last: where they are, all is there.
    with replacing(weights_file) as unfinished_weights, replacing(log_file) as unfinished_log:
        np.savez_compressed(unfinished_weights, **{f"weight_{i}": weight for i, weight in enumerate(weights)})
        with open(unfinished_log, "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(log)
            table.writerows([f"{value:.6g}" for value in row] for row in zip(*columns))


def load_checkpoint(model, name):
    """Gives a model the weights of a stored checkpoint.

    Args:
        model: of the checkpoint's shapes; of one with an `encoder` and a `decoder` these two get the weights.
        name: of the checkpoint, as for `files`.

    Returns:
        The log of its training: dictionary from column to an array with one number per epoch.

    Raises:
        ValueError: if there is no such checkpoint, it is damaged, or its weights have other shapes than the model's.
    """
    weights_file, log_file = files(name)
    try:
        with np.load(weights_file, allow_pickle=False) as archive:
            weights = [archive[f"weight_{i}"] for i in range(len(archive.files))]
        with open(log_file, newline="", encoding="utf-8") as file:
            columns, *rows = csv.reader(file)
        log = np.array(rows, float).reshape(len(rows), len(columns))
    except FileNotFoundError as error:
        raise ValueError(
            f"There is no checkpoint {weights_file.stem}: {error.filename} is missing. {REMEDY}."
        ) from error
    except (OSError, EOFError, ValueError, KeyError, csv.Error, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"The checkpoint {weights_file.stem} is damaged: {error}. Delete {weights_file}; {REMEDY}."
        ) from error
    _check_weights(weights_file.stem, _weights(model), weights)
    for variable, weight in zip(_weights(model), weights):
        variable.assign(weight.astype(np.float32))
    return dict(zip(columns, log.T))


def store_table(name, rows):
    """Writes what was measured as a table, whole or not at all, where `stored_table` looks.

    Args:
        name: of the table, such as `"clutter"`.
        rows: a dictionary from column to number or text for each row, all with the same columns.
    """
    path = folder() / f"{name}.csv"
    with replacing(path) as unfinished, open(unfinished, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def stored_table(name):
    """What was measured beforehand: a table that lies among the checkpoints.

    Args:
        name: of the table, such as `"clutter"`.

    Returns:
        A dictionary from column to text for each row.

    Raises:
        ValueError: if there is no such table.
    """
    path = folder() / f"{name}.csv"
    if not path.is_file():
        raise ValueError(f"There is no table {name}: {path} is missing. {REMEDY}.")
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _check_weights(name, variables, weights):
    expected, received = [tuple(variable.shape) for variable in variables], [weight.shape for weight in weights]
    if expected != received:
        raise ValueError(
            f"`model` must have the shapes of the checkpoint {name}, {received}. Received a model with {expected}"
        )
    if not all(weight.dtype == np.float16 and np.isfinite(weight).all() for weight in weights):
        raise ValueError(f"The checkpoint {name} is damaged: its weights are no finite float16. Delete it; {REMEDY}.")


def _weights(model):
    parts = [model.encoder, model.decoder] if hasattr(model, "encoder") else [model]  # a VAE's β is none of it
    return [weight for part in parts for weight in part.weights]
