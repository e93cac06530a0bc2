"""KL, ELBO and importance-weighted bound, against closed forms, probabilistic PCA and SciPy."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import stats

from course_utils.losses import gaussian_nll
from course_utils.metrics import (
    active_units,
    iwae_bound,
    kl_divergence,
    mutual_information,
    negative_elbo_terms,
    sampled_terms,
)

RNG = np.random.default_rng(0)


MEAN, LOG_VAR = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))


def _kl(mean, log_var):
    return ops.convert_to_numpy(kl_divergence(ops.convert_to_tensor(mean), ops.convert_to_tensor(log_var)))


def test_kl_of_the_prior_is_zero():
    np.testing.assert_array_equal(_kl(np.zeros((4, 2)), np.zeros((4, 2))), np.zeros(4))


def test_kl_by_hand():
    """Shifted by 2: 2²/2 = 2 nats. Variance e: (e - 1 - 1)/2. The two dimensions add."""
    assert _kl([[2.0, 0.0]], [[0.0, 1.0]]) == pytest.approx([2 + (np.e - 2) / 2])


def test_kl_is_the_expected_difference_of_log_densities():
    """KL = E[log q - log p] under q: 200,000 samples, compared within four standard errors."""
    deviation = np.exp(LOG_VAR / 2)
    samples = RNG.normal(MEAN, deviation, (200_000, *MEAN.shape))
    difference = (stats.norm.logpdf(samples, MEAN, deviation) - stats.norm.logpdf(samples)).sum(axis=-1)
    error = difference.std(axis=0) / np.sqrt(len(samples))
    assert (np.abs(_kl(MEAN, LOG_VAR) - difference.mean(axis=0)) < 4 * error).all()


def test_kl_is_never_negative():
    assert (_kl(RNG.normal(size=(1000, 2)), RNG.normal(size=(1000, 2))) >= 0).all()


def test_kl_refuses_different_shapes():
    with pytest.raises(ValueError, match=r"`log_var` must have the mean's shape \(6, 3\)\. Received: \(6, 2\)"):
        kl_divergence(MEAN, LOG_VAR[:, :2])


class ProbabilisticPCA:
    """x = W z + 0.5 + sigma · noise with z ~ N(0, I): a linear VAE with exact posterior and likelihood.

    The columns of W are orthogonal, so the posterior's covariance is diagonal and the encoder can hold it.
    With `stretch` other than 1 the encoder's standard deviations are wrong by that factor.
    """

    sigma, n = 0.25, 7

    def __init__(self, stretch=1.0):
        rng = np.random.default_rng(1)
        self.weights = np.linalg.qr(rng.normal(size=(12, 3)))[0] * [0.5, 0.3, 0.1]  # (pixels, latent_dim)
        precision = 1 + (self.weights**2).sum(axis=0) / self.sigma**2  # of the posterior
        self.variance = stretch**2 / precision
        images = keras.Input((3, 4, 1))
        flat = layers.Flatten()(images)
        self.encoder = keras.Model(images, [layers.Dense(3)(flat), layers.Dense(3)(flat)])
        towards = self.weights / self.sigma**2 / precision
        constant = np.zeros_like(towards), np.log(self.variance)
        self.encoder.set_weights([towards, -0.5 * towards.sum(axis=0), *constant])
        self.decoder = keras.Sequential([keras.Input((3,)), layers.Dense(12), layers.Reshape((3, 4, 1))])
        self.decoder.set_weights([self.weights.T, np.full(12, 0.5)])
        self.images = np.clip(rng.normal(0.5, 0.2, (self.n, 3, 4, 1)), 0, 1).astype(np.float32)

    def nll(self, images, reconstruction):
        return gaussian_nll(images, reconstruction, self.sigma)

    def log_likelihood(self):
        covariance = self.weights @ self.weights.T + self.sigma**2 * np.eye(12)
        return stats.multivariate_normal(np.full(12, 0.5), covariance).logpdf(self.images.reshape(self.n, -1))

    def reconstruction(self):
        """E_q[-log p(x|z)]: that of the mean code, and what the code's variance adds through W."""
        mean, _ = self.encoder.predict(self.images, verbose=0)
        at_mean = ops.convert_to_numpy(self.nll(self.images, self.decoder.predict(mean, verbose=0)))
        return at_mean + ((self.weights**2).sum(axis=0) * self.variance).sum() / (2 * self.sigma**2)


@pytest.mark.parametrize("k, chunk", [(1, 10_000), (5, 10_000), (50, 15)])
def test_with_the_exact_posterior_every_weight_is_the_likelihood(k, chunk):
    model = ProbabilisticPCA()
    bound = iwae_bound(model, model.images, k, nll=model.nll, chunk=chunk)
    assert bound.shape == (model.n,)
    np.testing.assert_allclose(bound, model.log_likelihood(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stretch", [1.0, 1.5])
def test_elbo_terms_are_those_of_probabilistic_pca(stretch):
    model = ProbabilisticPCA(stretch)
    k = 4000
    reconstruction, rate = negative_elbo_terms(model, model.images, k, nll=model.nll)
    mean, log_var = model.encoder.predict(model.images, verbose=0)
    np.testing.assert_allclose(rate, _kl(mean, log_var), rtol=1e-5)
    single, _ = negative_elbo_terms(model, np.repeat(model.images, 100, axis=0), nll=model.nll)
    error = single.reshape(model.n, 100).std(axis=1).max() / np.sqrt(k)
    np.testing.assert_allclose(reconstruction, model.reconstruction(), atol=6 * error)
    gap = model.log_likelihood() + reconstruction + rate  # KL[q || posterior], the same for all images
    variance = stretch**2 - 1
    np.testing.assert_allclose(gap, 3 * (variance - np.log(stretch**2)) / 2, atol=6 * error)


def test_with_a_worse_q_the_bound_rises_with_k_towards_the_likelihood():
    model = ProbabilisticPCA(stretch=1.6)
    repeated = np.repeat(model.images, 300, axis=0)
    truth = model.log_likelihood().mean()
    means = [iwae_bound(model, repeated, k, nll=model.nll).mean() for k in (1, 3, 10, 100)]
    exact_elbo = -np.mean(model.reconstruction() + negative_elbo_terms(model, model.images, nll=model.nll)[1])
    assert means[0] == pytest.approx(exact_elbo, abs=0.1), "with one draw the bound is the ELBO, in the mean"
    assert all(np.diff(means) > 0) and truth - 0.05 < means[-1] < truth + 0.02 and means[0] < truth - 0.5


@pytest.mark.parametrize("chunk", [1, 7, 40, 10_000])
def test_the_chunk_changes_nothing(chunk):
    """Neither where an image's draws fill several chunks, nor where the last chunk is not full."""
    model = ProbabilisticPCA(stretch=1.5)
    arguments = {"nll": model.nll, "seed": 3}
    expected = iwae_bound(model, model.images, 11, **arguments, chunk=77)
    np.testing.assert_allclose(iwae_bound(model, model.images, 11, **arguments, chunk=chunk), expected, rtol=1e-5)
    expected, _ = negative_elbo_terms(model, model.images, 11, **arguments, chunk=77)
    np.testing.assert_allclose(
        negative_elbo_terms(model, model.images, 11, **arguments, chunk=chunk)[0], expected, rtol=1e-5
    )


def test_no_more_than_a_chunk_is_decoded_at_once_and_one_shape_only():
    model, shapes = ProbabilisticPCA(), set()

    def nll(images, reconstruction):
        shapes.add(tuple(reconstruction.shape))
        return model.nll(images, reconstruction)

    iwae_bound(model, model.images, 50, nll=nll, chunk=20)
    assert shapes <= {(17, 3, 4, 1)}  # 50 draws as 17 + 17 + 16, the last of them padded


def test_draws_repeat_by_seed():
    model = ProbabilisticPCA(stretch=1.5)
    first, again, other = (iwae_bound(model, model.images, 5, nll=model.nll, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).min() > 1e-4


def test_sampled_terms_are_differences_of_log_densities():
    model = ProbabilisticPCA(stretch=1.5)
    mean, log_var = model.encoder.predict(model.images, verbose=0)
    noise = RNG.normal(size=(model.n, 4, 3)).astype(np.float32)
    terms = sampled_terms(model.images, mean, log_var, noise, model.decoder, model.nll)
    reconstruction, rate = (ops.convert_to_numpy(term) for term in terms)
    mean, deviation = mean[:, None], np.exp(log_var[:, None] / 2)
    codes = mean + deviation * noise
    expected = stats.norm.logpdf(codes, mean, deviation) - stats.norm.logpdf(codes)
    np.testing.assert_allclose(rate, expected.sum(axis=-1), rtol=1e-4, atol=1e-4)
    pixels = 0.5 + codes @ model.weights.T
    expected = stats.norm.logpdf(model.images.reshape(model.n, 1, 12), pixels, model.sigma).sum(axis=-1)
    np.testing.assert_allclose(-reconstruction, expected, rtol=1e-4)


@pytest.mark.parametrize("metric", [negative_elbo_terms, iwae_bound])
def test_bad_draws_are_refused(metric):
    model = ProbabilisticPCA()
    for value in (0, 2.5):
        with pytest.raises(ValueError, match=f"`k` must be a positive whole number. Received: k={value}"):
            metric(model, model.images, value, nll=model.nll)
    with pytest.raises(ValueError, match="`chunk` must be a positive whole number"):
        metric(model, model.images, 1, nll=model.nll, chunk=0)
    with pytest.raises(ValueError, match="`images` must be a float array"):
        metric(SimpleNamespace(encoder=None), model.images[..., 0], 1)


def test_active_units_by_hand():
    """Variances 4, 0.0001 (a tenth's hundredth) and 0: only the first unit speaks."""
    mean = np.array([[2.0, 0.01, 5.0], [-2.0, -0.01, 5.0]])
    np.testing.assert_array_equal(active_units(mean), [True, False, False])
    np.testing.assert_array_equal(active_units(mean, threshold=1e-5), [True, True, False])
    with pytest.raises(ValueError, match=r"`mean` must be an array \(n, width\) with n ≥ 1\. Received: \(3,\)"):
        active_units(mean[0])
    with pytest.raises(ValueError, match="`mean` must hold finite numbers"):
        active_units([[1.0, np.nan]])


# Mutual information of codes and images


def test_codes_that_tell_nothing_share_no_information():
    assert mutual_information(np.full((40, 3), 2.0), np.full((40, 3), -1.0)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("log_var", [0.0, -60.0])
def test_codes_far_apart_tell_which_image_it_is(log_var):
    mean = 1000.0 * RNG.permutation(64)[:, np.newaxis] * [1, -1]
    assert mutual_information(mean, np.full((64, 2), log_var)) == pytest.approx(np.log(64))


@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
def test_information_of_a_gaussian_channel(spread):
    """Means from N(0, s²), noise of variance 1: I = ln(1 + s²)/2. Within four standard errors of 2,000 images."""
    mean, log_var = np.random.default_rng(99).normal(size=(2000, 1)) * spread, np.zeros((2000, 1))
    one_draw = np.sqrt(spread**2 / (1 + spread**2))  # the standard deviation of ln q(z|x) - ln q(z)
    expected = pytest.approx(np.log(1 + spread**2) / 2, abs=4 * one_draw / np.sqrt(2000))
    estimates = [mutual_information(mean, log_var, seed=seed) for seed in range(3)]
    assert estimates[0] == expected and estimates[1] == expected and len(set(estimates)) == 3
    assert estimates[0] == mutual_information(mean, log_var)


def test_information_is_a_mean_of_differences_of_log_densities():
    """In several chunks, against SciPy's densities of the same codes at once."""
    n = 1500
    mean, log_var = RNG.normal(size=(n, 5)), RNG.normal(size=(n, 5)) - 2
    deviation = np.exp(log_var / 2)
    codes = mean + deviation * np.random.default_rng(7).standard_normal(mean.shape)
    log_q = sum(stats.norm.logpdf(codes[:, None, d], mean[:, d], deviation[:, d]) for d in range(5))
    expected = np.mean(np.diag(log_q) - np.log(np.mean(np.exp(log_q), axis=1)))
    information = mutual_information(mean, log_var, seed=7)
    assert information == pytest.approx(expected)
    assert 0 < information < np.log(n)
    assert information < _kl(mean, log_var).mean(), "the rest of the rate is the codes' distance from the prior"


def test_information_refuses_bad_arguments():
    for wrong, words in [
        ((np.ones(3), np.ones(3)), "`mean` must be an array"),
        ((np.ones((4, 2)), np.ones((4, 1))), "`log_var` must have the mean's shape"),
        ((np.ones((4, 2)), np.full((4, 2), np.inf)), "`log_var` must hold finite numbers"),
    ]:
        with pytest.raises(ValueError, match=words):
            mutual_information(*wrong)


# What can't be scored, and low precision


def test_likelihoods_of_another_shape_are_refused():
    model, rows_of_pixels = ProbabilisticPCA(), keras.losses.binary_crossentropy
    noise = np.zeros((model.n, 2, 3), np.float32)
    with pytest.raises(ValueError, match=r"`nll` must return one number per image, \(n,\)\. Received: \(14, 3, 4\)"):
        sampled_terms(model.images, *model.encoder(model.images), noise, model.decoder, rows_of_pixels)


@pytest.mark.parametrize("metric", [negative_elbo_terms, iwae_bound])
def test_empty_images_are_refused(metric):
    model = ProbabilisticPCA()
    with pytest.raises(ValueError, match=r"`images` must hold at least one image\. Received: .*\(0, 3, 4, 1\)"):
        metric(model, model.images[:0], 3, nll=model.nll)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_kl_in_float32_whatever_comes_in(dtype):
    """A mean of 300 squares to more than float16 holds."""
    kl = kl_divergence(ops.cast([[300.0, 0.5]], dtype), ops.cast([[-20.0, 0.5]], dtype))
    expected = (300**2 + 0.25 + np.exp(-20.0) + np.exp(0.5) - 2 + 19.5) / 2
    assert kl.dtype == "float32" and ops.convert_to_numpy(kl) == pytest.approx([expected], rel=2e-3)
