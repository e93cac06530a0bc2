"""Images in rows, in tiles, and beside their codes."""

import numpy as np

from course_utils.plotting.style import new_figure


def image_rows(rows, column_titles=None):
    """Rows of images with a label each, such as originals above their reconstructions.

    Args:
        rows: dictionary from label to images `(n, height, width, channels)` in [0, 1], `n` the same in all rows.
        column_titles: optional text above each column.
    """
    columns, tall = len(next(iter(rows.values()))), np.divide(*np.shape(next(iter(rows.values()))[0])[:2])
    with new_figure(size=(1.4 + 0.85 * columns, 0.85 * tall * len(rows) + 0.25)) as (figure, axes):
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
    with new_figure(n, 3, (8, 1.15 * n + 0.5), width_ratios=(1, 4.6, 1)) as (figure, axes):
        for row, image, code, result in zip(axes, images, codes, reconstruction):
            show(row[0], image)
            row[1].bar(np.arange(1, latent_dim + 1), code)
            row[1].axhline(0, color="0.5", linewidth=0.8)
            row[1].set(xlim=(0.2, latent_dim + 0.8), ylim=(low - margin, high + margin))
            row[1].grid(axis="x", visible=False)
            row[1].tick_params(labelbottom=row[1] is axes[-1, 1])
            show(row[2], result)
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
    tiled = tile(images, columns)
    side = min(7, 0.5 * columns + 1)
    with new_figure(size=(side, side * tiled.shape[0] / tiled.shape[1] + 0.4)) as (figure, axes):
        show(axes[0, 0], tiled)
        axes[0, 0].set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure


def tile(images, columns):
    """One image `(rows · height, columns · width, 1)` of n images, n a multiple of `columns`."""
    n, height, width, _ = images.shape
    return images.reshape(n // columns, columns, height, width).swapaxes(1, 2).reshape(-1, columns * width, 1)


def show(axis, image):
    axis.imshow(image, vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)
