"""Signals of a run on disk, as the ledger and the stages that relate want them: in slabs, in the order of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby, pairwise
from typing import TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from tamis import files, mappers, reading
from tamis.documents import canonical
from tamis.measure import Step, base, names_used, select, walk
from tamis.plan import BASE, Plan
from tamis.shards import Chunk
from tamis.work import Done, Work, changed, conform, of_ledger, rows_of

Result = TypeVar("Result")
SLAB_ROWS = 50_000
"""Documents that are judged at once: enough that polars' calls cost nothing, few enough to be little memory."""


def slabs(chunks: Sequence[Chunk], done: Mapping[str, Done]) -> list[list[Chunk]]:
    """Cut the corpus into slabs of whole chunks."""
    cut: list[list[Chunk]] = [[]]
    rows = 0
    for chunk in chunks:
        if rows >= SLAB_ROWS:
            cut.append([])
            rows = 0
        cut[-1].append(chunk)
        rows += done[chunk.name].readable
    return [slab for slab in cut if slab]


@dataclass(frozen=True)
class DiskSignals:
    """The signals of a plan's chunks."""

    plan: Plan
    done: Mapping[str, Done]
    workers: int = 1

    @cached_property
    def slabs(self) -> list[list[Chunk]]:
        """Chunks by slab; without any chunk one empty slab still tells the columns."""
        return slabs(self.plan.corpus.chunks, self.done) or [[]]

    @cached_property
    def sizes(self) -> list[int]:
        """Readable documents by slab."""
        return [sum(self.done[chunk.name].readable for chunk in slab) for slab in self.slabs]

    @cached_property
    def starts(self) -> np.ndarray:
        """i64[chunks + 1]: the row number of each chunk's first readable document."""
        return np.concatenate([[0], np.cumsum([self.done[chunk.name].readable for chunk in self.plan.corpus.chunks])]).astype(np.int64)

    @property
    def columns(self) -> list[str]:
        """What decisions may see: the house's columns, and signals under the names of their steps."""
        return list(self._places)

    @cached_property
    def _places(self) -> dict[str, tuple[str, str]]:
        """The step that measured a column, and what its files call it."""
        found: dict[str, tuple[str, str]] = {}
        first = next((chunk.name for chunk in self.plan.corpus.chunks), None)
        for name in self.plan.names:
            house = name == BASE
            private = house or dict(self.plan.named)[name].decides_by_private
            columns = files.columns_of(files.join(self.plan.folder(name), first)) if first else self._nothing[name].columns
            kept = [one for one in columns if house or (one != "row" and (private or not one.startswith("_")))]
            found |= {one if house else f"{name}.{one}": (name, one) for one in kept}
        return found

    def load(self, slab: int, columns: Collection[str]) -> pl.DataFrame:
        """Some columns of a slab's documents, in the order in which they were measured."""
        wanted, asked = set(columns), dict[str, dict[str, str]]()
        for column, (step, signal) in self._places.items():
            if column in wanted:
                asked.setdefault(step, {})[signal] = column
        urls = {step: [files.join(self.plan.folder(step), chunk.name) for chunk in self.slabs[slab]] for step in asked}
        if self.slabs[slab]:
            frames = files.read_beside([(urls[step], list(names)) for step, names in asked.items()])
        else:
            frames = [self._nothing[step].select(*names) for step, names in asked.items()]
        return pl.DataFrame([one for frame, names in zip(frames, asked.values(), strict=True) for one in frame.rename(names)])

    @cached_property
    def _nothing(self) -> dict[str, pl.DataFrame]:
        return signals_of_nothing(self.plan)

    def map(self, function: Callable[[int], Result]) -> Iterator[Result]:
        """The function of each slab's number, in order; polars and Parquet release the GIL."""
        return mappers.threads(function, range(len(self.slabs)), self.workers)

    def relations(self, name: str) -> pl.LazyFrame | None:
        """What a step's `relate` found."""
        place = self.plan.relation(name)
        return files.read_frame(place).lazy() if files.exists(place) else None

    def not_compared(self, name: str) -> int | None:
        """Pairs that a step's `relate` says it left out; None for one that says nothing."""
        place = self.plan.relation(name)
        if not files.exists(place) or "not_compared" not in files.columns_of(place):
            return None
        return int(files.read_frame(place, ["not_compared"])["not_compared"].sum())

    def addresses(self, rows: pl.Series) -> pl.Series:
        """Row numbers of the corpus as "shard:row"."""
        known = rows.drop_nulls().to_numpy().astype(np.int64)
        which = np.searchsorted(self.starts, known, side="right") - 1
        inside = known - self.starts[which]
        chunks = self.plan.corpus.chunks
        for i in np.unique(which):
            here = which == i
            if self.done[chunks[i].name].readable < chunks[i].stop - chunks[i].start:  # rows were set aside: look where the others are
                inside[here] = rows_of(Work.of(self.plan), chunks[i])[inside[here]]
            else:
                inside[here] += chunks[i].start
        addresses = pl.select(pl.format("{}:{}", self._shard_of(chunks).gather(which), pl.Series(inside))).to_series()
        return pl.repeat(None, len(rows), dtype=pl.String, eager=True).alias(rows.name).scatter(rows.is_not_null().arg_true(), addresses)

    def shard_names(self, slab: int) -> pl.Series:
        """The shard of each document of a slab."""
        counts = [self.done[chunk.name].readable for chunk in self.slabs[slab]]
        return self._shard_of(self.slabs[slab]).gather(np.repeat(np.arange(len(counts)), counts))

    def _shard_of(self, chunks: Sequence[Chunk]) -> pl.Series:
        return pl.Series("shard", [self.plan.corpus.shards[chunk.shard].name for chunk in chunks], pl.String)

    def corpus_frame(self, name: str) -> pl.LazyFrame:
        """Signals of one step over the whole corpus, with `row` (u64), for `relate`; only the columns asked for are read."""
        nothing = signals_of_nothing(self.plan)[name].with_columns(row=pl.lit(0, pl.UInt64))

        def source(wanted: list[str] | None, where: pl.Expr | None, most: int | None, _: int | None) -> Iterator[pl.DataFrame]:
            columns = wanted or nothing.columns
            yield nothing.clear().select(columns)
            for chunk, start, stop in zip(self.plan.corpus.chunks, self.starts, self.starts[1:], strict=False):
                frame = files.read_frame(files.join(self.plan.folder(name), chunk.name), [one for one in columns if one != "row"] or ["row"])
                frame = frame.with_columns(pl.int_range(start, stop, dtype=pl.UInt64, eager=True).alias("row")).select(columns)
                frame = frame.cast({one: nothing.schema[one] for one in columns})
                frame = frame if most is None else frame.head(most)
                most = None if most is None else most - frame.height
                yield frame if where is None else frame.filter(where)

        return register_io_source(source, schema=nothing.schema)

    def reader(self, step: Step) -> Reader:
        """Documents by row number, as a step sees them."""
        return Reader(self, step)


def signals_of_nothing(plan: Plan) -> dict[str, pl.DataFrame]:
    """What the house and every step say of zero documents: the columns and their types, once all steps are fitted."""
    work = Work.of(plan)
    batch = canonical(work.schema.empty_table(), work.columns)
    found = {BASE: base(batch, work.columns, work.carried, ties=work.ties, used=names_used(work.steps))}
    for measured, _ in walk(batch.docs, work.steps, {step.name for step in work.steps}, work.columns):
        assert measured is not None
        found[measured.name] = measured.signals
    return found


@dataclass(frozen=True)
class Reader:
    """Reads documents of the corpus by row number; opens each chunk once a call."""

    signals: DiskSignals
    step: Step

    def __call__(self, rows: np.ndarray) -> pa.Table:
        """The columns that the step reads, edited by the edits above it, in the order asked for."""
        rows = np.asarray(rows, np.int64)
        starts, plan = self.signals.starts, self.signals.plan
        which = np.searchsorted(starts, rows, side="right") - 1
        order = np.argsort(which, kind="stable")
        tables = []
        for i in np.unique(which):
            docs = visible(Work.of(plan), self.step, plan.corpus.chunks[i], measured=True)
            tables.append(docs.take(pa.array(rows[which == i] - starts[i])))
        if not tables:
            return visible(Work.of(plan), self.step, None)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pa.concat_tables(tables).take(pa.array(back)).combine_chunks()

    @property
    def workers(self) -> int:
        """Those of the run."""
        return self.signals.workers

    def map(self, function: Callable[[pa.Table, np.ndarray], Result], rows: np.ndarray) -> Iterator[Result]:
        """The function of documents and their row numbers, piece by piece; parts of a large row group are decoded here, once."""
        work = Work.of(self.signals.plan)
        found = mappers.threads(lambda task: [function(*one) for one in task()], self._tasks(work, rows), self.workers)
        return (result for results in found for result in results)

    def _tasks(self, work: Work, rows: np.ndarray) -> Iterator[Callable[[], Iterator[tuple[pa.Table, np.ndarray]]]]:
        chunks, starts = self.signals.plan.corpus.chunks, self.signals.starts
        borders = np.searchsorted(rows, starts)
        wanted = {i: rows[a:b].astype(np.int64) - starts[i] for i, (a, b) in enumerate(pairwise(borders)) if a < b}
        names = work.columns_for([self.step.name])
        for (_, streamed, _), group in groupby(wanted, key=lambda i: (chunks[i].url, chunks[i].streamed, chunks[i].groups)):
            held = list(group)
            if not streamed:
                for i in held:
                    yield partial(self._pieces, work, names, wanted[i], i, None)
                continue
            by_chunk = {chunks[i]: i for i in held}
            for chunk, piece in reading.pieces([chunks[i] for i in held], names):
                yield partial(self._pieces, work, names, wanted[by_chunk[chunk]], by_chunk[chunk], piece)

    def _pieces(self, work: Work, names: list[str], inside: np.ndarray, i: int, one: reading.Piece | None) -> Iterator[tuple[pa.Table, np.ndarray]]:
        """Those of the wanted documents of chunk i that are in a piece; None: all pieces, read here."""
        chunk = self.signals.plan.corpus.chunks[i]
        numbers = rows_of(work, chunk)[inside]
        for piece in [one] if one else (piece for _, piece in reading.pieces([chunk], names)):
            mask = np.isin(piece.numbers, numbers, assume_unique=True)
            if mask.any():
                batch = canonical(conform(piece.table.filter(pa.array(mask)), work.schema, names), work.columns, place=chunk.url)
                found = inside[np.isin(numbers, piece.numbers, assume_unique=True)] + self.signals.starts[i]
                if batch.docs.num_rows != len(found):
                    raise changed(chunk.url)
                yield as_seen(work, self.step, batch.docs), found.astype(np.uint64)


@dataclass(frozen=True)
class Visible:
    """A chunk as a step sees it, given to a function; picklable."""

    work: Work
    step: Step
    function: object

    def __call__(self, chunk: Chunk) -> object:
        """The function of the chunk's documents."""
        return self.function(visible(self.work, self.step, chunk))  # type: ignore[operator]


def visible(work: Work, step: Step, chunk: Chunk | None, *, measured: bool = False) -> pa.Table:
    """Readable documents of a chunk as a step sees them: its columns, edited by the edits above it; once measured, those of the ledger."""
    names = work.columns_for([step.name])
    if chunk is None:
        docs = canonical(pa.schema([work.schema.field(name) for name in names]).empty_table(), work.columns).docs
    else:
        piece = reading.read(chunk, names)
        batch = canonical(conform(piece.table, work.schema, names), work.columns, place=chunk.url)
        docs = of_ledger(batch.docs, piece.numbers[batch.rows], rows_of(work, chunk))[0] if measured else batch.docs
    return as_seen(work, step, docs)


def as_seen(work: Work, step: Step, docs: pa.Table) -> pa.Table:
    """Canonical documents as a step sees them: edited by the edits above it, the columns that it reads."""
    above = work.steps[: [one.name for one in work.steps].index(step.name)]
    for _, walked in walk(docs, above, (), work.columns):
        docs = walked
    return select(step.stage.columns_read(), docs, work.columns, step.name)


@dataclass(frozen=True)
class CorpusScan:
    """The `Scan` of a run: chunks read by its workers."""

    work: Work
    step: Step
    chunks: Sequence[Chunk]
    mapper: mappers.Mapper
    workers: int

    def __iter__(self) -> Iterator[pa.Table]:
        for chunk in self.chunks:
            yield visible(self.work, self.step, chunk)

    def map(self, function: object) -> Iterator[object]:
        """The function of each chunk, in order."""
        return self.mapper(Visible(self.work, self.step, function), self.chunks, self.workers)
