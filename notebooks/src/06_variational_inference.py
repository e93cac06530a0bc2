# ---
# jupyter:
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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/autoencoder-course/blob/main/notebooks/06_variational_inference.ipynb)
#
# A variational autoencoder (VAE, lesson 07) is an autoencoder whose encoder returns a distribution over codes, a mean and a variance for each number. Its loss is a bound on a quantity that nobody can compute. So how would you notice a mistake? In this lesson you meet the same bound on
# models where the number *is* known. Every claim of the theory becomes a line of output, and you can hold one against the other.
#
# **You will learn**
#
# - what a hidden-variable model is, and why its likelihood is a sum or an integral that soon cannot be computed
# - the evidence lower bound (ELBO), line by line, and that its gap is a Kullback-Leibler divergence
# - how gradient ascent moves a distribution onto the posterior, and what it costs to leave out correlations
# - why many samples make a tighter bound, and what the two directions of the KL divergence do
# - which of two gradient estimators to use, and what an encoder gains and loses against fitting each example for itself
#
# **You need** the normal distribution, conditional probability, matrices, and lesson 01. **Time:** 1 to 2 minutes on a 2-core CPU, half a minute to a minute in the quick profile
# (Colab's free CPU runtime has two cores as well; not measured there).

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules:  # Colab fetches the course's package and keeps its own TensorFlow and NumPy
    get_ipython().run_line_magic("pip", "install --quiet --no-deps git+https://github.com/OWNER/autoencoder-course")

# %%
import time
from itertools import pairwise

import numpy as np
from course_utils.data import load
from course_utils.exercises import lesson_06 as ex
from course_utils.losses import gaussian_nll
from course_utils.models import VAE
from course_utils.plotting import curves, densities_on_plane, film, histograms, image_rows
from course_utils.training import budget, callbacks, expect, setup
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
# A **hidden-variable model** tells a story of how data come about. First something is drawn that nobody will see, the hidden (or *latent*) variable $z$, from a **prior** $p(z)$. Then the
# observation $x$ is drawn, from a distribution $p(x \mid z)$ that depends on $z$. We see $x$ only.
#
# The smallest example, a **mixture**: $z$ is one of two kinds, 0 or 1, and $x$ is a number. Kind 0 comes with probability 0.35 and is normally distributed around −2 with the standard deviation 1.3; kind 1 around 2.5, with 2.0.


# %%
PRIOR, MEANS, SDS = np.array([0.35, 0.65]), np.array([-2.0, 2.5]), np.array([1.3, 2.0])


def joint(x):
    """p(x, z) = p(z) p(x | z) of numbers x (n,) with both kinds; (n, 2)."""
    return PRIOR * norm.pdf(np.asarray(x)[:, np.newaxis], MEANS, SDS)


line = np.linspace(-8, 10, 400)
curves(
    {"p(x)": joint(line).sum(axis=1), "p(x, z = 0)": joint(line)[:, 0], "p(x, z = 1)": joint(line)[:, 1]},
    "x",
    "density",
    x=line,
)

# %% [markdown]
# **What to notice.** The **likelihood** of an observation sums over everything that may have been its cause,
#
# $$p(x) = \sum_z p(z)\, p(x \mid z),$$
#
# so the blue curve is the sum of the other two (and lies behind the red one on the right). Between the bumps an observation may have come from either. How probable each cause is, once $x$ is seen, is the **posterior**:
#
# $$p(z \mid x) = \frac{p(z)\, p(x \mid z)}{p(x)} .$$
#
# Its denominator is the likelihood. Whoever can compute $p(x)$ has the posterior, and the other way round. Here both are easy.

# %% tags=["nbval-check-output"]
for x in (-3.0, 0.0, 3.0):
    both = joint([x])[0]
    print(f"x = {x:+.0f}: log p(x) = {np.log(both.sum()):.3f}, p(z = 1 | x) = {both[1] / both.sum():.3f}")

# %% [markdown]
# ## 2. When the sum becomes an integral
#
# From now on the hidden variable is a vector $z$ of $d$ real numbers with the prior $\mathcal N(0, I)$, and the sum becomes an integral: $p(x) = \int p(x \mid z)\, p(z)\, dz$. In a VAE $p(x \mid z)$ is a neural network,
# and there is no formula for that integral. We take a linear map instead of a network, because then there is one:
#
# $$x = W z + \mu + \sigma\,\varepsilon, \qquad \varepsilon \sim \mathcal N(0, I).$$
#
# $x$ has $D$ numbers, such as the 784 pixels of a digit, the matrix $W$ is $D \times d$, $\mu$ is a vector and $\sigma > 0$ the standard deviation of the noise $\varepsilon$. A sum of normal variables
# is normal, so $p(x) = \mathcal N(x;\ \mu,\ W W^\top + \sigma^2 I)$. The model is called **probabilistic PCA** (Tipping and Bishop, 1999), since a best $W$ for given data is known too (any rotation $W R$ of it is as good): with the
# eigenvalues $\lambda_1 \ge \dots \ge \lambda_D$ and eigenvectors $u_1, u_2, \dots$ of the data's covariance,
#
# $$\sigma^2 = \frac{1}{D - d} \sum_{j > d} \lambda_j, \qquad \text{column } j \text{ of } W \text{ is } \sqrt{\lambda_j - \sigma^2}\; u_j, \qquad \mu = \text{the data's mean}.$$

# %%
pixels_train, pixels_test = (x.reshape(len(x), -1).astype("float64") for x in (mnist.x_train, mnist.x_test))
data_mean = pixels_train.mean(axis=0)
eigenvalues, eigenvectors = np.linalg.eigh(np.cov(mnist.x_train.reshape(-1, 784), rowvar=False, dtype="float64"))
eigenvalues, eigenvectors = eigenvalues[::-1], eigenvectors[:, ::-1]


def fit_ppca(d):
    """The most likely W (784, d), μ (784,) and σ of probabilistic PCA for the training digits."""
    variance = eigenvalues[d:].mean()
    return eigenvectors[:, :d] * np.sqrt(eigenvalues[:d] - variance), data_mean, np.sqrt(variance)


def log_likelihood(x, W, mu, sigma):
    """Exact log p(x) of observations (n, D), in nats; (n,). Only d × d matrices are inverted (Woodbury's identity)."""
    (D, d), centred = W.shape, x - mu
    M = W.T @ W + sigma**2 * np.eye(d)
    projected = centred @ W
    distance = np.sum(centred**2, axis=1) - np.sum(projected * np.linalg.solve(M, projected.T).T, axis=1)
    log_det = np.linalg.slogdet(M)[1] + (D - d) * np.log(sigma**2)
    return -(distance / sigma**2 + log_det + D * np.log(2 * np.pi)) / 2


# %%
digits = pixels_test[:1000]
exact = {d: log_likelihood(digits, *fit_ppca(d)) for d in (1, 2, 5, 10, 20, 50)}
theirs = PCA(10, svd_solver="covariance_eigh").fit(pixels_train).score(digits)
for d, values in exact.items():
    print(f"d = {d:2}: mean log p(x) of 1,000 test digits {values.mean():7.1f} nats")
print(f"scikit-learn's PCA.score with 10 components: {theirs:.1f} nats")

# %% [markdown]
# (A **nat** is the unit of natural logarithms.) A density may be larger than 1, so its logarithm may be positive; compare these numbers with each other only. Scikit-learn's `PCA.score` is this very likelihood, and the two agree. So here is a model of digits whose
# likelihood we know exactly. Let us pretend that we don't.
#
# **By brute force.** An integral over $p(z)$ is a mean over draws from it. So draw $k$ values $z_1, \dots, z_k$ from the prior (we call them **codes**, as in an autoencoder), and
#
# $$\log p(x) \approx \log \frac1k \sum_{i=1}^{k} p(x \mid z_i).$$
#
# The densities themselves are far outside the range of a float, their logarithms are not.
#
# ### Exercise 1: log-mean-exp
#
# For any number $c$, $\log \frac1k\sum_i e^{v_i} = c + \log \frac1k \sum_i e^{v_i - c}$. Which $c$ keeps the exponentials in range, whatever the $v_i$?


# %% tags=["nbval-check-output"]
def log_mean_exp(values):
    """log of the mean of exp(values) along the last axis; (..., k) to (...). Works at -2000 and at 2000 as well."""
    return ...  # your code


log_mean_exp = ex.log_mean_exp.check(log_mean_exp)


# %%
def log_conditional(x, codes, W, mu, sigma):
    """log p(x | z) of one observation (D,) for each of the codes (k, d); (k,)."""
    return norm.logpdf(x, mu + codes @ W.T, sigma).sum(axis=-1)


rng = np.random.default_rng(6)
few, draws = digits[: budget(10, quick=3)], 5_000
shortfall = {}
print(f"{draws:,} draws from the prior")
for d in exact:
    codes, model = rng.standard_normal((draws, d)), fit_ppca(d)
    logs = np.array([log_conditional(x, codes, *model) for x in few])
    shortfall[d] = np.mean(exact[d][: len(few)] - log_mean_exp(logs))
    largest = np.mean(np.exp(logs.max(axis=1) - log_mean_exp(logs)) / draws)
    print(
        f"d = {d:2}: short of log p(x) by {shortfall[d]:6.1f} nats; share of the largest term in the mean {largest:.3f}"
    )

# %% [markdown]
# **What to notice.** In one dimension and in two brute force works. With more it gets worse, by far: among five thousand random codes there is none that fits *this* digit, and the mean is made by the single best of them. A grid fares no
# better: ten points an axis make $10^{50}$ in fifty dimensions. That is what **intractable** means: the integral exists, and nobody can wait for it.
#
# The cure would be to draw only codes that could have made this $x$, that is, from the posterior. In our model it is known too. As a function of $z$, $\log p(x, z)$ is quadratic, so the posterior is Gaussian; with $M = W^\top W + \sigma^2 I$ its second derivative is
# $-M/\sigma^2$, and its maximum gives the mean:
#
# $$p(z \mid x) = \mathcal N\bigl(z;\ M^{-1} W^\top (x - \mu),\ \sigma^2 M^{-1}\bigr).$$
#
# ### Exercise 2: the posterior


# %% tags=["nbval-check-output"]
def posterior(x, W, mu, sigma):
    """Mean (d,) and covariance (d, d) of p(z | x) for an observation x (D,)."""
    return ...  # your code


posterior = ex.posterior.check(posterior)

# %% [markdown]
# For pictures we need a model with $d = 2$ and a posterior that is not round. **Two causes, one effect**: $x = z_1 + z_2 + \tfrac12 \varepsilon$. Seeing $x = 2$ tells something about the sum of the causes and
# nothing about their difference.

# %% tags=["nbval-check-output"]
W2, MU2, SIGMA2, X2 = np.array([[1.0, 1.0]]), np.zeros(1), 0.5, np.array([2.0])
mean2, cov2 = posterior(X2, W2, MU2, SIGMA2)
log_p2 = log_likelihood(X2[np.newaxis], W2, MU2, SIGMA2)[0]
print("posterior mean", np.round(mean2, 4), "covariance", np.round(cov2, 4).tolist())
print(f"correlation of the two causes {cov2[0, 1] / cov2[0, 0]:.2f}, log p(x) = {log_p2:.4f} nats")

# %%
axis = np.linspace(-3, 3, 121)
plane = np.stack(np.meshgrid(axis, axis), axis=-1)
posterior2 = multivariate_normal(mean2, cov2).pdf(plane)
densities_on_plane({"posterior": posterior2, "prior": multivariate_normal(np.zeros(2), np.eye(2)).pdf(plane)}, axis)

# %% [markdown]
# **What to notice.** The prior is round; the posterior is a ridge across it. If $z_1$ was larger, $z_2$ must have been smaller: two independent causes become dependent once their common effect is seen ("explaining away"). Contours lie
# at one and at two standard deviations, here and in the figures below.
#
# ## 3. The bound, line by line
#
# Without the posterior we take, for this one $x$, some other distribution $q(z)$ and ask how far it carries us. Write $\mathbb E_q[g]$ for the mean of $g(z)$ over draws $z$ from $q$. For *every* $z$, by the definition of conditional probability, $p(x) = p(x, z)\,/\,p(z \mid x)$. Take logarithms, then add and subtract $\log q(z)$:
#
# $$\log p(x) = \log p(x, z) - \log p(z \mid x) = \bigl[\log p(x, z) - \log q(z)\bigr] + \bigl[\log q(z) - \log p(z \mid x)\bigr].$$
#
# The left side doesn't depend on $z$. So average both sides over $z \sim q$; the left side stays as it is:
#
# $$\log p(x) = \underbrace{\mathbb E_q\bigl[\log p(x, z) - \log q(z)\bigr]}_{\text{ELBO}} + \underbrace{\mathbb E_q\bigl[\log q(z) - \log p(z \mid x)\bigr]}_{\mathrm{KL}[q \,\|\, p(z \mid x)]\ \ge\ 0}.$$
#
# The **Kullback-Leibler divergence** $\mathrm{KL}[q\,\|\,p] = \mathbb E_q[\log q - \log p]$ measures how far one distribution is from another. It is never negative: the mean of a logarithm is at most the logarithm of the mean (Jensen's inequality), so $-\mathrm{KL} = \mathbb E_q[\log (p/q)] \le \log \mathbb E_q[p/q] = \log \int q\,\tfrac pq\,dz = \log 1 = 0$,
# and it is zero only if the two are the same. So the first term, the **evidence lower bound** (ELBO), never exceeds $\log p(x)$; it falls short by
# exactly the KL divergence; and it contains only things that we can compute, $p(x, z) = p(z)\,p(x \mid z)$ and our own $q$. Put $\log p(x, z) = \log p(x \mid z) + \log p(z)$ into it, and it reads
#
# $$\text{ELBO} = \mathbb E_q[\log p(x \mid z)] + \mathbb E_q[\log p(z) - \log q(z)] = \mathbb E_q[\log p(x \mid z)] - \mathrm{KL}[q \,\|\, p(z)],$$
#
# a reconstruction minus a KL divergence to the prior. With its sign turned it is the loss of a VAE.
#
# First on the mixture of section 1, where $q$ is a single number $a = q(z = 1)$.

# %%
seen = 0.0
shares = np.linspace(0.01, 0.99, 99)
q = np.stack([1 - shares, shares], axis=1)
elbo_of_share = np.sum(q * (np.log(joint([seen])) - np.log(q)), axis=1)
curves(
    {"ELBO": elbo_of_share},
    "a = q(z = 1)",
    "nats",
    x=shares,
    levels={"log p(x)": np.log(joint([seen]).sum())},
    title="The mixture, x = 0",
)

# %%
truth = joint([seen])[0, 1] / joint([seen]).sum()
print(f"the ELBO is largest at a = {shares[elbo_of_share.argmax()]:.2f}; the posterior is {truth:.3f}")

# %% [markdown]
# **What to notice.** The curve is flat at its top, but it touches the level at one point only, where $q$ is the posterior, and stays below it everywhere else. So there are two uses of one number: as an estimate of $\log p(x)$ from below, and as a compass that leads $q$ to the posterior.
#
# For Gaussians everything has a closed form. For two of them, $q = \mathcal N(m_q, \Sigma_q)$ and $p = \mathcal N(m_p, \Sigma_p)$ in $d$ dimensions,
#
# $$\mathrm{KL}[q\,\|\,p] = \tfrac12\Bigl(\operatorname{tr}(\Sigma_p^{-1}\Sigma_q) + (m_p - m_q)^\top \Sigma_p^{-1} (m_p - m_q) - d + \log\frac{\det \Sigma_p}{\det \Sigma_q}\Bigr).$$
#
# ### Exercise 3: KL of two Gaussians


# %% tags=["nbval-check-output"]
def gaussian_kl(mean_q, cov_q, mean_p, cov_p):
    """KL[N(mean_q, cov_q) || N(mean_p, cov_p)] in nats; means (d,), covariances (d, d)."""
    return ...  # your code


gaussian_kl = ex.gaussian_kl.check(gaussian_kl)

# %% [markdown]
# Before you go on, use it: what must $\mathrm{KL}[q\,\|\,p]$ of two Gaussians in ten dimensions be, if $q$ has the mean of $p$ and twice its standard deviation in every direction? You will find your number below.
#
# The ELBO of a Gaussian $q = \mathcal N(m, S)$ in our model is exact, too:
#
# $$\mathbb E_q \log p(x \mid z) = -\frac{\lVert x - \mu - Wm\rVert^2 + \operatorname{tr}(W S W^\top)}{2\sigma^2} - \frac D2 \log 2\pi\sigma^2 .$$


# %%
def gaussian_elbo(x, mean, cov, W, mu, sigma):
    """Exact ELBO of q = N(mean, cov) for an observation x (D,), in nats: reconstruction minus KL to the prior."""
    error = np.sum((x - mu - W @ mean) ** 2) + np.trace(W @ cov @ W.T)
    reconstruction = -error / (2 * sigma**2) - len(x) / 2 * np.log(2 * np.pi * sigma**2)
    return reconstruction - gaussian_kl(mean, cov, np.zeros(len(mean)), np.eye(len(mean)))


model = fit_ppca(10)
post_mean, post_cov = posterior(digits[0], *model)
shift = np.sqrt(np.diag(post_cov))
candidates = {
    "the posterior": (post_mean, post_cov),
    "one standard deviation off": (post_mean + shift, post_cov),
    "twice as wide": (post_mean, 4 * post_cov),
    "half as wide": (post_mean, post_cov / 4),
    "the prior": (np.zeros(10), np.eye(10)),
}
gaps = {}
print(f"log p(x) of the first test digit = {exact[10][0]:.6f} nats")
for name, q in candidates.items():
    gaps[name] = exact[10][0] - gaussian_elbo(digits[0], *q, *model), gaussian_kl(*q, post_mean, post_cov)
    print(f"q is {name:27} gap {gaps[name][0]:13.6f}   KL[q || posterior] {gaps[name][1]:13.6f}")

# %% [markdown]
# **What to notice.** The two columns were computed in different ways. The gap comes from the likelihood of 784 pixels, a reconstruction and a KL divergence to the prior; the other column from one to the posterior. They agree to all digits shown.
# "Twice as wide" is your prediction, $\tfrac12 (40 - 10 - 10 \log 4) = 8.07$. With the prior as $q$ the gap is huge: its ELBO is the mean of the logarithms of $p(x \mid z)$, where brute force took the logarithm of the mean.
#
# ## 4. Climbing to the posterior
#
# If the posterior has no formula, we climb: choose a family of distributions $q$, and raise the ELBO by gradient ascent on the parameters of $q$. Take the two causes, and $q = \mathcal N(m, L L^\top)$ with a lower triangular matrix $L$ with a
# positive diagonal (every covariance can be written like that: Cholesky). A draw is $z = m + L \varepsilon$ with $\varepsilon \sim \mathcal N(0, I)$, so that gradients pass through it (lesson 07 has more about this trick). The second part of the ELBO, $-\mathbb E_q \log q$, is the **entropy** of $q$:
#
# $$\text{ELBO} \approx \frac1n\sum_{i=1}^{n} \log p(x, m + L\varepsilon_i) + \sum_{j} \log L_{jj} + \tfrac d2 (1 + \log 2\pi).$$
#
# Why sample, if the exact ELBO is known? Because this is how a VAE does it: it needs nothing but $\log p(x, z)$ at single points.
#
# ### Exercise 4: the ELBO from samples
#
# Use `keras.ops`, so that gradients pass: `ops.mean`, `ops.sum`, `ops.log`, `ops.diagonal`, `ops.transpose`. `log_joint` maps codes `(n, 2)` to $\log p(x, z)$, `(n,)`. Codes and noise are rows here, so $z = m + L\varepsilon$ becomes `mean + noise @ Lᵀ`.


# %% tags=["nbval-check-output"]
def elbo_estimate(log_joint, mean, scale, noise):
    """ELBO of q = N(mean, L Lᵀ), L = scale (d, d), estimated with noise (n, d); one number."""
    return ...  # your code


elbo_estimate = ex.elbo_estimate.check(elbo_estimate)


# %%
def log_joint2(codes):
    """log p(x, z) of the two causes for codes (n, 2), with keras.ops."""
    error = float(X2[0]) - codes[:, 0] - codes[:, 1]
    likelihood = -ops.square(error / SIGMA2) / 2 - np.log(SIGMA2) - np.log(2 * np.pi) / 2
    return likelihood - ops.sum(ops.square(codes), axis=-1) / 2 - np.log(2 * np.pi)


def climb(family, steps, draws=64):
    """Gradient ascent from the prior; returns mean and covariance of q before each step and at the end."""
    mean, free = (keras.Variable(np.zeros(n), dtype="float32") for n in (2, 3))  # L starts as the unit matrix
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, steps))
    path, rng = [], np.random.default_rng(0)
    for _ in range(steps + 1):
        scale = ops.convert_to_numpy(family(free)).astype("float64")
        path.append((ops.convert_to_numpy(mean).astype("float64"), scale @ scale.T))
        noise = rng.standard_normal((draws, 2)).astype("float32")
        with tf.GradientTape() as tape:
            loss = -elbo_estimate(log_joint2, ops.convert_to_tensor(mean), family(free), noise)
        parameters = [mean, free]
        optimizer.apply(tape.gradient(loss, [p.value for p in parameters]), parameters)
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


CLIMB = budget(300, quick=150)
paths = {name: climb(family, CLIMB) for name, family in {"full covariance": full, "mean field": mean_field}.items()}
# %%
distance = {name: [gaussian_kl(*q, mean2, cov2) for q in path] for name, path in paths.items()}
least = -np.log(1 - (cov2[0, 1] / cov2[0, 0]) ** 2) / 2
print(
    f"gap at the end: {distance['full covariance'][-1]:.4f} and {distance['mean field'][-1]:.4f} nats; least of mean field {least:.4f}"
)
print(f"variance of each cause: mean field {paths['mean field'][-1][1][0, 0]:.3f}, posterior {cov2[0, 0]:.3f}")
print(f"posterior, with the other cause held fixed: {1 / np.linalg.inv(cov2)[0, 0]:.3f}")
curves(
    distance,
    "step",
    "gap: log p(x) - ELBO (nats)",
    x=np.arange(len(distance["mean field"])),
    levels={"least gap of mean field": least},
    log_y=True,
)

# %% tags=["picture"]
drawn = {f"q, {name}": multivariate_normal(*path[-1]).pdf(plane) for name, path in paths.items()}
densities_on_plane({"posterior": posterior2} | drawn, axis, title="Where the two families arrive")

# %% [markdown]
# **What to notice.** With a full covariance the gap closes, and $q$ covers the posterior. Mean field can't be a tilted ridge. It finds the right mean and then has to choose a width, and it chooses a *narrow* one: its variance of each cause is that of the cause when the other one is held fixed (up to the noise of the climb). It misses
# the ends of the ridge and sticks out a little across it, and is too sure of itself about each cause. In two dimensions its least gap has a closed form, $-\tfrac12 \log(1 - r^2)$ with the correlation $r$ of the posterior; it is drawn as the dashed line, and no training will get below it. (The bump early in both
# curves is momentum: Adam carries the mean past its goal and back. The later wobbles, which the logarithmic axis enlarges, are the noise of 64 draws a step; they fade as the learning rate falls.)
#
# Now the same as a film: $q$ starts as the prior and moves onto the posterior.

# %%
steps = np.unique(np.geomspace(1, len(paths["full covariance"]), 28).astype(int)) - 1
frames = [
    densities_on_plane(
        {"posterior": posterior2, "q": multivariate_normal(*paths["full covariance"][step]).pdf(plane)},
        axis,
        title=f"step {step}: gap {distance['full covariance'][step]:.3f} nats",
    )
    for step in [*steps, *steps[-1:].repeat(5)]  # the last one stays a while
]
film(frames, seconds=6)

# %% [markdown]
# **What to notice.** $q$ moves, shrinks and tilts at once. After some ten steps it is a narrow, tilted ridge already. Then its tilt swings while the mean shoots past its goal and comes back; after some fifty steps only small wobbles remain. (The film spends more frames on the first steps than on the last.)
#
# ## 5. A tighter bound from more samples
#
# The integrand of the ELBO is the logarithm of the **importance weight** $w = p(x, z)/q(z)$. Brute force took the mean of many weights *before* the logarithm. Do the same with draws from $q$:
#
# $$\mathcal L_k = \mathbb E_{z_1, \dots, z_k \sim q}\Bigl[\log \frac1k \sum_{i=1}^{k} \frac{p(x, z_i)}{q(z_i)}\Bigr], \qquad \mathcal L_1 = \text{ELBO}.$$
#
# The mean weight is $p(x)$, exactly, for any $q$ that is positive wherever $p$ is. The logarithm of a mean over few weights is too small on average (Jensen again), the less so the more there are: $\mathcal L_1 \le \mathcal L_2 \le \dots \le \log p(x)$ (Burda, Grosse and Salakhutdinov, 2016). This is the
# **importance-weighted bound**. We measure it on the first test digit and a ten-dimensional $q$ that is one standard deviation off in each coordinate, or too wide, or too narrow.

# %%
KS = (1, 2, 5, 10, 50, 100, 500, 1000)


def weighted_bound(x, q, model, k, repeats):
    """Mean and standard error of the importance-weighted bound with k draws, over independent repeats."""
    (W, mu, sigma), density = model, multivariate_normal(*q)
    codes = rng.multivariate_normal(*q, size=repeats * k)
    log_prior = norm.logpdf(codes).sum(axis=-1)
    log_weights = log_conditional(x, codes, W, mu, sigma) + log_prior - density.logpdf(codes)
    values = log_mean_exp(log_weights.reshape(repeats, k))
    return values.mean(), values.std() / np.sqrt(repeats)


bounds = {}
for name in list(candidates)[1:4]:
    repeats = {k: max(budget(40, quick=20), budget(20_000, quick=2_000) // k) for k in KS}
    bounds[name] = [weighted_bound(digits[0], candidates[name], model, k, repeats[k]) for k in KS]

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
    print(f"  exact ELBO minus log p(x): {-gaps[name][0]:.2f}")

# %% [markdown]
# **What to notice.** But for the noise of the estimates (the ± is one standard error), all three rise towards $\log p(x)$, and none rises above it. At $k = 1$ they stand where the exact ELBO is. Compare "twice as wide" with "half as wide". For the ELBO the narrow one is better; with ten draws and more the wide one is. A wide $q$ wastes draws, and more draws
# make up for it. A narrow $q$ hardly ever draws from where much of the posterior lies, and its rare large weights are slow to come: below $1/\sqrt 2$ of the posterior's standard deviation the weights have no finite variance, so an estimate of $p(x)$ itself would come without a usable error. (The ± above belongs to the mean of logarithms, which behave.) With many draws, choose $q$ too wide rather than too narrow.
#
# ## 6. Two directions of KL
#
# KL is not symmetric, and the ELBO has chosen for us: $\mathrm{KL}[q\,\|\,p]$, averaged over $q$. Others use the other direction, $\mathrm{KL}[p\,\|\,q]$: expectation propagation does, and so does maximum likelihood, with the data as $p$ and the model as $q$. It does not matter if $q$ can be equal to $p$. It does, if it can't. Let the target $p$, in the place of the posterior, be two
# bumps again, further apart and narrower, and $q$ a single Gaussian with mean $m$ and standard deviation $s$.


# %%
def target(z):
    return 0.4 * norm.pdf(z, -3, 0.8) + 0.6 * norm.pdf(z, 3, 1.2)


grid = np.linspace(-15, 15, 3001)
step_width = grid[1] - grid[0]


def kl_on_grid(p, q):
    """KL[p || q] of two densities on the grid, in nats."""
    inside = p > 1e-300
    return step_width * np.sum(p[inside] * np.log(p[inside] / np.maximum(q[inside], 1e-300)))


def fit_gaussian(loss, start):
    """Mean and standard deviation of the Gaussian with the smallest loss, from a start (mean, log standard deviation)."""
    found = minimize(lambda theta: loss(norm.pdf(grid, theta[0], np.exp(theta[1]))), start, method="Nelder-Mead")
    return found.x[0], np.exp(found.x[1])


# %%
p = target(grid)
fits = {
    "KL[q || p], started left": fit_gaussian(lambda q: kl_on_grid(q, p), (-1.0, 0.0)),
    "KL[q || p], started right": fit_gaussian(lambda q: kl_on_grid(q, p), (1.0, 0.0)),
    "KL[p || q]": fit_gaussian(lambda q: kl_on_grid(p, q), (0.0, 0.0)),
}
fitted = {name: norm.pdf(grid, *q) for name, q in fits.items()}
shown = np.abs(grid) < 8
curves({name: values[shown] for name, values in ({"target p": p} | fitted).items()}, "z", "density", x=grid[shown])

# %%
target_mean = step_width * np.sum(p * grid)
target_sd = np.sqrt(step_width * np.sum(p * (grid - target_mean) ** 2))
print(f"mean and standard deviation of the target: {target_mean:.3f}, {target_sd:.3f}")
for name, (mean, sd) in fits.items():
    both = kl_on_grid(fitted[name], p), kl_on_grid(p, fitted[name])
    print(f"{name:27} mean {mean:6.3f}, sd {sd:.3f}; KL[q || p] {both[0]:6.3f}, KL[p || q] {both[1]:6.3f} nats")

# %% [markdown]
# **What to notice.** $\mathrm{KL}[q\,\|\,p]$ pays for every place where $q$ is and $p$ is not. So $q$ takes one bump and keeps out of the valley; which bump depends on the start. $\mathrm{KL}[p\,\|\,q]$ pays for every place where $p$ is and $q$ is not. So its $q$ covers both bumps and the valley, with the target's own mean and standard deviation. That is
# also why mean field came out too narrow in section 4: the ELBO would rather miss a part of the posterior than put weight outside it. (The left bump is only a local minimum: even the broad $q$ has a slightly smaller $\mathrm{KL}[q\,\|\,p]$.)
#
# <details><summary><b>Question.</b> The left and the right solution have different values of KL[q || p]. What are they, roughly?</summary>
#
# A $q$ that copies one bump with the weight $c$ has $p \approx c\, q$ wherever it lives, so $\mathrm{KL}[q\,\|\,p] \approx -\log c$: $-\log 0.4 = 0.916$ on the left and $-\log 0.6 = 0.511$ on the right. The printed values agree. In terms of the ELBO: the left one is a local maximum,
# and gradient ascent has no way to know.
# </details>
#
# ## 7. Two gradients of one expectation
#
# Gradient ascent on the ELBO needs $\nabla_m\, \mathbb E_{z \sim q}[f(z)]$ with $q = \mathcal N(m, \operatorname{diag}(s^2))$, where $s$ holds a standard deviation for each dimension, and $f(z) = \log p(x, z) - \log q(z)$. Two estimators of it, both right on average:
#
# - **reparametrised**: write $z = m + s\,\varepsilon$, entry by entry. Then $\log q(z)$ does not depend on $m$, and the gradient is $\nabla_z \log p(x, z)$. It needs the derivative of $\log p(x, z)$.
# - **score function**: differentiate the density instead, $\nabla_m q = q\, \nabla_m \log q$, which gives $f(z)\,\nabla_m \log q(z)$. (That $f$ depends on $m$ as well, through $\log q$, adds zero on average.) It needs only the *value* of $f$, so $z$ may even be discrete.
#
# The second one has a repair: subtract from $f$ a number that does not depend on the draw, a **baseline**. On average that changes nothing, since the mean of $\nabla_m \log q$ is zero. We take the mean of $f$ over all draws. (Each draw has a small part in that mean; with thousands of draws it hardly matters.)
#
# ### Exercise 5: the score-function gradient
#
# What is $\nabla_m \log q(z)$? Write the estimate for each draw.


# %% tags=["nbval-check-output"]
def score_gradient(f, codes, mean, sd):
    """Score-function estimates, one a draw: f (draws,), codes (draws, d), mean (d,), sd (d,) or one number; (draws, d)."""
    return ...  # your code


score_gradient = ex.score_gradient.check(score_gradient)

# %% [markdown]
# We compare the three in probabilistic PCA with $d$ dimensions, on the first test digit. $q$ is twice as wide as the posterior in each dimension, and its mean is one of the posterior's standard deviations off along the first axis. All numbers below are first components, and the exact gradient is known.


# %%
def gradients(d, draws):
    """First components of single-draw gradients by each method, (draws,), and the exact gradient."""
    W, mu, sigma = fit_ppca(d)
    x, (mean, cov) = digits[0], posterior(digits[0], W, mu, sigma)
    sd = 2 * np.sqrt(np.diag(cov))  # the posterior's covariance is diagonal here
    mean = mean + np.sqrt(cov[0, 0]) * np.eye(d)[0]
    codes = rng.normal(mean, sd, (draws, d))
    log_joint = log_conditional(x, codes, W, mu, sigma) + norm.logpdf(codes).sum(axis=1)
    f = log_joint - norm.logpdf(codes, mean, sd).sum(axis=1)
    slope = ((x - mu - codes @ W.T) @ W / sigma**2 - codes)[:, 0]  # log q(m + s ε) does not depend on m
    score, calm = score_gradient(f, codes, mean, sd)[:, 0], score_gradient(f - f.mean(), codes, mean, sd)[:, 0]
    exact = ((x - mu - W @ mean) @ W / sigma**2 - mean)[0]
    return {"score function": score, "score, mean of f taken off": calm, "reparametrised": slope}, exact


single, truth = gradients(2, 5_000)
for name, values in single.items():
    error = values.std() / np.sqrt(len(values))
    print(f"{name:27} mean {values.mean():8.2f} ± {error:6.2f}, standard deviation of one draw {values.std():8.2f}")
    print(f"{'':27} within 60 of the exact gradient: {np.mean(np.abs(values - truth) < 60):.0%} of the draws")
print(f"exact gradient {truth:.2f}")
histograms(single, "gradient of one draw", bins=60, limits=(truth - 60, truth + 60))

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
# **What to notice.** All three agree with the exact gradient within about two of their errors (the ± is one standard error of the mean over all draws); for the plain score function that says little. Look at the spread of a single draw: the axis of the histograms is cut, and most draws of the plain score function lie outside. It multiplies
# a large number, $f$, with noise. The baseline helps a lot. (What it leaves is a product of two noises: most draws lie near zero, a few far out.) The reparametrised gradient is better still, and its lead grows with the dimensions, from less than one and a half in one to about four in fifty: $f$ sums the noise of all
# dimensions, and the score function hands all of it to every component. (All curves rise with $d$ because the model's $\sigma$ falls: $\log p(x, z)$ becomes larger and steeper.) A quarter of the standard deviation saves fifteen sixteenths of the draws. This is why VAEs with Gaussian codes reparametrise, and why models with discrete codes have a harder time.
#
# ## 8. One encoder or a thousand climbs?
#
# Section 4 climbed for *one* observation. For a thousand digits there are two ways:
#
# - **per example**: a thousand means and variances, each with its own climb;
# - **amortised**: one function, the encoder, that returns mean and variance for *any* $x$, trained once. The cost is shared by all examples, also by those that come later.
#
# Probabilistic PCA is a VAE with a linear decoder. So we freeze the exact $W$, $\mu$ and $\sigma$ into a decoder, give it a linear encoder, and train with the package's `VAE`. It draws $z$ as mean plus standard deviation times noise, and minimises `gaussian_nll` plus the KL divergence to the prior: minus the ELBO. The posterior's mean *is* linear in $x$ and its covariance is diagonal here (the columns of $W$ are
# orthogonal), so the family contains the truth: all of the gap that remains is due to the encoder.

# %%
D10 = 10
W, mu, sigma = fit_ppca(D10)


def noise_model(images, reconstruction):
    return gaussian_nll(images, reconstruction, sigma=sigma)


def linear_vae():
    """A VAE with a linear encoder to train, and the decoder of probabilistic PCA, frozen."""
    images, codes = keras.Input((28, 28, 1)), keras.Input((D10,))
    flat = layers.Flatten()(images)
    outputs = [layers.Dense(D10, name="mean")(flat), layers.Dense(D10, name="log_var")(flat)]
    picture = layers.Dense(784, name="picture", trainable=False)
    decoder = keras.Model(codes, layers.Reshape((28, 28, 1))(picture(codes)))
    picture.set_weights([W.T, mu])
    return VAE(keras.Model(images, outputs), decoder, seed=6)


# %%
def amortise(number):
    """Trains a linear encoder on so many training digits, always for the same number of steps."""
    images = np.resize(mnist.x_train[:number], (budget(60_000, quick=4_000), 28, 28, 1))  # repeats them as needed
    epochs, batch = budget(7, quick=15), 100
    vae = linear_vae()
    rate = keras.optimizers.schedules.CosineDecay(2e-2, epochs * (len(images) // batch))
    vae.compile(keras.optimizers.Adam(rate, beta_2=0.95), loss=noise_model)  # forgets the huge first gradients soon
    vae.fit(images, images, batch_size=batch, epochs=epochs, verbose=0, callbacks=callbacks(f"{number:,} digits"))
    return vae


numbers = budget((200, 2_000, 60_000), quick=(200, 2_000, 4_000))
encoders = {number: amortise(number).encoder for number in numbers}

# %% [markdown]
# The gap of each test digit is $\mathrm{KL}[q\,\|\,\text{posterior}]$, and we have both.

# %%
_, cov = posterior(digits[0], W, mu, sigma)  # the same for every x
means = np.array([posterior(x, W, mu, sigma)[0] for x in digits])


def mean_gap(q_mean, q_log_var, means=means):
    """Mean KL[q || posterior] for diagonal q and the posteriors' means, those of the 1,000 test digits by default."""
    pairs = zip(np.float64(q_mean), np.exp(np.float64(q_log_var)), means)
    return np.mean([gaussian_kl(m, np.diag(v), truth, cov) for m, v, truth in pairs])


gap = {}
for number, encoder in encoders.items():
    gap[f"encoder, {number:,} digits"] = mean_gap(*encoder.predict(mnist.x_test[:1000], batch_size=500, verbose=0))
own = mnist.x_train[:200]
own_means = np.array([posterior(x, W, mu, sigma)[0] for x in own.reshape(200, -1).astype("float64")])
own_gap = mean_gap(*encoders[numbers[0]].predict(own, verbose=0), own_means)
print(f"encoder trained on 200 digits: mean gap on these {own_gap:.3f} nats")

# %% [markdown]
# Per example: the same ELBO and the same optimiser, but the parameters are the 1,000 means and log-variances themselves.

# %%
q_mean, q_log_var = (keras.Variable(np.zeros((1000, D10)), dtype="float32") for _ in range(2))
x, W32 = ops.convert_to_tensor((digits - mu).astype("float32")), ops.convert_to_tensor(W.astype("float32"))
steps = budget(1000, quick=400)
optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, steps), beta_2=0.95)
seconds, climbed = 0.0, []
for step in range(steps + 1):
    if step % (steps // 10) == 0:
        climbed.append(mean_gap(ops.convert_to_numpy(q_mean), ops.convert_to_numpy(q_log_var)))
    seconds -= time.perf_counter()
    noise_now = rng.standard_normal((1000, D10)).astype("float32")
    with tf.GradientTape() as tape:
        codes = q_mean + ops.exp(q_log_var / 2) * noise_now
        error = ops.sum(ops.square(x - ops.matmul(codes, ops.transpose(W32)))) / (2 * sigma**2)
        kl = ops.sum(ops.square(q_mean) + ops.exp(q_log_var) - 1 - q_log_var) / 2
        loss = error + kl
    optimizer.apply(tape.gradient(loss, [q_mean.value, q_log_var.value]), [q_mean, q_log_var])
    seconds += time.perf_counter()
gap["per example"] = climbed[-1]

# %%
best = encoders[numbers[-1]]
start = time.perf_counter()
ops.convert_to_numpy(best(mnist.x_test[:1000])[0])
print(
    f"1,000 digits per example: {seconds:.1f} s; by an encoder, once it is trained: {time.perf_counter() - start:.3f} s"
)
for name, value in gap.items():
    print(f"{name:24} mean gap on 1,000 test digits {value:8.3f} nats")

# %%
curves(
    {"per example": climbed},
    "steps of the climb",
    "mean gap (nats)",
    x=np.linspace(0, steps, len(climbed)),
    levels={f"encoder, {number:,} digits": gap[f"encoder, {number:,} digits"] for number in numbers},
    log_y=True,
)

# %%
some = mnist.x_test[:10]
rows = {"test digit": some}
rows["decoded from the\nposterior's mean"] = (mu + means[:10] @ W.T).reshape(some.shape).clip(0, 1)
for number in (numbers[-1], numbers[0]):
    q_means = encoders[number].predict(some, verbose=0)[0]
    rows[f"encoder,\n{number:,} digits"] = (mu + q_means @ W.T).reshape(some.shape).clip(0, 1)
image_rows(rows)

# %% [markdown]
# **What to notice.** How far the ELBO of an encoder's $q$ stays below that of the best $q$ of its family is called the **amortisation gap**; here the best one has no gap at all, so it is what you see. The encoder that has seen 200 digits is good on these and far off on others: it has 784 weights for each output and few
# examples to set them by. (So its loss is the best of the three: each was printed for its own training digits.) More digits close the gap, at the same number of steps: after the full training the best encoder is about as close to the posterior as a thousand climbs of their own. (Both are unfinished climbs themselves.) Its training took no longer than these climbs, and then it answers in a fraction of the time, while the climb has to be done again for every new digit. In the pictures a tenth of a nat
# can't be seen, and a hundred nats can, in some of the digits.
#
# In a real VAE the decoder is learned at the same time, the posterior is not Gaussian, and nobody can compute the gap. The three sources of it are the same: the family of $q$ (section 4), the encoder (here), and a climb that is not finished.
#
# ## What you should see

# %%
expect("largest difference between gap and KL", max(abs(g - kl) for g, kl in gaps.values()), at_most=1e-4, unit="nats")
expect("ELBO above log p(x), at most", -min(g for g, _ in gaps.values()), at_most=1e-6, unit="nats")
expect("difference to scikit-learn's likelihood", abs(exact[10].mean() - theirs), at_most=0.01, unit="nats")

# %%
expect(
    "gap after the climb, full covariance",
    distance["full covariance"][-1],
    at_most=budget(0.01, quick=0.05),
    unit="nats",
)
expect(
    "gap after the climb, mean field, less its least gap",
    distance["mean field"][-1] - least,
    at_least=0,
    at_most=budget(0.01, quick=0.05),
    unit="nats",
)

# %%
rises = [
    (b - a) / np.hypot(error_a, error_b) for row in bounds.values() for (a, error_a), (b, error_b) in pairwise(row)
]
expect("importance-weighted bound: smallest rise from k to the next, in standard errors", min(rises), at_least=-3)
wide = bounds["twice as wide"]
expect(
    "importance-weighted bound at k = 1000 above log p(x)",
    wide[-1][0] - exact[10][0],
    at_least=-0.2,
    at_most=3 * wide[-1][1],
    unit="nats",
)

# %%
expect("brute force with 50 dimensions falls short by", shortfall[50], at_least=50, unit="nats")
expect(
    "KL[p || q] finds the target's standard deviation: ratio",
    fits["KL[p || q]"][1] / target_sd,
    at_least=0.99,
    at_most=1.01,
)
expect("50 dimensions: standard deviation, baselined score function over reparametrised", lead[-1], at_least=3)

# %%
amortised = [gap[f"encoder, {number:,} digits"] for number in numbers]
expect("gap of the encoder trained on the most digits", amortised[-1], at_most=budget(0.3, quick=4), unit="nats")
expect("gap of the encoder trained on 200 digits over that of the most", amortised[0] / amortised[-1], at_least=2)

# %% [markdown]
# ## Summary
#
# - A hidden-variable model's likelihood sums or integrates over all causes. With many dimensions brute force fails.
# - $\log p(x)$ = ELBO + KL[$q$ ‖ posterior]. So the ELBO is a lower bound, its gap is a KL divergence, and raising it moves $q$ to the posterior.
# - Mean field leaves out correlations, and pays with a gap and with too small variances.
# - The importance-weighted bound rises with the number of draws towards $\log p(x)$.
# - KL[$q$ ‖ $p$] seeks one mode, KL[$p$ ‖ $q$] covers all.
# - Reparametrised gradients have a smaller variance than score-function gradients. An encoder accepts a gap of its own in exchange for speed.
#
# ## Pitfalls
#
# - **A bound is not the likelihood.** A better ELBO may come from a better model or from a better $q$.
# - **Exponentials of log-densities** overflow. Stay in logarithms, and use log-mean-exp.
# - **An estimate above log p(x)** is no contradiction: the bound holds for the mean, and single estimates scatter.
# - **A $q$ that is too narrow** looks confident and is a bad place to draw importance weights from.
# - **A local maximum** of the ELBO gives no sign. Start from several places.
#
# ## References
#
# - M. E. Tipping and C. M. Bishop, [Probabilistic principal component analysis](https://doi.org/10.1111/1467-9868.00196), 1999.
# - M. I. Jordan, Z. Ghahramani, T. S. Jaakkola and L. K. Saul, [An introduction to variational methods for graphical models](https://doi.org/10.1023/A:1007665907178), 1999.
# - D. M. Blei, A. Kucukelbir and J. D. McAuliffe, [Variational inference: a review for statisticians](https://arxiv.org/abs/1601.00670), 2017.
# - R. J. Williams, [Simple statistical gradient-following algorithms for connectionist reinforcement learning](https://doi.org/10.1007/BF00992696), 1992: the score-function gradient and baselines.
# - D. P. Kingma and M. Welling, [Auto-encoding variational Bayes](https://arxiv.org/abs/1312.6114), 2014: reparametrisation and amortisation.
# - Y. Burda, R. Grosse and R. Salakhutdinov, [Importance weighted autoencoders](https://arxiv.org/abs/1509.00519), 2016.
# - C. Cremer, X. Li and D. Duvenaud, [Inference suboptimality in variational autoencoders](https://arxiv.org/abs/1801.03558), 2018: the amortisation gap, measured.
