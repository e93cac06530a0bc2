"""A small digit classifier, to judge what a model draws."""

import keras
from keras import layers

from course_utils.models.autoencoder import check_widths


def build_classifier(n_classes=10, *, image_shape=(28, 28, 1)):
    """A small convolutional classifier of images in [0, 1]; ends in a softmax over `n_classes`.

    Args:
        n_classes: number of classes.
        image_shape: `(height, width, channels)`.

    Returns:
        A `keras.Model` from images to probabilities `(batch, n_classes)`.
    """
    check_widths(image_shape, n_classes=n_classes)
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
