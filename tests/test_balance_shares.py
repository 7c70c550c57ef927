"""The arithmetic of shares and quotas: water-filling, targets, and how near one comes to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.errors import StageError
from tamis.stages import _quotas, _shares
from tamis.stages._shares import CLOSE

AMOUNTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=12)
POSITIVE = st.lists(st.integers(1, 10**9), min_size=1, max_size=12)


def filled_slowly(total: float, wanted: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """What `fill` should give, by halving the level 400 times."""
    high = np.where(wanted > 0, high, low)

    def at(level: float) -> np.ndarray:
        return np.where(wanted > 0, np.clip(level * wanted, low, high), low)

    below, above = 0.0, max([1.0, *(h / w for h, w in zip(high, wanted, strict=True) if w > 0)])
    for _ in range(400):
        middle = (below + above) / 2
        below, above = (middle, above) if at(middle).sum() < total else (below, middle)
    return at(above)


@st.composite
def filling(draw: st.DrawFn) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """A total, what is wanted, and limits."""
    n = draw(st.integers(1, 8))
    whole = st.lists(st.integers(0, 1000), min_size=n, max_size=n)
    low = np.array(draw(whole), float)
    return float(draw(st.integers(0, 6000))), np.array(draw(whole), float), low, low + np.array(draw(whole), float)


@settings(max_examples=300, deadline=None)
@given(filling())
def test_fill_is_the_slow_oracle(case: tuple[float, np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Water-filling gives what halving the level gives, within limits, and sums to the total wherever that can be."""
    total, wanted, low, high = case
    found = _shares.fill(total, wanted, low, high)
    reachable = np.clip(total, low.sum(), np.where(wanted > 0, high, low).sum())
    assert found.sum() == pytest.approx(reachable, rel=1e-9, abs=1e-6)
    assert (found >= low - 1e-9).all()
    assert (found <= np.maximum(high, low) + 1e-9).all()
    assert found == pytest.approx(filled_slowly(reachable, wanted, low, high), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("amounts", "exponent", "shares"),
    [
        ([10, 30, 60], 1.0, [0.1, 0.3, 0.6]),
        ([10, 30, 60], 0.0, [1 / 3, 1 / 3, 1 / 3]),
        ([1, 4, 0], 0.5, [1 / 3, 2 / 3, 0]),
        ([1, 4, 0], 0.0, [0.5, 0.5, 0]),
        ([0, 0], 1.0, [0, 0]),
        ([10**300, 10**300], 3.0, [0.5, 0.5]),
    ],
)
def test_powered(amounts: list[float], exponent: float, shares: list[float]) -> None:
    """Shares are proportional to p^exponent; what is not there has none."""
    assert _shares.powered(np.array(amounts, float), exponent).tolist() == pytest.approx(shares)


GROUPS = ("law", "news", "shop")
NAMED = [
    ({"law": 0.5, "news": 0.3, "shop": 0.2}, [0.5, 0.3, 0.2]),
    ({"law": 0.4}, [0.4, 0.15, 0.45]),  # news and shop keep 1 : 3
    ({"law": 0.6, "news": 0.4}, [0.6, 0.4, 0]),
    ({"shop": 0.0}, [2 / 3, 1 / 3, 0]),
    ({"law": 1 / 3, "news": 0.333333, "shop": 0.333333}, [1 / 3, 1 / 3, 1 / 3]),
]


@pytest.mark.parametrize(("target", "shares"), NAMED)
def test_named(target: dict[str, float], shares: list[float]) -> None:
    """Named groups get what they are given, the others share the rest as they are."""
    assert _shares.named(GROUPS, np.array([20.0, 10.0, 30.0]), target, "rebalance").tolist() == pytest.approx(shares, abs=1e-6)


def test_named_refuses() -> None:
    """A group that is not there, and a rest that nobody can take, are one sentence each."""
    with pytest.raises(StageError) as unknown:
        _shares.named(GROUPS, np.ones(3), {"laws": 0.5}, "rebalance")
    assert str(unknown.value) == 'rebalance: the target names "laws", and no document that reaches rebalance is of it. Did you mean "law"?'
    with pytest.raises(StageError) as short:
        _shares.named(GROUPS, np.ones(3), {"law": 0.5, "news": 0.2, "shop": 0.2}, "rebalance")
    said = "rebalance: the targets sum to 0.900, not 1 (law 0.5, news 0.2, shop 0.2), and there is no other group to take the rest."
    assert str(short.value) == f"{said}\nFix: scale them."


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=6, max_size=6), st.lists(st.integers(1, 20), min_size=5, max_size=5))
def test_raking_meets_every_axis(amounts: list[int], wanted: list[int]) -> None:
    """Of crossed groups that all have text, the targets of both axes are met, and odds between cells stay as they are."""
    cells = np.array([(i, j) for i in range(2) for j in range(3)])
    held = np.array(amounts, float)
    margins = [np.array(wanted[:2], float) / sum(wanted[:2]), np.array(wanted[2:], float) / sum(wanted[2:])]
    shares = _shares.raked(cells, held, margins)
    for axis in (0, 1):
        assert np.bincount(cells[:, axis], shares) == pytest.approx(margins[axis], abs=1e-9)
    odds = [cell[0] * cell[4] / (cell[1] * cell[3]) for cell in (held, shares)]
    assert odds[1] == pytest.approx(odds[0], rel=1e-6)


@settings(max_examples=200, deadline=None)
@given(POSITIVE, st.sampled_from([None, 0.01, 0.05]), st.sampled_from([None, 0.3, 0.6]))
def test_limits_of_shares_hold(amounts: list[int], lowest: float | None, highest: float | None) -> None:
    """Shares within limits sum to 1, obey the limits, and keep their order."""
    shares = _shares.powered(np.array(amounts, float), 1.0)
    if highest is not None and highest * len(amounts) < 1:
        with pytest.raises(StageError, match=r"make .* of all"):
            _shares.within(shares, lowest, highest, "rebalance")
        return
    found = _shares.within(shares, lowest, highest, "rebalance")
    assert found.sum() == pytest.approx(1)
    assert found.min() >= (lowest or 0) - CLOSE
    assert found.max() <= (highest or 1) + CLOSE
    assert (np.diff(found[np.argsort(shares)]) >= -CLOSE).all()


def test_limits_that_cannot_be_are_refused() -> None:
    """Twenty groups cannot have a tenth each, and two of at most a third do not make a whole; the way out holds."""
    with pytest.raises(StageError) as many:
        _shares.within(np.full(20, 0.05), 0.1, None, "rebalance")
    assert str(many.value) == 'rebalance: 20 groups cannot each have at least 0.1 of all.\nFix: set "min_share" to at most 0.05.'
    with pytest.raises(StageError) as few:
        _shares.within(np.full(3, 1 / 3), None, 0.3, "rebalance")
    assert str(few.value) == 'rebalance: 3 groups of at most 0.3 make 0.900 of all.\nFix: set "max_share" to at least 0.334.'
    assert _shares.within(np.full(3, 1 / 3), None, 0.334, "rebalance").tolist() == pytest.approx([1 / 3] * 3)


@settings(max_examples=300, deadline=None)
@given(AMOUNTS, st.data())
def test_quotas_are_feasible_and_as_near_as_can_be(amounts: list[int], data: st.DataObject) -> None:
    """No group gives more than its copies, none over the highest share; what is short is said; nothing is given to who should have nothing."""
    n = len(amounts)
    held = np.array(amounts, float)
    raw = np.array(data.draw(st.lists(st.integers(0, 100), min_size=n, max_size=n)), float)
    shares = raw / raw.sum() if raw.sum() else raw
    most = data.draw(st.integers(1, 8))
    budget = data.draw(st.one_of(st.none(), st.integers(1, 4 * 10**12)))
    highest = data.draw(st.sampled_from([None, 0.5, 0.9]))
    highest = highest if highest is None else max(highest, float(shares.max(initial=0)))  # as `within` leaves them
    found = _quotas.solve(held, shares, most=most, budget=budget, highest=highest)
    given_ = found.quotas.sum()
    assert (found.quotas >= 0).all()
    assert (found.quotas <= held * most * (1 + 1e-9)).all()
    assert (found.quotas[shares == 0] == 0).all()
    assert given_ <= found.total * (1 + 1e-9)
    if budget is not None and highest is not None:
        assert found.quotas.max() <= highest * given_ * (1 + 1e-6)
    if found.met and given_:
        assert found.quotas / given_ == pytest.approx(shares, abs=1e-5)
    elif given_:
        assert found.scarce.any() or given_ < found.total


@settings(max_examples=200, deadline=None)
@given(POSITIVE, st.data())
def test_a_feasible_budget_is_met_exactly(amounts: list[int], data: st.DataObject) -> None:
    """A target for which there is text enough is met to the last share, with or without a budget."""
    held = np.array(amounts, float)
    raw = np.array(data.draw(st.lists(st.integers(1, 100), min_size=len(amounts), max_size=len(amounts))), float)
    shares = raw / raw.sum()
    largest = float((4 * held / shares).min())
    free = _quotas.solve(held, shares, most=4)
    assert free.met
    assert free.quotas.sum() == pytest.approx(min(held.sum(), largest))
    budget = largest * data.draw(st.floats(0.01, 1))
    asked = _quotas.solve(held, shares, most=4, budget=budget)
    assert asked.met
    assert asked.quotas == pytest.approx(shares * budget)


@settings(max_examples=200, deadline=None)
@given(POSITIVE, st.floats(0.05, 1))
def test_largest_total_is_the_largest(amounts: list[int], highest: float) -> None:
    """At the largest total the groups can just make it up; a little above they cannot; a slow search agrees."""
    caps = np.array(amounts, float)
    found = _quotas.largest_total(caps, highest)
    if len(caps) * highest < 1 - CLOSE:
        assert found == 0
        return

    def enough(total: float) -> bool:
        return bool(np.minimum(caps, highest * total).sum() >= total * (1 - 1e-7))

    assert enough(found)
    assert not enough(found * 1.001)


def test_a_scarce_group_is_named() -> None:
    """With a budget, the group that cannot give its share is known as scarce, and the others fill up in proportion."""
    found = _quotas.solve(np.array([10.0, 400.0, 600.0]), np.array([0.5, 0.25, 0.25]), most=4, budget=400)
    assert found.scarce.tolist() == [True, False, False]
    assert found.quotas.tolist() == pytest.approx([40, 180, 180])
    assert not found.met
