"""A stage that breaks the contract is named, with what it did; one broken document stops nothing and is counted."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from runs import corpus, data, fates, fates_in_memory, ledger, run, split
from stages_for_tests import Broken, FailsOn, Length, Lower

import tamis
from tamis import explain, folder
from tamis.measure import PATIENCE

MESSAGES = {
    "rows": "broken measured 1 rows for 3 documents.",
    "dict": 'broken must measure a polars DataFrame, not "dict".',
    "reserved": 'broken calls a signal "copies", a name that verdicts need.',
    "uses": 'broken decides by "length.charz", which no stage above it measures. Did you mean "length.chars"?',
    "blames": "broken must give reasons if and only if it drops a document.",
    "silent": "broken must give reasons if and only if it drops a document.",
    "short": "broken gave 1 verdicts for 3 documents.",
    "no reasons": 'broken gave verdicts without "reasons".',
    "many": "broken must give each document between 0 and 255 copies.",
    "negative": "broken must give each document between 0 and 255 copies.",
    "null": "broken must give each document between 0 and 255 copies.",
    "words": "broken must give reasons as a list of texts.",
    "taken": 'broken adds a column "stage" to the ledger, which has one of that name.',
    "zero": "broken fails on zero documents: IndexError: list index out of range",
}




@pytest.mark.parametrize("how", MESSAGES)
def test_a_broken_contract(tmp_path: Path, how: str) -> None:
    """What a stage did wrong is said in one sentence, in memory and over shards."""
    stages = [Length(), Broken(how=how)]
    if how != "zero":  # in memory nothing asks about zero documents
        with pytest.raises(tamis.StageError) as caught:
            tamis.judge(corpus(3), stages)
        assert str(caught.value) == MESSAGES[how]
    with pytest.raises(tamis.StageError) as caught:
        run(stages, split(tmp_path / "in", corpus(3), 1), tmp_path / "out")
    assert str(caught.value).removeprefix("test, stage 2: ") == MESSAGES[how]


def test_nan_is_null(tmp_path: Path) -> None:
    """A signal that is not a number is stored as null, which is "not measurable"."""
    run([Broken(how="nan")], split(tmp_path / "in", corpus(4), 1), tmp_path / "out")
    (folder,) = (tmp_path / "out" / "signals").glob("broken-*")
    (file,) = folder.glob("*.parquet")
    assert pl.read_parquet(file)["x"].to_list() == [None] * 4


def test_documents_on_which_a_stage_raises(tmp_path: Path) -> None:
    """They are measured as null, dropped as not measurable, counted, listed with the error, and their neighbours are judged as ever."""
    texts = ["fine", "a boom here", "x" * 1001, "fine too", "boom", "fine"]
    table = pa.table({"id": list("abcdef"), "text": texts})
    stages = [FailsOn()]
    manifest = run(stages, split(tmp_path / "in", table, [5]), tmp_path / "out")
    assert [row["reasons"] for row in ledger(tmp_path / "out")] == [[], ["chars not measurable"], ["too long"], [], ["chars not measurable"], []]
    assert manifest["counts"]["faults"] == {"fails_on": 2}
    assert manifest["warnings"] == ["fails_on failed on 2 documents, measured as null; see faults/ beside its signals."]
    (faults,) = (tmp_path / "out" / "signals").rglob("faults/*.json")
    assert json.loads(faults.read_text()) == {"1": "ValueError: cannot read boom", "4": "ValueError: cannot read boom"}
    assert fates(tmp_path / "out") == fates_in_memory(table, tamis.judge(table, stages))


def test_signals_of_any_kind_are_explained(tmp_path: Path) -> None:
    """Infinity, lists, labels and null can be looked at like any number."""
    run([Broken(how="odd")], split(tmp_path / "in", corpus(4), 1), tmp_path / "out")
    (found,) = explain.explain(folder.opened(str(tmp_path / "out")), "d1")
    assert [line.split() for line in explain.as_text(found).splitlines()[3:]] == [["x", "inf"], ["y", "[1,", "2]"], ["z", "label"], ["w", "not", "measurable"]]


def test_what_a_stage_cannot_take_may_be_kept() -> None:
    """With `on_null: keep` a document on which the stage raised stays."""
    table = pa.table({"text": ["fine", "boom", "fine"]})
    assert tamis.judge(table, [FailsOn(on_null="keep")])["copies"].to_list() == [1, 1, 1]


@pytest.mark.parametrize("n", [2, PATIENCE, 400])
def test_a_stage_that_always_raises(tmp_path: Path, n: int) -> None:
    """A stage that raises on every document is broken; nothing of it is stored, so that the mended one starts afresh."""
    table = pa.table({"text": ["boom"] * n})
    message = "fails_on fails on every document: ValueError: cannot read boom\nFix: run check_stage from tamis.testing on it."
    with pytest.raises(tamis.StageError) as caught:
        tamis.judge(table, [FailsOn()])
    assert str(caught.value) == message
    with pytest.raises(tamis.StageError) as caught:
        run([FailsOn()], split(tmp_path / "in", table, 1), tmp_path / "out")
    assert str(caught.value) == message
    assert list((tmp_path / "out" / "signals").rglob("*.parquet")) == []


def test_a_run_goes_on_after_a_broken_stage(tmp_path: Path) -> None:
    """What was measured before a stage broke serves once it is mended."""
    place = split(tmp_path / "in", corpus(), 3)
    with pytest.raises(tamis.StageError):
        run([Lower(), FailsOn(word="")], place, tmp_path / "out", mapper="serial")
    run([Lower(), FailsOn()], place, tmp_path / "out")
    assert len(data(tmp_path / "out")) == 60


def test_nearly_everything_dropped(tmp_path: Path) -> None:
    """A stage that drops over 99 % is warned about."""
    manifest = run([Length(min_chars=10_000)], split(tmp_path / "in", corpus(), 2), tmp_path / "out")
    assert manifest["warnings"] == ["No document is kept: the stages drop all 60.", "length drops 100.0% of what reaches it: are its limits meant for this text?"]
    assert data(tmp_path / "out") == []


@pytest.mark.parametrize("where", ["lang > 3", "score == 'high'", "lang + 1 > 0", "lang", "length.chars + lang > 2"])
def test_a_condition_that_compares_unlike_things(tmp_path: Path, where: str) -> None:
    """A condition that cannot be computed on these columns is the user's to mend: a sentence that names the stage."""
    stages = [Length(), FailsOn(where=where)]
    with pytest.raises(tamis.StageError, match=r"^fails_on cannot decide: "):
        tamis.judge(corpus(4), stages)
    with pytest.raises(tamis.StageError, match=r"^fails_on cannot decide: "):
        run(stages, split(tmp_path / "in", corpus(4), 1), tmp_path / "out")
