"""A VAE of sentences: a recurrent encoder, a code, and a decoder that says one word after the other."""

import keras
import numpy as np
from keras import layers, ops

from course_utils.batches import predict_in_batches
from course_utils.checks import check_non_negative, check_rows, check_whole
from course_utils.layers import FreeBits, WordDropout
from course_utils.models.vae import VAE


@keras.saving.register_keras_serializable(package="course_utils")
class SequenceVAE(VAE):
    """A VAE of sentences, whose decoder knows the words before as well as the code. Compile with `sentence_nll`.

    A sentence is a row of whole numbers: 2, 3, … for words, then a 1 for the end, then zeros. `fit` and `evaluate`
    take sentences as inputs and as targets, and report the loss and the KL term, in nats per sentence.

    Args:
        encoder: model from sentences `(batch, length)` to the pair `(mean, log_var)`, each `(batch, latent_dim)`.
        decoder: model from `[codes, sentences]` to logits `(batch, length, n_tokens)`, where those of a place depend
            on the code and the words before it.
        free_bits: nats that each unit of the code costs at least, in the mean over the batch.
        seed: of the sampling noise; random by default.

    Raises:
        ValueError: if `free_bits` is negative or not finite; else as in `VAE`.

    Reference:
        Bowman, Vilnis, Vinyals, Dai, Jozefowicz & Bengio, Generating sentences from a continuous space, 2016.
    """

    def __init__(self, encoder, decoder, free_bits=0.0, seed=None, **kwargs):
        self.free_bits = check_non_negative("free_bits", free_bits)  # before `VAE` asks for its KL layer
        super().__init__(encoder, decoder, seed=seed, **kwargs)

    def kl_layer(self, weight, name):
        return FreeBits(self.free_bits, weight, name=name)

    def call(self, sentences, training=False):  # Keras tells a model so only if its `call` asks, for the word dropout
        codes = self.sampling(self.kl_divergence(self.encoder(sentences)))
        return self.decoder([codes, sentences], training=training)

    def check_fit(self, y, y_pred, sample_weight):
        super().check_fit(y, y_pred[..., 0], sample_weight)

    def write(self, codes, seed=None):
        """One sentence for each code, word by word: the most probable word each time, or with a seed a drawn one.

        Args:
            codes: array `(n, latent_dim)`.
            seed: of the draws.

        Returns:
            int32 array `(n, length)`: words, a 1 where there is room for it, zeros.

        Raises:
            ValueError: if `codes` is no such array or not finite.
        """
        codes, rng = check_rows("codes", codes, 1).astype("float32"), np.random.default_rng(seed)
        sentences = np.zeros((len(codes), self.encoder.input_shape[1]), "int32")
        going_on = np.ones(len(codes), bool)
        for place in range(sentences.shape[1]):
            logits = predict_in_batches(self.decoder, [codes, sentences])[:, place, 1:]  # no sentence has a gap
            if seed is not None:
                logits = logits + rng.gumbel(size=logits.shape)  # the largest is then a draw from the softmax
            sentences[:, place] = np.where(going_on, 1 + np.argmax(logits, axis=1), 0)
            going_on &= sentences[:, place] != 1
        return sentences

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return {**config, "free_bits": self.free_bits}


def build_sequence_vae(length, n_tokens, latent_dim, *, width=64, word_dropout=0.0, free_bits=0.0, seed=None):
    """A sequence VAE with a GRU in the encoder and one in the decoder, which is given the code with each word.

    >>> vae = build_sequence_vae(18, 27, 8)
    >>> mean, log_var = vae.encoder.output
    >>> print(mean.shape, vae.decoder.output.shape)
    (None, 8) (None, 18, 27)

    Args:
        length: greatest number of words of a sentence, its end included.
        n_tokens: numbers in use: words, the end and the zero.
        latent_dim: width of the code.
        width: units of each GRU; the words' embeddings have a quarter of it.
        word_dropout: rate at which the words that the decoder is told are hidden from it in training.
        free_bits: nats that each unit of the code costs at least.
        seed: of sampling noise and word dropout; random by default.

    Returns:
        A `SequenceVAE`.

    Raises:
        ValueError: if a number is no positive whole one, `n_tokens` is below 3, or `word_dropout` or `free_bits` out
            of its range.

    Reference:
        Bowman et al., Generating sentences from a continuous space, 2016; there the code is the decoder's first state.
    """
    length, n_tokens = check_whole("length", length), check_whole("n_tokens", n_tokens, least=3)
    latent_dim, width = check_whole("latent_dim", latent_dim), check_whole("width", width, least=4)
    sentences, codes = keras.Input((length,), dtype="int32"), keras.Input((latent_dim,))

    backwards = ops.flip(sentences, axis=1)  # so that the zeros come first, and the GRU ends with words
    x = layers.GRU(width)(layers.Embedding(n_tokens, width // 4)(backwards))
    outputs = [layers.Dense(latent_dim, name=name, dtype="float32")(x) for name in ("mean", "log_var")]
    encoder = keras.Model(sentences, outputs, name="encoder")

    before = ops.pad(sentences[:, :-1], [[0, 0], [1, 0]])  # the word before each place; 0 before the first
    before = WordDropout(word_dropout, hidden=n_tokens, seed=seed)(before)
    x = layers.Embedding(n_tokens + 1, width // 4)(before)
    x = layers.Concatenate()([x, layers.RepeatVector(length)(codes)])
    x = layers.GRU(width, return_sequences=True)(x)
    logits = layers.Dense(n_tokens, name="logits", dtype="float32")(x)
    decoder = keras.Model([codes, sentences], logits, name="decoder")
    return SequenceVAE(encoder, decoder, free_bits, seed)
