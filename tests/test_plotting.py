"""Figures hold what they are given."""

import numpy as np

from course_utils import plotting


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
