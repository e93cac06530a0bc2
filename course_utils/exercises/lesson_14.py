"""Exercises of lesson 14: nearest entries, straight-through, two losses, a mask, drawing in order, code length."""

import numpy as np
from keras import ops

from course_utils.exercises import Prediction, as_array, as_whole, exercise

blind_guess = Prediction(
    "blind_guess",
    "Of the pixels before the one in the middle, which share does a pile of plain masked convolutions never see, "
    "however many there are? A number from 0 to 100; within 8 counts as right.",
    "Each layer looks up by one row and, in that row, right by one column. What is above and further to the right "
    "than one column a row takes a way through pixels that are masked. That is a triangle, about a fifth of the field "
    "here, a quarter of an endless one.",
    "One layer reaches one row up, and there one column left and right of its own. Can two layers reach the pixel "
    "that is one row up and two columns right?",
    unit="%",
    within=8,
)

bytes_guess = Prediction(
    "bytes_guess",
    "How many bytes does AVIF take for a digit, many in one mosaic, at about the VQ-VAE's error? Within 10 counts as "
    "right.",
    "Nearly three times as many as the VQ-VAE with its prior. AVIF's predictions and its tables are made for all "
    "pictures, and ours know nothing but digits.",
    "You know the VQ-VAE's bytes. AVIF predicts blocks from their neighbours, too, and codes what is left with an "
    "entropy coder. But it has never seen a digit.",
    unit="bytes",
    within=10,
)


def _finds_the_nearest(nearest_entries):
    codebook = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 3.0]])
    vectors = np.array([[0.9, 0.2], [2.0, 1.9], [-5.0, 1.0]])
    got = nearest_entries(vectors, codebook)
    if got.shape != (3,):
        return f"Three vectors have three numbers, shape (3,); yours has {got.shape}"
    if np.array_equal(got, [1, 2, 0]):
        return None
    mistakes = {
        "Those are the entries furthest away": [2, 0, 2],
        "Those are the entries with the largest product with the vector. A long entry is not a near one: "
        "the distance needs its squared length, too": [2, 2, 0],
    }
    cause = next((text for text, numbers in mistakes.items() if np.array_equal(got, numbers)), "")
    return f"Nearest to (0.9, 0.2), (2, 1.9) and (-5, 1) are the entries 1, 2 and 0; yours says {got.tolist()}. {cause}"


def _takes_the_lowest_of_several(nearest_entries):
    got = nearest_entries(np.array([[0.5, 0.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    if not np.array_equal(got, [0, 1]):
        return f"Of entries that are equally near take the one with the lowest number: 0 and 1; yours says {got}"
    return None


@exercise(
    checks=[_finds_the_nearest, _takes_the_lowest_of_several],
    hint="‖z - e‖² = ‖z‖² - 2 z·e + ‖e‖². All products at once are `vectors @ codebook.T`. Which of the three terms is "
    "the same for all entries?",
    returns=as_whole,
    cases=lambda rng: [(rng.normal(size=(40, d)), 2 * rng.normal(size=(k, d))) for d, k in ((3, 7), (5, 30))],
)
def nearest_entries(vectors, codebook):
    """The number of each vector's nearest entry, the lowest of several: (n, d), (k, d) to (n,)."""
    products = vectors @ codebook.T
    return np.argmin(np.sum(codebook**2, axis=1) - 2 * products, axis=1)


def _pair(rng, *shape):
    return rng.normal(size=shape).astype("float32"), rng.normal(size=shape).astype("float32")


def _has_the_entries_value(straight_through):
    vectors, entries = _pair(np.random.default_rng(0), 3, 2)
    got = straight_through(vectors, entries)
    if got.shape != (3, 2):
        return f"The result has the entries' shape, (3, 2); yours has {got.shape}"
    if np.allclose(got, vectors, atol=1e-5):
        return "The decoder is to get the entries; yours hands on the vectors"
    if not np.allclose(got, entries, atol=1e-5):
        return f"Going forward the result is the entries, {entries[0]} first; yours begins with {got[0]}"
    return None


@exercise(
    checks=[_has_the_entries_value],
    hint="Write the entry as the vector plus a difference. Through which of the two shall gradients pass? "
    "`ops.stop_gradient` keeps the value of what it gets and lets no gradient through.",
    cases=lambda rng: [_pair(rng, 4, 3, 5)],
    gradients=("vectors", "entries"),
)
def straight_through(vectors, entries):
    """The entries, of which backpropagation believes that they are the vectors; all of one shape."""
    return vectors + ops.stop_gradient(entries - vectors)


def _has_the_value(quantization_loss):
    vectors, entries = np.zeros((2, 3), "float32"), np.full((2, 3), 2.0, "float32")
    got = quantization_loss(vectors, entries, 0.25)
    if got.shape != ():
        return f"One number for the batch was expected, yours has shape {got.shape}"
    causes = {30: "Summed where a mean is asked for?", 4: "Is the commitment missing?", 1: "Is one of two missing?",
              15: "Summed over the numbers of a vector?", 2.5: "Not squared?"}  # fmt: skip
    if not np.isclose(got, 5, rtol=1e-4):
        cause = next((text for value, text in causes.items() if np.isclose(got, value, rtol=1e-4)), "")
        return f"All numbers are 2 apart, so with β = 0.25 it is 4 + 0.25 · 4 = 5; yours is {got:.4g}. {cause}"
    return None


@exercise(
    checks=[_has_the_value],
    hint="Both terms have the same value but for β. What differs is which of the two `ops.stop_gradient` holds fixed: "
    "commitment moves the vectors, so the entries are fixed there.",
    cases=lambda rng: [(*_pair(rng, 4, 3), 0.25), (*_pair(rng, 2, 3, 5), 0.7)],
    gradients=("vectors", "entries"),
)
def quantization_loss(vectors, entries, beta):
    """Codebook term plus β times commitment, both means over all numbers; one number."""
    commitment = ops.mean(ops.square(vectors - ops.stop_gradient(entries)))
    codebook = ops.mean(ops.square(ops.stop_gradient(vectors) - entries))
    return codebook + beta * commitment


def _is_a_mask(causal_mask):
    got = causal_mask(3, False)
    if got.shape != (3, 3):
        return f"A kernel of side 3 has a mask of shape (3, 3); yours has {got.shape}"
    if not np.isin(got, (0, 1)).all():
        return f"A mask is made of zeros and ones; yours has {np.unique(got)[:4]}"
    if got[1, 1]:
        return (
            "Without the centre (`with_centre=False`) the centre is 0: a pixel must not see itself. Yours has a 1. "
            "Does it mind `with_centre`, and not the wrong way round?"
        )
    expected = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]])
    if np.array_equal(got, expected):
        return None
    causes = {
        "Those are the pixels after the centre": expected[::-1, ::-1],
        "Of the row above, all pixels come before the centre, the right one as well": np.tril(np.ones((3, 3)), -1),
        "That is column by column": expected.T,
    }
    cause = next((text for text, mask in causes.items() if np.array_equal(got, mask)), "")
    return f"Before the centre of 3 × 3 lie the row above and the pixel to the left, 4 pixels. {cause}"


def _has_its_centre(causal_mask):
    with_centre, without = causal_mask(5, True), causal_mask(5, False)
    if with_centre[2, 2] != 1:
        return "With `with_centre=True` the centre is 1"
    if np.sum(with_centre != without) != 1:
        return "The two kinds of mask differ in the centre alone; yours differ elsewhere"
    return None


@exercise(
    checks=[_is_a_mask, _has_its_centre],
    hint="In reading order the side² pixels have the numbers 0, 1, 2, … . Which number has the centre?",
    returns=as_array,
    cases=lambda rng: [(7, False), (7, True), (1, True), (1, False)],
)
def causal_mask(side, with_centre):
    """1 for each pixel of a kernel (side, side), side odd, that comes before its centre in reading order, else 0."""
    places = np.arange(side**2).reshape(side, side)
    return (places < side**2 // 2 + with_centre).astype(float)


def _chain(values):
    """Certain of each entry: one more than the entry before it in reading order, modulo 5; the first is a 3."""
    before = np.concatenate([np.full((len(values), 1), 2), values.reshape(len(values), -1)[:, :-1]], axis=1)
    return np.eye(5)[(before + 1) % 5].reshape(*values.shape, 5)


def _shape_and_order(sampled):
    start = np.full((2, 2, 3), 2)
    got = sampled(_chain, start, np.zeros((2, 3), bool), np.random.default_rng(0))
    if got.shape != (2, 2, 3):
        return f"Two grids of 2 × 3 were to be drawn, shape (2, 2, 3); yours has {got.shape}"
    expected = (3 + np.arange(6).reshape(2, 3)) % 5
    if np.array_equal(got, _chain(start).argmax(-1)):
        return (
            "Yours draws as if the entries before had not been drawn yet. Is it all from one and the same "
            "`predict(values)`, or from the last entry to the first?"
        )
    if not np.array_equal(got[0], expected):
        return (
            f"Where each entry is surely one more than that before it, {expected.tolist()} is drawn; yours is "
            f"{got[0].tolist()}. Row by row from the left, with `predict` anew for each entry?"
        )
    if not np.array_equal(got[1], expected):
        return "The first grid is right and the second is not: draw the entry for all grids of the batch"
    return None


def _keeps_what_is_known(sampled):
    start = np.array([[[0, 1, 2], [4, 4, 4]], [[2, 3, 4], [4, 4, 4]]])
    known = np.array([[True, True, True], [False, False, True]])
    got = sampled(_chain, start, known, np.random.default_rng(0))
    if not np.array_equal(got[:, known], start[:, known]):
        return f"Known entries stay: {start[0].tolist()} where `known`; yours is {got[0].tolist()}"
    if not np.array_equal(got[0, 1, :2], [3, 4]):
        return (
            f"After a known row 0, 1, 2 come 3 and 4; yours has {got[0, 1, :2].tolist()}. Known entries must be in "
            "place before the first question: start from `values`"
        )
    if not np.array_equal(got[1, 1, :2], [0, 1]):
        return (
            "In the first grid, after 0, 1, 2 come 3 and 4, and yours has them. In the second, after 2, 3, 4 come 0 "
            f"and 1, and yours has {got[1, 1, :2].tolist()}: each grid is drawn from its own probabilities"
        )
    return None


def _draws_by_probabilities(sampled):
    probabilities = np.array([0.1, 0.6, 0.3])

    def predict(values):
        return np.tile(probabilities, (*values.shape, 1))

    def drawn(seed):
        return sampled(predict, np.zeros((1000, 1, 6), int), np.zeros((1, 6), bool), np.random.default_rng(seed))

    got = drawn(0).astype(int)
    shares = np.bincount(got.ravel(), minlength=3)[:3] / got.size
    if shares[1] == 1:
        return "Yours takes the likeliest value each time. Draw: with probabilities of 0.6 six times in ten"
    if len(np.unique(got[:, 0], axis=0)) < 20:
        return "Each grid of the batch needs its own draw, independent of the others'"
    if np.abs(shares - probabilities).max() > 0.04:
        return f"With probabilities of {probabilities} the shares drawn are {shares.round(3)}"
    if not np.array_equal(drawn(0), got) or np.array_equal(drawn(1), got):
        return "Draw with `rng`: the same seed makes the same grids, another seed makes others"
    return None


@exercise(
    checks=[_shape_and_order, _keeps_what_is_known, _draws_by_probabilities],
    hint="`np.argwhere(~known)` lists the unknown places in reading order. For one place, `predict(values)[:, i, j]` "
    "has a row of probabilities for each grid; a uniform number for each, compared with the cumulative "
    "probabilities, draws from them.",
    returns=as_whole,
)
def sampled(predict, values, known, rng):
    """The grids with their unknown entries drawn one after the other, in reading order.

    predict: function of grids (n, rows, columns) to probabilities (n, rows, columns, k), where those of an entry depend
    on the entries before it alone; values (n, rows, columns); known (rows, columns), boolean; rng: NumPy's Generator.
    """
    values = values.copy()
    for row, column in np.argwhere(~known):
        probabilities = predict(values)[:, row, column]
        values[:, row, column] = np.argmax(np.log(probabilities + 1e-30) + rng.gumbel(size=probabilities.shape), axis=1)
    return values


def _is_bits(code_length):
    probabilities = np.array([[[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]]])
    got = code_length(probabilities, np.array([[1, 0]]))
    if got.shape != (1,):
        return f"One grid has one length, shape (1,); yours has {got.shape}"
    causes = {
        5 * np.log(2): "Those are nats: the logarithm to base 2 makes bits",
        -5: "The sign is turned",
        2.5: "That is the mean, and the whole grid must be coded",
        6: "Whole bits for each entry? A coder shares bits between entries",
        5 / 8: "Those are bytes",
    }
    if not np.isclose(got[0], 5, rtol=1e-4):
        cause = next((text for value, text in causes.items() if np.isclose(got[0], value, rtol=1e-4)), "")
        return f"Probabilities of 1/4 and 1/8 cost 2 and 3 bits, together 5; yours is {got[0]:.4g}. {cause}"
    return None


def _of_a_long_grid(code_length):
    got = code_length(np.full((1, 28, 28, 2), 0.5, np.float32), np.zeros((1, 28, 28), int))
    if not np.isclose(got[0], 784):
        cause = "A product of so many probabilities is 0 in the computer: first the logarithms, then their sum"
        return f"784 tosses of a coin cost 784 bits; yours says {got[0]:.4g}. {cause if np.isinf(got[0]) else ''}"
    return None


@exercise(
    checks=[_is_bits, _of_a_long_grid],
    hint="`np.take_along_axis(probabilities, values[..., np.newaxis], axis=-1)` picks for each entry the probability "
    "of its value. Each costs -log2 of that; sum over all axes but the first.",
    returns=as_array,
    cases=lambda rng: [(rng.dirichlet(np.ones(k), size=shape), rng.integers(k, size=shape))
                       for k, shape in ((4, (3, 5)), (6, (2, 7, 3)))],
)  # fmt: skip
def code_length(probabilities, values):
    """Bits that an ideal coder needs for each grid of the batch: (n, ..., k), (n, ...) to (n,)."""
    chosen = np.take_along_axis(probabilities, values[..., np.newaxis], axis=-1)
    return -np.log2(chosen).reshape(len(values), -1).sum(axis=1)
