"""Does a gain last? Its trend over the sizes of models, and how likely the next size is to have its sign."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.ablate.shapes import Shape, shape
from tamis.ablate.statistics import Estimate, paired
from tamis.ablate.verdict import EPSILON

FEWEST_RUNGS = 3
"""Two rungs are a decade, and every two points lie on a line."""
REACH = 1.0
"""Decades beyond what was measured to which a trend is followed, and no further."""
PRIOR = ((0.048, 0.62), (0.123, 0.81), (0.26, 0.97), (math.inf, 0.99))
"""Gap between two texts, nats a token, below which; share of pairs whose order at a million parameters is that at 60 million.

Source: RegMix (Liu et al. 2024, arXiv:2407.01492), computed from its published losses of 256 mixtures, mean over domains. DataDecide
(arXiv:2504.11393) has 80 % over all pairs from 150 million to a billion, DCLM 68, 74 and 100 % by thirds of the gap. In the last class all pairs held,
which is no certainty: .99.
"""
PRIOR_PAIRS = 10
"""How many pairs of one's own outweigh it by half: other corpora, other tokens."""


@dataclass(frozen=True)
class Trend:
    """How the logarithm of a multiplier changes with the operations of a training.

    Attributes:
        label: "grows" or "decays": the gain (or the loss) does, for certain; "stable": it changes by less than 2 % a decade, for certain;
            "undetermined".
        because: why it is undetermined, a clause; None.
        by_rung: ln multiplier on each rung, by the delta method.
        change: of ln multiplier, a decade; None with one rung.
        decades: between the first and the last rung.
        gone_at: operations at which the multiplier would be 1; None unless it decays, and to there within a decade beyond what was measured.
        shape: of the change; see `shape`.
    """

    label: str
    because: str | None
    by_rung: tuple[Estimate, ...]
    change: Estimate | None
    decades: float
    gone_at: float | None
    shape: Shape


def trend(
    gains: NDArray[np.float64], slopes: NDArray[np.float64], operations: Sequence[float], *, overlap: float = 0.0, level: float = 0.95
) -> Trend:
    """Follow ln m = -gain / slope over rungs, with an effect of each fold: folds are the same on all rungs.

    With as many rungs in every fold the least squares of all are the mean of those of the folds. Slopes are noisy, so it is not they
    but their means that divide: a jackknife over folds takes both along.

    Args:
        gains: f64[R, S], by rung and fold, bits per byte.
        slopes: f64[R, S], dL/d ln D of the reference, negative.
        operations: f64[R], of a training, ascending.
        overlap: see `statistics.paired`.
        level: of intervals.

    Raises:
        AblationError: as `statistics.paired`.
    """
    places = np.log10(np.asarray(operations, np.float64))
    pseudo = _pseudo_values(gains, slopes)
    by_rung = tuple(paired(one, overlap=overlap, level=level, what="the multipliers") for one in pseudo)
    decades, form = float(places[-1] - places[0]), shape(pseudo, operations)
    if len(places) < 2:
        return Trend("undetermined", "one GPT was trained", by_rung, None, 0.0, None, form)
    centred = places - places.mean()
    change = paired(centred @ pseudo / (centred @ centred), overlap=overlap, level=level, what="the multipliers of the rungs")
    if len(places) < FEWEST_RUNGS:
        return Trend("undetermined", f"{decades:.1f} decades between {len(places)} rungs", by_rung, change, decades, None, form)
    mean = float(pseudo.mean())
    label, gone = _label(change, mean), None
    if label == "decays":
        at = float(places.mean()) - mean / change.mean
        gone = 10**at if at <= places[-1] + REACH else None
    return Trend(label, "the interval of the change holds both" if label == "undetermined" else None, by_rung, change, decades, gone, form)


def _label(change: Estimate, mean: float) -> str:
    least = math.log1p(EPSILON)
    if -least < change.low and change.high < least:
        return "stable"
    if not change.significant:
        return "undetermined"
    return "grows" if change.mean * mean > 0 else "decays"


def _pseudo_values(gains: NDArray[np.float64], slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    """f64[R, S]: jackknife pseudo-values of −mean gain / mean slope."""
    folds = gains.shape[1]
    whole = -gains.mean(axis=1) / slopes.mean(axis=1)
    without = -(gains.sum(axis=1, keepdims=True) - gains) / (slopes.sum(axis=1, keepdims=True) - slopes)
    pseudo: NDArray[np.float64] = folds * whole[:, None] - (folds - 1) * without
    return pseudo


def bytes_per_token(plan: Mapping[str, Any]) -> float:
    """Of the pool."""
    pool = plan["prepared"]["pool"]
    return float(pool["bytes"]) / max(1, int(pool["tokens"]))


def holds(gap: float, bytes_of_token: float, kept: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    """The probability that a larger model has the sign of a gap, by the size of the gap.

    Tokens of a small vocabulary are shorter than those that the prior was measured in, so that gaps count as smaller than they are: this errs low.

    Args:
        gap: bits per byte, on the largest rung.
        bytes_of_token: of the tokenizer.
        kept: of pairs of neighbouring rungs here: gap, and whether the sign held.

    Returns:
        nats_per_token: the gap; prior; own: pairs here with a gap of that class, and how many of them held; probability: of both together.
    """

    def place(bits: float) -> int:
        nats = abs(bits) * math.log(2) * bytes_of_token
        return next(i for i, (below, _) in enumerate(PRIOR) if nats < below)

    here = place(gap)
    own = [held for other, held in kept if place(other) == here]
    prior = PRIOR[here][1]
    return {
        "nats_per_token": abs(gap) * math.log(2) * bytes_of_token,
        "prior": prior,
        "own": {"pairs": len(own), "held": sum(own)},
        "probability": (prior * PRIOR_PAIRS + sum(own)) / (PRIOR_PAIRS + len(own)),
    }
