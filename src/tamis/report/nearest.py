"""Which documents a person should read about a rule: those just dropped and just kept by it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tamis.simulate import Numbers

CHUNKS = 16
"""Chunks, drawn by a hash of their content's name, of whose documents samples are taken: reading more text would take long."""
SCHEMA = {"row": pl.Int64, "value": pl.Float64, "fails": pl.Int64, "distance": pl.Float64, "hash": pl.UInt64}


@dataclass(frozen=True)
class Sought:
    """What may be shown.

    Args:
        count: documents on either side of a rule.
        ranges: first document and the one after the last of each chunk that samples are taken from.
    """

    count: int
    ranges: Sequence[tuple[int, int]]

    @property
    def documents(self) -> int:
        """How many documents are in the ranges."""
        return sum(stop - start for start, stop in self.ranges)

    def eligible(self, place: slice) -> np.ndarray:
        """bool[n], for the documents of a slab."""
        mask = np.zeros(place.stop - place.start, np.bool_)
        for start, stop in self.ranges:
            mask[max(0, start - place.start) : max(0, stop - place.start)] = True
        return mask


def sought(numbers: Numbers, count: int) -> Sought:
    """Up to `CHUNKS` chunks of a run, whatever else its corpus holds."""
    ranges, first = {}, 0
    for name, rows in numbers.chunks:
        ranges[name] = (first, first + rows)
        first += rows
    drawn = sorted(ranges, key=lambda name: hashlib.sha256(name.encode()).digest())[:CHUNKS]
    return Sought(count, sorted(ranges[name] for name in drawn) if count else ())


def nearest(
    mask: np.ndarray, count: int, *, values: np.ndarray, now: float | None, failed: np.ndarray, hashes: np.ndarray, first: int
) -> pl.DataFrame:
    """Of some documents of a slab those to be read first: which fail nothing else, then nearest to the limit, then by hash.

    Args:
        mask: bool[n], which.
        count: how many.
        values: f64[n].
        now: the limit; None: all are equally near.
        failed: u16[n], rules that each fails.
        hashes: u64[n], of the text.
        first: the number of the slab's first document.
    """
    at = np.flatnonzero(mask)
    far = np.zeros(len(at)) if now is None else np.abs(values[at] - now)
    crowded = failed[at] > 1
    chosen = _smallest(np.arange(len(at)), count, [crowded.astype(np.uint8), far, hashes[at]])
    frame = pl.DataFrame(
        {
            "row": at[chosen] + first,
            "value": values[at[chosen]],
            "fails": failed[at[chosen]],
            "distance": far[chosen],
            "hash": hashes[at[chosen]],
        },
        schema_overrides=SCHEMA,
    )
    return best(frame, count)


def best(frame: pl.DataFrame, count: int) -> pl.DataFrame:
    """The first ones of several slabs' choices."""
    # Not by an expression: a report asks some four hundred times, of a handful of rows each.
    order = np.lexsort([frame[name].to_numpy() for name in ("row", "hash", "distance")] + [frame["fails"].to_numpy() > 1])
    return frame[order[:count]]


def _smallest(at: np.ndarray, count: int, keys: Sequence[np.ndarray]) -> np.ndarray:
    """The places with the smallest keys, not in order; a later key parts what the earlier ones do not."""
    if len(at) <= count or not keys:
        return at[:count]
    key = keys[0][at]
    border = np.partition(key, count - 1)[count - 1] if count else key.min()
    below = at[key < border]
    return np.concatenate([below, _smallest(at[key == border], count - len(below), keys[1:])])
