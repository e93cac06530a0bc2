"""PSNR and SSIM, against closed forms and scikit-image."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from course_utils.metrics import (
    psnr,
    ssim,
)


@pytest.fixture
def pair(digits):
    noise = np.random.default_rng(0).normal(0, 0.2, digits[:6].shape)
    return digits[:6], np.clip(digits[:6] + noise, 0, 1).astype(np.float32)


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


def test_images_smaller_than_the_window_are_refused():
    small = np.zeros((2, 9, 6, 1), np.float32)
    with pytest.raises(ValueError, match=r"`images` must have sides of at least 7 pixels\. Received: \(2, 9, 6, 1\)"):
        ssim(small, small)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_empty_arrays_are_refused(metric):
    with pytest.raises(ValueError, match="`images` must hold at least one image"):
        metric(np.zeros((0, 8, 8, 1)), np.zeros((0, 8, 8, 1)))
