"""Exercises of lesson 16 on text: the entropy of a grammar, the cost of a sentence, two predictions."""

import numpy as np
from keras import ops

from course_utils.exercises import Prediction, as_number, exercise

rate_guess = Prediction(
    "rate_guess",
    "How many nats will the code tell of a sentence, if encoder and decoder are simply trained on the negative ELBO? "
    "A number; within 1 counts as right.",
    "The decoder is told all words before the next one, and needs nothing else: its odds can be the grammar's own. A "
    "code could only tell it what it would find out anyway, and costs as many nats as it saves. While it says "
    "nothing yet it only costs, so it is given up in the first epochs.",
    "What does the decoder know of the next word, with and without a code? What does the KL term make of a code that "
    "saves as much as it costs?",
    unit="nats",
    within=1,
)

cheapest_guess = Prediction(
    "cheapest_guess",
    "Which of the three has the lowest cost on new sentences: 'plain', 'word dropout' or 'free bits'?",
    "The exact cost of a sentence is -log p under the grammar, and the chain of words alone can reach it. A code only "
    "adds what the encoder does not know exactly, and hidden words make the decoder's own odds poorer. The cures make "
    "a code that says something, not a better model of the language.",
    "Is there anything in a sentence that words before can't tell, and a code can, at less than its own cost?",
    options=("plain", "word dropout", "free bits"),
)


def _has_the_entropy_of_a_choice(sentence_entropy):
    got = sentence_entropy({"S": {"yes": 0.5, "no": 0.25, "perhaps so": 0.25}})
    bits = 1.5 * np.log(2)
    causes = {1.5: "Those are bits: take the natural logarithm", -bits: "The sign is turned"}
    if not np.isclose(got, bits, rtol=1e-4):
        cause = next((text for value, text in causes.items() if np.isclose(got, value, rtol=1e-4)), "")
        return f"Of a choice by 1/2, 1/4 and 1/4 it is 1.5 ln 2 = 1.04 nats; yours is {got:.4g}. {cause}"
    return None


def _adds_what_follows(sentence_entropy):
    coin = {"heads": 0.5, "tails": 0.5}
    once, twice, perhaps, later = (
        sentence_entropy({"S": expansions, "C": coin}) / np.log(2)
        for expansions in ({"C": 1.0}, {"C and C": 1.0}, {"": 0.75, "C": 0.25}, {"X": 1.0})
    )
    if not np.isclose(once, 1, rtol=1e-4):
        return f"If S becomes a coin C for sure, it has the coin's ln 2 nats; yours has {once:.4g} ln 2"
    if not np.isclose(twice, 2, rtol=1e-4):
        return f"'C and C' holds two coins, which are tossed one by one: 2 ln 2 nats; yours has {twice:.4g} ln 2"
    expected = 0.25 - 0.25 * np.log2(0.25) - 0.75 * np.log2(0.75)
    if not np.isclose(perhaps, expected, rtol=1e-4):
        cause = "A coin that is tossed one time in four counts a quarter. "
        cause = cause if np.isclose(perhaps, expected + 0.75, rtol=1e-4) else ""
        return (
            f"With '' by 3/4 and 'C' by 1/4 there are {expected:.3f} ln 2 nats; yours has {perhaps:.4g} ln 2. {cause}"
        )
    if not np.isclose(later, 0):
        return f"What has no rules is a word, and has no entropy; yours has {later:.4g} ln 2"
    return None


def _random_rules(rng):
    """Five symbols, each of which leads to later ones and to words."""
    symbols = ("S", "A", "B", "C", "D")
    rules = {}
    for i, symbol in enumerate(symbols):
        parts = [*symbols[i + 1 :], "word", "other"]
        texts = sorted({" ".join(rng.choice(parts, size=rng.integers(1, 4))) for _ in range(4)} | {""})
        rules[symbol] = dict(zip(texts, rng.dirichlet(np.ones(len(texts))).tolist()))
    return rules


@exercise(
    checks=[_has_the_entropy_of_a_choice, _adds_what_follows],
    hint="A function inside, `entropy(symbol)`, can call itself for each part of `expansion.split()`. What is the "
    "entropy of the choice, and what is added on average?",
    returns=as_number,
    cases=lambda rng: [(_random_rules(rng),) for _ in range(3)],
)
def sentence_entropy(rules):
    """Entropy in nats of what S becomes, for rules {symbol: {expansion: probability}} without ambiguity."""

    def entropy(symbol):
        choices = rules.get(symbol, {})
        return sum(p * (sum(map(entropy, parts.split())) - np.log(p)) for parts, p in choices.items())

    return entropy("S")


SENTENCES = np.array([[3, 2, 1, 0, 0], [4, 4, 2, 3, 1]], "int32")


def _counts_words_and_end(sentence_nll):
    got = sentence_nll(SENTENCES, np.zeros((2, 5, 6), "float32"))
    if got.shape != (2,):
        return f"Two sentences have two costs, shape (2,); yours has {got.shape}. Sum over places, not sentences"
    each = np.log(6)
    if np.allclose(got, [3 * each, 5 * each], rtol=1e-4):
        return None
    causes = {
        (5, 5): "Do the zeros after the end cost something? They are no words",
        (2, 4): "Has the end its cost, too? It is a thing that must be predicted",
        (1, 1): "That is a mean over the places, and the sum is asked for",
        (3 / 5, 1): "That is a mean over the places, and the sum is asked for",
        (-3, -5): "The sign is turned",
    }
    found = (text for values, text in causes.items() if np.allclose(got, each * np.array(values), rtol=1e-4))
    return f"If 6 numbers are equally likely, two words and the end cost 3 ln 6 = 5.38; yours is {got[0]:.4g}. " + next(
        found, ""
    )


def _takes_logits_of_the_right_number(sentence_nll):
    logits = np.zeros((2, 5, 6), "float32")
    np.put_along_axis(logits, SENTENCES[..., np.newaxis], 3.0, axis=-1)
    got, expected = sentence_nll(SENTENCES, logits), np.log(1 + 5 * np.exp(-3)) * np.array([3, 5])
    if not np.allclose(got, expected, rtol=1e-3):
        return (
            "Where the right number's logit is 3 and the five others are 0, each costs log(1 + 5 exp(-3)) = 0.223; "
            f"yours costs {got[1] / 5:.3g}. Logits are no probabilities yet (`from_logits=True`)"
        )
    return None


def _random_sentences(rng):
    words = rng.integers(2, 9, size=(6, 7))
    ends = rng.integers(0, 7, size=6)
    place = np.arange(7)
    filled = np.where(place < ends[:, None], words, np.where(place == ends[:, None], 1, 0))
    return filled.astype("int32"), rng.normal(size=(6, 7, 9)).astype("float32")


@exercise(
    checks=[_counts_words_and_end, _takes_logits_of_the_right_number],
    hint="`ops.sparse_categorical_crossentropy(sentences, logits, from_logits=True)` is the cost of each place, (n, "
    "length). Which places shall count?",
    cases=lambda rng: [_random_sentences(rng), (np.int32([[1, 0]]), rng.normal(size=(1, 2, 4)).astype("float32"))],
    gradients=("logits",),
)
def sentence_nll(sentences, logits):
    """-log p of each sentence in nats, zeros after its end left out: (n, length), (n, length, K) to (n,)."""
    cost = ops.sparse_categorical_crossentropy(sentences, logits, from_logits=True)
    return ops.sum(ops.where(sentences != 0, cost, 0.0), axis=1)
