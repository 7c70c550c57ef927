"""Reference text for a model: read from Parquet or JSON Lines, each text once, drawn by what it says."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from tamis import files, shards
from tamis.columns import require_text
from tamis.documents import Columns, as_text, canonical, one_piece, printed, require_columns, utf8
from tamis.errors import DataError
from tamis.formats import JSON_LINES, told

_ROWS = 8192
_JSON_BLOCK = 64_000_000
"""Bytes of the longest line that is read."""
_ALL = ""
"""The group of all documents where there are no groups."""


@dataclass(frozen=True)
class Chosen:
    """The documents that were drawn for one group, in the order of the draw.

    Args:
        texts: large_string[n], different ones, none blank.
        keys: u64[n], the low half of each text's 128-bit hash (MurmurHash3 x64).
    """

    texts: pa.Array
    keys: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """i64[n], bytes of each text."""
        return np.diff(utf8(self.texts)[1])

    def __len__(self) -> int:
        return len(self.keys)

    def part(self, begin: int, end: int) -> Chosen:
        """Documents [begin, end)."""
        return Chosen(self.texts.slice(begin, end - begin), self.keys[begin:end])


@dataclass(frozen=True)
class Reference:
    """What was found in some files.

    Args:
        groups: value of the column → documents, by name; one without a name where there is no column.
        inputs: for each file its name, SHA-256 and documents.
        left_out: why → documents that were not used.
    """

    groups: Mapping[str, Chosen]
    inputs: tuple[Mapping[str, Any], ...]
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class _Seen:
    """Of each readable document, in the order of the files: hashes, bytes, and its group's number; -1 for none."""

    low: np.ndarray
    high: np.ndarray
    sizes: np.ndarray
    group: np.ndarray
    names: tuple[str, ...]


def choose(places: Sequence[str], *, text: str = "text", by: str | None = None, max_bytes: int, seed: int = 0) -> Reference:
    """Draw documents, at most so many bytes of each group, the same ones whatever the order of files and rows.

    The files are read twice, so that only what is drawn is held.

    Args:
        places: Parquet or JSON Lines files (.jsonl, .ndjson, also .gz), folders of Parquet; paths or URLs.
        text: the column of the text.
        by: the column whose values make groups; a document without one is left out.
        max_bytes: of text of each group.
        seed: another seed is another draw.

    Raises:
        DataError: a file cannot be read, or lacks a column.
    """
    from tamis.kernels.hashing import unit

    found = _files(places)
    seen, unreadable = _survey(found, text, by)
    rank = np.lexsort((seen.high, seen.low, unit(seed, seen.low, seen.high)))
    low, high = seen.low[rank], seen.high[rank]
    fresh = np.ones(len(rank), np.bool_)
    fresh[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    used = (seen.group[rank] >= 0) & (seen.sizes[rank] > 0)
    rows = rank[fresh & used]
    taken = [_first(rows[seen.group[rows] == number], seen.sizes, max_bytes) for number in range(len(seen.names))]
    texts = _collect(found, text, np.sort(np.concatenate([np.zeros(0, np.int64), *taken])))
    groups = {
        name: Chosen(texts.take(pa.array(places)), seen.low[one])
        for name, one, places in zip(seen.names, taken, _places(taken), strict=True)
    }
    left = {
        "unreadable": unreadable,
        "blank": int((seen.sizes == 0).sum()),
        f"no {by}": int((seen.group < 0).sum()),
        "seen before": int((~fresh & used).sum()),
        "beyond the bytes asked for": len(rows) - sum(map(len, taken)),
    }
    return Reference(groups, tuple(_described(file) for file in found), {why: count for why, count in left.items() if count})


def _files(places: Sequence[str]) -> list[str]:
    places = shards.expanded(places)
    lines = [place for place in places if place.endswith(JSON_LINES)]
    others = [place for place in places if place not in lines]
    return [*sorted(lines), *(shards.find(others).values() if others else [])]


def _described(place: str) -> dict[str, Any]:
    digest = hashlib.sha256()
    with files.open_read(place) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {"file": os.path.basename(place), "sha256": digest.hexdigest()}


def _survey(places: Sequence[str], text: str, by: str | None) -> tuple[_Seen, int]:
    from tamis.kernels.hashing import murmur128

    parts, names, unreadable = [], dict[str, int](), 0
    for batch, table in _batches(places, text, by):
        low, high = murmur128(*utf8(batch.column("text")))
        sizes = np.where(_blank(batch.column("text")), 0, np.diff(utf8(batch.column("text"))[1]))
        values = as_text(printed(one_piece(batch.column(by)))).to_pylist() if by else [_ALL] * batch.num_rows
        group = np.array([-1 if value is None or (by and not value) else names.setdefault(value, len(names)) for value in values], np.int64)
        parts.append((low, high, sizes, group))
        unreadable += table.num_rows - batch.num_rows
    columns = (
        [np.concatenate(column) for column in zip(*parts, strict=True)]
        if parts
        else [np.zeros(0, np.uint64)] * 2 + [np.zeros(0, np.int64)] * 2
    )
    ordered = sorted(names)
    renumber = np.array([ordered.index(name) for name in names] + [-1])
    return _Seen(columns[0], columns[1], columns[2], renumber[columns[3]], tuple(ordered)), unreadable


def _blank(texts: pa.ChunkedArray) -> np.ndarray:
    import polars as pl

    return pl.Series(pl.from_arrow(texts)).str.strip_chars().str.len_bytes().eq(0).to_numpy()


def _first(rows: np.ndarray, sizes: np.ndarray, most: int) -> np.ndarray:
    """The first of some rows, in the order of the draw, that have so many bytes together."""
    return rows[np.cumsum(sizes[rows]) <= most]


def _collect(places: Sequence[str], text: str, rows: np.ndarray) -> pa.Array:
    """The texts of some rows, ascending."""
    parts, at = [pa.array([], pa.large_string())], 0
    for batch, _ in _batches(places, text, None):
        begin, end = np.searchsorted(rows, [at, at + batch.num_rows])
        parts.append(one_piece(batch.column("text")).take(pa.array(rows[begin:end] - at)))
        at += batch.num_rows
    return pa.concat_arrays(parts)


def _places(taken: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Where the rows of each group stand among all that were taken, ascending."""
    together = np.sort(np.concatenate([np.zeros(0, np.int64), *taken]))
    return [np.searchsorted(together, one) for one in taken]


def _batches(places: Sequence[str], text: str, by: str | None) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Readable documents (text, and the other column) of each few thousand rows, and these rows as they were."""
    for place in places:
        for table in _tables(place, [text, by] if by and by != text else [text]):
            yield canonical(table, Columns(text=text), place=place).docs, table


def _tables(place: str, columns: list[str]) -> Iterator[pa.Table]:
    with _naming(place), files.open_read(place) as file:
        if place.endswith(JSON_LINES):
            yield from _json_tables(place, file, columns)
            return
        parquet = pq.ParquetFile(file)
        require_text(
            Columns(text=columns[0]), parquet.schema_arrow, place=place, reader="tamis train lm", fix="say which it is: --{role} {column}"
        )
        require_columns(columns, parquet.schema_arrow.names, place=place, reader="tamis train lm")
        for batch in parquet.iter_batches(_ROWS, columns=columns, use_threads=False):
            yield pa.Table.from_batches([batch])


def _json_tables(place: str, file: Any, columns: list[str]) -> Iterator[pa.Table]:
    stream = pa.CompressedInputStream(file, "gzip") if place.endswith(".gz") else file
    schema = pa.schema([(name, pa.large_string()) for name in columns])
    parse = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    found = dict.fromkeys(columns, 0)
    for batch in pj.open_json(stream, pj.ReadOptions(use_threads=False, block_size=_JSON_BLOCK), parse):
        for name in columns:
            found[name] += len(batch) - batch.column(name).null_count
        yield pa.Table.from_batches([batch])
    for name in columns:
        if not found[name]:
            raise DataError(f'{place}: tamis train lm reads the field "{name}", which no line has.')


@contextmanager
def _naming(place: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f'"{place}" does not exist.\nFix: name Parquet or JSON Lines files.') from error
    except (OSError, pa.ArrowException) as error:
        files.blame_system(place, error)
        other = None if place.endswith(JSON_LINES) else told(place, "tamis train lm", "Parquet and JSON Lines")
        raise DataError(other or f'"{place}" cannot be read: {shards.sentence(error)}.') from error
