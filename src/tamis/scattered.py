"""Texts that lie in several arrays, so that some of them are replaced without a copy of the others."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

from tamis.documents import as_binary, fresh_bytes, large_string, utf8


class Scattered:
    """Texts, each somewhere in one of several arrays.

    To write all anew after each of four edits took longer than the edits did.

    Args:
        column: text in any Arrow form, without nulls in the rows below.
        rows: i64[n], which of its texts, ascending; None: all.
    """

    def __init__(self, column: pa.ChunkedArray, rows: np.ndarray | None = None) -> None:
        sizes = [len(chunk) for chunk in column.chunks]
        self._arrays = [utf8(as_binary(chunk)) for chunk in column.chunks]
        # Of each text the array, and its number there.
        self._array = np.repeat(np.arange(len(sizes)), sizes)
        self._number = np.concatenate([np.zeros(0, np.int64), *map(np.arange, sizes)])
        if rows is not None:
            self._array, self._number = self._array[rows], self._number[rows]
        self._pieces = np.bincount(self._array, minlength=len(sizes))

    def replace(self, rows: np.ndarray, texts: pa.Array) -> None:
        """Put others (large_string[m]) in the place of those in some rows (i64[m])."""
        self._array[rows], self._number[rows] = len(self._arrays), np.arange(len(rows))
        self._arrays.append(utf8(texts))

    def gathered(self, rows: np.ndarray) -> pa.Array:
        """The texts of some rows (i64[m]), large_string[m]."""
        from tamis.kernels.splice import scatter

        array, number = self._array[rows], self._number[rows]
        found = {one: np.flatnonzero(array == one) for one in np.unique(array).tolist()}
        begins, ends = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
        for one, here in found.items():
            borders = self._arrays[one][1]
            begins[here], ends[here] = borders[number[here]], borders[number[here] + 1]
        places = np.concatenate([[0], np.cumsum(ends - begins)])
        written = fresh_bytes(int(places[-1]))
        for one, here in found.items():
            scatter(self._arrays[one][0], begins[here], ends[here], places[here], written)
        return large_string(written, places)

    def whole(self) -> pa.ChunkedArray:
        """All texts, large_string in the pieces that were given."""
        borders = np.cumsum([0, *self._pieces]).tolist()
        return pa.chunked_array([self.gathered(np.arange(a, b)) for a, b in pairwise(borders)], pa.large_string())
