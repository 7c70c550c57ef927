"""Two runs compared as a page: its numbers are those of the runs and of `tamis diff --json`, and it is whole and harmless."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_runs import SAMPLE, SCRIPT, Page, Rows, prose, ratio, run, written

from tamis import diff
from tamis.folder import Finished
from tamis.report import comparison


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Finished]:
    """Two runs over the sample data: other limits, and a stage that only the second has."""
    folder = tmp_path_factory.mktemp("comparison")
    a = run(SAMPLE, folder / "a", ["unicode", "gopher_quality", "exact_duplicates"])
    return a, run(SAMPLE, folder / "b", ["unicode", {"gopher_quality": {"min_words": 80}}, {"sample": {"share": 0.8}}])


@pytest.fixture(scope="module")
def found(runs: tuple[Finished, Finished]) -> dict[str, Any]:
    """What is compared."""
    return comparison.facts(*runs, diff.diff(*runs))


def test_the_funnel_has_both_runs(runs: tuple[Finished, Finished], found: dict[str, Any]) -> None:
    """Each stage of either run, with what it dropped in each; null where it is not in the recipe."""
    assert [step["stage"] for step in found["funnel"]] == ["gopher_quality", "exact_duplicates", "sample"]
    for side, done in zip("ab", runs, strict=True):
        rows = Rows(done, SAMPLE)
        for step in found["funnel"]:
            dropped = rows.count(lambda row, step=step: row["stage"] == step["stage"])
            if step[side] is None:
                assert dropped == 0
                assert step["stage"] == ("sample" if side == "a" else "exact_duplicates")
            else:
                assert (step[side]["dropped"], step[side]["dropped_share_of_readable"]) == (dropped, ratio(dropped, len(rows.rows)))


def test_the_mix_is_that_of_what_each_keeps(runs: tuple[Finished, Finished], found: dict[str, Any]) -> None:
    """Bytes and shares of the values with most kept bytes, in each run."""
    assert [one["axis"] for one in found["mix"]] == ["source", "lang", "license", "topic", "date", "length"]
    for side, done in zip("ab", runs, strict=True):
        rows = Rows(done, SAMPLE)
        whole = rows.bytes(lambda row: row["copies"] > 0)
        for axis in found["mix"][:5]:
            for row in axis["rows"]:
                kept = rows.bytes(lambda one, axis=axis, row=row: one["copies"] > 0 and one[axis["axis"]] == row["value"])
                assert (row[f"kept_bytes_{side}"], row[f"share_of_kept_bytes_{side}"]) == (kept, ratio(kept, whole))


def test_the_page_says_what_changed(runs: tuple[Finished, Finished], found: dict[str, Any]) -> None:
    """The recipe's changes, and each flip with the reason before and after; the page holds its facts as JSON."""
    html = comparison.draw(found)
    page = Page(html)
    text = "".join(page.texts)
    assert "gopher_quality.min_words" in text
    assert f"{found['documents']['changed']['documents']:,} of 2,484 documents in both have another fate." in text
    for one in found["changed"][:20]:
        for reasons in (one["reasons_a"], one["reasons_b"]):
            assert all(reason in text for reason in reasons or ())
    told = next(
        content
        for content, kind in zip(page.scripts, [own for tag, own in page.elements if tag == "script"], strict=True)
        if kind.get("id") == "facts"
    )
    assert json.loads(told) == json.loads(json.dumps(found))


def test_a_comparison_of_a_run_with_itself(runs: tuple[Finished, Finished]) -> None:
    """Nothing changed, and the page says so."""
    text = "".join(Page(comparison.draw(comparison.facts(runs[0], runs[0], diff.diff(runs[0], runs[0])))).texts)
    assert "The recipes are the same." in text
    assert "0 of 2,484 documents in both have another fate." in text


def test_hostile_names_are_harmless(tmp_path: Path) -> None:
    """A value or a folder that is a script is text on the page."""
    folder = written(tmp_path / "in", text=[*prose(2), "short"], source=[SCRIPT, "\u202eb", SCRIPT], id=[SCRIPT, "b", "\x00c"])
    a = run(folder, tmp_path / "<b>a", ["gopher_quality"])
    b = run(folder, tmp_path / "b", [{"gopher_quality": {"min_words": 1, "min_stop_words": None}}])
    html = comparison.draw(comparison.facts(a, b, diff.diff(a, b)))
    assert SCRIPT in "".join(Page(html).texts)
    assert not set(html.replace("\n", "")) & set("\u202e\x00")
    assert SCRIPT not in html


def test_command_writes_the_page(
    runs: tuple[Finished, Finished], tmp_path: Path, tamis_command: Callable[..., tuple[int, str, str]]
) -> None:
    """`tamis diff A B --html FILE` writes the page, and says so beside what it prints without; --json has the page's numbers."""
    page = tmp_path / "pages" / "diff.html"
    plain = tamis_command("diff", runs[0].out, runs[1].out)
    told = tamis_command("diff", runs[0].out, runs[1].out, "--html", page)
    assert str(page) in told[1]
    assert plain[1].splitlines()[:10] == told[1].splitlines()[:10]
    assert page.read_text("utf-8").startswith("<!doctype html>")
    code, told, _ = tamis_command("diff", runs[0].out, runs[1].out, "--html", page, "--json")
    assert code == 0
    assert [step["stage"] for step in json.loads(told)["funnel"]] == ["gopher_quality", "exact_duplicates", "sample"]


def test_report_command(tmp_path: Path, tamis_command: Callable[..., tuple[int, str, str]]) -> None:
    """`tamis report OUT` draws the report again, with as many samples as asked for, and says where it is."""
    done = run(written(tmp_path / "in", text=[*prose(2), "too short"]), tmp_path / "out")
    before = {name: Path(done.out, name).read_bytes() for name in ("report.md", "README.md")}
    for name in before:
        Path(done.out, name).unlink()
    assert tamis_command("report", done.out) == (0, f"{done.out}/report.html\n", "")
    assert {name: Path(done.out, name).read_bytes() for name in before} == before
    code, told, _ = tamis_command("report", done.out, "--samples", 0, "--json")
    assert (code, json.loads(told)["report.json"]) == (0, f"{done.out}/report.json")
    assert "too short" not in Path(done.out, "report.json").read_text("utf-8").replace("too short on average", "")
    assert tamis_command("report", tmp_path / "in")[0] == 2
