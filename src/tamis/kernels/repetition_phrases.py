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

LONGEST = 10
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
def longer(m, hashes, places, numbers):
    """Of m places of repeated phrases, leave those that no other one follows; return how many stay.

    The phrase that is one word longer is told by the numbers of the two in it.
    """
    kept = np.uint64(0)
    for k in range(m - 1):
        place = places[k]
        key = np.uint64(numbers[k]) << np.uint64(32) | np.uint64(numbers[k + 1])
        follows = places[k + 1] == place + 1
        places[kept] = place
        hashes[kept] = key
        kept += np.uint64(follows)
    return np.int64(kept)


@helper
def group(m, hashes, places, numbers, firsts, table):
    """Number the phrases at m places in the order in which they are first seen; return how many there are."""
    keys, counts, slots = table
    bits = bits_for(m)
    clear(slots, bits)
    known = np.uint64(0)
    for k in range(m):
        number = number_of(hashes[k], keys, counts, slots, bits, known)
        numbers[k] = number
        if number == known:
            firsts[known] = places[k]
            known += np.uint64(1)
    return np.int64(known)


@helper
def repeated(m, places, numbers, counts):
    """Leave the places of phrases that occur once; return how many stay."""
    kept = np.uint64(0)
    for k in range(m):
        number = numbers[k]
        places[kept] = places[k]
        numbers[kept] = number
        kept += np.uint64(counts[number] > 1)
    return np.int64(kept)


@helper
def count_apart(n, m, known, places, numbers, counts, free):
    """Count the occurrences of phrases that do not overlap an earlier one of the same; `free` is scratch."""
    for number in range(known):
        counts[number] = 0
        free[number] = 0
    for k in range(m):
        number, place = numbers[k], places[k]
        if place >= free[number]:
            counts[number] += 1
            free[number] = place + n


@helper
def _chars(ends, i, n):
    i = np.uint64(i)  # see `word_at`
    return np.int64(ends[i + np.uint64(n)]) - np.int64(ends[i])


@helper
def top(n, words, known, ends, firsts, counts, longest):
    """(occurrences, characters) of the phrase that occurs most often: the first seen, or the longest, of several.

    Where none is repeated, it is the first.
    """
    count, chars = np.int64(1), _chars(ends, 0, n) if words >= n else np.int64(0)
    for number in range(known):
        c = np.int64(counts[number])
        if c > count:
            count, chars = c, _chars(ends, firsts[number], n)
        elif longest and c == count and c > 1:
            chars = max(chars, _chars(ends, firsts[number], n))
    return count, chars


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
def chars_covered(n, m, ends, places):
    """Characters of the words that belong to a repeated phrase."""
    chars, free = 0, np.int64(0)
    for k in range(m):
        place = np.int64(places[k])
        begin = max(place, free)
        free = place + n
        chars += _chars(ends, begin, free - begin)
    return chars


@helper
def chars_repeated(n, m, ends, places):
    """Characters of all occurrences of repeated phrases."""
    chars = 0
    for k in range(m):
        chars += _chars(ends, np.int64(places[k]), n)
    return chars


@helper
def chars_of_all(n, words, ends):
    """Characters of all phrases of n words."""
    chars = np.int64(0)
    for k in range(min(n, words - n + 1)):
        chars += np.int64(ends[words - k]) - np.int64(ends[k])
    return chars
