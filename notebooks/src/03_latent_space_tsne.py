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
# # Maps of the latent space: PCA, a narrow bottleneck and t-SNE
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/autoencoder-course/blob/main/notebooks/03_latent_space_tsne.ipynb)
#
# An autoencoder has turned each digit into 32 numbers. Nobody can look at 32 axes, so we draw maps, and every map lies somewhere.
# Here you draw maps of the same digits in three ways, write the core of one map maker yourself, and measure which of its claims to believe.
#
# **You will learn**
#
# - to see a code in two dimensions with PCA, with a 2-unit bottleneck and with t-SNE
# - how t-SNE works: probabilities of being neighbours, perplexity, and gradient descent whose gradient you write
# - what perplexity and the random seed change, and what distances, sizes and gaps on a t-SNE map do not mean
# - to judge a code without looking: k-means with normalised mutual information, and k nearest neighbours
#
# **You need** lesson 01 (encoder, code, decoder, PCA). **Time:** 4 to 6 minutes on a 2-core CPU, about half a minute in the quick profile
# (Colab's free CPU runtime has two cores as well; not measured there).

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules:  # Colab fetches the course's package and keeps its own TensorFlow and NumPy
    get_ipython().run_line_magic("pip", "install --quiet --no-deps git+https://github.com/OWNER/autoencoder-course")

# %%
from itertools import combinations

import numpy as np
from course_utils.data import load
from course_utils.exercises import lesson_03 as ex
from course_utils.models import build_dense_autoencoder
from course_utils.plotting import bars, curves, image_rows, images_on_map, latent_maps, table
from course_utils.training import budget, callbacks, expect, setup
import keras
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import normalized_mutual_info_score, silhouette_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from threadpoolctl import threadpool_limits

setup(seed=3)
threadpool_limits(1, user_api="openmp")  # scikit-learn's threads hinder each other as soon as anything else runs
mnist = load("mnist")

# %% [markdown]
# ## 1. A code of 32 numbers
#
# Lesson 01's deep autoencoder again, a little smaller. Write $f$ for its encoder and $x$ for an image; the code is $z = f(x) \in \mathbb{R}^{32}$.
# The labels play no part in the training. We use them only afterwards, to colour and to count.


# %%
def train(name, latent_dim, hidden, epochs):
    """Trains a deep autoencoder on the training images; returns it."""
    model = build_dense_autoencoder(latent_dim, hidden=hidden)
    batch_size = budget(256, quick=64)
    steps = epochs * -(-len(mnist.x_train) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="binary_crossentropy")
    schedule = {"batch_size": batch_size, "epochs": epochs}
    model.fit(mnist.x_train, mnist.x_train, verbose=0, callbacks=callbacks(name), **schedule)
    return model


wide = train("32 units", 32, (256, 128), epochs=budget(12, quick=10))

# %%
codes_train = wide.encoder.predict(mnist.x_train, batch_size=1000, verbose=0)
codes_test = wide.encoder.predict(mnist.x_test, batch_size=1000, verbose=0)
print("first test digit's code:", np.round(codes_test[0], 1))

# %% [markdown]
# Thirty-two numbers tell the eye nothing. But codes have distances, so we can ask the code who its neighbours are:
# for a few test digits, the training digits whose codes lie nearest.

# %%
nearest = NearestNeighbors(n_neighbors=6).fit(codes_train)
queries = [np.flatnonzero(mnist.y_test == digit)[0] for digit in range(10)]
neighbours = nearest.kneighbors(codes_test[queries], return_distance=False)
rows = {"test digit": mnist.x_test[queries]}
rows |= {f"neighbour {k + 1}": mnist.x_train[neighbours[:, k]] for k in range(6)}
image_rows(rows)

# %% [markdown]
# **What to notice.** Neighbours in the code are mostly the same digit, with a similar shape and slant; the stroke width varies more.
# That is the structure every map below tries to put on paper: *who is near whom*. In section 8 the neighbours vote on the label.

# %% [markdown]
# ## 2. Two maps by bottleneck: PCA and two units
#
# **PCA.** Let $\mu$ be the mean training image and $W$ (784 × 2) the two orthonormal directions along which the training images vary most.
# The place $y$ of an image $x$, a vector of 784 pixels, and the reconstruction $\hat x$ from it are
#
# $$ y = W^\top (x - \mu), \qquad \hat x = \mu + W y . $$
#
# (In this lesson $z$ is a code of 32 numbers, and $y$ always a place on a map.)
# Among all *linear* encoders and decoders with two units this one has the smallest squared error.
# $W$ holds the first two right singular vectors of the centred data, equally the two leading eigenvectors of the pixels' covariance.

# %%
pixels_train, pixels_test = mnist.x_train.reshape(-1, 784), mnist.x_test.reshape(-1, 784)
mu = pixels_train.mean(axis=0)
covariance = np.cov(pixels_train, rowvar=False, dtype=np.float32)
variances, directions = np.linalg.eigh(covariance)  # ascending
W = directions[:, -2:][:, ::-1]
pca_train, pca_test = (pixels_train - mu) @ W, (pixels_test - mu) @ W
print(f"two of 784 directions hold {variances[-2:].sum() / variances.sum():.1%} of the pixels' variance")

# %% [markdown]
# **Two units.** The same bottleneck, but a deep non-linear encoder and decoder around it. Now the map itself is trained.

# %%
narrow = train("2 units", 2, (256, 128, 64), epochs=budget(12, quick=10))
narrow_train = narrow.encoder.predict(mnist.x_train, batch_size=1000, verbose=0)
narrow_test = narrow.encoder.predict(mnist.x_test, batch_size=1000, verbose=0)

# %%
shown = slice(0, budget(5000, quick=1000))
labels = mnist.y_test[shown]
latent_maps({"PCA, two components": pca_test[shown], "bottleneck of two units": narrow_test[shown]}, labels, unit="y")

# %%
pca_images = np.clip(mu + pca_test @ W.T, 0, 1).reshape(mnist.x_test.shape)
narrow_images = narrow.predict(mnist.x_test, batch_size=1000, verbose=0)
wide_images = wide.predict(mnist.x_test, batch_size=1000, verbose=0)
rebuilt = {"PCA, 2 numbers": pca_images, "2 units": narrow_images, "32 units": wide_images}
errors = {name: np.mean((images - mnist.x_test) ** 2) for name, images in rebuilt.items()}
for name, error in errors.items():
    print(f"{name:16} test MSE {error:.4f}")
image_rows({"test digit": mnist.x_test[queries]} | {name: images[queries] for name, images in rebuilt.items()})

# %% [markdown]
# **What to notice.** PCA spreads 0 and 1 apart and piles the others up in two heaps (4, 7 and 9 above, the 4 and the 9 in the same place; the rest below): its two directions were chosen to vary much, not to tell digits apart.
# The two trained units open the plane like a fan: some digits get a sector of their own, others crowd at its hub.
# Their reconstructions are readable more often, though some show another digit; 32 units draw every digit well. A code with two numbers must give something up;
# a *map* of the 32-number code need not give up the same things.

# %% [markdown]
# ## 3. t-SNE: a map that promises neighbours
#
# PCA and the bottleneck try to keep the *images*. t-SNE keeps only *neighbourhoods*. It turns distances into probabilities on both sides
# and moves the map's points until the two agree.
#
# **In the code.** Point $i$ picks a neighbour $j$ with a probability that falls off like a Gaussian of width $\sigma_i$ around its code $z_i$:
#
# $$ p_{j|i} = \frac{\exp(-\lVert z_i - z_j\rVert^2 / 2\sigma_i^2)}{\sum_{k \ne i} \exp(-\lVert z_i - z_k\rVert^2 / 2\sigma_i^2)},
# \qquad p_{i|i} = 0 . $$
#
# **The perplexity** of the row, $\exp\bigl(-\sum_j p_{j|i} \log p_{j|i}\bigr)$ with the natural logarithm, is its effective number of neighbours.
# You choose one perplexity for all points, usually 5 to 50, and each $\sigma_i$ is set so that its row has it.
#
# ### Exercise 1: perplexity
#
# The row sums to 1. Zeros are allowed: $0 \log 0$ counts as 0.


# %% tags=["nbval-check-output"]
def perplexity(probabilities):
    """The effective number of choices of a row of probabilities (n,): exp of the entropy."""
    return ...  # your code


perplexity = ex.perplexity.check(perplexity)

# %% tags=["nbval-check-output"]
for row in ([1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25]):
    print(row, "has perplexity", round(float(perplexity(np.array(row))), 2))

# %% [markdown]
# ### Exercise 2: the width of one point's neighbourhood
#
# There is no formula for $\sigma_i$, but perplexity grows with it. So take an interval that is sure to hold it, and halve it some sixty times.
# `squared_distances` are those from one point to all others, without the point itself. Two things to think of:
#
# - If all distances grow tenfold, so does $\sigma_i$. A fixed interval such as [0, 1] will not do: start from the row's own distances.
# - Far points make every exponential underflow to 0. Subtract the smallest squared distance first: it drops out of the ratio.


# %% tags=["nbval-check-output"]
def find_bandwidth(squared_distances, target):
    """The σ at which the probabilities exp(-d² / 2σ²), made to sum to 1, have perplexity `target`."""
    return ...  # your code


find_bandwidth = ex.find_bandwidth.check(find_bandwidth)

# %% [markdown]
# Now $p$ for a few hundred test digits. The two directions are averaged, $p_{ij} = (p_{j|i} + p_{i|j}) / 2n$ for $n$ points, so that all $p_{ij}$ together sum to 1.


# %%
def squared_distances(a):
    """All squared distances between the rows of a, (n, n)."""
    squares = np.sum(a * a, axis=1)
    return np.maximum(squares[:, np.newaxis] + squares - 2 * a @ a.T, 0)


def code_similarities(codes, target):
    """Returns p, (n, n), and the bandwidths σ, (n,)."""
    n = len(codes)
    others = ~np.eye(n, dtype=bool)
    distances, p = squared_distances(codes.astype(float)), np.zeros((n, n))
    sigmas = np.array([find_bandwidth(row[keep], target) for row, keep in zip(distances, others)])
    for i in range(n):
        row = distances[i, others[i]]
        p[i, others[i]] = np.exp(-(row - row.min()) / (2 * sigmas[i] ** 2))
    p /= p.sum(axis=1, keepdims=True)
    return (p + p.T) / (2 * n), sigmas


few = slice(0, 500)
p, sigmas = code_similarities(codes_test[few], 30)

# %%
near, far = np.sqrt(np.sort(squared_distances(codes_test[few]), axis=1)[:, [1, 30]]).T
print("narrowest, median and widest σ of the 500 points:", *np.round(np.quantile(sigmas, [0, 0.5, 1]), 1))
print(f"median distance to the nearest neighbour {np.median(near):.1f}, to the 30th {np.median(far):.1f}")
print(f"correlation of σ with the distance to the 30th neighbour: {np.corrcoef(sigmas, far)[0, 1]:.2f}")

# %% [markdown]
# Every point brings its own ruler: short where its neighbours are near, long where they are far. (Not by the 30th neighbour alone: all neighbours share in it, so the correlation is well below 1.)
# Measured with its own ruler, every neighbourhood is equally large. The map will not know that they were not; section 6 shows what comes of it.
#
# **On the map.** The places $y_i \in \mathbb{R}^2$ have similarities with heavier tails (Student's t distribution with one degree of freedom, the t of t-SNE):
#
# $$ q_{ij} = \frac{(1 + \lVert y_i - y_j\rVert^2)^{-1}}{\sum_{k \ne l} (1 + \lVert y_k - y_l\rVert^2)^{-1}}, \qquad
# \mathrm{KL}(p \Vert q) = \sum_{i \ne j} p_{ij} \log \frac{p_{ij}}{q_{ij}} . $$
#
# The loss is the Kullback-Leibler divergence KL, in nats (the unit of natural logarithms). Where $p_{ij}$ is large it punishes a small $q_{ij}$: neighbours torn apart cost much.
# Where $p_{ij} \approx 0$ almost nothing is asked, only that the two points not be close: *how far* apart they end up is hardly paid for. The gradient is
#
# $$ \frac{\partial\, \mathrm{KL}}{\partial y_i} = 4 \sum_j (p_{ij} - q_{ij}) (1 + \lVert y_i - y_j\rVert^2)^{-1} (y_i - y_j) . $$
#
# Each term is a spring between two points. It pulls where $p_{ij} > q_{ij}$ and pushes where $p_{ij} < q_{ij}$.
#
# ### Exercise 3: the gradient
#
# You are given $p$, $q$ and the closeness $(1 + \lVert y_i - y_j\rVert^2)^{-1}$, each `(n, n)` with zeros on the diagonal. No loop is needed:
# $\sum_j w_{ij} (y_i - y_j) = y_i \sum_j w_{ij} - \sum_j w_{ij}\, y_j$ for any weights $w_{ij}$, and the last sum is a matrix product.


# %% tags=["nbval-check-output"]
def map_gradient(places, p, q, closeness):
    """Gradient of KL(p || q) with respect to the places (n, 2); shape (n, 2)."""
    return ...  # your code


map_gradient = ex.map_gradient.check(map_gradient)

# %% [markdown]
# Now we follow it downhill. Two tricks from van der Maaten & Hinton (2008): a **momentum** lets each step keep a part of the last one, and in the first steps, here 100, all $p_{ij}$ are multiplied by 4
# ("early exaggeration"), which pulls groups together while they can still pass through each other.


# %%
def map_similarities(places):
    """Returns q and the closeness, (n, n) each."""
    closeness = 1 / (1 + squared_distances(places))
    np.fill_diagonal(closeness, 0)
    return closeness / closeness.sum(), closeness


def draw_map(p, start, steps, exaggerated=100, rate=50.0):
    """Our own t-SNE: returns the map after each step and the KL divergence before each."""
    places, velocity, maps, kls = start, np.zeros_like(start), [], []
    for step in range(steps):
        q, closeness = map_similarities(places)
        factor, momentum = (4, 0.5) if step < exaggerated else (1, 0.8)
        velocity = momentum * velocity - rate * map_gradient(places, factor * p, q, closeness)
        places = places + velocity
        maps.append(places)
        kls.append(np.sum(p * np.log(np.maximum(p, 1e-12) / np.maximum(q, 1e-12))))
    return maps, kls


# %%
code_pca = PCA(2).fit(codes_train).transform(codes_test)  # the start: the code's own two principal components, tiny
maps, kls = draw_map(p, 1e-4 * code_pca[few].astype(float) / code_pca[few, 0].std(), steps=500)
moments = {f"after {step} steps": maps[step - 1] for step in (25, 100, 500)}
print(f"KL after the exaggeration {kls[100]:.2f}, at the end {kls[-1]:.2f} nats")
latent_maps(moments, mnist.y_test[few])

# %% [markdown]
# **What to notice.** Twenty lines sort the digits, and they never saw a label or an image: only the codes.
# While the similarities are exaggerated, the groups find their order; afterwards they part, and most digits end in a region of their own. (Each panel has its own scale.)
#
# Scikit-learn's t-SNE does the same with a fast approximation of the sum over far points (Barnes-Hut), so it can take thousands. (Its exaggeration is 12 and lasts 250 steps.)


# %%
def tsne(points, *, perplexity=30, init="pca", seed=0):
    """Scikit-learn's t-SNE, fitted: `.embedding_` is the map (n, 2), `.kl_divergence_` its loss."""
    steps = budget(1000, quick=500)
    settings = {"init": init, "random_state": seed, "max_iter": steps, "n_jobs": 1}
    return TSNE(perplexity=perplexity, **settings).fit(points)


tsne_map = tsne(codes_test[shown]).embedding_
maps_to_judge = {
    "PCA of the pixels": pca_test[shown],
    "PCA of the 32-unit code": code_pca[shown],
    "bottleneck of 2 units": narrow_test[shown],
    "t-SNE of the 32-unit code": tsne_map,
}
latent_maps(maps_to_judge, labels)

# %% tags=["picture"]
title = "t-SNE of the 32-unit code, digits drawn at their places"
images_on_map(tsne_map, mnist.x_test[shown], labels, title, spacing=0.026)

# %% [markdown]
# **What to notice.** On the t-SNE map most digits have an island or a coast of their own; 4 and 9 touch, and so do 3, 5 and 8. On the other maps the digits share most of the land.
# Look inside an island: handwriting changes steadily from one shore to the other, most clearly the slant of the 1s.
# And there are strays, on a wrong island or between two. Here are some whose neighbours on the map are mostly another digit, with their nearest neighbours in the code.

# %%
nearby = NearestNeighbors(n_neighbors=10).fit(tsne_map).kneighbors(return_distance=False)
in_code = NearestNeighbors(n_neighbors=10).fit(codes_test[shown]).kneighbors(return_distance=False)
own_on_map, own_in_code = (np.mean(labels[near] == labels[:, np.newaxis], axis=1) for near in (nearby, in_code))
strays = np.flatnonzero(own_on_map < 0.3)
print(f"{len(strays)} of {len(labels)} digits have at most 2 of their own kind among their 10 neighbours on the map.")
print(f"in the code, of their 10 neighbours {10 * own_in_code[strays].mean():.1f} are of their kind;", end=" ")
print(f"for all digits {10 * own_in_code.mean():.1f}")
rows = {"stray": mnist.x_test[strays[:12]]}
image_rows(rows | {f"in the code,\nneighbour {k + 1}": mnist.x_test[in_code[strays[:12], k]] for k in range(3)})

# %% [markdown]
# **What to notice.** The map did not make most of them. In the code, too, most of a stray's neighbours are other digits on average, and often you can see why. A few are the map's own work: they have their own kind as nearest neighbours in the code.
#
# <details><summary>The island of 1s lies stretched out. Why, and what does its length mean?</summary>
#
# Within an island, t-SNE keeps small steps: each 1 lies beside 1s of nearly the same slant, so the chain of small steps draws a line from
# left-leaning to right-leaning. The *order* along the chain is real. Don't read the *length*: it also depends on how many 1s there are and on the perplexity.
# </details>

# %% [markdown]
# ## 4. Which map keeps what
#
# A map can keep neighbours, or keep distances. Measure both.
#
# ### Exercise 4: the neighbours a map keeps
#
# For each point take its $k$ nearest neighbours in the code and its $k$ nearest on the map. What share of the first is also in the second, on average?
# A point is not its own neighbour.


# %% tags=["nbval-check-output"]
def neighbours_kept(points, places, k):
    """Mean share of each point's k nearest neighbours that are also among the k nearest of its place."""
    return ...  # your code


neighbours_kept = ex.neighbours_kept.check(neighbours_kept)

# %% [markdown]
# For distances we use the **rank correlation** (Spearman's): replace all distances by their ranks, shortest first, and correlate the ranks. It is 1 if two maps put the pairs
# of points in the same order of distance, and about 0 if they have nothing to do with each other. The first 1,000 points make half a million pairs, which is plenty.


# %%
def rank_correlation(a, b):
    """Spearman's: the correlation of the ranks."""
    return np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1]


def pair_distances(places, first=1000):
    """Distances of all pairs among the first points."""
    upper = np.triu_indices(min(first, len(places)), 1)
    return np.sqrt(squared_distances(places[:first].astype(float)))[upper]


true_codes = codes_test[shown]
kept = {name: neighbours_kept(true_codes, places, 10) for name, places in maps_to_judge.items()}
order = {name: rank_correlation(pair_distances(true_codes), pair_distances(m)) for name, m in maps_to_judge.items()}
scores = {name: (kept[name], order[name]) for name in maps_to_judge}
to_pixels = rank_correlation(pair_distances(true_codes), pair_distances(pixels_test[shown]))
print(f"rank correlation of distances in the code and between the images: {to_pixels:.2f}")
bars(
    scores,
    "share, or correlation",
    groups=["10 nearest neighbours kept", "rank correlation of all distances"],
    digits=2,
)

# %% [markdown]
# **What to notice.** t-SNE keeps several times as many nearest neighbours as any other map, a little less than half of them. So more than half of the neighbours that you *see* there are false ones:
# believe the company that a point keeps, not the single neighbour. In the order of *all* distances, near and far together, PCA of the code does best: of all linear
# maps it is the one that loses the least of the squared distances. t-SNE comes third, behind even PCA of the pixels: nothing in its loss asks for far distances. To ask who resembles whom, take t-SNE; to compare far distances, take PCA, with care.
#
# (PCA of the pixels and the 2-unit bottleneck never saw the 32-unit code. They do as well as they do because all of these spaces describe the same images.)

# %% [markdown]
# ## 5. Perplexity and seeds
#
# The same digits with four perplexities. Everything else stays.

# %%
some = slice(0, budget(2000, quick=400))
some_codes, some_labels = codes_test[some], mnist.y_test[some]
by_perplexity = {value: tsne(some_codes, perplexity=value).embedding_ for value in (2, 5, 30, 100)}
latent_maps({f"perplexity {value}": places for value, places in by_perplexity.items()}, some_labels)

# %%
for value, places in by_perplexity.items():
    print(
        f"perplexity {value:3}: 10 nearest neighbours kept {neighbours_kept(some_codes, places, 10):.2f}, "
        f"100 nearest {neighbours_kept(some_codes, places, 100):.2f}, "
        f"rank correlation of distances {rank_correlation(pair_distances(some_codes), pair_distances(places)):.2f}"
    )

# %% [markdown]
# **What to notice.** With perplexity 2 a point cares for two neighbours, and the map falls into crumbs, a few look-alikes each, with no gaps between the digits.
# From 5 on there are islands. For the 10 nearest neighbours a middle perplexity does best; the 100 nearest ask for a high one, though the differences are small.
# None of these pictures is the true one. Look for the 6s at 30 and at 100: the same codes, another place.
# What changes from map to map cannot be believed. What stays, such as 4 and 9 side by side, may be true; but it may also be a habit of the method, as section 6 shows, so check it in the code.

# %% [markdown]
# Now several starts. `init="random"` scatters the points at first and takes a seed;
# `init="pca"`, scikit-learn's default and ours so far, starts from the two leading principal components of the codes. Four random starts, with few digits:

# %%
few_codes, few_labels = codes_test[few], mnist.y_test[few]
runs = {f"random start {seed}": tsne(few_codes, init="random", seed=seed) for seed in range(4)}
by_start = {name: run.embedding_ for name, run in runs.items()}
for name, run in runs.items():
    print(f"{name}: KL at the end {run.kl_divergence_:.3f} nats")
latent_maps(by_start, few_labels)

# %% [markdown]
# Turned and mirrored copies are the same map: nothing on it has an up or a left. So we compare distances: those between the mean places of the ten digits, 45 pairs, in their order.


# %%
def digit_distances(places, labels):
    """Distances between the mean places of the ten digits, one a pair, (45,)."""
    return pair_distances(np.array([places[labels == digit].mean(axis=0) for digit in range(10)]))


def agreement_of(one, other, labels):
    """Rank correlation of the distances between digits, and share of 10 nearest neighbours in common."""
    order = rank_correlation(digit_distances(one, labels), digit_distances(other, labels))
    return order, neighbours_kept(one, other, 10)


of_few = [agreement_of(by_start[a], by_start[b], few_labels) for a, b in combinations(by_start, 2)]
for what, values in zip(("order of the distances between digits", "10 nearest neighbours"), np.transpose(of_few)):
    print(
        f"{len(few_labels)} digits, six pairs of starts: {what} agree to {values.min():.2f} at least, {values.max():.2f} at most"
    )
again = tsne(some_codes, init="random", seed=0).embedding_
order, common = agreement_of(by_perplexity[30], again, some_labels)
print(f"{len(some_labels)} digits, PCA start and random start: {order:.2f} and {common:.2f}")

# %% [markdown]
# **What to notice.** Some pairs of starts agree almost wholly, others much less, and the losses at the end hardly differ: none of the maps is the right one. Each point feels only its neighbourhood, so which islands
# end up side by side is partly an accident of the start, most of all where points are few. (With the 2,000 digits of the full profile two starts agree almost wholly.)
# A PCA start makes the accident repeatable. It does not make it true.

# %% [markdown]
# ## 6. What t-SNE distances, sizes and gaps do not mean
#
# To catch a map lying, map something you know. Three Gaussian clusters in 32 dimensions with their centres on one line, at 0, 50 and 250. Clusters 0 and 1 have a standard
# deviation of 1 in each direction, cluster 2 one of 8. What will the map show? Decide before you run the cell.

# %%
rng = np.random.default_rng(0)
size = budget(300, quick=150)
widths, positions = (1, 1, 8), (0, 50, 250)
known_labels = np.repeat([0, 1, 2], size)
known = rng.standard_normal((3 * size, 32)) * np.repeat(widths, size)[:, np.newaxis]
known[:, 0] += np.repeat(positions, size)
known_map = tsne(known).embedding_
latent_maps({"two of the 32 true coordinates": known[:, :2], "t-SNE map": known_map}, known_labels)


# %%
def spread(places, labels):
    """Median distance of each group's points to their median place."""
    groups = [places[labels == label] for label in np.unique(labels)]
    return np.array([np.median(np.linalg.norm(g - np.median(g, axis=0), axis=1)) for g in groups])


def gaps(places, labels):
    """Distances between the centres of groups 0 and 1, 1 and 2, 0 and 2."""
    middle = np.array([places[labels == label].mean(axis=0) for label in range(3)])
    return np.linalg.norm(middle[[1, 2, 2]] - middle[[0, 1, 0]], axis=1)


for name, places in {"in truth": known, "on the map": known_map}.items():
    widths, distances = spread(places, known_labels), gaps(places, known_labels)
    print(f"{name:10} spreads relative to cluster 0:        {np.round(widths / widths[0], 1)}")
    print(f"{name:10} gaps 0-1, 1-2, 0-2 relative to 0-1:   {np.round(distances / distances[0], 1)}")

# %%
_, known_sigmas = code_similarities(known, 30)
print(
    "median σ of each cluster:", [round(float(np.median(known_sigmas[known_labels == label])), 1) for label in range(3)]
)

# %% [markdown]
# **What to notice.** The map shows three equal discs in a triangle. The wide cluster is drawn as small as the tight ones, because its points measure with rulers eight times as long:
# that is what equal perplexity means. The far gap is drawn no wider than the near one, and the line has become a triangle, because once a point lies clearly farther away than the 30 nearest,
# its $p_{ij}$ is practically zero, far or farther.
#
# How much of this happens to the digits? Their spreads in each space, relative to the mean over the ten digits:

# %%
spaces = {"32-unit code": true_codes, **maps_to_judge}
relative = {name: spread(places, labels) for name, places in spaces.items()}
relative = {name: values / values.mean() for name, values in relative.items()}
table(np.array(list(relative.values())), list(relative), range(10), title="Spread of each digit", xlabel="digit")

# %% [markdown]
# **What to notice.** In the code all digits spread about equally wide, only the 1s are clearly more compact. The t-SNE map draws the 1s as wide as the others: their shorter rulers took the difference away, as
# in the experiment above. And t-SNE is not the only map that lies about sizes. The bottleneck of two units draws its widest digit many times as wide as its narrowest, and the code knows of no such difference.

# %% [markdown]
# **Clusters out of nothing.** The last test: points with no groups at all, one round Gaussian cloud. We map it, let *k-means* (section 7 explains it) cut each map into eight clusters,
# and ask the **silhouette** how good they are. For each point it compares the mean distance to its own cluster with that to the next cluster: near 1 for compact groups far apart, 0 for none.
# What do you expect of a cloud without groups?

# %%
cloud = rng.standard_normal((budget(800, quick=300), 32))
cloud_maps = {"two of its true coordinates": cloud[:, :2]}
cloud_maps |= {f"t-SNE, perplexity {value}": tsne(cloud, perplexity=value).embedding_ for value in (3, 30)}
print("silhouette of 8 k-means clusters of each map")
for name, places in cloud_maps.items():
    found = KMeans(8, n_init=3, random_state=0).fit_predict(places)
    print(
        f"{name:27}: {silhouette_score(places, found):.2f} on the map, {silhouette_score(cloud, found):.2f} in the cloud"
    )
latent_maps(cloud_maps, None)

# %% [markdown]
# **What to notice.** At perplexity 3 the cloud without groups falls into knots. At 30 it becomes an even disc, and the dense middle of the projection is gone. (In 32 dimensions there is no dense middle:
# all points lie at about the same distance from the origin. Lesson 08 comes back to that.)
#
# The numbers hold two warnings. k-means cuts *any* flat cloud into eight slices that the silhouette likes, two of the true coordinates as well; so a silhouette on a map is no evidence of groups, and it does not even
# see the knots. Measured in the cloud itself, the same clusters have a silhouette of about 0. There it tells the truth.

# %% [markdown]
# ## 7. Clusters without a map: k-means
#
# k-means looks for groups in the code itself, in all 32 dimensions. It keeps $k$ centres $c_1, \dots, c_k$ and repeats two steps that each lower
# the inertia $\sum_i \lVert z_i - c_{a(i)} \rVert^2$: assign each code to its nearest centre, $a(i)$; move each centre to the mean of its codes.
#
# ### Exercise 5: the assignment


# %% tags=["nbval-check-output"]
def nearest_centre(codes, centres):
    """Index of the nearest of the centres (k, dimensions) for each of the codes (n, dimensions)."""
    return ...  # your code


nearest_centre = ex.nearest_centre.check(nearest_centre)

# %%
rng = np.random.default_rng(1)
middle = codes_train[rng.choice(len(codes_train), 10, replace=False)]
sample = codes_train[:4000]
for step in range(31):
    assigned = nearest_centre(sample, middle)
    if step % 10 == 0:
        print(f"step {step:2}: inertia {np.mean(np.sum((sample - middle[assigned]) ** 2, axis=1)):.2f} a digit")
    middle = np.array([sample[assigned == c].mean(axis=0) if np.any(assigned == c) else middle[c] for c in range(10)])

# %% [markdown]
# The inertia never rises, but where it settles depends on the start. Scikit-learn's `KMeans` chooses its starts well, tries several and keeps the best.
#
# **Two scores.** Clusters have numbers, digits have labels, and nobody says which belongs to which.
# *Majority-label accuracy* names each cluster after its commonest label and counts the digits named rightly.
# *Normalised mutual information* asks how much the cluster $C$ tells about the label $Y$, as a share of the two entropies' mean:
#
# $$ \mathrm{NMI} = \frac{I(C; Y)}{\tfrac12 (H(C) + H(Y))} \in [0, 1], $$
#
# where $H$ is the entropy and $I(C; Y) = H(Y) - H(Y \mid C)$ the mutual information.
#
# ### Exercise 6: majority-label accuracy


# %% tags=["nbval-check-output"]
def majority_accuracy(clusters, labels):
    """Share of digits whose label is the commonest one of their cluster."""
    return ...  # your code


majority_accuracy = ex.majority_accuracy.check(majority_accuracy)


# %%
def cluster(train_points, test_points, k=10):
    """k-means on training points; returns the model and the clusters of the test points."""
    model = KMeans(k, n_init=3, random_state=0).fit(train_points)
    return model, model.predict(test_points)


def whiten(train_points, test_points):
    """Shifts, turns and stretches both, so that the training points have variance 1 in each direction and no correlation."""
    centre, covariance = train_points.mean(axis=0), np.cov(train_points, rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    return tuple((points - centre) @ vectors / np.sqrt(values) for points in (train_points, test_points))


top = directions[:, -32:]
pca_32 = (pixels_train - mu) @ top, (pixels_test - mu) @ top
codes = codes_train, codes_test
to_cluster = {"pixels": (pixels_train, pixels_test), "PCA-32": pca_32, "whitened PCA-32": whiten(*pca_32)}
to_cluster |= {"code": codes, "whitened code": whiten(*codes)}
found = {name: cluster(*space) for name, space in to_cluster.items()}

# %%
agreement = {}
for name, (_, clusters) in found.items():
    information = normalized_mutual_info_score(mnist.y_test, clusters)
    agreement[name] = majority_accuracy(clusters, mnist.y_test), information
groups = ["majority-label accuracy", "normalised mutual information"]
bars(agreement, "score of 10 clusters of the test digits", groups=groups, digits=2)

# %% [markdown]
# **What to notice.** In the code as it comes, k-means agrees with the labels a little better than in the pixels. Nothing in the training asked for clusters,
# nor for any particular scale: whatever stretching the encoder applies, the decoder can undo. k-means cannot, it looks where the variance is.
# To **whiten** a space is to turn it so that no two directions are correlated, and to stretch each direction to variance 1. That takes the arbitrary scales away, and
# after the full training both scores of the code rise. It is the code that whitening helps: PCA's small directions matter less than its large ones, and stretching them makes k-means worse.
#
# For comparison: Xie, Girshick & Farhadi (2016) report an accuracy of 0.53 for k-means on MNIST's pixels, with each label given to one cluster only, which is never more
# than majority labels give.

# %%
chosen = "whitened code"
_, clusters = found[chosen]
counts = np.array([[np.sum((clusters == c) & (mnist.y_test == digit)) for digit in range(10)] for c in range(10)])
by_majority = np.argsort(counts.argmax(axis=1), kind="stable")
table(
    counts[by_majority],
    list("ABCDEFGHIJ"),  # letters, for a cluster's number would look like a digit
    range(10),
    title=f"Test digits by cluster of the {chosen}",
    xlabel="label",
    ylabel="cluster",
)

# %%
members = [clusters == c for c in by_majority]
centre_codes = np.array([codes_test[chosen_ones].mean(axis=0) for chosen_ones in members])
closest = NearestNeighbors(n_neighbors=1).fit(codes_test).kneighbors(centre_codes, return_distance=False)[:, 0]
rows = {
    "mean of the images": np.array([mnist.x_test[chosen_ones].mean(axis=0) for chosen_ones in members]),
    "mean of the codes,\ndecoded": keras.ops.convert_to_numpy(wide.decoder(centre_codes)),
    "test digit nearest\nto that mean": mnist.x_test[closest],
}
image_rows(rows, list("ABCDEFGHIJ"))

# %% [markdown]
# **What to notice.** Each column is one cluster of the table above. Its mean image is a blur of all its digits. The mean of their codes, decoded, is sharper, for averaging codes
# averages handwriting, while averaging pixels lays ink over ink. Where a cluster mixes digits, its mean code may decode to no clear digit, or to a clear one that hides the mixture: E shows a 3, though more than a quarter of its digits are 5s.
# And k-means often finds a *style*: upright and slanted 1s get clusters of their own, while 4 and 9 have to share theirs, and so do 3, 5 and 8.

# %%
numbers = budget((10, 20, 40, 80), quick=(10, 20, 40))
finer = {"majority-label accuracy": [], "normalised mutual information": []}
for k in numbers:
    _, clusters = cluster(*to_cluster[chosen], k)
    finer["majority-label accuracy"].append(majority_accuracy(clusters, mnist.y_test))
    finer["normalised mutual information"].append(normalized_mutual_info_score(mnist.y_test, clusters))
curves(finer, "number of clusters", "score", x=numbers)

# %% [markdown]
# **What to notice.** With more clusters majority-label accuracy climbs steadily, because more clusters give more names away. Normalised mutual information
# moves much less: the entropy $H(C)$ in its denominator makes every further cluster pay. Compare accuracies at equal numbers of clusters only.

# %% [markdown]
# ## 8. The neighbours' vote
#
# The most direct question to a code is the one we asked at the start: do neighbours share a label? The *k-nearest-neighbour classifier*
# lets the 5 nearest training digits vote on each test digit. It learns nothing, so its accuracy is the space's merit.


# %%
def neighbour_accuracy(train_points, test_points):
    """Share of test digits named rightly by the vote of their 5 nearest training digits."""
    return KNeighborsClassifier(5).fit(train_points, mnist.y_train).score(test_points, mnist.y_test)


vote = {
    "PCA-2": neighbour_accuracy(pca_train, pca_test),
    "2 units": neighbour_accuracy(narrow_train, narrow_test),
    "PCA-32": neighbour_accuracy(pixels_train @ top, pixels_test @ top),
    "32 units": neighbour_accuracy(codes_train, codes_test),
    "pixels": neighbour_accuracy(pixels_train, pixels_test),
}
bars(vote, "accuracy of the vote, test digits")

# %% [markdown]
# **What to notice.** The 32-unit code names the label about as well as all 784 pixels do: little of what tells digits apart is lost.
# But give the credit to the right cause. PCA with 32 numbers does at least as well, so this accuracy says how little was lost and not how deep the encoder is.
# With two numbers the difference is real: the trained bottleneck keeps far more than two principal components.
#
# <details><summary>Why is the t-SNE map missing from these bars?</summary>
#
# It has no place for a new digit. t-SNE moves the points it was given and leaves no function behind, so there is nothing to apply to the test digits
# after a fit to the training digits. Mapping both together would answer another question: how well a map that has seen the test digits separates them.
# </details>

# %% [markdown]
# ## What you should see
#
# LeCun et al. (1998) report 0.950 for nearest neighbours on the pixels. Our bar for the pixels is higher, and the course's bound for the *code* is their figure.

# %%
expect(
    "5-nearest-neighbour accuracy in the 32-unit code",
    vote["32 units"],
    at_least=budget(0.95, quick=0.88),
    published="0.950 on the pixels (LeCun et al. 1998)",
)

# %%
expect(
    "NMI of ten k-means clusters of the whitened code", agreement["whitened code"][1], at_least=budget(0.53, quick=0.4)
)

# %%
expect(
    "10 nearest neighbours kept: ratio of t-SNE to the 2-unit map",
    kept["t-SNE of the 32-unit code"] / kept["bottleneck of 2 units"],
    at_least=2,
)

# %% [markdown]
# ## Summary
#
# - A 32-unit code keeps who resembles whom: its neighbours vote for the right label about as often as neighbours in the pixels do, with a twenty-fifth of the numbers.
# - PCA and a 2-unit bottleneck draw maps that can place new images and be decoded. Neither was asked to keep neighbours.
# - t-SNE matches probabilities of being neighbours. Every point gets its own ruler $\sigma_i$, so that all have the same perplexity.
# - On a t-SNE map believe the company that a point keeps. Sizes, gaps and distances between islands mean little, and clumps may come from nothing.
# - Clusters are to be counted in the code, not on the map: k-means, majority-label accuracy, normalised mutual information.
#
# ## Pitfalls
#
# - **One map is no evidence.** Draw several perplexities and seeds, and report them. What changes is an accident; what stays may be a habit of the method, so check it in the code.
# - **t-SNE has no encoder.** It cannot place a new digit on a finished map, so it is no feature extractor for a classifier, and no test set can check it.
# - **Clustering the map** can find islands that t-SNE made. Cluster the code, then colour the map with the result.
# - **Majority-label accuracy grows with the number of clusters** and reaches 1 when every digit is its own. Compare at equal numbers only.
# - **Scales of a code are arbitrary.** The decoder can undo any stretching of the code's axes, and distances cannot. Whiten, or at least look at the variances, before distances are used.
# - **Labels choose quietly.** No training and no map in this lesson has seen a label. But we kept the whitening because it agrees better with the labels, so its score is a
#   little flattered. The same holds for any perplexity or seed that you pick because its colours look best.
#
# ## References
#
# - van der Maaten & Hinton, [Visualizing data using t-SNE](https://jmlr.org/papers/v9/vandermaaten08a.html), 2008: the method and perplexity.
# - van der Maaten, [Accelerating t-SNE using tree-based algorithms](https://jmlr.org/papers/v15/vandermaaten14a.html), 2014: Barnes-Hut, as in scikit-learn.
# - LeCun, Bottou, Bengio & Haffner, [Gradient-based learning applied to document recognition](https://doi.org/10.1109/5.726791), 1998: MNIST, and nearest neighbours on its pixels.
# - Wattenberg, Viégas & Johnson, [How to use t-SNE effectively](https://doi.org/10.23915/distill.00002), 2016: what to read from a map, with maps to play with.
# - Kobak & Berens, [The art of using t-SNE for single-cell transcriptomics](https://doi.org/10.1038/s41467-019-13056-x), 2019: PCA starts, learning rates and perplexities for large data.
# - Hinton & Salakhutdinov, [Reducing the dimensionality of data with neural networks](https://doi.org/10.1126/science.1127647), 2006: a 2-unit deep autoencoder against PCA on these digits.
# - Xie, Girshick & Farhadi, [Unsupervised deep embedding for clustering analysis](https://arxiv.org/abs/1511.06335), 2016: a code that is trained to cluster.
