# ---
# jupyter:
#   course: {reading: 65, doing: 65}
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
# # Evaluating VAEs: what does "good" mean?
#
# Two models draw digits, and you like both. Which one is better, by how much, and how sure are you? This lesson gives the numbers.
#
# **You will learn**
#
# - how to split the ELBO into what a code costs and what it saves, and what no model can save
# - what the rate pays for: information, and a gap between the codes and the prior
# - how to estimate log p(x) itself, with an error bar, and how to compare it with a published table
# - which units of a code are alive, and how to provoke, diagnose and cure posterior collapse
# - what β trades, drawn as a rate-distortion curve
# - how to learn the variance of grey pixels, and what a density can and can't say
# - what a Fréchet distance, precision, recall and nearest training digits tell about samples
# - which spread between seeds is normal, so that you don't mistake luck for progress
#
# **You need** lesson 07 (mean, log-variance, ELBO); lesson 06 derives the bounds on models where the truth is known. There is a marked break in the middle.

# %%
import numpy as np
from course_utils import plotting
from course_utils.batches import FreshBatches, binarise, binarised_pair, predict_in_batches
from course_utils.checkpoints import folder, load_checkpoint
from course_utils.data import load
from course_utils.exercises import lesson_09 as ex
from course_utils.layers import Sampling
from course_utils.lesson import budget, expect, setup
from course_utils.losses import bernoulli_nll, gaussian_nll
from course_utils.metrics import active_units, iwae_bound, kl_divergence, mutual_information
from course_utils.metrics import negative_elbo_terms, precision_recall, squared_frechet_distance
from course_utils.models import VAE, build_classifier, build_dense_vae
from course_utils.training import callbacks, fast
from scipy.special import entr
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

import keras
from keras import layers, ops

setup(seed=9)
mnist = load("mnist")
x_test = binarise(mnist.x_test, np.random.default_rng(1))
at_random = np.random.default_rng(9).permutation(len(x_test))  # where some test digits will do: the first of these

# %% [markdown]
# ## Two models, and no way to tell
#
# We start with two trained models. Both have a code of 50 numbers and two hidden layers of 400 units on each side. One was trained as in lesson
# 07: a VAE. The other is an **importance-weighted autoencoder** (IWAE; Burda, Grosse and Salakhutdinov 2016): the
# same network with a sharper loss, which we meet below. Its training started from the VAE's weights.
#
# Together their trainings take longer than a lesson may, so they were done beforehand (on two cores, too), and their logs are stored with the weights. They used all 60,000 training digits; this course elsewhere holds 5,000 of them back. The log's column of held-out losses is therefore on the *test* digits. They were watched there, not used: no epoch, no size and no learning rate was chosen by them. (`make checkpoints` trains both anew, and now watches the 5,000.)
#
# In the quick profile the "test digits" are built-in digits of MNIST's training set. These two models have seen them, so their scores there are too good.
#
# Here and below `predict_in_batches(model, x)` is Keras's `model.predict(x)` with less to do at each call.

# %%
models, logs = {"VAE": build_dense_vae(50), "IWAE": build_dense_vae(50)}, {}
for name, model in models.items():
    logs[name] = load_checkpoint(model, f"{name.lower()}_50")
    minutes = logs[name]["seconds"].sum() / 60
    print(f"{name}: {len(logs[name]['epoch'])} epochs, {minutes:.0f} minutes, {model.count_params():,} parameters")

late = slice(4, None)  # from the fifth epoch: the first ones would hide what comes after
plotting.curves(
    {"training digits": logs["VAE"]["loss"][late], "test digits": logs["VAE"]["val_loss"][late]},
    xlabel="epoch",
    ylabel="negative ELBO (nats per image)",
    x=logs["VAE"]["epoch"][late],
    title="the VAE's log, from the fifth epoch",
)

# %%
rng = np.random.default_rng(9)
codes = rng.standard_normal((12, 50)).astype("float32")
pictures = {f"{name}, codes\nfrom N(0, I)": predict_in_batches(model.decoder, codes) for name, model in models.items()}
plotting.image_rows({"test digits": mnist.x_test[:12], **pictures})

# %% [markdown]
# **What to notice.** After the fast start, which is left out here, the loss falls slowly for a hundred epochs. Up to about the twentieth the training loss is the higher one, for it is the mean over an epoch in which the model still got better. Then the training digits pull ahead, by more than a nat at the end: judge on digits that the model hasn't seen.
#
# And the pictures? The same code draws nearly the same picture in both models, since the one started from the other. Both draw strokes that look like handwriting, and both draw things that are no digit. (Shown are the decoder's outputs, the probability of white at each pixel.) Twelve pictures can't say which model is better. Nor could more:
# a model that had memorised sixty thousand digits would draw the best ones of all. We need a number for what a model says about digits that it *hasn't seen*.
#
# ## What a code costs and what it saves
#
# For an image $x$ the encoder gives a normal distribution $q(z\mid x)$ over codes $z$, and the decoder a distribution $p(x\mid z)$ over images.
# With the prior $p(z) = \mathcal N(0, I)$, the negative ELBO (Kingma and Welling 2014) is a sum of two costs, in nats (units of the natural logarithm):
#
# $$-\mathrm{ELBO}(x) = \underbrace{\mathbb E_{q(z\mid x)}\big[-\log p(x\mid z)\big]}_{\text{reconstruction, or distortion, } D}
# \ +\ \underbrace{\mathrm{KL}\big[q(z\mid x)\,\|\,p(z)\big]}_{\text{rate } R}.$$
#
# Think of sending the image. $R$ is what it takes to send the code (with a coding scheme that wastes nothing, called bits-back), $D$ what it takes to send the image once the code is known. `negative_elbo_terms` of `course_utils.metrics` returns both, one number per image:
# the rate in closed form, the reconstruction as a mean over drawn codes.
#
# ### Exercise 1: a prediction
#
# Our digits are *binarised*: each pixel was made white with a probability equal to its grey value. Those coin tosses have to be sent as well, and no model can foresee them. So there is a floor under $D + R$ that has nothing to do with the model. How high is it, in nats per image? (The ELBO's cost of these models is about 90.) Write a number.

# %%
floor_guess = ...  # your prediction, in nats per image

# %% [markdown]
# A coin that shows white with probability $g$ has the entropy $-g\log g - (1-g)\log(1-g)$, and independent coins add up. `entr` of SciPy is $-g \log g$.

# %%
g = mnist.x_test.astype(float)
tosses = np.sum(entr(g) + entr(1 - g), axis=(1, 2, 3))
ex.floor_guess.check(floor_guess, tosses.mean())
print(f"entropy of the binarisation alone: {tosses.mean():.1f} nats per image")

# %%
distortion, rate = negative_elbo_terms(models["VAE"], x_test, 5)
of_digit = [mnist.y_test == digit for digit in range(10)]
plotting.bars(
    {
        "distortion D": [distortion[mask].mean() for mask in of_digit],
        "rate R": [rate[mask].mean() for mask in of_digit],
    },
    "nats per image, test digits",
    groups=range(10),
    title="the two costs of each digit, VAE",
)

# %%
negative_elbo = distortion + rate
error = negative_elbo.std() / np.sqrt(len(negative_elbo))
print(f"negative ELBO {negative_elbo.mean():.2f} ± {error:.2f} nats: D {distortion.mean():.2f}, R {rate.mean():.2f}")
print(f"above the floor: {np.mean(negative_elbo - tosses):.2f} nats")
print(f"from image to image it varies by {negative_elbo.std():.1f} nats (standard deviation)")

# %% [markdown]
# **What to notice.** A 1 is by far the cheapest digit, in both costs: little ink, little to say. And half of the whole cost is coin tossing. Say it when you compare: from 90 to 85 nats is less than a sixteenth of the number, but a ninth of what a model can have any influence on.
# (The floor takes grey values for true probabilities. Tosses stored in the code would only move from $D$ to $R$.)
#
# The spread between images is large, so the mean over $n$ images has a
# standard error, the spread divided by $\sqrt n$: that is what stands behind a ± after a mean in this lesson, unless the print names another (half the range over seeds, the deviation over draws). A number of nats without it is half a number. It holds for images drawn at random, so where part of the test digits will do, we draw that part.
#
# ## What the rate pays for
#
# The rate compares each $q(z\mid x)$ with the prior. Look at all of them at once: draw an image, then a code for it. The codes then come from the mixture of all posteriors, the **aggregate posterior**
# $q(z) = \frac1n\sum_i q(z\mid x_i)$. With it the mean rate splits in two (Hoffman and Johnson 2016):
#
# $$\frac1n\sum_i \mathrm{KL}\big[q(z\mid x_i)\,\|\,p(z)\big] = \underbrace{I(x; z)}_{\text{information}} + \underbrace{\mathrm{KL}\big[q(z)\,\|\,p(z)\big]}_{\text{gap}}.$$
#
# The **mutual information** $I(x; z)$ says how much a code tells about *which* of the $n$ images it came from. The gap says how far the codes as a whole lie from the prior, from which we draw when we want new digits. A rate of 25 nats may be one or the other.
#
# ### Exercise 2: a prediction
#
# Take 5,000 test digits (500 in the quick profile). Of the VAE's rate of 25 nats, how much is information about which of them it is?

# %%
information_guess = ...  # your prediction, in nats per image

# %%
posterior = {name: predict_in_batches(model.encoder, x_test) for name, model in models.items()}
counts = budget((500, 1_000, 2_000, 5_000), quick=(250, 500))


def split_rate(mean, log_var):
    """Information and gap of the rate of these images, in nats."""
    information = mutual_information(mean, log_var)
    return information, float(ops.mean(kl_divergence(mean, log_var))) - information


split = {n: split_rate(*(part[at_random[:n]] for part in posterior["VAE"])) for n in counts}
for n, (information, gap) in split.items():
    print(f"{n:5,} digits: information {information:.2f} of at most log n = {np.log(n):.2f} nats, gap {gap:.2f} nats")
ex.information_guess.check(information_guess, split[counts[-1]][0])
information, gap = np.transpose(list(split.values()))
plotting.bars(
    {"information I": information, "gap KL[q(z) || p(z)]": gap},
    "nats per image",
    groups=[f"{n:,}\ndigits" for n in counts],
    title="the VAE's rate, split",
)

# %% [markdown]
# **What to notice.** The information is all that there can be: to name one of $n$ images takes $\log n$ nats, and the codes hardly overlap. So most of the rate is gap. Also for the 60,000 training digits: at most $\log 60{,}000 = 11.0$ nats of about 25 are information.
# The space of codes is not filled by them. They are clouds in a space of 17 live dimensions (units that react to the image; see *active units*, below), and a draw from the prior mostly falls between those of these $n$ digits. Whether that is why some of the pictures above are no digit, this number can't say.
#
# For the gap is that of *these n* codes; with more digits the ceiling rises and the gap falls. How far the codes of *all digits that anyone could write* are from the prior it can't say. So let a judge without a ceiling decide: can codes of new digits be told from draws of the prior?
#
# The judge knows the codes of 10,000 training digits by their density alone: that of a normal distribution, or of a mixture of ten, fitted to them. Its log-odds are the logarithm of this density over the prior's. Their mean over the codes of test digits lies below $\mathrm{KL}[q\|p]$ (but for chance), however poor the judge: with $r$ for its density, $\mathbb E_q[\log (r/p)] = \mathrm{KL}[q\|p] - \mathrm{KL}[q\|r]$. Above 0 it votes for a digit's code.

# %%
live = np.flatnonzero(active_units(posterior["VAE"][0]))  # the other units' codes are draws of the prior, or nearly


def drawn_codes(images):
    """One code of the VAE per image, drawn from q(z|x); (n, 50)."""
    mean, log_var = predict_in_batches(models["VAE"].encoder, images)
    return mean + np.exp(log_var / 2) * rng.standard_normal(mean.shape)


seen = drawn_codes(binarise(mnist.x_train[:10_000], rng))[:, live]
codes_of_digits, codes_of_prior = drawn_codes(x_test)[:, live], rng.standard_normal((len(x_test), len(live)))
odds = {}  # of the judge that has fitted n normals
for n_normals in (1, budget(10, quick=4)):
    mixture = GaussianMixture(n_normals, max_iter=60, reg_covar=1e-3, random_state=9).fit(seen)
    of_digits, of_prior = (
        mixture.score_samples(z) + np.sum(z**2 + np.log(2 * np.pi), axis=1) / 2
        for z in (codes_of_digits, codes_of_prior)
    )
    odds[n_normals] = {"codes of test digits": of_digits, "draws of the prior": of_prior}
    right = 50 * (np.mean(of_digits > 0) + np.mean(of_prior < 0))
    print(f"{n_normals:2} normals: gap at least {of_digits.mean():5.2f} nats, {right:.0f}% recognised (chance: 50%)")

# %%
plotting.histograms(odds[n_normals], "log-odds for a code of a digit", limits=(-10, 6))

# %% [markdown]
# **What to notice.** A single normal notices next to nothing: the codes have very nearly the prior's mean and covariance. A mixture recognises nearly eight of ten (seven in the quick profile, from fewer digits). So what differs is the *shape*: the codes are dense in some regions and rare in others, and have all together the mean and the covariance of one round cloud. A look at means and variances would have said that all is well.
# The gap of digits that no one has written yet is thus more than a nat, and less than the sixteen of 5,000 digits. Where between, nobody knows.
#
# ## Closer to log p(x): many codes instead of one
#
# The ELBO lies below $\log p(x)$ by $\mathrm{KL}[q(z\mid x)\,\|\,p(z\mid x)]$, which says how far the encoder's answer is from the true posterior. So an ELBO
# judges two things at once: the model, and the encoder that explains it. Can we measure the model alone? Write its likelihood as a mean over the encoder's codes:
#
# $$p(x) = \int p(x\mid z)\,p(z)\,dz = \mathbb E_{q(z\mid x)}\big[w(z)\big],\qquad w(z) = \frac{p(x\mid z)\,p(z)}{q(z\mid x)}.$$
#
# $w$ is the **importance weight** of a code. Draw $k$ codes $z_1, \dots, z_k$ from $q(z \mid x)$, and take the mean of their weights. It is an unbiased estimate of $p(x)$. Its logarithm,
#
# $$L_k(x) = \log \frac1k\sum_{i=1}^k w(z_i),$$
#
# is too small in expectation, since the logarithm of a mean is at least the mean of the logarithms (Jensen's inequality). So its expectation is a lower bound as well. With $k = 1$
# it is the ELBO; as $k$ grows it rises towards $\log p(x)$ (bounded weights are enough for that, but not necessary; Burda et al. 2016, theorem 1). Let us write the weights out, image by image.


# %%
def log_weights(vae, images, k, rng):
    """log w of k codes for each image, (n, k)."""
    rows = []
    for image, mean, log_var in zip(images, *predict_in_batches(vae.encoder, images)):
        noise = rng.standard_normal((k, len(mean)), dtype="float32")
        codes = mean + np.exp(log_var / 2) * noise
        log_q = -np.sum(noise**2 + log_var, axis=1) / 2  # both without the constant of the normal
        log_prior = -np.sum(codes**2, axis=1) / 2  # density, which is the same and cancels
        copies = np.repeat(image[np.newaxis], k, axis=0)
        log_likelihood = -bernoulli_nll(copies, vae.decoder.predict_on_batch(codes))
        rows.append(ops.convert_to_numpy(log_likelihood) + log_prior - log_q)
    return np.array(rows, dtype=float)


sample = x_test[at_random[: budget(100, quick=20)]]
weights_of = {name: log_weights(model, sample, 1024, rng) for name, model in models.items()}

# %% [markdown]
# ### Exercise 3: every bound from one set of weights
#
# We have 1024 weights per image, and want the bound with any smaller $k$: the mean $L_k$, over the images. Waste none of the draws: each image's row can be cut into groups of $k$ neighbours, and each group gives a bound of its own. (Every $k$ asked for divides the number of draws.) Two things to think about: what is averaged before the logarithm and what after it; and that log-weights lie around $-90$ here, where $e^{-90}$ is next to nothing for a float32, and around $-1000$ for larger images, where even a float64 gives 0. `scipy.special.logsumexp` or `np.logaddexp.reduce` help, as in lesson 06.


# %% tags=["nbval-check-output"]
def mean_bound(log_w, k):
    """The mean of L_k in nats, over the images and over all groups of k of the draws: (n, draws) to one number."""
    return ...  # your code


mean_bound = ex.mean_bound.check(mean_bound)

# %%
powers = np.arange(11)
bound_by_k = {name: np.array([mean_bound(log_w, 2**p) for p in powers]) for name, log_w in weights_of.items()}
plotting.curves(
    bound_by_k,
    xlabel="log₂ of k, the number of codes",
    ylabel="mean bound (nats per image)",
    x=powers,
    title=f"the bound of {len(weights_of['VAE'])} test digits",
)

# %% [markdown]
# **What to notice.** The bound rises with each doubling, steeply at first. (It must: our groups are nested, and Jensen's inequality holds in each.) With one code the VAE is ahead: its encoder was trained for just that. With many codes the
# IWAE is ahead. So the order of two ELBOs need not be the order of the models. The curves have not become quite flat at 1024, and that is why published numbers say which $k$ they used.
#
# ## How an IWAE is trained
#
# On $-L_k$ itself, here with $k = 10$. (A first trial with $k = 50$ was given up after five epochs, because it took too long; the log with its losses of test digits was in view.) That is all that the package's class `IWAE` changes in a VAE, in its method `compute_loss`. The gradient of $L_k$ is a weighted mean of the gradients of the $k$ log-weights, each by its share of the sum,
#
# $$\nabla L_k = \sum_{i=1}^k \frac{w(z_i)}{w(z_1) + \dots + w(z_k)}\, \nabla \log w(z_i).$$
#
# A VAE asks every drawn code to be good. Here a single good one among ten is enough, so the encoder may be bolder. There is a price: for large $k$ the gradient that reaches the encoder drowns in noise, though the bound is tighter (Rainforth et al. 2018).
# A better $q$ is the other way to a tighter ELBO: posteriors that are no diagonal normal, such as flows (Rezende and Mohamed 2015; Kingma et al. 2016). And a prior that fits the codes narrows the gap of the last section (VampPrior; Tomczak and Welling 2018).
#
# ## Beside the published table
#
# Burda et al. trained both kinds of model with one stochastic layer of 50 units, on binarised MNIST, and gave $-L_{5000}$ on all test digits. Theirs have 200 tanh units a
# layer where ours have 400 GELU units, theirs were trained much longer, and their binarised digits were not the same draw. The IWAE of their table was trained with $k = 50$. So this is a fair neighbourhood, not a replication.
#
# The package's `iwae_bound` does what you just did, in chunks: its memory grows neither with $k$ nor with the number of digits. All 10,000 digits with $k = 5000$ are fifty million
# codes. `make checkpoints` has done that once and stored the bound of every digit. A stored file proves nothing here and now: it comes out the same whatever this notebook does. What is tested is the score below, of some of the digits anew with other draws. If it agrees with the stored bounds of the *same* digits, we may trust the rest.

# %%
N, K = budget(300, quick=50), budget(5000, quick=200)
some = at_random[:N]
again = {name: -iwae_bound(model, x_test[some], K, seed=99) for name, model in models.items()}
stored = {name: -np.load(folder() / f"{name.lower()}_50_bounds.npy", allow_pickle=False) for name in models}
moved = {name: again[name] - stored[name][some] for name in models}
published = {"VAE": "86.76", "IWAE": "84.78"}


def with_error(values):
    """Mean and standard error as text."""
    return f"{values.mean():.2f} ± {values.std() / np.sqrt(len(values)):.2f}"


columns = ["all 10,000, stored", f"{N:,} of them, stored", f"{N:,}, k = {K:,} now", "now - stored", "Burda et al."]
rows = {"-L, nats per image": columns}
for name in models:
    rows[name] = [with_error(v) for v in (stored[name], stored[name][some], again[name], moved[name])]
    rows[name].append(published[name])
rows["IWAE, trained with k = 5"] = [""] * 4 + ["85.54"]
for name, texts in rows.items():
    print(f"{name:24}", *(f"{text:>22}" for text in texts))

# %% [markdown]
# **What to notice.** The new scores agree with the stored ones far better than the error bar of either, since the digits are the
# same: what is left is the noise of the drawn codes. So the stored means hold. Both lie below the published figures, the VAE's by 0.83 nats and the IWAE's by 0.24. How much of that may be chance? The ± of 0.23 is the wrong measure here: it says what *other images* would change, and Burda et al. scored the same 10,000 images. Only the coin tosses of the binarisation were others. For a model that knew the odds $g$ of each toss a toss costs $-\log g$ or $-\log(1-g)$, so its cost has the variance $g(1-g)\log^2\frac{g}{1-g}$. Summed over the pixels that makes a standard deviation of some five or six nats for an image, so the mean of 10,000 by about 0.06, and a difference of two means by 0.08. Even the IWAE's lead is then hardly due to the tosses. It may be due to a lucky training: each figure comes from one, and the small models below differ by 0.3 nats from seed to seed. Nor need it mean a better loss: our layers are wider. (The table's IWAE with $k = 5$, 85.54, is worse than theirs with $k = 50$, 84.78, as it should be.)
#
# (In the quick profile the digits scored now are built-in ones and not those of the stored bounds, so the difference only shows that no score is wildly off.)
#
# ### Exercise 4: a prediction and a decision
#
# The error bars of the two models on these few digits are more than a nat each, and the models differ by not much more. How many test digits does it take until the difference is twice its standard error: about 10, 100, 1,000 or 10,000? First write down which (as text), then write the function that says it.

# %%
needed_guess = ...  # your prediction: "10", "100", "1,000" or "10,000"


# %% tags=["nbval-check-output"]
def digits_needed(first, second):
    """How many digits make the mean difference of two models' scores, each (n,), twice its standard error."""
    return ...  # your code


digits_needed = ex.digits_needed.check(digits_needed)

# %%
lead = stored["VAE"] - stored["IWAE"]
needed = digits_needed(stored["VAE"], stored["IWAE"])
power_of_ten = 10 ** max(1, round(np.log10(needed)))
ex.needed_guess.check(needed_guess, f"{power_of_ten:,}")
apart = digits_needed(stored["VAE"], np.roll(stored["IWAE"], 1))  # each digit beside another one
print(f"VAE - IWAE, digit by digit: {with_error(lead)} nats, so {needed:.0f} digits; on different digits {apart:,.0f}")

# %% [markdown]
# **What to notice.** Both models find the same digits hard, so the difference varies far less than the scores do. Compare models digit by digit: it is worth a factor of hundreds. That settles which of *these two* trained models is ahead. About the two *losses* it settles nothing: each was trained once, the IWAE went on from the VAE's weights, and part of its lead may come from its
# longer training. For that it would take several seeds of each.
#
# <details><summary><b>Question:</b> the number of a model has improved from 85.1 to 84.9 nats. Is that progress?</summary>
#
# Ask for three things: the error of the difference on the same digits, the $k$ of both numbers, and the spread over training seeds. A larger $k$ alone can be worth
# that much, and so can a lucky seed (see the bands below).
#
# </details>
#
# ## Active units
#
# Fifty numbers per code: are all of them in use? If a unit's mean doesn't change with the image, it tells next to nothing (its variance could still change; that is not counted). Burda et al. call a unit **active** if the variance of its mean over the
# images is above 0.01. `active_units` of the package says which ones are.

# %%
in_use = {name: active_units(posterior[name][0]) for name in models}
for name in models:
    print(f"{name}: {in_use[name].sum()} of 50 units active")
print(f"active in both: {np.sum(in_use['VAE'] & in_use['IWAE'])}")
plotting.curves(
    {name: np.sort(posterior[name][0].var(axis=0))[::-1] for name in models},
    xlabel="unit, the most active first",
    ylabel="variance of the mean code",
    log_y=True,
    levels={"threshold, 0.01": 0.01},
)

# %% [markdown]
# **What to notice.** There is a cliff: units are either clearly active or clearly silent, and any threshold in the gap would count the same. The KL term has switched the rest off: a unit that
# saves less than it costs does better as pure prior. Burda et al. found 19 active units for their VAE and 25 for their IWAE with $k = 50$. When they went on from the VAE's weights with the IWAE's loss, as we did, the number rose from 19 to 22, and the negative bound fell from 86.76 to 84.88 (their table 2).
#
# In ours the same units are active before and after. What was silent stayed silent, after a shorter training with $k = 10$.
# So its better bound does not come from more units. Encoder and decoder both changed, and this figure can't say which of them did it.
#
# <details><summary><b>Question:</b> would fewer than 50 numbers per code have done?</summary>
#
# Probably about as many as are active, for this architecture and this training: the others are pure prior, and the decoder has learned to ignore them. Fewer would force a choice. More would not help; that is what the KL term is good for.
#
# </details>
#
# ---
#
# **A good place for a break.** So far we measured two models that were given. From here on we train our own.
#
# ---
#
# ## What loss should I see?
#
# We train small models, on part of the digits and for few epochs: a code of 20 numbers and one hidden layer of 256 units. They are worse than the two above, and that is fine. What is watched or chosen is measured on validation digits, and the final numbers on test digits.
# First question: how much does the result depend on the seed? We train the same VAE several times.
#
# (`budget(6, quick=4)` is 6 in the full profile and 4 in the quick one. `fast(model)` sets what makes a fit fast, `callbacks` shows a progress bar, and takes an interrupted fit up again.)

# %%
SMALL, EPOCHS = mnist.x_train[: budget(19_200, quick=2_000)], budget(6, quick=4)
x_valid = binarise(mnist.x_valid, np.random.default_rng(2))


def train(model, name, loss=bernoulli_nll, pair=binarised_pair, watched=None, extra=(), epochs=EPOCHS, seed=0):
    """Fits a model on fresh batches, and evaluates it on what is watched: a pair of inputs and targets. The history."""
    batches = FreshBatches(SMALL, pair, batch_size=budget(64, quick=32), seed=seed)
    learning_rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * len(batches))  # falls from its peak to zero
    model.compile(keras.optimizers.Adam(learning_rate), loss=loss, **fast(model))
    held_out = {"validation_data": watched, "validation_batch_size": 500}
    return model.fit(batches, epochs=epochs, verbose=0, callbacks=[*extra, *callbacks(name)], **held_out).history


# %%
seeded, histories = [], []
for seed in range(budget(5, quick=2)):
    keras.utils.set_random_seed(seed)
    seeded.append(build_dense_vae(20, hidden=(256,), seed=seed))
    histories.append(train(seeded[-1], f"seed {seed}", watched=(x_valid, x_valid), seed=seed))
curves_of_seeds = {"training digits": "loss", "validation digits": "val_loss"}
plotting.bands(
    {label: np.array([history[key][2:] for history in histories]) for label, key in curves_of_seeds.items()},
    xlabel="epoch",
    ylabel="negative ELBO (nats per image)",
    x=np.arange(3, EPOCHS + 1),
    title=f"{len(seeded)} seeds: median and range, from the third epoch",
)

# %%
terms = np.array([np.mean(negative_elbo_terms(model, x_test, 2), axis=1) for model in seeded])  # (seeds, 2)
final = terms.sum(axis=1)
print("test digits, negative ELBO of each seed:", np.round(final, 2), "nats")
print("                         rate R of each:", np.round(terms[:, 1], 2), "nats")
print(f"standard deviation over seeds: {final.std(ddof=1):.2f} nats")

# %% [markdown]
# **What to notice.** The bands are narrow: at the end the runs lie within a nat. A loss inside the band, or a little outside, is normal. If you change something and stay inside it, you have shown nothing yet.
#
# And the other way round: of six runs that differ by their seed only, the sixth lies outside the range of the first five one time in three. So a single run just outside it is not yet evidence either; one ten nats away is.
# (These are small models after few epochs. Larger ones have bands of their own.)
#
# ## β: rate against distortion
#
# Lesson 07's $\beta$ multiplies the rate in the loss, $D + \beta R$. Each value of $\beta$ leads to another pair $(R, D)$. Together they draw the **rate-distortion curve** of this
# family of models (Alemi et al. 2018): how many nats of reconstruction a nat of code can buy.

# %%
BETAS = budget((0.25, 2.0, 5.0, 20.0), quick=(10.0,))
family = {1.0: seeded[0]}
for beta in BETAS:
    keras.utils.set_random_seed(0)  # as for the first of the seeds above: only β differs
    family[beta] = build_dense_vae(20, hidden=(256,), beta=beta, seed=0)
    train(family[beta], f"β = {beta:g}")
family = dict(sorted(family.items()))
points = {beta: np.mean(negative_elbo_terms(model, x_test, 2), axis=1) for beta, model in family.items()}  # (D, R)
distortions, rates = np.array(list(points.values())).T

# %%
print("     β   rate R   distortion D   R + D")
for beta, (d, r) in points.items():
    print(f"{beta:6g} {r:8.2f} {d:14.2f} {r + d:7.2f}")
plotting.curves(
    {"one model per β": distortions, "same ELBO as β = 1": sum(points[1.0]) - rates},
    xlabel="rate R (nats per image)",
    ylabel="distortion D (nats per image)",
    x=rates,
    names=[f"β = {beta:g}" for beta in points],
    title="rate-distortion curve, test digits",
)

# %%
codes = rng.standard_normal((12, 20)).astype("float32")
rows = {"test digits": mnist.x_test[:12]}
for beta, model in family.items():
    rows[f"β = {beta:g}\nreconstruction"] = predict_in_batches(
        model.decoder, predict_in_batches(model.encoder, x_test[:12])[0]
    )
for beta, model in family.items():
    rows[f"β = {beta:g}\nsample"] = predict_in_batches(model.decoder, codes)
plotting.image_rows(rows)

# %% [markdown]
# **What to notice.** The curve falls from left to right: more rate, less distortion. At the best model for a given $\beta$ the slope would be $-\beta$, since there the last nat of rate saves $\beta$ nats of
# distortion, and the curve would touch the straight line, where all models have the same ELBO, at $\beta = 1$ only. Ours are trained on few digits for few epochs and measured on others. Even so, the size of the slope between two neighbours lies between their two values of $\beta$.
#
# In the pictures, a small $\beta$ favours the reconstructions over the samples. With $\beta = 1/4$ the reconstructions are the sharpest, but the samples are more broken than at $\beta = 1$: presumably because the codes, which carry much, lie farther from the prior. As $\beta$ grows, both become smoother and more alike. At $\beta = 20$ neither is good. They are grey averages of a few kinds: a rate of 0.2 nats tells round digits from others, and little more. (In the quick profile only two values of $\beta$ are trained, for a short time.)
#
# A decoder that is strong enough to do without a code can have the same ELBO at very different rates: one with a
# useless code as well as one whose code says all. That is why the ELBO alone does not say whether a code is of use.
#
# ## Posterior collapse: provoke it
#
# The left end of that curve is **posterior collapse**: $R \to 0$, the encoder answers with the prior whatever the image, and the code is noise. There, $\beta$ asked for it. But it may also happen at
# $\beta = 1$, through no one's wish. Early in training the code tells the decoder nothing yet; it only costs. If the decoder is slow to
# listen, the KL term silences the code before it has been of any use. We build such a decoder: deep, of sigmoid units, which pass little on at the start.
#
# There are other causes. A decoder so strong that it hardly needs a code, such as one that predicts each word from all words before it (Bowman et al. 2016). An encoder that lags behind its decoder early in training (He et al. 2019). And a loss whose likelihood itself has a stationary point there, as a linear VAE with a large output variance has (Lucas et al. 2019: "Don't blame the ELBO").
#
# The KL term gets a layer of its own, with two knobs that we shall need: a weight that may change during training, and a floor.
#
# ### Exercise 5: free bits
#
# If the first nats of a unit are free, there is nothing to gain by silencing it. Let each unit cost at least `floor` nats, in the mean over the batch, whether it uses them or not
# (Kingma et al. 2016). A cost that can't be avoided has no gradient, so it is as good as free. Gradients must pass, so use `ops.mean`, `ops.maximum` and `ops.sum`, not NumPy.


# %% tags=["nbval-check-output"]
def free_bits(kl, floor):
    """KL term whose units cost at least `floor` nats each: (batch, latent_dim) to one number, nats per image."""
    return ...  # your code


free_bits = ex.free_bits.check(free_bits)


# %%
class CarefulKL(keras.layers.Layer):
    """The KL term with a floor under each unit, and a weight β that may change while training goes on."""

    def __init__(self, floor):
        super().__init__()
        self.floor = floor
        self.beta = self.add_weight(shape=(), initializer="ones", trainable=False, name="beta")

    def call(self, inputs):
        mean, log_var = inputs
        kl = (ops.square(mean) + ops.exp(log_var) - 1 - log_var) / 2
        self.add_loss(self.beta * free_bits(kl, self.floor))
        return inputs


# %%
DEPTH, DEEP_EPOCHS = budget(5, quick=3), budget(12, quick=8)  # sigmoid layers of the decoder


def deep_parts():
    """An ordinary encoder, its log-variances kept within ±10, and a deep decoder of sigmoid units."""
    encoder = build_dense_vae(20, hidden=(256,)).encoder
    mean, log_var = encoder.outputs
    encoder = keras.Model(encoder.inputs, [mean, 10 * ops.tanh(log_var / 10)], name="encoder")
    codes = x = keras.Input((20,))
    for _ in range(DEPTH):
        x = layers.Dense(200, "sigmoid")(x)
    pixels = layers.Dense(784, "sigmoid")(x)
    decoder = keras.Model(codes, layers.Reshape((28, 28, 1))(pixels), name="decoder")
    return encoder, decoder


# %% [markdown]
# The two cures. **KL annealing** (Bowman et al. 2016): start with $\beta = 0$, so that the code can become useful first, and raise it to 1 during the first half of the training. **Free bits**:
# the floor, here a fifth of a nat for each of 20 units. Three seeds of each (one in the quick profile).
#
# (Why the bound on the log-variances? While $\beta = 0$ and the decoder does not listen yet, nothing holds them, and Adam scales up even the smallest gradients. So they drift, and without the bound one annealed run of three ended in a loss that is no number. All runs have the bound. A start at $\beta = 0.01$ is no way out: it collapsed with each of three seeds.)


# %%
def train_deep(name, seed, floor=0.0, annealed=False):
    """Trains the deep VAE; returns it as a VAE, to be measured with the ordinary ELBO, and its training loss."""
    keras.utils.set_random_seed(seed)
    encoder, decoder = deep_parts()
    kl, images = CarefulKL(floor), keras.Input((28, 28, 1))
    model = keras.Model(images, decoder(Sampling(seed=seed)(kl(encoder(images)))))
    rising = DEEP_EPOCHS // 2
    anneal = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: kl.beta.assign(min(1.0, epoch / rising)))
    history = train(model, f"deep, {name}", extra=[anneal] if annealed else (), epochs=DEEP_EPOCHS, seed=seed)
    return VAE(encoder, decoder), history["loss"]


deep, deep_losses = {}, {}
for name, cure in {"plain": {}, "annealed": {"annealed": True}, "free bits": {"floor": 0.2}}.items():
    runs = [train_deep(f"{name}, seed {seed}", seed, **cure) for seed in budget((9, 10, 11), quick=(9,))]
    deep[name], deep_losses[name] = zip(*runs)
plotting.bands(
    {name: np.array(losses) for name, losses in deep_losses.items()},
    xlabel="epoch",
    ylabel="training loss (nats per image)",
    title="deep decoder: median and range of the seeds",
)

# %% [markdown]
# ## Diagnose it
#
# The plain loss falls and settles, as losses do. (While $\beta < 1$, the annealed one is no negative ELBO, since the code is nearly free.) Is all well? Three instruments: the two costs, the KL term unit by unit, and the active units.

# %%
costs, alive, unit_kl = {}, {}, {}  # of each seed: (D, R) and the number of active units; of the first, nats per unit
print("                 D       R   negative ELBO   active units, one row per seed")
for name, vaes in deep.items():
    costs[name] = np.array([np.mean(negative_elbo_terms(vae, x_test, 2), axis=1) for vae in vaes])
    posteriors = [predict_in_batches(vae.encoder, x_test) for vae in vaes]
    alive[name] = [active_units(mean).sum() for mean, _ in posteriors]
    mean, log_var = posteriors[0]
    unit_kl[name] = np.sort(np.mean(mean**2 + np.exp(log_var) - 1 - log_var, axis=0) / 2)[::-1]
    for (d, r), active in zip(costs[name], alive[name]):
        print(f"{name:10} {d:7.2f} {r:7.2f} {d + r:15.2f} {active:8} of 20")
plotting.curves(
    unit_kl,
    xlabel="unit, the costliest first",
    ylabel="KL term of the unit (nats)",
    log_y=True,
    levels={"floor of the free bits": 0.2, "a hundredth of a nat": 0.01},
)

# %% tags=["picture"]
rows = {
    name: predict_in_batches(vaes[0].decoder, predict_in_batches(vaes[0].encoder, x_test[:12])[0])
    for name, vaes in deep.items()
}
plotting.image_rows({"test digits": x_test[:12], **rows})

# %% [markdown]
# **What to notice: the collapse.** The plain runs have collapsed: no rate, no active unit, and the same grey average digit whatever the image. Their loss fell and settled as that of a finished training would. The level tells, for whoever knew from the bands above that a small VAE gets far below it.
#
# **The cures.** The annealed runs and those with free bits use their codes, with every seed. Their negative ELBO is tens of nats better, though still far above that of the small VAEs in the bands: this decoder is hard to train. Their pictures follow the given digits only roughly. Compare each with the one on top: several have become other digits. (In the quick profile annealing has no time to work, and with free bits the units fill little more than what is free: all of them count as active, and the pictures hardly follow the digits. Active does not mean useful.)
#
# **The instruments.** (The axis of the figure is logarithmic: one step is a factor of ten.) In the annealed run a few units carry nearly the whole rate. (The dashed line, a hundredth of a nat, is not the threshold of an active unit. That is a *variance of its mean* of 0.01, which costs about 0.005 nats. So a unit may count as active and lie below the line.) With free bits a few carry more than half, and the others stay near the floor. So after this short training the codes are alive, but not yet well used. With free bits, no unit's KL term lies much below the floor, useful or not: that is its price. A unit could pay it with a shift that is the same for every image; the count of active units would expose that. Nor does active mean important. No single instrument is enough.
#
# **The cause.** At its end an annealed run minimises the very same function as a plain one ($\beta = 1$), and reaches a far lower value of it. So this collapse was a matter of how the training began, not what the ELBO wants. At $\beta = 20$ above, the low rate was what the loss asked for, and no annealing would help.
#
# <details><summary><b>Question:</b> the KL term of your VAE is 0.01 nats. How do you find out whether the loss or the start is to blame?</summary>
#
# Anneal, slowly. If the code stays alive once β has reached its final value, with a lower loss than that of the collapsed run, the start was to blame. If it dies, you don't know yet: the annealing may have been too short. Try a slower one, or free bits. And check the reductions (lesson 07): with the pixels averaged and the KL term summed, β is 784
# though no one wrote it down. Then collapse is the minimum, and only another loss helps.
#
# </details>
#
# ## Learned output variance
#
# For grey images one often takes Gaussian pixels: $-\log p(x\mid z) = \sum_i \big[(x_i - y_i)^2 / (2s^2) + \log s + \frac12 \log 2\pi\big]$, with $y$ the decoder's output and $s$ a standard deviation. Lesson 07
# set $s$ by hand and saw that it acts as $\beta = 2 s^2$. It need not be set by hand: $s$ is a parameter of the model like any other, and the likelihood itself says which value is best.
#
# **A trap first.** This is a *density*, and grey values come in steps of 1/255. A pixel that is black in every image can be given a density as high as you like: let its $s$ go to zero. So the likelihood of such data under a free $s$ for each pixel has no upper bound, and a model can win by finding constant pixels. The remedy is **dequantisation** (Theis et al. 2016): spread each of the 256 grey values over its own interval by
# adding uniform noise of width 1/256, afresh in each batch. Now the mean log-density can't exceed $784 \log 256$, and
# it says something about the discrete images: less $784 \log 256$, it is a lower bound on the mean logarithm of their probability. The usual unit is **bits per dimension**, $\frac{-\log p(x)}{784 \log 2} + 8$: bits spent on each 8-bit pixel. A model that knows nothing needs 8.
#
# ### Exercise 6: the best deviation
#
# Given images and reconstructions, which $s$ makes the images most likely? Set the derivative with respect to $s$ to zero.


# %% tags=["nbval-check-output"]
def best_sigma(images, reconstruction):
    """The standard deviation s that makes Gaussian pixels around the reconstruction most likely; one number."""
    return ...  # your code


best_sigma = ex.best_sigma.check(best_sigma)


# %% [markdown]
# Put this $s$ back into the likelihood, for each batch anew, and the network trains as if $s$ were learned in every step (Rybkin, Daniilidis and Levine 2021). Its rivals have $s$ set by hand: far too small, and as good as we could find.
#
# ### Exercise 7: a prediction
#
# $s = 0.05$ asks for far more exact pictures than this network can draw. Does it learn the training digits by heart, then? Whose squared errors will rise more, in percent, from training digits to test digits: those of `"s = 0.05"` or of `"s learned"`?

# %%
overfit_guess = ...  # your prediction: "s = 0.05" or "s learned"


# %%
def learned_gaussian_nll(images, reconstruction):
    """Gaussian negative log-likelihood at the best deviation of the batch; (batch,), in nats."""
    squared = ops.square(images - reconstruction)
    variance = ops.mean(squared)
    return ops.sum(squared / (2 * variance) + (ops.log(variance) + np.log(2 * np.pi)) / 2, axis=(1, 2, 3))


def dequantised_pair(images, rng):
    """Grey images with uniform noise within each of the 256 steps, still in [0, 1), as inputs and as targets."""
    grey = ((255 * images + rng.random(images.shape)) / 256).astype("float32")
    return grey, grey


def gaussian_loss(s):
    """Negative log-likelihood of Gaussian pixels with the deviation s."""
    return lambda images, reconstruction: gaussian_nll(images, reconstruction, s)


# %%
losses = {f"s = {s:g}": gaussian_loss(s) for s in (0.05, 0.2)}
losses["s learned"] = learned_gaussian_nll
grey_train = dequantised_pair(SMALL[:5_000], rng)[0]
grey_valid = dequantised_pair(mnist.x_valid, rng)[0]
grey_test = dequantised_pair(mnist.x_test, rng)[0]
gaussian, gaps = {name: [] for name in losses}, {name: [] for name in losses}
for name, loss in losses.items():
    for seed in range(budget(3, quick=1)):
        keras.utils.set_random_seed(seed)
        gaussian[name].append(build_dense_vae(20, hidden=(256,), seed=seed))
        bar = f"Gaussian, {name}, seed {seed}"
        history = train(gaussian[name][-1], bar, loss, dequantised_pair, (grey_valid, grey_valid), seed=seed)
        gaps[name].append(history["val_loss"][-1] - history["loss"][-1])  # in nats of its own s

# %% [markdown]
# Printed is the ELBO itself: the higher, the better (and it may be positive, being the logarithm of a density). Of bits, the fewer the better. As trained, each loss has its own $s$, so the losses can't be compared. We score each network with the deviation of its own residuals on training digits. That is generous to those trained with another $s$, and it compares the networks rather than the claims that they were given.


# %%
def mean_square(vae, images):
    """The mean squared error per pixel, from one draw of the codes."""
    return float(best_sigma(images, predict_in_batches(vae, images))) ** 2


def scored(vae):
    """Best s on training digits, rate, ELBO on validation and test digits (densities), rise of errors in %."""
    own = mean_square(vae, grey_train) ** 0.5
    terms = [negative_elbo_terms(vae, images, nll=gaussian_loss(own)) for images in (grey_valid, grey_test)]
    elbos = [-np.mean(distortion + rate) for distortion, rate in terms]
    return own, np.mean(terms[-1][1]), *elbos, 100 * (mean_square(vae, grey_test) / own**2 - 1)


scores = {name: np.array([scored(vae) for vae in vaes]) for name, vaes in gaussian.items()}  # (seeds, 5)
print("mean ± half range over seeds   | own s  rate R  ELBO: validation          test  bits/dim  rise of errors")
for name, score in scores.items():
    own, r, on_valid, on_test, rise = score.mean(axis=0)
    spread, bits = np.ptp(score[:, 3]) / 2, 8 - on_test / (784 * np.log(2))
    print(f"{name:10} gap, as trained {np.mean(gaps[name]):4.1f} | {own:5.3f} {r:7.1f} {on_valid:17.1f}", end="")
    print(f" {on_test:8.1f} ± {spread:4.1f} {bits:9.3f} {rise:+6.1f}% ± {np.ptp(score[:, 4]) / 2:.1f}")
rises = {name: score[:, 4].mean() for name, score in scores.items()}
ex.overfit_guess.check(overfit_guess, max(("s = 0.05", "s learned"), key=rises.get))

# %%
rows = {name: predict_in_batches(vaes[0], grey_test[:12]) for name, vaes in gaussian.items()}
plotting.image_rows({"test digits": grey_test[:12], **rows})

# %% [markdown]
# **What to notice.** *A fair rival.* Of the values set by hand, $s = 0.2$ is as good as any, to a few nats: a trial with the same settings and two seeds each led to 527, 541, 538, 521 and 503 nats on validation digits for 0.1, 0.15, 0.2, 0.25 and 0.3. The learned $s$ is ahead of it all the same, by some 55 nats: it starts large and falls with the errors, so that the weight of the code falls into place along the way. (That is a guess at the reason; a longer training of both may bring them together.) Besides, it spares the search. Against $s = 0.05$ alone it would have looked like a far greater step.
#
# *Too small.* With $s = 0.05$ the model buys a high rate, and gets little for it. (What too large an $s$ does, lesson 07 has shown: a code that stays small, and blurred pictures.)
#
# *By heart?* As trained, the gap between training and validation loss is by far the largest at $s = 0.05$. It looks like overfitting. But a squared error counts $1/(2s^2)$ times there: 200, against 12.5 at $s = 0.2$ and about 50 where $s$ is learned. Divided by these, the gaps of 90, 5 and 30 nats are 0.45, 0.41 and 0.59. That is the order of the last column: the errors themselves rise by about four percent with either value set by hand, and by seven where $s$ is learned; why, this run does not show. Compare errors, not nats, when the unit differs.
#
# *Bits.* About seven bits per dimension, where eight is knowing nothing: that is poor. Flows reach about one (Chen et al. 2019). One $s$ for all pixels gives the border, always black, the same uncertainty as the edge of a stroke. With an $s$ for each pixel, that of the border would fall to the width of the noise that we added: the trap from above, with its guard.
# (These are densities of grey digits: they can't be compared with the nats of binarised ones.)
#
# ## Judging samples: distance, precision, recall
#
# The likelihood judges how test images are explained. Samples are judged in another way: take a classifier, compute the features of many real and of many drawn images, and compare the two clouds. (Judged here are the decoder's outputs, the probability of white at each pixel, against grey digits. Pixels tossed from them would score otherwise.) With $m_1, C_1$ and
# $m_2, C_2$ their means and covariances, the squared **Fréchet distance** of the two normal distributions is
#
# $$d^2 = |m_1 - m_2|^2 + \operatorname{tr}\big(C_1 + C_2 - 2\,(C_1 C_2)^{1/2}\big).$$
#
# With the features of the Inception network this is the FID of the literature (Heusel et al. 2017). **Ours are those of a small classifier of MNIST digits: 32 channels, averaged over all positions. The
# values can't be compared with any FID that you have read**, only with each other.
#
# One number mixes two faults: bad samples, and missing ones. **Precision** is the share of samples that lie among real digits, **recall** the share of real digits that lie among samples (a sample counts as among real digits if it is at least as near to one of them as that one's own third neighbour among real digits; for recall the roles are exchanged; the pair is that of Sajjadi et al. 2018, this estimate that of Kynkäänniemi et al. 2019). A model that draws one perfect 7 for ever has a precision of 1 and no recall.
#
# Besides the models we judge *training digits*, as if a model had stored them, and the VAE with other codes: drawn not from the prior but from the mixture of normals that judged the codes above. If the gap between codes and prior matters, its samples should be better (ex-post density estimation; Ghosh et al. 2020).

# %%
judge = build_classifier()
judge.compile("adam", loss="sparse_categorical_crossentropy", **fast(judge))
judge.fit(SMALL, mnist.y_train[: len(SMALL)], batch_size=64, epochs=3, verbose=0, callbacks=callbacks("judge"))
channels = layers.GlobalAveragePooling2D()(judge.layers[3].output)  # after the second pooling: 32 numbers per image
features = keras.Model(judge.inputs, channels)

n, DRAWS = budget(2_000, quick=200), 5
collapsed = deep["plain"][0]
drawing = {"VAE": models["VAE"], "IWAE": models["IWAE"], "small VAE, β = 1": family[1.0]}
drawing |= {f"small VAE, β = {beta:g}": family[beta] for beta in (min(family), max(family))} | {"collapsed": collapsed}
images = {"training digits": mnist.x_train[-DRAWS * n :]}  # the judge has not seen them
for name, model in drawing.items():
    shape = (DRAWS * n, model.decoder.input_shape[1])
    codes = np.random.default_rng(9).standard_normal(shape)  # the same for models of one width
    images[name] = predict_in_batches(model.decoder, codes.astype("float32"))
codes = rng.standard_normal((DRAWS * n, 50))
codes[:, live] = rng.permutation(mixture.sample(DRAWS * n)[0])
images["VAE, mixture"] = predict_in_batches(models["VAE"].decoder, codes.astype("float32"))

# %%
clouds = {name: predict_in_batches(features, some) for name, some in images.items()}
real = predict_in_batches(features, mnist.x_test[at_random])
parts = [slice(i * n, (i + 1) * n) for i in range(DRAWS)]  # each time other samples, against other test digits
distances = {
    name: np.array([squared_frechet_distance(cloud[p], real[p]) for p in parts]) for name, cloud in clouds.items()
}
quality = {
    name: np.mean([precision_recall(real[p], cloud[p]) for p in parts[:2]], axis=0) for name, cloud in clouds.items()
}
print(f"{n:,} images each     d², mean ± deviation of {DRAWS} draws   precision, recall: mean of 2")
for name, values in distances.items():
    precision, recall = quality[name]
    spread = values.std(ddof=1)
    print(f"{name:24} {values.mean():12.3f} ± {spread:.3f} {precision:11.2f} {recall:8.2f}")
ahead = distances["VAE"] - distances["IWAE"]
print(f"VAE - IWAE, on the same codes: {ahead.mean():.3f} ± {ahead.std(ddof=1):.3f} (deviation of the draws)")
shown = ("training digits", "VAE, mixture", "VAE", "IWAE")  # beside the others these would be too small to see
plotting.bars(
    {name: distances[name].mean() for name in shown},
    "squared Fréchet distance",
    spread={name: distances[name].std(ddof=1) for name in shown},
    title="mean and deviation of five draws; no FID",
)

# %%
print("training digits against as many test digits:\ndigits   draws   mean   largest")
for few in (n // 10, n // 2, n):
    values = [
        squared_frechet_distance(clouds["training digits"][i : i + few], real[i : i + few])
        for i in range(0, DRAWS * n, few)
    ]
    print(f"{few:6,} {len(values):7} {np.mean(values):6.3f} {max(values):9.3f}")

# %% [markdown]
# **What to notice.** Training digits are closest to test digits, as they should be, but not at distance zero. Next comes the VAE with codes from the mixture, at about half the distance of the *same decoder* with codes from the prior. Its precision, too, is nearer to that of training digits. So a good part of what looks wrong in samples is not the decoder's fault: the prior asks it for codes that it has rarely seen.
#
# On the same codes and against the same test digits, the IWAE is ahead of the VAE by nearly the same amount in each of the five draws: the difference varies much less than either distance, so pairing helps here as well. (For this judge, and for one training of each.) The small models are far behind, and the collapsed one has neither precision nor recall: one grey picture is no digit. Don't rely on that, though: another training with $\beta = 20$, whose grey blobs looked just like these, got a precision of 0.44. They may lie within the wide neighbourhoods of some unusual real digits, or not. A precision is only as good as its features and its radii.
#
# The last lines are a warning: the very same comparison comes out larger with fewer images, since their means and covariances are poor, and it varies with the images that were drawn. So compare only values from equally many images, and draw several times before you trust a difference.
#
# And what none of these numbers can tell: the first bar *is* a model that has stored the training digits, and it wins. Has ours memorised, too? Look for each sample's nearest digit among all training and test digits together. If nothing was memorised, the nearest digit is a training digit as often as the training digits' share of all of them says.

# %%
known = np.concatenate([mnist.x_train, mnist.x_valid, mnist.x_test]).reshape(-1, 784)
n_seen = len(mnist.x_train) + len(mnist.x_valid)  # these two models were trained on both
share = n_seen / len(known)
index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known)
near, asked = {}, budget(1_000, quick=200)
for name in ("training digits", "VAE", "VAE, mixture", "IWAE"):
    _, nearest = index.kneighbors(images[name][:asked].reshape(-1, 784))
    near[name] = nearest[:, 0]
    error = np.sqrt(share * (1 - share) / asked)
    print(f"{name:16} nearest is a training digit: {np.mean(near[name] < n_seen):.3f}")
print(f"by chance        {share:29.3f} ± {error:.3f}")
plotting.image_rows(
    {"samples of\nthe VAE": images["VAE"][:12], "nearest digit": known[near["VAE"][:12]].reshape(-1, 28, 28, 1)}
)

# %% [markdown]
# **What to notice.** Stored training digits find themselves, of course. The models' samples find a training digit as often as chance has it, within two standard errors, and the nearest digit is a relative, not a copy. So there is no sign that these models have memorised, though the VAE's loss is one and a half nats better on training digits. The test is blunt: if one sample in seven were a copy, the share would still lie within two standard errors. (In the quick profile the models were trained on some of the "test digits" and on most others that are not there, so the test has little to find.)
#
# ## What you should see
#
# `expect` holds a measured number to a bound and stops the notebook if it is missed. First the two large models. Their bounds on all 10,000 digits are the stored means, moved by what the digits scored anew differ from their stored scores: so a stored file that were wrong would show here. (In the quick profile there is only the mean of the few digits scored now.) The bounds on active units only guard the stored weights: our 17 lies *below* the published 19 and 25, as we have seen.

# %% tags=["headline"]
source = "Burda, Grosse & Salakhutdinov 2016, table 1, one stochastic layer"
for name in ("IWAE", "VAE"):
    score = budget(stored[name].mean() + moved[name].mean(), quick=again[name].mean())
    what = f"{name}: negative bound with k = {K:,}, " + budget("all 10,000 test digits", quick="some built-in digits")
    expect(what, score, at_most=float(published[name]), unit="nats", published=f"{published[name]} ({source})")

# %%
for name, at_least in {"VAE": budget(2.7, quick=2), "IWAE": budget(5.2, quick=4)}.items():
    change = abs(moved[name].mean())
    expect(f"{name}: new score against stored score, difference", change, at_most=budget(0.1, quick=6), unit="nats")
    rise = bound_by_k[name][-1] - bound_by_k[name][0]
    expect(f"{name}: rise of the bound from k = 1 to 1024", rise, at_least=at_least, unit="nats")
for name, units in {"VAE": 19, "IWAE": 25}.items():
    expect(f"active units, {name}", in_use[name].sum(), at_least=17, published=f"{units} (Burda et al., table 1)")
expect("entropy of the binarisation", tosses.mean(), at_least=45, at_most=46.5, unit="nats")
gap_found = odds[n_normals]["codes of test digits"].mean()
expect("gap between codes and prior, as test digits show it", gap_found, at_least=budget(0.9, quick=0.3), unit="nats")
expect("share of log n that is information", split[counts[-1]][0] / np.log(counts[-1]), at_least=0.98)

# %%
expect("negative ELBO of the small VAE, worst seed", final.max(), at_most=budget(112.7, quick=165), unit="nats")
expect("range over the seeds", np.ptp(final), at_most=budget(1.2, quick=3), unit="nats")
lost = rates[-1] + distortions[-1] - sum(points[1.0])
expect("ELBO lost at the largest β", lost, at_least=budget(80, quick=35), unit="nats")
expect(
    "rate of the collapsed VAE, largest of the seeds",
    costs["plain"][:, 1].max(),
    at_most=budget(0.05, quick=0.1),
    unit="nats",
)
for name in budget(("annealed", "free bits"), quick=("free bits",)):  # annealing takes longer than quick has time for
    gained = np.min(costs["plain"].sum(axis=1) - costs[name].sum(axis=1))
    expect(f"ELBO gained over collapse, worst seed, {name}", gained, at_least=budget(25, quick=4), unit="nats")

# %%
by_hand = [name for name in scores if name != "s learned"]
rival = max(by_hand, key=lambda name: scores[name][:, 2].mean())  # chosen on validation digits
ahead = scores["s learned"][:, 3].mean() - scores[rival][:, 3].mean()
what = f"ELBO, s learned against the best s by hand ({rival})"
expect(what, ahead, at_least=20, at_most=110, unit="nats")

# %%
far = {name: values.mean() for name, values in distances.items()}
what = "squared Fréchet distance, VAE as a multiple of "
expect(what + "training digits", far["VAE"] / far["training digits"], at_least=budget(4, quick=1.5))
expect(what + "the VAE with codes from the mixture", far["VAE"] / far["VAE, mixture"], at_least=budget(1.4, quick=0.7))
beyond = np.mean(near["VAE"] < n_seen) - share
expect("samples whose nearest digit is a training digit, beyond chance", beyond, at_most=budget(0.035, quick=0.1))

# %% [markdown]
# ## Summary
#
# - Negative ELBO = distortion + rate: what the image still costs when the code is known, and what the code costs. About half of the large models' 90 nats is the binarisation's coin tossing.
# - Rate = information + gap. The information about $n$ images is at most $\log n$; the rest is how far the codes lie from the prior.
# - The importance-weighted bound $L_k$ rises from the ELBO towards $\log p(x)$ as $k$ grows. State $k$, the digits, and the error bar.
# - Compare two models on the same images, by the error of the mean difference, and with the spread over seeds in mind.
# - Collapse shows in the rate and in the active units, not in the shape of the loss curve. Ask whether the loss or the start is to blame.
# - $\beta$ chooses a point on the rate-distortion curve. An output variance can be learned instead of searched for.
# - A Fréchet distance holds within one set of features and one number of images. Precision, recall and nearest training digits help to say which fault it is, as far as the features can see it.
#
# ## Pitfalls
#
# - **The mean of logarithms for the logarithm of the mean**: the first is the ELBO, whatever $k$.
# - **Another binarisation**: grey, thresholded or stochastically binarised digits give different nats. Name yours.
# - **Nats of densities beside nats of probabilities**: the two are not on one scale. Dequantise, and give bits per dimension.
# - **A gap in nats for overfitting**: it has the factor $1/(2s^2)$. Compare errors.
# - **A strawman for a rival**: give it the best setting that you would give your own.
# - **A Fréchet distance next to a published FID**: other features, another number.
#
# ## References
#
# - Burda, Grosse and Salakhutdinov, *Importance Weighted Autoencoders*, 2016. [arXiv:1509.00519](https://arxiv.org/abs/1509.00519)
# - Kingma and Welling, *Auto-Encoding Variational Bayes*, 2014. [arXiv:1312.6114](https://arxiv.org/abs/1312.6114)
# - Hoffman and Johnson, *ELBO surgery: yet another way to carve up the variational evidence lower bound*, workshop at NIPS 2016.
# - Rainforth, Kosiorek, Le, Maddison, Igl, Wood and Teh, *Tighter Variational Bounds are Not Necessarily Better*, 2018. [arXiv:1802.04537](https://arxiv.org/abs/1802.04537)
# - Rezende and Mohamed, *Variational Inference with Normalizing Flows*, 2015. [arXiv:1505.05770](https://arxiv.org/abs/1505.05770)
# - Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, *Improving Variational Inference with Inverse Autoregressive Flow*, 2016.
#   [arXiv:1606.04934](https://arxiv.org/abs/1606.04934)
# - Tomczak and Welling, *VAE with a VampPrior*, 2018. [arXiv:1705.07120](https://arxiv.org/abs/1705.07120)
# - Alemi, Poole, Fischer, Dillon, Saurous and Murphy, *Fixing a Broken ELBO*, 2018. [arXiv:1711.00464](https://arxiv.org/abs/1711.00464)
# - Bowman, Vilnis, Vinyals, Dai, Jozefowicz and Bengio, *Generating Sentences from a Continuous Space*, 2016. [arXiv:1511.06349](https://arxiv.org/abs/1511.06349)
# - He, Spokoyny, Neubig and Berg-Kirkpatrick, *Lagging Inference Networks and Posterior Collapse in Variational Autoencoders*, 2019. [arXiv:1901.05534](https://arxiv.org/abs/1901.05534)
# - Lucas, Tucker, Grosse and Norouzi, *Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse*, 2019. [arXiv:1911.02469](https://arxiv.org/abs/1911.02469)
# - Theis, van den Oord and Bethge, *A note on the evaluation of generative models*, 2016. [arXiv:1511.01844](https://arxiv.org/abs/1511.01844)
# - Rybkin, Daniilidis and Levine, *Simple and Effective VAE Training with Calibrated Decoders*, 2021. [arXiv:2006.13202](https://arxiv.org/abs/2006.13202)
# - Heusel, Ramsauer, Unterthiner, Nessler and Hochreiter, *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium*, 2017.
#   [arXiv:1706.08500](https://arxiv.org/abs/1706.08500)
# - Sajjadi, Bachem, Lucic, Bousquet and Gelly, *Assessing Generative Models via Precision and Recall*, 2018. [arXiv:1806.00035](https://arxiv.org/abs/1806.00035)
# - Kynkäänniemi, Karras, Laine, Lehtinen and Aila, *Improved Precision and Recall Metric for Assessing Generative Models*, 2019. [arXiv:1904.06991](https://arxiv.org/abs/1904.06991)
# - Chen, Behrmann, Duvenaud and Jacobsen, *Residual Flows for Invertible Generative Modeling*, 2019. [arXiv:1906.02735](https://arxiv.org/abs/1906.02735)
# - Ghosh, Sajjadi, Vergari, Black and Schölkopf, *From Variational to Deterministic Autoencoders*, 2020. [arXiv:1903.12436](https://arxiv.org/abs/1903.12436)
