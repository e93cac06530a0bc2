"""Numbers that say how good a model is, against closed forms, probabilistic PCA, SciPy and scikit-image."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import linalg, stats
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from course_utils.losses import gaussian_nll
from course_utils.metrics import (
    active_units,
    elbo,
    frechet_distance,
    iwae_bound,
    kl_divergence,
    psnr,
    sampled_terms,
    ssim,
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


@pytest.fixture
def pair(digits):
    return digits[:6], np.clip(digits[:6] + RNG.normal(0, 0.2, digits[:6].shape), 0, 1).astype(np.float32)


def test_psnr_is_scikit_images(pair):
    expected = [peak_signal_noise_ratio(a, b, data_range=1) for a, b in zip(*pair)]
    np.testing.assert_allclose(psnr(*pair), expected, rtol=1e-5)


def test_psnr_by_hand():
    black, grey = np.zeros((1, 8, 8, 1), np.float32), np.full((1, 8, 8, 1), 0.1, np.float32)
    assert psnr(black, grey) == pytest.approx([20], rel=1e-5)
    assert psnr(grey, grey) == [np.inf]


def test_ssim_is_scikit_images(pair):
    expected = [structural_similarity(a[..., 0], b[..., 0], data_range=1) for a, b in zip(*pair)]
    np.testing.assert_allclose(ssim(*pair), expected, rtol=1e-4)
    np.testing.assert_allclose(ssim(pair[0], pair[0]), 1)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_bad_images_are_refused(metric, pair):
    images, reconstruction = pair
    for wrong, words in [
        (reconstruction[:3], r"images' shape \(6, 28, 28, 1\)\. Received: \(3, 28, 28, 1\)"),
        (reconstruction[..., 0], "float array"),
        (reconstruction * 255, r"lie in \[0, 1\]"),
    ]:
        with pytest.raises(ValueError, match=f"`reconstruction` must.*{words}"):
            metric(images, wrong)
    with pytest.raises(ValueError, match="`images` must"):
        metric(images * 2, reconstruction)


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
    reconstruction, rate = elbo(model, model.images, k, nll=model.nll)
    mean, log_var = model.encoder.predict(model.images, verbose=0)
    np.testing.assert_allclose(rate, _kl(mean, log_var), rtol=1e-5)
    single, _ = elbo(model, np.repeat(model.images, 100, axis=0), nll=model.nll)
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
    exact_elbo = -np.mean(model.reconstruction() + elbo(model, model.images, nll=model.nll)[1])
    assert means[0] == pytest.approx(exact_elbo, abs=0.1), "with one draw the bound is the ELBO, in the mean"
    assert all(np.diff(means) > 0) and truth - 0.05 < means[-1] < truth + 0.02 and means[0] < truth - 0.5


@pytest.mark.parametrize("chunk", [1, 7, 40, 10_000])
def test_the_chunk_changes_nothing(chunk):
    """Neither where an image's draws fill several chunks, nor where the last chunk is not full."""
    model = ProbabilisticPCA(stretch=1.5)
    arguments = {"nll": model.nll, "seed": 3}
    expected = iwae_bound(model, model.images, 11, **arguments, chunk=77)
    np.testing.assert_allclose(iwae_bound(model, model.images, 11, **arguments, chunk=chunk), expected, rtol=1e-5)
    expected, _ = elbo(model, model.images, 11, **arguments, chunk=77)
    np.testing.assert_allclose(elbo(model, model.images, 11, **arguments, chunk=chunk)[0], expected, rtol=1e-5)


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


@pytest.mark.parametrize("metric", [elbo, iwae_bound])
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


def cloud(mean, covariance, n=50):
    """Points with exactly this mean and covariance."""
    points = np.random.default_rng(n).normal(size=(n, len(mean)))
    points -= points.mean(axis=0)
    white = points @ np.linalg.inv(linalg.sqrtm(np.cov(points, rowvar=False)))
    return mean + white @ linalg.sqrtm(covariance)


def random_covariance(seed, width=4):
    root = np.random.default_rng(seed).normal(size=(width, width))
    return root @ root.T


def test_frechet_distance_of_equal_covariances_is_the_squared_distance_of_the_means():
    covariance = random_covariance(0)
    far = frechet_distance(cloud(np.zeros(4), covariance), cloud(np.array([3.0, 0, 4, 0]), covariance, n=60))
    assert far == pytest.approx(25)
    assert frechet_distance(cloud(np.ones(4), covariance), cloud(np.ones(4), covariance)) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_of_commuting_covariances_is_that_of_their_roots():
    """Along shared axes: the squared differences of the standard deviations add."""
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    first, other = (cloud(np.zeros(3), axes * np.square(s) @ axes.T) for s in ([1.0, 2, 3], [2.0, 2, 1]))
    assert frechet_distance(first, other) == pytest.approx(1 + 0 + 4)


def test_frechet_distance_is_scipys_and_symmetric():
    means, covariances = RNG.normal(size=(2, 4)), [random_covariance(2), random_covariance(3)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(sum(covariances) - 2 * root.real)
    first, other = (cloud(mean, covariance) for mean, covariance in zip(means, covariances))
    assert frechet_distance(first, other) == pytest.approx(expected)
    assert frechet_distance(other, first) == pytest.approx(expected)


def test_frechet_distance_stays_real_with_fewer_points_than_features():
    few, other = RNG.normal(size=(5, 20)), RNG.normal(size=(9, 20))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    assert np.isfinite(frechet_distance(few, other)) and frechet_distance(few, other) > 0


def test_frechet_distance_refuses_bad_shapes():
    for first, other, words in [
        (np.ones((5, 3)), np.ones((5, 2)), r"`other` must have 3 columns, as `features`\. Received: \(5, 2\)"),
        (np.ones((1, 3)), np.ones((5, 3)), r"`features` must be an array \(n, width\) with n ≥ 2"),
        (np.ones((5, 3)), np.ones(3), "`other` must be an array"),
    ]:
        with pytest.raises(ValueError, match=words):
            frechet_distance(first, other)
