"""Exercises of lesson 12: fields composed and integrated, folds, noise that fools, classes by energy."""

import numpy as np

from course_utils.exercises import Prediction, as_array, as_whole, exercise, fitting
from course_utils.exercises.answers import Wrong, short

direction = Prediction(
    "direction",
    "Every pixel has the displacement (0, +2): where does the digit go?",
    "Each pixel looks two columns to its right and shows what it finds there. So what stood on the right arrives two "
    "columns further left. A warp that pulls back moves the picture against the arrows.",
    "The pixel in column 10 takes its grey value from column 12. In which column did that value stand before?",
    options=("left", "right", "up", "down"),
)


def _bilinear(images, displacement):
    """The warp that the checks hand to an answer: image(p + u(p)), positions outside clamped to the border."""
    from scipy.ndimage import map_coordinates

    images, displacement = as_array(images), as_array(displacement)
    positions = np.moveaxis(displacement, -1, 1) + np.indices(images.shape[1:3])
    warped = np.empty(images.shape, np.float32)
    for image, own, target in zip(images, positions, warped):
        for channel in range(images.shape[-1]):
            target[..., channel] = map_coordinates(image[..., channel], own, order=1, mode="nearest")
    return warped


def _constant(down, right, n=1, size=(5, 6)):
    return np.tile(np.array([down, right], np.float32), (n, *size, 1))


def _linear(matrix, size=(17, 19)):
    """The field A x of one image, where x is measured from the middle."""
    y, x = np.indices(size) - (np.reshape(size, (2, 1, 1)) - 1) / 2
    return (np.stack([y, x], axis=-1) @ np.transpose(matrix))[np.newaxis].astype(np.float32)


def _smooth(rng, shape, spread):
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(rng.normal(size=shape), (0, 2, 2, 0))
    return (spread * field / field.std()).astype(np.float32)


_INSIDE = np.s_[:, 4:-4, 4:-4]  # where no position leaves the image


def _same(got, expected):
    return np.allclose(got[_INSIDE], expected[_INSIDE], atol=1e-3)


def _sentence(got, mistakes, otherwise):
    """The sentence of the mistake that would give such a field, if one of them does."""
    return next((sentence for sentence, field in mistakes.items() if _same(got, field)), otherwise)


def _pair(field, place):
    return "({:.4g}, {:.4g})".format(*field[place] + 0.0)


def _furthest(got, expected):
    """The pixel that is furthest off."""
    apart = np.nan_to_num(np.abs(got - expected), nan=np.inf).max(axis=-1)
    return np.unravel_index(np.argmax(apart), apart.shape)


_TURN = np.array([[0.05, -0.12], [0.15, -0.08]])


def _leaves_alone_what_meets_the_identity(composed):
    field = _linear(_TURN)
    nothing = np.zeros_like(field)
    got = composed(nothing, field, _bilinear)
    if got.shape != field.shape:
        return f"Two fields {field.shape} make one field of that shape; yours has {got.shape}"
    if not _same(got, field):
        mistakes = {
            "Yours is zero: the way from p to q is part of the whole way, so add it": nothing,
            "Add it as it stands at p: only `first` is looked up at q": _bilinear(field, field),
        }
        told = _sentence(got, mistakes, "From p one goes to q and stays there")
        return f"Where `first` is zero, w must be `second`. {told}"
    if not _same(composed(field, nothing, _bilinear), field):
        return (
            "Where `second` is zero, q is p itself, and w must be `first`. Which field says where `first` is looked up?"
        )
    return None


def _adds_constants(composed):
    got = composed(_constant(1, 2, 2), _constant(0.5, -3, 2), _bilinear)
    if got.shape != (2, 5, 6, 2):
        return f"Two fields (2, 5, 6, 2) make one field of that shape; yours has {got.shape}"
    if not np.allclose(got, expected := _constant(1.5, -1, 2), atol=1e-4):
        return f"Everywhere (0.5, -3) and then (1, 2) make (1.5, -1); yours is {_pair(got, _furthest(got, expected))}"
    return None


def _keeps_the_order(composed):
    field, shift = _linear(_TURN), _constant(2, -1, size=(17, 19))
    if not _same(got := composed(shift, field, _bilinear), shift + field):
        swapped = "It is `first` that is looked up at p + second(p), not `second` at p + first(p)"
        otherwise = "A constant `first` is the same wherever it is looked up: w is `second` plus it"
        return _sentence(got, {swapped: shift + _bilinear(field, shift)}, otherwise)
    expected = shift + _bilinear(field, shift)
    if not _same(got := composed(field, shift, _bilinear), expected):
        mistakes = {
            "The two are not just to be added: after the way of `second` one stands at q, so look `first` up there": (
                field + shift
            ),
            "Look `first` up at q = p + second(p); yours looks at p - second(p)": shift + _bilinear(field, -shift),
            "Warp `first` by `second`; yours warps it by itself": shift + _bilinear(field, field),
        }
        middle = (0, 8, 9)
        otherwise = f"Of A x after the shift s, w = s + A (x + s): in the middle {_pair(expected, middle)}"
        return _sentence(got, mistakes, f"{otherwise}; yours is {_pair(got, middle)}")
    return None


@exercise(
    checks=[_leaves_alone_what_meets_the_identity, _adds_constants, _keeps_the_order],
    hint="From p the way leads to q = p + second(p), and from there on by first(q). A warp gives what stands at "
    "p + u(p): which field is the picture, and which is u?",
    returns=as_array,
    cases=lambda rng: [(_smooth(rng, (3, 8, 11, 2), 1.0), _smooth(rng, (3, 8, 11, 2), 1.5), _bilinear)],
)
def composed(first, second, warped):
    """The field w (n, height, width, 2) with p + w(p) = q + first(q), where q = p + second(p)."""
    return second + warped(first, second)


def _leaves_a_constant(integrated):
    velocity = _constant(1, -2, 2)
    got = integrated(velocity, 5, _bilinear)
    if got.shape != velocity.shape:
        return f"A velocity {velocity.shape} makes a field of that shape; yours has {got.shape}"
    if not np.allclose(got, velocity, atol=1e-4):
        place = _furthest(got, velocity)
        several = {
            32: "Scale first: divide the velocity by 2**steps",
            32 / 5: "Each of the compositions doubles the way: divide by 2**steps, not by steps",
            32 / 10: "Each of the compositions doubles the way: divide by 2**steps, not by 2 * steps",
            2: "One composition too many: there are as many as `steps`",
            1 / 2: "One composition too few: there are as many as `steps`",
            1 / 32: "The field is scaled, but not yet composed with itself: do that `steps` times",
            6 / 32: "Compose the field with itself, so that each time it goes twice as far; yours adds one small step",
        }
        said = f"Along a constant velocity (1, -2) one goes (1, -2); yours goes {_pair(got, place)}"
        told = fitting(got[place][0], several)
        return f"{said}. {told}" if told else said
    return None


def _no_step_is_the_velocity(integrated):
    velocity = _linear(_TURN)
    if not _same(integrated(velocity, 0, _bilinear), velocity):
        return "With 0 steps nothing is divided and nothing composed: the velocity comes back. Count your steps again"
    return None


def _power(steps):
    """Where A x leads, as a field: (I + A/2ⁿ)^(2ⁿ) - I."""
    return _linear(np.linalg.matrix_power(np.eye(2) + _TURN / 2**steps, 2**steps) - np.eye(2))


def _follows_a_linear_field(integrated):
    velocity = _linear(_TURN)
    got = integrated(velocity, 2, _bilinear)
    if not _same(got, _power(2)):
        mistakes = {
            "Twice the field, 2 * u, is not the field composed with itself: look u up at p + u(p), and add u": velocity,
            "One composition too few, and one halving: there are as many as `steps`": _power(1),
            "One composition too many, and one halving: there are as many as `steps`": _power(3),
        }
        place = (0, 4, 4)
        otherwise = f"For 2 steps along A x the matrix is (I + A/4)⁴ - I: {_pair(_power(2), place)} at row and column 4"
        return _sentence(got, mistakes, f"{otherwise}; yours is {_pair(got, place)}. Does each step warp u by u?")
    return None


@exercise(
    checks=[_leaves_a_constant, _no_step_is_the_velocity, _follows_a_linear_field],
    hint="Begin with a step so small that it is nearly straight: the velocity over 2**steps. Going the same way twice "
    "is the field composed with itself. How often, until the whole way is gone?",
    returns=as_array,
    cases=lambda rng: [(_smooth(rng, (2, 9, 12, 2), 1.0), 3, _bilinear)],
)
def integrated(velocity, steps, warped):
    """Where the velocity (n, height, width, 2) leads in one unit of time: scaled, then squared `steps` times."""
    field = velocity / 2**steps
    for _ in range(steps):
        field = field + warped(field, field)
    return field


def _standing_still_is_one(jacobian_determinant):
    got = jacobian_determinant(np.zeros((2, 4, 6, 2), np.float32))
    if got.shape != (2, 3, 5):
        return (
            "The last row and the last column have no next pixel: of fields (2, 4, 6, 2) determinants (2, 3, 5) are "
            f"left; yours have {got.shape}"
        )
    if not np.allclose(got, 1):
        told = "Add the identity: p itself is part of p + u(p)" if np.allclose(got, 0) else "I alone has determinant 1"
        value = got.flat[np.argmax(np.abs(got - 1))]
        return f"Where nothing moves, areas stay as they are: the determinant is 1; yours is {value:.3g}. {told}"
    return None


def _linear_by_hand(jacobian_determinant):
    got = jacobian_determinant(_linear([[0.1, 0.3], [-0.2, 0.4]], (6, 8)))
    if not np.allclose(got, 1.6, atol=1e-4):
        value = got.flat[np.argmax(np.abs(got - 1.6))]
        told = fitting(
            value,
            {
                1.48: "Subtract the product off the diagonal; yours adds it",
                1.0: "Component 0 goes down, along axis 1 of the array; component 1 goes right, along axis 2",
                1.54: "The product off the diagonal is missing",
                1.5: "That is 1 plus the divergence: near it for small fields only",
                0.5: "The identity has ones on the diagonal only",
            },
            "The matrix has ∂u₀/∂y and ∂u₀/∂x in its first row",
        )
        return f"Of A = [[0.1, 0.3], [-0.2, 0.4]], det(I + A) is 1.6; yours is {value:.4g}. {told}"
    return None


def _looks_at_the_next_pixel(jacobian_determinant):
    y, x = np.indices((5, 7))
    field = np.stack([0.1 * y**2 + 0.05 * x * y, 0.05 * x**2], axis=-1)[np.newaxis].astype(np.float32)
    down, right = (1 + 0.1 * (2 * y + 1) + 0.05 * x, 1 + 0.05 * (2 * x + 1))
    if not np.allclose(jacobian_determinant(field), (down * right)[np.newaxis, :-1, :-1], atol=1e-4):
        return (
            "The differences are forward: u at the next pixel minus u at the pixel itself, in each direction. Yours "
            "are right on linear fields only: are they central (as np.gradient's), or cut off at the wrong end?"
        )
    return None


@exercise(
    checks=[_standing_still_is_one, _linear_by_hand, _looks_at_the_next_pixel],
    hint="`field[:, 1:, :-1] - field[:, :-1, :-1]` is what both components change by when one goes a pixel down. Write "
    "the same for a pixel to the right. Then the four entries of I + ∇u, and their determinant.",
    returns=as_array,
    cases=lambda rng: [(rng.normal(size=(3, 7, 10, 2)).astype(np.float32),)],
)
def jacobian_determinant(displacement):
    """det(I + ∇u) by forward differences, but for the last row and column: (n, height - 1, width - 1)."""
    here = displacement[:, :-1, :-1]
    by_y, by_x = displacement[:, 1:, :-1] - here, displacement[:, :-1, 1:] - here
    return (1 + by_y[..., 0]) * (1 + by_x[..., 1]) - by_x[..., 0] * by_y[..., 1]


folds = Prediction(
    "folds",
    "Without integration (the network's field is the displacement itself) the same network is trained with the same "
    "loss. Which has the higher Dice on test pairs?",
    "Without integration any field will do, so it fits a little better. But it folds two of a hundred pixels, and what "
    "has folded can't be undone. A good fit is no proof of a good map.",
    "Which of the two may choose among more fields? And does Dice see a fold?",
    options=("with integration", "without integration"),
)


def _steps_by_the_rate(ascended):
    noise = np.zeros((1, 4, 5, 1), np.float32)
    signs = np.sign(np.random.default_rng(0).normal(size=noise.shape)).astype(np.float32)
    for size in (1e-6, 1.0, 1e3):
        gradient = size * signs * np.linspace(0.5, 1, 20, dtype=np.float32).reshape(noise.shape)
        got = ascended(noise, gradient, 0.01, 0.1)
        if got.shape != noise.shape:
            return f"Noise {noise.shape} must come back in that shape; yours has {got.shape}"
        if np.allclose(got, -0.01 * signs, atol=1e-6):
            return "Yours goes down: where the gradient is positive, more noise raises the loss, so add the step"
        if not np.allclose(got, 0.01 * signs, atol=1e-6):
            largest = np.abs(got).max()
            return (
                f"Each pixel moves by `rate`, 0.01, however large the gradient is; where that is about {size:g}, yours "
                f"move by up to {largest:.3g}. Only the gradient's sign counts"
            )
    return None


def _rests_without_a_gradient(ascended):
    noise = np.linspace(-0.1, 0.1, 20, dtype=np.float32).reshape(1, 4, 5, 1)
    if not np.allclose(ascended(noise, np.zeros_like(noise), 0.01, 0.1), noise, atol=1e-6):
        return "Where the gradient is 0, no direction raises the loss: the pixel stays. What is the sign of 0?"
    return None


_BOUNDED = {  # noise, sign of the gradient, rate: the noise after the step, where the bound is 0.1
    "A step that would leave the upper bound ends on it": (0.09, 1, 0.02, 0.1),
    "A step that would leave the lower bound ends on it": (-0.09, -1, 0.02, -0.1),
    "The bound is on the noise, not on the step": (-0.1, 1, 0.15, 0.05),
    "Noise below zero may stay there": (-0.08, 1, 0.02, -0.06),
}


def _stays_within_the_bound(ascended):
    for sentence, (before, sign, rate, expected) in _BOUNDED.items():
        noise, gradient = (np.full((1, 2, 4, 1), value, np.float32) for value in (before, sign))
        got = ascended(noise, gradient, rate, 0.1)
        if not np.allclose(got, expected, atol=1e-6):
            step = f"from {before:g} by {sign * rate:+g}, with the bound 0.1"
            return f"{sentence}: {step}, to {expected:g}; yours goes to {got.flat[0]:.3g}"
    return None


@exercise(
    checks=[_steps_by_the_rate, _rests_without_a_gradient, _stays_within_the_bound],
    hint="`np.sign` keeps of the gradient only where it points. `np.clip` keeps numbers within bounds: which numbers "
    "are to be kept?",
    returns=as_array,
    cases=lambda rng: [
        (rng.uniform(-0.2, 0.2, (1, 9, 6, 1)).astype(np.float32), rng.normal(size=(1, 9, 6, 1)), 0.05, 0.2)
    ],
)
def ascended(noise, gradient, rate, bound):
    """The noise (1, height, width, 1) after a step of size `rate` in each pixel that raises the loss, within ±bound."""
    return np.clip(noise + rate * np.sign(gradient), -bound, bound)


def _as_classes(result, *_):
    array = as_array(result)
    if not np.array_equal(array, np.rint(array)):
        raise Wrong(
            f"A class is the place of the least energy, a whole number, not that energy; yours is {short(array)}"
        )
    return as_whole(array)


# Ten atlases and weight 0.1: each typical mistake has another of them for its least energy, the right answer is 1.
_SIMILARITY = np.array([1, 3.1, 4.5, 30, 200, 20, 60.5, 50, 50, 50])
_ROUGHNESS = np.array([100, 10, 4, 1, 400, 300, 0.5, 50, 50, 50])


def _least_of_both(classified):
    rolls = np.array([0, 3, 8, 6])
    similarity, roughness = (np.stack([np.roll(row, k) for k in rolls]) for row in (_SIMILARITY, _ROUGHNESS))
    got = classified(similarity, roughness, 0.1)
    if got.shape != (4,):
        return f"Four images have four classes, shape (4,): compare the ten atlases of each; yours has {got.shape}"
    expected = (1 + rolls) % 10
    if not np.array_equal(got, expected):
        wrong = np.flatnonzero(got != expected)[0]
        told = fitting(
            (got[wrong] - rolls[wrong]) % 10,
            {
                0: "The roughness of the way counts too: an atlas that fits only by a wild field is not the class",
                2: "The weight is missing: it stands before the roughness",
                3: "The weight stands before the roughness, not before the similarity",
                4: "The least energy is asked for, not the largest",
                5: "Add the roughness; yours subtracts it",
                6: "The similarity counts too, not the roughness alone",
            },
            "Take the place of the least energy in each row",
        )
        return f"With weight 0.1 the class of image {wrong} is {expected[wrong]}, yours is {got[wrong]}. {told}"
    return None


def _first_of_equals(classified):
    similarity = np.full((1, 10), 5.0)
    similarity[0, [3, 7]] = 2
    got = classified(similarity, np.zeros((1, 10)), 1.0)
    if not np.array_equal(got, [3]):
        return f"Of two atlases with the same least energy, 3 and 7, the first is the class; yours is {got.tolist()}"
    return None


@exercise(
    checks=[_least_of_both, _first_of_equals],
    hint="The energies are an array (n, 10). NumPy has a function that gives the place of the least entry, not the "
    "entry itself; along which axis are the ten atlases?",
    returns=_as_classes,
    cases=lambda rng: [(rng.random((23, 10)), rng.random((23, 10)), 0.6)],
)
def classified(similarity, roughness, weight):
    """The class (n,) whose atlas needs the least energy: similarity and weighted roughness, both (n, 10)."""
    return np.argmin(similarity + weight * roughness, axis=1)
