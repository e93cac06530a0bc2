"""Exercise of lesson 04: batches with mixed damage."""

import functools
from collections import defaultdict

import numpy as np

from course_utils.corruptions import gaussian_noise, mask_block, salt_and_pepper
from course_utils.exercises import as_arrays, exercise


def _grey():
    return np.full((8, 28, 28, 1), 0.5, dtype=np.float32)


def _pairs(make_pair):
    """Pairs of forty batches of grey images, each with a generator of its own."""
    return [make_pair(_grey(), np.random.default_rng(seed)) for seed in range(40)]


def check_pair(mixed_damage):
    pair = mixed_damage(_grey(), np.random.default_rng(0))
    if len(pair) != 2:
        return f"the function must return the pair (damaged, images); yours returns {len(pair)} things"
    for damaged, target in _pairs(mixed_damage):
        if np.shape(damaged) != (8, 28, 28, 1):
            return f"the damaged images must keep the shape (8, 28, 28, 1); yours have {np.shape(damaged)}"
        if not np.array_equal(target, _grey()):
            return "the second of the pair, the target, must be the images as they came, undamaged"


def check_three_kinds(mixed_damage):
    found = {_kind(damaged) for damaged, _ in _pairs(mixed_damage)}
    missing = {"Gaussian noise", "salt and pepper", "a black block"} - found
    if missing:
        never = " nor ".join(sorted(missing))
        return f"in 40 batches each of the three kinds must turn up alone, but there was never {never}"


def check_fresh(mixed_damage):
    for (first, _), (second, _) in zip(_pairs(mixed_damage), _pairs(mixed_damage)):
        if not np.array_equal(first, second):
            return (
                "two generators with the same seed must give the same damage, in whatever kind: draw every number "
                f"from `rng`. Yours differ with {_kind(first)}"
            )
    rng = np.random.default_rng(0)
    if len({mixed_damage(_grey(), rng)[0].tobytes() for _ in range(6)}) < 6:
        return "one generator used again must give fresh damage; yours repeats itself. Is there a seed inside?"
    if len({mixed_damage(_grey(), np.random.default_rng(seed))[0].tobytes() for seed in range(6)}) < 6:
        return "generators with different seeds must give different damage. Is there a generator of your own inside?"


def check_strengths(mixed_damage):
    grey = np.full((40, 28, 28, 1), 0.5, np.float32)  # many pixels: that the share hit varies by chance hardly counts
    strengths = defaultdict(list)
    for seed in range(40):
        damaged, _ = mixed_damage(grey, np.random.default_rng(seed))
        kind = _kind(damaged)
        strengths[kind].append(np.std(damaged) if kind == "Gaussian noise" else np.mean(damaged != 0.5))
    for kind, values in strengths.items():
        if np.std(values) < 0.04 * np.mean(values):
            return (
                f"one strength holds for the whole batch and changes from batch to batch, over all of its range; with "
                f"{kind} yours hardly changes"
            )


@functools.lru_cache(maxsize=1)  # three checks ask for the same
def _by_kind(mixed_damage):
    """Four hundred damaged batches, a list for each kind of damage."""
    found = defaultdict(list)
    for seed in range(400):
        damaged, _ = mixed_damage(_grey(), np.random.default_rng(seed))
        found[_kind(damaged)].append(damaged)
    return found


def check_sides(mixed_damage):
    blocks = np.concatenate(_by_kind(mixed_damage)["a black block"])
    sides = sorted({int(np.sqrt(np.sum(image == 0))) for image in blocks})
    if sides != list(range(4, 15)):
        return f"the block's side must be any whole number from 4 to 14, both included; yours are {sides}"


def check_largest_share(mixed_damage):
    share = max(np.mean(damaged != 0.5) for damaged in _by_kind(mixed_damage)["salt and pepper"])
    if not 0.42 < share < 0.56:
        return f"the share of salt and pepper must go up to 0.5; in 400 batches yours goes up to {share:.2f}"


def check_largest_sigma(mixed_damage):
    spread = max(np.std(damaged) for damaged in _by_kind(mixed_damage)["Gaussian noise"])
    rng, many = np.random.default_rng(0), np.full((20, 28, 28, 1), 0.5, np.float32)
    least, most = (np.std(gaussian_noise(many, sigma, rng)) for sigma in (0.85, 1.0))
    if not least < spread < most + 0.02:
        strongest = "weaker" if spread <= least else "stronger"
        return f"σ must go up to 1; the strongest noise of 400 batches is {strongest}"


def check_other_images(mixed_damage):
    images = np.random.default_rng(3).random((5, 20, 24, 1), dtype=np.float32)
    for seed in range(12):
        damaged, target = mixed_damage(images, np.random.default_rng(seed))
        if not np.array_equal(target, images):
            return "the second of the pair, the target, must be the images as they came, undamaged"
        if damaged.shape != images.shape or damaged.min() < 0 or damaged.max() > 1:
            return f"five images of shape (20, 24, 1) must come back as images in [0, 1]; yours: {damaged.shape}"


def _kind(damaged):
    """Which damage a batch of grey images has suffered, told from its values and where the black ones lie."""
    values = np.unique(damaged)
    if len(values) > 100:
        return "Gaussian noise"
    values = set(values.tolist())
    if 0.0 in values <= {0.0, 0.5} and all(map(_is_rectangle, damaged[..., 0] == 0)):
        return "a black block"
    if values <= {0.0, 0.5, 1.0}:
        return "salt and pepper"
    return "another kind"


def _is_rectangle(mask):
    """Whether the True entries (height, width) fill their bounding box."""
    rows, columns = np.nonzero(mask)
    return len(rows) > 0 and len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@exercise(
    checks=[
        check_pair,
        check_three_kinds,
        check_fresh,
        check_strengths,
        check_sides,
        check_largest_share,
        check_largest_sigma,
        check_other_images,
    ],
    hint=(
        "`rng.integers(3)` picks a kind, `rng.uniform(low, high)` a strength, `rng.integers(4, 15)` a side of "
        "4 to 14. Return the pair (damaged, images)."
    ),
    returns=as_arrays,
)
def mixed_damage(images, rng):
    """The pair (damaged, images): one kind of damage of random strength for the whole batch."""
    kind = rng.integers(3)
    if kind == 0:
        return gaussian_noise(images, rng.uniform(0, 1), rng), images
    if kind == 1:
        return salt_and_pepper(images, rng.uniform(0, 0.5), rng), images
    return mask_block(images, int(rng.integers(4, 15)), rng), images
