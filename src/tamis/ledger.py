"""What stages say of documents, checked: copies, reasons, and what else they add; and what is asked about before any is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeGuard

import polars as pl

from tamis.errors import StageError, suggest
from tamis.measure import Step
from tamis.stage import Filter, Stage, has, no_reasons
from tamis.where import condition

RESERVED = ("copies", "row", "reasons")
TAKEN = ("shard", "row", "id", "stage", "also")
"""Columns of the ledger that no verdict may bring."""


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


def looked_at(step: Step, own: Sequence[str]) -> set[str]:
    """What a stage's decision looks at: of a filter the signals that its rules name, of any other all of its own."""
    if only_limits(step.stage):
        named = set(step.stage.keeps().meta.root_names())
        own = [signal for signal in own if signal in named]
    return {f"{step.name}.{signal}" for signal in own} | set(step.stage.signals_used())


def only_limits(stage: Stage) -> TypeGuard[Filter]:
    """Whether a stage drops exactly what its rules say, so that they can be asked without it."""
    return isinstance(stage, Filter) and type(stage).decide is Filter.decide and type(stage).keeps is Filter.keeps


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
    kept = frame.select(alive & condition(where) if where else alive).to_series()
    hidden = "" if step.stage.decides_by_private else f"{step.name}._"
    own = [name for name in frame.columns if name.startswith(f"{step.name}.") and not (hidden and name.startswith(hidden))]
    return frame.select(*dict.fromkeys(["copies", "row", *own, *step.stage.signals_used()])).filter(kept)
