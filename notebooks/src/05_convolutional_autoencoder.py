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
# # Convolutional autoencoder
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/autoencoder-course/blob/main/notebooks/05_convolutional_autoencoder.ipynb)
#
# Shuffle the pixels of all images in the same way, and a dense autoencoder does not notice. A convolutional one does: it starts from
# what every picture has, that neighbours belong together and that a stroke is a stroke wherever it stands. Here you see what that is worth.
#
# **You will learn**
#
# - how strides and pooling shrink an image, and by how much
# - why a transposed convolution is the transpose of a matrix, and why it is not an inverse
# - five ways to double an image's sides: drawn on a 4 × 4 example, then trained in the same decoder
# - where checkerboard patterns come from, and how to measure them
# - what really crosses a bottleneck, and how convolutional and dense autoencoders compare when the same number of values does
#
# **You need** lesson 01 (encoder, code, decoder, loss) and matrix multiplication. **Time:** 4 to 9 minutes on a 2-core CPU, about one in the quick profile
# (Colab's free CPU runtime has two cores as well; not measured there).

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules:  # Colab fetches the course's package and keeps its own TensorFlow and NumPy
    get_ipython().run_line_magic("pip", "install --quiet --no-deps git+https://github.com/OWNER/autoencoder-course")

# %%
import math
import time

import numpy as np
from course_utils import plotting
from course_utils.data import load
from course_utils.exercises import lesson_05 as ex
from course_utils.layers import BedOfNails2D, MaxPoolingWithPositions2D, MaxUnpooling2D
from course_utils.models import Autoencoder, build_conv_autoencoder, build_dense_autoencoder
from course_utils.training import budget, callbacks, expect, setup

import keras
from keras import layers, ops

setup(seed=5)
mnist = load("mnist")

# %% [markdown]
# ## 1. The same few weights everywhere
#
# A **convolution** slides a small kernel over the image. At each place it multiplies the pixels under the kernel by the kernel's weights
# and adds up:
#
# $$y_{ij} = \sum_{a=0}^{k-1}\sum_{b=0}^{k-1} w_{ab}\; x_{i+a,\,j+b}$$
#
# where $x$ is the image, $y$ the result, $w$ the kernel of $k \times k$ weights, and $(i, j)$ the place. With several channels, the sum runs over the
# channels of $x$ too, and each channel of $y$ (a **feature map**) has a kernel of its own and one number that is added everywhere, its **bias**. Two things follow. The number of weights does not depend on the
# size of the image:

# %% tags=["nbval-check-output"]
for side in (14, 28, 56):
    image = keras.Input((side, side, 1))
    dense, convolution = layers.Dense(side * side), layers.Conv2D(16, 3)
    dense(layers.Flatten()(image)), convolution(image)
    print(f"{side} × {side}: as many dense units as pixels {dense.count_params():9,} weights and biases, ", end="")
    print(f"16 kernels of 3 × 3 {convolution.count_params()}")

# %% [markdown]
# And a shifted image gives a shifted result. We move a digit two pixels to the right, and compare the convolution of the moved digit with the moved convolution of the digit.

# %% tags=["nbval-check-output"]
digit = mnist.x_train[:1]
moved = np.roll(digit, 2, axis=2)
convolution, dense = layers.Conv2D(16, 3, padding="same"), layers.Dense(784)


def same_after_moving(layer, prepare=lambda x: x):
    before, after = (ops.convert_to_numpy(layer(prepare(x))).reshape(28, 28, -1) for x in (digit, moved))
    return np.allclose(np.roll(before, 2, axis=1)[:, 2:-2], after[:, 2:-2], atol=1e-5)


print("convolution:", same_after_moving(convolution))
print("dense layer:", same_after_moving(dense, prepare=lambda x: x.reshape(1, 784)))

# %% [markdown]
# The dense layer has to learn anew at each place what a stroke is. (For a picture that reaches the border even the convolution differs there, which is why the comparison leaves out two columns on each side.)
#
# ## 2. Smaller: strides and pooling
#
# An encoder has to shrink the image. There are two usual ways:
#
# - **Stride** $s$: the kernel moves $s$ pixels at a time, so only every $s$-th result is computed at all. What is kept is learnt, in the kernel.
# - **Pooling**: each block of $s \times s$ pixels is replaced by its mean or its maximum. There is nothing to learn.
#
# ### Exercise 1: how large is the result?
#
# Put $p$ zeros on each side of a line of $n$ pixels (**padding**), and let a kernel of $k$ pixels move along it in steps of $s$. How many places
# does it have, if it must always lie wholly on the padded line? Write the one line.


# %% tags=["nbval-check-output"]
def output_size(size, kernel, stride, padding):
    """How many places a kernel has on a line of `size` pixels with `padding` zeros on each side."""
    return ...  # your code


output_size = ex.output_size.check(output_size)

# %% [markdown]
# Keras names two paddings: `"valid"` is none at all, and `"same"` is just enough for the result to have $\lceil n/s \rceil$ pixels. For a kernel of 3, a stride of 2 and an even image, that is
# a single zero, at the end. Your formula, with one zero on both sides, arrives at the same sizes:

# %% tags=["nbval-check-output"]
halve = layers.Conv2D(1, 3, strides=2, padding="same")
for size in (28, 14, 7, 4):
    by_formula = output_size(size, kernel=3, stride=2, padding=1)
    print(f"{size:2} → {by_formula:2} pixels, Keras: {halve.compute_output_shape((1, size, size, 1))[1]}")

# %% [markdown]
# Twenty-eight can be halved twice. A third time gives 4, and doubling 4 three times gives 32, not 28: with our images, an autoencoder of halvings and doublings has two levels.
#
# Now a 4 × 4 image, made smaller in each way. The stride here has the simplest of kernels: a single 1, so it just takes every other pixel.

# %% tags=["nbval-check-output"]
small = np.array([[1, 2, 0, 3], [5, 4, 1, 1], [0, 1, 6, 8], [3, 0, 2, 7]], "float32")
batch = small[None, :, :, None]  # (batch, height, width, channels)


def as_grid(tensor):
    return ops.convert_to_numpy(tensor)[0, :, :, 0]


maxima, positions = MaxPoolingWithPositions2D(2)(batch)
print("max pooling:", as_grid(maxima).tolist(), "positions:", as_grid(positions).tolist())

# %%
plotting.number_grids(
    {
        "image, 4 × 4": small,
        "stride 2": small[::2, ::2],
        "mean pooling": as_grid(layers.AveragePooling2D(2)(batch)),
        "max pooling": as_grid(maxima),
        "positions of the maxima": as_grid(positions),
    }
)

# %% [markdown]
# **What to notice.** Each result has a quarter of the numbers. The rightmost grid is what max pooling usually forgets: at which place of its block the maximum
# stood, counted row by row as 0 1 / 2 3. The package's layer `MaxPoolingWithPositions2D` keeps it. We shall need it in section 4.
#
# ## 3. Larger: the transposed convolution
#
# A convolution is linear, so it is a matrix. Take a line of six pixels, a kernel $(w_0, w_1, w_2) = (1, 2, 3)$ and stride 2, with one zero at the end. The matrix $C$ has
# a row for each of the three results, and each row holds the kernel, two pixels further to the right than in the row above. So $y = Cx$.
#
# The **transposed convolution** multiplies by $C^\top$ instead: $\hat x = C^\top y$. It takes three numbers to six. Each of the three paints a copy of the kernel, multiplied by that number, and
# where the copies overlap, they add up.

# %% tags=["nbval-check-output"]
kernel = np.array([1, 2, 3], "float32")
unit_signals = np.eye(6, dtype="float32")[:, :, None]  # (6 signals, 6 pixels, 1 channel)
columns = ops.conv(unit_signals, kernel[:, None, None], strides=2, padding="same")
C = ops.convert_to_numpy(columns)[:, :, 0].T  # column j is the result for the unit signal j
print(C.astype(int))

# %%
plotting.number_grids({"$C$: from 6 to 3": C, "$C^T$: from 3 to 6": C.T, "$C^T C$": C.T @ C})

# %% [markdown]
# **What to notice.** The shapes are those of decoding: where $C$ takes six numbers to three, $C^\top$ takes three to six. But $C^\top C$ is not the identity. A transposed convolution
# does not undo the convolution. It only has its connections, the other way round, and learns weights of its own. Some call it "deconvolution", a
# name that promises too much.
#
# The same in two dimensions, with Keras's own layers: a 4 × 4 image has 16 pixels, its strided convolution 4, so $C$ is 4 × 16. We read it off from the 16 unit images, transpose it, and compare with `Conv2DTranspose`.

# %% tags=["nbval-check-output"]
kernel = np.arange(1, 10, dtype="float32").reshape(3, 3, 1, 1)
unit_images = np.eye(16, dtype="float32").reshape(16, 4, 4, 1)
C2 = ops.convert_to_numpy(ops.conv(unit_images, kernel, strides=2, padding="same")).reshape(16, 4).T
transposed = layers.Conv2DTranspose(1, 3, strides=2, padding="same", use_bias=False)
transposed.build((None, 2, 2, 1))
transposed.set_weights([kernel])
y = np.array([1, -2, 3, 5], "float32")
by_matrix, by_keras = (C2.T @ y).reshape(4, 4), as_grid(transposed(y.reshape(1, 2, 2, 1)))
print("C has shape", C2.shape)
print(by_matrix.astype(int))
print("Conv2DTranspose gives the same:", np.array_equal(by_matrix, by_keras))

# %% [markdown]
# ### The price: uneven overlap
#
# How many copies of the kernel meet at a pixel? Let all numbers and all weights be 1, then the transposed convolution counts.


# %%
def copies_per_pixel(kernel_size, number=4):
    ones = np.ones((1, number, number, 1), "float32")
    kernel = np.ones((kernel_size, kernel_size, 1, 1), "float32")
    return as_grid(ops.conv_transpose(ones, kernel, strides=2, padding="same"))


plotting.number_grids({f"kernel {k} × {k}, stride 2": copies_per_pixel(k) for k in (2, 3, 4)})

# %% [markdown]
# **What to notice.** A 3 × 3 kernel paints some pixels four times, some twice, some once, in a regular pattern: a **checkerboard** that the network has to unlearn. Where the
# stride divides the kernel's size, as in 2 × 2 and 4 × 4, the overlap is even away from the border
# ([Odena, Dumoulin and Olah, 2016](https://doi.org/10.23915/distill.00003)). Section 6 measures what remains of the pattern in an untrained and in a trained decoder.
#
# ## 4. Larger without weights: the unpooling family
#
# All other ways to double the sides first spread the values by a fixed rule and leave the learning to an ordinary convolution after it.
#
# - **Nearest neighbour**: each value fills its whole 2 × 2 block.
# - **Bilinear**: as before, but with straight transitions from one value to the next.
# - **Bed of nails**: the value goes to the upper left corner of its block, the rest is zero.
# - **Max unpooling**: the value goes back to the place that its max-pooling layer remembered, the rest is zero.
#
# ### Exercise 2: nearest neighbour


# %% tags=["nbval-check-output"]
def upsample(images):
    """Nearest neighbour: (batch, height, width, channels) to (batch, 2 · height, 2 · width, channels)."""
    return ...  # your code, with keras.ops


upsample = ex.upsample.check(upsample)

# %% [markdown]
# ### Exercise 3: max unpooling
#
# `values` and `positions` are both `(batch, height, width, channels)`; a position is 0, 1, 2 or 3, counted row by row within the block. Your `upsample` can help.


# %% tags=["nbval-check-output"]
def max_unpool(values, positions):
    """Puts each value into its 2 × 2 block at its position (0 1 / 2 3), zeros elsewhere."""
    return ...  # your code, with keras.ops


max_unpool = ex.max_unpool.check(max_unpool)

# %% [markdown]
# Now the whole family on the 4 × 4 image of section 2: first pooled to 2 × 2, then unpooled to 4 × 4. The transposed convolution gets a kernel here (a 3 × 3 bump); in a network it would learn it.

# %% tags=["nbval-check-output"]
bump = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]).astype("float32")[:, :, None, None]
unpooled = {
    "transposed convolution": ops.conv_transpose(maxima, bump, strides=2, padding="same"),
    "nearest neighbour": upsample(maxima),
    "bilinear": layers.UpSampling2D(2, interpolation="bilinear")(maxima),
    "bed of nails": BedOfNails2D(2)(maxima),
    "max unpooling": max_unpool(maxima, positions),
}
unpooled = {name: as_grid(tensor) for name, tensor in unpooled.items()}
print("nearest as in Keras:", np.array_equal(unpooled["nearest neighbour"], as_grid(layers.UpSampling2D(2)(maxima))))
print(
    "max unpooling as in the package:",
    np.array_equal(unpooled["max unpooling"], as_grid(MaxUnpooling2D(2)([maxima, positions]))),
)
print(unpooled["max unpooling"])

# %% tags=["picture"]
pooled = {"image": small, "max pooled": as_grid(maxima), "positions": as_grid(positions)}
plotting.number_grids(pooled | unpooled, columns=4)

# %% [markdown]
# **What to notice.** Only max unpooling puts the 8 where it stood in the image and nowhere else. It can do so because it was told. All the others know the four maxima and nothing else,
# and must guess where in the block they belong.
#
# The bed of nails looks poor, but it is an old friend. Spread the values on nails, then convolve with the kernel turned by 180 degrees: that *is* the transposed convolution.

# %% tags=["nbval-check-output"]
nails = BedOfNails2D(2)(y.reshape(1, 2, 2, 1))
padded = ops.pad(nails, ((0, 0), (2, 0), (2, 0), (0, 0)))  # room for the kernel before the first pixel
by_nails = as_grid(ops.conv(padded, kernel[::-1, ::-1]))
print("bed of nails, then a convolution = transposed convolution:", np.array_equal(by_nails, by_keras))

# %% [markdown]
# So the two can express the same functions, checkerboards included. The transposed convolution saves the
# multiplications by zero.
#
# ## 5. Encoder and decoder
#
# ### Exercise 4: build the pair
#
# Build an encoder from images `(28, 28, 1)` to codes `(latent_dim,)` and a decoder back, both with convolutions. Each should have at most 150,000 parameters at 32 numbers, and the decoder must end in an image: all values between 0 and 1. Return the two Keras models as `encoder, decoder`.


# %% tags=["nbval-check-output"]
def conv_pair(latent_dim):
    """An encoder from (28, 28, 1) to (latent_dim,) and a decoder back, both convolutional."""
    return ...  # your code


conv_pair = ex.conv_pair.check(conv_pair)

# %% [markdown]
# Your pair makes an autoencoder at once. All trainings of this lesson use the same recipe: the binary cross-entropy as loss, the optimiser Adam, and a learning rate that falls to zero along a cosine.
# (Behind a sigmoid the squared error has almost no gradient where a white pixel is believed to be black, and convolutional networks can get stuck at all-black pictures. The cross-entropy has no such
# trap; lesson 04 shows the two derivatives.) What we report is the mean squared error (**MSE**, mean over all pixels of the squared difference). A stopwatch takes the time of each epoch, without the test after it.


# %%
class Stopwatch(keras.callbacks.Callback):
    """Seconds from an epoch's start to its last batch."""

    def on_train_begin(self, logs=None):
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.seconds.append(-time.perf_counter())
        self.finished = 0

    def on_train_batch_end(self, batch, logs=None):
        self.finished = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds[-1] += self.finished


# %%
def train(model, name, images, tests, epochs, rate=5e-3):
    """Returns the test MSE after each epoch and the seconds that 60,000 images take."""
    batch_size = budget(64, quick=32)
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * math.ceil(len(images) / batch_size))
    model.compile(keras.optimizers.Adam(schedule), loss="binary_crossentropy", metrics=["mse"])
    watch = Stopwatch()
    history = model.fit(
        images, images, batch_size=batch_size, epochs=epochs, verbose=0,
        validation_data=(tests, tests), callbacks=[*callbacks(name), watch],
    )  # fmt: skip
    return history.history["val_mse"], min(watch.seconds) * 60_000 / len(images)


some = mnist.x_train[: budget(6_000, quick=1_000)]  # enough to compare, and it saves minutes
some_epochs = budget(3, quick=2)
yours = Autoencoder(*conv_pair(32))
errors, seconds = train(yours, "your pair", some, mnist.x_test, some_epochs)
print(f"test MSE {errors[-1]:.4f}, {yours.count_params():,} parameters")

# %%
shown = mnist.x_test[:10]
plotting.image_rows({"original": shown, "your pair": ops.convert_to_numpy(yours(shown))})

# %% [markdown]
# **What to notice.** This is a short training on part of the images: see which digits can be read already, and where strokes are still soft. (As long as exercise 4 is open, this is the reference's pair, with ReLUs in its hidden layers. The builder of section 6 uses ELUs, and gets further with the same training.)
#
# ## 6. Five unpoolings in the same decoder
#
# `build_conv_autoencoder(latent_dim, unpooling=...)` builds an encoder with two strided convolutions and a decoder with two doublings, each followed by a 3 × 3 convolution or, for `"transposed"`,
# merged with it. So all five have the same number of weights. Only `"max"` needs another encoder: to have positions to remember, it max-pools instead of striding.
#
# First look at decoders **before any training**. Whatever pattern they show comes from their structure, not from the data.

# %%
UNPOOLINGS = {
    "transposed": "transposed",
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bed_of_nails": "bed of nails",
    "max": "max unpooling",
}


def untrained_outputs(unpooling, n=64):
    """What an untrained decoder makes of random codes, as difference from grey."""
    model = build_conv_autoencoder(32, unpooling=unpooling)
    codes = ops.convert_to_tensor(np.random.default_rng(6).standard_normal((n, 32), dtype="float32"))
    if unpooling == "max":
        _, *positions = model.encoder(mnist.x_train[:n])
        codes = [codes, *positions]
    return ops.convert_to_numpy(model.decoder(codes)) - 0.5


untrained = {name: [untrained_outputs(key) for _ in range(4)] for key, name in UNPOOLINGS.items()}
stretched = {name: 0.5 + 0.5 * outputs[0][:8] / np.abs(outputs[0][:8]).max() for name, outputs in untrained.items()}
plotting.image_rows(stretched)

# %% [markdown]
# **What to notice.** The transposed convolution, the bed of nails and max unpooling look like fine noise; nearest neighbour makes patches with straight edges, bilinear soft blobs. In the first two the noise hides a grid, in the same place in each image, which the eye hardly finds but the numbers below do. Max unpooling has a weaker
# one: on the strokes its values stand where the maxima were, which differs from image to image. But in the black background all four numbers of a block are equal, the first place wins, and there it is a bed of nails.
#
# Now a number for it. Two doublings repeat their pattern every 4 pixels, so each pixel has one of 4 × 4 **phases**: its row and its column modulo 4. We take the mean square of the output at
# each phase. If the decoder treats all pixels alike, the 16 numbers are about equal. Their standard deviation divided by their mean is the **unevenness**: 0 means no checkerboard.


# %%
def power_by_phase(values):
    """Mean square of (n, 28, 28, 1) numbers at each of the 4 × 4 phases."""
    return np.mean(np.square(values.reshape(-1, 7, 4, 7, 4)), axis=(0, 1, 3))


def unevenness(values):
    power = power_by_phase(values)
    return power.std() / power.mean()


before = {name: np.mean([unevenness(values) for values in outputs]) for name, outputs in untrained.items()}
for name, value in before.items():
    print(f"{name:16} {value:.2f}")
shares = {k: np.mean([power_by_phase(v) / np.square(v).mean() for v in vs], axis=0) for k, vs in untrained.items()}
plotting.number_grids(shares, columns=3)

# %% [markdown]
# **What to notice.** These are mean squares by phase, as multiples of the mean, over four random initialisations. The transposed convolution and the bed of nails reach several times more at some phases than at others; the
# two interpolations stay near 1 everywhere, and max unpooling lies in between. Rows and columns of each grid are the pixel's row and column modulo 4.
#
# Then we train all five for the same number of epochs on the same images.

# %%
models, results = {}, {}
for key, name in UNPOOLINGS.items():
    models[name] = build_conv_autoencoder(32, unpooling=key)
    results[name] = train(models[name], name, some, mnist.x_test, some_epochs)


# %%
def reconstruct(model, images):
    return model.predict(images, batch_size=500, verbose=0)


tested = mnist.x_test[:2000]
decoded = {name: reconstruct(model, tested) for name, model in models.items()}
after = {name: unevenness(tested - images) for name, images in decoded.items()}
print("unpooling        parameters  test MSE  seconds an epoch of 60,000  unevenness of the error")
for name, (errors, seconds) in results.items():
    line = f"{name:16} {models[name].count_params():10,} {errors[-1]:9.4f} {seconds:27.0f}"
    print(f"{line} {after[name]:24.2f}")
print(f"unevenness of the digits themselves: {unevenness(tested):.2f}")

# %%
plotting.bars(
    {"untrained: output": list(before.values()), "trained: error": list(after.values())},
    "unevenness",
    groups=list(before),
    digits=2,
)

# %%
plotting.image_rows({"original": shown} | {name: images[:10] for name, images in decoded.items()})

# %% [markdown]
# **What to notice.** All five have the same number of weights and the same training, so a different error comes from the unpooling (with max unpooling, also from its pooling encoder) or from the luck of one initialisation. Max unpooling has its
# positions besides, and stands far apart. Of the other four, three are about equal and nearest neighbour is somewhat lower, but in one run each: don't read a ranking into that.
#
# Then compare the two bars of each decoder. One is the unevenness of an untrained decoder's output, the other that of a trained decoder's error (digit minus reconstruction): a pattern that the decoder adds shows there, not one that
# the digits have. Compare their sizes only roughly. The untrained transposed convolution and bed of nails stand far above the interpolations; after training all five errors are nearly even. The digits' own unevenness, printed
# under the table, shows how small such a number is for images without a grid.
#
# ## 7. What really crosses the bottleneck
#
# The decoder with max unpooling has an advantage in that table that the others lack: its input is not only the code. Count what it gets for one image.

# %% tags=["nbval-check-output"]
code, *remembered = models["max unpooling"].encoder(mnist.x_test[:1])
places = sum(math.prod(p.shape) for p in remembered)
print(f"code: {code.shape[-1]} numbers of 32 bits = {32 * code.shape[-1]:,} bits")
print(f"positions: {places:,} of 2 bits each = {2 * places:,} bits")
print(f"the image itself: 784 pixels of 8 bits = {784 * 8:,} bits")

# %% [markdown]
# The positions alone are more than the image. How much does the code still matter? We decode with the wrong code, or with the wrong positions.

# %%
codes, *remembered = models["max unpooling"].encoder.predict(tested, batch_size=500, verbose=0)
other = np.roll(np.arange(len(tested)), -1)  # the next image in line
swaps = {
    "own code, own positions": [codes, *remembered],
    "zeros, own positions": [0 * codes, *remembered],
    "next one's code": [codes[other], *remembered],
    "next one's positions": [codes, *(p[other] for p in remembered)],
}
swapped = {
    name: models["max unpooling"].decoder.predict(parts, batch_size=500, verbose=0) for name, parts in swaps.items()
}
swap_errors = {name: np.mean((images - tested) ** 2) for name, images in swapped.items()}
for name, error in swap_errors.items():
    print(f"{name:24} test MSE {error:.4f}")
print(f"{'mean image':24} test MSE {np.mean((some.mean(axis=0) - tested) ** 2):.4f}")

# %%
plotting.image_rows({"original": shown} | {name: images[:10] for name, images in swapped.items()})

# %% [markdown]
# **What to notice.** With the next one's code you still see your own digit; with the next one's positions you see the next digit, and the error is above the mean image's, which is what one gets with no message at all. Most of the message
# travels in the positions. (A code of zeros is one that the decoder never met, so its grey answer says little about how much the code carries. And these are the first 2,000 test digits, so the first line differs slightly from the table above.) So this decoder takes no part in the comparison of the next section: its code is not the only thing that crosses the bottleneck.
#
# ## 8. The same width, convolutional or dense
#
# Now the fair comparison: 16, 32 or 128 numbers cross the bottleneck, and nothing else does. The rival is lesson 01's shallow autoencoder with one dense layer on each side; at width 32 a deep dense one with two hidden layers on each
# side takes part too. All learn from the same images for the same number of epochs. Each kind has
# a learning rate that suits it, found in short trials on training images and kept for all its widths. The hidden activations are the
# builders' defaults: ReLU in the deep dense one, ELU (a ReLU that is smooth and curves to −1 on the left) in the convolutional one; the shallow one has a linear code, and its only nonlinearity is the sigmoid at its end. Apart from that, the recipe is the same. The second level of the convolutional one has 64 channels here: with the 32 of
# section 6 the 7 × 7 map before the code would hold half as many numbers.

# %%
WIDTHS = (16, 32, 128)
KINDS = {
    "shallow dense": lambda width: build_dense_autoencoder(width),
    "convolutional": lambda width: build_conv_autoencoder(width, filters=(16, 64)),
    "deep dense": lambda width: build_dense_autoencoder(width, hidden=(256, 128)),
}
RATES = {"shallow dense": 1e-2, "deep dense": 3e-3, "convolutional": 5e-3}
RIVALS = [(kind, width) for kind in ("shallow dense", "convolutional") for width in WIDTHS] + [("deep dense", 32)]
epochs = budget(4, quick=2)
fair, fits = {}, {}
for kind, width in RIVALS:
    fair[kind, width] = KINDS[kind](width)
    name = f"{kind} {width}"
    fits[kind, width] = train(fair[kind, width], name, mnist.x_train, mnist.x_test, epochs, RATES[kind])

# %% tags=["nbval-check-output"]
for kind, width in RIVALS:
    print(f"{kind:14} {width:3} numbers, {fair[kind, width].count_params():8,} parameters")

# %%
for kind, width in RIVALS:
    errors, seconds = fits[kind, width]
    print(f"{kind:14} {width:3} numbers, test MSE {errors[-1]:.5f}, {seconds:5.1f} seconds an epoch of 60,000 images")
plotting.bars(
    {kind: [1000 * fits[kind, width][0][-1] for width in WIDTHS] for kind in ("shallow dense", "convolutional")},
    "test MSE × 1000",
    groups=[f"width {w}" for w in WIDTHS],
)

# %%
plotting.curves({kind: 1000 * np.array(fits[kind, 32][0]) for kind in KINDS}, "epoch", "test MSE × 1000 at width 32")

# %%
plotting.image_rows(
    {"original": shown}
    | {f"{kind} {width}": reconstruct(fair[kind, width], shown) for kind, width in RIVALS if width < 128}
)

# %% [markdown]
# **What to notice.** Compare within each width, and then look at the price: parameters and seconds. The convolutional model has more parameters than the shallow one, but few of them are convolutional (15% at width 16, 2% at 128): the rest stand in the two dense layers between
# feature maps and code. At 16 and 32 numbers the convolutional autoencoder makes less than half of the shallow one's error, and the deep dense
# one, with about twice the convolutional one's parameters, stays in between at 32. At 128 the lead is small: a nearly linear code of that width is enough for much of MNIST. In our trials on held-back training
# images a shallow one trained on the squared error came about level with the convolutional one there, so take width 128 for close to a tie. Few epochs favour whatever learns fastest:
# this is a comparison at equal epochs, not of what each could reach in the end.
#
# ### Is it the neighbours?
#
# A test of the explanation. Rearrange the pixels of all images in one random order, and train on those. Nothing is lost, every image can be put back. But neighbours are no longer neighbours.

# %%
order = np.random.default_rng(7).permutation(784)
rearranged, rearranged_tests = (x.reshape(-1, 784)[:, order].reshape(-1, 28, 28, 1) for x in (some, mnist.x_test))
trials = {
    ("shallow dense", "as they are"): (some, mnist.x_test),
    ("shallow dense", "rearranged"): (rearranged, rearranged_tests),
    ("convolutional", "rearranged"): (rearranged, rearranged_tests),
}
by_order = {("convolutional", "as they are"): results["transposed"][0][-1]}  # the same training, done in section 6
for (kind, arrangement), data in trials.items():
    name = f"{kind}, pixels {arrangement}"
    model = build_conv_autoencoder(32) if kind == "convolutional" else build_dense_autoencoder(32)
    by_order[kind, arrangement] = train(model, name, *data, some_epochs, RATES[kind])[0][-1]

# %%
arrangements = ("as they are", "rearranged")
plotting.bars(
    {kind: [1000 * by_order[kind, a] for a in arrangements] for kind in ("shallow dense", "convolutional")},
    "test MSE × 1000",
    groups=[f"pixels {a}" for a in arrangements],
)

# %% [markdown]
# **What to notice.** Each unit of a dense layer has a weight of its own for each pixel, so rearranging the pixels only rearranges its weights: the difference between its two bars (one run each) is the chance of initialisation and batches. The convolution has no such freedom. The difference between its
# two bars, far larger than that chance, is what neighbours are worth to it: without them it does worse than the dense one.
#
# <details><summary><b>Think about it:</b> a digit in MNIST always stands in the middle. Would you expect the convolution's advantage to grow or to shrink, if it stood anywhere in a larger image?</summary>
#
# The convolutional layers would not mind: they look for the same strokes everywhere. A dense layer would have to learn every stroke at every place, from as many more examples. So the advantage
# should grow. But the convolutional encoder ends in a dense layer from feature maps to the code, and that layer has to express *where* things are. It would need more units too.
# </details>
#
# ## What you should see

# %%
for width in WIDTHS:
    ratio = fits["convolutional", width][0][-1] / fits["shallow dense", width][0][-1]
    expect(f"width {width}: test MSE, convolutional over shallow dense", ratio, at_most=1)
ratio = fits["convolutional", 32][0][-1] / fits["deep dense", 32][0][-1]
expect("width 32: test MSE, convolutional over deep dense", ratio, at_most=1)
ratio = by_order["convolutional", "rearranged"] / by_order["convolutional", "as they are"]
expect(
    "what rearranging the pixels costs the convolution, as a factor of its test MSE",
    ratio,
    at_least=budget(1.2, quick=1),
)

# %%
expect("unevenness of an untrained decoder, transposed convolution", before["transposed"], at_least=0.4)
expect("unevenness of an untrained decoder, nearest neighbour", before["nearest"], at_most=0.3)
expect(
    "max unpooling: error with the next image's positions over error with its code",
    swap_errors["next one's positions"] / swap_errors["next one's code"],
    at_least=1,
)

# %% [markdown]
# ## Summary
#
# - A convolution has the same few weights at every place. It is a matrix with a pattern; the transposed convolution multiplies by a matrix of the transposed pattern, and inverts nothing.
# - Strides and pooling shrink an image: $\lfloor (n + 2p - k)/s \rfloor + 1$ pixels remain of $n$.
# - A transposed convolution is a bed of nails followed by a convolution. If the stride does not divide the kernel's size, the uneven overlap gives a checkerboard; interpolation followed by a convolution does not.
# - Max unpooling needs the positions of the maxima. They are part of what crosses the bottleneck: here more bits than the image itself.
# - A fair comparison holds the code's width, the images and the epochs equal, and counts parameters and seconds besides.
#
# ## Pitfalls
#
# - **Sides that cannot be halved.** 28 → 14 → 7 → 4, but back 4 → 8 → 16 → 32. Choose sizes that divide, or crop.
# - **A 3 × 3 kernel with stride 2 on the way out.** Where fine texture matters, take 4 × 4, or interpolate and convolve.
# - **Comparing codes that are not the whole message.** Positions, skip connections and feature maps handed around the bottleneck all carry information. Count them.
# - **Counting parameters only.** A convolutional layer has few weights, but uses each of them hundreds of times: compare the seconds too.
#
# ## References
#
# - M. D. Zeiler and R. Fergus, [Visualizing and understanding convolutional networks](https://arxiv.org/abs/1311.2901), 2014: max unpooling with remembered positions ("switches").
# - V. Dumoulin and F. Visin, [A guide to convolution arithmetic for deep learning](https://arxiv.org/abs/1603.07285), 2016: sizes, strides and transposed convolutions in pictures.
# - A. Odena, V. Dumoulin and C. Olah, [Deconvolution and checkerboard artifacts](https://doi.org/10.23915/distill.00003), Distill, 2016.
# - J. Masci, U. Meier, D. Cireşan and J. Schmidhuber, [Stacked convolutional auto-encoders for hierarchical feature extraction](https://doi.org/10.1007/978-3-642-21735-7_7), 2011.
