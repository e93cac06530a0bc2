"""What a lesson's cells say: seeds, profiles, and numbers that must be met."""

import logging
import os
import platform

import keras


def profile():
    """The profile of this run, `"full"` or `"quick"`, from the environment variable `COURSE_PROFILE`."""
    name = os.environ.get("COURSE_PROFILE", "full")
    if name not in ("full", "quick"):
        raise ValueError(f"The environment variable COURSE_PROFILE must be 'full' or 'quick'. Received: {name!r}")
    return name


def budget(full, *, quick):
    """Picks a number by profile: `budget(30, quick=4)` is 30 in the full profile and 4 in the quick one."""
    return full if profile() == "full" else quick


def setup(seed):
    """Seeds Python, NumPy and Keras, so that the same machine gives the same digits twice; prints the versions."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # no notices of retracing under a student's cell
    keras.utils.set_random_seed(seed)
    backend = keras.backend.backend()
    versions = f"Python {platform.python_version()}, Keras {keras.__version__} on {backend}"
    print(f"{versions}; {profile()} profile, seed {seed}")


class ExpectationMissed(Exception):
    """A measured number lies outside the bound that the lesson claims for it."""


def expect(what, value, *, at_least=None, at_most=None, unit="", published=None):
    """Holds a measured number to a bound: prints both, and raises if the bound is missed.

    Args:
        what: name of the number, such as `"test MSE at width 32"`.
        value: the measured number.
        at_least: lower bound, or None.
        at_most: upper bound, or None; at least one of the two is given.
        unit: unit of all three, such as `"nats"`.
        published: the published figure with its source, or None.

    Raises:
        ValueError: if there is no bound.
        ExpectationMissed: if the value is out of bounds or not a number.
    """
    if at_least is None and at_most is None:
        raise ValueError("`expect` needs a bound: `at_least`, `at_most` or both. Received: neither")
    met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most) and value == value
    limits = {"at least": at_least, "at most": at_most}
    bounds = " and ".join(f"{word} {limit:g}" for word, limit in limits.items() if limit is not None)
    line = f"[{'met' if met else 'MISSED'}] {what}: {value:.4g}{unit and ' ' + unit} (bound: {bounds})"
    print(line if published is None else f"{line}; published: {published}")
    if not met:
        raise ExpectationMissed(
            f"{what} is {value:.4g}, but this lesson expects {bounds} in the {profile()} profile. "
            "If you changed the cells above, that may be why; if not, please report it."
        )
