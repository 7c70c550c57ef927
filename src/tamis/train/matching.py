"""Classes made alike in length and source, so that a classifier can learn neither."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.ablate.draws import ranks
from tamis.errors import DataError
from tamis.train.examples import Examples

BANDS_PER_OCTAVE = 2
"""Length bands: each reaches 1.41 times as far as the one before, so that within one length tells next to nothing."""


def matched(examples: Examples, by: Sequence[str], seed: int) -> Examples:
    """The same number of documents of every class within each band of length, each source, or each pair of both.

    Of a class with more, those with the least rank drawn from (seed, text) stay; where a class has none, nothing does.

    Args:
        examples: with the column `source`, if asked for.
        by: "length", "source" or both.
        seed: of the draw.

    Raises:
        DataError: the classes have nothing in common.
    """
    if not by:
        return examples
    strata = np.zeros(len(examples), np.int64)
    for what in by:
        part = length_bands(examples.sizes) if what == "length" else _numbered(examples.columns[what].to_pylist())
        strata = np.unique(np.stack([strata, part]), axis=1, return_inverse=True)[1].reshape(-1)
    classes = len(examples.labels)
    cell = strata * classes + examples.label
    allowed = np.bincount(cell, minlength=(strata.max(initial=-1) + 1) * classes).reshape(-1, classes).min(axis=1)
    if not allowed.any():
        what = " and ".join(by)
        raise DataError(
            f"the classes have no {what} in common, so that none of their documents can be matched in {what}.\nFix: give classes that overlap."
        )
    order = np.lexsort((ranks(examples.keys, seed), cell))
    first = np.searchsorted(cell[order], cell[order])
    place = np.empty(len(examples), np.int64)
    place[order] = np.arange(len(examples)) - first
    return examples.take(np.flatnonzero(place < allowed[strata]), f"not matched in {' and '.join(by)}")


def length_bands(sizes: np.ndarray) -> np.ndarray:
    """i64[n]: the band of length of each document of so many bytes (i64[n], at least 1)."""
    return np.asarray(np.floor(np.log2(sizes) * BANDS_PER_OCTAVE), np.int64)


def _numbered(values: Sequence[str | None]) -> np.ndarray:
    return np.asarray(np.unique(["" if value is None else f"={value}" for value in values], return_inverse=True)[1].reshape(-1))
