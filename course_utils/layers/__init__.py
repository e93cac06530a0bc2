"""The layers that Keras does not have, one family a file."""

from course_utils.layers.unpooling import BedOfNails2D, MaxPoolingWithPositions2D, MaxUnpooling2D
from course_utils.layers.variational import KLDivergence, Sampling
from course_utils.layers.warping import SpatialTransformer, VectorIntegration

__all__ = [
    "BedOfNails2D",
    "KLDivergence",
    "MaxPoolingWithPositions2D",
    "MaxUnpooling2D",
    "Sampling",
    "SpatialTransformer",
    "VectorIntegration",
]
