"""Count documents by where their values lie among some numbers: one walk for a histogram and for every limit that is asked about."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import aligned, b1, f64, helper, i64, kernel, reads, u16, writes

JUDGED, JUDGED_OTHERS, MOVED, MOVED_BYTES, MOVED_OTHERS, MOVED_OTHERS_BYTES = range(6)
"""Columns of what is counted by cell."""
ASKED, NULL, STANDING, STANDING_BYTES, STANDING_OTHERS, STANDING_OTHERS_BYTES, ODD = range(7)
"""What is counted as a whole."""
SHIFT = 46
"""Bits of a number that are left out of the first ones: 11 tell its size, and 6 the 64th part of it."""


def count_cells(
    values: np.ndarray, asked: np.ndarray, ok: np.ndarray, moved: np.ndarray, failed: np.ndarray, sizes: np.ndarray, breaks: np.ndarray, *,
    now: float, least: bool,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Count what a rule says of documents, by the cells into which some numbers cut the values.

    Cell 2 i holds the values between `breaks[i - 1]` and `breaks[i]`, cell 2 i + 1 those that equal `breaks[i]`.

    Args:
        values: f64[n], NaN where there is none.
        asked: bool[n], whether the rule asks about each.
        ok: bool[n], whether each meets it, or is not asked.
        moved: bool[n], whether `now` decides; only of documents that are asked about and have a value.
        failed: u16[n], how many rules of all each fails.
        sizes: i64[n], bytes.
        breaks: f64[m], ascending, each once; may be empty.
        now: the limit.
        least: whether it is the least that a value may be, or the most.

    Returns:
        cells: i64[2 m + 1, 6]: documents asked about that have a value, and those of them that all other rules let pass
            (`JUDGED`, `JUDGED_OTHERS`); of the moved ones documents, bytes, and both of those that all other rules let pass.
        sums: i64[7]: documents that are asked about (`ASKED`), those of them without a value (`NULL`); of the documents that are not
            moved and ok the same four (`STANDING` …); moved ones of which `now` does not say what the rule does (`ODD`).
    """
    cells, sums = np.zeros((2 * len(breaks) + 1, 6), np.int64), np.zeros(7, np.int64)
    values, breaks = aligned(values, np.float64), aligned(breaks, np.float64)
    first, table = _table(breaks)
    _count(
        values, values.view(np.int64), aligned(asked, np.bool_), aligned(ok, np.bool_), aligned(moved, np.bool_), aligned(failed, np.uint16),
        aligned(sizes, np.int64), breaks, first, table, float(now), bool(least), cells, sums,
    )  # fmt: skip
    return cells, sums


def _table(breaks: np.ndarray) -> tuple[int, np.ndarray]:
    """Of the first bits of a positive number the first one, and how many breaks lie below the numbers that begin with it, and those that follow.

    The bits of positive numbers ascend as they do. So many tell numbers apart that differ by 1/64, of which few breaks lie together.
    """
    above = breaks[breaks > 0]
    if not len(above):
        return 0, np.zeros(0, np.int64)
    first, last = (int(one) >> SHIFT for one in above[[0, -1]].view(np.int64))
    return first, np.searchsorted(breaks, (np.arange(first, last + 1) << SHIFT).view(np.float64))


@helper
def _cell(breaks, first, table, value, bits):
    if len(breaks) == 0 or value < breaks[0]:
        return 0
    place = (bits >> SHIFT) - first
    # Below the first positive break lie few, and all of those that are not positive.
    j = 0 if value <= 0 or place < 0 else len(breaks) if place >= len(table) else table[place]
    while j < len(breaks) and breaks[j] < value:
        j += 1
    return 2 * j + (1 if j < len(breaks) and breaks[j] == value else 0)


@kernel(
    reads(f64), reads(i64), reads(b1), reads(b1), reads(b1), reads(u16), reads(i64), reads(f64), i64, reads(i64), f64, b1, writes(i64, 2),
    writes(i64),
)  # fmt: skip
def _count(values, bits, asked, ok, moved, failed, sizes, breaks, first, table, now, least, cells, sums):
    for i in range(len(values)):
        value = values[i]
        others = 1 if failed[i] == (0 if ok[i] else 1) else 0
        if asked[i]:
            sums[ASKED] += 1
            if value != value:  # noqa: PLR0124  NaN
                sums[NULL] += 1
            else:
                cell = _cell(breaks, first, table, value, bits[i])
                cells[cell, JUDGED] += 1
                cells[cell, JUDGED_OTHERS] += others
                if moved[i]:
                    cells[cell, MOVED] += 1
                    cells[cell, MOVED_BYTES] += sizes[i]
                    cells[cell, MOVED_OTHERS] += others
                    cells[cell, MOVED_OTHERS_BYTES] += others * sizes[i]
                    if (value >= now if least else value <= now) != ok[i]:
                        sums[ODD] += 1
        if ok[i] and not moved[i]:
            sums[STANDING] += 1
            sums[STANDING_BYTES] += sizes[i]
            sums[STANDING_OTHERS] += others
            sums[STANDING_OTHERS_BYTES] += others * sizes[i]
