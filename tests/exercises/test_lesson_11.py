"""Exercises of lesson 11, each in its four states."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy import ndimage
from skimage.measure import label, regionprops

from course_utils.exercises import lesson_11 as ex
from course_utils.losses import bernoulli_nll, permutation_invariant_nll


def test_dice_from_iou(check_states):
    check_states(
        ex.dice_from_iou,
        wrong={
            "Dice is 1; yours is 2": lambda iou: 2 * iou,
            "Dice is 0.667; yours is 0.333": lambda iou: iou / (2 - iou),
            "Dice is 0.667; yours is 0.5": lambda iou: iou,
        },
        right=[lambda iou: 2 - 2 / (1 + iou), lambda iou: tf.constant(2 * np.asarray(iou) / (np.asarray(iou) + 1))],
    )


def _by_regions(masks):
    kept = np.zeros(masks.shape)
    for mask, own in zip(masks[..., 0], kept[..., 0]):
        regions = regionprops(label(mask, connectivity=2))
        if regions:
            own[tuple(max(regions, key=lambda region: region.area).coords.T)] = 1
    return kept


def _by_growing(masks):
    """Grows each pixel's region to its end, and keeps the largest."""
    kept = []
    for mask in masks[..., 0]:
        regions = [np.zeros_like(mask)]
        left = mask.copy()
        while left.any():
            seed = np.zeros_like(mask)
            seed[tuple(np.argwhere(left)[0])] = True
            regions.append(ndimage.binary_propagation(seed, np.ones((3, 3)), mask=mask))
            left &= ~regions[-1]
        kept.append(max(regions, key=np.sum))
    return ops.convert_to_tensor(np.stack(kept)[..., np.newaxis].astype("float32"))


def _of_labels(masks, structure, background):
    kept = np.zeros(masks.shape, bool)
    for mask, own in zip(masks[..., 0], kept[..., 0]):
        labels, _ = ndimage.label(mask, structure)
        counts = np.bincount(labels.ravel())
        counts[0] *= background
        own[:] = (labels == np.argmax(counts)) & (mask | (background > 0))
    return kept


def _largest_of_all(masks):
    """The largest region of the whole array, and of no other mask."""
    structure = np.zeros((3, 3, 3, 3))
    structure[1, :, :, 1] = 1
    labels, number = ndimage.label(masks, structure)
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]) if number else masks


def test_largest_component(check_states):
    check_states(
        ex.largest_component,
        wrong={
            "the larger one is kept": lambda masks: masks,
            "of ##..# / ##..# that is ##... / ##..., yours is": lambda masks: _of_labels(masks, np.ones((3, 3)), 1),
            "at a corner belong together": lambda masks: _of_labels(masks, None, 0),
            "Each mask of the array": _largest_of_all,
            "must come back in that shape": lambda masks: _by_regions(masks)[..., 0],
        },
        right=[_by_regions, _by_growing],
    )


def _both(masks, probabilities):
    return bernoulli_nll(masks, probabilities), bernoulli_nll(masks[..., ::-1], probabilities)


def _every_mask_its_best(masks, probabilities):
    first = [[bernoulli_nll(masks[..., i : i + 1], probabilities[..., j : j + 1]) for j in (0, 1)] for i in (0, 1)]
    return ops.minimum(*first[0]) + ops.minimum(*first[1])


def _with_tensorflow(masks, probabilities):
    def cost(masks):
        nll = -masks * tf.math.log(probabilities) - (1 - masks) * tf.math.log(1 - probabilities)
        return tf.reduce_sum(nll, axis=[1, 2, 3])

    return tf.where(cost(masks) < cost(masks[..., ::-1]), cost(masks), cost(masks[..., ::-1]))


def test_order_free_loss(check_states):
    check_states(
        ex.order_free_loss,
        wrong={
            "must have the same loss": bernoulli_nll,
            "Each map is for one mask": _every_mask_its_best,
            "counts, alone": lambda m, p: ops.maximum(*_both(m, p)),
            "yours is": lambda m, p: ops.mean(ops.stack(_both(m, p)), axis=0),
            "scene by scene": lambda m, p: _both(m, p)[int(ops.sum(_both(m, p)[0]) > ops.sum(_both(m, p)[1]))],
            "Four scenes have four losses": lambda m, p: ops.min(ops.stack(_both(m, p))),
            "none passes through NumPy": lambda m, p: np.minimum(*map(np.array, _both(m, p))),
            "Each map is for one mask. Where": lambda m, p: ops.minimum(*_both(m, p)) / 2,
        },
        right=[permutation_invariant_nll, _with_tensorflow, lambda m, p: ops.min(ops.stack(_both(m, p), 1), axis=1)],
    )


def _by_shifts(images):
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    _, height, width, _ = images.shape
    return np.max([padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)], axis=0)


def test_dilated(check_states):
    check_states(
        ex.dilated,
        wrong={
            "must come back in that shape": lambda x: tf.nn.max_pool2d(x, 3, 1, "VALID"),
            "a block of 3 × 3": lambda x: tf.nn.max_pool2d(x, 5, 1, "SAME"),
            "at most 0.111": lambda x: ndimage.uniform_filter(x, (0, 3, 3, 0)),
            "What is outside must not count": lambda x: ndimage.grey_dilation(
                x, size=(1, 3, 3, 1), mode="constant", cval=0.0
            ),
        },
        right=[
            _by_shifts,
            lambda x: tf.nn.max_pool2d(x, 3, 1, "SAME"),
            lambda x: ndimage.maximum_filter(x, (1, 3, 3, 1), mode="nearest"),
        ],
    )


@pytest.mark.parametrize(
    ("prediction", "guess", "wrong", "measured"),
    [
        (ex.empty_accuracy, 0.95, 0.5, 0.945),
        (ex.lower_error, "L1", "L1 and patches", "L1"),
        (ex.width_with_skips, "hardly changes", "falls to a tenth", "hardly changes"),
    ],
)
def test_predictions(check_prediction, prediction, guess, wrong, measured):
    check_prediction(prediction, guess, wrong, measured)
