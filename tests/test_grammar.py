"""Grammars: probabilities that sum to one, draws that follow them, and what does not parse."""

import itertools
import math

import numpy as np
import pytest

from course_utils.grammar import Grammar

TINY = {
    "S": {"one": 0.25, "many": 0.75},
    "one": {"a A cat sleeps": 1.0},
    "many": {"A cats sleep": 0.5, "A cats that sleep sleep": 0.5},
    "A": {"": 0.6, "big": 0.4},
}


def every_sentence(grammar):
    """All rows of words up to the greatest length."""
    for n in range(grammar.longest + 1):
        yield from map(" ".join, itertools.product(grammar.words, repeat=n))


def test_the_probabilities_of_all_sentences_sum_to_one():
    grammar = Grammar(TINY)
    p = np.array([math.exp(grammar.log_probability(sentence)) for sentence in every_sentence(grammar)])
    assert p.sum() == pytest.approx(1)
    assert np.sum(p > 0) == 6


@pytest.mark.parametrize(
    "sentence, p",
    [
        ("a cat sleeps", 0.25 * 0.6),
        ("big cats that sleep sleep", 0.75 * 0.4 * 0.5),
        ("a cat sleep", 0),
        ("a cat sleeps sleeps", 0),
        ("a cat", 0),
        ("A cats sleep", 0),
        ("cats purr", 0),
        ("", 0),
    ],
)
def test_log_probability(sentence, p):
    expected = math.log(p) if p else -math.inf
    assert Grammar(TINY).log_probability(sentence) == pytest.approx(expected)
    assert Grammar(TINY).derivations(sentence) == (p > 0)


def test_draws_follow_the_probabilities():
    grammar, n = Grammar(TINY), 20_000
    drawn = grammar.sample(n, np.random.default_rng(0))
    assert max(len(sentence.split()) for sentence in drawn) == grammar.longest == 5
    for sentence in set(drawn):
        p = math.exp(grammar.log_probability(sentence))
        assert drawn.count(sentence) / n == pytest.approx(p, abs=4 * math.sqrt(p / n))


def test_the_seed_decides_the_sentences():
    grammar = Grammar(TINY)
    first, again, other = (grammar.sample(30, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_an_ambiguous_sentence_has_the_probability_of_all_its_derivations():
    grammar = Grammar({"S": {"A B": 1.0}, "A": {"x": 0.5, "x x": 0.5}, "B": {"x": 0.2, "x x": 0.8}})
    assert grammar.derivations("x x x") == 2
    assert math.exp(grammar.log_probability("x x x")) == pytest.approx(0.5 * 0.8 + 0.5 * 0.2)


@pytest.mark.parametrize(
    "rules, words",
    [
        ({"A": {"x": 1.0}}, "must have an entry 'S'"),
        ({"S": {"x": 0.5, "y": 0.4}}, "`rules` of 'S' must have positive probabilities that sum to 1"),
        ({"S": {"x": 1.0, "y": 0.0}}, "`rules` of 'S' must have positive probabilities"),
        ({"S": {}}, "`rules` of 'S' must have positive probabilities"),
        ({"S": {"x A": 1.0}, "A": {"y": 0.5, "y S": 0.5}}, "must not lead from a symbol back to itself"),
    ],
)
def test_bad_rules(rules, words):
    with pytest.raises(ValueError, match=words):
        Grammar(rules)


def test_bad_number_of_sentences():
    with pytest.raises(ValueError, match="`n` must be a positive whole number"):
        Grammar(TINY).sample(0, np.random.default_rng(0))
