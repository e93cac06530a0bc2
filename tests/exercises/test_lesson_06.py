"""The exercises of lesson 06 in their four states."""

import numpy as np
from keras import ops
from scipy.special import logsumexp

from course_utils.exercises import lesson_06 as ex


def test_log_mean_exp(check_states):
    check_states(
        ex.log_mean_exp,
        wrong={
            "not the sum": lambda a: logsumexp(a, axis=-1),
            "mean of the logarithms": lambda a: np.mean(a, axis=-1),
            "out of the range": lambda a: np.log(np.mean(np.exp(a), axis=-1)),
            "shape (2,)": lambda a: logsumexp(a, axis=-1, keepdims=True) - np.log(2),
            "expected log 2": lambda a: np.max(a, axis=-1),
        },
        correct=lambda a: logsumexp(a, axis=-1) - np.log(a.shape[-1]),
    )


def test_posterior(check_states):
    def precision(w, sigma):
        return w.T @ w + sigma**2 * np.eye(w.shape[1])

    def right(x, w, mu, sigma):
        return np.linalg.solve(precision(w, sigma), w.T @ (x - mu)), sigma**2 * np.linalg.inv(precision(w, sigma))

    check_states(
        ex.posterior,
        wrong={
            "That is M": lambda x, w, mu, s: (right(x, w, mu, s)[0], precision(w, s)),
            "Take μ off": lambda x, w, mu, s: right(x, w, 0 * mu, s),
            "must be 0.2": lambda x, w, mu, s: (right(x, w, mu, s)[0], np.linalg.inv(w.T @ w)),
            "shapes (2,)": lambda x, w, mu, s: (right(x, w, mu, s)[0], np.diag(right(x, w, mu, s)[1])),
            "For σ = 0.7 the covariance": lambda x, w, mu, s: (
                right(x, w, mu, s)[0],
                np.linalg.inv(precision(w, s)),
            ),
            "For σ = 0.7 the mean": lambda x, w, mu, s: (
                np.linalg.solve(precision(w, 1.0), w.T @ (x - mu)),
                right(x, w, mu, s)[1],
            ),
        },
        correct=right,
    )


def test_gaussian_kl(check_states):
    def right(m, a, n, b, *, dimensions=None, half=0.5):
        d = len(m) if dimensions is None else dimensions
        inverse = np.linalg.inv(b)
        log_ratio = np.log(np.linalg.det(b) / np.linalg.det(a))
        return half * (np.sum(inverse * a.T) + (m - n) @ inverse @ (m - n) - d + log_ratio)

    check_states(
        ex.gaussian_kl,
        wrong={
            "Is the number of dimensions": lambda m, a, n, b: right(m, a, n, b, dimensions=0),
            "one half is missing": lambda m, a, n, b: right(m, a, n, b, half=1),
            "exchanged": lambda m, a, n, b: right(n, b, m, a),
            "two correlated Gaussians": lambda m, a, n, b: right(m, np.diag(np.diag(a)), n, np.diag(np.diag(b))),
            "(4 - 1 - log 4)": lambda m, a, n, b: right(m, a, n, a),
        },
        correct=right,
    )


def test_elbo_estimate(check_states):
    constant = 1 + np.log(2 * np.pi)

    def right(log_joint, mean, scale, noise, *, transpose=True, constant=constant, entropy=1.0):
        codes = mean + noise @ (ops.transpose(scale) if transpose else scale)
        return ops.mean(log_joint(codes)) + entropy * (ops.sum(ops.log(ops.diagonal(scale))) + constant)

    def in_numpy(log_joint, mean, scale, noise):
        codes = mean + np.matmul(noise, np.transpose(scale))
        return ops.mean(log_joint(codes)) + np.sum(np.log(np.diagonal(scale))) + constant

    check_states(
        ex.elbo_estimate,
        wrong={
            "The entropy of q is missing": lambda *a: right(*a, entropy=0.0),
            "the constant": lambda *a: right(*a, constant=0.0),
            "Lᵀ": lambda *a: right(*a, transpose=False),
            "keras.ops": in_numpy,
            "one number": lambda log_joint, mean, scale, noise: log_joint(mean + noise @ ops.transpose(scale)),
        },
        correct=right,
    )


def test_score_gradient(check_states):
    check_states(
        ex.score_gradient,
        wrong={
            "(5, 3)": lambda f, z, m, s: np.mean(f[:, None] * (z - m) / s**2, axis=0),
            "Divide by the variance": lambda f, z, m, s: f[:, None] * (z - m) / s,
            "The sign": lambda f, z, m, s: f[:, None] * (m - z) / s**2,
            "it must be 10 (3 - 1)": lambda f, z, m, s: f[:, None] * z / s**2,
            "must be 2": lambda f, z, m, s: np.abs(f)[:, None] ** (1 if len(f) == 1 else 0) * (z - m) / s**2,
        },
        correct=lambda f, z, m, s: np.einsum("n,nd->nd", f, (z - m) / s**2),
    )
