"""Byte-pair encoding: text cut into pieces of one kind of character, and the bytes of each piece merged into tokens.

A piece is a run of at most 32 letters, digits or marks with the space before it, or of at most 32 white-space characters, of
which the last stays with the piece that follows if it is a space. So the time is linear in the text, whatever it is.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tamis.kernels._jit import aligned, helper, i64, kernel, reads, u8, u16, u64, writes
from tamis.kernels._text import decode, word_at

LONGEST = 32
"""Characters of a piece, a space before it apart."""
LETTER_RANGES = ((0xC0, 0x1FFF), (0x2C00, 0x2FFF), (0x3040, 0xFEFF), (0xFF21, 0x1EFFF), (0x20000, 0x10FFFF))
"""Code points beyond ASCII that are letters here, whatever Unicode calls them; all others beyond ASCII are marks."""
_LETTER, _DIGIT, _MARK, _SPACE = 0, 1, 2, 3
_KNOWN = 15  # bytes of a piece whose tokens are remembered
_CELL = 8  # words that are remembered of a piece: its bytes and their number in two, how many tokens, the tokens in four
_CELLS = 1 << 13  # 512 kB; a quarter of it is 10 % slower, and more no faster
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_16, _32 = np.uint64(16), np.uint64(32)
_NEVER = np.uint64(0xFFFFFFFF)


def _classes() -> np.ndarray:
    """u8[128], the kind of each ASCII character."""
    letters, digits, spaces = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), set(b"0123456789"), set(b"\t\n\v\f\r ")
    kinds = [_LETTER if c in letters else _DIGIT if c in digits else _SPACE if c in spaces else _MARK for c in range(128)]
    return np.array(kinds, np.uint8)


_CLASSES = _classes()


class Merges(NamedTuple):
    """What a tokenizer has learned; `merges` makes it.

    Args:
        bytes: u16[256], the token of each byte.
        table: u64[2^k], (left << 48 | right << 32 | rank << 16 | merged) by the place of the pair's hash; 0: none.
    """

    bytes: np.ndarray
    table: np.ndarray


def merges(bytes_: np.ndarray, pairs: np.ndarray) -> Merges:
    """Lay out merges for `encode`.

    Args:
        bytes_: u16[256], the token of each byte.
        pairs: u16[m, 3], left, right and merged token of each merge, in the order in which they apply; the merged one is not 0.
    """
    table = np.zeros(1 << max(6, (4 * len(pairs) - 1).bit_length()), np.uint64)
    _lay_out(aligned(pairs, np.uint16), table)
    return Merges(aligned(bytes_, np.uint16), table)


def encode(learned: Merges, data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of texts.

    Args:
        learned: of the tokenizer.
        data: u8[:], UTF-8.
        offsets: i64[n + 1].

    Returns:
        ids: u16[t].
        starts: i64[n + 1], where each text begins in `ids`.
    """
    data, offsets = aligned(data, np.uint8), aligned(offsets, np.int64)
    ids, starts = np.empty(offsets[-1] - offsets[0], np.uint16), np.zeros(len(offsets), np.int64)
    known, piece = np.zeros(_CELL * _CELLS, np.uint64), np.empty(2 * 4 * (LONGEST + 1), np.uint64)
    _encode(data, offsets, _CLASSES, learned.bytes, learned.table, known, piece, ids, starts)
    return ids[: starts[-1]].copy(), starts


@helper
def _place(key, table):
    return (key * _SPREAD >> _32) & np.uint64(len(table) - 1)


@helper
def _merge_of(left, right, table):
    """(rank << 16 | merged) of two tokens; `_NEVER` if they are never merged."""
    key = left << _16 | right
    at = _place(key, table)
    while True:
        word = table[at]
        if word == 0:
            return _NEVER
        if word >> _32 == key:
            return word & _NEVER
        at = (at + np.uint64(1)) & np.uint64(len(table) - 1)


@kernel(reads(u16, 2), writes(u64))
def _lay_out(pairs, table):
    for rank in range(len(pairs)):
        key = np.uint64(pairs[rank, 0]) << _16 | np.uint64(pairs[rank, 1])
        at = _place(key, table)
        while table[at] > 0:
            at = (at + np.uint64(1)) & np.uint64(len(table) - 1)
        table[at] = key << _32 | np.uint64(rank) << _16 | np.uint64(pairs[rank, 2])


@helper
def _kind(data, i, classes):
    """(kind, bytes) of the character at i."""
    b = data[i]
    if b < 0x80:
        return np.int64(classes[b]), 1
    c, width = decode(data, i)
    for low, high in LETTER_RANGES:
        if low <= c <= high:
            return _LETTER, width
    return _MARK, width


@helper
def _end_of_piece(data, i, end, classes):
    """Where the piece that begins at i ends."""
    at = i
    if data[i] == 0x20 and i + 1 < end and (data[i + 1] >= 0x80 or classes[data[i + 1]] != _SPACE):
        at = i + 1
    kind, width = _kind(data, at, classes)
    at += width
    n = 1
    while at < end and n <= LONGEST:
        other, width = _kind(data, at, classes)
        if other != kind:
            break
        if n == LONGEST:
            return at
        at += width
        n += 1
    if kind == _SPACE and n > 1 and at < end and data[at - 1] == 0x20:
        return at - 1
    return at


@helper
def _merged(data, i, end, single, table, piece, ids, n):
    """Write the tokens of a piece at ids[n], and return the place after them."""
    count = end - i
    half = len(piece) // 2  # tokens, and in the second half what each makes with the next
    for k in range(count):
        piece[k] = np.uint64(single[data[i + k]])
    for k in range(count - 1):
        piece[half + k] = _merge_of(piece[k], piece[k + 1], table)
    while count > 1:
        best = 0
        for k in range(1, count - 1):
            if piece[half + k] < piece[half + best]:
                best = k
        if piece[half + best] == _NEVER:
            break
        piece[best] = piece[half + best] & np.uint64(0xFFFF)
        count -= 1
        for k in range(best + 1, count):
            piece[k] = piece[k + 1]
            piece[half + k - 1] = piece[half + k]
        if best > 0:
            piece[half + best - 1] = _merge_of(piece[best - 1], piece[best], table)
        if best < count - 1:
            piece[half + best] = _merge_of(piece[best], piece[best + 1], table)
    for k in range(count):
        ids[n + k] = piece[k]
    return n + count


@helper
def _bytes_of(data, i, j):
    """At most 15 bytes and their number in two words, with nothing left out; 16 are read."""
    size = np.uint64(8 * (j - i))
    number = np.uint64(j - i) << np.uint64(56)
    if j - i < 8:
        return word_at(data, i) & ((np.uint64(1) << size) - np.uint64(1)), number
    return word_at(data, i), number | word_at(data, i + 8) & ((np.uint64(1) << (size - np.uint64(64))) - np.uint64(1))


@helper
def _recalled(known, cell, ids, n):
    """Write the tokens that a cell remembers at ids[n], and return the place after them."""
    count = np.int64(known[cell + 2])
    for k in range(count):
        ids[n + k] = known[cell + 3 + (k >> 2)] >> np.uint64(16 * (k & 3))
    return n + count


@helper
def _remember(known, cell, low, high, ids, first, n):
    """Let a cell remember a piece and its tokens, ids[first:n]."""
    known[cell], known[cell + 1], known[cell + 2] = low, high, np.uint64(n - first)
    for k in range(3, _CELL):
        known[cell + k] = np.uint64(0)
    for k in range(n - first):
        known[cell + 3 + (k >> 2)] |= np.uint64(ids[first + k]) << np.uint64(16 * (k & 3))


@kernel(reads(u8), reads(i64), reads(u8), reads(u16), reads(u64), writes(u64), writes(u64), writes(u16), writes(i64))
def _encode(data, offsets, classes, single, table, known, piece, ids, starts):
    n = 0
    for text in range(len(offsets) - 1):
        i, end = offsets[text], offsets[text + 1]
        while i < end:
            j = _end_of_piece(data, i, end, classes)
            if j - i > _KNOWN or i + 16 > len(data):
                n = _merged(data, i, j, single, table, piece, ids, n)
            else:
                low, high = _bytes_of(data, i, j)
                h = (low * _SPREAD) ^ (high * _MIX)
                cell = np.int64(np.uint64(_CELL) * ((h ^ (h >> _32)) & np.uint64(_CELLS - 1)))
                if known[cell] == low and known[cell + 1] == high:
                    n = _recalled(known, cell, ids, n)
                else:
                    first, n = n, _merged(data, i, j, single, table, piece, ids, n)
                    _remember(known, cell, low, high, ids, first, n)
            i = j
        starts[text + 1] = n
