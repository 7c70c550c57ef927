"""What the lines of a text look like: list items, sentences, questions, code, prices."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from functools import cache

import numpy as np

from tamis.kernels._jit import aligned, helper, i64, kernel, reads, u8, u32, writes

COUNTS = ("lines", "item_lines", "question_lines", "answer_lines", "code_lines", "line_bytes", "sentence_bytes", "prices")
_LINES, _ITEM_LINES, _QUESTION_LINES, _ANSWER_LINES, _CODE_LINES, _LINE_BYTES, _SENTENCE_BYTES, _PRICES = range(8)
DENSE = 8
"""A line of which every eighth byte is a symbol is code."""
_SYMBOL, _DIGIT, _QUOTE = 1, 2, 4


def layout_counts(data: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray]:
    """Count lines by what they look like; a line lies between "\\n", is stripped of bytes up to 0x20, and is not empty then.

    Args:
        data: u8[:], valid UTF-8.
        offsets: i64[n + 1].

    Returns:
        u32[n] by name:
        lines, line_bytes: all, and what they hold.
        item_lines: that begin with "-", "*", "•" or up to three digits and "." or ")", and then a space.
        sentence_bytes: of lines that end in ".", "!", "?", "。", "！" or "？", quotes and brackets after it left aside.
        question_lines: that end in "?" or "？" so.
        answer_lines: that begin with "Q" or "A" and ":" or ".", or with "Question" or "Answer", as "Q1:" and "Answers" do.
        code_lines: that end in "{", "}" or ";", or whose every eighth byte is one of {}()[]<>;=_\\|&+$#@^~`.
        prices: "$", "€", "£", "¥" or "₹" beside a digit, or with a space between.
    """
    counts = np.zeros((len(offsets) - 1, len(COUNTS)), np.uint32)
    _layout(aligned(data, np.uint8), aligned(offsets, np.int64), _kinds(), counts)
    return {name: np.ascontiguousarray(column) for name, column in zip(COUNTS, counts.T, strict=True)}


@cache
def _kinds() -> np.ndarray:
    """u8[256]: what a byte is to us."""
    kinds = np.zeros(256, np.uint8)
    for symbols, kind in ((b"{}()[]<>;=_\\|&+$#@^~`", _SYMBOL), (b"0123456789", _DIGIT), (b"\"')]*_", _QUOTE)):
        for byte in symbols:
            kinds[byte] |= kind
    return kinds


@helper
def _three(data, i, a, b, c):
    return data[i] == a and data[i + 1] == b and data[i + 2] == c


@helper
def _is_item(data, i, end, kinds):
    if end - i < 3:
        return False
    if data[i] == 0x2D or data[i] == 0x2A:
        return data[i + 1] == 0x20
    if data[i] == 0xE2:
        return end - i >= 4 and _three(data, i, 0xE2, 0x80, 0xA2) and data[i + 3] == 0x20
    k = i
    while k < end and k - i < 3 and kinds[data[k]] & _DIGIT:
        k += 1
    return k > i and k + 1 < end and (data[k] == 0x2E or data[k] == 0x29) and data[k + 1] == 0x20


@helper
def _end_mark(data, i, end, kinds):
    """0: ends in no mark of a sentence; 1: in one; 2: in a question mark."""
    while end > i:
        if kinds[data[end - 1]] & _QUOTE:
            end -= 1
        elif end - i >= 3 and data[end - 3] == 0xE2 and data[end - 2] == 0x80 and (data[end - 1] == 0x9D or data[end - 1] == 0x99):
            end -= 3  # ” ’
        else:
            break
    if end == i:
        return 0
    last = data[end - 1]
    if last == 0x3F:
        return 2
    if last == 0x2E or last == 0x21:
        return 1
    if end - i >= 3:
        if _three(data, end - 3, 0xEF, 0xBC, 0x9F):
            return 2
        if _three(data, end - 3, 0xE3, 0x80, 0x82) or _three(data, end - 3, 0xEF, 0xBC, 0x81):
            return 1
    return 0


@helper
def _is_answer(data, i, end, kinds):
    """ "Q:", "A.", "Q1:", "Question", "Answer"."""
    first = data[i]
    if first != 0x51 and first != 0x41:
        return False
    k = i + 1
    while k < end and kinds[data[k]] & _DIGIT:
        k += 1
    if k + 1 < end and (data[k] == 0x3A or data[k] == 0x2E) and data[k + 1] == 0x20:
        return True
    if first == 0x51:
        return end - i >= 8 and _three(data, i + 1, 0x75, 0x65, 0x73) and _three(data, i + 4, 0x74, 0x69, 0x6F)
    return end - i >= 6 and _three(data, i + 1, 0x6E, 0x73, 0x77) and data[i + 4] == 0x65 and data[i + 5] == 0x72


@helper
def _is_digit_near(data, i, start, end, step, kinds):
    """Whether a digit is at i, or after one space in the direction of `step`."""
    if i < start or i >= end:
        return False
    if data[i] == 0x20:
        i += step
    return start <= i < end and (kinds[data[i]] & _DIGIT) != 0


@helper
def _currency(data, i, end):
    """The bytes of a sign of money at i, 0 if there is none."""
    b = data[i]
    if b == 0x24:
        return 1
    if b == 0xC2 and i + 1 < end and (data[i + 1] == 0xA3 or data[i + 1] == 0xA5):
        return 2
    if b == 0xE2 and i + 2 < end and data[i + 1] == 0x82 and (data[i + 2] == 0xAC or data[i + 2] == 0xB9):
        return 3
    return 0


@helper
def _count_line(data, i, end, symbols, kinds, counts):
    size = end - i
    counts[_LINES] += 1
    counts[_LINE_BYTES] += size
    counts[_ITEM_LINES] += _is_item(data, i, end, kinds)
    counts[_ANSWER_LINES] += _is_answer(data, i, end, kinds)
    last = data[end - 1]
    counts[_CODE_LINES] += last == 0x7B or last == 0x7D or last == 0x3B or symbols * DENSE >= size
    mark = _end_mark(data, i, end, kinds)
    if mark:
        counts[_SENTENCE_BYTES] += size
    counts[_QUESTION_LINES] += mark == 2


@kernel(reads(u8), reads(i64), reads(u8), writes(u32, 2))
def _layout(data, offsets, kinds, counts):
    for d in range(len(counts)):
        i, end = offsets[d], offsets[d + 1]
        while i < end:
            while i < end and data[i] <= 0x20:
                i += 1
            first, last, symbols = i, i, 0
            while i < end and data[i] != 0x0A:
                b = data[i]
                if b > 0x20:
                    last = i + 1
                    symbols += kinds[b] & _SYMBOL
                    if b == 0x24 or b == 0xC2 or b == 0xE2:
                        width = _currency(data, i, end)
                        if width and (
                            _is_digit_near(data, i + width, first, end, 1, kinds) or _is_digit_near(data, i - 1, first, end, -1, kinds)
                        ):
                            counts[d, _PRICES] += 1
                i += 1
            if last > first:
                _count_line(data, first, last, symbols, kinds, counts[d])
