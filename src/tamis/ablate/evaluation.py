"""What models are evaluated on, read before the pool is touched: the target, evaluation items, and later the held-out documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.ablate import reference
from tamis.ablate.design import Design
from tamis.ablate.draws import seeded
from tamis.ablate.held import KEPT, RAW, REMOVED, TARGET, Held, HeldSet, merged
from tamis.ablate.item_files import load_sets
from tamis.ablate.items import ItemSet
from tamis.ablate.pool import Pool, read_shards
from tamis.documents import one_piece, utf8
from tamis.errors import AblationError
from tamis.lm.tokenizer import Tokenizer
from tamis.lm.tokens import Tokens

BYTES_PER_TOKEN = 3.0
"""Of English under a vocabulary of 2048, about: sets are cut before there is a tokenizer."""
MOST_TARGET = 4
"""Times `held_out` tokens of a target, evenly by domain."""
MOST_ITEMS, MOST_OF_GROUP = 500, 100
"""Items of a set, and of each of its smallest groups where it has some (BLiMP needs 100 pairs a paradigm: C7)."""


@dataclass(frozen=True)
class Evaluation:
    """Everything that comes from outside the pool.

    Args:
        target: large_string[t]; none where nothing is to be the target.
        domain: str[t].
        name: what the target is called.
        items: evaluation sets.
        digest: names the target's text.
    """

    target: pa.Array
    domain: np.ndarray
    name: str
    digest: str
    items: tuple[ItemSet, ...] = field(default_factory=tuple)

    def texts(self) -> dict[str, pa.Array]:
        """Set → texts that no arm may hold."""
        found = {TARGET: self.target} if len(self.target) else {}
        return found | {one.name: one_piece(one.overlap_texts()["text"]) for one in self.items}

    @property
    def keys(self) -> np.ndarray:
        """u64[t], hashes of the target's texts."""
        from tamis.kernels.hashing import murmur128

        return murmur128(*utf8(self.target))[0]

    def held(self, tokenizer: Tokenizer, pool: Pool, rows: np.ndarray, plain: Tokens, workers: int, *, most: int) -> Held:
        """All sequences: the target's documents, then held-out ones of the pool, then the options of items.

        Args:
            tokenizer: of all arms.
            pool: with its mixes.
            rows: i64[h], of held-out raw documents.
            plain: tokens of the pool's documents.
            workers: side by side.
            most: held-out tokens are about that many already; the target is cut to some times as many.

        Raises:
            AblationError: there is nothing to evaluate on.
        """
        size = np.diff(utf8(self.target)[1])
        chosen = np.flatnonzero(_even(self.domain, size, int(MOST_TARGET * most * BYTES_PER_TOKEN), self.target))
        target = tokenizer.encode(self.target.take(pa.array(chosen)), workers)
        sets = [HeldSet(TARGET, np.arange(len(chosen)), self.domain[chosen], size[chosen])] if len(chosen) else []
        domain, bytes_held = merged(pool.domain[rows], pool.bytes[rows]), pool.bytes[rows]
        places = len(chosen) + np.arange(len(rows))
        curated = pool.mixes["curated"][rows] > 0 if "curated" in pool.mixes else None
        for name, mask in ((RAW, np.ones(len(rows), np.bool_)), (KEPT, curated), (REMOVED, None if curated is None else ~curated)):
            if mask is not None and bytes_held[mask].sum():
                sets.append(HeldSet(name, places[mask], merged(domain[mask], bytes_held[mask]), bytes_held[mask]))
        if not sets:
            raise AblationError("there is no text to evaluate on: no target, and no raw document could be held out.\nFix: name a --target.")
        parts, first, items = [target, plain.take(rows)], [np.zeros(len(chosen) + len(rows), np.int64)], []
        start = len(chosen) + len(rows)
        for one in self.items:
            encoded = one.encode(tokenizer, workers)
            parts.append(encoded.tokens)
            first.append(encoded.first)
            items.append((one, start, start + len(encoded.first)))
            start += len(encoded.first)
        return Held(Tokens.concat(parts), np.concatenate(first), sets, tuple(items))

    def facts(self) -> dict[str, Any]:
        """For the plan."""
        size = np.diff(utf8(self.target)[1]) if len(self.target) else np.zeros(0, np.int64)
        names, which = np.unique(self.domain.astype(str), return_inverse=True)
        by = {str(name): int(count) for name, count in zip(names, np.bincount(which, size, len(names)), strict=True)}
        return {
            "name": self.name,
            "documents": len(self.target),
            "bytes": int(size.sum()),
            "domains": by,
            "digest": self.digest,
            "items": [{"set": one.name, "kind": one.kind, "items": len(one)} for one in self.items],
        }


def evaluation(design: Design) -> Evaluation:
    """The target and the items of a design.

    Raises:
        TamisError: a place does not exist or holds no such thing.
    """
    items = tuple(one.thinned(MOST_OF_GROUP if one.groups else MOST_ITEMS, design.seed) for one in load_sets(design.items))
    if design.target == "none":
        return Evaluation(pa.array([], pa.large_string()), np.array([], object), "none", "", items)
    if design.target == "reference":
        table = reference.load()
        domain = table["domain"].to_numpy(zero_copy_only=False).astype(object)
        return Evaluation(one_piece(table["text"].cast(pa.large_string())), domain, "reference", reference.sha256(), items)
    places = (design.target,) if isinstance(design.target, str) else design.target
    docs, domain, _ = read_shards(places, design, int(10 * MOST_TARGET * design.held_out * BYTES_PER_TOKEN))
    if not docs.num_rows:
        raise AblationError(f"{places[0]} holds no document to be the target.\nFix: name shards with text.")
    text = one_piece(docs.column("text"))
    return Evaluation(text, merged(domain, np.diff(utf8(text)[1])), ", ".join(places), _digest(text), items)


def _even(domain: np.ndarray, size: np.ndarray, most: int, texts: pa.Array) -> np.ndarray:
    """bool[t]: of each domain as many bytes as of the others, as far as there are, drawn by text."""
    from tamis.kernels.hashing import murmur128

    taken = np.zeros(len(size), np.bool_)
    order = np.argsort(seeded(murmur128(*utf8(texts))[0], 0), kind="stable") if len(size) else np.zeros(0, np.int64)
    names = np.unique(domain.astype(str))
    for name in names:
        here = order[domain[order].astype(str) == name]
        taken[here[np.cumsum(size[here]) - size[here] < most / len(names)]] = True
    return taken


def _digest(texts: pa.Array) -> str:
    from tamis.kernels.hashing import murmur128

    low, _ = murmur128(*utf8(texts))
    return f"{int(np.add.reduce(low, dtype=np.uint64)):016x}"
