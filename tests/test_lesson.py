"""Seeds, profiles, and numbers that must be met."""

import keras
import numpy as np
import pytest

from course_utils import lesson

# Profiles, seeds, bounds


def test_budget_picks_by_profile(monkeypatch):
    assert lesson.budget(30, quick=4) == 30
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    assert lesson.budget(30, quick=4) == 4


@pytest.mark.parametrize("name", ["fast", "", "Quick"])
def test_unknown_profile(monkeypatch, name):
    monkeypatch.setenv("COURSE_PROFILE", name)
    with pytest.raises(ValueError, match=f"COURSE_PROFILE must be 'full' or 'quick'. Received: '{name}'"):
        lesson.budget(30, quick=4)


def test_setup_seeds_python_numpy_and_keras(capsys):
    import random

    def draws():
        lesson.setup(seed=7)
        return random.random(), np.random.rand(), float(keras.random.normal(()))

    assert draws() == draws()
    line = capsys.readouterr().out.splitlines()[0]
    assert keras.__version__ in line and "full profile, seed 7" in line


def test_expect_prints_the_value_beside_its_bound(capsys):
    lesson.expect("test MSE", 0.0123456, at_most=0.02, unit="grey²", published="0.015, Someone 2006")
    assert capsys.readouterr().out == (
        "[met] test MSE: 0.01235 grey² (bound: at most 0.02); published: 0.015, Someone 2006\n"
    )
    lesson.expect("accuracy", 0.97, at_least=0.95, at_most=1)
    assert capsys.readouterr().out == "[met] accuracy: 0.97 (bound: at least 0.95 and at most 1)\n"


@pytest.mark.parametrize("bound", [{"at_least": 1}, {"at_most": -1}, {"at_least": -2, "at_most": -1}])
@pytest.mark.parametrize("value", [0.5, float("nan")])
def test_expect_raises_when_the_bound_is_missed(capsys, bound, value):
    with pytest.raises(lesson.ExpectationMissed, match=r"ELBO is .* this lesson expects .* in the full profile"):
        lesson.expect("ELBO", value, **bound)
    assert capsys.readouterr().out.startswith("[MISSED] ELBO: ")


def test_expect_takes_a_value_on_the_bound_and_numpy_numbers():
    lesson.expect("x", np.float32(1), at_least=1, at_most=1)


def test_expect_without_a_bound():
    with pytest.raises(ValueError, match="`at_least`, `at_most` or both"):
        lesson.expect("x", 1)
