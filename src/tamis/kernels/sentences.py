"""Sentences by the boundaries of Unicode, and what else C4 asks of a page.

The rule "unicode" is UAX #29, 5 (revision of Unicode 18.0), without tailoring: rules SB1 to SB998, with the values of
Sentence_Break that `tamis.kernels.unicode.sentences` holds. A sentence is what lies between two boundaries if it holds a
letter or a number; "---" is none. In words:

- a line end (LF, CR, CR LF, U+0085, U+2028, U+2029) ends a sentence;
- so does a terminator (".", "?", "!", "。", "؟" …) with the quotes, brackets and white space that follow it, unless
- after them comes another terminator or a sign that goes on (",", "-", ":", ";" …);
- a full stop does not, if a digit follows at once ("3.14"), or a capital does and a cased letter stands before it ("U.S."), or
  if among what follows a small letter comes before any capital, uncased letter, terminator or line end ("e.g. this").

There is no list of abbreviations: "Dr. Smith" is cut, and hard line breaks end sentences.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, helper, i64, kernel, reads, u8, u16, u32, writes
from tamis.kernels._lines import any_case, characters_in, first_bytes, roomy, says
from tamis.kernels._text import below, bytes_between, count_bits, decode, fetch_ahead, zeros_below
from tamis.kernels.unicode import BREAK, LETTER, NUMBER

COUNTS = ("sentences", "chars", "curly_brackets", "lorem_ipsum")
_SENTENCES, _CHARS, _CURLY_BRACKETS, _LOREM_IPSUM = range(4)

_CR, _LF, _SEP, _SP, _CLOSE, _ATERM, _STERM, _SCONTINUE, _NUMERIC, _UPPER, _LOWER, _OLETTER, _EXTEND, _FORMAT = range(1, 15)
_ONE = np.uint64(1)
_LOREM = np.frombuffer(b"lorem ipsum", np.uint8)


def page_counts(data: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray]:
    """Count sentences, characters, "{" and "lorem ipsum".

    Args:
        data: u8[:].
        offsets: i64[n + 1].

    Returns:
        u32[n] by name:
        sentences: by the rule "unicode".
        chars: code points.
        curly_brackets, lorem_ipsum: occurrences of "{", and of "lorem ipsum" in any case of its ASCII letters.
    """
    counts = np.zeros((len(offsets) - 1, len(COUNTS)), np.uint32)
    tables = unicode.flags(), unicode.sentences()
    for part, places, rows in roomy(aligned(data, np.uint8), aligned(offsets, np.int64)):
        _count_all(part, places, *tables, counts[rows])
    return {name: np.ascontiguousarray(column) for name, column in zip(COUNTS, counts.T, strict=True)}


@helper
def _kind_at(data, i, end, breaks):
    """(Sentence_Break, bytes) of the character at i; 0 at the end, which is like Other."""
    if i >= end:
        return 0, 0
    c, width = decode(data, i)
    return int(breaks[c] & BREAK), width


@helper
def _skip_ignored(data, i, end, breaks):
    """The first place from i on whose character is neither Extend nor Format: SB5 looks past those."""
    while i < end and data[i] >= 0x80:
        kind, width = _kind_at(data, i, end, breaks)
        if kind != _EXTEND and kind != _FORMAT:
            break
        i += width
    return i


@helper
def _skip_all(data, i, end, breaks, wanted):
    """The first place from i on that begins no character of one kind, with what SB5 looks past."""
    while i < end:
        kind, width = _kind_at(data, i, end, breaks)
        if kind != wanted:
            break
        i = _skip_ignored(data, i + width, end, breaks)
    return i


@helper
def _kind_before(data, i, start, breaks):
    """The Sentence_Break of the character before i, past Extend and Format; 0 at the start of a text."""
    while i > start:
        i -= 1
        while data[i] & 0xC0 == 0x80:
            i -= 1
        c, _ = decode(data, i)
        kind = int(breaks[c] & BREAK)
        if kind != _EXTEND and kind != _FORMAT:
            return kind
    return 0


@helper
def _goes_on(data, i, end, breaks):
    """Whether from i on a small letter comes before any other letter, terminator or line end (SB8)."""
    while i < end:
        kind, width = _kind_at(data, i, end, breaks)
        if kind == _LOWER:
            return True
        if 0 < kind <= _SEP or kind == _OLETTER or kind == _UPPER or kind == _ATERM or kind == _STERM:
            return False
        i += width
    return False


@helper
def _is_line_end(kind):
    return kind == _CR or kind == _LF or kind == _SEP


@helper
def _after_line_end(data, i, end, kind, width):
    return i + 2 if kind == _CR and i + 1 < end and data[i + 1] == 10 else i + width


@helper
def _after_terminator(data, i, start, end, kind, width, breaks):
    """(whether a sentence ends with the terminator at i, the place up to which that holds)."""
    stop = _skip_ignored(data, i + width, end, breaks)
    following, _ = _kind_at(data, stop, end, breaks)
    if kind == _ATERM:
        if following == _NUMERIC:
            return False, stop
        if following == _UPPER:
            before = _kind_before(data, i, start, breaks)
            if before == _UPPER or before == _LOWER:
                return False, stop
    stop = _skip_all(data, stop, end, breaks, _CLOSE)
    stop = _skip_all(data, stop, end, breaks, _SP)
    following, size = _kind_at(data, stop, end, breaks)
    if _is_line_end(following):
        return True, _after_line_end(data, stop, end, following, size)
    if following == _SCONTINUE or following == _ATERM or following == _STERM:
        return False, stop
    return kind != _ATERM or not _goes_on(data, stop, end, breaks), stop


@helper
def _has_ink(data, i, end, flags):
    """Whether data[i:end] holds a letter or a number: for what follows a terminator, which hardly ever does."""
    while i < end:
        c, width = decode(data, i)
        if flags[c] & (LETTER | NUMBER):
            return True
        i += width
    return False


@helper
def any_letter(data, i):
    """Which of the 64 bytes at i are ASCII letters."""
    return bytes_between(data, i, 0x41, 0x5A) | bytes_between(data, i, 0x61, 0x7A)


@helper
def _break_at(data, i, start, end, ink, flags, breaks):
    """What happens at the first of 64 bytes that is a terminator, a line end or beyond ASCII.

    Returns:
        stop: the place up to which it was read.
        ended: whether a sentence ends there.
        ink: whether that sentence, or what is left of it, has a letter or a number.
    """
    if data[np.uint64(i)] == 10:  # see `word_at`
        return i + 1, True, ink
    c, width = decode(data, i)
    kind = int(breaks[c] & BREAK)
    while kind != _ATERM and kind != _STERM and not (_CR <= kind <= _SEP):
        ink |= flags[c] & (LETTER | NUMBER) != 0
        i += width
        if i >= end or data[i] < 0x80:
            return i, False, ink
        c, width = decode(data, i)
        kind = int(breaks[c] & BREAK)
    if _is_line_end(kind):
        return _after_line_end(data, i, end, kind, width), True, ink
    ended, stop = _after_terminator(data, i, start, end, kind, width, breaks)
    if stop > i + width and not ink:
        ink = _has_ink(data, i, stop, flags)
    return stop, ended, ink


@helper
def _sentences(data, start, end, flags, breaks):
    sentences, ink = 0, False
    i = start
    while i < end:
        text = first_bytes(end - i)
        found = bytes_between(data, i, 0x2E, 0x2E) | bytes_between(data, i, 0x3F, 0x3F) | bytes_between(data, i, 0x21, 0x21)
        found |= bytes_between(data, i, 10, 10) | bytes_between(data, i, 13, 13) | bytes_between(data, i, 0x80, 0xFF)
        found &= text
        letters = (bytes_between(data, i, 0x30, 0x39) | any_letter(data, i)) & text
        stop = i
        while found:
            ink |= letters & below(found) != 0
            stop, ended, ink = _break_at(data, i + np.int64(zeros_below(found)), start, end, ink, flags, breaks)
            if ended:
                sentences += ink
                ink = False
            read = first_bytes(stop - i)
            found &= ~read
            letters &= ~read
        ink |= letters != 0
        i = max(i + 64, stop)
    return sentences + ink


@helper
def _count_marks(data, start, end, counts):
    for i in range(start, end, 64):
        fetch_ahead(data, i)
        text = first_bytes(end - i)
        counts[_CHARS] += count_bits(characters_in(data, i) & text)
        counts[_CURLY_BRACKETS] += count_bits(bytes_between(data, i, 0x7B, 0x7B) & text)
        found = any_case(data, i, 0x70) & any_case(data, i + 1, 0x73) & text
        while found:
            # The "p" of "ipsum", before which "lorem i" stands.
            at = i + np.int64(zeros_below(found)) - 7
            found &= found - _ONE
            counts[_LOREM_IPSUM] += at >= start and says(data, at, end, _LOREM)


@kernel(reads(u8), reads(i64), reads(u16), reads(u8), writes(u32, 2))
def _count_all(data, offsets, flags, breaks, counts):
    for d in range(len(counts)):
        _count_marks(data, offsets[d], offsets[d + 1], counts[d])
        counts[d][_SENTENCES] = _sentences(data, offsets[d], offsets[d + 1], flags, breaks)
