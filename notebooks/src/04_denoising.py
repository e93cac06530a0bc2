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
# # Denoising: an autoencoder that undoes damage
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/autoencoder-course/blob/main/notebooks/04_denoising.ipynb)
#
# A median filter knows nine pixels. A denoising autoencoder has seen sixty thousand digits, and it shows: from a picture
# that is mostly noise, it draws the digit.
#
# **You will learn**
#
# - how to turn lesson 01's autoencoder into a denoiser by changing one thing, its input;
# - why the noise must be fresh for every batch;
# - what a network trained with the mean squared error really answers, and why the answer is blurred;
# - how to compare fairly with median, total-variation and non-local-means filters, in PSNR and SSIM;
# - where a denoiser fails: noise of another strength, and damage it was never trained on.
#
# **You need** lesson 01 (encoder, code, decoder, `fit`). Convolutions are explained here as far as they are used; lesson 05 has
# the rest. **Time:** 4 to 9 minutes on a 2-core CPU, about half a minute to a minute in the quick profile
# (Colab's free CPU runtime has two cores as well; not measured there).

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules:  # Colab fetches the course's package and keeps its own TensorFlow and NumPy
    get_ipython().run_line_magic("pip", "install --quiet --no-deps git+https://github.com/OWNER/autoencoder-course")

# %%
import numpy as np
from course_utils.corruptions import gaussian_noise, mask_block, salt_and_pepper  # noqa: F401 (you need the first in exercise 5)
from course_utils.data import FreshBatches, load
from course_utils.exercises import lesson_04 as ex
from course_utils.metrics import psnr, ssim
from course_utils.models import build_dense_autoencoder
from course_utils.plotting import bars, curves, image_rows, table
from course_utils.training import budget, callbacks, expect, setup

import keras

setup(seed=4)
mnist = load("mnist")

# %% [markdown]
# ## Three kinds of damage
#
# Write $x$ for an image, a vector of pixels $x_i$ between 0 (black) and 1 (white), and $\tilde x$ for its damaged version.
#
# - **Gaussian noise**, as from a sensor in the dark: $\tilde x_i = \operatorname{clip}(x_i + \sigma n_i)$. The $n_i$ are
#   independent standard normal numbers, $\sigma$ is the strength, and $\operatorname{clip}$ cuts at 0 and 1.
#   **The noisy image is clipped**, here and in the whole lesson: a file format or a screen would do the same.
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
# With the **mean squared error** of an image of $d$ pixels, $\mathrm{MSE} = \frac1d \sum_i (x_i - y_i)^2$ for a restored image $y$, the
# **peak signal-to-noise ratio** is
#
# $$\mathrm{PSNR} = 10 \log_{10} \frac{1}{\mathrm{MSE}} \text{ decibels (dB)},$$
#
# where the 1 is the square of the largest pixel value. Higher is better. Ten decibels are a tenth of the squared error.
#
# ### Exercise 2: PSNR


# %% tags=["nbval-check-output"]
def psnr_db(images, reconstruction):
    """PSNR of each image in dB, for arrays (n, height, width, channels) in [0, 1]; shape (n,)."""
    return ...  # your code


psnr_db = ex.psnr_db.check(psnr_db)

# %% tags=["nbval-check-output"]
grey = np.full((1, 28, 28, 1), 0.5)
for error in (0.2, 0.1, 0.05, 0.01):
    print(f"every pixel off by {error:<4}: PSNR {psnr_db(grey, grey + error)[0]:4.1f} dB")

# %% [markdown]
# PSNR counts every pixel for itself. **SSIM**, the structural similarity, compares means, variances and correlation in small
# windows; 1 means equal. It sees lost structure that PSNR hardly notices, so we report both.
# Both are computed for each image, then averaged over images. `course_utils.metrics` has them as `psnr` and `ssim`.
#
# Filters are slow, so everyone is measured on the same first few hundred test images. One more rule: a block may fall on black background and
# take nothing away. Such an image needs no restoring and has an infinite PSNR, so it is left out.

# %%
N_TUNE, N_TEST = budget(50, quick=6), budget(200, quick=30)


def make_set(images, number, damage, seed):
    """The first `number` images that the damage changes, as a pair (clean, damaged)."""
    images = images[: 2 * number]
    damaged = damage(images, np.random.default_rng(seed))
    changed = np.any(damaged != images, axis=(1, 2, 3))
    return images[changed][:number], damaged[changed][:number]


def in_words(clean, restored):
    """Mean PSNR and mean SSIM."""
    return f"PSNR {np.mean(psnr(clean, restored)):5.2f} dB, SSIM {np.mean(ssim(clean, restored)):.3f}"


print(f"Before any restoring, mean of {N_TEST} test images")
for name, damage in damages.items():
    print(f"{name:24}", in_words(*make_set(mnist.x_test, N_TEST, damage, seed=2)))

# %% [markdown]
# ## What classical filters can do
#
# Three classics, from scikit-image:
#
# - **Median**: each pixel becomes the median of its neighbourhood. Made for salt and pepper.
# - **Total variation** (TV): the image $y$ that minimises $\tfrac12\lVert y - \tilde x\rVert^2 + w \int |\nabla y|$: near the noisy one, but
#   with little total change from pixel to pixel. $w$ is the weight.
# - **Non-local means** (NLM): each pixel becomes a mean of pixels whose *surroundings* look alike, here of those at most 5 pixels away in each direction. $h$ says how alike is alike
#   enough; $s$ is the standard deviation of the noise that the method allows for.
#
# A comparison is only as good as its weaker side's tuning. So each filter gets its best setting **for each kind of damage**, from a small grid, on
# training images, and is measured on test images.

# %%
from skimage.filters import median
from skimage.morphology import disk
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle


def nlm(h, s):
    return lambda image: denoise_nl_means(image, patch_size=5, patch_distance=5, h=h, sigma=s)


FILTERS = {
    "median": {
        "3 × 3": lambda image: median(image, np.ones((3, 3))),
        "disc of 13": lambda image: median(image, disk(2)),
        "5 × 5": lambda image: median(image, np.ones((5, 5))),
    },
    "total variation": {
        f"w = {w}": lambda image, w=w: denoise_tv_chambolle(image, weight=w) for w in (0.05, 0.1, 0.15, 0.25, 0.4, 0.6)
    },
    "non-local means": {
        f"h = {h}, s = {s}": nlm(h, s) for h, s in ((0.05, 0), (0.1, 0), (0.2, 0), (0.1, 0.3), (0.15, 0.3), (0.2, 0.5))
    },
}

# %% [markdown]
# And the brighter background? A filter that averages turns it into an even grey, which costs many decibels though any eye can see past it.
# To be fair we give each filter a last step that undoes it: output $= \operatorname{clip}(a \cdot \text{filtered} + b)$, a **gain** $a$ and an **offset** $b$
# fitted on training images by least squares. We report the filters with and without it.


# %%
def filter_all(function, images):
    """Applies a function of one grey image (height, width) to each of `images`."""
    filtered = np.stack([function(image[..., 0]) for image in images])[..., np.newaxis]
    return np.clip(filtered, 0, 1).astype(np.float32)


def tune(settings, clean, damaged):
    """The best setting on training images, as (name, gain, offset): one with the last step if that helps, one without."""
    corrected, plain = [], []
    for name, function in settings.items():
        filtered = filter_all(function, damaged)
        gain, offset = np.polyfit(filtered.ravel(), clean.ravel(), 1)
        with_step = np.clip(gain * filtered + offset, 0, 1).astype(np.float32)
        corrected.append((np.mean(psnr(clean, with_step)), name, gain, offset))
        plain.append((np.mean(psnr(clean, filtered)), name, 1.0, 0.0))
    return max(corrected + plain)[1:], max(plain)[1:]


def apply(settings, choice, damaged):
    name, gain, offset = choice
    return np.clip(gain * filter_all(settings[name], damaged) + offset, 0, 1).astype(np.float32)


# %%
def compare_filters(damage, *, show=True):
    """Tunes each filter on training images and restores test images: (clean, damaged, {filter: restored})."""
    train = make_set(mnist.x_train, N_TUNE, damage, seed=3)
    clean, damaged = make_set(mnist.x_test, N_TEST, damage, seed=2)
    restored = {}
    for name, settings in FILTERS.items():
        corrected, plain = tune(settings, *train)
        restored[name] = apply(settings, corrected, damaged)
        if show:
            as_it_is = in_words(clean, apply(settings, plain, damaged))
            print(f"  {name:15} {plain[0]:15} {as_it_is}")
            print(f"{'with gain and offset':>17} {corrected[0]:15} {in_words(clean, restored[name])}", end="")
            print(f" (gain {corrected[1]:.2f}, offset {corrected[2]:+.2f})")
    return clean, damaged, restored


# %%
tests = {}
for name, damage in damages.items():
    print(name)
    tests[name] = compare_filters(damage)

# %%
clean, noisy, filtered = tests["Gaussian, σ = 0.5"]
image_rows({"original": clean[:10], "noisy": noisy[:10]} | {name: images[:10] for name, images in filtered.items()})

# %% [markdown]
# **What to notice.** Total variation gives flat patches with a digit in them: it knows that images are smooth, and nothing else. Non-local means knows that small patches repeat, and leaves speckles where it finds no match.
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
# the damaged versions $\tilde x$ that each can have. Nothing else changes. In particular, copying the input is no longer a good answer, so the bottleneck is
# no longer needed to prevent it.
#
# The damage is made anew for every batch. `FreshBatches` takes the images and a function of `(images, rng)` that returns the pair
# (input, target); here it is for one kind of damage.


# %%
def gaussian_pair(images, rng):
    return add_noise(images, 0.5, rng), images


batches = FreshBatches(mnist.x_train, gaussian_pair, batch_size=128, seed=4)
inputs, targets = batches[0]
print("inputs", inputs.shape, "targets", targets.shape)

# %% [markdown]
# ### Which loss?
#
# Lesson 01 took the squared error. We take the **binary cross-entropy** $-x_i \log y_i - (1 - x_i) \log(1 - y_i)$ per pixel, for a practical reason.
# The decoder ends in a sigmoid: $y = 1/(1 + e^{-t})$ of some number $t$. By the chain rule the derivatives with respect to $t$ are
#
# $$\frac{\partial}{\partial t} (y - x)^2 = 2\,(y - x)\;y\,(1 - y), \qquad \frac{\partial}{\partial t}\,\text{cross-entropy} = y - x.$$
#
# Most pixels of a digit are black, so the first thing a network learns is to answer black. There $y \approx 0$, and the factor $y(1-y)$ switches the first gradient off,
# even where $x = 1$. In our trials, convolutional networks like the one below, trained on the squared error, still answered black after two passes over all digits.
# The next section shows that both losses have the same best answer.

# %% tags=["nbval-check-output"]
target = 1.0
print("gradient at a white pixel that the network believes to be black")
for t in (0.0, -3.0, -6.0):
    y = 1 / (1 + np.exp(-t))
    print(f"answer {y:.4f}: squared error {2 * (y - target) * y * (1 - y):+.4f}, cross-entropy {y - target:+.4f}")

# %% [markdown]
# Now the training: lesson 01's dense 784-32-784, and a deeper and wider one, 784-512-128-512-784. Adam's steps shrink to zero along a cosine, as in lesson 01.

# %%
BATCH = budget(128, quick=32)


def train(model, name, make_pair, epochs, step):
    """Trains on fresh damage and returns the model."""
    batches = FreshBatches(mnist.x_train, make_pair, batch_size=BATCH, seed=4)
    schedule = keras.optimizers.schedules.CosineDecay(step, epochs * len(batches))
    model.compile(keras.optimizers.Adam(schedule), loss="binary_crossentropy")
    model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks(name))
    return model


def restore(model, images):
    return model.predict(images, batch_size=200, verbose=0)


dense_32 = train(build_dense_autoencoder(32), "dense 32", gaussian_pair, 3, 3e-3)
dense_128 = train(build_dense_autoencoder(128, hidden=(512,)), "dense 512-128", gaussian_pair, budget(3, quick=2), 2e-3)

# %%
by_network = {"dense 32": restore(dense_32, noisy), "dense 512-128": restore(dense_128, noisy)}
for name, images in (filtered | by_network).items():
    print(f"{name:16} {in_words(clean, images)}")
image_rows({"original": clean[:10], "noisy": noisy[:10]} | {name: images[:10] for name, images in by_network.items()})

# %% [markdown]
# **What to notice.** In PSNR 784-32-784 is only a little above a well-tuned filter; in SSIM it is clearly better, for its background is black. Its code of 32 numbers is narrow, and one layer each way has little power to tell noise
# from strokes. The other one does better. It is deeper as well as wider, so this does not say which of the two
# helped; the convolutional network below has no bottleneck at all.
#
# ## Why the noise must be fresh
#
# Noise is data that cost nothing. What happens if you damage each image only once, before training? A dense 784-128-784, the same few digits, the same number of steps.

# %%
few, unseen = mnist.x_train[:500], mnist.x_test[:500]
unseen_pair = gaussian_pair(unseen, np.random.default_rng(5))
fixed_pair = gaussian_pair(few, np.random.default_rng(6))
histories = {}
for name, make_pair in {"fixed noise": None, "fresh noise": gaussian_pair}.items():
    keras.utils.set_random_seed(4)
    model = build_dense_autoencoder(128)
    model.compile(keras.optimizers.Adam(3e-3), loss="binary_crossentropy", metrics=["mse"])
    options = {
        "epochs": 20,
        "validation_data": unseen_pair,
        "verbose": 0,
        "callbacks": callbacks(name),
    }
    if make_pair is None:
        history = model.fit(*fixed_pair, batch_size=32, **options)
    else:
        history = model.fit(FreshBatches(few, make_pair, batch_size=32, seed=4), **options)
    histories[f"{name}, training"] = history.history["mse"]
    histories[f"{name}, test digits"] = history.history["val_mse"]
curves(histories, "epoch", "mean squared error")

# %%
best = {name: min(losses) for name, losses in histories.items()}
last = {name: losses[-1] for name, losses in histories.items()}
for name in histories:
    print(f"{name:25} best {best[name]:.4f}, last {last[name]:.4f}")
overfit = last["fixed noise, test digits"] / last["fresh noise, test digits"]

# %% [markdown]
# **What to notice.** With fixed noise the training error keeps falling while the error on test digits soon stalls and turns up again: the network learns the noise of each image by heart.
# With fresh noise it never meets the same input twice. The curves still part, because the *digits* are few and do come back, but far less.
#
# ## What the network really answers
#
# ### The mean of all possible originals
#
# Many originals fit one damaged image. Which should the network answer? For a given $\tilde x$, the squared error of an answer $y$, averaged over the originals that fit, is
#
# $$\mathbb E\big[\lVert x - y\rVert^2 \,\big|\, \tilde x\big] = \lVert \mathbb E[x\,|\,\tilde x] - y\rVert^2 + \text{the variance of } x \text{ given } \tilde x .$$
#
# The second term doesn't depend on $y$. So the best answer is the **posterior mean** $\mathbb E[x\,|\,\tilde x]$: the average of all originals, each weighted by its probability given what was seen.
# The cross-entropy leads to the same answer. Its average over the originals is $-m_i \log y_i - (1 - m_i)\log(1 - y_i)$ with $m = \mathbb E[x\,|\,\tilde x]$, and that is least at $y_i = m_i$.
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
curves(
    {f"σ = {sigma}": best_guess(seen, sigma, ink) for sigma in (0.1, 0.3, 0.5, 1.0)},
    "value seen", "best guess", x=seen, levels={"share of ink": ink},
)  # fmt: skip

# %% [markdown]
# **What to notice.** With little noise the best guess is a threshold. With much noise it is a shrug: it moves only slowly away from the share of ink. At $\sigma = 1$ even a pixel seen as 1 is guessed as only 0.2. A pixel alone can't be saved at $\sigma = 0.5$;
# its neighbours, and all that one knows about digits, must help.
#
# ### The best guess in a small world
#
# How far can knowledge of digits go? Suppose the world holds only $N$ digits $x^{(1)}, \dots, x^{(N)}$, the first ones of the training set, all equally likely. Then the posterior mean is a sum that we can compute without any network:
#
# $$\mathbb E[x\,|\,\tilde x] = \sum_{j=1}^N w_j\, x^{(j)}, \qquad w_j = \frac{p(\tilde x\,|\,x^{(j)})}{\sum_k p(\tilde x\,|\,x^{(k)})} .$$
#
# For clipped noise, a pixel strictly between 0 and 1 has the Gaussian density; a pixel at 0 has the probability $\Phi(-x_i/\sigma)$ that the noise pushed it to 0 or below, and likewise at 1. $\Phi$ is the
# normal distribution function, and `log_ndtr` its logarithm.

# %%
from scipy.special import log_ndtr, softmax


def posterior_weights(noisy, world, sigma):
    """The probability of each image of the world given each noisy image: (n_noisy, n_world)."""
    y, x = (images.reshape(len(images), -1) for images in (noisy, world))
    at_0, at_1 = (y == 0).astype(np.float32), (y == 1).astype(np.float32)
    inside = 1 - at_0 - at_1
    log_p = ((inside * y) @ x.T - inside @ np.square(x).T / 2) / sigma**2  # terms without x cancel in w
    log_p += at_0 @ log_ndtr(-x / sigma).T + at_1 @ log_ndtr((x - 1) / sigma).T
    return softmax(log_p.astype(np.float64), axis=1)


world, secret = mnist.x_train[: budget(10_000, quick=4000)], mnist.x_test[:8]
rows = {"test digits": secret}
for sigma in (0.5, 1.0, 2.0, 4.0):
    seen = add_noise(secret, sigma, np.random.default_rng(7))
    w = posterior_weights(seen, world, sigma)
    rows |= {f"σ = {sigma:g}": seen, "best guess": np.tensordot(w, world, axes=1).astype(np.float32)}
    rows[f"best guess (σ = {sigma:g})"] = rows.pop("best guess")
    candidates = np.exp(-np.sum(w * np.log(w + 1e-300), axis=1))
    print(f"σ = {sigma:g}: a best guess blends about {np.median(candidates):,.1f} digits")
image_rows(rows)

# %% [markdown]
# **What to notice.** With $\sigma = 0.5$ one or two digits of the small world mostly explain the noisy image far better than all others, and most guesses are sharp, though not quite the right digit: the true one is not in this world.
# As the noise grows, more and more digits are possible, and their mean is blurred. A guess can also be quite clear and wrong. No training was involved, so no better training would remove the blur. It is in the loss.
# The number printed is the median, over the images, of the exponential of the entropy of the weights: how many equally likely digits would be as uncertain.
#
# ## A convolutional denoiser
#
# A dense layer must learn what a stroke looks like at each of the 784 places anew. A **convolution** learns it once: it slides one small set of weights, a *filter*, over the image. With `strides=2` it moves two pixels
# at a time and so halves height and width; `Conv2DTranspose` with `strides=2` doubles them again. The code is then not a list of numbers but a **map**: a small image with many channels, each of
# its places in charge of one region.
#
# How large a region does it see, its **receptive field**? A kernel of $k$ places, $s$ pixels apart, adds $(k - 1)\,s$ pixels to what one place sees. Two convolutions of 4 × 4 with stride 2, then `middle`
# further ones of 3 × 3 on the small map, where neighbours stand 4 pixels apart:

# %% tags=["nbval-check-output"]
for middle in range(4):
    kernels, steps = [4, 4] + [3] * middle, [1, 2] + [4] * middle  # step: distance of neighbours in the layer's input
    field = 1 + sum((k - 1) * s for k, s in zip(kernels, steps))
    print(f"{middle} middle convolutions: a place of the 7 × 7 map sees {field} × {field} pixels")

# %% [markdown]
# A stroke fits into 10 pixels, a digit doesn't. With three middle convolutions the places in the middle of the map see the whole digit,
# and those at the rim, whose field sticks out of the image, the greater part of it.
#
# ### Exercise 4: build the denoiser
#
# Return an `Autoencoder(encoder, decoder)` of convolutions only. Each entry of `filters` is a level of the encoder, that many channels at half the height and width; then come `middle` convolutions of 3 × 3 that keep shape and channels.
# Use 4 × 4 kernels where the size changes, `padding="same"` throughout, and ReLU after every layer but the last. The decoder climbs back with one `Conv2DTranspose` a level and ends in a sigmoid. Encoder and decoder
# are two `keras.Model`; `Autoencoder` comes from `course_utils.models`.


# %% tags=["nbval-check-output"]
def build_denoiser(image_shape, filters, middle):
    """A convolutional `Autoencoder`; its code is a map (height / 2ⁿ, width / 2ⁿ, filters[-1]) with n = len(filters)."""
    return ...  # your code


build_denoiser = ex.build_denoiser.check(build_denoiser)

# %%
WIDTHS = budget((32, 64), quick=(16, 32))

conv = build_denoiser((28, 28, 1), WIDTHS, middle=3)
print(f"code {conv.encoder.output.shape[1:]}, {conv.encoder.count_params() + conv.decoder.count_params():,} parameters")
print(f"the dense ones: {dense_32.count_params():,} and {dense_128.count_params():,} parameters")
conv = train(conv, "convolutional", gaussian_pair, budget(6, quick=3), budget(2e-3, quick=4e-3))

# %%
by_network["convolutional"] = restore(conv, noisy)
everyone = filtered | by_network
for name, images in everyone.items():
    print(f"{name:16} {in_words(clean, images)}")
heights = {name.replace(" ", "\n", 1): np.mean(psnr(clean, images)) for name, images in everyone.items()}
bars(heights, "mean PSNR (dB)", title="Gaussian noise, σ = 0.5, test digits")

# %% tags=["picture"]
best_filter = max(filtered, key=lambda name: np.mean(psnr(clean, filtered[name])))
shown = slice(0, 10)
image_rows(
    {
        "noisy": noisy[shown],
        f"best filter\n({best_filter})": filtered[best_filter][shown],
        "convolutional\ndenoiser": by_network["convolutional"][shown],
        "original": clean[shown],
    }
)

# %% [markdown]
# **What to notice.** The filters smear what they see. The network redraws it: even strokes, black background, plausible digits. Show more digits (change `shown`) to find one that it redrew *wrongly*: where the noise has eaten a decisive
# stroke, the answer is a clean picture of something else, or a pale blend of two digits. Its code is a map of 7 × 7 × 64 = 3,136 numbers, four times as many as the image has pixels:
# no bottleneck at all, and none is needed.
#
# ## One network for three kinds of damage
#
# So far the network knew one kind of damage at one strength. Teach another one all three, at all strengths.
#
# ### Exercise 5: mixed damage
#
# Write the function that `FreshBatches` calls for each batch. Pick one of the three kinds at random, all images of the batch alike, and a random strength: $\sigma$ up to 1, a share up to 0.5, a square block of side 4 to 14 pixels, both included.
# You have `gaussian_noise(images, sigma, rng)`, `salt_and_pepper(images, amount, rng)` and `mask_block(images, size, rng)`.


# %% tags=["nbval-check-output"]
def mixed_damage(images, rng):
    """The pair (damaged, images): one kind of damage of random strength for the whole batch."""
    return ...  # your code


mixed_damage = ex.mixed_damage.check(mixed_damage)

# %%
general = build_denoiser((28, 28, 1), WIDTHS, middle=3)
general = train(general, "all three kinds", mixed_damage, budget(2, quick=3), budget(2e-3, quick=4e-3))

# %%
rows = {}
for name, (originals, damaged, _) in tests.items():
    rows |= {name: damaged[:10], f"restored ({name.split(',')[0]})": restore(general, damaged[:10])}
    rows[f"original ({name.split(',')[0]})"] = originals[:10]
image_rows(rows)

# %% [markdown]
# **What to notice.** A missing block is filled in from what stands around it, something no smoothing filter can do. Where the block hides the part that decides, a grey haze marks the network's doubt: the posterior mean again.
#
# ## Noise of another strength
#
# The first convolutional network has seen $\sigma = 0.5$ only. What does it do with weaker and with much stronger noise? The filters are tuned again for **each** strength, on training images;
# "best filter" is the best of the three at that strength.

# %%
STRENGTHS = (0.1, 0.25, 0.5, 1.0, 1.5)
by_strength = {name: [] for name in ("as it is", "best filter", "trained at σ = 0.5", "trained on three kinds")}
for sigma in STRENGTHS:
    originals, damaged, by_filter = compare_filters(lambda x, rng: add_noise(x, sigma, rng), show=False)  # noqa: B023
    values = {"as it is": damaged, "trained at σ = 0.5": restore(conv, damaged)}
    values["trained on three kinds"] = restore(general, damaged)
    for name, images in values.items():
        by_strength[name].append(np.mean(psnr(originals, images)))
    by_strength["best filter"].append(max(np.mean(psnr(originals, images)) for images in by_filter.values()))
curves(by_strength, "σ of the noise", "mean PSNR (dB)", x=STRENGTHS)

# %%
print(f"{'σ':24}" + "".join(f"{sigma:8g}" for sigma in STRENGTHS))
for name, values in by_strength.items():
    print(f"{name:24}" + "".join(f"{value:8.2f}" for value in values))

# %%
rows = {}
for sigma in (0.1, 1.0, 1.5):
    damaged = add_noise(clean[:10], sigma, np.random.default_rng(8))
    rows |= {f"σ = {sigma}": damaged, f"trained at 0.5 (σ = {sigma})": restore(conv, damaged)}
    rows[f"three kinds (σ = {sigma})"] = restore(general, damaged)
image_rows(rows)

# %% [markdown]
# **What to notice.** Beyond its training, the first network loses more decibels than the filters do: at $\sigma = 1.5$ nothing of its lead is left. The pictures say more: it was taught that whatever sticks out of *this much* noise is a stroke, so it draws firm strokes out of stronger noise. The second one has met strong noise and is rather
# more cautious. And look at the left end of the curves: at $\sigma = 0.1$ the filters win by far, and the networks do hardly better than no restoring at all. The network redraws every pixel through its code, even those that needed no repair, and
# never reaches the fidelity of an image that is hardly touched. To the first network easy noise is strange, too; the second has met it and still can't do better.
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
# The filters, again, are tuned for each of them. That is an advantage: the networks get no such help.

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
for name, damage in strangers.items():
    tests[name] = compare_filters(damage, show=False)
lines = {name: [] for name in ("as it is", *FILTERS, "trained at σ = 0.5", "trained on three kinds")}
for originals, damaged, by_filter in tests.values():
    networks = {"trained at σ = 0.5": restore(conv, damaged), "trained on three kinds": restore(general, damaged)}
    for name, images in ({"as it is": damaged} | by_filter | networks).items():
        lines[name].append(np.mean(psnr(originals, images)))
columns = [
    "noise\nσ = 0.5",
    "salt,\npepper",
    "missing\nblock",
    "white\nlines",
    "blotches",
    "white\nblock",
    "low\ncontrast",
]
table(np.array(list(lines.values())), list(lines), columns, title="mean PSNR (dB) on test digits")

# %%
rows = {}
for name in strangers:
    originals, damaged, by_filter = tests[name]
    rows |= {
        name: damaged[:10],
        f"best filter ({name})": max(by_filter.values(), key=lambda x: np.mean(psnr(originals, x)))[:10],
    }
    rows[f"three kinds ({name})"] = restore(general, damaged[:10])
image_rows(rows | {"original": tests["low contrast"][0][:10]})

# %% [markdown]
# **What to notice.** Thin white lines go surprisingly well: like salt, they are bright where nothing around them is. And see the second column: the network that knows Gaussian noise only is good at salt and pepper too, for that is
# also independent from pixel to pixel. The rest goes badly. Blotches are as smooth and as wide as strokes, so the networks turn them into strokes and
# write digits that nobody wrote. A white block is taken for ink, though a black one was the training's third kind. And low contrast, which destroys nothing and which a gain and an offset undo
# to near perfection, costs the networks more than anything else compared with the best filter: a background that is grey everywhere was in no training batch. Nothing in the answer warns you. The network does not know what it does not know.
#
# The dim pictures of the filters have a reason too. Where a filter can't tell blotch from stroke, the best gain is a small one: grey is the safe answer for the squared error. It is the same caution as the posterior mean's, with only two numbers, a gain and an offset, to express it.
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
# The comparison is with the *best* of the three filters, each tuned for that very damage: first the filters as scikit-image has them, then with our gain and offset, which is harder to beat.


# %%
def lead(damage_name, method):
    """How far a network's row of the table is above the best filter's, in dB."""
    column = list(tests).index(damage_name)
    return lines[method][column] - max(lines[name][column] for name in FILTERS)


tuning_set = make_set(mnist.x_train, N_TUNE, damages["Gaussian, σ = 0.5"], seed=3)
as_they_are = {name: apply(settings, tune(settings, *tuning_set)[1], noisy) for name, settings in FILTERS.items()}
best_as_it_is = max(np.mean(psnr(clean, images)) for images in as_they_are.values())
expect(
    "σ = 0.5: convolutional denoiser above the best filter",
    np.mean(psnr(clean, by_network["convolutional"])) - best_as_it_is, at_least=budget(4, quick=2.5), unit="dB",
)  # fmt: skip
expect(
    "the same, above the best filter with gain and offset",
    lead("Gaussian, σ = 0.5", "trained at σ = 0.5"), at_least=budget(4, quick=0.8), unit="dB",
)  # fmt: skip

# %%
expect("its SSIM", np.mean(ssim(clean, by_network["convolutional"])), at_least=budget(0.82, quick=0.7))
expect("fixed noise, test error as a multiple of that with fresh noise", overfit, at_least=1.1)

# %%
for name in list(damages)[1:]:
    expect(
        f"{name}: network for three kinds above the best filter",
        lead(name, "trained on three kinds"), at_least=budget(0.7, quick=0.2), unit="dB",
    )  # fmt: skip

# %% [markdown]
# And the failures, held to bounds as well, so that nobody can leave them out:

# %%
expect(
    "σ = 0.1: best filter above the network trained at σ = 0.5",
    by_strength["best filter"][0] - by_strength["trained at σ = 0.5"][0], at_least=1, unit="dB",
)  # fmt: skip
expect(
    "low contrast: best filter above the network for three kinds",
    -lead("low contrast", "trained on three kinds"), at_least=4, unit="dB",
)  # fmt: skip

# %% [markdown]
# ## Summary
#
# - A denoising autoencoder is an autoencoder with a damaged input and a clean target. It may have a wide code: copying no longer pays.
# - The damage is drawn anew for every batch. Fixed noise is learned by heart.
# - The squared error and the cross-entropy both lead to the posterior mean. Where much is possible, the mean is a blur.
# - Knowledge of the images beats knowledge of smoothness, by a lot, on the damage of the training.
# - On damage that resembles the training's (independent from pixel to pixel) the lead may last; on other damage it shrinks or turns, and nothing in the answer warns you.
#
# ## Pitfalls
#
# - **A straw man for a baseline.** Default settings and a grey background that nobody corrects make any network shine. Tune the other side too, and on training images.
# - **Noise drawn once**, for instance before `fit`: see the curves above.
# - **Squared error behind a sigmoid** with a mostly black target: the network may answer black for ever. Look at pictures after the first epoch.
# - **Decibels of a mean, or mean of decibels?** The two differ. Here: PSNR of each image, then the mean.
# - **Clipped or not?** It changes the problem: the mean, the best filter, and the numbers. Say which.
# - **A clean picture is no proof.** A network can be wrong without a trace of noise left to warn you.
#
# ## References
#
# - Vincent, Larochelle, Bengio & Manzagol, [Extracting and composing robust features with denoising autoencoders](https://doi.org/10.1145/1390156.1390294), ICML 2008.
# - Vincent et al., [Stacked denoising autoencoders](https://jmlr.org/papers/v11/vincent10a.html), JMLR 2010.
# - Rudin, Osher & Fatemi, [Nonlinear total variation based noise removal algorithms](https://doi.org/10.1016/0167-2789(92)90242-F), Physica D 1992.
# - Buades, Coll & Morel, [A non-local algorithm for image denoising](https://doi.org/10.1109/CVPR.2005.38), CVPR 2005.
# - Wang, Bovik, Sheikh & Simoncelli, [Image quality assessment: from error visibility to structural similarity](https://doi.org/10.1109/TIP.2003.819861), 2004.
# - Zhang et al., [Beyond a Gaussian denoiser](https://arxiv.org/abs/1608.03981), 2017: convolutional denoisers for photographs.
# - Lehtinen et al., [Noise2Noise](https://arxiv.org/abs/1803.04189), 2018: learning without clean images.
# - Blau & Michaeli, [The perception-distortion tradeoff](https://arxiv.org/abs/1711.06077), 2018: why a small error and a sharp picture are different goals.
