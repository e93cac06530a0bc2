"""Exercises of lesson 16: a string, its phases, a 1-D autoencoder; a grammar's entropy, the cost of a sentence."""

import math

import numpy as np
from keras import Input, Model, layers, ops

from course_utils.exercises import Prediction, as_array, as_number, exercise
from course_utils.exercises.answers import Wrong, short
from course_utils.exercises.models import as_autoencoder, on_data, weight_shapes
from course_utils.models import Autoencoder

# Sounds and series

burst_pitch = Prediction(
    "burst_pitch",
    "A burst of N = 40 samples goes round, at 8,000 samples a second: which pitch has the string? Within 1 Hz counts "
    "as right.",
    "One round takes 40 samples and, as the mean lies halfway between neighbours, half a sample more: "
    "8000 / 40.5 = 197.5 Hz. Without the half it would be 200 Hz, 21 cents higher, which an ear can tell.",
    "Where in time lies the mean of two samples that follow each other?",
    unit="Hz",
    within=1,
)

missed_beat = Prediction(
    "missed_beat",
    "Which kind of anomaly will the autoencoder's error miss?",
    "The shape of a small beat is a normal one, and what is drawn a little wrong in it is wrong by less where all "
    "waves are half as high. The error is a difference, in units of the signal, so small beats have small ones.",
    "The score is a sum of squared differences, in squared units of the signal. Which anomaly makes all of them less?",
    options=("missing P", "wide QRS", "inverted T", "early beat", "small beat"),
)


def _begins_with_the_burst(plucked):
    burst = np.array([0.5, -1.0, 0.25])
    got = plucked(burst, 9)
    if got.shape != (9,):
        return f"Nine samples have shape (9,); yours has {got.shape}"
    if not np.allclose(got[:3], burst):
        return f"The first samples are the burst, {burst.tolist()}; yours begins with {got[:3].tolist()}"
    return None


def _takes_the_mean(plucked):
    burst = np.array([4.0, 2.0, 8.0])
    got, expected = plucked(burst, 7), [2.0, 3.0, 5.0, 5.0]
    if np.allclose(got[3:], expected):
        return None
    causes = {
        6.0: "Index -1 is Python's last sample, here that of the burst. Before the burst there is nothing, so zero",
        3.0: "That is the mean of the samples N and N - 1 before",
        4.0: "Is the mean missing? Without it the burst comes again unchanged, and never fades",
        5.0: "That is the mean of the last two samples; the loop is N samples long",
    }
    cause = next((text for value, text in causes.items() if np.isclose(got[3], value)), "")
    return (
        f"After the burst 4, 2, 8 come (4 + 0) / 2 = 2, (2 + 4) / 2 = 3, 5 and 5; yours has {got[3:].tolist()}. {cause}"
    )


@exercise(
    checks=[_begins_with_the_burst, _takes_the_mean],
    hint="Make room for all samples and one zero in front, put the burst after it, and go through the rest in a loop: "
    "each sample needs two that are there already.",
    returns=as_array,
    cases=lambda rng: [(rng.normal(size=n), samples) for n, samples in ((7, 60), (20, 21), (1, 12))],
)
def plucked(burst, samples):
    """A string: first the burst (N,), then each sample is the mean of those N and N + 1 before it; shape (samples,).

    What comes before the burst is zero; samples is at least N.
    """
    n = len(burst)
    sound = np.zeros(samples + 1)  # with a zero in front
    sound[1 : n + 1] = burst
    for i in range(n + 1, samples + 1):
        sound[i] = (sound[i - n] + sound[i - n - 1]) / 2
    return sound[1:]


def _as_complex(result, *_):
    array = np.asarray(result)
    if array.dtype.kind not in "fc":
        raise Wrong(f"A complex array is expected; yours returns {short(result)}")
    return array.astype(complex)


def _transforms(samples):
    """`to_sound` and `to_spectrogram` with short windows, for sounds of so many samples."""
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    short_time = ShortTimeFFT(hann(32, sym=False), 8, 1)
    return lambda spectrogram: short_time.istft(spectrogram, k1=samples), short_time.stft


def _noise(rng, n, samples):
    """Arguments of `with_better_phases`: random phases for the magnitudes of random sounds."""
    to_sound, to_spectrogram = _transforms(samples)
    magnitudes = np.abs(to_spectrogram(rng.normal(size=(n, samples))))
    guess = magnitudes * np.exp(2j * np.pi * rng.random(magnitudes.shape))
    return guess, magnitudes, to_sound, to_spectrogram


def _loud(rng, n, samples):
    """The same, but the spectrogram has other magnitudes than those wanted."""
    guess, *others = _noise(rng, n, samples)
    return guess * rng.uniform(0.2, 3, guess.shape), *others


def _takes_the_spectrogram_as_it_is(with_better_phases):
    guess, magnitudes, *transforms = _loud(np.random.default_rng(2), 1, 96)
    early = np.angle(transforms[1](transforms[0](magnitudes * np.exp(1j * np.angle(guess)))))
    if np.allclose(with_better_phases(guess, magnitudes, *transforms), magnitudes * np.exp(1j * early)):
        return "Yours puts the magnitudes in before the sound is made as well. The sound is that of the spectrogram"
    return None


def _keeps_the_magnitudes(with_better_phases):
    guess, magnitudes, *transforms = _noise(np.random.default_rng(0), 2, 96)
    got = with_better_phases(guess, magnitudes, *transforms)
    if got.shape != guess.shape:
        return f"The result has the spectrogram's shape, {guess.shape}; yours has {got.shape}"
    heard = transforms[1](transforms[0](guess))
    if np.allclose(got, guess):
        return "Nothing has changed: the new phases are those of the sound that the guess makes"
    if np.allclose(got, heard):
        return "Those are the phases of the sound, but its magnitudes as well. Put the given magnitudes in their place"
    if np.allclose(got, np.exp(1j * np.angle(heard))):
        return "Those are the phases alone; multiply by the magnitudes"
    if not np.allclose(np.abs(got), magnitudes):
        return "The result must have the given magnitudes; yours has others"
    return None


def _leaves_what_is_right(with_better_phases):
    to_sound, to_spectrogram = _transforms(96)
    right = to_spectrogram(np.random.default_rng(1).normal(size=(1, 96)))
    if not np.allclose(with_better_phases(right, np.abs(right), to_sound, to_spectrogram), right):
        return "A spectrogram that a sound has must stay as it is; yours changes it"
    return None


def _bears_silence(with_better_phases):
    _, magnitudes, to_sound, to_spectrogram = _noise(np.random.default_rng(0), 1, 96)
    if not np.isfinite(with_better_phases(0j * magnitudes, magnitudes, to_sound, to_spectrogram)).all():
        return "Where the sound is silent, yours divides 0 by 0. `np.angle` gives a phase of 0 there"
    return None


@exercise(
    checks=[_keeps_the_magnitudes, _takes_the_spectrogram_as_it_is, _leaves_what_is_right, _bears_silence],
    hint="There and back: `to_spectrogram(to_sound(spectrogram))` is not the spectrogram you began with, unless it "
    "belongs to a sound. `np.angle` takes the phases; a magnitude and a phase make `magnitude * np.exp(1j * phase)`.",
    returns=_as_complex,
    cases=lambda rng: [_noise(rng, 3, 120), _loud(rng, 1, 64)],
)
def with_better_phases(spectrogram, magnitudes, to_sound, to_spectrogram):
    """The magnitudes with the phases of the sound that the spectrogram makes.

    spectrogram, complex, and magnitudes (n, frequencies, times); to_sound: function from complex spectrograms to
    sounds (n, samples); to_spectrogram: function that goes back. Complex, of the spectrogram's shape.
    """
    heard = to_spectrogram(to_sound(spectrogram))
    return magnitudes * np.exp(1j * np.angle(heard))


LENGTH = 200


def _as_series_autoencoder(result, *_):
    return as_autoencoder(result, (LENGTH, 1))


def _has_code_and_length(beat_autoencoder):
    model = beat_autoencoder(3)
    code = on_data(model.encoder, np.zeros((2, LENGTH, 1))).shape
    if code != (2, 3):
        return f"With latent_dim=3 the code of two beats has shape (2, 3); yours has {code}"
    drawn = on_data(model, np.zeros((2, LENGTH, 1))).shape
    if drawn != (2, LENGTH, 1):
        return f"Two beats of shape (200, 1) must come back as (2, 200, 1); yours come as {drawn}"
    return None


def _convolves_along_time(beat_autoencoder):
    model = beat_autoencoder(3)
    for name, part in {"encoder": model.encoder, "decoder": model.decoder}.items():
        kernels = weight_shapes(part, 3)
        if len(kernels) < 3 or min(kernel[0] for kernel in kernels) < 2:
            return f"The {name} is to have three 1-D convolutions; the shapes of its kernels are {kernels}"
    dense = weight_shapes(model.encoder, 2)
    if not dense or dense[0][0] % 25 or dense[0][0] >= 50 * weight_shapes(model.encoder, 3)[-1][-1]:
        seen = dense[0][0] if dense else "none"
        return (
            "Halved three times, 200 samples are 25 places: the dense layer after them sees 25 numbers for each "
            f"channel. Yours sees {seen}. Are the strides 2?"
        )
    return None


def _ends_without_activation(beat_autoencoder):
    model = beat_autoencoder(2)
    drawn = on_data(model.decoder, 30 * np.random.default_rng(0).normal(size=(200, 2)))
    if drawn.min() >= 0 or drawn.max() <= 1:
        return "A beat has values below 0 and may have values above 1, so the last layer must have no activation"
    return None


@exercise(
    checks=[_has_code_and_length, _convolves_along_time, _ends_without_activation],
    hint="As lesson 05's, with one axis less: `layers.Conv1D(16, 7, strides=2, padding='same', activation='elu')` and "
    "`layers.Conv1DTranspose`. A dense layer makes the code of the flattened map; another one and a "
    "Reshape lead back.",
    returns=_as_series_autoencoder,
)
def beat_autoencoder(latent_dim):
    """An `Autoencoder(encoder, decoder)` of series (200, 1).

    The encoder halves the length three times by 1-D convolutions, and ends in a dense code; the decoder mirrors it by
    transposed convolutions, and its last layer has no activation.
    """
    x = beats = Input((LENGTH, 1))
    for filters in (16, 32, 32):
        x = layers.Conv1D(filters, 7, strides=2, padding="same", activation="elu")(x)
    encoder = Model(beats, layers.Dense(latent_dim)(layers.Flatten()(x)))
    codes = Input((latent_dim,))
    y = layers.Reshape(x.shape[1:])(layers.Dense(math.prod(x.shape[1:]), "elu")(codes))
    for filters in (32, 16):
        y = layers.Conv1DTranspose(filters, 7, strides=2, padding="same", activation="elu")(y)
    return Autoencoder(encoder, Model(codes, layers.Conv1DTranspose(1, 7, strides=2, padding="same")(y)))


# Text

rate_guess = Prediction(
    "rate_guess",
    "How many nats will the code tell of a sentence, if encoder and decoder are simply trained on the negative ELBO? "
    "A number; within 1 counts as right.",
    "The decoder is told all words before the next one, and needs nothing else: its odds can be the grammar's own. A "
    "code could only tell it what it would find out anyway, and costs as many nats as it saves. While it says "
    "nothing yet it only costs, so it is given up in the first epochs.",
    "What does the decoder know of the next word, with and without a code? What does the KL term make of a code that "
    "saves as much as it costs?",
    unit="nats",
    within=1,
)

cheapest_guess = Prediction(
    "cheapest_guess",
    "Which of the three has the lowest cost on new sentences: 'plain', 'word dropout' or 'free bits'?",
    "The exact cost of a sentence is -log p under the grammar, and the chain of words alone can reach it. A code only "
    "adds what the encoder does not know exactly, and hidden words make the decoder's own odds poorer. The cures make "
    "a code that says something, not a better model of the language.",
    "Is there anything in a sentence that words before can't tell, and a code can, at less than its own cost?",
    options=("plain", "word dropout", "free bits"),
)


def _has_the_entropy_of_a_choice(sentence_entropy):
    got = sentence_entropy({"S": {"yes": 0.5, "no": 0.25, "perhaps so": 0.25}})
    bits = 1.5 * np.log(2)
    causes = {1.5: "Those are bits: take the natural logarithm", -bits: "The sign is turned"}
    if not np.isclose(got, bits, rtol=1e-4):
        cause = next((text for value, text in causes.items() if np.isclose(got, value, rtol=1e-4)), "")
        return f"Of a choice by 1/2, 1/4 and 1/4 it is 1.5 ln 2 = 1.04 nats; yours is {got:.4g}. {cause}"
    return None


def _adds_what_follows(sentence_entropy):
    coin = {"heads": 0.5, "tails": 0.5}
    last = sentence_entropy({"C": coin, "S": {"word": 1.0}}) / np.log(2)
    if not np.isclose(last, 0):
        return f"A sentence begins as S, wherever S stands in the rules. Here it has no entropy, yours {last:.4g} ln 2"
    once, twice, perhaps, later = (
        sentence_entropy({"S": expansions, "C": coin}) / np.log(2)
        for expansions in ({"C": 1.0}, {"C and C": 1.0}, {"": 0.75, "C": 0.25}, {"X": 1.0})
    )
    if not np.isclose(once, 1, rtol=1e-4):
        return f"If S becomes a coin C for sure, it has the coin's ln 2 nats; yours has {once:.4g} ln 2"
    if not np.isclose(twice, 2, rtol=1e-4):
        return f"'C and C' holds two coins, which are tossed one by one: 2 ln 2 nats; yours has {twice:.4g} ln 2"
    expected = 0.25 - 0.25 * np.log2(0.25) - 0.75 * np.log2(0.75)
    if not np.isclose(perhaps, expected, rtol=1e-4):
        cause = "A coin that is tossed one time in four counts a quarter. "
        cause = cause if np.isclose(perhaps, expected + 0.75, rtol=1e-4) else ""
        return (
            f"With '' by 3/4 and 'C' by 1/4 there are {expected:.3f} ln 2 nats; yours has {perhaps:.4g} ln 2. {cause}"
        )
    if not np.isclose(later, 0):
        return f"What has no rules is a word, and has no entropy; yours has {later:.4g} ln 2"
    return None


def _random_rules(rng):
    """Five symbols, each of which leads to later ones and to words."""
    symbols = ("S", "A", "B", "C", "D")
    rules = {}
    for i, symbol in enumerate(symbols):
        parts = [*symbols[i + 1 :], "word", "other"]
        texts = sorted({" ".join(rng.choice(parts, size=rng.integers(1, 4))) for _ in range(4)} | {""})
        rules[symbol] = dict(zip(texts, rng.dirichlet(np.ones(len(texts))).tolist()))
    return rules


@exercise(
    checks=[_has_the_entropy_of_a_choice, _adds_what_follows],
    hint="A function inside, `entropy(symbol)`, can call itself for each part of `expansion.split()`. What is the "
    "entropy of the choice, and what is added on average? A word is no key of `rules`, and adds nothing.",
    returns=as_number,
    cases=lambda rng: [(_random_rules(rng),) for _ in range(3)],
)
def sentence_entropy(rules):
    """Entropy in nats of what S becomes, for rules {symbol: {expansion: probability}} without ambiguity."""

    def entropy(symbol):
        choices = rules.get(symbol, {})
        return sum(p * (sum(map(entropy, parts.split())) - np.log(p)) for parts, p in choices.items())

    return entropy("S")


SENTENCES = np.array([[3, 2, 1, 0, 0], [4, 4, 2, 3, 1]], "int32")


def _counts_words_and_end(cost_of_sentences):
    got = cost_of_sentences(SENTENCES, np.zeros((2, 5, 6), "float32"))
    if got.shape != (2,):
        return f"Two sentences have two costs, shape (2,); yours has {got.shape}. Sum over places, not sentences"
    each = np.log(6)
    if np.allclose(got, [3 * each, 5 * each], rtol=1e-4):
        return None
    causes = {
        (5, 5): "Do the zeros after the end cost something? They are no words",
        (2, 4): "Has the end its cost, too? It is a thing that must be predicted",
        (1, 1): "That is a mean over the places, and the sum is asked for",
        (3 / 5, 1): "That is a mean over the places, and the sum is asked for",
        (-3, -5): "The sign is turned",
    }
    found = (text for values, text in causes.items() if np.allclose(got, each * np.array(values), rtol=1e-4))
    return f"If 6 numbers are equally likely, two words and the end cost 3 ln 6 = 5.38; yours is {got[0]:.4g}. " + next(
        found, ""
    )


def _takes_logits_of_the_right_number(cost_of_sentences):
    logits = np.zeros((2, 5, 6), "float32")
    np.put_along_axis(logits, SENTENCES[..., np.newaxis], 3.0, axis=-1)
    got, expected = cost_of_sentences(SENTENCES, logits), np.log(1 + 5 * np.exp(-3)) * np.array([3, 5])
    if not np.allclose(got, expected, rtol=1e-3):
        return (
            "Where the right number's logit is 3 and the five others are 0, each costs log(1 + 5 exp(-3)) = 0.223; "
            f"yours costs {got[1] / 5:.3g}. Logits are no probabilities yet (`from_logits=True`)"
        )
    return None


def _random_sentences(rng):
    words = rng.integers(2, 9, size=(6, 7))
    ends = rng.integers(0, 7, size=6)
    place = np.arange(7)
    filled = np.where(place < ends[:, None], words, np.where(place == ends[:, None], 1, 0))
    return filled.astype("int32"), rng.normal(size=(6, 7, 9)).astype("float32")


@exercise(
    checks=[_counts_words_and_end, _takes_logits_of_the_right_number],
    hint="`ops.sparse_categorical_crossentropy(sentences, logits, from_logits=True)` is the cost of each place, (n, "
    "length). Which places shall count?",
    cases=lambda rng: [_random_sentences(rng), (np.int32([[1, 0]]), rng.normal(size=(1, 2, 4)).astype("float32"))],
    gradients=("logits",),
)
def cost_of_sentences(sentences, logits):
    """-log p of each sentence in nats, zeros after its end left out: (n, length), (n, length, n_tokens) to (n,)."""
    cost = ops.sparse_categorical_crossentropy(sentences, logits, from_logits=True)
    return ops.sum(ops.where(sentences != 0, cost, 0.0), axis=1)
