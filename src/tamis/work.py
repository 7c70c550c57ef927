"""What workers do with text: measure a chunk. Functions of picklable values, so that any mapper can carry them; `writing` has the others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import polars as pl
import pyarrow as pa

from tamis import files, reading
from tamis.documents import BROKEN, Batch, Columns, canonical, hashed_once
from tamis.errors import DataError, TamisError
from tamis.measure import Step, broken, copied, faults_json, from_arrow, house_numbers, names_used, printed_ids, stored, walk
from tamis.plan import BASE, Plan
from tamis.reading import Piece, pieces
from tamis.shards import Chunk
from tamis.stage import Edit

SMALL_BYTES = 4_000_000
"""Text of the chunks that are measured at once, about: what a stage's call costs, and a table, is then little beside what the text does."""
SMALL_CHUNKS = 16
"""At most so many, so that workers still share a few documents among them, for stages that take seconds for each."""


@dataclass(frozen=True)
class Work:
    """What every chunk needs to know."""

    steps: tuple[Step, ...]
    columns: Columns
    schema: pa.Schema
    carried: tuple[str, ...]
    ties: bool
    folders: dict[str, str]

    @classmethod
    def of(cls, plan: Plan) -> Work:
        """The part of a plan that workers need."""
        folders = {name: plan.folder(name) for name in plan.names}
        return cls(plan.steps, plan.recipe.columns, plan.corpus.schema, plan.carried, plan.ties, folders)

    def columns_for(self, wanted: Sequence[str]) -> list[str]:
        """What must be read to measure some of the steps."""
        if BASE in wanted:
            # Which documents are readable is settled here, once, by all columns: each must be written whole later.
            return list(self.schema.names)
        names = {self.columns.text}
        for step in self.steps:
            if step.name in wanted or isinstance(step.stage, Edit):
                names |= {self.columns.named(name) for name in step.stage.columns_read() if name != "text"}
        return [name for name in self.schema.names if name in names]


@dataclass(frozen=True)
class Task:
    """A chunk, the steps that it still lacks, and its rows where a reader has read them already."""

    chunk: Chunk
    wanted: tuple[str, ...]
    rows: tuple[Piece, ...] | None = None


@dataclass(frozen=True)
class Done:
    """What is known of a measured chunk."""

    chunk: str
    readable: int
    bytes: int
    quarantined: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)


def handed_out(tasks: Iterable[Task], work: Work) -> Iterator[tuple[Task, ...]]:
    """Tasks in order, small ones several at a time; parts of a large row group are read here, once, and go with their tasks."""
    for streamed, held in groupby(tasks, key=lambda task: task.chunk.streamed):
        yield from ((task,) for task in _read_once(held, work)) if streamed else _beside(held)


def _read_once(tasks: Iterable[Task], work: Work) -> Iterator[Task]:
    for _, group in groupby(tasks, key=lambda task: (task.chunk.url, task.chunk.groups)):
        held = list(group)
        todo = [task for task in held if task.wanted]
        wanted = tuple(dict.fromkeys(name for task in todo for name in task.wanted))
        read = pieces([task.chunk for task in todo], work.columns_for(wanted), size=reading.MEASURED_BYTES) if todo else ()
        rows = groupby(read, key=lambda pair: pair[0])
        for task in held:
            yield Task(task.chunk, task.wanted, tuple(piece for _, piece in next(rows)[1])) if task.wanted else task


def _beside(tasks: Iterable[Task]) -> Iterator[tuple[Task, ...]]:
    """Tasks that follow each other and lack the same, together as long as they are few and small."""
    held: list[Task] = []
    for task in tasks:
        small = len(held) < SMALL_CHUNKS and sum(one.chunk.bytes for one in (*held, task)) <= SMALL_BYTES
        if held and not (small and task.wanted == held[0].wanted):
            yield tuple(held)
            held = []
        held.append(task)
    if held:
        yield tuple(held)


def measure_chunks(work: Work, tasks: Sequence[Task]) -> list[Done]:
    """Measure what chunks lack, all of them the same, and write it; say what is known of each."""
    if tasks[0].wanted and not (len(tasks) > 1 and _measured_at_once(work, tasks)):
        for task in tasks:
            _measured(work, task)
    return [known(work, task.chunk) for task in tasks]


def _measured(work: Work, task: Task) -> None:
    """Measure one chunk, piece by piece."""
    gathered = _Gathered(work, task.wanted)
    ledger = None if BASE in task.wanted else rows_of(work, task.chunk)
    for piece in task.rows or (piece for _, piece in pieces([task.chunk], gathered.columns, size=reading.MEASURED_BYTES)):
        gathered.add(piece, task.chunk.url, ledger)
    if ledger is not None and gathered.documents != len(ledger):
        raise changed(task.chunk.url)
    for name, faults in gathered.faults.items():
        if 1 < gathered.documents == len(faults):
            raise broken(name, next(iter(faults.values())))
    with files.together() as within:
        _write(work, task.chunk, gathered.signals(), within, gathered)


def _measured_at_once(work: Work, tasks: Sequence[Task]) -> bool:
    """Measure small chunks as if they were one; False, and nothing is written, where there is anything to say of a row of theirs.

    What is set aside, what a stage fails on and when it fails too often are found in each chunk by itself, so that they do not
    depend on what lies beside it.
    """
    gathered = _Gathered(work, tasks[0].wanted)
    parts = [reading.read(task.chunk, gathered.columns) for task in tasks]
    if BASE not in tasks[0].wanted:
        known_rows = [rows_of(work, task.chunk) for task in tasks]
        if not all(np.array_equal(part.numbers, rows) for part, rows in zip(parts, known_rows, strict=True)):
            return False
    try:
        tables = [conform(part.table, work.schema, gathered.columns) for part in parts]
        lost = tuple(lost for part in parts for lost in part.lost)
        gathered.add(Piece(pa.concat_tables(tables), np.concatenate([part.numbers for part in parts]), lost), tasks[0].chunk.url, None)
    except TamisError:
        return False
    if gathered.aside or gathered.faults or gathered.documents != sum(len(part.numbers) for part in parts):
        return False
    signals, first = gathered.signals(), 0
    with files.together() as within:
        for task, part in zip(tasks, parts, strict=True):
            _write(work, task.chunk, {name: table.slice(first, len(part.numbers)) for name, table in signals.items()}, within)
            first += len(part.numbers)
    return True


class _Gathered:
    """What is measured of documents, piece by piece."""

    def __init__(self, work: Work, wanted: Sequence[str]) -> None:
        self._work, self._wanted = work, wanted
        self.columns = work.columns_for(wanted)
        last = max((i for i, step in enumerate(work.steps) if step.name in wanted), default=-1)
        self._steps = work.steps[: last + 1]
        self._rows: list[np.ndarray] = []
        self._frames: dict[str, list[pl.DataFrame]] = {name: [] for name in wanted}
        self._copied: list[pa.Table] = []
        self.faults: dict[str, dict[str, str]] = {}
        self.aside: list[pa.Table] = []

    @property
    def documents(self) -> int:
        """Readable ones."""
        return sum(map(len, self._rows))

    def add(self, piece: Piece, place: str, ledger: np.ndarray | None) -> None:
        """Measure a piece; of a corpus whose readable documents are known already, those that are in the ledger."""
        work = self._work
        table = conform(piece.table, work.schema, self.columns)
        with hashed_once():
            batch = canonical(table, work.columns, place=place)
            docs, rows = batch.docs, piece.numbers[batch.rows]
            if BASE in self._wanted:
                self._add_base(batch, piece, table)
            elif ledger is not None:
                docs, rows = of_ledger(docs, rows, ledger)
            self._rows.append(rows)
            for measured, _ in walk(docs, self._steps, set(self._wanted), work.columns, whole=False):
                if measured is not None:
                    self._frames[measured.name].append(measured.signals)
                    if measured.faults:
                        self.faults.setdefault(measured.name, {}).update(faults_json(measured.faults, rows))

    def _add_base(self, batch: Batch, piece: Piece, table: pa.Table) -> None:
        work = self._work
        ids = table.column(work.columns.id) if work.columns.id in table.column_names else None
        if batch.broken.num_rows or piece.lost:
            self.aside.append(_quarantined(batch.broken, piece, ids))
        self._frames[BASE].append(house_numbers(batch, ties=work.ties))
        self._copied.append(copied(batch, work.columns, work.carried, names_used(work.steps)))

    def signals(self) -> dict[str, pa.Table]:
        """What goes into the file of each step, row for row, in the order in which files are written."""
        rows = np.concatenate(self._rows)
        signals = {step.name: pl.concat(self._frames[step.name]) for step in self._steps if step.name in self._wanted}
        if BASE in self._wanted:
            signals[BASE] = pl.concat(self._frames[BASE]).hstack(from_arrow(pa.concat_tables(self._copied)))
        return {name: stored(frame, rows) for name, frame in signals.items()}


def _write(work: Work, chunk: Chunk, signals: Mapping[str, pa.Table], within: files.Writing, said: _Gathered | None = None) -> None:
    """Signals, faults before them; what the house keeps comes last, and what it set aside before that."""
    for name, table in signals.items():
        folder = work.folders[name]
        if said is not None and name in said.faults:
            files.write_json(files.join(folder, "faults", chunk.name + ".json"), said.faults[name], within)
        if said is not None and name == BASE and said.aside:
            files.write_table(files.join(folder, "quarantine", chunk.name), pa.concat_tables(said.aside), within)
        files.write_table(files.join(folder, chunk.name), table, within)


def of_ledger(docs: pa.Table, rows: np.ndarray, ledger: np.ndarray) -> tuple[pa.Table, np.ndarray]:
    """Of documents and their row numbers those that are in the ledger: where other columns are corrupt, not all are."""
    mask = np.isin(rows, ledger, assume_unique=True)
    return (docs, rows) if mask.all() else (docs.filter(pa.array(mask)), rows[mask])


def rows_of(work: Work, chunk: Chunk) -> np.ndarray:
    """i64[readable]: row numbers in the shard of a measured chunk's documents."""
    return files.read_frame(files.join(work.folders[BASE], chunk.name), ["row"])["row"].to_numpy()


def _quarantined(broken: pa.Table, piece: Piece, ids: pa.ChunkedArray | None) -> pa.Table:
    """Rows set aside, and ranges of rows that could not be decoded (whose text nobody has)."""
    numbers = pa.array(piece.numbers)
    rows = pa.table({
        "row": numbers.take(broken.column("row")),
        "id": pa.nulls(broken.num_rows, pa.string()) if ids is None else printed_ids(ids.take(broken.column("row"))),
        "rows": pa.array(np.ones(broken.num_rows, np.int64)),
        "reason": broken.column("reason"),
        "text": broken.column("text"),
    })
    ranges = pa.table({
        "row": pa.array([one.start for one in piece.lost], pa.int64()),
        "id": pa.nulls(len(piece.lost), pa.string()),
        "rows": pa.array([one.stop - one.start for one in piece.lost], pa.int64()),
        "reason": pa.array([one.reason for one in piece.lost], pa.string()),
        "text": pa.nulls(len(piece.lost), BROKEN.field("text").type),
    })
    return pa.concat_tables([rows, ranges])


def known(work: Work, chunk: Chunk) -> Done:
    """What is known of a chunk that was measured."""
    frame = files.read_frame(files.join(work.folders[BASE], chunk.name), ["text.bytes"])
    quarantined: Counter[str] = Counter()
    aside = files.join(work.folders[BASE], "quarantine", chunk.name)
    expected = chunk.stop - chunk.start
    if frame.height < expected:
        for row in files.read_frame(aside, ["rows", "reason"]).iter_rows():
            quarantined[row[1]] += row[0]
    faults = {}
    for step in work.steps:
        place = files.join(work.folders[step.name], "faults", chunk.name + ".json")
        if files.exists(place):
            faults[step.name] = len(json.loads(files.read_bytes(place)))
    return Done(chunk.name, frame.height, int(frame["text.bytes"].sum()), dict(quarantined), faults)


def conform(table: pa.Table, schema: pa.Schema, names: Sequence[str]) -> pa.Table:
    """The columns of a file in the types that all files share, without views; a column that the file lacks is null."""
    fields = [item.with_type(files.plain_type(item.type)) for item in map(schema.field, names)]
    columns = []
    for item in fields:
        if item.name not in table.column_names:
            columns.append(pa.chunked_array([pa.nulls(table.num_rows, item.type)]))
        elif table.schema.field(item.name).type != item.type:
            columns.append(_cast(table.column(item.name), item))
        else:
            columns.append(table.column(item.name))
    return pa.table(columns, schema=pa.schema(fields, metadata=schema.metadata))


def _cast(column: pa.ChunkedArray, item: pa.Field) -> pa.ChunkedArray:
    try:
        return column.cast(item.type)
    except pa.ArrowInvalid as error:
        raise DataError(
            f'the column "{item.name}" holds {item.type} in some shards and in others {column.type} that does not fit: {str(error).splitlines()[0]}.\n'
            "Fix: write it with one type in all shards."
        ) from error


def kept_rows(piece: Piece, rows: np.ndarray) -> pa.Table:
    """Those rows of a piece whose numbers in the shard are among some."""
    mask = np.isin(piece.numbers, rows, assume_unique=True)
    return piece.table if mask.all() else piece.table.filter(pa.array(mask))


def changed(url: str) -> DataError:
    """The sentence for a shard that does not read the same twice."""
    return DataError(f"{url} does not read as it did when it was measured.\nFix: repeat the run with another --out.")
