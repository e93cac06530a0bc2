"""The `Prediction` type: what a student expects of a run before it, and what the run showed."""

import numbers

import numpy as np
from keras import ops

from course_utils.exercises.answers import as_number, short


class Prediction:
    """A prediction that a student writes down before a run and checks after it; no answer stops the notebook.

    In the lesson, `ex.loss_guess.check(loss_guess, measured)` after the run, where `loss_guess = ...` stands before it.

    Args:
        name: of the variable in the lesson and of the prediction in the lesson's exercises.
        question: what is asked, one sentence.
        why: what the run shows and for which reason; printed by `check` and by `solution`.
        hint: a sentence or two that help without giving the answer away.
        options: the choices, a tuple of texts; None where a number is asked for.
        unit: of the number, such as "nats per image".
        within: how far the number may lie from what is measured, in the same unit.
    """

    def __init__(self, name, question, why, hint, *, options=None, unit="", within=None):
        if (options is None) == (within is None):
            raise ValueError(
                f"A prediction needs either `options` or `within`. Received: options={options}, within={within}"
            )
        self.name, self.question, self.why, self.hint_text = name, question, why, hint
        self.options, self.unit, self.within = options, unit, within

    def check(self, guess, measured):
        """Prints one line: not attempted, not a valid answer, as measured or not, and why.

        Args:
            guess: the student's number or choice, or `...`.
            measured: the number that the run gave, or the choice that it bears out.

        Raises:
            ValueError: if `measured` is none of the options: the lesson's mistake, not the student's.
        """
        if self.options and measured not in self.options:
            raise ValueError(f"`measured` must be one of {self.options}. Received: measured={measured!r}")
        help_line = f"Help: ex.{self.name}.hint()."
        if guess is ...:
            print(f"○ {self.name}: not attempted yet. {self.question} Replace the `...` before the run. {help_line}")
            return
        measured = measured if self.options else as_number(measured)
        said = self._choice(guess) if self.options else self._number(guess)
        if said is None:
            print(f"✗ {self.name}: not a valid answer. Expected {self._wanted()}, yours is {short(guess)}. {help_line}")
            return
        right = said == measured if self.options else abs(said - measured) <= self.within
        sign, verdict = ("✓", "as measured") if right else ("✗", "not as measured")
        compared = f"You said {self._text(said)}, the run shows {self._text(measured)}."
        print(f"{sign} {self.name}: {verdict}. {compared} {self.why}")  # the why also if right: by luck, perhaps

    def _choice(self, guess):
        texts = {_typed(option): option for option in self.options}
        return texts.get(_typed(str(guess))) if isinstance(guess, (str, int)) else None

    def _number(self, guess):
        """The guess as a float, or None if it is no finite number."""
        if hasattr(guess, "shape") and tuple(guess.shape) == ():
            guess = ops.convert_to_numpy(guess).item()
        valid = isinstance(guess, numbers.Real) and not isinstance(guess, bool) and np.isfinite(guess)
        return float(guess) if valid else None

    def _wanted(self):
        if self.options:
            return "one of " + ", ".join(map(repr, self.options))
        return f"a number in {self.unit}" if self.unit else "a number"

    def _text(self, value):
        if self.options:
            return repr(value)
        number = f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
        return f"{number} {self.unit}".rstrip()

    def hint(self):
        """Prints the hint."""
        print(f"Hint: {self.hint_text}")

    def solution(self):
        """Prints why the run comes out as it does."""
        print(f"{self.question} {self.why}")


def _typed(text):
    """A text as it may be typed: small letters, x for ×, and numbers without their comma."""
    return text.strip().casefold().replace("×", "x").replace(",", "")
