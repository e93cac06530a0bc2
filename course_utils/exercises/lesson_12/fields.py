"""Exercises of lesson 12: fields composed and integrated, and whether they fold."""

import numpy as np

from course_utils.exercises import Prediction, as_array, exercise, fitting

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
            33 / 32: "One small step too many; and rather double: compose the field with itself, `steps` times",
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
    got = integrated(velocity, 0, _bilinear)
    if not np.isfinite(got).all():
        return "With 0 steps the velocity comes back: divide by 2**steps, which is 1 then, not by steps"
    if not _same(got, velocity):
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


def _doubles(integrated):
    """On a curved field small steps look up other values than doubling does; on a linear one they are the same."""
    velocity = _smooth(np.random.default_rng(1), (1, 9, 12, 2), 2.0)
    got, step = integrated(velocity, 2, _bilinear), velocity / 4
    onwards = backwards = step
    for _ in range(3):
        onwards, backwards = onwards + _bilinear(step, onwards), step + _bilinear(backwards, step)
    twice = step + _bilinear(step, step)
    if np.allclose(got, twice + _bilinear(twice, twice), atol=1e-3):
        return None
    if any(np.allclose(got, small, atol=1e-3) for small in (onwards, backwards)):
        return "These are 2**steps small steps, one after the other; double instead: compose the field with itself"
    return None  # the random case has the number


@exercise(
    checks=[_leaves_a_constant, _no_step_is_the_velocity, _follows_a_linear_field, _doubles],
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
    if got.dtype == bool:
        return "The determinant itself is asked for, a number at each pixel, not where it is 0 or less"
    if not np.allclose(got, 1):
        told = "I alone has determinant 1"
        if np.allclose(got, 0):
            told = fitting(
                jacobian_determinant(_linear(_STRETCH, (6, 8))).flat[0],
                {
                    0.5: "Add 1 on the diagonal only: the identity has zeros off it",
                    0.0: "Is it a mask? The determinant itself is asked for, not where it is 0 or less",
                },
                "Add the identity: p itself is part of p + u(p)",
            )
        value = got.flat[np.argmax(np.abs(got - 1))]
        return f"Where nothing moves, areas stay as they are: the determinant is 1; yours is {value:.3g}. {told}"
    return None


_STRETCH = [[0.1, 0.3], [-0.2, 0.4]]
_COARSE = "That is right but for rounding, as in float16: compute in float32"


def _linear_by_hand(jacobian_determinant):
    got = jacobian_determinant(_linear(_STRETCH, (6, 8)))
    if np.allclose(got, 1.6, atol=1e-4):
        return None
    if np.allclose(got, 1.6, atol=0.02):
        return _COARSE
    value = got.flat[np.argmax(np.abs(got - 1.6))]
    told = fitting(
        value,
        {
            1.48: "Subtract the product off the diagonal; yours adds it",
            1.0: "Component 0 goes down, along axis 1 of the array; component 1 goes right, along axis 2",
            1.54: "The product off the diagonal is missing",
            1.5: "That is 1 plus the divergence: near it for small fields only",
            1.1: "Add I before the determinant is taken, not 1 after it",
        },
        "The first row of ∇u is what component 0 changes by, to the next pixel down and to the next pixel right",
    )
    return f"Of A = [[0.1, 0.3], [-0.2, 0.4]], det(I + A) is 1.6; yours is {value:.4g}. {told}"


def _keeps_the_sign(jacobian_determinant):
    got = jacobian_determinant(_linear([[-2, 0], [0, 0.5]], (6, 8)))
    if not np.allclose(got, -1.5, atol=1e-4):
        value = got.flat[np.argmax(np.abs(got + 1.5))]
        told = fitting(
            value,
            {
                1.5: "The sign says that the map has folded: keep it, without abs",
                0.0: "Below 0 the map has folded: keep those numbers too, without a maximum",
            },
            "Where the map folds, the determinant is negative",
        )
        return f"Of A = [[-2, 0], [0, 0.5]], which folds, det(I + A) is -1.5; yours is {value:.4g}. {told}"
    return None


def _looks_at_the_next_pixel(jacobian_determinant):
    y, x = np.indices((5, 7))
    field = np.stack([0.1 * y**2 + 0.05 * x * y, 0.05 * x**2], axis=-1)[np.newaxis].astype(np.float32)
    down, right = (1 + 0.1 * (2 * y + 1) + 0.05 * x, 1 + 0.05 * (2 * x + 1))
    got, expected = jacobian_determinant(field), (down * right)[np.newaxis, :-1, :-1]
    if not np.allclose(got, expected, atol=1e-4):
        if np.allclose(got, expected, atol=0.02):
            return _COARSE
        return (
            "The differences are forward: u at the next pixel minus u at the pixel itself, in each direction. Yours "
            "are right on linear fields only: are they central (as np.gradient's), or cut off at the wrong end?"
        )
    return None


@exercise(
    checks=[_standing_still_is_one, _linear_by_hand, _keeps_the_sign, _looks_at_the_next_pixel],
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


higher_dice = Prediction(
    "higher_dice",
    "Without integration (the network's field is the displacement itself) the same network is trained with the same "
    "loss. Which has the higher Dice on test pairs?",
    "Without integration the field is freer, so usually it fits a little better. But it folds, and what has folded "
    "can't be undone; how many pixels fold is printed below. A good fit is no proof of a good map.",
    "Which of the two may choose among more fields? And does Dice see a fold?",
    options=("with integration", "without integration"),
)
