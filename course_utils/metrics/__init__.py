"""Numbers that say how good a model is, one family a file."""

from course_utils.metrics.images import psnr, ssim
from course_utils.metrics.samples import frechet_distance
from course_utils.metrics.variational import active_units, elbo, iwae_bound, kl_divergence, sampled_terms

__all__ = [
    "active_units",
    "elbo",
    "frechet_distance",
    "iwae_bound",
    "kl_divergence",
    "psnr",
    "sampled_terms",
    "ssim",
]
