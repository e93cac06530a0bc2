"""What is done to images before an autoencoder undoes it."""

import numpy as np
import pytest

from course_utils.corruptions import downsample, gaussian_noise, mask_block, salt_and_pepper

GREY = np.full((8, 40, 40, 1), 0.5, np.float32)
EVERY = [(gaussian_noise, 0.3), (salt_and_pepper, 0.3), (mask_block, 5)]


@pytest.mark.parametrize(("corrupt", "strength"), EVERY)
def test_shape_type_range_seed_and_an_untouched_input(corrupt, strength, digits):
    before = digits.copy()
    damaged = corrupt(digits, strength, np.random.default_rng(0))
    assert damaged.shape == digits.shape and damaged.dtype == np.float32
    assert damaged.min() >= 0 and damaged.max() <= 1 and (damaged != digits).any()
    np.testing.assert_array_equal(digits, before)
    np.testing.assert_array_equal(damaged, corrupt(digits, strength, np.random.default_rng(0)))
    assert (damaged != corrupt(digits, strength, np.random.default_rng(1))).any()


@pytest.mark.parametrize("corrupt", [gaussian_noise, salt_and_pepper, mask_block])
def test_strength_zero_changes_nothing(corrupt, digits):
    np.testing.assert_array_equal(corrupt(digits, 0, np.random.default_rng(0)), digits)


@pytest.mark.parametrize(("corrupt", "strength"), EVERY)
def test_bad_images_are_refused(corrupt, strength, digits):
    rng = np.random.default_rng(0)
    for wrong in (digits[0], digits * 255, np.uint8(digits), [[0.5]]):
        with pytest.raises(ValueError, match=r"`images` must .*Received"):
            corrupt(wrong, strength, rng)


@pytest.mark.parametrize(
    ("corrupt", "argument", "wrong"),
    [
        (gaussian_noise, "sigma", -0.1),
        (gaussian_noise, "sigma", float("nan")),
        (salt_and_pepper, "amount", -0.1),
        (salt_and_pepper, "amount", 1.1),
        (gaussian_noise, "sigma", float("inf")),
        (mask_block, "size", -1),
        (mask_block, "size", 2.5),
        (mask_block, "size", 41),
    ],
)
def test_bad_strengths_are_refused(corrupt, argument, wrong):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {argument}={wrong}"):
        corrupt(GREY, wrong, np.random.default_rng(0))


def test_gaussian_noise_has_the_standard_deviation_asked_for():
    noise = gaussian_noise(GREY, 0.1, np.random.default_rng(0)) - GREY
    assert abs(noise.mean()) < 0.003 and noise.std() == pytest.approx(0.1, rel=0.02)


def test_salt_and_pepper_takes_its_share_half_black_half_white():
    damaged = salt_and_pepper(GREY, 0.4, np.random.default_rng(0))
    assert set(np.unique(damaged)) == {0, 0.5, 1}
    assert np.mean(damaged == 0) == pytest.approx(0.2, abs=0.02)
    assert np.mean(damaged == 1) == pytest.approx(0.2, abs=0.02)


def test_salt_and_pepper_damages_all_channels_of_a_pixel_at_once():
    damaged = salt_and_pepper(np.full((2, 20, 20, 3), 0.5, np.float32), 0.5, np.random.default_rng(0))
    assert (damaged == damaged[..., :1]).all()


def test_mask_block_blackens_one_whole_square_an_image():
    hidden = mask_block(GREY, 7, np.random.default_rng(0))[..., 0] == 0
    for mask in hidden:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask.sum() == 49 and np.ptp(rows) == np.ptp(columns) == 6
    assert len({mask.tobytes() for mask in hidden}) > 1, "another place for each image"
    assert (mask_block(GREY, 40, np.random.default_rng(0)) == 0).all()


@pytest.mark.parametrize(("corrupt", "strength"), EVERY)
def test_float32_whatever_the_images_precision(corrupt, strength):
    for dtype in ("float16", "float64"):
        assert corrupt(GREY.astype(dtype), strength, np.random.default_rng(0)).dtype == np.float32


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_downsampling_keeps_the_mean_and_undoes_nearest_neighbour(digits, factor):
    small = downsample(digits, factor)
    assert small.shape == (32, 28 // factor, 28 // factor, 1) and small.dtype == np.float32
    np.testing.assert_allclose(small.mean(axis=(1, 2)), digits.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(
        downsample(small.repeat(factor, axis=1).repeat(factor, axis=2), factor), small, rtol=1e-6
    )


@pytest.mark.parametrize("factor", [0, 3, 2.5, True])
def test_a_factor_that_does_not_divide_the_sides_is_refused(factor):
    with pytest.raises(ValueError, match=rf"`factor` must .*Received: factor={factor}"):
        downsample(GREY, factor)
