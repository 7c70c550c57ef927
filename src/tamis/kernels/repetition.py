"""Everything the Gopher repetition rules count: lines, paragraphs and phrases that occur more than once."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.kernels import quality_ascii as blocks
from tamis.kernels import repetition_phrases as phrases
from tamis.kernels import unicode
from tamis.kernels._jit import aligned, b1, helper, i64, kernel, reads, u8, u16, u32, u64, writes
from tamis.kernels._lines import roomy, word_hash
from tamis.kernels._text import decode, strip, word_at, zeros_below
from tamis.kernels._tokens import rest_of_other, rest_of_run
from tamis.kernels.repetition_lines import FOUND, chars_between, count_segments, newline_runs
from tamis.kernels.unicode import LETTER, NUMBER, RUN, SEPARATOR

Convention = Literal["paper", "datatrove", "dclm", "dolma"]
CONVENTIONS: tuple[Convention, ...] = ("paper", "datatrove", "dclm", "dolma")
_PAPER, _DATATROVE, _DCLM, _DOLMA = range(4)
_ALL, _BEGIN, _HOLD = range(3)  # which tokens are words: all, those that begin with a letter or a number, or that hold one

_ONE = np.uint64(1)

TOP, DUPLICATE = range(2, 5), range(5, phrases.LONGEST + 1)
COUNTS = (
    "chars",
    "words",
    "word_chars",
    "lines",
    "line_chars",
    "duplicate_lines",
    "duplicate_line_chars",
    "paragraphs",
    "paragraph_chars",
    "duplicate_paragraphs",
    "duplicate_paragraph_chars",
    *(f"top_{n}gram_chars" for n in TOP),
    *(f"duplicate_{n}gram_chars" for n in DUPLICATE),
    *(f"{n}gram_chars" for n in DUPLICATE),
)
_CHARS, _WORDS, _WORD_CHARS, _LINES, _PARAGRAPHS = 0, 1, 2, 3, 7
_TOP_OF, _DUPLICATE_OF, _EVERY_OF = 11 - 2, 14 - 5, 20 - 5  # + n


def repetition_counts(
    data: np.ndarray, offsets: np.ndarray, *, convention: Convention = "paper", rule: unicode.WordRule = "unicode"
) -> dict[str, np.ndarray]:
    """Count lines, paragraphs and phrases, and those that occur more than once.

    Words are the tokens of the word rule (see `tamis.kernels.unicode`); by paper only those that hold a letter or a number,
    by dclm and "unicode" those that begin with one. They, lines and paragraphs are told apart by 64-bit hashes: of a million
    different ones, two are taken for equal once in 40 million texts. A character is a code point.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        convention: whose way of counting.
        rule: the word rule.

    Returns:
        u64[n] by name:
        chars: characters of the text.
        words, word_chars: words, and the characters they hold.
        lines, line_chars: lines, and the characters they hold: what is left of a text when it is cut at every run of
            "\\n"; by paper and dclm stripped of white space, and without those that are blank, by paper also without those
            that hold no letter and no number.
        duplicate_lines, duplicate_line_chars: lines that repeat an earlier one (paper, datatrove), or that occur more than
            once.
        paragraphs and so on: the same for what is cut at runs of two or more "\\n"; by datatrove the text is stripped, by
            paper there may be white space within a run.
        top_2gram_chars to top_4gram_chars: occurrences × characters (datatrove: with a space between words) of the phrase
            of so many words that occurs most often; of several the first, by paper and dclm the longest. Occurrences may
            overlap, except by paper. If none is repeated, that of the first phrase; by paper and dclm 0.
        duplicate_5gram_chars to duplicate_10gram_chars: paper and datatrove: characters of the phrases that a reader meets
            again who, after each, goes on behind it. dclm: characters of the words in a phrase that occurs more than once.
            dolma: characters of all occurrences of such phrases.
        5gram_chars to 10gram_chars: characters of all phrases of so many words.
    """
    n = len(offsets) - 1
    counts = np.zeros((n, len(COUNTS)), np.uint64)
    longest = int(np.diff(offsets).max(initial=0))
    # Few texts have a word in every four bytes; none has more words, or lines, than bytes and one.
    room = 1 << max(10, (longest // 4).bit_length())
    scratch = _scratch(room)
    settings = rule == "whitespace", CONVENTIONS.index(convention), unicode.flags(rule)
    for part, borders, rows in roomy(aligned(data, np.uint8), aligned(offsets, np.int64)):
        done = 0
        while (done := _count_all(part, borders, *settings, done, counts[rows], *scratch)) < rows.stop - rows.start:
            room *= 2
            scratch = _scratch(room)
    return {name: np.ascontiguousarray(column) for name, column in zip(COUNTS, counts.T, strict=True)}


def _scratch(room: int) -> tuple[np.ndarray, ...]:
    """Arrays for so many words, a power of two: 48 bytes for each that a text really has."""
    slots = np.empty(2 * room, np.uint32)
    wide = np.empty(room, np.uint64), np.empty(room, np.uint64)
    return (*wide, np.empty(room + 1, np.uint32), *(np.empty(room, np.uint32) for _ in range(5)), slots, slots.view(np.uint8))


@helper
def _words_of_block(data, i, end, whitespace, chosen, n, chars, hashes, ends):
    """Take the words of whole tokens in the next 64 bytes, see `quality_ascii`; return (bytes read, words, their characters)."""
    text, size = blocks.whole_tokens(data, i, end, whitespace)
    if size == 0:
        return size, n, chars
    starts, _, alnums, _ = blocks.tokens(data, i, text, whitespace)
    borders = starts | ~text
    if chosen == _BEGIN:
        starts &= alnums
    while starts:
        place = zeros_below(starts)
        starts &= starts - _ONE
        length = blocks.length_at(borders, place)
        hashes[n] = word_hash(data, i + np.int64(place), length)
        ends[n + _ONE] = chars + length
        # One that is no word gets its place all the same, and the next one takes it: that needs no branch.
        is_word = np.uint64((chosen != _HOLD) | ((alnums >> place) << np.uint64(64 - length) != 0))
        n += is_word
        chars += length * np.int64(is_word)
    return size, n, chars


@helper
def _words(data, i, end, whitespace, chosen, flags, hashes, ends):
    """Take the words of a text: their hashes, and how many characters end with each; -1 if there is no room for them."""
    n, chars = np.uint64(0), np.int64(0)  # unsigned, see `word_at`
    ends[0] = 0
    while i < end:
        if n + np.uint64(64) > np.uint64(len(hashes)):
            return -1
        if not word_at(data, i) & np.uint64(0x8080808080808080):
            size, n, chars = _words_of_block(data, i, end, whitespace, chosen, n, chars, hashes, ends)
            if size > 0:
                i += size
                continue
        first, width = decode(data, i)
        kind = flags[first]
        if kind & SEPARATOR:
            i += width
            continue
        begin = i
        if kind & RUN:
            i, extra, kinds = rest_of_run(data, begin + width, end, flags, kind)
        else:
            i, extra, kinds = rest_of_other(data, begin + width, end, flags, first)
        if chosen == _ALL or (kind if chosen == _BEGIN else kinds) & (LETTER | NUMBER):
            chars += i - begin - extra - (width - 1)
            hashes[n] = word_hash(data, begin, i - begin)
            ends[n + _ONE] = chars
            n += _ONE
    return np.int64(n)


@helper
def _count_segments(data, start, end, convention, flags, most, table, found, counts):
    """Count lines and paragraphs; `found` is room for what `count_segments` finds."""
    within = strip(data, start, end, flags) if convention == _DATATROVE else (start, end)
    stripped = convention == _PAPER or convention == _DCLM
    count_segments(data, start, end, within, stripped, convention == _PAPER, flags, most, table, found)
    with_first_ones = convention == _DCLM or convention == _DOLMA
    for first, k in ((_LINES, 0), (_PARAGRAPHS, FOUND)):
        counts[first], counts[first + 1] = found[k], found[k + 1]
        counts[first + 2] = np.int64(found[k + 2]) + np.int64(found[k + 4]) * with_first_ones
        counts[first + 3] = np.int64(found[k + 3]) + np.int64(found[k + 5]) * with_first_ones


@helper
def _count_phrases(words, hashes, ends, places, numbers, table, room, seen, convention, counts):
    """Count phrases; `m` is the number of places at which one begins that is repeated, or may be."""
    longest, repeats = convention == _PAPER or convention == _DCLM, table[1]
    m = phrases.likely_pairs(words, hashes, places, table[2], seen)
    for n in range(2, phrases.LONGEST + 1):
        if n > 2:
            m = phrases.longer(m, hashes, places, numbers, repeats)
        apart = convention == _PAPER, room[0], room[1]
        times, chars = phrases.group(n, m, words, ends, places, numbers, hashes, table, apart, longest)
        if n <= phrases.LONGEST_TOP:
            if convention == _DATATROVE and chars > 0:
                chars += n - 1
            counts[_TOP_OF + n] = 0 if times == 1 and longest else times * chars
            continue
        counts[_EVERY_OF + n] = phrases.chars_of_all(n, words, ends)
        if convention == _PAPER or convention == _DATATROVE:
            counts[_DUPLICATE_OF + n] = phrases.chars_met_again(n, m, ends, places, numbers, repeats)
        elif convention == _DCLM:
            counts[_DUPLICATE_OF + n] = phrases.chars_covered(n, m, ends, places, numbers, repeats)
        else:
            counts[_DUPLICATE_OF + n] = phrases.chars_repeated(n, m, ends, places, numbers, repeats)


_WIDE, _NARROW = writes(u64), writes(u32)
_SCRATCH = _WIDE, _WIDE, *[_NARROW] * 7, writes(u8)


@kernel(reads(u8), reads(i64), b1, i64, reads(u16), i64, writes(u64, 2), *_SCRATCH)
def _count_all(
    data, offsets, whitespace, convention, flags, done, out, hashes, keys, ends, places, numbers, repeats, met, free, slots, seen
):
    """Count texts from number `done` on; return the number of the first for which there is no room."""
    table = keys, repeats, slots
    chosen = _ALL
    if convention == _PAPER:
        chosen = _HOLD
    elif convention == _DCLM and not whitespace:
        chosen = _BEGIN
    for d in range(done, len(out)):
        counts = out[d]
        i, end = offsets[d], offsets[d + 1]
        most = newline_runs(data, i, end) + 1
        if 2 * most > len(hashes):  # lines, and paragraphs
            return d
        words = _words(data, i, end, whitespace, chosen, flags, hashes, ends)
        if words < 0:
            return d
        counts[_CHARS] = chars_between(data, i, end)
        counts[_WORDS], counts[_WORD_CHARS] = words, ends[words]
        _count_segments(data, i, end, convention, flags, most, table, places, counts)
        _count_phrases(words, hashes, ends, places, numbers, table, (met, free), seen, convention, counts)
    return len(out)
