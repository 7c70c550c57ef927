"""Which documents a person should read about a rule: those just dropped and just kept by it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tamis.simulate import Numbers

CHUNKS = 16
"""Chunks, drawn by a hash of their content's name, from whose beginnings samples are taken."""
LOOKED_THROUGH = 64_000_000
"""Bytes of text that samples are taken from, about, as many of each chunk: reading more would take long."""


class Near(NamedTuple):
    """A document that may be shown; those to be read first come first in order.

    Args:
        crowded: whether it fails more than one rule.
        distance: from the limit; 0 where there is none.
        hash: of its text.
        row: its number in the corpus.
        value: of the signal, NaN where there is none.
        fails: rules that it fails.
    """

    crowded: bool
    distance: float
    hash: int
    row: int
    value: float
    fails: int


@dataclass(frozen=True)
class Sought:
    """What may be shown.

    Args:
        count: documents on either side of a rule.
        ranges: first document and the one after the last of each part of the corpus that samples are taken from.
    """

    count: int
    ranges: Sequence[tuple[int, int]]

    @property
    def documents(self) -> int:
        """How many documents are in the ranges."""
        return sum(stop - start for start, stop in self.ranges)

    def eligible(self, place: slice) -> np.ndarray:
        """i64[k]: which documents of a slab, from 0."""
        mask = np.zeros(place.stop - place.start, np.bool_)
        for start, stop in self.ranges:
            mask[max(0, start - place.start) : max(0, stop - place.start)] = True
        return np.flatnonzero(mask)


def sought(numbers: Numbers, count: int) -> Sought:
    """The beginnings of up to `CHUNKS` chunks of a run, whatever else its corpus holds."""
    firsts, first = {}, 0
    for name, rows in numbers.chunks:
        firsts[name] = first
        first += rows
    drawn = sorted(firsts, key=lambda name: hashlib.sha256(name.encode()).digest())[:CHUNKS]
    if not count or not drawn:
        return Sought(count, ())
    most = LOOKED_THROUGH // len(drawn)
    return Sought(count, sorted((firsts[name], firsts[name] + _beginning(numbers, name, most)) for name in drawn))


def _beginning(numbers: Numbers, chunk: str, most: int) -> int:
    """Documents at the beginning of a chunk that hold so many bytes together, and the one with which they hold more."""
    sizes = numbers.run.numbers([chunk], {"text.bytes"})["text.bytes"].to_numpy()
    return min(len(sizes), int(np.searchsorted(np.cumsum(sizes, dtype=np.int64), most)) + 1)


def nearest(
    at: np.ndarray, count: int, *, values: np.ndarray, now: float | None, failed: np.ndarray, hashes: np.ndarray, rows: np.ndarray
) -> list[Near]:
    """Of some documents those to be read first: which fail nothing else, then nearest to the limit, then by hash.

    Args:
        at: i64[k], the places of those documents in the arrays.
        count: how many.
        values: f64[n].
        now: the limit; None: all are equally near.
        failed: u16[n], rules that each fails.
        hashes: u64[n], of the text.
        rows: i64[n], their numbers in the corpus.
    """
    far = np.zeros(len(at)) if now is None else np.abs(values[at] - now)
    crowded = failed[at] > 1
    chosen = _smallest(np.arange(len(at)), count, [crowded.astype(np.uint8), far, hashes[at]])
    places = at[chosen]
    columns = (crowded[chosen], far[chosen], hashes[places], rows[places], values[places], failed[places])
    return sorted(map(Near._make, zip(*(column.tolist() for column in columns), strict=True)))[:count]


def _smallest(at: np.ndarray, count: int, keys: Sequence[np.ndarray]) -> np.ndarray:
    """The places with the smallest keys, not in order; a later key parts what the earlier ones do not."""
    if len(at) <= count or not keys:
        return at[:count]
    key = keys[0][at]
    border = np.partition(key, count - 1)[count - 1] if count else key.min()
    below = at[key < border]
    return np.concatenate([below, _smallest(at[key == border], count - len(below), keys[1:])])
