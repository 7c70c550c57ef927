"""Limits on what is known already: columns of the data (scores of other tools, licences, addresses), signals of stages above."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import polars as pl
import pyarrow as pa

from tamis.documents import one_piece
from tamis.errors import DataError, StageError
from tamis.files import plain
from tamis.stage import Filter

Listed = Mapping[str, Path | tuple[str, ...]]
DEEPEST = 8
"""Labels of a host name that are compared with a list of domains: "a.b.example.com" has four."""


@dataclass(frozen=True)
class Rules(Filter):
    """Keep documents whose columns, or signals, are within limits, and whose columns are on, or not on, lists.

    A name with a dot in `min` or `max` is a signal of a stage or an edit above: `max: {lines.removed_word_share: 0.05}`.

    Lists are given in the recipe or as the path of a text file, one entry a line, "#" begins a comment. Case and
    surrounding space do not count. `url` compares addresses without scheme, "www." and a final "/"; `domain` compares
    the host of the column `url`, and an entry stands for its subdomains too.

    Args:
        min: column or signal → the least it may be.
        max: column or signal → the most it may be.
        allow: column → list of the only values it may have.
        block: column → list of the values it may not have.

    In `by`, limits are called `min_<column>` and `max_<column>`; for signals `min_<stage>.<signal>` and so on.

    Signals:
        <column>: f64, for each column of `min` and `max`; the signals named there are those of their own stages.
        <column>_allowed, <column>_blocked: bool, for each of `allow` and `block`; null where the column is null.
    """

    min: Mapping[str, float] = field(default_factory=dict)
    max: Mapping[str, float] = field(default_factory=dict)
    allow: Listed = field(default_factory=dict)
    block: Listed = field(default_factory=dict)

    reads: ClassVar = ()

    @property
    def reasons(self) -> Mapping[str, str]:  # type: ignore[override]
        """One for each limit, named by its column."""
        low = {f"min_{column}": f"{column} too low" for column in (*self.min, *self._excepted("min_"))}
        return low | {f"max_{column}": f"{column} too high" for column in (*self.max, *self._excepted("max_"))}

    def check(self) -> None:
        """Refuse a stage without rules and lists without entries."""
        if not (self.min or self.max or self.allow or self.block):
            raise StageError(f'{self.name()} has no rule.\nFix: give it "min", "max", "allow" or "block".')
        super().check()
        if signal := next((name for name in (*self.allow, *self.block) if "." in name), None):
            raise StageError(f'{self.name()}: "allow" and "block" want columns of the data, and "{signal}" is a signal.')
        for column, listed in (*self.allow.items(), *self.block.items()):
            if not _entries(listed):
                raise StageError(f'{self.name()}: the list for "{column}" is empty, so that its rule could never tell documents apart.')

    def columns_read(self) -> tuple[str, ...]:
        """Every column that a rule names; `domain` is read off `url`."""
        columns = (*self._limited(signals=False), *self.allow, *self.block)
        return tuple(dict.fromkeys("url" if column == "domain" else column for column in columns))

    def signals_used(self) -> tuple[str, ...]:
        """The signals that `min` and `max` name, and what every filter uses."""
        return tuple(dict.fromkeys((*super().signals_used(), *self._limited(signals=True))))

    def value_of(self, parameter: str) -> float | None:
        """The limit of "min_<column>" or "max_<column>"."""
        return (self.min if parameter.startswith("min_") else self.max).get(parameter[4:])

    def written(self, parameter: str) -> str:
        """ "min: words" for the limit "min_words"."""
        return f"{parameter[:3]}: {parameter[4:]}"

    def is_share(self, parameter: str) -> bool:
        """Of signals, as of any filter; what a user's column holds, who knows."""
        return "." in parameter and super().is_share(parameter)

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """The columns as numbers, and whether they are on the lists."""
        frame = {column: _numbers(docs, column) for column in self._limited(signals=False)}
        frame |= {f"{column}_allowed": _listed(docs, column, listed) for column, listed in self.allow.items()}
        frame |= {f"{column}_blocked": _listed(docs, column, listed) for column, listed in self.block.items()}
        return pl.DataFrame(frame)

    def rules(self) -> dict[str, pl.Expr]:
        """Limits, then lists."""
        allowed = {f"{column} not allowed": pl.col(f"{column}_allowed") for column in self.allow}
        blocked = {f"{column} blocked": ~pl.col(f"{column}_blocked") for column in self.block}
        return super().rules() | allowed | blocked

    def _limited(self, *, signals: bool) -> list[str]:
        """What `min` and `max` limit, each once: the signals, or the columns."""
        return [name for name in dict.fromkeys((*self.min, *self.max)) if ("." in name) == signals]

    def _excepted(self, prefix: str) -> list[str]:
        """Columns that only `by` limits: they must be measured, so they must stand in `min` or `max` as well."""
        named = [key for groups in self.by.values() if isinstance(groups, Mapping) for limits in groups.values() for key in limits]
        return [key[4:] for key in named if key.startswith(prefix) and key[4:] in (*self.min, *self.max)]


def _numbers(docs: pa.Table, column: str) -> pl.Series:
    kind = docs.schema.field(column).type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind)
    if not number and not pa.types.is_null(kind):
        held = "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind
        raise DataError(f'rules: "min" and "max" want numbers, and the column "{column}" holds {held}.')
    return pl.Series(column, pl.from_arrow(one_piece(docs.column(column)))).cast(pl.Float64)


def _listed(docs: pa.Table, column: str, listed: Path | tuple[str, ...]) -> pl.Series:
    there = "url" if column == "domain" else column
    table = plain(docs.select([there]))
    kind = table.schema.field(0).type
    if pa.types.is_nested(kind):
        raise DataError(f'rules: a list is compared with single values, and the column "{there}" holds {kind}.')
    values = pl.DataFrame(pl.from_arrow(table)).to_series().cast(pl.String).str.strip_chars().str.to_lowercase()
    if column == "domain":
        return _in_domains(values, {_host(entry) for entry in _entries(listed)})
    if column == "url":
        return _address(values).is_in(_address(pl.Series(_entries(listed), dtype=pl.String)).to_list())
    return values.is_in(list(_entries(listed)))


@lru_cache(maxsize=64)
def _entries(listed: Path | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(listed, Path):
        try:
            listed = tuple(listed.read_text("utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise StageError(f'rules: the list "{listed}" cannot be read: {error}.') from error
    cleaned = (str(entry).split("#")[0].strip().lower() for entry in listed)
    return tuple(dict.fromkeys(entry for entry in cleaned if entry))


def _address(urls: pl.Series) -> pl.Series:
    return urls.str.replace(r"^[a-z][a-z0-9+.-]*://", "").str.replace(r"^www\.", "").str.strip_chars_end("/")


def _host(entry: str) -> str:
    return entry.removeprefix("*.").removeprefix(".").split("://")[-1].split("/")[0].removeprefix("www.")


def _in_domains(urls: pl.Series, domains: Iterable[str]) -> pl.Series:
    known = sorted(domains)
    hosts = urls.str.replace(r"^[a-z][a-z0-9+.-]*://", "").str.extract(r"^(?:[^/@]*@)?([^/:?#]+)").str.strip_chars_end(".")
    labels = hosts.str.split(".")
    tails = pl.DataFrame({str(n): labels.list.tail(n).list.join(".").is_in(known) for n in range(1, DEEPEST + 1)})
    return tails.select(pl.any_horizontal(pl.all())).to_series()
