"""How far one cloud of points, such as samples in the features of a network, is from another."""

import numpy as np

from course_utils.checks import check_rows


def frechet_distance(features, other):
    """Fréchet distance of two clouds of points, each taken for a Gaussian with the cloud's mean and covariance.

    d² = |m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½). In the features of the Inception network it is known as FID.
    With few points it comes out too large: compare only values from equally many.

    Args:
        features: array `(n, width)`, at least two rows.
        other: array `(m, width)`, at least two rows.

    Returns:
        d², in squared units of the features.

    Raises:
        ValueError: if the shapes do not fit.

    Reference:
        Dowson & Landau, The Fréchet distance between multivariate normal distributions, 1982;
        Heusel, Ramsauer, Unterthiner, Nessler & Hochreiter, GANs trained by a two time-scale update rule, 2017.
    """
    check_rows("features", features, 2)
    check_rows("other", other, 2)
    if features.shape[1] != other.shape[1]:
        raise ValueError(f"`other` must have {features.shape[1]} columns, as `features`. Received: {other.shape}")
    roots = [_root_of_covariance(cloud) for cloud in (features, other)]
    # The trace of (C₁ C₂)^½ is the sum of the singular values of C₁^½ C₂^½, which stays real for singular covariances.
    overlap = np.linalg.norm(roots[0] @ roots[1], "nuc")
    shift = np.sum((features.mean(axis=0, dtype=float) - other.mean(axis=0, dtype=float)) ** 2)
    return float(shift + sum(np.sum(root**2) for root in roots) - 2 * overlap)


def _root_of_covariance(points):
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(points, rowvar=False, dtype=float)))
    return axes * np.sqrt(np.maximum(variances, 0)) @ axes.T  # rounding may leave a variance just below zero
