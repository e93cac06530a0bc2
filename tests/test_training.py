"""Seeds, profiles, bounds, the progress bar, and fits that go on after an interruption."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest

import course_utils
from course_utils import training
from course_utils.losses import bernoulli_nll
from course_utils.models import build_dense_vae

ROOT = Path(__file__).parents[1]
PACKAGE = Path(course_utils.__file__).parent
IMAGES = np.random.default_rng(0).integers(0, 2, (24, 4, 4, 1)).astype(np.float32)


# Profiles, seeds, bounds


def test_budget_picks_by_profile(monkeypatch):
    assert training.budget(30, quick=4) == 30
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    assert training.budget(30, quick=4) == 4


@pytest.mark.parametrize("name", ["fast", "", "Quick"])
def test_unknown_profile(monkeypatch, name):
    monkeypatch.setenv("COURSE_PROFILE", name)
    with pytest.raises(ValueError, match=f"COURSE_PROFILE must be 'full' or 'quick'. Received: '{name}'"):
        training.budget(30, quick=4)


def test_setup_seeds_python_numpy_and_keras(capsys):
    import random

    def draws():
        training.setup(seed=7)
        return random.random(), np.random.rand(), float(keras.random.normal(()))

    assert draws() == draws()
    line = capsys.readouterr().out.splitlines()[0]
    assert keras.__version__ in line and "full profile, seed 7" in line


def test_expect_prints_the_value_beside_its_bound(capsys):
    training.expect("test MSE", 0.0123456, at_most=0.02, unit="grey²", published="0.015, Someone 2006")
    assert capsys.readouterr().out == (
        "[met] test MSE: 0.01235 grey² (bound: at most 0.02); published: 0.015, Someone 2006\n"
    )
    training.expect("accuracy", 0.97, at_least=0.95, at_most=1)
    assert capsys.readouterr().out == "[met] accuracy: 0.97 (bound: at least 0.95 and at most 1)\n"


@pytest.mark.parametrize("bound", [{"at_least": 1}, {"at_most": -1}, {"at_least": -2, "at_most": -1}])
@pytest.mark.parametrize("value", [0.5, float("nan")])
def test_expect_raises_when_the_bound_is_missed(capsys, bound, value):
    with pytest.raises(training.ExpectationMissed, match=r"ELBO is .* this lesson expects .* in the full profile"):
        training.expect("ELBO", value, **bound)
    assert capsys.readouterr().out.startswith("[MISSED] ELBO: ")


def test_expect_takes_a_value_on_the_bound_and_numpy_numbers():
    training.expect("x", np.float32(1), at_least=1, at_most=1)


def test_expect_without_a_bound():
    with pytest.raises(ValueError, match="`at_least`, `at_most` or both"):
        training.expect("x", 1)


# The progress bar


def _vae(run_eagerly=True, **kwargs):
    model = build_dense_vae(2, hidden=(5,), image_shape=(4, 4, 1), seed=0, **kwargs)
    model.compile(keras.optimizers.Adam(0.01), bernoulli_nll, run_eagerly=run_eagerly)
    return model


def _stock_vae():
    return _vae(run_eagerly=False)


def _as_a_terminal_shows_it(text):
    """What is left of each line after its carriage returns."""
    return [line.rsplit("\r", 1)[-1].rstrip() for line in text.rstrip("\n").split("\n")]


def test_one_line_a_fit(capsys):
    model = _vae()
    model.fit(IMAGES, IMAGES, batch_size=8, epochs=3, verbose=0, callbacks=training.callbacks("small VAE"))
    lines = _as_a_terminal_shows_it(capsys.readouterr().out)
    assert len(lines) == 1, lines
    assert lines[0].startswith("small VAE, epoch 3/3 100%|") and "loss=" in lines[0] and "kl=" in lines[0]


# Resuming


def test_a_training_step_is_traced_once():
    model, traces = _stock_vae(), []
    step = model.train_step
    model.train_step = lambda data: traces.append(data) or step(data)
    _fit(model, epochs=2)
    assert len(traces) == 1


class Interrupt(keras.callbacks.Callback):
    """Raises KeyboardInterrupt in the middle of an epoch, as a student's stop button does."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.current = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.current == self.at:
            raise KeyboardInterrupt


class Note(keras.callbacks.Callback):
    """Notes which epochs were run, the state that the first one began with, and that after each epoch."""

    def __init__(self):
        super().__init__()
        self.epochs, self.after = [], []

    def state(self):
        variables = [*self.model.variables, *self.model.optimizer.variables]
        return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]

    def on_epoch_begin(self, epoch, logs=None):
        if not self.epochs:
            self.begun_with = self.state()
        self.epochs.append(epoch)

    def on_epoch_end(self, epoch, logs=None):
        self.after.append(self.state())


def _dense(width=5, optimizer=None, loss="mse"):
    """The smallest model that has what matters here."""
    layers = [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(width), keras.layers.Dense(16)]
    model = keras.Sequential([*layers, keras.layers.Reshape((4, 4, 1))])
    model.compile(optimizer or keras.optimizers.Adam(0.01), loss, run_eagerly=True)
    return model


def _fit(model, *more, epochs=3, name="a fit", **kwargs):
    return model.fit(
        IMAGES, IMAGES, batch_size=12, epochs=epochs, verbose=0, callbacks=[*training.callbacks(name), *more], **kwargs
    )


def _interrupted(epoch, model, *more):
    """A fit that was stopped in the middle of an epoch; returns its model."""
    with pytest.raises(KeyboardInterrupt):
        _fit(model, *more, Interrupt(epoch))
    return model


def _first_epoch(model, **kwargs):
    """The epoch that a fit of this model would begin with; the fit itself is broken off."""
    noted = Note()

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _fit(model, noted, Stop(), **kwargs)
    return noted.epochs[0]


def _stored():
    return list(Path(os.environ["COURSE_CACHE"]).glob("*"))


@pytest.mark.parametrize(("build", "new_kernel"), [(_stock_vae, True), (_vae, False), (_dense, True), (_dense, False)])
def test_goes_on_from_the_last_finished_epoch(capsys, build, new_kernel):
    before, noted = Note(), Note()
    stopped = _interrupted(2, build(), before)
    assert len(_stored()) == 1
    capsys.readouterr()

    resumed = build() if new_kernel else stopped
    history = _fit(resumed, noted)
    assert noted.epochs == [2]
    assert len(noted.begun_with) == len(before.after[1])
    for ours, kept in zip(noted.begun_with, before.after[1]):  # weights, the optimizer's steps and moments, seeds
        np.testing.assert_array_equal(ours, kept)
    assert int(resumed.optimizer.iterations) == 6
    keys = {"loss"} if build is _dense else {"loss", "kl"}
    assert {key: len(values) for key, values in history.history.items()} == dict.fromkeys(keys, 3)
    assert history is resumed.history and history.epoch == [0, 1, 2]
    said, bar = _as_a_terminal_shows_it(capsys.readouterr().out)
    assert said == "a fit: going on after epoch 2, where it was interrupted."
    assert bar.startswith("a fit, epoch 3/3 100%|")
    assert _stored() == [], "a complete fit leaves nothing behind"


def test_an_interruption_costs_nothing_but_time():
    """The whole fit in one go ends with the same weights and history; whole batches, so that order plays no part."""

    def fit(model, *more):
        return model.fit(
            IMAGES,
            IMAGES,
            batch_size=24,
            epochs=4,
            verbose=0,
            shuffle=False,
            callbacks=[*training.callbacks("x"), *more],
        )

    first = _dense()
    weights = first.get_weights()
    at_once = fit(first)
    second, third = _dense(), _dense()
    second.set_weights(weights)
    with pytest.raises(KeyboardInterrupt):
        fit(second, Interrupt(2))
    in_two_goes = fit(third)
    assert in_two_goes.history == at_once.history
    for one, other in zip(first.get_weights(), third.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_interrupted_before_the_first_epoch_ends():
    _interrupted(0, _dense())
    assert _first_epoch(_dense()) == 0


def test_interrupted_after_the_last_epoch():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _fit(_dense(), Stop())
    noted = Note()
    history = _fit(_dense(), noted)
    assert noted.epochs == [] and len(history.history["loss"]) == 3


def test_a_second_fit_of_a_resumed_model_starts_at_its_own_beginning():
    _interrupted(2, _dense())
    model, noted = _dense(), Note()
    _fit(model)
    model.fit(IMAGES, IMAGES, batch_size=12, epochs=2, verbose=0, callbacks=[noted])
    assert noted.epochs == [0, 1]


def test_another_fit_starts_afresh():
    _interrupted(2, _dense())
    assert _first_epoch(_dense()) == 2
    assert _first_epoch(_dense(width=6)) == 0
    assert _first_epoch(_dense(optimizer=keras.optimizers.Adam(0.02))) == 0
    assert _first_epoch(_dense(optimizer="sgd")) == 0
    assert _first_epoch(_dense(loss="mae")) == 0
    assert _first_epoch(_dense(), epochs=4) == 0
    assert _first_epoch(_dense(), name="another fit") == 0
    assert _first_epoch(_dense()) == 2, "and the others have left the first one's state alone"


def test_a_vae_with_another_beta_starts_afresh():
    _interrupted(1, _vae())
    assert _first_epoch(_vae()) == 1
    assert _first_epoch(_vae(beta=2.0)) == 0


def test_losses_and_schedules_that_are_objects_are_recognised_in_a_new_kernel():
    def build():
        schedule = keras.optimizers.schedules.CosineDecay(0.01, 100)
        return _dense(optimizer=keras.optimizers.Adam(schedule), loss=keras.losses.Huber())

    _interrupted(2, build())
    assert _first_epoch(build()) == 2


class WrittenInALesson(keras.Model):
    def __init__(self, width=2):
        super().__init__()
        self.encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(width)])
        self.out = keras.layers.Dense(16)

    def call(self, images):
        return keras.ops.reshape(self.out(self.encoder(images)), (-1, 4, 4, 1))


def test_a_model_without_weights_until_its_first_batch(capsys):
    """It resumes if it has been called once. If not, nothing can be restored yet: it says so and starts afresh."""

    def build(called):
        model = WrittenInALesson()
        model.compile("adam", lambda truth, prediction: keras.ops.mean((truth - prediction) ** 2), run_eagerly=True)
        if called:
            model(IMAGES)
        return model

    _interrupted(2, build(called=True))
    assert _first_epoch(build(called=True)) == 2
    capsys.readouterr()
    assert len(_fit(build(called=False)).history["loss"]) == 3
    assert "starts afresh" in capsys.readouterr().out


def test_killed_while_writing_the_previous_state_stays_whole(monkeypatch):
    def half(source, target):
        Path(target).write_bytes(Path(source).read_bytes()[:200])
        raise KeyboardInterrupt

    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                context.setattr(shutil, "copyfile", half)

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        _fit(_dense(), Break())
    assert len(_stored()) == 1
    assert _first_epoch(_dense()) == 2


@pytest.mark.parametrize("damage", [lambda whole: whole[:-100], lambda whole: b"", lambda whole: b"nonsense"])
def test_a_damaged_state_is_named_and_the_fit_starts_afresh(capsys, damage):
    _interrupted(2, _dense())
    file = _stored()[0]
    file.write_bytes(damage(file.read_bytes()))
    capsys.readouterr()
    noted = Note()
    assert len(_fit(_dense(), noted).history["loss"]) == 3
    assert noted.epochs == [0, 1, 2]
    said, _bar = _as_a_terminal_shows_it(capsys.readouterr().out)
    assert str(file) in said and said.endswith("so this fit starts afresh.")


def test_a_folder_that_cannot_be_written_to_is_named_and_training_goes_on(tmp_path, monkeypatch, capsys):
    occupied = tmp_path / "occupied"  # a file in the folder's place: not even root can write there
    occupied.touch()
    monkeypatch.setenv("COURSE_CACHE", str(occupied))
    assert len(_fit(_dense()).history["loss"]) == 3
    said, _bar = _as_a_terminal_shows_it(capsys.readouterr().out)
    assert said.startswith(f"a fit: cannot write to {occupied} (") and said.endswith("this fit can't be resumed.")


def test_a_disk_that_fills_up_does_not_end_the_training(monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training, "replace_file", full)
    assert len(_fit(_dense()).history["loss"]) == 3
    assert capsys.readouterr().out.count("No space left on device") == 1


def test_validation_every_second_epoch_is_kept_in_the_history():
    history = _fit(_dense(), epochs=4, validation_data=(IMAGES, IMAGES), validation_freq=2).history
    assert {key: len(values) for key, values in history.items()} == {"loss": 4, "val_loss": 2}


def test_an_interrupted_bar_does_not_push_the_next_one_down(capsys):
    kept = _interrupted(1, _dense())
    capsys.readouterr()
    _fit(_dense())
    output = capsys.readouterr().out
    assert kept is not None and len(_as_a_terminal_shows_it(output)) == 2 and "\x1b[A" not in output


# The package as a whole


def _modules():
    names = [path.relative_to(PACKAGE.parent).with_suffix("") for path in sorted(PACKAGE.rglob("*.py"))]
    return [".".join(name.parts).removesuffix(".__init__") for name in names]


def test_no_module_imports_tensorflow():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] in ("tensorflow", "jax", "torch") for name in names), path


def test_importing_the_package_is_quick_and_loads_nothing_heavy():
    """Less than 0.3 s on top of Keras; the best of three, as a machine may be busy."""
    modules = [name for name in _modules() if ".lesson_" not in name]
    code = f"""
        import os, sys, time
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import keras
        before, start = set(sys.modules), time.perf_counter()
        import importlib
        for name in {modules}:
            importlib.import_module(name)
        print(time.perf_counter() - start, *(set(sys.modules) - before))
    """
    for _ in range(3):
        result = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
        )
        seconds, *added = result.stdout.split()
        heavy = {"matplotlib", "skimage", "sklearn", "scipy", "tensorflow", "PIL", "IPython", "ipywidgets"}
        assert not [name for name in added if name.split(".")[0] in heavy]
        if float(seconds) < 0.3:
            return
    pytest.fail(f"importing course_utils added {seconds} s to importing Keras, not less than 0.3 s")


def test_a_module_imports_only_from_those_above_it():
    order = ["data", "corruptions", "losses", "metrics", "layers", "models", "checkpoints", "training", "plotting"]
    order.append("exercises")
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils."):
                used = node.module.split(".")[1]
                assert used == own or order.index(used) < order.index(own), f"{path.name} imports from {used}"


def test_every_public_function_and_class_says_what_it_does():
    for name in _modules():
        module = importlib.import_module(name)
        assert module.__doc__, name
        for thing in vars(module).values() if ".lesson_" not in name else ():
            if getattr(thing, "__module__", None) == name and not getattr(thing, "__name__", "_").startswith("_"):
                assert thing.__doc__, f"{name}.{thing.__name__}"


def test_jax(tmp_path):
    """The same models on JAX, in a process of their own; skipped where JAX is not installed."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "COURSE_CACHE": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = str(ROOT)
    script = Path(__file__).with_name("jax_check.py")
    result = subprocess.run(
        [sys.executable, script, str(tmp_path)], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == "all well on jax"
