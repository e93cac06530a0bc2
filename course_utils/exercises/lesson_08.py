"""Lesson 08, walks in latent space: quantile grid, slerp, attribute vector, closed walk, one handwriting."""

import numpy as np

from course_utils.exercises.exercise import exercise


def _grid_has_the_shape(answer):
    shape = np.shape(answer(4))
    if shape != (16, 2):
        return f"For n = 4 the result must hold 16 codes of 2 numbers, shape (16, 2), yours has {shape}."


def _grid_is_finite(answer):
    if not np.all(np.isfinite(answer(4))):
        return "Some codes are infinite: the quantile of 0 is -∞. Take the middles of n equal shares, (i + ½) / n."


def _grid_has_equal_shares(answer):
    from scipy.stats import norm

    found, truth = np.unique(np.round(norm.cdf(np.asarray(answer(4))), 6)), (np.arange(4) + 0.5) / 4
    if found.shape != (4,) or not np.allclose(found, truth, atol=1e-4):
        return f"The Gaussian's Φ(z) must be 1/8, 3/8, 5/8 or 7/8 on the grid for n = 4, yours is {found}."


def _grid_reads_like_a_map(answer):
    grid = np.asarray(answer(4))
    if not (np.allclose(grid[:4, 0], np.sort(grid[:4, 0])) and np.ptp(grid[:4, 0]) > 0 and np.ptp(grid[:4, 1]) == 0):
        return "In the first row of 4 codes z₁ must grow from code to code and z₂ stay the same. Are the two swapped?"
    if not grid[0, 1] > grid[-1, 1]:
        return "The first row of pictures is the top one, so z₂ must be largest there. Is yours upside down?"


@exercise(
    checks=[_grid_has_the_shape, _grid_is_finite, _grid_has_equal_shares, _grid_reads_like_a_map],
    hint="scipy.stats.norm.ppf turns shares into quantiles. np.meshgrid(q, q[::-1]) makes z₁ and z₂ of every place; "
    "ravel both and stack them along the last axis.",
)
def gaussian_grid(n):
    """Codes (n · n, 2), row by row from the top left, whose coordinates are the Gaussian's n midpoint quantiles."""
    from scipy.stats import norm

    quantiles = norm.ppf((np.arange(n) + 0.5) / n)
    z1, z2 = np.meshgrid(quantiles, quantiles[::-1])
    return np.stack([z1.ravel(), z2.ravel()], axis=-1)


def _slerp_has_the_shape(answer):
    shape = np.shape(answer(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), np.linspace(0, 1, 5)))
    if shape != (5, 3):
        return f"For 5 values of t and codes of width 3 the result must have shape (5, 3), yours has {shape}."


def _slerp_meets_its_ends(answer):
    start, end = np.array([1.0, 2.0]), np.array([-3.0, 1.0])
    path = np.asarray(answer(start, end, np.array([0.0, 1.0])))
    if not np.allclose(path, [start, end], atol=1e-6):
        return f"The path must lead from {start} at t = 0 to {end} at t = 1, yours from {path[0]} to {path[1]}."


def _slerp_halves_a_right_angle(answer):
    middle = np.asarray(answer(np.array([2.0, 0.0]), np.array([0.0, 2.0]), np.array([0.5])))[0]
    if not np.allclose(middle, np.sqrt(2), atol=1e-6):
        return f"Half-way from (2, 0) to (0, 2) the code must be (√2, √2), of norm 2, yours is {np.round(middle, 4)}."


def _slerp_keeps_the_norm(answer):
    start, end = np.array([2.0, 0.0]), np.array([1.0, np.sqrt(3)])
    norms = np.linalg.norm(answer(start, end, np.linspace(0, 1, 7)), axis=-1)
    if not np.allclose(norms, 2, atol=1e-6):
        return (
            f"Between two codes of norm 2 at 60° the norm must stay 2, yours goes from {norms.min():.4g} to "
            f"{norms.max():.4g}. Is the angle taken from codes that were divided by their norms?"
        )


def _slerp_turns_evenly(answer):
    path = np.asarray(answer(np.array([2.0, 0.0]), np.array([1.0, np.sqrt(3)]), np.array([0.25])))[0]
    angle = np.degrees(np.arctan2(path[1], path[0]))
    if not np.isclose(angle, 15, atol=1e-4):
        return f"A quarter of the way through 60° the code must have turned by 15°, yours by {angle:.4g}°."


@exercise(
    checks=[
        _slerp_has_the_shape,
        _slerp_meets_its_ends,
        _slerp_halves_a_right_angle,
        _slerp_keeps_the_norm,
        _slerp_turns_evenly,
    ],
    hint="ω = arccos of the dot product of start / |start| and end / |end|. Give t the shape (steps, 1) by "
    "t[:, np.newaxis], so that it multiplies codes.",
)
def slerp(start, end, t):
    """Codes (steps, latent_dim) on the arc from `start` to `end`, (latent_dim,) each, at shares t (steps,) of it."""
    cosine = start @ end / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = np.arccos(cosine)
    t = t[:, np.newaxis]
    return (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)


def _two_digits_of_codes():
    """Codes of digits 3 and 7. Coordinate 0 is the attribute, coordinate 1 the digit; 7 has more of the attribute."""
    values, labels = np.arange(16.0), np.repeat([3, 7], 8)
    order = np.random.default_rng(0).permutation(16)
    return np.stack([values, 1.0 * labels], axis=-1)[order], values[order], labels[order]


def _attribute_has_the_shape(answer):
    shape = np.shape(answer(*_two_digits_of_codes()))
    if shape != (2,):
        return f"For codes of width 2 the vector must have shape (2,), yours has {shape}."


def _attribute_points_upwards(answer):
    along = np.asarray(answer(*_two_digits_of_codes()))[0]
    if not along > 0:
        return f"The vector must point to more of the attribute: its first entry is positive here. Yours: {along:.4g}."


def _attribute_leaves_the_digit(answer):
    across = np.asarray(answer(*_two_digits_of_codes()))[1]
    if not np.isclose(across, 0):
        return (
            f"In these codes the second entry tells only the digit, so the vector's must be 0, yours is {across:.4g}. "
            "Does each digit have its own high and low quarter?"
        )


def _attribute_takes_quarters(answer):
    along = np.asarray(answer(*_two_digits_of_codes()))[0]
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
    shape = np.shape(answer(_TRIANGLE, 12))
    if shape != (12, 2):
        return f"For 12 frames in two dimensions the result must have shape (12, 2), yours has {shape}."


def _walk_starts_at_the_first_station(answer):
    first = np.asarray(answer(_TRIANGLE, 12))[0]
    if not np.allclose(first, 0):
        return f"The walk must start at the first station, (0, 0), yours starts at {np.round(first, 4)}."


def _walk_closes_without_a_double(answer):
    path = np.asarray(answer(_TRIANGLE, 12))
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
    path = np.asarray(answer(_TRIANGLE, 12))
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
)
def closed_walk(stations, n_frames):
    """Codes (n_frames, latent_dim) at equal steps on the straight way through all stations and back to the first."""
    corners = np.concatenate([stations, stations[:1]])
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    covered = np.concatenate([[0], np.cumsum(lengths)])
    places = np.linspace(0, covered[-1], n_frames, endpoint=False)
    return np.stack([np.interp(places, covered, coordinate) for coordinate in corners.T], axis=-1)


def _pairs_have_the_shapes(answer):
    codes, labels = answer(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), 4)
    if np.shape(codes) != (12, 2) or np.shape(labels) != (12, 4):
        return (
            "For 3 codes of width 2 and 4 classes the shapes must be (12, 2) and (12, 4), "
            f"yours are {np.shape(codes)} and {np.shape(labels)}."
        )


def _labels_are_one_hot(answer):
    labels = np.asarray(answer(np.zeros((3, 2)), 4)[1])
    if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
        return "Each row of the labels must hold a single 1 and otherwise 0, as the rows of np.eye(n_classes) do."


def _one_row_a_code(answer):
    codes = np.asarray(answer(np.array([[1.0, 2.0], [3.0, 4.0]]), 3)[0])
    if not (codes[:3] == [1, 2]).all() or not (codes[3:] == [3, 4]).all():
        return f"A row of pictures keeps its code: the first 3 must be [1, 2] here, yours are {codes[:3].tolist()}."


def _one_column_a_digit(answer):
    digits = np.asarray(answer(np.zeros((2, 2)), 3)[1]).argmax(axis=1)
    if digits.tolist() != [0, 1, 2, 0, 1, 2]:
        return f"The digits must count 0, 1, 2, 0, 1, 2 for two codes and three classes, yours are {digits.tolist()}."


@exercise(
    checks=[_pairs_have_the_shapes, _labels_are_one_hot, _one_row_a_code, _one_column_a_digit],
    hint="np.repeat(codes, n, axis=0) repeats each row n times over; np.tile(array, (n, 1)) repeats the whole array.",
)
def every_digit(codes, n_classes):
    """Pair (codes, one-hot labels) in which each code meets every class: one code after the other, classes in order.

    Shapes: codes (n, latent_dim); returns (n · n_classes, latent_dim) and (n · n_classes, n_classes).
    """
    return np.repeat(codes, n_classes, axis=0), np.tile(np.eye(n_classes), (len(codes), 1))
