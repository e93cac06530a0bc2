"""The layers that Keras does not have, one family a file."""

from course_utils.layers.masked_convolution import MaskedConv2D, PositionBias
from course_utils.layers.quantization import VectorQuantizer
from course_utils.layers.unpooling import BedOfNails2D, MaxPoolingWithPositions2D, MaxUnpooling2D
from course_utils.layers.variational import FreeBits, KLDivergence, Sampling
from course_utils.layers.warping import SpatialTransformer, VectorIntegration
from course_utils.layers.word_dropout import WordDropout

__all__ = [
    "BedOfNails2D",
    "FreeBits",
    "KLDivergence",
    "MaskedConv2D",
    "MaxPoolingWithPositions2D",
    "MaxUnpooling2D",
    "PositionBias",
    "Sampling",
    "SpatialTransformer",
    "VectorIntegration",
    "VectorQuantizer",
    "WordDropout",
]
