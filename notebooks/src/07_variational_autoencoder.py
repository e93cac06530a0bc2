# ---
# jupyter:
#   course: {reading: 45, doing: 60, explorer: true}
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
# An autoencoder copies digits. Ask it to invent one from random numbers, and it scribbles. Give its code a little noise and its loss one more term, and it can.
#
# **You will learn**
#
# - why random codes of a plain autoencoder decode to scribble, and what it takes to make them work
# - how a code becomes a distribution, and how gradients pass through a random draw
# - the ELBO: what its two terms are, and how to write the KL term as a Keras layer
# - what happens when one of the two terms is missing, or is averaged where it should be summed
# - which loss value to expect, in nats, for 2-D and 20-D codes, and why the better value need not draw the better digits
#
# **You need** Keras models and `fit`, logarithms, the normal distribution, and lesson 01.

# %%
import numpy as np
from course_utils import plotting  # before Keras: it silences TensorFlow's start-up notices
from course_utils.batches import FreshBatches, binarise, predict_in_batches
from course_utils.data import load
from course_utils.exercises import lesson_07 as ex
from course_utils.layers import KLDivergence, Sampling
from course_utils.lesson import budget, expect, setup
from course_utils.losses import bernoulli_nll, gaussian_nll
from course_utils.metrics import kl_divergence, mutual_information, negative_elbo_terms
from course_utils.models import build_dense_autoencoder, build_dense_vae
from course_utils.training import callbacks, fast

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
#
# Five words of the course's package come back throughout. `budget(4, quick=2)` is 4 in the full profile and 2 in the quick one, which uses
# fewer digits and shorter trainings. `callbacks(name)` shows a progress bar and lets an interrupted fit go on where it stopped. `fast(model)` sets how
# `compile` makes the training quick on your machine; the results don't depend on it. `predict_in_batches(model, x)` is Keras's `model.predict(x)` with less to do at each call. `expect`, at the end, holds a number to a bound.
# What we watch while training are 5,000 training digits held back, `mnist.x_valid`. Test digits are shown and measured, and nothing is chosen by them.

# %%
plain = build_dense_autoencoder(2, hidden=(256, 128), activation="gelu")
plain.compile("adam", loss=bernoulli_nll, **fast(plain))
plain_history = plain.fit(
    mnist.x_train,
    mnist.x_train,
    batch_size=budget(250, quick=64),
    epochs=budget(4, quick=2),
    validation_data=(mnist.x_valid, mnist.x_valid),
    verbose=0,
    callbacks=callbacks("plain autoencoder, 2-D"),
)

# %%
rng = np.random.default_rng(7)
prior_codes = rng.standard_normal((12, 2)).astype("float32")
plain_codes = predict_in_batches(plain.encoder, mnist.x_test)
plotting.image_rows(
    {
        "test digits": mnist.x_test[:12],
        "decoded codes\nof these digits": predict_in_batches(plain.decoder, plain_codes[:12]),
        "decoded codes\nfrom N(0, I)": predict_in_batches(plain.decoder, prior_codes),
    }
)

# %% [markdown]
# **What to notice.** The codes of real digits decode to digits, though not always to the right one: two numbers are not much, and here some 4s and a 5 come out as 9s. The random codes in the last row decode to scribble.
# The decoder is not broken. It was never asked about these codes. The map of the codes shows why.

# %%
CIRCLE = np.sqrt(-2 * np.log(0.05))  # the radius that holds 95% of N(0, I) in the plane
plotting.latent_maps({"codes of test digits, plain autoencoder": plain_codes}, mnist.y_test, symbol="z", circle=CIRCLE)


# %%
def codes_in_circle(codes):
    """Share of the codes inside the circle that holds 95% of N(0, I)."""
    return np.mean(np.linalg.norm(codes, axis=1) < CIRCLE)


print(f"z1 from {plain_codes[:, 0].min():.1f} to {plain_codes[:, 0].max():.1f}")
print(f"z2 from {plain_codes[:, 1].min():.1f} to {plain_codes[:, 1].max():.1f}")
print(f"in the circle: {codes_in_circle(plain_codes):.1%} of the test digits' codes, 95% of N(0, I)")

# %% [markdown]
# **What to notice.** Each dot is a test digit, in its digit's colour; the number stands at the median of its dots. The black circle
# holds 95% of $\mathcal N(0, I)$: that is where our random codes came from. Next to no digit lives there. So the failure above says
# little: we looked for digits where none are. Let us be fair and draw where the codes *are*, from a normal distribution with the mean and
# the covariance of the training digits' codes.

# %%
train_codes = predict_in_batches(plain.encoder, mnist.x_train)
fitted_codes = rng.multivariate_normal(train_codes.mean(axis=0), np.cov(train_codes.T), 12).astype("float32")
plotting.image_rows({"decoded codes from\na fitted normal": predict_in_batches(plain.decoder, fitted_codes)})

# %% [markdown]
# **What to notice.** Many of these look like digits. A plain autoencoder *can* draw digits, once someone looks where its codes
# have gone and fits a distribution to them. Lesson 08 does so with more care and counts what comes out. What is missing is something else:
#
# - The place. No one could have told the range of the codes before training, and a normal distribution fits them badly: some
#   digits crowd together, others leave room, and what the decoder makes of that room was never trained.
# - A number. How probable is a given image? An autoencoder has no answer, so two of them can't be compared as models of digits.
#
# We want a model in which the distribution of codes is part of the training, and which assigns a probability to an image (or at least a bound on it, as we shall see).
#
# ## A code is a distribution
#
# A **variational autoencoder** (VAE) gives both. Its encoder does not return a point. For an image $x$ it returns
# a normal distribution over codes,
#
# $$q(z \mid x) = \mathcal N\big(\mu(x),\ \sigma^2(x)\big),$$
#
# with a **mean** $\mu_j$ and a variance $\sigma_j^2$ for each of the $d$ numbers $j$ of the code, its *latent dimensions*. They are independent of each other. The
# decoder gets a random draw $z$ from it. So all codes near $\mu$ must decode to something like $x$, as long as $\sigma$ is not
# tiny. And we ask each $q(z\mid x)$ to stay close to one fixed distribution, the **prior** $p(z) = \mathcal N(0, I)$: that fixes the place, and it
# keeps $\sigma$ from shrinking to nothing. How well the codes then fill the prior, we shall measure.
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

# %% [markdown]
# Two outputs don't fit into a list of layers, so we use Keras's *functional* way: `keras.Input` stands for a batch that will come,
# each layer is called on what the layer before it returned, and `keras.Model(inputs, outputs)` ties the ends together.

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
# derivative by $\mu$ is $2\mu$, which is 3 at the values below, $\mu = 1.5$ and $\sigma^2 = 0.25$. We draw in two ways: with NumPy, and with TensorFlow's own function.

# %%
mu, log_sigma2 = tf.Variable(1.5), tf.Variable(np.log(0.25), dtype=tf.float32)


def by_numpy(shape):
    return tf.constant(np.random.default_rng(0).normal(mu, np.exp(log_sigma2 / 2), shape), tf.float32)


def by_tensorflow(shape):
    return tf.random.normal(shape, mu, tf.exp(log_sigma2 / 2), seed=0)


for draw in by_numpy, by_tensorflow:
    with tf.GradientTape() as tape:
        mean_square = tf.reduce_mean(draw((100_000,)) ** 2)
    gradient = tape.gradient(mean_square, mu)
    print(f"{draw.__name__:14} gradient by μ: {gradient if gradient is None else f'{gradient:.2f}'}")

# %% [markdown]
# `None` from NumPy: its numbers don't remember where they came from, so no path leads from the loss back to $\mu$. Yet TensorFlow's own draw
# gives the right answer. Randomness itself is no obstacle. What does TensorFlow do? It draws noise $\varepsilon \sim \mathcal N(0, I)$ that depends on
# nothing, and *computes* the draw from it: it stretches the noise to the wanted width and shifts it to the wanted mean. Then $z$ is an ordinary function of $\mu$ and $\sigma$, and has
# gradients like any other. This is the **reparametrisation trick**. It needs a distribution that can be made of fixed noise by a smooth
# function. A coin toss can't: let $\mu$ grow a little, and the coin shows the same side, or jumps. (Lesson 06 shows the gradient that works even there, and its price.)
#
# ### Exercise 1: reparametrise
#
# Do it yourself: make a code with mean $\mu$ and log-variance $\log\sigma^2$ out of the given noise. Use `keras.ops` (such as `ops.exp`), through which
# gradients pass. Mind what the encoder hands you: a variance's logarithm, no standard deviation. `ex.reparametrise.hint()` and `ex.reparametrise.solution()` help.


# %% tags=["nbval-check-output"]
def reparametrise(mean, log_var, noise):
    """Code with the given mean and log-variance, made from standard normal noise; all (batch, latent_dim)."""
    return ...  # your code


reparametrise = ex.reparametrise.check(reparametrise)

# %% tags=["nbval-check-output"]
with tf.GradientTape() as tape:
    noise = tf.constant(np.random.default_rng(0).standard_normal(100_000), dtype=tf.float32)
    mean_square = tf.reduce_mean(reparametrise(mu, log_sigma2, noise) ** 2)
by_mean, by_log_var = tape.gradient(mean_square, [mu, log_sigma2])
print(f"by the mean:         {by_mean:.1f}  (exact: {2 * 1.5:.1f})")
print(f"by the log-variance: {by_log_var:.2f} (exact: {0.25:.2f})")

# %% [markdown]
# The gradients are there, and they are right. By $\log\sigma^2$ the exact one is $\sigma^2 = 0.25$. The package's layer `Sampling` does exactly this, with its own random state.
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
# $\mathrm{KL}[q\,\|\,p] = \mathbb E_q[\log q - \log p]$. It is never negative, and zero only if the two are the same. Now three lines. Bayes' rule holds
# for every $z$; we take its logarithm; we add and subtract $\log q(z\mid x)$; and we average over $z \sim q(z\mid x)$, which leaves $\log p(x)$ as it is:
#
# $$\log p(x) = \log p(x\mid z) + \log p(z) - \log p(z\mid x)$$
#
# $$\phantom{\log p(x)} = \log p(x\mid z) - \big[\log q(z\mid x) - \log p(z)\big] + \big[\log q(z\mid x) - \log p(z\mid x)\big]$$
#
# $$\log p(x) = \underbrace{\mathbb E_{q}\big[\log p(x\mid z)\big]}_{-D}
# \ -\ \underbrace{\mathrm{KL}\big[q(z\mid x)\,\|\,p(z)\big]}_{R}
# \ +\ \underbrace{\mathrm{KL}\big[q(z\mid x)\,\|\,p(z\mid x)\big]}_{\ge\, 0}.$$
#
# $D$ is the reconstruction term, or **distortion**: what the image still costs once the code is known. $R$ is the KL term, or **rate**: what the code costs.
# The last term we can't compute, but it isn't negative. What stands before it is therefore a lower bound of $\log p(x)$, the **evidence lower bound** (ELBO).
# A small $D$ wants codes that explain their image: precise and far apart. A small $R$ wants codes that look like the prior: vague and near zero.
# The loss is the negative ELBO, $D + R$, in **nats** per image (units of the natural logarithm).
#
# **Distortion.** We treat a pixel as a coin. The image $x$ is black and white, $x_i \in \{0, 1\}$, and the decoder's
# output $y_i$ is the probability that pixel $i$ is white. Then
#
# $$-\log p(x\mid z) = -\sum_i \big[x_i\log y_i + (1-x_i)\log(1-y_i)\big],$$
#
# which is binary cross-entropy, *summed* over the pixels. The course calls it `bernoulli_nll`. $D$ is its mean over $z \sim q(z \mid x)$, which we estimate with a single draw for each image: right on average, and the batch averages the noise. MNIST's grey values become
# black and white by drawing each pixel anew, white with a probability equal to its grey value (Salakhutdinov and Murray 2008). We do so freshly for each batch, which also
# works against overfitting. The test digits are drawn once.
#
# **Rate.** For two normal distributions the mean in the KL term has a closed form. In one dimension, with $q = \mathcal N(\mu, \sigma^2)$ and the prior $p = \mathcal N(0, 1)$,
#
# $$\mathbb E_q[\log q(z)] = -\tfrac12\big(\log 2\pi + \log\sigma^2 + 1\big),\qquad \mathbb E_q[\log p(z)] = -\tfrac12\big(\log 2\pi + \mathbb E_q[z^2]\big).$$
#
# ### Exercise 2: the KL term
#
# You know $\mathbb E_q[z^2]$ from the toy loss above. Put the pieces together, and write the rate of an image with `keras.ops`. The latent
# dimensions are independent, so their terms add. (Kingma and Welling 2014, appendix B, have the result.)


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
# quadratically. On the curve of the log-variance the left side is the cheap one: for a narrow code, each further unit of *log*-variance costs about half a nat, so halving $\sigma$ costs
# about $\log 2 = 0.69$ nats. That is the price at which the encoder buys detail.
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
# *If you want a break, this is the place: the parts are there, the training comes next.*
#
# ## Train it
#
# The whole VAE is now its encoder, your layer, the sampling and its decoder. It trains with plain `compile` and `fit`. Two things
# around it are new. `FreshBatches` calls `binarised_pair` on the images of each batch, so that they are binarised anew every time. (The package has the same function; here
# you see it.) And the learning rate follows a schedule, because a VAE's last nats come from small steps: up from zero for half an epoch, then down again along a cosine.


# %%
def binarised_pair(images, rng):
    """Black-and-white images, as input and as target."""
    drawn = binarise(images, rng)
    return drawn, drawn


def optimizer(n_epochs, n_batches, learning_rate=2e-3):
    """Adam whose learning rate rises during half an epoch and then falls to zero as a cosine."""
    warmup = n_batches // 2
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, n_epochs * n_batches - warmup, warmup_target=learning_rate, warmup_steps=warmup
    )
    return keras.optimizers.Adam(schedule)


x_valid = binarise(mnist.x_valid, np.random.default_rng(2))
x_test = binarise(mnist.x_test, np.random.default_rng(1))

# %%
BATCH, EPOCHS_2D = budget(125, quick=64), budget(15, quick=3)
batches = FreshBatches(mnist.x_train, binarised_pair, batch_size=BATCH, seed=7)

vae_2d = keras.Model(images, decoder(Sampling(seed=7)(KLLayer()(encoder(images)))), name="vae")
vae_2d.compile(optimizer(EPOCHS_2D, len(batches)), loss=bernoulli_nll, **fast(vae_2d))
history_2d = vae_2d.fit(
    batches, epochs=EPOCHS_2D, validation_data=(x_valid, x_valid), verbose=0, callbacks=callbacks("VAE, 2-D")
)

# %%
plotting.curves(
    {"training digits": history_2d.history["loss"], "digits held back": history_2d.history["val_loss"]},
    xlabel="epoch",
    ylabel="negative ELBO (nats per image)",
    title="VAE with a 2-D code",
)

# %% [markdown]
# **What to notice.** The two curves fall together: there is little overfitting. (A training value is the mean over its
# epoch, one of the digits held back is taken at the epoch's end. That is why the training curve starts above.) Most of the gain comes early, the last nats
# come slowly.
#
# A code is a distribution now. Here are $q(z \mid x)$ of some test digits, each as an ellipse of one standard deviation.

# %%
q_mean, q_log_var = predict_in_batches(encoder, x_test)
some = slice(0, 150)
plotting.gaussians_on_map(
    q_mean[some], q_log_var[some], mnist.y_test[some], circle=CIRCLE, title="q(z|x) of 150 test digits"
)

# %%
print(f"in the circle: {codes_in_circle(q_mean):.1%} of the test digits' mean codes, 95% of N(0, I)")
print(f"mean standard deviation of q(z|x): {np.exp(q_log_var / 2).mean():.2f}")

# %% [markdown]
# **What to notice.** The digits have moved into the prior's circle, or close to it. Each ellipse shows which codes
# the decoder may get for its image. Only 150 are drawn; with all of the digits, most places are covered by many ellipses. There the decoder has to
# compromise, so similar digits become neighbours. Ellipses are small in the crowd and larger at the rim, where a digit has the place to itself.
#
# ## The two terms compete
#
# What is each term good for? Take one away and see. We train one VAE with the reconstruction only
# ($\beta = 0$, where $\beta$ is the factor of the KL term), and one with the KL term only (`loss_weights=0` switches the reconstruction off). The VAE from above stands beside them.
# `build_dense_vae` is the package's version of what we just built by hand. The two have the layers of the VAE above and fewer epochs (all further trainings of this section and the next have a single hidden layer of 256 units and few epochs): enough to see what happens. (In the progress bar `kl` is the rate $R$ itself, whatever its factor; at $\beta = 0$ it is no part of `loss`.)


# %%
def train(vae, name, loss=bernoulli_nll, pair=binarised_pair, n_epochs=2, weight=1.0):
    """Compiles and fits a VAE on fresh batches; returns it."""
    batches = FreshBatches(mnist.x_train, pair, batch_size=budget(250, quick=64), seed=7)
    vae.compile(optimizer(n_epochs, len(batches)), loss=loss, loss_weights=weight, **fast(vae))
    vae.fit(batches, epochs=n_epochs, verbose=0, callbacks=callbacks(name))
    return vae


layout = {"hidden": (512, 256, 128), "seed": 7}
without_kl = build_dense_vae(2, beta=0.0, **layout)
train(without_kl, "reconstruction only", n_epochs=budget(8, quick=3))
kl_only = train(build_dense_vae(2, **layout), "KL term only", weight=0.0, n_epochs=1)
competing = {
    "reconstruction only": (without_kl.encoder, without_kl.decoder),
    "KL term only": (kl_only.encoder, kl_only.decoder),
    "both: the ELBO": (encoder, decoder),
}


# %% [markdown]
# For the maps we draw one code for each test digit, $z \sim q(z\mid x)$, as the decoder would receive it.


# %% tags=["picture"]
def draw_codes(encoder, images, seed=0):
    """One draw from q(z|x) for each image, with its mean and log-variance."""
    mean, log_var = predict_in_batches(encoder, images)
    noise = np.random.default_rng(seed).standard_normal(mean.shape).astype("float32")
    return ops.convert_to_numpy(reparametrise(mean, log_var, noise)), mean, log_var


maps = {title: draw_codes(model, x_test)[0] for title, (model, _) in competing.items()}
plotting.latent_maps(maps, mnist.y_test, symbol="z", circle=CIRCLE)

# %%
plotting.image_rows({title: predict_in_batches(model, prior_codes) for title, (_, model) in competing.items()})

# %% [markdown]
# **What to notice.** The black circle is the same in all three maps; mind their axes.
#
# - *Reconstruction only*: irregular. The codes spread far beyond the prior, crowded here and empty there. It is a plain
#   autoencoder again. The circle lies at the edge of its codes this time, so random codes decode to the same few blurred digits, and to blots.
# - *KL term only*: a perfect normal distribution, and no information at all. Every digit has the same $q(z\mid x)$, so all
#   colours mix. (The names of the digits belong to the centre, all ten; they are drawn side by side to be read.) The decoder was never trained.
# - *Both*: regular. The cloud has the size of the prior, and most digits have a region of their own. Most random codes
#   decode to a digit, and the others to something between two.
#
# Why does the noise alone not fill the gaps? Look at the standard deviation that each encoder chose.

# %%
for title, (model, _) in competing.items():
    drawn, q_mean, q_log_var = draw_codes(model, x_test)
    rate, sigma = float(ops.mean(kl_divergence(q_mean, q_log_var))), np.exp(q_log_var / 2).mean()
    wide = drawn.std(axis=0).mean()
    print(
        f"{title:20} rate {rate:7.2f} nats, codes spread over {wide:5.2f}, noise {sigma:.3f}, {sigma / wide:.1%} of it"
    )

# %% [markdown]
# **What to notice.** Without a KL term, noise only disturbs. The encoder makes it small and moves the codes far apart, until the noise is
# a tiny part of the spread (the last number of each line). With the KL term both cost nats. The rate is an upper bound on how much a code tells about its image, and the model pays for every nat of it.
# How much of it is paid in vain? We come back to that.
#
# ## Sum or mean: how a reduction changes β
#
# Many VAEs in the wild use `loss="binary_crossentropy"` together with a summed KL term. Keras *averages* this loss over the
# pixels. With $D$ summed over all 784 pixels and $R$ summed over the $d$
# latent dimensions, the loss in use is $D/784 + R$. Others average $R$ over the latent dimensions, with the sum or with the mean of the pixels. A constant factor doesn't move a minimum.
# So each of these losses has the same minimum as $D + \beta R$ with some $\beta$: it is a $\beta$-VAE, though nobody asked for one.
#
# ### Exercise 4: the effective β
#
# Which $\beta$?


# %% tags=["nbval-check-output"]
def effective_beta(pixels, latents):
    """β of the equivalent loss D + β R, if D was divided by `pixels` and R by `latents` (1: summed, not averaged)."""
    return ...  # your code


effective_beta = ex.effective_beta.check(effective_beta)

# %% tags=["nbval-check-output"]
reductions = {  # what the distortion and the rate were divided by
    "sum, sum": (1, 1),
    "mean, sum": (784, 1),
    "mean, mean": (784, 20),
    "sum, mean": (1, 20),
}
for name, (pixels, latents) in reductions.items():
    print(f"distortion and rate by {name:10}: β = {effective_beta(pixels, latents):g}")

# %% [markdown]
# ### Exercise 5: predict
#
# We are about to train a 20-D VAE with each of the four, exactly as the mistake is made: stock cross-entropy for "mean", and the KL layer's
# weight set to 1/20 where the rate is averaged. With sum and sum the rate of such a code is some 24 nats. What will it be with the *pixels averaged and the rate
# summed*? Write your guess down before you run the training. The check comes after it.

# %%
rate_guess = ...  # nats per image

# %% [markdown]
# One training shows little: it might be luck. So each of the four is trained three times (once in the quick profile), with other starting weights and other draws of the code. Afterwards we measure all of them with the same ruler:
# $D$ and $R$ on the test digits, both summed. `negative_elbo_terms` of the package returns the two for each image.

# %%
SEEDS = budget((7, 8, 9), quick=(7,))
terms = {name: [] for name in reductions}
for seed in SEEDS:
    for name, (pixels, latents) in reductions.items():
        keras.utils.set_random_seed(seed)
        vae = build_dense_vae(20, hidden=(256,), beta=1 / latents, seed=seed)
        stock = bernoulli_nll if pixels == 1 else "binary_crossentropy"
        train(vae, f"{name}, seed {seed}", loss=stock)
        terms[name].append([np.mean(term) for term in negative_elbo_terms(vae, x_test)])
terms = {name: np.array(runs) for name, runs in terms.items()}  # (seeds, 2): D and R

# %%
average_digit = np.broadcast_to(mnist.x_train.mean(axis=0), x_test.shape)
print(f"D of the average training digit, whatever the image: {np.mean(bernoulli_nll(x_test, average_digit)):.1f} nats")
for name, runs in terms.items():
    print(f"{name:10} negative ELBO, one training each:", "  ".join(f"{d + r:6.2f}" for d, r in runs))
middle = {name: runs.mean(axis=0) for name, runs in terms.items()}
plotting.bars(
    {
        "distortion D": [d for d, _ in middle.values()],
        "rate R": [r for _, r in middle.values()],
        "negative ELBO, D + R": [d + r for d, r in middle.values()],
    },
    "nats per image, test digits",
    groups=[f"{name}\nβ = {effective_beta(*divisors):g}" for name, divisors in reductions.items()],
    title=f"the same VAE with four reductions of D and R, mean of {len(SEEDS)} trainings",
    significant=4,
)

# %%
ex.rate_guess.check(rate_guess, middle["mean, sum"][1])

# %% [markdown]
# **What to notice.** Summing both is better than each of the others by 60 nats and more after the two epochs of the full profile (longer training moves all four); other seeds move a value by less than 4 (see the printed lines). With the pixels averaged and the rate summed, $R$ is next to zero: the code carries nothing, and $D$ is no better than that of
# the average digit. The encoder answers with the prior, whatever the image. This is **posterior collapse**, here made by a reduction. Averaging both is no
# cure, the code carries next to nothing here either: at β = 39 a nat of the code must save 39 nats of distortion, and few nats of a code do. Averaging only the rate does the reverse: $R$ grows by far more than $D$ falls, so the ELBO loses.
# Nothing crashes, and no loss looks wrong by itself. Watch `kl` while you train, and compare in nats per image.
#
# So this course sums over pixels and over latent dimensions, and averages over the batch only.
#
# <details><summary><b>Question:</b> with the pixels averaged, would a larger learning rate help?</summary>
#
# No. The minimum itself has moved: at β = 784 a nat of the code must save 784 nats of distortion to be worth
# its price. All there is to save is the average digit's $D$, about 200 nats, so no more than a quarter of a nat could ever pay. Adam rescales the gradient anyway, so the loss's overall scale hardly matters to it;
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
# The squared error, then, with a factor $1/(2s^2)$, and a constant. Multiply the loss by $2s^2$: the summed squared error is left, and the rate
# has $\beta = 2s^2$. Choosing $s$ is choosing $\beta$ once more. (This $\beta$ stands beside a squared error, not beside nats: with each $s$ the loss is a proper negative ELBO, so don't compare it with the $\beta$ of the last section. The code calls $s$ `sigma`; it has nothing to do with the code's $\sigma$.)
#
# ### Exercise 6: which s does `loss="mse"` claim?
#
# Many a VAE is compiled with `loss="mse"`, the squared error *averaged* over the pixels, beside a summed rate. Its author never chose an $s$. Which one was it?


# %% tags=["nbval-check-output"]
def implied_sigma(pixels):
    """Standard deviation s of the Gaussian pixels for which the loss mse + R has the minimum of the negative ELBO."""
    return ...  # your code


implied_sigma = ex.implied_sigma.check(implied_sigma)

# %% tags=["nbval-check-output"]
print(f"28 x 28 pixels: s = {implied_sigma(784):.2f}, on a grey scale that ends at 1")

# %% [markdown]
# Such a model believes that every pixel may be off by twenty times the whole grey scale. No wonder that it sees no need for a code. Let us train with two milder claims, and with the cross-entropy on grey values.


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
for name, likelihood in likelihoods.items():
    vae = build_dense_vae(20, hidden=(256,), seed=7)
    title = name.replace("\n", " ")
    train(vae, title, loss=likelihood, pair=grey_pair)
    rows[name] = predict_in_batches(vae, mnist.x_test[:12])
    print(f"{title}: rate {np.mean(kl_divergence(*predict_in_batches(vae.encoder, mnist.x_test))):.1f} nats")
plotting.image_rows(rows)

# %% [markdown]
# **What to notice.** With $s = 1$ each pixel may be off by a whole grey scale, so there is little to gain from a precise code:
# the rate is small and the digits blur towards an average. With $s = 0.2$ the same squared error weighs 25 times
# as much, the code carries many more nats, and most digits keep their shape. Cross-entropy lies between the two here.
#
# Do not compare the three losses with each other. A Gaussian is a density over grey values, which may exceed one, so its negative logarithm may fall below zero.
# A coin's is a probability. Their nats have different zeros. Cross-entropy on grey values is no likelihood of grey values. (It is the mean loss over all ways to binarise the image, so with the rate it bounds $-\log p$ of *binarised* digits.)
# That is why this lesson's bounds are on *binarised* digits. (Lesson 09 scores grey ones too, and learns $s$ instead of choosing it.)
#
# ## Two dimensions or twenty?
#
# A 2-D code can be drawn on paper. A 20-D code can say more. It gets two hidden layers (the 2-D model has three) and trains for somewhat more epochs with larger steps. So not only the width of the code differs.

# %%
EPOCHS_20D = budget(18, quick=4)
vae_20d = build_dense_vae(20, hidden=(512, 256), seed=7)
vae_20d.compile(optimizer(EPOCHS_20D, len(batches), learning_rate=3e-3), loss=bernoulli_nll, **fast(vae_20d))
history_20d = vae_20d.fit(
    batches, epochs=EPOCHS_20D, validation_data=(x_valid, x_valid), verbose=0, callbacks=callbacks("VAE, 20-D")
)

# %%
wide_codes = np.random.default_rng(7).standard_normal((12, 20)).astype("float32")
plotting.image_rows(
    {
        "binarised digits": x_test[:12],
        "2-D": predict_in_batches(vae_2d, x_test[:12]),
        "20-D": predict_in_batches(vae_20d, x_test[:12]),
        "2-D from N(0, I)": predict_in_batches(decoder, prior_codes),
        "20-D from N(0, I)": predict_in_batches(vae_20d.decoder, wide_codes),
    }
)

# %%
sizes = {"2-D": (encoder, decoder), "20-D": (vae_20d.encoder, vae_20d.decoder)}
posteriors = {name: predict_in_batches(model, x_test) for name, (model, _) in sizes.items()}
rates = {name: np.mean(kl_divergence(*q)) for name, q in posteriors.items()}
losses = {
    name: vae.evaluate(x_test, x_test, batch_size=500, verbose=0, return_dict=True)["loss"]
    for name, vae in {"2-D": vae_2d, "20-D": vae_20d}.items()
}
plotting.bars(
    {
        "distortion D": [losses[name] - rates[name] for name in sizes],
        "rate R": list(rates.values()),
        "negative ELBO": list(losses.values()),
    },
    "nats per image, test digits",
    groups=sizes,
    title="D + R = negative ELBO",
    significant=4,
)

# %% [markdown]
# **What to notice.** A code of twenty numbers costs several times as many nats, and the
# distortion falls by more than that: the digits keep their own handwriting. The random samples tell another story. In 2-D most samples look like a digit, if a
# blurred one. In 20-D the strokes are sharper, and more of these twelve are no digit (lesson 08 counts). The better ELBO does not make
# every random code a good one. Why not?
#
# ## Where the decoder has been: the aggregate posterior
#
# In training the decoder sees codes of images: draw an image, then draw $z \sim q(z\mid x)$. The distribution of these codes is the **aggregate posterior** $q(z) = \frac1N\sum_n q(z\mid x_n)$,
# over $N$ images $x_n$. When we draw new digits, the decoder sees codes from the prior $p(z)$. Nothing forces the two to agree: the loss asks each $q(z\mid x)$ to be near the
# prior, one image at a time. Hoffman and Johnson (2016) split the mean rate in two:
#
# $$\underbrace{\tfrac1N\textstyle\sum_n \mathrm{KL}\big[q(z\mid x_n)\,\|\,p(z)\big]}_{\text{mean rate } R}
# \ =\ \underbrace{\tfrac1N\textstyle\sum_n \mathrm{KL}\big[q(z\mid x_n)\,\|\,q(z)\big]}_{\text{mutual information } I}
# \ +\ \underbrace{\mathrm{KL}\big[q(z)\,\|\,p(z)\big]}_{\text{the gap}}.$$
#
# $I$ is what a code really tells about *which* of the $N$ images it belongs to. It can't exceed $\log N$, however wide the code: naming one of $N$ images takes no more. Whatever of the rate lies above
# $\log N$ is gap. `mutual_information` estimates $I$ from one draw for each image.

# %%
log_n = np.log(len(x_test))
gaps = {}
for name, (q_mean, q_log_var) in posteriors.items():
    information = mutual_information(q_mean, q_log_var)
    gaps[name] = rates[name] - information
    print(f"{name:5} rate {rates[name]:5.2f} ≈ information {information:5.2f} + gap {gaps[name]:5.2f} nats")
print(f"log N = {log_n:.2f} nats")

# %% [markdown]
# How much of that would a flawless model show? Take codes of the same rates that fill the prior exactly: means from $\mathcal N(0, 1 - \sigma^2)$ and one variance $\sigma^2$ for all, so that mean plus noise is $\mathcal N(0, I)$. There the gap is zero, over *all* images. Over $N$ of them?

# %%
for name, (q_mean, _) in posteriors.items():
    log_sigma2 = np.full(q_mean.shape, -2 * rates[name] / q_mean.shape[1])  # each dimension costs -log σ² / 2
    means = np.random.default_rng(1).normal(0, np.sqrt(1 - np.exp(log_sigma2)))
    rate, information = np.mean(kl_divergence(means, log_sigma2)), mutual_information(means, log_sigma2)
    print(f"{name:5} flawless: rate {rate:5.2f} ≈ information {information:5.2f} + gap {rate - information:5.2f} nats")

# %%
drawn, _, _ = draw_codes(encoder, x_test)
prior = np.random.default_rng(0).standard_normal(drawn.shape).astype("float32")
plotting.latent_maps({"aggregate posterior, 2-D": drawn, "prior": prior}, None, symbol="z", circle=CIRCLE)

# %% [markdown]
# **What to notice.** In 2-D nearly the whole rate is information, and the two clouds cover about the same place. But the left one is crowded in its core, has empty seams between its arms, and reaches farther out. The flawless code shows a gap of a tenth of a nat there, so most of what ours shows is real, if small beside the rate.
#
# In 20-D the code identifies its image all but perfectly: $I$ stands at its ceiling $\log N$, and the rest of the rate is called gap. But the flawless code prints nearly the same two numbers. For $N$ images, $q(z)$ is $N$ small islands in a wide prior, whoever made them; how far the $q(z)$ of *all* images misses the prior this number can't say.
# The 55,000 training digits don't change this: $\log N$ is 10.9 then, still far below the rate. So most draws from the 20-D prior are near no code that the decoder was trained on, and it has to fill in. That alone makes no odd sample: the code of a new digit may be as far from the trained ones, and decodes well. Where the filling-in fails, we get an odd sample; whether codes of real digits avoid such places, this number can't tell. Lesson 08 takes the next step: it fits a density to the codes, counts the odd samples, and draws from that density instead of the prior. Lesson 09 weighs rate against distortion.
#
# ## What you should see
#
# The ELBO of binarised test digits, one draw of the code per digit. The published figure is the log-likelihood of a VAE with a 50-D code, trained far longer and estimated with
# many draws for each image. An ELBO lies below the log-likelihood, by the KL divergence between $q$ and the posterior. Lesson 09 measures how far.


# %%
def test_elbo(vae):
    """ELBO of the binarised test digits, with one draw of the code each, in nats per image."""
    return -vae.evaluate(x_test, x_test, batch_size=500, verbose=0, return_dict=True)["loss"]


# %% tags=["headline"]
published = "log-likelihood -86.76 nats, 50-D code (Burda, Grosse & Salakhutdinov 2016, table 1)"
expect(
    "ELBO, 20-D code, binarised test digits",
    test_elbo(vae_20d),
    at_least=budget(-95, quick=-160),
    unit="nats",
    published=published,
)
expect("ELBO, 2-D code, binarised test digits", test_elbo(vae_2d), at_least=budget(-140, quick=-195), unit="nats")

# %%
worst_collapse = terms["mean, sum"][:, 1].max()
lost = terms["mean, sum"].sum(axis=1) - terms["sum, sum"].sum(axis=1)
expect("rate with pixels averaged (collapse), worst seed", worst_collapse, at_most=0.05, unit="nats")
expect("ELBO lost by averaging the pixels, least of the seeds", lost.min(), at_least=budget(70, quick=20), unit="nats")
expect("gap between aggregate posterior and prior, 2-D", gaps["2-D"], at_most=budget(0.6, quick=2), unit="nats")
below = log_n - (rates["20-D"] - gaps["20-D"])
expect("information of the 20-D code below log N", below, at_most=budget(0.2, quick=1.2), unit="nats")

# %% [markdown]
# ## Summary
#
# - A plain autoencoder's codes lie anywhere. Its decoder can draw, if someone fits a distribution to them; it gives no probability of an image.
# - A VAE's encoder returns `mean` and `log_var`. The code is drawn as mean + exp(log_var / 2) · noise, so gradients pass.
# - The loss is distortion plus rate: precise codes against codes like the prior. With the first alone the codes do not lie where the prior draws; with the second alone they carry nothing.
# - Sum over pixels and latent dimensions, average over the batch. Divide $D$ and $R$ by different numbers, and you have another $\beta$.
# - The rate is information plus gap. Where the aggregate posterior has not been, the decoder was not trained: it fills in, often well, sometimes not. For $N$ images the information can't exceed $\log N$, so a rate above $\log N$ always shows a gap, even in a flawless code.
#
# ## Pitfalls
#
# - **A mean over pixels** multiplies $\beta$ by their number. If your rate falls to zero, look there first.
# - **Variance, standard deviation, log-variance**: the encoder returns $\log\sigma^2$. Halve it before you take the exponential.
# - **Grey digits with a Bernoulli loss** train well but give no log-likelihood of the grey values. Binarise before you quote nats.
# - **Images in 0 to 255** make the Bernoulli loss meaningless. Divide by 255.
# - **Comparing losses of different reductions**: a loss averaged over 784 pixels is 784 times smaller. Convert to nats per image.
#
# ## References
#
# - Kingma and Welling, *Auto-Encoding Variational Bayes*, 2014. [arXiv:1312.6114](https://arxiv.org/abs/1312.6114)
# - Rezende, Mohamed and Wierstra, *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*, 2014.
#   [arXiv:1401.4082](https://arxiv.org/abs/1401.4082)
# - Higgins et al., *β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework*, 2017.
#   [OpenReview](https://openreview.net/forum?id=Sy2fzU9gl)
# - Hoffman and Johnson, *ELBO Surgery: Yet Another Way to Carve Up the Variational Evidence Lower Bound*, 2016.
#   [Workshop paper](http://approximateinference.org/accepted/HoffmanJohnson2016.pdf)
# - Burda, Grosse and Salakhutdinov, *Importance Weighted Autoencoders*, 2016. [arXiv:1509.00519](https://arxiv.org/abs/1509.00519)
# - Salakhutdinov and Murray, *On the Quantitative Analysis of Deep Belief Networks*, 2008.
#   [doi:10.1145/1390156.1390266](https://doi.org/10.1145/1390156.1390266)
