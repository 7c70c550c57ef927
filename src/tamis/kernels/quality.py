"""Everything the Gopher quality rules count, in one walk over the bytes."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, helper, i32, i64, kernel, reads, u8, u16, u32, u64, writes
from tamis.kernels._text import decode
from tamis.kernels.unicode import ALONE, DIGIT, JOINS_DIGITS, JOINS_LETTERS, LETTER, LINE_END, MARK, NUMBER, RUN, SEPARATOR, SPACE

COUNTS = (
    "tokens",
    "token_chars",
    "words",
    "word_chars",
    "letter_tokens",
    "alnum_first_tokens",
    "hashes",
    "dots",
    "spaced_dots",
    "ellipses",
    "lines",
    "bullet_lines",
    "ellipsis_lines",
    "paragraphs",
    "bullet_paragraphs",
    "ellipsis_paragraphs",
    "stop_words",
    "stop_word_tokens",
)
(
    _TOKENS,
    _TOKEN_CHARS,
    _WORDS,
    _WORD_CHARS,
    _LETTER_TOKENS,
    _ALNUM_FIRST_TOKENS,
    _HASHES,
    _DOTS,
    _SPACED_DOTS,
    _ELLIPSES,
    _LINES,
    _BULLET_LINES,
    _ELLIPSIS_LINES,
    _PARAGRAPHS,
    _BULLET_PARAGRAPHS,
    _ELLIPSIS_PARAGRAPHS,
    _STOP_WORDS,
    _STOP_WORD_TOKENS,
) = range(len(COUNTS))

MAX_STOP_WORDS = 64
_COUNTED = 1 << 15  # a bit that unicode.flags leaves free: "#", "." and "…"


def quality_counts(
    data: np.ndarray, offsets: np.ndarray, stop_words: Sequence[str] = (), *, rule: unicode.WordRule = "unicode"
) -> dict[str, np.ndarray]:
    """Count tokens, symbols, lines and stop words.

    Tokens are those of the word rule (see `tamis.kernels.unicode`); a character is a code point.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        stop_words: at most 64, not empty.
        rule: the word rule.

    Returns:
        u32[n] by name:
        tokens, token_chars: tokens, and the characters they hold.
        words, word_chars: the tokens that hold a letter or a number, and all their characters.
        letter_tokens: tokens that hold a letter.
        alnum_first_tokens: tokens whose first character is a letter or a number.
        hashes, dots, spaced_dots, ellipses: occurrences of "#", "...", ". . ." and "…", as `str.count` finds them.
        lines, bullet_lines, ellipsis_lines: lines of `str.splitlines()`; those that, stripped of white space, begin
            with "•" or "-"; and those that end with "..." or "…".
        paragraphs, bullet_paragraphs, ellipsis_paragraphs: lines between "\\n" that are not blank; those that, stripped,
            begin with "●", "•", "*" or "-"; and those that end with "...", ". . ." or "…".
        stop_words: how many of `stop_words` occur as a token, in just that case.
        stop_word_tokens: tokens that, lower-cased, are a stop word lower-cased.
    """
    counts = np.zeros((len(offsets) - 1, len(COUNTS)), np.uint32)
    tables = _flags(rule), unicode.lower(), *_stop_tables(tuple(stop_words))
    scratch = np.empty(2, np.int64), np.empty(1, np.uint64)
    _count_all(aligned(data, np.uint8), aligned(offsets, np.int64), *tables, *scratch, counts)
    return {name: np.ascontiguousarray(column) for name, column in zip(COUNTS, counts.T, strict=True)}


@cache
def _flags(rule: unicode.WordRule) -> np.ndarray:
    flags = unicode.flags(rule).copy()
    flags[[ord("#"), ord("."), ord("…")]] |= np.uint16(_COUNTED)
    return flags


@cache
def _stop_tables(stop_words: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The stop words' code points, their borders, and which of them have a first letter and a length (as bits)."""
    borders = np.cumsum([0, *map(len, stop_words)]).astype(np.int64)
    letters = np.array([ord(c) for c in "".join(stop_words)], np.int32)
    starting, long = np.zeros(128, np.uint64), np.zeros(64, np.uint64)
    for i, word in enumerate(stop_words):
        bit = np.uint64(1 << i)
        starting[unicode.lower()[ord(word[0])] & 127] |= bit
        long[min(len(word), 63)] |= bit
    return letters, borders, starting, long


@helper
def _strip(data, start, end, flags):
    """The borders of data[start:end] without white space at either end."""
    while start < end:
        c, width = decode(data, start)
        if not flags[c] & SPACE:
            break
        start += width
    while end > start:
        last = end - 1
        while data[last] & 0xC0 == 0x80:
            last -= 1
        c, _ = decode(data, last)
        if not flags[c] & SPACE:
            break
        end = last
    return start, end


@helper
def _is(data, i, a, b, c):
    return data[i] == a and data[i + 1] == b and data[i + 2] == c


@helper
def _begins_with_bullet(data, start, end):
    """Whether a stripped line begins with "•" or "-"."""
    if end > start and data[start] == 0x2D:
        return True
    return end - start >= 3 and _is(data, start, 0xE2, 0x80, 0xA2)


@helper
def _ends_with_ellipsis(data, start, end):
    """Whether a stripped line ends with "..." or "…"."""
    return end - start >= 3 and (_is(data, end - 3, 0x2E, 0x2E, 0x2E) or _is(data, end - 3, 0xE2, 0x80, 0xA6))


@helper
def _spaced_dots_end(data, start, end):
    """Whether data[start:end] ends with ". . ."."""
    return end - start >= 5 and _is(data, end - 5, 0x2E, 0x20, 0x2E) and data[end - 2] == 0x20 and data[end - 1] == 0x2E


@helper
def _count_line(data, start, end, flags, counts):
    start, end = _strip(data, start, end, flags)
    counts[_LINES] += 1
    counts[_BULLET_LINES] += _begins_with_bullet(data, start, end)
    counts[_ELLIPSIS_LINES] += _ends_with_ellipsis(data, start, end)


@helper
def _count_paragraph(data, start, end, flags, counts):
    start, end = _strip(data, start, end, flags)
    if start == end:
        return
    counts[_PARAGRAPHS] += 1
    other = data[start] == 0x2A or (end - start >= 3 and _is(data, start, 0xE2, 0x97, 0x8F))
    counts[_BULLET_PARAGRAPHS] += other or _begins_with_bullet(data, start, end)
    counts[_ELLIPSIS_PARAGRAPHS] += _ends_with_ellipsis(data, start, end) or _spaced_dots_end(data, start, end)


@helper
def _count_symbols(data, begin, end, free, counts):
    """Count the symbols in a token. `free`: before which byte "..." and ". . ." may not begin, for none may overlap."""
    for k in range(begin, end):
        b = data[k]
        if b == 0x23:
            counts[_HASHES] += 1
        elif b == 0xE2:
            counts[_ELLIPSES] += _is(data, k, 0xE2, 0x80, 0xA6)
        elif b == 0x2E:
            if k - 2 >= free[0] and data[k - 1] == 0x2E and data[k - 2] == 0x2E:
                counts[_DOTS] += 1
                free[0] = k + 1
            if _spaced_dots_end(data, free[1], k + 1):
                counts[_SPACED_DOTS] += 1
                free[1] = k + 1


@helper
def _joins(data, i, end, flags, kind, before):
    """Whether a symbol that ends at i continues the run before it, whose last character is `before`."""
    letters = (kind & JOINS_LETTERS) != 0 and (before & LETTER) != 0
    digits = (kind & JOINS_DIGITS) != 0 and (before & DIGIT) != 0
    if not (letters or digits) or i >= end:
        return False
    c, _ = decode(data, i)
    after = flags[c]
    return (after & RUN) != 0 and ((letters and (after & LETTER) != 0) or (digits and (after & DIGIT) != 0))


@helper
def _rest_of_run(data, i, end, flags, kind):
    """(end, bytes beyond one a character, all flags) of a run of which the first character, before i, was read."""
    kinds, before, extra = kind, kind, 0
    while i < end:
        b = data[i]
        if b < 0x80 and flags[b] & RUN:
            before = flags[b]
            kinds |= before
            i += 1
            continue
        c, width = decode(data, i)
        kind = flags[c]
        if not kind & (RUN | MARK) and not _joins(data, i + width, end, flags, kind, before):
            break
        if not kind & MARK:
            before = kind
        kinds |= kind
        extra += width - 1
        i += width
    return i, extra, kinds


@helper
def _rest_of_other(data, i, end, flags, first):
    """The same for a token that begins with a mark, a symbol or a letter that stands alone."""
    kinds, extra = flags[first], 0
    repeats = not kinds & ALONE
    while i < end:
        c, width = decode(data, i)
        if not (flags[c] & MARK or (repeats and c == first)):
            break
        kinds |= flags[c]
        extra += width - 1
        i += width
    return i, extra, kinds


@helper
def _count_stop_words(data, begin, chars, candidates, lower, letters, borders, seen):
    """Compare a token with the stop words of its length; return how often it is one, lower-cased."""
    equal, s = 0, 0
    while candidates:
        # Lengths from 63 on share a bit.
        if candidates & np.uint64(1) and borders[s + 1] - borders[s] == chars:
            exact, same, i = True, True, begin
            for k in range(borders[s], borders[s + 1]):
                c, width = decode(data, i)
                i += width
                exact = exact and c == letters[k]
                same = same and lower[c] == lower[letters[k]]
                if not same:
                    break
            equal |= same
            if exact and same:
                seen[0] |= np.uint64(1) << np.uint64(s)
        candidates >>= np.uint64(1)
        s += 1
    return equal


@helper
def _bits(x):
    n = 0
    while x:
        x &= x - np.uint64(1)
        n += 1
    return n


_INPUTS = (reads(u8), reads(i64), reads(u16), reads(i32), reads(i32), reads(i64), reads(u64), reads(u64))


@kernel(*_INPUTS, writes(i64), writes(u64), writes(u32, 2))
def _count_all(data, offsets, flags, lower, letters, borders, starting, long, free, seen, out):
    for d in range(len(out)):
        counts = out[d]
        start, end = offsets[d], offsets[d + 1]
        i = line = paragraph = start
        free[:] = start
        seen[0] = 0
        while i < end:
            first, width = decode(data, i)
            kind = flags[first]
            if kind & SEPARATOR:
                if kind & LINE_END:
                    # The line before "\r\n" is counted at "\r".
                    if first != 10 or i == start or data[i - 1] != 13:
                        _count_line(data, line, i, flags, counts)
                    line = i + width
                    if first == 10:
                        _count_paragraph(data, paragraph, i, flags, counts)
                        paragraph = line
                i += width
                continue
            begin = i
            if kind & RUN:
                i, extra, kinds = _rest_of_run(data, begin + width, end, flags, kind)
            else:
                i, extra, kinds = _rest_of_other(data, begin + width, end, flags, first)
            chars = i - begin - extra - (width - 1)
            counts[_TOKENS] += 1
            counts[_TOKEN_CHARS] += chars
            counts[_LETTER_TOKENS] += (kinds & LETTER) != 0
            counts[_ALNUM_FIRST_TOKENS] += (kind & (LETTER | NUMBER)) != 0
            if kinds & (LETTER | NUMBER):
                counts[_WORDS] += 1
                counts[_WORD_CHARS] += chars
            if kinds & _COUNTED:
                _count_symbols(data, begin, i, free, counts)
            candidates = starting[lower[first] & 127] & long[min(chars, 63)]
            if candidates:
                counts[_STOP_WORD_TOKENS] += _count_stop_words(data, begin, chars, candidates, lower, letters, borders, seen)
        if line < end:
            _count_line(data, line, end, flags, counts)
        if paragraph < end:
            _count_paragraph(data, paragraph, end, flags, counts)
        counts[_STOP_WORDS] = _bits(seen[0])
