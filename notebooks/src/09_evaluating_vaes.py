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
# # Evaluating VAEs: what does "good" mean?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/autoencoder-course/blob/main/notebooks/09_evaluating_vaes.ipynb)
#
# Two models draw digits, and you like both. Which one is better, by how much, and how sure are you? This lesson gives the numbers.
#
# **You will learn**
#
# - how to split the ELBO into what a code costs and what it saves
# - how to estimate log p(x) itself, with an error bar, and how to compare it with a published table
# - which units of a code are alive, and how to provoke, diagnose and cure posterior collapse
# - what β trades, drawn as a rate-distortion curve
# - what a Fréchet distance tells about samples, and what it does not
# - which spread between seeds is normal, so that you don't mistake luck for progress
#
# **You need** lesson 07 (mean, log-variance, ELBO); lesson 06 derives the bounds on models where the truth is known.
# **Time:** about 6 minutes on a 2-core CPU, about 45 seconds in the quick profile
# (Colab's free CPU runtime has two cores as well; not measured there).

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules:  # Colab fetches the course's package and keeps its own TensorFlow and NumPy
    get_ipython().run_line_magic("pip", "install --quiet --no-deps git+https://github.com/OWNER/autoencoder-course")

# %%
import numpy as np
from course_utils import plotting
from course_utils.checkpoints import folder, load_checkpoint
from course_utils.data import FreshBatches, binarise, binarised_pair, load
from course_utils.exercises import lesson_09 as ex
from course_utils.layers import Sampling
from course_utils.losses import bernoulli_nll, gaussian_nll
from course_utils.metrics import active_units, elbo, frechet_distance, iwae_bound
from course_utils.models import VAE, build_classifier, build_dense_vae
from course_utils.training import budget, callbacks, expect, setup

import keras
from keras import layers, ops

setup(seed=9)
mnist = load("mnist")
x_test = binarise(mnist.x_test, np.random.default_rng(1))
at_random = np.random.default_rng(9).permutation(
    len(x_test)
)  # where part of the test digits will do: the first of these

# %% [markdown]
# ## Two models, and no way to tell
#
# We start with two trained models. Both have a code of 50 numbers and two hidden layers of 400 units on each side. One was trained as in lesson
# 07. It is a VAE. The other is an **importance-weighted autoencoder** (IWAE; Burda, Grosse and Salakhutdinov 2016): the
# same network with a sharper loss, which we meet below; its training started from the VAE's weights. Their training takes longer than a lesson can take, so it was
# done beforehand: `make checkpoints` repeats it, and its log is stored with the weights. (In the quick profile the digits called test digits are built-in ones from MNIST's training set, which these two models have seen.)

# %%
models, logs = {"VAE": build_dense_vae(50), "IWAE": build_dense_vae(50)}, {}
for name, model in models.items():
    logs[name] = load_checkpoint(model, f"{name.lower()}_50")
    hours = logs[name]["seconds"].sum() / 3600
    print(f"{name}: {len(logs[name]['epoch'])} epochs, {hours:.1f} hours, {model.count_params():,} parameters")

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
pictures = {f"{name}, codes\nfrom N(0, I)": model.decoder.predict(codes, verbose=0) for name, model in models.items()}
plotting.image_rows({"test digits": mnist.x_test[:12], **pictures})

# %% [markdown]
# **What to notice.** After the fast start, which is left out here, the loss falls slowly for a hundred epochs. From about the thirtieth on, the training digits pull ahead, by more than a nat at the end: judge on test digits. And the pictures? The same code draws nearly the same picture in both models, since the one started from the other. Both draw strokes that look like handwriting, and both draw things that are no digit. No one could say which model is the better one
# from twelve pictures. More pictures would not settle it: a model that had memorised sixty thousand digits would draw the best ones of all. (Shown are the decoder's outputs, the probability of white at each pixel.) We need a number for what the model says about
# digits that it *hasn't seen*.
#
# ## What a code costs and what it saves
#
# For an image $x$ the encoder gives a normal distribution $q(z\mid x)$ over codes $z$, and the decoder a distribution $p(x\mid z)$ over images.
# With the prior $p(z) = \mathcal N(0, I)$, the negative ELBO (Kingma and Welling 2014) is a sum of two costs, in nats (units of the natural logarithm):
#
# $$-\mathrm{ELBO}(x) = \underbrace{\mathbb E_{q(z\mid x)}\big[-\log p(x\mid z)\big]}_{\text{reconstruction, or distortion, } D}
# \ +\ \underbrace{\mathrm{KL}\big[q(z\mid x)\,\|\,p(z)\big]}_{\text{rate } R}.$$
#
# Think of sending the image. $R$ is what it takes to send the code (with a coding scheme that wastes nothing, called bits-back), $D$ what it takes to send the image once the code is known. `elbo` of `course_utils.metrics` returns both, one number an image:
# the rate in closed form, the reconstruction as a mean over drawn codes. Which digits are costly?

# %%
distortion, rate = elbo(models["VAE"], x_test, 5)
of_digit = [mnist.y_test == digit for digit in range(10)]
plotting.bars(
    {
        "reconstruction D": [distortion[mask].mean() for mask in of_digit],
        "rate R": [rate[mask].mean() for mask in of_digit],
    },
    "nats per image, test digits",
    groups=range(10),
    title="the two costs of each digit, VAE",
)

# %%
negative_elbo = distortion + rate
error = negative_elbo.std() / np.sqrt(len(negative_elbo))
print(
    f"negative ELBO {negative_elbo.mean():.2f} ± {error:.2f} nats: D = {distortion.mean():.2f}, R = {rate.mean():.2f}"
)
print(f"from image to image it varies by {negative_elbo.std():.1f} nats (standard deviation)")

# %% [markdown]
# **What to notice.** A 1 is by far the cheapest digit, in both costs: little ink, little to say. (Part of the cost is the coin tossing of the binarisation. No model can foresee it. Tosses stored in the code would only move from $D$ to $R$.) The spread between images is large, so the mean over $n$ images has a
# standard error, the spread divided by $\sqrt n$: that is what stands behind every ± of this lesson. A number of nats without it is half a number. It holds for images drawn at random, so where part of the test digits will do, we draw that part.
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
# its expectation is the ELBO; as $k$ grows it rises towards $\log p(x)$ (bounded weights are enough for that, but not necessary; Burda et al. 2016, theorem 1). Let us write it out, image by image.


# %%
def log_weights(vae, images, k, rng):
    """log w of k codes for each image, (n, k)."""
    rows = []
    for image, mean, log_var in zip(images, *vae.encoder.predict(images, verbose=0)):
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
# ### Exercise 1: the importance-weighted bound
#
# Log-weights lie around $-90$ here, and lower for the costlier digits. Float32 loses digits below $e^{-87}$ and gives zero below $e^{-104}$. For larger images they may lie around $-1000$, and then even float64 gives zero. So take each image's largest log-weight $m$ out of the sum: $\log\sum_i e^{a_i} = m + \log\sum_i e^{a_i - m}$.


# %% tags=["nbval-check-output"]
def importance_bound(log_w):
    """log of the mean importance weight of each image: (n, k) log-weights to (n,), in nats."""
    return ...  # your code


importance_bound = ex.importance_bound.check(importance_bound)

# %% [markdown]
# ## How an IWAE is trained
#
# On $-L_k$ itself, here with $k = 10$: `-importance_bound(log_w).mean()`, written with `keras.ops`. That is all that the package's class `IWAE` changes in a VAE, in its method `compute_loss`. The gradient of $L_k$ is a weighted mean of the gradients of the $k$ log-weights, each by its share of the sum,
#
# $$\nabla L_k = \sum_{i=1}^k \frac{w(z_i)}{w(z_1) + \dots + w(z_k)}\, \nabla \log w(z_i).$$
#
# A VAE asks every drawn code to be good. Here a single good one among ten is enough, so the encoder may be bolder.
#
# ## The bound as $k$ grows
#
# From the weights that we have we get the bound for any smaller $k$: we cut each image's 1024 draws into groups of $k$, and average over the groups.


# %%
def mean_bound(log_w, k):
    """The mean bound with k codes, over images and over all groups of k draws."""
    return importance_bound(log_w.reshape(-1, k)).mean()


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
# ## Beside the published table
#
# Burda et al. trained both kinds of model with one stochastic layer of 50 units, on binarised MNIST, and gave $-L_{5000}$ on all test digits. Theirs have 200 tanh units a
# layer where ours have 400 GELU units, theirs were trained much longer, and their binarised digits were not the same draw. The IWAE of their table was trained with $k = 50$. So this is a fair neighbourhood, not a replication.
#
# The package's `iwae_bound` does what you just wrote, in chunks: its memory grows neither with $k$ nor with the number of digits. All 10,000 digits with $k = 5000$ are fifty million
# codes. `make checkpoints` has done that once and stored the bound of every digit. Here we score some of the digits anew, with other draws.

# %%
N, K = budget(500, quick=50), budget(5000, quick=200)
some = at_random[:N]
again = {name: -iwae_bound(model, x_test[some], K, seed=99) for name, model in models.items()}
stored = {name: -np.load(folder() / f"{name.lower()}_50_bounds.npy", allow_pickle=False) for name in models}
published = {"VAE": "86.76", "IWAE": "84.78"}


def with_error(values):
    """Mean and standard error as text."""
    return f"{values.mean():.2f} ± {values.std() / np.sqrt(len(values)):.2f}"


# %%
table = {
    "-L, nats per image": ["all 10,000, stored", f"{N:,} of them, stored", f"{N:,}, k = {K:,} now", "Burda et al."]
}
for name in models:
    table[name] = [with_error(v) for v in (stored[name], stored[name][some], again[name])] + [published[name]]
table["IWAE, trained with k = 5"] = ["", "", "", "85.54"]
for name, texts in table.items():
    print(f"{name:24}", *(f"{text:>25}" for text in texts))
lead = stored["VAE"] - stored["IWAE"]
print(f"VAE - IWAE, digit by digit: all {with_error(lead)}, {N:,} of them {with_error(lead[some])}")

# %% [markdown]
# **What to notice.** Both of our numbers are lower than the published ones (lower is better). The wider layers and another optimiser may be the reason; it says nothing about the two losses. Now look at the 500 digits only: the error bars of the two models overlap, so one might think that so few digits can't tell them apart. They can. Both were scored on the *same* digits, and the error of the mean *difference* is fourteen times smaller. Compare models digit by digit. That settles it for *these two* trained models. (Their training shares a start, so part of the IWAE's lead may come from its
# longer training. About the two losses in general it would take several seeds of each to speak.) The new scores agree with the stored ones far better than the error bar, since the digits are the
# same ones too: what is left is the noise of the drawn codes.
#
# (In the quick profile the third column is from built-in digits, so it says only that the code runs.)
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
# Fifty numbers a code: are all of them in use? If a unit's mean doesn't change with the image, it tells next to nothing (its variance could still change; that is not counted). Burda et al. call a unit **active** if the variance of its mean over the
# images is above 0.01.
#
# ### Exercise 2: count them


# %% tags=["nbval-check-output"]
def count_active(mean, threshold):
    """How many units of the mean codes (n, latent_dim) have a variance over the images above `threshold`."""
    return ...  # your code


count_active = ex.count_active.check(count_active)

# %%
variances, active, in_use = {}, {}, {}
for name, model in models.items():
    mean, _ = model.encoder.predict(x_test, batch_size=500, verbose=0)
    variances[name], active[name] = np.sort(mean.var(axis=0))[::-1], count_active(mean, 0.01)
    in_use[name] = active_units(mean)  # the package says which ones
    assert active[name] == in_use[name].sum()
    print(f"{name}: {active[name]} of 50 units active")
print(f"active in both: {np.sum(in_use['VAE'] & in_use['IWAE'])}")
plotting.curves(
    variances,
    xlabel="unit, the most active first",
    ylabel="variance of the mean code",
    log_y=True,
    levels={"threshold, 0.01": 0.01},
)

# %% [markdown]
# **What to notice.** There is a cliff: units are either clearly active or clearly silent, and any threshold in the gap would count the same. The KL term has switched the rest off: a unit that
# saves less than it costs does better as pure prior. Burda et al. found 19 active units for their VAE and 25 for their IWAE with $k = 50$. When they went on from the VAE's weights with the IWAE's loss, as we did, the number rose from 19 to 22, and the negative bound fell from 86.76 to 84.88 (their table 2). In ours the same units are active before and after; what was silent stayed silent, though it moves a little more, after a shorter training with $k = 10$.
# So its better bound does not come from more units. Encoder and decoder both changed, and this figure can't say which of them did it.
#
# ## What loss should I see?
#
# From here on we train small models, on part of the digits and for few epochs: a code of 20 numbers and one hidden layer of 256 units. They are worse than the two above, and that is fine.
# First question: how much does the result depend on the seed? We train the same VAE several times.

# %%
SMALL = mnist.x_train[: budget(20_000, quick=2_000)]
HELD_OUT, EPOCHS = at_random[: budget(2_000, quick=500)], budget(6, quick=4)
x_held_out = x_test[HELD_OUT]


def train(model, name, loss=bernoulli_nll, pair=binarised_pair, held_out=x_held_out, extra=(), epochs=EPOCHS, seed=9):
    """Fits a model on fresh batches; returns its history."""
    batches = FreshBatches(SMALL, pair, batch_size=budget(64, quick=32), seed=seed)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, epochs * len(batches))
    model.compile(keras.optimizers.Adam(schedule), loss=loss)
    bar = callbacks(name)
    check = (held_out, held_out)
    return model.fit(batches, epochs=epochs, validation_data=check, verbose=0, callbacks=[*extra, *bar]).history


# %%
seeded, histories = [], []
for seed in range(budget(5, quick=2)):
    keras.utils.set_random_seed(seed)
    seeded.append(build_dense_vae(20, hidden=(256,), seed=seed))
    histories.append(train(seeded[-1], f"seed {seed}", seed=seed))
curves_of_seeds = {"training digits": "loss", "test digits": "val_loss"}
plotting.bands(
    {label: np.array([history[key][2:] for history in histories]) for label, key in curves_of_seeds.items()},
    xlabel="epoch",
    ylabel="negative ELBO (nats per image)",
    x=np.arange(3, EPOCHS + 1),
    title=f"{len(seeded)} seeds: median and range, from the third epoch",
)

# %%
final = np.array([history["val_loss"][-1] for history in histories])
print(
    f"last epoch, test digits: {final.min():.2f} to {final.max():.2f} nats, standard deviation {final.std(ddof=1):.2f}"
)
print("rate R of each seed:", np.round([history["val_kl"][-1] for history in histories], 2), "nats")

# %% [markdown]
# **What to notice.** The bands are narrow: at the end the five runs lie within half a nat on the test digits. A loss inside the band, or a little outside, is normal. If you change something and stay inside it, you have shown nothing yet. And the other way round: of six runs that differ by their seed only, the sixth lies outside the range of the first five one time in three. So a single run just outside it is not yet evidence either; one ten nats away is.
# (These are small models after few epochs. Larger ones have bands of their own.)
#
# ## β: rate against distortion
#
# Lesson 07's $\beta$ multiplies the rate in the loss, $D + \beta R$. Each value of $\beta$ leads to another pair $(R, D)$. Together they draw the **rate-distortion curve** of this
# family of models (Alemi et al. 2018): how many nats of reconstruction a nat of code can buy.

# %%
BETAS = budget((0.25, 0.5, 2.0, 5.0, 20.0), quick=(0.5, 10.0))
family = {1.0: seeded[0]}
for beta in BETAS:
    keras.utils.set_random_seed(0)  # as for the first of the seeds above: only β differs
    family[beta] = build_dense_vae(20, hidden=(256,), beta=beta, seed=0)
    train(family[beta], f"β = {beta:g}", seed=0)
family = dict(sorted(family.items()))
points = {beta: np.mean(elbo(model, x_held_out, 5), axis=1) for beta, model in family.items()}  # (D, R)
distortions, rates = np.array(list(points.values())).T

# %%
print("     β   rate R   distortion D   R + D")
for beta, (d, r) in points.items():
    print(f"{beta:6g} {r:8.2f} {d:14.2f} {r + d:7.2f}")
plotting.curves(
    {
        f"β from {min(points):g} (right) to {max(points):g} (left)": distortions,
        "same ELBO as β = 1": sum(points[1.0]) - rates,
    },
    xlabel="rate R (nats per image)",
    ylabel="distortion D (nats per image)",
    x=rates,
    title="rate-distortion curve, test digits",
)

# %% [markdown]
# **What to notice.** The curve falls from left to right: more rate, less distortion. At the best model for a given $\beta$ the slope would be $-\beta$, since there the last nat of rate saves $\beta$ nats of
# distortion, and the curve would touch the straight line, where all models have the same ELBO, at $\beta = 1$ only. Ours are trained on few digits for few epochs and measured on others. Even so, the size of the slope between two neighbours lies between their two values of $\beta$. A decoder that is strong enough to do without a code can have the same ELBO at very different rates: one with a
# useless code as well as one whose code says all. That is why the ELBO alone does not say whether a code is of use.
#
# ## Posterior collapse: provoke it
#
# The left end of that curve is **posterior collapse**: $R \to 0$, the encoder answers with the prior whatever the image, and the code is noise. There, $\beta$ asked for it. But it may also happen at
# $\beta = 1$, through no one's wish. Early in training the code tells the decoder nothing yet; it only costs. If the decoder is slow to
# listen, the KL term silences the code before it has been of any use. We build such a decoder: deep, of sigmoid units, which pass little on at the start. (The best-known cause is another: a decoder so strong, such as one that predicts each word from all words before it, that it hardly needs a code; Bowman et al. 2016.)
# The KL term gets a layer of its own, with two knobs that we shall need: a weight that may change during training, and a floor.
#
# ### Exercise 3: free bits
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
DEPTH, DEEP_EPOCHS = budget(5, quick=3), budget(20, quick=8)  # sigmoid layers of the decoder


def deep_parts():
    """An ordinary encoder and a deep decoder of sigmoid units."""
    codes = x = keras.Input((20,))
    for _ in range(DEPTH):
        x = layers.Dense(200, "sigmoid")(x)
    pixels = layers.Dense(784, "sigmoid")(x)
    decoder = keras.Model(codes, layers.Reshape((28, 28, 1))(pixels), name="decoder")
    return build_dense_vae(20, hidden=(256,)).encoder, decoder


# %% [markdown]
# The two cures. **KL annealing** (Bowman et al. 2016): start with $\beta = 0$, so that the code can become useful first, and raise it to 1 during the first half of the training. **Free bits**:
# the floor, here a fifth of a nat for each of 20 units.


# %%
def train_deep(name, floor=0.0, annealed=False):
    """Trains the deep VAE; returns it as a VAE, to be measured with the ordinary ELBO, and its training loss."""
    keras.utils.set_random_seed(9)
    encoder, decoder = deep_parts()
    kl, images = CarefulKL(floor), keras.Input((28, 28, 1))
    model = keras.Model(images, decoder(Sampling(seed=9)(kl(encoder(images)))))
    half = DEEP_EPOCHS // 2
    anneal = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: kl.beta.assign(min(1.0, epoch / half)))
    history = train(model, f"deep, {name}", extra=[anneal] if annealed else (), epochs=DEEP_EPOCHS)
    return VAE(encoder, decoder), history["loss"]


deep, deep_losses = {}, {}
for name, cure in {"plain": {}, "annealed": {"annealed": True}, "free bits": {"floor": 0.2}}.items():
    deep[name], deep_losses[name] = train_deep(name, **cure)
plotting.curves(
    {"plain": deep_losses["plain"]}, xlabel="epoch", ylabel="training loss (nats per image)", title="deep decoder"
)

# %% [markdown]
# ## Diagnose it
#
# The loss falls and settles, as losses do. Is all well? Three instruments: the two costs, the KL term unit by unit, and the active units.

# %%
costs = {name: np.mean(elbo(vae, x_held_out, 5), axis=1) for name, vae in deep.items()}  # (D, R)
unit_kl, alive = {}, {}
for name, vae in deep.items():
    mean, log_var = vae.encoder.predict(x_held_out, batch_size=500, verbose=0)
    unit_kl[name] = np.sort(np.mean(mean**2 + np.exp(log_var) - 1 - log_var, axis=0) / 2)[::-1]
    alive[name] = active_units(mean).sum()
    d, r = costs[name]
    print(f"{name:10} D = {d:6.2f}, R = {r:5.2f}, negative ELBO {d + r:6.2f} nats; {alive[name]:2d} of 20 units active")
plotting.curves(
    unit_kl,
    xlabel="unit, the costliest first",
    ylabel="KL term of the unit (nats)",
    log_y=True,
    levels={"floor of the free bits": 0.2, "a hundredth of a nat": 0.01},
)

# %% tags=["picture"]
rows = {
    name: vae.decoder.predict(vae.encoder.predict(x_test[:12], verbose=0)[0], verbose=0) for name, vae in deep.items()
}
plotting.image_rows({"test digits": x_test[:12], **rows})

# %% [markdown]
# **What to notice.** The plain run has collapsed: no rate, no active unit, and the same grey average digit whatever the image. Its loss fell and settled as that of a finished training would. The level tells, for whoever knew from the bands above that a small VAE gets far below it. (Even the cured ones stay far above that: this decoder is hard to train.) The other two use their codes, and their pictures follow the digits that they were given, roughly: the 0, 1, 7 and 9 come out right, the 4 as a 9, the 5 as something like an 8. All this with the same network, the same digits,
# and a negative ELBO that is more than forty nats better. (In the figure the axis is logarithmic: one step is a factor of ten.) In the annealed run two units carry nearly the whole rate. With free bits two carry more than half, and the others stay near the floor. So after this short training the codes are alive, but not yet well used.
# So this collapse was a matter of how the training began, not what the ELBO wants (one seed each, here). At $\beta = 20$ above, the low rate was what the loss asked for, and no annealing would help.
#
# With free bits, no unit's KL term lies much below the floor, useful or not: that is its price. A unit could pay it with a shift that is the same for every image; the count of active units would expose that. Here all twenty vary with the image, yet most do little more than pay the floor. Nor does active mean important: the annealed run counts a unit that costs less than a hundredth of a nat. No single instrument is enough.
#
# <details><summary><b>Question:</b> the KL term of your VAE is 0.01 nats. How do you find out whether the loss or the start is to blame?</summary>
#
# Anneal, slowly. If the code stays alive once β has reached its final value, the start was to blame. And check the reductions (lesson 07): with the pixels averaged and the KL term summed, β is 784
# though no one wrote it down. Then collapse is the minimum, and only another loss helps.
#
# </details>
#
# ## Learned output variance
#
# For grey images one often takes Gaussian pixels: $-\log p(x\mid z) = \sum_i \big[(x_i - y_i)^2 / (2s^2) + \log s + \frac12 \log 2\pi\big]$, with $y$ the decoder's output and $s$ a standard deviation. Lesson 07
# set $s$ by hand and saw that it acts as $\beta = 2 s^2$. It need not be set by hand: $s$ is a parameter of the model like any other, and the likelihood itself says which value is best.
#
# ### Exercise 4: the best deviation
#
# Given images and reconstructions, which $s$ makes the images most likely? Set the derivative with respect to $s$ to zero.


# %% tags=["nbval-check-output"]
def best_sigma(images, reconstruction):
    """The standard deviation s that makes Gaussian pixels around the reconstruction most likely; one number."""
    return ...  # your code


best_sigma = ex.best_sigma.check(best_sigma)


# %% [markdown]
# Put this $s$ back into the likelihood, for each batch anew, and the network trains as if $s$ were learned in every step (Rybkin, Daniilidis and Levine 2021).


# %%
def learned_gaussian_nll(images, reconstruction):
    """Gaussian negative log-likelihood at the best deviation of the batch; (batch,), in nats."""
    squared = ops.square(images - reconstruction)
    variance = ops.mean(squared)
    return ops.sum(squared / (2 * variance) + (ops.log(variance) + np.log(2 * np.pi)) / 2, axis=(1, 2, 3))


def grey_pair(images, rng):
    return images, images


def gaussian_loss(s):
    """Negative log-likelihood of Gaussian pixels with the deviation s."""
    return lambda images, reconstruction: gaussian_nll(images, reconstruction, s)


fixed = {f"s = {s:g}": s for s in budget((1.0, 0.05), quick=(1.0,))}
losses = {name: gaussian_loss(s) for name, s in fixed.items()}
losses["s learned"] = learned_gaussian_nll
gaussian, grey = {}, mnist.x_test[HELD_OUT]
for name, loss in losses.items():
    gaussian[name] = build_dense_vae(20, hidden=(256,), seed=9)
    train(gaussian[name], f"Gaussian, {name}", loss=loss, pair=grey_pair, held_out=grey)

# %%
log_densities = {}
for name, model in gaussian.items():
    own = float(best_sigma(SMALL[:2000], model.predict(SMALL[:2000], batch_size=500, verbose=0)))
    for s in dict.fromkeys([fixed.get(name, own), own]):  # as it was trained, and with the deviation of its residuals
        d, r = elbo(model, grey, 5, nll=gaussian_loss(s))
        log_densities[name, s] = -np.mean(d + r)
        print(f"{name:10} scored with s = {s:.3f}: rate {r.mean():6.2f}, ELBO {-np.mean(d + r):8.1f} nats (a density)")
plotting.image_rows({"test digits": grey[:12], **{n: m.predict(grey[:12], verbose=0) for n, m in gaussian.items()}})

# %% [markdown]
# **What to notice.** With $s = 1$ the model claims errors several times as large as it makes, and pays for the claim: its ELBO is the worst, its rate small. Scored with the deviation of its own residuals (measured on training digits) it does better, but the network itself is worse than the others: in training, a nat of its code cost more than the reconstruction that it saved, so the code stayed small. With $s = 0.05$ it claims to be
# more exact than it is, and buys a high rate. That rate is spent on learning by heart: its loss on test digits is far above that on training digits. The learned $s$ is that of the residuals by construction, and its ELBO is the best, also against the other two with the deviation of their own residuals. These ELBOs are logarithms of *densities*: they may be positive, and they can't be
# compared with the nats of binarised digits.
#
# ## Judging samples: the Fréchet distance
#
# The likelihood judges how test images are explained. Samples are judged in another way: take a classifier, compute the features of many real and of many drawn images, and compare the two clouds. With $m_1, C_1$ and
# $m_2, C_2$ their means and covariances, the squared **Fréchet distance** of the two normal distributions is
#
# $$d^2 = |m_1 - m_2|^2 + \operatorname{tr}\big(C_1 + C_2 - 2\,(C_1 C_2)^{1/2}\big).$$
#
# With the features of the Inception network this is the FID of the literature (Heusel et al. 2017). **Ours are those of a small classifier of MNIST digits: 32 channels, averaged over all positions. The
# values can't be compared with any FID that you have read**, only with each other.

# %%
judge = build_classifier()
judge.compile("adam", loss="sparse_categorical_crossentropy")
judge.fit(SMALL, mnist.y_train[: len(SMALL)], batch_size=64, epochs=3, verbose=0, callbacks=callbacks("judge"))
channels = layers.GlobalAveragePooling2D()(judge.layers[3].output)  # after the second pooling: 32 numbers an image
features = keras.Model(judge.inputs, channels)


def features_of(images):
    return features.predict(images, batch_size=500, verbose=0)


n = budget(5_000, quick=1_000)
real = features_of(mnist.x_test[at_random[:n]])
clouds = {"training\ndigits": features_of(mnist.x_train[:n])}
drawing = {"VAE": models["VAE"], "IWAE": models["IWAE"], "small VAE\nβ = 1": family[1.0]}
drawing |= {f"small VAE\nβ = {max(family):g}": family[max(family)], "collapsed": deep["plain"]}
for name, model in drawing.items():
    codes = rng.standard_normal((n, model.decoder.input_shape[1])).astype("float32")
    clouds[name] = features_of(model.decoder.predict(codes, batch_size=500, verbose=0))

# %%
distances = {name: frechet_distance(cloud, real) for name, cloud in clouds.items()}
names = list(distances)
plotting.bars(
    {name: distances[name] for name in names[:4]},
    "squared Fréchet distance",
    title=f"{n:,} images each against {n:,} test digits; not comparable with FID",
)

# %%
print("not drawn, since beside them the others would be too small to see:")
for name in names[4:]:
    print(f"{distances[name]:.2f}", name.replace("\n", ", "))
seen = clouds["training\ndigits"]
print("\ntraining digits against as many test digits:\ndigits   draws   mean   largest")
for few in (n // 10, n // 4, n):
    values = [frechet_distance(seen[i : i + few], real[i : i + few]) for i in range(0, n, few)]
    print(f"{few:6,} {len(values):7} {np.mean(values):6.3f} {max(values):9.3f}")

# %% [markdown]
# **What to notice.** Training digits are closest to test digits, as they should be, but not at distance zero. Then come the large models, then the small ones, and the collapsed one last. The last lines are a warning:
# the very same comparison comes out larger with fewer images, since their means and covariances are poor, and it varies with the images that were drawn. So compare only values from equally many images, and draw anew before you trust a difference as small as that of the VAE and the IWAE.
#
# And what it cannot tell: the first bar *is* a model that has stored the training digits, and it wins. Distance and likelihood judge different things; give both.
#
# ## What you should see

# %%
source = "Burda, Grosse & Salakhutdinov 2016, table 1, one stochastic layer"
bound_column = "negative bound with k = 5000, all 10,000 test digits"
for name, figure in published.items():
    score = stored[name].mean()
    expect(f"{name}: {bound_column}", score, at_most=float(figure), unit="nats", published=f"{figure} ({source})")
for name in models:
    apart = abs(again[name].mean() - stored[name][some].mean())
    expect(f"{name}: new score against stored score, difference", apart, at_most=budget(0.2, quick=15), unit="nats")
    rise = bound_by_k[name][-1] - bound_by_k[name][0]
    expect(f"{name}: rise of the bound from k = 1 to 1024", rise, at_least=1.0, unit="nats")
for name, units in {"VAE": 19, "IWAE": 25}.items():
    expect(f"active units, {name}", active[name], at_least=15, published=f"{units} (Burda et al., table 1)")

# %%
expect("negative ELBO of the small VAE, worst seed", final.max(), at_most=budget(125, quick=180), unit="nats")
expect("range over the seeds", np.ptp(final), at_most=budget(3, quick=8), unit="nats")
expect(
    "ELBO lost at the largest β",
    rates[-1] + distortions[-1] - sum(points[1.0]),
    at_least=budget(20, quick=3),
    unit="nats",
)
expect("rate of the collapsed VAE", costs["plain"][1], at_most=1.0, unit="nats")
for name in budget(("annealed", "free bits"), quick=("free bits",)):  # annealing takes longer than quick has time for
    gain = sum(costs["plain"]) - sum(costs[name])
    expect(f"ELBO gained over collapse, {name}", gain, at_least=budget(25, quick=2), unit="nats")
learned = max(value for (name, _), value in log_densities.items() if name == "s learned")
gain = learned - max(value for (name, _), value in log_densities.items() if name != "s learned")
expect("ELBO gained by learning s, over the best other score", gain, at_least=0, unit="nats")
expect(
    "squared Fréchet distance, VAE as a multiple of training digits",
    distances["VAE"] / distances["training\ndigits"],
    at_least=budget(5, quick=1),
)
expect(
    "squared Fréchet distance, collapsed VAE as a multiple of the VAE",
    distances["collapsed"] / distances["VAE"],
    at_least=1.5,
)

# %% [markdown]
# ## Summary
#
# - Negative ELBO = distortion + rate: what the image still costs when the code is known, and what the code costs.
# - The importance-weighted bound $L_k$ rises from the ELBO towards $\log p(x)$ as $k$ grows. State $k$, the digits, and the error bar.
# - Compare two models on the same images, by the error of the mean difference, and with the spread over seeds in mind.
# - Collapse shows in the rate and in the active units, not in the shape of the loss curve. Ask whether the loss or the start is to blame.
# - $\beta$ chooses a point on the rate-distortion curve. An output variance can be learned instead of chosen.
# - A Fréchet distance holds within one set of features and one number of images.
#
# ## Pitfalls
#
# - **The mean of logarithms for the logarithm of the mean**: the first is the ELBO, whatever $k$.
# - **Underflow**: never take the exponential of a log-weight before its image's largest one has been subtracted.
# - **Another binarisation**: grey, thresholded or stochastically binarised digits give different nats. Name yours.
# - **Nats of densities beside nats of probabilities**: the two are not on one scale.
# - **A Fréchet distance next to a published FID**: other features, another number.
#
# ## References
#
# - Burda, Grosse and Salakhutdinov, *Importance Weighted Autoencoders*, 2016. [arXiv:1509.00519](https://arxiv.org/abs/1509.00519)
# - Kingma and Welling, *Auto-Encoding Variational Bayes*, 2014. [arXiv:1312.6114](https://arxiv.org/abs/1312.6114)
# - Alemi, Poole, Fischer, Dillon, Saurous and Murphy, *Fixing a Broken ELBO*, 2018. [arXiv:1711.00464](https://arxiv.org/abs/1711.00464)
# - Bowman, Vilnis, Vinyals, Dai, Jozefowicz and Bengio, *Generating Sentences from a Continuous Space*, 2016. [arXiv:1511.06349](https://arxiv.org/abs/1511.06349)
# - Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, *Improving Variational Inference with Inverse Autoregressive Flow*, 2016.
#   [arXiv:1606.04934](https://arxiv.org/abs/1606.04934)
# - Rybkin, Daniilidis and Levine, *Simple and Effective VAE Training with Calibrated Decoders*, 2021. [arXiv:2006.13202](https://arxiv.org/abs/2006.13202)
# - Heusel, Ramsauer, Unterthiner, Nessler and Hochreiter, *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium*, 2017.
#   [arXiv:1706.08500](https://arxiv.org/abs/1706.08500)
