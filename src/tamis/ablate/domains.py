"""By what losses are averaged and mixes matched: a column of the documents, or a signal of the run, such as the topics it found."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.ablate.design import Design
from tamis.documents import Columns
from tamis.errors import DataError, StageError, suggest
from tamis.plan import BASE
from tamis.simulate import Numbers

NONE = "(none)"
"""What documents without a value are called."""


def of_run(numbers: Numbers, docs: pa.Table, taken: np.ndarray, columns: Columns, design: Design) -> np.ndarray:
    """str[n], of the documents of a run that are taken.

    Args:
        numbers: of the run.
        docs: those documents.
        taken: bool[documents of the run].
        columns: what the run calls the roles.
        design: whose `domain` is a column, or else, with a dot in it, a signal of the run: "topics.topic".

    Raises:
        DataError: there is no such column, or it holds no single values.
        StageError: there is no such signal, or it is a number.
    """
    name, run = design.domain, numbers.run
    if "." not in name or columns.named(name) in docs.column_names:
        return of_columns(docs, columns, design, place=run.out)
    known = [
        f"{stage}.{signal}" for stage, signals in run.measured.items() if stage != BASE for signal in signals if not signal.startswith("_")
    ]
    if name not in known:
        raise StageError(f'domain: there is no signal "{name}" in {run.out}. {suggest(name, known, what="signals:")}')
    values = pl.concat(list(numbers.each([name], lambda _, frame: frame)))[name]
    if values.dtype not in (pl.String, pl.Boolean, pl.Null):
        raise StageError(
            f'domain: "{name}" holds {values.dtype}, which tells no domains.\nFix: name a signal of words, such as topics.topic.'
        )
    return _named(values.filter(pl.Series(taken)))


def of_columns(docs: pa.Table, columns: Columns, design: Design, *, place: str) -> np.ndarray:
    """str[n], of documents that need not be those of a run: a signal they have not, and are then all of one domain."""
    name = columns.named(design.domain)
    if name not in docs.column_names:
        if design.domain != Design.domain and "." not in name:
            raise DataError(f'{place}: there is no column "{name}" to tell domains by. {suggest(name, docs.column_names, what="columns:")}')
        return np.full(docs.num_rows, NONE, object)
    values = pl.Series(pl.from_arrow(docs.select([name]))[name])  # type: ignore[index]
    if values.dtype.is_nested():
        raise DataError(f'{place}: the column "{name}" holds {values.dtype}, which tells no domains.\nFix: name a column of texts.')
    return _named(values)


def _named(values: pl.Series) -> np.ndarray:
    return np.asarray(values.cast(pl.String).fill_null(NONE).to_numpy().astype(object))
