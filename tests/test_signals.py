"""Plucked strings and heartbeats, held to closed forms."""

import numpy as np
import pytest

from course_utils.metrics import pitch_and_clarity
from course_utils.signals import ANGLES, HEIGHTS, WIDTHS, heartbeats, plucked_string

SECOND = 8000
PHASES = np.linspace(-np.pi, np.pi, 400, endpoint=False)


def _rng():
    return np.random.default_rng(0)


def test_seed_length_and_loudness():
    sound = plucked_string(220, _rng(), samples=3000, decay=0.5, softness=0.5, place=0.3)
    assert sound.shape == (3000,) and np.abs(sound).max() == 1
    np.testing.assert_array_equal(sound, plucked_string(220, _rng(), samples=3000, decay=0.5, softness=0.5, place=0.3))
    other = plucked_string(220, np.random.default_rng(1), samples=3000, decay=0.5, softness=0.5, place=0.3)
    assert np.abs(sound - other).max() > 0.1


@pytest.mark.parametrize("n", [20, 40, 53])
def test_without_rest_it_is_the_published_loop(n):
    """With a pitch of fs / (n + 3/2) the all-pass is a delay of one sample: the plain loop of n + 1 samples."""
    sound = plucked_string(SECOND / (n + 1.5), _rng(), samples=500, decay=1e9)
    plain = np.concatenate([np.zeros(2), _rng().uniform(-1, 1, n), np.zeros(498 - n)])
    for i in range(n + 3, 500):
        plain[i] = plain[i] + (plain[i - n - 1] + plain[i - n - 2]) / 2
    plain = np.append(plain[2:], [0, 0])
    np.testing.assert_allclose(sound[:490], plain[:490] / np.abs(plain).max(), atol=1e-6)


def test_pitch_of_the_plain_loop():
    """A period of N = 40 samples and the half of a mean: 8000 / 40.5 = 197.53 Hz."""
    sound = plucked_string(SECOND / 40.5, _rng(), samples=SECOND)
    pitch, clarity = pitch_and_clarity(sound[np.newaxis])
    assert pitch == pytest.approx(197.53, abs=0.3) and clarity > 0.85


def test_any_pitch_can_be_had():
    rng = _rng()
    wanted = 110 * 2 ** rng.uniform(0, 2, 60)
    sounds = np.stack([plucked_string(pitch, rng, samples=SECOND) for pitch in wanted])
    cents = 1200 * np.log2(pitch_and_clarity(sounds)[0] / wanted)
    assert np.median(np.abs(cents)) < 5 and np.mean(np.abs(cents) < 25) > 0.95


@pytest.mark.parametrize("harmonic", [1, 2, 4])
def test_a_harmonic_loses_the_cosine_of_the_mean_each_period(harmonic):
    """The mean of two neighbours has the gain cos(πf / fs); twenty periods of it, on Fourier coefficients."""
    pitch, periods, n = SECOND / 41.5, 20, 40
    sound = plucked_string(pitch, _rng(), samples=n * 120, decay=1e9)
    frequency = harmonic * pitch

    def strength(start):  # over 10 periods, 415 samples
        piece = np.hanning(415) * sound[start : start + 415]
        return abs(np.sum(piece * np.exp(-2j * np.pi * frequency / SECOND * np.arange(415))))

    ratio = strength(830 + 415 * 2) / strength(830)  # 830 samples, 20 periods later
    assert ratio == pytest.approx(np.cos(np.pi * frequency / SECOND) ** periods, rel=0.05)


def test_decay_is_sixty_decibels():
    """A deep tone loses next to nothing by the mean: after `decay` seconds it is down by a factor of about 1000."""
    sound = plucked_string(100, _rng(), samples=SECOND, decay=0.5, softness=0.9)
    loud = [np.sqrt(np.mean(sound[start : start + 400] ** 2)) for start in (800, 800 + SECOND // 2)]
    assert 20 * np.log10(loud[0] / loud[1]) == pytest.approx(60, abs=4)


def test_plucked_in_the_middle_it_has_no_even_harmonics():
    sound = plucked_string(SECOND / 40, _rng(), samples=SECOND, place=0.5)
    spectrum = np.abs(np.fft.rfft(sound[:4000]))  # 100 periods, so harmonics lie on every hundredth frequency
    odd, even = spectrum[100:900:200], spectrum[200:900:200]
    assert even.max() < 0.02 * odd.max()


def test_softness_takes_high_frequencies():
    hard, soft = (plucked_string(150, _rng(), samples=400, softness=s) for s in (0.0, 0.8))
    share = [np.sum(np.abs(np.fft.rfft(sound))[100:] ** 2) / np.sum(sound**2) / 200 for sound in (hard, soft)]
    assert share[1] < 0.2 * share[0]


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        ({"pitch": 0}, "pitch"), ({"pitch": 1500}, "pitch"), ({"decay": 0}, "decay"), ({"softness": 1}, "softness"),
        ({"place": 0.7}, "place"), ({"samples": 0}, "samples"), ({"sample_rate": 1.5}, "sample_rate"),
    ],
)  # fmt: skip
def test_bad_arguments_of_a_string(bad, name):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}="):
        plucked_string(**{"pitch": 200, "rng": _rng(), "samples": 100, **bad})


def test_each_wave_has_its_peak_at_its_place_and_height():
    for wave in range(5):
        alone = heartbeats(PHASES, HEIGHTS[[wave]], WIDTHS[[wave]], ANGLES[[wave]])
        peak = np.abs(alone).argmax()
        assert PHASES[peak] == pytest.approx(ANGLES[wave], abs=np.pi / 400)
        assert alone[peak] == pytest.approx(HEIGHTS[wave], rel=0.01)


def test_proportions_of_the_published_table():
    np.testing.assert_allclose(HEIGHTS, [0.25, -1 / 6, 1, -0.25, 0.4])


def test_beats_are_sums_and_batches():
    parts = sum(heartbeats(PHASES, HEIGHTS[[i]], WIDTHS[[i]], ANGLES[[i]]) for i in range(5))
    np.testing.assert_allclose(heartbeats(PHASES, HEIGHTS, WIDTHS, ANGLES), parts)
    heights = np.stack([HEIGHTS, 2 * HEIGHTS])
    batch = heartbeats(PHASES, heights, np.stack([WIDTHS] * 2), np.stack([ANGLES] * 2))
    np.testing.assert_allclose(batch, [parts, 2 * parts])
    shifted = heartbeats(np.stack([PHASES, PHASES - 0.1]), HEIGHTS, WIDTHS, ANGLES)
    np.testing.assert_allclose(shifted[1], heartbeats(PHASES, HEIGHTS, WIDTHS, ANGLES + 0.1))


def test_a_wave_goes_round_the_circle():
    ends = heartbeats(PHASES, [1.0], [0.3], [np.pi])
    assert ends.argmax() == 0 and ends[1] == pytest.approx(ends[-1])


def test_bad_waves():
    with pytest.raises(ValueError, match="one entry for each wave"):
        heartbeats(PHASES, HEIGHTS, WIDTHS, ANGLES[:4])
    with pytest.raises(ValueError, match="`widths` must be positive"):
        heartbeats(PHASES, HEIGHTS, WIDTHS - 0.1, ANGLES)
