"""Nats per image, against SciPy's densities; losses of masks, against what they stand for."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from course_utils.losses import (
    bernoulli_nll,
    gaussian_nll,
    permutation_invariant_nll,
    roughness,
    soft_dice_loss,
    squared_error,
)
from course_utils.metrics import dice

RNG = np.random.default_rng(0)
BLACK_AND_WHITE = RNG.integers(0, 2, (5, 6, 4, 2)).astype(np.float32)
GREY = RNG.random((5, 6, 4, 2), dtype=np.float32)
RECONSTRUCTION = RNG.uniform(0.01, 0.99, (5, 6, 4, 2)).astype(np.float32)


def _numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_bernoulli_is_scipys():
    expected = -stats.bernoulli.logpmf(BLACK_AND_WHITE, RECONSTRUCTION).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(_numpy(bernoulli_nll(BLACK_AND_WHITE, RECONSTRUCTION)), expected, rtol=1e-5)


def test_bernoulli_of_grey_images_is_the_summed_cross_entropy():
    expected = -(GREY * np.log(RECONSTRUCTION) + (1 - GREY) * np.log(1 - RECONSTRUCTION)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(_numpy(bernoulli_nll(GREY, RECONSTRUCTION)), expected, rtol=1e-5)


def test_bernoulli_by_hand():
    """Four coins that fall as they should with odds of a half: 4 ln 2."""
    images, coins = np.float32([[0, 1], [1, 0]]).reshape(1, 2, 2, 1), np.full((1, 2, 2, 1), 0.5, np.float32)
    assert _numpy(bernoulli_nll(images, coins)) == pytest.approx([4 * np.log(2)])


def test_bernoulli_stays_finite_where_the_reconstruction_is_sure_and_wrong():
    certain = np.ones((2, 3, 3, 1), np.float32)
    assert np.isfinite(_numpy(bernoulli_nll(1 - certain, certain))).all()
    assert _numpy(bernoulli_nll(certain, certain)) == pytest.approx([0, 0], abs=1e-4)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_gaussian_is_scipys(sigma):
    expected = -stats.norm.logpdf(GREY, RECONSTRUCTION, sigma).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(_numpy(gaussian_nll(GREY, RECONSTRUCTION, sigma)), expected, rtol=1e-4)


@pytest.mark.parametrize("loss", [bernoulli_nll, gaussian_nll])
def test_one_number_an_image(loss):
    assert loss(GREY, RECONSTRUCTION).shape == (5,)


@pytest.mark.parametrize("loss", [bernoulli_nll, gaussian_nll])
def test_shapes_that_differ_are_refused(loss):
    with pytest.raises(ValueError, match=r"`reconstruction` must have .*6, 4, 2.*Received: .*6, 4, 1"):
        loss(GREY, RECONSTRUCTION[..., :1])
    with pytest.raises(ValueError, match="`reconstruction` must"):
        loss(GREY, RECONSTRUCTION.reshape(5, -1))


@pytest.mark.parametrize("sigma", [0, -1, float("nan"), float("inf")])
def test_sigma_must_be_positive(sigma):
    with pytest.raises(ValueError, match=f"`sigma` must be positive.*sigma={sigma}"):
        gaussian_nll(GREY, RECONSTRUCTION, sigma)


@pytest.mark.parametrize("loss", [bernoulli_nll, gaussian_nll])
def test_registered_under_the_packages_name(loss):
    assert keras.saving.get_registered_name(loss) == f"course_utils>{loss.__name__}"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "uint8", "bool"])
@pytest.mark.parametrize("loss", [bernoulli_nll, gaussian_nll])
def test_computed_in_float32_whatever_comes_in(loss, dtype):
    reconstruction = keras.ops.cast(RECONSTRUCTION, dtype if "float" in dtype else "float16")
    expected = _numpy(loss(BLACK_AND_WHITE, keras.ops.cast(reconstruction, "float32")))
    nats = loss(keras.ops.cast(BLACK_AND_WHITE, dtype), reconstruction)
    assert nats.dtype == "float32"
    np.testing.assert_allclose(_numpy(nats), expected, rtol=1e-6)


def test_a_pixel_that_was_sure_and_wrong_costs_sixteen_nats():
    """In half precision as well, where 1 - 1e-7 is 1 and its logarithm of what is left was infinite."""
    for dtype in ("float16", "bfloat16", "float32"):
        certain = keras.ops.ones((1, 1, 1, 1), dtype)
        assert _numpy(bernoulli_nll(1 - certain, certain)) == pytest.approx([16], abs=0.2)
        assert _numpy(bernoulli_nll(certain, 1 - certain)) == pytest.approx([16], abs=0.2)


@pytest.mark.parametrize("loss", [bernoulli_nll, gaussian_nll])
def test_another_number_of_images_is_refused_and_not_broadcast(loss):
    with pytest.raises(ValueError, match=r"`reconstruction` must have .* \(5, 6, 4, 2\)\. Received: \(1, 6, 4, 2\)"):
        loss(GREY, RECONSTRUCTION[:1])


# Losses of masks

MASKS = RNG.integers(0, 2, (5, 6, 4, 3)).astype(np.float32)
PROBABILITIES = RNG.uniform(0.01, 0.99, (5, 6, 4, 3)).astype(np.float32)


def test_soft_dice_of_sure_masks_is_1_minus_dice_but_for_its_one_pixel():
    guess = RNG.integers(0, 2, MASKS.shape).astype(np.float32)
    areas = (MASKS + guess).sum(axis=(1, 2, 3))
    expected = 1 - (dice(MASKS, guess) * areas + 1) / (areas + 1)
    np.testing.assert_allclose(_numpy(soft_dice_loss(MASKS, guess)), expected, rtol=1e-5)
    np.testing.assert_allclose(_numpy(soft_dice_loss(MASKS, MASKS)), 0, atol=1e-6)


def test_soft_dice_of_an_empty_mask():
    empty = np.zeros((1, 3, 3, 1), np.float32)
    assert _numpy(soft_dice_loss(empty, empty)) == [0]
    assert _numpy(soft_dice_loss(empty, empty + 1)) == pytest.approx([0.9])


def test_one_order_more_or_less_makes_no_difference():
    loss = _numpy(permutation_invariant_nll(MASKS, PROBABILITIES))
    for order in itertools.permutations(range(3)):
        np.testing.assert_allclose(_numpy(permutation_invariant_nll(MASKS[..., order], PROBABILITIES)), loss, rtol=1e-5)
        np.testing.assert_allclose(_numpy(permutation_invariant_nll(MASKS, PROBABILITIES[..., order])), loss, rtol=1e-5)


def test_it_is_the_least_of_all_orders():
    orders = itertools.permutations(range(3))
    each = [_numpy(bernoulli_nll(MASKS[..., order], PROBABILITIES)) for order in orders]
    np.testing.assert_allclose(_numpy(permutation_invariant_nll(MASKS, PROBABILITIES)), np.min(each, axis=0), rtol=1e-5)


def test_a_single_mask_has_one_order():
    one = MASKS[..., :1], PROBABILITIES[..., :1]
    np.testing.assert_allclose(_numpy(permutation_invariant_nll(*one)), _numpy(bernoulli_nll(*one)), rtol=1e-5)


def test_it_stays_finite_where_a_probability_is_sure_and_wrong():
    assert np.isfinite(_numpy(permutation_invariant_nll(MASKS, 1 - MASKS))).all()


def _gradient(loss, masks, probabilities):
    probabilities = tf.Variable(probabilities)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loss(masks, probabilities))
    return tape.gradient(total, probabilities).numpy()


def test_the_gradient_is_that_of_the_best_order():
    near = np.clip(MASKS[..., ::-1], 0.1, 0.9)  # the reverse order is the best one
    found = _gradient(permutation_invariant_nll, MASKS, near)
    np.testing.assert_allclose(found, _gradient(bernoulli_nll, MASKS[..., ::-1], near), rtol=1e-4)


def test_the_gradient_of_soft_dice_pulls_towards_the_mask():
    gradient = _gradient(soft_dice_loss, MASKS, PROBABILITIES)
    assert (gradient[MASKS == 1] < 0).all() and (gradient[MASKS == 0] > 0).all()


@pytest.mark.parametrize("loss", [soft_dice_loss, permutation_invariant_nll])
def test_losses_of_masks_are_registered_checked_and_in_float32(loss):
    assert keras.saving.get_registered_name(loss) == f"course_utils>{loss.__name__}"
    assert loss(MASKS, PROBABILITIES).shape == (5,)
    assert loss(MASKS.astype(bool), keras.ops.cast(PROBABILITIES, "bfloat16")).dtype == "float32"
    with pytest.raises(ValueError, match=r"`probabilities` must have the masks' shape"):
        loss(MASKS, PROBABILITIES[..., :2])


# Registration


def test_squared_error_is_twice_the_gaussian_without_its_constant():
    constant = gaussian_nll(GREY, GREY)
    expected = 2 * (gaussian_nll(GREY, RECONSTRUCTION) - constant)
    np.testing.assert_allclose(squared_error(GREY, RECONSTRUCTION), expected, rtol=1e-4)
    with pytest.raises(ValueError, match="`reconstruction` must have the images' shape"):
        squared_error(GREY, RECONSTRUCTION[:1])


def test_roughness_of_a_slope():
    """3 · 5 steps down and 4 · 4 to the right, of a field that grows by (1, 2) and (0, 3) in them."""
    rows, columns = np.indices((4, 5)).astype(np.float64)
    field = np.stack([rows, 2 * rows + 3 * columns], axis=-1)[np.newaxis]
    assert _numpy(roughness(field)) == pytest.approx([3 * 5 * (1 + 4) + 4 * 4 * 9])
    assert _numpy(roughness(0 * field + 7)) == [0]
    assert roughness(keras.ops.cast(field, "bfloat16")).dtype == "float32"


def test_the_gradient_of_roughness_pulls_a_bump_down():
    field = np.zeros((1, 3, 3, 2), np.float32)
    field[0, 1, 1, 0] = 1
    bump = tf.Variable(field)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(roughness(bump))
    gradient = tf.convert_to_tensor(tape.gradient(total, bump)).numpy()[0, :, :, 0]
    np.testing.assert_allclose(gradient, [[0, -2, 0], [-2, 8, -2], [0, -2, 0]])
