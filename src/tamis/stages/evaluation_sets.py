"""Evaluation sets, read from files: the texts of every item, and where each of them comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis import json_lines
from tamis.errors import DataError, suggest

FORMATS = (".parquet", ".jsonl", ".jsonl.gz", ".txt")


class Texts(NamedTuple):
    """Texts of items, by set in the order of their names, then by row.

    Args:
        names: of the sets.
        texts: all texts.
        sets: i64[t], the set of each text, as a place in `names`.
        rows: i64[t], the row of its item: row + 1 is the line of a JSONL or text file.
    """

    names: list[str]
    texts: list[str]
    sets: np.ndarray
    rows: np.ndarray


def read(against: Mapping[str, Path], fields: Mapping[str, Sequence[str]], texts: Literal["each", "joined"]) -> Texts:
    """The texts of some evaluation sets.

    Args:
        against: name of a set → its file.
        fields: name of a set → which fields of an item are text, in this order; "a.b" is field b inside of a. Sets that are
            not named: every text, also of lists and of fields inside fields, in the order of the file.
        texts: "joined" makes one text of all those of an item.

    Raises:
        DataError: a file cannot be read; names the file, the line and what was expected.
    """
    found: list[str] = []
    sets: list[int] = []
    rows: list[int] = []
    names = sorted(against)
    for number, name in enumerate(names):
        for row, item in _items(against[name], fields.get(name, ())):
            some = ["\n".join(item)] if texts == "joined" and item else item
            found += some
            sets += [number] * len(some)
            rows += [row] * len(some)
    return Texts(names, found, np.array(sets, np.int64), np.array(rows, np.int64))


def known(path: Path) -> bool:
    """Whether the name says a format that can be read."""
    return path.name.lower().endswith(FORMATS)


def _items(path: Path, fields: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """(row, texts) of every item of a file."""
    name = path.name.lower()
    values = _parquet(path, fields) if name.endswith(".parquet") else json_lines.lines(path) if name.endswith(".txt") else json_lines.values(path)
    missing = dict.fromkeys(fields, True)
    seen: dict[str, bool] = {}
    for row, value in enumerate(values):
        if not fields:
            yield row, list(_texts(value))
            continue
        picked = {field: list(_field(value, field.split("."))) for field in fields}
        missing = {field: missing[field] and not picked[field] for field in fields}
        if isinstance(value, Mapping):
            seen |= dict.fromkeys(value, True)
        yield row, [text for field in fields for one in picked[field] for text in _texts(one)]
    for field in fields:
        if missing[field]:
            raise DataError(f'{path}: no item has the field "{field}". {suggest(field, seen, what="fields:")}')


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value that is not blank, however deep."""
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _field(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """What a path of fields leads to, in each part of a list that it passes."""
    if not path:
        yield value
    elif isinstance(value, Mapping):
        if path[0] in value:
            yield from _field(value[path[0]], path[1:])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _field(one, path)


def _parquet(path: Path, fields: Sequence[str]) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path) as file:
            columns = [field.name for field in file.schema_arrow if _may_hold_text(field.type) or field.name in fields]
            for batch in file.iter_batches(columns=columns):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {json_lines.first_line(error)}.\nFix: write the file again.") from error


def _may_hold_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _may_hold_text(kind.value_type)
    return bool(pa.types.is_nested(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
