"""What a student reads above the gap is what the solution says."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

from course_utils.exercises import Exercise, Prediction

SOURCES = sorted((Path(__file__).parents[2] / "notebooks" / "src").glob("[0-9]*.py"))


def docstrings_of(source):
    """The docstring of each function and class that a cell leaves to the student, by name."""
    tree = ast.parse(re.sub(r"^([!%]|await )", "# ", source.read_text(encoding="utf-8"), flags=re.M))
    named = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return {node.name: ast.get_docstring(node) or "" for node in named}


def exercises_of(source):
    module = importlib.import_module(f"course_utils.exercises.lesson_{source.name[:2]}")
    return {name: value for name, value in vars(module).items() if isinstance(value, (Exercise, Prediction))}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_stub_and_reference_say_the_same(source):
    stubs = docstrings_of(source)
    for name, exercise in exercises_of(source).items():
        assert name == exercise.name
        if isinstance(exercise, Exercise):
            reference = inspect.getdoc(exercise.reference)
            assert reference, f"{name} has no docstring"
            same = stubs[name].split() == reference.split()
            assert same, f"{name}: the stub says {stubs[name]!r}, the reference {reference!r}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_stub_and_reference_take_the_same_arguments(source):
    tree = ast.parse(re.sub(r"^([!%]|await )", "# ", source.read_text(encoding="utf-8"), flags=re.M))
    stubs = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name, exercise in exercises_of(source).items():
        if isinstance(exercise, Exercise) and name in stubs:
            arguments = [argument.arg for argument in stubs[name].args.args]
            assert arguments == list(inspect.signature(exercise.reference).parameters), name
