"""The `Exercise` type: a hint, a reference solution and checks that say what is wrong."""

import inspect
import re

import numpy as np
from keras import ops


class Exercise:
    """One exercise of a lesson. The student writes a function or class; `check` says how it does.

    Args:
        reference: the model answer, a function or class; its name is the exercise's, its source the solution.
        checks: functions of one argument, the student's answer. Each tests one property and returns
            None if it holds, else a sentence that says what was expected and what came.
        hint: a sentence or two that help without giving the answer away.
    """

    def __init__(self, reference, checks, hint):
        self.reference, self.checks, self.hint_text = reference, checks, hint
        self.name = reference.__name__

    def check(self, answer):
        """Prints one line on the answer: not attempted, raised, wrong or correct.

        Returns:
            The answer if it is correct, else the reference, so that the notebook can go on.
        """
        fault = self._first_fault(answer)
        if fault is None:
            print(f"✓ {self.name}: correct. The notebook goes on with your version.")
            return answer
        sign = "✗"
        if _has_gap(answer):
            sign, fault = "○", "not attempted yet. Replace the `...` and run the cell again."
        print(f"{sign} {self.name}: {fault} Help: ex.{self.name}.hint(). Going on with the reference.")
        return self.reference

    def _first_fault(self, answer):
        try:
            faults = (check(answer) for check in self.checks)
            fault = next((fault for fault in faults if fault is not None), None)
            return fault and f"not right yet. {fault}{'' if fault.endswith(('.', '?')) else '.'}"
        except Exception as error:  # whatever a student's code may raise
            return f"raised {type(error).__name__}: {_first_line(error)}."

    def hint(self):
        """Prints the hint."""
        print(f"Hint: {self.hint_text}")

    def solution(self):
        """Prints the reference solution."""
        source = inspect.getsource(self.reference)
        print(source[re.search(r"^(def|class) ", source, re.M).start() :].rstrip())  # without the decorator


def exercise(*, checks, hint):
    """Decorator that makes an `Exercise` of its reference solution; see `Exercise` for the arguments."""
    return lambda reference: Exercise(reference, checks, hint)


def is_affine(model, a, b, *, ends_in_sigmoid):
    """Whether a model, before its sigmoid if it ends in one, is linear plus a constant; tried on inputs a and b."""
    results = [ops.convert_to_numpy(model(x)).astype(float) for x in (a, b, a + b, np.zeros_like(a))]
    if ends_in_sigmoid:
        results = [np.log(p / (1 - p)) for p in results]
    return np.allclose(results[0] + results[1], results[2] + results[3], rtol=1e-3, atol=1e-4)


def refuses_tensors(answer, *tensors):
    """A sentence if the answer fails on Keras tensors, which it must take wherever gradients shall pass."""
    try:
        answer(*tensors)
    except Exception:
        return "It works on arrays only, and no gradient passes through NumPy. Use keras.ops: ops.exp, ops.sum, ..."


def _first_line(error):
    """The first line of an error's message, without the frame that Keras puts around an error in a layer."""
    plain = re.sub(r"\x1b\[\d+m", "", str(error))
    lines = [line for line in plain.split("\n") if line.strip() and not line.startswith("Exception encountered when")]
    return lines[0].strip().rstrip(".") if lines else "no message"


def _has_gap(answer):
    """Whether the answer still holds the `...` that a student is to replace, in its body or a method's."""
    parts = [answer] if inspect.isfunction(answer) else getattr(answer, "__dict__", {}).values()
    return answer is ... or any(Ellipsis in part.__code__.co_consts for part in parts if inspect.isfunction(part))
