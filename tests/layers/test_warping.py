"""The warping family against NumPy's roll, SciPy's interpolation and the powers of a matrix."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.linalg import expm
from scipy.ndimage import map_coordinates

from course_utils.layers import SpatialTransformer, VectorIntegration
from course_utils.metrics import jacobian_determinant

RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 7, 9, 2), dtype=np.float32)
FIELD = RNG.normal(0, 3, (3, 7, 9, 2)).astype(np.float32)  # a third of it leaves the images
MIDDLE = 20  # of fields 41 × 41
PLACES = np.moveaxis(np.indices((41, 41)), 0, -1) - MIDDLE
NEAR = np.s_[MIDDLE - 5 : MIDDLE + 6, MIDDLE - 5 : MIDDLE + 6]  # from where no map here gets to the border
ROTATION = 0.3 * np.float64([[0, -1], [1, 0]])


def _warp(images, displacement):
    return ops.convert_to_numpy(SpatialTransformer()([images, displacement]))


def _integrate(velocity, steps=7):
    return ops.convert_to_numpy(VectorIntegration(steps)(velocity))


def _shift(down, right, shape=(3, 7, 9)):
    return np.broadcast_to(np.float32([down, right]), (*shape, 2))


def _linear(matrix):
    """The field matrix · (p - middle), `(1, 41, 41, 2)`."""
    return (PLACES @ np.transpose(matrix))[np.newaxis]


def _power(matrix, steps):
    return np.linalg.matrix_power(np.eye(2) + matrix / 2**steps, 2**steps)


# The warp


@pytest.mark.parametrize("images", [IMAGES, 1e6 * IMAGES, IMAGES[:, :1], IMAGES[:, :, :1]])
def test_no_displacement_is_the_identity_bit_for_bit(images):
    np.testing.assert_array_equal(_warp(images, np.zeros((*images.shape[:3], 2))), images)


def test_each_pixel_looks_up_where_it_comes_from():
    """To the right it looks, to the left the picture moves; rows come first."""
    np.testing.assert_array_equal(_warp(IMAGES, _shift(0, 1))[:, :, :-1], np.roll(IMAGES, -1, axis=2)[:, :, :-1])
    np.testing.assert_array_equal(_warp(IMAGES, _shift(-2, 0))[:, 2:], np.roll(IMAGES, 2, axis=1)[:, 2:])


def test_beyond_the_border_it_looks_like_the_border():
    np.testing.assert_array_equal(_warp(IMAGES, _shift(0, 100)), np.repeat(IMAGES[:, :, -1:], 9, axis=2))
    np.testing.assert_array_equal(_warp(IMAGES, _shift(-1e9, 0)), np.repeat(IMAGES[:, :1], 7, axis=1))


def test_it_is_scipys():
    def expected(image, displacement):
        places = np.moveaxis(displacement, -1, 0) + np.indices(image.shape[:2])
        channels = [map_coordinates(channel, places, order=1, mode="nearest") for channel in np.moveaxis(image, -1, 0)]
        return np.stack(channels, axis=-1)

    everywhere = np.stack([expected(*pair) for pair in zip(IMAGES.astype(float), FIELD.astype(float))])
    np.testing.assert_allclose(_warp(IMAGES, FIELD), everywhere, atol=1e-5)


def test_a_displacement_that_is_no_number_leaves_its_pixel_alone_without_one():
    field = np.zeros_like(FIELD)
    field[1, 2, 3] = np.nan
    lost = np.isnan(_warp(IMAGES, field))
    assert lost[1, 2, 3].all() and lost.sum() == IMAGES.shape[-1]


def _gradients(images, displacement, weights):
    images, displacement = tf.Variable(images), tf.Variable(displacement)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(weights * SpatialTransformer()([images, displacement]))
    return [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(total, [images, displacement])]


def test_gradients_are_finite_differences():
    """Along one coordinate, and within one pixel, the warp is a straight line: the difference is exact."""
    weights = RNG.normal(size=IMAGES.shape)
    field = (np.round(FIELD) + RNG.uniform(0.2, 0.8, FIELD.shape)).astype(np.float32)
    by_images, by_field = _gradients(IMAGES, field, weights.astype(np.float32))
    for index in [(0, 0, 0, 0), (1, 3, 4, 1), (2, 6, 8, 0), (1, 5, 2, 1)]:
        for array, gradient in ((IMAGES, by_images), (field, by_field)):
            step = np.zeros_like(array)
            step[index] = 0.125
            images, displacement = (step, 0) if array is IMAGES else (0, step)
            ends = [_warp(IMAGES + sign * images, field + sign * displacement) for sign in (1, -1)]
            found = np.sum(weights * (ends[0] - ends[1])) / 0.25
            assert gradient[index] == pytest.approx(found, abs=1e-4)


def test_from_rest_the_gradient_by_the_displacement_is_the_step_to_the_next_pixel():
    """A network that starts with no displacement at all can learn."""
    _, gradient = _gradients(IMAGES, np.zeros_like(FIELD), np.ones_like(IMAGES))
    np.testing.assert_allclose(gradient[:, :-1, :, 0], np.diff(IMAGES, axis=1).sum(axis=-1), atol=1e-6)
    np.testing.assert_allclose(gradient[:, :, :-1, 1], np.diff(IMAGES, axis=2).sum(axis=-1), atol=1e-6)


# The integration


def test_no_velocity_moves_nothing_bit_for_bit():
    np.testing.assert_array_equal(_integrate(np.zeros((2, 5, 6, 2))), np.zeros((2, 5, 6, 2)))


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_a_constant_velocity_is_its_own_displacement(steps):
    np.testing.assert_array_equal(_integrate(_shift(1.37, -20.9), steps), _shift(1.37, -20.9))


def test_without_steps_it_is_the_velocity():
    np.testing.assert_array_equal(_integrate(FIELD, 0), FIELD)


@pytest.mark.parametrize("steps", [1, 3, 7])
def test_a_linear_velocity_gives_the_power_of_its_matrix(steps):
    matrix = np.random.default_rng(steps).uniform(-0.4, 0.4, (2, 2))
    power = _power(matrix, steps)
    displacement = _integrate(_linear(matrix), steps)
    np.testing.assert_allclose(displacement[0][NEAR], _linear(power - np.eye(2))[0][NEAR], atol=2e-4)
    determinant = np.linalg.det(np.eye(2) + matrix / 2**steps) ** (2**steps)
    np.testing.assert_allclose(jacobian_determinant(displacement)[0][NEAR], determinant, rtol=1e-3)


def test_each_step_halves_the_distance_to_the_matrix_exponential():
    """A rotation by 0.3 rad, 7.07 pixels from its centre: |A²| / 2ⁿ⁺¹ · 7.07 = 2.5e-3 pixels at n = 7."""
    exact = _linear(expm(ROTATION) - np.eye(2))[0][NEAR]
    distances = [
        np.linalg.norm(_integrate(_linear(ROTATION), steps)[0][NEAR] - exact, axis=-1).max() for steps in (4, 5, 6, 7)
    ]
    assert distances[-1] == pytest.approx(2.5e-3, rel=0.05)
    np.testing.assert_allclose(np.divide(distances[:-1], distances[1:]), 2, rtol=0.05)


@pytest.mark.parametrize("steps", [2, 7])
def test_the_negative_velocity_undoes_it_but_for_the_steps(steps):
    forward, backward = (_integrate(sign * _linear(ROTATION), steps) for sign in (1, -1))
    there_and_back = backward + _warp(forward, backward)
    power = np.linalg.matrix_power(np.eye(2) - ROTATION @ ROTATION / 4**steps, 2**steps)
    np.testing.assert_allclose(there_and_back[0][NEAR], _linear(power - np.eye(2))[0][NEAR], atol=2e-4)


def test_gradients_pass_through_the_integration():
    velocity = tf.Variable(FIELD / 3)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.square(VectorIntegration(5)(velocity)))
    gradient = tf.convert_to_tensor(tape.gradient(total, velocity)).numpy()
    assert np.isfinite(gradient).all()
    step = 0.01 * RNG.normal(size=FIELD.shape).astype(np.float32)
    ends = [np.sum(np.square(_integrate(FIELD / 3 + sign * step, 5), dtype=float)) for sign in (1, -1)]
    assert np.sum(gradient * step) == pytest.approx((ends[0] - ends[1]) / 2, rel=0.05)


# Both


def _both():
    images, velocity = keras.Input((7, 9, 2)), keras.Input((7, 9, 2))
    return keras.Model([images, velocity], SpatialTransformer()([images, VectorIntegration(3)(velocity)]))


def test_saves_and_loads(tmp_path):
    model = _both()
    model.save(tmp_path / "warp.keras")
    loaded = keras.saving.load_model(tmp_path / "warp.keras")
    assert loaded.output.shape == (None, 7, 9, 2)
    np.testing.assert_array_equal(loaded([IMAGES, FIELD]), model([IMAGES, FIELD]))
    assert VectorIntegration.from_config(VectorIntegration(3).get_config()).steps == 3


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_computed_in_float32_whatever_the_policy(precision):
    expected = _both()([IMAGES, FIELD])
    keras.config.set_dtype_policy(precision)
    try:
        found = _both()([IMAGES, FIELD])
    finally:
        keras.config.set_dtype_policy("float32")
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([IMAGES, FIELD[..., :1]], r"`displacement` must have .* \(3, 7, 9, 2\). Received: \(3, 7, 9, 1\)"),
        ([IMAGES, FIELD[:1]], r"`displacement` must have .*Received: \(1, 7, 9, 2\)"),
        ([IMAGES, FIELD[:, :6]], r"`displacement` must have .*Received: \(3, 6, 9, 2\)"),
        ([IMAGES[0], FIELD], r"`images` must be \(batch, height, width, channels\).*Received: .*\(7, 9, 2\)"),
        (IMAGES, r"`inputs` must be the pair \[images, displacement\]"),
    ],
)
def test_bad_pairs_are_refused(inputs, words):
    with pytest.raises(ValueError, match=words):
        SpatialTransformer()(inputs)


def test_sides_must_be_known():
    with pytest.raises(ValueError, match="with sides that are known"):
        VectorIntegration()(keras.Input((None, 8, 2)))


@pytest.mark.parametrize("steps", [-1, 1.5, True, None])
def test_bad_steps_are_refused(steps):
    with pytest.raises(ValueError, match=f"`steps` must be a whole number of at least 0. Received: steps={steps}"):
        VectorIntegration(steps)


@pytest.mark.parametrize("velocity", [IMAGES[0], RNG.random((1, 4, 4, 3))])
def test_bad_velocities_are_refused(velocity):
    with pytest.raises(ValueError, match="`inputs` must "):
        VectorIntegration()(velocity)
