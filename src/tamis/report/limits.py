"""Every rule by numbers: its signal's histogram, and what other limits would keep; two walks over the signals, no text.

What a limit keeps is counted with the rules of all stages that judge documents by themselves. What a stage that compares
documents then chooses among the rest only a simulation knows: `tamis what-if`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
import polars as pl

from tamis import ledger, mappers, simulate
from tamis.assignments import place_of
from tamis.errors import StageError
from tamis.firing import Firing
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
    count_cells,
)
from tamis.levers import excepted
from tamis.measure import Step
from tamis.report.grids import Grid, grid
from tamis.report.nearest import Near, Sought, nearest
from tamis.simulate import Numbers
from tamis.stage import Edit, Filter, parameters
from tamis.where import condition

Result = TypeVar("Result")
HELD_BYTES = 128_000_000
"""Signals that are held between the two walks; of more they are read twice."""
LOOKED_AT = 200_000
"""Documents, spread evenly over the corpus, whose values say where histograms are cut and which limits are asked about."""


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


def count(numbers: Numbers, copies: np.ndarray, sought: Sought) -> tuple[dict[str, Counted], list[dict[str, Any]]]:
    """Count every rule of a run's filters.

    Args:
        numbers: of the run.
        copies: u8[documents], of the ledger.
        sought: which documents may be shown.

    Returns:
        By the name of the rule; and rules that never fire, cannot fire or always do (`firing.Firing.noted`).
    """
    steps = [Step(name, stage) for name, stage in numbers.run.named]
    judging = [step for step in steps if not (isinstance(step.stage, Edit) or step.stage.needs_corpus)]
    rules = [rule for step in judging if ledger.only_limits(step.stage) for rule in rules_of(step)]
    names = {"text.bytes", "text._low"}.union(*(simulate.columns(numbers, step) for step in judging))
    firing = Firing()
    each = _slabs(numbers, names)
    walk = _Walk(judging, rules, _grids(numbers, rules, each), copies, sought, firing)
    counted: dict[str, Counted] = {}
    for found in each(walk):
        for one in found:
            if one.rule.name in counted:
                counted[one.rule.name].add(one, sought.count)
            else:
                counted[one.rule.name] = one
    return counted, firing.noted(judging)


class _Each(Protocol):
    """A function of each slab's place and columns, in order."""

    def __call__(self, function: Callable[[slice, pl.DataFrame], Result], /) -> Iterator[Result]: ...


def _slabs(numbers: Numbers, names: set[str]) -> _Each:
    """Slabs for two walks: held in memory where they are little, else read twice."""
    if numbers.documents * len(names) * 8 > HELD_BYTES:
        return partial(numbers.each, names)
    held = list(numbers.each(names, lambda place, frame: (place, frame)))
    return lambda function: mappers.threads(lambda slab: function(*slab), held, numbers.workers)


def _grids(numbers: Numbers, rules: Sequence[Rule], each: _Each) -> list[Grid | None]:
    every = -(-numbers.documents // LOOKED_AT) or 1
    parts = list(each(lambda place, frame: _standing(frame.gather_every(every, -place.start % every))))
    if not parts:
        return [None] * len(rules)
    frame = pl.concat(parts, how="vertical_relaxed")
    seen = {name: ledger.seen(step, frame) for name, step in {rule.step.name: rule.step for rule in rules}.items()}
    return [_grid(rule, seen[rule.step.name]) for rule in rules]


def _grid(rule: Rule, seen: pl.DataFrame) -> Grid | None:
    if rule.signal is None or not seen.schema[rule.signal].is_numeric():
        return None
    where = rule.step.stage.where  # type: ignore[attr-defined]  a filter
    asked = seen[rule.signal] if where is None else seen.filter(condition(where))[rule.signal]
    values = asked.drop_nulls().to_numpy().astype(np.float64)
    cut = grid(values[np.isfinite(values)], None if rule.place is None else rule.now, whole=asked.dtype.is_integer())
    return replace(cut, limits=_allowed(rule, cut.limits))


def _allowed(rule: Rule, limits: np.ndarray) -> np.ndarray:
    """Without those at either end that the stage refuses, such as a minimum above its maximum."""
    first, last = 0, len(limits)
    while first < last and _refused(rule, limits[first]):
        first += 1
    while first < last and _refused(rule, limits[last - 1]):
        last -= 1
    return limits[first:last]


def _refused(rule: Rule, limit: float) -> bool:
    stage: Any = rule.step.stage
    if rule.parameter not in parameters(stage):  # an entry of a mapping, which no check looks at
        return False
    try:
        replace(stage, **{rule.parameter: number(limit)}).check()
    except StageError:
        return True
    return False


def number(value: float) -> int | float:
    """A value as a recipe has it: whole numbers without a point."""
    return int(value) if float(value).is_integer() else float(value)


def _standing(frame: pl.DataFrame) -> pl.DataFrame:
    """As if no stage had judged yet."""
    return frame.with_columns(copies=pl.lit(1, pl.UInt8), row=pl.lit(0, pl.UInt64))


def _asked(stage: Filter | Any) -> pl.Expr:
    return condition(stage.where) if stage.where else pl.lit(value=True)


@dataclass(frozen=True)
class _Slab:
    """What a rule says of the documents of a slab.

    Args:
        ok: bool[n], whether each meets it, or is not asked.
        asked: bool[n].
        moved: bool[n], whether the limit of the recipe decides.
        values: f64[n], NaN where there is none.
    """

    ok: np.ndarray
    asked: np.ndarray
    moved: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class _Walk:
    """Counts a slab; called in any thread."""

    steps: Sequence[Step]
    rules: Sequence[Rule]
    grids: Sequence[Grid | None]
    copies: np.ndarray
    sought: Sought
    firing: Firing

    def __call__(self, place: slice, frame: pl.DataFrame) -> list[Counted]:
        frame = _standing(frame)
        failed = np.zeros(frame.height, np.uint16)
        told: dict[str, _Slab] = {}
        for step in self.steps:
            if not ledger.only_limits(step.stage):
                failed += (ledger.after(step, frame) == 0).to_numpy()
                continue
            self.firing.look(step, frame)
            for rule, slab in _judged([rule for rule in self.rules if rule.step is step], ledger.seen(step, frame)):
                failed += ~slab.ok
                told[rule.name] = slab
        sizes = frame["text.bytes"].to_numpy().astype(np.int64)
        at = self.sought.eligible(place)
        rows = np.arange(place.start, place.stop)
        shown = _Shown(self.sought.count, at, rows, self.copies[place][at] > 0, failed, frame["text._low"].to_numpy())
        return [_counted(rule, cut, told[rule.name], failed, sizes, shown) for rule, cut in zip(self.rules, self.grids, strict=True)]


def _judged(rules: Sequence[Rule], seen: pl.DataFrame) -> Iterator[tuple[Rule, _Slab]]:
    """What each rule of one stage says."""
    if not rules:
        return
    stage: Any = rules[0].step.stage
    keeps, limits, asked = stage.rules(), stage.limits(), _asked(stage)
    wanted = {"asked": asked}
    for i, rule in enumerate(rules):
        # `by`, or a stage's own `limit`, may give a document another limit or none: that one does not move.
        own = (
            limits[rule.parameter][1].eq(rule.now) & ~excepted(stage, rule.parameter)
            if rule.parameter and rule.now is not None
            else pl.lit(value=False)
        )
        numeric = rule.signal is not None and seen.schema[rule.signal].is_numeric()
        wanted[f"ok {i}"] = keeps[rule.reason].fill_null(value=stage.on_null == "keep") | ~asked
        wanted[f"moved {i}"] = (asked & own.fill_null(value=False) & (pl.col(str(rule.signal)).is_not_null())) if numeric else pl.lit(value=False)
        wanted[f"values {i}"] = pl.col(str(rule.signal)).cast(pl.Float64).fill_null(float("nan")) if numeric else pl.lit(float("nan"))
    said = seen.select(**wanted, _rows="row")  # at once: each question waits for threads
    for i, rule in enumerate(rules):
        yield rule, _Slab(*(said[name].to_numpy() for name in (f"ok {i}", "asked", f"moved {i}", f"values {i}")))


@dataclass(frozen=True)
class _Shown:
    """Which documents of a slab may be samples."""

    count: int
    at: np.ndarray
    rows: np.ndarray
    kept: np.ndarray
    failed: np.ndarray
    hashes: np.ndarray

    def near(self, mask: np.ndarray, slab: _Slab, now: float | None) -> list[Near]:
        return nearest(
            self.at[mask], self.count, values=slab.values, now=now, failed=self.failed, hashes=self.hashes, rows=self.rows
        )


def _counted(rule: Rule, cut: Grid | None, slab: _Slab, failed: np.ndarray, sizes: np.ndarray, shown: _Shown) -> Counted:
    breaks, now = breaks_of(cut), float(rule.now or 0)
    cells, sums = count_cells(slab.values, slab.asked, slab.ok, slab.moved, failed, sizes, breaks, now=now, least=rule.least)
    movable_now = rule.now if cut is not None and rule.place is not None else None
    at, ok = shown.at, slab.ok[shown.at]
    failing = ~ok & ~shown.kept & slab.asked[at]
    if cut is not None:
        failing &= ~np.isnan(slab.values[at])
    kept = shown.kept & slab.moved[at] & ok
    return Counted(rule, cut, cells, sums, shown.near(failing, slab, movable_now), shown.near(kept, slab, movable_now))
