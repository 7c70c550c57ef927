"""Ways to train a model on a stream and to evaluate it. Rung 0 counts n-grams; the rungs of GPTs fit the same protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tamis.lm.tokens import Tokens


class Rung(Protocol):
    """One size of model, one way to train it."""

    @property
    def name(self) -> str:
        """In results."""
        ...

    @property
    def settings(self) -> dict[str, object]:
        """Everything that changes its losses, for the plan and for the names of trainings."""
        ...

    @property
    def order_blind(self) -> bool:
        """It counts, and so cannot judge repeats: stages that compare documents are measured and not judged."""
        ...

    def train(self, stream: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray, seed: int) -> np.ndarray:
        """Train on a stream once, from its beginning, and evaluate on the way.

        Args:
            stream: documents in order.
            budgets: tokens after which to evaluate, ascending, at most those of the stream.
            held: documents to evaluate.
            first: i64[n], the token of each from which on it is scored.
            seed: of initialisation and whatever else is drawn.

        Returns:
            f64[len(budgets), n], bits of each held document.
        """
        ...


@dataclass(frozen=True)
class NGramRung:
    """Rung 0: an interpolated Kneser-Ney 4-gram, see `tamis.lm.ngram`. It draws nothing, so the seed changes nothing."""

    vocabulary: int
    order: int = 4

    name: str = "ngram"
    order_blind: bool = True

    @property
    def settings(self) -> dict[str, object]:
        """Vocabulary, order and discounts."""
        from tamis.lm import ngram

        return {"rung": self.name, "vocabulary": self.vocabulary, "order": self.order, "discounts": list(ngram.DISCOUNTS)}

    def train(self, stream: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray, seed: int) -> np.ndarray:
        """Counts add: one pass over the stream, an evaluation at each budget."""
        from tamis.lm.ngram import NGram

        del seed
        return NGram(self.vocabulary, order=self.order).curve(stream, budgets, held, first)


def rungs_of(names: Sequence[str], vocabulary: int) -> list[Rung]:
    """The rungs of a design, the cheapest first."""
    known = {"ngram": NGramRung(vocabulary)}
    return [known[name] for name in names]
