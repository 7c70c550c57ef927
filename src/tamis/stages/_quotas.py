"""How much each group gives: target shares against what there is, how often it may be repeated, and a budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.stages._shares import CLOSE, fill

UNLIMITED = 1.0


@dataclass(frozen=True)
class Quotas:
    """What each group gives.

    Args:
        shares: f64[g], the target.
        quotas: f64[g], in units, repeats counted.
        scarce: bool[g], groups that give all they may and less than the target asks.
        total: the units that were asked for; the quotas may sum to less.
    """

    shares: np.ndarray
    quotas: np.ndarray
    scarce: np.ndarray
    total: float

    @property
    def met(self) -> bool:
        """Whether every group has its share, and the total is what was asked for."""
        given = float(self.quotas.sum())
        if given < self.total * (1 - CLOSE):
            return False
        return bool(np.abs(self.quotas - self.shares * given).max(initial=0) <= CLOSE * max(given, 1e-300))


def solve(amounts: np.ndarray, shares: np.ndarray, *, most: float, budget: float | None = None, highest: float | None = None) -> Quotas:
    """Quotas that are as near to the target as there is text for.

    Without a budget the shares come first, and the size gives way: as many units as there are now, or as many as the
    scarcest group allows when it is repeated as often as it may be. With a budget the size comes first: what a scarce group
    cannot give, the others give in the proportions of the target, but none more than the highest share.

    Args:
        amounts: f64[g], units that there are.
        shares: f64[g], summing to 1 (or to 0, if there are no groups).
        most: how often a unit may be given.
        budget: units; None: see above.
        highest: the largest share that a group may come to have; None: any.
    """
    caps = amounts * most
    asked = shares > 0
    lacking = asked & (amounts <= 0)  # of nothing there is no share: the others take it
    possible = np.where(lacking, 0.0, shares)
    if not possible.any():
        return Quotas(shares, np.zeros(len(amounts)), lacking, budget or 0.0)
    possible = possible / possible.sum()
    if budget is None:
        given = possible > 0
        total = min(float(amounts.sum()), float((caps[given] / possible[given]).min()))
        return Quotas(shares, np.minimum(possible * total, caps), lacking, total)
    limit = UNLIMITED if highest is None else highest
    total = min(budget, largest_total(np.where(possible > 0, caps, 0.0), limit))
    quotas = fill(total, possible, np.zeros(len(amounts)), np.minimum(caps, limit * total))
    scarce = asked & (quotas >= caps * (1 - CLOSE)) & (quotas < shares * budget * (1 - CLOSE))
    return Quotas(shares, quotas, scarce | lacking, budget)


def largest_total(caps: np.ndarray, highest: float) -> float:
    """The largest total that groups can make up of which each gives at most its cap and at most a share of the total.

    Args:
        caps: f64[g].
        highest: the largest share of a group, in (0, 1].

    Returns:
        The largest T with sum(min(caps, highest * T)) >= T; 0 if there is none above.
    """
    if highest >= UNLIMITED:
        return float(caps.sum())
    ascending = np.sort(caps[caps > 0])
    n = len(ascending)
    if n * highest < 1 - CLOSE:
        return 0.0
    # With the k smallest at their caps, T = sum of these + (n - k) * highest * T.
    held = np.concatenate([[0.0], np.cumsum(ascending)])
    best = 0.0
    for k in range(n + 1):
        free = 1 - (n - k) * highest
        total = held[k] / free if free > CLOSE else np.inf
        # The others must have as much.
        reach = ascending[k] / highest if k < n else np.inf
        best = max(best, min(total, reach))
        if total <= reach:
            break
    return float(best)
