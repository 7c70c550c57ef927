"""Verdicts: one row for every readable document, with every rule it failed, by the stage that dropped it and by others.

row        i64, in the shard (in memory: in the table)
copies     u8, 0 = dropped
stage      the stage that dropped it; null for a kept document
reasons    list[str], why that stage dropped it
also       list[str], "stage: reason" for every rule of a later stage that it fails as well
…          what stages add: partner (an address "shard:row"), similarity, cluster_size …
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import polars as pl

from tamis import ledger
from tamis.failures import Failures, of_limits, of_lists
from tamis.measure import Step
from tamis.stage import Edit
from tamis.verdicts import Failed, Verdicts

Result = TypeVar("Result")


class Signals(Protocol):
    """The numbers of a corpus, a slab at a time: disk or memory."""

    @property
    def sizes(self) -> Sequence[int]:
        """Readable documents in each slab."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """What can be loaded: `row` (of the shard), text.…, doc.… and "<step>.<signal>" of what decisions see."""
        ...

    def load(self, slab: int, columns: Collection[str]) -> pl.DataFrame:
        """Some columns of a slab, in the order in which they were measured; rows in the order of the corpus."""
        ...

    def map(self, function: Callable[[int], Result]) -> Iterator[Result]:
        """The function of each slab's number, in order."""
        ...

    def relations(self, name: str) -> pl.LazyFrame | None:
        """What the step's `relate` found."""
        ...

    def addresses(self, rows: pl.Series) -> pl.Series:
        """Row numbers of the corpus (u64, nulls stay) as the addresses that people read."""
        ...


class Slab(NamedTuple):
    """A part of the ledger.

    Args:
        number: in the order of the corpus, from 0.
        ledger: one row for each of its documents.
        beside: what was asked for of the same documents.
        failed: every rule that any of them fails.
    """

    number: int
    ledger: pl.DataFrame
    beside: pl.DataFrame
    failed: list[Failed]


@dataclass(frozen=True)
class Chosen:
    """What a stage that needs the corpus decided about the living.

    Args:
        rows: u64[n], their row numbers, ascending.
        copies: u8[n].
        failures: by place among them.
        extras: the further columns of those of whom they say anything, which are at the places `some` (ascending).
    """

    rows: np.ndarray
    copies: np.ndarray
    failures: Failures
    extras: pl.DataFrame
    some: np.ndarray


def judge(
    steps: Sequence[Step],
    signals: Signals,
    function: Callable[[Slab], Result],
    outcomes: dict[str, dict[str, Any]] | None = None,
    beside: Collection[str] = (),
) -> Iterator[Result]:
    """The function of each slab of the ledger, in the order of the corpus.

    Each signal is read once: what a stage says of a slab is noted as numbers until those have chosen that need the corpus.

    Args:
        steps: the recipe.
        signals: of the corpus.
        function: may be called in any thread.
        outcomes: takes what stages that need the corpus have to say of their verdicts; None: they are not asked.
        beside: columns that the function wants to see as well.

    Raises:
        StageError: a stage's verdicts break the contract.
    """
    judging = _Judging(signals, outcomes)
    pending: list[Step] = []
    for step in steps:
        if step.stage.needs_corpus:
            judging.choose(pending, step)
            pending = []
        elif not isinstance(step.stage, Edit):
            pending.append(step)
    yield from signals.map(lambda slab: function(judging.told_of(slab, pending, beside)))


class _Judging:
    """A ledger on its way; of each slab what the stages said so far."""

    def __init__(self, signals: Signals, outcomes: dict[str, dict[str, Any]] | None) -> None:
        self.signals, self.outcomes = signals, outcomes
        self.starts = np.concatenate([[0], np.cumsum(signals.sizes)]).astype(np.int64)
        self.told = {slab: Verdicts(np.ones(size, np.uint8)) for slab, size in enumerate(signals.sizes)}

    def choose(self, pending: Sequence[Step], step: Step) -> None:
        """Let a stage that needs the corpus choose among those that the stages above it leave alive."""
        seen = list(self.signals.map(partial(self._reached, pending, step)))
        if not seen:
            return
        reached = pl.concat(seen, how="vertical_relaxed")
        del seen
        chosen = _choose(step, reached, self.signals.relations(step.name), self.outcomes)
        for slab in self.told:
            self._tell(chosen, step, slab)

    def told_of(self, slab: int, pending: Sequence[Step], beside: Collection[str]) -> Slab:
        """The ledger of a slab, once all have chosen; what led to it is forgotten."""
        frame = self._judged(slab, pending, {"row", *beside})
        told = self.told.pop(slab)
        whole = told.ledger(frame["_shard_row"])
        if "partner" in whole.columns:
            whole = whole.with_columns(self.signals.addresses(whole["partner"]).alias("partner"))
        return Slab(slab, whole, frame.select(*beside), told.failed())

    def _reached(self, pending: Sequence[Step], step: Step, slab: int) -> pl.DataFrame:
        """The documents of a slab that reach a step alive."""
        frame = self._judged(slab, pending, ledger.looked_at(step, self._own(step)))
        return ledger.living(step, frame.with_columns(pl.Series("copies", self.told[slab].copies)))

    def _judged(self, slab: int, pending: Sequence[Step], others: Collection[str]) -> pl.DataFrame:
        """Note what stages say of a slab; the frame that they saw, with other columns."""
        wanted = set(others).union(*(ledger.looked_at(step, self._own(step)) for step in pending))
        frame = _numbered(self.signals.load(slab, wanted & set(self.signals.columns)), int(self.starts[slab]), self.signals.sizes[slab])
        for step in pending:
            frame = frame.with_columns(pl.Series("copies", self.told[slab].copies))
            _record(self.told[slab], step, frame)
        return frame

    def _own(self, step: Step) -> list[str]:
        prefix = f"{step.name}."
        return [name.removeprefix(prefix) for name in self.signals.columns if name.startswith(prefix)]

    def _tell(self, chosen: Chosen, step: Step, slab: int) -> None:
        """Note what a stage chose in a slab; those that took no part keep their copies."""
        told, start = self.told[slab], self.starts[slab]
        first, last = np.searchsorted(chosen.rows, self.starts[slab : slab + 2].astype(np.uint64))
        places = (chosen.rows[first:last] - np.uint64(start)).astype(np.uint32)
        failures = chosen.failures.within(first, last)
        copies = told.copies.copy()
        copies[places] = chosen.copies[first:last]
        told.record(step.name, replace(failures, rows=places[failures.rows]), copies)
        a, b = np.searchsorted(chosen.some, [first, last])
        if chosen.extras.width:
            told.extras.append((places[chosen.some[a:b] - first], chosen.extras[int(a) : int(b)]))


def _numbered(frame: pl.DataFrame, start: int, size: int) -> pl.DataFrame:
    """A frame with the rows of the corpus, and one copy of each document."""
    rows = pl.int_range(start, start + size, dtype=pl.UInt64, eager=True).alias("row")
    copies = pl.Series("copies", np.ones(size, np.uint8))
    return pl.DataFrame([rows, copies]).hstack([one.alias("_shard_row") if one.name == "row" else one for one in frame])


def _record(told: Verdicts, step: Step, frame: pl.DataFrame) -> None:
    """Note what a stage says that judges every document by itself."""
    if ledger.only_limits(step.stage):
        with ledger.naming(step):
            told.record(step.name, of_limits(step.stage, ledger.seen(step, frame)))
        return
    verdicts = ledger.decide(step, frame)
    told.record(step.name, of_lists(verdicts["reasons"]), verdicts["copies"].to_numpy())
    if extras := [one for one in verdicts if one.name not in ("copies", "reasons")]:
        told.extras.append((None, pl.DataFrame(extras)))


def _choose(step: Step, reached: pl.DataFrame, relations: pl.LazyFrame | None, outcomes: dict[str, dict[str, Any]] | None) -> Chosen:
    verdicts = ledger.decide(step, reached, relations)
    if outcomes is not None and (outcome := ledger.outcome_of(step, reached, verdicts["copies"])) is not None:
        outcomes[step.name] = outcome
    extras = verdicts.drop("copies", "reasons")
    # Of most documents nothing is said.
    said = extras.select(some=pl.any_horizontal(pl.all().is_not_null())).to_series() if extras.width else pl.Series([], dtype=pl.Boolean)
    some = np.flatnonzero(said.to_numpy())
    return Chosen(
        reached["row"].to_numpy(),
        verdicts["copies"].to_numpy(),
        of_lists(verdicts["reasons"]),
        extras.filter(said) if extras.width else extras,
        some,
    )
