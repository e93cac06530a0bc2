"""Exercises of lesson 03: perplexity, bandwidths, the gradient of t-SNE, kept neighbours, clusters."""

import numpy as np

from course_utils.exercises.exercise import exercise


def _uniform_rows(perplexity):
    for k in (2, 5, 32):
        got = float(perplexity(np.full(k, 1 / k)))
        if np.isclose(got, np.log(k)) or np.isclose(got, np.log2(k)):
            return f"{got:.4g} is the entropy of {k} equal probabilities. Perplexity is its exponential, here {k}"
        if np.isclose(got, 2 ** np.log(k)) or np.isclose(got, np.exp(np.log2(k))):
            return f"The natural logarithm goes with exp, log2 with a power of 2: expected {k}, got {got:.4g}"
        if not np.isclose(got, k):
            return f"Perplexity of {k} equal probabilities must be {k}, yours is {got:.4g}"


def _skewed_row(perplexity):
    got, expected = float(perplexity(np.array([0.5, 0.25, 0.25]))), 2**1.5
    if not np.isclose(got, expected):
        return f"Row [0.5, 0.25, 0.25] has an entropy of 1.5 bits: expected 2^1.5 = {expected:.4g}, got {got:.4g}"


def _row_with_zeros(perplexity):
    with np.errstate(all="ignore"):
        got = float(perplexity(np.array([0.5, 0.5, 0.0, 0.0])))
    if not np.isclose(got, 2):
        return f"A probability of zero adds nothing to the entropy: [0.5, 0.5, 0, 0] must give 2, yours is {got:.4g}"


@exercise(
    checks=[_uniform_rows, _skewed_row, _row_with_zeros],
    hint="The entropy is -Σ p log p. Leave the zeros out of the sum (0 · log 0 counts as 0), then take exp of it.",
)
def perplexity(probabilities):
    """The effective number of choices of a row of probabilities `(n,)`: exp(-Σ p log p)."""
    positive = probabilities[probabilities > 0]
    return np.exp(-np.sum(positive * np.log(positive)))


_SQUARED_DISTANCES = np.linspace(1, 6, 60) ** 2


def _perplexity_at(bandwidth, squared_distances=_SQUARED_DISTANCES):
    p = np.exp(-(squared_distances - squared_distances.min()) / (2 * bandwidth**2))
    p /= p.sum()
    return np.exp(-np.sum(p * np.log(p + 1e-300)))


def _reaches_the_target(find_bandwidth):
    for target in (5, 15, 40):
        sigma = float(find_bandwidth(_SQUARED_DISTANCES, target))
        if not sigma > 0:
            return f"A bandwidth is positive, yours is {sigma:.4g}"
        if np.isclose(_perplexity_at(np.sqrt(sigma)), target, rtol=0.01):
            return f"Your result is σ², the variance. Return its square root (perplexity {target})"
        got = _perplexity_at(sigma)
        if not np.isclose(got, target, rtol=0.01):
            return f"With your bandwidth {sigma:.4g} the row has perplexity {got:.3g} where {target} was asked for"


def _follows_the_scale(find_bandwidth):
    near = float(find_bandwidth(_SQUARED_DISTANCES, 15))
    far = float(find_bandwidth(1e8 * _SQUARED_DISTANCES, 15))
    if not np.isclose(far, 1e4 * near, rtol=0.02):
        return (
            "If all distances grow 10,000 times, so must the bandwidth: search in units of the row's own distances. "
            f"Expected {1e4 * near:.4g}, got {far:.4g}"
        )


@exercise(
    checks=[_reaches_the_target, _follows_the_scale],
    hint="Perplexity grows with σ. Keep a `low` that is too narrow and a `high` that is too wide, try the (geometric) "
    "middle, and replace the one that it agrees with. Sixty halvings are plenty.",
)
def find_bandwidth(squared_distances, target):
    """The σ at which the probabilities exp(-d² / 2σ²), made to sum to 1, have perplexity `target`."""
    low, high = np.sqrt(np.mean(squared_distances)) * np.array([1e-4, 1e4])
    for _ in range(60):
        sigma = np.sqrt(low * high)
        p = np.exp(-(squared_distances - np.min(squared_distances)) / (2 * sigma**2))
        p = p / np.sum(p)
        if np.exp(-np.sum(p * np.log(p + 1e-300))) < target:
            low = sigma
        else:
            high = sigma
    return sigma


def _similarities(places):
    closeness = 1 / (1 + np.sum((places[:, np.newaxis] - places) ** 2, axis=-1))
    np.fill_diagonal(closeness, 0)
    return closeness / closeness.sum(), closeness


def _map(n=5):
    """A small map: its places, p, q and closeness."""
    rng = np.random.default_rng(0)
    places, p = rng.normal(size=(n, 2)), rng.random((n, n))
    p = np.where(np.eye(n, dtype=bool), 0, p + p.T)
    return places, p / p.sum(), *_similarities(places)


def _rests_at_the_goal(map_gradient):
    places, _, q, closeness = _map()
    got = np.asarray(map_gradient(places, q, q, closeness))
    if got.shape != places.shape:
        return f"One gradient a place was expected, shape {places.shape}. Yours has shape {got.shape}"
    if not np.allclose(got, 0):
        return f"Where p equals q nothing must move: all zeros expected, yours reaches {np.abs(got).max():.3g}"


def _agrees_with_differences(map_gradient):
    places, p, q, closeness = _map()
    step, expected = 1e-5, np.zeros_like(places)
    for index in np.ndindex(places.shape):
        moved = np.repeat(places[np.newaxis], 2, axis=0)
        moved[(slice(None), *index)] += step, -step
        kls = [-np.sum(p * np.log(_similarities(m)[0] + np.eye(len(m)))) for m in moved]
        expected[index] = (kls[0] - kls[1]) / (2 * step)
    got = np.asarray(map_gradient(places, p, q, closeness))
    if np.allclose(got, -expected, atol=1e-6):
        return "The sign is wrong: y_i - y_j, not y_j - y_i. The gradient points uphill"
    if np.allclose(4 * got, expected, atol=1e-6):
        return "It is a quarter of what it should be: the factor 4 is missing"
    if np.allclose(got, 4 * ((p - q).sum(axis=1)[:, np.newaxis] * places - (p - q) @ places), atol=1e-6):
        return "The closeness is missing: each spring is weakened by it"
    if not np.allclose(got, expected, atol=1e-6):
        return (
            f"Move point 0 to the right by 0.00001 and KL changes at a rate of {expected[0, 0]:.4g}, "
            f"but your gradient there is {got[0, 0]:.4g}"
        )


@exercise(
    checks=[_rests_at_the_goal, _agrees_with_differences],
    hint="The weights are w = (p - q) * closeness. `w.sum(axis=1)[:, np.newaxis] * places` is the first sum, "
    "`w @ places` the second. Don't forget the factor 4.",
)
def map_gradient(places, p, q, closeness):
    """Gradient of KL(p || q) with respect to the places `(n, 2)`."""
    weights = (p - q) * closeness
    return 4 * (weights.sum(axis=1)[:, np.newaxis] * places - weights @ places)


_LINE = np.arange(8.0)[:, np.newaxis] ** 1.5  # all distances differ, so neighbours are unambiguous


def _all_kept(neighbours_kept):
    for what, places in {"the points themselves": _LINE, "a turned and enlarged copy": _LINE @ [[3.0, 4.0]]}.items():
        got = float(neighbours_kept(_LINE, places, 2))
        if not np.isclose(got, 1):
            return f"As a map of the points, {what} must keep every neighbour (1.0), yours is {got:.4g}"


def _half_kept(neighbours_kept):
    # Points 0, 1, 3, 7 on a line, then with the last two exchanged. By hand, k = 1: 1, 0, 1, 2 against 1, 0, 3, 1.
    points, places = np.array([[0.0], [1], [3], [7]]), np.array([[0.0], [1], [7], [3]])
    got = float(neighbours_kept(points, places, 1))
    if not np.isclose(got, 0.5):
        question = " Is a point its own neighbour?" if got > 0.5 else ""
        return f"Points 0, 1, 3, 7 drawn at 0, 1, 7, 3 keep 2 of 4 nearest neighbours: 0.5, not {got:.4g}.{question}"


def _order_is_free(neighbours_kept):
    # Seen from 0 the places 1 and 2 change their order; as a set the two nearest stay {1, 2}.
    points, places = (
        np.array([[0.0], [1], [2.1], [50], [51.2], [53]]),
        np.array([[0.0], [-1.5], [1], [50], [51.2], [53]]),
    )
    got = float(neighbours_kept(points, places, 2))
    if not np.isclose(got, 1):
        return f"The order among the k neighbours does not count, only who they are: expected 1.0, got {got:.4g}"


@exercise(
    checks=[_all_kept, _half_kept, _order_is_free],
    hint="NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False) gives (n, k) indices without "
    "the point itself. Compare row by row: np.intersect1d counts what two rows share.",
)
def neighbours_kept(points, places, k):
    """Mean share of each point's `k` nearest neighbours that are also among the `k` nearest of its place."""
    from sklearn.neighbors import NearestNeighbors

    before, after = (NearestNeighbors(n_neighbors=k).fit(x).kneighbors(return_distance=False) for x in (points, places))
    return np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(before, after)])


def _hand_worked(nearest_centre):
    codes, centres = np.array([[0.0, 0], [9, 1], [1, 4], [5, 5]]), np.array([[0.0, 5], [0, 0], [8, 0]])
    got, expected = np.asarray(nearest_centre(codes, centres)), [1, 2, 0, 0]
    if got.shape != (4,):
        return f"One number for each of the 4 codes was expected, shape (4,). Yours has shape {got.shape}"
    if got.tolist() != expected:
        if got.tolist() == [2, 0, 2, 1]:
            return "These are the farthest centres, not the nearest: argmin, not argmax"
        return f"For the four codes of the check the nearest centres are {expected}, not {got.tolist()}"


def _more_dimensions(nearest_centre):
    centres = np.eye(7)[:5] * np.array([[1.0], [2], [3], [4], [5]])  # of different length: dot products mislead
    got = np.asarray(nearest_centre(centres + 0.1, centres))
    if got.tolist() != [0, 1, 2, 3, 4]:
        return f"Five codes right beside centres 0 to 4, in 7 dimensions, were assigned to {got.tolist()}"


@exercise(
    checks=[_hand_worked, _more_dimensions],
    hint="codes[:, np.newaxis] - centres has shape (n, k, dimensions). Square, sum over the last axis, argmin.",
)
def nearest_centre(codes, centres):
    """Index of the nearest of the centres `(k, dimensions)` for each of the codes `(n, dimensions)`."""
    return np.argmin(np.sum((codes[:, np.newaxis] - centres) ** 2, axis=-1), axis=1)


def _pure_clusters(majority_accuracy):
    labels = np.array([4, 4, 9, 9, 9, 0])
    got = float(majority_accuracy(np.array([2, 2, 0, 0, 0, 1]), labels))
    if not np.isclose(got, 1):
        return f"Clusters are numbered at random: 4 → 2, 9 → 0, 0 → 1 is a perfect clustering (1.0), yours is {got:.4g}"


def _mixed_clusters(majority_accuracy):
    clusters, labels = np.array([0] * 6 + [1] * 2), np.array([7, 7, 7, 7, 3, 3, 3, 5])
    got = float(majority_accuracy(clusters, labels))
    if np.isclose(got, (4 / 6 + 1 / 2) / 2):
        return f"Every digit counts the same, not every cluster: expected 5 of 8 = 0.625, got {got:.4g}"
    if np.isclose(got, 5):
        return "Divide by the number of digits: expected 5 of 8 = 0.625, got 5"
    if not np.isclose(got, 5 / 8):
        return f"Clusters [7 7 7 7 3 3] and [3 5] name 4 + 1 of 8 digits rightly (0.625), yours is {got:.4g}"


def _same_label_twice(majority_accuracy):
    got = float(majority_accuracy(np.array([0, 0, 1, 1, 1]), np.array([6, 6, 6, 6, 8])))
    if not np.isclose(got, 0.8):
        return f"Two clusters may have the same majority: [6 6] and [6 6 8] score 0.8, yours is {got:.4g}"


@exercise(
    checks=[_pure_clusters, _mixed_clusters, _same_label_twice],
    hint="np.bincount(labels[clusters == c]).max() is how many digits of cluster c its majority label names rightly.",
)
def majority_accuracy(clusters, labels):
    """Share of digits whose label is the commonest one of their cluster."""
    right = sum(np.bincount(labels[clusters == cluster]).max() for cluster in np.unique(clusters))
    return right / len(labels)
