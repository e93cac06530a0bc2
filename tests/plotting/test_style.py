"""The look of figures."""

import itertools

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from course_utils import plotting
from course_utils.plotting.style import new_figure
from course_utils.plotting.words import plain_text

LABELS = np.arange(32) % 10
CODES = np.random.default_rng(0).normal(size=(32, 2))
GRID = np.linspace(-2, 2, 21)
BELL = np.exp(-np.add.outer(GRID**2, np.linspace(-1, 3, 21) ** 2))


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
        "stacked_bars": plotting.stacked_bars({"ELBO": [1, 2], "KL": [1, 0]}, "nats", groups=["q", "posterior"]),
        "deformed_grids": plotting.deformed_grids({"u": np.zeros((2, 3, 4, 2))}, np.ones((2, 3, 4, 1)), ["1", "2"]),
        "latent_maps": plotting.latent_maps({"map": CODES}, LABELS, symbol="z"),
        "point_clouds": plotting.point_clouds({"roll": np.eye(3), "rolled": -np.eye(3)}, [1, 2, 3], "position"),
        "gaussians_on_map": plotting.gaussians_on_map(CODES, 0 * CODES, LABELS, circle=2.0),
        "path_on_map": plotting.path_on_map(CODES, LABELS, CODES[:3], digits[:5]),
        "arrows_on_plane": plotting.arrows_on_plane({"a": CODES}, -CODES, CODES[:2], xlabel="x", ylabel="y"),
        "images_on_map": plotting.images_on_map(CODES, digits, LABELS),
        "histograms": plotting.histograms({"a": CODES}, "value"),
        "number_grids": plotting.number_grids({"a": np.eye(2), "b": np.eye(3)}),
        "densities_on_plane": plotting.densities_on_plane({"p": BELL, "q": BELL.T}, GRID),
        "table": plotting.table(np.eye(2), ["r", "s"], ["u", "v"]),
    }


def test_every_function_returns_a_closed_figure_draws_it_and_says_what_it_shows(digits):
    """Closed, so that a notebook shows it once; drawn, since many a fault shows only then."""
    figures = _every_figure(digits)
    public = {name for name in plotting.__all__ if callable(getattr(plotting, name))}
    assert public - set(figures) == {"animation", "film"}, "a figure without a test"
    for name, figure in figures.items():
        assert isinstance(figure, Figure), name
        figure.draw_without_rendering()
        assert 40 <= len(figure.alt) <= 600, (name, figure.alt)
    assert len({figure.alt for figure in figures.values()}) == len(figures)
    assert plt.get_fignums() == []


def test_alternative_texts_tell_what_is_compared_and_the_numbers(digits):
    curves = plotting.curves({"test": [3, 0.5, 1]}, "epoch", "loss (nats)", levels={"PCA": 2}, title="A VAE learns")
    assert curves.alt == (
        "A VAE learns. Curves of loss (nats), for epoch from 1 to 3: test from 3 to 1 (lowest 0.5, highest 3). "
        "Dashed levels: PCA 2."
    )
    bars = plotting.bars({"PCA": [0.02, 0.01], "autoencoder": [0.03, 0.005]}, "test MSE", groups=["8", "32"])
    assert bars.alt == (
        "Bar chart of test MSE in 2 groups. PCA from 0.01 (32) to 0.02 (8); autoencoder from 0.005 (32) to 0.03 (8)."
    )
    rows = plotting.image_rows({"test digit": digits[:3], "redrawn,\n$z_1 = 0$": digits[:3]})
    assert rows.alt == "2 rows of 3 images each, from top to bottom: test digit; redrawn, z_1 = 0."


def test_a_long_alternative_text_is_cut_where_it_tires():
    alt = plotting.curves({f"{i} {'long' * 30}": [2, 1] for i in range(9)}, "epoch", "loss").alt
    assert len(alt) <= 600 and "; and 6 more." in alt
    assert len(plain_text("x" * 900)) == 600


def test_a_refused_figure_leaves_no_half_drawn_one_behind():
    with pytest.raises(ZeroDivisionError), new_figure("a figure that fails"):
        raise ZeroDivisionError
    assert plt.get_fignums() == []


def test_a_figure_can_be_saved_outside_of_notebooks(tmp_path):
    plotting.bars({"a": 1.0}, "error").savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_the_style_ends_with_the_figure(digits):
    before = dict(matplotlib.rcParams)
    plotting.image_rows({"a": digits[:2]})
    assert dict(matplotlib.rcParams) == before


def test_titles_do_not_run_past_their_axes(digits):
    title = "5,000 images each against 5,000 test digits, $a + b$ in one piece; not comparable with FID " * 2
    figures = [
        plotting.bars({"a": 1.0}, "error", title=title),
        plotting.latent_maps({title: CODES, f"again: {title}": CODES}, LABELS, symbol="z"),
        plotting.mosaic(digits[:4], 2, title=title),
        plotting.point_clouds({title: np.eye(3), f"again: {title}": np.eye(3)}, [1, 2, 3], "position"),
        plotting.table(np.eye(2), "ab", "cd", title=title),
    ]
    for figure in figures:
        figure.draw_without_rendering()
        titles = [text for text in figure.findobj(Text) if "comparable" in text.get_text()]
        assert titles
        for text in titles:
            assert text.get_window_extent().width <= text.axes.get_window_extent().width + 1
            assert "$a + b$" in text.get_text()


# Machado, Oliveira & Fernandes, A physiologically-based model for simulation of color vision deficiency, 2009
EYES = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


@pytest.mark.parametrize("eyes", EYES)
def test_digits_that_lie_side_by_side_have_colours_that_differ_to_all_eyes(eyes):
    from skimage.color import deltaE_ciede2000, rgb2lab

    colours = np.array([matplotlib.colors.to_rgb(colour) for colour in plotting.DIGIT_COLOURS])
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(EYES[eyes]), 0, 1)
    seen = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(seen[np.newaxis])[0]
    apart = deltaE_ciede2000(lab[:, np.newaxis], lab[np.newaxis])
    for pair in ("35", "38", "58", "49", "79", "47"):
        assert apart[int(pair[0]), int(pair[1])] > 28, pair
    for pair in ("28", "89", "56", "06", "23", "12", "05", "39", "59", "27"):
        assert apart[int(pair[0]), int(pair[1])] > 26, pair
    assert min(apart[i, j] for i, j in itertools.combinations(range(10), 2)) > 11
