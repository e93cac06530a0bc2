"""Lesson 07, variational autoencoders: sampling, the KL term and its layer, what averaging does to β and to s."""

import keras
import numpy as np
from keras import ops

from course_utils.exercises import Prediction, as_array, as_number, exercise, fitting


def _rows(rng, n=3, shape=(5, 3)):
    """So many float32 arrays of random numbers."""
    return rng.normal(size=(n, *shape)).astype("float32")


def _samples_have_the_shape(answer):
    code = answer(np.zeros((3, 2), "float32"), np.zeros((3, 2), "float32"), np.ones((3, 2), "float32"))
    if code.shape != (3, 2):
        return f"For three codes of width 2 the result must have shape (3, 2), yours has {code.shape}."


def _no_noise_gives_the_mean(answer):
    mean = np.array([[1.5, 2.0]], "float32")
    code = answer(mean, mean, np.zeros((1, 2), "float32"))
    if not np.allclose(code, mean):
        return (
            f"If the argument `noise` is zero, the code must be the mean, {mean[0]}, yours is {code[0]}. "
            "The only randomness is in `noise`."
        )


def _scale_is_the_standard_deviation(answer):
    zero, log_var = np.zeros((1, 1), "float32"), np.log([[9.0]]).astype("float32")
    code = answer(zero, log_var, zero + 1).item()
    if not np.isclose(code, 3, rtol=1e-4):
        return (
            f"With variance 9 and noise 1 the code must lie 3 from the mean, yours lies {code:.4g} away. "
            "Which function makes a standard deviation of the log-variance?"
        )


@exercise(
    checks=[_samples_have_the_shape, _no_noise_gives_the_mean, _scale_is_the_standard_deviation],
    hint="log_var is log σ². Which power of e^log_var is σ? Use ops.exp, so that gradients pass.",
    cases=lambda rng: [_rows(rng)],
    gradients=("mean", "log_var"),
)
def reparametrise(mean, log_var, noise):
    """Code with the given mean and log-variance, made from standard normal noise; all (batch, latent_dim)."""
    return mean + ops.exp(log_var / 2) * noise


def _kl_is_one_number_per_image(answer):
    kl = answer(np.zeros((3, 2), "float32"), np.zeros((3, 2), "float32"))
    if kl.shape != (3,):
        hints = {
            (): " Did you sum over the batch as well?",
            (2,): " Did you sum over the batch, axis 0, instead of the latent dimensions, axis -1?",
            (3, 2): " Is the sum over the latent dimensions missing?",
        }
        hint = hints.get(kl.shape, "")
        return f"For three images the result must have shape (3,), yours has {kl.shape}.{hint}"


def _kl_of_the_prior_is_zero(answer):
    kl = answer(np.zeros((1, 2), "float32"), np.zeros((1, 2), "float32")).item()
    if not np.isclose(kl, 0, atol=1e-6):
        return f"KL of N(0, I), with mean 0 and log-variance 0, must be 0, yours is {kl:.4g}."


def _kl_of_a_shifted_mean(answer):
    kl = answer(np.array([[3.0, 4.0]], "float32"), np.zeros((1, 2), "float32")).item()
    if not np.isclose(kl, 12.5, rtol=1e-4):
        causes = {
            -12.5: " Is the sign turned?",
            3.5: " Is the mean squared?",
            25: " Is the factor one half missing?",
            6.25: " Did you average over the latent dimensions? They are summed.",
        }
        return f"KL of N((3, 4), I) must be (3² + 4²) / 2 = 12.5, yours is {kl:.4g}.{fitting(kl, causes)}"


def _kl_of_a_narrow_code(answer):
    log_var = np.full((1, 1), -4.0, "float32")
    kl, truth = answer(np.zeros((1, 1), "float32"), log_var).item(), (np.exp(-4) + 4 - 1) / 2
    if not np.isclose(kl, truth, rtol=1e-4):
        return (
            f"KL of N(0, exp(-4)) must be (exp(-4) + 4 - 1) / 2 = {truth:.4f}, yours is {kl:.4g}. "
            "Which terms come from the variance, and with which sign?"
        )


@exercise(
    checks=[_kl_is_one_number_per_image, _kl_of_the_prior_is_zero, _kl_of_a_shifted_mean, _kl_of_a_narrow_code],
    hint="σ² is ops.exp(log_var), and log σ² is log_var itself. Sum over the last axis only, then halve.",
    cases=lambda rng: [_rows(rng, 2), _rows(rng, 2, (2, 9))],
    gradients=("mean", "log_var"),
)
def kl_term(mean, log_var):
    """KL[N(mean, exp(log_var)) || N(0, I)] of each image, in nats; shape (batch,)."""
    return ops.sum(ops.square(mean) + ops.exp(log_var) - 1 - log_var, axis=-1) / 2


def _layer_passes_its_inputs_on(answer):
    mean, log_var = np.ones((4, 2), "float32"), np.zeros((4, 2), "float32")
    outputs = answer()([mean, log_var])
    if outputs is None:
        return "The layer's call returns None: is a `return` missing? It must return its inputs, (mean, log_var)."
    if not (isinstance(outputs, (list, tuple)) and len(outputs) == 2):
        return "The layer must return its inputs, the pair (mean, log_var), so that sampling can follow it."
    if not (np.allclose(as_array(outputs[0]), mean) and np.allclose(as_array(outputs[1]), log_var)):
        return "The layer must pass mean and log_var on unchanged; yours returns other values."


def _layer_adds_a_loss(answer):
    layer = answer()
    layer([np.ones((4, 2), "float32"), np.zeros((4, 2), "float32")])
    if not layer.losses:
        return "The layer must call self.add_loss(...); yours added 0 losses."


def _layer_averages_over_the_batch(answer):
    loss = _loss_of(answer, np.array([[3.0, 4.0], [0.0, 0.0]], "float32"), np.zeros((2, 2), "float32"))
    if not np.isclose(loss, 6.25, rtol=1e-4):
        causes = {
            12.5: " Summed over the batch? Keras sums what a loss holds: average over the batch.",
            3.125: " Averaged over the latent dimensions too?",
            -6.25: " Is the sign turned? The loss is what is made small.",
        }
        return (
            "Two images with KL 12.5 and 0 must add a loss of 6.25 nats per image, "
            f"yours adds {loss:.4g}.{fitting(loss, causes)}"
        )


def _layer_on_any_batch(answer):
    mean, log_var = _rows(np.random.default_rng(0), 2, (7, 3))
    loss, expected = (_loss_of(layer_class, mean, log_var) for layer_class in (answer, KLLayer.reference))
    if not np.isclose(loss, expected, rtol=1e-4):
        return f"Seven random codes of width 3 must add a loss of {expected:.4f} nats per image, yours adds {loss:.4f}."


def _layer_fits_into_a_model(answer):
    """Its loss must reach the weights before it, by the operations of any backend: a step of training moves them."""
    inputs = keras.Input((3,))
    both = keras.layers.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(seed=0))(inputs)
    mean, log_var = answer()([both[:, :2], both[:, 2:]])
    model = keras.Model(inputs, [mean, log_var])
    model.compile(keras.optimizers.SGD(0.1))
    kernel = as_array(model.weights[0]).copy()
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    model.train_on_batch(x)
    moved = np.abs(as_array(model.weights[0]) - kernel).max(axis=0)
    if not (np.isfinite(moved).all() and moved.min() > 0):
        return "In a model the layer's loss must move what computes mean and log_var; with yours a part stands still."


def _loss_of(layer_class, mean, log_var):
    """What the layer adds to a model's loss: all its losses, each summed, as Keras does."""
    layer = layer_class()
    layer([mean, log_var])
    return sum(float(np.sum(as_array(loss))) for loss in layer.losses)


@exercise(
    checks=[
        _layer_passes_its_inputs_on,
        _layer_adds_a_loss,
        _layer_averages_over_the_batch,
        _layer_on_any_batch,
        _layer_fits_into_a_model,
    ],
    hint="kl_term gives one number per image, add_loss wants one in all: take ops.mean. Return the inputs unchanged.",
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
            f"With the distortion divided by 784, β must be 784, yours is {beta:.4g}. "
            "Multiply the whole loss by 784: which factor then stands before the KL term?"
        )


def _latent_average_lowers_beta(answer):
    beta = answer(1, 20)
    if not np.isclose(beta, 1 / 20):
        return (
            f"With the rate divided by 20 and the distortion summed, β must be 1/20, yours is {beta:.4g}. "
            "Which division belongs to which term?"
        )


@exercise(
    checks=[_sums_leave_beta_alone, _pixel_average_raises_beta, _latent_average_lowers_beta],
    hint="The loss is D / pixels + R / latents. Multiply it by a constant that leaves D alone.",
    returns=as_number,
    cases=lambda rng: [(13, 7), (100, 3)],
)
def effective_beta(pixels, latents):
    """β of the equivalent loss D + β R, if D was divided by `pixels` and R by `latents` (1: summed, not averaged)."""
    return pixels / latents


rate_guess = Prediction(
    "rate_guess",
    "How many nats does the code carry with the pixels averaged and the rate summed?",
    "β is 784 here: a nat of the code is worth its price only if it saves 784 nats of distortion, and the average "
    "digit costs only some 200 in all. So the code is given up.",
    "What is β, and how many nats of distortion are there to save in all?",
    unit="nats per image",
    within=1,
)


def _one_pixel(answer):
    s = answer(1)
    if not np.isclose(s, np.sqrt(0.5), rtol=1e-3):
        return (
            "With one pixel, mse is (x - y)² and the Gaussian term (x - y)² / (2 s²): they agree at s = √½ = 0.7071, "
            f"yours is {s:.4g}"
        )


def _more_pixels_claim_more(answer):
    few, many = answer(50), answer(200)
    if not np.isclose(many, 2 * few, rtol=1e-3):
        return (
            "With four times the pixels, mse divides by four times as much, so s² is four times and s is twice "
            f"as large; yours goes from {few:.4g} to {many:.4g}"
        )


@exercise(
    checks=[_one_pixel, _more_pixels_claim_more],
    hint="Write mse as a sum over pixels with a factor before it. Which s gives 1 / (2 s²) that value?",
    returns=as_number,
    cases=lambda rng: [(784,), (3072,)],
)
def implied_sigma(pixels):
    """Standard deviation s of the Gaussian pixels for which the loss mse + R has the minimum of the negative ELBO."""
    return np.sqrt(pixels / 2)
