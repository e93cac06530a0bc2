"""The examples in docstrings give what they say."""

import doctest
import importlib
import pkgutil

import keras
import numpy as np
import pytest

import course_utils

MODULES = [module.name for module in pkgutil.walk_packages(course_utils.__path__, "course_utils.")]
SHARED = {"keras": keras, "np": np}  # what every example may use without an import


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs=SHARED, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert not result.failed, f"{result.failed} examples of {name} fail; run pytest with -s to see which"


def test_a_dozen_functions_have_an_example():
    finder = doctest.DocTestFinder(exclude_empty=True)
    shown = [test.name for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(shown) >= 12, shown
