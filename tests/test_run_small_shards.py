"""Small shards are measured several at a time, and nobody can tell from what a run writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from runs import corpus, recipe, run, snapshot, split
from stages_for_tests import FailsOn, Length, Lower

import tamis
from tamis import runner, work
from tamis.edits.mask import Mask
from tamis.edits.mojibake import Mojibake
from tamis.edits.unicode import Unicode
from tamis.errors import StageError
from tamis.stages.exact_duplicates import ExactDuplicates
from tamis.work import Done, Task, Work, handed_out, measure_chunks

SEEN: list[int] = []


@dataclass(frozen=True)
class Counted(tamis.Stage):
    """Notes how many documents it is given at once."""

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """nothing: bool, null."""
        SEEN.append(docs.num_rows)
        return pl.DataFrame({"nothing": pl.Series([None] * docs.num_rows, dtype=pl.Boolean)})


STAGES = [Mojibake(), Unicode(), Lower(), Length(min_chars=12.0), FailsOn(), Mask(), ExactDuplicates()]


def measured(stages: list[tamis.Stage], place: str, out: Path, most: int = work.SMALL_CHUNKS) -> tuple[dict[str, bytes], list[Done]]:
    """What measuring writes and says, with so many chunks at once."""
    made = runner.prepare(recipe(*stages), [place], str(out))
    whole = Work.of(made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "SMALL_CHUNKS", most)
        groups = list(handed_out([Task(chunk, tuple(made.names)) for chunk in made.corpus.chunks], whole))
    done = [one for group in groups for one in measure_chunks(whole, group)]
    return snapshot(out), done


TEXTS = [
    "A plain document of some length.",
    "itâ\x80\x99s mojibake\r\n",
    "e\u0301 and \x07, a@example.com",
    "short",
    "",
    None,
    b"\xff",
    b"\xed\xa0\x80",
    "a boom here",
    "東京 " * 9,
]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([["a boom here", "a boom here"], ["short"]], 1)
@given(
    st.lists(st.lists(st.sampled_from(TEXTS[:5]) | st.sampled_from(TEXTS), max_size=3), min_size=1, max_size=9), st.sampled_from([1, 2, 10])
)
def test_company_does_not_matter(tmp_path_factory: pytest.TempPathFactory, shards: list[list[str | bytes | None]], group: int) -> None:
    """Shards with and without documents, unreadable ones and ones on which a stage fails, give the same bytes one by one, or end with the same words."""
    folder = tmp_path_factory.mktemp("company")
    rows = [text.encode() if isinstance(text, str) else text for texts in shards for text in texts]
    table = pa.table({"id": [f"d{i}" for i in range(len(rows))], "text": pa.array(rows, pa.binary())})
    borders = [sum(map(len, shards[:i])) for i in range(1, len(shards))]
    place = split(folder / "in", table, borders, row_group_size=group)
    assert outcome(place, folder / "out") == outcome(place, folder / "alone", 1)


def outcome(place: str, out: Path, most: int = work.SMALL_CHUNKS) -> tuple[dict[str, bytes], list[Done]] | str:
    """What measuring writes and says, or the sentence with which it ends where a stage fails on all documents of a shard."""
    try:
        return measured(STAGES, place, out, most)
    except StageError as error:
        return str(error)


def test_shards_of_other_schemas(tmp_path: Path) -> None:
    """Columns that shards write otherwise, in another order or not at all, are the same beside others as alone."""
    shards = [
        {"text": pa.array(["One document of many."]), "lang": pa.array(["en"]).dictionary_encode(), "score": pa.array([1], pa.int32())},
        {
            "lang": pa.array(["fr"]).dictionary_encode(),
            "text": pa.array(["Un autre document."], pa.large_string()),
            "score": pa.array([0.5]),
        },
        {"text": pa.array(["A third one, without a language."])},
    ]
    (tmp_path / "in").mkdir()
    for i, columns in enumerate(shards):
        pq.write_table(pa.table(columns), tmp_path / "in" / f"{i}.parquet")
    stages = [Lower(), Length(), ExactDuplicates(prefer=("lang",))]
    place = str(tmp_path / "in")
    assert measured(stages, place, tmp_path / "out") == measured(stages, place, tmp_path / "alone", 1)


def test_they_are_measured_at_once(tmp_path: Path) -> None:
    """A stage is called once for sixteen shards of two documents, and once more for the other four."""
    SEEN.clear()
    run([Counted()], split(tmp_path / "in", corpus(40), 20), tmp_path / "out", mapper="serial")
    assert [n for n in SEEN if n] == [32, 8]


def test_a_stage_alone_is_measured_at_once(tmp_path: Path) -> None:
    """Where the house knows its documents already, a stage that is new measures small shards together too, those that are set aside left out."""
    texts = pa.array([b"\xff" if i == 7 else b"A document of some length, number %d" % i for i in range(20)], pa.binary())
    place = split(tmp_path / "in", pa.table({"text": texts}), 10)
    run([Length()], place, tmp_path / "out")
    SEEN.clear()
    run([Length(), Counted()], place, tmp_path / "out")
    assert sorted(n for n in SEEN if n) == [1, *[2] * 9]  # with a broken row among them, each by itself
    whole = split(tmp_path / "whole", pa.table({"text": texts.filter(pa.array([i != 7 for i in range(20)]))}), 10)
    run([Length()], whole, tmp_path / "second")
    SEEN.clear()
    run([Length(), Counted()], whole, tmp_path / "second")
    assert [n for n in SEEN if n] == [19]


def test_a_stage_that_always_fails_on_single_documents(tmp_path: Path) -> None:
    """Shards of one document on which a stage always fails are counted, as they are alone, and do not stop the run for being many."""
    table = pa.table({"text": [f"boom {i}" for i in range(40)]})
    place = split(tmp_path / "in", table, 40)
    alone = measured([FailsOn()], place, tmp_path / "alone", 1)
    assert measured([FailsOn()], place, tmp_path / "out") == alone
    assert [one.faults for one in alone[1]] == [{"fails_on": 1}] * 40


def test_failures_in_a_row_are_counted_in_each_shard(tmp_path: Path) -> None:
    """Thirty in a row would call the stage broken; ten single documents and twenty at the head of the next shard do not."""
    place = split(tmp_path / "in", pa.table({"text": ["boom"] * 30 + ["fine"] * 5}), list(range(1, 11)))
    found = measured([FailsOn()], place, tmp_path / "out")
    assert [one.faults["fails_on"] for one in found[1]] == [1] * 10 + [20]
    assert found == measured([FailsOn()], place, tmp_path / "alone", 1)


def test_a_stage_that_fails_on_a_whole_shard(tmp_path: Path) -> None:
    """Two documents of one shard are enough to call a stage broken, whatever lies beside them."""
    place = split(tmp_path / "in", pa.table({"text": ["fine", "fine too", "boom", "boom again", "fine"]}), [2, 4])
    with pytest.raises(tamis.StageError) as caught:
        run([FailsOn()], place, tmp_path / "out")
    assert (
        str(caught.value)
        == "fails_on fails on every document: ValueError: cannot read boom\nFix: run check_stage from tamis.testing on it."
    )
    assert len(list((tmp_path / "out" / "signals").rglob("*.parquet"))) == 2


def tasks(sizes: list[int], wanted: list[tuple[str, ...]]) -> list[Task]:
    """Tasks of chunks with so many bytes of text."""
    made = []
    for i, (size, names) in enumerate(zip(sizes, wanted, strict=True)):
        made.append(Task(work.Chunk(i, f"{i}.parquet", f"{i:016d}", 0, 1, (0,), 0, streamed=False, bytes=size), names))
    return made


@pytest.mark.parametrize(
    ("sizes", "wanted", "expected"),
    [
        ([1] * 33, "a" * 33, [16, 16, 1]),
        ([2_000_000, 2_000_000, 1], "aaa", [2, 1]),
        ([2_000_000, 2_000_001, 1], "aaa", [1, 2]),
        ([5_000_000, 1, 5_000_000], "aaa", [1, 1, 1]),
        ([1, 1, 1, 1], "aabb", [2, 2]),
        ([1, 1, 1, 1], "abab", [1, 1, 1, 1]),
        ([1, 1, 1], "a a", [1, 1, 1]),
        ([], "", []),
    ],
)
def test_which_are_small(tmp_path: Path, sizes: list[int], wanted: str, expected: list[int]) -> None:
    """At most 16 neighbours, of 4 MB of text in all, that lack the same; the order stays."""
    made = tasks(sizes, [() if name == " " else (name,) for name in wanted])
    place = split(tmp_path / "in", corpus(1), 1)
    groups = list(handed_out(made, Work.of(runner.prepare(recipe(Length()), [place], str(tmp_path / "out")))))
    assert [len(group) for group in groups] == expected
    assert [task for group in groups for task in group] == made
