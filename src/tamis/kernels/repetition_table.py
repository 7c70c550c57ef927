"""A table that numbers keys in the order in which they are first seen."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper
from tamis.kernels._text import zeros_above

_A = np.uint64(0x9E3779B97F4A7C15)
_C = np.uint64(0xA0761D6478BD642F)


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
    """The number of a key, of which n are known; if it is n, the key is new and was counted once. Numbers are unsigned."""
    last = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    s = place_of(key, bits)
    while True:
        found = np.uint64(slots[s])
        if found == 0:
            slots[s] = n + np.uint64(1)
            keys[n] = key
            counts[n] = 1
            return n
        number = found - np.uint64(1)
        if keys[number] == key:
            counts[number] += 1
            return number
        s = (s + np.uint64(1)) & last
