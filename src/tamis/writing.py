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
from tamis.documents import Columns, as_binary, as_text, one_piece, with_text
from tamis.mappers import one_ahead
from tamis.measure import REWRITTEN, Step, walk
from tamis.plan import BASE, Plan
from tamis.reading import pieces
from tamis.recipe import Output
from tamis.shards import Chunk
from tamis.stage import Edit
from tamis.work import Done, Work, changed, conform, kept_rows, rows_of

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
        for table in one_ahead(_row_groups(_kept_tables(work, part))):
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
    """Kept documents, edited, piece by piece; parts of one large row group are decoded in one go."""
    for (_, streamed, _), group in groupby(part.pieces, key=lambda one: (one[0].url, one[0].streamed, one[0].groups)):
        wanted = {chunk: rows_of(work, chunk)[mask] for chunk, mask in group if mask.any()}
        for some in [list(wanted)] if streamed and wanted else [[chunk] for chunk in wanted]:
            found, rewritten = 0, {chunk: rewritten_rows(work, chunk) for chunk in some}
            for chunk, piece in pieces(some):
                kept = kept_rows(piece, wanted[chunk])
                found += kept.num_rows
                if kept.num_rows:
                    numbers = piece.numbers[np.isin(piece.numbers, wanted[chunk], assume_unique=True)]
                    yield edited(work, kept, {name: np.isin(numbers, rows, assume_unique=True) for name, rows in rewritten[chunk].items()})
            if found != sum(len(wanted[chunk]) for chunk in some):
                raise changed(some[0].url)


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


def rewritten_rows(work: Work, chunk: Chunk) -> dict[str, np.ndarray]:
    """Edit → i64[:], row numbers in the shard of a measured chunk's documents that it changes."""
    rows = rows_of(work, chunk)
    marks = {name: files.read_frame(files.join(work.folders[name], chunk.name), [REWRITTEN])[REWRITTEN].to_numpy() for name in _edits(work)}
    return {name: rows[mark] for name, mark in marks.items()}


def _edits(work: Work) -> dict[str, Step]:
    return {step.name: step for step in work.steps if isinstance(step.stage, Edit)}


def edited(work: Work, table: pa.Table, rewritten: Mapping[str, np.ndarray] | None = None) -> pa.Table:
    """Readable rows in the shared schema, their text as the edits leave it.

    Args:
        work: of the run.
        table: readable rows.
        rewritten: edit → bool[n], rows that it changes, as was seen when they were measured; an edit looks at one document at a
            time, so that it need not see the others. None: not known.
    """
    table = conform(table, work.schema, work.schema.names)
    edits = _edits(work)
    marks = {name: np.ones(table.num_rows, np.bool_) for name in edits} if rewritten is None else rewritten
    some = np.logical_or.reduce([np.zeros(table.num_rows, np.bool_), *marks.values()])
    if not some.any():
        return table
    place = table.column_names.index(work.columns.text)
    item, text = table.schema.field(place), as_text(as_binary(table.column(place)))
    docs = with_text(table.drop_columns([work.columns.text]), text)
    docs = docs if some.all() else docs.filter(pa.array(some))
    for name, step in edits.items():
        docs = _edited_where(docs, step, marks[name][some], work.columns)
    after = one_piece(docs.column("text"))
    whole = pa.chunked_array([after if some.all() else pa.compute.replace_with_mask(text, pa.array(some), after)])
    whole = whole.dictionary_encode() if pa.types.is_dictionary(item.type) else whole
    return table.set_column(place, item, whole.cast(item.type))


def _edited_where(docs: pa.Table, step: Step, mask: np.ndarray, columns: Columns) -> pa.Table:
    """Documents as one edit leaves those in the mask."""
    if not mask.any():
        return docs
    ((_, after),) = walk(docs if mask.all() else docs.filter(pa.array(mask)), [step], (), columns)
    if mask.all():
        return after
    text = pa.compute.replace_with_mask(one_piece(docs.column("text")), pa.array(mask), one_piece(after.column("text")))
    return docs.set_column(docs.column_names.index("text"), "text", text)


def _row_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Gather small tables, so that a row group is worth its footer; chunk borders alone decide where they end."""
    held: list[pa.Table] = []
    size = 0
    for table in tables:
        held.append(table)
        size += table.nbytes
        del table
        if size >= GROUP_BYTES:
            yield _together(held)
            size = 0
    if held:
        yield _together(held)


def _together(held: list[pa.Table]) -> pa.Table:
    """The tables as one; the list is empty then, so that nothing keeps them."""
    whole = pa.concat_tables(held)
    held.clear()
    return whole
