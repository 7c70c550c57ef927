"""Where a token ends, read character by character: the word rules of `tamis.kernels.unicode`."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper
from tamis.kernels._text import decode
from tamis.kernels.unicode import ALONE, DIGIT, JOINS_DIGITS, JOINS_LETTERS, LETTER, MARK, RUN


@helper
def _joins(data, i, end, flags, kind, before):
    """Whether a symbol that ends at i continues the run before it, whose last character is `before`."""
    letters = (kind & JOINS_LETTERS) != 0 and (before & LETTER) != 0
    digits = (kind & JOINS_DIGITS) != 0 and (before & DIGIT) != 0
    if not (letters or digits) or i >= end:
        return False
    c, _ = decode(data, i)
    after = flags[c]
    return (after & RUN) != 0 and ((letters and (after & LETTER) != 0) or (digits and (after & DIGIT) != 0))


@helper
def rest_of_run(data, i, end, flags, kind):
    """(end, bytes beyond one a character, all flags) of a run of which the first character, before i, was read."""
    kinds, before, extra = kind, kind, 0
    while i < end:
        b = data[np.uint64(i)]  # see `word_at`
        if b < 0x80 and flags[b] & RUN:
            before = flags[b]
            kinds |= before
            i += 1
            continue
        c, width = decode(data, i)
        kind = flags[c]
        if not kind & (RUN | MARK) and not _joins(data, i + width, end, flags, kind, before):
            break
        if not kind & MARK:
            before = kind
        kinds |= kind
        extra += width - 1
        i += width
    return i, extra, kinds


@helper
def rest_of_other(data, i, end, flags, first):
    """The same for a token that begins with a mark, a symbol or a letter that stands alone."""
    kinds, extra = flags[first], 0
    repeats = not kinds & ALONE
    while i < end:
        c, width = decode(data, i)
        if not (flags[c] & MARK or (repeats and c == first)):
            break
        kinds |= flags[c]
        extra += width - 1
        i += width
    return i, extra, kinds
