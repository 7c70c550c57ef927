"""What workers do: measure a chunk, write a part. Functions of picklable values, so that any mapper can carry them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis import files, shards
from tamis.documents import BROKEN, Columns, as_binary, as_text, canonical, with_text
from tamis.errors import DataError
from tamis.measure import Step, base, faults_json, names_used, printed_ids, stored, walk
from tamis.plan import BASE, Plan
from tamis.recipe import Output
from tamis.shards import Chunk, Unreadable
from tamis.stage import Edit

Rows = tuple[pa.Table, pa.Array, list[Unreadable]]
ZSTD_LEVEL = 3
GROUP_BYTES = 32_000_000
"""What a row group of a curated shard holds at least, in memory: about 10,000 web pages, so that readers need little."""


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
    rows: Rows | None = None


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
        rows = shards.stream([task.chunk for task in todo], work.columns_for(wanted))
        for task in held:
            yield Task(task.chunk, task.wanted, next(rows)[1]) if task.wanted else task


def measure_chunk(work: Work, task: Task) -> Done:
    """Measure what a chunk lacks and write it; say what is known of it."""
    if task.wanted:
        _measure(work, task)
    return known(work, task.chunk)


def _measure(work: Work, task: Task) -> None:
    chunk = task.chunk
    table, numbers, lost = task.rows or shards.read(chunk, work.columns_for(task.wanted))
    table = conform(table, work.schema, work.columns_for(task.wanted))
    batch = canonical(table, work.columns, place=chunk.url)
    docs, rows = batch.docs, numbers.to_numpy()[batch.rows]
    if BASE not in task.wanted:
        docs, rows = of_ledger(work, chunk, docs, rows)
    last = max((i for i, step in enumerate(work.steps) if step.name in task.wanted), default=-1)
    for measured, _ in walk(docs, work.steps[: last + 1], set(task.wanted), work.columns):
        if measured is None:
            continue
        folder = work.folders[measured.name]
        if measured.faults:
            files.write_json(files.join(folder, "faults", chunk.name + ".json"), faults_json(measured.faults, rows))
        files.write_table(files.join(folder, chunk.name), stored(measured, rows))
    if BASE not in task.wanted:
        return
    ids = table.column(work.columns.id) if work.columns.id in table.column_names else None
    broken = _quarantined(batch.broken, numbers, lost, ids)
    if broken.num_rows:
        files.write_table(files.join(work.folders[BASE], "quarantine", chunk.name), broken)
    frame = base(batch, work.columns, work.carried, ties=work.ties, used=names_used(work.steps)).with_columns(row=rows)
    files.write_frame(files.join(work.folders[BASE], chunk.name), frame)


def of_ledger(work: Work, chunk: Chunk, docs: pa.Table, rows: np.ndarray) -> tuple[pa.Table, np.ndarray]:
    """Of documents and their row numbers in the shard those that are in the ledger: where other columns are corrupt, not all are."""
    wanted = _rows_of(work, chunk)
    return (docs, rows) if len(wanted) == len(rows) else (kept_rows(docs, pa.array(rows), wanted, chunk.url), wanted)


def _rows_of(work: Work, chunk: Chunk) -> np.ndarray:
    return files.read_frame(files.join(work.folders[BASE], chunk.name), ["row"])["row"].to_numpy()


def _quarantined(broken: pa.Table, numbers: pa.Array, lost: Sequence[Unreadable], ids: pa.ChunkedArray | None) -> pa.Table:
    """Rows set aside, and ranges of rows that could not be decoded (whose text nobody has)."""
    rows = pa.table({
        "row": numbers.take(broken.column("row")),
        "id": pa.nulls(broken.num_rows, pa.string()) if ids is None else printed_ids(ids.take(broken.column("row"))),
        "rows": pa.array(np.ones(broken.num_rows, np.int64)),
        "reason": broken.column("reason"),
        "text": broken.column("text"),
    })
    ranges = pa.table({
        "row": pa.array([one.start for one in lost], pa.int64()),
        "id": pa.nulls(len(lost), pa.string()),
        "rows": pa.array([one.stop - one.start for one in lost], pa.int64()),
        "reason": pa.array([one.reason for one in lost], pa.string()),
        "text": pa.nulls(len(lost), BROKEN.field("text").type),
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


@dataclass(frozen=True)
class Part:
    """A curated shard: its file, and for each chunk the readable rows that it takes (bool[readable])."""

    url: str
    pieces: tuple[tuple[Chunk, np.ndarray], ...]


def write_part(work: Work, output: Output, part: Part) -> tuple[int, int]:
    """Write a curated shard, unless it is there; documents and bytes of text that it took."""
    taken = sum(int(mask.sum()) for _, mask in part.pieces)
    if files.exists(part.url):
        return taken, 0
    size = 0
    with files.writing(part.url) as file, _writer(file, work, output) as writer:
        for table in _row_groups(_kept_tables(work, part)):
            size += table.column(work.columns.text).nbytes
            writer.write_table(files.as_given(table, work.schema), row_group_size=max(1, table.num_rows))
            del table
    return taken, size


def _writer(file: IO[bytes], work: Work, output: Output) -> pq.ParquetWriter:
    # Neither a dictionary nor its smallest and largest value helps anybody with a column of texts; both cost time.
    others = [name for name in work.schema.names if name != work.columns.text]
    level = ZSTD_LEVEL if output.compression == "zstd" and output.level is None else output.level
    codec = "NONE" if output.compression == "none" else output.compression
    return pq.ParquetWriter(
        file, work.schema, compression=codec, compression_level=level, use_dictionary=others or False, write_statistics=others or False
    )


def _kept_tables(work: Work, part: Part) -> Iterator[pa.Table]:
    """Kept documents of each chunk, edited; parts of one large row group are read in one go."""
    for (_, streamed, _), group in groupby(part.pieces, key=lambda piece: (piece[0].url, piece[0].streamed, piece[0].groups)):
        pieces = [piece for piece in group if piece[1].any()]
        streaming = shards.stream([chunk for chunk, _ in pieces]) if streamed and pieces else None
        for chunk, mask in pieces:
            # No name of ours keeps what was read alive while the rest of it is written.
            yield _kept(work, chunk, mask, next(streaming)[1] if streaming else shards.read(chunk))


def _kept(work: Work, chunk: Chunk, mask: np.ndarray, read: Rows) -> pa.Table:
    return edited(work, kept_rows(read[0], read[1], _rows_of(work, chunk)[mask], chunk.url))


def kept_rows(table: pa.Table, numbers: pa.Array, rows: np.ndarray, place: str) -> pa.Table:
    """Rows of a chunk by their numbers in the shard, ascending.

    Raises:
        DataError: a row is not there, though it was when it was measured.
    """
    mask = np.isin(numbers.to_numpy(), rows, assume_unique=True)
    if int(mask.sum()) != len(rows):
        raise DataError(f"{place} does not read as it did when it was measured.\nFix: repeat the run with another --out.")
    return table if mask.all() else table.filter(pa.array(mask))


def edited(work: Work, table: pa.Table) -> pa.Table:
    """Readable rows in the shared schema, their text as the edits leave it."""
    table = conform(table, work.schema, work.schema.names)
    if any(isinstance(step.stage, Edit) for step in work.steps):
        place = table.column_names.index(work.columns.text)
        text = as_text(as_binary(table.column(place)))
        docs = with_text(table.drop_columns([work.columns.text]), text)
        for _, walked in walk(docs, work.steps, (), work.columns):
            docs = walked
        item = table.schema.field(place)
        whole = docs.column("text")
        whole = whole.dictionary_encode() if pa.types.is_dictionary(item.type) else whole
        table = table.set_column(place, item, whole.cast(item.type))
    return table


def _row_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Gather small tables, so that a row group is worth its footer; chunk borders alone decide where they end."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        del table
        if sum(one.nbytes for one in held) >= GROUP_BYTES:
            yield _together(held)
    if held:
        yield _together(held)


def _together(held: list[pa.Table]) -> pa.Table:
    """The tables as one; the list is empty then, so that nothing keeps them."""
    whole = pa.concat_tables(held)
    held.clear()
    return whole
