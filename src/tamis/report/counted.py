"""A rule, and what is counted of it: where documents lie on its histogram, and what each other limit would let pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tamis.assignments import place_of
from tamis.kernels.limits import (
    ASKED,
    JUDGED,
    JUDGED_OTHERS,
    MOVED,
    MOVED_OTHERS_BYTES,
    NULL,
    ODD,
    STANDING,
    STANDING_OTHERS_BYTES,
)
from tamis.measure import Step
from tamis.report.grids import Grid
from tamis.report.nearest import Near
from tamis.stage import Filter


@dataclass(frozen=True)
class Rule:
    """A rule of a filter.

    Args:
        step: its stage.
        reason: in words.
        parameter: the limit's name; None for a list or an expression of a user's own.
        signal: what it limits; None likewise.
        now: the limit where `by` says nothing else; None where it is off.
        place: what `tamis what-if` calls it; None where it cannot be moved there.
    """

    step: Step
    reason: str
    parameter: str | None = None
    signal: str | None = None
    now: float | None = None
    place: str | None = None

    @property
    def least(self) -> bool:
        """Whether the limit is the least that the signal may be, or the most."""
        return bool(self.parameter and self.parameter.startswith("min_"))

    @property
    def name(self) -> str:
        """As in the ledger."""
        return f"{self.step.name}: {self.reason}"


def rules_of(step: Step) -> Iterator[Rule]:
    """Every rule of a filter, in order."""
    stage = step.stage
    assert isinstance(stage, Filter)
    limits = {stage.reasons[parameter]: (parameter, signal) for parameter, (signal, _) in stage.limits().items()}
    for reason in stage.rules():
        parameter, signal = limits.get(reason, (None, None))
        if parameter is None:
            yield Rule(step, reason)
        else:
            now, place = stage.value_of(parameter), place_of(stage, parameter)
            yield Rule(step, reason, parameter, signal, now, None if now is None or place is None else f"{step.name}.{place}")


@dataclass
class Counted:
    """What was counted of one rule.

    Args:
        rule: the rule.
        grid: its bins and limits; None where the signal is no number.
        cells: i64[…, 6], documents and bytes by where the value lies among edges and limits; see `kernels.limits.count_cells`.
        sums: i64[7], likewise.
        dropped: documents that were dropped and fail it, nearest first.
        kept: documents that were kept.
    """

    rule: Rule
    grid: Grid | None
    cells: np.ndarray
    sums: np.ndarray
    dropped: list[Near]
    kept: list[Near]

    def add(self, other: Counted, count: int) -> None:
        """Take in another slab, and keep so many samples."""
        self.cells, self.sums = self.cells + other.cells, self.sums + other.sums
        self.dropped, self.kept = (sorted(a + b)[:count] for a, b in ((self.dropped, other.dropped), (self.kept, other.kept)))

    @property
    def judged(self) -> int:
        """Documents that the rule asks about."""
        return int(self.sums[ASKED])

    @property
    def null(self) -> int:
        """Of the judged, those whose signal is not measurable; 0 where it is no number."""
        return 0 if self.grid is None else int(self.sums[NULL])

    @property
    def movable(self) -> bool:
        """Whether the rule is its limit and nothing else, on every document."""
        return self.grid is not None and len(self.grid.limits) > 0 and not self.sums[ODD]

    @property
    def bins(self) -> np.ndarray:
        """i64[2, bins], judged documents, and those of them that all other rules let pass."""
        if self.grid is None:
            return np.zeros((2, 0), np.int64)
        cells = self.cells[:, [JUDGED, JUDGED_OTHERS]]
        # A value on an edge is in the bin above it.
        places = _passed(self.grid.edges[1:-1], breaks_of(self.grid))[(np.arange(len(cells)) + 1) // 2]
        return _summed(cells, places, len(self.grid.edges) - 1)

    @property
    def passing(self) -> np.ndarray:
        """i64[4, limits], documents that meet a limit, their bytes, and both of those that all other rules let pass."""
        if self.grid is None:
            return np.zeros((4, 0), np.int64)
        cells, limits = self.cells[:, MOVED : MOVED_OTHERS_BYTES + 1], self.grid.limits
        places = _passed(limits, breaks_of(self.grid))[(np.arange(len(cells)) + self.rule.least) // 2]
        counts = _summed(cells, places, len(limits) + 1)
        up_to = np.cumsum(counts, axis=1)[:, : len(limits)]
        standing = self.sums[STANDING : STANDING_OTHERS_BYTES + 1, None]
        return np.asarray(standing + (counts.sum(axis=1, keepdims=True) - up_to if self.rule.least else up_to))


def breaks_of(cut: Grid | None) -> np.ndarray:
    """f64[m]: the edges between a grid's bins, and its limits."""
    return np.zeros(0) if cut is None else np.unique(np.concatenate([cut.edges[1:-1], cut.limits]))


def _passed(some: np.ndarray, breaks: np.ndarray) -> np.ndarray:
    """i64[m + 1]: how many of some of the breaks are among the first ones, none, one, two … of all."""
    return np.concatenate([[0], np.searchsorted(some, breaks, side="right")])


def _summed(cells: np.ndarray, places: np.ndarray, size: int) -> np.ndarray:
    """i64[columns, size]: the cells of each place together."""
    sums = np.zeros((size, cells.shape[1]), np.int64)
    np.add.at(sums, places, cells)
    return sums.T
