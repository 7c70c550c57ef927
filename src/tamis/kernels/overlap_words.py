"""The words that overlaps are made of: found, hashed and compared.

A word is a maximal run of letters and numbers (L, N) with their marks, or one letter of a script written without spaces
(*alone* in `tamis.kernels.unicode`) with its marks. Punctuation, symbols, "_" and everything else only separate words. Words
are the same if they are in lower case (simple mapping), soft hyphens, joiners and direction marks left out.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, helper, i32, i64, kernel, reads, u8, u16, u64, writes
from tamis.kernels._text import bytes_between, decode, word_at, zeros_above, zeros_below
from tamis.kernels.unicode import ALONE, MARK, PUNCTUATION, RUN

READ_AHEAD = 72  # bytes that may be read from the first of a block on: a word of 8 may begin at the last

_ONE = np.uint64(1)
_ALL = np.uint64(2**64 - 1)
_LOWER = np.uint64(0x2020202020202020)
_C1 = np.uint64(0x9E6C63D0676A9A99)
_C2 = np.uint64(0x9E6D62D06F6A9A9B)


def word_hashes(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every word of some texts.

    Args:
        data: u8[:].
        offsets: i64[n + 1].

    Returns:
        hashes: u64[m], the same for the same words; no two words of up to 8 bytes in lower case share one.
        starts: i64[m], where in `data` each word begins.
        borders: i64[n + 1]; the words of text i are those from borders[i] to borders[i + 1].
    """
    data, offsets = aligned(data, np.uint8), aligned(offsets, np.int64)
    most = most_words(int(offsets[-1] - offsets[0])) + len(offsets)
    hashes, starts, borders = np.empty(most, np.uint64), np.empty(most, np.int64), np.zeros(len(offsets), np.int64)
    _word_hashes(data, offsets, unicode.flags(), unicode.lower(), hashes, starts, borders)
    return hashes[: borders[-1]].copy(), starts[: borders[-1]].copy(), borders


def most_words(size: int) -> int:
    """Words that a text of so many bytes can have at most: each has a byte, and another parts it from the next."""
    return size // 2 + 1


@helper
def _absorb(h, piece):
    h = (h ^ piece) * _C1
    return h ^ (h >> np.uint64(32))


@helper
def _finish(h):
    h *= _C2
    return h ^ (h >> np.uint64(29))


@helper
def _ascii_hash(data, i, n):
    """The hash of n ASCII letters and digits; setting one bit makes all of them lower case."""
    h = np.uint64(0)
    while n > 8:
        h = _absorb(h, word_at(data, i) | _LOWER)
        i += 8
        n -= 8
    return _finish(_absorb(h, (word_at(data, i) | _LOWER) & (_ALL >> np.uint64(64 - 8 * n))))


@helper
def is_invisible(c):
    """Whether a mark is one that does not count: soft hyphen, joiners, direction marks, byte order mark."""
    return c == 0xAD or 0x2000 <= c < 0x2070 or c == 0xFEFF


@helper
def _begins_word(kind):
    return (kind & ALONE) != 0 or ((kind & RUN) != 0 and (kind & PUNCTUATION) == 0)


@helper
def _continues_word(kind, first):
    """Whether a character belongs to the word whose first character has the flags `first`."""
    return (kind & MARK) != 0 or ((kind & RUN) != 0 and (kind & PUNCTUATION) == 0 and (first & RUN) != 0)


@helper
def _push(c, piece, filled, h):
    """Add the UTF-8 bytes of a code point to a hash; (unfinished 8 bytes, how many there are, hash)."""
    if c < 0x80:
        width, code = 1, np.uint64(c)
    elif c < 0x800:
        width, code = 2, np.uint64(0xC0 | (c >> 6)) | np.uint64(0x80 | (c & 0x3F)) << np.uint64(8)
    elif c < 0x10000:
        width, code = 3, np.uint64(0xE0 | (c >> 12)) | np.uint64(0x80 | ((c >> 6) & 0x3F)) << np.uint64(8)
        code |= np.uint64(0x80 | (c & 0x3F)) << np.uint64(16)
    else:
        width, code = 4, np.uint64(0xF0 | (c >> 18)) | np.uint64(0x80 | ((c >> 12) & 0x3F)) << np.uint64(8)
        code |= np.uint64(0x80 | ((c >> 6) & 0x3F)) << np.uint64(16) | np.uint64(0x80 | (c & 0x3F)) << np.uint64(24)
    if filled == 8:
        h, piece, filled = _absorb(h, piece), np.uint64(0), 0
    piece |= code << np.uint64(8 * filled)
    if filled + width > 8:
        h = _absorb(h, piece)
        piece = code >> np.uint64(8 * (8 - filled))
        return piece, filled + width - 8, h
    return piece, filled + width, h


@helper
def _any_word(data, i, end, flags, lower):
    """(hash, end) of the word at i."""
    c, width = decode(data, i)
    first = flags[c]
    piece, filled, h = _push(lower[c], np.uint64(0), 0, np.uint64(0))
    i += width
    while i < end:
        c, width = decode(data, i)
        if not _continues_word(flags[c], first):
            break
        if not (flags[c] & MARK and is_invisible(c)):
            piece, filled, h = _push(lower[c], piece, filled, h)
        i += width
    return _finish(_absorb(h, piece)), i


@helper
def _ascii_words(data, i, end, hashes, starts, n):
    """Take the words up to the last separator in the next 64 bytes that no byte above 0x7F precedes.

    Returns:
        size: bytes done with; 0 if there is no separator, for then the word may be longer.
        n: words taken so far.
    """
    alnums = bytes_between(data, i, 0x30, 0x39) | bytes_between(data, i, 0x41, 0x5A) | bytes_between(data, i, 0x61, 0x7A)
    separators = ~alnums
    if end - i < 64:
        # What follows the text is no text: it counts as a separator.
        separators |= _ALL << np.uint64(end - i)
    high = bytes_between(data, i, 0x80, 0xFF)
    separators &= (high & (~high + _ONE)) - _ONE
    if not separators:
        return 0, n
    last = zeros_above(separators)
    alnums = (_ALL >> last) & ~separators
    first, after = alnums & ~(alnums << _ONE), ~alnums & (alnums << _ONE)
    while first:
        begin, stop = np.int64(zeros_below(first)), np.int64(zeros_below(after))
        first &= first - _ONE
        after &= after - _ONE
        hashes[n] = _ascii_hash(data, i + begin, stop - begin)
        starts[n] = i + begin
        n += 1
    return min(end - i, 64 - np.int64(last)), n


@helper
def take_words(data, i, end, flags, lower, hashes, starts, n):
    """Write hash and start of every word of data[i:end] from place n on; return the place after the last."""
    while i < end:
        if i + READ_AHEAD <= len(data) and not word_at(data, i) & np.uint64(0x8080808080808080):
            size, n = _ascii_words(data, i, end, hashes, starts, n)
            if size > 0:
                i += size
                continue
        c, width = decode(data, i)
        if _begins_word(flags[c]):
            starts[n] = i
            hashes[n], i = _any_word(data, i, end, flags, lower)
            n += 1
        else:
            i += width
    return n


@helper
def _next_letter(data, i, end, flags, lower, first):
    """(the next code point of a word in lower case, the place after it); -1 where the word ends."""
    while i < end:
        c, width = decode(data, i)
        if not _continues_word(flags[c], first):
            break
        i += width
        if not (flags[c] & MARK and is_invisible(c)):
            return lower[c], i
    return np.int32(-1), i


@helper
def same_word(data, i, end, other, j, other_end, flags, lower):
    """Whether the words that begin at data[i] and other[j] are the same."""
    c, width = decode(data, i)
    d, other_width = decode(other, j)
    kind, other_kind = flags[c], flags[d]
    a, b = lower[c], lower[d]
    i += width
    j += other_width
    while a == b and a >= 0:
        a, i = _next_letter(data, i, end, flags, lower, kind)
        b, j = _next_letter(other, j, other_end, flags, lower, other_kind)
    return a == b


@kernel(reads(u8), reads(i64), reads(u16), reads(i32), writes(u64), writes(i64), writes(i64))
def _word_hashes(data, offsets, flags, lower, hashes, starts, borders):
    for d in range(len(offsets) - 1):
        borders[d + 1] = take_words(data, offsets[d], offsets[d + 1], flags, lower, hashes, starts, borders[d])
