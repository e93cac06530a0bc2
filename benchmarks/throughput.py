"""Prints what the package costs: training images a second beside hand-written peers, and the unpooling layers.

Each row trains or runs the same thing by other means. Rounds go in turn, so that a busy moment hits all alike,
and the best round counts.

    make bench
"""

import time

import course_utils  # noqa: F401, first: it silences TensorFlow's start-up notices

# isort: split
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from course_utils.layers import BedOfNails2D, MaxPoolingWithPositions2D, MaxUnpooling2D
from course_utils.losses import bernoulli_nll
from course_utils.models import build_dense_vae

HIDDEN, LATENT_DIM, BATCH, BATCHES = 400, 20, 128, 40
CALLS, ROUNDS = 10, 5
IMAGES = np.random.default_rng(0).integers(0, 2, (BATCH * BATCHES, 28, 28, 1)).astype(np.float32)


def main():
    print(f"Keras {keras.__version__} on TensorFlow {tf.__version__}; the best of {ROUNDS} rounds each\n")
    peers = {
        "course_utils VAE, stock fit": stock_fit(build_dense_vae(LATENT_DIM, hidden=(HIDDEN, HIDDEN))),
        "plain Keras, own train_step": stock_fit(PlainVAE()),
        "plain TensorFlow, GradientTape": gradient_tape_loop(),
    }
    title = f"Training a VAE, 784-{HIDDEN}-{HIDDEN}-{LATENT_DIM}, batches of {BATCH}"
    report(title, "images/s", {name: len(IMAGES) / seconds for name, seconds in best_of(peers).items()})

    feature_maps = tf.constant(np.random.default_rng(0).random((64, 28, 28, 16), dtype=np.float32))
    halved, positions = MaxPoolingWithPositions2D()(feature_maps)
    peers = {
        "MaxPoolingWithPositions2D": compiled(MaxPoolingWithPositions2D(), feature_maps),
        "tf.nn.max_pool_with_argmax": compiled(argmax_pooling, feature_maps),
        "keras MaxPooling2D, no positions": compiled(layers.MaxPooling2D(), feature_maps),
        "MaxUnpooling2D": compiled(MaxUnpooling2D(), (halved, positions)),
        "tf.scatter_nd of those positions": compiled(scatter, argmax_pooling(feature_maps)),
        "BedOfNails2D": compiled(BedOfNails2D(), halved),
        "keras UpSampling2D, nearest": compiled(layers.UpSampling2D(), halved),
        "keras UpSampling2D, bilinear": compiled(layers.UpSampling2D(interpolation="bilinear"), halved),
    }
    milliseconds = {name: 1000 * seconds / CALLS for name, seconds in best_of(peers).items()}
    report("Pooling and unpooling, 64 maps of 28 x 28 x 16", "ms a call", milliseconds)


def best_of(peers):
    """Seconds of each peer's fastest round; the rounds alternate, after one that compiles."""
    times = {name: [] for name in peers}
    for _ in range(ROUNDS + 1):
        for name, run in peers.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: min(seconds[1:]) for name, seconds in times.items()}


def report(title, unit, values):
    first = next(iter(values.values()))
    print(f"{title:46}{unit:>12}{'ratio':>8}")
    for name, value in values.items():
        print(f"  {name:44}{value:12,.4g}{value / first:8.2f}")
    print()


# Peers of the VAE: the same widths, activation, loss and optimizer.


def stock_fit(model):
    model.compile(keras.optimizers.Adam(), bernoulli_nll)
    return lambda: model.fit(IMAGES, IMAGES, batch_size=BATCH, verbose=0)


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
    """As many tutorials write it: one class with a `train_step` of its own."""

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
    batches = tf.data.Dataset.from_tensor_slices(IMAGES).shuffle(len(IMAGES)).batch(BATCH).prefetch(2)

    @tf.function(jit_compile=True)
    def step(images):
        with tf.GradientTape() as tape:
            loss, _ = negative_elbo(encoder, decoder, images)
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def epoch():
        for images in batches:
            step(images)

    return epoch


# Peers of the unpooling family


def compiled(function, inputs):
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
    size = tf.reduce_prod(tf.cast(shape, "int64"))
    flat = tf.scatter_nd(tf.reshape(places, (-1, 1)), tf.reshape(values, (-1,)), [size])
    return tf.reshape(flat, shape)


if __name__ == "__main__":
    main()
