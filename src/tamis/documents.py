"""Take anything Arrow; give stages one canonical layout; (data, offsets) views without a copy.

Canonical: a `pa.Table` whose column `text` is large_string in one piece, without nulls and valid UTF-8. Rows whose
text is not a text are set aside with the reason, never repaired and never lost.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import DataError, suggest

NULL_TEXT = "the text is null"
INVALID_TEXT = "the text is not valid UTF-8"
SURROGATE_TEXT = "the text holds half a surrogate pair"


@dataclass(frozen=True)
class Columns:
    """What the columns that tamis knows are called in the data; all but `text` may be absent."""

    text: str = "text"
    id: str = "id"
    source: str = "source"
    lang: str = "lang"
    license: str = "license"
    topic: str = "topic"
    date: str = "date"
    url: str = "url"

    def named(self, role: str) -> str:
        """The data's name for a role; a name that is no role stands for itself."""
        return str(getattr(self, role)) if role in ROLES else role

    def carried(self, schema: pa.Schema, used: Sequence[str] = ()) -> tuple[str, ...]:
        """Roles and columns whose values are kept beside the signals: flat ones for reports, and those that decisions use."""
        axes = [role for role in ROLES if role not in ("text", "url") and self.named(role) in schema.names]
        flat = [role for role in axes if not pa.types.is_nested(schema.field(self.named(role)).type)]
        return tuple(sorted({*flat, *used}))


ROLES = tuple(item.name for item in fields(Columns))


@dataclass(frozen=True)
class Batch:
    """The readable documents of a table, and those set aside.

    Args:
        docs: readable documents, canonical.
        rows: i64[n], their row numbers in the table.
        broken: rows set aside: row (i64), reason (string), text (large_binary: the bytes as they were).
    """

    docs: pa.Table
    rows: np.ndarray
    broken: pa.Table


def to_table(data: Any) -> pa.Table:
    """Any Arrow data as a table: pyarrow, polars, pandas 2.2 or later, DuckDB, a Hugging Face dataset.

    Raises:
        DataError: the data does not speak Arrow.
    """
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if isinstance(data, pa.RecordBatchReader):
        return data.read_all()
    if hasattr(data, "__arrow_c_stream__") and not isinstance(data, pl.Series | pa.ChunkedArray):
        return pa.table(data)
    if hasattr(data, "with_format") and hasattr(data, "features"):
        # A Hugging Face Dataset has no __arrow_c_stream__; its own table may hide rows behind an index.
        return data.with_format("arrow")[:]
    if hasattr(data, "__arrow_c_array__") and not isinstance(data, pa.Array):
        return pa.table(pa.record_batch(data))
    if isinstance(data, dict):
        return pa.table(data)
    raise DataError(
        f'tamis takes Arrow data (pyarrow, polars, pandas, datasets), not "{type(data).__name__}".\n'
        "Fix: pass pa.table({'text': [...]}) or a polars DataFrame."
    )


def require_columns(wanted: Sequence[str], present: Sequence[str], *, place: str, reader: str) -> None:
    """Refuse data that lacks a column.

    Raises:
        DataError: names the column, who reads it and the columns that exist.
    """
    for column in wanted:
        if column not in present:
            raise DataError(
                f'{place}: {reader} reads the column "{column}", which the data lacks. '
                f"{suggest(column, present, what='columns:')}"
            )


def refuse_twins(present: Sequence[str], *, place: str) -> None:
    """Refuse two columns of one name.

    Raises:
        DataError: names them.
    """
    if len(set(present)) < len(present):
        twin = next(name for i, name in enumerate(present) if name in present[:i])
        raise DataError(f'{place}: two columns are called "{twin}".\nFix: rename one of them.')


def canonical(table: pa.Table, columns: Columns, *, place: str = "the data") -> Batch:
    """Split a table into readable documents, in the canonical layout, and rows set aside.

    Raises:
        DataError: the text column is missing or does not hold text.
    """
    refuse_twins(table.column_names, place=place)
    require_columns([columns.text], table.column_names, place=place, reader="tamis")
    text = as_binary(table.column(columns.text), name=columns.text, place=place)
    null = pc.is_null(text).to_numpy(zero_copy_only=False) if text.null_count else np.zeros(len(text), np.bool_)
    readable = ~null & valid_texts(text)
    others = table.drop_columns([columns.text])
    if not readable.all():
        mask = pa.array(readable)
        broken = _broken(text, np.flatnonzero(~readable), null)
        text, others = text.filter(mask), others.filter(mask)
    else:
        broken = BROKEN.empty_table()
    return Batch(with_text(others, as_text(text)), np.flatnonzero(readable), broken)


def valid_texts(text: pa.Array) -> np.ndarray:
    """bool[n]: which values of a large_binary or large_string array are valid UTF-8; nulls may be either."""
    try:
        as_text(text).validate(full=True)  # three times as fast as our kernel, and nearly always enough
    except pa.ArrowInvalid:
        from tamis.kernels.utf8 import valid

        return valid(*utf8(text))
    return np.ones(len(text), np.bool_)


def with_text(others: pa.Table, text: pa.Array) -> pa.Table:
    """The canonical layout: the text under the name `text`, beside the other columns."""
    if "text" in others.column_names:  # a column that merely happens to have the name of the canonical one
        others = others.drop_columns(["text"])
    return others.append_column("text", text) if others.num_columns else pa.table({"text": text})


BROKEN = pa.schema([("row", pa.int64()), ("reason", pa.string()), ("text", pa.large_binary())])


def _broken(text: pa.Array, rows: np.ndarray, null: np.ndarray) -> pa.Table:
    from tamis.kernels.utf8 import has_surrogate

    kept = text.take(pa.array(rows))
    surrogate = has_surrogate(*utf8(kept))
    reasons = np.where(null[rows], NULL_TEXT, np.where(surrogate, SURROGATE_TEXT, INVALID_TEXT))
    return pa.table([pa.array(rows), pa.array(reasons.tolist(), pa.string()), kept], schema=BROKEN)


def as_binary(column: pa.ChunkedArray | pa.Array, *, name: str = "text", place: str = "the data") -> pa.Array:
    """A column of text in any Arrow form as one large_binary array; nulls stay.

    Raises:
        DataError: the column holds something else.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.large_binary())
    if not holds_text(kind):
        raise DataError(f'{place}: the column "{name}" holds {kind}, not text.')
    whole = one_piece(column.cast(_large(kind)))
    return pa.Array.from_buffers(pa.large_binary(), len(whole), whole.buffers(), whole.null_count, whole.offset)


def one_piece(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one array; a text of more than 2 GB must be large_string by then."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    # combine_chunks copies even a single chunk.
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def holds_text(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type can be texts: strings or bytes of any form, and null."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return _is_text(kind) or bool(pa.types.is_null(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _large(kind: pa.DataType) -> pa.DataType:
    return pa.large_string() if _is_text(kind) else pa.large_binary()


def as_text(binary: pa.Array) -> pa.Array:
    """The same buffers as large_string; the caller knows that they are valid UTF-8."""
    return pa.Array.from_buffers(pa.large_string(), len(binary), binary.buffers(), binary.null_count, binary.offset)


def utf8(array: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """The bytes and the borders of texts, without a copy.

    Args:
        array: large_string[n] or large_binary[n]; a null has no bytes or bytes that nobody may look at.

    Returns:
        data: u8[:], the whole value buffer.
        offsets: i64[n + 1], into `data`.
    """
    array = one_piece(array)
    _, borders, values = array.buffers()
    data = np.frombuffer(values, np.uint8) if values is not None and values.size else np.zeros(0, np.uint8)
    if borders is None or not borders.size:
        return data, np.zeros(1, np.int64)
    offsets = np.frombuffer(borders, np.int64)
    return data, offsets[array.offset : array.offset + len(array) + 1]


@contextmanager
def hashed_once() -> Iterator[None]:
    """Inside, this thread hashes the same texts once: the house and `exact_duplicates` ask for the same."""
    _hashed.known = {}
    try:
        yield
    finally:
        _hashed.known = None


_hashed = threading.local()


def hashes(array: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """128-bit hashes of texts, u64[n] each; see `murmur128`. A null has a hash that nobody may look at."""
    from tamis.kernels.hashing import murmur128

    data, borders = utf8(array)
    known = getattr(_hashed, "known", None)
    if known is None:
        return murmur128(data, borders)
    place = (data.ctypes.data, data.size, borders.ctypes.data, borders.size)
    if place not in known:
        # The arrays are kept too, so that no other text can come to lie in their place.
        known[place] = (murmur128(data, borders), data, borders)
    return known[place][0]  # type: ignore[no-any-return]


def large_string(data: np.ndarray, offsets: np.ndarray) -> pa.Array:
    """The way back from `utf8`: large_string[n] over these arrays, without a copy."""
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))


def fresh_bytes(size: int) -> np.ndarray:
    """u8[size] of whatever content, in Arrow's memory: where numpy gives large arrays back to the system, this keeps them for the next."""
    return np.frombuffer(pa.allocate_buffer(size), np.uint8) if size else np.zeros(0, np.uint8)


def row_hashes(table: pa.Table) -> np.ndarray:
    """A hash of each row, the same however Arrow stores it (string, large_string, dictionary, chunks).

    Args:
        table: any columns, nested ones too.

    Returns:
        u64[n]: columns in the order of their names; a null differs from every value.
    """
    from tamis.kernels.hashing import mix

    hashes = np.zeros(table.num_rows, np.uint64)
    for name in sorted(table.column_names):
        column = table.column(name)
        hashes = mix(hashes, _value_hashes(one_piece(column)))
    return hashes


def _value_hashes(array: pa.Array) -> np.ndarray:
    from tamis.kernels.hashing import mix, murmur128, reduce_lists

    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _value_hashes(array.storage)
    if pa.types.is_dictionary(kind):
        return _value_hashes(array.dictionary_decode())
    if pa.types.is_null(kind):
        return np.full(len(array), _NULL)
    if pa.types.is_map(kind):
        pair = pa.struct([pa.field("key", kind.key_type), pa.field("value", kind.item_type)])
        return _value_hashes(array.cast(pa.large_list(pair)))
    if pa.types.is_struct(kind):
        hashes = np.ones(len(array), np.uint64)
        for child in array.flatten():
            hashes = mix(hashes, _value_hashes(child))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        borders = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        hashes = reduce_lists(_value_hashes(array.flatten()), borders)
    else:
        hashes = murmur128(*utf8(printed(array)))[0]
    if array.null_count:
        hashes = np.where(pc.is_null(array).to_numpy(zero_copy_only=False), _NULL, hashes)
    return hashes


_NULL = np.uint64(0x9E3779B97F4A7C15)


def printed(array: pa.Array) -> pa.Array:
    """Values as bytes: text as it is, fixed-width values by their printed form."""
    kind = array.type
    if _is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return as_binary(array)
    if pa.types.is_fixed_size_binary(kind):
        return as_binary(array.cast(pa.binary()))
    if pa.types.is_float16(kind):
        array = array.cast(pa.float32())
    return as_binary(array.cast(pa.string()))


def ratio(part: np.ndarray, whole: np.ndarray) -> pl.Series:
    """f64[n]; null where the whole is 0. One division of two integers, so that 5 in 50 equals the limit 0.1."""
    # Not by an expression: each would wait until a thread of polars' own gets a core that kernels leave it.
    return pl.Series(part / np.maximum(whole, 1)).scatter(np.flatnonzero(whole <= 0), None)
