"""The layers that Keras does not have: those of a VAE, and the unpooling family."""

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


@keras.saving.register_keras_serializable(package="course_utils")
class BedOfNails2D(keras.layers.Layer):
    """Upsamples by putting each value into the upper left corner of a block of zeros.

    Args:
        size: side of the block, a positive whole number.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, size · height, size · width, channels)`.
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = _check_size(size)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        blocks = ops.reshape(inputs, (-1, height, 1, width, 1, channels))
        zeros = self.size - 1
        blocks = ops.pad(blocks, ((0, 0), (0, 0), (0, zeros), (0, 0), (0, zeros), (0, 0)))
        return ops.reshape(blocks, (-1, self.size * height, self.size * width, channels))

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="course_utils")
class MaxPoolingWithPositions2D(keras.layers.Layer):
    """Max pooling that remembers where in its block each maximum stood.

    Args:
        size: side of the block, a positive whole number.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`; height and width are multiples of `size`.

    Returns:
        Pair `(maxima, positions)`, both `(batch, height / size, width / size, channels)`. A position
        counts the places of its block row by row from 0 and is of the inputs' type.

    Raises:
        ValueError: if height or width is no multiple of `size`.

    Reference:
        Zeiler & Fergus, Visualizing and understanding convolutional networks, 2014, section 2.1 ("switches").
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = _check_size(size)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        if height % self.size or width % self.size:
            raise ValueError(f"Height and width must be multiples of `size`={self.size}. Received: {inputs.shape}")
        rows, columns = height // self.size, width // self.size
        blocks = ops.reshape(inputs, (-1, rows, self.size, columns, self.size, channels))
        blocks = ops.transpose(blocks, (0, 1, 3, 5, 2, 4))
        blocks = ops.reshape(blocks, (-1, rows, columns, channels, self.size**2))
        return ops.max(blocks, axis=-1), ops.cast(ops.argmax(blocks, axis=-1), inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="course_utils")
class MaxUnpooling2D(keras.layers.Layer):
    """Upsamples by putting each value back where its pooling layer found the maximum, zeros elsewhere.

    Args:
        size: side of the block, that of the corresponding `MaxPoolingWithPositions2D`.

    Call arguments:
        inputs: pair `(values, positions)`, both `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, size · height, size · width, channels)`.

    Raises:
        ValueError: if the shapes of the two differ.

    Reference:
        Zeiler & Fergus, Visualizing and understanding convolutional networks, 2014, section 2.1.
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = _check_size(size)
        self.input_spec = [keras.layers.InputSpec(ndim=4), keras.layers.InputSpec(ndim=4)]

    def call(self, inputs):
        values, positions = inputs
        if tuple(values.shape) != tuple(positions.shape):
            raise ValueError(f"`positions` must have the values' shape {values.shape}. Received: {positions.shape}")
        _, height, width, channels = values.shape
        chosen = ops.one_hot(ops.cast(positions, "int32"), self.size**2, dtype=values.dtype)
        blocks = ops.expand_dims(values, -1) * chosen
        blocks = ops.reshape(blocks, (-1, height, width, channels, self.size, self.size))
        blocks = ops.transpose(blocks, (0, 1, 4, 2, 5, 3))
        return ops.reshape(blocks, (-1, self.size * height, self.size * width, channels))

    def get_config(self):
        return {**super().get_config(), "size": self.size}


def _check_size(size):
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"`size` must be a positive whole number. Received: size={size}")
    return size
