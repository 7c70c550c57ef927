"""What workers do with text: measure a chunk. Functions of picklable values, so that any mapper can carry them; `writing` has the others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import polars as pl
import pyarrow as pa

from tamis import files, reading
from tamis.documents import BROKEN, Columns, canonical, hashed_once
from tamis.errors import DataError
from tamis.measure import Step, broken, copied, faults_json, from_arrow, house_numbers, names_used, printed_ids, stored, walk
from tamis.plan import BASE, Plan
from tamis.reading import Piece, pieces
from tamis.shards import Chunk
from tamis.stage import Edit


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


def handed_out(tasks: Iterable[Task], work: Work) -> Iterator[Task]:
    """Tasks in order; parts of a large row group are read here, once, and go with their tasks."""
    for (_, streamed, _), group in groupby(tasks, key=lambda task: (task.chunk.url, task.chunk.streamed, task.chunk.groups)):
        held = list(group)
        todo = [task for task in held if task.wanted]
        if not streamed or not todo:
            yield from held
            continue
        wanted = tuple(dict.fromkeys(name for task in todo for name in task.wanted))
        rows = groupby(pieces([task.chunk for task in todo], work.columns_for(wanted), size=reading.MEASURED_BYTES), key=lambda pair: pair[0])
        for task in held:
            yield Task(task.chunk, task.wanted, tuple(piece for _, piece in next(rows)[1])) if task.wanted else task


def measure_chunk(work: Work, task: Task) -> Done:
    """Measure what a chunk lacks and write it; say what is known of it."""
    if task.wanted:
        gathered = _Gathered(work, task)
        for piece in task.rows or (piece for _, piece in pieces([task.chunk], work.columns_for(task.wanted), size=reading.MEASURED_BYTES)):
            with hashed_once():
                gathered.add(piece)
        gathered.write()
    return known(work, task.chunk)


class _Gathered:
    """What is measured of a chunk, piece by piece."""

    def __init__(self, work: Work, task: Task) -> None:
        self._work, self._task = work, task
        self._columns = work.columns_for(task.wanted)
        last = max((i for i, step in enumerate(work.steps) if step.name in task.wanted), default=-1)
        self._steps = work.steps[: last + 1]
        self._ledger = None if BASE in task.wanted else rows_of(work, task.chunk)
        self._rows: list[np.ndarray] = []
        self._frames: dict[str, list[pl.DataFrame]] = {name: [] for name in task.wanted}
        self._faults: dict[str, dict[str, str]] = {}
        self._broken: list[pa.Table] = []
        self._copied: list[pa.Table] = []

    def add(self, piece: Piece) -> None:
        work = self._work
        table = conform(piece.table, work.schema, self._columns)
        batch = canonical(table, work.columns, place=self._task.chunk.url)
        docs, rows = batch.docs, piece.numbers[batch.rows]
        if self._ledger is None:
            ids = table.column(work.columns.id) if work.columns.id in table.column_names else None
            if batch.broken.num_rows or piece.lost:
                self._broken.append(_quarantined(batch.broken, piece, ids))
            self._frames[BASE].append(house_numbers(batch, ties=work.ties))
            self._copied.append(copied(batch, work.columns, work.carried, names_used(work.steps)))
        else:
            docs, rows = of_ledger(docs, rows, self._ledger)
        self._rows.append(rows)
        for measured, _ in walk(docs, self._steps, set(self._task.wanted), work.columns, whole=False):
            if measured is not None:
                self._frames[measured.name].append(measured.signals)
                self._faults.setdefault(measured.name, {}).update(faults_json(measured.faults, rows))

    def write(self) -> None:
        """Signals, faults before them; what the house keeps comes last, and what it set aside before that."""
        rows = np.concatenate(self._rows)
        if self._ledger is not None and len(rows) != len(self._ledger):
            raise changed(self._task.chunk.url)
        with files.together() as within:
            for step in self._steps:
                if step.name in self._task.wanted:
                    self._write_step(step.name, rows, within)
            if self._ledger is None:
                self._write_base(rows, within)

    def _write_step(self, name: str, rows: np.ndarray, within: files.Writing) -> None:
        folder, chunk, faults = self._work.folders[name], self._task.chunk, self._faults.get(name, {})
        if 1 < len(rows) == len(faults):
            raise broken(name, next(iter(faults.values())))
        if faults:
            files.write_json(files.join(folder, "faults", chunk.name + ".json"), faults, within)
        files.write_table(files.join(folder, chunk.name), stored(self._frames[name], rows), within)

    def _write_base(self, rows: np.ndarray, within: files.Writing) -> None:
        folder, chunk = self._work.folders[BASE], self._task.chunk
        if self._broken:
            files.write_table(files.join(folder, "quarantine", chunk.name), pa.concat_tables(self._broken), within)
        frame = pl.DataFrame({"row": rows}).hstack(pl.concat(self._frames[BASE]))
        files.write_frame(files.join(folder, chunk.name), frame.hstack(from_arrow(pa.concat_tables(self._copied))), within)


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
