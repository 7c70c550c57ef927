"""The ledger as it lies on disk."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tamis import files
from tamis.judging import Slab

LEDGER_ROWS = 1_000_000
"""Rows of one file of the ledger, about."""


def addressed(slab: Slab, shards: pl.Series) -> pl.DataFrame:
    """The ledger of a slab as it lies on disk: shard (of each document) and row in front, and the id where documents have one."""
    front = [shards, slab.ledger["row"]]
    front += [slab.beside["doc.id"].cast(pl.String).alias("id")] if "doc.id" in slab.beside.columns else []
    return pl.DataFrame(front).hstack(slab.ledger.drop("row"))


@dataclass
class Written:
    """The ledger in files of about a million rows, a row group a slab."""

    folder: str
    _stack: ExitStack = field(default_factory=ExitStack)
    _writer: Any = None
    _rows: int = 0
    _files: int = 0

    def __enter__(self) -> Self:
        return self

    def add(self, table: pa.Table) -> None:
        """Write a slab."""
        if self._writer is None:
            file = self._stack.enter_context(files.writing(files.join(self.folder, f"part-{self._files:05d}.parquet")))
            # What hardly repeats is written twice as fast without a dictionary.
            repeating = [name for name in table.column_names if name not in ("id", "partner", "similarity")]
            self._writer = self._stack.enter_context(
                pq.ParquetWriter(
                    file, table.schema, compression="zstd", use_dictionary=[*repeating, "reasons.list.element", "also.list.element"]
                )
            )
            self._rows, self._files = 0, self._files + 1
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._rows += table.num_rows
        if self._rows >= LEDGER_ROWS:
            self._end()

    def _end(self) -> None:
        self._stack.close()
        self._writer = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # What was begun when something failed must not appear under its name.
        self._stack.__exit__(kind, error, trace)
