"""Which fit is this? The same one in a new kernel, another one after any edit that matters."""

import functools
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from course_utils.batches import FreshBatches
from course_utils.fingerprint import describe, fingerprint

ROOT = Path(__file__).parents[1]
IMAGES = np.random.default_rng(0).random((200, 4, 4, 1), dtype=np.float32)


def _written(source, name="loss", **names):
    """What a cell defines, as a notebook does: each time with another file name."""
    _written.cells += 1
    names |= {"keras": keras, "ops": ops, "np": np, "__name__": "__main__"}
    exec(compile(source, f"/tmp/ipykernel_{_written.cells}/1.py", "exec"), names)
    return names[name]


_written.cells = 0


def _of_loss(loss, optimizer="adam", **kwargs):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile(optimizer, loss, **kwargs)
    return fingerprint(model)


LOSS = """
def helper(x):
    return scale * x ** 2
scale = 2.0
def loss(truth, prediction, weight=1.0):
    inner = lambda x: ops.mean(x, axis=-1)
    return weight * inner(helper(truth - prediction))
"""
EDITS = {
    "helper": ("x ** 2", "x ** 4"),
    "global": ("2.0", "3.0"),
    "default": ("weight=1.0", "weight=0.5"),
    "lambda": ("ops.mean", "ops.sum"),
    "operation": ("truth - prediction", "truth + prediction"),
    "constant": ("axis=-1", "axis=-2"),
}


def test_the_same_cell_run_again_is_the_same():
    assert _of_loss(_written(LOSS)) == _of_loss(_written("\n\n# moved down\n" + LOSS))


@pytest.mark.parametrize("edit", EDITS)
def test_a_function_that_was_edited_and_kept_its_name_is_another(edit):
    assert LOSS.count(EDITS[edit][0]) == 1
    assert _of_loss(_written(LOSS)) != _of_loss(_written(LOSS.replace(*EDITS[edit])))


FACTORY = """
def make(beta):
    def loss(t, p):
        return beta * ops.mean(t - p)
    return loss
loss = make({})
"""
LAMBDA = "loss = lambda t, p: {} * ops.mean(t - p)"
CLASS = """
class Own(keras.losses.Loss):
    def __init__(self):
        super().__init__(name="own")
        self.beta = {}
    def call(self, t, p):
        return self.beta * ops.mean(t - p)
loss = Own()
"""
METHOD = CLASS.replace("self.beta *", "{} *").replace("self.beta = {}", "pass")


@pytest.mark.parametrize("source", [FACTORY, LAMBDA, CLASS, METHOD], ids=["closure", "lambda", "attribute", "method"])
def test_losses_of_all_kinds(source):
    one, again, other = (_of_loss(_written(source.format(beta))) for beta in (1.0, 1.0, 2.0))
    assert one == again != other


def test_lists_and_weights_of_losses():
    loss = _written(LOSS)
    assert len({_of_loss([loss], loss_weights=[weight]) for weight in (1.0, 0.5, None)}) == 3
    assert _of_loss("mse", metrics=["mae"]) != _of_loss("mse")
    assert _of_loss("mse", metrics=["mae"]) == _of_loss("mse", metrics=["mae"])


LAYER = """
class Own(keras.layers.Layer):
    factor = {}
    def call(self, x):
        return self.factor * x
def model(layer):
    built = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(2)])
    built.compile("adam", "mse")
    return built
layer = Own()
function = keras.layers.Lambda(lambda x: {} * x)
"""


@pytest.mark.parametrize("kind", ["layer", "function"])
def test_layers_of_a_lesson(kind):
    def digest(factor):
        layer = _written(LAYER.format(factor, factor), kind)
        return fingerprint(_written(LAYER.format(0, 0), "model")(layer))

    assert digest(1.0) == digest(1.0) != digest(2.0)


MODEL = """
class Own(keras.Model):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
    def call(self, x):
        return {} * self.encoder(x)
"""


def test_models_of_a_lesson():
    """With an argument that Keras can't put into a configuration."""

    def digest(factor, width=2):
        model = _written(MODEL.format(factor), "Own")(keras.Sequential([keras.layers.Dense(width)]))
        model.compile("adam", "mse")
        return fingerprint(model)

    assert digest(1.0) == digest(1.0) != digest(2.0)


def test_counters_of_names_do_not_matter_but_wiring_does():
    def model(second):
        inputs = keras.Input((4,))
        parts = [keras.layers.Dense(4)(inputs), keras.layers.Dense(4)(inputs)]
        built = keras.Model(inputs, keras.layers.add([parts[0], parts[second]]))
        built.compile("adam", "mse")
        return fingerprint(built)

    assert model(1) == model(1) != model(0)


def test_fresh_batches_are_told_by_images_function_size_and_seed():
    pair = _written("def pair(images, rng):\n    return images + 0.1, images", "pair")
    edited = _written("def pair(images, rng):\n    return images + 0.2, images", "pair")
    build = functools.partial(FreshBatches, IMAGES, pair)
    others = [build(batch_size=64), build(seed=1), FreshBatches(IMAGES[1:], pair), FreshBatches(IMAGES, edited)]
    others.append(FreshBatches(1 - IMAGES, pair))
    told = [str(describe(batches)) for batches in [build(), *others]]
    assert len(set(told)) == 6
    later = build()
    later.start_at(3)
    assert str(describe(later)) == told[0], "how far they are is no difference"


def test_values_of_all_kinds_can_be_described():
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices(IMAGES).batch(10)
    assert describe(stream) == describe(stream.shuffle(3)) != describe(stream.map(lambda x: (x, x)))
    assert describe(tf.constant(IMAGES)) != describe(tf.constant(1 - IMAGES))
    assert describe(np.array(1.0)) != describe(np.array(2.0))
    assert describe({"a": IMAGES, "b": {1, 2}}) == describe({"a": IMAGES.copy(), "b": {2, 1}})
    assert describe(tf.function(_written(LOSS))) != describe(tf.function(_written(LOSS.replace("2.0", "3.0"))))
    assert describe(keras.Variable(1.0)) == describe(keras.Variable(2.0)), "what a fit changes"
    for value in (None, 1, 2.5, "x", b"x", np, len, np.sin, iter([]), (i for i in ()), object(), property(len), print):
        assert " at 0x" not in str(describe(value))


@pytest.mark.system
def test_the_same_in_another_process(capsys):
    """Where strings have other hashes, and so sets another order."""
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS]
    there = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    exec(compile(IN_ANOTHER_PROCESS, "another name", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == there and len(there.strip()) == 16


IN_ANOTHER_PROCESS = f"""
import keras
import numpy as np
from keras import ops
from course_utils.batches import FreshBatches
from course_utils.fingerprint import fingerprint
{LOSS}{LAYER.format(2, 2)}
built = model(layer)
built.compile("adam", loss, metrics=[lambda t, p: 0.0])
batches = FreshBatches(np.zeros((3, 2, 2, 1)), lambda images, rng: (images, images in {{"a", "b", "c"}}))
print(fingerprint(built, data=batches, name="β"))
"""
