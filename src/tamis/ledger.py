"""Verdicts: one row for every readable document, with every rule it failed, by the stage that dropped it and by others.

row        i64, in the shard (in memory: in the table)
copies     u8, 0 = dropped
stage      the stage that dropped it; null for a kept document
reasons    list[str], why that stage dropped it
also       list[str], "stage: reason" for every rule of a later stage that it fails as well
…          what stages add: partner (an address "shard:row"), similarity, cluster_size …
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeGuard, TypeVar

import numpy as np
import polars as pl

from tamis.errors import StageError, suggest
from tamis.measure import Step
from tamis.stage import Edit, Filter, Stage, has, no_reasons
from tamis.verdicts import Verdicts
from tamis.where import condition

Result = TypeVar("Result")
RESERVED = ("copies", "row", "reasons")
TAKEN = ("shard", "row", "id", "stage", "also")
"""Columns of the ledger that no verdict may bring."""
BASE = ("text", "doc")
"""Names that no stage may have: `text.bytes` and `doc.<column>` are kept by the house."""


class Signals(Protocol):
    """The numbers of a corpus, a slab at a time: disk or memory."""

    @property
    def sizes(self) -> Sequence[int]:
        """Readable documents in each slab."""
        ...

    def load(self, slab: int, names: Collection[str], house: Collection[str] | None = None) -> pl.DataFrame:
        """`row`, text.…, doc.… and "<name>.<signal>" of the named steps, in the order of the corpus.

        Args:
            slab: its number.
            names: steps.
            house: of text.… and doc.… only these; None: all.
        """
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


@dataclass(frozen=True)
class Chosen:
    """What a stage that needs the corpus decided about the living of whom it said anything: row numbers, ascending, and verdicts."""

    rows: np.ndarray
    verdicts: pl.DataFrame


def judge(
    steps: Sequence[Step], signals: Signals, outcomes: dict[str, dict[str, Any]] | None = None
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The ledger, slab by slab, in the order of the corpus, each with the signals that it was judged by.

    Args:
        steps: the recipe.
        signals: of the corpus.
        outcomes: takes what stages that need the corpus have to say of their verdicts; None: they are not asked.

    Raises:
        StageError: a stage's verdicts break the contract.
    """
    chosen = _choices(steps, signals, outcomes)
    starts = np.concatenate([[0], np.cumsum(signals.sizes)]).astype(np.uint64)
    names = {step.name for step in steps if not step.stage.needs_corpus} | _names_used(steps)

    def one(slab: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        frame = _numbered(signals.load(slab, names), int(starts[slab]))
        return _slab(frame, steps, chosen, signals), frame

    yield from signals.map(one)


def check_uses(steps: Sequence[Step], known: Mapping[str, Sequence[str]], columns: Sequence[str]) -> None:
    """Refuse a stage that decides by something nobody measures.

    Args:
        steps: the recipe.
        known: step → its signals; none of a step that is yet to be fitted, of which anything is believed.
        columns: columns of the documents and roles.

    Raises:
        StageError: names the stage, what it uses, and the nearest thing that exists.
    """
    above: list[str] = ["text.bytes", "text._low", "text._high", "text._rest"]
    unfitted = {step.name for step in steps if has(step.stage, "fit") and not known[step.name]}
    for step in steps:
        own = [f"{step.name}.{signal}" for signal in known[step.name]]
        for signal in known[step.name]:
            if signal in RESERVED:
                raise StageError(f'{step.name} calls a signal "{signal}", a name that verdicts need.')
        for used in step.stage.signals_used():
            if used.startswith("doc."):
                if used[4:] not in columns:
                    said = suggest(used[4:], [*words_of(step.stage), *columns], what="columns:")
                    raise StageError(f'{step.name} decides by the column "{used[4:]}", which the data lacks. {said}')
            elif used not in above + own and used.rsplit(".", 1)[0] not in unfitted:
                public = [name for name in above + own if "._" not in name]
                raise StageError(
                    f'{step.name} decides by "{used}", which no stage above it measures. {suggest(used, public, what="signals:")}'
                )
        above += own


def words_of(stage: Stage) -> tuple[str, ...]:
    """What may stand in a stage's parameters where others name a column."""
    return ("length",) if hasattr(stage, "prefer") or hasattr(stage, "within") else ()


def decide(step: Step, frame: pl.DataFrame, relations: pl.LazyFrame | None = None) -> pl.DataFrame:
    """One stage's verdicts on the rows of a frame, checked.

    Args:
        step: the stage under its name.
        frame: `copies`, `row`, and signals with their stages' names in front.
        relations: for a stage that relates.
    """
    with naming(step):
        verdicts = step.stage.decide(seen(step, frame).lazy(), relations).collect()
    if verdicts.height != frame.height:
        raise StageError(f"{step.name} gave {verdicts.height} verdicts for {frame.height} documents.")
    missing = {"copies", "reasons"} - set(verdicts.columns)
    if missing:
        raise StageError(f'{step.name} gave verdicts without "{missing.pop()}".')
    with naming(step):
        return _only_where(step.stage, _typed(step, verdicts), frame)


def copies_of(step: Step, frame: pl.DataFrame, relations: pl.LazyFrame | None = None) -> pl.Series:
    """The copies of `decide` alone (u8): polars leaves out what is not asked for, above all the reasons, which are slow to build."""
    with naming(step):
        said = step.stage.decide(seen(step, frame).lazy(), relations).select("copies").collect()
        if said.height != frame.height:
            raise StageError(f"{step.name} gave {said.height} verdicts for {frame.height} documents.")
        return _only_where(step.stage, _in_range(step, said), frame)["copies"]


def outcome_of(step: Step, frame: pl.DataFrame, copies: pl.Series) -> dict[str, Any] | None:
    """What a stage says of its verdicts as a whole."""
    with naming(step):
        return step.stage.outcome(seen(step, frame), copies)


def _in_range(step: Step, verdicts: pl.DataFrame) -> pl.DataFrame:
    counts = verdicts["copies"].cast(pl.UInt8, strict=False)
    if counts.null_count():
        raise StageError(f"{step.name} must give each document between 0 and 255 copies.")
    return verdicts.with_columns(counts)


def _typed(step: Step, verdicts: pl.DataFrame) -> pl.DataFrame:
    for taken in TAKEN:
        if taken in verdicts.columns:
            raise StageError(f'{step.name} adds a column "{taken}" to the ledger, which has one of that name.')
    if not isinstance(verdicts.schema["reasons"], pl.List) or verdicts["reasons"].null_count():
        raise StageError(f"{step.name} must give reasons as a list of texts.")
    return _in_range(step, verdicts).with_columns(pl.col("reasons").cast(pl.List(pl.String)))


@contextmanager
def naming(step: Step) -> Iterator[None]:
    """What polars cannot compute, as a condition that compares a text with a number, is said of the stage that asked for it."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise StageError(f"{step.name} cannot decide: {str(error).splitlines()[0]}.") from error


def _only_where(stage: Stage, verdicts: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    where = getattr(stage, "where", None)
    if where is None:
        return verdicts
    asked = frame.select(asked=condition(where)).to_series()
    judged = verdicts.with_columns(copies=pl.when(asked).then("copies").otherwise(frame["copies"]))
    return judged.with_columns(reasons=pl.when(asked).then("reasons").otherwise(no_reasons())) if "reasons" in judged.columns else judged


def seen(step: Step, frame: pl.DataFrame) -> pl.DataFrame:
    """A frame as a stage's `decide` sees it: own signals under plain names."""
    prefix = f"{step.name}."
    own = [pl.col(name).alias(name[len(prefix) :]) for name in frame.columns if name.startswith(prefix)]
    used = [name for name in step.stage.signals_used() if name not in ("copies", "row")]
    return frame.select("copies", "row", *own, *used)


def _names_used(steps: Sequence[Step]) -> set[str]:
    return {used.rsplit(".", 1)[0] for step in steps for used in step.stage.signals_used()} - set(BASE)


def _numbered(frame: pl.DataFrame, start: int) -> pl.DataFrame:
    numbers = pl.int_range(start, start + frame.height, dtype=pl.UInt64, eager=True)
    return frame.rename({"row": "_shard_row"}).with_columns(numbers.alias("row"), pl.lit(1, pl.UInt8).alias("copies"))


def _choices(steps: Sequence[Step], signals: Signals, outcomes: dict[str, dict[str, Any]] | None) -> dict[str, Chosen]:
    """Let each stage that needs the corpus choose among those that the stages above left alive."""
    chosen: dict[str, Chosen] = {}
    starts = np.concatenate([[0], np.cumsum(signals.sizes)]).astype(np.int64)
    copies = np.ones(int(starts[-1]), np.uint8)
    pending: list[Step] = []
    for step in steps:
        if not step.stage.needs_corpus:
            pending.append(step)
            continue
        seen = list(signals.map(partial(_reached, tuple(pending), step, signals, starts, copies)))
        reached = pl.concat(seen, how="vertical_relaxed") if seen else None
        del seen
        chosen[step.name] = _choose(step, reached, signals, copies, outcomes)
        pending = []
    return chosen


def _reached(pending: Sequence[Step], step: Step, signals: Signals, starts: np.ndarray, copies: np.ndarray, slab: int) -> pl.DataFrame:
    """The documents of a slab that reach a step alive; `copies` (u8[documents]) is brought up to date for the slab."""
    asked = [*pending, step]
    names = {one.name for one in asked} | _names_used(asked)
    frame = _numbered(signals.load(slab, names, {used for one in asked for used in one.stage.signals_used()}), int(starts[slab]))
    mine = copies[starts[slab] : starts[slab + 1]]
    frame = frame.with_columns(pl.Series("copies", mine))
    for one in pending:
        if not isinstance(one.stage, Edit):
            frame = frame.with_columns(after(one, frame))
    mine[:] = frame["copies"].to_numpy()
    return living(step, frame)


def only_limits(stage: Stage) -> TypeGuard[Filter]:
    """Whether a stage drops exactly what its rules say, so that they can be asked without it."""
    return isinstance(stage, Filter) and type(stage).decide is Filter.decide


def after(step: Step, frame: pl.DataFrame) -> pl.Series:
    """Copies after a stage: what it says of the living; the dead stay dead."""
    if only_limits(step.stage):
        kept = pl.when(step.stage.keeps()).then("copies").otherwise(pl.lit(0, pl.UInt8))
        with naming(step):
            return seen(step, frame).select(kept.alias("copies")).to_series()
    said = copies_of(step, frame)
    return pl.select(pl.when(frame["copies"] > 0).then(said).otherwise(0).cast(pl.UInt8).alias("copies")).to_series()


def living(step: Step, frame: pl.DataFrame) -> pl.DataFrame:
    """What a stage that needs the corpus chooses among: the documents alive that meet its `where`, with what it looks at."""
    with naming(step):
        return _living(step, frame)


def _living(step: Step, frame: pl.DataFrame) -> pl.DataFrame:
    alive = pl.col("copies") > 0
    where = getattr(step.stage, "where", None)
    kept = frame.filter(alive & condition(where) if where else alive)
    hidden = "" if step.stage.decides_by_private else f"{step.name}._"
    own = [name for name in kept.columns if name.startswith(f"{step.name}.") and not (hidden and name.startswith(hidden))]
    return kept.select(*dict.fromkeys(["copies", "row", *own, *step.stage.signals_used()]))


def _choose(
    step: Step, reached: pl.DataFrame | None, signals: Signals, copies: np.ndarray, outcomes: dict[str, dict[str, Any]] | None
) -> Chosen:
    if reached is None:
        return Chosen(np.zeros(0, np.uint64), pl.DataFrame())
    verdicts = decide(step, reached, signals.relations(step.name))
    if outcomes is not None and (outcome := outcome_of(step, reached, verdicts["copies"])) is not None:
        outcomes[step.name] = outcome
    # Of most documents nothing is said. `reached` may lie in the memory of `copies`, so it is asked first.
    said = pl.any_horizontal(pl.col("copies") != reached["copies"], pl.exclude("copies", "reasons").is_not_null())
    some = verdicts.select(said.alias("said"))["said"]
    rows = reached["row"].to_numpy()
    copies[rows] = verdicts["copies"].to_numpy()
    return Chosen(rows[some.to_numpy()], verdicts.filter(some))


def _slab(frame: pl.DataFrame, steps: Sequence[Step], chosen: Mapping[str, Chosen], signals: Signals) -> pl.DataFrame:
    told = Verdicts(frame["copies"].to_numpy())
    for step in steps:
        if not isinstance(step.stage, Edit):
            frame = frame.with_columns(pl.Series("copies", told.copies))
            told.record(step.name, _aligned(chosen[step.name], frame) if step.stage.needs_corpus else decide(step, frame))
    ledger = told.ledger(frame["_shard_row"])
    if "partner" in ledger.columns:
        ledger = ledger.with_columns(signals.addresses(ledger["partner"]).alias("partner"))
    return ledger


def _aligned(chosen: Chosen, frame: pl.DataFrame) -> pl.DataFrame:
    """The verdicts of those among a slab that took part; the others keep their copies."""
    first, last = np.searchsorted(chosen.rows, [frame["row"][0], frame["row"][-1] + 1]) if frame.height else (0, 0)
    part = chosen.verdicts[int(first) : int(last)].with_columns(pl.Series("row", chosen.rows[first:last], pl.UInt64))
    joined = frame.select("row", _before=pl.col("copies")).join(part, on="row", how="left", maintain_order="left")
    return joined.with_columns(pl.col("copies").fill_null(pl.col("_before")), pl.col("reasons").fill_null([])).drop("row", "_before")
