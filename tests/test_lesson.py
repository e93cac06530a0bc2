"""Seeds, profiles, and numbers that must be met."""

import json
import os

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


def test_falling_back_to_the_quick_profile_lasts_and_says_why(monkeypatch, capsys):
    lesson.fall_back_to_quick("The data cannot be had.")
    assert capsys.readouterr().out == "The data cannot be had. Going on in the quick profile.\n"
    assert lesson.profile() == "quick" and lesson.budget(30, quick=4) == 4 and "COURSE_PROFILE" not in os.environ
    monkeypatch.setenv("COURSE_PROFILE", "Quick")
    with pytest.raises(ValueError, match="COURSE_PROFILE"):
        lesson.profile()


def test_setup_puts_channels_last(monkeypatch):
    keras.config.set_image_data_format("channels_first")  # as a keras.json may say
    try:
        lesson.setup(seed=1)
        assert keras.config.image_data_format() == "channels_last"
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "7", True, None])
def test_setup_refuses_what_is_no_seed(seed):
    with pytest.raises(ValueError, match=r"`seed` must be a whole number from 0 to 4294967295\. Received: seed="):
        lesson.setup(seed)


def test_setup_takes_a_numpy_seed(capsys):
    lesson.setup(np.int64(7))
    assert capsys.readouterr().out.endswith("seed 7\n")


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


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": "0.5", "at_most": 1},
        {"value": None, "at_most": 1},
        {"value": True, "at_most": 1},
        {"value": np.ones(3), "at_most": 1},
        {"value": 1, "at_most": "1"},
        {"value": 1, "at_least": float("nan")},
        {"value": 1, "at_least": -np.inf},
        {"value": 1, "at_least": np.ones(1)},
    ],
)
def test_expect_refuses_what_is_no_number(wrong):
    with pytest.raises(ValueError, match=r"`(value|at_most|at_least)` must be a (finite )?number\. Received: "):
        lesson.expect("x", **wrong)


def test_expect_refuses_bounds_that_nothing_can_meet():
    with pytest.raises(ValueError, match=r"`at_least` must not exceed `at_most`\. Received: at_least=2, at_most=1"):
        lesson.expect("x", 1.5, at_least=2, at_most=1)


@pytest.mark.parametrize("one", [1, np.int64(1), np.float16(1), np.array(1.0), keras.ops.ones(())], ids=type)
def test_expect_takes_whatever_is_one_number(one):
    lesson.expect("x", one, at_least=one, at_most=1.5)


# Facts beside words


@pytest.fixture
def said(monkeypatch):
    facts = []
    monkeypatch.setattr(lesson, "say", lambda line, **more: facts.append(more))
    return facts


def test_expect_and_setup_say_their_facts(said):
    lesson.setup(3)
    lesson.expect("ELBO", np.float32(-85.5), at_least=-90, at_most=-80, unit="nats", published="-84, Someone 2014")
    with pytest.raises(lesson.ExpectationMissed):
        lesson.expect("error", float("nan"), at_most=1)
    setup, met, missed = said
    assert setup["kind"] == "setup" and setup["profile"] == "full" and setup["seed"] == 3
    assert met == {
        "kind": "expectation",
        "what": "ELBO",
        "value": -85.5,
        "met": True,
        "bound": "at least -90 and at most -80",
        "unit": "nats",
        "published": "-84, Someone 2014",
    }
    assert missed["met"] is False and missed["value"] is None and missed["published"] is None
    json.dumps(said, allow_nan=False)
