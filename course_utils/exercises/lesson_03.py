"""Exercises of lesson 03: perplexity, bandwidths, crowding, kept neighbours, what a map shows, clusters."""

import numpy as np

from course_utils.exercises import Prediction, as_arrays, as_number, as_whole, exercise


def _uniform_rows(perplexity):
    for k in (2, 5, 32):
        got = perplexity(np.full(k, 1 / k))
        if np.isclose(got, np.log(k)) or np.isclose(got, np.log2(k)):
            return f"{got:.4g} is the entropy of {k} equal probabilities. Perplexity is its exponential, here {k}"
        if np.isclose(got, 2 ** np.log(k)) or np.isclose(got, np.exp(np.log2(k))):
            return f"The natural logarithm goes with exp, log2 with a power of 2: expected {k}, got {got:.4g}"
        if not np.isclose(got, k):
            return f"Perplexity of {k} equal probabilities must be {k}, yours is {got:.4g}"


def _skewed_row(perplexity):
    got, expected = perplexity(np.array([0.5, 0.25, 0.25])), 2**1.5
    if not np.isclose(got, expected):
        return f"Row [0.5, 0.25, 0.25] has an entropy of 1.5 bits: expected 2^1.5 = {expected:.4g}, got {got:.4g}"


def _row_with_zeros(perplexity):
    got = perplexity(np.array([0.5, 0.5, 0.0, 0.0]))
    if not np.isclose(got, 2):
        return f"A probability of zero adds nothing to the entropy: [0.5, 0.5, 0, 0] must give 2, yours is {got:.4g}"


@exercise(
    checks=[_uniform_rows, _skewed_row, _row_with_zeros],
    hint="The entropy is -Σ p log p. Leave the zeros out of the sum (0 · log 0 counts as 0), then take exp of it.",
    returns=as_number,
    cases=lambda rng: [(rng.dirichlet(np.ones(n)),) for n in (7, 20)],
)
def perplexity(probabilities):
    """The effective number of choices of a row of probabilities (n,): exp of the entropy."""
    positive = probabilities[probabilities > 0]
    return np.exp(-np.sum(positive * np.log(positive)))


_SQUARED_DISTANCES = np.linspace(1, 6, 60) ** 2


def _perplexity_at(bandwidth, squared_distances=_SQUARED_DISTANCES):
    p = np.exp(-(squared_distances - squared_distances.min()) / (2 * bandwidth**2))
    p /= p.sum()
    return np.exp(-np.sum(p * np.log(p + 1e-300)))


def _reaches_the_target(find_bandwidth):
    for target in (5, 15, 40):
        sigma = find_bandwidth(_SQUARED_DISTANCES, target)
        if not sigma > 0:
            return f"A bandwidth is positive, yours is {sigma:.4g}"
        if np.isclose(_perplexity_at(np.sqrt(sigma)), target, rtol=0.01):
            return f"Your result is σ², the variance. Return its square root (perplexity {target})"
        got = _perplexity_at(sigma)
        if not np.isclose(got, target, rtol=0.01):
            return f"With your bandwidth {sigma:.4g} the row has perplexity {got:.3g} where {target} was asked for"


def _follows_the_scale(find_bandwidth):
    near = find_bandwidth(_SQUARED_DISTANCES, 15)
    far = find_bandwidth(1e8 * _SQUARED_DISTANCES, 15)
    if not np.isclose(far, 1e4 * near, rtol=0.02):
        return (
            "If all distances grow 10,000 times, so must the bandwidth: search in units of the row's own distances. "
            f"Expected {1e4 * near:.4g}, got {far:.4g}"
        )


def _far_neighbours(find_bandwidth):
    squared_distances = 1000 + np.linspace(0, 1, 60)  # all far, and much alike: so it is with images
    got = _perplexity_at(find_bandwidth(squared_distances, 15), squared_distances)
    if not np.isclose(got, 15, rtol=0.01):
        return (
            "If even the nearest neighbour is far, exp(-d² / 2σ²) is 0 in a computer for all of them. Subtract the "
            "smallest d² from all: the probabilities stay the same, since they are made to sum to 1"
        )


def _any_row(find_bandwidth):
    rng = np.random.default_rng(0)
    for n, target in ((25, 3), (90, 30), (400, 100)):
        squared_distances = rng.exponential(50, n)
        got = _perplexity_at(find_bandwidth(squared_distances, target), squared_distances)
        if not np.isclose(got, target, rtol=0.01):
            return f"On a random row your bandwidth has perplexity {got:.3g} where {target} was asked for"


@exercise(
    checks=[_reaches_the_target, _follows_the_scale, _far_neighbours, _any_row],
    hint="Perplexity grows with σ. Keep a `low` that is too narrow and a `high` that is too wide, try the (geometric) "
    "middle, and replace the one that it agrees with. Sixty halvings are plenty.",
    returns=as_number,
)
def find_bandwidth(squared_distances, target):
    """The σ at which the probabilities exp(-d² / 2σ²), made to sum to 1, have perplexity `target`."""
    if not 1 < target < len(squared_distances):  # all σ give less than the number of neighbours, and more than 1
        raise ValueError(f"`target` must be between 1 and {len(squared_distances)}. Received: target={target}")
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


def _touching_pairs(resting_distances):
    for total, pair in {1.0: "p = 1 and a sum of 1", 4.0: "p = 1/4 and a sum of 4"}.items():
        distances = resting_distances(np.array([1 / total]), total)
        for name, got in zip(("exp(-d²)", "1 / (1 + d²)"), distances):
            if not np.allclose(got, 0, atol=1e-6):
                return f"With {pair}, q equals p at d = 0 under {name}; yours rests at {np.ravel(got)[0]:.4g}"


def _known_pairs(resting_distances):
    # p · total = 1/5: exp(-d²) = 1/5 at √ln 5, 1 / (1 + d²) = 1/5 at 2.
    gaussian, student = (np.ravel(got)[0] for got in resting_distances(np.array([0.02]), 10.0))
    if np.isclose(gaussian, 2) and np.isclose(student, np.sqrt(np.log(5))):
        return "The two are in the wrong order: the Gaussian's distances come first"
    if np.isclose(gaussian, np.log(5)) or np.isclose(student, 4):
        return "These are squared distances: the square root is missing"
    if not np.isclose(student, 2):
        return f"Under 1 / (1 + d²) a pair with p = 0.02 and a sum of 10 rests at 2, yours at {student:.4g}"
    if not np.isclose(gaussian, np.sqrt(np.log(5))):
        return f"Under exp(-d²) a pair with p = 0.02 and a sum of 10 rests at √ln 5 = 1.269, yours at {gaussian:.4g}"


def _too_similar_pairs(resting_distances):
    for got in resting_distances(np.array([0.3, 0.01]), 10.0):
        if not np.isclose(got[0], 0):
            return (
                f"With p = 0.3 and a sum of 10 even d = 0 gives too small a q: 0 is the answer, yours is {got[0]:.4g}"
            )


@exercise(
    checks=[_touching_pairs, _known_pairs, _too_similar_pairs],
    hint="Set kernel(d) / total equal to the similarity and solve for d: exp(-d²) = similarity · total, and so for "
    "1 / (1 + d²). Where similarity · total exceeds 1 put 1 in its place, with np.minimum.",
    returns=as_arrays,
    cases=lambda rng: [(rng.dirichlet(np.ones(n)), total) for n, total in ((7, 3.0), (12, 20.0))],
)
def resting_distances(similarity, total):
    """Map distances at which exp(-d²) / total, and at which 1 / (1 + d²) / total, equals the similarity.

    `similarity` holds p of some pairs, (n,), and `total` is one number; returns the two distances, (n,) each.
    """
    share = np.minimum(similarity * total, 1)  # of the largest q that a pair can have
    return np.sqrt(-np.log(share)), np.sqrt(1 / share - 1)


crowding_guess = Prediction(
    "crowding_guess",
    "What becomes of the groups of digits if the map's similarities are Gaussian, too?",
    "A pair that is moderately similar rests close by under the Gaussian, so the map has no room for gaps.",
    "Read the curves of exercise 3 at a similarity of 0.001: which kernel draws that pair farther apart?",
    options=("run together", "part further", "stay as they are"),
)


_LINE = np.arange(8.0)[:, np.newaxis] ** 1.5  # all distances differ, so neighbours are unambiguous


def _all_kept(neighbours_kept):
    for what, places in {"the points themselves": _LINE, "a turned and enlarged copy": _LINE @ [[3.0, 4.0]]}.items():
        got = neighbours_kept(_LINE, places, 2)
        if not np.isclose(got, 1):
            return f"As a map of the points, {what} must keep every neighbour (1.0), yours is {got:.4g}"


def _half_kept(neighbours_kept):
    # Points 0, 1, 3, 7 on a line, then with the last two exchanged. By hand, k = 1: 1, 0, 1, 2 against 1, 0, 3, 1.
    points, places = np.array([[0.0], [1], [3], [7]]), np.array([[0.0], [1], [7], [3]])
    got = neighbours_kept(points, places, 1)
    if not np.isclose(got, 0.5):
        question = " Is a point its own neighbour?" if got > 0.5 else ""
        return f"Points 0, 1, 3, 7 drawn at 0, 1, 7, 3 keep 2 of 4 nearest neighbours: 0.5, not {got:.4g}.{question}"


def _order_is_free(neighbours_kept):
    # Seen from 0 the places 1 and 2 change their order; as a set the two nearest stay {1, 2}.
    points, places = (
        np.array([[0.0], [1], [2.1], [50], [51.2], [53]]),
        np.array([[0.0], [-1.5], [1], [50], [51.2], [53]]),
    )
    got = neighbours_kept(points, places, 2)
    if not np.isclose(got, 1):
        return f"The order among the k neighbours does not count, only who they are: expected 1.0, got {got:.4g}"


@exercise(
    checks=[_all_kept, _half_kept, _order_is_free],
    hint="NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False) gives (n, k) indices without "
    "the point itself. Compare row by row: np.intersect1d counts what two rows share.",
    returns=as_number,
    cases=lambda rng: [(rng.normal(size=(n, 4)), rng.normal(size=(n, 2)), k) for n, k in ((20, 5), (31, 12))],
)
def neighbours_kept(points, places, k):
    """Mean share of each point's k nearest neighbours that are also among the k nearest of its place."""
    from sklearn.neighbors import NearestNeighbors

    before, after = (NearestNeighbors(n_neighbors=k).fit(x).kneighbors(return_distance=False) for x in (points, places))
    return np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(before, after)])


width_guess = Prediction(
    "width_guess",
    "How many times as wide as cluster 0 is cluster 2 on the map?",
    "Each point measures with its own ruler. Those of cluster 2 are eight times as long, so its neighbourhoods look "
    "like those of cluster 0 to t-SNE, and it is drawn as wide.",
    "Every point has the same perplexity. What does that make of σ in cluster 2?",
    unit="times",
    within=0.5,
)


def _hand_worked(nearest_centre):
    codes, centres = np.array([[0.0, 0], [9, 1], [1, 4], [5, 5]]), np.array([[0.0, 5], [0, 0], [8, 0]])
    got, expected = nearest_centre(codes, centres), [1, 2, 0, 0]
    if np.shape(got) != (4,):
        return f"One number for each of the 4 codes was expected, shape (4,). Yours has shape {got.shape}"
    if got.tolist() != expected:
        if got.tolist() == [2, 0, 2, 1]:
            return "These are the farthest centres, not the nearest: argmin, not argmax"
        return f"For the four codes of the check the nearest centres are {expected}, not {got.tolist()}"


def _more_dimensions(nearest_centre):
    centres = np.eye(7)[:5] * np.array([[1.0], [2], [3], [4], [5]])  # of different length: dot products mislead
    got = nearest_centre(centres + 0.1, centres)
    if got.tolist() != [0, 1, 2, 3, 4]:
        return f"Five codes right beside centres 0 to 4, in 7 dimensions, were assigned to {got.tolist()}"


@exercise(
    checks=[_hand_worked, _more_dimensions],
    hint="codes[:, np.newaxis] - centres has shape (n, k, dimensions). Square, sum over the last axis, argmin.",
    returns=as_whole,
    cases=lambda rng: [(rng.normal(size=(60, d)), rng.normal(size=(k, d))) for d, k in ((3, 6), (5, 4))],
)
def nearest_centre(codes, centres):
    """Index of the nearest of the centres (k, dimensions) for each of the codes (n, dimensions)."""
    return np.argmin(np.sum((codes[:, np.newaxis] - centres) ** 2, axis=-1), axis=1)


def _pure_clusters(majority_accuracy):
    labels = np.array([4, 4, 9, 9, 9, 0])
    got = majority_accuracy(np.array([2, 2, 0, 0, 0, 1]), labels)
    if not np.isclose(got, 1):
        return f"Clusters are numbered at random: 4 → 2, 9 → 0, 0 → 1 is a perfect clustering (1.0), yours is {got:.4g}"


def _mixed_clusters(majority_accuracy):
    clusters, labels = np.array([0] * 6 + [1] * 2), np.array([7, 7, 7, 7, 3, 3, 3, 5])
    got = majority_accuracy(clusters, labels)
    if np.isclose(got, (4 / 6 + 1 / 2) / 2):
        return f"Every digit counts the same, not every cluster: expected 5 of 8 = 0.625, got {got:.4g}"
    if np.isclose(got, 5):
        return "Divide by the number of digits: expected 5 of 8 = 0.625, got 5"
    if not np.isclose(got, 5 / 8):
        return f"Clusters [7 7 7 7 3 3] and [3 5] name 4 + 1 of 8 digits rightly (0.625), yours is {got:.4g}"


def _same_label_twice(majority_accuracy):
    got = majority_accuracy(np.array([0, 0, 1, 1, 1]), np.array([6, 6, 6, 6, 8]))
    if not np.isclose(got, 0.8):
        return f"Two clusters may have the same majority: [6 6] and [6 6 8] score 0.8, yours is {got:.4g}"


@exercise(
    checks=[_pure_clusters, _mixed_clusters, _same_label_twice],
    hint="np.bincount(labels[clusters == c]).max() is how many digits of cluster c its majority label names rightly.",
    returns=as_number,
    cases=lambda rng: [(rng.integers(0, k, 99), rng.integers(0, 10, 99)) for k in (4, 30)],  # more clusters than digits
)
def majority_accuracy(clusters, labels):
    """Share of digits whose label is the commonest one of their cluster."""
    right = sum(np.bincount(labels[clusters == cluster]).max() for cluster in np.unique(clusters))
    return right / len(labels)


space_guess = Prediction(
    "space_guess",
    "In which space do ten clusters agree best with the labels, by NMI?",
    "k-means looks where the variance is. In the pixels that means something; the scales of a code are arbitrary, for "
    "the decoder undoes them, and whitening takes them away. It pays once the network is well trained.",
    "k-means looks where the variance is. Which of these spaces has scales that mean nothing, and what mends that?",
    options=("pixels", "PCA-32", "whitened PCA-32", "code", "whitened code"),
)
