"""The line from loss to benchmark, gains by difficulty and the shape of trends: on data of which the truth is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tamis.ablate.difficulty import Difficulty, difficulty
from tamis.ablate.line_shift import Shift, line_shift
from tamis.ablate.shapes import shape
from tamis.ablate.tell_benchmark import difficulty as told_difficulty
from tamis.ablate.tell_benchmark import line_shift as told_shift
from tamis.cli.ablate import page
from tamis.errors import AblationError

BUDGETS = np.array([0.5, 0.7071, 1.0, 1.4142, 2.0, 4.0]) * 1e6


def curves(off: float, *, worth: float = 1.5, folds: int = 20, noise: float = 0.01, seed: int = 0) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Losses on a target and on gold answers, a bent line between them; curated text is worth so much, and lies so far off the line."""
    draw = np.random.default_rng(seed)
    level = 0.03 * draw.standard_normal((folds, 1))
    sides = []
    for times, beside in ((1.0, 0.0), (worth, off)):
        loss = 1.2 + 1.3 * (BUDGETS[:5] * times / 1e6 if times > 1 else BUDGETS / 1e6) ** -0.2
        gold = 0.4 + 0.5 * loss + 0.1 * loss**2 + beside
        sides.append(tuple(one + level + noise * draw.standard_normal((folds, len(one))) for one in (loss, gold)))
    return sides[0], sides[1]


def shifted(off: float, **how: Any) -> Shift:
    """What is found of such data."""
    raw, curated = curves(off, **how)
    return line_shift(raw, BUDGETS, curated)


@pytest.mark.parametrize("off", [-0.05, 0.05])
def test_a_planted_shift_is_found(off: float) -> None:
    """Its interval holds the truth; text below the line makes more of the benchmark than its loss says."""
    found = shifted(off)
    assert found.label == "its own"
    assert found.shift.low < off < found.shift.high
    assert found.shift.significant
    assert (found.factor.mean > 0) == (off < 0)


def test_text_on_the_line_may_be_quoted() -> None:
    """With little noise the factor lies within a tenth of 1, whatever the text is worth; with much nothing is certain."""
    assert shifted(0.0, noise=0.002).label == "may be quoted"
    assert shifted(0.0, noise=0.002, worth=2.5).label == "may be quoted"
    assert shifted(0.0, noise=0.2).label == "undetermined"


def test_shifts_are_not_made_up() -> None:
    """Without one, 93 to 97 of a hundred intervals hold 0, though the line is bent and losses are noisy."""
    inside = sum(not shifted(0.0, seed=seed, folds=8).shift.significant for seed in range(1000))
    assert 0.93 <= inside / 1000 <= 0.97


def test_the_factor_is_that_of_the_multipliers() -> None:
    """Where both are power laws of the tokens, the shift over the fall of the gold answers is the multipliers' ratio, about."""
    found = shifted(-0.02, noise=0.0005)
    raw, _ = curves(0.0, noise=0.0)
    fall = np.polyfit(np.log(BUDGETS), raw[1].mean(axis=0), 1)[0]
    assert found.factor.mean == pytest.approx(-0.02 / fall, rel=0.05)


def test_what_has_no_line_is_said() -> None:
    """Too few budgets, curated text beyond raw text's reach, gold answers that no text helps."""
    raw, curated = curves(0.0)
    with pytest.raises(AblationError, match="a line wants 3 budgets of raw text, and there are 2"):
        line_shift(tuple(one[:, :2] for one in raw), BUDGETS[:2], curated)  # type: ignore[arg-type]
    with pytest.raises(AblationError, match="losses that raw text did not reach"):
        shifted(0.0, worth=50.0)
    with pytest.raises(AblationError, match="more text does not lower the bits of its gold answers"):
        line_shift((raw[0], -raw[1]), BUDGETS, curated)


def documents(gradient: float, *, folds: int = 12, n: int = 100, seed: int = 0, noise: float = 0.3) -> Difficulty:
    """Documents from easy to hard, models that differ; curated text gains .1 on average, by so much more where it is harder."""
    draw = np.random.default_rng(seed)
    hard = np.sort(draw.uniform(1.5, 3.5, n))
    gain = 0.1 + gradient * (hard - 2.5)
    raw = hard + noise * draw.standard_normal((folds, n))
    return difficulty(raw, hard - gain + noise * draw.standard_normal((folds, n)))


@pytest.mark.parametrize(("gradient", "label"), [(0.1, "hard ones gain more"), (-0.1, "easy ones gain more")])
def test_a_planted_gradient_is_found(gradient: float, label: str) -> None:
    """Fifths in order of difficulty, the gain in order with it, the interval of the difference holds the truth."""
    found = documents(gradient)
    assert found.label == label
    assert [one.documents for one in found.fifths] == [20] * 5
    assert np.all(np.diff([one.loss for one in found.fifths]) > 0)
    assert np.all(np.sign(np.diff([one.gain.mean for one in found.fifths])) == np.sign(gradient))
    assert found.widens.low < 1.6 * gradient < found.widens.high


def test_noise_of_the_raw_models_is_no_gradient() -> None:
    """Were difficulty told by the fold's own raw model, hard documents would always gain: told by others, 93 to 97 of a hundred hold 0."""
    calm = [documents(0.0, seed=seed, noise=0.5) for seed in range(600)]
    assert 0.93 <= sum(one.label == "no difference is certain" for one in calm) / 600 <= 0.97
    assert np.mean([one.widens.mean for one in calm]) == pytest.approx(0.0, abs=0.01)


def test_difficulty_that_cannot_be_told_is_withheld() -> None:
    """Few documents, few folds, folds that overlap; a fold that is missing."""
    values = np.random.default_rng(0).standard_normal((6, 30))
    for raw, overlap, said in ((values[:, :24], 0.0, "24 documents"), (values[:2], 0.0, "2 folds"), (values, 0.5, "folds overlap")):
        with pytest.raises(AblationError, match=said):
            difficulty(raw, raw - 0.1, overlap=overlap)
    with pytest.raises(AblationError, match="no loss in fold 3"):
        difficulty(np.where(np.arange(6)[:, None] == 3, np.nan, values), values)


def _logs(change: Any, *, folds: int = 6, noise: float = 0.005, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.asarray(change)[:, None] + 0.1 * draw.standard_normal(folds) + noise * draw.standard_normal((len(change), folds))


DECADES = np.array([0.0, 0.9, 1.6, 2.2, 3.0])


@pytest.mark.parametrize(
    ("change", "label"), [(0 * DECADES, "constant"), (0.1 * DECADES, "straight"), (0.3 * (1 - np.exp(-DECADES / 0.5)), "levels off")]
)
def test_a_planted_shape_is_named(change: np.ndarray, label: str) -> None:
    """It is the least AICc, and is never contradicted: near rivals make it undetermined."""
    operations = (1e11 * 10**DECADES).tolist()
    named = [shape(_logs(change, seed=seed), operations) for seed in range(40)]
    assert sum(one.criteria[label] == 0 for one in named) >= 32
    assert sum(one.label not in (label, "undetermined") for one in named) <= 4


def test_three_rungs_have_no_shape() -> None:
    """A curve that levels off goes through any three."""
    found = shape(_logs([0.3, 0.2, 0.1]), [1e11, 1e12, 1e13])
    assert (found.label, found.because, found.criteria) == ("undetermined", "3 rungs, and a shape wants 4", {})


def test_both_are_told_in_words() -> None:
    """What may be quoted, what may not, and what was not measurable with its reason."""
    from dataclasses import asdict

    lines = [
        {"set": "arc", **asdict(shifted(-0.05))},
        {"set": "piqa", "withheld": "The bits of its gold answers are unfit to decide anything: not above chance."},
    ]
    said = page(told_shift(lines)).replace("\n", " ")
    assert "it has a multiplier of its own, and that of the loss must not be quoted" in said
    assert "quoted for piqa: not measurable; the bits of its gold answers are unfit" in said
    found = documents(0.1)
    said = page(told_difficulty({"target": asdict(found), "arc": {"withheld": "20 documents were asked for."}}, "gpt-64"))
    assert f"{found.fifths[4].gain.mean:+.4f}" in said
    assert "gpt-64, documents of the target: hard ones gain more." in said
    assert "gains by difficulty of items of arc: not measurable; 20 documents were asked for." in said
    assert math.isfinite(found.widens.p)
