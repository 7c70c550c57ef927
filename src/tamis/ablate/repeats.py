"""What a repeat is worth: a small part of the curated text, seen 1, 2, 4 and 8 times, beside as much fresh text, curated and raw.

Where a pool is finite, fewer and better documents must be repeated sooner. So the question is up to which budget the repeated curated text is
better than raw text seen once, and how much fresh text a repeat stands for, which is measured here and taken from nobody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tamis.ablate.comparisons import primary_of
from tamis.ablate.crossover import crossover
from tamis.ablate.losses import Losses
from tamis.ablate.statistics import ROUND_OFF, paired
from tamis.ablate.trainings import EPOCHS
from tamis.errors import AblationError

AGAIN = "curated again"
RATES = (0.01, 1000.0)
"""Between which R* is looked for: a repeat is worth nothing, or as good as fresh text, as far as eight of them can tell."""


@dataclass(frozen=True)
class Value:
    """The value of repeats: U tokens seen 1 + R times stand for U·(1 + R*·(1 − e^(−R/R*))) fresh ones.

    Attributes:
        rate: R*, repeats after which most of their value is spent.
        low, high: its interval; None: open, for at least one fold left out says "nothing" or "as good as fresh".
        worth: epochs → fresh tokens for each of U, by the fit.
        measured: epochs → the same as it was measured, by the curve of fresh text; None beyond what that reaches.

    Source:
        Muennighoff et al. 2023 (arXiv:2305.16264), whose R* of 15.4 is that of other models and other text, and is not used.
    """

    rate: float
    low: float | None
    high: float | None
    worth: Mapping[int, float]
    measured: Mapping[int, float | None]


def value(fresh: NDArray[np.float64], again: NDArray[np.float64], *, overlap: float = 0.0, level: float = 0.95) -> Value:
    """Fit R* to losses.

    Args:
        fresh: f64[S, X], of fresh text at the first X of `EPOCHS` times U tokens, X at least 2.
        again: f64[S, 4], of U tokens seen `EPOCHS` times.
        overlap: see `statistics.paired`.
        level: of the interval.

    Raises:
        AblationError: fresh text reaches too short, or does not lower the loss.
    """
    if fresh.shape[1] < 2:
        raise AblationError("there is too little curated text to see what fresh text would have brought.")
    means = fresh.mean(axis=0)
    if not (np.diff(means) < 0).all():
        raise AblationError("more fresh text does not lower the loss here, so that a repeat cannot be told in it.")
    rate = _fitted(means, again.mean(axis=0))
    folds = len(fresh)
    without = np.array([math.log(_fitted(*(np.delete(one, fold, axis=0).mean(axis=0) for one in (fresh, again)))) for fold in range(folds)])
    low = high = None
    if math.log(RATES[0]) + 0.1 < without.min() and without.max() < math.log(RATES[1]) - 0.1 and np.ptp(without) > ROUND_OFF:
        found = paired(folds * math.log(rate) - (folds - 1) * without, overlap=overlap, level=level, what="the value of repeats")
        low, high = (math.exp(max(min(end, 50.0), -50.0)) for end in (found.low, found.high))
    measured = _stands_for(means, again.mean(axis=0))
    return Value(
        rate,
        low,
        high,
        {epochs: _worth(rate, epochs) for epochs in EPOCHS},
        {epochs: None if np.isnan(one) else float(one) for epochs, one in zip(EPOCHS, measured, strict=True)},
    )


def _worth(rate: float, epochs: int) -> float:
    """Fresh tokens for each of U."""
    return 1 + rate * -math.expm1(-(epochs - 1) / rate)


def _stands_for(fresh: NDArray[np.float64], again: NDArray[np.float64]) -> NDArray[np.float64]:
    """f64[4], fresh tokens for each of U with the loss of so many epochs; at least 1; NaN where it is lower than fresh text was seen to reach."""
    from scipy.interpolate import PchipInterpolator

    # A straight line between budgets lies above a curve that flattens, and would take repeats for worth less.
    logs = PchipInterpolator(-fresh, np.log(EPOCHS[: len(fresh)]))(np.clip(-again, -fresh[0], -fresh[-1]))
    return np.where(again < fresh[-1], np.nan, np.exp(logs))


def _fitted(fresh: NDArray[np.float64], again: NDArray[np.float64]) -> float:
    """R* by least squares in the logarithm of what repeats stand for; where they are as good as fresh text, or nothing, the end of `RATES`."""
    from scipy.optimize import minimize_scalar

    stands = _stands_for(fresh, again)
    # What lies below the reach of fresh text is at least as good as its end, of which an equal number of epochs is the most.
    stands = np.where(np.isnan(stands), np.minimum(EPOCHS[len(fresh) - 1], EPOCHS), stands)

    def misfit(log: float) -> float:
        worth = np.array([min(_worth(math.exp(log), epochs), EPOCHS[len(fresh) - 1]) for epochs in EPOCHS])
        return float(((np.log(worth) - np.log(stands)) ** 2).sum())

    ends = (math.log(RATES[0]), math.log(RATES[1]))
    return math.exp(float(minimize_scalar(misfit, bounds=ends, method="bounded", options={"xatol": 1e-6}).x))


def repeats(results: pl.DataFrame, rung: str, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a rung found of repeats.

    Returns:
        JSON; None where it was not asked. unique (tokens); epochs: for each number of them tokens, loss, fresh and raw (losses there, None beyond what a fold
        holds), against_raw (gain of the repeated text over raw text seen once); crossover (budget in tokens); value: see `Value`.
        What cannot be told has the key "withheld".
    """
    facts = plan["rungs"][rung]
    if "repeated" not in facts:
        return None
    losses = Losses(results.filter(pl.col("rung") == rung), facts["folds"])
    held, unique = primary_of(losses), facts["repeated"]
    overlap, level = plan["prepared"]["folds"]["overlap"], plan["design"]["level"]
    budgets = [unique * epochs for epochs in EPOCHS]
    seen = {arm: [one for one in budgets if one in losses.budgets(arm)] for arm in ("raw", "curated", AGAIN)}
    if seen[AGAIN] != budgets:
        return {"withheld": "a training on repeated text died."}
    again = losses.curve(AGAIN, budgets, held)
    told: dict[str, Any] = {"rung": rung, "unique": unique}

    def safely(key: str, function: Any) -> None:
        try:
            told[key] = asdict(function())
        except AblationError as error:
            told[key] = {"withheld": str(error).splitlines()[0]}

    nets = losses.curve("raw", seen["raw"], held) - again[:, : len(seen["raw"])] if seen["raw"] else np.zeros((len(again), 0))
    told["epochs"] = [_epoch(losses, held, budget, epochs, seen) for budget, epochs in zip(budgets, EPOCHS, strict=True)]
    safely("crossover", lambda: crossover(nets, seen["raw"], overlap=overlap, level=level))
    safely("value", lambda: value(losses.curve("curated", seen["curated"], held), again, overlap=overlap, level=level))
    for i, one in enumerate(told["epochs"][: nets.shape[1]]):
        one["against_raw"] = (
            asdict(paired(nets[:, i], overlap=overlap, level=level, what="raw and repeated text")) if np.isfinite(nets).all() else None
        )
    return told


def _epoch(losses: Losses, held: str, budget: int, epochs: int, seen: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    means = {arm: float(losses.equal(arm, budget, held).mean()) if budget in seen[arm] else None for arm in seen}
    return {
        "epochs": epochs,
        "tokens": budget,
        "loss": means[AGAIN],
        "fresh": means["curated"],
        "raw": means["raw"],
        "against_raw": None,
    }
