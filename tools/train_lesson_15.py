"""Trains the three models of lesson 15 for ten times as long as the lesson does. `make checkpoints` calls this.

The recipes are the lesson's, with more epochs; only the decoders are stored. What is stored already is not trained
again; an interrupted training goes on after its last epoch. data/checkpoints/README.md says what the files hold.
"""

import argparse

import keras
import numpy as np

from course_utils import checkpoints
from course_utils.checkpoints import save_checkpoint
from course_utils.data import load
from course_utils.lesson import setup
from course_utils.losses import bernoulli_nll
from course_utils.models import GAN, VAE, VAEGAN, build_discriminator, build_gaussian_encoder, build_generator
from course_utils.resume import Resume
from course_utils.training import fast
from tools.train_checkpoints import Report, check_all_of_mnist, is_stored, positive_whole

N_TRAIN, BATCH, LATENT, SEED = 55_000, 64, 32, 15


def vae():
    return VAE(build_gaussian_encoder(LATENT), build_generator(LATENT), beta=2.0, seed=SEED)


def gan():
    return GAN(build_generator(LATENT), build_discriminator(), seed=SEED)


def vae_gan():
    return VAEGAN(build_gaussian_encoder(LATENT), build_generator(LATENT), build_discriminator(), seed=SEED)


# name: builder, learning rate, β₁, epochs in the lesson
RECIPES = {"long_gan": (gan, 4e-3, 0.5, 3), "long_vae_gan": (vae_gan, 2e-3, 0.5, 2), "long_vae": (vae, 4e-3, 0.9, 5)}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=positive_whole, default=10, help="the lesson's epochs")
    options = parser.parse_args(arguments)
    setup(SEED)
    mnist = load("mnist")
    check_all_of_mnist(mnist, N_TRAIN)
    for name, recipe in RECIPES.items():
        path, _ = checkpoints.files(name)
        if not is_stored(path):
            train(name, mnist.x_train[: N_TRAIN // BATCH * BATCH], options.times, *recipe)


def train(name, images, times, build, learning_rate, beta_1, epochs):
    """Trains a model for so many times the lesson's epochs, and stores its decoder."""
    keras.utils.set_random_seed(SEED)
    model, steps = build(), times * epochs * len(images) // BATCH
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps), beta_1=beta_1)
    model.compile(optimizer, loss=bernoulli_nll if build is vae else None, **fast(model, steps))
    targets = {"y": images} if build is vae else {}
    callbacks = [Report(name), Resume(name)]
    history = model.fit(
        images, **targets, batch_size=BATCH, epochs=times * epochs, verbose=0, callbacks=callbacks
    ).history
    decoder = model.generator if build is gan else model.decoder
    save_checkpoint(decoder, name, {"epoch": 1 + np.arange(times * epochs), **history})


if __name__ == "__main__":
    main()
