# ---
# jupyter:
#   course: {reading: 45, doing: 45}
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
# # GAN and VAE-GAN: drawn to deceive
#
# A VAE is asked how probable each picture is, pixel by pixel, and answers a doubt with grey. A **generative adversarial network** is never asked. It draws, and a second network, which sees its pictures among real ones, learns to tell them apart. Whatever gives a picture away, blur above all, has to go. What is lost in this bargain, and what is won, you will measure here, with one decoder for all models, one budget, and one set of numbers.
#
# **You will learn**
#
# - what a discriminator can know, and that its best loss measures how far two distributions are apart;
# - how two players learn in one step, and which gradient may reach whom;
# - how a generator forgets some of what it should draw, and what helps;
# - how to compare a VAE, a GAN and a VAE-GAN by their samples, with error bars;
# - how a second model of the codes, a normalising flow, narrows the gap between what the encoder uses and what the prior draws.
#
# **You need** lessons 05 (convolutions), 07 (VAE), 08 (a classifier as judge, precision and recall, codes that the prior does not reach) and 09 (Fréchet distance).
#
# **The quick profile** learns from 3,500 digits for seconds. Its pictures are hardly digits, and the order of the models may be another; the text describes the full run.

# %%
import numpy as np
from course_utils import plotting
from course_utils.batches import predict_in_batches
from course_utils.checkpoints import load_checkpoint, stored_table
from course_utils.data import load
from course_utils.exercises import lesson_15 as ex
from course_utils.lesson import budget, expect, setup
from course_utils.losses import bernoulli_nll
from course_utils.metrics import gradient_energy, precision_recall, squared_frechet_distance
from course_utils.models import (
    GAN,
    VAE,
    VAEGAN,
    build_classifier,
    build_discriminator,
    build_gaussian_encoder,
    build_generator,
)
from course_utils.training import callbacks, fast

import keras
from keras import layers

# %%
SEED = 15
setup(seed=SEED)
mnist = load("mnist")
x_train, y_train, x_valid, y_valid, x_test, y_test, _ = mnist

# %% [markdown]
# ## 1. What a discriminator can know
#
# A **discriminator** $D$ sees $x$ and says how probable it is that $x$ is real. Let half of what it sees be real, with the density $p$, and half be made, with the density $q$. Its loss is the cross-entropy:
#
# $$L_D = -\tfrac12\, \mathbb E_{x \sim p} \log D(x) - \tfrac12\, \mathbb E_{x \sim q} \log (1 - D(x)) .$$
#
# It can do no better than Bayes' rule, $D^*(x) = p(x) / (p(x) + q(x))$. Its logit $l = \log \frac{D}{1 - D}$ is then $\log p(x) - \log q(x)$, a **ratio of two densities**, neither of which anybody has written down. Put $D^*$ into the loss, and what is left is
#
# $$L_{D^*} = \log 2 - \mathrm{JS}(p, q), \qquad \mathrm{JS}(p, q) = \tfrac12 \mathrm{KL}\big[p \,\|\, \tfrac{p + q}2\big] + \tfrac12 \mathrm{KL}\big[q \,\|\, \tfrac{p + q}2\big],$$
#
# with the **Jensen-Shannon divergence** JS, which is 0 for equal densities and at most $\log 2$ (Goodfellow et al. 2014). So the better the generator, the closer the best discriminator's loss to $\log 2 \approx 0.693$, that of a coin.
#
# ### Exercise 1: the discriminator's loss
#
# A discriminator puts out the logit $l$, not $D = \sigma(l)$. Write the loss with logits, so that it stays finite for sure and wrong answers.


# %% tags=["nbval-check-output"]
def discriminator_loss(real, made):
    """Mean of two mean cross-entropies, of real and of made ones: `real` (n, 1) and `made` (m, 1) are logits."""
    return ...  # your code, with `keras.ops`


discriminator_loss = ex.discriminator_loss.check(discriminator_loss)

# %% [markdown]
# ### Exercise 2: a prediction
#
# Real numbers are drawn from $\mathcal N(1, 1)$, made ones from $\mathcal N(-1, 1)$. With which slope does the best discriminator's logit grow with $x$?

# %%
slope_guess = ...  # your prediction

# %% [markdown]
# A network knows nothing of densities. We show it samples and let it learn the logit.


# %%
def two_gaussians(mu, n, rng):
    """n real ones around mu, n made ones around -mu."""
    return [rng.normal(mean, 1, size=(n, 1)).astype(np.float32) for mean in (mu, -mu)]


def learned_logit(mu, seed):
    """A small network that has learned to tell N(mu, 1) from N(-mu, 1)."""
    keras.utils.set_random_seed(seed)
    real, made = two_gaussians(mu, budget(200_000, quick=20_000), np.random.default_rng(seed))
    discriminator = keras.Sequential([keras.Input((1,)), layers.Dense(16, "softplus"), layers.Dense(1)])
    x, labels = np.concatenate([real, made]), np.repeat([1.0, 0.0], len(real)).astype(np.float32)
    epochs = budget(3, quick=4)
    rate = keras.optimizers.schedules.CosineDecay(0.02, epochs * len(x) // 500)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    discriminator.compile(keras.optimizers.Adam(rate), loss=loss, **fast(discriminator))
    discriminator.fit(
        x, labels, batch_size=500, epochs=epochs, verbose=0, callbacks=callbacks(f"two Gaussians, μ = {mu:g}")
    )
    return discriminator


# %%
def best_loss(mu):
    """log 2 - JS for N(±mu, 1): the expected loss of the best discriminator, by the trapezoid rule."""
    x = np.linspace(-15, 15, 20_001)
    p, q = (np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi) for mean in (mu, -mu))
    return np.trapezoid(p * np.logaddexp(0, -2 * mu * x) + q * np.logaddexp(0, 2 * mu * x), x) / 2


slopes, losses = {}, {}
for mu in (0.5, 1.0, 2.0):
    discriminator = learned_logit(mu, SEED)
    real, made = two_gaussians(mu, 200_000, np.random.default_rng(0))  # new ones
    logits = [predict_in_batches(discriminator, x) for x in (real, made)]
    x, logit = np.concatenate([real, made]).ravel(), np.concatenate(logits).ravel()
    between = np.abs(x) < mu  # beyond the two means there is little of the other kind to learn from
    slopes[mu] = np.polyfit(x[between], logit[between], 1)[0]
    losses[mu] = float(discriminator_loss(*logits))
    print(f"μ = {mu:g}: slope {slopes[mu]:.3f}, exact {2 * mu:g}; loss {losses[mu]:.4f}, exact {best_loss(mu):.4f}")
ex.slope_guess.check(slope_guess, slopes[1.0])

# %% [markdown]
# **What to notice.** (The slope is measured between the two means; further out one kind is too rare for the network to learn much from, or for its loss to suffer.) Where it has seen both kinds, a network that knows samples only knows the ratio of two densities. And the best discriminator's loss is a measurement: the nearer the two come, the nearer it gets to 0.693. (A weaker one's is higher, so the two seem closer than they are.)
#
# ## 2. Two players, one step
#
# Now let a **generator** $G$ make numbers from noise $z \sim \mathcal N(0, I)$. It learns from the discriminator alone: which change of its picture would be taken for more real? One could have it maximise $L_D$. But in the beginning the discriminator is sure of itself, and $\log(1 - \sigma(l))$ is flat for made pictures with $l \ll 0$: no gradient when it is needed most. So the generator minimises the cross-entropy of the *wrong* answer instead, that its pictures are real (*non-saturating*, Goodfellow et al. 2014):
#
# $$L_G = -\mathbb E_z \log \sigma\big(l(G(z))\big) .$$
#
# ### Exercise 3: the generator's loss


# %% tags=["nbval-check-output"]
def generator_loss(made):
    """Mean cross-entropy of the answer "real" for made ones, from their logits (n, 1); one number."""
    return ...  # your code, with `keras.ops`


generator_loss = ex.generator_loss.check(generator_loss)

# %% [markdown]
# Each player has weights of its own and must follow its own loss. $L_D$ may not reach the generator, or it would draw what is easily found out. $L_G$ may not reach the discriminator, or it would learn to be deceived. In one step of Keras's `fit` there is a single loss, so the gradients are kept apart by `stop_gradient`. For $L_D$ it holds the made pictures fixed. For $L_G$ it holds the discriminator's weights fixed, while the gradient passes through to the picture. In Keras that is a call of the discriminator to which its weights are handed as mere numbers:
#
# ```python
# fixed = [ops.stop_gradient(weight) for weight in discriminator.trainable_variables]
# logits, _ = discriminator.stateless_call(fixed, discriminator.non_trainable_variables, drawn)
# ```
#
# `adversarial_losses` does both; it returns the two losses and the share of answers that were right. `GAN` is hardly more than its call: `gan(x)` draws as many pictures as it is shown, and `fit` minimises the sum of both losses. Whose loss moves whom? We ask the gradients.

# %% tags=["nbval-check-output"]
import tensorflow as tf
from course_utils.models.gan import adversarial_losses

gan = GAN(build_generator(8), build_discriminator(), seed=SEED)
with tf.GradientTape(persistent=True) as tape:
    drawn = gan(x_train[:32], training=True)
    of_discriminator, of_generator, _ = adversarial_losses(gan.discriminator, x_train[:32], drawn)
for loss_name, loss in {"discriminator's": of_discriminator, "generator's": of_generator}.items():
    for name, player in {"discriminator": gan.discriminator, "generator": gan.generator}.items():
        gradients = tape.gradient(loss, player.trainable_variables)
        moved = any(gradient is not None and np.any(gradient) for gradient in gradients)
        print(f"the {loss_name:15} loss moves the {name:13}: {moved}")
by_hand = float(generator_loss(gan.discriminator(drawn)))
print("your formula gives the same loss of the generator:", np.isclose(of_generator, by_hand, rtol=1e-4))

# %% [markdown]
# ## 3. A generator that forgets
#
# For the generator it is enough to draw *something* that passes for real. Nobody asks it for everything. A plain picture of this needs two numbers: eight narrow Gaussians on a **ring**, 25 on a **grid**. How many of them does a generator find?
#
# ### Exercise 4: modes


# %% tags=["nbval-check-output"]
def modes_found(points, centres, radius):
    """How many centres (k, 2) have a point (n, 2) within the radius, and the share of points so near to one."""
    return ...  # your code


modes_found = ex.modes_found.check(modes_found)

# %% [markdown]
# A discriminator that sees one point at a time cannot know that the last thousand were all alike. One that sees several at once can: a group of real points is spread out. That is **packing** (Lin et al. 2018), a single change: its inputs are groups.
#
# ### Exercise 5: groups


# %% tags=["nbval-check-output"]
def packed(pictures, pack):
    """Groups of `pack` along the last axis, the rest left out: (n, ..., c) to (n // pack, ..., pack · c)."""
    return ...  # your code


packed = ex.packed.check(packed)
print("five digits, in pairs:", packed(x_train[:5], 2).shape)


# %%
def ring(k=8, radius=2.0):
    angles = 2 * np.pi * np.arange(k) / k
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def grid(side=5):
    ticks = np.arange(side) - (side - 1) / 2
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


RUNS, N_DRAWN = 5, 2500


# %%
def dense(width):
    """Five dense layers in one, each with weights of its own, on (n, 5, width)."""
    glorot = keras.initializers.VarianceScaling(RUNS, "fan_avg", "uniform")  # Keras counts the five as one wide layer
    return layers.EinsumDense("bsi,sio->bso", (RUNS, width), bias_axes="so", kernel_initializer=glorot)


def normalised():
    """Batch normalisation of 64 units in each of five networks."""
    return layers.Reshape((RUNS * 64,)), layers.BatchNormalization(momentum=0.9), layers.Reshape((RUNS, 64))


def five_gans(pack):
    """Five GANs of points in the plane, each with its own weights, noise and points: none disturbs another."""
    depth = budget(3, quick=1)
    generator = [layer for _ in range(depth) for layer in (dense(64), *normalised(), layers.ReLU())]
    generator = keras.Sequential([keras.Input((RUNS * 2,)), layers.Reshape((RUNS, 2)), *generator, dense(2)])
    discriminator = [layer for _ in range(depth) for layer in (dense(64), layers.ReLU())]
    discriminator = keras.Sequential([keras.Input((RUNS, 2 * pack)), *discriminator, dense(1)])
    return GAN(generator, discriminator, pack=pack, seed=SEED)


# %%
def train_on_points(centres, deviation, steps, batch_size, *, pack, beta_1, name):
    """Points that five GANs draw which have learned the Gaussians around these centres; (2500, 5, 2)."""
    keras.utils.set_random_seed(SEED)
    rng = np.random.default_rng(SEED)
    points = centres[rng.integers(len(centres), size=(steps * batch_size // 10, RUNS))]  # for ten epochs
    points = (points + rng.normal(0, deviation, points.shape)).astype(np.float32)
    gan = five_gans(pack)
    by_xla = budget({"jit_compile": True}, quick={})  # without it the same machine may give other digits
    gan.compile(keras.optimizers.Adam(1e-3, beta_1=beta_1), **fast(gan, steps), **by_xla)
    gan.fit(points, batch_size=batch_size, epochs=10, verbose=0, callbacks=callbacks(name))
    return predict_in_batches(gan.generator, rng.normal(size=(N_DRAWN, RUNS * 2)).astype(np.float32))


# %%
places = {
    "ring": {"centres": ring(), "deviation": 0.02, "steps": budget(3000, quick=60), "batch_size": 128},
    "grid": {"centres": grid(), "deviation": 0.05, "steps": budget(7000, quick=100), "batch_size": 64},
}
kinds = budget([("ring", 1, 0.5)], quick=[])
kinds += [("ring", 1, 0.9), ("ring", 2, 0.9), ("grid", 1, 0.5), ("grid", 2, 0.5)]
toys, clouds = {}, {}
for place, pack, beta_1 in kinds:
    name = f"{place}, {'alone' if pack == 1 else 'pairs'}, β₁ = {beta_1:g}"
    runs, centres = train_on_points(**places[place], pack=pack, beta_1=beta_1, name=name), places[place]["centres"]
    radius = 3 * places[place]["deviation"]
    found, good = np.array([modes_found(runs[:, run], centres, radius) for run in range(RUNS)]).T
    print(f"{name:22} {found.astype(int).tolist()} of {len(centres)} found, {good.mean():4.0%} of the points near one")
    toys[name], clouds[name] = (found, good), runs[:500].transpose(1, 0, 2).reshape(-1, 2)
of_run = np.repeat(np.arange(1, RUNS + 1), 500)
plotting.point_clouds(clouds, of_run, "number of the run")

# %% [markdown]
# **What to notice.** (Five runs at once in each panel, a colour each. β₁ is the momentum of Adam, `beta_1`; a point counts as near within three deviations.) On the ring with β₁ = 0.9, Keras's default, each run alone leaves out one or two of the eight Gaussians. In pairs three of five find all: 7.6 on average against 6.2, and the two other seeds below say the same. Here a third of the points lie near a Gaussian and a quarter alone; most others lie on the ways between. A smaller momentum alone gives 6.8, from one seed, so that is no finding. The papers disagree on how many a plain GAN finds on the ring, from 1 of 8 (Srivastava et al. 2017) to 6 (Lin et al. 2018). Such details may be why.
#
# On the grid *found* alone would mislead. In pairs 20.8 of 25 are found against 18.6 (with the other seeds 3.2 and 0.2 more), but 13% of the points lie near one against 51%. Points spread evenly over a square of side 5 would find all, and 7% would be near one; a perfect generator has 99%. A generator alone puts half of its points where they belong, and the rest on lines between. In pairs, after so short a training, it smears. Say both numbers, or neither.
#
# ## 4. One decoder, three models
#
# Now digits, and a fair comparison. The **same** decoder, of 130,000 weights, serves three times:
#
# - as the decoder of a **VAE**, trained on the negative ELBO with the KL term doubled (β = 2);
# - as the generator of a **GAN**;
# - as both in a **VAE-GAN** (Larsen et al. 2016). Its encoder gives codes as a VAE's does. But picture $x$ and reconstruction $\hat x$ are not compared pixel by pixel. They are compared by what the discriminator sees of them in its last hidden layer, $\phi$: the error is $\tfrac12 \lVert \phi(x) - \phi(\hat x) \rVert^2$. Three players learn in one step. The encoder minimises this error and the KL term; the decoder this error and $L_G$, of pictures drawn from the prior; the discriminator $L_D$, with these as the made ones. (In Larsen et al. it sees the reconstructions, too, and a factor γ weighs the decoder's error; here it is 1.)
#
# All three have the same 32 numbers of code or noise, the same training digits and about the same time: five, three and two epochs, since two or three networks learn in the others. What could be chosen was chosen by the Fréchet distance of section 5 on validation digits, for each model alone: learning rates, and the VAE's β. (For the VAE-GAN 4e-3 was a little better than 2e-3 here, but a longer training ended in NaN there.)

# %%
LATENT = 32


def compiled(model, learning_rate, epochs, beta_1=0.5, **loss):
    """The model with Adam, whose learning rate falls to zero, over batches of 64."""
    steps = epochs * (len(x_train) // 64)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(keras.optimizers.Adam(rate, beta_1=beta_1), **loss, **fast(model, steps))
    return model


whole = len(x_train) // 64 * 64  # a smaller last batch would move batch normalisation's averages as much as a full one
keras.utils.set_random_seed(SEED)
epochs = budget(5, quick=2)
vae = compiled(
    VAE(build_gaussian_encoder(LATENT), build_generator(LATENT), beta=2.0, seed=SEED),
    4e-3,
    epochs,
    0.9,
    loss=bernoulli_nll,
)
vae.fit(x_train[:whole], x_train[:whole], batch_size=64, epochs=epochs, verbose=0, callbacks=callbacks("VAE"))

# %%
keras.utils.set_random_seed(SEED)
epochs = budget(3, quick=3)
gan = compiled(GAN(build_generator(LATENT), build_discriminator(), seed=SEED), 4e-3, epochs)
gan.fit(x_train[:whole], batch_size=64, epochs=epochs, verbose=0, callbacks=callbacks("GAN"))

# %%
keras.utils.set_random_seed(SEED)
epochs = budget(2, quick=2)
parts = build_gaussian_encoder(LATENT), build_generator(LATENT), build_discriminator()
vae_gan = compiled(VAEGAN(*parts, seed=SEED), 2e-3, epochs)
vae_gan.fit(x_train[:whole], batch_size=64, epochs=epochs, verbose=0, callbacks=callbacks("VAE-GAN"))

# %% [markdown]
# ## 5. The same numbers for all
#
# As in lesson 08 a classifier serves as **judge**, trained on training digits. Its last hidden layer gives each picture's **features**, and has nothing to do with the discriminators' $\phi$. In these we measure:
#
# - the squared **Fréchet distance** from the test digits, each cloud of features taken for a Gaussian (lesson 09). 0 would be perfect; what training digits have is the floor;
# - **precision** and **recall** (lesson 08): how many drawn pictures look like test digits, how many test digits look like a drawn picture;
# - the share **recognised**, with more than 0.9 of confidence;
# - the **class KL**, how far the shares of the ten digits are from a tenth each: 0 is balanced;
# - **sharpness**, the gradient energy, which is the mean squared difference of neighbouring pixels, over that of test digits.
#
# A VAE's decoder puts out probabilities of white pixels. Their *means*, grey pictures, are what one usually shows; *drawn pixels* are what the model really says. Both are measured.
#
# ### Exercise 6: the class KL


# %% tags=["nbval-check-output"]
def class_kl(labels, n_classes):
    """KL divergence of the classes' shares among the labels from equal shares, in nats."""
    return ...  # your code


class_kl = ex.class_kl.check(class_kl)

# %% [markdown]
# ### Exercise 7: a prediction
#
# Which set of pictures will be nearest to the test digits by the Fréchet distance?

# %%
winner_guess = ...  # "VAE, means", "VAE, drawn pixels", "GAN" or "VAE-GAN"

# %%
judge = build_classifier()
judge.compile("adam", loss="sparse_categorical_crossentropy", **fast(judge))
judge.fit(x_train, y_train, batch_size=128, epochs=budget(3, quick=4), verbose=0, callbacks=callbacks("judge"))
seen_by_judge = keras.Model(judge.inputs, [judge.layers[-2].output, judge.outputs[0]])
test_features, _ = predict_in_batches(seen_by_judge, x_test)
test_energy = gradient_energy(x_test).mean()
N_COMPARED = budget(2000, quick=500)  # for precision and recall
NUMBERS = ("Fréchet²", "precision", "recall", "recognised", "class KL", "sharpness")


def measured(images):
    """The numbers of section 5 for drawn images, as many as there are test digits."""
    features, classes = predict_in_batches(seen_by_judge, images)
    return np.array(
        [
            squared_frechet_distance(features, test_features),
            *precision_recall(test_features[:N_COMPARED], features[:N_COMPARED]),
            np.mean(classes.max(axis=1) > 0.9),
            class_kl(classes.argmax(axis=1), 10),
            gradient_energy(images).mean() / test_energy,
        ]
    )


# %%
def drawn_by(decoder, n, seed, codes=None):
    """Pictures that a decoder makes of n codes, by default from N(0, I)."""
    codes = np.random.default_rng(seed).normal(size=(n, LATENT)).astype(np.float32) if codes is None else codes
    return predict_in_batches(decoder, codes)


def drawn_pixels(images, seed):
    """Black or white pixels, white with the probability that the decoder gives."""
    return (np.random.default_rng(seed).random(images.shape) < images).astype(np.float32)


def report(scores):
    """Mean and standard deviation over the draws of each number, a row for each set of pictures."""
    print(f"{'':24}" + "".join(f"{number:>15}" for number in NUMBERS))
    for name, draws in scores.items():
        mean, spread = np.mean(draws, axis=0), np.std(draws, axis=0, ddof=1)
        columns = (f"{m:.1f} ± {s:.1f}" if m >= 10 else f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread))
        print(f"{name:24}" + "".join(f"{column:>15}" for column in columns))


# %%
N_DRAWS = budget(3, quick=2)


def scores_of(vae_decoder, gan_generator, vae_gan_decoder):
    """The numbers of each model's pictures, for several draws of noise, and the last draw's pictures."""
    scores = {name: [] for name in ("VAE, means", "VAE, drawn pixels", "GAN", "VAE-GAN")}
    for draw in range(N_DRAWS):
        means = drawn_by(vae_decoder, len(x_test), draw)
        pictures = {"VAE, means": means, "VAE, drawn pixels": drawn_pixels(means, draw)}
        pictures["GAN"] = drawn_by(gan_generator, len(x_test), draw)
        pictures["VAE-GAN"] = drawn_by(vae_gan_decoder, len(x_test), draw)
        for name, images in pictures.items():
            scores[name].append(measured(images))
    return scores, pictures


scores, pictures = scores_of(vae.decoder, gan.generator, vae_gan.decoder)
floor = [measured(x_train[np.random.default_rng(i).choice(len(x_train), len(x_test))]) for i in range(N_DRAWS)]
report(scores | {"training digits": floor})
frechet = {name: np.mean(draws, axis=0)[0] for name, draws in scores.items()}
ex.winner_guess.check(winner_guess, min(frechet, key=frechet.get))

# %% [markdown]
# **What to notice.** (± is the spread over draws of noise from one training; other trainings follow below.) First, nobody draws well: training digits have 2.4. The judge is sure of 93% of them, of about half of the GAN's pictures, and of 40% of the VAE's means. Within that, the GAN's pictures are nearer to the test digits than either kind of the VAE's, 22.5 against 34.4, and the VAE-GAN's are nearer still, at 18.8. So it is with the two other seeds below.
#
# The other columns say in which way. The VAE's means have the best precision and the worst recall: nothing wild, and little detail. Drawn pixels have the detail of salt and pepper, with 2.7 times the sharpness of real digits. The GAN is as sharp as real digits and has twice the recall of the means, but its precision is the lowest: it draws much that is no digit. Its classes are balanced (0.01 nats), so it has not forgotten a digit, as far as the judge can tell.
#
# Be careful with recall. Drawn pixels are the very digits of the means, and have twice their recall, too: a set of pictures that are scattered wide has large balls around them, and blur alone lowers it. And to drawn pixels the comparison is unkind, since judge and test digits know grey.
#
# ## 6. Pictures
#
# Fourteen draws of each model, none of them picked.

# %% tags=["picture"]
shown = {name: images[:14] for name, images in pictures.items()}
plotting.image_rows({"test digits": x_test[:14]} | shown)

# %% [markdown]
# Test digits and what comes back, each from a code drawn from $q(z \mid x)$. A GAN has no encoder, so no row.

# %%
again = {"VAE": predict_in_batches(vae, x_test), "VAE-GAN": predict_in_batches(vae_gan, x_test)}
errors = {name: np.mean((images - x_test) ** 2) for name, images in again.items()}
for name, images in again.items():
    features, classes = predict_in_batches(seen_by_judge, images)
    apart, same = np.mean(np.sum((features - test_features) ** 2, axis=1)), np.mean(classes.argmax(axis=1) == y_test)
    print(
        f"{name:8} MSE {errors[name]:.4f}, squared distance in the judge's features {apart:5.1f}, same digit {same:.1%}"
    )
plotting.image_rows({"test digit": x_test[:10]} | {name: images[:10] for name, images in again.items()})


# %% [markdown]
# Straight ways through the code: from one draw of the prior to another, and from one test digit's mean to another's.


# %%
def walk(decoder, start, end, steps=10):
    """Pictures on the straight way from one code to another."""
    t = np.linspace(0, 1, steps, dtype=np.float32)[:, np.newaxis]
    return predict_in_batches(decoder, (1 - t) * start + t * end)


a, b = np.random.default_rng(SEED).normal(size=(2, LATENT)).astype(np.float32)
rows = {"VAE,\ntwo draws": walk(vae.decoder, a, b), "GAN,\ntwo draws": walk(gan.generator, a, b)}
rows["VAE-GAN,\ntwo draws"] = walk(vae_gan.decoder, a, b)
for name, model in {"VAE": vae, "VAE-GAN": vae_gan}.items():
    start, end = model.encoder.predict_on_batch(x_test[[2, 3]])[0]
    rows[f"{name},\ntwo test digits"] = walk(model.decoder, start, end)
plotting.image_rows(rows)

# %% [markdown]
# Is anything learned by heart? The three pictures of the GAN that are closest to a training digit in the judge's features, and eight further ones from the first thousand, ordered by that distance.

# %%
from sklearn.neighbors import NearestNeighbors

train_features, _ = predict_in_batches(seen_by_judge, x_train)
neighbours = NearestNeighbors(n_neighbors=1).fit(train_features)
own, _ = predict_in_batches(seen_by_judge, pictures["GAN"][:1000])
of_test, _ = predict_in_batches(seen_by_judge, x_test[:1000])
(own_distance, nearest), (test_distance, _) = neighbours.kneighbors(own), neighbours.kneighbors(of_test)
closest = np.argsort(own_distance[:, 0])[[0, 1, 2, *range(100, 1000, 128)]]
middle = np.median(own_distance), np.median(test_distance)
print(f"distance to the nearest training digit, median: GAN {middle[0]:.2f}, test digits {middle[1]:.2f}")
plotting.image_rows({"GAN": pictures["GAN"][closest], "nearest\ntraining digit": x_train[nearest[closest, 0]]})

# %% [markdown]
# **What to notice.** The VAE errs by grey, the GAN by shape: strokes that are crisp and belong to no digit. In the reconstructions it is the same. The VAE-GAN's have the larger error pixel by pixel, by more than half, and are sharp; where it is in doubt it draws something definite that may be another digit. Nor is its error smaller in the judge's features. Perhaps a discriminator looks at other things than a classifier does; but its codes also say less (a KL term of 13 nats in training, against the VAE's 17), after fewer epochs. This comparison can't tell.
#
# The walks, of which each row shows a single one: from draw to draw all pass through places that are no digit. From the 1 to the 0 the VAE fades out and in; the VAE-GAN's stroke breaks, and closes to a ring within two or three pictures.
#
# The typical picture of the GAN is farther from all training digits (11.3) than a test digit is (8.3): it has not learned them by heart. Nearer would be suspicious; farther says mainly that many are no digits. The closest three, on the left, are ones, near to a training digit and not equal to it.
#
# ## 7. Ten times the budget
#
# None of the three draws well here: the judge recognises half of the GAN's digits, and of the VAE's still fewer. A lesson has no time for more. So the same three recipes were run for ten times as many epochs (`make checkpoints`), and their decoders are stored.

# %%
long = [build_generator(LATENT) for _ in range(3)]
for decoder, name in zip(long, ("long_vae", "long_gan", "long_vae_gan")):
    load_checkpoint(decoder, name)
long_scores, long_pictures = scores_of(*long)
report(long_scores)
plotting.image_rows({f"{name},\nten times": images[:14] for name, images in long_pictures.items()})

# %% [markdown]
# **What to notice.** All get better, and their order stays: the VAE's better number falls from 34.4 to 25.9, the GAN's from 22.5 to 19.7, the VAE-GAN's from 18.8 to 14.8. The VAE-GAN of section 5 is nearer than the VAE after ten times as long, with all three seeds; the GAN is about level with it (nearer with two of three). Compare the GAN's columns, too: more of its pictures are recognised and their precision is up, but its classes are less balanced (0.05 against 0.01). Longer is not better in each respect. These are single trainings, at the rates of the short ones; small differences between them say nothing.
#
# ## 8. A flow in the latent space
#
# The VAE draws its codes from $\mathcal N(0, I)$, but its decoder was trained on the codes of digits. Lesson 08 saw that the two differ, and put a mixture of Gaussians in the place of the prior. What leads further where the data are large is a second model that learns the codes' density. A **normalising flow** (Rezende & Mohamed 2015; in this form Dinh et al. 2017) is a chain $f$ of steps that carries a code $c$ of $d$ numbers to a noise $u = f(c)$ of as many. Each step can be undone. So codes are drawn by going back, from noise, and a code's density is exact, no bound:
#
# $$-\log p(c) = -\log \mathcal N(u; 0, I) - \log \Big|\det \frac{\partial f}{\partial c}\Big| .$$
#
# How can a step be undone if a network is in it? One half of the numbers passes unchanged, and *tells* by how much the other half is stretched and moved. Then the halves change places, so that in the next step it is the other half's turn. The step's matrix of derivatives is triangular, up to the change of places, so its determinant is, but for the sign, the product of all stretches. Over a chain of steps the logarithms add up. The flow is trained on the mean of $-\log p(c)$ over codes as the decoder gets them, drawn from $q(c \mid x)$ for training digits $x$.


# %%
def coupled(x, network):
    """One step: x (n, d) stretched and moved in its second half, the halves exchanged; and its log |det| (n,)."""
    kept, moved = keras.ops.split(x, 2, axis=-1)
    log_scale, shift = network(kept)  # each (n, d / 2)
    y = keras.ops.concatenate([moved * keras.ops.exp(log_scale) + shift, kept], axis=-1)
    return y, keras.ops.sum(log_scale, axis=-1)


# %% [markdown]
# ### Exercise 8: back


# %% tags=["nbval-check-output"]
def uncoupled(y, network):
    """The way back: the x (n, d) that `coupled` made y (n, d) of, with the same network; NumPy will do."""
    return ...  # your code


uncoupled = ex.uncoupled.check(uncoupled)

# %% [markdown]
# ### Exercise 9: what a code costs


# %% tags=["nbval-check-output"]
def nats_of_codes(noise, log_det):
    """-log p of each code in nats (n,), from its noise f(c) (n, d) and its log |det ∂f/∂c| (n,)."""
    return ...  # your code, with `keras.ops`


nats_of_codes = ex.nats_of_codes.check(nats_of_codes)


# %%
def small_network():
    """From half a code to the logarithm of a scale, kept within ±1, and a shift. At first it changes nothing."""
    half = x = keras.Input((LATENT // 2,))
    for _ in range(2):
        x = layers.Dense(128, "relu")(x)
    return keras.Model(half, [layers.Dense(LATENT // 2, end, kernel_initializer="zeros")(x) for end in ("tanh", None)])


class Flow(keras.Model):
    """Steps from codes to noise. It answers with the nats of each code, and `fit(codes)` lowers their mean."""

    def __init__(self):
        super().__init__()
        self.networks = [small_network() for _ in range(budget(8, quick=2))]

    def call(self, codes):
        x, log_det = codes, 0.0
        for network in self.networks:
            x, of_this_step = coupled(x, network)
            log_det = log_det + of_this_step
        return nats_of_codes(x, log_det)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(y_pred)


# %%
from functools import partial

from sklearn.mixture import GaussianMixture


def drawn_codes(mean, log_var, n, rng):
    """n codes (n, d) as a decoder gets them, each drawn from the q(c | x) of one of the digits."""
    who = rng.integers(len(mean), size=n)
    return (mean[who] + np.exp(log_var[who] / 2) * rng.normal(size=(n, LATENT))).astype(np.float32)


rng = np.random.default_rng(SEED)
of_train, of_test = (predict_in_batches(vae.encoder, images) for images in (x_train, x_test))
codes = drawn_codes(*of_train, budget(800_000, quick=40_000), rng)
keras.utils.set_random_seed(SEED)
flow, steps = Flow(), len(codes) // 500
rate = keras.optimizers.schedules.CosineDecay(4e-3, steps)
flow.compile(keras.optimizers.Adam(rate), **fast(flow, steps))
flow.fit(codes, batch_size=500, verbose=0, callbacks=callbacks("flow"))
mixture = GaussianMixture(30, random_state=SEED).fit(np.float64(codes[: budget(50_000, quick=3000)]))

# %%
held_out = drawn_codes(*of_test, len(x_test), rng)
nats = {
    "prior": float(np.mean(nats_of_codes(held_out, np.zeros(len(held_out), np.float32)))),
    "mixture of 30": -mixture.score(held_out),
}
nats["flow"] = float(np.mean(predict_in_batches(flow, held_out)))
for name, cost in nats.items():
    print(f"{name:14} {cost:.2f} nats for a code of a test digit")


def from_noise(noise):
    """Codes (n, d) that the flow carries to this noise."""
    for network in reversed(flow.networks):
        noise = uncoupled(noise, partial(predict_in_batches, network))
    return noise


# %%
flow_scores, flow_pictures = {}, {}
for draw in range(N_DRAWS):
    rng = np.random.default_rng(draw)
    chosen = {"flow": from_noise(rng.normal(size=(len(x_test), LATENT)).astype(np.float32))}
    by_component, _ = mixture.set_params(random_state=draw).sample(len(x_test))  # one Gaussian after the other
    chosen["mixture of 30"] = np.random.default_rng(draw).permutation(by_component)
    chosen["codes of training digits"] = drawn_codes(*of_train, len(x_test), rng)
    for name, its_codes in chosen.items():
        flow_pictures[name] = drawn_by(vae.decoder, len(x_test), draw, np.float32(its_codes))
        flow_scores.setdefault(name, []).append(measured(flow_pictures[name]))
report({"prior": scores["VAE, means"]} | flow_scores)
plotting.image_rows({name: images[:14] for name, images in ({"prior": pictures["VAE, means"]} | flow_pictures).items()})

# %% [markdown]
# **What to notice.** A code of a test digit costs 2.8 nats less by the flow than by $\mathcal N(0, I)$. That is what this VAE's ELBO (that with β = 1) would gain if the flow took the prior's place: the KL term compares with the prior, and the flow is a better one. Its pictures cover more than two thirds of the way from the prior's Fréchet distance to that of digits' codes, which is what a perfect model of the codes would give. (In the figure the flow starts from the very noise of the row above it: what was no digit becomes one.)
#
# And be fair to the rival. A mixture of 30 Gaussians, fitted in ten seconds, has slightly fewer nats than the flow (with all three seeds) and in this run a smaller Fréchet distance. For these codes of 32 numbers more is not needed. Where codes are whole maps of numbers, as in large systems, no mixture of 30 will do; there flows and diffusion models stand in this place (Rombach et al. 2022).
#
# Now look back. With the mixture in place of the prior, the means of the VAE, at 21.7, are in this run nearer to test digits than the GAN's pictures, at 22.5. Much of what the VAE lost in section 5 was its prior's doing, not that of its loss. No table of models is the last word.

# %% [markdown]
# ## What you should see
#
# First the models, then the two small worlds, the other numbers of section 5, and sections 6 to 8.

# %% tags=["headline"]
vaes_best = min(frechet["VAE, means"], frechet["VAE, drawn pixels"])
ratio = frechet["GAN"] / vaes_best
expect("Fréchet² of the GAN, over the VAE's (the better of both)", ratio, at_most=budget(0.9, quick=4))

# %%
worst_slope = max(abs(slopes[mu] / (2 * mu) - 1) for mu in slopes)
expect("two Gaussians: logit's slope, off by", 100 * worst_slope, at_most=budget(3, quick=8), unit="%")
worst_loss = max(abs(losses[mu] - best_loss(mu)) for mu in losses)
expect("two Gaussians: loss, off log 2 - JS by", worst_loss, at_most=budget(0.002, quick=0.005), unit="nats")
found, near = ({name: toy[i].mean() for name, toy in toys.items()} for i in (0, 1))
of_pairs, alone = ("ring, pairs, β₁ = 0.9", "grid, pairs, β₁ = 0.5"), ("ring, alone, β₁ = 0.9", "grid, alone, β₁ = 0.5")
for name, least in zip(of_pairs, (6.5, 18)):
    expect(f"{name}: found, mean of five", found[name], at_least=budget(least, quick=1))
more = {name: found[name] - found[other] for name, other in zip(of_pairs, alone)}
for (name, gain), least in zip(more.items(), (0.5, -2)):
    expect(f"{name}: found, more than alone", gain, at_least=budget(least, quick=-9))
expect(
    "grid: share of points near a Gaussian, alone less pairs",
    near[alone[1]] - near[of_pairs[1]],
    at_least=budget(0.2, quick=-0.2),
)

# %%
means = {name: dict(zip(NUMBERS, np.mean(draws, axis=0))) for name, draws in scores.items()}
expect("Fréchet² of the VAE-GAN, over the VAE's", frechet["VAE-GAN"] / vaes_best, at_most=budget(0.7, quick=4))
expect("Fréchet² of training digits", np.mean(floor, axis=0)[0], at_most=budget(4, quick=8))
expect("GAN: class balance", means["GAN"]["class KL"], at_most=budget(0.04, quick=1), unit="nats")
expect("GAN: share recognised", means["GAN"]["recognised"], at_least=budget(0.45, quick=0), at_most=0.62)
expect("GAN: sharpness", means["GAN"]["sharpness"], at_least=budget(0.9, quick=0.4), at_most=1.1)
expect("VAE, means: sharpness", means["VAE, means"]["sharpness"], at_most=0.55)
wider = means["GAN"]["recall"] - means["VAE, means"]["recall"]
expect("recall: GAN less the VAE's means", wider, at_least=budget(0.15, quick=-0.1))
expect("GAN: distance to the nearest training digit, over that of test digits", middle[0] / middle[1], at_least=1.15)
# %%
expect(
    "reconstruction: MSE of the VAE-GAN over the VAE's",
    errors["VAE-GAN"] / errors["VAE"],
    at_least=budget(1.3, quick=0.8),
)
long_frechet = {name: np.mean(draws, axis=0)[0] for name, draws in long_scores.items()}
longer = min(long_frechet["VAE, means"], long_frechet["VAE, drawn pixels"])
expect("ten times: Fréchet² of the VAE, over the lesson's", longer / vaes_best, at_most=budget(0.9, quick=1.2))
for name, most in {"GAN": 0.95, "VAE-GAN": 0.75}.items():
    ratio = long_frechet[name] / longer
    expect(f"ten times: Fréchet² of the {name}, over the VAE's", ratio, at_most=budget(most, quick=2))
for name, least in {"prior": 2, "mixture of 30": -0.5}.items():
    expect(f"flow: nats a code, below {name}", nats[name] - nats["flow"], at_least=least, unit="nats")
drawn = {name: np.mean(draws, axis=0)[0] for name, draws in flow_scores.items()}
gap = (frechet["VAE, means"] - drawn["flow"]) / (frechet["VAE, means"] - drawn["codes of training digits"])
expect("flow: share of the prior's gap in Fréchet² closed", gap, at_least=budget(0.6, quick=0.3))

# %% [markdown]
# One run shows little. The whole lesson was run twice more in the full profile, each time with another seed for all networks (`make seeds LESSON=15`; the models of section 7 are the same ones). Here are the same numbers from those runs:

# %%
print(f"{'seed':60}" + "".join(f"{seed:>10}" for seed in (16, 17)))
for row in stored_table("seeds_15"):
    print(f"{row.pop('what'):60}" + "".join(f"{float(value):10.4f}" for value in row.values()))

# %% [markdown]
# ## Summary
#
# - A discriminator learns the ratio of two densities from samples alone. Its best loss is $\log 2$ less the Jensen-Shannon divergence.
# - A generator learns from it: in which direction would the picture look more real? Each player has a loss of its own, and neither loss may reach the other's weights.
# - Nothing in this asks for everything, and modes get lost. A discriminator that judges several pictures at once notices it, here at a price in exactness.
# - Drawn by one decoder, with one budget, a GAN's digits are nearer to test digits than a VAE's drawn from its prior, and sharper. With a mixture for a prior the VAE caught up. A GAN has no encoder and no likelihood. The VAE-GAN has an encoder, too, and keeps most of the sharpness; its reconstructions are farther from the digits pixel by pixel.
# - A flow in the latent space draws codes where the decoder knows its way, with an exact density. For codes as small as these a mixture of Gaussians does as well.
#
# ## Pitfalls
#
# - **A gradient that goes astray.** The generator's loss moves the discriminator, or the other way round: nothing fails, and both learn to agree. Test it by gradients.
# - **`trainable = False` at the wrong time.** In Keras it counts when the model is compiled, so whether it holds depends on the order of lines. `stop_gradient` does not.
# - **Batch normalisation that is not told that it trains**, in a model of one's own whose `call` doesn't name `training`: its averages stay at 0 and 1, and it normalises nothing. An earlier version of this course's VAE was of that kind. Look at the averages after a step.
# - **Dropout or batch normalisation in the discriminator** where one loss calls it three times: each call then meets another discriminator.
# - **Losses taken for progress.** The generator's loss says how good the discriminator is. Look at the pictures, and measure them.
# - **"Modes found" without the share of good points**: a cloud that lies everywhere finds them all.
# - **A Fréchet distance without its floor**, or from few pictures: it has a bias that falls with their number, so compare equal numbers, and give what real pictures have.
# - **Grey means against drawn pixels.** A VAE's picture is either; measure both before you say that it loses.
# - **A rival that was not tuned.** Each of the three models here has its own learning rate, the VAE its β, and both of its ways to give pictures are measured.
#
# ## References
#
# - Goodfellow et al., [Generative adversarial nets](https://arxiv.org/abs/1406.2661), 2014.
# - Radford, Metz & Chintala, [Unsupervised representation learning with deep convolutional generative adversarial networks](https://arxiv.org/abs/1511.06434), 2016: DCGAN.
# - Srivastava et al., [VEEGAN: reducing mode collapse in GANs using implicit variational learning](https://arxiv.org/abs/1705.07761), 2017: ring and grid.
# - Lin, Khetan, Fanti & Oh, [PacGAN: the power of two samples in generative adversarial networks](https://arxiv.org/abs/1712.04086), 2018.
# - Larsen, Sønderby, Larochelle & Winther, [Autoencoding beyond pixels using a learned similarity metric](https://arxiv.org/abs/1512.09300), 2016: VAE-GAN.
# - Heusel et al., [GANs trained by a two time-scale update rule converge to a local Nash equilibrium](https://arxiv.org/abs/1706.08500), 2017: the Fréchet distance in features.
# - Kynkäänniemi et al., [Improved precision and recall metric for assessing generative models](https://arxiv.org/abs/1904.06991), 2019.
# - Lucic et al., [Are GANs created equal?](https://arxiv.org/abs/1711.10337), 2018: with enough tuning and restarts, most kinds of GAN reach similar scores.
# - Rezende & Mohamed, [Variational inference with normalizing flows](https://arxiv.org/abs/1505.05770), 2015.
# - Dinh, Sohl-Dickstein & Bengio, [Density estimation using Real NVP](https://arxiv.org/abs/1605.08803), 2017: coupling steps.
# - Chen et al., [Variational lossy autoencoder](https://arxiv.org/abs/1611.02731), 2017: a flow as a VAE's prior, trained together with it.
# - Rombach et al., [High-resolution image synthesis with latent diffusion models](https://arxiv.org/abs/2112.10752), 2022: the same idea with a diffusion model.
