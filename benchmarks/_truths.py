"""What `ablation_truths.py` stands on: a corpus encoded once, held-out text, folds drawn anew, losses of streams."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.ablate.clusters import clusters
from tamis.ablate.draws import ranks
from tamis.ablate.folds import folds, held_out
from tamis.documents import utf8
from tamis.kernels.hashing import murmur128
from tamis.lm.ngram import NGram
from tamis.lm.tokenizer import Tokenizer
from tamis.lm.tokens import Tokens

DOMAINS, DOMAIN_TOKENS = 6, 10_000
"""Held-out text: of each of the largest sources so many tokens, whole documents."""
DOCUMENT_TOKENS = 100, 1000
"""Of a held-out document, so that there are many."""
CLUSTER_SHARE = 0.1
"""Of a fold: larger clusters stay out, for one would be most of a fold. (Folds are small here, since every repeat draws its own.)"""
HELD_SHARE = 0.04
SAMPLE_BYTES = 1_000_000
"""Of each source, for the tokenizer."""


@dataclass(frozen=True)
class Ground:
    """A corpus and what is held out of it.

    Args:
        path: of the shards.
        tokens: n documents.
        row: i64[n], where each document stands in the shards.
        size: i64[n], bytes.
        key: u64[n], text hashes.
        cluster: i64[n].
        source: str[n].
        held: m documents of other clusters.
        held_domain: i64[m], 0 to DOMAINS - 1.
        held_size: i64[m], bytes.
        tokenizer: JSON.
    """

    path: str
    tokens: Tokens
    row: np.ndarray
    size: np.ndarray
    key: np.ndarray
    cluster: np.ndarray
    source: np.ndarray
    held: Tokens
    held_domain: np.ndarray
    held_size: np.ndarray
    tokenizer: bytes
    _bytes: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_bytes", np.bincount(self.held_domain, self.held_size, DOMAINS))

    def losses(self, stream: Tokens, budgets: list[int]) -> np.ndarray:
        """f64[budgets]: bits per byte after so many tokens of a stream, the mean over domains."""
        bits = NGram(2048).curve(stream, budgets, self.held)
        return np.stack([np.bincount(self.held_domain, one, DOMAINS) / self._bytes for one in bits]).mean(axis=1)

    def loss(self, rows: np.ndarray, budget: int | None = None) -> float:
        """Bits per byte after a stream of documents, cut at a budget; None: after all of them."""
        stream = self.tokens.take(rows)
        return float(self.losses(stream, [stream.total if budget is None else budget])[0])

    def draw(self, tokens: int, count: int, seed: int) -> list[np.ndarray]:
        """The rows, in the order in which they are read, of some of the disjoint folds that the corpus makes, anew for every seed.

        Args:
            tokens: of a fold, on average.
            count: folds.
            seed: of the repeat.
        """
        lengths = self.tokens.lengths
        able = np.flatnonzero(np.bincount(self.cluster, lengths)[self.cluster] <= CLUSTER_SHARE * tokens)
        many = int(lengths[able].sum() / tokens)
        if many < count:
            raise SystemExit(f"{self.path} makes {many} folds of {tokens:,.0f} tokens, and {count} are needed: take more text.")
        fold = folds(self.cluster[able], self.key[able], self.size[able], count=many, seed=seed).fold
        order = np.argsort(ranks(self.key[able], seed, 1), kind="stable")
        return [able[order[fold[order] == s]] for s in range(count)]

    def cut(self, rows: np.ndarray, tokens: int) -> np.ndarray:
        """The first documents that hold at least so many tokens."""
        return rows[: int(np.searchsorted(np.cumsum(self.tokens.lengths[rows]), tokens)) + 1]

    def texts(self) -> pa.ChunkedArray:
        """The texts of all documents of the shards."""
        return pq.read_table(self.path, columns=["text"])["text"]


def prepare(path: str, cache: Path) -> Ground:
    """Cluster, hold out and encode a folder of shards with the columns text and source; or read what was made of it before."""
    named = sorted((one.name, one.stat().st_size) for one in Path(path).glob("*.parquet"))
    place = cache / f"truths-{hashlib.sha256(repr(named).encode()).hexdigest()[:12]}.npz"
    if not place.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(place, **_prepared(path))
    made = dict(np.load(place))
    held, tokens = (Tokens(made.pop(f"{name}_ids"), made.pop(f"{name}_starts")) for name in ("held", "tokens"))
    return Ground(path=path, tokens=tokens, held=held, tokenizer=made.pop("tokenizer").tobytes(), **made)


def _prepared(path: str) -> dict[str, Any]:
    table = pq.read_table(path, columns=["text", "source"])
    text = table["text"].cast(pa.large_string()).combine_chunks()
    source = np.array(table["source"].to_pylist())
    size, key = np.diff(utf8(text)[1]).astype(np.int64), murmur128(*utf8(text))[0]
    cluster = clusters(text).cluster
    out = held_out(cluster, key, size, share=HELD_SHARE, seed=0)
    order = np.argsort(ranks(key, 0))
    largest = [str(name) for name, _ in sorted(_bytes_of(source[out], size[out]).items(), key=lambda one: -one[1])][:DOMAINS]
    tokenizer = Tokenizer.train(_sample(text, source, size, order[~out[order]]))
    tokens = tokenizer.encode(text)
    held, domain = [], []
    for place, name in enumerate(largest):
        least, most = DOCUMENT_TOKENS
        rows = order[out[order] & (source[order] == name) & (tokens.lengths[order] >= least) & (tokens.lengths[order] <= most)]
        rows = rows[np.cumsum(tokens.lengths[rows]) <= DOMAIN_TOKENS]
        held.append(rows)
        domain.append(np.full(len(rows), place))
    evaluated, pool = np.concatenate(held), np.flatnonzero(~out)
    kept, seen = tokens.take(pool), tokens.take(evaluated)
    return {
        "tokens_ids": kept.ids, "tokens_starts": kept.starts, "held_ids": seen.ids, "held_starts": seen.starts, "row": pool,
        "size": size[pool], "key": key[pool], "cluster": cluster[pool], "source": source[pool], "held_domain": np.concatenate(domain),
        "held_size": size[evaluated], "tokenizer": np.frombuffer(tokenizer.to_bytes(), np.uint8),
    }  # fmt: skip


def _bytes_of(names: np.ndarray, size: np.ndarray) -> dict[str, int]:
    found, which = np.unique(names, return_inverse=True)
    return dict(zip(found.tolist(), np.bincount(which, size).astype(int).tolist(), strict=True))


def _sample(text: pa.Array, source: np.ndarray, size: np.ndarray, order: np.ndarray) -> list[str]:
    rows = []
    for name in np.unique(source):
        mine = order[source[order] == name]
        rows += mine[np.cumsum(size[mine]) <= SAMPLE_BYTES].tolist()
    return text.take(pa.array(rows)).to_pylist()
