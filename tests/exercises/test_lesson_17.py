"""Exercises of lesson 17, each in its four states."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.exercises import lesson_17 as ex


def test_predictions(check_prediction):
    check_prediction(ex.noise_guess, "the same", "different", "the same")
    check_prediction(ex.steps_guess, 4, 64, 4.2)


def test_combined(check_states):
    check_states(
        ex.combined,
        wrong={
            "That is a sum": lambda gradients, sizes: gradients.sum(axis=0),
            "counts both shards alike": lambda gradients, sizes: gradients.mean(axis=0),
            "larger weight to the smaller": lambda gradients, sizes: np.average(
                gradients, axis=0, weights=1 / np.array(sizes)
            ),
            "make one of shape (3,)": lambda gradients, sizes: np.average(gradients, weights=sizes, axis=0).sum(),
            "comes [2, -1, 1]": lambda gradients, sizes: gradients[0],
        },
        right=[
            lambda gradients, sizes: sum(g * n for g, n in zip(gradients, sizes)) / sum(sizes),
            lambda gradients, sizes: tf.tensordot(
                tf.constant(np.array(sizes) / np.sum(sizes)), tf.constant(gradients), 1
            ),
            lambda gradients, sizes: np.einsum("d...,d->...", gradients, np.array(sizes) / np.sum(sizes)),
        ],
    )


def _ring(towards=1, chunk_of=lambda device, step: device - step, add=True, everything=False):
    def ring_step(chunks, step):
        after, n = np.array(chunks), len(chunks)
        for device in range(n):
            numbers = range(n) if everything else [chunk_of(device, step) % n]
            for chunk in numbers:
                receiver = (device + towards) % n
                after[receiver, chunk] = chunks[device, chunk] + (after[receiver, chunk] if add else 0)
        return after

    return ring_step


def _by_rolling(chunks, step):
    """All devices at once, without a loop."""
    n = len(chunks)
    devices = np.arange(n)
    sent = np.zeros_like(chunks)
    sent[devices, (devices - step) % n] = chunks[devices, (devices - step) % n]
    return chunks + np.roll(sent, 1, axis=0)


def test_ring_step(check_states):
    check_states(
        ex.ring_step,
        wrong={
            "With yours chunk": _ring(towards=-1),
            "Device 0 has not": _ring(chunk_of=lambda device, step: device),
            "16 of them change": _ring(everything=True),
            "does something else": _ring(add=False),
            "changes its argument": lambda chunks, step: (
                np.add.at(chunks, ([1], [0]), chunks[0, 0][np.newaxis]) or chunks
            ),
            "keep their shape": lambda chunks, step: chunks.sum(axis=0),
        },
        right=[_ring(), _by_rolling, lambda chunks, step: keras.ops.convert_to_tensor(_by_rolling(chunks, step))],
    )


@pytest.mark.parametrize("n", [2, 3, 8])
def test_a_ring_sums_what_all_devices_hold(n):
    chunks = np.random.default_rng(n).normal(size=(n, n, 4))
    after = chunks
    for step in range(n - 1):
        after = ex.ring_step.reference(after, step)
    for device in range(n):
        whole = (device + 1) % n
        np.testing.assert_allclose(after[device, whole], chunks[:, whole].sum(axis=0))


def _repeated(images, devices):
    """Another right one: filled up with real images, which weigh nothing."""
    missing = -len(images) % devices
    more = np.resize(images, (missing, *images.shape[1:])) if missing else images[:0]
    return np.concatenate([images, more]), np.arange(len(images) + missing) < len(images)


def _by_pad(images, devices):
    missing = (devices - len(images) % devices) % devices
    return tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]]), tf.pad(tf.ones(len(images)), [[0, missing]])


def test_padded(check_states):
    def dropped(images, devices):
        kept = len(images) // devices * devices
        return images[:kept], np.ones(kept)

    def always(images, devices):
        missing = devices - len(images) % devices
        filled = np.concatenate([images, np.zeros((missing, *images.shape[1:]))])
        return filled, np.repeat([1, 0], [len(images), missing])

    check_states(
        ex.padded,
        wrong={
            "become twelve": dropped,
            "nothing is to be added": always,
            "weigh 0": lambda images, devices: (_repeated(images, devices)[0], np.ones(-(-len(images) // 4) * 4)),
            "come first": lambda images, devices: (_repeated(images, devices)[0][::-1], _repeated(images, devices)[1]),
            "0 times NaN": lambda images, devices: (
                np.concatenate([images, np.full((-len(images) % devices, *images.shape[1:]), np.nan)]),
                _repeated(images, devices)[1],
            ),
            "99 images for 8 devices": lambda images, devices: (
                _repeated(images, devices) if len(images) % devices in (0, 2) else dropped(images, devices)
            ),
            "3 images for 8 devices": lambda images, devices: (
                np.concatenate([images, images[: -len(images) % devices]]),
                (np.arange(min(2 * len(images), len(images) + -len(images) % devices)) < len(images)),
            ),
            "Several things": lambda images, devices: _repeated(images, devices)[0],
        },
        right=[_repeated, _by_pad],
    )


def test_serial_share(check_states):
    check_states(
        ex.serial_share,
        wrong={
            "of which a part is shared work": lambda speedup, devices: 1 / speedup,
            "With a serial share of 1 it has to be 1": lambda speedup, devices: 1 / speedup - 1 / devices,
            "That is the efficiency": lambda speedup, devices: speedup / devices,
            "Both ends are right": lambda speedup, devices: (devices - speedup) / (devices - 1),
            "all of the work was shared": lambda speedup, devices: 0.5 + 0 * speedup,
            "On a random case": lambda speedup, devices: min(1, (devices / speedup - 1) / (devices - 1)),
        },
        right=[
            lambda speedup, devices: (devices / speedup - 1) / (devices - 1),
            lambda speedup, devices: np.array((devices - speedup) / (speedup * (devices - 1))),
        ],
    )
