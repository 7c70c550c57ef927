"""Many comparisons at once: exact, monotone, and wrong about any of a family in at most 5 % of experiments."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tamis.ablate import families
from tamis.ablate.families import benjamini_hochberg, family, holm, sign_flip
from tamis.errors import AblationError

Array = np.ndarray


def _student(table: Array) -> Array:
    """|t| of each column."""
    with np.errstate(divide="ignore"):
        return np.abs(table.mean(axis=0)) / (table.std(axis=0, ddof=1) / np.sqrt(len(table)))


def slow_sign_flip(table: Array) -> tuple[list[float], list[float]]:
    """Every pattern of signs, t statistics from their definition, Westfall and Young's step-down as it is written."""
    observed = _student(table)
    flipped = np.array([_student(table * np.array(signs)[:, None]) for signs in itertools.product((1.0, -1.0), repeat=len(table))])
    reached = flipped >= observed * (1 - 1e-6)
    order = sorted(range(table.shape[1]), key=lambda k: -observed[k])
    adjusted, least = [0.0] * table.shape[1], 0.0
    for place, k in enumerate(order):
        best = flipped[:, order[place:]].max(axis=1)
        least = max(least, float((best >= observed[k] * (1 - 1e-6)).mean()))
        adjusted[k] = least
    return reached.mean(axis=0).tolist(), adjusted


tables = st.tuples(st.integers(2, 7), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-4, 4).map(float))
)


@given(tables)
@settings(max_examples=150, deadline=None)
def test_sign_flips_are_the_slow_program(table: Array) -> None:
    """Exact p-values, alone and adjusted, are those of the obvious program, ties and all."""
    varied = table[:, (table.std(axis=0) > 0)]
    if varied.shape[1]:
        found = sign_flip(varied)
        alone, adjusted = slow_sign_flip(varied)
        assert found.p == pytest.approx(alone, abs=1e-12)
        assert found.adjusted == pytest.approx(adjusted, abs=1e-12)
        assert found.patterns == 2 ** (len(table) - 1)


def test_sign_flip_by_hand() -> None:
    """Six gains in a row: only one pattern of 32 comes as far; with one loss of the same size in the middle, more do."""
    found = sign_flip([[1.0, 1.0], [2, 2], [3, -3], [4, 4], [5, 5], [6, 6]])
    assert found.p[0] == 2 / 2**6
    # Sums of at least 15 of 21: signs that take at most 3 off: none, 1, 2, 3, 1 + 2.
    assert found.p[1] == 5 / 32
    assert found.method == "exact sign flips"


@given(tables)
@settings(max_examples=100, deadline=None)
def test_adjusted_values_are_monotone(table: Array) -> None:
    """A larger effect never has a larger adjusted p, and adjusting never makes a p smaller."""
    table = table[:, (table.std(axis=0) > 0)]
    if table.shape[1]:
        found = sign_flip(table)
        order = np.argsort(_student(table), kind="stable")
        assert (np.diff(np.array(found.adjusted)[order]) <= 1e-12).all()
        assert all(together >= alone for alone, together in zip(found.p, found.adjusted, strict=True))


def test_correlated_comparisons_cost_less_than_holm() -> None:
    """Six comparisons that are nearly one are adjusted as nearly one."""
    random = np.random.default_rng(5)
    table = random.normal(0.7, 1, (12, 1)) + random.normal(0, 0.05, (12, 6))
    found = sign_flip(table)
    assert max(found.adjusted) < 1.5 * min(found.p)
    assert holm(np.array(found.p)).max() > 3 * min(found.p)


def test_family_wise_error() -> None:
    """Of 1,500 experiments without any effect, five correlated comparisons each, about 5 % find one."""
    random = np.random.default_rng(11)
    shared, own = random.normal(size=(1500, 10, 1)), random.normal(size=(1500, 10, 5))
    wrong = np.mean([min(sign_flip(table).adjusted) < 0.05 for table in shared + own])
    assert 0.033 <= wrong <= 0.067


def test_an_effect_hides_no_other_and_makes_none() -> None:
    """Beside one large effect, the four without one are wrongly found in at most 5 % of experiments (strong control)."""
    random = np.random.default_rng(12)
    tables_ = random.normal(size=(800, 10, 1)) + random.normal(size=(800, 10, 5))
    tables_[:, :, 0] += 5
    adjusted = np.array([sign_flip(table).adjusted for table in tables_])
    assert (adjusted[:, 0] < 0.05).all()
    assert (adjusted[:, 1:].min(axis=1) < 0.05).mean() <= 0.07


def test_24_folds_are_exact() -> None:
    """All 2^23 patterns of 24 folds are tried: the smallest p there is comes out."""
    table = np.linspace(1, 2, 24)[:, None] * np.array([1.0, 2.0]) + np.random.default_rng(1).normal(0, 0.01, (24, 2))
    found = sign_flip(table)
    assert found.patterns == 2**23
    assert found.p == (2 / 2**24, 2 / 2**24)


def test_more_folds_are_drawn() -> None:
    """Beyond 24 folds patterns are drawn, by the seed alone."""
    table = np.random.default_rng(2).normal(0.2, 1, (25, 3))
    found = sign_flip(table, seed=4)
    assert (found.method, found.patterns) == ("drawn sign flips", families.DRAWS + 1)
    assert found == sign_flip(table, seed=4)
    assert found != sign_flip(table, seed=5)
    assert sign_flip(table + 9).p == sign_flip(table + 9).adjusted == (1 / (families.DRAWS + 1),) * 3


def test_drawn_patterns_agree_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws estimate the exact values to a few thousandths."""
    table = np.random.default_rng(2).normal(0.3, 1, (14, 4))
    exact = sign_flip(table)
    monkeypatch.setattr(families, "EXACT_FOLDS", 13)
    drawn = sign_flip(table)
    assert drawn.method == "drawn sign flips"
    assert drawn.p == pytest.approx(exact.p, abs=0.006)
    assert drawn.adjusted == pytest.approx(exact.adjusted, abs=0.006)


def test_what_is_zero_by_construction_is_no_member() -> None:
    """A stage that removes nothing has p = 1 and costs the others nothing."""
    table = np.random.default_rng(3).normal(0.5, 1, (8, 2))
    wider = np.insert(table, 1, 0.0, axis=1)
    same = np.zeros((8, 3), bool)
    same[:, 1] = True
    for overlap in (0.0, 0.5):
        found, without = family(wider, same=same, overlap=overlap), family(table, overlap=overlap)
        assert found.p == (without.p[0], 1.0, without.p[1])
        assert found.adjusted == (without.adjusted[0], 1.0, without.adjusted[1])
    assert sign_flip(np.zeros((4, 1)), same=np.ones((4, 1), bool)).adjusted == (1.0,)


def test_overlapping_folds_go_by_holm() -> None:
    """Signs of overlapping subsamples are not exchangeable, so a bound that needs no such thing takes their place."""
    table = np.random.default_rng(3).normal(0.5, 1, (8, 3))
    found = family(table, overlap=0.3)
    assert (found.method, found.patterns) == ("Holm", 0)
    assert found.adjusted == tuple(holm(found.p))
    assert all(naive < wide for naive, wide in zip(sign_flip(table).p, found.p, strict=True))


def test_holm_and_benjamini_hochberg_by_hand() -> None:
    """Textbook values."""
    p = [0.01, 0.04, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == len(benjamini_hochberg([])) == 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: sign_flip([[0.5, 0.1], [0.5, 0.2]]), "Comparison 0 of the family: the arms differ by the same amount in every fold."),
        (lambda: sign_flip([[0.5, 0.1]]), "The family can be compared over 2 folds or more; there are 1.\nFix: use more folds."),
        (lambda: sign_flip([0.5, 0.1]), "The losses of the family have 1 dimensions, not 2."),
        (
            lambda: sign_flip([[0.5], [np.nan]]),
            "The family: no loss in fold 1. A run that died is not left out of a mean.\nFix: repeat the command.",
        ),
        (
            lambda: sign_flip([[0.5], [0.1]], same=[True, False]),
            "The family has 1 comparisons over 2 folds, but `same` is (2,).",
        ),
        (
            lambda: sign_flip([[0.5], [0.1]], same=[[True], [False]]),
            "Two arms of the family hold the same documents in a fold, and yet their losses differ.",
        ),
        (lambda: holm([0.5, 1.5]), "p-values lie between 0 and 1; there are [0.5, 1.5]."),
        (lambda: holm([np.nan]), "p-values lie between 0 and 1; there are [nan]."),
    ],
)
def test_one_clear_sentence(call: object, sentence: str) -> None:
    """A family that cannot be compared is an error that says what was seen."""
    with pytest.raises(AblationError) as caught:
        call()  # type: ignore[operator]
    assert str(caught.value) == sentence
