"""Trained models that are too dear for a lesson: small files that `make checkpoints` makes and a lesson loads."""

import csv
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from keras import ops

from course_utils.data import REPOSITORY_DATA, replace_file

REMEDY = "`make checkpoints` makes it anew"


def folder():
    """Where the checkpoints lie: in the repository's `data/`, or beside this file in an installed wheel."""
    installed = Path(__file__).with_name("checkpoints_data")
    return installed if installed.is_dir() else REPOSITORY_DATA / "checkpoints"


def save_checkpoint(model, path, log):
    """Writes encoder's and decoder's weights as float16 to `<path>.npz` and a training log to `<path>.csv`.

    Args:
        model: has an `encoder` and a `decoder`.
        path: of both files, without ending.
        log: dictionary from column to one number an epoch, such as the history of a fit.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = [ops.convert_to_numpy(weight).astype(np.float16) for weight in _weights(model)]
    with tempfile.TemporaryDirectory() as unfinished:
        finished = Path(unfinished) / "weights.npz"
        np.savez_compressed(finished, **{f"weight_{i}": weight for i, weight in enumerate(weights)})
        with open(Path(unfinished) / "log.csv", "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(log)
            table.writerows([f"{value:.6g}" for value in row] for row in zip(*log.values()))
        replace_file(Path(unfinished) / "log.csv", path.with_suffix(".csv"))
        replace_file(finished, path.with_suffix(".npz"))  # last: where it is, all is there


def load_checkpoint(model, name):
    """Gives a model the weights of a stored checkpoint.

    Args:
        model: has an `encoder` and a `decoder` of the checkpoint's shapes.
        name: of the checkpoint, such as `"vae_50"`, or the path of its files without ending.

    Returns:
        The log of its training: dictionary from column to an array with one number an epoch.

    Raises:
        ValueError: if there is no such checkpoint, it is damaged, or its weights have other shapes than the model's.
    """
    path = folder() / name
    try:
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as archive:
            weights = [archive[f"weight_{i}"] for i in range(len(archive.files))]
        log = np.genfromtxt(path.with_suffix(".csv"), delimiter=",", names=True, ndmin=1)
    except FileNotFoundError as error:
        raise ValueError(f"There is no checkpoint {path.name}: {error.filename} is missing. {REMEDY}.") from error
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"The checkpoint {path} is damaged: {error}. Delete it; {REMEDY}.") from error
    _check_weights(path, _weights(model), weights)
    for variable, weight in zip(_weights(model), weights):
        variable.assign(weight.astype(np.float32))
    return {column: log[column] for column in log.dtype.names}


def _check_weights(path, variables, weights):
    expected, received = [tuple(variable.shape) for variable in variables], [weight.shape for weight in weights]
    if expected != received:
        raise ValueError(
            f"`model` must have the shapes of the checkpoint {path.name}, {received}. Received a model with {expected}"
        )
    if not all(weight.dtype == np.float16 and np.isfinite(weight).all() for weight in weights):
        raise ValueError(f"The checkpoint {path} is damaged: its weights are no finite float16. Delete it; {REMEDY}.")


def _weights(model):
    return [*model.encoder.weights, *model.decoder.weights]
