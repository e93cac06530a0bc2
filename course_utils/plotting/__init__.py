"""Every figure of the course. Functions take arrays, never models, and return the figure."""

from course_utils.plotting.animation import animation, film
from course_utils.plotting.charts import bands, bars, curves, densities_on_plane, histograms, stacked_bars
from course_utils.plotting.deformations import deformed_grids
from course_utils.plotting.images import encodings, image_rows, mosaic
from course_utils.plotting.maps import (
    arrows_on_plane,
    gaussians_on_map,
    images_on_map,
    latent_maps,
    path_on_map,
    point_clouds,
)
from course_utils.plotting.style import DIGIT_COLOURS
from course_utils.plotting.tables import number_grids, table

__all__ = [
    "DIGIT_COLOURS",
    "animation",
    "arrows_on_plane",
    "bands",
    "bars",
    "curves",
    "deformed_grids",
    "densities_on_plane",
    "encodings",
    "film",
    "gaussians_on_map",
    "histograms",
    "image_rows",
    "images_on_map",
    "latent_maps",
    "mosaic",
    "number_grids",
    "path_on_map",
    "point_clouds",
    "stacked_bars",
    "table",
]
