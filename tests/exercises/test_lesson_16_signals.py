"""Exercises of lesson 16 on sounds and series, each in its four states."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy.signal import ShortTimeFFT, lfilter
from scipy.signal.windows import hann

from course_utils.exercises import lesson_16_signals as ex
from course_utils.models import Autoencoder


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


def test_predictions(check_prediction):
    check_prediction(ex.burst_pitch, 197.5, 200, 197.53)
    check_prediction(ex.missed_beat, "small beat", "missing P", "small beat")
