"""Scenes and their masks."""

import numpy as np
import pytest

from course_utils.scenes import digit_in_clutter, overlapping_classes, overlapping_digits, single_classes

SCENES = [digit_in_clutter, overlapping_digits]


@pytest.mark.parametrize("make", SCENES)
def test_shapes_types_range_seed_and_untouched_images(make, digits):
    before = digits.copy()
    scenes, masks = make(digits, np.random.default_rng(0), side=33)
    assert scenes.shape == (32, 33, 33, 1) and masks.shape[:3] == (32, 33, 33)
    assert scenes.dtype == masks.dtype == np.float32 and set(np.unique(masks)) == {0, 1}
    assert scenes.min() >= 0 and scenes.max() <= 1
    np.testing.assert_array_equal(digits, before)
    np.testing.assert_array_equal(scenes, make(digits, np.random.default_rng(0), side=33)[0])
    assert (scenes != make(digits, np.random.default_rng(1), side=33)[0]).any()


def test_without_crops_the_digit_alone_is_there(digits):
    scenes, masks = digit_in_clutter(digits, np.random.default_rng(0), crops=0)
    np.testing.assert_allclose(scenes.sum(axis=(1, 2, 3)), digits.sum(axis=(1, 2, 3)), rtol=1e-5)
    np.testing.assert_array_equal(masks, scenes > 0.5)
    assert len({tuple(np.argwhere(scene)[0]) for scene in masks}) > 5, "another place for each digit"


def test_clutter_hides_nothing_of_a_digit_and_adds_to_most_scenes(digits):
    bare, masks = digit_in_clutter(digits, np.random.default_rng(0), crops=0)
    scenes, same_masks = digit_in_clutter(digits, np.random.default_rng(0), crops=16)
    np.testing.assert_array_equal(masks, same_masks)
    assert (scenes >= bare).all()
    added = (scenes != bare).sum(axis=(1, 2, 3))
    assert added.max() <= 16 * 36 and np.mean(added > 50) > 0.9


def test_pieces_come_from_other_images():
    """Of two images, one grey and one darker grey, the darker one's scene alone has bright pieces outside its digit."""
    images = np.full((2, 28, 28, 1), 0.5, np.float32)
    images[1] = 0.25
    scenes, _ = digit_in_clutter(images, np.random.default_rng(0), side=56)
    assert np.sum(scenes[0] == 0.5) == 28 * 28 and np.sum(scenes[0] == 0.25) > 100
    assert np.sum(scenes[1] == 0.25) < 28 * 28 and np.sum(scenes[1] == 0.5) > 100


def test_two_digits_and_their_masks(digits):
    scenes, masks = overlapping_digits(digits, np.random.default_rng(0))
    assert scenes.shape == (32, 36, 36, 1) and masks.shape == (32, 36, 36, 2)
    np.testing.assert_array_equal(scenes > 0.5, masks.max(axis=-1, keepdims=True) > 0)
    areas = (digits > 0.5).sum(axis=(1, 2, 3))
    np.testing.assert_array_equal(masks[..., 0].sum(axis=(1, 2)), areas)
    others = masks[..., 1].sum(axis=(1, 2))
    assert np.isin(others, areas).all() and len(set(others)) > 10 and np.mean(others == areas) < 0.5


def test_two_digits_mostly_overlap(digits):
    masks = overlapping_digits(digits, np.random.default_rng(0))[1]
    assert np.mean(masks.min(axis=-1).any(axis=(1, 2))) > 0.9


@pytest.mark.parametrize("make", SCENES)
def test_bad_arguments_are_refused(make, digits):
    rng = np.random.default_rng(0)
    for wrong in (digits[0], digits * 255, digits[:1], np.repeat(digits, 3, axis=-1)):
        with pytest.raises(ValueError, match=r"`images` must .*Received"):
            make(wrong, rng)
    with pytest.raises(ValueError, match=r"`side` must be a whole number of at least 28\. Received: side=27"):
        make(digits, rng, side=27)


def test_a_bad_number_of_crops_is_refused(digits):
    with pytest.raises(ValueError, match=r"`crops` must be .* Received: crops=-1"):
        digit_in_clutter(digits, np.random.default_rng(0), crops=-1)


LABELS = np.arange(32) % 10


def test_masks_of_classes_are_those_of_the_digits(digits):
    scenes, masks = overlapping_digits(digits, np.random.default_rng(0))
    same_scenes, by_class = overlapping_classes(digits, LABELS, np.random.default_rng(0))
    np.testing.assert_array_equal(scenes, same_scenes)
    assert by_class.shape == (32, 36, 36, 10) and by_class.dtype == np.float32
    np.testing.assert_array_equal(by_class.max(axis=-1), masks.max(axis=-1))
    for own, label, mask in zip(by_class, LABELS, masks):
        present = np.flatnonzero(own.any(axis=(0, 1)))
        assert label in present and len(present) <= 2
        if len(present) == 2:
            (other,) = set(present) - {label}
            np.testing.assert_array_equal(own[..., [label, other]], mask)
        else:  # both of one class: one mask for both
            np.testing.assert_array_equal(own[..., label], mask.max(axis=-1))


def test_a_single_digit_has_one_class(digits):
    scenes, by_class = single_classes(digits, LABELS, np.random.default_rng(0))
    np.testing.assert_allclose(scenes.sum(axis=(1, 2, 3)), digits.sum(axis=(1, 2, 3)), rtol=1e-5)
    np.testing.assert_array_equal(by_class[np.arange(32), :, :, LABELS], scenes[..., 0] > 0.5)
    np.testing.assert_array_equal(by_class.sum(axis=-1), scenes[..., 0] > 0.5)


@pytest.mark.parametrize("make", [overlapping_classes, single_classes])
@pytest.mark.parametrize("wrong", [LABELS[:-1], LABELS + 1, LABELS - 1, LABELS / 2, LABELS[:, None], LABELS.tolist()])
def test_bad_labels_are_refused(make, wrong, digits):
    with pytest.raises(ValueError, match=r"`labels` must be whole numbers from 0 to 9, one per image\. Received"):
        make(digits, wrong, np.random.default_rng(0))
