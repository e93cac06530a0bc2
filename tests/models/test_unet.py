"""The U-Net: shapes, what its skips pass on, saving, bad input."""

import keras
import numpy as np
import pytest

from course_utils.models import build_unet

IMAGES = np.random.default_rng(0).random((6, 8, 12, 3), dtype=np.float32)


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize(("filters", "channels"), [((2, 3), 1), ((2, 3, 4), 5)])
def test_output_has_the_inputs_sides(filters, channels, skips):
    assert build_unet((8, 12, 3), channels, filters=filters, skips=skips)(IMAGES).shape == (6, 8, 12, channels)


def test_without_skips_there_are_as_many_weights():
    with_skips, without = (build_unet((8, 8, 1), 2, filters=(2, 3), skips=skips) for skips in (True, False))
    assert [weight.shape for weight in with_skips.weights] == [weight.shape for weight in without.weights]


def test_a_difference_that_the_code_does_not_hold_passes_by_the_skips_alone():
    """A checkerboard and its negative are the same to pooling with equal maxima; only the skip can tell them apart."""
    board = np.indices((8, 8)).sum(axis=0)[np.newaxis, ..., np.newaxis] % 2
    pair = np.concatenate([board, 1 - board]).astype(np.float32)
    apart = {}
    for skips in (True, False):
        model = build_unet((8, 8, 1), 1, filters=(1, 1), skips=skips)
        for weight in model.weights:
            values = np.zeros(weight.shape, np.float32)
            if values.ndim == 4:
                values[values.shape[0] // 2, values.shape[1] // 2] = 1  # each convolution adds up its channels
            weight.assign(values)
        first, second = model.predict(pair, verbose=0)
        apart[skips] = np.abs(first - second).max()
    assert apart[True] > 0.5 and apart[False] == 0


def test_trains_saves_and_loads(tmp_path):
    model = build_unet((8, 12, 3), 3, filters=(8, 8))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    losses = model.fit(IMAGES, IMAGES, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    model.save(tmp_path / "unet.keras")
    loaded = keras.saving.load_model(tmp_path / "unet.keras")
    np.testing.assert_array_equal(loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))


@pytest.mark.parametrize(
    ("shape", "channels", "filters", "words"),
    [
        ((8, 10, 1), 1, (2, 2, 2), "`image_shape` must have sides divisible by 4.*Received"),
        ((8, 8, 1), 0, (2, 2), "`out_channels` must be a positive whole number. Received: out_channels=0"),
        ((8, 8, 1), 1, (2,), "`filters` must have at least two entries.*Received"),
        ((8, 8), 1, (2, 2), "`image_shape` must .*Received"),
    ],
)
def test_bad_arguments_are_refused(shape, channels, filters, words):
    with pytest.raises(ValueError, match=words):
        build_unet(shape, channels, filters=filters)
