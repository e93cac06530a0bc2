"""Moving pictures that stay in the notebook."""

import base64
import io

import numpy as np


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
