"""Plain autoencoders: shapes, stock training, saving, cloning, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.losses import bernoulli_nll
from course_utils.models import VAE, Autoencoder, build_conv_autoencoder, build_dense_autoencoder
from course_utils.models.autoencoder import UNPOOLINGS

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).random((24, *SHAPE), dtype=np.float32)


def _save_and_load(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", safe_mode=True)


def test_dense_shapes_and_parameter_counts():
    model = build_dense_autoencoder(32)
    assert model.encoder.count_params() == 784 * 32 + 32
    assert model.decoder.count_params() == 32 * 784 + 784
    deep = build_dense_autoencoder(3, hidden=(20, 10), image_shape=SHAPE)
    assert [w.shape for w in deep.encoder.weights[::2]] == [(64, 20), (20, 10), (10, 3)]
    assert [w.shape for w in deep.decoder.weights[::2]] == [(3, 10), (10, 20), (20, 64)]
    assert deep.encoder(IMAGES).shape == (24, 3) and deep(IMAGES).shape == IMAGES.shape


def test_the_model_is_decoder_of_encoder_and_its_output_an_image():
    model = build_dense_autoencoder(3, image_shape=SHAPE)
    output = keras.ops.convert_to_numpy(model(IMAGES))
    np.testing.assert_allclose(output, model.decoder(model.encoder(IMAGES)), rtol=1e-6)
    assert output.min() >= 0 and output.max() <= 1


@pytest.mark.parametrize("model_class", [Autoencoder, VAE])
def test_layers_of_the_parts_know_that_they_are_trained(model_class):
    images = keras.Input(SHAPE)
    flat = keras.layers.Flatten()(images)
    outputs = [keras.layers.Dense(2)(flat) for _ in range(1 if model_class is Autoencoder else 2)]
    codes = keras.Input((2,))
    normalised = keras.layers.BatchNormalization()(keras.layers.Dense(64)(codes))
    decoder = keras.Model(codes, keras.layers.Reshape(SHAPE)(keras.ops.sigmoid(normalised)))
    model = model_class(keras.Model(images, outputs if len(outputs) > 1 else outputs[0]), decoder)
    model.compile("adam", loss=bernoulli_nll)
    averages = [weight.numpy() for weight in decoder.non_trainable_variables]
    model.predict(IMAGES, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(averages, decoder.non_trainable_variables))
    model.fit(IMAGES, IMAGES, verbose=0)
    assert all(np.any(a != b) for a, b in zip(averages, decoder.non_trainable_variables))


def test_regularisers_reach_code_and_weights():
    model = build_dense_autoencoder(
        4, hidden=(5,), code_activation="relu", code_regularizer=keras.regularizers.L1(0.1), image_shape=SHAPE
    )
    codes = keras.ops.convert_to_numpy(model.encoder(IMAGES))
    model(IMAGES)
    assert codes.min() >= 0
    summed_over_the_batch = 0.1 * np.abs(codes).sum()  # Keras 3 does not average an activity's penalty
    assert float(sum(model.losses)) == pytest.approx(summed_over_the_batch, rel=1e-4)
    model = build_dense_autoencoder(4, hidden=(5,), kernel_regularizer=keras.regularizers.L2(0.1), image_shape=SHAPE)
    kernels = [w for w in model.get_weights() if w.ndim == 2]
    assert len(kernels) == 4
    assert float(sum(model.losses)) == pytest.approx(0.1 * sum((w**2).sum() for w in kernels), rel=1e-4)


@pytest.mark.parametrize("unpooling", UNPOOLINGS)
def test_conv_shapes(unpooling):
    model = build_conv_autoencoder(5, filters=(3, 4), unpooling=unpooling, image_shape=SHAPE)
    code = model.encoder(IMAGES)
    if unpooling == "max":
        code, first, second = code
        assert first.shape == (24, 4, 4, 3) and second.shape == (24, 2, 2, 4)
    assert code.shape == (24, 5) and model(IMAGES).shape == IMAGES.shape


def test_pooled_unpoolings_differ_in_nothing_but_the_unpooling():
    counts = set()
    for unpooling in UNPOOLINGS:
        model = build_conv_autoencoder(5, filters=(3, 4), unpooling=unpooling, image_shape=SHAPE)
        counts.add((model.encoder.count_params(), model.decoder.count_params()))
    assert len(counts) == 1


@pytest.mark.parametrize("loss", ["binary_crossentropy", keras.losses.Huber(), bernoulli_nll])
def test_any_keras_loss(loss):
    model = build_dense_autoencoder(2, image_shape=SHAPE)
    model.compile("adam", loss, run_eagerly=True)
    history = model.fit(IMAGES, IMAGES, epochs=2, validation_data=(IMAGES, IMAGES), verbose=0).history
    assert set(history) == {"loss", "val_loss"} and np.isfinite(history["val_loss"]).all()


def test_bernoulli_nll_is_averaged_over_the_batch_only():
    model = build_dense_autoencoder(2, image_shape=SHAPE)
    model.compile("adam", bernoulli_nll, run_eagerly=True)
    expected = np.mean(bernoulli_nll(IMAGES, model(IMAGES)))
    assert model.evaluate(IMAGES, IMAGES, batch_size=10, verbose=0) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("unpooling", ["transposed", "max"])
def test_conv_trains_saves_loads_and_goes_on(unpooling, tmp_path):
    model = build_conv_autoencoder(16, filters=(4,), unpooling=unpooling, image_shape=SHAPE)
    model.compile(keras.optimizers.Adam(0.01), bernoulli_nll, run_eagerly=unpooling == "transposed")
    smooth = np.repeat(np.repeat(IMAGES[:, ::4, ::4], 4, axis=1), 4, axis=2)
    losses = model.fit(smooth, smooth, batch_size=8, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    loaded = _save_and_load(model, tmp_path)
    assert type(loaded) is Autoencoder
    np.testing.assert_allclose(loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0), atol=1e-6)
    assert loaded.evaluate(smooth, smooth, verbose=0) == pytest.approx(model.evaluate(smooth, smooth, verbose=0))
    assert int(loaded.optimizer.iterations) == 12
    loaded.fit(smooth, smooth, batch_size=24, verbose=0)
    assert int(loaded.optimizer.iterations) == 13


def test_clone_has_the_architecture_and_weights_of_its_own():
    model = build_conv_autoencoder(3, filters=(2,), unpooling="max", image_shape=SHAPE)
    clone = keras.models.clone_model(model)
    assert type(clone) is Autoencoder and clone.encoder is not model.encoder
    clone.set_weights([weight + 1 for weight in model.get_weights()])
    np.testing.assert_allclose(clone.get_weights()[0], model.get_weights()[0] + 1)


@pytest.mark.parametrize("build", [build_dense_autoencoder, build_conv_autoencoder])
@pytest.mark.parametrize("latent_dim", [0, -3, 2.0, "2", None, (2,)])
def test_bad_code_width(build, latent_dim):
    with pytest.raises(ValueError, match=r"`latent_dim` must be a positive whole number\. Received: latent_dim="):
        build(latent_dim)


@pytest.mark.parametrize(
    ("build", "argument", "wrong"),
    [
        (build_dense_autoencoder, "hidden", 128),
        (build_dense_autoencoder, "hidden", (128, 0)),
        (build_conv_autoencoder, "filters", 16),
        (build_conv_autoencoder, "filters", (16, 2.5)),
        (build_dense_autoencoder, "image_shape", 28),
        (build_dense_autoencoder, "image_shape", (28, 28)),
        (build_dense_autoencoder, "image_shape", (28, 28, 0)),
        (build_conv_autoencoder, "image_shape", (28, 28)),
    ],
)
def test_bad_shapes(build, argument, wrong):
    with pytest.raises(ValueError, match=f"`{argument}` must be .*Received: {argument}="):
        build(8, **{argument: wrong})


def test_unknown_unpooling_names_those_there_are():
    with pytest.raises(ValueError, match=r"`unpooling` must be one of .*'bed_of_nails', 'max'.*unpooling='average'"):
        build_conv_autoencoder(8, unpooling="average")


def test_sides_that_cannot_be_halved():
    with pytest.raises(ValueError, match=r"sides divisible by 8.*image_shape=\(28, 28, 1\)"):
        build_conv_autoencoder(8, filters=(4, 4, 4))


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="incompatible"):
        build_dense_autoencoder(8)(IMAGES)


def test_parts_that_are_no_models_are_refused():
    model = build_dense_autoencoder(2, image_shape=SHAPE)
    with pytest.raises(ValueError, match=r"`decoder` must be a `keras\.Model`\. Received: decoder=<Dense"):
        Autoencoder(model.encoder, keras.layers.Dense(64))
    with pytest.raises(ValueError, match=r"`encoder` must be a `keras\.Model`"):
        Autoencoder(None, model.decoder)


def test_parts_that_are_not_built_are_built_by_the_fit():
    flat = IMAGES.reshape(24, 64)
    model = Autoencoder(keras.Sequential([keras.layers.Dense(2)]), keras.Sequential([keras.layers.Dense(64)]))
    model.compile("adam", "mse")
    model.fit(flat, flat, verbose=0)
    assert model.count_params() == 64 * 2 + 2 + 2 * 64 + 64


@pytest.mark.parametrize("eager", [True, False])
def test_a_fit_without_loss_or_targets_says_what_to_write(eager):
    model = build_dense_autoencoder(2, image_shape=SHAPE)
    model.compile("adam", run_eagerly=eager)
    for run in (model.fit, model.evaluate):
        with pytest.raises(
            ValueError, match=r"`Autoencoder` needs a loss: write `compile\(\.\.\., loss=bernoulli_nll\)`"
        ):
            run(IMAGES, IMAGES, verbose=0)
    model.compile("adam", bernoulli_nll, metrics=["mse"], run_eagerly=eager)
    for images in (IMAGES, tf.data.Dataset.from_tensor_slices(IMAGES).batch(8)):
        for run in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=r"`Autoencoder` needs targets.*`fit\(images, images\)`"):
                run(images, verbose=0)
    assert model.predict(IMAGES, verbose=0).shape == IMAGES.shape


@pytest.mark.parametrize("wrong", [np.repeat(IMAGES, 3, axis=-1), np.arange(24), IMAGES[:, :4]])
def test_targets_of_another_shape_are_refused_and_not_broadcast(wrong):
    model = build_dense_autoencoder(2, image_shape=SHAPE)
    model.compile("adam", "mse", run_eagerly=True)
    with pytest.raises(ValueError, match=r"`targets` must have the output's shape \(24, 8, 8, 1\)\. Received: \(24,"):
        model.fit(IMAGES, wrong, verbose=0)


def test_weights_of_images_are_keras_own():
    model = build_dense_autoencoder(2, image_shape=SHAPE)
    model.compile("adam", bernoulli_nll, run_eagerly=True)
    plain = model.evaluate(IMAGES, IMAGES, verbose=0)
    assert model.evaluate(IMAGES, IMAGES, sample_weight=np.full(24, 2), verbose=0) == pytest.approx(2 * plain)


@pytest.mark.parametrize("build", [build_dense_autoencoder, build_conv_autoencoder])
def test_images_with_the_channels_first_are_refused(build):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match=r'write `keras.config.set_image_data_format\("channels_last"\)`'):
            build(8)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_a_convolutional_autoencoder_without_levels_is_refused():
    with pytest.raises(ValueError, match="`filters` must have an entry for each level, at least one"):
        build_conv_autoencoder(8, filters=())


def test_numpys_whole_numbers_are_as_good():
    model = build_conv_autoencoder(np.int64(3), filters=tuple(np.array([2, 3])), image_shape=np.array(SHAPE).tolist())
    assert model.encoder(IMAGES).shape == (24, 3)
    assert build_dense_autoencoder(np.int32(3), hidden=[np.int8(4)], image_shape=SHAPE)(IMAGES).shape == IMAGES.shape


@pytest.mark.parametrize("build", [lambda: build_dense_autoencoder(2, hidden=(5,), image_shape=SHAPE), lambda: _conv()])
def test_export_of_a_trained_model(build, tmp_path):
    model = build()
    model.compile("adam", bernoulli_nll)
    model.fit(IMAGES, IMAGES, verbose=0)
    model.export(tmp_path / "model", verbose=False)
    restored = tf.saved_model.load(tmp_path / "model")
    np.testing.assert_allclose(restored.serve(IMAGES), model.predict(IMAGES, verbose=0), atol=1e-6)


def _conv(unpooling="max"):
    return build_conv_autoencoder(3, filters=(2,), unpooling=unpooling, image_shape=SHAPE)


@pytest.mark.parametrize("unpooling", ["transposed", "max"])
def test_trains_in_mixed_precision(unpooling):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = _conv(unpooling)
        model.compile(keras.optimizers.Adam(0.01), bernoulli_nll)
        losses = model.fit(IMAGES, IMAGES, epochs=3, verbose=0).history["loss"]
        assert losses[2] < losses[0] and model.decoder.output.dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")
