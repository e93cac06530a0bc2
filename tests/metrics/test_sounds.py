"""Pitch and clarity, held to sounds whose pitch is known."""

import numpy as np
import pytest

from course_utils.metrics import pitch_and_clarity

TIME = np.arange(8000) / 8000


def _tone(pitch, harmonics=(1,)):
    return sum(np.sin(2 * np.pi * k * pitch * TIME + k) / k for k in harmonics)


@pytest.mark.parametrize("pitch", [101.3, 173.2, 440.0, 655.5])
def test_tones_between_samples(pitch):
    for harmonics in ((1,), (1, 2, 3, 4, 5)):
        found, clarity = pitch_and_clarity(_tone(pitch, harmonics)[np.newaxis])
        assert abs(1200 * np.log2(found[0] / pitch)) < 10 and clarity[0] > 0.93


def test_a_missing_fundamental_is_heard():
    found, _ = pitch_and_clarity(_tone(150, (2, 3, 4))[np.newaxis])
    assert found[0] == pytest.approx(150, rel=0.005)


def test_loudness_is_no_matter_and_decay_little():
    sound = _tone(220, (1, 2, 3))
    expected = pitch_and_clarity(sound[np.newaxis])
    for got, wanted in zip(pitch_and_clarity(100 * sound[np.newaxis]), expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    found, clarity = pitch_and_clarity((sound * np.exp(-5 * TIME))[np.newaxis])
    assert found[0] == pytest.approx(220, rel=0.005) and clarity[0] > 0.95


def test_clarity_tells_one_tone_from_two_and_from_noise():
    noise = np.random.default_rng(0).normal(size=8000)
    two = _tone(200, range(1, 6)) + _tone(271, range(1, 6))
    _, clarity = pitch_and_clarity(np.stack([_tone(200, range(1, 6)), two, noise]))
    assert clarity[0] > 0.95 > 0.9 > clarity[1] > 0.2 > clarity[2]


def test_silence_has_no_pitch():
    found, clarity = pitch_and_clarity(np.zeros((2, 1000)))
    assert np.isnan(found).all() and not clarity.any()


@pytest.mark.parametrize(
    ("sounds", "options", "words"),
    [
        (TIME, {}, "`sounds` must be"), (TIME[np.newaxis, :100], {}, "`sounds` must be"),
        (TIME[np.newaxis], {"low": 0}, "`low`"), (TIME[np.newaxis], {"low": 300, "high": 200}, "`low` must be less"),
        (TIME[np.newaxis], {"high": 2000}, "`high`"),
    ],
)  # fmt: skip
def test_bad_arguments(sounds, options, words):
    with pytest.raises(ValueError, match=words):
        pitch_and_clarity(sounds, **options)
