"""Every public function, over shapes, types and ranges: what its docstring says, or its ValueError, and never NaN."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from course_utils.batches import FreshBatches, binarise, binarised_pair
from course_utils.corruptions import gaussian_noise, mask_block, salt_and_pepper
from course_utils.layers import BedOfNails2D, KLDivergence, MaxPoolingWithPositions2D, MaxUnpooling2D, Sampling
from course_utils.losses import bernoulli_nll, gaussian_nll
from course_utils.metrics import (
    active_units,
    kl_divergence,
    mutual_information,
    precision_recall,
    psnr,
    squared_frechet_distance,
    ssim,
)
from course_utils.models import (
    build_classifier,
    build_conditional_vae,
    build_conv_autoencoder,
    build_dense_autoencoder,
    build_dense_vae,
)
from course_utils.models.autoencoder import UNPOOLINGS

few = settings(max_examples=25, deadline=None, derandomize=True, database=None)
fewer = settings(few, max_examples=8)

FLOATS = st.sampled_from([np.float16, np.float32, np.float64])
SHAPES = arrays.array_shapes(min_dims=4, max_dims=4, max_side=9)
SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@st.composite
def images(draw, shapes=SHAPES, n=1):
    """Arrays in [0, 1] of one shape and type, their ends 0 and 1 among the likely values."""
    dtype, shape = draw(FLOATS), draw(shapes)
    values = st.sampled_from([0, 1]) | st.floats(0, 1, width=16)
    drawn = tuple(draw(arrays.arrays(dtype, shape, elements=values)) for _ in range(n))
    return drawn if n > 1 else drawn[0]


@st.composite
def clouds(draw, n, rows=12):
    """Arrays (rows, width) of one width, of values that a network's features and codes have."""
    width, scale = draw(st.integers(1, 4)), draw(st.sampled_from([1e-3, 1.0, 100.0]))
    shape = (rows, width)
    return tuple(scale * draw(arrays.arrays(np.float64, shape, elements=st.floats(-5, 5, width=32))) for _ in range(n))


def finite(tensor):
    array = np.asarray(keras.ops.convert_to_numpy(tensor))
    assert np.isfinite(array.astype(float)).all()
    return array


# What is done to arrays


@few
@given(pair=images(n=2), sigma=st.floats(0.01, 10))
def test_likelihoods(pair, sigma):
    for nats in (bernoulli_nll(*pair), gaussian_nll(*pair, sigma)):
        assert finite(nats).shape == (len(pair[0]),) and nats.dtype == "float32"
    assert finite(bernoulli_nll(*pair)).min() >= 0


@few
@given(first=images(), other=images(), loss=st.sampled_from([bernoulli_nll, gaussian_nll, psnr, ssim]))
def test_two_shapes_are_one_or_refused(first, other, loss):
    if first.shape != other.shape:
        with pytest.raises(ValueError, match="`reconstruction` must have the images' shape"):
            loss(first, other)


@few
@given(pair=images(n=2))
def test_fidelities(pair):
    decibels = psnr(*pair)
    assert decibels.shape == (len(pair[0]),) and not np.isnan(decibels).any() and decibels.min() >= 0
    if min(pair[0].shape[1:3]) < 7:
        with pytest.raises(ValueError, match="at least 7 pixels"):
            ssim(*pair)
    else:
        assert finite(ssim(*pair)).shape == decibels.shape and ssim(*pair).max() <= 1 + 1e-6


@few
@given(images=images(), rng=SEEDS, strength=st.floats(-0.5, 1.5), size=st.integers(-1, 10))
def test_corruptions(images, rng, strength, size):
    before, shorter = images.copy(), min(images.shape[1:3])
    for corrupt, argument, allowed in [
        (gaussian_noise, strength, strength >= 0),
        (salt_and_pepper, strength, 0 <= strength <= 1),
        (mask_block, size, 0 <= size <= shorter),
    ]:
        if not allowed:
            with pytest.raises(ValueError, match="must be"):
                corrupt(images, argument, rng)
            continue
        damaged = finite(corrupt(images, argument, rng))
        assert damaged.shape == images.shape and damaged.dtype == np.float32
        assert damaged.min() >= 0 and damaged.max() <= 1
    np.testing.assert_array_equal(images, before)


ANY_SHAPE = arrays.array_shapes(min_side=0, max_dims=5, max_side=3)


@few
@given(array=arrays.arrays(np.float32, ANY_SHAPE, elements=st.floats(-2, 3, width=16)))
def test_whatever_is_no_images_is_refused(array):
    rng = np.random.default_rng(0)
    damages = [
        lambda: binarise(array, rng),
        lambda: gaussian_noise(array, 0.1, rng),
        lambda: salt_and_pepper(array, 0.1, rng),
        lambda: mask_block(array, 0, rng),
    ]
    metrics = [lambda: psnr(array, array), lambda: ssim(array, array)]
    if array.ndim == 4 and ((array >= 0) & (array <= 1)).all():  # images, if there are any
        assert all(damage().shape == array.shape for damage in damages)
        refused = [] if array.size else metrics
    else:
        refused = [*damages, *metrics, lambda: FreshBatches(array, binarised_pair)]
    for function in refused:
        with pytest.raises(ValueError, match="`images` must"):
            function()


# What a fit is fed


@few
@given(images=images(), rng=SEEDS, batch_size=st.integers(1, 12))
def test_fresh_batches_hold_every_image_once(images, rng, batch_size):
    drawn = finite(binarise(images, rng))
    assert drawn.shape == images.shape and drawn.dtype == np.float32 and set(np.unique(drawn)) <= {0, 1}
    assert (drawn[images == 0] == 0).all() and (drawn[images == 1] == 1).all()
    batches = FreshBatches(
        np.arange(len(images)).reshape(-1, 1, 1, 1) / 9, lambda x, rng: (x, x), batch_size=batch_size
    )
    seen = np.concatenate([batches[i][0] for i in range(len(batches))])
    assert sorted(np.round(9 * seen).ravel()) == list(range(len(images)))


# Codes, features and samples


@few
@given(codes=clouds(2), dtype=st.sampled_from(["float16", "bfloat16", "float32", "float64"]))
def test_kl_and_sampling(codes, dtype):
    pair = [keras.ops.cast(np.clip(part, -20, 5), dtype) for part in codes]
    kl = kl_divergence(*pair)
    assert finite(kl).shape == (12,) and kl.dtype == "float32" and finite(kl).min() >= -1e-4
    layer = KLDivergence(0.5)
    layer(pair)
    assert finite(layer.losses[0]) == pytest.approx(0.5 * finite(kl).mean(), rel=1e-5, abs=1e-5)
    assert finite(Sampling(0)(pair)).shape == codes[0].shape


@few
@given(codes=clouds(2))
def test_numbers_of_codes(codes):
    mean, log_var = codes[0], np.clip(codes[1], -30, 10)
    assert active_units(mean).shape == mean.shape[1:] and active_units(mean).dtype == bool
    assert finite(mutual_information(mean, log_var)) <= np.log(12) + 1e-9


@few
@given(points=clouds(2), k=st.integers(1, 14))
def test_numbers_of_samples(points, k):
    assert finite(squared_frechet_distance(*points)) >= 0
    scale = np.abs(points[0]).max() ** 2 + 1e-12
    assert squared_frechet_distance(points[0], points[0]) <= 1e-6 * scale
    if k >= 12:
        with pytest.raises(ValueError, match=f"`real` must be an array .* n ≥ {k + 1}"):
            precision_recall(*points, k)
    else:
        assert all(0 <= share <= 1 for share in precision_recall(*points, k))


@few
@given(array=arrays.arrays(np.float64, arrays.array_shapes(min_side=0, max_dims=3, max_side=4)))
def test_whatever_is_no_cloud_is_refused(array):
    """Any float64 is drawn, NaN and infinity among them."""
    if array.ndim == 2 and array.shape[1] and len(array) and np.isfinite(array).all():
        return
    for function in (active_units, lambda a: mutual_information(a, a), lambda a: squared_frechet_distance(a, a)):
        with pytest.raises(ValueError, match=r"`(mean|features)` must"):
            function(array)
    with pytest.raises(ValueError, match="`real` must"):
        precision_recall(array, array)


# Layers and models


@few
@given(images=images(), size=st.integers(1, 3))
def test_unpooling(images, size):
    n, height, width, channels = images.shape
    larger = (n, size * height, size * width, channels)
    assert finite(BedOfNails2D(size)(images)).shape == larger
    zeros = np.zeros_like(images)
    assert finite(MaxUnpooling2D(size)((images, zeros))).shape == larger
    if height % size or width % size:
        with pytest.raises(ValueError, match="multiples of `size`"):
            MaxPoolingWithPositions2D(size)(images)
        return
    maxima, positions = MaxPoolingWithPositions2D(size)(images)
    assert finite(maxima).shape == finite(positions).shape == (n, height // size, width // size, channels)
    restored = finite(MaxUnpooling2D(size)((maxima, positions)))
    assert restored.shape == images.shape and restored.sum() == pytest.approx(finite(maxima).sum(), rel=1e-2)


SIDES = st.sampled_from([(8, 8, 1), (4, 12, 3), (12, 12, 1)])
WIDTHS = st.integers(1, 5)
WRONG = st.integers(-2, 0) | st.sampled_from([2.5, float("nan"), True, "2", None, (2, -1), [True], np.array([2]), "28"])
BUILDERS = {
    build_dense_autoencoder: {"latent_dim": 2, "hidden": (3,), "image_shape": (8, 8, 1)},
    build_conv_autoencoder: {"latent_dim": 2, "filters": (3,), "unpooling": "max", "image_shape": (8, 8, 1)},
    build_dense_vae: {"latent_dim": 2, "hidden": (3,), "beta": 1.0, "image_shape": (8, 8, 1)},
    build_conditional_vae: {"latent_dim": 2, "n_classes": 3, "hidden": (3,), "image_shape": (8, 8, 1)},
    build_classifier: {"n_classes": 3, "image_shape": (12, 12, 1)},
}


@few
@given(data=st.data(), build=st.sampled_from([*BUILDERS]), wrong=WRONG)
def test_one_wrong_argument_is_named(data, build, wrong):
    argument = data.draw(st.sampled_from([*BUILDERS[build]]))
    if argument == "beta" and not isinstance(wrong, str):
        wrong = -1.5
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {argument}="):
        build(**{**BUILDERS[build], argument: wrong})


@fewer
@given(width=WIDTHS, hidden=st.lists(WIDTHS, max_size=2), shape=SIDES)
def test_dense_builders(width, hidden, shape):
    pixels = np.ones((2, *shape))
    for model, inputs in [
        (build_dense_autoencoder(width, hidden=hidden, image_shape=shape), pixels),
        (build_dense_vae(width, hidden=hidden, image_shape=shape), pixels),
        (build_conditional_vae(width, 3, hidden=hidden, image_shape=shape), [pixels, np.ones((2, 3))]),
    ]:
        codes = model.encoder(inputs)
        assert all(finite(code).shape == (2, width) for code in keras.tree.flatten(codes))
        output = finite(model(inputs))
        assert output.shape == (2, *shape) and output.min() >= 0 and output.max() <= 1


@fewer
@given(
    width=WIDTHS, filters=st.lists(WIDTHS, min_size=1, max_size=2), unpooling=st.sampled_from(UNPOOLINGS), shape=SIDES
)
def test_convolutional_builders(width, filters, unpooling, shape):
    pixels = np.ones((2, *shape))
    model = build_conv_autoencoder(width, filters=filters, unpooling=unpooling, image_shape=shape)
    output = finite(model(pixels))
    assert output.shape == (2, *shape) and output.min() >= 0 and output.max() <= 1
    if min(shape[:2]) >= 10:
        np.testing.assert_allclose(finite(build_classifier(width, image_shape=shape)(pixels)).sum(axis=1), 1, rtol=1e-5)
