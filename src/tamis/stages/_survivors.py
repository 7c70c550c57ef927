"""`decide` of near_duplicates: who of the living stays, from verified pairs alone.

Equal sets of shingles are one node of the graph, for which the best of its living members stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from tamis import preference
from tamis.kernels import graph
from tamis.kernels.pairs import unique

SCHEMA = {
    "row": pl.UInt64, "dropped": pl.Boolean, "partner": pl.UInt64, "similarity": pl.Float64, "containment": pl.Float64,
    "cluster": pl.String, "cluster_size": pl.UInt32, "group": pl.UInt32,
}  # fmt: skip


class Living(NamedTuple):
    """The living documents that are like any other, best first.

    Args:
        rows: u64[n].
        hashes: u64[n], of their texts.
        nodes: i64[n], the class of equal sets that each is in, numbered by the rank of its best member.
    """

    rows: np.ndarray
    hashes: np.ndarray
    nodes: np.ndarray


class Edges(NamedTuple):
    """Verified pairs of living classes: better and worse node (i64), similarity and containment (f64)."""

    better: np.ndarray
    worse: np.ndarray
    jaccard: np.ndarray
    containment: np.ndarray


def survivors(signals: pl.LazyFrame, relations: pl.LazyFrame, prefer: preference.Prefer, threshold: float, containment: float | None) -> pl.DataFrame:
    """What becomes of the living documents that are like any other.

    Returns:
        row; dropped; partner (the kept document that it is most like), similarity and containment, of the dropped;
        cluster (16 hexadecimal digits: the least hash of a text in it), cluster_size; group: the documents that this one
        stands for, itself included; 0 for the dropped.
    """
    alike = pl.col("jaccard") >= threshold
    if containment is not None:
        alike |= pl.col("containment") >= containment
    found = relations.filter(pl.col("b").is_null() | alike).collect()
    related = found.filter(pl.col("b").is_not_null())
    if not related.height:
        return pl.DataFrame(schema=SCHEMA)
    rows = unique(np.concatenate([related["a"].to_numpy(), related["b"].to_numpy()]))
    place = np.zeros(int(rows[-1]) + 1, np.uint32)  # four bytes a document; searching among rows took half of all the time
    place[rows] = np.arange(len(rows), dtype=np.uint32)
    a, b = (place[related[name].to_numpy()].astype(np.int64) for name in ("a", "b"))
    is_hub = np.isin(rows, found.filter(pl.col("b").is_null())["a"].to_numpy())
    reach = np.where(is_hub, np.bincount(a, minlength=len(rows)) + np.bincount(b, minlength=len(rows)), 0)
    equal = related["jaccard"].to_numpy() == 1.0
    classes = np.arange(len(rows))
    classes[b[equal]] = a[equal]
    ordered = _ranked(signals, rows, prefer, reach[place] if reach.any() else None, largest_first=containment is not None)
    living, node_of = _nodes(ordered, place, classes)
    edges = _edges(node_of[a[~equal]], node_of[b[~equal]], related.filter(~pl.Series(equal)))
    return _fates(living, edges)


def _ranked(signals: pl.LazyFrame, rows: np.ndarray, prefer: preference.Prefer, reach: np.ndarray | None, *, largest_first: bool) -> pl.DataFrame:
    """The living among some rows, best first.

    Hubs come before all others, for nobody knows how alike those are among each other: with another first, most would stay.
    Of hubs the one that is like most (`reach`, i64, by row; None: there are none) is first.
    """
    alive = signals.join(pl.LazyFrame({"row": rows}), on="row", how="semi")
    ordered = preference.best_first(alive, prefer).select("row", "text._high", "shingles").collect()
    keys = [] if reach is None else [-reach[ordered["row"].to_numpy()]]
    if largest_first:
        keys.append(-ordered["shingles"].to_numpy().astype(np.int64))
    return ordered[np.lexsort(keys)] if keys else ordered


def _nodes(ordered: pl.DataFrame, place: np.ndarray, classes: np.ndarray) -> tuple[Living, np.ndarray]:
    """Living documents with their nodes, and the node of each class; -1 where nobody lives."""
    mine = classes[place[ordered["row"].to_numpy()]]
    best = np.full(len(classes), len(mine))
    best[mine[::-1]] = np.arange(len(mine))[::-1]  # the last write is that of the best member
    alive = np.flatnonzero(best < len(mine))
    node_of = np.full(len(classes), -1)
    node_of[alive[np.argsort(best[alive])]] = np.arange(len(alive))
    return Living(ordered["row"].to_numpy(), ordered["text._high"].to_numpy(), node_of[mine]), node_of


def _edges(x: np.ndarray, y: np.ndarray, related: pl.DataFrame) -> Edges:
    kept = (x >= 0) & (y >= 0)
    jaccard, containment = related["jaccard"].to_numpy()[kept], related["containment"].to_numpy()[kept]
    return Edges(np.minimum(x, y)[kept], np.maximum(x, y)[kept], jaccard, containment)


def _fates(living: Living, edges: Edges) -> pl.DataFrame:
    nodes = living.nodes
    count = int(nodes.max(initial=-1)) + 1
    keeper, edge = graph.first_independent(count, edges.better, edges.worse, edges.jaccard)
    leader = np.empty(count, np.int64)
    leader[nodes[::-1]] = np.arange(len(nodes))[::-1]
    partner = leader[keeper[nodes]]
    dropped = partner != np.arange(len(nodes))
    by_edge = edge[nodes] >= 0
    similarity, containment = np.ones(len(nodes)), np.ones(len(nodes))
    similarity[by_edge], containment[by_edge] = edges.jaccard[edge[nodes[by_edge]]], edges.containment[edge[nodes[by_edge]]]
    cluster = graph.components(count, edges.better, edges.worse)[nodes]
    found = pl.DataFrame({
        "row": living.rows, "dropped": dropped, "partner": living.rows[partner], "similarity": similarity, "containment": containment,
        "_cluster": cluster, "_hash": living.hashes, "group": np.bincount(partner, minlength=len(nodes)).astype(np.uint32),
    })  # fmt: skip
    sized = found.with_columns(pl.len().over("_cluster").cast(pl.UInt32).alias("cluster_size"), pl.col("_hash").min().over("_cluster"))
    several = pl.col("cluster_size") > 1
    named = sized.with_columns(cluster=_hexadecimal(sized["_hash"].to_numpy()))
    shown = [pl.when("dropped").then(name).alias(name) for name in ("partner", "similarity", "containment")]
    return named.with_columns(shown).filter(several).select(*SCHEMA)


def _hexadecimal(values: np.ndarray) -> pl.Series:
    digits = pa.py_buffer(values.astype(">u8").tobytes().hex().encode())
    borders = pa.py_buffer(np.arange(0, 16 * len(values) + 1, 16, dtype=np.int64))
    return pl.Series(pl.from_arrow(pa.Array.from_buffers(pa.large_string(), len(values), [None, borders, digits])))


def spread(found: pl.DataFrame, rows: np.ndarray) -> pl.DataFrame:
    """The row of `found` for each of some rows (u64[n], each once), null where there is none: a join, in a fifth of its time."""
    ours = found["row"].to_numpy()
    which = np.zeros(int(max(rows.max(initial=0), ours.max(initial=0))) + 1, np.uint32)
    which[ours] = np.arange(1, len(ours) + 1, dtype=np.uint32)
    nothing = pl.DataFrame({name: [None] for name in found.columns}, schema=found.schema)
    whole = pl.concat([nothing, found], rechunk=True)
    return whole.select(pl.all().gather(which[rows]))


def copies_of(group: pl.Expr, keep_copies: Mapping[int, int]) -> pl.Expr:
    """How many copies a document gets that stands for so many: of the largest lower bound that is reached; 1 below all."""
    copies = pl.lit(1, pl.UInt32)
    for least, many in sorted(keep_copies.items()):
        copies = pl.when(group >= least).then(pl.lit(many, pl.UInt32)).otherwise(copies)
    return copies
