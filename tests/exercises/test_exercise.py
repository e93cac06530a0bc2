"""The four outcomes of an exercise, its hint and its solution."""

import pytest

from course_utils.exercises import Exercise, exercise


def doubles(answer):
    if answer(3) != 6:
        return f"twice 3 is 6, yours is {answer(3)}"


def takes_zero(answer):
    if answer(0) != 0:
        return "twice 0 is 0"


@exercise(checks=[doubles, takes_zero], hint="Multiply.")
def twice(x):
    """Twice `x`."""
    return 2 * x


def untouched(x):
    return ...


def raising(x):
    raise RuntimeError("no\nsecond line")


def wrong(x):
    return x + 1


def half_right(x):
    return x + 3


def right(x):
    return x + x


def test_the_decorator_makes_an_exercise_named_after_its_reference():
    assert isinstance(twice, Exercise) and twice.name == "twice" and twice.reference(4) == 8


def test_four_states(check_states):
    feedback = {"twice 3 is 6, yours is 4": wrong, "twice 0 is 0": half_right}
    check_states(twice, untouched=untouched, raising=raising, wrong=feedback, correct=right)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (untouched, "○ twice: not attempted yet. Replace the `...` and run the cell again. "),
        (raising, "✗ twice: raised RuntimeError: no. "),
        (wrong, "✗ twice: not right yet. twice 3 is 6, yours is 4. "),
    ],
)
def test_each_line_says_what_to_do_next(capsys, answer, line):
    assert twice.check(answer) is twice.reference
    assert capsys.readouterr().out == f"{line}Help: ex.twice.hint(). Going on with the reference.\n"


def test_correct_returns_the_students_own(capsys):
    assert twice.check(right) is right
    assert capsys.readouterr().out == "✓ twice: correct. The notebook goes on with your version.\n"


def test_hint_and_solution(capsys):
    twice.hint()
    twice.solution()
    assert capsys.readouterr().out == 'Hint: Multiply.\ndef twice(x):\n    """Twice `x`."""\n    return 2 * x\n'


def test_a_gap_counts_only_while_the_answer_is_not_right(capsys):
    def with_ellipsis(x):
        return (2 * x, ...)[0]

    assert twice.check(with_ellipsis) is with_ellipsis


def test_a_class_with_a_gap_in_a_method_was_not_attempted(capsys):
    class Counter:
        def count(self):
            return 1

    class Gap:
        def count(self):
            return ...

    counting = Exercise(Counter, [lambda answer: None if answer().count() == 1 else "count is 1"], "One.")
    assert counting.check(Gap) is Counter
    assert "not attempted" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [7, None, "text", right(2)])
def test_an_answer_that_is_no_function_gets_its_line_too(capsys, answer):
    assert twice.check(answer) is twice.reference
    assert capsys.readouterr().out.startswith("✗ twice: raised TypeError")


def test_the_gap_itself_is_not_attempted(capsys):
    assert twice.check(...) is twice.reference
    assert "not attempted" in capsys.readouterr().out
