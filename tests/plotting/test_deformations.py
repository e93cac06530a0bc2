"""A deformed grid lies where the field puts it, and shows where it folded."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from course_utils import plotting


@pytest.fixture
def fields():
    return 0.1 * np.random.default_rng(0).normal(size=(2, 5, 6, 2))


def _lines(axis):
    (collection,) = [artist for artist in axis.collections if isinstance(artist, LineCollection)]
    return collection.get_segments()


def test_lines_pass_through_the_displaced_pixels(fields):
    figure = plotting.deformed_grids({"a": fields, "b": 2 * fields})
    assert len(figure.axes) == 4
    lines = _lines(figure.axes[3])  # second row, second field
    assert len(lines) == 5 + 6
    np.testing.assert_allclose(lines[2], [[j + 2 * fields[1, 2, j, 1], 2 + 2 * fields[1, 2, j, 0]] for j in range(6)])
    np.testing.assert_allclose(
        lines[5 + 4], [[4 + 2 * fields[1, i, 4, 1], i + 2 * fields[1, i, 4, 0]] for i in range(5)]
    )


def test_what_has_folded_is_filled_and_told():
    field = np.zeros((1, 4, 4, 2))
    field[0, 1, 1] = [0, 1.5]  # this pixel is now to the right of its neighbour
    figure = plotting.deformed_grids({"u": field})
    assert len(figure.axes[0].patches) == 1
    assert "11.111% of the cells folded" in figure.alt
    straight = plotting.deformed_grids({"u": 0 * field})
    assert not straight.axes[0].patches and "0.000% of the cells folded" in straight.alt


def test_images_lie_under_the_grids_of_every_row(fields):
    images = np.random.default_rng(1).random((2, 5, 6, 1))
    figure = plotting.deformed_grids({"a": fields, "b": fields}, images, ["first", "second"])
    assert [axis.get_title() for axis in figure.axes[:2]] == ["first", "second"]
    np.testing.assert_allclose(figure.axes[2].images[0].get_array(), 0.35 * images[0, ..., 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (({},), "`displacements` must be a dictionary"),
        (({"a": np.zeros((2, 5, 6))},), r"`displacements\['a'\]` must be numbers of the shape"),
        (({"a": np.zeros((1, 5, 6, 2)), "b": np.zeros((2, 5, 6, 2))},), r"`displacements\['b'\]` must be numbers"),
        (({"a": np.full((1, 5, 6, 2), np.nan)},), "must be finite numbers"),
        (({"a": np.zeros((1, 5, 6, 2))}, np.zeros((1, 6, 5, 1))), "`images` must have the shape"),
        (({"a": np.zeros((1, 5, 6, 2))}, None, ["a", "b"]), "`column_titles` must have 1 entries"),
    ],
)
def test_anything_else_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        plotting.deformed_grids(*arguments)
