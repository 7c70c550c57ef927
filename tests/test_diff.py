"""Two runs compared: every document found again, every change of fate counted once, with its reasons."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import command, corpus, ledger, run, split
from stages_for_tests import Length, Lower, Openings, Repeat

import tamis
from tamis import diff, folder, pairing
from tamis.cli.compared import diff as as_text
from tamis.errors import RunError
from tamis.recipe import parse
from tamis.stage import Stage

EXACT = tamis.make_stage("exact_duplicates")
TABLE = corpus(80, 4)
KIND = {(True, False): "kept → dropped", (False, True): "dropped → kept"}


def _compared(a: Path, b: Path, to: Path | None = None) -> dict[str, Any]:
    return diff.diff(folder.opened(str(a)), folder.opened(str(b)), str(to) if to else None, workers=2)


def _change(a: dict[str, Any], b: dict[str, Any]) -> tuple[Any, ...] | None:
    """What the slow way says of two rows of ledgers: change, stages, reasons, copies."""
    kept = a["copies"] > 0, b["copies"] > 0
    if kept == (True, False):
        return "kept → dropped", None, b["stage"], None, tuple(b["reasons"]), None, None
    if kept == (False, True):
        return "dropped → kept", a["stage"], None, tuple(a["reasons"]), None, None, None
    if kept == (False, False) and a["stage"] != b["stage"]:
        return "dropped by another stage", a["stage"], b["stage"], None, None, None, None
    return ("other copies", None, None, None, None, a["copies"], b["copies"]) if a["copies"] != b["copies"] else None


def _told(found: dict[str, Any]) -> Counter[tuple[Any, ...]]:
    names = ("change", "stage_a", "stage_b", "reasons_a", "reasons_b", "copies_a", "copies_b")
    return Counter({tuple(tuple(one[name]) if isinstance(one[name], list) else one[name] for name in names): one["documents"] for one in found["changed"]})


def _stages(draw: st.DataObject) -> list[Stage]:
    limit = st.one_of(st.none(), st.integers(5, 60))
    stages = [Lower(), Length(min_chars=draw.draw(limit)), EXACT, Repeat(), Openings(max_openings=draw.draw(limit))]
    return [stage for stage in stages if draw.draw(st.integers(0, 3))]


@settings(max_examples=25)
@given(st.data())
def test_every_change_is_told(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Over the same shards, however they are named and ordered, changes are those that a dictionary of addresses finds."""
    home = tmp_path_factory.mktemp("diff")
    first = split(home / "in", TABLE, 3)
    (home / "other").mkdir()
    for old, new in zip(range(3), data.draw(st.permutations(range(3))), strict=True):
        (home / "other" / f"shard-{new}.parquet").write_bytes((home / "in" / f"part-00{old}.parquet").read_bytes())
    run(_stages(data), first, home / "a")
    run(_stages(data), str(home / "other"), home / "b")
    found = _compared(home / "a", home / "b", home / "all.parquet")
    other = {row["id"]: row for row in ledger(home / "b")}
    rows = [(row, other[row["id"]]) for row in ledger(home / "a")]
    wanted = Counter(change for a, b in rows if (change := _change(a, b)))
    assert _told(found) == wanted
    assert found["documents"]["changed"]["documents"] == wanted.total()
    assert found["documents"]["by_text"] == 0
    written = pq.read_table(home / "all.parquet").to_pylist()
    assert [row["id_a"] for row in written] == [a["id"] for a, b in rows if _change(a, b)]
    for row in written:
        a, b = next((a, b) for a, b in rows if a["id"] == row["id_a"])
        for name, said in (("a", a), ("b", b)):
            assert {column: row[f"{column}_{name}"] for column in ("shard", "row", "id", "copies", "stage", "reasons")} == {column: said[column] for column in ("shard", "row", "id", "copies", "stage", "reasons")}
        assert row["bytes"] == len(TABLE.column("text").to_pylist()[int(row["id_a"][1:])].encode())


def test_other_shards_are_compared_by_text(tmp_path: Path) -> None:
    """Documents of other shards are found by their text, the k-th of several as the k-th; what has no partner is in one alone."""
    texts = ["one text", "twice", "twice", "three times", "three times", "three times", "only in a", "short"]
    other = ["three times", "twice", "short", "one text", "only in b", "three times", "twice", "twice"]
    for name, listed, least in (("a", texts, 6), ("b", other, 9)):
        table = pa.table({"text": listed, "id": [f"{name}{i}" for i in range(len(listed))]})
        run([Length(min_chars=least)], split(tmp_path / f"in {name}", table, 2), tmp_path / name)
    found = _compared(tmp_path / "a", tmp_path / "b", tmp_path / "all.parquet")
    assert found["documents"]["both"]["documents"] == found["documents"]["by_text"] == 6
    assert found["documents"]["only_a"] == {"documents": 2, "bytes": len("three times" + "only in a"), "kept": 2}
    assert found["documents"]["only_b"] == {"documents": 2, "bytes": len("twice" + "only in b"), "kept": 1}
    pairs = {row["id_a"]: (row["id_b"], row["change"]) for row in pq.read_table(tmp_path / "all.parquet").to_pylist()}
    assert pairs == {"a0": ("b3", "kept → dropped")}


@settings(max_examples=25)
@given(st.lists(st.sampled_from("abcde"), max_size=12), st.lists(st.sampled_from("abcdf"), max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_pairs_by_text(tmp_path_factory: pytest.TempPathFactory, first: list[str], second: list[str], cut: int, other_cut: int) -> None:
    """The k-th of equal texts is paired with the k-th, whatever the shards."""
    home = tmp_path_factory.mktemp("pairs")
    for name, texts, border in (("a", first, cut), ("b", second, other_cut)):
        table = pa.table({"text": pa.array(texts, pa.string()), "id": pa.array([f"{name}{i}" for i in range(len(texts))], pa.string())})
        run([Length()], split(home / f"in {name}", table, [min(border, len(texts))]), home / name)
    sides = [pairing.side(folder.opened(str(home / name)), ("length",), 2) for name in "ab"]
    pairs = pairing.paired(*sides)
    places: dict[str, list[int]] = {text: [j for j, other in enumerate(second) if other == text] for text in "abcdef"}
    wanted = {i: places[text][k] for i, text in enumerate(first) if (k := first[:i].count(text)) < len(places[text])}
    assert dict(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == wanted
    assert pairs.only_a.tolist() == [i for i in range(len(first)) if i not in wanted]
    assert pairs.only_b.tolist() == [j for j in range(len(second)) if j not in wanted.values()]


def test_shards_in_common_and_others(tmp_path: Path) -> None:
    """Shards of equal content are compared row by row, only the others by text; equal files are told apart."""
    different = TABLE.set_column(1, "text", pa.array([f"{text} {i}" for i, text in enumerate(TABLE.column("text").to_pylist())]))
    shards = split(tmp_path / "in", different, 4)
    run([Length(min_chars=40)], shards, tmp_path / "a")
    (tmp_path / "more").mkdir()
    for i, name in enumerate(("part-000", "part-002", "part-002")):
        (tmp_path / "more" / f"{i}.parquet").write_bytes(Path(shards, f"{name}.parquet").read_bytes())
    pq.write_table(different.slice(20, 20).select(["text", "lang"]), tmp_path / "more" / "9.parquet")
    run([Length(min_chars=60)], str(tmp_path / "more"), tmp_path / "b")
    found = _compared(tmp_path / "a", tmp_path / "b")
    assert found["documents"]["both"]["documents"] == 60
    assert found["documents"]["by_text"] == 20
    assert found["documents"]["only_a"]["documents"] == 20
    assert found["documents"]["only_b"]["documents"] == 20


def test_a_run_is_equal_to_itself(tmp_path: Path) -> None:
    """Nothing differs, and that is said."""
    shards = split(tmp_path / "in", TABLE, 2)
    run([Length(min_chars=40)], shards, tmp_path / "a")
    found = _compared(tmp_path / "a", tmp_path / "a", tmp_path / "none.parquet")
    assert found["changed"] == found["recipe"] == []
    assert found["documents"]["same"] == found["documents"]["both"]
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0
    assert as_text(found).startswith("The recipes are the same.\n")


def test_without_documents(tmp_path: Path) -> None:
    """Empty runs differ in nothing."""
    shards = split(tmp_path / "in", TABLE.slice(0, 0), 1)
    run([Length(min_chars=40)], shards, tmp_path / "a")
    run([Length(min_chars=50), EXACT], shards, tmp_path / "b")
    found = _compared(tmp_path / "a", tmp_path / "b", tmp_path / "none.parquet")
    assert found["documents"]["both"] == {"documents": 0, "bytes": 0}
    assert len(found["recipe"]) == 2


def test_what_changed_in_the_recipe(tmp_path: Path) -> None:
    """Parameters, stages that only one recipe has, their order, seed and columns."""
    shards = split(tmp_path / "in", TABLE, 2)
    recipes = {
        "a": {"stages": [{"stages_for_tests:Length": {"min_chars": 3, "by": {"lang": {"fr": {"min_chars": 5}}}}}, "exact_duplicates", {"sample": {"share": 0.5}}]},
        "b": {"stages": ["exact_duplicates", {"stages_for_tests:Length": {"min_chars": 4}}, "stages_for_tests:Repeat"], "seed": 3},
    }
    for name, content in recipes.items():
        run(parse(content, place=name), shards, tmp_path / name)
    assert [(one["place"], one["before"], one["after"]) for one in _compared(tmp_path / "a", tmp_path / "b")["recipe"]] == [
        ("length.by.lang.fr.min_chars", 5, None),
        ("length.min_chars", 3.0, 4.0),
        ("sample", "on", "off"),
        ("recipe.seed", 0, 3),
        ("repeat", "off", "on"),
        ("order of stages", ["length", "exact_duplicates"], ["exact_duplicates", "length"]),
    ]


PRINTED = """length.min_chars: 10 → 6
repeat: off → on

                   documents   bytes
  in both                  5    94 B
    same fate              0     0 B
    another fate           5    94 B
  kept by a                3    77 B
  kept by b                3    74 B

  change                     stage             reason               documents   bytes   for example
  kept → dropped             repeat            a multiple of four           1    12 B   d
  dropped → kept             length            too short                    1     9 B   a
  dropped by another stage   length → repeat                                1     8 B   b
  other copies                                 1 → 2                        1    14 B   part-001.parquet:0
  other copies                                 1 → 3                        1    51 B   e

Next: `tamis explain b ID` says why, or --to FILE writes all of them.
"""


def test_the_command(tmp_path: Path) -> None:
    """What changed in the recipe, how many documents have another fate, and why, as a person reads it."""
    table = pa.table({"id": ["a", "b", None, "d", "e"], "text": ["Nine chrs", "eight ch", "Nine chars too", "twelve chars", "much longer text " * 3]})
    split(tmp_path / "in", table, 2)
    run([Length(min_chars=10)], str(tmp_path / "in"), tmp_path / "a")
    run([Length(min_chars=6), Repeat()], str(tmp_path / "in"), tmp_path / "b")
    done = command("diff", "a", "b", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PRINTED
    done = command("diff", "a", "b", "--to", "c.parquet", "--html", "c.html", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    written = "  c.parquet   5 documents\n  c.html      the comparison as a page\n\nNext: `tamis explain b ID` says why.\n"
    assert done.stdout == PRINTED.partition("Next:")[0] + written
    assert json.loads(command("diff", "a", "b", "--json", cwd=tmp_path).stdout) == _compared_in(tmp_path)
    again = command("diff", "a", "b", "--to", "c.parquet", cwd=tmp_path)
    assert (again.returncode, again.stdout, again.stderr) == (2, "", 'Error: "c.parquet" exists already.\nFix: choose another file.\n')


def test_limits_by_value_are_folded() -> None:
    """Of the limits that depend on a column's values three are listed, and the others counted; what is other besides is listed whole."""
    from tamis.cli import compared

    nothing = {"documents": 0, "bytes": 0}
    limits = [{"place": f"length.by.lang.l{i}.min_chars", "before": None, "after": i} for i in range(10)]
    others = [{"place": f"length.x{i}", "before": 1, "after": 2} for i in range(5)]
    found = {
        "a": "a", "b": "b", "recipe": [*limits, *others], "changed": [],
        "documents": {**dict.fromkeys(("both", "same", "changed", "only_a", "only_b"), nothing), "by_text": 0},
        "kept": {"a": nothing, "b": nothing},
    }  # fmt: skip
    assert compared.diff(found).split("\n\n")[0].splitlines() == [
        "length.by.lang.l0.min_chars: null → 0",
        "length.by.lang.l1.min_chars: null → 1",
        "length.by.lang.l2.min_chars: null → 2",
        "length.by.lang: 7 more",
        *(f"length.x{i}: 1 → 2" for i in range(5)),
    ]
    found["recipe"] = limits[:4]
    assert len(compared.diff(found).split("\n\n")[0].splitlines()) == 4


def _compared_in(home: Path) -> dict[str, Any]:
    return {**_compared(home / "a", home / "b"), "a": "a", "b": "b"}


def test_a_file_that_exists_is_not_written_over(tmp_path: Path) -> None:
    """--to wants a new file."""
    shards = split(tmp_path / "in", TABLE, 1)
    run([Length()], shards, tmp_path / "a")
    (tmp_path / "there").write_text("x")
    with pytest.raises(RunError, match=r'there" exists already'):
        _compared(tmp_path / "a", tmp_path / "a", tmp_path / "there")


def test_oracle_can_fail() -> None:
    """Meta-test: the slow way tells fates apart."""
    kept, dropped = {"copies": 1, "stage": None, "reasons": []}, {"copies": 0, "stage": "x", "reasons": ["r"]}
    assert _change(kept, kept) is None
    assert _change(kept, dropped) == ("kept → dropped", None, "x", None, ("r",), None, None)
