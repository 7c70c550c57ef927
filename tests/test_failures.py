"""What stages say, kept as numbers until the ledger is written: the same as the lists of reasons that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis import Filter, StageError
from tamis.failures import Failures, of_limits, of_lists
from tamis.verdicts import Failed, Verdicts


@dataclass(frozen=True)
class Both(Filter):
    """Limits on two signals, two of which give one reason."""

    min_a: float | None = None
    max_a: float | None = None
    min_b: float | None = None
    max_b: float | None = None

    reasons: ClassVar[dict[str, str]] = {"min_a": "a too small", "max_a": "odd", "min_b": "b too small", "max_b": "odd"}


SMALL = st.none() | st.integers(0, 3)
LIMITS = st.fixed_dictionaries(dict.fromkeys(Both.reasons, SMALL))
ROWS = st.lists(st.tuples(SMALL, SMALL, st.sampled_from(["x", "y", None]), st.integers(0, 2)), max_size=30)
REASONS = st.lists(st.sampled_from(["red", "green", "blue", "a: b"]), max_size=4)


def lists(failures: Failures, n: int) -> list[list[str]]:
    """The reasons of each of n documents, built the slow way."""
    found: list[list[str]] = [[] for _ in range(n)]
    for row, code in zip(failures.rows.tolist(), failures.codes.tolist(), strict=True):
        found[row].append(failures.reasons[code])
    return found


@given(ROWS, LIMITS, st.dictionaries(st.sampled_from(["x", "y"]), LIMITS), st.booleans(), st.booleans())
def test_limits_are_asked_as_decide_does(
    rows: list[Any], limits: dict[str, Any], by: dict[str, Any], has_where: bool, keeps_null: bool  # noqa: FBT001
) -> None:
    """Every reason of every document, in order, is that of `Filter.decide`, and who has one is dropped."""
    where = 'group == "x" or both.b > 1' if has_where else None
    stage = Both(**limits, by={"group": by}, where=where, on_null="keep" if keeps_null else "drop")
    schema = {"a": pl.Int64, "b": pl.Float64, "doc.group": pl.String, "copies": pl.UInt8}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("b").alias("both.b"))
    said, wanted = of_limits(stage, frame), stage.decide(frame.lazy()).collect()
    assert lists(said, frame.height) == wanted["reasons"].to_list()
    told = Verdicts(frame["copies"].to_numpy())
    told.record("both", said)
    assert told.copies.tolist() == wanted["copies"].to_list()


@given(st.lists(REASONS, max_size=20))
def test_lists_are_taken_apart(given_lists: list[list[str]]) -> None:
    """Lists of reasons, repeated ones too, are what their numbers say."""
    said = of_lists(pl.Series(given_lists, dtype=pl.List(pl.String)))
    assert lists(said, len(given_lists)) == given_lists
    assert said.rows.tolist() == sorted(said.rows.tolist())


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.lists(REASONS, min_size=n, max_size=n), SMALL), max_size=5))
    )
)
def test_the_ledger_is_that_of_each_document(drawn: tuple[int, list[tuple[list[list[str]], int | None]]]) -> None:
    """Row by row: the first stage that blames a living document drops it, and what later ones say stands in `also`; rules are counted."""
    n, stages = drawn
    told = Verdicts(np.full(n, 2, np.uint8))
    wanted = [{"row": row, "copies": 2, "stage": None, "reasons": [], "also": []} for row in range(n)]
    failed: dict[tuple[str, str], int] = {}
    for number, (reasons, copies) in enumerate(stages):
        said = np.array([0 if mine else (copies or 1) for mine in reasons], np.uint8)
        told.record(f"s{number}", of_lists(pl.Series(reasons, dtype=pl.List(pl.String))), None if copies is None else said)
        for row, mine in zip(wanted, reasons, strict=True):
            for reason in mine:
                failed[f"s{number}", reason] = failed.get((f"s{number}", reason), 0) + 1
            if row["copies"] and mine:
                row |= {"copies": 0, "stage": f"s{number}", "reasons": mine}
            elif row["copies"] and copies is not None:
                row["copies"] = copies or 1
            elif mine:
                row["also"] = [*row["also"], *(f"s{number}: {reason}" for reason in mine)]
    assert told.ledger(pl.Series("row", range(n))).to_dicts() == wanted
    alone = [(row["stage"], row["reasons"][0]) for row in wanted if len(row["reasons"]) + len(row["also"]) == 1]
    assert {one[:2]: one.documents for one in told.failed()} == failed
    assert {one[:2]: one.alone for one in told.failed()} == {rule: alone.count(rule) for rule in failed}


def test_columns_of_stages_are_spread() -> None:
    """What a stage adds about some documents is null for the others; of two stages that say something the later is believed."""
    told = Verdicts(np.ones(4, np.uint8))
    told.extras.append((np.array([1, 3], np.uint32), pl.DataFrame({"partner": ["a", "b"], "size": [2, 3]})))
    told.extras.append((None, pl.DataFrame({"partner": ["c", None, None, "d"]})))
    ledger = told.ledger(pl.Series("row", [5, 6, 7, 8]))
    assert ledger.columns == ["row", "copies", "stage", "reasons", "also", "partner", "size"]
    assert ledger.select("partner", "size").rows() == [("c", None), ("a", 2), (None, None), ("d", 3)]


def test_blame_without_a_drop() -> None:
    """A stage that gives a reason and keeps the document breaks the contract; so does one that drops without a reason."""
    for copies in ([1, 1], [0, 0]):
        with pytest.raises(StageError, match=r"^odd must give reasons if and only if it drops a document\.$"):
            Verdicts(np.ones(2, np.uint8)).record("odd", of_lists(pl.Series([["red"], []])), np.array(copies, np.uint8))


def test_only_what_fails_is_counted() -> None:
    """A rule that nobody fails is not among those that are counted."""
    told = Verdicts(np.ones(2, np.uint8))
    told.record("s", Failures(np.array([1], np.uint32), np.array([1], np.uint32), ("never", "once")))
    assert told.failed() == [Failed("s", "once", 1, 1)]
