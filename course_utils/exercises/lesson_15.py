"""Exercises of lesson 15: two losses, modes, packing, class balance, a step of a flow undone, the density it gives."""

import numpy as np
from keras import ops

from course_utils.exercises import Prediction, as_array, as_arrays, as_number, exercise

slope_guess = Prediction(
    "slope_guess",
    "Real numbers come from N(1, 1), made ones from N(-1, 1). With which slope does the logit of the best "
    "discriminator grow? Within 0.25 counts as right.",
    "The best logit is log p(x) - log q(x) = -(x - 1)²/2 + (x + 1)²/2 = 2x: a straight line, whose slope is the "
    "distance of the means over the variance, 1.",
    "At its best the discriminator says p/(p + q), whose logit is log p - log q. Write both logarithms down; the "
    "squares of x cancel.",
    within=0.25,
)

winner_guess = Prediction(
    "winner_guess",
    "Which of the four sets of pictures is nearest to the test digits, by the Fréchet distance?",
    "A mean of many possible digits is blurred, and no test digit is. A discriminator finds blur at once, so the GAN "
    "may not draw it, and neither may the VAE-GAN, which has to draw each training digit again besides. (In the quick "
    "profile nobody draws digits, and the order may be another.)",
    "Which of the losses minds a blurred picture? And what tells a decoder which digits there are: the "
    "discriminator's verdict alone, or examples as well?",
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


FINITE = "The logarithm of a sigmoid under- or overflows, and an ε in it ends the gradient; `ops.softplus` does neither"


def _holds_far_out(loss):
    extreme = np.full((2, 1), 300.0, "float32")
    got = loss(-extreme, extreme)
    if not np.isclose(got, 300, rtol=1e-3):
        return f"Logits of -300 for real and 300 for made ones cost 300, yours {got:.4g}. {FINITE}"
    return None


@exercise(
    checks=[
        _has_value(_two_logits, _discriminator_mistakes, "For logits 1, 3 of real and -2, 1/2 of made ones"),
        _holds_far_out,
    ],
    hint="-log σ(l) = softplus(-l), and -log(1 - σ(l)) = softplus(l), where softplus(l) = log(1 + exp(l)).",
    cases=lambda rng: [(rng.normal(size=(n, 1)).astype("float32"), rng.normal(size=(m, 1)).astype("float32"))
                       for n, m in ((5, 5), (7, 3))],
    gradients=("real", "made"),
)  # fmt: skip
def discriminator_loss(real, made):
    """Mean of two mean cross-entropies, of real and of made ones: `real` (n, 1) and `made` (m, 1) are logits."""
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


def _generator_holds_far_out(loss):
    got = loss(np.full((2, 1), -300.0, "float32"))
    if not np.isclose(got, 300, rtol=1e-3):
        return f"Logits of -300 cost 300, yours {got:.4g}. {FINITE}"
    return None


@exercise(
    checks=[_has_value(_lost_case, _generator_mistakes, "For logits -4, -6 and 0"), _generator_holds_far_out],
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
    hint="`scipy.spatial.distance.cdist(points, centres)` has all distances, a row for each point. Compare with the "
    "radius: which columns have a true entry, and which rows?",
    returns=as_arrays,
    cases=lambda rng: [(2 * rng.normal(size=(n, 2)), 2 * rng.normal(size=(k, 2)), 0.7) for n, k in ((50, 6), (30, 9))],
)
def modes_found(points, centres, radius):
    """How many centres (k, 2) have a point (n, 2) within the radius, and the share of points so near to one."""
    near = np.linalg.norm(points[:, np.newaxis] - centres, axis=-1) <= radius
    return near.any(axis=0).sum(), near.any(axis=1).mean()


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
    got = packed(pictures[:6], 2)
    if got.shape != (3, 4, 5, 6):
        return f"Six images (4, 5, 3) in pairs make shape (3, 4, 5, 6); yours has {got.shape}"
    wholes = {picture.tobytes() for picture in pictures}
    if not all(
        np.ascontiguousarray(part).tobytes() in wholes for pair in got for part in (pair[..., :3], pair[..., 3:])
    ):
        return "The channels of one image stay together: first all of the first image, then all of the second"
    try:
        got = packed(pictures, 2)
    except Exception:
        return "Seven images make three pairs, and the odd one is left out; yours can't do with an odd number"
    if got.shape != (3, 4, 5, 6):
        return f"Seven images make three pairs, and the odd one is left out; the shape of yours is {got.shape}"
    return None


@exercise(
    checks=[_packs, _packs_images],
    hint="Cut the batch to a multiple of `pack`. `pictures[i::pack]` takes each pack-th one, from the i-th on; "
    "concatenate these for i = 0, 1, … along the last axis.",
    returns=as_array,
)
def packed(pictures, pack):
    """Groups of `pack` along the last axis, the rest left out: (n, ..., c) to (n // pack, ..., pack · c)."""
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


def _stretch(kept):
    return np.tanh(kept), 2 * kept + 1


def _there(x, network):
    kept, moved = np.split(x, 2, axis=-1)
    log_scale, shift = network(kept)
    return np.concatenate([moved * np.exp(log_scale) + shift, kept], axis=-1)


def _asks_the_half_that_passed(uncoupled):
    asked = []

    def network(kept):
        asked.append(np.array(kept, float))
        return np.zeros((2, 3, 2))

    uncoupled(np.arange(12.0).reshape(3, 4), network)
    if not asked:
        return "Without `network` nobody knows by how much the half was moved; yours does not ask it"
    if asked[0].shape != (3, 2):
        return f"The network takes one half of each row, shape (3, 2); yours gives it {asked[0].shape}"
    if np.array_equal(asked[0][0], [0, 1]):
        return "The network saw the half that passed, and on the way the halves changed places; yours asks the other"
    return None


def _goes_back(uncoupled):
    x = np.array([[1.0, -2.0, 0.5, 3.0], [0.0, 1.0, -1.0, 2.0]])
    y = _there(x, _stretch)
    got, (moved, kept) = uncoupled(y, _stretch), np.split(y, 2, axis=-1)
    log_scale, shift = _stretch(kept)
    if got.shape != x.shape:
        return f"From y of shape {y.shape} comes an x of the same shape; yours has {got.shape}"
    if np.allclose(got, x, atol=1e-5):
        return None
    causes = {
        "It is right but for the places of the halves: the one that passed was the first": np.roll(x, 2, axis=-1),
        "Undo the last thing first: it was stretched, then moved": [kept, moved * np.exp(-log_scale) - shift],
        "Stretched by exp(s) there, so by exp(-s) on the way back": [kept, (moved - shift) * np.exp(log_scale)],
        "What was added is to be taken away": [kept, (moved + shift) * np.exp(-log_scale)],
    }
    for cause, wrong in causes.items():
        if np.allclose(got, np.concatenate(wrong, axis=-1) if isinstance(wrong, list) else wrong, atol=1e-5):
            return cause
    return f"There and back should give {x[0].tolist()}; yours gives {np.round(got[0], 3).tolist()}"


def _any_network(d):
    weights = np.random.default_rng(d).normal(size=(2, d, d)) / d
    return lambda kept: (np.tanh(kept @ weights[0]), kept @ weights[1])


@exercise(
    checks=[_asks_the_half_that_passed, _goes_back],
    hint="The second half of y is the half that passed, so the network can be asked again what it said then. Then undo "
    "what `coupled` did, the last thing first. Nothing of the network itself is undone.",
    returns=as_array,
    cases=lambda rng: [(rng.normal(size=(n, 2 * d)), _any_network(d)) for n, d in ((5, 3), (4, 7))],
)
def uncoupled(y, network):
    """The way back: the x (n, d) that `coupled` made y (n, d) of, with the same network; NumPy will do."""
    moved, kept = np.split(y, 2, axis=-1)
    log_scale, shift = network(kept)
    return np.concatenate([kept, (moved - shift) * np.exp(-log_scale)], axis=-1)


def _of_codes_at_rest(nats_of_codes):
    got, wanted = nats_of_codes(np.zeros((2, 3), "float32"), np.zeros(2, "float32")), 1.5 * np.log(2 * np.pi)
    if got.shape != (2,):
        return f"One number for each code was expected, shape (2,); yours has {got.shape}"
    if np.allclose(got, 0, atol=1e-5):
        return f"Three numbers of noise, all zero, have a density of (2π)^(-3/2), so {wanted:.3f} nats; yours says 0"
    if not np.allclose(got, wanted, rtol=1e-4):
        return f"Noise of three zeros and a determinant of 1 cost 3/2 · log 2π = {wanted:.3f} nats; yours {got[0]:.3f}"
    return None


def _of_doubled_codes(nats_of_codes):
    """Where f(c) = 2c the codes are N(0, 1/4) each, with the density 2/√(2π) at 0."""
    got = nats_of_codes(np.zeros((1, 1), "float32"), np.full(1, np.log(2), "float32"))
    wanted = np.log(2 * np.pi) / 2 - np.log(2)
    if np.isclose(got, wanted + 2 * np.log(2), rtol=1e-4):
        return "A flow that stretches makes noise of narrow codes, whose density is higher; the sign of yours is turned"
    if not np.isclose(got, wanted, rtol=1e-4):
        return f"If f(c) = 2c, a code of 0 costs {wanted:.3f} nats; yours says {got[0]:.3f}"
    far = nats_of_codes(np.full((1, 32), 5, "float32"), np.zeros(1, "float32"))
    if not np.isfinite(far).all():
        return "A noise of 32 fives has a density that no float32 holds, but its logarithm is no problem: 429.4 nats"
    return None


@exercise(
    checks=[_of_codes_at_rest, _of_doubled_codes],
    hint="-log N(u; 0, I) is the sum of u²/2 over the d numbers, plus d/2 · log 2π. The determinant's logarithm is "
    "given to you; where does it stand in the formula, and with which sign?",
    cases=lambda rng: [(rng.normal(size=(n, d)).astype("float32"), rng.normal(size=n).astype("float32"))
                       for n, d in ((5, 4), (3, 9))],
    gradients=("noise", "log_det"),
)  # fmt: skip
def nats_of_codes(noise, log_det):
    """-log p of each code in nats (n,), from its noise f(c) (n, d) and its log |det ∂f/∂c| (n,)."""
    d = noise.shape[-1]
    return ops.sum(ops.square(noise), axis=-1) / 2 + d / 2 * np.log(2 * np.pi) - log_det
