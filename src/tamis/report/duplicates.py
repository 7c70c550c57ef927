"""What was dropped in favour of another document: sizes of clusters, similarities, and which pairs to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

Fact = dict[str, Any]
SHOWN_SIZES = 10
SHOWN_PAIRS = 5
"""Clusters of each kind that are shown side by side, for each stage."""
BINS = 20
"""Between the least similarity, rounded down to a hundredth, and 1."""
FINE = 10_000
"""Similarities are told apart by so many parts of 1 until the least of them is known."""
ORDERS: Mapping[str, tuple[list[str], list[bool]]] = {
    "largest": (["cluster_size", "similarity", "address"], [True, False, False]),
    "doubtful": (["similarity", "cluster_size", "address"], [False, True, False]),
}
PAIR = {
    "stage": pl.String,
    "cluster": pl.String,
    "cluster_size": pl.Int64,
    "similarity": pl.Float64,
    "partner": pl.String,
    "address": pl.String,
}


@dataclass
class Duplicates:
    """Counts of dropped documents that have a partner.

    Args:
        removed: (stage, cluster_size) → documents that the stage dropped, from groups of that size.
        members: cluster_size → documents in clusters that have a name, whatever became of them; named: the stages that name them.
        similar: stage → i64[FINE + 1], documents by their similarity with the partner.
        pairs: of each order in `ORDERS` and each stage the first `SHOWN_PAIRS` clusters, each with its least alike document.
    """

    removed: Counter[tuple[str, int]] = field(default_factory=Counter)
    members: Counter[int] = field(default_factory=Counter)
    named: set[str] = field(default_factory=set)
    similar: dict[str, np.ndarray] = field(default_factory=dict)
    pairs: dict[str, pl.DataFrame] = field(default_factory=lambda: dict.fromkeys(ORDERS, pl.DataFrame(schema=PAIR)))

    def add(self, frame: pl.DataFrame) -> None:
        """Count a slab of the ledger."""
        if not {"partner", "cluster_size"} <= set(frame.columns) or not frame.schema["cluster_size"].is_integer():
            return
        own = frame.filter(pl.col("stage").is_not_null() & pl.col("partner").is_not_null() & (pl.col("cluster_size") > 1))
        if frame.schema.get("cluster") == pl.String:
            for size, documents in frame.filter(pl.col("cluster").is_not_null()).group_by("cluster_size").len().iter_rows():
                self.members[size] += documents
            self.named |= set(own.filter(pl.col("cluster").is_not_null())["stage"].unique())
        for stage, size, documents in own.group_by("stage", "cluster_size").len().iter_rows():
            self.removed[stage, size] += documents
        if own.height:
            self._add_pairs(own)

    def _add_pairs(self, own: pl.DataFrame) -> None:
        similar = pl.col("similarity") if "similarity" in own.columns and own.schema["similarity"].is_float() else pl.lit(None, pl.Float64)
        named = pl.coalesce("cluster", "partner") if own.schema.get("cluster") == pl.String else pl.col("partner")
        some = own.select(
            "stage",
            cluster=named,
            cluster_size=pl.col("cluster_size").cast(pl.Int64),
            similarity=similar,
            partner="partner",
            address=pl.format("{}:{}", "shard", "row"),
        )
        for stage, part in some.filter(pl.col("similarity").is_between(0, 1)).group_by("stage"):
            bins = np.bincount((part["similarity"].to_numpy() * FINE).round().astype(np.int64), minlength=FINE + 1)
            self.similar[str(stage[0])] = self.similar.get(str(stage[0]), 0) + bins
        for order in ORDERS:
            self.pairs[order] = _first(pl.concat([self.pairs[order], some]), order)


def _first(pairs: pl.DataFrame, order: str) -> pl.DataFrame:
    """The clusters that come first, each with its least alike document."""
    least = pairs.sort("similarity", "address", nulls_last=True).group_by("stage", "cluster", maintain_order=True).first()
    by, down = ORDERS[order]
    return least.sort(by, descending=down, nulls_last=True).group_by("stage", maintain_order=True).head(SHOWN_PAIRS).select(*PAIR)


def told(found: Duplicates, stages: Sequence[str]) -> list[Fact]:
    """What the report says of each stage that dropped anything in favour of a partner; the pairs are still without texts."""
    facts = []
    for stage in stages:
        sizes = sorted(((size, n) for (owner, size), n in found.removed.items() if owner == stage), reverse=True)
        if not sizes:
            continue
        clusters = _clusters(found, stage, sizes)
        counted = [{"size": size, "clusters": clusters.get(size) if clusters else None, "removed": n} for size, n in sizes]
        facts.append(
            {
                "stage": stage,
                "removed": sum(n for _, n in sizes),
                "clusters": sum(clusters.values()) if clusters else None,
                "largest": counted[:SHOWN_SIZES],
                "sizes": _bands(counted),
                "similarity": _similarity(found.similar.get(stage)),
                **{order: pairs.filter(pl.col("stage") == stage).drop("stage").to_dicts() for order, pairs in _named(found).items()},
            }
        )
    return facts


def _named(found: Duplicates) -> dict[str, pl.DataFrame]:
    """The largest clusters, and those of which a pair is not the same text: what is exactly alike is in no doubt."""
    doubtful = found.pairs["doubtful"].filter(pl.col("similarity") < 1)
    return {"largest_pairs": found.pairs["largest"], "doubtful_pairs": doubtful}


def _clusters(found: Duplicates, stage: str, sizes: Sequence[tuple[int, int]]) -> dict[int, int] | None:
    """Size → how many clusters; None where the ledger does not tell."""
    if stage in found.named:
        whole = len(found.named) == 1 and all(found.members[size] % size == 0 for size, _ in sizes)
        return {size: found.members[size] // size for size, _ in sizes} if whole else None
    # All but one of a group go. A stage that goes by something else than one partner for all leaves another remainder.
    known = all(n % (size - 1) == 0 for size, n in sizes)
    return {size: n // (size - 1) for size, n in sizes} if known else None


def _bands(counted: Sequence[Fact]) -> list[Fact]:
    """Clusters and removed documents by size, from each power of two to the next."""
    found: dict[int, list[Fact]] = {}
    for one in counted:
        found.setdefault(one["size"].bit_length() - 1, []).append(one)
    return [
        {
            "least": 1 << power,
            "most": (2 << power) - 1,
            "clusters": None if ones[0]["clusters"] is None else sum(one["clusters"] for one in ones),
            "removed": sum(one["removed"] for one in ones),
        }
        for power, ones in sorted(found.items())
    ]


def _similarity(counts: np.ndarray | None) -> Fact | None:
    """Documents by similarity; None where none is told, or all are the same text."""
    if counts is None or not counts[:FINE].any():
        return None
    low = int(np.flatnonzero(counts)[0]) // (FINE // 100) * (FINE // 100)
    edges = np.linspace(low, FINE, BINS + 1).astype(np.int64)
    places = np.searchsorted(edges[1:-1], np.arange(FINE + 1), side="right")
    return {
        "edges": [round(edge / FINE, 4) for edge in edges.tolist()],
        "documents": np.bincount(places, counts, BINS).astype(np.int64).tolist(),
    }
