"""An interpolated Kneser-Ney model over token ids: four million tokens are counted in a quarter of a second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.errors import DataError
from tamis.lm.tokens import Tokens

DISCOUNTS = (0.8, 0.78, 0.91, 0.94)
"""For n-grams of one to four tokens. Within .003 bits per byte of the best at every size from 0.1 to 16 million tokens (BPE of
2048, trained on web pages, books and software documentation, tested on those and on prose, speeches, government pages, raw web
pages and text of other languages). They are fixed, not estimated from counts, so that two models differ by their text alone;
what n1 / (n1 + 2 n2) gives is .03 worse, for text to be scored differs from text that was counted."""


class NGram:
    """Counts of n-grams, and the probabilities that they give: never 0, and their sum over the vocabulary is 1 after anything.

    Documents are independent: nothing before a document changes its bits, and its first tokens are counted as such. Counting is
    the whole training, in one epoch: the order of documents makes no difference, nor does what a text repeats make it better.

    Args:
        vocabulary: how many token ids there are, at most 65,535.
        order: tokens of the longest n-grams, 1 to 4.
        discounts: what is taken from the count of each n-gram of one, two, three, four tokens, between 0 and 1, and given to tokens
            that were not seen after the same context.

    Source:
        Kneser and Ney 1995, in the interpolated form of Chen and Goodman 1999, with one discount for each length.

    Raises:
        DataError: an argument is out of range.
    """

    def __init__(self, vocabulary: int, order: int = 4, discounts: Sequence[float] = DISCOUNTS) -> None:
        from tamis.kernels import ngram

        if not 1 <= vocabulary <= ngram.MOST_TOKENS:
            raise DataError(f"an n-gram model has a vocabulary of 1 to {ngram.MOST_TOKENS:,} tokens, not {vocabulary:,}.")
        if not 1 <= order <= ngram.ORDER:
            raise DataError(f"an n-gram model has an order of 1 to {ngram.ORDER}, not {order}.")
        if len(discounts) < order or not all(0 < one < 1 for one in discounts):
            raise DataError(f'an n-gram model of order {order} wants {order} discounts between 0 and 1, not "{list(discounts)}".')
        self.vocabulary, self.order, self.discounts = vocabulary, order, tuple(discounts[:order])
        self._counts = ngram.empty(vocabulary, order)

    @property
    def tokens(self) -> int:
        """How many tokens were counted."""
        return self._counts.tokens

    def add(self, tokens: Tokens) -> None:
        """Count the n-grams of some documents, beside what was counted before.

        Raises:
            DataError: an id is not in the vocabulary.
        """
        self._add(tokens, 0, tokens.total)

    def bits(self, tokens: Tokens, first: np.ndarray | None = None) -> np.ndarray:
        """How many bits each document takes, given nothing before it. May be called by several threads.

        Args:
            tokens: n documents.
            first: i64[n], from which token of each document on, 0 to its length; those before it are context. None: 0.

        Returns:
            f64[n], finite; 0 for a document without tokens.

        Raises:
            DataError: an id is not in the vocabulary, or `first` does not fit.
        """
        from tamis.kernels import ngram

        self._check(tokens)
        first = np.zeros(len(tokens), np.int64) if first is None else np.asarray(first, np.int64)
        if len(first) != len(tokens) or not np.all((first >= 0) & (first <= tokens.lengths)):
            raise DataError("`first` wants a token of each document, from 0 to the document's length.")
        discounts = np.zeros(ngram.ORDER)
        discounts[: self.order] = self.discounts
        return ngram.bits(self._counts, tokens.ids, tokens.starts, first, discounts)

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
        found = np.empty((len(budgets), len(held)))
        if len(budgets) and not 0 <= min(budgets) <= max(budgets) <= train.total:
            raise DataError(f"budgets go from {min(budgets):,} to {max(budgets):,} tokens, and the stream holds {train.total:,}.")
        at = 0
        for place in np.argsort(np.asarray(budgets, np.int64), kind="stable").tolist():
            self._add(train, at, int(budgets[place]))
            at = int(budgets[place])
            found[place] = self.bits(held, first)
        return found

    def grams(self) -> tuple[np.ndarray, np.ndarray]:
        """What `restored` needs: keys u64[m], ascending, and times u32[m], as of `tamis.kernels.ngram.grams`."""
        from tamis.kernels import ngram

        return ngram.grams(self._counts)

    @staticmethod
    def restored(vocabulary: int, order: int, discounts: Sequence[float], keys: np.ndarray, times: np.ndarray) -> NGram:
        """A model of what `grams` gave; its bits are the same to the last one.

        Raises:
            DataError: the keys are not those of a model of this order and vocabulary.
        """
        from tamis.kernels import ngram

        model = NGram(vocabulary, order, discounts)
        restored = ngram.restore(vocabulary, order, keys, times)
        if restored is None:
            raise DataError("the counts of the model are damaged.")
        model._counts = restored
        return model

    def _add(self, tokens: Tokens, begin: int, end: int) -> None:
        from tamis.kernels import ngram

        self._check(tokens)
        if self.tokens + end - begin > ngram.MOST_COUNTED:
            raise DataError(f"an n-gram model counts {ngram.MOST_COUNTED:,} tokens at most.")
        ngram.add(self._counts, tokens.ids, tokens.starts, begin, end)

    def _check(self, tokens: Tokens) -> None:
        """Refuse an id outside the vocabulary: it would be counted outside of the tables."""
        if tokens.total and int(tokens.ids.max()) >= self.vocabulary:
            raise DataError(f"the tokens hold the id {int(tokens.ids.max()):,}, and the model's vocabulary has {self.vocabulary:,}.")
