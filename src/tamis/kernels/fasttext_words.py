"""The words of a fastText model: how they are cut and hashed, and the vocabulary they are looked up in."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import aligned, helper, i64, kernel, rare, reads, u8, u64, writes
from tamis.kernels._text import bytes_between, word_at, zeros_below

_SEPARATORS = np.uint64(sum(1 << ord(c) for c in " \t\n\v\f\r\0"))
FNV, _PRIME = np.uint64(2166136261), np.uint64(16777619)
RUN = np.uint64(116049371)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
LABEL = np.uint64(int.from_bytes(b"__label_", "little"))
END = np.uint64(int.from_bytes(b"</s>", "little"))
END_HASH = 3617362777  # of "</s>"
_FARTHER, _SIZE, _ENTRY = np.uint64(1 << 63), np.uint64(32), np.uint64((1 << 32) - 1)
"""Of a place's second number: whether a word that should be there had to give way by two places or more, its length, its entry."""


def vocabulary(words: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """The hash table of `Features`: a word lies at the place that its hash says or, where that is taken, at the next that is free.

    Args:
        words: u8[:].
        borders: i64[entries + 1]; no entry is empty.
    """
    slots = np.zeros((1 << max(4, int(len(borders) * 2 - 1).bit_length()), 2), np.uint64)
    _fill(aligned(words, np.uint8), aligned(borders, np.int64), slots)
    return slots


def entry_of(word: bytes, slots: np.ndarray, words: np.ndarray, borders: np.ndarray) -> int:
    """The number of a word, or label, among the entries; −1 if it is none, as the empty one is."""
    if not word:
        return -1
    found = np.empty(1, np.int64)
    _look_up(np.frombuffer(word, np.uint8), slots, aligned(words, np.uint8), aligned(borders, np.int64), found)
    return int(found[0])


@helper
def hashed(h, byte):
    """One step of FNV-1a, as fastText has it: bytes are signed."""
    return ((h ^ np.uint64(np.int64(np.int8(byte)))) * _PRIME) & np.uint64(0xFFFFFFFF)


@helper
def is_separator(byte):
    """Whether fastText cuts words at a byte."""
    return byte <= 32 and _SEPARATORS >> np.uint64(byte) & np.uint64(1) != 0


@helper
def first_bytes(data, i, n):
    """The first 8 of n bytes, or all of them; the first one lowest."""
    if np.uint64(i) + np.uint64(8) <= np.uint64(len(data)):
        word = word_at(data, i)
        return word if n >= 8 else word & ~(~np.uint64(0) << np.uint64(8 * n))
    word = np.uint64(0)
    for k in range(min(n, 8)):
        word |= np.uint64(data[np.uint64(i + k)]) << np.uint64(8 * k)
    return word


@helper
def _last_bytes(data, i, n, first):
    """The last 8 of n bytes; of at most 8 their first."""
    return word_at(data, i + n - 8) if n > 8 else first


@helper
def _slot(first, last, n, slots):
    """Where a word may be, by its length and its first and last 8 bytes: fastText's own hash takes five cycles a byte."""
    h = (first ^ (last + np.uint64(n)) * RUN) * _GOLDEN
    return (h ^ h >> np.uint64(32)) * _GOLDEN >> np.uint64(40) & np.uint64(len(slots) - 1)


@helper
def _is_at(slot, first, n, slots):
    """Whether a place holds a word of this length with these first 8 bytes: of at most 8 bytes they say all."""
    return (slots[slot, 0] == first) & ((slots[slot, 1] & ~_FARTHER) >> _SIZE == np.uint64(n))


@helper
def _is_word(data, i, n, entry, words, borders):
    """Whether a word's bytes after the first 8 are those of the entry."""
    begin = borders[entry]
    for k in range(8, n):
        if words[np.uint64(begin + k)] != data[np.uint64(i + k)]:
            return False
    return True


@rare
def _search(data, i, n, first, slot, slots, words, borders):
    """The entry that data[i:i + n] is, from a place on, or −1."""
    while slots[slot, 0] != 0:
        entry = np.int64(slots[slot, 1] & _ENTRY)
        if _is_at(slot, first, n, slots) and _is_word(data, i, n, entry, words, borders):
            return entry
        slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
    return -1


@helper
def find(data, i, n, first, slots, words, borders):
    """The entry that data[i:i + n] is, or −1."""
    slot = _slot(first, _last_bytes(data, i, n, first), n, slots)
    following = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
    # Both places are looked at, without a branch: which words are known, and which had to give way, cannot be foreseen.
    here, there = _is_at(slot, first, n, slots), _is_at(following, first, n, slots)
    known = np.int64(here | there)
    entry = np.int64(slots[(slot + np.uint64(not here)) & np.uint64(len(slots) - 1), 1] & _ENTRY) * known - (1 - known)
    if slots[slot, 1] >= _FARTHER or n > 8:
        return _search(data, i, n, first, slot, slots, words, borders)
    return entry


@helper
def _separators_at(data, i, size):
    """Which of the 64 bytes at i are separators; of the last ones of a buffer only `size` are looked at."""
    if i + 64 <= len(data):
        return bytes_between(data, i, 9, 13) | bytes_between(data, i, 32, 32) | bytes_between(data, i, 0, 0)
    mask = np.uint64(0)
    for k in range(size):
        mask |= np.uint64(is_separator(data[np.uint64(i + k)])) << np.uint64(k)
    return mask


@helper
def cut(data, i, end, inside, begins, n_begun, ends, n_ended):
    """Cut bytes at separators; return whether the last one is in a word, how many words have begun, and how many have ended.

    `inside` is 1 if the byte before i is in a word, whose beginning is listed, else 0.
    """
    one = np.uint64(1)
    while i < end:
        size = min(np.int64(64), end - i)
        looked_at = ~np.uint64(0) >> np.uint64(64 - size)
        word = ~_separators_at(data, i, size) & looked_at
        before = word << one | inside
        first, after = word & ~before, before & ~word & looked_at
        while first:
            begins[np.uint64(n_begun)] = i + np.int64(zeros_below(first))
            n_begun += 1
            first &= first - one
        while after:
            ends[np.uint64(n_ended)] = i + np.int64(zeros_below(after))
            n_ended += 1
            after &= after - one
        inside = word >> np.uint64(size - 1) & one
        i += size
    return inside, n_begun, n_ended


@kernel(reads(u8), reads(i64), writes(u64, 2))
def _fill(words, borders, slots):
    for entry in range(len(borders) - 1):
        begin, n = borders[entry], borders[entry + 1] - borders[entry]
        first = first_bytes(words, begin, n)
        home = slot = _slot(first, _last_bytes(words, begin, n, first), n, slots)
        while slots[slot, 0] != 0:
            slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
        slots[slot, 0], slots[slot, 1] = first, np.uint64(n) << _SIZE | np.uint64(entry)
        if (slot - home) & np.uint64(len(slots) - 1) > 1:
            slots[home, 1] |= _FARTHER


@kernel(reads(u8), reads(u64, 2), reads(u8), reads(i64), writes(i64))
def _look_up(word, slots, words, borders, found):
    found[0] = find(word, 0, len(word), first_bytes(word, 0, len(word)), slots, words, borders)
