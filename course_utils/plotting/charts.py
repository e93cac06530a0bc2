"""Numbers as curves, bars, histograms, tables and contours."""

import numpy as np

from course_utils.plotting.style import DIGIT_COLOURS, new_figure


def curves(series, xlabel, ylabel, *, x=None, log_x=False, log_y=False, levels=None, title=""):
    """Lines in one pair of axes, such as the test loss of several models by epoch.

    Args:
        series: dictionary from label to values `(n,)`.
        xlabel, ylabel: what the axes show, with units.
        x: positions `(n,)`, shared by all lines; 1, 2, 3, … by default.
        log_x, log_y: whether that axis is logarithmic.
        levels: optional dictionary from label to the height of a dashed level.
        title: optional text above.
    """
    crowded = len(series) + len(levels or ()) > 4  # then the legend stands below, not on the lines
    with new_figure(size=(6.4, 4.2 if crowded else 3.4)) as (figure, axes):
        axis = axes[0, 0]
        for label, values in series.items():
            positions = np.arange(1, len(values) + 1) if x is None else x
            axis.plot(positions, values, marker="o" if len(values) <= 12 else None, markersize=4, label=label)
        for shade, (label, level) in zip(("0.2", "0.5", "0.7"), (levels or {}).items()):
            axis.axhline(level, color=shade, linestyle="--", linewidth=1.2, label=label, zorder=1)
        axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if x is None:
            axis.xaxis.get_major_locator().set_params(integer=True)
        if log_x:
            axis.set_xscale("log")
            axis.set_xticks(positions, [f"{position:,g}" for position in positions])
            axis.minorticks_off()
        if log_y:
            axis.set_yscale("log", subs=(2, 5))
            axis.yaxis.set_major_formatter("{x:g}")
            narrow = np.ptp(np.log10(axis.get_ylim())) < 2  # then powers of ten are too few to read values by
            axis.yaxis.set_minor_formatter("{x:g}" if narrow else "")
        figure.legend(loc="outside lower center", ncols=2) if crowded else axis.legend()
    return figure


def bands(series, xlabel, ylabel, *, x=None, title=""):
    """Several runs of the same thing, such as trainings with other seeds: the range as a band, the median as a line.

    Args:
        series: dictionary from label to values `(runs, n)`.
        xlabel, ylabel: what the axes show, with units.
        x: positions `(n,)`, shared by all bands; 1, 2, 3, … by default.
        title: optional text above.
    """
    with new_figure(size=(6.4, 3.4)) as (figure, axes):
        axis = axes[0, 0]
        for label, values in series.items():
            positions = np.arange(1, np.shape(values)[1] + 1) if x is None else x
            (line,) = axis.plot(positions, np.median(values, axis=0), marker="o", markersize=4, label=label)
            low, high = np.min(values, axis=0), np.max(values, axis=0)
            axis.fill_between(positions, low, high, color=line.get_color(), alpha=0.3, linewidth=0)
        axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend()
    return figure


def bars(values, ylabel, *, groups=None, title="", digits=3):
    """Bars with their numbers on top: one a label, or one a label in each of several groups.

    Args:
        values: dictionary from label to a number, or to a sequence of one number a group.
        ylabel: what the bars measure, with its unit.
        groups: names of the groups.
        title: optional text above.
        digits: significant digits of the largest number on top; the others have as many decimals.
    """
    table = np.array([np.atleast_1d(value) for value in values.values()], dtype=float)  # (labels, groups)
    decimals = _decimals(table, digits)
    single = groups is None
    names = list(values) if single else list(groups)
    longest = max(len(line) for name in names for line in str(name).split("\n"))
    room = max(0.62 * table.size, 0.09 * (longest + 1) * len(names))  # for the bars, and for their names
    with new_figure(size=(max(4.5, room + 1), 3.4 if single else 3.9)) as (figure, axes):
        axis = axes[0, 0]
        if single:
            _bar(axis, np.arange(len(names)), table[:, 0], 0.6, None, decimals)
        else:
            width = 0.84 / len(table)
            for i, (label, row) in enumerate(zip(values, table)):
                middle = np.arange(len(names)) + (i - (len(table) - 1) / 2) * width
                _bar(axis, middle, row, width * 0.94, label, decimals)
            figure.legend(loc="outside lower center", ncols=2)
        axis.set_xticks(range(len(names)), names)
        axis.set(ylabel=ylabel, title=title)
        axis.margins(y=0.12)
        axis.grid(axis="x", visible=False)
    return figure


def _decimals(values, digits):
    """How many decimals show `digits` significant digits of the largest value."""
    return max(0, digits - 1 - int(np.floor(np.log10(np.abs(values).max() or 1))))


def _bar(axis, positions, heights, width, label, decimals):
    drawn = axis.bar(positions, heights, width, label=label)
    axis.bar_label(drawn, [f"{height:.{decimals}f}" for height in heights], fontsize=8, padding=2)


def histograms(series, xlabel, *, bins=50, limits=None):
    """Histograms side by side on one scale.

    Args:
        series: dictionary from title to values, of any shape.
        xlabel: what the values are, with their unit.
        bins: number of bins.
        limits: optional `(low, high)` of the values shown.
    """
    with new_figure(1, len(series), (3.4 * len(series), 2.8), sharex=True) as (figure, axes):
        for axis, (title, values) in zip(axes[0], series.items()):
            axis.hist(np.ravel(values), bins=bins, range=limits)
            axis.set(title=title, xlabel=xlabel, ylabel="count")
    return figure


def number_grids(arrays, columns=None):
    """Small 2-D arrays as grids with their numbers written in, side by side.

    Args:
        arrays: dictionary from title to an array `(height, width)`.
        columns: grids a row; all in one row by default.
    """
    top = max(np.max(np.abs(array)) for array in arrays.values())
    columns = columns or len(arrays)
    rows = -(-len(arrays) // columns)
    with new_figure(rows, columns, (2.5 * columns, 2.8 * rows)) as (figure, axes):
        for axis in axes.flat[len(arrays) :]:
            axis.set_visible(False)
        for axis, (title, array) in zip(axes.flat, arrays.items()):
            axis.imshow(array, cmap="Blues", vmin=0, vmax=1.5 * top)
            for (row, column), value in np.ndenumerate(array):
                axis.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=9)
            height, width = array.shape
            axis.set_xticks(np.arange(width + 1) - 0.5, [])
            axis.set_yticks(np.arange(height + 1) - 0.5, [])
            axis.grid(color="white", linewidth=2)
            axis.set_axisbelow(False)
            axis.tick_params(length=0)
            axis.spines[:].set_visible(False)
            axis.set_title(title)
    return figure


def table(array, row_names, column_names, *, title="", xlabel="", ylabel="", digits=3):
    """A matrix as a table with shaded cells, such as digits against clusters.

    Args:
        array: `(rows, columns)`.
        row_names, column_names: names of rows and columns.
        title, xlabel, ylabel: optional texts.
        digits: significant digits of the largest number; the others have as many decimals.
    """
    rows, columns = array.shape
    decimals = _decimals(array, digits)
    with new_figure(size=(0.62 * columns + 1.6, 0.42 * rows + 1.0)) as (figure, axes):
        axis = axes[0, 0]
        axis.imshow(array, cmap="Blues", vmin=0, vmax=1.4 * np.max(array), aspect="auto")
        for (row, column), value in np.ndenumerate(array):
            axis.text(column, row, f"{value:.{decimals}f}", ha="center", va="center", fontsize=8)
        axis.set_xticks(range(columns), column_names)
        axis.set_yticks(range(rows), row_names)
        axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
        axis.grid(False)
    return figure


def densities_on_plane(densities, axis, *, title=""):
    """Contours of 2-D densities in one pair of axes: the first filled in grey, the others as lines.

    The two contours of each lie at exp(-1/2) and exp(-2) of its maximum: one and two standard deviations of a Gaussian.

    Args:
        densities: dictionary from label to values `(n, n)`; rows belong to the second coordinate, columns to the first.
        axis: positions `(n,)` of the grid, the same for both coordinates.
        title: optional text above.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    with new_figure(size=(4.6, 4.3)) as (figure, axes):
        panel, handles = axes[0, 0], []
        for i, (label, values) in enumerate(densities.items()):
            levels = np.exp([-2, -0.5]) * np.max(values)
            if i == 0:
                panel.contourf(axis, axis, values, [*levels, 1.01 * np.max(values)], colors=["0.85", "0.7"])
                handles.append(Patch(color="0.75", label=label))
            else:
                colour = DIGIT_COLOURS[i - 1]
                panel.contour(axis, axis, values, levels, colors=[colour])
                handles.append(Line2D([], [], color=colour, label=label))
        panel.set(title=title, xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
        panel.legend(handles=handles, loc="lower left")
    return figure
