"""The n-gram model beside a slow, obvious Kneser-Ney, and what it promises of any text."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.lm.ngram import NGram
from tamis.lm.tokens import Tokens

BEGIN = -1
DISCOUNTS = (0.3, 0.55, 0.7, 0.85)
documents = st.lists(st.lists(st.integers(0, 4), max_size=12), max_size=8)


class Slow:
    """Interpolated Kneser-Ney from its definition: dictionaries, and a walk over all of them for every number."""

    def __init__(self, vocabulary: int, order: int, discounts: tuple[float, ...], text: list[list[int]]) -> None:
        self.vocabulary, self.order, self.discounts = vocabulary, order, discounts
        padded = [[BEGIN, *document] for document in text]
        seen = [Counter(tuple(one[i : i + n]) for one in padded for i in range(len(one) - n + 1)) for n in range(order + 2)]
        self.counts: list[dict[tuple[int, ...], int]] = [{} for _ in range(order + 1)]
        for n in range(1, order + 1):
            for gram in seen[n]:
                if gram == (BEGIN,):
                    continue
                as_it_is = n == order or gram[0] == BEGIN
                self.counts[n][gram] = seen[n][gram] if as_it_is else sum(1 for longer in seen[n + 1] if longer[1:] == gram)

    def probability(self, context: tuple[int, ...], token: int) -> float:
        """Of a token after a context of at most order - 1 tokens."""
        n = len(context) + 1
        lower = self.probability(context[1:], token) if context else 1 / self.vocabulary
        followed = {gram: count for gram, count in self.counts[n].items() if gram[:-1] == context}
        total, discount = sum(followed.values()), self.discounts[n - 1]
        if not total:
            return lower
        return (max(followed.get((*context, token), 0) - discount, 0) + discount * len(followed) * lower) / total

    def bits(self, document: list[int], first: int = 0) -> float:
        """Of the tokens of a document from one of them on."""
        padded = [BEGIN, *document]
        contexts = [tuple(padded[max(0, i - self.order + 1) : i]) for i in range(1, len(padded))]
        return -sum(math.log2(self.probability(context, token)) for context, token in list(zip(contexts, document, strict=True))[first:])


@given(documents, documents, st.integers(1, 4))
def test_equal_to_the_definition(text, held, order):
    """Bits are those of the definition, for any training text, order and held-out text."""
    model = NGram(5, order, DISCOUNTS)
    model.add(Tokens.of(text))
    slow = Slow(5, order, DISCOUNTS, text)
    assert model.bits(Tokens.of(held)).tolist() == pytest.approx([slow.bits(one) for one in held], abs=1e-9)


@given(documents, st.lists(st.integers(0, 4), max_size=5), st.integers(1, 4))
def test_probabilities_sum_to_one(text, context, order):
    """After any context, seen or not, the probabilities of all tokens sum to 1 and none is 0."""
    model = NGram(5, order, DISCOUNTS)
    model.add(Tokens.of(text))
    bits = model.bits(Tokens.of([[*context, token] for token in range(5)]), np.full(5, len(context)))
    assert np.all(np.isfinite(bits))
    assert np.exp2(-bits).sum() == pytest.approx(1, abs=1e-12)
