"""judge, sift and per_batch: one verdict a row, on anything Arrow, and the same whatever the pieces."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import corpus, run, split
from stages_for_tests import Length, Lower, Openings, Repeat, StockLines, Twins

import tamis
from tamis import Columns, Stage
from tamis.recipe import parse

TEXTS = st.lists(st.one_of(st.none(), st.text(), st.text("aé東😀\n ", max_size=6)), max_size=30)
ANY = [Length(min_chars=2, max_chars=20), StockLines(), Lower(), Openings(max_openings=3), Twins(), Repeat()]


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_one_verdict_a_row(texts: list[str | None]) -> None:
    """Any texts, of any script, and null: a row of the ledger for each, in order, with reasons if and only if it is dropped."""
    verdicts = tamis.judge(pa.table({"text": pa.array(texts, pa.string())}), ANY)
    assert verdicts["row"].to_list() == list(range(len(texts)))
    for text, row in zip(texts, verdicts.iter_rows(named=True), strict=True):
        assert bool(row["reasons"]) == (row["copies"] == 0) == (row["stage"] is not None)
        assert (row["stage"] == "unreadable") == (text is None)


@settings(max_examples=30, deadline=None)
@given(TEXTS, st.sampled_from(["gopher_quality", "exact_duplicates", "unicode", "sample"]))
def test_built_in_stages_take_any_text(texts: list[str | None], name: str) -> None:
    """The built-in stages judge any texts, and `sift` keeps as many rows as there are copies."""
    table = pa.table({"text": pa.array(texts, pa.string())})
    verdicts = tamis.judge(table, [tamis.make_stage(name)])
    assert verdicts.height == len(texts)
    assert tamis.sift(table, [tamis.make_stage(name)]).num_rows == verdicts["copies"].sum()


@settings(max_examples=30, deadline=None)
@given(TEXTS)
def test_polars_is_judged_alike(texts: list[str | None]) -> None:
    """A polars frame, whose Arrow texts are views, gives the verdicts of a `pa.Table`, also with null texts and with lists of texts beside them."""
    table = pa.table({"text": pa.array(texts, pa.string()), "tags": pa.array([[text] for text in texts], pa.list_(pa.string()))})
    frame = pl.DataFrame(pl.from_arrow(table))
    assert tamis.judge(frame, ANY).equals(tamis.judge(table, ANY))
    assert tamis.sift(frame, ANY).to_dicts() == tamis.sift(table, ANY).to_pylist()


@settings(max_examples=30, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 30), max_size=4))
def test_pieces_do_not_matter(texts: list[str | None], cuts: list[int]) -> None:
    """A table in many pieces, or a slice of a larger one, is the same table; stages for single documents judge parts alike."""
    whole = pa.table({"text": pa.array(texts, pa.string())})
    borders = [0, *sorted(min(cut, len(texts)) for cut in cuts), len(texts)]
    parts = [whole.slice(a, b - a) for a, b in pairwise(borders)]
    verdicts = tamis.judge(whole, ANY)
    assert verdicts.equals(tamis.judge(pa.concat_tables(parts), ANY))
    padded = pa.concat_tables([whole.slice(0, 1), whole, whole.slice(0, 2)]).combine_chunks().slice(min(1, len(texts)), len(texts))
    assert verdicts.equals(tamis.judge(padded, ANY))
    alone = [Length(min_chars=2), Lower(), Repeat()]
    each = [row for part in parts for row in tamis.sift(part, alone).to_pylist()]
    assert each == tamis.sift(whole, alone).to_pylist()
    batch = tamis.per_batch(alone)
    assert [row for part in parts for row in pickle.loads(pickle.dumps(batch))(part).to_pylist()] == each


def forms() -> dict[str, Any]:
    """One table in every form that speaks Arrow."""
    table = corpus(12)
    return {
        "table": table,
        "batch": table.combine_chunks().to_batches()[0],
        "reader": lambda: pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=5)),
        "polars": pl.from_arrow(table),
        "lazy": pl.from_arrow(table).lazy(),
        "dict": table.to_pydict(),
    }


@pytest.mark.parametrize("form", forms())
def test_anything_arrow(form: str) -> None:
    """Whatever the data come in, the verdicts and the documents are the same; polars gives polars."""
    def fresh() -> Any:
        made = forms()[form]
        return made() if callable(made) else made

    wanted = tamis.judge(corpus(12), ANY)
    assert tamis.judge(fresh(), ANY).equals(wanted)
    sifted = tamis.sift(fresh(), ANY)
    assert isinstance(sifted, pl.DataFrame) == (form in ("polars", "lazy"))
    rows = sifted.to_dicts() if isinstance(sifted, pl.DataFrame) else sifted.to_pylist()
    assert rows == tamis.sift(corpus(12), ANY).to_pylist()


def test_a_hugging_face_dataset() -> None:
    """A Dataset, also one whose rows hide behind an index, is its rows."""
    datasets = pytest.importorskip("datasets")
    chosen = datasets.Dataset(corpus(12)).select([3, 1, 7])
    assert tamis.sift(chosen, [Lower()]).column("id").to_pylist() == ["d3", "d1", "d7"]
    mapped = datasets.Dataset(corpus(12)).with_format("arrow").map(tamis.per_batch([Length(min_chars=20)]), batched=True, load_from_cache_file=False)
    assert mapped.with_format(None)["id"] == tamis.sift(corpus(12), [Length(min_chars=20)]).column("id").to_pylist()


def test_what_is_no_data() -> None:
    """Anything else is refused by name."""
    with pytest.raises(tamis.DataError) as caught:
        tamis.judge(["a text"], [Length()])
    assert str(caught.value) == "tamis takes Arrow data (pyarrow, polars, pandas, datasets), not \"list\".\nFix: pass pa.table({'text': [...]}) or a polars DataFrame."


@pytest.mark.parametrize("stage", [Twins(), Openings(), StockLines(), tamis.make_stage("exact_duplicates")], ids=lambda one: one.name())
def test_stages_that_need_more_than_a_batch(stage: tamis.Stage) -> None:
    """A stage that needs the corpus cannot run batch by batch, and says what to do instead."""
    with pytest.raises(tamis.StageError) as caught:
        tamis.per_batch([Length(), stage])
    assert str(caught.value) == (
        f"{stage.name()} compares documents with each other, so it cannot run batch by batch.\n"
        "Fix: sift the whole table with tamis.sift(), or run the shards with `tamis run`."
    )


def test_the_table_of_the_user_is_not_touched() -> None:
    """Judging and sifting leave the data as they are, and the columns in their order."""
    table = corpus(12)
    before = table.to_pylist()
    assert tamis.sift(table, ANY).schema == table.schema
    assert table.to_pylist() == before


def test_second_copies_in_memory() -> None:
    """A document of three copies stands there three times, one of none not at all."""
    table = pa.table({"text": ["a", "bb", "ccc", "dddd"]})
    assert tamis.sift(table, [Repeat()]).column("text").to_pylist() == ["a", "bb", "bb", "ccc", "ccc", "ccc"]


def test_names_given_in_columns() -> None:
    """Roles are read under the names that the data have for them."""
    table = pa.table({"body": ["abc", "abcdef"], "language": ["fr", "en"]})
    stage = Length(max_chars=5, by={"lang": {"en": {"max_chars": 10}}})
    assert tamis.judge(table, [stage], columns=Columns(text="body", lang="language"))["copies"].to_list() == [1, 1]
    with pytest.raises(tamis.StageError, match=r'^length decides by the column "lang", which the data lacks\. Did you mean "language"\?$'):
        tamis.judge(table, [stage], columns=Columns(text="body"))


def test_what_stages_may_be_given() -> None:
    """One stage need not stand in a list; a name, or anything else that is no stage, is refused with what to give instead."""
    table = pa.table({"text": ["a", "much longer"]})
    only = Length(min_chars=2)
    assert tamis.judge(table, only).equals(tamis.judge(table, [only]))
    assert tamis.sift(table, only)["text"].to_pylist() == tamis.per_batch(only)(table)["text"].to_pylist() == ["much longer"]
    with pytest.raises(tamis.TamisError, match=r"^'gopher_quality' is no stage\.\nFix: give tamis\.make_stage\(\"gopher_quality\"\)\.$"):
        tamis.judge(table, ["gopher_quality"])  # type: ignore[list-item]
    with pytest.raises(tamis.TamisError, match=r"^3 is no stage\.\nFix: give a stage that tamis\.make_stage made\.$"):
        tamis.per_batch([only, 3])  # type: ignore[list-item]


@dataclass(frozen=True)
class Letters(Stage):
    """Measures five numbers, and hands on whatever it is shown, in that order."""

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """z, e, b, r, a: i64."""
        return pl.DataFrame({name: [number] * docs.num_rows for number, name in enumerate("zebra")})

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """Nobody fails."""
        return signals.select(pl.exclude("row", "copies"), copies=pl.lit(1, pl.UInt8), reasons=pl.lit([], pl.List(pl.String)))


def test_a_stage_sees_its_signals_in_the_order_in_which_it_measured_them(tmp_path: Path) -> None:
    """In memory and in a run, under any hash seed: columns that a stage hands on stand in its order."""
    table = corpus(9)
    verdicts = tamis.judge(table, Letters())
    run([Letters()], split(tmp_path / "in", table), tmp_path / "out")
    for names in (verdicts.columns, pl.read_parquet(tmp_path / "out" / "ledger" / "*.parquet").columns):
        assert [name for name in names if len(name) == 1] == list("zebra")


FORKED = """
import os, sys, pyarrow as pa, tamis
table, judge = pa.table({"text": ["the cat sat"]}), tamis.per_batch([tamis.make_stage("sample", share=1)])
if sys.argv[1] == "used": judge(table)
number = os.fork()
if number == 0:
    try:
        print(judge(table).num_rows, flush=True)
    except tamis.StageError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(number, 0)
"""


@pytest.mark.parametrize("parent", ["fresh", "used"])
def test_a_fork_does_not_hang(parent: str) -> None:
    """A worker forked off a process that has judged documents, as `datasets.map(…, num_proc=2)` does, says so instead of waiting for ever."""
    done = subprocess.run([sys.executable, "-c", FORKED, parent], capture_output=True, text=True, check=False, timeout=60)
    said = "this process was forked off one in which tamis had judged documents, and polars' threads, which it would wait for, stayed there."
    assert done.stdout.splitlines()[0] == {"fresh": "1", "used": said}[parent]


@pytest.mark.parametrize(
    ("data", "stages", "columns", "said"),
    [
        (pl.Series("text", ["a"]), [Lower()], None, 'not "Series"'),
        (pa.chunked_array([["a"]]), [Lower()], None, 'not "ChunkedArray"'),
        (pa.array(["a"]), [Lower()], None, 'not "StringArray"'),
        (["a"], [Lower()], None, 'not "list"'),
        ({"text": ["a"]}, parse({"stages": ["unicode"]}, place="r.yaml"), None, "a recipe is no stage"),
        ({"text": ["a"]}, 3, None, "3 is no stage"),
        ({"content": ["a"]}, [Lower()], {"text": "content"}, "columns= is {'text': 'content'}, and no tamis.Columns"),
    ],
)
def test_what_is_given_by_mistake_is_said(data: Any, stages: Any, columns: Any, said: str) -> None:
    """A column for a table, a recipe for its stages, a dictionary for columns: a sentence with the way out, and no error of a library."""
    with pytest.raises(tamis.TamisError) as caught:
        tamis.sift(data, stages, columns=columns)
    assert said in str(caught.value)
    assert "\nFix: " in str(caught.value)


@pytest.mark.parametrize(
    ("stages", "kept"),
    [
        ({"exact_duplicates": {"prefer": ["score"]}}, [False, True, True]),
        ({"gopher_quality": {"where": "score > 0.5", "min_words": 50}}, [True, False, False]),
        ({"head_middle_tail": {"signal": "doc.score", "best": "high", "within": None, "on_null": "drop", "keep": ["head"]}}, [False, True, False]),
    ],
    ids=["prefer", "where", "head_middle_tail"],
)
def test_nan_is_no_number(stages: dict[str, Any], kept: list[bool]) -> None:
    """A score that is NaN is unknown: no best one, above no limit, in no third of the corpus."""
    table = pa.table({"text": ["one text", "one text", "another"], "score": [float("nan"), 0.9, 0.1 if "gopher_quality" not in stages else 0.7]})
    verdicts = tamis.judge(table, parse({"stages": [stages]}, place="the recipe").stages)
    assert (verdicts["copies"] > 0).to_list() == kept
