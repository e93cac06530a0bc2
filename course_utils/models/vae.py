"""Variational autoencoders: the code is a distribution."""

import math

import keras
from keras import layers, ops

from course_utils.checks import check_non_negative, check_same_shape, check_whole
from course_utils.layers import KLDivergence, Sampling
from course_utils.metrics import sampled_terms
from course_utils.models.autoencoder import Autoencoder, build_dense_decoder, check_widths, dense_stack


@keras.saving.register_keras_serializable(package="course_utils")
class VAE(Autoencoder):
    """Variational autoencoder with a Gaussian code. With `losses.bernoulli_nll` its loss is the negative ELBO.

    `fit` and `evaluate` report the loss and, as `kl`, its unweighted KL term, both in nats per image. β can be changed
    at any time, also by a callback between two epochs: `vae.kl_divergence.weight = 0.3`.

    Args:
        encoder: model from images to the pair `(mean, log_var)`, each `(batch, latent_dim)`.
        decoder: model from codes `(batch, latent_dim)` to images.
        beta: non-negative factor of the KL term.
        seed: of the sampling noise; random by default.

    Raises:
        ValueError: if a part is no model, the encoder's outputs are no such pair, the decoder takes another width or
            `beta` is negative or not finite; in `fit` and `evaluate`, as in `Autoencoder` or if weights of images or
            classes are given.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014; for `beta`: Higgins et al., β-VAE, 2017.
    """

    kl_layer = KLDivergence

    def __init__(self, encoder, decoder, beta=1.0, seed=None, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        _check_fit_together(encoder, decoder)
        self.kl_divergence = self.kl_layer(check_non_negative("beta", beta), name="kl_divergence")
        self.sampling = Sampling(seed)
        self.kl_metric = keras.metrics.Mean(name="kl")

    def call(self, images, training=False):
        return self.decoder(self.sampling(self.kl_divergence(self.encoder(images))))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        self.kl_metric.update_state(self.kl_divergence.kl, sample_weight=ops.shape(y_pred)[0])
        return loss

    def check_fit(self, y, y_pred, sample_weight):
        super().check_fit(y, y_pred, sample_weight)
        if sample_weight is not None:
            raise ValueError(
                f"`{type(self).__name__}` takes no `sample_weight` and no `class_weight`: Keras would weight the "
                "reconstruction but not the KL term, which changes β"
            )

    def get_config(self):
        return {**super().get_config(), "beta": self.kl_divergence.weight, "seed": self.sampling.seed}


def _check_fit_together(encoder, decoder):
    """Refuses parts that can't make a VAE, as far as their shapes are known: a subclassed model's are not yet."""
    outputs, inputs = getattr(encoder, "outputs", None), getattr(decoder, "inputs", None)
    if outputs and len(outputs) != 2:
        raise ValueError(f"`encoder` must have two outputs, `mean` and `log_var`. Received: {len(outputs)}")
    if outputs:
        check_same_shape("log_var", outputs[1], "the mean's", outputs[0].shape)
    if outputs and inputs:
        check_same_shape("decoder's input", inputs[0], "the code's", outputs[0].shape)


class _UnweightedKLDivergence(KLDivergence):
    """That of an IWAE, whose bound has no β: to set one is refused, for it would change nothing."""

    @KLDivergence.weight.setter
    def weight(self, value):
        raise ValueError(f"`weight` of an `IWAE` is 1 and can't be changed. Received: weight={value!r}")


@keras.saving.register_keras_serializable(package="course_utils")
class IWAE(VAE):
    """A VAE trained on the importance-weighted bound of k codes per image, which is tighter than the ELBO.

    Call and `predict` decode a single code, as in a VAE; `fit` and `evaluate` draw k of them for the loss. Compile
    with a negative log-likelihood `(images, reconstruction)` → `(batch,)`, such as `losses.bernoulli_nll`.

    Args:
        encoder: model from images to the pair `(mean, log_var)`, each `(batch, latent_dim)`.
        decoder: model from codes `(batch, latent_dim)` to images.
        k: codes per image; with 1 the loss is the negative ELBO with the KL term of the drawn code.
        seed: of the sampling noise; random by default.

    Raises:
        ValueError: as in `VAE`; if `k` is not a positive whole number; in `fit`, if the loss is no function.

    Reference:
        Burda, Grosse & Salakhutdinov, Importance weighted autoencoders, 2016, section 3.
    """

    kl_layer = _UnweightedKLDivergence

    def __init__(self, encoder, decoder, k, seed=None, **kwargs):
        super().__init__(encoder, decoder, seed=seed, **kwargs)
        self.k = check_whole("k", k)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.check_fit(y, y_pred, sample_weight)
        # The pass through `call` goes unused but for the KL term: the compiler drops its decoder.
        self.kl_metric.update_state(self.kl_divergence.kl, sample_weight=ops.shape(y)[0])
        mean, log_var = self.encoder(x)
        shape = (ops.shape(mean)[0], self.k, mean.shape[1])
        noise = keras.random.normal(shape, dtype="float32", seed=self.sampling.seed_generator)
        distortion, rate = sampled_terms(y, mean, log_var, noise, self.decoder, self.loss)
        loss = math.log(self.k) - ops.logsumexp(-(distortion + rate), axis=1)
        return _MeanOverBatch(name="mean_over_batch")(loss, loss)

    def check_fit(self, y, y_pred, sample_weight):
        super().check_fit(y, y_pred, sample_weight)
        if not callable(self.loss) or isinstance(self.loss, keras.losses.Loss):
            raise ValueError(
                "An `IWAE` needs a `loss` that is a function (images, reconstruction) → (batch,). "
                f"Received: loss={self.loss!r}"
            )

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return {**config, "k": self.k}


class _MeanOverBatch(keras.losses.Loss):
    """The mean of what was computed already, as Keras takes it: where several devices share a batch, over them all."""

    def call(self, y_true, y_pred):
        return y_pred


@keras.saving.register_keras_serializable(package="course_utils")
class ConditionalVAE(VAE):
    """A VAE whose encoder and decoder are both told the label, so that the code need not hold it.

    Args:
        encoder: model from `[images, labels]` to the pair `(mean, log_var)`.
        decoder: model from `[codes, labels]` to images. Labels are one-hot, `(batch, n_classes)`.
        beta: non-negative factor of the KL term.
        seed: of the sampling noise; random by default.

    Raises:
        ValueError: as in `VAE`.

    Reference:
        Sohn, Lee & Yan, Learning structured output representation using deep conditional generative models, 2015.
    """

    def call(self, inputs, training=False):
        images, labels = inputs
        codes = self.sampling(self.kl_divergence(self.encoder([images, labels])))
        return self.decoder([codes, labels])


def build_dense_vae(latent_dim, *, hidden=(400, 400), activation="gelu", beta=1.0, seed=None, image_shape=(28, 28, 1)):
    """A VAE of dense layers; the decoder mirrors the encoder and ends in a sigmoid.

    >>> vae = build_dense_vae(2)
    >>> mean, log_var = vae.encoder.predict(np.zeros((5, 28, 28, 1)), verbose=0)
    >>> print(mean.shape, log_var.shape, vae.decoder.predict(mean, verbose=0).shape)
    (5, 2) (5, 2) (5, 28, 28, 1)

    What is to be exported as ONNX needs another activation, such as `"silu"`: TensorFlow makes GELU of an Erfc, which
    ONNX does not have, and `export(..., format="onnx")` then writes an invalid file in silence.

    Args:
        latent_dim: width of the code.
        hidden: widths of the encoder's hidden layers, from the image to the code.
        activation: of the hidden layers.
        beta: non-negative factor of the KL term.
        seed: of the sampling noise; random by default.
        image_shape: `(height, width, channels)`.

    Returns:
        A `VAE`.

    Raises:
        ValueError: if a width is not a positive whole number, `image_shape` has not three of them, `beta` is negative
            or not finite, or Keras is set to `channels_first`.
    """
    image_shape, latent_dim, hidden = check_widths(image_shape, latent_dim=latent_dim, hidden=hidden)
    images = keras.Input(image_shape)
    x = dense_stack(layers.Flatten()(images), hidden, activation)
    encoder = keras.Model(images, _mean_and_log_var(x, latent_dim), name="encoder")
    decoder = build_dense_decoder(latent_dim, hidden[::-1], activation, image_shape)
    return VAE(encoder, decoder, beta, seed)


def build_conditional_vae(
    latent_dim, n_classes, *, hidden=(400, 400), activation="gelu", seed=None, image_shape=(28, 28, 1)
):
    """A dense VAE that is told the class; see `build_dense_vae` for the other arguments.

    Args:
        latent_dim: width of the code.
        n_classes: number of classes, the width of the one-hot labels.

    Returns:
        A `ConditionalVAE`; call it with `[images, labels]`.

    Raises:
        ValueError: if a width is not a positive whole number, `image_shape` has not three of them, or Keras is set to
            `channels_first`.
    """
    image_shape, latent_dim, n_classes, hidden = check_widths(
        image_shape, latent_dim=latent_dim, n_classes=n_classes, hidden=hidden
    )
    images, labels = keras.Input(image_shape), keras.Input((n_classes,))
    x = layers.Concatenate()([layers.Flatten()(images), labels])
    outputs = _mean_and_log_var(dense_stack(x, hidden, activation), latent_dim)
    encoder = keras.Model([images, labels], outputs, name="encoder")

    codes, labels = keras.Input((latent_dim,)), keras.Input((n_classes,))
    joined = layers.Concatenate()([codes, labels])
    decode = build_dense_decoder(latent_dim + n_classes, hidden[::-1], activation, image_shape)
    decoder = keras.Model([codes, labels], decode(joined), name="decoder")
    return ConditionalVAE(encoder, decoder, seed=seed)


def _mean_and_log_var(x, latent_dim):
    return [layers.Dense(latent_dim, name=name, dtype="float32")(x) for name in ("mean", "log_var")]
