"""The best share of the documents, by any signal: of all, or within each language, source, topic or length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Literal

import numpy as np
import polars as pl

from tamis import preference
from tamis.errors import StageError
from tamis.stage import Stage, no_reasons
from tamis.where import reference

REASON = "not among the best"
UNKNOWN = "not measurable"
LENGTH = "length"


@dataclass(frozen=True)
class Best(Stage):
    """Keep the best share of the living documents, by a signal of a stage above or by a column.

    Documents are taken from the best on until the share is reached; so at least one document of every group is kept, and a larger share keeps all
    that a smaller one keeps. Ties go by the text's hash, the hash of the other columns, then place.

    Args:
        of: what more of is better: a signal ("quality.score") or a column ("stars"); "-perplexity.bits_per_byte": less is better.
        share: of the documents, or of their bytes, in [0, 1].
        unit: "documents" or "bytes", of which an empty text counts as one.
        within: columns and signals; the share is taken of each group of documents with the same values, so that the mix of them
            stays as it was. "length" puts together documents whose bytes have the same power of two; null values are a group.
        temperature: null: the best are kept. A number: documents are drawn without replacement, each with a chance proportional
            to exp(score / temperature) among those left: near 0 the best, large numbers anything. In units of what `of` names: for
            probabilities 0.1 is strict and 1 nearly blind.
        seed: another seed is another draw; null: the recipe's, and 0 in memory.
        on_null: what becomes of documents without a score: "drop" or "keep"; they count for no share.
        where: only documents that meet this condition are asked.

    Ledger:
        better_share: f64, of the documents or bytes of its group, those that come before it; kept below `share`.

    Source:
        FinePDFs keeps a tenth within each language. Drawing in proportion to exp(score / temperature), by adding Gumbel noise to score / temperature
        and keeping the largest, is QuRating's (Wettig et al. 2024, arXiv:2402.09739), which also puts scores to variance 1 first; here they
        stay as they are, so that a document's key does not depend on the others.
    """

    of: str
    share: float = 0.1
    unit: Literal["documents", "bytes"] = "documents"
    within: tuple[str, ...] = ()
    temperature: float | None = None
    seed: int | None = None
    on_null: Literal["drop", "keep"] = "drop"
    where: str | None = None

    measured_by: ClassVar = ()
    reads: ClassVar = ()
    needs_corpus: ClassVar = True

    def check(self) -> None:
        """Refuse shares and temperatures that are none."""
        if not 0 <= self.share <= 1:
            raise StageError(f'{self.name()}: "share" must be between 0 and 1, not {self.share}.')
        if self.temperature is not None and not self.temperature > 0:
            raise StageError(f'{self.name()}: "temperature" must be above 0, not {self.temperature}.\nFix: null keeps the best.')
        for parameter, known in (("unit", ("documents", "bytes")), ("on_null", ("drop", "keep"))):
            if (value := getattr(self, parameter)) not in known:
                raise StageError(f'{self.name()}: "{parameter}" is {" or ".join(known)}, not "{value}".')

    def signals_used(self) -> tuple[str, ...]:
        """The score, the groups, the bytes, and what breaks ties and feeds the draw."""
        groups = tuple(reference(name) for name in self.within if name != LENGTH)
        return tuple(dict.fromkeys((*super().signals_used(), self._score(), *groups, "text.bytes", *preference.TIES)))

    def _score(self) -> str:
        return reference(self.of.removeprefix("-"))

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """Order the documents of each group, and keep those before which less than the share stands."""
        del relations
        frame = signals.collect()
        score = frame[self._score()].cast(pl.Float64).to_numpy()
        known = ~np.isnan(score)
        rows = np.flatnonzero(known)
        order, group = self._order(frame[rows], score[rows])
        size = frame["text.bytes"].to_numpy()[rows].astype(np.int64)
        weight = np.ones_like(size) if self.unit == "documents" else np.maximum(size, 1)  # of empty texts, too, the share is taken
        before, whole = _before(group[order], weight[order])
        kept, share = np.full(len(score), self.on_null == "keep"), np.full(len(score), np.nan)
        kept[rows[order]] = before < _limits(self.share, whole)
        share[rows[order]] = before / np.maximum(whole, 1)
        reason = (
            pl.when(pl.Series(kept))
            .then(no_reasons())
            .when(pl.Series(known))
            .then(pl.lit([REASON]))
            .otherwise(pl.lit([f"{self.of.removeprefix('-')} {UNKNOWN}"]))
        )
        return frame.lazy().select(
            copies=pl.when(pl.Series(kept)).then("copies").otherwise(pl.lit(0, pl.UInt8)),
            reasons=reason,
            better_share=pl.lit(pl.Series("better_share", share).fill_nan(None)),
        )

    def _order(self, frame: pl.DataFrame, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The order of documents, by group and from the best on (i64[n]), and the group of each (i64[n])."""
        from tamis.kernels.hashing import unit

        key = -score if self.of.startswith("-") else score
        if self.temperature is not None:
            drawn = unit(self.seed or 0, frame["text._low"].to_numpy(), frame["text._high"].to_numpy())
            key = key / self.temperature - np.log(-np.log(np.maximum(drawn, 2.0**-54)))
        groups = [frame[reference(name)].cast(pl.String) if name != LENGTH else _octaves(frame["text.bytes"]) for name in self.within]
        group = (
            pl.DataFrame(groups).select(pl.struct(pl.all()).rank("dense")).to_series().to_numpy().astype(np.int64)
            if groups
            else np.zeros(len(score), np.int64)
        )
        ties = [frame[name].to_numpy() for name in (*preference.TIES, "row")]
        return np.lexsort((*ties[::-1], -key, group)), group


def _octaves(sizes: pl.Series) -> pl.Series:
    """The power of two of each number of bytes; 0 has one of its own."""
    return pl.Series("_length", np.frexp(sizes.to_numpy().astype(np.float64))[1])


def _before(group: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """i64[n] each: the weight that stands before each document of its group, and the weight of the whole group; groups are in one piece."""
    running = np.cumsum(weight) - weight
    starts = np.searchsorted(group, group, side="left")
    before = running - running[starts]
    sums = np.bincount(np.searchsorted(np.unique(group), group), weights=weight).astype(np.int64)
    return before, sums[np.searchsorted(np.unique(group), group)]


def _limits(share: float, whole: np.ndarray) -> np.ndarray:
    """i64[n]: the least weight that is no less than the share, without the errors of binary fractions: a tenth of 30 is 3."""
    exact = Fraction(str(share))
    sizes: Sequence[int] = np.unique(whole).tolist()
    limits = {size: math.ceil(exact * size) for size in sizes}
    return np.array([limits[size] for size in sizes], np.int64)[np.searchsorted(np.array(sizes), whole)] if len(whole) else whole
