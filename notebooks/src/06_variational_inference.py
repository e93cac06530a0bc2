# ---
# jupyter:
#   course: {reading: 60, doing: 80}
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Variational inference: a bound that can be checked
#
# A variational autoencoder (VAE, lesson 07) is an autoencoder whose encoder returns a distribution over codes, a mean and a variance for each number. Its loss is a bound on a quantity that nobody can compute. So how would you notice a mistake? In this lesson you meet the same bound on
# models where the number *is* known. The main claims of the theory become lines of output, and you can hold one against the other.
#
# **You will learn**
#
# - what a latent-variable model is, and why its marginal likelihood is a sum or an integral that soon cannot be computed
# - the evidence lower bound (ELBO), line by line, and that its gap is a Kullback-Leibler divergence
# - how gradient ascent moves a distribution onto the posterior, what it costs to leave out correlations, and how the model climbs as well
# - why many samples make a tighter bound, and what the two directions of the KL divergence do
# - which of two gradient estimators to use, and what an encoder gains and loses against fitting each example for itself
#
# **You need** the normal distribution, conditional probability, matrices, and lesson 01. Section 5 ends in a good place for a break.

# %%
import time
from itertools import pairwise

import numpy as np
from course_utils.data import load
from course_utils.exercises import lesson_06 as ex
from course_utils.lesson import budget, expect, setup
from course_utils.losses import gaussian_nll
from course_utils.models import VAE
from course_utils.plotting import curves, densities_on_plane, film, image_rows, stacked_bars
from course_utils.training import callbacks, fast
import keras
import tensorflow as tf
from keras import layers, ops
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm
from sklearn.decomposition import PCA

setup(seed=6)
mnist = load("mnist")

# %% [markdown]
# ## 1. A hidden cause
#
# A **latent-variable model** tells a story of how data come about. First something is drawn that nobody will see, the hidden or *latent* variable $z$, from a **prior** $p(z)$. Then the
# observation $x$ is drawn, from a distribution $p(x \mid z)$ that depends on $z$. We see $x$ only.
#
# The smallest example, a **mixture**: $z$ is one of two kinds, 0 or 1, and $x$ is a number. Kind 0 comes with probability 0.35 and is normally distributed around −2 with the standard deviation 1.3; kind 1 around 2.5, with 2.0.


# %%
MIXTURE = np.array([0.35, 0.65]), np.array([-2.0, 2.5]), np.array([1.3, 2.0])  # prior, means, standard deviations


def joint(x, mixture=MIXTURE):
    """p(x, z) = p(z) p(x | z) of numbers x (n,) with both kinds; (n, 2)."""
    prior, means, sds = mixture
    return prior * norm.pdf(np.asarray(x)[:, np.newaxis], means, sds)


line = np.linspace(-8, 10, 400)
curves(
    {"p(x)": joint(line).sum(axis=1), "p(x, z = 0)": joint(line)[:, 0], "p(x, z = 1)": joint(line)[:, 1]},
    "x",
    "density",
    x=line,
)

# %% [markdown]
# **What to notice.** How probable is an observation, whatever its cause? Sum over everything that may have been the cause:
#
# $$p(x) = \sum_z p(z)\, p(x \mid z).$$
#
# So the blue curve is the sum of the other two (and lies behind the red one on the right). To sum a variable out is to *marginalise* it, and $p(x)$ is called the **marginal likelihood**. It is not the likelihood $p(x \mid z)$ of one cause. Its other name is the **evidence**: it says how well the model as a whole, prior included,
# foresaw what was observed, and so it is the evidence for that model and against another.
#
# Between the bumps an observation may have come from either kind. To conclude from what is seen to what is hidden is called **inference**. Its full answer is the **posterior**, the probability of each cause once $x$ is seen, by Bayes' rule:
#
# $$p(z \mid x) = \frac{p(z)\, p(x \mid z)}{p(x)} .$$
#
# The denominator is the marginal likelihood. Whoever can compute $p(x)$ has the posterior, and the other way round. Here both are easy.

# %% tags=["nbval-check-output"]
for seen in (-3.0, 0.0, 3.0):
    both = joint([seen])[0]
    print(f"x = {seen:+.0f}: log p(x) = {np.log(both.sum()):.3f}, p(z = 1 | x) = {both[1] / both.sum():.3f}")

# %% [markdown]
# ## 2. When the sum becomes an integral
#
# From now on the hidden variable is a vector $z$ of $d$ real numbers with the prior $\mathcal N(0, I)$, and the sum becomes an integral: $p(x) = \int p(x \mid z)\, p(z)\, dz$. In a VAE $p(x \mid z)$ is a neural network,
# and there is no formula for that integral. We take a linear map instead of a network, because then there is one:
#
# $$x = W z + \mu + \sigma\,\varepsilon, \qquad \varepsilon \sim \mathcal N(0, I).$$
#
# $x$ has $P$ numbers, such as the 784 pixels of a digit, the matrix $W$ is $P \times d$, $\mu$ is a vector and $\sigma > 0$ the standard deviation of the noise $\varepsilon$. A sum of normal variables
# is normal, so $p(x) = \mathcal N(x;\ \mu,\ W W^\top + \sigma^2 I)$.
#
# The model is called **probabilistic PCA** (Tipping and Bishop, 1999), since a best $W$ for given data is known too (any rotation $W R$ of it is as good): with the
# eigenvalues $\lambda_1 \ge \dots \ge \lambda_P$ and eigenvectors $u_1, u_2, \dots$ of the data's covariance,
#
# $$\sigma^2 = \frac{1}{P - d} \sum_{j > d} \lambda_j, \qquad \text{column } j \text{ of } W \text{ is } \sqrt{\lambda_j - \sigma^2}\; u_j, \qquad \mu = \text{the data's mean}.$$

# %%
pixels_train, pixels_test = (x.reshape(len(x), -1).astype("float64") for x in (mnist.x_train, mnist.x_test))
data_mean = pixels_train.mean(axis=0)
eigenvalues, eigenvectors = np.linalg.eigh(np.cov(mnist.x_train.reshape(-1, 784), rowvar=False, dtype="float64"))
eigenvalues, eigenvectors = eigenvalues[::-1], eigenvectors[:, ::-1]


def fit_ppca(d):
    """The most likely W (784, d), μ (784,) and σ of probabilistic PCA for the training digits."""
    variance = eigenvalues[d:].mean()
    return eigenvectors[:, :d] * np.sqrt(eigenvalues[:d] - variance), data_mean, np.sqrt(variance)


def log_evidence(x, W, mu, sigma):
    """Exact log p(x) of observations (n, P), in nats; (n,). Only d × d matrices are inverted (Woodbury's identity)."""
    (P, d), centred = W.shape, x - mu
    M = W.T @ W + sigma**2 * np.eye(d)
    projected = centred @ W
    distance = np.sum(centred**2, axis=1) - np.sum(projected * np.linalg.solve(M, projected.T).T, axis=1)
    log_det = np.linalg.slogdet(M)[1] + (P - d) * np.log(sigma**2)
    return -(distance / sigma**2 + log_det + P * np.log(2 * np.pi)) / 2


# %%
digits = pixels_test[:1000]
exact = {d: log_evidence(digits, *fit_ppca(d)) for d in (1, 2, 5, 10, 20, 50)}
theirs = PCA(10, svd_solver="covariance_eigh").fit(pixels_train).score(digits)
for d, values in exact.items():
    print(f"d = {d:2}: mean log p(x) of 1,000 test digits {values.mean():7.1f} nats")
print(f"scikit-learn's PCA.score with 10 components: {theirs:.1f} nats")

# %% [markdown]
# (A **nat** is the unit of natural logarithms.) A density may be larger than 1, so its logarithm may be positive; compare these numbers with each other only. Scikit-learn's `PCA.score` is this very quantity, and the two agree. So here is a model of digits whose
# marginal likelihood we know exactly. Let us pretend that we don't.
#
# **By brute force.** An integral over $p(z)$ is a mean over draws from it. So draw $k$ values $z_1, \dots, z_k$ from the prior (we call them **codes**, as in an autoencoder), and
#
# $$\log p(x) \approx \log \frac1k \sum_{i=1}^{k} p(x \mid z_i).$$
#
# With many dimensions most of these densities are too small for a float; their logarithms are not.
#
# ### Exercise 1: log-mean-exp
#
# For any number $c$, $\log \frac1k\sum_i e^{v_i} = c + \log \frac1k \sum_i e^{v_i - c}$. Which $c$ keeps the exponentials in range, whatever the $v_i$?


# %% tags=["nbval-check-output"]
def log_mean_exp(values):
    """log of the mean of exp(values) along the last axis; (..., k) to (...). Works at -2000 and at 2000 as well."""
    return ...  # your code


log_mean_exp = ex.log_mean_exp.check(log_mean_exp)

# %% [markdown]
# `budget(a, quick=b)` in the next cell picks a number by profile: `a` in the full one, `b` in the quick one.


# %%
def log_conditional(x, codes, W, mu, sigma):
    """log p(x | z) of one observation (P,) for each of the codes (k, d); (k,)."""
    return norm.logpdf(x, mu + codes @ W.T, sigma).sum(axis=-1)


rng = np.random.default_rng(6)
few, draws = digits[: budget(10, quick=3)], 5_000
shortfall = {}
print(f"{draws:,} draws from the prior, means over {len(few)} test digits")
for d in exact:
    codes, ppca = rng.standard_normal((draws, d)), fit_ppca(d)
    logs = np.array([log_conditional(x, codes, *ppca) for x in few])
    shortfall[d] = np.mean(exact[d][: len(few)] - log_mean_exp(logs))
    largest = np.mean(np.exp(logs.max(axis=1) - log_mean_exp(logs)) / draws)
    print(
        f"d = {d:2}: short of log p(x) by {shortfall[d]:6.1f} nats; share of the largest term in the mean {largest:.3f}"
    )

# %% [markdown]
# **What to notice.** In one dimension and in two brute force works. With more it gets worse, by far: among five thousand random codes there is none that fits *this* digit, and the mean is made by the single best of them. A grid fares no
# better: ten points an axis make $10^{50}$ in fifty dimensions. That is what **intractable** means: the integral exists, and nobody can wait for it.
#
# The cure would be to draw only codes that could have made this $x$, that is, from the posterior. (Each draw then needs a weight, for it no longer comes from the prior: section 6.) In our model it is known too. As a function of $z$, $\log p(x, z)$ is quadratic, so the posterior is Gaussian; with $M = W^\top W + \sigma^2 I$ its second derivative is
# $-M/\sigma^2$, and its maximum gives the mean:
#
# $$p(z \mid x) = \mathcal N\bigl(z;\ M^{-1} W^\top (x - \mu),\ \sigma^2 M^{-1}\bigr).$$


# %%
def posterior(x, W, mu, sigma):
    """Mean (d,) and covariance (d, d) of p(z | x) for an observation x (P,)."""
    inverse = np.linalg.inv(W.T @ W + sigma**2 * np.eye(W.shape[1]))
    return inverse @ W.T @ (x - mu), sigma**2 * inverse


# %% [markdown]
# ### Exercise 2: what is hidden behind half a digit
#
# A posterior is good for something: it knows what goes with what. Suppose that only some pixels of $x$ are seen. What does the model say of the others, on average? The formula above asks for all of $x$. But the seen pixels alone follow
# a model of the same kind, with the same $z$. Which $W$ and which $\mu$ does it have?


# %% tags=["nbval-check-output"]
def fill_in(x, seen, W, mu, sigma):
    """The observation x (P,) with each hidden pixel replaced by its mean given the seen ones; seen (P,) is boolean."""
    return ...  # your code; `posterior` is there to be used


fill_in = ex.fill_in.check(fill_in)

# %%
ppca50, hide_rng = fit_ppca(50), np.random.default_rng(0)
masks = {"three of four pixels": hide_rng.random(784) < 0.25, "the lower half": np.arange(784) < 392}
rows, left = {"test digit": digits[:10]}, {}
for name, seen in masks.items():
    filled = np.array([fill_in(x, seen, *ppca50) for x in digits[:200]])
    hidden = digits[:200, ~seen]
    _, cov = posterior(
        digits[0][seen], ppca50[0][seen], ppca50[1][seen], ppca50[2]
    )  # of every digit: x moves the mean only
    said = np.mean(np.sum(ppca50[0][~seen] @ cov * ppca50[0][~seen], axis=1)) + ppca50[2] ** 2
    made = np.mean((filled[:, ~seen] - hidden) ** 2)
    rows[f"{name}\nhidden"] = np.where(seen, digits[:10], 0.5)
    rows[f"filled in\n({name})"] = filled[:10].clip(0, 1)
    left[name] = made / np.mean((data_mean[~seen] - hidden) ** 2)
    print(f"hidden: {name:20} squared error {left[name]:.0%} of that of the data's mean;", end=" ")
    print(f"per pixel {made:.3f}, the model expects {said:.3f}")
image_rows({name: images.reshape(-1, 28, 28, 1) for name, images in rows.items()})

# %% [markdown]
# **What to notice.** A quarter of the pixels, scattered, is enough for the model to draw the digit. Half of them in one piece is not: the lower half comes out hardly better than the mean of all digits, if at all, and with strokes that belong nowhere.
#
# Yet the inference is exact in both cases. It is exact *for this model*: fifty causes, and the same small, independent noise in every pixel. So it takes each seen pixel too much at its word, and is too sure of itself: the error that it expects is smaller than the one it makes (last numbers printed).
# A posterior is as good as its model; lesson 07 gets a better one.
#
# For pictures of a posterior we need a model with $d = 2$ and a posterior that is not round. **Two causes, one effect**: $x = z_1 + z_2 + \tfrac12 \varepsilon$. Seeing $x = 2$ tells something about the sum of the causes and
# nothing about their difference.

# %% tags=["nbval-check-output"]
W2, MU2, SIGMA2, X2 = np.array([[1.0, 1.0]]), np.zeros(1), 0.5, np.array([2.0])
mean2, cov2 = posterior(X2, W2, MU2, SIGMA2)
log_p2 = log_evidence(X2[np.newaxis], W2, MU2, SIGMA2)[0]
print("posterior mean", np.round(mean2, 4), "covariance", np.round(cov2, 4).tolist())
print(f"correlation of the two causes {cov2[0, 1] / cov2[0, 0]:.2f}, log p(x) = {log_p2:.4f} nats")

# %%
grid = np.linspace(-3, 3, 121)
plane = np.stack(np.meshgrid(grid, grid), axis=-1)
posterior2 = multivariate_normal(mean2, cov2).pdf(plane)
densities_on_plane({"posterior": posterior2, "prior": multivariate_normal(np.zeros(2), np.eye(2)).pdf(plane)}, grid)

# %% [markdown]
# **What to notice.** The prior is round; the posterior is a ridge across it. If $z_1$ was larger, $z_2$ must have been smaller: two independent causes become dependent once their common effect is seen ("explaining away"). Contours lie
# at one and at two standard deviations, here and in the figures below.
#
# ## 3. The bound, line by line
#
# When there is no formula for the posterior, inference becomes a search: among the distributions $q(z)$ that we *can* handle, find the one nearest to it. To vary a whole function until some number is best is the business of the calculus of variations. Hence the name **variational inference**.
#
# Fix one $x$, and take any $q(z)$. Write $\mathbb E_q[g]$ for the mean of $g(z)$ over draws $z$ from $q$.
#
# **Line 1.** For *every* $z$, by the definition of conditional probability, $p(x) = p(x, z)\,/\,p(z \mid x)$. Take logarithms, then add and subtract $\log q(z)$:
#
# $$\log p(x) = \bigl[\log p(x, z) - \log q(z)\bigr] + \bigl[\log q(z) - \log p(z \mid x)\bigr].$$
#
# **Line 2.** The left side doesn't depend on $z$. So average both sides over $z \sim q$; the left side stays as it is:
#
# $$\log p(x) = \underbrace{\mathbb E_q\bigl[\log p(x, z) - \log q(z)\bigr]}_{\text{ELBO}} + \underbrace{\mathbb E_q\bigl[\log q(z) - \log p(z \mid x)\bigr]}_{\mathrm{KL}[q \,\|\, p(z \mid x)]}.$$
#
# The second term is a **Kullback-Leibler divergence**, $\mathrm{KL}[q\,\|\,p] = \mathbb E_q[\log q - \log p]$. It measures how far $q$ is from $p$.
#
# **Line 3.** It is never negative, since the mean of a logarithm is at most the logarithm of the mean (Jensen's inequality):
#
# $$-\mathrm{KL}[q\,\|\,p] = \mathbb E_q\Bigl[\log \frac pq\Bigr] \le \log \mathbb E_q\Bigl[\frac pq\Bigr] = \log \int q\,\frac pq\,dz \le \log 1 = 0,$$
#
# (the last step is $\le$, since the integral runs only where $q > 0$) and it is zero only if the two are the same, for the first step is an equality only if $p/q$ is constant. So the first term, the **evidence lower bound** (ELBO), never exceeds the log evidence, and falls short of it by exactly the KL divergence. And what stands in it we can compute at any $z$: $p(x, z) = p(z)\,p(x \mid z)$ and our own $q$.
#
# **Line 4.** Put $\log p(x, z) = \log p(x \mid z) + \log p(z)$ into it, and turn the sign:
#
# $$-\text{ELBO} = \underbrace{\mathbb E_q[-\log p(x \mid z)]}_{\text{distortion } D} + \underbrace{\mathrm{KL}[q \,\|\, p(z)]}_{\text{rate } R}.$$
#
# The **distortion** is what reconstruction costs, the **rate** how far $q$ has moved away from the prior. $D + R$ is the loss of a VAE. There are two KL divergences in this section, and it pays to keep them apart: the *gap* is the one to the posterior, the *rate* the one to the prior.
#
# First on the mixture of section 1, where $q$ is a single number $a = q(z = 1)$.

# %%
shares = np.linspace(0.01, 0.99, 99)
q = np.stack([1 - shares, shares], axis=1)
elbo_of_share = np.sum(q * (np.log(joint([0.0])) - np.log(q)), axis=1)
curves(
    {"ELBO": elbo_of_share},
    "a = q(z = 1)",
    "nats",
    x=shares,
    levels={"log p(x)": np.log(joint([0.0]).sum())},
    title="The mixture, x = 0",
)

# %%
answer = joint([0.0])[0, 1] / joint([0.0]).sum()
print(f"the ELBO is largest at a = {shares[elbo_of_share.argmax()]:.2f}; the posterior is {answer:.3f}")

# %% [markdown]
# **What to notice.** The curve is flat at its top, but it touches the level at one point only, where $q$ is the posterior, and stays below it everywhere else. So there are two uses of one number: as an estimate of $\log p(x)$ from below, and as a compass that leads $q$ to the posterior.
#
# For Gaussians everything has a closed form. For two of them, $q = \mathcal N(m_q, \Sigma_q)$ and $p = \mathcal N(m_p, \Sigma_p)$ in $d$ dimensions,
#
# $$\mathrm{KL}[q\,\|\,p] = \tfrac12\Bigl(\operatorname{tr}(\Sigma_p^{-1}\Sigma_q) + (m_p - m_q)^\top \Sigma_p^{-1} (m_p - m_q) - d + \log\frac{\det \Sigma_p}{\det \Sigma_q}\Bigr).$$
#
# The ELBO of a Gaussian $q = \mathcal N(m, S)$ in our model is exact, too, with the distortion
#
# $$D = \frac{\lVert x - \mu - Wm\rVert^2 + \operatorname{tr}(W S W^\top)}{2\sigma^2} + \frac P2 \log 2\pi\sigma^2 .$$


# %%
def gaussian_kl(mean_q, cov_q, mean_p, cov_p):
    """KL[N(mean_q, cov_q) || N(mean_p, cov_p)] in nats; means (d,), covariances (d, d)."""
    shift = mean_p - mean_q
    quadratic = np.trace(np.linalg.solve(cov_p, cov_q)) + shift @ np.linalg.solve(cov_p, shift)
    return (quadratic - len(shift) + np.linalg.slogdet(cov_p)[1] - np.linalg.slogdet(cov_q)[1]) / 2


def gaussian_elbo(x, q_mean, q_cov, W, mu, sigma):
    """Exact ELBO of q = N(q_mean, q_cov) for an observation x (P,), in nats."""
    error = np.sum((x - mu - W @ q_mean) ** 2) + np.trace(W @ q_cov @ W.T)
    D = error / (2 * sigma**2) + len(x) / 2 * np.log(2 * np.pi * sigma**2)
    R = gaussian_kl(q_mean, q_cov, np.zeros(len(q_mean)), np.eye(len(q_mean)))
    return -(D + R)


# %% [markdown]
# ### Exercise 3: a prediction
#
# Five candidates for $q$ come next, for the first test digit in ten dimensions. One has the posterior's mean and twice its standard deviation in every direction. How many nats will it fall short of $\log p(x)$? Paper is enough.

# %%
wide_guess = ...  # nats

# %%
ppca10 = fit_ppca(10)
post_mean, post_cov = posterior(digits[0], *ppca10)
candidates = {
    "the posterior": (post_mean, post_cov),
    "one standard deviation off": (post_mean + np.sqrt(np.diag(post_cov)), post_cov),
    "twice as wide": (post_mean, 4 * post_cov),
    "half as wide": (post_mean, post_cov / 4),
    "the prior": (np.zeros(10), np.eye(10)),
}
elbos = {name: gaussian_elbo(digits[0], *q, *ppca10) for name, q in candidates.items()}
kls = {name: gaussian_kl(*q, post_mean, post_cov) for name, q in candidates.items()}
gaps = {name: exact[10][0] - elbo for name, elbo in elbos.items()}
print(f"log p(x) of the first test digit = {exact[10][0]:.6f} nats")
for name in candidates:
    print(f"q is {name:27} gap {round(gaps[name], 6) + 0.0:13.6f}   KL[q || posterior] {kls[name]:13.6f}")

# %% tags=["nbval-check-output"]
ex.wide_guess.check(wide_guess, gaps["twice as wide"])

# %%
near = list(candidates)[:4]
stacked_bars(
    {"ELBO": [elbos[name] for name in near], "KL[q || posterior]": [kls[name] for name in near]},
    "nats",
    groups=[name.replace("the ", "the\n").replace(" deviation", "\ndeviation").replace(" as", "\nas") for name in near],
    floor=exact[10][0] - 12,
    title="ELBO + KL = log p(x), whatever q is",
    significant=4,
)

# %% [markdown]
# **What to notice.** The two columns were computed in different ways. The gap comes from the marginal likelihood of 784 pixels, a distortion and a rate; the other column from a KL divergence to the posterior. They agree to all digits shown.
# So all bars are of one height (the axis begins far above zero): what $q$ decides is only how that height is split. "Twice as wide" is your prediction, $\tfrac12 (40 - 10 - 10 \log 4) = 8.07$.
#
# With the prior as $q$ (no bar: it would reach far below the axis) the gap is huge: its ELBO is the mean of the logarithms of $p(x \mid z)$, where brute force took the logarithm of the mean.
#
# ## 4. Climbing to the posterior
#
# If the posterior has no formula, we climb: choose a family of distributions $q$, and raise the ELBO by gradient ascent on the parameters of $q$. Take the two causes, and $q = \mathcal N(m, L L^\top)$ with a lower triangular matrix $L$ with a
# positive diagonal (every covariance can be written like that: Cholesky). A draw is $z = m + L \varepsilon$ with $\varepsilon \sim \mathcal N(0, I)$, so that gradients pass through it (lesson 07 has more about this trick). The second part of the ELBO, $-\mathbb E_q \log q$, is the **entropy** of $q$:
#
# $$\text{ELBO} \approx \frac1n\sum_{i=1}^{n} \log p(x, m + L\varepsilon_i) + \sum_{j} \log L_{jj} + \tfrac d2 (1 + \log 2\pi).$$
#
# Why sample, if the exact ELBO is known? Because this is how a VAE does it: it needs nothing but $\log p(x, z)$ and its slope at single points.


# %%
def log_joint2(codes):
    """log p(x, z) of the two causes for codes (n, 2), with keras.ops."""
    error = float(X2[0]) - codes[:, 0] - codes[:, 1]
    likelihood = -ops.square(error / SIGMA2) / 2 - np.log(SIGMA2) - np.log(2 * np.pi) / 2
    return likelihood - ops.sum(ops.square(codes), axis=-1) / 2 - np.log(2 * np.pi)


def elbo_estimate(m, L, noise):
    """ELBO of q = N(m, L Lᵀ) for the two causes, estimated with noise (n, 2); one number that gradients pass through."""
    codes = m + ops.matmul(noise, ops.transpose(L))  # codes and noise are rows here
    return ops.mean(log_joint2(codes)) + ops.sum(ops.log(ops.diagonal(L))) + 1 + np.log(2 * np.pi)


def climb(family, steps, noise):
    """Gradient ascent from the prior; returns mean and covariance of q before each step and at the end."""
    m, free = (keras.Variable(np.zeros(n), dtype="float32") for n in (2, 3))  # L starts as the unit matrix
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, steps))
    path, noise_rng = [], np.random.default_rng(0)
    for _ in range(steps + 1):
        L = ops.convert_to_numpy(family(free)).astype("float64")
        path.append((ops.convert_to_numpy(m).astype("float64"), L @ L.T))
        with tf.GradientTape() as tape:
            negative_elbo = -elbo_estimate(ops.convert_to_tensor(m), family(free), noise(noise_rng).astype("float32"))
        adam.apply(tape.gradient(negative_elbo, [m.value, free.value]), [m, free])
    return path


# %% [markdown]
# Two families: with any $L$, and with a diagonal one, in which the causes are independent. The second is called **mean field**, and it is what the encoder of a VAE usually returns.


# %%
def full(free):
    """L from three numbers: the logarithms of its diagonal, and the entry below."""
    a, b, c = ops.unstack(ops.convert_to_tensor(free))
    return ops.stack([ops.stack([ops.exp(a), 0.0]), ops.stack([c, ops.exp(b)])])


def mean_field(free):
    """A diagonal L from the first two of three numbers."""
    return ops.diag(ops.exp(ops.convert_to_tensor(free)[:2]))


# %% [markdown]
# ### Exercise 4: where will mean field end?
#
# The posterior has the variance 0.556 in each cause, and a strong correlation, which mean field can't have. Which variances will it settle on: the posterior's own, smaller ones, or larger? The formula of $\mathrm{KL}[q\,\|\,p]$ in section 3 answers it. Put a diagonal
# $\Sigma_q = \operatorname{diag}(v)$ into it, see which terms depend on $v$, and find the $v$ at which the derivative is zero. The climb will tell whether you are right.


# %% tags=["nbval-check-output"]
def mean_field_variances(cov):
    """Variances (d,) of the q with independent entries that has the smallest KL[q || N(m, cov)]; cov (d, d)."""
    return ...  # your code


mean_field_variances = ex.mean_field_variances.check(mean_field_variances)

# %%
CLIMB = budget(300, quick=100)
corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])  # "draws" with mean 0 and covariance I: the exact ELBO here
paths = {
    "full covariance": climb(full, CLIMB, lambda noise_rng: noise_rng.standard_normal((64, 2))),
    "mean field": climb(mean_field, CLIMB, lambda noise_rng: noise_rng.standard_normal((64, 2))),
    "full covariance, without noise": climb(full, CLIMB, lambda noise_rng: corners),
}

# %%
distance = {name: [gaussian_kl(*q, mean2, cov2) for q in path] for name, path in paths.items()}
best_v = mean_field_variances(cov2)
least = gaussian_kl(mean2, np.diag(best_v), mean2, cov2)
print(f"gap at the end: full covariance {distance['full covariance'][-1]:.4f}, mean field", end=" ")
print(f"{distance['mean field'][-1]:.4f} nats; least gap of mean field {least:.4f}")
print(f"variances of mean field: {np.diag(paths['mean field'][-1][1]).round(3)}, by exercise 4 {best_v.round(3)}")
print(f"variances of the posterior: {np.diag(cov2).round(3)}")
curves(
    {name: np.maximum(values, 1e-5) for name, values in distance.items()},  # what is less is drawn there
    "step",
    "gap: log p(x) - ELBO (nats)",
    x=np.arange(CLIMB + 1),
    levels={"least gap of mean field": least},
    log_y=True,
)

# %% tags=["picture"]
drawn = {f"q, {name}": multivariate_normal(*paths[name][-1]).pdf(plane) for name in ("full covariance", "mean field")}
densities_on_plane({"posterior": posterior2} | drawn, grid, title="Where the two families arrive")

# %% [markdown]
# **What to notice.** With a full covariance the gap closes, and $q$ covers the posterior. Mean field can't be a tilted ridge. It finds the right mean and then has to choose a width, and it chooses a *narrow* one: the variance $1 / \Lambda_{jj}$ of exercise 4, with the inverse $\Lambda$ of the covariance, which is that of a cause when the other one is held fixed. It misses
# the ends of the ridge and sticks out a little across it, and is too sure of itself about each cause. Its least gap is drawn as the dashed line, and no training will get below it. (In two dimensions it is $-\tfrac12 \log(1 - r^2)$, with the correlation $r$ of the posterior.)
#
# Why do the curves wobble? The third one has the answer: it climbs the exact ELBO. ($\log p(x, z)$ is quadratic here, so its mean under $q$ depends only on mean and covariance of the noise, and its four corners have the right ones.) It has the same first bumps, so these don't come from noise: it is Adam's momentum, which carries the mean past its goal and back. Then it falls below $10^{-5}$ (the flat line is where the figure stops), while the curve with 64 draws a step
# wanders between about one and twenty thousandths of a nat. So these later wobbles are the noise of the draws. Near the goal it becomes smaller but does not vanish, as the gradient itself does. What ends the wobbles is the learning rate, which `climb` lowers to zero along a cosine: the curve comes to rest in the last steps.
#
# Now the same as a film: $q$ starts as the prior and moves onto the posterior.

# %%
shown_steps = np.unique(np.geomspace(1, CLIMB + 1, 55).astype(int)) - 1
frames = [
    densities_on_plane(
        {"posterior": posterior2, "q": multivariate_normal(*paths["full covariance"][step]).pdf(plane)},
        grid,
        title=f"step {step}: gap {distance['full covariance'][step]:.3f} nats",
    )
    for step in [*shown_steps, *shown_steps[-1:].repeat(8)]  # the last one stays a while
]
film(frames, seconds=5)

# %% [markdown]
# **What to notice.** $q$ moves, shrinks and tilts at once. After some ten steps it is a narrow, tilted ridge already. Then its tilt swings while the mean shoots past its goal and comes back; after some fifty steps only small wobbles remain. (The film spends more frames on the first steps than on the last.)
#
# ## 5. Climbing with the model, too
#
# So far the model was given, and $q$ climbed. But where does the model come from? The ELBO depends on both, and it can be raised from both sides:
#
# - **E step.** Hold the model fixed, and set $q$ of each observation to its posterior. Now the gap is zero: ELBO = $\log p(x)$.
# - **M step.** Hold every $q$ fixed, and choose the model's parameters so that the mean ELBO is largest. Now $\log p(x) \ge$ ELBO, and the ELBO has risen.
#
# So a round can't lower $\log p(x)$. Repeat, and you have **expectation maximisation** (EM; Dempster, Laird and Rubin, 1977). We try it on the mixture. Five hundred observations are drawn from it, their kinds are thrown away, and the fit starts with a wrong mixture.
#
# ### Exercise 5: the M step
#
# Let $q_{nz}$, the *shares*, be the probability that $q$ gives to kind $z$ for observation $x_n$. Of the ELBO only $\sum_n \sum_z q_{nz} \log p(x_n, z)$ depends on the prior, the means and the standard deviations. Which make it largest? (The prior has to sum to one.)


# %% tags=["nbval-check-output"]
def m_step(x, shares):
    """The best prior (K,), means (K,) and sds (K,) for numbers x (n,), with shares (n, K) of the K kinds held fixed."""
    return ...  # your code


m_step = ex.m_step.check(m_step)


# %%
def e_step(x, mixture):
    """The posterior of both kinds for each of the numbers x (n,); (n, 2)."""
    both = joint(x, mixture)
    return both / both.sum(axis=1, keepdims=True)


def elbo_and_kl(x, shares, mixture):
    """ELBO and KL[q || posterior], means over the observations x (n,), in nats."""
    elbo = np.sum(shares * (np.log(joint(x, mixture)) - np.log(shares)), axis=1)
    kl = np.sum(shares * (np.log(shares) - np.log(e_step(x, mixture))), axis=1)
    return elbo.mean(), kl.mean()


# %%

kinds = (np.random.default_rng(0).random(500) < MIXTURE[0][1]).astype(int)
observed = np.random.default_rng(1).normal(MIXTURE[1][kinds], MIXTURE[2][kinds])
fitted = np.array([0.5, 0.5]), np.array([0.0, 4.0]), np.array([2.0, 2.0])  # to start with
q_kinds = np.full((500, 2), 0.5)
stages = [elbo_and_kl(observed, q_kinds, fitted)]  # start, E, M, E, M, …
for _ in range(100):
    q_kinds = e_step(observed, fitted)
    stages.append(elbo_and_kl(observed, q_kinds, fitted))
    fitted = m_step(observed, q_kinds)
    stages.append(elbo_and_kl(observed, q_kinds, fitted))
em_elbo, em_kl = np.array(stages).T

# %%
stacked_bars(
    {"ELBO": em_elbo[:5], "KL[q || posterior]": np.maximum(em_kl[:5], 0)},  # no -1e-17
    "mean of 500 observations (nats)",
    groups=["start", "E step", "M step", "E step", "M step"],
    floor=np.floor(2 * em_elbo[0]) / 2,
    title="Two ways to raise the ELBO",
)

# %%
true_log_p = np.log(joint(observed).sum(axis=1)).mean()
curves(
    {"log p(x)": (em_elbo + em_kl)[2::2]},
    "round of EM",
    "mean of 500 observations (nats)",
    levels={"the mixture that they were drawn from": true_log_p},
)

# %%
for name, mixture in {"drawn from": MIXTURE, "fitted": fitted}.items():
    parts = zip(("prior", "means", "standard deviations"), mixture)
    print(f"{name:10}", ", ".join(f"{part} {values.round(2)}" for part, values in parts))
em_lead = em_elbo[-1] + em_kl[-1] - true_log_p
print(f"log p(x) of the fit above that of the mixture that was drawn from: {em_lead:.4f} nats per observation")

# %% [markdown]
# **What to notice.** The first E step closes the gap and leaves the height as it was: $q$ doesn't change the model. The first M step raises the height: the ELBO rises, and a gap opens again, hardly to be seen here (less than a hundredth of a nat). Each later round does the same in smaller portions; the last hundredths of a nat take dozens of rounds.
# The end stands a little *above* the true mixture. That is no mistake: five parameters were fitted to just these observations.
#
# **From here to a VAE** it is one step. If $p(x \mid z)$ is a network, neither half has a formula. But neither has to be finished (Neal and Hinton, 1998): a gradient step that raises the ELBO is enough. So $q$ comes from an encoder, the model is a decoder, and one gradient of one number, the mean ELBO, moves both.
# The price: the gap doesn't close. A rising ELBO then means a better model, or a better $q$, or a model that was bent until its posteriors suit the family of $q$, and the number alone doesn't say which.
#
# ---
#
# **A good place for a break.** You have what lesson 07 builds on: the bound, its gap, and the two climbs. The second half asks how to do better: tighter bounds, the other divergence, quieter gradients, and one encoder for all.
#
# ---
#
# ## 6. A tighter bound from more samples
#
# The integrand of the ELBO is the logarithm of the **importance weight** $w = p(x, z)/q(z)$. Brute force took the mean of many weights *before* the logarithm. Do the same with draws from $q$:
#
# $$\mathcal L_k = \mathbb E_{z_1, \dots, z_k \sim q}\Bigl[\log \frac1k \sum_{i=1}^{k} \frac{p(x, z_i)}{q(z_i)}\Bigr], \qquad \mathcal L_1 = \text{ELBO}.$$
#
# The mean weight is $p(x)$, exactly, for any $q$ that is positive wherever $p$ is. The logarithm of a mean over few weights is too small on average (Jensen again), the less so the more there are: $\mathcal L_1 \le \mathcal L_2 \le \dots \le \log p(x)$ (Burda, Grosse and Salakhutdinov, 2016). This is the
# **importance-weighted bound**. We measure it on the first test digit and a ten-dimensional $q$ that is one standard deviation off in each coordinate, or too wide, or too narrow.
#
# ### Exercise 6: a prediction
#
# For the ELBO, half the posterior's width was better than twice its width: a gap of 3.2 nats instead of 8.1. Will it be so with a thousand draws, too? Write `"twice as wide"` or `"half as wide"`.

# %%
bound_guess = ...  # which of the two has the higher bound at k = 1000?

# %%
KS = (1, 2, 5, 10, 50, 100, 500, 1000)


def weighted_bound(x, q, ppca, k, repeats):
    """Mean and standard error of the importance-weighted bound with k draws, over independent repeats."""
    density = multivariate_normal(*q)
    codes = rng.multivariate_normal(*q, size=repeats * k)
    log_prior = norm.logpdf(codes).sum(axis=-1)
    log_weights = log_conditional(x, codes, *ppca) + log_prior - density.logpdf(codes)
    values = log_mean_exp(log_weights.reshape(repeats, k))
    return values.mean(), values.std() / np.sqrt(repeats)


bounds = {}
for name in list(candidates)[1:4]:
    repeats = {k: max(budget(40, quick=20), budget(20_000, quick=2_000) // k) for k in KS}
    bounds[name] = [weighted_bound(digits[0], candidates[name], ppca10, k, repeats[k]) for k in KS]

# %%
curves(
    {f"q {name}": [value - exact[10][0] for value, _ in row] for name, row in bounds.items()},
    "number of draws k",
    "bound minus log p(x) (nats)",
    x=KS,
    levels={"log p(x)": 0},
    log_x=True,
)

# %%
for name, row in bounds.items():
    some = [
        f"k = {k}: {row[KS.index(k)][0] - exact[10][0]:.2f} ± {row[KS.index(k)][1]:.2f}" for k in (1, 10, 100, 1000)
    ]
    print(f"q {name:27}", ", ".join(some))
    print(f"  exact ELBO minus log p(x): {-gaps[name]:.2f}")

# %% tags=["nbval-check-output"]
ex.bound_guess.check(bound_guess, max(("twice as wide", "half as wide"), key=lambda name: bounds[name][-1][0]))

# %% [markdown]
# **What to notice.** But for the noise of the estimates (the ± is one standard error), all three rise towards $\log p(x)$, and none rises above it. At $k = 1$ they stand where the exact ELBO is. Compare "twice as wide" with "half as wide". For the ELBO the narrow one is better; with ten draws and more the wide one is. A wide $q$ wastes draws, and more draws
# make up for it.
#
# A narrow $q$ hardly ever draws from where much of the posterior lies, and its rare large weights are slow to come: below $1/\sqrt 2$ of the posterior's standard deviation the weights have no finite variance, so an estimate of $p(x)$ itself would come without a usable error. (The ± above belongs to the mean of logarithms, which behave.) With many draws, choose $q$ too wide rather than too narrow.
#
# ## 7. Two directions of KL
#
# KL is not symmetric, and the ELBO has chosen for us: $\mathrm{KL}[q\,\|\,p]$, averaged over $q$. Others use the other direction, $\mathrm{KL}[p\,\|\,q]$: expectation propagation does, for one factor at a time, and so does maximum likelihood, with the data as $p$ and the model as $q$. It does not matter if $q$ can be equal to $p$. It does, if it can't. Let the target $p$, in the place of the posterior, be two
# bumps again, further apart and narrower, and $q$ a single Gaussian with mean $m$ and standard deviation $s$.


# %%
def target(z):
    return 0.4 * norm.pdf(z, -3, 0.8) + 0.6 * norm.pdf(z, 3, 1.2)


z_grid = np.linspace(-15, 15, 3001)
step_width = z_grid[1] - z_grid[0]


def kl_on_grid(p, q):
    """KL[p || q] of two densities on the grid, in nats."""
    inside = p > 1e-300
    return step_width * np.sum(p[inside] * np.log(p[inside] / np.maximum(q[inside], 1e-300)))


def fit_gaussian(loss, start):
    """Mean and standard deviation of the Gaussian with the smallest loss, from a start (mean, log standard deviation)."""
    found = minimize(lambda theta: loss(norm.pdf(z_grid, theta[0], np.exp(theta[1]))), start, method="Nelder-Mead")
    return found.x[0], np.exp(found.x[1])


# %%
p = target(z_grid)
fits = {
    "KL[q || p], started left": fit_gaussian(lambda q: kl_on_grid(q, p), (-1.0, 0.0)),
    "KL[q || p], started right": fit_gaussian(lambda q: kl_on_grid(q, p), (1.0, 0.0)),
    "KL[p || q]": fit_gaussian(lambda q: kl_on_grid(p, q), (0.0, 0.0)),
}
fit_densities = {name: norm.pdf(z_grid, *q) for name, q in fits.items()}
shown = np.abs(z_grid) < 8
curves(
    {name: values[shown] for name, values in ({"target p": p} | fit_densities).items()}, "z", "density", x=z_grid[shown]
)

# %%
target_mean = step_width * np.sum(p * z_grid)
target_sd = np.sqrt(step_width * np.sum(p * (z_grid - target_mean) ** 2))
print(f"mean and standard deviation of the target: {target_mean:.3f}, {target_sd:.3f}")
for name, (fit_mean, fit_sd) in fits.items():
    both = kl_on_grid(fit_densities[name], p), kl_on_grid(p, fit_densities[name])
    print(f"{name:27} mean {fit_mean:6.3f}, sd {fit_sd:.3f}; KL[q || p] {both[0]:6.3f}, KL[p || q] {both[1]:6.3f} nats")

# %% [markdown]
# **What to notice.** $\mathrm{KL}[q\,\|\,p]$ pays for every place where $q$ is and $p$ is not. So $q$ takes one bump and keeps out of the valley, if that is deep, as here (on the mixture of section 1 it would cover both); which bump depends on the start. It is called **mode-seeking**.
#
# $\mathrm{KL}[p\,\|\,q]$ pays for every place where $p$ is and $q$ is not. So its $q$ covers both bumps and the valley, with the target's own mean and standard deviation. It is called **mass-covering**.
#
# The mode-seeking direction is also why mean field came out too narrow in section 4: the ELBO would rather miss a part of the posterior than put weight outside it. (The left bump is only a local minimum: even the broad $q$ has a slightly smaller $\mathrm{KL}[q\,\|\,p]$.)
#
# <details><summary><b>Question.</b> The left and the right solution have different values of KL[q || p]. What are they, roughly?</summary>
#
# A $q$ that copies one bump with the weight $c$ has $p \approx c\, q$ wherever it lives, so $\mathrm{KL}[q\,\|\,p] \approx -\log c$: $-\log 0.4 = 0.916$ on the left and $-\log 0.6 = 0.511$ on the right. The printed values agree. In terms of the ELBO: the left one is a local maximum,
# and gradient ascent has no way to know.
# </details>
#
# ## 8. Two gradients of one expectation
#
# Gradient ascent on the ELBO needs $\nabla_m\, \mathbb E_{z \sim q}[f(z)]$ with $q = \mathcal N(m, \operatorname{diag}(s^2))$, where $s$ holds a standard deviation for each dimension, and $f(z) = \log p(x, z) - \log q(z)$. Two estimators of it, both right on average:
#
# - **reparametrised**: write $z = m + s\,\varepsilon$, entry by entry. Then $\log q(z)$ does not depend on $m$, and the gradient is $\nabla_z \log p(x, z)$. It needs the derivative of $\log p(x, z)$.
# - **score function**: differentiate the density instead, $\nabla_m q = q\, \nabla_m \log q$, which gives $f(z)\,\nabla_m \log q(z)$. (That $f$ depends on $m$ as well, through $\log q$, adds zero on average.) It needs only the *value* of $f$, so $z$ may even be discrete.
#
# The second one has a repair: subtract from $f$ a number that does not depend on the draw, a **baseline**. On average that changes nothing, since the mean of $\nabla_m \log q$ is zero. We take the mean of $f$ over all draws. (Each draw has a small part in that mean; with thousands of draws it hardly matters.)
#
# ### Exercise 7: the score-function gradient
#
# What is $\nabla_m \log q(z)$? Write the estimate for each draw. (Careful: `sd` may differ from dimension to dimension.)


# %% tags=["nbval-check-output"]
def score_gradient(f, codes, mean, sd):
    """Score-function estimates, one a draw; (draws, d). f (draws,), codes (draws, d), mean (d,), sd (d,) or a float."""
    return ...  # your code


score_gradient = ex.score_gradient.check(score_gradient)

# %% [markdown]
# We compare the three in probabilistic PCA with $d$ dimensions, on the first test digit. $q$ is twice as wide as the posterior in each dimension, and its mean is one of the posterior's standard deviations off along the first axis. All numbers below are first components, and the exact gradient is known.


# %%
def gradients(d, draws):
    """First components of single-draw gradients by each method, (draws,), and the exact gradient."""
    W, mu, sigma = fit_ppca(d)
    x, (q_mean, cov) = digits[0], posterior(digits[0], W, mu, sigma)
    sd = 2 * np.sqrt(np.diag(cov))  # the posterior's covariance is diagonal here
    q_mean = q_mean + np.sqrt(cov[0, 0]) * np.eye(d)[0]
    codes = rng.normal(q_mean, sd, (draws, d))
    log_joint = log_conditional(x, codes, W, mu, sigma) + norm.logpdf(codes).sum(axis=1)
    f = log_joint - norm.logpdf(codes, q_mean, sd).sum(axis=1)
    slope = ((x - mu - codes @ W.T) @ W / sigma**2 - codes)[:, 0]  # log q(m + s ε) does not depend on m
    score, calm = (score_gradient(values, codes, q_mean, sd)[:, 0] for values in (f, f - f.mean()))
    correct = ((x - mu - W @ q_mean) @ W / sigma**2 - q_mean)[0]
    return {"score function": score, "score, mean of f taken off": calm, "reparametrised": slope}, correct


single, correct = gradients(2, budget(40_000, quick=10_000))
for name, values in single.items():
    error = values.std() / np.sqrt(len(values))
    print(f"{name:27} mean {values.mean():8.2f} ± {error:6.2f}, standard deviation of one draw {values.std():8.2f}")
print(f"exact gradient {correct:.2f}")

# %% [markdown]
# Nobody climbs on single draws. Take means of a hundred draws, as a minibatch would: where do they lie?

# %%
edges = np.linspace(correct - 12, correct + 12, 25)
hundreds = {name: values.reshape(-1, 100).mean(axis=1) for name, values in single.items()}
for name, values in hundreds.items():
    print(f"{name:27} within 5 of the exact gradient: {np.mean(np.abs(values - correct) < 5):.0%} of the means")
curves(
    {name: np.histogram(values, edges)[0] / len(values) for name, values in hundreds.items()},
    "mean of 100 draws of the gradient",
    "share of the means in a bin of width 1",
    x=(edges[1:] + edges[:-1]) / 2,
    title=f"exact gradient {correct:.2f}, in the middle of the axis",
)

# %%
draw_noise = {name: [] for name in single}
for d in exact:
    estimates, _ = gradients(d, budget(10_000, quick=2_000))
    for name, values in estimates.items():
        draw_noise[name].append(values.std())
lead = np.array(draw_noise["score, mean of f taken off"]) / np.array(draw_noise["reparametrised"])
print(
    "baselined score function over reparametrised:",
    *(f"d = {d}: {ratio:.2f}" for d, ratio in zip(exact, lead)),
    sep="  ",
)
curves(draw_noise, "latent dimensions d", "standard deviation of one draw", x=list(exact), log_y=True, log_x=True)

# %% [markdown]
# **What to notice.** All three are right on average. But the means of the plain score function are scattered so widely that its curve lies nearly flat on the axis, and most of them are outside. It multiplies
# a large number, $f$, with noise. The baseline takes the large number away and helps a lot. The reparametrised gradient is better still, for this $q$, which is far from the posterior.
#
# Its lead grows with the dimensions, from less than one and a half in one to about four in fifty: the width of $q$ is wrong in every dimension, $f$ sums the noise of all of
# them, and the score function hands all of it to every component. (Even the reparametrised curve rises with $d$, because the model's $\sigma$ falls: $\log p(x, z)$ becomes steeper.) A quarter of the standard deviation saves fifteen sixteenths of the draws.
#
# Near the goal the order changes. If $q$ is the posterior, $f$ is constant, equal to $\log p(x)$. Then the score function with a baseline has no noise at all, and the gradient above still has some (Roeder, Wu and Duvenaud, 2017, say how to get rid of it).
#
# ### Exercise 8: is it always so?
#
# Nothing was proved: these are measurements on one kind of $f$. Take $f(z) = \cos \omega z$ with a single $z$ from $q = \mathcal N(0.3, 1)$. One estimator sees the values of $f$, the other its slope. Which is quieter for $\omega = 4$? Write `"score function"` or `"reparametrised"`.

# %%
cosine_guess = ...  # which has the smaller standard deviation?

# %%
waves, wave_noise = (0.25, 0.5, 1, 2, 4), {name: [] for name in single}
z = rng.normal(0.3, 1, 20_000)
for wave in waves:
    f = np.cos(wave * z)
    by_score = [score_gradient(values, z[:, np.newaxis], np.array([0.3]), 1.0)[:, 0] for values in (f, f - f.mean())]
    for name, values in zip(wave_noise, (*by_score, -wave * np.sin(wave * z))):
        wave_noise[name].append(values.std())
curves(wave_noise, "ω, in f(z) = cos ωz", "standard deviation of one draw", x=waves, log_x=True, log_y=True)

# %% tags=["nbval-check-output"]
reversal = wave_noise["reparametrised"][-1] / wave_noise["score, mean of f taken off"][-1]
ex.cosine_guess.check(cosine_guess, "score function" if reversal > 1 else "reparametrised")

# %% [markdown]
# **What to notice.** For slow waves the reparametrised gradient is the quietest of the three, for fast ones the noisiest: at $\omega = 4$ by a factor of four. $f$ itself stays between −1 and 1, while its slope grows with $\omega$. (At $\omega = 1$ the baseline does harm: the mean of $f$ is a good number to take off, not always the best.)
#
# So the rule is: reparametrised gradients are *usually* the quieter ones, namely where $f$ is smooth over the width of $q$ and $q$ is still far from the posterior. A log-joint such as ours is smooth in this sense. (Mohamed and others, 2020, compare both on more functions.)
# This is why VAEs with Gaussian codes reparametrise, and why models with discrete codes, which can't, have a harder time.
#
# ## 9. One encoder or a thousand climbs?
#
# Section 4 climbed for *one* observation. For a thousand digits there are two ways:
#
# - **per example**: a thousand means and variances, each with its own climb;
# - **amortised**: one function, the encoder, that returns mean and variance for *any* $x$, trained once. The cost is shared by all examples, also by those that come later.
#
# Probabilistic PCA is a VAE with a linear decoder. So we freeze the exact $W$, $\mu$ and $\sigma$ into a decoder, give it a linear encoder, and train with the package's `VAE`. It draws $z$ as mean plus standard deviation times noise, and minimises `gaussian_nll` plus the KL divergence to the prior: $D + R$.
#
# The posterior's mean *is* linear in $x$ and its covariance is diagonal here (the columns of $W$ are
# orthogonal), so the family contains the truth: all of the gap that remains is due to the encoder.

# %%
W, mu, sigma = ppca10


def noise_model(images, reconstruction):
    return gaussian_nll(images, reconstruction, sigma=sigma)


def linear_vae(seed):
    """A VAE with a linear encoder to train, and the decoder of probabilistic PCA, frozen."""
    images, codes = keras.Input((28, 28, 1)), keras.Input((10,))
    flat = layers.Flatten()(images)
    outputs = [layers.Dense(10, name="mean")(flat), layers.Dense(10, name="log_var")(flat)]
    picture = layers.Dense(784, name="picture", trainable=False)
    decoder = keras.Model(codes, layers.Reshape((28, 28, 1))(picture(codes)))
    picture.set_weights([W.T, mu])
    return VAE(keras.Model(images, outputs), decoder, seed=seed)


# %% [markdown]
# Three encoders: trained on few digits, on more, and on all. `callbacks(name)` shows a progress bar and lets an interrupted fit go on where it stopped; `fast(model)` sets how `compile` makes the training quick, and the results don't depend on it.
#
# ### Exercise 9: a prediction
#
# All three take the same number of steps, but the first sees the same 200 digits over and over. How far from the posterior will its $q$ be on *test* digits, on average: `"less than 1 nat"`, `"1 to 10 nats"` or `"more than 10 nats"`?

# %%
few_guess = ...  # how far off on test digits?


# %%
def amortise(number, seed):
    """Trains a linear encoder on so many training digits, always for the same number of steps."""
    keras.utils.set_random_seed(seed)
    images = np.resize(mnist.x_train[:number], (numbers[-1], 28, 28, 1))  # repeats them as needed
    n_epochs, batch_size = budget(7, quick=16), 100
    vae = linear_vae(seed)
    learning_rate = keras.optimizers.schedules.CosineDecay(2e-2, n_epochs * (len(images) // batch_size))
    adam = keras.optimizers.Adam(learning_rate, beta_2=0.95)  # forgets the huge first gradients soon
    vae.compile(adam, loss=noise_model, **fast(vae))
    bar = callbacks(f"{number:,} digits, seed {seed}")
    vae.fit(images, images, batch_size=batch_size, epochs=n_epochs, verbose=0, callbacks=bar)
    return vae.encoder


seeds, numbers = budget((0, 1, 2), quick=(0,)), budget((200, 2_000, 55_000), quick=(200, 2_000, 3_500))
encoders = {number: [amortise(number, seed) for seed in seeds] for number in numbers}

# %% [markdown]
# The gap of each test digit is $\mathrm{KL}[q\,\|\,\text{posterior}]$, and we have both.

# %%
_, cov10 = posterior(digits[0], W, mu, sigma)  # the same for every x
test_means = np.array([posterior(x, W, mu, sigma)[0] for x in digits])


def mean_gap(q_mean, q_log_var, means=test_means):
    """Mean KL[q || posterior] for diagonal q and the posteriors' means, those of the 1,000 test digits by default."""
    pairs = zip(np.float64(q_mean), np.exp(np.float64(q_log_var)), means)
    return np.mean([gaussian_kl(m, np.diag(v), post, cov10) for m, v, post in pairs])


test_gaps = {
    f"encoder, {number:,} digits": [
        mean_gap(*encoder.predict(mnist.x_test[:1000], batch_size=500, verbose=0)) for encoder in encoders[number]
    ]
    for number in numbers
}
# %%
own = mnist.x_train[:200]
own_means = np.array([posterior(x, W, mu, sigma)[0] for x in own.reshape(200, -1).astype("float64")])
own_gaps = [mean_gap(*encoder.predict(own, verbose=0), own_means) for encoder in encoders[200]]
with_one = [np.c_[x.reshape(len(x), -1).astype("float64"), np.ones(len(x))] for x in (own, mnist.x_test[:1000])]
smallest = (
    np.linalg.pinv(with_one[0]) @ own_means
)  # of all linear encoders that are right on the 200, the least weights
least_squares = mean_gap(with_one[1] @ smallest, np.broadcast_to(np.log(np.diag(cov10)), (1000, 10)))
print(f"encoder trained on 200 digits: mean gap on these {np.mean(own_gaps):.3f} nats")
print(f"right on the 200 with the smallest weights: mean gap on 1,000 test digits {least_squares:.3f} nats")
for number in numbers:
    print(
        f"log p(x) of the first {number:,} training digits: mean {log_evidence(pixels_train[:number], *ppca10).mean():.1f}"
    )

# %% tags=["nbval-check-output"]
few_gap, few_options = np.mean(test_gaps["encoder, 200 digits"]), ex.few_guess.options
ex.few_guess.check(few_guess, few_options[int(np.digitize(few_gap, (1, 10)))])

# %% [markdown]
# Per example: the same ELBO, and Adam again (with a larger learning rate and fewer steps), but the parameters are the 1,000 means and log-variances themselves.

# %%
x32, W32 = ops.convert_to_tensor((digits - mu).astype("float32")), ops.convert_to_tensor(W.astype("float32"))
n_steps = budget(1000, quick=250)


def climb_each(seed):
    """Mean gap of 1,000 test digits at eleven points of their climbs, and the seconds that the climbs took."""
    q_mean, q_log_var = (keras.Variable(np.zeros((1000, 10)), dtype="float32") for _ in range(2))
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, n_steps), beta_2=0.95)
    seconds, climbed, noise_rng = 0.0, [], np.random.default_rng(seed)
    for step in range(n_steps + 1):
        if step % (n_steps // 10) == 0:
            climbed.append(mean_gap(ops.convert_to_numpy(q_mean), ops.convert_to_numpy(q_log_var)))
        seconds -= time.perf_counter()
        noise = noise_rng.standard_normal((1000, 10)).astype("float32")
        with tf.GradientTape() as tape:
            codes = q_mean + ops.exp(q_log_var / 2) * noise
            D = ops.sum(ops.square(x32 - ops.matmul(codes, ops.transpose(W32)))) / (2 * sigma**2)
            R = ops.sum(ops.square(q_mean) + ops.exp(q_log_var) - 1 - q_log_var) / 2
            negative_elbo = D + R  # of all digits, but for a constant
        adam.apply(tape.gradient(negative_elbo, [q_mean.value, q_log_var.value]), [q_mean, q_log_var])
        seconds += time.perf_counter()
    return climbed, seconds


# %%
climbs = [climb_each(seed) for seed in seeds]
test_gaps["per example"] = [climbed[-1] for climbed, _ in climbs]
start = time.perf_counter()
ops.convert_to_numpy(encoders[numbers[-1]][0](mnist.x_test[:1000])[0])
print(f"1,000 digits by an encoder, once it is trained: {time.perf_counter() - start:.3f} s;", end=" ")
print(f"per example: {np.mean([seconds for _, seconds in climbs]):.1f} s")
for name, values in test_gaps.items():
    print(f"{name:24} mean gap on 1,000 test digits {np.mean(values):8.3f} ± {np.std(values):.3f} nats")

# %%
curves(
    {"per example": np.mean([climbed for climbed, _ in climbs], axis=0)},
    "steps of the climb",
    "mean gap (nats)",
    x=np.linspace(0, n_steps, 11),
    levels={name: np.mean(values) for name, values in test_gaps.items() if name != "per example"},
    log_y=True,
)

# %%
some = mnist.x_test[:10]
rows = {"test digit": some}
rows["decoded from the\nposterior's mean"] = (mu + test_means[:10] @ W.T).reshape(some.shape).clip(0, 1)
for number in (numbers[-1], numbers[0]):
    q_means = encoders[number][0].predict(some, verbose=0)[0]
    rows[f"encoder,\n{number:,} digits"] = (mu + q_means @ W.T).reshape(some.shape).clip(0, 1)
image_rows(rows)

# %% [markdown]
# **What to notice.** How far the ELBO of an encoder's $q$ stays below that of the best $q$ of its family is called the **amortisation gap**; here the best one has no gap at all, so it is what you see. (The ± is the standard deviation over trainings with other seeds.)
#
# - The encoder that has seen 200 digits is good on these and far off on others. Its 784 weights for each output are not determined by 200 examples: infinitely many settings are right on all of them, and the random start and Adam's steps lead to a bad one. It need not be that bad: take the smallest weights that give the right *means* on the 200, found by least squares, and for the log-variances only biases (the true ones are the same for every digit). That encoder is right on the 200 as well, and off by seven nats (printed above). So the rest, in means and in variances, is owed to the training, not to the 200 digits.
#   (The training losses in the bars can't be compared. Each is of its own digits, and the first 200 happen to be likelier under this model: see the last lines there.)
# - More digits close the gap, at the same number of steps. After the full training the best encoder is a little farther from the posterior than the thousand climbs of their own. More steps would bring both nearer: neither is finished. (In the quick profile the training is too short: the best encoder stays one or two nats behind.)
# - The encoder answers in a fraction of a second, also for digits that come tomorrow. The climbs have to be done again for each. (The training took some seconds, by its bar. Don't compare these with the seconds of the climbs: the training is compiled, the loop of the climbs is not.)
#
# In the pictures a tenth of a nat can't be seen, and a hundred nats can, in some of the digits.
#
# In a real VAE the decoder is learned at the same time, the posterior is not Gaussian, and nobody can compute the gap. It has the same two parts: what the family of $q$ can't do (section 4), and what the encoder misses within it because it is too simple, saw too little or is not trained to the end (here; Cremer and others, 2018).
#
# ## What you should see
#
# `expect` prints a measured number beside its bound, and raises an error if it is missed.

# %% tags=["headline"]
expect(
    "log p(x) - ELBO against KL[q || posterior], largest difference",
    max(abs(gaps[name] - kls[name]) for name in gaps),
    at_most=1e-8,
    unit="nats",
)
expect("difference to scikit-learn's likelihood", abs(exact[10].mean() - theirs), at_most=1e-6, unit="nats")

# %%
expect(
    "gap after the climb, full covariance",
    distance["full covariance"][-1],
    at_most=budget(0.003, quick=0.006),
    unit="nats",
)
expect(
    "gap after the climb, mean field, less its least gap",
    distance["mean field"][-1] - least,
    at_least=0,
    at_most=budget(0.003, quick=0.006),
    unit="nats",
)
expect("EM: smallest rise of the ELBO in a half-step", np.diff(em_elbo).min(), at_least=-1e-9, unit="nats")
expect("EM: log p(x) above that of the true mixture", em_lead, at_least=0, at_most=0.03, unit="nats")

# %%
rises = [
    (b - a) / np.hypot(error_a, error_b) for row in bounds.values() for (a, error_a), (b, error_b) in pairwise(row)
]
expect("importance-weighted bound: smallest rise from k to the next, in standard errors", min(rises), at_least=-3)
wide, narrow = bounds["twice as wide"], bounds["half as wide"]
expect(
    "importance-weighted bound of the wide q at k = 1000 above log p(x)",
    wide[-1][0] - exact[10][0],
    at_least=-0.2,
    at_most=4 * wide[-1][1],
    unit="nats",
)
expect(
    "the wide q above the narrow one at k = 1000",
    wide[-1][0] - narrow[-1][0],
    at_least=budget(0.2, quick=0),
    unit="nats",
)

# %%
expect(
    "three of four pixels filled in: squared error over that of the data's mean",
    left["three of four pixels"],
    at_most=0.45,
)
expect("lower half filled in: the same ratio", left["the lower half"], at_least=0.8, at_most=1.1)
expect(
    "brute force with 50 dimensions falls short by",
    shortfall[50],
    at_least=budget(1000, quick=880),
    at_most=1250,
    unit="nats",
)
# %%
expect(
    "KL[p || q] finds the target's standard deviation: ratio",
    fits["KL[p || q]"][1] / target_sd,
    at_least=0.999,
    at_most=1.001,
)
expect(
    "50 dimensions: standard deviation, baselined score function over reparametrised",
    lead[-1],
    at_least=3.3,
    at_most=4.6,
)
expect("f = cos 4z: standard deviation, reparametrised over score function", reversal, at_least=3.8, at_most=4.2)

# %%
few_gaps, most_gaps = (test_gaps[f"encoder, {number:,} digits"] for number in (numbers[0], numbers[-1]))
expect(
    "gap of the encoder trained on the most digits, worst seed",
    max(most_gaps),
    at_most=budget(0.11, quick=3),
    unit="nats",
)
expect(
    "gap of the encoder trained on 200 digits, best seed", min(few_gaps), at_least=budget(120, quick=20), unit="nats"
)

# %% [markdown]
# ## Summary
#
# - A latent-variable model's marginal likelihood, or evidence, sums or integrates over all causes. With many dimensions brute force fails.
# - $\log p(x)$ = ELBO + KL[$q$ ‖ posterior]. So the ELBO is a lower bound, its gap is a KL divergence, and raising it moves $q$ to the posterior. Minus the ELBO is distortion plus rate.
# - Mean field leaves out correlations, and pays with a gap and with too small variances.
# - EM climbs with $q$ and with the model in turn, and never lowers the evidence. A VAE climbs with both at once.
# - The importance-weighted bound rises with the number of draws towards $\log p(x)$.
# - KL[$q$ ‖ $p$] avoids places where $p$ is small, and so may take one of several separate modes. KL[$p$ ‖ $q$] covers all.
# - Reparametrised gradients usually have a smaller variance than score-function gradients, for smooth functions and away from the goal. An encoder accepts a gap of its own in exchange for speed.
#
# ## Pitfalls
#
# - **A bound is not the evidence.** A better ELBO may come from a better model or from a better $q$.
# - **Exponentials of log-densities** overflow or vanish. Stay in logarithms, and use log-mean-exp.
# - **An estimate above log p(x)** is no contradiction: the bound holds for the mean, and single estimates scatter.
# - **A $q$ that is too narrow** looks confident and is a bad place to draw importance weights from.
# - **A local maximum** of the ELBO gives no sign. Start from several places.
#
# ## References
#
# - M. E. Tipping and C. M. Bishop, [Probabilistic principal component analysis](https://doi.org/10.1111/1467-9868.00196), 1999.
# - A. P. Dempster, N. M. Laird and D. B. Rubin, [Maximum likelihood from incomplete data via the EM algorithm](https://doi.org/10.1111/j.2517-6161.1977.tb01600.x), 1977.
# - R. M. Neal and G. E. Hinton, [A view of the EM algorithm that justifies incremental, sparse, and other variants](https://doi.org/10.1007/978-94-011-5014-9_12), 1998: both steps climb one bound.
# - M. I. Jordan, Z. Ghahramani, T. S. Jaakkola and L. K. Saul, [An introduction to variational methods for graphical models](https://doi.org/10.1023/A:1007665907178), 1999.
# - D. M. Blei, A. Kucukelbir and J. D. McAuliffe, [Variational inference: a review for statisticians](https://arxiv.org/abs/1601.00670), 2017.
# - R. J. Williams, [Simple statistical gradient-following algorithms for connectionist reinforcement learning](https://doi.org/10.1007/BF00992696), 1992: the score-function gradient and baselines.
# - D. P. Kingma and M. Welling, [Auto-encoding variational Bayes](https://arxiv.org/abs/1312.6114), 2014: reparametrisation and amortisation.
# - Y. Burda, R. Grosse and R. Salakhutdinov, [Importance weighted autoencoders](https://arxiv.org/abs/1509.00519), 2016.
# - G. Roeder, Y. Wu and D. Duvenaud, [Sticking the landing](https://arxiv.org/abs/1703.09194), 2017: the noise that is left at the posterior.
# - S. Mohamed, M. Rosca, M. Figurnov and A. Mnih, [Monte Carlo gradient estimation in machine learning](https://arxiv.org/abs/1906.10652), 2020: both estimators, and when which is quieter.
# - C. Cremer, X. Li and D. Duvenaud, [Inference suboptimality in variational autoencoders](https://arxiv.org/abs/1801.03558), 2018: the amortisation gap, measured.
