"""Exercises of lesson 16 on sounds and series: a string, its pitch, phases, a 1-D autoencoder, a missed beat."""

import math

import numpy as np
from keras import Input, Model, layers

from course_utils.exercises import Prediction, as_array, exercise
from course_utils.exercises.answers import Wrong, short
from course_utils.exercises.models import as_autoencoder, on_data, weight_shapes
from course_utils.models import Autoencoder

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
    "The shape of a small beat is a normal one, and what is drawn a little wrong is wrong by half as much in a beat of "
    "half the size. The error is a difference, so small beats have small ones.",
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
    checks=[_keeps_the_magnitudes, _leaves_what_is_right, _bears_silence],
    hint="There and back: `to_spectrogram(to_sound(spectrogram))` is not the spectrogram you began with, unless it "
    "belongs to a sound. `np.angle` takes the phases; a magnitude and a phase make `magnitude * np.exp(1j * phase)`.",
    returns=_as_complex,
    cases=lambda rng: [_noise(rng, 3, 120), _noise(rng, 1, 64)],
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
    """An `Autoencoder` of series (200, 1).

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
