"""Charts show the numbers that they are given, or say why not."""

import numpy as np
import pytest

from course_utils import plotting

INF, NAN = float("inf"), float("nan")
GRID = np.linspace(-2, 2, 21)
BELL = np.exp(-np.add.outer(GRID**2, np.linspace(-1, 3, 21) ** 2))


def _texts(axis):
    return [text.get_text() for text in axis.texts]


def test_curves_have_labels_and_axes_with_units():
    figure = plotting.curves({"a": [3, 2, 1], "b": [1, 1, 1]}, "epoch", "loss (nats)", levels={"PCA": 2})
    axis = figure.axes[0]
    assert [axis.get_xlabel(), axis.get_ylabel()] == ["epoch", "loss (nats)"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "PCA"]
    np.testing.assert_array_equal(axis.lines[0].get_xdata(), [1, 2, 3])


def test_points_of_the_first_curve_have_names():
    figure = plotting.curves({"a": [3, 2], "b": [1, 1]}, "rate", "distortion", x=[5, 9], names=["β = 2", "β = 1"])
    assert _texts(figure.axes[0]) == ["β = 2", "β = 1"]
    assert [text.xy for text in figure.axes[0].texts] == [(5, 3), (9, 2)]
    with pytest.raises(ValueError, match="names"):
        plotting.curves({"a": [3, 2]}, "rate", "distortion", names=["β = 2"])


@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_a_legend_stands_below_the_axes_and_covers_no_line(n):
    named = {f"a rather long name of model {name}": [2, 1] for name in range(n)}
    charts = [
        plotting.curves(named, "epoch", "loss"),
        plotting.bands({name: [values, values] for name, values in named.items()}, "epoch", "loss"),
        plotting.bars(named, "loss", groups=["u", "v"]),
        plotting.stacked_bars(named, "loss", groups=["u", "v"]),
        plotting.densities_on_plane({name: BELL for name in named}, GRID),
    ]
    for figure in charts:
        figure.draw_without_rendering()
        legend, axis = figure.legends[0].get_window_extent(), figure.axes[0]
        assert axis.get_legend() is None
        assert legend.y1 <= axis.get_window_extent().y0 and len(figure.legends[0].get_texts()) == n
        assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1


def test_logarithmic_axes_have_plain_numbers():
    narrow = plotting.curves({"a": [3, 0.4]}, "epoch", "loss", log_y=True)
    wide = plotting.curves({"a": [3, 0.0004]}, "epoch", "loss", log_y=True)
    for figure, seen, unseen in ((narrow, "0.5", "3"), (wide, "0.001", "0.005")):
        figure.draw_without_rendering()
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels(which="both")]
        assert seen in labels and unseen not in labels


def test_each_level_is_drawn_and_named():
    figure = plotting.curves({"a": [3, 2]}, "epoch", "loss", levels={str(i): i for i in range(5)})
    assert len(figure.axes[0].lines) == 6 and len(figure.legends[0].get_texts()) == 6


@pytest.mark.parametrize(
    ("series", "options", "words"),
    [
        ({}, {}, "`series` must be a dictionary with 1 to 10 entries"),
        ({str(i): [1, 2] for i in range(11)}, {}, "Received: 11 entries"),
        ({"a": []}, {}, r"`series\['a'\]` must be numbers"),
        ({"a": [1, NAN]}, {}, r"`series\['a'\]` must be finite numbers. Received: nan"),
        ({"a": [1, INF]}, {}, r"`series\['a'\]` must be finite numbers. Received: inf"),
        ({"a": [1, 2, 3]}, {"x": [1, 2]}, r"`series\['a'\]` must be numbers of the shape \(2\)"),
        ({"a": [1, 0]}, {"log_y": True}, "`series` must be positive on a logarithmic axis. Received: 0"),
        ({"a": [1, 2]}, {"x": [0, 1], "log_x": True}, "`x` must be positive on a logarithmic axis. Received: 0"),
        ({"a": [1, 2]}, {"levels": {"b": NAN}}, r"`levels\['b'\]` must be finite"),
        ({"a": ["1", "2"]}, {}, r"`series\['a'\]` must be numbers"),
    ],
)
def test_curves_refuse_what_they_can_not_draw(series, options, words):
    with pytest.raises(ValueError, match=words):
        plotting.curves(series, "epoch", "loss", **options)


def test_bands_reach_from_the_lowest_run_to_the_highest():
    axis = plotting.bands({"five": [[5, 1], [4, 3], [9, 2]]}, "epoch", "loss").axes[0]
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [5, 2])
    corners = axis.collections[0].get_paths()[0].vertices
    assert corners[:, 1].max() == 9 and corners[:, 1].min() == 1


def test_bands_at_fractions_have_numbers_on_their_axis():
    figure = plotting.bands({"a": [[5, 1, 2], [4, 3, 2]]}, "t", "loss", x=[0.1, 0.2, 0.3])
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_xlim()
    assert sum(low <= tick <= high for tick in figure.axes[0].get_xticks()) >= 3


def test_bars_carry_their_numbers():
    axis = plotting.bars({"dense": [0.5, 0.25], "conv": [0.4, 0.125]}, "error", groups=["16", "32"]).axes[0]
    assert [bar.get_height() for bar in axis.patches] == [0.5, 0.25, 0.4, 0.125]
    assert set(_texts(axis)) == {"0.500", "0.250", "0.400", "0.125"}, "one number of decimals"
    assert _texts(plotting.bars({"a": 0.5, "b": 12}, "error", significant=2).axes[0]) == ["0", "12"]


def test_infinity_is_the_tallest_bar_with_its_sign_on_top():
    """`psnr(x, x)` is infinite."""
    axis = plotting.bars({"copy": INF, "PCA": 20.0}, "PSNR (dB)").axes[0]
    copy, pca = axis.patches
    assert copy.get_height() > pca.get_height() and copy.get_hatch()
    assert _texts(axis) == ["∞", "20.0"]
    assert _texts(plotting.bars({"copy": INF, "again": INF}, "PSNR (dB)").axes[0]) == ["∞", "∞"]
    below = plotting.bars({"copy": INF, "PCA": -3.0}, "PSNR (dB)").axes[0]
    assert below.patches[0].get_height() > 0


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        ({}, {}, "`values` must be a dictionary"),
        ({"a": NAN}, {}, r"`values\['a'\]` must be numbers or plus infinity. Received: nan"),
        ({"a": -INF}, {}, r"`values\['a'\]` must be numbers or plus infinity. Received: -inf"),
        ({"a": [1, 2]}, {}, r"`values\['a'\]` must be numbers of the shape \(\)"),
        ({"a": [1, 2]}, {"groups": "uvw"}, r"`values\['a'\]` must be numbers of the shape \(3\)"),
        ({"a": 1.0}, {"significant": 0}, "`significant` must be a positive whole number"),
        ({"a": 1.0}, {"spread": {"b": 1.0}}, "`spread` must have the labels of `values`"),
        ({"a": 1.0}, {"spread": {"a": -1.0}}, "no negative number"),
        ({"a": 1.0}, {"spread": {"a": NAN}}, r"`spread\['a'\]` must be finite"),
        ({"a": [1, 2]}, {"groups": "uv", "spread": {"a": 1}}, r"`spread\['a'\]` must be numbers of the shape \(2\)"),
    ],
)
def test_bars_refuse_what_they_can_not_draw(values, options, words):
    with pytest.raises(ValueError, match=words):
        plotting.bars(values, "PSNR (dB)", **options)


def test_stacked_bars_begin_at_the_floor_and_add_up():
    figure = plotting.stacked_bars({"ELBO": [-3, -2], "KL": [1, 0]}, "nats", groups=["prior", "posterior"], floor=-4)
    axis = figure.axes[0]
    assert [(bar.get_y(), bar.get_height()) for bar in axis.patches] == [(-4, 1), (-4, 2), (-3, 1), (-2, 0)]
    assert _texts(axis) == ["-3.00", "-2.00", "1.00", ""], "no number in a bar without height"
    assert axis.get_ylim()[0] == -4


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"a": [1.0, 2.0], "b": [1.0, -1.0]}, "not be negative on top"),
        ({"a": [1.0, -2.0]}, "begin above the floor"),
        ({"a": [1.0, NAN]}, "must be finite"),
        ({"a": [1.0]}, r"numbers of the shape \(2\)"),
        ({}, "must be a dictionary"),
    ],
)
def test_stacked_bars_refuse_what_does_not_add_up(parts, words):
    with pytest.raises(ValueError, match=words):
        plotting.stacked_bars(parts, "nats", groups="uv")


@pytest.mark.parametrize("groups", [None, ["one group"]])
def test_spread_is_one_standard_deviation_up_and_down(groups):
    values, spread = {"dense": 5.0, "conv": 4.0}, {"dense": 0.5, "conv": 0.25}
    if groups:
        values, spread = ({name: [value] for name, value in some.items()} for some in (values, spread))
    figure = plotting.bars(values, "error", groups=groups, spread=spread)
    ends = [line.get_segments() for line in figure.axes[0].collections]
    heights = np.sort(np.concatenate([np.array(some)[:, :, 1] for some in ends]), axis=0)
    np.testing.assert_allclose(heights, [[3.75, 4.25], [4.5, 5.5]])
    assert groups or "5 ± 0.5" in figure.alt


def test_histograms_share_their_bins():
    figure = plotting.histograms({"narrow": [1.0, 1.1, 1.2], "wide": [0.0, 5.0, 10.0]}, "value", bins=10)
    edges = [[bar.get_x() for bar in axis.patches] for axis in figure.axes]
    np.testing.assert_allclose(edges[0], edges[1])
    assert [sum(bar.get_height() for bar in axis.patches) for axis in figure.axes] == [3, 3]


@pytest.mark.parametrize("value", [0.0, 7.0, 2.2e15])
def test_a_histogram_of_one_value_is_one_bar(value):
    bars = plotting.histograms({"a": [value] * 5}, "value").axes[0].patches
    assert sorted(bar.get_height() for bar in bars)[-2:] == [0, 5]


@pytest.mark.parametrize(
    ("series", "options", "words"),
    [
        ({}, {}, "`series` must be a dictionary"),
        ({"a": [1, NAN]}, {}, r"`series\['a'\]` must be finite"),
        ({"a": []}, {}, r"`series\['a'\]` must be numbers"),
        ({"a": [1, 2]}, {"limits": (3, 4)}, "`limits` must leave values of each series"),
        ({"a": [1, 2]}, {"limits": (3, 0)}, "`limits` must be two growing numbers"),
        ({"a": [1, 2]}, {"bins": 0}, "`bins` must be a positive whole number"),
    ],
)
def test_histograms_refuse_what_they_can_not_draw(series, options, words):
    with pytest.raises(ValueError, match=words):
        plotting.histograms(series, "value", **options)


def test_densities_on_plane_put_the_second_coordinate_upwards():
    axis = plotting.densities_on_plane({"p": BELL}, GRID).axes[0]
    inner = axis.collections[0].get_paths()[1].vertices.mean(axis=0)
    np.testing.assert_allclose(inner, [-1, 0], atol=0.1)


@pytest.mark.parametrize(
    ("densities", "grid", "words"),
    [
        ({}, GRID, "`densities` must be a dictionary"),
        ({"p": BELL}, GRID[:5], r"`densities\['p'\]` must be numbers of the shape \(5, 5\)"),
        ({"p": BELL}, GRID[::-1], "`grid` must be at least two growing numbers"),
        ({"p": 0 * BELL}, GRID, "`densities` must be positive"),
        ({"p": -BELL}, GRID, "`densities` must be positive"),
        ({"p": NAN * BELL}, GRID, r"`densities\['p'\]` must be finite"),
    ],
)
def test_densities_on_plane_refuse_what_is_no_density(densities, grid, words):
    with pytest.raises(ValueError, match=words):
        plotting.densities_on_plane(densities, grid)
