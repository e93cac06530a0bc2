"""Run by test_training.py with KERAS_BACKEND=jax: training, saving, loading and resuming, ours on another backend."""

import sys
from pathlib import Path

import keras
import numpy as np

from course_utils.batches import FreshBatches, binarise
from course_utils.losses import bernoulli_nll
from course_utils.metrics import iwae_bound, kl_divergence
from course_utils.models import (
    GAN,
    IWAE,
    VAEGAN,
    build_conditional_vae,
    build_conv_autoencoder,
    build_dense_vae,
    build_discriminator,
    build_gaussian_encoder,
    build_generator,
    build_vq_vae,
)
from course_utils.training import callbacks

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).random((40, *SHAPE), dtype=np.float32)


class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2:
            raise KeyboardInterrupt


def compiled_vae(rate=0.01):
    model = build_dense_vae(2, hidden=(12,), seed=0, image_shape=SHAPE)
    model.compile(keras.optimizers.Adam(rate), bernoulli_nll)
    return model


def check_vae(folder):
    model = compiled_vae(rate=0.0)
    history = model.fit(IMAGES, IMAGES, batch_size=16, validation_data=(IMAGES, IMAGES), verbose=0).history
    assert set(history) == {"loss", "kl", "val_loss", "val_kl"}, history
    closed_form = float(np.mean(kl_divergence(*model.encoder(IMAGES))))
    assert closed_form > 1e-3
    np.testing.assert_allclose([*history["kl"], *history["val_kl"]], closed_form, rtol=1e-4)

    model.save(folder / "vae.keras")
    loaded = keras.saving.load_model(folder / "vae.keras", safe_mode=True)
    np.testing.assert_allclose(loaded.encoder(IMAGES)[0], model.encoder(IMAGES)[0], atol=1e-6)
    assert keras.models.clone_model(model)(IMAGES).shape == IMAGES.shape
    assert np.abs(model(IMAGES) - model(IMAGES)).max() > 0, "fresh sampling noise in each call"


class Anneal(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.kl_divergence.weight = 100.0 * epoch


def check_annealing():
    """β set by a callback takes effect in the compiled step."""
    model = compiled_vae(rate=0.0)
    history = model.fit(IMAGES, IMAGES, batch_size=40, epochs=2, verbose=0, callbacks=[Anneal()]).history
    assert model.kl_divergence.weight == model.get_config()["beta"] == 100
    np.testing.assert_allclose(history["loss"][1] - history["loss"][0], 100 * history["kl"][0], atol=0.5)
    assert history["kl"][0] > 0.05


def check_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = compiled_vae()
    history = model.fit(IMAGES, IMAGES, epochs=3, verbose=0).history
    assert history["loss"][2] < history["loss"][0]
    assert np.isfinite(iwae_bound(model, IMAGES, 5)).all()
    keras.config.set_dtype_policy("float32")


def check_gradients():
    """The reparametrised samples pass gradients on: training moves both the mean's and the log-variance's weights."""
    model = compiled_vae()
    before = {name: np.array(model.encoder.get_layer(name).kernel) for name in ("mean", "log_var")}
    model.fit(IMAGES, IMAGES, batch_size=20, verbose=0)
    for name, kernel in before.items():
        assert np.abs(np.array(model.encoder.get_layer(name).kernel) - kernel).min() > 0


def check_resume():
    fresh = FreshBatches(IMAGES, lambda images, rng: (binarise(images, rng),) * 2, batch_size=16)
    try:
        compiled_vae().fit(fresh, epochs=4, verbose=0, callbacks=[*callbacks("jax"), Interrupt()])
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("was not interrupted")
    model = compiled_vae()
    history = model.fit(fresh, epochs=4, verbose=0, callbacks=callbacks("jax"))
    assert history.epoch == [0, 1, 2, 3] and len(history.history["kl"]) == 4
    assert int(model.optimizer.iterations) == 12


def check_autoencoder(folder):
    model = build_conv_autoencoder(4, filters=(3,), unpooling="max", image_shape=SHAPE)
    model.compile("adam", "mse")
    model.fit(IMAGES, IMAGES, verbose=0)
    model.save(folder / "autoencoder.keras")
    loaded = keras.saving.load_model(folder / "autoencoder.keras", safe_mode=True)
    np.testing.assert_allclose(loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0), atol=1e-5)


def check_conditional_vae():
    labels = np.eye(2, dtype=np.float32)[np.arange(40) % 2]
    model = build_conditional_vae(2, 2, hidden=(8,), image_shape=SHAPE)
    model.compile("adam", bernoulli_nll)
    assert "kl" in model.fit([IMAGES, labels], IMAGES, verbose=0).history


def check_iwae():
    vae = compiled_vae()
    model = IWAE(vae.encoder, vae.decoder, 5, seed=0)
    model.compile(keras.optimizers.SGD(0.0), bernoulli_nll)
    many = np.repeat(binarise(IMAGES, np.random.default_rng(0)), 50, axis=0)
    history = model.fit(many, many, batch_size=2000, epochs=2, verbose=0).history
    assert history["loss"][0] != history["loss"][1], "fresh sampling noise in each step"
    np.testing.assert_allclose(history["loss"], -iwae_bound(vae, many, 5).mean(), rtol=1e-2)
    model.compile(keras.optimizers.Adam(0.01), bernoulli_nll)
    history = model.fit(many, many, epochs=3, verbose=0).history
    assert set(history) == {"loss", "kl"} and history["loss"][2] < history["loss"][0]


def check_gan():
    """Each player's weights move, batch normalisation's averages among them, and noise is new at each call."""
    parts = {"filters": (4, 4), "image_shape": SHAPE}
    encoder = build_gaussian_encoder(3, SHAPE, filters=(4, 4))
    discriminators = [build_discriminator((8, 8, channels), filters=(4, 4)) for channels in (2, 1)]
    gan = GAN(build_generator(3, **parts), discriminators[0], pack=2, seed=0)
    for model in (gan, VAEGAN(encoder, build_generator(3, **parts), discriminators[1], seed=0)):
        model.compile(keras.optimizers.Adam(0.01))
        before = [np.array(weight) for weight in model.weights]
        assert np.isfinite(model.fit(IMAGES, batch_size=20, epochs=2, verbose=0).history["loss"]).all()
        still = [weight.path for old, weight in zip(before, model.weights) if np.all(old == np.array(weight))]
        assert set(still) <= {"kl_divergence/weight"}, still  # β, which nobody trains
    assert np.abs(np.array(gan(IMAGES)) - np.array(gan(IMAGES))).max() > 0


def check_vq_vae():
    """Entries move by averages and by revival, and so does what is kept of them."""
    model = build_vq_vae(8, code_dim=3, filters=(4, 4), image_shape=SHAPE, revive_below=1.0, seed=0)
    model.compile("adam", "mse")
    before = np.array(model.quantizer.codebook)
    model.fit(IMAGES, IMAGES, batch_size=20, epochs=2, verbose=0)
    assert np.all(np.abs(np.array(model.quantizer.codebook) - before).max(axis=1) > 0)
    assert float(model.quantizer.perplexity) > 1
    to_numbers = keras.Model(model.encoder.input, model.quantizer.nearest(model.encoder.output))
    assert to_numbers.predict(IMAGES, verbose=0).shape == (40, 2, 2)


if __name__ == "__main__":
    assert keras.backend.backend() == "jax"
    check_vae(Path(sys.argv[1]))
    check_annealing()
    check_mixed_precision()
    check_gradients()
    check_resume()
    check_autoencoder(Path(sys.argv[1]))
    check_conditional_vae()
    check_iwae()
    check_gan()
    check_vq_vae()
    print("all well on jax")
