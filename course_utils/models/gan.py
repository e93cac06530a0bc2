"""Generative adversarial networks: a generator, and a discriminator that learns to tell its pictures from real ones."""

import keras
from keras import layers, ops

from course_utils.checks import check_whole
from course_utils.models.autoencoder import check_halvings, check_widths
from course_utils.models.vae import VAE


def adversarial_losses(discriminator, real, made):
    """The losses of two players, each of which sends no gradient to the other's weights.

    The discriminator's is its mean cross-entropy over real and made pictures; its gradient stops at the pictures. The
    generator's is that of the wrong answer, "real", for the made ones (*non-saturating*); it reaches the pictures
    through the discriminator, whose weights are held fixed.

    Args:
        discriminator: built model from pictures, or a list of inputs, to logits of "real".
        real: what it shall take for real, a tensor or a list of them.
        made: what it shall not, of the same structure.

    Returns:
        Scalars: loss of the discriminator, loss of the generator, and the share of answers that are right.

    Reference:
        Goodfellow et al., Generative adversarial nets, 2014, sections 3 and 4.
    """
    of_real = discriminator(real)
    of_made = discriminator(keras.tree.map_structure(ops.stop_gradient, made))
    taken_for_real = with_fixed_weights(discriminator, made)
    right = (ops.mean(ops.cast(of_real > 0, "float32")) + ops.mean(ops.cast(of_made < 0, "float32"))) / 2
    of_discriminator = (ops.mean(ops.softplus(-of_real)) + ops.mean(ops.softplus(of_made))) / 2
    return of_discriminator, ops.mean(ops.softplus(-taken_for_real)), right


def with_fixed_weights(model, inputs):
    """The model's output, whose gradient reaches the inputs but not the weights."""
    fixed = [ops.stop_gradient(ops.convert_to_tensor(weight)) for weight in model.trainable_variables]
    outputs, _ = model.stateless_call(fixed, model.non_trainable_variables, inputs)
    return outputs


@keras.saving.register_keras_serializable(package="course_utils")
class GAN(keras.Model):
    """A generator of pictures from noise, that trains against a discriminator, with stock `fit(pictures)`.

    The model draws as many pictures as it gets, each from standard normal noise of its own. Both players learn in the
    same step, each from its own loss. `fit` reports their sum as the loss, both of them, and `told_apart`, the share of
    pictures, real and made, that the discriminator gets right: one half if it can but guess.

    With `pack` above 1 the discriminator judges so many pictures at once, all real or all made, one behind the other
    along the last axis. A generator that draws the same thing each time is then found out.

    Args:
        generator: model from noise `(batch, latent_dim)` to pictures or points `(batch, ..., channels)`.
        discriminator: model from `(batch, ..., pack · channels)` to logits of "real", without layers that have a state
            of their own, such as batch normalisation or dropout.
        pack: how many pictures are judged together; a batch is cut to a multiple of it.
        seed: of the noise; random by default.

    Raises:
        ValueError: if a part is no model, the discriminator has a state, or `pack` is no positive whole number.

    Reference:
        Goodfellow et al., Generative adversarial nets, 2014; for `pack`: Lin, Khetan, Fanti & Oh, PacGAN, 2018.
    """

    def __init__(self, generator, discriminator, *, pack=1, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(generator, keras.Model):
            raise ValueError(f"`generator` must be a `keras.Model`. Received: generator={generator!r}")
        self.generator, self.discriminator = generator, check_discriminator(discriminator)
        self.pack, self.seed = check_whole("pack", pack), seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.means = [keras.metrics.Mean(name=name) for name in ("discriminator_loss", "generator_loss", "told_apart")]
        self.built = generator.built and discriminator.built

    def call(self, pictures, training=False):
        return self.generator(noise_for(pictures, self.generator, self.seed_generator), training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        losses = adversarial_losses(self.discriminator, packed(x, self.pack), packed(y_pred, self.pack))
        for mean, value in zip(self.means, losses):
            mean.update_state(value)
        return losses[0] + losses[1]

    def get_config(self):
        parts = {"generator": self.generator, "discriminator": self.discriminator}
        parts = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        return {**super().get_config(), **parts, "pack": self.pack, "seed": self.seed}

    @classmethod
    def from_config(cls, config):
        for part in ("generator", "discriminator"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        return cls(**config)


def check_discriminator(discriminator):
    """The discriminator, if it is a model that two players can share; raises a ValueError otherwise."""
    if not isinstance(discriminator, keras.Model):
        raise ValueError(f"`discriminator` must be a `keras.Model`. Received: discriminator={discriminator!r}")
    states = [variable.path for variable in discriminator.non_trainable_variables]
    if states:
        raise ValueError(
            "`discriminator` must have no layer with a state of its own, such as BatchNormalization or Dropout: in a "
            f"step it is called three times, and both players must meet the same one. Received one with {states}"
        )
    return discriminator


def noise_for(pictures, generator, seed_generator):
    """Standard normal noise for a generator, as many rows as there are pictures."""
    return keras.random.normal((ops.shape(pictures)[0], generator.input_shape[-1]), seed=seed_generator)


def packed(pictures, pack):
    """Groups of `pack` pictures, one behind the other along the last axis: (n, ..., c) to (n // pack, ..., pack · c).

    >>> print(ops.convert_to_numpy(packed(np.array([[1], [2], [3], [4], [5]]), 2)))
    [[1 2]
     [3 4]]
    """
    whole = ops.shape(pictures)[0] // pack * pack
    return ops.concatenate([pictures[i:whole:pack] for i in range(pack)], axis=-1)


@keras.saving.register_keras_serializable(package="course_utils")
class VAEGAN(VAE):
    """A VAE whose decoder is a GAN's generator, and whose pictures are compared by what the discriminator sees.

    Three players learn in one step of stock `fit(pictures)`. The encoder minimises the KL term and half the squared
    distance of picture and reconstruction in the discriminator's features, summed over them. The decoder minimises that
    distance, too, and the generator's loss for pictures drawn from the prior. The discriminator
    learns to tell these from real ones. Nobody sends a gradient to what it doesn't own.

    `fit` reports `kl` in nats, `feature_error`, both players' losses and `told_apart`, as `GAN` does.

    Args:
        encoder: model from pictures to the pair `(mean, log_var)`, each `(batch, latent_dim)`.
        decoder: model from codes `(batch, latent_dim)` to pictures.
        discriminator: model from pictures to logits of "real", with a layer named `"features"`; as in `GAN`.
        beta: non-negative factor of the KL term.
        seed: of the sampling noise; random by default.

    Raises:
        ValueError: as in `VAE` and `GAN`; if no layer is named `"features"`.

    Reference:
        Larsen, Sønderby, Larochelle & Winther, Autoencoding beyond pixels using a learned similarity metric, 2016;
        there the discriminator also sees the reconstructions.
    """

    def __init__(self, encoder, decoder, discriminator, *, beta=1.0, seed=None, **kwargs):
        super().__init__(encoder, decoder, beta, seed, **kwargs)
        self.discriminator = check_discriminator(discriminator)
        self.features = keras.Model(discriminator.inputs, discriminator.get_layer("features").output)
        names = ("feature_error", "discriminator_loss", "generator_loss", "told_apart")
        self.means = [keras.metrics.Mean(name=name) for name in names]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        drawn = self.decoder(noise_for(x, self.decoder, self.sampling.seed_generator), training=training)
        difference = with_fixed_weights(self.features, x) - with_fixed_weights(self.features, y_pred)
        feature_error = ops.mean(ops.sum(ops.square(difference), axis=tuple(range(1, len(difference.shape))))) / 2
        losses = adversarial_losses(self.discriminator, x, drawn)
        for mean, value in zip(self.means, (feature_error, *losses)):
            mean.update_state(value)
        self.kl_metric.update_state(self.kl_divergence.kl, sample_weight=ops.shape(x)[0])
        return feature_error + losses[0] + losses[1] + sum(self.losses)

    def get_config(self):
        discriminator = keras.saving.serialize_keras_object(self.discriminator)
        return {**super().get_config(), "discriminator": discriminator}

    @classmethod
    def from_config(cls, config):
        config["discriminator"] = keras.saving.deserialize_keras_object(config["discriminator"])
        return super().from_config(config)


def build_generator(latent_dim, *, filters=(64, 32), image_shape=(28, 28, 1)):
    """A convolutional decoder from codes to images that doubles the sides once for each entry of `filters`.

    Batch normalisation keeps its layers awake. It serves as a GAN's generator and as a VAE's decoder.

    >>> build_generator(32).output.shape
    (None, 28, 28, 1)

    Args:
        latent_dim: width of the code or noise.
        filters: channels of each level, from the code to the image.
        image_shape: `(height, width, channels)`; height and width divisible by 2 at each level.

    Raises:
        ValueError: if a width is not a positive whole number or a side can't be halved so often.

    Reference:
        Radford, Metz & Chintala, Unsupervised representation learning with deep convolutional generative adversarial
        networks, 2016, section 3.
    """
    image_shape, latent_dim, filters = check_widths(image_shape, latent_dim=latent_dim, filters=filters)
    check_halvings(image_shape, filters)
    rows, columns = (side // 2 ** len(filters) for side in image_shape[:2])
    x = codes = keras.Input((latent_dim,))
    x = layers.Reshape((rows, columns, filters[0]))(layers.Dense(rows * columns * filters[0], use_bias=False)(x))
    for channels in filters[1:]:
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.Conv2DTranspose(channels, 4, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    image = layers.Conv2DTranspose(
        image_shape[-1], 4, strides=2, padding="same", activation="sigmoid", dtype="float32"
    )(x)
    return keras.Model(codes, image, name="generator")


def build_discriminator(image_shape=(28, 28, 1), *, filters=(32, 64)):
    """A convolutional network from images to logits of "real" `(batch, 1)`, with a layer named `"features"`.

    Raises:
        ValueError: if a width is not a positive whole number.

    Reference:
        Radford, Metz & Chintala, 2016, section 3; without their batch normalisation, see `GAN`.
    """
    images, x = _halved(image_shape, filters)
    x = layers.Flatten(name="features")(x)
    return keras.Model(images, layers.Dense(1, dtype="float32")(x), name="discriminator")


def build_gaussian_encoder(latent_dim, image_shape=(28, 28, 1), *, filters=(32, 64)):
    """The discriminator's convolutions as a VAE's encoder: from images to `mean` and `log_var`, `(batch, latent_dim)`.

    Raises:
        ValueError: if a width is not a positive whole number.
    """
    images, x = _halved(image_shape, filters)
    x = layers.Flatten()(x)
    outputs = [layers.Dense(latent_dim, name=name, dtype="float32")(x) for name in ("mean", "log_var")]
    return keras.Model(images, outputs, name="encoder")


def _halved(image_shape, filters):
    """An input, and what convolutions make of it that halve the sides once for each entry of `filters`."""
    image_shape, filters = check_widths(image_shape, filters=filters)
    x = images = keras.Input(image_shape)
    for channels in filters:
        x = layers.Conv2D(channels, 4, strides=2, padding="same")(x)
        x = ops.maximum(x, 0.2 * x)  # leaky ReLU; of Keras's own, right behind a convolution, TensorFlow complains
    return images, x
