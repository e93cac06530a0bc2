"""Arrays of numbers, written out."""

import numpy as np

from course_utils.checks import check_whole
from course_utils.plotting.checks import as_dictionary, as_names, as_numbers
from course_utils.plotting.style import new_figure, new_panels
from course_utils.plotting.words import as_texts, counted, listed, spoken, spoken_range, titled


def number_grids(arrays, columns=None):
    """Small 2-D arrays as grids with their numbers written in, side by side; the larger a number, the darker.

    Args:
        arrays: dictionary from title to an array `(height, width)`.
        columns: grids per row; as many as a page has room for by default.

    Raises:
        ValueError: if an array is empty or not 2-D, has values that are no finite numbers, or `columns` is not a
            positive whole number.
    """
    arrays = {
        name: as_numbers(f"arrays[{name!r}]", some, ("height", "width")) + 0.0  # no "-0"
        for name, some in as_dictionary("arrays", arrays).items()
    }
    columns = columns if columns is None else check_whole("columns", columns)
    gist = listed(
        f"{name}, {' by '.join(map(str, some.shape))}, with numbers {spoken_range(some.ravel())}"
        for name, some in arrays.items()
    )
    alt = f"{counted(len(arrays), 'grid')} with a number in each cell: {gist}."
    top = max(np.max(np.abs(array)) for array in arrays.values()) or 1
    with new_panels(alt, len(arrays), (2.5, 2.8), columns) as (figure, panels):
        for axis, (title, array) in zip(panels, arrays.items()):
            height, width = array.shape
            texts = [f"{value:.3g}" for value in array.flat]
            fitting = 240 / (width * (max(map(len, texts)) + 1))  # points, for a panel of some 2.2 inches
            _shaded_cells(axis, array, texts, 1.5 * top, fontsize=min(9, fitting))
            axis.set_xticks(np.arange(width + 1) - 0.5, [])
            axis.set_yticks(np.arange(height + 1) - 0.5, [])
            axis.grid(color="white", linewidth=2)
            axis.set_axisbelow(False)
            axis.tick_params(length=0)
            axis.spines[:].set_visible(False)
            axis.set_title(title)
    return figure


def table(array, row_names, column_names, *, title="", xlabel="", ylabel="", significant=3):
    """A matrix as a table with shaded cells, such as digits against clusters; the larger a number, the darker.

    Args:
        array: `(rows, columns)`; plus infinity, such as the PSNR of an image with itself, is written ∞.
        row_names, column_names: names of rows and columns.
        title, xlabel, ylabel: optional texts.
        significant: significant digits of the largest number; the others have as many decimals.

    Raises:
        ValueError: if the array is empty, not 2-D, or holds NaN or minus infinity; if the names are not as many as
            its rows and columns; if `significant` is not a positive whole number.
    """
    array = as_numbers("array", array, ("rows", "columns"), infinity=True)
    rows, columns = array.shape
    row_names = as_names("row_names", row_names, rows)
    column_names = as_names("column_names", column_names, columns)
    texts = as_texts(array, significant)
    gist = listed(
        f"{name}: most {spoken(row.max())} in {column_names[row.argmax()]}, least {spoken(row.min())} in "
        f"{column_names[row.argmin()]}"
        for name, row in zip(row_names, array)
    )
    alt = titled(title, f"Table of {counted(rows, 'row')} and {counted(columns, 'column')}. {gist}.")
    top = np.abs(array[np.isfinite(array)]).max(initial=0) or 1
    widest = max(len(line) for name in column_names for line in name.split("\n"))
    cell = max(0.62, 0.09 * (widest + 1), 0.075 * (max(map(len, texts.flat)) + 2))  # inches
    with new_figure(alt, size=(cell * columns + 1.6, 0.42 * rows + 1.0)) as (figure, axes):
        axis = axes[0, 0]
        _shaded_cells(axis, array, texts.flat, 1.4 * top, fontsize=8)
        axis.set_aspect("auto")
        axis.set_xticks(range(columns), column_names)
        axis.set_yticks(range(rows), row_names)
        axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
        axis.grid(False)
    return figure


def _shaded_cells(axis, array, texts, darkest, fontsize):
    axis.imshow(np.where(np.isinf(array), darkest / 1.4, np.abs(array)), cmap="Blues", vmin=0, vmax=darkest)
    for (row, column), text in zip(np.ndindex(array.shape), texts):
        axis.text(column, row, text, ha="center", va="center", fontsize=fontsize)
