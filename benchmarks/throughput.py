"""Training images a second beside other ways to train the same model; prints the tables and writes README.md.

The peers of each framework live in a process of their own and wait for their turn there: rounds go in turn, so that a
busy moment hits all alike, and the best round of each counts. A peer's first round also traces and compiles.

    make bench
"""

import datetime
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from turns import BATCH, BATCHES, CALLS, LAYERS, products

HERE = Path(__file__).parent
SCRIPTS = {"tensorflow": "keras_peers.py", "jax": "keras_peers.py", "torch": "torch_peers.py"}
ROUNDS = {"dense": 6, "conv": 4, "short": 4, "pooling": 6}
TARGETS = [  # what, of which peer, at least so many times, which other peer
    ("dense VAE on TensorFlow", "dense: fit with fast, tensorflow", 1.5, "dense: train_step of Keras's example"),
    ("dense VAE on TensorFlow", "dense: fit with fast, tensorflow", 0.8, "dense: PyTorch"),
    ("dense VAE on JAX", "dense: fit with fast, jax", 0.95, "dense: PyTorch"),
    ("convolutional autoencoder on TensorFlow", "conv: fit with fast, tensorflow", 1.0, "conv: PyTorch"),
]


def main():
    load = os.getloadavg()[0]  # of others, for nothing runs here yet
    seeds = json.loads(start("tensorflow", "seeds").communicate()[0].splitlines()[-1])  # after what `load` says
    workers = {name: start(name) for name in SCRIPTS}
    told = {name: json.loads(worker.stdout.readline()) for name, worker in workers.items()}
    homes = {peer: workers[name] for name in workers for peer in told[name]["peers"]}
    times = race(homes)
    for worker in workers.values():
        worker.stdin.close()  # which ends it
    versions = {key: value for answer in told.values() for key, value in answer["versions"].items()}
    text = readme(times, versions, seeds, load)
    print(text)
    (HERE / "README.md").write_text(text, encoding="utf-8")


def start(name, *arguments):
    environment = {**os.environ, "KERAS_BACKEND": name, "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, HERE / SCRIPTS[name], *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def race(homes):
    """Seconds of every round of each peer, the one that compiles first, by the peer's name."""
    times = {peer: [] for peer in homes}
    for turn in range(1 + max(ROUNDS.values())):
        for peer, worker in homes.items():
            if turn > ROUNDS[peer.split(":")[0]]:
                continue
            print(peer, file=worker.stdin, flush=True)
            if not (seconds := worker.stdout.readline()):
                raise RuntimeError(f"round {turn} of {peer!r}: its process ended with {worker.wait()}")
            times[peer].append(float(seconds))
            print(f"round {turn}, {peer}: {times[peer][-1]:.2f} s", file=sys.stderr)
    return times


# What is written of it


def readme(times, versions, seeds, load):
    best = {peer: min(seconds[1:]) for peer, seconds in times.items()}
    speed = {peer: BATCH * BATCHES / seconds for peer, seconds in best.items()}  # images a second
    bound = max(value for peer, value in speed.items() if "matrix products" in peer)
    operations = 2 * sum(a * b * c for a, b, c in products(LAYERS, BATCH)) / BATCH
    dense = [
        [peer, f"{value:,.0f}", f"{value / speed['dense: PyTorch']:.2f}", f"{value / bound:.0%}", first(times[peer])]
        for peer, value in of("dense", speed)
    ]
    conv = [
        [peer, f"{value:,.0f}", f"{value / speed['conv: PyTorch']:.2f}", first(times[peer])]
        for peer, value in of("conv", speed)
    ]
    short = [[peer, f"{seconds:.2f}"] for peer, seconds in of("short", best)]
    pooling = [[peer, f"{1000 * seconds / CALLS:.2f}"] for peer, seconds in of("pooling", best)]
    rates = ["images/s", "× PyTorch"]
    return f"""# How fast it trains

Written by `make bench` on {datetime.date.today()}: {processor()}, {os.cpu_count()} cores, Python \
{platform.python_version()}, {", ".join(f"{name} {version}" for name, version in versions.items())}.

All rows train on the same images in epochs of {BATCHES} batches of {BATCH} with Adam, each process with all cores. \
Rounds of an epoch go in turn and the best of {ROUNDS["dense"]} counts ({ROUNDS["conv"]} of the convolutional ones), \
so read the ratios; images a second are this machine's. *First* is the first round, which traces and compiles as \
well. The load by other programs was {load:.1f} when it began\
{": threads that wait for each other suffer most, PyTorch's above all, so run it again in quiet" if load > 0.3 else ""}.

## Targets

{table(["", "target", "measured", "", "beside PyTorch's fused Adam"], [target(speed, *t) for t in TARGETS])}

## Dense VAE, 784-400-400-20, every batch binarised anew

{table(["", *rates, "of the bound", "first, s"], dense)}

The bound: a training step multiplies matrices, {operations / 1e6:.2f} million operations an image, and can't be \
faster than these products alone. At these shapes this machine does {bound * operations / 1e9:.0f} GFLOP/s, \
{bound:,.0f} images a second. The rest is activations, logarithms, random numbers, Adam, and the framework.

## Convolutional autoencoder of width 32, squared error

{table(["", *rates, "first, s"], conv)}

## A short fit: a new model, 4 epochs of 55 batches of 64

Compiling pays only where a fit is long, so `fast` does nothing in the quick profile. The last batch of an epoch is \
smaller than the others, and XLA compiles for each size.

{table(["", "seconds"], short)}

## Three seeds

{three_seeds(seeds)}

## Pooling and unpooling, 64 maps of 28 × 28 × 16

{table(["", "ms a call"], pooling)}
"""


def three_seeds(seeds):
    """What `seeds` in keras_peers.py has found: a sentence and a table."""
    means, deviations = [[f(losses) for losses in seeds.values()] for f in (statistics.mean, statistics.stdev)]
    apart, error = abs(means[0] - means[1]), math.hypot(*deviations) / math.sqrt(3)
    rows = [
        [name, *(f"{loss:.2f}" for loss in losses), f"{mean:.2f} ± {deviation:.2f}"]
        for (name, losses), mean, deviation in zip(seeds.items(), means, deviations)
    ]
    return f"""Test negative ELBO in nats of the dense VAE after 10 epochs of the 3,500 embedded digits. Compiled \
steps draw other random numbers: the means differ by {apart:.2f} nats, with a standard error of {error:.2f}.

{table(["", "seed 0", "seed 1", "seed 2", "mean ± deviation"], rows)}"""


def of(group, values):
    """The group's peers without its name, and their values."""
    return [(peer, value) for peer, value in values.items() if peer.startswith(group + ":")]


def first(seconds):
    return f"{seconds[0]:.1f}"


def target(speed, what, ours, least, theirs):
    ratio = speed[ours] / speed[theirs]
    fused = f"{speed[ours] / speed[theirs + ', fused Adam']:.2f}" if theirs.endswith("PyTorch") else ""
    return [what, f"{least} × {theirs.split(': ')[1]}", f"{ratio:.2f}", "met" if ratio >= least else "missed", fused]


def table(header, rows):
    """A Markdown table: the first column's words to the left, the rest to the right."""
    lines = [header, [":--", *["--:"] * (len(header) - 1)], *([row[0].split(": ")[-1], *row[1:]] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def processor():
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not on Linux
        return platform.processor() or platform.machine()
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
