"""Numbers as curves, bars, histograms and contours."""

import numpy as np

from course_utils.checks import check_whole
from course_utils.plotting.checks import as_dictionary, as_names, as_numbers
from course_utils.plotting.style import legend_below, new_figure, new_panels
from course_utils.plotting.words import as_texts, counted, listed, spoken, spoken_range, titled

MOST = 10  # colours of the style: more lines would share them


def curves(series, xlabel, ylabel, *, x=None, names=None, log_x=False, log_y=False, levels=None, title=""):
    """Lines in one pair of axes, such as the test loss of several models by epoch.

    Args:
        series: dictionary from label to values `(n,)`, at most ten.
        xlabel, ylabel: what the axes show, with units.
        x: positions `(n,)`, shared by all lines; by default 1, 2, 3, …, and lines may then differ in length.
        names: optional texts, one beside each point of the first line, such as the settings that led there.
        log_x, log_y: whether that axis is logarithmic.
        levels: optional dictionary from label to the height of a dashed level.
        title: optional text above.

    Raises:
        ValueError: if a line is empty, not as long as `x`, or has values that are no finite numbers; if values on a
            logarithmic axis are not positive; if the names are not as many as the first line's points.
    """
    series, x = _lines(series, x, ("n",))
    first = next(iter(series.values()))
    names = [] if names is None else as_names("names", names, len(first))
    levels = {label: float(as_numbers(f"levels[{label!r}]", level, ())) for label, level in (levels or {}).items()}
    if log_y:
        _check_positive("series", [np.min(values) for values in (*series.values(), *levels.values())])
    if log_x:
        _check_positive("x", x if x is not None else 1)
    gist = listed(f"{label} {_course(values)}" for label, values in series.items())
    alt = f"{_opening('Curves of', xlabel, ylabel, x, series)}: {gist}."
    if levels:
        alt += f" Dashed levels: {listed((f'{label} {spoken(level)}' for label, level in levels.items()), 120)}."
    if names:
        alt += f" Named points: {listed(f'{name} {spoken(value)}' for name, value in zip(names, first))}."
    with new_figure(titled(title, alt), size=(6.4, 3.8)) as (figure, axes):
        axis = axes[0, 0]
        for label, values in series.items():
            positions = np.arange(1, len(values) + 1) if x is None else x
            axis.plot(positions, values, marker="o" if len(values) <= 12 else None, markersize=4, label=label)
        for name, *point in zip(names, np.arange(1, len(first) + 1) if x is None else x, first):
            axis.annotate(name, point, xytext=(6, 6), textcoords="offset points", fontsize=8)
        if names:
            axis.margins(0.12)  # room for the name of the last point
        for shade, (label, level) in zip(np.linspace(0.2, 0.75, max(3, len(levels))), levels.items()):
            axis.axhline(level, color=str(shade), linestyle="--", linewidth=1.2, label=label, zorder=1)
        axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if x is None:
            axis.xaxis.get_major_locator().set_params(integer=True)
        if log_x:
            axis.set_xscale("log")
            if len(positions) <= 12:  # more would overlap
                axis.set_xticks(positions, [f"{position:,g}" for position in positions])
                axis.minorticks_off()
        if log_y:
            axis.set_yscale("log", subs=(2, 5))
            axis.yaxis.set_major_formatter("{x:g}")
            narrow = np.ptp(np.log10(axis.get_ylim())) < 2  # then powers of ten are too few to read values by
            axis.yaxis.set_minor_formatter("{x:g}" if narrow else "")
        legend_below(figure)
    return figure


def bands(series, xlabel, ylabel, *, x=None, title=""):
    """Several runs of the same thing, such as trainings with other seeds: the range as a band, the median as a line.

    Args:
        series: dictionary from label to values `(runs, n)`, at most ten.
        xlabel, ylabel: what the axes show, with units.
        x: positions `(n,)`, shared by all bands; 1, 2, 3, … by default.
        title: optional text above.

    Raises:
        ValueError: if a band is empty, not as long as `x`, or has values that are no finite numbers.
    """
    series, x = _lines(series, x, ("runs", "n"))
    medians = {label: np.median(values, axis=0) for label, values in series.items()}
    gist = listed(
        f"{label}, median {_course(middle)}, runs at the end {spoken_range(series[label][:, -1])}"
        for label, middle in medians.items()
    )
    alt = f"{_opening('Bands of several runs, their', xlabel, ylabel, x, medians)}: {gist}."
    with new_figure(titled(title, alt), size=(6.4, 3.7)) as (figure, axes):
        axis = axes[0, 0]
        for label, values in series.items():
            positions = np.arange(1, values.shape[1] + 1) if x is None else x
            (line,) = axis.plot(positions, medians[label], marker="o", markersize=4, label=label)
            low, high = values.min(axis=0), values.max(axis=0)
            axis.fill_between(positions, low, high, color=line.get_color(), alpha=0.3, linewidth=0)
        axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if x is None or np.all(x == np.round(x)):
            axis.xaxis.get_major_locator().set_params(integer=True)
        legend_below(figure)
    return figure


def bars(values, ylabel, *, groups=None, spread=None, title="", significant=3):
    """Bars with their numbers on top: one per label, or one per label in each of several groups.

    Plus infinity, such as the PSNR of an image with itself, is a hatched bar above all others with ∞ on top.

    Args:
        values: dictionary from label to a number, or to a sequence of one number per group (then at most ten labels).
        ylabel: what the bars measure, with its unit.
        groups: names of the groups.
        spread: dictionary like `values` of standard deviations over seeds: error bars of one up and one down.
        title: optional text above.
        significant: significant digits of the largest number on top; the others have as many decimals.

    Raises:
        ValueError: if values are NaN or minus infinity, their number is not that of the groups, `spread` has other
            labels or values that are negative or infinite, or `significant` is not a positive whole number.
    """
    as_dictionary("values", values, None if groups is None else MOST)
    labels = [None] if groups is None else list(values)
    names = list(map(str, values if groups is None else groups))
    shape = () if groups is None else (len(names),)
    table = _by_label("values", values, shape, infinity=True)  # one row for each colour, one column for each name
    errors = None if spread is None else _by_label("spread", spread, shape)
    if spread is not None and (list(spread) != list(values) or errors.min() < 0):
        raise ValueError(f"`spread` must have the labels of `values` and no negative number. Received: {spread}")
    texts = as_texts(table, significant)
    alt = titled(title, _bars_in_words(table, labels, names, ylabel, errors))
    infinite = np.isinf(table)
    tallest = np.max((table if errors is None else table + errors)[~infinite], initial=0)
    heights = np.where(infinite, 1.2 * tallest or 1, table)
    longest = max(len(line) for name in names for line in name.split("\n"))
    room = max(0.62 * table.size, 0.09 * (longest + 1) * len(names))  # for the bars, and for their names
    with new_figure(alt, size=(max(4.5, room + 1), 3.4 if groups is None else 3.9)) as (figure, axes):
        axis = axes[0, 0]
        width = (0.64 if groups is None else 0.84) / len(labels)
        for i, label in enumerate(labels):
            middle = np.arange(len(names)) + (i - (len(labels) - 1) / 2) * width
            error = None if errors is None else errors[i]
            drawn = axis.bar(middle, heights[i], 0.94 * width, yerr=error, capsize=3, label=label)
            axis.bar_label(drawn, texts[i], fontsize=8, padding=2)
            for bar in np.array(drawn)[infinite[i]]:
                bar.set(hatch="//", alpha=0.5)
        axis.set_xticks(range(len(names)), names)
        axis.set(ylabel=ylabel, title=title)
        axis.margins(y=0.12)
        axis.grid(axis="x", visible=False)
        if groups is not None:
            legend_below(figure)
    return figure


def stacked_bars(parts, ylabel, *, groups, floor=0.0, title="", significant=3):
    """Bars of parts that add up, such as ELBO + KL: the first from `floor` to its value, the next on top.

    Args:
        parts: dictionary from label to one number per group, `(n,)`, at most ten; the lowest part first.
        ylabel, groups: what the bars measure, with its unit, and their names.
        floor: where the axis begins, below every value of the first part.
        title: optional text above.
        significant: as in `bars`.

    Raises:
        ValueError: if a part is not one finite number per group, the first is not above the floor or another negative.
    """
    as_dictionary("parts", parts, MOST)
    names = list(map(str, groups))
    table, floor = _by_label("parts", parts, (len(names),)), float(as_numbers("floor", floor, ()))
    if table[0].min() <= floor or np.any(table[1:] < 0):
        raise ValueError(f"`parts` must begin above the floor and not be negative on top. Received: {floor=}, {parts}")
    tops = np.cumsum(table, axis=0)
    bottoms, room = np.vstack([np.full(len(names), floor), tops[:-1]]), tops.max() - floor
    texts = np.where(tops - bottoms > 0.05 * room, as_texts(table, significant), "")  # a number needs some height
    alt = f"Parts on top of each other. {_bars_in_words(table, list(parts), names, ylabel, None)}"
    with new_figure(titled(title, alt), size=(max(4.5, 0.9 * len(names) + 1), 3.9)) as (figure, axes):
        axis = axes[0, 0]
        for label, bottom, top, text in zip(parts, bottoms, tops, texts):
            drawn = axis.bar(range(len(names)), top - bottom, 0.64, bottom=bottom, label=label)
            axis.bar_label(drawn, text, label_type="center", fontsize=8)
        axis.set_xticks(range(len(names)), names)
        axis.set(ylabel=ylabel, title=title, ylim=(floor, floor + 1.05 * room))
        axis.grid(axis="x", visible=False)
        legend_below(figure)
    return figure


def histograms(series, xlabel, *, bins=50, limits=None):
    """Histograms side by side with the same bins.

    Args:
        series: dictionary from title to values, of any shape.
        xlabel: what the values are, with their unit.
        bins: number of bins.
        limits: optional `(low, high)` of the values shown; the others are left out.

    Raises:
        ValueError: if a series is empty, has values that are no finite numbers or none within the limits; if `limits`
            are no two growing numbers, or `bins` is not a positive whole number.
    """
    series = {label: as_numbers(f"series[{label!r}]", some) for label, some in as_dictionary("series", series).items()}
    bins = check_whole("bins", bins)
    every = np.concatenate([values.ravel() for values in series.values()])
    low, high = (every.min(), every.max()) if limits is None else as_numbers("limits", limits, (2,))
    if limits is not None and not low < high:
        raise ValueError(f"`limits` must be two growing numbers. Received: {limits=}")
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * size:  # all the same, but for rounding: bins need some width
        low, high = low - 0.5 * (size or 1), high + 0.5 * (size or 1)
    shown = {label: values[(values >= low) & (values <= high)] for label, values in series.items()}
    for label, values in shown.items():
        if not values.size:
            raise ValueError(f"`limits` must leave values of each series. Received: {limits=}, none of {label!r}")
    gist = listed(
        f"{label}: {some.size:,} values, median {spoken(np.median(some))}, standard deviation {spoken(some.std())}"
        for label, some in series.items()
    )
    alt = f"{counted(len(series), 'histogram')} of {xlabel}, from {spoken(low)} to {spoken(high)}. {gist}."
    with new_panels(alt, len(series), (3.4, 2.8)) as (figure, panels):
        for axis, (title, values) in zip(panels, shown.items()):
            axis.hist(values, bins=bins, range=(low, high))
            axis.set(title=title, xlabel=xlabel, ylabel="count")
    return figure


def densities_on_plane(densities, grid, *, title=""):
    """Contours of 2-D densities in one pair of axes: the first filled in grey, the others as lines.

    The two contours of each lie at exp(-1/2) and exp(-2) of its maximum: one and two standard deviations of a Gaussian.

    Args:
        densities: dictionary from label to values `(n, n)`; rows belong to the second coordinate, columns to the first.
        grid: growing positions `(n,)`, the same for both coordinates, n ≥ 2.
        title: optional text above.

    Raises:
        ValueError: if a density is not `(n, n)`, negative somewhere, zero everywhere or no finite number; if `grid` is
            shorter than two or doesn't grow.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    grid = as_numbers("grid", grid, ("n",))
    if len(grid) < 2 or np.any(np.diff(grid) <= 0):
        raise ValueError(f"`grid` must be at least two growing numbers. Received: {grid}")
    shape = (len(grid), len(grid))
    densities = {
        label: as_numbers(f"densities[{label!r}]", values, shape)
        for label, values in as_dictionary("densities", densities, MOST + 1).items()
    }
    for label, values in densities.items():
        if values.min() < 0 or values.max() == 0:
            raise ValueError(f"`densities` must be positive. Received: {label!r} from {values.min()} to {values.max()}")
    peaks = {label: np.unravel_index(values.argmax(), shape)[::-1] for label, values in densities.items()}
    gist = listed(f"{label} highest at ({spoken(grid[i])}, {spoken(grid[j])})" for label, (i, j) in peaks.items())
    with new_figure(titled(title, f"Contours of densities on a plane: {gist}."), size=(4.6, 4.6)) as (figure, axes):
        panel, handles = axes[0, 0], []
        for i, (label, values) in enumerate(densities.items()):
            levels = np.exp([-2, -0.5]) * np.max(values)
            if i == 0:
                panel.contourf(grid, grid, values, [*levels, 1.01 * np.max(values)], colors=["0.85", "0.7"])
                handles.append(Patch(color="0.75", label=label))
            else:
                colour = f"C{i - 1}"
                panel.contour(grid, grid, values, levels, colors=[colour])
                handles.append(Line2D([], [], color=colour, label=label))
        panel.set(title=title, xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
        legend_below(figure, handles)
    return figure


def _lines(series, x, shape):
    """`series` and `x` as arrays of finite numbers that match."""
    x = x if x is None else as_numbers("x", x, ("n",))
    shape = shape if x is None else (*shape[:-1], len(x))
    entries = as_dictionary("series", series, MOST).items()
    return {label: as_numbers(f"series[{label!r}]", values, shape) for label, values in entries}, x


def _by_label(argument, values, shape, *, infinity=False):
    """A dictionary of rows as one array, a dictionary of numbers as its one row."""
    entries = as_dictionary(argument, values).items()
    rows = [as_numbers(f"{argument}[{label!r}]", value, shape, infinity=infinity) for label, value in entries]
    return np.atleast_2d(np.array(rows))


def _check_positive(argument, values):
    if np.min(values) <= 0:
        raise ValueError(f"`{argument}` must be positive on a logarithmic axis. Received: {np.min(values)}")


# Words of alternative texts


def _opening(kind, xlabel, ylabel, x, series):
    positions = x if x is not None else [1, max(len(values) for values in series.values())]
    return f"{kind} {ylabel}, for {xlabel} from {spoken_range(positions)}"


def _course(values):
    """How a curve runs: its ends, and its lowest and highest point where these are others."""
    low, high = min(values), max(values)
    inside = {low, high} != {values[0], values[-1]}
    ends = f"from {spoken(values[0])} to {spoken(values[-1])}"
    return f"{ends} (lowest {spoken(low)}, highest {spoken(high)})" if inside else ends


def _bars_in_words(table, labels, names, ylabel, errors):
    if labels == [None]:
        spreads = [""] * len(names) if errors is None else [f" ± {spoken(error)}" for error in errors[0]]
        gist = listed(f"{name} {spoken(value)}{spread}" for name, value, spread in zip(names, table[0], spreads))
        return f"Bar chart of {ylabel}, each bar with its number: {gist}."
    gist = listed(
        f"{label} from {spoken(row.min())} ({names[row.argmin()]}) to {spoken(row.max())} ({names[row.argmax()]})"
        for label, row in zip(labels, table)
    )
    return f"Bar chart of {ylabel} in {counted(len(names), 'group')}. {gist}."
