"""Rebalancing, solved: groups counted, target shares turned into quotas, quotas into documents, and an account of it all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tamis import preference
from tamis.errors import StageError
from tamis.stages import _quotas
from tamis.stages._draws import codes, factors
from tamis.stages._quotas import Quotas
from tamis.stages._shares import fill
from tamis.stages._targets import BETWEEN, NONE, Group, budget_of, shares_of
from tamis.where import reference

if TYPE_CHECKING:
    from tamis.stages.rebalance import Rebalance

SHOWN = 200
"""Groups that an account lists one by one."""
LONGEST = 200
"""Characters of a group's name that are shown."""
NAMED = 3
"""Groups that a sentence names."""
SMALL = 0.5
"""A mix that keeps less of the text than this, as a group is scarce, is worth a word."""


@dataclass(frozen=True)
class Solved:
    """Quotas of every group and of its parts.

    Args:
        groups: g names, those that only the target has last.
        documents: i64[g].
        amounts: f64[g], units.
        quotas: of the groups.
        group: i64[n], of each document.
        sizes: i64[n], units of each document, with the copies that it comes with.
        stratum: i64[n]: the part of the group that has one weight.
        held: f64[strata], units.
        given: f64[strata], their quotas.
        budget: in units; None: the shares come first.
        stage: whose target this is.
    """

    groups: list[Group]
    documents: np.ndarray
    amounts: np.ndarray
    quotas: Quotas
    group: np.ndarray
    sizes: np.ndarray
    stratum: np.ndarray
    held: np.ndarray
    given: np.ndarray
    budget: float | None
    stage: Rebalance

    def rates(self) -> np.ndarray:
        """f64[n]: how often each document should be given."""
        return np.asarray(np.divide(self.given, self.held, out=np.zeros(len(self.held)), where=self.held > 0)[self.stratum])

    def shortfall(self) -> str | None:
        """What of the target cannot be met, as a sentence; None: nothing."""
        total, given = self.quotas.total, float(self.quotas.quotas.sum())
        if self.quotas.met or not self.groups:
            return None
        unit, most = called(self.stage.unit), self.stage.max_copies
        said = []
        scarce = np.flatnonzero(self.quotas.scarce)
        for i in scarce[np.argsort(-self.quotas.shares[scarce], kind="stable")][:NAMED].tolist():
            wanted = self.quotas.shares[i] * (total if self.budget is not None else given)
            said.append(f'"{_short(BETWEEN.join(self.groups[i]))}" should have {_whole(wanted)} {unit} and has {_whole(self.amounts[i])}')
        more = f"; {len(scarce) - NAMED} more are as scarce" if len(scarce) > NAMED else ""
        reached = (
            f"the mix comes to {_whole(given)} of {_whole(total)} {unit}"
            if given < total * (1 - 1e-6)
            else f"{_whole(given)} {unit} are reached with other shares"
        )
        listed = f": {'; '.join(said)}{more}" if said else ""
        return f"the target cannot be met with at most {most} {'copy' if most == 1 else 'copies'} of a document{listed}; {reached}."

    def small(self) -> str | None:
        """Where a scarce group makes the whole mix small, as a sentence."""
        given, there = float(self.quotas.quotas.sum()), float(self.amounts.sum())
        if self.budget is not None or not there or given >= SMALL * there:
            return None
        asked = np.flatnonzero((self.quotas.shares > 0) & (self.amounts > 0))
        i = int(asked[np.argmin(self.amounts[asked] / self.quotas.shares[asked])])
        return (
            f'the mix has {given / there:.1%} of the {called(self.stage.unit)} that there are, for "{_short(BETWEEN.join(self.groups[i]))}" has only {_whole(self.amounts[i])}; '
            "a budget would keep more, and come less near to the target."
        )


def _short(group: str) -> str:
    """A group's name of bounded length: values come from the data."""
    return group if len(group) <= LONGEST else f"{group[: LONGEST // 4]}… ({len(group)} characters)"


def called(unit: str) -> str:
    """A unit as a sentence names it."""
    return unit.rsplit(".", 1)[-1].replace("_", " ")


def _whole(amount: float) -> str:
    return f"{math.floor(amount + 0.5):,}"


def solve(stage: Rebalance, frame: pl.DataFrame) -> Solved:
    """Quotas for the documents that a stage sees.

    Raises:
        StageError: the target names a group that is not there, or the unit is no count.
    """
    columns = [frame[axis].cast(pl.String).fill_null(NONE) for axis in stage.axes()]
    group, groups = codes(columns, frame.height)
    sizes = _sizes(stage, frame)
    amounts = np.bincount(group, sizes, len(groups))
    whole, shares = shares_of(stage, groups, amounts)
    lacking = len(whole) - len(groups)
    amounts = np.append(amounts, np.zeros(lacking))
    documents = np.append(np.bincount(group, minlength=len(groups)), np.zeros(lacking, np.int64))
    asked = budget_of(stage)
    budget = float(amounts.sum()) if asked == math.inf else asked
    quotas = _quotas.solve(amounts, shares, most=float(stage.max_copies), budget=budget, highest=stage.max_share)
    stratum, held, given = _strata(stage, frame, group, sizes, quotas)
    return Solved(whole, documents, amounts, quotas, group, sizes, stratum, held, given, budget, stage)


def _sizes(stage: Rebalance, frame: pl.DataFrame) -> np.ndarray:
    """i64[n]: units of each document, copies counted; one that is not measurable has none."""
    copies = frame["copies"].to_numpy().astype(np.int64)
    signal = stage.unit_signal()
    if signal is None:
        return copies
    if not frame.schema[signal].is_integer():
        raise StageError(
            f'{stage.name()}: "{signal}" holds {frame.schema[signal]}, and a unit is something that is counted in whole numbers.'
        )
    return np.asarray(frame[signal].cast(pl.Int64).fill_null(0).to_numpy() * copies)


def _strata(
    stage: Rebalance, frame: pl.DataFrame, group: np.ndarray, sizes: np.ndarray, quotas: Quotas
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(stratum of each document, its units, its quota): a group is divided by weight, so that rates are proportional to weights."""
    if not stage.weights:
        n = int(group.max(initial=-1)) + 1
        return group, np.bincount(group, sizes, n), quotas.quotas[:n]
    weight = np.ones(frame.height)
    for column, weights in stage.weights.items():
        values = frame[reference(column)].cast(pl.String)
        weight *= values.replace_strict(list(weights), list(weights.values()), default=1.0, return_dtype=pl.Float64).to_numpy()
    levels, level = np.unique(weight, return_inverse=True)
    pairs, stratum = np.unique(group * len(levels) + level, return_inverse=True)
    held = np.bincount(stratum, sizes, len(pairs))
    owner, wanted = pairs // max(1, len(levels)), held * levels[pairs % max(1, len(levels))]
    given, high = np.zeros(len(pairs)), held * stage.max_copies
    borders = np.searchsorted(owner, np.arange(int(group.max(initial=-1)) + 2))
    for g, (a, b) in enumerate(pairwise(borders.tolist())):
        given[a:b] = fill(float(quotas.quotas[g]), wanted[a:b], np.zeros(b - a), high[a:b])
    return stratum, held, given


def taken(stage: Rebalance, frame: pl.DataFrame, solved: Solved) -> np.ndarray:
    """i64[n]: how many times each document is taken."""
    return factors(solved.stratum, solved.sizes, solved.given, _order(stage, frame))


def _order(stage: Rebalance, frame: pl.DataFrame) -> pl.DataFrame:
    """Columns by which documents are taken, ascending: what is preferred, the draw, and what tells equal texts apart."""
    first: list[pl.Expr] = []
    if stage.importance is not None:
        # The smallest of -ln(1 - u) / weight are a draw without replacement; logarithms, for weights of exp(±1000).
        uniform = (pl.col("_draw") // 2048).cast(pl.Float64) * 2.0**-53
        waiting = (-(1 - uniform).log()).log() - pl.col(stage.importance).cast(pl.Float64)
        first = [waiting.fill_null(math.inf).alias("0")]
    for i, (key, more) in enumerate(preference.keys_of(stage.prefer)):
        first.append(key.rank("dense", descending=more).fill_null(2**32 - 1).cast(pl.UInt32).alias(f"{i}"))
    return frame.select(*first, "_draw", "text._rest", "row")


def account(stage: Rebalance, signals: pl.DataFrame, copies: pl.Series) -> dict[str, Any]:
    """What the target was and what became of it, for the manifest.

    Args:
        stage: with its parameters.
        signals: what `decide` saw.
        copies: u8[n], after it.

    Returns:
        by, unit, budget, max_copies, met; available, asked and given (units), farthest (the largest difference between
        the share of a group and its target), warnings; groups: the largest by target or share, each with group,
        documents, available, share, target_share, quota, scarce, written (rows, copies counted), given, given_share, copies (how often
        its units are given, on average; None where there are none) and short (units that a budget asks for and the group lacks);
        more_groups: how many are not listed.
    """
    solved = solve(stage, signals)
    n = len(solved.groups)
    before = np.maximum(signals["copies"].to_numpy(), 1).astype(np.int64)
    after = copies.to_numpy().astype(np.int64)
    if stage.emit == "weights":
        written = np.bincount(solved.group, solved.rates() * before, n)
        given = np.bincount(solved.group, solved.sizes * solved.rates(), n)
    else:
        written = np.bincount(solved.group, after, n)
        given = np.bincount(solved.group, solved.sizes // before * after, n)
    total, there = float(given.sum()), float(solved.amounts.sum())
    shares, now = solved.amounts / max(there, 1.0), given / max(total, 1.0)
    lacking = np.maximum(0, solved.quotas.shares * solved.quotas.total - solved.quotas.quotas) if solved.budget is not None else np.zeros(n)
    order = np.lexsort((np.arange(n), -np.maximum(solved.quotas.shares, shares)))
    listed = [
        {
            "group": _short(BETWEEN.join(solved.groups[i])),
            "documents": int(solved.documents[i]),
            "available": int(solved.amounts[i]),
            "share": round(float(shares[i]), 6),
            "target_share": round(float(solved.quotas.shares[i]), 6),
            "quota": round(float(solved.quotas.quotas[i]), 1),
            "scarce": bool(solved.quotas.scarce[i]),
            "written": round(float(written[i])),
            "given": round(float(given[i])),
            "given_share": round(float(now[i]), 6),
            "copies": round(float(given[i] / solved.amounts[i]), 6) if solved.amounts[i] else None,
            "short": round(float(lacking[i])),
        }
        for i in order[:SHOWN].tolist()
    ]
    return {
        "by": [stage.by] if isinstance(stage.by, str) else list(stage.by),
        "unit": stage.unit,
        "budget": solved.budget,
        "max_copies": stage.max_copies,
        "met": solved.quotas.met,
        "available": int(there),
        "asked": round(float(solved.quotas.total)),
        "given": round(total),
        "farthest": round(float(np.abs(now - solved.quotas.shares).max(initial=0)), 6),
        "warnings": [said for said in (solved.shortfall(), solved.small()) if said],
        "groups": listed,
        "more_groups": max(0, n - SHOWN),
    }
