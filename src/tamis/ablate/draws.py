"""Draws that depend on texts and seeds alone, never on the order of documents."""

from __future__ import annotations

import numpy as np


def ranks(keys: np.ndarray, *seeds: int) -> np.ndarray:
    """A random number of each document; equal texts have different ones.

    Were they the same, a random half of the pool would hold both copies of a text or neither, and so more copies than chance
    leaves.

    Args:
        keys: u64[n], hashes of the texts.
        seeds: any integers, counted modulo 2**64: the seed, the number of the redraw. Others give independent ranks.

    Returns:
        u64[n]; which of equal texts has which is decided by their order.
    """
    from tamis.kernels.hashing import mix

    return seeded(mix(np.asarray(keys, np.uint64), occurrences(keys)), *seeds)


def seeded(keys: np.ndarray, *seeds: int) -> np.ndarray:
    """u64[n]: a random number for each key, the same for equal ones."""
    from tamis.kernels.hashing import mix

    drawn = np.asarray(keys, np.uint64)
    for seed in seeds:
        drawn = mix(np.full(len(drawn), seed % 2**64, np.uint64), drawn)
    return drawn


def occurrences(keys: np.ndarray) -> np.ndarray:
    """u64[n]: how many equal keys stand before each."""
    order = np.argsort(keys, kind="stable")
    there = np.asarray(keys)[order]
    new = np.flatnonzero(np.concatenate([[True], there[1:] != there[:-1]])) if len(there) else np.empty(0, np.int64)
    found = np.empty(len(there), np.uint64)
    found[order] = np.arange(len(there)) - np.repeat(new, np.diff(np.append(new, len(there))))
    return found


def take(sizes: np.ndarray, wanted: float, *, largest: float = 2.0) -> np.ndarray:
    """Take things from the front until they have about so many bytes: each whose middle byte is still wanted.

    What is taken differs from `wanted` by half of one thing at most, unless there is too little.

    Args:
        sizes: i64[n], in the order in which they are taken.
        wanted: bytes.
        largest: a thing of more than so many times `wanted` is passed over; one of more than twice can never be taken, and
            would only stand before the others.

    Returns:
        bool[n].
    """
    able = np.asarray(sizes <= largest * wanted)
    counted = np.where(able, sizes, 0)
    middles = np.cumsum(counted, dtype=np.float64) - counted / 2
    return able & (middles <= wanted) & (wanted > 0)
