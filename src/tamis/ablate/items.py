"""Evaluation items, for any model that gives bits a token: what is read, what of it is scored, which option is right.

An item has options; an option is a *context* and a *continuation*, of which the continuation is scored. Where a model's bits come from does
not matter here: `encode` makes token sequences and says from where on each is scored, `item_scores.scores` takes the bits of the scored parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Kind = Literal["choice", "continuation", "schema", "pairs"]
"""choice: one context, several continuations. continuation: one of each, nothing to choose. schema: several contexts, one continuation.
pairs: two sentences without context, of which the first is the good one."""


class Tokens(Protocol):
    """Token ids of texts: text i is ids[starts[i]:starts[i + 1]]."""

    @property
    def ids(self) -> np.ndarray:
        """u16[t]."""
        ...

    @property
    def starts(self) -> np.ndarray:
        """i64[n + 1]."""
        ...


class Tokenizer(Protocol):
    """Anything that makes tokens of texts, without marks at their beginning or end."""

    def encode(self, texts: pa.Array) -> Tokens:
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
    """Sequences as tokens; sequence i is ids[starts[i]:starts[i + 1]], scored from its token `first[i]` on.

    Args:
        ids: u16[t].
        starts: i64[n + 1].
        first: i64[n], tokens of the context.
    """

    ids: np.ndarray
    starts: np.ndarray
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

    def encode(self, tokenizer: Tokenizer) -> Encoded:
        """Tokens of every option.

        Context and continuation are made into tokens apart, and joined: so the boundary is exact, and all options of an item share the
        tokens of their context. A tokenizer that sees both at once might make one token across the boundary.
        """
        # The options of an item mostly share their context, or their continuation: each text is made into tokens once.
        before = _pieces(tokenizer, self.sequences.contexts)
        after = _pieces(tokenizer, self.sequences.continuations)
        return _joined(before, after)

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


def _pieces(tokenizer: Tokenizer, texts: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ids, starts, which): the tokens of text i are those of piece which[i]; each distinct text is a piece."""
    coded = texts.dictionary_encode()
    tokens = tokenizer.encode(coded.dictionary)
    return np.asarray(tokens.ids), np.asarray(tokens.starts, np.int64), np.asarray(coded.indices).astype(np.int64)


def _joined(before: tuple[Any, Any, Any], after: tuple[Any, Any, Any]) -> Encoded:
    """One sequence of each pair of pieces."""
    lengths = np.stack([np.diff(starts)[which] for _, starts, which in (before, after)], axis=1)
    begins = np.stack([starts[:-1][which] for _, starts, which in (before, after)], axis=1)
    begins[:, 1] += len(before[0])
    flat = lengths.ravel()
    # Where each piece begins in the output; a token's place in the source is its place in its piece plus the piece's beginning there.
    ends = np.cumsum(flat)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins.ravel() - (ends - flat), flat)
    starts = np.concatenate([[0], np.cumsum(lengths.sum(axis=1))]).astype(np.int64)
    return Encoded(np.concatenate([before[0], after[0]])[places].astype(np.uint16), starts, lengths[:, 0].astype(np.int64))
