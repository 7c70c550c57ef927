"""How much text is worth how much: multipliers and crossovers hold known truths, and nothing is read off beyond what was measured."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from tamis.ablate.crossover import crossover
from tamis.ablate.multiplier import multiplier, multipliers
from tamis.ablate.statistics import paired
from tamis.errors import AblationError

Array = np.ndarray
T = 100_000.0
GRID = T * np.array([0.5, 2**-0.5, 1.0, 2**0.5, 2.0])
EDGES = (0.5, 0.51, 0.7, 0.9, 1.0, 1.1, 1.43, 1.95, 2.0)


def law(budget: Array | float) -> Array:
    """E + B·D^−β, with about the slope (−.28 at 100,000 tokens) that rung 0 has."""
    return 1.4 + 1.2 * (np.asarray(budget) / T) ** -0.23


def folds(random: np.random.Generator, count: int, budgets: Array, sd: float = 0.074) -> Array:
    """f64[count, budgets]: losses of streams that grow, with the noise of an average over ever more documents."""
    steps = np.diff(np.concatenate([[0.0], budgets / T]))
    walk = np.cumsum(random.normal(size=(count, len(budgets))) * np.sqrt(steps), axis=1)
    return law(budgets) + sd * walk / (budgets / T)


def quadratic(x: Array) -> Array:
    """A curve that the fit has exactly; x = ln(budget/T)."""
    return 2.5 - 0.3 * x + 0.04 * x**2


def nearly(losses: Array, count: int = 8, seed: int = 0, sd: float = 1e-7) -> Array:
    """Folds that vary just enough to be folds."""
    return losses + np.random.default_rng(seed).normal(0, sd, (count, *np.shape(losses)))


@pytest.mark.parametrize("truth", EDGES[1:-1])
def test_closed_form(truth: float) -> None:
    """On a curve that is a quadratic, the multiplier is the truth to a few digits, with a narrow interval around it."""
    found = multiplier(nearly(quadratic(np.log(GRID / T))), GRID, nearly(quadratic(np.log(truth)), seed=1), T)
    assert found.state == "measured"
    assert found.value == pytest.approx(truth, rel=1e-5)
    assert found.low < found.value < found.high
    assert found.high - found.low < 1e-4
    assert found.slope.mean == pytest.approx(-0.3, abs=1e-5)


@pytest.mark.parametrize("truth", EDGES)
def test_a_power_law_is_near_enough_to_a_quadratic(truth: float) -> None:
    """What the quadratic misses of E + B·D^−β is below .3 % of a multiplier, anywhere in the range."""
    truth = min(max(truth, 0.505), 1.98)
    found = multiplier(nearly(law(GRID)), GRID, nearly(law(truth * T), seed=1), T)
    assert found.value == pytest.approx(truth, rel=0.003)


@pytest.mark.parametrize(
    ("truth", "state", "bounds", "words"), [(2.2, "at least", (2.0, None), "at least ×2"), (0.4, "at most", (None, 0.5), "at most ×0.5")]
)
def test_beyond_the_range_nothing_is_extrapolated(truth: float, state: str, bounds: tuple[float | None, float | None], words: str) -> None:
    """Better than twice the text, worse than half of it: the report says at least, at most, and no number."""
    found = multiplier(nearly(law(GRID)), GRID, nearly(law(truth * T), seed=1), T)
    assert (found.value, found.state, str(found)) == (None, state, words)
    assert [end and round(end, 9) for end in (found.low, found.high)] == list(bounds)
    assert (found.smallest, found.largest) == pytest.approx((0.5, 2.0))


def test_a_smaller_pool_gives_a_smaller_range() -> None:
    """Where twice the text is not there, the grid ends at T, and every gain is "at least ×1"."""
    grid = GRID[:3]
    assert multiplier(nearly(law(grid)), grid, nearly(law(0.8 * T), seed=1), T).value == pytest.approx(0.8, rel=0.003)
    assert str(multiplier(nearly(law(grid)), grid, nearly(law(1.1 * T), seed=1), T)) == "at least ×1"


def test_an_estimate_outside_may_have_a_bound_inside() -> None:
    """With noise, a best guess above ×2 still says what is certain: over ×2 (at least so much)."""
    random = np.random.default_rng(4)
    base = random.normal(0, 0.1, (8, 1))
    found = multiplier(nearly(law(GRID)) + base, GRID, law(2.2 * T) + random.normal(0, 0.05, 8) + base[:, 0], T)
    assert found.value is None
    assert 1.2 < found.low < 2
    assert str(found) == f"over ×2 (at least {found.low:.3f})"


@pytest.mark.parametrize("rising", [0.0, 0.05])
def test_a_curve_that_does_not_fall_says_so(rising: float) -> None:
    """No amount of text is worth anything where more of it does not help."""
    reference = nearly(2.5 + rising * np.log(GRID / T), sd=0.01)
    found = multiplier(reference, GRID, nearly(np.array(2.4), seed=1, sd=0.01), T)
    assert (found.value, found.low, found.high, found.state) == (None, None, None, "flat")
    assert str(found) == "not measurable: more text does not lower the loss here"


def test_a_curve_that_may_not_fall_says_so() -> None:
    """A slope that chance alone might give is no measure of text, though the mean falls."""
    slopes = np.array([0.2, -0.4, 0.1, -0.3, 0.05, -0.35])
    reference = 2.5 + slopes[:, None] * np.log(GRID / T) + nearly(np.zeros(5), 6)
    found = multiplier(reference, GRID, nearly(np.array(2.49), 6, seed=1), T)
    assert found.slope.mean < 0 < found.slope.high
    assert found.state == "flat"


def test_a_curve_is_not_read_beyond_its_turn() -> None:
    """A mean curve that turns up within the grid is used up to the turn: a loss below its lowest point is "at least", not a second root."""
    x = np.log(GRID / T)
    turning = 2.5 - 0.2 * x + 0.25 * x**2
    lowest = 2.5 - 0.2**2 / (4 * 0.25)
    found = multiplier(nearly(turning), GRID, nearly(np.array(lowest - 0.01), seed=1), T)
    assert (found.value, found.state) == (None, "at least")
    assert found.low == pytest.approx(math.exp(0.4), rel=1e-4)
    assert multiplier(nearly(turning), GRID, nearly(np.array(lowest + 0.01), seed=1), T).value == pytest.approx(math.exp(0.2), rel=1e-3)


def test_the_same_documents_are_worth_the_same() -> None:
    """An arm that is the reference has multiplier 1 by construction, without an interval."""
    reference = folds(np.random.default_rng(1), 6, GRID)
    found = multiplier(reference, GRID, reference[:, 2], T, same=np.ones(6, bool))
    assert (found.value, found.low, found.high, found.state, str(found)) == (1, 1, 1, "by construction", "×1 by construction")


@pytest.mark.parametrize("overlap", [0.0, 0.4])
def test_one_is_excluded_exactly_when_the_paired_test_says_so(overlap: float) -> None:
    """Gain and multiplier never disagree on whether there is a difference, nor on which side it lies."""
    random, seen = np.random.default_rng(2), set()
    for _ in range(200):
        reference = folds(random, 8, GRID)
        arm = reference[:, 2] - 0.04 + random.normal(0, 0.05, 8)
        found, gain = multiplier(reference, GRID, arm, T, overlap=overlap), paired(reference[:, 2] - arm, overlap=overlap)
        above, below = found.low is not None and found.low > 1, found.high is not None and found.high < 1
        assert (above, below) == (gain.low > 0, gain.high < 0)
        seen.add(above)
    assert seen == {True, False}


@pytest.mark.parametrize("alike", [0.0, 0.95])
@pytest.mark.parametrize(("count", "truth"), [(6, 1 / 0.9), (8, 1 / 0.7), (16, 1 / 0.9)])
def test_coverage(count: int, truth: float, alike: float) -> None:
    """The 95 % interval holds the truth in 93 to 97 % of 600 repeats; with disjoint documents, and with documents that are nearly the same."""
    random, repeats, held = np.random.default_rng(count), 600, 0
    for _ in range(repeats):
        reference = folds(random, count, GRID)
        own = random.normal(0, 0.074, count)
        arm = law(truth * T) + alike * (reference[:, 2] - law(T)) + math.sqrt(1 - alike**2) * own
        found = multiplier(reference, GRID, arm, T)
        held += (found.low is None or found.low <= truth) and (found.high is None or found.high >= truth)
    assert 0.93 <= held / repeats <= 0.97


def test_the_delta_method_agrees_where_it_should() -> None:
    """For a small difference the check and the interval are the same to a tenth of the interval."""
    random = np.random.default_rng(6)
    reference = folds(random, 16, GRID)
    found = multiplier(reference, GRID, reference[:, 2] - 0.02 + random.normal(0, 0.02, 16), T)
    width = found.high - found.low
    assert found.delta == pytest.approx((found.value, found.low, found.high), abs=0.1 * width)


def test_the_delta_method_by_its_formula() -> None:
    """Var(ln m) = Var(Δ)/s² + Δ²·Var(s)/s⁴ − 2Δ·Cov(Δ, s)/s³, over folds, where the slope varies much."""
    random = np.random.default_rng(7)
    reference = 2.5 - random.normal(0.3, 0.1, (16, 1)) * np.log(GRID / T)
    arm = reference[:, 2] - 0.1 + random.normal(0, 0.05, 16)
    gains, slopes = reference[:, 2] - arm, -(reference[:, 1] - reference[:, 2]) / np.log(0.5**0.5) * -1
    (a, c), (_, b) = np.cov(gains, slopes)
    d, s = gains.mean(), slopes.mean()
    variance = (a / s**2 + d**2 * b / s**4 - 2 * d * c / s**3) / 16
    found = multiplier(reference, GRID, arm, T)
    assert math.log(found.delta[0]) == pytest.approx(-d / s)
    assert math.log(found.delta[2] / found.delta[0]) == pytest.approx(2.13145 * math.sqrt(variance), rel=1e-5)


def test_no_check_from_a_slope_that_is_hardly_one() -> None:
    """A quotient by a slope near 0 is left out, not printed as a number of forty digits."""
    reference = nearly(2.5 - 0.001 * np.log(GRID / T), sd=1e-5)
    found = multiplier(reference, GRID, nearly(np.array(2.4), seed=1, sd=1e-5), T)
    assert (found.delta, found.state) == (None, "at least")


def test_a_curve_of_multipliers() -> None:
    """An arm at several budgets is one multiplier a budget, each within its own part of the grid."""
    arms = nearly(law(1.3 * GRID[1:4]), seed=1)
    found = multipliers(nearly(law(GRID)), GRID, arms, GRID[1:4])
    assert [one.value for one in found] == pytest.approx([1.3] * 3, rel=0.004)
    assert [one.budget for one in found] == GRID[1:4].tolist()
    assert [one.largest for one in found] == pytest.approx([2 * 2**0.5, 2, 2**0.5])


def test_multipliers_are_json() -> None:
    """A multiplier goes into a report as it stands."""
    reference = folds(np.random.default_rng(1), 6, GRID)
    said = json.loads(json.dumps(dataclasses.asdict(multiplier(reference, GRID, reference[:, 1], T)), allow_nan=False))
    assert said["slope"]["seeds"] == said["seeds"] == 6


def crossing(sizes: Array, where: float) -> Array:
    """Net gains that are linear in ln x and zero at `where`."""
    return 0.05 * np.log(sizes / where)


SIZES = np.array([1e6, 2e6, 4e6, 8e6])


@pytest.mark.parametrize("where", [1.1e6, 2e6, 3e6, 7.9e6])
def test_crossover_closed_form(where: float) -> None:
    """A line through zero crosses where it crosses."""
    found = crossover(nearly(crossing(SIZES, where)), SIZES)
    assert (found.state, found.favours) == ("reached", "curated")
    assert found.size == pytest.approx(where, rel=1e-4)
    assert found.low < where < found.high


@pytest.mark.parametrize(
    ("where", "turned", "state", "favours"),
    [(5e5, 1, "below", "curated"), (2e7, 1, "above", "raw"), (5e5, -1, "below", "raw"), (2e7, -1, "above", "curated")],
)
def test_crossover_not_reached(where: float, turned: int, state: str, favours: str) -> None:
    """A crossover outside the measured sizes is said to lie there, without a number, and with the arm that is better within."""
    found = crossover(nearly(turned * crossing(SIZES, where)), SIZES)
    assert (found.size, found.state, found.favours) == (None, state, favours)


def test_crossover_is_the_slow_program() -> None:
    """The interval is the region around the crossover, walked outward until the paired test rejects, and never a region farther off."""
    random, x, seen = np.random.default_rng(1), np.log(SIZES), 0
    fine = np.exp(np.linspace(x[0], x[-1], 6001))
    for _ in range(60):
        nets = random.normal(0, 1, (6, 4)) * random.choice([0.001, 0.01, 0.1], 4)
        nets += random.choice([-0.05, 0.05]) * np.array([1, 1, random.choice([-1, 1]), -1]) - nets.mean(axis=0)
        found = crossover(nets, SIZES)
        each = [paired([np.interp(np.log(size), x, fold) for fold in nets], what="slow") for size in fine[::60]]
        possible = np.array([not one.significant for one in each])
        at = int(np.abs(fine[::60] - found.size).argmin())
        walk = [next((i for i in range(at, end, step) if not possible[i]), None) for end, step in ((-1, -1), (101, 1))]
        for mine, place in zip((found.low, found.high), walk, strict=True):
            assert (mine is None) == (place is None)
            assert mine is None or abs(math.log(mine / fine[::60][place])) < 0.043
            seen += mine is not None
    assert seen > 40


def test_crossover_that_noise_drowns() -> None:
    """Net gains that differ from zero nowhere have a crossover without bounds, or none but a side."""
    noise = np.random.default_rng(1).normal(0, 1, (8, 4))
    for trend in (-0.3, 0.0, 0.3):
        found = crossover(noise - noise.mean(axis=0) + trend + crossing(SIZES, 3e6), SIZES)
        assert (found.low, found.high) == (None, None)
        assert found.state == {-0.3: "above", 0.0: "reached", 0.3: "below"}[trend]


def test_crossover_more_than_once() -> None:
    """Net gains that change sign twice have no crossover, and the report says so."""
    found = crossover(nearly(np.array([0.05, -0.05, 0.05, 0.06])), SIZES)
    assert (found.size, found.low, found.high, found.state) == (None, None, None, "several")


def test_crossover_coverage() -> None:
    """The interval of a crossover holds the truth in 93 to 97 % of 500 repeats."""
    random, held = np.random.default_rng(9), 0
    for _ in range(500):
        found = crossover(crossing(SIZES, 3e6) + random.normal(0, 0.04, (8, 4)), SIZES)
        if found.state == "reached":
            held += (found.low is None or found.low <= 3e6) and (found.high is None or found.high >= 3e6)
        else:
            held += 1
    assert 0.93 <= held / 500 <= 0.97


def wrong(reference: Array = None, budgets: Array = GRID, arm: Array = None, at: float = T) -> object:  # type: ignore[assignment]
    """Call `multiplier` with one thing wrong."""
    random = np.random.default_rng(1)
    return multiplier(
        folds(random, 6, GRID) if reference is None else reference, budgets, random.normal(2.6, 0.1, 6) if arm is None else arm, at
    )


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: wrong(arm=np.full(5, 2.5)), "The two arms: the reference has 6 folds, the arm 5."),
        (
            lambda: wrong(arm=np.array([2.5] * 5 + [np.nan])),
            "The two arms: no loss in fold 5. A run that died is not left out of a mean.\nFix: repeat the command.",
        ),
        (
            lambda: wrong(budgets=GRID[:4]),
            "The reference has losses at 5 budgets, but 4 budgets are named (50000, 70710.7, 100000, 141421).",
        ),
        (
            lambda: wrong(reference=np.ones((6, 2)), budgets=GRID[:2]),
            "A curve needs at least 3 budgets above 0, in ascending order; there are 50000, 70710.7.",
        ),
        (
            lambda: wrong(budgets=GRID[::-1]),
            "A curve needs at least 3 budgets above 0, in ascending order; there are 200000, 141421, 100000, 70710.7, 50000.",
        ),
        (
            lambda: wrong(at=9e4),
            "The arm was trained on 90000 tokens, where the reference was not measured; it was at 50000, 70710.7, 100000, 141421, 200000.",
        ),
        (lambda: wrong(reference=np.tile(law(GRID), (6, 1))), "The reference's budgets differ by the same amount in every fold"),
        (
            lambda: wrong(reference=np.ones((1, 5)), arm=np.ones(1)),
            "The two arms can be compared over 2 folds or more; there are 1.\nFix: use more folds.",
        ),
        (lambda: multipliers(np.ones((6, 5)), GRID, np.ones((6, 2)), [T]), "The arm has losses at 2 budgets, but 1 budgets are named."),
        (lambda: crossover(np.ones((6, 2)), [1.0]), "There are net gains at 2 pool sizes, but 1 sizes are named."),
        (lambda: crossover(np.ones((6, 1)), [1.0]), "A crossover needs at least 2 pool sizes above 0, in ascending order; there are 1."),
        (lambda: crossover([[0.1, 0.2], [0.1, 0.3]], [1e6, 2e6]), "The net gains at 1e+06 differ by the same amount in every fold"),
    ],
)
def test_one_clear_sentence(call: object, sentence: str) -> None:
    """What cannot be inverted is an error that says what was seen."""
    with pytest.raises(AblationError) as caught:
        call()  # type: ignore[operator]
    assert str(caught.value).startswith(sentence)
