"""Words between white space, and characters by script: what lengths are told in."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from functools import cache

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, helper, i64, kernel, reads, u8, u32, writes
from tamis.kernels._text import bytes_between, count_bits, decode

CLASSES = (
    "words",
    "late_letters",
    "letters",
    "accented",
    "greek_cyrillic",
    "hebrew_arabic",
    "indic",
    "southeast_asian",
    "han",
    "kana",
    "hangul",
    "digits",
    "marks",
    "others",
)
"""Classes of characters, but for the first two; of white space there is none."""
(
    _WORDS,
    _LATE_LETTERS,
    _LETTERS,
    _ACCENTED,
    _GREEK_CYRILLIC,
    _HEBREW_ARABIC,
    _INDIC,
    _SOUTHEAST_ASIAN,
    _HAN,
    _KANA,
    _HANGUL,
    _DIGITS,
    _MARKS,
    _OTHERS,
) = range(14)
_NONE = 255
EARLY = 7
"""Letters at the beginning of a word that are not late."""
_RANGES = (
    (0x00C0, 0x024F, _ACCENTED), (0x1E00, 0x1EFF, _ACCENTED), (0x0300, 0x036F, _ACCENTED),
    (0x0370, 0x052F, _GREEK_CYRILLIC), (0x1F00, 0x1FFF, _GREEK_CYRILLIC),
    (0x0590, 0x08FF, _HEBREW_ARABIC), (0xFB1D, 0xFDFF, _HEBREW_ARABIC), (0xFE70, 0xFEFF, _HEBREW_ARABIC),
    (0x0900, 0x0DFF, _INDIC), (0x0E00, 0x109F, _SOUTHEAST_ASIAN), (0x1780, 0x17FF, _SOUTHEAST_ASIAN),
    (0x2E80, 0x2FDF, _HAN), (0x3400, 0x4DBF, _HAN), (0x4E00, 0x9FFF, _HAN), (0xF900, 0xFAFF, _HAN), (0x20000, 0x323AF, _HAN),
    (0x3040, 0x30FF, _KANA), (0x31F0, 0x31FF, _KANA), (0xFF66, 0xFF9F, _KANA), (0x1100, 0x11FF, _HANGUL), (0x3130, 0x318F, _HANGUL), (0xAC00, 0xD7AF, _HANGUL),
)  # fmt: skip


def word_counts(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Maximal runs of bytes above 0x20: words, for scripts that are written with spaces.

    Args:
        data: u8[:].
        offsets: i64[n + 1].

    Returns:
        u32[n].
    """
    counts = np.zeros(len(offsets) - 1, np.uint32)
    _word_counts(aligned(data, np.uint8), aligned(offsets, np.int64), counts)
    return counts


def class_counts(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """How many characters there are of each class; how many words, runs of letters of the Latin script; and their late letters.

    Args:
        data: u8[:], valid UTF-8.
        offsets: i64[n + 1].

    Returns:
        u32[n, 14], in the order of `CLASSES`.
    """
    counts = np.zeros((len(offsets) - 1, len(CLASSES)), np.uint32)
    _class_counts(aligned(data, np.uint8), aligned(offsets, np.int64), _classes(), counts)
    return counts


@cache
def _classes() -> np.ndarray:
    """u8[0x110000]: the class of each code point; 255 for white space."""
    kinds = np.full(0x110000, _OTHERS, np.uint8)
    kinds[:128] = _MARKS
    kinds[ord("0") : ord("9") + 1] = _DIGITS
    kinds[ord("a") : ord("z") + 1] = kinds[ord("A") : ord("Z") + 1] = _LETTERS
    for first, last, kind in _RANGES:
        kinds[first : last + 1] = kind
    kinds[(unicode.flags() & unicode.SPACE) != 0] = _NONE
    return kinds


@helper
def _is_word(byte):
    return byte > 0x20


@kernel(reads(u8), reads(i64), writes(u32))
def _word_counts(data, offsets, counts):
    for d in range(len(counts)):
        i, end, found, before = offsets[d], offsets[d + 1], np.uint32(0), np.uint64(0)
        while i + 64 <= end:
            inside = bytes_between(data, i, 0x21, 0xFF)
            found += np.uint32(count_bits(inside & ~((inside << np.uint64(1)) | before)))
            before = inside >> np.uint64(63)
            i += 64
        inside_one = before != 0
        while i < end:
            now = _is_word(data[np.uint64(i)])
            found += np.uint32(now and not inside_one)
            inside_one = now
            i += 1
        counts[d] = found


@kernel(reads(u8), reads(i64), reads(u8), writes(u32, 2))
def _class_counts(data, offsets, kinds, counts):
    for d in range(len(counts)):
        i, end, length = offsets[d], offsets[d + 1], 0
        while i < end:
            c, width = decode(data, i)
            i += width
            kind = kinds[c]
            if kind != _NONE:
                counts[d, kind] += 1
            if kind == _LETTERS or kind == _ACCENTED:
                length += 1
                counts[d, _WORDS] += length == 1
                counts[d, _LATE_LETTERS] += length > EARLY
            else:
                length = 0
