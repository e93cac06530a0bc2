"""The VAE's layers: the KL term and the random draw."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from course_utils.layers import FreeBits, KLDivergence, Sampling

MEAN = np.float32([[0.0, 0.0], [1.0, -2.0], [0.5, 0.1]])
LOG_VAR = np.float32([[0.0, 0.0], [0.3, -1.0], [-2.0, 0.2]])


def _numpy(tensor):
    return ops.convert_to_numpy(tensor)


def _plain(tensor):
    return _numpy(tensor)[0, :, :, 0].tolist()


# The VAE's two layers


def test_kl_layer_passes_on_and_adds_the_weighted_mean():
    layer = KLDivergence(weight=3.0)
    mean, log_var = layer((MEAN, LOG_VAR))
    np.testing.assert_array_equal(_numpy(mean), MEAN)
    np.testing.assert_array_equal(_numpy(log_var), LOG_VAR)
    closed_form = np.mean((MEAN**2 + np.exp(LOG_VAR) - 1 - LOG_VAR).sum(axis=1) / 2)
    assert _numpy(layer.kl) == pytest.approx(closed_form, rel=1e-6)
    assert _numpy(sum(layer.losses)) == pytest.approx(3 * closed_form, rel=1e-6)


def test_kl_layer_of_weight_zero_adds_nothing_and_still_measures():
    layer = KLDivergence(0)
    layer((MEAN, LOG_VAR))
    assert _numpy(layer.kl) > 0 and _numpy(sum(layer.losses)) == 0


@pytest.mark.parametrize("weight", [-1, -1e-9, float("nan")])
def test_kl_layer_refuses_negative_weights(weight):
    with pytest.raises(ValueError, match=rf"`weight` must be non-negative and finite\. Received: weight={weight}"):
        KLDivergence(weight)


def test_kl_layer_refuses_different_shapes():
    with pytest.raises(ValueError, match="`log_var` must have the mean's shape"):
        KLDivergence()((MEAN, LOG_VAR[:, :1]))


def test_free_bits_cost_each_unit_at_least_the_floor():
    layer = FreeBits(0.4, weight=2.0)
    layer((MEAN, LOG_VAR))
    of_units = np.mean(MEAN**2 + np.exp(LOG_VAR) - 1 - LOG_VAR, axis=0) / 2
    assert of_units.min() > 0.4
    assert _numpy(layer.kl) == pytest.approx(of_units.sum(), rel=1e-6)
    assert _numpy(sum(layer.losses)) == pytest.approx(2 * of_units.sum(), rel=1e-6)
    layer((0.1 * MEAN, 0 * LOG_VAR))
    assert _numpy(sum(layer.losses)) == pytest.approx(2 * 0.8) and _numpy(layer.kl) < 0.1
    assert FreeBits.from_config(layer.get_config()).floor == 0.4
    with pytest.raises(ValueError, match="`floor` must be non-negative and finite"):
        FreeBits(-1.0)


def test_samples_have_the_mean_and_variance_asked_for():
    mean, log_var = np.tile(np.float32([[1.0, -2.0]]), (20000, 1)), np.tile(np.float32([[0.0, -3.0]]), (20000, 1))
    codes = _numpy(Sampling(seed=0)((mean, log_var)))
    assert codes.shape == (20000, 2)
    for column, deviation in zip((0, 1), np.exp([0.0, -1.5])):
        assert stats.kstest(codes[:, column], stats.norm(mean[0, column], deviation).cdf).pvalue > 1e-3


def test_sampling_repeats_by_seed_but_not_by_call():
    first, again, other = Sampling(seed=1), Sampling(seed=1), Sampling(seed=2)
    one = _numpy(first((MEAN, LOG_VAR)))
    np.testing.assert_array_equal(one, _numpy(again((MEAN, LOG_VAR))))
    assert (one != _numpy(other((MEAN, LOG_VAR)))).all()
    assert (one != _numpy(first((MEAN, LOG_VAR)))).all()


def test_sampling_without_variance_is_the_mean():
    np.testing.assert_allclose(_numpy(Sampling(0)((MEAN, np.full_like(MEAN, -80)))), MEAN, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a GradientTape is TensorFlow's")
def test_gradients_reach_mean_and_log_var():
    """d code / d mean = 1 and d code / d log_var = (code - mean) / 2."""
    import tensorflow as tf

    mean, log_var, layer = tf.Variable(MEAN), tf.Variable(LOG_VAR), Sampling(seed=0)
    with tf.GradientTape() as tape:
        codes = layer((mean, log_var))
    to_mean, to_log_var = tape.gradient(codes, [mean, log_var])
    np.testing.assert_allclose(to_mean, np.ones_like(MEAN))
    np.testing.assert_allclose(to_log_var, (codes - mean) / 2, rtol=1e-5)


def test_vae_layers_keep_their_configuration():
    assert KLDivergence.from_config(KLDivergence(0.25).get_config()).weight == 0.25
    assert Sampling.from_config(Sampling(7).get_config()).seed == 7


def test_the_weight_can_be_changed_and_is_reported_as_it_is():
    layer = KLDivergence()
    layer.weight = 0.3
    layer((MEAN, LOG_VAR))
    assert layer.weight == layer.get_config()["weight"] == 0.3
    assert _numpy(sum(layer.losses)) == pytest.approx(0.3 * _numpy(layer.kl))
    with pytest.raises(ValueError, match=r"`weight` must be non-negative and finite\. Received: weight=-1"):
        layer.weight = -1


@pytest.mark.parametrize("layer_class", [KLDivergence, Sampling])
def test_anything_but_a_pair_of_one_shape_is_refused(layer_class):
    for wrong, received in [((MEAN, LOG_VAR, MEAN), "3"), ([MEAN], "1")]:
        with pytest.raises(ValueError, match=rf"`inputs` must be the pair \(mean, log_var\)\. Received: {received}"):
            layer_class()(wrong)
    with pytest.raises(ValueError, match=r"`log_var` must have the mean's shape \(3, 2\)\. Received: \(1, 2\)"):
        layer_class()((MEAN, LOG_VAR[:1]))


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_computed_in_float32_whatever_the_precision(precision):
    """A mean of 300 squares to more than float16 holds, and a log-variance of -20 is no variance there."""
    mean, log_var = np.float32([[300.0, 1.001]]), np.float32([[-20.0, 0.0]])
    layer, sampling = KLDivergence(0.3, dtype=precision), Sampling(0, dtype=precision)
    layer((mean, log_var))
    expected = (300**2 + 1.001**2 + np.exp(-20.0) - 1 + 20) / 2
    assert float(layer.kl) == pytest.approx(expected, rel=1e-6)
    assert float(layer.losses[0]) == pytest.approx(0.3 * expected, rel=1e-6)
    np.testing.assert_array_equal(_numpy(sampling((mean, log_var))), _numpy(Sampling(0)((mean, log_var))))
