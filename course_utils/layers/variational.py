"""The layers of a VAE: the KL term, also with free bits, and the random draw."""

import keras
from keras import ops

from course_utils.checks import check_non_negative, check_same_shape
from course_utils.metrics import kl_divergence


@keras.saving.register_keras_serializable(package="course_utils")
class KLDivergence(keras.layers.Layer):
    """Adds the Gaussian KL term of the ELBO to the model's loss and passes its inputs on.

    KL[N(mean, exp(log_var)) || N(0, I)], summed over latent dimensions and averaged over the batch, in nats and in
    float32 whatever comes in. The attribute `kl` holds the term of the latest batch, unweighted.

    >>> layer = KLDivergence(weight=0.5)
    >>> _ = layer((np.full((3, 2), 2.0), np.zeros((3, 2))))  # each of two dimensions is shifted by 2: 2²/2 nats
    >>> print(float(layer.kl), float(layer.losses[0]))
    4.0 2.0

    Args:
        weight: non-negative factor of the term (β of a β-VAE). The attribute of this name can be changed at any time,
            also by a callback between two epochs of a fit; it is saved and loaded with the model's weights.

    Call arguments:
        inputs: pair `(mean, log_var)`, each of shape `(batch, latent_dim)`.

    Returns:
        The same pair.

    Raises:
        ValueError: if `weight` is negative or not finite, now or later, or the inputs are no pair of one shape.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix B.
    """

    def __init__(self, weight=1.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        weight = check_non_negative("weight", weight)
        # Both are weights: a traced graph sees when they change, and JAX carries them out of a call, but no metrics.
        state = {"shape": (), "dtype": "float32", "trainable": False, "autocast": False}
        self.kl = self.add_weight(**state, initializer="zeros", name="kl")
        self.current_weight = self.add_weight(**state, initializer=keras.initializers.Constant(weight), name="weight")

    @property
    def weight(self):
        return float(str(ops.convert_to_numpy(self.current_weight)))  # 0.3, where float() makes it 0.30000001192

    @weight.setter
    def weight(self, value):
        self.current_weight.assign(check_non_negative("weight", value))

    def call(self, inputs):
        kl = ops.mean(kl_divergence(*_pair(inputs)))
        self.kl.assign(kl)
        self.add_loss(self.current_weight * kl)
        return inputs

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable(package="course_utils")
class FreeBits(KLDivergence):
    """The KL term with a floor: each unit of the code costs at least `floor` nats in the mean over the batch.

    So there is nothing to gain by silencing a unit that costs less. The attribute `kl` holds what the units do cost.

    >>> layer = FreeBits(0.5)
    >>> _ = layer((np.float32([[2.0, 0.0]]), np.zeros((1, 2), "float32")))  # of 2 nats and none
    >>> print(float(layer.kl), float(layer.losses[0]))
    2.0 2.5

    Args:
        floor: non-negative number of nats.
        weight: as in `KLDivergence`.

    Call arguments, returns, raises:
        As `KLDivergence`; and a ValueError if `floor` is negative or not finite.

    Reference:
        Kingma et al., Improving variational inference with inverse autoregressive flow, 2016, section C.8.
    """

    def __init__(self, floor, weight=1.0, **kwargs):
        super().__init__(weight, **kwargs)
        self.floor = check_non_negative("floor", floor)

    def call(self, inputs):
        mean, log_var = (ops.cast(part, "float32") for part in _pair(inputs))
        of_units = ops.mean(ops.square(mean) + ops.exp(log_var) - 1 - log_var, axis=0) / 2
        self.kl.assign(ops.sum(of_units))
        self.add_loss(self.current_weight * ops.sum(ops.maximum(of_units, self.floor)))
        return inputs

    def get_config(self):
        return {**super().get_config(), "floor": self.floor}


@keras.saving.register_keras_serializable(package="course_utils")
class Sampling(keras.layers.Layer):
    """Draws a code from N(mean, exp(log_var)) so that gradients reach both: mean + exp(log_var / 2) · noise.

    It does so in float32 whatever comes in.

    Args:
        seed: whole number, or None for a random one.

    Call arguments:
        inputs: pair `(mean, log_var)`, each of shape `(batch, latent_dim)`.

    Returns:
        Tensor `(batch, latent_dim)`.

    Raises:
        ValueError: if the inputs are no pair of one shape.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, section 2.4.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        mean, log_var = (ops.cast(part, "float32") for part in _pair(inputs))
        noise = keras.random.normal(ops.shape(mean), dtype="float32", seed=self.seed_generator)
        return mean + ops.exp(log_var / 2) * noise

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def _pair(inputs):
    """Takes `(mean, log_var)` apart; a third part, or a log-variance that would be broadcast, is refused."""
    if not isinstance(inputs, (tuple, list)) or len(inputs) != 2:
        received = len(inputs) if isinstance(inputs, (tuple, list)) else type(inputs).__name__
        raise ValueError(f"`inputs` must be the pair (mean, log_var). Received: {received}")
    mean, log_var = inputs
    check_same_shape("log_var", log_var, "the mean's", mean.shape)
    return mean, log_var
