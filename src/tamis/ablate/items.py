"""Evaluation items, for any model that gives bits a token: what is read, what of it is scored, which option is right.

An item has options; an option is a *context* and a *continuation*, of which the continuation is scored. Where a model's bits come from does
not matter here: `encode` makes token sequences and says from where on each is scored, `item_scores.scores` takes the bits of the scored parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.lm.tokens import Tokens

Kind = Literal["choice", "continuation", "schema", "pairs"]
"""choice: one context, several continuations. continuation: one of each, nothing to choose. schema: several contexts, one continuation.
pairs: two sentences without context, of which the first is the good one."""


class Tokenizer(Protocol):
    """Anything that makes tokens of texts, without marks at their beginning or end; `tamis.lm.tokenizer.Tokenizer` is one."""

    def encode(self, texts: pa.Array, workers: int = 1) -> Tokens:
        """Tokens of texts (large_string[n], no nulls), in order."""
        ...


@dataclass(frozen=True)
class Sequences:
    """Every option of every item, in order: those of an item stand together.

    Args:
        contexts: large_string[n], what comes before; may be "".
        continuations: large_string[n], what is scored; never blank. Begins with the space that parts it from its context.
        items: i64[n], the item of each option: 0, 0, 1, 1, 1, 2 …
        is_gold: bool[n], one option of each item.
    """

    contexts: pa.Array
    continuations: pa.Array
    items: np.ndarray
    is_gold: np.ndarray

    def __len__(self) -> int:
        """Options of all items."""
        return len(self.items)

    def scored_bytes(self) -> np.ndarray:
        """UTF-8 bytes of each continuation: i64[n], at least 1."""
        return np.asarray(pc.binary_length(self.continuations)).astype(np.int64)


@dataclass(frozen=True)
class Encoded:
    """Sequences as tokens.

    Args:
        tokens: one document for each option, in the order of the sequences.
        first: i64[n], tokens of its context: the place of the first token that is scored.
    """

    tokens: Tokens
    first: np.ndarray


@dataclass(frozen=True)
class ItemSet:
    """The items of one evaluation set.

    Args:
        name: as it is printed.
        kind: see `Kind`.
        sequences: its options.
        rows: where each item comes from: "<set>:<row>", row + 1 being the line of a JSONL file.
        groups: what items are grouped by ("phenomenon") → the group of each item.
    """

    name: str
    kind: Kind
    sequences: Sequences
    rows: list[str]
    groups: Mapping[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Items."""
        return len(self.rows)

    def encode(self, tokenizer: Tokenizer, workers: int = 1) -> Encoded:
        """Tokens of every option.

        Context and continuation are made into tokens apart, and joined: so the boundary is exact, and all options of an item share the
        tokens of their context. A tokenizer that sees both at once might make one token across the boundary.
        """
        # The options of an item mostly share their context, or their continuation: each text is made into tokens once.
        contexts, continuations = (texts.dictionary_encode() for texts in (self.sequences.contexts, self.sequences.continuations))
        before = tokenizer.encode(contexts.dictionary, workers)
        after = tokenizer.encode(continuations.dictionary, workers)
        pieces = np.stack([np.asarray(contexts.indices), len(before) + np.asarray(continuations.indices)], axis=1)
        parts = Tokens.concat([before, after]).take(pieces.ravel())
        return Encoded(Tokens(parts.ids, parts.starts[::2]), parts.lengths[::2])

    def overlap_texts(self) -> pa.Table:
        """What training text must not hold: of each item its context and gold continuation, as one text.

        Returns:
            item: string, as in `rows`. text: large_string.
        """
        gold = pa.array(self.sequences.is_gold)
        parts = (self.sequences.contexts.filter(gold), self.sequences.continuations.filter(gold))
        return pa.table(
            {"item": pa.array(self.rows, pa.string()), "text": pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))}
        )

    def thinned(self, most: int, seed: int = 0) -> ItemSet:
        """At most so many items of each of the smallest groups (of the whole set where it has no groups), in their order.

        Which ones depends on their text and the seed alone, so a set in another order gives the same items.
        """
        texts = self.overlap_texts()["text"].to_pylist()
        draws = [hashlib.blake2b(text.encode(), digest_size=8, salt=seed.to_bytes(8, "little")).digest() for text in texts]
        finest = max(self.groups.values(), key=lambda names: len(set(names)), default=[""] * len(self))
        taken: dict[str, int] = {}
        kept = np.zeros(len(self), bool)
        for item in sorted(range(len(self)), key=lambda i: (draws[i], i)):
            if taken.get(finest[item], 0) < most:
                taken[finest[item]] = taken.get(finest[item], 0) + 1
                kept[item] = True
        return self._only(kept)

    def _only(self, kept: np.ndarray) -> ItemSet:
        """The items of which `kept` (bool[items]) is true."""
        options = kept[self.sequences.items]
        mask = pa.array(options)
        sequences = Sequences(
            self.sequences.contexts.filter(mask),
            self.sequences.continuations.filter(mask),
            (np.cumsum(kept) - 1)[self.sequences.items[options]],
            self.sequences.is_gold[options],
        )
        groups = {by: [name for name, keep in zip(names, kept, strict=True) if keep] for by, names in self.groups.items()}
        return replace(self, sequences=sequences, rows=[row for row, keep in zip(self.rows, kept, strict=True) if keep], groups=groups)
