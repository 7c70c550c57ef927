"""Interpolated Kneser-Ney: counts of n-grams up to four tokens in hash tables, and the probabilities that they give.

A document is preceded by one token that stands for its beginning, so an n-gram never reaches across documents. The longest
n-grams, and those that begin with a document, are counted as often as they occur; a shorter one once for every different
token that precedes it. Counts add: a model that has seen one stream may go on with another.

Tokens are numbered from 1 in keys, and 0 is a document's beginning: a key is never 0, which marks a free place. A place is
two words: (key << 16 | different tokens that follow, 48 bits being enough for three tokens), then (how often anything
follows << 32 | count). Of four tokens, which nothing follows, the key takes the whole first word.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tamis.kernels._jit import aligned, f64, helper, i64, kernel, reads, u16, u64, writes

ORDER = 4
"""The longest n-grams that are counted."""
MOST_TOKENS = 65_535
"""Of a vocabulary: one more would need 17 bits in a key."""
FULL = 0.7
"""A table that holds more than this share of its places is doubled before anything else is added."""
_DONE, _TOTAL, _TYPES, _HELD = 0, 1, 2, 3  # in `state`; _HELD: of pairs, threes and fours
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_16, _32, _LOW = np.uint64(16), np.uint64(32), np.uint64(0xFFFFFFFF)
_NOWHERE = -1


@dataclass
class Counts:
    """What a model has counted; `empty` makes one.

    Args:
        order: of the longest n-grams, 1 to 4.
        singles: u64[2 (v + 1)], by token, the beginning of a document first; laid out as a place is, without a key.
        tables: u64[2 places] each, for two, three and four tokens; places are a power of 2.
        state: i64[6], tokens counted, counts of all single tokens and how many have one, places taken in each table.
    """

    order: int
    singles: np.ndarray
    tables: list[np.ndarray]
    state: np.ndarray


def empty(vocabulary: int, order: int, tokens: int) -> Counts:
    """Counts of nothing, with room for about so many tokens of text."""
    sizes = [min(tokens // 4, vocabulary * vocabulary), tokens // 2, tokens]
    tables = [np.zeros(2 * _places(size if k < order - 1 else 0), np.uint64) for k, size in enumerate(sizes)]
    return Counts(order, np.zeros(2 * (vocabulary + 1), np.uint64), tables, np.zeros(6, np.int64))


def add(counts: Counts, ids: np.ndarray, starts: np.ndarray, begin: int, end: int) -> None:
    """Count tokens [begin, end) of a stream; those before `begin` were counted last.

    Args:
        counts: changed.
        ids: u16[t], each less than the vocabulary.
        starts: i64[n + 1], where documents begin in `ids`.
        begin: a token of `ids`, perhaps inside a document.
        end: at most t.
    """
    ids, starts = aligned(ids, np.uint16), aligned(starts, np.int64)
    at = begin
    while at < end:
        before = counts.state[_DONE]
        pairs, threes, fours = counts.tables
        _add(ids, starts, at, end, counts.order, counts.singles, pairs, threes, fours, counts.state)
        at += int(counts.state[_DONE] - before)
        for k, table in enumerate(counts.tables):
            if counts.state[_HELD + k] >= _room(table):
                counts.tables[k] = np.zeros(2 * len(table), np.uint64)
                _move(table, counts.tables[k], 0 if k == ORDER - 2 else 16)


def bits(counts: Counts, ids: np.ndarray, starts: np.ndarray, first: np.ndarray, discounts: np.ndarray) -> np.ndarray:
    """How many bits each document takes under the model: the sum of -log2 of the probabilities of its tokens.

    Args:
        counts: of the model.
        ids: u16[t], each less than the vocabulary.
        starts: i64[n + 1].
        first: i64[n], from which token of each document on; those before it are context.
        discounts: f64[4], for n-grams of one to four tokens, each in (0, 1).

    Returns:
        f64[n], finite; 0 for a document without tokens.
    """
    found = np.empty(len(starts) - 1, np.float64)
    ids, starts, first, discounts = (
        aligned(ids, np.uint16),
        aligned(starts, np.int64),
        aligned(first, np.int64),
        aligned(discounts, np.float64),
    )
    pairs, threes, fours = counts.tables
    _bits(ids, starts, first, discounts, counts.order, counts.singles, pairs, threes, fours, counts.state, found)
    return found


def _places(size: int) -> int:
    return 1 << max(6, math.ceil(size).bit_length())


def _room(table: np.ndarray) -> int:
    """How many places may be taken."""
    return int(len(table) // 2 * FULL)


@helper
def _find(table, key, shift):
    """Where in a table a key stands, or the free place for it."""
    last = np.uint64(len(table) // 2 - 1)
    spread = key * _SPREAD
    at = (spread ^ (spread >> _32)) & last
    while True:
        word = table[np.uint64(2) * at]
        if word == 0 or word >> shift == key:
            return np.int64(np.uint64(2) * at)
        at = (at + np.uint64(1)) & last


@helper
def _count(table, at, key, shift, followed, place):
    """Count an n-gram, and that it follows a context, which stands at a place of another table; whether it is new."""
    new = table[at] == 0
    if new:
        table[at] = key << shift
        followed[place] += np.uint64(1)
    table[at + 1] += np.uint64(1)
    followed[place + 1] += np.uint64(1) << _32
    return new


@helper
def _token(ids, start, t):
    """The token at a place of a document that begins at `start`, as keys have it; 0 before it."""
    return np.uint64(ids[t]) + np.uint64(1) if t >= start else np.uint64(0)


@helper
def _has_room(table, held):
    return held < np.int64(len(table) // 2 * FULL)


@helper
def _add_one(a, b, c, d, n, singles, pairs, threes, fours, state):
    """Count the token d after a, b, c: as an n-gram of n tokens, and, as long as one is new, those that end it."""
    if n == 4:
        key, context = a << np.uint64(48) | b << _32 | c << _16 | d, a << _32 | b << _16 | c
        new = _count(fours, _find(fours, key, np.uint64(0)), key, np.uint64(0), threes, _find(threes, context, _16))
        state[_HELD + 2] += new
        if not new:
            return
    if n >= 3:
        key = b << _32 | c << _16 | d
        new = _count(threes, _find(threes, key, _16), key, _16, pairs, _find(pairs, b << _16 | c, _16))
        state[_HELD + 1] += new
        if not new:
            return
    if n >= 2:
        key = c << _16 | d
        new = _count(pairs, _find(pairs, key, _16), key, _16, singles, np.int64(np.uint64(2) * c))
        state[_HELD] += new
        if not new:
            return
    at = np.int64(np.uint64(2) * d)
    state[_TYPES] += singles[at + 1] & _LOW == 0
    singles[at + 1] += np.uint64(1)
    state[_TOTAL] += 1


@kernel(reads(u16), reads(i64), i64, i64, i64, writes(u64), writes(u64), writes(u64), writes(u64), writes(i64))
def _add(ids, starts, begin, end, order, singles, pairs, threes, fours, state):
    for doc in range(np.searchsorted(starts, begin, "right") - 1, len(starts) - 1):
        start = starts[doc]
        for t in range(max(start, begin), min(starts[doc + 1], end)):
            if not (_has_room(pairs, state[_HELD]) and _has_room(threes, state[_HELD + 1]) and _has_room(fours, state[_HELD + 2])):
                return
            a, b, c, d = _token(ids, start, t - 3), _token(ids, start, t - 2), _token(ids, start, t - 1), _token(ids, start, t)
            _add_one(a, b, c, d, min(t - start + 2, order), singles, pairs, threes, fours, state)
            state[_DONE] += 1


@kernel(reads(u64), writes(u64), u64)
def _move(old, new, shift):
    for at in range(0, len(old), 2):
        if old[at] > 0:
            place = _find(new, old[at] >> shift, shift)
            new[place], new[place + 1] = old[at], old[at + 1]


@helper
def _level(table, at, followed, place, discount, lower):
    """The probability of a token after a context, given that after a shorter one."""
    total = followed[place + 1] >> _32
    if total == 0:
        return lower
    count = float(table[at + 1] & _LOW)
    types = float(followed[place] & np.uint64(0xFFFF))
    return (max(count - discount, 0.0) + discount * types * lower) / float(total)


@kernel(reads(u16), reads(i64), reads(i64), reads(f64), i64, reads(u64), reads(u64), reads(u64), reads(u64), reads(i64), writes(f64))
def _bits(ids, starts, first, discounts, order, singles, pairs, threes, fours, state, found):
    size = len(singles) // 2 - 1
    for doc in range(len(found)):
        start, end = starts[doc], starts[doc + 1]
        total = 0.0
        product = 1.0
        for t in range(start + first[doc], end):
            a, b, c, d = _token(ids, start, t - 3), _token(ids, start, t - 2), _token(ids, start, t - 1), _token(ids, start, t)
            n = min(t - start + 2, order)
            at = np.int64(np.uint64(2) * d)
            p = 1.0 / size
            if state[_TOTAL] > 0:
                count = float(singles[at + 1] & _LOW)
                p = (max(count - discounts[0], 0.0) + discounts[0] * float(state[_TYPES]) * p) / float(state[_TOTAL])
            if n >= 2:
                p = _level(pairs, _find(pairs, c << _16 | d, _16), singles, np.int64(np.uint64(2) * c), discounts[1], p)
            if n >= 3:
                p = _level(threes, _find(threes, b << _32 | c << _16 | d, _16), pairs, _find(pairs, b << _16 | c, _16), discounts[2], p)
            if n >= 4:
                key, context = a << np.uint64(48) | b << _32 | c << _16 | d, a << _32 | b << _16 | c
                p = _level(fours, _find(fours, key, np.uint64(0)), threes, _find(threes, context, _16), discounts[3], p)
            product *= p
            if product < 1e-200:  # one logarithm for many tokens
                total -= math.log2(product)
                product = 1.0
        found[doc] = total - math.log2(product)
