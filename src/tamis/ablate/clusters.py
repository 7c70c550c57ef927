"""Clusters of near-duplicates in a pool, which folds and held-out sets take whole: a copy must not stand on both sides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tamis.ablate.texts import by_parts, in_one_piece
from tamis.documents import utf8
from tamis.mappers import default_workers
from tamis.memory import Reader

THRESHOLD = 0.5
"""Jaccard similarity of word 5-grams from which on two documents are kept together: a document and what is left of it when a tenth of
its words are edited have .41, when it is cut to 80 % .80."""
MOST_SHARE = 0.05
"""Of the pool's bytes in the largest cluster: one of 20 folds."""
STEPS = (0.6, 0.7, 0.8, 0.9, 1.0)
"""Thresholds that are tried in turn where the largest cluster is too large."""
WANTED = 0.99
"""The probability with which a pair at the threshold is compared."""


class Clusters(NamedTuple):
    """Documents put together with what is like them.

    Args:
        cluster: i64[n], the least row of the document's cluster; its own row if it is like no other.
        threshold: from this similarity on, documents are in one cluster.
        largest_share: of the pool's bytes, those in the largest cluster; 0 of an empty pool.
        raised: thresholds that put too much into one cluster, each with its largest share.
        not_compared: pairs in over-full buckets that were left out, in each band anew.
    """

    cluster: np.ndarray
    threshold: float
    largest_share: float
    raised: tuple[tuple[float, float], ...]
    not_compared: int


def clusters(
    texts: pa.ChunkedArray | pa.Array, threshold: float = THRESHOLD, *, most_share: float = MOST_SHARE, workers: int | None = None
) -> Clusters:
    """Connected components of documents that are alike; equal texts are always together.

    Pairs are nominated by MinHash and verified on the texts, as the stage `near_duplicates` does it, letters of scripts
    without spaces counting as words. The partition does not depend on the order of documents, nor on workers. Chains may
    join a large part of a templated pool: where the largest cluster holds more than `most_share` of the bytes, the threshold
    is raised by tenths until it does not, or until only equal sets of shingles are together.

    Args:
        texts: n documents without nulls, any Arrow type of text.
        threshold: above 0, at most 1.
        most_share: of the pool's bytes, allowed to the largest cluster; but one document may have as many as it has.
        workers: threads; None: one a processor.
    """
    pool = in_one_piece(texts)
    found, same = _related(pool, threshold, workers or default_workers()), _equal(pool)
    sizes = np.diff(utf8(pool)[1])
    raised: list[tuple[float, float]] = []
    for step in (threshold, *(step for step in STEPS if step > threshold)):
        cluster = _components(found, same, step)
        share = _largest(cluster, sizes)
        if share <= max(most_share, _share(sizes.max(initial=0), sizes)):
            break
        raised.append((step, share))
    if raised and raised[-1][0] == step:
        raised.pop()  # the last step stands, whatever it leaves
    return Clusters(cluster, step, share, tuple(raised), found.not_compared)


class _Pairs(NamedTuple):
    a: np.ndarray
    b: np.ndarray
    jaccard: np.ndarray
    not_compared: int


def _related(pool: pa.Array, threshold: float, workers: int) -> _Pairs:
    """Pairs of documents at least so alike."""
    import polars as pl

    from tamis.kernels import minhash
    from tamis.kernels.shingles import Rule
    from tamis.near_pairs import Search, relate

    rule, banding = Rule(unit="auto"), minhash.banding(threshold, WANTED)
    measured = list(by_parts(lambda part: minhash.measured(*utf8(part), rule, *banding), pool, workers))
    if not measured:
        nothing = np.empty(0, np.int64)
        return _Pairs(nothing, nothing, nothing, 0)
    whole = minhash.Measured(*(np.concatenate(some, axis=-1) for some in zip(*measured, strict=True)))
    bands = {f"_band_{i:02}": band for i, band in enumerate(whole.bands)}
    signals = pl.DataFrame({"shingles": whole.shingles, "_sketch": whole.sketch, "_set_low": whole.low, "_set_high": whole.high, **bands})
    search = Search(rule, *banding, nominated=threshold, jaccard=threshold, containment=None)
    found = relate(search, signals.lazy(), Reader(pa.table({"text": pool}), workers))
    paired = found.filter(pl.col("b").is_not_null())
    a, b, jaccard = (paired[name].to_numpy() for name in ("a", "b", "jaccard"))
    return _Pairs(a.astype(np.int64), b.astype(np.int64), jaccard, int(found["not_compared"].sum()))


def _equal(pool: pa.Array) -> np.ndarray:
    """i64[n]: the first row of the same text."""
    from tamis.kernels.hashing import murmur128
    from tamis.kernels.pairs import first_equal

    return first_equal(*murmur128(*utf8(pool)), np.ones(len(pool), np.uint32)).astype(np.int64)


def _components(found: _Pairs, same: np.ndarray, threshold: float) -> np.ndarray:
    from tamis.kernels import graph

    alike = found.jaccard >= threshold
    rows = np.arange(len(same))
    copies = rows[same != rows]
    return graph.components(len(same), np.concatenate([found.a[alike], same[copies]]), np.concatenate([found.b[alike], copies]))


def _largest(cluster: np.ndarray, sizes: np.ndarray) -> float:
    return _share(np.bincount(cluster, weights=sizes).max(initial=0), sizes)


def _share(part: float, sizes: np.ndarray) -> float:
    whole = int(sizes.sum())
    return float(part) / whole if whole else 0.0
