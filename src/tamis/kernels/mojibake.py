"""Lines that may hold mojibake: UTF-8 that was read as an encoding of one byte a character.

What such a mistake leaves behind are the few hundred characters that the bytes from 0x80 on stand for in ten encodings,
side by side as no language puts them: "â€™", "Ã©", "Ð¸". Two neighbours decide here, by their classes; every pair that the
heuristic of ftfy up to 6.3 takes for mojibake is one, and some that it does not.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np

from tamis.kernels._jit import aligned, b1, helper, i64, kernel, reads, u8, writes
from tamis.kernels._text import bytes_between, decode, fetch_ahead, zeros_below
from tamis.kernels.splice import Parts

ENCODINGS = ("latin-1", "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "iso-8859-2", "mac-roman", "cp437")
"""Those that UTF-8 is mistaken for."""

_OTHER, _CONTROL, _COMMON, _START, _END, _SIGN = range(6)  # after letters: U+0080 to U+009F, "…", "“", "”", "€"
_LEAD, _UPPER, _LOWER, _LETTER, _LETTER_LEAD, _LIGATURE = range(6, 12)  # "Ã", "Å", "å", "д", "Г", "œ"
_BOX = 12  # "─": a sign, but beside another it draws a line; two thirds of what was suspicious in documentation were trees of files
_CLASSES = 13

_FOLLOWERS = {
    _START: {_SIGN, _BOX, _LEAD, _UPPER, _LOWER, _LIGATURE},
    _END: {_START, _SIGN, _BOX, _LEAD, _UPPER, _LOWER, _LIGATURE},
    _SIGN: {_START, _END, _SIGN, _BOX, _LEAD, _UPPER, _LOWER, _LIGATURE},
    _BOX: {_START, _END, _SIGN, _LEAD, _UPPER, _LOWER, _LIGATURE},
    _LEAD: {_COMMON, _START, _END, _SIGN, _BOX, _LEAD, _UPPER, _LOWER, _LIGATURE},
    _UPPER: {_START, _END, _SIGN, _BOX},
    _LOWER: {_START, _END, _SIGN, _BOX, _LEAD, _UPPER, _LIGATURE},
    _LETTER: {_SIGN, _BOX, _LEAD, _UPPER, _LIGATURE},
    _LETTER_LEAD: {_START, _END, _SIGN, _BOX, _LEAD, _UPPER, _LIGATURE},
    _LIGATURE: {_START, _END, _SIGN, _BOX, _LEAD, _UPPER, _LIGATURE},
}


@cache
def classes() -> np.ndarray:
    """u8[0x10000], read-only: the class of each code point; 0 for those that mojibake does not leave behind."""
    found = np.zeros(0x10000, np.uint8)
    for encoding in ENCODINGS:
        for character in bytes(range(0x80, 0x100)).decode(encoding, errors="ignore"):
            found[ord(character)] = _class_of(character)
    found[0x80:0xA0] = _CONTROL
    for kind, characters in _EXCEPTIONS.items():
        found[[ord(character) for character in characters]] = kind
    found.flags.writeable = False
    return found


_EXCEPTIONS = {
    _COMMON: "\u00a0\u00ad·–—―…’",
    _START: "¡«¿©΄΅‘“„•‹\uf8ff",
    _END: "®»˝”›™",
    _SIGN: "´ªºƒˆµ\ufffd‚",
    _LEAD: "ÂÃÎÐØÙ",
    _UPPER: "ҐЂ",
    _LOWER: "ґﬁﬂŕ",
    _LETTER: "Ѝѐѝ\u03a2",
    _LETTER_LEAD: "ВГРСΒΓΞΟ",
    _LIGATURE: "Œœ",
}


def _class_of(character: str) -> int:
    if "\u2500" <= character <= "\u259f":
        return _BOX
    category = unicodedata.category(character)
    if category not in ("Lu", "Ll"):
        return _SIGN
    if not unicodedata.name(character).startswith("LATIN"):
        return _LETTER
    return _UPPER if category == "Lu" else _LOWER


@cache
def followers() -> np.ndarray:
    """bool[169], read-only: whether a character of the class b right after one of the class a is suspicious, at 13 a + b."""
    found = np.zeros((_CLASSES, _CLASSES), np.bool_)
    for first, seconds in _FOLLOWERS.items():
        found[first, sorted(seconds)] = True
    found[:, _CONTROL] = True
    found.flags.writeable = False
    return found.ravel()


def suspicious_lines(data: np.ndarray, offsets: np.ndarray) -> Parts:
    """Find the lines that may hold mojibake: all that ftfy would change, and some others.

    A line ends after "\\n", or with its text.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
    """
    given = aligned(data, np.uint8), aligned(offsets, np.int64), classes(), followers()
    count, none = np.zeros(1, np.int64), np.empty(0, np.int64)
    _find(*given, False, count, none, none)
    found = Parts(np.empty(count[0], np.int64), np.empty(count[0], np.int64))
    if len(found.begins):
        count[0] = 0
        _find(*given, True, count, *found)
    return found


@helper
def _not_ascii(data, i, end):
    """Which of the next 64 bytes, before the end, begin a character above U+007F: all, where too few follow to ask."""
    leads = ~np.uint64(0)
    if i + 64 <= len(data):
        leads = bytes_between(data, i, 0xC0, 0xFF)
    return leads if end - i >= 64 else leads & ~(~np.uint64(0) << np.uint64(end - i))


@helper
def _is_letter(b):
    return 0x61 <= b | 0x20 <= 0x7A


@helper
def _stands_out(data, i, end, c, kind):
    """Whether a character is suspicious for the byte that follows it at i."""
    if i >= end:
        return False
    if c == 0xC2 or c == 0xC3:
        return data[i] == 0x20
    return kind == _LIGATURE and not _is_letter(data[i])


@helper
def _next_suspicious(data, i, end, classes, followers):
    """The place of the first character at or after i that is suspicious; `end` if there is none."""
    block = i
    before, kind_before = -1, np.int64(0)  # where the last character above U+007F ended, and its class
    while block < end:
        fetch_ahead(data, block)
        leads = _not_ascii(data, block, end)
        while leads:
            i = block + np.int64(zeros_below(leads))
            leads &= leads - np.uint64(1)
            if data[i] < 0xC0:
                continue
            c, width = decode(data, i)
            kind = np.int64(classes[min(c, 0xFFFF)])
            if i != before:
                kind_before = np.int64(_OTHER)
            if followers[_CLASSES * kind_before + kind] or _stands_out(data, i + width, end, c, kind):
                return i
            before = i + width
            kind_before = kind
        block += 64
    return end


@kernel(reads(u8), reads(i64), reads(u8), reads(b1), b1, writes(i64), writes(i64), writes(i64))
def _find(data, offsets, classes, followers, keep, count, begins, ends):
    n = count[0]
    for d in range(len(offsets) - 1):
        i, end = offsets[d], offsets[d + 1]
        while True:
            i = _next_suspicious(data, i, end, classes, followers)
            if i >= end:
                break
            first = i
            while first > offsets[d] and data[first - 1] != 10:
                first -= 1
            while i < end and data[i] != 10:
                i += 1
            i = min(i + 1, end)
            if keep:
                begins[n], ends[n] = first, i
            n += 1
    count[0] = n
