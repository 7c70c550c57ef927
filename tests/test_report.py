"""The report of a run: its facts are true, its page and card show them and nothing that data can smuggle in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tamis import runner
from tamis.folder import Finished, opened
from tamis.recipe import parse
from tamis.report import card, gather, markup, page
from tamis.report import facts as facts_of

SAMPLE = Path(__file__).parents[1] / "sample_data" / "raw"
STAGES = ["unicode", {"gopher_quality": {"min_words": 60}}, {"exact_duplicates": {"ignore": ["case", "white_space"]}}]
SCRIPT = "<script>alert(1)</script>"
HOSTILE = {
    "script": SCRIPT,
    "attribute": '"><img src=x onerror=alert(1)>',
    "right to left": "\u202egnp.exe\u2066\u200f",
    "null": "a\x00b\x1b[31m",
    "huge": "y" * 10_000_000,
    "wide": "W" * 300,
    "table": "a | b\n| c |\n\n# head\n- item",
    "link": "[x](javascript:alert(1)) ![y](http://evil.example/z.png) www.evil.example http://evil.example",
    "fence": "```\n~~~\n</bdi></td></table>",
    "yaml": "x: [y\n---\nlicense: stolen\n...",
    "line separators": "a\u2028b\u2029c\u0085d\re",
    "empty": "",
}


def run(inputs: str | Path, out: Path, stages: Any = STAGES, *, name: str = "test", workers: int = 2, **sections: Any) -> Finished:
    """A finished run."""
    recipe = parse({"stages": stages, **sections}, place="test", name=name)
    runner.run(recipe, [str(inputs)], str(out), runner.How(workers=workers))
    return opened(str(out))


def written(folder: Path, **columns: Any) -> str:
    """A shard with these columns."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "part-000.parquet")
    return str(folder)


def prose(n: int) -> list[str]:
    """Texts that the stages keep, each its own."""
    return [
        " ".join(f"the brown kitten number {i} rested upon that mattress with puppy {j} and went to sleep" for j in range(8))
        for i in range(n)
    ]


def report(done: Finished) -> dict[str, Any]:
    """What report.json holds."""
    return json.loads(Path(done.out, "report.json").read_text("utf-8"))


def shown(done: Finished, name: str = "report.html") -> str:
    """A file of the run folder."""
    return Path(done.out, name).read_text("utf-8")


def front(done: Finished) -> dict[str, Any]:
    """The data card's front matter."""
    return yaml.safe_load(shown(done, "README.md").split("---\n")[1])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run over the sample data."""
    return run(SAMPLE, tmp_path_factory.mktemp("report") / "out")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run over data, and with a recipe, that wish the reader ill."""
    folder, values = tmp_path_factory.mktemp("hostile"), list(HOSTILE.values())
    texts = prose(len(values)) + ["too short"] * len(values)
    columns = dict.fromkeys(("id", "source", "lang", "license", "topic"), values * 2)
    columns |= {SCRIPT: [2.0] * len(values) + [0.0] * len(values), "text": texts}
    name = "<img src=x onerror=alert(1)>\u202e.parquet"
    (folder / "in").mkdir()
    pq.write_table(pa.table(columns), folder / "in" / name)
    (folder / "in" / f"{name}.broken.parquet").write_text("no parquet")
    stages = [{"gopher_quality": {"by": {"source": {SCRIPT: {"min_words": 5}}}}}, {"rules": {"max": {SCRIPT: 3.0}}}, "exact_duplicates"]
    return run(folder / "in", folder / "out", stages, name=f"{SCRIPT}\n# injected\n---")


class Page(HTMLParser):
    """Every element of a page with its attributes; complains about tags that do not match."""

    VOID = ("meta", "wbr", "br", "link", "img")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def count(self, tag: str) -> int:
        return sum(one == tag for one, _ in self.elements)


# --- the facts, recomputed row by row from the input and the ledger -------------------------------------------------


class Rows:
    """Every document of a run, in plain Python: its verdict, its bytes, its columns."""

    def __init__(self, done: Finished, inputs: Path) -> None:
        tables = {path.name: pq.read_table(path).to_pylist() for path in sorted(inputs.glob("*.parquet"))}
        self.rows: list[dict[str, Any]] = []
        for path in sorted(Path(done.out, "ledger").glob("*.parquet")):
            for verdict in pq.read_table(path).to_pylist():
                document = tables[verdict["shard"]][verdict["row"]]
                failed = {f"{verdict['stage']}: {reason}" for reason in verdict["reasons"]} | set(verdict["also"])
                own = {role: document.get(role) for role in gather.AXES}
                self.rows.append({**verdict, **own, "bytes": len(document["text"].encode()), "failed": failed})

    def count(self, meets: Callable[[dict[str, Any]], bool]) -> int:
        return sum(map(meets, self.rows))

    def bytes(self, meets: Callable[[dict[str, Any]], bool]) -> int:
        return sum(row["bytes"] for row in self.rows if meets(row))

    def fact(self, value: Any, meets: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """A row of an axis."""

        def kept(row: dict[str, Any]) -> bool:
            return meets(row) and row["copies"] > 0

        counted = {"documents": self.count(meets), "bytes": self.bytes(meets), "kept": self.count(kept), "kept_bytes": self.bytes(kept)}
        return {
            "value": value,
            **counted,
            "kept_share_of_documents": ratio(counted["kept"], counted["documents"]),
            "kept_share_of_bytes": ratio(counted["kept_bytes"], counted["bytes"]),
        }


def ratio(part: int, whole: int) -> float | None:
    """A share."""
    return None if whole == 0 else round(part / whole, 6)


@pytest.fixture(scope="module")
def rows(done: Finished) -> Rows:
    """The documents behind the sample run."""
    return Rows(done, SAMPLE)


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
    reached_bytes = rows.bytes(lambda row: True)
    for step in report(done)["stages"]:
        name, rules = step["stage"], step.pop("rules")
        dropped = rows.count(lambda row, name=name: row["stage"] == name)
        size = rows.bytes(lambda row, name=name: row["stage"] == name)
        assert step == {
            "stage": name, "edits": name == "unicode", "reached": reached, "dropped": dropped, "reached_bytes": reached_bytes,
            "dropped_bytes": size, "dropped_share_of_reached": ratio(dropped, reached),
            "dropped_share_of_readable": ratio(dropped, n), "left_share_of_readable": ratio(reached - dropped, n),
            "dropped_bytes_share_of_reached": ratio(size, reached_bytes),
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


@pytest.mark.parametrize("axis", gather.AXES)
def test_groups_are_those_of_the_data(done: Finished, rows: Rows, axis: str) -> None:
    """Documents and bytes before and after, of the twelve most frequent values and of all others, are what a loop counts."""
    found = next(one for one in report(done)["axes"] if one["axis"] == axis)
    counted = Counter(row[axis] for row in rows.rows)
    most = sorted(counted, key=lambda value: (-counted[value], value is None, value))[:12]
    told = {row["value"]: row for row in found["rows"]}
    assert told == {value: rows.fact(value, lambda row, value=value: row[axis] == value) for value in most}
    shares = [row["kept_share_of_documents"] for row in found["rows"]]
    assert shares == sorted(shares)
    assert found["values"] == len(counted)
    assert found["others"] == (rows.fact(None, lambda row: row[axis] not in most) if len(counted) > 12 else None)


@pytest.mark.parametrize("axis", gather.AXES)
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
    borders = [0, *gather.BANDS, 1 << 60]
    names = ["under 1 kB", "1 to 2 kB", "2 to 5 kB", "5 to 10 kB", "10 to 50 kB", "50 kB and more"]
    wanted = [rows.fact(name, lambda row, a=a, b=b: a <= row["bytes"] < b) for name, a, b in zip(names, borders, borders[1:], strict=False)]
    assert found["rows"] == wanted


def test_a_border_belongs_to_the_band_above(tmp_path: Path) -> None:
    """999 bytes are under 1 kB; 1,000 bytes are not."""
    found = report(run(written(tmp_path / "in", text=["x" * 999, "x" * 1000]), tmp_path / "out", ["sample"]))["axes"][-1]
    assert [row["documents"] for row in found["rows"]] == [1, 1, 0, 0, 0, 0]


def test_clusters_are_those_of_the_ledger(done: Finished, rows: Rows) -> None:
    """A cluster is a document that stayed and all that were dropped in its favour."""
    dropped = Counter(row["partner"] for row in rows.rows if row["stage"] == "exact_duplicates")
    sizes = Counter(count + 1 for count in dropped.values())
    largest = [{"size": size, "clusters": sizes[size], "removed": sizes[size] * (size - 1)} for size in sorted(sizes, reverse=True)[:10]]
    told = {"stage": "exact_duplicates", "removed": sum(dropped.values()), "clusters": len(dropped), "largest": largest}
    assert report(done)["duplicates"] == [told]


def test_clusters_of_two_stages_are_kept_apart(tmp_path: Path) -> None:
    """A document that one stage keeps and the next drops counts for each as that stage saw it."""
    texts = ["a b c", "a b c", "a b c", "x y z", "x y z"]
    folder = written(tmp_path / "in", text=texts, url=["1", "2", "3", "1", "4"])
    found = report(run(folder, tmp_path / "out", ["exact_duplicates", {"exact_duplicates": {"column": "url"}}]))["duplicates"]
    assert next((one["stage"], one["clusters"], one["removed"]) for one in found) == ("exact_duplicates", 2, 3)
    assert sum(one["removed"] for one in found) == 3 + sum(one["removed"] for one in found[1:])


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
    monkeypatch.setattr(gather, "BLOCK", 97)
    assert facts_of.facts(done) == report(done)


def test_an_axis_with_too_many_values_is_not_counted(done: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column in which nearly every document has a value of its own is called that, and costs no memory."""
    monkeypatch.setattr(gather, "MOST_VALUES", 5)
    monkeypatch.setattr(gather, "ROWS", 1)
    monkeypatch.setattr(gather, "PARTS", 2)
    found = facts_of.facts(done)
    assert {axis["axis"]: axis["values"] for axis in found["axes"]} == {
        "source": None,
        "lang": None,
        "license": 4,
        "topic": None,
        "length": 6,
    }
    assert "over a million different values" in page.draw(found)


# --- the same bytes, and no machine in them -------------------------------------------------------------------------


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
    for name in ("report.json", "report.html", "README.md"):
        content = (tmp_path / "a/out" / name).read_bytes()
        assert content == (tmp_path / "b/out" / name).read_bytes()
        assert str(tmp_path).encode() not in content
        assert b"sources.txt" in content


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


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["done", "hostile"])
def test_page_is_whole_and_needs_nothing(which: str, request: pytest.FixtureRequest) -> None:
    """Tags match, no script runs, nothing is fetched; tables have captions and heads with a scope, and links lead somewhere."""
    drawn = Page(shown(request.getfixturevalue(which)))
    attributes = [(name, value) for _, own in drawn.elements for name, value in own.items()]
    assert drawn.count("script") == drawn.count("img") == drawn.count("iframe") == drawn.count("link") == 0
    assert not [name for name, _ in attributes if name.startswith("on") or name == "src"]
    targets = {value for name, value in attributes if name == "id"}
    assert all((value or "").startswith("#") and (value or "")[1:] in targets for name, value in attributes if name == "href")
    assert drawn.count("table") == drawn.count("caption") > 5
    assert all(own.get("scope") in ("col", "row") for tag, own in drawn.elements if tag == "th")
    assert [drawn.count(tag) for tag in ("h1", "main", "header", "footer", "nav")] == [1, 1, 1, 1, 1]


def test_page_shows_the_facts(done: Finished) -> None:
    """The first sentence, every rule, and a word for those that never fired."""
    found, html = report(done), shown(done)
    documents = found["documents"]
    text = "".join(Page(html).texts)
    assert f"{documents['kept']:,} of 2,484 readable documents were kept ({documents['kept_share_of_readable']:.1%})" in text
    rules = [rule for step in found["stages"] for rule in step["rules"]]
    assert all(rule["reason"] in text for rule in rules)
    assert text.count("never fired") == sum(rule["failed"] == 0 for rule in rules) > 0


def test_page_holds_no_text_of_documents(tmp_path: Path) -> None:
    """What people wrote is not on the page, because nobody has masked what is private in it."""
    folder = written(tmp_path / "in", text=["jane.doe@example.com lives here", *prose(2)], id=["a", "b", "c"])
    done = run(folder, tmp_path / "out")
    for name in ("report.html", "report.json", "README.md"):
        assert "jane.doe" not in shown(done, name)
        assert "kitten number" not in shown(done, name)


def test_hostile_values_are_shown_and_harmless(hostile: Finished) -> None:
    """Values that would run, turn the line around, end a table or fill the screen are escaped, spelled out or cut."""
    html = shown(hostile)
    assert len(html) < 200_000
    assert not set(html) & set("\u202e\u2066\u200f\x00\x1b\u2028\u2029\x85\r")
    text = "".join(Page(html).texts)
    assert SCRIPT in text
    assert "\\u202egnp.exe\\u2066\\u200f" in text
    assert "a\\u0000b\\u001b[31m" in text
    assert f"{SCRIPT} too high" in text
    assert max(map(len, re.split(r"\s", text))) < 500
    assert len(shown(hostile, "report.json")) < 200_000


def test_problems_are_told_in_full(tmp_path: Path) -> None:
    """Quarantine, unreadable files and warnings stand at the top of the page, and the card has the warnings."""
    folder = written(tmp_path / "in", text=pa.array([b"\xff", None, *map(str.encode, prose(1))], pa.binary()))
    Path(folder, "zz.parquet").write_text("no parquet")
    done = run(folder, tmp_path / "out")
    found, text = report(done), "".join(Page(shown(done)).texts)
    assert found["quarantine"] == {"the text is not valid UTF-8": 1, "the text is null": 1}
    assert (found["documents"]["input"], found["documents"]["quarantined"], found["documents"]["readable"]) == (3, 2, 1)
    assert list(found["unreadable_files"]) == ["zz.parquet"]
    assert text.index("Look at this first") < text.index("zz.parquet cannot be read") < text.index("Stages in order")
    assert "zz.parquet cannot be read" in shown(done, "README.md")


# --- data that lack something ---------------------------------------------------------------------------------------

CORPORA: dict[str, dict[str, Any]] = {
    "empty": {"text": pa.array([], pa.string())},
    "all dropped": {"text": ["no", "no", ""], "license": ["MIT"] * 3},
    "bare": {"text": prose(3)},
    "all null": {"text": prose(3), **{role: pa.nulls(3) for role in ("id", "source", "lang", "license", "topic")}},
    "odd types": {
        "text": prose(3),
        "source": [b"a", b"\xff", None],
        "lang": [True, None, False],
        "license": [1, 2, 2],
        "topic": [1.5, None, 2.0],
    },
}


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    """A run over each of `CORPORA`."""
    folder = tmp_path_factory.mktemp("lacking")
    return {name: run(written(folder / name / "in", **columns), folder / name / "out") for name, columns in CORPORA.items()}


@pytest.mark.parametrize("name", CORPORA)
def test_report_of_data_that_lack_something(lacking: dict[str, Finished], name: str) -> None:
    """No documents, none kept, no columns, columns without values or of other types: the page and the card are whole."""
    found, done = report(lacking[name]), lacking[name]
    n = len(CORPORA[name]["text"])
    assert found["documents"]["readable"] == n
    assert all(sum(row["documents"] for row in axis["rows"]) == n for axis in found["axes"])
    assert [axis["axis"] for axis in found["axes"]] == [*(role for role in gather.AXES if role in CORPORA[name]), "length"]
    Page(shown(done))
    (config,) = front(done)["configs"]
    assert (config["config_name"], config["data_files"]) == ("default", [{"split": "train", "path": "data/*.parquet"}])
    assert front(done)["size_categories"] == ["n<1K"]
    assert "license" not in front(done)
    assert "language" not in front(done)


def test_shares_of_nothing_are_null(lacking: dict[str, Finished]) -> None:
    """No share of zero documents is made up, and the page says that there is none."""
    found = report(lacking["empty"])
    assert found["documents"]["kept_share_of_readable"] is None
    assert {step["dropped_share_of_reached"] for step in found["stages"]} == {None}
    assert "The input holds no readable document." in shown(lacking["empty"])


@pytest.mark.parametrize("name", ["empty", "all dropped"])
def test_card_does_not_promise_what_datasets_refuses(lacking: dict[str, Finished], name: str) -> None:
    """`datasets` loads no split without rows, so the card of a run that kept nothing does not show how to load it."""
    assert "load_dataset" not in shown(lacking[name], "README.md")
    assert "No document was kept, so there is nothing to load." in shown(lacking[name], "README.md")


def test_values_of_other_types_are_named(lacking: dict[str, Finished]) -> None:
    """Bytes, numbers and truth values are grouped by what they print as; bytes that are no text have no value."""
    found = {axis["axis"]: {row["value"] for row in axis["rows"]} for axis in report(lacking["odd types"])["axes"]}
    assert found["source"] == {"a", None}
    assert found["lang"] == {"true", "false", None}
    assert found["license"] == {"1", "2"}
    assert found["topic"] == {"1.5", "2.0", None}


# --- the data card --------------------------------------------------------------------------------------------------


def test_card_says_what_the_data_say(done: Finished) -> None:
    """Languages come from the data's own column; several licences are listed with counts, and none is named for all."""
    head, body, found = front(done), shown(done, "README.md"), report(done)
    assert "en" in head["language"]
    assert "license" not in head
    assert head["size_categories"] == ["1K<n<10K"]
    licences = next(axis for axis in found["axes"] if axis["axis"] == "license")["curated"]
    assert len(licences) > 1
    for row in licences:
        assert f"| {row['value']} | {row['documents']:,} | {row['documents_share_of_kept']:.1%} |" in body
    assert "tamis run recipe.yaml SHARDS -o OUT" in body
    assert yaml.safe_load(body.split("```yaml\n")[1].split("```")[0])["stages"][1]["gopher_quality"]["min_words"] == 60


@pytest.mark.parametrize(
    ("licences", "told"),
    [
        (["Apache-2.0"] * 2, {"license": "apache-2.0"}),
        (["GPL-3.0-or-later"] * 2, {"license": "gpl-3.0"}),
        (["ODC-By-1.0"] * 2, {"license": "odc-by"}),
        (["Our own: terms\n---"] * 2, {"license": "other", "license_name": "our-own-terms"}),
        (["MIT", "Apache-2.0"], {}),
        (["MIT", None], {}),
        ([None, None], {}),
        (["", ""], {}),
    ],
)
def test_license_is_named_only_if_all_share_it(licences: list[str | None], told: dict[str, str], tmp_path: Path) -> None:
    """One licence for every kept document is named as the hub names it; anything else is left to the body."""
    done = run(written(tmp_path / "in", text=prose(2), license=pa.array(licences, pa.string())), tmp_path / "out")
    assert {key: value for key, value in front(done).items() if key.startswith("license")} == told


def test_card_of_hostile_data_is_harmless(hostile: Finished) -> None:
    """Values inject neither YAML nor Markdown, HTML or links into the card; tables keep their columns."""
    body = shown(hostile, "README.md")
    assert len(body) < 100_000
    assert set(front(hostile)) <= {"configs", "size_categories", "language"}
    assert not set(body) & set("\u202e\u2066\u200f\x00\x1b\u2028\u2029\x85\r")
    prose_only = re.sub(r"(?ms)^(```+)\w*\n.*?^\1$", "", body)
    assert not re.search(r"(?<!\\)<[a-z/]", prose_only)
    assert not re.search(r"(?<!\\)\]\(", prose_only)
    assert not re.search(r"https?://|www\.", prose_only)
    assert len(re.findall(r"(?m)^# ", prose_only)) == 1
    assert not re.search("(?m)^---$", prose_only.split("---\n", 2)[2])
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in prose_only.splitlines() if line.startswith("|")}
    assert widths == {5, 6}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("en", "en"),
        ("EN-us", "en"),
        ("eng_Latn", "eng"),
        ("zh-Hans-CN", "zh"),
        ("no", "no"),
        ("und", None),
        ("english", None),
        ("", None),
        (None, None),
        ("e\nn", None),
    ],
)
def test_languages_have_their_codes(value: str | None, code: str | None) -> None:
    """What data call a language becomes its ISO 639 code, or nothing."""
    assert card.language(value) == code


@pytest.mark.parametrize(
    ("given", "shown_as"),
    [
        ("plain web-text 1.0", "plain web-text 1.0"),
        ("a|b", "a\\|b"),
        ("a\nb", "a\\\\u000ab"),
        ("<b>", "&lt;b&gt;"),
        ("[x](y)", "\\[x\\](y)"),
        ("http://a.b", "http\\://a.b"),
        ("WWW.a.b", "WWW\\.a.b"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("@user *b* `c` \\", "\\@user \\*b\\* \\`c\\` \\\\"),
    ],
)
def test_markdown_is_escaped(given: str, shown_as: str) -> None:
    """A value in the card reads as it is and does nothing."""
    assert card.text(given) == shown_as


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (None, "-"),
        (0, "0.0%"),
        (1, "100.0%"),
        (0.0004, "&lt;0.1%"),
        (0.0005, "0.1%"),
        (0.99949, "99.9%"),
        (0.9996, "&gt;99.9%"),
        (0.25, "25.0%"),
    ],
)
def test_shares_never_claim_all_or_nothing(share: float | None, told: str) -> None:
    """What is more than nothing is not 0.0%, and what is less than all is not 100.0%."""
    assert markup.percent(share) == told


def test_datasets_loads_a_run_folder(done: Finished, hostile: Finished, lacking: dict[str, Finished], tmp_path: Path) -> None:
    """`datasets.load_dataset(OUT)` gives the curated documents as one split, without network, and never a cached run of the same name.

    All these folders are called "out", by which `datasets` caches.
    """
    pytest.importorskip("datasets")
    runs = [done, hostile, lacking["bare"]]
    code = (
        "import json, sys, datasets\n"
        "for out in sys.argv[1:]:\n"
        "    found = datasets.load_dataset(out)\n"
        "    print(json.dumps({name: (len(split), split.column_names) for name, split in found.items()}))"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code, *(one.out for one in runs)], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    for one, line in zip(runs, ran.stdout.splitlines(), strict=True):
        table = pq.read_table(Path(one.out, "data"))
        assert json.loads(line) == {"train": [table.num_rows, table.column_names]}
        assert table.num_rows == report(one)["documents"]["written"]
