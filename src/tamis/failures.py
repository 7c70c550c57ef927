"""Which documents of a slab fail which rules, as numbers: lists of reasons are slow to build, and are built once, for the ledger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow.compute as pc

from tamis.stage import Filter, not_measurable
from tamis.where import condition


@dataclass(frozen=True)
class Failures:
    """One entry for every reason of every document.

    Args:
        rows: u32[m], places of documents; those of one document stand in the order of its reasons.
        codes: u32[m], which reason.
        reasons: by code.
    """

    rows: np.ndarray
    codes: np.ndarray
    reasons: tuple[str, ...]

    def within(self, start: int, stop: int) -> Failures:
        """Those of the documents from one place to another, which count from there; of ascending rows."""
        # Borders of another type would have all rows converted.
        first, last = np.searchsorted(self.rows, np.array([start, stop], self.rows.dtype))
        return Failures(self.rows[first:last] - np.uint32(start), self.codes[first:last], self.reasons)


def of_lists(lists: pl.Series) -> Failures:
    """What lists of reasons (list[str]) say, neither of which are null; rows ascend."""
    lengths = lists.list.len()
    codes, reasons = coded(lists.filter(lengths > 0).explode())
    rows = np.repeat(np.arange(len(lengths), dtype=np.uint32), lengths.to_numpy())
    return Failures(rows, codes.astype(np.uint32), tuple(map(str, reasons)))


def coded(texts: pl.Series) -> tuple[np.ndarray, list[str | None]]:
    """Texts (str[n], nulls are texts too) as numbers, i32[n], and the text of each number."""
    found = pc.dictionary_encode(texts.to_arrow(), null_encoding="encode")
    # Arrow's own `to_numpy` would load pandas where there is one: .16 s.
    return pl.Series(pl.from_arrow(found.indices)).to_numpy(), found.dictionary.to_pylist()


def of_limits(stage: Filter, signals: pl.DataFrame) -> Failures:
    """What `Filter.decide` says of these signals, in a tenth of its time: a rule that nobody fails costs one comparison.

    Args:
        stage: one that decides as every filter does.
        signals: what its `decide` sees.
    """
    rules = stage.rules()
    judged = {"judged": pl.when(condition(stage.where)).then(statement=True).otherwise(statement=False)} if stage.where else {}
    met = signals.select("copies", **{f"_{i}": rule.cast(pl.Boolean) for i, rule in enumerate(rules.values())}, **judged)
    found: list[tuple[str, pl.Series]] = []
    for i, (reason, rule) in enumerate(rules.items()):
        keep = met[f"_{i}"]
        if not keep.all():
            found.append((reason, ~keep))
        if keep.null_count() and stage.on_null == "drop":
            found.append((not_measurable(reason, rule), keep.is_null()))
    number = {reason: i for i, reason in enumerate(dict.fromkeys(reason for reason, _ in found))}
    rows, codes = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint32)]
    for reason, failed in found:
        places = (failed & met["judged"] if stage.where else failed).arg_true().to_numpy()
        for code, before in zip(codes, rows, strict=True):
            if len(before) and code[0] == number[reason]:  # "words not measurable" fails two limits, and is said once
                places = np.setdiff1d(places, before, assume_unique=True)
        rows.append(places)
        codes.append(np.full(len(places), number[reason], np.uint32))
    return Failures(np.concatenate(rows), np.concatenate(codes), tuple(number))
