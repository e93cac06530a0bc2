"""Registration: a network that says how to warp one image onto another, and an atlas that is learned with it."""

import keras
from keras import layers, ops

from course_utils.checks import check_images, check_non_negative, check_same_shape
from course_utils.layers import SpatialTransformer, VectorIntegration
from course_utils.losses import roughness, squared_error
from course_utils.models.autoencoder import check_widths
from course_utils.models.unet import build_unet


def build_registration(image_shape, *, filters=(16, 32, 32), int_steps=7):
    """A U-Net that sees two images, a velocity in pixels, its integral as displacement, and the moving image warped.

    It starts near a velocity of 0, where nothing moves. `Registration` trains it:

        network = build_registration((28, 28, 1))
        model = Registration(network, smoothness=0.01)
        model.compile("adam")
        model.fit([moving, fixed], fixed)  # or FreshBatches of ((moving, fixed), fixed): a tuple there, no list
        moved, displacement, velocity = model.predict([moving, fixed])

    >>> [output.shape for output in build_registration((28, 28, 1)).outputs]
    [(None, 28, 28, 1), (None, 28, 28, 2), (None, 28, 28, 2)]

    Args:
        image_shape: `(height, width, channels)` of both images; sides divisible by 2 at each level of the U-Net but
            the last.
        filters: channels of each level, at least two.
        int_steps: squarings of the integration; with 0 the network's output is the displacement itself, which may fold.

    Returns:
        A `keras.Model` from `[moving, fixed]` to the list `[moved, displacement, velocity]`, made by the layers of
        these names: moved(p) = moving(p + displacement(p)), the fields `(batch, height, width, 2)`, (down, right).

    Raises:
        ValueError: if a width is not a positive whole number, `filters` has fewer than two entries, `int_steps` is no
            non-negative whole number, an image side can't be halved, or Keras is set to `channels_first`.

    Reference:
        Balakrishnan, Zhao, Sabuncu, Guttag & Dalca, VoxelMorph, 2019; with integration Dalca, Balakrishnan, Guttag &
        Sabuncu, Unsupervised learning for fast probabilistic diffeomorphic registration, 2018.
    """
    image_shape, *_ = check_widths(image_shape)
    integration = VectorIntegration(int_steps, name="displacement")
    pair = [keras.Input(image_shape, name="moving"), keras.Input(image_shape, name="fixed")]
    unet = build_unet((*image_shape[:2], 2 * image_shape[2]), 2, filters=filters)
    last = unet.layers[-1].kernel
    last.assign(1e-3 * keras.random.normal(last.shape))
    velocity = layers.Identity(name="velocity", dtype="float32")(unet(layers.Concatenate()(pair)))
    displacement = integration(velocity)
    moved = SpatialTransformer(name="moved")([pair[0], displacement])
    return keras.Model(pair, [moved, displacement, velocity], name="registration")


@keras.saving.register_keras_serializable(package="course_utils")
class Registration(keras.Model):
    """Trains a registration network by how different the warped image still is and how rough the velocity is.

    The loss is the mean over the batch of `squared_error` + smoothness · `roughness`, both sums over the pixels of an
    image. Compile it with an optimizer alone; `fit` and `evaluate` report the two as `mismatch` and `roughness`.

    Args:
        network: model with the outputs `[moved, displacement, velocity]`, such as `build_registration` and
            `build_atlas` make.
        smoothness: non-negative factor of the roughness.

    Raises:
        ValueError: if `network` is no model with three outputs or `smoothness` is negative or not finite; in `fit`, if
            there are no targets or they have another shape than the images.

    Reference:
        Balakrishnan, Zhao, Sabuncu, Guttag & Dalca, VoxelMorph, 2019, section III-C.
    """

    def __init__(self, network, smoothness=0.01, **kwargs):
        super().__init__(**kwargs)
        self.network = _check_network("network", network)
        self.smoothness = check_non_negative("smoothness", smoothness)
        self.mismatch = keras.metrics.Mean(name="mismatch")
        self.roughness = keras.metrics.Mean(name="roughness")
        self.built = True

    def call(self, inputs, training=False):
        return self.network(inputs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if y is None:
            raise ValueError("`Registration` needs the fixed images as targets: write `fit([moving, fixed], fixed)`")
        moved, _, velocity = y_pred
        unlike, rough = squared_error(y, moved), roughness(velocity)
        self.mismatch.update_state(unlike)
        self.roughness.update_state(rough)
        return ops.mean(unlike) + self.smoothness * ops.mean(rough)

    def get_config(self):
        network = keras.saving.serialize_keras_object(self.network)
        return {**super().get_config(), "network": network, "smoothness": self.smoothness}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "network": keras.saving.deserialize_keras_object(config["network"])})


@keras.saving.register_keras_serializable(package="course_utils")
class Templates(keras.layers.Layer):
    """One image for each class, as weights that are learned; they stay in [0, 1].

    Args:
        initial: array in [0, 1], `(k, height, width, channels)`, where the templates start.

    Call arguments:
        inputs: one-hot classes, `(batch, k)`.

    Returns:
        Tensor `(batch, height, width, channels)`, the template of each class, float32 always.

    Raises:
        ValueError: if `initial` is no such array or has no entries, or the classes are not k.
    """

    def __init__(self, initial, **kwargs):
        super().__init__(autocast=False, **kwargs)
        check_images(initial, "initial", empty=False)
        self.initial = initial
        self.templates = self.add_weight(
            shape=initial.shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(initial, dtype),
            constraint=_UnitInterval(),
            dtype="float32",
            autocast=False,
            name="templates",
        )

    def call(self, inputs):
        check_same_shape("inputs", inputs, "the one-hot classes'", (inputs.shape[0], len(self.initial)))
        return ops.tensordot(ops.cast(inputs, "float32"), self.templates, axes=1)

    def get_config(self):
        return {**super().get_config(), "initial": self.initial}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "initial": keras.saving.deserialize_keras_object(config["initial"])})


def build_atlas(templates, registration):
    """Registers to each image the template of its class, and learns the templates with the network.

    `Registration(build_atlas(means, network))` trains both, fed with `[classes, images]` and the images as targets.
    The templates are found as the one weight of the layer "templates": `atlas.get_layer("templates").templates`.

    Args:
        templates: array in [0, 1], `(k, height, width, channels)`, where the templates start.
        registration: model from `[moving, fixed]` to `[moved, displacement, velocity]`, such as `build_registration`
            makes; its weights are shared.

    Returns:
        A `keras.Model` from `[classes, images]`, one-hot `(batch, k)` and `(batch, height, width, channels)`, to
        `[moved, displacement, velocity]`; moved is the template warped onto the image.

    Raises:
        ValueError: if `templates` is no such array, or `registration` no model of images of their shape.

    Reference:
        Dalca, Rakic, Guttag & Sabuncu, Learning conditional deformable templates with convolutional networks, 2019.
    """
    check_images(templates, "templates", empty=False)
    moved, *_ = _check_network("registration", registration).outputs
    check_same_shape("templates", templates, "the registered images'", (len(templates), *moved.shape[1:]))
    classes, images = keras.Input((len(templates),), name="classes"), keras.Input(templates.shape[1:], name="images")
    moving = Templates(templates, name="templates")(classes)
    return keras.Model([classes, images], registration([moving, images]), name="atlas")


class _UnitInterval(keras.constraints.Constraint):
    def __call__(self, weights):
        return ops.clip(weights, 0, 1)


def _check_network(argument, network):
    if not isinstance(network, keras.Model) or len(getattr(network, "outputs", ())) != 3:
        wanted = "a `keras.Model` of Keras's functional kind with the outputs [moved, displacement, velocity]"
        raise ValueError(f"`{argument}` must be {wanted}. Received: {argument}={network!r}")
    return network
