# ---
# jupyter:
#   course: {reading: 50, doing: 60}
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
# # Denoising: an autoencoder that undoes damage
#
# A median filter knows a dozen pixels. A denoising autoencoder has seen fifty-five thousand digits, and it shows: from a picture
# that is mostly noise, it draws the digit.
#
# **You will learn**
#
# - how to turn lesson 01's autoencoder into a denoiser by changing its input (and, for a practical reason, its loss);
# - how to compare fairly with median, total-variation and non-local-means filters, in PSNR and SSIM;
# - what a network trained with the mean squared error really answers, why the answer is blurred, and why it points to where
#   data are likely: the door to diffusion models;
# - where an autoencoder loses to a filter, and how to find out why;
# - where a denoiser can fail without a warning: on damage it was never trained on.
#
# **You need** lesson 01 (encoder, code, decoder, `fit`). Convolutions are explained here as far as they are used; lesson 05 has
# the rest.
#
# **The quick profile** trains on 3,500 digits instead of 55,000, and its networks are narrower. Their answers are paler and their
# lead over the filters is small; what the text says of decibels holds for the full run.

# %%
from itertools import pairwise

import numpy as np
from course_utils.batches import FreshBatches, predict_in_batches
from course_utils.corruptions import gaussian_noise, mask_block, salt_and_pepper
from course_utils.data import load
from course_utils.exercises import lesson_04 as ex
from course_utils.lesson import budget, expect, setup
from course_utils.metrics import psnr, ssim
from course_utils.models import build_dense_autoencoder
from course_utils.plotting import arrows_on_plane, bands, bars, curves, image_rows, table
from course_utils.training import callbacks, fast

import keras
from keras import layers

setup(seed=4)
mnist = load("mnist")

# %% [markdown]
# ## Three kinds of damage
#
# Write $x$ for an image, a vector of pixels $x_i$ between 0 (black) and 1 (white), and $\tilde x$ for its damaged version.
#
# - **Gaussian noise**, as from a sensor in the dark: $\tilde x_i = \operatorname{clip}(x_i + \sigma n_i)$. The $n_i$ are
#   independent standard normal numbers, $\sigma$ is the strength, and $\operatorname{clip}$ cuts at 0 and 1.
#   **The noisy image is clipped**, in the whole lesson unless the text says otherwise: a file format or a screen would do the same.
# - **Salt and pepper**, as from dead pixels or a bad line: a share of the pixels turns black or white.
# - **A missing block**, as from a scratch or a lost packet: a square turns black.
#
# ### Exercise 1: add noise
#
# Write Gaussian noise with clipping. `rng` is a `numpy.random.Generator`: every random number must come from it.


# %% tags=["nbval-check-output"]
def add_noise(images, sigma, rng):
    """Images plus independent normal noise of standard deviation `sigma`, clipped to [0, 1]."""
    return ...  # your code


add_noise = ex.add_noise.check(add_noise)

# %% [markdown]
# The three kinds at the strengths of this lesson. Each is a function of the images and of a generator.

# %%
damages = {
    "Gaussian, σ = 0.5": lambda images, rng: add_noise(images, 0.5, rng),
    "salt and pepper, 30 %": lambda images, rng: salt_and_pepper(images, 0.3, rng),
    "missing block, 12 × 12": lambda images, rng: mask_block(images, 12, rng),
}
first = mnist.x_test[:10]
image_rows({"test digits": first} | {name: damage(first, np.random.default_rng(1)) for name, damage in damages.items()})

# %% [markdown]
# **What to notice.** You can still read most digits, and you do it by knowing digits. The noise of neighbouring pixels is independent,
# so a filter can average it away, at the price of averaging the strokes too. The block is another matter:
# no average of its neighbourhood gives back what was there.
#
# Clipping has a side effect. Black pixels, the great majority, keep only the positive half of their noise, so the background becomes
# brighter. For $\sigma = 0.5$ its mean rises from 0 to $\sigma/\sqrt{2\pi} \approx 0.2$. We come back to that, for it would make the filters
# look worse than they are.
#
# ## How good is a picture? PSNR and SSIM
#
# With the **mean squared error** of an image of $d$ pixels, $\mathrm{MSE} = \frac1d \sum_i (x_i - \hat x_i)^2$ for a restored image $\hat x$, the
# **peak signal-to-noise ratio** is
#
# $$\mathrm{PSNR} = 10 \log_{10} \frac{1}{\mathrm{MSE}} \text{ decibels (dB)},$$
#
# where the 1 is the square of the largest pixel value. Higher is better.

# %% tags=["nbval-check-output"]
for error in (0.2, 0.1, 0.05, 0.01):
    print(f"every pixel off by {error:<4}: PSNR {10 * np.log10(1 / error**2):4.1f} dB")

# %% [markdown]
# ### Exercise 2: what are decibels worth?
#
# One denoiser is `decibels` better than another, both on the same image. What share of the other's mean squared error does it leave? Write that share as a
# function. Two cases to try your answer on: 0 dB leaves all of it, 10 dB a tenth.


# %% tags=["nbval-check-output"]
def error_left(decibels):
    """The share of the squared error that is left after a gain of so many decibels; may be an array."""
    return ...  # your code


error_left = ex.error_left.check(error_left)

# %% [markdown]
# PSNR counts every pixel for itself. **SSIM**, the structural similarity, compares means, variances and correlation in small
# windows; 1 means equal. It sees lost structure that PSNR hardly notices, so we report both.
# Both are computed for each image, then averaged over images. `course_utils.metrics` has them as `psnr` and `ssim`.
#
# Filters are slow, so everyone is measured on the same few hundred **test** images. What has to be chosen on the way, such as a filter's setting, is
# chosen on **validation** images: the last 5,000 training digits, which no network is trained on either. One more rule: a block may fall on black background and
# take nothing away. Such an image needs no restoring and has an infinite PSNR, so it is left out.
#
# `budget(full, quick=...)`, here and later, picks a number by the profile of the run.

# %%
N_TUNE, N_TEST = budget(50, quick=6), budget(200, quick=30)


def make_set(images, number, damage, seed):
    """The first `number` images that the damage changes, as a pair (clean, damaged)."""
    images = images[: 2 * number]
    damaged = damage(images, np.random.default_rng(seed))
    changed = np.any(damaged != images, axis=(1, 2, 3))
    return images[changed][:number], damaged[changed][:number]


def quality(clean, restored):
    """Mean PSNR in dB and mean SSIM."""
    return np.mean(psnr(clean, restored)), np.mean(ssim(clean, restored))


print(f"Before any restoring, mean of {N_TEST} test images")
for name, damage in damages.items():
    print("{:24} PSNR {:5.2f} dB, SSIM {:.3f}".format(name, *quality(*make_set(mnist.x_test, N_TEST, damage, seed=2))))

# %% [markdown]
# ## What classical filters can do
#
# Three classics, from scikit-image:
#
# - **Median**: each pixel becomes the median of its neighbourhood. Made for salt and pepper.
# - **Total variation** (TV): the image $\hat x$ that minimises $\tfrac12\lVert \hat x - \tilde x\rVert^2 + w \int |\nabla \hat x|$: near the noisy one, but
#   with little total change from pixel to pixel. $w$ is the weight.
# - **Non-local means** (NLM): each pixel becomes a mean of pixels whose *surroundings* look alike, here of those at most 5 pixels away in each direction. $h$ says how alike is alike
#   enough; the second setting is the strength of the noise that the method allows for.
#
# A comparison is only as good as its weaker side's tuning. So each filter gets its best setting **for each kind of damage**, from a small grid. (Where the best lies at its edge, larger ones were tried and were no better: weights to 2, neighbourhoods to 49 pixels, $h$ to 0.5.)

# %%
from scipy.optimize import minimize
from skimage.filters import median
from skimage.morphology import disk
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle


def one_by_one(function):
    """Makes a function of images (n, height, width, 1) out of one of a single grey image (height, width)."""

    def of_all(images):
        filtered = np.stack([function(image[..., 0]) for image in images])[..., np.newaxis]
        return np.clip(filtered, 0, 1).astype(np.float32)

    return of_all


def nlm(h, noise):
    return one_by_one(lambda image: denoise_nl_means(image, patch_size=5, patch_distance=5, h=h, sigma=noise))


def tv(weight):
    return one_by_one(lambda image: denoise_tv_chambolle(image, weight=weight))


# %%
NEIGHBOURHOODS = {"3 × 3": np.ones((3, 3)), "disc of 13": disk(2), "5 × 5": np.ones((5, 5))}
NLM_SETTINGS = ((0.05, 0), (0.1, 0), (0.2, 0), (0.06, 0.1), (0.1, 0.3), (0.15, 0.3), (0.2, 0.5))
FILTERS = {
    "median": {
        name: one_by_one(lambda image, where=where: median(image, where)) for name, where in NEIGHBOURHOODS.items()
    },
    "total variation": {f"w = {w}": tv(w) for w in (0.05, 0.1, 0.15, 0.25, 0.4, 0.6)},
    "non-local means": {f"h = {h}, noise {noise}": nlm(h, noise) for h, noise in NLM_SETTINGS},
}

# %% [markdown]
# And the brighter background? A filter that averages turns it into an even grey, which costs many decibels though any eye can see past it.
# White pixels lose as much, so the mean of a noisy stroke is 0.8, and the contrast has shrunk to 0.6.
# To be fair we offer each filter a last step that undoes it: output $= \operatorname{clip}(a \cdot \text{filtered} + b)$, with the **gain** $a$ and the **offset** $b$ that give
# the best PSNR on the validation images, *after* the clip. (Least squares before the clip would waste much of the gain on a background that the clip makes black anyway. Here they only say where the search begins.) We report the filters with and without it.


# %%
def last_step(images, gain, offset):
    return np.clip(gain * images + offset, 0, 1).astype(np.float32)


def tune(settings, clean, damaged):
    """The best (setting, gain, offset) by mean PSNR: without the last step, and with it where it helps."""
    plain, corrected = [], []
    for name, function in settings.items():
        restored = function(damaged)

        def loss(step, restored=restored):
            return -np.mean(psnr(clean, last_step(restored, *step)))

        start = np.polyfit(restored.ravel(), clean.ravel(), 1)
        found = minimize(loss, start, method="Nelder-Mead", options={"maxfev": budget(60, quick=20)})
        plain.append((-loss((1.0, 0.0)), name, 1.0, 0.0))
        corrected.append((-found.fun, name, *found.x))
    return max(plain)[1:], max(plain + corrected)[1:]


# %%
def compare(damage, methods):
    """Tunes each method on validation images and restores test images.

    Returns (clean, damaged, {method: restored as it is}, {method: restored with the last step}, {method: choices}).
    """
    tuning = make_set(mnist.x_valid, N_TUNE, damage, seed=3)
    clean, damaged = make_set(mnist.x_test, N_TEST, damage, seed=2)
    choices = {method: tune(settings, *tuning) for method, settings in methods.items()}
    plain, corrected = (
        {
            method: last_step(methods[method][chosen[i][0]](damaged), *chosen[i][1:])
            for method, chosen in choices.items()
        }
        for i in (0, 1)
    )
    return clean, damaged, plain, corrected, choices


# %%
filtered = {}
for damage_name, damage in damages.items():
    filtered[damage_name] = clean, damaged, plain, corrected, choices = compare(damage, FILTERS)
    print(f"{damage_name:24} {'best setting':22} gain offset    PSNR   SSIM")
    for method in FILTERS:
        for restored, (setting, gain, offset) in zip((plain[method], corrected[method]), choices[method]):
            decibels, similarity = quality(clean, restored)
            print(f"  {method:22} {setting:22} {gain:4.2f}  {offset:+.2f}  {decibels:6.2f}  {similarity:.3f}")

# %%
clean, noisy, as_they_are, with_last_step, _ = filtered["Gaussian, σ = 0.5"]
image_rows(
    {"original": clean[:10], "noisy": noisy[:10]} | {name: images[:10] for name, images in with_last_step.items()}
)

# %% [markdown]
# **What to notice.** Total variation gives flat patches with a digit in them: it knows that images are flat in pieces, and nothing else. Non-local means knows that small patches repeat, and leaves speckles where it finds no match.
# The gain and offset are worth a lot: without them the median looks best at Gaussian noise, with them it comes last. A careless comparison
# would credit the network with all that. They are chosen for PSNR, though, and can cost SSIM where an offset lifts the black. Salt and pepper is the median's home, and against the missing block nothing helps.
#
# ## Lesson 01's autoencoder, with another input
#
# A **denoising autoencoder** is an autoencoder whose input is damaged and whose target is not:
#
# $$\text{minimise over } \theta \quad \mathbb E_{x,\, \tilde x}\; \ell\big(x,\ f_\theta(\tilde x)\big),$$
#
# where $f_\theta$ is encoder and decoder together, $\theta$ their weights, $\ell$ a loss, and the expectation runs over images $x$ and over all
# the damaged versions $\tilde x$ that each can have. Nothing else has to change. In particular, copying the input is no longer a good answer, so the bottleneck is
# no longer needed to prevent it.
#
# The damage is made anew for every batch; a later section shows why. `FreshBatches` takes the images and a function of `(images, rng)` that returns the pair
# (input, target); here it is for one kind of damage.


# %%
def gaussian_pair(images, rng):
    return add_noise(images, 0.5, rng), images


inputs, targets = FreshBatches(mnist.x_train, gaussian_pair, batch_size=32, seed=4)[0]
print("inputs", inputs.shape, "targets", targets.shape)

# %% [markdown]
# ### Which loss?
#
# Lesson 01 took the squared error. Write $\hat x = f_\theta(\tilde x)$ for the network's answer. We take the **binary cross-entropy** $-x_i \log \hat x_i - (1 - x_i) \log(1 - \hat x_i)$ per pixel, for a practical reason.
# The decoder ends in a sigmoid: $\hat x_i = 1/(1 + e^{-t_i})$ of some number $t_i$. By the chain rule the derivatives with respect to $t_i$ are
#
# $$\frac{\partial}{\partial t_i} (\hat x_i - x_i)^2 = 2\,(\hat x_i - x_i)\;\hat x_i\,(1 - \hat x_i), \qquad \frac{\partial}{\partial t_i}\,\text{cross-entropy} = \hat x_i - x_i.$$
#
# Most pixels of a digit are black, so the first thing a network learns is to answer black. There $\hat x_i \approx 0$, and the factor $\hat x_i(1-\hat x_i)$ switches the first gradient off,
# even where $x_i = 1$. (In a trial of ours that is not run here, the convolutional network below, trained on the squared error for a pass over all digits, still answered black everywhere.)
# A later section shows that both losses have the same best answer.

# %% tags=["nbval-check-output"]
target = 1.0
print("gradient at a white pixel that the network believes to be black")
for t in (0.0, -3.0, -6.0):
    answer = 1 / (1 + np.exp(-t))
    squared = 2 * (answer - target) * answer * (1 - answer)
    print(f"answer {answer:.4f}: squared error {squared:+.4f}, cross-entropy {answer - target:+.4f}")

# %% [markdown]
# ### One run shows little
#
# A network's score depends on its first random weights, on the order of the digits and on the noise of the training. So every network of this lesson is trained from three
# **seeds**, and its score is given as *mean ± standard deviation* over them. A difference that is not well above that spread is no result.
# (In the quick profile there is one seed, and ± 0.00 says nothing.)
#
# `callbacks` shows the progress and lets a fit that was interrupted go on where it stopped; `fast` holds settings of `compile` that make a fit fast,
# and `predict_in_batches(model, images)` is Keras's `model.predict(images)` with less to do at each call.
# Adam's steps shrink to zero along a cosine, as in lesson 01.

# %%
SEEDS = budget((4, 5, 6), quick=(4,))


def train(build, name, make_pair, epochs, learning_rate, *, loss="binary_crossentropy", images=mnist.x_train):
    """One network for each seed, trained on fresh damage: a list of models."""
    models = []
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        model, batches = build(), FreshBatches(images, make_pair, batch_size=32, seed=seed)
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * len(batches))
        model.compile(keras.optimizers.Adam(schedule), loss=loss, **fast(model))
        model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks(f"{name}, seed {seed}"))
        models.append(model)
    return models


def restore(model, images):
    return np.clip(predict_in_batches(model, images), 0, 1)


# %%
def deviation(scores):
    """Standard deviation over the seeds, the first axis; 0 for a single one."""
    return np.std(scores, axis=0, ddof=1 if len(scores) > 1 else 0)


def report(name, scores):
    """Prints mean ± standard deviation of scores (n_seeds, 2), and returns them as an array."""
    (decibels, similarity), (spread, spread_ssim) = np.mean(scores, axis=0), deviation(scores)
    print(f"{name:22} PSNR {decibels:5.2f} ± {spread:.2f} dB, SSIM {similarity:.3f} ± {spread_ssim:.3f}")
    return np.array(scores)


# %% [markdown]
# Now the training: lesson 01's dense 784-32-784, and a deeper and wider one, 784-512-128-512-784.

# %%
dense_32 = train(lambda: build_dense_autoencoder(32), "dense 32", gaussian_pair, budget(2, quick=3), 3e-3)
dense_128 = train(
    lambda: build_dense_autoencoder(128, hidden=(512,)), "dense 512-128", gaussian_pair, budget(2, quick=3), 1e-3
)

# %%
networks = {"dense 32": dense_32, "dense 512-128": dense_128}
scores = {name: [quality(clean, images)] for name, images in with_last_step.items()}
for name, models in networks.items():
    scores[name] = [quality(clean, restore(model, noisy)) for model in models]
for name, several in scores.items():
    report(name, several)
image_rows(
    {"original": clean[:10], "noisy": noisy[:10]}
    | {name: restore(models[0], noisy[:10]) for name, models in networks.items()}
)

# %% [markdown]
# **What to notice.** In PSNR 784-32-784 is a third of a decibel above the best filter (below it in the quick profile), in SSIM no better: not much for seeing fifty-five thousand digits. Its code of 32 numbers is narrow, and one layer each way has little power to tell noise
# from strokes. The other one does better. It is deeper as well as wider, so this does not say which of the two
# helped; the convolutional network below has no bottleneck at all.
#
# ## Why the noise must be fresh
#
# Noise is data that cost nothing. What happens if you damage each image only once, before training? A dense 784-128-784, the same few digits, the same number of steps.

# %%
few, unseen = mnist.x_train[: budget(512, quick=256)], mnist.x_valid[:500]
unseen_pair = gaussian_pair(unseen, np.random.default_rng(5))


def fixed_noise(seed):
    """Batches whose noise was drawn once. `labels` travel along with their images: here they are the noisy inputs."""
    noisy_few, _ = gaussian_pair(few, np.random.default_rng(seed))
    return FreshBatches(few, lambda images, labels, rng: (labels, images), labels=noisy_few, batch_size=32, seed=seed)


def fresh_noise(seed):
    return FreshBatches(few, gaussian_pair, batch_size=32, seed=seed)


# %%
errors, watched = {}, {"validation_data": unseen_pair, "validation_batch_size": 500}
for name, make_batches in {"fixed noise": fixed_noise, "fresh noise": fresh_noise}.items():
    runs = []
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        model, batches = build_dense_autoencoder(128), make_batches(seed)
        model.compile(keras.optimizers.Adam(3e-3), loss="binary_crossentropy", metrics=["mse"], **fast(model))
        bar = callbacks(f"{name}, seed {seed}")
        runs.append(model.fit(batches, epochs=20, **watched, verbose=0, callbacks=bar).history)
    errors[f"{name}, training"] = np.array([run["mse"] for run in runs])
    errors[f"{name}, unseen digits"] = np.array([run["val_mse"] for run in runs])
bands(errors, "epoch", "mean squared error")

# %%
for name, runs in errors.items():
    print(f"{name:26} best {np.mean(np.min(runs, axis=1)):.4f}, last {np.mean(runs[:, -1]):.4f}")
overfit = errors["fixed noise, unseen digits"][:, -1] / errors["fresh noise, unseen digits"][:, -1]
print(f"fixed over fresh, last epoch, unseen digits: {np.mean(overfit):.2f} ± {deviation(overfit):.2f}")

# %% [markdown]
# **What to notice.** With fixed noise the training error keeps falling while the error on unseen digits stalls after about twelve epochs, a fifth above that with fresh noise: the network learns the noise of each image by heart.
# With fresh noise it never meets the same input twice. The curves still part, because the *digits* are few and do come back, but far less. (In the first few epochs the training error stands above the other: Keras averages it over the epoch, while the network still improves fast, and measures the other at the end.)
#
# ## What the network really answers
#
# ### The mean of all possible originals
#
# Many originals fit one damaged image. Which should the network answer? For a given $\tilde x$, the squared error of an answer $\hat x$, averaged over the originals that fit, is
#
# $$\mathbb E\big[\lVert x - \hat x\rVert^2 \,\big|\, \tilde x\big] = \lVert \mathbb E[x\,|\,\tilde x] - \hat x\rVert^2 + \text{the variance of } x \text{ given } \tilde x .$$
#
# The second term doesn't depend on $\hat x$. So the best answer is the **posterior mean** $\mathbb E[x\,|\,\tilde x]$: the average of all originals, each weighted by its probability given what was seen.
# The cross-entropy leads to the same answer. Its average over the originals is $-m_i \log \hat x_i - (1 - m_i)\log(1 - \hat x_i)$ with $m = \mathbb E[x\,|\,\tilde x]$, and that is least at $\hat x_i = m_i$.
#
# An average of several sharp pictures is a blurred picture. **Blur is how such a network says "I don't know".**
#
# ### Exercise 3: the best guess for one pixel
#
# A pixel is white (1) with probability `share`, else black (0). It is seen through Gaussian noise of standard deviation `sigma`, not clipped. Write its posterior mean.


# %% tags=["nbval-check-output"]
def best_guess(seen, sigma, share):
    """The mean of a pixel that is 0 or 1, given the value `seen` through Gaussian noise; `seen` may be an array."""
    return ...  # your code


best_guess = ex.best_guess.check(best_guess)

# %%
ink = float(np.mean(mnist.x_train))
seen = np.linspace(-1, 2, 200)
print(f"share of ink in the training digits: {ink:.2f}")
guesses = {f"σ = {sigma}": best_guess(seen, sigma, ink) for sigma in (0.1, 0.3, 0.5, 1.0)}
curves(guesses, "value seen", "best guess", x=seen, levels={"share of ink": ink})

# %% [markdown]
# **What to notice.** With little noise the best guess is a threshold. With much noise it is a shrug: it moves only slowly away from the share of ink. At $\sigma = 1$ even a pixel seen as 1 is guessed as only 0.2. A pixel alone can't be saved at $\sigma = 0.5$;
# its neighbours, and all that one knows about digits, must help.
#
# ### The best guess in a small world
#
# How far can knowledge of digits go? Suppose the world holds only $N$ digits $x^{(1)}, \dots, x^{(N)}$, the first ones of the training set, all equally likely. The noise is not clipped, in this section and the next.
# Then a noisy image has the density $p(\tilde x\,|\,x^{(j)}) \propto \exp\big(-\lVert \tilde x - x^{(j)}\rVert^2 / 2\sigma^2\big)$ around the digit that it came from, and the posterior mean is a sum that we can compute without any network:
#
# $$\mathbb E[x\,|\,\tilde x] = \sum_{j=1}^N w_j\, x^{(j)}, \qquad w_j = \frac{p(\tilde x\,|\,x^{(j)})}{\sum_l p(\tilde x\,|\,x^{(l)})} .$$

# %%
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax


def posterior_weights(seen, world, sigma):
    """The probability of each image of the world given each noisy one, flat images (n, d): (n_seen, n_world)."""
    return softmax(-cdist(seen, world, "sqeuclidean") / (2 * sigma**2), axis=1)


def posterior_mean(seen, world, sigma):
    """The best guess for each noisy image, flat images (n, d)."""
    return posterior_weights(seen, world, sigma) @ world


def flat(images):
    return images.reshape(len(images), -1).astype(np.float64)


def as_images(rows):
    """Flat images (n, 784), as images again; what lies outside [0, 1] is cut off for the picture."""
    return np.clip(rows, 0, 1).reshape(-1, 28, 28, 1).astype(np.float32)


# %%
world, secret = flat(mnist.x_train[: budget(10_000, quick=3000)]), flat(mnist.x_test[:8])
rows = {"test digits": as_images(secret)}
for sigma in (0.5, 1.0, 2.0, 4.0):
    seen = secret + sigma * np.random.default_rng(7).standard_normal(secret.shape)
    rows |= {f"σ = {sigma:g}": as_images(seen)}
    rows |= {f"best guess (σ = {sigma:g})": as_images(posterior_mean(seen, world, sigma))}
    w = posterior_weights(seen, world, sigma)
    candidates = np.exp(-np.sum(w * np.log(w + 1e-300), axis=1))
    print(f"σ = {sigma:g}: a best guess blends about {np.median(candidates):,.1f} digits")
image_rows(rows)

# %% [markdown]
# **What to notice.** With $\sigma = 0.5$ one or two digits of the small world mostly explain the noisy image far better than all others, and most guesses are sharp, though not quite the right digit: the true one is not in this world.
# As the noise grows, more and more digits are possible, and their mean is blurred. A guess can also be quite clear and wrong. No training was involved, so no better training would remove the blur. It is in the loss.
# The number printed is the median, over the images, of the exponential of the entropy of the weights: how many equally likely digits would be as uncertain.
#
# How good is this guess, in decibels? It is the best there is *for images of its world*. For the test digits, which are not of it, let us measure.

# %%
hidden = flat(clean) + 0.5 * np.random.default_rng(9).standard_normal((len(clean), 784))
of_world = world[:N_TEST] + 0.5 * np.random.default_rng(9).standard_normal((N_TEST, 784))
found = np.argmax(posterior_weights(of_world, world, 0.5), axis=1) == np.arange(N_TEST)
print(f"noisy digits of the world itself: {np.mean(found):.0%} recognised among {len(world):,}")
world_scores = {}
for size in budget((100, 1000, 10_000), quick=(100, 1000, 3000)):
    guess = as_images(posterior_mean(hidden, world[:size], 0.5))
    world_scores[size] = np.mean(psnr(clean, guess))
    print(f"noisy test digits, world of {size:6,} digits: PSNR {world_scores[size]:.2f} dB")
print(f"best filter: {max(np.mean(psnr(clean, images)) for images in with_last_step.values()):.2f} dB")
print(f"dense 512-128: {np.mean(scores['dense 512-128'], axis=0)[0]:.2f} dB")

# %% [markdown]
# **What to notice.** In its own world the guess is all but perfect. On new digits a list of 10,000 is *no better than a filter*: it can only answer with digits that it has seen, whole ones. A tenfold larger world adds a decibel and a half; by that trend the 55,000 that the networks learn from would reach some 17.3 dB, below the dense 512-128. (And the guess has the easier, unclipped noise here.)
# A network has not stored its digits as wholes. It has learned strokes, and puts them together anew, so it is the better guesser for digits that it never saw.
# So the network's answer is closer to the posterior mean over *all* digits than the list's is.
#
# ## The best guess points to where data are likely
#
# There is a second way to read the posterior mean. Let $p(\tilde x)$ be the density of noisy images: of all the pictures that clean images and noise can give, how likely is this one? In the small world
#
# $$p(\tilde x) = \frac1N \sum_{j=1}^N \frac{1}{(2\pi\sigma^2)^{d/2}} \exp\Big(-\frac{\lVert \tilde x - x^{(j)}\rVert^2}{2\sigma^2}\Big) .$$
#
# Take the gradient of its logarithm. The derivative of each term is the term times $(x^{(j)} - \tilde x)/\sigma^2$, and each term over the sum of all is its weight $w_j$. So
#
# $$\nabla \log p(\tilde x) = \sum_j w_j\, \frac{x^{(j)} - \tilde x}{\sigma^2} = \frac{\mathbb E[x\,|\,\tilde x] - \tilde x}{\sigma^2} .$$
#
# This is **Tweedie's formula**. It holds for every distribution of images, with an integral in place of the sum, as long as the noise is Gaussian and not clipped. The left side, the direction in which the density rises fastest, is called the **score**.
# The right side is what a denoiser takes away, times $-1/\sigma^2$. **To denoise is to step uphill in probability.** A network that is trained to denoise learns the score on the way, though nobody ever tells it a density: *denoising score matching* (Vincent 2011).
#
# Believe no formula that you can check. On the left we put finite differences of $\log p$ along random directions $u$ in the space of 784 pixels; on the right the posterior mean.


# %%
def log_density(seen, world, sigma):
    """log p of flat noisy images (n, d) in a small world; shape (n,)."""
    log_terms = -cdist(seen, world, "sqeuclidean") / (2 * sigma**2)
    return logsumexp(log_terms, axis=1) - np.log(len(world)) - world.shape[1] / 2 * np.log(2 * np.pi * sigma**2)


print("slope of log p along a random direction:  by differences   by the best guess")
rng, step, worst = np.random.default_rng(10), 1e-4, 0.0
for sigma in (0.5, 1.0, 2.0):
    seen = secret[:3] + sigma * rng.standard_normal((3, 784))
    u = rng.standard_normal(784)
    ends = [log_density(seen + sign * step * u, world, sigma) for sign in (1, -1)]
    by_differences = (ends[0] - ends[1]) / (2 * step)
    by_guess = (posterior_mean(seen, world, sigma) - seen) / sigma**2 @ u
    worst = max(worst, np.max(np.abs(by_differences - by_guess)) / np.max(np.abs(by_guess)))
    for pair in zip(by_differences, by_guess):
        print(f"σ = {sigma:<36g}" + "".join(f"  {slope:17.5f}" for slope in pair))
expect("Tweedie's formula: largest deviation, as a share of the slope", worst, at_most=1e-5)

# %% [markdown]
# `expect` prints a measured number beside a bound and stops the notebook if the bound is missed.
#
# What does such a field of arrows look like? With 784 pixels nobody can draw it, but an image of *two* pixels is a point in the plane. A world of three such images:

# %%
three = np.array([[0.1, 0.2], [0.9, 0.3], [0.5, 0.9]])
grid = np.linspace(-0.6, 1.6, 12)
places = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
fields = {f"σ = {sigma}": (posterior_mean(places, three, sigma) - places) / 4 for sigma in (0.15, 1.0)}
arrows_on_plane(fields, places, three, xlabel="pixel 1", ylabel="pixel 2")

# %% [markdown]
# **What to notice.** Each arrow goes a quarter of the way from a noisy image to its best guess. With little noise the plane falls into three territories, and each arrow points at the image that rules there. With much noise the territories melt into one, and nearly all arrows point to the middle.
# That suggests a way to *make* images: start anywhere, follow the arrows of much noise to the region where images are, and let $\sigma$ shrink on the way.
#
# ### A walk from noise to a digit
#
# Suppose $\tilde x = x + \sigma n$, and we want the same image with less noise, $x + \sigma' n$ with $\sigma' < \sigma$. If the guess were exactly $x$, we would go the share $1 - \sigma'/\sigma$ of the way to it:
#
# $$\tilde x \;\leftarrow\; \tilde x + \Big(1 - \frac{\sigma'}{\sigma}\Big)\,\big(\mathbb E[x\,|\,\tilde x] - \tilde x\big) .$$
#
# The guess is not exact, but the next one, with less noise, is better. So we take many small steps. The start is *pure noise*, $\sigma = 8$: no digit is hidden in it.
#
# ### Exercise 4: a prediction
#
# Ten walks start from ten draws of pure noise in a small world of 2,000 digits, and $\sigma$ shrinks to 0. Where do they end? Write down what you expect, one of `"digits of the world"`, `"new digits"`, `"the mean of all digits"`, before you run the walk.

# %%
walk_end = ...  # your prediction


# %%
def walk(start, world, sigmas):
    """Follows the best guess while the noise shrinks along `sigmas`; all stations (len(sigmas), n, d)."""
    stations = [start]
    for sigma, smaller in pairwise(sigmas):
        here = stations[-1]
        stations.append(here + (1 - smaller / sigma) * (posterior_mean(here, world, sigma) - here))
    return np.array(stations)


small_world = world[:2000]
sigmas = np.append(np.geomspace(8, 0.05, 40), 0)
stations = walk(8 * np.random.default_rng(11).standard_normal((10, 784)), small_world, sigmas)
shown = (0, 8, 16, 20, 24, 40)
image_rows({f"σ = {sigmas[i]:.2g}": as_images(stations[i]) for i in shown})

# %% tags=["nbval-check-output"]
distances = cdist(stations[-1], small_world)
print("different digits of the world reached:", len(set(np.argmin(distances, axis=1))), "of 10 walks")
at_digits = np.all(np.min(distances, axis=1) < 0.01)
ex.walk_end.check(walk_end, "digits of the world" if at_digits else "new digits")

# %% [markdown]
# **What to notice.** Out of nothing but noise come digits, another one for each noise: a denoiser, used in small steps, *draws samples*. This is how **diffusion models** work; the walk above is a deterministic sampler of theirs (Euler steps of the probability-flow equation; Song et al. 2021).
#
# And every walk ends exactly at a digit of the small world. It must: the last step answers with the best guess at $\sigma = 0.05$, and there a single digit has all the weight. Here is the remarkable part. A diffusion model has a trained network in place of the exact posterior mean. If the network were perfect on its training set,
# it would only ever give back training images. It makes new ones because it is *not*: like the denoisers of this lesson, it has learned strokes rather than a list.
#
# **This is a good place for a break.** So far: what a denoiser answers, and what that means. After the break: better networks, and where they fail.
#
# ## A convolutional denoiser
#
# A dense layer must learn what a stroke looks like at each of the 784 places anew. A **convolution** learns it once: it slides one small set of weights, a *kernel*, over the image. (Keras calls it a filter, too; it is not one of the filters above, and its argument `filters` is the number of kernels.) With `strides=2` it moves two pixels
# at a time and so halves height and width; `Conv2DTranspose` with `strides=2` doubles them again. The code is then not a list of numbers but a **map**: a small image with many channels, each of
# its places in charge of one region.
#
# How large a region does it see, its **receptive field**? A kernel of $k$ places that stand $\Delta$ pixels apart adds $(k - 1)\,\Delta$ pixels to what one place sees. Two convolutions of 4 × 4 with stride 2, then `middle`
# further ones of 3 × 3 on the small map, where neighbours stand 4 pixels apart:

# %% tags=["nbval-check-output"]
for middle in range(4):
    kernels, apart = [4, 4] + [3] * middle, [1, 2] + [4] * middle
    field = 1 + sum((k - 1) * delta for k, delta in zip(kernels, apart))
    print(f"{middle} middle convolutions: a place of the 7 × 7 map sees {field} × {field} pixels")

# %% [markdown]
# A stroke fits into 10 pixels, a digit doesn't. With three middle convolutions the places in the middle of the map see the whole digit,
# and those at the rim, whose field sticks out of the image, the greater part of it.
#
# ### Exercise 5: build the denoiser
#
# Return an `Autoencoder(encoder, decoder)` of convolutions only. Each entry of `filters` is a level of the encoder, that many channels at half the height and width; then, still in the encoder, come `middle` convolutions of 3 × 3 that keep shape and channels.
# Use 4 × 4 kernels where the size changes, `padding="same"` throughout, and ReLU after every layer but the last. The decoder climbs back with one `Conv2DTranspose` a level, through the numbers of channels in reverse (for `filters=(24, 48)` to 24, then to the image's), and ends in a sigmoid. Encoder and decoder
# are two `keras.Model`; `Autoencoder` comes from `course_utils.models`.


# %% tags=["nbval-check-output"]
def build_denoiser(image_shape, filters, middle):
    """A convolutional `Autoencoder`; its code is a map (height / 2ⁿ, width / 2ⁿ, filters[-1]) with n = len(filters)."""
    return ...  # your code


build_denoiser = ex.build_denoiser.check(build_denoiser)


# %%
def conv():
    return build_denoiser((28, 28, 1), budget((24, 48), quick=(16, 32)), middle=3)


print(f"code {conv().encoder.output_shape[1:]}, {conv().count_params():,} parameters")
print(f"the dense ones: {dense_32[0].count_params():,} and {dense_128[0].count_params():,} parameters")
specialist = train(conv, "σ = 0.5", gaussian_pair, budget(2, quick=3), budget(2e-3, quick=4e-3))

# %%
scores["convolutional"] = [quality(clean, restore(model, noisy)) for model in specialist]
scores = {name: report(name, several) for name, several in scores.items()}
means = {name.replace(" ", "\n", 1): several[:, 0].mean() for name, several in scores.items()}
spreads = {name.replace(" ", "\n", 1): deviation(several[:, 0]) for name, several in scores.items()}
bars(means, "mean PSNR (dB)", spread=spreads, title="Gaussian noise, σ = 0.5, test digits")

# %% tags=["picture"]
best_filter = max(with_last_step, key=lambda name: np.mean(psnr(clean, with_last_step[name])))
lead = scores["convolutional"][:, 0] - scores[best_filter][0, 0]
share = error_left(lead.mean())
print(f"{lead.mean():.1f} dB above the best filter: {share:.0%} of its squared error (geometric mean of the images)")
image_rows(
    {
        "noisy": noisy[:10],
        f"best filter\n({best_filter})": with_last_step[best_filter][:10],
        "convolutional\ndenoiser": restore(specialist[0], noisy[:10]),
        "original": clean[:10],
    }
)

# %% [markdown]
# **What to notice.** The filters smear what they see. The network redraws it: even strokes, black background, plausible digits. Show more digits (change `[:10]`) to find one that it redrew *wrongly*: where the noise has eaten a decisive
# stroke, the answer is a clean picture of something else, or a pale blend of two digits. Its code is a map of 7 × 7 × 48 = 2,352 numbers, three times as many as the image has pixels:
# no bottleneck at all, and none is needed. The lead over the filters is many times the spread of the seeds, so it is a result.
#
# ## One network for three kinds of damage
#
# So far the network knew one kind of damage at one strength. Teach another one all three, at all strengths.
#
# ### Exercise 6: mixed damage
#
# Write the function that `FreshBatches` calls for each batch. Pick one of the three kinds at random, all images of the batch alike, and one random strength for the whole batch: $\sigma$ from 0 to 1, a share from 0 to 0.5, or a square block of side 4 to 14 pixels, both included.
# You have `gaussian_noise(images, sigma, rng)`, which is your `add_noise`, `salt_and_pepper(images, amount, rng)` and `mask_block(images, size, rng)`.


# %% tags=["nbval-check-output"]
def mixed_damage(images, rng):
    """The pair (damaged, images): one kind of damage of random strength for the whole batch."""
    return ...  # your code


mixed_damage = ex.mixed_damage.check(mixed_damage)

# %% [markdown]
# The **generalist** gets as many steps as the **specialist** above had for its one kind and strength.

# %%
generalist = train(conv, "three kinds", mixed_damage, budget(2, quick=3), budget(2e-3, quick=4e-3))

# %%
rows = {}
for name, (originals, damaged, *_) in filtered.items():
    rows |= {name: damaged[:10], f"restored ({name.split(',')[0]})": restore(generalist[0], damaged[:10])}
    rows[f"original ({name.split(',')[0]})"] = originals[:10]
image_rows(rows)

# %% [markdown]
# **What to notice.** A missing block is filled in from what stands around it, something no smoothing filter can do. Where the block hides the part that decides, a grey haze marks the network's doubt: the posterior mean again.
#
# ## Noise of another strength
#
# The specialist has seen $\sigma = 0.5$ only. What does it do with weaker and with much stronger noise? The filters are tuned again for **each** strength; "best filter" is the best of the three at that strength.
#
# From here on the networks get the same help as the filters. They are offered the last step, gain and offset. And since a filter, with its setting tuned, treats a dim image like a bright one, which a network does not,
# they are offered a *first* step as well: the image stretched, so that its darkest pixel is 0 and its brightest 1. Both are used only where they help on the validation images.

# %%
NETWORKS = {"specialist": specialist, "generalist": generalist}


def stretched(images):
    low, high = (extreme(images, axis=(1, 2, 3), keepdims=True) for extreme in (np.min, np.max))
    return (images - low) / np.maximum(high - low, 1e-6)


def as_method(model):
    """A network's settings, as a filter's: the image as it comes, or stretched."""
    return {"as it comes": lambda images: restore(model, images), "stretched": lambda x: restore(model, stretched(x))}


METHODS = FILTERS | {
    (name, seed): as_method(model) for name, models in NETWORKS.items() for seed, model in zip(SEEDS, models)
}


# %%
mean_digit = mnist.x_train.mean(axis=0)  # an answer that does not look at the image


def decibels(run):
    """Mean PSNR of what `compare` gave, by line of the table: the damaged images, each filter, each network's seeds."""
    clean, damaged, _, helped, _ = run
    result = {"as it is": [np.mean(psnr(clean, damaged))]}
    result["mean digit"] = [np.mean(psnr(clean, np.broadcast_to(mean_digit, clean.shape)))]
    result |= {name: [np.mean(psnr(clean, helped[name]))] for name in FILTERS}
    result["best filter"] = max(result[name] for name in FILTERS)
    for name, models in NETWORKS.items():
        result[name] = [np.mean(psnr(clean, helped[name, seed])) for seed in SEEDS]
        result[f"{name}, no help"] = [np.mean(psnr(clean, restore(model, damaged))) for model in models]
    return result


# %%
STRENGTHS = (0.1, 0.25, 0.5, 1.0, 1.5)
noises = {f"σ = {sigma:g}": lambda x, rng, sigma=sigma: gaussian_noise(x, sigma, rng) for sigma in STRENGTHS}
runs = {name: compare(damage, METHODS) for name, damage in noises.items()}
measured = {name: decibels(run) for name, run in runs.items()}
lines = ("as it is", "mean digit", "best filter", *NETWORKS)
by_line = {line: [np.mean(measured[name][line]) for name in noises] for line in lines}
curves(by_line, "σ of the noise", "mean PSNR (dB)", x=STRENGTHS)

# %%
print(f"{'':12}" + "".join(f"{name:14}" for name in noises))
for line in lines:
    several = [measured[name][line] for name in noises]
    print(f"{line:12}" + "".join(f"{np.mean(values):5.2f} ± {deviation(values):.2f}  " for values in several))

# %%
rows = {}
for name in ("σ = 0.1", "σ = 1", "σ = 1.5"):
    _, damaged, *_ = runs[name]
    rows |= {name: damaged[:10], f"specialist ({name}),\nno help": restore(specialist[0], damaged[:10])}
    rows[f"generalist ({name}),\nno help"] = restore(generalist[0], damaged[:10])
image_rows(rows)

# %% [markdown]
# **What to notice.** Away from its training the specialist's lead shrinks on both sides. (The flat line is the mean training digit, given as the answer to every image: whoever does not beat it might as well not look.) The pictures say more: it was taught that whatever sticks out of *this much* noise is a stroke, so it draws firm strokes out of stronger noise.
# The generalist has met noise up to $\sigma = 1$, and there it is more cautious. At 1.5 it, too, is beyond its training. It pays for that at $\sigma = 0.5$, where it had fewer lessons. Which of the two is better is a question about the noise to come.
#
# And look at the left end of the curves. At $\sigma = 0.1$ the filters win by far in PSNR, and the networks gain only one or two decibels over no restoring at all (in the quick profile none).
#
# ## What would it take at σ = 0.1?
#
# Are networks no good at weak noise? Two other explanations offer themselves.
#
# 1. **Training.** The specialist has never seen such weak noise, and for the generalist it is one case of many.
# 2. **The detour.** The autoencoder redraws every pixel from a map of 7 × 7 places, even those that needed no repair. There are numbers enough in that map, but to hit every pixel to within some hundredths, it has much to learn.
#
# We test the first by training the same autoencoder on $\sigma = 0.1$. For the second we need a network without the detour, and there is a famous one. In the denoiser of Zhang et al. (2017) all layers keep the image's full size. And they don't draw the image: they draw the *noise*, which is
# then **subtracted** from what came in:
#
# $$f_\theta(\tilde x) = \tilde x - r_\theta(\tilde x) .$$
#
# An input that needs no repair asks for $r_\theta = 0$, the easiest answer for a network. That is a **residual** denoiser, $r_\theta$ is the residual. Ours is a small one: 5 layers in place of 17, 16 channels in place of 64.
#
# <details>
# <summary><b>Question.</b> By Tweedie's formula, what does r learn?</summary>
#
# The best answer for $f_\theta$ is $\mathbb E[x\,|\,\tilde x]$, so the best $r_\theta(\tilde x)$ is $\tilde x - \mathbb E[x\,|\,\tilde x]$. Without clipping that is $-\sigma^2\,\nabla \log p(\tilde x)$: the score, but for a factor. The networks of diffusion models are trained to answer just this, the noise.
# </details>
#
# ### Exercise 7: build the residual denoiser
#
# Return a `keras.Model`: `depth` convolutions of 3 × 3 with `padding="same"`, all of `width` channels and with ReLU, but for the last, which has as many channels as the image and no activation. The output is the input minus what the last one gives.


# %% tags=["nbval-check-output"]
def build_residual(image_shape, width, depth):
    """A residual denoiser (Zhang et al. 2017): images minus what `depth` convolutions make of them."""
    return ...  # your code


build_residual = ex.build_residual.check(build_residual)

# %% [markdown]
# ### Exercise 8: a prediction
#
# Both are trained on $\sigma = 0.1$: the autoencoder on all digits, the residual denoiser, with far fewer parameters, on 20,000 of them. Its output is no sigmoid, so the squared error will do as its loss. Who has the highest PSNR on test digits with
# $\sigma = 0.1$? Write down `"filter"`, `"autoencoder"` or `"residual"` before you train.

# %%
weak_noise_winner = ...  # your prediction


# %%
def weak_pair(images, rng):
    return gaussian_noise(images, 0.1, rng), images


def residual():
    return build_residual((28, 28, 1), width=16, depth=5)


part = mnist.x_train[:20_000]
weak_conv = train(conv, "autoencoder, σ = 0.1", weak_pair, budget(1, quick=2), budget(2e-3, quick=4e-3))
weak_residual = train(
    residual, "residual, σ = 0.1", weak_pair, budget(1, quick=2), 3e-3, loss="mean_squared_error", images=part
)

# %% [markdown]
# The residual denoiser differs from the autoencoder in its full size, in the subtraction, and in smaller things (loss, output, number of layers and of training digits). A control isolates the subtraction: the same full-size layers that draw the image itself, without the subtraction.


# %%
def direct():
    """The residual denoiser's layers without its subtraction."""
    x = images = keras.Input((28, 28, 1))
    for _ in range(4):
        x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    return keras.Model(images, layers.Conv2D(1, 3, padding="same")(x))


weak_direct = train(
    direct, "direct, σ = 0.1", weak_pair, budget(1, quick=2), 3e-3, loss="mean_squared_error", images=part
)

# %%
weak_networks = {"autoencoder": weak_conv, "full size, direct": weak_direct, "full size, residual": weak_residual}
weak_clean, weak_noisy, _, weak_helped, _ = runs["σ = 0.1"]
weak = {name: report(name, [quality(weak_clean, weak_helped[name])]) for name in FILTERS}
for name, models in weak_networks.items():
    weak[name] = report(name, [quality(weak_clean, restore(model, weak_noisy)) for model in models])
best_weak_filter = max(FILTERS, key=lambda name: weak[name][0, 0])
winner = {"filter": best_weak_filter, "autoencoder": "autoencoder", "residual": "full size, residual"}
ex.weak_noise_winner.check(weak_noise_winner, max(winner, key=lambda name: weak[winner[name]][:, 0].mean()))

# %%
image_rows(
    {
        "noisy, σ = 0.1": weak_noisy[:10],
        f"best filter\n({best_weak_filter})": weak_helped[best_weak_filter][:10],
        "autoencoder": restore(weak_conv[0], weak_noisy[:10]),
        "residual": restore(weak_residual[0], weak_noisy[:10]),
        "original": weak_clean[:10],
    }
)

# %% [markdown]
# **What to notice.** Training was a good part of it: taught with this noise, the autoencoder gains two and a half decibels on the specialist, although that one had first and last step to help it. It still loses to the filter, after one pass over the digits.
# Full size, with the other differences, is the greater step: the layers without a detour beat the best filter in PSNR, even where they draw the image themselves. (In SSIM they are level with it.) The subtraction adds a little more, about a quarter of a decibel after this short training, several times the spread of the seeds.
# And all that with a fourteenth of the autoencoder's parameters. What looked like a law, "a network can't keep what needs no repair", was a matter of training and architecture.
#
# Is the residual denoiser the better one, then? Train it on $\sigma = 0.5$, as well.

# %%
strong_residual = train(
    residual, "residual, σ = 0.5", gaussian_pair, budget(1, quick=2), 3e-3, loss="mean_squared_error", images=part
)
strong = report("residual, σ = 0.5", [quality(clean, restore(model, noisy)) for model in strong_residual])
report("autoencoder, σ = 0.5", scores["convolutional"])
print(f"parameters: residual {residual().count_params():,}, autoencoder {conv().count_params():,}")
image_rows(
    {
        "noisy, σ = 0.5": noisy[:10],
        "residual": restore(strong_residual[0], noisy[:10]),
        "autoencoder": restore(specialist[0], noisy[:10]),
        "original": clean[:10],
    }
)

# %% [markdown]
# **What to notice.** Here the autoencoder is ahead. A likely reason: each answer of the residual denoiser rests on 11 × 11 pixels, so it can know strokes, but no digits. It is not the only difference. The autoencoder has 14 times the parameters and had five times the steps, and no control separates these here.
# (In the quick profile, with few digits to learn from, it is behind: so many more parameters ask for more data.)
#
# All this suggests a way round the code for weak noise, and a wide view for strong noise. A **U-Net** (Ronneberger et al. 2015) has both: an autoencoder with full-size paths around its code. It was the network in most of the first diffusion models.
#
# ## Damage that it never met
#
# Now four tests without any training for them:
#
# - **white lines** across the image, like scratches on film;
# - **blotches**: Gaussian noise of neighbouring pixels that is *not* independent;
# - **a white block** instead of a black one;
# - **low contrast**: the image becomes grey on grey, $0.3 + 0.4\,x$, with no noise at all.
#
# The filters are tuned for each of them, and everyone is offered the last step: gain and offset.

# %%
from scipy.ndimage import gaussian_filter


def white_lines(images, rng):
    damaged = images.copy()
    for image in damaged:
        image[rng.choice(28, 2, replace=False)] = 1
        image[:, rng.choice(28, 2, replace=False)] = 1
    return damaged


def blotches(images, rng):
    noise = gaussian_filter(rng.standard_normal(images.shape), (0, 1.5, 1.5, 0))
    return np.clip(images + 0.5 * noise / noise.std(), 0, 1).astype(np.float32)


strangers = {
    "white lines": white_lines,
    "blotches": blotches,
    "white block": lambda images, rng: 1 - mask_block(1 - images, 12, rng),
    "low contrast": lambda images, rng: (0.3 + 0.4 * images).astype(np.float32),
}

# %%
others = {name: damages[name] for name in list(damages)[1:]} | strangers
runs |= {name: compare(damage, METHODS) for name, damage in others.items()}
measured |= {name: decibels(runs[name]) for name in others}
lines = ("as it is", "mean digit", *FILTERS, *NETWORKS, *(f"{name}, no help" for name in NETWORKS))
columns = {"σ = 0.5": "noise\nσ = 0.5"} | {name: name.split(",")[0].replace(" ", "\n", 1) for name in others}
numbers = np.array([[np.mean(measured[name][line]) for name in columns] for line in lines])
table(numbers, lines, list(columns.values()), title="mean PSNR (dB) on test digits")

# %%
rows = {}
for name in strangers:
    originals, damaged, _, helped, _ = runs[name]
    best = max(FILTERS, key=lambda method, name=name: measured[name][method])
    rows |= {name: damaged[:10], f"{best} ({name}),\nwith last step": helped[best][:10]}
    rows[f"generalist ({name}),\nno help"] = restore(generalist[0], damaged[:10])
image_rows(rows | {"original": originals[:10]})

# %% [markdown]
# **What to notice.** Thin white lines go surprisingly well: across the line they stand alone, as salt does. But where a line touches a stroke it may become one. And see the second column: the specialist, which knows Gaussian noise only, is good at salt and pepper too, for that is
# also independent from pixel to pixel. The rest goes badly. Blotches, on which nobody is far above the mean digit, are as smooth and as wide as strokes, so the networks turn them into strokes and write digits that nobody wrote. A white block is taken for ink, though a black one was the generalist's third kind. (The pictures show the networks without help and the filters with their last step. With the same help the networks are ahead there, too, by a decibel at the blotches and half of one at the white block. But that is the caution of a small gain, not a restored digit.)
#
# Low contrast is instructive. It destroys nothing: to do nothing and take the last step would be exact, and total variation and non-local means come close to that, because their weakest settings change little. (The median has no weak setting. And without the last step a filter leaves the image as grey as it came, at about 11 dB.) The networks do better than those 11 dB even without help, but a background that is grey everywhere was in no training batch. The field calls that *out of distribution*.
# Stretch and last step take that trouble away and bring nearly three decibels, for the network then sees a clean digit. It still redraws it, about as well as the median and much worse than the other two leave it: no training batch was free of damage, and every pixel takes the detour. Which of the two weighs more, this does not say. For a filter the last step is enough, because it passes the dimmed image on: the median is **equivariant** to gain and offset, that is, a dimmed input gives a dimmed output; the other two are so for an offset, and for a gain if their setting is scaled with it. A network has that property only if someone builds it in, or trains it in.
#
# Blur warned of a choice between originals that are *usual*. Of damage that is unusual the answer carries no warning. Some of these failures can be seen, others look like clean digits. The network does not know what it does not know.
#
# The dim pictures of the filters have a reason too. Where a filter can't tell blotch from stroke, the best gain is a small one: grey is the safe answer for the squared error. It is the same caution as the posterior mean's, with only two numbers to express it.
#
# <details>
# <summary><b>Question.</b> Could you train a denoiser without a single clean image, on pairs of two noisy versions of the same image?</summary>
#
# Yes, if the noise has the mean zero and the two versions' noises are independent. The best answer is the posterior mean of the *target*, and the mean of a noisy target is the clean image
# (Lehtinen et al., Noise2Noise). Our noise is clipped, so its mean is not zero: the network would learn a background of about 0.2 and dull strokes. Try it: only `gaussian_pair` changes.
# </details>
#
# <details>
# <summary><b>Question.</b> A doctor wants to denoise X-ray images with such a network. What would you ask first?</summary>
#
# What the network does with something it has never seen. It answers with the mean of what was *usual* in its training given what it sees. A rare finding is, by definition, not usual: it may be smoothed away, or a usual structure drawn in its place, in a picture
# that looks cleaner than the truth. Filters fail visibly; networks fail plausibly.
# </details>
#
# ## What you should see
#
# The comparison is with the *best* of the three filters on these very test images, each tuned for that very damage: first with our gain and offset, which is harder to beat, then as scikit-image has them.

# %% tags=["headline"]
conv_scores = scores["convolutional"].mean(axis=0)
what = "σ = 0.5: convolutional denoiser above the best filter with gain and offset"
expect(what, np.mean(lead), at_least=budget(3, quick=0.1), unit="dB")
expect(
    "the same, above the best filter without them",
    conv_scores[0] - max(np.mean(psnr(clean, images)) for images in as_they_are.values()),
    at_least=budget(5, quick=2),
    unit="dB",
)
expect("its SSIM", conv_scores[1], at_least=budget(0.85, quick=0.7))
expect(
    "fixed noise, error on unseen digits as a multiple of that with fresh noise",
    np.mean(overfit),
    at_least=budget(1.15, quick=1.1),
)


# %%
def above_filters(name, line):
    """How far a line of the table is above the best filter, in dB, mean of the seeds."""
    return np.mean(measured[name][line]) - np.mean(measured[name]["best filter"])


for name in list(damages)[1:]:
    expect(
        f"{name}: generalist above the best filter",
        above_filters(name, "generalist"),
        at_least=budget(1.8, quick=0.2),
        unit="dB",
    )

# %%
residual_scores, direct_scores = (weak[f"full size, {kind}"][:, 0].mean() for kind in ("residual", "direct"))
best_weak = weak[best_weak_filter][0, 0]
expect(
    "σ = 0.1: residual denoiser above the best filter",
    residual_scores - best_weak,
    at_least=budget(0.9, quick=0.2),
    unit="dB",
)
expect("σ = 0.1: what the subtraction is worth", residual_scores - direct_scores, at_least=0.1, unit="dB")
expect(
    "σ = 0.1: full-size layers above an autoencoder trained for the same noise",
    direct_scores - weak["autoencoder"][:, 0].mean(),
    at_least=budget(3.3, quick=1.5),
    unit="dB",
)

# %% [markdown]
# And the failures, held to bounds as well, so that nobody can leave them out:

# %%
expect(
    "σ = 0.1: best filter above the autoencoder trained at σ = 0.5",
    -above_filters("σ = 0.1", "specialist"),
    at_least=4,
    unit="dB",
)
expect(
    "σ = 0.1: best filter above the autoencoder trained at σ = 0.1",
    best_weak - weak["autoencoder"][:, 0].mean(),
    at_least=budget(2.4, quick=0.5),
    unit="dB",
)
expect(
    "σ = 0.5: convolutional denoiser above the exact best guess of the small world",
    np.mean(measured["σ = 0.5"]["specialist, no help"]) - world_scores[len(world)],
    at_least=budget(3, quick=1.5),
    unit="dB",
)
# %%
expect(
    "low contrast: generalist with help, where to do nothing and take the last step would be exact",
    np.mean(measured["low contrast"]["generalist"]),
    at_most=27,
    unit="dB",
)
for name, at_most in {"blotches": 1, "white block": budget(-1.5, quick=1)}.items():
    left = np.mean(measured[name]["generalist, no help"]) - np.mean(measured[name]["mean digit"])
    expect(f"{name}: generalist above the mean digit", left, at_most=at_most, unit="dB")

# %% [markdown]
# ## Summary
#
# - A denoising autoencoder is an autoencoder with a damaged input and a clean target. It may have a wide code: copying no longer pays.
# - The damage is drawn anew for every batch. Fixed noise is learned by heart.
# - The squared error and the cross-entropy both lead to the posterior mean. Where much is possible, the mean is a blur.
# - The posterior mean minus the noisy image is $\sigma^2$ times the score, the direction in which the density of noisy images rises (Tweedie). Small steps of denoising lead from noise to a sample.
# - Knowledge of the images beats knowledge of smoothness, by a lot, where there is much to guess. Where there is little, what counts is to leave alone what is right: small networks at full size did so after one short training; our autoencoder, with its small map, did not yet.
# - On damage that resembles the training's (independent from pixel to pixel) the lead may last; on other damage it shrinks or turns, and no blur need warn you.
#
# ## Pitfalls
#
# - **A straw man for a baseline.** Default settings and a grey background that nobody corrects make any network shine. Tune the other side too, and not on test images.
# - **A straw man for a network.** "Networks can't do it" is soon said of one that was trained on something else. Train it for the task, and try another architecture, before you say so.
# - **Noise drawn once**, for instance before `fit`: see the curves above.
# - **Squared error behind a sigmoid** with a mostly black target: the network may answer black for a long time. Look at pictures after the first epoch.
# - **Decibels of a mean, or mean of decibels?** The two differ. Here: PSNR of each image, then the mean.
# - **Clipped or not?** It changes the problem: the mean, the best filter, and the numbers. Tweedie's formula holds without clipping only. Say which.
# - **A clean picture is no proof.** A network can be wrong without a trace of noise left to warn you.
#
# ## References
#
# - Vincent, Larochelle, Bengio & Manzagol, [Extracting and composing robust features with denoising autoencoders](https://doi.org/10.1145/1390156.1390294), ICML 2008.
# - Vincent et al., [Stacked denoising autoencoders](https://jmlr.org/papers/v11/vincent10a.html), JMLR 2010.
# - Rudin, Osher & Fatemi, [Nonlinear total variation based noise removal algorithms](https://doi.org/10.1016/0167-2789(92)90242-F), Physica D 1992.
# - Buades, Coll & Morel, [A non-local algorithm for image denoising](https://doi.org/10.1109/CVPR.2005.38), CVPR 2005.
# - Wang, Bovik, Sheikh & Simoncelli, [Image quality assessment: from error visibility to structural similarity](https://doi.org/10.1109/TIP.2003.819861), 2004.
# - Zhang, Zuo, Chen, Meng & Zhang, [Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising](https://arxiv.org/abs/1608.03981), 2017: DnCNN, for photographs.
# - Robbins, An empirical Bayes approach to statistics, 1956, and Efron, [Tweedie's formula and selection bias](https://doi.org/10.1198/jasa.2011.tm11181), 2011.
# - Vincent, [A connection between score matching and denoising autoencoders](https://doi.org/10.1162/NECO_a_00142), 2011.
# - Ho, Jain & Abbeel, [Denoising diffusion probabilistic models](https://arxiv.org/abs/2006.11239), 2020, and Song et al., [Score-based generative modeling through stochastic differential equations](https://arxiv.org/abs/2011.13456), 2021: the walk, with a network.
# - Kadkhodaie, Guth, Simoncelli & Mallat, [Generalization in diffusion models arises from geometry-adaptive harmonic representations](https://arxiv.org/abs/2310.02557), 2024: when such a network repeats its training images, and when it doesn't.
# - Ronneberger, Fischer & Brox, [U-Net](https://arxiv.org/abs/1505.04597), 2015: the wide view of an autoencoder with full-size paths around it.
# - Lehtinen et al., [Noise2Noise](https://arxiv.org/abs/1803.04189), 2018: learning without clean images.
# - Blau & Michaeli, [The perception-distortion tradeoff](https://arxiv.org/abs/1711.06077), 2018: why a small error and a sharp picture are different goals.
