"""Which documents fill a quota: the first ones of an order that no quota changes, so that a larger quota keeps all of a smaller one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from tamis.stages._shares import CLOSE

BATCH_ROWS = 1_000_000
"""Documents that are sorted at once, about: a stratum is not divided."""


def codes(columns: Sequence[pl.Series], n: int) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Groups of rows with equal values.

    Args:
        columns: values (string, no nulls), n each; of no column, all rows are one group, ("all",).
        n: rows.

    Returns:
        i64[n]: the group of each row.
        The values of each group, in the order of these; only groups that occur.
    """
    code = np.zeros(n, np.int64)
    groups: list[tuple[str, ...]] = [()] if n else []
    for column in columns:
        values = column.unique().sort().to_list()
        code = code * len(values) + column.cast(pl.Enum(values)).to_physical().to_numpy().astype(np.int64)
        there, code = np.unique(code, return_inverse=True) if n and int(code.max()) > 10 * n else _dense(code)
        groups = [(*groups[i // len(values)], values[i % len(values)]) for i in there.tolist()]
    return code, groups if columns else [("all",)] * len(groups)


def _dense(code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`np.unique(code, return_inverse=True)` without sorting."""
    there = np.flatnonzero(np.bincount(code))
    places = np.zeros(int(there.max(initial=0)) + 1, np.int64)
    places[there] = np.arange(len(there))
    return there, places[code]


def factors(stratum: np.ndarray, sizes: np.ndarray, quotas: np.ndarray, order: pl.DataFrame) -> np.ndarray:
    """How many times each document is taken, so that every stratum fills its quota as nearly as whole documents can.

    Of a stratum that holds A units and shall give x, every document is taken floor(x / A) times, and the first ones of
    its order once more: those whose middle lies within the rest. A document is never taken less often for a larger quota.

    Args:
        stratum: i64[n].
        sizes: i64[n], units of each document.
        quotas: f64[strata], units.
        order: columns by which the documents of a stratum are sorted, ascending; together different for each document.

    Returns:
        i64[n].
    """
    held = np.bincount(stratum, sizes, len(quotas))
    rate = np.divide(quotas, held, out=np.zeros(len(quotas)), where=held > 0)
    whole = np.floor(rate + CLOSE)
    rest = np.maximum(0.0, quotas - whole * held)
    rest[rest <= CLOSE * held] = 0
    taken = np.asarray(whole.astype(np.int64)[stratum])
    for rows in _batches(stratum, rest > 0):
        mine = order[rows].with_columns(_stratum=stratum[rows])
        # Places rather than rows are sorted, and some strata at a time: a third of the memory, for ten million documents.
        at = rows[mine.select(pl.arg_sort_by("_stratum", *order.columns)).to_series().to_numpy()]
        group, size = stratum[at], sizes[at]
        before = np.cumsum(size) - size
        first = np.flatnonzero(np.diff(group, prepend=-1))
        before -= np.repeat(before[first], np.diff(np.append(first, len(group))))
        taken[at[2 * before + size <= 2 * rest[group]]] += 1
    return taken


def _batches(stratum: np.ndarray, asked: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of the strata that are asked for, whole strata at a time, about `BATCH_ROWS` rows."""
    held = np.where(asked, np.bincount(stratum, minlength=len(asked)), 0)
    batch = np.where(asked, (np.cumsum(held) - held) // BATCH_ROWS, -1)
    of_row = batch[stratum]
    for number in np.unique(batch[asked]).tolist():
        rows = np.flatnonzero(of_row == number)
        if len(rows):
            yield rows
