"""Image translation: a network from one kind of picture to another, judged patch by patch."""

import keras
from keras import layers, ops

from course_utils.checks import check_non_negative, check_same_shape
from course_utils.models.autoencoder import check_widths
from course_utils.models.gan import adversarial_losses


@keras.saving.register_keras_serializable(package="course_utils")
class PatchTranslator(keras.Model):
    """A generator from inputs to pictures that trains against a discriminator of patches, with stock `fit`.

    For each patch the discriminator says whether a picture is real, given the input. The generator is to make pictures
    near the target, in the mean absolute error, whose patches are taken for real. Both learn in the same step: what one
    minimises passes no gradient to the weights of the other. Call and `predict` are the generator's.

    `fit` reports the loss; `l1`, the mean absolute error; and `told_apart`, the share of patches, real and made, that
    the discriminator gets right: one half if it can but guess.

    Args:
        generator: model from inputs `(batch, height, width, channels)` to pictures of the same height and width.
        discriminator: model from the pair `[inputs, pictures]` to logits of "real", `(batch, rows, columns, 1)`.
        l1_weight: non-negative factor of the mean absolute error.

    Raises:
        ValueError: if a part is no model or `l1_weight` is negative or not finite; in `fit`, if there are no targets,
            or they have another shape than the pictures.

    Reference:
        Isola, Zhu, Zhou & Efros, Image-to-image translation with conditional adversarial networks, 2017.
    """

    def __init__(self, generator, discriminator, *, l1_weight=100.0, **kwargs):
        super().__init__(**kwargs)
        for name, part in {"generator": generator, "discriminator": discriminator}.items():
            if not isinstance(part, keras.Model):
                raise ValueError(f"`{name}` must be a `keras.Model`. Received: {name}={part!r}")
        self.generator, self.discriminator = generator, discriminator
        self.l1_weight = check_non_negative("l1_weight", l1_weight)
        self.l1 = keras.metrics.Mean(name="l1")
        self.told_apart = keras.metrics.Mean(name="told_apart")
        self.built = generator.built and discriminator.built

    def call(self, inputs, training=False):
        return self.generator(inputs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if y is None:
            raise ValueError("`PatchTranslator` needs targets: write `fit(inputs, pictures)`")
        check_same_shape("targets", y, "the pictures'", y_pred.shape)
        of_discriminator, of_generator, right = adversarial_losses(self.discriminator, [x, y], [x, y_pred])
        l1 = ops.mean(ops.abs(y - y_pred))
        self.l1.update_state(l1)
        self.told_apart.update_state(right)
        return of_discriminator + of_generator + self.l1_weight * l1

    def get_config(self):
        parts = {"generator": self.generator, "discriminator": self.discriminator}
        parts = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        return {**super().get_config(), **parts, "l1_weight": self.l1_weight}

    @classmethod
    def from_config(cls, config):
        for part in ("generator", "discriminator"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        return cls(**config)


def build_patch_discriminator(input_shape, image_shape, *, filters=(32, 64)):
    """A discriminator that halves the sides once for each entry of `filters` and judges patch by patch.

    >>> build_patch_discriminator((28, 28, 1), (28, 28, 1)).output.shape
    (None, 7, 7, 1)

    Args:
        input_shape: `(height, width, channels)` of the inputs.
        image_shape: the same of the pictures; height and width as the inputs'.
        filters: channels of each level. With two levels a patch is 22 × 22 pixels, with one 10 × 10.

    Returns:
        A `keras.Model` from `[inputs, pictures]` to logits `(batch, rows, columns, 1)`, float32 always.

    Raises:
        ValueError: if a width is not a positive whole number, or the two have other heights or widths.

    Reference:
        Isola, Zhu, Zhou & Efros, 2017, section 3.2.2.
    """
    input_shape, filters = check_widths(input_shape, filters=filters)
    image_shape, *_ = check_widths(image_shape)
    if image_shape[:2] != input_shape[:2]:
        raise ValueError(
            f"`image_shape` must have the inputs' sides {input_shape[:2]}. Received: image_shape={image_shape}"
        )
    pair = [keras.Input(input_shape), keras.Input(image_shape)]
    x = layers.Concatenate()(pair)
    for channels in filters:
        # Not ELU: near 0 it is almost linear, and sees hardly more than a weighted mean, in which texture cancels.
        x = layers.Conv2D(channels, 4, strides=2, padding="same", activation="relu")(x)
    return keras.Model(pair, layers.Conv2D(1, 4, padding="same", dtype="float32")(x), name="patch_discriminator")
