"""The look of every figure, how a notebook shows it, and room for its titles and legends."""

import contextlib
import functools
import math
import re
import textwrap
from pathlib import Path

from course_utils.plotting.words import plain_text

STYLE = Path(__file__).with_name("course.mplstyle")

# One colour per digit, the same in every figure: those of Petroff, Accessible color sequences for data visualization,
# 2021. Digits that often lie side by side (3-5-8, 4-7-9 and ten more pairs) get colours at least 26 apart by CIEDE2000,
# to normal vision as to red-blind and green-blind eyes.
DIGIT_COLOURS = (
    "#3f90da", "#b9ac70", "#717581", "#92dadd", "#94a4a2",
    "#ffa90e", "#a96b59", "#e76300", "#bd1f01", "#832db6",
)  # fmt: skip


@contextlib.contextmanager
def new_figure(alt, rows=1, columns=1, size=None, **kwargs):
    """Yields `(figure, axes)` in the course's style, `axes` always a 2-D array.

    The figure is closed at the end: Jupyter then shows it once, as the value of its cell, with its alternative text.

    Args:
        alt: what the figure shows, in plain sentences; kept as `figure.alt`.
        rows, columns: numbers of axes.
        size: `(width, height)` in inches.
        kwargs: passed on to `plt.subplots`.
    """
    import matplotlib.pyplot as plt

    plt.draw_if_interactive()  # loads the notebook's backend: what that sets would else be undone with the style
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **kwargs)
        try:
            figure.alt = plain_text(alt)
            figure._ipython_display_ = functools.partial(_display, figure)
            yield figure, axes
            wrap_titles(figure)
        finally:
            plt.close(figure)


@contextlib.contextmanager
def new_panels(alt, n, size, columns=None, **kwargs):
    """As `new_figure`, with n axes of `size` inches each; yields `(figure, list of axes)`.

    By default as many stand in a row as a page has room for, and all rows are as full as they can be.
    """
    if columns is None:
        rows = math.ceil(n / max(1, int(13.5 // size[0])))
        columns = math.ceil(n / rows)
    rows = math.ceil(n / columns)
    with new_figure(alt, rows, columns, (columns * size[0], rows * size[1]), **kwargs) as (figure, axes):
        for unused in axes.flat[n:]:
            unused.remove()
        yield figure, list(axes.flat[:n])


def legend_below(figure, handles=None):
    """A legend under the axes, where it covers nothing, in as many columns as there is room for."""
    handles = handles or figure.axes[0].get_legend_handles_labels()[0]
    if handles:  # none where all labels are empty
        width = 0.6 + 0.075 * max(len(handle.get_label()) for handle in handles)  # inches: a line, its name and a gap
        columns = max(1, min(len(handles), int(figure.get_figwidth() / width)))
        figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _display(figure):
    """What IPython calls to show a figure: the picture as any other figure's, with the alternative text as metadata.

    IPython's own way takes no metadata from a figure: it asks the formatters that its backend registered, as here.
    """
    from IPython import get_ipython
    from IPython.display import display

    data, metadata = {}, {}
    for kind, formatter in get_ipython().display_formatter.formatters.items():
        drawn = formatter(figure)
        if drawn is not None:
            data[kind], facts = drawn if isinstance(drawn, tuple) else (drawn, {})
            metadata[kind] = {**facts, "alt": figure.alt} if kind.startswith("image/") else facts
    display(data, metadata=metadata, raw=True)


def wrap_titles(figure):
    """Breaks titles that would run past their axes into lines."""
    titles = [axis.set_title(axis.get_title(loc), loc=loc) for axis in figure.axes for loc in ("left", "center")]
    long = [(title, title.get_text()) for title in titles if _width(title) > 0.6 * _width(title.axes)]
    if not long:  # as nearly always: the layout, which takes its time, is then left to the end
        return
    for title, _ in long:
        title.set_text("")
    figure.draw_without_rendering()  # before it axes have no width
    added = 0
    for title, text in long:
        title.set_text(text)
        room = _width(title.axes)
        fitting = int(1.2 * max(map(len, text.split("\n"))) * room / _width(title))
        for characters in range(fitting, 8, -1):
            if _width(title) <= room:
                break
            title.set_text("\n".join(_broken(line, characters) for line in text.split("\n")))
        added = max(added, title.get_text().count("\n") - text.count("\n"))
    rows = figure.axes[0].get_gridspec().nrows
    figure.set_figheight(figure.get_figheight() + 0.17 * added * rows)  # room for the new lines


def _width(artist):
    return artist.get_window_extent().width


def _broken(line, characters):
    """The line in lines of at most so many characters; formulas stay whole."""
    formula = re.compile(r"\$[^$]*\$")
    whole = formula.sub(lambda match: match[0].replace(" ", "\xa0"), line)
    whole = textwrap.fill(whole, characters, break_long_words=False, break_on_hyphens=False)
    return formula.sub(lambda match: match[0].replace("\xa0", " "), whole)
