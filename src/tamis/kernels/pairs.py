"""Pairs of documents that may be alike: equal sets, and buckets of equal keys.

A pair of documents a < b is one u64, a * 2**32 + b.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tamis.kernels._jit import aligned, f64, helper, i64, kernel, reads, u32, u64, writes
from tamis.kernels._text import count_bits

_NONE = np.uint32(0xFFFFFFFF)
SIZES = 33  # buckets are counted by the bits of their size


class Sieve(NamedTuple):
    """What two documents must have in common before they are worth comparing.

    Args:
        sizes: u32[n], shingles of every document.
        sketches: u64[n].
        least_ratio: of the smaller set to the larger.
        bits: of the sketches that are used.
        cut: of those, how many must agree at least.
    """

    sizes: np.ndarray
    sketches: np.ndarray
    least_ratio: float
    bits: int
    cut: int


def first_equal(low: np.ndarray, high: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """For every set the first one that is equal to it; itself, if there is none before it or it is empty.

    Args:
        low: u64[n], half of a 128-bit hash of each set.
        high: u64[n], the other half.
        sizes: u32[n].

    Returns:
        u32[n].
    """
    n = len(low)
    first = np.empty(n, np.uint32)
    table = np.full(1 << max(4, (2 * n - 1).bit_length()), _NONE, np.uint32)
    _first_equal(aligned(low, np.uint64), aligned(high, np.uint64), aligned(sizes, np.uint32), table, first)
    return first


def buckets(keys: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Members sorted by their keys, those of one key by number.

    Args:
        keys: u32[n].
        members: u32[n].

    Returns:
        u64[n], key * 2**32 + member.
    """
    # Sorted by numpy's vector instructions: three to six times as fast as a radix sort of both arrays.
    packed = keys.astype(np.uint64) << np.uint64(32)
    packed |= members
    packed.sort()
    return packed


def members_of(packed: np.ndarray) -> np.ndarray:
    """u32[n]: the members of sorted buckets."""
    return (packed & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def count_pairs(packed: np.ndarray) -> np.ndarray:
    """How many pairs share a bucket, by the bits of the number of its members.

    Args:
        packed: u64[n], of `buckets`.

    Returns:
        f64[33], pairs in buckets of 2**(i - 1) to 2**i - 1 members.
    """
    pairs = np.zeros(SIZES, np.float64)
    _count_pairs(packed, pairs)
    return pairs


def within_buckets(packed: np.ndarray, sieve: Sieve, most: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of members of one bucket that pass the sieve.

    Args:
        packed: u64[n], of `buckets`.
        sieve: for all documents, by member.
        most: members of a bucket; a larger one is left alone.

    Returns:
        pairs: u64[m], unsorted.
        crowded: i64[k, 2], from where to where larger buckets go.
    """
    room = np.empty(max(most * most, 1 << 16), np.uint64)
    crowded = np.empty((len(packed) // (most + 1) + 1, 2), np.int64)
    state = np.zeros(3, np.int64)  # the place, pairs in the room, crowded buckets
    found = []
    while state[0] < len(packed):
        state[1] = 0
        _within(packed, *_settings(sieve), most, room, crowded, state)
        found.append(room[: state[1]].copy())
    return np.concatenate(found) if found else room[:0], crowded[: state[2]]


def across(members: np.ndarray, hubs: np.ndarray, sieve: Sieve) -> np.ndarray:
    """Pairs of a member and a hub that pass the sieve.

    Args:
        members: u32[n].
        hubs: u32[m], none of them a member.
        sieve: for all documents.

    Returns:
        u64[k], unsorted.
    """
    room = np.empty(len(members) * len(hubs), np.uint64)
    state = np.zeros(1, np.int64)
    _across(aligned(members, np.uint32), aligned(hubs, np.uint32), *_settings(sieve), room, state)
    return room[: state[0]].copy()


def unique(values: np.ndarray) -> np.ndarray:
    """Sorted, each once; in place as far as it goes. `np.unique` on a hundred million pairs took a minute."""
    values.sort()
    return values if len(values) < 2 else values[np.concatenate([[True], values[1:] != values[:-1]])]


def batches(a: np.ndarray, b: np.ndarray, sizes: np.ndarray, most: int) -> np.ndarray:
    """Cut a list of pairs into parts whose documents fit into memory together, if those of each pair do.

    Args:
        a: i64[n], documents.
        b: i64[n], with which they are compared.
        sizes: i64[d], of every document.
        most: sum of the sizes of a part's documents.

    Returns:
        i64[n], the number of each pair's part, ascending.
    """
    found = np.empty(len(a), np.int64)
    _batches(aligned(a, np.int64), aligned(b, np.int64), aligned(sizes, np.int64), most, np.full(len(sizes), -1), found)
    return found


def _settings(sieve: Sieve) -> tuple[np.ndarray, np.ndarray, float, int]:
    return aligned(sieve.sizes, np.uint32), aligned(sieve.sketches, np.uint64), sieve.least_ratio, sieve.bits - sieve.cut


@kernel(reads(u64), reads(u64), reads(u32), writes(u32), writes(u32))
def _first_equal(low, high, sizes, table, first):
    last = np.uint64(len(table) - 1)
    for i in range(len(first)):
        first[i] = i
        if sizes[i] == 0:
            continue
        slot = low[i] & last
        while table[slot] != _NONE:
            other = table[slot]
            if low[other] == low[i] and high[other] == high[i]:
                first[i] = other
                break
            slot = (slot + np.uint64(1)) & last
        if first[i] == i:
            table[slot] = i


@helper
def _end_of_bucket(packed, i):
    end = i + 1
    while end < len(packed) and (packed[end] ^ packed[i]) >> np.uint64(32) == 0:
        end += 1
    return end


@kernel(reads(u64), writes(f64))
def _count_pairs(packed, pairs):
    i = 0
    while i < len(packed):
        end = _end_of_bucket(packed, i)
        n = end - i
        bits = 0
        while n >> bits:
            bits += 1
        pairs[bits] += 0.5 * n * (n - 1)
        i = end


@helper
def _passes(a, b, sizes, sketches, ratio, differing):
    small, large = min(sizes[a], sizes[b]), max(sizes[a], sizes[b])
    return small >= ratio * large and np.int64(count_bits(sketches[a] ^ sketches[b])) <= differing


@helper
def _pair(a, b):
    return np.uint64(min(a, b)) << np.uint64(32) | np.uint64(max(a, b))


@helper
def _member(packed, i):
    return np.uint32(packed[i] & np.uint64(0xFFFFFFFF))


@kernel(reads(u64), reads(u32), reads(u64), f64, i64, i64, writes(u64), writes(i64, 2), writes(i64))
def _within(packed, sizes, sketches, ratio, differing, most, room, crowded, state):
    i = state[0]
    while i < len(packed):
        end = _end_of_bucket(packed, i)
        n = end - i
        if n > most:
            crowded[state[2], 0] = i
            crowded[state[2], 1] = end
            state[2] += 1
        elif n > 1:
            if state[1] + n * (n - 1) // 2 > len(room):
                break
            for x in range(i, end):
                a = _member(packed, x)
                for y in range(x + 1, end):
                    b = _member(packed, y)
                    if _passes(a, b, sizes, sketches, ratio, differing):
                        room[state[1]] = _pair(a, b)
                        state[1] += 1
        i = end
    state[0] = i


@kernel(reads(u32), reads(u32), reads(u32), reads(u64), f64, i64, writes(u64), writes(i64))
def _across(members, hubs, sizes, sketches, ratio, differing, room, state):
    for x in range(len(members)):
        for y in range(len(hubs)):
            if _passes(members[x], hubs[y], sizes, sketches, ratio, differing):
                room[state[0]] = _pair(members[x], hubs[y])
                state[0] += 1


@kernel(reads(i64), reads(i64), reads(i64), i64, writes(i64), writes(i64))
def _batches(a, b, sizes, most, seen, batches):
    batch, held = 0, 0
    for p in range(len(batches)):
        more = (0 if seen[a[p]] == batch else sizes[a[p]]) + (0 if seen[b[p]] == batch else sizes[b[p]])
        if held > 0 and held + more > most:
            batch += 1
            held = 0
            more = sizes[a[p]] + sizes[b[p]]
        held += more
        seen[a[p]] = batch
        seen[b[p]] = batch
        batches[p] = batch
