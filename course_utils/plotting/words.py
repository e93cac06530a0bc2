"""Words of which alternative texts are made."""

import math
import re

import numpy as np

from course_utils.checks import check_whole

ALT_LENGTH = 600  # characters: longer texts tire those who have them read aloud


def plain_text(text):
    """One line of at most 600 characters, without what is meant for typesetting: `$`, braces and backslashes."""
    line = " ".join(re.sub(r"[${}\\]", "", text).split())
    return line if len(line) <= ALT_LENGTH else line[: ALT_LENGTH - 1] + "…"


def titled(title, sentence):
    """The sentence, after the title where there is one."""
    return f"{title}. {sentence}" if title else sentence


def counted(n, thing):
    """`1 row`, `3 rows`."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def listed(parts, room=430):
    """The parts with semicolons between them; those beyond `room` characters are counted only."""
    parts = [" ".join(str(part).split()) for part in parts]
    kept = []
    while len(kept) < len(parts) and (not kept or len("; ".join(kept)) + len(parts[len(kept)]) < room):
        kept.append(parts[len(kept)])
    left = len(parts) - len(kept)
    return "; ".join(kept) + (f"; and {left} more" if left else "")


def spoken(number):
    """A number of about three digits, without an exponent where it can be."""
    if math.isinf(number):
        return "infinite"
    return f"{number:,.0f}" if 1000 <= abs(number) < 1e9 else f"{number:.3g}"


def spoken_range(values):
    """From the least to the greatest of the values, an array or a list: `2 to 7`, or `2` where all are the same."""
    low, high = spoken(np.min(values)), spoken(np.max(values))
    return low if low == high else f"{low} to {high}"


def as_texts(values, significant):
    """The numbers as texts, with as many decimals as show `significant` significant digits of the largest one."""
    largest = np.abs(values[np.isfinite(values)]).max(initial=0) or 1
    decimals = max(0, check_whole("significant", significant) - 1 - math.floor(math.log10(largest)))
    return np.array([["∞" if np.isinf(value) else f"{value:.{decimals}f}" for value in row] for row in values])
