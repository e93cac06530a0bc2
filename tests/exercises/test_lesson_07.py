"""The exercises of lesson 07 in their four states."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from course_utils.exercises import lesson_07 as ex


def test_reparametrise(check_states):
    check_states(
        ex.reparametrise,
        wrong={
            "No gradient by `log_var` comes through": lambda mean, log_var, noise: mean + np.exp(log_var / 2) * noise,
            "keras.ops": lambda mean, log_var, noise: np.array(mean) + np.exp(log_var / 2) * noise,
            "a random case": lambda mean, log_var, noise: mean + ops.exp(log_var / 2) * noise[:, :1],
            "standard deviation": lambda mean, log_var, noise: mean + ops.exp(log_var) * noise,
            "must be the mean": lambda mean, log_var, noise: ops.exp(log_var / 2) * noise,
            "shape (3, 2)": lambda mean, log_var, noise: ops.mean(mean + ops.exp(log_var / 2) * noise, axis=0),
        },
        right=[
            lambda mean, log_var, noise: ops.sqrt(ops.exp(log_var)) * noise + mean,
            lambda mean, log_var, noise: mean + tf.exp(0.5 * log_var) * noise,
            lambda mean, log_var, noise: mean + np.e ** (log_var / 2) * noise,
        ],
    )


def test_kl_term(check_states):
    def terms(mean, log_var):
        return (mean**2 + ops.exp(log_var) - 1 - log_var) / 2

    check_states(
        ex.kl_term,
        wrong={
            "yours is 0.5": lambda mean, log_var: ops.sum(mean**2 + ops.exp(log_var) - log_var, axis=-1) / 4,
            "over the batch": lambda mean, log_var: ops.sum(terms(mean, log_var)),
            "keras.ops": lambda mean, log_var: np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=-1) / 2,
            "sign turned": lambda mean, log_var: -ops.sum(terms(mean, log_var), axis=-1),
            "mean squared": lambda mean, log_var: ops.sum(mean + ops.exp(log_var) - 1 - log_var, axis=-1) / 2,
            "over the batch, axis 0": lambda mean, log_var: ops.sum(terms(mean, log_var), axis=0),
            "factor one half": lambda mean, log_var: 2 * ops.sum(terms(mean, log_var), axis=-1),
            "average over the latent dimensions": lambda mean, log_var: ops.mean(terms(mean, log_var), axis=-1),
            "exp(-4)": lambda mean, log_var: ops.sum(mean**2 + ops.exp(log_var) - 1 - log_var / 2, axis=-1) / 2,
        },
        right=[
            lambda mean, log_var: -0.5 * ops.sum(1 + log_var - mean**2 - ops.exp(log_var), axis=-1),
            lambda mean, log_var: 0.5 * tf.reduce_sum(mean**2 + tf.exp(log_var) - 1 - log_var, axis=1),
            lambda mean, log_var: tf.einsum("nd->n", terms(mean, log_var)),
        ],
    )


def layer_that(call):
    return type("KLLayer", (keras.layers.Layer,), {"call": call})


def test_kl_layer(check_states):
    kl = ex.kl_term.reference

    def untouched_call(self, inputs):
        return ...

    def raising_call(self, inputs):
        raise RuntimeError("an error of the student's own")

    def returns_none(self, inputs):
        self.add_loss(ops.mean(kl(*inputs)))

    def forgets_to_return(self, inputs):
        self.add_loss(ops.mean(kl(*inputs)))
        return inputs[0]

    def stops_gradients(self, inputs):
        self.add_loss(ops.mean(kl(inputs[0], ops.stop_gradient(inputs[1]))))
        return inputs

    def swaps(self, inputs):
        self.add_loss(ops.mean(kl(*inputs)))
        return inputs[::-1]

    def divides_by_two(self, inputs):
        self.add_loss(ops.sum(kl(*inputs)) / 2)
        return inputs

    def in_two_parts(self, inputs):
        mean, log_var = inputs
        self.add_loss(ops.mean(ops.sum(mean**2, axis=-1)) / 2)
        self.add_loss(ops.mean(ops.sum(ops.exp(log_var) - 1 - log_var, axis=-1)) / 2)
        return [mean, log_var]

    def in_tensorflow(self, inputs):
        mean, log_var = inputs
        self.add_loss(tf.reduce_mean(tf.reduce_sum(mean**2 + tf.exp(log_var) - 1 - log_var, axis=-1) / 2))
        return inputs

    def a_vector_that_sums(self, inputs):
        self.add_loss(kl(*inputs) / ops.cast(ops.shape(inputs[0])[0], "float32"))
        return inputs

    def forgets_the_loss(self, inputs):
        return inputs

    def sums_over_the_batch(self, inputs):
        self.add_loss(ops.sum(kl(*inputs)))
        return inputs

    def averages_over_latents(self, inputs):
        self.add_loss(ops.mean(kl(*inputs)) / 2)
        return inputs

    def adds_a_vector(self, inputs):
        self.add_loss(kl(*inputs))
        return inputs

    def uses_numpy(self, inputs):
        mean, log_var = inputs
        self.add_loss(ops.mean(np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=-1) / 2))
        return inputs

    def right(self, inputs):
        mean, log_var = inputs
        self.add_loss(ops.mean(kl(mean, log_var), axis=0))
        return mean, log_var

    check_states(
        ex.KLLayer,
        untouched=layer_that(untouched_call),
        raising=layer_that(raising_call),
        wrong={
            "return its inputs": layer_that(forgets_to_return),
            "added 0 losses": layer_that(forgets_the_loss),
            "is a `return` missing?": layer_that(returns_none),
            "Summed over the batch": layer_that(sums_over_the_batch),
            "latent dimensions too": layer_that(averages_over_latents),
            "average over the batch": layer_that(adds_a_vector),
            "a part stands still": layer_that(stops_gradients),
            "unchanged": layer_that(swaps),
            "Seven random codes of width 3": layer_that(divides_by_two),
        },
        right=[layer_that(right), layer_that(in_two_parts), layer_that(in_tensorflow), layer_that(a_vector_that_sums)],
    )


def test_a_layer_in_numpy_shows_its_own_error_and_line(capsys):
    def uses_numpy(self, inputs):
        mean, log_var = inputs
        self.add_loss(ops.mean(np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=-1) / 2))
        return inputs

    ex.KLLayer.check(layer_that(uses_numpy))
    line = capsys.readouterr().out
    assert "raised NotImplementedError in line" in line and "`self.add_loss(ops.mean(np.sum(" in line


def test_effective_beta(check_states):
    check_states(
        ex.effective_beta,
        wrong={
            "must stay 1": lambda pixels, latents: 784 / 20,
            "β must be 784": lambda pixels, latents: latents / pixels,
            "1/20": lambda pixels, latents: pixels * latents,
            "On a random case": lambda pixels, latents: pixels / latents if 1 in (pixels, latents) else pixels,
        },
        right=[
            lambda pixels, latents: pixels * (1 / latents),
            lambda pixels, latents: ops.divide(float(pixels), latents),
        ],
    )


def test_implied_sigma(check_states):
    check_states(
        ex.implied_sigma,
        wrong={
            "agree at s = √½": lambda pixels: pixels / 2,
            "s is twice as large": lambda pixels: np.sqrt(0.5) * pixels,
            "yours is 1": lambda pixels: np.sqrt(pixels),
        },
        right=[lambda pixels: (pixels / 2) ** 0.5, lambda pixels: ops.sqrt(pixels / 2.0)],
    )


def test_rate_guess(capsys):
    for guess, words in (
        (..., "not attempted"),
        ("much", "not a valid answer"),
        (23, "not as measured"),
        (0, "as measured"),
    ):
        ex.rate_guess.check(guess, 0.007)
        assert words in capsys.readouterr().out
