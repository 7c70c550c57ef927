"""Lines and paragraphs of a text that occur more than once."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper
from tamis.kernels._text import bytes_between, count_bits, decode, strip, zeros_below
from tamis.kernels.repetition_table import bits_for, clear, hash_of, number_of
from tamis.kernels.unicode import LETTER, NUMBER, SPACE


@helper
def _first(n):
    """A mask of the first n of 64 bytes; of all, if there are more."""
    return ~np.uint64(0) if n >= 64 else ~(~np.uint64(0) << np.uint64(n))


@helper
def chars_between(data, start, end):
    """Code points in data[start:end]."""
    n = end - start
    while start < end:
        if start + 64 <= len(data):
            n -= np.int64(count_bits(bytes_between(data, start, 0x80, 0xBF) & _first(end - start)))
            start += 64
        else:
            n -= data[start] & 0xC0 == 0x80
            start += 1
    return n


@helper
def _newline(data, i, end):
    """Where the next "\\n" is; `end` if there is none."""
    while i < end:
        if i + 64 <= len(data):
            found = bytes_between(data, i, 10, 10)
            if found:
                return min(i + np.int64(zeros_below(found)), end)
            i += 64
        elif data[i] == 10:
            return i
        else:
            i += 1
    return end


@helper
def newline_runs(data, start, end):
    """How many runs of "\\n" there are; one that crosses a border of 64 bytes is counted twice."""
    n = np.int64(0)
    while start < end:
        if start + 64 <= len(data):
            found = bytes_between(data, start, 10, 10) & _first(end - start)
            n += np.int64(count_bits(found & ~(found << np.uint64(1))))
            start += 64
        else:
            n += data[start] == 10
            start += 1
    return n


@helper
def _newlines(data, i, end, blank, flags):
    """(how many "\\n" follow each other from i on, where the last one ends); if `blank`, with white space between them."""
    n, after = 0, i
    while i < end:
        c, width = decode(data, i)
        i += width
        if c == 10:
            n += 1
            after = i
        elif not (blank and flags[c] & SPACE):
            break
    return n, after


@helper
def _holds_word(data, i, end, flags):
    """Whether there is a letter or a number."""
    while i < end:
        c, width = decode(data, i)
        if flags[c] & (LETTER | NUMBER):
            return True
        i += width
    return False


@helper
def count_segments(data, start, end, least, stripped, worded, flags, most, table, out):
    """Count the pieces of a text between runs of `least` or more "\\n", of which there are at most `most`.

    If `stripped`, they are compared without white space at either end, and blank ones are left out; if `worded`, also those
    without a letter or a number, and there may be white space between the "\\n" of a run. `out` gets the pieces, their
    characters, the pieces that repeat an earlier one, their characters, the earlier ones that are so repeated, and their
    characters.
    """
    keys, counts, slots = table
    bits = bits_for(most)
    clear(slots, bits)
    known = 0
    begin = i = start
    while True:
        i = _newline(data, i, end)
        newlines, after = _newlines(data, i, end, worded, flags)
        if newlines >= least or i == end:
            first, last = begin, i
            if stripped:
                first, last = strip(data, begin, i, flags)
            if not stripped or (first < last and (not worded or _holds_word(data, first, last, flags))):
                number = number_of(hash_of(data, first, last - first), keys, counts, slots, bits, known)
                chars = chars_between(data, first, last)
                out[0] += 1
                out[1] += chars
                if number == known:
                    known += 1
                else:
                    out[2] += 1
                    out[3] += chars
                    if counts[number] == 2:
                        out[4] += 1
                        out[5] += chars
            begin = after
        if i == end:
            return
        i = after
