"""What a repeat is worth: recovered from losses that were made with a known value, and from GPTs on clean text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_ablate_trainings import CURATED, field
from test_gpt import text

from tamis.ablate.arms import Arm
from tamis.ablate.repeats import AGAIN, value
from tamis.ablate.trainings import EPOCHS, stream_of
from tamis.errors import AblationError
from tamis.lm.gpt import Settings, curve


def losses(rate: float, *, folds: int = 8, noise: float = 0.002, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Of fresh and of repeated text, by a power law and Muennighoff's formula; folds differ in level, alike for both."""
    draw = np.random.default_rng(seed)
    level = 0.05 * draw.standard_normal((folds, 1))
    epochs = np.array(EPOCHS)
    stands = 1 + rate * (1 - np.exp(-(epochs - 1) / rate))
    fresh, again = (1 + 2 * many**-0.3 + level + noise * draw.standard_normal((folds, 4)) for many in (epochs, stands))
    return fresh, again


@pytest.mark.parametrize("rate", [1.0, 3.0, 15.4])
def test_a_known_value_is_recovered(rate: float) -> None:
    """R* lies within its interval, and near; what repeats stand for is told by it."""
    found = value(*losses(rate))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= rate <= found.high
    assert found.rate == pytest.approx(rate, rel=0.35)
    assert found.worth[1] == 1
    assert found.worth[8] == pytest.approx(1 + rate * (1 - math.exp(-7 / rate)), rel=0.15)


def test_repeats_that_are_as_good_as_fresh_text_have_no_end() -> None:
    """R* is as large as can be told, eight times stand for nearly eight, and no bounds are made up."""
    fresh, _ = losses(1e6, noise=0.0)
    found = value(fresh, fresh.copy())
    assert found.worth[8] > 7.8
    assert found.high is None


def test_repeats_that_do_harm_are_worth_nothing() -> None:
    """As for counts of n-grams: every epoch is worse than one."""
    fresh, _ = losses(3.0)
    found = value(fresh, fresh[:, :1] + np.array([0, 0.1, 0.2, 0.4]))
    assert found.worth[8] == pytest.approx(1, abs=0.02)


def test_a_short_curve_of_fresh_text_still_tells() -> None:
    """With fresh text for two epochs and for four; repeats better than its end are told as unknown, not as more."""
    fresh, again = losses(2.0)
    assert value(fresh[:, :3], again).rate == pytest.approx(2.0, rel=0.4)
    fresh, again = losses(30.0, noise=0.0)
    assert value(fresh[:, :2], again).measured[8] is None


def test_what_cannot_be_told_is_withheld() -> None:
    """Too little fresh text, or fresh text that does not help."""
    fresh, again = losses(3.0)
    with pytest.raises(AblationError, match="too little curated text"):
        value(fresh[:, :1], again)
    with pytest.raises(AblationError, match="does not lower the loss"):
        value(fresh[:, ::-1], again)


def test_repeated_text_is_the_first_of_the_curated_stream() -> None:
    """The same tokens in every epoch, in another order in each, the last document cut the same."""
    given = field()
    rows, tokens = stream_of(given.ground, given.forms, CURATED, 0, 0)
    again_rows, again = stream_of(given.ground, given.forms, Arm(AGAIN, "repeat", "curated", "raw", unique=150), 0, 0)
    assert again.total == 150 * EPOCHS[-1]
    assert np.array_equal(again.ids[:150], tokens.ids[:150])
    epochs = again.ids.reshape(EPOCHS[-1], 150)
    assert (np.sort(epochs, axis=1) == np.sort(epochs[0])).all()
    assert len(np.unique(epochs, axis=0)) == EPOCHS[-1]
    assert set(again_rows) == set(rows[: len(set(again_rows))])


@pytest.mark.slow
def test_the_known_shape_of_repetition() -> None:
    """Clean text: two and four epochs are nearly as good as fresh text, and eight stand for six and a half at most."""
    pytest.importorskip("torch")
    settings, unique, held = Settings(32, 2, 40, context=64, rows=4), 6_000, text(3_000, seed=77)
    fresh, again = [], []
    for seed in range(3):
        stream = text(unique * 8, seed=seed)
        first = stream.head(unique)
        order = np.concatenate([np.random.default_rng(epoch).permutation(len(first)) for epoch in range(8)])
        budgets = [unique * epochs for epochs in EPOCHS]
        for one, kept in ((stream, fresh), (first.take(order), again)):
            kept.append(curve(settings, one, budgets, held, np.zeros(len(held), np.int64), seed).sum(axis=1) / held.total)
    found = value(np.array(fresh), np.array(again))
    assert found.measured[2] is not None
    assert found.measured[4] is not None
    assert found.measured[8] is not None
    assert 1.8 < found.measured[2] <= 2.1
    assert 3.0 < found.measured[4] <= 4.1
    assert found.measured[4] < found.measured[8] < 6.5
