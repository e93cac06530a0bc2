"""Faults from outside: a kernel that is killed at any moment, a disk that fills up, files with code in them."""

import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from course_utils import checkpoints, training
from course_utils.data import read_archive

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[1]
KILLS = 10

# A cell with a fit. It runs in a child of a process that has imported Keras already, or twenty runs would take minutes.
CELL = """
import os, sys
import keras, numpy as np
from course_utils import training
from course_utils.batches import FreshBatches
from course_utils.losses import bernoulli_nll
from course_utils.models import build_dense_vae

class Say(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        os.write(1, b"\\nstep\\n")  # behind what the bar has written

def noisy(images, rng):
    return images + rng.standard_normal(images.shape, dtype=np.float32), images

def cell(kind, file):
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).integers(0, 2, (96, 4, 4, 1)).astype(np.float32)
    model = build_dense_vae(2, hidden=(5,), image_shape=(4, 4, 1), seed=0)
    model.compile(keras.optimizers.Adam(0.01), bernoulli_nll)
    data = {"arrays": (images, images), "fresh batches": (FreshBatches(images, noisy, batch_size=10, seed=3),)}[kind]
    size = {"batch_size": 10} if kind == "arrays" else {}
    history = model.fit(*data, epochs=25, verbose=0, callbacks=[*training.callbacks("a fit"), Say()], **size)
    state = [*model.variables, *model.optimizer.variables]
    np.savez(file, *map(keras.ops.convert_to_numpy, state), loss=history.history["loss"])

for line in sys.stdin:
    child = os.fork()
    if not child:
        cell(*line.strip().split(","))
        os._exit(0)
    print("\\nchild", child, flush=True)
    os.waitpid(child, 0)
    print("\\nended", flush=True)
"""


class Runs:
    """Runs the cell, and kills it after so many steps and a moment more."""

    def __init__(self, cache):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COURSE_CACHE": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([sys.executable, "-c", CELL], env=environment, text=True, **pipes)

    def run(self, kind, file, kill_after=None):
        self.process.stdin.write(f"{kind},{file}\n")
        self.process.stdin.flush()
        steps, said = 0, []
        while not said or said[-1] != "ended":
            line = self.process.stdout.readline()
            assert line, "the process that starts the cells has ended"
            line = line.strip()
            said.append(line)
            steps += line == "step"
            if line == "step" and steps == kill_after:
                time.sleep(random.uniform(0, 0.01))
                child = next(line.split()[1] for line in said if line.startswith("child"))
                os.kill(int(child), signal.SIGKILL)
        return "\n".join(said)


@pytest.fixture
def runs(tmp_path):
    runs = Runs(tmp_path / "cache")
    yield runs
    runs.process.stdin.close()
    runs.process.wait()


@pytest.mark.linux
@pytest.mark.parametrize("kind", ["arrays", "fresh batches"])
def test_killed_again_and_again_a_fit_ends_with_the_weights_of_an_undisturbed_one(runs, tmp_path, kind):
    """The optimizer's moments, the states of the seeds and the history as well."""
    undisturbed, disturbed = tmp_path / "undisturbed.npz", tmp_path / "disturbed.npz"
    assert "going on" not in runs.run(kind, undisturbed)
    steps = [random.randint(1, 25) for _ in range(KILLS)]  # ten an epoch
    for kill_after in steps:
        runs.run(kind, disturbed, kill_after)
        assert not disturbed.exists(), steps
    assert "going on after epoch" in runs.run(kind, disturbed)
    with np.load(undisturbed) as expected, np.load(disturbed) as got:
        for name in expected.files:
            np.testing.assert_array_equal(got[name], expected[name], err_msg=f"{name} after kills at {steps}")
    assert list((tmp_path / "cache").glob("*.npz")) == [], "what was left half-written is no state to go on from"


def _with_a_disk_of(kilobytes, place, program, **environment):
    """Runs a program that sees a disk of its own at `place`; returns what it printed."""
    mount = f"mount -t tmpfs -o size={kilobytes}k none {place} && exec {sys.executable} -c '{textwrap.dedent(program)}'"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    return subprocess.run([*alone, "sh", "-c", mount], env=environment, capture_output=True, text=True)


def _may_mount(tmp_path):
    try:
        return _with_a_disk_of(8, tmp_path, "").returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.linux
def test_a_disk_that_fills_up_costs_no_training_no_data_and_no_earlier_file(tmp_path):
    """A real disk of 200 KB: the state of this fit needs 480 KB, this download 230; this checkpoint finds 50 left."""
    if not _may_mount(tmp_path):
        pytest.skip("no disk can be mounted here")
    program = f"""
        import io
        from pathlib import Path
        import keras, numpy as np
        from course_utils import checkpoints, data, training

        disk, rng = Path("{tmp_path}"), np.random.default_rng(0)
        model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(200)])
        model.compile("adam", "mse")
        x = rng.random((20, 200), dtype=np.float32)
        history = model.fit(x, x, epochs=2, verbose=0, callbacks=training.callbacks("a fit"))
        print("epochs", len(history.history["loss"]), sorted(disk.rglob("*.npz")))

        shapes = dict(x_train=(200, 28, 28), y_train=200, x_test=(100, 28, 28), y_test=100)
        archive = io.BytesIO()
        np.savez(archive, **{{key: rng.integers(0, 10, shape, np.uint8) for key, shape in shapes.items()}})
        data._download = archive.getvalue
        data.REPOSITORY_DATA = disk / "none"
        print("digits", len(data.load("mnist").x_test), sorted(disk.rglob("*.npz")))

        small = keras.Sequential([keras.Input((20,)), keras.layers.Dense(20)])
        checkpoints.save_checkpoint(small, str(disk / "ours"), dict(loss=[1.0]))
        before = [path.read_bytes() for path in checkpoints.files(str(disk / "ours"))]
        (disk / "more").write_bytes(bytes(150_000))
        try:
            checkpoints.save_checkpoint(model, str(disk / "ours"), dict(loss=[2.0]))
        except OSError as error:
            same = [path.read_bytes() for path in checkpoints.files(str(disk / "ours"))] == before
            print("refused", error.strerror, same, len(list(disk.iterdir())))
    """
    run = _with_a_disk_of(200, tmp_path, program, COURSE_CACHE=f"{tmp_path}/cache", KERAS_HOME=f"{tmp_path}/keras")
    assert run.returncode == 0, run.stderr
    assert "No space left on device" in run.stdout and "this fit can't be resumed" in run.stdout
    assert "epochs 2 []" in run.stdout and "digits 100 []" in run.stdout
    assert "refused No space left on device True 5" in run.stdout


class Code:
    """What leaves a file behind when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def _model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_archives_checkpoints_and_states_with_code_in_them_are_refused_and_it_does_not_run(tmp_path, capsys):
    trace, file = tmp_path / "trace", tmp_path / "ours.npz"
    with_code = np.array([Code(trace)] * 2, dtype=object)
    keys = ["x_train", "y_train", "x_test", "y_test"]
    np.savez(file, **dict.fromkeys([*keys, "weight_0", "weight_1", "done", "order"], with_code))
    np.load(file, allow_pickle=True)["done"]
    assert trace.exists(), "the trap works"
    trace.unlink()

    with pytest.raises(ValueError, match="is damaged: Object arrays cannot be loaded"):
        read_archive(file)
    file.with_suffix(".csv").write_text("loss\n1\n")
    with pytest.raises(ValueError, match="damaged"):
        checkpoints.load_checkpoint(_model(), str(tmp_path / "ours"))

    class SwapTheState(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                (state,) = Path(os.environ["COURSE_CACHE"]).glob("*.npz")
                state.write_bytes(file.read_bytes())
                raise KeyboardInterrupt

    x = np.ones((4, 2), np.float32)
    fit = {"x": x, "y": x[:, :1], "epochs": 2, "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        _model().fit(**fit, callbacks=[*training.callbacks("a fit"), SwapTheState()])
    capsys.readouterr()
    _model().fit(**fit, callbacks=training.callbacks("a fit"))
    assert "is of no use (Object arrays cannot be loaded" in capsys.readouterr().out
    assert not trace.exists()


def test_a_model_file_with_code_in_it_is_refused(tmp_path):
    """By Keras, as long as nobody lifts its safe mode; all models of the course load within it."""
    trace, name = tmp_path / "trace", str(tmp_path / "trace")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: (open(name, "w").close(), x)[1])])
    model.save(tmp_path / "model.keras")
    trace.unlink(missing_ok=True)
    with pytest.raises(ValueError, match="safe_mode"):
        keras.saving.load_model(tmp_path / "model.keras")
    assert not trace.exists()
    sources = [*(ROOT / "course_utils").rglob("*.py"), *(ROOT / "notebooks" / "src").glob("*.py")]
    lifted = "safe_mode=False|allow_pickle=True|enable_unsafe_deserialization|import pickle|joblib.load"
    assert [path.name for path in sources if re.search(lifted, path.read_text(encoding="utf-8"))] == []
