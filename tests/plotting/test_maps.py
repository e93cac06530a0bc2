"""Codes lie where they should, circles are round, and each digit has its name and its colour."""

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

from course_utils import plotting

LABELS = np.arange(32) % 10
CODES = np.random.default_rng(0).normal(size=(32, 2))


def _boxes(axis):
    return [Text.get_window_extent(text) for text in axis.texts]


def test_a_digit_keeps_its_colour_in_every_map():
    figure = plotting.latent_maps({"all": CODES, "again": -CODES}, LABELS)
    for axis in figure.axes:
        for digit, points in enumerate(axis.collections):
            expected = matplotlib.colors.to_rgba(plotting.DIGIT_COLOURS[digit], 0.5)
            np.testing.assert_allclose(points.get_facecolors()[0], expected)


def test_names_of_digits_stand_at_their_points_or_beside_where_they_would_overlap():
    spread = np.stack([LABELS, 10 * np.cos(LABELS)], axis=1).astype(float)
    same = np.zeros((32, 2))
    same[0] = 1, 1  # an axis needs some extent; the medians are all zero
    figure = plotting.latent_maps({"spread": spread, "same": same}, LABELS)
    figure.draw_without_rendering()
    for axis in figure.axes:
        assert [text.get_text() for text in axis.texts] == list("0123456789")
        boxes = _boxes(axis)
        assert not any(box.overlaps(other) for i, box in enumerate(boxes) for other in boxes[:i])
    shifts = [[np.hypot(*text.get_position()) for text in axis.texts] for axis in figure.axes]
    assert max(shifts[0]) < 12 < max(shifts[1]) < 60, "points of the page"
    lines = [[text.arrow_patch is not None for text in axis.texts] for axis in figure.axes]
    assert not any(lines[0]) and any(lines[1]), "a name that was moved has a line to its place"


def test_a_name_wears_its_digits_colour():
    axis = plotting.latent_maps({"map": CODES}, LABELS).axes[0]
    for digit, text in enumerate(axis.texts):
        colour = text.get_bbox_patch().get_facecolor()
        np.testing.assert_allclose(colour, matplotlib.colors.to_rgba(plotting.DIGIT_COLOURS[digit]))


def test_circles_are_round_in_every_map(digits):
    wide = CODES * [20, 1]
    maps = plotting.latent_maps({"a": wide, "b": CODES}, LABELS, symbol="z", circle=2.0).axes
    maps += plotting.gaussians_on_map(wide, 0 * wide, LABELS, circle=2.0).axes
    maps += plotting.path_on_map(wide, LABELS, wide[:3], digits[:5]).axes[:1]
    maps += plotting.images_on_map(wide, digits, LABELS).axes
    for axis in maps:
        axis.figure.draw_without_rendering()
        origin, right, up = axis.transData.transform([[0, 0], [1, 0], [0, 1]])
        assert np.isclose(right[0] - origin[0], up[1] - origin[1], rtol=0.01)


def test_many_maps_stand_in_rows_that_a_page_has_room_for():
    figure = plotting.latent_maps({str(i): CODES for i in range(5)}, None)
    assert len(figure.axes) == 5 and figure.get_figwidth() < 14
    tops = [round(axis.get_position().y1, 2) for axis in figure.axes]
    assert tops[0] == tops[2] > tops[3] == tops[4]


def test_latent_maps_without_labels_draw_points_of_one_kind():
    axis = plotting.latent_maps({"cloud": CODES}, None).axes[0]
    assert len(axis.collections) == 1 and not axis.texts


def test_the_symbol_names_the_axes():
    axis = plotting.latent_maps({"map": CODES}, LABELS, symbol="y").axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("$y_1$", "$y_2$")


@pytest.mark.parametrize(
    ("codes", "labels", "words"),
    [
        (np.zeros((32, 3)), LABELS, r"must be numbers of the shape \((n|32), 2\)"),
        (np.zeros((0, 2)), LABELS[:0], "must be numbers"),
        (CODES * np.nan, LABELS, "must be finite numbers"),
        (CODES, LABELS + 0.5, "`labels` must be integers"),
        (CODES, LABELS.astype(float), "`labels` must be integers"),
        (CODES, LABELS.astype(bool), "`labels` must be integers"),
        (CODES, LABELS + 1, "`labels` must be digits from 0 to 9"),
        (CODES, LABELS - 1, "`labels` must be digits from 0 to 9"),
        (CODES, LABELS[:31], r"`labels` must be integers of the shape \(32,\)"),
        (CODES, LABELS[:, np.newaxis], r"`labels` must be integers of the shape \(32,\)"),
    ],
)
def test_what_is_no_map_of_digits_is_refused(digits, codes, labels, words):
    images = digits[: len(codes)]
    calls = [
        lambda: plotting.latent_maps({"map": codes}, labels),
        lambda: plotting.gaussians_on_map(codes, 0 * codes, labels, circle=2.0),
        lambda: plotting.path_on_map(codes, labels, CODES[:3], digits[:5]),
        lambda: plotting.images_on_map(codes, images, labels),
    ]
    for call in calls if len(codes) else calls[:3]:
        with pytest.raises(ValueError, match=words):
            call()


def test_point_clouds_share_one_colour_a_point_in_plane_and_space():
    space = np.random.default_rng(0).normal(size=(32, 3))
    for points in (CODES, space):
        figure = plotting.point_clouds({"cloud": points, "copy": 2 * points}, LABELS, "digit")
        figure.draw_without_rendering()
        *clouds, bar = figure.axes
        assert [axis.get_title(loc="left") for axis in clouds] == ["cloud", "copy"] and bar.get_ylabel() == "digit"
        assert all(axis.name == ("3d" if points is space else "rectilinear") for axis in clouds)
        for axis in clouds:
            assert axis.get_aspect() in (1, "equal")
            np.testing.assert_array_equal(np.sort(axis.collections[0].get_array()), np.sort(LABELS))


def test_point_clouds_are_of_one_kind():
    with pytest.raises(ValueError, match=r"`clouds\['b'\]` must be numbers of the shape \(32, 2\)"):
        plotting.point_clouds({"a": CODES, "b": np.zeros((32, 3))}, LABELS, "digit")


def test_gaussians_on_map_draws_an_ellipse_of_one_standard_deviation_per_image():
    from matplotlib.patches import Ellipse

    log_var = np.log(np.square([[1.0, 1.0], [0.5, 2.5]]))
    figure = plotting.gaussians_on_map(CODES[:2], log_var, LABELS[:2], circle=2.0)
    axis = figure.axes[0]
    ellipses = [patch for patch in axis.patches if isinstance(patch, Ellipse)]
    np.testing.assert_allclose([(e.width, e.height) for e in ellipses], [(1, 5), (2, 2)], err_msg="the largest first")
    np.testing.assert_allclose(np.hypot(*axis.lines[0].get_data()), 2.0)


def test_no_name_covers_an_ellipse():
    figure = plotting.gaussians_on_map(CODES, 0 * CODES - 4, LABELS, circle=2.0)
    figure.draw_without_rendering()
    assert not figure.axes[0].texts
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list("0123456789")
    assert figure.legends[0].get_window_extent().x0 >= figure.axes[0].get_window_extent().x1


def test_names_lie_over_the_path_not_under_it(digits):
    axis = plotting.path_on_map(CODES, LABELS, CODES[:9], digits[:5]).axes[0]
    assert min(text.get_zorder() for text in axis.texts) > axis.lines[0].get_zorder()


def test_images_on_map_do_not_overlap_and_keep_the_proportions_of_the_map(digits):
    crowded = np.concatenate([CODES[:2], CODES[:2] + 1e-6])
    axis = plotting.images_on_map(crowded, digits[:4], LABELS[:4]).axes[0]
    assert len(axis.artists) == 2
    axis = plotting.images_on_map(np.array([[0.0, 0], [4, 0], [4, 1]]), digits[:3], LABELS[:3]).axes[0]
    np.testing.assert_allclose([box.xy for box in axis.artists], [[0, 0], [1, 0], [1, 0.25]])


def test_images_on_map_of_one_place_show_its_first_image(digits):
    assert len(plotting.images_on_map(np.ones((3, 2)), digits[:3], LABELS[:3]).axes[0].artists) == 1


@pytest.mark.parametrize("circle", [0, -1, np.nan, "large"])
def test_a_circle_has_a_positive_radius(circle):
    with pytest.raises(ValueError, match="`circle` must"):
        plotting.latent_maps({"map": CODES}, LABELS, circle=circle)
    with pytest.raises(ValueError, match="`circle` must"):
        plotting.gaussians_on_map(CODES, CODES, LABELS, circle=circle)


def test_arrows_on_plane_begin_at_their_places_and_have_their_true_length():
    arrows, places = np.array([[0.5, 0.0], [0.0, -0.25]]), np.array([[0.0, 0.0], [1.0, 1.0]])
    figure = plotting.arrows_on_plane({"a": arrows, "b": -arrows}, places, [[0.5, 0.5]], xlabel="u", ylabel="v")
    drawn = figure.axes[0].collections[0]
    np.testing.assert_allclose(drawn.get_offsets(), places)
    np.testing.assert_allclose(np.stack([drawn.U, drawn.V], axis=1), arrows)
    assert (drawn.scale, drawn.scale_units, drawn.angles) == (1, "xy", "xy")
    assert (
        "2 places" in figure.alt and "a, of lengths from 0.25 to 0.5" in figure.alt and "1 point marked" in figure.alt
    )


def test_arrows_on_plane_refuse_a_field_that_does_not_fit():
    with pytest.raises(ValueError, match=r"`arrows\['a'\]` must be numbers of the shape \(32, 2\)"):
        plotting.arrows_on_plane({"a": CODES[:5]}, CODES, CODES, xlabel="u", ylabel="v")
