"""From shares and losses of many models to the shares that would be best: a regression, and a search within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.errors import AblationError, require

LEAST_CORRELATION = 0.5
"""Spearman, of what is foreseen and what was measured of runs that the regression did not see; below, it proposes nothing worth believing."""
REFITS = 40
"""Of resampled runs, for intervals."""
TINY = 0.01
"""Added to a share before its logarithm is taken, about the smallest group."""
PARTS = 8
"""In which runs are held back, one after the other."""


@dataclass(frozen=True)
class Bounds:
    """Of shares.

    Args:
        low: f64[G].
        high: f64[G].
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """What was found.

    Attributes:
        proposed: f64[G], shares of 1 in all.
        low, high: f64[G], between which nine in ten refits lie.
        loss_present, loss_proposed: foreseen, mean over domains.
        gain: foreseen, with the 5th and the 95th percentile of `REFITS` refits.
        correlation: Spearman, of runs that were held back.
        usable: whether that is enough.
    """

    proposed: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    loss_present: float
    loss_proposed: float
    gain: tuple[float, float, float]
    correlation: float
    usable: bool


def fitted(shares: NDArray[np.float64], losses: NDArray[np.float64], present: NDArray[np.float64], bounds: Bounds, *, seed: int) -> Fit:
    """Fit, search, and refit on resampled runs.

    The logarithm of each domain's loss is linear in the shares and in their logarithms, by ridge regression: a group is worth less the more there is
    of it already, so that the best mix is no corner. Nothing is proposed beyond the shares that were drawn.

    Args:
        shares: f64[R, G], of each run.
        losses: f64[R, D].
        present: f64[G].
        bounds: of each share.
        seed: of resampling.

    Raises:
        MissingPackage: scikit-learn is not installed.
        AblationError: no shares meet the bounds.

    Source:
        RegMix (Liu et al. 2024, arXiv:2407.01492) regresses from shares to losses of small models; Olmix (arXiv:2602.12237) by a log-linear form.
    """
    require("sklearn", needed_by="tamis mix", extra="topics")
    from scipy.stats import spearmanr

    low, high = np.maximum(bounds.low, shares.min(axis=0)), np.minimum(bounds.high, shares.max(axis=0))
    if (low > high + 1e-9).any() or low.sum() > 1 + 1e-9 or high.sum() < 1 - 1e-9:
        raise AblationError(
            f"no mix meets the bounds: the least shares sum to {low.sum():.2f}, the most to {high.sum():.2f}.\n"
            "Fix: widen --min-share, --max-share or --max-copies."
        )
    model = _Model(shares, losses)
    proposed = _best(model, Bounds(low, high), [present, shares[np.argmin(losses.mean(axis=1))]])
    draw = np.random.default_rng(seed)
    refits, gains = [], []
    for _ in range(REFITS):
        rows = draw.integers(0, len(shares), len(shares))
        other = _Model(shares[rows], losses[rows])
        refits.append(_best(other, Bounds(low, high), [proposed]))
        gains.append(float(other.loss(present) - other.loss(proposed)))
    before, after = float(model.loss(present)), float(model.loss(proposed))
    ends = np.quantile(gains, [0.05, 0.95])
    correlation = float(spearmanr(_held_back(shares, losses, seed), losses.mean(axis=1)).statistic)
    edges = np.quantile(np.array(refits), [0.05, 0.95], axis=0)
    return Fit(
        proposed,
        edges[0],
        edges[1],
        before,
        after,
        (before - after, float(ends[0]), float(ends[1])),
        correlation,
        correlation >= LEAST_CORRELATION,
    )


class _Model:
    """A ridge regression for each domain, its strength chosen by leaving out one run."""

    def __init__(self, shares: NDArray[np.float64], losses: NDArray[np.float64]) -> None:
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self._fit: Any = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-4, 3, 15))).fit(_features(shares), np.log(losses))

    def loss(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """f64[R], or one number: mean over domains."""
        found: NDArray[np.float64] = (
            np.exp(self._fit.predict(_features(np.atleast_2d(shares)))).reshape(len(np.atleast_2d(shares)), -1).mean(axis=1)
        )
        return found if shares.ndim > 1 else np.asarray(found[0])


def _features(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hstack([shares, np.log(shares + TINY)])


def _best(model: _Model, bounds: Bounds, starts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Shares of the least foreseen loss that are found from any of some beginnings."""
    from scipy.optimize import minimize

    found = []
    for start in starts:
        begin = np.clip(start, bounds.low, bounds.high)
        done = minimize(
            lambda shares: float(model.loss(shares)),
            begin,
            method="SLSQP",
            bounds=list(zip(bounds.low, bounds.high, strict=True)),
            constraints=[{"type": "eq", "fun": lambda shares: shares.sum() - 1}],
        )
        shares = np.clip(done.x, bounds.low, bounds.high)
        found.append(shares / shares.sum())
    best: NDArray[np.float64] = min(found, key=lambda shares: float(model.loss(shares)))
    return best


def _held_back(shares: NDArray[np.float64], losses: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """f64[R], foreseen by a regression that did not see the run."""
    part = np.random.default_rng(seed).permutation(len(shares)) % PARTS
    foreseen = np.empty(len(shares))
    for i in range(PARTS):
        foreseen[part == i] = _Model(shares[part != i], losses[part != i]).loss(shares[part == i])
    return foreseen
