"""Many comparisons at once: p-values that hold for a family of stages together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.ablate.statistics import ROUND_OFF, measured, paired
from tamis.errors import AblationError

EXACT_FOLDS = 24
"""Folds up to which every pattern of signs is tried: 2^23, half of them, since a pattern and its opposite count alike."""
DRAWS = 1 << 17
"""Patterns drawn beyond: an adjusted p of .05 is then known to ± .0012."""
BLOCK = 15
"""Folds whose sums are laid out at once: 2^15 sums of a comparison stay in a core's cache."""


@dataclass(frozen=True)
class Family:
    """p-values of K comparisons over the same folds.

    Attributes:
        p: two-sided, each for itself, length K.
        adjusted: the chance that any of the family comes so far if none has an effect; at least `p`, and monotone in the size of the effect.
        method: "exact sign flips", "drawn sign flips" or "Holm".
        patterns: patterns of signs looked at, a pattern and its opposite counted once; 0 for Holm.
    """

    p: tuple[float, ...]
    adjusted: tuple[float, ...]
    method: str
    patterns: int


def family(differences: ArrayLike, *, same: ArrayLike | None = None, overlap: float = 0.0, seed: int = 0) -> Family:
    """`sign_flip` for disjoint folds; for overlapping ones, whose signs are not exchangeable, Holm over `nadeau_bengio`.

    Args:
        differences: f64[S, K], see `sign_flip`.
        same: bool[S, K].
        overlap: see `statistics.paired`.
        seed: of the draws.
    """
    if not overlap:
        return sign_flip(differences, same=same, seed=seed)
    values = measured(differences, "the family", dimensions=2)
    alike = _alike(values, same)
    p = np.array([paired(values[:, k], same=alike[:, k], overlap=overlap).p for k in range(values.shape[1])])
    adjusted, varied = np.ones(len(p)), ~alike.all(axis=0)
    adjusted[varied] = holm(p[varied])
    return Family(tuple(p.tolist()), tuple(adjusted.tolist()), "Holm", 0)


def sign_flip(differences: ArrayLike, *, same: ArrayLike | None = None, seed: int = 0) -> Family:
    """Sign-flip tests of K means over the same folds, adjusted by Westfall and Young's step-down max-T.

    Without an effect a fold's differences are as likely to have the opposite signs, all K together: the correlation between comparisons
    that share the losses of an arm is kept, so that this costs less than Holm. The statistic is Student's t. Exact up to 24 folds; beyond,
    131,072 patterns are drawn. The smallest p is 2/2^S, so fewer than 6 folds never come below .05.

    Args:
        differences: f64[S, K]: folds × comparisons.
        same: bool[S, K], see `statistics.paired`; a comparison that is 0 by construction has p = 1 and is no member of the family.
        seed: of the draws.

    Raises:
        AblationError: fewer than 2 folds, a missing loss, or a comparison whose differences are all alike.

    Source:
        Westfall and Young 1993, "Resampling-based multiple testing", algorithm 2.8.
    """
    values = measured(differences, "the family", dimensions=2)
    varied = np.flatnonzero(~_alike(values, same).all(axis=0))
    chosen = values[:, varied]
    for k in np.flatnonzero(chosen.std(axis=0, ddof=1) <= ROUND_OFF):
        raise AblationError(f"Comparison {varied[k]} of the family: the arms differ by the same amount in every fold.")
    scaled = chosen / np.sqrt((chosen**2).sum(axis=0))
    order = np.argsort(np.abs(scaled.sum(axis=0)), kind="stable")
    exact = len(values) <= EXACT_FOLDS
    sorted_folds = np.ascontiguousarray(scaled[:, order])
    alone, together, patterns = _all_patterns(sorted_folds) if exact else _drawn_patterns(sorted_folds, seed)
    p, adjusted = np.ones(values.shape[1]), np.ones(values.shape[1])
    p[varied[order]] = alone
    adjusted[varied[order]] = np.maximum.accumulate(together[::-1])[::-1]
    return Family(tuple(p.tolist()), tuple(adjusted.tolist()), "exact sign flips" if exact else "drawn sign flips", patterns)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """p-values adjusted for a family by Holm's step-down: valid whatever their dependence. f64[K] → f64[K]."""
    values = _probabilities(p)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(np.minimum(values[order] * np.arange(len(values), 0, -1), 1.0))
    return adjusted


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """p-values adjusted for the expected share of false findings; to describe domains, and no ground for a verdict. f64[K] → f64[K]."""
    values = _probabilities(p)
    order = np.argsort(values, kind="stable")[::-1]
    adjusted = np.empty_like(values)
    count = len(values)
    adjusted[order] = np.minimum.accumulate(np.minimum(values[order] * count / np.arange(count, 0, -1), 1.0))
    return adjusted


def _probabilities(p: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(p, np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise AblationError(f"p-values lie between 0 and 1; there are {values.tolist()}.")
    return values


def _alike(values: NDArray[np.float64], same: ArrayLike | None) -> NDArray[np.bool_]:
    alike = np.zeros(values.shape, bool) if same is None else np.asarray(same, bool)
    if alike.shape != values.shape:
        raise AblationError(f"The family has {values.shape[1]} comparisons over {values.shape[0]} folds, but `same` is {alike.shape}.")
    if (np.abs(values[alike]) > ROUND_OFF).any():
        raise AblationError("Two arms of the family hold the same documents in a fold, and yet their losses differ.")
    return alike


class _Counts:
    """How many patterns come as far as what was observed: each comparison alone, and the best of it and all weaker ones."""

    def __init__(self, scaled: NDArray[np.float64]) -> None:
        # Ties are patterns that equal the observed one but for the order of summation.
        self.limits = np.abs(scaled.sum(axis=0)) - 1e-9
        self.alone = np.zeros(scaled.shape[1], np.int64)
        self.together = np.zeros(scaled.shape[1], np.int64)

    def add(self, sums: list[NDArray[np.float64]]) -> None:
        """Count patterns; sums[k] are those of comparison k, weakest first, and are overwritten."""
        best: NDArray[np.float64] | None = None
        for k, mine in enumerate(sums):
            np.abs(mine, out=mine)
            self.alone[k] += np.count_nonzero(mine >= self.limits[k])
            best = mine if best is None else np.maximum(best, mine, out=mine)
            self.together[k] += np.count_nonzero(best >= self.limits[k])


def _all_patterns(scaled: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    folds = len(scaled)
    early = min(folds - 1, BLOCK)
    # The first fold keeps its sign: the opposite of a pattern has the same absolute sums.
    inner = scaled[:1] + _signed_sums(scaled[1 : early + 1])
    outer = _signed_sums(scaled[early + 1 :])
    counts = _Counts(scaled)
    columns = np.ascontiguousarray(inner.T)
    for shift in outer:
        counts.add([columns[k] + shift[k] for k in range(len(columns))])
    patterns = len(inner) * len(outer)
    return counts.alone / patterns, counts.together / patterns, patterns


def _signed_sums(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """f64[2^n, K]: the sums of n rows under all patterns of signs."""
    sums = np.zeros((1, rows.shape[1]))
    for row in rows:
        sums = np.concatenate([sums + row, sums - row])
    return sums


def _drawn_patterns(scaled: NDArray[np.float64], seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """As `_all_patterns`, over patterns drawn from a seed and the observed one."""
    random = np.random.Generator(np.random.PCG64(seed))
    counts = _Counts(scaled)
    for _ in range(DRAWS >> 12):
        signs = random.integers(0, 2, (1 << 12, len(scaled))) * 2.0 - 1.0
        counts.add(list(np.ascontiguousarray((signs @ scaled).T)))
    return (counts.alone + 1) / (DRAWS + 1), (counts.together + 1) / (DRAWS + 1), DRAWS + 1
