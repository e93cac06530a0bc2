# ---
# jupyter:
#   course: {reading: 30, doing: 45}
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
# # The autoencoder: a picture, 32 numbers, the picture again
#
# A handwritten digit has 784 pixels. In this lesson a network learns to describe each digit with 32 numbers, well
# enough that a second network can draw the digit again from these numbers alone. Nobody tells it what the numbers mean.
#
# **You will learn**
#
# - what encoder, code, decoder and loss are, and how to build all four from plain Keras layers;
# - why an autoencoder is *self-supervised*: it has targets, and they come with the data;
# - how much a network gains over principal component analysis (PCA), the best straight-line answer, and how much depth adds;
# - what two penalties do: L1 on the code makes it sparse, L2 on the weights smooths them, at a price;
# - what a code as wide as the input learns, and why a small error alone is not enough.
#
# **You need** Python with NumPy, and to have trained any Keras model once; it is the first lesson.

# %%
import numpy as np
from course_utils import plotting  # before Keras: it silences TensorFlow's start-up notices
from course_utils.data import load
from course_utils.exercises import lesson_01 as ex
from course_utils.lesson import budget, expect, setup
from course_utils.models import Autoencoder, build_dense_autoencoder
from course_utils.training import callbacks, fast

import keras
from keras import layers

setup(seed=1)
mnist = load("mnist")

# %% [markdown]
# ## First see it work
#
# Run the next four cells; the explanation follows. A digit is an image of 28 × 28 grey values between 0 (black) and 1 (white).
# A dense layer wants a vector, so each image is laid out as one row of 784 numbers.

# %%
x_train = mnist.x_train.reshape(-1, 784)
x_test = mnist.x_test.reshape(-1, 784)

# %%
encoder = keras.Sequential([keras.Input((784,)), layers.Dense(32)], name="encoder")
decoder = keras.Sequential([keras.Input((32,)), layers.Dense(784, activation="sigmoid")], name="decoder")
autoencoder = keras.Sequential([encoder, decoder], name="autoencoder")

# %% [markdown]
# Now train it to give each digit back. Three words of the course's package help in every training: `budget(8, quick=6)` is 8 in the full profile and 6 in the quick one (fewer digits,
# shorter trainings); `callbacks(name)` shows a progress bar, and lets a training that you interrupt go on where it stopped when you run its cell again; `fast(model)` sets
# what makes the training quick on your machine and leaves its results alone.

# %%
BATCH = budget(250, quick=32)
EPOCHS = budget(8, quick=6)


def train(model, images, name, *, epochs=EPOCHS, learning_rate=1e-2, **kwargs):
    """Trains a model to give its input back; the steps get smaller along half a cosine wave. Returns the history."""
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * np.ceil(len(images) / BATCH))
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss="mse", **fast(model))
    fitted = model.fit(images, images, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=callbacks(name), **kwargs)
    return fitted.history


history = train(autoencoder, x_train, "dense 784-32-784")

# %% tags=["picture"]
codes = encoder.predict(x_test, batch_size=500, verbose=0)
reconstruction = decoder.predict(codes, batch_size=500, verbose=0).reshape(-1, 28, 28, 1)
plotting.encodings(mnist.x_test[:4], codes[:4], reconstruction[:4])

# %% [markdown]
# **What to notice.** On the left are digits that the network has never seen: they come from the *test split*, which is kept out of
# all training. In the middle stands everything that the decoder is told about a digit: 32 numbers. On the right is what
# it draws from them. The drawing is a little soft, but the digit and much of the handwriting are there. Each digit has its own pattern of bars.
# A single bar means nothing you could name; the network chose this language by itself.

# %% [markdown]
# ## The four parts
#
# An **autoencoder** is a network that is trained to give back what it is given. It has four parts:
#
# - The **encoder** $f$ turns an image $x$ (here a vector of 784 pixels) into a code.
# - The **code** $c = f(x)$ is a short vector, here of 32 numbers. Its number of entries is the *width* of the code, and the narrow
#   layer that holds it is the **bottleneck**.
# - The **decoder** $g$ turns a code into an image, the **reconstruction** $\hat x = g(c)$.
# - The **loss** measures how far $\hat x$ is from $x$. Training makes it small.
#
# In the network above both halves are a single dense layer:
#
# $$c = W_e\,x + b_e, \qquad \hat x = \sigma(W_d\,c + b_d), \qquad \sigma(t) = \frac{1}{1 + e^{-t}}$$
#
# $W_e$ and $W_d$ are the weight matrices of encoder and decoder, $b_e$ and $b_d$ their biases. (Here $x$ and $c$ are columns, as in mathematics books. Keras keeps
# one image a row and stores the transposes, so its encoder matrix has the shape (784, 32).) The sigmoid $\sigma$ keeps every
# pixel between 0 and 1, so that the output is an image. The loss is the **mean squared error** (MSE), averaged over the $N$ images
# $x^{(1)}, \dots, x^{(N)}$ and over the 784 pixels of each:
#
# $$L = \frac{1}{N} \sum_{n=1}^{N} \frac{1}{784} \sum_{i=1}^{784} \bigl(x^{(n)}_i - \hat x^{(n)}_i\bigr)^2$$
#
# All errors of this lesson are in this unit: MSE *per pixel*. (From lesson 07 on, losses are summed over the pixels, because
# there a second term stands beside them and the balance of the two matters.)
#
# Here is the network again, as Keras sees it.

# %% tags=["nbval-check-output"]
for part in (encoder, decoder, autoencoder):
    print(f"{part.name:12} {part.input_shape[1]:3} -> {part.output_shape[1]:3}   {part.count_params():6,} parameters")

# %% [markdown]
# ### Exercise 1: count the parameters
#
# A dense layer joins every input to every one of its units. Write one line that counts its parameters.


# %% tags=["nbval-check-output"]
def dense_parameters(n_inputs, n_units):
    """Number of parameters (weights and biases) of a dense layer."""
    return ...  # your code


dense_parameters = ex.dense_parameters.check(dense_parameters)
print(f"784-32-784: {dense_parameters(784, 32):,} + {dense_parameters(32, 784):,} parameters")

# %% [markdown]
# ### Where do the targets come from?
#
# Look at the call in `train`: `model.fit(images, images)`. The first argument is the input, the second is the target. An
# autoencoder is often said to be "trained without targets". It has targets, 784 for each image; what it doesn't have is
# *labels*. The word for this is **self-supervised**: the data supervise themselves, so every image you can find is a training example,
# and nobody needs to say which digit it shows. The labels of MNIST are not used anywhere in this lesson.
#
# **Question.** Predicting the next word of a text is self-supervised as well. What are input and target there? And why is "give back
# your input" not a silly task, although the perfect solution is to copy?
#
# <details><summary>Discussion</summary>
#
# Input: the words so far. Target: the next word, which the text itself provides. For the next word, the future
# is hidden. In an autoencoder nothing is hidden from the encoder, but the decoder is kept from seeing the image. Copying 784 free numbers through 32 is impossible, so the network must find out what digits have in common and spend the
# code on how they differ. The section on wide codes below takes the bottleneck away and looks at what is left of the task.
#
# </details>

# %% [markdown]
# ## Encode, decode, look
#
# The loss is one number for 10,000 test images. Which digits are easy and which are hard? For that you need the error of each image.
#
# ### Exercise 2: the error of each image
#
# Images have the shape `(n, 28, 28, 1)`: number, height, width, grey channel. Average the squared difference over everything but the first axis.


# %% tags=["nbval-check-output"]
def mse_per_image(images, reconstruction):
    """Mean squared error over the pixels of each image; shape (n,)."""
    return ...  # your code


mse_per_image = ex.mse_per_image.check(mse_per_image)

# %%
errors = mse_per_image(mnist.x_test, reconstruction)
order = np.argsort(errors)
print(f"test MSE per pixel: {errors.mean():.5f}; easiest digit {errors.min():.5f}, hardest {errors.max():.5f}")
best, worst = order[:9], order[-9:]
plotting.image_rows(
    {
        "easiest": mnist.x_test[best],
        "easiest, redrawn": reconstruction[best],
        "hardest": mnist.x_test[worst],
        "hardest, redrawn": reconstruction[worst],
    }
)

# %% [markdown]
# **What to notice.** The easiest digits are ones, plain straight strokes: few white pixels, little to get wrong. The hardest have much ink, or loops
# and flourishes that few other digits have. The network spends its 32 numbers on what is common, so a rare flourish
# comes out blurred, broken or not at all. (A digit with more ink also has more pixels to get wrong.)
#
# **Question.** The code has 32 numbers instead of 784, which is 24.5 times fewer. Does an image *file* get 24.5 times smaller too?
#
# <details><summary>Discussion</summary>
#
# No. A pixel of MNIST is one byte, so an image takes 784 bytes. A code is stored as 32 numbers of four bytes, 128 bytes, which is only
# 6 times less; rounding the numbers can improve that. You also need the decoder on the other side: its 25,872 parameters take about 100 kB, as
# much as 132 images. And the copy is not exact. Autoencoders for real image compression exist, but they quantise the code and learn
# to predict it, so that it costs few bits.
#
# </details>

# %% [markdown]
# ## From your own cells to the package
#
# You have now seen every line of an autoencoder. From here on, `build_dense_autoencoder` writes these lines for you. It takes images
# instead of vectors: a `Flatten` layer lays them out and a `Reshape` layer puts them together again.
# The result has the two halves as `.encoder` and `.decoder`, and its `call` is `decoder(encoder(images))`. Its weights have the shapes of
# yours, in the same order, so what you have trained can move in.

# %% tags=["nbval-check-output"]
shallow = build_dense_autoencoder(32)
shallow.build((None, 28, 28, 1))
shallow.set_weights(autoencoder.get_weights())
print("weights:", [tuple(weight.shape) for weight in shallow.weights])
same = np.allclose(shallow.predict(mnist.x_test[:100], verbose=0), reconstruction[:100], atol=1e-5)
print("it draws the same reconstructions as your own cells:", same)

# %% [markdown]
# ## How good is it? Ask PCA
#
# A test MSE says little by itself. The fair opponent is **principal component analysis** (PCA), which also squeezes images
# into a few numbers and back. PCA is the best one can do with linear maps. With the mean training image $\mu$ and
# $k$ orthonormal directions $v_1, \dots, v_k$, the columns of a matrix $V_k$,
#
# $$c = V_k^\top (x - \mu), \qquad \hat x = \mu + V_k\,c .$$
#
# Among all $k$-dimensional planes, PCA takes the one that lies closest to the training images in squared distance. The
# directions are the first $k$ right singular vectors of the centred training images: let $X$ hold one training image a row and subtract $\mu$ from every row. The
# singular value decomposition of the result is $U S V^\top$, where $U$ and $V$ have orthonormal columns, with the singular values $s_1 \ge s_2 \ge \dots$ on the diagonal of
# $S$. $V_k$ holds the first $k$ columns of $V$; for images in rows the code is $(x - \mu)\,V_k$. The squared error that is left, summed over the training set, is known in advance: $\sum_{j > k} s_j^2$.
#
# PCA *is* an autoencoder: one dense layer in, one dense layer out. A linear autoencoder trained with the mean squared error has its
# only minima in the same plane (Baldi and Hornik, 1989), with other axes in it. Ours differs in one thing, the sigmoid at its end.
#
# ### Exercise 3: PCA from the singular value decomposition
#
# Find $\mu$ and the directions from `x_train`, then encode and decode `x`. `np.linalg.svd(A, full_matrices=False)` returns $U$, the singular values and $V^\top$ (not $V$).


# %% tags=["nbval-check-output"]
def pca_reconstruction(x_train, x, width):
    """Projects vectors `x` (n, d) onto the first `width` principal components of `x_train` and back; (n, d)."""
    return ...  # your code


pca_reconstruction = ex.pca_reconstruction.check(pca_reconstruction)

# %% [markdown]
# On all training digits we let scikit-learn do it, which is faster: it takes the eigenvectors of the 784 × 784 covariance matrix, and they
# are the same directions. One fit serves all widths, because the components come in order of importance. First, both must agree.

# %%
from sklearn.decomposition import PCA

some = x_train[:1000]
yours = pca_reconstruction(some, x_test[:100], 32)
check = PCA(32, svd_solver="covariance_eigh").fit(some)
theirs = check.inverse_transform(check.transform(x_test[:100]))
print(f"largest difference between your PCA and scikit-learn's: {np.abs(yours - theirs).max():.1e}")

# %%
pca = PCA(784, svd_solver="covariance_eigh").fit(x_train)


def pca_images(images, width):
    """What PCA with `width` components makes of images (n, 28, 28, 1)."""
    components = pca.components_[:width]
    codes = (images.reshape(-1, 784) - pca.mean_) @ components.T
    return (pca.mean_ + codes @ components).reshape(images.shape)


def test_mse(model):
    """Mean squared error per pixel of a model on the test images."""
    return float(mse_per_image(mnist.x_test, model.predict(mnist.x_test, batch_size=500, verbose=0)).mean())


WIDTHS = (16, 32, 128)
pca_errors = {width: float(mse_per_image(mnist.x_test, pca_images(mnist.x_test, width)).mean()) for width in WIDTHS}

# %% [markdown]
# Now the same three widths with the autoencoder. Width 32 is trained already.

# %%
models = {16: build_dense_autoencoder(16), 32: shallow, 128: build_dense_autoencoder(128)}
for width in (16, 128):
    train(models[width], mnist.x_train, f"width {width}")
shallow_errors = {width: test_mse(model) for width, model in models.items()}
for width in WIDTHS:
    gain = pca_errors[width] - shallow_errors[width]
    print(f"width {width:3}: {gain:.5f} below PCA, or {gain / pca_errors[width]:.0%} of PCA's error")

# %%
plotting.bars(
    {"PCA": list(pca_errors.values()), "autoencoder": list(shallow_errors.values())},
    "test MSE per pixel",
    groups=[f"width {width}" for width in WIDTHS],
)

# %% [markdown]
# **What to notice.** A wider code helps both. After the full training the autoencoder makes the smaller error at all three widths, although its encoder and
# decoder are single layers like PCA's. The wider the code, the larger the *share* of PCA's error that it saves. The lead itself, in grey values squared, is largest at width 32 and smallest at 128, where both errors are small (in the full profile). The next figure shows where it gains.

# %%
digits = mnist.x_test[:10]
rows = {"test digit": digits}
for width, model in models.items():
    rows[f"PCA {width}"] = np.clip(pca_images(digits, width), 0, 1)
    rows[f"autoencoder {width}"] = model.predict(digits, verbose=0)
plotting.image_rows(rows)

# %% [markdown]
# **What to notice.** Look at the background. PCA leaves grey ghosts there: a plane has no way to stop at black. The
# sigmoid has, because it turns every large negative sum into almost exactly 0, and so the autoencoder's background is much cleaner. At width 128
# both are close to the original; faint ripples around PCA's strokes remain.
#
# PCA's output may leave the interval from 0 to 1. (The figure cuts it off, the errors count it.) Is it unfair to count that? The next cell cuts it off there too.

# %%
clipped = float(mse_per_image(mnist.x_test, np.clip(pca_images(mnist.x_test, 32), 0, 1)).mean())
print(f"PCA-32: {pca_errors[32]:.5f}, clipped to [0, 1]: {clipped:.5f}, shallow autoencoder: {shallow_errors[32]:.5f}")

# %% [markdown]
# Clipping explains a part of the difference, not all of it: the autoencoder was trained with its sigmoid in place and makes use of it.
#
# A linear map followed by a sigmoid is an old acquaintance. With the cross-entropy for its loss, and a code that is fitted to each image by itself, it is called **logistic PCA**, and Hinton and Salakhutdinov (2006)
# had it beside PCA: 8.01 against 13.87, as squared error summed over an image, with 30 numbers. In that unit:

# %%
pca_30 = 784 * mse_per_image(mnist.x_test, pca_images(mnist.x_test, 30)).mean()
print(
    f"squared error per image: PCA-30 {pca_30:.2f}, our shallow autoencoder of width 32 {784 * shallow_errors[32]:.2f}"
)

# %% [markdown]
# So the shallow autoencoder lands where logistic PCA did. (It has two numbers more, and was trained on the squared error itself.) PCA's own number is theirs almost to the
# last digit, as it should be: PCA has no luck in it.
#
# ### Exercise 4: predict
#
# How far does depth take us? Next we train a network with three layers on each side, and the same 32 numbers in the middle. What share of *PCA's* error at width 32 will
# be left? Write down a percentage before you go on. The check comes after the training.

# %%
left_guess = ...  # percent of PCA's test error

# %% [markdown]
# ## Deeper: a multilayer autoencoder
#
# A single layer can only mix the pixels with fixed weights. To follow a stroke that moves or tilts, the maps from image to code and back must be
# *curved*, more than by the one sigmoid at each pixel, and the way to a curved map is hidden layers with a nonlinear activation between them. We use three dense layers on each
# side, 784 → 512 → 256 → 32 and back, with the activation GELU (a smooth relative of ReLU). The code itself stays
# linear, so that it may take any value, and the decoder mirrors the encoder.
#
# Without the activations the layers would be matrices multiplied with each other, which is one matrix again: however
# deep, it would be no better than the shallow one.
#
# ### Exercise 5: build it
#
# Build encoder and decoder from Keras layers, for any list of hidden widths, and return `Autoencoder(encoder, decoder)`. Start
# from the first cells of this lesson: add `layers.Flatten()` after an input of shape `(28, 28, 1)`, and `layers.Reshape((28, 28, 1))` at the end.


# %% tags=["nbval-check-output"]
def build_deep_autoencoder(latent_dim, hidden) -> Autoencoder:
    """Autoencoder of images (28, 28, 1): GELU layers of widths `hidden` in the encoder, reversed in the decoder."""
    return ...  # your code: Autoencoder(encoder, decoder)


build_deep_autoencoder = ex.build_deep_autoencoder.check(build_deep_autoencoder)

# %% tags=["nbval-check-output"]
deep = build_deep_autoencoder(32, hidden=(512, 256))
for name, part in (("encoder", deep.encoder), ("decoder", deep.decoder)):
    biases = [weight for weight in part.weights if len(weight.shape) == 1]
    print(f"{name}: layers of {[bias.shape[0] for bias in biases]} units, {part.count_params():,} parameters")

# %% [markdown]
# Training starts from random weights, so every training ends somewhere else. A difference between two networks means something when it is larger than the spread of such trainings. So we train the deep network and
# the shallow one three times each, from other starts (once each in the quick profile). And we watch 5,000 training digits that are *held back*: the network does not learn from them, and nothing is chosen by the test digits.

# %%
SEEDS = budget((1, 2, 3), quick=(1,))
runs = {"shallow": [shallow_errors[32]], "deep": []}
for seed in SEEDS:
    keras.utils.set_random_seed(seed)
    if seed > 1:  # the first shallow one is there
        again = build_dense_autoencoder(32)
        train(again, mnist.x_train, f"shallow, seed {seed}")
        runs["shallow"].append(test_mse(again))
    deep = build_deep_autoencoder(32, hidden=(512, 256))
    deep_history = train(
        deep,
        mnist.x_train,
        f"deep, seed {seed}",
        epochs=budget(14, quick=8),
        learning_rate=2e-3,
        validation_data=(mnist.x_valid, mnist.x_valid),
    )
    runs["deep"].append(test_mse(deep))

# %%
plotting.curves(
    {"training digits": deep_history["loss"], "digits held back": deep_history["val_loss"]},
    "epoch",
    "MSE per pixel",
    levels={"PCA, test digits": pca_errors[32], "shallow autoencoder, test digits": shallow_errors[32]},
    log_y=True,
    title="The deep autoencoder learns (last seed)",
)

# %% [markdown]
# **What to notice.** At first the curve of the digits held back is the *lower* one. That is bookkeeping: Keras averages the training loss over an epoch, while
# the network improves, and measures the other one at the epoch's end. On the full set the curves pass below both levels within the first
# epochs. Where the two curves run together, the network has learned what holds for digits in general; where a gap opens between them, it
# has started to learn its training digits by heart. Depth wants data and steps: in the quick profile, with 3,500 digits and few epochs, you
# only see the beginning of this.

# %%
for name, errors_of_seeds in runs.items():
    print(f"{name:8}", "  ".join(f"{error:.5f}" for error in errors_of_seeds))
plotting.bars(
    {"PCA": pca_errors[32], **{name: np.mean(values) for name, values in runs.items()}},
    "test MSE per pixel",
    title=f"Three ways through 32 numbers, mean of {len(SEEDS)} trainings",
)

# %%
ex.left_guess.check(left_guess, 100 * np.mean(runs["deep"]) / pca_errors[32])

# %% [markdown]
# **What to notice.** All three codes have 32 numbers. Trained on all digits, the deep network's error is far below PCA's and clearly
# below the shallow network's: the printed errors of the three trainings differ by far less than the two kinds of network do. The comparison is at equal width of the code, not at equal cost: the deep network has some twenty times as many parameters and trains for more epochs. More epochs would not
# change what the shallow one can express: its map to the code stays linear, and the only curve on the way back is the fixed sigmoid at each pixel. (After the quick profile's short training the deep one is not ahead of the shallow one.)

# %%
hard = np.concatenate([np.arange(4), worst[:6]])
plotting.image_rows(
    {
        "test digit": mnist.x_test[hard],
        "PCA 32": np.clip(pca_images(mnist.x_test[hard], 32), 0, 1),
        "shallow 32": models[32].predict(mnist.x_test[hard], verbose=0),
        "deep 32": deep.predict(mnist.x_test[hard], verbose=0),
    }
)

# %% [markdown]
# **What to notice.** The last six digits are hard ones from above. (They were the worst of the *shallow* network, which flatters the other two here; the fair comparison is the mean, above.) Where PCA draws a grey compromise and the shallow network breaks a stroke, the deep one
# more often draws whole strokes with sharp edges, even where they are not quite the right ones. Depth gives the code no more room. It lets
# encoder and decoder agree on a better language.
#
# The published counterpart is the autoencoder 784-1000-500-250-30 of Hinton and Salakhutdinov (2006): 3.00 in squared error per image. It is larger than ours and was trained far longer;
# lesson 02 goes after it. Ours, with two numbers more:

# %%
print(f"squared error per image, deep autoencoder of width 32: {784 * np.mean(runs['deep']):.2f}")

# %% [markdown]
# *If you want a break, this is the place. What follows asks what else, besides a narrow layer, makes a code brief.*
#
# ## Codes that say less: the L1 penalty
#
# A narrow layer is not the only way to make a code brief. Take four times as many units, 128, but charge for their use. The **L1
# activity penalty** adds the absolute values of the code to the loss:
#
# $$L_\text{sparse} = L + \lambda\,\frac{1}{N} \sum_{n=1}^{N} \sum_{j=1}^{128} \bigl|c^{(n)}_j\bigr|$$
#
# $c^{(n)}_j$ is the value of unit $j$ on image $n$, and $\lambda \ge 0$ is the price. The slope of $|c|$ is the same however small
# $c$ is, so small values are pushed all the way to zero, and only units that earn their price stay on. To make zero easy to reach, the code
# gets a ReLU, $c_j = \max(0, \cdot)$. We call a unit **active** on an image when its code value there is above zero.
#
# One thing to know about Keras 3 first: it adds an activity penalty *summed over the batch*, while the rest of the loss is a
# mean. The same values in a batch four times as large cost four times as much:

# %% tags=["nbval-check-output"]
for batch_size in (1, 4):
    penalty = layers.ActivityRegularization(l1=1.0)
    penalty(np.ones((batch_size, 3), dtype="float32"))
    print(f"batch of {batch_size}, three ones each: penalty {float(penalty.losses[0]):g}")

# %% [markdown]
# So the factor handed to Keras is $\lambda$ divided by the batch size. Then the price doesn't depend on how the digits are batched. (The loss in the progress bar includes the penalty; the errors printed below don't.)
#
# How large should $\lambda$ be? We train a network for each of five prices, and look at two numbers: how many units are active on a digit, and what the error becomes.
# Codes with and without a penalty do not learn best at the same rate. So each price gets two peaks of the learning rate, and the network with the smaller loss on the digits held back is kept. (Two prices and one rate in the quick profile.)

# %%
LAMBDAS = budget((0, 3e-5, 1e-4, 3e-4, 1e-3), quick=(0, 1e-3))
RATES = budget((1.5e-3, 3e-3), quick=(3e-3,))
EPOCHS_SPARSE = budget(12, quick=3)


def train_sparse(price, rate):
    """A network of 128 ReLU units at the price λ, and its loss on the digits held back, penalty included."""
    penalty = keras.regularizers.L1(price / BATCH)
    model = build_dense_autoencoder(128, code_activation="relu", code_regularizer=penalty)
    train(model, mnist.x_train, f"λ = {price:g}, rate {rate:g}", epochs=EPOCHS_SPARSE, learning_rate=rate)
    loss = model.evaluate(mnist.x_valid, mnist.x_valid, batch_size=BATCH, verbose=0)
    print(f"λ = {price:<6g} rate {rate:g}: loss on the digits held back {loss:.5f}")
    return model, loss


sparse_models = {}
for price in LAMBDAS:
    tried = [train_sparse(price, rate) for rate in RATES]
    sparse_models[price], _ = min(tried, key=lambda pair: pair[1])


# %%
def active_units(model, images):
    """How many units of the code are above zero on an image, on average."""
    return float(np.mean(np.sum(model.encoder.predict(images, batch_size=500, verbose=0) > 0, axis=1)))


def mse_of(model, images):
    """Mean squared error per pixel of a model's reconstructions."""
    return float(mse_per_image(images, model.predict(images, batch_size=500, verbose=0)).mean())


active = np.array([active_units(model, mnist.x_valid) for model in sparse_models.values()])
sparse_errors = np.array([mse_of(model, mnist.x_valid) for model in sparse_models.values()])
for price, units, error in zip(LAMBDAS, active, sparse_errors):
    print(f"λ = {price:<6g} {units:6.1f} of 128 units active on a digit held back, MSE {error:.5f}")

# %%
plotting.curves(
    {"error": sparse_errors},
    "units active on a digit, of 128",
    "MSE per pixel, digits held back",
    x=active,
    title="What it costs to say less: one dot for each λ",
)

# %% [markdown]
# **What to notice.** Read the curve from right to left. In the full profile the error at first does not rise at all. That isn't because those units were of no use: the network without a penalty is not trained to its best. (The linear code of the same width reached about 0.0017 above, and ReLU units with large biases can do the same.) Each dot is also a single training, at the better of two rates only. Further left the price is far larger than such differences. A code is called **sparse** when
# only a few of many units are active at a time. By that word the smallest penalties make a *sparser* code, and only the largest one a sparse code. All of it is choice: no point of the curve is the right one.
#
# ### Exercise 6: decide
#
# Suppose that you may spend `most` active units per digit, on average. Which of the trained networks do you take? Write the rule.


# %% tags=["nbval-check-output"]
def choose_lambda(lambdas, active, errors, most):
    """The λ with the smallest error among those with at most `most` active units; there is at least one."""
    return ...  # your code


choose_lambda = ex.choose_lambda.check(choose_lambda)

# %%
LAMBDA = choose_lambda(LAMBDAS, active, sparse_errors, 64)
print(f"at most half of the units: λ = {LAMBDA:g}")
chosen = {"no penalty": sparse_models[0], "L1 penalty": sparse_models[LAMBDA]}
sparse_codes = {name: model.encoder.predict(mnist.x_test, batch_size=500, verbose=0) for name, model in chosen.items()}
for name, codes in sparse_codes.items():
    unused = int(np.sum(codes.max(axis=0) == 0))
    print(f"{name}: {np.mean(np.sum(codes > 0, axis=1)):.1f} units active on a test digit, {unused} active on none")


# %%
def show_codes(name):
    """The first four test digits with their codes in one of the two models."""
    codes = sparse_codes[name][:4]
    return plotting.encodings(
        digits[:4], codes, chosen[name].decoder.predict(codes, verbose=0), title=f"128 ReLU units, {name}"
    )


show_codes("no penalty")

# %% [markdown]
# **What to notice.** Nothing holds the code back, and most of the 128 units speak up on every digit. (Units that are active on no digit at all are *dead*; it can happen even without
# a penalty, see the pitfalls.) Now with the penalty:

# %%
show_codes("L1 penalty")

# %% [markdown]
# **What to notice.** Mind the scale: with the penalty the code's values are smaller. Many bars are gone. Each digit uses another selection of units:
# the code has room for many different things to say, and each image uses only some of them.
#
# What does a single unit stand for? The decoder's weights tell: column $j$ of $W_d$, which Keras stores as a row, is the pattern that unit $j$ adds to the
# picture (before the sigmoid). Here are the patterns of the 40 units that are active most often, white where
# a unit adds ink and black where it takes ink away.


# %%
def patterns(model, units):
    """The decoder's weights of the given units as images (n, 28, 28, 1), zero weight shown as mid-grey."""
    weights = keras.ops.convert_to_numpy(model.decoder.get_layer(index=1).kernel)[units]
    largest = np.abs(weights).max(axis=1, keepdims=True)
    return (0.5 + 0.5 * weights / largest).reshape(-1, 28, 28, 1)


often = np.argsort(-np.mean(sparse_codes["L1 penalty"] > 0, axis=0))[:40]
plotting.mosaic(patterns(chosen["L1 penalty"], often), 10, title="What a unit of the sparser code draws")

# %% [markdown]
# **What to notice.** The patterns are curved ridges, bright with dark beside them: some are pieces of strokes, and many look like the ghost of a whole digit. These
# are the units that speak most often. Nobody asked for strokes; they come from the data. (What part the penalty has in it you see if you draw the same picture for `chosen["no penalty"]`.) On photographs of nature, sparse codes
# find small oriented edges instead, much like the cells of the visual cortex (Olshausen and Field, 1996).
#
# **Question.** Suppose someone divides all codes by 10 and multiplies the decoder's weights by 10. What happens to the reconstruction, to the penalty, and
# to the number of active units? What follows for the penalty?
#
# <details><summary>Discussion</summary>
#
# The reconstruction stays the same, the penalty falls to a tenth, the number of active units stays the same. So a network can
# lower the penalty without being any sparser: it only has to make its decoder louder. That is why this section counts active units and doesn't
# report the penalty. In practice the escape is closed by holding the decoder's weights down, with an L2 penalty or with columns of $W_d$ of fixed length.
#
# </details>
#
# ## Weights that are no larger than needed: the L2 penalty
#
# The second classical penalty charges for the weights instead of the code. With $\|W\|^2$ for the sum of the squares of all entries
# of a matrix $W$ and a factor $\lambda_2 \ge 0$,
#
# $$L_\text{decay} = L + \lambda_2 \bigl(\|W_e\|^2 + \|W_d\|^2\bigr) .$$
#
# The penalty pulls every weight towards zero. Plain gradient descent would shrink all of them by the same small share in each step. Adam rescales gradients, so a weight that gets no other gradient is at zero after some ten steps (Loshchilov and Hutter, 2019), while the others keep what lowers the error. This one
# is added once a step, whatever the batch, so nothing is divided.

# %%
decayed = build_dense_autoencoder(32, kernel_regularizer=keras.regularizers.L2(1e-5))
decayed_history = train(decayed, mnist.x_train, "width 32, L2 penalty")
l2_error = test_mse(decayed)


# %%
def encoder_patterns(model):
    """The encoder's weights of each unit as images (n, 28, 28, 1), zero weight shown as mid-grey."""
    weights = keras.ops.convert_to_numpy(model.encoder.get_layer("code").kernel).T
    return (0.5 + 0.5 * weights / np.abs(weights).max(axis=1, keepdims=True)).reshape(-1, 28, 28, 1)


def norms(model):
    """Root of the summed squares of the encoder's and of the decoder's weight matrix."""
    return [float(np.linalg.norm(w)) for w in model.get_weights() if w.ndim == 2]


for name, model, error in (("no penalty", models[32], shallow_errors[32]), ("L2 penalty", decayed, l2_error)):
    print(f"{name}: |W_e| = {norms(model)[0]:.1f}, |W_d| = {norms(model)[1]:.1f}, test MSE {error:.5f}")
plotting.image_rows({"no penalty": encoder_patterns(models[32])[:10], "L2 penalty": encoder_patterns(decayed)[:10]})

# %% [markdown]
# **What to notice.** These are weights of the encoder: what each unit looks for. Without a penalty the patterns have a frame of noise.
# In the outermost corners no training digit has ink, no gradient reaches those weights, and they keep the small random values that they started with. In the rest of the
# frame only a few digits have ink. Those weights are set by a handful of images and can grow large: Adam takes steps of nearly full size even where gradients are rare, and nothing pulls the weights back. The L2 penalty does: weights that seldom help fade towards zero. The price stands in the printed lines: after the full training the test error is 16%
# larger, many times the spread of the seeds. With so few units and so many digits there is little to overfit, and so nothing to gain. The penalty
# can pay off where weights are many and images few.
#
# ## A code as wide as the input
#
# What if there is no bottleneck and no penalty? Take a code of 784 numbers, as many as there are pixels (a code with more
# entries than the input is called **overcomplete**; ours stands just at the border). PCA with 784 components is exact: its directions span the whole space, so every
# image comes back, digit or not. A network with as many units could come close to that: the sigmoid at its end bends grey values a little, but pixel by pixel a
# nearly perfect copy is possible, of digits and of anything else. Does ours become such a copier?
#
# To find out what was learned, we show it something that was never in the training set: test digits whose pixels are all moved
# to other places by one fixed shuffle. They have the same grey values, but nothing of a digit is left. A copier copies them all the same.
#
# ### Exercise 7: predict
#
# What will the network with 784 units return for a shuffled digit: `"a copy"`, `"nothing of it"`, or `"something between"`? We call it a copy if its error there is at most twice that on
# digits, and nothing of it if that error is no smaller than that of an all-black picture. Write your guess down, then run on.

# %%
shuffled_guess = ...  # "a copy", "nothing of it" or "something between"

# %%
wide = build_dense_autoencoder(784)
wide_history = train(wide, mnist.x_train, "width 784", epochs=budget(5, quick=2), learning_rate=3e-3)

# %%
shuffle = np.random.default_rng(1).permutation(784)
shuffled = mnist.x_test.reshape(-1, 784)[:, shuffle].reshape(-1, 28, 28, 1)


def mse_on(images, model):
    """Mean squared error per pixel of a model, or of PCA with that many components, on images."""
    again = pca_images(images, model) if isinstance(model, int) else model.predict(images, batch_size=500, verbose=0)
    return float(mse_per_image(images, again).mean())


contestants = {"shallow 32": models[32], "deep 32": deep, "shallow 784": wide, "PCA 784": 784}
copying = {name: [mse_on(images, model) for images in (mnist.x_test, shuffled)] for name, model in contestants.items()}
black, grey = np.mean(mnist.x_test**2), np.mean((mnist.x_test - mnist.x_train.mean()) ** 2)
copying |= {"all black": [black, black], "one grey": [grey, grey]}  # pictures that ignore the input
for name, (on_digits, on_shuffled) in copying.items():
    print(f"{name:12} test digits {on_digits:.1e}   shuffled digits {on_shuffled:.1e}")

# %%
on_digits, on_shuffled = copying["shallow 784"]
copied = "a copy" if on_shuffled <= 2 * on_digits else "nothing of it" if on_shuffled >= black else "something between"
ex.shuffled_guess.check(shuffled_guess, copied)

# %%
both = np.concatenate([mnist.x_test[:5], shuffled[:5]])
rows = {"input": both}
for name, model in contestants.items():
    again = pca_images(both, model) if isinstance(model, int) else model.predict(both, verbose=0)
    rows[name] = np.clip(again, 0, 1)
plotting.image_rows(rows)

# %% [markdown]
# **What to notice.** PCA copies everything; its remaining error is rounding. For shuffled digits the two narrow networks are worse than one flat grey and hardly better, if at all, than an all-black picture. The wide network gives the digits back well, and yet of a
# shuffled digit it returns no more than traces. It has room for a nearly perfect copy of any image and has not learned to make one: training only
# ever asks for digits, so what it does to everything else is left to chance. But nothing in its loss forbade it to copy.
#
# That is why the error alone can't be the goal. The smallest error in this table is that of a copier, PCA with 784 components, whose 784 numbers are the pixels in other axes and say nothing about digits. The wide network, which knows something about digits, has a larger one.
# What we want is a code in which a digit is described *briefly*, and something must enforce brevity: a narrow layer, a sparsity penalty, noise (lesson 04) or
# a price on information (lesson 07).
#
# **Question.** The deep autoencoder of width 32 draws scrawls of strokes when it is shown a shuffled digit. Is that a fault? Could you use it?
#
# <details><summary>Discussion</summary>
#
# It is what one should expect: its decoder has only learned to draw strokes, so it answers anything with pieces of strokes. And it is useful, because a large reconstruction error says that an image is not
# like the training images. This is one way to detect anomalies: train on normal cases only, and raise an alarm when the error is unusual. Look
# once more at the printed errors, though: the wide network raises the alarm on shuffled digits too. Images that are *almost* like digits are the
# hard test, and an autoencoder with too much room may reproduce those as well.
#
# </details>
#
# ## What you should see
#
# These cells hold the numbers of your run to what this lesson claims. If one fails and you have changed nothing, something is wrong.

# %% tags=["headline"]
expect(
    "test MSE of the deep autoencoder below that of PCA, both of width 32, worst of three trainings",
    100 * (1 - max(runs["deep"]) / pca_errors[32]),
    at_least=budget(65, quick=-10),
    unit="%",
    published="78% at width 30 (3.00 against 13.87 squared error per image; Hinton & Salakhutdinov 2006, figure 2B)",
)

# %%
expect(
    "test MSE of the shallow autoencoder below that of PCA, both of width 32, worst of three trainings",
    100 * (1 - max(runs["shallow"]) / pca_errors[32]),
    at_least=budget(42, quick=8),
    unit="%",
    published="42% for logistic PCA at width 30 (8.01 against 13.87; Hinton & Salakhutdinov 2006)",
)

# %%
expect("units active on a digit held back without a penalty, of 128", active[0], at_least=budget(95, quick=60))
expect("the same at the largest λ", active[-1], at_most=budget(20, quick=20))
expect(
    "error of the 784-wide autoencoder on shuffled digits, as a multiple of one grey's",
    on_shuffled / grey,
    at_least=budget(0.8, quick=0.5),
)

# %% [markdown]
# ## Summary
#
# - An autoencoder is an encoder, a code, a decoder and a loss, trained to give back its input. It is self-supervised: the input is the target.
# - PCA is the best linear autoencoder. At equal width a sigmoid at the end already does better, and a deep network trained on enough digits does much better.
# - An L1 penalty on the code makes it sparser: each image uses a selection of many units. How few is a choice, with a price. An L2 penalty on the weights removes those that do no work.
# - Without a bottleneck or a penalty a small error means little. What you learn about the data comes from what you forbid.
#
# ## Pitfalls
#
# - **Comparing errors at different widths.** A wider code always looks better. Compare at equal width, on test images, with PCA beside it.
# - **Sum or mean.** Keras 3 sums an activity penalty over the batch. Change the batch size and you change the price, unless you divide.
# - **The penalty's value as a measure of sparsity.** It can fall because the decoder got louder. Count active units instead.
# - **Units that never fire.** A ReLU unit whose input is negative on every image gets no gradient and stays off for good. The printed counts show
#   some with the L1 penalty and, in our full run, none without; it can happen there too, and large steps make it more likely. Count them.
# - **Inputs outside [0, 1].** The sigmoid can't reach them. Divide 8-bit images by 255 first.
#
# ## References
#
# - P. Baldi & K. Hornik, *Neural networks and principal component analysis: learning from examples without local minima*, Neural Networks, 1989. [doi:10.1016/0893-6080(89)90014-2](https://doi.org/10.1016/0893-6080(89)90014-2)
# - G. E. Hinton & R. R. Salakhutdinov, *Reducing the dimensionality of data with neural networks*, Science, 2006. [doi:10.1126/science.1127647](https://doi.org/10.1126/science.1127647)
# - B. A. Olshausen & D. J. Field, *Emergence of simple-cell receptive field properties by learning a sparse code for natural images*, Nature, 1996. [doi:10.1038/381607a0](https://doi.org/10.1038/381607a0)
# - D. Hendrycks & K. Gimpel, *Gaussian error linear units (GELUs)*, 2016. [arXiv:1606.08415](https://arxiv.org/abs/1606.08415)
# - D. P. Kingma & J. Ba, *Adam: a method for stochastic optimization*, 2015. [arXiv:1412.6980](https://arxiv.org/abs/1412.6980)
# - I. Loshchilov & F. Hutter, *SGDR: stochastic gradient descent with warm restarts*, 2017 (the cosine schedule). [arXiv:1608.03983](https://arxiv.org/abs/1608.03983)
# - I. Loshchilov & F. Hutter, *Decoupled weight decay regularization*, 2019 (L2 penalty and Adam). [arXiv:1711.05101](https://arxiv.org/abs/1711.05101)
# - I. Goodfellow, Y. Bengio & A. Courville, *Deep learning*, 2016, [chapter 14: autoencoders](https://www.deeplearningbook.org/contents/autoencoders.html)
