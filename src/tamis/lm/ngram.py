"""An interpolated Kneser-Ney model over token ids: a second for a few million tokens, and no training beyond counting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.errors import DataError
from tamis.lm.tokens import Tokens

DISCOUNTS = (0.5, 0.6, 0.7, 0.8)


class NGram:
    """Counts of n-grams, and the probabilities that they give.

    Args:
        vocabulary: how many token ids there are, at most 65,535.
        order: tokens of the longest n-grams, 1 to 4.
        discounts: of n-grams of one, two, three, four tokens, each between 0 and 1.

    Source:
        Kneser and Ney 1995; interpolated as in Chen and Goodman 1999.
    """

    def __init__(self, vocabulary: int, order: int = 4, discounts: Sequence[float] = DISCOUNTS) -> None:
        from tamis.kernels import ngram

        if not 1 <= vocabulary <= ngram.MOST_TOKENS:
            raise DataError(f"an n-gram model has a vocabulary of 1 to {ngram.MOST_TOKENS:,} tokens, not {vocabulary:,}.")
        if not 1 <= order <= ngram.ORDER:
            raise DataError(f"an n-gram model has an order of 1 to {ngram.ORDER}, not {order}.")
        if len(discounts) < order or not all(0 < one < 1 for one in discounts):
            raise DataError(f'an n-gram model of order {order} wants {order} discounts between 0 and 1, not "{list(discounts)}".')
        self.vocabulary, self.order, self.discounts = vocabulary, order, tuple(discounts)
        self._counts = ngram.empty(vocabulary, order, 0)

    @property
    def tokens(self) -> int:
        """How many tokens were counted."""
        return int(self._counts.state[0])

    def add(self, tokens: Tokens) -> None:
        """Count the n-grams of some documents, beside what was counted before."""
        from tamis.kernels import ngram

        ngram.add(self._counts, self._checked(tokens), tokens.starts, 0, tokens.total)

    def bits(self, tokens: Tokens, first: np.ndarray | None = None) -> np.ndarray:
        """How many bits each document takes, given nothing before it.

        Args:
            tokens: n documents.
            first: i64[n], from which token of each document on; those before it are context. None: from the first.

        Returns:
            f64[n], finite; 0 for a document without tokens.
        """
        from tamis.kernels import ngram

        first = np.zeros(len(tokens), np.int64) if first is None else first
        discounts = np.array([*self.discounts, 0, 0, 0])[: ngram.ORDER]
        return ngram.bits(self._counts, self._checked(tokens), tokens.starts, first, discounts)

    def curve(self, train: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray | None = None) -> np.ndarray:
        """Count a stream once, and evaluate held-out documents at each of some budgets on the way.

        Args:
            train: counted in order, beside what was counted before, up to the largest budget.
            budgets: tokens of `train`, in any order; a budget inside a document cuts it exactly there.
            held: m documents.
            first: as for `bits`.

        Returns:
            f64[len(budgets), m], bits.

        Raises:
            DataError: a budget is more than `train` holds.
        """
        from tamis.kernels import ngram

        if budgets and not 0 <= min(budgets) <= max(budgets) <= train.total:
            raise DataError(f"budgets go from {min(budgets):,} to {max(budgets):,} tokens, and the stream holds {train.total:,}.")
        ids, at = self._checked(train), 0
        found = np.empty((len(budgets), len(held)))
        for place in np.argsort(np.asarray(budgets), kind="stable"):
            ngram.add(self._counts, ids, train.starts, at, budgets[place])
            at = budgets[place]
            found[place] = self.bits(held, first)
        return found

    def _checked(self, tokens: Tokens) -> np.ndarray:
        """The ids; an id outside the vocabulary would be written outside of the tables."""
        if tokens.total and int(tokens.ids.max()) >= self.vocabulary:
            raise DataError(f"the tokens hold the id {int(tokens.ids.max()):,}, and the model's vocabulary has {self.vocabulary:,}.")
        return tokens.ids
