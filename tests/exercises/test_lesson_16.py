"""Exercises of lesson 16, each in its four states; the entropy beside a sum over all sentences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from scipy.signal import ShortTimeFFT, lfilter
from scipy.signal.windows import hann
from scipy.special import log_softmax

from course_utils.exercises import lesson_16 as ex
from course_utils.grammar import Grammar
from course_utils.models import Autoencoder

# Sounds and series


def _as_filter(burst, samples):
    n = len(burst)
    loop = np.zeros(n + 2)
    loop[0], loop[n], loop[n + 1] = 1, -0.5, -0.5
    return lfilter([1], loop, np.pad(burst, (0, samples - n)))


def _by_rounds(burst, samples):
    sound = list(burst)
    while len(sound) < samples:
        before = sound[-len(burst) - 1] if len(sound) > len(burst) else 0
        sound.append((sound[-len(burst)] + before) / 2)
    return tf.constant(np.array(sound))


def _from_lists(burst, samples, older=1, weight=0.5):
    sound, n = list(burst), len(burst)
    for i in range(n, samples):
        sound.append(weight * (sound[i - n] + sound[i - n - older]))
    return sound


def test_plucked(check_states):
    check_states(
        ex.plucked,
        wrong={
            "Index -1 is Python's last sample": _from_lists,
            "N and N - 1 before": lambda burst, samples: _from_lists(burst, samples, older=-1 if len(burst) > 1 else 0),
            "Is the mean missing?": lambda burst, samples: np.resize(burst, samples),
            "mean of the last two samples": lambda burst, samples: [*burst, *([burst[-2:].mean()] * (samples - 3))],
            "first samples are the burst": lambda burst, samples: np.append(0, _as_filter(burst, samples - 1)),
            "Nine samples": lambda burst, samples: _as_filter(burst, samples + len(burst)),
        },
        right=[_as_filter, _by_rounds],
    )


def _and_back(spectrogram, to_sound, to_spectrogram):
    return to_spectrogram(to_sound(spectrogram))


def test_with_better_phases(check_states):
    check_states(
        ex.with_better_phases,
        wrong={
            "but its magnitudes as well": lambda s, m, *transforms: _and_back(s, *transforms),
            "Nothing has changed": lambda s, m, *transforms: m * np.exp(1j * np.angle(s)),
            "multiply by the magnitudes": lambda s, m, *t: np.exp(1j * np.angle(_and_back(s, *t))),
            "divides 0 by 0": lambda s, m, *t: m * _and_back(s, *t) / np.abs(_and_back(s, *t)),
            "yours has others": lambda s, m, *t: m**2 * np.exp(1j * np.angle(_and_back(s, *t))),
            "before the sound is made as well": lambda s, m, *t: (
                m * np.exp(1j * np.angle(_and_back(m * np.exp(1j * np.angle(s)), *t)))
            ),
            "must stay as it is": lambda s, m, *t: m * np.exp(-1j * np.angle(_and_back(s, *t))),
        },
        right=[
            lambda s, m, *t: m * np.exp(1j * np.angle(_and_back(s, *t), deg=True) * np.pi / 180),
            lambda s, m, *t: m * np.cos(np.angle(_and_back(s, *t))) + 1j * m * np.sin(np.angle(_and_back(s, *t))),
            lambda s, m, *t: tf.complex(*(m * part(np.angle(_and_back(s, *t))) for part in (np.cos, np.sin))),
        ],
    )


def test_griffin_lims_error_never_grows():
    """Griffin & Lim 1984, section III: the distance of the magnitudes falls with every step, or stays."""
    short_time = ShortTimeFFT(hann(64, sym=False), 16, 1)
    to_sound, to_spectrogram = lambda spectrogram: short_time.istft(spectrogram, k1=512), short_time.stft
    rng = np.random.default_rng(0)
    magnitudes = np.abs(to_spectrogram(rng.normal(size=(4, 512))))
    spectrogram = magnitudes * np.exp(2j * np.pi * rng.random(magnitudes.shape))
    errors = []
    for _ in range(30):
        heard = np.abs(to_spectrogram(to_sound(spectrogram)))
        errors.append(np.sum((heard - magnitudes) ** 2, axis=(1, 2)))
        spectrogram = ex.with_better_phases.reference(spectrogram, magnitudes, to_sound, to_spectrogram)
    assert np.all(np.diff(errors, axis=0) <= 1e-9) and np.all(errors[-1] < 0.3 * errors[0])


def test_a_sound_comes_back_from_its_spectrogram():
    short_time = ShortTimeFFT(hann(1024, sym=False), 256, 8000)
    sound = np.random.default_rng(0).normal(size=(2, 7424))
    np.testing.assert_allclose(short_time.istft(short_time.stft(sound), k1=7424), sound, atol=1e-10)


def test_parity_of_scipys_and_keras_magnitudes():
    """Both cut the same windows but for where they begin: frame t of Keras, not centred, is frame t + 2 of SciPy."""
    sound = np.random.default_rng(0).normal(size=(1, 2048))
    ours = np.abs(ShortTimeFFT(hann(1024, sym=False), 256, 8000).stft(sound))[0]
    real, imaginary = keras.ops.stft(sound.astype("float32"), 1024, 256, 1024, center=False)
    theirs = np.hypot(*(keras.ops.convert_to_numpy(part)[0].T for part in (real, imaginary)))
    first = next(t for t in range(5) if np.allclose(ours[:, t], theirs[:, 0], atol=1e-3))
    np.testing.assert_allclose(ours[:, first : first + theirs.shape[1]], theirs, atol=1e-3)


def _built(latent_dim, *, strides=2, kernel=7, last=None, flat=True, code=None, pooled=False):
    activation = {"padding": "same", "activation": "relu"}
    down = []
    for filters in (8, 16, 16):
        down.append(layers.Conv1D(filters, kernel, strides=1 if pooled else strides, **activation))
        down += [layers.MaxPooling1D(2)] if pooled else []
    top = [layers.Flatten(), layers.Dense(code or latent_dim)] if flat else [layers.Dense(latent_dim)]
    places = 25 if strides == 2 else 200
    up = [layers.Dense(places * 16), layers.Reshape((places, 16))]
    for filters in (16, 8):
        up.append(layers.Conv1DTranspose(filters, kernel, strides=strides, **activation))
    up.append(layers.Conv1DTranspose(1, kernel, strides=strides, padding="same", activation=last))
    return Autoencoder(keras.Sequential(down + top), keras.Sequential(up))


def _dense(latent_dim):
    encoder = keras.Sequential([layers.Flatten(), layers.Dense(50, "relu"), layers.Dense(latent_dim)])
    return Autoencoder(encoder, keras.Sequential([layers.Dense(200), layers.Reshape((200, 1))]))


def _upsampling(latent_dim):
    """Another right one: pooling on the way in, nearest neighbours on the way out, an Input at the front."""
    up = [keras.Input((latent_dim,)), layers.Dense(25 * 8, "gelu"), layers.Reshape((25, 8))]
    for filters in (8, 8, 1):
        up += [layers.UpSampling1D(2), layers.Conv1D(filters, 5, padding="same")]
    return Autoencoder(_built(latent_dim, pooled=True).encoder, keras.Sequential(up))


def test_beat_autoencoder(check_states):
    check_states(
        ex.beat_autoencoder,
        wrong={
            "three 1-D convolutions": _dense,
            "Are the strides 2?": lambda latent_dim: _built(latent_dim, strides=1),
            "no activation": lambda latent_dim: _built(latent_dim, last="sigmoid"),
            "the code of two beats has shape (2, 3)": lambda latent_dim: _built(latent_dim, code=7),
            "must be `Autoencoder(encoder, decoder)`": lambda latent_dim: _built(latent_dim).encoder,
            "last layer must have no": lambda latent_dim: _built(latent_dim, last="relu"),
        },
        right=[_built, _upsampling],
    )


def test_predictions_on_signals(check_prediction):
    check_prediction(ex.burst_pitch, 197.5, 200, 197.53)
    check_prediction(ex.missed_beat, "small beat", "missing P", "small beat")


# Text


def test_predictions_on_text(check_prediction):
    check_prediction(ex.rate_guess, 0, 5, 0.02)
    check_prediction(ex.cheapest_guess, "plain", "free bits", "plain")


RULES = {
    "S": {"A B": 0.5, "so B": 0.3, "A and A": 0.2},
    "A": {"": 0.25, "x": 0.5, "y B": 0.25},
    "B": {"u": 0.9, "v": 0.1},
}


def _every_sentence(rules, symbol="S"):
    """{sentence: probability} by writing out all of them."""
    if symbol not in rules:
        return {symbol: 1.0}
    found = {}
    for parts, p in rules[symbol].items():
        begun = {"": p}
        for part in parts.split():
            begun = {
                f"{text} {more}".strip(): so_far * q
                for text, so_far in begun.items()
                for more, q in _every_sentence(rules, part).items()
            }
        for text, q in begun.items():
            found[text] = found.get(text, 0) + q
    return found


def test_the_entropy_is_that_of_the_list_of_all_sentences():
    every = _every_sentence(RULES)
    assert sum(every.values()) == pytest.approx(1)
    grammar, p = Grammar(RULES), np.array(list(every.values()))
    assert max(grammar.derivations(text) for text in every) == 1
    np.testing.assert_allclose(np.exp([grammar.log_probability(text) for text in every]), p)
    assert ex.sentence_entropy.reference(RULES) == pytest.approx(-np.sum(p * np.log(p)))


def _entropy(
    of_choice=lambda p: -p * np.log(p), of_part=lambda p, value: p * value, parts=str.split, start=lambda rules: "S"
):
    def sentence_entropy(rules):
        def entropy(symbol):
            if symbol not in rules:
                return 0
            choices = rules[symbol].items()
            return sum(of_choice(p) + sum(of_part(p, entropy(part)) for part in parts(text)) for text, p in choices)

        return entropy(start(rules))

    return sentence_entropy


def _by_expected_numbers(rules):
    """How often each symbol is expanded on average, times the entropy of its choice."""
    often, waiting, total = {"S": 1.0}, ["S"], 0.0
    order = []

    def visit(symbol):
        if symbol in rules and symbol not in order:
            for text in rules[symbol]:
                for part in text.split():
                    visit(part)
            order.append(symbol)

    visit(waiting.pop())
    for symbol in order[::-1]:
        for text, p in rules[symbol].items():
            total -= often[symbol] * p * np.log(p)
            for part in text.split():
                often[part] = often.get(part, 0) + often[symbol] * p
    return np.array(total)


def test_sentence_entropy(check_states):
    check_states(
        ex.sentence_entropy,
        wrong={
            "Those are bits": _entropy(of_choice=lambda p: -p * np.log2(p)),
            "The sign is turned": _entropy(of_choice=lambda p: p * np.log(p)),
            "counts a quarter": _entropy(of_part=lambda p, value: value),
            "holds two coins": _entropy(parts=lambda text: set(text.split())),
            "becomes a coin C for sure": _entropy(of_part=lambda p, value: 0),
            "wherever S stands": _entropy(start=lambda rules: next(iter(rules))),
        },
        right=[_entropy(), _by_expected_numbers],
    )


def _nll(counted=lambda s: s != 0, over=ops.sum, sign=1.0):
    def cost_of_sentences(sentences, logits):
        cost = -ops.take_along_axis(ops.log_softmax(logits), sentences[..., None], axis=-1)[..., 0]
        return sign * over(cost * ops.cast(counted(sentences), "float32"), axis=1)

    return cost_of_sentences


def test_cost_of_sentences(check_states):
    check_states(
        ex.cost_of_sentences,
        wrong={
            "Do the zeros after the end cost": _nll(counted=lambda s: s >= 0),
            "Has the end its cost": _nll(counted=lambda s: s > 1),
            "That is a mean over the places": _nll(over=ops.mean),
            "The sign is turned": _nll(sign=-1.0),
            "not sentences": lambda s, logits: ops.sum(_nll()(s, logits)),
            "Logits are no probabilities": lambda s, logits: ops.sum(
                ops.where(s != 0, ops.sparse_categorical_crossentropy(s, logits + 1e-3), 0.0), axis=1
            ),
            "Gradients must pass": lambda s, logits: np.sum(
                np.where(
                    np.array(s) != 0,
                    -np.take_along_axis(log_softmax(np.array(logits), -1), np.array(s)[..., None], -1)[..., 0],
                    0,
                ),
                axis=1,
            ),
        },
        right=[
            _nll(),
            lambda sentences, logits: tf.reduce_sum(
                tf.nn.sparse_softmax_cross_entropy_with_logits(sentences, logits)
                * tf.cast(tf.not_equal(sentences, 0), tf.float32),
                axis=-1,
            ),
        ],
    )
