"""Vector quantisation: each vector is replaced by the nearest of a codebook."""

import keras
from keras import layers, ops

from course_utils.checks import check_non_negative, check_whole


@keras.saving.register_keras_serializable(package="course_utils")
class VectorQuantizer(layers.Layer):
    """Replaces each vector by the nearest entry of a codebook, and teaches encoder and codebook to meet.

    Gradients go through as if nothing were replaced (*straight-through*), so the encoder gets those of the decoder's
    input. Two terms are added to the loss, both means over all numbers: β · (z - sg(e))², the *commitment* of the
    vectors z to their entries e, and (sg(z) - e)² for the codebook, where sg stops gradients. With `decay` the second
    one is left out: instead each entry is the moving average of the vectors that chose it.

    A *dead code* is an entry that no vector chooses, so nothing ever moves it. `revive_below` puts an entry whose
    average number of vectors a batch is below that number at the place of a vector of the batch, drawn at random. In
    the first batch nearly all are, so the codebook starts among the data.

    The attribute `perplexity` holds that of the latest batch: exp of the entropy of the shares of the entries, 1 if all
    vectors chose the same one and `n_codes` if all entries are in equal use. It grows with the number of vectors.

    >>> layer = VectorQuantizer(2, decay=None)
    >>> layer.build((None, 1))
    >>> _ = layer.codebook.assign([[-1.0], [1.0]])
    >>> print(ops.convert_to_numpy(layer(np.array([[0.4], [-3.0]])))[:, 0], float(layer.perplexity))
    [ 1. -1.] 2.0

    Args:
        n_codes: number K of entries.
        beta: non-negative weight β of the commitment.
        decay: of the moving averages, in (0, 1); None for a codebook that learns by gradients.
        revive_below: vectors a batch; None or 0 for no revival. Needs `decay`.
        seed: of the revival's draws; random by default.

    Call arguments:
        inputs: tensor `(..., D)`, of which D is known.
        training: whether averages and entries move.

    Returns:
        Tensor of the same shape, of the codebook's entries, in float32.

    Raises:
        ValueError: if an argument is out of its range, or `revive_below` is given without `decay`.

    Reference:
        van den Oord, Vinyals & Kavukcuoglu, Neural discrete representation learning, 2017, section 3 and appendix A.1;
        revival as in Dhariwal et al., Jukebox, 2020, section 3.1.
    """

    def __init__(self, n_codes, *, beta=0.25, decay=0.99, revive_below=None, seed=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.n_codes, self.beta = check_whole("n_codes", n_codes), check_non_negative("beta", beta)
        if decay is not None and not 0 < check_non_negative("decay", decay) < 1:
            raise ValueError(f"`decay` must lie between 0 and 1, or be None. Received: decay={decay!r}")
        self.decay, self.revive_below = decay, check_non_negative("revive_below", revive_below or 0)
        if self.revive_below and decay is None:
            raise ValueError("`revive_below` needs `decay`: without moving averages nobody counts who uses an entry")
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        state = {"dtype": "float32", "trainable": False}
        start = keras.initializers.RandomUniform(-1 / self.n_codes, 1 / self.n_codes, seed=self.seed)
        shape = (self.n_codes, input_shape[-1])
        learns = self.decay is None
        self.codebook = self.add_weight(
            shape=shape, initializer=start, name="codebook", dtype="float32", trainable=learns
        )
        self.perplexity = self.add_weight(shape=(), initializer="zeros", name="perplexity", **state)
        if not learns:
            self.counts = self.add_weight(shape=(self.n_codes,), initializer="ones", name="counts", **state)
            self.sums = self.add_weight(shape=shape, initializer="zeros", name="sums", **state)
            self.sums.assign(ops.copy(self.codebook))  # a copy: JAX would have both share their numbers

    def call(self, inputs, training=False):
        inputs = ops.cast(inputs, "float32")
        vectors = ops.reshape(inputs, (-1, inputs.shape[-1]))
        indices = self.nearest(vectors)
        chosen = ops.one_hot(indices, self.n_codes)
        entries = ops.reshape(ops.take(self.codebook, indices, axis=0), ops.shape(inputs))
        self.add_loss(self.beta * ops.mean(ops.square(inputs - ops.stop_gradient(entries))))
        if self.decay is None:
            self.add_loss(ops.mean(ops.square(ops.stop_gradient(inputs) - entries)))
        elif training:
            self._move(ops.stop_gradient(vectors), chosen)
        shares = ops.mean(chosen, axis=0)
        self.perplexity.assign(ops.exp(-ops.sum(shares * ops.log(shares + 1e-10))))
        return inputs + ops.stop_gradient(entries - inputs)

    def nearest(self, vectors):
        """The number of the nearest entry for each vector, (..., D) to (...); the lowest number of several."""
        products = ops.matmul(vectors, ops.transpose(self.codebook))
        norms = ops.sum(ops.square(self.codebook), axis=1)
        return ops.argmin(ops.subtract(norms, 2 * products), axis=-1)  # `-` would not take a symbolic tensor on JAX

    def entries(self, indices):
        """The entries with these numbers, (...) to (..., D)."""
        return ops.take(self.codebook, indices, axis=0)

    def _move(self, vectors, chosen):
        """Moves averages of counts and sums, and with them the entries; brings dead ones back."""
        counts = self.decay * self.counts + (1 - self.decay) * ops.sum(chosen, axis=0)
        sums = self.decay * self.sums + (1 - self.decay) * ops.matmul(ops.transpose(chosen), vectors)
        if self.revive_below:
            drawn = keras.random.randint((self.n_codes,), 0, ops.shape(vectors)[0], seed=self.seed_generator)
            dead = ops.cast(counts < self.revive_below, "float32")
            revived = self.revive_below * ops.take(vectors, drawn, axis=0)
            counts = (1 - dead) * counts + dead * self.revive_below
            sums = (1 - dead[:, None]) * sums + dead[:, None] * revived
        self.counts.assign(counts)
        self.sums.assign(sums)
        used = ops.expand_dims(counts > 1e-6, axis=1)  # else both are all but zero, and the entry stays where it was
        places = sums / ops.expand_dims(ops.maximum(counts, 1e-6), 1)
        self.codebook.assign(ops.where(used, places, ops.convert_to_tensor(self.codebook)))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {name: getattr(self, name) for name in ("n_codes", "beta", "decay", "seed")}
        return {**super().get_config(), **config, "revive_below": self.revive_below or None}
