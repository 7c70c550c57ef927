"""Means over folds with their intervals, and how small an effect so many folds can find.

Losses are bits per byte, lower is better; a difference is reference − arm, so a positive one is a gain. Seeds are folds: one number of an
arm and fold is one draw, and what varies between documents of a fold is no draw of its own (an interval over documents alone rejects
39 % of true nulls).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.errors import AblationError

FEWEST = 2
"""Folds below which nothing is said to vary."""
MOST_SEEDS = 100_000
"""Folds beyond which a demand for more is no advice."""
ROUND_OFF = 1e-12
"""Bits per byte. Losses that differ by no more are the same loss: sums of a few bits in f64 err by 1e-15."""


@dataclass(frozen=True)
class Estimate:
    """A mean over folds, with its interval.

    Attributes:
        mean: of the differences; in their unit, mostly bits per byte, positive where the arm is better.
        low, high: the interval of that level; both ends count as possible.
        sd: standard deviation of one fold's difference (n − 1).
        seeds: folds.
        p: two-sided, of a true mean of 0, by Student's t.
        level: of the interval, in (0, 1).
        by_construction: both arms hold the same documents in every fold, so that the difference is 0 and could be nothing else.
    """

    mean: float
    low: float
    high: float
    sd: float
    seeds: int
    p: float
    level: float = 0.95
    by_construction: bool = False

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 0."""
        return not self.by_construction and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Detectable:
    """The smallest true effect that is found with a given probability.

    Attributes:
        effect: (t₁₋α/₂ + t_power)·sd/√S with S − 1 degrees of freedom; the unit of sd, positive.
        low, high: the same at the ends of the chi-square interval of sd, at the same level. From eight folds they stand 3 × apart: an
            effect planned from few folds is a range, and not a number.
        sd, seeds, level, power: what it was computed from.
    """

    effect: float
    low: float
    high: float
    sd: float
    seeds: int
    level: float = 0.95
    power: float = 0.8


def paired(
    differences: ArrayLike, *, same: ArrayLike | None = None, overlap: float = 0.0, level: float = 0.95, what: str = "the two arms"
) -> Estimate:
    """The mean of differences within folds, with Student's t over folds.

    Args:
        differences: f64[S], one a fold: loss of the reference − loss of the arm.
        same: bool[S], folds in which both arms hold the same documents. Such a difference must be 0; where all are, the estimate is 0 by
            construction.
        overlap: share of its documents that a fold has in common with another one, in [0, 1): 0 for disjoint folds, q for subsamples that
            each hold a share q of the pool. See `nadeau_bengio`.
        level: of the interval.
        what: names the comparison in errors.

    Raises:
        AblationError: fewer than 2 folds, a loss that is missing, folds that do not vary (a model that ignores order gives the same loss
            for every seed, and t would be infinite), or a difference where there can be none.
    """
    values = measured(differences, what, dimensions=1)
    alike = _alike(values, same, what)
    if alike.all():
        return Estimate(0.0, 0.0, 0.0, 0.0, len(values), 1.0, level, by_construction=True)
    sd = _spread(values, what)
    return _student(float(values.mean()), sd * inflation(len(values), overlap), sd, len(values), level)


def nadeau_bengio(differences: ArrayLike, overlap: float, *, level: float = 0.95, what: str = "the two arms") -> Estimate:
    """`paired` for subsamples of one pool that overlap: the variance of the mean is (1/S + ρ/(1 − ρ))·sd², not sd²/S.

    Args:
        differences: f64[S].
        overlap: ρ, the correlation of two differences: for an average over documents it is the share of documents that two subsamples have
            in common, that is q for random subsamples of a share q. More subsamples of a small pool tell little more about it.
        level: of the interval.
        what: names the comparison in errors.

    Source:
        Nadeau and Bengio 2003, "Inference for the generalization error", Machine Learning 52: their ρ is n_test/(n_train + n_test), since
        there it is the test sets that are drawn; here the held-out documents stay and what is trained on is drawn.
    """
    return paired(differences, overlap=overlap, level=level, what=what)


def unpaired(reference: ArrayLike, arm: ArrayLike, *, level: float = 0.95, what: str = "the two arms") -> Estimate:
    """Mean loss of the reference − mean loss of the arm, for arms that hold disjoint documents: Welch's t.

    Args:
        reference: f64[S].
        arm: f64[S'].
        level: of the interval.
        what: names the comparison in errors.

    Returns:
        `seeds` is the smaller of S and S', `sd` that of a difference of one fold each.

    Raises:
        AblationError: as `paired`.
    """
    sides = [measured(side, what, dimensions=1) for side in (reference, arm)]
    variances = [float(side.var(ddof=1)) for side in sides]
    sd = math.sqrt(sum(variances))
    if sd <= ROUND_OFF:
        raise _no_spread(what)
    shares = [variance / len(side) for variance, side in zip(variances, sides, strict=True)]
    degrees = sum(shares) ** 2 / sum(share**2 / (len(side) - 1) for share, side in zip(shares, sides, strict=True))
    mean, fewest = float(sides[0].mean() - sides[1].mean()), min(len(side) for side in sides)
    return _student(mean, math.sqrt(sum(shares)), sd, fewest, level, degrees)


def detectable_effect(sd: float, seeds: int, *, overlap: float = 0.0, level: float = 0.95, power: float = 0.8) -> Detectable:
    """The smallest true mean difference that `paired` finds with this power, and how far it is known.

    Args:
        sd: of one fold's difference, above 0; measured on `seeds` folds.
        seeds: folds, at least 2.
        overlap: see `paired`.
        level: of the test (0.95: 5 % false positives).
        power: probability that the effect is found.

    Source:
        The usual sum of two quantiles; by the noncentral t it has power .79 to .80 from 6 folds on.
    """
    from scipy.special import gammaincinv

    if seeds < FEWEST or not sd > 0:
        raise AblationError(f"A detectable effect needs 2 folds that vary; there are {seeds}, with a standard deviation of {sd:g}.")
    degrees = seeds - 1
    effect = (quantile(degrees, level) + _one_sided(degrees, power)) * sd * inflation(seeds, overlap)
    tail = (1 - level) / 2
    low, high = (effect * math.sqrt(degrees / (2 * gammaincinv(degrees / 2, end))) for end in (1 - tail, tail))
    return Detectable(effect, low, high, sd, seeds, level, power)


def seeds_needed(sd: float, effect: float, *, level: float = 0.95, power: float = 0.8) -> int | None:
    """The fewest disjoint folds by which a true effect of this size is found with this power; None: over 100,000.

    It is never below the folds that an exact sign-flip test needs: 2/2^S must be below 1 − level, which is 6 folds at 0.95.

    Args:
        sd: of one fold's difference, not negative.
        effect: in the unit of sd; its sign does not matter.
        level: of the test.
        power: probability that the effect is found.
    """
    fewest = math.floor(math.log2(2 / (1 - level))) + 1
    size = abs(effect)
    if sd <= 0:
        return fewest
    if size <= 0 or detectable_effect(sd, MOST_SEEDS, level=level, power=power).effect > size:
        return None
    least, most = 1, MOST_SEEDS
    while most - least > 1:
        middle = (least + most) // 2
        if detectable_effect(sd, middle, level=level, power=power).effect <= size:
            most = middle
        else:
            least = middle
    return max(most, fewest)


def binomial_interval(successes: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """The exact interval (Clopper and Pearson 1934) of a rate, in [0, 1].

    Raises:
        AblationError: not 0 ≤ successes ≤ trials, or no trials.
    """
    from scipy.special import betaincinv

    if not 0 <= successes <= trials or trials < 1:
        raise AblationError(f"A rate needs successes between 0 and trials; there are {successes} of {trials}.")
    tail = (1 - level) / 2
    low = float(betaincinv(successes, trials - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - tail)) if successes < trials else 1.0
    return low, high


def measured(values: ArrayLike, what: str, *, dimensions: int) -> NDArray[np.float64]:
    """Losses or differences as f64 with folds first, checked.

    Raises:
        AblationError: another number of dimensions, fewer than 2 folds, or a loss that is missing.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != dimensions:
        raise AblationError(f"The losses of {what} have {array.ndim} dimensions, not {dimensions}.")
    if len(array) < FEWEST:
        raise AblationError(f"{_begin(what)} can be compared over 2 folds or more; there are {len(array)}.\nFix: use more folds.")
    broken = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
    if len(broken):
        folds = ", ".join(str(fold) for fold in broken[:5]) + (" …" if len(broken) > 5 else "")
        raise AblationError(
            f"{_begin(what)}: no loss in fold {folds}. A run that died is not left out of a mean.\nFix: repeat the command."
        )
    return array


def quantile(degrees: float, level: float) -> float:
    """Student's t that a two-sided interval of this level reaches to."""
    return _one_sided(degrees, 0.5 + level / 2)


def _one_sided(degrees: float, probability: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _student(mean: float, error: float, sd: float, seeds: int, level: float, degrees: float | None = None) -> Estimate:
    from scipy.special import stdtr

    degrees = seeds - 1 if degrees is None else degrees
    reach = quantile(degrees, level) * error
    return Estimate(mean, mean - reach, mean + reach, sd, seeds, float(2 * stdtr(degrees, -abs(mean) / error)), level)


def inflation(seeds: int, overlap: float) -> float:
    """Standard error of the mean, in units of the standard deviation of one fold."""
    if not 0 <= overlap < 1:
        raise AblationError(f"Folds that have a share of {overlap:g} of their documents in common are no folds; it must be in [0, 1).")
    return math.sqrt(1 / seeds + overlap / (1 - overlap))


def _alike(values: NDArray[np.float64], same: ArrayLike | None, what: str) -> NDArray[np.bool_]:
    alike = np.zeros(len(values), bool) if same is None else np.asarray(same, bool)
    if alike.shape != values.shape:
        raise AblationError(f"{_begin(what)}: {len(values)} differences, but {alike.size} folds that may hold the same documents.")
    odd = np.flatnonzero(alike & (np.abs(values) > ROUND_OFF))
    if len(odd):
        raise AblationError(
            f"{_begin(what)} hold the same documents in fold {odd[0]}, and yet their losses differ by {values[odd[0]]:.3g} bits per byte."
        )
    return alike


def _spread(values: NDArray[np.float64], what: str) -> float:
    sd = float(values.std(ddof=1))
    if sd <= ROUND_OFF:
        raise _no_spread(what)
    return sd


def _no_spread(what: str) -> AblationError:
    return AblationError(
        f"{_begin(what)} differ by the same amount in every fold, so nothing says how far chance goes.\n"
        "Fix: give each seed documents of its own; a model that ignores order learns the same from any order of one set."
    )


def _begin(what: str) -> str:
    return what[:1].upper() + what[1:]
