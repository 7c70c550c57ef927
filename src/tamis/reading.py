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
MEASURED_BYTES = 16_000_000
"""Decoded at a time where stages measure it, with some Python a piece: half or twice as much takes as long, twice as much 60 MB more memory."""
SOUGHT_BYTES = 1_000_000
"""Decoded at a time where a few rows are sought, and the last of them is the end."""
FAR_BYTES = 16_000_000
"""Of a row group, before a row that is read alone: decoding that much takes as long as finding the row by its page."""
APART_BYTES = 4_000_000
"""Between two rows that are read each by itself."""
MOST_FINDS = 8
"""Places of a row group that are looked for; of more it is decoded as a whole."""


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


def some(chunk: Chunk, rows: np.ndarray, columns: Sequence[str]) -> Iterator[tuple[pa.Table, np.ndarray]]:
    """Some rows of a chunk, for which no more is decoded than it takes to come to them.

    Args:
        chunk: where they are.
        rows: i64[n], their numbers in the shard, ascending.
        columns: names, of which those that the file lacks are left out.

    Returns:
        Tables and the row numbers of what they hold, ascending. A row that cannot be decoded is in none.
    """
    with files.open_read(chunk.url) as source:
        file = pq.ParquetFile(source, page_checksum_verification=True, buffer_size=1 << 20)
        wanted, first = _present(file, columns), chunk.first
        for group in chunk.groups:
            meta = file.metadata.row_group(group)
            inside = rows[(rows >= first) & (rows < first + meta.num_rows)]
            near, far = _by_distance(inside, first, meta.total_byte_size / max(1, meta.num_rows))
            found = _looked_up(chunk.url, far, wanted)
            near = inside if found is None else near
            if len(near):
                yield _streamed(_Rows(file, group, first, wanted, chunk.url, SOUGHT_BYTES), near)
            yield from found or []
            first += meta.num_rows


def _by_distance(rows: np.ndarray, first: int, each: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """The rows of a row group that are soon come to, and the others, in stretches; none of these where they would be many."""
    far = rows[(rows - first) * each > FAR_BYTES]
    stretches = np.split(far, np.flatnonzero(np.diff(far) * each > APART_BYTES) + 1) if len(far) else []
    return (rows, []) if len(stretches) > MOST_FINDS else (rows[: len(rows) - len(far)], stretches)


def _looked_up(url: str, stretches: Sequence[np.ndarray], columns: list[str]) -> list[tuple[pa.Table, np.ndarray]] | None:
    """Rows from the middle of a local file by polars, which decodes the pages alone that hold them; None: it cannot."""
    import polars as pl

    if not files.is_local(url):
        return None
    found = []
    for rows in stretches:
        try:
            frame = pl.scan_parquet(url, glob=False).select(columns).slice(int(rows[0]), int(rows[-1] - rows[0]) + 1).collect()
        except pl.exceptions.PolarsError:  # a text between them is not valid, or polars has no such type
            return None
        found.append((files.plain(frame[(rows - rows[0]).tolist()].to_arrow()), rows))
    return found


def _streamed(stream: _Rows, rows: np.ndarray) -> tuple[pa.Table, np.ndarray]:
    """Those of some rows of a row group that can be decoded."""
    tables, numbers = [], []
    for piece in stream.take_to(int(rows[-1]) + 1):
        here = np.isin(piece.numbers, rows, assume_unique=True)
        tables.append(piece.table.filter(pa.array(here)))
        numbers.append(piece.numbers[here])
    return pa.concat_tables(tables), np.concatenate(numbers)


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
