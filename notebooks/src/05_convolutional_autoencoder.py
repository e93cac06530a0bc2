# ---
# jupyter:
#   course: {reading: 50, doing: 45}
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
# Shuffle the pixels of all images in the same way, and a dense autoencoder does not notice. A convolutional one does: it starts from
# what every picture has, that neighbours belong together and that a stroke is a stroke wherever it stands. Here you see what that is worth.
#
# **You will learn**
#
# - what equivariance is, and what is left of it after a stride
# - how strides and pooling shrink an image, and by how much
# - why a transposed convolution is the transpose of a matrix, and why it is not an inverse
# - five ways to double an image's sides: drawn on a 4 × 4 example, then trained in the same decoder
# - where checkerboard patterns come from, and how to measure them
# - what really crosses a bottleneck, and how convolutional and dense autoencoders compare when the same number of values does
#
# **You need** lesson 01 (encoder, code, decoder, loss) and matrix multiplication.

# %%
import math
import time
import zlib
from functools import partial

import numpy as np
from course_utils import plotting
from course_utils.batches import predict_in_batches
from course_utils.data import load
from course_utils.exercises import lesson_05 as ex
from course_utils.layers import BedOfNails2D, MaxPoolingWithPositions2D, MaxUnpooling2D
from course_utils.lesson import budget, expect, setup
from course_utils.losses import bernoulli_nll
from course_utils.models import Autoencoder, build_conv_autoencoder, build_dense_autoencoder
from course_utils.training import callbacks, fast

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
# channels of $x$ too. Each channel of $y$ (a **feature map**) has a kernel of its own, and one number that is added everywhere, its **bias**.
#
# A word on the name. In mathematics a convolution has $x_{i-a,\,j-b}$ in this sum: the kernel is turned by 180 degrees before it slides. What stands above is the **cross-correlation**. It is what Keras's
# `Conv2D` computes, and what nearly every network library does under the name "convolution". As the weights are learnt, nothing is lost: the network learns the turned kernel. But keep it in mind, for in section 4 the turn comes back.
#
# Two things follow from the formula. First, the number of weights does not depend on the size of the image:

# %% tags=["nbval-check-output"]
for side in (14, 28, 56):
    image = keras.Input((side, side, 1))
    dense, convolution = layers.Dense(side * side), layers.Conv2D(16, 3)
    dense(layers.Flatten()(image)), convolution(image)
    print(f"{side} × {side}: as many dense units as pixels {dense.count_params():9,} weights and biases, ", end="")
    print(f"16 kernels of 3 × 3 {convolution.count_params()}")

# %% [markdown]
# Second, if the image moves, the result moves along. This is called **equivariance** under shifts. We test it exactly: grey values from 0 to 255 and weights that are whole numbers, so that no rounding blurs the comparison, and
# a black margin around the digit, so that nothing reaches the border. (A convolution without a bias leaves black black.)

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(5)
canvas = np.pad(np.round(255 * mnist.x_train[:1]), ((0, 0), (8, 8), (8, 8), (0, 0)))  # (1, 44, 44, 1)
kernels = rng.integers(-3, 4, (3, 3, 1, 1)).astype("float32")
matrix = rng.integers(-3, 4, (44 * 44, 44 * 44)).astype("float32")


def convolve(images, strides=1):
    return ops.convert_to_numpy(ops.conv(images, kernels, strides=strides, padding="same"))


def moved(images, pixels):
    """Images moved to the right by whole pixels."""
    return np.roll(images, pixels, axis=2)


def times_matrix(images):
    return (images.reshape(1, -1) @ matrix).reshape(images.shape)


for name, layer in {"convolution": convolve, "dense layer": times_matrix}.items():
    print(f"{name}: moved by 2, then applied = applied, then moved by 2:", end=" ")
    print(np.array_equal(layer(moved(canvas, 2)), moved(layer(canvas), 2)))

# %% [markdown]
# The dense layer has no such property. It has to learn anew at each place what a stroke is. (At a border that is not black, the convolution's promise ends too: there it meets the zeros outside.)
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
# ### What the stride does to equivariance
#
# The result of a stride of 2 has half as many pixels in each direction. When the image moves by one pixel, it would have to move by half a one, which it can't. Move the image by 1, 2, 3, 4 pixels, and look whether *any* movement of the strided result gives the same numbers.


# %% tags=["nbval-check-output"]
def movement(layer, pixels):
    """By how many pixels the layer's result moves when the image moves by `pixels`; None if it does not just move."""
    before, after = layer(canvas), layer(moved(canvas, pixels))
    return next((n for n in range(9) if np.array_equal(after, moved(before, n))), None)


for pixels in (1, 2, 3, 4):
    result = movement(lambda images: convolve(images, strides=2), pixels)
    said = "other numbers" if result is None else f"the same numbers, moved by {result}"
    print(f"image moved by {pixels}, stride 2: {said}")
all_places, every_other = convolve(canvas), convolve(moved(canvas, 1), strides=2)
# Unmoved, it reads 1::2 of rows and columns: Keras pads at the end only. The move is to the right, so the rows stay.
print("moved by 1: results of the skipped columns:", np.array_equal(every_other, all_places[:, 1::2, ::2]))

# %% [markdown]
# **What to notice.** At stride 2 the equivariance holds for even shifts only. After an odd one the layer reads exactly those columns that it had skipped before, and these are other numbers. Pooling by blocks of 2 × 2 has the
# same limit ([Zhang, 2019](https://arxiv.org/abs/1904.11486) shows what it does to classifiers, and a remedy).
#
# ### Exercise 2: predict, then run
#
# Our encoders have *two* convolutions of stride 2, one after the other. What is the smallest shift of the image (at least one pixel) that leaves their result the same but for a movement? Write down the number of pixels before you run the cell below it.

# %%
smallest_shift = ...  # your prediction, in pixels

# %% tags=["nbval-check-output"]
measured_shift = next(n for n in range(1, 9) if movement(lambda x: convolve(convolve(x, 2), 2), n) is not None)
ex.smallest_shift.check(smallest_shift, measured_shift)

# %% [markdown]
# <details><summary><b>After the run:</b> and with five such layers, as in many large networks?</summary>
#
# Each stride of 2 doubles the shift: 2, 4, 8, 16, 32 pixels. Of 32 × 32 ways to move an image only one is left that the last map just follows. Networks with strides are *nearly* equivariant where they have learnt to be, not by construction.
# </details>

# %% [markdown]
# ### A small example
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
line_kernel = np.array([1, 2, 3], "float32")
unit_signals = np.eye(6, dtype="float32")[:, :, None]  # (6 signals, 6 pixels, 1 channel)
columns = ops.conv(unit_signals, line_kernel[:, None, None], strides=2, padding="same")
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
square_kernel = np.arange(1, 10, dtype="float32").reshape(3, 3, 1, 1)
unit_images = np.eye(16, dtype="float32").reshape(16, 4, 4, 1)
C2 = ops.convert_to_numpy(ops.conv(unit_images, square_kernel, strides=2, padding="same")).reshape(16, 4).T
transposed = layers.Conv2DTranspose(1, 3, strides=2, padding="same", use_bias=False)
transposed.build((None, 2, 2, 1))
transposed.set_weights([square_kernel])
y = np.array([1, -2, 3, 5], "float32")
by_matrix, by_keras = (C2.T @ y).reshape(4, 4), as_grid(transposed(y.reshape(1, 2, 2, 1)))
print("C2 has shape", C2.shape)
print(by_matrix.astype(int))
print("Conv2DTranspose gives the same:", np.array_equal(by_matrix, by_keras))

# %% [markdown]
# ### The price: uneven overlap
#
# How many copies of the kernel meet at a pixel? Let all numbers and all weights be 1, then the transposed convolution counts.


# %%
def copies_per_pixel(kernel_size, number=4):
    ones = np.ones((1, number, number, 1), "float32")
    all_ones = np.ones((kernel_size, kernel_size, 1, 1), "float32")
    return as_grid(ops.conv_transpose(ones, all_ones, strides=2, padding="same"))


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
# ### Exercise 3: nearest neighbour


# %% tags=["nbval-check-output"]
def upsample(images):
    """Nearest neighbour: (batch, height, width, channels) to (batch, 2 · height, 2 · width, channels)."""
    return ...  # your code, with keras.ops


upsample = ex.upsample.check(upsample)

# %% [markdown]
# ### Exercise 4: max unpooling
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
# The bed of nails looks poor, but it is an old friend. Spread the values on nails, then let the kernel slide over them, turned by 180 degrees: that *is* the transposed convolution.

# %% tags=["nbval-check-output"]
nails = BedOfNails2D(2)(y.reshape(1, 2, 2, 1))
padded = ops.pad(nails, ((0, 0), (2, 0), (2, 0), (0, 0)))  # room for the kernel before the first pixel
by_nails = as_grid(ops.conv(padded, square_kernel[::-1, ::-1]))
print("bed of nails, then a convolution = transposed convolution:", np.array_equal(by_nails, by_keras))

# %% [markdown]
# The turn is the one of section 1: with it, the sliding sum is the convolution of mathematics. (The transpose of a cross-correlation is a convolution, which is why Keras's `Conv2DTranspose` paints its kernel the right way up.) So the two can express the same functions, checkerboards included (with an ordinary `"same"` convolution behind the nails: but for the border, and moved by one pixel).
# The transposed convolution saves the multiplications by zero.
#
# **A good place for a break.** You know all parts now; from here on they are trained.
#
# ## 5. Encoder and decoder
#
# ### Exercise 5: build the pair
#
# Build an encoder from images `(28, 28, 1)` to codes `(latent_dim,)` and a decoder back, both with convolutions. Each should have at most 150,000 parameters for `latent_dim=32`, and the decoder must end in an image: all values between 0 and 1. Return the two Keras models as `encoder, decoder`.


# %% tags=["nbval-check-output"]
def conv_pair(latent_dim):
    """An encoder from (28, 28, 1) to (latent_dim,) and a decoder back, both convolutional."""
    return ...  # your code


conv_pair = ex.conv_pair.check(conv_pair)

# %% [markdown]
# Your pair makes an autoencoder at once. How shall it learn? Take a pixel whose true value is $x$ and let the decoder answer $\hat x$, both between 0 and 1. The **binary cross-entropy**
#
# $$-x \log \hat x - (1 - x) \log (1 - \hat x)$$
#
# is least at $\hat x = x$, as the squared error is. But it grows without bound where the decoder is sure and wrong. That matters behind a sigmoid: there the squared error has almost no gradient where a white pixel is believed to be
# black, and a convolutional network can get stuck at all-black pictures. (Lesson 04 shows the two derivatives.) The package's `bernoulli_nll` sums it over the pixels of an image: nats per image.
#
# All trainings of this lesson share the rest of the recipe: Adam, with a learning rate that falls from its peak to zero along a cosine. What we report is the mean squared error (**MSE**, mean over all pixels of the squared
# difference). The test digits come after a training and choose nothing; what had to be chosen was chosen on `x_valid`, 5,000 training images held back.
#
# Five helpers of the course appear here. `budget` picks a number by profile, `callbacks` shows progress and takes an interrupted fit up again, `fast` chooses what makes a fit fast on your machine, `predict_in_batches(model, x)` is Keras's `model.predict(x)` with less to do at each call, and `expect`, at the end, holds a number to its bound. A stopwatch takes the time of each epoch.


# %%
class Stopwatch(keras.callbacks.Callback):
    """The seconds that each epoch takes."""

    def on_train_begin(self, logs=None):
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.started)


# %%
def train(model, name, images, n_epochs, learning_rate=5e-3, loss=bernoulli_nll):
    """Trains on the images; returns the seconds that 10,000 of them take in the fastest epoch."""
    batch_size = budget(64, quick=32)
    falling = keras.optimizers.schedules.CosineDecay(learning_rate, n_epochs * math.ceil(len(images) / batch_size))
    model.compile(keras.optimizers.Adam(falling), loss=loss, **fast(model))
    watch, settings = Stopwatch(), {"batch_size": batch_size, "epochs": n_epochs, "verbose": 0}
    model.fit(images, images, callbacks=[*callbacks(name), watch], **settings)
    return min(watch.seconds) * 10_000 / len(images)


def mse(model, images):
    return float(np.mean((predict_in_batches(model, images) - images) ** 2))


# %%
some = mnist.x_train[: budget(6_000, quick=1_000)]  # enough to compare, and it saves minutes
yours = Autoencoder(*conv_pair(32))
train(yours, "your pair", some, budget(3, quick=2))
print(f"test MSE {mse(yours, mnist.x_test):.4f}, {yours.count_params():,} parameters")
shown = mnist.x_test[:10]
plotting.image_rows({"original": shown, "your pair": predict_in_batches(yours, shown)})

# %% [markdown]
# **What to notice.** This is a short training on part of the images: see which digits can be read already, and where strokes are still soft.
#
# As long as exercise 5 is open, this is the reference's pair, with ReLUs in its hidden layers. The package's builder, which is used from here on, has ELUs: $z$ for $z > 0$ as in a ReLU, but $e^z - 1$ below, which levels off at −1 and
# leaves a gradient where a ReLU has none. With the same training it gets further.
#
# ## 6. Five unpoolings in the same decoder
#
# `build_conv_autoencoder(latent_dim, unpooling=...)` builds an encoder with two strided convolutions and a decoder with two doublings, each followed by a 3 × 3 convolution or, for `"transposed"`,
# merged with it. So all five have the same number of weights. Only `"max"` needs another encoder: to have positions to remember, it max-pools instead of striding.
#
# First look at decoders **before any training**. Whatever pattern they show comes from their structure and their random weights, not from what they learnt. We draw 512 random codes (max unpooling needs positions besides: those of 512 training digits), and look at the output's difference from grey:
# for one code, and then its mean square over all 512. Each picture is stretched to full contrast; the differences themselves are small. A sixth decoder is there as a control: the dense one of lesson 01, which has no unpooling and so no grid.

# %%
UNPOOLINGS = {
    "transposed": "transposed",
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bed_of_nails": "bed of nails",
    "max": "max unpooling",
}


def untrained_outputs(build, seed, n=512):
    """What an untrained decoder makes of random codes, as difference from grey; (n, 28, 28, 1)."""
    keras.utils.set_random_seed(seed)
    decoding = build()
    codes = ops.convert_to_tensor(np.random.default_rng(6).standard_normal((n, 32), dtype="float32"))
    if len(decoding.decoder.inputs) > 1:
        _, *positions = decoding.encoder(mnist.x_train[:n])
        codes = [codes, *positions]
    return ops.convert_to_numpy(decoding.decoder(codes)) - 0.5


BUILDERS = {name: partial(build_conv_autoencoder, 32, unpooling=key) for key, name in UNPOOLINGS.items()}
BUILDERS["dense: no grid"] = partial(build_dense_autoencoder, 32)
untrained = {name: [untrained_outputs(build, seed) for seed in range(4)] for name, build in BUILDERS.items()}

# %%
outputs = [decoders[0] for decoders in untrained.values()]  # of the first of four initialisations each
single = np.stack([0.5 + 0.5 * values[0] / np.abs(values[0]).max() for values in outputs])
power = np.stack([np.mean(np.square(values), axis=0) for values in outputs])
power /= power.max(axis=(1, 2, 3), keepdims=True)
plotting.image_rows({"one output": single, "mean square\nof 512": power}, column_titles=list(untrained))

# %% [markdown]
# **What to notice.** In single outputs the transposed convolution, the bed of nails and max unpooling look like fine noise; nearest neighbour makes patches with straight edges, bilinear soft blobs. No checkerboard catches the eye. Averaging takes
# the noise away and leaves what all 512 share: in the transposed convolution and the bed of nails a glaring grid, at the same pixels each time. (Nearest neighbour and bilinear show stripes and blobs: their random weights, of the kernels and of the dense layer before them, not a grid that all such decoders would have.)
#
# Max unpooling has the grid at the rim and not in the middle. On the strokes its values stand where the maxima were, which differs from image to image. But in the black background all four numbers of a block are equal, the first place wins, and there it is a bed of nails.
#
# ### A number for it, and its floor
#
# Two doublings repeat their pattern every 4 pixels, so each pixel has one of 4 × 4 **phases**: its row and its column modulo 4. Take the mean square of the output at
# each phase. If the decoder treats all pixels alike, the 16 numbers are about equal. Their standard deviation divided by their mean is the **unevenness**: 0 means no checkerboard.
#
# About equal, not equal. Move each output by 0 to 3 pixels down and to the right, at random: nothing then stays at its place, neither a grid nor anything else. What the number says then is its **floor**, what the finite number of images alone leaves. A decoder with random weights lies above it even
# without a grid, for its weights favour some places: the dense one tells by how much.


# %%
def power_by_phase(values):
    """Mean square of (n, 28, 28, 1) numbers at each of the 4 × 4 phases."""
    return np.mean(np.square(values.reshape(-1, 7, 4, 7, 4)), axis=(0, 1, 3))


def unevenness(values):
    by_phase = power_by_phase(values)
    return float(by_phase.std() / by_phase.mean())


def floor_of(values, seed=0):
    """The unevenness of the same images, each moved at random (what leaves at one side comes in at the other)."""
    steps = np.random.default_rng(seed).integers(0, 4, (len(values), 2))
    return unevenness(np.stack([np.roll(image, step, axis=(0, 1)) for image, step in zip(values, steps)]))


shares = {k: np.mean([power_by_phase(v) / np.square(v).mean() for v in vs], axis=0) for k, vs in untrained.items()}
print("untrained decoder    unevenness (mean and range of 4)    shared by all 4    floor")
for name, decoders in untrained.items():
    numbers = [unevenness(values) for values in decoders]
    floor = np.mean([floor_of(values) for values in decoders])
    print(f"{name:16} {np.mean(numbers):10.3f} ({min(numbers):.3f} to {max(numbers):.3f}) ", end="")
    print(f"{shares[name].std():18.3f} {floor:18.3f}")

# %%
plotting.number_grids(shares, columns=3)

# %% [markdown]
# **What to notice.** The grids are mean squares by phase, as multiples of the mean, averaged over four initialisations. Rows and columns are the pixel's row and column modulo 4. Their unevenness is the column "shared by all 4".
#
# Every decoder lies above its floor, the gridless dense one too: none treats all pixels alike. But there are two reasons. Random weights favour some phases by chance, others in each decoder. The average of four such patterns is about half as uneven as one ($1/\sqrt 4$): so it is, more or less, with nearest neighbour, bilinear and dense. A pattern of
# the *structure* is the same in all four and stays: so it is with the transposed convolution, the bed of nails and, weaker, max unpooling.
#
# The size fits, too. With random weights, the mean square of a sum grows with the number of its terms. Section 3 counted 1 and 2 copies in each direction after one doubling; after two it is 3, 2, 3 and 1 (the second doubling adds up what the first one left uneven). That grid has an unevenness of 0.54, and but for the border it is the very grid of the transposed convolution above. (The bed of nails has it one pixel further, for its convolution is centred.)
#
# ### After training
#
# Does training get rid of it? We train all five for the same number of epochs on the same images, three times with other seeds (once in the quick profile). The same number tells, of how reconstructions of test digits differ from their own mean: before the training and after it.

# %%
SEEDS = range(1, 1 + budget(3, quick=1))
tested = mnist.x_test[:2000]


def variation(images):
    """How images differ from their mean."""
    return images - images.mean(axis=0)


models, unpooled_mse, uneven, floors = {}, {}, {}, {}
for key, name in UNPOOLINGS.items():
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        models[name, seed] = build_conv_autoencoder(32, unpooling=key)
        uneven["before", name, seed] = unevenness(variation(predict_in_batches(models[name, seed], tested)))
        train(models[name, seed], f"{name}, seed {seed}", some, budget(3, quick=2))
        trained = variation(predict_in_batches(models[name, seed], tested))
        unpooled_mse[name, seed] = mse(models[name, seed], mnist.x_test)
        uneven["after", name, seed], floors[name, seed] = unevenness(trained), floor_of(trained)


# %%
def over_seeds(results, *key):
    """Mean and standard deviation over those seeds for which there is a result under `(*key, seed)`."""
    values = [results[*key, seed] for seed in SEEDS if (*key, seed) in results]
    return np.mean(values), np.std(values, ddof=1) if len(values) > 1 else 0.0


def in_words(results, *key, factor=1.0, decimals=2):
    """The mean, and where there are several seeds the deviation, as a text."""
    average, deviation = (factor * value for value in over_seeds(results, *key))
    return f"{average:.{decimals}f}" + (f" ± {deviation:.{decimals}f}" if deviation else "")


print("unpooling       parameters  test MSE × 1000  unevenness: before   after            floor")
for name in UNPOOLINGS.values():
    errors, floor = in_words(unpooled_mse, name, factor=1000), in_words(floors, name, decimals=3)
    before, after = (in_words(uneven, when, name, decimals=3) for when in ("before", "after"))
    print(f"{name:15} {models[name, 1].count_params():10,}  {errors:15}  {before:19}  {after:15}  {floor}")
themselves = variation(tested)
print(f"the digits themselves: unevenness {unevenness(themselves):.3f}, floor {floor_of(themselves):.3f}")

# %%
plotting.bars(
    {name: 1000 * over_seeds(unpooled_mse, name)[0] for name in UNPOOLINGS.values()},
    "test MSE × 1000",
    spread={name: 1000 * over_seeds(unpooled_mse, name)[1] for name in UNPOOLINGS.values()},
)

# %%
plotting.image_rows(
    {"original": shown} | {name: predict_in_batches(models[name, 1], shown) for name in UNPOOLINGS.values()}
)

# %% [markdown]
# **What to notice.** Compare differences with the spread beside them. Max unpooling has its positions besides the code and stands far apart. Of the other four, nearest neighbour is ahead by more than the spread; the others lie closer together. These four have the same encoder, the same number of weights and the same training, so
# that comes from the unpooling. But after so short a training, with one learning rate for all, it says which learns fastest, not which ends lowest.
#
# Now the unevenness. In reconstructions the training removes the grid: from 0.5 the transposed convolution comes down to a few hundredths, and the bed of nails and max unpooling end there too, level with nearest neighbour and bilinear, which had hardly any grid to lose. (That is about twice what the digits themselves have. They are not perfectly even either: strokes prefer some rows and columns. A pattern
# that is the same in *every* picture would drop out with the mean; for that, look at the pictures: they show none.) (After the quick profile's short training a part of it is still there.)
#
# ## 7. What really crosses the bottleneck
#
# The decoder with max unpooling has an advantage in that table that the others lack: its input is not only the code. Count the numbers that are stored for one image.

# %% tags=["nbval-check-output"]
told = models["max unpooling", 1]
code, *remembered = told.encoder(mnist.x_test[:1])
places = sum(math.prod(p.shape) for p in remembered)
print(f"code: {code.shape[-1]} numbers of 32 bits = {32 * code.shape[-1]:,} bits")
print(f"positions: {places:,} numbers of 2 bits = {2 * places:,} bits")
print(f"the image itself: 784 pixels of 8 bits = {784 * 8:,} bits")

# %% [markdown]
# Stored as they are, the positions take more room than the image. But room is not **information**. The positions are computed from the image, so they can't tell more about it than it holds itself; 9,408 bits is what this way of writing them down
# costs. In the black background nearly all positions are 0, and a file compressor writes that much shorter. What it leaves is an upper bound on the information, for both.

# %%
codes, *remembered = predict_in_batches(told.encoder, tested)


def compressed_bits(images):
    """Mean size after compression of whole numbers from 0 to 255, one array per image."""
    return 8 * np.mean([len(zlib.compress(image.astype("uint8").tobytes(), 9)) for image in images[:500]])


together = np.concatenate([p.reshape(len(tested), -1) for p in remembered], axis=1)
print(f"positions, compressed: {compressed_bits(together):,.0f} bits per image")
print(f"image, compressed: {compressed_bits(np.round(255 * tested)):,.0f} bits per image")

# %% [markdown]
# **What to notice.** The image's bound is the smaller one by far, and it holds for the positions too, since they follow from the image: they tell at most about a sixth of what they take to store. (The compressor can't know where they come from, so it finds less to save.) In the same way the 1,024 bits of the code are
# room, not information.
#
# So counting tells what *could* cross. What the decoder *uses*, only an experiment tells.
#
# ### Exercise 6: predict, then run
#
# We decode with the code of one digit and the positions of another. Which of the two digits will the picture be closer to: the one that gave the code, or the one that gave the positions? Write `"code"` or `"positions"`.

# %%
stronger_part = ...  # your prediction

# %%
other = np.roll(np.arange(len(tested)), -1)  # the next image in line
swaps = {
    "own code, own positions": [codes, *remembered],
    "zeros, own positions": [0 * codes, *remembered],
    "next one's code": [codes[other], *remembered],
    "next one's positions": [codes, *(p[other] for p in remembered)],
}
swapped = {name: predict_in_batches(told.decoder, parts) for name, parts in swaps.items()}
swap_mse = {name: float(np.mean((images - tested) ** 2)) for name, images in swapped.items()}
for name, value in swap_mse.items():
    print(f"{name:24} test MSE {value:.4f}")
print(f"{'mean image':24} test MSE {np.mean((some.mean(axis=0) - tested) ** 2):.4f}")
follows = {"positions": swap_mse["next one's code"], "code": swap_mse["next one's positions"]}
ex.stronger_part.check(stronger_part, min(follows, key=follows.get))

# %%
plotting.image_rows({"original": shown} | {name: images[:10] for name, images in swapped.items()})

# %% [markdown]
# **What to notice.** With the next one's code you still see your own digit; with the next one's positions you see the next digit, and the error is above the mean image's, which is what one gets with no message at all. Where code and positions disagree, this decoder follows the positions. (It never met such pairs in training. So this ranks the two, and does not measure how much each tells.)
#
# A code of zeros is one that the decoder never met, so its grey answer says little about how much the code carries. Look closely at it: there the grid is back. Training has taught the decoder to hide it for the codes of digits, and has not removed it from the structure.
#
# So this decoder takes no part in the comparison of the next section: its code is not the only thing that crosses the bottleneck.
#
# ## 8. The same width, convolutional or dense
#
# Now the fair comparison: 16, 32 or 128 numbers cross the bottleneck, and nothing else does. Three rivals:
#
# - **shallow dense**: lesson 01's, with one dense layer on each side. Its code is linear; its only nonlinearity is the sigmoid at its end.
# - **convolutional**: as above, but with 64 channels in its second level. With 32, that map would hold 1,568 numbers, only some twelve times the widest code.
# - **deep dense**, at width 32: two hidden layers on each side, with the convolutional one's ELUs and twice its parameters.
#
# At width 128 a fourth one joins: the shallow one trained on the squared error itself, which is what we measure.
#
# All learn from the same images for the same number of epochs. Each kind has a peak learning rate of its own, chosen by digits held back (how, is told below the result). Width 32 is where we look closely: three seeds there (one in the quick profile), a single run at the other widths.
#
# ### Exercise 7: predict, then run
#
# For each width, divide the convolutional autoencoder's error by the shallow one's. At which width, 16, 32 or 128, will that quotient be largest, so that convolutions help least? Think of how much of a digit a linear code of that width can hold.

# %%
least_help = ...  # your prediction: 16, 32 or 128

# %%
WIDTHS = (16, 32, 128)
KINDS = {  # builder, peak of the learning rate, loss
    "shallow dense": (build_dense_autoencoder, 2e-2, bernoulli_nll),
    "convolutional": (partial(build_conv_autoencoder, filters=(16, 64)), 5e-3, bernoulli_nll),
    "deep dense": (partial(build_dense_autoencoder, hidden=(256, 128), activation="elu"), 7e-3, bernoulli_nll),
    "shallow on MSE": (build_dense_autoencoder, 1e-2, "mse"),
}
RIVALS = [(kind, width) for kind in ("shallow dense", "convolutional") for width in WIDTHS]
RIVALS += [("deep dense", 32), ("shallow on MSE", 128)]
fair, fair_mse, seconds = {}, {}, {}
for kind, width in RIVALS:
    for seed in SEEDS if width == 32 else SEEDS[:1]:
        keras.utils.set_random_seed(seed)
        build, learning_rate, loss = KINDS[kind]
        rival, name = build(width), f"{kind} {width}, seed {seed}"
        seconds[kind, width, seed] = train(rival, name, mnist.x_train, budget(3, quick=2), learning_rate, loss)
        fair[kind, width], fair_mse[kind, width, seed] = rival, mse(rival, mnist.x_test)

# %% tags=["nbval-check-output"]
for kind, width in RIVALS:
    print(f"{kind:14} {width:3} numbers, {fair[kind, width].count_params():8,} parameters")

# %%
for kind, width in RIVALS:
    errors, (took, _) = in_words(fair_mse, kind, width, factor=1000), over_seeds(seconds, kind, width)
    print(f"{kind:14} {width:3} numbers, test MSE × 1000 {errors:13} {took:4.1f} seconds per 10,000 images")
quotients = {
    width: over_seeds(fair_mse, "convolutional", width)[0] / over_seeds(fair_mse, "shallow dense", width)[0]
    for width in WIDTHS
}
print("convolutional over shallow dense:", {width: round(float(q), 2) for width, q in quotients.items()})
ex.least_help.check(least_help, max(quotients, key=quotients.get))

# %%
plotting.bars(
    {k: [1000 * over_seeds(fair_mse, k, w)[0] for w in WIDTHS] for k in ("shallow dense", "convolutional")},
    "test MSE × 1000",
    groups=[f"width {w}" for w in WIDTHS],
    spread={k: [1000 * over_seeds(fair_mse, k, w)[1] for w in WIDTHS] for k in ("shallow dense", "convolutional")},
)

# %%
plotting.image_rows(
    {"original": shown}
    | {f"{kind} {width}": predict_in_batches(fair[kind, width], shown) for kind, width in RIVALS if width < 128}
)

# %% [markdown]
# **What to notice.** Compare within each width first.
#
# - At 32 numbers the convolutional autoencoder makes about half of the shallow one's error. The difference is many times the spread over seeds. At 16 it is much the same, there from one run each.
# - The deep dense one, with ELUs as well, has twice the convolutional one's parameters and stays clearly above it. So it is not the number of weights that helps here, but how they are arranged. That is said of three epochs: trained far longer, a dense autoencoder of 30 numbers has come to 0.0038 (3.00 for 784 pixels; Hinton and Salakhutdinov, 2006).
# - At 128 it is close to a tie, and a single run decides nothing there. A linear code of that width is enough
#   for much of MNIST. (The flat caps on the bars at 16 and 128 are single runs, not a spread of zero.)
#
# Then look at the price. The convolutional model needs several times the seconds. It has more parameters than the shallow one too, though few of them are convolutional (15% at width 16, 2% at 128): the rest stand in the two dense layers between feature maps and code.
#
# And mind what is compared: equal images and equal epochs, few of them. That favours whatever learns fastest and does not say what each could reach in the end.
#
# <details><summary><b>How the learning rates were chosen</b></summary>
#
# By the MSE on `x_valid`, in trainings on half of the images, one run each (MSE × 1000 in the order of the rates; chosen in bold):
#
# | kind, width | rates tried | MSE × 1000 |
# |---|---|---|
# | shallow dense, 32 | 0.005, 0.01, **0.02**, 0.04 | 10.9, 10.3, **10.1**, 10.1 |
# | shallow dense, 128 | 0.005, 0.01, **0.02**, 0.04 | 2.97, 2.36, **2.34**, 119 |
# | shallow on MSE, 128 | 0.005, **0.01**, 0.02 | 2.95, **2.31**, 118 |
# | deep dense, 32 | 0.003, 0.005, **0.007**, 0.01 | 9.1, 8.3, **8.1**, 10.2 |
# | convolutional, 32 | 0.0025, **0.005**, 0.01 | 5.91, **5.31**, 5.34 |
# | convolutional, 128 | 0.0025, **0.005**, 0.01 | 2.98, **2.51**, 2.53 |
#
# The 118 and the 119 are trainings that failed at too large a rate: worse than all-black pictures, whose MSE is 111. Width 16 takes the rates of width 32. (With the squared error, the convolutional one came to 2.63 at width 128; the deep dense one with ReLUs came to 11.4 at 32.)
# </details>
#
# ### Is it the neighbours?
#
# A test of the explanation. Rearrange the pixels of all images in one random order, and train on those. Nothing is lost, every image can be put back. But neighbours are no longer neighbours. (Here with section 6's 6,000 images and its smaller network, so all errors are larger than above.)

# %%
order = np.random.default_rng(7).permutation(784)
ARRANGEMENTS = {"as they are": np.arange(784), "rearranged": order}
by_order = {("convolutional", "as they are", s): unpooled_mse["transposed", s] for s in SEEDS}  # done in section 6
for kind, arrangement in [("shallow dense", a) for a in ARRANGEMENTS] + [("convolutional", "rearranged")]:
    images, tests = (x.reshape(-1, 784)[:, ARRANGEMENTS[arrangement]].reshape(x.shape) for x in (some, mnist.x_test))
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        learner = build_conv_autoencoder(32) if kind == "convolutional" else build_dense_autoencoder(32)
        name = f"{kind}, pixels {arrangement}, seed {seed}"
        train(learner, name, images, budget(3, quick=2), KINDS[kind][1])
        by_order[kind, arrangement, seed] = mse(learner, tests)

# %%
KINDS_COMPARED = ("shallow dense", "convolutional")
plotting.bars(
    {k: [1000 * over_seeds(by_order, k, a)[0] for a in ARRANGEMENTS] for k in KINDS_COMPARED},
    "test MSE × 1000",
    groups=[f"pixels {a}" for a in ARRANGEMENTS],
    spread={k: [1000 * over_seeds(by_order, k, a)[1] for a in ARRANGEMENTS] for k in KINDS_COMPARED},
)

# %% [markdown]
# **What to notice.** Each unit of a dense layer has a weight of its own for each pixel, so rearranging the pixels only rearranges its weights: what differs between its two bars is chance.
#
# The convolution has no such freedom. The difference between its
# two bars, far larger than the spread over seeds, is what neighbours are worth to it, in this short training, for this one rearrangement, and at the learning rate that was chosen for pictures as they are: without them it does worse than the dense one.
#
# <details><summary><b>Think about it:</b> a digit in MNIST always stands in the middle. Would you expect the convolution's advantage to grow or to shrink, if it stood anywhere in a larger image?</summary>
#
# The convolutional layers would not mind: they look for the same strokes everywhere. A dense layer would have to learn every stroke at every place, from as many more examples. So the advantage
# should grow. But the convolutional encoder ends in a dense layer from feature maps to the code, and that layer has to express *where* things are. It would need more units too.
# </details>
#
# ## What you should see

# %% tags=["headline"]
for width, bound in {32: budget(0.5, quick=1.1), 16: budget(0.5, quick=1.1), 128: budget(1.2, quick=1.3)}.items():
    expect(f"width {width}: test MSE, convolutional over shallow dense", quotients[width], at_most=bound)
tie = quotients[128] / max(quotients[16], quotients[32])
expect("the same at width 128, over the larger of the other two", tie, at_least=budget(1.6, quick=0.9))
deep, _ = over_seeds(fair_mse, "deep dense", 32)
convolutional, _ = over_seeds(fair_mse, "convolutional", 32)
expect("width 32: test MSE, convolutional over deep dense", convolutional / deep, at_most=budget(0.8, quick=0.9))
costs = {
    k: over_seeds(by_order, k, "rearranged")[0] / over_seeds(by_order, k, "as they are")[0] for k in KINDS_COMPARED
}
expect(
    "what rearranging costs the convolution, as a factor of its test MSE",
    costs["convolutional"],
    at_least=budget(1.4, quick=1.15),
)
expect("the same factor of the dense one", costs["shallow dense"], at_least=0.9, at_most=1.1)

# %%
expect("unevenness that untrained decoders share, transposed convolution", shares["transposed"].std(), at_least=0.4)
expect("unevenness that untrained decoders share, nearest neighbour", shares["nearest"].std(), at_most=0.12)
expect("unevenness that untrained decoders share, bilinear", shares["bilinear"].std(), at_most=0.05)
transposed = over_seeds(uneven, "after", "transposed")[0]
expect("unevenness of reconstructions, transposed convolution, trained", transposed, at_most=budget(0.05, quick=0.25))
expect(
    "max unpooling: error with the next image's positions over error with its code",
    swap_mse["next one's positions"] / swap_mse["next one's code"],
    at_least=4,
)

# %% [markdown]
# ## Summary
#
# - A convolution (in Keras a cross-correlation) has the same few weights at every place. It is equivariant: the result moves with the image. With strides that holds for multiples of their product only.
# - It is a matrix with a pattern; the transposed convolution multiplies by a matrix of the transposed pattern, and inverts nothing.
# - Strides and pooling shrink an image: $\lfloor (n + 2p - k)/s \rfloor + 1$ pixels remain of $n$.
# - A transposed convolution is a bed of nails followed by a convolution. If the stride does not divide the kernel's size, the uneven overlap gives an untrained decoder a checkerboard; interpolation followed by a convolution does not. You see it in the mean square of many outputs, hardly in a single one; after training, our reconstructions show none.
# - Max unpooling needs the positions of the maxima. They are part of what crosses the bottleneck: here more numbers than pixels, though no more information than the image has, and the decoder relies on them more than on the code.
# - A fair comparison holds the code's width, the images and the epochs equal, gives each rival its own learning rate, shows the spread over seeds, and counts parameters and seconds besides.
#
# ## Pitfalls
#
# - **Sides that cannot be halved.** 28 → 14 → 7 → 4, but back 4 → 8 → 16 → 32. Choose sizes that divide, or crop.
# - **A 3 × 3 kernel with stride 2 on the way out.** Where fine texture matters, take 4 × 4, or interpolate and convolve.
# - **Comparing codes that are not the whole message.** Positions, skip connections and feature maps handed around the bottleneck all carry information. Count them.
# - **Counting parameters only.** A convolutional layer has few weights, but uses each of them tens to hundreds of times: compare the seconds too.
#
# ## References
#
# - M. D. Zeiler and R. Fergus, [Visualizing and understanding convolutional networks](https://arxiv.org/abs/1311.2901), 2014: max unpooling with remembered positions ("switches").
# - V. Dumoulin and F. Visin, [A guide to convolution arithmetic for deep learning](https://arxiv.org/abs/1603.07285), 2016: sizes, strides and transposed convolutions in pictures.
# - R. Zhang, [Making convolutional networks shift-invariant again](https://arxiv.org/abs/1904.11486), 2019: what strides do to equivariance, and a remedy.
# - D.-A. Clevert, T. Unterthiner and S. Hochreiter, [Fast and accurate deep network learning by exponential linear units (ELUs)](https://arxiv.org/abs/1511.07289), 2016.
# - A. Odena, V. Dumoulin and C. Olah, [Deconvolution and checkerboard artifacts](https://doi.org/10.23915/distill.00003), Distill, 2016.
# - G. E. Hinton and R. R. Salakhutdinov, [Reducing the dimensionality of data with neural networks](https://doi.org/10.1126/science.1127647), 2006.
# - J. Masci, U. Meier, D. Cireşan and J. Schmidhuber, [Stacked convolutional auto-encoders for hierarchical feature extraction](https://doi.org/10.1007/978-3-642-21735-7_7), 2011.
