"""Plain autoencoders: an encoder, a code, a decoder."""

import math

import keras
from keras import layers

from course_utils.checks import check_channels_last, check_same_shape, check_whole, check_wholes
from course_utils.layers import BedOfNails2D, MaxPoolingWithPositions2D, MaxUnpooling2D

UNPOOLINGS = ("transposed", "nearest", "bilinear", "bed_of_nails", "max")


@keras.saving.register_keras_serializable(package="course_utils")
class Autoencoder(keras.Model):
    """decoder(encoder(images)): trains with stock `compile` and `fit`, with the images as their own targets.

    Args:
        encoder: model from images `(batch, height, width, channels)` to codes `(batch, latent_dim)`.
        decoder: model from codes to images of the same shape.

    Raises:
        ValueError: if a part is no model; in `fit` and `evaluate`, if there is no loss, if there are no targets, or if
            they have another shape than the output.

    Reference:
        Hinton & Salakhutdinov, Reducing the dimensionality of data with neural networks, 2006.
    """

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        for name, part in {"encoder": encoder, "decoder": decoder}.items():
            if not isinstance(part, keras.Model):
                raise ValueError(f"`{name}` must be a `keras.Model`. Received: {name}={part!r}")
        self.encoder, self.decoder = encoder, decoder
        self.built = encoder.built and decoder.built

    def call(self, images, training=False):  # named, for Keras tells it to the parts' layers only then
        return self.decoder(self.encoder(images))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.check_fit(y, y_pred, sample_weight)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def check_fit(self, y, y_pred, sample_weight):
        """Raises a ValueError that says what to write if `fit` or `evaluate` can't work with what it was given."""
        name = type(self).__name__
        if self.loss is None:
            raise ValueError(f"`{name}` needs a loss: write `compile(..., loss=bernoulli_nll)` or another one")
        if y is None:
            raise ValueError(
                f"`{name}` needs targets, as a rule the images themselves: write `fit(images, images)`, or pair them, "
                "as in `dataset.map(lambda images: (images, images))`"
            )
        check_same_shape(
            "targets", y, "the output's", y_pred.shape
        )  # Keras would broadcast them, or raise where it can't

    def export(self, *args, **kwargs):
        """Keras's `export`. Keras has not noted the inputs' shape if both parts were built before."""
        if hasattr(self.encoder, "input_shape"):
            self.build(self.encoder.input_shape)
        return super().export(*args, **kwargs)

    def get_config(self):
        parts = {"encoder": self.encoder, "decoder": self.decoder}
        return {**super().get_config(), **{k: keras.saving.serialize_keras_object(v) for k, v in parts.items()}}

    @classmethod
    def from_config(cls, config):
        for part in ("encoder", "decoder"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        return cls(**config)


def build_dense_autoencoder(
    latent_dim,
    *,
    hidden=(),
    activation="relu",
    code_activation="linear",
    code_regularizer=None,
    kernel_regularizer=None,
    image_shape=(28, 28, 1),
):
    """An autoencoder of dense layers; the decoder mirrors the encoder and ends in a sigmoid.

    >>> model = build_dense_autoencoder(2, hidden=(64,))
    >>> print(model.encoder.output.shape, model.decoder.output.shape)
    (None, 2) (None, 28, 28, 1)

    Args:
        latent_dim: width of the code.
        hidden: widths of the encoder's hidden layers, from the image to the code.
        activation: of the hidden layers.
        code_activation: of the code.
        code_regularizer: regularizer of the code's activity, such as `keras.regularizers.L1(1e-4)`.
        kernel_regularizer: regularizer of the encoder's and decoder's weights.
        image_shape: `(height, width, channels)`.

    Returns:
        An `Autoencoder`.

    Raises:
        ValueError: if a width is not a positive whole number, `image_shape` has not three of them, or Keras is set to
            `channels_first`.
    """
    image_shape, latent_dim, hidden = check_widths(image_shape, latent_dim=latent_dim, hidden=hidden)
    images = keras.Input(image_shape)
    x = dense_stack(layers.Flatten()(images), hidden, activation, kernel_regularizer)
    code = layers.Dense(
        latent_dim,
        code_activation,
        activity_regularizer=code_regularizer,
        kernel_regularizer=kernel_regularizer,
        name="code",
    )(x)
    encoder = keras.Model(images, code, name="encoder")
    decoder = build_dense_decoder(latent_dim, hidden[::-1], activation, image_shape, kernel_regularizer)
    return Autoencoder(encoder, decoder)


def build_dense_decoder(latent_dim, hidden, activation, image_shape, kernel_regularizer=None):
    """Decoder from codes `(batch, latent_dim)` through dense layers to images in [0, 1]; these in float32 always."""
    codes = keras.Input((latent_dim,))
    x = dense_stack(codes, hidden, activation, kernel_regularizer)
    sigmoid = layers.Dense(math.prod(image_shape), "sigmoid", kernel_regularizer=kernel_regularizer, dtype="float32")
    return keras.Model(codes, layers.Reshape(image_shape, dtype="float32")(sigmoid(x)), name="decoder")


def dense_stack(x, hidden, activation, kernel_regularizer=None):
    """Applies one dense layer for each width in `hidden`."""
    for width in hidden:
        x = layers.Dense(width, activation, kernel_regularizer=kernel_regularizer)(x)
    return x


def build_conv_autoencoder(
    latent_dim, *, filters=(16, 32), unpooling="transposed", activation="elu", image_shape=(28, 28, 1)
):
    """A convolutional autoencoder: each level halves height and width on the way in, doubles them on the way out.

    The encoder strides. The decoder uses transposed convolutions, or upsamples as named and then
    convolves; its parameters are as many either way. With `"max"` the encoder max-pools instead and
    hands the positions of its maxima to the decoder, along with the code.

    Args:
        latent_dim: width of the code.
        filters: channels of each level, at least one, from the image to the code.
        unpooling: one of `"transposed"`, `"nearest"`, `"bilinear"`, `"bed_of_nails"`, `"max"`.
        activation: of all layers but the code and the image.
        image_shape: `(height, width, channels)`; height and width are divisible by 2 at each level.

    Returns:
        An `Autoencoder`.

    Raises:
        ValueError: if a width is not a positive whole number, `filters` is empty, `unpooling` is unknown, an image side
            can't be halved, or Keras is set to `channels_first`.
    """
    image_shape, latent_dim, filters = check_widths(image_shape, latent_dim=latent_dim, filters=filters)
    check_halvings(image_shape, filters)
    if unpooling not in UNPOOLINGS:
        raise ValueError(f"`unpooling` must be one of {UNPOOLINGS}. Received: unpooling={unpooling!r}")
    x = images = keras.Input(image_shape)
    positions = []
    for channels in filters:
        x = _halve(x, channels, activation, unpooling, positions)
    code = layers.Dense(latent_dim, name="code")(layers.Flatten()(x))
    encoder = keras.Model(images, [code, *positions] if positions else code, name="encoder")

    codes = keras.Input((latent_dim,))
    remembered = [keras.Input(p.shape[1:]) for p in positions]
    y = layers.Reshape(x.shape[1:])(layers.Dense(math.prod(x.shape[1:]), activation)(codes))
    for level in reversed(range(len(filters))):
        convolution = {"filters": filters[level - 1], "activation": activation}
        if level == 0:
            convolution = {"filters": image_shape[-1], "activation": "sigmoid", "dtype": "float32"}
        y = _double(y, convolution, unpooling, remembered[level] if remembered else None)
    decoder = keras.Model([codes, *remembered] if remembered else codes, y, name="decoder")
    return Autoencoder(encoder, decoder)


def _halve(x, channels, activation, unpooling, positions):
    if unpooling != "max":
        return layers.Conv2D(channels, 3, strides=2, padding="same", activation=activation)(x)
    x = layers.Conv2D(channels, 3, padding="same", activation=activation)(x)
    x, where = MaxPoolingWithPositions2D(2)(x)
    positions.append(where)
    return x


def _double(y, convolution, unpooling, where):
    convolution = {"kernel_size": 3, "padding": "same", **convolution}
    if unpooling == "transposed":
        return layers.Conv2DTranspose(strides=2, **convolution)(y)
    if unpooling == "max":
        y = MaxUnpooling2D(2)([y, where])
    elif unpooling == "bed_of_nails":
        y = BedOfNails2D(2)(y)
    else:
        y = layers.UpSampling2D(2, interpolation=unpooling)(y)
    return layers.Conv2D(**convolution)(y)


def check_widths(image_shape, **widths):
    """Returns shape and widths as ints, in their order, or raises a ValueError that names one; every builder asks."""
    check_channels_last()
    shape = check_wholes("image_shape", image_shape)
    if len(shape) != 3:
        raise ValueError(f"`image_shape` must be (height, width, channels). Received: image_shape={image_shape!r}")
    lists = ("hidden", "filters")
    return shape, *((check_wholes if name in lists else check_whole)(name, value) for name, value in widths.items())


def check_halvings(image_shape, filters):
    """Raises a ValueError unless `filters` has an entry and the sides can be halved once for each."""
    if not filters:
        raise ValueError("`filters` must have an entry for each level, at least one. Received: filters=()")
    if any(side % 2 ** len(filters) for side in image_shape[:2]):
        raise ValueError(
            f"`image_shape` must have sides divisible by {2 ** len(filters)}, 2 for each of the {len(filters)} "
            f"entries of `filters`. Received: image_shape={image_shape}"
        )
