"""Lesson 08: every exercise in all four states."""

from itertools import pairwise

import numpy as np
from scipy.stats import norm

from course_utils.exercises import lesson_08 as ex


def test_gaussian_grid(check_states):
    def grid(z1, z2):
        return np.stack([z1.ravel(), z2.ravel()], axis=-1)

    def unflattened(n):
        return np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1)

    def with_infinite_ends(n):
        quantiles = norm.ppf(np.linspace(0, 1, n))
        return grid(*np.meshgrid(quantiles, quantiles[::-1]))

    def evenly_spaced(n):
        places = np.linspace(-3, 3, n)
        return grid(*np.meshgrid(places, places[::-1]))

    def upside_down(n):
        quantiles = norm.ppf((np.arange(n) + 0.5) / n)
        return grid(*np.meshgrid(quantiles, quantiles))

    def swapped(n):
        quantiles = norm.ppf((np.arange(n) + 0.5) / n)
        return grid(*np.meshgrid(quantiles, quantiles)[::-1])

    def with_a_list(n):
        shares = [(i + 0.5) / n for i in range(n)]
        return np.array([(norm.ppf(u), norm.ppf(v)) for v in reversed(shares) for u in shares])

    wrong = {
        "(16, 2)": unflattened,
        "infinite": with_infinite_ends,
        "1/8": evenly_spaced,
        "upside down": upside_down,
        "swapped": swapped,
    }
    check_states(ex.gaussian_grid, wrong=wrong, correct=with_a_list)


def test_slerp(check_states):
    def angle_between(start, end):
        return np.arccos(start @ end / (np.linalg.norm(start) * np.linalg.norm(end)))

    def transposed(start, end, t):
        return np.outer(start, 1 - t) + np.outer(end, t)

    def backwards(start, end, t):
        return ex.slerp.reference(end, start, t)

    def straight(start, end, t):
        return np.outer(1 - t, start) + np.outer(t, end)

    def angle_of_unscaled_codes(start, end, t):
        angle = np.arccos(np.clip(start @ end, -1 + 1e-6, 1 - 1e-6))
        return (np.outer(np.sin((1 - t) * angle), start) + np.outer(np.sin(t * angle), end)) / np.sin(angle)

    def straight_and_rescaled(start, end, t):
        norms = (1 - t) * np.linalg.norm(start) + t * np.linalg.norm(end)
        path = straight(start, end, t)
        return path / np.linalg.norm(path, axis=1, keepdims=True) * norms[:, np.newaxis]

    def with_a_loop(start, end, t):
        angle = angle_between(start, end)
        return np.array([(np.sin(angle - s * angle) * start + np.sin(s * angle) * end) / np.sin(angle) for s in t])

    wrong = {
        "(5, 3)": transposed,
        "from [1. 2.] at t = 0": backwards,
        "(√2, √2)": straight,
        "divided by their norms": angle_of_unscaled_codes,
        "15°": straight_and_rescaled,
    }
    check_states(ex.slerp, wrong=wrong, correct=with_a_loop)


def test_attribute_vector(check_states):
    def not_averaged(codes, values, labels):
        return codes - codes.mean(axis=0)

    def downwards(codes, values, labels):
        return -ex.attribute_vector.reference(codes, values, labels)

    def over_all_digits(codes, values, labels):
        ordered = codes[np.argsort(values)]
        return ordered[-len(codes) // 4 :].mean(axis=0) - ordered[: len(codes) // 4].mean(axis=0)

    def halves(codes, values, labels):
        vectors = []
        for digit in np.unique(labels):
            own, value = codes[labels == digit], values[labels == digit]
            vectors.append(own[value > np.median(value)].mean(axis=0) - own[value <= np.median(value)].mean(axis=0))
        return np.mean(vectors, axis=0)

    def with_quantiles(codes, values, labels):
        vectors = []
        for digit in set(labels.tolist()):
            own, value = codes[labels == digit], values[labels == digit]
            low, high = np.quantile(value, [0.25, 0.75])
            vectors.append(own[value >= high].mean(axis=0) - own[value <= low].mean(axis=0))
        return sum(vectors) / len(vectors)

    wrong = {
        "(2,)": not_averaged,
        "more of the attribute": downwards,
        "its own high and low quarter": over_all_digits,
        "must be 6": halves,
    }
    check_states(ex.attribute_vector, wrong=wrong, correct=with_quantiles)


def test_closed_walk(check_states):
    def all_pieces_alike(stations, n_frames):
        corners, pieces = np.concatenate([stations, stations[:1]]), len(stations)
        t = np.linspace(0, 1, n_frames // pieces, endpoint=False)[:, np.newaxis]
        return np.concatenate([(1 - t) * a + t * b for a, b in pairwise(corners)])

    def resampled(corners, n_frames, endpoint):
        covered = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
        places = np.linspace(0, covered[-1], n_frames, endpoint=endpoint)
        return np.stack([np.interp(places, covered, coordinate) for coordinate in corners.T], axis=-1)

    def with_a_double_frame(stations, n_frames):
        return resampled(np.concatenate([stations, stations[:1]]), n_frames, endpoint=True)

    def open_walk(stations, n_frames):
        return resampled(stations, n_frames, endpoint=True)

    def only_the_stations(stations, n_frames):
        return stations

    def starting_elsewhere(stations, n_frames):
        return ex.closed_walk.reference(stations[1:], n_frames)

    def one_frame_at_a_time(stations, n_frames):
        corners = np.concatenate([stations, stations[:1]])
        lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
        path = []
        for distance in np.arange(n_frames) * lengths.sum() / n_frames:
            piece = 0
            while distance > lengths[piece] + 1e-12:
                distance -= lengths[piece]
                piece += 1
            path.append(corners[piece] + distance / lengths[piece] * (corners[piece + 1] - corners[piece]))
        return np.array(path)

    wrong = {
        "(12, 2)": only_the_stations,
        "first station, (0, 0)": starting_elsewhere,
        "repeats the first": with_a_double_frame,
        "back to the first, (0, 0)": open_walk,
        "Longer sides": all_pieces_alike,
    }
    check_states(ex.closed_walk, wrong=wrong, correct=one_frame_at_a_time)


def test_every_digit(check_states):
    def unpaired(codes, n_classes):
        return codes, np.eye(n_classes)

    def whole_numbers(codes, n_classes):
        return np.repeat(codes, n_classes, axis=0), np.tile(
            np.arange(n_classes)[:, np.newaxis], (len(codes), n_classes)
        )

    def codes_tiled(codes, n_classes):
        return np.tile(codes, (n_classes, 1)), np.tile(np.eye(n_classes), (len(codes), 1))

    def both_repeated(codes, n_classes):
        return np.repeat(codes, n_classes, axis=0), np.repeat(np.eye(n_classes), len(codes), axis=0)

    def with_a_loop(codes, n_classes):
        pairs = [(code, row) for code in codes for row in np.eye(n_classes)]
        return np.array([code for code, _ in pairs]), np.array([row for _, row in pairs])

    wrong = {
        "(12, 2) and (12, 4)": unpaired,
        "single 1": whole_numbers,
        "keeps its code": codes_tiled,
        "0, 1, 2, 0, 1, 2": both_repeated,
    }
    check_states(ex.every_digit, wrong=wrong, correct=with_a_loop)
