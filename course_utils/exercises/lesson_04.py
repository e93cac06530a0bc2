"""Exercises of lesson 04: denoising."""

import keras
import numpy as np
from keras import layers

from course_utils.corruptions import gaussian_noise, mask_block, salt_and_pepper
from course_utils.exercises import Prediction, as_array, as_arrays, exercise
from course_utils.exercises.models import (
    as_autoencoder,
    called_once,
    computes_the_same,
    is_affine,
    on_data,
    weight_shapes,
)
from course_utils.models import Autoencoder


def check_range(add_noise):
    noisy = add_noise(_grey(0.9), 0.5, np.random.default_rng(0))
    low, high = np.min(noisy), np.max(noisy)
    if low < 0 or high > 1:
        return f"the result must be an image again, clipped to [0, 1]; yours goes from {low:.2f} to {high:.2f}"


def check_no_noise(add_noise):
    noisy = add_noise(_grey(0.3), 0.0, np.random.default_rng(0))
    if np.shape(noisy) != (8, 28, 28, 1):
        return f"the result must have the images' shape (8, 28, 28, 1); yours has {np.shape(noisy)}"
    if not np.allclose(noisy, 0.3):
        return "with sigma = 0 nothing may change, but your images did. Clip; don't rescale"


def check_standard_deviation(add_noise):
    noise = add_noise(_grey(0.5), 0.1, np.random.default_rng(0)) - 0.5
    within_images = np.mean(np.std(noise, axis=(1, 2, 3)))
    if within_images < 0.01 < np.std(noise) or np.std(noise) < 1e-6:
        return "every pixel needs noise of its own; within one of your images all pixels get the same"
    if not 0.095 < within_images < 0.105:
        return (
            "on a grey image, where clipping hardly matters, sigma = 0.1 must give the standard deviation 0.1; "
            f"yours has {within_images:.3f}. Is it a standard normal number times sigma?"
        )
    if np.allclose(noise[0], noise[1]):
        return "every image needs noise of its own; yours is the same in all images"


def check_clipped_black(add_noise):
    mean, expected = np.mean(add_noise(_grey(0.0), 0.4, np.random.default_rng(0))), 0.4 / np.sqrt(2 * np.pi)
    if not abs(mean - expected) < 0.01:
        return (
            "black, with the negative half of its noise clipped off, has the mean sigma / sqrt(2π), "
            f"for sigma = 0.4 that is {expected:.3f}; yours has {mean:.3f}"
        )


def check_generator(add_noise):
    first, second = (add_noise(_grey(0.5), 0.2, np.random.default_rng(3)) for _ in range(2))
    if not np.array_equal(first, second):
        return "two generators with the same seed must give the same noise. Draw it from `rng`"
    if np.allclose(first, add_noise(_grey(0.5), 0.2, np.random.default_rng(4))):
        return "two generators with different seeds must give different noise. Is there a generator of your own inside?"


def check_colour_images(add_noise):
    """Other shapes and values than above: the noise is that of the asked deviation in each channel of each image."""
    images = np.random.default_rng(1).uniform(0.4, 0.6, (3, 40, 50, 3))
    noisy = add_noise(images, 0.05, np.random.default_rng(2))
    if noisy.shape != images.shape:
        return f"images of shape {images.shape} must keep it; yours have {noisy.shape}"
    deviations = np.std(noisy - images, axis=(1, 2))
    if not np.allclose(deviations, 0.05, atol=0.004):
        return (
            "in three colour images with sigma = 0.05 the noise of each channel must have that standard deviation; "
            f"yours goes from {deviations.min():.3f} to {deviations.max():.3f}"
        )
    if np.abs(np.corrcoef((noisy - images).reshape(-1, 3).T) - np.eye(3)).max() > 0.1:
        return "each channel of a colour image needs noise of its own; yours get the same"


@exercise(
    checks=[
        check_no_noise,
        check_range,
        check_standard_deviation,
        check_clipped_black,
        check_generator,
        check_colour_images,
    ],
    hint="`rng.standard_normal(images.shape)` has standard deviation 1; `np.clip(x, 0, 1)` does the rest.",
    returns=as_array,
)
def add_noise(images, sigma, rng):
    """Images plus independent normal noise of standard deviation `sigma`, clipped to [0, 1]."""
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    return np.clip(images + sigma * noise, 0, 1)


def _grey(value):
    return np.full((8, 28, 28, 1), value, dtype=np.float32)


def check_known_shares(error_left):
    for decibels, share in ((0, 1), (10, 0.1), (20, 0.01)):
        left = float(error_left(decibels))
        if np.isclose(left, 1 / share) and decibels:
            return f"more decibels are less error: {decibels} dB must leave the share {share}; yours is {left:g}"
        if not np.isclose(left, share):
            return (
                f"{decibels} dB more must leave the share {share} of the squared error, since ten decibels are a "
                f"tenth; yours is {left:.4g}"
            )


def check_worse(error_left):
    left, expected = float(error_left(-3)), 10**0.3
    if not np.isclose(left, expected):
        return (
            f"3 dB *less* leave more error, {expected:.4f} times the other's: undo the logarithm of the PSNR's "
            f"definition; yours is {left:.4g}"
        )


@exercise(
    checks=[check_known_shares, check_worse],
    hint=(
        "The difference of two PSNRs is 10 log10(MSE of the worse / MSE of the better). Solve for the ratio the other "
        "way round."
    ),
    returns=as_array,
    cases=lambda rng: [(rng.normal(0, 8),), (rng.normal(0, 8, (4, 3)),)],
)
def error_left(decibels):
    """The share of the squared error that is left after a gain of so many decibels; may be an array."""
    return 10 ** (-decibels / 10)


def check_no_information(best_guess):
    for share in (0.1, 0.5, 0.8):
        guess = float(best_guess(0.5, 0.7, share))
        if not np.isclose(guess, share):
            return (
                "0.5 is as far from black as from white and says nothing new: the guess must stay at the share of "
                f"white pixels, {share}; yours is {guess:.4g}. Does each likelihood count with its prior?"
            )


def check_far_away(best_guess):
    guesses = [float(best_guess(value, 0.1, 0.2)) for value in (0.0, 1.0)]
    if not np.allclose(guesses, [0, 1], atol=1e-6):
        return (
            f"with little noise, 0 must be read as black and 1 as white; yours gives {guesses[0]:g} and {guesses[1]:g}"
        )


def check_odds(best_guess):
    guess, expected = float(best_guess(1.0, 1.0, 0.5)), 1 / (1 + np.exp(-0.5))
    if not np.isclose(guess, expected, atol=1e-4):
        return (
            "seeing 1 with sigma = 1, white is exp(1/2) times as likely as black, so with even odds the guess is "
            f"{expected:.4f}; yours is {guess:.4f}. In the exponent, the square is divided by 2 sigma²"
        )


def check_arrays(best_guess):
    shape = np.shape(best_guess(np.linspace(-1, 2, 7), 0.5, 0.2))
    if shape != (7,):
        return f"seven values must give seven guesses, shape (7,); yours has shape {shape}"


@exercise(
    checks=[check_no_information, check_far_away, check_odds, check_arrays],
    hint=(
        "Bayes: white has the weight share · exp(-(seen - 1)² / 2 sigma²), black (1 - share) · exp(-seen² / 2 sigma²). "
        "The mean of a pixel that is 0 or 1 is the probability of 1."
    ),
    returns=as_array,
    cases=lambda rng: [
        (rng.normal(0.5, 1, shape), rng.uniform(0.4, 1), rng.uniform(0.1, 0.9)) for shape in (9, (4, 3))
    ],
)
def best_guess(seen, sigma, share):
    """The mean of a pixel that is 0 or 1, given the value `seen` through Gaussian noise; `seen` may be an array."""
    white = share * np.exp(-np.square(seen - 1) / (2 * sigma**2))
    black = (1 - share) * np.exp(-np.square(seen) / (2 * sigma**2))
    return white / (white + black)


SMALL = (8, 8, 1), (2, 3), 1


def check_map(build_denoiser):
    model = build_denoiser(*SMALL)
    shape = on_data(model.encoder, np.zeros((2, 8, 8, 1))).shape
    if shape != (2, 2, 2, 3):
        return (
            "each level halves height and width: with filters (2, 3) the codes of two images of 8×8 are maps of shape "
            f"(2, 2, 2, 3); yours are {shape}"
        )
    shape = on_data(model, np.zeros((2, 8, 8, 1))).shape
    if shape != (2, 8, 8, 1):
        return f"two images of shape (8, 8, 1) must come out as (2, 8, 8, 1); yours come out as {shape}"


def check_image(build_denoiser):
    bright = 200 * np.random.default_rng(0).standard_normal((4, 8, 8, 1)).astype(np.float32)
    output = on_data(build_denoiser(*SMALL), bright)
    if output.min() < 0 or output.max() > 1:
        return (
            "the output must be an image in [0, 1] whatever comes in; yours goes from "
            f"{output.min():.3g} to {output.max():.3g}. Let the last layer end in a sigmoid"
        )


def check_no_dense(build_denoiser):
    counts = [_count(build_denoiser((side, side, 1), (2, 3), 0)) for side in (8, 16)]
    if counts[0] != counts[1]:
        return (
            "a convolution has as many weights for a large image as for a small one, so the parameters must not depend "
            f"on `image_shape`; yours has {counts[0]} for 8×8 and {counts[1]} for 16×16. Leave Dense and Flatten out"
        )


def check_middle(build_denoiser):
    counts = [_count(build_denoiser((8, 8, 1), (2, 3), middle)) for middle in (0, 2)]
    expected = 2 * (3 * 3 * 3 * 3 + 3)
    if counts[1] - counts[0] != expected:
        return (
            "a middle convolution has 3 × 3 weights between any two of filters[-1] channels, and a bias for each: with "
            f"filters (2, 3), two of them add {expected} parameters; yours add {counts[1] - counts[0]}"
        )


def check_activations(build_denoiser):
    a, b = np.random.default_rng(1).standard_normal((2, 1, 8, 8, 1)).astype(np.float32)
    if is_affine(build_denoiser(*SMALL), a, b, ends_in_sigmoid=True):
        return "all layers but the last need an activation such as relu: without one, they are together one linear map"


def check_kernels(build_denoiser):
    model = build_denoiser(*SMALL)
    for name, part in (("encoder", model.encoder), ("decoder", model.decoder)):
        kernels = [shape[:2] for shape in weight_shapes(part, 4)]
        expected = [(4, 4), (4, 4)] + [(3, 3)] * (name == "encoder")
        if sorted(kernels) != sorted(expected):
            return (
                "kernels are 4 × 4 wherever the size changes, in the decoder by one Conv2DTranspose per level, and "
                f"3 × 3 in the middle: with filters (2, 3) and one in the middle the {name} has {expected}; yours: "
                f"{kernels}"
            )


def check_layers(answer):
    for arguments in (SMALL, ((12, 8, 3), (4, 5), 0), ((16, 8, 2), (3, 5, 4), 2)):
        model, reference = answer(*arguments), build_denoiser.reference(*arguments)
        images = np.random.default_rng(2).normal(size=(6, *arguments[0]))
        if on_data(model, images).shape != images.shape:
            return f"six images of shape {arguments[0]} must come out in that shape"
        if not computes_the_same(model.encoder, reference.encoder, images):
            return (
                "with the same weights your encoder computes something else than convolutions with padding='same' and "
                "a ReLU after every one of them"
            )
        maps = np.random.default_rng(3).random((6, *reference.encoder.output.shape[1:]))
        if not computes_the_same(model.decoder, reference.decoder, maps):
            return (
                "with the same weights your decoder computes something else than one Conv2DTranspose per level, "
                "padding='same', the encoder's numbers of channels in reverse with a ReLU each, and at last the "
                "image's channels and a sigmoid"
            )


def _count(model):
    return model.encoder.count_params() + model.decoder.count_params()


@exercise(
    checks=[
        check_map,
        check_image,
        check_no_dense,
        check_middle,
        check_activations,
        check_kernels,
        check_layers,
    ],
    hint=(
        "Encoder: a Conv2D with strides=2, padding='same' and relu for each entry of `filters`, then the middle ones, "
        "without strides. Decoder: an Input of the code's shape, then a Conv2DTranspose with strides=2 per level, the "
        "last with `image_shape[-1]` filters and a sigmoid. A kernel of 4 × 4 suits a stride of 2."
    ),
    returns=lambda model, image_shape, filters, middle: as_autoencoder(model, image_shape),
)
def build_denoiser(image_shape, filters, middle):
    """A convolutional `Autoencoder`; its code is a map (height / 2ⁿ, width / 2ⁿ, filters[-1]) with n = len(filters)."""
    images = x = keras.Input(image_shape)
    for channels in filters:
        x = layers.Conv2D(channels, 4, strides=2, padding="same", activation="relu")(x)
    for _ in range(middle):
        x = layers.Conv2D(filters[-1], 3, padding="same", activation="relu")(x)
    encoder = keras.Model(images, x, name="encoder")

    maps = y = keras.Input(x.shape[1:])
    for channels in filters[-2::-1]:
        y = layers.Conv2DTranspose(channels, 4, strides=2, padding="same", activation="relu")(y)
    y = layers.Conv2DTranspose(image_shape[-1], 4, strides=2, padding="same", activation="sigmoid")(y)
    return Autoencoder(encoder, keras.Model(maps, y, name="decoder"))


def _pairs(make_pair):
    """Pairs of forty batches of grey images, each with a generator of its own."""
    grey = _grey(0.5)
    return [make_pair(grey, np.random.default_rng(seed)) for seed in range(40)]


def check_pair(mixed_damage):
    pair = mixed_damage(_grey(0.5), np.random.default_rng(0))
    if len(pair) != 2:
        return f"the function must return the pair (damaged, images); yours returns {len(pair)} things"
    for damaged, target in _pairs(mixed_damage):
        if np.shape(damaged) != (8, 28, 28, 1):
            return f"the damaged images must keep the shape (8, 28, 28, 1); yours have {np.shape(damaged)}"
        if not np.array_equal(target, _grey(0.5)):
            return "the second of the pair, the target, must be the images as they came, undamaged"


def check_three_kinds(mixed_damage):
    found = {_kind(damaged) for damaged, _ in _pairs(mixed_damage)}
    missing = {"Gaussian noise", "salt and pepper", "a black block"} - found
    if missing:
        never = " nor ".join(sorted(missing))
        return f"in 40 batches each of the three kinds must turn up alone, but there was never {never}"


def check_fresh(mixed_damage):
    first, second = (mixed_damage(_grey(0.5), np.random.default_rng(5))[0] for _ in range(2))
    if not np.array_equal(first, second):
        return "two generators with the same seed must give the same damage. Draw every number from `rng`"
    rng = np.random.default_rng(0)
    if len({mixed_damage(_grey(0.5), rng)[0].tobytes() for _ in range(6)}) < 6:
        return "one generator used again must give fresh damage; yours repeats itself. Is there a seed inside?"
    if len({mixed_damage(_grey(0.5), np.random.default_rng(seed))[0].tobytes() for seed in range(6)}) < 6:
        return "generators with different seeds must give different damage. Is there a generator of your own inside?"


def check_strengths(mixed_damage):
    grey = np.full((40, 28, 28, 1), 0.5, np.float32)  # many pixels: that the share hit varies by chance hardly counts
    strengths = {"Gaussian noise": [], "salt and pepper": [], "a black block": []}
    for seed in range(40):
        damaged, _ = mixed_damage(grey, np.random.default_rng(seed))
        kind = _kind(damaged)
        strengths.setdefault(kind, []).append(np.std(damaged) if kind == "Gaussian noise" else np.mean(damaged != 0.5))
    for kind, values in strengths.items():
        if np.std(values) < 0.04 * np.mean(values):
            return f"the strength must change from batch to batch, but with {kind} yours is always the same"


def check_ranges(mixed_damage):
    grey, found = _grey(0.5), {}
    for seed in range(400):
        damaged, _ = mixed_damage(grey, np.random.default_rng(seed))
        found.setdefault(_kind(damaged), []).append(damaged)
    sides = sorted({int(np.sqrt(np.sum(image == 0))) for image in np.concatenate(found["a black block"])})
    if sides != list(range(4, 15)):
        return f"the block's side must be any whole number from 4 to 14, both included; yours are {sides}"
    share = max(np.mean(damaged != 0.5) for damaged in found["salt and pepper"])
    if not 0.42 < share < 0.56:
        return f"the share of salt and pepper must go up to 0.5; in 400 batches yours goes up to {share:.2f}"
    spread = max(np.std(damaged) for damaged in found["Gaussian noise"])
    rng, many = np.random.default_rng(0), np.full((20, 28, 28, 1), 0.5, np.float32)
    least, most = (np.std(gaussian_noise(many, sigma, rng)) for sigma in (0.85, 1.0))
    if not least < spread < most + 0.02:
        return "σ must go up to 1; the strongest noise of 400 batches is " + (
            "weaker" if spread <= least else "stronger"
        )


def check_other_images(mixed_damage):
    images = np.random.default_rng(3).random((5, 20, 24, 1), dtype=np.float32)
    for seed in range(12):
        damaged, target = mixed_damage(images, np.random.default_rng(seed))
        if not np.array_equal(target, images):
            return "the second of the pair, the target, must be the images as they came, undamaged"
        if damaged.shape != images.shape or damaged.min() < 0 or damaged.max() > 1:
            return f"five images of shape (20, 24, 1) must come back as images in [0, 1]; yours: {damaged.shape}"


def _kind(damaged):
    """Which damage a batch of grey images has suffered, told from its values and where the black ones lie."""
    values = set(np.unique(damaged).tolist())
    if 0.0 in values <= {0.0, 0.5} and all(map(_is_rectangle, damaged[..., 0] == 0)):
        return "a black block"
    if values <= {0.0, 0.5, 1.0}:
        return "salt and pepper"
    return "Gaussian noise" if len(values) > 100 else "another kind"


def _is_rectangle(mask):
    """Whether the True entries (height, width) fill their bounding box."""
    rows, columns = np.nonzero(mask)
    return len(rows) > 0 and len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@exercise(
    checks=[check_pair, check_three_kinds, check_fresh, check_strengths, check_ranges, check_other_images],
    hint=(
        "`rng.integers(3)` picks a kind, `rng.uniform(low, high)` a strength, `rng.integers(4, 15)` a side of "
        "4 to 14. Return the pair (damaged, images)."
    ),
    returns=as_arrays,
)
def mixed_damage(images, rng):
    """The pair (damaged, images): one kind of damage of random strength for the whole batch."""
    kind = rng.integers(3)
    if kind == 0:
        return gaussian_noise(images, rng.uniform(0, 1), rng), images
    if kind == 1:
        return salt_and_pepper(images, rng.uniform(0, 0.5), rng), images
    return mask_block(images, int(rng.integers(4, 15)), rng), images


walk_end = Prediction(
    "walk_end",
    "Where do walks from pure noise end, that follow the best guess of a small world while the noise shrinks to 0?",
    "When the noise is gone, the density of a small world lies at its digits and nowhere else, and each step goes "
    "uphill in it. The mean of all digits is only where the walk heads for at first, while σ is large.",
    "Which images have a chance to be the original when almost no noise is left, in a world that has 2,000 of them?",
    options=("digits of the world", "new digits", "the mean of all digits"),
)


def check_subtraction(answer):
    for shape, width, depth in (((8, 8, 1), 4, 3), ((6, 10, 3), 5, 2)):
        model, images = answer(shape, width, depth), np.random.default_rng(0).random((2, *shape))
        output = on_data(model, images)
        if output.shape != images.shape:
            return f"two images of shape {shape} must come out in that shape; yours come out as {output.shape}"
        for weight in model.weights:
            weight.assign(np.zeros(weight.shape))
        if not np.allclose(on_data(model, images), images, atol=1e-6):
            return (
                "with all weights 0 the layers find no noise, and the images must come out as they went in; yours "
                "don't. Subtract what the last layer gives from the input, and put nothing after that"
            )


def check_residual_layers(answer):
    for shape, width, depth in (((8, 8, 1), 4, 3), ((6, 10, 3), 5, 4)):
        model, reference = answer(shape, width, depth), build_residual.reference(shape, width, depth)
        on_data(model, np.zeros((1, *shape)))
        kernels, expected = (sorted(weight_shapes(part, 4)) for part in (model, reference))
        if kernels != expected:
            return (
                f"for images {shape}, width {width} and depth {depth} the kernels are {expected}, each as (height, "
                f"width, channels in, channels out); yours: {kernels}"
            )


def check_residual_function(answer):
    arguments = (8, 9, 1), 4, 3
    images = np.random.default_rng(1).normal(size=(6, *arguments[0]))
    model, reference = answer(*arguments), build_residual.reference(*arguments)
    on_data(model, images)
    a, b = images[:1], images[1:2]
    if is_affine(model, a, b, ends_in_sigmoid=False):
        return "all layers but the last need a ReLU: without one, they are together one linear map"
    if not computes_the_same(model, reference, images):
        return (
            "with the same weights yours computes something else than the input minus convolutions with "
            "padding='same', with a ReLU after each but the last. Is the noise subtracted, not added, and nothing "
            "clipped?"
        )


@exercise(
    checks=[check_subtraction, check_residual_layers, check_residual_function],
    hint=(
        "Functional: keep the `keras.Input` under a name of its own, send it through the layers, and end with "
        "`keras.Model(images, images - noise)`. The last Conv2D has `image_shape[-1]` filters and no activation."
    ),
    returns=lambda model, image_shape, width, depth: called_once(model, image_shape),
)
def build_residual(image_shape, width, depth):
    """A residual denoiser (Zhang et al. 2017): images minus what `depth` convolutions make of them."""
    images = x = keras.Input(image_shape)
    for _ in range(depth - 1):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    noise = layers.Conv2D(image_shape[-1], 3, padding="same")(x)
    return keras.Model(images, images - noise)


weak_noise_winner = Prediction(
    "weak_noise_winner",
    "Who is best at weak noise: the best filter, the autoencoder or the residual denoiser?",
    "Most of a weakly noisy image is right already. The residual denoiser passes it on and takes away what sticks out; "
    "the autoencoder must redraw all of it, and a filter knows no strokes.",
    "Who has least to do where the input is nearly right? And who has learned what a stroke looks like?",
    options=("filter", "autoencoder", "residual"),
)
