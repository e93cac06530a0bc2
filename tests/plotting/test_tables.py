"""Grids and tables of numbers."""

import itertools

import numpy as np
import pytest

from course_utils import plotting


def _texts(axis):
    return [text.get_text() for text in axis.texts]


def test_number_grids_write_each_number():
    figure = plotting.number_grids({"a": np.array([[1, 2], [3, 0.5]]), "b": [[-0.0]], "c": [[1]]}, columns=2)
    assert [_texts(axis) for axis in figure.axes] == [["1", "2", "3", "0.5"], ["0"], ["1"]]


def test_the_larger_a_number_the_darker_its_cell_whatever_its_sign():
    for figure in (plotting.number_grids({"a": [[1, -4]]}), plotting.table([[1, -4]], "r", "uv")):
        small, large = np.ravel(figure.axes[0].images[0].get_array())
        assert large > small >= 0


def test_numbers_of_a_crowded_grid_do_not_run_into_each_other():
    figure = plotting.number_grids({"a": -np.full((8, 8), 0.123)})
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts[:8]]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_table_writes_infinity_and_refuses_nan():
    assert _texts(plotting.table([[np.inf, 20.0]], ["copy"], ["u", "v"]).axes[0]) == ["∞", "20.0"]
    with pytest.raises(ValueError, match=r"`array` must be numbers or plus infinity\. Received: nan"):
        plotting.table([[np.nan, 20.0]], ["copy"], ["u", "v"])


def test_table_has_a_name_for_each_row_and_column():
    with pytest.raises(ValueError, match=r"`row_names` must have 2 entries\. Received: 1"):
        plotting.table(np.eye(2), ["r"], ["u", "v"])
    with pytest.raises(ValueError, match=r"`column_names` must have 2 entries\. Received: 3"):
        plotting.table(np.eye(2), ["r", "s"], range(3))
