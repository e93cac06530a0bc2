"""Lesson 08: grid, least mismatch, spherical path, attribute vector, closed walk, one handwriting; two predictions."""

import numpy as np

from course_utils.exercises import Prediction, as_array, as_number, exercise, fitting


def _grid_has_the_shape(answer):
    shape = answer(4).shape
    if shape != (16, 2):
        return f"For n = 4 the result must hold 16 codes of 2 numbers, shape (16, 2), yours has {shape}."


def _grid_is_finite(answer):
    if not np.all(np.isfinite(answer(4))):
        return "Some codes are infinite: the quantile of 0 is -∞. Take the middles of n equal shares, (i + ½) / n."


def _grid_has_equal_shares(answer):
    from scipy.stats import norm

    found, truth = np.unique(np.round(norm.cdf(answer(4)), 6)), (np.arange(4) + 0.5) / 4
    if found.shape != (4,) or not np.allclose(found, truth, atol=1e-4):
        return f"The Gaussian's Φ(z) must be 1/8, 3/8, 5/8 or 7/8 on the grid for n = 4, yours is {found}."


def _grid_reads_like_a_map(answer):
    grid = answer(4)
    if not (np.allclose(grid[:4, 0], np.sort(grid[:4, 0])) and np.ptp(grid[:4, 0]) > 0 and np.ptp(grid[:4, 1]) == 0):
        return "In the first row of 4 codes z₁ must grow from code to code and z₂ stay the same. Are the two swapped?"
    if not grid[0, 1] > grid[-1, 1]:
        return "The first row of pictures is the top one, so z₂ must be largest there. Is yours upside down?"


@exercise(
    checks=[_grid_has_the_shape, _grid_is_finite, _grid_has_equal_shares, _grid_reads_like_a_map],
    hint="scipy.stats.norm.ppf turns shares into quantiles. np.meshgrid(q, q[::-1]) makes z₁ and z₂ of every place; "
    "ravel both and stack them along the last axis.",
    returns=as_array,
    cases=lambda rng: [(7,), (1,)],
)
def gaussian_grid(n):
    """Codes (n · n, 2) at the n midpoint quantiles, row by row from the top: z₁ grows to the right, z₂ upwards."""
    from scipy.stats import norm

    quantiles = norm.ppf((np.arange(n) + 0.5) / n)
    z1, z2 = np.meshgrid(quantiles, quantiles[::-1])
    return np.stack([z1.ravel(), z2.ravel()], axis=-1)


share_of_draws = Prediction(
    "share_of_draws",
    "Which share of the pictures from the prior's codes will the judge recognise?",
    "The KL term pulls each image's q(z|x) towards the prior. It does not make all of them together fill the prior: "
    "much of it lies between the digits, and there the decoder has learned little.",
    "Of test digits the judge recognises over nine in ten, of two digits mixed about one in four. Have codes like all "
    "of the prior's been met in training?",
    within=0.1,
)

best_sampler = Prediction(
    "best_sampler",
    "Which draws the largest share of recognised pictures?",
    "A density that fits the codes matters more than the kind of model they come from: with a mixture both come close "
    "to what they make of the codes of test digits.",
    "What do all recognised draws have in common: where does the decoder meet codes that it knows?",
    options=("VAE, N(0, I)", "VAE, mixture", "autoencoder, one Gaussian", "autoencoder, mixture"),
)


def _mismatch_of_one_rate(answer):
    value, wanted = answer(np.full(20, 5.0)), 5 - np.log(20)
    if not np.isclose(value, wanted):
        why = fitting(
            value,
            {
                5.0: " The mean rate is split in two: what can the information take of it at most?",
                5 - np.log2(20): " That is with the logarithm to base 2, which gives bits.",
                5 - np.log10(20): " That is with the logarithm to base 10.",
                100 - np.log(20): " Take the mean of the rates, not their sum.",
                5 + np.log(20): " The information takes its part off the rate.",
            },
        )
        return f"With 20 images of rate 5 it must be 5 - log 20 = {wanted:.4f}, yours is {value:.4f}.{why}"


def _mismatch_is_no_less_than_zero(answer):
    value = answer(np.full(20, 2.0))
    if not value >= 0:
        return f"With 20 images of rate 2 yours is {value:.4f}. Can a KL be negative?"
    if value > 0:
        return f"With 20 images of rate 2 the information, up to log 20 = 3.0, can take all; yours is {value:.4f}."


@exercise(
    checks=[_mismatch_of_one_rate, _mismatch_is_no_less_than_zero],
    hint="The mismatch is the mean rate less the information. It is least where the information is largest: log N, "
    "with N = len(rates). And one thing holds of every KL.",
    returns=as_number,
    cases=lambda rng: [(rng.gamma(4, 3, size=37),), (rng.gamma(4, 0.2, size=50),), (np.array([1.5]),)],
)
def least_mismatch(rates):
    """The least that KL[q(z) || p(z)] can be, in nats, given the rates (N,) of all N training images."""
    return max(0.0, np.mean(rates) - np.log(len(rates)))


def _slerp_has_the_shape(answer):
    shape = answer(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), np.linspace(0, 1, 5)).shape
    if shape != (5, 3):
        return f"For 5 values of t and codes of width 3 the result must have shape (5, 3), yours has {shape}."


def _slerp_meets_its_ends(answer):
    start, end = np.array([1.0, 2.0]), np.array([-3.0, 1.0])
    path = answer(start, end, np.array([0.0, 1.0]))
    if not np.allclose(path, [start, end], atol=1e-6):
        return f"The path must lead from {start} at t = 0 to {end} at t = 1, yours from {path[0]} to {path[1]}."


def _slerp_keeps_an_equal_norm(answer):
    norms = np.linalg.norm(answer(*_SIXTY_DEGREES, np.linspace(0, 1, 7)), axis=-1)
    if not np.allclose(norms, 2, atol=1e-6):
        return (
            f"Between two codes of norm 2 at 60° the norm must stay 2, yours goes from {norms.min():.4g} to "
            f"{norms.max():.4g}. Have the two directions norm 1, and a right angle between them?"
        )


def _slerp_turns_evenly(answer):
    path = answer(*_SIXTY_DEGREES, np.array([0.25]))[0]
    angle = np.degrees(np.arctan2(path[1], path[0]))
    if not np.isclose(angle, 15, atol=1e-4):
        return f"A quarter of the way through 60° the code must have turned by 15°, yours by {angle:.4g}°."


def _slerp_changes_the_norm_evenly(answer):
    norm = np.linalg.norm(answer(np.array([2.0, 0.0]), np.array([0.0, 4.0]), np.array([0.5])))
    if not np.isclose(norm, 3, atol=1e-6):
        return f"Half-way between codes of norm 2 and 4 the norm must be 3, yours is {norm:.4g}."


def _slerp_knows_obtuse_angles(answer):
    middle = answer(np.array([0.0, 1.0]), np.array([np.sqrt(0.75), -0.5]), np.array([0.5]))[0]
    if not np.allclose(middle, [np.sqrt(0.75), 0.5], atol=1e-6):
        return f"Half-way from 90° to -30° the code must be at 30°, (0.866, 0.5), yours is {middle.round(4)}."


_SIXTY_DEGREES = np.array([[2.0, 0.0], [1.0, np.sqrt(3)]])


@exercise(
    checks=[
        _slerp_has_the_shape,
        _slerp_meets_its_ends,
        _slerp_keeps_an_equal_norm,
        _slerp_turns_evenly,
        _slerp_changes_the_norm_evenly,
        _slerp_knows_obtuse_angles,
    ],
    hint="With v = end / |end|, take from v its part along u, (u · v) u. What is left, divided by its norm, is the "
    "direction w at a right angle to u. At angle φ stands cos φ u + sin φ w, and the whole angle is arccos(u · v).",
    returns=as_array,
    cases=lambda rng: [(*rng.normal(size=(2, d)), rng.random(5)) for d in (6, 3)],
)
def slerp(start, end, t):
    """Codes (steps, latent_dim) from `start` to `end`, (latent_dim,) each, at shares t (steps,) of the way.

    Direction and norm both change evenly: at share t the code has turned by t times the angle between the two.
    """
    norms = np.linalg.norm(start), np.linalg.norm(end)
    first, last = start / norms[0], end / norms[1]
    angle = np.arccos(first @ last)
    across = last - (first @ last) * first
    across = across / np.linalg.norm(across)
    directions = np.outer(np.cos(t * angle), first) + np.outer(np.sin(t * angle), across)
    return ((1 - t) * norms[0] + t * norms[1])[:, np.newaxis] * directions


def _two_digits_of_codes():
    """Codes of digits 3 and 7. Coordinate 0 is the attribute, coordinate 1 the digit; 7 has more of the attribute."""
    values, labels = np.arange(16.0), np.repeat([3, 7], 8)
    order = np.random.default_rng(0).permutation(16)
    return np.stack([values, 1.0 * labels], axis=-1)[order], values[order], labels[order]


def _digits_of_unequal_number(rng):
    """Each digit counts the same, however many there are of it: 8, 12 and 40 codes, each with clear quarters."""
    labels = rng.permutation(np.repeat([0, 5, 8], [8, 12, 40]))
    yield rng.normal(size=(60, 5)) + labels[:, np.newaxis], rng.normal(size=60) + 0.3 * labels, labels


def _attribute_has_the_shape(answer):
    shape = answer(*_two_digits_of_codes()).shape
    if shape != (2,):
        return f"For codes of width 2 the vector must have shape (2,), yours has {shape}."


def _attribute_points_upwards(answer):
    along = answer(*_two_digits_of_codes())[0]
    if np.isnan(along):
        return "Yours holds NaN, the mean of nothing: loop over the labels that occur, take quarters within each."
    if not along > 0:
        return f"The vector must point to more of the attribute: its first entry is positive here. Yours: {along:.4g}."


def _attribute_leaves_the_digit(answer):
    across = answer(*_two_digits_of_codes())[1]
    if not np.isclose(across, 0):
        return (
            f"In these codes the second entry tells only the digit, so the vector's must be 0, yours is {across:.4g}. "
            "Does each digit have its own high and low quarter?"
        )


def _attribute_takes_quarters(answer):
    along = answer(*_two_digits_of_codes())[0]
    if not np.isclose(along, 6):
        return (
            "With values 0 to 7 in a digit the quarters have means 6.5 and 0.5, so the vector's first entry must be 6, "
            f"yours is {along:.4g}."
        )


@exercise(
    checks=[
        _attribute_has_the_shape,
        _attribute_points_upwards,
        _attribute_leaves_the_digit,
        _attribute_takes_quarters,
    ],
    hint="Loop over np.unique(labels). Sort one digit's codes with np.argsort of its values; its quarter is the first "
    "len // 4 of them, or the last. Take the mean of the digits' differences.",
    returns=as_array,
    cases=_digits_of_unequal_number,
)
def attribute_vector(codes, values, labels):
    """Mean over the labels that occur of: mean code of the quarter with the largest values, less the smallest.

    Shapes: codes (n, latent_dim), values (n,), labels (n,); returns (latent_dim,).
    """
    differences = []
    for digit in np.unique(labels):
        ordered = codes[labels == digit][np.argsort(values[labels == digit])]
        quarter = len(ordered) // 4
        differences.append(ordered[-quarter:].mean(axis=0) - ordered[:quarter].mean(axis=0))
    return np.mean(differences, axis=0)


_TRIANGLE = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]])  # sides 3, 4, 5: a way of 12


def _walk_has_the_shape(answer):
    shape = answer(_TRIANGLE, 12).shape
    if shape != (12, 2):
        return f"For 12 frames in two dimensions the result must have shape (12, 2), yours has {shape}."


def _walk_starts_at_the_first_station(answer):
    first = answer(_TRIANGLE, 12)[0]
    if not np.allclose(first, 0):
        return f"The walk must start at the first station, (0, 0), yours starts at {np.round(first, 4)}."


def _walk_closes_without_a_double(answer):
    path = answer(_TRIANGLE, 12)
    if np.allclose(path[-1], path[0]):
        return "The last frame repeats the first, so the animation would pause there. End one step before the start."
    on_the_last_side = np.isclose(path[-1] @ [4, -3], 0, atol=1e-6) and 0 < path[-1, 0] < 3
    if not on_the_last_side:
        return (
            "The last frame must lie on the way from the last station, (3, 4), back to the first, (0, 0), yours is at "
            f"{np.round(path[-1], 4)}. Is that piece of the way missing?"
        )


def _walk_takes_equal_steps(answer):
    steps = np.linalg.norm(np.diff(answer(_TRIANGLE, 12), axis=0), axis=1)
    if not np.allclose(steps, 1, atol=1e-6):
        return (
            "Round the triangle with sides 3, 4, 5 in 12 steps every step must have length 1, yours go from "
            f"{steps.min():.4g} to {steps.max():.4g}. Longer sides need more frames."
        )


def _walk_visits_every_station(answer):
    path = answer(_TRIANGLE, 12)
    distances = np.linalg.norm(path[:, np.newaxis] - _TRIANGLE, axis=-1).min(axis=0)
    if not np.allclose(distances, 0, atol=1e-6):
        return f"The walk must pass through every station, yours misses station {np.argmax(distances)}."


@exercise(
    checks=[
        _walk_has_the_shape,
        _walk_starts_at_the_first_station,
        _walk_closes_without_a_double,
        _walk_takes_equal_steps,
        _walk_visits_every_station,
    ],
    hint="Append the first station to the end. np.cumsum of the pieces' lengths, with a 0 in front, gives the distance "
    "covered at each station. np.interp then gives any coordinate at any distance.",
    returns=as_array,
    cases=lambda rng: [(rng.normal(size=(5, 4)), 17), (rng.normal(size=(3, 2)), 50)],
)
def closed_walk(stations, n_frames):
    """Codes (n_frames, latent_dim) at equal steps on the straight way through all stations and back to the first.

    Frame 0 is the first station; the step after the last frame leads back to it.
    """
    corners = np.concatenate([stations, stations[:1]])
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    covered = np.concatenate([[0], np.cumsum(lengths)])
    places = np.linspace(0, covered[-1], n_frames, endpoint=False)
    return np.stack([np.interp(places, covered, coordinate) for coordinate in corners.T], axis=-1)


def _one_hand_a_row(answer):
    table = np.array([[3.0, 3.0, 3.0], [5.0, 5.0, 5.0], [1.0, 1.0, 1.0], [7.0, 7.0, 7.0]])
    share = answer(table)
    if not np.isclose(share, 1):
        why = " Does one of your variances divide by n - 1? Use np.var as it is." if share > 1 else ""
        return f"If all pictures of a row are alike, the rows' means explain everything: 1, yours is {share:.4g}.{why}"


def _digits_do_not_count(answer):
    table = np.array([[1.0], [2.0], [4.0]]) + np.array([[0.0, 30.0, 60.0, 20.0]])
    share = answer(table)
    if not np.isclose(share, 1):
        return (
            "Here each digit has its own level, and in every hand all digits are shifted alike: the share must be 1, "
            f"yours is {share:.4g}. Is each column's mean taken off?"
        )


def _hands_that_cancel(answer):
    table = np.array([[1.0, -1.0], [-1.0, 1.0], [2.0, -2.0], [-2.0, 2.0]])
    share = answer(table)
    if not np.isclose(share, 0):
        return f"If all rows have one mean, the rows' means explain nothing: the share must be 0, yours is {share:.4g}."


def _variances_not_deviations(answer):
    table = np.array([[3.0, 1.0], [-3.0, -1.0]])
    share = answer(table)
    if not np.isclose(share, 0.8):
        why = fitting(share, {np.sqrt(0.8): " That is the ratio of the standard deviations."})
        return (
            "For [[3, 1], [-3, -1]] the rows' means have variance 4, all numbers 5: the share must be 0.8, "
            f"yours is {share:.4g}.{why}"
        )


@exercise(
    checks=[_one_hand_a_row, _digits_do_not_count, _hands_that_cancel, _variances_not_deviations],
    hint="table - table.mean(axis=0) takes off each digit's mean. Then compare two variances, by np.var: of the rows' "
    "means, and of all numbers.",
    returns=as_number,
    cases=lambda rng: [(rng.normal(size=(30, 4)) + rng.normal(size=(30, 1)) + 5 * rng.normal(size=4),)],
)
def share_of_the_hand(table):
    """Share of the variance within digits that the rows' means explain, from 0 to 1.

    table: an attribute of each picture, (n_codes, n_digits); each digit's mean is taken off first.
    """
    table = table - table.mean(axis=0)
    return np.var(table.mean(axis=1)) / np.var(table)
