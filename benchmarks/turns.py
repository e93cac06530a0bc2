"""What all peers share: sizes, data, and waiting for their turn. Imports no framework."""

import json
import sys
import time
from importlib.metadata import version

import numpy as np

HIDDEN, LATENT_DIM, WIDTH, BATCH = 400, 20, 32, 128
BATCHES = 400  # nearly an epoch of MNIST: what `fit` costs before its first batch is shared by as many as in a lesson
CALLS = 10  # of a layer in a round
IMAGES = np.random.default_rng(0).random((BATCH * BATCHES, 28, 28, 1), dtype=np.float32)  # whole batches, grey
LAYERS = [(784, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, LATENT_DIM), (HIDDEN, LATENT_DIM)]
LAYERS += [(LATENT_DIM, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 784)]  # of the dense VAE: inputs and outputs of each


def products(layers, batch):
    """Shapes `(rows, inner, columns)` of the matrix products of one training step; biases and the rest are not in it.

    Three a layer: its output, its weights' gradient and its input's gradient, which the first layer can do without.
    """
    shapes = []
    for i, (inputs, outputs) in enumerate(layers):
        shapes += [(batch, inputs, outputs), (inputs, batch, outputs)]
        shapes += [(batch, outputs, inputs)] if i else []
    return shapes


def serve(peers, *packages):
    """Runs the peer that each line of standard input names, and answers with its seconds, until there are no more.

    Args:
        peers: functions without arguments, by name; each does one round.
        *packages: whose versions to tell.
    """
    answer, sys.stdout = sys.stdout, sys.stderr  # so that no notice of a framework passes for an answer
    told = {"peers": list(peers), "versions": {name: version(name) for name in packages}}
    print(json.dumps(told), file=answer, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        peers[line.rstrip("\n")]()
        print(time.perf_counter() - start, file=answer, flush=True)
