"""Where a text may hold something that can be checked: an equation, a block of code, a formula.

Most text holds none of them, and is walked 64 bytes at a time; what is found is a candidate, to be read by slower code.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import aligned, helper, i64, kernel, rare, reads, u8, writes
from tamis.kernels._text import bytes_between, zeros_below

EQUATION, FENCE, INDENTED, FORMULA = 1, 2, 4, 8
"""What a text may hold: the bits of `kinds`."""
_MARKERS = (b">>> ", b"def ", b"class ", b"import ", b"from ", b"{", b"[", b"<?xml")
_MARKER_BYTES = np.frombuffer(b"".join(_MARKERS), np.uint8)
_MARKER_BORDERS = np.cumsum([0, *map(len, _MARKERS)]).astype(np.int64)


def kinds(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    r"""What each text may hold.

    EQUATION: "=" or "≈" between the end and the beginning of something numeric: the nearest bytes that are not spaces are a
    digit, ")", "%" or "}" before it, or a superscript, and a digit, "(", "-", "+", ".", "$", "\\" or any byte of a
    character beyond ASCII after it. FENCE: a line that begins with three "`" or "~" after at most three spaces. INDENTED: a
    line indented by four spaces or a tab that goes on like Python (a prompt, def, class, import, from), JSON or XML.
    FORMULA: a backslash before a letter or a bracket.

    Args:
        data: u8[:].
        offsets: i64[n + 1].

    Returns:
        u8[n], sums of EQUATION, FENCE, INDENTED and FORMULA.
    """
    found = np.zeros(len(offsets) - 1, np.uint8)
    _kinds(aligned(data, np.uint8), aligned(offsets, np.int64), _MARKER_BYTES, _MARKER_BORDERS, found)
    return found


@helper
def _is_digit(b):
    return b >= 0x30 and b <= 0x39


@rare
def _is_equation(data, i, start, end):
    """Whether the "=" or "≈" at i stands between things that may be numbers."""
    before, after = i - 1, i + 1 if data[i] == 0x3D else i + 3
    while before >= start and data[before] == 32:
        before -= 1
    while after < end and data[after] == 32:
        after += 1
    if before < start or after >= end:
        return False
    a, b = data[before], data[after]
    # The last byte of a superscript two or three ("²", "³") is 0xB2 or 0xB3.
    left = _is_digit(a) or a == 0x29 or a == 0x25 or a == 0x7D or a == 0xB2 or a == 0xB3
    return left and (_is_digit(b) or b == 0x28 or b == 0x2D or b == 0x2B or b == 0x2E or b == 0x24 or b == 0x5C or b >= 0x80)


@rare
def _line_kind(data, i, end, markers, borders):
    """FENCE or INDENTED, if the line at i is or may be one."""
    begin = i
    while i < end and (data[i] == 32 or data[i] == 9):
        i += 1
    if i + 2 < end and (data[i] == 0x60 or data[i] == 0x7E) and data[i + 1] == data[i] and data[i + 2] == data[i]:
        return FENCE if i - begin < 4 else 0
    if i - begin < 4 and (i == begin or data[begin] != 9):
        return 0
    for m in range(len(borders) - 1):
        length = borders[m + 1] - borders[m]
        if end - i < length:
            continue
        same = True
        for k in range(length):
            if data[i + k] != markers[borders[m] + k]:
                same = False
                break
        if same:
            return INDENTED
    return 0


@rare
def _kind_at(data, i, start, end, markers, borders):
    """What the byte at i, a line end, "=", a backslash or the first of "≈", is a candidate for."""
    b = data[i]
    if b == 10:
        return _line_kind(data, i + 1, end, markers, borders)
    if b == 0x5C:
        if i + 1 >= end:
            return 0
        c = data[i + 1]
        return FORMULA if (c | 0x20 >= 0x61 and c | 0x20 <= 0x7A) or c == 0x28 or c == 0x5B else 0
    if b == 0xE2 and not (i + 2 < end and data[i + 1] == 0x89 and data[i + 2] == 0x88):
        return 0
    return EQUATION if _is_equation(data, i, start, end) else 0


@helper
def _noted(data, i, end):
    """Which of the next 64 bytes are to be looked at: line ends only where white space, "`" or "~" follows; all where too few follow to ask."""
    noted = ~np.uint64(0)
    if i + 65 <= len(data):
        ends = bytes_between(data, i, 10, 10)
        begins = (
            bytes_between(data, i + 1, 32, 32)
            | bytes_between(data, i + 1, 9, 9)
            | bytes_between(data, i + 1, 0x60, 0x60)
            | bytes_between(data, i + 1, 0x7E, 0x7E)
        )
        noted = ends & begins | bytes_between(data, i, 0x3D, 0x3D) | bytes_between(data, i, 0x5C, 0x5C)
        noted |= bytes_between(data, i, 0xE2, 0xE2) & bytes_between(data, i + 1, 0x89, 0x89)
    return noted if end - i >= 64 else noted & ~(~np.uint64(0) << np.uint64(end - i))


@kernel(reads(u8), reads(i64), reads(u8), reads(i64), writes(u8))
def _kinds(data, offsets, markers, borders, found):
    for d in range(len(found)):
        start, end = offsets[d], offsets[d + 1]
        kind = _line_kind(data, start, end, markers, borders)
        for block in range(start, end, 64):
            noted = _noted(data, block, end)
            while noted:
                i = block + np.int64(zeros_below(noted))
                noted &= noted - np.uint64(1)
                b = data[i]
                if b == 10 or b == 0x3D or b == 0x5C or b == 0xE2:
                    kind |= _kind_at(data, i, start, end, markers, borders)
            if kind == EQUATION | FENCE | INDENTED | FORMULA:
                break
        found[d] = kind
