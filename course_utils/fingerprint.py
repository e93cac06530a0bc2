"""Which fit is this? A digest that is the same for an equal fit, in a new kernel as well, and another for any other."""

import contextlib
import dis
import functools
import hashlib
import inspect
import json
import re
import types
import warnings

import keras
from keras import ops

from course_utils.batches import FreshBatches

ROWS = 128  # of an array: enough to tell it from another, few enough to cost no time


def fingerprint(model, **circumstances):
    """Digests how a model is built and compiled, the code of what a lesson wrote itself, and more values.

    A function or a class that was edited and kept its name is another one. Variables count by their shapes only: what
    they hold is what a fit changes.

    Args:
        model: compiled.
        circumstances: whatever else tells one fit from another; see `describe`.

    Returns:
        16 hexadecimal digits.
    """
    identity = {
        "model": _configuration(model.get_config),
        "layers": [describe(part) for part in _own_code(model)],
        "compiled": _configuration(model.get_compile_config),
        # The optimizer is in there, too, but of a loss without a configuration Keras gives none at all.
        "optimizer": _configuration(model.optimizer.get_config),
        "loss": describe(model.loss),
        **{name: describe(value) for name, value in circumstances.items()},
    }
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]


def _configuration(get_config):
    """A configuration in words that don't depend on what was built before in this kernel."""
    config = None
    # What a lesson writes may have no configuration. Keras warns of lambdas, and fails if it can't read their source.
    with warnings.catch_warnings(), contextlib.suppress(NotImplementedError, TypeError, OSError):
        warnings.simplefilter("ignore")
        config = get_config()
    words = re.sub(r" at 0x[0-9a-f]+", "", json.dumps(_without_bytecode(config), sort_keys=True, default=str))
    numbers = {}

    def renumber(match):  # "dense_3" and "dense_4" are "dense_7" and "dense_8" when their cell is run again
        known = numbers.setdefault(match[1], {})
        return f'"{match[1]}_{known.setdefault(match[2], len(known))}"'

    return re.sub(r'"([A-Za-z]\w*?)(?:_(\d+))?"', renumber, words)


def _without_bytecode(config):
    """Keras stores a lambda as bytecode with the name of its file, which a notebook changes with each kernel."""
    if isinstance(config, dict):
        if config.get("class_name") == "__lambda__":
            return "lambda"
        return {str(key): _without_bytecode(value) for key, value in config.items()}
    return [_without_bytecode(value) for value in config] if isinstance(config, (list, tuple)) else config


def _own_code(layer, seen=None):
    """The classes and functions in a model and its layers that don't come with Keras."""
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    if not _of_a_library(type(layer)):  # those are in the configuration
        yield type(layer)
    for value in vars(layer).values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(part, keras.Layer):
                yield from _own_code(part, seen)
            elif isinstance(part, types.FunctionType) and not _of_a_library(part):
                yield part


def describe(value, module=None, seen=None):
    """What a value is, as nested lists and dictionaries of strings.

    Functions and classes are told by their bytecode, and by what they use of their own module; arrays by shape and
    first rows; datasets by the kind of their elements; variables by shape. Of any other object, its class.
    """
    seen = set() if seen is None else seen
    each = functools.partial(describe, module=module, seen=seen)
    if isinstance(value, (type(None), bool, int, float, complex, str, bytes)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return [each(part) for part in value]
    if isinstance(value, dict):
        return {str(key): each(part) for key, part in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, FreshBatches):
        return each([type(value), value.arrays, value.make_pair, value.batch_size, value.seed])
    if isinstance(value, keras.losses.Loss):
        return each([type(value), vars(value)])
    if isinstance(value, functools.partial):
        return each([value.func, value.args, value.keywords])
    if isinstance(value, (staticmethod, classmethod, types.MethodType)) or hasattr(value, "__wrapped__"):
        return each(inspect.unwrap(getattr(value, "__func__", value)))
    if isinstance(value, (types.FunctionType, type)):
        return _describe_code(value, module, seen)
    if isinstance(value, types.ModuleType):
        return value.__name__
    if isinstance(value, property):
        return each(value.fget)
    if hasattr(value, "assign"):  # Keras's or TensorFlow's variable
        return list(value.shape)
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _describe_array(value)
    if hasattr(value, "element_spec"):  # a tf.data.Dataset, whose elements can't be had without taking them
        return str(value.element_spec)
    return _describe_code(type(value), module, seen)


def _describe_array(array):
    rows = ops.convert_to_numpy(array[:ROWS] if array.shape else array)
    return [str(array.dtype), [str(side) for side in array.shape], hashlib.sha256(rows.tobytes()).hexdigest()]


def _describe_code(code, module, seen):
    """A function's or class's bytecode; but the name of what a library brings, another module holds, or was told."""
    if _of_a_library(code) or module not in (None, code.__module__) or code in seen:
        return f"{code.__module__}.{code.__qualname__}"
    seen.add(code)
    each = functools.partial(describe, module=code.__module__, seen=seen)
    if isinstance(code, type):
        members = {name: member for name, member in vars(code).items() if callable(member) or not name.startswith("__")}
        return [each(members), [describe(base, seen=seen) for base in code.__bases__]]
    used = {name: code.__globals__[name] for name in _globals(code.__code__) if name in code.__globals__}
    closure = [cell.cell_contents for cell in code.__closure__ or ()]
    return [_describe_bytecode(code.__code__, each), each([code.__defaults__, code.__kwdefaults__, closure, used])]


def _of_a_library(thing):
    return thing.__module__ is None or thing.__module__.split(".")[0] in ("builtins", "keras")


def _globals(code):
    """The names of the globals that a function uses, and the functions within it."""
    names = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return sorted(names.union(*(_globals(part) for part in code.co_consts if isinstance(part, types.CodeType))))


def _describe_bytecode(code, each):
    parts = [_describe_bytecode(c, each) if isinstance(c, types.CodeType) else each(c) for c in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), parts]
