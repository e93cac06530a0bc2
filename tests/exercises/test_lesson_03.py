"""Lesson 03's exercises in all four states."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from course_utils.exercises import lesson_03 as ex


def entropy(p):
    p = p[p > 0]
    return -np.sum(p * np.log(p))


def bisect(squared_distances, target, low=1e-6, high=1e9):
    for _ in range(80):
        middle = np.sqrt(low * high)
        p = np.exp(-(squared_distances - squared_distances.min()) / (2 * middle**2))
        low, high = (middle, high) if np.exp(entropy(p / p.sum())) < target else (low, middle)
    return middle


def neighbours(x, k, include_self=False):
    model = NearestNeighbors(n_neighbors=k).fit(x)
    return model.kneighbors(x if include_self else None, return_distance=False)


def shared(points, places, k, include_self=False):
    pairs = zip(neighbours(points, k, include_self), neighbours(places, k, include_self))
    return sum(len(set(a) & set(b)) for a, b in pairs)


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
        },
        correct=lambda p: 2 ** (entropy(p) / np.log(2)),
    )


def test_find_bandwidth(check_states):
    check_states(
        ex.find_bandwidth,
        wrong={
            "σ², the variance": lambda d, target: bisect(d, target) ** 2,
            "was asked for": lambda d, target: bisect(d, target) * np.sqrt(2),
            "A bandwidth is positive": lambda d, target: -bisect(d, target),
            "in units of the row's own distances": lambda d, target: bisect(d, target, 1e-2, 1e2),
        },
        correct=bisect,
    )


def springs(places, weights):
    return np.array([sum(w * (y - other) for w, other in zip(row, places)) for row, y in zip(weights, places)])


def test_map_gradient(check_states):
    check_states(
        ex.map_gradient,
        wrong={
            "shape (5, 2)": lambda y, p, q, c: springs(y, (p - q) * c).sum(axis=1),
            "nothing must move": lambda y, p, q, c: 4 * springs(y, p * c),
            "The sign is wrong": lambda y, p, q, c: -4 * springs(y, (p - q) * c),
            "the factor 4 is missing": lambda y, p, q, c: springs(y, (p - q) * c),
            "The closeness is missing": lambda y, p, q, c: 4 * springs(y, p - q),
            "changes at a rate of": lambda y, p, q, c: 4 * springs(y, (p - q) * c**2),
        },
        correct=lambda y, p, q, c: 4 * springs(y, (p - q) * c),
    )


def test_neighbours_kept(check_states):
    check_states(
        ex.neighbours_kept,
        wrong={
            "its own neighbour": lambda a, b, k: shared(a, b, k, include_self=True) / k / len(a),
            "must keep every neighbour": lambda a, b, k: shared(a, b, k) / len(a),
            "The order among the k": lambda a, b, k: np.mean(neighbours(a, k) == neighbours(b, k)),
            "keep 2 of 4": lambda a, b, k: float(k == 2),
        },
        correct=lambda a, b, k: shared(a, b, k) / k / len(a),
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
        },
        correct=lambda codes, centres: np.array([squared(code[None], centres)[0].argmin() for code in codes]),
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
            "the same majority": lambda c, y: one_to_one(c, y) if len(y) == 5 else ex.majority_accuracy.reference(c, y),
        },
        correct=lambda clusters, labels: (
            sum((clusters == c).sum() * share for c, share in zip(set(clusters), by_cluster(clusters, labels)))
            / len(labels)
        ),
    )
