"""Numbers that say how good a model is."""

import keras
import numpy as np
from keras import ops

from course_utils.data import check_images
from course_utils.losses import bernoulli_nll

CHUNK = 10_000  # codes decoded at once: enough to keep the cores at matrix products, about 100 MB of pixels


def kl_divergence(mean, log_var):
    """KL[N(mean, exp(log_var)) || N(0, I)] of each image, summed over latent dimensions, in nats.

    Args:
        mean: tensor `(batch, latent_dim)`.
        log_var: logarithm of the variance, of the same shape.

    Returns:
        Tensor `(batch,)`.

    Raises:
        ValueError: if the shapes differ.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix B.
    """
    if ops.shape(mean)[1:] != ops.shape(log_var)[1:]:
        raise ValueError(f"`log_var` must have the mean's shape {ops.shape(mean)}. Received: {ops.shape(log_var)}")
    return ops.sum(ops.square(mean) + ops.exp(log_var) - 1 - log_var, axis=-1) / 2


def sampled_terms(images, mean, log_var, noise, decoder, nll=bernoulli_nll):
    """Both terms of the negative ELBO for k drawn codes an image, z = mean + exp(log_var / 2) · noise, in nats.

    Minus their sum is the logarithm of the importance weight p(x, z) / q(z|x). The mean of the weights estimates p(x).

    Args:
        images: tensor `(batch, height, width, channels)`.
        mean, log_var: of q(z|x), each `(batch, latent_dim)`.
        noise: standard normal draws `(batch, k, latent_dim)`.
        decoder: model from codes `(n, latent_dim)` to images.
        nll: negative log-likelihood of images given the decoder's output, summed over pixels, `(n,)`.

    Returns:
        The pair of -log p(x|z) and log q(z|x) - log p(z), each `(batch, k)`.

    Reference:
        Burda, Grosse & Salakhutdinov, Importance weighted autoencoders, 2016, section 3.
    """
    _, k, latent_dim = noise.shape
    mean, log_var = ops.expand_dims(mean, 1), ops.expand_dims(log_var, 1)
    codes = mean + ops.exp(log_var / 2) * noise
    decoded = decoder(ops.reshape(codes, (-1, latent_dim)))
    reconstruction = ops.reshape(nll(ops.repeat(images, k, axis=0), decoded), (-1, k))
    rate = ops.sum(ops.square(codes) - ops.square(noise) - log_var, axis=-1) / 2
    return reconstruction, rate


def elbo(vae, images, k=1, *, nll=bernoulli_nll, seed=0, chunk=CHUNK):
    """The two terms of each image's negative ELBO: the ELBO is minus their sum.

    The rate has a closed form. The reconstruction is a mean over k draws of the code, so the ELBO that results is an
    unbiased estimate for any k. Memory grows neither with k nor with the number of images.

    Args:
        vae: has an `encoder`, model from images to `(mean, log_var)`, and a `decoder`, model from codes to images.
        images: array in [0, 1], `(n, height, width, channels)`; binarised, if `nll` is that of coins.
        k: draws an image.
        nll: as in `sampled_terms`.
        seed: of the draws.
        chunk: codes decoded at once; the result does not depend on it.

    Returns:
        The pair of arrays `(reconstruction, rate)`, E_q[-log p(x|z)] and KL[q(z|x) || p(z)], each `(n,)`, in nats.

    Raises:
        ValueError: if `k` or `chunk` is not a positive whole number or `images` is no such array.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, equation 3.
    """
    mean, log_var = _encode(vae, images)
    total = np.zeros(len(images))
    for rows, reconstruction, _ in _draws(vae, images, mean, log_var, k, nll, seed, chunk):
        total[rows] += reconstruction.sum(axis=1)
    return total / k, ops.convert_to_numpy(kl_divergence(mean, log_var)).astype(float)


def iwae_bound(vae, images, k, *, nll=bernoulli_nll, seed=0, chunk=CHUNK):
    """The importance-weighted lower bound of each image's log p(x): log of the mean of k importance weights.

    For k = 1 its mean is the ELBO; as k grows it rises, in the mean, towards log p(x). Memory grows neither with k nor
    with the number of images. The mean over images has the standard error `bound.std() / sqrt(n)`.

    Args:
        vae, images, nll, seed, chunk: as in `elbo`.
        k: draws an image.

    Returns:
        Array `(n,)`, in nats.

    Raises:
        ValueError: if `k` or `chunk` is not a positive whole number or `images` is no such array.

    Reference:
        Burda, Grosse & Salakhutdinov, Importance weighted autoencoders, 2016, section 3.
    """
    mean, log_var = _encode(vae, images)
    total = np.full(len(images), -np.inf)
    for rows, reconstruction, rate in _draws(vae, images, mean, log_var, k, nll, seed, chunk):
        total[rows] = np.logaddexp(total[rows], np.logaddexp.reduce(-(reconstruction + rate), axis=1))
    return total - np.log(k)


class _SampledTerms(keras.Model):
    """`sampled_terms` as a model: every backend compiles its `predict_on_batch`, once, since all chunks are alike."""

    def __init__(self, decoder, nll):
        super().__init__(name="sampled_terms")
        self.decoder, self.nll = decoder, nll
        self.built = True  # since the decoder is

    def call(self, inputs):
        return sampled_terms(*inputs, self.decoder, self.nll)


def _encode(vae, images):
    check_images(images)
    return vae.encoder.predict(images, batch_size=500, verbose=0)


def _draws(vae, images, mean, log_var, k, nll, seed, chunk):
    """Yields `(rows, reconstruction, rate)`: a slice of the images, and both terms of some of their draws `(rows, s)`.

    Images come in turn, and so do the draws of each: the noise is the same stream whatever the chunk.
    """
    for name, value in {"k": k, "chunk": chunk}.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"`{name}` must be a positive whole number. Received: {name}={value!r}")
    rng, terms = np.random.default_rng(seed), _SampledTerms(vae.decoder, nll)
    draws = -(-k // -(-k // chunk))  # a chunk's draws of an image: k, or k in as many even parts as it takes
    width = min(chunk // draws, len(images))
    for start in range(0, len(images), width):
        rows = slice(start, min(start + width, len(images)))
        block = [_pad(array[rows], width) for array in (images, mean, log_var)]
        for done in range(0, k, draws):
            shape = (rows.stop - start, min(draws, k - done), mean.shape[1])
            noise = rng.standard_normal(shape, dtype=np.float32)
            results = terms.predict_on_batch([*block, _pad(_pad(noise, draws, axis=1), width)])
            yield rows, *(np.asarray(result[: shape[0], : shape[1]], dtype=float) for result in results)


def _pad(array, length, axis=0):
    """Zeros at the end, up to `length`: one shape for all chunks, or each new one would be compiled anew."""
    return np.pad(array, [(0, length - array.shape[axis] if i == axis else 0) for i in range(array.ndim)])


def active_units(mean, threshold=0.01):
    """Which latent dimensions tell anything about the image: those whose mean code varies from image to image.

    Args:
        mean: array `(n, latent_dim)`, the mean of q(z|x) of each image.
        threshold: a dimension is active if the variance of its mean over the images is above it.

    Returns:
        Boolean array `(latent_dim,)`; its sum is the number of active units.

    Raises:
        ValueError: if `mean` has not two axes.

    Reference:
        Burda, Grosse & Salakhutdinov, Importance weighted autoencoders, 2016, section 5.2.
    """
    _check_rows("mean", mean, 1)
    return np.var(mean, axis=0, dtype=float) > threshold


def frechet_distance(features, other):
    """Fréchet distance of two clouds of points, each taken for a Gaussian with the cloud's mean and covariance.

    d² = |m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½). In the features of the Inception network it is known as FID.
    With few points it comes out too large: compare only values from equally many.

    Args:
        features: array `(n, width)`, at least two rows.
        other: array `(m, width)`, at least two rows.

    Returns:
        d², in squared units of the features.

    Raises:
        ValueError: if the shapes do not fit.

    Reference:
        Dowson & Landau, The Fréchet distance between multivariate normal distributions, 1982;
        Heusel, Ramsauer, Unterthiner, Nessler & Hochreiter, GANs trained by a two time-scale update rule, 2017.
    """
    _check_rows("features", features, 2)
    _check_rows("other", other, 2)
    if features.shape[1] != other.shape[1]:
        raise ValueError(f"`other` must have {features.shape[1]} columns, as `features`. Received: {other.shape}")
    roots = [_root_of_covariance(cloud) for cloud in (features, other)]
    # The trace of (C₁ C₂)^½ is the sum of the singular values of C₁^½ C₂^½, which stays real for singular covariances.
    overlap = np.linalg.norm(roots[0] @ roots[1], "nuc")
    shift = np.sum((features.mean(axis=0, dtype=float) - other.mean(axis=0, dtype=float)) ** 2)
    return float(shift + sum(np.sum(root**2) for root in roots) - 2 * overlap)


def _root_of_covariance(points):
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(points, rowvar=False, dtype=float)))
    return axes * np.sqrt(np.maximum(variances, 0)) @ axes.T  # rounding may leave a variance just below zero


def _check_rows(argument, array, least):
    if np.ndim(array) != 2 or len(array) < least:
        raise ValueError(f"`{argument}` must be an array (n, width) with n ≥ {least}. Received: {np.shape(array)}")


def psnr(images, reconstruction):
    """Peak signal-to-noise ratio of each image, in decibels: 10 log10(1 / mean squared error).

    Args:
        images: array in [0, 1], `(n, height, width, channels)`.
        reconstruction: array in [0, 1], of the same shape.

    Returns:
        Array `(n,)`; infinite where the two are equal.
    """
    _check_pair(images, reconstruction)
    error = np.mean(np.square(images - reconstruction, dtype=np.float64), axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return -10 * np.log10(error)


def ssim(images, reconstruction):
    """Structural similarity of each image: 1 for equal images, about 0 for unrelated ones.

    Args:
        images: array in [0, 1], `(n, height, width, channels)`.
        reconstruction: array in [0, 1], of the same shape.

    Returns:
        Array `(n,)`.

    Reference:
        Wang, Bovik, Sheikh & Simoncelli, Image quality assessment, 2004; scikit-image's implementation.
    """
    from skimage.metrics import structural_similarity

    _check_pair(images, reconstruction)
    pairs = zip(images, reconstruction)
    return np.array([structural_similarity(a, b, data_range=1, channel_axis=-1) for a, b in pairs])


def _check_pair(images, reconstruction):
    check_images(images)
    check_images(reconstruction, "reconstruction")
    if images.shape != reconstruction.shape:
        raise ValueError(
            f"`reconstruction` must have the images' shape {images.shape}. Received: {reconstruction.shape}"
        )
