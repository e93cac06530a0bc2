"""Batches: images checked, binarised, made anew for each batch, and what a model answers."""

import keras
import numpy as np
import pytest

from course_utils.batches import FreshBatches, binarise, binarised_pair, check_images, predict_in_batches

# Checks, binarisation, fresh batches


def test_check_images_says_what_it_got(digits):
    check_images(digits)
    check_images(digits[:0])
    for wrong, words in [
        (digits[..., 0], r"float32\[32, 28, 28\]"),
        ((digits * 255).astype(np.uint8), r"uint8\[32, 28, 28, 1\]"),
        (digits.tolist(), "list"),
        (digits * 255, r"must lie in \[0, 1\].*divided by 255"),
        (digits - 0.5, r"must lie in \[0, 1\]"),
        (np.where(digits > 0.9, np.nan, digits), r"must lie in \[0, 1\]"),
    ]:
        with pytest.raises(ValueError, match=f"`pictures` .*{words}"):
            check_images(wrong, "pictures")


def test_binarised_pixels_are_white_as_often_as_they_are_bright():
    grey = np.broadcast_to(np.float32([0, 0.25, 0.5, 1])[:, None, None, None], (4, 100, 100, 1))
    drawn = binarise(grey, np.random.default_rng(0))
    assert drawn.dtype == np.float32 and set(np.unique(drawn)) == {0, 1}
    np.testing.assert_allclose(drawn.mean(axis=(1, 2, 3)), [0, 0.25, 0.5, 1], atol=0.02)
    np.testing.assert_array_equal(drawn, binarise(grey, np.random.default_rng(0)))
    for half in binarised_pair(grey, np.random.default_rng(0)):
        np.testing.assert_array_equal(half, drawn)


def _numbered(n):
    """`n` one-pixel images, told apart by their grey value."""
    return (np.arange(n, dtype=np.float32) / n).reshape(n, 1, 1, 1)


def _noisy(images, rng):
    return images + rng.standard_normal(images.shape), images


def _epoch(batches):
    pairs = [batches[index] for index in range(len(batches))]
    batches.on_epoch_end()
    return [np.concatenate(part).ravel() for part in zip(*pairs)]


def test_every_image_once_an_epoch_and_fresh_each_time():
    batches = FreshBatches(_numbered(10), _noisy, batch_size=4, seed=1)
    assert len(batches) == 3 and [len(batches[i][0]) for i in range(3)] == [4, 4, 2]
    (first_inputs, first), (second_inputs, second) = _epoch(batches), _epoch(batches)
    np.testing.assert_array_equal(np.sort(first), _numbered(10).ravel())
    np.testing.assert_array_equal(np.sort(second), _numbered(10).ravel())
    assert (first != second).any(), "another order each epoch"
    noise = np.concatenate([first_inputs - first, second_inputs - second])
    assert len(np.unique(noise)) == 20, "other noise for every image of every epoch"


def test_fresh_batches_repeat_by_seed():
    def inputs(seed):
        batches = FreshBatches(_numbered(10), _noisy, batch_size=4, seed=seed)
        return np.concatenate([_epoch(batches)[0], _epoch(batches)[0]])

    np.testing.assert_array_equal(inputs(3), inputs(3))
    assert (inputs(3) != inputs(4)).any()


def test_fresh_batches_refuse_bad_input(digits):
    with pytest.raises(ValueError, match=r"`batch_size` must be a positive whole number\. Received: batch_size=0"):
        FreshBatches(digits, _noisy, batch_size=0)
    with pytest.raises(ValueError, match="`images` must"):
        FreshBatches(digits[..., 0], _noisy)
    with pytest.raises(ValueError, match="`images` must hold at least one image"):
        FreshBatches(digits[:0], _noisy)
    for seed in (-1, 1.5, True, None):
        with pytest.raises(ValueError, match=r"`seed` must be a whole number of at least 0\. Received: seed="):
            FreshBatches(digits, _noisy, seed=seed)


def test_fresh_batches_start_at_any_epoch():
    batches, later = (FreshBatches(_numbered(10), _noisy, batch_size=4, seed=1) for _ in range(2))
    epochs = [_epoch(batches) for _ in range(3)]
    later.start_at(2)
    np.testing.assert_array_equal(_epoch(later), epochs[2])
    later.start_at(0)
    np.testing.assert_array_equal(_epoch(later), epochs[0])


def test_fresh_batches_hand_over_labels_with_their_images():
    def pair(images, labels, rng):
        return (images, labels), images

    images = _numbered(10)
    batches = FreshBatches(images, pair, labels=images.ravel(), batch_size=4)
    for index in range(len(batches)):
        (inputs, labels), _ = batches[index]
        np.testing.assert_array_equal(labels, inputs.ravel())


def test_fresh_batches_refuse_labels_of_another_number():
    with pytest.raises(ValueError, match=r"`labels` must have one entry per image, 10\. Received: 9"):
        FreshBatches(_numbered(10), _noisy, labels=np.zeros(9))


# Answers


def test_predict_in_batches_gives_what_predict_gives():
    rng = np.random.default_rng(0)
    first, second = keras.Input((3,)), keras.Input((2,))
    both = keras.layers.Concatenate()([first, second])
    model = keras.Model([first, second], [keras.layers.Dense(4)(first), keras.layers.Dense(1)(both)])
    alone = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    alone.compile("sgd", "mse", steps_per_execution=8)  # as `fast` compiles
    for n in (1, 500, 1100):
        inputs = [rng.random((n, 3), dtype=np.float32), rng.random((n, 2), dtype=np.float32)]
        for ours, theirs in zip(predict_in_batches(model, inputs), model.predict(inputs, verbose=0), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)
        np.testing.assert_allclose(
            predict_in_batches(alone, inputs[0]), alone.predict(inputs[0], verbose=0), rtol=1e-5, strict=True
        )


def test_predict_in_batches_names_inputs_that_it_cannot_use():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"`inputs` .*at least 1. Received lengths: \[0\]"):
        predict_in_batches(model, np.zeros((0, 3)))
    with pytest.raises(ValueError, match=r"`inputs` .*one length.* Received lengths: \[4, 5\]"):
        predict_in_batches(model, [np.zeros((4, 3)), np.zeros((5, 3))])
