"""Exercises of lesson 17: what devices have to agree on, how they do, and what sharing can gain."""

import numpy as np

from course_utils.exercises import Prediction, as_array, as_arrays, as_number, exercise, fitting


def _of_one_size(combined):
    gradients, sizes = np.array([[1.0, -2.0, 3.0], [3.0, 0.0, -1.0]]), [5, 5]
    got, expected = combined(gradients, sizes), [2.0, -1.0, 1.0]
    if got.shape != (3,):
        return f"Two gradients of shape (3,) make one of shape (3,); yours has {got.shape}"
    for factor in (2, 10):
        if np.allclose(got, factor * np.array(expected)):
            return "That is a sum. The batch's loss is the mean over all images, so its gradient is a mean as well"
    if not np.allclose(got, expected):
        return f"From [1, -2, 3] and [3, 0, -1], of five images each, comes [2, -1, 1]; yours is {got.tolist()}"
    return None


def _of_two_sizes(combined):
    got = float(combined(np.array([[4.0], [8.0]]), [3, 1])[0])
    causes = {
        6: "That counts both shards alike, but three of the four images lie in the first",
        7: "That gives the larger weight to the smaller shard",
    }
    if not np.isclose(got, 5):
        cause = fitting(got, causes)
        return f"Of three images with a mean gradient of 4 and one with 8 the mean is 5; yours is {got:.4g}. {cause}"
    return None


def _random_shards(rng):
    """Gradients of devices whose shards differ in size, of vectors and of matrices."""
    for devices, shape in ((3, (4,)), (5, (2, 3)), (1, (2,))):
        yield rng.normal(size=(devices, *shape)), rng.integers(1, 40, devices)


@exercise(
    checks=[_of_one_size, _of_two_sizes],
    hint="Each image counts once, wherever it lies. How many images stand behind each of the gradients? `np.average` "
    "takes weights.",
    returns=as_array,
    cases=_random_shards,
)
def combined(gradients, sizes):
    """The gradient of the mean over a batch that lies on several devices; shape (...).

    gradients (devices, ...): of the mean over each device's own images; sizes (devices,): how many those are.
    """
    return np.average(gradients, axis=0, weights=sizes)


def _marks(n):
    """Chunks (n, n, 2): which device's and which chunk a number is, can be told from its digits."""
    devices, chunks = np.indices((n, n))
    return np.stack([10.0**devices, 10.0**devices * (chunks + 1)], axis=-1)


def _after(ring_step, chunks):
    """Chunks after all the steps of the first half."""
    for step in range(len(chunks) - 1):
        chunks = ring_step(chunks, step)
    return chunks


def _sends_the_first(ring_step):
    before = _marks(4)
    got = ring_step(before, 0)
    if got.shape != before.shape:
        return f"The chunks keep their shape, {before.shape}; yours have {got.shape}"
    changed = np.argwhere(np.any(got != before, axis=-1))
    expected = [[device, (device - 1) % 4] for device in range(4)]
    if len(changed) != 4:
        return (
            "In a step each device gets one chunk, so of the 4 × 4 chunks 4 change; with yours "
            f"{len(changed)} of them change"
        )
    if changed.tolist() != expected:
        device, chunk = next(pair for pair, wanted in zip(changed.tolist(), expected) if pair != wanted)
        return (
            "In step 0 device 0 sends its chunk 0 to device 1, which adds it to its own chunk 0, and so round: device "
            f"d's chunk d - 1 changes. With yours chunk {chunk} of device {device} changes"
        )
    if not np.allclose(got[1, 0], before[0, 0] + before[1, 0]):
        return "What arrives is added to the receiver's own chunk of that number; yours does something else with it"
    return None


def _ends_with_the_sums(ring_step):
    chunks = _marks(4)
    got, total = _after(ring_step, chunks), chunks.sum(axis=0)
    right = [np.allclose(got[device, (device + 1) % 4], total[(device + 1) % 4]) for device in range(4)]
    if not all(right):
        device = right.index(False)
        return (
            f"After the steps 0, 1 and 2 device d has the whole sum of chunk d + 1. Device {device} has not. In step s "
            "device d sends chunk d - s: the one to which it has just added"
        )
    return None


@exercise(
    checks=[_sends_the_first, _ends_with_the_sums],
    hint="Copy the chunks first: all devices send at the same time. Then a loop over the devices: chunk "
    "`(device - step) % n` of the old chunks is added to that of device `(device + 1) % n`.",
    returns=as_array,
    cases=lambda rng: [(rng.normal(size=(n, n, 3)), step) for n, step in ((5, 3), (2, 0), (7, 2), (3, 1))],
)
def ring_step(chunks, step):
    """One step of the first half of a ring all-reduce; shape (n, n, length), as `chunks`.

    chunks[d, c] is chunk c of device d, of n. All at once, device d sends its chunk (d - step) mod n to device
    (d + 1) mod n, which adds it to its own chunk of that number.
    """
    after, n = chunks.copy(), len(chunks)
    for device in range(n):
        chunk = (device - step) % n
        after[(device + 1) % n, chunk] += chunks[device, chunk]
    return after


noise_guess = Prediction(
    "noise_guess",
    "Two replicas of a VAE each draw noise for their half of a batch. Do they draw the same or different noise?",
    "A replica is a copy, its seed as well. Both count on from the same number, so the first image of the one half "
    "gets the noise of the first image of the other.",
    "Where does the noise come from, and what does a strategy that mirrors all variables do with that?",
    options=("the same", "different"),
)

steps_guess = Prediction(
    "steps_guess",
    "From the smallest batch to the largest, each with its best learning rate: how many times fewer steps are needed? "
    "Within 1.5 counts as right.",
    "A mean over more images has less noise, but once the noise is small beside the gradient itself, less of it does "
    "not help: the way is as long as before, and a step can't be as much longer as the batch is larger.",
    "If the gradient had no noise at all, how many steps would be left?",
    within=1.5,
)


def _fills_up(padded):
    images = np.random.default_rng(0).uniform(0.1, 1, (10, 2, 2, 1)).astype(np.float32)
    parts = padded(images, 4)
    if len(parts) != 2:
        return f"Two things are to be returned, the images and their weights; yours returns {len(parts)}"
    filled, weights = parts
    if filled.shape != (12, 2, 2, 1):
        return f"Ten images for four devices become twelve, of shape (12, 2, 2, 1); yours have {filled.shape}"
    if weights.shape != (12,):
        return f"Each of the twelve has a weight, so their shape is (12,); yours have {weights.shape}"
    if not np.array_equal(filled[:10], images):
        return "The ten images come first, as they were; yours begin with others"
    if not np.array_equal(weights, [1] * 10 + [0] * 2):
        return f"Real images weigh 1, those that fill up weigh 0; yours weigh {weights.tolist()}"
    if not np.isfinite(filled).all():
        return "What fills up must be images too, as 0 times NaN is NaN. Yours are not finite"
    return None


def _fills_up_any_number(padded):
    for n, devices, m in ((99, 8, 104), (3, 8, 8), (9, 4, 12), (1, 5, 5)):
        filled, weights = padded(np.ones((n, 2, 2, 1), np.float32), devices)
        if len(filled) != m or len(weights) != m or np.sum(weights) != n:
            return (
                f"{n} images for {devices} devices become {m}, of which {n} weigh 1; with yours there are "
                f"{len(filled)}, with {len(weights)} weights whose sum is {np.sum(weights):g}"
            )
    return None


def _leaves_what_divides(padded):
    filled, weights = padded(np.ones((8, 2, 2, 1), np.float32), 4)
    if len(filled) != 8 or not np.all(weights == 1):
        return f"Eight images divide among four devices, and nothing is to be added; yours adds {len(filled) - 8}"
    return None


@exercise(
    checks=[_fills_up, _leaves_what_divides, _fills_up_any_number],
    hint="How many are missing to the next multiple? `-n % devices` is 0 where n divides. `np.pad` fills up.",
    returns=as_arrays,
)
def padded(images, devices):
    """The pair (filled, weights): images (n, ...) and as few more as make their number divide among the devices.

    filled (m, ...) begins with the images; weights (m,) are 1 for them and 0 for what fills up.
    """
    missing = -len(images) % devices
    filled = np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)])
    return filled, np.repeat([1.0, 0.0], [len(images), missing])


def _of_the_ends(serial_share):
    for speedup, devices, expected, words in (
        (8.0, 8, 0.0, "all of the work was shared"),
        (1.0, 8, 1.0, "nothing was gained"),
    ):
        got = serial_share(speedup, devices)
        if not np.isclose(got, expected, atol=1e-9):
            return f"{devices} devices, {speedup:g} times as fast: {words}, the share is {expected:g}; yours {got:.4g}"
    return None


def _of_a_half(serial_share):
    got = serial_share(1.6, 4)
    causes = {
        0.625: "That is 1 / speed-up: the time that is left, of which a part is shared work",
        0.375: "That is 1 / speed-up - 1 / devices. With a serial share of 1 it has to be 1",
        0.4: "That is the efficiency, speed-up / devices",
        0.8: "Both ends are right, but between them the speed-up falls faster: solve 1 / speed-up = s + (1 - s) / n",
    }
    if not np.isclose(got, 0.5):
        return (
            "Half of the work shared by 4 devices: 1/2 + 1/8 of the time is left, a speed-up of 1.6. So 4 devices "
            f"and 1.6 make 0.5; yours {got:.4g}. {fitting(got, causes)}"
        )
    return None


@exercise(
    checks=[_of_a_half, _of_the_ends],
    hint="Set the time on one device to 1. With a serial share s the time on n devices is s + (1 - s) / n, and the "
    "speed-up is 1 over that. Solve for s.",
    returns=as_number,
    cases=lambda rng: [
        (n * float(rng.uniform(low, high)), n) for n, low, high in ((2, 0.1, 0.4), (16, 1.1, 2), (300, 0, 1))
    ],
)
def serial_share(speedup, devices):
    """The share of one device's time that n devices don't share, from how many times faster they are together.

    Above 1 where they are slower than one, below 0 where they are more than n times as fast.
    """
    return (1 / speedup - 1 / devices) / (1 - 1 / devices)
