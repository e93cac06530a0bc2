"""The exercises of lesson 02 in all four states."""

import keras
import numpy as np
from keras import layers

from course_utils.exercises import lesson_02 as ex
from course_utils.models import Autoencoder


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
            "changes x itself": in_place,
            "one mean of all numbers": lambda x: (x - x.mean()).T @ (x - x.mean()) / len(x),
            "the correlation matrix": lambda x: np.corrcoef(x.T),
            "the corner of your matrix": lambda x: np.cov((x - x.mean()).T / x.std(axis=0)[:, None]),
        },
        correct=lambda x: np.cov(x, rowvar=False, bias=True),
    )


def by_eigenvectors(x, k):
    values, vectors = np.linalg.eigh(np.cov(x.T, ddof=0))
    return x.mean(axis=0), vectors[:, ::-1][:, :k], values[::-1][:k]


def by_svd(x, k, *, centre=True, power=2, divisor=None):
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean if centre else x, full_matrices=False)
    return mean, vt[:k].T, s[:k] ** power / (divisor or len(x))


def test_pca_basis(check_states):
    def columns_of_vt(x, k):
        mean, _, variances = by_svd(x, k)
        return mean, np.linalg.svd(x - mean, full_matrices=False)[2][:, :k], variances

    def rows(x, k):
        mean, basis, variances = by_svd(x, k)
        return mean, basis.T, variances

    def scaled(x, k):
        mean, basis, variances = by_svd(x, k)
        return mean, basis * np.sqrt(variances), variances

    def smallest_first(x, k):
        values, vectors = np.linalg.eigh(np.cov(x.T, ddof=0))
        return x.mean(axis=0), vectors[:, :k], values[:k]

    check_states(
        ex.pca_basis,
        wrong={
            "Three things are wanted": lambda x, k: by_svd(x, k)[1],
            "transpose it": rows,
            "the shapes must be": lambda x, k: by_svd(x, k + 1),
            "the mean vector": lambda x, k: (0 * x[0], *by_svd(x, k)[1:]),
            "Singular values belong to the variances": scaled,
            "Centre x before the SVD": lambda x, k: by_svd(x, k, centre=False),
            "the first rows of vt?": columns_of_vt,
            "singular values s": lambda x, k: by_svd(x, k, power=1, divisor=1),
            "These are s²": lambda x, k: by_svd(x, k, divisor=1),
            "You divide by n - 1": lambda x, k: by_svd(x, k, divisor=len(x) - 1),
            "These are the smallest variances": smallest_first,
            "in this order": lambda x, k: (*by_svd(x, k)[:2], by_svd(x, k)[2][::-1]),
        },
        correct=by_eigenvectors,
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
            "squares already": lambda variances, share: (
                np.searchsorted(shares(variances if len(set(variances)) == 4 else variances**0.5), share) + 1
            ),
        },
        correct=lambda variances, share: next(k for k, s in enumerate(shares(variances), start=1) if s >= share),
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
        correct=lambda a, b: np.rad2deg(subspace_angles(a, b))[::-1],
    )


def test_build_mirrored(check_states):
    def build(widths, activation, output, *, code="linear", mirrored=True, bias=True, inputs=True):
        """The many ways to build it, right by default."""
        inner = widths[1:-1]
        encoder = [*(layers.Dense(width, activation, use_bias=bias) for width in inner), layers.Dense(widths[-1], code)]
        decoder = [layers.Dense(width, activation) for width in (inner[::-1] if mirrored else inner)]
        first = ([keras.Input((widths[0],))], [keras.Input((widths[-1],))]) if inputs else ([], [])
        return Autoencoder(
            keras.Sequential([*first[0], *encoder]),
            keras.Sequential([*first[1], *decoder, layers.Dense(widths[0], output)]),
        )

    def always(**fixed):
        return lambda widths, activation, output: build(
            **{"widths": widths, "activation": activation, "output": output, **fixed}
        )

    check_states(
        ex.build_mirrored,
        raising=lambda widths, activation, output: layers.Dense(-widths[0]),
        wrong={
            "yours is a Sequential": lambda widths, activation, output: keras.Sequential([layers.Dense(2)]),
            "with `keras.Input": always(inputs=False),
            "the decoder's weight matrices": always(mirrored=False),
            "no activation; yours is from": always(code="tanh"),
            "With output='sigmoid'": always(output="linear"),
            "With output='linear'": always(output="sigmoid"),
            "must not be one linear map": always(activation="linear"),
            "must be one linear map": always(activation="relu"),
            "With a bias in each layer": always(bias=False),
        },
        correct=build,
    )
