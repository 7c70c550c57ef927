"""Words and pairs of words as places in a small table: how often they occur in a corpus, and what a text's sum up to.

A *word* is a run of letters (L), numbers (N), marks (M, Cf) and "_" in lower case, or a run of anything else but white
space; each letter of a script written without spaces (`ALONE` of `tamis.kernels.unicode`) is one. Every word and every
two neighbouring ones take a place, which others may share.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, f64, helper, i32, i64, kernel, reads, u8, u16, u32, writes
from tamis.kernels._text import decode
from tamis.kernels.unicode import ALONE, LETTER, MARK, NUMBER, SPACE

_SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_WORD, _OTHER, _ALONE = 1, 2, 3


def ngram_counts(data: np.ndarray, offsets: np.ndarray, places: int) -> np.ndarray:
    """How often each place occurs in all texts together.

    Args:
        data: u8[:], valid UTF-8.
        offsets: i64[n + 1].
        places: of the table, at least 1.

    Returns:
        i64[places].
    """
    counts = np.zeros(places, np.int64)
    _counts(aligned(data, np.uint8), aligned(offsets, np.int64), unicode.flags(), unicode.lower(), counts)
    return counts


def ngram_sums(data: np.ndarray, offsets: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum of a table's values over the words and pairs of each text, added in their order.

    Args:
        data: u8[:], valid UTF-8.
        offsets: i64[n + 1].
        table: f64[places].

    Returns:
        sums: f64[n].
        counts: u32[n], words and pairs.
    """
    n = len(offsets) - 1
    sums, counts = np.zeros(n, np.float64), np.zeros(n, np.uint32)
    _sums(aligned(data, np.uint8), aligned(offsets, np.int64), unicode.flags(), unicode.lower(), aligned(table, np.float64), sums, counts)
    return sums, counts


@helper
def _kind(c, bits, before):
    """What a character is part of, after one that is part of `before`."""
    if bits & ALONE and bits & LETTER:
        return _ALONE
    if bits & (LETTER | NUMBER) or c == 0x5F or (bits & MARK and before == _WORD):
        return _WORD
    return _OTHER


@helper
def _next(data, i, end, flags, lower):
    """(hash, i after it) of the word at or after i; hash 0 at the end."""
    h, kind_before = np.uint64(0), 0
    while i < end:
        c, width = decode(data, i)
        bits = flags[c]
        if bits & SPACE:
            if h:
                break
            i += width
            continue
        kind = _kind(c, bits, kind_before)
        if h and kind != kind_before:
            break
        h = ((h or _SEED) ^ np.uint64(lower[c])) * _PRIME
        kind_before = kind
        i += width
        if kind == _ALONE:
            break
    return h, i


@helper
def _place(h, places):
    h ^= h >> np.uint64(32)
    h *= np.uint64(0xE9846AF9B1A615D)
    h ^= h >> np.uint64(29)
    return np.int64(h % places)


@helper
def _pair(before, h):
    return before * np.uint64(0x9E3779B97F4A7C15) + h


@kernel(reads(u8), reads(i64), reads(u16), reads(i32), writes(i64))
def _counts(data, offsets, flags, lower, counts):
    places = np.uint64(len(counts))
    for d in range(len(offsets) - 1):
        i, end, before = offsets[d], offsets[d + 1], np.uint64(0)
        while True:
            h, i = _next(data, i, end, flags, lower)
            if not h:
                break
            counts[_place(h, places)] += 1
            if before:
                counts[_place(_pair(before, h), places)] += 1
            before = h


@kernel(reads(u8), reads(i64), reads(u16), reads(i32), reads(f64), writes(f64), writes(u32))
def _sums(data, offsets, flags, lower, table, sums, counts):
    places = np.uint64(len(table))
    for d in range(len(sums)):
        i, end, before, many, total = offsets[d], offsets[d + 1], np.uint64(0), np.uint32(0), 0.0
        while True:
            h, i = _next(data, i, end, flags, lower)
            if not h:
                break
            total += table[_place(h, places)]
            many += np.uint32(1)
            if before:
                total += table[_place(_pair(before, h), places)]
                many += np.uint32(1)
            before = h
        sums[d], counts[d] = total, many
