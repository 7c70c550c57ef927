"""Letters and the scripts they are of, and what a text needs before its language is asked for."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, b1, helper, i64, kernel, reads, u8, u16, u32, writes
from tamis.kernels._text import bytes_between, count_bits, decode, fetch_ahead, zeros_below
from tamis.kernels.unicode import BREAK, LETTER, MAYBE_NOT_NFC, SENTENCE_BREAKS, UPPERCASE

_LOWER = SENTENCE_BREAKS.index("Lower")
_LATIN = unicode.script_codes().index("Latn")
_BETWEEN = 4
"""ASCII characters that are read one by one after one that is not."""


class Survey(NamedTuple):
    """What `survey` found.

    Args:
        letters: u32[n], letters (L) of any script.
        script: u8[n], the number in `unicode.script_codes` of the script that most letters are of, the lowest of equals; 0 for a
            text without letters of a script.
        capitals: bool[n], the text has capitals and no small letters.
        maybe: bool[n], the text may not be in NFC; False is certain.
    """

    letters: np.ndarray
    script: np.ndarray
    capitals: np.ndarray
    maybe: np.ndarray


def survey(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Survey:
    """Count letters by script, and find texts in capitals and texts that may not be in NFC.

    Args:
        data: u8[:].
        starts: i64[n], where each text begins.
        ends: i64[n], where each ends.
    """
    n = len(starts)
    found = Survey(np.zeros(n, np.uint32), np.zeros(n, np.uint8), np.zeros(n, np.bool_), np.zeros(n, np.bool_))
    tables = unicode.flags(), unicode.scripts(), unicode.sentences(), unicode.combining()
    counts = np.empty(len(unicode.script_codes()), np.int64)
    _survey(aligned(data, np.uint8), aligned(starts, np.int64), aligned(ends, np.int64), *tables, counts, *found)
    return found


@helper
def _count_ascii(data, i, end, counts):
    """Count the letters of the ASCII characters among the next 64 bytes; return how many these are, and of which case letters were."""
    if i + 64 > len(data):
        return np.int64(0), False, False
    size = min(np.int64(zeros_below(~bytes_between(data, i, 0, 0x7F))), end - i)
    inside = ~np.uint64(0) if size == 64 else ~(~np.uint64(0) << np.uint64(size))
    small, capital = bytes_between(data, i, 0x61, 0x7A) & inside, bytes_between(data, i, 0x41, 0x5A) & inside
    counts[_LATIN] += np.int64(count_bits(small | capital))
    return size, small != 0, capital != 0


@kernel(
    reads(u8), reads(i64), reads(i64), reads(u16), reads(u8), reads(u8), reads(u8),
    writes(i64), writes(u32), writes(u8), writes(b1), writes(b1),
)  # fmt: skip
def _survey(data, starts, ends, flags, scripts, sentences, combining, counts, letters, script, capitals, maybe):
    for d in range(len(letters)):
        i, end = starts[d], ends[d]
        counts[:] = 0
        any_small, any_capital, not_nfc = False, False, False
        before = 0  # combining class of the character before: out of order means not normal
        while i < end:
            fetch_ahead(data, i)
            size, small, capital = _count_ascii(data, i, end, counts)
            if size > 0:
                i += size
                before = 0
                any_small |= small
                any_capital |= capital
            # Letters outside ASCII come in rows, with a few others between: to look for ASCII after each of them would take longer.
            stop = i if size == 64 else min(end, i + _BETWEEN)
            while i < stop:
                c, width = decode(data, i)
                i += width
                stop = min(end, i + _BETWEEN) if width > 1 else stop
                case = sentences[c]
                any_capital |= case & UPPERCASE != 0
                any_small |= case & BREAK == _LOWER
                counts[scripts[c]] += flags[c] & LETTER != 0
                letters[d] += np.uint32(flags[c] & LETTER != 0 and scripts[c] == 0)
                after = int(combining[c])
                not_nfc |= flags[c] & MAYBE_NOT_NFC != 0 or 0 < after < before
                before = after
        counts[0] = 0
        best = 0
        for k in range(1, len(counts)):
            letters[d] += np.uint32(counts[k])
            if counts[k] > counts[best]:
                best = k
        script[d] = best
        capitals[d] = any_capital and not any_small
        maybe[d] = not_nfc
