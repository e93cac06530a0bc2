"""Adversarial models: what reaches whose weights, draws, packing, training, saving, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from course_utils.losses import bernoulli_nll
from course_utils.models import GAN, VAE, VAEGAN, build_discriminator, build_gaussian_encoder, build_generator
from course_utils.models.gan import adversarial_losses, packed

PICTURES = np.random.default_rng(0).random((12, 8, 8, 1), dtype=np.float32)
SMALL = {"filters": (4, 4), "image_shape": (8, 8, 1)}


def small_gan(pack=1):
    keras.utils.set_random_seed(0)
    generator = build_generator(3, **SMALL)
    return GAN(generator, build_discriminator((8, 8, pack), filters=(4, 4)), pack=pack, seed=1)


def small_vae_gan(**options):
    keras.utils.set_random_seed(0)
    encoder = build_gaussian_encoder(3, (8, 8, 1), filters=(4, 4))
    return VAEGAN(
        encoder, build_generator(3, **SMALL), build_discriminator((8, 8, 1), filters=(4, 4)), seed=1, **options
    )


def parts_of(model):
    return {
        name: getattr(model, name)
        for name in ("encoder", "decoder", "generator", "discriminator")
        if hasattr(model, name)
    }


def softplus(x):
    return tf.reduce_mean(tf.math.softplus(x))


def assert_same(ours, expected):
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("pack", [1, 3])
def test_each_player_of_a_gan_gets_the_gradient_of_its_own_loss(pack):
    model = small_gan(pack)
    players = (model.generator, model.discriminator)
    with tf.GradientTape(persistent=True) as tape:
        drawn = model(PICTURES, training=True)
        both = model.compute_loss(tf.constant(PICTURES), None, drawn)
        judged = [model.discriminator(packed(pictures, pack)) for pictures in (tf.constant(PICTURES), drawn)]
        alone = [softplus(-judged[1]), (softplus(-judged[0]) + softplus(judged[1])) / 2]
    for player, loss in zip(players, alone):
        weights = player.trainable_variables
        assert_same(tape.gradient(both, weights), tape.gradient(loss, weights))


def test_each_player_of_a_vae_gan_gets_the_gradient_of_its_own_loss(monkeypatch):
    model = small_vae_gan(beta=0.7)
    noise = tf.constant(np.random.default_rng(1).normal(size=(12, 3)).astype("float32"))
    monkeypatch.setattr(keras.random, "normal", lambda *args, **kwargs: noise)
    x = tf.constant(PICTURES)
    with tf.GradientTape(persistent=True) as tape:
        y_pred = model(x, training=True)
        loss = model.compute_loss(x, None, y_pred)
        feature_error = tf.reduce_mean(tf.reduce_sum((model.features(x) - model.features(y_pred)) ** 2, axis=1)) / 2
        drawn = model.decoder(noise, training=True)
        real, made = model.discriminator(x), model.discriminator(drawn)
        alone = {
            "encoder": feature_error + model.losses[0],
            "decoder": feature_error + softplus(-made),
            "discriminator": (softplus(-real) + softplus(made)) / 2,
        }
    for name, of_player in alone.items():
        weights = getattr(model, name).trainable_variables
        assert_same(tape.gradient(loss, weights), tape.gradient(of_player, weights))


def test_the_losses_of_one_who_can_only_guess():
    discriminator = build_discriminator((8, 8, 1), filters=(4,))
    discriminator.layers[-1].kernel.assign(0 * discriminator.layers[-1].kernel)
    of_discriminator, of_generator, _ = adversarial_losses(discriminator, PICTURES, PICTURES)
    np.testing.assert_allclose([of_discriminator, of_generator], np.log(2), rtol=1e-5)


def test_a_gan_draws_as_many_as_it_gets_and_its_seed_decides():
    model, again = small_gan(), small_gan()
    first, second = model(PICTURES), model(PICTURES[:5])
    assert first.shape == (12, 8, 8, 1) and second.shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(again(0 * PICTURES), first)
    assert np.abs(first[:5] - second).max() > 1e-3, "new noise at each call"


def test_groups_hold_different_pictures_of_the_batch_each_one_once():
    groups = packed(np.arange(14.0).reshape(7, 1, 2), 3)
    assert groups.shape == (2, 1, 6)
    np.testing.assert_array_equal(groups[:, 0], [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]])


@pytest.mark.parametrize("make", [small_gan, small_vae_gan])
def test_it_trains_with_stock_fit_saves_and_loads(make, tmp_path):
    model = make()
    model.compile(keras.optimizers.Adam(0.01, beta_1=0.5))
    before = {name: [weight.numpy() for weight in part.trainable_variables] for name, part in parts_of(model).items()}
    history = model.fit(PICTURES, batch_size=6, epochs=2, verbose=0).history
    assert {"loss", "discriminator_loss", "generator_loss", "told_apart"} <= set(history)
    for name, part in parts_of(model).items():
        changed = [np.any(old != new.numpy()) for old, new in zip(before[name], part.trainable_variables)]
        assert all(changed), f"{name}: every weight learns"
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    noise = np.ones((2, 3), "float32")
    for name, part in parts_of(model).items():
        inputs = PICTURES[:2] if name in ("encoder", "discriminator") else noise
        for ours, theirs in zip(keras.tree.flatten(part(inputs)), keras.tree.flatten(getattr(loaded, name)(inputs))):
            np.testing.assert_array_equal(ours, theirs)
    config = {key: value for key, value in model.get_config().items() if not isinstance(value, dict)}
    assert config == {key: value for key, value in loaded.get_config().items() if not isinstance(value, dict)}


@pytest.mark.system
def test_a_generator_learns_what_a_discriminator_sees():
    """A discriminator that likes white: the generator's pictures get whiter, the discriminator stays as it is."""
    model = small_gan()
    for weight in model.discriminator.trainable_variables:
        weight.assign(0.3 * tf.abs(weight))  # small: one that is sure of itself would leave no gradient
    model.discriminator.trainable = False
    model.compile(keras.optimizers.Adam(0.01))
    kept = [weight.numpy() for weight in model.discriminator.weights]
    before = model.predict(PICTURES, verbose=0).mean()
    model.fit(PICTURES, batch_size=12, epochs=30, verbose=0)
    assert model.predict(PICTURES, verbose=0).mean() > before + 0.2
    for old, new in zip(kept, model.discriminator.weights):
        np.testing.assert_array_equal(old, new)


def test_a_decoder_serves_a_vae_as_well():
    model = VAE(build_gaussian_encoder(3, (8, 8, 1), filters=(4, 4)), build_generator(3, **SMALL), seed=0)
    model.compile("adam", loss=bernoulli_nll)
    assert np.isfinite(model.fit(PICTURES, PICTURES, epochs=1, verbose=0).history["loss"][0])


def with_a_state():
    images = keras.Input((8, 8, 1))
    x = layers.Flatten(name="features")(layers.BatchNormalization(name="norm")(images))
    return keras.Model(images, layers.Dense(1)(x))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GAN(None, build_discriminator()), "`generator` must be a `keras.Model`. Received: generator=None"),
        (lambda: GAN(build_generator(2), "no"), "`discriminator` must be a `keras.Model`"),
        (lambda: GAN(build_generator(2), with_a_state()), "no layer with a state.*norm/moving_mean"),
        (lambda: GAN(build_generator(2), build_discriminator(), pack=0), "`pack` must be.*Received: pack=0"),
        (lambda: build_generator(0), "`latent_dim` must be"),
        (lambda: build_generator(2, image_shape=(10, 8, 1)), "`image_shape` must have sides divisible by 4"),
        (lambda: build_generator(2, filters=()), "`filters` must have"),
    ],
)
def test_bad_input_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_discriminator_without_features_is_refused():
    images = keras.Input((8, 8, 1))
    plain = keras.Model(images, layers.Dense(1)(layers.Flatten()(images)))
    encoder = build_gaussian_encoder(3, (8, 8, 1), filters=(4, 4))
    with pytest.raises(ValueError, match="features"):
        VAEGAN(encoder, build_generator(3, **SMALL), plain)
