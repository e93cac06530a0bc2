"""Probabilistic grammars: sentences whose probability is known exactly."""

import math
from bisect import bisect
from functools import cache

import numpy as np

from course_utils.checks import check_whole


class Grammar:
    """A probabilistic context-free grammar without recursion, so that its sentences have a greatest length.

    A sentence begins as the symbol `S`. As long as there is a symbol in it, the leftmost is replaced by one of its
    expansions, drawn by their probabilities. What has no rules is a word.

    >>> grammar = Grammar({"S": {"A cat": 0.5, "A cat sleeps": 0.5}, "A": {"": 0.75, "old": 0.25}})
    >>> grammar.words, grammar.longest
    (('cat', 'old', 'sleeps'), 3)
    >>> print(f"{np.exp(grammar.log_probability('old cat sleeps')):.3f}")
    0.125
    >>> grammar.log_probability("cat old")
    -inf

    Args:
        rules: dictionary from symbol to a dictionary from expansion to probability. An expansion is a text of symbols
            and words with spaces between; the empty one is allowed.

    Raises:
        ValueError: if there is no `S`, the probabilities of a symbol are not positive or don't sum to 1, or a symbol
            comes back in its own expansion.

    Reference:
        Manning & Schütze, Foundations of statistical natural language processing, 1999, chapter 11.
    """

    def __init__(self, rules):
        if "S" not in rules:
            raise ValueError(f"`rules` must have an entry 'S', where sentences begin. Received: {list(rules)}")
        for symbol, expansions in rules.items():
            p = list(expansions.values())
            if not p or min(p) <= 0 or not math.isclose(sum(p), 1, abs_tol=1e-9):
                raise ValueError(f"`rules` of {symbol!r} must have positive probabilities that sum to 1. Received: {p}")
        self.rules = {s: [(tuple(text.split()), p) for text, p in rules[s].items()] for s in rules}
        self.longest = self._longest("S")
        parts = {part for expansions in self.rules.values() for parts, _ in expansions for part in parts}
        self.words = tuple(sorted(parts - set(rules)))
        self._cumulative = {s: np.cumsum([p for _, p in e[:-1]]).tolist() for s, e in self.rules.items()}

    def _longest(self, symbol, above=()):
        if symbol not in self.rules:
            return 1
        if symbol in above:
            raise ValueError(f"`rules` must not lead from a symbol back to itself. Received: {symbol!r} does")
        return max(sum(self._longest(part, (*above, symbol)) for part in parts) for parts, _ in self.rules[symbol])

    def sample(self, n, rng):
        """A list of n sentences, drawn independently with NumPy's generator `rng`."""
        return [" ".join(self._expand("S", rng)) for _ in range(check_whole("n", n))]

    def _expand(self, symbol, rng):
        if symbol not in self.rules:
            return [symbol]
        parts, _ = self.rules[symbol][bisect(self._cumulative[symbol], rng.random())]
        return [word for part in parts for word in self._expand(part, rng)]

    def log_probability(self, sentence):
        """log p of a sentence, a text of words with spaces between, in nats; minus infinity if it does not parse."""
        p = self._derive(sentence, lambda p: p)
        return math.log(p) if p else -math.inf

    def derivations(self, sentence):
        """In how many ways the grammar derives a sentence; a grammar is unambiguous if it is never more than one."""
        return self._derive(sentence, lambda p: 1)

    def _derive(self, sentence, weight):
        """Sum over all derivations of the product of their rules' weights."""
        words = sentence.split()

        @cache
        def ends(symbol, start):
            """Where the symbol may end if it begins at `start`: {end: summed weight}."""
            if symbol not in self.rules:
                return {start + 1: 1} if start < len(words) and words[start] == symbol else {}
            found = {}
            for parts, p in self.rules[symbol]:
                reached = {start: weight(p)}
                for part in parts:
                    after = {}
                    for middle, so_far in reached.items():
                        for end, value in ends(part, middle).items():
                            after[end] = after.get(end, 0) + so_far * value
                    reached = after
                for end, value in reached.items():
                    found[end] = found.get(end, 0) + value
            return found

        return ends("S", 0).get(len(words), 0)
