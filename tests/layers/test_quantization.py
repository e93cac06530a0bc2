"""Vector quantisation: nearest entries, gradients and moving averages in closed form, revival, saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.spatial.distance import cdist

from course_utils.layers import VectorQuantizer


def quantizer(codebook, **options):
    codebook = np.asarray(codebook, "float32")
    layer = VectorQuantizer(len(codebook), **{"decay": None, **options})
    layer.build((None, codebook.shape[1]))
    layer.codebook.assign(codebook)
    if layer.decay:
        layer.sums.assign(codebook)
    return layer


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_each_vector_is_replaced_by_the_nearest_entry():
    codebook, vectors = numbers(20, 5), numbers(3, 4, 6, 5, seed=1)
    layer = quantizer(codebook)
    nearest = cdist(vectors.reshape(-1, 5), codebook).argmin(axis=1).reshape(3, 4, 6)
    np.testing.assert_array_equal(layer.nearest(vectors), nearest)
    np.testing.assert_allclose(layer(vectors), codebook[nearest], atol=1e-5)
    np.testing.assert_array_equal(layer.entries(nearest), codebook[nearest])


def test_the_codebook_itself_costs_nothing_and_of_equal_entries_the_first_is_taken():
    codebook = numbers(6, 3)
    layer = quantizer(codebook)
    np.testing.assert_array_equal(layer(codebook), codebook)
    assert [float(loss) for loss in layer.losses] == [0, 0]
    np.testing.assert_array_equal(quantizer(np.tile(codebook[:1], (4, 1))).nearest(codebook), 0)


def gradients(layer, vectors, of):
    vectors = tf.constant(vectors)
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        value = of(layer(vectors))
    return [
        None if g is None else tf.convert_to_tensor(g).numpy()
        for g in tape.gradient(value, [vectors, layer.codebook.value])
    ]


def test_gradients_go_straight_through():
    weights = numbers(7, 3, seed=2)
    of_vectors, of_codebook = gradients(
        quantizer(numbers(5, 3)), numbers(7, 3, seed=1), lambda out: ops.sum(weights * out)
    )
    np.testing.assert_allclose(of_vectors, weights)
    assert of_codebook is None


@pytest.mark.parametrize("beta", [0.25, 2.0])
def test_gradients_of_both_losses(beta):
    vectors, codebook = numbers(9, 3, seed=1), numbers(4, 3)
    layer = quantizer(codebook, beta=beta)
    of_vectors, of_codebook = gradients(layer, vectors, lambda out: sum(layer.losses))
    nearest = cdist(vectors, codebook).argmin(axis=1)
    np.testing.assert_allclose(of_vectors, 2 * beta * (vectors - codebook[nearest]) / vectors.size, rtol=1e-4)
    expected = [2 * np.sum(codebook[k] - vectors[nearest == k], axis=0) / vectors.size for k in range(4)]
    np.testing.assert_allclose(of_codebook, expected, rtol=1e-4, atol=1e-7)


def test_moving_averages_in_closed_form():
    """With the same batch each time: e(t) = [γᵗ m₀ + (1-γᵗ) n z̄] / [γᵗ N₀ + (1-γᵗ) n], with N₀ = 1 and m₀ = e₀."""
    codebook, vectors = np.array([[-5.0], [5.0]], "float32"), np.array([[3.0], [4.0], [-4.0]], "float32")
    layer = quantizer(codebook, decay=0.9)
    for _ in range(7):
        layer(vectors, training=True)
    kept = 0.9**7
    expected = [(-5 * kept - 4 * (1 - kept)) / 1, (5 * kept + 7 * (1 - kept)) / (kept + 2 * (1 - kept))]
    np.testing.assert_allclose(ops.convert_to_numpy(layer.codebook)[:, 0], expected, rtol=1e-5)
    assert len(layer.losses) == 1 and not layer.trainable_variables


def test_an_entry_that_nobody_chooses_stays_where_it_was():
    layer = quantizer([[0.0], [100.0]], decay=0.5)
    for _ in range(200):
        layer(np.zeros((4, 1), "float32"), training=True)
    np.testing.assert_allclose(layer.codebook[1], [100.0], rtol=1e-5)


def test_nothing_moves_outside_of_training():
    layer = quantizer(numbers(4, 2), decay=0.9, revive_below=1.0)
    layer(numbers(6, 2, seed=3))
    np.testing.assert_array_equal(layer.codebook, numbers(4, 2))


def test_a_dead_entry_comes_back_at_a_vector_of_the_batch():
    vectors = numbers(30, 2, seed=4)
    layer = quantizer([[0.0, 0.0], [50.0, 50.0]], decay=0.99, revive_below=1.0, seed=1)
    layer(vectors, training=True)
    revived = ops.convert_to_numpy(layer.codebook)[1]
    assert np.isclose(cdist([revived], vectors).min(), 0, atol=1e-5)
    assert float(layer.counts[1]) == 1.0


def test_the_seed_decides_what_comes_back():
    def after(seed):
        layer = quantizer(np.full((8, 2), 9.0), decay=0.99, revive_below=1.0, seed=seed)
        layer(numbers(30, 2), training=True)
        return ops.convert_to_numpy(layer.codebook)

    np.testing.assert_array_equal(after(1), after(1))
    assert not np.array_equal(after(1), after(2))


def test_perplexity():
    layer = quantizer([[0.0], [1.0], [2.0], [3.0]])
    layer(np.array([[0.0], [1.0], [2.0], [3.0]]))
    assert float(layer.perplexity) == pytest.approx(4)
    layer(np.array([[2.0], [2.1]]))
    assert float(layer.perplexity) == pytest.approx(1)
    layer(np.array([[0.0], [0.0], [0.0], [3.0]]))
    assert float(layer.perplexity) == pytest.approx(np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25))))


def test_it_trains_under_fit_and_survives_saving(tmp_path):
    model = keras.Sequential([keras.Input((3,)), VectorQuantizer(4, revive_below=0.5, seed=0)])
    model.compile("sgd", "mse")
    vectors = numbers(64, 3)
    history = model.fit(vectors, vectors, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(vectors, verbose=0), model.predict(vectors, verbose=0))
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"n_codes": 0}, "`n_codes` must be a positive whole number"),
        ({"beta": -1}, "`beta` must be non-negative"),
        ({"decay": 1.0}, "`decay` must lie between 0 and 1"),
        ({"decay": None, "revive_below": 1.0}, "`revive_below` needs `decay`"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        VectorQuantizer(**{"n_codes": 4, **arguments})
