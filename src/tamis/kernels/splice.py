"""Texts with some of their parts replaced."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tamis.kernels._jit import aligned, helper, i64, kernel, reads, u8, writes

Fresh = Callable[[int], np.ndarray]
"""u8[size] to write into, of whatever content: numpy gives such large arrays back to the system each time, others need not."""


def of_numpy(size: int) -> np.ndarray:
    """A `Fresh`."""
    return np.empty(size, np.uint8)


class Parts(NamedTuple):
    """Parts of texts: they are ascending, and neither overlap nor cross from one text into the next.

    Args:
        begins: i64[m], places in `data`.
        ends: i64[m].
    """

    begins: np.ndarray
    ends: np.ndarray

    def owners(self, offsets: np.ndarray) -> np.ndarray:
        """i64[m], the text that each part lies in."""
        return np.searchsorted(offsets, self.begins, side="right") - 1


def splice(
    data: np.ndarray,
    offsets: np.ndarray,
    parts: Parts,
    pieces: np.ndarray,
    borders: np.ndarray,
    chosen: np.ndarray,
    fresh: Fresh = of_numpy,
) -> tuple[np.ndarray, np.ndarray]:
    """Write all texts anew, each part replaced by a piece.

    Args:
        data: u8[:].
        offsets: i64[n + 1].
        parts: what to replace; none of them is empty.
        pieces: u8[:], the bytes of all pieces.
        borders: i64[p + 1], piece k is `pieces[borders[k]:borders[k + 1]]`.
        chosen: i64[m], the piece for each part.
        fresh: makes the array that is written.

    Returns:
        data: u8[:].
        offsets: i64[n + 1], from 0.
    """
    grown = np.diff(borders)[chosen] - (parts.ends - parts.begins)
    change = np.zeros(len(offsets), np.int64)
    np.add.at(change, parts.owners(offsets) + 1, grown)
    moved = offsets - offsets[0] + np.cumsum(change)
    written = fresh(int(moved[-1]))
    where = aligned(parts.begins, np.int64), aligned(parts.ends, np.int64)
    what = aligned(borders, np.int64), aligned(chosen, np.int64), aligned(pieces, np.uint8)
    _splice(aligned(data, np.uint8), int(offsets[0]), int(offsets[-1]), *where, *what, written)
    return written, moved


def scatter(data: np.ndarray, begins: np.ndarray, ends: np.ndarray, places: np.ndarray, written: np.ndarray) -> None:
    """Copy parts of some bytes to places of others.

    Args:
        data: u8[:].
        begins: i64[m], where parts of it begin, in any order.
        ends: i64[m].
        places: i64[m], where each of them begins in `written`.
        written: u8[:], changed.
    """
    _scatter(aligned(data, np.uint8), aligned(begins, np.int64), aligned(ends, np.int64), aligned(places, np.int64), written)


@helper
def copied(source, begin, end, out, n):
    """Copy the bytes between two places to n, and return the place after them."""
    # Unsigned, for the loop to become one call: 3 GB/s rather than 0.8, see `word_at`.
    size, there, here = np.uint64(end - begin), np.uint64(begin), np.uint64(n)
    for k in range(size):
        out[here + k] = source[there + k]
    return n + end - begin


@kernel(reads(u8), i64, i64, reads(i64), reads(i64), reads(i64), reads(i64), reads(u8), writes(u8))
def _splice(data, start, end, begins, ends, borders, chosen, pieces, written):
    i, n = start, 0
    for part in range(len(begins)):
        n = copied(data, i, begins[part], written, n)
        n = copied(pieces, borders[chosen[part]], borders[chosen[part] + 1], written, n)
        i = ends[part]
    copied(data, i, end, written, n)


@kernel(reads(u8), reads(i64), reads(i64), reads(i64), writes(u8))
def _scatter(data, begins, ends, places, written):
    for k in range(len(begins)):
        copied(data, begins[k], ends[k], written, places[k])
