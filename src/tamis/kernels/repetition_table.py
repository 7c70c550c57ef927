"""A hash of some bytes, and a table that numbers keys in the order in which they are first seen."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper
from tamis.kernels._text import word_at, zeros_above

_A = np.uint64(0x9E3779B97F4A7C15)
_B = np.uint64(0xD6E8FEB86659FD93)
_C = np.uint64(0xA0761D6478BD642F)
_HALF = np.uint64(32)


@helper
def _first_of(word, n):
    """The first n bytes of a word, 1 to 8."""
    return word & (~np.uint64(0) >> np.uint64(64 - 8 * n))


@helper
def _mixed(h, word, factor):
    h = (h ^ word) * factor
    return h ^ (h >> _HALF)


@helper
def short_hash(data, i, n):
    """A 64-bit hash of the n bytes at i, 1 to 8; 8 are read."""
    return _mixed(np.uint64(n) * _A, _first_of(word_at(data, i), n), _B)


@helper
def hash_of(data, i, n):
    """A 64-bit hash of the n bytes at i; 16 are read. The same as `short_hash` has it."""
    a = np.uint64(n) * _A
    if n == 0:
        return a
    if n <= 8:
        return short_hash(data, i, n)
    # Two chains, for one waits for its multiplications: lines of 50 bytes take half the time.
    b = _B
    while n > 16:
        a, b = _mixed(a, word_at(data, i), _B), _mixed(b, word_at(data, i + 8), _C)
        i += 16
        n -= 16
    a = _mixed(a, _first_of(word_at(data, i), min(n, 8)), _B)
    rest = _first_of(word_at(data, i + 8), max(n - 8, 1)) if n > 8 else np.uint64(0)
    b = _mixed(b, rest, _C)
    return _mixed(a, b >> _HALF | b << _HALF, _A)


@helper
def pair_of(a, b):
    """A 64-bit hash of two hashes; their order matters."""
    return a * _C + b


@helper
def place_of(key, bits):
    """Where a key is looked for first, among 2**bits places."""
    return (key * _A) >> np.uint64(64 - bits)


@helper
def bits_for(n):
    """So many bits that 2**bits places hold n keys and are at most half full."""
    return 64 - np.int64(zeros_above(np.uint64(2 * max(n, 1) - 1)))


@helper
def clear(slots, bits):
    """Forget all keys."""
    for s in range(1 << bits):
        slots[s] = 0


# For each text those slots are cleared that it may need, 8 to 16 bytes for a key that might come. A table whose places
# hold the keys themselves has one look a key rather than two, but more to clear: 186 MB/s of web pages rather than 203.
@helper
def number_of(key, keys, counts, slots, bits, n):
    """The number of a key, of which n are known; if it is n, the key is new and was counted once."""
    last = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    s = place_of(key, bits)
    while True:
        found = slots[s]
        if found == 0:
            slots[s] = n + 1
            keys[n] = key
            counts[n] = 1
            return n
        number = np.int64(found) - 1
        if keys[number] == key:
            counts[number] += 1
            return number
        s = (s + np.uint64(1)) & last
