"""Phrases of 2 to 10 words that occur more than once: a cascade.

A phrase of n + 1 words is repeated only if both phrases of n words in it are. So of all places of a text those that begin
no repeated pair are left at once, and few remain to be looked at for 10 words.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper
from tamis.kernels.repetition_table import bits_for, clear, number_of, pair_of, place_of

LONGEST, LONGEST_TOP = 10, 4
_VISITED = np.uint32(1 << 31)


@helper
def likely_pairs(n, hashes, places, slots, seen):
    """Leave most of the places at which a pair of words begins that is not repeated; return how many stay.

    A byte says whether hashes with these upper bits were seen once or more than once; a word has 4 to 8 such bytes. That
    needs no branch and is near; without it web pages are counted at 180 MB/s rather than 199, books at 221 rather than 275.
    """
    bits = bits_for(2 * n)
    clear(slots, bits - 2)
    for i in range(n - 1):
        hashes[i] = pair_of(hashes[i], hashes[i + 1])
        s = place_of(hashes[i], bits)
        seen[s] += seen[s] < 2
    m = np.uint64(0)
    for i in range(n - 1):
        key = hashes[i]
        hashes[m] = key
        places[m] = i
        m += np.uint64(seen[place_of(key, bits)] > 1)
    return np.int64(m)


@helper
def longer(m, hashes, places, numbers, counts):
    """Of m places of phrases, leave those where a repeated one begins that another follows; return how many stay.

    The phrase that is one word longer is told by the numbers of the two in it.
    """
    kept = np.uint64(0)
    before, place, repeats = np.uint64(0), np.int64(-2), False
    for k in range(m):
        number, here = np.uint64(numbers[k]), np.int64(places[k])
        again = _repeats(counts, number)
        places[kept] = place
        hashes[kept] = before << np.uint64(32) | number
        kept += np.uint64(repeats & again & (here == place + 1))
        before, place, repeats = number, here, again
    return np.int64(kept)


@helper
def _chars(ends, i, n):
    i = np.uint64(i)  # see `word_at`
    return np.int64(ends[i + np.uint64(n)]) - np.int64(ends[i])


@helper
def _repeats(counts, number):
    return counts[number] & ~_VISITED > 1


@helper
def group(n, m, words, ends, places, numbers, hashes, table, apart, longest):
    """Number the phrases at m places in the order in which they are first seen, and count them.

    `apart` says whether occurrences that overlap an earlier one of the same are not asked for the top phrase, and is room; with
    `longest`, the longest of several top phrases is taken, else the first.

    Returns:
        Occurrences and characters of the phrase of up to `LONGEST_TOP` words that occurs most often; of the first, if none is
        repeated.
    """
    (keys, counts, slots), (is_apart, met, free) = table, apart
    bits = bits_for(m)
    clear(slots, bits)
    known = np.uint64(0)
    times, chars, top = np.int64(1), _chars(ends, 0, n) if words >= n else np.int64(0), known
    for k in range(m):
        place = np.int64(places[k])
        number = number_of(hashes[k], keys, counts, slots, bits, known)
        numbers[k] = number
        if number == known:
            known += np.uint64(1)
            met[number], free[number] = 1, place + n
        elif n <= LONGEST_TOP:
            count = np.int64(counts[number])
            if is_apart:
                if place < free[number]:
                    continue
                count = np.int64(met[number]) + 1
                met[number], free[number] = count, place + n
            if count >= times:
                length = _chars(ends, place, n)
                if count > times or (length > chars if longest else number < top):
                    times, chars, top = count, length, number
    return times, chars


@helper
def chars_met_again(n, m, ends, places, numbers, counts):
    """Characters of the phrases met again by a reader who, after each such, goes on behind it."""
    chars, free = 0, np.int64(0)
    for k in range(m):
        place, number = np.int64(places[k]), numbers[k]
        if place < free:
            continue
        if counts[number] & _VISITED:
            chars += _chars(ends, place, n)
            free = place + n
        counts[number] |= _VISITED
    return chars


@helper
def chars_covered(n, m, ends, places, numbers, counts):
    """Characters of the words that belong to a repeated phrase."""
    chars, free = 0, np.int64(0)
    for k in range(m):
        if _repeats(counts, numbers[k]):
            place = np.int64(places[k])
            begin = max(place, free)
            free = place + n
            chars += _chars(ends, begin, free - begin)
    return chars


@helper
def chars_repeated(n, m, ends, places, numbers, counts):
    """Characters of all occurrences of repeated phrases."""
    chars = 0
    for k in range(m):
        if _repeats(counts, numbers[k]):
            chars += _chars(ends, np.int64(places[k]), n)
    return chars


@helper
def chars_of_all(n, words, ends):
    """Characters of all phrases of n words."""
    chars = np.int64(0)
    for k in range(min(n, words - n + 1)):
        chars += np.int64(ends[words - k]) - np.int64(ends[k])
    return chars
