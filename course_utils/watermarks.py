"""Watermarks to remove: where a text or a logo covers a small image."""

import numpy as np

from course_utils.checks import check_whole

LETTERS = list("ABCDEFGHKLMNPRSTUVXYZ")


def watermark_masks(n, side, kind, rng):
    """Masks of watermarks, each of random shape, size and place within its image.

    A text has three to five capitals of 8 to 12 pixels' height, with strokes of about one pixel. A logo is a disc, a
    square or a cross of 18 to 24 pixels; the cross has strokes of 10 to 12.

    >>> masks = watermark_masks(3, 32, "logo", np.random.default_rng(0))
    >>> print(masks.shape, np.unique(masks))
    (3, 32, 32, 1) [0. 1.]

    Args:
        n: how many.
        side: height and width of an image in pixels, at least 24.
        kind: `"text"` or `"logo"`.
        rng: `numpy.random.Generator`.

    Returns:
        float32 array `(n, side, side, 1)`: 1 where the mark covers the image, 0 elsewhere.

    Raises:
        ValueError: if `n` or `side` is no such number or `kind` none of the two.
    """
    n, side = check_whole("n", n), check_whole("side", side, least=24)
    drawings = {"text": _draw_text, "logo": _draw_logo}
    if kind not in drawings:
        raise ValueError(f"`kind` must be 'text' or 'logo'. Received: kind={kind!r}")
    masks = [_drawn(drawings[kind], side, rng) for _ in range(n)]
    return np.stack(masks)[..., np.newaxis].astype(np.float32)


def _drawn(draw, side, rng):
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (side, side))
    draw(ImageDraw.Draw(canvas), side, rng)
    return np.asarray(canvas) > 127


def _draw_text(canvas, side, rng):
    from PIL import ImageFont

    font = ImageFont.load_default(int(rng.integers(8, 13)))
    word = "".join(rng.choice(LETTERS, rng.integers(3, 6)))
    left, top, right, bottom = canvas.textbbox((0, 0), word, font=font)
    x = rng.integers(max(1, side - (right - left) + 1))
    y = rng.integers(side - (bottom - top) + 1)
    canvas.text((x - left, y - top), word, font=font, fill=255)


def _draw_logo(canvas, side, rng):
    size, stroke = int(rng.integers(18, 25)), int(rng.integers(10, 13))
    x, y = map(int, rng.integers(side - size + 1, size=2))
    right, bottom = x + size - 1, y + size - 1
    shape = rng.choice(["disc", "square", "cross"])
    if shape == "disc":
        canvas.ellipse((x, y, right, bottom), fill=255)
    elif shape == "square":
        canvas.rectangle((x, y, right, bottom), fill=255)
    else:
        inset = (size - stroke) // 2
        canvas.rectangle((x + inset, y, x + inset + stroke - 1, bottom), fill=255)
        canvas.rectangle((x, y + inset, right, y + inset + stroke - 1), fill=255)
