"""Word dropout: whole words hidden from a decoder that would otherwise need nothing else."""

import keras
from keras import layers, ops

from course_utils.checks import check_non_negative, check_whole


@keras.saving.register_keras_serializable(package="course_utils")
class WordDropout(layers.Layer):
    """Replaces words at random by one and the same number, in training only.

    Unlike `Dropout` after an embedding it hides all of a word, not some of its numbers.

    >>> layer = WordDropout(0.5, hidden=9, seed=0)
    >>> print(ops.convert_to_numpy(layer(np.array([[2, 3, 4, 5]]), training=False)))
    [[2 3 4 5]]

    Args:
        rate: probability that a word is hidden, from 0 to 1.
        hidden: the number that stands for a hidden word.
        seed: whole number, or None for a random one.

    Call arguments:
        words: whole numbers, of any shape.
        training: whether words are hidden.

    Returns:
        Whole numbers of the same shape.

    Raises:
        ValueError: if `rate` is out of its range or `hidden` no whole number of at least 0.

    Reference:
        Bowman et al., Generating sentences from a continuous space, 2016, section 3.1.
    """

    def __init__(self, rate, hidden, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = check_non_negative("rate", rate, most=1)
        self.hidden = check_whole("hidden", hidden, least=0)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, words, training=False):
        if not training or not self.rate:
            return words
        hide = keras.random.uniform(ops.shape(words), dtype="float32", seed=self.seed_generator) < self.rate
        return ops.where(hide, ops.cast(self.hidden, words.dtype), words)

    def compute_output_spec(self, words, training=False):
        return keras.KerasTensor(words.shape, words.dtype)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "hidden": self.hidden, "seed": self.seed}
