"""Exercises of lesson 13: labels along a graph, a loss without a label, AUROC, distance, threshold, zlib's bits."""

import zlib

import numpy as np
from keras import ops

from course_utils.exercises import Prediction, as_array, as_number, exercise, fitting

gap_with_labels = Prediction(
    "gap_with_labels",
    "From 100 labels to 1,000: what becomes of the gap, in points, between fine-tuned and from scratch?",
    "Both errors fall with more labels, and the start from the code remains worth one to two points. As the errors get "
    "smaller, that is a growing share of what is left.",
    "Both networks see moved copies of the same labelled digits. Does one of them catch up with ten times as many?",
    options=("halves", "stays", "doubles"),
)

ones_auroc = Prediction(
    "ones_auroc",
    "How well does the likelihood of a VAE that never saw a one tell ones from the other test digits, as an AUROC from "
    "0 to 1? Within 0.15 counts as right.",
    "A one has little ink and hardly a bend, so there is little to be unsure about: it costs fewer bits than digits "
    "that the VAE has learnt from. A likelihood says how cheap an image is, and simple ones are cheap.",
    "The score is the number of bits of an image. Which digit has the fewest strokes, so the fewest uncertain pixels?",
    within=0.15,
)


def _mistaken(got, sentences):
    """The sentence of the wrong result that `got` is, pairs (sentence, result); None if it is none of them."""
    return next((sentence for sentence, result in sentences if np.allclose(got, result, rtol=1e-4)), None)


def _chain(weight=1.0):
    """Five nodes in a row, of which the ends are labelled, class 0 on the left and class 1 on the right."""
    weights = weight * (np.eye(5, k=1) + np.eye(5, k=-1))
    labelled = np.array([True, False, False, False, True])
    return weights, np.array([[1.0, 0], [0, 0], [0, 0], [0, 0], [0, 1]]), labelled


def _graph(rng, n, k):
    """A connected graph of n nodes, every third one labelled with one of k classes; `propagated`'s first arguments."""
    weights = rng.random((n, n)) * (rng.random((n, n)) < 0.4) + np.eye(n, k=1)
    np.fill_diagonal(weights, 0)
    labelled = np.arange(n) % 3 == 1
    return weights + weights.T, np.eye(k)[rng.integers(k, size=n)] * labelled[:, np.newaxis], labelled


def _starts_from_labels(propagated):
    got = propagated(*_chain(), 0)
    if got.shape != (5, 2):
        return f"Five nodes and two classes make rows of shape (5, 2); yours has {got.shape}"
    if not np.allclose(got, _chain()[1]):
        return "With steps=0 nothing moves: the rows are `labels` as they came. Begin with them"
    return None


def _keeps_labelled_rows(propagated):
    """With as many classes as nodes, so that sums without their axis do not raise but give a result to name."""
    weights, labels, labelled = _graph(np.random.default_rng(0), 8, 8)
    got = propagated(weights, labels, labelled, 1)
    if np.allclose(got[~labelled], (weights @ labels / weights.sum(axis=1))[~labelled]):
        return "Row i is to be divided by sum i: give the sums the shape (n, 1), `weights.sum(axis=1, keepdims=True)`"
    if not np.allclose(got[labelled], labels[labelled]):
        return "Labelled rows are known and stay as they are. Put them back to `labels` at the end of every step"
    if got[~labelled].any() and np.isin(got, (0, 1)).all():
        return "Yours makes the rows one-hot. Keep the means, shares of the classes: argmax comes after the last step"
    return None


def _moves_rows_at_once(propagated):
    got = propagated(*_chain(), 1)[:, 0]
    if got[3] > 0:
        return (
            "In a chain of five, one step reaches the next node only, but yours brought the left label to the fourth. "
            "All rows of a step are means of the rows before it: don't overwrite them one by one"
        )
    if got[2] > 0:
        return "In a chain of five, steps=1 brings the left label to the second node, yours to the third: two steps?"
    return None


def _takes_weighted_means(propagated):
    weights, labels, labelled = _graph(np.random.default_rng(1), 8, 3)
    sums, totals = weights.sum(axis=1), weights @ labels
    means = totals / sums[:, np.newaxis]
    got = propagated(weights, labels, labelled, 1)[~labelled]
    if np.allclose(got, means[~labelled]):
        return None
    mistakes = [
        ("That is the weighted sum of the neighbours' rows. For the mean, divide by the sum of the weights", totals),
        ("Yours counts node i among its own neighbours, a self-loop. Take `weights` as they are",
         (totals + labels) / (sums[:, np.newaxis] + 1)),
        ("Divide node i's row by the sum of its own weights, row i of `weights`; yours took column sums: keep the "
         "axis, (n, 1)", weights / sums @ labels),
        ("Yours divides by the square roots of both nodes' sums. The mean divides by node i's own sum",
         weights / np.sqrt(np.outer(sums, sums)) @ labels),
        ("Neighbours without a label count in the mean as well, with their rows of zeros: a row need not sum to 1 yet",
         totals / np.maximum(totals.sum(axis=1, keepdims=True), 1e-12)),
    ]  # fmt: skip
    return _mistaken(got, [(sentence, rows[~labelled]) for sentence, rows in mistakes]) or (
        f"After one step the first row without a label is {means[0].round(3)}, the mean of its neighbours' rows by "
        f"weight; yours is {got[0].round(3)}"
    )


def _ends_in_a_line(propagated):
    got, expected = propagated(*_chain(weight=3.0), 200)[:, 1], np.linspace(0, 1, 5)
    if np.allclose(got, [0, 0, 0, 0.5, 1]):
        return "200 steps bring no more than one. Each step goes on from the rows of the step before, not from `labels`"
    if not np.allclose(got, expected, atol=1e-4):
        return (
            "In a chain of five with labelled ends, each inner node ends as the mean of both neighbours: class 1 has "
            f"{expected}; yours has {got.round(3)}. Are the labelled rows put back in every step?"
        )
    return None


@exercise(
    checks=[_starts_from_labels, _keeps_labelled_rows, _moves_rows_at_once, _takes_weighted_means, _ends_in_a_line],
    hint="`weights @ rows` sums the neighbours' rows by weight, for all nodes at once. What must row i be divided by? "
    "`np.where(labelled[:, np.newaxis], labels, rows)` puts the known rows back.",
    returns=as_array,
    cases=lambda rng: [(*_graph(rng, 13, 4), 3), (*_graph(rng, 7, 2), 10)],
)
def propagated(weights, labels, labelled, steps):
    """Rows (n, k) after so many steps: each row becomes its neighbours' mean by weight, labelled rows are put back.

    weights (n, n), symmetric and not negative; labels (n, k), one-hot, zeros where unknown; labelled (n,), boolean.
    """
    rows = labels
    sums = weights.sum(axis=1).reshape(-1, 1)
    for _ in range(steps):
        rows = np.where(labelled[:, np.newaxis], labels, weights @ rows / sums)
    return rows


def _is_the_least_over_q(unlabelled_loss):
    losses = np.array([[2.0, 3.0, 5.0], [4.0, 1.0, 1.5]], np.float32)
    got, expected = unlabelled_loss(losses), -np.logaddexp.reduce(-losses, axis=1)
    if got.shape != (2,):
        return f"Two images have two losses, shape (2,); yours has {got.shape}"
    if np.allclose(got, expected, rtol=1e-4):
        return None
    q = np.exp(expected[:, np.newaxis] - losses)
    mistakes = [
        ("The sign is turned: the least value of a loss is below each of its class losses", -expected),
        ("A small loss makes a class likely: exp of minus the loss, and a minus before the logarithm, too",
         np.logaddexp.reduce(losses, axis=1)),
        ("That is the loss of the best class alone. A q that spreads gains its entropy: the least value lies lower",
         losses.min(axis=1)),
        ("The best q is in it, its entropy is not: add the sum of q log q", np.sum(q * losses, axis=1)),
        ("That is the loss of a q that is the same for every class. Each image has a better one of its own",
         losses.mean(axis=1) - np.log(3)),
        *[("Yours is the log of a mean of exp. Take the log of the sum: `class_losses` holds the prior already",
           sign * (expected + np.log(3))) for sign in (1, -1)],
    ]  # fmt: skip
    return _mistaken(got, mistakes) or (
        f"For class losses 2, 3 and 5 no q does better than {expected[0]:.4g}; yours is {got[0]:.4g}. Set the "
        "derivative by q_k to zero, with the q_k held to a sum of 1"
    )


def _survives_a_thousand(unlabelled_loss):
    rows = np.array([[1000, 1000], [5, 3000], [2000, 2001], [-1000, -1002]], np.float32)
    got, expected = unlabelled_loss(rows), -np.logaddexp.reduce(-rows, axis=1)
    if not np.allclose(got, expected, rtol=1e-6, atol=1e-3):
        place = np.argmin(np.isclose(got, expected, rtol=1e-6, atol=1e-3))
        return (
            f"exp(-1000) is 0 for a float and its logarithm infinite: class losses {rows[place].tolist()} give "
            f"{expected[place]:.2f}, yours {got[place]:.2f}. `logsumexp` and `log_softmax` are made for that"
        )
    return None


@exercise(
    checks=[_is_the_least_over_q, _survives_a_thousand],
    hint="The best q is proportional to exp(-class_losses): it is a softmax. Put it into the sum: what is "
    "class_losses + log q now? It no longer depends on the class. `ops.logsumexp` takes an axis.",
    cases=lambda rng: [(rng.normal(90, 3, (6, 10)).astype(np.float32),)],
    gradients=("class_losses",),
)
def unlabelled_loss(class_losses):
    """The least sum over k of q_k (class_losses_k + log q_k) of all distributions q; (batch, k) to (batch,)."""
    return -ops.logsumexp(-class_losses, axis=1)


def _ranks_pairs(auroc):
    got = auroc(np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 6.0, 7.0, 8.0]))
    if not np.isclose(got, 14 / 15):
        told = {
            1 / 15: "The other way round: count the pairs in which the anomaly has the higher score",
            14: "That is the number of pairs. The chance is their share of all 15 pairs of a normal and an anomalous",
        }
        return fitting(got, told) or (
            "Of the 15 pairs of a normal score of 1, 2, 4 with an anomalous one of 3, 5, 6, 7, 8 the anomaly is higher "
            f"in 14: 0.9333; yours is {got:.4g}"
        )
    got = auroc(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0]))
    if not np.isclose(got, 0):
        return (
            f"Here no anomaly, 1 or 2, is above a normal 3, 4 or 5: the chance is 0, yours {got:.4g}. Below 0.5 is an "
            "answer too, that the score says the opposite: don't turn it round"
        )
    return None


def _halves_ties(auroc):
    for normal, anomalous, expected in (([2.0, 2.0], [2.0, 2.0, 2.0], 0.5), ([0.0, 1.0], [1.0, 1.0, 3.0], 5 / 6)):
        got = auroc(np.array(normal), np.array(anomalous))
        if not np.isclose(got, expected):
            return (
                f"Two equal scores count one half: normal {normal} and anomalous {anomalous} make {expected:.4g}, "
                f"yours {got:.4g}. With ranks, equal scores share their mean rank"
            )
    return None


@exercise(
    checks=[_ranks_pairs, _halves_ties],
    hint="Compare every anomalous score with every normal one, and take the mean. That is millions of pairs for "
    "thousands of scores; quicker with ranks: an anomaly's rank among all scores (`scipy.stats.rankdata`) is 1 plus "
    "the number of scores below it. How many of those are anomalies themselves, in all?",
    returns=as_number,
    cases=lambda rng: [
        (rng.normal(size=70), rng.normal(0.5, 1, size=31)),
        (rng.integers(0, 9, 40) / 4, rng.integers(3, 12, 57) / 4),
    ],
)
def auroc(normal, anomalous):
    """Chance that a random anomalous score exceeds a random normal one, ties one half; (n,), (m,) to a number."""
    from scipy.stats import rankdata

    n, m = len(normal), len(anomalous)
    ranks = rankdata(np.concatenate([normal, anomalous]))[n:]
    return (ranks.sum() - m * (m + 1) / 2) / (n * m)


def _codes(rng, n, m, d):
    """Codes (n, d) and normal codes (m, d), whose entries depend on each other and lie away from zero."""
    mixing, mean = rng.normal(size=(d, d)) + np.eye(d), rng.normal(0, 3, d)
    return rng.normal(0.5, 1.5, (n, d)) @ mixing + mean, rng.normal(size=(m, d)) @ mixing + mean


def _takes_entries_as_variables(mahalanobis):
    codes, normal_codes = _codes(np.random.default_rng(0), 4, 37, 2)
    try:
        got = mahalanobis(codes, normal_codes)
    except ValueError as error:  # of shapes, or of a singular matrix
        if any(sign in str(error) for sign in ("size 37", "from 37", "37,37", "Singular")):
            return "Is your covariance (d, d)? `np.cov` takes rows for variables unless you say `rowvar=False`"
        raise
    if got.shape != (4,):
        return f"Four codes have four distances, shape (4,); yours has {got.shape}"
    return None


def _measures_in_units_of_the_covariance(mahalanobis):
    codes, normal_codes = _codes(np.random.default_rng(1), 6, 12, 3)
    cov, m = np.cov(normal_codes, rowvar=False), len(normal_codes)

    def length(centred, cov=cov):
        return np.sqrt(np.sum(centred * np.linalg.solve(cov, centred.T).T, axis=1))

    centred = codes - normal_codes.mean(axis=0)
    got, expected = mahalanobis(codes, normal_codes), length(centred)
    if np.allclose(got, expected, rtol=1e-4):
        return None
    own = np.cov(codes, rowvar=False)
    mistakes = [
        ("That is the squared distance. Take its square root", expected**2),
        ("Yours divides the covariance by m, `np.cov` by m - 1: the docstring asks for the latter",
         expected * np.sqrt(m / (m - 1))),
        ("Where is the mean? Take the normal codes' mean off first", length(codes)),
        ("The covariance is that of the normal codes, not that of `codes`", length(centred, own)),
        ("The mean is that of the normal codes, not that of `codes`", length(codes - codes.mean(axis=0))),
        ("Yours multiplies by the covariance. The distance needs its inverse: `np.linalg.solve`",
         length(centred, np.linalg.inv(cov))),
        ("`codes` are what is measured. Mean and covariance are those of the normal codes",
         length(codes - codes.mean(axis=0), own)),
        ("That is the plain distance, without a covariance", np.linalg.norm(centred, axis=1)),
        ("Yours uses the variances alone. Entries of a code depend on each other: take the whole covariance",
         length(centred, np.diag(np.diag(cov)))),
    ]  # fmt: skip
    return _mistaken(got, mistakes) or (
        "The distance is the root of (c - mean)ᵀ cov⁻¹ (c - mean), with mean and covariance of the normal codes: "
        f"{expected[0]:.4g} was expected for the first code, yours is {got[0]:.4g}"
    )


@exercise(
    checks=[_takes_entries_as_variables, _measures_in_units_of_the_covariance],
    hint="`np.cov(normal_codes, rowvar=False)` is (d, d). `np.linalg.solve(cov, centred.T)` gives cov⁻¹ (c - mean) of "
    "each code, as columns. Multiply entry by entry and sum: a matrix product of all codes with all codes would be "
    "(n, n), too large for thousands.",
    returns=as_array,
    cases=lambda rng: [_codes(rng, 9, 40, 5), _codes(rng, 1, 15, 2)],
)
def mahalanobis(codes, normal_codes):
    """Distance, not squared, of each code (n, d) from the mean of the normal codes (m, d); shape (n,).

    It is in units of the normal codes' covariance, `np.cov`.
    """
    centred = codes - np.mean(normal_codes, axis=0)
    scaled = np.linalg.solve(np.cov(normal_codes, rowvar=False), centred.T).T
    return np.sqrt(np.sum(centred * scaled, axis=1))


def _lets_the_rate_through(alarm_threshold):
    rng = np.random.default_rng(0)
    for n, rate in ((100, 0.05), (40, 0.25), (1000, 0.01), (64, 0.5), (30, 0.05), (50, 0.05), (495, 0.05)):
        scores = (rng.exponential(size=n) * (-1 if n < 99 else 1)).astype(np.float32)  # skewed, unlike a Gaussian
        above, allowed = int(np.sum(scores > alarm_threshold(scores, rate))), int(rate * n)
        if above != allowed:
            counts = f"Of {n} scores floor({rate} · {n}) = {allowed} must lie above the threshold, yours has {above}. "
            return counts + _why(above, n, rate)
    return None


def _why(above, n, rate):
    if above == int(rate * n) + 1:
        return "One too many: `np.quantile` by itself ends between two scores and may let through more than `rate`"
    if above == int(rate * n) - 1:
        return "One too few: `rate` leaves room for one alarm more, so a lower score is threshold enough"
    if above == 0:
        return "An alarm that never comes on normal images misses anomalies: the rate says how many may come"
    if abs(above - (1 - rate) * n) <= 1:
        return "That is the other end: `rate` is the share above the threshold, a quantile is named by the share below"
    if above >= 0.97 * n:
        return "`np.percentile` counts in percent, from 0 to 100, `np.quantile` from 0 to 1"
    if rate != 0.05 and abs(above - 0.05 * n) <= 1:
        return "5% are above, whatever rate is asked for: use `rate`, not a fixed 95 or 0.95"
    if abs(above - rate * n / 2) <= 1:
        return "Alarms come at one end only, the high one: the whole rate belongs there"
    return "Take the quantile from the sorted scores themselves, whatever distribution they have"


@exercise(
    checks=[_lets_the_rate_through],
    hint="Sort the scores, the highest first. How many may lie above the threshold, and which score comes after those? "
    '`np.quantile` finds it by the share below, with `method="inverted_cdf"`: most others miscount by one.',
    returns=as_number,
)
def alarm_threshold(held_back_scores, rate):
    """The lowest of the held-back scores (n,) above which at most a share `rate` of them lies; one number.

    If all scores differ, floor(rate * n) of them are above it.
    """
    return np.sort(held_back_scores)[::-1][int(rate * len(held_back_scores))]


def _drawings(rng, n, height, width):
    """Images of few scattered grey pixels, float32, with noise too faint for 8 bits."""
    levels = 200.0 * (rng.random((n, height, width, 1)) < np.linspace(0.02, 0.1, n).reshape(-1, 1, 1, 1)) + 20
    return ((levels + rng.uniform(-0.4, 0.4, levels.shape)) / 255).astype(np.float32)


def _lengths(images, level=9):
    return np.array([len(zlib.compress(image.tobytes(), level)) for image in images])


def _counts_the_bits_of_each_image(zlib_bits):
    images = _drawings(np.random.default_rng(0), 3, 64, 48)
    got, rounded = zlib_bits(images), np.rint(255 * images).astype(np.uint8)
    if got.shape != (3,):
        return f"Three images have three lengths, shape (3,): compress each by itself. Yours has shape {got.shape}"
    expected = 8 * _lengths(rounded)
    if np.array_equal(got, expected):
        return None
    truncated = (255 * images).astype(np.uint8)
    mistakes = [
        ("These are bytes; a byte has 8 bits", expected / 8),
        *[("These are 32 or 64 bits a pixel. Bring the image to 8 bits a pixel, `uint8`, whole numbers from 0 to 255",
           8 * _lengths(values.astype(kind)))
          for values in (images, 255 * images, rounded) for kind in (np.float32, float, np.int32, int)],
        ("Converting to `uint8` cuts off the digits after the point: round first, `np.rint`", 8 * _lengths(truncated)),
        ("Multiply by 255 before the conversion to `uint8`", 8 * _lengths(images.astype(np.uint8))),
        ("Use zlib's best level, 9: `zlib.compress(data, 9)`", 8 * _lengths(rounded, -1)),
        ("That is the number of bits of the whole image, not per pixel", expected / (64 * 48)),
        ("Those are the bits before the compression", np.full(3, 8 * 64 * 48)),
    ]  # fmt: skip
    return _mistaken(got, [(said, bits / factor) for said, bits in mistakes for factor in (1, 8)]) or (
        f"Three images of few dots take {expected.tolist()} bits, 8 × the length of what `zlib.compress` returns; "
        f"yours {got.tolist()}"
    )


@exercise(
    checks=[_counts_the_bits_of_each_image],
    hint="`np.rint(255 * image).astype(np.uint8).tobytes()` are the bytes of one image, and `len` counts those that "
    "`zlib.compress` makes of them.",
    returns=as_array,
    cases=lambda rng: [(_drawings(rng, 5, 23, 31),), (rng.random((2, 8, 9, 1)).astype(np.float32),)],
)
def zlib_bits(images):
    """Bits that zlib, level 9, needs for each image (n, height, width, 1) in [0, 1], rounded to 8 bits; shape (n,)."""
    rounded = np.rint(255 * images).astype(np.uint8)
    return np.array([8 * len(zlib.compress(image.tobytes(), 9)) for image in rounded])
