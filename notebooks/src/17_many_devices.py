# ---
# jupyter:
#   course: {reading: 50, doing: 45, needs: [jax]}
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
# # Many devices: one model, shared work
#
# A model that takes a week on one device should take a day on seven. Sometimes it does. This lesson trains one VAE on several devices and asks the two questions that come before any cluster: is it still the *same* training, and what is there to gain? Two processor cores are enough for both answers, also where the answer is "nothing".
#
# **You will learn**
#
# - what devices have to tell each other in a step, and how many numbers travel for that;
# - how to train with `keras.distribution` on JAX, on several devices of one process and in several processes, and how to prove that the weights are those of one device;
# - two ways in which a shared training goes wrong without any error;
# - how to train on more images than fit into memory, as fast as from memory;
# - how to predict, from a few measured times, what 8, 64 or 512 devices would gain, and what a larger batch does to that.
#
# **You need** lesson 07 (variational autoencoders). Some cells need the package `jax`, which Colab has and `requirements.txt` lists. Processes that compute together on CPUs need Linux or macOS, the limit of memory in section 6 needs Linux; Colab has all.
#
# **The quick profile** has 4,000 digits, two sizes of batch and one seed, and measures fewer times, which it holds to no bounds; the text describes the full run.

# %%
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# %%
import course_utils
import ml_dtypes
import numpy as np
import tensorflow as tf
from course_utils import plotting
from course_utils.batches import binarise
from course_utils.data import load
from course_utils.exercises import lesson_17 as ex
from course_utils.lesson import budget, expect, profile, setup
from course_utils.losses import bernoulli_nll
from course_utils.metrics import kl_divergence, negative_elbo_terms
from course_utils.models import build_dense_vae
from course_utils.training import callbacks

import keras

cpu = tf.config.list_physical_devices("CPU")[0]  # for section 5: two devices, before TensorFlow starts
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
setup(seed=17)

# %% [markdown]
# Black-and-white digits, binarised once, and one small VAE for the whole lesson: 784 pixels, 200 hidden units, a code of 10 numbers. First it learns for a moment, so that its gradients are those of a training under way.

# %%
mnist = load("mnist")
train, valid, test = (
    binarise(images, np.random.default_rng(seed))
    for seed, images in enumerate((mnist.x_train, mnist.x_valid[:1000], mnist.x_test[:1000]))
)


def small_vae(seed):
    keras.utils.set_random_seed(seed)
    return build_dense_vae(10, hidden=(200,), seed=seed)


def negative_elbo(model, images):
    """In nats per image, by one draw of the code; a float."""
    return float(np.mean(sum(negative_elbo_terms(model, images, 1))))


vae = small_vae(17)
vae.compile("adam", loss=bernoulli_nll)
vae.fit(train, train, batch_size=128, epochs=budget(1, quick=3), verbose=0, callbacks=callbacks("VAE"))
n_weights = sum(weight.size for weight in vae.get_weights() if weight.dtype == np.float32)
print(f"{n_weights:,} weights in {len(vae.trainable_variables)} arrays, {4 * n_weights / 2**20:.1f} MiB")

# %% [markdown]
# ## 1. One gradient from two devices
#
# Write $\ell(x; \theta)$ for the negative ELBO of image $x$ with weights $\theta$. The loss of a batch $x_1, \dots, x_B$ is the mean, and so is its gradient:
#
# $$g = \frac1B \sum_{i=1}^{B} \nabla_\theta\, \ell(x_i; \theta).$$
#
# A sum can be taken in parts. Each of $n$ devices has a copy of the weights and a part of the batch, its **shard**. It computes the mean gradient of its own shard. Then all devices must come to the same $g$, since the next step must leave all copies alike. This is **data parallelism**. Nothing in it is approximate.
#
# ### Exercise 1: shards of any size


# %% tags=["nbval-check-output"]
def combined(gradients, sizes):
    """The gradient of the mean over a batch that lies on several devices; shape (...).

    gradients (devices, ...): of the mean over each device's own images; sizes (devices,): how many those are.
    """
    return ...  # your code


combined = ex.combined.check(combined)

# %% [markdown]
# Does it hold for the VAE? Its loss also depends on the noise $\varepsilon$ of the sampled code. So the noise is given here, one row for each image, and a shard takes its rows along.


# %%
@tf.function
def gradient(images, noise):
    """The gradient of the mean negative ELBO, all arrays in one row."""
    with tf.GradientTape() as tape:
        mean, log_var = vae.encoder(images)
        drawn = vae.decoder(mean + tf.exp(log_var / 2) * noise)
        loss = tf.reduce_mean(bernoulli_nll(images, drawn) + kl_divergence(mean, log_var))
    return tf.concat([tf.reshape(part, [-1]) for part in tape.gradient(loss, vae.trainable_variables)], axis=0)


# %%
rng = np.random.default_rng(17)
batch, noise = train[:128], rng.normal(size=(128, 10)).astype(np.float32)
whole = gradient(batch, noise)


def off(shards, merge):
    """How far the merged gradients of shards, slices of the batch, lie from the whole batch's, relative to its size."""
    parts = np.array([gradient(batch[shard], noise[shard]) for shard in shards])
    merged = merge(parts, [shard.stop - shard.start for shard in shards])
    return np.linalg.norm(merged - whole) / np.linalg.norm(whole)


halves, unequal = [slice(0, 64), slice(64, 128)], [slice(0, 120), slice(120, 128)]
differences = {
    "64 + 64, plain mean": off(halves, lambda parts, sizes: parts.mean(axis=0)),
    "120 + 8, plain mean": off(unequal, lambda parts, sizes: parts.mean(axis=0)),
    "120 + 8, weighted by size": off(unequal, combined),
}
for name, difference in differences.items():
    print(f"{name:26} differs from the whole batch's gradient by {difference:.1e} of its length")

# %% [markdown]
# **What to notice.** Equal shards need nothing but a mean; what is left is rounding, about $10^{-7}$. With unequal shards the plain mean is another gradient, far away: the eight images of the small shard count fifteen times as much as the others. Weighted by size it is right again. Remember this number when we come to batches that don't divide.
#
# ## 2. How the sum travels
#
# The devices have to add up their gradients, and all have to end with the sum. That is called an **all-reduce**. If all sent everything to one device, its link would carry $n - 1$ gradients in and as many out, while the others wait. The **ring** shares the work of sending as well: cut the gradient into $n$ chunks and let each device send one chunk to its neighbour, all at the same time. In the first half, $n - 1$ steps, sums grow as they go round. Then each device has the whole sum of one chunk. In the second half, $n - 1$ steps again, the finished chunks go round, and each device keeps a copy.
#
# ### Exercise 2: a step of the ring


# %% tags=["nbval-check-output"]
def ring_step(chunks, step):
    """One step of the first half of a ring all-reduce; shape (n, n, length), as `chunks`.

    chunks[d, c] is chunk c of device d, of n. All at once, device d sends its chunk (d - step) mod n to device
    (d + 1) mod n, which adds it to its own chunk of that number.
    """
    return ...  # your code


ring_step = ex.ring_step.check(ring_step)

# %%
states = [np.ones((4, 4, 1))]  # each chunk holds one device's number at first: a 1 to count by
for step in range(3):
    states.append(ring_step(states[-1], step))
plotting.number_grids({f"after {step} steps": state[..., 0] for step, state in enumerate(states)})

# %% [markdown]
# **What to notice.** A row is a device, a column a chunk, a number says how many devices' gradients are in the sum. After three steps each device holds one 4: a finished chunk, each another one.
#
# Count what a device sends: $2(n - 1)$ chunks of a gradient's $n$-th part, so $2\,(n-1)/n$ gradients. With two devices that is one gradient, with a thousand it is nearly two, and never more. The number of *steps*, however, grows with $n$. We will meet both again in section 8.
#
# ## 3. Two devices, two processes, one training
#
# In Keras the shared training is a matter of two lines, on JAX: make a `DataParallel` and set it. (Keras 3 does not work with TensorFlow's strategy for several machines, and its maintainers point to `keras.distribution` on JAX: [keras#20585](https://github.com/keras-team/keras/issues/20585).) The number of devices is settled when JAX starts, and this notebook runs TensorFlow. So what follows runs as scripts, in a folder of their own, as it would on a cluster. The scripts are short, read them.

# %%
os.chdir(os.environ.setdefault("MANY_DEVICES", tempfile.mkdtemp()))  # the same one if the cell is run again
sys.path.insert(0, os.getcwd())

# %%
# %%writefile train.py
"""Fifty SGD steps of a VAE on the devices that are given."""

import keras
import tensorflow as tf
from course_utils.losses import bernoulli_nll
from course_utils.models import build_dense_vae
from keras import distribution


def trained(devices, images):
    """Loss of each step and final weights, as a dictionary of arrays, and the trained model."""
    distribution.set_distribution(distribution.DataParallel(devices=devices))
    keras.utils.set_random_seed(17)
    vae = build_dense_vae(10, hidden=(200,), seed=17)
    vae.compile(keras.optimizers.SGD(0.01), loss=bernoulli_nll)
    batches = tf.data.Dataset.from_tensor_slices((images, images)).batch(64)
    losses = vae.fit(batches, steps_per_epoch=1, epochs=50, verbose=0).history["loss"]
    return {"losses": losses} | {str(i): weight for i, weight in enumerate(vae.get_weights())}, vae


# %%
# %%writefile one_process.py
"""On one and on two devices of one process; then a batch of 5 on two."""

from pathlib import Path

import keras
import numpy as np
from train import trained

images, devices = np.load("images.npy"), keras.distribution.list_devices()
for n in (1, 2):
    found, vae = trained(devices[:n], images)
    np.savez(f"{n}_devices", **found)
try:
    vae.evaluate(images[:5], images[:5], batch_size=5, verbose=0)
except ValueError as error:
    Path("error.txt").write_text(str(error))

# %%
# %%writefile two_processes.py
"""One of two processes with a device each. Arguments: which one, and the address at which they meet."""

import sys

import keras
import numpy as np
import tensorflow as tf
from keras import distribution
from train import trained

process, address = int(sys.argv[1]), sys.argv[2]
keras.utils.set_random_seed(17)  # else `initialize` draws a seed, one for all
distribution.initialize(address, num_processes=2, process_id=process)
images = np.load("images.npy")
found, vae = trained(distribution.list_devices(), images)
numbers = tf.data.Dataset.range(len(images)).batch(64)
own = [i for some in distribution.distribution().distribute_dataset(numbers) for i in some.numpy()]
try:
    five = vae.evaluate(tf.data.Dataset.from_tensors((images[:5], images[:5])), verbose=0, return_dict=True)["loss"]
except ValueError:  # as Keras has it from 3.14 on
    five = np.nan
np.savez(f"process_{process}", **found, own=own, five=five)

# %% [markdown]
# `DataParallel` puts a copy of the weights on each device, cuts each batch, and has JAX's compiler put the all-reduce where it belongs. The devices are **virtual**: JAX takes the processor for as many devices as `JAX_NUM_CPU_DEVICES` says. The two processes are joined by `jax.distributed`, which `keras.distribution.initialize` starts; they know nothing of each other but an address. On a cluster the same lines run on two machines.
#
# A process that ends early leaves the others waiting for ever. So `finish` looks at all of them, and ends all as soon as one fails or the time is up.


# %%
def start(script, *arguments, **environment):
    """Starts a script in a process of its own, on the CPU; returns the process."""
    course = {
        "PYTHONPATH": str(Path(course_utils.__file__).parents[1]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
    }
    cpu = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, script, *map(str, arguments)]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=os.environ | course | cpu | environment, **pipe)


def finish(*processes, seconds=300):
    """What each process printed, once all are done; if one fails or takes too long, all are ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not any(process.poll() for process in processes):
        if all(process.poll() == 0 for process in processes):
            return [process.stdout.read() for process in processes]
        time.sleep(0.1)
    for late in processes:
        late.kill()
    last_words = "\n".join(process.stdout.read()[-1500:] for process in processes)
    raise RuntimeError(f"A process failed, or {seconds} seconds were not enough. Last words:\n{last_words}")


# %%
def meeting_place():
    """An address on this machine that nobody uses yet."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return f"localhost:{free.getsockname()[1]}"


# %%
np.save("images.npy", train[:3200])
address = meeting_place()
on_jax = {"KERAS_BACKEND": "jax", "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo"}
soon = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}  # compiles faster and computes slower: right for 50 steps
one = start("one_process.py", **on_jax, **soon, JAX_NUM_CPU_DEVICES="2")
two = [start("two_processes.py", process, address, **on_jax, **soon, JAX_NUM_CPU_DEVICES="1") for process in (0, 1)]
_ = finish(one, *two)

# %%
runs = {name: np.load(f"{name}.npz") for name in ("1_devices", "2_devices", "process_0", "process_1")}
alone = runs["1_devices"]
keys = [key for key in alone.files if key != "losses"]


def differ(run, keys):
    """The largest difference to one device, relative to the largest number of each array."""
    return max(np.abs(run[key] - alone[key]).max() / np.abs(alone[key]).max() for key in keys)


off_weights = {name: differ(run, keys) for name, run in runs.items() if run is not alone}
off_losses = {name: differ(run, ["losses"]) for name, run in runs.items() if run is not alone}
print(f"one device: loss {alone['losses'][0]:.2f} in the first step, {alone['losses'][-1]:.2f} in the last")
for name in off_weights:
    print(f"{name}: losses differ by {off_losses[name]:.0e}, weights by {off_weights[name]:.0e}")
own = [set(runs[f"process_{i}"]["own"].tolist()) for i in (0, 1)]
unequal_bits = sum(np.sum(runs["process_0"][key] != runs["process_1"][key]) for key in keys)
print(f"weights that differ between the processes: {unequal_bits}")
print(f"images seen: {len(own[0])} and {len(own[1])}, by both {len(own[0] & own[1])}, by one {len(own[0] | own[1])}")

# %% [markdown]
# **What to notice.** Fifty steps later the weights agree to six or seven digits, though each number was added up in another order. The two processes hold the same weights, bit for bit: all got the same sum. And each image was seen by one of them. The noise agrees as well: on JAX a random number belongs to the place in the *whole* batch, wherever that lies.
#
# Why SGD? Adam divides by the size of the gradient. Where that is near zero, rounding decides about the sign of a full step. So Adam's weights drift apart sooner, and mean nothing worse.
#
# ## 4. A batch that does not divide
#
# An epoch seldom ends with a full batch. Both scripts were also given five images for two devices. The one with two devices in one process said:

# %%
print(Path("error.txt").read_text()[-210:])

# %% [markdown]
# An error, and a clear one. The two processes said:

# %%
of_five = [float(runs[f"process_{i}"]["five"]) for i in (0, 1)]
for process, loss in enumerate(of_five):
    print(f"process {process}: loss {loss:.2f}; times four {4 * loss:.1f}, times six {6 * loss:.1f}")

# %% [markdown]
# **What to notice.** No error, and two *different* losses of the same five images. One process got three of them and took the batch for six, the other got two and took it for four. Each divides the sum over all five, which they agree on, by its own number, and five it is in neither. (Keras 3.13 with JAX. From 3.14 on Keras refuses such a batch in two processes as well; then you see `nan` above.)
#
# In a training it is the gradient. Each process divides its own images' gradients before they are added up: by 6 in the one, by 4 in the other. The copies stay alike, so nothing drifts apart; but they take the plain mean of unequal shards, section 1's wrong gradient, in the last step of each epoch. Besides, they now run two different programs, which JAX does not allow for: on other hardware they may wait for each other for ever.
#
# In training the cure is to leave the rest out: `batch(64, drop_remainder=True)`. With fresh order in each epoch, no image is left out for ever. In an evaluation each image counts, so fill up and let what you added weigh nothing. Do the division yourself: with `sample_weight` Keras divides by the number of *all* images unless the loss says `reduction="mean_with_sample_weight"`, and a KL term from `add_loss` knows of no weights.
#
# ### Exercise 3: fill up


# %% tags=["nbval-check-output"]
def padded(images, devices):
    """The pair (filled, weights): images (n, ...) and as few more as make their number divide among the devices.

    filled (m, ...) begins with the images; weights (m,) are 1 for them and 0 for what fills up.
    """
    return ...  # your code


padded = ex.padded.check(padded)

# %%
few = test[:99]
filled, weights = padded(few, 8)


def costs(images):
    """Negative ELBO of each image, with the mean code."""
    mean, log_var = vae.encoder(images)
    return np.array(bernoulli_nll(images, vae.decoder(mean)) + kl_divergence(mean, log_var))


exact, values = costs(few).mean(), costs(filled)
plain, weighted = values.mean(), np.sum(weights * values) / np.sum(weights)
print(f"99 images: {exact:.3f}; filled up to {len(filled)}, plain mean {plain:.3f}, weighted {weighted:.3f}")

# %% [markdown]
# ## 5. Replicas
#
# `tf.distribute.MirroredStrategy` shares a batch among the devices of one machine, with TensorFlow. Each device has a **replica**, a mirrored copy of the model. It is an older way, and there is much code that uses it. A VAE asks a question here that other models need not ask, unless they have dropout.
#
# ### Exercise 4: a prediction
#
# Two replicas each draw the noise for their half of the batch. Will it be `"the same"` for both halves, or `"different"`?

# %%
noise_guess = ...  # your prediction


# %%
class SeedOfEachReplica(keras.random.SeedGenerator):
    """Moves the seed on by a large step for each replica."""

    def next(self, ordered=True):
        replica = tf.distribute.get_replica_context()
        number = 0 if replica is None else replica.replica_id_in_sync_group
        return super().next(ordered) + tf.stack([1_000_003 * tf.cast(number, "int64"), 0])


one_adds = tf.distribute.ReductionToOneDevice()
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=one_adds)


def replicated(of_each):
    """A VAE on both replicas, with a seed of each replica's own or with Keras's."""
    with strategy.scope():
        model = small_vae(17)
        if of_each:
            model.sampling.seed_generator = SeedOfEachReplica(17)
        model.compile(keras.optimizers.SGD(0.01), loss=bernoulli_nll)
    return model


# %%
def drawn_noise(model):
    """What both replicas add to codes of mean 0 and variance 1: (2, 64, 10)."""
    zeros = tf.zeros((64, 10))
    draw = tf.function(lambda: strategy.run(model.sampling, [(zeros, zeros)]))
    return np.array(strategy.experimental_local_results(draw()))


correlations, models = {}, {"Keras's seeds": replicated(False), "a seed for each replica": replicated(True)}
for name, model in models.items():
    first, second = drawn_noise(model)
    correlations[name] = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    numbers = f"{first[0, :3].round(2)} and {second[0, :3].round(2)}"
    print(f"{name:24}: correlation {correlations[name]:+.3f}; the replicas begin with {numbers}")
ex.noise_guess.check(noise_guess, "the same" if correlations["Keras's seeds"] > 0.99 else "different")

# %%
few = {"x": train[:3200], "y": train[:3200], "batch_size": 64, "shuffle": False, "verbose": 0}
for name, model in list(models.items())[budget(0, quick=1) :]:
    losses = model.fit(**few, epochs=2).history["loss"]
    print(f"{name:24}: loss of two epochs on two replicas {losses[0]:.1f}, {losses[1]:.1f}")

# %% [markdown]
# **What to notice.** The same noise, number for number: a replica is a copy, its seed as well. (Keras 3.13; known as [keras#20611](https://github.com/keras-team/keras/issues/20611).) Nothing fails, and the losses tell nothing. The cure is four lines, a seed generator that asks which replica it works for.
#
# Does it matter? The gradient is right on average either way. But it is a mean over noise, and means get better by *independent* terms. Let $n$ replicas have 16 images each, and let us measure how much the gradient varies from draw to draw, in the sum of its variances: once with new noise for each image, and once with the same 16 rows of noise on all replicas. The images are drawn anew each time in both.

# %%
REPLICAS, N_DRAWS = budget((1, 2, 4, 8, 16), quick=(1, 4, 16)), budget(200, quick=20)


def variance(replicas, shared):
    """Sum of the variances of a gradient over draws of images and noise."""
    rng, drawn = np.random.default_rng(17), []
    for _ in range(N_DRAWS):
        noise = rng.normal(size=(16 * replicas, 10)).astype(np.float32)
        noise = np.tile(noise[:16], (replicas, 1)) if shared else noise
        drawn.append(gradient(train[rng.choice(len(train), 16 * replicas)], noise))
    return np.sum(np.var(drawn, axis=0, ddof=1))


spread = {
    name: np.array([variance(n, shared) for n in REPLICAS])
    for name, shared in {"the same noise on all replicas": True, "noise of its own for each image": False}.items()
}
plotting.curves(
    spread, "replicas of 16 images", "variance of the gradient", x=np.array(REPLICAS), log_x=True, log_y=True
)

# %%
same, own_noise = spread.values()
for n, one, other in zip(REPLICAS, same, own_noise):
    print(
        f"{n:2} replicas: variance {one:7.0f} with the same noise, {other:7.0f} with own noise, {one / other:.2f} times"
    )

# %% [markdown]
# **What to notice.** With noise of its own for each image the variance falls as $1/n$, as it should: twice the devices, half the variance. With the same noise it levels off. More and more images are averaged, but always over the same sixteen draws, and those are a good part of what makes a VAE's gradient vary. Sixteen devices then do the work of sixteen, and bring less than three would.
#
# ## 6. More images than memory
#
# So far all images lay in memory. Let us make more than we allow ourselves to hold: every training digit binarised again and again, in files of their own, **shards**, a byte a pixel.

# %%
SHARDS, LIMIT = budget((16, 256), quick=(50, 96))  # files; MiB that a training may take on top of what it starts with
os.makedirs("shards", exist_ok=True)
for i in range(SHARDS):
    rng = np.random.default_rng([17, i])
    binarise(mnist.x_train[rng.permutation(len(mnist.x_train))], rng).astype(np.uint8).tofile(f"shards/{i:03}.bin")
paths = sorted(map(str, Path("shards").iterdir()))
on_disk = sum(os.path.getsize(path) for path in paths) / 2**20
print(f"{SHARDS} files, {on_disk:.0f} MiB; as float32 in memory it would be {4 * on_disk:.0f} MiB")

# %%
# %%writefile pipeline.py
"""Batches from shards: read, shuffled, unpacked, and prepared while the model is busy."""

import tensorflow as tf

BYTES = 28 * 28


def unpacked(records):
    images = tf.reshape(tf.cast(tf.io.decode_raw(records, tf.uint8), tf.float32), (-1, 28, 28, 1))
    return images, images


def batches(paths, batch_size=128, seed=17):
    """A `tf.data.Dataset` of pairs of images `(batch_size, 28, 28, 1)`, without end; four shards are open at a time."""
    shards = tf.data.Dataset.from_tensor_slices(paths).shuffle(len(paths), seed=seed)
    records = shards.interleave(
        lambda path: tf.data.FixedLengthRecordDataset(path, BYTES), cycle_length=4, block_length=16
    )
    mixed = records.shuffle(10_000, seed=seed)
    return mixed.batch(batch_size, drop_remainder=True).map(unpacked).repeat().prefetch(2)


# %% [markdown]
# Order matters here. **Shuffle** the names of the files, read four in turn, and shuffle single images in a buffer of 10,000, which is 8 MB of bytes. **Batch before you unpack:** a call for a whole batch costs as much as one for an image. **Prefetch** last: the next two batches are made while the model works. An image takes four times the room as soon as it is float32, so that comes as late as it can.
#
# The script sets a limit to its own memory: 256 MiB more than it has taken when the model has made one step. At the end it tries to read all shards at once.

# %%
# %%writefile model.py
"""What `stream.py` trains, and on what. Arguments: the limit in MiB, and how many batches."""

import sys
from pathlib import Path

from course_utils.losses import bernoulli_nll
from course_utils.models import build_dense_vae

limit, steps = int(sys.argv[1]), int(sys.argv[2])
paths = sorted(map(str, Path("shards").iterdir()))


def compiled():
    vae = build_dense_vae(10, hidden=(200,), seed=17)
    vae.compile("adam", loss=bernoulli_nll)
    return vae


# %%
# %%writefile stream.py
"""Trains on all shards under a limit of memory."""

import keras
import numpy as np
import psutil
import tensorflow as tf
from model import compiled, limit, paths, steps
from pipeline import batches

vae, process, used = compiled(), psutil.Process(), []
blank = tf.zeros((128, 28, 28, 1))
vae.fit(tf.data.Dataset.from_tensor_slices((blank, blank)).batch(128), verbose=0)  # compiles the step
before = process.memory_info()
if psutil.LINUX:  # which can limit what a process takes
    process.rlimit(psutil.RLIMIT_DATA, (before.data + limit * 2**20, process.rlimit(psutil.RLIMIT_DATA)[1]))
watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: used.append(process.memory_info().rss))
losses = vae.fit(batches(paths), steps_per_epoch=steps, verbose=0, callbacks=[watch]).history["loss"]
print(f"{len(used)} batches, loss {losses[0]:.1f}, at most {(max(used) - before.rss) / 2**20:.0f} MiB")
try:
    print(len([np.fromfile(path, np.uint8) for path in paths]), "shards at once")
except MemoryError as error:
    print(f"all at once: {error}")

# %%
STEPS = budget(1500, quick=50)
(story,) = finish(start("stream.py", LIMIT, STEPS, KERAS_BACKEND="tensorflow"))
print(story)
peak = float(story.split("at most ")[1].split(" MiB")[0])

# %% [markdown]
# **What to notice.** All shards at once are refused, by the limit. Through the pipeline the training took less than a tenth of what it may, for there are only the buffer and a few batches. It would be no more with a hundred times as many files.
#
# And does it cost time? Train on as many images as one shard has, from an array in memory and through the pipeline, in turn, three times each.

# %%
import pipeline

importlib.reload(pipeline)  # if you have edited it
kept = vae.get_weights()
in_memory = np.fromfile(paths[0], np.uint8).reshape(-1, 28, 28, 1).astype(np.float32)
N_FEED = budget(len(in_memory), quick=3840) // 128 * 128
feeds = {
    "array": lambda: vae.fit(in_memory[:N_FEED], in_memory[:N_FEED], batch_size=128, verbose=0),
    "shards": lambda: vae.fit(pipeline.batches(paths), steps_per_epoch=N_FEED // 128, verbose=0),
}
rates = {name: [] for name in feeds}
for _ in range(budget(4, quick=2)):
    for name, feed in feeds.items():
        begun = time.perf_counter()
        feed()
        rates[name].append(N_FEED / (time.perf_counter() - begun))
vae.set_weights(kept)
throughput = {name: np.median(values[1:]) for name, values in rates.items()}  # the first one compiles
print(", ".join(f"{name}: {value:,.0f} images a second" for name, value in throughput.items()))

# %% [markdown]
# **What to notice.** The pipeline is faster than the array: its batches are made in other threads while the model works, and Keras picks an array's batches row by row. (The shards were written a minute ago, so most of them still lie in the system's cache. A cold disk, or a network, is slower; then read more shards at once.) Of a larger model you would see no difference at all, since the next batch is ready before it is asked for. Of a much smaller one you would: then the reading itself is the bottleneck.
#
# **Open question.** The shards hold shuffled digits. Suppose each held the digits of one class. What would the pipeline's batches look like?
#
# <details><summary>Discussion</summary>
#
# Four shards are read in turn, so a batch would hold at most a few classes at a time: a buffer of 10,000 is small beside a shard of 55,000, and never sees a fifth class until one of the four is used up. The training would jump from one group of classes to the next. A buffer mixes over its own length only. Shuffle once, when the shards are written.
#
# </details>
#
# ## 7. Half the bits
#
# In **mixed precision** the layers compute with 16 bits, and the weights are kept in 32. It halves the memory of activations and, where the hardware has units for it, is several times as fast. There are two kinds of 16 bits.

# %% tags=["nbval-check-output"]
for name in ("float32", "bfloat16", "float16"):
    info = ml_dtypes.finfo(name)
    print(
        f"{name:8} largest {float(info.max):.1e}, smallest normal {float(info.tiny):.1e}, 1 + {float(info.eps):.1e} is the next after 1"
    )

# %% [markdown]
# `bfloat16` has the range of float32, and two to three digits. `float16` has three to four, but ends at 65,504; below the smallest normal number it loses digits, and below $3 \cdot 10^{-8}$ all becomes zero. Gradients can be that small. So with `mixed_float16` Keras multiplies the loss by a **loss scale**, $2^{15}$ at first, and divides the gradients by it. If one of them is infinite or not a number, the step is left out and the scale halved; after 2,000 good steps it is doubled again.
#
# In this course the parts that need it stay in float32 anyway: mean and log variance, KL term, likelihood. We train the VAE three times in each precision and look at the test digits.

# %%
SEEDS, N_MIXED = budget((1, 2, 3), quick=(1,)), budget(25_600, quick=2560)
mixed_losses, mixed_speed, skipped = {}, {}, {}
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")[: budget(3, quick=2)]
for policy in POLICIES:
    keras.config.set_dtype_policy(policy)
    models = [small_vae(seed) for seed in SEEDS]
    keras.config.set_dtype_policy("float32")
    found, seconds = [], []
    for model in models:
        model.compile(keras.optimizers.Adam(2e-3), loss=bernoulli_nll)
        for epochs in (1, budget(3, quick=2)):  # the first epoch compiles
            begun = time.perf_counter()
            model.fit(train[:N_MIXED], train[:N_MIXED], batch_size=128, epochs=epochs, verbose=0)
        seconds.append((time.perf_counter() - begun) / epochs)
        found.append(negative_elbo(model, test))
    mixed_losses[policy], mixed_speed[policy] = found, N_MIXED / np.median(seconds)
    steps = (epochs + 1) * (N_MIXED // 128)
    skipped[policy] = steps - int(getattr(model.optimizer, "inner_optimizer", model.optimizer).iterations)
    values = ", ".join(f"{value:.2f}" for value in found)
    print(
        f"{policy:14}: test loss {values} nats; {mixed_speed[policy]:,.0f} images a second; {skipped[policy]} of {steps} steps left out"
    )

# %% [markdown]
# **What to notice.** The loss is the same in all three: they differ by less than three seeds of one do. With `mixed_float16` three of the 800 steps were left out. Our loss is a sum over 784 pixels, some hundreds of nats, and $2^{15}$ times that made gradients beyond 65,504, so the scale had to come down first. The optimizer's own count of its steps shows it, nothing else.
#
# And speed? Here float32 is the fastest, `bfloat16` a tenth slower, `float16` two fifths. In two other runs of the same cells, on the same machine, `bfloat16` was a quarter faster and a third slower than float32: others share this processor, and a training of a few seconds sees now more of it, now less. A GPU has units for matrices of 16-bit numbers, and there the gain is large; for this processor we cannot tell you. Measure times more than once, and on the machine that you have.
#
# ## 8. What is there to gain?
#
# Back to two processes, now for the time of a step. Three things are measured, each as the least of thirty runs, because two processes and a notebook share two cores and whatever else runs there only adds: the gradient of a batch on one device; an all-reduce of so many bytes; and both together, the gradient of a batch that two devices share. "Packed" is explained below.

# %%
# %%writefile sharing.py
"""Joins two processes, and measures. Arguments: which one, the address, and the sizes of batches."""

import sys
import time

import jax
import keras
from jax.sharding import Mesh, NamedSharding, PartitionSpec

process, address, sizes = int(sys.argv[1]), sys.argv[2], list(map(int, sys.argv[3:]))
keras.distribution.initialize(address, num_processes=2, process_id=process)
mesh = Mesh(jax.devices(), ("devices",))
split, copied = NamedSharding(mesh, PartitionSpec("devices")), NamedSharding(mesh, PartitionSpec())
shared = jax.make_array_from_process_local_data  # (how, its part)


def seconds(function, *arguments):
    """The least time of thirty runs, after one that compiles."""
    found = []
    for _ in range(31):
        begun = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        found.append(time.perf_counter() - begun)
    return min(found[1:])


# %%
# %%writefile step.py
"""The parts of a step: the VAE's weights, and functions of them."""

import jax
import keras
import numpy as np
from course_utils.losses import bernoulli_nll
from course_utils.models import build_dense_vae

images, vae = np.load("images.npy"), build_dense_vae(10, hidden=(200,), seed=17)
weights, others = ([np.array(v) for v in some] for some in (vae.trainable_variables, vae.non_trainable_variables))


def loss(weights, images):
    """The mean negative ELBO."""
    drawn, _, (kl,) = vae.stateless_call(weights, others, images, return_losses=True)
    return bernoulli_nll(images, drawn).mean() + kl


gradient, adam = jax.grad(loss), keras.optimizers.Adam()
adam.build(vae.trainable_variables)
moments = [np.array(v) for v in adam.variables]

# %%
# %%writefile times.py
"""Seconds of a gradient on one device, of an all-reduce, and of a gradient that two devices share."""

import json
from pathlib import Path

import jax
import numpy as np
from sharing import copied, process, seconds, shared, sizes, split
from step import adam, gradient, images, moments, weights

sums = jax.jit(lambda arrays: [a.sum(axis=0) for a in arrays], out_shardings=copied)
times = {"alone": {n: seconds(jax.jit(gradient), weights, images[:n]) for n in sizes}}
for n in 4 ** np.arange(4, 12, 1 if len(sizes) > 1 else 3):
    times.setdefault("all-reduce", {})[4 * int(n)] = seconds(sums, [shared(split, np.ones((1, n), np.float32))])
times["update"] = seconds(jax.jit(adam.stateless_apply), moments, weights, weights)
times["gradients"] = seconds(sums, [shared(split, weight[np.newaxis]) for weight in weights])
packed = np.concatenate([weight.ravel() for weight in weights])[np.newaxis]
times["packed"] = seconds(sums, [shared(split, packed)])
parts = {n: shared(split, images[process * n // 2 : (process + 1) * n // 2]) for n in sizes}
together, copies = jax.jit(gradient, out_shardings=copied), [shared(copied, weight) for weight in weights]
times["together"] = {n: seconds(together, copies, part) for n, part in parts.items()}
if process == 0:
    Path("times.json").write_text(json.dumps(times))

# %%
SIZES = budget((32, 128, 512, 2048), quick=(512,))
address = meeting_place()
one_each = {**on_jax, **budget({}, quick=soon), "JAX_NUM_CPU_DEVICES": "1", "NPROC": "1"}  # a device is a thread
finish(*(start("times.py", process, address, *SIZES, **one_each) for process in (0, 1)))
times = json.loads(Path("times.json").read_text())
one_device, both = (np.array([times[name][str(n)] for n in SIZES]) for name in ("alone", "together"))
reduce_bytes = np.array(list(map(int, times["all-reduce"])))
reduce_seconds = np.array(list(times["all-reduce"].values()))
for size, one, two in zip(SIZES, one_device, both):
    print(
        f"{size:4} images: {1000 * one:6.2f} ms on one device, {1000 * two:6.2f} ms on two, {one / two:.2f} times as fast"
    )
print(f"all-reduce of the gradients: {1000 * times['gradients']:.2f} ms; packed: {1000 * times['packed']:.2f} ms")
plotting.curves(
    {"all-reduce, two processes": 1000 * reduce_seconds},
    "KiB",
    "milliseconds",
    x=reduce_bytes / 1024,
    log_x=True,
    log_y=True,
)

# %% [markdown]
# **What to notice.** A batch of 2,048 goes 1.6 times as fast on two devices (1.4 to 1.7 in seven runs of this lesson), one of 512 about as fast as on one. With 32 images two devices are *fifteen times slower* (six times in other runs): they save less than half a millisecond of computing, and the all-reduce of the gradients alone takes five. The curve says why. A short all-reduce takes a fifth of a millisecond, however short. Up to some hundred KiB the size hardly matters, beyond a megabyte the time grows with it.
#
# A caution. Two processes on one machine talk over a connection within it, and share its cores with everything else. The numbers are this machine's, and change from run to run. What stays is how to get them, and what follows from them.
#
# Gene Amdahl's argument of 1967: if a share $s$ of the time on one device is **serial**, that is, not made shorter by more devices, then $n$ devices are faster by
#
# $$S(n) = \frac{1}{s + (1 - s) / n} \le \frac1s.$$
#
# ### Exercise 5: from a measured speed-up to the serial share


# %% tags=["nbval-check-output"]
def serial_share(speedup, devices):
    """The share of one device's time that n devices don't share, from how many times faster they are together.

    Above 1 where they are slower than one, below 0 where they are more than n times as fast.
    """
    return ...  # your code


serial_share = ex.serial_share.check(serial_share)

# %% [markdown]
# (The formula is known as the metric of Karp & Flatt, 1990.) Amdahl takes the serial part as fixed. But an all-reduce is not: its time depends on $n$. Let $\lambda$ be the time of one message, however short, the **latency**: half of the shortest all-reduce, which has two steps. Let $W$ be the **bandwidth** in bytes a second: of the longest one, after the latency. For a gradient of $M$ bytes the ring of section 2 takes
#
# $$t_{\text{ring}}(n) = 2 (n - 1)\, \lambda + 2\, \frac{n - 1}{n} \frac{M}{W},$$
#
# as in each of the $2(n - 1)$ steps each device sends $M/n$ bytes. There are ways with fewer and larger messages. One of them **halves** what is sent each time (Rabenseifner's; see Thakur et al. 2005), and has $2 \log_2 n$ in the place of $2(n - 1)$, and the same bytes. With two devices the two are the same, so one measurement gives $\lambda$ and $W$ for both.
#
# One thing more. Our gradient is ten arrays, and here each travels by itself, so the latency counts ten times. **Packed** into one it counts once (Sergeev & Del Balso 2018 call that tensor fusion; libraries for GPUs do it by themselves). And we leave out that an all-reduce may begin while the rest of the gradient is still being computed, which the best programs make use of.

# %%
line = np.stack([np.ones(len(SIZES)), SIZES], axis=1) / one_device[:, np.newaxis]
fixed, per_image = np.linalg.lstsq(line, np.ones(len(SIZES)))[0]  # of the relative errors
n_arrays, n_bytes, latency = len(vae.trainable_variables), 4 * n_weights, reduce_seconds.min() / 2
bandwidth = reduce_bytes[-1] / (reduce_seconds[-1] - reduce_seconds.min())
MESSAGES = {  # one after the other in an all-reduce among n devices
    "ring": lambda n: n_arrays * 2 * (n - 1),
    "halving": lambda n: n_arrays * 2 * np.log2(n),
    "halving, packed": lambda n: 2 * np.log2(n),
}


def step_seconds(n, size, way="ring", latency=latency, bandwidth=bandwidth):
    """Predicted time of a step in which n devices share a batch, all but the optimizer's update."""
    return fixed + per_image * size / n + MESSAGES[way](n) * latency + 2 * (n - 1) / n * n_bytes / bandwidth


print(
    f"{1e6 * fixed:.0f} µs and {1e6 * per_image:.1f} µs an image; latency {1e6 * latency:.0f} µs, bandwidth {bandwidth / 1e9:.2f} GB a second"
)
for size, two in zip(SIZES, both):
    print(
        f"{size:4} images on two devices: predicted {1000 * step_seconds(2, size):5.2f} ms, measured {1000 * two:5.2f} ms"
    )

# %% tags=["picture"]
LARGEST, N = SIZES[-1], 2 ** np.arange(10)
base = step_seconds(1, LARGEST)
share = serial_share(one_device[-1] / both[-1], 2)
speedups = {"ideal": N, "Amdahl": 1 / (share + (1 - share) / N)}
speedups |= {way: base / step_seconds(N, LARGEST, way) for way in MESSAGES}
plotting.curves(
    speedups, "devices", "times as fast as one", x=N, log_x=True, log_y=True, title=f"one batch of {LARGEST:,} shared"
)

# %%
for i in (1, 3, 6, 9):
    row = ", ".join(f"{name} {values[i]:.3g}" for name, values in speedups.items())
    growing = base / step_seconds(N[i], N[i] * LARGEST, "halving, packed")
    print(f"{N[i]:3} devices: {row}; if the batch grows with the devices, each works {100 * growing:.0f}% of the time")

# %% [markdown]
# **What to notice.** Amdahl's curve knows only what was lost with two devices, and takes it for a fixed share: it ends at 4. The other curves know where the loss comes from, and all have a *peak*. The ring's is at four devices, and 64 of them are three times slower than one: 126 short messages in turn, for each of ten arrays. Halving needs twelve in their place. What gives the most is to pack the ten arrays into one. It costs a copy, and Amdahl's formula would not have told you.
#
# How good are the predictions? On two devices they can be tested: they are 6% and 12% too low for the two larger batches, and by two fifths and two thirds for the small ones. What JAX does around a step was left out. And ten all-reduces in a row take longer than ten times one by itself: 5.6 ms, where the formula has 2.9.
#
# And if the batch *grows* with the devices, 2,048 images on each, then with packing nine tenths of the time are work, with 512 devices as well. That is the way out that is usually taken. But what is a batch of a million images worth?
#
# ## 9. A larger batch is another training
#
# "If the batch grows with the devices": that is how it is done. But a step with 2,048 images is not sixteen steps with 128. It has a better gradient, and it is one step. How many steps does the training need until the negative ELBO of validation digits has come down to a given number, depending on the size of the batch? Each size must have its chance of a good learning rate, so we try several, three seeds each.
#
# Two rules are in use. The **linear** one multiplies the rate by as much as the batch (Goyal et al. 2017, for SGD), the **square-root** one by the root of that (for Adam: Malladi et al. 2022, who change its other settings as well; we change the rate alone). Shallue et al. 2019 asked the same for many models, and trusted neither.
#
# ### Exercise 6: a prediction
#
# From 32 to 2,048 images a batch, each with its best rate: how many times *fewer* steps will be needed? (1.5 more or less counts as right.)

# %%
steps_guess = ...  # your prediction

# %%
TARGET = budget(130, quick=190)  # nats
BATCHES = budget((32, 256, 2048), quick=(32, 512))
RATES = budget((2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2), quick=(8e-3,))
MOST, EVERY = budget((800, 20), quick=(200, 10))  # steps, and how often we look
few_images = tf.data.Dataset.from_tensor_slices(train[:20_000])  # once: each such call makes a copy


class UntilTarget(keras.callbacks.Callback):
    """Ends a fit when the negative ELBO of validation digits has come down to the target; `seen` holds it."""

    def on_train_begin(self, logs=None):
        self.seen = [self.loss()]

    def loss(self):
        return negative_elbo(self.model, valid)

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(self.loss())
        self.model.stop_training = not self.seen[-1] > TARGET


# %%
learner = small_vae(17)  # one for all trainings: each new model would have to be compiled first
learner.compile("adam", loss=bernoulli_nll)
learner.optimizer.build(learner.trainable_variables)


def steps_to_target(batch_size, rate, seed):
    """Steps of Adam, interpolated between two looks; `MOST` if they were not enough."""
    for variable, new in zip(learner.variables, small_vae(seed).variables):  # weights and the noise's state
        variable.assign(new)
    for variable in learner.optimizer.variables:  # moments and number of steps
        variable.assign(keras.ops.zeros_like(variable))
    learner.optimizer.learning_rate = rate
    batches = few_images.shuffle(20_000, seed=seed).repeat().batch(batch_size)
    pairs, watch = batches.map(lambda images: (images, images)).prefetch(2), UntilTarget()
    learner.fit(pairs, steps_per_epoch=EVERY, epochs=MOST // EVERY, verbose=0, callbacks=[watch])
    before, last = watch.seen[-2:]
    return EVERY * (len(watch.seen) - 2 + (before - TARGET) / (before - last)) if last <= TARGET else MOST


# %%
needed = {}
for size in BATCHES:
    needed[size] = np.array([[steps_to_target(size, rate, seed) for rate in RATES] for seed in SEEDS])
    medians = zip(RATES, np.median(needed[size], axis=0))
    texts = (f"{rate:g}: {'more than ' if value == MOST else ''}{value:.0f}" for rate, value in medians)
    print(f"{size:4} images: steps by rate {', '.join(texts)}")
plotting.curves(
    {f"{size} images": np.median(values, axis=0) for size, values in needed.items()},
    "learning rate",
    f"steps to {TARGET} nats, {MOST} or more at the top",
    x=np.array(RATES),
    log_x=True,
    log_y=True,
)

# %%
best = {size: values.min(axis=1) for size, values in needed.items()}  # of each seed, by its best rate
best_rate = {size: RATES[int(np.argmin(np.median(values, axis=0)))] for size, values in needed.items()}
for size in BATCHES:
    print(f"{size:4} images: best rate {best_rate[size]:g}, steps {best[size].round().astype(int)}")
smallest, largest = BATCHES[0], BATCHES[-1]
times_larger = f"{largest // smallest} times the batch"
fewer = np.median(best[smallest] / best[largest])
kept = np.median(needed[largest][:, RATES.index(best_rate[smallest])] / best[largest])
ex.steps_guess.check(steps_guess, fewer)
print(f"{times_larger}: {fewer:.2f} times fewer steps; with the rate of the small batch {fewer / kept:.2f}")

# %% [markdown]
# **What to notice.** With 64 times the batch, each with its best rate, 4.4 times fewer steps are enough. Most of that comes from the first eightfold, 3.2 times; the second brings 1.4. Beyond some hundreds of images the gradient is good enough here, and better ones change little. (McCandlish et al. 2018 call the size at which that happens **critical**. It grows while a training goes on, and here we look at the beginning of one.)
#
# The best rate grows as well, from 0.004 to 0.016, and is the same for 256 and 2,048 images. The square-root rule would have sent the largest batch to 0.032, where it takes more than twice as many steps; the linear one to 0.26. With the *small* batch's rate it takes half as many steps again as it had to. So neither keep the rate nor trust a rule: try.
#
# ## 10. So, how many devices?
#
# Put the two together: the time to the target is the number of steps, measured in section 9, times the time of a step, predicted in section 8. For each number of devices we may choose the batch.

# %%
COUNTS = 2 ** np.arange(6)  # no batch has fewer images than there are devices


def seconds_to_target(**link):
    """Predicted seconds until the target, for each batch an array over the numbers of devices."""
    steps = {size: np.median(values) for size, values in best.items()}
    return {
        size: steps[size]
        * np.array([times["update"] + step_seconds(n, size, "halving, packed", **link) for n in COUNTS])
        for size in BATCHES
    }


here, fast_link = seconds_to_target(), seconds_to_target(latency=5e-6, bandwidth=50e9)
for name, table in {"this machine's messages": here, "assumed: 5 µs and 50 GB a second": fast_link}.items():
    for i in (0, 3, 5):
        size = min(BATCHES, key=lambda size: table[size][i])
        print(f"{name:32}: {COUNTS[i]:2} devices, best with {size:4} images a batch, {table[size][i]:.3f} s")
shown = {f"{size} images": values for size, values in here.items()}
shown |= {f"{size}, fast link": values for size, values in fast_link.items()}
plotting.curves(shown, "devices", "seconds to the target, predicted", x=COUNTS, log_x=True, log_y=True)

# %% [markdown]
# **What to notice.** With this machine's messages little is gained: 0.54 s to the target with one device, 0.49 with eight and with 32. That is a tenth; in three other runs it was a tenth, a quarter and nothing, and the predictions' error is as large. Add it up. One device makes 488 steps with 32 images, of 1.1 ms each: a gradient and Adam's update. Eight devices make 152 steps with 256 images, as many images for each, and a step takes 3.2 ms, since 2.1 ms are messages. Three times fewer steps, three times as long. This is close to a null result, and worth having before one orders eight devices.
#
# The curves of the fast link ask what a better connection would change. They are computed from two numbers that we assumed, roughly those between the GPUs of one server, and from this processor's time per image. Then eight devices are three times as fast as one, and 32 more than four times: what is lost now is lost in the steps that a larger batch does not save. What else would change it? More work for each byte that travels: a convolution uses each weight at hundreds of places of an image, a dense layer once, and both send it once. And a later stage of a training, where the gradient's noise matters more and larger batches save more steps. Put *your* numbers into `step_seconds`.
#
# ## What you should see

# %% tags=["headline"]
worst = max(off_weights.values())
expect("50 SGD steps on two devices and in two processes: weights off those of one device", worst, at_most=1e-4)
expect("the same, losses", max(off_losses.values()), at_most=1e-4)
expect("weights that differ between two processes", unequal_bits, at_most=0)
expect("images that both processes saw, or neither", len(own[0] & own[1]) + 3200 - len(own[0] | own[1]), at_most=0)

# %%
expect("shards of 64 + 64: mean gradient off the whole batch's", differences["64 + 64, plain mean"], at_most=1e-5)
expect("120 + 8, weighted by size", differences["120 + 8, weighted by size"], at_most=1e-5)
expect("120 + 8, plain mean", differences["120 + 8, plain mean"], at_least=0.1)
if keras.__version__.startswith("3.13."):  # later ones refuse such a batch
    ratio = max(of_five) / min(of_five)
    expect("five images in two processes: larger loss over smaller", ratio, at_least=1.4, at_most=1.6)
expect("filled up, weighted: off the exact mean", abs(weighted - exact), at_most=1e-3, unit="nats")

# %%
expect("replicas with Keras's seeds: correlation of their noise", correlations["Keras's seeds"], at_least=0.999)
expect("with a seed for each replica", abs(correlations["a seed for each replica"]), at_most=0.15)
expect("16 replicas: variance with the same noise over that with own", same[-1] / own_noise[-1], at_least=1.5)
expect("the same, of own noise: one replica over sixteen", own_noise[0] / own_noise[-1], at_least=8, at_most=32)

# %%
expect("memory that the training took, of what it may", peak / LIMIT, at_most=0.8)
for policy, most in zip(POLICIES[1:], budget((1, 2), quick=(5,))):
    gap = abs(np.mean(mixed_losses[policy]) - np.mean(mixed_losses["float32"]))
    expect(f"test loss in {policy}, off that in float32", gap, at_most=most, unit="nats")

# %%
expect(f"{times_larger}: how many times fewer steps", fewer, at_least=budget(2, quick=1), at_most=10)
if profile() == "full":  # a quick run may share the machine, and then its times mean nothing
    ratio = throughput["shards"] / throughput["array"]
    expect("throughput from shards over that from an array", ratio, at_least=0.9)
    ratio = step_seconds(2, LARGEST) / both[-1]
    expect("two devices: predicted time of a step over measured, largest batch", ratio, at_least=0.4, at_most=1.6)
    gain = times["gradients"] / times["packed"]
    expect("all-reduce of ten arrays: times that of the same bytes packed", gain, at_least=1.3)
    gain = min(values[0] for values in here.values()) / min(values.min() for values in here.values())
    expect("devices on this machine: times as fast to the target as one", gain, at_least=1, at_most=2)

# %% [markdown]
# ## Summary
#
# - In data parallelism the gradient of the whole batch is the mean of the shards' gradients, weighted by size. Nothing is approximate.
# - An all-reduce gives all devices the sum. In a ring each sends less than two gradients, however many devices there are, but in ever more messages.
# - "The same training" can be proved: the same losses, the same weights, the same bits in all processes, each image seen by one.
# - Noise belongs to the place in the whole batch. Where each replica draws by itself, give each its own seed, and look.
# - A pipeline that reads, shuffles, batches, unpacks and prefetches trains on any number of images in a few megabytes.
# - Measure three quantities, compute the rest: time per image, latency, bandwidth. A small model may gain nothing from many devices.
# - A larger batch saves steps until the gradient's noise is gone, and no further.
#
# ## Pitfalls
#
# - **A last batch that does not divide.** In two processes Keras 3.13 gives no error, another loss in each, and wrong gradients.
# - **The same noise on all replicas.** The loss looks as always. Compare what two replicas draw.
# - **A process that ended,** and others that wait for it. Start them with a limit of time, and end all if one fails.
# - **`validation_data` and `evaluate` with the rest dropped:** a score of most images. Fill up and weight.
# - **Shuffling in a buffer that is smaller than what is sorted.** Shuffle when the shards are written.
# - **Unpacking before batching,** or a cache of unpacked images: the memory that you wanted to save.
# - **Images a second as the only measure.** With a larger batch they rise, and the loss may not fall faster by the clock.
#
# ## References
#
# - Amdahl, [Validity of the single processor approach to achieving large scale computing capabilities](https://doi.org/10.1145/1465482.1465560), 1967.
# - Karp & Flatt, [Measuring parallel processor performance](https://doi.org/10.1145/78607.78614), 1990.
# - Thakur, Rabenseifner & Gropp, [Optimization of collective communication operations in MPICH](https://doi.org/10.1177/1094342005051521), 2005.
# - Patarasuk & Yuan, [Bandwidth optimal all-reduce algorithms for clusters of workstations](https://doi.org/10.1016/j.jpdc.2008.09.002), 2009: the ring.
# - Sergeev & Del Balso, [Horovod: fast and easy distributed deep learning in TensorFlow](https://arxiv.org/abs/1802.05799), 2018: the ring for gradients, tensor fusion.
# - Goyal et al., [Accurate, large minibatch SGD: training ImageNet in 1 hour](https://arxiv.org/abs/1706.02677), 2017: the linear rule.
# - Malladi, Lyu, Panigrahi & Arora, [On the SDEs and scaling rules for adaptive gradient algorithms](https://arxiv.org/abs/2205.10287), 2022: the square-root rule.
# - McCandlish, Kaplan, Amodei et al., [An empirical model of large-batch training](https://arxiv.org/abs/1812.06162), 2018: where larger batches stop helping.
# - Shallue et al., [Measuring the effects of data parallelism on neural network training](https://arxiv.org/abs/1811.03600), 2019: steps against batch size, for many models.
# - Micikevicius et al., [Mixed precision training](https://arxiv.org/abs/1710.03740), 2018: the loss scale.
