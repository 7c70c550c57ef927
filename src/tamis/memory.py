"""Stages on documents in memory: `judge` says what would happen, `sift` does it, `per_batch` makes a map function."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa

from tamis import judging, ledger
from tamis.columns import require_text
from tamis.documents import ROLES, Batch, Columns, canonical, one_piece, to_table
from tamis.errors import DataError, StageError
from tamis.files import as_given, plain
from tamis.mappers import default_workers, threads
from tamis.measure import Step, base, names_used, select, walk
from tamis.stage import Stage, has, named

Result = TypeVar("Result")
PART_ROWS = 5_000
"""Documents that a stage's `relate` is handed at a time."""
UNREADABLE = "unreadable"
"""In memory, the ledger's name for what a run would put into quarantine."""


def judge(data: Any, stages: Stage | Sequence[Stage], *, columns: Columns | None = None) -> pl.DataFrame:
    """The verdict on every row of some Arrow data, with every rule it fails.

    Args:
        data: anything Arrow: pyarrow, polars, pandas, a Hugging Face dataset.
        stages: stages and edits, in order; or a single one.
        columns: what the data calls its columns, where that differs from `Columns()`.

    Returns:
        One row for each row of the data, in order: row, copies, stage, reasons, also, and what stages add. A row
        without a readable text has the stage "unreadable".
    """
    return _sifted(plain(to_table(data)), _listed(stages), columns or Columns())[0]


def sift(data: Any, stages: Stage | Sequence[Stage], *, columns: Columns | None = None) -> Any:
    """The documents that stay, as the edits left them.

    Args:
        data: anything Arrow.
        stages: stages and edits, in order; or a single one.
        columns: what the data calls its columns.

    Returns:
        A polars DataFrame for a polars DataFrame or LazyFrame, else a `pa.Table`; all columns of the input. A document
        of two copies stands there twice.
    """
    columns, listed = columns or Columns(), _listed(stages)
    given = to_table(data)
    table = plain(given)
    verdicts, text = _sifted(table, listed, columns)
    place = table.column_names.index(columns.text)
    copies = verdicts["copies"].to_numpy()
    # A row that is not readable is dropped, so that its old text, whatever it is, need not be cast.
    rows = np.repeat(np.arange(table.num_rows), copies)
    kept = table.take(pa.array(rows))
    kept = kept.set_column(place, table.schema.field(place), _as(text.take(pa.array(rows)), table.schema.field(place).type))
    return pl.from_arrow(kept) if isinstance(data, pl.DataFrame | pl.LazyFrame) else as_given(kept, given.schema)


def per_batch(stages: Stage | Sequence[Stage], *, columns: Columns | None = None) -> Callable[[Any], Any]:
    """A function from a batch of documents to those that stay, for `datasets.map`, Ray's `map_batches` and the like.

    Raises:
        StageError: a stage compares documents with each other, so that batches cannot be judged one by one.
    """
    stages = _listed(stages)
    for name, stage in named(stages):
        if stage.needs_corpus or has(stage, "fit") or has(stage, "relate"):
            raise StageError(
                f"{name} compares documents with each other, so it cannot run batch by batch.\n"
                "Fix: sift the whole table with tamis.sift(), or run the shards with `tamis run`."
            )
    return _PerBatch(tuple(stages), columns or Columns())


@dataclass(frozen=True)
class _PerBatch:
    """Picklable, so that other pipelines can send it to their workers."""

    stages: tuple[Stage, ...]
    columns: Columns

    def __call__(self, batch: Any) -> Any:
        return sift(batch, self.stages, columns=self.columns)


def _listed(stages: Stage | Sequence[Stage]) -> tuple[Stage, ...]:
    """Stages, of what may be one of them.

    Raises:
        StageError: something else is among them.
    """
    if isinstance(getattr(stages, "stages", None), tuple):
        raise StageError("a recipe is no stage.\nFix: give its stages, `.stages`; its columns are `.columns`.")
    found = (stages,) if isinstance(stages, Stage | str) or not isinstance(stages, Iterable) else tuple(stages)
    for one in found:
        if not isinstance(one, Stage):
            made = f'tamis.make_stage("{one}")' if isinstance(one, str) else "a stage that tamis.make_stage made"
            raise StageError(f"{one!r} is no stage.\nFix: give {made}.")
    return found


@cache
def _first_process() -> int:
    """The process in which documents were judged first; a fork of it inherits the answer."""
    return os.getpid()


def _refuse_fork() -> None:
    """Refuse what would wait for ever: polars' threads do not survive a fork.

    Raises:
        StageError: this process was forked off one that had judged documents.
    """
    if _first_process() != os.getpid():
        raise StageError(
            "this process was forked off one in which tamis had judged documents, and polars' threads, which it would wait for, stayed there.\n"
            'Fix: begin workers with "spawn" (multiprocess.set_start_method("spawn") for datasets), or judge nothing before they are begun.'
        )


def _sifted(table: pa.Table, stages: Sequence[Stage], columns: Columns) -> tuple[pl.DataFrame, pa.Array]:
    """The ledger of a table, and its texts as the edits left them (null where unreadable)."""
    _refuse_fork()
    if not isinstance(columns, Columns):
        raise DataError(f'columns= is {columns!r}, and no tamis.Columns.\nFix: write it like columns=tamis.Columns(text="content").')
    for _, stage in named(stages):
        stage.check()
    require_text(columns, table.schema, place="the data", fix='say which it is: columns=tamis.Columns({role}="{column}")')
    batch = canonical(table, columns)
    present = [name for name in table.column_names if name != columns.text]
    used = [name[4:] for stage in stages for name in stage.signals_used() if name.startswith("doc.")]
    carried = columns.carried(table.schema, used)
    steps = [Step(name, stage) for name, stage in named(stages)]
    signals, steps, docs = _measured(batch, steps, columns, [name for name in carried if columns.named(name) in present])
    known = {step.name: [name.removeprefix(f"{step.name}.") for name in signals.frame.columns if name.startswith(f"{step.name}.")] for step in steps}
    ledger.check_uses(steps, known, [*present, *(role for role in ROLES if columns.named(role) in present)])
    verdicts = pl.concat(judging.judge(steps, signals, lambda slab: slab.ledger), how="vertical_relaxed")
    texts = one_piece(docs.column("text"))
    return _with_unreadable(verdicts, batch, table.num_rows), _spread(texts, batch.rows, table.num_rows)


def _measured(batch: Batch, steps: list[Step], columns: Columns, carried: Sequence[str]) -> tuple[_Memory, list[Step], pa.Table]:
    """Fit, measure and relate, one step after the other on one table."""
    frame = base(batch, columns, carried, ties=any(step.stage.needs_corpus for step in steps), used=names_used(steps))
    docs, relations, done = batch.docs, {}, []
    for step in steps:
        if has(step.stage, "fit"):
            fitted = step.stage.fit(Table(select(step.stage.columns_read(), docs, columns, step.name)))  # type: ignore[attr-defined]
            step = Step(step.name, step.stage, fitted)  # noqa: PLW2901  the same step, fitted
        before = docs
        ((measured, docs),) = walk(docs, [step], {step.name}, columns)
        assert measured is not None
        frame = pl.concat([frame, measured.signals.select(pl.all().name.prefix(f"{step.name}."))], how="horizontal")
        if has(step.stage, "relate"):
            relations[step.name] = _related(step, measured.signals, select(step.stage.columns_read(), before, columns, step.name))
        done.append(step)
    return _Memory(frame, relations, batch.rows), done, docs


def _related(step: Step, signals: pl.DataFrame, docs: pa.Table) -> pl.LazyFrame | None:
    numbered = signals.with_columns(pl.int_range(docs.num_rows, dtype=pl.UInt64).alias("row"))
    found: pl.LazyFrame | None = step.stage.relate(numbered.lazy(), Reader(docs))  # type: ignore[attr-defined]
    return found


@dataclass
class Reader:
    """A `Read` over one table."""

    docs: pa.Table
    workers: int = field(default_factory=default_workers)

    def __call__(self, rows: np.ndarray) -> pa.Table:
        """These rows, in this order."""
        return self.docs.take(pa.array(rows))

    def map(self, function: Callable[[pa.Table, np.ndarray], Result], rows: np.ndarray) -> Iterator[Result]:
        """`function` of a few thousand of them at a time, by threads, in order."""
        parts = np.array_split(rows, max(1, len(rows) // PART_ROWS))
        return threads(lambda part: function(self(part), part), parts, self.workers)


@dataclass(frozen=True)
class Table:
    """A `Scan` over one table."""

    docs: pa.Table

    def __iter__(self) -> Iterator[pa.Table]:
        yield self.docs

    def map(self, function: Callable[[pa.Table], Result]) -> Iterator[Result]:
        """The function of the table."""
        yield function(self.docs)


@dataclass
class _Memory:
    """Signals of one table, as the ledger wants them."""

    frame: pl.DataFrame
    related: dict[str, pl.LazyFrame | None]
    rows: np.ndarray
    sizes: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        self.sizes = [self.frame.height]

    @property
    def columns(self) -> list[str]:
        return self.frame.columns

    def load(self, slab: int, columns: Collection[str]) -> pl.DataFrame:
        del slab
        wanted = set(columns)
        return self.frame.select([name for name in self.frame.columns if name in wanted])

    def map(self, function: Callable[[int], Result]) -> Iterator[Result]:
        return map(function, range(len(self.sizes)))

    def relations(self, name: str) -> pl.LazyFrame | None:
        return self.related.get(name)

    def addresses(self, rows: pl.Series) -> pl.Series:
        return pl.Series(rows.name, self.rows, pl.Int64).gather(rows).cast(pl.String)


def _with_unreadable(verdicts: pl.DataFrame, batch: Batch, height: int) -> pl.DataFrame:
    if not batch.broken.num_rows:
        return verdicts
    broken = pl.DataFrame({
        "row": batch.broken.column("row").to_numpy(),
        "copies": np.zeros(batch.broken.num_rows, np.uint8),
        "stage": [UNREADABLE] * batch.broken.num_rows,
        "reasons": [[reason] for reason in batch.broken.column("reason").to_pylist()],
        "also": pl.Series([[]] * batch.broken.num_rows, dtype=pl.List(pl.String)),
    })
    whole = pl.concat([verdicts, broken], how="diagonal_relaxed").sort("row")
    assert whole.height == height
    return whole


def _spread(texts: pa.Array, rows: np.ndarray, height: int) -> pa.Array:
    if len(rows) == height:
        return texts
    places = np.full(height, -1, np.int64)
    places[rows] = np.arange(len(rows))
    return texts.take(pa.array(places, mask=places < 0))


def _as(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    return texts.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else texts.cast(kind)
