"""Exercises of lesson 16 on text, each in its four states; the entropy beside a sum over all sentences."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.special import log_softmax

from course_utils.exercises import lesson_16_text as ex
from course_utils.grammar import Grammar


def test_predictions(check_prediction):
    check_prediction(ex.rate_guess, 0, 5, 0.02)
    check_prediction(ex.cheapest_guess, "plain", "free bits", "plain")


RULES = {
    "S": {"A B": 0.5, "so B": 0.3, "A and A": 0.2},
    "A": {"": 0.25, "x": 0.5, "y B": 0.25},
    "B": {"u": 0.9, "v": 0.1},
}


def _every_sentence(rules, symbol="S"):
    """{sentence: probability} by writing out all of them."""
    if symbol not in rules:
        return {symbol: 1.0}
    found = {}
    for parts, p in rules[symbol].items():
        begun = {"": p}
        for part in parts.split():
            begun = {
                f"{text} {more}".strip(): so_far * q
                for text, so_far in begun.items()
                for more, q in _every_sentence(rules, part).items()
            }
        for text, q in begun.items():
            found[text] = found.get(text, 0) + q
    return found


def test_the_entropy_is_that_of_the_list_of_all_sentences():
    every = _every_sentence(RULES)
    assert sum(every.values()) == pytest.approx(1)
    grammar, p = Grammar(RULES), np.array(list(every.values()))
    assert max(grammar.derivations(text) for text in every) == 1
    np.testing.assert_allclose(np.exp([grammar.log_probability(text) for text in every]), p)
    assert ex.sentence_entropy.reference(RULES) == pytest.approx(-np.sum(p * np.log(p)))


def _entropy(of_choice=lambda p: -p * np.log(p), of_part=lambda p, value: p * value, parts=str.split):
    def sentence_entropy(rules):
        def entropy(symbol):
            if symbol not in rules:
                return 0
            choices = rules[symbol].items()
            return sum(of_choice(p) + sum(of_part(p, entropy(part)) for part in parts(text)) for text, p in choices)

        return entropy("S")

    return sentence_entropy


def _by_expected_numbers(rules):
    """How often each symbol is expanded on average, times the entropy of its choice."""
    often, waiting, total = {"S": 1.0}, ["S"], 0.0
    order = []

    def visit(symbol):
        if symbol in rules and symbol not in order:
            for text in rules[symbol]:
                for part in text.split():
                    visit(part)
            order.append(symbol)

    visit(waiting.pop())
    for symbol in order[::-1]:
        for text, p in rules[symbol].items():
            total -= often[symbol] * p * np.log(p)
            for part in text.split():
                often[part] = often.get(part, 0) + often[symbol] * p
    return np.array(total)


def test_sentence_entropy(check_states):
    check_states(
        ex.sentence_entropy,
        wrong={
            "Those are bits": _entropy(of_choice=lambda p: -p * np.log2(p)),
            "The sign is turned": _entropy(of_choice=lambda p: p * np.log(p)),
            "counts a quarter": _entropy(of_part=lambda p, value: value),
            "holds two coins": _entropy(parts=lambda text: set(text.split())),
            "becomes a coin C for sure": _entropy(of_part=lambda p, value: 0),
        },
        right=[_entropy(), _by_expected_numbers],
    )


def _nll(counted=lambda s: s != 0, over=ops.sum, sign=1.0):
    def sentence_nll(sentences, logits):
        cost = -ops.take_along_axis(ops.log_softmax(logits), sentences[..., None], axis=-1)[..., 0]
        return sign * over(cost * ops.cast(counted(sentences), "float32"), axis=1)

    return sentence_nll


def test_sentence_nll(check_states):
    check_states(
        ex.sentence_nll,
        wrong={
            "Do the zeros after the end cost": _nll(counted=lambda s: s >= 0),
            "Has the end its cost": _nll(counted=lambda s: s > 1),
            "That is a mean over the places": _nll(over=ops.mean),
            "The sign is turned": _nll(sign=-1.0),
            "not sentences": lambda s, logits: ops.sum(_nll()(s, logits)),
            "Logits are no probabilities": lambda s, logits: ops.sum(
                ops.where(s != 0, ops.sparse_categorical_crossentropy(s, logits + 1e-3), 0.0), axis=1
            ),
            "Gradients must pass": lambda s, logits: np.sum(
                np.where(
                    np.array(s) != 0,
                    -np.take_along_axis(log_softmax(np.array(logits), -1), np.array(s)[..., None], -1)[..., 0],
                    0,
                ),
                axis=1,
            ),
        },
        right=[
            _nll(),
            lambda sentences, logits: tf.reduce_sum(
                tf.nn.sparse_softmax_cross_entropy_with_logits(sentences, logits)
                * tf.cast(tf.not_equal(sentences, 0), tf.float32),
                axis=-1,
            ),
        ],
    )
