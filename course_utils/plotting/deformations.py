"""What a displacement field does to a grid."""

import numpy as np

from course_utils.plotting.checks import as_dictionary, as_images, as_names, as_numbers
from course_utils.plotting.style import new_figure
from course_utils.plotting.words import counted, listed


def deformed_grids(displacements, images=None, column_titles=None):
    """Rows of grids whose points have been displaced, one line through every pixel; cells that folded are red.

    A cell is the square of a pixel and its neighbours to the right and below. It has folded where the determinant of
    the Jacobian of p + displacement(p), by forward differences, is not positive.

    Args:
        displacements: dictionary from label to fields `(n, height, width, 2)`, (down, right) in pixels; all of one
            shape.
        images: optional images `(n, height, width, 1 or 3)` in [0, 1], drawn pale under the grids of every row: those
            that the displaced points lie on, since a warp pulls its pixels from there.
        column_titles: optional text above each column.

    Raises:
        ValueError: if a field has another shape, a side of one pixel or values that are no finite numbers, images are
            no such images or others in number or size, or a column has no title.
    """
    from course_utils.metrics import jacobian_determinant

    as_dictionary("displacements", displacements)
    shape = ("n", "height", "width", 2)
    fields = {}
    for label, field in displacements.items():
        fields[label] = as_numbers(f"displacements[{label!r}]", field, shape)
        shape = fields[label].shape
    n, height, width, _ = shape
    images = None if images is None else as_images("images", images)
    if images is not None and images.shape[:3] != shape[:3]:
        raise ValueError(f"`images` must have the shape {(*shape[:3], '1 or 3')}. Received: {images.shape}")
    titles = [""] * n if column_titles is None else as_names("column_titles", column_titles, n)
    folded = {label: jacobian_determinant(field) <= 0 for label, field in fields.items()}
    gist = listed(f"{label}, {cells.mean():.3%} of the cells folded" for label, cells in folded.items())
    alt = f"{counted(len(fields), 'row')} of {counted(n, 'deformed grid')} each, from top to bottom: {gist}."
    side = min(2.2, max(1.45, 9 / n))  # inches per grid: few are drawn larger
    with new_figure(alt, len(fields), n, (side * n + 0.7, side * len(fields) + 0.3)) as (figure, axes):
        for row, (label, field) in zip(axes, fields.items()):
            for j, axis in enumerate(row):
                if images is not None:
                    axis.imshow(0.35 * images[j], vmin=0, vmax=1)
                _draw_grid(axis, field[j], folded[label][j])
                axis.set(xticks=[], yticks=[], xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
                axis.grid(False)
                axis.spines[:].set_visible(False)
            row[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for axis, title in zip(axes[0], titles):
            axis.set_title(title, loc="center", fontsize=9)
    return figure


def _draw_grid(axis, field, folded):
    from matplotlib.collections import LineCollection

    height, width, _ = field.shape
    points = (field + np.stack(np.mgrid[:height, :width], axis=-1))[..., ::-1]  # (right, down), as a plot has it
    lines = [*points, *points.swapaxes(0, 1)]
    axis.add_collection(LineCollection(lines, colors="#3f90da", linewidths=0.5))
    corners = [points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]]
    for corner in np.stack(corners, axis=2)[folded]:
        axis.fill(*corner.T, color="#bd1f01", linewidth=1.2)
