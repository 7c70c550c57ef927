"""The same documents give the same bytes: however many workers, in whatever order, from wherever, in whatever process."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import command, corpus, data, fates, fates_in_memory, ledger, quarantine, recipe, run, snapshot, split
from stages_for_tests import Length, Lower, Openings, Repeat, StockLines, Twins

import tamis
from tamis import disk, explain, export, folder, ledger_files, mappers, shards
from tamis.edits.mojibake import Mojibake
from tamis.edits.unicode import Unicode
from tamis.recipe import dump
from tamis.stage import Edit

STAGES = [Length(min_chars=12.0), StockLines(), Lower(), Openings(max_openings=20.0), Twins(), Repeat()]
HERE = Path(__file__).parent


def messy(n: int = 60) -> pa.Table:
    """Documents of which some cannot be read."""
    table = corpus(n)
    texts = [None if i % 13 == 5 else b"\xff" if i % 17 == 3 else text.encode() for i, text in enumerate(table.column("text").to_pylist())]
    return table.set_column(1, "text", pa.array(texts, pa.binary()))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """Shards, and what a run with one worker makes of them."""
    folder = tmp_path_factory.mktemp("wanted")
    split(folder / "in", messy(), 5, row_group_size=4)
    run(STAGES, str(folder / "in"), folder / "out", mapper="serial", workers=1)
    return folder / "in", snapshot(folder / "out")


@pytest.mark.parametrize(("mapper", "workers"), [("serial", 2), ("threads", 1), ("threads", 2), ("threads", 7), ("processes", 2)])
def test_workers_do_not_matter(tmp_path: Path, wanted: tuple[Path, dict[str, bytes]], mapper: str, workers: int) -> None:
    """Any number of workers of any kind writes the same bytes."""
    place, bytes_wanted = wanted
    run(STAGES, str(place), tmp_path / "out", mapper=mapper, workers=workers)
    assert snapshot(tmp_path / "out") == bytes_wanted


def in_reverse(place: Path, new: Path) -> list[str]:
    """The files, last first."""
    return [str(path) for path in sorted(place.iterdir(), reverse=True)]


def elsewhere(place: Path, new: Path) -> list[str]:
    """A copy in another folder."""
    return [str(shutil.copytree(place, new))]


def linked(place: Path, new: Path) -> list[str]:
    """Links, as the cache of Hugging Face has them."""
    new.mkdir()
    for path in place.iterdir():
        (new / path.name).symlink_to(path)
    return [str(new)]


def dotted(place: Path, new: Path) -> list[str]:
    """The same folder by a roundabout name."""
    return [f"{place.parent}/./{place.name}//"]


def relative(place: Path, new: Path) -> list[str]:
    """The same folder as seen from here."""
    return [os.path.relpath(place)]


def twice(place: Path, new: Path) -> list[str]:
    """The folder, and a file of it once more."""
    return [str(place), str(place / "part-001.parquet"), f"{place}/../{place.name}/part-002.parquet"]


@pytest.mark.parametrize("given_as", [in_reverse, elsewhere, linked, dotted, relative, twice], ids=lambda one: one.__name__)
def test_where_shards_lie_does_not_matter(tmp_path: Path, wanted: tuple[Path, dict[str, bytes]], given_as: Callable[[Path, Path], list[str]]) -> None:
    """Shards in another order, in another folder, by other names of the folder, are the same shards."""
    place, bytes_wanted = wanted
    run(STAGES, given_as(place, tmp_path / "new"), tmp_path / "out")
    assert snapshot(tmp_path / "out") == bytes_wanted


@pytest.mark.parametrize("name", [".", "./", "./in", "in", "in/."])
def test_folders_are_named_as_one_likes(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards have the names they have in their folder, whatever the folder is called."""
    split(tmp_path / "in", corpus(4), 2)
    monkeypatch.chdir(tmp_path / "in" if "in" not in name else tmp_path)
    assert list(shards.find([name])) == ["part-000.parquet", "part-001.parquet"]


def test_names_only_order_documents(tmp_path: Path, wanted: tuple[Path, dict[str, bytes]]) -> None:
    """Shards renamed so that their order stays give the same data and signals; only addresses change."""
    place, bytes_wanted = wanted
    (tmp_path / "in").mkdir()
    for i, path in enumerate(sorted(place.iterdir())):
        shutil.copy(path, tmp_path / "in" / f"x{i}.parquet")
    run(STAGES, str(tmp_path / "in"), tmp_path / "out")
    kinds = ("data", "signals", "fitted", "relations")
    assert snapshot(tmp_path / "out", kinds) == {name: one for name, one in bytes_wanted.items() if name.split("/")[0] in kinds}
    assert {row["shard"] for row in ledger(tmp_path / "out")} == {f"x{i}.parquet" for i in range(5)}


def test_hash_seeds_do_not_matter(tmp_path: Path, wanted: tuple[Path, dict[str, bytes]]) -> None:
    """Two processes with different hash seeds write the same bytes as this one."""
    place, bytes_wanted = wanted
    (tmp_path / "test.yaml").write_text(dump(recipe(*STAGES)))
    for seed in ("1", "2"):
        paths = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        done = command("run", tmp_path / "test.yaml", place, "-o", tmp_path / seed, env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": paths})
        assert (done.returncode, done.stdout != "") == (0, True), done.stderr
        assert snapshot(tmp_path / seed) == bytes_wanted


@pytest.mark.parametrize("workers", [1, 3])
def test_slabs_do_not_matter(tmp_path: Path, wanted: tuple[Path, dict[str, bytes]], workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus judged in many slabs into many files of the ledger is judged as a whole; it can be explained and exported."""
    place, bytes_wanted = wanted
    monkeypatch.setattr(disk, "SLAB_ROWS", 5)
    monkeypatch.setattr(ledger_files, "LEDGER_ROWS", 12)
    run(STAGES, str(place), tmp_path / "out", workers=workers)
    assert len(list((tmp_path / "out" / "ledger").iterdir())) > 2
    assert ledger(tmp_path / "out") == ledger(place.parent / "out")
    assert snapshot(tmp_path / "out", ("data", "signals")) == {name: one for name, one in bytes_wanted.items() if name.split("/")[0] in ("data", "signals")}
    finished = folder.opened(str(tmp_path / "out"))
    for row in ledger(tmp_path / "out")[::7]:
        (found,) = explain.explain(finished, f"{row['shard']}:{row['row']}")
        assert (found["id"], found["copies"], found["stage"], found["reasons"]) == (row["id"], row["copies"], row["stage"], row["reasons"])
    exporting, count = export.export(finished, "copies != 1", workers=workers)
    exported = [row for path in sorted(Path(exporting).iterdir()) for row in pa.parquet.read_table(path).to_pylist()]
    chosen = [row for row in ledger(tmp_path / "out") if row["copies"] != 1]
    assert [(row["id"], row["tamis_copies"], row["tamis_reasons"]) for row in exported] == [(row["id"], row["copies"], row["reasons"]) for row in chosen]
    assert count == len(chosen) > 10


@pytest.mark.parametrize("name", ["serial", "threads", "processes"])
def test_results_come_in_the_order_of_the_tasks(name: str) -> None:
    """Whoever is quicker, results are in order; no more than two tasks a worker are taken ahead."""
    taken = []

    def tasks() -> Iterator[int]:
        for i in range(40):
            taken.append(i)
            yield i

    results = mappers.MAPPERS[name](abs, tasks(), 2)
    for i, result in enumerate(results):
        assert result == i
        assert len(taken) <= i + 6


@pytest.mark.parametrize("seed", range(3))
def test_another_split_is_the_same_corpus(tmp_path: Path, seed: int) -> None:
    """The same documents, cut into shards and row groups elsewhere, have the same fates and copies; in data, as a multiset."""
    table, draw = messy(80), random.Random(seed)
    run(STAGES, split(tmp_path / "a", table, 1), tmp_path / "out-a")
    borders = sorted(draw.sample(range(80), 6))
    run(STAGES, split(tmp_path / "b", table, borders, row_group_size=draw.randint(1, 9)), tmp_path / "out-b")
    assert fates(tmp_path / "out-a") == fates(tmp_path / "out-b")
    assert Counter(map(str, data(tmp_path / "out-a"))) == Counter(map(str, data(tmp_path / "out-b")))
    assert [(row["id"], row["reason"], row["text"]) for row in quarantine(tmp_path / "out-a")] == [(row["id"], row["reason"], row["text"]) for row in quarantine(tmp_path / "out-b")]


def test_order_of_documents_decides_only_which_twin(tmp_path: Path) -> None:
    """Shuffled documents: as many of each text stay (exact_duplicates: the very same documents)."""
    table = corpus(80)
    order = random.Random(1).sample(range(80), 80)
    stages = [Length(min_chars=12), tamis.make_stage("exact_duplicates", prefer=["score"])]
    run(stages, split(tmp_path / "a", table, 3), tmp_path / "out-a")
    run(stages, split(tmp_path / "b", table.take(order), 4), tmp_path / "out-b")
    assert fates(tmp_path / "out-a") == fates(tmp_path / "out-b")


def test_second_copies_are_never_adjacent(tmp_path: Path) -> None:
    """Copies after the first stand in shards of their own: no shard holds a document twice."""
    manifest = run([Repeat()], split(tmp_path / "in", corpus()), tmp_path / "out")
    seen: dict[str, list[str]] = defaultdict(list)
    for path in sorted((tmp_path / "out" / "data").iterdir()):
        ids = pa.parquet.read_table(path).column("id").to_pylist()
        assert len(ids) == len(set(ids))
        for name in ids:
            seen[name].append(path.name)
    copies = {row["id"]: row["copies"] for row in ledger(tmp_path / "out")}
    assert {name: len(places) for name, places in seen.items()} == {name: count for name, count in copies.items() if count}
    assert set(copies.values()) == {0, 1, 2, 3}
    assert manifest["counts"]["written"] == sum(copies.values())
    assert sum(copies.values()) != manifest["counts"]["kept"]
    firsts = max(places[0] for places in seen.values())
    assert all(place > firsts for places in seen.values() for place in places[1:])


@settings(max_examples=15, deadline=None)
@given(texts=st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=24), cuts=st.lists(st.integers(0, 24), max_size=3), rows=st.integers(1, 5))
def test_shards_and_memory_agree(tmp_path_factory: pytest.TempPathFactory, texts: list[str | None], cuts: list[int], rows: int) -> None:
    """Any texts, cut anywhere: a run says what `judge` says, and sets aside what `judge` calls unreadable."""
    folder = tmp_path_factory.mktemp("any")
    table = pa.table({"id": pa.array([str(i) for i in range(len(texts))], pa.string()), "text": pa.array(texts, pa.string())})
    stages = [Length(min_chars=2), Lower(), Twins(), Repeat()]
    place = split(folder / "in", table, sorted(min(cut, len(texts)) for cut in cuts), row_group_size=rows)
    run(stages, place, folder / "out", mapper="serial")
    judged = fates_in_memory(table, tamis.judge(table, stages))
    assert fates(folder / "out") == {name: fate for name, fate in judged.items() if fate[1] != "unreadable"}
    assert {row["id"] for row in quarantine(folder / "out")} == {name for name, fate in judged.items() if fate[1] == "unreadable"}


def test_edits_see_again_only_what_they_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is written, a document that one edit changed is not given to the others a second time, and reads as they all left it."""
    asked: dict[type, list[str]] = {Mojibake: [], Unicode: []}
    for kind, seen in asked.items():

        def edit(self: Edit, docs: pa.Table, was: Any = kind.edit, seen: list[str] = seen) -> Any:
            seen += docs.column("text").to_pylist()
            return was(self, docs)

        monkeypatch.setattr(kind, "edit", edit)
    place = split(tmp_path / "in", pa.table({"text": ["plain", "two\r\nlines", "a cafÃ© in town"]}), 1)
    run([Mojibake(), Unicode()], place, tmp_path / "out")
    written = pl.read_parquet(tmp_path / "out" / "data" / "*.parquet")["text"].to_list()
    assert written == ["plain", "two\nlines", "a café in town"]
    assert [asked[Mojibake].count(text) for text in ("plain", "two\r\nlines", "a cafÃ© in town")] == [1, 1, 2]
    assert [asked[Unicode].count(text) for text in ("plain", "two\r\nlines", "a café in town")] == [1, 2, 1]
