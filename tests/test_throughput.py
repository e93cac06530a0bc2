"""What the benchmark counts and how it tells it; nothing is timed here."""

import io
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def throughput(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import throughput

    return throughput


@pytest.fixture
def turns(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import turns

    return turns


def test_operations_of_the_dense_vae_by_hand(turns):
    weights = 784 * 400 + 400 * 400 + 2 * 400 * 20 + 20 * 400 + 400 * 400 + 400 * 784
    forward = 2 * weights  # a multiplication and an addition each
    by_hand = 3 * forward - 2 * 784 * 400  # backward twice as many, but nobody asks for the images' gradient
    assert 2 * sum(a * b * c for a, b, c in turns.products(turns.LAYERS, 128)) == 128 * by_hand
    assert by_hand == 5_200_000


def test_the_layers_are_those_of_the_model(turns):
    from course_utils.models import build_dense_vae

    model = build_dense_vae(turns.LATENT_DIM, hidden=(turns.HIDDEN, turns.HIDDEN))
    kernels = [tuple(weight.shape) for weight in model.trainable_variables if len(weight.shape) == 2]
    assert sorted(kernels) == sorted(turns.LAYERS)


def test_peers_take_turns(turns, monkeypatch, capsys):
    done = []
    monkeypatch.setattr(sys, "stdin", io.StringIO("b\na\nb\n"))
    turns.serve({"a": lambda: done.append("a"), "b": lambda: done.append(print("a notice"))}, "numpy")
    told, *seconds = capsys.readouterr().out.splitlines()
    assert json.loads(told)["peers"] == ["a", "b"] and "numpy" in json.loads(told)["versions"]
    assert len(seconds) == len(done) == 3 and all(float(value) >= 0 for value in seconds)


def test_tables_are_markdown(throughput):
    table = throughput.table(["", "images/s"], [["dense: PyTorch", "26,000"], ["dense: JAX", "25,000"]])
    assert table == "|  | images/s |\n| :-- | --: |\n| PyTorch | 26,000 |\n| JAX | 25,000 |"


def _times(throughput):
    """A first round of three seconds and a best one of half a second."""
    names = {name for _, ours, _, theirs in throughput.TARGETS for name in (ours, theirs)}
    names |= {"dense: PyTorch, fused Adam", "conv: PyTorch, fused Adam", "dense: matrix products, PyTorch"}
    names |= {"short: as it comes", "pooling: BedOfNails2D"}
    return {name: [3.0, 1.0, 0.5, 2.0] for name in sorted(names)}


def test_the_text_tells_what_was_met_and_what_was_not(throughput):
    times = _times(throughput) | {"dense: fit with fast, jax": [9, 0.7], "dense: matrix products, PyTorch": [1, 0.25]}
    seeds = {"as it comes": [100, 101, 102], "with fast": [100.5, 101.5, 102.5]}
    text = throughput.readme(times, {"keras": "3.13.2"}, seeds, 0.04)
    assert "| dense VAE on JAX | 0.95 × PyTorch | 0.71 | missed | 0.71 |" in text
    assert "| dense VAE on TensorFlow | 0.8 × PyTorch | 1.00 | met | 1.00 |" in text
    assert "| fit with fast, tensorflow | 102,400 | 1.00 | 50% | 3.0 |" in text
    assert "5.20 million operations an image" in text and "1065 GFLOP/s, 204,800 images a second" in text
    assert "| with fast | 100.50 | 101.50 | 102.50 | 101.50 ± 1.00 |" in text
    assert "the means differ by 0.50 nats, with a standard error of 0.82" in text
    assert "keras 3.13.2" in text and throughput.processor() in text
