"""Masks of texts and logos."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from course_utils.watermarks import watermark_masks


@pytest.mark.parametrize("kind", ["text", "logo"])
def test_masks_are_zeros_and_ones_that_the_seed_settles(kind):
    masks = watermark_masks(40, 32, kind, np.random.default_rng(0))
    assert masks.shape == (40, 32, 32, 1) and masks.dtype == np.float32 and set(np.unique(masks)) == {0, 1}
    np.testing.assert_array_equal(masks, watermark_masks(40, 32, kind, np.random.default_rng(0)))
    assert len({mask.tobytes() for mask in masks}) == 40
    assert masks.any(axis=(1, 2, 3)).all(), "each covers something"
    assert masks.any(axis=0).mean() > 0.8, "and together they lie nearly everywhere"


def test_texts_are_thin_and_logos_thick():
    widest = {
        kind: [
            distance_transform_edt(mask[..., 0]).max()
            for mask in watermark_masks(60, 32, kind, np.random.default_rng(1))
        ]
        for kind in ("text", "logo")
    }
    assert max(widest["text"]) < 2.5 and min(widest["logo"]) >= 5, "pixels from the middle of a stroke to its edge"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 32, "text"), "`n` must be a positive whole number. Received: n=0"),
        ((2, 20, "text"), "`side` must be a whole number of at least 24. Received: side=20"),
        ((2, 32, "seal"), "`kind` must be 'text' or 'logo'. Received: kind='seal'"),
    ],
)
def test_bad_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        watermark_masks(*arguments, np.random.default_rng(0))
