"""Predictions: what is said of a guess, before and after."""

import numpy as np
import pytest
from keras import ops

from course_utils.exercises import Prediction

loss = Prediction(
    "loss", "How large is the loss?", "It is the entropy.", "Think of noise.", unit="nats per image", within=5
)
size = Prediction("size", "How many?", "Few do.", "Look.", options=("10", "1,000"))
side = Prediction("side", "Does it rise?", "It falls since β rises.", "Look.", options=("rises", "falls"))


@pytest.mark.parametrize(
    ("prediction", "guess", "measured", "line"),
    [
        (loss, ..., 80.0, "○ loss: not attempted yet. How large is the loss? Replace the `...` before the run. "),
        (loss, "80", 80.0, "✗ loss: not a valid answer. Expected a number in nats per image, yours is '80'."),
        (loss, True, 1.0, "✗ loss: not a valid answer. "),
        (loss, None, 1.0, "✗ loss: not a valid answer. "),
        (loss, np.nan, 1.0, "✗ loss: not a valid answer. "),
        (loss, [80.0], 80.0, "✗ loss: not a valid answer. "),
        (loss, np.ones((9, 2)), 80.0, "✗ loss: not a valid answer. "),
        (loss, 80, 83.123, "✓ loss: as measured. You said 80 nats per image, the run shows 83.12 nats per image. It"),
        (loss, ops.ones(()), np.float32(2), "✓ loss: as measured. "),
        (loss, np.int64(80), np.float32(83), "✓ loss: as measured. "),
        (loss, 60, 83.1, "✗ loss: not as measured. You said 60 nats per image, the run shows 83.1 nats per image. "),
        (loss, 60, np.nan, "✗ loss: not as measured. "),
        (side, ..., "falls", "○ side: not attempted yet. Does it rise? "),
        (side, "up", "falls", "✗ side: not a valid answer. Expected one of 'rises', 'falls', yours is 'up'. "),
        (side, 1, "falls", "✗ side: not a valid answer. "),
        (side, " Falls", "falls", "✓ side: as measured. You said 'falls', the run shows 'falls'."),
        (size, 1000, "1,000", "✓ size: as measured. You said '1,000', the run shows '1,000'."),
        (size, "1000", "10", "✗ size: not as measured. You said '1,000', the run shows '10'."),
        (side, "rises", "falls", "✗ side: not as measured. You said 'rises', the run shows 'falls'. It falls"),
    ],
)  # fmt: skip
def test_one_line_whatever_the_guess(capsys, prediction, guess, measured, line):
    assert prediction.check(guess, measured) is None
    printed = capsys.readouterr().out
    assert printed.startswith(line) and printed.count("\n") == 1


def test_hint_and_solution(capsys):
    loss.hint()
    loss.solution()
    assert capsys.readouterr().out == "Hint: Think of noise.\nHow large is the loss? It is the entropy.\n"


def test_the_authors_mistakes_are_told():
    with pytest.raises(ValueError, match=r"`measured` must be one of .* measured='stays'"):
        side.check("falls", "stays")
    with pytest.raises(ValueError, match="either `options` or `within`"):
        Prediction("x", "?", "why", "hint")
