"""The ELBO and its relatives: how good a latent-variable model is, in nats per image."""

import math

import keras
import numpy as np
from keras import ops

from course_utils.batches import predict_in_batches
from course_utils.checks import check_images, check_rows, check_same_shape, check_whole
from course_utils.losses import bernoulli_nll

CHUNK = 10_000  # codes decoded at once: enough to keep the cores at matrix products, about 100 MB of pixels


def kl_divergence(mean, log_var):
    """KL[N(mean, exp(log_var)) || N(0, I)] of each image, summed over latent dimensions, in nats.

    It is computed in float32 whatever comes in.

    >>> mean, log_var = np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> print(np.round(kl_divergence(mean, log_var), 3))  # 2²/2 and (e - 1 - 1)/2
    [2.359]

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
    mean, log_var = ops.cast(mean, "float32"), ops.cast(log_var, "float32")
    check_same_shape("log_var", log_var, "the mean's", mean.shape)
    return ops.sum(ops.square(mean) + ops.exp(log_var) - 1 - log_var, axis=-1) / 2


def sampled_terms(images, mean, log_var, noise, decoder, nll=bernoulli_nll):
    """Both terms of the negative ELBO for k drawn codes per image, z = mean + exp(log_var / 2) · noise, in nats.

    Minus their sum is the logarithm of the importance weight p(x, z) / q(z|x). The mean of the weights estimates p(x).
    The codes and the second term are computed in float32 whatever comes in.

    Args:
        images: tensor `(batch, height, width, channels)`, or sentences `(batch, length)`.
        mean, log_var: of q(z|x), each `(batch, latent_dim)`.
        noise: standard normal draws `(batch, k, latent_dim)`.
        decoder: model from codes `(n, latent_dim)` to images; an autoregressive one, a model of two inputs, is given
            `[codes, images]`.
        nll: negative log-likelihood of images given the decoder's output, summed over pixels, `(n,)`.

    Returns:
        The pair distortion and rate of each draw, -log p(x|z) and log q(z|x) - log p(z), each `(batch, k)`.

    Raises:
        ValueError: if the shapes of `mean` and `log_var` differ or `nll` returns another shape.

    Reference:
        Burda, Grosse & Salakhutdinov, Importance weighted autoencoders, 2016, section 3.
    """
    check_same_shape("log_var", log_var, "the mean's", mean.shape)
    _, k, latent_dim = noise.shape
    noise = ops.cast(noise, "float32")
    mean, log_var = (ops.expand_dims(ops.cast(part, "float32"), 1) for part in (mean, log_var))
    codes = mean + ops.exp(log_var / 2) * noise
    images, inputs = ops.repeat(images, k, axis=0), ops.reshape(codes, (-1, latent_dim))
    autoregressive = len(getattr(decoder, "inputs", None) or ()) == 2
    distortion = nll(images, decoder([inputs, images] if autoregressive else inputs))
    if len(distortion.shape) != 1:
        raise ValueError(f"`nll` must return one number per image, (n,). Received: {tuple(distortion.shape)}")
    distortion = ops.reshape(distortion, (-1, k))
    rate = ops.sum(ops.square(codes) - ops.square(noise) - log_var, axis=-1) / 2
    return distortion, rate


def negative_elbo_terms(vae, images, k=1, *, nll=bernoulli_nll, seed=0, chunk=CHUNK):
    """Distortion and rate, the two terms of each image's negative ELBO: the ELBO is minus their sum.

    The rate R has a closed form. The distortion D is a mean over k draws of the code, so the ELBO that results,
    -(D + R), is an unbiased estimate for any k. Memory grows neither with k nor with the number of images.

    Args:
        vae: has an `encoder`, model from images to `(mean, log_var)`, and a `decoder` as in `sampled_terms`.
        images: array in [0, 1], `(n, height, width, channels)`; binarised, if `nll` is that of coins. Or sentences,
            whole numbers `(n, length)`, with `nll=sentence_nll`.
        k: draws per image.
        nll: as in `sampled_terms`.
        seed: of the draws.
        chunk: codes decoded at once; the result does not depend on it.

    Returns:
        The pair of arrays `(distortion, rate)`, E_q[-log p(x|z)] and KL[q(z|x) || p(z)], each `(n,)`, in nats.

    Raises:
        ValueError: if `k` or `chunk` is not a positive whole number or `images` is no such array or empty.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, equation 3.
    """
    mean, log_var = _encode(vae, images)
    total = np.zeros(len(images))
    for rows, distortion, _ in _draws(vae, images, mean, log_var, k, nll, seed, chunk):
        total[rows] += distortion.sum(axis=1)
    return total / k, ops.convert_to_numpy(kl_divergence(mean, log_var)).astype(float)


def iwae_bound(vae, images, k, *, nll=bernoulli_nll, seed=0, chunk=CHUNK):
    """The importance-weighted lower bound of each image's log p(x): log of the mean of k importance weights.

    For k = 1 its mean is the ELBO; as k grows it rises, in the mean, towards log p(x). Memory grows neither with k nor
    with the number of images. The mean over images has the standard error `bound.std() / sqrt(n)`.

    Args:
        vae, images, nll, seed, chunk: as in `negative_elbo_terms`.
        k: draws per image.

    Returns:
        Array `(n,)`, in nats.

    Raises:
        ValueError: if `k` or `chunk` is not a positive whole number or `images` is no such array or empty.

    Reference:
        Burda, Grosse & Salakhutdinov, Importance weighted autoencoders, 2016, section 3.
    """
    mean, log_var = _encode(vae, images)
    total = np.full(len(images), -np.inf)
    for rows, distortion, rate in _draws(vae, images, mean, log_var, k, nll, seed, chunk):
        total[rows] = np.logaddexp(total[rows], np.logaddexp.reduce(-(distortion + rate), axis=1))
    return total - np.log(k)


class _SampledTerms(keras.Model):
    """`sampled_terms` as a model: every backend compiles its `predict_on_batch`, once, since all chunks are alike."""

    def __init__(self, decoder, nll):
        super().__init__(name="sampled_terms", dtype="float32")  # or mixed precision would round what comes in
        self.decoder, self.nll = decoder, nll
        self.built = True  # since the decoder is

    def call(self, inputs):
        return sampled_terms(*inputs, self.decoder, self.nll)


def _encode(vae, images):
    sentences = isinstance(images, np.ndarray) and images.ndim == 2 and images.dtype.kind in "iu"
    if not sentences or not images.size:
        check_images(images, empty=False)
    mean, log_var = predict_in_batches(vae.encoder, images)
    return mean.astype(np.float32), log_var.astype(np.float32)


def _draws(vae, images, mean, log_var, k, nll, seed, chunk):
    """Yields `(rows, distortion, rate)`: a slice of the images, and both terms of some of their draws `(rows, s)`.

    Images come in turn, and so do the draws of each: the noise is the same stream whatever the chunk.
    """
    k, chunk = check_whole("k", k), check_whole("chunk", chunk)
    rng, terms = np.random.default_rng(seed), _SampledTerms(vae.decoder, nll)
    parts = math.ceil(k / chunk)  # of an image's draws, as many as it takes for each to fit into a chunk
    draws = math.ceil(k / parts)
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

    >>> print(active_units([[2.0, 0.01, 5.0], [-2.0, -0.01, 5.0]]))
    [ True False False]

    Args:
        mean: array `(n, latent_dim)`, the mean of q(z|x) of each image.
        threshold: a dimension is active if the variance of its mean over the images is above it.

    Returns:
        Boolean array `(latent_dim,)`; its sum is the number of active units.

    Raises:
        ValueError: if `mean` is no such array or not finite.

    Reference:
        Burda, Grosse & Salakhutdinov, Importance weighted autoencoders, 2016, section 5.2.
    """
    return np.var(check_rows("mean", mean, 1), axis=0, dtype=float) > threshold


def mutual_information(mean, log_var, *, seed=0):
    """What the code tells about which of n images it belongs to: I(x; z) = E_x KL[q(z|x) || q(z)], estimated.

    Here q(z) is the aggregate posterior, the mean of the q(z|x) of these n images. The mean rate splits into this and
    how far the codes as a whole are from the prior: E_x KL[q(z|x) || p(z)] = I(x; z) + KL[q(z) || p(z)].

    One code is drawn per image and compared with all n posteriors, so time grows with n². No estimate is above log n.

    >>> far_apart = 1000.0 * np.arange(8)[:, np.newaxis]
    >>> print(f"{mutual_information(far_apart, np.zeros((8, 1))):.4f}, log 8 is {np.log(8):.4f}")
    2.0794, log 8 is 2.0794

    Args:
        mean, log_var: of q(z|x), each array `(n, latent_dim)`.
        seed: of the draws.

    Returns:
        I(x; z) in nats.

    Raises:
        ValueError: if `mean` or `log_var` is no such array or not finite, or their shapes differ.

    Reference:
        Hoffman & Johnson, ELBO surgery: yet another way to carve up the variational evidence lower bound, 2016.
    """
    from scipy.special import logsumexp

    mean, log_var = check_rows("mean", mean, 1).astype(float), check_rows("log_var", log_var, 1).astype(float)
    check_same_shape("log_var", log_var, "the mean's", mean.shape)
    n, deviation = len(mean), np.exp(log_var / 2)
    codes = mean + deviation * np.random.default_rng(seed).standard_normal(mean.shape)
    information = np.zeros(n)
    for rows in np.array_split(np.arange(n), math.ceil(n * mean.size / 1e7)):  # 80 MB at once
        standardised = (codes[rows, np.newaxis] - mean) / deviation
        log_q = -np.sum(np.square(standardised) + log_var, axis=-1) / 2  # (rows, n), but for a constant
        information[rows] = log_q[np.arange(len(rows)), rows] - logsumexp(log_q, axis=1) + np.log(n)
    return float(information.mean())
