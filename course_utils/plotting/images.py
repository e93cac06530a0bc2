"""Images in rows, in tiles, and beside their codes."""

import textwrap

import numpy as np

from course_utils.checks import check_whole
from course_utils.plotting.checks import as_dictionary, as_images, as_names, as_numbers
from course_utils.plotting.style import new_figure
from course_utils.plotting.words import counted, listed, spoken, titled


def image_rows(rows, column_titles=None):
    """Rows of images with a label each, such as originals above their reconstructions.

    Args:
        rows: dictionary from label to images `(n, height, width, 1 or 3)` in [0, 1]; `n` the same in all rows, and
            `height / width` too: small images are drawn as large as others.
        column_titles: optional text above each column.

    Raises:
        ValueError: if a row holds anything else, rows differ in length or proportions, or a column has no title.
    """
    rows = {label: as_images(f"rows[{label!r}]", images) for label, images in as_dictionary("rows", rows).items()}
    forms = {label: (len(images), images.shape[1] / images.shape[2]) for label, images in rows.items()}
    columns, tall = next(iter(forms.values()))
    for label, form in forms.items():
        if not np.allclose(form, (columns, tall)):
            n, height, width, _ = rows[label].shape
            raise ValueError(
                f"`rows` must have one length, and images of one height / width: the first row has {columns} images "
                f"of {tall:.3g}. Received: {n} of {height} / {width} in {label!r}"
            )
    titles = [] if column_titles is None else as_names("column_titles", column_titles, columns)
    alt = f"{counted(len(rows), 'row')} of {counted(columns, 'image')} each, from top to bottom: {listed(rows)}."
    alt += f" Columns from left to right: {listed(titles, 100)}." if titles else ""
    side = min(1.4, max(0.85, 7 / columns))  # inches per image: few are drawn larger
    with new_figure(alt, size=(1.4 + side * columns, side * tall * len(rows) + 0.25)) as (figure, axes):
        axis = axes[0, 0]  # one for all images: a hundred axes would take seconds to lay out
        for i, images in enumerate(rows.values()):
            for j, image in enumerate(images):
                frame = (j - 0.47, j + 0.47, (i + 0.47) * tall, (i - 0.47) * tall)
                axis.imshow(image, vmin=0, vmax=1, extent=frame)
        axis.set(xlim=(-0.5, columns - 0.5), ylim=((len(rows) - 0.5) * tall, -0.5 * tall))
        narrow = int(side / 0.07)  # characters above one image
        axis.set_xticks(range(len(titles)), [_folded(title, narrow) for title in titles], fontsize=9)
        axis.set_yticks(tall * np.arange(len(rows)), rows)
        axis.tick_params(length=0, labeltop=True, labelbottom=False)
        axis.grid(False)
        axis.spines[:].set_visible(False)
    return figure


def encodings(images, codes, reconstruction, *, title=""):
    """One row per image: the image, its code as bars, and what the decoder makes of the code.

    Args:
        images: `(n, height, width, 1 or 3)` in [0, 1].
        codes: `(n, latent_dim)`; all rows share one scale.
        reconstruction: of the images' shape.
        title: optional text above the codes.

    Raises:
        ValueError: if an argument has another shape, or values that are no numbers or no images.
    """
    images, reconstruction = as_images("images", images), as_images("reconstruction", reconstruction)
    if reconstruction.shape != images.shape:
        raise ValueError(f"`reconstruction` must have the shape {images.shape}. Received: {reconstruction.shape}")
    n = len(images)
    codes = as_numbers("codes", codes, (n, "latent_dim"))
    low, high = min(0, codes.min()), max(0, codes.max())
    margin = 0.05 * (high - low) or 1
    size = counted(codes.shape[1], "number")
    heading = title or f"its code: {size}"
    alt = (
        f"{counted(n, 'row')}, each an image, its code of {size} as bars from {spoken(low)} to {spoken(high)}, and its "
    )
    alt += f"reconstruction. Mean squared error per pixel {spoken(np.mean((images - reconstruction) ** 2))}."
    with new_figure(titled(title, alt), n, 3, (8, 1.15 * n + 0.5), width_ratios=(1, 4.6, 1)) as (figure, axes):
        for row, image, code, result in zip(axes, images, codes, reconstruction):
            show(row[0], image)
            row[1].bar(np.arange(1, len(code) + 1), code)
            row[1].axhline(0, color="0.5", linewidth=0.8)
            row[1].set(xlim=(0.2, len(code) + 0.8), ylim=(low - margin, high + margin))
            row[1].grid(axis="x", visible=False)
            row[1].tick_params(labelbottom=row[1] is axes[-1, 1])
            show(row[2], result)
        for axis, text in zip(axes[0], ("image", heading, "reconstruction")):
            axis.set_title(text, loc="center")
        axes[-1, 1].set_xlabel("unit of the code")
    return figure


def mosaic(images, columns, title="", xlabel="", ylabel=""):
    """Images tiled without gaps, row by row: samples, or a map of the latent space.

    Args:
        images: `(n, height, width, 1 or 3)` in [0, 1], `n` a multiple of `columns`.
        columns: images per row.
        title, xlabel, ylabel: optional texts.

    Raises:
        ValueError: if `images` are no such images, or `columns` doesn't divide their number.
    """
    images = as_images("images", images)
    tiled = tile(images, columns)
    rows = counted(len(images) // columns, "row")
    alt = f"Mosaic of {counted(len(images), 'image')} without gaps, in {rows} of {columns}."
    alt += "".join(f" {way}: {text}." for way, text in (("Across", xlabel), ("Up and down", ylabel)) if text)
    side = min(7, 0.5 * columns + 1)
    with new_figure(titled(title, alt), size=(side, side * tiled.shape[0] / tiled.shape[1] + 0.4)) as (figure, axes):
        show(axes[0, 0], tiled)
        axes[0, 0].set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure


def tile(images, columns):
    """One image `(rows · height, columns · width, channels)` of n images, row by row.

    Raises:
        ValueError: if n is no multiple of `columns`.
    """
    n, height, width, channels = images.shape
    columns = check_whole("columns", columns)
    if n % columns:
        raise ValueError(f"`columns` must divide the number of images, {n}. Received: columns={columns}")
    return images.reshape(-1, columns, height, width, channels).swapaxes(1, 2).reshape(-1, columns * width, channels)


def show(axis, image):
    """Draws one image `(height, width, 1 or 3)` in [0, 1] into the axes, without ticks or frame."""
    axis.imshow(image, vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)


def _folded(text, characters):
    return "\n".join(textwrap.fill(line, characters, break_long_words=False) for line in text.split("\n"))
