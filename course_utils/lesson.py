"""What a lesson's cells say: seeds, profiles, and numbers that must be met."""

import logging
import math
import os
import platform
import sys

import keras

from course_utils.checks import check_number, check_whole

FACTS = "application/vnd.course+json"  # the MIME type under which a stored notebook holds what `say` was told

_fallen_back = False


def profile():
    """The profile of this run, `"full"` or `"quick"`.

    It is what the environment variable `COURSE_PROFILE` says, unless a lesson had to fall back to the quick one.

    Raises:
        ValueError: if the variable says something else.
    """
    name = os.environ.get("COURSE_PROFILE", "full")
    if name not in ("full", "quick"):
        raise ValueError(f"The environment variable COURSE_PROFILE must be 'full' or 'quick'. Received: {name!r}")
    return "quick" if _fallen_back else name


def fall_back_to_quick(reason):
    """Turns the quick profile on from here to the end of the process, and says why: `reason` is a sentence."""
    global _fallen_back
    _fallen_back = True
    say(f"{reason} Going on in the quick profile.", kind="profile", profile="quick", reason=reason)


def budget(full, *, quick):
    """Picks a number by profile: `budget(30, quick=4)` is 30 in the full profile and 4 in the quick one."""
    return full if profile() == "full" else quick


def say(line, **facts):
    """Shows a line to whoever reads the notebook, and the same as facts to whatever reads its stored outputs.

    In IPython both are one output, under `"text/plain"` and under `FACTS`; elsewhere the line is printed.

    Args:
        line: what is shown.
        facts: numbers, strings, truth values and None; `kind` says which others there are.
    """
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from IPython.display import display

        display({"text/plain": line, FACTS: facts}, raw=True)
    else:
        print(line)


def setup(seed):
    """Seeds Python, NumPy and Keras, so that the same machine gives the same digits twice; says the versions.

    Images have their channels last in the whole course, whatever `keras.json` says.

    Raises:
        ValueError: if the seed is no whole number from 0 to 2³² - 1.
    """
    seed = check_whole("seed", seed, least=0, most=2**32 - 1)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # no notices of retracing under a student's cell
    keras.config.set_image_data_format("channels_last")
    keras.utils.set_random_seed(seed)
    python, backend = platform.python_version(), keras.backend.backend()
    line = f"Python {python}, Keras {keras.__version__} on {backend}; {profile()} profile, seed {seed}"
    facts = {"python": python, "keras": keras.__version__, "backend": backend, "profile": profile(), "seed": seed}
    say(line, kind="setup", **facts)


class ExpectationMissed(Exception):
    """A measured number lies outside the bound that the lesson claims for it."""


def expect(what, value, *, at_least=None, at_most=None, unit="", published=None):
    """Holds a measured number to a bound: says both, and raises if the bound is missed.

    >>> expect("test MSE at width 32", 0.0123, at_most=0.02, published="0.015, Someone 2006")
    [met] test MSE at width 32: 0.0123 (bound: at most 0.02); published: 0.015, Someone 2006

    Args:
        what: name of the number, such as `"test MSE at width 32"`.
        value: the measured number.
        at_least: lower bound, or None.
        at_most: upper bound, or None; at least one of the two is given.
        unit: unit of all three, such as `"nats"`.
        published: the published figure with its source, or None.

    Raises:
        ValueError: if there is no bound, no value can meet both, or one of the three is no number.
        ExpectationMissed: if the value is out of bounds or NaN.
    """
    value = check_number("value", value, finite=False)
    limits = {"at_least": at_least, "at_most": at_most}
    limits = {name: check_number(name, limit) for name, limit in limits.items() if limit is not None}
    if not limits:
        raise ValueError("`expect` needs a bound: `at_least`, `at_most` or both. Received: neither")
    low, high = limits.get("at_least", -math.inf), limits.get("at_most", math.inf)
    if low > high:
        raise ValueError(f"`at_least` must not exceed `at_most`. Received: at_least={low:g}, at_most={high:g}")
    met = low <= value <= high  # never of NaN
    bound = " and ".join(f"{name.replace('_', ' ')} {limit:g}" for name, limit in limits.items())
    in_unit = f" {unit}" if unit else ""
    line = f"[{'met' if met else 'MISSED'}] {what}: {value:.4g}{in_unit} (bound: {bound})"
    facts = {
        "kind": "expectation",
        "what": what,
        "value": value if math.isfinite(value) else None,  # JSON has neither NaN nor infinity
        "met": met,
        "bound": bound,
        "unit": unit,
        "published": published,
    }
    say(line if published is None else f"{line}; published: {published}", **facts)
    if not met:
        raise ExpectationMissed(
            f"{what} is {value:.4g}, but this lesson expects {bound} in the {profile()} profile. "
            "If you changed the cells above, that may be why; if not, please report it."
        )
