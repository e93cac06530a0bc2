"""Moving pictures that stay in the notebook."""

import base64
import html
import io
from numbers import Real

import numpy as np

from course_utils.plotting.checks import as_images
from course_utils.plotting.words import plain_text


def film(figures, *, seconds):
    """Figures one after the other as an animated GIF that stays in the notebook, over and over again.

    Its alternative text is made of those of the first and the last figure.

    Args:
        figures: sequence of figures of one size, as the functions of `plotting` return them.
        seconds: duration of one round; below ten figures per second the eye sees single ones.

    Returns:
        An `IPython.display.HTML` with the picture inside: no file is left behind.

    Raises:
        ValueError: if there is no figure, sizes differ, or `seconds` leaves a frame less than 0.02 s.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figures = list(figures)
    if not figures:
        raise ValueError("`figures` must have at least one entry. Received: none")
    durations = _durations(seconds, len(figures))
    pictures = []
    for figure in figures:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    sizes = sorted({picture.size for picture in pictures})
    if len(sizes) > 1:
        raise ValueError(f"`figures` must have one size. Received: {sizes} pixels")
    first, last = (getattr(figure, "alt", "a figure")[:220] for figure in (figures[0], figures[-1]))
    alt = f"Film of {len(figures)} figures in {seconds:g} seconds. The first: {first} The last: {last}"
    return _gif(pictures, durations, pictures[0].width, alt)


def animation(frames, *, seconds, alt):
    """Images one after the other as an animated GIF that stays in the notebook, over and over again.

    The page enlarges each pixel to 4 × 4, so that what is stored stays small.

    Args:
        frames: `(n, height, width, 1 or 3)` in [0, 1].
        seconds: duration of one round; below ten frames per second the eye sees single ones.
        alt: what the pictures show, in a sentence or two, for those who don't see them.

    Returns:
        An `IPython.display.HTML` with the picture inside: no file is left behind.

    Raises:
        ValueError: if `frames` are no such images, `seconds` leaves a frame less than 0.02 s, or `alt` says nothing.
    """
    from PIL import Image

    frames = as_images("frames", frames)
    durations = _durations(seconds, len(frames))
    if not isinstance(alt, str) or len(alt) < 20:
        raise ValueError(f"`alt` must say in a sentence what the pictures show. Received: alt={alt!r}")
    pages = np.round(255 * frames).astype(np.uint8)
    pictures = [Image.fromarray(page[..., 0] if page.shape[-1] == 1 else page) for page in pages]
    return _gif(pictures, durations, 4 * frames.shape[2], alt)


def _durations(seconds, n):
    """Milliseconds of each of n frames, whole hundredths of a second as GIF has them, `seconds` in sum."""
    if not isinstance(seconds, Real) or not 0.02 * n <= seconds < np.inf:  # browsers slow faster ones down to 0.1 s
        raise ValueError(f"`seconds` must be at least 0.02 per frame, {0.02 * n:g} for {n}. Received: {seconds=}")
    ends = np.round(100 * seconds * np.arange(n + 1) / n)
    return (10 * np.diff(ends)).astype(int).tolist()


def _gif(pictures, durations, width, alt):
    from IPython.display import HTML

    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    data = base64.b64encode(buffer.getvalue()).decode()
    look = f'width="{width}" style="image-rendering: pixelated"'
    return HTML(f'<img alt="{html.escape(plain_text(alt))}" {look} src="data:image/gif;base64,{data}">')
