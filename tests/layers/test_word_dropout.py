"""Word dropout: which words are hidden, how many, and when."""

import keras
import numpy as np
import pytest

from course_utils.layers import WordDropout

WORDS = np.random.default_rng(0).integers(2, 9, size=(400, 10)).astype("int32")


def _drop(layer, words, **kwargs):
    return keras.ops.convert_to_numpy(layer(words, **kwargs))


def test_a_share_of_the_words_is_hidden_and_the_rest_stays():
    dropped = _drop(WordDropout(0.3, hidden=9, seed=1), WORDS, training=True)
    hidden = dropped == 9
    assert hidden.mean() == pytest.approx(0.3, abs=0.03) and dropped.dtype == WORDS.dtype
    np.testing.assert_array_equal(dropped[~hidden], WORDS[~hidden])
    np.testing.assert_allclose(hidden.mean(axis=0), 0.3, atol=0.1)  # at each place


def test_outside_training_and_at_rate_0_nothing_is_hidden():
    np.testing.assert_array_equal(_drop(WordDropout(0.9, hidden=9), WORDS), WORDS)
    np.testing.assert_array_equal(_drop(WordDropout(0.0, hidden=9), WORDS, training=True), WORDS)
    assert np.all(_drop(WordDropout(1.0, hidden=9), WORDS, training=True) == 9)


def test_the_seed_decides_and_each_call_hides_others():
    first, again, other = (WordDropout(0.5, hidden=9, seed=seed) for seed in (3, 3, 4))
    one = _drop(first, WORDS, training=True)
    np.testing.assert_array_equal(_drop(again, WORDS, training=True), one)
    assert np.any(_drop(other, WORDS, training=True) != one)
    assert np.any(_drop(first, WORDS, training=True) != one)


def test_saving_keeps_the_arguments():
    layer = WordDropout(0.25, hidden=7, seed=5)
    copy = WordDropout.from_config(layer.get_config())
    assert (copy.rate, copy.hidden, copy.seed) == (0.25, 7, 5)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"rate": 1.1}, r"`rate` must be a number in \[0, 1\]"),
        ({"rate": -0.1}, "`rate` must be"),
        ({"hidden": -1}, "`hidden` must be a whole number of at least 0"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        WordDropout(**{"rate": 0.5, "hidden": 9, **arguments})
