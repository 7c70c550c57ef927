"""Line ends and control characters: which texts hold any, and those texts without."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, b1, helper, i64, kernel, reads, u8, u16, u32, writes
from tamis.kernels._text import bytes_between, decode, fetch_ahead, zeros_below
from tamis.kernels.splice import Fresh, copied, of_numpy

_CLEANED, _REPLACED = 1, 2
_MAYBE_NOT = {None: 0, "NFC": unicode.MAYBE_NOT_NFC, "NFKC": unicode.MAYBE_NOT_NFKC}


class Found(NamedTuple):
    """What `scan` found.

    Args:
        removed: u32[n], control characters to remove.
        newlines: u32[n], line ends to change; "\\r\\n" is one.
        sizes: i64[n], bytes of each text once that is done.
        maybe: bool[n], the text may not be in the normal form then; False is certain.
    """

    removed: np.ndarray
    newlines: np.ndarray
    sizes: np.ndarray
    maybe: np.ndarray


def scan(data: np.ndarray, offsets: np.ndarray, *, form: Literal["NFC", "NFKC"] | None, newlines: bool, controls: bool) -> Found:
    """Find what cleaning would change.

    A line end is "\\r\\n", "\\r", U+000B, U+000C, U+0085, U+2028 or U+2029, to become "\\n". A control character is any
    other of category Cc, except tab and "\\n", and U+FEFF.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        form: the normal form to ask about.
        newlines: look for line ends.
        controls: look for control characters.
    """
    n = len(offsets) - 1
    found = Found(np.zeros(n, np.uint32), np.zeros(n, np.uint32), np.empty(n, np.int64), np.zeros(n, np.bool_))
    tables = unicode.flags(), unicode.combining(), np.uint16(_MAYBE_NOT[form])
    _scan(aligned(data, np.uint8), aligned(offsets, np.int64), *tables, newlines, controls, *found)
    return found


class Replaced(NamedTuple):
    """Texts that are known as they will be.

    Args:
        rows: i64[m], ascending.
        data, offsets: u8[:] and i64[m + 1], what stands there instead.
    """

    rows: np.ndarray
    data: np.ndarray
    offsets: np.ndarray


def rewrite(
    data: np.ndarray, offsets: np.ndarray, found: Found, replaced: Replaced | None = None, fresh: Fresh = of_numpy
) -> tuple[np.ndarray, np.ndarray]:
    """Write all texts anew, with the changes that `scan` found.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        found: what `scan` said of just these texts.
        replaced: texts to write instead of some of them.
        fresh: makes the array that is written.

    Returns:
        data: u8[:].
        offsets: i64[n + 1], from 0.
    """
    n = len(offsets) - 1
    rows, other, places = replaced or Replaced(np.empty(0, np.int64), np.empty(0, np.uint8), np.zeros(1, np.int64))
    kinds = ((found.removed > 0) | (found.newlines > 0)).astype(np.int64) * _CLEANED
    kinds[rows] = _REPLACED + np.arange(len(rows))
    sizes = found.sizes.copy()
    sizes[rows] = np.diff(places)
    borders = np.zeros(n + 1, np.int64)
    np.cumsum(sizes, out=borders[1:])
    written = fresh(int(borders[-1]))
    settings = bool(found.newlines.any()), bool(found.removed.any())
    theirs = aligned(other, np.uint8), aligned(places, np.int64)
    _rewrite(aligned(data, np.uint8), aligned(offsets, np.int64), kinds, *settings, *theirs, borders, written)
    return written, borders


@helper
def _plain(data, i, end):
    """How many of the next 64 bytes are printable ASCII, tabs or "\\n", up to the first that is not; 0 where few bytes follow."""
    if i + 64 > len(data):
        return np.int64(0)
    odd = ~(bytes_between(data, i, 0x20, 0x7E) | bytes_between(data, i, 9, 10))
    return min(np.int64(zeros_below(odd)), end - i)


@helper
def _is_line_end(c):
    return 11 <= c <= 13 or c == 0x85 or 0x2028 <= c <= 0x2029


@helper
def _is_control(c):
    """Whether a code point that ends no line is a control character."""
    return (c < 0x20 and not 9 <= c <= 10) or 0x7F <= c <= 0x9F or c == 0xFEFF


@helper
def _line_end_width(data, i, end, c, width):
    return 2 if c == 13 and i + 1 < end and data[i + 1] == 10 else width


@kernel(reads(u8), reads(i64), reads(u16), reads(u8), u16, b1, b1, writes(u32), writes(u32), writes(i64), writes(b1))
def _scan(data, offsets, flags, combining, form, newlines, controls, removed, changed, sizes, maybe):
    for d in range(len(sizes)):
        i, end = offsets[d], offsets[d + 1]
        size = end - i
        before = 0  # combining class of the character before: out of order means not normal
        while i < end:
            fetch_ahead(data, i)
            skipped = _plain(data, i, end)
            if skipped > 0:
                i += skipped
                before = 0
            if skipped == 64:
                continue
            while i < end:
                c, width = decode(data, i)
                if newlines and _is_line_end(c):
                    width = _line_end_width(data, i, end, c, width)
                    changed[d] += 1
                    size -= width - 1
                    before = 0
                elif controls and not _is_line_end(c) and _is_control(c):
                    removed[d] += 1
                    size -= width
                else:
                    after = int(combining[c])
                    if flags[c] & form or (form and 0 < after < before):
                        maybe[d] = True
                    before = after
                i += width
                if i < end and data[i] < 0x80:
                    break
        sizes[d] = size


@helper
def _write_clean(data, i, end, newlines, controls, written, n):
    while i < end:
        c, width = decode(data, i)
        if newlines and _is_line_end(c):
            i += _line_end_width(data, i, end, c, width)
            written[n] = 10
            n += 1
        elif controls and not _is_line_end(c) and _is_control(c):
            i += width
        else:
            for k in range(width):
                written[n + k] = data[i + k]
            i += width
            n += width


@kernel(reads(u8), reads(i64), reads(i64), b1, b1, reads(u8), reads(i64), reads(i64), writes(u8))
def _rewrite(data, offsets, kinds, newlines, controls, other, places, borders, written):
    d = 0
    while d < len(kinds):
        kind, i, n = kinds[d], offsets[d], borders[d]
        d += 1
        if kind == 0:
            # Unchanged texts beside each other are copied at once.
            while d < len(kinds) and kinds[d] == 0:
                d += 1
            copied(data, i, offsets[d], written, n)
        elif kind >= _REPLACED:
            copied(other, places[kind - _REPLACED], places[kind - _REPLACED + 1], written, n)
        else:
            _write_clean(data, i, offsets[d], newlines, controls, written, n)
