"""Where models are evaluated in a stream, and that equal streams are one training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tamis import files
from tamis.ablate.arms import AS_READ, Arm, Ground
from tamis.ablate.held import Held, HeldSet, losses, merged
from tamis.ablate.losses import Losses
from tamis.ablate.trainings import EQUAL, OWN_SIZE, Field, Spot, Training, carry_out, spots, stream_of, train
from tamis.errors import RunError
from tamis.lm.tokens import Tokens
from tamis.progress import Say


class Echo:
    """A rung whose loss is the number of tokens that it saw, and which counts how often it is asked."""

    name = "echo"
    order_blind = True
    apart = False
    device = "cpu"

    def __init__(self) -> None:
        self.asked = 0

    @property
    def settings(self) -> dict[str, object]:
        return {"rung": self.name}

    def train(self, stream: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray, seed: int) -> np.ndarray:
        del stream, first, seed
        self.asked += 1
        return np.array([[budget * 1.0] * len(held) for budget in budgets])


def lengths(n: int = 60) -> np.ndarray:
    """Tokens of each document."""
    return np.random.default_rng(1).integers(5, 40, n)


def field(edited: np.ndarray | None = None, **changes: Any) -> Field:
    """60 documents in 2 folds; of the edited form some documents are shorter."""
    many = lengths()
    ground = Ground(
        many * 3,
        np.arange(60, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15),
        np.array(["web"] * 60, object),
        {
            "raw": np.ones(60, np.uint8),
            "curated": (np.arange(60) % 4 > 0).astype(np.uint8),
            "without x": (np.arange(60) % 4 > 0).astype(np.uint8),
        },
        (np.arange(60) % 2).astype(np.int16),
        None,
        0,
    )
    plain = Tokens.of([list(range(count)) for count in many])
    forms = {AS_READ: plain, "edit x": plain if edited is None else Tokens.of([list(range(count)) for count in edited])}
    held = Held(
        Tokens.of([[1, 2, 3], [4, 5]]),
        np.zeros(2, np.int64),
        [HeldSet("target", np.arange(2), np.array(["a", "b"], object), np.array([10, 20]))],
    )
    least = {
        name: int(min(many[(np.arange(60) % 2 == fold) & (ground.mixes[mix] > 0)].sum() for fold in (0, 1)))
        for name, mix in (("raw", "raw"), ("curated", "curated"), ("without x", "curated"), ("edit x", "curated"))
    }
    return Field(ground, forms, held, 200, least, **changes)


RAW, CURATED = Arm("raw", "raw", "raw"), Arm("curated", "curated", "curated", "raw")


def _spots(given: Field, arm: Arm, fold: int = 0) -> list[Spot]:
    rows, tokens = stream_of(given.ground, given.forms, arm, fold, 0)
    return spots(given, Training(Echo(), arm, fold), rows, tokens)


def test_arms_are_evaluated_on_a_grid_and_as_far_as_they_reach() -> None:
    """Half to twice T, what the smallest fold has if it lies between, and all of the fold's shares; never beyond the stream."""
    given = field()
    budgets = [spot.budget for spot in _spots(given, RAW) if spot.kind == EQUAL]
    assert budgets[:3] == [100, 141, 200]
    assert max(b for b in budgets if b) == min(800, given.least["raw"])
    own = [spot for spot in _spots(given, RAW) if spot.kind == OWN_SIZE]
    assert own[-1].share == 1.0
    assert own[-1].tokens == int(lengths()[::2].sum())
    assert [spot.tokens for spot in own] == sorted(spot.tokens for spot in own)


def test_arms_that_others_are_not_measured_in_are_evaluated_where_they_are_compared() -> None:
    """A null has one budget; one that is too small for T has its own."""
    arm = Arm("null", "null", "raw", "raw", share=0.5)
    assert field().least.get("null") is None
    roomy = field(extra={"null": (90,)})
    object.__setattr__(roomy, "least", {**roomy.least, "null": 120})
    assert [spot.budget for spot in _spots(roomy, arm)] == [90]


def test_an_edit_is_compared_on_the_same_documents() -> None:
    """Its stream is cut where the same text, as it was read, reaches the budget: in the same document, as far into it."""
    shorter = lengths() // 2
    given = field(shorter)
    edit = Arm("edit x", "edit", "curated", "curated", "edit x")
    (spot,) = [spot for spot in _spots(given, edit) if spot.kind == EQUAL]
    rows, _ = stream_of(given.ground, given.forms, edit, 0, 0)
    plain = np.cumsum(lengths()[rows])
    whole = int(np.searchsorted(plain, 200))
    low, high = int(shorter[rows[:whole]].sum()), int(shorter[rows[: whole + 1]].sum())
    assert spot.budget == 200
    assert low <= spot.tokens <= high


def test_equal_streams_are_one_training(tmp_path: Path) -> None:
    """Two arms that hold the same documents in a fold share one file, and are told to be the same."""
    rung, given = Echo(), field()
    arms = [CURATED, Arm("without x", "without", "without x", "curated")]
    listed = [Training(rung, arm, fold) for fold in (0, 1) for arm in arms]
    found, died = carry_out(given, listed, str(tmp_path), 1, Say())
    assert not died
    assert rung.asked == len(files.listing(str(tmp_path / "trainings"))) <= 4
    table = Losses(found, 2)
    assert table.same("curated", "without x", 200).all()
    assert not table.same("curated", "curated", 999).any()


def test_a_training_is_named_after_all_that_it_depends_on(tmp_path: Path) -> None:
    """Repeated it is read; other held-out text, budgets or documents are another training."""
    rung = Echo()
    train(field(), Training(rung, RAW, 0), str(tmp_path))
    train(field(), Training(rung, RAW, 0), str(tmp_path))
    assert rung.asked == 1
    train(field(extra={"raw": (77,)}), Training(rung, RAW, 0), str(tmp_path))
    other = field()
    object.__setattr__(other, "held", Held(Tokens.of([[1, 2, 3], [4, 6]]), other.held.first, other.held.sets))
    train(other, Training(rung, RAW, 0), str(tmp_path))
    train(field(), Training(rung, RAW, 1), str(tmp_path))
    assert rung.asked == 4


def test_bits_are_told_per_original_byte_and_domain() -> None:
    """All bits of a domain over all its bytes; a set's loss is the mean over its domains."""
    one = HeldSet("target", np.arange(3), np.array(["a", "a", "b"], object), np.array([10, 30, 20]))
    assert losses(np.array([20.0, 60.0, 10.0]), one) == {"a": 2.0, "b": 0.5}
    held = Held(Tokens.of([[1], [2], [3]]), np.zeros(3, np.int64), [one])
    table = held.measures(np.array([20.0, 60.0, 10.0]))
    assert table.filter(pl.col("by") == "set")["value"].to_list() == [1.25]


def test_small_domains_are_one() -> None:
    """A domain of a handful of bytes is no average; one alone stays as it is."""
    names = np.array(["a", "b", "c", "c"], object)
    assert merged(names, np.array([10, 20, 900, 900]), 100).tolist() == ["(others)", "(others)", "c", "c"]
    assert merged(names, np.array([10, 2000, 900, 900]), 100).tolist() == ["a", "b", "c", "c"]


def test_what_ails_all_trainings_ends_the_ablation(tmp_path: Path) -> None:
    """When the first ones all die nothing more is tried, and the error is said."""

    class Broken(Echo):
        def train(self, *arguments: Any) -> np.ndarray:
            raise ValueError("no luck at all")

    with pytest.raises(RunError, match="no luck at all"):
        carry_out(field(), [Training(Broken(), RAW, fold % 2) for fold in range(20)], str(tmp_path), 1, Say())


def test_a_domain_may_be_called_as_its_set_is(tmp_path: Path) -> None:
    """A source "raw" of raw documents is one domain of them: its loss is told apart from that of the whole set."""
    held = Held(Tokens.of([[1, 2, 3], [4, 5]]), np.zeros(2, np.int64), [HeldSet("raw", np.arange(2), np.array(["raw", "b"], object), np.array([10, 40]))])
    given = field()
    object.__setattr__(given, "held", held)
    found = Losses(carry_out(given, [Training(Echo(), RAW, 0)], str(tmp_path), 1, Say())[0], 1)
    assert found.domains("raw") == ["b", "raw"]
    assert found.equal("raw", 200, "raw", "raw").tolist() == [200 / 10]
    assert found.equal("raw", 200, "raw", "b").tolist() == [200 / 40]
    assert found.equal("raw", 200, "raw").tolist() == [(200 / 10 + 200 / 40) / 2]


def test_a_fold_that_is_missing_is_not_left_out_of_a_mean(tmp_path: Path) -> None:
    """Its loss is NaN, which every mean refuses."""
    found, _ = carry_out(field(), [Training(Echo(), RAW, 0)], str(tmp_path), 1, Say())
    assert np.isnan(Losses(found, 2).equal("raw", 200, "target")).tolist() == [False, True]
