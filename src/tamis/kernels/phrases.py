"""How often texts hold a phrase of a list, between word boundaries or anywhere."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, b1, helper, i32, i64, kernel, reads, u8, u16, u32, writes
from tamis.kernels._lines import first_bytes, roomy
from tamis.kernels._text import bytes_between, decode, zeros_below
from tamis.kernels.unicode import ALONE, LETTER, LINE_END, NUMBER

_PLACES = 1024
_KATAKANA = ((0x30A1, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F))


def phrase_counts(data: np.ndarray, offsets: np.ndarray, phrases: Sequence[str], *, in_lines: bool) -> np.ndarray:
    """Count the places where a phrase begins, in any case (by the simple lower-case mapping).

    Before it and after it there must be no word character (`\\w`); with `in_lines`, there must be a character of the same
    line that is not a letter from "a" to "z" in any case. A phrase with a letter of a script written without spaces (`ALONE` of
    `tamis.kernels.unicode`, or Katakana) counts anywhere.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        phrases: not empty.
        in_lines: which boundary.

    Returns:
        u32[n]; a place where two phrases begin counts once.
    """
    counts = np.zeros(len(offsets) - 1, np.uint32)
    tables = unicode.flags(), unicode.lower(), *_packed(tuple(phrases))
    for part, borders, rows in roomy(aligned(data, np.uint8), aligned(offsets, np.int64)):
        _count_all(part, borders, in_lines, *tables, counts[rows])
    return counts


@lru_cache(maxsize=16)
def _packed(phrases: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Phrases by the place of their first two characters: letters, borders, whether free, and the places' borders; and settings.

    Returns:
        letters: i32[:], code points in lower case.
        borders: i64[n + 1], of phrases.
        free: u8[n], counts anywhere.
        places: i64[1025], phrases of a place.
        settings: i64[2], whether any phrase is free, whether any has one character.
    """
    lower = unicode.lower()
    codes = [[int(lower[ord(c)]) for c in phrase] for phrase in dict.fromkeys(phrases)]
    codes.sort(key=lambda code: _place(code[0], code[1] if len(code) > 1 else 0))
    where = [_place(code[0], code[1] if len(code) > 1 else 0) for code in codes]
    free = [any(unicode.flags()[c] & ALONE or any(a <= c <= b for a, b in _KATAKANA) for c in code) for code in codes]
    settings = [any(free), any(len(code) == 1 for code in codes)]
    return (
        np.array([c for code in codes for c in code], np.int32),
        np.cumsum([0, *map(len, codes)]).astype(np.int64),
        np.array(free, np.uint8),
        np.searchsorted(where, np.arange(_PLACES + 1)).astype(np.int64),
        np.array(settings, np.int64),
    )


def _place(first, second):
    return (first * 61 + second * 7) & (_PLACES - 1)


_place_of = helper(_place)


@helper
def _parts(c, flags, lower, in_lines):
    """Whether a character parts words."""
    if in_lines:
        return not 0x61 <= lower[c] <= 0x7A and not flags[c] & LINE_END
    return not flags[c] & (LETTER | NUMBER) and c != 0x5F


@helper
def _end_of(data, i, end, lower, letters, begin, stop):
    """Where the phrase letters[begin:stop] ends that begins at i; -1 if another does."""
    for k in range(begin, stop):
        if i >= end:
            return -1
        c, width = decode(data, i)
        if lower[c] != letters[k]:
            return -1
        i += width
    return i


@helper
def _begins(data, i, end, place, parted, flags, lower, in_lines, packed):
    """Whether a phrase of one place begins at i; `parted`: a word may begin there."""
    letters, borders, free, places, _ = packed
    for p in range(places[place], places[place + 1]):
        if not (parted or free[p]):
            continue
        stop = _end_of(data, i, end, lower, letters, borders[p], borders[p + 1])
        if stop < 0:
            continue
        if free[p]:
            return True
        if stop == end:
            if not in_lines:
                return True
        elif _parts(decode(data, stop)[0], flags, lower, in_lines):
            return True
    return False


_PACKED = (reads(i32), reads(i64), reads(u8), reads(i64), reads(i64))


@helper
def _letters_at(data, i, in_lines):
    """Which of the 64 bytes at i are ASCII characters that part no words."""
    found = bytes_between(data, i, 0x41, 0x5A) | bytes_between(data, i, 0x61, 0x7A)
    if in_lines:
        return found
    return found | bytes_between(data, i, 0x30, 0x39) | bytes_between(data, i, 0x5F, 0x5F)


@kernel(reads(u8), reads(i64), b1, reads(u16), reads(i32), *_PACKED, writes(u32))
def _count_all(data, offsets, in_lines, flags, lower, letters, borders, free, places, settings, counts):
    packed = letters, borders, free, places, settings
    for d in range(len(counts)):
        i, end = offsets[d], offsets[d + 1]
        parted = not in_lines
        while i < end:
            c, width = decode(data, i)
            if parted or settings[0]:
                following = lower[decode(data, i + width)[0]] if i + width < end else 0
                found = _begins(data, i, end, _place_of(lower[c], following), parted, flags, lower, in_lines, packed)
                if settings[1] and not found:
                    found = _begins(data, i, end, _place_of(lower[c], 0), parted, flags, lower, in_lines, packed)
                counts[d] += found
            parted = _parts(c, flags, lower, in_lines)
            i += width
            if not (parted or settings[0]):
                # Within a word nothing can begin: 64 bytes at a time to its end.
                i += np.int64(zeros_below(~_letters_at(data, i, in_lines) | ~first_bytes(end - i)))
