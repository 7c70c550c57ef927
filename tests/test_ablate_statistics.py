"""Means over folds: intervals that hold what they promise, and plain sentences where there is nothing to say."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import nctdtr

from tamis.ablate.statistics import binomial_interval, detectable_effect, nadeau_bengio, paired, quantile, seeds_needed, unpaired
from tamis.errors import AblationError


def test_paired_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, standard deviation 1, and ± 4.303/√3 from the table of Student's t with 2 degrees of freedom."""
    found = paired([1.0, 2.0, 3.0])
    assert (found.mean, found.sd, found.seeds) == (2.0, 1.0, 3)
    assert found.low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-6)
    assert found.high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-6)
    assert found.p == pytest.approx(0.0741799, abs=1e-6)
    assert not found.significant


@pytest.mark.parametrize("seed", range(5))
def test_t_tests_are_those_of_scipy(seed: int) -> None:
    """Intervals and p-values are those of a well-kept library, paired and unpaired, at any level."""
    random = np.random.default_rng(seed)
    a, b, level = random.normal(0.3, 1, 7), random.normal(0, 3, 9), 0.8
    one, two = stats.ttest_1samp(a, 0), stats.ttest_ind(a, b, equal_var=False)
    for mine, theirs in ((paired(a, level=level), one), (unpaired(a, b, level=level), two)):
        interval = theirs.confidence_interval(level)
        assert (mine.low, mine.high, mine.p) == pytest.approx((interval.low, interval.high, theirs.pvalue), rel=1e-9)
        assert mine.significant == (theirs.pvalue < 1 - level)


def test_estimates_are_json() -> None:
    """An estimate goes into a report as it stands."""
    said = json.loads(json.dumps(dataclasses.asdict(paired([0.1, 0.2, 0.4])), allow_nan=False))
    assert list(said) == ["mean", "low", "high", "sd", "seeds", "p", "level", "by_construction"]


def test_the_same_documents_in_every_fold() -> None:
    """Two arms that are one arm differ by 0 by construction: no test, no significance, no infinite t."""
    found = paired([0.0, 0.0, 0.0], same=[True, True, True])
    assert (found.mean, found.low, found.high, found.p, found.by_construction, found.significant) == (0, 0, 0, 1, True, False)


def test_the_same_documents_in_some_folds() -> None:
    """Folds that a stage leaves alone count as folds with a difference of 0."""
    assert paired([0.0, 0.0, 0.3], same=[True, True, False]) == paired([0.0, 0.0, 0.3])


WRONG = {
    "zero variance": (
        lambda: paired([0.5, 0.5, 0.5], what="raw and curated"),
        "so nothing says how far chance goes.\nFix: give each seed documents of its own; a model that ignores order learns the same",
    ),
    "round-off is no variance": (lambda: paired([0.1 + 0.2, 0.3, 0.3]), "differ by the same amount in every fold"),
    "no difference, other documents": (lambda: paired([0.0, 0.0], same=[True, False]), "differ by the same amount in every fold"),
    "zero variance, unpaired": (lambda: unpaired([2.0, 2.0], [1.0, 1.0]), "differ by the same amount in every fold"),
    "one fold": (lambda: paired([0.5]), "The two arms can be compared over 2 folds or more; there are 1.\nFix: use more folds."),
    "no fold": (lambda: paired([]), "there are 0."),
    "a run that died": (
        lambda: paired([0.5, math.nan, 0.1, math.inf]),
        "The two arms: no loss in fold 1, 3. A run that died is not left out of a mean.\nFix: repeat the command.",
    ),
    "a table for a row": (lambda: paired([[0.5, 0.1]]), "The losses of the two arms have 2 dimensions, not 1."),
    "unequal folds": (
        lambda: paired([0.5, 0.1], same=[True]),
        "The two arms: 2 differences, but 1 folds that may hold the same documents.",
    ),
    "same documents, other losses": (
        lambda: paired([0.0, 0.25], same=[True, True]),
        "The two arms hold the same documents in fold 1, and yet their losses differ by 0.25 bits per byte.",
    ),
    "one set again and again": (lambda: paired([0.5, 0.1], overlap=1.0), "Folds that have a share of 1 of their documents in common"),
    "effect of one fold": (lambda: detectable_effect(1.0, 1), "there are 1, with a standard deviation of 1."),
    "effect without variance": (lambda: detectable_effect(0.0, 8), "there are 8, with a standard deviation of 0."),
    "more successes than trials": (lambda: binomial_interval(3, 2), "there are 3 of 2."),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_clear_sentence(name: str) -> None:
    """What cannot be compared is an error that says what was seen, never a number."""
    call, sentence = WRONG[name]
    with pytest.raises(AblationError) as caught:
        call()
    assert sentence in str(caught.value)


@pytest.mark.parametrize(("folds", "seed"), [(6, 1), (16, 2)])
def test_coverage_of_the_paired_interval(folds: int, seed: int) -> None:
    """The 95 % interval holds the truth in 95 % of 2,000 repeats (93.5 to 96.5: three standard errors)."""
    draws = np.random.default_rng(seed).normal(0.3, 1, (2000, folds))
    held = sum(found.low <= 0.3 <= found.high for found in map(paired, draws))
    assert 0.935 <= held / 2000 <= 0.965


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_overlapping_subsamples(share: float) -> None:
    """Where eight subsamples hold a share q of one pool each, the plain test rejects far too many truths, and the corrected one 5 %."""
    random = np.random.default_rng(int(100 * share))
    pool, repeats = 200, 1500
    naive = corrected = 0
    for _ in range(repeats):
        documents = random.normal(size=pool)
        kept = np.stack([documents[random.permutation(pool)[: int(share * pool)]].mean() for _ in range(8)])
        naive += paired(kept).significant
        corrected += nadeau_bengio(kept, share).significant
    assert naive / repeats > 0.2
    assert 0.033 <= corrected / repeats <= 0.067


@pytest.mark.parametrize("folds", [6, 8, 16, 24])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_detectable_effect_has_its_power(folds: int, level: float) -> None:
    """By the exact (noncentral t) power, the stated effect is found with probability .8, to a hundredth."""
    noncentrality = detectable_effect(2.0, folds, level=level).effect * math.sqrt(folds) / 2.0
    limit = quantile(folds - 1, level)
    power = 1 - nctdtr(folds - 1, noncentrality, limit) + nctdtr(folds - 1, noncentrality, -limit)
    assert power == pytest.approx(0.8, abs=0.01)


def test_the_detectable_effect_of_few_folds_is_a_range() -> None:
    """With the numbers of the reference page (six seeds, sd .0139, 6.5 % at a slope of .303), and a range over a factor of three at eight."""
    six = detectable_effect(0.0139, 6)
    assert six.effect / 0.303 == pytest.approx(0.065, abs=0.0005)
    eight = detectable_effect(1.0, 8)
    assert eight.high / eight.low == pytest.approx(math.sqrt(16.0128 / 1.68987), rel=1e-4)
    assert eight.low < eight.effect < eight.high


def test_the_range_holds_the_true_effect() -> None:
    """The range of the detectable effect holds the one of the true standard deviation in 95 % of repeats."""
    draws = np.random.default_rng(3).normal(size=(1500, 8))
    truth = detectable_effect(1.0, 8).effect
    ranges = [detectable_effect(float(draw.std(ddof=1)), 8) for draw in draws]
    assert 0.933 <= np.mean([one.low <= truth <= one.high for one in ranges]) <= 0.967


def test_overlap_sets_a_floor_to_what_can_be_found() -> None:
    """More subsamples of one pool do not find ever smaller effects."""
    assert detectable_effect(1.0, 10_000, overlap=0.5).effect > 2.7
    assert detectable_effect(1.0, 10_000).effect < 0.03


@pytest.mark.parametrize("effect", [0.1, 0.37, 1.0])
def test_seeds_needed_is_the_fewest(effect: float) -> None:
    """That many folds find the effect, one fewer do not."""
    needed = seeds_needed(1.0, effect)
    assert needed is not None
    assert detectable_effect(1.0, needed).effect <= effect < detectable_effect(1.0, needed - 1).effect
    assert seeds_needed(1.0, -effect) == needed


def test_seeds_needed_at_its_ends() -> None:
    """Never below what an exact sign-flip test needs (2/2^S < α), and no number where none would do."""
    assert seeds_needed(1.0, 100.0) == 6
    assert seeds_needed(1.0, 100.0, level=0.99) == 8
    assert seeds_needed(0.0, 0.1) == 6
    assert seeds_needed(1.0, 0.0) is None
    assert seeds_needed(1.0, 1e-6) is None


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (5, 100), (50, 1000), (10, 10)])
def test_binomial_interval(successes: int, trials: int) -> None:
    """The exact interval, as a well-kept library has it."""
    theirs = stats.binomtest(successes, trials).proportion_ci(0.95)
    assert binomial_interval(successes, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
