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
from tamis.errors import StageError
from tamis.firing import Firing
from tamis.kernels.limits import count_cells
from tamis.levers import excepted
from tamis.measure import Step
from tamis.report.counted import Counted, Rule, breaks_of, rules_of
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
    stage: Any = rule.step.stage
    asked = seen.filter(condition(stage.where))[rule.signal] if stage.where else seen[rule.signal]
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
    keeps, asked = stage.rules(), _asked(stage)
    numeric = {name for rule in rules if (name := str(rule.signal)) in seen.columns and seen.schema[name].is_numeric()}
    wanted = {f"values {signal}": pl.col(signal).cast(pl.Float64).fill_null(float("nan")) for signal in numeric}
    moved = {i: own for i, rule in enumerate(rules) if rule.signal in numeric and (own := _moved(rule)) is not None}
    for i, rule in enumerate(rules):
        wanted[f"ok {i}"] = keeps[rule.reason].fill_null(value=stage.on_null == "keep") | ~asked
    wanted |= {f"moved {i}": own.fill_null(value=False) for i, own in moved.items() if own.meta.root_names()}
    wanted |= {"asked": asked} if stage.where else {}
    said = seen.select(**wanted, _rows="row")  # at once: each question waits for threads
    every, nobody, nothing = np.ones(seen.height, np.bool_), np.zeros(seen.height, np.bool_), np.full(seen.height, np.nan)
    found = said["asked"].to_numpy() if stage.where else every
    values = {signal: said[f"values {signal}"].to_numpy() for signal in numeric}
    known = {signal: found & ~np.isnan(one) for signal, one in values.items()}
    for i, rule in enumerate(rules):
        mine = known[str(rule.signal)] if i in moved else nobody
        mine = mine & said[f"moved {i}"].to_numpy() if f"moved {i}" in wanted else mine
        yield rule, _Slab(said[f"ok {i}"].to_numpy(), found, mine, values.get(str(rule.signal), nothing))


def _moved(rule: Rule) -> pl.Expr | None:
    """Whether the limit of the recipe decides on a document; None: on none."""
    if rule.parameter is None or rule.now is None:
        return None
    # `by`, or a stage's own `limit`, may give a document another limit or none: that one does not move.
    stage: Any = rule.step.stage
    own: pl.Expr = stage.limits()[rule.parameter][1].eq(rule.now) & ~excepted(stage, rule.parameter)
    return own if own.meta.root_names() or pl.select(own.fill_null(value=False)).item() else None


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
        return nearest(self.at[mask], self.count, values=slab.values, now=now, failed=self.failed, hashes=self.hashes, rows=self.rows)


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
