"""Where nothing is expected and something is found, the headline names it, and a verdict that rests on no more is lowered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_ablate_verdict import FLAT, SD, ZERO, estimate, verdict

from tamis.ablate.negative_controls import Control, held, outside
from tamis.ablate.said import headline
from tamis.ablate.statistics import Estimate, paired

# A gain of .0283 bits per byte (.0183 to .0383) is what `verdict(1.05, 1.15)` rests on.
FINE = Control("null", Estimate(0.002, -0.008, 0.012, SD, 16, 0.6))


def random(low: float, high: float, p: float) -> Control:
    """The control of curated text's bytes, with that interval."""
    return Control("random", Estimate((low + high) / 2, low, high, SD, 16, p))


CASES: dict[str, tuple[tuple[Control, ...], tuple[float, float], str, int]] = {
    "none were tried": ((), (1.05, 1.15), "adopt", 0),
    "none left 0 out": ((FINE, random(-0.001, 0.03, 0.06)), (1.05, 1.15), "adopt", 0),
    "one in 20, no more in the family": ((FINE, random(0.001, 0.03, 0.026)), (1.05, 1.15), "adopt", 1),
    "one failed that may have gained as much": ((FINE, random(0.001, 0.0184, 0.024)), (1.05, 1.15), "not testable", 0),
    "one failed, and gained less": ((FINE, random(0.001, 0.0182, 0.024)), (1.05, 1.15), "adopt", 1),
    "one failed, and lost as much": ((FINE, random(-0.0184, -0.001, 0.024)), (1.05, 1.15), "not testable", 0),
    "alone it is its own family": ((random(0.001, 0.0184, 0.049),), (1.05, 1.15), "not testable", 0),
    "one that holds the same documents is none": ((Control("null", ZERO), random(0.001, 0.0184, 0.049)), (1.05, 1.15), "not testable", 0),
    "harm that may be nothing": ((random(0.001, 0.05, 0.01),), (0.85, 0.9), "not testable", 0),
    "harm beyond doubt": ((random(0.001, 0.01, 0.01),), (0.85, 0.9), "harmful", 1),
    "nothing is claimed": ((random(0.001, 0.05, 0.01),), (0.99, 1.01), "equivalent", 1),
    "both failed": ((random(0.001, 0.005, 0.01), Control("null", estimate(0.004, 0.002))), (1.05, 1.15), "adopt", 2),
}


@pytest.mark.parametrize("case", CASES)
def test_a_failed_control_lowers_what_it_may_explain(case: str) -> None:
    """Adopt and harmful fall where a control failed in its family and may have gained as much; else it is named beside them."""
    controls, (low, high), outcome, named = CASES[case]
    found = verdict(low, high, nothing_expected=controls)
    assert (found.outcome, len(found.reservations)) == (outcome, named)


def test_sentences_name_the_control_its_number_and_its_interval() -> None:
    """What lowers a verdict, what stands beside one, and what is chance alone are told apart, each with its numbers."""
    lowered = verdict(1.05, 1.15, nothing_expected=(FINE, random(0.001, 0.0184, 0.024)))
    assert lowered.because == (
        "Without lines the same loss takes ×1.099 (1.050 to 1.150) as much text, but the control random, from which nothing is expected, gains "
        "0.0097 bits per byte (+0.0010 to +0.0184; p = 0.048 among 2 controls): +0.0283 bits per byte (+0.0183 to +0.0383) may be no more than "
        "this set-up makes of nothing. More text would tell."
    )
    beside = verdict(1.05, 1.15, nothing_expected=(random(-0.0182, -0.001, 0.024),))
    assert beside.reservations == (
        (
            "But the control random, from which nothing is expected, loses 0.0096 bits per byte (-0.0182 to -0.0010; p = 0.024), as happens by chance "
            "in one ablation of 20; what is claimed here is certainly larger."
        ),
    )
    chance = verdict(1.05, 1.15, nothing_expected=(FINE, random(0.001, 0.03, 0.026)))
    assert chance.reservations == (
        (
            "But the control random, from which nothing is expected, gains 0.0155 bits per byte (+0.0010 to +0.0300; p = 0.052 among 2 controls): one "
            "control in 20 leaves 0 out by chance, and within the family it is no more than that."
        ),
    )


def test_what_no_control_bears_on_is_left_alone() -> None:
    """The same documents are the same whatever chance does, and a flat curve stays one."""
    worse = (random(0.001, 0.05, 0.01),)
    same = verdict(1.0, 1.0, gain=ZERO, detectable=None, removed_share=0.0, nothing_expected=worse)
    assert (same.outcome, same.reservations) == ("equivalent", ())
    assert verdict(None, None, state=FLAT, nothing_expected=worse).outcome == "not testable"


def test_true_nulls_fail_in_one_ablation_of_20_at_most() -> None:
    """Of 2,000 experiments with two controls without an effect, whose folds share their noise, at most 5 % (and not none) have a failed one."""
    draw = np.random.default_rng(5)
    failed = 0
    for _ in range(2000):
        shared = draw.normal(size=12)
        controls = [Control(name, paired(shared + draw.normal(size=12))) for name in ("null", "random")]
        failed += any(one.p < 0.05 for one in outside(controls))
    assert 0.03 < failed / 2000 < 0.06


def test_a_failed_control_never_raises_a_verdict() -> None:
    """Whatever the controls say, what was not claimed before is not claimed after: no false alarm is added."""
    for low, high in ((0.7, 0.8), (0.97, 1.0), (0.99, 1.01), (1.0, 1.1), (1.05, 1.15)):
        before = verdict(low, high).outcome
        after = {verdict(low, high, nothing_expected=(random(0.001, top, 0.01),)).outcome for top in (0.005, 0.02, 0.2)}
        assert after <= {before, "not testable"}


def test_held_of_no_controls_says_nothing() -> None:
    """An ablation without controls is not held against any."""
    assert held((), estimate(0.1), alpha=0.05, claims=True) == (None, ())


def net(own: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """What `verdict.json` has of a rung, as far as the headline reads it."""
    whole = {"outcome": "adopt", "label": None, "because": "It helps.", "reservations": ["But once."]}
    return {"net": whole | changed, "parts": {"own": own}}


def test_the_headline_says_what_may_not_be_left_out() -> None:
    """Reservations, and that raw text wins with all that there is of it where that is certain, stand in the first paragraph."""
    losing = {"net": {"mean": -0.0177, "low": -0.0238, "high": -0.0116}}
    assert headline(net(losing)) == (
        "Did it help?  ADOPT. It helps. But once. All this is at equal tokens; with all the text that each has, raw is better by 0.0177 bits per "
        "byte (0.0116 to 0.0238)."
    )
    assert headline(net({"net": {"mean": -0.01, "low": -0.03, "high": 0.0}})) == "Did it help?  ADOPT. It helps. But once."
    unsure = headline(net({"withheld": "why"}, outcome="not testable", label="fit to its own selection"))
    assert unsure == "Did it help?  CANNOT SAY (fit to its own selection). It helps. But once."
