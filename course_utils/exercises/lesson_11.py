"""Exercises of lesson 11: Dice and its relatives, the largest component, losses without an order, dilation."""

import numpy as np
from keras import layers, ops

from course_utils.exercises import Prediction, as_array, exercise
from course_utils.losses import bernoulli_nll, permutation_invariant_nll

empty_accuracy = Prediction(
    "empty_accuracy",
    "What share of the pixels does the empty mask get right?",
    "It is right wherever there is no digit: 1 minus the digit's share of the scene. A share of right pixels says next "
    "to nothing where one class fills nearly all of the picture.",
    "It is right wherever there is no digit. A digit covers about an eighth of its own 28 × 28 pixels, and the scene "
    "has 40 × 40.",
    within=0.02,
)


def _known_pairs(dice_from_iou):
    for iou, dice in {0.0: 0.0, 1.0: 1.0, 0.5: 2 / 3, 1 / 3: 0.5}.items():
        got = float(dice_from_iou(iou))
        if not np.isclose(got, dice, atol=1e-6):
            return f"Where the intersection over union is {iou:.3g}, Dice is {dice:.3g}; yours is {got:.3g}"
    return None


@exercise(
    checks=[_known_pairs],
    hint="Let the two areas be a and b and the intersection i. The union is a + b - i. So what is a + b, in units of "
    "the union?",
    returns=as_array,
    cases=lambda rng: [(rng.random(7),)],
)
def dice_from_iou(iou):
    """The Dice coefficient of two masks whose intersection over union is known; may be an array."""
    return 2 * iou / (1 + iou)


def _mask(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])[np.newaxis, ..., np.newaxis]


_KEPT = {
    "Of two regions the larger one is kept": (_mask("##..#", "##..#"), _mask("##...", "##...")),
    "Pixels that touch at a corner belong together": (
        _mask("#....", ".#...", "..#..", "....#", "....#"),
        _mask("#....", ".#...", "..#..", ".....", "....."),
    ),
    "Nothing is kept of an empty mask": (_mask("...", "..."), _mask("...", "...")),
    "A single region is kept": (_mask(".#.", "###"), _mask(".#.", "###")),
}


def _keeps_the_larger_region(largest_component):
    for sentence, (given, kept) in _KEPT.items():
        got = largest_component(given)
        if got.shape != given.shape:
            return f"Masks {given.shape} must come back in that shape; yours have {got.shape}"
        if not np.array_equal(got > 0, kept):
            return f"{sentence}: of {_drawn(given)} that is {_drawn(kept)}, yours is {_drawn(got > 0)}"
    return None


def _looks_at_each_mask(largest_component):
    pair = np.concatenate([_mask("###.#"), _mask("#.##.")])
    got = largest_component(pair) > 0
    if not np.array_equal(got, np.concatenate([_mask("###.."), _mask("..##.")])):
        return "Each mask of the array keeps a region of its own. Label the masks one by one"
    return None


def _drawn(mask):
    return " / ".join("".join(".#"[int(pixel)] for pixel in row) for row in mask[0, ..., 0])


@exercise(
    checks=[_keeps_the_larger_region, _looks_at_each_mask],
    hint="`scipy.ndimage.label(mask, np.ones((3, 3)))` numbers the regions of one mask from 1; 0 is the background. "
    "`np.bincount(labels.ravel())` counts their pixels. Take care that the background does not win.",
    returns=lambda result, *_: as_array(result) > 0,
    cases=lambda rng: [(rng.random((6, 11, 9, 1)) < 0.15,)],
)
def largest_component(masks):
    """Of each mask (n, height, width, 1), True or False, the largest region of connected pixels; corners connect."""
    from scipy.ndimage import label

    kept = np.zeros(masks.shape, bool)
    for mask, own in zip(masks[..., 0], kept[..., 0]):
        labels, number = label(mask, np.ones((3, 3)))
        if number:
            own[:] = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    return kept


def _scenes(rng, n=4):
    masks = (rng.random((n, 5, 6, 2)) < 0.4).astype(np.float32)
    return masks, rng.uniform(0.05, 0.95, masks.shape).astype(np.float32)


def _one_number_per_scene(order_free_loss):
    masks, probabilities = _scenes(np.random.default_rng(0))
    got = order_free_loss(masks, probabilities)
    if got.shape != (4,):
        return f"Four scenes have four losses, shape (4,); yours has {got.shape}"
    return None


def _takes_either_order(order_free_loss):
    masks, _ = _scenes(np.random.default_rng(1))
    near = np.clip(masks, 0.1, 0.9)
    straight, crossed = order_free_loss(masks, near), order_free_loss(masks, near[..., ::-1].copy())
    if not np.allclose(straight, crossed, rtol=1e-4):
        return (
            "The same two maps in the other order must have the same loss: the least over both orders. Yours is "
            f"{straight[0]:.2f} in one and {crossed[0]:.2f} in the other"
        )
    return None


def _gives_each_mask_a_map_of_its_own(order_free_loss):
    """Two masks that are the same, a map that shows them and one that shows nothing."""
    masks, _ = _scenes(np.random.default_rng(2))
    masks[..., 1] = masks[..., 0]
    maps = np.stack([np.clip(masks[..., 0], 0.1, 0.9), np.full(masks.shape[:3], 0.1, np.float32)], axis=-1)
    rule = "Each map is for one mask. Where one map shows both masks and the other map nothing"
    return _unless_the_order_as_it_stands_counts(order_free_loss, masks, maps, rule)


def _takes_the_smaller_of_the_two(order_free_loss):
    masks, _ = _scenes(np.random.default_rng(4), 1)
    rule = "Of the two orders the one that fits better counts, alone. Where the maps fit the masks as they stand"
    return _unless_the_order_as_it_stands_counts(order_free_loss, masks, np.clip(masks, 0.1, 0.9), rule)


def _unless_the_order_as_it_stands_counts(order_free_loss, masks, maps, rule):
    expected, got = ops.convert_to_numpy(bernoulli_nll(masks, maps)), order_free_loss(masks, maps)
    if not np.allclose(got, expected, rtol=1e-3):
        return f"{rule}, the loss is {expected[0]:.2f}; yours is {got[0]:.2f}"
    return None


def _decides_in_each_scene(order_free_loss):
    masks, _ = _scenes(np.random.default_rng(3), 2)
    maps = np.clip(np.stack([masks[0], masks[1, ..., ::-1]]), 0.1, 0.9)  # the first scene straight, the second crossed
    expected = ops.convert_to_numpy(permutation_invariant_nll(masks, maps))
    if not np.allclose(order_free_loss(masks, maps), expected, rtol=1e-3):
        return "Each scene has its own better order. Take the least of the two sums scene by scene, not of the batch"
    return None


@exercise(
    checks=[
        _one_number_per_scene,
        _takes_either_order,
        _gives_each_mask_a_map_of_its_own,
        _takes_the_smaller_of_the_two,
        _decides_in_each_scene,
    ],
    hint="`bernoulli_nll(masks, probabilities)` is the sum for one order, shape (batch,). `masks[..., ::-1]` is the "
    "other order, and `ops.minimum` takes the smaller of two numbers in each scene.",
    cases=lambda rng: [_scenes(rng, 3)],
    gradients=("probabilities",),
)
def order_free_loss(masks, probabilities):
    """The smaller `bernoulli_nll` of both orders of the two masks (batch, height, width, 2); shape (batch,)."""
    return ops.minimum(bernoulli_nll(masks, probabilities), bernoulli_nll(masks[..., ::-1], probabilities))


def _grows_by_a_pixel(dilated):
    point = np.zeros((1, 5, 5, 1), np.float32)
    point[0, 2, 2] = 1
    got = dilated(point)
    if got.shape != point.shape:
        return f"Images {point.shape} must come back in that shape; yours have {got.shape}"
    expected = np.zeros_like(point)
    expected[0, 1:4, 1:4] = 1
    if not np.allclose(got, expected):
        drawn = _drawn(got > 0.5)
        return (
            f"A single white pixel becomes a block of 3 × 3 around it, all 1; yours is {drawn}, at most {got.max():.3g}"
        )
    return None


def _keeps_the_borders_and_channels(dilated):
    images = -1 - np.random.default_rng(0).random((2, 4, 5, 3)).astype(np.float32)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    expected = np.max([padded[:, i : i + 4, j : j + 5] for i in range(3) for j in range(3)], axis=0)
    if not np.allclose(dilated(images), expected):
        return (
            "Each pixel becomes the largest of the 3 × 3 around it that lie in the image, in its own channel. What is "
            "outside must not count: try an image of negative numbers"
        )
    return None


@exercise(
    checks=[_grows_by_a_pixel, _keeps_the_borders_and_channels],
    hint="Which layer takes maxima? Usually it also makes the image smaller: look for the arguments that prevent that.",
    returns=as_array,
    cases=lambda rng: [(rng.normal(size=(2, 7, 4, 2)).astype(np.float32),)],
)
def dilated(images):
    """Each pixel of any image (n, height, width, channels), negative ones too, becomes the largest of its 3 × 3."""
    return ops.convert_to_numpy(layers.MaxPooling2D(3, strides=1, padding="same")(images))


lower_error = Prediction(
    "lower_error",
    "Which network makes the smaller mean absolute error on garments that it never saw?",
    "The first one minimises that very error and nothing else. The second one pays for patches that look real, and a "
    "texture that is likely but not at the very place costs more than an even grey.",
    "What does each of the two minimise?",
    options=("L1", "L1 and patches"),
)

width_with_skips = Prediction(
    "width_with_skips",
    "From 1 channel in the code map to 16: what becomes of the error of the network with skips?",
    "With skips the image need not pass the code: nearly all of it comes along the skips. The width of the code, which "
    "is all that counts without skips, says little then.",
    "Which way does the image take that costs no detail at all?",
    options=("hardly changes", "falls to a tenth"),
)
