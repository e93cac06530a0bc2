"""The look of every figure: one style sheet, one colour a digit."""

import contextlib
from pathlib import Path

STYLE = Path(__file__).with_name("course.mplstyle")

# One colour a digit, the same in every figure. Petroff, Accessible color sequences for data
# visualization, 2021: told apart with each common form of colour blindness.
DIGIT_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip


@contextlib.contextmanager
def new_figure(rows=1, columns=1, size=None, **kwargs):
    """Yields `(figure, axes)` in the course's style, `axes` always a 2-D array.

    The figure is closed at the end: Jupyter then shows it once, as the value of its cell.
    """
    import matplotlib.pyplot as plt

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **kwargs)
        yield figure, axes
        plt.close(figure)
