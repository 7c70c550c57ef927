"""The facts of a report, recomputed row by row from the input and the ledger; the same bytes, and no machine in them."""

from __future__ import annotations

import json
import os
from collections import Counter
from itertools import combinations
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_runs import ROLES, SAMPLE, STAGES, Rows, prose, ratio, report, run, wilson, written
from runs import split

import tamis
from tamis import files, runner
from tamis.folder import Finished, opened
from tamis.recipe import Recipe, parse
from tamis.report import facts as facts_of
from tamis.report import gather, groups, intervals, page


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run over the sample data."""
    return run(SAMPLE, tmp_path_factory.mktemp("report") / "out")


@pytest.fixture(scope="module")
def rows(done: Finished) -> Rows:
    """The documents behind the sample run."""
    return Rows(done, SAMPLE)


def without_timings(done: Finished) -> dict[str, object]:
    """What report.json holds but for how long it took."""
    return {key: value for key, value in report(done).items() if key != "timings"}


def test_documents_and_bytes_are_those_of_the_ledger(done: Finished, rows: Rows) -> None:
    """The head of the report counts what a loop over the ledger and the texts counts."""
    found, n, size = report(done), len(rows.rows), rows.bytes(lambda row: True)
    kept, kept_bytes = rows.count(lambda row: row["copies"] > 0), rows.bytes(lambda row: row["copies"] > 0)
    assert found["documents"] == {
        "input": n, "quarantined": 0, "readable": n, "kept": kept, "dropped": n - kept, "written": kept,
        "kept_share_of_readable": ratio(kept, n), "dropped_share_of_readable": ratio(n - kept, n), "files": 8, "unreadable_files": 0,
    }  # fmt: skip
    assert found["bytes"] == {
        "readable": size, "kept": kept_bytes, "dropped": size - kept_bytes,
        "kept_share_of_readable": ratio(kept_bytes, size), "dropped_share_of_readable": ratio(size - kept_bytes, size),
    }  # fmt: skip


def test_stages_and_rules_are_those_of_the_ledger(done: Finished, rows: Rows) -> None:
    """Every number of the funnel and of each rule is what a loop over the ledger counts, and stages pass on what they do not drop."""
    n = reached = len(rows.rows)
    whole = reached_bytes = rows.bytes(lambda row: True)
    for step in report(done)["stages"]:
        name, rules = step["stage"], step.pop("rules")
        step.pop("edited")
        dropped = rows.count(lambda row, name=name: row["stage"] == name)
        size = rows.bytes(lambda row, name=name: row["stage"] == name)
        assert step == {
            "stage": name, "edits": name == "unicode", "reached": reached, "dropped": dropped, "reached_bytes": reached_bytes,
            "dropped_bytes": size, "dropped_share_of_reached": ratio(dropped, reached),
            "dropped_share_of_readable": ratio(dropped, n), "left_share_of_readable": ratio(reached - dropped, n),
            "dropped_bytes_share_of_reached": ratio(size, reached_bytes), "dropped_bytes_share_of_readable": ratio(size, whole),
            "left_bytes_share_of_readable": ratio(reached_bytes - size, whole),
        }  # fmt: skip
        reached, reached_bytes = reached - dropped, reached_bytes - size
        for rule in rules:
            full = f"{name}: {rule['reason']}"
            failed, only = (
                rows.count(lambda row, full=full: full in row["failed"]),
                rows.count(lambda row, full=full: row["failed"] == {full}),
            )
            assert (rule["failed"], rule["failed_share_of_readable"]) == (failed, ratio(failed, n))
            assert (rule["only"], rule["only_share_of_readable"]) == (only, ratio(only, n))
            size = rows.bytes(lambda row, full=full: row["failed"] == {full})
            assert (rule["only_bytes"], rule["only_bytes_share_of_readable"]) == (size, ratio(size, whole))
    assert reached == report(done)["documents"]["kept"]


def test_pairs_of_rules_are_those_of_the_ledger(done: Finished, rows: Rows) -> None:
    """The most frequent pairs are counted right, and none that is more frequent is left out."""
    pairs, single = Counter[frozenset[str]](), Counter[str]()
    for row in rows.rows:
        pairs.update(map(frozenset, combinations(row["failed"], 2)))
        single.update(row["failed"])
    found = report(done)["pairs"]
    assert [pair["both"] for pair in found] == [count for _, count in pairs.most_common(10)]
    for pair in found:
        a, b = (f"{one['stage']}: {one['reason']}" for one in (pair["a"], pair["b"]))
        assert pair["both"] == pairs[frozenset({a, b})]
        assert pair["both_share_of_rarer"] == ratio(pair["both"], min(single[a], single[b]))


@pytest.mark.parametrize("axis", ROLES)
def test_groups_are_those_of_the_data(done: Finished, rows: Rows, axis: str) -> None:
    """Documents and bytes before and after, of the twelve most frequent values and of all others, are what a loop counts."""
    found = next(one for one in report(done)["axes"] if one["axis"] == axis)
    counted = Counter(row[axis] for row in rows.rows)
    most = sorted(counted, key=lambda value: (-counted[value], value is None, value))[:12]
    told = {row["value"]: row for row in found["rows"]}
    assert told == {value: rows.fact(value, lambda row, value=value: row[axis] == value) for value in most}
    shares = [row["kept_share_of_documents"] for row in found["rows"]]
    assert axis == "date" or shares == sorted(shares)
    assert (found["values"], found["other_values"]) == (len(counted), max(0, len(counted) - 12))
    assert found["others"] == (rows.fact(None, lambda row: row[axis] not in most) if len(counted) > 12 else None)


@pytest.mark.parametrize("axis", ROLES)
def test_what_the_curated_data_are_made_of(done: Finished, rows: Rows, axis: str) -> None:
    """The composition of what was kept lists every value, most documents first."""
    found = next(one for one in report(done)["axes"] if one["axis"] == axis)
    kept = [row for row in rows.rows if row["copies"]]
    counted, size = Counter(row[axis] for row in kept), Counter[str]()
    for row in kept:
        size[row[axis]] += row["bytes"]
    assert {row["value"]: (row["documents"], row["bytes"]) for row in found["curated"]} == {v: (counted[v], size[v]) for v in counted}
    assert [row["documents"] for row in found["curated"]] == sorted(counted.values(), reverse=True)
    assert [row["documents_share_of_kept"] for row in found["curated"]] == [ratio(row["documents"], len(kept)) for row in found["curated"]]
    assert found["curated_others"] is None


def test_bands_of_length_are_those_of_the_data(done: Finished, rows: Rows) -> None:
    """A document of exactly 1,000 bytes is in the band from 1 kB, and every band is listed, empty or not."""
    found = report(done)["axes"][-1]
    borders = [0, *groups.BANDS, 1 << 60]
    names = ["under 1 kB", "1 to 2 kB", "2 to 5 kB", "5 to 10 kB", "10 to 50 kB", "50 kB and more"]
    wanted = [rows.fact(name, lambda row, a=a, b=b: a <= row["bytes"] < b) for name, a, b in zip(names, borders, borders[1:], strict=False)]
    assert found["rows"] == wanted


def test_a_border_belongs_to_the_band_above(tmp_path: Path) -> None:
    """999 bytes are under 1 kB; 1,000 bytes are not."""
    found = report(run(written(tmp_path / "in", text=["x" * 999, "x" * 1000]), tmp_path / "out", ["sample"]))["axes"][-1]
    assert [row["documents"] for row in found["rows"]] == [1, 1, 0, 0, 0, 0]


def test_examples_fail_their_rule_and_are_drawn_evenly(done: Finished, rows: Rows) -> None:
    """Up to five documents a rule, each of which fails it; as many as there are, and not simply the first of the corpus."""
    at = {f"{row['shard']}:{row['row']}": row for row in rows.rows}
    shards = set()
    for step in report(done)["stages"]:
        for rule in step["rules"]:
            examples = [at[one["address"]] for one in rule["examples"]]
            assert len({one["address"] for one in rule["examples"]}) == min(5, rule["failed"])
            for told, row in zip(rule["examples"], examples, strict=True):
                assert f"{step['stage']}: {rule['reason']}" in row["failed"]
                assert (told["id"], told["fails"]) == (row["id"], len(row["failed"]))
                shards.add(row["shard"])
    assert len(shards) > 4


@pytest.mark.parametrize("size", [1, 700])
def test_facts_do_not_depend_on_how_much_is_counted_at_a_time(done: Finished, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """A slab of any size gives the same facts: chunks, slabs and files of the ledger need not end together."""
    monkeypatch.setattr(gather, "ROWS", size)
    assert facts_of.facts(done) == without_timings(done)


def test_an_axis_with_too_many_values_is_not_counted(done: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column in which nearly every document has a value of its own is called that, and costs no memory."""
    monkeypatch.setattr(groups, "MOST_VALUES", 5)
    monkeypatch.setattr(gather, "ROWS", 1)
    monkeypatch.setattr(groups, "PARTS", 2)
    found = facts_of.facts(done)
    assert {axis["axis"]: axis["values"] for axis in found["axes"]} == {
        "source": None,
        "lang": None,
        "license": 4,
        "topic": None,
        "date": None,
        "length": 6,
    }
    assert "over a million different values" in page.draw(found)


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    """Another folder, another place of the input and other workers change no byte of the facts, the page or the card, nor is a path told."""
    for name in ("a", "b"):
        folder = tmp_path / name
        (folder / "in").mkdir(parents=True)
        for shard in sorted(SAMPLE.glob("*.parquet"))[:3]:
            (folder / "in" / shard.name).write_bytes(shard.read_bytes())
        (folder / "in" / "broken.parquet").write_text("no parquet")
        (folder / "sources.txt").write_text("forum\nshop\n")
        stages = [*STAGES, {"rules": {"block": {"source": str(folder / "sources.txt")}}}]
        run(folder / "in", folder / "out", stages, workers=1 if name == "a" else 3)
    pages = []
    for name in ("a", "b"):
        done = opened(str(tmp_path / name / "out"))
        untimed = {**without_timings(done), "timings": None}
        drawn = {kind: (tmp_path / name / "out" / kind).read_bytes() for kind in ("report.json", "report.html", "report.md", "README.md")}
        assert not [kind for kind, content in drawn.items() if str(tmp_path).encode() in content]
        pages.append((json.dumps(untimed), page.draw(untimed), drawn["report.md"], drawn["README.md"]))
    assert "sources.txt" in pages[0][0]
    assert pages[0] == pages[1]


def test_only_paths_of_this_machine_are_shortened(tmp_path: Path) -> None:
    """A file and a stage by path keep their names; a pattern of addresses stays as it is."""
    content = {f"{tmp_path}/my.py:Digits": {"list": [f"{tmp_path}/a.txt", "/wiki/no-such-folder/.*", "/", "s3://b/c", 3, None]}}
    assert facts_of.without_places(content) == {"my.py:Digits": {"list": ["a.txt", "/wiki/no-such-folder/.*", "/", "s3://b/c", 3, None]}}


def test_report_is_written_to_object_stores(tmp_path: Path) -> None:
    """A run folder may be a URL."""
    import fsspec

    recipe = parse({"stages": STAGES}, place="test")
    out = f"memory://report-{os.getpid()}"
    runner.run(recipe, [written(tmp_path / "in", text=prose(3))], out)
    files = fsspec.filesystem("memory")
    assert json.loads(files.cat(f"{out}/report.json"))["documents"]["kept"] == 3
    assert files.cat(f"{out}/README.md").startswith(b"---\n")
    assert files.cat(f"{out}/report.html").startswith(b"<!doctype html>")
    files.rm(out, recursive=True)


@given(st.integers(1, 10**7), st.floats(0, 1))
def test_intervals_hold_their_share_and_are_those_of_the_equation(whole: int, part: float) -> None:
    """Wilson's interval: within [0, 1], around the share, and the roots of the equation that defines it."""
    count = round(part * whole)
    low, high = intervals.interval(count, whole)
    assert 0 <= low <= round(count / whole, 6) <= high <= 1
    assert [low, high] == pytest.approx(wilson(count, whole), abs=2e-6)
    assert intervals.interval(0, 0) is None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("2019-03-01", "2019"), ("2019", "2019"), ("20190301", "2019"), ("201903", "2019"), (" 1999/1", "1999"), ("1566000000", None),
        ("March 2019", None), ("", None), (None, None), ("20191", None), ("2019-03-01T10:00:00Z", "2019"),
    ],
)  # fmt: skip
def test_dates_are_grouped_by_year(value: str | None, told: str | None) -> None:
    """A date that begins with its year is grouped by that; seconds since 1970 and other spellings have none."""
    assert groups.values(pl.Series("doc.date", [value], pl.String), year=True).to_list() == [told]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (pa.nulls(4), [(None, 8)]),
        (pa.array([0.0, -0.0, None, float("nan")]), [("0.0", 4), (None, 4)]),
        (pa.array([True, False, None, True]), [("true", 4), ("false", 2), (None, 2)]),
    ],
    ids=["null", "float", "bool"],
)
def test_a_role_of_any_type_is_counted(tmp_path: Path, column: pa.Array, told: list[tuple[str | None, int]]) -> None:
    """A column that holds nothing, or numbers, in several shards: each value is a group, 0 and −0 are one, and NaN is no value."""
    table = pa.table({"text": ["one", "two words", "three words here", "four"], "source": column})
    done = tamis.run(Recipe("test", (tamis.make_stage("mask"),)), [split(tmp_path / "in", pa.concat_tables([table, table]), 2)], str(tmp_path / "out"))
    assert done["counts"]["kept"] == 8
    (axis,) = [axis for axis in files.read_json(str(tmp_path / "out" / "report.json"))["axes"] if axis["axis"] == "source"]
    assert sorted(((one["value"], one["documents"]) for one in axis["rows"]), key=str) == sorted(told, key=str)
