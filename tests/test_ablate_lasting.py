"""Trends of a gain over sizes of models, and how sure the next size is: on data of which the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tamis.ablate.across import agreed
from tamis.ablate.lasting import PRIOR, Trend, holds, trend

OPERATIONS = (1e11, 1e12, 1e13)


def made(change: float, *, start: float = 0.3, folds: int = 8, noise: float = 0.02, seed: int = 0, operations: tuple[float, ...] = OPERATIONS) -> tuple[np.ndarray, np.ndarray]:
    """Gains and slopes of folds whose multipliers differ by fold, and change by so much a decade."""
    draw = np.random.default_rng(seed)
    logs = start + change * np.log10(np.array(operations) / operations[0])[:, None] + 0.1 * draw.standard_normal(folds)
    slopes = -0.3 + 0.02 * draw.standard_normal((len(operations), folds))
    return 0.3 * logs + noise * draw.standard_normal((len(operations), folds)), slopes


def found(change: float, **how: float) -> Trend:
    """The trend of such data."""
    operations = OPERATIONS
    return trend(*made(change, **how), operations)  # type: ignore[arg-type]


@pytest.mark.parametrize(("change", "noise", "label"), [(0.2, 0.005, "grows"), (-0.1, 0.005, "decays"), (0.0, 0.0005, "stable"), (0.0, 0.1, "undetermined")])
def test_a_known_trend_is_named(change: float, noise: float, label: str) -> None:
    """Growth and decay where they are certain; stable where the change is certainly under 2 %; else undetermined."""
    assert found(change, noise=noise).label == label


def test_a_loss_that_shrinks_decays_too() -> None:
    """The label is about the size of the effect: text that does harm, and less so, decays."""
    assert found(0.1, start=-0.3, noise=0.005).label == "decays"
    assert found(-0.1, start=-0.3, noise=0.005).label == "grows"


def test_two_sizes_make_no_trend() -> None:
    """Every two points lie on a line: the change is shown, and called undetermined, with the decades between."""
    one = trend(*made(-0.2, noise=0.001, operations=OPERATIONS[:2]), OPERATIONS[:2])
    assert (one.label, one.because) == ("undetermined", "1.0 decades between 2 rungs")
    assert one.change is not None
    assert one.change.mean == pytest.approx(-0.2, abs=0.05)
    assert trend(*made(0, operations=OPERATIONS[:1]), OPERATIONS[:1]).because == "one GPT was trained"


def test_what_decays_is_followed_a_decade_and_no_further() -> None:
    """A multiplier that reaches 1 at about 3e13 is told so from 1e13; at 1e16 nothing is said."""
    near, far = found(-0.1, start=0.25, noise=0.002), found(-0.06, start=0.3, noise=0.002)
    assert near.label == far.label == "decays"
    assert near.gone_at is not None
    assert 1e13 < near.gone_at < 1e14
    assert far.gone_at is None


def test_the_interval_of_a_change_covers_the_truth() -> None:
    """In 93 to 97 of a hundred experiments, noise of the slopes included."""
    inside = 0
    for seed in range(1500):
        one = found(-0.05, seed=seed, noise=0.02)
        assert one.change is not None
        inside += one.change.low <= -0.05 <= one.change.high
    assert 0.93 <= inside / 1500 <= 0.97


@pytest.mark.parametrize(("nats", "prior"), [(0.0479, 0.62), (0.0481, 0.81), (0.1229, 0.81), (0.1231, 0.97), (0.2599, 0.97), (0.2601, 0.99)])
def test_small_gaps_are_coin_flips(nats: float, prior: float) -> None:
    """The published shares, on both sides of every border; the sign of the gap does not matter."""
    for sign in (1, -1):
        told = holds(sign * nats / math.log(2) / 3.0, 3.0, [])
        assert (told["prior"], told["probability"]) == (prior, pytest.approx(prior))
    assert PRIOR[-1][1] < 1


def test_pairs_of_ones_own_move_the_prior() -> None:
    """Ten that turned, of the same class, halve it; those of other classes say nothing."""
    same, other = [(0.01, False)] * 10, [(0.5, False)] * 10
    assert holds(0.01, 3.0, same)["probability"] == pytest.approx(0.31)
    assert holds(0.01, 3.0, other)["probability"] == pytest.approx(0.62)


@pytest.mark.parametrize(
    ("below", "above", "state"),
    [((0.1, 0.3), (0.2, 0.4), "confirmed"), ((0.1, 0.3), (-0.4, -0.2), "reversed"), ((0.1, 0.3), (-0.1, 0.4), "fades"), ((-0.1, 0.3), (0.1, 0.4), "appears"), ((-0.1, 0.3), (0.0, 0.4), "neither")],
)
def test_confirmations_and_reversals(below: tuple[float, float], above: tuple[float, float], state: str) -> None:
    """Both intervals must exclude zero; one that touches it does not."""
    one, other = ({"low": low, "high": high, "mean": (low + high) / 2} for low, high in (below, above))
    assert agreed(one, other) == state
