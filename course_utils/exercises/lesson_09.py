"""Exercises of lesson 09: grouped draws, paired scores, free bits, the best deviation, predictions."""

import numpy as np
from keras import ops

from course_utils.exercises import Prediction, as_number, exercise, fitting

floor_guess = Prediction(
    "floor_guess",
    "How many nats per image are coin tosses that no model can foresee?",
    "Most pixels are black or white and cost nothing; some hundred grey ones at the edges of the strokes cost up to "
    "log 2 = 0.69 each. That alone is about half of the ELBO's cost.",
    "A tossed pixel costs at most log 2 = 0.69 nats, at grey value 1/2. How many of 784 pixels are really grey?",
    unit="nats per image",
    within=10,
)

information_guess = Prediction(
    "information_guess",
    "How many of the rate's 25 nats tell which of the digits a code belongs to?",
    "To name one of n equally likely digits takes log n nats, 8.5 for 5,000 (6.2 for the quick profile's 500), and no "
    "code can tell more than that. The codes do nearly all of it: clouds of so many dimensions hardly overlap. The "
    "rest of the rate is not about which.",
    "How many nats does it take to name one of n digits?",
    unit="nats per image",
    within=1,
)

needed_guess = Prediction(
    "needed_guess",
    "About how many test digits settle which of the two models has the better bound?",
    "The two bounds of a digit rise and fall together, so the difference varies by two nats or so from digit to digit, "
    "where either bound varies by more than twenty. Compared digit by digit, about ten will do.",
    "What counts is how much the difference varies from digit to digit, not how much the bounds do.",
    options=("10", "100", "1,000", "10,000"),
)

overfit_guess = Prediction(
    "overfit_guess",
    "Whose reconstruction errors rise more, in percent, from training digits to test digits?",
    "The gap in nats is by far the largest with s = 0.05, but nats there are errors times 1/(2s²) = 200. The percents "
    "say whose errors grow more on digits that it has not seen.",
    "The gap in nats will be largest at s = 0.05. By which factor are squared errors multiplied there?",
    options=("s = 0.05", "s learned"),
)


def _ends(mean_bound):
    log_w = np.log([[1.0, 3.0], [2.0, 6.0]])
    got = mean_bound(log_w, 1)
    if np.isclose(got, log_w[:, 0].mean()):
        return (
            f"Right in expectation, but most draws go unused: expected {log_w.mean():.4g} from all, yours is {got:.4g}"
        )
    if not np.isclose(got, log_w.mean()):
        return f"With k = 1 the bound is the mean of all log-weights, {log_w.mean():.4g}; yours is {got:.4g}"
    got, expected = mean_bound(log_w, 2), np.log([2.0, 4.0]).mean()
    if np.isclose(got, expected + np.log(2)):
        return f"A mean is a sum divided by k: expected {expected:.4g}, yours is {got:.4g}"
    if np.isclose(got, log_w.mean()):
        return f"That is the mean of the logarithms, {got:.4g}, whatever k. Expected is {expected:.4g}"
    if np.isclose(got, np.log(3)):
        return (
            f"The weights of two images are not to be mixed: each has a bound of its own. Expected log 2 and log 4, "
            f"in the mean {expected:.4g}; yours is {got:.4g}"
        )
    if not np.isclose(got, expected):
        return f"Weights of 1 and 3, and of 2 and 6, make log 2 and log 4, in the mean {expected:.4g}; yours {got:.4g}"


def _groups(mean_bound):
    log_w = np.log([[1.0, 3.0, 4.0, 12.0]])
    got, expected = mean_bound(log_w, 2), np.log([2.0, 8.0]).mean()
    if np.isclose(got, np.log(2)):
        return (
            f"Right in expectation, but half of the draws go unused: expected {expected:.4g} from both pairs, {got:.4g}"
        )
    if np.isclose(got, np.log(5)):
        return (
            f"The mean over the groups comes after the logarithm, or k has no say: expected {expected:.4g}, {got:.4g}"
        )
    if not np.isclose(got, expected):
        return (
            f"Pairs of weights 1 and 3, 4 and 12 make log 2 and log 8, in the mean {expected:.4g}; yours is {got:.4g}"
        )


def _no_underflow(mean_bound):
    got = mean_bound(np.array([[-1000.0, -1000 + np.log(3)]]), 2)
    if not np.isclose(got, -1000 + np.log(2)):
        return f"exp(-1000) is 0 in a computer: expected -999.3, yours is {got:.4g}. `logsumexp` of SciPy gets it right"


@exercise(
    checks=[_ends, _groups, _no_underflow],
    hint="`log_w.reshape(-1, k)` makes a row of each group. The bound of a row is the logarithm of the mean of its "
    "weights: logsumexp over axis 1, minus log k. Then the mean over rows.",
    returns=as_number,
    cases=lambda rng: [(5 * rng.normal(size=(6, 12)), k) for k in (3, 4, 12)],
)
def mean_bound(log_w, k):
    """The mean of L_k in nats, over the images and over all groups of k of the draws: (n, draws) to one number."""
    groups = log_w.reshape(-1, k)
    return np.mean(np.logaddexp.reduce(groups, axis=1) - np.log(k))


def _paired(lead, n=400):
    """Scores of two models whose difference is known, mean `lead` and deviation 1, and the digits that it takes."""
    rng = np.random.default_rng(1)
    hard, noise = 20 * rng.normal(size=n), rng.normal(size=n)
    return hard + lead + (noise - noise.mean()) / noise.std(), hard, (2 / lead) ** 2


def _digit_by_digit(digits_needed):
    first, second, expected = _paired(0.4)
    got = digits_needed(first, second)
    apart = (first.var() + second.var()) / np.mean(first - second) ** 2
    if np.isclose(got, 4 * apart, rtol=0.02):
        return (
            "That takes the two scores of a digit for independent. Both models find the same digits hard: look at how "
            f"much the difference varies. Expected {expected:.3g}, yours is {got:.4g}"
        )
    causes = {expected / 4: "Twice the standard error, not once", 2 / 0.4: "n is under a root in the standard error"}
    if not np.isclose(got, expected, rtol=0.05):
        cause = next((text for value, text in causes.items() if np.isclose(got, value, rtol=0.02)), "")
        wanted = f"A lead of 0.4 that varies by 1 from digit to digit takes {expected:.3g} digits"
        return f"{wanted}, yours is {got:.4g}. {cause}"


def _whoever_leads(digits_needed):
    first, second, expected = _paired(0.25)
    for pair in ((first, second), (second, first)):
        got = digits_needed(*pair)
        if not np.isclose(got, expected, rtol=0.05):
            return f"A lead of 0.25 either way takes {expected:.3g} digits, yours is {got:.4g}"


@exercise(
    checks=[_digit_by_digit, _whoever_leads],
    hint="The standard error of the mean difference of n digits is its deviation over the root of n. For which n is "
    "twice that as large as the mean difference?",
    returns=as_number,
)
def digits_needed(first, second):
    """How many digits make the mean difference of two models' scores, each (n,), twice its standard error."""
    lead = first - second
    return (2 * lead.std() / lead.mean()) ** 2


_KL = np.array([[1.0, 0.0, 4.0], [3.0, 0.2, 0.0]], "float32")


def _without_a_floor(answer):
    got = answer(_KL, 0.0)
    if got.shape != ():
        return f"One number for the batch was expected, yours has shape {got.shape}. Mean over images, sum over units"
    if not np.isclose(got, 4.1, rtol=1e-4):
        cause = fitting(got, {8.2: " Summed over the batch?", 4.1 / 3: " Averaged over the units?"})
        return f"With no floor it is the KL term, 2 + 0.1 + 2 = 4.1 nats per image, yours is {got:.4g}.{cause}"


def _every_unit_has_its_floor(answer):
    got = answer(np.zeros((2, 3), "float32"), 0.5)
    if np.isclose(got, 0.5):
        return "The floor holds for each unit: three silent units must cost 1.5 nats at a floor of 0.5, yours cost 0.5"
    if not np.isclose(got, 1.5):
        return f"Three silent units must cost 3 · 0.5 = 1.5 nats at a floor of 0.5, yours cost {got:.4g}"


def _floor_under_the_batch_mean(answer):
    got = answer(_KL, 0.5)
    if not np.isclose(got, 4.5, rtol=1e-4):
        return (
            f"Units that cost 2, 0.1 and 2 nats in the batch's mean make 2 + 0.5 + 2 = 4.5 at a floor of 0.5, "
            f"yours make {got:.4g}. First the mean over the batch, then for each unit the larger of its "
            "cost and the floor, then the sum"
        )


@exercise(
    checks=[_without_a_floor, _every_unit_has_its_floor, _floor_under_the_batch_mean],
    hint="First ops.mean over the batch, axis 0: one cost per unit. Then ops.maximum with the floor, then the sum.",
    cases=lambda rng: [(rng.exponential(np.arange(1, 6), size=(4, 5)).astype("float32"), 1.5)],
    gradients=("kl",),
)
def free_bits(kl, floor):
    """KL term whose units cost at least `floor` nats each: (batch, latent_dim) to one number, nats per image."""
    return ops.sum(ops.maximum(ops.mean(kl, axis=0), floor))


def _off_by_a_tenth(answer):
    images = np.zeros((2, 4, 4, 1))
    got = answer(images, images + 0.1)
    if np.isclose(got, 0.01):
        return "0.01 is the variance. Its square root is the standard deviation, 0.1"
    if np.isclose(got, 0.1 * np.sqrt(images.size / (images.size - 1))):
        return f"Divided by N - 1? No mean is estimated here, so the likelihood asks for N: 0.1, yours is {got:.4g}"
    if not np.isclose(got, 0.1):
        return f"If every pixel is off by 0.1, the best deviation is 0.1, yours is {got:.4g}"


def _makes_the_likelihood_largest(answer):
    rng = np.random.default_rng(0)
    images, reconstruction = rng.random((2, 5, 4, 4, 1))
    reconstruction[0] = images[0]  # one image is exact: means of absolute errors or of roots give it away
    got = answer(images, reconstruction)
    squared = np.mean((images - reconstruction) ** 2)

    def nll(sigma):
        return squared / (2 * sigma**2) + np.log(sigma)

    if not (got > 0 and nll(got) <= min(nll(0.99 * got), nll(1.01 * got)) + 1e-9):
        return (
            f"At your deviation of {got:.4g} the likelihood is not at its largest, {np.sqrt(squared):.4g} makes it "
            "larger. Set the derivative of e²/(2s²) + log s by s to zero, for the mean of all e²"
        )


@exercise(
    checks=[_off_by_a_tenth, _makes_the_likelihood_largest],
    hint="d/ds [E/(2s²) + log s] = -E/s³ + 1/s with E the mean squared error over all pixels. Where is it zero?",
    returns=as_number,
    cases=lambda rng: [rng.random((2, 5, 3, 7, channels)) for channels in (1, 3)],
)
def best_sigma(images, reconstruction):
    """The standard deviation s that makes Gaussian pixels around the reconstruction most likely; one number."""
    return np.sqrt(np.mean((images - reconstruction) ** 2))
