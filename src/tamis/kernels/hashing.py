"""Hashes of texts and rows, and random draws made from them: the same on every machine and in every version.

`murmur128` is MurmurHash3_x64_128 (Austin Appleby, public domain). Its seed, as in the reference, is 32 bits.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, b1, f64, helper, i32, i64, kernel, reads, u8, u16, u64, writes
from tamis.kernels._text import decode, encode, fetch_ahead, word_at

_C1 = np.uint64(0x87C37B91114253D5)
_C2 = np.uint64(0x4CF5AD432745937F)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def murmur128(data: np.ndarray, offsets: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """MurmurHash3_x64_128 of every value.

    Args:
        data: u8[:], any bytes.
        offsets: i64[n + 1].
        seed: below 2**32.

    Returns:
        low: u64[n], the first eight bytes of the hash, little-endian.
        high: u64[n], the others.
    """
    low, high = _pair(len(offsets) - 1)
    _murmur128(aligned(data, np.uint8), aligned(offsets, np.int64), np.uint64(seed), low, high)
    return low, high


def murmur128_folded(
    data: np.ndarray, offsets: np.ndarray, *, case: bool, white_space: bool, punctuation: bool, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """MurmurHash3_x64_128 of every text as it reads without the differences that are asked to be ignored.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        case: ignore case: every code point is lower-cased by the simple mapping.
        white_space: ignore how white space is written: a run of it is one space, and none at either end.
        punctuation: ignore punctuation and symbols (P, S): they are removed, before white space is looked at.
        seed: below 2**32.

    Returns:
        low, high: u64[n] each, as for `murmur128`.
    """
    low, high = _pair(len(offsets) - 1)
    longest = int(np.diff(offsets).max(initial=0))
    # "Ⱥ" is two bytes and its lower case three: no code point grows by more.
    folded = np.empty(longest * 3 // 2 + 16, np.uint8)
    tables = unicode.flags(), unicode.lower()
    data, offsets = aligned(data, np.uint8), aligned(offsets, np.int64)
    _murmur128_folded(data, offsets, np.uint64(seed), *tables, case, white_space, punctuation, folded, low, high)
    return low, high


def mix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Combine two hashes into one, pair by pair; their order matters.

    Args:
        a: u64[n].
        b: u64[n].

    Returns:
        u64[n].
    """
    mixed = np.empty(len(a), np.uint64)
    _mix_all(aligned(a, np.uint64), aligned(b, np.uint64), mixed)
    return mixed


def reduce_lists(child: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Hash lists of hashes; order and length matter.

    Args:
        child: u64[m], the hashes of all items.
        offsets: i64[n + 1]; list i is `child[offsets[i]:offsets[i + 1]]`.

    Returns:
        u64[n].
    """
    reduced = np.empty(len(offsets) - 1, np.uint64)
    _reduce_lists(aligned(child, np.uint64), aligned(offsets, np.int64), reduced)
    return reduced


def unit(seed: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Uniform draws that depend on a seed and a 128-bit hash, and on nothing else.

    Args:
        seed: any integer; counted modulo 2**64. Different seeds give independent draws.
        low: u64[n].
        high: u64[n].

    Returns:
        f64[n] in [0, 1), multiples of 2**-53.
    """
    drawn = np.empty(len(low), np.float64)
    _unit(np.uint64(seed % 2**64), aligned(low, np.uint64), aligned(high, np.uint64), drawn)
    return drawn


def _pair(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.empty(n, np.uint64), np.empty(n, np.uint64)


@helper
def _rotate(x, by):
    return (x << np.uint64(by)) | (x >> np.uint64(64 - by))


@helper
def _finish(h):
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@helper
def _mix(a, b):
    return _finish(_rotate(a, 31) * _C1 + _finish(b ^ _C2))


@helper
def _bytes_at(data, i, n):
    """The n bytes at i, the first one lowest."""
    word = np.uint64(0)
    for k in range(n):
        word |= np.uint64(data[np.uint64(i + k)]) << np.uint64(8 * k)
    return word


@helper
def _murmur(data, start, end, seed):
    h1 = h2 = seed
    i = start
    while end - i >= 16:
        fetch_ahead(data, i)
        h1 ^= _rotate(word_at(data, i) * _C1, 31) * _C2
        h1 = (_rotate(h1, 27) + h2) * np.uint64(5) + np.uint64(0x52DCE729)
        h2 ^= _rotate(word_at(data, i + 8) * _C2, 33) * _C1
        h2 = (_rotate(h2, 31) + h1) * np.uint64(5) + np.uint64(0x38495AB5)
        i += 16
    if end - i > 8:
        h2 ^= _rotate(_bytes_at(data, i + 8, end - i - 8) * _C2, 33) * _C1
    if end > i:
        h1 ^= _rotate(_bytes_at(data, i, min(end - i, 8)) * _C1, 31) * _C2
    h1 ^= np.uint64(end - start)
    h2 ^= np.uint64(end - start)
    h1 += h2
    h2 += h1
    h1 = _finish(h1)
    h2 = _finish(h2)
    h1 += h2
    return h1, h2 + h1


@kernel(reads(u8), reads(i64), u64, writes(u64), writes(u64))
def _murmur128(data, offsets, seed, low, high):
    for d in range(len(low)):
        low[d], high[d] = _murmur(data, offsets[d], offsets[d + 1], seed)


@helper
def _fold(data, start, end, flags, lower, case, white_space, punctuation, out):
    """Write the folded text to `out`, and return its length."""
    i, n = start, 0
    pending = False  # white space was read, which is written as one space if anything follows
    while i < end:
        c, width = decode(data, i)
        i += width
        kind = flags[c]
        if punctuation and kind & unicode.PUNCTUATION:
            continue
        if white_space and kind & unicode.SPACE:
            pending = n > 0
            continue
        if pending:
            out[n] = 32
            n += 1
            pending = False
        n = encode(lower[c] if case else c, out, n)
    return n


@kernel(reads(u8), reads(i64), u64, reads(u16), reads(i32), b1, b1, b1, writes(u8), writes(u64), writes(u64))
def _murmur128_folded(data, offsets, seed, flags, lower, case, white_space, punctuation, folded, low, high):
    for d in range(len(low)):
        n = _fold(data, offsets[d], offsets[d + 1], flags, lower, case, white_space, punctuation, folded)
        low[d], high[d] = _murmur(folded, 0, n, seed)


@kernel(reads(u64), reads(u64), writes(u64))
def _mix_all(a, b, mixed):
    for i in range(len(mixed)):
        mixed[i] = _mix(a[i], b[i])


@kernel(reads(u64), reads(i64), writes(u64))
def _reduce_lists(child, offsets, reduced):
    for d in range(len(reduced)):
        h = _finish(np.uint64(offsets[d + 1] - offsets[d]) ^ _GOLDEN)
        for i in range(offsets[d], offsets[d + 1]):
            h = _mix(h, child[i])
        reduced[d] = h


@kernel(u64, reads(u64), reads(u64), writes(f64))
def _unit(seed, low, high, drawn):
    start = _finish(seed + _GOLDEN)
    for i in range(len(drawn)):
        drawn[i] = np.float64(_mix(_mix(start, low[i]), high[i]) >> np.uint64(11)) * 2.0**-53
