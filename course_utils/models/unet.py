"""The U-Net: an autoencoder with full-size paths around its code."""

import keras
from keras import layers

from course_utils.models.autoencoder import check_widths


def build_unet(image_shape, out_channels, *, filters=(16, 32, 64), skips=True, activation="linear"):
    """Convolutional encoder and decoder; each level of the decoder sees the encoder's maps of the same size as well.

    Two convolutions a level; max pooling on the way in, bilinear upsampling on the way out. Without skips the decoder
    sees its own maps twice in their place, so that both nets have the same number of weights in every layer.

    >>> build_unet((32, 32, 1), 2).output.shape
    (None, 32, 32, 2)

    Args:
        image_shape: `(height, width, channels)` of the input; sides divisible by 2 at each level but the last.
        out_channels: channels of the output, which has the input's height and width.
        filters: channels of each level, from the image to the code map; at least two.
        skips: whether the decoder sees the encoder's maps.
        activation: of the output, float32 always.

    Returns:
        A `keras.Model` from images to `(batch, height, width, out_channels)`.

    Raises:
        ValueError: if a width is not a positive whole number, `filters` has fewer than two entries, an image side can't
            be halved, or Keras is set to `channels_first`.

    Reference:
        Ronneberger, Fischer & Brox, U-Net: convolutional networks for biomedical image segmentation, 2015.
    """
    image_shape, out_channels, filters = check_widths(image_shape, out_channels=out_channels, filters=filters)
    if len(filters) < 2:
        raise ValueError(f"`filters` must have at least two entries, one for each level. Received: filters={filters}")
    halvings = len(filters) - 1
    if any(side % 2**halvings for side in image_shape[:2]):
        raise ValueError(
            f"`image_shape` must have sides divisible by {2**halvings}, 2 for each level but the last. "
            f"Received: image_shape={image_shape}"
        )
    x = images = keras.Input(image_shape)
    passed = []
    for channels in filters[:-1]:
        passed.append(_convolve_twice(x, channels))
        x = layers.MaxPooling2D(2)(passed[-1])
    x = _convolve_twice(x, filters[-1])
    for channels, maps in zip(filters[-2::-1], passed[::-1]):
        x = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(channels, 1)(x))
        x = _convolve_twice(layers.Concatenate()([x, maps if skips else x]), channels)
    output = layers.Conv2D(out_channels, 1, activation=activation, dtype="float32")(x)
    return keras.Model(images, output, name="unet" if skips else "without_skips")


def _convolve_twice(x, channels):
    for _ in range(2):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
    return x
