"""Exercises of lesson 02: covariance, directions from products, shares, angles, maps from distances, a start."""

import tracemalloc

import keras
import numpy as np

from course_utils.exercises import Prediction, as_array, as_arrays, as_number, as_whole, exercise


def _vectors(n=60):
    """Vectors of six correlated numbers, far from zero on average."""
    rng = np.random.default_rng(2)
    return rng.normal(size=(n, 6)) @ rng.normal(size=(6, 6)) + 3 * np.arange(6) + 5


def pca_basis(x, k):
    """The lesson's own: mean (d,), principal directions as columns (d, k), variances (k,)."""
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:k].T, s[:k] ** 2 / len(x)


def _square_matrix(covariance):
    shape = covariance(_vectors()).shape
    if shape != (6, 6):
        return f"60 vectors of 6 numbers have a covariance matrix of shape (6, 6); yours has {shape}"


def _known_covariance(covariance):
    x = _vectors()
    got, expected = covariance(x), np.cov(x.T, ddof=0)
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
    returns=as_array,
    cases=lambda rng: [(rng.normal(size=shape) + 2,) for shape in ((9, 4), (3, 5))],
)
def covariance(x):
    """Covariance matrix (d, d) of the vectors x (n, d): means over n."""
    centred = x - x.mean(axis=0)
    return centred.T @ centred / len(x)


def _few_long_vectors():
    """Seven vectors of thirty numbers, far from zero on average."""
    rng = np.random.default_rng(3)
    return rng.normal(size=(7, 30)) * np.linspace(1, 3, 30) + 4


def _two_parts(directions_from_products):
    result = directions_from_products(_few_long_vectors(), 3)
    if len(result) != 2:
        return "Two things are wanted: `return basis, variances`"
    shapes = tuple(part.shape for part in result)
    if shapes == ((7, 3), (3,)):
        return (
            "Your basis has the 7 entries of the products' eigenvectors. `centred.T @ ...` turns them into directions"
        )
    if shapes == ((3, 30), (3,)):
        return "The directions stand in the rows of your basis. Here they are its columns, shape (30, 3): transpose it"
    if shapes != ((30, 3), (3,)):
        return f"For 7 vectors of 30 numbers and k = 3 the shapes must be (30, 3) and (3,); yours are {shapes}"


def _variances_from_products(directions_from_products):
    x = _few_long_vectors()
    got, expected = directions_from_products(x, 3)[1], pca_basis(x, 3)[2]
    if np.allclose(got, len(x) * expected):
        return "These are sums over all vectors. Divide the products by n, as in the covariance matrix"
    if np.allclose(got, len(x) / (len(x) - 1) * expected):
        return "You divide by n - 1. Here all means are over n, as in the covariance matrix above"
    if np.allclose(got[::-1], expected):
        return "The largest variance comes first. `np.linalg.eigh` sorts upwards: reverse what it returns"
    if np.allclose(got, np.linalg.eigvalsh(x @ x.T / len(x))[::-1][:3]):
        return "These are the products of x itself. Subtract the mean vector first"
    if not np.allclose(got, expected):
        return f"The three largest variances are {expected.round(3)}, in this order; yours are {got.round(3)}"


def _unit_length(directions_from_products):
    lengths = np.linalg.norm(directions_from_products(_few_long_vectors(), 3)[0], axis=0)
    if not np.allclose(lengths, 1):
        return f"Each direction must have length 1; yours have the lengths {lengths.round(2)}. Divide by them"


def _same_directions(directions_from_products):
    x = _few_long_vectors()
    cosines = np.abs(np.sum(directions_from_products(x, 3)[0] * pca_basis(x, 3)[1], axis=0))
    if not np.allclose(cosines, 1, atol=1e-4):
        return f"Your directions and those of the SVD must agree but for the sign; their cosines are {cosines.round(3)}"


def _no_large_matrix(directions_from_products):
    x = np.random.default_rng(4).normal(size=(5, 1500))
    tracemalloc.start()
    try:
        directions_from_products(x, 2)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if most >= 1500**2 * x.itemsize:
        return "Of 5 vectors of 1,500 numbers yours makes a matrix of 1,500 × 1,500. One of 5 × 5 must do"


@exercise(
    checks=[_two_parts, _variances_from_products, _unit_length, _same_directions, _no_large_matrix],
    hint="With the rows of `centred`, `values, vectors = np.linalg.eigh(centred @ centred.T / n)`. Reverse both, keep "
    "k columns u, and `centred.T @ u` points along the directions. Divide each column by its length.",
    returns=as_arrays,
)
def directions_from_products(x, k):
    """First k principal directions of few long vectors x (n, d) as columns (d, k), and the variance along each (k,)."""
    centred = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(centred @ centred.T / len(x))
    columns = centred.T @ vectors[:, ::-1][:, :k]
    return columns / np.linalg.norm(columns, axis=0), values[::-1][:k]


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


def _exactly_the_share(components_for_share):
    variances = np.array([4.0, 2.0, 1.0, 1.0])  # 50%, 75%, 87.5%, 100%: exact in binary
    for share, expected in {0.5: 1, 0.75: 2, 1.0: 4}.items():
        got = components_for_share(variances, share)
        if got != expected:
            return f"{expected} of [4, 2, 1, 1] hold exactly {share:.0%}, and that is enough; yours says {got}"


def _squares_already(components_for_share):
    variances = np.array([16.0, 4.0, 4.0, 1.0])
    got = components_for_share(variances, 0.62)
    if got != 1:
        return f"16 of 25 is 64%, so one direction is enough for 62%; yours says {got}. Variances are squares already"


@exercise(
    checks=[_hand_worked_shares, _exactly_the_share, _squares_already],
    hint="`np.cumsum(variances) / np.sum(variances)` is the share of the first 1, 2, 3, … Count how many of "
    "them fall short of `share`; you need one more.",
    returns=as_whole,
    cases=lambda rng: [(np.sort(rng.exponential(size=9))[::-1], rng.random()) for _ in range(9)],
)
def components_for_share(variances, share):
    """The least number of directions that hold `share` (between 0 and 1) of all variance; largest variance first."""
    return int(np.sum(np.cumsum(variances) / np.sum(variances) < share)) + 1


def _tilted_plane(principal_angles):
    tilt = np.deg2rad(30)
    floor, roof = np.eye(3)[:, :2], np.array([[1, 0], [0, np.cos(tilt)], [0, np.sin(tilt)]])
    got = principal_angles(floor, roof)
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
        got = principal_angles(a, a @ rng.normal(size=(3, 3)))
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
    got, expected = principal_angles(a, b), np.rad2deg(subspace_angles(a, b))[::-1]
    if not np.allclose(got, expected, atol=1e-4):
        return f"For two random spaces SciPy's subspace_angles says {expected.round(2)}, yours says {got.round(2)}"


@exercise(
    checks=[_tilted_plane, _same_plane, _agrees_with_scipy],
    hint="`q, _ = np.linalg.qr(a)` makes the columns orthonormal; the same for b. The singular values of q_a.T @ q_b "
    "are the cosines, the largest first. Clip them, then np.arccos and np.rad2deg.",
    returns=as_array,
    cases=lambda rng: [rng.normal(size=(2, d, k)) for d, k in ((7, 3), (12, 5), (4, 1))],
)
def principal_angles(a, b):
    """Principal angles between the spaces that the columns of a and b (d, k) span: degrees (k,), rising."""
    q_a, q_b = np.linalg.qr(a)[0], np.linalg.qr(b)[0]
    cosines = np.linalg.svd(q_a.T @ q_b, compute_uv=False)
    return np.rad2deg(np.arccos(np.clip(cosines, 0, 1)))


def _distances(points):
    return np.linalg.norm(points[:, np.newaxis] - points, axis=-1)


def _lengths_come_back(map_from_distances):
    points = np.random.default_rng(5).normal(size=(12, 2)) * np.array([3, 1])
    wanted = _distances(points)
    result = map_from_distances(wanted, 2)
    if result.shape != (12, 2):
        return f"12 points on a map of 2 dimensions have the shape (12, 2); yours has {result.shape}"
    if not np.isfinite(result).all():
        return (
            "Your map has places that are no numbers: did you take the root of a negative eigenvalue? "
            "`eigh` puts the largest ones last"
        )
    factor = np.mean(_distances(result)) / np.mean(wanted)
    if factor < 1e-3:
        return "Your map has no size. Is the factor -1/2 there? Are the largest eigenvalues kept? `eigh` puts them last"
    if np.allclose(_distances(result), factor * wanted) and not np.isclose(factor, 1):
        cause = "Is the factor -1/2 there?"
        if np.isclose(factor, 1 / np.sqrt(len(points))):
            cause = "Did you divide by n? Here the inner products themselves are wanted"
        return f"On your map all distances are {factor:.3g} times as long as they should be. {cause}"
    if np.allclose(np.linalg.norm(result, axis=0), 1):
        return "Your columns have length 1. Each must be multiplied by the root of its eigenvalue"
    if not np.allclose(_distances(result), wanted):
        pair = f"two points at a distance of {wanted[0, 1]:.3g} are {_distances(result)[0, 1]:.3g} apart on your map"
        return (
            f"Points of a plane must keep all distances; {pair}. Are the distances squared, and both means taken off? "
            "Is the factor -1/2 there, are the largest eigenvalues kept and their roots taken?"
        )


def _largest_kept(map_from_distances):
    """In whatever order and however turned: the inner products are what counts."""
    points = np.random.default_rng(6).normal(size=(9, 4)) * np.array([1, 4, 2, 3])
    got, best = map_from_distances(_distances(points), 2), pca_basis(points, 2)
    scores = (points - best[0]) @ best[1]
    if not np.allclose(np.sum(got**2), np.sum(scores**2)):
        return (
            "Of straight-line distances the best map in the plane is PCA's, with a mean square of "
            f"{np.sum(best[2]):.4g}; yours has {np.sum(got**2) / len(points):.4g}. The largest eigenvalues come last "
            "from `eigh`"
        )
    if not np.allclose(got @ got.T, scores @ scores.T, atol=1e-6):
        return "Of straight-line distances the map must have PCA's inner products; yours hasn't"


def _any_distances(map_from_distances):
    steps = np.abs(np.arange(8) - np.arange(8)[:, np.newaxis])
    around = np.minimum(steps, 8 - steps)  # steps along a ring of eight: no flat map has these distances
    radii = np.linalg.norm(map_from_distances(around.astype(float), 2), axis=1)
    if not np.allclose(radii, radii[0]) or radii[0] == 0:
        return f"Eight points along a ring must lie on a circle; yours lie {radii.round(2)} from the middle"


@exercise(
    checks=[_lengths_come_back, _largest_kept, _any_distances],
    hint="`squares = distances**2`; take off the mean of each row and of each column, add the mean of all, multiply by "
    "-1/2: these are the inner products. With their eigenvectors as columns, multiply each by the root of its "
    "eigenvalue and keep those of the k largest.",
    returns=as_array,
)
def map_from_distances(distances, k):
    """Places (n, k) whose inner products are as near as can be to those that the given distances (n, n) imply."""
    squares = distances**2
    rows, columns = squares.mean(axis=1, keepdims=True), squares.mean(axis=0, keepdims=True)
    values, vectors = np.linalg.eigh(-(squares - rows - columns + squares.mean()) / 2)
    return vectors[:, ::-1][:, :k] * np.sqrt(values[::-1][:k].clip(0))


def _of_the_sigmoid(start_factor):
    got = start_factor(keras.activations.sigmoid)
    if np.isclose(got, 0.25, rtol=0.02):
        return "This is the sigmoid's slope, 1/4. Which factor makes up for it?"
    if np.isclose(got, 2, rtol=0.02):
        return "One over the sigmoid's value at 0 is 2. Its slope there is wanted"
    if np.isclose(got, 16, rtol=0.02):
        return "By 16 the variance must grow. By which factor do the weights themselves?"
    if abs(got) < 0.1:
        return f"Yours is {got:.4g}. A slope is a difference of two values: the sigmoid is not 0 where its input is 0"
    if not np.isclose(got, 4, rtol=0.02):
        return (
            f"For the sigmoid, with a slope of 1/4, the factor is 4; yours is {got:.4g}. Keras computes in single "
            "precision: a step of 0.01 will do, a tiny one won't"
        )


def _of_others(start_factor):
    for name, expected in {"linear": 1, "tanh": 1, "gelu": 2, "softplus": 2}.items():
        got = start_factor(getattr(keras.activations, name))
        if not np.isclose(got, expected, rtol=0.02):
            return f"For {name} the factor is {expected}, yours is {got:.4g}"


def _steep(start_factor):
    got = start_factor(lambda a: 5 * keras.ops.tanh(a) + 1)
    if not np.isclose(got, 0.2, rtol=0.02):
        return f"An activation five times as steep as tanh needs weights a fifth as large, 0.2; yours is {got:.4g}"


@exercise(
    checks=[_of_the_sigmoid, _of_others, _steep],
    hint="The slope at 0 is nearly (activation(h) - activation(-h)) / 2h for a small h such as 0.01. A layer "
    "multiplies a small signal by weight times slope: that product is to be what it is for a linear unit.",
    returns=as_number,
)
def start_factor(activation):
    """Factor by which the initial weights must grow so that the units pass on small signals as linear units do."""
    h = 0.01
    slope = (activation(np.float32(h)) - activation(np.float32(-h))) / (2 * h)
    return 1 / float(slope)


flattest = Prediction(
    "flattest",
    "On which of the four maps are most of each point's neighbours on the sheet kept?",
    "Walking distances are those on the sheet laid flat, and a map that is asked for them has to unroll it. "
    "Straight lines cut through the air, the kernel takes the next turn for near, LLE asks for weights, not lengths.",
    "Which of the four is told something that is true of the flat sheet, near and far?",
    options=("straight MDS", "walking MDS", "LLE", "kernel PCA"),
)

momentum_trains = Prediction(
    "momentum_trains",
    "Which of the two sigmoid networks does momentum bring clearly below the average digit's error?",
    "With larger initial weights a gradient arrives at the first matrices, and momentum can follow it; with small ones "
    "next to none arrives. (The quick profile may take too few steps to show it.)",
    "Look at the gradient of the first matrices. Momentum's steps are as large as the gradient says.",
    options=("neither", "only sigmoid ×4", "both"),
)
