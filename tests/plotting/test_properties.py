"""Whatever comes, each function returns a figure that says what it shows, or a ValueError that names the argument."""

import inspect
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.figure import Figure

from course_utils import plotting

DTYPES = st.sampled_from([np.uint8, np.int64, np.float16, np.float32, np.float64, np.bool_])


def mostly(right, odd):
    """What the function asks for nine times out of ten, else something odd."""
    return st.integers(0, 9).flatmap(lambda die: right if die < 9 else odd)


def numbers(*sizes):
    """Arrays mostly of these sizes and in [0, 1]; odd ones are of any dtype, range and number of rows."""
    shapes = st.one_of(st.just(sizes), st.tuples(*(st.integers(0, size + 1) for size in sizes)), st.just(sizes[:-1]))
    odd = st.tuples(DTYPES, shapes).flatmap(lambda pair: arrays.arrays(*pair))
    return mostly(arrays.arrays(np.float32, sizes, elements=st.floats(0, 1, width=32)), odd)


def named(values, most=3):
    return st.dictionaries(TEXTS, values, min_size=1, max_size=most)


def call(*args, **kwargs):
    return st.tuples(st.tuples(*args), st.fixed_dictionaries(kwargs))


TEXTS = st.sampled_from(["", "a", "b", "$z_1$ of q", "two\nlines", 'a "quoted" <b>', "long " * 40, "_é"])
LABELS = mostly(arrays.arrays(np.int64, 6, elements=st.integers(0, 9)), numbers(6))
CODES, IMAGES = numbers(6, 2), numbers(6, 4, 4, 1)
NUMBER = mostly(st.floats(-9, 9), st.sampled_from([None, np.nan, np.inf, -np.inf, "1"]))
RADIUS = mostly(st.floats(0.1, 9), NUMBER)
WHOLE = mostly(st.sampled_from([1, 2, 3]), st.sampled_from([0, -1, 1.5, None, True]))
X = st.one_of(st.none(), st.just(range(1, 6)), numbers(5))

CALLS = {
    "image_rows": call(named(IMAGES), mostly(st.none(), st.just("two titles"))),
    "deformed_grids": call(named(numbers(2, 4, 4, 2)), mostly(st.none(), numbers(2, 4, 4, 1))),
    "encodings": call(numbers(2, 4, 4, 1), numbers(2, 3), numbers(2, 4, 4, 1)),
    "mosaic": call(IMAGES, WHOLE, TEXTS),
    "curves": call(named(numbers(5)), TEXTS, TEXTS, x=X, log_y=st.booleans(), levels=named(NUMBER), title=TEXTS),
    "bands": call(named(numbers(3, 5)), TEXTS, TEXTS, x=X),
    "bars": st.one_of(
        call(named(NUMBER), TEXTS, significant=WHOLE), call(named(numbers(2)), TEXTS, groups=st.just("uv"))
    ),
    "stacked_bars": call(named(numbers(2)), TEXTS, groups=st.just("uv"), floor=NUMBER, significant=WHOLE),
    "histograms": call(named(numbers(4, 3)), TEXTS, bins=WHOLE),
    "number_grids": call(named(numbers(3, 3)), WHOLE),
    "table": call(numbers(2, 3), st.just("rs"), st.just("uvw"), title=TEXTS),
    "densities_on_plane": call(named(numbers(5, 5)), mostly(st.just(range(5)), numbers(5)), title=TEXTS),
    "latent_maps": call(named(CODES, most=2), LABELS, circle=RADIUS),
    "point_clouds": call(st.one_of(named(CODES), named(numbers(6, 3), most=2)), numbers(6), TEXTS),
    "gaussians_on_map": call(CODES, CODES, LABELS, circle=RADIUS, title=TEXTS),
    "path_on_map": call(CODES, LABELS, numbers(3, 2), IMAGES, title=TEXTS),
    "arrows_on_plane": call(named(CODES), CODES, numbers(3, 2), xlabel=TEXTS, ylabel=TEXTS),
    "images_on_map": call(CODES, IMAGES, LABELS, TEXTS),
}


def test_every_figure_is_tried():
    functions = {name for name in plotting.__all__ if callable(getattr(plotting, name))}
    assert functions - set(CALLS) == {"animation", "film"}


@pytest.mark.filterwarnings("ignore:constrained_layout not applied", "ignore:No contour levels were found")
@pytest.mark.parametrize("name", CALLS)
def test_a_figure_that_speaks_or_an_error_that_names_the_argument(name):
    function, drawn = getattr(plotting, name), []

    @settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(CALLS[name])
    def holds(arguments):
        args, kwargs = arguments
        try:
            figure = function(*args, **kwargs)
        except ValueError as error:
            named = re.match(r"`(\w+)", str(error))
            assert named and named[1] in inspect.signature(function).parameters, error
            return
        assert isinstance(figure, Figure) and 40 <= len(figure.alt) <= 600, figure.alt
        assert "nan" not in figure.alt and "\n" not in figure.alt
        drawn.append(figure)

    holds()
    assert len(drawn) > 2, "too few of the examples are right"
