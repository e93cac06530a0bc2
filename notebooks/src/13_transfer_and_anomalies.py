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
# # Transfer and anomalies: what a code is good for
#
# An autoencoder learns without labels, and at the end it can draw its input again. Nobody needs that. What one may need is its *code*: for a classifier that has seen ten examples of each digit, or for an alarm that has never seen the thing it shall report. This lesson asks what the code is worth there, and against whom.
#
# **You will learn**
#
# - how much a code learnt without labels helps with 100, 300 and 1,000 labels, beside raw pixels, PCA, a random encoder and the same network from scratch;
# - how labels spread along a graph of neighbours, and what *transductive* means;
# - how to sum a missing label out of a loss;
# - how to report what is unlike the normal, with a threshold for a wanted rate of false alarms, and why the rate need not hold;
# - two traps: simple images may have small errors, and a likelihood can be highest for what was never seen.
#
# **You need** lessons 04 (denoising), 05 (convolutions) and 07 (variational autoencoders).
#
# **The quick profile** learns from 3,500 digits without labels and for a few epochs, draws labels twice instead of five times, tests on 1,000 digits, and looks for anomalies with two normal digits only. Its codes are poor; what is said below is about the full run.

# %%
import numpy as np
from course_utils import plotting
from course_utils.batches import FreshBatches, binarise, binarised_pair, predict_in_batches
from course_utils.checkpoints import stored_table
from course_utils.corruptions import gaussian_noise
from course_utils.data import load
from course_utils.exercises import lesson_13 as ex
from course_utils.lesson import budget, expect, setup
from course_utils.losses import bernoulli_nll
from course_utils.metrics import negative_elbo_terms
from course_utils.models import build_conv_autoencoder, build_dense_vae
from course_utils.training import callbacks, fast
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

import keras
from keras import layers, ops

SEED = 13
setup(seed=SEED)
mnist = load("mnist")
x_train, y_train, x_valid, y_valid, x_test, y_test, _ = mnist

# %% [markdown]
# ## 1. A code learnt without labels
#
# The encoder is that of lesson 05, two convolutions that halve the image and a dense layer to a code of 64 numbers. It learns to remove noise, as in lesson 04 (Vincent et al. 2008): the input is a training digit with fresh Gaussian noise of standard deviation $\sigma = 0.5$, the target the digit itself. No label is used.
#
# Below, five **draws** of labels are compared. So that their spread contains the encoder's own chance as well, there are three encoders, from three seeds, which take turns.


# %%
def noisy(sigma):
    """For `FreshBatches`: digits with fresh noise, and the digits themselves as targets."""
    return lambda images, rng: (gaussian_noise(images, sigma, rng), images)


def train(model, batches, name, *, loss, learning_rate, epochs, shown=True):
    """Adam with a learning rate that falls to zero as a cosine."""
    steps = epochs * len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(keras.optimizers.Adam(schedule), loss=loss, **fast(model, steps))
    model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks(name) if shown else [])
    return model


def pretrain(seed):
    keras.utils.set_random_seed(seed)
    batches = FreshBatches(x_train, noisy(0.5), batch_size=budget(128, quick=32), seed=seed)
    name, epochs = f"denoising, seed {seed}", budget(3, quick=5)
    return train(build_conv_autoencoder(64), batches, name, loss=CROSS_ENTROPY, learning_rate=2e-3, epochs=epochs)


CROSS_ENTROPY = "binary_crossentropy"
denoisers = [pretrain(SEED + i) for i in range(budget(3, quick=1))]
encoders = [denoiser.encoder for denoiser in denoisers]

# %%
shown = gaussian_noise(x_test[:10], 0.5, np.random.default_rng(SEED))
plotting.image_rows({"noisy": shown, "denoised": denoisers[0].predict(shown, verbose=0), "truth": x_test[:10]})

# %% [markdown]
# **What to notice.** It finds the digit under heavy noise, a little smoother than it was. To do so it must know how digits go. Does its code know more than that?
#
# ## 2. A hundred labels
#
# Suppose somebody has labelled 100 training digits, ten of each class (they are drawn from the first 40,000); the other 54,900 have no label. What is the error on the 10,000 test digits? The ways to use the code, and their rivals:
#
# - **raw pixels**, and **PCA** to 50 numbers (learnt from 20,000 of the digits, without labels), each with logistic regression;
# - a **random encoder**: the same layers, never trained. This is the *control*. What it reaches is the merit of convolutions, not of learning;
# - the **frozen** encoder: its weights stay, and logistic regression on its codes is all that learns from labels;
# - the **fine-tuned** encoder: a softmax layer on top, and all weights go on learning;
# - the same network **from scratch**: the same layers, starting weights at random.
#
# The last two are trained alike.


# %%
N_DRAWS, SIZES = budget(5, quick=2), budget((100, 300, 1000), quick=(100, 1000))
N_NODES = budget(40_000, quick=3500)  # the training digits that labels are drawn from


def drawn(n, draw):
    """Indices of n training digits among the first `N_NODES`, the same number of each class."""
    rng = np.random.default_rng([SEED, n, draw])
    classes = [np.flatnonzero(y_train[:N_NODES] == c) for c in range(10)]
    return np.concatenate([rng.choice(some, n // 10, replace=False) for some in classes])


def error_rate(guesses):
    """Share of the test digits with a wrong guess, in %."""
    return 100 * np.mean(guesses != y_test)


# %%
def encoded(encoder, images):
    return predict_in_batches(encoder, images)


def untrained(encoder, seed):
    """The same layers with new random weights."""
    keras.utils.set_random_seed(seed)
    return keras.models.clone_model(encoder)


def linear_error(features, features_test, chosen):
    """Logistic regression on features (n, d), all divided by one number; error in %."""
    scale = features[:2000].std()
    model = LogisticRegression(max_iter=1000).fit(features[chosen] / scale, y_train[chosen])
    return error_rate(model.predict(features_test / scale))


# %% [markdown]
# Two things are the same for the last two and matter much. The labelled digits are few, so each comes a little shifted, turned and scaled every time it is shown; three layers do that, only while the network learns. And the code is divided by its standard deviation before an ELU and the softmax layer: a head that starts with large sums is sure of its first answers, most of them wrong, and the gradients that take them back can spoil the encoder.


# %%
def classifier_on(encoder, seed):
    """A softmax layer on a copy of the encoder, with small random motions in front while it learns."""
    copy = keras.models.clone_model(encoder)
    copy.set_weights(encoder.get_weights())
    scale = 1 / encoded(copy, x_train[:2000]).std()
    black = {"fill_mode": "constant", "fill_value": 0.0}
    keras.utils.set_random_seed(seed)
    moved = [layers.RandomTranslation(0.08, 0.08, **black), layers.RandomRotation(0.04, **black)]
    moved += [layers.RandomZoom(0.12, 0.12, **black)]
    head = [layers.Rescaling(scale), layers.ELU(), layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input(x_train.shape[1:]), *moved, copy, *head])


def tuned(encoder, chosen, seed):
    """The network after 800 batches of 20 of the labelled digits."""
    rng = np.random.default_rng(seed)  # 100 batches an epoch, of however many digits
    again = np.resize(rng.permutation(chosen), 2000)
    fed = FreshBatches(x_train[again], lambda x, y, rng: (x, y), labels=y_train[again], batch_size=20, seed=seed)
    model, epochs, loss = classifier_on(encoder, seed), budget(8, quick=1), "sparse_categorical_crossentropy"
    return train(model, fed, "tuned", loss=loss, learning_rate=3e-3, epochs=epochs, shown=False)


# %% [markdown]
# (The learning rate was chosen from a few on validation digits, with two other draws. The number of batches, 800, is what the time of a lesson allows.)
#
# ### Exercise 1: a prediction
#
# With 100 labels the fine-tuned network will be ahead of the one from scratch. What becomes of the gap, in points, with 1,000 labels? (It stays if it neither halves nor doubles.)

# %%
gap_with_labels = ...  # your prediction: "halves", "stays" or "doubles" (at least)

# %%
pool = x_train[:N_NODES]


def flat(images):
    return images.reshape(len(images), -1)


random_encoders = [untrained(encoder, SEED + i) for i, encoder in enumerate(encoders)]
pca = PCA(50, random_state=0).fit(flat(pool[:20_000]))
features = {
    "raw pixels": [(flat(pool), flat(x_test))],
    "PCA 50": [(pca.transform(flat(pool)), pca.transform(flat(x_test)))],
    "random encoder": [(encoded(encoder, pool), encoded(encoder, x_test)) for encoder in random_encoders],
    "frozen": [(encoded(encoder, pool), encoded(encoder, x_test)) for encoder in encoders],
}

# %%
tuned_guesses, tuned_codes = {}, []


def errors_with(n, draw):
    """Error of each way with n labels, in %; what the networks guess is kept."""
    chosen, seed = drawn(n, draw), SEED + draw
    errors = {name: linear_error(*several[draw % len(several)], chosen) for name, several in features.items()}
    starts = {"fine-tuned": encoders, "from scratch": random_encoders}
    for name, several in starts.items():
        model = tuned(several[draw % len(several)], chosen, seed)
        tuned_guesses[name, n, draw] = predict_in_batches(model, x_test).argmax(axis=1)
        errors[name] = error_rate(tuned_guesses[name, n, draw])
        if (name, n) == ("fine-tuned", 100):
            encoder = model.get_layer("encoder")
            tuned_codes.append((encoded(encoder, pool), encoded(encoder, x_test)))
    return errors


# %%
def over_draws(values):
    """Mean and standard deviation as a text."""
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"


rows = {n: [errors_with(n, draw) for draw in range(N_DRAWS)] for n in SIZES}
transfer = {name: np.array([[row[name] for row in rows[n]] for n in SIZES]) for name in rows[100][0]}
for name, values in transfer.items():
    print(f"{name:15}" + ", ".join(f"{n} labels: {over_draws(errors)}" for n, errors in zip(SIZES, values)))

# %%
gaps = transfer["from scratch"].mean(axis=1) - transfer["fine-tuned"].mean(axis=1)
change = "halves" if gaps[-1] < gaps[0] / 2 else "doubles" if gaps[-1] > 2 * gaps[0] else "stays"
ex.gap_with_labels.check(gap_with_labels, change)
plotting.bars(
    {name: values.mean(axis=1) for name, values in transfer.items()},
    "error on test digits in %",
    groups=[f"{n} labels" for n in SIZES],
    spread={name: values.std(axis=1, ddof=1) for name, values in transfer.items()},
)

# %% [markdown]
# **What to notice.** The error bars are one standard deviation over the draws. The frozen code leaves far less than its control, the random encoder: so much is the merit of learning without labels. But it is ahead of raw pixels and PCA by about a point, no more than the spread over the draws, which a report without these two rows would not show. Two networks that may change all their weights, and see their hundred digits a little moved each time, are far ahead of all linear ways. Fine-tuning starts from the code and is 1.7 points ahead of the network from scratch at 100 labels, 2.0 at 300, and 1.6 at 1,000. These gaps can hardly be told apart with five draws. As a share of the error that is left they grow from an eighth to nearly a quarter. (Much of the success of both is knowledge that *we* put in: a digit stays the same digit when it is moved a little.)

# %% [markdown]
# ## 3. Labels that spread
#
# While it learns from labels, fine-tuning looks at 100 digits and not at the other 54,900. But those say where digits lie densely and where there are gaps, and two digits that are neighbours mostly have the same label. So let labels spread from neighbour to neighbour (Zhu & Ghahramani 2002).
#
# Take $n$ digits as the nodes of a graph. Let $w_{ij} = w_{ji} \ge 0$ be the weight of the edge between digits $i$ and $j$, 0 for most pairs. Each node holds a row $f_i$ of ten numbers: at a labelled digit it is one-hot, elsewhere zeros at first. In each step all rows become their neighbours' means at once, and then the labelled rows are put back:
#
# $$f_i \leftarrow \frac{\sum_j w_{ij} f_j}{\sum_j w_{ij}} \quad \text{for all } i, \qquad\text{then}\qquad f_i \leftarrow \text{one-hot label of } i \quad\text{where it is known.}$$
#
# In the end the largest of the ten numbers is the guess. (After very many steps $f_{ic}$ is a probability: that a walker who starts at $i$, and goes along edges with odds in proportion to their weights, meets a digit labelled $c$ before any other labelled one, if it can reach one at all; Zhu, Ghahramani & Lafferty 2003.)
#
# ### Exercise 2: spread the labels


# %% tags=["nbval-check-output"]
def propagated(weights, labels, labelled, steps):
    """Rows (n, k) after so many steps: each row becomes its neighbours' mean by weight, labelled rows are put back.

    weights (n, n), symmetric and not negative; labels (n, k), one-hot, zeros where unknown; labelled (n,), boolean.
    """
    return ...  # your code


propagated = ex.propagated.check(propagated)

# %% [markdown]
# The edges: each digit is joined to its $k$ nearest, by the distance $d_{ij}$ of their codes. How near is near? Where digits lie densely, less than elsewhere. With $r_i$, the distance from $i$ to its $k$-th nearest, as each digit's own unit (Zelnik-Manor & Perona 2004),
#
# $$w_{ij} = \exp\!\left(-\frac{d_{ij}^2}{r_i\, r_j}\right) \quad\text{if one of the two is among the other's } k \text{ nearest, else } 0.$$
#
# Our graphs have 40,000 training digits and the 10,000 test digits for nodes. Fifty thousand nodes have a matrix of 2.5 billion weights, nearly all of them zero. A *sparse* matrix keeps the others. Your function takes a full one and shall serve for small graphs; `spread_labels` is the same for sparse matrices.


# %%
def neighbour_graph(points, k):
    """Symmetric sparse weights (n, n) between each point (n, d) and its k nearest."""
    distances, nearest = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(points).kneighbors(points)
    distances, nearest = distances[:, 1:], nearest[:, 1:]  # without the point itself
    radius = distances[:, -1] + 1e-9
    weights = np.exp(-(distances**2) / (radius[:, np.newaxis] * radius[nearest]))
    n = len(points)
    graph = sparse.csr_array((weights.ravel(), nearest.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    return graph.maximum(graph.T).tocsr().astype(np.float32)


def spread_labels(graph, labels, labelled, steps=100):
    """As `propagated`, of a sparse graph."""
    mean_of_neighbours = sparse.diags_array(1 / graph.sum(axis=1)) @ graph
    rows = labels
    for _ in range(steps):
        rows = mean_of_neighbours @ rows
        rows[labelled] = labels[labelled]
    return rows


# %% [markdown]
# The test digits are nodes as well: without their labels, but with their images. So the answer for one test digit depends on which other ones came with it. A method that needs the digits to be judged while it learns is called **transductive**; one that can be asked about a new digit afterwards, such as a classifier, is **inductive**. Methods of the two kinds have not solved the same task, and a table should say which is which.
#
# How many neighbours? $k = 6$ was chosen from 6 and 10 on validation digits, with other draws of labels. That takes validation labels, many more than 100: an honest count is "100 labels to learn from, and one number chosen with the help of 5,000". The number of nodes was raised, from 20,000 to 40,000, after runs whose test errors had been seen, which should not have been. So the choice was made again on validation digits, with draws and an encoder of their own, learnt for 4 epochs: 40,000 nodes left 4.3% (4.4% after 3 epochs, as here), 20,000 nodes 5.6%; fine-tuned codes 5.0%; PCA 3.6%. It would have been the same.


# %%
def guesses_by_graph(graph, chosen):
    """The guess for each test digit; labels of the training digits `chosen` alone are known."""
    labelled, labels = np.zeros(graph.shape[0], bool), np.zeros((graph.shape[0], 10), np.float32)
    labelled[chosen], labels[chosen, y_train[chosen]] = True, 1
    return spread_labels(graph, labels, labelled).argmax(axis=1)[N_NODES:]


# %%
spaces = {
    "PCA 30": [tuple(part[:, :30] for part in features["PCA 50"][0])],
    "codes": features["frozen"],
}
graph_guesses = {}
for name, several in spaces.items():
    graphs = [neighbour_graph(np.concatenate(nodes), k=6) for nodes in several]
    guesses = [guesses_by_graph(graphs[draw % len(graphs)], drawn(100, draw)) for draw in range(N_DRAWS)]
    graph_guesses[f"graph of {name}"] = guesses
graph_errors = {name: [error_rate(guess) for guess in guesses] for name, guesses in graph_guesses.items()}
for name, errors in graph_errors.items():
    print(f"{name}, 100 labels: {over_draws(errors)} % wrong")

# %% [markdown]
# And your function, on small graphs: the 1,000 test digits that come first, the 100 labelled ones, and more or fewer digits without a label besides.

# %%
chosen, (of_train, of_test) = drawn(100, 0), features["frozen"][0]
rest, by_nodes = np.setdiff1d(np.arange(N_NODES), chosen), {}
for n in (0, 500, 1000, 2000):
    nodes = np.concatenate([of_train[chosen], of_train[rest[:n]], of_test[:1000]])
    labels = np.zeros((len(nodes), 10), np.float32)
    labels[np.arange(100), y_train[chosen]] = 1
    weights = neighbour_graph(nodes, 6).toarray()
    guess = propagated(weights, labels, np.arange(len(nodes)) < 100, 100)[-1000:].argmax(axis=1)
    by_nodes[n] = 100 * np.mean(guess != y_test[:1000])
    print(f"{n:4} other digits without labels: {by_nodes[n]:.1f}% of 1,000 test digits wrong")


# %%
def nearest_to(points, points_test):
    """Index of the nearest training digit of each test digit."""
    return NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points).kneighbors(points_test)[1][:, 0]


right = graph_guesses["graph of codes"][0] == y_test
columns = [*np.flatnonzero(right)[:7], *np.flatnonzero(~right)[:3]]
rows = {"test digit": x_test[columns]}
for name, (points, points_test) in {
    "nearest\nin PCA 50": features["PCA 50"][0],
    "nearest code": features["frozen"][0],
}.items():
    rows[name] = pool[nearest_to(points, points_test[columns])]
ways = {"tuned": tuned_guesses["fine-tuned", 100, 0], "scratch": tuned_guesses["from scratch", 100, 0]}
ways |= {"graph": graph_guesses["graph of codes"][0]}
titles = [f"is {y_test[i]}\n" + "\n".join(f"{name} {guess[i]}" for name, guess in ways.items()) for i in columns]
plotting.image_rows(rows, column_titles=titles)

# %% [markdown]
# **What to notice.** The same 100 labels, and an error of 4.18 %, where fine-tuning left 12.05 %. What has changed is that 39,900 training digits without a label, and the test digits, are asked as well. And the code? On 30 numbers of PCA the graph leaves 4.10 %, which is the same within the spread over the draws: the neighbours do the work, in whichever of the two spaces they are sought. Kingma et al. (2014) report 3.33 ± 0.14 % for M1+M2 with 100 labels, inductively; ours is transductive, and a look at the images of its test digits is part of the method. On small graphs (your function, one draw) the error falls from 13.4 to 11.7% as digits without a label are added, though 1,000 test digits tell no more than a point; with fifty thousand nodes it is 4.2%. They are the stepping stones.
#
# The picture's first seven digits are right, the last three are failures of the graph. The nearest neighbours of the first two are of their own kind, and the neighbours' neighbours look alike as well; but a few such steps lead to another class, and if the labelled digits of the right one are further off, the wrong label arrives first. The last one, a four, has a nine for its nearest at once.

# %% [markdown]
# ## 4. Sum the missing label out
#
# There is a third way to learn from digits without labels: a model of how digits come about, in which the class is one of the causes. In **M2** (Kingma et al. 2014) a class $y$ is drawn, each with probability $\frac1{10}$, then a vector $z$ from $\mathcal N(0, I)$, and from the two the image $x$. It is a conditional VAE, as in lesson 08. Let $L_y(x)$ be its loss, the negative ELBO, if $x$ is of class $y$; $-\log\frac1{10}$ is part of it.
#
# If the label is known, the loss is $L_y(x)$. If not, one may not simply guess one: the class is another hidden variable, with a distribution $q = (q_1, \dots, q_{10})$, and the loss is
#
# $$U(x) = \min_q\; \sum_y q_y \bigl(L_y(x) + \log q_y\bigr).$$
#
# (M2 learns a network for $q$. With ten classes that is not needed, as the minimum has a closed form.) The best $q$ is also the classifier.
#
# ### Exercise 3: the loss of an unlabelled image


# %% tags=["nbval-check-output"]
def unlabelled_loss(class_losses):
    """The least sum over k of q_k (class_losses_k + log q_k) of all distributions q; (batch, k) to (batch,)."""
    return ...  # your code, with `keras.ops`


unlabelled_loss = ex.unlabelled_loss.check(unlabelled_loss)

# %% [markdown]
# Here $x$ is not the image but its fine-tuned code, divided by one number so that all entries together have variance 1: two models on top of each other, in the manner of Kingma's M1+M2. (Their code is learnt without labels; ours has seen the hundred.) The decoder's answer is Gaussian with a fixed standard deviation of 1. As in the paper, a cross-entropy on the labelled digits is added, with the weight 3. For test digits $z$ is taken at its mean.


# %%
class M2(keras.Model):
    """Losses (batch, 10) of codes, one for each class; learns from codes without labels, and a few known ones."""

    def __init__(self, known, classes, hidden=128, latent_dim=16, weight=3.0):
        super().__init__()
        self.encoder = keras.Sequential([layers.Dense(hidden, "relu"), layers.Dense(2 * latent_dim)])
        self.decoder = keras.Sequential([layers.Dense(hidden, "relu"), layers.Dense(known.shape[1])])
        self.known, self.classes = ops.convert_to_tensor(known), ops.convert_to_tensor(classes[:, np.newaxis])
        self.latent_dim, self.weight, self.random = latent_dim, weight, keras.random.SeedGenerator(0)

    def call(self, codes, training=False):
        n = ops.shape(codes)[0]
        every, label = ops.repeat(codes, 10, axis=0), ops.tile(ops.eye(10), (n, 1))  # each code with each label
        mean, log_var = ops.split(self.encoder(ops.concatenate([every, label], axis=1)), 2, axis=1)
        noise = keras.random.normal((n, self.latent_dim), seed=self.random) if training else ops.zeros((n, 1))
        z = mean + ops.exp(log_var / 2) * ops.repeat(noise, 10, axis=0)  # the same noise for all ten
        error = ops.square(every - self.decoder(ops.concatenate([z, label], axis=1)))
        kl = ops.sum(ops.exp(log_var) + mean**2 - 1 - log_var, axis=1) / 2
        return ops.reshape(ops.sum(error, axis=1) / 2 + kl + np.log(10), (n, 10))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        of_known = self(self.known, training=True)
        own = ops.take_along_axis(of_known, self.classes, axis=1)[:, 0]
        cross_entropy = own - unlabelled_loss(of_known)  # -log of the best q at the true class
        return ops.mean(unlabelled_loss(y_pred)) + ops.mean(own + self.weight * cross_entropy)


# %%
N_M2 = budget(3, quick=1)  # draws


def guesses_by_m2(codes, codes_test, chosen, seed):
    keras.utils.set_random_seed(seed)
    codes, codes_test = codes / codes.std(), codes_test / codes.std()
    model, epochs = M2(codes[chosen], y_train[chosen]), budget(8, quick=4)
    predict_in_batches(model, codes_test[:2])  # builds it
    steps = epochs * len(codes) // 200
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(schedule), **fast(model, steps))
    model.fit(codes, batch_size=200, epochs=epochs, verbose=0)
    return predict_in_batches(model, codes_test).argmin(axis=1)


m2_guesses = [guesses_by_m2(*tuned_codes[draw], drawn(100, draw), SEED + draw) for draw in range(N_M2)]
m2_errors = [error_rate(guess) for guess in m2_guesses]
print("M2 on tuned codes, 100 labels:", ", ".join(f"{error:.2f} %" for error in m2_errors))
print("fine-tuned, the same draws:   ", ", ".join(f"{error:.2f} %" for error in transfer["fine-tuned"][0][:N_M2]))

# %% [markdown]
# (The minimum of the exercise is $U(x) = -\log \sum_y e^{-L_y(x)}$: as if the probabilities $e^{-L_y}$ of the image with each class were added up. That is what "summed out" means.)
#
# **What to notice.** M2 on the fine-tuned codes is better than the fine-tuned network in each of the three draws, by 0.4, 2.5 and 1.4 points, and far from the graph's 4.2%. (The paper has 11.97 ± 1.71 % for M2 on pixels, and 3.33 % on a code, with networks and trainings larger than ours.) Unlike the graph it can be asked about a new digit at once.

# %% [markdown]
# ## 5. Strange digits
#
# Another use of a code, without a single label: an **alarm**. Digits of one class are *normal*, all others are **anomalies**, and none of the anomalies is there to learn from. Wanted is a **score** of each image, the higher the stranger.
#
# To compare scores one needs no threshold. The **AUROC** (area under the receiver operating characteristic) is the chance that a random anomaly has a higher score than a random normal image, where a tie counts one half. It is 0.5 for a score that knows nothing and 1 for one that separates the two. Only the order counts: the logarithm of a score has the same AUROC.
#
# ### Exercise 4: the AUROC


# %% tags=["nbval-check-output"]
def auroc(normal, anomalous):
    """Chance that a random anomalous score exceeds a random normal one, ties one half; (n,), (m,) to a number."""
    return ...  # your code; thousands of scores make millions of pairs


auroc = ex.auroc.check(auroc)

# %% [markdown]
# ### Three scores, and their sum
#
# An autoencoder that has learnt from normal digits $x$ alone, with encoder $f$ and decoder $g$, offers three scores:
#
# 1. the **error** $\lVert x - g(f(x)) \rVert^2$: what it has never seen it cannot draw;
# 2. the **error over the energy** $\lVert x \rVert^2$: an image with little ink has little to be wrong about, strange or not;
# 3. the **distance of the code** from the normal codes. A digit that is drawn well may still have a code where no normal digit has one. With $\mu$ and $\Sigma$, mean and covariance of the normal codes, the **Mahalanobis distance** is
#
# $$\sqrt{(f(x) - \mu)^\top\, \Sigma^{-1}\, (f(x) - \mu)}.$$
#
# ### Exercise 5: the Mahalanobis distance


# %% tags=["nbval-check-output"]
def mahalanobis(codes, normal_codes):
    """Distance, not squared, of each code (n, d) from the mean of the normal codes (m, d); shape (n,).

    It is in units of the normal codes' covariance, `np.cov`.
    """
    return ...  # your code


mahalanobis = ex.mahalanobis.check(mahalanobis)

# %% [markdown]
# The second score and the third one notice different things, so add them. Their scales are unlike, so take logarithms first, and divide each by its spread (standard deviation) over **held-back** normal digits, which no model has learnt from. That is the **sum**. The held-back digits are the validation digits of the normal class.


# %%
def scorer(encode, decode, normal, held_back):
    """Of a model of the normal images: a function from images to four scores, a dictionary of arrays (n,)."""
    normal_codes = encode(normal)

    def parts(images):
        codes = encode(images)
        error, energy = (np.sum(np.square(pixels), axis=(1, 2, 3)) for pixels in (images - decode(codes), images))
        strange = np.log(mahalanobis(codes, normal_codes))
        return {"error": np.log(error), "error over energy": np.log(error / energy), "code": strange}

    spread = {name: np.std(values) for name, values in parts(held_back).items()}

    def scores(images):
        found = parts(images)
        return {**found, "sum": sum(found[name] / spread[name] for name in ("error over energy", "code"))}

    return scores


def by_autoencoder(model, normal, held_back):
    encode, decode = (
        lambda inputs, part=part: predict_in_batches(part, inputs) for part in (model.encoder, model.decoder)
    )
    return scorer(encode, decode, normal, held_back)


# %% [markdown]
# The rival is **PCA**. It is a linear autoencoder, is fitted in a moment, and has an error, an energy and a code, so it gets the same four scores. To compare a deep method with the plain error of PCA, or not with PCA at all, is common and not fair. PCA's width is chosen for it, from five, by the mean AUROC of the sum on validation digits.


# %%
def by_pca(fitted, width, normal, held_back):
    """The four scores of a fitted PCA, cut to its first components."""
    axes = fitted.components_[:width]

    def encode(images):
        return (images.reshape(len(images), -1) - fitted.mean_) @ axes.T

    def decode(codes):
        return (codes @ axes + fitted.mean_).reshape(-1, *x_train.shape[1:])

    return scorer(encode, decode, normal, held_back)


def detection(scores, normal):
    """AUROC of each score, where `normal` (n,) says which images are."""
    return {name: auroc(values[normal], values[~normal]) for name, values in scores.items()}


# %%
def train_on(images, width, seed, name, epochs):
    """A denoising autoencoder of these images alone."""
    keras.utils.set_random_seed(seed)
    batches = FreshBatches(images, noisy(0.3), batch_size=64, seed=seed)
    model = build_conv_autoencoder(width)
    return train(model, batches, name, loss="mse", learning_rate=3e-3, epochs=epochs, shown=False)


DIGITS = budget(range(10), quick=(1, 8))
WIDTH, PCA_WIDTHS = 32, budget((16, 32, 64, 128, 192), quick=(16, 32, 64))
one_normal, linear_models, pca_valid = {}, {}, []
for digit in DIGITS:
    normal, held_back = x_train[y_train == digit], x_valid[y_valid == digit]
    model = train_on(normal, WIDTH, SEED + digit, f"only {digit}", budget(12, quick=10))
    one_normal[digit] = (model, by_autoencoder(model, normal, held_back))
    fitted = PCA(max(PCA_WIDTHS), random_state=0).fit(flat(normal))
    linear_models[digit] = [by_pca(fitted, width, normal, held_back) for width in PCA_WIDTHS]
    pca_valid.append([detection(rival(x_valid), y_valid == digit)["sum"] for rival in linear_models[digit]])

# %%
best = int(np.mean(pca_valid, axis=0).argmax())
print(f"PCA's width, chosen on validation digits: {PCA_WIDTHS[best]}")
test_scores = {digit: scores(x_test) for digit, (_, scores) in one_normal.items()}
both = {"autoencoder": [detection(scores, y_test == digit) for digit, scores in test_scores.items()]}
for place in dict.fromkeys([PCA_WIDTHS.index(32), best]):
    rivals = {digit: several[place] for digit, several in linear_models.items()}
    name = f"PCA {PCA_WIDTHS[place]}"
    both[name] = [detection(rival(x_test), y_test == digit) for digit, rival in rivals.items()]
aurocs = {
    f"{model}: {score}": np.array([row[score] for row in rows]) for model, rows in both.items() for score in rows[0]
}
cells = np.array([[*values, values.mean()] for values in aurocs.values()])
plotting.table(100 * cells, list(aurocs), [*DIGITS, "mean"], xlabel="normal digit", title="AUROC in %")

# %% [markdown]
# **What to notice.** Look at the single scores first. The autoencoder's best has a mean of 0.957, PCA's best 0.958: no difference worth its training. And the plain error of PCA with 32 components, 0.955, beats the published 0.948 of Deep SVDD (Ruff et al. 2018, the mean over their ten classes; a one-class SVM has 0.913 there. Their images were normalised otherwise, and their training sets a little larger). A deep detector that is not compared with PCA has not been compared. The *sum* lifts both, and puts the autoencoder ahead: 0.979 to 0.971 of PCA at the width chosen for it. Nearly all of that lead is from two digits, the 8 and the 2; at 4 and 6 PCA is ahead. The two parts notice different things: an image may be drawn badly, or drawn well from a code that no normal digit has. (And error over energy is no better than the error here. It is in the sum for section 6, where it will matter.) Ones are the easiest, probably as they are all alike, and eights the hardest.

# %% [markdown]
# ## 6. Nine normal digits, one strange
#
# Now the other way round: nine classes are normal, the tenth is the anomaly. Each of ten autoencoders learns from some thousand digits of nine classes, without being told which is which.

# %%
N_NINE = budget(8000, quick=1200)
nine_normal, models_of_nine = {"autoencoder": [], "PCA 32": []}, {}
for digit in DIGITS:
    others = x_train[np.flatnonzero(y_train != digit)[:N_NINE]]
    model = train_on(others, WIDTH, SEED + digit, f"all but {digit}", budget(3, quick=3))
    held_back, models_of_nine[digit] = x_valid[y_valid != digit], model
    linear = by_pca(PCA(32, random_state=0).fit(flat(others)), 32, others, held_back)
    for name, scores in {"autoencoder": by_autoencoder(model, others, held_back), "PCA 32": linear}.items():
        nine_normal[name].append(detection(scores(x_test), y_test != digit))
nine = {
    f"{model}: {score}": np.array([row[score] for row in rows])
    for model, rows in nine_normal.items()
    for score in rows[0]
}
cells = np.array([[*values, values.mean()] for values in nine.values()])
plotting.table(100 * cells, list(nine), [*DIGITS, "mean"], xlabel="digit that is the anomaly", title="AUROC in %")

# %%
drawn_again = predict_in_batches(models_of_nine[1], x_test)
linear = PCA(32, random_state=0).fit(flat(x_train[np.flatnonzero(y_train != 1)[:N_NINE]]))
by_components = linear.inverse_transform(linear.transform(flat(x_test))).reshape(x_test.shape).clip(0, 1)
errors = np.sum(np.square(x_test - by_components), axis=(1, 2, 3))
order = np.argsort(errors)
ones, others = (order[(y_test[order] == 1) == is_one] for is_one in (True, False))
columns = [part[int(share * (len(part) - 1))] for part in (ones, others) for share in (0, 0.25, 0.5, 0.75, 1)]
rows = {"input": x_test[columns], "PCA without ones": by_components[columns]}
rows["autoencoder\nwithout ones"] = drawn_again[columns]
plotting.image_rows(rows, column_titles=[f"is {y_test[i]}\nPCA off {errors[i]:.0f}" for i in columns])

# %% [markdown]
# **What to notice.** Find the 1 in the row of PCA's error: an AUROC of 0.27, worse than a guess. The error does not merely fail there, it says the opposite: most ones are drawn *better* than the digits that were learnt, by a model that has never seen one. The pictures show why: a one has little ink, and a stroke is part of every digit. Over the energy, ones come out as strange again (0.72); the sum takes part of that back (0.66), as by its code a one is normal (0.40). Our autoencoder is not fooled in this way (0.91), but the picture shows that this is no insight of its own. By the distance of its code a one is hardly strange to it (0.56), yet from that code the decoder often draws a bright mess; why, we did not look into. The sum's lead over PCA is gone: 0.762 to 0.752, and without the 1 PCA leads, at a width that nobody chose for it. For the other digits nine normal classes are far harder than one, for both models, and a 9 among the others is not found at all. A detector that was tested by one protocol has been tested by one protocol.
#
# ## 7. From score to alarm
#
# An AUROC rings no bell. Somebody must say above which score there is an alarm, and the price of that is the rate of **false alarms**, the share of normal images above the threshold. The only honest place to choose it are normal images that no model has learnt from, and no test image either: training digits have smaller errors than new ones, so a threshold set on them rings too often.
#
# ### Exercise 6: the threshold


# %% tags=["nbval-check-output"]
def alarm_threshold(held_back_scores, rate):
    """The lowest of the held-back scores (n,) above which at most a share `rate` of them lies; one number.

    If all scores differ, floor(rate * n) of them are above it.
    """
    return ...  # your code


alarm_threshold = ex.alarm_threshold.check(alarm_threshold)

# %% [markdown]
# We aim at 5%. How exactly can that be met? Of $n$ held-back digits 5% are above the threshold by choice. The true rate behind it still varies from one sample to the next by about $\sqrt{0.05 \cdot 0.95 / n}$: 1 point for 500 digits, 1.4 for half as many.


# %%
def alarms(digit, part):
    """False alarms and anomalies found, in %, with the threshold from every `part`-th held-back digit."""
    scores, held_back = test_scores[digit]["sum"], x_valid[y_valid == digit][::part]
    threshold = alarm_threshold(one_normal[digit][1](held_back)["sum"], 0.05)
    return 100 * np.mean(scores[y_test == digit] > threshold), 100 * np.mean(scores[y_test != digit] > threshold)


rates = {
    f"from {name}": np.array([alarms(digit, part) for digit in DIGITS]) for part, name in {1: "all", 2: "half"}.items()
}
for name, values in rates.items():
    print(f"{name:9}: false alarms {over_draws(values[:, 0])}%, anomalies found {over_draws(values[:, 1])}%")
plotting.bars(
    {f"threshold {name} held-back digits": values[:, 0] for name, values in rates.items()},
    "false alarms on test digits in %",
    groups=DIGITS,
    title="aimed at 5%",
)

# %% [markdown]
# **What to notice.** On the mean over the digits 6.2 % of the normal test digits ring, more than the 5 % aimed at. By digit it goes from 3.0 to 10.2 %, further than the chance of 500 held-back digits explains. A likely cause: neighbours in MNIST's order are no random sample. The held-back digits are one block, the last 5,000, and the test digits were written by other people. The half is part of the same block, so it misses by as much. That is the usual case outside a lesson too, so a rate that was promised is measured again where the alarm is used. With this threshold 91.1 % of the anomalies are found.

# %% tags=["picture"]
DIGIT = 8
model, scores = one_normal[DIGIT]
threshold = alarm_threshold(scores(x_valid[y_valid == DIGIT])["sum"], 0.05)
order = np.argsort(test_scores[DIGIT]["sum"])
eights, others = (order[(y_test[order] == DIGIT) == normal] for normal in (True, False))
columns = [*eights[[0, len(eights) // 4, len(eights) // 2, -1]], *others[[0, 1, 2]]]  # the last of them: false alarm
columns += [*others[[len(others) // 20, len(others) // 2, -1]]]
pca_of_digit = PCA(PCA_WIDTHS[best], random_state=0).fit(x_train[y_train == DIGIT].reshape(-1, 784))
by_components = pca_of_digit.inverse_transform(pca_of_digit.transform(x_test[columns].reshape(-1, 784)))
rows = {"input": x_test[columns], "PCA": by_components.reshape(-1, 28, 28, 1).clip(0, 1)}
rows["autoencoder"] = predict_in_batches(model, x_test[columns])
verdicts = ["alarm" if test_scores[DIGIT]["sum"][i] > threshold else "normal" for i in columns]
plotting.image_rows(rows, column_titles=[f"{y_test[i]}\n{verdict}" for i, verdict in zip(columns, verdicts)])

# %% [markdown]
# **What to notice.** Eights that are drawn well pass. The fourth is an eight by its label and rings, the false alarm with the highest score. Of the others the first three have the lowest scores: thick ones, which the autoencoder draws as faithfully as PCA, perhaps for an eight's middle is such a stroke. They are misses, and so is the next, at the 5 % mark of all anomalies. The last two ring; of the last one the autoencoder makes nothing that anybody would know, as no eight has led it there.
#
# ## 8. A likelihood that misleads
#
# An autoencoder has no likelihood. A variational one has (a bound of it), so let that be the score: strange is what is unlikely. We train a small VAE on all digits but ones, with pixels drawn as 0 or 1, so that lesson 07's likelihood of coins is one. The score of an image is $-\log_2 p(x)$, in bits, by the ELBO.
#
# ### Exercise 7: a prediction
#
# What is the AUROC of this score, for ones as anomalies and the other test digits as normal? (Within 0.15 counts as right.)

# %%
ones_auroc = ...  # your prediction, from 0 to 1


# %%
def bits_of_a_vae_without(digit):
    """-log2 p(x) of the binary test digits, by a VAE that never saw the digit."""
    keras.utils.set_random_seed(SEED)
    others = x_train[np.flatnonzero(y_train != digit)[: budget(20_000, quick=3000)]]
    batches = FreshBatches(others, binarised_pair, batch_size=100, seed=SEED)
    vae, name = build_dense_vae(16, hidden=(200,), seed=SEED), f"VAE without {digit}"
    train(vae, batches, name, loss=bernoulli_nll, learning_rate=3e-3, epochs=budget(12, quick=5))
    return sum(negative_elbo_terms(vae, binary, 4, seed=SEED)) / np.log(2)


binary = binarise(x_test, np.random.default_rng(SEED))
bits = bits_of_a_vae_without(1)
likelihood_auroc = auroc(bits[y_test != 1], bits[y_test == 1])
ex.ones_auroc.check(ones_auroc, likelihood_auroc)
ones, rest = bits[y_test == 1], bits[y_test != 1]
print(f"AUROC {likelihood_auroc:.3f}; bits of ones {ones.mean():.0f}, of the others {rest.mean():.0f}")

# %% [markdown]
# **What to notice.** An AUROC of 0.10 is worse than any guess: nine times in ten a one is *more* likely than a digit of the kinds that the VAE has learnt from. It takes 118 bits where the others take 164. That is no failure of the training. The likelihood says how few bits an image costs, and a one is a cheap image: few pixels about which one could be unsure. Nalisnick et al. (2019) found the same with photographs: models of CIFAR-10 hold house numbers for more likely than what they were trained on.
#
# A proposal (Serrà et al. 2020): ask not how many bits an image costs, but how many more, or fewer, than a coder needs that has learnt nothing. Such a coder is at hand, zlib. The new score is $-\log_2 p(x)$ less the length of the compressed image, both in bits. It is a log-ratio of likelihoods, as a coder of $b$ bits is a model that gives the image the probability $2^{-b}$.
#
# ### Exercise 8: how simple is an image?


# %% tags=["nbval-check-output"]
def zlib_bits(images):
    """Bits that zlib, level 9, needs for each image (n, height, width, 1) in [0, 1], rounded to 8 bits; shape (n,)."""
    return ...  # your code; Python's `zlib.compress` takes bytes, and a byte has 8 bits


zlib_bits = ex.zlib_bits.check(zlib_bits)

# %%
simple, remedied = zlib_bits(binary), {}
for digit, cost in {1: bits, 8: bits_of_a_vae_without(8)}.items():
    strange = {"likelihood": cost, "likelihood less zlib": cost - simple, "zlib alone": -simple}
    remedied[digit] = {name: auroc(score[y_test != digit], score[y_test == digit]) for name, score in strange.items()}
    for name, value in remedied[digit].items():
        print(f"anomaly {digit}, {name:20} AUROC {value:.3f}")

# %%
order = np.argsort(bits)
ones, others = (order[(y_test[order] == 1) == is_one] for is_one in (True, False))
columns = [*ones[:: len(ones) // 4][:4], ones[-1], *others[:: len(others) // 4][:4], others[-1]]
titles = [f"is {y_test[i]}\n{bits[i]:.0f} bits" for i in columns]
plotting.image_rows({"test digit": x_test[columns], "as the VAE gets it": binary[columns]}, column_titles=titles)

# %%
who = {"other digits": y_test != 1, "ones": y_test == 1}
costs = {"likelihood": bits, "likelihood less zlib": bits - simple}
plotting.histograms(
    {f"{name}, {of}": cost[chosen] for name, cost in costs.items() for of, chosen in who.items()}, "bits"
)

# %% [markdown]
# **What to notice.** For ones the remedy works: 0.990. But look at the third line. The length of the compressed image *alone*, with no model at all, is as good: ones are simple, and now simple counts as strange. Then eights must be in trouble, for they are anything but simple, and so it is: the likelihood finds eights with an AUROC of 0.875, and the remedy spoils that to 0.47. zlib is a poor coder of such images: it needs several times the VAE's bits, so its length rules the difference. (Serrà et al. used coders made for images, and whole other data sets as anomalies; this says nothing of those.) A remedy that is shown on one pair of data sets may be a remedy for that pair. Nor is section 5's sum a remedy: in section 6 it finds eights among nine with 0.65, PCA's with 0.73, where the likelihood has 0.875.
#
# ## What you should see

# %% tags=["headline"]
by_graph, by_m2 = np.mean(graph_errors["graph of codes"]), np.mean(m2_errors)
published = "M1+M2 3.33 ± 0.14, Kingma et al. 2014 (inductive)"
expect("100 labels, graph of codes: error", by_graph, at_most=budget(6, quick=22), unit="%", published=published)
below = np.mean(graph_errors["graph of PCA 30"]) - by_graph
expect(
    "the same, below the graph of PCA",
    below,
    at_least=budget(-0.6, quick=-6),
    at_most=budget(0.6, quick=6),
    unit="points",
)
tuned_error = transfer["fine-tuned"][0].mean()
expect("100 labels, fine-tuned: error", tuned_error, at_most=budget(15, quick=30), unit="%")
expect("the same, below from scratch", gaps[0], at_least=budget(0, quick=-5), unit="points")
control = transfer["random encoder"][0].mean() - transfer["frozen"][0].mean()
expect("100 labels, frozen below the random encoder", control, at_least=budget(6, quick=0), unit="points")
expect("100 labels, M2 on codes: error", by_m2, at_most=budget(13, quick=35), unit="%")

# %%
means = {name: values.mean() for name, values in aurocs.items()}
linear = f"PCA {PCA_WIDTHS[best]}: sum"
published = "Deep SVDD 0.948, one-class SVM 0.913, Ruff et al. 2018"
ours_sum = means["autoencoder: sum"]
expect("one normal digit, sum: mean AUROC", ours_sum, at_least=budget(0.975, quick=0.9), published=published)
expect("the same, above PCA's sum", ours_sum - means[linear], at_least=budget(0.002, quick=-0.05))
expect("PCA 32, plain error: mean AUROC", means["PCA 32: error"], at_least=budget(0.95, quick=0.9))
of_ones = nine["PCA 32: error"][list(DIGITS).index(1)]
expect("digit 1 as the anomaly, PCA's error: AUROC", of_ones, at_most=budget(0.35, quick=0.45))
alarm_rate = rates["from all"][:, 0].mean()
expect("false alarms, aimed at 5", alarm_rate, at_least=budget(3, quick=2), at_most=budget(7, quick=15), unit="%")

# %%
expect("ones, likelihood without ones: AUROC", likelihood_auroc, at_most=budget(0.15, quick=0.3))
expect("the same, likelihood less zlib", remedied[1]["likelihood less zlib"], at_least=budget(0.95, quick=0.8))
for_eights = remedied[8]["likelihood"] - remedied[8]["likelihood less zlib"]
expect("eights instead: how much worse zlib makes it", for_eights, at_least=budget(0.2, quick=0.05))

# %% [markdown]
# One run shows little. The whole lesson was run twice more in the full profile, each time with another seed for all networks and draws (`make seeds LESSON=13`). Here are the same numbers from those runs:

# %%
print(f"{'seed':52}" + "".join(f"{name.removeprefix('seed '):>10}" for name in ("seed 14", "seed 15")))
for row in stored_table("seeds_13"):
    print(f"{row.pop('what'):52}" + "".join(f"{float(value):10.4f}" for value in row.values()))

# %% [markdown]
# ## Summary
#
# - Whether a code has learnt something, a control says: here a random encoder. Whether it is worth its training, PCA and the network from scratch say.
# - Digits without labels say where digits lie. A graph of neighbours brings 100 labels further than any classifier here that looks at the 100 alone, in the code as in PCA; it is transductive.
# - A missing label is a hidden variable: sum it out.
# - For anomalies PCA is a strong rival, score by score. What puts the autoencoder ahead, with one normal digit, is a sum of two scores that notice different things; with nine the lead is gone.
# - A threshold comes from normal images that were held back, and its rate of false alarms is known at best as well as their number allows, and only while the normal stays what it was.
# - Errors and likelihoods can be small for simple images, strange or not: PCA's error, the VAE's likelihood.
#
# ## Pitfalls
#
# - **More labels than claimed.** New "labelled" digits each epoch, 1,000 where 100 are claimed, or labels that only choose settings: all of them count, and should be told.
# - **The missing label guessed instead of summed out.** The model then learns more from its own mistakes, as no doubt is left.
# - **Epochs chosen on the test set**, or thresholds set there: the numbers that follow are no measurement.
# - **A threshold set on training images.** Their errors are smaller than those of new ones, so it rings too often.
# - **A transductive result beside inductive ones** without a word.
# - **No linear rival.** PCA's plain error beats some published deep detectors.
# - **A head with large first sums** on a trained encoder is sure of wrong answers, and its gradients can spoil what was learnt.
# - **One protocol.** What finds nine strange classes among one normal may be fooled by one strange class among nine.
# - **A remedy tried on one anomaly only.** What mends the ones may spoil the eights.
#
# ## References
#
# - Vincent, Larochelle, Bengio & Manzagol, [Extracting and composing robust features with denoising autoencoders](https://doi.org/10.1145/1390156.1390294), 2008.
# - Zhu & Ghahramani, [Learning from labeled and unlabeled data with label propagation](http://mlg.eng.cam.ac.uk/zoubin/papers/CMU-CALD-02-107.pdf), 2002.
# - Zhu, Ghahramani & Lafferty, [Semi-supervised learning using Gaussian fields and harmonic functions](https://aaai.org/papers/icml03-118-semi-supervised-learning-using-gaussian-fields-and-harmonic-functions/), 2003: the walker.
# - Zelnik-Manor & Perona, [Self-tuning spectral clustering](https://proceedings.neurips.cc/paper/2004/hash/40173ea48d9567f1f393b20c855bb40b-Abstract.html), 2004: each point's own unit of distance.
# - Kingma, Rezende, Mohamed & Welling, [Semi-supervised learning with deep generative models](https://arxiv.org/abs/1406.5298), 2014: M1 and M2.
# - Ruff et al., [Deep one-class classification](https://proceedings.mlr.press/v80/ruff18a.html), 2018: Deep SVDD, and the rivals' figures.
# - Nalisnick, Matsukawa, Teh, Gorur & Lakshminarayanan, [Do deep generative models know what they don't know?](https://arxiv.org/abs/1810.09136), 2019.
# - Serrà et al., [Input complexity and out-of-distribution detection with likelihood-based generative models](https://arxiv.org/abs/1909.11480), 2020.
