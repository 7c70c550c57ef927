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
"""Of the pool's bytes in one cluster: one of 20 folds."""
STEPS = (0.6, 0.7, 0.8)
"""Similarities that a cluster of more is held together by instead, in turn; what is that much alike is never parted."""
WANTED = 0.99
"""The probability with which a pair at the threshold is compared."""


class Clusters(NamedTuple):
    """Documents put together with what is like them.

    Args:
        cluster: i64[n], the least row of the document's cluster; its own row if it is like no other.
        threshold: from this similarity on, documents are in one cluster, but for those of `raised`.
        largest_share: of the pool's bytes, those in the largest cluster; 0 of an empty pool.
        raised: (similarity, share of the pool's bytes): clusters that held too much, and whose documents are together from this
            similarity on only.
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
    without spaces counting as words. The partition does not depend on the order of documents, nor on workers. In a pool made
    from a template, chains of pairs may hold together what is not alike: a cluster of more than `most_share` of the bytes
    is held together by similarities of .6, .7 and .8 instead, until it is smaller; the others stay as they are.

    Args:
        texts: n documents without nulls, any Arrow type of text.
        threshold: above 0, at most 1.
        most_share: of the pool's bytes, for one cluster of several documents; at .8 it may have more, which `largest_share` says.
        workers: threads; None: one a processor.
    """
    pool = in_one_piece(texts)
    found, same = _related(pool, threshold, workers or default_workers()), _equal(pool)
    sizes = np.diff(utf8(pool)[1])
    needed, raised = np.full(len(pool), threshold), list[tuple[float, float]]()
    cluster = _components(found, same, needed)
    for step in STEPS:
        crowd = _crowd(cluster, sizes, most_share)
        if step > threshold and crowd.any():
            needed[crowd] = step
            raised.append((step, _share(sizes[crowd].sum(), sizes)))
            cluster = _components(found, same, needed)
    largest = np.bincount(cluster, weights=sizes).max(initial=0)
    return Clusters(cluster, threshold, _share(largest, sizes), tuple(raised), found.not_compared)


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


def _components(found: _Pairs, same: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Clusters by pairs as much alike as their documents need; two documents of one cluster need the same."""
    from tamis.kernels import graph

    alike = found.jaccard >= needed[found.a]
    rows = np.arange(len(same))
    copies = rows[same != rows]
    return graph.components(len(same), np.concatenate([found.a[alike], same[copies]]), np.concatenate([found.b[alike], copies]))


def _crowd(cluster: np.ndarray, sizes: np.ndarray, most_share: float) -> np.ndarray:
    """bool[n]: documents in clusters of several that hold too much."""
    held = np.bincount(cluster, weights=sizes, minlength=len(cluster))
    several = np.bincount(cluster, minlength=len(cluster)) > 1
    return np.asarray((several & (held > most_share * sizes.sum()))[cluster])


def _share(part: float, sizes: np.ndarray) -> float:
    whole = int(sizes.sum())
    return float(part) / whole if whole else 0.0
