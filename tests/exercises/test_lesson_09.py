"""Lesson 09's exercises in all four states."""

import numpy as np
from keras import ops
from scipy.special import logsumexp

from course_utils.exercises import lesson_09 as ex


def test_importance_bound(check_states):
    check_states(
        ex.importance_bound,
        wrong={
            "shape (3,)": lambda a: logsumexp(a) - np.log(a.size),
            "divided by k": lambda a: logsumexp(a, axis=1),
            "the mean of the logarithms": lambda a: a.mean(axis=1),
            "so is their mean": lambda a: np.exp(a).mean(axis=1),
            "exp(-1000) is 0": lambda a: np.log(np.exp(a).mean(axis=1)),
            "each image's largest": lambda a: a.max() + np.log(np.exp(a - a.max()).mean(axis=1)),
        },
        correct=lambda a: logsumexp(a, axis=1) - np.log(a.shape[1]),
    )


def test_count_active(check_states):
    check_states(
        ex.count_active,
        wrong={
            "standard deviation": lambda mean, t: np.sum(mean.std(axis=0) > t),
            "Over which axis": lambda mean, t: np.sum(mean.var(axis=1) > t),
            "one number": lambda mean, t: mean.var(axis=0) > t,
            "compare, and count": lambda mean, t: np.sum(np.abs(mean.mean(axis=0)) > t),
            "With a threshold of 0.001": lambda mean, t: np.sum(mean.var(axis=0) > 0.01),
        },
        correct=lambda mean, t: int((np.mean(mean**2, axis=0) - mean.mean(axis=0) ** 2 > t).sum()),
    )


def test_free_bits(check_states):
    check_states(
        ex.free_bits,
        wrong={
            "Summed over the batch": lambda kl, floor: ops.sum(ops.maximum(kl, floor)),
            "Averaged over the units": lambda kl, floor: ops.mean(ops.maximum(ops.mean(kl, axis=0), floor)),
            "shape (2,)": lambda kl, floor: ops.sum(ops.maximum(kl, floor), axis=1),
            "for each unit": lambda kl, floor: ops.maximum(ops.sum(ops.mean(kl, axis=0)), floor),
            "First the mean over the batch": lambda kl, floor: ops.sum(ops.mean(ops.maximum(kl, floor), axis=0)),
            "arrays only": lambda kl, floor: np.maximum(np.mean(kl, axis=0), floor).sum(),
        },
        correct=lambda kl, floor: ops.sum(ops.where(ops.mean(kl, axis=0) > floor, ops.mean(kl, axis=0), floor)),
    )


def test_best_sigma(check_states):
    check_states(
        ex.best_sigma,
        wrong={
            "0.01 is the variance": lambda x, y: np.mean((x - y) ** 2),
            "not at its largest": lambda x, y: np.mean(np.abs(x - y)),
            "the best deviation is 0.1": lambda x, y: np.sqrt(np.sum((x - y) ** 2)),
            "One deviation for all": lambda x, y: np.sqrt(np.mean((x - y) ** 2, axis=(1, 2, 3))),
        },
        correct=lambda x, y: np.sqrt(np.mean(x**2 - 2 * x * y + y**2)),
    )
