"""The course's models, and peers in Keras and TensorFlow; KERAS_BACKEND says on which backend.

python benchmarks/keras_peers.py          waits for its turns
python benchmarks/keras_peers.py seeds    trains three times as it comes and three times with `fast`, and prints both
"""

import json
import os
import sys

import course_utils  # noqa: F401, first: it silences TensorFlow's start-up notices

# isort: split
import keras
import numpy as np
from keras import layers, ops
from turns import BATCH, BATCHES, CALLS, HIDDEN, IMAGES, LATENT_DIM, LAYERS, WIDTH, products, serve

from course_utils.batches import FreshBatches, binarise, binarised_pair
from course_utils.data import load
from course_utils.layers import BedOfNails2D, MaxPoolingWithPositions2D, MaxUnpooling2D
from course_utils.losses import bernoulli_nll
from course_utils.models import build_conv_autoencoder, build_dense_vae
from course_utils.training import fast

BACKEND = keras.backend.backend()
if BACKEND == "tensorflow":
    import tensorflow as tf


def main():
    fresh = FreshBatches(IMAGES, binarised_pair, batch_size=BATCH)
    peers = {
        f"dense: fit with fast, {BACKEND}": fit(compiled(dense_vae()), fresh),
        f"conv: fit with fast, {BACKEND}": fit(compiled(conv(), "mse"), IMAGES, IMAGES, batch_size=BATCH),
    }
    if BACKEND == "tensorflow":
        plain = PlainVAE()
        plain.compile("adam")
        with_xla = conv()
        with_xla.compile("adam", "mse", jit_compile=True, steps_per_execution=8)
        peers |= {
            "dense: fit as it comes, tensorflow": fit(compiled(dense_vae(), stock=True), fresh),
            "dense: train_step of Keras's example": fit(plain, fresh),
            "dense: bare TensorFlow loop with XLA": gradient_tape_loop(),
            "dense: matrix products, TensorFlow": bound(),
            "conv: fit as it comes, tensorflow": fit(
                compiled(conv(), "mse", stock=True), IMAGES, IMAGES, batch_size=BATCH
            ),
            "conv: fit with XLA all the same, tensorflow": fit(with_xla, IMAGES, IMAGES, batch_size=BATCH),
            "short: as it comes": lambda: short_fit(stock=True),
            "short: fit with fast": lambda: short_fit(stock=False),
            **pooling(),
        }
    serve(peers, "keras", BACKEND, "numpy")


# The course's models through stock fit


def dense_vae(seed=None):
    return build_dense_vae(LATENT_DIM, hidden=(HIDDEN, HIDDEN), seed=seed)


def conv():
    return build_conv_autoencoder(WIDTH)


def compiled(model, loss=bernoulli_nll, *, stock=False):
    """With `fast` as it is in the full profile, or without it."""
    os.environ["COURSE_PROFILE"] = "full"
    model.compile("adam", loss, **({} if stock else fast(model)))
    return model


def fit(model, *data, **kwargs):
    return lambda: model.fit(*data, verbose=0, **kwargs)


def short_fit(stock):
    """What the quick profile asks for: a new model, 4 epochs of 55 batches of 64, of which the last is smaller."""
    images = IMAGES[:3500]
    fit(compiled(dense_vae(), stock=stock), images, images, batch_size=64, epochs=4)()


def seeds():
    """Test negative ELBO of the dense VAE after 10 epochs of the embedded digits, over three seeds each."""
    os.environ["COURSE_PROFILE"] = "quick"  # the embedded digits
    digits = load("mnist")
    tests = binarise(digits.x_test, np.random.default_rng(0))
    found = {}
    for name, stock in {"as it comes": True, "with fast": False}.items():
        found[name] = []
        for seed in range(3):
            keras.utils.set_random_seed(seed)
            model = compiled(dense_vae(seed), stock=stock)
            model.fit(FreshBatches(digits.x_train, binarised_pair, seed=seed), epochs=10, verbose=0)
            found[name].append(model.evaluate(tests, tests, batch_size=500, verbose=0, return_dict=True)["loss"])
    return found


# Peers of the VAE in Keras and TensorFlow: the same widths, activation, loss and optimizer


def plain_parts():
    images = keras.Input((28, 28, 1))
    x = layers.Flatten()(images)
    for _ in range(2):
        x = layers.Dense(HIDDEN, "gelu")(x)
    encoder = keras.Model(images, [layers.Dense(LATENT_DIM)(x), layers.Dense(LATENT_DIM)(x)])
    codes = keras.Input((LATENT_DIM,))
    x = codes
    for _ in range(2):
        x = layers.Dense(HIDDEN, "gelu")(x)
    decoder = keras.Model(codes, layers.Reshape((28, 28, 1))(layers.Dense(784, "sigmoid")(x)))
    return encoder, decoder


def negative_elbo(encoder, decoder, images):
    mean, log_var = encoder(images)
    codes = mean + ops.exp(log_var / 2) * keras.random.normal(ops.shape(mean))
    cross_entropy = ops.sum(ops.binary_crossentropy(images, decoder(codes)), axis=(1, 2, 3))
    kl = ops.sum(ops.square(mean) + ops.exp(log_var) - 1 - log_var, axis=-1) / 2
    return ops.mean(cross_entropy + kl), ops.mean(kl)


class PlainVAE(keras.Model):
    """As Keras's own example writes it: one class with a `train_step` of its own."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = plain_parts()
        self.loss_metric, self.kl_metric = keras.metrics.Mean(name="loss"), keras.metrics.Mean(name="kl")

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss, kl = negative_elbo(self.encoder, self.decoder, data[0])
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        self.loss_metric.update_state(loss)
        self.kl_metric.update_state(kl)
        return {"loss": self.loss_metric.result(), "kl": self.kl_metric.result()}


def gradient_tape_loop():
    encoder, decoder = plain_parts()
    variables, optimizer = encoder.trainable_variables + decoder.trainable_variables, keras.optimizers.Adam()
    optimizer.build(variables)
    batches = tf.data.Dataset.from_tensor_slices(IMAGES).shuffle(len(IMAGES)).batch(BATCH, drop_remainder=True)

    @tf.function(jit_compile=True)
    def step(grey):
        images = tf.cast(tf.random.uniform(grey.shape) < grey, "float32")
        with tf.GradientTape() as tape:
            loss, _ = negative_elbo(encoder, decoder, images)
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def epoch():
        for grey in batches.prefetch(2):
            step(grey)

    return epoch


def bound():
    """The matrix products of the dense VAE's training step and nothing else."""
    shapes = products(LAYERS, BATCH)
    factors = [
        (tf.random.uniform((rows, inner)), tf.random.uniform((inner, columns))) for rows, inner, columns in shapes
    ]

    def epoch():
        for _ in range(BATCHES):
            for a, b in factors:
                result = tf.linalg.matmul(a, b)
        result.numpy()

    return epoch


# The unpooling layers and their peers


def pooling():
    maps = tf.constant(np.random.default_rng(0).random((64, 28, 28, 16), dtype=np.float32))
    halved, positions = MaxPoolingWithPositions2D()(maps)
    return {
        "pooling: MaxPoolingWithPositions2D": calls(MaxPoolingWithPositions2D(), maps),
        "pooling: tf.nn.max_pool_with_argmax": calls(argmax_pooling, maps),
        "pooling: MaxUnpooling2D": calls(MaxUnpooling2D(), (halved, positions)),
        "pooling: tf.scatter_nd of those positions": calls(scatter, argmax_pooling(maps)),
        "pooling: BedOfNails2D": calls(BedOfNails2D(), halved),
        "pooling: keras UpSampling2D, nearest": calls(layers.UpSampling2D(), halved),
    }


def calls(function, inputs):
    graph = tf.function(function)

    def run():
        for _ in range(CALLS):
            result = graph(inputs)
        tf.nest.flatten(result)[0].numpy()  # so that the last one is done

    return run


def argmax_pooling(maps):
    return tf.nn.max_pool_with_argmax(maps, 2, 2, "VALID", include_batch_in_index=True)


def scatter(pooled):
    values, places = pooled
    shape = tf.shape(values) * [1, 2, 2, 1]
    flat = tf.scatter_nd(
        tf.reshape(places, (-1, 1)), tf.reshape(values, (-1,)), [tf.reduce_prod(tf.cast(shape, "int64"))]
    )
    return tf.reshape(flat, shape)


if __name__ == "__main__":
    if sys.argv[1:] == ["seeds"]:
        print(json.dumps(seeds()))
    else:
        main()
