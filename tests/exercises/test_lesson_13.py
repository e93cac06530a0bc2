"""Exercises of lesson 13, each in its four states."""

import zlib

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.spatial.distance import cdist
from scipy.special import log_softmax, logsumexp
from scipy.stats import mannwhitneyu, rankdata
from skimage.util import img_as_ubyte
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from course_utils.exercises import lesson_13 as ex


def _steps_with(mean):
    """Label propagation with another mean of the neighbours, a function of the weights and the rows."""

    def propagated(weights, labels, labelled, steps):
        rows = labels
        for _ in range(steps):
            rows = np.where(labelled[:, np.newaxis], labels, mean(weights, rows))
        return rows

    return propagated


def _one_by_one(weights, labels, labelled, steps):
    rows = labels.copy()
    for _ in range(steps):
        for node in np.flatnonzero(~labelled):
            rows[node] = weights[node] @ rows / weights[node].sum()
    return rows


def _put_back_at_the_end(weights, labels, labelled, steps):
    rows = np.linalg.matrix_power(weights / weights.sum(axis=1, keepdims=True), steps) @ labels
    return np.where(labelled[:, np.newaxis], labels, rows)


def _by_loops(weights, labels, labelled, steps):
    rows = labels.tolist()
    for _ in range(steps):
        before = [list(row) for row in rows]
        for i, own in enumerate(weights):
            if not labelled[i]:
                rows[i] = [sum(w * row[k] for w, row in zip(own, before)) / sum(own) for k in range(labels.shape[1])]
    return rows


def _by_matrix_power(weights, labels, labelled, steps):
    """One matrix whose labelled rows are those of the identity."""
    step = weights / weights.sum(axis=1, keepdims=True)
    step[labelled] = np.eye(len(weights))[labelled]
    return np.linalg.matrix_power(step, steps) @ labels


def _propagated_with_tensorflow(weights, labels, labelled, steps):
    rows = tf.constant(labels)
    for _ in range(steps):
        means = tf.math.divide_no_nan(weights @ rows, tf.reduce_sum(weights, axis=1, keepdims=True))
        rows = tf.where(labelled[:, tf.newaxis], labels, means)
    return rows


def test_propagated(check_states):
    rooted = _steps_with(lambda w, rows: w / np.sqrt(np.outer(w.sum(0), w.sum(0))) @ rows)
    check_states(
        ex.propagated,
        wrong={
            "With steps=0 nothing moves": lambda w, y, known, steps: _by_loops(w, y, known, max(steps, 1)),
            "Labelled rows are known": lambda w, y, known, steps: _by_matrix_power(w, y, np.zeros_like(known), steps),
            "don't overwrite them one by one": _one_by_one,
            "keepdims=True": _steps_with(lambda w, rows: w @ rows / (w.sum(1) if len(w) == rows.shape[1] else 1)),
            "makes the rows one-hot": _steps_with(lambda w, rows: np.eye(rows.shape[1])[np.argmax(w @ rows, axis=1)]),
            "the rows one-hot. Keep": _steps_with(
                lambda w, rows: w @ rows == np.max(w @ rows, 1, initial=1e-9, keepdims=True)
            ),
            "a self-loop": _steps_with(lambda w, rows: (w @ rows + rows) / (w.sum(axis=1, keepdims=True) + 1)),
            "to the third: two steps?": lambda w, y, known, steps: _by_loops(w, y, known, steps and steps + 1),
            "For the mean, divide": _steps_with(lambda w, rows: w @ rows),
            "yours took column sums": _steps_with(lambda w, rows: w / w.sum(axis=0) @ rows),
            "square roots of both": rooted,
            "a row need not sum to 1": _steps_with(
                lambda w, rows: w @ rows / np.maximum((w @ rows).sum(axis=1, keepdims=True), 1e-9)
            ),
            "by weight; yours is": _steps_with(lambda w, rows: (w > 0) @ rows / (w > 0).sum(axis=1, keepdims=True)),
            "200 steps bring no more than one": lambda w, y, known, steps: _by_loops(w, y, known, min(steps, 1)),
            "put back in every step?": _put_back_at_the_end,
            "rows of shape (5, 2)": lambda w, y, known, steps: _by_matrix_power(w, y, known, steps)[~known],
        },
        right=[_by_loops, _by_matrix_power, _propagated_with_tensorflow],
    )


def test_propagated_agrees_with_the_harmonic_solution():
    """Zhu, Ghahramani and Lafferty 2003: the limit solves a linear system."""
    rng = np.random.default_rng(2)
    weights = rng.random((9, 9))
    weights += weights.T
    labelled = np.arange(9) < 3
    labels = np.eye(9, 3)
    free = np.diag(weights.sum(axis=1)) - weights
    expected = np.linalg.solve(free[3:, 3:], weights[3:, :3])
    np.testing.assert_allclose(ex.propagated.reference(weights, labels, labelled, 500)[3:], expected, atol=1e-9)


def _expected_loss(losses, entropy):
    q = ops.softmax(-losses, axis=1)
    return ops.sum(q * (losses + entropy * ops.log(q)), axis=1)


def _class_by_class(losses):
    total = -losses[:, 0]
    for k in range(1, losses.shape[1]):
        total = ops.logaddexp(total, -losses[:, k])
    return -total


def _with_tensorflow(losses):
    least = tf.reduce_min(losses, axis=1, keepdims=True)
    return least[:, 0] - tf.math.log(tf.reduce_sum(tf.exp(least - losses), axis=1))


def _with_q_held_fast(losses):
    """At the best q the derivative by q is zero, so that q may count as a constant."""
    log_q = ops.stop_gradient(ops.log_softmax(-losses, axis=1))
    return ops.sum(ops.exp(log_q) * (losses + log_q), axis=1)


def test_unlabelled_loss(check_states):
    check_states(
        ex.unlabelled_loss,
        wrong={
            "The sign is turned": lambda x: ops.logsumexp(-x, axis=1),
            "exp of minus the loss": lambda x: ops.logsumexp(x, axis=1),
            "the best class alone": lambda x: ops.min(x, axis=1),
            "its entropy is not": lambda x: _expected_loss(x, 0),
            "no q does better than": lambda x: _expected_loss(x, -1),
            "the same for every class": lambda x: ops.mean(x, axis=1) - np.log(x.shape[1]),
            "holds the prior already": lambda x: np.log(x.shape[1]) - ops.logsumexp(-x, axis=1),
            "give 999.31, yours inf": lambda x: -ops.log(ops.sum(ops.exp(-x), axis=1)),
            "give 5.00, yours nan": lambda x: _expected_loss(x, 1),
            "the log of a mean of exp": lambda x: -ops.log(ops.mean(ops.exp(-x), axis=1)),
            "Take the log of the sum": lambda x: ops.log(ops.mean(ops.exp(-x), axis=1)),
            "have two losses": lambda x: -ops.logsumexp(-x, axis=0),
            "shape (2,); yours has ()": lambda x: ops.mean(-ops.logsumexp(-x, axis=1)),
            "none passes through NumPy": lambda x: -logsumexp(-np.asarray(x), axis=1),
        },
        right=[
            _class_by_class,
            _with_tensorflow,
            _with_q_held_fast,
            lambda x: x[:, 0] + ops.log_softmax(-x, axis=1)[:, 0],
        ],
    )


def test_no_distribution_has_a_smaller_loss():
    rng = np.random.default_rng(0)
    losses = rng.normal(100, 2, (5, 4)).astype("float32")
    least = ops.convert_to_numpy(ex.unlabelled_loss.reference(losses))
    for log_q in log_softmax(rng.normal(size=(50, 5, 4)), axis=-1):
        assert (np.sum(np.exp(log_q) * (losses + log_q), axis=1) >= least - 1e-3).all()


def _auroc_by_loops(normal, anomalous):
    return sum((b > a) + (a == b) / 2 for a in normal for b in anomalous) / (len(normal) * len(anomalous))


def _auroc_of_scikit_learn(normal, anomalous):
    return roc_auc_score(np.r_[np.zeros(len(normal)), np.ones(len(anomalous))], np.r_[normal, anomalous])


def _by_ranks(normal, anomalous, ranks):
    ranks = ranks(np.r_[normal, anomalous])[len(normal) :]
    return (ranks.sum() - len(ranks) * (len(ranks) + 1) / 2) / (len(normal) * len(anomalous))


def _by_counting_below(normal, anomalous):
    below = [np.searchsorted(np.sort(normal), anomalous, side) for side in ("left", "right")]
    return np.mean(below) / len(normal)


def test_auroc(check_states):
    check_states(
        ex.auroc,
        wrong={
            "The other way round": lambda a, b: _auroc_by_loops(b, a),
            "the number of pairs": lambda a, b: _auroc_by_loops(a, b) * len(a) * len(b),
            "share of all 15 pairs of a": lambda a, b: np.sum(b > a[:, np.newaxis]),
            "anomaly is higher in 14: 0.9333": lambda a, b: np.mean(b > np.median(a)),
            "Below 0.5 is an answer too": lambda a, b: max(_auroc_by_loops(a, b), _auroc_by_loops(b, a)),
            "make 0.5, yours 0": lambda a, b: np.mean(b > a[:, np.newaxis]),
            "make 0.5, yours 1": lambda a, b: np.mean(b >= a[:, np.newaxis]),
            "equal scores share their mean rank": lambda a, b: _by_ranks(a, b, lambda x: x.argsort().argsort() + 1),
            "One number is expected": lambda a, b: (b > a[:, np.newaxis]).mean(axis=0),
        },
        right=[
            _auroc_by_loops,
            _auroc_of_scikit_learn,
            _by_counting_below,
            lambda a, b: _by_ranks(a, b, rankdata),
            lambda a, b: mannwhitneyu(b, a).statistic / a.size / b.size,
            lambda a, b: tf.reduce_mean(tf.sign(b - a[:, tf.newaxis]) / 2 + 0.5),
            lambda a, b: ops.mean(ops.sign(ops.expand_dims(b, 1) - a) + 1) / 2,
        ],
    )


def test_auroc_is_that_of_scikit_learn():
    rng = np.random.default_rng(3)
    for ties in (1, 10, 1000):
        normal, anomalous = np.rint(rng.normal(0, ties, 200)), np.rint(rng.normal(ties / 2, ties, 90))
        assert ex.auroc.reference(normal, anomalous) == pytest.approx(_auroc_of_scikit_learn(normal, anomalous))


def _lengths_with(codes, normal_codes, cov):
    centred = codes - normal_codes.mean(axis=0)
    return np.sqrt(np.einsum("ni,ij,nj->n", centred, np.linalg.inv(cov(normal_codes)), centred))


def _by_whitening(codes, normal_codes):
    return np.linalg.norm(PCA(whiten=True).fit(normal_codes).transform(codes), axis=1)


def _by_cholesky(codes, normal_codes):
    normal_codes = tf.constant(normal_codes)
    centred = normal_codes - tf.reduce_mean(normal_codes, axis=0)
    root = tf.linalg.cholesky(tf.matmul(centred, centred, transpose_a=True) / (centred.shape[0] - 1))
    scaled = tf.linalg.triangular_solve(root, tf.transpose(codes - tf.reduce_mean(normal_codes, axis=0)))
    return tf.norm(scaled, axis=0)


def _by_mahalanobis_of_scipy(codes, normal_codes):
    return cdist(codes, [normal_codes.mean(0)], "mahalanobis", VI=np.linalg.inv(np.cov(normal_codes.T)))[:, 0]


def _all_with_all(codes, normal_codes):
    centred = codes - normal_codes.mean(axis=0)
    return np.sqrt(np.abs(centred @ np.linalg.inv(np.cov(normal_codes.T)) @ centred.T))


def test_mahalanobis(check_states):
    check_states(
        ex.mahalanobis,
        wrong={
            "the squared distance": lambda c, normal: _by_whitening(c, normal) ** 2,
            "divides the covariance by m": lambda c, normal: np.sqrt(EmpiricalCovariance().fit(normal).mahalanobis(c)),
            "Where is the mean?": lambda c, normal: _by_whitening(c + normal.mean(axis=0), normal),
            "not that of `codes`": lambda c, normal: _lengths_with(c, normal, lambda _: np.cov(c.T)),
            "The mean is that of the normal": lambda c, normal: _by_whitening(c - c.mean(0) + normal.mean(0), normal),
            "needs its inverse": lambda c, normal: _lengths_with(c, normal, lambda x: np.linalg.inv(np.cov(x.T))),
            "say `rowvar=False`": lambda c, normal: np.linalg.solve(np.cov(normal), (c - normal.mean(axis=0)).T)[0],
            "Is your covariance (d, d)?": lambda c, normal: _lengths_with(c, normal, np.cov),
            "`codes` are what is measured": lambda c, normal: _by_whitening(c, c),
            "the plain distance": lambda c, normal: _lengths_with(c, normal, lambda x: np.eye(x.shape[1])),
            "uses the variances alone": lambda c, normal: np.linalg.norm(
                (c - normal.mean(axis=0)) / normal.std(axis=0, ddof=1), axis=1
            ),
            "was expected for the first code": lambda c, normal: 2 * _by_whitening(c, normal),
            "Four codes have four distances": _all_with_all,
        },
        right=[
            _by_whitening,
            _by_cholesky,
            _by_mahalanobis_of_scipy,
            lambda c, normal: [_all_with_all(code[np.newaxis], normal)[0, 0] for code in c],
        ],
    )


def test_the_squared_distances_of_normal_codes_themselves_sum_to_a_closed_form():
    """Their sum is the trace of (m - 1) times the identity: (m - 1) d."""
    codes = np.random.default_rng(0).normal(size=(50, 4)) @ np.random.default_rng(1).normal(size=(4, 4))
    assert np.sum(ex.mahalanobis.reference(codes, codes) ** 2) == pytest.approx(49 * 4)


def _with_method(method):
    return lambda scores, rate: np.quantile(scores, 1 - rate, method=method)


def test_alarm_threshold(check_states):
    check_states(
        ex.alarm_threshold,
        wrong={
            "That is the other end": np.quantile,
            "counts in percent": lambda scores, rate: np.percentile(scores, 1 - rate),
            "misses anomalies": lambda scores, rate: np.max(scores),
            "the whole rate belongs there": lambda scores, rate: np.quantile(scores, 1 - rate / 2),
            "whatever distribution they have": lambda scores, rate: scores.mean() + 1.2 * scores.std(),
            "Of 40 scores floor(0.25 · 40) = 10 must lie above": lambda scores, rate: np.quantile(scores, 0.95),
            "use `rate`": lambda scores, rate: np.percentile(scores, 95),
            "floor(0.05 · 30) = 1 must lie above the threshold, yours has 2": _with_method("linear"),
            "One too many": lambda scores, rate: ops.quantile(ops.convert_to_tensor(scores), 1 - rate),
            "One too few": _with_method("higher"),
            "One number is expected": lambda scores, rate: scores[scores > np.quantile(scores, 1 - rate)],
        },
        right=[
            _with_method("inverted_cdf"),
            lambda scores, rate: sorted(scores)[-int(rate * len(scores)) - 1],
            lambda scores, rate: np.sort(scores)[-int(rate * len(scores)) - 1 :][:2].mean(),
            lambda scores, rate: tf.math.top_k(scores, int(rate * len(scores)) + 1).values[-1],
            lambda scores, rate: min(s for s in scores if np.mean(scores > s) <= rate),
        ],
    )


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.25])
def test_alarm_threshold_is_the_inverted_distribution_function(rate):
    rng = np.random.default_rng(0)
    for n in range(5, 600, 7):
        scores = rng.permutation(n)
        threshold = ex.alarm_threshold.reference(scores, rate)
        assert np.sum(scores > threshold) == int(rate * n)
        assert threshold == np.quantile(scores, 1 - rate, method="inverted_cdf")


def _bits(images, to_bytes, level=9):
    return np.array([8 * len(zlib.compress(to_bytes(image), level)) for image in images])


def _rounded(image):
    return np.rint(255 * image).astype(np.uint8).tobytes()


def _with_a_compressor(images):
    bits = []
    for image in images:
        compressor = zlib.compressobj(9)
        pixels = bytes(round(255 * float(pixel)) for pixel in image.ravel())
        bits.append(8.0 * len(compressor.compress(pixels) + compressor.flush()))
    return bits


def test_zlib_bits(check_states):
    check_states(
        ex.zlib_bits,
        wrong={
            "a byte has 8 bits": lambda images: _bits(images, _rounded) // 8,
            "These are 32 or 64": lambda images: _bits(images, np.ndarray.tobytes),
            "8 bits a pixel, `uint8`": lambda images: _bits(images, lambda image: image.astype(float).tobytes()),
            "32 or 64 bits": lambda images: _bits(images, lambda image: np.rint(255 * image).astype(int).tobytes()),
            "round first": lambda images: _bits(images, lambda image: (255 * image).astype(np.uint8).tobytes()),
            "Multiply by 255": lambda images: _bits(images, lambda image: image.astype(np.uint8).tobytes()),
            "best level, 9": lambda images: _bits(images, _rounded, level=-1),
            "not per pixel": lambda images: _bits(images, _rounded) / images[0].size,
            "before the compression": lambda images: np.full(len(images), 8 * images[0].size),
            "compress each by itself": lambda images: 8 * len(zlib.compress(_rounded(images), 9)),
            "of few dots take": lambda images: _bits(images, lambda image: _rounded(image.transpose(1, 0, 2))),
        },
        right=[
            _with_a_compressor,
            lambda images: _bits(img_as_ubyte(images), np.ndarray.tobytes),
            lambda images: tf.constant(
                [8 * len(zlib.compress(x.tobytes(), 9)) for x in tf.cast(tf.round(images * 255), tf.uint8).numpy()]
            ),
            lambda images: _bits(images, lambda image: (image * 255 + 0.5).astype("uint8")),
        ],
    )


@pytest.mark.parametrize(
    ("prediction", "guess", "wrong", "measured"),
    [(ex.gap_with_labels, "stays", "doubles", "stays"), (ex.ones_auroc, 0.1, 0.9, 0.06)],
)
def test_predictions(check_prediction, prediction, guess, wrong, measured):
    check_prediction(prediction, guess, wrong, measured)
