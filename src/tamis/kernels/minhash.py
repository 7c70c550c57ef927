"""MinHash: what is kept of a set of shingles, so that sets that are alike meet.

The permutations are those of `datasketch.MinHash(scheme="affine32", seed=1)`, bit for bit: the upper half of a shingle's
hash is mixed once by the finalizer of MurmurHash3, and permutation k of it is a[k] * x + b[k] modulo 2**32. A set of no
shingles has 2**32 - 1 everywhere.

A *band* is the hash of `rows` neighbouring minima. Two sets of Jaccard similarity s share a band with probability s**rows,
and one at least of `bands` with 1 - (1 - s**rows)**bands.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from functools import cache
from math import comb
from typing import NamedTuple

import numpy as np

from tamis.kernels._jit import aligned, helper, i32, i64, kernel, reads, u8, u16, u32, u64, writes
from tamis.kernels.shingles import Rule, mix, scratch, shingles_of

SEED = 1
SKETCH_BITS = 64
FEW = 24  # shingles up to which all permutations of one shingle are taken at a time, rather than all shingles of one


class Measured(NamedTuple):
    """What is kept of each text.

    Args:
        bands: u32[bands, n]. Different sets share a band by chance in one of 2**32 pairs, so verify.
        sketch: u64[n], a bit of each of the first 64 minima.
        low, high: u64[n] each, a 128-bit hash of the set, whatever the order.
        shingles: u32[n], how many different ones.
    """

    bands: np.ndarray
    sketch: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shingles: np.ndarray


@cache
def permutations(count: int) -> tuple[np.ndarray, np.ndarray]:
    """a and b (u32[count] each) as datasketch draws them; those of a smaller count are no prefix."""
    draw = np.random.RandomState(SEED)
    a = draw.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = draw.randint(0, 1 << 32, count, dtype=np.uint32)
    return a, b


def measured(data: np.ndarray, offsets: np.ndarray, rule: Rule, bands: int, rows: int) -> Measured:
    """Everything that is kept of every text.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        rule: what a shingle is.
        bands: how many.
        rows: minima in each.
    """
    n = len(offsets) - 1
    sketch, low, high = np.empty((3, n), np.uint64)
    found = Measured(np.empty((bands, n), np.uint32), sketch, low, high, np.empty(n, np.uint32))
    room = (*scratch(offsets), np.empty(_longest(offsets), np.uint32), np.empty(bands * rows, np.uint32))
    _measured(aligned(data, np.uint8), aligned(offsets, np.int64), *rule.tables(), *permutations(bands * rows), *room, *found)
    return found


def signatures(data: np.ndarray, offsets: np.ndarray, rule: Rule, count: int = 128) -> np.ndarray:
    """The minima themselves: `datasketch.MinHash(count, scheme="affine32").hashvalues` of the same shingles.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        rule: what a shingle is.
        count: permutations.

    Returns:
        u32[n, count].
    """
    minima = np.empty((len(offsets) - 1, count), np.uint32)
    room = (*scratch(offsets), np.empty(_longest(offsets), np.uint32))
    _signatures(aligned(data, np.uint8), aligned(offsets, np.int64), *rule.tables(), *permutations(count), *room, minima)
    return minima


def recall(similarity: float, bands: int, rows: int) -> float:
    """The probability that two sets of a Jaccard similarity share a band."""
    return 1.0 - (1.0 - similarity**rows) ** bands


def banding(similarity: float, wanted: float, *, most: int = 128) -> tuple[int, int]:
    """(bands, rows) that nominate a pair of this similarity with the wanted probability.

    Of all within `most` permutations and 40 bands, the one with the longest rows, for they nominate least besides; of those,
    the one with fewest bands. It is (16, 6) for .8 and .99.
    """
    for rows in range(most, 0, -1):
        for bands in range(1, min(40, most // rows) + 1):
            if recall(similarity, bands, rows) >= wanted:
                return bands, rows
    return 40, 1


def balanced(similarity: float, *, most: int = 128) -> tuple[int, int]:
    """(bands, rows) as `datasketch.MinHashLSH(threshold, num_perm)` chooses them: pairs lost and pairs in vain weigh the same.

    That is few pairs in vain where nothing is verified, and many lost: (9, 13) for .8, which nominates .40 of the pairs there.
    """
    steps = np.arange(0.0005, 1, 0.001)
    below = steps < similarity
    best = (np.inf, (1, 1))
    for bands in range(1, most + 1):
        for rows in range(1, most // bands + 1):
            nominated = 1 - (1 - steps**rows) ** bands
            best = min(best, (nominated[below].sum() + (1 - nominated[~below]).sum(), (bands, rows)))
    return best[1]


def sketch_cut(similarity: float, permutations: int, lost: float = 1e-5) -> int:
    """How many bits of two sketches must agree: fewer happen to sets of this similarity with a probability below `lost`."""
    bits, agree = min(SKETCH_BITS, permutations), (1 + similarity) / 2
    below = 0.0
    for cut in range(bits + 1):
        below += comb(bits, cut) * agree**cut * (1 - agree) ** (bits - cut)
        if below > lost:
            return cut
    return bits


def _longest(offsets: np.ndarray) -> int:
    return int(np.diff(offsets).max(initial=0)) + 1


@helper
def _fmix(h):
    h = np.uint32(h ^ (h >> np.uint32(16)))
    h = np.uint32(h * np.uint32(0x85EBCA6B))
    h = np.uint32(h ^ (h >> np.uint32(13)))
    h = np.uint32(h * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@helper
def _minima(hashes, n, a, b, mixed, out):
    """Write the least value of each permutation over n shingles."""
    for j in range(n):
        mixed[j] = _fmix(np.uint32(hashes[j] >> np.uint64(32)))
    if n > FEW:
        for k in range(len(a)):
            least = np.uint32(0xFFFFFFFF)
            for j in range(n):
                least = min(least, np.uint32(a[k] * mixed[j] + b[k]))
            out[k] = least
        return
    for k in range(len(a)):
        out[k] = np.uint32(0xFFFFFFFF)
    for j in range(n):
        x = mixed[j]
        for k in range(len(a)):
            out[k] = min(out[k], np.uint32(a[k] * x + b[k]))


@helper
def _keep(d, minima, bands, sketch):
    rows = len(minima) // len(bands)
    for band in range(len(bands)):
        h = np.uint64(band)
        for k in range(band * rows, (band + 1) * rows):
            h = (h + np.uint64(minima[k])) * np.uint64(0x9E3779B97F4A7C15)
        bands[band, d] = np.uint32(mix(h) >> np.uint64(32))
    bits = np.uint64(0)
    for k in range(min(len(minima), SKETCH_BITS)):
        # The lowest bit of a * x + b says nothing of a: every permutation would choose the same side of a shingle.
        bits |= np.uint64(np.uint32(minima[k] * np.uint32(0x9E3779B1)) >> np.uint32(31)) << np.uint64(k)
    sketch[d] = bits


_TEXT = (reads(u8), reads(i64), reads(u16), reads(i32), reads(u64), reads(u32), reads(u32), writes(u8), writes(u64), writes(u64), writes(u32))


@kernel(*_TEXT, writes(u32), writes(u32, 2), writes(u64), writes(u64), writes(u64), writes(u32))
def _measured(data, offsets, flags, lower, settings, a, b, word, hashes, table, mixed, minima, bands, sketch, low, high, shingles):
    for d in range(len(sketch)):
        n = shingles_of(data, offsets[d], offsets[d + 1], flags, lower, settings, word, hashes, table)
        shingles[d] = n
        first, second = np.uint64(n), np.uint64(n)
        for j in range(n):
            mixed_hash = mix(hashes[j])
            first += mixed_hash
            second += (mixed_hash ^ np.uint64(0x9E3779B97F4A7C15)) * hashes[j]
        low[d], high[d] = first, second
        _minima(hashes, n, a, b, mixed, minima)
        _keep(d, minima, bands, sketch)


@kernel(*_TEXT, writes(u32, 2))
def _signatures(data, offsets, flags, lower, settings, a, b, word, hashes, table, mixed, out):
    for d in range(len(out)):
        n = shingles_of(data, offsets[d], offsets[d + 1], flags, lower, settings, word, hashes, table)
        _minima(hashes, n, a, b, mixed, out[d])
