"""The `Exercise` type: a hint, a reference solution and checks that say what is wrong."""

import inspect
import re
import warnings
from functools import wraps

import numpy as np

from course_utils.exercises.answers import Watched, Wrong, as_array, short, unchanged
from course_utils.exercises.gradients import passes_gradients
from course_utils.exercises.source import has_gap, line_that_failed, said_by


class Exercise:
    """One exercise of a lesson. The student writes a function or class; `check` says how it does.

    Args:
        reference: the model answer, a function or class; its name is the exercise's, its source the solution.
        checks: functions of one argument, the student's answer. Each tests one property and returns
            None if it holds, else a sentence that says what was expected and what came. What the answer returns
            comes to them converted by `returns`.
        hint: a sentence or two that help without giving the answer away.
        returns: what later cells need: `as_array`, `as_arrays` (a tuple), `as_number`, `as_whole`, or a function
            of the result and the arguments of a call. The notebook goes on with an answer so converted, tensors and
            lists included. Default: the result as it comes, such as a model.
        cases: function of a random generator that yields tuples of arguments on which the answer must agree with the
            reference: at least one of a size and dimension that the checks don't try.
        gradients: names of the arguments by which later cells take the gradient. Such an answer is called with
            tensors, its gradients on the first case must be the reference's, and the notebook gets it as it is.
    """

    def __init__(self, reference, checks, hint, *, returns=unchanged, cases=None, gradients=()):
        self.reference, self.checks, self.hint_text = reference, checks, hint
        self.returns = as_array if gradients else returns
        self.cases, self.gradients = cases, gradients
        self.name = reference.__name__

    def check(self, answer):
        """Prints one line on the answer: not attempted, raised, wrong or correct.

        Returns:
            The answer if it is correct, its results converted to what later cells need; else the reference, so that
            the notebook can go on.
        """
        fault = self._first_fault(answer)
        if fault is None:
            print(f"✓ {self.name}: correct. The notebook goes on with your version.")
            return answer if self.gradients or self.returns is unchanged else self._converted(answer)
        sign = "✗"
        if has_gap(answer):
            sign, fault = "○", "not attempted yet. Replace the `...` and run the cell again."
        print(f"{sign} {self.name}: {fault} Help: ex.{self.name}.hint(). Going on with the reference.")
        return self.reference

    def _first_fault(self, answer):
        if not callable(answer):
            kind = "class" if inspect.isclass(self.reference) else "function"
            return f"not right yet. A {kind} is expected, yours is {short(answer)}."
        watched = Watched(answer, self.returns, tensors=bool(self.gradients))
        tests = [*self.checks, self._agrees_with_the_reference, self._passes_gradients]
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a student's overflow is told in the one line, if it does harm
                fault = next((fault for fault in (test(watched) for test in tests) if fault is not None), None)
        except Wrong as error:
            fault = str(error)
        except Exception as error:  # whatever a student's code may raise, or what comes of using its result
            if watched.error or line_that_failed(answer, error):  # in the function itself, or in what it made
                return _one_line(f"raised {said_by(error, answer)}", watched)
            fault = f"What yours returns can't be used: {said_by(error)}"
        if fault is None:
            return None
        return _one_line(f"not right yet. {fault}", watched)

    def _agrees_with_the_reference(self, watched):
        for arguments in self._random_cases():
            copies = [np.copy(value) if isinstance(value, np.ndarray) else value for value in arguments]
            expected, got = self.returns(self.reference(*copies)), watched(*arguments)
            if not isinstance(expected, tuple):
                expected, got = (expected,), (got,)
            if len(got) != len(expected):
                return f"{len(expected)} things are to be returned; yours returns {len(got)}"
            for wanted, came in zip(expected, got):
                if np.shape(came) != np.shape(wanted):
                    shapes = np.shape(wanted), np.shape(came)
                    return f"On a random case a result of shape {shapes[0]} was expected, yours has {shapes[1]}"
                if not _close(came, wanted):
                    return f"On a random case {_difference(came, wanted)}"
        return None

    def _passes_gradients(self, watched):
        if not self.gradients:
            return None
        return passes_gradients(watched, self.reference, next(iter(self._random_cases())), self.gradients)

    def _random_cases(self):
        return self.cases(np.random.default_rng(0)) if self.cases else ()

    def _converted(self, answer):
        signature = inspect.signature(self.reference)

        @wraps(answer)
        def converted(*arguments, **named):
            arguments = signature.bind(*arguments, **named).args  # by the names that the lesson's cells use
            return self.returns(answer(*arguments), *arguments)

        return converted

    def hint(self):
        """Prints the hint."""
        print(f"Hint: {self.hint_text}")

    def solution(self):
        """Prints the reference solution."""
        source = inspect.getsource(self.reference)
        print(source[re.search(r"^(def|class) ", source, re.M).start() :].rstrip())  # without the decorator


def exercise(*, checks, hint, **options):
    """Decorator that makes an `Exercise` of its reference solution; see `Exercise` for the arguments."""
    return lambda reference: Exercise(reference, checks, hint, **options)


def _difference(got, expected):
    """What was expected and what came; of larger arrays only the entry that is furthest off."""
    where = ""
    if np.size(expected) > 6:
        got, expected = np.asarray(got), np.asarray(expected)
        apart = np.nan_to_num(np.abs(got.astype(float) - expected), nan=np.inf)
        place = np.unravel_index(np.argmax(apart), expected.shape)
        got, expected, where = got[place], expected[place], f" at {list(map(int, place))}"
    return f"{short(expected)} was expected{where}, yours returns {short(got)}"


def _close(got, expected):
    """Whether two results are the same: whole numbers exactly, others to 0.01% or to 0.001% of the largest."""
    if np.asarray(expected).dtype.kind in "biu":
        return np.array_equal(got, expected)
    return np.allclose(got, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def _one_line(text, watched):
    """The text as one sentence that ends in a full stop, with the arguments of the last call."""
    text = " ".join(text.split())
    text += "" if text.endswith((".", "?")) else "."
    return f"{text} Tried: {watched.tried()}." if watched.arguments else text
