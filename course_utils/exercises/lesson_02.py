"""Exercises of lesson 02: covariance, PCA's basis, shares of variance, principal angles, a mirrored network."""

import keras
import numpy as np
from keras import layers

from course_utils.exercises import exercise, is_affine
from course_utils.models import Autoencoder


def _vectors(n=60):
    """Vectors of six correlated numbers, far from zero on average."""
    rng = np.random.default_rng(2)
    return rng.normal(size=(n, 6)) @ rng.normal(size=(6, 6)) + 3 * np.arange(6) + 5


def _square_matrix(covariance):
    shape = np.shape(covariance(_vectors()))
    if shape != (6, 6):
        return f"60 vectors of 6 numbers have a covariance matrix of shape (6, 6); yours has {shape}"


def _known_covariance(covariance):
    x = _vectors()
    got, expected = np.asarray(covariance(x)), np.cov(x.T, ddof=0)
    if not np.array_equal(x, _vectors()):
        return "Your function changes x itself (`x -= ...`). Make a new array: `centred = x - x.mean(axis=0)`"
    overall = x - x.mean()
    if np.allclose(got, overall.T @ overall / len(x)):
        return "You subtract one mean of all numbers. Each column has its own: `x.mean(axis=0)`"
    if np.allclose(got, np.corrcoef(x.T)):
        return "This is the correlation matrix. Do not divide by the standard deviations"
    if np.allclose(got, x.T @ x / len(x)):
        return "This is the mean of the products themselves. Subtract the mean vector first"
    if np.allclose(got, len(x) * expected):
        return "This is the sum over all vectors. Divide by their number n"
    if np.allclose(got, np.cov(x.T)):
        return "You divide by n - 1. Here all means are over n, so that the variances add up to the mean squared error"
    if not np.allclose(got, expected):
        return f"The first number's variance is {expected[0, 0]:.4g}; the corner of your matrix is {got[0, 0]:.4g}"


@exercise(
    checks=[_square_matrix, _known_covariance],
    hint="Subtract `x.mean(axis=0)`, then `centred.T @ centred` adds up all products of two columns. Divide by len(x).",
)
def covariance(x):
    """Covariance matrix `(d, d)` of the vectors `x` `(n, d)`: means over n."""
    centred = x - x.mean(axis=0)
    return centred.T @ centred / len(x)


def _three_parts(pca_basis):
    result = pca_basis(_vectors(), 2)
    if not isinstance(result, tuple) or len(result) != 3:
        return "Three things are wanted: `return mean, basis, variances`"
    shapes = tuple(np.shape(part) for part in result)
    if shapes == ((6,), (2, 6), (2,)):
        return "The directions stand in the rows of your basis. Here they are its columns, shape (6, 2): transpose it"
    if shapes != ((6,), (6, 2), (2,)):
        return f"For vectors of 6 numbers and k = 2 the shapes must be (6,), (6, 2) and (2,); yours are {shapes}"


def _mean_vector(pca_basis):
    x = _vectors()
    if not np.allclose(pca_basis(x, 2)[0], x.mean(axis=0)):
        return "The first result must be the mean vector, `x.mean(axis=0)`"


def _orthonormal(pca_basis):
    basis = np.asarray(pca_basis(_vectors(), 3)[1])
    if not np.allclose(basis.T @ basis, np.eye(3)):
        lengths = np.linalg.norm(basis, axis=0)
        return (
            f"The columns must be orthonormal, basis.T @ basis = I; yours have the lengths {lengths.round(3)}. "
            "Singular values belong to the variances, not into the basis"
        )


def _eigenvectors(pca_basis):
    x = _vectors()
    basis, matrix = np.asarray(pca_basis(x, 2)[1]), np.cov(x.T, ddof=0)
    from_raw = np.linalg.svd(x, full_matrices=False)[2][:2].T
    if np.allclose(np.abs(basis.T @ from_raw), np.eye(2)):
        return "These are the directions of x itself; the first points at the mean. Centre x before the SVD"
    stretched = matrix @ basis
    if not np.allclose(stretched, basis * np.sum(basis * stretched, axis=0)):
        return (
            "The covariance matrix must only stretch each direction, not turn it. "
            "NumPy's SVD returns (u, s, vt): are your directions the first rows of vt?"
        )


def _variances(pca_basis):
    x = _vectors()
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, ddof=0))  # smallest first
    got, expected = np.asarray(pca_basis(x, 2)[2]), eigenvalues[::-1][:2]
    if np.allclose(got, np.sqrt(len(x) * expected)):
        return "These are the singular values s. The variance along a direction is s² / n"
    if np.allclose(got, len(x) * expected):
        return "These are s², sums over all vectors. Divide by their number n"
    if np.allclose(got, len(x) / (len(x) - 1) * expected):
        return "You divide by n - 1. Here all means are over n, as in the covariance matrix above"
    if np.allclose(got, eigenvalues[:2]):
        return "These are the smallest variances. `np.linalg.eigh` sorts them upwards: take the last k, reversed"
    if not np.allclose(got, expected):
        return f"The two largest variances are {expected.round(3)}, in this order; yours are {got.round(3)}"


@exercise(
    checks=[_three_parts, _mean_vector, _orthonormal, _eigenvectors, _variances],
    hint="`u, s, vt = np.linalg.svd(x - mean, full_matrices=False)`. The rows of vt are the directions, the most "
    "important first; the columns of vt.T, then. Along each the variance is s² / n.",
)
def pca_basis(x, k):
    """Mean `(d,)`, the first k principal directions as columns `(d, k)`, and the variance along each `(k,)`."""
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:k].T, s[:k] ** 2 / len(x)


def _hand_worked_shares(components_for_share):
    variances = np.array([4.0, 3.0, 2.0, 1.0])  # 40%, 70%, 90%, 100%
    if components_for_share(variances, 0.5) == components_for_share(variances, 0.95) == 1:
        return "One of the variances [4, 3, 2, 1] is not 95% of all. Divide by their sum; the share 0.95 is 95%"
    for share, expected in {0.3: 1, 0.5: 2, 0.75: 3, 0.95: 4}.items():
        got = components_for_share(variances, share)
        if got == expected - 1:
            return (
                f"{got} of the variances [4, 3, 2, 1] hold less than {share:.0%}: one more is needed. Counted from 0?"
            )
        if got != expected:
            return f"Of the variances [4, 3, 2, 1], {expected} make up {share:.0%} or more; yours says {got}"


def _squares_already(components_for_share):
    variances = np.array([16.0, 4.0, 4.0, 1.0])
    got = components_for_share(variances, 0.62)
    if got != 1:
        return f"16 of 25 is 64%, so one direction is enough for 62%; yours says {got}. Variances are squares already"


@exercise(
    checks=[_hand_worked_shares, _squares_already],
    hint="`np.cumsum(variances) / np.sum(variances)` is the share of the first 1, 2, 3, … Count how many of "
    "them fall short of `share`; you need one more.",
)
def components_for_share(variances, share):
    """The least number of directions that hold `share` (between 0 and 1) of all variance; largest variance first."""
    return int(np.sum(np.cumsum(variances) / np.sum(variances) < share)) + 1


def _tilted_plane(principal_angles):
    tilt = np.deg2rad(30)
    floor, roof = np.eye(3)[:, :2], np.array([[1, 0], [0, np.cos(tilt)], [0, np.sin(tilt)]])
    got = np.asarray(principal_angles(floor, roof), dtype=float)
    if got.shape != (2,):
        return f"Two planes have two principal angles, shape (2,); yours has shape {got.shape}"
    if np.allclose(got, [0, tilt], atol=1e-6):
        return "These are radians. Return degrees: np.rad2deg"
    if np.allclose(got, [30, 0], atol=1e-4):
        return "The smallest angle comes first: [0, 30], not [30, 0]"
    if not np.allclose(got, [0, 30], atol=1e-4):
        return f"A floor and a roof tilted by 30° about an edge that they share: expected [0, 30], got {got.round(3)}"


def _same_plane(principal_angles):
    rng = np.random.default_rng(0)
    for _ in range(20):
        a = rng.normal(size=(6, 3))
        with np.errstate(invalid="ignore"):
            got = np.asarray(principal_angles(a, a @ rng.normal(size=(3, 3))))
        if np.isnan(got).any():
            return "A singular value of 1 + 1e-16 has no arccos: clip the singular values to [0, 1] first (np.clip)"
        if not np.allclose(got, 0, atol=1e-3):
            return (
                "Two bases of one and the same space must give only zeros, "
                f"yours gives {got.round(2)}. Make the columns of each orthonormal (np.linalg.qr), and don't compare "
                "column by column: the singular values of q_a.T @ q_b find the directions that fit"
            )


def _agrees_with_scipy(principal_angles):
    from scipy.linalg import subspace_angles

    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 9, 4))
    got, expected = np.asarray(principal_angles(a, b)), np.rad2deg(subspace_angles(a, b))[::-1]
    if not np.allclose(got, expected, atol=1e-4):
        return f"For two random spaces SciPy's subspace_angles says {expected.round(2)}, yours says {got.round(2)}"


@exercise(
    checks=[_tilted_plane, _same_plane, _agrees_with_scipy],
    hint="`q, _ = np.linalg.qr(a)` makes the columns orthonormal; the same for b. The singular values of q_a.T @ q_b "
    "are the cosines, the largest first. Clip them, then np.arccos and np.rad2deg.",
)
def principal_angles(a, b):
    """Principal angles between the spaces that the columns of `a` and `b` `(d, k)` span: degrees `(k,)`, rising."""
    q_a, q_b = np.linalg.qr(a)[0], np.linalg.qr(b)[0]
    cosines = np.linalg.svd(q_a.T @ q_b, compute_uv=False)
    return np.rad2deg(np.arccos(np.clip(cosines, 0, 1)))


def _points(n, width=12):
    return np.random.default_rng(0).normal(size=(n, width)).astype(np.float32)


def _kernels(model):
    return [weight for weight in model.weights if len(weight.shape) == 2]


def _mirrored_shapes(build_mirrored):
    model = build_mirrored((12, 9, 7, 2), "relu", "linear")
    if not hasattr(model, "encoder") or not hasattr(model, "decoder"):
        return f"The result must be `Autoencoder(encoder, decoder)`; yours is a {type(model).__name__}"
    expected = {"encoder": [(12, 9), (9, 7), (7, 2)], "decoder": [(2, 7), (7, 9), (9, 12)]}
    for part, shapes in expected.items():
        got = [tuple(weight.shape) for weight in _kernels(getattr(model, part))]
        if not got:
            return f"The {part} has no weights yet: begin its `keras.Sequential` with `keras.Input((widths[0],))`"
        if got != shapes:
            return f"For widths (12, 9, 7, 2) the {part}'s weight matrices must be {shapes}; yours are {got}"


def _code_is_linear(build_mirrored):
    model = build_mirrored((12, 40, 30, 8), "relu", "sigmoid")  # wide enough for codes of both signs
    codes = keras.ops.convert_to_numpy(model.encoder(1e6 * _points(50)))
    if codes.min() >= -1 or codes.max() <= 1:
        return (
            f"The code takes any value, so it has no activation; yours is from {codes.min():.3g} to {codes.max():.3g}"
        )


def _output_as_told(build_mirrored):
    for output, bounded in (("sigmoid", True), ("linear", False)):
        model = build_mirrored((12, 9, 7, 2), "relu", output)
        result = keras.ops.convert_to_numpy(model.decoder(1000 * _points(50, 2)))
        if (result.min() >= 0 and result.max() <= 1) != bounded:
            return (
                f"With output='{output}' the last layer must {'stay in' if bounded else 'leave'} [0, 1], yours doesn't"
            )


def _activations_as_told(build_mirrored):
    for activation, affine in (("relu", False), ("linear", True)):
        model = build_mirrored((12, 9, 7, 2), activation, "linear")
        for name, part, point in (("encoder", model.encoder, _points(1)), ("decoder", model.decoder, _points(1, 2))):
            if is_affine(part, 1e5 * point, -1e5 * point, ends_in_sigmoid=False) != affine:
                return f"With activation='{activation}' the {name} must {'' if affine else 'not '}be one linear map"


def _biases(build_mirrored):
    got, expected = build_mirrored((12, 9, 7, 2), "relu", "linear").count_params(), 416
    if got != expected:
        return f"With a bias in each layer, widths (12, 9, 7, 2) make {expected} parameters; yours has {got}"


@exercise(
    checks=[_mirrored_shapes, _code_is_linear, _output_as_told, _activations_as_told, _biases],
    hint="A helper `stack(widths, last)` that returns a `keras.Sequential` serves both halves: the encoder is "
    "stack(widths, 'linear'), the decoder stack(widths[::-1], output). Each begins with keras.Input((widths[0],)).",
)
def build_mirrored(widths, activation, output):
    """Dense autoencoder of vectors: `widths` from input to code, and back; `output` is the last activation."""

    def stack(widths, last):
        model = keras.Sequential([keras.Input((widths[0],))])
        for i, width in enumerate(widths[1:], start=2):
            model.add(layers.Dense(width, activation if i < len(widths) else last))
        return model

    return Autoencoder(stack(widths, "linear"), stack(widths[::-1], output))
