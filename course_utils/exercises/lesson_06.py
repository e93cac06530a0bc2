"""Exercises of lesson 06: log-mean-exp, hidden pixels, mean field, EM's M step, the score function; predictions."""

import numpy as np

from course_utils.exercises import Prediction, as_array, as_arrays, exercise


def _hand_worked_mean(log_mean_exp):
    got = log_mean_exp(np.log([[1.0, 3.0], [2.0, 2.0]]))
    if got.shape != (2,):
        return f"Two rows must give two numbers, shape (2,). Yours has shape {got.shape}"
    if np.allclose(got, np.log(4)):
        return "The mean, not the sum: divide by the number of entries (in logarithms: subtract its logarithm)"
    if np.allclose(got[0], np.log(3) / 2):
        return "That is the mean of the logarithms. Asked for is the logarithm of the mean"
    if not np.allclose(got, np.log(2)):
        return f"The mean of 1 and 3 is 2, and so is that of 2 and 2: expected log 2 = 0.6931 twice, got {got}"


def _survives_extremes(log_mean_exp):
    for shift in (-2000.0, 2000.0, -20_000.0, 20_000.0):  # these are too far for long doubles, too
        got = float(log_mean_exp(np.array([[shift, shift]]))[0])
        if not np.isclose(got, shift):
            return (
                f"exp({shift:g}) is out of the range of a float, its logarithm is not: "
                f"expected {shift:g}, got {got:g}. Subtract the row's largest entry first, and add it again at the end"
            )


def _survives_wide_rows(log_mean_exp):
    rows = np.array([[-2000.0, 2000], [-2000, -2001], [0, -3000]])
    got, expected = log_mean_exp(rows), np.logaddexp.reduce(rows, axis=1) - np.log(2)
    if not np.allclose(got, expected):
        return (
            f"These rows lie far apart, within and from each other: expected {expected.round(3)}, got {got.round(3)}. "
            "What is subtracted must be each row's own largest entry, not its mean or the largest of all"
        )


@exercise(
    checks=[_hand_worked_mean, _survives_extremes, _survives_wide_rows],
    hint="With m the largest entry of a row, log mean exp(a) = m + log mean exp(a - m). Now the largest exponent is 0. "
    "`np.max(..., axis=-1, keepdims=True)` helps.",
    returns=as_array,
    cases=lambda rng: [(rng.normal(size=shape),) for shape in ((4, 7), (2, 3, 5), (6,))],
)
def log_mean_exp(values):
    """log of the mean of exp(values) along the last axis; (..., k) to (...). Works at -2000 and at 2000 as well."""
    largest = np.max(values, axis=-1, keepdims=True)
    return largest[..., 0] + np.log(np.mean(np.exp(values - largest), axis=-1))


def posterior(x, W, mu, sigma):
    """Mean (d,) and covariance (d, d) of p(z | x), as the lesson's cell has it."""
    inverse = np.linalg.inv(W.T @ W + sigma**2 * np.eye(W.shape[1]))
    return inverse @ W.T @ (x - mu), sigma**2 * inverse


def _part_of_a_model(rng, pixels, latent_dim):
    """An observation, which of its pixels are seen, and a model, in the order of the arguments."""
    seen = np.arange(pixels) % 3 != 1  # both kinds, scattered
    return rng.normal(size=pixels), seen, rng.normal(size=(pixels, latent_dim)), rng.normal(size=pixels), 0.7


def _seen_pixels_stay(fill_in):
    x, seen, W, mu, sigma = _part_of_a_model(np.random.default_rng(0), 6, 2)
    got = fill_in(x, seen, W, mu, sigma)
    if got.shape != x.shape:
        return f"All pixels are wanted, seen and hidden, shape {x.shape}. Yours has shape {got.shape}"
    if not np.allclose(got[seen], x[seen]):
        return "The pixels that are seen must stay as they are; only hidden ones are filled in"


def _hidden_pixels_are_unknown(fill_in):
    x, seen, *model = _part_of_a_model(np.random.default_rng(0), 6, 2)
    if not np.allclose(fill_in(x, seen, *model)[~seen], fill_in(np.where(seen, x, 9.0), seen, *model)[~seen]):
        return (
            "Yours looks at the hidden pixels: other values in them must not change what is filled in. "
            "Which rows of W belong to the seen ones?"
        )


def _filled_by_conditioning(fill_in):
    # x1 = z + N(0, 1) = 3 is seen and x2 = 2 z + 5 + N(0, 1) is not: E[z | x1] = 3/2, so E[x2 | x1] = 8.
    got = fill_in(np.array([3.0, 0.0]), np.array([True, False]), np.array([[1.0], [2.0]]), np.array([0.0, 5.0]), 1.0)
    if np.isclose(got[1], 3):
        return "μ of the hidden pixels is missing: they are W z + μ on average"
    if not np.isclose(got[1], 8):
        return (
            f"x₁ = z + ε₁ = 3 gives z the mean 3/2, and x₂ = 2 z + 5 + ε₂ is then 8 on average. Yours is {got[1]:.4g}"
        )


@exercise(
    checks=[_seen_pixels_stay, _hidden_pixels_are_unknown, _filled_by_conditioning],
    hint="The seen pixels x[seen] follow the same model with the rows W[seen] and the entries mu[seen] alone. "
    "So `posterior` gives the mean of z; mu + W @ mean is then the mean of every pixel.",
    returns=as_array,
    cases=lambda rng: [_part_of_a_model(rng, 11, 3), _part_of_a_model(rng, 4, 5)],
)
def fill_in(x, seen, W, mu, sigma):
    """The observation x (P,) with each hidden pixel replaced by its mean given the seen ones; seen (P,) is boolean."""
    mean, _ = posterior(x[seen], W[seen], mu[seen], sigma)
    return np.where(seen, x, mu + W @ mean)


wide_guess = Prediction(
    "wide_guess",
    "What is KL[q || p] in ten dimensions, if q has the mean of p and twice its standard deviation in every one?",
    "Each dimension costs (4 - 1 - log 4) / 2 = 0.807 nats, ten of them 8.07.",
    "Ten independent dimensions: ten times the KL of N(0, 4) to N(0, 1). In the formula the trace is 4, d is 1.",
    unit="nats",
    within=0.1,
)


def _variances_of_independent_causes(mean_field_variances):
    got = mean_field_variances(np.diag([4.0, 0.25, 1.0]))
    if got.shape != (3,):
        return f"One variance for each dimension, shape (3,). Yours has shape {got.shape}"
    if not np.allclose(got, [4, 0.25, 1]):
        return f"If the target is independent itself, q can be equal to it: expected 4, 0.25, 1, got {got}"


def _narrower_than_the_posterior(mean_field_variances):
    cov = np.array([[2.0, 1.2], [1.2, 1.0]])
    got = mean_field_variances(cov)
    if np.allclose(got, np.diag(cov)):
        return (
            "These are the target's own variances, the best ones for KL[p || q]. The ELBO asks for KL[q || p]: "
            "write it down for a diagonal Σ_q, and set its derivative to zero"
        )
    if np.allclose(got, np.diag(np.linalg.inv(cov))):
        return "These are precisions: the best variances are one over them"
    if not np.allclose(got, [0.56, 0.28]):
        return (
            f"For the variances 2 and 1 and the covariance 1.2 it must be 0.56 and 0.28, yours is {got.round(4)}. "
            "Only the trace and log det Σ_q depend on the variances of q"
        )


def _any_covariance(rng, d):
    root = rng.normal(size=(d, 2 * d))
    return (root @ root.T / d,)


@exercise(
    checks=[_variances_of_independent_causes, _narrower_than_the_posterior],
    hint="With Σ_q = diag(v), the KL divergence is (Σ_j Λ_jj v_j - Σ_j log v_j) / 2 plus a constant, where Λ is the "
    "inverse of cov. Where is its derivative with respect to v_j zero?",
    returns=as_array,
    cases=lambda rng: [_any_covariance(rng, d) for d in (5, 3)],
)
def mean_field_variances(cov):
    """Variances (d,) of the q with independent entries that has the smallest KL[q || N(m, cov)]; cov (d, d)."""
    return 1 / np.diag(np.linalg.inv(cov))


def _m_step_with_certain_kinds(m_step):
    got = m_step(np.array([0.0, 2.0, 7.0]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    if len(got) != 3 or any(part.shape != (2,) for part in got):
        return f"Three arrays of shape (2,) are wanted: prior, means, sds. Yours: {[part.shape for part in got]}"
    prior, means, sds = got
    if np.allclose(means, [2 / 3, 7 / 3]):
        return "A mean is a sum over the kind's own shares, not over all observations: divide by the sum of its shares"
    if not np.allclose(means, [1, 7]):
        return f"If 0 and 2 are surely of kind 0 and 7 of kind 1, the means are 1 and 7. Yours are {means}"
    if not np.allclose(prior, [2 / 3, 1 / 3]):
        return f"Two of three observations are of kind 0, so its probability is 2/3. Yours are {prior}"
    if np.isclose(sds[0], np.sqrt(2)):
        return "The most likely variance divides by the number of observations, not by one less"
    if not np.allclose(sds, [1, 0]):
        return f"0 and 2 have the standard deviation 1 around their own mean. Yours is {sds[0]:.4g}"


def _m_step_with_shares(m_step):
    means = m_step(np.array([0.0, 4.0]), np.array([[0.75, 0.25], [0.25, 0.75]]))[1]
    if not np.allclose(means, [1, 3]):
        return (
            f"0 is of kind 0 with 3/4 and 4 with 1/4, so the mean of kind 0 is 1, that of kind 1 is 3. Yours: {means}. "
            "An observation counts as much as its share"
        )


def _m_step_spreads_around_new_means(m_step):
    sds = m_step(np.array([0.0, 4.0]), np.array([[0.75, 0.25], [0.25, 0.75]]))[2]
    if not np.allclose(sds, np.sqrt(3)):
        return (
            "Around its new mean 1, kind 0 has the variance 3/4 · 1 + 1/4 · 9 = 3, so the standard deviation 1.732. "
            f"Yours: sds {sds.round(4)}"
        )


def _any_shares(rng, n, kinds):
    return rng.normal(size=n), rng.dirichlet(np.ones(kinds), size=n)


@exercise(
    checks=[_m_step_with_certain_kinds, _m_step_with_shares, _m_step_spreads_around_new_means],
    hint="Suppose first that every share is 0 or 1: then each kind has its observations, and you know the best "
    "probability, mean and standard deviation. With shares, sums and means become weighted ones: `shares.T @ x`.",
    returns=as_arrays,
    cases=lambda rng: [_any_shares(rng, 9, 2), _any_shares(rng, 7, 3)],
)
def m_step(x, shares):
    """The best prior (K,), means (K,) and sds (K,) for numbers x (n,), with shares (n, K) of the K kinds held fixed."""
    count = shares.sum(axis=0)
    means = shares.T @ x / count
    variances = np.sum(shares * (x[:, np.newaxis] - means) ** 2, axis=0) / count
    return count / len(x), means, np.sqrt(variances)


bound_guess = Prediction(
    "bound_guess",
    "With a thousand draws, which q has the higher importance-weighted bound?",
    "The wide q draws from everywhere the posterior is, and wastes some draws; the narrow q hardly ever draws from "
    "its outer parts, where the weights are huge.",
    "With many draws a q only needs to reach every place where the posterior is. Which of the two does not?",
    options=("twice as wide", "half as wide"),
)


def _score_shapes(score_gradient):
    got = score_gradient(np.ones(5), np.ones((5, 3)), np.zeros(3), np.array([1.0, 2.0, 3.0])).shape
    if got != (5, 3):
        return f"One gradient per draw, (5, 3) for five draws in three dimensions. Yours has shape {got}"


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


def _score_of_each_dimension(score_gradient):
    got = score_gradient(np.array([1.0]), np.array([[2.0, 2.0]]), np.zeros(2), np.array([1.0, 2.0]))[0]
    if not np.allclose(got, [2, 0.5]):
        hint = " Each dimension is divided by its own variance, not by one of all" if np.isclose(*got) else ""
        return f"With f = 1, z = (2, 2), mean 0 and sd (1, 2) it must be (2 / 1, 2 / 4), yours is {got.round(4)}.{hint}"


def _any_draws(rng):
    for n, d, sd in ((6, 3, rng.uniform(0.5, 2, 3)), (4, 5, 0.7)):  # a deviation for each dimension, and one for all
        yield rng.normal(size=n), rng.normal(size=(n, d)), rng.normal(size=d), sd


@exercise(
    checks=[_score_shapes, _score_of_one_draw, _score_of_each_dimension, _score_is_unbiased],
    hint="For a Gaussian, ∂ log q(z) / ∂ mean is (z - mean) / sd². Multiply each draw's row with its f: "
    "f[:, np.newaxis].",
    returns=as_array,
    cases=_any_draws,
)
def score_gradient(f, codes, mean, sd):
    """Score-function estimates, one a draw; (draws, d). f (draws,), codes (draws, d), mean (d,), sd (d,) or a float."""
    return f[:, np.newaxis] * (codes - mean) / sd**2


cosine_guess = Prediction(
    "cosine_guess",
    "For f(z) = cos 4z and q = N(0.3, 1), which gradient has the smaller standard deviation?",
    "f stays between -1 and 1, which is all that the score function multiplies; its slope, -4 sin 4z, swings "
    "four times as far.",
    "One estimator multiplies the values of f with (z - m) / s², the other takes its slope. How large is each?",
    options=("score function", "reparametrised"),
)

few_guess = Prediction(
    "few_guess",
    "An encoder is trained on 200 digits. How far off is its q, on average, on test digits?",
    "784 weights for each output can fit 200 digits all but exactly, and say nothing about others: the same fault as "
    "a regression with more parameters than examples, here in the encoder alone.",
    "The encoder has 784 weights for each of its outputs, and 200 examples to set them by.",
    options=("less than 1 nat", "1 to 10 nats", "more than 10 nats"),
)
