"""Codes and points as places on a map."""

import math

import numpy as np

from course_utils.plotting.checks import as_dictionary, as_images, as_labels, as_numbers
from course_utils.plotting.images import show, tile
from course_utils.plotting.style import DIGIT_COLOURS, new_figure, new_panels, wrap_titles
from course_utils.plotting.words import counted, listed, spoken, spoken_range, titled


def latent_maps(maps, labels, *, symbol="", circle=None):
    """Scatter plots of 2-D codes side by side, one colour per digit, its name at (or near) the median of its points.

    Both axes have one scale, so that distances and circles are seen as they are.

    Args:
        maps: dictionary from title to codes `(n, 2)`.
        labels: digits `(n,)`, or None for points of one kind.
        symbol: of the codes, such as `"z"`: the axes are then labelled z₁ and z₂; else they have no numbers.
        circle: optional radius of a circle around the origin, such as the one that holds 95% of N(0, I).

    Raises:
        ValueError: if codes are not `(n, 2)` or no finite numbers, labels are not n integers from 0 to 9, or `circle`
            is not positive.
    """
    entries = as_dictionary("maps", maps).items()
    maps = {title: as_numbers(f"maps[{title!r}]", codes, ("n", 2)) for title, codes in entries}
    if labels is not None:
        for codes in maps.values():
            labels = as_labels("labels", labels, len(codes))
    circle = circle if circle is None else _radius(circle)
    gist = listed(f"{title}: {counted(len(codes), 'point')}, {_extent(codes)}" for title, codes in maps.items())
    alt = f"{counted(len(maps), 'map')} of 2-D codes{_coloured(labels)}. {gist}."
    alt += f" A circle of radius {spoken(circle)} around the origin." if circle else ""
    with new_panels(alt, len(maps), (4.3, 4.2)) as (figure, panels):
        for axis, (title, codes) in zip(panels, maps.items()):
            _scatter_digits(axis, codes, labels)
            if circle:
                _draw_circle(axis, circle)
            axis.set_title(title)
            axis.set_aspect("equal", adjustable="datalim")
            if symbol:
                _label_axes(axis, symbol)
            else:
                axis.set(xticks=[], yticks=[])
        _name_digits(figure, dict(zip(panels, maps.values())), labels)
    return figure


def point_clouds(clouds, values, label):
    """Clouds of points in the plane or in space side by side, coloured by one number per point.

    Args:
        clouds: dictionary from title to points, `(n, 2)` or `(n, 3)`, the same in all clouds.
            Clouds in space share their axes' limits; those in the plane, such as codes, have their own.
        values: the numbers `(n,)`, such as positions along a curve.
        label: what the numbers are, with their unit.

    Raises:
        ValueError: if points or values are of other shapes, or no finite numbers.
    """
    values = as_numbers("values", values, ("n",))
    in_space = np.shape(next(iter(as_dictionary("clouds", clouds).values())))[1:] == (3,)
    shape = (len(values), 3 if in_space else 2)
    clouds = {title: as_numbers(f"clouds[{title!r}]", points, shape) for title, points in clouds.items()}
    place = "in space" if in_space else "in the plane"
    alt = f"{counted(len(clouds), 'cloud')} of {counted(len(values), 'point')} {place}, coloured by {label} "
    alt += f"from {spoken_range(values)}. "
    alt += listed(f"{title}: {_extent(points)}" for title, points in clouds.items()) + "."
    projection = {"projection": "3d"} if in_space else {}
    with new_panels(alt, len(clouds), (3.8, 3.6), subplot_kw=projection) as (figure, panels):
        for axis, (title, points) in zip(panels, clouds.items()):
            drawn = axis.scatter(*points.T, c=values, cmap="viridis", s=6, linewidths=0, rasterized=True)
            axis.set_title(title, loc="left")  # said here, since axes in space don't follow the style
            if in_space:
                _shape_space(axis, np.concatenate(list(clouds.values())))
            else:
                axis.set(xlabel="coordinate 1", ylabel="coordinate 2")
                axis.set_aspect("equal", adjustable="datalim")
        different = np.unique(values)
        few = different if len(different) <= 10 else None  # such as the numbers of five runs
        figure.colorbar(drawn, ax=panels, label=label, shrink=0.8, ticks=few)
    return figure


def gaussians_on_map(mean, log_var, labels, *, circle, title=""):
    """Each image's q(z|x) as an ellipse of one standard deviation, in its digit's colour.

    Args:
        mean, log_var: of each q(z|x), `(n, 2)`.
        labels: digits `(n,)`.
        circle: radius of a circle around the origin, such as the one that holds 95% of N(0, I).
        title: optional text above.

    Raises:
        ValueError: if mean and log-variance are not `(n, 2)` or no finite numbers, labels are not n integers from 0
            to 9, or `circle` is not positive.
    """
    from matplotlib.patches import Ellipse, Patch

    mean = as_numbers("mean", mean, ("n", 2))
    diameters = 2 * np.exp(as_numbers("log_var", log_var, mean.shape) / 2)
    labels, circle = as_labels("labels", labels, len(mean)), _radius(circle)
    alt = f"{counted(len(mean), 'Gaussian')} as ellipses of one standard deviation{_coloured(labels)}; centres "
    alt += f"{_extent(mean)}, deviations {spoken_range(diameters.ravel() / 2)}. "
    alt += f"A circle of radius {spoken(circle)} around the origin."
    with new_figure(titled(title, alt), size=(6.4, 5.6)) as (figure, axes):
        axis = axes[0, 0]
        for i in np.argsort(-diameters.prod(axis=1), kind="stable"):  # the largest first: none hides a smaller one
            look = {"facecolor": DIGIT_COLOURS[labels[i]], "edgecolor": "0.2", "alpha": 0.7}
            axis.add_patch(Ellipse(mean[i], *diameters[i], **look))
        _draw_circle(axis, circle)
        _label_axes(axis, "z")
        axis.set(title=title, aspect="equal")
        axis.autoscale_view()
        handles = [Patch(color=DIGIT_COLOURS[digit], label=str(digit)) for digit in np.unique(labels)]
        figure.legend(handles=handles, loc="outside right center")  # names in the map would cover ellipses
    return figure


def path_on_map(codes, labels, path, images, *, symbol="z", title=""):
    """A path drawn over a scatter plot of 2-D codes, and beside it the images met on the way, row by row.

    Args:
        codes: places `(n, 2)` of the map.
        labels: digits `(n,)`.
        path: codes `(m, 2)` on the way; a single one is drawn as a cross.
        images: `(k, height, width, 1 or 3)` in [0, 1], from the start of the path to its end.
        symbol: of the codes.
        title: optional text above the map.

    Raises:
        ValueError: if codes or path are not `(n, 2)` or no finite numbers, labels are not n integers from 0 to 9, or
            `images` are no such images.
    """
    codes, path = as_numbers("codes", codes, ("n", 2)), as_numbers("path", path, ("m", 2))
    labels, images = as_labels("labels", labels, len(codes)), as_images("images", images)
    columns = math.ceil(math.sqrt(len(images)))
    missing = columns * math.ceil(len(images) / columns) - len(images)
    padded = np.concatenate([images, np.ones((missing, *images.shape[1:]), images.dtype)])  # white in the last row
    alt = f"Left, a map of {counted(len(codes), 'code')}{_coloured(labels)}, {_extent(codes)}, with "
    ends = [f"({spoken(a)}, {spoken(b)})" for a, b in (path[0], path[-1])]
    alt += f"a cross at {ends[0]}" if len(path) == 1 else f"a path of {len(path)} codes from {ends[0]} to {ends[1]}"
    alt += f". Right, {counted(len(images), 'image')} met there, row by row."
    with new_figure(titled(title, alt), 1, 2, (8.6, 4.2), width_ratios=(1.15, 1)) as (figure, axes):
        axis = axes[0, 0]
        _scatter_digits(axis, codes, labels)
        look = {"marker": "X", "markersize": 11} if len(path) == 1 else {"marker": ".", "markersize": 3}
        axis.plot(*path.T, color="black", linewidth=1, **look)
        axis.set_title(title)
        axis.set_aspect("equal", adjustable="datalim")
        _label_axes(axis, symbol)
        show(axes[0, 1], tile(padded, columns))
        _name_digits(figure, {axis: codes}, labels)
    return figure


def arrows_on_plane(arrows, places, points, *, xlabel, ylabel):
    """Fields of arrows in the plane side by side, such as the steps of a denoiser, with some points marked.

    Args:
        arrows: dictionary from title to arrows `(n, 2)`, drawn in the units of the axes.
        places: where they begin, `(n, 2)`.
        points: `(m, 2)`, drawn as dots.
        xlabel, ylabel: what the axes show.

    Raises:
        ValueError: if an argument has another shape or values that are no finite numbers.
    """
    places, points = as_numbers("places", places, ("n", 2)), as_numbers("points", points, ("m", 2))
    entries = as_dictionary("arrows", arrows).items()
    arrows = {title: as_numbers(f"arrows[{title!r}]", field, places.shape) for title, field in entries}
    lengths = {title: np.linalg.norm(field, axis=1) for title, field in arrows.items()}
    gist = listed(f"{title}, of lengths from {spoken_range(length)}" for title, length in lengths.items())
    alt = f"Arrows at {counted(len(places), 'place')} of the plane of {xlabel} and {ylabel}: {gist}. "
    with new_panels(alt + f"{counted(len(points), 'point')} marked.", len(arrows), (4.0, 4.0)) as (figure, panels):
        for axis, (title, field) in zip(panels, arrows.items()):
            axis.quiver(*places.T, *field.T, angles="xy", scale_units="xy", scale=1, width=0.005, color="0.35")
            axis.plot(*points.T, "o", color="C2", markersize=8)
            axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
            axis.set_aspect("equal", adjustable="datalim")
    return figure


def images_on_map(codes, images, labels, title="", *, spacing=0.035):
    """Draws the images themselves at their places on a map, leaving out those that would overlap.

    Both axes have one scale, so that distances are seen as they are.

    Args:
        codes: places `(n, 2)`.
        images: `(n, height, width, 1)` in [0, 1].
        labels: digits `(n,)`; they colour the images.
        title: optional text above.
        spacing: least distance between two images, as a share of the map's longer side.

    Raises:
        ValueError: if codes are not `(n, 2)` or no finite numbers, images and labels are not as many, labels are no
            integers from 0 to 9, or `spacing` is not positive.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    images = as_images("images", images, channels=(1,))
    codes, labels = as_numbers("codes", codes, (len(images), 2)), as_labels("labels", labels, len(images))
    if not as_numbers("spacing", spacing, ()) > 0:
        raise ValueError(f"`spacing` must be positive. Received: {spacing=}")
    places = (codes - codes.min(axis=0)) / (np.ptp(codes, axis=0).max() or 1)
    kept = _far_enough(places, spacing)
    alt = f"{counted(len(kept), 'image')} of {len(images)}, those that would overlap left out, at their places on a map"
    alt += f"{_coloured(labels)}; {_extent(codes)}."
    with new_figure(titled(title, alt), size=(7.5, 7.5)) as (figure, axes):
        axis = axes[0, 0]
        for place, image, label in zip(places[kept], images[kept], labels[kept]):
            ink = np.broadcast_to(to_rgb(DIGIT_COLOURS[label]), (*image.shape[:2], 3))
            picture = OffsetImage(np.concatenate([ink, image], axis=-1), zoom=0.55)
            axis.add_artist(AnnotationBbox(picture, place, frameon=False))
        (right, top), edge = places.max(axis=0), 0.03
        axis.set(xlim=(-edge, right + edge), ylim=(-edge, top + edge), xticks=[], yticks=[])
        axis.set(title=title, aspect="equal")
        axis.grid(False)
    return figure


def _radius(circle):
    radius = float(as_numbers("circle", circle, ()))
    if radius <= 0:
        raise ValueError(f"`circle` must be a positive radius. Received: {circle=}")
    return radius


def _coloured(labels):
    """Words: what the colours say."""
    if labels is None:
        return ""
    digits = np.unique(labels)
    every = len(digits) > 2 and len(digits) == digits[-1] - digits[0] + 1
    return f", coloured by digit, {f'{digits[0]} to {digits[-1]}' if every else ', '.join(map(str, digits))}"


def _extent(points):
    """Words: how far points reach along each coordinate."""
    ways = ("across", "upwards") if points.shape[1] == 2 else ("in x", "in y", "in z")
    return ", ".join(f"{spoken_range(values)} {way}" for values, way in zip(points.T, ways))


def _label_axes(axis, symbol):
    axis.set(xlabel=f"${symbol}_1$", ylabel=f"${symbol}_2$")


def _shape_space(axis, every):
    """One view and the same limits for each cloud in space."""
    low, high = every.min(axis=0), every.max(axis=0)
    high = np.where(high > low, high, low + 1)  # points in one plane, too, get axes of some length
    axis.set(xlabel="x", ylabel="y", zlabel="z")
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    axis.locator_params(nbins=3)
    axis.view_init(elev=12, azim=-72)
    axis.set_aspect("equal")


def _draw_circle(axis, radius):
    angle = np.linspace(0, 2 * np.pi, 200)
    axis.plot(radius * np.cos(angle), radius * np.sin(angle), color="black", linewidth=1.2)


def _far_enough(places, spacing):
    """Indices of those places (n, 2) that are `spacing` away, across or up and down, from all that came before."""
    kept = []
    for i, place in enumerate(places):
        if not kept or np.abs(places[kept] - place).max(axis=1).min() >= spacing:
            kept.append(i)
    return kept


def _scatter_digits(axis, codes, labels):
    look = {"s": np.clip(15000 / len(codes), 4, 16), "alpha": 0.5, "linewidths": 0, "rasterized": True}
    if labels is None:
        axis.scatter(*codes.T, color="0.3", **look)
        return
    for digit in np.unique(labels):
        axis.scatter(*codes[labels == digit].T, color=DIGIT_COLOURS[digit], **look)


def _name_digits(figure, codes_of, labels):
    """Writes each digit in its colour at the median of its points, in each of the axes {axis: codes}."""
    if labels is None:
        return
    wrap_titles(figure)
    figure.draw_without_rendering()  # settles the layout: from here on data and points of the page correspond
    digits = np.unique(labels)
    for axis, codes in codes_of.items():
        medians = np.array([np.median(codes[labels == digit], axis=0) for digit in digits])
        _write_apart(axis, digits, medians)


def _write_apart(axis, digits, places):
    """Writes each digit at its place (digits, 2); names that would overlap are moved apart."""
    on_page = axis.transData.transform(places) * 72 / axis.figure.dpi
    shifts = _moved_apart(on_page + np.array([0, 7]), 18) - on_page  # above, for a tight group to be seen
    look = {"weight": "bold", "size": 10, "ha": "center", "va": "center", "textcoords": "offset points"}
    for digit, place, shift in zip(digits, places, shifts):
        patch = {"boxstyle": "circle,pad=0.15", "facecolor": DIGIT_COLOURS[digit], "edgecolor": "white"}
        moved = np.hypot(*shift) > 12  # then a line says where it belongs
        line = {"arrowstyle": "-", "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0} if moved else None
        axis.annotate(str(digit), place, shift, bbox=patch, color=_ink_on(digit), arrowprops=line, **look)


def _ink_on(digit):
    """Black or white, whichever is read better on the digit's colour."""
    from matplotlib.colors import to_rgb

    return "black" if np.dot(to_rgb(DIGIT_COLOURS[digit]), (0.3, 0.59, 0.11)) > 0.5 else "white"


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
