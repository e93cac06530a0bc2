"""The digit classifier that judges samples."""

import keras
import numpy as np
import pytest

from course_utils.models import build_classifier


def test_probabilities_of_each_class():
    model = build_classifier(4, image_shape=(12, 12, 1))
    images = np.random.default_rng(0).random((5, 12, 12, 1), dtype=np.float32)
    probabilities = model.predict(images, verbose=0)
    assert probabilities.shape == (5, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.system
def test_learns_what_is_easy():
    """Bright against dark."""
    model = build_classifier(2, image_shape=(12, 12, 1))
    labels = np.arange(64) % 2
    images = np.float32(labels[:, None, None, None] * 0.8 + np.random.default_rng(0).random((64, 12, 12, 1)) * 0.2)
    model.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True
    )
    model.fit(images, labels, batch_size=16, epochs=4, verbose=0)
    assert model.evaluate(images, labels, verbose=0)[1] > 0.95


@pytest.mark.parametrize("n_classes", [0, -1, 2.5, "ten"])
def test_bad_number_of_classes(n_classes):
    with pytest.raises(ValueError, match=r"`n_classes` must be a positive whole number\. Received: n_classes="):
        build_classifier(n_classes)


def test_bad_image_shape():
    with pytest.raises(ValueError, match="`image_shape` must be"):
        build_classifier(image_shape=(28, 28))


def test_images_too_small_for_its_layers_are_refused():
    assert build_classifier(3, image_shape=(10, 11, 1)).output_shape == (None, 3)
    with pytest.raises(
        ValueError, match=r"`image_shape` must have sides of at least 10 pixels.*image_shape=\(28, 9, 1\)"
    ):
        build_classifier(image_shape=(28, 9, 1))
