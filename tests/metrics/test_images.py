"""PSNR, SSIM and Dice, against closed forms, scikit-image and scikit-learn."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import f1_score, jaccard_score

from course_utils.metrics import dice, psnr, ssim


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


MASKS = np.random.default_rng(0).random((7, 5, 6, 3)) < 0.4
GUESS = np.random.default_rng(1).random((7, 5, 6, 3)) < 0.5


def test_dice_is_scikit_learns_f1_and_twice_the_jaccard_index_over_one_plus_it():
    found = dice(MASKS, GUESS)
    flat = [(a.ravel(), b.ravel()) for a, b in zip(MASKS, GUESS)]
    np.testing.assert_allclose(found, [f1_score(a, b) for a, b in flat])
    jaccard = np.array([jaccard_score(a, b) for a, b in flat])
    np.testing.assert_allclose(found, 2 * jaccard / (1 + jaccard))


def test_dice_by_hand():
    left, right = np.zeros((2, 1, 2, 2, 1))
    left[:, :, 0] = right[:, :, 1] = 1
    assert dice(left, right) == [0] and dice(left, left) == [1]
    assert dice(left, np.ones_like(left)) == pytest.approx([2 / 3])
    assert dice(0 * left, 0 * left) == [1] and dice(0 * left, left) == [0]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32])
def test_dice_of_masks_of_any_kind(dtype):
    np.testing.assert_array_equal(dice(MASKS.astype(dtype), GUESS), dice(MASKS, GUESS))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (0.9 * GUESS, "hold zeros and ones alone.*at a threshold first"),
        (255 * GUESS, "hold zeros and ones alone"),
        (np.where(GUESS, np.nan, 0), "hold zeros and ones alone"),
        (GUESS[..., :1], r"have the masks' shape \(7, 5, 6, 3\)\. Received: \(7, 5, 6, 1\)"),
        (GUESS[..., 0], "be an array"),
        (GUESS[:0], "be an array.*n at least 1"),
        (GUESS.tolist(), "be an array.*Received: list"),
    ],
)
def test_dice_refuses_what_is_no_mask(wrong, words):
    with pytest.raises(ValueError, match=f"`guess` must {words}"):
        dice(MASKS, wrong)
