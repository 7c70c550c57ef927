"""Words as places in a table, and documents as the sum of what stands there: what topics are told by.

A *word* is a run of three letters (L) or more, with the marks (M, Cf) after them, in lower case; of scripts written
without spaces (`ALONE` of `tamis.kernels.unicode`) every pair of neighbouring letters is one. Numbers and words of one or two letters
are left out: they are frequent and say little. Different words may share a place; with 65,536 of them few that matter do.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np
from numba import types

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, f64, helper, i32, i64, kernel, reads, u8, u16, writes
from tamis.kernels._text import decode
from tamis.kernels.unicode import ALONE, LETTER, MARK

PLACES = 65_536
LEAST_LETTERS = 3
MOST_COUNTED = 256
"""A word that is counted more often counts as often as this."""
_f32 = types.float32
_SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


def words(data: np.ndarray, offsets: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of the words of every text, in order, repeats too.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        most: words of a text that are looked at, from its beginning.

    Returns:
        places: i32[m], below `PLACES`.
        borders: i64[n + 1].
    """
    room = int(offsets[-1] - offsets[0]) // LEAST_LETTERS + len(offsets)
    found, counts = np.empty(room, np.int32), np.zeros(len(offsets), np.int64)
    _words(aligned(data, np.uint8), aligned(offsets, np.int64), unicode.flags(), unicode.lower(), most, found, counts)
    return found[: int(counts[-1])], counts


def nearest(
    data: np.ndarray, offsets: np.ndarray, table: np.ndarray, used: np.ndarray, centres: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The centre that every text is most like.

    A text is the sum of the rows of its words, each times 1 + ln(how often), at most `MOST_COUNTED` times. Every sum is
    made in one order, so that neither the processor nor the other texts change a bit.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        table: f32[PLACES, d].
        used: u8[PLACES], 0 for rows that are all zero.
        centres: f32[d, k], columns of length 1; k is at least 1.

    Returns:
        centre: i32[n]; -1 for a text without any word of the table.
        cosine: f64[n], the similarity to it; 0 where there is none.
    """
    n = len(offsets) - 1
    centre, cosine = np.full(n, -1, np.int32), np.zeros(n, np.float64)
    factors = (1 + np.log(np.arange(1, MOST_COUNTED + 1))).astype(np.float32)
    scratch = (
        np.zeros(PLACES, np.uint16),
        np.empty(PLACES, np.int32),
        np.empty(table.shape[1], np.float32),
        np.empty(centres.shape[1], np.float32),
    )
    model = aligned(table, np.float32), aligned(used, np.uint8), aligned(centres, np.float32), factors
    _nearest(aligned(data, np.uint8), aligned(offsets, np.int64), unicode.flags(), unicode.lower(), *model, *scratch, centre, cosine)
    return centre, cosine


@helper
def _finish(h):
    h ^= h >> np.uint64(32)
    h *= np.uint64(0xE9846AF9B1A615D)
    return h >> np.uint64(48)  # 16 bits: PLACES


@helper
def _next_word(data, i, end, flags, lower):
    """(place, i after it) of the first word at or after i; place -1 at the end. `i` may be inside of a run of letters that stand alone."""
    while i < end:
        c, width = decode(data, i)
        kind = flags[c]
        if not kind & LETTER:
            i += width
            continue
        if kind & ALONE:
            if i + width < end:
                other, _ = decode(data, i + width)
                if flags[other] & ALONE and flags[other] & LETTER:
                    h = ((_SEED ^ np.uint64(c)) * _PRIME ^ np.uint64(other)) * _PRIME
                    return np.int64(_finish(h)), i + width
            i += width
            continue
        h, letters = _SEED, 0
        while i < end:
            b = data[np.uint64(i)]
            if b < 0x80:
                folded = b | 0x20
                if not 0x61 <= folded <= 0x7A:
                    break
                h = (h ^ np.uint64(folded)) * _PRIME
                i += 1
            else:
                c, width = decode(data, i)
                kind = flags[c]
                if kind & MARK:  # vowels, in Hindi
                    h = (h ^ np.uint64(c)) * _PRIME
                    i += width
                    continue
                if not kind & LETTER or kind & ALONE:
                    break
                h = (h ^ np.uint64(lower[c])) * _PRIME
                i += width
            letters += 1
        if letters >= LEAST_LETTERS:
            return np.int64(_finish(h)), i
    return np.int64(-1), i


@kernel(reads(u8), reads(i64), reads(u16), reads(i32), i64, writes(i32), writes(i64))
def _words(data, offsets, flags, lower, most, found, counts):
    n = 0
    for d in range(len(counts) - 1):
        i, end, left = offsets[d], offsets[d + 1], most
        while left > 0:
            place, i = _next_word(data, i, end, flags, lower)
            if place < 0:
                break
            found[n] = place
            n += 1
            left -= 1
        counts[d + 1] = n


@helper
def _sum_of(times, touched, many, table, factors, total):
    """Add the rows of the words that were touched, and forget how often they were."""
    for j in range(len(total)):
        total[j] = 0
    for t in range(many):
        place = touched[t]
        factor = factors[times[place] - 1]
        times[place] = 0
        row = np.uint64(place)
        for j in range(len(total)):
            total[j] += factor * table[row, j]


@helper
def _best(total, centres, scores):
    """(the centre of the largest product, that product)."""
    for k in range(len(scores)):
        scores[k] = 0
    for j in range(len(total)):
        for k in range(len(scores)):
            scores[k] += total[j] * centres[j, k]
    best = 0
    for k in range(1, len(scores)):
        if scores[k] > scores[best]:
            best = k
    return best, scores[best]


_MODEL = (reads(_f32, 2), reads(u8), reads(_f32, 2), reads(_f32))
_SCRATCH = (writes(u16), writes(i32), writes(_f32), writes(_f32))


@kernel(reads(u8), reads(i64), reads(u16), reads(i32), *_MODEL, *_SCRATCH, writes(i32), writes(f64))
def _nearest(data, offsets, flags, lower, table, used, centres, factors, times, touched, total, scores, centre, cosine):
    for d in range(len(centre)):
        i, end, many = offsets[d], offsets[d + 1], 0
        while True:
            place, i = _next_word(data, i, end, flags, lower)
            if place < 0:
                break
            if not used[place]:
                continue
            if times[place] == 0:
                touched[many] = place
                many += 1
            if times[place] < MOST_COUNTED:
                times[place] += 1
        if many == 0:
            continue
        _sum_of(times, touched, many, table, factors, total)
        best, score = _best(total, centres, scores)
        length = 0.0
        for j in range(len(total)):
            length += np.float64(total[j]) * np.float64(total[j])
        if length > 0:
            centre[d] = best
            cosine[d] = min(1.0, max(0.0, np.float64(score) / np.sqrt(length)))
