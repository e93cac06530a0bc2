"""Exercises of lesson 15: two losses, modes, packing, class balance, a straight line and the way along it."""

import numpy as np
from keras import ops

from course_utils.exercises import Prediction, as_array, as_arrays, as_number, exercise

slope_guess = Prediction(
    "slope_guess",
    "Real numbers come from N(1, 1), made ones from N(-1, 1). With which slope does the logit of the best "
    "discriminator grow? Within 0.1 counts as right.",
    "The best logit is log p(x) - log q(x) = -(x - 1)²/2 + (x + 1)²/2 = 2x: a straight line, whose slope is the "
    "distance of the means.",
    "At its best the discriminator says p/(p + q), whose logit is log p - log q. Write both logarithms down; the "
    "squares of x cancel.",
    within=0.1,
)

winner_guess = Prediction(
    "winner_guess",
    "Which of the four sets of pictures is nearest to the test digits, by the Fréchet distance?",
    "A mean of many possible digits is blurred, and no test digit is. The discriminator finds blur at once, so the "
    "GAN may not draw it, and nothing asks it for a reconstruction or for a code that follows a prior.",
    "Which of the losses minds a blurred picture? Which of them has nothing else to mind?",
    options=("VAE, means", "VAE, drawn pixels", "GAN", "VAE-GAN"),
)


def _has_value(expected, causes, what):
    """A check that a loss of small logits has its value, and names the cause of a known wrong one."""

    def check(answer):
        arguments, wanted = expected()
        got = answer(*arguments)
        if got.shape != ():
            return f"One number for the batch was expected, yours has shape {got.shape}"
        if np.isclose(got, wanted, rtol=1e-3):
            return None
        cause = next((text for text, value in causes(*arguments).items() if np.isclose(got, value, rtol=1e-3)), "")
        return f"{what} it is {wanted:.4g}, yours is {got:.4g}. {cause}"

    return check


def _softplus(x):
    return np.logaddexp(0, x)


def _two_logits():
    real, made = np.array([[1.0], [3.0]], "float32"), np.array([[-2.0], [0.5]], "float32")
    return (real, made), (_softplus(-real).mean() + _softplus(made).mean()) / 2


def _discriminator_mistakes(real, made):
    means = _softplus(-real).mean(), _softplus(made).mean()
    return {
        "The sum of two means; their mean is asked for": sum(means),
        "Real and made are swapped": (_softplus(real).mean() + _softplus(-made).mean()) / 2,
        "Both are taken for real": (means[0] + _softplus(-made).mean()) / 2,
        "Only the real ones count in yours": means[0],
        "Summed over the batch?": sum(means),
    }


def _stays_finite(loss):
    extreme = np.full((2, 1), 300.0, "float32")
    got = loss(-extreme, extreme)
    if not np.isfinite(got):
        return f"Logits of ±300 give {got}. The logarithm of a sigmoid under- or overflows; `ops.softplus` does not"
    return None


@exercise(
    checks=[
        _has_value(_two_logits, _discriminator_mistakes, "For logits 1, 3 of real and -2, 1/2 of made ones"),
        _stays_finite,
    ],
    hint="-log σ(l) = softplus(-l), and -log(1 - σ(l)) = softplus(l), where softplus(l) = log(1 + exp(l)).",
    cases=lambda rng: [(rng.normal(size=(n, 1)).astype("float32"), rng.normal(size=(m, 1)).astype("float32"))
                       for n, m in ((5, 5), (7, 3))],
    gradients=("real", "made"),
)  # fmt: skip
def discriminator_loss(real, made):
    """Mean of the mean cross-entropies of real and of made ones, from logits of "real" (n, 1), (m, 1); one number."""
    return (ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(made))) / 2


def _lost_case():
    made = np.array([[-4.0], [-6.0], [0.0]], "float32")
    return (made,), _softplus(-made).mean()


def _generator_mistakes(made):
    return {
        "That is the discriminator's loss of the made ones": _softplus(made).mean(),
        "That is the saturating loss, log(1 - D): next to no gradient where the discriminator is sure": -_softplus(
            made
        ).mean(),
        "Summed over the batch?": _softplus(-made).sum(),
        "Only the logits' mean?": -made.mean(),
    }


def _generator_stays_finite(loss):
    got = loss(np.full((2, 1), -300.0, "float32"))
    if not np.isfinite(got):
        return f"Logits of -300 give {got}. The logarithm of a sigmoid under- or overflows; `ops.softplus` does not"
    return None


@exercise(
    checks=[_has_value(_lost_case, _generator_mistakes, "For logits -4, -6 and 0"), _generator_stays_finite],
    hint='The cross-entropy of the answer "real", which is the wrong one: -log σ(l).',
    cases=lambda rng: [(rng.normal(-3, 2, size=(n, 1)).astype("float32"),) for n in (4, 7)],
    gradients=("made",),
)
def generator_loss(made):
    """Mean cross-entropy of the answer "real" for made ones, from their logits (n, 1); one number."""
    return ops.mean(ops.softplus(-made))


def _counts_modes(answer):
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    points = np.array([[0.1, 0.0], [0.0, -0.2], [0.3, 0.0], [5.0, 0.1], [2.5, 0.0]])
    found, good = answer(points, centres, 0.5)
    if not np.isclose(good, 0.8):
        return f"Four of five points lie within 1/2 of a centre, a share of 0.8; yours says {good:.4g}"
    if found != 2:
        return f"Two of the three centres have a point nearby; yours says {found:g}"
    return None


def _does_not_count_far_ones(answer):
    centres = np.array([[0.0, 0.0], [5.0, 0.0]])
    found, good = answer(np.array([[1.0, 0.0], [4.0, 3.0]]), centres, 0.5)
    if found != 0 or good != 0:
        return (
            f"Where no point is within the radius, no centre is found and no point is good; yours says "
            f"{found:g}, {good:g}"
        )
    return None


@exercise(
    checks=[_counts_modes, _does_not_count_far_ones],
    hint="`scipy.spatial.distance.cdist(points, centres)` has all distances. A point is good if its least one is "
    "within the radius; its centre is `argmin`; how many different centres do the good ones have?",
    returns=as_arrays,
    cases=lambda rng: [(2 * rng.normal(size=(n, 2)), 2 * rng.normal(size=(k, 2)), 0.7) for n, k in ((50, 6), (30, 9))],
)
def modes_found(points, centres, radius):
    """How many centres (k, 2) have a point (n, 2) within the radius, and the share of points so near to one."""
    distances = np.linalg.norm(points[:, np.newaxis] - centres, axis=-1)
    good = distances.min(axis=1) <= radius
    return len(np.unique(distances.argmin(axis=1)[good])), good.mean()


def _packs(packed):
    pictures = np.arange(12.0).reshape(6, 2)
    got = packed(pictures, 3)
    if got.shape != (2, 6):
        return f"Six points of 2 numbers, three to a group, make shape (2, 6); yours has {got.shape}"
    groups = [{int(value) // 2 for value in row} for row in got]
    if any(len(group) != 3 for group in groups) or len(set.union(*groups)) != 6:
        return f"Each point belongs to one group, whole; the points of your first group are {sorted(groups[0])}"
    if any(int(row[i]) % 2 for row in got for i in (0, 2, 4)) or any(
        int(row[i + 1]) != int(row[i]) + 1 for row in got for i in (0, 2, 4)
    ):
        return f"One point lies behind the other, each with its numbers in order; yours begins with {got[0].tolist()}"
    return None


def _packs_images(packed):
    pictures = np.random.default_rng(0).normal(size=(7, 4, 5, 3))
    got = packed(pictures, 2)
    if got.shape != (3, 4, 5, 6):
        return (
            f"Seven images (4, 5, 3) in pairs make shape (3, 4, 5, 6), and the odd one is left out; yours "
            f"has {got.shape}"
        )
    wholes = {picture.tobytes() for picture in pictures}
    if not all(
        np.ascontiguousarray(part).tobytes() in wholes for pair in got for part in (pair[..., :3], pair[..., 3:])
    ):
        return "The channels of one image stay together: first all of the first image, then all of the second"
    return None


@exercise(
    checks=[_packs, _packs_images],
    hint="Cut the batch to a multiple of `pack`. `pictures[i::pack]` takes each pack-th one, from the i-th on; "
    "concatenate these for i = 0, 1, … along the last axis.",
    returns=as_array,
)
def packed(pictures, pack):
    """Groups of `pack` pictures, one behind the other along the last axis: (n, …, c) to (n // pack, …, pack · c)."""
    whole = len(pictures) // pack * pack
    return np.concatenate([pictures[i:whole:pack] for i in range(pack)], axis=-1)


def _is_balanced(class_kl):
    got = class_kl(np.repeat(np.arange(5), 3), 5)
    if not np.isclose(got, 0, atol=1e-6):
        return f"Where all classes are equally frequent it is 0; yours is {got:.4g}"
    return None


def _of_one_class(class_kl):
    got = class_kl(np.full(7, 2), 4)
    if not np.isfinite(got):
        return f"Classes that are never drawn give {got} in yours: 0 · log 0 counts as 0"
    if np.isclose(got, 2):
        return "That is in bits; nats are asked for"
    if not np.isclose(got, np.log(4), rtol=1e-4):
        return f"If only one of four classes is drawn it is log 4 = {np.log(4):.4f}; yours is {got:.4g}"
    return None


@exercise(
    checks=[_is_balanced, _of_one_class],
    hint="With the shares s from `np.bincount(labels, minlength=n_classes) / len(labels)` it is the sum of s log(s n) "
    "over the classes that occur.",
    returns=as_number,
    cases=lambda rng: [(rng.integers(k - 1, size=n), k) for n, k in ((40, 6), (25, 10))],
)
def class_kl(labels, n_classes):
    """KL divergence of the classes' shares among the labels from equal shares, in nats."""
    shares = np.bincount(labels, minlength=n_classes) / len(labels)
    shares = shares[shares > 0]
    return np.sum(shares * np.log(shares * n_classes))


def _ends_where_it_should(on_the_line):
    noise, codes = np.zeros((3, 2)), np.array([[2.0, 4.0], [1.0, -1.0], [6.0, 3.0]])
    point, velocity = on_the_line(noise, codes, np.array([[0.0], [1.0], [0.5]]))
    if not np.allclose(point, [[0, 0], [1, -1], [3, 1.5]]):
        swapped = np.allclose(point, [[2, 4], [0, 0], [3, 1.5]])
        return "At t = 0 is the noise and at t = 1 the code, half-way between them their mean. " + (
            "Yours is the other way round" if swapped else f"Yours starts at {point[0]} and ends at {point[1]}"
        )
    if not np.allclose(velocity, codes):
        cause = "the sign is turned" if np.allclose(velocity, -codes) else "does it depend on t?"
        return (
            f"A straight way from 0 to (2, 4) in a unit of time has the velocity (2, 4); yours is "
            f"{velocity[0]}: {cause}"
        )
    return None


@exercise(
    checks=[_ends_where_it_should],
    hint="Where is one at time t who starts at the noise and walks straight, with constant speed, to be at the code at "
    "time 1? The velocity is the derivative of that by t.",
    returns=as_arrays,
    cases=lambda rng: [
        (rng.normal(size=(n, d)), rng.normal(size=(n, d)), rng.random((n, 1))) for n, d in ((5, 3), (4, 7))
    ],
)
def on_the_line(noise, codes, t):
    """Point at time t (n, 1) on the straight way from noise to codes, both (n, d), and velocity there, each (n, d)."""
    return (1 - t) * noise + t * codes, codes - noise


def _follows(followed):
    start = np.array([[1.0, 2.0], [0.0, -1.0]])
    got = followed(lambda points, t: np.full_like(points, 3.0), start, 4)
    if got.shape != start.shape:
        return f"The points have shape {start.shape}; yours {got.shape}"
    if not np.allclose(got, start + 3):
        return (
            f"With a velocity of 3 everywhere one is 3 further after a unit of time; yours moves by {(got - start)[0]}"
        )
    return None


def _asks_at_the_right_time(followed):
    asked = []

    def velocity(points, t):
        asked.append(np.array(t, float))
        return np.zeros_like(points) + 2 * np.asarray(t).reshape(-1, 1)

    got = followed(velocity, np.zeros((3, 2)), 5)
    if len(asked) != 5:
        return f"Five steps ask for the velocity five times; yours does {len(asked)} times"
    if any(times.shape != (3, 1) for times in asked):
        return f"The velocity takes the times of all points, shape (3, 1); yours gives {asked[0].shape}"
    if not np.allclose(got, 0.8):
        times = [round(float(times.flat[0]), 2) for times in asked]
        return f"The steps start at 0, 0.2, 0.4, 0.6 and 0.8; yours ask at {times}"
    return None


@exercise(
    checks=[_follows, _asks_at_the_right_time],
    hint="Euler's method: in step k of n the time is k / n; go on by the velocity there and then, divided by n.",
    returns=as_array,
    cases=lambda rng: [(lambda points, t: np.sin(points) + t, rng.normal(size=(6, d)), n) for d, n in ((2, 3), (5, 8))],
)
def followed(velocity, start, steps):
    """Where points (n, d) are after a unit of time, in equal steps, at velocity(points, times (n, 1)) of (n, d)."""
    points = start
    for step in range(steps):
        points = points + velocity(points, np.full((len(points), 1), step / steps)) / steps
    return points
