"""The rule for a stage, on both sides of every border, and the sentences that say it."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.ablate.multiplier import Multiplier
from tamis.ablate.statistics import Estimate, detectable_effect
from tamis.ablate.verdict import OUTCOMES, Domain, Facts, Verdict, judge, prospect
from tamis.errors import AblationError

SLOPE = Estimate(-0.3, -0.32, -0.28, 0.04, 16, 1e-9)
SD = 0.02
"""Of a fold's difference: 16 folds then find .015 bits per byte, which is ×1.0513 at this slope."""
ZERO = Estimate(0.0, 0.0, 0.0, 0.0, 16, 1.0, by_construction=True)


def estimate(mean: float, half: float = 0.01, p: float | None = None) -> Estimate:
    """A gain with an interval of ± half."""
    return Estimate(mean, mean - half, mean + half, SD, 16, (0.001 if abs(mean) > half else 0.5) if p is None else p)


def times(low: float | None, high: float | None, **other: Any) -> Multiplier:
    """A multiplier with that interval, its value in the middle."""
    value = math.sqrt((low or 0.5) * (high or 2.0))
    delta = (value, low or 0.4, high or 2.5)
    return Multiplier(
        **{
            "value": value,
            "low": low,
            "high": high,
            "smallest": 0.5,
            "largest": 2.0,
            "state": "measured",
            "budget": 1e5,
            "slope": SLOPE,
            "delta": delta,
            "seeds": 16,
        }
        | other
    )


def verdict(low: float | None, high: float | None, **other: Any) -> Verdict:
    """Judge a stage with that multiplier; all else is in order unless named."""
    found = times(low, high, **other.pop("state", {}))
    facts: dict[str, Any] = {
        "stage": "lines",
        "gain": estimate(math.log(found.value or 1.0) * 0.3),
        "multiplier": found,
        "adjusted_p": 0.049,
        "family": 4,
        "detectable": detectable_effect(SD, 16),
        "removed_share": 0.2,
        "control_detected": True,
    }
    return judge(Facts(**facts | other))


FLAT = {"value": None, "state": "flat", "delta": None}
AT_LEAST = {"value": None, "state": "at least"}
AT_MOST = {"value": None, "state": "at most"}
LAW = ("law", 2.4)  # may lose .012 bits per byte

CASES: dict[str, tuple[tuple[float | None, float | None], dict[str, Any], str]] = {
    # 1, the ground
    "all is well": ((1.05, 1.15), {}, "adopt"),
    "barred": ((1.05, 1.15), {"barred": "it repeats documents"}, "not testable"),
    "barred, though it harms": ((0.7, 0.8), {"barred": "it repeats documents"}, "not testable"),
    "no target": ((1.05, 1.15), {"target": False}, "not testable"),
    "no target, though it harms": ((0.7, 0.8), {"target": False}, "not testable"),
    "the control was missed": ((1.05, 1.15), {"control_detected": False}, "not testable"),
    "no control was tried": ((1.05, 1.15), {"control_detected": None}, "adopt"),
    # 2, the same documents
    "removes nothing at all": ((1.0, 1.0), {"gain": ZERO, "detectable": None, "removed_share": 0.0}, "equivalent"),
    "removes nothing in these folds": ((1.0, 1.0), {"gain": ZERO, "detectable": None, "removed_share": 0.001}, "not testable"),
    "an edit that changed nothing": ((1.0, 1.0), {"gain": ZERO, "detectable": None, "removed_share": None}, "not testable"),
    # 3, no curve
    "flat": ((None, None), {"state": FLAT}, "not testable"),
    # 4, harm
    "surely worse than 1 − ε": ((0.90, 0.9799), {}, "harmful"),
    "down to 1 − ε": ((0.90, 0.98), {}, "reject"),
    "surely worse, not in its family": ((0.90, 0.97), {"adjusted_p": 0.05}, "reject"),
    "worse than half": ((None, 0.5), {"state": AT_MOST}, "harmful"),
    "worse, and may be any": ((None, 0.99), {"state": AT_MOST}, "reject"),
    "harm of a small stage": ((0.90, 0.97), {"removed_share": 0.001}, "harmful"),
    # 5, gain
    "surely better than 1 + ε": ((1.0201, 1.2), {}, "adopt"),
    "up to 1 + ε": ((1.02, 1.2), {}, "not testable"),
    "surely better, not in its family": ((1.03, 1.2), {"adjusted_p": 0.05}, "not testable"),
    "better than twice": ((2.0, None), {"state": AT_LEAST}, "adopt"),
    "best guess above twice, unsure": ((0.99, None), {"state": AT_LEAST}, "not testable"),
    "an edit": ((1.03, 1.2), {"removed_share": None}, "adopt"),
    "gain of a small stage": ((1.03, 1.2), {"removed_share": 0.001}, "adopt"),
    # 5, domains
    "a domain may lose .5 %": ((1.05, 1.15), {"domains": (Domain(LAW[0], Estimate(0.0, -0.012, 0.012, SD, 16, 0.9), LAW[1]),)}, "adopt"),
    "a domain may lose more": (
        (1.05, 1.15),
        {"domains": (Domain(LAW[0], Estimate(0.0, -0.0121, 0.012, SD, 16, 0.9), LAW[1]),)},
        "not testable",
    ),
    "a domain loses, less than .5 %": ((1.05, 1.15), {"domains": (Domain(LAW[0], estimate(-0.006, 0.005), LAW[1]),)}, "adopt"),
    "a domain loses, maybe more": ((1.05, 1.15), {"domains": (Domain(LAW[0], estimate(-0.008, 0.005), LAW[1]),)}, "reject"),
    "of many domains one seems to lose": (
        (1.05, 1.15),
        {"domains": (Domain(LAW[0], estimate(-0.008, 0.005, p=0.04), LAW[1]), Domain("web", estimate(0.1, p=0.045), 2.4))},
        "not testable",
    ),
    "a domain that is the same": ((1.05, 1.15), {"domains": (Domain(LAW[0], ZERO, LAW[1]),)}, "adopt"),
    # 6, what it could gain at most, against ×1.0513
    "could not be seen": ((0.99, 1.01), {"removed_share": 0.048}, "not testable"),
    "could just be seen": ((0.99, 1.01), {"removed_share": 0.049}, "equivalent"),
    "could not be seen, nothing to see": ((0.95, 1.01), {"removed_share": 0.048}, "not testable"),
    "removes nothing and copies": ((0.99, 1.01), {"removed_share": 0.0}, "equivalent"),
    # 7, equivalence
    "within 1 ± ε": ((0.98, 1.02), {}, "equivalent"),
    "a little below": ((0.9799, 1.02), {}, "reject"),
    "a little above": ((0.98, 1.0201), {}, "not testable"),
    "helps for sure, though not enough": ((1.005, 1.015), {}, "equivalent"),
    # 8 and 9
    "no gain worth having": ((0.9, 1.02), {}, "reject"),
    "perhaps a gain": ((0.9, 1.021), {}, "not testable"),
    "anything": ((None, None), {}, "not testable"),
}


@pytest.mark.parametrize("name", CASES)
def test_both_sides_of_every_border(name: str) -> None:
    """The outcome is the one that the rule at the head of verdict.py gives."""
    (low, high), other, outcome = CASES[name]
    found = verdict(low, high, **dict(other))
    assert found.outcome == outcome, found.because
    assert (found.label is None) == found.facts.target


SENTENCES = {
    "all is well": "Without lines the same loss takes ×1.099 (1.050 to 1.150) as much text.",
    "barred": "This rung cannot judge lines: it repeats documents.",
    "removes nothing at all": "lines removes nothing that the other stages keep, so both mixes are the same by construction.",
    "flat": "More text does not lower the loss here, so no gain can be told in text.",
    "surely worse than 1 − ε": "lines makes the mix worse: without it the same loss takes ×0.939 (0.900 to 0.980) as much text.",
    "worse than half": "lines makes the mix worse: without it the same loss takes at most ×0.5 as much text.",
    "surely better, not in its family": (
        "Without lines the same loss takes ×1.112 (1.030 to 1.200) as much text, but among 4 comparisons chance comes so far with p = 0.05; "
        "about 17 folds would settle it."
    ),
    "a domain may lose more": (
        "Without lines the same loss takes ×1.099 (1.050 to 1.150) as much text, but that law loses more than 0.5% cannot be excluded "
        "(+0.0000 bits per byte (-0.0121 to +0.0120)); about 24 folds would settle it."
    ),
    "a domain loses, maybe more": (
        "Without lines the same loss takes ×1.099 (1.050 to 1.150) as much text, but law pays for it: -0.0080 bits per byte (-0.0130 to -0.0030)."
    ),
    "could not be seen": (
        "lines alone removes 4.80% of the text, which can gain at most ×1.05 if it is worthless, and 16 folds find ×1.051 (×1.038 to ×1.08); "
        "about 17 folds would settle it."
    ),
    "within 1 ± ε": (
        "With or without lines the same text buys the same loss: ×1.000 (0.980 to 1.020). Prefer to keep the 20.0% of the text that it alone removes."
    ),
    "no gain worth having": "lines gains nothing worth having: without it the same loss takes ×0.958 (0.900 to 1.020) as much text.",
    "perhaps a gain": "Without lines the same loss takes ×0.959 (0.900 to 1.021) as much text; about 17 folds would settle it.",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_what_is_said(name: str) -> None:
    """Why, in one sentence, exactly."""
    (low, high), other, _ = CASES[name]
    assert verdict(low, high, **dict(other)).because == SENTENCES[name]


def test_small_stages_are_told_how_many_folds() -> None:
    """A stage that removes 1 % needs about 24 times the folds of one that removes 5 %; one that removes nothing, no number of them."""
    needs = [prospect(share, detectable_effect(SD, 8), -0.3).seeds_needed for share in (0.0, 0.01, 0.05)]
    assert needs == [None, 348, 16]
    assert verdict(0.99, 1.01, removed_share=0.01).seeds_needed == 348


def test_what_a_stage_could_gain() -> None:
    """Removing a share f of worthless text leaves 1/(1 − f) times as much of worth; what is found is exp(effect/slope)."""
    found = prospect(0.2, detectable_effect(SD, 16), -0.3)
    assert found.most == pytest.approx(1.25)
    assert found.detectable == pytest.approx(math.exp(detectable_effect(SD, 16).effect / 0.3))
    assert found.detectable_low < found.detectable < found.detectable_high
    assert found.testable


@pytest.mark.parametrize(
    ("raw", "caution"),
    [
        (
            estimate(-0.03),
            "The raw held-out contradicts: -0.0300 bits per byte (-0.0400 to -0.0200) there, +0.0283 bits per byte (+0.0183 to +0.0383) on the target.",
        ),
        (
            estimate(-0.005),
            "The raw held-out points the other way, within its noise: -0.0050 bits per byte (-0.0150 to +0.0050) there, +0.0283 bits per byte (+0.0183 to +0.0383) on the target.",
        ),
        (estimate(0.03), None),
        (ZERO, None),
        (None, None),
    ],
)
def test_a_disagreement_in_sign_is_said(raw: Estimate | None, caution: str | None) -> None:
    """Where raw held-out documents say the opposite of the target, the verdict stays and says so."""
    found = verdict(1.05, 1.15, raw_gain=raw)
    assert found.outcome == "adopt"
    assert found.cautions == ((caution,) if caution else ())


def test_other_cautions() -> None:
    """Text that does harm, a curve that fits badly, losing domains (worst first) and a missing control are said."""
    domains = (Domain("law", estimate(-0.004, 0.002), 2.4), Domain("web", estimate(-0.005, 0.002), 2.4), Domain("news", estimate(0.1), 2.4))
    found = verdict(1.3, 1.4, control_detected=None, domains=domains, state={"delta": (1.1, 1.05, 1.2)})
    assert found.outcome == "adopt"
    assert found.cautions == (
        "It gains more than ×1.250, the most that removing worthless text could: what it removes does harm.",
        "The loss difference over the slope says ×1.100 (1.050 to 1.200): the curve fits badly.",
        "web loses: -0.0050 bits per byte (-0.0070 to -0.0030).",
        "law loses: -0.0040 bits per byte (-0.0060 to -0.0020).",
        "No text was corrupted on purpose to see whether this set-up would notice.",
    )


@pytest.mark.parametrize(("share", "slope"), [(1.0, -0.3), (-0.1, -0.3), (0.1, 0.0)])
def test_impossible_prospects(share: float, slope: float) -> None:
    """A stage that removes all, and a curve that does not fall, have no prospect."""
    with pytest.raises(AblationError) as caught:
        prospect(share, detectable_effect(SD, 16), slope)
    assert (
        str(caught.value) == f"A stage removes a share in [0, 1) of a mix whose loss falls; there are {share:g} and a slope of {slope:g}."
    )


bounds = st.one_of(st.none(), st.floats(0.5, 2.0))
anything = st.fixed_dictionaries(
    {
        "adjusted_p": st.floats(0, 1),
        "removed_share": st.one_of(st.none(), st.floats(0, 0.99)),
        "target": st.booleans(),
        "control_detected": st.sampled_from([None, True, False]),
    }
)


@given(bounds, bounds, anything, st.lists(st.tuples(st.floats(-0.1, 0.1), st.floats(1e-4, 0.1)), max_size=4))
def test_whatever_is_measured(low: float | None, high: float | None, facts: dict[str, Any], domains: list[tuple[float, float]]) -> None:
    """There is always one outcome, one sentence and strict JSON, and nothing is adopted that the rule's promises do not cover."""
    if low is not None and high is not None:
        low, high = sorted((low, high))
    named = tuple(Domain(f"d{i}", estimate(mean, half), 2.4) for i, (mean, half) in enumerate(domains))
    found = verdict(low, high, domains=named, **facts)
    assert found.outcome in OUTCOMES
    assert found.because.endswith(".")
    assert json.loads(json.dumps(dataclasses.asdict(found), allow_nan=False))["outcome"] == found.outcome
    assert found.seeds_needed is None or (found.outcome == "not testable" and found.seeds_needed > 16)
    if found.outcome in ("adopt", "harmful"):
        assert facts["target"]
        assert facts["control_detected"] is not False
        assert facts["adjusted_p"] < 0.05
        assert (low or 0) > 1.02 if found.outcome == "adopt" else (high or 9) < 0.98
    if found.outcome == "adopt":
        assert all(domain.gain.low >= -0.012 for domain in named)
