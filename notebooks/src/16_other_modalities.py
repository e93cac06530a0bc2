# ---
# jupyter:
#   course: {reading: 55, doing: 60}
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Other modalities: notes, heartbeats, sentences
#
# So far everything was a picture. Here encoders, codes and decoders meet three things that are none: the sound of a plucked string, the curve of an electrocardiogram, a sentence. All three are made in the lesson, by rules that we know. So what a model says can be held to the truth: to the pitch that was plucked, to the kind of beat that was drawn, to the exact entropy of a language.
#
# **You will learn**
#
# - how a sound becomes a picture and a sound again, and what that costs before any model is trained;
# - how to ask a code what it knows, and how to go from note to note so that one hears one note on the way, not two;
# - how a one-dimensional autoencoder finds strange heartbeats, and how to find out which ones it can't find;
# - how near a model of sentences comes to the perfect one, where the perfect score is known;
# - why a VAE with a strong decoder gives up its code while everything looks well, and two cures.
#
# **You need** lessons 05 (convolutions), 07 and 09 (ELBO, bounds, collapse). No data set is loaded. There is a marked break after section 8.
#
# **The quick profile** learns from 600 notes of one octave, 1,500 beats and 2,000 sentences, in very short trainings. Its notes are often out of tune and few of its sentences are right; the text describes the full run.

# %%
import numpy as np
from course_utils import plotting
from course_utils.batches import predict_in_batches
from course_utils.checkpoints import stored_table
from course_utils.exercises import lesson_16 as ex
from course_utils.grammar import Grammar
from course_utils.lesson import budget, expect, setup
from course_utils.losses import gaussian_nll, sentence_nll
from course_utils.metrics import iwae_bound, kl_divergence, negative_elbo_terms, pitch_and_clarity
from course_utils.models import VAE, build_sequence_vae
from course_utils.signals import ANGLES, HEIGHTS, WIDTHS, heartbeats, plucked_string
from course_utils.training import callbacks, fast
from IPython.display import Audio, display
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsRegressor

import keras
from keras import layers

SEED = 16
setup(seed=SEED)

# %% [markdown]
# ## 1. A string made of noise
#
# Take $N$ random numbers, a **burst**, and send them round a loop. Each time round, every sample becomes the mean of two neighbours:
#
# $$x_i = \tfrac12 \left( x_{i-N} + x_{i-N-1} \right) \quad\text{for } i \ge N, \qquad x_i = 0 \text{ for } i < 0.$$
#
# That is all, and it sounds like a plucked string (Karplus & Strong 1983). What repeats itself every $N$ samples has a pitch. The mean takes a little off everything that changes fast: a frequency of $f$ Hz shrinks by the factor $\cos(\pi f / f_s)$ each time round, where $f_s$ is the number of samples a second, the **sample rate**. So high frequencies die first and low ones ring on, as with a real string.
#
# ### Exercise 1: pluck


# %% tags=["nbval-check-output"]
def plucked(burst, samples):
    """A string: first the burst (N,), then each sample is the mean of those N and N + 1 before it; shape (samples,).

    What comes before the burst is zero; samples is at least N.
    """
    return ...  # your code


plucked = ex.plucked.check(plucked)

# %% [markdown]
# ### Exercise 2: a prediction
#
# The burst has $N = 40$ samples, the sample rate is 8,000 Hz. Which pitch has the string, in Hz, to within 1 Hz?

# %%
burst_pitch = ...  # your prediction, in Hz

# %%
SAMPLE_RATE = 8000


def play(sounds, says):
    """Prints what one hears, and shows the sounds, one after the other, behind a button."""
    print(f"To listen to: {says}")
    display(Audio(np.concatenate(sounds), rate=SAMPLE_RATE))


string = plucked(np.random.default_rng(SEED).uniform(-1, 1, 40), SAMPLE_RATE)
measured, _ = pitch_and_clarity(string[np.newaxis])
ex.burst_pitch.check(burst_pitch, measured[0])
print(f"measured: {measured[0]:.2f} Hz; 8000 / 40.5 is {8000 / 40.5:.2f} Hz")
play([string], "a plucked string. It begins bright and gets duller as it fades.")

# %% [markdown]
# `pitch_and_clarity` asks after how many samples a sound is most alike to itself. The **clarity** says how alike: 1 for a sound that repeats itself, near 0 for noise.
#
# With whole numbers of samples there are few pitches: 8000 / 20.5 and 8000 / 21.5 lie 82 cents apart. (A **cent** is the hundredth part of a semitone, and a semitone is the twelfth part of an octave, in which the pitch doubles.) `plucked_string` has a filter in the loop that delays by a part of a sample, so it can be tuned to any pitch. It has three more settings, for it would be a poor instrument if all notes of a pitch were alike: the **decay**, the time in which the string would lose 60 dB even if the mean took nothing; the **softness** of the finger; and the **place** where it plucks, which leaves out the harmonics that are at rest there. And each note has its own burst.
#
# Our notes have pitches from 131 to 523 Hz, two octaves from C3 to C5, drawn evenly on the scale of octaves. Test notes have other pitches, settings and bursts.

# %%
SAMPLES = 7424  # 0.93 s, which makes 32 columns below
LOWEST, OCTAVES = budget((130.81, 2), quick=(261.63, 1))
N_TRAIN, N_TEST = budget(3000, quick=600), budget(120, quick=30)


def drawn_notes(n, seed):
    """Sounds (n, 7424), and their settings."""
    rng = np.random.default_rng([SEED, seed])
    settings = {
        "pitch": LOWEST * 2 ** (OCTAVES * rng.random(n)),
        "decay": 0.5 * 6 ** rng.random(n),
        "softness": rng.uniform(0.1, 0.8, n),
        "place": rng.uniform(0.1, 0.5, n),
    }
    rows = [dict(zip(settings, row)) for row in zip(*settings.values())]
    sounds = [plucked_string(row.pop("pitch"), rng, samples=SAMPLES, sample_rate=SAMPLE_RATE, **row) for row in rows]
    return np.array(sounds, np.float32), settings


sounds, settings = zip(*(drawn_notes(n, seed) for seed, n in enumerate((N_TRAIN, N_TEST, N_TEST))))
train, valid, test = (dict(sound=sound, **own) for sound, own in zip(sounds, settings))


# %%
def cents(sounds, pitch):
    """How far the sounds' pitches lie from those given, in cents; NaN where a sound has none."""
    return 1200 * np.log2(pitch_and_clarity(sounds)[0] / pitch)


def hits(off):
    """Share of the notes within 50 cents, in %."""
    return 100 * np.mean(np.abs(off) < 50)


in_tune = {"the notes themselves": cents(test["sound"], test["pitch"])}
off = in_tune["the notes themselves"]
print(f"the notes themselves: {hits(off):.1f}% within 50 cents, half of them within {np.median(np.abs(off)):.1f} cents")

# %% [markdown]
# The measure works before we use it: on the true sounds it finds the pitch that was asked for, to a few cents.
#
# ## 2. A picture of a sound
#
# Cut the sound into windows of 1,024 samples, 128 ms, a new one every 256 samples. Fourier-transform each. The result is the **spectrogram** $S_{ft}$, complex numbers by frequency $f$ and time $t$, 513 × 32 of them. Their magnitudes say how much of a frequency there is. An ear hears ratios, so we take **decibels** (dB; 20 of them are a factor of ten in magnitude) below the loudest of the note, down to a **floor** of 80:
#
# $$x_{ft} = \max\!\left(0,\; 1 + \frac{20}{80} \log_{10} \frac{|S_{ft}|}{\max |S|} \right) \in [0, 1].$$
#
# Without a floor, $\log 0 = -\infty$ would be the largest number in size. We keep the 256 frequencies below 2 kHz, as there is little above, and "loudest" is meant among these.

# %%
BINS, FRAMES, FLOOR = 256, 32, 80
short_time = ShortTimeFFT(hann(1024, sym=False), 256, SAMPLE_RATE)


def to_pictures(sounds):
    """Log magnitudes (n, 32, 256): 1 where a note is loudest, 0 at 80 dB below that and less."""
    magnitudes = np.abs(short_time.stft(sounds))[:, :BINS].swapaxes(1, 2)
    decibels = 20 * np.log10(magnitudes / magnitudes.max(axis=(1, 2), keepdims=True) + 1e-9)
    return np.clip(1 + decibels / FLOOR, 0, 1).astype(np.float32)


def to_magnitudes(pictures):
    """Magnitudes (n, 513, 32) of log magnitudes; silence at the floor and above 2 kHz."""
    magnitudes = np.where(pictures > 0, 10.0 ** (FLOOR * (np.clip(pictures, 0, 1) - 1) / 20), 0)
    return np.pad(magnitudes.swapaxes(1, 2), ((0, 0), (0, 513 - BINS), (0, 0)))


for part in (train, valid, test):
    part["picture"] = np.concatenate([to_pictures(some) for some in np.array_split(part["sound"], 10)])

# %%
low_to_high = np.argsort(test["pitch"])[np.linspace(0, N_TEST - 1, 6).astype(int)]


def upright(pictures):
    """Pictures as an image shows them: time to the right, eight pixels a window, low frequencies at the bottom."""
    return np.repeat(pictures.swapaxes(1, 2)[:, ::-1], 8, axis=2)[..., np.newaxis]


hertz = [f"{test['pitch'][i]:.0f} Hz" for i in low_to_high]
plotting.image_rows({"0 to 2 kHz": upright(test["picture"][low_to_high])}, column_titles=hertz)

# %% [markdown]
# **What to notice.** The bright band at the left is the pluck, which has all frequencies. Each line is a **harmonic**, a multiple of the pitch, so the lines of a high note lie far apart. High harmonics end early. How loud each one is at the start is a matter of the burst's chance, the finger's softness and the place.
#
# ## 3. And back: the phases are missing
#
# The magnitudes alone are no sound: each of the complex numbers has a phase as well, and the picture has lost it. But windows overlap by three quarters, so only few spectrograms belong to a sound. Griffin and Lim (1984) look for phases that fit: begin with random ones, make a sound, take *its* phases, put the known magnitudes back, and go round again. The distance between the sound's magnitudes and those wanted never grows.
#
# ### Exercise 3: one round


# %% tags=["nbval-check-output"]
def with_better_phases(spectrogram, magnitudes, to_sound, to_spectrogram):
    """The magnitudes with the phases of the sound that the spectrogram makes.

    spectrogram, complex, and magnitudes (n, frequencies, times); to_sound: function from complex spectrograms to
    sounds (n, samples); to_spectrogram: function that goes back. Complex, of the spectrogram's shape.
    """
    return ...  # your code


with_better_phases = ex.with_better_phases.check(with_better_phases)

# %% [markdown]
# Whatever the VAE will draw goes this way to become a sound. So first the **control**: true magnitudes in, how much is lost? Without it we would blame the VAE for what Griffin and Lim do.


# %%
def to_sound(spectrogram):
    return short_time.istft(spectrogram, k1=SAMPLES)


def heard(pictures, rounds=24):
    """Sounds (n, 7424) of log magnitudes, by Griffin and Lim; the largest amplitude of each is 1."""
    magnitudes = to_magnitudes(pictures)
    spectrogram = magnitudes * np.exp(2j * np.pi * np.random.default_rng(SEED).random(magnitudes.shape))
    for _ in range(rounds):
        spectrogram = with_better_phases(spectrogram, magnitudes, to_sound, short_time.stft)
    found = to_sound(spectrogram)
    return found / np.abs(found).max(axis=1, keepdims=True)


by_control = heard(test["picture"])
in_tune["true magnitudes"] = cents(by_control, test["pitch"])
print(f"sounds of the true magnitudes: {hits(in_tune['true magnitudes']):.1f}% within 50 cents")

# %% [markdown]
# ## 4. A VAE of notes
#
# On a photograph a convolution runs along both axes, as a cat is a cat wherever it sits. A spectrogram is no photograph. Along time the same holds. Along a linear axis of frequency it does not: a note that is higher is no shifted one, as its lines lie further apart. (On a logarithmic axis it would be.) So the convolutions run along time only, and the 256 frequencies are channels; we did not compare.
#
# The decoder's output is the mean of a Gaussian for each of the 8,192 pixels, with one fixed standard deviation $\sigma$. It sets how much the pixels' errors weigh beside the KL term (lesson 07). If pixels were independent, the likeliest $\sigma$ would be the root mean squared error that is left in the end, here about 0.043. But they are not: windows overlap by three quarters, and a window smears each line over some four frequencies, so the same chance is counted several times. We take $\sigma = 0.1$, that is 8 dB. The error weighs by $1 / \sigma^2$, so that is as if a fifth of the pixels counted. From 0.07 to 0.3 it made little difference in trials: nearly all validation notes were in tune.

# The code has 32 numbers, and to be frank, that number was chosen by what section 5 asks of it. With 8 all validation notes were in tune as well. But a linear probe then found the pitch with an $R^2$ of anything from 0.72 to 0.95, depending on the seed and on the output's first bias; with 16 it was 0.88 to 0.91, with 32 it was 0.95 (validation notes, two seeds). Section 6 shows what lies behind that.

# %%
LATENT_DIM, SIGMA = 32, 0.1


def note_vae(seed):
    """A VAE of log magnitudes (32, 256), whose convolutions run along time."""
    along_time = {"kernel_size": 3, "strides": 2, "padding": "same"}
    x = pictures = keras.Input((FRAMES, BINS))
    for _ in range(2):
        x = layers.Conv1D(128, activation="gelu", **along_time)(x)
    x = layers.Dense(256, "gelu")(layers.Flatten()(x))
    encoder = keras.Model(pictures, [layers.Dense(LATENT_DIM, name=name)(x) for name in ("mean", "log_var")])
    y = codes = keras.Input((LATENT_DIM,))
    for width in (256, FRAMES // 4 * 128):
        y = layers.Dense(width, "gelu")(y)
    y = layers.Reshape((FRAMES // 4, 128))(y)
    y = layers.Conv1DTranspose(128, activation="gelu", **along_time)(y)
    dark = keras.initializers.Constant(-3)  # most pixels are black, so the output begins at 0.05 and not at 0.5
    output = layers.Conv1DTranspose(BINS, activation="sigmoid", bias_initializer=dark, **along_time)
    return VAE(encoder, keras.Model(codes, output(y)), seed=seed)


def picture_nll(pictures, means):
    return gaussian_nll(pictures, means, sigma=SIGMA)


# %%
def train_on(arrays, model, name, loss, *, epochs, learning_rate, batch_size):
    """The model, trained by Adam with a learning rate that falls to zero as a cosine."""
    steps = epochs * -(-len(arrays) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(keras.optimizers.Adam(rate), loss=loss, **fast(model, steps))
    model.fit(arrays, arrays, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=callbacks(name))
    return model


keras.utils.set_random_seed(SEED)
epochs, learning_rate, batch_size = budget((25, 2e-3, 32), quick=(12, 3e-3, 16))
options = {"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size}
vae = train_on(train["picture"], note_vae(SEED), "notes", picture_nll, **options)

# %% [markdown]
# The rival is PCA with as many numbers, 32.

# %%
pca = PCA(LATENT_DIM, random_state=0).fit(train["picture"].reshape(N_TRAIN, -1))
for part in (train, valid, test):
    part["VAE"] = predict_in_batches(vae.encoder, part["picture"])[0]
    part["PCA"] = pca.transform(part["picture"].reshape(len(part["picture"]), -1))


def drawn_again(part):
    """What both make of their codes, by name."""
    by_pca = pca.inverse_transform(part["PCA"]).reshape(part["picture"].shape)
    return {"VAE": predict_in_batches(vae.decoder, part["VAE"]), "PCA": by_pca}


for name, part in {"validation": valid, "test": test}.items():
    errors = {model: np.sqrt(np.mean((again - part["picture"]) ** 2)) for model, again in drawn_again(part).items()}
    print(f"root mean squared error, {name}: " + ", ".join(f"{model} {error:.4f}" for model, error in errors.items()))

# %% [markdown]
# ## 5. What does the code know?
#
# Nobody told the VAE what a pitch is. A **linear probe** asks whether its code knows: linear regression from the 32 numbers to a setting, learnt on training notes, measured on test notes (after Alain & Bengio 2016, whose probes are classifiers). $R^2$ is the share of the variance that it explains: 1 is all, 0 is no better than the mean. A second probe is not linear: it answers with the mean of the five training notes whose codes are nearest.

# %%
SCALES = {"pitch": np.log2, "decay": np.log2, "softness": np.asarray, "place": np.asarray}


def probed(probe, model, name):
    """R² on test notes of a probe that goes from codes to a setting."""
    scale = SCALES[name]
    return probe.fit(train[model], scale(train[name])).score(test[model], scale(test[name]))


r_squared = {model: [probed(LinearRegression(), model, name) for name in SCALES] for model in ("VAE", "PCA")}
nearest = {f"{model}, nearest": [probed(KNeighborsRegressor(5), model, name) for name in SCALES] for model in r_squared}
r_squared |= nearest
for model, values in r_squared.items():
    print(f"{model}: " + ", ".join(f"{name} {value:.3f}" for name, value in zip(SCALES, values)))
plotting.bars(r_squared, "R² of a probe, test notes", groups=["log pitch", "log decay", "softness", "place"])

# %% [markdown]
# **What to notice.** The linear probe reads the pitch off the VAE's code with an $R^2$ of 0.97. PCA's code is hardly worse, 0.95: when there are so many numbers, a straight line finds nearly anything that goes smoothly with them. The nearest notes tell the pitch almost without error, in both codes. So either knows it better than a straight line can say: notes of rising pitch lie along a *curve*. How long a note rings the VAE's code tells better in this run, 0.89 to 0.70; where it was plucked PCA's does, 0.39 to 0.29. Softness can be read off neither.

# %%
again = drawn_again(test)
rows = {"test note": test["picture"], **again}
plotting.image_rows({name: upright(values[low_to_high]).clip(0, 1) for name, values in rows.items()}, hertz)

# %%
by_model = {name: heard(pictures) for name, pictures in again.items()}
in_tune |= {name: cents(found, test["pitch"]) for name, found in by_model.items()}
for name, off in in_tune.items():
    half, far = np.nanmedian(np.abs(off)), 100 * np.mean(np.abs(off) > 600)
    print(f"{name:20}: {hits(off):5.1f}% within 50 cents, half within {half:4.1f}, {far:.1f}% off by half an octave")
plotting.bars({name: hits(off) for name, off in in_tune.items()}, "test notes within 50 cents, in %")

# %%
note = low_to_high[2]
one_note = [test["sound"][note], by_control[note], by_model["VAE"][note]]
play(one_note, f"a test note of {hertz[2]}; the same from its true magnitudes; the same through the VAE's code.")

# %% [markdown]
# **What to notice.** All notes that come through the VAE's code are in tune, half of them within 2.4 cents, which is little more than the true magnitudes' 1.4. So Griffin and Lim's phases are not to blame for anything here. And be fair to PCA: with 32 numbers its pictures have the smaller error, and all its notes but one are in tune. To keep a note nobody needs a VAE.
#
# ## 6. From note to note
#
# Take two test notes and go from one to the other in seven steps, with $s$ from 0 to 1 for the share of the way. Three ways:
#
# - a **cross-fade** of the two sounds that come from the VAE's pictures of the notes: one grows quieter, the other louder;
# - a **straight line** from code to code, $(1 - s)\, z + s\, z'$, decoded;
# - **along the notes**: let $m(p)$ be the mean code of the training notes whose log pitch is about $p$. The walk goes along this curve, and what sets the two notes apart from the mean ones, $z - m(p)$ and $z' - m(p')$, goes over in a straight line. Mind that this way is *told* pitches, those of the training notes and of both ends, and the others are not. So PCA's code is walked in the same way.
#
# We take pairs of test notes that lie 5 to 11 semitones apart. If the way is good, there is *one* note in the middle, with a pitch in between: more than a fifth and less than four fifths of the way.

# %%
N_PAIRS, SHARES = budget(16, quick=4), np.linspace(0, 1, 7)


def pairs_apart(n):
    """Indices (n, 2) of test notes, the second 5 to 11 semitones above the first."""
    semitones = 12 * np.log2(test["pitch"][np.newaxis] / test["pitch"][:, np.newaxis])
    all_pairs = np.argwhere((semitones > 5) & (semitones < 11))
    return all_pairs[np.random.default_rng(SEED).choice(len(all_pairs), n, replace=False)]


def between(ends, share):
    return (1 - share) * ends[:, 0] + share * ends[:, 1]


def mean_code(log_pitch, model):
    """A model's mean codes of training notes of about these pitches, log2 of Hz: one 0.3 semitones off weighs 0.6."""
    semitones = 12 * (log_pitch[..., np.newaxis] - np.log2(train["pitch"]))
    weights = np.exp(-((semitones / 0.3) ** 2) / 2)
    return weights @ train[model] / weights.sum(axis=-1, keepdims=True)


# %%
pairs = pairs_apart(N_PAIRS)
log_pitch = np.log2(test["pitch"][pairs])


def along_the_notes(model):
    """Codes (pairs, 32) at each of the seven steps."""
    own = test[model][pairs] - mean_code(log_pitch, model)
    return [mean_code(between(log_pitch, s), model) + between(own, s) for s in SHARES]


straight = [between(test["VAE"][pairs], s) for s in SHARES]
walks = {
    "cross-fade": [to_pictures(between(by_model["VAE"][pairs], s)) for s in SHARES],
    "straight line": [predict_in_batches(vae.decoder, step) for step in straight],
    "along the notes": [predict_in_batches(vae.decoder, step) for step in along_the_notes("VAE")],
    "the same, PCA": [pca.inverse_transform(step).reshape(-1, FRAMES, BINS) for step in along_the_notes("PCA")],
}

# %%
low, high = log_pitch.T
way, clarity, walk_sounds = {}, {}, {}
for name, steps in walks.items():
    walk_sounds[name] = np.array([heard(pictures) for pictures in steps])
    pitches, clear = zip(*(pitch_and_clarity(found) for found in walk_sounds[name]))
    way[name] = (np.log2(pitches) - low) / (high - low)  # 0 at the low note, 1 at the high one; (steps, pairs)
    clarity[name] = np.mean(clear, axis=1)
middle = {name: 100 * np.mean((values[3] > 0.2) & (values[3] < 0.8)) for name, values in way.items()}
for name, share in middle.items():
    print(f"{name:15}: pitch in the middle lies between in {share:.0f}% of the pairs, clarity {clarity[name].round(2)}")

# %%
plotting.bands(
    {name: values.T.clip(-0.5, 1.5) for name, values in way.items()},
    "share of the way",
    "pitch: low note 0, high note 1",
    x=SHARES,
)

# %% tags=["picture"]
errors_of_way = np.abs(way["along the notes"] - SHARES[:, np.newaxis]).max(axis=0)
pair = int(np.argsort(errors_of_way)[N_PAIRS // 2])  # a typical one
plotting.image_rows({name: upright(np.array(steps)[:, pair]).clip(0, 1) for name, steps in walks.items()})

# %%
for name in walks:
    said = ", ".join(f"{pitch:.0f}" for pitch in pitch_and_clarity(walk_sounds[name][:, pair])[0])
    play(walk_sounds[name][:, pair, :3000], f"seven notes, {name}; measured pitches {said} Hz.")

# %% [markdown]
# **What to notice.** (The band reaches from the lowest to the highest of the 16 pairs; it is cut off at -0.5 and 1.5.) In the cross-fade the pitch does not glide, it jumps: half-way there are two notes at once, a chord. What is measured then may be either, or a deep note of which both are harmonics. The straight line is no better: in none of the pairs does the pitch in the middle lie between (in one of 16 with each of two other seeds), and what one hears there has hardly a pitch. Along the notes there is one note at every step, with the pitch that it should have: in the typical pair above 266, 288, 316, 343, 368, 398 and 431 Hz. In the middle of the way the clarity is 0.93 as at its ends, on the straight line 0.61, in the cross-fade 0.59.
#
# And PCA? Along the notes its walk arrives in the middle as well, with a few octaves gone wrong on the way. So it is not the VAE that makes the way a good one. It is to know where notes lie: a straight line leaves the curve, and a likely reason for its failure is that between its ends lie codes that no note has. A VAE's prior asks that codes fill the space. It does not ask that what we care about goes straight through it. In lesson 08 the ways differed by a little; here they differ by what one hears.
#
# ## 7. Heartbeats
#
# A series is a picture with one axis. An electrocardiogram, ECG for short, shows the voltage of a heart over time. A beat has five waves, called P, Q, R, S and T. McSharry and others (2003) draw it as a sum of five bumps on the circle of the heart's cycle, with the phase $\theta$ from $-\pi$ to $\pi$:
#
# $$x(\theta) = \sum_{i \in \{P, Q, R, S, T\}} h_i \exp\!\left( - \frac{(\theta - \theta_i)^2}{2 b_i^2} \right).$$
#
# Their table has the angles $\theta_i$ and widths $b_i$; the heights $h_i$ follow from it. Here each beat has 200 samples, and no two are alike: heights vary by 20%, widths by 10%, angles by 0.03 radians and the size of the whole by 20% (all standard deviations). Beats are cut out of the series a little early or late, by 0.2 radians. The baseline wanders, and there is noise of 3% of the R wave.

# %%
PHASES, SIZES = np.linspace(-np.pi, np.pi, 200, endpoint=False), {"small beat": 0.5, "big beat": 2.0}


def with_baseline_and_noise(beats, rng):
    """Beats (n, 200) with a slow wave under them and noise on top; float32 (n, 200, 1)."""
    n, time = len(beats), np.linspace(0, 1, 200)
    waves = np.sin(2 * np.pi * (rng.uniform(0.2, 0.5, (n, 1)) * time + rng.random((n, 1))))
    beats = beats + 0.05 * rng.normal(size=(n, 1)) * waves + 0.03 * rng.normal(size=beats.shape)
    return beats[..., np.newaxis].astype(np.float32)


def hurried(n, rng):
    """Phases (n, 200) of beats whose R wave comes after 50 to 80% of the time; what follows is stretched."""
    early = -np.pi * rng.uniform(0.2, 0.5, (n, 1))
    before, after = (PHASES - early) / (np.pi + early), (PHASES - early) / (np.pi - early)
    return np.pi * np.where(early > PHASES, before, after)


# %%
def drawn_beats(n, rng, kind="normal"):
    """Beats (n, 200, 1) of one kind."""
    heights, widths = HEIGHTS * (1 + 0.2 * rng.normal(size=(n, 5))), WIDTHS * np.exp(0.1 * rng.normal(size=(n, 5)))
    angles, size = ANGLES + 0.03 * rng.normal(size=(n, 5)), np.exp(0.2 * rng.normal(size=(n, 1)))
    phases, late = PHASES, 0.2 * rng.normal(size=(n, 1))
    if kind == "missing P":
        heights[:, 0] = 0
    elif kind == "wide QRS":
        widths[:, 1:4] *= 1.6
        angles[:, [1, 3]] *= 1.6
    elif kind == "inverted T":
        heights[:, 4] *= -1
    elif kind == "early beat":
        phases = hurried(n, rng)
    elif kind in SIZES:
        size = SIZES[kind] * size
    elif kind == "tall T":
        heights[:, 4] *= 2.2
    elif kind == "early P":
        angles[:, 0] -= 0.4
    elif kind == "raised ST":  # a sixth bump between S and T
        extra = (0.15, 0.25, np.radians(45))
        heights, widths, angles = (np.insert(a, 5, b, axis=1) for a, b in zip((heights, widths, angles), extra))
    return with_baseline_and_noise(size * heartbeats(phases - late, heights, widths, angles), rng)


# %%
TEST_KINDS = ("missing P", "wide QRS", "inverted T", "early beat", "small beat")
VALID_KINDS = ("tall T", "early P", "raised ST")
N_BEATS, N_EACH = budget(5000, quick=1000), budget(6000, quick=2000)
rng = np.random.default_rng([SEED, 7])
normal = {name: drawn_beats(n, rng) for name, n in (("train", N_BEATS), ("valid", N_EACH), ("test", N_EACH))}
strange = {kind: drawn_beats(1000, rng, kind) for kind in (*VALID_KINDS, *TEST_KINDS)}
twins = {kind: drawn_beats(1, np.random.default_rng(SEED), kind)[0, :, 0] for kind in ("normal", *TEST_KINDS)}
plotting.curves(
    {kind: beat - 1.5 * row for row, (kind, beat) in enumerate(twins.items())},
    "time of the beat, as phase in radians",
    "voltage, one beat below the other",
    x=PHASES,
)

# %% [markdown]
# **What to notice.** All six begin with the same draws, so each anomaly is the normal beat with one thing changed:
#
# - **missing P**: the first wave is not there;
# - **wide QRS**: the three waves in the middle are 1.6 times as wide;
# - **inverted T**: the last wave points down;
# - **early beat**: the R wave comes after 50 to 80% of the time that it should take, and the rest is stretched;
# - **small beat**: all waves have half their size; baseline and noise stay. (A low voltage may mean fluid around the heart.)
#
# An autoencoder learns from **normal beats only**. A beat that it can't draw again is strange: the score is the squared error, summed over the 200 samples.
#
# ### Exercise 4: one axis less


# %% tags=["nbval-check-output"]
def beat_autoencoder(latent_dim):
    """An `Autoencoder(encoder, decoder)` of series (200, 1).

    The encoder halves the length three times by 1-D convolutions, and ends in a dense code; the decoder mirrors it by
    transposed convolutions, and its last layer has no activation.
    """
    return ...  # your code


beat_autoencoder = ex.beat_autoencoder.check(beat_autoencoder)

# %% [markdown]
# ### Exercise 5: a prediction
#
# Four of the five kinds the error will find, more or less. Which one will it miss? `"missing P"`, `"wide QRS"`, `"inverted T"`, `"early beat"` or `"small beat"`?

# %%
missed_beat = ...  # your prediction

# %% [markdown]
# ## 8. What the error finds, and what it misses
#
# How many numbers shall the code have? With too few, normal beats are drawn badly; with too many, strange ones are drawn well. Normal beats alone can't say, as their error only falls. So somebody must have some anomalies to choose by, and not those of the test, or we would deceive ourselves. We take three **other kinds**, a tall T, an early P and a raised line between S and T, and choose the width with the best mean AUROC on them and validation beats. (The AUROC is the chance that a random strange beat has a higher score than a random normal one; lesson 13.) PCA, the rival, has its number of components chosen in the same way, once on the beats as they are, and once on beats that are **aligned** by their highest sample, the R wave.


# %%
def squared_errors(model, beats):
    return np.sum((predict_in_batches(model, beats) - beats) ** 2, axis=(1, 2))


def pca_errors(pca, beats):
    flat = beats[..., 0]
    return np.sum((pca.inverse_transform(pca.transform(flat)) - flat) ** 2, axis=1)


def aurocs(score, split, kinds):
    """AUROC of each kind against the normal beats of a split."""
    ordinary = score(normal[split])
    rows = [np.concatenate([ordinary, score(strange[kind])]) for kind in kinds]
    return np.array([roc_auc_score(np.arange(len(row)) >= len(ordinary), row) for row in rows])


# %%
def aligned(beats):
    """Each beat rolled until its highest sample is in the middle."""
    return np.stack([np.roll(beat, 100 - beat.argmax(), axis=0) for beat in beats])


def pca_scores(prepare):
    """A score by PCA for each number of components, of beats that are prepared first."""
    flat = prepare(normal["train"])[..., 0]
    fitted = {width: PCA(width, random_state=0).fit(flat) for width in range(1, 17)}
    return {width: lambda beats, pca=pca: pca_errors(pca, prepare(beats)) for width, pca in fitted.items()}


rivals, chosen_by = {}, {}
for name, prepare in {"PCA": np.asarray, "PCA, aligned": aligned}.items():
    by_width = pca_scores(prepare)
    chosen_by[name] = [aurocs(score, "valid", VALID_KINDS).mean() for score in by_width.values()]
    best = 1 + int(np.argmax(chosen_by[name]))
    rivals[f"{name}, {best}"] = by_width[best]
    print(f"{name}: best with {best} components, AUROC {max(chosen_by[name]):.3f} on the validation kinds")
plotting.curves(chosen_by, "components", "mean AUROC, validation")

# %% [markdown]
# **What to notice.** With few components the score on the other kinds is low, since normal beats are drawn badly; with many it falls again, since strange beats are drawn well. Beats are cut out a little early or late. Rolled until their R waves stand one below the other they need fewer components, five in place of ten.


# %%
def trained_on_beats(width, seed):
    keras.utils.set_random_seed(seed)
    model, options = beat_autoencoder(width), {"epochs": budget(12, quick=8), "learning_rate": 3e-3, "batch_size": 64}
    return train_on(normal["train"], model, f"{width} numbers, seed {seed}", "mse", **options)


def score_of(model):
    return lambda beats: squared_errors(model, beats)


by_code = {width: trained_on_beats(width, SEED) for width in budget((4, 6, 8, 12), quick=(6,))}
chosen = {width: aurocs(score_of(model), "valid", VALID_KINDS).mean() for width, model in by_code.items()}
beat_width = max(chosen, key=chosen.get)
print("autoencoders:", ", ".join(f"{width} numbers {value:.3f}" for width, value in chosen.items()))
beat_models = [by_code[beat_width]]
beat_models += [trained_on_beats(beat_width, SEED + i) for i in range(1, budget(3, quick=1))]
by_beats = [score_of(model) for model in beat_models]

# %%
found = {f"autoencoder {beat_width}": np.array([aurocs(score, "test", TEST_KINDS) for score in by_beats])}
found |= {name: aurocs(score, "test", TEST_KINDS)[np.newaxis] for name, score in rivals.items()}
for name, rows in found.items():
    by_seed = ", ".join(f"{mean:.3f}" for mean in rows[:, :4].mean(axis=1))
    print(f"{name:16}: {rows.mean(axis=0).round(3)}, mean of the first four by seed: {by_seed}")
mean_aurocs = np.array([rows.mean(axis=0) for rows in found.values()])
ex.missed_beat.check(missed_beat, TEST_KINDS[int(mean_aurocs[0].argmin())])
plotting.table(100 * mean_aurocs, list(found), list(TEST_KINDS), title="AUROC in %")

# %%
mean_errors = {"normal": by_beats[0](normal["test"]).mean(), "small beat": by_beats[0](strange["small beat"]).mean()}
print("mean error: " + ", ".join(f"{kind} {error:.3f}" for kind, error in mean_errors.items()))
redrawn = predict_in_batches(beat_models[0], np.array([twins["normal"], twins["small beat"]])[..., np.newaxis])
plotting.curves(
    {
        "normal beat": twins["normal"],
        "the same, drawn again": redrawn[0, :, 0],
        "small beat": twins["small beat"] - 1.5,
        "the same, drawn again ": redrawn[1, :, 0] - 1.5,
    },
    "time of the beat, as phase in radians",
    "voltage, small beat 1.5 lower",
    x=PHASES,
)

# %% [markdown]
# **What to notice.** The autoencoder ranks nearly all beats of the four kinds above normal ones: the mean AUROC is 0.979 (0.981, 0.977 and 0.979 for three seeds of the network; 0.965 and 0.964 in the two further runs below, in which the beats are drawn anew). PCA has 0.890. Most of the difference is one kind, the wide QRS, 0.97 to 0.64. To shift a narrow wave a linear model needs many components, and components that can shift it can also widen it. The autoencoder's decoder can bend.
#
# But align the beats, and PCA has 0.962, and finds the wide QRS better than the autoencoder does. In the two further runs it is level with the autoencoder to two thousandths. So the lead was one over beats that were not aligned, and one line of NumPy makes up for it. And here we owe you something: in our first trials all beats were cut out at the same place, and PCA was level there. Only after that did we let the cuts vary, as they do where a detector makes them, and we knew whom it would help.
#
# Small beats are missed by all three. Their AUROC of 0.41 is *below* one half (0.27 and 0.28 in the two runs with other seeds): they have smaller errors than normal ones. The mean errors say why: 0.33 for a small beat, 0.38 for a normal one. Noise and baseline are as large as ever. But the shape is a normal one, and whatever is drawn a little wrong in it is, on average, wrong by less where all waves are half as high. (Not in each beat: the P wave of the small beat in the figure comes out too high.) An error is a difference, in units of the signal. So try the error in proportion:


# %%
def over_energy(score):
    """The score divided by the beat's energy, the sum of its squares."""
    return lambda beats: score(beats) / np.sum(beats**2, axis=(1, 2))


kinds = (*TEST_KINDS, "big beat")
strange["big beat"] = drawn_beats(1000, rng, "big beat")
by_error = np.mean([aurocs(score, "test", kinds) for score in by_beats], axis=0)
relative = np.mean([aurocs(over_energy(score), "test", kinds) for score in by_beats], axis=0)
itself = [score(normal["test"]) for score in by_beats]
against_itself = np.mean([roc_auc_score(np.arange(N_EACH) % 2, values) for values in itself])
print(f"normal against normal: AUROC {against_itself:.3f}")
plotting.table(
    100 * np.array([by_error, relative]), ["error", "error over energy"], list(kinds), title="autoencoder, AUROC in %"
)

# %% [markdown]
# **What to notice.** Divided by the beat's energy, the error finds small beats (0.95). There is a price: wide QRS falls from 0.97 to 0.93. But now big beats can hide: their AUROC was 0.94, and is 0.37. A score is a choice of what counts as strange, and what it misses is shown only by an anomaly that somebody thought of. The last check is one of the measure: one half of the normal beats against the other has 0.49, one half but for chance.
#
# **A good place for a break.** Sounds and beats had no order of words, and their decoders knew nothing but the code. That changes now.
#
# ## 9. Sentences from a grammar
#
# How well does a model know a language? It says how likely each sentence is, and the mean of $-\log p$ over new sentences is its cost in nats. But what would be a perfect score? For English nobody knows. So we make a language of which all is known.
#
# A **probabilistic grammar** replaces symbols until only words are left. A sentence begins as `S`. The leftmost symbol is replaced by one of its expansions, drawn by the probabilities that stand with them. Ours speaks of animals on a farm or in the sea, of one or of many; the verb must agree with its noun, also where a clause stands between them.

# %%
rules = {
    "S": {"farm": 0.5, "sea": 0.5},
    "A": {"": 0.5, "big": 0.25, "small": 0.15, "happy": 0.1},  # perhaps an adjective
    "D.one": {"the": 0.6, "a": 0.4},
    "D.many": {"the": 0.6, "some": 0.4},
    "I.one": {"sleeps": 0.6, "sings": 0.4},  # verbs without an object
    "I.many": {"sleep": 0.6, "sing": 0.4},
    "T.one": {"sees": 0.6, "likes": 0.4},  # and with one
    "T.many": {"see": 0.6, "like": 0.4},
}
animals = {
    ("farm", "one"): {"cow": 0.6, "hen": 0.4},
    ("farm", "many"): {"cows": 0.6, "hens": 0.4},
    ("sea", "one"): {"crab": 0.6, "whale": 0.4},
    ("sea", "many"): {"crabs": 0.6, "whales": 0.4},
}

# %% [markdown]
# A sentence has one clause, or two of them with *and* between. The two are plain (*the big cow sees a hen*). A single clause is rich: its subject and its object may each be followed by *near* and another noun, or by *that* and a verb, with or without an object (*some crabs that see the whale sleep*).

# %%
for place in ("farm", "sea"):
    rules[place] = {f"{place}.rich": 0.6, f"{place}.plain and {place}.plain": 0.4}
    for kind in ("rich", "plain"):
        numbers = ("one", "many")
        rules[f"{place}.{kind}"] = {f"{place}.{kind}.{n} {place}.{kind}.verb.{n}": 0.5 for n in numbers}
        rules[f"{place}.{kind}.any"] = {f"{place}.{kind}.{n}": 0.5 for n in numbers}
        for n in numbers:
            rules[f"{place}.{kind}.verb.{n}"] = {f"I.{n}": 0.4, f"T.{n} {place}.{kind}.any": 0.6}
    for n in numbers:
        plain = f"{place}.plain.{n}"
        rules[plain] = {f"D.{n} A {place}.{n}": 1.0}
        rules[f"{place}.rich.{n}"] = {
            plain: 0.5,
            f"{plain} near {place}.plain.any": 0.25,
            f"{plain} that {place}.plain.verb.{n}": 0.25,
        }
        rules[f"{place}.{n}"] = animals[place, n]

# %%
grammar, rng = Grammar(rules), np.random.default_rng(SEED)
N_SENTENCES, N_NEW = budget(20_000, quick=1500), budget(2000, quick=400)
texts_train, texts_test = (grammar.sample(n, rng) for n in (N_SENTENCES, N_NEW))
print(f"{len(grammar.words)} words, at most {grammar.longest} in a sentence")
print(*texts_test[:6], sep="\n")
print("farm becomes", rules["farm"])
print("farm.rich.one becomes", rules["farm.rich.one"])
for text in ("the cow that sees some hens sleeps", "the cow that sees some hens sleep"):
    print(f"log p = {grammar.log_probability(text):7.2f}: {text}")

# %% [markdown]
# The last of these has $\log p = -\infty$: it is the cow that sleeps, so the grammar never makes it.
#
# The **entropy** $H = \mathbb E[-\log p]$ is the cost of the perfect model: no model has less, in the mean over all sentences. It need not be estimated. If no sentence can be derived in two ways, a sentence is as surprising as the choices that led to it, and these are made one after the other. For a symbol $A$ with expansions $a$ of probability $p_a$,
#
# $$H(A) = \sum_a p_a \Big( -\log p_a + \sum_{B \in a} H(B) \Big), \qquad H(\text{word}) = 0 .$$
#
# ### Exercise 6: entropy of a grammar


# %% tags=["nbval-check-output"]
def sentence_entropy(rules):
    """Entropy in nats of what S becomes, for rules {symbol: {expansion: probability}} without ambiguity."""
    return ...  # your code; `"C and C".split()` are the parts of an expansion


sentence_entropy = ex.sentence_entropy.check(sentence_entropy)

# %%
entropy = sentence_entropy(rules)
exact = -np.array([grammar.log_probability(text) for text in texts_test])


def with_error(values):
    """Mean and standard error as text."""
    return f"{np.mean(values):.2f} ± {np.std(values) / np.sqrt(len(values)):.2f}"


ambiguous = np.sum([grammar.derivations(text) > 1 for text in texts_test])
print(f"H = {entropy:.3f} nats; test sentences {with_error(exact)}, {ambiguous} of them ambiguous")
seen = set(texts_train)
print(f"{100 * np.mean([text in seen for text in texts_test]):.0f}% of the test sentences are in the training set")

# %% [markdown]
# The test sentences have an exact cost of their own, a little off $H$ by the luck of the draw. A model is compared with *that*, sentence by sentence: their luck cancels. (Short sentences come again and again, so many test sentences were seen in the training. That is no leak: they are as likely as they are, and it is their probability that is asked for.)
#
# ## 10. A code and a memory
#
# Words become numbers from 2 on. A 1 ends each sentence, and zeros fill the row.

# %%
number_of = {word: 2 + i for i, word in enumerate(grammar.words)}
LENGTH, N_TOKENS, CODE_WIDTH = grammar.longest + 1, len(grammar.words) + 2, 8


def as_numbers(texts):
    """Sentences as rows of whole numbers, (n, LENGTH)."""
    rows = np.zeros((len(texts), LENGTH), "int32")
    for row, words in zip(rows, map(str.split, texts)):
        row[: len(words) + 1] = [*(number_of[word] for word in words), 1]
    return rows


def as_texts(rows):
    """The other way round."""
    return [" ".join(grammar.words[number - 2] for number in row if number > 1) for row in rows]


x_train, x_test = map(as_numbers, (texts_train, texts_test))
print(texts_test[0], x_test[0], sep="\n")

# %% [markdown]
# The model is a VAE (Bowman et al. 2016). A recurrent network, a GRU (Cho et al. 2014), reads the sentence and gives mean and log-variance of a code $z$ of 8 numbers. Another GRU writes. At each place $t$ it is told the code and the word before, and keeps in its state what else it was told so far. So
#
# $$p(x \mid z) = \prod_t p(x_t \mid x_1, \dots, x_{t-1}, z) .$$
#
# In training the words before are those of the sentence itself, not what the network would have said (*teacher forcing*). That is no shortcut: the formula has the true words in its condition. What must not happen is that place $t$ sees $x_t$ itself, or later words. Here the exact entropy is worth gold. A network that peeks has a cost clearly below the exact cost of the same sentences, which nothing honest has; on a real corpus it would look like a triumph.
#
# ### Exercise 7: the cost of a sentence


# %% tags=["nbval-check-output"]
def cost_of_sentences(sentences, logits):
    """-log p of each sentence in nats, zeros after its end left out: (n, length), (n, length, n_tokens) to (n,)."""
    return ...  # your code, with `keras.ops`


cost_of_sentences = ex.cost_of_sentences.check(cost_of_sentences)

# %% [markdown]
# (`course_utils.losses.sentence_nll` is the same; it can be saved with a model.)
#
# ### Exercise 8: a prediction
#
# The loss is the negative ELBO as ever: this cost, and the KL term of the code. How many nats will the code tell of a sentence in the end, of the 13 that there are?

# %%
rate_guess = ...  # your prediction, in nats


# %%
def trained_on_sentences(name, **cure):
    """A sequence VAE of this name, and its KL term in each epoch."""
    keras.utils.set_random_seed(SEED)
    model = build_sequence_vae(LENGTH, N_TOKENS, CODE_WIDTH, seed=SEED, **cure)
    epochs, batch_size = budget((10, 32), quick=(3, 64))
    options = {"epochs": epochs, "learning_rate": 8e-3, "batch_size": batch_size}
    train_on(x_train, model, name, sentence_nll, **options)
    return model, model.history.history["kl"]


vaes, rates = {}, {}
vaes["plain"], rates["plain"] = trained_on_sentences("plain")
ex.rate_guess.check(rate_guess, float(np.mean(kl_divergence(*predict_in_batches(vaes["plain"].encoder, x_test)))))

# %% [markdown]
# **What to notice.** The code tells next to nothing. That is **posterior collapse** (lesson 09), with the strongest of its causes. The decoder is told every word so far; it can learn the grammar's own odds without any code. Whatever a code could tell costs at least as much as it saves. In the first epochs, when it tells nothing useful yet, it only costs.
#
# And nothing looks wrong. The loss is excellent, as we shall see, and so are the sentences. Only the KL term tells.
#
# ## 11. Two cures
#
# **Word dropout** (Bowman et al. 2016): in training, hide each word that the decoder is told with a probability of 0.4, so that it has to ask the code. All of the word is hidden, replaced by a number of its own. (`Dropout` on the embedding hides some numbers of a word, and the rest still says which it is.) Only what the decoder is *told* is hidden, never what it must say.
#
# **Free bits** (Kingma et al. 2016): each of the 8 units costs at least half a nat, whether it tells something or not, as in lesson 09. So the first half is free.
#
# ### Exercise 9: a decision
#
# Which of the three will have the lowest cost on new sentences, by the best bound that we have: plain, word dropout or free bits? Write its name as text.

# %%
cheapest_guess = ...  # your decision

# %%
for name, cure in {"word dropout": {"word_dropout": 0.4}, "free bits": {"free_bits": 0.5}}.items():
    vaes[name], rates[name] = trained_on_sentences(name, **cure)
plotting.curves(rates, "epoch", "KL term (nats per sentence)", title="training sentences")

# %% [markdown]
# **What to notice.** The plain model's KL term falls from the first epoch on. With free bits the code speaks at once, since the first half nat of each unit costs nothing, and it hardly says more than that. With word dropout it learns to speak little by little, and ends nearly as high here (with seed 17 it ended at 2.4).
#
# What came to what: **D**, the *distortion*, is the mean cost of a sentence given its code, and **R**, the *rate*, the KL term; together they are the negative ELBO. Each model also writes sentences, drawn word by word: *new* ones from codes of the prior, and *retold* ones from codes that were drawn for test sentences. The cost of a test sentence is bounded from above in two ways: by the negative ELBO, and more tightly by 100 codes a sentence (lesson 09; both from `course_utils.metrics`, which hand the decoder the sentences besides the codes). No word is hidden here.

# %%
PRIOR, K = np.random.default_rng(SEED).standard_normal((budget(1000, quick=200), CODE_WIDTH)), budget(100, quick=10)
parts, gaps, written, retold, drawn, means = {}, {}, {}, {}, {}, {}
for name, model in vaes.items():
    parts[name] = negative_elbo_terms(model, x_test, 5, nll=sentence_nll)
    gaps[name] = -iwae_bound(model, x_test[:1000], K, nll=sentence_nll) - exact[:1000]
    written[name] = as_texts(model.write(PRIOR, seed=SEED))
    means[name], log_var = predict_in_batches(model.encoder, x_test)
    drawn[name] = means[name] + np.exp(log_var / 2) * rng.standard_normal(log_var.shape)
    retold[name] = as_texts(model.write(drawn[name][: len(PRIOR)], seed=SEED))


def share_that_parses(texts):
    return np.mean([np.isfinite(grammar.log_probability(text)) for text in texts])


# %%
parsing, of_retold = ({name: share_that_parses(some[name]) for name in vaes} for some in (written, retold))
print(f"nats a sentence      D      R   -ELBO - exact   bound of {K} codes - exact   % that parse: new, retold")
for name, (d, r) in parts.items():
    above = f"{with_error(d + r - exact):>16}{with_error(gaps[name]):>29}"
    print(f"{name:16}{d.mean():6.2f}{r.mean():7.2f}{above}{100 * parsing[name]:22.1f}{100 * of_retold[name]:8.1f}")
ex.cheapest_guess.check(cheapest_guess, min(gaps, key=lambda name: gaps[name].mean()))
for name, texts in written.items():
    print(f"\n{name}:", *texts[:4], sep="\n  ")

# %% [markdown]
# **What to notice.** In no line is a model better than the exact cost, as it must be but for chance. The plain model has the lowest bound: it misses the truth by three hundredths of a nat, of 13. With a code that says about 4 nats the negative ELBO is more than a third of a nat above it, and most of that is the encoder's, for a hundred codes bring the bound to about a tenth. How much of this tenth is the bound's and how much the model's, a hundred codes can't say. So we can show no gain in likelihood by the cures, and they aren't meant to give one. The best model of a language may have a code that says nothing. Who wants a code must ask for it.
#
# Both cures work: their codes say 4.0 and 4.3 nats. Word dropout costs a little grammar, probably because it learned with holes: 97.5% of its new sentences parse, of the others more than 98%. (Hiding half of the words instead of 40% makes the code speak more, and costs more: with one of three seeds only 94.8% parsed.)
#
# ## 12. What the code says
#
# A linear probe on the codes: half of the test sentences to learn from, half to be asked about. The codes are *drawn* from $q(z \mid x)$, as the decoder gets them. For the plain model the table has besides what the *mean* alone tells.

# %%
MANY = {"some", *(word for (_, n), words in animals.items() if n == "many" for word in words)}


def first_noun(text):
    return next(word for word in text.split() if any(word in words for words in animals.values()))


questions = {
    "farm or sea": lambda text: any(word in text for word in ("crab", "whale")),
    "first noun: one or many": lambda text: first_noun(text) in MANY,
    "two clauses": lambda text: " and " in text,
    "an adjective": lambda text: any(word in text for word in ("big", "small", "happy")),
    "that": lambda text: " that " in text,
    "near": lambda text: " near " in text,
}
answers = {question: np.array([answer(text) for text in texts_test]) for question, answer in questions.items()}
half = N_NEW // 2

# %%
right = {"chance": [100 * max(asked[half:].mean(), 1 - asked[half:].mean()) for asked in answers.values()]}
for name, z in {**drawn, "plain, mean alone": means["plain"] / means["plain"].std()}.items():
    probes = [LogisticRegression(max_iter=1000).fit(z[:half], asked[:half]) for asked in answers.values()]
    right[name] = [100 * probe.score(z[half:], asked[half:]) for probe, asked in zip(probes, answers.values())]
names = [question.replace(": ", ":\n").replace("or ", "or\n") for question in questions]
plotting.table(np.array(list(right.values())), list(right), names, title="questions answered right (%)")

# %%
lengths = np.array([len(text.split()) for text in texts_test])
for name, z in drawn.items():
    r2 = LinearRegression().fit(z[:half], lengths[:half]).score(z[half:], lengths[half:])
    copies = as_texts(vaes[name].write(means[name][:200]))
    same = np.mean([one == other for one, other in zip(copies, texts_test)])
    print(f"{name:14} length from the code: R² = {r2:5.2f}; sentences written again word for word: {same:.1%}")

# %% [markdown]
# **What to notice.** From the collapsed code hardly anything can be told beyond chance, a little of the place. But look at the last row: from the *mean* alone (all means divided by one number, so that the probe learns as easily) the probe reads farm or sea all but without an error, and much else. The mean still differs a little from sentence to sentence, far less than the noise that is added. A probe divides by that little; the decoder can't. Whoever probes means may find a rich code where there is none.
#
# The two cures make different codes, in this run. That of word dropout says above all which words there are: farm or sea, one or many, an adjective. That of free bits says more of the plan: two clauses, *near*, and the length, with an $R^2$ of 0.52 to 0.11. Neither writes many sentences again word for word: 4 nats are not 13.
#
# ## 13. Between two sentences
#
# Now walk from the code of one sentence to that of another, in a straight line, and write the most probable sentence at each step. (Most probable word by word, to be exact.)

# %%
N_STEPS, N_WALKS = 7, budget(100, quick=20)
weights = np.linspace(0, 1, N_STEPS)[:, np.newaxis]


def sentence_walks(model, starts, ends):
    """Sentences at each step of straight walks between the mean codes of two sentences, a list for each walk."""
    z = [predict_in_batches(model.encoder, x)[0][:, np.newaxis] for x in (starts, ends)]
    steps = (1 - weights) * z[0] + weights * z[1]  # (walks, steps, CODE_WIDTH)
    texts = as_texts(model.write(steps.reshape(-1, CODE_WIDTH)))
    return [texts[i : i + N_STEPS] for i in range(0, len(texts), N_STEPS)]


paths = {name: sentence_walks(model, x_test[:N_WALKS], x_test[N_WALKS : 2 * N_WALKS]) for name, model in vaes.items()}
to_sea = questions["farm or sea"]
shown = next(i for i in range(N_WALKS) if to_sea(texts_test[N_WALKS + i]) and not to_sea(texts_test[i]))
print("from:", texts_test[shown], "\nto:  ", texts_test[N_WALKS + shown])
for name, path in paths.items():
    print(f"\n{name}:", *path[shown], sep="\n  ")

# %%
walked, different = {}, {}
print(f"{N_WALKS} walks of {N_STEPS} steps      parse   different sentences a walk   changes of farm and sea")
for name, several in paths.items():
    walked[name] = share_that_parses([text for path in several for text in path])
    different[name] = np.mean([len(set(path)) for path in several])
    at_sea = np.array([[to_sea(text) for text in path] for path in several])
    crossing = at_sea[:, 0] != at_sea[:, -1]
    changes = np.abs(np.diff(at_sea.astype(int), axis=1)).sum(axis=1)
    of_crossing = f"{changes[crossing].mean():.2f} in {crossing.sum()} walks" if crossing.any() else "none"
    print(f"{name:24}{walked[name]:8.1%}{different[name]:20.2f}   {of_crossing:>32}")

# %% [markdown]
# **What to notice.** Every step is a sentence, and agrees in number throughout. That is the decoder's merit: the collapsed model's steps do so as well, but it writes about two sentences a walk, whatever the code. With the cures there are about five, and on the way from farm to sea the animals change once. Words, clauses and number change at different steps: that is what "between" means here. (The ends are not the sentences they came from: the code holds too little for that.)
#
# Why so many big animals? The most probable next word need not be on the way to the most probable sentence, nor to a typical one. After *the*, each of the nouns is less likely than *big*, as long as the code leaves open whether one or many will follow, as for the object.
#
# ## What you should see

# %% tags=["headline"]
expect("within 50 cents: through the VAE's code", hits(in_tune["VAE"]), at_least=budget(95, quick=40), unit="%")
for name in ("the notes themselves", "true magnitudes"):
    expect(f"within 50 cents: {name}", hits(in_tune[name]), at_least=96, unit="%")
string_pitch = "8000 / (N + 1/2), here 197.53 Hz, Karplus & Strong 1983"
expect("pitch of a loop of 40 samples", measured[0], at_least=197, at_most=198, unit="Hz", published=string_pitch)
expect("R² of a linear probe: log pitch, VAE", r_squared["VAE"][0], at_least=budget(0.9, quick=0.6))
lead = r_squared["VAE"][0] - r_squared["PCA"][0]
expect("the same, less PCA's", lead, at_least=budget(-0.03, quick=-0.2), at_most=0.15)
expect("R² of the five nearest notes: log pitch, VAE", r_squared["VAE, nearest"][0], at_least=budget(0.99, quick=0.9))
expect("walk: pitch between, along the notes", middle["along the notes"], at_least=budget(80, quick=25), unit="%")
expect("walk: pitch between, straight line", middle["straight line"], at_most=budget(20, quick=80), unit="%")
expect("walk: the same along the notes, PCA", middle["the same, PCA"], at_least=budget(80, quick=10), unit="%")
expect("walk: pitch between, cross-fade", middle["cross-fade"], at_most=budget(40, quick=90), unit="%")
gain = clarity["along the notes"][3] - clarity["cross-fade"][3]
expect("walk: clarity in the middle, along the notes less cross-fade", gain, at_least=budget(0.2, quick=0))

# %%
detected = mean_aurocs[:, :4].mean(axis=1)
expect("beats: mean AUROC of four kinds, autoencoder", detected[0], at_least=budget(0.95, quick=0.85))
expect("beats: the same, less PCA's", detected[0] - detected[1], at_least=budget(0.04, quick=-0.02))
expect(
    "beats: the same, less that of PCA on aligned beats", detected[0] - detected[2], at_least=budget(-0.05, quick=-0.2)
)
expect("beats: AUROC of small ones, autoencoder", mean_aurocs[0, 4], at_most=0.48)
expect("beats: AUROC of small ones, error over energy", relative[4], at_least=budget(0.85, quick=0.7))
expect("beats: AUROC of big ones, error over energy", relative[5], at_most=0.5)
expect("beats: normal against normal", against_itself, at_least=0.47, at_most=0.53)

# %%
luck = (exact.mean() - entropy) / (exact.std() / N_NEW**0.5)
expect("exact cost of the test sentences - H, in standard errors", luck, at_least=-4, at_most=4)
most = budget({"plain": 0.1, "word dropout": 0.2, "free bits": 0.2}, quick=dict.fromkeys(vaes, 9))
for name, gap in gaps.items():
    in_errors = gap.mean() / (gap.std() / np.sqrt(len(gap)))
    expect(f"{name}: bound - exact cost, in standard errors", in_errors, at_least=-3)
    expect(f"{name}: bound - exact cost", gap.mean(), at_most=most[name], unit="nats")
expect("plain: KL term", parts["plain"][1].mean(), at_most=budget(0.1, quick=0.5), unit="nats")
for name in ("word dropout", "free bits"):
    least = budget({"word dropout": 2, "free bits": 3.5}, quick=dict.fromkeys(vaes, 0.02))[name]
    expect(f"{name}: KL term", parts[name][1].mean(), at_least=least, unit="nats")

# %%
for name, share in parsing.items():
    expect(f"{name}: share of new sentences that parse", share, at_least=budget(0.95, quick=0.01))
for name in ("word dropout", "free bits"):
    gain = right[name][0] - right["plain"][0]
    expect(f"{name}: farm or sea, told better than by plain", gain, at_least=budget(20, quick=-20), unit="points")
    expect(f"{name}: different sentences a walk", different[name], at_least=budget(3.5, quick=1))
    expect(f"{name}: steps between two sentences that parse", walked[name], at_least=budget(0.97, quick=0))

# %% [markdown]
# One run shows little. The whole lesson was run twice more in the full profile, each time with another seed for all networks and draws (`make seeds LESSON=16`; the grammar stays). Here are the same numbers from those runs:

# %%
print(f"{'seed':60}" + "".join(f"{seed:>10}" for seed in (17, 18)))
for row in stored_table("seeds_16"):
    print(f"{row.pop('what'):60}" + "".join(f"{float(value):10.4f}" for value in row.values()))

# %% [markdown]
# ## Summary
#
# - A spectrogram's magnitudes are a picture of a sound; the phases can be found again well enough for the pitch. A control with the true magnitudes says so before any model is judged.
# - A VAE of 32 numbers keeps the pitch of a note to a few cents, and so does PCA. Notes of rising pitch lie along a curve of the code; a straight way between two of them leaves it.
# - An autoencoder of normal beats finds what is drawn badly. A small beat is drawn well, so its error is small. Divide by the energy, and big beats hide.
# - Choose the width of a code on other anomalies than those that are tested.
# - With a grammar the perfect cost is known. A plain sequence VAE comes within a few hundredths of a nat of it, by its decoder alone: the code says nothing.
# - Word dropout and free bits make the code speak. They cost ELBO, and word dropout costs a little grammar as well.
#
# ## Pitfalls
#
# - **A logarithm without a floor**: silence becomes the largest number of the picture, and the loss looks at nothing else.
# - **Lost phases blamed on the model.** Send the true magnitudes through Griffin and Lim first.
# - **A measure of pitch that was not tried on sounds of known pitch.** Errors by an octave look like a bad model.
# - **Convolutions along a linear axis of frequency**, where a higher note is no shifted one.
# - **A width chosen by the anomalies that are tested**, or by the error of normal beats, which only falls.
# - **One AUROC for all kinds.** The kind that is missed disappears in the mean.
# - **An AUROC far below one half taken for noise.** It is a finding about the score.
# - **Collapse unseen.** A collapsed model writes good sentences at an excellent cost. Look at the KL term.
# - **`Dropout` on the embedding for word dropout**: it hides some numbers of each word, and the rest still names it.
# - **A model of one's own whose `call` has no argument `training`**: Keras then never tells the layers inside that it trains, and no word is hidden. Nothing fails; the model is the plain one.
# - **A place that sees its own word**: the loss falls to nothing. Here the exact entropy gives it away.
# - **Zeros that count**: after the end there is nothing to predict, and the cost of a place looks better the more zeros there are.
# - **A probe on means** finds what the noise drowns.
#
# ## References
#
# - Karplus & Strong, [Digital synthesis of plucked-string and drum timbres](https://doi.org/10.2307/3680062), 1983.
# - Jaffe & Smith, [Extensions of the Karplus-Strong plucked-string algorithm](https://doi.org/10.2307/3680063), 1983: tuning, softness, place.
# - Griffin & Lim, [Signal estimation from modified short-time Fourier transform](https://doi.org/10.1109/TASSP.1984.1164317), 1984.
# - Alain & Bengio, [Understanding intermediate layers using linear classifier probes](https://arxiv.org/abs/1610.01644), 2016.
# - Engel et al., [Neural audio synthesis of musical notes with WaveNet autoencoders](https://arxiv.org/abs/1704.01279), 2017: walks between notes.
# - McSharry, Clifford, Tarassenko & Smith, [A dynamical model for generating synthetic electrocardiogram signals](https://doi.org/10.1109/TBME.2003.808805), 2003.
# - Bowman, Vilnis, Vinyals, Dai, Jozefowicz & Bengio, [Generating sentences from a continuous space](https://arxiv.org/abs/1511.06349), 2016: the sequence VAE, its collapse, word dropout.
# - Kingma, Salimans, Jozefowicz, Chen, Sutskever & Welling, [Improving variational inference with inverse autoregressive flow](https://arxiv.org/abs/1606.04934), 2016: free bits.
# - Chen et al., [Variational lossy autoencoder](https://arxiv.org/abs/1611.02731), 2017: why a decoder that can do without a code does.
# - Cho et al., [Learning phrase representations using RNN encoder-decoder](https://arxiv.org/abs/1406.1078), 2014: the GRU.
