"""The sequence VAE: it never looks ahead, its probabilities sum to one, and no honest score beats the exact one."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from course_utils.grammar import Grammar
from course_utils.losses import sentence_nll
from course_utils.metrics import iwae_bound, kl_divergence, negative_elbo_terms
from course_utils.models import SequenceVAE, build_sequence_vae

GRAMMAR = Grammar({"S": {"a A cat sleeps": 0.5, "A cats sleep": 0.5}, "A": {"": 0.5, "big": 0.3, "big big": 0.2}})
LENGTH, N_TOKENS = GRAMMAR.longest + 1, len(GRAMMAR.words) + 2


def numbers(texts):
    sentences = np.zeros((len(texts), LENGTH), "int32")
    for row, text in zip(sentences, texts):
        words = text.split()
        row[: len(words) + 1] = [*(2 + GRAMMAR.words.index(word) for word in words), 1]
    return sentences


def shaken(vae, scale=0.7):
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * scale)
    return vae


@pytest.fixture(scope="module")
def small():
    return shaken(build_sequence_vae(LENGTH, N_TOKENS, 2, width=8, word_dropout=0.5, seed=0))


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    vae = build_sequence_vae(LENGTH, N_TOKENS, 2, width=16, free_bits=0.1, seed=0)
    x = numbers(GRAMMAR.sample(1500, np.random.default_rng(0)))
    vae.compile(keras.optimizers.Adam(0.04), loss=sentence_nll)
    history = vae.fit(x, x, batch_size=100, epochs=3, verbose=0).history
    return vae, history


CODES = np.float32([[0.5, -1.0]])
WORDS = np.int32([[3, 2, 4, 6, 5, 1]])


def test_changing_a_word_changes_only_what_comes_after(small):
    changed = np.repeat(WORDS, LENGTH, axis=0)
    changed[np.diag_indices(LENGTH)] = 2 + (changed[np.diag_indices(LENGTH)] - 1) % (N_TOKENS - 2)
    assert np.all(changed.diagonal() != WORDS)
    logits = ops.convert_to_numpy(small.decoder([np.repeat(CODES, LENGTH, axis=0), changed]))
    moved = np.abs(logits - small.decoder([CODES, WORDS])).max(axis=-1) > 1e-6  # (changed place, place)
    assert not np.tril(moved).any()
    assert moved[np.triu_indices(LENGTH, 1)].all()


@pytest.mark.parametrize("place", [0, 2, LENGTH - 1])
def test_gradients_reach_no_word_at_or_after_the_place(place):
    decoder = shaken(build_sequence_vae(LENGTH, N_TOKENS, 2, width=8)).decoder
    embedding = next(layer for layer in decoder.layers if isinstance(layer, keras.layers.Embedding))
    rest = keras.Model([decoder.inputs[0], embedding.output], decoder.output)
    before = np.concatenate([[[0]], WORDS[:, :-1]], axis=1)  # what the decoder is told at each place
    embedded = tf.convert_to_tensor(embedding(before))
    with tf.GradientTape() as tape:
        tape.watch(embedded)
        value = tf.reduce_sum(rest([tf.constant(CODES), embedded])[0, place] ** 2)
    reached = np.abs(tape.gradient(value, embedded).numpy()[0]).sum(axis=-1) > 0
    np.testing.assert_array_equal(reached, np.arange(LENGTH) <= place)  # the word told at `place` is the one before it


def test_the_code_reaches_every_place(small):
    logits = [ops.convert_to_numpy(small.decoder([codes, WORDS])) for codes in (CODES, -CODES)]
    assert np.all(np.abs(logits[0] - logits[1]).max(axis=-1) > 1e-3)


def test_the_probabilities_of_all_sentences_sum_to_one():
    """Also of those that are not over at the greatest length, and of those that begin with zeros."""
    vae = shaken(build_sequence_vae(3, 4, 2, width=4, seed=0))
    rows = np.array(list(itertools.product(range(4), repeat=3)), "int32")
    logits = ops.log_softmax(vae.decoder([np.repeat(CODES, len(rows), axis=0), rows]))
    chosen = np.take_along_axis(ops.convert_to_numpy(logits), rows[..., np.newaxis], axis=-1)
    assert np.exp(chosen.sum(axis=(1, 2))).sum() == pytest.approx(1, rel=1e-5)


def test_zeros_cost_nothing_and_the_end_does():
    logits = np.random.default_rng(0).normal(size=(1, LENGTH, N_TOKENS)).astype("float32")
    log_p = ops.convert_to_numpy(ops.log_softmax(logits))[0]
    sentence = np.int32([[4, 2, 1, 0, 0, 0]])
    expected = -(log_p[0, 4] + log_p[1, 2] + log_p[2, 1])
    assert float(sentence_nll(sentence, logits)[0]) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="`logits` must have the sentences' and K: shape"):
        sentence_nll(sentence[:, :-1], logits)


def test_the_loss_is_the_negative_elbo_of_a_sentence(small):
    x = numbers(GRAMMAR.sample(64, np.random.default_rng(1)))
    small.compile("sgd", loss=sentence_nll, run_eagerly=True)  # quicker than to compile it for one batch
    loss, kl = small.evaluate(x, x, batch_size=64, verbose=0)
    distortion, rate = negative_elbo_terms(small, x, 300, nll=sentence_nll)
    assert kl == pytest.approx(rate.mean(), rel=1e-4)
    assert kl == pytest.approx(float(ops.mean(kl_divergence(*small.encoder(x)))), rel=1e-4)
    assert loss == pytest.approx(distortion.mean() + rate.mean(), rel=0.1)  # one draw a sentence


def test_words_are_hidden_in_training_only(small):
    inputs = [CODES, WORDS]
    plain = ops.convert_to_numpy(small.decoder(inputs))
    np.testing.assert_array_equal(small.decoder(inputs, training=False), plain)
    in_training = [ops.convert_to_numpy(small.decoder(inputs, training=True)) for _ in range(20)]
    assert np.std(in_training, axis=0).max() > 0.01


def test_fit_hides_words_and_evaluate_does_not():
    x = numbers(GRAMMAR.sample(200, np.random.default_rng(1)))
    losses = {}
    for rate in (0.0, 1.0):
        vae = shaken(build_sequence_vae(LENGTH, N_TOKENS, 2, width=8, word_dropout=rate, seed=0))
        vae.compile(keras.optimizers.SGD(0.0), loss=sentence_nll, run_eagerly=True)
        fitted = vae.fit(x, x, batch_size=200, verbose=0).history["loss"][0]
        losses[rate] = fitted, vae.evaluate(x, x, batch_size=200, verbose=0)[0]
    assert losses[1.0][0] != pytest.approx(losses[0.0][0], rel=0.01)
    assert losses[1.0][1] == pytest.approx(losses[0.0][1], rel=0.3)  # other draws of the codes


@pytest.mark.system
def test_it_learns_the_grammar_and_no_score_lies_below_the_exact_one(trained):
    vae, history = trained
    texts = GRAMMAR.sample(1500, np.random.default_rng(2))
    exact = -np.array([GRAMMAR.log_probability(text) for text in texts])
    gap = -iwae_bound(vae, numbers(texts), 20, nll=sentence_nll) - exact
    error = gap.std() / np.sqrt(len(gap))
    assert -3 * error <= gap.mean() < 0.3
    assert history["kl"][-1] > 0.1  # two units of a tenth of a nat are free


def test_a_decoder_that_looks_ahead_is_found_out_by_the_exact_score():
    codes, sentences = keras.Input((2,)), keras.Input((LENGTH,), dtype="int32")
    told = 20.0 * ops.one_hot(sentences, N_TOKENS)  # of each word, itself
    cheat = keras.Model([codes, sentences], keras.layers.Add()([told, 0 * ops.sum(codes, axis=-1)[:, None, None]]))
    vae = SequenceVAE(build_sequence_vae(LENGTH, N_TOKENS, 2, width=4).encoder, cheat)
    texts = GRAMMAR.sample(300, np.random.default_rng(3))
    exact = -np.array([GRAMMAR.log_probability(text) for text in texts])
    gap = -iwae_bound(vae, numbers(texts), 5, nll=sentence_nll) - exact
    assert gap.mean() < -10 * gap.std() / np.sqrt(len(gap))


@pytest.mark.system
def test_written_sentences(trained):
    vae, _ = trained
    codes = np.random.default_rng(4).normal(size=(300, 2))
    greedy, drawn, again, other = (vae.write(codes, seed) for seed in (None, 5, 5, 6))
    np.testing.assert_array_equal(vae.write(codes), greedy)
    np.testing.assert_array_equal(drawn, again)
    assert np.any(drawn != other) and np.any(drawn != greedy)
    assert greedy.shape == (300, LENGTH) and greedy.dtype == np.int32
    for row in drawn:
        words = row[row > 1]
        np.testing.assert_array_equal(row[: len(words)], words)  # words, then at most one end, then zeros
        assert list(row[len(words) :]) in ([1] + [0] * (LENGTH - len(words) - 1), [])
    known = {tuple(row) for row in numbers(GRAMMAR.sample(500, np.random.default_rng(7)))}
    assert np.mean([tuple(row) in known for row in drawn]) > 0.9


def test_greedy_words_are_the_most_probable_ones(small):
    codes = np.random.default_rng(8).normal(size=(20, 2)).astype("float32")
    sentences = small.write(codes)
    likeliest = 1 + np.argmax(small.decoder([codes, sentences])[..., 1:], axis=-1)
    np.testing.assert_array_equal(sentences[sentences > 0], likeliest[sentences > 0])


def test_free_bits_hold_the_loss_up_not_the_kl():
    vae = build_sequence_vae(LENGTH, N_TOKENS, 3, width=4, free_bits=5.0, seed=0)
    x = numbers(GRAMMAR.sample(32, np.random.default_rng(0)))
    vae.compile(loss=lambda sentences, logits: 0 * sentence_nll(sentences, logits), run_eagerly=True)
    loss, kl = vae.evaluate(x, x, batch_size=32, verbose=0)
    assert loss == pytest.approx(15) and kl < 1


def test_saving_keeps_everything(small, tmp_path):
    small.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(loaded.write(CODES, seed=1), small.write(CODES, seed=1))
    assert loaded.free_bits == small.free_bits and loaded.count_params() == small.count_params()
    np.testing.assert_array_equal(loaded.encoder(WORDS)[0], small.encoder(WORDS)[0])


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"length": 0}, "`length` must be a positive whole number"),
        ({"n_tokens": 2}, "`n_tokens` must be a whole number of at least 3"),
        ({"width": 3}, "`width` must be a whole number of at least 4"),
        ({"word_dropout": 1.5}, r"`rate` must be a number in \[0, 1\]"),
        ({"free_bits": -1}, "`free_bits` must be non-negative and finite"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        build_sequence_vae(**{"length": 5, "n_tokens": 9, "latent_dim": 2, **arguments})


def test_bad_calls(small):
    with pytest.raises(ValueError, match=r"`codes` must be an array \(n, width\)"):
        small.write(CODES[0])
    with pytest.raises(ValueError, match="needs targets"):
        small.compile(loss=sentence_nll, run_eagerly=True)
        small.evaluate(WORDS, verbose=0)
