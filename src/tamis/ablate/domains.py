"""By what losses are averaged and mixes matched: a column of the documents, or a signal of the run, such as the topics it found."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.ablate.arms import Ground
from tamis.ablate.design import Design
from tamis.ablate.strata import LEAST
from tamis.documents import Columns
from tamis.errors import DataError, StageError, suggest
from tamis.plan import BASE
from tamis.simulate import Numbers

NONE = "(none)"
"""What documents without a value are called."""
THIN = 0.1
"""Of the text: less in values that are matched as one is not worth a word."""


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


def of_columns(docs: pa.Table, columns: Columns, design: Design, *, place: str, beside: bool = False) -> np.ndarray:
    """str[n], of documents that are of no run; those beside a run's have no signals, and are then all of one domain."""
    name = columns.named(design.domain)
    if name not in docs.column_names:
        if design.domain != Design.domain and not (beside and "." in name):
            raise DataError(f'{place}: there is no column "{name}" to tell domains by. {suggest(name, docs.column_names, what="columns:")}')
        return np.full(docs.num_rows, NONE, object)
    values = pl.Series(pl.from_arrow(docs.select([name]))[name])  # type: ignore[index]
    if values.dtype.is_nested():
        raise DataError(f'{place}: the column "{name}" holds {values.dtype}, which tells no domains.\nFix: name a column of texts.')
    return _named(values)


def thin(ground: Ground, folds: int, name: str) -> list[str]:
    """What to know where many values of a domain that was asked for are too rare in a fold to be matched one by one; see `strata`."""
    if name == Design.domain:
        return []
    raw = ground.mixes["raw"] > 0
    names, which = np.unique(ground.domain.astype(str), return_inverse=True)
    counts = np.array([np.bincount(which[raw & ground.inside(fold)], minlength=len(names)) for fold in range(folds)])
    rare = np.median(counts, axis=0) < LEAST
    size = np.bincount(which, ground.size * raw, len(names))
    share = float(size[rare].sum() / max(1, size.sum()))
    if rare.sum() < 2 or share < THIN:
        return []
    said = (
        f'Of {len(names)} values of "{name}" {int(rare.sum())}, with {share:.0%} of the text, have fewer than {LEAST} documents in a fold: the matched '
        "control takes them for one, and a change among them for better documents. More documents, or fewer folds, would tell them apart."
    )
    return [said]


def _named(values: pl.Series) -> np.ndarray:
    return np.asarray(values.cast(pl.String).fill_null(NONE).to_numpy().astype(object))
