"""Cells and rules counted by kernels are what loops count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.kernels.limits import count_cells
from tamis.kernels.rules import Failed

VALUES = (
    st.sampled_from([0.0, -0.0, 1.0, 2.0, 2.5, 3.0, -1.0, 1e-9, 7e8, math.inf])
    | st.floats(-10, 1000, allow_nan=False)
    | st.integers(-3, 90).map(float)
)
DOCUMENTS = st.lists(
    st.tuples(VALUES | st.just(math.nan), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 3), st.integers(0, 2**32 - 1)),
    max_size=40,
)


def slow_cell(value: float, breaks: list[float]) -> int:
    """Twice the breaks below a value, and one if it is a break itself."""
    return 2 * sum(one < value for one in breaks) + (value in breaks)


@given(DOCUMENTS, st.sets(VALUES.filter(math.isfinite), max_size=30), VALUES, st.booleans())
def test_cells_are_what_a_loop_counts(documents: list[Any], some: set[float], now: float, least: bool) -> None:  # noqa: FBT001  drawn by hypothesis
    """Documents and bytes by cell, with and without what other rules say, whatever the values and the breaks."""
    breaks = sorted({one + 0.0 for one in some})
    rows = [
        (value, asked, ok or not asked, moved and asked and not math.isnan(value), failed + (not (ok or not asked)), size)
        for value, asked, ok, moved, failed, size in documents
    ]
    cells, sums = np.zeros((2 * len(breaks) + 1, 6), np.int64), np.zeros(7, np.int64)
    for value, asked, ok, moved, failed, size in rows:
        others = failed == (not ok)
        known = not math.isnan(value)
        if asked:
            sums[:2] += [1, not known]
        if asked and known:
            cells[slow_cell(value, breaks), :2] += [1, others]
        if moved:
            cells[slow_cell(value, breaks), 2:] += [1, size, others, others * size]
            sums[6] += (value >= now if least else value <= now) != ok
        elif ok:
            sums[2:6] += [1, size, others, others * size]
    columns = [
        np.array([row[i] for row in rows], kind) for i, kind in enumerate((np.float64, np.bool_, np.bool_, np.bool_, np.uint16, np.int64))
    ]
    found = count_cells(columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], np.array(breaks), now=now, least=least)
    assert found[0].tolist() == cells.tolist()
    assert found[1].tolist() == sums.tolist()


@pytest.mark.parametrize(
    ("value", "cell"), [(-1.0, 0), (0.0, 1), (0.1, 2), (0.25, 3), (0.26, 4), (0.3, 5), (5.0, 6), (50.0, 7), (51.0, 8), (math.inf, 8)]
)
def test_values_lie_between_breaks_or_on_them(value: float, cell: int) -> None:
    """Cells by hand, on both sides of every break."""
    one = np.ones(1, np.bool_)
    cells, _ = count_cells(
        np.array([value]), one, one, one, np.zeros(1, np.uint16), np.ones(1, np.int64), np.array([0.0, 0.25, 0.3, 50.0]), now=0, least=True
    )
    assert np.flatnonzero(cells[:, 0]).tolist() == [cell]


@given(
    st.lists(
        st.tuples(st.lists(st.integers(-1, 4), max_size=4), st.lists(st.integers(-1, 4), max_size=4), st.integers(0, 2**32 - 1)),
        max_size=30,
    ),
    st.integers(0, 3),
    st.integers(0, 30),
)
def test_rules_are_what_a_loop_counts(documents: list[tuple[list[int], list[int], int]], shown: int, cut: int) -> None:
    """Pairs, bytes of what fails nothing else, and the smallest hashes, in one call or in two."""
    keys = np.random.default_rng(len(documents)).permutation(len(documents)).astype(np.uint64) + np.uint64(2**63)
    made = Failed(5, shown)
    for part in (slice(0, cut), slice(cut, None)):
        rows = documents[part]
        lists = [[row[i] for row in rows] for i in (0, 1)]
        own, also = ((np.cumsum([0, *map(len, one)]), np.array([rule for rules in one for rule in rules], np.int64)) for one in lists)
        made.add(own, also, sizes=np.array([row[2] for row in rows], np.int64), hashes=keys[part], first=part.start)
    together, only = np.zeros((5, 5), np.int64), np.zeros(5, np.int64)
    failing: dict[int, list[tuple[int, int, int]]] = {rule: [] for rule in range(5)}
    for i, (mine, more, size) in enumerate(documents):
        for rule in {*mine, *more} - {-1}:
            only[rule] += size * (len(mine) + len(more) == 1)
            failing[rule].append((int(keys[i]), i, len(mine) + len(more)))
            for other in {*mine, *more} - {-1}:
                together[rule, other] += 1
    assert made.together.tolist() == together.tolist()
    assert made.only_bytes.tolist() == only.tolist()
    for rule in range(5):
        found = zip(made.hashes[rule].tolist(), made.rows[rule].tolist(), made.fails[rule].tolist(), strict=True)
        assert [one for one in found if one[1] >= 0] == sorted(failing[rule])[:shown]
