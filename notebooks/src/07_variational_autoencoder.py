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
# # Variational autoencoders
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/autoencoder-course/blob/main/notebooks/07_variational_autoencoder.ipynb)
#
# An autoencoder copies digits. It cannot invent one. Give its code a little noise and its loss one more term, and it can.
#
# **You will learn**
#
# - why random codes of a plain autoencoder decode to scribble
# - how a code becomes a distribution, and how gradients pass through a random draw
# - the ELBO: what its two terms are, and how to write the KL term as a Keras layer
# - what happens when one of the two terms is missing, or is averaged where it should be summed
# - which loss value to expect, in nats, for 2-D and 20-D codes
#
# **You need** Keras models and `fit`, logarithms, the normal distribution, and lesson 01.
# **Time:** 6 to 9 minutes on a 2-core CPU, about a minute in the quick profile
# (Colab's free CPU runtime has two cores as well; not measured there).

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules:  # Colab fetches the course's package and keeps its own TensorFlow and NumPy
    get_ipython().run_line_magic("pip", "install --quiet --no-deps git+https://github.com/OWNER/autoencoder-course")

# %%
import numpy as np
from course_utils import plotting
from course_utils.data import FreshBatches, binarise, load
from course_utils.exercises import lesson_07 as ex
from course_utils.layers import KLDivergence, Sampling
from course_utils.losses import bernoulli_nll, gaussian_nll
from course_utils.metrics import kl_divergence
from course_utils.models import build_dense_autoencoder, build_dense_vae
from course_utils.training import budget, callbacks, expect, setup

import keras
import tensorflow as tf
from keras import layers, ops

setup(seed=7)
mnist = load("mnist")

# %% [markdown]
# ## Failure first: random codes of a plain autoencoder
#
# Let us try the obvious thing. We train a plain autoencoder with a code of two numbers, $z = (z_1, z_2)$. Its loss is
# the cross-entropy between image and reconstruction, summed over the pixels (`bernoulli_nll`, explained below). Then we throw
# the encoder away, draw random codes from the standard normal distribution $\mathcal N(0, I)$, and decode them. ($I$ is the unit
# matrix: two independent numbers, each with mean 0 and variance 1.) If that gave digits, we would be done.

# %%
BATCH = budget(128, quick=64)

plain = build_dense_autoencoder(2, hidden=(256, 128), activation="gelu")
plain.compile("adam", loss=bernoulli_nll)
history = plain.fit(
    mnist.x_train,
    mnist.x_train,
    batch_size=budget(256, quick=64),
    epochs=budget(4, quick=2),
    validation_data=(mnist.x_test, mnist.x_test),
    verbose=0,
    callbacks=callbacks("plain autoencoder, 2-D"),
)

# %%
rng = np.random.default_rng(7)
prior_codes = rng.standard_normal((12, 2)).astype("float32")
plain_codes = plain.encoder.predict(mnist.x_test, verbose=0)
plotting.image_rows(
    {
        "test digits": mnist.x_test[:12],
        "decoded codes\nof these digits": plain.decoder.predict(plain_codes[:12], verbose=0),
        "decoded codes\nfrom N(0, I)": plain.decoder.predict(prior_codes, verbose=0),
    }
)

# %% [markdown]
# **What to notice.** The codes of real digits decode to something like those digits. Two numbers are not much for a digit, yet
# most can be made out. The random codes in the last row decode to scribble.
# The decoder is not broken. It was never asked about these codes. The map of the codes shows why.

# %%
CIRCLE = np.sqrt(-2 * np.log(0.05))  # the radius that holds 95% of N(0, I) in the plane
plotting.latent_maps({"codes of test digits, plain autoencoder": plain_codes}, mnist.y_test, unit="z", circle=CIRCLE)


# %%
def codes_in_circle(codes):
    """Share of the codes inside the circle that holds 95% of N(0, I)."""
    return np.mean(np.linalg.norm(codes, axis=1) < CIRCLE)


print(f"z1 from {plain_codes[:, 0].min():.1f} to {plain_codes[:, 0].max():.1f}")
print(f"z2 from {plain_codes[:, 1].min():.1f} to {plain_codes[:, 1].max():.1f}")
print(f"in the circle: {codes_in_circle(plain_codes):.1%} of the test digits' codes, 95% of N(0, I)")

# %% [markdown]
# **What to notice.** Each dot is a test digit, in its digit's colour; the number stands at the median of its dots. The black circle
# holds 95% of $\mathcal N(0, I)$: that is where our random codes came from. Hardly any digit lives there. The codes spread as far as they like,
# and no one could have told you the range before training. Some digits crowd together, others leave room between them, and what the
# decoder makes of that room is anyone's guess.
#
# Nothing in the loss says *where* codes should lie, nor that the space between two codes should mean anything. So random
# codes can't work, however long we train. We need two things: a place where codes are expected, and no gaps in it.
#
# ## A code is a distribution
#
# A **variational autoencoder** (VAE) gives both. Its encoder does not return a point. For an image $x$ it returns
# a normal distribution over codes,
#
# $$q(z \mid x) = \mathcal N\big(\mu(x),\ \sigma^2(x)\big),$$
#
# with a **mean** $\mu_j$ and a variance $\sigma_j^2$ for each of the $d$ numbers $j$ of the code, its *latent dimensions*. They are independent of each other. The
# decoder gets a random draw $z$ from it. So all codes near $\mu$ must decode to something like $x$: that fills the gaps, as long as $\sigma$ is not
# tiny. And we ask each $q(z\mid x)$ to stay close to one fixed distribution, the **prior** $p(z) = \mathcal N(0, I)$: that fixes the place, and it
# keeps $\sigma$ from shrinking to nothing.
#
# ```
# image x ──▶ encoder ──▶ mean, log_var ──▶ draw z ──▶ decoder ──▶ reconstruction
#                               │                                        │
#                      KL term: close to                       reconstruction term:
#                      the prior?                              close to x?
# ```
#
# A variance must be positive, and a network's output may be anything. So the encoder returns the **log-variance**
# $\log\sigma^2$, which may be anything too. In this course the two are always called `mean` and `log_var`.

# %%
LATENT_DIM = 2

images = keras.Input((28, 28, 1))
x = layers.Flatten()(images)
for width in 512, 256, 128:
    x = layers.Dense(width, "gelu")(x)
mean = layers.Dense(LATENT_DIM, name="mean")(x)
log_var = layers.Dense(LATENT_DIM, name="log_var")(x)
encoder = keras.Model(images, [mean, log_var], name="encoder")

x = codes = keras.Input((LATENT_DIM,))
for width in 128, 256, 512:
    x = layers.Dense(width, "gelu")(x)
x = layers.Dense(784, "sigmoid")(x)
decoder = keras.Model(codes, layers.Reshape((28, 28, 1))(x), name="decoder")

# %% tags=["nbval-check-output"]
print("encoder:", [tuple(output.shape) for output in encoder.outputs], f"{encoder.count_params():,} parameters")
print("decoder:", tuple(decoder.output.shape), f"{decoder.count_params():,} parameters")

# %% [markdown]
# ## The reparametrisation trick
#
# There is a catch. The encoder learns by gradient descent, and between encoder and decoder now stands a random draw.
# How does the loss change if $\mu$ grows a little? Let us ask TensorFlow. We take the toy loss
# $\mathbb E[z^2]$ with $z \sim \mathcal N(\mu, \sigma^2)$, since we know it: $\mathbb E[z^2] = \mu^2 + \sigma^2$, so its
# derivative by $\mu$ is $2\mu$, and by $\log\sigma^2$ it is $\sigma^2$. First with a plain draw:

# %% tags=["nbval-check-output"]
mu, log_sigma2 = tf.Variable(1.5), tf.Variable(np.log(0.25), dtype=tf.float32)

with tf.GradientTape() as tape:
    draws = np.random.default_rng(0).normal(mu, np.exp(log_sigma2 / 2), size=100_000)
    loss = tf.reduce_mean(tf.constant(draws) ** 2)
print("gradients of a plain draw:", tape.gradient(loss, [mu, log_sigma2]))

# %% [markdown]
# `None`: no path leads from the loss back to the parameters. A draw is a number, and numbers don't remember where they came
# from. The **reparametrisation trick** puts the randomness aside. Draw noise $\varepsilon \sim \mathcal N(0, I)$ that
# depends on nothing, and compute the code from it:
#
# $$z = \mu + \sigma\,\varepsilon, \qquad \sigma = \exp\!\big(\tfrac12 \log\sigma^2\big).$$
#
# The distribution of $z$ is the same as before. But now $z$ is an ordinary function of $\mu$ and $\log\sigma^2$: if $\mu$ grows by a
# little, the code grows by as much.
#
# ### Exercise 1: reparametrise
#
# Write that one line with `keras.ops` (`ops.exp`), through which gradients pass. `ex.reparametrise.hint()` and `ex.reparametrise.solution()` help.


# %% tags=["nbval-check-output"]
def reparametrise(mean, log_var, noise):
    """Code with the given mean and log-variance, made from standard normal noise; all (batch, latent_dim)."""
    return ...  # your code


reparametrise = ex.reparametrise.check(reparametrise)

# %% tags=["nbval-check-output"]
with tf.GradientTape() as tape:
    noise = tf.constant(np.random.default_rng(0).standard_normal(100_000), dtype=tf.float32)
    loss = tf.reduce_mean(reparametrise(mu, log_sigma2, noise) ** 2)
by_mean, by_log_var = tape.gradient(loss, [mu, log_sigma2])
print(f"by the mean:         {by_mean:.1f}  (exact: {2 * 1.5:.1f})")
print(f"by the log-variance: {by_log_var:.2f} (exact: {0.25:.2f})")

# %% [markdown]
# The gradients are there, and they are right. The package's layer `Sampling` does exactly this, with its own random state.
#
# ## The loss: the ELBO
#
# What should we maximise? The model says: draw a code $z$ from the prior $p(z)$, then an image $x$ from the decoder's
# distribution $p(x\mid z)$. We would like the images that we have to be likely: $\log p(x)$ should be large, where
# $p(x) = \int p(x\mid z)\,p(z)\,dz$. We can't compute that integral over all codes: for almost all of them $p(x \mid z)$ is practically
# zero. It would help to know which codes could have made this image. That is the **posterior** $p(z\mid x)$, and
# $q(z\mid x)$, the encoder's answer, is our approximation of it.
#
# How far apart are two distributions? Their **Kullback-Leibler divergence** is the mean difference of their logarithms,
# $\mathrm{KL}[q\,\|\,p] = \mathbb E_q[\log q - \log p]$. It is never negative, and zero only if the two are the same. Since
# $p(x) = p(x\mid z)\,p(z)\,/\,p(z\mid x)$ for every $z$, we may take logarithms, add and subtract $\log q(z \mid x)$, and average over $q$:
#
# $$\log p(x) = \underbrace{\mathbb E_{q}\big[\log p(x\mid z)\big]}_{\text{reconstruction}}
# \ -\ \underbrace{\mathrm{KL}\big[q(z\mid x)\,\|\,p(z)\big]}_{\text{KL term}}
# \ +\ \underbrace{\mathrm{KL}\big[q(z\mid x)\,\|\,p(z\mid x)\big]}_{\ge\, 0}.$$
#
# The last term we can't compute, but it isn't negative. What stands before it is therefore a lower bound of $\log p(x)$, the **evidence lower bound** (ELBO).
# Its first term wants codes that explain their image: precise and far apart. The second wants codes that look like the prior: vague and near zero.
# The loss is the negative ELBO, in **nats** per image (units of the natural logarithm).
#
# **Reconstruction.** We treat a pixel as a coin. The image $x$ is black and white, $x_i \in \{0, 1\}$, and the decoder's
# output $y_i$ is the probability that pixel $i$ is white. Then
#
# $$-\log p(x\mid z) = -\sum_i \big[x_i\log y_i + (1-x_i)\log(1-y_i)\big],$$
#
# which is binary cross-entropy, *summed* over the pixels. The course calls it `bernoulli_nll`. MNIST's grey values become
# black and white by drawing each pixel anew, white with a probability equal to its grey value. We do so freshly for each batch, which also
# works against overfitting (Salakhutdinov and Murray 2008). The test digits are drawn once.
#
# **KL term.** For two normal distributions the mean in it has a closed form (Kingma and Welling 2014, appendix B):
#
# $$\mathrm{KL}\big[q(z\mid x)\,\|\,\mathcal N(0, I)\big] = \frac12\sum_{j=1}^{d}\big(\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2\big).$$
#
# ### Exercise 2: the KL term
#
# Write it with `keras.ops`: `ops.sum`, `ops.square`, `ops.exp`. Sum over the latent dimensions, not over the batch.


# %% tags=["nbval-check-output"]
def kl_term(mean, log_var):
    """KL[N(mean, exp(log_var)) || N(0, I)] of each image, in nats; shape (batch,)."""
    return ...  # your code


kl_term = ex.kl_term.check(kl_term)

# %% [markdown]
# How does each dimension's cost depend on its mean and its variance? The formula holds for any, so let us draw it.

# %%
spread = np.linspace(-3, 3, 61).astype("float32")[:, np.newaxis]
zeros = np.zeros_like(spread)
plotting.curves(
    {
        "mean from -3 to 3, variance 1": ops.convert_to_numpy(kl_term(spread, zeros)),
        "log-variance from -3 to 3, mean 0": ops.convert_to_numpy(kl_term(zeros, spread)),
    },
    xlabel="value of the mean, or of the log-variance",
    ylabel="KL term of one dimension (nats)",
    x=spread.ravel(),
)

# %% [markdown]
# **What to notice.** Both curves touch zero in one point only, where the code *is* the prior. A mean that strays costs
# quadratically. On the curve of the log-variance the left side is the cheap one: each further unit of precision costs about half a nat. That is
# the price at which the encoder buys detail.
#
# ### Exercise 3: the KL layer
#
# Now build the layer that makes a VAE of an autoencoder. It receives `(mean, log_var)`, adds the KL term to the model's
# loss, averaged over the batch, and returns what it received. Inside `call`, `self.add_loss(value)` hands Keras one number, which it adds
# to the loss that you name in `compile`. Your `kl_term` gives one number an image.


# %% tags=["nbval-check-output"]
class KLLayer(keras.layers.Layer):
    """Adds the KL term, averaged over the batch, to the model's loss and passes (mean, log_var) on."""

    def call(self, inputs):
        mean, log_var = inputs
        ...  # your code: self.add_loss(...)
        return ...  # your code


KLLayer = ex.KLLayer.check(KLLayer)

# %% [markdown]
# The package has the same layer, with a weight $\beta$ (more of it soon) and the name `KLDivergence`. Do the two agree?

# %% tags=["nbval-check-output"]
example = [np.array([[3.0, 4.0], [0.0, 0.0]], "float32"), np.zeros((2, 2), "float32")]
for layer in KLLayer(), KLDivergence():
    layer(example)
    print(f"{float(layer.losses[0]):.4f} nats per image")

# %% [markdown]
# ## Train it
#
# The whole VAE is now its encoder, your layer, the sampling and its decoder. It trains with plain `compile` and `fit`. Two things
# around it are new. `FreshBatches` calls `binarised_pair` on the images of each batch, so that they are binarised anew every time. And
# the learning rate follows a schedule, because a VAE's last nats come from small steps: up from zero for half an epoch, then down again along a cosine.


# %%
def binarised_pair(images, rng):
    """Black-and-white images, as input and as target."""
    drawn = binarise(images, rng)
    return drawn, drawn


def optimizer(epochs, batches, peak=2e-3):
    """Adam whose learning rate rises during half an epoch and then falls to zero as a cosine."""
    warmup = batches // 2
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, epochs * batches - warmup, warmup_target=peak, warmup_steps=warmup
    )
    return keras.optimizers.Adam(schedule)


x_test = binarise(mnist.x_test, np.random.default_rng(1))

# %%
epochs = budget(12, quick=3)
batches = FreshBatches(mnist.x_train, binarised_pair, batch_size=BATCH, seed=7)

mean, log_var = KLLayer()(encoder(images))
vae_2d = keras.Model(images, decoder(Sampling(seed=7)([mean, log_var])), name="vae")
vae_2d.compile(optimizer(epochs, len(batches)), loss=bernoulli_nll)
history_2d = vae_2d.fit(
    batches, epochs=epochs, validation_data=(x_test, x_test), verbose=0, callbacks=callbacks("VAE, 2-D")
)

# %%
plotting.curves(
    {"training digits": history_2d.history["loss"], "test digits": history_2d.history["val_loss"]},
    xlabel="epoch",
    ylabel="negative ELBO (nats per image)",
    title="VAE with a 2-D code",
)

# %% [markdown]
# **What to notice.** The two curves fall together: fresh binarisation leaves little to overfit. (A training value is the mean over its
# epoch, a test value is taken at the epoch's end. That is why the training curve starts above.) Most of the gain comes early, the last nats
# come slowly.
#
# A code is a distribution now. Here are $q(z \mid x)$ of some test digits, each as an ellipse of one standard deviation.

# %%
q_mean, q_log_var = encoder.predict(x_test, batch_size=500, verbose=0)
some = slice(0, 150)
plotting.gaussians_on_map(
    q_mean[some], q_log_var[some], mnist.y_test[some], circle=CIRCLE, title="q(z|x) of 150 test digits"
)

# %%
print(f"in the circle: {codes_in_circle(q_mean):.1%} of the test digits' mean codes, 95% of N(0, I)")
print(f"mean standard deviation of q(z|x): {np.exp(q_log_var / 2).mean():.2f}")

# %% [markdown]
# **What to notice.** The digits have moved into the prior's circle, or close to it. Each ellipse is a region
# that belongs to its image. Only 150 are drawn; those of all the other digits lie between them. Where ellipses overlap, the decoder has to
# compromise, so similar digits become neighbours. Ellipses are small in the crowd and larger at the rim, where a digit has the place to itself.
#
# ## The two terms compete
#
# What is each term good for? Take one away and see. We train one VAE with the reconstruction only
# ($\beta = 0$, where $\beta$ is the factor of the KL term) and one with the KL term only (`loss_weights=0` switches the reconstruction off).
# `build_dense_vae` is the package's version of what we just built by hand. These two, and all short trainings
# below, have a single hidden layer of 256 units and few epochs: enough to see what happens.

# %%
SHORT = budget(2, quick=2)


def train(vae, name, images=mnist.x_train, loss=bernoulli_nll, pair=binarised_pair, epochs=SHORT, weight=1.0):
    """Compiles and fits a VAE on fresh batches; returns it."""
    batches = FreshBatches(images, pair, batch_size=budget(256, quick=64), seed=7)
    vae.compile(optimizer(epochs, len(batches)), loss=loss, loss_weights=weight)
    vae.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks(name))
    return vae


reconstruction_only = train(build_dense_vae(2, hidden=(256,), beta=0.0, seed=7), "reconstruction only")
kl_only = train(build_dense_vae(2, hidden=(256,), seed=7), "KL term only", weight=0.0, epochs=1)


# %% [markdown]
# For the maps we draw one code for each test digit, $z \sim q(z\mid x)$, as the decoder would receive it.


# %% tags=["picture"]
def draw_codes(encoder, images, seed=0):
    """One draw from q(z|x) for each image, with its mean and log-variance."""
    mean, log_var = encoder.predict(images, verbose=0)
    noise = np.random.default_rng(seed).standard_normal(mean.shape).astype("float32")
    return ops.convert_to_numpy(reparametrise(mean, log_var, noise)), mean, log_var


encoders = {
    "reconstruction only": reconstruction_only.encoder,
    "KL term only": kl_only.encoder,
    "both: the ELBO": encoder,
}
maps = {title: draw_codes(model, x_test)[0] for title, model in encoders.items()}
plotting.latent_maps(maps, mnist.y_test, unit="z", circle=CIRCLE)

# %%
decoders = {
    "reconstruction only": reconstruction_only.decoder,
    "KL term only": kl_only.decoder,
    "both: the ELBO": decoder,
}
plotting.image_rows({title: model.predict(prior_codes, verbose=0) for title, model in decoders.items()})

# %% [markdown]
# **What to notice.** The black circle is the same in all three maps; mind their axes.
#
# - *Reconstruction only*: irregular. The codes spread far beyond the prior, crowded here and empty there. It is a plain
#   autoencoder again, and its decoded random codes look like those at the top of this lesson.
# - *KL term only*: a perfect normal distribution, and no information at all. Every digit has the same $q(z\mid x)$, so all
#   colours mix. (The names of the digits belong to the centre, all ten; they are drawn side by side to be read.) The decoder was never trained.
# - *Both*: regular. The cloud has the size of the prior, and most digits have a region of their own. Most random codes
#   decode to a digit, and the others to something between two.
#
# Why does the noise alone not fill the gaps? Look at the standard deviation that each encoder chose.

# %%
for title, model in encoders.items():
    drawn, q_mean, q_log_var = draw_codes(model, x_test)
    kl, sigma = float(ops.mean(kl_divergence(q_mean, q_log_var))), np.exp(q_log_var / 2).mean()
    print(f"{title:20} KL {kl:7.2f} nats, codes spread over {drawn.std(axis=0).mean():5.2f}, noise {sigma:.3f}")

# %% [markdown]
# **What to notice.** Without a KL term, noise only disturbs. The encoder makes it small and moves the codes far apart, until the noise is
# a tiny part of the spread. With the KL term both cost nats. The KL term of the ELBO is an upper bound on how much a code tells
# about its image, and the model pays for every nat of it.
#
# ## Sum or mean: how a reduction changes β
#
# Many VAEs in the wild use `loss="binary_crossentropy"` together with a summed KL term. Keras *averages* this loss over the
# pixels. Let $R$ be the reconstruction term summed over all 784 pixels and $K$ the KL term summed over the $d$
# latent dimensions. Then the loss in use is $R/784 + K$. Others average $K$ over the latent dimensions, with the sum or with the mean of the pixels. A constant factor doesn't move a minimum.
# So each of these losses has the same minimum as $R + \beta K$ with some $\beta$: it is a $\beta$-VAE, though nobody asked for one.
#
# ### Exercise 4: the effective β
#
# Which $\beta$? And before you run the cells below: what do you expect of each of the four VAEs?


# %% tags=["nbval-check-output"]
def effective_beta(pixels, latents):
    """β of the equivalent loss R + β K, if R was divided by `pixels` and K by `latents` (1: summed, not averaged)."""
    return ...  # your code


effective_beta = ex.effective_beta.check(effective_beta)

# %% tags=["nbval-check-output"]
reductions = {  # what the reconstruction and the KL term were divided by
    "sum, sum": (1, 1),
    "mean, sum": (784, 1),
    "mean, mean": (784, 20),
    "sum, mean": (1, 20),
}
for name, (pixels, latents) in reductions.items():
    print(f"reconstruction and KL by {name:10}: β = {effective_beta(pixels, latents):g}")

# %% [markdown]
# We train a 20-D VAE with each of the four, exactly as the mistake is made: stock cross-entropy for "mean", and the KL layer's
# weight set to 1/20 where the KL term is averaged. Afterwards we measure all four with the same ruler: $R$ and $K$ on the test digits, both summed.


# %%
def elbo_terms(vae, images):
    """Reconstruction and KL term of the negative ELBO, both summed, in nats per image."""
    vae.compile(loss=bernoulli_nll)
    result = vae.evaluate(images, images, batch_size=500, verbose=0, return_dict=True)
    return result["loss"] - vae.kl_divergence.weight * result["kl"], result["kl"]


terms = {}
for name, (pixels, latents) in reductions.items():
    model = build_dense_vae(20, hidden=(256,), beta=1 / latents, seed=7)
    loss = bernoulli_nll if pixels == 1 else "binary_crossentropy"
    terms[name] = elbo_terms(train(model, f"reductions: {name}", loss=loss), x_test)

# %%
average_digit = np.broadcast_to(mnist.x_train.mean(axis=0), x_test.shape)
print(f"R of the average training digit, whatever the image: {np.mean(bernoulli_nll(x_test, average_digit)):.1f} nats")
plotting.bars(
    {
        "reconstruction R": [r for r, _ in terms.values()],
        "KL term K": [k for _, k in terms.values()],
        "negative ELBO, R + K": [r + k for r, k in terms.values()],
    },
    "nats per image, test digits",
    groups=[f"{name}\nβ = {effective_beta(*divisors):g}" for name, divisors in reductions.items()],
    title="the same VAE with four reductions of R and K",
)

# %% [markdown]
# **What to notice.** With the pixels averaged and the KL term summed, $K$ is next to zero: the code carries nothing, and $R$ is no better than that of
# the average digit. The encoder answers with the prior, whatever the image. This is **posterior collapse**, here made by a reduction. Averaging both is no
# cure: β is still far above one. Averaging only the KL term does the reverse: $K$ grows by far more than $R$ falls, so the ELBO loses.
# Nothing crashes, and no loss looks wrong by itself. Watch `kl` while you train, and compare in nats per image.
#
# So this course sums over pixels and over latent dimensions, and averages over the batch only.
#
# <details><summary><b>Question:</b> with the pixels averaged, would a larger learning rate help?</summary>
#
# No. The minimum itself has moved: at β = 784 a nat of the code must save 784 nats of reconstruction to be worth
# its price. All there is to save is the average digit's R, about 200 nats. Adam rescales the gradient anyway, so the loss's overall scale hardly matters to it;
# the ratio of the two terms does.
#
# </details>
#
# ## Binary cross-entropy or Gaussian likelihood?
#
# The decoder's distribution $p(x\mid z)$ is a choice. For grey pixels one may take a normal distribution around the decoder's output $y$,
# with a standard deviation $s$ that is ours to set:
#
# $$-\log p(x\mid z) = \sum_i \Big[\frac{(x_i - y_i)^2}{2 s^2} + \log s + \tfrac12\log 2\pi\Big].$$
#
# The squared error, then, with a factor $1/(2s^2)$, and a constant. Multiply the loss by $2s^2$: the summed squared error is left, and the KL
# term has $\beta = 2s^2$. Choosing $s$ is choosing $\beta$ once more. (The code calls $s$ `sigma`; it has nothing to do with the code's $\sigma$.)


# %%
def grey_pair(images, rng):
    """Grey images, as input and as target."""
    return images, images


def narrow_gaussian_nll(images, reconstruction):
    return gaussian_nll(images, reconstruction, sigma=0.2)


likelihoods = {
    "cross-entropy\non grey": bernoulli_nll,
    "Gaussian, s = 1": gaussian_nll,
    "Gaussian, s = 0.2": narrow_gaussian_nll,
}
rows = {"test digits": mnist.x_test[:12]}
for name, loss in likelihoods.items():
    model = build_dense_vae(20, hidden=(256,), seed=7)
    title = name.replace("\n", " ")
    train(model, title, loss=loss, pair=grey_pair)
    rows[name] = model.predict(mnist.x_test, batch_size=500, verbose=0)[:12]
    kl = model.evaluate(mnist.x_test, mnist.x_test, batch_size=500, verbose=0, return_dict=True)["kl"]
    print(f"{title}: KL term {kl:.1f} nats")
plotting.image_rows(rows)

# %% [markdown]
# **What to notice.** With $s = 1$ each pixel may be off by a whole grey scale, so there is little to gain from a precise code:
# the KL term is small and the digits blur towards an average. With $s = 0.2$ the same squared error weighs 25 times
# as much, the code carries many more nats, and each digit keeps its shape. Cross-entropy lies between the two here.
#
# Do not compare the three losses with each other. A Gaussian is a density over grey values, which may exceed one, so its negative logarithm may fall below zero.
# A coin's is a probability. Their nats have different zeros. Cross-entropy on grey values is no likelihood at all, just a loss that works well.
# That is why all bounds in this course are on *binarised* digits.
#
# ## Two dimensions or twenty?
#
# A 2-D code can be drawn on paper. A 20-D code can say more. It needs less twisting by the networks, so we give it two hidden layers instead of three, and
# somewhat more epochs with larger steps. (In our trials three layers were worse here, and two were worse in 2-D.)

# %%
epochs = budget(15, quick=4)
vae_20d = build_dense_vae(20, hidden=(512, 256), seed=7)
vae_20d.compile(optimizer(epochs, len(batches), peak=3e-3), loss=bernoulli_nll)
history_20d = vae_20d.fit(
    batches, epochs=epochs, validation_data=(x_test, x_test), verbose=0, callbacks=callbacks("VAE, 20-D")
)

# %%
wide_codes = np.random.default_rng(7).standard_normal((12, 20)).astype("float32")
plotting.image_rows(
    {
        "binarised digits": x_test[:12],
        "2-D": vae_2d.predict(x_test[:12], verbose=0),
        "20-D": vae_20d.predict(x_test[:12], verbose=0),
        "2-D from N(0, I)": decoder.predict(prior_codes, verbose=0),
        "20-D from N(0, I)": vae_20d.decoder.predict(wide_codes, verbose=0),
    }
)

# %%
kl_2d = float(ops.mean(kl_divergence(*encoder.predict(x_test, verbose=0))))
kl_20d = history_20d.history["val_kl"][-1]
losses = {"2-D": history_2d.history["val_loss"][-1], "20-D": history_20d.history["val_loss"][-1]}
plotting.bars(
    {
        "reconstruction R": [losses["2-D"] - kl_2d, losses["20-D"] - kl_20d],
        "KL term K": [kl_2d, kl_20d],
        "negative ELBO": list(losses.values()),
    },
    "nats per image, test digits",
    groups=losses,
    title="R + K = negative ELBO",
)

# %% [markdown]
# **What to notice.** A code of twenty numbers carries several times as many nats. The KL term charges for each of them, and the
# reconstruction gains more than that: the digits keep their own handwriting. The random samples tell another story. In 2-D most samples look like a digit, if a
# blurred one. In 20-D the strokes are sharper, and more of the samples are no digit: the better ELBO does not make
# every random code a good one. Lesson 08 counts them, and draws the whole plane of 2-D codes.
#
# ## What you should see
#
# The ELBO of binarised test digits, one draw of the code per digit. The published figure is the log-likelihood of a VAE with a 50-D code, estimated with
# many draws for each image. An ELBO lies below the log-likelihood, by the KL divergence between $q$ and the posterior. Lesson 09 measures how far.


# %%
def test_elbo(vae):
    """ELBO of the binarised test digits, with one draw of the code each, in nats per image."""
    return -vae.evaluate(x_test, x_test, batch_size=500, verbose=0, return_dict=True)["loss"]


published = "log-likelihood -86.76 nats, 50-D code (Burda, Grosse & Salakhutdinov 2016, table 1)"
expect(
    "ELBO, 2-D code, binarised test digits",
    test_elbo(vae_2d),
    at_least=budget(-140, quick=-195),
    unit="nats",
)
expect(
    "ELBO, 20-D code, binarised test digits",
    test_elbo(vae_20d),
    at_least=budget(-95, quick=-150),
    unit="nats",
    published=published,
)

# %%
collapsed, right = terms["mean, sum"], terms["sum, sum"]
expect("KL term with pixels averaged (collapse)", collapsed[1], at_most=1.0, unit="nats")
expect("ELBO lost by averaging the pixels", sum(collapsed) - sum(right), at_least=budget(60, quick=15), unit="nats")

# %% [markdown]
# ## Summary
#
# - A plain autoencoder's codes lie anywhere, with gaps. Its decoder knows nothing about random codes.
# - A VAE's encoder returns `mean` and `log_var`. The code is drawn as mean + exp(log_var / 2) · noise, so gradients pass.
# - The loss is reconstruction plus KL term: precise codes against codes like the prior. Neither alone gives a generator.
# - Sum over pixels and latent dimensions, average over the batch. Anything else is a different $\beta$.
#
# ## Pitfalls
#
# - **A mean over pixels** multiplies $\beta$ by their number. If your KL term falls to zero, look there first.
# - **Variance, standard deviation, log-variance**: the encoder returns $\log\sigma^2$. Halve it before you take the exponential.
# - **Grey digits with a Bernoulli loss** train well but give no log-likelihood. Binarise before you quote nats.
# - **Images in 0 to 255** make the Bernoulli loss meaningless. Divide by 255.
# - **Averaging after summing**: 784 in one loss and 1 in another can't be compared. Always say: nats per image.
#
# ## References
#
# - Kingma and Welling, *Auto-Encoding Variational Bayes*, 2014. [arXiv:1312.6114](https://arxiv.org/abs/1312.6114)
# - Rezende, Mohamed and Wierstra, *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*, 2014.
#   [arXiv:1401.4082](https://arxiv.org/abs/1401.4082)
# - Higgins et al., *β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework*, 2017.
#   [OpenReview](https://openreview.net/forum?id=Sy2fzU9gl)
# - Burda, Grosse and Salakhutdinov, *Importance Weighted Autoencoders*, 2016. [arXiv:1509.00519](https://arxiv.org/abs/1509.00519)
# - Salakhutdinov and Murray, *On the Quantitative Analysis of Deep Belief Networks*, 2008.
#   [doi:10.1145/1390156.1390266](https://doi.org/10.1145/1390156.1390266)
