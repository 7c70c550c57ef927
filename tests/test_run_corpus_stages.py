"""Stages that see the whole corpus: `fit` once, `relate` once, and what they found serves until the corpus changes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from runs import corpus, data, fates, fates_in_memory, inodes, ledger, recipe, run, snapshot, split
from stages_for_tests import Length, Lower, Openings, Repeat, StockLines, Twins

import tamis
from tamis import shards

RECIPES = {
    "fit": [Openings(max_openings=5)],
    "relate": [Twins()],
    "edit with fit": [StockLines(), Length(min_chars=8)],
    "fit and relate below an edit": [Lower(), Openings(max_openings=6), Twins()],
    "relate below an edit with fit": [StockLines(), Twins(), Length(max_chars=90)],
    "all": [Length(min_chars=12), StockLines(), Lower(), Openings(max_openings=20), Twins(), Repeat()],
}


def first_lines(table: pa.Table) -> Counter[str]:
    """The slow, obvious program."""
    return Counter(text.split("\n", 1)[0] for text in table.column("text").to_pylist())


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize(("mapper", "workers"), [("serial", 1), ("threads", 7)])
def test_shards_are_judged_like_a_table(tmp_path: Path, name: str, mapper: str, workers: int) -> None:
    """Verdicts, partners and edited texts are the same in memory and over shards."""
    table = corpus()
    stages = RECIPES[name]
    run(stages, split(tmp_path / "in", table), tmp_path / "out", mapper=mapper, workers=workers)
    assert fates(tmp_path / "out") == fates_in_memory(table, tamis.judge(table, stages))
    sifted = tamis.sift(table, stages).to_pylist()
    assert Counter(map(str, data(tmp_path / "out"))) == Counter(map(str, sifted))


def test_processes_see_the_fitted_file(tmp_path: Path) -> None:
    """Processes fit, measure and relate as threads do, byte for byte."""
    place = split(tmp_path / "in", corpus())
    run(RECIPES["all"], place, tmp_path / "threads")
    run(RECIPES["all"], place, tmp_path / "processes", mapper="processes")
    assert snapshot(tmp_path / "threads") == snapshot(tmp_path / "processes")


def test_fit_counts_the_whole_corpus(tmp_path: Path) -> None:
    """A fitted signal is the count over all shards, not over the shard or chunk of the document."""
    table = corpus()
    counts = first_lines(table)
    run(RECIPES["fit"], split(tmp_path / "in", table, 7), tmp_path / "out")
    wanted = [counts[text.split("\n", 1)[0]] > 5 for text in table.column("text").to_pylist()]
    assert [row["stage"] == "openings" for row in ledger(tmp_path / "out")] == wanted
    assert any(wanted)
    assert not all(wanted)


def test_relations_are_verified_and_choose_among_the_living(tmp_path: Path) -> None:
    """The first document of each text that the stages above left alive stays; partners are addresses of those that stay."""
    texts = ["long " * 9, "a", "b", "a", "long " * 9, "b", "a", "long " * 9]
    table = pa.table({"id": list("01234567"), "text": texts, "lang": ["en", "fr", "en", "en", "en", "en", "en", "en"]})
    stages = [Length(by={"lang": {"fr": {"min_chars": 5}}}), Twins(buckets=2)]
    run(stages, split(tmp_path / "in", table, [2, 5]), tmp_path / "out")
    rows = ledger(tmp_path / "out")
    assert [row["stage"] for row in rows] == [None, "length", None, None, "twins", "twins", "twins", "twins"]
    assert [row["partner"] for row in rows] == [
        None, None, None, None, "part-000.parquet:0", "part-001.parquet:0", "part-001.parquet:1", "part-000.parquet:0",
    ]  # fmt: skip
    assert [row["similarity"] for row in rows] == [None, None, None, None, 1.0, 1.0, 1.0, 1.0]


def test_texts_are_related_as_edited(tmp_path: Path) -> None:
    """What an edit makes equal is a twin; without the edit it is not."""
    table = pa.table({"id": ["0", "1"], "text": ["ABC", "abc"]})
    place = split(tmp_path / "in", table, 2)
    assert run([Twins()], place, tmp_path / "plain")["counts"]["kept"] == 2
    assert run([Lower(), Twins()], place, tmp_path / "edited")["counts"]["kept"] == 1


def test_nothing_is_done_twice(tmp_path: Path) -> None:
    """The same command again touches neither signals nor fitted files nor relations nor data."""
    kinds = ("signals", "fitted", "relations", "data")
    place = split(tmp_path / "in", corpus())
    run(RECIPES["all"], place, tmp_path / "out")
    before, bytes_before = inodes(tmp_path / "out", *kinds), snapshot(tmp_path / "out")
    (tmp_path / "out" / "report.html").unlink()  # a complete run is not done again at all
    run(RECIPES["all"], place, tmp_path / "out")
    assert inodes(tmp_path / "out", *kinds) == before
    assert snapshot(tmp_path / "out") == bytes_before


def test_a_limit_moves_without_reading_the_text(tmp_path: Path) -> None:
    """Another limit is another decision over the same signals, fitted files and relations."""
    kinds = ("signals", "fitted", "relations")
    place = split(tmp_path / "in", corpus())
    run([Lower(), Openings(max_openings=6), Twins()], place, tmp_path / "out")
    before = inodes(tmp_path / "out", *kinds)
    run([Lower(), Openings(max_openings=2), Twins()], place, tmp_path / "out")
    assert inodes(tmp_path / "out", *kinds) == before
    run([Lower(), Openings(max_openings=2), Twins()], place, tmp_path / "new")
    assert snapshot(tmp_path / "out", ("data", "ledger")) == snapshot(tmp_path / "new", ("data", "ledger"))


def test_added_shards_are_fitted_anew(tmp_path: Path) -> None:
    """With more shards the fitted stage is fitted and measured again, the others only on what is new."""
    table, place = corpus(), tmp_path / "in"
    split(place, table.slice(0, 40), 2)
    run(RECIPES["all"], str(place), tmp_path / "out")
    before = inodes(tmp_path / "out", "signals")
    pa.parquet.write_table(table.slice(40), place / "part-002.parquet")
    run(RECIPES["all"], str(place), tmp_path / "out", add=True)
    after = inodes(tmp_path / "out", "signals")
    assert before.items() <= after.items()
    again = Counter(path.split("/")[1].rsplit("-", 1)[0] for path in after.keys() - before.keys())
    assert again == {"documents": 1, "length": 1, "stock_lines": 3, "lower": 3, "openings": 3, "twins": 3, "repeat": 3}
    assert fates(tmp_path / "out") == fates_in_memory(table, tamis.judge(table, RECIPES["all"]))


@pytest.mark.parametrize("reverse", [False, True])
def test_renamed_shards_keep_their_partners(tmp_path: Path, reverse: bool) -> None:  # noqa: FBT001
    """Relations hold places in the corpus: when shards change places, documents keep the right partners."""
    table = corpus()
    place = Path(split(tmp_path / "in", table, 4))
    run([Twins()], str(place), tmp_path / "out")
    for i, shard in enumerate(sorted(place.iterdir(), reverse=reverse)):
        shard.rename(place / f"renamed-{i}.parquet")
    run([Twins()], str(place), tmp_path / "out")
    run([Twins()], str(place), tmp_path / "new")
    assert fates(tmp_path / "out") == fates(tmp_path / "new")
    texts = dict(zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True))
    partners = {name: fate[4] for name, fate in fates(tmp_path / "out").items() if fate[4]}
    assert len(partners) > 5
    assert all(texts[name] == texts[partner] for name, partner in partners.items())


@pytest.mark.parametrize("name", ["relate below an edit with fit", "all"])
def test_large_row_groups_are_fitted_and_related_the_same(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether chunks are row groups or parts of one does not show in any verdict."""
    table = corpus()
    run(RECIPES[name], split(tmp_path / "small", table, row_group_size=4), tmp_path / "a")
    monkeypatch.setattr(shards, "CHUNK_BYTES", 300)
    run(RECIPES[name], split(tmp_path / "large", table, 1), tmp_path / "b")
    assert fates(tmp_path / "a") == fates(tmp_path / "b")


def test_a_later_stage_uses_a_fitted_signal(tmp_path: Path) -> None:
    """`where` may name the signal of a stage that is yet to be fitted; a wrong name is refused in words."""
    table = corpus()
    stages: list[Any] = [Openings(), Length(min_chars=1000, where="openings.openings > 5")]
    run(stages, split(tmp_path / "in", table), tmp_path / "out")
    dropped = [row["stage"] == "length" for row in ledger(tmp_path / "out")]
    counts = first_lines(table)
    assert dropped == [counts[text.split("\n", 1)[0]] > 5 for text in table.column("text").to_pylist()]
    with pytest.raises(tamis.StageError, match=r'^test, stage 2: length decides by "openings.openigns", which no stage above it measures. Did you mean "openings.openings"\?$'):
        run([Openings(), Length(min_chars=1000, where="openings.openigns > 5")], str(tmp_path / "in"), tmp_path / "wrong")


def test_a_corpus_of_nothing_can_be_fitted_and_related(tmp_path: Path) -> None:
    """Zero documents are fitted, related and judged without a fuss."""
    place = split(tmp_path / "in", corpus().slice(0, 0), 1)
    assert run(RECIPES["all"], place, tmp_path / "out")["counts"]["kept"] == 0


def test_recipe_is_needed(tmp_path: Path) -> None:
    """A run without stages keeps every readable document."""
    table = corpus()
    run(recipe(), split(tmp_path / "in", table), tmp_path / "out")
    assert data(tmp_path / "out") == table.to_pylist()
