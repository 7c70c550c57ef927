"""Tokens of ASCII text, found and counted 64 bytes at a time.

Bit k of a mask stands for byte k of 64, as in simdjson (Langdale and Lemire 2019, arXiv:1902.08318). A piece of text ends
after a separator, so nothing of it has to be remembered for the next one; `starts`, `runs` and so on never hold the 64th
byte, so that no sum or shift loses a bit.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from functools import cache

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import helper
from tamis.kernels._text import below, bytes_between, bytes_repeated, count_bits, word_at, zeros_above, zeros_below

PACKED = 7  # bytes that fit in a key beside their number

_ONE = np.uint64(1)
_ALL = np.uint64(2**64 - 1)
_EACH = np.uint64(0x0101010101010101)
_NOWHERE = np.uint64(512)


@cache
def stop_keys(stop_words: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What `is_short_stop_word` looks up.

    Returns:
        exact: u64[n], each stop word as `_key_at` has it; 0 if it is not ASCII or has over 7 letters.
        keys: u64[512], each of them in lower case, at its `_place`; 0 where there is none.
        sets: u64[513], which stop words (as bits) are that word in lower case; at last, of no word.
        settings: u64[2], the multiplier of `_place`, and (as bits) the lengths of all stop words; those above 7 share one.
    """
    lower = [_key("".join(chr(unicode.lower()[ord(c)]) for c in word)) for word in stop_words]
    short = np.array(sorted({*lower} - {0}), np.uint64)
    multiplier, places = 1, short >> np.uint64(55)
    while len(set(places.tolist())) < len(short):
        multiplier = (multiplier * 0x5851F42D4C957F2D + 2) % 2**64  # odd again
        places = short * np.uint64(multiplier) >> np.uint64(55)
    keys, sets = np.zeros(512, np.uint64), np.zeros(513, np.uint64)
    keys[places] = short
    sets[places] = [sum(1 << s for s, other in enumerate(lower) if other == key) for key in short]
    lengths = sum({1 << min(len(word), PACKED + 1) for word in stop_words})
    exact = np.array([_key(word) for word in stop_words], np.uint64)
    return exact, keys, sets, np.array([multiplier, lengths], np.uint64)


def _key(word: str) -> int:
    if not word.isascii() or len(word) > PACKED:
        return 0
    return int.from_bytes(word.encode().ljust(PACKED, b"\0") + bytes([len(word)]), "little")


@helper
def _after(mask):
    """The byte after each."""
    return mask << _ONE


@helper
def _before(mask):
    """The byte before each."""
    return mask >> _ONE


@helper
def whole_tokens(data, i, end, whitespace):
    """Cut a piece off a text: up to the last separator in the next 64 bytes that no byte above 0x7F precedes.

    Returns:
        text: which bytes belong to tokens.
        size: bytes in the piece; 0 if it holds no separator, for then its token may be longer.
    """
    if whitespace:
        separators = bytes_between(data, i, 9, 13) | bytes_between(data, i, 0x1C, 0x20)
    else:
        separators = bytes_between(data, i, 0, 0x20) | bytes_between(data, i, 0x7F, 0x7F)
    if end - i < 64:
        # What follows the text is no text: it counts as a separator.
        separators |= _ALL << np.uint64(end - i)
    separators &= below(bytes_between(data, i, 0x80, 0xFF))
    if not separators:
        return separators, 0
    last = zeros_above(separators)
    return (_ALL >> last) & ~separators, min(end - i, 64 - np.int64(last))


@helper
def _joined(data, i, letters, digits):
    """Symbols between two letters or two digits that do not part them, see `tamis.kernels.unicode`."""
    both = bytes_between(data, i, 0x27, 0x27) | bytes_between(data, i, 0x2E, 0x2E)
    in_words = both | bytes_between(data, i, 0x3A, 0x3A)
    in_numbers = both | bytes_between(data, i, 0x2C, 0x2C) | bytes_between(data, i, 0x3B, 0x3B)
    return (in_words & _after(letters) & _before(letters)) | (in_numbers & _after(digits) & _before(digits))


@helper
def tokens(data, i, text, whitespace):
    """Find tokens.

    Returns:
        starts: the first byte of each token.
        runs: the bytes of tokens that are no symbols.
        alnums: letters and numbers.
        letters: letters.
    """
    letters = (bytes_between(data, i, 0x41, 0x5A) | bytes_between(data, i, 0x61, 0x7A)) & text
    digits = bytes_between(data, i, 0x30, 0x39) & text
    alnums = letters | digits
    if whitespace:
        return text & ~_after(text), text, alnums, letters
    runs = alnums | (text & (bytes_between(data, i, 0x5F, 0x5F) | _joined(data, i, letters, digits)))
    symbols = text & ~runs & ~_after(bytes_repeated(data, i))
    return (runs & ~_after(runs)) | symbols, runs, alnums, letters


@helper
def ends_with(marks, runs):
    """The byte after each run that holds a mark: added to its run, a mark carries to there."""
    return (runs + marks) & ~runs


@helper
def count_words(alnums, runs):
    """(runs that hold a letter or a number, the bytes in them): few do not, so those are subtracted one by one."""
    ends = ends_with(alnums, runs)
    starts = runs & ~_after(runs)
    chars = count_bits(runs)
    others = _after(runs) & ~runs & ~ends
    while others:
        end = zeros_below(others)
        chars -= end + zeros_above(starts & below(others)) - np.uint64(63)
        others &= others - _ONE
    return count_bits(ends), chars


@helper
def _key_at(data, i, n):
    """The n bytes at i, up to 7, and n itself in the eighth."""
    return (word_at(data, i) & (_ALL >> np.uint64(64 - 8 * n))) | np.uint64(n) << np.uint64(56)


@helper
def _lower(key):
    """A key in lower case: 0x20 more in every byte from "A" to "Z"."""
    capital = (key + np.uint64(0x3F) * _EACH) & ~(key + np.uint64(0x25) * _EACH) & (np.uint64(0x80) * _EACH)
    return key | capital >> np.uint64(2)


@helper
def _place(key, multiplier):
    return (key * multiplier) >> np.uint64(55)


@helper
def starts_by_length(starts, borders, lengths):
    """The tokens that have one of the lengths of stop words."""
    found = np.uint64(0)
    for n in range(1, PACKED + 1):
        borders >>= _ONE
        if lengths >> np.uint64(n) & _ONE:
            found |= starts & borders
        starts &= ~borders
    return found | starts if lengths >> np.uint64(PACKED + 1) else found


@helper
def length_at(borders, start):
    """Bytes from a place to the next border."""
    return np.int64(zeros_below(borders & (~_ONE << start)) - start)


# Stop words compared letter by letter, as longer ones are: 490 MB/s rather than 640. No branches: whether a short word is one
# cannot be foretold.
@helper
def is_short_stop_word(data, i, n, table):
    """(whether the n bytes at i, up to 7, are a stop word in some case, a bit for the one in this case)."""
    exact, keys, sets, settings = table
    key = _key_at(data, i, n)
    low = _lower(key)
    place = _place(low, settings[0])
    found = keys[place] == low
    candidates = sets[place if found else _NOWHERE]  # chosen by place: numba would branch around a load
    first = zeros_below(candidates) & np.uint64(63)
    bits = np.uint64(exact[first] == key) << first  # if none was found, nor is the first the one
    candidates &= candidates - _ONE
    while candidates:  # more than one only where a list has a word in several cases
        first = zeros_below(candidates)
        bits |= np.uint64(exact[first] == key) << first
        candidates &= candidates - _ONE
    return found, bits
