"""The VQ-VAE: trains with stock fit, survives saving, refuses what is no quantizer."""

import keras
import numpy as np
import pytest

from course_utils.data import load
from course_utils.models import VQVAE, build_dense_autoencoder, build_vq_vae


def test_its_code_is_a_grid_of_entries():
    model = build_vq_vae(16, code_dim=3, filters=(4, 8), image_shape=(12, 8, 1))
    images = np.random.default_rng(0).random((2, 12, 8, 1)).astype("float32")
    vectors = model.encoder.predict(images, verbose=0)
    numbers = np.asarray(model.quantizer.nearest(vectors))
    assert vectors.shape == (2, 3, 2, 3) and numbers.shape == (2, 3, 2)
    by_hand = model.decoder.predict(np.asarray(model.quantizer.entries(numbers)), verbose=0)
    np.testing.assert_allclose(model.predict(images, verbose=0), by_hand, atol=1e-6)


@pytest.mark.system
def test_it_learns_digits_and_survives_saving(tmp_path):
    images = load("mnist", n_train=640).x_train
    model = build_vq_vae(32, filters=(8, 16), revive_below=0.5, seed=0)
    model.compile(keras.optimizers.Adam(5e-3), loss="binary_crossentropy")
    history = model.fit(images, images, epochs=4, batch_size=32, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0] and history["perplexity"][-1] > 4
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(images[:5], verbose=0), model.predict(images[:5], verbose=0))


def test_a_quantizer_must_be_one():
    plain = build_dense_autoencoder(2)
    with pytest.raises(ValueError, match="`quantizer` must be a `VectorQuantizer`"):
        VQVAE(plain.encoder, keras.layers.Identity(), plain.decoder)
