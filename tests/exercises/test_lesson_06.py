"""The exercises of lesson 06 in their four states."""

import numpy as np
import tensorflow as tf
from keras import ops
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from course_utils.exercises import lesson_06 as ex


def shifted(a, shift):
    return np.squeeze(shift * np.ones_like(a[..., :1]), -1) + np.log(np.mean(np.exp(a - shift), axis=-1))


def in_place(a):
    largest = a.max(axis=-1)
    a -= largest[..., None]
    return largest + np.log(np.mean(np.exp(a), axis=-1))


def test_log_mean_exp(check_states):
    check_states(
        ex.log_mean_exp,
        wrong={
            "not the sum": lambda a: logsumexp(a, axis=-1),
            "mean of the logarithms": lambda a: np.mean(a, axis=-1),
            "out of the range": lambda a: np.log(np.mean(np.exp(a), axis=-1)),
            "shape (2,)": lambda a: logsumexp(a, axis=-1, keepdims=True) - np.log(2),
            "expected log 2": lambda a: np.max(a, axis=-1),
            "own largest entry, not its mean": lambda a: shifted(a, a.mean(axis=-1, keepdims=True)),
            "or the largest of all": lambda a: shifted(a, a.max()),
            "On a random case": lambda a: logsumexp(a, axis=1) - np.log(a.shape[1]) if a.ndim == 2 else a.sum(axis=-1),
            "in place": in_place,
        },
        right=[
            lambda a: logsumexp(a, axis=-1) - np.log(a.shape[-1]),
            lambda a: ops.logsumexp(a, axis=-1) - np.log(a.shape[-1]),
            lambda a: tf.reduce_logsumexp(a, axis=-1) - np.log(a.shape[-1]),
            lambda a: np.logaddexp.reduce(a - np.log(a.shape[-1]), axis=-1).tolist(),
        ],
    )


def test_fill_in(check_states):
    def right(x, seen, W, mu, sigma, *, add=1.0):
        mean, _ = ex.posterior(x[seen], W[seen], mu[seen], sigma)
        return np.where(seen, x, add * mu + W @ mean)

    def by_conditioning(x, seen, W, mu, sigma):
        covariance, filled = W @ W.T + sigma**2 * np.eye(len(x)), x.copy()
        gain = covariance[np.ix_(~seen, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
        filled[~seen] = mu[~seen] + gain @ (x[seen] - mu[seen])
        return filled

    check_states(
        ex.fill_in,
        wrong={
            "looks at the hidden pixels": lambda x, seen, W, mu, s: np.where(
                seen, x, mu + W @ ex.posterior(x, W, mu, s)[0]
            ),
            "must stay": lambda x, seen, W, mu, s: mu + W @ ex.posterior(x[seen], W[seen], mu[seen], s)[0],
            "seen and hidden": lambda x, seen, *model: right(x, seen, *model)[~seen],
            "μ of the hidden pixels": lambda *arguments: right(*arguments, add=0.0),
            "8 on average": lambda x, seen, W, mu, s: np.where(seen, x, mu),
            "On a random case": lambda x, seen, W, mu, s: right(x, seen, W, mu, 1.0),
            "in place": lambda x, seen, *model: np.copyto(x, right(x, seen, *model)) or x,
        },
        right=[
            right,
            by_conditioning,
            lambda *arguments: tf.convert_to_tensor(right(*arguments)),
            lambda *arguments: right(*arguments).tolist(),
        ],
    )


def test_mean_field_variances(check_states):
    def by_search(cov):
        precision = np.diag(np.linalg.inv(cov))
        return np.array([minimize_scalar(lambda v, p=p: p * np.exp(v) - v).x for p in precision])

    check_states(
        ex.mean_field_variances,
        wrong={
            "best ones for KL[p || q]": lambda cov: np.diag(cov),
            "These are precisions": lambda cov: np.diag(np.linalg.inv(cov)) ** np.where(cov[0, 1], 1, -1),
            "shape (3,)": lambda cov: np.diag(1 / np.diag(np.linalg.inv(cov))),
            "can be equal to it": lambda cov: np.diag(np.linalg.inv(cov)),
            "0.56 and 0.28": lambda cov: np.linalg.eigvalsh(cov) if cov[0, 1] else np.diag(cov),
            "On a random case": lambda cov: np.diag(cov) * (1 - cov[0, 1] ** 2 / (cov[0, 0] * cov[1, 1])),
        },
        right=[
            lambda cov: np.exp(by_search(cov)),
            lambda cov: ops.reciprocal(ops.diagonal(ops.inv(cov))),
            lambda cov: [1 / value for value in np.diag(np.linalg.inv(cov))],
            lambda cov: [  # each entry's variance once the others are known
                cov[i, i]
                - np.delete(cov[i], i) @ np.linalg.solve(np.delete(np.delete(cov, i, 0), i, 1), np.delete(cov[i], i))
                for i in range(len(cov))
            ],
        ],
    )


def test_m_step(check_states):
    def right(x, shares, *, weights=lambda shares: shares.sum(axis=0), power=0.5):
        means = shares.T @ x / weights(shares)
        squares = (x[:, None] - means) ** 2
        return shares.mean(axis=0), means, (np.sum(shares * squares, axis=0) / weights(shares)) ** power

    def with_average(x, shares):
        columns = shares.T
        means = [np.average(x, weights=column) for column in columns]
        sds = [np.sqrt(np.average((x - m) ** 2, weights=column)) for m, column in zip(means, columns)]
        return columns.mean(axis=1).tolist(), means, sds

    def hard(x, shares):
        return right(x, np.eye(shares.shape[1])[shares.argmax(axis=1)])

    def by_absolute_values(x, shares):
        prior, means, _ = right(x, shares)
        return prior, means, np.sum(shares * np.abs(x[:, None] - means), axis=0) / shares.sum(axis=0)

    def unbiased(x, shares):
        count = shares.sum(axis=0)
        return *right(x, shares)[:2], right(x, shares)[2] * np.sqrt(count / np.maximum(count - 1, 0.5))

    check_states(
        ex.m_step,
        wrong={
            "divide by the sum of its shares": lambda x, q: right(x, q, weights=lambda q: len(q)),
            "the standard deviation 1 around their own mean": lambda x, q: tuple(
                part * (3 if i == 2 else 1) for i, part in enumerate(right(x, q, power=1.0))
            ),
            "not by one less": unbiased,
            "counts as much as its share": hard,
            "Around its new mean": by_absolute_values,
            "its probability is 2/3": lambda x, q: (np.full(2, 0.5), *right(x, q)[1:]),
            "Three arrays": lambda x, q: right(x, q)[1:],
            "Several things": lambda x, q: np.stack(right(x, q)),
            "On a random case": lambda x, q: right(x, q[:, :2]),
        },
        right=[
            right,
            with_average,
            lambda x, q: [tf.convert_to_tensor(part) for part in right(x, q)],
        ],
    )


def test_predictions_know_what_the_lesson_measures(capsys):
    for prediction, right, wrong in (
        (ex.wide_guess, 5 * (3 - np.log(4)), 30.0),
        (ex.bound_guess, "twice as wide", "half as wide"),
        (ex.cosine_guess, "score function", "reparametrised"),
        (ex.few_guess, "more than 10 nats", "less than 1 nat"),
    ):
        for guess, sign in ((..., "○"), (right, "✓"), (wrong, "✗"), ([], "✗")):
            prediction.check(guess, right)
            assert capsys.readouterr().out.startswith(sign)


def test_score_gradient(check_states):
    check_states(
        ex.score_gradient,
        wrong={
            "(5, 3)": lambda f, z, m, s: np.mean(f[:, None] * (z - m) / s**2, axis=0),
            "Divide by the variance": lambda f, z, m, s: f[:, None] * (z - m) / s,
            "The sign": lambda f, z, m, s: f[:, None] * (m - z) / s**2,
            "its own variance": lambda f, z, m, s: f[:, None] * (z - m) / np.sum(np.square(s)),
            "On a random case": lambda f, z, m, s: (f - (len(f) == 6))[:, None] * (z - m) / s**2,
            "it must be 10 (3 - 1)": lambda f, z, m, s: f[:, None] * z / s**2,
            "must be 2": lambda f, z, m, s: np.abs(f)[:, None] ** (1 if len(f) == 1 else 0) * (z - m) / s**2,
        },
        right=[
            lambda f, z, m, s: np.einsum("n,nd->nd", f, (z - m) / s**2),
            lambda f, z, m, s: ops.expand_dims(f, -1) * (z - m) / s**2,
            lambda f, z, m, s: [value * (code - m) / np.square(s) for value, code in zip(f, z)],
            lambda f, z, m, s: tf.convert_to_tensor(f[:, None] * (z - m) / s**2),
        ],
    )
