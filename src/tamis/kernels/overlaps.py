"""How many elements two sets share, exactly; most pairs that share too little are told by their bitmaps.

A set is its elements, u64, ascending. Its bitmap has a bit for the lowest bits of every element, 8 to 16 bits an element: a
bit that only one of two sets has is an element that the other lacks.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tamis.kernels._jit import aligned, f64, helper, i64, kernel, reads, u64, writes
from tamis.kernels._text import count_bits


class Sets(NamedTuple):
    """Sets one after the other, and their bitmaps.

    Args:
        items: u64[:].
        starts: i64[n + 1], where each set begins.
        maps: u64[:].
        map_starts: i64[n + 1]; each bitmap has a power of two of words.
    """

    items: np.ndarray
    starts: np.ndarray
    maps: np.ndarray
    map_starts: np.ndarray


def with_bitmaps(items: np.ndarray, starts: np.ndarray) -> Sets:
    """Sets with their bitmaps.

    Args:
        items: u64[:], each set ascending.
        starts: i64[n + 1].
    """
    wanted = np.maximum(1, np.diff(starts) // 8)
    words = 1 << np.ceil(np.log2(wanted)).astype(np.int64)
    map_starts = np.concatenate([[0], np.cumsum(words)]).astype(np.int64)
    maps = np.zeros(map_starts[-1], np.uint64)
    _fill_maps(items, aligned(starts, np.int64), map_starts, maps)
    return Sets(items, aligned(starts, np.int64), maps, map_starts)


def overlaps(sets: Sets, a: np.ndarray, b: np.ndarray, *, least_jaccard: float, least_containment: float) -> np.ndarray:
    """How many elements the sets of each pair share.

    Args:
        sets: all.
        a: i64[n], sets.
        b: i64[n], with which they are compared.
        least_jaccard: a pair that cannot reach it,
        least_containment: nor this containment of the smaller set in the larger, is given up.

    Returns:
        i64[n]; -1 where it was given up.
    """
    shared = np.empty(len(a), np.int64)
    _overlaps(*sets, aligned(a, np.int64), aligned(b, np.int64), least_jaccard, least_containment, shared)
    return shared


@kernel(reads(u64), reads(i64), reads(i64), writes(u64))
def _fill_maps(items, starts, map_starts, maps):
    for d in range(len(starts) - 1):
        first = map_starts[d]
        last = np.uint64((map_starts[d + 1] - first) * 64 - 1)
        for i in range(starts[d], starts[d + 1]):
            bit = items[i] & last
            maps[first + np.int64(bit >> np.uint64(6))] |= np.uint64(1) << (bit & np.uint64(63))


@helper
def _lacking(maps, small, small_words, large, large_words, most_small, most_large):
    """Whether the bitmaps show more elements of one set that the other lacks than there may be."""
    only_small, only_large = np.uint64(0), np.uint64(0)
    for w in range(small_words):
        x, y = maps[small + w], np.uint64(0)
        for k in range(w, large_words, small_words):  # the larger one, folded
            y |= maps[large + k]
        only_small += count_bits(x & ~y)
        only_large += count_bits(y & ~x)
    return np.int64(only_small) > most_small or np.int64(only_large) > most_large


@helper
def _shared(items, i, i_end, j, j_end, least):
    found = 0
    while i < i_end and j < j_end:
        if found + min(i_end - i, j_end - j) < least:
            return -1
        stop = min(i_end - i, j_end - j, 64)
        for _ in range(stop):  # that many steps run over no end
            x, y = items[i], items[j]
            found += x == y
            i += x <= y
            j += y <= x
    return found if found >= least else -1


@kernel(reads(u64), reads(i64), reads(u64), reads(i64), reads(i64), reads(i64), f64, f64, writes(i64))
def _overlaps(items, starts, maps, map_starts, a, b, least_jaccard, least_containment, shared):
    for p in range(len(shared)):
        x, y = a[p], b[p]
        if map_starts[x + 1] - map_starts[x] > map_starts[y + 1] - map_starts[y]:
            x, y = y, x
        n, m = starts[x + 1] - starts[x], starts[y + 1] - starts[y]
        # Rounded down, so that what the caller computes from the count alone decides.
        least = np.int64(min(least_jaccard / (1.0 + least_jaccard) * (n + m), least_containment * min(n, m)))
        x_words, y_words = map_starts[x + 1] - map_starts[x], map_starts[y + 1] - map_starts[y]
        if _lacking(maps, map_starts[x], x_words, map_starts[y], y_words, n - least, m - least):
            shared[p] = -1
        else:
            shared[p] = _shared(items, starts[x], starts[x + 1], starts[y], starts[y + 1], least)
