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


LABELS = np.arange(32) % 10
CODES = np.random.default_rng(0).normal(size=(32, 2))
BELL = np.exp(-np.add.outer(np.linspace(-2, 2, 21) ** 2, np.linspace(-1, 3, 21) ** 2))


def _every_figure(digits):
    """One call of each function, by name."""
    return {
        "image_rows": plotting.image_rows({"a": digits[:3], "b": digits[3:6]}, column_titles=["1", "2", "3"]),
        "encodings": plotting.encodings(digits[:2], CODES[:2], digits[:2]),
        "mosaic": plotting.mosaic(digits, 8, title="t", xlabel="x", ylabel="y"),
        "curves": plotting.curves(
            {"a": [3, 2, 1]}, "epoch", "loss (nats)", levels={"PCA": 1.5}, log_x=True, log_y=True
        ),
        "bands": plotting.bands({"a": [[3, 2, 1], [4, 2, 2]]}, "epoch", "loss (nats)", x=[3, 4, 5], title="t"),
        "bars": plotting.bars({"a": 1.0, "b": 2.0}, "error"),
        "latent_maps": plotting.latent_maps({"map": CODES}, LABELS, unit="z"),
        "point_clouds": plotting.point_clouds({"roll": np.eye(3), "rolled": -np.eye(3)}, [1, 2, 3], "position"),
        "gaussians_on_map": plotting.gaussians_on_map(CODES, 0 * CODES, LABELS, circle=2.0),
        "path_on_map": plotting.path_on_map(CODES, LABELS, CODES[:3], digits[:5]),
        "images_on_map": plotting.images_on_map(CODES, digits, LABELS),
        "histograms": plotting.histograms({"a": CODES}, "value"),
        "number_grids": plotting.number_grids({"a": np.eye(2), "b": np.eye(3)}),
        "densities_on_plane": plotting.densities_on_plane({"p": BELL, "q": BELL.T}, np.linspace(-2, 2, 21)),
        "table": plotting.table(np.eye(2), ["r", "s"], ["u", "v"]),
    }


def test_every_function_returns_a_closed_figure_and_draws_it(digits):
    """Closed, so that a notebook shows it once; drawn, since many a fault shows only then."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    figures = _every_figure(digits)
    figures_of_the_course = {
        name for name, thing in vars(plotting).items() if callable(thing) and thing.__module__ == plotting.__name__
    }
    public = {name for name in figures_of_the_course if not name.startswith("_")}
    assert public - set(figures) <= {"animation", "film"}, "a figure without a test"
    for name, figure in figures.items():
        assert isinstance(figure, Figure), name
        figure.draw_without_rendering()
    assert plt.get_fignums() == []


def test_gaussians_on_map_draws_an_ellipse_of_one_standard_deviation_an_image():
    from matplotlib.patches import Ellipse

    log_var = np.log(np.square([[0.5, 2.0], [1.0, 1.0]]))
    axis = plotting.gaussians_on_map(CODES[:2], log_var, LABELS[:2], circle=2.0).axes[0]
    ellipses = [patch for patch in axis.patches if isinstance(patch, Ellipse)]
    np.testing.assert_allclose([(e.width, e.height) for e in ellipses], [(1, 4), (2, 2)])
    np.testing.assert_allclose(np.hypot(*axis.lines[0].get_data()), 2.0)


def test_the_style_ends_with_the_figure(digits):
    import matplotlib

    before = dict(matplotlib.rcParams)
    plotting.image_rows({"a": digits[:2]})
    assert dict(matplotlib.rcParams) == before


def test_image_rows_shows_each_image_in_its_row_on_the_full_grey_scale(digits):
    axis = plotting.image_rows({"original": digits[:2], "copy": digits[2:4]}).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["original", "copy"]
    for image, expected in zip(axis.images, digits[:4]):
        np.testing.assert_array_equal(image.get_array(), expected[..., 0])
        assert image.get_clim() == (0, 1)
    left, right, below, above = np.transpose([image.get_extent() for image in axis.images])
    assert list(left < 0.5) == list(right < 0.5) == [True, False, True, False]
    assert list(below > 0.5) == list(above > 0.5) == [False, False, True, True]


def test_mosaic_tiles_row_by_row(digits):
    tiled = plotting.mosaic(digits[:6], 3).axes[0].images[0].get_array()
    assert tiled.shape == (2 * 28, 3 * 28)
    np.testing.assert_array_equal(tiled[28:, :28], digits[3, ..., 0])


def test_curves_have_labels_and_axes_with_units():
    axis = plotting.curves({"a": [3, 2, 1], "b": [1, 1, 1]}, "epoch", "loss (nats)", levels={"PCA": 2}).axes[0]
    assert [axis.get_xlabel(), axis.get_ylabel()] == ["epoch", "loss (nats)"]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a", "b", "PCA"]
    np.testing.assert_array_equal(axis.lines[0].get_xdata(), [1, 2, 3])


def test_a_legend_of_many_curves_stands_below_the_axes():
    figure = plotting.curves({name: [2, 1] for name in "abcde"}, "epoch", "loss")
    figure.draw_without_rendering()
    assert figure.axes[0].get_legend() is None
    assert figure.legends[0].get_window_extent().y1 <= figure.axes[0].get_window_extent().y0


def test_logarithmic_axes_have_plain_numbers():
    narrow = plotting.curves({"a": [3, 0.4]}, "epoch", "loss", log_y=True)
    wide = plotting.curves({"a": [3, 0.0004]}, "epoch", "loss", log_y=True)
    for figure, seen, unseen in ((narrow, "0.5", "3"), (wide, "0.001", "0.005")):
        figure.draw_without_rendering()
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels(which="both")]
        assert seen in labels and unseen not in labels


def test_bands_reach_from_the_lowest_run_to_the_highest():
    axis = plotting.bands({"five": [[5, 1], [4, 3], [9, 2]]}, "epoch", "loss").axes[0]
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [5, 2])
    corners = axis.collections[0].get_paths()[0].vertices
    assert corners[:, 1].max() == 9 and corners[:, 1].min() == 1


def test_bars_carry_their_numbers():
    axis = plotting.bars({"dense": [0.5, 0.25], "conv": [0.4, 0.125]}, "error", groups=["16", "32"]).axes[0]
    assert [bar.get_height() for bar in axis.patches] == [0.5, 0.25, 0.4, 0.125]
    assert {text.get_text() for text in axis.texts} == {"0.500", "0.250", "0.400", "0.125"}, "one number of decimals"


def test_a_digit_keeps_its_colour_in_every_map():
    import matplotlib

    figure = plotting.latent_maps({"all": CODES, "again": -CODES}, LABELS)
    for axis in figure.axes:
        for digit, points in enumerate(axis.collections):
            expected = matplotlib.colors.to_rgba(plotting.DIGIT_COLOURS[digit], 0.5)
            np.testing.assert_allclose(points.get_facecolors()[0], expected)
    assert len(set(plotting.DIGIT_COLOURS)) == 10


def test_names_of_digits_stand_at_their_points_or_beside_where_they_would_overlap():
    spread = np.stack([LABELS, 10 * np.cos(LABELS)], axis=1).astype(float)
    same = np.zeros((32, 2))
    same[0] = 1, 1  # an axis needs some extent; the medians are all zero
    figure = plotting.latent_maps({"spread": spread, "same": same}, LABELS)
    figure.draw_without_rendering()
    for axis in figure.axes:
        assert [text.get_text() for text in axis.texts] == list("0123456789")
        boxes = [text.get_window_extent() for text in axis.texts]
        assert not any(box.overlaps(other) for i, box in enumerate(boxes) for other in boxes[:i])
    shifts = [[np.hypot(*text.get_position()) for text in axis.texts] for axis in figure.axes]
    assert max(shifts[0]) < 10 < max(shifts[1]) < 60, "points of the page"


def test_images_on_map_do_not_overlap(digits):
    crowded = np.concatenate([CODES[:2], CODES[:2] + 1e-6])
    axis = plotting.images_on_map(crowded, digits[:4], LABELS[:4]).axes[0]
    assert len(axis.artists) == 2


def test_number_grids_write_each_number():
    axis = plotting.number_grids({"a": np.array([[1, 2], [3, 0.5]])}).axes[0]
    assert [text.get_text() for text in axis.texts] == ["1", "2", "3", "0.5"]


def _pictures_in(page):
    import base64
    import io
    import re

    from PIL import Image

    return Image.open(io.BytesIO(base64.b64decode(re.search('base64,([^"]+)', page.data)[1])))


def test_animation_is_a_gif_inside_the_page(digits):
    page = plotting.animation(digits[:5], seconds=2)
    gif = _pictures_in(page)
    assert gif.format == "GIF" and gif.size == (28, 28) and gif.n_frames == 5
    assert gif.info["duration"] == 400, "milliseconds a frame"
    assert 'width="112"' in page.data, "the page enlarges it"


def test_film_shows_a_figure_a_frame():
    figures = [plotting.densities_on_plane({"p": BELL, "q": q}, np.linspace(-2, 2, 21)) for q in (BELL, BELL.T)]
    gif = _pictures_in(plotting.film(figures, seconds=1))
    assert gif.n_frames == 2
    np.testing.assert_allclose(
        gif.size, figures[0].bbox.size, atol=1, err_msg="pixels, which versions round differently"
    )
    first = np.asarray(gif.convert("RGB"))
    gif.seek(1)
    assert np.any(first != np.asarray(gif.convert("RGB")))


def test_densities_on_plane_put_the_second_coordinate_upwards():
    axis = plotting.densities_on_plane({"p": BELL}, np.linspace(-2, 2, 21)).axes[0]
    inner = axis.collections[0].get_paths()[1].vertices.mean(axis=0)
    np.testing.assert_allclose(inner, [-1, 0], atol=0.1)


def test_latent_maps_without_labels_draw_points_of_one_kind_in_true_proportions():
    axis = plotting.latent_maps({"cloud": CODES}, None).axes[0]
    assert len(axis.collections) == 1 and not axis.texts
    assert axis.get_aspect() == 1


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
