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
# # Image restoration: colour, resolution, watermarks
#
# An old photograph has lost its colours, a small one its detail, a stolen one wears a watermark. In each case something is gone, and many originals fit
# what is left. A network that has seen some thousand pictures knows which of them are likely. How much is that worth, against the methods
# that a practitioner would try first?
#
# **You will learn**
#
# - how to colour a grey picture without touching its brightness, and why the squared error makes it pale and brown;
# - how much a score depends on the order of averaging, and on a handful of pictures;
# - how to enlarge a picture so that shrinking it again gives the small one back, and why that can only help;
# - how far the best *linear* answer gets: the rival that is forgotten most often;
# - how to take off a watermark that lets something through, one that does not, and one of which nobody says where it is.
#
# **You need** lessons 04 (denoising, PSNR) and 05 (convolutions).
#
# **The quick profile** learns from patches of five photographs instead of 8,750 small pictures of CIFAR-10, and is tested on patches of two others. Some rankings are others there. What the text says of decibels holds for the full run.

# %%
import csv

import numpy as np
from course_utils import plotting
from course_utils.batches import FreshBatches, predict_in_batches
from course_utils.checkpoints import folder
from course_utils.corruptions import downsample
from course_utils.data import load
from course_utils.exercises import lesson_10 as ex
from course_utils.lesson import budget, expect, setup
from course_utils.metrics import psnr
from course_utils.models import build_conv_autoencoder, build_unet
from course_utils.training import callbacks, fast
from course_utils.watermarks import watermark_masks

import keras
from keras import layers, ops

SEED = 10
setup(SEED)
pictures = load("cifar10")
x_train, x_valid, x_test = pictures.x_train, pictures.x_valid, pictures.x_test
print("pictures", x_train.shape, x_valid.shape, x_test.shape)

# %% [markdown]
# ## 1. Colour
#
# A colour picture has red, green and blue, $R, G, B$, each in $[0, 1]$. The eye sees brightness far more sharply than colour, so television and JPEG separate the two (ITU-R BT.601). The
# **luma** $Y$ is the brightness, and the **chroma** $C_b, C_r$ says how much bluer and how much redder than grey the pixel is:
#
# $$Y = 0.299\,R + 0.587\,G + 0.114\,B, \qquad C_b = \frac{B - Y}{1.772}, \qquad C_r = \frac{R - Y}{1.402}.$$
#
# The factors make both chroma values lie in $[-\frac12, \frac12]$. A grey picture gives us $Y$. What is to be found is $C_b$ and $C_r$.
#
# ### Exercise 1: the way back
#
# Write $R, G, B$ as functions of $Y, C_b, C_r$. No matrix has to be inverted: two of the three are there at once.


# %% tags=["nbval-check-output"]
def to_rgb(ycbcr):
    """Luma and chroma (n, height, width, 3) as red, green and blue of the same shape."""
    return ...  # your code


to_rgb = ex.to_rgb.check(to_rgb)


# %%
def split(images):
    """Luma (n, h, w, 1) and chroma (n, h, w, 2) of colour images."""
    y = images @ np.array([0.299, 0.587, 0.114], np.float32)
    chroma = [(images[..., 2] - y) / 1.772, (images[..., 0] - y) / 1.402]
    return y[..., np.newaxis], np.stack(chroma, axis=-1)


def in_range(images):
    """As float32, cut off at 0 and 1, where no screen could show more."""
    return np.clip(images, 0, 1).astype(np.float32)


def coloured(luma, chroma):
    return in_range(to_rgb(np.concatenate([luma, chroma], axis=-1)))


(luma, chroma), (luma_valid, chroma_valid), (luma_test, chroma_test) = map(split, (x_train, x_valid, x_test))
mean_chroma = chroma.mean(axis=(0, 1, 2))
grey = coloured(luma_test, 0 * chroma_test)
average = coloured(luma_test, np.broadcast_to(mean_chroma, chroma_test.shape))
SHOWN = slice(0, 10)
plotting.image_rows({"original": x_test[SHOWN], "grey": grey[SHOWN], "mean chroma": average[SHOWN]})

# %% [markdown]
# **What to notice.** Much of a picture is in its luma. The mean chroma of all training pictures is nearly grey: colours of all kinds cancel.
#
# ### Two orders of averaging
#
# These two answers need no network, so whatever we build must beat them. By how much is not one number. The PSNR of a picture is $-10 \log_{10}$ of its mean squared error. For a set of pictures there are two ways to go on: take the mean of
# the decibels (**by image**), or first the mean of the squared errors, then the logarithm (**pooled**).
#
# ### Exercise 2: a prediction
#
# On training pictures the mean chroma must be ahead in the pooled score: it is the one colour with the least squared error. Which of the two is ahead on the test pictures in the mean by image?

# %%
better_by_image = ...  # your prediction: "grey copy" or "mean chroma"


# %%
def pooled(truth, guess, where=1.0):
    """PSNR of the mean squared error over all pixels, or over those where a mask (n, h, w, 1) is 1; dB."""
    errors, weights = np.square(truth - guess, dtype=np.float64), np.broadcast_to(where, truth.shape)
    return -10 * np.log10(np.sum(weights * errors) / np.sum(weights))


def by_image(truth, guess, cap=60):
    """Mean PSNR of the images, dB; an image with hardly any error counts as `cap`."""
    return np.mean(np.minimum(psnr(truth, guess), cap))


restored = {"grey copy": grey, "mean chroma": average}
for name, guess in restored.items():
    print(f"{name:12} pooled {pooled(x_test, guess):5.2f} dB, by image {by_image(x_test, guess):5.2f} dB")
for cap in (40, 60, 100):
    gap = by_image(x_test, grey, cap) - by_image(x_test, average, cap)
    print(f"by image, no picture above {cap:3} dB: grey copy ahead by {gap:+.2f} dB")
better = np.mean(psnr(x_test, grey) > psnr(x_test, average))
print(
    f"pictures where the grey copy is the better one: {better:.0%}; without any colour: {np.mean(chroma_test.std(axis=(1, 2, 3)) < 1e-3):.1%}"
)
winner = max(restored, key=lambda name: by_image(x_test, restored[name]))
ex.better_by_image.check(better_by_image, winner)

# %% [markdown]
# **What to notice.** The same pictures, the same errors, and the ranking turns round. But look at what turns it. One picture in a hundred has no colour at all. There the grey copy makes no error, which is infinitely many decibels, and somebody has to say how many that shall be. We said 60. Counted as 40, the mean chroma wins here too, and it is the better one in more than half of the pictures.
# A mean of decibels can be decided by a handful of images and by a cap that nobody mentions. The pooled error lives on colourful pictures, where there is something to find. Neither is wrong. But who reports one alone, has chosen the winner. We print both, and train for the pooled one, since its mean squared error is what a network minimises.
#
# ### The best linear answer
#
# One more answer without a network. Each chroma value is taken to be a weighted sum of all luma values of the picture: a linear regression, at half the size. JPEG and television halve the chroma too, since the eye hardly sees it. (**Ridge** regression keeps the weights small, with a strength $\alpha$ that is chosen on validation pictures.)


# %%
from sklearn.linear_model import Ridge


def to_blocks(images, factor):
    """Images (n, h, w, c) as blocks: (n, h/f, w/f, c, f · f)."""
    n, height, width, channels = images.shape
    blocks = images.reshape(n, height // factor, factor, width // factor, factor, channels)
    return blocks.transpose(0, 1, 3, 5, 2, 4).reshape(n, height // factor, width // factor, channels, factor**2)


def at_half_size(images):
    return to_blocks(images, 2).mean(axis=-1)


def doubled(chroma):
    return ops.convert_to_numpy(layers.UpSampling2D(2, interpolation="bilinear")(chroma))


def seen_by(luma):
    return at_half_size(luma).reshape(len(luma), -1)


# %%
halves, halves_valid = at_half_size(chroma), at_half_size(chroma_valid)
ridges = [Ridge(alpha).fit(seen_by(luma), halves.reshape(len(luma), -1)) for alpha in (30, 300, 3000)]
errors = [np.mean((r.predict(seen_by(luma_valid)) - halves_valid.reshape(len(luma_valid), -1)) ** 2) for r in ridges]
linear = ridges[np.argmin(errors)]
guessed = linear.predict(seen_by(luma_test)).reshape(-1, 16, 16, 2)
restored["best linear"] = coloured(luma_test, doubled(guessed))
halved = coloured(luma_test, doubled(at_half_size(chroma_test)))
print(f"alpha {linear.alpha}; the best linear answer, pooled: {pooled(x_test, restored['best linear']):.2f} dB")
print(f"the true chroma at half its size, pooled: {pooled(x_test, halved):.1f} dB")

# %% [markdown]
# **What to notice.** A linear answer knows where in a picture colours tend to be, and how they go with brightness. It can't know that this is a horse. It is ahead of the mean chroma, though not by much; what the network finds beyond that is not linear. And to halve the chroma costs nothing that we could ever reach.
#
# ### A code, or a way past the code?
#
# The plan of many a lecture is an autoencoder for each colour channel: grey in, red out; grey in, green out; grey in, blue out. We train that, as three convolutional autoencoders with a code of 128 numbers, and beside it one **U-Net** (Ronneberger et al. 2015) from luma to chroma. It is an autoencoder
# whose decoder sees the encoder's maps of the same size as well, so the outlines of the picture need not pass through the code.
#
# The U-Net works at half the size, which saves three quarters of the work. Each block of 2 × 2 pixels becomes one place with four numbers (**space to depth**), and the chroma that it predicts there is enlarged by interpolation.
#
# 8,750 pictures are few, so each is mirrored at random and moved by up to four pixels, anew each time it is seen.


# %%
def to_depth(luma):
    """Luma (n, h, w, 1) as (n, h/2, w/2, 4)."""
    return to_blocks(luma, 2)[..., 0, :]


def mirrored(images, rng):
    return np.where(rng.random((len(images), 1, 1, 1)) < 0.5, images[:, :, ::-1], images)


def varied(images, rng):
    """Each image mirrored at random and moved by up to four pixels; the edge is reflected into the gap."""
    images = mirrored(images, rng)
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="reflect")
    corners = rng.integers(0, 9, (len(images), 2))
    return np.stack([image[i : i + 32, j : j + 32] for image, (i, j) in zip(padded, corners)])


# %%
def train(model, name, inputs, targets=None, *, epochs, learning_rate, loss="mse"):
    """Adam on batches of 32, or on `FreshBatches`; the learning rate warms up in a twentieth of the steps, then falls to 0."""
    n = len(inputs) if targets is None else -(-len(targets) // 32)  # batches an epoch
    steps = epochs * n
    warmup = min(max(budget(1, quick=60), steps // 20), steps // 2)  # some nets never start after too short a one
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=learning_rate, warmup_steps=warmup
    )
    model.compile(keras.optimizers.Adam(schedule), loss=loss, **fast(model))
    model.fit(
        inputs, targets, batch_size=None if targets is None else 32, epochs=epochs, verbose=0, callbacks=callbacks(name)
    )
    return model


# %% [markdown]
# The network has two **heads**: two outputs of one body. The first gives both chroma values at each place and learns by the squared error. The second gives probabilities, and waits for its turn at the end of this section; until then we use the first alone. (A body trained for each alone would take twice the time. For the first head alone it gained 0.05 dB in a trial.)

# %%
BINS = 16  # of each chroma value, as many training pixels in each
edges = np.quantile(halves.reshape(-1, 2)[::20], np.linspace(0, 1, BINS + 1), axis=0)


def binned(chroma):
    """The number of the bin of each chroma value, 0 to BINS - 1."""
    return np.stack([np.digitize(chroma[..., i], edges[1:-1, i]) for i in range(2)], axis=-1)


def colour_pair(images, rng):
    luma, chroma = split(varied(images, rng))
    chroma = at_half_size(chroma)
    return to_depth(luma), np.concatenate([chroma, binned(chroma)], axis=-1).astype(np.float32)


def two_losses(answers, outputs):
    """Squared error of the first two outputs, cross-entropy of 16 logits for each chroma value in the others."""
    error = ops.mean(ops.square(answers[..., :2] - outputs[..., :2]), axis=(1, 2, 3))
    bins, logits = ops.cast(answers[..., 2:], "int32"), ops.reshape(outputs[..., 2:], (-1, 16, 16, 2, BINS))
    surprise = keras.losses.sparse_categorical_crossentropy(bins, logits, from_logits=True)
    return 300 * error + ops.mean(surprise, axis=(1, 2, 3))  # of one size, roughly


# %%
keras.utils.set_random_seed(SEED)
u_net = build_unet((16, 16, 4), 2 + 2 * BINS, filters=budget((24, 48, 96), quick=(8, 16, 32)))
batches = FreshBatches(x_train, colour_pair, batch_size=32, seed=SEED)
train(u_net, "luma to chroma", batches, epochs=14, learning_rate=2e-3, loss=two_losses)


def painted_by(model, luma):
    return doubled(predict_in_batches(model, to_depth(luma))[..., :2])


restored["U-Net to chroma"] = coloured(luma_test, painted_by(u_net, luma_test))


# %%
def channel_autoencoder(channel, name):
    """An autoencoder of its own for one colour channel; returns it."""
    keras.utils.set_random_seed(SEED)
    model = build_conv_autoencoder(budget(128, quick=32), filters=(32, 64), image_shape=(32, 32, 1))

    def pair(images, rng):
        images = varied(images, rng)
        return split(images)[0], images[..., channel : channel + 1]

    batches = FreshBatches(x_train, pair, batch_size=32, seed=SEED)
    return train(model, f"grey to {name}", batches, epochs=budget(4, quick=2), learning_rate=2e-3)


rgb = [predict_in_batches(channel_autoencoder(i, name), luma_test) for i, name in enumerate(("red", "green", "blue"))]
restored["three autoencoders"] = np.concatenate(rgb, axis=-1)
restored["the three, luma put back"] = coloured(luma_test, split(restored["three autoencoders"])[1])
for name, guess in restored.items():
    off = np.abs(split(guess)[0] - luma_test).mean()
    print(
        f"{name:24} pooled {pooled(x_test, guess):5.2f} dB, by image {by_image(x_test, guess):5.2f} dB, luma off by {off:.3f}"
    )

# %% [markdown]
# **What to notice.** The codes have lost the outlines, and most of the autoencoders' error is that. With the true luma put back (it was known all the time) only their colours are compared. Even so this is no contest between one network and three. The autoencoders have a code in the way and no skips, and train for 4 passes instead of 14, in less than half the time. It says that what a code can't carry need not go through it.
#
# ### Why brown?
#
# The colours of photographs lean to the warm side: their mean chroma has a negative $C_b$ and a positive $C_r$, which is a dark orange, also known as brown. Who does not know the colour and wants a small error, goes there. But why is even a good network so pale?
#
# A grey car may have been red or blue. The mean squared error is least at the **conditional mean** $\mathbb E[c \mid Y]$ of the chroma $c$ at a place, where $Y$ is now the luma of the whole picture, and the mean of red and blue is neither. By the law of total variance
#
# $$\operatorname{Var}(c) = \underbrace{\operatorname{Var}\big(\mathbb E[c \mid Y]\big)}_{\text{of the best prediction}} + \underbrace{\mathbb E\big[\operatorname{Var}(c \mid Y)\big]}_{\text{its squared error}} .$$
#
# The share of the variance that is explained is $R^2 = 1 - \text{error} / \operatorname{Var}(c)$.
#
# ### Exercise 3: a prediction
#
# The next cell prints the network's $R^2$ on validation pictures. Suppose that it predicts the conditional mean. What is the variance of its predictions, as a share of the variance of the true chroma?


# %%
def explained(truth, guess):
    """R² over all pixels and both chroma values."""
    return 1 - np.sum((truth - guess) ** 2) / np.sum((truth - truth.mean(axis=(0, 1, 2))) ** 2)


def spread(values):
    return np.sum(values.var(axis=(0, 1, 2)))


painted_valid = painted_by(u_net, luma_valid)
r_squared = explained(chroma_valid, painted_valid)
print(f"R² on validation pictures: {r_squared:.3f}")

# %%
paleness = ...  # your prediction: Var(predicted) / Var(true)

# %%
share = spread(painted_valid) / spread(chroma_valid)
print(f"variance of the predictions, as a share of the true: {share:.3f}")
ex.paleness.check(paleness, share)

# %% [markdown]
# **What to notice.** The two shares are close, as they are for any prediction that is **calibrated**: on average right, given what it says. (A little more variance than $R^2$ is a little too bold.) So the colours are as bold as this network's knowledge warrants. That doesn't mean that nobody could know more: a better network would have a larger $R^2$, and stronger colours.
#
# ### Asked another way: which colour?
#
# Ask for a distribution instead of a number. We cut the range of each chroma value into 16 **bins**, and let the network give the probability of each bin at each place (a block of 2 × 2 pixels): a classification, by cross-entropy (in the spirit of Zhang, Isola and Efros 2016, who used bins in the plane of both). From the probabilities
# $p_k$ and the bins' centres $c_k$ a colour has to be made. The mean $\sum_k p_k c_k$ is the pale answer again, and the likeliest bin is a bold one, with seams where it jumps. Between the two lies the **annealed mean**: the mean under $p_k^{1/T} / \sum_j p_j^{1/T}$, with a **temperature** $T$.
#
# ### Exercise 4: the annealed mean
#
# Write it. Probabilities may be very small, and $T$ as well: see that nothing becomes 0 / 0.


# %% tags=["nbval-check-output"]
def annealed_mean(probabilities, centres, temperature):
    """The mean of the centres (k,) under p^(1/T) made to sum to 1: probabilities (..., k) to (...)."""
    return ...  # your code


annealed_mean = ex.annealed_mean.check(annealed_mean)

# %%
bins = binned(halves)
centres = np.array([[halves[..., i][bins[..., i] == k].mean() for k in range(BINS)] for i in range(2)], np.float32)


def vivid(luma, temperature):
    """Chroma (n, 32, 32, 2): annealed means of the second head's bins."""
    logits = predict_in_batches(u_net, to_depth(luma))[..., 2:].reshape(-1, 16, 16, 2, BINS)
    probabilities = ops.convert_to_numpy(ops.softmax(logits))
    means = [annealed_mean(probabilities[..., i, :], centres[i], temperature) for i in range(2)]
    return doubled(np.stack(means, axis=-1))


for temperature in (1.0, 0.4, 0.1):
    restored[f"bins, T = {temperature:g}"] = coloured(luma_test, vivid(luma_test, temperature))
measured = {
    name: [pooled(x_test, guess), by_image(x_test, guess), spread(split(guess)[1]) / spread(chroma_test)]
    for name, guess in restored.items()
}
print(f"{len(x_test):,} test pictures       pooled   by image   Var(chroma) / Var(true)")
for name, (all_pixels, mean_of_images, variance) in measured.items():
    print(f"{name:24} {all_pixels:6.2f} {mean_of_images:10.2f} {variance:10.2f}")


# %% tags=["picture"]
def with_worst(truth, guess, n=9):
    """The first n indices, and that of the picture where the guess is worst: a failure is always among those shown."""
    return [*range(n), int(np.argmin(psnr(truth, guess)))]


columns = with_worst(x_test, restored["U-Net to chroma"])
ways = ("grey copy", "mean chroma", "three autoencoders", "U-Net to chroma", "bins, T = 0.4")
rows = {name: restored[name][columns] for name in ways} | {"original": x_test[columns]}
plotting.image_rows(rows, column_titles=[*map(str, range(1, 10)), "worst"])

# %% [markdown]
# **What to notice.** The U-Net keeps every outline, since it never touches the luma. It has found the sky of picture 5. Most greens came out olive: the mean of grass, earth and fur. The red car stays grey, for nothing in its luma says red.
#
# The bins at $T = 1$ have nearly the first head's error. Their mean is the same conditional mean, found in another way. At $T = 0.4$ the colours have a good half of the true variance, and to our eyes the picture looks more like a photograph. It costs decibels, since a bold guess that is wrong is doubly wrong. At $T = 0.1$ it is bolder than the truth. No setting is the right one before you say what the picture is for.
#
# The last column is the picture where the U-Net is worst: a saturated colour fills it, and its flat luma gave no hint of that.
#
# ## 2. Resolution
#
# A picture was made smaller by averaging blocks of $f \times f$ pixels, and is to be made larger again. Here both are known, the small picture $s = D x$ and the true one $x$; $D$ is the averaging. (Whoever trains with one $D$ and meets another will be disappointed: an enlarger learns to undo one certain way of shrinking.)
#
# The method to beat is **bicubic** interpolation: through the given pixels, as smooth as a cubic. And there is a second one that is forgotten too often: the best *linear* filter. Each new pixel is a weighted sum of the 5 × 5 small pixels around it. The weights are found by least squares, without any network.


# %%
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image


def bicubic(small, factor):
    """Pillow's bicubic enlargement of images (n, h, w, c), each channel as floats."""
    size = (small.shape[2] * factor, small.shape[1] * factor)
    channels = [
        [np.asarray(Image.fromarray(channel).resize(size, Image.BICUBIC)) for channel in np.moveaxis(image, 2, 0)]
        for image in small
    ]
    return np.moveaxis(np.array(channels), 1, -1)


# %%
def windows(small):
    """The 5 × 5 pixels around each pixel, and a 1 for the offset: (n · h · w · c, 26)."""
    padded = np.pad(small, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    around = sliding_window_view(padded, (5, 5), axis=(1, 2)).reshape(-1, 25)
    return np.concatenate([around, np.ones((len(around), 1), np.float32)], axis=1)


def from_blocks(blocks, factor):
    n, rows, columns, channels, _ = blocks.shape
    spread_out = blocks.reshape(n, rows, columns, channels, factor, factor).transpose(0, 1, 4, 2, 5, 3)
    return spread_out.reshape(n, rows * factor, columns * factor, channels)


# %%
def best_linear(images, small, factor):
    """Least squares: the weights (26, f · f) that make blocks of the large images from windows of the small ones."""
    return np.linalg.lstsq(windows(small), to_blocks(images, factor).reshape(-1, factor**2))[0]


def enlarge_linearly(small, weights, factor):
    blocks = (windows(small) @ weights).reshape(*small.shape, factor**2)
    return from_blocks(blocks, factor)


# %% [markdown]
# The network works at the small size, where a convolution is cheap, and its last layer gives $f^2$ numbers for each small pixel and channel. Rearranged to a block of $f \times f$ pixels, they are the enlarged picture (**depth to space**, or sub-pixel convolution: Shi et al. 2016). What it gives is *added* to the bicubic picture: it learns the residual, as the denoiser of lesson 04 did.
# The last layer starts at zero, so the network starts as bicubic and can hardly become worse.


# %%
def build_enlarger(factor, channels, side, width=48):
    """Small picture and its bicubic enlargement to the enlarged picture, (b, side, side, channels)."""
    small, smooth = keras.Input((side // factor, side // factor, channels)), keras.Input((side, side, channels))
    x = small
    for _ in range(3):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(channels * factor**2, 3, padding="same", kernel_initializer="zeros")(x)
    x = layers.Reshape((side // factor, side // factor, factor, factor, channels))(x)
    x = layers.Reshape((side, side, channels))(layers.Permute((1, 3, 2, 4, 5))(x))
    return keras.Model([small, smooth], layers.Add()([smooth, x]))


# %% [markdown]
# ### What is known must not be changed
#
# The blocks of the true picture average to the small one *exactly*: $D x = s$. An enlargement $\hat x$ need not do so. But it can be made to: add to each pixel what its block lacks in the mean.
#
# ### Exercise 5: make it consistent
#
# Write that. The guess may have values outside $[0, 1]$, so `downsample` would refuse it. (One line of mathematics says that it can only help. The pictures with $D x = s$ form a flat space. You move $\hat x$ to the nearest point of it, at right angles. The truth lies in that space, so by Pythagoras its squared distance falls by the square of the step.)


# %% tags=["nbval-check-output"]
def make_consistent(guess, small, factor):
    """The image nearest to the guess (n, h, w, c) whose blocks average to `small` (n, h/factor, w/factor, c)."""
    return ...  # your code


make_consistent = ex.make_consistent.check(make_consistent)


# %% [markdown]
# One thing is left. The result may leave the range from 0 to 1, and cutting it off spoils the means again. But the pictures within the range form a convex set, which holds the truth as well. So the two steps are taken in turn, fifty times: each can only bring us nearer to the truth.


# %%
def consistent_in_range(guess, small, factor):
    for _ in range(50):
        guess = in_range(make_consistent(guess, small, factor))
    return guess


# %%
def enlarge_all(name, factor, train_images, test_images, epochs):
    """Test images, enlarged in each of the ways: the small ones, and a dictionary from name to images like the true."""
    small, small_test = downsample(train_images, factor), downsample(test_images, factor)
    smooth, smooth_test = bicubic(small, factor), bicubic(small_test, factor)
    weights = best_linear(train_images[:1500], small[:1500], factor)
    _, side, _, channels = train_images.shape
    keras.utils.set_random_seed(SEED)
    network = build_enlarger(factor, channels, side)
    train(network, name, [small, smooth], train_images, epochs=epochs, learning_rate=2e-3)
    found = {
        "blocks": small_test.repeat(factor, axis=1).repeat(factor, axis=2),
        "bicubic": smooth_test,
        "best linear": enlarge_linearly(small_test, weights, factor),
        "network": predict_in_batches(network, [small_test, smooth_test]),
    }
    found["network, consistent"] = consistent_in_range(found["network"], small_test, factor)
    return small_test, {name: in_range(images) for name, images in found.items()}


# %%
mnist = load("mnist")
digits, digits_test = mnist.x_train[: budget(15000, quick=1600)], mnist.x_test
enlarged = {
    "pictures × 2": (x_test, 2, *enlarge_all("pictures × 2", 2, x_train, x_test, budget(6, quick=7))),
    "pictures × 4": (x_test, 4, *enlarge_all("pictures × 4", 4, x_train, x_test, budget(8, quick=4))),
    "digits × 2": (digits_test, 2, *enlarge_all("digits × 2", 2, digits, digits_test, budget(2, quick=3))),
}


# %%
def table_of(columns, title):
    """Numbers as a table: dictionaries from column to row to number."""
    numbers = np.array([list(column.values()) for column in columns.values()]).T
    rows = list(next(iter(columns.values())))
    return plotting.table(numbers, rows, list(columns), title=title, significant=4)


decibels = {
    task: {name: by_image(truth, images) for name, images in found.items()}
    for task, (truth, _, _, found) in enlarged.items()
}
for task, (truth, factor, small_test, found) in enlarged.items():
    for name in ("bicubic", "best linear", "network", "network, consistent"):
        off = np.abs(downsample(found[name], factor) - small_test)
        print(
            f"{task:12} {name:20} pooled {pooled(truth, found[name]):5.2f} dB; "
            f"shrunk again, off by {off.mean():.5f} in the mean, {off.max():.3f} at most"
        )
table_of(decibels, f"PSNR by image (dB); {len(x_test):,} test pictures, {len(digits_test):,} test digits")

# %% [markdown]
# **What to notice.** For pictures, the step from bicubic to the best linear filter and the step from there to the network are of one size. The linear filter knows how the pictures were made smaller, and which neighbours vary together; it costs one least-squares fit. For digits the network's step is by far the largest: strokes of one width on black are nothing linear. (Here both orders of averaging tell the same story, so the table has one of them.)
#
# Consistency adds a few hundredths of a decibel to the pictures, where the network had nearly learned it, as the printed lines say, and more to the digits. And now the small picture is given back, down to the little that fifty turns leave.


# %%
def show_enlarged(task):
    truth, _, _, found = enlarged[task]
    columns = with_worst(truth, found["network, consistent"])
    rows = {name: found[name][columns] for name in ("blocks", "bicubic", "best linear", "network, consistent")}
    titles = [task, *map(str, range(2, 10)), "worst"]
    return plotting.image_rows(rows | {"original": truth[columns]}, column_titles=titles)


show_enlarged("pictures × 2")

# %%
show_enlarged("pictures × 4")

# %%
show_enlarged("digits × 2")

# %% [markdown]
# **What to notice.** At × 2 edges are sharper than in the bicubic row, and there is less of a staircase. At × 4 an 8 × 8 picture is all that is given: what was lost there is not invented, and the pictures stay soft. That is the squared error again: the mean of all the pictures that would fit.
#
# ## 3. Watermarks
#
# A mark of colour $m$ with **opacity** $\alpha$ turns the picture $x$ into $w = \alpha m + (1 - \alpha)\,x$ wherever the mark lies, and leaves the rest alone. How hard that is to undo depends on what is known, and on $\alpha$.
#
# ### What lets something through is not gone
#
# ### Exercise 6: take the mark off
#
# Place, colour and opacity are known. Write the way back. Where $\alpha = 1$ nothing of the picture is left: leave such pixels as they are.


# %% tags=["nbval-check-output"]
def unmark(marked, opacity, colour):
    """Images (n, h, w, c) without the mark of that colour and opacity (n, h, w, 1); opaque pixels stay as they are."""
    return ...  # your code


unmark = ex.unmark.check(unmark)


# %%
def marked(images, opacity, colour=1.0):
    return opacity * colour + (1 - opacity) * images


rng = np.random.default_rng(SEED)
KINDS = {"thin text": "text", "thick logo": "logo"}
masks_test = {name: watermark_masks(len(x_test), 32, kind, rng) for name, kind in KINDS.items()}
logo = masks_test["thick logo"]
for alpha in (0.5, 0.9):
    stored = np.round(255 * marked(x_test, alpha * logo)) / 255  # as a file holds it, in 256 steps
    print(
        f"opacity {alpha}: undone from the file, {pooled(x_test, unmark(stored, alpha * logo, 1.0), logo):.1f} dB under the mark"
    )

# %% [markdown]
# **What to notice.** Nothing was learned, and there is next to nothing left to learn. Only the rounding to 256 steps is in the way, and the way back makes it $1/(1-\alpha)$ times larger. Errors spread evenly over a step would leave 52.9 dB at opacity 0.5. Here it is less, since half of an odd number falls exactly between two steps.
#
# ### What covers everything: fill the hole
#
# Now $\alpha = 1$, and we are told where the mark lies: a hole in the picture. Three ways to fill it:
#
# - The **biharmonic** fill, the practitioner's first try: the smoothest surface through the pixels around the hole (scikit-image's `inpaint_biharmonic`).
# - The **best linear** fill, the honest second one. Each hidden pixel is a weighted sum of *all* visible ones of its channel. If pictures were draws from a Gaussian with mean $\mu$ and covariance $\Sigma$, the best guess would be the conditional mean. With the **precision** $\Lambda = \Sigma^{-1}$, and $h$ and $v$ for the hidden and the visible pixels,
#
# $$\mathbb E[x_h \mid x_v] = \mu_h - \Lambda_{hh}^{-1} \Lambda_{hv}\,(x_v - \mu_v).$$
#
# Mean and covariance come from the training pictures, for luma and each chroma value apart. It is lesson 01's PCA, put to work: it knows which pixels vary together. A **nugget**, a little independent variance added to each pixel, keeps the inverse from trusting chance correlations; its size was chosen on validation pictures, among five from 0.0001 to 0.01, between a smaller one that is better under text and a larger one that is better under logos. (The quick profile has too few patches for a covariance of 1,024 pixels. Its nugget is larger, and its linear fill loses under thin text.)
#
# - A **U-Net** that is told the mask. It starts from the best linear fill, and adds what it has learned, inside the hole only.
#
# One trap is on the way. The linear fill of a picture is too good if that picture was among those whose covariance was taken, and a network that learns from such fills learns that little is left to mend. So the training pictures are filled with the mean and covariance of the *other* half.
#
# Why does it start from there? In trials that are not run here, one network each, a U-Net that drew the hole from nothing came out *below* the biharmonic fill. One that started from the biharmonic fill gained 0.7 dB under text, and all seemed well, until we tried the linear fill: 0.6 dB better still, without any training. So the network gets the best start that we know.
#
# ### Exercise 7: a prediction
#
# Where is the network's lead over the biharmonic fill larger, in decibels: under thin text or under a thick logo?

# %%
hardest_hole = ...  # your prediction: "thin text" or "thick logo"

# %%
from skimage.restoration import inpaint_biharmonic


def fill_biharmonically(images, masks):
    hidden = masks[..., 0] > 0
    return in_range([inpaint_biharmonic(image, hole, channel_axis=-1) for image, hole in zip(images, hidden)])


# %%
NUGGET = budget(3e-4, quick=0.1)  # variance that is added to each pixel, as a share of the mean one


def mean_and_precision(values):
    """Mean (p,) and inverse covariance (p, p) of images (n, height, width), p pixels each."""
    pixels = values.reshape(len(values), -1).astype(np.float64)
    covariance = np.cov(pixels.T)
    covariance += NUGGET * np.diag(covariance).mean() * np.eye(len(covariance))
    return pixels.mean(axis=0), np.linalg.inv(covariance)


def gaussians_of(images):
    """Mean and precision of luma, Cb and Cr; from the images and their mirror images."""
    colours = np.concatenate(split(np.concatenate([images, images[:, :, ::-1]])), axis=-1)
    return [mean_and_precision(colours[..., channel]) for channel in range(3)]


# %%
def fill_linearly(images, masks, gaussians):
    """Each hidden pixel as the best weighted sum of the visible ones: luma, Cb and Cr apart."""
    filled = np.concatenate(split(images), axis=-1).astype(np.float64)
    hidden = masks.reshape(len(masks), -1) > 0
    for channel, (mean, precision) in enumerate(gaussians):
        for image, h in zip(filled, hidden):
            pixels = image[..., channel].ravel()
            pull = precision[np.ix_(h, ~h)] @ (pixels - mean)[~h]
            pixels[h] = mean[h] - np.linalg.solve(precision[np.ix_(h, h)], pull)
            image[..., channel] = pixels.reshape(image.shape[:2])
    return in_range(to_rgb(filled))


# %%
def build_filler(filters):
    """Filled picture and mask, (b, 32, 32, 4), to a better filling, (b, 32, 32, 3): the U-Net adds to it under the mask."""
    inputs = keras.Input((32, 32, 4))
    u_net = build_unet((32, 32, 4), 3, filters=filters)
    last = u_net.layers[-1].kernel
    last.assign(ops.zeros(last.shape))  # starts as the fill itself
    filled, mask = inputs[..., :3], inputs[..., 3:]
    centred = layers.Concatenate()([2 * filled - 1, mask])
    return keras.Model(inputs, filled + mask * u_net(centred))


def error_in_the_hole(truth_and_mask, filled):
    """Squared error summed over the hole, over its mean size in the batch: so each hidden pixel counts the same."""
    truth, mask = truth_and_mask[..., :3], truth_and_mask[..., 3:]
    error = ops.sum(mask * ops.square(truth - filled), axis=(1, 2, 3))
    return error / (3 * ops.mean(ops.sum(mask, axis=(1, 2, 3))))


# %%
half = len(x_train) // 2
texts, logos = (watermark_masks(len(x_train), 32, kind, rng) for kind in KINDS.values())
masks = np.where(rng.random((len(x_train), 1, 1, 1)) < 0.5, texts, logos)
first, second = gaussians_of(x_train[:half]), gaussians_of(x_train[half:])
fills = np.concatenate(
    [fill_linearly(x_train[:half], masks[:half], second), fill_linearly(x_train[half:], masks[half:], first)]
)
examples = np.concatenate([fills, masks, x_train], axis=-1)
gaussians = gaussians_of(x_train)  # for all other pictures


def hole_pair(examples, rng):
    """Fill and mask, and the truth and mask; mirrored together."""
    examples = mirrored(examples, rng)
    return examples[..., :4], np.concatenate([examples[..., 4:], examples[..., 3:4]], axis=-1)


# %%
batches = FreshBatches(examples, hole_pair, batch_size=32, seed=SEED)
keras.utils.set_random_seed(SEED)
filler = train(
    build_filler(budget((16, 32, 64), quick=(8, 16, 32))),
    "U-Net, told the mask",
    batches,
    epochs=budget(8, quick=2),
    learning_rate=1e-3,
    loss=error_in_the_hole,
)

# %%
filled = {}
for name, mask in masks_test.items():
    linear = fill_linearly(x_test, mask, gaussians)
    filled[name] = {
        "covered": marked(x_test, mask),
        "biharmonic": fill_biharmonically(x_test, mask),
        "best linear": linear,
        "U-Net, told the mask": in_range(predict_in_batches(filler, np.concatenate([linear, mask], axis=-1))),
    }
in_hole = {
    name: {way: pooled(x_test, images, masks_test[name]) for way, images in ways.items()}
    for name, ways in filled.items()
}
leads = {name: ways["U-Net, told the mask"] - ways["biharmonic"] for name, ways in in_hole.items()}
ex.hardest_hole.check(hardest_hole, max(leads, key=leads.get))

# %%
table_of(in_hole, f"pooled PSNR under the mark (dB), {len(x_test):,} test pictures")

# %%
from scipy.ndimage import distance_transform_edt

ways = ("biharmonic", "best linear", "U-Net, told the mask")
# in pixels, to the nearest visible one
depth = np.stack([distance_transform_edt(mask) for mask in logo[..., 0]])[..., np.newaxis]
rings = [logo * ((depth > d) & (depth <= d + 1)) for d in range(9)]
by_depth = {way: np.array([pooled(x_test, filled["thick logo"][way], ring) for ring in rings]) for way in ways}
plotting.curves(
    {way: by_depth[way] - by_depth["biharmonic"] for way in ways if way != "biharmonic"},
    xlabel="distance from the visible (pixels)",
    ylabel="lead over the biharmonic fill (dB)",
    x=np.arange(1, 10),
    title="thick logos",
)
print("biharmonic fill, pooled (dB), 1 to 9 pixels from the visible:", by_depth["biharmonic"].round(1))


# %%
def show_marks(results, ours):
    """Five pictures with a text and five with a logo, the last of each the one where ours is worst."""
    columns = {name: with_worst(x_test, ways[ours], n=4) for name, ways in results.items()}
    ways = results["thin text"]
    rows = {way: np.concatenate([results[name][way][columns[name]] for name in results]) for way in ways}
    originals = np.concatenate([x_test[columns[name]] for name in results])
    titles = [title for name in results for title in (name, "2", "3", "4", "worst")]
    return plotting.image_rows(rows | {"original": originals}, column_titles=titles)


show_marks(filled, "U-Net, told the mask")

# %% [markdown]
# **What to notice.** Look at the middle of a logo: every fill is a smear there, and ours is only a better-behaved one. No method of this lesson puts back the head of an animal. All errors grow with the distance from what is visible, and so does the lead over the biharmonic fill, whose surface runs away.
#
# Then compare the linear fill with the U-Net. Most of the lead over the biharmonic fill is linear. The network adds one or two tenths of a decibel in the logos, and next to nothing under text: there the linear answer is hard to beat from 8,750 pictures in two minutes. Had we left out the linear row, you would have believed that the network had learned all that. (And had we filled the training pictures with a covariance that knew them, it would have added no more than 0.05 dB in either, as trials showed.)
#
# Why is the biharmonic fill so far behind? It is the smoothest surface through the neighbours, and trusts each of them fully. From a wide hole's edge it swings out beyond anything that is likely. The linear fill knows how strongly pixels vary together at each distance, and returns to the mean where nobody can know.
#
# ### Nobody says where: blind removal
#
# Now the mark is white, has a random place and size and an opacity between 0.3 and 0.8, and no mask comes with it. (The networks do train on marks of these kinds. So they know what a mark can look like, and not where it is.) The ways:
#
# - the biharmonic and the best linear fill, told the mask (they throw away what shines through);
# - lesson 05's convolutional autoencoder with a code of 256 numbers, marked picture in, clean picture out;
# - a **blind** U-Net. It gets the marked picture alone, and gives what has to be added to it;
# - and for the scale, the exact way back of exercise 6, told the mask *and* the opacity.


# %%
def random_marks(images, masks, rng):
    """Marked images and the opacity of the mark at each pixel; each mark as strong as chance wants it."""
    opacity = masks * rng.uniform(0.3, 0.8, (len(masks), 1, 1, 1)).astype(np.float32)
    return marked(images, opacity), opacity


def marked_pair(images, rng):
    return random_marks(images, masks[rng.integers(len(masks), size=len(images))], rng)[0], images


batches = FreshBatches(x_train, marked_pair, batch_size=32, seed=SEED)
keras.utils.set_random_seed(SEED)
seen = keras.Input((32, 32, 3))
residual = build_unet((32, 32, 3), 3, filters=budget((16, 32, 64), quick=(8, 16, 32)))(seen)
blind = train(keras.Model(seen, seen + residual), "blind", batches, epochs=8, learning_rate=2e-3)
keras.utils.set_random_seed(SEED)
plain = build_conv_autoencoder(256, filters=(32, 64), image_shape=(32, 32, 3))
plain = train(plain, "autoencoder", batches, epochs=budget(5, quick=4), learning_rate=2e-3)

# %%
unmarked = {}
for name, mask in masks_test.items():
    with_mark, opacity = random_marks(x_test, mask, np.random.default_rng(SEED))
    unmarked[name] = {
        "marked": with_mark,
        "biharmonic, told the mask": filled[name]["biharmonic"],
        "best linear, told the mask": filled[name]["best linear"],
        "autoencoder": predict_in_batches(plain, with_mark),
        "blind U-Net": in_range(predict_in_batches(blind, with_mark)),
        "undone, told mask and opacity": in_range(unmark(np.round(255 * with_mark) / 255, opacity, 1.0)),
    }
print(
    f"the autoencoder on pictures without any mark: {by_image(x_test, predict_in_batches(plain, x_test)):.2f} dB by image"
)

# %%
cleaned = {}
for name, ways in unmarked.items():
    cleaned[f"{name},\nby image"] = {way: by_image(x_test, images) for way, images in ways.items()}
    cleaned[f"{name}, pooled\nunder the mark"] = {
        way: pooled(x_test, images, masks_test[name]) for way, images in ways.items()
    }
table_of(cleaned, f"PSNR (dB), {len(x_test):,} test pictures")

# %%
show_marks(unmarked, "blind U-Net")

# %% [markdown]
# **What to notice.** Under a thick logo the blind U-Net, told nothing, is far ahead of both fills that are told the mask: they throw away what shines through. Under thin text the fills win: to know where the mark is, is worth more there than what shines through. And outside the mark they make no error at all, while the blind network has to find out that there is nothing to do.
#
# By image the autoencoder loses to the picture with the text still on it. It does take the logos off, but even on pictures without any mark it gets no further than the printed line says: its code of 256 numbers can't carry 3,072 pixel values, mark or no mark.
#
# What is left to gain is in the last row. Told mask and opacity, one line of arithmetic is nearly perfect. (By image it comes near 60 dB, which is our cap.)
#
# ## What you should see
#
# Colour first. Gains are in decibels, pooled where nothing else is said.

# %% tags=["headline"]
pooled_colour = {name: values[0] for name, values in measured.items()}
gain = pooled_colour["U-Net to chroma"] - pooled_colour["mean chroma"]
expect("colour: U-Net over mean chroma", gain, at_least=budget(0.7, quick=0.5), unit="dB")
gain = pooled_colour["U-Net to chroma"] - pooled_colour["three autoencoders"]
expect("colour: U-Net over three autoencoders", gain, at_least=2, unit="dB")
gain = pooled_colour["best linear"] - pooled_colour["mean chroma"]
expect("colour: best linear over mean chroma", gain, at_least=budget(0.1, quick=-1), unit="dB")
gain = pooled_colour["U-Net to chroma"] - pooled_colour["the three, luma put back"]
expect("colour: U-Net over the three, luma put back", gain, at_least=0.2, unit="dB")
gap = measured["grey copy"][1] - measured["mean chroma"][1]
expect("colour, by image: grey copy over mean chroma", gap, at_least=budget(0.05, quick=-0.2), unit="dB")
bounds = {"at_least": budget(-0.05, quick=-0.2), "at_most": budget(0.05, quick=0.4)}
expect("share of the variance less R², validation", share - r_squared, **bounds)
behind = pooled_colour["U-Net to chroma"] - pooled_colour["bins, T = 1"]
expect("colour: bins at T = 1 behind the first head", behind, at_most=budget(0.15, quick=1.5), unit="dB")
bolder = measured["bins, T = 0.4"][2] / measured["bins, T = 1"][2]
expect("variance of chroma, bins: T = 0.4 over T = 1", bolder, at_least=budget(2, quick=1.3))

# %%
BOUNDS = {
    "pictures × 2": budget(1.4, quick=0.1),
    "pictures × 4": budget(0.75, quick=0.05),
    "digits × 2": budget(7.5, quick=4),
}
for task, bound in BOUNDS.items():
    gain = decibels[task]["network, consistent"] - decibels[task]["bicubic"]
    expect(f"{task}, by image: network over bicubic", gain, at_least=bound, unit="dB")
    gain = decibels[task]["network, consistent"] - decibels[task]["best linear"]
    expect(f"{task}, by image: network over best linear", gain, at_least=budget(bound / 4, quick=-0.5), unit="dB")
for task, (_, factor, small_test, found) in enlarged.items():
    off = np.abs(downsample(found["network, consistent"], factor) - small_test).mean()
    expect(f"{task}: shrunk again, mean error", off, at_most=1e-5)

# %%
expect("under thick logo: U-Net over biharmonic", leads["thick logo"], at_least=budget(1, quick=0), unit="dB")
expect("under thin text: U-Net over biharmonic", leads["thin text"], at_least=budget(1.2, quick=-4), unit="dB")
for name, ways in in_hole.items():
    gain = ways["best linear"] - ways["biharmonic"]
    expect(f"under {name}: best linear over biharmonic", gain, at_least=budget(0.8, quick=-4), unit="dB")
    gain = ways["U-Net, told the mask"] - ways["best linear"]
    expect(f"under {name}: U-Net over best linear", gain, at_least=-0.1, at_most=budget(0.2, quick=5), unit="dB")
for name, least in {"thin text": budget(31, quick=24), "thick logo": budget(28, quick=18)}.items():
    column = cleaned[f"{name},\nby image"]
    expect(f"{name}, by image: blind U-Net", column["blind U-Net"], at_least=least, unit="dB")
    gain = column["blind U-Net"] - column["autoencoder"]
    expect(f"{name}, by image: blind U-Net over autoencoder", gain, at_least=budget(7, quick=2), unit="dB")
    gain = column["blind U-Net"] - column["best linear, told the mask"]
    bounds = {"at_most": -2} if name == "thin text" else {"at_least": budget(4, quick=-10)}
    expect(f"{name}, by image: blind U-Net over told linear fill", gain, **bounds, unit="dB")

# %% [markdown]
# One run of each network shows little. The whole lesson was run twice more in the full profile, each time with another seed for all networks, masks and opacities (`make seeds LESSON=10`). Here are the same numbers from those runs:

# %%
with open(folder() / "seeds_10.csv", encoding="utf-8") as file:
    for what, *values in csv.reader(file):
        print(f"{what:62}" + "".join(f"{value:>10}" for value in values))

# %% [markdown]
# ## Summary
#
# - Split off what is known, and predict the rest: chroma from luma, the pixels under a mask. What is known then stays as it is. (A residual alone protects nothing; the step to consistency does.)
# - The squared error asks for the mean of all answers that fit. Where many fit, the mean is pale, blurred or brown. If a prediction is calibrated, $\operatorname{Var}(\text{prediction}) / \operatorname{Var}(\text{truth}) = R^2$: what is missing is what the network does not know.
# - A distribution holds more than its mean. With a temperature you choose how bold the picture is, and pay in squared error.
# - Before a network, try the best *linear* answer. It is a least-squares fit or one matrix inverse, and took from a fifth of the gain (colour, digits) through half (pictures enlarged) to nearly all of it (holes).
# - Know how the damage was made. Averaged blocks can be given back, and a mark that lets something through can be taken off almost exactly, while a fill throws away what shines through.
# - A code of a few hundred numbers is the wrong shape for restoration: the picture itself must get past it. Skip connections are made for that.
#
# ## Pitfalls
#
# - **One order of averaging.** The mean of decibels and the decibels of the mean can name different winners, and the first hangs on a cap for pictures without error. Say which one you report, and the cap.
# - **A first stage that has seen the second stage's training data.** Fit it on the other half.
# - **Training on one way of shrinking, testing on another.** Bicubic shrinking and averaged blocks are two different tasks.
# - **A ReLU as the last layer** of a residual network: it can only brighten.
# - **Dead units.** A network that starts as a good fill gets gradients that are nearly noise. At a high learning rate all units of its last ReLU layer can die, as they did in trials of ours, and it returns the fill for ever. Start its last layer at zero, warm the learning rate up, and look whether it changes anything.
# - **Patches of one photograph in training and test.** Split by photograph, then cut.
#
# ## References
#
# - R. Zhang, P. Isola and A. A. Efros, [Colorful image colorization](https://arxiv.org/abs/1603.08511), 2016: classes of colour, and the annealed mean.
# - O. Ronneberger, P. Fischer and T. Brox, [U-Net: convolutional networks for biomedical image segmentation](https://arxiv.org/abs/1505.04597), 2015.
# - W. Shi et al., [Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural network](https://arxiv.org/abs/1609.05158), 2016: depth to space.
# - S. B. Damelin and N. S. Hoang, [On surface completion and image inpainting by biharmonic functions: numerical aspects](https://doi.org/10.1155/2018/3950312), 2018: the method behind scikit-image's function.
# - A. Krizhevsky, [Learning multiple layers of features from tiny images](https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf), 2009: CIFAR-10.
# - ITU-R, [Recommendation BT.601](https://www.itu.int/rec/R-REC-BT.601): luma and chroma.
