"""One arm against another: the gain at equal tokens on every set and domain, and how many times as much text buys it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.ablate.held import RAW, TARGET
from tamis.ablate.losses import Losses
from tamis.ablate.multiplier import FEWEST_BUDGETS, Multiplier, multiplier
from tamis.ablate.statistics import Detectable, Estimate, detectable_effect, paired
from tamis.ablate.verdict import Domain
from tamis.errors import AblationError


@dataclass(frozen=True)
class How:
    """How comparisons are read.

    Args:
        primary: the set that decides: the target, or raw held-out documents where there is none.
        overlap: see `statistics.paired`.
        level: of intervals.
    """

    primary: str
    overlap: float
    level: float


@dataclass(frozen=True)
class Comparison:
    """An arm against its reference at equal tokens; gains are loss of the reference − loss of the arm, positive where the arm is better.

    Args:
        arm: the one.
        against: the other.
        tokens: at which they are compared.
        gain: on the primary set.
        multiplier: how many times the arm's tokens the reference needs; None where its curve has too few budgets.
        detectable: smallest gain that is found; None where both hold the same documents.
        gains: on every set of documents.
        domains: of the primary set.
        differences: f64[S], of the primary set.
        same: bool[S], folds in which both hold the same documents.
    """

    arm: str
    against: str
    tokens: int
    gain: Estimate
    multiplier: Multiplier | None
    detectable: Detectable | None
    gains: dict[str, Estimate]
    domains: tuple[Domain, ...]
    differences: np.ndarray
    same: np.ndarray


def compare(losses: Losses, arm: str, against: str, tokens: int, how: How) -> Comparison:
    """Compare two arms over all folds.

    Raises:
        AblationError: a training died, or the folds do not vary.
    """
    what = f"{against} and {arm}"
    same = losses.same(arm, against, tokens)

    def gain(held: str, domain: str | None = None) -> tuple[Estimate, np.ndarray]:
        before, after = losses.equal(against, tokens, held, domain), losses.equal(arm, tokens, held, domain)
        return paired(before - after, same=same, overlap=how.overlap, level=how.level, what=what), before

    main, _ = gain(how.primary)
    domains = []
    for name in losses.domains(how.primary):
        estimate, before = gain(how.primary, name)
        domains.append(Domain(name, estimate, float(before.mean())))
    differences = losses.equal(against, tokens, how.primary) - losses.equal(arm, tokens, how.primary)
    found = None if main.by_construction else detectable_effect(main.sd, losses.seeds, overlap=how.overlap, level=how.level)
    gains = {held: gain(held)[0] for held in losses.sets}
    return Comparison(arm, against, tokens, main, worth(losses, arm, against, tokens, how), found, gains, tuple(domains), differences, same)


def worth(losses: Losses, arm: str, against: str, tokens: int, how: How) -> Multiplier | None:
    """How many times an arm's tokens its reference needs for the same loss on the primary set."""
    budgets = losses.budgets(against)
    if len(budgets) < FEWEST_BUDGETS or tokens not in budgets:
        return None
    return multiplier(
        losses.curve(against, budgets, how.primary),
        np.array(budgets, np.float64),
        losses.equal(arm, tokens, how.primary),
        float(tokens),
        same=losses.same(arm, against, tokens),
        overlap=how.overlap,
        level=how.level,
        what=f"{against} and {arm}",
    )


def primary_of(losses: Losses) -> str:
    """The set that decides.

    Raises:
        AblationError: nothing was evaluated.
    """
    for name in (TARGET, RAW):
        if name in losses.sets:
            return name
    raise AblationError("no training has ended, so there is nothing to say.\nFix: repeat the command.")
