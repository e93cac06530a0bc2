"""Exercises of lesson 06: log-mean-exp, an exact posterior, KL of Gaussians, the ELBO, the score-function gradient."""

import keras
import numpy as np
from keras import ops

from course_utils.exercises.exercise import exercise, refuses_tensors


def _hand_worked_mean(log_mean_exp):
    got = np.asarray(log_mean_exp(np.log([[1.0, 3.0], [2.0, 2.0]])))
    if got.shape != (2,):
        return f"Two rows must give two numbers, shape (2,). Yours has shape {got.shape}"
    if np.allclose(got, np.log(4)):
        return "The mean, not the sum: divide by the number of entries (in logarithms: subtract its logarithm)"
    if np.allclose(got[0], np.log(3) / 2):
        return "That is the mean of the logarithms. Asked for is the logarithm of the mean"
    if not np.allclose(got, np.log(2)):
        return f"The mean of 1 and 3 is 2, and so is that of 2 and 2: expected log 2 = 0.6931 twice, got {got}"


def _survives_extremes(log_mean_exp):
    for shift in (-2000.0, 2000.0):
        with np.errstate(all="ignore"):
            got = float(np.asarray(log_mean_exp(np.array([[shift, shift]])))[0])
        if not np.isclose(got, shift):
            return (
                f"exp({shift:g}) is out of the range of a float, its logarithm is not: "
                f"expected {shift:g}, got {got:g}. Subtract the row's largest entry first, and add it again at the end"
            )


@exercise(
    checks=[_hand_worked_mean, _survives_extremes],
    hint="With m the largest entry of a row, log mean exp(a) = m + log mean exp(a - m). Now the largest exponent is 0. "
    "`np.max(..., axis=-1, keepdims=True)` helps.",
)
def log_mean_exp(values):
    """log of the mean of exp(values) along the last axis; `(..., k)` to `(...)`."""
    largest = np.max(values, axis=-1, keepdims=True)
    return largest[..., 0] + np.log(np.mean(np.exp(values - largest), axis=-1))


def _model(dimensions=4, latent_dim=2):
    rng = np.random.default_rng(0)
    return rng.normal(size=(dimensions, latent_dim)), rng.normal(size=dimensions), 0.7


def _posterior_shapes(posterior):
    w, mu, sigma = _model()
    mean, covariance = posterior(mu + 1, w, mu, sigma)
    if np.shape(mean) != (2,) or np.shape(covariance) != (2, 2):
        return (
            "With two hidden causes, mean and covariance must have shapes (2,) and (2, 2). "
            f"Yours have {np.shape(mean)} and {np.shape(covariance)}"
        )


def _posterior_in_one_dimension(posterior):
    # z ~ N(0, 1), x = 2z + 1 + N(0, 1), x = 6: precision 1 + 4 = 5, mean 2 (6 - 1) / 5 = 2.
    mean, covariance = posterior(np.array([6.0]), np.array([[2.0]]), np.array([1.0]), 1.0)
    mean, variance = float(np.ravel(mean)[0]), float(np.ravel(covariance)[0])
    if np.isclose(variance, 5):
        return "That is M, the precision. The covariance is σ² M⁻¹"
    if not np.isclose(variance, 0.2):
        return f"For W = 2 and σ = 1 the precision is 1 + 2² = 5, so the variance must be 0.2, yours is {variance:.4g}"
    if np.isclose(mean, 2.4):
        return "Take μ off first: what z has to explain is x - μ"
    if not np.isclose(mean, 2):
        return f"For W = 2, μ = 1, σ = 1 and x = 6 the mean must be 2 (6 - 1) / 5 = 2, yours is {mean:.4g}"


def _posterior_by_conditioning(posterior):
    w, mu, sigma = _model()
    x = mu + np.array([1.0, -2.0, 0.5, 3.0])
    mean, covariance = posterior(x, w, mu, sigma)
    gain = w.T @ np.linalg.inv(w @ w.T + sigma**2 * np.eye(4))  # conditioning the joint Gaussian of x and z
    if not np.allclose(covariance, np.eye(2) - gain @ w):
        return f"For σ = 0.7 the covariance must be\n{np.eye(2) - gain @ w}, yours is {covariance}".replace("\n", " ")
    if not np.allclose(mean, gain @ (x - mu)):
        return f"For σ = 0.7 the mean must be {gain @ (x - mu)}, yours is {mean}"


@exercise(
    checks=[_posterior_shapes, _posterior_in_one_dimension, _posterior_by_conditioning],
    hint="`np.linalg.inv(W.T @ W + sigma**2 * np.eye(d))` is M⁻¹, with d = W.shape[1].",
)
def posterior(x, W, mu, sigma):
    """Mean `(d,)` and covariance `(d, d)` of p(z | x) for x = W z + mu + sigma · noise and z ~ N(0, I)."""
    inverse = np.linalg.inv(W.T @ W + sigma**2 * np.eye(W.shape[1]))
    return inverse @ W.T @ (x - mu), sigma**2 * inverse


_MEANS = np.array([1.0, -1.0]), np.array([0.5, 0.0])
_COVARIANCES = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.3], [-0.3, 0.5]])


def _kl_of_equals_is_zero(gaussian_kl):
    got = float(gaussian_kl(_MEANS[0], _COVARIANCES[0], _MEANS[0], _COVARIANCES[0]))
    if not np.isclose(got, 0, atol=1e-9):
        return f"KL of a Gaussian and itself must be 0, yours is {got:.4g}. Is the number of dimensions subtracted?"


def _kl_of_a_shift(gaussian_kl):
    got = float(gaussian_kl(np.array([3.0, 4.0]), np.eye(2), np.zeros(2), np.eye(2)))
    if np.isclose(got, 25):
        return "The factor one half is missing: a shift of (3, 4) costs (3² + 4²) / 2 = 12.5, yours is 25"
    if not np.isclose(got, 12.5):
        return f"KL[N((3, 4), I) || N(0, I)] must be (3² + 4²) / 2 = 12.5, yours is {got:.4g}"


def _kl_of_a_scale(gaussian_kl):
    wide, narrow = np.array([[4.0]]), np.array([[1.0]])
    got, expected = float(gaussian_kl(np.zeros(1), wide, np.zeros(1), narrow)), (4 - 1 - np.log(4)) / 2
    if np.isclose(got, (0.25 - 1 + np.log(4)) / 2):
        return "The two are exchanged: KL[q || p] is not KL[p || q]"
    if not np.isclose(got, expected):
        return f"KL[N(0, 4) || N(0, 1)] must be (4 - 1 - log 4) / 2 = {expected:.4f}, yours is {got:.4g}"


def _kl_with_correlations(gaussian_kl):
    (m, n), (a, b) = _MEANS, _COVARIANCES
    got = float(gaussian_kl(m, a, n, b))
    inverse = np.linalg.inv(b)
    expected = (
        np.trace(inverse @ a) + (n - m) @ inverse @ (n - m) - 2 + np.log(np.linalg.det(b)) - np.log(np.linalg.det(a))
    ) / 2
    if not np.isclose(got, expected):
        return f"For two correlated Gaussians of the check it must be {expected:.4f}, yours is {got:.4g}"


@exercise(
    checks=[_kl_of_equals_is_zero, _kl_of_a_shift, _kl_of_a_scale, _kl_with_correlations],
    hint="`np.linalg.solve(cov_p, cov_q)` is Σ_p⁻¹ Σ_q, `np.trace` sums its diagonal, and "
    "`np.linalg.slogdet(cov)[1]` is log det without overflow.",
)
def gaussian_kl(mean_q, cov_q, mean_p, cov_p):
    """KL[N(mean_q, cov_q) || N(mean_p, cov_p)] in nats; means `(d,)`, covariances `(d, d)`."""
    shift = mean_p - mean_q
    quadratic = np.trace(np.linalg.solve(cov_p, cov_q)) + shift @ np.linalg.solve(cov_p, shift)
    return (quadratic - len(shift) + np.linalg.slogdet(cov_p)[1] - np.linalg.slogdet(cov_q)[1]) / 2


def _log_joint(codes):
    """log p(x, z) of the check: z ~ N(0, I) in two dimensions, x = z₁ + 2 z₂ + N(0, 1) = 1."""
    prior = -ops.sum(ops.square(codes), axis=-1) / 2 - np.log(2 * np.pi)
    return prior - ops.square(1 - codes[..., 0] - 2 * codes[..., 1]) / 2 - np.log(2 * np.pi) / 2


def _exact_elbo(mean, scale):
    covariance, w = scale @ scale.T, np.array([1.0, 2.0])
    prior = -(mean @ mean + np.trace(covariance)) / 2 - np.log(2 * np.pi)
    likelihood = -((1 - w @ mean) ** 2 + w @ covariance @ w) / 2 - np.log(2 * np.pi) / 2
    return prior + likelihood + np.linalg.slogdet(scale)[1] + 1 + np.log(2 * np.pi)


_NOISE = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], "float32")  # mean 0 and covariance I, exactly


def _elbo_is_one_number(elbo_estimate):
    got = ops.convert_to_numpy(elbo_estimate(_log_joint, np.zeros(2, "float32"), np.eye(2, dtype="float32"), _NOISE))
    if got.shape != ():
        return f"The estimate is one number, the mean over the draws. Yours has shape {got.shape}"


def _elbo_is_exact_here(elbo_estimate):
    for scale in (np.array([[0.5, 0.0], [0.0, 1.5]]), np.array([[0.5, 0.0], [1.5, 2.0]])):
        mean = np.array([0.3, -0.2])
        arguments = (value.astype("float32") for value in (mean, scale))
        got = float(ops.convert_to_numpy(elbo_estimate(_log_joint, *arguments, _NOISE)))
        exact = _exact_elbo(mean, scale)
        entropy = np.linalg.slogdet(scale)[1] + 1 + np.log(2 * np.pi)
        if np.isclose(got, exact - entropy, rtol=1e-3):
            return f"The entropy of q is missing, here {entropy:.4f} nats"
        if np.isclose(got, exact - 1 - np.log(2 * np.pi), rtol=1e-3):
            return "Of the entropy only Σ log L_jj is there: the constant (d/2)(1 + log 2π) is missing"
        if not np.isclose(got, exact, rtol=1e-3):
            return (
                f"With mean (0.3, -0.2) and L = {scale.tolist()} the ELBO of the check is {exact:.4f}, "
                f"yours {got:.4f}. Are the codes mean + noise @ Lᵀ?"
            )


def _elbo_takes_tensors(elbo_estimate):
    tensors = (keras.Input(batch_shape=shape) for shape in ((2,), (2, 2), (4, 2)))
    return refuses_tensors(elbo_estimate, _log_joint, *tensors)


@exercise(
    checks=[_elbo_is_one_number, _elbo_is_exact_here, _elbo_takes_tensors],
    hint="codes = mean + ops.matmul(noise, ops.transpose(scale)). Then the mean of log_joint(codes), plus the entropy: "
    "the sum of ops.log(ops.diagonal(scale)) and the constant d / 2 · (1 + log 2π) with d = 2.",
)
def elbo_estimate(log_joint, mean, scale, noise):
    """ELBO of q = N(mean, L Lᵀ) with L = `scale` `(d, d)`, lower triangular, from noise `(draws, d)`; one number."""
    codes = mean + ops.matmul(noise, ops.transpose(scale))
    entropy = ops.sum(ops.log(ops.diagonal(scale))) + noise.shape[-1] / 2 * (1 + np.log(2 * np.pi))
    return ops.mean(log_joint(codes)) + entropy


def _score_shapes(score_gradient):
    got = np.shape(score_gradient(np.ones(5), np.ones((5, 3)), np.zeros(3), np.array([1.0, 2.0, 3.0])))
    if got != (5, 3):
        return f"One gradient a draw, (5, 3) for five draws in three dimensions. Yours has shape {got}"


def _score_of_one_draw(score_gradient):
    got = np.ravel(score_gradient(np.array([10.0]), np.array([[3.0]]), np.array([1.0]), 2.0))[0]
    expected = 10 * (3 - 1) / 4
    if np.isclose(got, 10 * (3 - 1) / 2):
        return "Divide by the variance, sd², not by the standard deviation"
    if np.isclose(got, -expected):
        return "The sign is turned: the derivative of log q with respect to the mean is (z - mean) / sd²"
    if not np.isclose(got, expected):
        return f"With f = 10, z = 3, mean 1 and sd 2 it must be 10 (3 - 1) / 2² = 5, yours is {got:.4g}"


def _score_is_unbiased(score_gradient):
    # f(z) = z² and q = N(1, 1): the gradient of E[f] = mean² + 1 is 2. Three Gauss-Hermite nodes are exact here.
    nodes, weights = np.array([-np.sqrt(3), 0, np.sqrt(3)]), np.array([1, 4, 1]) / 6
    codes = (1 + nodes)[:, np.newaxis]
    got = float(weights @ np.ravel(score_gradient(codes[:, 0] ** 2, codes, np.ones(1), 1.0)))
    if not np.isclose(got, 2):
        return f"Averaged over q = N(1, 1), the gradient of E[z²] must be 2, yours is {got:.4g}"


@exercise(
    checks=[_score_shapes, _score_of_one_draw, _score_is_unbiased],
    hint="For a Gaussian, ∂ log q(z) / ∂ mean is (z - mean) / sd². Multiply each draw's row with its f: "
    "f[:, np.newaxis].",
)
def score_gradient(f, codes, mean, sd):
    """Score-function estimates of the gradient of E[f(z)] by the mean of q = N(mean, diag(sd²)), one a draw.

    Shapes: f `(draws,)`, codes `(draws, d)`, mean `(d,)`, sd `(d,)` or one number; returns `(draws, d)`.
    """
    return f[:, np.newaxis] * (codes - mean) / sd**2
