"""What is to be done with a stage: adopt, reject, equivalent, harmful, or not testable; by one rule, fixed before anything is trained.

The multiplier is that of the curated mix against the same mix without the stage: how many times as much text without the stage buys the
same loss. ε is .02. The first line that holds decides:

1. The stage is barred on this rung, no target was chosen by no verdict under test, or a known corruption was not detected: not testable.
2. Both mixes hold the same documents in every fold: equivalent if the stage alone removes nothing at all, else not testable.
3. More text does not lower the loss: not testable.
4. The interval lies below 1 − ε and the adjusted p below α: harmful.
5. The interval lies above 1 + ε: not testable if the adjusted p is not below α. Else look at the domains in which a loss of more than .5 %
   of the bits per byte is possible: reject if one of them is shown to lose (by Holm over all domains), not testable if none is. Where
   there is no such domain, adopt.
6. The most that the stage could gain, 1/(1 − f), lies below the detectable effect: not testable. An interval within ± ε would then say how
   little the stage removes, and nothing of what it removes. (Lines 4 and 5 stand above this one: text that is worse than worthless gains
   more than 1/(1 − f), and what a stage can cost has no such bound.)
7. The interval lies within 1 ± ε: equivalent, and then more data is better than less.
8. The interval ends at or below 1 + ε: reject; no gain worth having, perhaps a cost.
9. Else not testable.

Adopt and harmful, which claim a difference, are lowered to not testable where a control from which nothing is expected failed and may have
gained as much, see `negative_controls`; otherwise they stand, and the control is named. "Not testable" names the folds that would settle it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.ablate.families import benjamini_hochberg, holm
from tamis.ablate.multiplier import Multiplier
from tamis.ablate.negative_controls import Control, held
from tamis.ablate.statistics import Detectable, Estimate, seeds_needed
from tamis.errors import AblationError

EPSILON = 0.02
"""Multipliers nearer to 1 are not worth a stage."""
DOMAIN_MARGIN = 0.005
"""Share of a domain's bits per byte that adopting may cost it."""
OUTCOMES = ("adopt", "reject", "equivalent", "harmful", "not testable")


@dataclass(frozen=True)
class Domain:
    """A domain of the primary target that no verdict under test has marked.

    Attributes:
        name: of the domain.
        gain: loss without the stage − loss with it, bits per byte.
        loss: without the stage, mean over folds, bits per byte, above 0.
    """

    name: str
    gain: Estimate
    loss: float


@dataclass(frozen=True)
class Facts:
    """All that a verdict rests on.

    Attributes:
        stage: its name.
        gain: on the primary target, macro-averaged: loss without the stage − loss with it, bits per byte.
        multiplier: of the mix with the stage against the mix without it.
        adjusted_p: of the gain, within the family of stages, in [0, 1].
        family: comparisons in that family, at least 1.
        detectable: smallest gain found with its power; None where the mixes do not differ.
        domains: of the primary target.
        removed_share: share of the bytes of the mix without the stage that the stage alone removes, in [0, 1); None for an edit; 0
            without being the same by construction for a stage that copies documents, which 1/(1 − f) does not bound.
        raw_gain: the gain on raw held-out documents; None: not measured.
        barred: why this rung cannot judge the stage, as a clause; None: it can.
        target: whether the primary target was chosen by no verdict under test.
        control_detected: whether known corruption was found; None: it was not tried.
        nothing_expected: controls of the same rung whose true gain is 0.
    """

    stage: str
    gain: Estimate
    multiplier: Multiplier
    adjusted_p: float
    family: int
    detectable: Detectable | None
    domains: tuple[Domain, ...] = ()
    removed_share: float | None = None
    raw_gain: Estimate | None = None
    barred: str | None = None
    target: bool = True
    control_detected: bool | None = None
    nothing_expected: tuple[Control, ...] = ()


@dataclass(frozen=True)
class Prospect:
    """What a stage could gain, beside what can be found; known before training.

    Attributes:
        most: multiplier, 1/(1 − removed share): what removing worthless text gains. Text that does harm gains more.
        detectable, detectable_low, detectable_high: the smallest multiplier that is found, and its range.
        testable: whether `most` reaches `detectable`.
        seeds_needed: folds by which `most` is detectable; None: over 100,000, or nothing is removed.
    """

    most: float
    detectable: float
    detectable_low: float
    detectable_high: float
    testable: bool
    seeds_needed: int | None


@dataclass(frozen=True)
class Verdict:
    """An outcome, why, and what else a reader must know; `dataclasses.asdict` gives JSON.

    Attributes:
        stage: its name.
        outcome: one of `OUTCOMES`.
        because: one sentence.
        cautions: sentences on what speaks against it, or limits it.
        reservations: sentences without which the outcome is not to be quoted: a control that gained where nothing is expected.
        seeds_needed: for "not testable", folds that would settle it; None: no number of folds, or over 100,000.
        label: "fit to its own selection" where there is no target, else None.
        prospect: None for a stage that removes nothing, and where the detectable effect or the slope is unknown.
        facts: what it rests on.
    """

    stage: str
    outcome: str
    because: str
    cautions: tuple[str, ...]
    seeds_needed: int | None
    label: str | None
    prospect: Prospect | None
    facts: Facts
    reservations: tuple[str, ...] = ()


def prospect(removed_share: float, detectable: Detectable, slope: float) -> Prospect:
    """Set what a stage could gain beside what can be found.

    Args:
        removed_share: see `Facts`.
        detectable: in bits per byte.
        slope: dL/d ln D of the mix without the stage, below 0, bits per byte.

    Raises:
        AblationError: a share outside [0, 1), or a slope that is not below 0.
    """
    if not 0 <= removed_share < 1 or not slope < 0:
        raise AblationError(
            f"A stage removes a share in [0, 1) of a mix whose loss falls; there are {removed_share:g} and a slope of {slope:g}."
        )
    most = 1 / (1 - removed_share)
    found, low, high = (math.exp(min(effect / -slope, 700)) for effect in (detectable.effect, detectable.low, detectable.high))
    needed = seeds_needed(detectable.sd, math.log(most) * slope, level=detectable.level, power=detectable.power) if removed_share else None
    return Prospect(most, found, low, high, most >= found, needed)


def judge(facts: Facts) -> Verdict:
    """Apply the rule; see the head of this file."""
    slope = facts.multiplier.slope.mean
    ahead = None
    if facts.removed_share and facts.detectable is not None and facts.multiplier.state != "flat":
        ahead = prospect(facts.removed_share, facts.detectable, slope)
    for rule in RULES:
        ruling = rule(facts, ahead)
        if ruling is not None:
            break
    else:
        ruling = _undecided(facts)
    ruling, reservations = _held_to_controls(facts, ruling)
    label = None if facts.target else "fit to its own selection"
    return Verdict(facts.stage, ruling.outcome, ruling.because, _cautions(facts, ahead), ruling.seeds, label, ahead, facts, reservations)


@dataclass(frozen=True)
class _Ruling:
    outcome: str
    because: str
    seeds: int | None = None


def _no_ground(facts: Facts, _: Prospect | None) -> _Ruling | None:
    if facts.barred is not None:
        return _Ruling("not testable", f"This rung cannot judge {facts.stage}: {facts.barred}.")
    if not facts.target:
        return _Ruling(
            "not testable",
            "There is no target that was chosen by no verdict under test, so a gain would be a fit to its own selection; nothing is adopted.",
        )
    if facts.control_detected is False:
        return _Ruling(
            "not testable", "Text that was corrupted on purpose was not found to be worse, so this set-up would miss what matters."
        )
    return None


def _no_difference(facts: Facts, _: Prospect | None) -> _Ruling | None:
    if not facts.gain.by_construction:
        return None
    if facts.removed_share == 0:
        return _Ruling(
            "equivalent", f"{facts.stage} removes nothing that the other stages keep, so both mixes are the same by construction."
        )
    return _Ruling(
        "not testable",
        f"What {facts.stage} alone changes stands in no fold, so both mixes are the same by construction: train on more text.",
    )


def _no_curve(facts: Facts, _: Prospect | None) -> _Ruling | None:
    if facts.multiplier.state != "flat":
        return None
    return _Ruling("not testable", "More text does not lower the loss here, so no gain can be told in text.")


def _harmful(facts: Facts, _: Prospect | None) -> _Ruling | None:
    high = facts.multiplier.high
    if high is None or high >= 1 - EPSILON or facts.adjusted_p >= _alpha(facts):
        return None
    return _Ruling("harmful", f"{facts.stage} makes the mix worse: without it the same loss takes {facts.multiplier} as much text.")


def _helps(facts: Facts, _: Prospect | None) -> _Ruling | None:
    low = facts.multiplier.low
    if low is None or low <= 1 + EPSILON:
        return None
    gain = f"Without {facts.stage} the same loss takes {facts.multiplier} as much text"
    if facts.adjusted_p >= _alpha(facts):
        needed = _more(facts, facts.gain.sd, facts.gain.mean, level=1 - _alpha(facts) / facts.family)
        reason = f"but among {facts.family} comparisons chance comes so far with p = {facts.adjusted_p:.2g}"
        return _Ruling("not testable", f"{gain}, {reason}; {_folds(needed)}.", needed)
    losing = _losing(facts, holm)
    exposed = sorted((domain for domain in facts.domains if _margin_left(domain) < 0), key=_margin_left)
    shown = [domain for domain in exposed if domain in losing]
    if shown:
        return _Ruling("reject", f"{gain}, but {shown[0].name} pays for it: {_bits(shown[0].gain)}.")
    if exposed:
        needs = [_more(facts, domain.gain.sd, domain.gain.mean + DOMAIN_MARGIN * domain.loss) for domain in exposed]
        needed = None if None in needs else max(need for need in needs if need is not None)
        doubt = f"but that {exposed[0].name} loses more than {DOMAIN_MARGIN:.1%} cannot be excluded ({_bits(exposed[0].gain)})"
        return _Ruling("not testable", f"{gain}, {doubt}; {_folds(needed)}.", needed)
    return _Ruling("adopt", f"{gain}.")


def _too_small(facts: Facts, ahead: Prospect | None) -> _Ruling | None:
    if ahead is None or ahead.testable:
        return None
    share = (
        f"{facts.stage} alone removes {facts.removed_share:.2%} of the text, which can gain at most ×{ahead.most:.4g} if it is worthless"
    )
    found = f"{facts.gain.seeds} folds find ×{ahead.detectable:.4g} (×{ahead.detectable_low:.4g} to ×{ahead.detectable_high:.4g})"
    return _Ruling("not testable", f"{share}, and {found}; {_folds(ahead.seeds_needed)}.", ahead.seeds_needed)


def _equivalent(facts: Facts, _: Prospect | None) -> _Ruling | None:
    low, high = facts.multiplier.low, facts.multiplier.high
    if low is None or high is None or low < 1 - EPSILON or high > 1 + EPSILON:
        return None
    keep = f" Prefer to keep the {facts.removed_share:.1%} of the text that it alone removes." if facts.removed_share else ""
    return _Ruling("equivalent", f"With or without {facts.stage} the same text buys the same loss: {facts.multiplier}.{keep}")


def _rejected(facts: Facts, _: Prospect | None) -> _Ruling | None:
    high = facts.multiplier.high
    if high is None or high > 1 + EPSILON:
        return None
    return _Ruling("reject", f"{facts.stage} gains nothing worth having: without it the same loss takes {facts.multiplier} as much text.")


RULES: tuple[Callable[[Facts, Prospect | None], _Ruling | None], ...] = (
    _no_ground,
    _no_difference,
    _no_curve,
    _harmful,
    _helps,
    _too_small,
    _equivalent,
    _rejected,
)


def _held_to_controls(facts: Facts, ruling: _Ruling) -> tuple[_Ruling, tuple[str, ...]]:
    """The ruling, lowered where a failed control may have gained as much; and what is to be said of controls beside it."""
    hiding, reservations = held(facts.nothing_expected, facts.gain, alpha=_alpha(facts), claims=ruling.outcome in ("adopt", "harmful"))
    if hiding is None:
        return ruling, reservations
    doubt = f"{hiding}: {_bits(facts.gain)} may be no more than this set-up makes of nothing"
    return _Ruling("not testable", f"{ruling.because[:-1]}, but {doubt}. More text would tell."), ()


def _undecided(facts: Facts) -> _Ruling:
    value = facts.multiplier.value or (facts.multiplier.delta[0] if facts.multiplier.delta else None)
    effect = 0.0 if value is None else (math.log(value) - math.log1p(EPSILON)) * facts.multiplier.slope.mean
    needed = _more(facts, facts.gain.sd, effect)
    return _Ruling("not testable", f"Without {facts.stage} the same loss takes {facts.multiplier} as much text; {_folds(needed)}.", needed)


def _cautions(facts: Facts, ahead: Prospect | None) -> tuple[str, ...]:
    said = []
    raw, gain = facts.raw_gain, facts.gain
    if raw is not None and raw.mean * gain.mean < 0:
        weight = "contradicts" if raw.significant and gain.significant else "points the other way, within its noise"
        said.append(f"The raw held-out {weight}: {_bits(raw)} there, {_bits(gain)} on the target.")
    low, high, delta = facts.multiplier.low, facts.multiplier.high, facts.multiplier.delta
    if ahead is not None and low is not None and low > ahead.most:
        said.append(f"It gains more than ×{ahead.most:.3f}, the most that removing worthless text could: what it removes does harm.")
    if delta is not None and low is not None and high is not None and (delta[2] < low or delta[1] > high):
        said.append(f"The loss difference over the slope says ×{delta[0]:.3f} ({delta[1]:.3f} to {delta[2]:.3f}): the curve fits badly.")
    said += [f"{domain.name} loses: {_bits(domain.gain)}." for domain in _losing(facts, benjamini_hochberg)]
    if facts.control_detected is None:
        said.append("No text was corrupted on purpose to see whether this set-up would notice.")
    return tuple(said)


def _losing(facts: Facts, adjust: Callable[[ArrayLike], NDArray[np.float64]]) -> list[Domain]:
    """Domains whose loss is more than chance, worst first."""
    adjusted = adjust([domain.gain.p for domain in facts.domains])
    found = [domain for domain, p in zip(facts.domains, adjusted, strict=True) if p < _alpha(facts) and domain.gain.mean < 0]
    return sorted(found, key=lambda domain: domain.gain.mean)


def _margin_left(domain: Domain) -> float:
    """Bits per byte between the worst that is possible for a domain and the most that it may lose."""
    return domain.gain.low + DOMAIN_MARGIN * domain.loss


def _alpha(facts: Facts) -> float:
    return round(1 - facts.multiplier.level, 12)  # .05, and not .05000000000000004


def _more(facts: Facts, sd: float, effect: float, *, level: float | None = None) -> int | None:
    """Folds that find the effect, more than there are: those there are did not."""
    needed = seeds_needed(sd, effect, level=facts.multiplier.level if level is None else level)
    return None if needed is None else max(needed, facts.gain.seeds + 1)


def _folds(needed: int | None) -> str:
    return "no number of folds would settle it" if needed is None else f"about {needed:,} folds would settle it"


def _bits(gain: Estimate) -> str:
    if gain.by_construction:
        return "0 bits per byte by construction"
    return f"{gain.mean:+.4f} bits per byte ({gain.low:+.4f} to {gain.high:+.4f})"
