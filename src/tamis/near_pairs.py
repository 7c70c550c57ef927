"""`relate` of near_duplicates: pairs that share a band, and of those the ones whose sets of shingles are alike.

Documents of the same set form a class, of which one is compared with others, so that equal texts cost nothing. Nothing
here depends on the order of documents, but for the numbers by which they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import utf8
from tamis.errors import DataError
from tamis.kernels import graph, minhash, overlaps, pairs, shingles
from tamis.stage import Read

Result = TypeVar("Result")
AT_ONCE = 3
"""Bands in memory at a time at most, of some 30 bytes a document each."""
FULL = 10
"""A bucket of less than 2**10 documents is compared all with all, as long as such pairs are few."""
PAIRS = 4_000_000
"""So many pairs in a band, and one more for each document, are few."""
HUBS = 8
"""Documents of an over-full bucket that all others in it are compared with."""
SET_ITEMS = 64_000_000
"""Shingles of candidates held at a time: 512 MB."""
SLICE = 50_000
"""Pairs that a worker compares at a time."""


class Search(NamedTuple):
    """What is looked for.

    Args:
        rule: what a shingle is.
        bands, rows: of the signature.
        nominated: the similarity that the bands were built for.
        jaccard: pairs at least so alike are related.
        containment: and those of which one contains so much of the other; None: none.
    """

    rule: shingles.Rule
    bands: int
    rows: int
    nominated: float
    jaccard: float
    containment: float | None


class Crowd(NamedTuple):
    """A bucket too full to compare all its documents: those that all others were compared with, and the pairs left out."""

    hubs: np.ndarray
    not_compared: int


def relate(search: Search, signals: pl.LazyFrame, read: Read) -> pl.DataFrame:
    """Pairs of the same set or alike.

    Returns:
        a, b: u64, a < b: rows; of a class, every other member with the first, and only the first with other documents.
        jaccard, containment: f64, of the sets of shingles, exact; containment is of the smaller in the larger.
        not_compared: u64, null for a pair. For an over-full bucket there is a row for each hub `a`, with `b` null; the first
            says how many pairs were left out.
    """
    known = signals.select("_set_low", "_set_high", "shingles", "_sketch").collect()
    low, sizes = known["_set_low"].to_numpy(), known["shingles"].to_numpy()
    first = pairs.first_equal(low, known["_set_high"].to_numpy(), sizes)
    bits = min(minhash.SKETCH_BITS, search.bands * search.rows)
    cut = minhash.sketch_cut(search.nominated, search.bands * search.rows)
    sieve = pairs.Sieve(sizes, known["_sketch"].to_numpy(), search.nominated, bits, cut)
    del known
    everyone = np.arange(len(first), dtype=np.uint32)
    copies = np.flatnonzero(first != everyone)
    equal = _frame(first[copies], copies, np.ones(len(copies)), np.ones(len(copies)))
    members = everyone[(first == everyone) & (sizes > 0)]
    del first, everyone
    nominated, crowds = _nominated(search, signals, members, sieve, low, read.workers)
    del members, low
    verified = _verified(search, nominated, sizes, read)
    return pl.concat([equal, *verified, *map(_told, crowds)]).sort("a", "b", "not_compared", nulls_last=True)


def _nominated(
    search: Search, signals: pl.LazyFrame, members: np.ndarray, sieve: pairs.Sieve, low: np.ndarray, workers: int
) -> tuple[np.ndarray, list[Crowd]]:
    """All pairs of members that share a band and pass the sieve, ascending; and the buckets that were too full."""
    gathered, crowds = np.empty(0, np.uint64), []
    if len(members) < 2:
        return gathered, []

    def keys(band: int) -> np.ndarray:
        name = f"_band_{band % search.bands:02}"
        return signals.select(name).collect().to_series().to_numpy()

    def of_band(band: int) -> tuple[np.ndarray, list[Crowd]]:
        packed = pairs.buckets(keys(band)[members], members)
        most = _most(pairs.count_pairs(packed), len(members))
        found, crowded = pairs.within_buckets(packed, sieve, most)
        if not len(crowded):
            return pairs.unique(found), []
        further = keys(band + 1)
        split = [_split(pairs.members_of(packed[start:stop]), further, sieve, low, most) for start, stop in crowded]
        return pairs.unique(np.concatenate([found, *(more for more, _ in split)])), [crowd for _, crowd in split]

    waiting: list[np.ndarray] = []
    for found, told in _side_by_side(of_band, range(search.bands), min(workers, AT_ONCE)):
        waiting.append(found)
        crowds += told
        if sum(map(len, waiting)) > len(gathered) + PAIRS:  # sorted rarely, held little
            gathered, waiting = pairs.unique(np.concatenate([gathered, *waiting])), []
    return pairs.unique(np.concatenate([gathered, *waiting])), crowds


def _most(shared: np.ndarray, members: int) -> int:
    """Up to which size the buckets of a band are compared all with all."""
    bits = FULL
    while bits > 5 and shared[: bits + 1].sum() > PAIRS + members:
        bits -= 1
    return (1 << bits) - 1


def _split(who: np.ndarray, further: np.ndarray, sieve: pairs.Sieve, low: np.ndarray, most: int) -> tuple[np.ndarray, Crowd]:
    """Compare an over-full bucket with its hubs, and further those who share the next band as well, with hubs of their own if need be."""
    hubs, others = _hubs(who, sieve, low)
    packed = pairs.buckets(further[others], others)
    inside, crowded = pairs.within_buckets(packed, sieve, most)
    found = [inside, pairs.across(others, hubs, sieve), _each_with_each(hubs, sieve)]
    shared = pairs.count_pairs(packed)[: int(most).bit_length() + 1]  # `most` is 2**n - 1
    left = _pairs_of(len(others)) - int(shared.sum())
    for start, stop in crowded:
        some, many = _hubs(pairs.members_of(packed[start:stop]), sieve, low)
        found += [pairs.across(many, some, sieve), _each_with_each(some, sieve)]
        left -= len(many) * len(some) + _pairs_of(len(some))
        hubs = np.concatenate([hubs, some])
    return np.concatenate(found), Crowd(hubs, left)


def _each_with_each(hubs: np.ndarray, sieve: pairs.Sieve) -> np.ndarray:
    return pairs.within_buckets(pairs.buckets(np.zeros(len(hubs), np.uint32), hubs), sieve, HUBS)[0]


def _hubs(who: np.ndarray, sieve: pairs.Sieve, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest sets of a bucket, whatever the order of documents, and the others."""
    order = np.lexsort((low[who], -sieve.sizes[who].astype(np.int64)))
    return who[order[:HUBS]], who[order[HUBS:]]


def _pairs_of(n: int) -> int:
    return n * (n - 1) // 2


def _verified(search: Search, nominated: np.ndarray, sizes: np.ndarray, read: Read) -> Iterator[pl.DataFrame]:
    """Of nominated pairs those that are alike, compared on their texts."""
    a, b = (nominated >> np.uint64(32)).astype(np.int64), (nominated & np.uint64(0xFFFFFFFF)).astype(np.int64)
    rows = pairs.unique(np.concatenate([a, b]))
    place = np.zeros(len(sizes), np.uint32)
    place[rows] = np.arange(len(rows), dtype=np.uint32)
    a, b, held = place[a].astype(np.int64), place[b].astype(np.int64), sizes[rows].astype(np.int64)
    del place
    if held.sum() <= SET_ITEMS:
        yield _alike(search, rows, held, a, b, read)
        return
    # Documents that are compared with each other go together, so that nearly each text is read once.
    order = np.lexsort((b, a, graph.components(len(rows), a, b)[a]))
    a, b = a[order], b[order]
    parts = pairs.batches(a, b, held, SET_ITEMS)
    for borders in zip(np.searchsorted(parts, np.arange(parts[-1] + 1)), np.searchsorted(parts, np.arange(parts[-1] + 1), "right"), strict=True):
        here_a, here_b = a[slice(*borders)], b[slice(*borders)]
        some = pairs.unique(np.concatenate([here_a, here_b]))
        yield _alike(search, rows[some], held[some], np.searchsorted(some, here_a), np.searchsorted(some, here_b), read)


def _alike(search: Search, rows: np.ndarray, held: np.ndarray, a: np.ndarray, b: np.ndarray, read: Read) -> pl.DataFrame:
    """Pairs a, b of some documents (i64, by their place among them) that are alike."""
    starts = np.concatenate([[0], np.cumsum(held)]).astype(np.int64)
    sets = np.empty(starts[-1], np.uint64)
    for _ in read.map(partial(_fill, search.rule, rows, starts, sets), rows.astype(np.uint64)):
        pass
    least = {"least_jaccard": search.jaccard, "least_containment": 2.0 if search.containment is None else search.containment}
    held_sets = overlaps.with_bitmaps(sets, starts)
    slices = [slice(i, i + SLICE) for i in range(0, len(a), SLICE)]
    shared = list(_side_by_side(lambda part: overlaps.overlaps(held_sets, a[part], b[part], **least), slices, read.workers))
    common = np.concatenate([*shared, np.empty(0, np.int64)])
    kept = common >= 0
    a, b, common = a[kept], b[kept], common[kept]
    jaccard, containment = common / (held[a] + held[b] - common), common / np.minimum(held[a], held[b])
    alike = jaccard >= search.jaccard
    if search.containment is not None:
        alike |= containment >= search.containment
    return _frame(rows[a[alike]], rows[b[alike]], jaccard[alike], containment[alike])


def _fill(rule: shingles.Rule, rows: np.ndarray, starts: np.ndarray, sets: np.ndarray, docs: pa.Table, here: np.ndarray) -> None:
    """Write the sets of some documents to their places."""
    which = np.searchsorted(rows, here.astype(np.int64))
    expected = starts[which + 1] - starts[which]
    if not np.array_equal(shingles.sets(*utf8(docs.column("text")), rule, starts[which], expected, sets), expected):
        raise DataError("near_duplicates: the texts are not those that were measured.\nFix: repeat the run with another --out.")


def _side_by_side(function: Callable[[Any], Result], tasks: Sequence[Any], workers: int) -> Iterator[Result]:
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="tamis") as pool:
        yield from pool.map(function, tasks)


def _frame(a: np.ndarray, b: np.ndarray, jaccard: np.ndarray, containment: np.ndarray) -> pl.DataFrame:
    named = {"a": a.astype(np.uint64), "b": b.astype(np.uint64), "jaccard": jaccard, "containment": containment}
    return pl.DataFrame(named).with_columns(not_compared=pl.lit(None, pl.UInt64))


def _told(crowd: Crowd) -> pl.DataFrame:
    nothing = np.empty(0)
    counts = np.zeros(len(crowd.hubs), np.uint64)
    counts[:1] = crowd.not_compared
    hubs = pl.DataFrame({"a": crowd.hubs.astype(np.uint64), "not_compared": counts})
    return pl.concat([_frame(nothing, nothing, nothing, nothing), hubs], how="diagonal")
