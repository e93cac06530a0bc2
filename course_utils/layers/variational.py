"""The layers of a VAE: the KL term and the random draw."""

import keras
from keras import ops

from course_utils.metrics import kl_divergence


@keras.saving.register_keras_serializable(package="course_utils")
class KLDivergence(keras.layers.Layer):
    """Adds the Gaussian KL term of the ELBO to the model's loss and passes its inputs on.

    KL[N(mean, exp(log_var)) || N(0, I)], summed over latent dimensions and averaged over
    the batch, in nats. The attribute `kl` holds the term of the latest batch, unweighted.

    Args:
        weight: non-negative factor of the term (β of a β-VAE).

    Call arguments:
        inputs: pair `(mean, log_var)`, each of shape `(batch, latent_dim)`.

    Returns:
        The same pair.

    Raises:
        ValueError: if `weight` is negative.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix B.
    """

    def __init__(self, weight=1.0, **kwargs):
        super().__init__(**kwargs)
        if not weight >= 0:  # also refuses NaN
            raise ValueError(f"`weight` must be non-negative. Received: weight={weight}")
        self.weight = weight
        # A weight rather than a metric: JAX carries a layer's weights out of its call, but no metrics.
        self.kl = self.add_weight(shape=(), initializer="zeros", trainable=False, name="kl")

    def call(self, inputs):
        kl = ops.mean(kl_divergence(*inputs))
        self.kl.assign(kl)
        self.add_loss(self.weight * kl)
        return inputs

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable(package="course_utils")
class Sampling(keras.layers.Layer):
    """Draws a code from N(mean, exp(log_var)) so that gradients reach both: mean + exp(log_var / 2) · noise.

    Args:
        seed: whole number, or None for a random one.

    Call arguments:
        inputs: pair `(mean, log_var)`, each of shape `(batch, latent_dim)`.

    Returns:
        Tensor `(batch, latent_dim)`.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, section 2.4.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        mean, log_var = inputs
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + ops.exp(log_var / 2) * noise

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
