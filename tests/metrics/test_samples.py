"""Fréchet distance against closed forms and SciPy, precision and recall of samples by hand."""

import numpy as np
import pytest
from scipy import linalg

from course_utils.metrics import (
    precision_recall,
    squared_frechet_distance,
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
    far = squared_frechet_distance(cloud(np.zeros(4), covariance), cloud(np.array([3.0, 0, 4, 0]), covariance, n=60))
    assert far == pytest.approx(25)
    assert squared_frechet_distance(cloud(np.ones(4), covariance), cloud(np.ones(4), covariance)) == pytest.approx(
        0, abs=1e-9
    )


def test_frechet_distance_of_commuting_covariances_is_that_of_their_roots():
    """Along shared axes: the squared differences of the standard deviations add."""
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    first, other = (cloud(np.zeros(3), axes * np.square(s) @ axes.T) for s in ([1.0, 2, 3], [2.0, 2, 1]))
    assert squared_frechet_distance(first, other) == pytest.approx(1 + 0 + 4)


def test_frechet_distance_is_scipys_and_symmetric():
    means, covariances = RNG.normal(size=(2, 4)), [random_covariance(2), random_covariance(3)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(sum(covariances) - 2 * root.real)
    first, other = (cloud(mean, covariance) for mean, covariance in zip(means, covariances))
    assert squared_frechet_distance(first, other) == pytest.approx(expected)
    assert squared_frechet_distance(other, first) == pytest.approx(expected)


def test_frechet_distance_stays_real_with_fewer_points_than_features():
    few, other = RNG.normal(size=(5, 20)), RNG.normal(size=(9, 20))
    assert squared_frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    assert np.isfinite(squared_frechet_distance(few, other)) and squared_frechet_distance(few, other) > 0


def test_frechet_distance_refuses_bad_shapes():
    for first, other, words in [
        (np.ones((5, 3)), np.ones((5, 2)), r"`other` must have 3 columns, as `features`\. Received: \(5, 2\)"),
        (np.ones((1, 3)), np.ones((5, 3)), r"`features` must be an array \(n, width\) with n ≥ 2"),
        (np.ones((5, 3)), np.ones(3), "`other` must be an array"),
    ]:
        with pytest.raises(ValueError, match=words):
            squared_frechet_distance(first, other)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("metric", [squared_frechet_distance, precision_recall])
def test_points_that_are_not_finite_are_refused(metric, value):
    bad = np.ones((9, 2))
    bad[3, 1] = value
    names = {squared_frechet_distance: ("features", "other"), precision_recall: ("real", "generated")}[metric]
    for name, clouds in zip(names, [(bad, np.ones((9, 2))), (np.ones((9, 2)), bad)]):
        with pytest.raises(ValueError, match=f"`{name}` must hold finite numbers"):
            metric(*clouds)


def test_a_squared_distance_is_never_below_zero():
    for seed in range(20):
        points = np.random.default_rng(seed).normal(size=(6, 9))
        assert squared_frechet_distance(points, points) >= 0


# Precision and recall


def test_precision_and_recall_by_hand():
    """With k = 1 the balls around 0, 1 and 10 reach from -1 to 19, the generated ones from 9.5 to 12.5 and below 0."""
    real, generated = np.float64([[0], [1], [10]]), np.float64([[-3], [-2.5], [10.5], [11.5]])
    assert precision_recall(real, generated, k=1) == (2 / 4, 1 / 3)


def test_clouds_of_one_place_are_precise_and_complete_and_those_far_apart_neither():
    first, other = RNG.normal(size=(2, 300, 5))
    assert min(precision_recall(first, other)) > 0.7
    assert precision_recall(first, first) == (1, 1)
    assert precision_recall(first, other + 100) == (0, 0)


def test_a_dropped_mode_costs_recall_and_a_false_one_precision():
    left, right = RNG.normal(size=(2, 200, 2)) + np.array([[[-50, 0]], [[50, 0]]])
    both, fresh = np.concatenate([left, right]), RNG.normal(size=(200, 2)) - [50, 0]
    precision, recall = precision_recall(both, fresh)
    assert precision > 0.9 and 0.4 < recall <= 0.5
    precision, recall = precision_recall(fresh, both)
    assert 0.4 < precision <= 0.5 and recall > 0.9


def test_precision_and_recall_refuse_bad_arguments():
    for arguments, words in [
        ((np.ones((9, 2)), np.ones((9, 2)), 0), "`k` must be a positive whole number"),
        ((np.ones((3, 2)), np.ones((9, 2))), r"`real` must be an array \(n, width\) with n ≥ 4"),
        ((np.ones((9, 2)), np.ones((9, 3))), "`generated` must have 2 columns, as `real`"),
    ]:
        with pytest.raises(ValueError, match=words):
            precision_recall(*arguments)
