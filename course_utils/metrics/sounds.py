"""What one hears of a sound: its pitch, and how much it has one."""

import numpy as np

from course_utils.checks import check_non_negative


def pitch_and_clarity(sounds, *, low=100.0, high=700.0, sample_rate=8000):
    """Pitch of each sound, and how alike the sound is to itself one period later.

    Both come from the normalised autocorrelation: the cosine between the sound and itself, `lag` samples later. It
    peaks at all multiples of the period, so the earliest peak is taken that is within 10% of the highest. A parabola
    through the peak and its neighbours finds the place between samples.

    >>> second = np.arange(8000) / 8000
    >>> pitch, clarity = pitch_and_clarity(np.sin(2 * np.pi * 220 * second)[np.newaxis])
    >>> print(np.round(pitch), np.round(clarity, 2))
    [220.] [1.]

    Args:
        sounds: array `(n, samples)`, longer than two periods of `low`.
        low, high: the range of pitches, in Hz, at most an eighth of the sample rate.
        sample_rate: samples a second.

    Returns:
        pitch `(n,)` in Hz, NaN where there is no peak; clarity `(n,)`, 1 for what repeats itself and near 0 for noise.

    Raises:
        ValueError: if `sounds` is no such array, or the range is none.

    Reference:
        McLeod & Wyvill, A smarter way to find pitch, 2005; their peak is normalised a little otherwise.
    """
    low, high = check_non_negative("low", low, positive=True), check_non_negative("high", high, most=sample_rate / 8)
    sounds = np.asarray(sounds, dtype=float)
    first, last = int(sample_rate / high), int(np.ceil(sample_rate / low)) + 1
    if not 0 < low < high:
        raise ValueError(f"`low` must be less than `high`. Received: low={low:g}, high={high:g}")
    if sounds.ndim != 2 or sounds.shape[1] <= 2 * last:
        raise ValueError(f"`sounds` must be (n, samples), samples above {2 * last}. Received: {sounds.shape}")
    likeness = _autocorrelation(sounds, last + 1)
    found = [_first_high_peak(row, first) for row in likeness]
    period, clarity = np.array(found, dtype=float).reshape(-1, 2).T
    return sample_rate / period, clarity


def _autocorrelation(sounds, lags):
    """Cosine between each sound and itself, 0 to `lags` - 1 samples later; (n, lags)."""
    n = sounds.shape[1]
    power = np.abs(np.fft.rfft(sounds, 2 * n)) ** 2  # padded, or the end would meet the beginning
    products = np.fft.irfft(power)[:, :lags]
    energy = np.cumsum(sounds**2, axis=1)
    early = energy[:, ::-1][:, :lags]  # without the last `lag` samples
    late = energy[:, -1:] - np.pad(energy[:, : lags - 1], ((0, 0), (1, 0)))  # without the first
    return products / np.sqrt(early * late + 1e-12)


def _first_high_peak(row, first):
    """Lag and height of the earliest peak that is nearly as high as the highest, from lag `first` on."""
    inside = row[first - 1 :]
    peaks = first + np.flatnonzero((inside[1:-1] >= inside[:-2]) & (inside[1:-1] > inside[2:]))
    if not len(peaks):
        return np.nan, 0.0
    peak = peaks[np.argmax(row[peaks] > 0.9 * row[peaks].max())]
    before, top, after = row[peak - 1 : peak + 2]
    return peak + (before - after) / (2 * (before - 2 * top + after)), top
