"""Exercises of lesson 10: colour spaces, annealed means, consistent enlargements, marks that let something through."""

import numpy as np

from course_utils.corruptions import downsample
from course_utils.exercises import Prediction, as_array, exercise

_COLOURS = {
    "grey": ((0.5, 0, 0), (0.5, 0.5, 0.5)),
    "pure red": ((0.299, -0.299 / 1.772, 0.5), (1, 0, 0)),
    "pure green": ((0.587, -0.587 / 1.772, -0.587 / 1.402), (0, 1, 0)),
    "pure blue": ((0.114, 0.5, -0.114 / 1.402), (0, 0, 1)),
}


def _colours_come_back(to_rgb):
    for name, (ycbcr, rgb) in _COLOURS.items():
        image = np.tile(np.asarray(ycbcr, np.float32), (1, 2, 3, 1))
        got = to_rgb(image)
        if got.shape != (1, 2, 3, 3):
            return f"An array (1, 2, 3, 3) must come back in that shape; yours has {got.shape}"
        if not np.allclose(got[0, 0, 0], rgb, atol=1e-4):
            said = ", ".join(f"{value:.3f}" for value in got[0, 0, 0])
            return f"{name} has Y, Cb, Cr = {np.round(ycbcr, 3).tolist()} and must become {rgb}; yours is ({said})"
    return None


@exercise(
    checks=[_colours_come_back],
    hint="The definitions of Cb and Cr give B and R at once. Then solve Y = 0.299 R + 0.587 G + 0.114 B for G. "
    "`np.stack([r, g, b], axis=-1)` puts the channels together.",
    returns=as_array,
    cases=lambda rng: [(rng.normal(size=(2, 4, 5, 3)).astype(np.float32),)],
)
def to_rgb(ycbcr):
    """Luma and chroma (n, height, width, 3) as red, green and blue of the same shape."""
    y, cb, cr = ycbcr[..., 0], ycbcr[..., 1], ycbcr[..., 2]
    r, b = y + 1.402 * cr, y + 1.772 * cb
    return np.stack([r, (y - 0.299 * r - 0.114 * b) / 0.587, b], axis=-1)


better_by_image = Prediction(
    "better_by_image",
    "The mean chroma of all images has the smaller squared error over all pixels. Which has the higher PSNR in the "
    "mean over images?",
    "What decides are the few images without any colour. A grey copy is exact there, and counts as many decibels as "
    "the cap allows. A mean over images can be won by those alone; the pooled error hardly sees them.",
    "Think of an image that has no colour at all. What is its PSNR as a grey copy, and how much can it add to a mean?",
    options=("grey copy", "mean chroma"),
)

paleness = Prediction(
    "paleness",
    "What is the variance of the network's chroma, over that of the true chroma?",
    "The mean squared error is least at the conditional mean, and the variance of a conditional mean is the explained "
    "part of the variance: R² of it. What can't be known from the grey picture is left out, so colours come out pale.",
    "Var(true) = Var(prediction) + error, if the prediction is the conditional mean. R² = 1 - error / Var(true).",
    within=0.05,
)

_PROBABILITIES = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
_CENTRES = np.array([-0.4, 0.1, 0.2])


def _one_is_the_mean(annealed_mean):
    got, expected = annealed_mean(_PROBABILITIES, _CENTRES, 1.0), _PROBABILITIES @ _CENTRES
    if got.shape != (2,):
        return f"Probabilities (2, 3) and three centres make two means, shape (2,); yours has {got.shape}"
    if not np.allclose(got, expected, atol=1e-6):
        return (
            f"At temperature 1 the probabilities stay as they are: {expected.tolist()}; yours: {got.round(4).tolist()}"
        )
    return None


def _cold_is_the_mode(annealed_mean):
    got = annealed_mean(_PROBABILITIES, _CENTRES, 0.01)
    if not np.allclose(got, [-0.4, 0.2], atol=1e-3):
        return (
            f"Near temperature 0 only the likeliest centre is left: [-0.4, 0.2]; yours: {np.round(got, 4).tolist()}. "
            "The power is one over the temperature, and what it gives must sum to 1 again"
        )
    return None


def _nothing_overflows(annealed_mean):
    got = annealed_mean(np.array([[1e-30, 2e-30, 0.0], [0.0, 1.0, 0.0]]), _CENTRES, 0.05)
    if not np.allclose(got, [0.1, 0.1], atol=1e-3):
        return (
            "Probabilities raised to a high power become 0 in a computer, and 0 / 0 is no number. Divide each row by "
            f"its largest entry first. Expected [0.1, 0.1], yours: {np.asarray(got).tolist()}"
        )
    return None


@exercise(
    checks=[_one_is_the_mean, _cold_is_the_mode, _nothing_overflows],
    hint="p / p.max(axis=-1, keepdims=True), then ** (1 / temperature), then divide by the sum over the last axis. The "
    "mean is the sum of the weights times the centres.",
    returns=as_array,
    cases=lambda rng: [(rng.dirichlet(np.ones(7), size=(2, 3, 4)), rng.normal(size=7), 0.4)],
)
def annealed_mean(probabilities, centres, temperature):
    """The mean of the centres (k,) under p^(1/T) made to sum to 1: probabilities (..., k) to (...)."""
    weights = (probabilities / probabilities.max(axis=-1, keepdims=True)) ** (1 / temperature)
    return (weights * centres).sum(axis=-1) / weights.sum(axis=-1)


def _a_pair(rng, factor):
    truth = rng.random((3, 4 * factor, 2 * factor, 2)).astype(np.float32)
    return truth, downsample(truth, factor), truth + rng.normal(0, 0.3, truth.shape).astype(np.float32)


def _averages_to_the_small_one(make_consistent):
    for factor in (2, 4):
        _, small, guess = _a_pair(np.random.default_rng(0), factor)
        got = make_consistent(guess, small, factor)
        if got.shape != guess.shape:
            return f"The result must have the guess's shape {guess.shape}; yours has {got.shape}"
        blocks = got.reshape(3, 4, factor, 2, factor, 2).mean(axis=(2, 4))
        apart = np.abs(blocks - small).max()
        if apart > 1e-4:
            return f"The result's blocks must average to the small image; yours are off by up to {apart:.3g}"
    return None


def _changes_nothing_else(make_consistent):
    truth, small, guess = _a_pair(np.random.default_rng(1), 2)
    if not np.allclose(make_consistent(truth, small, 2), truth, atol=1e-5):
        return "A guess whose blocks average to the small image already must come back as it is"
    change = make_consistent(guess, small, 2) - guess
    if not np.allclose(change, change[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2), atol=1e-5):
        return "Add the same to all pixels of a block: that is the smallest change that sets its mean right"
    return None


@exercise(
    checks=[_averages_to_the_small_one, _changes_nothing_else],
    hint="`downsample(guess, factor)` would refuse values outside [0, 1], so reshape to blocks and take their means. "
    "Then `np.repeat(missing, factor, axis=1)`, and the same along axis 2.",
    returns=as_array,
    cases=lambda rng: [(*_a_pair(rng, 3)[:0:-1], 3)],
)
def make_consistent(guess, small, factor):
    """The image nearest to the guess (n, h, w, c) whose blocks average to `small` (n, h/factor, w/factor, c)."""
    n, height, width, channels = small.shape
    blocks = guess.reshape(n, height, factor, width, factor, channels)
    missing = small - blocks.mean(axis=(2, 4))
    return (blocks + missing[:, :, np.newaxis, :, np.newaxis]).reshape(guess.shape)


def _marked(rng, opacity):
    images = rng.random((4, 6, 5, 3)).astype(np.float32)
    mask = opacity * (rng.random((4, 6, 5, 1)) < 0.5).astype(np.float32)
    return images, mask, mask * 0.9 + (1 - mask) * images


def _undoes_what_lets_something_through(unmark):
    for opacity in (0.3, 0.8):
        images, mask, marked = _marked(np.random.default_rng(0), opacity)
        got = unmark(marked, mask, 0.9)
        if got.shape != images.shape:
            return f"Images {images.shape} must come back in that shape; yours have {got.shape}"
        if not np.allclose(got, images, atol=1e-4):
            apart = np.abs(got - images).max()
            return f"A mark of opacity {opacity} must come off without a trace; yours leaves up to {apart:.3g}"
    return None


def _leaves_what_is_gone(unmark):
    opacity = np.tile(np.array([0, 0.5, 0.97, 1], np.float32), (2, 3, 1))[..., np.newaxis]  # four columns
    images = np.random.default_rng(1).random((2, 3, 4, 3)).astype(np.float32)
    marked = opacity * 0.9 + (1 - opacity) * images
    marked[:, :, 3] = images[:, :, 3]  # not the mark's colour, to see whether it is left alone
    got = unmark(marked, opacity, 0.9)
    if not np.isfinite(got).all():
        return "Where the opacity is 1 nothing of the image is left, and 0 / 0 is no number. Leave those pixels alone"
    if not np.allclose(got[:, :, 3], marked[:, :, 3], atol=1e-6):
        return "Where the opacity is 1 nothing of the image is left: leave those pixels as they are"
    if not np.allclose(got, images, atol=1e-3):
        return "Opaque pixels must not keep the others of their image from being undone, up to an opacity of 0.97"
    return None


@exercise(
    checks=[_undoes_what_lets_something_through, _leaves_what_is_gone],
    hint="Solve marked = opacity · colour + (1 - opacity) · image for the image. `np.where(opacity < 1, ..., marked)`, "
    "with a denominator that is never 0.",
    returns=as_array,
    cases=lambda rng: [(*_marked(rng, 0.6)[:0:-1], 0.9)],
)
def unmark(marked, opacity, colour):
    """Images (n, h, w, c) without the mark of that colour and opacity (n, h, w, 1); opaque pixels stay as they are."""
    visible = np.where(opacity < 1, 1 - opacity, 1)
    return np.where(opacity < 1, (marked - opacity * colour) / visible, marked)


hardest_hole = Prediction(
    "hardest_hole",
    "Where is the network's lead over the biharmonic fill larger, in decibels: under thin text or under a thick logo?",
    "Under a thin stroke nearly everything can be known from the pixels on both sides, for whoever weighs them well. "
    "The biharmonic surface does not: it trusts each of them fully. In a logo most of what is hidden can't be known by "
    "anyone.",
    "A lead in decibels is a share of the error. Where is there more to be known from what is visible?",
    options=("thin text", "thick logo"),
)
