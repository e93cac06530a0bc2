"""The exercises of lesson 07 in their four states."""

import keras
import numpy as np
from keras import ops

from course_utils.exercises import lesson_07 as ex


def test_reparametrise(check_states):
    check_states(
        ex.reparametrise,
        wrong={
            "keras.ops": lambda mean, log_var, noise: mean + np.exp(log_var / 2) * noise,
            "standard deviation": lambda mean, log_var, noise: mean + ops.exp(log_var) * noise,
            "must be the mean": lambda mean, log_var, noise: ops.exp(log_var / 2) * noise,
            "shape (3, 2)": lambda mean, log_var, noise: ops.mean(mean + ops.exp(log_var / 2) * noise, axis=0),
        },
        correct=lambda mean, log_var, noise: ops.sqrt(ops.exp(log_var)) * noise + mean,
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
        correct=lambda mean, log_var: -0.5 * ops.sum(1 + log_var - mean**2 - ops.exp(log_var), axis=-1),
    )


def layer_that(call):
    return type("KLLayer", (keras.layers.Layer,), {"call": call})


def test_kl_layer(check_states):
    kl = ex.kl_term.reference

    def untouched_call(self, inputs):
        return ...

    def raising_call(self, inputs):
        raise RuntimeError("an error of the student's own")

    def forgets_to_return(self, inputs):
        self.add_loss(ops.mean(kl(*inputs)))

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
            "keras.ops": layer_that(uses_numpy),
            "Summed over the batch": layer_that(sums_over_the_batch),
            "latent dimensions too": layer_that(averages_over_latents),
            "Average over the batch": layer_that(adds_a_vector),
        },
        correct=layer_that(right),
    )


def test_effective_beta(check_states):
    check_states(
        ex.effective_beta,
        wrong={
            "must stay 1": lambda pixels, latents: 784 / 20,
            "β must be 784": lambda pixels, latents: latents / pixels,
            "1/20": lambda pixels, latents: pixels * latents,
        },
        correct=lambda pixels, latents: pixels * (1 / latents),
    )
