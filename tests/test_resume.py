"""Fits that go on after an interruption, and fits that end since they came to no number."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from course_utils import resume, training
from course_utils.batches import FreshBatches
from course_utils.losses import bernoulli_nll
from course_utils.models import build_dense_vae

ROOT = Path(__file__).parents[1]
IMAGES = np.random.default_rng(0).integers(0, 2, (24, 4, 4, 1)).astype(np.float32)


def _vae(run_eagerly=True, **kwargs):
    model = build_dense_vae(2, hidden=(5,), image_shape=(4, 4, 1), seed=0, **kwargs)
    model.compile(keras.optimizers.Adam(0.01), bernoulli_nll, run_eagerly=run_eagerly)
    return model


def _stock_vae():
    return _vae(run_eagerly=False)


def _as_a_terminal_shows_it(text):
    """What is left of each line after its carriage returns."""
    return [line.rsplit("\r", 1)[-1].rstrip() for line in text.rstrip("\n").split("\n")]


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
    (file,) = _stored()
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
    assert (
        said == f"a fit: going on after epoch 2, where it was interrupted. To start afresh, stop it and delete {file}"
    )
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
        model.compile("adam", _own_loss, run_eagerly=True)
        if called:
            model(IMAGES)
        return model

    _interrupted(2, build(called=True))
    assert _first_epoch(build(called=True)) == 2
    capsys.readouterr()
    assert len(_fit(build(called=False)).history["loss"]) == 3
    assert "starts afresh" in capsys.readouterr().out


def _own_loss(truth, prediction):
    return keras.ops.mean((truth - prediction) ** 2)


def test_interrupted_while_writing_the_previous_state_stays_whole(monkeypatch):
    def half(file, **arrays):
        Path(file).write_bytes(b"half a file")
        raise KeyboardInterrupt

    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                context.setattr(np, "savez", half)

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
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert len(_fit(_dense()).history["loss"]) == 3
    assert capsys.readouterr().out.count("No space left on device") == 1


def test_validation_every_second_epoch_is_kept_in_the_history():
    history = _fit(_dense(), epochs=4, validation_data=(IMAGES, IMAGES), validation_freq=2).history
    assert {key: len(values) for key, values in history.items()} == {"loss": 4, "val_loss": 2}


def test_initial_epoch_survives_an_interruption_and_the_history_begins_with_it():
    history = _fit(_dense(), epochs=8, initial_epoch=5)
    assert history.epoch == [5, 6, 7] and len(history.history["loss"]) == 3

    noted = Note()
    with pytest.raises(KeyboardInterrupt):
        _fit(_dense(), Interrupt(7), epochs=8, initial_epoch=5)
    assert _first_epoch(_dense(), epochs=8) == 0, "from the beginning is another fit"
    history = _fit(_dense(), noted, epochs=8, initial_epoch=5)
    assert noted.epochs == [7]
    assert history.epoch == [5, 6, 7] and len(history.history["loss"]) == 3


# Fresh batches


def _noisy(images, rng):
    return images + rng.standard_normal(images.shape, dtype=np.float32), images


def _fit_on_fresh_batches(model, *more):
    """Without whole batches and in another order each epoch; the model has noise of its own, too."""
    fresh = FreshBatches(IMAGES, _noisy, batch_size=10, seed=3)
    return model.fit(fresh, epochs=4, verbose=0, callbacks=[*training.callbacks("fresh"), *more])


def test_fresh_batches_go_on_as_if_there_had_been_no_interruption():
    """Compiled fits in kernels that are killed: test_faults.py."""

    def new_kernel():
        keras.utils.set_random_seed(0)  # Keras draws the order of the batches from Python's generator
        return _vae()

    at_once = new_kernel()
    expected = _fit_on_fresh_batches(at_once)
    with pytest.raises(KeyboardInterrupt):
        _fit_on_fresh_batches(new_kernel(), Interrupt(2))
    noted, resumed = Note(), new_kernel()
    history = _fit_on_fresh_batches(resumed, noted)
    assert noted.epochs == [2, 3] and history.history == expected.history
    for ours, theirs in zip(resumed.variables, at_once.variables):
        np.testing.assert_array_equal(ours, theirs)


def test_fresh_batches_that_were_in_use_before_go_on_with_their_own_epoch():
    """The same object in the same kernel: neither a batch drawn in vain nor an earlier fit shifts the noise."""

    def fits(*more):
        keras.utils.set_random_seed(0)
        fresh, model = FreshBatches(IMAGES, _noisy, batch_size=12), _vae()
        model.fit(fresh, epochs=2, verbose=0)
        if more:
            with pytest.raises(KeyboardInterrupt):
                model.fit(fresh, epochs=3, verbose=0, callbacks=[*training.callbacks("fresh"), *more])
        model.fit(fresh, epochs=3, verbose=0, callbacks=training.callbacks("fresh"))
        return model.get_weights()

    for ours, theirs in zip(fits(Interrupt(1)), fits()):
        np.testing.assert_array_equal(ours, theirs)


# Fits that end since they came to no number


def _fit_on(images, model=None, targets=None, **kwargs):
    model, targets = model or _dense(), images if targets is None else targets
    return model.fit(images, targets, batch_size=12, epochs=3, verbose=0, callbacks=training.callbacks("x"), **kwargs)


WITH_NAN = np.where(np.arange(24).reshape(-1, 1, 1, 1) == 20, np.float32(np.nan), IMAGES)


@pytest.mark.parametrize(
    "targets",
    [255 * IMAGES, (255 * IMAGES).astype(np.uint8), IMAGES - 0.5, WITH_NAN, {"out": 255 * IMAGES}],
    ids=["0..255", "uint8", "negative", "NaN", "by name"],
)
def test_targets_that_are_no_images_are_refused_before_the_first_step(targets):
    model = _dense()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"`y` must lie in \[0, 1\]\. Received values from .* divided by 255 first"):
        _fit_on(IMAGES, model, targets=targets)
    for ours, kept in zip(model.get_weights(), before):
        np.testing.assert_array_equal(ours, kept)
    assert _stored() == []


def test_noisy_inputs_and_targets_of_other_kinds_are_allowed():
    _fit_on(IMAGES + 3 * np.random.default_rng(0).standard_normal(IMAGES.shape), targets=IMAGES)
    _fit_on(IMAGES, targets=IMAGES.astype(np.uint8))
    _fit_on(IMAGES, targets=IMAGES.astype(bool).astype(np.float32))
    classifier = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    _fit_on(IMAGES, classifier, targets=np.arange(24) % 10)


SENTENCE = (
    r"x: the .*so this fit ends here, and nothing of it is stored\. Are the images in \[0, 1\].*NaN.*learning rate"
)


def test_a_loss_that_is_not_a_number_ends_the_fit_at_once_and_nothing_is_stored():
    steps = []

    class Count(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            steps.append(batch)

    with pytest.raises(resume.NotANumber, match=SENTENCE):
        _dense().fit(WITH_NAN, IMAGES, epochs=3, verbose=0, shuffle=False, batch_size=6,
                     callbacks=[*training.callbacks("x"), Count()])  # fmt: skip
    assert steps == [0, 1, 2, 3] and _stored() == []


def test_after_data_with_nan_the_corrected_cell_starts_afresh():
    with pytest.raises(resume.NotANumber):
        _fit_on(WITH_NAN, targets=IMAGES)
    noted = Note()
    _dense().fit(IMAGES, IMAGES, batch_size=12, epochs=3, verbose=0, callbacks=[*training.callbacks("x"), noted])
    assert noted.epochs == [0, 1, 2]


def test_a_fit_that_diverges_later_leaves_none_of_its_earlier_epochs():
    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.optimizer.learning_rate = np.inf

    with pytest.raises(resume.NotANumber, match=r"not finite|is nan|is inf"):
        _fit(_dense(), Spoil())
    assert _stored() == []


def test_weights_that_the_last_step_spoilt_are_not_stored():
    class Spoil(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.trainable_variables[0].assign(np.full((16, 5), np.nan))

    with pytest.raises(resume.NotANumber, match="the weights are not finite"):
        _dense().fit(IMAGES, IMAGES, batch_size=24, epochs=3, verbose=0, callbacks=[*training.callbacks("x"), Spoil()])
    assert _stored() == []


def test_validation_data_with_nan_is_named():
    with pytest.raises(resume.NotANumber, match="x: the val_loss is nan"):
        _fit_on(IMAGES, validation_data=(WITH_NAN, IMAGES))
    assert _stored() == []


def test_a_metric_may_be_infinite():
    """PSNR of equal images is."""
    model = _dense()
    model.compile("adam", "mse", metrics=[lambda truth, prediction: np.inf * keras.ops.ones(())], run_eagerly=True)
    history = _fit_on(IMAGES, model).history
    assert len(history["loss"]) == 3


# Which fit is it?


def test_other_data_start_afresh():
    def first(images, **kwargs):
        noted = Note()

        class Stop(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == kwargs.get("until", 0):
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            _dense().fit(
                images, images, batch_size=12, epochs=3, verbose=0, callbacks=[*training.callbacks("x"), noted, Stop()]
            )
        return noted.epochs[0]

    first(IMAGES, until=1)
    assert first(1 - IMAGES) == 0
    assert first(IMAGES[::-1]) == 0
    assert first(IMAGES[:23]) == 0, "as many steps"


def test_what_a_lesson_wrote_can_raise_anything_and_training_goes_on(capsys):
    class Stubborn(WrittenInALesson):
        def get_config(self):
            raise RuntimeError("no")

    model = Stubborn()
    model.compile("adam", "mse", run_eagerly=True)
    assert len(_fit(model).history["loss"]) == 3
    assert "a fit: this fit can't be told from another (no), so it can't be resumed." in capsys.readouterr().out


def test_where_the_arguments_of_fit_cannot_be_found_it_goes_on_without(monkeypatch):
    monkeypatch.setattr(resume, "_arguments_of_fit", lambda model: {})
    _interrupted(2, _dense())
    assert _first_epoch(_dense()) == 2
    assert _fit(_dense()).epoch == [0, 1, 2]


class OwnFit(keras.Sequential):
    def fit(self, images, **kwargs):
        return super().fit(images, 2 * images, **kwargs)


def test_the_arguments_are_those_of_the_fit_that_runs():
    """Of the inner one, where a model has a `fit` of its own, and not those of another model's fit around it."""
    model = OwnFit(_dense().layers)
    model.compile("adam", "mse", run_eagerly=True)
    with pytest.raises(ValueError, match=r"`y` must lie in \[0, 1\]\. Received values from 0\.0 to 2\.0"):
        model.fit(IMAGES, verbose=0, callbacks=training.callbacks("x"))

    class Inner(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            _fit(_dense())

    _dense().fit(IMAGES, 2 * IMAGES, verbose=0, callbacks=[Inner()])


# The bar


def test_an_interrupted_bar_does_not_push_the_next_one_down(capsys):
    kept = _interrupted(1, _dense())
    capsys.readouterr()
    _fit(_dense())
    output = capsys.readouterr().out
    assert kept is not None and len(_as_a_terminal_shows_it(output)) == 2 and "\x1b[A" not in output
