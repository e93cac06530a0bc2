"""How far one cloud of points, such as samples in the features of a network, is from another."""

import numpy as np

from course_utils.checks import check_rows, check_whole


def squared_frechet_distance(features, other):
    """Squared Fréchet distance of two clouds of points, each taken for a Gaussian with its mean and covariance.

    d² = ‖m₁ - m₂‖² + tr(C₁ + C₂ - 2 (C₁ C₂)^½). In the features of the Inception network it is known as FID.
    With few points it comes out too large: compare only values from equally many.

    >>> cloud = np.random.default_rng(0).normal(size=(50, 2))
    >>> print(f"{squared_frechet_distance(cloud, cloud + [3.0, 4.0]):.3f}")  # the same, 5 further on
    25.000

    Args:
        features: array `(n, width)`, at least two rows.
        other: array `(m, width)`, at least two rows.

    Returns:
        d², in squared units of the features.

    Raises:
        ValueError: if the shapes do not fit or a value is NaN or infinite.

    Reference:
        Dowson & Landau, The Fréchet distance between multivariate normal distributions, 1982;
        Heusel, Ramsauer, Unterthiner, Nessler & Hochreiter, GANs trained by a two time-scale update rule, 2017.
    """
    features, other = _two_clouds("features", features, "other", other, 2)
    roots = [_root_of_covariance(cloud) for cloud in (features, other)]
    # The trace of (C₁ C₂)^½ is the sum of the singular values of C₁^½ C₂^½, which stays real for singular covariances.
    overlap = np.linalg.norm(roots[0] @ roots[1], "nuc")
    shift = np.sum((features.mean(axis=0, dtype=float) - other.mean(axis=0, dtype=float)) ** 2)
    return max(0.0, float(shift + sum(np.sum(root**2) for root in roots) - 2 * overlap))  # rounding may leave -1e-12


def precision_recall(real, generated, k=3):
    """How many of the generated points look real, and how many of the real points could have been generated.

    The region of a cloud is the union of balls around its points, each of which reaches to its point's k-th neighbour
    in the cloud. Precision is the share of generated points within the real region, recall the share of real points
    within the generated one. Samples of one digit only have a low recall, and so have blurred ones; samples that are
    no digits have a low precision.

    >>> rng = np.random.default_rng(0)
    >>> real, generated = rng.normal(size=(500, 2)), rng.normal([1.5, 0], 0.1, size=(500, 2))
    >>> print("precision {:.2f}, recall {:.2f}".format(*precision_recall(real, generated)))
    precision 1.00, recall 0.02

    Args:
        real: array `(n, width)`, more than k rows, such as images' features in a network.
        generated: array `(m, width)`, more than k rows.
        k: which neighbour a ball reaches to.

    Returns:
        The pair precision and recall, both from 0 to 1.

    Raises:
        ValueError: if `k` is no positive whole number, the shapes do not fit or a value is NaN or infinite.

    Reference:
        Kynkäänniemi, Karras, Laine, Lehtinen & Aila, Improved precision and recall metric for assessing generative
        models, 2019.
    """
    k = check_whole("k", k)
    real, generated = _two_clouds("real", real, "generated", generated, k + 1)
    return _share_within(real, generated, k), _share_within(generated, real, k)


def _share_within(cloud, points, k):
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.neighbors import NearestNeighbors

    to_neighbours, _ = NearestNeighbors(n_neighbors=k).fit(cloud).kneighbors()  # of each point, not counting itself
    radius = to_neighbours[:, -1]
    chunks = pairwise_distances_chunked(points, cloud, reduce_func=lambda d, start: (d <= radius).any(axis=1))
    return float(np.concatenate(list(chunks)).mean())


def _two_clouds(name, points, other_name, other, least):
    points, other = check_rows(name, points, least), check_rows(other_name, other, least)
    if points.shape[1] != other.shape[1]:
        raise ValueError(f"`{other_name}` must have {points.shape[1]} columns, as `{name}`. Received: {other.shape}")
    return points, other


def _root_of_covariance(points):
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(points, rowvar=False, dtype=float)))
    return axes * np.sqrt(np.maximum(variances, 0)) @ axes.T  # rounding may leave a variance just below zero
