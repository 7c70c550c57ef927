"""Lines and letters by 64-byte masks, for kernels that may read a little beyond the end of a text.

Bit k of a mask stands for byte k of 64, see `tamis.kernels._text`. A mask costs half a nanosecond, a branch that cannot be
foretold ten times as much: whatever a line is asked about is asked of 64 bytes at once, and counted by the bit.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import extending, types

from tamis.kernels._jit import helper, rare
from tamis.kernels._text import bytes_between, count_bits, decode, word_at, zeros_above, zeros_below
from tamis.kernels.unicode import DIGIT, LINE_END, SPACE, UPPERCASE

SLACK = 128
"""Bytes that may be read after the end of a text."""

_ONE = np.uint64(1)
_ALL = np.uint64(2**64 - 1)
_BLOCK = ir.VectorType(ir.IntType(8), 64)
_intrinsic: Any = extending.intrinsic


@_intrinsic
def _copy_block(_, data, i, out, n):
    def build(context, builder, signature, arguments):
        data, i, out, n = arguments
        ends = ((signature.args[0], data, i), (signature.args[2], out, n))
        source, target = (builder.gep(context.make_array(kind)(context, builder, array).data, [at]) for kind, array, at in ends)
        block = builder.load(builder.bitcast(source, _BLOCK.as_pointer()), align=1)
        builder.store(block, builder.bitcast(target, _BLOCK.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(data, i, out, n), build


def roomy(data: np.ndarray, offsets: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, slice]]:
    """The texts in at most two parts with `SLACK` readable bytes after each text; those at the end of `data` are copied.

    Args:
        data: u8[:].
        offsets: i64[n + 1].

    Yields:
        data, offsets, and which rows these are.
    """
    n = len(offsets) - 1
    k = int(np.searchsorted(offsets[1:], len(data) - SLACK, side="right"))
    if k:
        yield data, offsets[: k + 1], slice(0, k)
    if k < n:
        rest = np.zeros(offsets[n] - offsets[k] + SLACK, np.uint8)
        rest[: len(rest) - SLACK] = data[offsets[k] : offsets[n]]
        yield rest, offsets[k:] - offsets[k], slice(k, n)


@helper
def below(mask):
    """All bytes before the first; all if there is none."""
    return (mask & (~mask + _ONE)) - _ONE


@helper
def first_bytes(n):
    """The first n bytes of 64; all if n is 64 or more."""
    return _ALL if n >= 64 else (_ONE << np.uint64(n)) - _ONE


@helper
def any_case(data, i, letter):
    """Which of the 64 bytes at i are an ASCII letter, given in lower case, in either case."""
    return bytes_between(data, i, letter, letter) | bytes_between(data, i, letter - 32, letter - 32)


@helper
def says(data, i, end, phrase):
    """Whether data[i:end] begins with an ASCII phrase in lower case, in any case of its letters."""
    if end - i < len(phrase):
        return False
    for k in range(len(phrase)):
        b = data[i + k]
        if 0x41 <= b <= 0x5A:
            b |= 0x20
        if b != phrase[k]:
            return False
    return True


@rare
def holds(data, start, end, phrase):
    """Whether data[start:end] holds an ASCII phrase in lower case, in any case of its letters. Slow: for what is rare."""
    for i in range(start, end - len(phrase) + 1):
        if says(data, i, end, phrase):
            return True
    return False


@helper
def copy(data, start, end, out, n):
    """Write data[start:end] at n, and return the place after it; up to 63 bytes after that are overwritten."""
    # Byte by byte, which LLVM makes nothing better of, lines of 40 bytes take three times as long.
    for i in range(start, end, 64):
        _copy_block(data, np.uint64(i), out, np.uint64(n + (i - start)))
    return n + (end - start)


@helper
def line_at(data, start, end, flags):
    """(end, start of the next) of the line at start, as `str.splitlines()` cuts; both are `end` for what is left."""
    i = start
    while i < end:
        text = first_bytes(end - i)
        found = bytes_between(data, i, 10, 13) | bytes_between(data, i, 0x1C, 0x1E)
        found = (found | bytes_between(data, i, 0xC2, 0xC2) | bytes_between(data, i, 0xE2, 0xE2)) & text
        while found:
            at = i + np.int64(zeros_below(found))
            found &= found - _ONE
            c, width = decode(data, at)
            if flags[c] & LINE_END:
                return at, at + (2 if c == 13 and at + 1 < end and data[at + 1] == 10 else width)
        i += 64
    return end, end


@helper
def space_in(data, i):
    """Which of the 64 bytes at i are ASCII white space, as `str.isspace()` has it."""
    return bytes_between(data, i, 9, 13) | bytes_between(data, i, 0x1C, 0x20)


@helper
def characters_in(data, i):
    """Which of the 64 bytes at i begin a character."""
    return ~bytes_between(data, i, 0x80, 0xBF)


@helper
def others_in(data, i, text, flags, marks):
    """Of the characters beyond ASCII that begin in `text`: (bytes of white space, capitals, digits, bytes to look at).

    The bytes to look at are 64, or fewer if a character goes on beyond them.
    """
    space, uppers, digits, size = np.uint64(0), 0, 0, np.int64(64)
    leads = bytes_between(data, i, 0xC0, 0xFF) & text
    while leads:
        k = zeros_below(leads)
        leads &= leads - _ONE
        c, width = decode(data, i + np.int64(k))
        if np.int64(k) + width > 64:
            size = np.int64(k)
            break
        if flags[c] & SPACE:
            space |= first_bytes(width) << k
        uppers += (marks[c] & UPPERCASE) != 0
        digits += (flags[c] & DIGIT) != 0
    return space, uppers, digits, size


def _look(data, start, end, flags, marks):
    """What a piece of text holds, in one walk.

    Returns:
        first, last: its borders without white space at either end; equal if it is blank.
        chars, words, uppers, digits: characters, words of `str.split()`, capitals (Uppercase), digits (Nd).
    """
    first, last, chars, words, uppers, digits = end, end, 0, 0, 0, 0
    gap = _ONE
    i = start
    while i < end:
        size = min(64, end - i)
        text = first_bytes(size)
        space = space_in(data, i)
        if bytes_between(data, i, 0x80, 0xFF) & text:
            more, some, few, most = others_in(data, i, text, flags, marks)
            space |= more
            uppers += some
            digits += few
            size = min(size, most)
            text = first_bytes(size)
        ink = text & ~space
        if ink:
            if first == end:
                first = i + np.int64(zeros_below(ink))
            last = i + 64 - np.int64(zeros_above(ink))
            words += count_bits(ink & ~(ink << _ONE | (_ONE ^ gap)))
        gap = _ONE ^ (ink >> np.uint64(size - 1) & _ONE)
        chars += count_bits(characters_in(data, i) & text)
        uppers += count_bits(bytes_between(data, i, 0x41, 0x5A) & text)
        digits += count_bits(bytes_between(data, i, 0x30, 0x39) & text)
        i += size
    return first, last, chars, words, uppers, digits


look, look_again = helper(_look), rare(_look)


@helper
def hash_of(data, start, end):
    """A hash of some bytes, 8 at a time; equal bytes have equal hashes, and who compares them must look at the bytes."""
    mixed = np.uint64(end - start) * np.uint64(0x9E3779B97F4A7C15)
    i = start
    while i < end:
        word = word_at(data, i)
        if end - i < 8:
            word &= (_ONE << np.uint64(8 * (end - i))) - _ONE
        mixed = (mixed ^ word) * np.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> np.uint64(32)
        i += 8
    return mixed


@helper
def same_bytes(data, i, j, size):
    """Whether the `size` bytes at i and those at j are equal."""
    k = 0
    while k + 8 <= size:
        if word_at(data, i + k) != word_at(data, j + k):
            return False
        k += 8
    while k < size:
        if data[i + k] != data[j + k]:
            return False
        k += 1
    return True


def slots(most: int) -> np.ndarray:
    """An empty table for `seen_before` that takes up to `most` pieces of one text: i64[:, 3]."""
    return np.zeros((1 << (2 * most + 1).bit_length(), 3), np.int64)


@helper
def seen_before(data, start, end, table, most, stamp):
    """Whether the text `stamp` (from 1) held these bytes before; if not, remember them.

    `most` is how many pieces this text can hold, which keeps a small text within a small part of the table.
    """
    mask = np.uint64(2)
    while mask <= np.uint64(2 * most):
        mask <<= _ONE
    mask -= _ONE
    place = hash_of(data, start, end)
    place = (place ^ place >> np.uint64(29)) & mask
    while table[place, 0] == stamp:
        begin, size = table[place, 1], table[place, 2]
        if size == end - start and same_bytes(data, begin, start, size):
            return True
        place = (place + _ONE) & mask
    table[place, 0], table[place, 1], table[place, 2] = stamp, start, end - start
    return False
