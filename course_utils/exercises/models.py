"""Models as answers, of whatever make: functional, `Sequential` with or without `Input`, never called, subclassed."""

import contextlib

import keras
import numpy as np
from keras import ops

from course_utils.exercises.answers import Wrong


def called_once(model, shape):
    """The model itself, called on data and on a symbolic input: its weights are there then, and its `output`.

    Args:
        model: functional, `Sequential` or subclassed.
        shape: of its input, without the batch.
    """
    on_data(model, np.zeros((1, *shape)))
    with contextlib.suppress(Exception):  # some subclassed models take data only
        if not hasattr(model, "output"):  # a Sequential has none before its first call, even with an Input
            model(keras.Input(shape))
    return model


def as_autoencoder(model, shape):
    """The model itself, its parts and then the whole called once; `shape` is that of an input without the batch."""
    if not (isinstance(model, keras.Model) and hasattr(model, "encoder") and hasattr(model, "decoder")):
        raise Wrong(f"The result must be `Autoencoder(encoder, decoder)`; yours is a {type(model).__name__}")
    codes = on_data(called_once(model.encoder, shape), np.zeros((1, *shape)))
    called_once(model.decoder, codes.shape[1:])
    on_data(model, np.zeros((1, *shape)))  # the whole, so that Keras counts it as built
    return model


def on_data(model, inputs):
    """A model's output as an array."""
    return ops.convert_to_numpy(model(ops.convert_to_tensor(inputs, "float32")))


def weight_shapes(model, dimensions):
    """The shapes of those weights that have so many dimensions: 2 for dense kernels, 4 for convolutions."""
    return [tuple(weight.shape) for weight in model.weights if len(weight.shape) == dimensions]


def computes_the_same(model, reference, inputs):
    """Whether two models compute the same (to 1%) once both have the same random weights, matched by their shapes.

    Tried with three sets of weights: one alone may leave all that a ReLU gets above zero.
    """
    pair = [sorted(part.weights, key=lambda weight: tuple(weight.shape)) for part in (model, reference)]
    if [weight.shape for weight in pair[0]] != [weight.shape for weight in pair[1]]:
        return False
    return all(_computes_the_same(model, reference, pair, inputs, np.random.default_rng(seed)) for seed in range(3))


def _computes_the_same(model, reference, pair, inputs, rng):
    for ours, theirs in zip(*pair):
        values = rng.normal(size=ours.shape) / np.sqrt(max(1, np.prod(ours.shape[:-1])))
        ours.assign(values)
        theirs.assign(values)
    got, expected = on_data(model, inputs), on_data(reference, inputs)
    return got.shape == expected.shape and np.allclose(got, expected, rtol=0, atol=0.01 * expected.std())


def is_affine(model, a, b, *, ends_in_sigmoid):
    """Whether a model, before its sigmoid if it ends in one, is linear plus a constant; tried on inputs a and b."""
    results = [on_data(model, x).astype(float) for x in (a, b, a + b, np.zeros_like(a))]
    if ends_in_sigmoid:
        results = [np.log(p / (1 - p)) for p in results]
    return np.allclose(results[0] + results[1], results[2] + results[3], rtol=1e-3, atol=1e-4)
