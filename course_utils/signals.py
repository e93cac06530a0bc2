"""Signals made by formulas: plucked strings, and heartbeats as an electrocardiogram (ECG) shows them."""

import numpy as np

from course_utils.checks import check_non_negative, check_whole

# The waves P, Q, R, S and T of a normal beat: angle and width in radians, height as a share of that of R.
ANGLES = np.radians([-70.0, -15.0, 0.0, 15.0, 100.0])
WIDTHS = np.array([0.25, 0.1, 0.1, 0.1, 0.4])
HEIGHTS = np.array([1.2, -5.0, 30.0, -7.5, 0.75]) * WIDTHS**2 / 0.3


def plucked_string(pitch, rng, *, samples, decay=1.0, softness=0.0, place=0.0, sample_rate=8000):
    """A plucked string: a burst of noise runs round a loop that is one period long and averages neighbours.

    The loop is a delay of N samples, the mean of two neighbours (half a sample more) and an all-pass filter that makes
    up the rest, between half a sample and one and a half, so that any pitch can be had.

    >>> sound = plucked_string(200.0, np.random.default_rng(0), samples=8000)
    >>> print(sound.shape, np.abs(sound).max())
    (8000,) 1.0

    Args:
        pitch: in Hz, at most an eighth of the sample rate.
        rng: `numpy.random.Generator`, of the burst.
        samples: length of the sound.
        decay: time in seconds after which the loop has lost 60 dB, in addition to what the mean takes off.
        softness: from 0 (the burst as it is) towards 1 (its high frequencies are damped).
        place: where the string is plucked, as a share of its length from 0 (no matter where) to 0.5. A burst that comes
            again with the other sign after this share of a period has no harmonic that is at rest there.
        sample_rate: samples a second.

    Returns:
        array `(samples,)`, its largest amplitude 1.

    Raises:
        ValueError: if an argument is out of its range.

    Reference:
        Karplus & Strong, Digital synthesis of plucked-string and drum timbres, 1983; with the all-pass and the place
        of Jaffe & Smith, Extensions of the Karplus-Strong plucked-string algorithm, 1983.
    """
    from scipy.signal import lfilter

    samples, sample_rate = check_whole("samples", samples), check_whole("sample_rate", sample_rate)
    pitch, decay = (check_non_negative(k, v, positive=True) for k, v in {"pitch": pitch, "decay": decay}.items())
    check_non_negative("pitch", pitch, most=sample_rate / 8)
    softness, place = check_non_negative("softness", softness, most=0.99), check_non_negative("place", place, most=0.5)
    period = sample_rate / pitch
    n = int(period - 1)
    rest = period - n - 0.5  # from 0.5 to 1.5, where the all-pass delays low frequencies by just that
    c = (1 - rest) / (1 + rest)
    gain = 10 ** (-3 * period / sample_rate / decay)
    burst = np.zeros(max(samples, 2 * n))
    burst[:n] = lfilter([1 - softness], [1, -softness], rng.uniform(-1, 1, n))
    shift = round(place * period)
    if shift:
        burst[shift:] -= burst[:-shift].copy()
    loop = np.zeros(n + 3)
    loop[:2] = 1, c
    loop[n:] -= gain / 2 * np.array([c, 1 + c, 1])
    sound = lfilter([1, c], loop, burst)[:samples]
    return sound / np.abs(sound).max()


def heartbeats(phases, heights, widths, angles):
    """Beats as sums of bumps over the phase of the heart's cycle, one for each wave.

    A wave of height h, width b and angle a adds h exp(-d² / 2b²) at a phase whose distance from a, round the circle, is
    d. It is what the differential equation of McSharry and others draws, at a constant rate and without its way back to
    the baseline; their a is an amplitude by time, and the height is proportional to it times b².

    >>> phases = np.linspace(-np.pi, np.pi, 200, endpoint=False)
    >>> beat = heartbeats(phases, HEIGHTS, WIDTHS, ANGLES)
    >>> print(beat.shape, beat.argmax())  # the R wave is in the middle
    (200,) 100

    Args:
        phases: in radians, `(samples,)` or one row for each beat, `(n, samples)`.
        heights, widths, angles: of the waves, `(waves,)` or `(n, waves)`; widths positive, angles in radians.

    Returns:
        array `(samples,)` or `(n, samples)`, in units of the heights.

    Raises:
        ValueError: if the numbers of waves differ or a width is not positive.

    Reference:
        McSharry, Clifford, Tarassenko & Smith, A dynamical model for generating synthetic electrocardiogram signals,
        2003, table 1.
    """
    phases, heights, widths, angles = map(np.asarray, (phases, heights, widths, angles))
    waves = [part.shape[-1:] for part in (heights, widths, angles)]
    if len(set(waves)) > 1 or waves[0] == ():
        raise ValueError(f"`heights`, `widths` and `angles` must have one entry for each wave. Received: {waves}")
    if not np.all(widths > 0):
        raise ValueError(f"`widths` must be positive. Received: {widths.min()}")
    distance = phases[..., np.newaxis] - angles[..., np.newaxis, :]
    distance = np.mod(distance + np.pi, 2 * np.pi) - np.pi
    bumps = heights[..., np.newaxis, :] * np.exp(-((distance / widths[..., np.newaxis, :]) ** 2) / 2)
    return bumps.sum(axis=-1)
