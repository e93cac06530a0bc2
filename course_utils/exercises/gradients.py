"""Whether gradients pass through a student's function: on any backend, whatever operations it is made of."""

import inspect
import warnings

import keras
import numpy as np
from keras import ops

from course_utils.exercises.source import said_by

REMEDY = "Gradients must pass, and none passes through NumPy or float(): use keras.ops, such as ops.exp and ops.sum"


def passes_gradients(watched, reference, arguments, by):
    """A sentence if the function's gradients are missing, not finite, or not those of the reference; else None.

    Args:
        watched: the student's function, `Watched`.
        reference: a function whose gradients are right.
        arguments: float32 arrays or whatever else both take.
        by: names of those arguments of the reference, arrays, by which the gradients are taken. An entry that is
            exactly 0 counts as fixed, such as the zeros of a triangular matrix: any finite gradient will do there.
    """
    names = list(inspect.signature(reference).parameters)
    places = [names.index(name) for name in by]
    watched.arguments = tuple(arguments)
    try:
        found = _gradients(watched.plain, arguments, places)
    except Exception:  # the student's own, or what a backend says when there is nothing to differentiate
        if watched.error is None:
            return REMEDY
        return f"With tensors it raised {said_by(watched.error, watched.answer)}. {REMEDY}"
    for name, place, got, wanted in zip(by, places, found, _gradients(reference, arguments, places)):
        free = arguments[place] != 0
        if not np.isfinite(got).all():
            return f"Its value is right, but its gradient by `{name}` is {got[~np.isfinite(got)].flat[0]}"
        if fault := _difference(name, got[free], wanted[free]):
            return fault
    return None


def _difference(name, got, wanted):
    if not wanted.any():
        return f"No gradient by `{name}` may pass, and one does: see ops.stop_gradient" if got.any() else None
    if not got.any():
        return (
            f"No gradient by `{name}` comes through: the result does not depend on it, or what does cancels or is held "
            f"by ops.stop_gradient. Or else: {REMEDY}"
        )
    if np.allclose(got, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max()):
        return None
    factor = np.sum(got * wanted) / np.sum(wanted * wanted)
    if factor > 1 and np.allclose(got, factor * wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max()):
        return f"Its value is right, but its gradient by `{name}` is {factor:.3g} times what it should be"
    return f"Its value is right, but a part of its gradient by `{name}` is cut off. {REMEDY}"


def _gradients(function, arguments, places):
    """Gradients of a weighted sum of the function's results: what one step of gradient descent takes off a weight."""
    model = _Step(function, arguments, places)
    model.compile(keras.optimizers.SGD(1.0), loss=lambda _, loss: loss, run_eagerly=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of weights without a gradient
        model.train_on_batch(np.zeros((1, 1), "float32"), np.zeros((1, 1), "float32"))
    return [arguments[place] - ops.convert_to_numpy(weight) for place, weight in zip(places, model.free)]


class _Step(keras.Model):
    """A model whose weights are arguments of a function and whose output, its own loss, is made of the results."""

    def __init__(self, function, arguments, places):
        super().__init__()
        self.function, self.arguments, self.places = function, [_constant(value) for value in arguments], places
        self.free = [
            self.add_weight(shape=arguments[place].shape, initializer=_starting_at(arguments[place]))
            for place in places
        ]
        self.built = True

    def call(self, inputs):
        arguments = list(self.arguments)
        for place, weight in zip(self.places, self.free):
            arguments[place] = weight + 0.0  # a tensor: a function with a gradient of its own refuses variables
        result = ops.reshape(ops.convert_to_tensor(self.function(*arguments)), (-1,))
        return ops.reshape(ops.sum(result * np.cos(np.arange(1, result.shape[0] + 1)).astype("float32")), (1, 1))


def _constant(value):
    return ops.convert_to_tensor(value) if isinstance(value, np.ndarray) else value


def _starting_at(array):
    return lambda shape, dtype=None: ops.convert_to_tensor(array, dtype)
