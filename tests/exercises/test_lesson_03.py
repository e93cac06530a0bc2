"""Lesson 03's exercises in all four states."""

import numpy as np
import pytest
from keras import ops
from sklearn.neighbors import NearestNeighbors

from course_utils.exercises import lesson_03 as ex


def entropy(p):
    p = p[p > 0]
    return -np.sum(p * np.log(p))


def bisect(squared_distances, target, low=1e-6, high=1e9, subtract=None):
    for _ in range(80):
        middle = np.sqrt(low * high)
        least = squared_distances.min() if subtract is None else subtract
        p = np.exp(-(squared_distances - least) / (2 * middle**2))
        low, high = (middle, high) if np.exp(entropy(p / p.sum())) < target else (low, middle)
    return middle


def neighbours(x, k, include_self=False):
    model = NearestNeighbors(n_neighbors=k).fit(x)
    return model.kneighbors(x if include_self else None, return_distance=False)


def shared(points, places, k, include_self=False):
    pairs = zip(neighbours(points, k, include_self), neighbours(places, k, include_self))
    return sum(len(set(a) & set(b)) for a, b in pairs)


def jaccard(points, places, k):
    sets = [[set(row) for row in neighbours(x, k)] for x in (points, places)]
    return np.mean([len(a & b) / len(a | b) for a, b in zip(*sets)])


def by_sorting(x, i, k):
    return set(np.argsort(np.linalg.norm(x - x[i], axis=1))[1 : k + 1])


def test_perplexity(check_states):
    check_states(
        ex.perplexity,
        wrong={
            "is the entropy of": entropy,
            "1 is the entropy of 2": lambda p: -np.sum(p * np.log2(p)),
            "must be 2, yours": lambda p: np.exp(-entropy(p)),
            "goes with exp": lambda p: 2 ** entropy(p),
            "A probability of zero": lambda p: np.exp(-np.sum(p * np.log(p))),
            "2^1.5": lambda p: np.sum(p > 0),
            "One number is expected": lambda p: p,
            "On a random case": lambda p: np.exp(entropy(p)) if len(p) < 6 or len(set(p)) == 1 else len(p) / 2,
        },
        right=[
            lambda p: 2 ** (entropy(p) / np.log(2)),
            lambda p: ops.exp(-ops.sum(ops.where(p > 0, p * ops.log(ops.maximum(p, 1e-30)), 0.0))),
            lambda p: 1 / np.prod(p**p),
        ],
    )


def test_find_bandwidth(check_states):
    check_states(
        ex.find_bandwidth,
        wrong={
            "σ², the variance": lambda d, target: bisect(d, target) ** 2,
            "was asked for": lambda d, target: bisect(d, target) * np.sqrt(2),
            "A bandwidth is positive": lambda d, target: -bisect(d, target),
            "in units of the row's own distances": lambda d, target: bisect(d, target, 1e-2, 1e2),
            "Subtract the smallest d²": lambda d, target: bisect(d, target, subtract=0),
            "On a random row": lambda d, target: bisect(d, target) * (1 if np.all(np.diff(d) > 0) else 1.1),
        },
        right=[bisect, by_root_finding, lambda d, target: ops.convert_to_tensor(bisect(d, target))],
    )


def by_root_finding(squared_distances, target):
    from scipy.optimize import brentq
    from scipy.special import logsumexp

    def excess(log_sigma):
        log_p = -squared_distances / (2 * np.exp(2 * log_sigma))
        log_p = log_p - logsumexp(log_p)
        return -np.sum(np.exp(log_p) * log_p) - np.log(target)

    middle = np.log(np.mean(squared_distances)) / 2
    return np.exp(brentq(excess, middle - 8, middle + 8))


@pytest.mark.parametrize("target", [60, 61, 1, np.nan])
def test_a_perplexity_that_no_bandwidth_has_is_refused(target):
    with pytest.raises(ValueError, match=r"`target` must be between 1 and 60\. Received: target="):
        ex.find_bandwidth.reference(np.linspace(1, 6, 60) ** 2, target)
    assert ex.find_bandwidth.reference(np.linspace(1, 6, 60) ** 2, 59) > 0


def resting(similarity, total):
    share = np.minimum(similarity * total, 1)
    return np.sqrt(-np.log(share)), np.sqrt(1 / share - 1)


def in_place(similarity, total):
    similarity *= total
    return resting(similarity, 1)


def test_resting_distances(check_states):
    check_states(
        ex.resting_distances,
        wrong={
            "The two are in the wrong order": lambda p, total: resting(p, total)[::-1],
            "the square root is missing": lambda p, total: [d**2 for d in resting(p, total)],
            "q equals p at d = 0": lambda p, total: resting(p / 2, total),
            "With p = 1/4 and a sum of 4": lambda p, total: resting(p, 1),
            "rests at 2": lambda p, total: (resting(p, total)[0], np.sqrt(1 / np.minimum(p * total, 1)) - 1),
            "√ln 5": lambda p, total: (np.sqrt(-np.log2(np.minimum(p * total, 1))), resting(p, total)[1]),
            "even d = 0": lambda p, total: [np.abs(d) for d in beyond(p, total)],
            "Several things": lambda p, total: resting(p, total)[0],
            "in place": in_place,
        },
        right=[
            resting,
            lambda p, total: list(resting(p, total)),
            lambda p, total: (
                ops.sqrt(ops.maximum(-ops.log(p * total), 0.0)),
                ops.sqrt(ops.maximum(1 / (p * total) - 1, 0.0)),
            ),
            lambda p, total: np.array([[np.sqrt(max(f(x * total), 0)) for x in p] for f in INVERSES]).tolist(),
        ],
    )


INVERSES = (lambda share: -np.log(share), lambda share: 1 / share - 1)


def beyond(similarity, total):
    """The distances as they come if similarities too large for any distance are forgotten."""
    return [np.sqrt(np.abs(f(similarity * total))) for f in INVERSES]


@pytest.mark.parametrize(
    ("prediction", "right", "wrong", "measured"),
    [
        (ex.crowding_guess, " Run together", "part further", "run together"),
        (ex.width_guess, 1, 8, 1.02),
        (ex.space_guess, "whitened code", "pixels", "whitened code"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_predictions(capsys, prediction, right, wrong, measured):
    for guess, sign in {right: "✓", wrong: "✗", ...: "○"}.items():
        prediction.check(guess, measured)
        assert capsys.readouterr().out.startswith(sign)


def test_neighbours_kept(check_states):
    check_states(
        ex.neighbours_kept,
        wrong={
            "its own neighbour": lambda a, b, k: shared(a, b, k, include_self=True) / k / len(a),
            "must keep every neighbour": lambda a, b, k: shared(a, b, k) / len(a),
            "The order among the k": lambda a, b, k: np.mean(neighbours(a, k) == neighbours(b, k)),
            "keep 2 of 4": lambda a, b, k: float(k == 2),
            "On a random case 0.": jaccard,
        },
        right=[
            lambda a, b, k: shared(a, b, k) / k / len(a),
            lambda a, b, k: ops.convert_to_tensor(shared(a, b, k) / k / len(a)),
            lambda a, b, k: np.mean([len(by_sorting(a, i, k) & by_sorting(b, i, k)) / k for i in range(len(a))]),
        ],
    )


def test_nearest_centre(check_states):
    def squared(codes, centres):
        return ((codes[:, None] - centres[None]) ** 2).sum(-1)

    check_states(
        ex.nearest_centre,
        wrong={
            "shape (4,)": lambda codes, centres: squared(codes, centres).argmin(axis=0),
            "argmin, not argmax": lambda codes, centres: squared(codes, centres).argmax(axis=1),
            "the nearest centres are": lambda codes, centres: (codes @ centres.T).argmax(axis=1),
            "On a random case": lambda codes, centres: np.abs(codes[:, None] - centres).sum(-1).argmin(axis=1),
            "Whole numbers are expected": lambda codes, centres: squared(codes, centres).min(axis=1) + 0.1,
        },
        right=[
            lambda codes, centres: np.array([squared(code[None], centres)[0].argmin() for code in codes]),
            lambda codes, centres: ops.argmin(ops.sum(ops.square(codes[:, None] - centres), axis=-1), axis=1),
            lambda codes, centres: [float(np.argmin(row)) for row in squared(codes, centres)],
            lambda codes, centres: NearestNeighbors(n_neighbors=1).fit(centres).kneighbors(codes)[1][:, 0],
        ],
    )


def test_majority_accuracy(check_states):
    def by_cluster(clusters, labels):
        return [np.mean(labels[clusters == c] == np.bincount(labels[clusters == c]).argmax()) for c in set(clusters)]

    def one_to_one(clusters, labels):
        table = np.array([[np.sum((clusters == c) & (labels == y)) for y in range(10)] for c in range(10)])
        right = 0
        while table.any():
            c, y = np.unravel_index(table.argmax(), table.shape)
            right += table[c, y]
            table[c], table[:, y] = 0, 0
        return right / len(labels)

    check_states(
        ex.majority_accuracy,
        wrong={
            "numbered at random": lambda clusters, labels: np.mean(clusters == labels),
            "not every cluster": lambda clusters, labels: np.mean(by_cluster(clusters, labels)),
            "On a random case": lambda clusters, labels: (
                sum(np.bincount(labels[clusters == c]).max() for c in range(10) if np.any(clusters == c)) / len(labels)
            ),
            "the same majority": lambda c, y: one_to_one(c, y) if len(y) == 5 else ex.majority_accuracy.reference(c, y),
        },
        right=[
            lambda clusters, labels: (
                sum((clusters == c).sum() * share for c, share in zip(set(clusters), by_cluster(clusters, labels)))
                / len(labels)
            ),
            lambda clusters, labels: np.mean(
                [np.bincount(labels[clusters == c]).argmax() == label for c, label in zip(clusters, labels)]
            ),
            lambda clusters, labels: ops.convert_to_tensor(
                np.sum(np.max(np.eye(10)[labels].T @ np.eye(clusters.max() + 1)[clusters], axis=0)) / len(labels)
            ),
        ],
    )
