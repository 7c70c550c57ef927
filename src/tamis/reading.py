"""Read the rows of chunks a few megabytes at a time; what cannot be decoded is set aside with the reason.

Small pieces stay in the processor's caches, and their memory is used again: decoding 1.2 GB of text in pieces of 4 MB
took 1.5 s of CPU, in chunks of 64 MB 2.6 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis import files
from tamis.shards import Chunk, sentence

PIECE_BYTES = 4_000_000
"""Decoded at a time, about, where nothing much is done with a piece."""
MEASURED_BYTES = 32_000_000
"""Decoded at a time where stages measure it: each costs some Python a piece."""


@dataclass(frozen=True)
class Unreadable:
    """Rows of a chunk that could not be decoded."""

    start: int
    stop: int
    reason: str


@dataclass(frozen=True)
class Piece:
    """Consecutive rows of a chunk.

    Args:
        table: those that could be decoded, without views.
        numbers: i64[n], their row numbers in the shard.
        lost: ranges among or after them that could not.
    """

    table: pa.Table
    numbers: np.ndarray
    lost: tuple[Unreadable, ...] = ()


def pieces(chunks: Sequence[Chunk], columns: Sequence[str] | None = None, *, size: int | None = None) -> Iterator[tuple[Chunk, Piece]]:
    """The rows of chunks in order, each chunk in one or more pieces.

    Args:
        chunks: of one shard, each of row groups of its own, or all parts of one large row group, which is decoded once.
        columns: names, of which those that the file lacks are left out; None: all.
        size: bytes of a piece in memory, about; None: PIECE_BYTES.
    """
    size = size or PIECE_BYTES
    with files.open_read(chunks[0].url) as source:
        # A local file is read as it is decoded; over a network one large request is better than many small ones.
        far = not files.is_local(chunks[0].url)
        file = pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=far, buffer_size=0 if far else 1 << 20)
        wanted = _present(file, columns)
        rows: _Rows | None = None
        for chunk in chunks:
            if not chunk.streamed:
                yield from ((chunk, piece) for piece in _of_groups(file, chunk, wanted, size))
                continue
            rows = rows or _Rows(file, chunk.groups[0], chunk.first, wanted, chunk.url, size)
            rows.skip_to(chunk.start)
            yield from ((chunk, piece) for piece in rows.take_to(chunk.stop))


def read(chunk: Chunk, columns: Sequence[str] | None = None) -> Piece:
    """All rows of a chunk at once."""
    parts = [piece for _, piece in pieces([chunk], columns)]
    table = pa.concat_tables([part.table for part in parts])
    return Piece(table, np.concatenate([part.numbers for part in parts]), tuple(lost for part in parts for lost in part.lost))


def _of_groups(file: pq.ParquetFile, chunk: Chunk, wanted: list[str], size: int) -> Iterator[Piece]:
    """Row group by row group, to lose nothing but what is broken; small ones are gathered."""
    held: list[Piece] = []
    row, held_bytes = chunk.first, 0
    for group in chunk.groups:
        stop = row + file.metadata.row_group(group).num_rows
        for piece in _Rows(file, group, row, wanted, chunk.url, size).take_to(stop):
            held.append(piece)
            held_bytes += piece.table.nbytes
            if held_bytes >= size // 2:
                yield _together(held)
                held_bytes = 0
        row = stop
    if held or row == chunk.first:
        yield _together(held or [Piece(_no_rows(file, wanted), np.zeros(0, np.int64))])


def _together(held: list[Piece]) -> Piece:
    """The pieces as one; the list is empty then, so that nothing keeps them."""
    lost = tuple(lost for piece in held for lost in piece.lost)
    whole = Piece(pa.concat_tables([piece.table for piece in held]), np.concatenate([piece.numbers for piece in held]), lost)
    held.clear()
    return whole


class _Rows:
    """A row group as a stream of rows; after an error it is at its end."""

    def __init__(self, file: pq.ParquetFile, group: int, first: int, wanted: list[str], url: str, size: int) -> None:
        meta = file.metadata.row_group(group)
        rows = max(1, int(meta.num_rows * size / max(1, meta.total_byte_size)))
        self._batches = file.iter_batches(batch_size=rows, row_groups=[group], columns=wanted, use_threads=False)
        self._left: pa.RecordBatch | None = None
        self._row, self._url, self._wanted = first, url, wanted
        self._group, self._problem = group, "it holds fewer rows than its footer says"
        self._empty = _no_rows(file, wanted)

    def _next(self, most: int) -> pa.RecordBatch | None:
        try:
            # Asked for "a", pyarrow also gives a column that is called "a.b".
            batch = self._left if self._left is not None else next(self._batches, None)
        except (pa.ArrowException, OSError) as error:
            files.blame_system(self._url, error)
            self._problem, self._batches, batch = sentence(error), iter(()), None
        if batch is None:
            return None
        self._left = batch.slice(most) if batch.num_rows > most else None
        self._row += min(most, batch.num_rows)
        return batch.slice(0, most)

    def skip_to(self, row: int) -> None:
        while self._row < row and self._next(row - self._row) is not None:
            pass

    def take_to(self, row: int) -> Iterator[Piece]:
        """At least one piece; the last one tells what is lost, from where the stream broke to `row`."""
        given = False
        while self._row < row and (batch := self._next(row - self._row)) is not None:
            table = files.plain(pa.Table.from_batches([batch]).select(self._wanted))
            numbers = np.arange(self._row - batch.num_rows, self._row, dtype=np.int64)
            del batch
            given = True
            yield Piece(table, numbers)
        if self._row < row:
            lost = Unreadable(self._row, row, f"row group {self._group}: {self._problem}")
            yield Piece(self._empty, np.zeros(0, np.int64), (lost,))
            self._row = row
        elif not given:
            yield Piece(self._empty, np.zeros(0, np.int64))


def _present(file: pq.ParquetFile, columns: Sequence[str] | None) -> list[str]:
    present = file.schema_arrow.names
    return present if columns is None else [name for name in present if name in set(columns)]


def _no_rows(file: pq.ParquetFile, columns: list[str]) -> pa.Table:
    schema = file.schema_arrow
    return files.plain(pa.schema([schema.field(name) for name in columns], metadata=schema.metadata).empty_table())
