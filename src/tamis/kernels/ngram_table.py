"""Hash tables of n-grams: exact keys of up to four tokens, and where each n-gram leads.

A place is two words: (key << 16 | different tokens that follow), then (how often anything follows << 32 | count). Keys of up to
three tokens take 48 bits; of four tokens, which nothing follows, the key takes the whole first word. Tokens are numbered from 1 in
keys, and 0 is a document's beginning, so that no key is 0, which marks a free place.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._fetch import fetch as fetch_at
from tamis.kernels._jit import helper, kernel, reads, u64, writes

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_16, _32, _48 = np.uint64(16), np.uint64(32), np.uint64(48)
_COUNT, _FOLLOWERS = np.uint64(0xFFFFFFFF), np.uint64(0xFFFF)
WHOLE, PART = np.uint64(0), np.uint64(16)
"""How far keys are shifted: those of four tokens, and shorter ones."""


@helper
def pair_key(c, d):
    """Of two tokens."""
    return c << _16 | d


@helper
def three_key(b, c, d):
    """Of three tokens."""
    return b << _32 | c << _16 | d


@helper
def four_key(a, b, c, d):
    """Of four tokens."""
    return a << _48 | b << _32 | c << _16 | d


@helper
def single_place(token):
    """Where a token's words are in an array of all tokens, which needs no keys."""
    return np.int64(np.uint64(2) * token)


@helper
def _begin(table, key):
    """The place at which a key is looked for first."""
    spread = key * _SPREAD
    return (spread ^ (spread >> _32)) & np.uint64(len(table) // 2 - 1)


@helper
def find(table, key, shift):
    """Where in a table a key stands, or the free place for it; there must be a free place."""
    last = np.uint64(len(table) // 2 - 1)
    at = _begin(table, key)
    while True:
        word = table[np.uint64(2) * at]
        if word == 0 or word >> shift == key:
            return np.int64(np.uint64(2) * at)
        at = (at + np.uint64(1)) & last


@helper
def placed(table, key, shift, held, k):
    """Where in a table a key stands, from now on if it did not; held[k] is how many keys the table has."""
    at = find(table, key, shift)
    if table[at] == 0:
        table[at] = key << shift
        held[k] += 1
    return at


@helper
def count_at(table, at):
    """How often the n-gram at a place was counted; 0 at a free place."""
    return np.int64(table[at + 1] & _COUNT)


@helper
def count(table, at, times, contexts, context):
    """Count an n-gram at its place, and that it follows a context, which has a place in another table; whether it is new."""
    new = count_at(table, at) == 0
    contexts[context] += np.uint64(new)
    table[at + 1] += times
    contexts[context + 1] += times << _32
    return new


@helper
def followed(table, at):
    """(how often anything follows the n-gram at a place, how many different tokens do); 0 at a free place."""
    return np.int64(table[at + 1] >> _32), np.int64(table[at] & _FOLLOWERS)


@helper
def fetch(table, key):
    """Fetch the place at which a key will be looked for: tables are larger than caches, and the wait was a third of the time."""
    fetch_at(table, np.uint64(2) * _begin(table, key))


@kernel(reads(u64), writes(u64), u64)
def move(old, new, shift):
    """Copy a table into a larger, empty one."""
    for at in range(0, len(old), 2):
        if old[at] > 0:
            place = find(new, old[at] >> shift, shift)
            new[place], new[place + 1] = old[at], old[at + 1]
