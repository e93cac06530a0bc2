"""Translation against patches: what reaches whose weights, training, saving, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.models import PatchTranslator, build_patch_discriminator, build_unet

RNG = np.random.default_rng(0)
INPUTS, PICTURES = RNG.random((2, 12, 8, 8, 1), dtype=np.float32)


def small(l1_weight=100.0):
    keras.utils.set_random_seed(0)
    generator = build_unet((8, 8, 1), 1, filters=(4, 4), activation="sigmoid")
    return PatchTranslator(
        generator, build_patch_discriminator((8, 8, 1), (8, 8, 1), filters=(4,)), l1_weight=l1_weight
    )


def gradients(model, weights):
    with tf.GradientTape() as tape:
        loss = model.compute_loss(tf.constant(INPUTS), tf.constant(PICTURES), model(INPUTS))
    return tape.gradient(loss, weights)


def by_hand(model, weights, discriminator_learns):
    """The gradient of one player's loss alone."""
    inputs, pictures = tf.constant(INPUTS), tf.constant(PICTURES)
    with tf.GradientTape() as tape:
        made = model(inputs)
        judged = model.discriminator([inputs, made])
        if discriminator_learns:
            real = model.discriminator([inputs, pictures])
            loss = (tf.reduce_mean(tf.math.softplus(-real)) + tf.reduce_mean(tf.math.softplus(judged))) / 2
        else:
            loss = tf.reduce_mean(tf.math.softplus(-judged)) + model.l1_weight * tf.reduce_mean(abs(pictures - made))
    return tape.gradient(loss, weights)


@pytest.mark.parametrize("discriminator_learns", [True, False])
def test_each_player_gets_the_gradient_of_its_own_loss(discriminator_learns):
    model = small(l1_weight=3.0)
    part = model.discriminator if discriminator_learns else model.generator
    weights = part.trainable_variables
    for ours, expected in zip(gradients(model, weights), by_hand(model, weights, discriminator_learns)):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-6)


def test_it_calls_the_generator():
    model = small()
    np.testing.assert_array_equal(model(INPUTS), model.generator(INPUTS))


def test_reports_the_absolute_error_and_the_share_told_apart():
    model = small()
    model.compile(keras.optimizers.SGD(0.0))
    history = model.fit(INPUTS, PICTURES, batch_size=4, epochs=1, verbose=0).history
    assert set(history) == {"loss", "l1", "told_apart"}
    made = model.predict(INPUTS, verbose=0)
    assert history["l1"][0] == pytest.approx(np.abs(made - PICTURES).mean(), rel=1e-4)
    right = [model.discriminator([INPUTS, PICTURES]) > 0, model.discriminator([INPUTS, made]) < 0]
    assert history["told_apart"][0] == pytest.approx(np.mean(right), abs=1e-4)


def test_trains_saves_and_loads(tmp_path):
    model = small()
    model.compile(keras.optimizers.Adam(0.01))
    errors = model.fit(INPUTS, INPUTS, batch_size=12, epochs=25, verbose=0).history["l1"]
    assert errors[-1] < 0.7 * errors[0]
    model.save(tmp_path / "translator.keras")
    loaded = keras.saving.load_model(tmp_path / "translator.keras")
    np.testing.assert_array_equal(loaded(INPUTS), model(INPUTS))
    np.testing.assert_array_equal(loaded.discriminator([INPUTS, INPUTS]), model.discriminator([INPUTS, INPUTS]))
    assert loaded.l1_weight == 100


@pytest.mark.system
def test_a_discriminator_without_l1_learns_to_tell_apart_what_differs():
    model = small(l1_weight=0.0)
    model.generator.trainable = False
    model.compile(keras.optimizers.Adam(0.02))
    shares = model.fit(INPUTS, 0 * PICTURES, batch_size=12, epochs=20, verbose=0).history["told_apart"]
    assert shares[-1] == 1


@pytest.mark.parametrize(("filters", "patch"), [((2,), 10), ((2, 3), 22)])
def test_a_logit_sees_a_patch(filters, patch):
    """Which pixels reach a logit in the middle; gradients by the picture."""
    model = build_patch_discriminator((40, 40, 1), (40, 40, 2), filters=filters)
    side = 40 // 2 ** len(filters)
    assert model.output.shape == (None, side, side, 1)
    picture = tf.constant(RNG.random((1, 40, 40, 2), dtype=np.float32))
    with tf.GradientTape() as tape:
        tape.watch(picture)
        middle = model([picture[..., :1], picture])[0, side // 2, side // 2, 0]
    rows = np.flatnonzero(np.any(tape.gradient(middle, picture).numpy()[0] != 0, axis=(1, 2)))
    assert np.ptp(rows) + 1 == patch


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"generator": None}, "`generator` must be a `keras.Model`. Received: generator=None"),
        ({"discriminator": "no"}, "`discriminator` must be a `keras.Model`"),
        ({"l1_weight": -1}, "`l1_weight` must be non-negative.*l1_weight=-1"),
    ],
)
def test_bad_parts_are_refused(change, words):
    good = small()
    parts = {"generator": good.generator, "discriminator": good.discriminator, "l1_weight": 1.0} | change
    with pytest.raises(ValueError, match=words):
        PatchTranslator(parts.pop("generator"), parts.pop("discriminator"), **parts)


def test_bad_targets_are_refused():
    model = small()
    model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="needs targets"):
        model.fit(INPUTS, verbose=0)
    with pytest.raises(ValueError, match="`targets` must have the pictures' shape"):
        model.fit(INPUTS, PICTURES[:, :4], verbose=0)


@pytest.mark.parametrize(
    ("inputs", "pictures", "filters", "words"),
    [
        ((8, 8, 1), (8, 6, 1), (2,), "`image_shape` must have the inputs' sides"),
        ((8, 8), (8, 8, 1), (2,), "`image_shape` must be"),
        ((8, 8, 1), (8, 8, 1), (0,), "`filters` must be"),
    ],
)
def test_bad_shapes_are_refused(inputs, pictures, filters, words):
    with pytest.raises(ValueError, match=words):
        build_patch_discriminator(inputs, pictures, filters=filters)
