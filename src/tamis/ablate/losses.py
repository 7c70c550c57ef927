"""Losses of trainings, by fold: what statistics take, from the rows of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from tamis.ablate.held import BITS, EACH
from tamis.ablate.trainings import EQUAL, OWN_SIZE


@dataclass(frozen=True)
class Losses:
    """The results of one rung.

    Args:
        results: rows of `results.parquet`.
        seeds: folds that there should be; one that is missing has NaN, which no mean leaves out.
    """

    results: pl.DataFrame
    seeds: int

    @cached_property
    def _documents(self) -> pl.DataFrame:
        return self.results.filter(pl.col("measure") == BITS)

    def equal(self, arm: str, budget: int, held: str, domain: str | None = None) -> np.ndarray:
        """f64[S]: at a budget, on a set (the mean over its domains) or on one of its domains; redraws averaged."""
        return self._by_fold(self._documents, arm, (pl.col("at") == EQUAL) & (pl.col("budget") == budget), held, domain)

    def own(self, arm: str, share: float, held: str) -> np.ndarray:
        """f64[S]: after all that the arm has of a share of the fold, on a set."""
        return self._by_fold(self._documents, arm, (pl.col("at") == OWN_SIZE) & (pl.col("share") == share), held)

    @cached_property
    def has_own(self) -> bool:
        """Whether arms were trained on all that they have, too."""
        return bool((self.results["at"] == OWN_SIZE).any())

    def measure(self, arm: str, budget: int, held: str, measure: str) -> np.ndarray:
        """f64[S]: a score of a whole set of evaluation items at a budget."""
        rows = self.results.filter(pl.col("measure") == measure)
        return self._by_fold(rows, arm, (pl.col("at") == EQUAL) & (pl.col("budget") == budget), held)

    def each(self, arm: str, budget: int, held: str) -> np.ndarray:
        """f64[S, N]: at a budget, of each of the N documents or items of a set; NaN for a fold that is missing."""
        where = (pl.col("measure") == EACH) & (pl.col("arm") == arm) & (pl.col("at") == EQUAL)
        found = self.results.filter(where & (pl.col("budget") == budget) & (pl.col("set") == held))
        rows, columns = found["seed"].to_numpy(), found["group"].cast(pl.Int64).to_numpy()
        values = np.full((self.seeds, int(columns.max(initial=-1)) + 1), np.nan)
        values[rows, columns] = found["value"].to_numpy()
        return values

    def _by_fold(self, rows: pl.DataFrame, arm: str, where: pl.Expr, held: str, domain: str | None = None) -> np.ndarray:
        # By what rows are, and not by their names alone: a domain may be called as a set is.
        group = pl.col("by") == "set" if domain is None else (pl.col("by") == "domain") & (pl.col("group") == domain)
        found = rows.filter((pl.col("arm") == arm) & where & (pl.col("set") == held) & group)
        means = found.group_by("seed").agg(pl.col("value").mean())
        by_fold = np.full(self.seeds, np.nan)
        by_fold[means["seed"].to_numpy()] = means["value"].to_numpy()
        return by_fold

    def budgets(self, arm: str) -> list[int]:
        """Budgets at which every fold was evaluated that was trained at all, ascending."""
        found = self._documents.filter((pl.col("arm") == arm) & (pl.col("at") == EQUAL))
        folds = found["seed"].n_unique()
        counted = found.group_by("budget").agg(folds=pl.col("seed").n_unique()).filter(pl.col("folds") == folds)
        return sorted(counted["budget"].to_list())

    def curve(self, arm: str, budgets: Sequence[int], held: str) -> np.ndarray:
        """f64[S, G]."""
        return np.stack([self.equal(arm, budget, held) for budget in budgets], axis=1)

    def same(self, one: str, other: str, budget: int) -> np.ndarray:
        """bool[S]: folds in which two arms hold the same documents up to a budget, under every redraw."""
        found = self._streams.filter(pl.col("arm").is_in([one, other]) & (pl.col("budget") == budget))
        streams = found.group_by("seed").agg(n=pl.col("stream").n_unique(), arms=pl.col("arm").n_unique())
        alike = np.zeros(self.seeds, np.bool_)
        both = streams.filter((pl.col("n") == 1) & (pl.col("arms") == len({one, other})))
        alike[both["seed"].to_numpy()] = True
        return alike

    @cached_property
    def _streams(self) -> pl.DataFrame:
        return self.results.filter(pl.col("at") == EQUAL).select("arm", "seed", "redraw", "budget", "stream").unique()

    def domains(self, held: str) -> list[str]:
        """Of a set, by name."""
        return sorted(self._documents.filter((pl.col("set") == held) & (pl.col("by") == "domain"))["group"].unique().to_list())

    @cached_property
    def sets(self) -> list[str]:
        """Sets of documents that were evaluated."""
        return self._documents["set"].unique(maintain_order=True).to_list()
