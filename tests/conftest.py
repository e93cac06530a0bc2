"""What several test modules share."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def untouched_environment(monkeypatch, tmp_path):
    """Each test starts in the full profile with a cache of its own, whatever the shell says, and leaves no trace."""
    for name in ("COURSE_PROFILE", "COURSE_DATA", "COURSE_CACHE", "KERAS_HOME"):
        monkeypatch.setenv(name, "")  # so that what a test sets itself is undone as well
        monkeypatch.delenv(name)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def digits():
    """A few smooth random images: `(32, 28, 28, 1)` float32 in [0, 1]."""
    rng = np.random.default_rng(0)
    return np.repeat(np.repeat(rng.random((32, 7, 7, 1), dtype=np.float32), 4, axis=1), 4, axis=2)


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

    def check(exercise, *, wrong, correct, untouched=untouched, raising=failing):
        """`wrong` maps words that the feedback must hold to a wrong answer that must draw them."""
        line, kept = printed_by(exercise, untouched)
        assert line.startswith("○") and "not attempted" in line and kept is exercise.reference
        line, kept = printed_by(exercise, raising)
        assert line.startswith("✗") and "raised" in line and kept is exercise.reference
        assert len(wrong) >= 2
        for words, answer in wrong.items():
            line, kept = printed_by(exercise, answer)
            assert line.startswith("✗") and "not right yet" in line and words in line and kept is exercise.reference
        for answer in (correct, exercise.reference):
            line, kept = printed_by(exercise, answer)
            assert line.startswith("✓") and kept is answer
        exercise.hint()
        assert capsys.readouterr().out.startswith("Hint: ")
        exercise.solution()
        assert capsys.readouterr().out.startswith(("def ", "class "))

    return check
