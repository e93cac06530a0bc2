"""Lesson 08: every exercise in all four states."""

from itertools import pairwise

import numpy as np
from keras import ops
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
    right = [with_a_list, lambda n: with_a_list(n).tolist(), lambda n: ops.convert_to_tensor(with_a_list(n))]
    wrong["On a random case"] = lambda n: with_a_list(n) if n == 4 else with_a_list(n)[::-1]
    check_states(ex.gaussian_grid, wrong=wrong, right=right)


def test_share_of_draws_and_best_sampler(capsys):
    ex.share_of_draws.check(0.5, 0.46)
    ex.share_of_draws.check(0.9, 0.46)
    ex.best_sampler.check(..., "autoencoder, mixture")
    ex.best_sampler.check("VAE, N(0, I)", "autoencoder, mixture")
    signs = [line.partition(":")[0] for line in capsys.readouterr().out.strip().split("\n")]
    assert signs == ["✓ share_of_draws", "✗ share_of_draws", "○ best_sampler", "✗ best_sampler"]


def test_least_mismatch(check_states):
    def the_mean(rates):
        return np.mean(rates)

    def in_bits(rates):
        return max(0, np.mean(rates) - np.log2(len(rates)))

    def of_the_sum(rates):
        return max(0, np.sum(rates) - np.log(len(rates)))

    def below_zero(rates):
        return np.mean(rates) - np.log(len(rates))

    def its_size(rates):
        return abs(np.mean(rates) - np.log(len(rates)))

    def of_each_image(rates):
        return np.maximum(rates - np.log(len(rates)), 0)

    def clipped_image_by_image(rates):
        return np.maximum(rates - np.log(len(rates)), 0).mean()

    wrong = {
        "split in two": the_mean,
        "gives bits": in_bits,
        "not their sum": of_the_sum,
        "Can a KL be negative?": below_zero,
        "can take all": its_size,
        "One number is expected": of_each_image,
        "On a random case": clipped_image_by_image,
    }
    right = [
        lambda rates: ops.maximum(ops.mean(rates) - np.log(len(rates)), 0.0),
        lambda rates: [float(np.clip(sum(rates) / len(rates) - np.log(rates.size), 0, None))][0],
    ]
    check_states(ex.least_mismatch, wrong=wrong, right=right)


def test_slerp(check_states):
    def angle_between(start, end):
        return np.arccos(start @ end / (np.linalg.norm(start) * np.linalg.norm(end)))

    def transposed(start, end, t):
        return np.outer(start, 1 - t) + np.outer(end, t)

    def backwards(start, end, t):
        return ex.slerp.reference(end, start, t)

    def straight(start, end, t):
        return np.outer(1 - t, start) + np.outer(t, end)

    def straight_and_rescaled(start, end, t):
        norms = (1 - t) * np.linalg.norm(start) + t * np.linalg.norm(end)
        path = straight(start, end, t)
        return path / np.linalg.norm(path, axis=1, keepdims=True) * norms[:, np.newaxis]

    def from_the_books(start, end, t):  # Shoemake's formula asks for ends of one norm
        angle = angle_between(start, end)
        return (np.outer(np.sin((1 - t) * angle), start) + np.outer(np.sin(t * angle), end)) / np.sin(angle)

    def by_the_arcsine(start, end, t):  # knows no angle beyond 90°
        a, b = np.linalg.norm(start), np.linalg.norm(end)
        across = end / b - (start @ end) / (a * b) * start / a
        angle = np.arcsin(np.linalg.norm(across))
        across = across / np.linalg.norm(across)
        turned = np.outer(np.cos(t * angle), start / a) + np.outer(np.sin(t * angle), across)
        path = turned * ((1 - t) * a + t * b)[:, np.newaxis]
        path[t == 1] = end
        return path

    def sorted_first(start, end, t):
        return ex.slerp.reference(start, end, np.sort(t))

    def books_on_directions(start, end, t):
        a, b = np.linalg.norm(start), np.linalg.norm(end)
        return np.array([((1 - s) * a + s * b) * from_the_books(start / a, end / b, np.array([s]))[0] for s in t])

    def in_keras(start, end, t):
        a, b, angle = ops.norm(start), ops.norm(end), angle_between(start, end)
        shares = [ops.expand_dims(ops.sin(share * angle), -1) for share in (1 - t, t)]
        directions = (shares[0] * start / a + shares[1] * end / b) / np.sin(angle)
        return directions * ops.expand_dims((1 - t) * a + t * b, -1)

    wrong = {
        "(5, 3)": transposed,
        "from [1. 2.] at t = 0": backwards,
        "the norm must stay 2": straight,
        "15°": straight_and_rescaled,
        "norm must be 3": from_the_books,
        "30°": by_the_arcsine,
        "On a random case": sorted_first,
    }
    right = [books_on_directions, in_keras, lambda *arguments: books_on_directions(*arguments).tolist()]
    check_states(ex.slerp, wrong=wrong, right=right)


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

    def pooled(codes, values, labels):
        low, high = [], []
        for digit in np.unique(labels):
            ordered = codes[labels == digit][np.argsort(values[labels == digit])]
            low.append(ordered[: len(ordered) // 4])
            high.append(ordered[-(len(ordered) // 4) :])
        return np.concatenate(high).mean(axis=0) - np.concatenate(low).mean(axis=0)

    def in_place(codes, values, labels):
        codes -= codes.mean(axis=0)
        return with_quantiles(codes, values, labels)

    wrong |= {"On a random case": pooled, "in place": in_place}
    right = [
        with_quantiles,
        lambda *a: with_quantiles(*a).tolist(),
        lambda *a: ops.convert_to_tensor(with_quantiles(*a)),
    ]
    check_states(ex.attribute_vector, wrong=wrong, right=right)


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

    def by_scipy(stations, n_frames):
        from scipy.interpolate import interp1d

        corners = np.concatenate([stations, stations[:1]])
        covered = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
        return interp1d(covered, corners, axis=0)(np.arange(n_frames) / n_frames * covered[-1]).tolist()

    def two_columns_only(stations, n_frames):
        return one_frame_at_a_time(stations[:, :2], n_frames)

    wrong["On a random case a result of shape (17, 4) was expected, yours has (12, 4)"] = lambda stations, n_frames: (
        one_frame_at_a_time(stations, 12)
    )
    wrong["On a random case a result of shape (17, 4) was expected, yours has (17, 2)"] = two_columns_only
    right = [one_frame_at_a_time, by_scipy, lambda *arguments: ops.convert_to_tensor(by_scipy(*arguments))]
    check_states(ex.closed_walk, wrong=wrong, right=right)


def test_share_of_the_hand(check_states):
    def of_all_numbers(table):
        return np.var(table.mean(axis=1)) / np.var(table)

    def rows_taken_off(table):
        table = table - table.mean(axis=1, keepdims=True)
        return np.var(table.mean(axis=0)) / np.var(table)

    def unexplained(table):
        return 1 - ex.share_of_the_hand.reference(table)

    def of_deviations(table):
        return np.sqrt(ex.share_of_the_hand.reference(table))

    def mixed_variances(table):
        table = table - table.mean(axis=0)
        return np.var(table.mean(axis=1), ddof=1) / np.var(table, ddof=1)

    def in_place(table):
        table -= table.mean(axis=0)
        return np.var(table.mean(axis=1)) / np.var(table)

    def variance_within_rows(table):
        table = table - table.mean(axis=0)
        return 1 - np.mean(np.var(table, axis=1)) / np.var(table)

    def by_sums_of_squares(table):
        table = table - np.mean(table, axis=0, keepdims=True)
        return table.shape[1] * sum(row.mean() ** 2 for row in table) / (table**2).sum()

    def in_keras(table):
        table = table - ops.mean(table, axis=0)
        return ops.var(ops.mean(table, axis=1)) / ops.var(table)

    wrong = {
        "each column's mean": of_all_numbers,
        "yours is 0.": unexplained,
        "standard deviations": of_deviations,
        "divide by n - 1": mixed_variances,
        "in place": in_place,
        "explain everything: 1,": rows_taken_off,
    }
    check_states(ex.share_of_the_hand, wrong=wrong, right=[variance_within_rows, by_sums_of_squares, in_keras])
