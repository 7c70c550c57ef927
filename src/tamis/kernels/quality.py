"""Everything the Gopher quality rules count.

Tokens are walked through character by character; but where 8 bytes are ASCII, those of up to 64 bytes are counted at once
(`quality_ascii`): 640 MB/s rather than 230 on English web text.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from tamis.kernels import quality_ascii as blocks
from tamis.kernels import unicode
from tamis.kernels._jit import aligned, b1, helper, i32, i64, kernel, reads, u8, u16, u32, u64, writes
from tamis.kernels._lines import first_bytes, roomy, stripped
from tamis.kernels._text import bytes_between, count_bits, decode, fetch_ahead, word_at, zeros_below
from tamis.kernels._tokens import rest_of_other, rest_of_run
from tamis.kernels.unicode import LETTER, LINE_END, NUMBER, RUN, SEPARATOR

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
_TOKENS, _TOKEN_CHARS, _WORDS, _WORD_CHARS, _LETTER_TOKENS, _ALNUM_FIRST_TOKENS = range(6)
_HASHES, _DOTS, _SPACED_DOTS, _ELLIPSES = range(6, 10)
_LINES, _BULLET_LINES, _ELLIPSIS_LINES, _PARAGRAPHS, _BULLET_PARAGRAPHS, _ELLIPSIS_PARAGRAPHS = range(10, 16)
_STOP_WORDS, _STOP_WORD_TOKENS = range(16, 18)

MAX_STOP_WORDS = 64

# Signs as `word_at` has their bytes.
_BYTE, _THREE = np.uint64(0xFF), np.uint64(0xFFFFFF)
_BULLET, _CIRCLE, _ELLIPSIS, _DOTS_AT_END, _SPACED = (
    np.uint64(int.from_bytes(sign.encode(), "little")) for sign in ("•", "●", "…", "...", ". . .")
)


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
    words = tuple(stop_words)
    tables = unicode.flags(rule), unicode.lower(), *_stop_tables(words), *blocks.stop_keys(words)
    scratch = np.empty(2, np.int64), np.empty(1, np.uint64)
    for part, places, rows in roomy(aligned(data, np.uint8), aligned(offsets, np.int64)):
        _count_all(part, places, rule == "whitespace", *tables, *scratch, counts[rows])
    return {name: np.ascontiguousarray(column) for name, column in zip(COUNTS, counts.T, strict=True)}


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
def _word_before(data, start, end, n):
    """The n bytes that end a piece, the first one lowest; others where it has fewer."""
    return word_at(data, max(end - n, start)) & ((np.uint64(1) << np.uint64(8 * n)) - np.uint64(1))


@helper
def _spaced_dots_end(data, start, end):
    """Whether data[start:end] ends with ". . ."."""
    return (end - start >= 5) & (_word_before(data, start, end, 5) == _SPACED)


@helper
def _count_piece(data, start, end, place, counts):
    """Count a stripped line or paragraph: whether it begins with a bullet, and whether it ends with an ellipsis."""
    # Without branches, for what a line begins and ends with cannot be foretold.
    size = end - start
    first, last = word_at(data, start) & _THREE, _word_before(data, start, end, 3)
    bullet = ((size > 0) & (first & _BYTE == 0x2D)) | ((size >= 3) & (first == _BULLET))
    ellipsis = (size >= 3) & ((last == _DOTS_AT_END) | (last == _ELLIPSIS))
    if place == _PARAGRAPHS:
        bullet |= (first & _BYTE == 0x2A) | ((size >= 3) & (first == _CIRCLE))
        ellipsis |= _spaced_dots_end(data, start, end)
    counts[place] += 1
    counts[place + 1] += bullet
    counts[place + 2] += ellipsis


@helper
def _count_dots(data, k, free, counts):
    """Count what ends with the "." at k. `free`: before which byte "..." and ". . ." may not begin, for none may overlap."""
    if k - 2 >= free[0] and data[k - 1] == 0x2E and data[k - 2] == 0x2E:
        counts[_DOTS] += 1
        free[0] = k + 1
    if _spaced_dots_end(data, free[1], k + 1):
        counts[_SPACED_DOTS] += 1
        free[1] = k + 1


@helper
def _noted(data, i, end):
    """Which of the next 64 bytes are a symbol or the end of a line, or may be."""
    dots = bytes_between(data, i, 0x2E, 0x2E)
    noted = dots & (dots << np.uint64(1) | dots << np.uint64(2) | np.uint64(3))
    noted |= bytes_between(data, i, 0x23, 0x23) | bytes_between(data, i, 10, 13) | bytes_between(data, i, 0x1C, 0x1E)
    noted |= bytes_between(data, i, 0xC2, 0xC2) & bytes_between(data, i + 1, 0x85, 0x85)
    # "…" and the two line ends of Unicode; curly quotes and dashes, which are far more frequent, share their first two bytes.
    noted |= bytes_between(data, i, 0xE2, 0xE2) & bytes_between(data, i + 1, 0x80, 0x80) & bytes_between(data, i + 2, 0xA6, 0xA9)
    return noted & first_bytes(end - i)


@helper
def _count_line(data, line, paragraph, i, skipped, flags, counts):
    """Count the line that ends at i, unless it was counted; and, from 0 on, the paragraph."""
    start, stop = stripped(data, line, i, flags)
    if not skipped:
        _count_piece(data, start, stop, _LINES, counts)
    if paragraph >= 0:
        if paragraph < line:
            start, stop = stripped(data, paragraph, i, flags)
        if start < stop:
            _count_piece(data, start, stop, _PARAGRAPHS, counts)


@helper
def _count_symbols_and_lines(data, start, end, flags, free, counts):
    line = paragraph = start
    free[:] = start
    for block in range(start, end, 64):
        fetch_ahead(data, block)
        noted = _noted(data, block, end)
        while noted:
            i = block + np.int64(zeros_below(noted))
            noted &= noted - np.uint64(1)
            b = data[np.uint64(i)]  # see `word_at`
            if b == 0x23:
                counts[_HASHES] += 1
            elif b == 0x2E:
                _count_dots(data, i, free, counts)
            else:
                c, width = decode(data, i)
                counts[_ELLIPSES] += c == 0x2026
                if not flags[c] & LINE_END:
                    continue
                # The line before "\r\n" is counted at "\r".
                _count_line(data, line, paragraph if b == 10 else -1, i, b == 10 and i > start and data[i - 1] == 13, flags, counts)
                line = i + width
                if b == 10:
                    paragraph = line
    if paragraph < end:
        _count_line(data, line, paragraph, end, line == end, flags, counts)


@helper
def _is_stop_word(data, begin, first, chars, words, lower, seen):
    """Whether a token is a stop word in some case; `seen` gets a bit for the one that it is in just this case."""
    letters, borders, starting, long = words
    candidates = starting[lower[first] & 127] & long[min(chars, 63)]
    found, s = False, 0
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
            found |= same
            if exact and same:
                seen[0] |= np.uint64(1) << np.uint64(s)
        candidates >>= np.uint64(1)
        s += 1
    return found


@helper
def _count_block(data, i, end, whitespace, words, table, lower, seen, counts):
    """Count the tokens in the first of the next 64 bytes, as far as they are ASCII; return how many bytes that was."""
    text, size = blocks.whole_tokens(data, i, end, whitespace)
    if size == 0:
        return size
    starts, runs, alnums, letters = blocks.tokens(data, i, text, whitespace)
    counts[_TOKENS] += count_bits(starts)
    counts[_TOKEN_CHARS] += count_bits(text)
    counts[_LETTER_TOKENS] += count_bits(blocks.ends_with(letters, runs))
    counts[_ALNUM_FIRST_TOKENS] += count_bits(starts & alnums)
    found, chars = blocks.count_words(alnums, runs)
    counts[_WORDS] += found
    counts[_WORD_CHARS] += chars
    borders = starts | ~text
    met = np.uint64(0)
    left = blocks.starts_by_length(starts, borders, table[3][1])
    while left:
        place = zeros_below(left)
        left &= left - np.uint64(1)
        begin, n = i + np.int64(place), blocks.length_at(borders, place)
        if n <= blocks.PACKED:
            is_one, exact = blocks.is_short_stop_word(data, begin, n, table)
            counts[_STOP_WORD_TOKENS] += is_one
            met |= exact
        else:
            counts[_STOP_WORD_TOKENS] += _is_stop_word(data, begin, data[begin], n, words, lower, seen)
    seen[0] |= met
    return size


@helper
def _count_token(data, i, end, first, width, flags, words, lower, seen, counts):
    """Count the token at i, whose first character was read; return where it ends."""
    begin, kind = i, flags[first]
    if kind & RUN:
        i, extra, kinds = rest_of_run(data, begin + width, end, flags, kind)
    else:
        i, extra, kinds = rest_of_other(data, begin + width, end, flags, first)
    chars = i - begin - extra - (width - 1)
    counts[_TOKENS] += 1
    counts[_TOKEN_CHARS] += chars
    counts[_LETTER_TOKENS] += (kinds & LETTER) != 0
    counts[_ALNUM_FIRST_TOKENS] += (kind & (LETTER | NUMBER)) != 0
    if kinds & (LETTER | NUMBER):
        counts[_WORDS] += 1
        counts[_WORD_CHARS] += chars
    counts[_STOP_WORD_TOKENS] += _is_stop_word(data, begin, first, chars, words, lower, seen)
    return i


_TABLES = (reads(u16), reads(i32), reads(i32), reads(i64), reads(u64), reads(u64), reads(u64), reads(u64), reads(u64), reads(u64))


@kernel(reads(u8), reads(i64), b1, *_TABLES, writes(i64), writes(u64), writes(u32, 2))
def _count_all(data, offsets, whitespace, flags, lower, letters, borders, starting, long, exact, keys, sets, settings, free, seen, out):
    words, table = (letters, borders, starting, long), (exact, keys, sets, settings)
    for d in range(len(out)):
        counts = out[d]
        i, end = offsets[d], offsets[d + 1]
        _count_symbols_and_lines(data, i, end, flags, free, counts)
        seen[0] = 0
        while i < end:
            # Blocks are for ASCII: tried at every token they would make Russian 20 % slower, so 8 bytes are looked at first.
            if not word_at(data, i) & np.uint64(0x8080808080808080):
                size = _count_block(data, i, end, whitespace, words, table, lower, seen, counts)
                if size > 0:
                    i += size
                    continue
            first, width = decode(data, i)
            if flags[first] & SEPARATOR:
                i += width
            else:
                i = _count_token(data, i, end, first, width, flags, words, lower, seen, counts)
        counts[_STOP_WORDS] = count_bits(seen[0])
