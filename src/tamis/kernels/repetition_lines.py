"""Lines and paragraphs of a text that occur more than once, in one walk.

A paragraph is told by the hashes of its lines and of what lies between them, so that its bytes are not read twice.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper, rare
from tamis.kernels._lines import characters_in, first_bytes, hash_of, space_in
from tamis.kernels._lines import stripped as trimmed
from tamis.kernels._text import bytes_between, count_bits, decode, fetch_ahead, zeros_above, zeros_below
from tamis.kernels.repetition_table import bits_for, clear, number_of, pair_of
from tamis.kernels.unicode import LETTER, NUMBER, SPACE

FOUND = 6
"""What `count_segments` counts of lines, and then of paragraphs."""
_PARAGRAPH = np.uint64(0x9FB21C651E98DF25)  # no paragraph of one line is taken for the line


@helper
def chars_between(data, start, end):
    """Code points in data[start:end]."""
    n = np.uint64(0)
    for i in range(start, end, 64):
        n += count_bits(characters_in(data, i) & first_bytes(end - i))
    return np.int64(n)


@helper
def newline_runs(data, start, end):
    """How many runs of "\\n" there are; one that crosses a border of 64 bytes is counted twice."""
    n = np.uint64(0)
    for i in range(start, end, 64):
        fetch_ahead(data, i)
        found = bytes_between(data, i, 10, 10) & first_bytes(end - i)
        n += count_bits(found & ~(found << np.uint64(1)))
    return np.int64(n)


@helper
def _newline(data, i, end):
    """Where the next "\\n" is; `end` if there is none."""
    while i < end:
        found = bytes_between(data, i, 10, 10)
        if found:
            return min(i + np.int64(zeros_below(found)), end)
        i += 64
    return end


@rare
def _newlines_one_by_one(data, i, end, blank, flags):
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
def _newlines(data, i, end, blank, flags):
    """(how many "\\n" follow each other from i on, where the last one ends); if `blank`, with white space between them."""
    text = first_bytes(end - i)
    found = bytes_between(data, i, 10, 10) & text
    run = space_in(data, i) & text if blank else found
    size = np.int64(zeros_below(~run))
    if size < 64 and (not blank or size == end - i or data[i + size] < 0x80):
        found &= first_bytes(size)
        return np.int64(count_bits(found)), i + 64 - np.int64(zeros_above(found))
    return _newlines_one_by_one(data, i, end, blank, flags)


@rare
def _holds_word_beyond_ascii(data, i, end, flags):
    while i < end:
        c, width = decode(data, i)
        if flags[c] & (LETTER | NUMBER):
            return True
        i += width
    return False


@helper
def _holds_word(data, i, end, flags):
    """Whether there is a letter or a number."""
    found = bytes_between(data, i, 0x61, 0x7A) | bytes_between(data, i, 0x41, 0x5A) | bytes_between(data, i, 0x30, 0x39)
    return found & first_bytes(end - i) != 0 or _holds_word_beyond_ascii(data, i, end, flags)


@helper
def _count(key, chars, table, bits, known, out, place):
    """Count a piece with this hash; return how many different ones there are now."""
    keys, counts, slots = table
    number = number_of(key, keys, counts, slots, bits, known)
    out[place] += 1
    out[place + 1] += chars
    if number == known:
        return known + np.uint64(1)
    out[place + 2] += 1
    out[place + 3] += chars
    if counts[number] == 2:
        out[place + 4] += 1
        out[place + 5] += chars
    return known


@helper
def count_segments(data, start, end, within, stripped, worded, flags, most, table, out):
    """Count lines, which are the pieces of a text between runs of "\\n", of which there are at most `most`; and paragraphs.

    Paragraphs are the pieces of data[within] between runs of two or more. If `stripped`, pieces are compared without white
    space at either end, and blank ones are left out; if `worded`, also those without a letter or a number, and there may be
    white space between the "\\n" of a run. `out` gets the lines, their characters, the lines that repeat an earlier one, their
    characters, the earlier ones that are so repeated, and their characters; then the same of paragraphs.
    """
    bits = bits_for(2 * most)
    clear(table[2], bits)
    out[: 2 * FOUND] = 0
    begin, finish = within
    known = np.uint64(0)
    opened = worded_yet = done = False  # of the paragraph that is being read; whether all were read
    key, chars, read = np.uint64(0), 0, start
    i = after = start
    while True:
        line = after
        i = _newline(data, line, end)
        newlines, after = _newlines(data, i, end, worded, flags)
        first, last = trimmed(data, line, i, flags) if stripped else (line, i)
        if first < last or not stripped:
            own, width = hash_of(data, first, last - first), chars_between(data, first, last)
            word = not worded or _holds_word(data, first, last, flags)
            if word:
                known = _count(own, width, table, bits, known, out, 0)
            if not done:
                if first < begin or last > finish:
                    first, last = max(first, begin), max(min(last, finish), begin)
                    own, width = hash_of(data, first, last - first), chars_between(data, first, last)
                if opened:
                    own = pair_of(pair_of(key, hash_of(data, read, first - read)), own)
                    width += chars + chars_between(data, read, first)
                    word |= worded_yet
                opened, key, chars, worded_yet, read = True, own, width, word, last
        if i < begin:
            opened = False
        elif opened and (newlines >= 2 or i >= finish):
            if worded_yet:
                known = _count(pair_of(key, _PARAGRAPH), chars, table, bits, known, out, FOUND)
            opened, done = False, i >= finish
        if i == end:
            return
