"""Where a difference between two arms, known by fold as a function of x, passes through zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tamis.ablate.statistics import inflation, quantile

STEPS = 4000
"""Places tried across the range; between two of them crossings are interpolated."""


@dataclass(frozen=True)
class Zero:
    """A zero of the mean over folds, with every x around it at which the paired t test does not reject zero.

    Attributes:
        at: None where the mean has no zero in the range, or more than one.
        low, high: None: the region is open there, for it reaches the end of the range. Without a zero: the part of the range, next to that
            end where the mean comes nearest to zero, in which zero is possible; the end itself where it is possible nowhere.
        zeros: changes of sign within the range.
        sign: of the mean at the upper end of the range: 1 or -1.
    """

    at: float | None
    low: float | None
    high: float | None
    zeros: int
    sign: int


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
    places = np.linspace(start, stop, STEPS + 1)
    values = differences(places)
    mean = values.mean(axis=0)
    reach = quantile(len(values) - 1, level) * inflation(len(values), overlap) * values.std(axis=0, ddof=1)
    turns = np.flatnonzero((mean[:-1] > 0) != (mean[1:] > 0))
    sign = 1 if mean[-1] > 0 else -1
    if len(turns) > 1:
        return Zero(None, None, None, len(turns), sign)
    excess = np.abs(mean) - reach
    if len(turns) == 1:
        at = _between(places, mean, int(turns[0]))
        return Zero(at, _left(places, excess, int(turns[0]), at), _right(places, excess, int(turns[0]) + 1, at), 1, sign)
    if abs(mean[-1]) <= abs(mean[0]):
        low = stop if excess[-1] > 0 else _left(places, excess, STEPS, stop)
        return Zero(None, low, None, 0, sign)
    high = start if excess[0] > 0 else _right(places, excess, 0, start)
    return Zero(None, None, high, 0, sign)


def _left(places: NDArray[np.float64], excess: NDArray[np.float64], begin: int, at: float) -> float | None:
    """The lower end of the region in which zero is possible, walking down from `begin`; None: it is open."""
    outside = np.flatnonzero(excess[: begin + 1] > 0)
    if not len(outside):
        return None
    i = int(outside[-1])
    return at if i == begin else _between(places, excess, i)


def _right(places: NDArray[np.float64], excess: NDArray[np.float64], begin: int, at: float) -> float | None:
    outside = np.flatnonzero(excess[begin:] > 0)
    if not len(outside):
        return None
    i = begin + int(outside[0])
    return at if i == begin else _between(places, excess, i - 1)


def _between(places: NDArray[np.float64], values: NDArray[np.float64], i: int) -> float:
    """Where a line from place i to the next one is zero."""
    rise = values[i + 1] - values[i]
    return float(places[i] - values[i] * (places[i + 1] - places[i]) / rise) if rise else float(places[i])
