"""What share each group should have: arithmetic on a handful of numbers a group, without documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tamis.errors import StageError, suggest

CLOSE = 1e-6
"""Shares that differ by less are equal: a third, written .333333, is a third."""
ROUNDS = 1_000
"""Passes of raking; it gains a digit in a few of them where the targets can be met together."""


def powered(amounts: np.ndarray, exponent: float) -> np.ndarray:
    """Shares proportional to a power of the measured ones: 1 leaves them, 0 makes all equal.

    Args:
        amounts: f64[g], of each group, at least 0.
        exponent: at least 0.

    Returns:
        f64[g], summing to 1; 0 for a group of which there is nothing.
    """
    there = amounts > 0
    if not there.any():
        return np.zeros(len(amounts))
    # By the largest, so that no power of it overflows.
    raised = np.where(there, (amounts / amounts.max()) ** exponent, 0.0)
    return np.asarray(raised / raised.sum())


def named(groups: Sequence[str], amounts: np.ndarray, target: Mapping[str, float], stage: str) -> np.ndarray:
    """Shares as they are named; what they leave goes to all other groups, in the proportions that these have.

    Args:
        groups: g names.
        amounts: f64[g].
        target: name → share; their sum is at most 1.
        stage: what errors begin with.

    Returns:
        f64[g], summing to 1.

    Raises:
        StageError: a name is no group's, or nobody is there to take the rest.
    """
    place = {group: i for i, group in enumerate(groups)}
    for name in target:
        if name not in place:
            raise StageError(
                f'{stage}: the target names "{name}", and no document that reaches {stage} is of it. {suggest(name, groups, what="groups:")}'
            )
    found = np.zeros(len(groups))
    for name, share in target.items():
        found[place[name]] = share
    others = np.array([group not in target for group in groups]) & (amounts > 0)
    rest = 1 - found.sum()
    if rest > CLOSE:
        if not others.any():
            said = ", ".join(f"{name} {share:g}" for name, share in target.items())
            raise StageError(
                f"{stage}: the targets sum to {found.sum():.3f}, not 1 ({said}), and there is no other group to take the rest.\nFix: scale them."
            )
        found[others] = rest * amounts[others] / amounts[others].sum()
    return np.asarray(found / found.sum())


def raked(cells: np.ndarray, amounts: np.ndarray, margins: Sequence[np.ndarray]) -> np.ndarray:
    """Shares of crossed groups that meet the targets of every axis, and are else as the measured ones: raking.

    Args:
        cells: i64[g, axes], the value of each group on each axis, as a place in its margin.
        amounts: f64[g].
        margins: for each axis the shares of its values, f64[values], summing to 1.

    Returns:
        f64[g], summing to 1. Targets that exclude each other are met by the last axis, and nearly by the others.

    Source:
        Iterative proportional fitting (Deming and Stephan 1940).
    """
    shares = amounts / amounts.sum() if amounts.sum() else amounts.copy()
    for _ in range(ROUNDS):
        before = shares
        for axis, margin in enumerate(margins):
            now = np.bincount(cells[:, axis], shares, len(margin))
            factor = np.divide(margin, now, out=np.zeros(len(margin)), where=now > 0)
            shares = shares * factor[cells[:, axis]]
            shares = shares / shares.sum() if shares.sum() else shares
        if np.abs(shares - before).max(initial=0) < 1e-12:
            break
    return shares


def within(shares: np.ndarray, lowest: float | None, highest: float | None, stage: str) -> np.ndarray:
    """The shares scaled until none is below the lowest or above the highest; a group that should have none has none.

    Args:
        shares: f64[g], summing to 1.
        lowest: of the groups that have any; None: no limit.
        highest: None: no limit.
        stage: what errors begin with.

    Raises:
        StageError: so many groups cannot all have so much, or so little.
    """
    asked = shares > 0
    many = int(asked.sum())
    if not many or (lowest is None and highest is None):
        return shares
    if lowest is not None and lowest * many > 1 + CLOSE:
        raise StageError(
            f'{stage}: {many} groups cannot each have at least {lowest:g} of all.\nFix: set "min_share" to at most {_digits(1 / many)}.'
        )
    if highest is not None and highest * many < 1 - CLOSE:
        raise StageError(
            f'{stage}: {many} groups of at most {highest:g} make {highest * many:.3f} of all.\nFix: set "max_share" to at least {_digits(1 / many, up=True)}.'
        )
    low, high = np.where(asked, lowest or 0.0, 0.0), np.where(asked, 1.0 if highest is None else highest, 0.0)
    return fill(1.0, shares, low, high)


def _digits(share: float, *, up: bool = False) -> str:
    """A share with three digits, rounded so that it still holds."""
    scaled = share * 1000
    return f"{(np.ceil(scaled) if up else np.floor(scaled)) / 1000:g}" if share >= 0.001 else f"{share:g}"


def fill(total: float, wanted: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Amounts that sum to a total, proportional to what is wanted wherever that is within the limits: water-filling.

    Args:
        total: to be handed out.
        wanted: f64[g], at least 0; only proportions count.
        low: f64[g].
        high: f64[g], at least `low`; of a group of which nothing is wanted, no more than `low` is given.

    Returns:
        f64[g]: `clip(level * wanted, low, high)` with the level at which they sum to the total; all of `low` or of
        what may be had where no level does.
    """
    some = wanted > 0
    high = np.where(some, high, low)
    if total <= low.sum():
        return low.copy()
    if total >= high.sum():
        return high.copy()
    rises, ends = low[some] / wanted[some], high[some] / wanted[some]
    levels = np.concatenate([rises, ends])
    slopes = np.concatenate([wanted[some], -wanted[some]])
    order = np.argsort(levels, kind="stable")
    levels, slopes = levels[order], np.cumsum(slopes[order])
    # The sum at each level: linear between two of them.
    sums = low.sum() + np.concatenate([[0.0], np.cumsum(np.maximum(slopes[:-1], 0) * np.diff(levels))])
    i = max(0, int(np.searchsorted(sums, total, side="right")) - 1)
    level = levels[i] + ((total - sums[i]) / slopes[i] if slopes[i] > 0 else 0.0)
    return np.asarray(np.where(some, np.clip(level * wanted, low, high), low))
