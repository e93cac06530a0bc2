"""The PixelCNN: each entry's odds depend on those before it alone; its likelihood sums to one."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from course_utils.losses import categorical_nll
from course_utils.models import build_pixel_cnn


def shaken(model):
    """With all weights random, so that nothing is hidden by zeros."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape) * 0.5)
    return model


@pytest.mark.parametrize("grid, n_blocks, first_size", [((7, 7), 3, 3), ((6, 9), 2, 5)])
def test_changing_an_entry_changes_only_what_comes_after(grid, n_blocks, first_size):
    model = shaken(build_pixel_cnn(grid, 4, filters=8, n_blocks=n_blocks, first_size=first_size))
    values = np.random.default_rng(1).integers(4, size=(1, *grid))
    changed = np.repeat(values, np.prod(grid), axis=0)
    places = list(itertools.product(*map(range, grid)))
    for row, (i, j) in enumerate(places):
        changed[row, i, j] = (changed[row, i, j] + 1) % 4
    moved = np.abs(model.predict(changed, verbose=0) - model.predict(values, verbose=0)).max(axis=-1)
    moved = moved.reshape(len(places), -1) > 1e-5
    assert not np.triu(moved.T).any()  # the one that changed, and those before it
    assert moved[:-1].any(axis=1).all() and moved[0, 1]


def test_gradients_reach_no_entry_at_or_after_the_place():
    model = shaken(build_pixel_cnn((5, 5), 3, filters=6, n_blocks=4, first_size=3))
    one_hot = next(operation for operation in model.operations if operation.name.startswith("one_hot"))
    network = keras.Model(one_hot.output, model.output)
    values = tf.constant(np.eye(3, dtype="float32")[np.random.default_rng(2).integers(3, size=(1, 5, 5))])
    with tf.GradientTape() as tape:
        tape.watch(values)
        value = tf.reduce_sum(network(values)[0, 2, 3] ** 2)
    reached = np.abs(tape.gradient(value, values).numpy()[0]).sum(axis=-1).ravel() > 0
    before = np.arange(25) < 2 * 5 + 3
    assert not reached[~before].any()
    assert reached[before].all()


def test_the_probabilities_of_all_grids_sum_to_one():
    model = shaken(build_pixel_cnn((3, 3), 2, filters=4, n_blocks=2, first_size=3))
    every = np.array(list(itertools.product((0, 1), repeat=9))).reshape(-1, 3, 3)
    log_p = -categorical_nll(every, model.predict(every, verbose=0))
    assert float(ops.sum(ops.exp(log_p))) == pytest.approx(1, rel=1e-4)


def test_a_class_changes_the_odds_and_saving_keeps_them(tmp_path):
    model = shaken(build_pixel_cnn((4, 4), 5, filters=6, n_blocks=1, first_size=3, n_classes=2))
    values = np.random.default_rng(3).integers(5, size=(2, 4, 4))
    as_first, as_second = (model.predict([values, np.eye(2)[[c, c]]], verbose=0) for c in (0, 1))
    assert np.abs(as_first - as_second).max() > 0.01
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict([values, np.eye(2)[[0, 0]]], verbose=0), as_first)


@pytest.mark.system
def test_it_learns_an_alternation():
    values = np.indices((64, 6, 6)).sum(axis=0) % 2  # half of the boards begin with 0
    model = build_pixel_cnn((6, 6), 2, filters=8, n_blocks=1, first_size=3)
    model.compile(keras.optimizers.Adam(0.02), loss=categorical_nll)
    model.fit(values, values, epochs=15, verbose=0)
    assert model.evaluate(values, values, verbose=0) < 1.5  # log 2 for the first, nothing for the others


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"grid": (7, 7, 1)}, "`grid` must be \\(rows, columns\\)"),
        ({"n_values": 1}, "`n_values` must be a whole number of at least 2"),
        ({"first_size": 4}, "`kernel_size` must be odd"),
        ({"n_blocks": 0}, "`n_blocks` must be a positive whole number"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        build_pixel_cnn(**{"grid": (7, 7), "n_values": 4, **arguments})
