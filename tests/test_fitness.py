"""Which scores may decide: planted fit and unfit ones."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from tamis.ablate.fitness import Fitness, Limits, fitness, fitness_table, monotone

RISING = np.array([[0.30, 0.40, 0.50], [0.31, 0.42, 0.52], [0.29, 0.41, 0.54]])
# at the largest budget: mean 0.52, deviation 0.02; what 0.45 in every seed falls short of it by: mean 0.07, deviation 0.02
WORSE = np.full(3, 0.45)


def test_a_good_score_is_fit() -> None:
    """Above chance by 13.5 deviations, rising in every seed, worse by 3.5 deviations where text is corrupted: by hand."""
    found = fitness(RISING, WORSE, better="higher", chance=0.25)
    assert found == Fitness(pytest.approx(13.5), pytest.approx(1.0), pytest.approx(3.5), fit=True, reason=None)


def test_lower_may_be_better() -> None:
    """Bits a byte fall with training, rise with corruption, and have no chance level."""
    found = fitness(5 - RISING, 5 - WORSE, better="lower")
    assert found == Fitness(None, pytest.approx(1.0), pytest.approx(3.5), fit=True, reason=None)


def test_chance_may_lie_above() -> None:
    """Where lower is better, chance is what a good score lies below."""
    found = fitness(5 - RISING, 5 - WORSE, better="lower", chance=4.75)
    assert found.above_chance == pytest.approx(13.5)


def test_a_score_at_its_limits_is_fit() -> None:
    """Exactly three deviations above chance, and exactly one above corrupted text, are enough."""
    curves = np.array([[0.0, 0.5, 1.0], [0.0, 1.0, 2.0], [0.0, 2.0, 3.0]])
    assert fitness(curves, np.ones(3), better="higher", chance=-1.0) == Fitness(3.0, pytest.approx(1.0), 1.0, fit=True, reason=None)


FALLING = RISING[:, ::-1].copy()
SPREAD = np.array([[0.5, 0.6, 0.7], [0.7, 0.8, 0.9], [0.9, 1.0, 1.1]])
CASES = {
    # score → what is wrong with it: each differs from the good one in this alone
    "chance": ({"chance": 0.47}, "not above chance"),
    "just above chance": ({"chance": 0.4599}, None),
    "below chance": ({"chance": 0.9}, "not above chance"),
    "falling": ({"raw": FALLING + 0.22}, "does not improve with training"),
    "flat": ({"raw": np.repeat(RISING[:, 2:], 3, axis=1)}, "does not improve with training"),
    "blind": ({"corrupted": RISING[:, 2]}, "does not notice corrupted text"),
    "nearly blind": ({"corrupted": np.full(3, 0.5001)}, "does not notice corrupted text"),
    "sees a deviation": ({"corrupted": np.full(3, 0.4999)}, None),
    "fooled": ({"corrupted": np.full(3, 0.56)}, "improves with corrupted text"),
    "always worse by the same": ({"raw": SPREAD, "corrupted": SPREAD[:, 2] - 0.1, "chance": 0.0}, "differs by the same in every seed"),
    "one seed": ({"raw": RISING[:1], "corrupted": WORSE[:1]}, "one seed does not show the noise"),
    "no noise": ({"raw": RISING[[0, 0, 0]]}, "the same in every seed"),
    "two budgets": ({"raw": RISING[:, 1:]}, "fewer than three budgets do not show a trend"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_unfit_score_is_barred_with_its_reason(case: str) -> None:
    """A score that is chance, does not learn, is blind to junk or made of one seed says so, on both sides of each limit."""
    changed, reason = CASES[case]
    given = {"raw": RISING, "corrupted": WORSE, "chance": 0.25} | changed
    found = fitness(given["raw"], given["corrupted"], better="higher", chance=given["chance"])
    assert (found.reason, found.fit) == (reason, reason is None)


def test_no_measure_is_ever_nan() -> None:
    """Where there is no deviation there is no ratio: null, and never a division by zero."""
    assert fitness(RISING[:1], WORSE[:1], better="higher", chance=0.25)[:3] == (None, pytest.approx(1.0), None)
    flat = fitness(np.full((3, 3), 0.1), np.full(3, 0.1), better="higher", chance=0.25)
    assert flat == Fitness(None, None, None, fit=False, reason="the same in every seed")


def test_monotone_is_the_mean_of_spearman() -> None:
    """Ties share their rank, as in scipy; a seed whose score never changes counts as 0."""
    rng = np.random.default_rng(7)
    curves = rng.integers(0, 4, (6, 5)).astype(float)
    curves[0] = 2.0
    expected = [0.0 if np.ptp(curve) == 0 else spearmanr(np.arange(5), curve).statistic for curve in curves]
    assert monotone(curves) == pytest.approx(np.mean(expected))
    assert monotone(curves[:, :2]) is None


def test_limits_are_parameters() -> None:
    """A stricter limit bars what the default lets pass."""
    strict = fitness(RISING, WORSE, better="higher", chance=0.25, limits=Limits(min_signal_to_noise=10))
    assert strict.reason == "does not notice corrupted text"


def runs(values: dict[str, np.ndarray], tokens: list[int]) -> pl.DataFrame:
    """Scores of runs: each seed at each budget, in a mixed order."""
    rows = [
        (
            "arc",
            "set",
            "arc",
            measure,
            "higher" if measure == "accuracy" else "lower",
            value,
            0.25 if measure == "accuracy" else None,
            seed,
            budget,
        )
        for measure, table in values.items()
        for seed, curve in enumerate(table)
        for budget, value in zip(tokens, curve, strict=True)
    ]
    columns = ["set", "by", "group", "measure", "better", "value", "chance", "seed", "tokens"]
    table = pl.DataFrame(rows, schema=columns, orient="row")
    return pl.concat([part.reverse() for part in table.partition_by("measure", maintain_order=True)])


def test_the_table_judges_every_score_by_its_own_runs() -> None:
    """Of runs in any order each score gets its curve, its chance level and its corrupted runs at their largest budget."""
    noise = np.array([[0.25, 0.26, 0.24], [0.26, 0.24, 0.25], [0.24, 0.25, 0.26]])
    budgets = [100, 200, 400]
    raw = runs({"gold_bits_per_byte": 5 - RISING, "accuracy": noise}, budgets)
    corrupted = runs({"accuracy": noise, "gold_bits_per_byte": 5 - np.repeat([[0.1, 0.2, 0.45]], 3, axis=0)}, budgets)
    found = fitness_table(raw, corrupted)
    assert found.select("set", "by", "group", "measure", "fit", "reason").rows() == [
        ("arc", "set", "arc", "gold_bits_per_byte", True, None),
        ("arc", "set", "arc", "accuracy", False, "not above chance"),
    ]
    assert found["signal_to_noise"][0] == pytest.approx(3.5)
    assert found["above_chance"].to_list() == [None, pytest.approx(0.0)]
    assert found.schema["reason"] == pl.String


def test_noise_is_that_of_differences_within_a_seed() -> None:
    """Seeds that hold different documents differ by much; a score that corruption lowers by nearly as much in each is fit all the same."""
    curves = np.array([[0.1, 0.2, 0.3], [0.5, 0.6, 0.7], [0.3, 0.4, 0.5]])
    found = fitness(curves, curves[:, 2] - [0.02, 0.03, 0.04], better="higher")
    assert found.signal_to_noise == pytest.approx(3.0)
    assert found.fit


def test_runs_that_are_missing_are_our_own_fault() -> None:
    """A seed without a budget, or other seeds on corrupted text, are never paired with their neighbours in silence."""
    whole = runs({"gold_bits_per_byte": 5 - RISING}, [100, 200, 400])
    with pytest.raises(AssertionError, match="not every seed at every budget"):
        fitness_table(whole.filter((pl.col("seed") > 0) | (pl.col("tokens") > 100)), whole)
    with pytest.raises(AssertionError, match="other seeds"):
        fitness_table(whole, whole.filter(pl.col("seed") > 0))
