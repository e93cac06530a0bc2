"""The ELBO and its relatives: how good a latent-variable model is, in nats per image."""

import keras
import numpy as np
from keras import ops

from course_utils.checks import check_images, check_rows, check_whole
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
        check_whole(name, value)
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
    check_rows("mean", mean, 1)
    return np.var(mean, axis=0, dtype=float) > threshold
