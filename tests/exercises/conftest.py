"""What the tests of all exercises share."""

import inspect

import pytest


@pytest.fixture
def check_prediction(capsys):
    """Takes a prediction through its three states: as measured, not as measured, not attempted."""

    def check(prediction, guess, wrong, measured):
        for said, sign in ((guess, "✓"), (wrong, "✗"), (..., "○")):
            prediction.check(said, measured)
            assert capsys.readouterr().out.startswith(sign)

    return check


@pytest.fixture
def check_states(capsys):
    """Takes an exercise through its four states: not attempted, raised, wrong (at least twice), correct."""

    def printed_by(exercise, answer):
        capsys.readouterr()
        kept = exercise.check(answer)
        lines = capsys.readouterr().out.strip().split("\n")
        assert len(lines) == 1, f"one line an outcome, not {lines}"
        return lines[0], kept

    def untouched(*args, **kwargs):
        return ...

    def failing(*args, **kwargs):
        raise ZeroDivisionError("division by zero")

    def check(exercise, *, wrong, right, untouched=untouched, raising=failing):
        """`wrong` maps words of the feedback to a wrong answer that must draw them, `right` lists right answers."""
        line, kept = printed_by(exercise, untouched)
        assert line.startswith("○") and "not attempted" in line and kept is exercise.reference
        line, kept = printed_by(exercise, raising)
        assert line.startswith("✗") and "raised" in line and kept is exercise.reference
        assert len(wrong) >= 2 and len(right) >= 2
        for words, answer in wrong.items():
            line, kept = printed_by(exercise, answer)
            assert line.startswith("✗") and "not right yet" in line and words in line and kept is exercise.reference, (
                line
            )
        for answer in (*right, exercise.reference):
            line, kept = printed_by(exercise, answer)
            assert line.startswith("✓") and inspect.unwrap(kept) is answer, line
        exercise.hint()
        assert capsys.readouterr().out.startswith("Hint: ")
        exercise.solution()
        assert capsys.readouterr().out.startswith(("def ", "class "))

    return check
