"""Sums over all documents: words, what edits did, scores before and after; from signals, no text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tamis.plan import BASE
from tamis.report.grids import Grid, grid
from tamis.report.intervals import share
from tamis.report.limits import number
from tamis.simulate import Numbers
from tamis.stage import Edit
from tamis.what_if import words_of

Fact = dict[str, Any]
TOKEN_BYTES = 4
"""Bytes a token, about: English has 4 to 4.5 with vocabularies of 50,000 to 130,000 entries, other scripts and code fewer."""
LOOKED_AT = 200_000


@dataclass(frozen=True)
class Totals:
    """What is summed.

    Args:
        words: signal (None: nobody counts words), readable, kept, kept_share_of_readable.
        edits: stage → signal → documents (where it is not 0) and sum.
        scores: see `_scores`.
    """

    words: Fact | None
    edits: dict[str, list[Fact]]
    scores: list[Fact]


def totals(numbers: Numbers, copies: np.ndarray) -> Totals:
    """Sum over a run.

    Args:
        numbers: of the run.
        copies: u8[documents], of the ledger.
    """
    words = words_of(numbers)
    counts = [
        f"{name}.{signal}" for name, stage in numbers.run.named if isinstance(stage, Edit) for signal in numbers.run.measured.get(name, [])
    ]
    wanted = [name for name in counts if "._" not in name]

    def one(place: slice, frame: pl.DataFrame) -> pl.DataFrame:
        kept = pl.Series("kept", copies[place] > 0)
        whole = [name for name in wanted if frame.schema[name].is_integer()]
        sums = [
            expression
            for name in whole
            for expression in (
                pl.col(name).cast(pl.Int64).sum().alias(f"sum {name}"),
                (pl.col(name) > 0).sum().cast(pl.Int64).alias(f"documents {name}"),
            )
        ]
        if words:
            count = pl.col(words).cast(pl.Int64)
            sums += [count.sum().alias("readable"), count.filter(pl.col("_kept")).sum().alias("kept")]
        return frame.with_columns(kept.alias("_kept")).select(sums)

    parts = list(numbers.each({*wanted, *([words] if words else [])}, one)) if wanted or words else []
    summed = pl.concat(parts).sum().row(0, named=True) if parts else {}
    edits: dict[str, list[Fact]] = {}
    for name in wanted:
        if f"sum {name}" in summed:
            stage, _, signal = name.rpartition(".")
            some = summed[f"documents {name}"]
            counted_as = {"documents": some, "documents_share_of_readable": share(some, numbers.documents), "sum": summed[f"sum {name}"]}
            edits.setdefault(stage, []).append({"signal": signal, **counted_as})
    counted = {key: summed[key] for key in ("readable", "kept")} if words and parts else None
    said = {"signal": words, **counted, "kept_share_of_readable": share(counted["kept"], counted["readable"])} if counted else None
    return Totals(said, edits, _scores(numbers, copies))


def tokens(size: int) -> int:
    """Estimated from bytes, two significant digits."""
    about = size / TOKEN_BYTES
    return int(float(f"{about:.2g}"))


def _scores(numbers: Numbers, copies: np.ndarray) -> list[Fact]:
    """Of every signal called `score`, or `…_score`: signal, edges, and documents readable and kept in each bin; means of both, of finite values."""
    names = [
        f"{stage}.{signal}"
        for stage, signals in numbers.run.measured.items()
        if stage != BASE
        for signal in signals
        if (signal == "score" or signal.endswith("_score")) and not signal.startswith("_")
    ]
    return [fact for name in names if (fact := _score(numbers, copies, name))]


def _score(numbers: Numbers, copies: np.ndarray, name: str) -> Fact | None:
    every = -(-numbers.documents // LOOKED_AT) or 1
    some = list(numbers.each({name}, lambda place, frame: frame.gather_every(every, -place.start % every)))
    if not some or not some[0].schema[name].is_numeric():
        return None
    cut = grid(_known(pl.concat(some)[name])[1], None, whole=False)

    def one(place: slice, frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        known, values = _known(frame[name])
        kept = (copies[place] > 0)[known]
        return np.array([_bins(values, cut), _bins(values[kept], cut)]), np.array(
            [len(values), values.sum(), kept.sum(), values[kept].sum()]
        )

    parts = list(numbers.each({name}, one))
    bins, sums = (np.sum([part[i] for part in parts], axis=0) for i in (0, 1))
    means = [None if not count else round(float(total / count), 6) for count, total in (sums[:2], sums[2:])]
    return {
        "signal": name,
        "scale": cut.scale,
        "edges": [number(edge) for edge in cut.edges.tolist()],
        "documents": bins[0].tolist(),
        "kept": bins[1].tolist(),
        "mean_of_readable": means[0],
        "mean_of_kept": means[1],
    }


def _known(column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """bool[n], which values are finite numbers; f64, these: an infinite one has no bin, and would be the mean of all."""
    values = column.cast(pl.Float64).to_numpy()
    known = np.isfinite(values)
    return known, values[known]


def _bins(values: np.ndarray, cut: Grid) -> np.ndarray:
    return np.bincount(np.searchsorted(cut.edges[1:-1], values, side="right"), minlength=len(cut.edges) - 1)
