"""What FineWeb's rules ask of the lines of a page, and how many tokens it has."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels import quality_ascii as blocks
from tamis.kernels import unicode
from tamis.kernels._jit import aligned, b1, helper, i64, kernel, reads, u8, u16, u32, writes
from tamis.kernels._lines import characters_in, first_bytes, roomy, seen_before, slots, space_in
from tamis.kernels._text import bytes_between, count_bits, decode, fetch_ahead, word_at, zeros_below
from tamis.kernels._tokens import rest_of_other, rest_of_run
from tamis.kernels.unicode import RUN, SEPARATOR, SPACE, TERMINAL

COUNTS = ("lines", "terminal_lines", "short_lines", "chars", "repeated_chars", "newlines", "tokens")
_LINES, _TERMINAL_LINES, _SHORT_LINES, _CHARS, _REPEATED_CHARS, _NEWLINES, _TOKENS = range(7)

_ONE = np.uint64(1)


def line_counts(data: np.ndarray, offsets: np.ndarray, *, short: int = 30, rule: unicode.WordRule = "unicode") -> dict[str, np.ndarray]:
    """Count lines of certain kinds, and tokens.

    Lines are what lies between "\\n", and only those that are not blank count; they are taken as they are, with white space
    at their ends.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        short: characters that a short line has at most.
        rule: the word rule of tokens, see `tamis.kernels.unicode`.

    Returns:
        u32[n] by name:
        lines: lines.
        terminal_lines: lines whose last character is `TERMINAL`.
        short_lines: short lines.
        chars: code points, all but "\\n".
        repeated_chars: code points of lines that the text holds above.
        newlines: occurrences of "\\n".
        tokens: tokens.
    """
    counts = np.zeros((len(offsets) - 1, len(COUNTS)), np.uint32)
    tables = unicode.flags(rule), unicode.sentences()
    for part, places, rows in roomy(aligned(data, np.uint8), aligned(offsets, np.int64)):
        most = np.empty(len(places) - 1, np.int64)
        _count_newlines(part, places, most)
        scratch = slots(int(most.max(initial=0)) + 1)
        _count_all(part, places, rule == "whitespace", *tables, short, most, scratch, counts[rows])
    return {name: np.ascontiguousarray(column) for name, column in zip(COUNTS, counts.T, strict=True)}


@kernel(reads(u8), reads(i64), writes(i64))
def _count_newlines(data, offsets, newlines):
    for d in range(len(newlines)):
        newlines[d] = 0
        for i in range(offsets[d], offsets[d + 1], 64):
            fetch_ahead(data, i)
            newlines[d] += count_bits(bytes_between(data, i, 10, 10) & first_bytes(offsets[d + 1] - i))


@helper
def _is_blank(data, start, end, flags):
    """Whether a piece holds nothing but white space."""
    i = start
    while i < end:
        ink = ~space_in(data, i) & first_bytes(end - i)
        if not ink:
            i += 64
            continue
        i += np.int64(zeros_below(ink))
        if data[i] < 0x80:
            return False
        c, width = decode(data, i)
        if not flags[c] & SPACE:
            return False
        i += width
    return True


@helper
def _last_character(data, end):
    i = end - 1
    while data[i] & 0xC0 == 0x80:
        i -= 1
    return decode(data, i)[0]


@helper
def _line_end(data, i, end):
    """(where the line at i ends, its characters)."""
    chars = 0
    while i < end:
        found = bytes_between(data, i, 10, 10)
        text = first_bytes(end - i)
        starts = characters_in(data, i) & text
        if found & text:
            at = zeros_below(found)
            return i + np.int64(at), chars + count_bits(starts & first_bytes(np.int64(at)))
        chars += count_bits(starts)
        i += 64
    return end, chars


@helper
def _count_lines(data, start, end, flags, marks, short, most, scratch, stamp, counts):
    i = start
    while i < end:
        fetch_ahead(data, i)
        stop, chars = _line_end(data, i, end)
        counts[_CHARS] += chars
        if not _is_blank(data, i, stop, flags):
            counts[_LINES] += 1
            counts[_SHORT_LINES] += chars <= short
            counts[_TERMINAL_LINES] += (marks[_last_character(data, stop)] & TERMINAL) != 0
            if seen_before(data, i, stop, scratch, most, stamp):
                counts[_REPEATED_CHARS] += chars
        i = stop + 1


@helper
def _count_tokens(data, i, end, whitespace, flags):
    tokens = 0
    while i < end:
        if not word_at(data, i) & np.uint64(0x8080808080808080):
            text, size = blocks.whole_tokens(data, i, end, whitespace)
            if size > 0:
                tokens += count_bits(blocks.tokens(data, i, text, whitespace)[0])
                i += size
                continue
        first, width = decode(data, i)
        kind = flags[first]
        i += width
        if kind & SEPARATOR:
            continue
        tokens += 1
        i = rest_of_run(data, i, end, flags, kind)[0] if kind & RUN else rest_of_other(data, i, end, flags, first)[0]
    return tokens


@kernel(reads(u8), reads(i64), b1, reads(u16), reads(u8), i64, reads(i64), writes(i64, 2), writes(u32, 2))
def _count_all(data, offsets, whitespace, flags, marks, short, newlines, scratch, counts):
    for d in range(len(counts)):
        start, end = offsets[d], offsets[d + 1]
        _count_lines(data, start, end, flags, marks, short, newlines[d] + 1, scratch, d + 1, counts[d])
        counts[d][_NEWLINES] = newlines[d]
        counts[d][_TOKENS] = _count_tokens(data, start, end, whitespace, flags)
