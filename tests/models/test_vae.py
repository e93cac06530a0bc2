"""VAEs: the KL term in the history, stock training, saving, cloning, bad input."""

import keras
import numpy as np
import pytest

from course_utils.losses import bernoulli_nll
from course_utils.metrics import kl_divergence
from course_utils.models import VAE, ConditionalVAE, build_conditional_vae, build_dense_vae

SHAPE = (6, 6, 1)
IMAGES = np.random.default_rng(0).integers(0, 2, (50, *SHAPE)).astype(np.float32)
LABELS = np.eye(3, dtype=np.float32)[np.arange(50) % 3]


def _small_vae(**kwargs):
    return build_dense_vae(2, **{"hidden": (12,), "seed": 0, "image_shape": SHAPE} | kwargs)


def _closed_form(encoder, inputs):
    return float(np.mean(kl_divergence(*encoder(inputs))))


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    model = _small_vae()
    model.compile(keras.optimizers.Adam(0.01), bernoulli_nll)
    history = model.fit(IMAGES, IMAGES, batch_size=16, epochs=2, validation_data=(IMAGES, IMAGES), verbose=0).history
    return model, history


def test_shapes():
    model = _small_vae()
    mean, log_var = model.encoder(IMAGES)
    assert mean.shape == log_var.shape == (50, 2)
    assert model(IMAGES).shape == model.decoder(mean).shape == IMAGES.shape


def test_kl_is_in_the_history_beside_the_loss(trained):
    _, history = trained
    assert set(history) == {"loss", "kl", "val_loss", "val_kl"}
    assert all(len(values) == 2 and np.isfinite(values).all() for values in history.values())


def test_training_lowers_the_loss(trained):
    _, history = trained
    assert history["loss"][1] < history["loss"][0]


def test_reported_kl_is_the_closed_form():
    """The last batch is a partial one; it must weigh by its images."""
    model = _small_vae(beta=4.0)
    model.compile(keras.optimizers.SGD(0.0), bernoulli_nll, run_eagerly=True)  # a rate of 0: the weights stay
    logs = model.fit(IMAGES, IMAGES, batch_size=16, validation_data=(IMAGES[:20], IMAGES[:20]), verbose=0).history
    expected = _closed_form(model.encoder, IMAGES)
    assert expected > 0.01 and logs["kl"] == pytest.approx([expected], rel=1e-4)
    assert logs["val_kl"] == pytest.approx([_closed_form(model.encoder, IMAGES[:20])], rel=1e-4)


def test_the_loss_is_reconstruction_plus_beta_times_kl():
    """With the same weights and the same sampling noise, β = 4 costs exactly four times the KL term more than β = 0."""
    free, dear = _small_vae(beta=0.0), _small_vae(beta=4.0)
    dear.encoder.set_weights(free.encoder.get_weights())
    dear.decoder.set_weights(free.decoder.get_weights())
    logs = []
    for model in (free, dear):
        model.compile("sgd", bernoulli_nll, run_eagerly=True)
        logs.append(model.evaluate(IMAGES, IMAGES, batch_size=50, return_dict=True, verbose=0))
    assert logs[0]["kl"] == pytest.approx(logs[1]["kl"], rel=1e-5) and logs[0]["kl"] > 0.01
    assert logs[1]["loss"] - logs[0]["loss"] == pytest.approx(4 * logs[0]["kl"], rel=1e-2)
    noiseless = np.mean(bernoulli_nll(IMAGES, free.decoder(free.encoder(IMAGES)[0])))
    assert logs[0]["loss"] == pytest.approx(noiseless, rel=0.2)


def test_sampling_noise_is_new_in_each_call_and_repeats_by_seed():
    model = _small_vae(seed=3)
    first, second = model(IMAGES), model(IMAGES)
    assert np.abs(first - second).max() > 0
    twin = _small_vae(seed=3)
    for part in ("encoder", "decoder"):
        getattr(twin, part).set_weights(getattr(model, part).get_weights())
    assert np.array_equal(twin(IMAGES), first)


@pytest.mark.parametrize("loss", ["mse", keras.losses.BinaryCrossentropy()])
def test_any_keras_loss(loss):
    model = _small_vae()
    model.compile("adam", loss, run_eagerly=True)
    history = model.fit(IMAGES, IMAGES, verbose=0).history
    assert set(history) == {"loss", "kl"} and np.isfinite(history["loss"]).all()


def test_saves_and_loads_compiled_in_safe_mode(trained, tmp_path):
    model, _ = trained
    model.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras", safe_mode=True)
    assert type(loaded) is VAE and loaded.loss is bernoulli_nll
    for ours, theirs in zip(model.encoder(IMAGES), loaded.encoder(IMAGES)):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert loaded.kl_divergence.weight == 1 and loaded.sampling.seed == 0
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 8
    evaluated = loaded.evaluate(IMAGES, IMAGES, return_dict=True, verbose=0)
    assert evaluated["kl"] == pytest.approx(_closed_form(model.encoder, IMAGES), rel=1e-4)
    assert "kl" in loaded.fit(IMAGES, IMAGES, verbose=0).history


def test_beta_survives_save_and_clone(tmp_path):
    model = _small_vae(beta=4.0)
    model(IMAGES)
    model.save(tmp_path / "vae.keras")
    clone = keras.models.clone_model(model)
    for copy in (keras.saving.load_model(tmp_path / "vae.keras"), clone):
        assert type(copy) is VAE and copy.kl_divergence.weight == 4
    assert clone.encoder is not model.encoder and clone(IMAGES).shape == IMAGES.shape


def test_conditional_vae_trains_saves_and_clones(tmp_path):
    model = build_conditional_vae(2, 3, hidden=(12,), seed=0, image_shape=SHAPE)
    model.compile("adam", bernoulli_nll, run_eagerly=True)
    inputs = [IMAGES, LABELS]
    history = model.fit(inputs, IMAGES, batch_size=16, validation_data=(inputs, IMAGES), verbose=0).history
    assert set(history) == {"loss", "kl", "val_loss", "val_kl"}
    assert history["val_kl"] == pytest.approx([_closed_form(model.encoder, inputs)], rel=1e-4)
    model.save(tmp_path / "vae.keras")
    loaded, clone = keras.saving.load_model(tmp_path / "vae.keras", safe_mode=True), keras.models.clone_model(model)
    assert type(loaded) is type(clone) is ConditionalVAE
    codes = np.zeros((50, 2), np.float32)
    drawn = model.decoder.predict([codes, LABELS], verbose=0)
    np.testing.assert_allclose(loaded.decoder.predict([codes, LABELS], verbose=0), drawn, atol=1e-6)
    assert np.abs(drawn[0] - drawn[1]).max() > 0, "the label reaches the picture"
    assert clone(inputs).shape == IMAGES.shape


@pytest.mark.parametrize("beta", [-1, float("nan")])
def test_beta_must_not_be_negative(beta):
    with pytest.raises(ValueError, match=rf"`beta` must be non-negative\. Received: beta={beta}"):
        _small_vae(beta=beta)


@pytest.mark.parametrize("latent_dim", [0, -1, 2.5, "two"])
def test_bad_code_width(latent_dim):
    for build in (build_dense_vae, lambda width: build_conditional_vae(width, 10)):
        with pytest.raises(ValueError, match="`latent_dim` must be a positive whole number"):
            build(latent_dim)


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="`hidden` must be a tuple of positive whole numbers"):
        build_dense_vae(2, hidden=400)
    with pytest.raises(ValueError, match="`n_classes` must be a positive whole number"):
        build_conditional_vae(2, 0)
    with pytest.raises(ValueError, match=r"`image_shape` must be \(height, width, channels\)"):
        build_dense_vae(2, image_shape=(28, 28))
