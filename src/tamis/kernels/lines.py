"""Drop and shorten lines by the rules of C4 and RefinedWeb, in one walk that writes as it goes.

A line is copied to where it belongs and judged there; if it fails, the next one is written over it.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.kernels import line_rules as rule
from tamis.kernels import unicode
from tamis.kernels._jit import aligned, f64, helper, i64, kernel, rare, reads, u8, u16, u32, writes
from tamis.kernels._lines import SLACK, bits, characters_in, copy, first_bytes, look_again, read_line, roomy, seen_before, slots
from tamis.kernels._text import bytes_between, fetch_ahead, strip
from tamis.kernels.splice import Fresh, of_numpy

DROPPED_BY = (
    "long_word_lines",
    "citation_lines",
    "uppercase_lines",
    "digit_lines",
    "counter_lines",
    "unfinished_lines",
    "short_lines",
    "javascript_lines",
    "policy_lines",
    "button_lines",
    "repeated_lines",
)
"""Counts of dropped lines, in the order of the rules: a line is counted by the first that drops it."""

COUNTS = ("lines", "words", "chars", "kept_lines", "kept_words", "kept_chars", "shortened_lines", *DROPPED_BY)
_LINES, _WORDS, _CHARS, _KEPT_LINES, _KEPT_WORDS, _KEPT_CHARS, _SHORTENED, _DROPPED = range(8)


@dataclass(frozen=True)
class Rules:
    """What is asked of lines; see `edit_lines`. All is off unless told."""

    strip: bool = False
    max_word_length: int | None = None
    citations: bool = False
    max_uppercase_share: float | None = None
    max_digit_share: float | None = None
    counters: bool = False
    end_mark: bool = False
    apostrophe_ends: bool = False
    min_words: int | None = None
    words_with_citations: bool = False
    javascript: bool = False
    policy: bool = False
    buttons: bool = False
    min_repeated_chars: int | None = None
    max_newlines: int | None = None

    def packed(self) -> tuple[np.ndarray, np.ndarray]:
        """As kernels take them: i64[:] in the order of `line_rules`, and the two shares as f64[2]; 2 is off."""
        marks = (2 if self.apostrophe_ends else 1) if self.end_mark else 0
        longest, newlines = (-1 if limit is None else limit for limit in (self.max_word_length, self.max_newlines))
        settings = [self.strip, longest, self.citations, self.counters, marks, self.min_words or 0, self.words_with_citations]
        settings += [self.javascript, self.policy, self.buttons, self.min_repeated_chars or 0, newlines]
        shares = [2.0 if limit is None else limit for limit in (self.max_uppercase_share, self.max_digit_share)]
        return np.array(settings, np.int64), np.array(shares, np.float64)


def edit_lines(
    data: np.ndarray, offsets: np.ndarray, rules: Rules, fresh: Fresh = of_numpy
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Write texts anew, without what the rules take out of them.

    A line is what `str.splitlines()` cuts. With `strip`, lines lose the white space at both ends, blank ones go, and "\\n"
    joins the rest; else each keeps its own, and of blank lines in a row so many stay that no more than `max_newlines`
    line ends follow each other. A text of which anything is taken also loses the blank lines at both ends and the last line
    end, and with `strip` all white space there.

    The rules, in their order, are asked of lines that are not blank:

    1. `max_word_length`: no word of `str.split()` may have more characters.
    2. `citations`: "[12]", "[]", "[edit]" and "[citation needed]" are deleted, and lines that this leaves blank go.
    3. `max_uppercase_share`, `max_digit_share`: of the characters of the line, capitals (Uppercase) and digits (Nd).
    4. `counters`: no line that is nothing but a number and what it counts, see `line_rules.is_counter`.
    5. `end_mark`: the line ends in ".", "?", "!" or '"' (or "'", with `apostrophe_ends`), and not in "...".
    6. `min_words`: words of `str.split()`, with `words_with_citations` as they were before the citations went.
    7. `javascript`: no "javascript". But a line with "lorem ipsum" stays, for C4 drops the page before it comes to this.
    8. `policy`: none of C4's six phrases; lines with "lorem ipsum" or "{" stay, for the same reason.
    9. `buttons`: labels are deleted, see `line_rules.cut_buttons`, and lines that this leaves blank go.
    10. `min_repeated_chars`: no line of so many characters, white space at its ends apart, that the text holds above.

    "javascript", phrases and labels are ASCII letters in any case.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        rules: what is asked.
        fresh: makes the array that is written.

    Returns:
        data, offsets: the texts; the very arrays that were given, if nothing changed.
        counts: u32[n] by name: lines, words, chars (of lines that are not blank; `str.split()`; code points), the same
            that were kept, shortened_lines, and the lines that each rule dropped.
    """
    given = aligned(data, np.uint8), aligned(offsets, np.int64)
    n = len(offsets) - 1
    counts = np.zeros((n, len(COUNTS)), np.uint32)
    borders = np.zeros(n + 1, np.int64)
    written = fresh(int(offsets[-1] - offsets[0]) + SLACK)
    tables = unicode.flags(), unicode.sentences()
    settings, shares = rules.packed()
    changed = False
    for part, places, rows in roomy(*given):
        most = int(_most_lines(part, places)) if rules.min_repeated_chars else 0
        scratch = slots(most)
        results = borders[rows.start : rows.stop + 1], written, counts[rows]
        changed |= bool(_edit_all(part, places, *tables, settings, shares, scratch, *results))
    named = {name: np.ascontiguousarray(column) for name, column in zip(COUNTS, counts.T, strict=True)}
    if not changed:
        return data, offsets, named
    return written[: borders[-1]], borders, named


@helper
def _line_count(data, start, end):
    """At least as many as the text has lines."""
    lines = 1
    for i in range(start, end, 64):
        ends = bytes_between(data, i, 10, 13) | bytes_between(data, i, 0x1C, 0x1E)
        ends |= bytes_between(data, i, 0xC2, 0xC2) & bytes_between(data, i + 1, 0x85, 0x85)
        ends |= bytes_between(data, i, 0xE2, 0xE2) & bytes_between(data, i + 1, 0x80, 0x80) & bytes_between(data, i + 2, 0xA8, 0xA9)
        lines += bits(ends & first_bytes(end - i))
    return lines


@kernel(reads(u8), reads(i64))
def _most_lines(data, offsets):
    most = 1
    for d in range(len(offsets) - 1):
        most = max(most, _line_count(data, offsets[d], offsets[d + 1]))
    return most


@helper
def _chars_between(data, start, end):
    chars = 0
    for i in range(start, end, 64):
        chars += bits(characters_in(data, i) & first_bytes(end - i))
    return chars


@helper
def _repeats(out, first, last, settings, scratch, most, stamp):
    """Whether a line that is about to be kept stands in the text above."""
    least = settings[rule.MIN_REPEATED_CHARS]
    if least == 0 or last - first < least or _chars_between(out, first, last) < least:
        return False
    return seen_before(out, first, last, scratch, most, stamp)


@rare
def _trim(out, begin, n, first, last, counts):
    """The end of the text out[begin:n] once only out[first:last] of it is left."""
    counts[_KEPT_CHARS] -= _chars_between(out, begin, first) + _chars_between(out, last, n)
    if first > begin:
        for k in range(last - first):
            out[begin + k] = out[first + k]
    return last - (first - begin)


@helper
def _edit_line(data, start, end, seen, out, n, flags, marks, settings, shares):
    """Write a line at n as the rules leave it: (its end, what `read_line` sees of it, whether it is shorter, who drops it)."""
    first, last, chars, words, uppers, digits = seen
    longest = settings[rule.MAX_WORD_LENGTH]
    if longest >= 0 and end - start > longest and rule.longest_word(data, start, end, flags) > longest:
        return n, seen, False, 0
    if settings[rule.STRIP]:
        start, end = first, last
        chars = _chars_between(data, start, end)
    tail = end - last
    cut = False
    if settings[rule.CITATIONS] and rule.has_bracket(data, start, end):
        stop = rule.copy_without_citations(data, start, end, out, n, flags)
        cut = stop - n < end - start
    else:
        stop = copy(data, start, end, out, n)
    first, last = n + first - start, n + last - start
    seen = first, last, chars, words, uppers, digits
    if cut:
        seen = look_again(out, n, stop, flags, marks)
        first, last, chars, fewer, uppers, digits = seen
        if first == last:
            return n, seen, True, 1
        words = words if settings[rule.WORDS_WITH_CITATIONS] else fewer
    # White space that stood before a citation at the end of the line is the line's end: C4 strips lines before, not after.
    dropped = rule.judge(out, n, stop, stop - tail, seen, words, flags, settings, shares)
    if dropped < 0 and settings[rule.BUTTONS] and words <= rule.MOST_BUTTON_WORDS and rule.may_have_buttons(out, first, last):
        shorter = rule.cut_buttons(out, n, stop, first, last, flags)
        if shorter < stop:
            stop, cut = shorter, True
            seen = look_again(out, n, stop, flags, marks)
            if seen[0] == seen[1]:
                return n, seen, True, 9
    return stop, seen, cut, dropped


@helper
def _edit_text(data, i, end, out, n, tables, rules, scratch, most, stamp, counts):
    """Write a text at n: (its end, whether it changed)."""
    (flags, marks), (settings, shares) = tables, rules
    strips, most_newlines = settings[rule.STRIP] != 0, settings[rule.MAX_NEWLINES]
    begin, newlines, changed = n, 0, False
    head = tail = n
    while i < end:
        fetch_ahead(data, i)
        line = read_line(data, i, end, flags, marks)
        stop, following = line[0], line[1]
        seen = line[2:]
        end_chars = following - stop if stop < end and data[stop] < 0x80 else int(stop < end)
        counts[_CHARS] += seen[2] + end_chars
        counts[_WORDS] += seen[3]
        if seen[0] == seen[1]:
            if strips or 0 <= most_newlines <= newlines:
                changed = True
            else:
                n = copy(data, i, following, out, n)
                newlines += 1
                counts[_KEPT_CHARS] += seen[2] + end_chars
            i = following
            continue
        counts[_LINES] += 1
        last, left, cut, dropped = _edit_line(data, i, stop, seen, out, n, flags, marks, settings, shares)
        if dropped < 0 and _repeats(out, left[0], left[1], settings, scratch, most, stamp):
            dropped = 10
        if dropped >= 0:
            counts[_DROPPED + dropped] += 1
            changed = True
        else:
            changed |= cut or last - n < stop - i or (strips and not (following == stop + 1 and data[stop] == 10))
            counts[_KEPT_LINES] += 1
            counts[_KEPT_WORDS] += left[3]
            counts[_KEPT_CHARS] += left[2] + (1 if strips else end_chars)
            counts[_SHORTENED] += cut
            newlines = 1
            head = n if tail == begin else head
            n = tail = last
            if strips:
                out[n] = 10
                n += 1
            else:
                n = copy(data, stop, following, out, n)
        i = following
    if strips:
        head, tail = strip(out, begin, n, flags)
    if changed or strips:
        n = _trim(out, begin, n, head, tail, counts)
    return n, changed


@kernel(reads(u8), reads(i64), reads(u16), reads(u8), reads(i64), reads(f64), writes(i64, 2), writes(i64), writes(u8), writes(u32, 2))
def _edit_all(data, offsets, flags, marks, settings, shares, scratch, borders, out, counts):
    changed = False
    for d in range(len(counts)):
        i, end, n = offsets[d], offsets[d + 1], borders[d]
        most = _line_count(data, i, end) if settings[rule.MIN_REPEATED_CHARS] > 0 else 0
        stop, some = _edit_text(data, i, end, out, n, (flags, marks), (settings, shares), scratch, most, d + 1, counts[d])
        borders[d + 1] = stop
        changed |= some or stop - n < end - i
    return changed
