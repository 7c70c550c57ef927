"""Where a difference between two arms, known by fold as a function of x, passes through zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tamis.ablate.statistics import inflation, quantile

STEPS = 400
"""Places tried across the range, to tell how often the mean changes its sign and which places are possible; ends are then found exactly."""


@dataclass(frozen=True)
class Zero:
    """A zero of the mean over folds, with every x around it at which the paired t test does not reject zero.

    Attributes:
        at: None where the mean has no zero in the range, or more than one.
        low, high: None: the region is open there, for it reaches the end of the range. Without a zero: the part of the range, next to that
            end where the mean comes nearest to zero, in which zero is possible; the end itself where it is possible nowhere.
        zeros: changes of sign within the range.
        sign: of the mean at the upper end of the range: 1 or -1.
        side: 1 or -1 where there is no zero: the end, upper or lower, at which the mean comes nearest to it; else 0.
    """

    at: float | None
    low: float | None
    high: float | None
    zeros: int
    sign: int
    side: int


def zero(
    differences: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    start: float,
    stop: float,
    *,
    overlap: float = 0.0,
    level: float = 0.95,
) -> Zero:
    """Find it; the mean should be monotone where one zero is wanted.

    Args:
        differences: x f64[X] → f64[S, X], by fold, continuous.
        start: lower end of the range.
        stop: upper end, above it.
        overlap: see `statistics.paired`.
        level: of the interval.
    """
    critical = quantile(len(differences(np.array([start]))) - 1, level)

    def mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
        averaged: NDArray[np.float64] = differences(x).mean(axis=0)
        return averaged

    def excess(x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Above 0 where the test rejects zero."""
        values = differences(x)
        beyond: NDArray[np.float64] = np.abs(values.mean(axis=0)) - critical * inflation(len(values), overlap) * values.std(axis=0, ddof=1)
        return beyond

    places = np.linspace(start, stop, STEPS + 1)
    means = mean(places)
    turns = np.flatnonzero((means[:-1] > 0) != (means[1:] > 0))
    sign = 1 if means[-1] > 0 else -1
    rejected = places[excess(places) > 0]
    if len(turns) > 1:
        return Zero(None, None, None, len(turns), sign, 0)
    if len(turns) == 1:
        at = _root(mean, float(places[turns[0]]), float(places[turns[0] + 1]))
        below, above = rejected[rejected < at], rejected[rejected > at]
        low = _root(excess, float(below[-1]), at) if len(below) else None
        return Zero(at, low, _root(excess, at, float(above[0])) if len(above) else None, 1, sign, 0)
    at = stop if abs(means[-1]) <= abs(means[0]) else start
    end = at if at in rejected else _root(excess, at, float(rejected[-1 if at == stop else 0])) if len(rejected) else None
    return Zero(None, end, None, 0, sign, 1) if at == stop else Zero(None, None, end, 0, sign, -1)


def _root(function: Callable[[NDArray[np.float64]], NDArray[np.float64]], start: float, stop: float) -> float:
    """Where a function that changes its sign between two places is zero; where it does not for round-off, the place that comes nearest."""
    from scipy.optimize import brentq

    ends = function(np.array([start, stop]))
    if ends[0] * ends[1] > 0:
        return start if abs(ends[0]) < abs(ends[1]) else stop
    return float(brentq(lambda x: float(function(np.array([x]))[0]), start, stop, xtol=1e-12))
