"""Every figure of the course. Functions take arrays, never models, and return the figure."""

import base64
import contextlib
import io
from pathlib import Path

import numpy as np

STYLE = Path(__file__).with_name("course.mplstyle")

# One colour a digit, the same in every figure. Petroff, Accessible color sequences for data
# visualization, 2021: told apart with each common form of colour blindness.
DIGIT_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip


@contextlib.contextmanager
def _new_figure(rows=1, columns=1, size=None, **kwargs):
    """Yields `(figure, axes)` in the course's style, `axes` always a 2-D array.

    The figure is closed at the end: Jupyter then shows it once, as the value of its cell.
    """
    import matplotlib.pyplot as plt

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **kwargs)
        yield figure, axes
        plt.close(figure)


def image_rows(rows, column_titles=None):
    """Rows of images with a label each, such as originals above their reconstructions.

    Args:
        rows: dictionary from label to images `(n, height, width, channels)` in [0, 1], `n` the same in all rows.
        column_titles: optional text above each column.
    """
    columns, tall = len(next(iter(rows.values()))), np.divide(*np.shape(next(iter(rows.values()))[0])[:2])
    with _new_figure(size=(1.4 + 0.85 * columns, 0.85 * tall * len(rows) + 0.25)) as (figure, axes):
        axis = axes[0, 0]  # one for all images: a hundred axes would take seconds to lay out
        for i, images in enumerate(rows.values()):
            for j, image in enumerate(images):
                frame = (j - 0.47, j + 0.47, (i + 0.47) * tall, (i - 0.47) * tall)
                axis.imshow(image, vmin=0, vmax=1, extent=frame)
        axis.set(xlim=(-0.5, columns - 0.5), ylim=((len(rows) - 0.5) * tall, -0.5 * tall))
        axis.set_xticks(range(len(column_titles or ())), column_titles or (), fontsize=9)
        axis.set_yticks(tall * np.arange(len(rows)), rows)
        axis.tick_params(length=0, labeltop=True, labelbottom=False)
        axis.grid(False)
        axis.spines[:].set_visible(False)
    return figure


def encodings(images, codes, reconstruction, *, title=""):
    """A row an image: the image, its code as bars, and what the decoder makes of the code.

    Args:
        images: `(n, height, width, channels)` in [0, 1].
        codes: `(n, latent_dim)`; all rows share one scale.
        reconstruction: of the images' shape.
        title: optional text above the codes.
    """
    n, latent_dim = codes.shape
    low, high = min(0, codes.min()), max(0, codes.max())
    margin = 0.05 * (high - low)
    with _new_figure(n, 3, (8, 1.15 * n + 0.5), width_ratios=(1, 4.6, 1)) as (figure, axes):
        for row, image, code, result in zip(axes, images, codes, reconstruction):
            _show(row[0], image)
            row[1].bar(np.arange(1, latent_dim + 1), code)
            row[1].axhline(0, color="0.5", linewidth=0.8)
            row[1].set(xlim=(0.2, latent_dim + 0.8), ylim=(low - margin, high + margin))
            row[1].grid(axis="x", visible=False)
            row[1].tick_params(labelbottom=row[1] is axes[-1, 1])
            _show(row[2], result)
        for axis, text in zip(axes[0], ("image", title or f"its code: {latent_dim} numbers", "reconstruction")):
            axis.set_title(text, loc="center")
        axes[-1, 1].set_xlabel("unit of the code")
    return figure


def mosaic(images, columns, title="", xlabel="", ylabel=""):
    """Images tiled without gaps, row by row: samples, or a map of the latent space.

    Args:
        images: `(n, height, width, 1)` in [0, 1], `n` a multiple of `columns`.
        columns: images a row.
        title, xlabel, ylabel: optional texts.
    """
    tiled = _tile(images, columns)
    side = min(7, 0.5 * columns + 1)
    with _new_figure(size=(side, side * tiled.shape[0] / tiled.shape[1] + 0.4)) as (figure, axes):
        _show(axes[0, 0], tiled)
        axes[0, 0].set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure


def _tile(images, columns):
    """One image `(rows · height, columns · width, 1)` of n images, n a multiple of `columns`."""
    n, height, width, _ = images.shape
    return images.reshape(n // columns, columns, height, width).swapaxes(1, 2).reshape(-1, columns * width, 1)


def _show(axis, image):
    axis.imshow(image, vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)


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
    with _new_figure(size=(6.4, 4.2 if crowded else 3.4)) as (figure, axes):
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
    with _new_figure(size=(6.4, 3.4)) as (figure, axes):
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
    with _new_figure(size=(max(4.5, room + 1), 3.4 if single else 3.9)) as (figure, axes):
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


def latent_maps(maps, labels, *, unit="", circle=None):
    """Scatter plots of 2-D codes side by side, one colour a digit, its name at (or near) the median of its points.

    Args:
        maps: dictionary from title to codes `(n, 2)`.
        labels: digits `(n,)`, or None for points of one kind.
        unit: name of the axes, such as `"z"`: they are then labelled z₁ and z₂.
        circle: optional radius of a circle around the origin, such as the one that holds 95% of N(0, I).
    """
    with _new_figure(1, len(maps), (4.3 * len(maps), 4.2)) as (figure, axes):
        for axis, (title, codes) in zip(axes[0], maps.items()):
            _scatter_digits(axis, codes, labels)
            if circle is not None:
                _draw_circle(axis, circle)
            axis.set_title(title)
            if unit:
                axis.set(xlabel=f"${unit}_1$", ylabel=f"${unit}_2$")
            else:  # a map without units: only the proportions of its distances can mean anything
                axis.set(xticks=[], yticks=[])
                axis.set_aspect("equal", adjustable="datalim")
        for axis, codes in zip(axes[0], maps.values()):
            _name_digits(axis, codes, labels)
    return figure


def point_clouds(clouds, values, label):
    """Clouds of points in the plane or in space side by side, coloured by one number a point.

    Args:
        clouds: dictionary from title to points, `(n, 2)` in all clouds or `(n, 3)` in all; `n` the same.
            Clouds in space share their axes' limits; those in the plane, such as codes, have their own.
        values: the numbers `(n,)`, such as positions along a curve.
        label: what the numbers are, with their unit.
    """
    in_space = np.shape(next(iter(clouds.values())))[1] == 3
    projection = {"projection": "3d"} if in_space else {}
    every = np.concatenate(list(clouds.values()))
    limits = {f"{name}lim": ends for name, *ends in zip("xyz", every.min(axis=0), every.max(axis=0))}
    with _new_figure(1, len(clouds), (3.6 * len(clouds) + 0.8, 3.6), subplot_kw=projection) as (figure, axes):
        for axis, (title, points) in zip(axes[0], clouds.items()):
            drawn = axis.scatter(*points.T, c=values, cmap="viridis", s=6, linewidths=0, rasterized=True)
            axis.set_title(title, loc="left")  # said here, since axes in space don't follow the style
            if in_space:
                axis.set(xlabel="x", ylabel="y", zlabel="z", **limits)
                axis.locator_params(nbins=3)
                axis.view_init(elev=12, azim=-72)
            else:
                axis.set(xlabel="coordinate 1", ylabel="coordinate 2")
            axis.set_aspect("equal", adjustable="box" if in_space else "datalim")
        figure.colorbar(drawn, ax=axes, label=label, shrink=0.8)
    return figure


def gaussians_on_map(mean, log_var, labels, *, circle, title=""):
    """Each image's q(z|x) as an ellipse of one standard deviation, in its digit's colour.

    Args:
        mean, log_var: of each q(z|x), `(n, 2)`.
        labels: digits `(n,)`.
        circle: radius of a circle around the origin, such as the one that holds 95% of N(0, I).
        title: optional text above.
    """
    from matplotlib.patches import Ellipse

    with _new_figure(size=(5.6, 5.6)) as (figure, axes):
        axis = axes[0, 0]
        for place, diameters, digit in zip(mean, 2 * np.exp(log_var / 2), labels):
            axis.add_patch(Ellipse(place, *diameters, facecolor=DIGIT_COLOURS[digit], edgecolor="0.2", alpha=0.6))
            axis.annotate(str(digit), place, ha="center", va="center", fontsize=6)
        _draw_circle(axis, circle)
        axis.set(title=title, xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
        axis.autoscale_view()
    return figure


def _draw_circle(axis, radius):
    angle = np.linspace(0, 2 * np.pi, 200)
    axis.plot(radius * np.cos(angle), radius * np.sin(angle), color="black", linewidth=1.2)


def _scatter_digits(axis, codes, labels):
    look = {"s": np.clip(15000 / len(codes), 4, 16), "alpha": 0.5, "linewidths": 0, "rasterized": True}
    if labels is None:
        axis.scatter(*codes.T, color="0.3", **look)
        return
    for digit in np.unique(labels):
        axis.scatter(*codes[labels == digit].T, color=DIGIT_COLOURS[digit], **look)


def _name_digits(axis, codes, labels):
    """Writes each digit at the median of its points; names that would overlap are moved apart."""
    import matplotlib.patheffects as effects

    if labels is None:
        return
    axis.figure.draw_without_rendering()  # settles the layout: from here on data and points of the page correspond
    digits = np.unique(labels)
    medians = np.array([np.median(codes[labels == digit], axis=0) for digit in digits])
    on_page = axis.transData.transform(medians) * 72 / axis.figure.dpi
    shifts = _moved_apart(on_page + np.array([0, 7]), 15) - on_page  # above, for a tight group to be seen
    look = {"weight": "bold", "size": 12, "ha": "center", "va": "center", "textcoords": "offset points"}
    look["path_effects"] = [effects.withStroke(linewidth=3, foreground="white")]
    for digit, median, shift in zip(digits, medians, shifts):
        axis.annotate(str(digit), median, shift, **look)


def _moved_apart(places, gap):
    """Places (n, 2), those nearer to each other than `gap` pushed apart until none are."""
    turn = 2.4 * np.arange(len(places))
    places = places + 0.01 * np.stack([np.cos(turn), np.sin(turn)], axis=1)  # equal places need a way to part
    for _ in range(1000):
        apart = places[:, np.newaxis] - places
        distance = np.linalg.norm(apart, axis=-1) + np.diag(np.full(len(places), np.inf))
        missing = np.clip(gap - distance, 0, None)
        if missing.max() < 0.01 * gap:
            break
        steps = apart * (missing / distance / 10)[:, :, np.newaxis]  # small ones don't overshoot
        places = places + steps.sum(axis=1)
    return places


def path_on_map(codes, labels, path, images, *, unit="z", title=""):
    """A path drawn over a scatter plot of 2-D codes, and beside it the images met on the way, row by row.

    Args:
        codes: places `(n, 2)` of the map.
        labels: digits `(n,)`.
        path: codes `(m, 2)` on the way; a single one is drawn as a cross.
        images: `(k, height, width, 1)` in [0, 1], from the start of the path to its end.
        unit: name of the axes, such as `"z"`.
        title: optional text above the map.
    """
    k, height, width, _ = images.shape
    columns = int(np.ceil(np.sqrt(k)))
    padded = np.concatenate([images, np.ones((-k % columns, height, width, 1), images.dtype)])
    with _new_figure(1, 2, (8.6, 4.2), width_ratios=(1.15, 1)) as (figure, axes):
        axis = axes[0, 0]
        _scatter_digits(axis, codes, labels)
        axis.plot(*path.T, color="black", marker="X" if len(path) == 1 else ".", markersize=11 if len(path) == 1 else 4)
        axis.set(title=title, xlabel=f"${unit}_1$", ylabel=f"${unit}_2$")
        _show(axes[0, 1], _tile(padded, columns))
        _name_digits(axis, codes, labels)
    return figure


def images_on_map(codes, images, labels, title="", *, spacing=0.035):
    """Draws the images themselves at their places on a map, leaving out those that would overlap.

    Args:
        codes: places `(n, 2)`.
        images: `(n, height, width, 1)` in [0, 1].
        labels: digits `(n,)`; they colour the images.
        title: optional text above.
        spacing: least distance between two images, as a share of the map's width.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    places = (codes - codes.min(axis=0)) / np.ptp(codes, axis=0)
    shown = np.empty((0, 2))
    with _new_figure(size=(7.5, 7.5)) as (figure, axes):
        axis = axes[0, 0]
        for place, image, label in zip(places, images, labels):
            if len(shown) and np.min(np.abs(shown - place).max(axis=1)) < spacing:
                continue
            shown = np.vstack([shown, place])
            ink = np.broadcast_to(to_rgb(DIGIT_COLOURS[label]), (*image.shape[:2], 3))
            picture = OffsetImage(np.concatenate([ink, image], axis=-1), zoom=0.55)
            axis.add_artist(AnnotationBbox(picture, place, frameon=False))
        axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[], yticks=[], title=title)
        axis.grid(False)
    return figure


def histograms(series, xlabel, *, bins=50, limits=None):
    """Histograms side by side on one scale.

    Args:
        series: dictionary from title to values, of any shape.
        xlabel: what the values are, with their unit.
        bins: number of bins.
        limits: optional `(low, high)` of the values shown.
    """
    with _new_figure(1, len(series), (3.4 * len(series), 2.8), sharex=True) as (figure, axes):
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
    with _new_figure(rows, columns, (2.5 * columns, 2.8 * rows)) as (figure, axes):
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
    with _new_figure(size=(0.62 * columns + 1.6, 0.42 * rows + 1.0)) as (figure, axes):
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

    with _new_figure(size=(4.6, 4.3)) as (figure, axes):
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


def film(figures, *, seconds):
    """Figures one after the other as an animated GIF that stays in the notebook, over and over again.

    Args:
        figures: sequence of figures of one size.
        seconds: duration of one round.

    Returns:
        An `IPython.display.HTML` with the picture inside: no file is left behind.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    pictures = []
    for figure in figures:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    return _gif(pictures, seconds, width=pictures[0].width)


def animation(frames, *, seconds):
    """Images one after the other as an animated GIF that stays in the notebook, over and over again.

    The page enlarges each pixel to 4 × 4, so that what is stored stays small.

    Args:
        frames: `(n, height, width, 1)` in [0, 1].
        seconds: duration of one round.

    Returns:
        An `IPython.display.HTML` with the picture inside: no file is left behind.
    """
    from PIL import Image

    pictures = [Image.fromarray(page) for page in np.uint8(255 * frames[..., 0])]
    return _gif(pictures, seconds, width=4 * frames.shape[2])


def _gif(pictures, seconds, width):
    from IPython.display import HTML

    buffer = io.BytesIO()
    milliseconds = 1000 * seconds / len(pictures)
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0)
    data = base64.b64encode(buffer.getvalue()).decode()
    look = f'width="{width}" style="image-rendering: pixelated"'
    return HTML(f'<img alt="animation" {look} src="data:image/gif;base64,{data}">')
