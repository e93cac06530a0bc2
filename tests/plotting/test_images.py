"""Images stand where they belong, on the full grey scale, and anything else is refused."""

import numpy as np
import pytest

from course_utils import plotting


def test_image_rows_shows_each_image_in_its_row_on_the_full_grey_scale(digits):
    axis = plotting.image_rows({"original": digits[:2], "copy": digits[2:4]}).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["original", "copy"]
    for image, expected in zip(axis.images, digits[:4]):
        np.testing.assert_array_equal(image.get_array(), expected[..., 0])
        assert image.get_clim() == (0, 1)
    left, right, below, above = np.transpose([image.get_extent() for image in axis.images])
    assert list(left < 0.5) == list(right < 0.5) == [True, False, True, False]
    assert list(below > 0.5) == list(above > 0.5) == [False, False, True, True]


def test_image_rows_takes_colour_lists_and_small_images_beside_large_ones(digits):
    axis = plotting.image_rows({"grey": list(digits[:2]), "colour": np.zeros((2, 14, 14, 3))}).axes[0]
    assert axis.images[2].get_array().shape == (14, 14, 3)
    assert np.ptp(axis.images[0].get_extent()[:2]) == np.ptp(axis.images[2].get_extent()[:2])


def test_a_few_images_are_drawn_larger_than_many(digits):
    few, many = plotting.image_rows({"a": digits[:3]}), plotting.image_rows({"a": digits[:14]})
    inches = [figure.get_figheight() for figure in (few, many)]
    assert inches[0] > 1.4 * inches[1]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({}, "`rows` must be a dictionary"),
        ({"a": np.zeros((0, 4, 4, 1))}, "rows['a']"),
        ({"a": np.zeros((3, 4, 4, 1)), "b": np.zeros((2, 4, 4, 1))}, "`rows` must have one length"),
        ({"a": np.zeros((3, 4, 4, 1)), "b": np.zeros((3, 4, 8, 1))}, "`rows` must have one length"),
    ],
)
def test_rows_that_would_not_line_up_are_refused(rows, words):
    with pytest.raises(ValueError, match=r".") as error:
        plotting.image_rows(rows)
    assert words in str(error.value)


def test_each_column_has_a_title_or_none_has(digits):
    with pytest.raises(ValueError, match=r"`column_titles` must have 3 entries\. Received: 2"):
        plotting.image_rows({"a": digits[:3]}, ["1", "2"])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda x: np.uint8(255 * x), "divide 8-bit images by 255"),
        (lambda x: 255 * x, r"must lie in \[0, 1\]"),
        (lambda x: 2 * x - 1, r"must lie in \[0, 1\]"),
        (lambda x: x * np.nan, r"must lie in \[0, 1\]"),
        (lambda x: x[..., 0], r"must be floats of the shape \(n, height, width, 1"),
        (lambda x: np.concatenate([x, x], axis=-1), r"must be floats of the shape \(n, height, width, 1"),
        (lambda x: x[:0], "n ≥ 1"),
        (lambda x: None, "must be floats"),
        (lambda x: [x[0], x[1, :5]], "all its rows of one length"),
    ],
)
def test_what_is_no_image_is_refused_everywhere(digits, damage, words):
    good, codes, labels = digits[:4], np.eye(4)[:, :2], np.arange(4)
    bad = damage(good)
    calls = {
        "images": [
            lambda: plotting.encodings(bad, codes, good),
            lambda: plotting.mosaic(bad, 2),
            lambda: plotting.path_on_map(codes, labels, codes, bad),
            lambda: plotting.images_on_map(codes, bad, labels),
        ],
        "reconstruction": [lambda: plotting.encodings(good, codes, bad)],
        "rows['a']": [lambda: plotting.image_rows({"a": bad})],
        "frames": [lambda: plotting.animation(bad, seconds=1, alt="Four images, one after the other")],
    }
    for argument, functions in calls.items():
        for function in functions:
            with pytest.raises(ValueError, match=words) as error:
                function()
            assert f"`{argument}`" in str(error.value)


def test_what_rounding_takes_beyond_white_is_drawn(digits):
    mixed = np.float32(1) + np.zeros((1, 4, 4, 1), np.float32)
    axis = plotting.image_rows({"a": mixed * (1 + 1e-6)}).axes[0]
    assert axis.images[0].get_array().max() == 1


def test_encodings_draws_image_code_and_reconstruction_of_each_image_on_one_scale(digits):
    codes = np.linspace(-2, 3, 4 * 5).reshape(4, 5)
    figure = plotting.encodings(digits[:4], codes, 1 - digits[:4], title="a code")
    rows = np.reshape(figure.axes, (4, 3))
    for row, image, code in zip(rows, digits, codes):
        np.testing.assert_array_equal(row[0].images[0].get_array(), image[..., 0])
        np.testing.assert_allclose([bar.get_height() for bar in row[1].patches], code)
        np.testing.assert_array_equal(row[2].images[0].get_array(), 1 - image[..., 0])
        assert row[1].get_ylim() == rows[0, 1].get_ylim()
        assert row[1].get_ylim()[0] < -2 and row[1].get_ylim()[1] > 3
    assert [axis.get_title() for axis in rows[0]] == ["image", "a code", "reconstruction"]


def test_encodings_wants_a_code_and_a_reconstruction_of_each_image(digits):
    with pytest.raises(ValueError, match=r"`codes` must be numbers of the shape \(4, latent_dim\)"):
        plotting.encodings(digits[:4], np.zeros((3, 5)), digits[:4])
    with pytest.raises(ValueError, match="`codes` must be finite"):
        plotting.encodings(digits[:4], np.full((4, 5), np.inf), digits[:4])
    with pytest.raises(ValueError, match="`reconstruction` must have the shape"):
        plotting.encodings(digits[:4], np.zeros((4, 5)), digits[:3])


def test_mosaic_tiles_row_by_row(digits):
    tiled = plotting.mosaic(digits[:6], 3).axes[0].images[0].get_array()
    assert tiled.shape == (2 * 28, 3 * 28)
    np.testing.assert_array_equal(tiled[28:, :28], digits[3, ..., 0])
    coloured = plotting.mosaic(np.repeat(digits[:6], 3, axis=-1), 3).axes[0].images[0].get_array()
    np.testing.assert_array_equal(coloured[..., 1], tiled)


@pytest.mark.parametrize("columns", [4, 0, -3, 1.5, True])
def test_mosaic_has_no_unfilled_row(digits, columns):
    with pytest.raises(ValueError, match="`columns` must"):
        plotting.mosaic(digits[:6], columns)
