"""Exact duplicates: one of every group of equal texts stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tamis import preference
from tamis.documents import hashes, one_piece, printed, utf8
from tamis.errors import StageError
from tamis.stage import Stage

REASON = "exact duplicate"
DIFFERENCES = ("case", "white_space", "punctuation")


@dataclass(frozen=True)
class ExactDuplicates(Stage):
    """Keep one of every group of documents whose text, or any other column, is the same.

    Two values are the same if their 128-bit hashes are (MurmurHash3 x64; among 10^12 documents the chance of one
    false pair is below 10^-14). A column that is null or empty makes nothing a duplicate.

    Args:
        column: what is compared: "text" or any column, such as "url".
        ignore: differences that do not count: "case", "white_space" (any run of it is one space), "punctuation"
            (and symbols). For text columns.
        prefer: who stays, best first: a signal of a stage above ("quality.score": more is better), "length", a column
            ("date"), "-date" for less is better, or a column with its values best first ({source: [wiki, web]}). Ties go by the
            text's hash, the hash of the other columns, then place, so that neither workers nor shards matter.
        where: only documents that meet this condition are compared, with each other.

    Ledger:
        partner: the document that stayed. similarity: f64, 1 for a duplicate. cluster_size: u32, documents of the group.
    """

    column: str = "text"
    ignore: tuple[Literal["case", "white_space", "punctuation"], ...] = ()
    prefer: tuple[str | Mapping[str, tuple[str, ...]], ...] = ()
    where: str | None = None

    measured_by: ClassVar = ("column", "ignore")
    needs_corpus: ClassVar = True

    def check(self) -> None:
        """Refuse a preference that names nothing."""
        preference.check(self.prefer, self.name())
        for difference in self.ignore:
            if difference not in DIFFERENCES:
                raise StageError(f'{self.name()}: "ignore" takes case, white_space and punctuation, not "{difference}".')

    def columns_read(self) -> tuple[str, ...]:
        """The compared column."""
        return (self.column,)

    def signals_used(self) -> tuple[str, ...]:
        """What the preference, the ties and `where` look at."""
        return tuple(dict.fromkeys((*super().signals_used(), *preference.names(self.prefer))))

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """The hash of the column, u64 × 2, private; null where there is nothing to compare."""
        from tamis.kernels.hashing import murmur128_folded

        column = docs.column(self.column)
        values = printed(one_piece(column))
        if self.ignore:
            data, borders = utf8(values)
            case, white_space, punctuation = (difference in self.ignore for difference in DIFFERENCES)
            low, high = murmur128_folded(data, borders, case=case, white_space=white_space, punctuation=punctuation)
        else:
            low, high = hashes(values)
        absent = pc.is_null(values).to_numpy(zero_copy_only=False)
        if self.column != "text":
            absent |= pc.fill_null(pc.equal(pc.binary_length(values), 0), fill_value=True).to_numpy(zero_copy_only=False)
        nothing = np.flatnonzero(absent)
        return pl.DataFrame({name: pl.Series(half).scatter(nothing, None) for name, half in (("_low", low), ("_high", high))})

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """All but the first of each group, best first, are dropped."""
        del relations
        same = ["_low", "_high"]
        # Most documents are alone: only those that share half a hash are sorted.
        likely = signals.filter(pl.col("_low").is_not_null() & pl.col("_low").is_duplicated())
        groups = preference.best_first(likely, self.prefer).group_by(same, maintain_order=True)
        found = groups.agg("row", partner=pl.col("row").first(), cluster_size=pl.len().cast(pl.UInt32))
        members = found.filter(pl.col("cluster_size") > 1).explode("row").select("row", "partner", "cluster_size")
        joined = signals.select("row", "copies").join(members, on="row", how="left", maintain_order="left")
        dropped = pl.col("partner").is_not_null() & (pl.col("partner") != pl.col("row"))
        return joined.select(
            copies=pl.when(dropped).then(pl.lit(0, pl.UInt8)).otherwise("copies"),
            reasons=pl.when(dropped).then(pl.lit([REASON])).otherwise(pl.lit([], pl.List(pl.String))),
            partner=pl.when(dropped).then("partner"),
            similarity=pl.when(dropped).then(pl.lit(1.0)),
            cluster_size="cluster_size",
        )
