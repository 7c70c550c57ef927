"""Arms in folds: one order for all, whole rules, controls of the right size, and nothing that depends on the order of documents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.ablate.arms import REHYDRATED, Arm, Ground, arms_of, order, stream

RAW, CURATED = Arm("raw", "raw", "raw"), Arm("curated", "curated", "curated", "raw")


def ground(n: int = 400, *, folds: int = 4, seed: int = 0, **changes: Any) -> Ground:
    """A pool of random sizes, half of which is kept."""
    draw = np.random.default_rng(seed)
    mixes = {"raw": np.ones(n, np.uint8), "curated": (draw.random(n) < 0.5).astype(np.uint8)}
    made = Ground(
        draw.integers(200, 4000, n),
        draw.integers(0, 2**63, n).astype(np.uint64),
        np.array([["web", "books"][i % 3 == 0] for i in range(n)], object),
        mixes,
        (np.arange(n) % folds).astype(np.int16),
        None,
        0,
    )
    return replace(made, **changes)


def test_an_arm_is_its_rule_applied_to_the_fold() -> None:
    """Every document of the fold that the mix holds, once, and no other."""
    given_ground = ground()
    for fold in range(4):
        assert sorted(stream(given_ground, RAW, fold)) == list(range(fold, 400, 4))
        kept = stream(given_ground, CURATED, fold)
        assert set(kept) == {row for row in range(fold, 400, 4) if given_ground.mixes["curated"][row]}


def test_arms_of_a_fold_read_in_one_order() -> None:
    """The curated stream is the raw one with documents left out, so that what they share stands in the same order."""
    raw, kept = stream(ground(), RAW, 2), stream(ground(), CURATED, 2)
    assert [row for row in raw if row in set(kept)] == list(kept)
    assert (np.diff(order(ground(), 2)[raw]) > 0).all()


def test_documents_that_left_are_in_no_arm() -> None:
    """Held-out documents and those that overlap have fold −1."""
    given_ground = ground()
    given_ground.fold[:50] = -1
    for arm in (
        RAW,
        CURATED,
        Arm("random", "random", "curated", "raw"),
        Arm("matched", "matched", "curated", "raw"),
        Arm("null", "null", "raw", "raw", share=0.5),
    ):
        for fold in range(4):
            assert (stream(given_ground, arm, fold) >= 50).all()


@pytest.mark.parametrize("kind", ["random", "matched"])
def test_controls_have_the_bytes_of_the_curated_mix(kind: Any) -> None:
    """To within half a document in all; redraws and folds are drawn anew, and each is the same when drawn again."""
    given_ground, arm = ground(), Arm(kind, kind, "curated", "raw", redraws=2)
    wanted = given_ground.size[stream(given_ground, CURATED, 1)].sum()
    first, second = stream(given_ground, arm, 1, 0), stream(given_ground, arm, 1, 1)
    for drawn in (first, second):
        assert abs(given_ground.size[drawn].sum() - wanted) <= 4000
    assert set(first) != set(second)
    assert list(first) == list(stream(given_ground, arm, 1, 0))


def test_the_null_drops_its_share_at_random() -> None:
    """About that share of the documents, in each fold others."""
    given_ground, arm = ground(4000), Arm("null", "null", "raw", "raw", share=0.3)
    left = [len(stream(given_ground, arm, fold)) / 1000 for fold in range(4)]
    assert all(0.64 < share < 0.76 for share in left)
    assert len(set(left)) > 1


def test_second_copies_come_after_all_first_ones() -> None:
    """A document that is kept twice stands twice, never before every other was read once."""
    copies = np.array([2, 1, 0, 3], np.uint8)
    given_ground = ground(4, folds=1, mixes={"raw": np.ones(4, np.uint8), "curated": copies})
    rows = stream(given_ground, CURATED, 0).tolist()
    assert sorted(rows) == [0, 0, 1, 3, 3, 3]
    assert sorted(rows[:3]) == [0, 1, 3]
    assert sorted(rows[3:5]) == [0, 3]


def test_rehydrated_copies_stand_anywhere() -> None:
    """As many as there are, the first ones in the order of all arms, the others spread over the stream and not after it."""
    copies = np.where(np.arange(400) % 4 == 0, 3, 1).astype(np.uint8)
    given_ground = ground(400, folds=1, mixes={"raw": np.ones(400, np.uint8), "curated": np.ones(400, np.uint8), REHYDRATED: copies})
    rows = stream(given_ground, Arm(REHYDRATED, "rehydrate", REHYDRATED, "curated"), 0)
    assert np.array_equal(np.bincount(rows), copies)
    early = rows[: len(rows) // 2]
    assert 0.4 < (np.bincount(early, minlength=400)[::4].sum() / 300) < 0.6
    alone = np.flatnonzero(copies == 1)
    plain = stream(given_ground, CURATED, 0)
    assert np.array_equal(rows[np.isin(rows, alone)], plain[np.isin(plain, alone)])


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_documents_changes_nothing(seed: int) -> None:
    """The same documents in another order give the same streams, of every kind of arm."""
    before = ground(120, folds=3)
    shuffled = np.random.default_rng(seed).permutation(120)
    after = replace(
        before,
        size=before.size[shuffled],
        key=before.key[shuffled],
        domain=before.domain[shuffled],
        mixes={name: copies[shuffled] for name, copies in before.mixes.items()},
        fold=before.fold[shuffled],
    )
    for kind in ("raw", "random", "matched", "null"):
        arm = Arm(kind, kind, "raw" if kind in ("raw", "null") else "curated", "raw", share=0.4)  # type: ignore[arg-type]
        assert before.key[stream(before, arm, 1)].tolist() == after.key[stream(after, arm, 1)].tolist()


def test_subsamples_may_overlap() -> None:
    """In a small pool a fold is whatever its subsample says."""
    overlapping = np.zeros((2, 10), np.bool_)
    overlapping[0, :6], overlapping[1, 4:] = True, True
    small = ground(10, overlapping=overlapping)
    assert sorted(stream(small, RAW, 0)) == [0, 1, 2, 3, 4, 5]
    assert sorted(stream(small, RAW, 1)) == [4, 5, 6, 7, 8, 9]


def test_which_arms_there_are() -> None:
    """Raw first, the curated mix against it with its controls, each stage left out, edits, null, corruption, ladders, mixes."""
    arms = arms_of(
        ["raw", "curated", "without dedup", "text.bytes 0.5", "theirs"],
        edits=["edit mask"],
        forms={"boilerplate 0.3": ("boilerplate", 0.3)},
        redraws=4,
        null=0.5,
    )
    assert [(arm.name, arm.kind, arm.against) for arm in arms] == [
        ("raw", "raw", ""),
        ("curated", "curated", "raw"),
        ("random", "random", "raw"),
        ("matched", "matched", "raw"),
        ("without dedup", "without", "curated"),
        ("edit mask", "edit", "curated"),
        ("null", "null", "raw"),
        ("boilerplate 0.3", "corrupt", "raw"),
        ("text.bytes 0.5", "ladder", "raw"),
        ("theirs", "mix", "raw"),
    ]
    assert {arm.name: arm.redraws for arm in arms}["matched"] == 4
    assert [arm.name for arm in arms_of(["raw", "theirs"], edits=[], forms={}, redraws=1, null=0)] == ["raw", "theirs"]
