"""Which of documents that are alike stays: preference, then the text's hash, then the hash of the other columns, then place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tamis.errors import StageError
from tamis.where import reference

Prefer = Sequence[str | Mapping[str, Sequence[str]]]
TIES = ("text._high", "text._low", "text._rest")


def check(prefer: Prefer, stage: str) -> None:
    """Refuse an entry that is neither a name nor one column with its values, best first."""
    for entry in prefer:
        if not isinstance(entry, str) and len(entry) != 1:
            raise StageError(f'{stage}: "prefer" takes names, or one column with its values, best first; not "{dict(entry)}".')


def names(prefer: Prefer) -> tuple[str, ...]:
    """What the order looks at besides `row`."""
    return tuple(dict.fromkeys([_name(entry) for entry in prefer] + list(TIES)))


def best_first(frame: pl.LazyFrame, prefer: Prefer) -> pl.LazyFrame:
    """Sort rows so that of any group the one that stays comes first; what is null comes last."""
    keys = [*keys_of(prefer), *((pl.col(name), False) for name in (*TIES, "row"))]
    return frame.sort([key for key, _ in keys], descending=[down for _, down in keys], nulls_last=True)


def keys_of(prefer: Prefer) -> list[tuple[pl.Expr, bool]]:
    """For each entry an expression, and whether more of it is better; null is worst."""
    return [_key(entry) for entry in prefer]


def _name(entry: str | Mapping[str, Sequence[str]]) -> str:
    name = entry.removeprefix("-") if isinstance(entry, str) else next(iter(entry))
    return "text.bytes" if name == "length" else reference(name)


def _key(entry: str | Mapping[str, Sequence[str]]) -> tuple[pl.Expr, bool]:
    """An expression, and whether more of it is better."""
    column = pl.col(_name(entry))
    if isinstance(entry, str):
        return column, not entry.startswith("-")
    values = [str(value) for value in next(iter(entry.values()))]
    return column.cast(pl.String).replace_strict(values, list(range(len(values))), default=len(values), return_dtype=pl.UInt32), False
