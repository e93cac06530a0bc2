"""The VQ-VAE: an autoencoder whose code is a grid of whole numbers."""

import keras
from keras import layers

from course_utils.layers import VectorQuantizer
from course_utils.models.autoencoder import Autoencoder, check_halvings, check_widths


@keras.saving.register_keras_serializable(package="course_utils")
class VQVAE(Autoencoder):
    """decoder(quantizer(encoder(images))): trains with stock `fit`, with the images as their own targets.

    `fit` and `evaluate` report the loss, the quantizer's terms among it, and the `perplexity` of a batch.

    Args:
        encoder: model from images to vectors `(batch, rows, columns, D)`.
        quantizer: a `VectorQuantizer`.
        decoder: model from such vectors to images.

    Raises:
        ValueError: if a part is none of these; in `fit` and `evaluate`, as in `Autoencoder`.

    Reference:
        van den Oord, Vinyals & Kavukcuoglu, Neural discrete representation learning, 2017.
    """

    def __init__(self, encoder, quantizer, decoder, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        if not isinstance(quantizer, VectorQuantizer):
            raise ValueError(f"`quantizer` must be a `VectorQuantizer`. Received: quantizer={quantizer!r}")
        self.quantizer = quantizer
        if not quantizer.built:
            quantizer.build(encoder.output.shape)
        self.perplexity_metric = keras.metrics.Mean(name="perplexity")

    def call(self, images, training=False):
        return self.decoder(self.quantizer(self.encoder(images), training=training))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        self.perplexity_metric.update_state(self.quantizer.perplexity)
        return loss

    def get_config(self):
        return {**super().get_config(), "quantizer": keras.saving.serialize_keras_object(self.quantizer)}

    @classmethod
    def from_config(cls, config):
        config["quantizer"] = keras.saving.deserialize_keras_object(config["quantizer"])
        return super().from_config(config)


def build_vq_vae(n_codes, *, code_dim=16, filters=(32, 64), image_shape=(28, 28, 1), **quantizer):
    """A convolutional VQ-VAE: each level halves the sides on the way in and doubles them on the way out.

    Behind the code, where the maps are small, the decoder has two residual blocks. The encoder has none, so a vector
    sees its neighbourhood only, ten rows and columns for two levels. If it saw more, it would use the empty background
    to tell what belongs elsewhere, and such codes are hard to predict.

    >>> build_vq_vae(32).encoder.output.shape
    (None, 7, 7, 16)

    Args:
        n_codes: entries of the codebook.
        code_dim: width D of an entry.
        filters: channels of each level, at least one, from the image to the code.
        image_shape: `(height, width, channels)`; height and width divisible by 2 at each level.
        quantizer: further arguments of the `VectorQuantizer`.

    Returns:
        A `VQVAE`, its code a grid of `height / 2ⁿ` rows and `width / 2ⁿ` columns for n levels.

    Raises:
        ValueError: if a width is not a positive whole number, `filters` is empty, `image_shape` has not three numbers
            or a side can't be halved, an argument of the quantizer is out of its range, or Keras is set to
            `channels_first`.

    Reference:
        van den Oord, Vinyals & Kavukcuoglu, 2017, section 4.1; there the encoder has blocks, too, and they have ReLU.
    """
    image_shape, code_dim, filters = check_widths(image_shape, code_dim=code_dim, filters=filters)
    check_halvings(image_shape, filters)
    resized = {"kernel_size": 4, "strides": 2, "padding": "same"}
    x = images = keras.Input(image_shape)
    for channels in filters:
        x = layers.Conv2D(channels, activation="elu", **resized)(x)
    vectors = layers.Conv2D(code_dim, 1, dtype="float32")(x)
    encoder = keras.Model(images, vectors, name="encoder")
    entries = keras.Input(vectors.shape[1:])
    x = layers.Conv2D(filters[-1], 3, padding="same", activation="elu")(entries)
    for _ in range(2):
        change = layers.Conv2D(filters[-1] // 2, 3, padding="same", activation="elu")(x)
        x = layers.Add()([x, layers.Conv2D(filters[-1], 1)(change)])
    for channels in filters[-2::-1]:
        x = layers.Conv2DTranspose(channels, activation="elu", **resized)(x)
    image = layers.Conv2DTranspose(image_shape[-1], activation="sigmoid", dtype="float32", **resized)(x)
    return VQVAE(encoder, VectorQuantizer(n_codes, **quantizer), keras.Model(entries, image, name="decoder"))
