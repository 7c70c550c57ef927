"""Which texts are valid UTF-8."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import aligned, b1, helper, i64, kernel, reads, u8, writes


def valid(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Whether each text is valid UTF-8, as strictly as `bytes.decode`.

    Overlong forms, surrogates, code points above 10FFFF and cut-off sequences are invalid.

    Args:
        data: u8[:], any bytes.
        offsets: i64[n + 1].

    Returns:
        bool[n].
    """
    found = np.empty(len(offsets) - 1, np.bool_)
    _valid(aligned(data, np.uint8), aligned(offsets, np.int64), found)
    return found


def has_surrogate(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Whether each text holds a surrogate written as if it were a character (ED A0..BF 80..BF).

    Args:
        data: u8[:], any bytes.
        offsets: i64[n + 1].

    Returns:
        bool[n].
    """
    found = np.empty(len(offsets) - 1, np.bool_)
    _has_surrogate(aligned(data, np.uint8), aligned(offsets, np.int64), found)
    return found


@helper
def skip_ascii(data, i, end):
    """The place of the first byte above 0x7F from i on, found 32 bytes at a time."""
    while end - i >= 32:
        together = np.uint8(0)
        for k in range(32):
            together |= data[i + k]
        if together >= 0x80:
            break
        i += 32
    while i < end and data[i] < 0x80:
        i += 1
    return i


@helper
def _sequence(data, i, end):
    """Bytes of the valid sequence that begins at i with a byte above 0x7F; 0 if it is none. Unicode, table 3-7."""
    b = data[i]
    if b < 0xC2 or b > 0xF4:
        return 0
    size = 2 if b < 0xE0 else 3 if b < 0xF0 else 4
    if end - i < size:
        return 0
    lowest, highest = 0x80, 0xBF
    if b == 0xE0:
        lowest = 0xA0
    elif b == 0xED:
        highest = 0x9F
    elif b == 0xF0:
        lowest = 0x90
    elif b == 0xF4:
        highest = 0x8F
    if not lowest <= data[i + 1] <= highest:
        return 0
    for k in range(2, size):
        if data[i + k] & 0xC0 != 0x80:
            return 0
    return size


@kernel(reads(u8), reads(i64), writes(b1))
def _valid(data, offsets, found):
    for d in range(len(found)):
        i, end = offsets[d], offsets[d + 1]
        size = 1
        while size > 0:
            i = skip_ascii(data, i, end)
            if i >= end:
                break
            while size > 0 and i < end and data[i] >= 0x80:
                size = _sequence(data, i, end)
                i += size
        found[d] = size > 0


@kernel(reads(u8), reads(i64), writes(b1))
def _has_surrogate(data, offsets, found):
    for d in range(len(found)):
        found[d] = False
        for i in range(offsets[d], offsets[d + 1] - 2):
            if data[i] == 0xED and data[i + 1] >= 0xA0 and data[i + 1] <= 0xBF and data[i + 2] & 0xC0 == 0x80:
                found[d] = True
                break
