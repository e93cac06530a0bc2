"""VAEs: the KL term in the history, stock training, saving, cloning, bad input."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.losses import bernoulli_nll
from course_utils.metrics import iwae_bound, kl_divergence, negative_elbo_terms, sampled_terms
from course_utils.models import IWAE, VAE, ConditionalVAE, build_conditional_vae, build_dense_vae

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


def _small_iwae(k, vae=None):
    vae = vae or _small_vae()
    return IWAE(vae.encoder, vae.decoder, k, seed=1)


MANY = np.repeat(IMAGES, 400, axis=0)  # many draws for each image


def _loss(model):
    model.compile("sgd", bernoulli_nll)
    return model.evaluate(MANY, MANY, batch_size=2000, verbose=0, return_dict=True)["loss"]


def _bound(vae, k):
    """The mean bound of many draws and its standard error."""
    bound = iwae_bound(vae, MANY, k)
    return bound.mean(), bound.reshape(50, 400).std(axis=1).mean() / np.sqrt(len(MANY))


def test_iwae_loss_is_minus_the_bound_and_with_one_code_the_vaes():
    """With one code in the mean only: the IWAE takes the KL term of the drawn code, the VAE that of all codes."""
    vae = _small_vae()
    vae.encoder.get_layer("log_var").bias.assign([-2.0, 1.0])  # far from the prior, so that the KL term matters
    losses = {k: _loss(_small_iwae(k, vae)) for k in (1, 5, 50)}
    bounds = {k: _bound(vae, k) for k in losses}
    for k, (bound, error) in bounds.items():
        assert error < 0.05 and losses[k] == pytest.approx(-bound, abs=6 * error)
    assert losses[1] > losses[5] + 0.1 and losses[5] > losses[50] + 0.02
    assert losses[1] == pytest.approx(_loss(vae), abs=6 * bounds[1][1])


def test_iwae_gradient_weighs_each_draw_by_its_importance():
    """The gradient of the bound is the mean of the gradients of log w, weighted by the normalised w."""
    model = _small_iwae(3)
    model.compile("sgd", bernoulli_nll)
    parameters = model.trainable_variables
    seed = model.sampling.seed_generator.state
    start = keras.ops.copy(seed)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(IMAGES, IMAGES, IMAGES)
    gradient = tape.gradient(loss, parameters)
    seed.assign(start)  # the same noise once more
    mean, _ = model.encoder(IMAGES)
    noise = keras.random.normal((50, 3, mean.shape[1]), seed=model.sampling.seed_generator)
    with tf.GradientTape() as tape:
        log_weights = -sum(sampled_terms(IMAGES, *model.encoder(IMAGES), noise, model.decoder))
        share = tf.stop_gradient(tf.nn.softmax(log_weights, axis=1))
        weighted = -tf.reduce_mean(tf.reduce_sum(share * log_weights, axis=1))
    for ours, expected in zip(gradient, tape.gradient(weighted, parameters)):
        np.testing.assert_allclose(ours, expected, atol=1e-4)
    assert all(np.abs(part).max() > 0 for part in gradient)


def test_iwae_trains_saves_and_loads(tmp_path):
    model = _small_iwae(5)
    model.compile(keras.optimizers.Adam(0.01), bernoulli_nll)
    history = model.fit(IMAGES, IMAGES, batch_size=16, epochs=2, validation_data=(IMAGES, IMAGES), verbose=0).history
    assert set(history) == {"loss", "kl", "val_loss", "val_kl"} and history["loss"][1] < history["loss"][0]
    assert history["val_kl"][-1] == pytest.approx(_closed_form(model.encoder, IMAGES), rel=0.1)
    assert model.predict(IMAGES, verbose=0).shape == IMAGES.shape
    model.save(tmp_path / "iwae.keras")
    loaded, clone = keras.saving.load_model(tmp_path / "iwae.keras", safe_mode=True), keras.models.clone_model(model)
    assert type(loaded) is type(clone) is IWAE and loaded.k == clone.k == 5 and loaded.sampling.seed == 1
    np.testing.assert_allclose(loaded.encoder(IMAGES)[0], model.encoder(IMAGES)[0], atol=1e-6)
    assert np.isfinite(loaded.fit(IMAGES, IMAGES, verbose=0).history["loss"]).all()


def test_iwae_refuses_what_it_cannot_weigh():
    model = _small_iwae(3)
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(ValueError, match=r"needs a `loss` that is a function .*Received: loss='mse'"):
        model.fit(IMAGES, IMAGES, verbose=0)
    model.compile("sgd", keras.losses.BinaryCrossentropy(), run_eagerly=True)
    with pytest.raises(ValueError, match=r"needs a `loss` that is a function"):
        model.fit(IMAGES, IMAGES, verbose=0)
    model.compile("sgd", keras.losses.binary_crossentropy, run_eagerly=True)  # one number per row of pixels
    with pytest.raises(ValueError, match=r"`nll` must return one number per image, \(n,\)\. Received: \(96, 6, 6\)"):
        model.fit(IMAGES, IMAGES, verbose=0)


@pytest.mark.parametrize("k", [0, 2.5])
def test_iwae_needs_whole_numbers_of_codes(k):
    with pytest.raises(ValueError, match=f"`k` must be a positive whole number. Received: k={k}"):
        _small_iwae(k)


@pytest.mark.parametrize("beta", [-1, float("nan")])
def test_beta_must_not_be_negative(beta):
    with pytest.raises(ValueError, match=rf"`beta` must be non-negative and finite\. Received: beta={beta}"):
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


# β changed during a fit


class Anneal(keras.callbacks.Callback):
    """Sets β at the start of each epoch."""

    def __init__(self, betas):
        super().__init__()
        self.betas = betas

    def on_epoch_begin(self, epoch, logs=None):
        self.model.kl_divergence.weight = self.betas[epoch]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_beta_changed_by_a_callback_takes_effect_in_the_traced_graph(jit_compile):
    model = _small_vae()
    model.encoder.get_layer("log_var").bias.assign([-60.0, -60.0])  # no noise: the loss is exact
    model.compile(keras.optimizers.SGD(0.0), bernoulli_nll, jit_compile=jit_compile)
    history = model.fit(IMAGES, IMAGES, batch_size=50, epochs=3, callbacks=[Anneal([0.0, 0.3, 2])], verbose=0).history
    free, third, twice = history["loss"]
    assert third - free == pytest.approx(0.3 * history["kl"][0], rel=1e-4) and history["kl"][0] > 50
    assert twice - free == pytest.approx(2 * history["kl"][0], rel=1e-4)
    assert model.kl_divergence.weight == 2 and model.get_config()["beta"] == 2


def test_a_changed_beta_is_reported_saved_loaded_and_cloned(tmp_path):
    model = _small_vae(beta=4.0)
    model(IMAGES)
    model.kl_divergence.weight = 0.3
    assert model.get_config()["beta"] == 0.3
    model.save(tmp_path / "vae.keras")
    model.save_weights(tmp_path / "vae.weights.h5")
    other = _small_vae()
    other(IMAGES)
    other.load_weights(tmp_path / "vae.weights.h5")
    for copy in (keras.saving.load_model(tmp_path / "vae.keras"), keras.models.clone_model(model), other):
        assert copy.kl_divergence.weight == 0.3


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "1", None])
def test_beta_can_not_become_negative(wrong):
    model = _small_vae(beta=0.5)
    with pytest.raises(ValueError, match=r"`weight` must be non-negative and finite\. Received: weight="):
        model.kl_divergence.weight = wrong
    assert model.kl_divergence.weight == 0.5


def test_an_iwae_has_no_beta():
    model = _small_iwae(3)
    with pytest.raises(ValueError, match=r"`weight` of an `IWAE` is 1 and can't be changed\. Received: weight=0\.5"):
        model.kl_divergence.weight = 0.5
    assert model.kl_divergence.weight == 1


# What a fit can't work with

LABELLED = [IMAGES, LABELS]


def _models():
    vae = _small_vae()
    return [
        (vae, IMAGES),
        (_small_iwae(3, vae), IMAGES),
        (build_conditional_vae(2, 3, hidden=(12,), image_shape=SHAPE), LABELLED),
    ]


@pytest.mark.parametrize("eager", [True, False])
def test_weights_of_images_are_refused(eager):
    for model, inputs in _models():
        model.compile("sgd", bernoulli_nll, run_eagerly=eager)
        for run in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=f"`{type(model).__name__}` takes no `sample_weight` and no `class_w"):
                run(inputs, IMAGES, sample_weight=np.ones(50), verbose=0)


def test_weights_of_classes_are_refused():
    """Keras makes weights of images of them, by the largest entry of each target: here by the brightest pixel."""
    flat = IMAGES.reshape(50, 36)
    model = VAE(_encoder(2, 2, shape=(36,)), keras.Sequential([keras.Input((2,)), keras.layers.Dense(36, "sigmoid")]))
    model.compile("sgd", bernoulli_nll)
    with pytest.raises(ValueError, match="no `class_weight`"):
        model.fit(flat, flat, class_weight={0: 1.0, 1: 2.0}, verbose=0)


def test_a_fit_without_loss_or_targets_says_what_to_write():
    for model, inputs in _models():
        name = type(model).__name__
        model.compile("adam")
        with pytest.raises(ValueError, match=rf"`{name}` needs a loss: write `compile\(\.\.\., loss=bernoulli_nll\)`"):
            model.fit(inputs, IMAGES, verbose=0)
        model.compile("adam", bernoulli_nll)
        with pytest.raises(ValueError, match=rf"`{name}` needs targets.*`fit\(images, images\)`"):
            model.fit(inputs, verbose=0) if name == "ConditionalVAE" else model.fit(_dataset(), verbose=0)


def _dataset():
    return tf.data.Dataset.from_tensor_slices(IMAGES).batch(10)


def _encoder(*widths, shape=SHAPE):
    images = keras.Input(shape)
    flat = keras.layers.Flatten()(images)
    return keras.Model(images, [keras.layers.Dense(width)(flat) for width in widths])


def test_parts_that_do_not_fit_together_are_refused():
    decoder = _small_vae().decoder
    for encoder, words in [
        (_encoder(2, 2, 2), r"`encoder` must have two outputs, `mean` and `log_var`\. Received: 3"),
        (_encoder(2), r"`encoder` must have two outputs.*Received: 1"),
        (_encoder(2, 1), r"`log_var` must have the mean's shape \(None, 2\)\. Received: \(None, 1\)"),
        (_encoder(3, 3), r"`decoder's input` must have the code's shape \(None, 3\)\. Received: \(None, 2\)"),
        (keras.layers.Dense(2), r"`encoder` must be a `keras\.Model`"),
    ]:
        with pytest.raises(ValueError, match=words):
            VAE(encoder, decoder)


def test_a_subclassed_encoder_of_three_outputs_is_refused_in_its_first_call():
    class Three(keras.Model):
        def call(self, images):
            return [keras.ops.mean(images, axis=(1, 2))] * 3

    with pytest.raises(ValueError, match=r"`inputs` must be the pair \(mean, log_var\)\. Received: 3"):
        VAE(Three(), _small_vae().decoder)(IMAGES)


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        for build in (build_dense_vae, lambda width: build_conditional_vae(width, 10)):
            with pytest.raises(ValueError, match="channels_first"):
                build(2)
    finally:
        keras.config.set_image_data_format("channels_last")


# Export, precision, devices


@pytest.mark.parametrize("which", range(3))
def test_export_of_a_trained_model(which, tmp_path):
    model, inputs = _models()[which]
    model.encoder.get_layer("log_var").bias.assign([-60.0, -60.0])  # no noise
    model.compile(keras.optimizers.SGD(0.0), bernoulli_nll)
    model.fit(inputs, IMAGES, verbose=0)
    model.export(tmp_path / "model", verbose=False)
    restored = tf.saved_model.load(tmp_path / "model")
    np.testing.assert_allclose(restored.serve(inputs), model.predict(inputs, verbose=0), atol=1e-5)


@pytest.mark.system
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_trains_and_is_scored_in_mixed_precision(precision):
    keras.config.set_dtype_policy(precision)
    try:
        for model, inputs in _models():
            model.compile(keras.optimizers.Adam(0.01), bernoulli_nll)
            history = model.fit(inputs, IMAGES.astype("uint8"), batch_size=10, epochs=8, verbose=0).history
            assert np.isfinite(history["loss"]).all() and history["loss"][7] < history["loss"][0]
            assert history["kl"][0] > 0 and model.kl_divergence.weight == 1
            if inputs is IMAGES:
                distortion, rate = negative_elbo_terms(model, IMAGES, 20)
                bound = iwae_bound(model, IMAGES, 20)
                assert np.isfinite(bound).all() and bound.mean() >= -(distortion + rate).mean()
    finally:
        keras.config.set_dtype_policy("float32")


def test_mixed_precision_scores_as_single_precision_does():
    """The same weights in both: bfloat16's three digits reach the bound, but nothing worse."""
    vae = _small_vae()
    expected = iwae_bound(vae, IMAGES, 20)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = _small_vae()
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(vae.get_weights())
    np.testing.assert_allclose(iwae_bound(mixed, IMAGES, 20), expected, rtol=0.01)


@pytest.mark.system
def test_two_devices_share_a_batch_and_take_the_step_of_one():
    """In a process of its own, as the number of devices is settled before TensorFlow starts."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    script = Path(__file__).with_name("two_devices.py")
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == "all well on two devices"
