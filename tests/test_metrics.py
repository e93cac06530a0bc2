"""Numbers that say how good a model is, against closed forms, Monte Carlo and scikit-image."""

import numpy as np
import pytest
from keras import ops
from scipy import stats
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from course_utils.metrics import kl_divergence, psnr, ssim

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
