"""Autoencoders and their builders, one family a file."""

from course_utils.models.autoencoder import Autoencoder, build_conv_autoencoder, build_dense_autoencoder
from course_utils.models.classifier import build_classifier
from course_utils.models.gan import GAN, VAEGAN, build_discriminator, build_gaussian_encoder, build_generator
from course_utils.models.pixel_cnn import build_pixel_cnn
from course_utils.models.registration import Registration, Templates, build_atlas, build_registration
from course_utils.models.sequence_vae import SequenceVAE, build_sequence_vae
from course_utils.models.translation import PatchTranslator, build_patch_discriminator
from course_utils.models.unet import build_unet
from course_utils.models.vae import IWAE, VAE, ConditionalVAE, build_conditional_vae, build_dense_vae
from course_utils.models.vq_vae import VQVAE, build_vq_vae

__all__ = [
    "GAN",
    "IWAE",
    "VAE",
    "VAEGAN",
    "VQVAE",
    "Autoencoder",
    "ConditionalVAE",
    "PatchTranslator",
    "Registration",
    "SequenceVAE",
    "Templates",
    "build_atlas",
    "build_classifier",
    "build_conditional_vae",
    "build_conv_autoencoder",
    "build_dense_autoencoder",
    "build_dense_vae",
    "build_discriminator",
    "build_gaussian_encoder",
    "build_generator",
    "build_patch_discriminator",
    "build_pixel_cnn",
    "build_registration",
    "build_sequence_vae",
    "build_unet",
    "build_vq_vae",
]
