"""Numbers that say how good a model is, one family a file."""

from course_utils.metrics.images import dice, psnr, ssim
from course_utils.metrics.registration import folded_share, gradient_energy, inverse_error, jacobian_determinant
from course_utils.metrics.samples import precision_recall, squared_frechet_distance
from course_utils.metrics.sounds import pitch_and_clarity
from course_utils.metrics.variational import (
    active_units,
    iwae_bound,
    kl_divergence,
    mutual_information,
    negative_elbo_terms,
    sampled_terms,
)

__all__ = [
    "active_units",
    "dice",
    "folded_share",
    "gradient_energy",
    "inverse_error",
    "iwae_bound",
    "jacobian_determinant",
    "kl_divergence",
    "mutual_information",
    "negative_elbo_terms",
    "pitch_and_clarity",
    "precision_recall",
    "psnr",
    "sampled_terms",
    "squared_frechet_distance",
    "ssim",
]
