"""The exercises of lesson 02 in all four states."""

import numpy as np
import tensorflow as tf
from keras import ops

from course_utils.exercises import lesson_02 as ex


def test_covariance(check_states):
    def in_place(x):
        x -= x.mean(axis=0)
        return x.T @ x / len(x)

    check_states(
        ex.covariance,
        wrong={
            "yours has (60, 60)": lambda x: (x - x.mean(axis=0)) @ (x - x.mean(axis=0)).T / len(x),
            "Subtract the mean vector": lambda x: x.T @ x / len(x),
            "the sum over all vectors": lambda x: (x - x.mean(axis=0)).T @ (x - x.mean(axis=0)),
            "You divide by n - 1": lambda x: np.cov(x.T),
            "changes its argument `x` in place": in_place,
            "Numbers are expected": lambda x: "covariance",
            "one mean of all numbers": lambda x: (x - x.mean()).T @ (x - x.mean()) / len(x),
            "the correlation matrix": lambda x: np.corrcoef(x.T),
            "the corner of your matrix": lambda x: np.cov((x - x.mean()).T / x.std(axis=0)[:, None]),
        },
        right=[
            lambda x: np.cov(x, rowvar=False, bias=True),
            lambda x: ops.matmul(ops.transpose(x - ops.mean(x, axis=0)), x - ops.mean(x, axis=0)) / len(x),
            lambda x: np.cov(x.T, ddof=0).tolist(),
            lambda x: tf.matmul(x - x.mean(axis=0), x - x.mean(axis=0), transpose_a=True) / len(x),
        ],
    )


def by_products(x, k, *, centre=True, divisor=None):
    centred = x - x.mean(axis=0) if centre else x
    values, vectors = np.linalg.eigh(centred @ centred.T / (divisor or len(x)))
    columns = centred.T @ vectors[:, ::-1][:, :k]
    return columns / np.linalg.norm(columns, axis=0), values[::-1][:k]


def by_svd(x, k):
    _, s, vt = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    return vt[:k].T, s[:k] ** 2 / len(x)


def test_directions_from_products(check_states):
    def products_themselves(x, k):
        vectors = np.linalg.eigh(np.cov(x, ddof=0))[1]
        return vectors[:, ::-1][:, :k], by_svd(x, k)[1]

    def not_scaled(x, k):
        basis, variances = by_products(x, k)
        return basis * np.sqrt(len(x) * variances), variances

    def by_covariance(x, k):
        values, vectors = np.linalg.eigh(np.cov(x.T, ddof=0))
        return vectors[:, ::-1][:, :k], values[::-1][:k]

    def with_scikit_learn(x, k):
        from sklearn.decomposition import PCA

        fitted = PCA(k, svd_solver="full").fit(x)
        return fitted.components_.T.tolist(), fitted.explained_variance_ * (len(x) - 1) / len(x)

    check_states(
        ex.directions_from_products,
        wrong={
            "Several things": lambda x, k: by_products(x, k)[0],
            "Two things are wanted": lambda x, k: (x.mean(axis=0), *by_products(x, k)),
            "the 7 entries of the products' eigenvectors": products_themselves,
            "transpose it": lambda x, k: (by_products(x, k)[0].T, by_products(x, k)[1]),
            "the shapes must be": lambda x, k: by_products(x, k + 1),
            "sums over all vectors": lambda x, k: by_products(x, k, divisor=1),
            "You divide by n - 1": lambda x, k: by_products(x, k, divisor=len(x) - 1),
            "The largest variance comes first": lambda x, k: (by_products(x, k)[0], by_products(x, k)[1][::-1]),
            "Subtract the mean vector": lambda x, k: by_products(x, k, centre=False),
            "The three largest variances": lambda x, k: (by_products(x, k)[0], by_products(x, k)[1] ** 0.5),
            "must have length 1": not_scaled,
            "their cosines are": lambda x, k: (by_products(x, k)[0][:, ::-1], by_products(x, k)[1]),
            "One of 5 × 5 must do": by_covariance,
        },
        right=[
            by_svd,
            with_scikit_learn,
            lambda x, k: [ops.convert_to_tensor(part) for part in by_products(x, k)],
        ],
    )


def test_components_for_share(check_states):
    def shares(variances):
        return np.cumsum(variances) / np.sum(variances)

    check_states(
        ex.components_for_share,
        wrong={
            "Counted from 0?": lambda variances, share: np.searchsorted(shares(variances), share),
            "make up 30% or more": lambda variances, share: np.sum(shares(variances) > share),
            "Divide by their sum": lambda variances, share: int(np.sum(np.cumsum(variances) < share)) + 1,
            "the share 0.95 is 95%": lambda variances, share: int(np.sum(100 * shares(variances) < share)) + 1,
            "exactly 50%, and that is enough": lambda variances, share: int(np.sum(shares(variances) <= share)) + 1,
            "A whole number is expected": lambda variances, share: share * len(variances) + 0.01,
            "squares already": lambda variances, share: (
                np.searchsorted(shares(variances if variances[0] < 16 else variances**0.5), share) + 1
            ),
        },
        right=[
            lambda variances, share: next(k for k, s in enumerate(shares(variances), start=1) if s >= share),
            lambda variances, share: np.searchsorted(shares(variances), share) + 1.0,
            lambda variances, share: ops.sum(ops.cast(ops.cumsum(variances) < share * ops.sum(variances), "int32")) + 1,
            lambda variances, share: np.argmax(np.array([*shares(variances), 1.0]) >= share) + 1,
        ],
    )


def test_principal_angles(check_states):
    from scipy.linalg import subspace_angles

    def cosines(a, b, clip=True, basis=lambda x: np.linalg.qr(x)[0]):
        s = np.linalg.svd(basis(a).T @ basis(b), compute_uv=False)
        return np.clip(s, 0, 1) if clip else s

    def degrees(s):
        return np.rad2deg(np.arccos(s))

    def unit_columns(x):
        return x / np.linalg.norm(x, axis=0)

    def column_by_column(a, b):
        return degrees(np.clip(np.sum(unit_columns(a) * unit_columns(b), axis=0), -1, 1))

    check_states(
        ex.principal_angles,
        wrong={
            "shape (2,); yours has shape ()": lambda a, b: degrees(cosines(a, b)).max(),
            "These are radians": lambda a, b: np.arccos(cosines(a, b)),
            "The smallest angle comes first": lambda a, b: degrees(cosines(a, b))[::-1],
            "expected [0, 30]": lambda a, b: np.rad2deg(np.arcsin(cosines(a, b))),
            "clip the singular values": lambda a, b: degrees(cosines(a, b, clip=False)),
            "orthonormal (np.linalg.qr)": lambda a, b: degrees(cosines(a, b, basis=unit_columns)),
            "one and the same space": column_by_column,
            "SciPy's subspace_angles": lambda a, b: degrees(cosines(a, b)) * (len(a) != 9),
        },
        right=[
            lambda a, b: np.rad2deg(subspace_angles(a, b))[::-1],
            lambda a, b: [float(angle) for angle in degrees(cosines(a, b))],
            lambda a, b: ops.convert_to_tensor(
                degrees(cosines(a, b, basis=lambda x: np.linalg.svd(x)[0][:, : x.shape[1]]))
            ),
        ],
    )


def test_map_from_distances(check_states):
    def places(distances, k, *, factor=-0.5, power=2, root=True, smallest=False, centre=True):
        squares = distances**power
        if centre:
            squares = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, np.newaxis] + squares.mean()
        values, vectors = np.linalg.eigh(factor * squares)
        chosen = slice(0, k) if smallest else slice(-1, -k - 1, -1)
        return vectors[:, chosen] * (np.sqrt(np.abs(values[chosen])) if root else 1)

    def of_all_roots(distances, k):
        squares = distances**2
        products = -(squares - squares.mean(axis=0) - squares.mean(axis=1)[:, np.newaxis] + squares.mean()) / 2
        values, vectors = np.linalg.eigh(products - 1e-9 * np.eye(len(products)))
        return (vectors * np.sqrt(values))[:, ::-1][:, [*range(k - 1), -1]]

    def centred_by_a_matrix(distances, k):
        j = np.eye(len(distances)) - 1 / len(distances)
        u, s, _ = np.linalg.svd(-j @ distances**2 @ j / 2, hermitian=True)
        return u[:, :k] * np.sqrt(s[:k])

    def from_a_corner(distances, k):
        """Inner products as seen from the first point, centred afterwards."""
        to_first = distances[0] ** 2
        products = (to_first + to_first[:, np.newaxis] - distances**2) / 2
        j = np.eye(len(distances)) - 1 / len(distances)
        values, vectors = np.linalg.eigh(j @ products @ j)
        return ops.convert_to_tensor((vectors * np.sqrt(np.abs(values)))[:, ::-1][:, :k])

    check_states(
        ex.map_from_distances,
        wrong={
            "yours has (12, 12)": lambda distances, k: places(distances, len(distances)),
            "the root of a negative eigenvalue": of_all_roots,
            "1.41 times as long as they should be": lambda distances, k: places(distances, k, factor=-1),
            "Did you divide by n": lambda distances, k: places(distances, k) / np.sqrt(len(distances)),
            "Your columns have length 1": lambda distances, k: places(distances, k, root=False),
            "Are the distances squared": lambda distances, k: places(distances, k, power=1),
            "both means taken off": lambda distances, k: places(distances, k, centre=False),
            "Your map has no size": lambda distances, k: places(distances, k, smallest=True),
            "must have PCA's inner products": lambda distances, k: places(distances, k)[
                :: -1 if len(distances) == 9 else 1
            ],
            "come last from `eigh`": lambda distances, k: (
                places(distances, k) if len(distances) != 9 else places(distances, 4)[:, 2:]
            ),
            "must lie on a circle": lambda distances, k: places(distances, k) * (len(distances) != 8),
        },
        right=[
            places,
            centred_by_a_matrix,
            from_a_corner,
            lambda distances, k: np.flip(places(distances, k), axis=1),
            lambda distances, k: places(distances, k) @ np.linalg.qr(np.random.default_rng(0).normal(size=(k, k)))[0],
        ],
    )


def test_start_factor(check_states):
    def by_tape(activation):
        zero = tf.constant(0.0)
        with tf.GradientTape() as tape:
            tape.watch(zero)
            value = activation(zero)
        return 1 / tape.gradient(value, zero)

    def slope(activation, h=1e-2):
        return (float(activation(np.float32(h))) - float(activation(np.float32(-h)))) / (2 * h)

    check_states(
        ex.start_factor,
        wrong={
            "the sigmoid's slope, 1/4": slope,
            "One over the sigmoid's value": lambda activation: 1 / float(activation(np.float32(0))),
            "the variance must grow": lambda activation: 1 / slope(activation) ** 2,
            "A slope is a difference of two values": lambda activation: 0.01 / float(activation(np.float32(0.01))),
            "the factor is 4; yours is": lambda activation: 1.3 / slope(activation),
            "For linear the factor is 1": lambda activation: 4,
            "For gelu the factor is 2": lambda activation: 4 if slope(activation) < 0.3 else 1,
            "five times as steep": lambda activation: max(1, 1 / slope(activation)),
            "Numbers are expected": lambda activation: "4",
        },
        right=[
            by_tape,
            lambda activation: 1 / ((activation(0.02) - activation(0.0)) / 0.02),
            lambda activation: np.array([1 / slope(activation, 0.05)])[0],
        ],
    )


def test_predictions(capsys):
    for prediction, guess, measured, words in (
        (ex.flattest, ..., "walking MDS", "not attempted"),
        (ex.flattest, "Walking MDS", "walking MDS", "✓ flattest: as measured"),
        (ex.flattest, "LLE", "walking MDS", "✗ flattest: not as measured"),
        (ex.flattest, "Isomap", "walking MDS", "not a valid answer"),
        (ex.momentum_trains, "only sigmoid ×4", "only sigmoid ×4", "✓ momentum_trains: as measured"),
        (ex.momentum_trains, "both", "only sigmoid ×4", "with small ones next to none arrives"),
    ):
        prediction.check(guess, measured)
        assert words in capsys.readouterr().out
