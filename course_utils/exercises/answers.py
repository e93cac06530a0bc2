"""What a student's function is given and what it returns: watched, converted for NumPy, and shown in a few words."""

import inspect

import numpy as np
from keras import ops


class Wrong(Exception):
    """What came back shows by itself that the answer is wrong; the message is the sentence for the student."""


class Watched:
    """A student's function as the checks call it: its arguments are watched, its result is converted.

    Args:
        answer: the student's function or class.
        returns: converter of the result, called as `returns(result, *arguments)`.
        tensors: whether the function is called with tensors, as the notebook does, instead of arrays.
    """

    def __init__(self, answer, returns, *, tensors=False):
        self.answer, self.returns, self.tensors = answer, returns, tensors
        self.arguments, self.error = (), None

    def __call__(self, *arguments):
        self.arguments = arguments
        given = [np.copy(value) if isinstance(value, np.ndarray) else value for value in arguments]
        result = self.plain(*(map(_tensor, given) if self.tensors else given))
        for place, (before, after) in enumerate(zip(arguments, given)):
            if isinstance(after, np.ndarray) and not np.array_equal(before, after, equal_nan=True):
                raise Wrong(f"Yours changes its argument `{self.names()[place]}` in place. Make a new array instead")
        if result is None:
            raise Wrong("Yours returns None: is a `return` missing?")
        return self.returns(result, *arguments)

    def plain(self, *arguments):
        """The student's function without anything around it, but for the note of what it raises, in `error`."""
        self.error = None
        try:
            return self.answer(*arguments)
        except Exception as error:
            self.error = error
            raise

    def names(self):
        """The names of the arguments of the last call, as the student's function calls them where that is known."""
        try:
            names = list(inspect.signature(self.answer).parameters)
        except (TypeError, ValueError):
            names = []
        return names + [f"argument {i + 1}" for i in range(len(names), len(self.arguments))]

    def tried(self):
        """The last call's arguments in a few words, such as `x=array (60, 6), k=2`."""
        return ", ".join(f"{name}={short(value)}" for name, value in zip(self.names(), self.arguments))


def _tensor(value):
    """An array as the tensor that a notebook's cells hand over; one of int32, such as words, stays as it is."""
    if not isinstance(value, np.ndarray):
        return value
    return ops.convert_to_tensor(value, "int32" if value.dtype == np.int32 else "float32")


def short(value):
    """A value in a few words: numbers in full, an array by its shape, everything else by name or type."""
    if callable(value) and not isinstance(value, type(...)):
        return getattr(value, "__name__", type(value).__name__)
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        value = np.asarray(ops.convert_to_numpy(value))
        return str(_rounded(value)) if value.size <= 6 else f"array {value.shape}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (str, int, bool, type(None), type(...))):
        return repr(value)[:60]
    if isinstance(value, (tuple, list)):
        inner = ", ".join(short(part) for part in value[:4]) + (", …" if len(value) > 4 else "")
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return type(value).__name__


def _rounded(array):
    """An array's entries as nested lists, floats with four digits."""
    if array.dtype.kind == "f":
        array = np.reshape([float(f"{entry:.4g}") for entry in array.flat], array.shape)
    return array.tolist()


def unchanged(result, *_):
    """No conversion: for models and classes."""
    return result


def as_array(result, *_):
    """A tensor, a list or a number as the array that NumPy goes on with."""
    try:
        array = np.asarray(ops.convert_to_numpy(result))
    except Exception:  # whatever a backend raises at what it can't convert
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise Wrong(f"Numbers are expected, an array of them or one; yours returns {short(result)}")
    return array


def as_arrays(result, *_):
    """Several results, a tuple or a list, as a tuple of arrays."""
    if not isinstance(result, (tuple, list)):
        raise Wrong(f"Several things are to be returned, `return a, b`; yours returns {short(result)}")
    return tuple(as_array(part) for part in result)


def as_number(result, *_):
    """One number as a float, also if it comes as an array or tensor of one number."""
    array = as_array(result)
    if array.shape != ():
        raise Wrong(f"One number is expected; yours has shape {array.shape}")
    return float(array)


def as_whole(result, *_):
    """A whole number as an int, also if it comes as 14.0; an array of them as an array of int, fit to be an index."""
    array = as_array(result)
    if not np.array_equal(array, np.rint(array)):  # also refuses NaN
        raise Wrong(f"{'Whole numbers are' if array.shape else 'A whole number is'} expected; yours is {short(result)}")
    return array.astype(int) if array.shape else int(array)


def fitting(value, sentences, otherwise=""):
    """The sentence whose number `value` is, to 0.01%: what a student may have done to come to a wrong result."""
    for number, sentence in sentences.items():
        if np.isclose(value, number, rtol=1e-4):
            return sentence
    return otherwise
