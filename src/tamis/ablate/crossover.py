"""Quality against quantity: at which size of the raw pool curation begins to pay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.ablate.inversion import zero
from tamis.ablate.statistics import Estimate, measured, paired
from tamis.errors import AblationError


@dataclass(frozen=True)
class Crossover:
    """Where the net gain of curation passes through zero, each arm trained on all it has.

    Attributes:
        size: pool size, in the unit given; None where it is not reached, or passed more than once.
        low, high: interval; None: open within the measured sizes.
        state: "reached", "below" or "above" (not reached: by the trend of the net gains it lies below or above the measured sizes), "several".
        favours: which arm is better on average at the largest size: "curated" or "raw".
        sizes: measured pool sizes, ascending.
        nets: the net gain at each of them, positive where the curated arm is better.
    """

    size: float | None
    low: float | None
    high: float | None
    state: str
    favours: str
    sizes: tuple[float, ...]
    nets: tuple[Estimate, ...]


def crossover(nets: ArrayLike, sizes: ArrayLike, *, overlap: float = 0.0, level: float = 0.95) -> Crossover:
    """The pool size at which the net gain is zero, interpolated in the logarithm of the size through fold means.

    The interval holds the sizes around it at which the paired t test of a net gain of zero does not reject.

    Args:
        nets: f64[S, X], loss of raw − loss of curated by fold and pool size, each arm at its own size, bits per byte.
        sizes: f64[X], pool sizes above 0, ascending, at least 2.
        overlap: see `statistics.paired`.
        level: of the interval, and of those of the net gains.

    Raises:
        AblationError: as `statistics.paired`; sizes that do not fit.
    """
    values, places = measured(nets, "the net gain", dimensions=2), np.asarray(sizes, np.float64)
    if places.shape != values.shape[1:]:
        raise AblationError(f"There are net gains at {values.shape[1]} pool sizes, but {places.size} sizes are named.")
    if len(places) < 2 or not (places > 0).all() or not (np.diff(places) > 0).all():
        listed = ", ".join(f"{place:g}" for place in places)
        raise AblationError(f"A crossover needs at least 2 pool sizes above 0, in ascending order; there are {listed}.")
    estimates = tuple(
        paired(values[:, i], overlap=overlap, level=level, what=f"the net gains at {place:g}") for i, place in enumerate(places)
    )
    x = np.log(places)
    found = zero(lambda at: _interpolated(x, values, at), float(x[0]), float(x[-1]), overlap=overlap, level=level)
    favours = "curated" if found.sign > 0 else "raw"
    size, low, high = (None if end is None else math.exp(end) for end in (found.at, found.low, found.high))
    state = {0: "above" if found.side > 0 else "below", 1: "reached"}.get(found.zeros, "several")
    return Crossover(size, low, high, state, favours, tuple(places.tolist()), estimates)


def _interpolated(x: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.interp(at, x, fold) for fold in values])
