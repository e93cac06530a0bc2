# ---
# jupyter:
#   course: {reading: 45, doing: 50}
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
# # Dense prediction: an answer for every pixel
#
# A classifier says *what* is in a picture. Here the network has to say *where*, to the pixel: which pixels are the digit's and which are clutter, which of two digits each stroke belongs to,
# and at last what the whole picture would look like of which only the edges are left.
#
# **You will learn**
#
# - how to measure a mask, and why 93% right pixels may be worth nothing;
# - what a U-Net's skips are worth for sharp borders, against the same weights without skips and against a classical rival that is hard to beat;
# - how to mark pixels that belong to two things at once, and how to train when the things have no order;
# - how a network turns one kind of picture into another, what a judge of patches adds to that, and what it costs;
# - what a bottleneck loses, and how little a network with skips puts into its bottleneck.
#
# **You need** lessons 04 (denoising) and 05 (convolutions).
#
# **The quick profile** learns from 3,500 digits, once instead of from three starts, and translates edges to digits instead of garments. In so short a time the U-Net does not yet overtake the largest component, and digits are easily told by their edges; what is said below is about the full run.

# %%
import numpy as np
from course_utils import plotting
from course_utils.batches import FreshBatches, predict_in_batches
from course_utils.checkpoints import load_checkpoint, stored_table
from course_utils.data import load
from course_utils.exercises import lesson_11 as ex
from course_utils.lesson import budget, expect, setup
from course_utils.losses import bernoulli_nll, soft_dice_loss
from course_utils.metrics import dice
from course_utils.models import PatchTranslator, build_classifier, build_patch_discriminator, build_unet
from course_utils.scenes import digit_in_clutter, overlapping_classes, overlapping_digits, single_classes
from course_utils.training import callbacks, fast
from sklearn.decomposition import PCA

import keras
from keras import layers, ops

setup(seed=11)
garments = load("fashion_mnist")  # before the digits: without it, the whole lesson goes on in the quick profile
mnist = load("mnist")

# %% [markdown]
# ## 1. A digit in clutter
#
# A scene has 40 × 40 pixels, a digit at a random place, and sixteen little pieces, 6 × 6 pixels each, cut out of other digits. The pieces are as bright as the digit and have strokes as wide. Wanted is the digit's **mask** $m$: $m_i = 1$ where pixel $i$ of the digit is brighter than one half,
# $m_i = 0$ elsewhere. To mark the pixels of a thing is called **segmentation**.
#
# Scenes cost nothing. `digit_in_clutter(images, rng)` makes as many as there are images, and for the training `FreshBatches` calls it anew for each batch, so that no scene comes twice. Validation and test scenes are made once, of digits that no network is trained on.

# %%
N_VALID, N_TEST = budget(1000, quick=200), budget(10_000, quick=300)
valid_scenes, valid_masks = digit_in_clutter(mnist.x_valid[:N_VALID], np.random.default_rng(1))
scenes, masks = digit_in_clutter(mnist.x_test[:N_TEST], np.random.default_rng(2))
plotting.image_rows({"scene": scenes[:10], "mask of\nits digit": masks[:10]})

# %% [markdown]
# **What to notice.** You find nearly all digits, without thinking: they are the longest connected strokes, and the pieces end where no digit would. But some pieces touch the digit, and there you need to know how digits go on.
#
# ### How good is a mask?
#
# The first number that comes to mind is the share of pixels that are right, the **accuracy**.
#
# #### Exercise 1: a prediction
#
# Take a method that finds nothing, ever: its mask is empty. What is its accuracy on these scenes? (To 0.02.)

# %%
empty_accuracy = ...  # your prediction, from 0 to 1

# %%
empty = np.zeros_like(masks)
ex.empty_accuracy.check(empty_accuracy, np.mean(empty == masks))

# %% [markdown]
# Accuracy counts the background, which is easy and large. So compare the two masks where at least one of them says something. Let $A$ be the set of pixels in the true mask, $B$ that of the guess, and $|\cdot|$ the number of pixels. Two measures are common: the **intersection over union** $J$ (or Jaccard index), and the
# **Dice coefficient** $D$ (the same as the F1 score),
#
# $$J = \frac{|A \cap B|}{|A \cup B|}, \qquad D = \frac{2\,|A \cap B|}{|A| + |B|}.$$
#
# Both are 1 for equal masks, and 0 for masks without a common pixel, such as an empty guess.
#
# #### Exercise 2: one from the other
#
# The two always agree on which of two guesses for the same scene is better, for each is a growing function of the other. Which one is $D$ of $J$?


# %% tags=["nbval-check-output"]
def dice_from_iou(iou):
    """The Dice coefficient of two masks whose intersection over union is known; may be an array."""
    return ...  # your code


dice_from_iou = ex.dice_from_iou.check(dice_from_iou)

# %% [markdown]
# We use Dice, of each scene, then the mean over scenes. (`dice(masks, guess)` takes masks of zeros and ones and refuses probabilities. To hand a metric probabilities where it expects decisions is a mistake that some libraries let pass.)
#
# ### The rivals
#
# A **threshold** comes first: all pixels above it. Otsu's method (1979) picks one for each picture, so that dark and bright pixels differ as much as possible. Both keep the clutter, since it is as bright as the digit. But the clutter is in pieces. So keep the **largest connected component**, the largest region of
# pixels above the threshold that hang together.
#
# #### Exercise 3: the largest component
#
# Write it. Pixels that touch at a corner hang together too. (`scipy.ndimage.label` numbers the regions of an array.)


# %% tags=["nbval-check-output"]
def largest_component(masks):
    """Of each mask (n, height, width, 1), True or False, the largest region of connected pixels; corners connect."""
    return ...  # your code


largest_component = ex.largest_component.check(largest_component)

# %% [markdown]
# The threshold is chosen on validation scenes, for each method its own.

# %%
from skimage.filters import threshold_otsu

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
RIVALS = {
    "threshold": lambda images, level: images > level,
    "largest component": lambda images, level: largest_component(images > level),
}


def best_threshold(method):
    return max(THRESHOLDS, key=lambda level: np.mean(dice(valid_masks, method(valid_scenes, level))))


chosen = {name: best_threshold(method) for name, method in RIVALS.items()}
found = {"empty mask": empty > 0, "Otsu": np.stack([scene > threshold_otsu(scene) for scene in scenes])}
found |= {f"{name} ({chosen[name]})": method(scenes, chosen[name]) for name, method in RIVALS.items()}
found["Otsu, largest component"] = largest_component(found["Otsu"])
rival = max(found, key=lambda name: np.mean(dice(masks, found[name])))  # the best on the test scenes themselves
for name, guess in found.items():
    print(f"{name:26} Dice {np.mean(dice(masks, guess)):.3f}, accuracy {np.mean(guess == masks):.3f}")

# %% [markdown]
# **What to notice.** The empty mask has the accuracy that you (or the hint) predicted and a Dice of 0. And the largest component is no straw man: it is right to nearly nine tenths without having learnt anything. It fails where clutter touches the digit, where pieces of clutter join up to something larger than the digit, and where a digit is in two parts.
# (The best threshold is 0.5 because the masks are made with it. A network gets the same scenes.)
#
# ### A U-Net, and the same weights without skips
#
# An autoencoder squeezes a picture through a small code map and draws it again. For a mask that has a cost: the code knows roughly where the digit is, but its border has to be drawn to the pixel. A **U-Net** (Ronneberger et al. 2015) is an encoder and a decoder with **skips**: each level of the decoder also gets the encoder's maps of the same size,
# as they are. So the code can say *what and roughly where*, and the skips *where exactly*.
#
# For the comparison, `build_unet(..., skips=False)` gives each level of the decoder its own maps twice, in the place of the encoder's. Both networks then have the same layers with the same number of weights, and differ in what flows through them. (Not all of the second one's weights can count, as those that read the same maps twice could be one.)

# %% tags=["nbval-check-output"]
for skips in (True, False):
    network = build_unet((40, 40, 1), 1, filters=(8, 16, 32, 64), skips=skips)
    print(f"{network.name:13} {network.count_params():,} weights")

# %% [markdown]
# The **loss** has two terms. The binary cross-entropy, as in lesson 04, asks for the right probability $p_i$ at each pixel. In the mean over all pixels it is small as soon as the background is black. The second term is Dice itself, with probabilities in the place of the guess,
#
# $$1 - \frac{2 \sum_i m_i p_i + 1}{\sum_i m_i + \sum_i p_i + 1},$$
#
# which looks at the digit and not at the background (Milletari et al. 2016, there with squares in the denominator; the ones keep an empty mask from being 0/0). `soft_dice_loss` is this term.


# %%
def mask_loss(masks, probabilities):
    """Cross-entropy per pixel plus soft Dice, of each scene."""
    cross_entropy = ops.binary_crossentropy(ops.cast(masks, "float32"), probabilities)
    return ops.mean(cross_entropy, axis=(1, 2, 3)) + soft_dice_loss(masks, probabilities)


def train(model, batches, name, *, loss=None, learning_rate=4e-3, epochs=1):
    """Adam with a learning rate that warms up during a twentieth of the steps and then falls to zero as a cosine."""
    steps = epochs * len(batches)
    least = budget(1, quick=20)  # after a shorter start than twenty steps, some seeds learn nothing
    warmup = min(max(least, steps // 20), steps // 2)
    decay = keras.optimizers.schedules.CosineDecay
    schedule = decay(0.0, steps - warmup, warmup_target=learning_rate, warmup_steps=warmup)
    model.compile(keras.optimizers.Adam(schedule), loss=loss, **fast(model))
    model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks(name))
    return model


# %% [markdown]
# A comparison of two networks needs several **seeds**, that is, starts from other random weights with other scenes: a difference that is not well above their spread is no result. Both networks are trained here from the first seed. Two more took too long for a lesson; `make checkpoints` has trained them with the same recipe, and their scores on these very scenes are stored.
# What stands after ± is the standard deviation over the three. And since the largest component profits from the threshold, so shall they: *on ink* means the same mask, but only where the scene is brighter than one half. (Not so in the quick profile: there is one seed.)


# %%
def train_on_clutter(skips):
    keras.utils.set_random_seed(1)
    model = build_unet((40, 40, 1), 1, filters=(8, 16, 32, 64), skips=skips, activation="sigmoid")
    digits = mnist.x_train[: budget(48_000, quick=1280)]
    batches = FreshBatches(digits, digit_in_clutter, batch_size=16, seed=1)
    return train(model, batches, f"clutter, {'U-Net' if skips else 'no skips'}", loss=mask_loss)


ours, blind = (predict_in_batches(train_on_clutter(skips), scenes) > 0.5 for skips in (True, False))


# %%
def over_seeds(values):
    """Mean and standard deviation over the seeds as a text; of a single one, the value."""
    deviation = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{deviation}"


other_seeds = budget(stored_table("clutter"), quick=[])
guesses = {"without skips": blind, "U-Net": ours}
guesses |= {f"{name}, on ink": guess & (scenes > 0.5) for name, guess in guesses.items()}
clutter_dice = {
    name: [np.mean(dice(masks, guess)), *(float(row[name]) for row in other_seeds)] for name, guess in guesses.items()
}
rival_dice = np.mean(dice(masks, found[rival]))
print(f"{rival:24} {rival_dice:.3f}")
for name, values in clutter_dice.items():
    print(f"{name:24} {over_seeds(values)}")

# %%
worst = int(np.argmin(dice(masks, ours)))  # a failure, among those that are shown
columns = [*range(9), worst]
rows = {
    "scene": scenes,
    rival.replace(" (", "\n("): found[rival],
    "without skips": blind,
    "U-Net": ours,
    "truth": masks,
}
rows = {name: images[columns].astype(np.float32) for name, images in rows.items()}
plotting.image_rows(rows, column_titles=[*map(str, range(1, 10)), "worst"])

# %% [markdown]
# **What to notice.** Without skips the masks lie at the right place, as smooth strokes: the digit as it usually is, not as it was written. By Dice that is less than the largest component reaches, without any training. Cut with the ink they come to 0.91, ahead of it, and the U-Net to 0.95: so more than half of the distance between the two networks was a border that a threshold can draw, and the rest was not. The U-Net follows the pixels by itself. The largest component does so too, where nothing touches the digit; where something does, it takes all of it, and in the third scene it takes a heap of clutter that is larger than the digit. The last column is a failure of everybody: hardly a pixel of that digit is brighter than one half, so its mask is a few specks, and each method took a piece of clutter or nearly nothing.
#
# Where do the wrong pixels lie? Call a pixel *at the border* if it touches a pixel of the other kind in the true mask. Strokes are thin, so most of the digit's own pixels are at the border, and few are inside; all clutter that touches nothing is away from it.

# %%
from scipy.ndimage import maximum_filter, minimum_filter

NEIGHBOURS = (1, 3, 3, 1)
border = maximum_filter(masks, NEIGHBOURS) != minimum_filter(masks, NEIGHBOURS)
print("wrong pixels in the mean scene:")
for name, guess in {"empty mask": empty > 0, rival: found[rival], "without skips": blind, "U-Net": ours}.items():
    at_border, elsewhere = (np.mean(np.sum((guess != masks) & area, axis=(1, 2, 3))) for area in (border, ~border))
    print(f"{name:24} at a border {at_border:5.1f}, elsewhere {elsewhere:4.1f}")

# %% [markdown]
# **What to notice.** Away from the border both networks are wrong in two pixels of a scene: they know *where* the digit is, one as well as the other. The largest component is wrong there by whole pieces. At the border it is the network without skips that fails, three times as often as the other two. That is what the skips carry.
#
# ## 2. Two digits on top of each other
#
# Now two digits share a scene of 36 × 36 pixels, and overlap. Which pixels are whose? We ask for ten masks, one for each class: pixel $i$ of mask $c$ says whether a digit of class $c$ covers that pixel. A pixel can belong to *two* of them. So the ten answers at a pixel are ten probabilities of their own, each from a
# **sigmoid**. A softmax, whose probabilities sum to one, would have to choose.
#
# (If both digits are of one class, there is one mask, and it holds both.)
#
# And the rival? Suppose somebody *tells* us the two classes, and we give all ink to both of them. No method that names both classes and gives each the same ink can do better than that.
#
# Most pixels of a scene belong to one digit at most, so there is a second number: Dice on **the overlap alone**, between the pixels where two classes are and the pixels where two classes are claimed. The rival claims two classes wherever there is ink.
# All pixels of the test set are counted together here, as some scenes have no overlap at all.


# %%
def both(by_class):
    """Where two classes are, (n, h, w, 1): the overlap."""
    return np.sum(by_class > 0, axis=-1, keepdims=True) > 1


def pooled_dice(masks, guess):
    """Dice of all pixels of a set together."""
    return dice(masks.reshape(1, -1, 1, 1), guess.reshape(1, -1, 1, 1))[0]


def two_scores(guess):
    """Mean Dice over scenes, and Dice on the overlap alone."""
    return np.mean(dice(by_class, guess)), pooled_dice(both(by_class), both(guess))


two_scenes, by_class = overlapping_classes(mnist.x_test[:N_TEST], mnist.y_test[:N_TEST], np.random.default_rng(3))
by_class = by_class > 0
told = by_class.any(axis=(1, 2), keepdims=True) & (two_scenes > 0.5)
print(f"share of the ink where both are: {np.mean(both(by_class)[two_scenes > 0.5]):.3f}")
told_scores = two_scores(told)
print("told the classes, all ink to both: Dice {:.3f}, on the overlap alone {:.3f}".format(*told_scores))

# %% [markdown]
# Two digits at once are hard to begin with: as long as the network knows no digit, it can't tell two of them apart. So it starts with scenes of one digit, the same ten masks, and only then gets two. To go from easy to hard is called a **curriculum** (Bengio et al. 2009).

# %%
keras.utils.set_random_seed(1)
by_class_net = build_unet((36, 36, 1), 10, filters=(16, 32, 64), activation="sigmoid")
for name, make_scenes, number in (("one digit", single_classes, 1600), ("two digits", overlapping_classes, 1600)):
    n = budget(number, quick=320)
    batches = FreshBatches(mnist.x_train[:n], make_scenes, labels=mnist.y_train[:n], batch_size=16, seed=1)
    train(by_class_net, batches, name, loss=mask_loss, learning_rate=2e-3)
short_scores = two_scores(predict_in_batches(by_class_net, two_scenes) > 0.5)
print("U-Net after a short training: Dice {:.3f}, on the overlap alone {:.3f}".format(*short_scores))

# %% [markdown]
# So short a training is not enough: to be told the classes is worth more. (On the overlap alone it may be ahead all the same, for there the rival claims two classes wherever there is ink.) The same network with the same recipe, but nearly three hundred times as many scenes of two digits, takes ten minutes. That was done beforehand, by `make checkpoints`, and its weights are stored. (In the quick profile the "test digits" are built-in ones of MNIST's training set,
# which this network has seen, so its scores there are too good.)

# %%
stored = build_unet((36, 36, 1), 10, activation="sigmoid")
log = load_checkpoint(stored, "two_digits")
guess = predict_in_batches(stored, two_scenes) > 0.5
class_scores = two_scores(guess)
print(f"{len(log['epoch'])} epochs of 55,000 scenes: ", end="")
print("Dice {:.3f}, on the overlap alone {:.3f}".format(*class_scores))

claimed = np.sum(guess, axis=(1, 2)) > 10  # classes with more than ten pixels
right = np.all(claimed == by_class.any(axis=(1, 2)), axis=1)
print(
    f"classes all right in {np.mean(right):.0%} of the scenes: Dice {np.mean(dice(by_class, guess)[right]):.3f}; ",
    end="",
)
print(f"elsewhere {np.mean(dice(by_class, guess)[~right]):.3f}")

# %% tags=["picture"]
PALETTE = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in plotting.DIGIT_COLOURS])


def coloured(by_class):
    """Masks of classes (n, h, w, 10) as a picture: each class in its colour, white where there are several."""
    return np.where(both(by_class), 1, np.minimum(by_class @ PALETTE, 1)).astype(np.float32)


columns = [*range(9), int(np.argmin(dice(by_class, guess)))]
titles = [" and ".join(map(str, np.flatnonzero(by_class[i].any(axis=(0, 1))))) for i in columns]
titles = [title if " " in title else f"{title}, twice" for title in titles]
print("claimed by the network in the worst scene:", *np.flatnonzero(claimed[columns[-1]]))
rows = {"all ink to both": told, "U-Net": guess, "truth": by_class}
pictures = {name: coloured(masks_of[columns]) for name, masks_of in rows.items()}
plotting.image_rows({"scene": two_scenes[columns]} | pictures, column_titles=[*titles[:9], f"worst:\n{titles[9]}"])

# %% [markdown]
# **What to notice.** Each class has its colour, and white is where two are. The network is told nothing, and yet above the rival that is told the classes. Where it names them right, in seven scenes of ten, Dice is 0.89; in the others it is 0.70, for a digit that is taken for one of another class counts as wrong twice: as the mask that is missing and as the mask that is too much. (See the last column. You may have been taken in as well.) About one half of what is missing from 1 lies in each kind of scenes. On the overlap alone the network is far better than the rival, and far from its own score on whole scenes: where two bright strokes cross, nothing in the picture says that there are two. One has to know how both digits go on.
#
# ## 3. Which digit comes first?
#
# Two digits of one class have one mask in common, in the last section. To tell *them* apart, the masks must belong to digits and not to classes: **instances**. So let the network have two output maps, one for each digit. Which digit goes into which map?
#
# There is no answer. The two digits of a scene have no order. If the training data have one all the same, since an array must have one, it is a coin flip, which no network can predict. What does it learn? As in lesson 04, the answer that is best on average. For a pixel with the true masks $m^{(1)}_i, m^{(2)}_i$, either of which may be the target, that is
#
# $$\hat p_i = \tfrac12 \left(m^{(1)}_i + m^{(2)}_i\right)$$
#
# in *both* maps: one half in each stroke, 1 where they cross.
#
# The remedy: let the loss forget the order. Take the loss for both orders of the masks, and keep the smaller one, in each scene:
#
# $$\min_{\pi} \; \sum_{k} \ell\big(m^{(\pi(k))},\, p^{(k)}\big),$$
#
# where $\pi$ runs over the two orders, $k$ over the maps, and $\ell$ is the cross-entropy summed over pixels. Swapping the masks changes nothing now. (With more instances there are more orders, and good algorithms to find the best one; the name in speech separation is *permutation invariant training*, and in detection *bipartite matching*.)
#
# ### Exercise 4: a loss without an order
#
# Write it for two masks, with `keras.ops`, since gradients must pass. `bernoulli_nll(masks, probabilities)` is the sum for the order as it stands, shape `(batch,)`.


# %% tags=["nbval-check-output"]
def order_free_loss(masks, probabilities):
    """The smaller `bernoulli_nll` of both orders of the two masks (batch, height, width, 2); shape (batch,)."""
    return ...  # your code, with keras.ops


order_free_loss = ex.order_free_loss.check(order_free_loss)


# %% [markdown]
# `permutation_invariant_nll` of the package does the same for any number of masks.
#
# The networks need not begin at nothing: the stored one knows what digits look like. So both start from its weights, with a new last layer of two maps in the place of its ten, and see the same scenes. (To go on from weights that were learnt for another task is called **fine-tuning**; lesson 13 has more of it.)
# The new layer starts with small weights, so that its first answers are all near one half. That matters here: the features of a trained network are large. With Keras's usual start the first logits had a standard deviation of 5 to 36 (five starts), so nearly every pixel was surely right or surely wrong, and the training had to take that back first.
#
# A pixel of ink belongs to one digit at least. So a map claims it where it says more than one half, or more than the other map. A guess counts in its better order. These two rules hold for both networks. The rival gives all ink to both maps. And one more number tells whether the maps have parted: their mean distance, on bright pixels that belong to one digit. It is 0 if both say the same, 1 if they are sure of opposites.


# %%
SEEDS = budget((1, 2, 3), quick=(1,))
told = guess = claimed = by_class = None  # they are large, and no longer needed


def train_instances(loss, name, seed):
    """The stored network, fine-tuned to two maps."""
    keras.utils.set_random_seed(seed)
    network = build_unet((36, 36, 1), 10, activation="sigmoid")
    load_checkpoint(network, "two_digits")
    small = keras.initializers.RandomNormal(stddev=0.01)
    maps = layers.Conv2D(2, 1, activation="sigmoid", kernel_initializer=small)(network.layers[-2].output)
    digits = mnist.x_train[: budget(6400, quick=560)]
    batches = FreshBatches(digits, overlapping_digits, batch_size=8, seed=seed)
    model = train(keras.Model(network.input, maps), batches, f"{name}, seed {seed}", loss=loss, learning_rate=2e-3)
    return predict_in_batches(model, two_scenes).astype(np.float16)  # six of these are kept


_, two_masks = overlapping_digits(mnist.x_test[:N_TEST], np.random.default_rng(3))  # the masks of the same scenes
LOSSES = {"order of the data": bernoulli_nll, "without an order": order_free_loss}
instances = {name: [train_instances(loss, name, seed) for seed in SEEDS] for name, loss in LOSSES.items()}


# %%
def claimed_ink(maps):
    """Which pixels of ink each map (n, h, w, 2) claims: those above one half, and where it is the larger one."""
    return (two_scenes > 0.5) & ((maps > 0.5) | (maps == maps.max(axis=-1, keepdims=True)))


def in_better_order(masks, guess):
    """The guess of each scene with its two maps in the order that has the higher Dice."""
    crossed = dice(masks, guess[..., ::-1]) > dice(masks, guess)
    return np.where(crossed[:, None, None, None], guess[..., ::-1], guess)


def instance_dice(guess):
    return np.mean(dice(two_masks, in_better_order(two_masks, guess)))


ink = np.repeat(two_scenes > 0.5, 2, axis=-1)
instance_scores = {name: [instance_dice(claimed_ink(p)) for p in runs] for name, runs in instances.items()}
ink_dice = instance_dice(ink)
print(f"all ink to both maps: {ink_dice:.3f}")
alone = (two_masks.sum(axis=-1) == 1) & (two_scenes[..., 0] > 0.9)
apart = {name: [np.mean(np.abs(p[..., 0] - p[..., 1])[alone]) for p in runs] for name, runs in instances.items()}
for name, values in instance_scores.items():
    each = ", ".join(f"{value:.3f}" for value in values)
    print(f"{name:17} Dice {over_seeds(values)} ({each}); maps apart by {over_seeds(apart[name])} where one digit is")

# %%
guess = claimed_ink(instances["without an order"][0])
columns = [*range(9), int(np.argmin(dice(two_masks, in_better_order(two_masks, guess))))]
rows = {"scene": two_scenes}
for name, runs in instances.items():
    rows |= {f"{name},\nmap {i + 1}": runs[0][..., i : i + 1].astype(np.float32) for i in (0, 1)}
rows = {name: images[columns] for name, images in rows.items()}
plotting.image_rows(rows, column_titles=[*map(str, range(1, 10)), "worst"])

# %% [markdown]
# **What to notice.** With the order of the data both maps are the same grey, one half, and brighter where both digits are: the formula. Where both say one half, a little more or a little less, which map claims the ink depends on next to nothing, and the score is no better than the rival's. Without an order the maps part: in the third scene one takes the 1, the other one the 3. That is the loss's doing, for all else is the same.
#
# It does not go well everywhere. In the seventh scene and the ninth one map holds most of both digits, and the other one is grey; in the worst one map takes nearly all. A loss without an order makes the task possible; knowing which strokes go together remains the work.
#
# **A good place for a break.** So far the answer was a mask. From here on it is a picture.
#
# ## 4. From skeleton to stroke
#
# A gentle start. The **skeleton** of a digit is its stroke thinned to one pixel. From it, draw the digit's mask again. The classical tool is **dilation**, which lets white grow: each pixel becomes the largest of the 3 × 3 around it (or of another neighbourhood). With a little thought this is a layer that you know.
#
# ### Exercise 5: dilation as a layer


# %% tags=["nbval-check-output"]
def dilated(images):
    """Each pixel of any image (n, height, width, channels), negative ones too, becomes the largest of its 3 × 3."""
    return ...  # your code; one layer will do; what lies outside the image does not count


dilated = ex.dilated.check(dilated)

# %% [markdown]
# That makes a **control**. A network that contains max pooling can learn dilation, so let it: if it does not reach a Dice of nearly 1, its training is at fault. Only then does its score at the real task say something about the task. The dilations to beat grow by a cross, by a square, or by both; which one is chosen on validation digits.

# %%
from scipy.ndimage import binary_dilation
from skimage.morphology import skeletonize


def skeletons(images):
    """Skeletons and masks of digits, both (n, 28, 28, 1) of zeros and ones."""
    masks = images > 0.5
    thin = np.stack([skeletonize(mask[..., 0]) for mask in masks])[..., np.newaxis]
    return thin.astype(np.float32), masks.astype(np.float32)


CROSS, SQUARE = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool), np.ones((3, 3), bool)
SHAPES = {"nothing": [], "cross": [CROSS], "square": [SQUARE], "cross, cross": [CROSS, CROSS]}


def grown(thin, name):
    for shape in SHAPES[name]:
        thin = binary_dilation(thin, shape[np.newaxis, ..., np.newaxis])
    return thin > 0


# %%
thin, strokes = skeletons(mnist.x_train[: budget(9600, quick=3000)])
(thin_valid, strokes_valid), (thin_test, strokes_test) = map(
    skeletons, (mnist.x_valid[:N_VALID], mnist.x_test[:N_TEST])
)
growth = max(SHAPES, key=lambda name: np.mean(dice(strokes_valid, grown(thin_valid, name))))
print("the square is the layer:", np.array_equal(grown(thin_test, "square"), dilated(thin_test) > 0))
for name in SHAPES:
    print(f"{name:14} Dice {np.mean(dice(strokes_test, grown(thin_test, name))):.3f}{' (chosen)' * (name == growth)}")


# %%
def pairs(inputs, targets, seed, batch_size=32):
    """Batches of fixed pairs in fresh order: the targets travel along as `labels`."""
    return FreshBatches(inputs, lambda x, y, rng: (x, y), labels=targets, batch_size=batch_size, seed=seed)


def train_strokes(targets, name, seed):
    keras.utils.set_random_seed(seed)
    model = build_unet((28, 28, 1), 1, filters=(8, 16, 32), activation="sigmoid")
    train(model, pairs(thin, targets, seed), f"{name}, seed {seed}", loss=mask_loss, learning_rate=5e-3)
    return predict_in_batches(model, thin_test) > 0.5


control = np.mean(dice(dilated(thin_test), train_strokes(dilated(thin), "dilation", 1)))
drawn = [train_strokes(strokes, "strokes", seed) for seed in SEEDS]
stroke_dice = [np.mean(dice(strokes_test, guess)) for guess in drawn]
stroke_rival = np.mean(dice(strokes_test, grown(thin_test, growth)))
print(f"control, dilation by a square: {control:.4f}")
print(f"strokes: {over_seeds(stroke_dice)}, the best dilation {stroke_rival:.3f}")

# %%
columns = [*range(9), int(np.argmin(dice(strokes_test, drawn[0])))]
rows = {
    "skeleton": thin_test,
    f"dilation,\n{growth}": grown(thin_test, growth),
    "U-Net": drawn[0],
    "truth": strokes_test,
}
rows = {name: images[columns].astype(np.float32) for name, images in rows.items()}
plotting.image_rows(rows, column_titles=[*map(str, range(1, 10)), "worst"])

# %% [markdown]
# **What to notice.** The control is met but for a pixel in a thousand, so the training is not broken. The real task stays at about 0.85, above every dilation but not near 1. Probably what is missing is information: a thin pen and a thick one leave the same skeleton. (The control is an easier function, so it does not prove that.) The network draws strokes of the usual width, and the worst case is a digit so thick that its strokes have grown together.
#
# ## 5. From edges to garments
#
# The **edges** of a picture are the pixels where its grey value changes fast. We take the length of the Sobel gradient, $\sqrt{u^2 + v^2}$ with $u$ and $v$ the slopes to the right and downwards in grey values per pixel, and call a pixel an edge if it is above $\frac18$. Grey values are gone, and so are faint textures; of strong ones the outlines are left. The pictures are **Fashion-MNIST** (Xiao et al. 2017): shirts, trousers, bags, shoes, in the format of MNIST.
# (In the quick profile, digits.)
#
# How shall a drawn garment be judged? By the mean absolute error, and by a **judge**: a classifier trained on real pictures. The share of drawn garments in which it sees the right class says how much they look like what they should be.


# %%
from scipy.ndimage import correlate1d


def gradient(images):
    """Length of the Sobel gradient, in grey values per pixel: (n, 28, 28, 1)."""

    def along(axis, across):
        return correlate1d(correlate1d(images, [-0.5, 0, 0.5], axis=axis), [0.25, 0.5, 0.25], axis=across)

    return np.hypot(along(1, 2), along(2, 1))


def edges_of(images):
    return (gradient(images) > 0.125).astype(np.float32)


# %%
real, classes = garments.x_test[:N_TEST], garments.y_test[:N_TEST]
edges, made = edges_of(real), {}


def train_classifier(pictures, name):
    keras.utils.set_random_seed(1)
    classifier = build_classifier()
    classifier.compile("adam", "sparse_categorical_crossentropy", **fast(classifier))
    epochs = 3
    classifier.fit(pictures, garments.y_train, batch_size=64, epochs=epochs, verbose=0, callbacks=callbacks(name))
    return classifier


def share_right(classifier, pictures):
    return np.mean(predict_in_batches(classifier, pictures).argmax(axis=1) == classes)


judge = train_classifier(garments.x_train, "judge")
of_edges = share_right(train_classifier(edges_of(garments.x_train), "classifier of edges"), edges)

# %% [markdown]
# The rivals need no training: the bare edges, and the edges with every closed outline filled. Outlines have gaps, and what has a gap stays hollow. So lines first grow by a few pixels and shrink again, which closes the gaps; by how many is chosen on validation garments, by the absolute error. Or each row is filled, from its first edge pixel to its last. The grey of the filling is chosen in the same way.

# %%
from scipy.ndimage import binary_closing, binary_fill_holes

real_valid = garments.x_valid[:N_VALID]


def filled(edges, pixels):
    """Gaps of so many pixels closed on either side, then all outlines filled: zeros and ones, (n, 28, 28, 1)."""
    wide = np.pad(edges[..., 0], ((0, 0), (4, 4), (4, 4)))  # what grows must not meet the border
    solid = [binary_fill_holes(binary_closing(edge, SQUARE, iterations=pixels)) for edge in wide]
    return np.stack(solid)[:, 4:-4, 4:-4, np.newaxis].astype(np.float32)


def rows_filled(edges):
    """Each row white from its first edge pixel to its last."""
    return np.minimum(*(np.maximum.accumulate(edges[:, :, ::way], axis=2)[:, :, ::way] for way in (1, -1)))


# %%
edges_valid = edges_of(real_valid)
SOLID = {f"outlines closed by {n}, filled": (lambda edges, n=n: filled(edges, n)) for n in (1, 2, 3)}
SOLID |= {"rows filled": rows_filled}
best_of = {}  # for each rival its error on validation garments, and its grey
for name, solid in SOLID.items():
    shape = solid(edges_valid)
    best_of[name] = min((np.mean(np.abs(grey * shape - real_valid)), grey) for grey in (0.4, 0.5, 0.6, 0.7))
    print("{}: error on validation garments {:.3f}, with grey {}".format(name, *best_of[name]))
outlines = min(list(SOLID)[:3], key=best_of.get)


# %%
def scores(pictures):
    """Mean absolute error, judge's share, mean gradient over that of the real pictures."""
    steepness = np.mean(gradient(pictures)) / np.mean(gradient(real))
    return np.mean(np.abs(pictures - real)), share_right(judge, pictures), steepness


made = {"bare edges": [edges]}
for name in (outlines, "rows filled"):
    made[name.split(" closed")[0]] = [best_of[name][1] * SOLID[name](edges)]
for name, runs in {"real pictures": [real], **made}.items():
    print("{:16} absolute error {:.3f}, judge {:.3f}, gradient {:.2f}".format(name, *scores(runs[0])))
print(f"a classifier that has learnt from edges: {of_edges:.3f} of the bare edges right")

# %% [markdown]
# ### With the absolute error
#
# A U-Net from edges to pictures, trained on the mean absolute error, called **L1**. Where several greys are possible its best answer is their median. (That of the squared error is their mean, as in lesson 04.)
#
# Its output is linear, and clipped to grey values at the end. A sigmoid would do as well, with luck: about half of all pixels are black, so black is a good first answer, but there a sigmoid is flat and passes no gradient. In one of our trials all pictures went black and stayed so.


# %%
N_GARMENTS, told_apart = budget(14_000, quick=1280), []
garment_edges, garment_pictures = edges_of(garments.x_train[:N_GARMENTS]), garments.x_train[:N_GARMENTS]


def translate(l1_weight, name, seed):
    """A U-Net from edges to pictures, with L1 alone (None), or against a discriminator of patches."""
    keras.utils.set_random_seed(seed)
    model, loss = build_unet((28, 28, 1), 1, filters=(16, 32, 64)), "mae"
    if l1_weight is not None:
        discriminator = build_patch_discriminator((28, 28, 1), (28, 28, 1))
        model, loss = PatchTranslator(model, discriminator, l1_weight=l1_weight), None
    batches = pairs(garment_edges, garment_pictures, seed)
    train(model, batches, f"{name}, seed {seed}", loss=loss, learning_rate=2e-3)
    if l1_weight is not None:
        told_apart.append(float(model.told_apart.result()))
    return np.clip(predict_in_batches(model, edges), 0, 1)


made["L1"] = [translate(None, "L1", seed) for seed in SEEDS]

# %% [markdown]
# ### With a judge of patches
#
# A median of many pictures is smooth. No real shirt is. How bright it is, the edges don't say, nor what texture lies below the threshold; so why not draw something *likely*? This asks for a loss that says "likely", and **pix2pix** (Isola et al. 2017) lets a second network learn it: a **discriminator** $d$ looks at a picture together with its edges, and for each patch of 22 × 22 pixels says
# whether it believes it to be real. It learns from real pictures and from those of the generator $G$, our U-Net. The generator learns to make patches that are taken for real, and keeps near the target by L1:
#
# $$\text{discriminator:}\quad \tfrac12\,\overline{\log(1 + e^{-d(x, y)})} + \tfrac12\,\overline{\log(1 + e^{d(x, G(x))})}, \qquad\quad
# \text{generator:}\quad \overline{\log(1 + e^{-d(x, G(x))})} + \lambda\,\overline{|y - G(x)|}.$$
#
# $x$ are the edges, $y$ is the real picture, a bar is the mean over patches or pixels, and $d$ gives a number for each patch that is positive for "real". We take $\lambda = 5$, so that both terms count: the absolute error will be about 0.07, and the first term of a discriminator that can but guess is $\log 2 = 0.69$. (Of $\lambda = 2, 5, 20$ with patches of 10 or 22 pixels it had the highest judge's share on validation garments, over two seeds; but the six lay between 0.806 and 0.817. pix2pix has $\lambda = 100$ and patches of 70 pixels; its generator also has dropout, at test time as well, as a source of chance. Ours has none: the same edges, the same picture.)
#
# Each network must learn from its own loss alone. `PatchTranslator` of the package stops the gradients where they would reach the other's weights, and so trains with stock `fit`.
#
# ### Exercise 6: a prediction
#
# Which of the two will have the smaller mean absolute error on test pictures, the network with L1 alone, or with L1 and patches?

# %%
lower_error = ...  # your prediction: "L1" or "L1 and patches"

# %%
made["L1 and patches"] = [translate(5.0, "L1 and patches", seed) for seed in SEEDS]
translation = {name: np.array([scores(pictures) for pictures in runs]) for name, runs in made.items()}
ex.lower_error.check(lower_error, min(("L1", "L1 and patches"), key=lambda name: translation[name][:, 0].mean()))
for name, values in translation.items():
    error, share, steepness = map(over_seeds, values.T)
    print(f"{name:16} absolute error {error}, judge {share}, gradient {steepness}")
print(f"patches that the discriminator told apart during the training: {over_seeds(told_apart)}")

# %%
columns = [*range(9), int(np.argmax(np.mean(np.abs(made["L1 and patches"][0] - real), axis=(1, 2, 3))))]
rows = {name: runs[0][columns] for name, runs in made.items()} | {"real": real[columns]}
plotting.image_rows(rows, column_titles=[*map(str, range(1, 10)), "worst"])

# %% [markdown]
# **What to notice.** (Of garments; the quick profile's digits leave little to guess.) L1 answers with smooth greys: the mean gradient of its pictures is 0.83 of the real one. Against the discriminator it becomes 0.97, and you can see it: the shirt in the eighth column has checks, where L1 has stains. (The edges show where the checks are. L1 knows, and hedges.) The judge recognises 0.80 of these garments, 0.78 of those with L1, 0.56 of the filled rows, 0.87 of the real pictures.
# And the absolute error is *larger*, by a tenth: a texture that is likely but not at the very place costs more than an even grey. That no method can have the best of both was proved by Blau & Michaeli (2018), for every measure of error.
#
# The discriminator told 0.545 of the patches apart, little more than by guessing. That is not weakness: the generator keeps up with it, and what it has passed on is the gradient and the texture.
#
# What the edges don't say is a guess in both rows. The letters of the print are lost, and the last column, a bag larger than the picture, has hardly an edge: both networks filled in one half of it, and left the other black.
#
# And how much do the edges say? A classifier that has learnt from edges gets 0.84 of them right. So the class was in the edges all the time, and that the judge sees it in only 0.35 of them shows that it has never learnt to read edges. Drawing adds no knowledge about *this* garment. It turns what is there into pictures that the judge can read.
#
# ## 6. What the bottleneck loses, and what skips carry past it
#
# Back to the plain autoencoder's task, for a digit to itself, in order to see what skips do to a code. Without them everything must pass the code map, here 7 × 7 pixels of $k$ channels, so $49\,k$ numbers. If two images $a, b$ have the same code, $f(a) = f(b)$, their reconstructions are the same, $g(f(a)) = g(f(b))$, whatever the decoder $g$ is. With skips
# the decoder also gets the encoder's maps $s(a)$ at full size, and $g(f(a), s(a))$ need not care about $f(a)$ at all.
#
# ### Exercise 7: a prediction
#
# We train both networks with $k = 1, 4, 16$. What becomes of the error of the network *with* skips, from 1 channel to 16?

# %%
width_with_skips = ...  # your prediction: "hardly changes" or "falls to a tenth"

# %%
WIDTHS = budget((1, 4, 16), quick=(1, 16))
some = mnist.x_train[: budget(3200, quick=1280)]


def train_copy(skips, width, seed):
    """A network from digits to themselves through 7 × 7 pixels of so many channels."""
    keras.utils.set_random_seed(seed)
    model = build_unet((28, 28, 1), 1, filters=(8, 16, width), skips=skips, activation="sigmoid")
    model.layers[-1].bias.assign([np.log(some.mean() / (1 - some.mean()))])  # starts at the mean grey: mostly black
    name = f"{'with' if skips else 'without'} skips, {width}, seed {seed}"
    return train(model, pairs(some, some, seed, batch_size=16), name, loss="binary_crossentropy", learning_rate=2e-3)


unseen = mnist.x_test[: budget(1000, quick=300)]  # not all: there are many networks


def mse(model):
    return np.mean((predict_in_batches(model, unseen) - unseen) ** 2)


copies = {
    name: [[train_copy(skips, width, seed) for width in WIDTHS] for seed in SEEDS]
    for name, skips in {"without skips": False, "with skips": True}.items()
}
errors = {name: np.array([[mse(model) for model in row] for row in rows]) for name, rows in copies.items()}

# %%
plotting.bands(
    errors, "channels of the code map", "mean squared error", x=np.array(WIDTHS), title="digits to themselves"
)

# %% [markdown]
# (Line: the median of three starts. Band: from the least to the largest.) And what is in the code of the network with skips? Cut it off and look. The copy below has zeros in place of the weights that read the code map.


# %%
def without_code(model):
    """A copy of a U-Net whose decoder gets nothing from the code map: its first 1 × 1 convolution gives 0."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    convolutions = [layer for layer in copy.layers if isinstance(layer, layers.Conv2D)]
    reads_code = next(layer for layer in convolutions if layer.kernel_size == (1, 1))
    reads_code.set_weights([0 * weight for weight in reads_code.get_weights()])
    return copy


cut = {name: np.array([[mse(without_code(model)) for model in row] for row in rows]) for name, rows in copies.items()}
blank = np.mean((unseen - mnist.x_train.mean(axis=0)) ** 2)
print(f"the mean digit: {blank:.4f}")
flat, flat_unseen = (digits.reshape(len(digits), -1) for digits in (some, unseen))
for n in (49, 196):
    pca = PCA(n, random_state=0).fit(flat)
    print(f"PCA, {n} numbers: {np.mean((pca.inverse_transform(pca.transform(flat_unseen)) - flat_unseen) ** 2):.4f}")
for name in copies:
    for i, width in enumerate(WIDTHS):
        whole, rest = (np.median(values[name][:, i]) for values in (errors, cut))
        print(f"{name:14} k = {width:2}: MSE {whole:.5f}, code cut off {rest:.5f}")
change = np.median(errors["with skips"][:, 0]) / np.median(errors["with skips"][:, -1])
ex.width_with_skips.check(width_with_skips, "falls to a tenth" if change > 3 else "hardly changes")

# %%
shown, rows = mnist.x_test[:10], {"digit": mnist.x_test[:10]}
for name, models in copies.items():
    rows |= {f"{name},\nk = 1": predict_in_batches(models[0][0], shown)}
    rows |= {f"{name},\nk = 1, code cut off": predict_in_batches(without_code(models[0][0]), shown)}
plotting.image_rows(rows)

# %% [markdown]
# **What to notice.** Without skips the error falls as the code gets wider, in the median; one start of three at 16 channels went badly. But what is lost there is not the bottleneck's fault alone: PCA, with 49 numbers as with 196, loses much less from the same training digits. So short a training does not learn the way through a code. With skips it need not: the error is several times smaller, and does not fall with the width. Cut the code off, and without skips nothing is left: the picture is black for every digit, which is worse than the mean digit. With skips the error grows two- to fourfold, so the decoder does use the code; but nearly all of the picture comes along the skips, and even so it is nearer to the truth
# than the network without skips comes with its widest code.
#
# That is no fault of the skips. Here the answer *is* the input, so the shortest way is the best. In section 1 it was not: somebody had to find out which strokes are the digit's, and for that one must see more of the scene than a few pixels. But do not expect a code that describes the image from a network that can do without it.
#
# ## What you should see

# %% tags=["headline"]
u_net, no_skips = (clutter_dice[name][0] for name in ("U-Net", "without skips"))  # of this run, not stored
expect("digit in clutter: Dice of the U-Net", u_net, at_least=budget(0.935, quick=0.55))
expect("the same, above the best rival without learning", u_net - rival_dice, at_least=budget(0.05, quick=-0.35))
expect("the same, above the same weights without skips", u_net - no_skips, at_least=budget(0.08, quick=0.08))
apart_on_ink = clutter_dice["U-Net, on ink"][0] - clutter_dice["without skips, on ink"][0]
expect("the same, both on ink", apart_on_ink, at_least=budget(0.03, quick=-0.05))

# %%
expect("two digits, ten masks, stored weights: Dice", class_scores[0], at_least=budget(0.82, quick=0.79))
expect(
    "the same, on the overlap alone, above the rival",
    class_scores[1] - told_scores[1],
    at_least=budget(0.17, quick=0.13),
)
fixed, free = (np.mean(values) for values in instance_scores.values())
expect("two maps: Dice without an order", free, at_least=budget(0.78, quick=0.65))
expect("the same, above the order of the data", free - fixed, at_least=budget(0.05, quick=-0.05))
fixed_apart, free_apart = (np.mean(values) for values in apart.values())
expect("how far apart they are where one digit is, order of the data", fixed_apart, at_most=budget(0.05, quick=0.1))
expect("the same, without an order", free_apart, at_least=budget(0.4, quick=0.1))

# %%
expect("control: dilation, learnt", control, at_least=budget(0.99, quick=0.93))
above = np.mean(stroke_dice) - stroke_rival
expect("skeleton to stroke: Dice above the best dilation", above, at_least=budget(0.012, quick=-0.05))
error, share, steepness = (translation["L1 and patches"] - translation["L1"]).mean(axis=0)
shares = {name: values[:, 1].mean() for name, values in translation.items()}
bare = max(shares[name] for name in ("bare edges", "outlines", "rows filled"))
expect("edges to garments, L1 and patches: judge's share", shares["L1 and patches"], at_least=budget(0.785, quick=0.7))
expect("the same, above edges bare or filled", shares["L1 and patches"] - bare, at_least=budget(0.1, quick=-0.1))
expect("the same, above L1 alone", share, at_least=budget(0.005, quick=-0.05))
expect("mean gradient, in that of real ones, above L1 alone", steepness, at_least=budget(0.08, quick=-0.05))
expect("absolute error above that of L1 alone", error, at_least=budget(0.002, quick=-0.02))

# %%
narrow, wide = (np.median(errors["without skips"][:, i]) for i in (0, -1))
expect(
    "without skips: error at the narrowest code over that at the widest", narrow / wide, at_least=budget(1.3, quick=0.7)
)
expect("with skips: the same quotient", change, at_least=budget(0.4, quick=0.2), at_most=2)
expect(
    "with skips, code cut off: error over the best without",
    np.median(cut["with skips"]) / wide,
    at_most=budget(0.9, quick=1),
)

# %% [markdown]
# ## Summary
#
# - A mask is measured by Dice or by the intersection over union; accuracy counts the background.
# - The classical rival comes first. The largest connected component of a threshold beats a network without skips, until that is cut with the same threshold.
# - Skips carry *where exactly*, the code carries *what and roughly where*.
# - Pixels that may belong to several things need sigmoids; things without an order need a loss without one.
# - A control whose answer is known tells a broken training from a hard task.
# - L1 alone answers with a median, which is smooth. A discriminator of patches brings texture back, at a price in error.
# - With skips the code may carry little: for a code that describes the image, train without them.
#
# ## Pitfalls
#
# - **93% of all pixels right** may be an empty mask.
# - **Probabilities where a metric wants decisions.** Cut at a threshold first, and say at which.
# - **Averages of averages.** Dice of each scene, then the mean, is one number; Dice of all pixels together is another; a mean over batches is neither.
# - **A baseline without its last step.** A threshold alone is easy to beat; its largest component is not.
# - **Two maps and a fixed order** of things that have none: both maps become the mean.
# - **A new last layer with large weights** on the features of a trained network: its first answers are all sure, half of them surely wrong, and the gradients that take them back spoil the features. In a trial of ours the three starts then ended at a Dice of 0.78, 0.70 and 0.76.
# - **A discriminator that learns nothing.** Its loss stands still, and so does that of one that has met its match. With ELU in the place of ReLU ours could not tell L1's garments from real ones even when it was trained alone (51% of the patches), and the generator learnt nothing from it. Near 0, where its inputs are, ELU is almost linear, and a linear layer sees of a patch hardly more than a weighted mean of its greys, in which fine texture cancels.
# - **A picture that looks real** may be a picture of something else. Likely is not true: a detail may have been drawn because it is common, not because it was seen.
#
# ## References
#
# - Otsu, [A threshold selection method from gray-level histograms](https://doi.org/10.1109/TSMC.1979.4310076), 1979.
# - Dice, [Measures of the amount of ecologic association between species](https://doi.org/10.2307/1932409), 1945.
# - Ronneberger, Fischer & Brox, [U-Net: convolutional networks for biomedical image segmentation](https://arxiv.org/abs/1505.04597), 2015.
# - Milletari, Navab & Ahmadi, [V-Net: fully convolutional neural networks for volumetric medical image segmentation](https://arxiv.org/abs/1606.04797), 2016: the Dice loss.
# - Bengio, Louradour, Collobert & Weston, [Curriculum learning](https://doi.org/10.1145/1553374.1553380), 2009.
# - Yu, Kolbæk, Tan & Jensen, [Permutation invariant training of deep models for speaker-independent multi-talker speech separation](https://arxiv.org/abs/1607.00325), 2017.
# - Carion et al., [End-to-end object detection with transformers](https://arxiv.org/abs/2005.12872), 2020: a bipartite matching of guesses and things.
# - Isola, Zhu, Zhou & Efros, [Image-to-image translation with conditional adversarial networks](https://arxiv.org/abs/1611.07004), 2017: pix2pix.
# - Xiao, Rasul & Vollgraf, [Fashion-MNIST](https://arxiv.org/abs/1708.07747), 2017.
# - Blau & Michaeli, [The perception-distortion tradeoff](https://arxiv.org/abs/1711.06077), 2018.
