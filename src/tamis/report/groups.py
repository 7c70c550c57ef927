"""Documents and bytes by source, language, licence, topic, date and length: counted from slabs, then told as facts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tamis.report.intervals import interval, share

Fact = dict[str, Any]
AXES = ("source", "lang", "license", "topic", "date")
"""Roles whose values divide the documents into groups; of dates the year does."""
BANDS = (1_000, 2_000, 5_000, 10_000, 50_000)
"""Borders between bands of length, in bytes; a border belongs to the band above it."""
LONGEST = 200
"""Bytes of a value that are told apart; of longer ones the beginning and the length are."""
MOST_VALUES = 1_000_000
"""Different values of an axis that are counted: a column with more does not divide into groups."""
PARTS = 16
"""Counted slabs that are held before they are merged: merging seldom is cheap, holding many is not."""
SHOWN_VALUES = 12
SHOWN_YEARS = 40
SHOWN_CURATED = 50
COUNTED = ("documents", "bytes", "kept", "kept_bytes")


@dataclass
class Groups:
    """Documents and bytes by the values of one axis and the stage that dropped them.

    `year` says that the values are dates, `too_many` that the axis has over `MOST_VALUES` different ones; then nothing is counted.
    """

    year: bool = False
    parts: list[pl.DataFrame] = field(default_factory=list)
    too_many: bool = False

    def add(self, column: pa.Array | pa.ChunkedArray, stages: np.ndarray, sizes: np.ndarray, names: np.ndarray) -> None:
        """Count some documents.

        Args:
            column: their values on the axis, of any type.
            stages: u8[n], the number of the stage that dropped each; 0: kept.
            sizes: of any type[n], bytes.
            names: the stages by their numbers, None for the first.
        """
        if self.too_many:
            return
        codes, known = _coded(column)
        cells = codes * len(names) + stages
        counts = np.bincount(cells)
        found = np.flatnonzero(counts)
        told = values(known, year=self.year)[found // len(names)]
        held = np.bincount(cells, sizes)[found].astype(np.int64)  # as f64, exact below 2^53
        stage = pl.Series("stage", names[found % len(names)].tolist(), pl.String)
        self.parts.append(pl.DataFrame([told, stage, pl.Series("documents", counts[found]), pl.Series("bytes", held)]))
        if len(self.parts) >= PARTS:
            self.parts = [self.counted()]
            self.too_many = self.parts[0]["value"].n_unique() > MOST_VALUES

    def counted(self) -> pl.DataFrame:
        """Value (string, null: the document has none), stage (null: kept), documents, bytes (i64)."""
        empty = pl.DataFrame(schema={"value": pl.String, "stage": pl.String, "documents": pl.Int64, "bytes": pl.Int64})
        return pl.concat([empty, *self.parts]).group_by("value", "stage").agg(pl.col("documents", "bytes").sum())

    def whole(self, stages: Sequence[str]) -> pl.DataFrame:
        """Value, `COUNTED`, and for each stage what it dropped ("documents <stage>", "bytes <stage>"); most documents first, then by value."""
        kept = pl.col("stage").is_null()
        aggregates = [pl.col("documents").sum(), pl.col("bytes").sum()]
        aggregates += [pl.col("documents").filter(kept).sum().alias("kept"), pl.col("bytes").filter(kept).sum().alias("kept_bytes")]
        for stage in stages:
            here = pl.col("stage") == stage
            aggregates += [pl.col(name).filter(here).sum().alias(f"{name} {stage}") for name in ("documents", "bytes")]
        return self.counted().group_by("value").agg(aggregates).sort("documents", "value", descending=[True, False], nulls_last=True)


def _coded(column: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, pl.Series]:
    """i64[n], a number for each value, and the values, of which one is null where any is."""
    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int64), pl.Series("value", [None], pl.String)
    if pa.types.is_floating(column.type):
        column = pc.add(column, 0.0)  # −0 is 0
    if not pa.types.is_dictionary(column.type):
        try:
            column = column.dictionary_encode()
        except pa.ArrowNotImplementedError:  # lists and the like
            column = pl.Series(pl.from_arrow(column)).cast(pl.String).to_arrow().dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    known = pl.Series("value", pl.from_arrow(whole.dictionary))
    codes = np.asarray(whole.indices.fill_null(len(known)).to_numpy(zero_copy_only=False), np.int64)
    return codes, known.extend_constant(None, 1)


def values(column: pl.Series, *, year: bool = False) -> pl.Series:
    """Values of any type as text of bounded length; of a date that begins with one the year."""
    text = pl.Series("value", column.cast(pl.String))
    if year:
        return text.str.extract(r"^\s*([12]\d{3})(?:\D|$|(?:\d{2}|\d{4})(?:\D|$))").alias("value")
    length = text.str.len_bytes()
    beginning = pl.concat_str(pl.col("value").str.head(LONGEST // 4), pl.lit("… ("), length.cast(pl.String), pl.lit(" bytes)"))
    return pl.DataFrame(text).select(pl.when(length > LONGEST).then(beginning).otherwise("value").alias("value")).to_series()


def bands(sizes: np.ndarray) -> pa.DictionaryArray:
    """The band of each document's length: its number, as text."""
    numbers = np.searchsorted(np.array(BANDS, sizes.dtype), sizes, side="right").astype(np.int8)
    return pa.DictionaryArray.from_arrays(pa.array(numbers), [str(i) for i in range(len(BANDS) + 1)])


def band_names() -> list[str]:
    """What the bands of length are called, from short to long."""
    borders = [f"{border // 1000}" for border in BANDS]
    between = [f"{low} to {high} kB" for low, high in itertools.pairwise(borders)]
    return [f"under {borders[0]} kB", *between, f"{borders[-1]} kB and more"]


def axes(groups: Mapping[str, Groups], counts: Mapping[str, Any], stages: Sequence[str], columns: Mapping[str, str]) -> list[Fact]:
    """What the report says of every axis.

    Args:
        groups: axis → what was counted; "length" → by band.
        counts: of the manifest.
        stages: those that drop, in order.
        columns: role → what the data call it.
    """
    found = []
    for axis in AXES:
        if axis in groups:
            front = {"axis": axis, "column": columns.get(axis, axis), **_overall(counts)}
            told = _uncounted() if groups[axis].too_many else _told(groups[axis].whole(stages), counts, stages, by_time=axis == "date")
            found.append({**front, **told})
    whole = groups.get("length", Groups()).whole(stages)
    _check(whole, counts)
    return [*found, {"axis": "length", "column": None, **_overall(counts), **_by_band(whole, counts, stages)}]


def _overall(counts: Mapping[str, Any]) -> Fact:
    return {"overall_kept_share_of_documents": share(counts["kept"], counts["readable"])}


def _check(whole: pl.DataFrame, counts: Mapping[str, Any]) -> None:
    """Nothing is lost between the ledger and the report: our own bug, not the user's."""
    seen = [int(whole[name].sum()) for name in COUNTED]
    told = [counts[name] for name in ("readable", "bytes", "kept", "kept_bytes")]
    assert seen == told, f"the report counts {seen} where the manifest has {told}"


def _uncounted() -> Fact:
    return {"values": None, "rows": [], "other_values": None, "others": None, "curated": [], "curated_others": None}


def _told(whole: pl.DataFrame, counts: Mapping[str, Any], stages: Sequence[str], *, by_time: bool) -> Fact:
    most = SHOWN_YEARS if by_time else SHOWN_VALUES
    rows = [_row(row, counts, stages) for row in whole.head(most).iter_rows(named=True)]
    if by_time:
        rows.sort(key=lambda row: (row["value"] is None, row["value"] or ""))
    else:
        rows.sort(key=lambda row: (row["kept_share_of_documents"], -row["documents"], row["value"] is None, row["value"] or ""))
    kept = whole.filter(pl.col("kept") > 0).sort("kept", "value", descending=[True, False], nulls_last=True)
    left = kept.slice(SHOWN_CURATED)
    return {
        "values": whole.height,
        "rows": rows,
        "other_values": max(0, whole.height - most),
        "others": _sum(whole.slice(most), counts, stages),
        "curated": [
            _curated(row["value"], row["kept"], row["kept_bytes"], counts) for row in kept.head(SHOWN_CURATED).iter_rows(named=True)
        ],
        "curated_others": _curated(left.height, int(left["kept"].sum()), int(left["kept_bytes"].sum()), counts) if left.height else None,
    }


def _row(row: Mapping[str, Any], counts: Mapping[str, Any], stages: Sequence[str]) -> Fact:
    return {
        "value": row["value"],
        **{name: row[name] for name in COUNTED},
        "kept_share_of_documents": share(row["kept"], row["documents"]),
        "kept_share_interval": interval(row["kept"], row["documents"]),
        "kept_share_of_bytes": share(row["kept_bytes"], row["bytes"]),
        "share_of_readable_bytes": share(row["bytes"], counts["bytes"]),
        "share_of_kept_bytes": share(row["kept_bytes"], counts["kept_bytes"]),
        "dropped": [
            {
                "stage": name,
                "documents": row[f"documents {name}"],
                "bytes": row[f"bytes {name}"],
                "share_of_documents": share(row[f"documents {name}"], row["documents"]),
            }
            for name in stages
        ],
    }


def _sum(whole: pl.DataFrame, counts: Mapping[str, Any], stages: Sequence[str]) -> Fact | None:
    if not whole.height:
        return None
    return _row({"value": None, **{name: int(whole[name].sum()) for name in whole.columns if name != "value"}}, counts, stages)


def _curated(value: Any, documents: int, size: int, counts: Mapping[str, Any]) -> Fact:
    return {"value": value, "documents": documents, "bytes": size, "documents_share_of_kept": share(documents, counts["kept"])}


def _by_band(whole: pl.DataFrame, counts: Mapping[str, Any], stages: Sequence[str]) -> Fact:
    counted = {row["value"]: row for row in whole.iter_rows(named=True)}
    none = dict.fromkeys((name for name in whole.columns if name != "value"), 0)
    rows = [_row({**counted.get(str(i), none), "value": name}, counts, stages) for i, name in enumerate(band_names())]
    return {"values": len(rows), "rows": rows, "other_values": 0, "others": None, "curated": [], "curated_others": None}
