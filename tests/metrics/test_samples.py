"""The Fréchet distance, against closed forms and SciPy."""

import numpy as np
import pytest
from scipy import linalg

from course_utils.metrics import (
    frechet_distance,
)

RNG = np.random.default_rng(0)


def cloud(mean, covariance, n=50):
    """Points with exactly this mean and covariance."""
    points = np.random.default_rng(n).normal(size=(n, len(mean)))
    points -= points.mean(axis=0)
    white = points @ np.linalg.inv(linalg.sqrtm(np.cov(points, rowvar=False)))
    return mean + white @ linalg.sqrtm(covariance)


def random_covariance(seed, width=4):
    root = np.random.default_rng(seed).normal(size=(width, width))
    return root @ root.T


def test_frechet_distance_of_equal_covariances_is_the_squared_distance_of_the_means():
    covariance = random_covariance(0)
    far = frechet_distance(cloud(np.zeros(4), covariance), cloud(np.array([3.0, 0, 4, 0]), covariance, n=60))
    assert far == pytest.approx(25)
    assert frechet_distance(cloud(np.ones(4), covariance), cloud(np.ones(4), covariance)) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_of_commuting_covariances_is_that_of_their_roots():
    """Along shared axes: the squared differences of the standard deviations add."""
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    first, other = (cloud(np.zeros(3), axes * np.square(s) @ axes.T) for s in ([1.0, 2, 3], [2.0, 2, 1]))
    assert frechet_distance(first, other) == pytest.approx(1 + 0 + 4)


def test_frechet_distance_is_scipys_and_symmetric():
    means, covariances = RNG.normal(size=(2, 4)), [random_covariance(2), random_covariance(3)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(sum(covariances) - 2 * root.real)
    first, other = (cloud(mean, covariance) for mean, covariance in zip(means, covariances))
    assert frechet_distance(first, other) == pytest.approx(expected)
    assert frechet_distance(other, first) == pytest.approx(expected)


def test_frechet_distance_stays_real_with_fewer_points_than_features():
    few, other = RNG.normal(size=(5, 20)), RNG.normal(size=(9, 20))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    assert np.isfinite(frechet_distance(few, other)) and frechet_distance(few, other) > 0


def test_frechet_distance_refuses_bad_shapes():
    for first, other, words in [
        (np.ones((5, 3)), np.ones((5, 2)), r"`other` must have 3 columns, as `features`\. Received: \(5, 2\)"),
        (np.ones((1, 3)), np.ones((5, 3)), r"`features` must be an array \(n, width\) with n ≥ 2"),
        (np.ones((5, 3)), np.ones(3), "`other` must be an array"),
    ]:
        with pytest.raises(ValueError, match=words):
            frechet_distance(first, other)
