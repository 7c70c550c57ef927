"""Write curated shards: what was kept is read again, and edited where an edit changes it; and what was set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import IO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tamis import files
from tamis.documents import one_piece, with_text
from tamis.mappers import one_ahead
from tamis.measure import REWRITTEN, Step, walk
from tamis.plan import BASE, Plan
from tamis.reading import Piece, pieces
from tamis.recipe import Output
from tamis.scattered import Scattered
from tamis.shards import Chunk
from tamis.stage import Edit
from tamis.work import Done, Work, changed, conform, rows_of

ZSTD_LEVEL = 3
GROUP_BYTES = 32_000_000
"""What a row group of a curated shard holds at least, in memory: about 10,000 web pages, so that readers need little."""


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
        for table in one_ahead(_row_groups(work, _kept_tables(work, part))):
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


def _kept_tables(work: Work, part: Part) -> Iterator[_Kept]:
    """Kept documents, piece by piece; parts of one large row group are decoded in one go."""
    for (_, streamed, _), group in groupby(part.pieces, key=lambda one: (one[0].url, one[0].streamed, one[0].groups)):
        wanted = {chunk: _Wanted.of(work, chunk, mask) for chunk, mask in group if mask.any()}
        for some in [list(wanted)] if streamed and wanted else [[chunk] for chunk in wanted]:
            found = 0
            for chunk, piece in pieces(some):
                places = piece.numbers - chunk.start
                mask = wanted[chunk].kept[places]
                found += int(mask.sum())
                if mask.any():
                    yield _Kept.of(work, piece, mask, {name: marks[places[mask]] for name, marks in wanted[chunk].rewritten.items()})
            if found != sum(int(wanted[chunk].kept.sum()) for chunk in some):
                raise changed(some[0].url)


@dataclass(frozen=True)
class _Wanted:
    """Of the rows of a chunk, decoded or not, which are kept (bool[n]), and of each edit which it changes (bool[n])."""

    kept: np.ndarray
    rewritten: dict[str, np.ndarray]

    @classmethod
    def of(cls, work: Work, chunk: Chunk, mask: np.ndarray) -> _Wanted:
        rows = rows_of(work, chunk) - chunk.start

        def spread(marks: np.ndarray) -> np.ndarray:
            whole = np.zeros(chunk.stop - chunk.start, np.bool_)
            whole[rows[marks]] = True
            return whole

        return cls(spread(mask), {name: spread(marks) for name, marks in rewritten(work, chunk).items()})


@dataclass(frozen=True)
class _Kept:
    """Kept documents of a piece, as they were read.

    Args:
        others: their columns in the shared schema, with nulls in the place of the text.
        text: of all documents of the piece; they are copied once, when all is known that will be written.
        rows: i64[n], which of these texts are kept.
        rewritten: edit → bool[n], which of them it changes.
    """

    others: pa.Table
    text: pa.ChunkedArray
    rows: np.ndarray
    rewritten: dict[str, np.ndarray]

    @classmethod
    def of(cls, work: Work, piece: Piece, mask: np.ndarray, rewritten: dict[str, np.ndarray]) -> _Kept:
        table, rows, kept = conform(piece.table, work.schema, work.schema.names), np.flatnonzero(mask), pa.array(mask)
        others, text = _parted(table, work.columns.text)
        others = others if mask.all() else others.filter(kept)
        if 2 * len(rows) < len(mask):  # memory must not grow with what is dropped
            return cls(others, text.filter(kept), np.arange(len(rows)), rewritten)
        return cls(others, text, rows, rewritten)

    @property
    def size(self) -> int:
        """Bytes in memory, about: of the text as if all texts of the piece were equally long."""
        text: int = self.text.nbytes * len(self.rows) // len(self.text)
        return text + int(self.others.nbytes)


def write_quarantine(plan: Plan, done: Mapping[str, Done]) -> None:
    """Gather what was set aside, with the names of the shards of this run."""
    folder = files.join(plan.out, "quarantine")
    files.remove(folder)
    frames = []
    for chunk in plan.corpus.chunks:
        if done[chunk.name].quarantined:
            frame = files.read_frame(files.join(plan.folder(BASE), "quarantine", chunk.name))
            frames.append(frame.select(pl.lit(plan.corpus.shards[chunk.shard].name).alias("shard"), pl.all()))
    if frames:
        files.write_frame(files.join(folder, "part-00000.parquet"), pl.concat(frames, how="vertical_relaxed"))
    if plan.corpus.unreadable:
        files.write_json(files.join(folder, "files.json"), dict(plan.corpus.unreadable))


def rewritten(work: Work, chunk: Chunk) -> dict[str, np.ndarray]:
    """Edit → bool[readable], the measured documents of a chunk that it changes."""
    return {name: files.read_frame(files.join(work.folders[name], chunk.name), [REWRITTEN])[REWRITTEN].to_numpy() for name in _edits(work)}


def _edits(work: Work) -> dict[str, Step]:
    return {step.name: step for step in work.steps if isinstance(step.stage, Edit)}


def edited(work: Work, table: pa.Table) -> pa.Table:
    """Readable rows in the shared schema, their text as the edits leave it."""
    table = conform(table, work.schema, work.schema.names)
    if not _edits(work):
        return table
    others, text = _parted(table, work.columns.text)
    return _edited(work, others, Scattered(text), {name: np.ones(table.num_rows, np.bool_) for name in _edits(work)})


def _parted(table: pa.Table, column: str) -> tuple[pa.Table, pa.ChunkedArray]:
    """A table with nulls in the place of one column (a table without columns would not know how many rows it has), and that column."""
    place = table.column_names.index(column)
    return table.set_column(place, column, pa.nulls(table.num_rows)), table.column(place)


def _edited(work: Work, others: pa.Table, texts: Scattered, rewritten: Mapping[str, np.ndarray]) -> pa.Table:
    """Documents with their text as the edits leave it.

    Args:
        work: of the run.
        others: their other columns, with any in the place of the text.
        texts: as they were read; they are edited.
        rewritten: edit → bool[n], documents that it changes, as was seen when they were measured; an edit looks at one document
            at a time, so that it need not see the others.
    """
    seen = others.select([name for name in work.columns_for(()) if name != work.columns.text])
    for name, step in _edits(work).items():
        if rewritten[name].any():
            docs = with_text(seen.filter(pa.array(rewritten[name])), texts.gathered(rows := np.flatnonzero(rewritten[name])))
            ((_, after),) = walk(docs, [step], (), work.columns)
            texts.replace(rows, one_piece(after.column("text")))
    place, whole = work.schema.get_field_index(work.columns.text), texts.whole()
    item = work.schema.field(place)
    item, whole = item.with_type(files.plain_type(item.type)), whole.dictionary_encode() if pa.types.is_dictionary(item.type) else whole
    return others.set_column(place, item, whole.cast(item.type))


def _row_groups(work: Work, kept: Iterator[_Kept]) -> Iterator[pa.Table]:
    """Gather small tables, so that a row group is worth its footer, and edits their calls; chunk borders alone decide where they end."""
    held: list[_Kept] = []
    size = 0
    for one in kept:
        held.append(one)
        size += one.size
        del one
        if size >= GROUP_BYTES:
            yield _together(work, held)
            size = 0
    if held:
        yield _together(work, held)


def _together(work: Work, held: list[_Kept]) -> pa.Table:
    """The documents as one table, edited; the list is empty then, so that nothing keeps them."""
    others = pa.concat_tables([one.others for one in held])
    column = pa.chunked_array([chunk for one in held for chunk in one.text.chunks])
    first = np.cumsum([0, *(len(one.text) for one in held)])
    texts = Scattered(column, np.concatenate([one.rows + start for one, start in zip(held, first, strict=False)]))
    rewritten = {name: np.concatenate([one.rewritten[name] for one in held]) for name in _edits(work)}
    held.clear()
    return _edited(work, others, texts, rewritten)
