# ---
# jupyter:
#   course: {reading: 45, doing: 65}
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
# An autoencoder has turned each digit into 32 numbers. Nobody can look at 32 axes, so we draw maps, and every map lies somewhere.
# Here you draw maps of the same digits in three ways, build the core of one map maker yourself, and measure which of its claims to believe.
#
# **You will learn**
#
# - to see a code in two dimensions with PCA, with a 2-unit bottleneck and with t-SNE
# - how t-SNE works: probabilities of being neighbours, perplexity, and why its map has heavy tails
# - what perplexity and the random start change, and what distances, sizes and gaps on a t-SNE map do not mean
# - to judge a map by kNN recall and trustworthiness, and a code without any map: by k-means and by its neighbours' votes
#
# **You need** lesson 01 (encoder, code, decoder, PCA). There is a marked break after section 4.
#
# The full profile learns from 55,000 digits. The quick one has 3,500 and maps fewer: its maps are thinner, its accuracies lower, and where it shows something else, the text says so.

# %%
from itertools import combinations

import numpy as np
from course_utils.data import load
from course_utils.exercises import lesson_03 as ex
from course_utils.lesson import budget, expect, setup
from course_utils.losses import bernoulli_nll
from course_utils.models import build_dense_autoencoder
from course_utils.plotting import bars, curves, image_rows, images_on_map, latent_maps, table
from course_utils.training import callbacks, fast
import keras
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
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
#
# We train it three times, from three seeds (twice in the quick profile). The maps are of the first network; accuracies and clusterings are measured on all three.
#
# (`budget(12, quick=10)` is 12 in the full profile and 10 in the quick one. `callbacks` draws a progress bar and lets an interrupted fit go on; `fast` makes fits faster and changes nothing else.)


# %%
def train(name, latent_dim, hidden, seed):
    """Trains a deep autoencoder on the training images; returns it."""
    keras.utils.set_random_seed(seed)
    model = build_dense_autoencoder(latent_dim, hidden=hidden)
    epochs, batch_size = budget(12, quick=10), budget(250, quick=64)
    steps = epochs * -(-len(mnist.x_train) // batch_size)
    learning_rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(learning_rate), loss=bernoulli_nll, **fast(model))
    sizes = {"batch_size": batch_size, "epochs": epochs}
    model.fit(mnist.x_train, mnist.x_train, verbose=0, callbacks=callbacks(f"{name}, seed {seed}"), **sizes)
    return model


def encode(model):
    """The codes of training, validation and test digits."""
    return [model.encoder.predict(x, batch_size=1000, verbose=0) for x in (mnist.x_train, mnist.x_valid, mnist.x_test)]


SEEDS = range(budget(3, quick=2))
wide = [train("32 units", 32, (256, 128), seed) for seed in SEEDS]
wide_codes = [encode(model) for model in wide]

# %%
codes_train, _, codes_test = wide_codes[0]
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
# The place $u$ of an image $x$, a vector of 784 pixels, and the reconstruction $\hat x$ from it are
#
# $$ u = W^\top (x - \mu), \qquad \hat x = \mu + W u . $$
#
# (In this lesson $z$ is a code of 32 numbers, and $u$ always a place on a map.)
# Among all *linear* encoders and decoders with two units this one has the smallest squared error.
# $W$ holds the first two right singular vectors of the centred data, equally the two leading eigenvectors of the pixels' covariance.

# %%
pixels = [x.reshape(-1, 784) for x in (mnist.x_train, mnist.x_valid, mnist.x_test)]
mu = pixels[0].mean(axis=0)
covariance = np.cov(pixels[0], rowvar=False, dtype=np.float32)
variances, directions = np.linalg.eigh(covariance)  # ascending
W = directions[:, -2:][:, ::-1]
pca_2 = [(x - mu) @ W for x in pixels]
print(f"two of 784 directions hold {variances[-2:].sum() / variances.sum():.1%} of the pixels' variance")

# %% [markdown]
# **Two units.** The same bottleneck, but a deep non-linear encoder and decoder around it. Now the map itself is trained.

# %%
narrow = [train("2 units", 2, (256, 128, 64), seed) for seed in SEEDS]
narrow_codes = [encode(model) for model in narrow]

# %%
shown = slice(0, budget(5000, quick=1000))
labels = mnist.y_test[shown]
two_numbers = {"PCA, two components": pca_2[2][shown]}
two_numbers |= {f"two units, seed {seed}": codes[2][shown] for seed, codes in enumerate(narrow_codes)}
latent_maps(two_numbers, labels, symbol="u")

# %%
pca_images = np.clip(mu + pca_2[2] @ W.T, 0, 1).reshape(mnist.x_test.shape)
rebuilt = {"PCA, 2 numbers": [pca_images]}
for name, models in {"2 units": narrow, "32 units": wide}.items():
    rebuilt[name] = [model.predict(mnist.x_test, batch_size=1000, verbose=0) for model in models]
for name, runs in rebuilt.items():
    errors = [np.mean((images - mnist.x_test) ** 2) for images in runs]
    spread = f" ± {np.std(errors, ddof=1):.4f} over seeds" if len(errors) > 1 else ""
    print(f"{name:16} test MSE {np.mean(errors):.4f}{spread}")
image_rows({"test digit": mnist.x_test[queries]} | {name: runs[0][queries] for name, runs in rebuilt.items()})

# %% [markdown]
# **What to notice.** PCA spreads 0 and 1 apart and piles the others up (4, 7 and 9 on top of one another, the 4 and the 9 in the same place): its two directions were chosen to vary much, not to tell digits apart.
# The two trained units open the plane like a fan: some digits get a sector of their own, others crowd at its hub. *Which* digits get one depends on the seed; the error hardly does.
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
# $$ p_{j|i} = \frac{\exp(-\lVert z_i - z_j\rVert^2 / 2\sigma_i^2)}{\sum_{l \ne i} \exp(-\lVert z_i - z_l\rVert^2 / 2\sigma_i^2)},
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
few_codes, few_labels = codes_test[few], mnist.y_test[few]
p, sigmas = code_similarities(few_codes, 30)

# %%
near, far = np.sqrt(np.sort(squared_distances(few_codes), axis=1)[:, [1, 30]]).T
print("narrowest, median and widest σ of the 500 points:", *np.round(np.quantile(sigmas, [0, 0.5, 1]), 1))
print(f"median distance to the nearest neighbour {np.median(near):.1f}, to the 30th {np.median(far):.1f}")
growth = np.sqrt(far**2 - near**2)
for what, values in {"distance to the 30th": far, "√(30th² - nearest²)": growth}.items():
    print(f"correlation of σ with {what:21}: {np.corrcoef(sigmas, values)[0, 1]:.2f}")

# %% [markdown]
# Every point brings its own ruler. What does it measure? Not how far the neighbours are: you subtracted the smallest squared distance in exercise 2, and nothing changed.
# Only *differences* of squared distances count. So $\sigma_i$ measures **how fast the squared distances grow** from the nearest neighbour outwards, and
# $\sqrt{d_{30}^2 - d_1^2}$, with $d_j$ the distance to the $j$-th neighbour, follows it closely; $d_{30}$ alone does much worse.
#
# With its own ruler, every neighbourhood has the same number of members. The map will not know that some were wide and others narrow; section 6 shows what comes of it.
#
# **On the map.** The places $u_i \in \mathbb{R}^2$ have similarities with heavier tails (Student's t distribution with one degree of freedom, the t of t-SNE):
#
# $$ q_{ij} = \frac{(1 + \lVert u_i - u_j\rVert^2)^{-1}}{\sum_{l \ne m} (1 + \lVert u_l - u_m\rVert^2)^{-1}}, \qquad
# \mathrm{KL}(p \Vert q) = \sum_{i \ne j} p_{ij} \log \frac{p_{ij}}{q_{ij}} . $$
#
# The loss is the Kullback-Leibler divergence KL, in nats (the unit of natural logarithms). Where $p_{ij}$ is large it punishes a small $q_{ij}$: neighbours torn apart cost much.
# Where $p_{ij} \approx 0$ almost nothing is asked, only that the two points not be close: *how far* apart they end up is hardly paid for.

# %% [markdown]
# ### Why not a Gaussian on the map as well?
#
# Look at the two distances above. In the code the 30th neighbour is less than twice as far as the nearest: high-dimensional space has room for many points that are all *moderately* far.
# A plane has not. Where points are strewn evenly over it, the 30th neighbour lies about six times as far as the first (of the order of $\sqrt{30}$). Whoever wants to draw all moderate distances true to size finds
# no room for them. This is the **crowding problem**.
#
# ### Exercise 3: where a pair comes to rest
#
# For one pair of points, let $S$ be the sum in the denominator of $q$. The pair asks for the map distance at which its $q$ equals its $p$. Turn both kernels round:
# where is that for the Gaussian $e^{-d^2}$, where for Student's $1 / (1 + d^2)$? If even $d = 0$ gives too small a $q$, the answer is 0.


# %% tags=["nbval-check-output"]
def resting_distances(similarity, total):
    """Map distances at which exp(-d²) / total, and at which 1 / (1 + d²) / total, equals the similarity.

    `similarity` holds p of some pairs, (n,), and `total` is one number; returns the two distances, (n,) each.
    """
    return ...  # your code


resting_distances = ex.resting_distances.check(resting_distances)

# %%
shares = np.logspace(-5, -0.05, 51)  # p as a share of the largest q that a pair can have
gaussian, student = resting_distances(shares, 1.0)
at_rest = {"Gaussian": gaussian, "Student's t": student}
curves(at_rest, "similarity of the pair (1: wants to touch)", "distance on the map", x=shares, log_x=True, log_y=True)

# %% [markdown]
# **What to notice.** Similar pairs, on the right, are drawn equally near by both. A pair with a thousandth of the largest possible similarity rests at 2.6 under the Gaussian and at 32 under Student's t (with the same $S$ for both).
# The heavy tail answers a *moderate* distance in the code by a *long* one on the map, and so makes the room that the plane lacks.
#
# A prediction: what becomes of our map if we use the Gaussian in the plane, too? (That is symmetric SNE, the method before t-SNE.) Write `"run together"`, `"part further"`
# or `"stay as they are"` for the groups of digits; below you run both.

# %%
crowding_guess = ...  # "run together", "part further" or "stay as they are"

# %% [markdown]
# The gradient of KL with respect to a place is a sum over springs:
#
# $$ \frac{\partial\, \mathrm{KL}}{\partial u_i} = 4 \sum_j (p_{ij} - q_{ij})\, w_{ij}\, (u_i - u_j), \qquad
# w_{ij} = \begin{cases} (1 + \lVert u_i - u_j\rVert^2)^{-1} & \text{Student's t} \\ 1 & \text{Gaussian} \end{cases} $$
#
# A spring pulls where $p_{ij} > q_{ij}$ and pushes where $p_{ij} < q_{ij}$: each of them alone would be at rest at the distance of exercise 3. All at once they can't, and the map settles where the forces on every point cancel.
# Now we follow it downhill. Two tricks from van der Maaten & Hinton (2008): a **momentum** lets each step keep a part of the last one, and in the first steps, here 100, all $p_{ij}$ are multiplied by 4
# ("early exaggeration"), which pulls groups together while they can still pass through each other.


# %%
def map_similarities(places, heavy):
    """Returns q and the springs' weights, (n, n); `heavy` says Student's t, else a Gaussian."""
    squares = squared_distances(places)
    kernel = 1 / (1 + squares) if heavy else np.exp(-squares)
    np.fill_diagonal(kernel, 0)
    return kernel / kernel.sum(), kernel if heavy else np.ones_like(kernel)


def draw_map(p, start, heavy=True, steps=500, exaggerated=100, learning_rate=50.0):
    """Our own t-SNE: returns the map after each step and the KL divergence before each."""
    places, velocity, maps, kls = start, np.zeros_like(start), [], []
    for step in range(steps):
        q, weights = map_similarities(places, heavy)
        factor, momentum = (4, 0.5) if step < exaggerated else (1, 0.8)
        springs = (factor * p - q) * weights
        gradient = 4 * (springs.sum(axis=1, keepdims=True) * places - springs @ places)
        velocity = momentum * velocity - learning_rate * gradient
        places = places + velocity
        maps.append(places)
        kls.append(np.sum(p * np.log(np.maximum(p, 1e-12) / np.maximum(q, 1e-12))))
    return maps, kls


# %%
code_pca = PCA(2).fit(codes_train).transform(codes_test).astype(float)  # the start, tiny: the code's own PCA
start = 1e-4 * code_pca[few] / code_pca[few, 0].std()
maps, kls = draw_map(p, start)
light_maps, light_kls = draw_map(p, start, heavy=False, learning_rate=5.0)
print(f"KL after the exaggeration {kls[100]:.2f}, at the end {kls[-1]:.2f} nats;", end=" ")
print(f"with the Gaussian {light_kls[-100]:.2f} after 400 steps and {light_kls[-1]:.2f} at the end: it has arrived")
moments = {f"Student's t, after {step} steps": maps[step - 1] for step in (25, 100, 500)}
latent_maps(moments | {"Gaussian, after 500 steps": light_maps[-1]}, few_labels)


# %%
def own_kind(points, labels):
    """Of each point's 10 nearest neighbours, the share that has its label, (n,)."""
    neighbours = NearestNeighbors(n_neighbors=10).fit(points).kneighbors(return_distance=False)
    return np.mean(labels[neighbours] == labels[:, np.newaxis], axis=1)


heavy_share, light_share = (own_kind(m[-1], few_labels).mean() for m in (maps, light_maps))
print(f"of 10 neighbours on the map, the same digit: Student's t {heavy_share:.2f}, Gaussian {light_share:.2f}")
change = light_share - heavy_share
seen = "stay as they are" if abs(change) < 0.03 else "run together" if change < 0 else "part further"
ex.crowding_guess.check(crowding_guess, seen)

# %% [markdown]
# **What to notice.** Twenty lines sort the digits, and they never saw a label or an image: only the codes.
# While the similarities are exaggerated, the groups find their order; afterwards they part, and most digits end in a region of their own. (Each panel has its own scale.)
# The Gaussian finds much the same order, but has no gaps to draw: its groups run together, and more neighbours on the map are of another digit.
#
# Scikit-learn's t-SNE does the same as ours with a fast approximation of the sum over far points (Barnes-Hut), so it can take thousands. (Its exaggeration is 12 and lasts 250 steps.)


# %%
def tsne(points, *, perplexity=30, init="pca", seed=0):
    """Scikit-learn's t-SNE, fitted: `.embedding_` is the map (n, 2), `.kl_divergence_` its loss."""
    steps = budget(1000, quick=500)
    settings = {"init": init, "random_state": seed, "max_iter": steps, "n_jobs": 1}
    return TSNE(perplexity=perplexity, **settings).fit(points)


tsne_map = tsne(codes_test[shown]).embedding_
maps_to_judge = {
    "PCA of the pixels": pca_2[2][shown],
    "PCA of the 32-unit code": code_pca[shown],
    "bottleneck of 2 units": narrow_codes[0][2][shown],
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
# Above each column stand the labels, the stray's first: "4: 9 9 4" is a 4 beside two 9s and a 4.

# %%
own_on_map, own_in_code = own_kind(tsne_map, labels), own_kind(codes_test[shown], labels)
strays = np.flatnonzero(own_on_map < 0.3)
print(f"{len(strays)} of {len(labels)} digits have at most 2 of their own kind among their 10 neighbours on the map.")
print(f"In the code, of their 10 neighbours {10 * own_in_code[strays].mean():.1f} are of their kind;", end=" ")
print(f"for all digits {10 * own_in_code.mean():.1f}")
print(
    f"{np.mean(own_in_code[strays] < 0.5):.0%} of the strays have mostly other digits for neighbours in the code, too."
)
some_strays = strays[:10]
in_code = NearestNeighbors(n_neighbors=3).fit(codes_test[shown]).kneighbors(return_distance=False)[some_strays]
rows = {"stray": mnist.x_test[some_strays]}
rows |= {f"in the code,\nneighbour {j + 1}": mnist.x_test[in_code[:, j]] for j in range(3)}
titles = [f"{labels[i]}: " + " ".join(map(str, labels[near])) for i, near in zip(some_strays, in_code)]
image_rows(rows, titles)

# %% [markdown]
# **What to notice.** The map did not make most of them: for the share printed last the code's neighbours are mostly other digits, too, and often you can see why. The rest, about a quarter in the full profile, are more the map's own work: in the code at least half of their ten neighbours are of their own kind.
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
# A point is not its own neighbour. The field calls this the **kNN recall** of the map.


# %% tags=["nbval-check-output"]
def neighbours_kept(points, places, k):
    """Mean share of each point's k nearest neighbours that are also among the k nearest of its place."""
    return ...  # your code


neighbours_kept = ex.neighbours_kept.check(neighbours_kept)

# %% [markdown]
# Recall treats a false neighbour that is the 11th in the code like one that is the 900th. **Trustworthiness** (Venna & Kaski 2001) does not: each false neighbour on the map costs as
# many points as its rank in the code lies beyond $k$, and the sum is scaled so that 1 means no false neighbour; a random map has about 0.5.
#
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


def judge(points, places):
    """kNN recall, trustworthiness and rank correlation of all distances of a map, three numbers."""
    trust = trustworthiness(points[:2000], places[:2000], n_neighbors=10)  # of 2,000 points, for it takes a while
    return neighbours_kept(points, places, 10), trust, rank_correlation(pair_distances(points), pair_distances(places))


true_codes = codes_test[shown]
scores = {name: judge(true_codes, places) for name, places in maps_to_judge.items()}
to_pixels = rank_correlation(pair_distances(true_codes), pair_distances(pixels[2][shown]))
print(f"rank correlation of distances in the code and between the images: {to_pixels:.2f}")
kinds = ["kNN recall (k = 10)", "trustworthiness (k = 10)", "rank correlation of all distances"]
bars(scores, "share, or correlation", groups=kinds, significant=2)

# %%
of_seeds = np.array([judge(true_codes, codes[2][shown]) for codes in narrow_codes])
for kind, values in zip(kinds, of_seeds.T):
    print(f"2-unit maps, over seeds: {kind} {values.mean():.3f} ± {values.std(ddof=1):.3f}")

# %% [markdown]
# **What to notice.** t-SNE keeps several times as many nearest neighbours as any other map, and no seed of the 2-unit network comes near. Yet it keeps only about half. So about every second of the neighbours that you *see* there is a false one. How far off? A trustworthiness of 0.97 sounds like "hardly". But among 2,000 points it means that a false neighbour stands on average some hundred ranks behind the tenth in the code: far nearer than a random point, and no close neighbour either. Believe the company that a point keeps, not the single neighbour.
#
# In the order of *all* distances, near and far together, PCA of the code does best: of all orthogonal projections
# onto a plane it is the one that loses the least of the squared distances. t-SNE does worse: nothing in its loss asks for far distances. To ask who resembles whom, take t-SNE; to compare far distances, take PCA, with care.
#
# (PCA of the pixels and the 2-unit bottleneck never saw the 32-unit code. They do as well as they do because all of these spaces describe the same images.)
#
# ---
# **A good place for a break.** You have built a map and measured it. From here on we try to catch maps lying, and then do without them.

# %% [markdown]
# ## 5. Perplexity and starts
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
# None of these pictures is the true one. Compare 30 with 100 digit by digit: the same codes, and some digits have moved to another place (in our run the 2s, from an island at the edge to the middle).
# What changes from map to map cannot be believed. What stays, such as 4 and 9 side by side, may be true; but it may also be a habit of the method, as section 6 shows, so check it in the code.

# %% [markdown]
# Now several starts. `init="random"` scatters the points at first and takes a seed;
# `init="pca"`, scikit-learn's default and ours so far, starts from the two leading principal components of the codes. Some random starts and the PCA start, with few digits:

# %%
runs = {f"random start {seed}": tsne(few_codes, init="random", seed=seed) for seed in range(budget(5, quick=3))}
runs["PCA start"] = tsne(few_codes)
by_start = {name: run.embedding_ for name, run in runs.items()}
latent_maps(by_start, few_labels)

# %% [markdown]
# Turned and mirrored copies are the same map: nothing on it has an up or a left. So we compare distances: those between the mean places of the ten digits, 45 pairs, in their order.


# %%
def digit_distances(places, labels):
    """Distances between the mean places of the ten digits, one a pair, (45,)."""
    return pair_distances(np.array([places[labels == digit].mean(axis=0) for digit in range(10)]))


def digit_order(one, other, labels=few_labels):
    """Rank correlation of the distances between digits in two spaces."""
    return rank_correlation(digit_distances(one, labels), digit_distances(other, labels))


random_maps = [places for name, places in by_start.items() if name != "PCA start"]
pairs = list(combinations(random_maps, 2))
agreed, common = [digit_order(a, b) for a, b in pairs], [neighbours_kept(a, b, 10) for a, b in pairs]
print(
    f"{len(pairs)} pairs of random starts: order of the digits' distances agrees {min(agreed):.2f} to {max(agreed):.2f},"
)
print(f"10 nearest neighbours in common {min(common):.2f} to {max(common):.2f}\n")
to_code = {name: digit_order(few_codes, places) for name, places in by_start.items()}
for name, order in to_code.items():
    print(f"{name:14} KL {runs[name].kl_divergence_:.3f}, digits' order against the code {order:.2f}")
beaten = sum(order > to_code["PCA start"] for order in to_code.values())
print(f"random starts nearer to the code's order than the PCA start: {beaten} of {len(random_maps)}")

# %%
again = tsne(some_codes, init="random", seed=0).embedding_
print(f"{len(some_labels)} digits, PCA against random start: {digit_order(by_perplexity[30], again, some_labels):.2f}")

# %% [markdown]
# **What to notice.** The pairs of starts agree well, but not wholly, and the losses at the end hardly differ: the loss can't tell which map is right. Each point is pulled only by its neighbourhood, so which islands
# end up side by side is partly an accident of the start, most of all where points are few. With the 2,000 digits of the full profile the one pair that we tried agrees better (last line); one pair proves little.
#
# Does a PCA start help? It begins with far distances in a sensible order, and Kobak & Linderman (2021) show that this often keeps the global picture where a random start loses it. The cell before last counts how many random starts
# came nearer to the code's order than the PCA start; here some did, so here it was no advantage. One trial with few digits proves little either way. PCA is the default to use, for it is repeatable and often helps; it makes no map true.

# %% [markdown]
# ## 6. What t-SNE distances, sizes and gaps do not mean
#
# To catch a map lying, map something you know. Three Gaussian clusters in 32 dimensions with their centres on one line, at 0, 50 and 250. Clusters 0 and 1 have a standard
# deviation of 1 in each direction, cluster 2 one of 8. Predict: how many times as wide as cluster 0 will cluster 2 be *on the map*?

# %%
width_guess = ...  # a number

# %%
rng = np.random.default_rng(0)
size = budget(300, quick=150)
known_labels = np.repeat([0, 1, 2], size)
known = rng.standard_normal((3 * size, 32)) * np.repeat((1, 1, 8), size)[:, np.newaxis]
known[:, 0] += np.repeat((0, 50, 250), size)
known_map = tsne(known).embedding_
latent_maps({"two of the 32 true coordinates": known[:, :2], "t-SNE map": known_map}, known_labels)


# %%
def extents(places, labels):
    """Median distance of each group's points to their median place."""
    groups = [places[labels == label] for label in np.unique(labels)]
    return np.array([np.median(np.linalg.norm(g - np.median(g, axis=0), axis=1)) for g in groups])


def gaps(places, labels):
    """Distances between the centres of groups 0 and 1, 1 and 2, 0 and 2."""
    middle = np.array([places[labels == label].mean(axis=0) for label in range(3)])
    return np.linalg.norm(middle[[1, 2, 2]] - middle[[0, 1, 0]], axis=1)


for name, places in {"in truth": known, "on the map": known_map}.items():
    wide_by, far_by = extents(places, known_labels), gaps(places, known_labels)
    print(f"{name:10} extents relative to cluster 0:        {np.round(wide_by / wide_by[0], 1)}")
    print(f"{name:10} gaps 0-1, 1-2, 0-2 relative to 0-1:   {np.round(far_by / far_by[0], 1)}")
_, known_sigmas = code_similarities(known, 30)
print("median σ of each cluster:", *(f"{np.median(known_sigmas[known_labels == label]):.1f}" for label in range(3)))
ex.width_guess.check(width_guess, wide_by[2] / wide_by[0])

# %% [markdown]
# **What to notice.** The map shows three equal discs in a triangle. The wide cluster is drawn as small as the tight ones, because its points measure with rulers eight times as long:
# that is what equal perplexity means. The gaps on the map, five to one in truth, have nothing to do with it any more, and the line has become a triangle, because once a point lies clearly farther away than the 30 nearest,
# its $p_{ij}$ is practically zero, far or farther.
#
# How much of this happens to the digits? Their extents in each space, relative to the mean over the ten digits:

# %%
digit_extents = {
    name: extents(places, labels) for name, places in ({"32-unit code": true_codes} | maps_to_judge).items()
}
relative = np.array([values / values.mean() for values in digit_extents.values()])
table(relative, list(digit_extents), range(10), title="Extent of each digit", xlabel="digit")

# %% [markdown]
# **What to notice.** In the code all digits extend about equally wide, only the 1s are clearly more compact. In the full profile the t-SNE map draws the 1s as wide as the others: their shorter rulers took the difference away, as
# in the experiment above. (In the quick one a few ragged islands hide this.) And t-SNE is not the only map that lies about sizes. The bottleneck of two units draws its widest digit many times as wide as its narrowest, and the code knows of no such difference.

# %% [markdown]
# **Clusters out of nothing.** The last test: points with no groups at all, one round Gaussian cloud. We map it, let *k-means* (section 7 explains it) cut each map into eight clusters,
# and ask the **silhouette** how good they are. For each point it compares the mean distance to its own cluster with that to the next cluster: near 1 for compact clusters far apart, near 0 where the next cluster is as near as one's own.
# What do you expect of a cloud without groups?

# %%
cloud = rng.standard_normal((budget(800, quick=300), 32))
cloud_maps = {"two of its true coordinates": cloud[:, :2]}
cloud_maps |= {f"t-SNE, perplexity {value}": tsne(cloud, perplexity=value).embedding_ for value in (3, 30)}
print("silhouette of 8 k-means clusters of each map")
for name, places in cloud_maps.items():
    cut = KMeans(8, n_init=3, random_state=0).fit_predict(places)
    print(f"{name:27}: {silhouette_score(places, cut):.2f} on the map, {silhouette_score(cloud, cut):.2f} in the cloud")
latent_maps(cloud_maps, None)

# %%
radius = np.linalg.norm(cloud, axis=1)
to_30th = np.sqrt(np.sort(squared_distances(cloud), axis=1)[:, 30])
print(
    f"distance from the origin: least {radius.min():.1f}, median {np.median(radius):.1f}, greatest {radius.max():.1f}"
)
print(f"density at the origin, as a multiple of that at the median distance: {np.exp(np.median(radius) ** 2 / 2):.2g}")
print(
    f"correlation of the distance from the origin with that to the 30th neighbour: {np.corrcoef(radius, to_30th)[0, 1]:.2f}"
)

# %% [markdown]
# **What to notice.** At perplexity 3 the cloud without groups falls into knots. At 30 it becomes an even disc, and the dense middle of the projection is gone.
#
# Is there a dense middle in 32 dimensions? The *density* is highest at the origin, millions of times as high as at the typical distance. And yet no point lies near it: there is so little *room*, the volume within
# radius $r$ being proportional to $r^{32}$, that almost no *probability* is left. The points fill a shell around $\sqrt{32} \approx 5.7$. Those on its inner side do lie closer to their neighbours than those on its outer side (the
# correlation), but the similarities forget it: what is common to all of a point's squared distances drops out (section 3), the ruler takes the rest, and an even disc remains. (Lesson 08 comes back to the shell.)
#
# The silhouettes hold two warnings. k-means cuts each of these flat clouds, two of the true coordinates as well, into eight slices with a silhouette of about 0.3; so such a value on a map is no evidence of groups, and it does not even
# see the knots. Measured in the cloud itself, the same clusters have a silhouette of about 0: no support for groups. (That alone does not prove that there are none. In many dimensions real groups, such as the ten digits, can score near 0 as well.)

# %% [markdown]
# ## 7. Clusters without a map: k-means
#
# k-means looks for groups in the code itself, in all 32 dimensions. It keeps $K$ centres $c_1, \dots, c_K$ (the k of its name; our small $k$ counts neighbours) and repeats two steps that never raise
# the inertia $\sum_i \lVert z_i - c_{a(i)} \rVert^2$ (printed below as a mean per digit): assign each code to its nearest centre, $a(i)$; move each centre to the mean of its codes.
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
        print(f"step {step:2}: inertia {np.mean(np.sum((sample - middle[assigned]) ** 2, axis=1)):.2f} per digit")
    middle = np.array([sample[assigned == c].mean(axis=0) if np.any(assigned == c) else middle[c] for c in range(10)])

# %% [markdown]
# The inertia never rises, but where it settles depends on the start. Scikit-learn's `KMeans` chooses its starts well, tries several (three, below) and keeps the best; even so, another seed gives other clusters.
#
# **Two scores.** Clusters have numbers, digits have labels, and nobody says which belongs to which.
# *Majority-label accuracy*, which the field calls **purity**, names each cluster after its commonest label and counts the digits named rightly.
# *Normalised mutual information* asks how much the cluster $C$ tells about the label $Y$, as a share of the two entropies' mean:
#
# $$ \mathrm{NMI} = \frac{I(C; Y)}{\tfrac12 (H(C) + H(Y))} \in [0, 1], $$
#
# where $H$ is the entropy and $I(C; Y) = H(Y) - H(Y \mid C)$ the mutual information; $H(Y \mid C)$ is the entropy of the labels within a cluster, averaged over the clusters by their size.
#
# ### Exercise 6: purity


# %% tags=["nbval-check-output"]
def majority_accuracy(clusters, labels):
    """Share of digits whose label is the commonest one of their cluster."""
    return ...  # your code


majority_accuracy = ex.majority_accuracy.check(majority_accuracy)


# %% [markdown]
# We compare five spaces. To **whiten** a space is to turn it so that no two directions are correlated, and to stretch each direction to variance 1.
# Nothing in the training asked the code for any particular scale: whatever stretching the encoder applies, the decoder can undo. k-means cannot, it looks where the variance is.
#
# Predict, before the run: in which space will ten clusters agree best with the labels of the test digits, by NMI?

# %%
space_guess = ...  # "pixels", "PCA-32", "whitened PCA-32", "code" or "whitened code"


# %%
def whiten(space):
    """Shifts, turns and stretches all points so that the training points have variance 1 and no correlation."""
    values, vectors = np.linalg.eigh(np.cov(space[0], rowvar=False))
    centre = space[0].mean(axis=0)
    return [(points - centre) @ vectors / np.sqrt(values) for points in space]


def k_means(space, seed, n_clusters=10):
    """k-means of 10,000 training points; the clusters of the validation points and of the test points."""
    model = KMeans(n_clusters, n_init=3, random_state=seed).fit(space[0][:10_000])
    return [model.predict(points) for points in space[1:]]


def agreement(clusters, labels):
    """Purity and NMI."""
    return majority_accuracy(clusters, labels), normalized_mutual_info_score(labels, clusters)


pca_32 = [(x - mu) @ directions[:, -32:] for x in pixels]
spaces = {"pixels": [pixels], "PCA-32": [pca_32], "whitened PCA-32": [whiten(pca_32)]}
spaces |= {"code": wide_codes, "whitened code": [whiten(codes) for codes in wide_codes]}

# %%
clusterings = {}  # several of each space: other starts, and of codes other networks as well
for name, versions in spaces.items():
    clusterings[name] = [k_means(versions[seed % len(versions)], seed) for seed in range(budget(6, quick=3))]
on_valid = {name: np.array([agreement(v, mnist.y_valid) for v, _ in several]) for name, several in clusterings.items()}
on_test = {name: np.array([agreement(t, mnist.y_test) for _, t in several]) for name, several in clusterings.items()}
groups = ["purity", "normalised mutual information"]
means = {name: values.mean(axis=0) for name, values in on_test.items()}
deviations = {name: values.std(axis=0, ddof=1) for name, values in on_test.items()}
bars(means, "score of 10 clusters of the test digits", groups=groups, spread=deviations, significant=2)

# %%
ex.space_guess.check(space_guess, max(means, key=lambda name: means[name][1]))
for name, values in means.items():
    print(f"NMI {name:16} {values[1]:.3f} ± {deviations[name][1]:.3f}")
ahead = means["whitened code"][1] - means["pixels"][1]
# Runs that share a network are not independent: the code's spread counts as that of so many networks.
errors = (
    deviations["whitened code"][1] / np.sqrt(len(wide)),
    deviations["pixels"][1] / np.sqrt(len(clusterings["pixels"])),
)
scatter = np.hypot(*errors)
print(
    f"whitened code ahead of the pixels by {ahead:.3f}, or {ahead / scatter:.1f} standard errors of this difference of means"
)
chosen = max(("code", "whitened code"), key=lambda name: on_valid[name][:, 1].mean())
print(f"\nOf the two codes, the validation digits prefer: {chosen}")

# %% [markdown]
# **What to notice.** Look at the error bars first: one standard deviation over starts, and for codes over networks as well. Pixels, PCA-32 and the code as it comes lie within one or two
# of them. A single run of each, which is what one usually sees, would have allowed any story about their order.
#
# Is the whitened code ahead? The line above says by how many standard errors; below two, say nothing. In the full profile it is: whitening helps the *code*, whose scales are arbitrary. In PCA the scales mean something:
# small directions matter less than large ones, and to stretch them gains nothing. In the quick profile all five are close together.
#
# For comparison: Xie, Girshick & Farhadi (2016) report an accuracy of 0.53 for k-means on MNIST's pixels, with each label given to one cluster only, which is never more
# than purity.
#
# We go on with the code that the *validation* digits prefer. That choice has looked at labels, but not at those of a test digit.

# %%
clusters = clusterings[chosen][0][1]
counts = np.array([[np.sum((clusters == c) & (mnist.y_test == digit)) for digit in range(10)] for c in range(10)])
by_majority = np.argsort(counts.argmax(axis=1), kind="stable")
table(
    counts[by_majority],
    list("ABCDEFGHIJ"),  # letters, for a cluster's number would look like a digit
    range(10),
    title=f"Test digits by cluster of the {chosen}",
    xlabel="label",
    ylabel="cluster",
    significant=2,
)

# %%
members = [clusters == c for c in by_majority]
centre_codes = np.array([codes_test[chosen_ones].mean(axis=0) for chosen_ones in members])
closest = NearestNeighbors(n_neighbors=1).fit(codes_test).kneighbors(centre_codes, return_distance=False)[:, 0]
rows = {
    "mean of the images": np.array([mnist.x_test[chosen_ones].mean(axis=0) for chosen_ones in members]),
    "mean of the codes,\ndecoded": keras.ops.convert_to_numpy(wide[0].decoder(centre_codes)),
    "test digit nearest\nto that mean": mnist.x_test[closest],
}
image_rows(rows, list("ABCDEFGHIJ"))

# %% [markdown]
# **What to notice.** Each column is one cluster of the table above. Its mean image is a blur of all its digits. The mean of their codes, decoded, is sharper, for averaging codes
# averages handwriting, while averaging pixels lays ink over ink. Where a cluster mixes digits, its mean code may decode to no clear digit, or to a clear one that hides the mixture: compare with the cluster's row of the table.
# And k-means often finds a *style*: upright and slanted 1s may get clusters of their own, while 4 and 9 share theirs, and most 5s are with the 3s or the 8s.

# %%
numbers = budget((10, 20, 40, 80), quick=(10, 20, 40))
finer = np.array(
    [[agreement(k_means(codes, 0, n)[1], mnist.y_test) for codes in spaces[chosen]] for n in numbers]
).mean(axis=1)  # over the networks
curves(dict(zip(groups, finer.T)), "number of clusters", "score", x=numbers)

# %% [markdown]
# **What to notice.** With more clusters purity climbs steadily, because more clusters give more names away. Normalised mutual information
# does not rise: the entropy $H(C)$ in its denominator makes every further cluster pay. (Means over the networks; changes of two or three hundredths mean nothing.) Compare purities at equal numbers of clusters only.

# %% [markdown]
# ## 8. The neighbours' vote
#
# The most direct question to a code is the one we asked at the start: do neighbours share a label? The *k-nearest-neighbour classifier*
# lets the 5 nearest training digits vote on each test digit. It learns nothing, so its accuracy is the merit of the space and its scales. (The code votes as it comes here, not whitened, as in sections 1 to 6.)


# %%
def named_rightly(space):
    """Which test digits the vote of their 5 nearest training digits names rightly, (n,)."""
    return KNeighborsClassifier(5).fit(space[0], mnist.y_train).predict(space[2]) == mnist.y_test


to_vote = {"PCA-2": [pca_2], "2 units": narrow_codes, "PCA-32": [pca_32], "32 units": wide_codes, "pixels": [pixels]}
right = {name: np.array([named_rightly(space) for space in versions]) for name, versions in to_vote.items()}
vote = {name: runs.mean(axis=1) for name, runs in right.items()}
accuracy = {name: values.mean() for name, values in vote.items()}
over_seeds = {name: values.std(ddof=1) if len(values) > 1 else 0.0 for name, values in vote.items()}
bars(accuracy, "accuracy of the vote, test digits", spread=over_seeds)

# %%
print("32 units, by seed:", *np.round(vote["32 units"], 4), " 2 units, by seed:", *np.round(vote["2 units"], 4))
by_pixels = right["pixels"][0]
for name in ("PCA-32", "32 units"):
    ours = right[name][0]
    print(f"of the test digits {np.sum(ours & ~by_pixels)} are named rightly by {name} alone,", end=" ")
    print(f"{np.sum(~ours & by_pixels)} by the pixels alone")

# %% [markdown]
# **What to notice.** The 32-unit code names the label about as well as all 784 pixels do: little of what tells digits apart is lost. All bars are about the same test digits, so compare digit by digit (last lines): counts that differ by more than twice the root of their sum are no chance. In the full profile the code and the pixels are too close to rank.
# PCA with 32 numbers is ahead of both, by little. So give the credit to the right cause: this accuracy says how little was lost and not how deep the encoder is.
#
# With two numbers the difference is real: the trained bottleneck keeps more than two principal components do, from each of the three seeds. But *how much* more depends on the seed: compare the three accuracies of 2 units, printed above,
# with the differences between the bars on the right. (In the quick profile, with 3,500 digits to learn from, the lead is smaller, and the code stays a little behind the pixels.)
#
# <details><summary>Why is the t-SNE map missing from these bars?</summary>
#
# It has no place for a new digit. t-SNE moves the points it was given and leaves no function behind, so there is nothing to apply to the test digits
# after a fit to the training digits. Mapping both together would answer another question: how well a map that has seen the test digits separates them.
# Relatives of t-SNE mend this: *parametric t-SNE* (van der Maaten 2009) trains a network, an encoder, on t-SNE's loss, and *UMAP* (McInnes, Healy & Melville 2018), which keeps neighbours
# by a similar loss, can place new points on a finished map.
# </details>

# %% [markdown]
# ## What you should see
#
# `expect` holds a number of this run to a bound, a few standard deviations over seeds away, and fails where the bound is missed.
# LeCun et al. (1998) report 0.950 for nearest neighbours on the pixels. That is an old figure: the fair rival is our own bar for the pixels.

# %% tags=["headline"]
expect(
    "5-nearest-neighbour accuracy in the 32-unit code, mean over seeds",
    accuracy["32 units"],
    at_least=budget(0.967, quick=0.9),
    published="0.950 on the pixels (LeCun et al. 1998)",
)

# %%
lead = accuracy["2 units"] - accuracy["PCA-2"]
expect(
    "lead of 2 trained units over 2 principal components, accuracy of the vote", lead, at_least=budget(0.2, quick=0.03)
)

# %%
expect(
    "NMI of ten clusters of the whitened code, mean over starts",
    means["whitened code"][1],
    at_least=budget(0.49, quick=0.45),
)

# %%
kept = scores["t-SNE of the 32-unit code"][0] / of_seeds[:, 0].mean()
expect("kNN recall: t-SNE of the first code over the mean of the 2-unit maps", kept, at_least=budget(3, quick=2.6))

# %% [markdown]
# ## Summary
#
# - A 32-unit code keeps who is of whose kind: its neighbours vote for the right label about as often as neighbours in the pixels do, with a twenty-fifth of the numbers.
# - PCA and a 2-unit bottleneck draw maps that can place new images and be decoded. Neither was asked to keep neighbours.
# - t-SNE matches probabilities of being neighbours. Every point gets its own ruler $\sigma_i$, so that all have the same perplexity; Student's t makes room on the crowded plane.
# - On a t-SNE map believe the company that a point keeps. Sizes, gaps and distances between islands mean little, and clumps may come from nothing.
# - Clusters are to be counted in the code, not on the map: k-means, purity, normalised mutual information, and several starts before two spaces are compared.
#
# ## Pitfalls
#
# - **One map is no evidence.** Draw several perplexities and seeds, and report them. What changes is an accident; what stays may be a habit of the method, so check it in the code.
# - **t-SNE has no encoder.** It cannot place a new digit on a finished map, so it is no feature extractor for a classifier. Parametric t-SNE and UMAP can.
# - **Clustering the map** can find islands that t-SNE made. Cluster the code, then colour the map with the result.
# - **Purity grows with the number of clusters** and reaches 1 when every digit is its own. Compare at equal numbers only.
# - **Scales of a code are arbitrary.** The decoder can undo any stretching of the code's axes, and distances cannot. Whiten, or at least look at the variances, before distances are used.
# - **Labels choose quietly.** No training and no map in this lesson has seen a label. But we chose between code and whitened code by labels, though not by those of test digits.
#   The same holds for any perplexity or seed that you pick because its colours look best.
#
# ## References
#
# - van der Maaten & Hinton, [Visualizing data using t-SNE](https://jmlr.org/papers/v9/vandermaaten08a.html), 2008: the method and perplexity.
# - Hinton & Roweis, [Stochastic neighbor embedding](https://papers.nips.cc/paper/2276-stochastic-neighbor-embedding), 2002: the first SNE, with one-sided probabilities.
# - van der Maaten, [Learning a parametric embedding by preserving local structure](https://proceedings.mlr.press/v5/maaten09a.html), 2009: t-SNE with an encoder.
# - van der Maaten, [Accelerating t-SNE using tree-based algorithms](https://jmlr.org/papers/v15/vandermaaten14a.html), 2014: Barnes-Hut, as in scikit-learn.
# - LeCun, Bottou, Bengio & Haffner, [Gradient-based learning applied to document recognition](https://doi.org/10.1109/5.726791), 1998: MNIST, and nearest neighbours on its pixels.
# - Wattenberg, Viégas & Johnson, [How to use t-SNE effectively](https://doi.org/10.23915/distill.00002), 2016: what to read from a map, with maps to play with.
# - Kobak & Berens, [The art of using t-SNE for single-cell transcriptomics](https://doi.org/10.1038/s41467-019-13056-x), 2019: PCA starts, learning rates and perplexities for large data.
# - Kobak & Linderman, [Initialization is critical for preserving global data structure in both t-SNE and UMAP](https://doi.org/10.1038/s41587-020-00809-z), 2021: why to start from PCA.
# - McInnes, Healy & Melville, [UMAP: uniform manifold approximation and projection](https://arxiv.org/abs/1802.03426), 2018.
# - Venna & Kaski, [Neighborhood preservation in nonlinear projection methods](https://doi.org/10.1007/3-540-44668-0_68), 2001: trustworthiness.
# - Hinton & Salakhutdinov, [Reducing the dimensionality of data with neural networks](https://doi.org/10.1126/science.1127647), 2006: a 2-unit deep autoencoder against PCA on these digits.
# - Xie, Girshick & Farhadi, [Unsupervised deep embedding for clustering analysis](https://arxiv.org/abs/1511.06335), 2016: a code that is trained to cluster.
