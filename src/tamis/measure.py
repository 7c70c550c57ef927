"""Walk a table of documents down a recipe: edits rewrite the text, stages measure it, faults are kept apart.

A document on which a stage raises is measured as null, and counted; a stage that raises on every document is broken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import Batch, Columns, as_text, hashes, one_piece, printed, row_hashes, utf8, valid_texts
from tamis.errors import StageError, TamisError
from tamis.files import plain, read_bytes
from tamis.stage import Edit, Stage

REWRITTEN = "_rewritten"
"""The private signal of every edit: whether it changed the text, so that a run edits only those documents again when it writes."""
PATIENCE = 25
"""Documents in a row on which a stage may raise before it is taken for broken."""


@dataclass(frozen=True)
class Step:
    """A stage of a recipe under its name, with what it was fitted to: the bytes, or the file that holds them."""

    name: str
    stage: Stage
    fitted: bytes | str | None = None

    def arguments(self) -> tuple[bytes, ...]:
        """What `measure` and `edit` take after the documents."""
        if self.fitted is None:
            return ()
        return (self.fitted if isinstance(self.fitted, bytes) else _load(self.fitted),)


@lru_cache(maxsize=4)
def _load(path: str) -> bytes:
    return read_bytes(path)


@dataclass(frozen=True)
class Measured:
    """What one step found: signals under plain names, and the documents it failed on (index in the table, error)."""

    name: str
    signals: pl.DataFrame
    faults: dict[int, str]


def walk(
    docs: pa.Table, steps: Sequence[Step], wanted: Collection[str], columns: Columns, *, whole: bool = True
) -> Iterator[tuple[Measured | None, pa.Table]]:
    """Take documents through the steps in order, measuring those whose names are wanted.

    Args:
        docs: canonical.
        steps: all of the recipe, or its beginning.
        wanted: names of the steps to measure; the others only edit, if they are edits.
        columns: what the data calls the roles.
        whole: these are all documents there are, so that a stage that fails on each of them is broken.

    Yields:
        After each step: what it measured, if wanted, and the documents as it left them.
    """
    for step in steps:
        if isinstance(step.stage, Edit):
            measured, docs = edited(step, docs, columns, whole=whole)
            yield (measured if step.name in wanted else None), docs
        elif step.name in wanted:
            yield measure(step, docs, columns, whole=whole), docs
        else:
            yield None, docs


def measure(step: Step, docs: pa.Table, columns: Columns, *, whole: bool = True) -> Measured:
    """The signals of one stage; null where it raises."""
    call = _Careful(step, lambda table: _checked(step, table, step.stage.measure(table, *step.arguments())), whole)
    frames = call(select(step.stage.columns_read(), docs, columns, step.name))
    return Measured(step.name, _together(frames), call.faults)


def edited(step: Step, docs: pa.Table, columns: Columns, *, whole: bool = True) -> tuple[Measured, pa.Table]:
    """The signals of an edit and the documents it leaves; a document on which it raises stays as it was."""
    edit = step.stage
    assert isinstance(edit, Edit)

    def rewrite(table: pa.Table) -> tuple[pa.Array, pl.DataFrame]:
        texts, signals = edit.edit(table, *step.arguments())
        if len(texts) != table.num_rows:
            raise StageError(f"{step.name} returned {len(texts)} texts for {table.num_rows} documents.")
        return texts, _checked(step, table, signals)

    call = _Careful(step, rewrite, whole)
    parts = call(select(edit.columns_read(), docs, columns, step.name))
    texts = [one_piece(part) for part, _ in parts]
    text = (texts[0] if len(texts) == 1 else pa.concat_arrays(texts)).cast(pa.large_string())
    signals = _together([signals for _, signals in parts]).with_columns(_changed(one_piece(docs.column("text")), text).alias(REWRITTEN))
    return Measured(step.name, signals, call.faults), docs.set_column(docs.column_names.index("text"), "text", text)


def _changed(before: pa.Array, after: pa.Array) -> pl.Series:
    """bool[n]: which texts are others now. Of an edit that gave the same buffers back none are, and nobody has to look at them."""
    pairs = list(zip(utf8(before), utf8(after), strict=True))
    if all(a.ctypes.data == b.ctypes.data and a.size == b.size for a, b in pairs):
        return pl.Series(np.zeros(len(after), np.bool_))
    return pl.Series(pa.compute.not_equal(before, after))


def select(names: Sequence[str], docs: pa.Table, columns: Columns, reader: str) -> pa.Table:
    """The columns that a stage reads, under the names by which it asks for them."""
    from tamis.documents import require_columns

    real = [name if name == "text" else columns.named(name) for name in names]
    require_columns(real, docs.column_names, place="the data", reader=reader)
    if not names:
        return docs.select([])
    return pa.table({name: docs.column(there) for name, there in zip(names, real, strict=True)})


def base(batch: Batch, columns: Columns, carried: Sequence[str], *, ties: bool, used: Collection[str] = ()) -> pl.DataFrame:
    """What the house itself keeps of each document.

    Args:
        batch: readable documents.
        columns: what the data calls the roles.
        carried: roles and columns to copy.
        ties: also hash the other columns, to break ties between identical texts.
        used: those of `carried` that decisions look at; of the others nested ones are left out.

    Returns:
        row (i64, in the table), and the columns of `house_numbers` and `copied`.
    """
    frame = pl.DataFrame({"row": batch.rows}).hstack(house_numbers(batch, ties=ties))
    return frame.hstack(from_arrow(copied(batch, columns, carried, used)))


def house_numbers(batch: Batch, *, ties: bool) -> pl.DataFrame:
    """text.bytes (u32), text._low and text._high (u64, 128-bit hash of the text as it was read), text._rest (u64, if `ties`)."""
    text = batch.docs.column("text")
    low, high = hashes(text)
    borders = utf8(text)[1]
    frame = {"text.bytes": np.diff(borders).astype(np.uint32), "text._low": low, "text._high": high}
    if ties:
        frame["text._rest"] = row_hashes(batch.docs.drop_columns(["text"]))
    return pl.DataFrame(frame)


def copied(batch: Batch, columns: Columns, carried: Sequence[str], used: Collection[str] = ()) -> pa.Table:
    """doc.<name> for each carried column, for `from_arrow`."""
    names = [columns.named(name) for name in carried]
    present = [(f"doc.{name}", there) for name, there in zip(carried, names, strict=True) if there in batch.docs.column_names]
    flat = [(name, there) for name, there in present if name[4:] in used or not pa.types.is_nested(_storage(batch.docs.column(there)).type)]
    return pa.table({name: _flat(batch.docs.column(there), there) for name, there in flat})


def names_used(steps: Sequence[Step]) -> set[str]:
    """Roles and columns that the decisions of some steps look at."""
    return {name.removeprefix("doc.") for step in steps for name in step.stage.signals_used() if name.startswith("doc.")}


def printed_ids(column: pa.ChunkedArray) -> pa.Array:
    """Ids as the ledger shows them, of whatever type; null where they cannot be shown."""
    if pa.types.is_nested(_storage(column).type):
        return pa.nulls(len(column), pa.string())
    shown = from_arrow(pa.table({"id": _flat(column, "id")}))["id"].cast(pl.String)
    return pa.array(shown.to_list(), pa.string())


def _storage(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    return pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type) if isinstance(kind, pa.BaseExtensionType) else column


def _flat(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """A column as a type that polars can print and compare."""
    column = _storage(column)
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_nested(kind):
        raise StageError(
            f'a decision uses the column "{name}", which holds {kind}: it needs a number, a date or a text.\n'
            "Fix: add a flat column that holds what you decide by."
        )
    if pa.types.is_duration(kind):
        return column.cast(pa.int64())
    if not (pa.types.is_primitive(kind) or pa.types.is_decimal128(kind) or pa.types.is_null(kind)):  # text, bytes, what polars has not
        return pa.chunked_array([as_text(printed(one_piece(column)))])
    return column


def from_arrow(table: pa.Table) -> pl.DataFrame:
    """The carried columns; a text that is not valid UTF-8, which polars would refuse, is null there, and so is NaN."""
    for i, item in enumerate(table.schema):
        if pa.types.is_large_string(item.type):
            whole = one_piece(table.column(i))
            good = valid_texts(whole)
            if not good.all():
                table = table.set_column(i, item, pa.compute.if_else(pa.array(good), whole, pa.scalar(None, item.type)))
    return without_nan(pl.DataFrame(pl.from_arrow(table))) if table.num_columns else pl.DataFrame()


def without_nan(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with null for NaN, which polars takes for the largest of numbers and limits for none."""
    # A sum tells whether any value is NaN; an expression would wait for a thread of polars' own, at every piece of every stage.
    doubtful = [one.name for one in frame.get_columns() if one.dtype.is_float() and math.isnan(one.sum())]
    return frame.with_columns(pl.col(doubtful).fill_nan(None)) if doubtful else frame


def _checked(step: Step, docs: pa.Table, signals: Any) -> pl.DataFrame:
    if not isinstance(signals, pl.DataFrame):
        raise StageError(f'{step.name} must measure a polars DataFrame, not "{type(signals).__name__}".')
    if signals.height != docs.num_rows and signals.width:
        raise StageError(f"{step.name} measured {signals.height} rows for {docs.num_rows} documents.")
    return without_nan(signals) if signals.width else pl.DataFrame()


def _together(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One frame of those that a stage gave: nearly always a single one."""
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="vertical_relaxed")


@dataclass
class _Careful:
    """Call a stage; where it raises, on halves, until only the documents that it cannot take are left out."""

    step: Step
    call: Callable[[pa.Table], Any]
    whole: bool
    faults: dict[int, str] = field(default_factory=dict)
    row: int = 0

    def __call__(self, docs: pa.Table) -> list[Any]:
        results = self._try(docs)
        if self.whole and 1 < docs.num_rows == len(self.faults):
            raise broken(self.step.name, self.faults[0])
        return results

    def _try(self, docs: pa.Table) -> list[Any]:
        try:
            result = self.call(docs)
        except (TamisError, MemoryError):
            raise
        except Exception as error:
            if docs.num_rows == 0:
                raise StageError(f"{self.step.name} fails on zero documents: {_said(error)}") from error
            if docs.num_rows > 1:
                half = docs.num_rows // 2
                return self._try(docs.slice(0, half)) + self._try(docs.slice(half))
            self.faults[self.row] = _said(error)
            if self.row + 1 == len(self.faults) >= PATIENCE:
                raise broken(self.step.name, self.faults[0]) from error
            result = self._nothing(docs)
        self.row += docs.num_rows
        return [result]

    def _nothing(self, docs: pa.Table) -> Any:
        (result,) = self._try(docs.slice(0, 0))
        schema = (result[1] if isinstance(result, tuple) else result).schema
        nulls = pl.DataFrame({name: [None] for name in schema}, schema=schema) if schema else pl.DataFrame()
        return (one_piece(docs.column("text")), nulls) if isinstance(result, tuple) else nulls


def broken(name: str, said: str) -> StageError:
    """The sentence for a stage that raises on every document."""
    return StageError(f"{name} fails on every document: {said}\nFix: run check_stage from tamis.testing on it.")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def stored(signals: pl.DataFrame, rows: np.ndarray) -> pa.Table:
    """Signals as they lie on disk, in one piece: with the row number in front, private columns too."""
    table = plain(signals.to_arrow())
    return pa.table([pa.array(rows), *table.columns], ["row", *table.column_names]).combine_chunks()


def faults_json(faults: Mapping[int, str], rows: np.ndarray) -> dict[str, str]:
    """Faults by row number in the shard."""
    return {str(rows[i]): said for i, said in sorted(faults.items())}
