"""Registration and its atlas: outputs, the loss, training, saving, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.batches import FreshBatches
from course_utils.layers import SpatialTransformer, VectorIntegration
from course_utils.losses import roughness, squared_error
from course_utils.metrics import folded_share
from course_utils.models import Registration, build_atlas, build_registration
from course_utils.models.registration import Templates

RNG = np.random.default_rng(0)
ROWS, COLUMNS = np.indices((8, 8)) - 3.5


def _blobs(n):
    """Smooth spots, each at a place of its own."""
    centres = RNG.uniform(-1, 1, (2, n, 1, 1))
    return np.exp(-((ROWS - centres[0]) ** 2 + (COLUMNS - centres[1]) ** 2) / 3).astype(np.float32)[..., np.newaxis]


MOVING, FIXED = _blobs(12), _blobs(12)
CLASSES = np.eye(3, dtype=np.float32)[np.arange(12) % 3]
TEMPLATES = RNG.random((3, 8, 8, 1), dtype=np.float32)


def _network(**options):
    keras.utils.set_random_seed(0)
    return build_registration((8, 8, 1), **{"filters": (4, 8), "int_steps": 1} | options)


def _livelier(network):
    """With a velocity of some pixels, as after training."""
    kernel = network.get_layer("unet").layers[-1].kernel
    kernel.assign(keras.random.normal(kernel.shape, stddev=20.0))
    return network


def _compiled(network, rate=0.01, smoothness=0.01, eagerly=True):
    """For a step or two, tracing a graph would take longer than it saves."""
    model = Registration(network, smoothness)
    model.compile(keras.optimizers.Adam(rate), run_eagerly=eagerly)
    return model


def _outputs(model, inputs=(MOVING, FIXED)):
    """As `predict_on_batch`, without tracing a graph for one call."""
    return [np.array(output) for output in model([*inputs])]


def _same(outputs, others):
    for output, other in zip(outputs, others, strict=True):
        np.testing.assert_array_equal(output, other)


# The network


def test_shapes_and_names_of_the_outputs():
    network = build_registration((8, 12, 3), filters=(2, 3, 4))
    assert network.output_names == ["moved", "displacement", "velocity"]
    assert [tuple(output.shape[1:]) for output in network.outputs] == [(8, 12, 3), (8, 12, 2), (8, 12, 2)]
    assert network.get_layer("displacement").steps == 7


def test_it_starts_near_rest_but_not_at_it():
    moved, _, velocity = _outputs(_network())
    assert 0 < np.abs(velocity).max() < 0.05
    np.testing.assert_allclose(moved, MOVING, atol=0.02)


def test_each_output_is_made_of_the_one_before():
    moved, displacement, velocity = _outputs(_livelier(_network()))
    assert np.abs(velocity).max() > 1
    np.testing.assert_allclose(VectorIntegration(1)(velocity), displacement, atol=1e-5)
    np.testing.assert_allclose(SpatialTransformer()([MOVING, displacement]), moved, atol=1e-5)


def test_without_integration_the_displacement_is_the_networks_output():
    _, displacement, velocity = _outputs(_livelier(_network(int_steps=0)))
    np.testing.assert_array_equal(displacement, velocity)


def test_it_sees_both_images_and_their_order():
    network = _livelier(_network())
    velocities = [network([*pair])[2] for pair in ((MOVING, FIXED), (FIXED, MOVING), (MOVING, MOVING))]
    assert np.abs(velocities[0] - velocities[1]).max() > 0.1
    assert np.abs(velocities[0] - velocities[2]).max() > 0.1


# Training


def test_the_loss_is_the_squared_error_and_the_weighted_roughness():
    model = _compiled(_livelier(_network()), rate=0.0, smoothness=0.5)
    history = model.fit([MOVING, FIXED], FIXED, batch_size=7, verbose=0).history
    moved, _, velocity = _outputs(model)
    mismatch, rough = np.mean(squared_error(FIXED, moved)), np.mean(roughness(velocity))
    assert set(history) == {"loss", "mismatch", "roughness"}
    assert history["mismatch"][0] == pytest.approx(mismatch, rel=1e-3)
    assert history["roughness"][0] == pytest.approx(rough, rel=1e-3)
    assert history["loss"][0] == pytest.approx(mismatch + 0.5 * rough, rel=1e-3)
    evaluated = model.evaluate([MOVING, FIXED], FIXED, verbose=0, return_dict=True)
    assert evaluated["loss"] == pytest.approx(history["loss"][0], rel=1e-3)


@pytest.mark.system
def test_it_learns_to_move_one_onto_the_other():
    model = _compiled(_network(), rate=0.02, eagerly=False)
    pairs = FreshBatches(FIXED, lambda fixed, moving, rng: ((moving, fixed), fixed), labels=MOVING, batch_size=12)
    losses = model.fit(pairs, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    moved, displacement, _ = _outputs(model)
    assert np.mean(squared_error(FIXED, moved)) < np.mean(squared_error(FIXED, MOVING)) / 2
    assert folded_share(displacement).max() == 0


def test_a_smooth_field_costs_less_the_more_roughness_weighs():
    roughnesses = []
    for smoothness in (0.0, 10.0):
        model = _compiled(_network(int_steps=0), rate=0.03, smoothness=smoothness)
        roughnesses.append(model.fit([MOVING, FIXED], FIXED, epochs=3, verbose=0).history["roughness"][-1])
    assert roughnesses[1] < roughnesses[0] / 4


def test_gradients_reach_every_weight():
    model = Registration(build_atlas(TEMPLATES, _network()))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(None, tf.constant(FIXED), model([CLASSES, FIXED]))
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert np.isfinite(gradient).all() and np.any(gradient)


def test_saves_and_loads(tmp_path):
    model = _compiled(_livelier(_network()), smoothness=0.3)
    model.fit([MOVING, FIXED], FIXED, verbose=0)
    model.save(tmp_path / "registration.keras")
    loaded = keras.saving.load_model(tmp_path / "registration.keras")
    assert loaded.smoothness == 0.3
    _same(_outputs(loaded), _outputs(model))
    loaded.fit([MOVING, FIXED], FIXED, verbose=0)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_trains_in_mixed_precision(precision):
    keras.config.set_dtype_policy(precision)
    try:
        model = _compiled(build_atlas(TEMPLATES, _network()))
        losses = model.fit([CLASSES, FIXED], FIXED, epochs=2, verbose=0).history["loss"]
        outputs = _outputs(model, [CLASSES, FIXED])
    finally:
        keras.config.set_dtype_policy("float32")
    assert losses[-1] < losses[0]
    assert [output.dtype for output in outputs] == ["float32"] * 3


# The atlas


def test_the_template_of_its_class_is_what_moves():
    network = _livelier(_network())
    atlas = build_atlas(TEMPLATES, network)
    templates = TEMPLATES[CLASSES.argmax(axis=1)]
    for found, expected in zip(atlas([CLASSES, FIXED]), network([templates, FIXED]), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.system
def test_templates_and_network_learn_and_templates_stay_images():
    network = _network()
    atlas = build_atlas(TEMPLATES, network)
    assert len(atlas.trainable_variables) == len(network.trainable_variables) + 1
    losses = _compiled(atlas, 0.15).fit([CLASSES, FIXED], FIXED, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    templates = np.array(atlas.get_layer("templates").templates)
    assert np.abs(templates - TEMPLATES).max() > 0.3
    assert templates.min() == 0 and templates.max() <= 1, "the dark background wants to go on below 0"


def test_an_atlas_saves_and_loads(tmp_path):
    model = _compiled(build_atlas(TEMPLATES, _livelier(_network())))
    model.fit([CLASSES, FIXED], FIXED, verbose=0)
    model.save(tmp_path / "atlas.keras")
    loaded = keras.saving.load_model(tmp_path / "atlas.keras")
    _same(_outputs(loaded, [CLASSES, FIXED]), _outputs(model, [CLASSES, FIXED]))
    templates = loaded.network.get_layer("templates")
    np.testing.assert_array_equal(templates.initial, TEMPLATES)
    np.testing.assert_array_equal(templates.templates, model.network.get_layer("templates").templates)


# Bad input


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"int_steps": -1}, "`steps` must be a whole number of at least 0"),
        ({"image_shape": (6, 8)}, "`image_shape` must be"),
        ({"image_shape": (6, 8, 1)}, "`image_shape` must have sides divisible by 4"),
        ({"filters": (4,)}, "`filters` must have at least two entries"),
    ],
)
def test_bad_networks_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        build_registration(**{"image_shape": (8, 8, 1)} | change)


@pytest.mark.parametrize("network", [None, keras.Sequential([keras.Input((2,))]), "no"])
def test_what_has_no_three_outputs_is_refused(network):
    for argument, build in (("network", Registration), ("registration", lambda part: build_atlas(TEMPLATES, part))):
        with pytest.raises(ValueError, match=rf"`{argument}` must be .*\[moved, displacement, velocity\]. Received: "):
            build(network)


@pytest.mark.parametrize("smoothness", [-1, np.inf, "no"])
def test_bad_smoothness_is_refused(smoothness):
    with pytest.raises(ValueError, match="`smoothness` must be non-negative"):
        Registration(_network(), smoothness)


def test_bad_targets_are_refused():
    model = _compiled(_network())
    with pytest.raises(ValueError, match="needs the fixed images as targets"):
        model.fit([MOVING, FIXED], verbose=0)
    with pytest.raises(ValueError, match="must have the images' shape"):
        model.fit([MOVING, FIXED], FIXED[:, :4], verbose=0)


def test_bad_templates_are_refused():
    for wrong, words in [
        (TEMPLATES * 2, r"`initial` must lie in \[0, 1\]"),
        (TEMPLATES[:0], "`initial` must hold at least one image"),
        (TEMPLATES[0], "`initial` must be a float array"),
        (TEMPLATES[:, :4], "`templates` must have the registered images' shape"),
    ]:
        with pytest.raises(ValueError, match=words.replace("initial", "templates")):
            build_atlas(wrong, _network())
    with pytest.raises(ValueError, match="`initial` must"):
        Templates(TEMPLATES * 2)
    with pytest.raises(ValueError, match="`inputs` must have the one-hot classes' shape"):
        Templates(TEMPLATES)(np.zeros((5, 4)))
