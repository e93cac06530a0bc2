"""Folds, inverses and edges, against closed forms."""

import numpy as np
import pytest

from course_utils.losses import roughness
from course_utils.metrics import folded_share, gradient_energy, inverse_error, jacobian_determinant

RNG = np.random.default_rng(0)
FIELDS = RNG.normal(0, 0.6, (4, 6, 8, 2))


def _linear(matrix, sides=(9, 11)):
    """The field matrix · (p - middle), `(1, height, width, 2)`."""
    places = np.moveaxis(np.indices(sides), 0, -1) - (np.array(sides) - 1) / 2
    return (places @ np.transpose(matrix))[np.newaxis]


def _lengths(field):
    return np.linalg.norm(field, axis=-1).mean(axis=(1, 2))


# Folds


def test_where_nothing_moves_the_determinant_is_1():
    np.testing.assert_array_equal(jacobian_determinant(np.zeros((2, 5, 6, 2))), np.ones((2, 4, 5)))
    np.testing.assert_array_equal(jacobian_determinant(np.full((2, 5, 6, 2), 3.0)), np.ones((2, 4, 5)))


def test_the_determinant_of_a_linear_map():
    matrix = RNG.normal(size=(2, 2))
    determinants = jacobian_determinant(_linear(matrix))
    assert determinants.shape == (1, 8, 10)
    np.testing.assert_allclose(determinants, np.linalg.det(np.eye(2) + matrix))


def test_the_determinant_is_numpys_pixel_by_pixel():
    down, right = FIELDS[:, 1:, :-1] - FIELDS[:, :-1, :-1], FIELDS[:, :-1, 1:] - FIELDS[:, :-1, :-1]
    expected = np.linalg.det(np.eye(2) + np.stack([down, right], axis=-1))
    np.testing.assert_allclose(jacobian_determinant(FIELDS), expected, atol=1e-12)


def test_a_mirror_folds_everywhere_and_a_rotation_nowhere():
    mirror, rotation = np.diag([0.0, -2.0]), np.float64([[-1, -1], [1, -1]])  # by a quarter of a turn
    fields = np.concatenate([_linear(mirror), _linear(rotation)])
    np.testing.assert_array_equal(folded_share(fields), [1, 0])


def test_the_share_counts_pixels():
    """Two columns change places, the second moves 1 to the right and the third 1 to the left: one pixel a row folds."""
    field = np.zeros((1, 3, 5, 2))
    field[..., 1, 1], field[..., 2, 1] = 1, -1
    np.testing.assert_allclose(folded_share(field), [1 / 4])


def test_a_pixel_that_is_flattened_counts_as_folded():
    assert folded_share(_linear(-np.eye(2))) == [1]


# Inverses


def test_opposite_shifts_undo_each_other():
    shift = np.broadcast_to([1.25, -7.5], (2, 6, 8, 2))
    np.testing.assert_array_equal(inverse_error(shift, -shift), [0, 0])


def test_without_an_inverse_it_is_the_length_of_the_way():
    np.testing.assert_allclose(inverse_error(np.zeros_like(FIELDS), FIELDS), _lengths(FIELDS))
    np.testing.assert_allclose(inverse_error(FIELDS, np.zeros_like(FIELDS)), _lengths(FIELDS))


def test_linear_maps_multiply():
    """The way back shrinks towards the middle, so it stays inside: (I + A)(I + B) - I of each place."""
    forward, backward = RNG.normal(size=(2, 2)), np.float64([[-0.3, 0.1], [0.0, -0.4]])
    product = (np.eye(2) + forward) @ (np.eye(2) + backward) - np.eye(2)
    found = inverse_error(_linear(forward), _linear(backward))
    np.testing.assert_allclose(found, _lengths(_linear(product)))
    inverse = np.linalg.inv(np.eye(2) + backward) - np.eye(2)
    np.testing.assert_allclose(inverse_error(_linear(inverse), _linear(backward)), 0, atol=1e-12)


def test_each_pair_by_itself():
    whole = inverse_error(FIELDS, FIELDS[::-1])
    alone = [inverse_error(FIELDS[[i]], FIELDS[[3 - i]])[0] for i in range(4)]
    np.testing.assert_array_equal(whole, alone)


# Edges


def test_gradient_energy_by_hand():
    board = np.indices((4, 6)).sum(axis=0)[np.newaxis, ..., np.newaxis] % 2.0
    np.testing.assert_array_equal(gradient_energy(board), [3 * 6 + 4 * 5])
    np.testing.assert_array_equal(gradient_energy(0 * board + 0.3), [0])


def test_a_blurred_edge_has_less():
    sharp, blurred = np.float32([[0, 0, 1, 1], [0, 0.25, 0.75, 1]]).reshape(2, 1, 4, 1)
    np.testing.assert_allclose(gradient_energy(np.stack([sharp, blurred])), [1, 0.375])


def test_it_is_the_roughness_of_images():
    images = RNG.random((5, 6, 7, 2), dtype=np.float32)
    np.testing.assert_allclose(gradient_energy(images), roughness(images), rtol=1e-5)


# Bad input


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (FIELDS[0], r"an array \(n, height, width, 2\) with sides of at least 2. Received: float64\[6, 8, 2\]"),
        (FIELDS[..., :1], r"Received: float64\[4, 6, 8, 1\]"),
        (FIELDS[:, :1], r"Received: float64\[4, 1, 8, 2\]"),
        (FIELDS.tolist(), "Received: list"),
        (FIELDS > 0, "Received: bool"),
        (np.where(FIELDS > 1, np.nan, FIELDS), "hold finite numbers"),
    ],
)
def test_bad_fields_are_refused(wrong, words):
    for metric in (jacobian_determinant, folded_share):
        with pytest.raises(ValueError, match=f"`displacement` must .*{words}"):
            metric(wrong)
    with pytest.raises(ValueError, match=f"`forward` must .*{words}"):
        inverse_error(wrong, FIELDS)
    with pytest.raises(ValueError, match=f"`backward` must .*{words}"):
        inverse_error(FIELDS, wrong)


def test_other_shapes_and_images_are_refused():
    with pytest.raises(ValueError, match=r"`backward` must have the forward displacement's shape .*\(3, 6, 8, 2\)"):
        inverse_error(FIELDS, FIELDS[:3])
    with pytest.raises(ValueError, match=r"`images` must lie in \[0, 1\]"):
        gradient_energy(2 * np.ones((1, 4, 4, 1)))
