"""Codes and points as places on a map."""

import numpy as np

from course_utils.plotting.images import show, tile
from course_utils.plotting.style import DIGIT_COLOURS, new_figure


def latent_maps(maps, labels, *, unit="", circle=None):
    """Scatter plots of 2-D codes side by side, one colour a digit, its name at (or near) the median of its points.

    Args:
        maps: dictionary from title to codes `(n, 2)`.
        labels: digits `(n,)`, or None for points of one kind.
        unit: name of the axes, such as `"z"`: they are then labelled z₁ and z₂.
        circle: optional radius of a circle around the origin, such as the one that holds 95% of N(0, I).
    """
    with new_figure(1, len(maps), (4.3 * len(maps), 4.2)) as (figure, axes):
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
    with new_figure(1, len(clouds), (3.6 * len(clouds) + 0.8, 3.6), subplot_kw=projection) as (figure, axes):
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

    with new_figure(size=(5.6, 5.6)) as (figure, axes):
        axis = axes[0, 0]
        for place, diameters, digit in zip(mean, 2 * np.exp(log_var / 2), labels):
            axis.add_patch(Ellipse(place, *diameters, facecolor=DIGIT_COLOURS[digit], edgecolor="0.2", alpha=0.6))
            axis.annotate(str(digit), place, ha="center", va="center", fontsize=6)
        _draw_circle(axis, circle)
        axis.set(title=title, xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
        axis.autoscale_view()
    return figure


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
    with new_figure(1, 2, (8.6, 4.2), width_ratios=(1.15, 1)) as (figure, axes):
        axis = axes[0, 0]
        _scatter_digits(axis, codes, labels)
        axis.plot(*path.T, color="black", marker="X" if len(path) == 1 else ".", markersize=11 if len(path) == 1 else 4)
        axis.set(title=title, xlabel=f"${unit}_1$", ylabel=f"${unit}_2$")
        show(axes[0, 1], tile(padded, columns))
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
    with new_figure(size=(7.5, 7.5)) as (figure, axes):
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
