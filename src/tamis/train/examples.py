"""Labelled texts: from files of one class each, or from a column that names the class."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from tamis import shards
from tamis.columns import require_text
from tamis.documents import Columns, as_text, canonical, one_piece, printed, require_columns, utf8
from tamis.errors import DataError, suggest
from tamis.files import is_local, open_read
from tamis.formats import JSON_LINES, told

LEAST = 20
"""Documents of a class below which nothing is trained: validation would rest on four."""


@dataclass(frozen=True)
class Examples:
    """Documents with a class each, in an order that depends on their texts alone.

    Args:
        texts: large_string[n], none blank.
        keys: u64[n], the low half of the 128-bit hash of the text.
        label: i64[n], an index into `labels`.
        labels: names of the classes, sorted.
        columns: name → string[n] with nulls, of every flat column that all files have, without the text.
        inputs: for each file its name, SHA-256, class (null: given by a column) and documents.
        left_out: why → documents that were not used.
        shared: class → documents that were not used as their texts stand in another class too.
    """

    texts: pa.Array
    keys: np.ndarray
    label: np.ndarray
    labels: tuple[str, ...]
    columns: Mapping[str, pa.Array]
    inputs: tuple[Mapping[str, Any], ...]
    left_out: Mapping[str, int]
    shared: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def sizes(self) -> np.ndarray:
        """i64[n], bytes of each text."""
        return np.diff(utf8(self.texts)[1])

    def take(self, rows: np.ndarray, why: str | None = None) -> Examples:
        """Some of the examples; `why` is what the others are left out for."""
        chosen = pa.array(rows)
        left = {**self.left_out, why: len(self) - len(rows)} if why else self.left_out
        columns = {name: column.take(chosen) for name, column in self.columns.items()}
        return replace(self, texts=self.texts.take(chosen), keys=self.keys[rows], label=self.label[rows], columns=columns, left_out=left)

    def relabelled(self, labels: tuple[str, ...], label: np.ndarray) -> Examples:
        """The same with other classes; `label` is i64[n], places in `labels`."""
        return replace(self, labels=labels, label=label)


def chosen(positive: Sequence[str], negative: Sequence[str], data: Sequence[str], label_column: str | None, columns: Columns) -> Examples:
    """Examples as a command asks for them: files of two classes, or files with a column that names the class.

    Raises:
        DataError: both are asked for, or neither.
    """
    if bool(data) == bool(positive or negative) or bool(data) != bool(label_column):
        raise DataError("texts come with --positive and --negative, or with --data and --label-column.\nFix: give one pair of them.")
    if data:
        return from_column(data, str(label_column), columns)
    for name, places in (("positive", positive), ("negative", negative)):
        if not places:
            raise DataError(f"a classifier needs two classes, and there is no --{name}.\nFix: give files of it.")
    return from_classes({"positive": positive, "negative": negative}, columns)


def from_classes(classes: Mapping[str, Sequence[str]], columns: Columns) -> Examples:
    """Examples from files of one class each.

    Args:
        classes: name → Parquet or JSONL files, or folders of Parquet; at least two.
        columns: what the files call the text.

    Raises:
        DataError: there is but one class, a file cannot be read, or a class has too few documents.
    """
    parts = [(_table(place, columns), name, place) for name, places in classes.items() for place in _files(places)]
    return _enough(
        _examples([(table, np.full(table.num_rows, name, object), _described(place, table, name)) for table, name, place in parts], columns)
    )


def from_column(places: Sequence[str], column: str, columns: Columns) -> Examples:
    """Examples from files whose column says the class; rows without one are left out.

    Raises:
        DataError: as for `from_classes`, or there is no such column.
    """
    return _enough(labelled(places, column, columns))


def labelled(places: Sequence[str], column: str, columns: Columns, spelled: Callable[[str], str] | None = None) -> Examples:
    """The same, of however few classes and documents.

    Args:
        places: Parquet or JSONL files, or folders of Parquet.
        column: says the class.
        columns: what the files call the text.
        spelled: a class as the column has it → as fastText can say it, which has no white space; None: underscores for it.

    Raises:
        DataError: a file cannot be read, or has no such column.
    """
    parts = []
    for place in _files(places):
        table = _table(place, columns)
        require_columns([column], table.column_names, place=place, reader="--label-column")
        if pa.types.is_nested(kind := table.schema.field(column).type):
            raise DataError(
                f'"{place}": the column "{column}" holds {kind}, and one class is wanted.\nFix: name a column of single values.'
            )
        said = as_text(printed(one_piece(table.column(column)))).to_pylist()
        names = [one if one is None or spelled is None else spelled(one) for one in said]
        parts.append((table, np.array(names, object), _described(place, table, None)))
    return _examples(parts, columns, without=column)


def _files(places: Sequence[str]) -> list[str]:
    places = shards.expanded(places)
    found = [place for place in places if place.endswith(JSON_LINES)]
    others = [place for place in places if place not in found]
    return found + (list(shards.find(others).values()) if others else [])


def _table(place: str, columns: Columns) -> pa.Table:
    try:
        with open_read(place) as file:
            if not place.endswith(JSON_LINES):
                table = pq.read_table(pa.PythonFile(file, mode="r"))
            else:
                stream = pa.CompressedInputStream(file, "gzip") if place.endswith(".gz") else file
                table = pj.read_json(stream, read_options=pj.ReadOptions(block_size=1 << 26))
    except (OSError, pa.ArrowException) as error:
        other = None if place.endswith(JSON_LINES) else told(place, "tamis train", "Parquet and JSON Lines")
        raise DataError(other or f'"{place}" cannot be read: {shards.sentence(error)}.') from error
    require_text(columns, table.schema, place=place, reader="tamis train", fix="say which it is: --{role} {column}")
    return table


def _described(place: str, table: pa.Table, label: str | None) -> dict[str, Any]:
    with open_read(place) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    return {
        "file": os.path.basename(place) if is_local(place) else place.rsplit("/", 1)[-1],
        "sha256": digest,
        "class": label,
        "documents": table.num_rows,
    }


def _examples(parts: Sequence[tuple[pa.Table, np.ndarray, Mapping[str, Any]]], columns: Columns, without: str | None = None) -> Examples:
    from tamis.kernels.hashing import murmur128

    batches = [(canonical(table, columns), said) for table, said, _ in parts]
    shared = set.intersection(*(set(_flat(batch.docs)) for batch, _ in batches)) - {"text", without} if batches else set()
    texts = pa.concat_arrays([one_piece(batch.docs.column("text")) for batch, _ in batches])
    said = np.array([_name(one) for batch, said in batches for one in said[batch.rows]], object)
    values = {name: pa.concat_arrays([_printed(batch.docs, name) for batch, _ in batches]) for name in sorted(shared)}
    unreadable = sum(batch.broken.num_rows for batch, _ in batches)
    blank = np.array([not text.as_py().strip() for text in texts], np.bool_) if len(texts) else np.zeros(0, np.bool_)
    unlabelled = said == ""
    known = tuple(sorted({str(one) for one in said[~unlabelled]}))
    keys, high = murmur128(*utf8(texts))
    label = np.searchsorted(np.array(known), np.where(unlabelled, known[0] if known else "", said).astype(str)).astype(np.int64)
    order = np.lexsort((label, high, keys))
    inputs = tuple(sorted((part[2] for part in parts), key=lambda one: (str(one["class"]), one["sha256"])))
    every = Examples(texts, keys, label, known, values, inputs, {"unreadable": unreadable})
    kept = every.take(order[~blank[order] & ~unlabelled[order]], "blank, or without a label")
    twice = _contradicted(kept)
    aside = {name: int((kept.label[twice] == i).sum()) for i, name in enumerate(kept.labels)}
    return replace(kept.take(np.flatnonzero(~twice), "the same text in two classes"), shared=aside)


def _name(label: str | None) -> str:
    """A class as fastText can say it, without white space; "" for none."""
    return re.sub(r"[\s\0]+", "_", (label or "").strip())


def _flat(table: pa.Table) -> list[str]:
    return [field.name for field in table.schema if not pa.types.is_nested(field.type)]


def _printed(table: pa.Table, name: str) -> pa.Array:
    return as_text(printed(one_piece(table.column(name))))


def _contradicted(examples: Examples) -> np.ndarray:
    """bool[n]: texts that stand in more than one class."""
    _, which = np.unique(examples.keys, return_inverse=True)
    least, most = np.full(which.max(initial=-1) + 1, len(examples.labels)), np.full(which.max(initial=-1) + 1, -1)
    np.minimum.at(least, which, examples.label)
    np.maximum.at(most, which, examples.label)
    return np.asarray((least != most)[which])


def _enough(examples: Examples) -> Examples:
    if len(examples.labels) < 2:
        there = f'all documents are of the class "{examples.labels[0]}"' if examples.labels else "no document has a class"
        raise DataError(
            f"a classifier needs two classes, and {there}.\nFix: give --positive and --negative, or a --label-column with two values."
        )
    for i, name in enumerate(examples.labels):
        if (count := int((examples.label == i).sum())) < LEAST:
            aside = examples.shared.get(name, 0)
            own = f"; {aside} were set aside, for another class has the same texts" if aside else ""
            fix = "give texts that no other class has." if aside else "give more of it."
            raise DataError(
                f'the class "{name}" has {count} documents with text{" of its own" if aside else ""}; '
                f"at least {LEAST} are needed to train and validate{own}.\nFix: {fix}"
            )
    return examples


def refuse_unknown(labels: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a label that no document has.

    Raises:
        DataError: names it, and the nearest that exists.
    """
    for label in labels:
        if label not in known:
            raise DataError(f'no document has the label "{label}". {suggest(label, known, what="labels:")}')
