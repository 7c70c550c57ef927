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
from tamis.kernels._text import BLOCK, block_at, bytes_between, count_bits, decode, in_each_byte, strip, word_at, zeros_above, zeros_below
from tamis.kernels.unicode import DIGIT, LINE_END, SPACE, UPPERCASE

SLACK = 128
"""Bytes that may be read after the end of a text."""

_ONE = np.uint64(1)
_ALL = np.uint64(2**64 - 1)
_A, _B, _C = (np.uint64(factor) for factor in (0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F))
_intrinsic: Any = extending.intrinsic


@_intrinsic
def _copy_block(_, data, i, out, n):
    def build(context, builder, signature, arguments):
        data, i, out, n = arguments
        ends = ((signature.args[0], data, i), (signature.args[2], out, n))
        source, target = (builder.gep(context.make_array(kind)(context, builder, array).data, [at]) for kind, array, at in ends)
        block = builder.load(builder.bitcast(source, BLOCK.as_pointer()), align=1)
        builder.store(block, builder.bitcast(target, BLOCK.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(data, i, out, n), build


@_intrinsic
def _folded(_, data, i, letter):
    # The two cases of an ASCII letter differ in one bit, which no other byte does from a small letter.
    def build(context, builder, signature, arguments):
        data, i, letter = arguments
        block = block_at(context, builder, signature.args[0], data, i)
        small = builder.or_(block, in_each_byte(builder, ir.Constant(ir.IntType(8), 0x20)))
        return builder.bitcast(builder.icmp_unsigned("==", small, in_each_byte(builder, letter)), ir.IntType(64))

    return types.uint64(data, i, letter), build


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
def first_bytes(n):
    """The first n bytes of 64; all if n is 64 or more."""
    return _ALL if n >= 64 else (_ONE << np.uint64(n)) - _ONE


@helper
def bits(mask):
    """How many bits are set, as a signed number: the sum of an unsigned and a signed one is a float to numba."""
    return np.int64(count_bits(mask))


@helper
def any_case(data, i, letter):
    """Which of the 64 bytes at i are an ASCII letter, given in lower case, in either case."""
    return _folded(data, np.uint64(i), np.uint8(letter))


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


@rare
def _strip(data, start, end, flags):
    return strip(data, start, end, flags)


@helper
def stripped(data, start, end, flags):
    """What `strip` returns, at once for the many lines that begin and end with printable ASCII."""
    if start < end and 0x20 < data[np.uint64(start)] < 0x7F and 0x20 < data[np.uint64(end - 1)] < 0x7F:  # see `word_at`
        return start, end
    return _strip(data, start, end, flags)


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
    """Of the characters beyond ASCII that begin in `text`, up to one that ends a line.

    Returns:
        space: bytes of white space.
        uppers, digits: how many are capitals and digits.
        size: bytes to look at: 64, or fewer if a character goes on beyond them or ends a line.
        ended: whether one ends a line, at `size`.
    """
    space, uppers, digits, size, ended = np.uint64(0), 0, 0, np.int64(64), False
    leads = bytes_between(data, i, 0xC0, 0xFF) & text
    while leads:
        k = zeros_below(leads)
        leads &= leads - _ONE
        c, width = decode(data, i + np.int64(k))
        ended = flags[c] & LINE_END != 0
        if ended or np.int64(k) + width > 64:
            size = np.int64(k)
            break
        if flags[c] & SPACE:
            space |= first_bytes(width) << k
        uppers += (marks[c] & UPPERCASE) != 0
        digits += (flags[c] & DIGIT) != 0
    return space, uppers, digits, size, ended


def _read_line(data, start, end, flags, marks):
    """The line at `start`, which is before `end`: where it ends, as `str.splitlines()` cuts, and what it holds, in one walk.

    Returns:
        stop, following: its end, and the start of the next; both are `end` for what is left of a text.
        first, last: its borders without white space at either end; equal if it is blank.
        chars, words, uppers, digits: characters, words of `str.split()`, capitals (Uppercase), digits (Nd).
    """
    first, last, chars, words, uppers, digits = start, start, 0, 0, 0, 0
    gap, ended = _ONE, False
    i = start
    while i < end and not ended:
        ends = (bytes_between(data, i, 10, 13) | bytes_between(data, i, 0x1C, 0x1E)) & first_bytes(end - i)
        size = min(np.int64(zeros_below(ends)), end - i)
        ended = ends != 0
        text = first_bytes(size)
        space = space_in(data, i)
        if bytes_between(data, i, 0x80, 0xFF) & text:
            more, some, few, most, parted = others_in(data, i, text, flags, marks)
            space |= more
            uppers += some
            digits += few
            if most < size:
                size, ended = most, parted
                text = first_bytes(size)
        ink = text & ~space
        if ink:
            if first == last:
                first = i + np.int64(zeros_below(ink))
            last = i + 64 - np.int64(zeros_above(ink))
            words += bits(ink & ~(ink << _ONE | (_ONE ^ gap)))
        gap = _ONE ^ (ink >> np.uint64((size - 1) & 63) & _ONE)
        chars += bits(characters_in(data, i) & text)
        uppers += bits(bytes_between(data, i, 0x41, 0x5A) & text)
        digits += bits(bytes_between(data, i, 0x30, 0x39) & text)
        i += size
    following = i
    if ended:
        c, width = decode(data, i)
        following += 2 if c == 13 and i + 1 < end and data[i + 1] == 10 else width
    return i, following, first, last, chars, words, uppers, digits


read_line = helper(_read_line)
_read_line_again = rare(_read_line)


@rare
def look_again(data, start, end, flags, marks):
    """(first, last, chars, words, uppers, digits) of a line, maybe an empty one, as `read_line` has them."""
    if start == end:
        return end, end, 0, 0, 0, 0
    _, _, first, last, chars, words, uppers, digits = _read_line_again(data, start, end, flags, marks)
    return first, last, chars, words, uppers, digits


@helper
def _mixed(h, word, factor):
    h = (h ^ word) * factor
    return h ^ (h >> np.uint64(32))


@helper
def word_hash(data, i, n):
    """A 64-bit hash of the n bytes at i, at least 1; up to 15 bytes after them are read. Equal bytes have equal hashes."""
    # Two chains, for each waits for its multiplications: lines of 50 bytes take half the time.
    a, b = np.uint64(n) * _A, _B
    while n > 16:
        a, b = _mixed(a, word_at(data, i), _B), _mixed(b, word_at(data, i + 8), _C)
        i += 16
        n -= 16
    # Whether a word has more than 8 letters cannot be foretold: no branch here, for none or all of the second eight either.
    more = np.uint64(4 * max(n - 8, 0))
    a = _mixed(a, word_at(data, i) & (_ALL >> np.uint64(64 - 8 * min(n, 8))), _B)
    b = _mixed(b, word_at(data, i + 8) & ~((_ALL << more) << more), _C)
    return _mixed(a, b >> np.uint64(32) | b << np.uint64(32), _A)


@helper
def hash_of(data, i, n):
    """The same, of nothing too."""
    return word_hash(data, i, n) if n > 0 else _A


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
    mask = _ALL >> zeros_above(np.uint64(2 * most))
    place = hash_of(data, start, end - start)
    place = (place ^ place >> np.uint64(29)) & mask
    while table[place, 0] == stamp:
        begin, size = table[place, 1], table[place, 2]
        if size == end - start and same_bytes(data, begin, start, size):
            return True
        place = (place + _ONE) & mask
    table[place, 0], table[place, 1], table[place, 2] = stamp, start, end - start
    return False
