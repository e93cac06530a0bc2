"""Lesson 07, variational autoencoders: sampling, the KL term, the KL layer, and what averaging does to β."""

import keras
import numpy as np
from keras import ops

from course_utils.exercises.exercise import exercise, refuses_tensors


def _numbers(tensor):
    return ops.convert_to_numpy(tensor)


def _samples_have_the_shape(answer):
    code = _numbers(answer(np.zeros((3, 2), "float32"), np.zeros((3, 2), "float32"), np.ones((3, 2), "float32")))
    if code.shape != (3, 2):
        return f"For three codes of width 2 the result must have shape (3, 2), yours has {code.shape}."


def _no_noise_gives_the_mean(answer):
    mean = np.array([[1.5, 2.0]], "float32")
    code = _numbers(answer(mean, mean, np.zeros((1, 2), "float32")))
    if not np.allclose(code, mean):
        return (
            f"If the argument `noise` is zero, the code must be the mean, {mean[0]}, yours is {code[0]}. "
            "The only randomness is in `noise`."
        )


def _scale_is_the_standard_deviation(answer):
    zero, log_var = np.zeros((1, 1), "float32"), np.log([[9.0]]).astype("float32")
    code = float(_numbers(answer(zero, log_var, zero + 1)).item())
    if not np.isclose(code, 3, rtol=1e-4):
        return (
            f"With variance 9 and noise 1 the code must lie 3 from the mean, yours lies {code:.4g} away. "
            "Which function makes a standard deviation of the log-variance?"
        )


def _reparametrise_takes_tensors(answer):
    return refuses_tensors(answer, *(keras.Input((2,)) for _ in range(3)))


@exercise(
    checks=[
        _samples_have_the_shape,
        _no_noise_gives_the_mean,
        _scale_is_the_standard_deviation,
        _reparametrise_takes_tensors,
    ],
    hint="log_var is log σ². Which power of e^log_var is σ? Use ops.exp, so that gradients pass.",
)
def reparametrise(mean, log_var, noise):
    """Code with the given mean and log-variance, made from standard normal noise; all `(batch, latent_dim)`."""
    return mean + ops.exp(log_var / 2) * noise


def _kl_is_one_number_an_image(answer):
    kl = _numbers(answer(np.zeros((3, 2), "float32"), np.zeros((3, 2), "float32")))
    if kl.shape != (3,):
        hints = {
            (): " Did you sum over the batch as well?",
            (2,): " Did you sum over the batch, axis 0, instead of the latent dimensions, axis -1?",
            (3, 2): " Is the sum over the latent dimensions missing?",
        }
        hint = hints.get(kl.shape, "")
        return f"For three images the result must have shape (3,), yours has {kl.shape}.{hint}"


def _kl_of_the_prior_is_zero(answer):
    kl = float(_numbers(answer(np.zeros((1, 2), "float32"), np.zeros((1, 2), "float32"))).item())
    if not np.isclose(kl, 0, atol=1e-6):
        return f"KL of N(0, I), with mean 0 and log-variance 0, must be 0, yours is {kl:.4g}."


def _kl_of_a_shifted_mean(answer):
    kl = float(_numbers(answer(np.array([[3.0, 4.0]], "float32"), np.zeros((1, 2), "float32"))).item())
    if not np.isclose(kl, 12.5, rtol=1e-4):
        hints = {-12.5: "Is the sign turned?", 3.5: "Is the mean squared?", 25: "Is the factor one half missing?"}
        hints[6.25] = "Did you average over the latent dimensions? They are summed."
        hint = next((text for value, text in hints.items() if np.isclose(kl, value, rtol=1e-4)), "")
        return f"KL of N((3, 4), I) must be (3² + 4²) / 2 = 12.5, yours is {kl:.4g}. {hint}".rstrip()


def _kl_of_a_narrow_code(answer):
    log_var = np.full((1, 1), -4.0, "float32")
    kl, truth = float(_numbers(answer(np.zeros((1, 1), "float32"), log_var)).item()), (np.exp(-4) + 4 - 1) / 2
    if not np.isclose(kl, truth, rtol=1e-4):
        return (
            f"KL of N(0, exp(-4)) must be (exp(-4) + 4 - 1) / 2 = {truth:.4f}, yours is {kl:.4g}. "
            "Which terms come from the variance, and with which sign?"
        )


def _kl_takes_tensors(answer):
    return refuses_tensors(answer, keras.Input((2,)), keras.Input((2,)))


@exercise(
    checks=[
        _kl_is_one_number_an_image,
        _kl_of_the_prior_is_zero,
        _kl_of_a_shifted_mean,
        _kl_of_a_narrow_code,
        _kl_takes_tensors,
    ],
    hint="σ² is ops.exp(log_var), and log σ² is log_var itself. Sum over the last axis only, then halve.",
)
def kl_term(mean, log_var):
    """KL[N(mean, exp(log_var)) || N(0, I)] of each image, in nats; shape (batch,)."""
    return ops.sum(ops.square(mean) + ops.exp(log_var) - 1 - log_var, axis=-1) / 2


def _layer_passes_its_inputs_on(answer):
    mean, log_var = np.ones((4, 2), "float32"), np.zeros((4, 2), "float32")
    outputs = answer()([mean, log_var])
    if not (isinstance(outputs, (list, tuple)) and len(outputs) == 2):
        return "The layer must return its inputs, the pair (mean, log_var), so that sampling can follow it."
    if not (np.allclose(_numbers(outputs[0]), mean) and np.allclose(_numbers(outputs[1]), log_var)):
        return "The layer must pass mean and log_var on unchanged; yours returns other values."


def _layer_adds_one_loss(answer):
    losses = _losses_of(answer, np.ones((4, 2), "float32"), np.zeros((4, 2), "float32"))
    if len(losses) != 1:
        return f"The layer must call self.add_loss(...) once, yours added {len(losses)} losses."
    if losses[0].shape != ():
        return f"The added loss must be a single number, yours has shape {losses[0].shape}. Average over the batch."


def _layer_averages_over_the_batch(answer):
    mean = np.array([[3.0, 4.0], [0.0, 0.0]], "float32")
    loss = float(_losses_of(answer, mean, np.zeros((2, 2), "float32"))[0])
    if not np.isclose(loss, 6.25, rtol=1e-4):
        hints = {
            12.5: " Summed over the batch?",
            3.125: " Averaged over the latent dimensions too?",
            -6.25: " Is the sign turned? The loss is what is made small.",
        }
        hint = next((text for value, text in hints.items() if np.isclose(loss, value, rtol=1e-4)), "")
        return f"Two images with KL 12.5 and 0 must add a loss of 6.25 nats per image, yours adds {loss:.4g}.{hint}"


def _layer_takes_symbolic_inputs(answer):
    try:
        answer()([keras.Input((2,)), keras.Input((2,))])
    except Exception:
        return "It works on arrays only. Use keras.ops and your kl_term in call, so that a model can hold it."


def _losses_of(layer_class, mean, log_var):
    layer = layer_class()
    layer([mean, log_var])
    return [_numbers(loss) for loss in layer.losses]


@exercise(
    checks=[
        _layer_passes_its_inputs_on,
        _layer_adds_one_loss,
        _layer_averages_over_the_batch,
        _layer_takes_symbolic_inputs,
    ],
    hint="kl_term gives one number an image, add_loss wants one in all: take ops.mean. Return the inputs unchanged.",
)
class KLLayer(keras.layers.Layer):
    """Adds the KL term, averaged over the batch, to the model's loss and passes (mean, log_var) on."""

    def call(self, inputs):
        mean, log_var = inputs
        self.add_loss(ops.mean(kl_term.reference(mean, log_var)))
        return inputs


def _sums_leave_beta_alone(answer):
    beta = answer(1, 1)
    if not np.isclose(beta, 1):
        return f"If nothing is averaged, β must stay 1, yours is {beta:.4g}."


def _pixel_average_raises_beta(answer):
    beta = answer(784, 1)
    if not np.isclose(beta, 784):
        return (
            f"With the reconstruction divided by 784, β must be 784, yours is {beta:.4g}. "
            "Multiply the whole loss by 784: which factor then stands before the KL term?"
        )


def _latent_average_lowers_beta(answer):
    beta = answer(1, 20)
    if not np.isclose(beta, 1 / 20):
        return (
            f"With the KL term divided by 20 and the reconstruction summed, β must be 1/20, yours is {beta:.4g}. "
            "Which division belongs to which term?"
        )


@exercise(
    checks=[_sums_leave_beta_alone, _pixel_average_raises_beta, _latent_average_lowers_beta],
    hint="The loss is R / pixels + K / latents. Multiply it by a constant that leaves R alone.",
)
def effective_beta(pixels, latents):
    """β of the equivalent loss R + β K, if R was divided by `pixels` and K by `latents` (1: summed, not averaged)."""
    return pixels / latents
