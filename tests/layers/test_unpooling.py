"""The unpooling family, by hand and as a whole."""

import keras
import numpy as np
import pytest
from keras import ops

from course_utils.layers import BedOfNails2D, MaxPoolingWithPositions2D, MaxUnpooling2D


def _numpy(tensor):
    return ops.convert_to_numpy(tensor)


def _image(rows):
    """A 2-D list as one image of one channel."""
    return np.float32(rows)[np.newaxis, :, :, np.newaxis]


def _plain(tensor):
    return _numpy(tensor)[0, :, :, 0].tolist()


# The unpooling family


def test_bed_of_nails_by_hand():
    assert _plain(BedOfNails2D(2)(_image([[1, 2], [3, 4]]))) == [
        [1, 0, 2, 0],
        [0, 0, 0, 0],
        [3, 0, 4, 0],
        [0, 0, 0, 0],
    ]


def test_bed_of_nails_of_three():
    assert _plain(BedOfNails2D(3)(_image([[5]]))) == [[5, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_nearest_neighbour_by_hand():
    assert _plain(keras.layers.UpSampling2D(2)(_image([[1, 2], [3, 4]]))) == [
        [1, 1, 2, 2],
        [1, 1, 2, 2],
        [3, 3, 4, 4],
        [3, 3, 4, 4],
    ]


def test_bilinear_by_hand():
    """Pixel centres: a quarter of the way from 0 to 4 is 1, three quarters is 3; the border repeats."""
    assert _plain(keras.layers.UpSampling2D(2, interpolation="bilinear")(_image([[0, 4], [8, 12]]))) == [
        [0, 1, 3, 4],
        [2, 3, 5, 6],
        [6, 7, 9, 10],
        [8, 9, 11, 12],
    ]


def test_transposed_convolution_by_hand():
    """Each value stamps its multiple of the kernel, two pixels further on."""
    kernel = np.float32([[1, 2], [3, 4]]).reshape(2, 2, 1, 1)
    layer = keras.layers.Conv2DTranspose(1, 2, strides=2, use_bias=False)
    layer.build((1, 2, 2, 1))
    layer.set_weights([kernel])
    assert _plain(layer(_image([[1, 10], [0, -1]]))) == [
        [1, 2, 10, 20],
        [3, 4, 30, 40],
        [0, 0, -1, -2],
        [0, 0, -3, -4],
    ]


IMAGE = [
    [1, 2, 6, 3],
    [3, 5, 2, 1],
    [1, 2, 2, 1],
    [7, 3, 4, 8],
]


def test_max_pooling_and_unpooling_by_hand():
    maxima, positions = MaxPoolingWithPositions2D(2)(_image(IMAGE))
    assert _plain(maxima) == [[5, 6], [7, 8]]
    assert _plain(positions) == [[3, 0], [2, 3]]
    assert _plain(MaxUnpooling2D(2)((_image([[1, 2], [3, 4]]), positions))) == [
        [0, 0, 2, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 0],
        [3, 0, 0, 4],
    ]


def test_max_pooling_round_trip_keeps_each_maximum_in_its_place():
    """Different channels and images don't mix: what comes back is the image where it is its block's maximum."""
    images = np.random.default_rng(0).standard_normal((3, 6, 9, 4)).astype(np.float32)
    maxima, positions = MaxPoolingWithPositions2D(3)(images)
    restored = _numpy(MaxUnpooling2D(3)((maxima, positions)))
    np.testing.assert_array_equal(_numpy(maxima), _numpy(keras.layers.MaxPooling2D(3)(images)))
    np.testing.assert_array_equal(restored, np.where(restored != 0, images, 0))
    assert np.count_nonzero(restored) == 3 * 2 * 3 * 4
    again, same_positions = MaxPoolingWithPositions2D(3)(np.where(restored == 0, -9, restored))
    np.testing.assert_array_equal(_numpy(again), _numpy(maxima))
    np.testing.assert_array_equal(_numpy(same_positions), _numpy(positions))


def test_of_equal_maxima_the_first_counts():
    _, positions = MaxPoolingWithPositions2D(2)(_image([[4, 4], [4, 4]]))
    assert _plain(positions) == [[0]]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a GradientTape is TensorFlow's")
def test_gradients_go_through_pooling_and_unpooling():
    import tensorflow as tf

    image = tf.Variable(_image(IMAGE))
    with tf.GradientTape() as tape:
        restored = MaxUnpooling2D(2)(MaxPoolingWithPositions2D(2)(image))
    assert _plain(tape.gradient(restored, image)) == [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]]


@pytest.mark.parametrize("layer_class", [BedOfNails2D, MaxPoolingWithPositions2D, MaxUnpooling2D])
class TestWholeFamily:
    @pytest.mark.parametrize("size", [0, -2, 1.5, "2", None])
    def test_bad_size(self, layer_class, size):
        with pytest.raises(ValueError, match=rf"`size` must be a positive whole number\. Received: size={size!r}"):
            layer_class(size)

    def test_config(self, layer_class):
        copy = layer_class.from_config(layer_class(3, name="mine").get_config())
        assert copy.size == 3 and copy.name == "mine"
        assert keras.saving.get_registered_name(layer_class) == f"course_utils>{layer_class.__name__}"

    def test_wrong_rank(self, layer_class):
        flat = np.zeros((2, 3), np.float32)
        with pytest.raises(ValueError, match=r"expected ndim=4, found ndim=2.*\(2, 3\)"):
            layer_class()((flat, flat) if layer_class is MaxUnpooling2D else flat)

    def test_symbolic_shapes(self, layer_class):
        inputs = keras.Input((4, 6, 3))
        outputs = layer_class()([inputs, inputs] if layer_class is MaxUnpooling2D else inputs)
        expected = {MaxPoolingWithPositions2D: [(None, 2, 3, 3)] * 2}.get(layer_class, [(None, 8, 12, 3)])
        assert [tuple(output.shape) for output in keras.tree.flatten(outputs)] == expected


def test_sides_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"multiples of `size`=2\. Received: \(1, 3, 4, 1\)"):
        MaxPoolingWithPositions2D(2)(np.zeros((1, 3, 4, 1), np.float32))


def test_positions_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="`positions` must have the values' shape"):
        MaxUnpooling2D()((np.zeros((1, 2, 2, 1), np.float32), np.zeros((1, 4, 4, 1), np.float32)))


@pytest.mark.parametrize("layer_class", [BedOfNails2D, MaxPoolingWithPositions2D, MaxUnpooling2D])
@pytest.mark.parametrize("shape", [(None, 6, 3), (4, None, 3), (None, None, 3)])
def test_sides_that_are_not_known_are_refused(layer_class, shape):
    inputs = keras.Input(shape)
    with pytest.raises(ValueError, match=r"must be known, as in `keras.Input\(\(28, 28, 1\)\)`\. Received .*None"):
        layer_class()([inputs, inputs] if layer_class is MaxUnpooling2D else inputs)
