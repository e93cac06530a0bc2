"""The outcomes of an exercise, what its lines say and what the notebook gets, its hint and its solution."""

import linecache

import keras
import numpy as np
import pytest
from keras import layers, ops

from course_utils.exercises import (
    Exercise,
    as_array,
    as_arrays,
    as_number,
    as_whole,
    exercise,
    fitting,
)


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


def line_of(exercise, answer, capsys):
    exercise.check(answer)
    return capsys.readouterr().out


def in_a_notebook(source):
    """The functions of a cell, whose lines Python knows as a notebook's kernel lets it know them."""
    name = f"/tmp/ipykernel_1/{abs(hash(source))}.py"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    scope = {"np": np, "ops": ops, "keras": keras}
    exec(compile(source, name, "exec"), scope)
    return scope


def test_the_decorator_makes_an_exercise_named_after_its_reference():
    assert isinstance(twice, Exercise) and twice.name == "twice" and twice.reference(4) == 8


def test_four_states(check_states):
    feedback = {"twice 3 is 6, yours is 4": wrong, "twice 0 is 0": half_right}
    check_states(twice, untouched=untouched, raising=raising, wrong=feedback, right=[right, lambda x: x * 2])


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (untouched, "○ twice: not attempted yet. Replace the `...` and run the cell again. "),
        (wrong, "✗ twice: not right yet. twice 3 is 6, yours is 4. Tried: x=3. "),
        (7, "✗ twice: not right yet. A function is expected, yours is 7. "),
        (None, "✗ twice: not right yet. A function is expected, yours is None. "),
        (right(2), "✗ twice: not right yet. A function is expected, yours is 4. "),
        (lambda x: None, "✗ twice: not right yet. Yours returns None: is a `return` missing? Tried: x=3. "),
        (..., "○ twice: not attempted yet. Replace the `...` and run the cell again. "),
    ],
)
def test_each_line_says_what_to_do_next(capsys, answer, line):
    assert twice.check(answer) is twice.reference
    assert capsys.readouterr().out == f"{line}Help: ex.twice.hint(). Going on with the reference.\n"


def test_an_error_is_shown_with_the_students_own_line(capsys):
    cell = in_a_notebook("def twice(x):\n    y = np.ones(3)\n    return y @ np.ones((x, 4, 2))\n")
    line = line_of(twice, cell["twice"], capsys)
    assert "raised ValueError in line 3, `return y @ np.ones((x, 4, 2))`: matmul: " in line and "Tried: x=3." in line


def test_an_error_in_a_function_that_the_answer_calls_is_shown_where_it_arose(capsys):
    cell = in_a_notebook("def half(x):\n    return x / 0\n\ndef twice(x):\n    return 4 * half(x)\n")
    assert "raised ZeroDivisionError in line 2, `return x / 0`: division by zero." in line_of(
        twice, cell["twice"], capsys
    )


def test_an_error_in_a_layers_call_is_the_students(capsys):
    def called(answer):
        answer()(np.ones((2, 3)))

    passing = Exercise(layers.Identity, [called], "None.")
    cell = in_a_notebook("class Mine(keras.layers.Layer):\n    def call(self, x):\n        return x.nothing()\n")
    line = line_of(passing, cell["Mine"], capsys)
    assert "raised AttributeError in line 3, `return x.nothing()`: " in line and "has no attribute 'nothing'" in line


def test_an_error_of_the_check_is_not_the_students(capsys):
    cell = in_a_notebook("def twice(x):\n    return np.array([1, 2])\n")
    line = line_of(twice, cell["twice"], capsys)
    assert "not right yet. What yours returns can't be used: ValueError: The truth value of an array" in line


def test_a_message_of_several_lines_is_told_up_to_its_first_sentence(capsys):
    cell = in_a_notebook(
        "def twice(x):\n    raise ValueError('Error encountered:\\n\\nno such shape.\\nArguments: 1')\n"
    )
    assert "`: Error encountered: no such shape. Tried" in line_of(twice, cell["twice"], capsys)


def test_wrong_arguments_are_told_without_a_line(capsys):
    cell = in_a_notebook("def twice():\n    return 6\n")
    assert "raised TypeError: twice() takes 0 positional arguments but 1 was given" in line_of(
        twice, cell["twice"], capsys
    )


def test_correct_returns_the_students_own(capsys):
    assert twice.check(right) is right
    assert capsys.readouterr().out == "✓ twice: correct. The notebook goes on with your version.\n"


def test_hint_and_solution(capsys):
    twice.hint()
    twice.solution()
    assert capsys.readouterr().out == 'Hint: Multiply.\ndef twice(x):\n    """Twice `x`."""\n    return 2 * x\n'


@pytest.mark.parametrize(
    ("body", "gap"),
    [
        ("return ...", True),
        ("...", True),
        ("y = ...\n    return y + 1", True),
        ("a, b = ..., ...\n    return a + b", True),
        ("def inner():\n        return ...\n    return inner()", True),
        ("return np.ones((2, 3))[..., 0]", False),
        ("y = np.ones((2, 3))\n    y[...] = 0\n    return y[..., None]", False),
    ],
)
def test_the_gap_is_a_bare_ellipsis_in_the_text(capsys, body, gap):
    cell = in_a_notebook(f'def twice(x):\n    """Twice `x`."""\n    {body}\n')
    assert ("○ twice: not attempted" in line_of(twice, cell["twice"], capsys)) == gap


def test_a_gap_counts_only_while_the_answer_is_not_right(capsys):
    cell = in_a_notebook("def twice(x):\n    unused = ...\n    return 2 * x\n")
    assert twice.check(cell["twice"]) is cell["twice"]


def test_without_its_source_the_gap_is_told_from_the_code(capsys):
    scope = {}
    exec("def twice(x):\n    return ...", scope)
    assert "not attempted" in line_of(twice, scope["twice"], capsys)


def test_a_class_with_a_gap_in_a_method_was_not_attempted(capsys):
    class Counter:
        def count(self):
            return 1

    counting = Exercise(Counter, [lambda answer: None if answer().count() == 1 else "count is 1"], "One.")
    cell = in_a_notebook("class Gap:\n    def count(self):\n        return ...\n")
    assert "○ Counter: not attempted" in line_of(counting, cell["Gap"], capsys)
    cell = in_a_notebook("class Filled:\n    def count(self):\n        return np.ones((2, 2))[..., 0].sum()\n")
    assert "✗ Counter: not right yet. count is 1." in line_of(counting, cell["Filled"], capsys)


def takes_vectors(rng):
    yield (rng.normal(size=(7, 3)),)


@exercise(checks=[], hint="Subtract.", returns=as_array, cases=takes_vectors)
def centred(x):
    return x - x.mean(axis=0)


def test_an_argument_changed_in_place_is_named(capsys):
    cell = in_a_notebook("def centred(x):\n    x -= x.mean(axis=0)\n    return x\n")
    assert "Yours changes its argument `x` in place" in line_of(centred, cell["centred"], capsys)


def test_a_random_case_finds_what_no_check_does(capsys):
    line = line_of(centred, lambda x: x - x.mean(), capsys)
    assert "not right yet. On a random case" in line and "Tried: x=array (7, 3)." in line
    assert "of shape (7, 3) was expected, yours has (3,)" in line_of(centred, lambda x: x.mean(axis=0), capsys)


def test_of_a_large_result_the_entry_that_is_furthest_off_is_told(capsys):
    @exercise(checks=[], hint="", returns=as_array, cases=lambda rng: [(np.zeros((3, 4)),)])
    def plus_one(x):
        return x + 1

    def nearly(x):
        result = x + 1
        result[2, 1] = 7
        return result

    assert "On a random case 1.0 was expected at [2, 1], yours returns 7.0." in line_of(plus_one, nearly, capsys)


def test_keras_does_not_print_the_input_into_the_line(capsys):
    @exercise(
        checks=[lambda build: build(4)(np.zeros((2, 28, 28, 1))) and None], hint="", returns=lambda model, n: model
    )
    def build(n):
        return keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(n)])

    line = line_of(build, lambda n: keras.Sequential([keras.Input((784,)), layers.Dense(n)]), capsys)
    assert "Invalid input shape. Expected shape (None, 784), but input has incompatible shape (2, 28, 28, 1)" in line
    assert "0." not in line


@pytest.mark.parametrize("convert", [ops.convert_to_tensor, np.ndarray.tolist, list])
def test_the_notebook_gets_arrays_whatever_the_answer_returns(capsys, convert):
    kept = centred.check(lambda x: convert(x - x.mean(axis=0)))
    assert kept is not centred.reference and isinstance(kept(np.ones((4, 2))), np.ndarray)


def test_the_notebook_may_name_the_arguments_as_the_stub_does(capsys):
    kept = centred.check(lambda vectors: vectors - vectors.mean(axis=0))
    assert kept(x=np.ones((4, 2))).shape == (4, 2)


def test_converters():
    assert as_arrays([[1, 2], ops.ones(3)])[1].shape == (3,) and isinstance(as_arrays([1])[0], np.ndarray)
    assert as_number(ops.ones(())) == 1 and isinstance(as_number(np.float32(1)), float)
    assert as_whole(np.floor(14.5)) == 14 and isinstance(as_whole(14.0), int)


@pytest.mark.parametrize(
    ("convert", "result", "words"),
    [
        (as_array, "text", "Numbers are expected, an array of them or one; yours returns 'text'"),
        (as_array, [[1, 2], [3]], "Numbers are expected, an array of them or one; yours returns [[1, 2], [3]]"),
        (as_arrays, np.ones(9), "Several things are to be returned, `return a, b`; yours returns array (9,)"),
        (as_number, np.ones(2), "One number is expected; yours has shape (2,)"),
        (as_whole, 14.5, "A whole number is expected; yours is 14.5"),
        (as_whole, np.nan, "A whole number is expected; yours is nan"),
    ],
)
def test_what_cannot_be_converted_is_wrong_and_says_what_came(capsys, convert, result, words):
    converting = Exercise(right, [lambda answer: answer(1) and None], "None.", returns=convert)
    assert f"✗ right: not right yet. {words}" in line_of(converting, lambda x: result, capsys)


def scales(rng):
    yield rng.normal(size=(5, 2)).astype("float32"), rng.normal(size=(5, 2)).astype("float32")


@exercise(checks=[], hint="exp.", cases=scales, gradients=("mean", "log_var"))
def scaled(mean, log_var):
    return ops.sum(mean * ops.exp(log_var), axis=-1)


def test_answers_that_pass_gradients_are_accepted_as_they_are(capsys):
    tf = pytest.importorskip("tensorflow")
    for answer in (
        lambda m, v: ops.sum(m * ops.exp(v), axis=-1),
        lambda m, v: tf.reduce_sum(m * tf.exp(v), axis=-1),
        lambda m, v: tf.einsum("nd,nd->n", m, tf.math.exp(v)),
    ):
        assert scaled.check(answer) is answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda m, v: np.sum(m * np.exp(v), axis=-1), "Gradients must pass, and none passes through NumPy"),
        (lambda m, v: ops.sum(m * np.exp(v), axis=-1), "No gradient by `log_var` comes through"),
        (
            lambda m, v: ops.sum(m * ops.exp(v / 2) * np.exp(v / 2), axis=-1),
            "Its value is right, but a part of its gradient by `log_var` is cut off",
        ),
        (
            lambda m, v: ops.sum(m * ops.exp(v) + ops.where(m < 9, 0.0, ops.log(0 * m)), axis=-1),
            "Its value is right, but its gradient by `mean` is nan",
        ),
        (lambda m, v: ops.sum(m * ops.exp(v)), "On a random case a result of shape (5,) was expected"),
    ],
)
def test_answers_through_which_no_gradient_passes_are_refused(capsys, answer, words):
    assert f"not right yet. {words}" in line_of(scaled, answer, capsys)


def test_an_answer_that_fails_on_tensors_only_shows_its_own_error(capsys):
    line = line_of(scaled, lambda m, v: (m * ops.exp(v)).sum(axis=-1), capsys)
    assert "raised AttributeError in line" in line and "has no attribute 'sum'" in line


def test_the_fitting_sentence():
    assert fitting(2.0, {1: "one", 2.00001: "two"}) == "two"
    assert fitting(3.0, {1: "one"}) == "" and fitting(3.0, {}, "else") == "else"
