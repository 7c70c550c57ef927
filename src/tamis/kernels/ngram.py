"""Interpolated Kneser-Ney: counts of n-grams of up to four tokens, and the probabilities that they give.

A document is preceded by one token that stands for its beginning, so an n-gram never reaches across documents. The longest
n-grams, and those that begin with a document, are counted as often as they occur; a shorter one once for every different
token that precedes it. Counts add: a model that has seen one stream may go on with another.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tamis.kernels._jit import aligned, f64, helper, i64, kernel, reads, u16, u32, u64, writes
from tamis.kernels.ngram_table import (
    PART,
    WHOLE,
    count,
    count_at,
    fetch,
    find,
    followed,
    four_key,
    move,
    pair_key,
    placed,
    single_place,
    three_key,
)

ORDER = 4
"""The longest n-grams that are counted."""
MOST_TOKENS = 65_535
"""Of a vocabulary: one more, with the beginning of a document, would need 17 bits in a key."""
MOST_COUNTED = 2**32 - 1
FULL = 0.7
"""A table of which more than this share is taken is made larger before anything else is added."""
_EXPECTED = (0.15, 0.45, 0.61)
"""Different n-grams of two, three and four tokens in a million tokens of text, a token."""
_LEAST = 64
_DONE, _TOTAL, _TYPES, _HELD = 0, 1, 2, 3  # in `state`
_AHEAD = 8  # tokens; 4 is slower, 16 no faster


@dataclass
class Counts:
    """What a model has counted; `empty` makes one.

    Args:
        order: of the longest n-grams, 1 to 4.
        singles: u64[2 (v + 1)], for each token, the beginning of a document first, what a place of a table holds.
        tables: u64[2 places] each, for two, three and four tokens; places are a power of 2.
        state: i64[6], tokens counted, counts of single tokens and how many have one, places taken in each table.
    """

    order: int
    singles: np.ndarray
    tables: list[np.ndarray]
    state: np.ndarray

    @property
    def tokens(self) -> int:
        """How many tokens were counted."""
        return int(self.state[_DONE])


def empty(vocabulary: int, order: int) -> Counts:
    """Counts of nothing."""
    tables = [np.zeros(2 * _LEAST, np.uint64) for _ in _EXPECTED]
    return Counts(order, np.zeros(2 * (vocabulary + 1), np.uint64), tables, np.zeros(6, np.int64))


def add(counts: Counts, ids: np.ndarray, starts: np.ndarray, begin: int, end: int) -> None:
    """Count tokens [begin, end) of a stream; of a document that began before `begin`, those before it were counted.

    Args:
        counts: changed.
        ids: u16[t], each less than the vocabulary.
        starts: i64[n + 1], where documents begin in `ids`.
        begin: a token of `ids`.
        end: at most t.

    Raises:
        OverflowError: more than 4,294,967,295 tokens in all.
    """
    ids, starts = aligned(ids, np.uint16), aligned(starts, np.int64)
    if counts.tokens + end - begin > MOST_COUNTED:
        raise OverflowError
    _reserve(counts, _EXPECTED, end - begin)
    at = begin
    while at < end:
        before = counts.tokens
        pairs, threes, fours = counts.tables
        _add(ids, starts, at, end, counts.order, counts.singles, pairs, threes, fours, counts.state)
        at += counts.tokens - before
        _enlarge(counts)


def bits(counts: Counts, ids: np.ndarray, starts: np.ndarray, first: np.ndarray, discounts: np.ndarray) -> np.ndarray:
    """How many bits each document takes under the model: the sum of -log2 of the probabilities of its tokens.

    Args:
        counts: of the model.
        ids: u16[t], each less than the vocabulary.
        starts: i64[n + 1].
        first: i64[n], from which token of each document on, none negative; those before it are context.
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


def grams(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """What all else follows from: the n-grams that were counted as often as they occur.

    Returns:
        keys: u64[m], ascending; tokens from 1 on, 16 bits each, the last one lowest, 0 for the beginning and what would be before it.
        times: u32[m], how often each occurs.
    """
    found = []
    for n in range(1, counts.order + 1):
        table = counts.tables[n - 2] if n > 1 else _keyed(counts.singles)
        taken = table[::2] > 0
        keys, times = table[::2][taken], (table[1::2][taken] & np.uint64(MOST_COUNTED)).astype(np.uint32)
        keys = keys if n in (1, ORDER) else keys >> PART
        whole = n == counts.order
        kept = slice(None) if whole else keys >> np.uint64(16 * (n - 1)) == 0  # those that begin with a document
        found.append((keys[kept], times[kept]) if n > 1 or whole else (keys[:0], times[:0]))
    keys, times = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(keys)
    return keys[order], times[order]


def restore(vocabulary: int, order: int, keys: np.ndarray, times: np.ndarray) -> Counts | None:
    """The way back from `grams`; None if the keys cannot be its.

    Args:
        vocabulary: of the counts.
        order: of the counts.
        keys: u64[m].
        times: u32[m].
    """
    counts = empty(vocabulary, order)
    keys, times = aligned(keys, np.uint64), aligned(times, np.uint32)
    if len(keys) != len(times) or not _are_grams(keys, times, vocabulary, order):
        return None
    _reserve(counts, (0.25, 0.75, 1.0), len(keys))
    at = 0
    while at < len(keys):
        pairs, threes, fours = counts.tables
        at = _restore(keys, times, at, order, counts.singles, pairs, threes, fours, counts.state)
        _enlarge(counts)
    return counts


def _keyed(singles: np.ndarray) -> np.ndarray:
    """Single tokens laid out as in a table: key, count; a free place where one was never counted."""
    taken = (singles[1::2] & np.uint64(MOST_COUNTED)) > 0
    return np.stack([np.where(taken, np.arange(len(taken), dtype=np.uint64), np.uint64(0)), singles[1::2]], axis=1).ravel()


def _reserve(counts: Counts, shares: tuple[float, ...], more: int) -> None:
    """Make room for what usually comes: tables that grow on the way take a third longer."""
    for k, share in enumerate(shares):
        places = 1 << int((counts.state[_HELD + k] + more * share) / FULL).bit_length()
        if k < counts.order - 1 and 2 * places > len(counts.tables[k]):
            _grow(counts, k, places)


def _enlarge(counts: Counts) -> None:
    """Double the tables that are full."""
    for k, table in enumerate(counts.tables):
        if counts.state[_HELD + k] >= int(len(table) // 2 * FULL):
            _grow(counts, k, len(table))


def _grow(counts: Counts, k: int, places: int) -> None:
    old, counts.tables[k] = counts.tables[k], np.zeros(2 * places, np.uint64)
    move(old, counts.tables[k], WHOLE if k == ORDER - 2 else PART)


@helper
def _token(ids, start, t):
    """The token at a place of a document that begins at `start`, as keys have it; 0 before it."""
    return np.uint64(ids[t]) + np.uint64(1) if t >= start else np.uint64(0)


@helper
def _fetch_ahead(ids, t, pairs, threes, fours):
    """Fetch where the n-grams that end at a later token are; those that begin with a document are fetched in vain."""
    if t < len(ids):
        one = np.uint64(1)
        a, b, c, d = np.uint64(ids[t - 3]) + one, np.uint64(ids[t - 2]) + one, np.uint64(ids[t - 1]) + one, np.uint64(ids[t]) + one
        fetch(pairs, pair_key(c, d))
        fetch(threes, three_key(b, c, d))
        fetch(fours, four_key(a, b, c, d))


@helper
def _have_room(pairs, threes, fours, state):
    for k, table in enumerate((pairs, threes, fours)):
        if state[_HELD + k] >= np.int64(len(table) // 2 * FULL):
            return False
    return True


@helper
def _add_one(a, b, c, d, n, times, singles, pairs, threes, fours, state):
    """Count the token d after a, b, c: as an n-gram of n tokens, and, as long as one is new, those that end it."""
    once = np.uint64(1)
    if n == 4:
        at = placed(fours, four_key(a, b, c, d), WHOLE, state, _HELD + 2)
        if not count(fours, at, times, threes, placed(threes, three_key(a, b, c), PART, state, _HELD + 1)):
            return
        times = once
    if n >= 3:
        at = placed(threes, three_key(b, c, d), PART, state, _HELD + 1)
        if not count(threes, at, times, pairs, placed(pairs, pair_key(b, c), PART, state, _HELD)):
            return
        times = once
    if n >= 2:
        if not count(pairs, placed(pairs, pair_key(c, d), PART, state, _HELD), times, singles, single_place(c)):
            return
        times = once
    at = single_place(d)
    state[_TYPES] += count_at(singles, at) == 0
    state[_TOTAL] += np.int64(times)
    singles[at + 1] += times


@kernel(reads(u16), reads(i64), i64, i64, i64, writes(u64), writes(u64), writes(u64), writes(u64), writes(i64))
def _add(ids, starts, begin, end, order, singles, pairs, threes, fours, state):
    for doc in range(np.searchsorted(starts, begin, "right") - 1, len(starts) - 1):
        start = starts[doc]
        for t in range(max(start, begin), min(starts[doc + 1], end)):
            if not _have_room(pairs, threes, fours, state):
                return
            _fetch_ahead(ids, t + _AHEAD, pairs, threes, fours)
            a, b, c, d = _token(ids, start, t - 3), _token(ids, start, t - 2), _token(ids, start, t - 1), _token(ids, start, t)
            _add_one(a, b, c, d, min(t - start + 2, order), np.uint64(1), singles, pairs, threes, fours, state)
            state[_DONE] += 1


@kernel(reads(u64), reads(u32), i64, i64)
def _are_grams(keys, times, vocabulary, order):
    """Whether keys ascend, and each holds tokens of the vocabulary and nothing before a beginning; whether times are some, and few enough."""
    total = 0
    for i in range(len(keys)):
        total += times[i]
        if times[i] == 0 or (i > 0 and keys[i] <= keys[i - 1]) or keys[i] == 0:
            return False
        key, tokens = keys[i], 0
        while key > 0:
            if key & np.uint64(0xFFFF) == 0 or np.int64(key & np.uint64(0xFFFF)) > vocabulary:
                return False
            key >>= np.uint64(16)
            tokens += 1
        if tokens > order:
            return False
    return total <= MOST_COUNTED


@kernel(reads(u64), reads(u32), i64, i64, writes(u64), writes(u64), writes(u64), writes(u64), writes(i64))
def _restore(keys, times, begin, order, singles, pairs, threes, fours, state):
    low = np.uint64(0xFFFF)
    for i in range(begin, len(keys)):
        if not _have_room(pairs, threes, fours, state):
            return i
        if i + _AHEAD < len(keys):
            key = keys[i + _AHEAD]
            fetch(fours, key)
            fetch(threes, key & np.uint64(0xFFFFFFFFFFFF))
            fetch(threes, key >> np.uint64(16))
        key = keys[i]
        a, b, c, d = key >> np.uint64(48), key >> np.uint64(32) & low, key >> np.uint64(16) & low, key & low
        n = min(order, 2 + (a > 0 or b > 0 or c > 0) + (a > 0 or b > 0) + (a > 0))
        _add_one(a, b, c, d, n, np.uint64(times[i]), singles, pairs, threes, fours, state)
        state[_DONE] += times[i]
    return len(keys)


@helper
def _single(singles, at, state, discount, size):
    """The probability of a token after nothing."""
    if state[_TOTAL] == 0:
        return 1.0 / size
    return (max(count_at(singles, at) - discount, 0.0) + discount * state[_TYPES] / size) / state[_TOTAL]


@helper
def _level(table, at, contexts, context, discount, lower):
    """The probability of a token after a context, given that after a shorter one."""
    total, different = followed(contexts, context)
    if total == 0:
        return lower
    return (max(count_at(table, at) - discount, 0.0) + discount * different * lower) / total


@kernel(reads(u16), reads(i64), reads(i64), reads(f64), i64, reads(u64), reads(u64), reads(u64), reads(u64), reads(i64), writes(f64))
def _bits(ids, starts, first, discounts, order, singles, pairs, threes, fours, state, found):
    size = len(singles) // 2 - 1
    for doc in range(len(found)):
        start, total, product = starts[doc], 0.0, 1.0
        begin = start + first[doc]
        a, b, c = _token(ids, start, begin - 3), _token(ids, start, begin - 2), _token(ids, start, begin - 1)
        # The context of a token is the n-gram that ended at the token before it, and stands where that was found.
        single, pair, three = single_place(c), find(pairs, pair_key(b, c), PART), find(threes, three_key(a, b, c), PART)
        for t in range(begin, starts[doc + 1]):
            _fetch_ahead(ids, t + _AHEAD, pairs, threes, fours)
            n = min(t - start + 2, order)
            d = np.uint64(ids[t]) + np.uint64(1)
            at1, at2, at3 = single_place(d), find(pairs, pair_key(c, d), PART), find(threes, three_key(b, c, d), PART)
            p = _single(singles, at1, state, discounts[0], size)
            if n >= 2:
                p = _level(pairs, at2, singles, single, discounts[1], p)
            if n >= 3:
                p = _level(threes, at3, pairs, pair, discounts[2], p)
            if n >= 4:
                p = _level(fours, find(fours, four_key(a, b, c, d), WHOLE), threes, three, discounts[3], p)
            single, pair, three = at1, at2, at3
            a, b, c = b, c, d
            product *= p
            if product < 1e-200:  # one logarithm for many tokens: none is below 1e-33
                total -= math.log2(product)
                product = 1.0
        found[doc] = total - math.log2(product)
