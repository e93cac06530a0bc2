"""A small digit classifier, to judge what a model draws."""

import keras
from keras import layers

from course_utils.models.autoencoder import check_widths


def build_classifier(n_classes=10, *, image_shape=(28, 28, 1)):
    """A small convolutional classifier of images in [0, 1]; ends in a softmax over `n_classes`.

    Args:
        n_classes: number of classes.
        image_shape: `(height, width, channels)`; height and width are at least 10.

    Returns:
        A `keras.Model` from images to probabilities `(batch, n_classes)`.

    Raises:
        ValueError: if a width is not a positive whole number, a side is too short, or Keras is set to
            `channels_first`.
    """
    image_shape, n_classes = check_widths(image_shape, n_classes=n_classes)
    if min(image_shape[:2]) < 10:  # two unpadded convolutions and two poolings leave nothing
        raise ValueError(f"`image_shape` must have sides of at least 10 pixels. Received: image_shape={image_shape}")
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(n_classes, "softmax"),
        ],
        name="classifier",
    )
