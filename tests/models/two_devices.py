"""Run by test_vae.py: models trained on two devices that share each batch, beside the same on one."""

import keras
import numpy as np
import tensorflow as tf

from course_utils.losses import bernoulli_nll
from course_utils.models import IWAE, build_dense_autoencoder, build_dense_vae

SHAPE = (6, 6, 1)
IMAGES = np.random.default_rng(0).integers(0, 2, (32, *SHAPE)).astype(np.float32)


def build(kind):
    keras.utils.set_random_seed(0)
    if kind == "autoencoder":
        return build_dense_autoencoder(2, hidden=(12,), image_shape=SHAPE)
    vae = build_dense_vae(2, hidden=(12,), beta=4.0, image_shape=SHAPE)
    return vae if kind == "vae" else IWAE(vae.encoder, vae.decoder, 3)


def trained(kind, strategy):
    """Losses and weights of two steps, each of all images."""
    with strategy.scope():
        model = build(kind)
        model.compile(keras.optimizers.SGD(0.01), bernoulli_nll)
    history = model.fit(IMAGES, IMAGES, batch_size=len(IMAGES), epochs=2, shuffle=False, verbose=0).history
    return history, [*model.encoder.get_weights(), *model.decoder.get_weights()]


if __name__ == "__main__":
    keras.random.normal = lambda shape, **_: keras.ops.ones(shape)  # the same noise on each device
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one_adds = tf.distribute.ReductionToOneDevice()  # the default waits for collectives that CPUs mix up
    shared = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=one_adds)
    for kind in ("autoencoder", "vae", "iwae"):
        one, one_weights = trained(kind, tf.distribute.get_strategy())  # the default one, a single device
        two, two_weights = trained(kind, shared)
        assert one["loss"][1] < one["loss"][0]
        for name, values in one.items():
            np.testing.assert_allclose(two[name], values, rtol=1e-5, err_msg=f"{kind}, {name}")
        for expected, weights in zip(one_weights, two_weights):
            np.testing.assert_allclose(weights, expected, atol=1e-5, err_msg=kind)
    print("all well on two devices")
