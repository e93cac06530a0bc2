"""Moving pictures last as long as they should and say what they show."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from course_utils import plotting

ALT = "Five digits, one after the other"
GRID = np.linspace(-2, 2, 21)
BELL = np.exp(-np.add.outer(GRID**2, np.linspace(-1, 3, 21) ** 2))


def _gif_in(page):
    return Image.open(io.BytesIO(base64.b64decode(re.search('base64,([^"]+)', page.data)[1])))


def _durations(gif):
    milliseconds = []
    for frame in range(gif.n_frames):
        gif.seek(frame)
        milliseconds.append(gif.info["duration"])
    return milliseconds


def test_animation_is_a_gif_inside_the_page(digits):
    page = plotting.animation(digits[:5], seconds=2, alt=ALT)
    gif = _gif_in(page)
    assert gif.format == "GIF" and gif.size == (28, 28) and gif.n_frames == 5
    assert 'width="112"' in page.data, "the page enlarges it"
    assert f'alt="{ALT}"' in page.data


@pytest.mark.parametrize(("n", "seconds"), [(5, 2), (60, 1.5), (32, 1), (7, 0.14), (32, 7.77), (3, 10)])
def test_a_round_lasts_as_long_as_it_should(n, seconds):
    frames = np.random.default_rng(0).random((n, 8, 8, 1))
    durations = _durations(_gif_in(plotting.animation(frames, seconds=seconds, alt=ALT)))
    assert abs(sum(durations) - 1000 * seconds) <= 10
    assert min(durations) >= 20 and np.ptp(durations) <= 10, "browsers slow faster frames down; even steps look smooth"


@pytest.mark.parametrize("seconds", [0.05, 0, -1, np.nan, np.inf, "1"])
def test_frames_too_fast_for_browsers_are_refused(digits, seconds):
    with pytest.raises(ValueError, match=r"`seconds` must be at least 0\.02 per frame"):
        plotting.animation(digits[:5], seconds=seconds, alt=ALT)


def test_colour_is_shown_in_colour_and_grey_to_the_nearest_step():
    red = np.zeros((2, 4, 4, 3))
    red[1, ..., 0] = 1
    gif = _gif_in(plotting.animation(red, seconds=1, alt=ALT))
    gif.seek(1)
    assert gif.convert("RGB").getpixel((0, 0)) == (255, 0, 0)
    grey = _gif_in(plotting.animation(np.full((1, 4, 4, 1), 0.999), seconds=1, alt=ALT))
    assert grey.convert("L").getpixel((0, 0)) == 255


def test_the_alternative_text_is_a_sentence_and_safe_in_html(digits):
    page = plotting.animation(digits[:2], seconds=1, alt='Two digits, "first" < second')
    assert 'alt="Two digits, &quot;first&quot; &lt; second"' in page.data
    for alt in ("", "digits", None):
        with pytest.raises(ValueError, match="`alt` must say"):
            plotting.animation(digits[:2], seconds=1, alt=alt)


def test_film_shows_a_figure_a_frame_and_tells_the_first_and_the_last():
    figures = [
        plotting.densities_on_plane({"p": BELL, "q": q}, GRID, title=title)
        for title, q in {"start": BELL, "end": BELL.T}.items()
    ]
    page = plotting.film(figures, seconds=1)
    gif = _gif_in(page)
    assert gif.n_frames == 2
    np.testing.assert_allclose(
        gif.size, figures[0].bbox.size, atol=1, err_msg="pixels, which versions round differently"
    )
    first = np.asarray(gif.convert("RGB"))
    gif.seek(1)
    assert np.any(first != np.asarray(gif.convert("RGB")))
    alt = re.search('alt="([^"]+)"', page.data)[1]
    assert alt.startswith("Film of 2 figures in 1 seconds. The first: start. Contours") and "The last: end. " in alt


def test_film_wants_figures_of_one_size():
    with pytest.raises(ValueError, match="`figures` must have at least one entry"):
        plotting.film([], seconds=1)
    with pytest.raises(ValueError, match="`figures` must have one size"):
        plotting.film([plotting.densities_on_plane({"p": BELL}, GRID), plotting.bars({"a": 1}, "b")], seconds=1)
