"""The sets of shingles of texts: runs of n consecutive words, each as a 64-bit hash.

A *word* is what `re.findall(r"\\w+", text.lower())` gives: a run of letters (L), numbers (N) and "_"; "ς" counts as "σ", so that
capitals are what they stand for. Scripts that are written without spaces (Han, Hiragana, Thai, Khmer …: *alone* in
`tamis.kernels.unicode`) have runs that are whole sentences; there, each letter may be a word of its own.

The shingles of a text of fewer words than n are one: all its words. A text without words has none.

A word's hash is made of its folded bytes, eight at a time; a shingle's is a polynomial in the hashes of its words, modulo
2**64, which rolls from word to word. ASCII is walked through 64 bytes at a time.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, helper, i32, i64, kernel, reads, u8, u16, u64, writes
from tamis.kernels._text import bytes_between, decode, encode, word_at, zeros_above, zeros_below
from tamis.kernels.unicode import ALONE, LETTER, NUMBER

Unit = Literal["words", "auto", "characters"]
UNITS: tuple[Unit, ...] = ("words", "auto", "characters")

READ_AHEAD = 72  # bytes read from the first of a block on: a word of 8 may begin at the last
_ONE = np.uint64(1)
_ALL = np.uint64(2**64 - 1)
_HIGH = np.uint64(0x8080808080808080)
_FOLD = 0x2020202020202020  # "A" to "Z" become "a" to "z", digits stay, "_" becomes DEL, which is no word's
_BASE = 0x9FB21C651E98DF27  # 3 modulo 4, so that few powers of it are near 1 modulo powers of 2


class Rule(NamedTuple):
    """What a shingle is.

    Args:
        size: consecutive words, 1 to 64.
        unit: "words"; "auto": each letter of a script without spaces is a word; "characters": every letter, number and "_" is.
        lower: ignore case.
    """

    size: int = 5
    unit: Unit = "words"
    lower: bool = True

    def settings(self) -> np.ndarray:
        """u64[5]: size, unit, what folds the case of 8 ASCII bytes, the base, and its power for the word that leaves."""
        fold = _FOLD if self.lower else 0
        return np.array([self.size, UNITS.index(self.unit), fold, _BASE, pow(_BASE, self.size, 2**64)], np.uint64)

    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The arguments of kernels that say what a shingle is."""
        return unicode.flags(), _folded(self.lower), self.settings()


@cache
def _folded(lower: bool) -> np.ndarray:  # noqa: FBT001
    """i32[0x110000]: what each code point counts as."""
    folded = unicode.lower().copy() if lower else np.arange(0x110000, dtype=np.int32)
    if lower:
        folded[0x3C2] = 0x3C3
    return folded


def scratch(offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room for the longest text, a word a byte: its longest word, hashes of its words or shingles, a table of those.

    Returns:
        u8[:], u64[:], u64[:].
    """
    longest = int(np.diff(offsets).max(initial=0))
    # Nothing is touched beyond what a text needs, so that most of this never becomes memory.
    return np.empty(longest * 3 // 2 + 32, np.uint8), np.empty(longest + 1, np.uint64), np.empty(5 * longest + 64, np.uint64)


def sets(data: np.ndarray, offsets: np.ndarray, rule: Rule, places: np.ndarray, most: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Write the shingles of every text, each once, ascending.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        rule: what a shingle is.
        places: i64[n], where in `out` the shingles of each text begin; nobody else may write there meanwhile.
        most: i64[n], how many there is room for; a text with more writes none.
        out: u64[:].

    Returns:
        i64[n], how many there are.
    """
    counts = np.empty(len(places), np.int64)
    room = scratch(offsets)
    where = aligned(places, np.int64), aligned(most, np.int64)
    _sets(aligned(data, np.uint8), aligned(offsets, np.int64), *rule.tables(), *room, *where, out, counts)
    return counts


def shingles(data: np.ndarray, offsets: np.ndarray, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """The shingles of every text, each once, ascending.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        rule: what a shingle is.

    Returns:
        hashes: u64[m].
        borders: i64[n + 1]; those of text i are `hashes[borders[i]:borders[i + 1]]`.
    """
    places = np.asarray(offsets, np.int64) - (offsets[0] if len(offsets) else 0)
    wide = np.empty(int(places[-1]), np.uint64)
    counts = sets(data, offsets, rule, places[:-1], np.diff(places), wide)
    borders = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    narrow = np.arange(borders[-1]) - np.repeat(borders[:-1] - places[:-1], counts)
    return wide[narrow], borders


@helper
def mix(x):
    """Spread 64 bits; one to one."""
    x ^= x >> np.uint64(32)
    x *= np.uint64(0xE9846AF9B1A615D)
    x ^= x >> np.uint64(32)
    x *= np.uint64(0xE9846AF9B1A615D)
    return x ^ (x >> np.uint64(28))


@helper
def _hash(data, at, n, fold):
    """The hash of a word of n bytes, from 1; up to 7 bytes after it are read as well."""
    h = np.uint64(0)
    while n > 8:
        h = mix(h ^ (word_at(data, at) | fold))
        at += 8
        n -= 8
    return mix(h ^ ((word_at(data, at) | fold) & (_ALL >> np.uint64(64 - 8 * n))))


@helper
def _whole_words(data, i, end):
    """(bytes of words, size of the piece): up to the last byte of 64 that is in no word and before any that is not ASCII."""
    words = bytes_between(data, i, 0x61, 0x7A) | bytes_between(data, i, 0x41, 0x5A)
    words |= bytes_between(data, i, 0x30, 0x39) | bytes_between(data, i, 0x5F, 0x5F)
    others = bytes_between(data, i, 0x80, 0xFF)
    if end - i < 64:
        # What follows the text is no text.
        inside = ~(_ALL << np.uint64(end - i))
        words &= inside
        others &= inside
    before = (others & (~others + _ONE)) - _ONE
    gaps = ~(words | others) & before
    if not gaps:
        return gaps, 0
    last = zeros_above(gaps)
    return (_ALL >> last) & words, min(end - i, 64 - np.int64(last))


@helper
def _next_word(data, i, end, flags, lower, settings, word):
    """Fold the next word into `word`, code point by code point: (place after it, its bytes; 0 if there is none)."""
    unit, fold, n = settings[1], np.uint8(settings[2] & np.uint64(0xFF)), 0
    while i < end:
        c, width = decode(data, i)
        kind = flags[c]
        inside = (kind & (LETTER | NUMBER)) != 0 or c == 0x5F
        alone = inside and (unit == 2 or (unit == 1 and (kind & ALONE) != 0))
        if n > 0 and (alone or not inside):
            return i, n
        i += width
        if inside:
            small = lower[c]
            if small < 0x80:
                word[n] = np.uint8(small) | fold
                n += 1
            else:
                n = encode(small, word, n)
            # "İ" is "i" and a mark in lower case, and a mark ends a word.
            if alone or (c == 0x130 and small != c):
                return i, n
    return i, n


@helper
def _words(data, i, end, flags, lower, settings, word, out):
    """Write the hashes of a text's words, and return how many there are."""
    n = 0
    fast = settings[1] != 2
    while i < end:
        if fast and i + READ_AHEAD <= len(data) and not word_at(data, i) & _HIGH:
            words, size = _whole_words(data, i, end)
            if size > 0:
                starts = words & ~(words << _ONE)
                while starts:
                    first = zeros_below(starts)
                    starts &= starts - _ONE
                    length = np.int64(zeros_below(~(words >> first)))
                    out[n] = _hash(data, i + np.int64(first), length, settings[2])
                    n += 1
                i += size
                continue
        i, length = _next_word(data, i, end, flags, lower, settings, word)
        if length > 0:
            out[n] = _hash(word, 0, length, np.uint64(0))
            n += 1
    return n


@helper
def _roll(words, n, settings):
    """Turn the hashes of words into those of shingles, in place, and return how many there are."""
    size, base, power = np.int64(settings[0]), settings[3], settings[4]
    first = min(n, size)
    h = np.uint64(0)
    for j in range(first):
        h = h * base + words[j]
    for j in range(first, n):
        # The word that leaves is read before the shingle takes its place.
        leaving = words[j - size]
        words[j - size] = h
        h = h * base + words[j] - leaving * power
    if n > 0:
        words[n - first] = h
    return n - first + 1 if n > 0 else 0


@helper
def _table_bits(n):
    bits = 4
    while 1 << bits < 2 * n:
        bits += 1
    return bits


@helper
def distinct(hashes, n, table):
    """Keep each of n hashes once, in place, in order of first occurrence, and return how many are left.

    They also lie in `table`, almost ascending among zeros; a hash of 0 counts as 1.
    """
    bits = _table_bits(n)
    shift, used = np.uint64(64 - bits), (1 << bits) + n  # what runs over the end of the table goes on behind it
    for slot in range(used):
        table[slot] = 0
    kept = 0
    for j in range(n):
        h = hashes[j]
        if h == 0:
            h = _ONE
        slot = h >> shift
        while table[slot] != 0 and table[slot] != h:
            slot += _ONE
        if table[slot] == 0:
            table[slot] = h
            hashes[kept] = h
            kept += 1
    return kept


@helper
def shingles_of(data, start, end, flags, lower, settings, word, out, table):
    """Write the shingles of a text, each once, and return how many there are; see `distinct`."""
    n = _words(data, start, end, flags, lower, settings, word, out)
    return distinct(out, _roll(out, n, settings), table)


@helper
def _write_ascending(table, kept, out, at):
    """Write the `kept` hashes that lie in the table to out[at:]: linear probing leaves it nearly sorted."""
    last = at
    slot = 0
    while last < at + kept:
        h = table[slot]
        slot += 1
        if h != 0:
            k = last
            while k > at and out[k - 1] > h:
                out[k] = out[k - 1]
                k -= 1
            out[k] = h
            last += 1


@kernel(reads(u8), reads(i64), reads(u16), reads(i32), reads(u64), writes(u8), writes(u64), writes(u64), reads(i64), reads(i64), writes(u64), writes(i64))
def _sets(data, offsets, flags, lower, settings, word, hashes, table, places, most, out, counts):
    for d in range(len(places)):
        kept = shingles_of(data, offsets[d], offsets[d + 1], flags, lower, settings, word, hashes, table)
        if kept <= most[d]:
            _write_ascending(table, kept, out, places[d])
        counts[d] = kept
