"""Texts in a report: the right documents, what counts against them marked, personal data masked, and no text where none is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_runs import SAMPLE, Page, prose, report, run, shown, written

import tamis
from tamis import reading, shards
from tamis.folder import Finished, opened
from tamis.report import facts as facts_of
from tamis.report import nearest, page_documents, samples, write
from tamis.report.facts import Show
from tamis.simulate import Numbers

PRIVATE = "Write to jane.doe@example.com or call +1 212 555 0123, from 93.184.216.34."


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of edits and filters over the sample data."""
    return run(SAMPLE, tmp_path_factory.mktemp("samples") / "out", ["unicode", "lines", "gopher_quality", "gopher_repetition"])


def rules(done: Finished) -> list[tuple[str, dict[str, Any]]]:
    """Stage and rule."""
    return [(step["stage"], rule) for step in report(done)["stages"] for rule in step["rules"]]


def test_samples_are_those_nearest_to_the_limit(done: Finished) -> None:
    """Of the dropped those that fail nothing else and lie nearest below the limit, of the kept those nearest above it."""
    rule = next(rule for _, rule in rules(done) if rule["reason"] == "too few words")
    rows = [row for path in sorted(Path(done.out, "ledger").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    words = [value for _, chunk in done.chunk_names() for value in done.signals(chunk, ["gopher_quality"])["gopher_quality.words"]]
    dropped = sorted(
        (50 - count for row, count in zip(rows, words, strict=True) if row["reasons"] == ["too few words"] and not row["also"])
    )
    kept = sorted(count - 50 for row, count in zip(rows, words, strict=True) if row["copies"])
    assert [50 - one["value"] for one in rule["samples"]["dropped"]] == dropped[:3]
    assert [one["value"] - 50 for one in rule["samples"]["kept"]] == kept[:3]
    assert {one["fails"] for one in rule["samples"]["dropped"]} == {1}


def test_samples_of_every_rule_fail_it_or_were_kept(done: Finished) -> None:
    """A sample's fate is what the ledger says, its value fails or meets the limit, and its text is that of the document."""
    ledger = {
        f"{row['shard']}:{row['row']}": row
        for path in sorted(Path(done.out, "ledger").glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    }
    raw = {path.name: pq.read_table(path)["text"].to_pylist() for path in SAMPLE.glob("*.parquet")}
    seen = 0
    for stage, rule in rules(done):
        for side in ("dropped", "kept"):
            for one in rule["samples"][side]:
                row, limit = ledger[one["address"]], rule["limit"]
                failed = {f"{row['stage']}: {reason}" for reason in row["reasons"]} | set(row["also"])
                assert (f"{stage}: {rule['reason']}" in failed) == (side == "dropped")
                assert (row["copies"] > 0) == (side == "kept")
                assert (one["value"] >= limit["now"] if limit["least"] else one["value"] <= limit["now"]) == (side == "kept")
                first = one["text"][: one["text"].find("<")] if "<" in one["text"] else one["text"]  # until the first mask
                words = first.split()[:1]
                assert not words or words[0][:4] in raw[row["shard"]][row["row"]] or not words[0].isascii()
                seen += 1
    assert seen > 60


def test_what_counts_against_a_text_is_marked(done: Finished) -> None:
    """Symbols, bullets and repeated phrases are marked in the text; a missing word cannot be."""
    marked: dict[str, list[str]] = {}
    for _, rule in rules(done):
        for one in rule["samples"]["dropped"]:
            marked.setdefault(rule["reason"], []).extend(one["text"][a:b] for a, b in one["marks"])
    assert set(marked["too many symbols"]) <= {"#", "...", "…"} != set()
    assert {part.strip() for part in marked["mostly bullet points"]} <= set("●•*-")
    assert marked["too much text in repeated five-word phrases"]
    assert marked["too few words"] == []


@pytest.mark.parametrize(
    ("stage", "parameter", "text", "found"),
    [
        ("gopher_quality", "max_symbol_share", "a # b... c…", ["#", "...", "…"]),
        ("gopher_quality", "max_bullet_line_share", "- a\n b - c\n  • d", ["-", "  •"]),
        ("gopher_quality", "max_ellipsis_line_share", "a... b\nc...\nd… ", ["...", "… "]),
        ("gopher_quality", "min_alphabetic_share", "a 12 b3 4_5", ["12", "4_5"]),
        ("gopher_quality", "min_words", "a b", []),
        ("gopher_repetition", "max_duplicate_line_share", "one\ntwo\n one \n---\n---", [" one "]),
        ("gopher_repetition", "max_duplicate_paragraph_share", "a\nb\n\nc\n\na\nb", ["a\nb"]),
        ("gopher_repetition", "max_top_2gram_share", "to be or not to be", ["to be", "to be"]),
        ("gopher_repetition", "max_top_2gram_share", "no phrase comes again", []),
        ("gopher_repetition", "max_duplicate_5gram_share", "a b c d e f, and a b c d e f!", ["a b c d e f"]),
        ("c4_quality", "max_curly_brackets", "if {x}", ["{"]),
        ("c4_quality", "max_lorem_ipsum", "Lorem Ipsum dolor", ["Lorem Ipsum"]),
        ("fineweb_quality", "max_short_line_share", "short\n" + "long " * 10, ["short"]),
        ("fineweb_quality", "max_duplicate_line_char_share", "x y\nx y", ["x y"]),
        ("fineweb_quality", "min_terminal_punctuation_line_share", "So.\nMenu", ["u"]),
    ],
)
def test_stages_find_what_counts_against_a_text(stage: str, parameter: str, text: str, found: list[str]) -> None:
    """Each place that a rule counts, and nothing else."""
    assert [text[a:b] for a, b in tamis.make_stage(stage).found(parameter, text)] == found


@given(st.text(alphabet="ab \n-#.{1", max_size=80))
def test_marks_are_in_order_and_apart(text: str) -> None:
    """Whatever the text, marks ascend, do not overlap and are not empty."""
    for stage in ("gopher_quality", "gopher_repetition", "c4_quality", "fineweb_quality"):
        made = tamis.make_stage(stage)
        for parameter in made.reasons:
            flat = [place for span in made.found(parameter, text) for place in span]
            assert flat == sorted(flat)
            assert all(a < b for a, b in made.found(parameter, text))


@pytest.mark.parametrize(
    ("length", "marks", "told"),
    [
        (10, [], (0, 10, [], 0)),
        (2000, [], (0, 800, [], 1200)),
        (2000, [(10, 20), (790, 810)], (0, 800, [[10, 20], [790, 800]], 1200)),
        (2000, [(1500, 1510)], (1380, 620, [[120, 130]], 0)),
        (5000, [(1500, 1510), (4000, 4001)], (1380, 800, [[120, 130]], 2820)),
    ],
)
def test_excerpts_begin_near_the_first_mark(length: int, marks: list[tuple[int, int]], told: tuple[Any, ...]) -> None:
    """At most 800 characters; what is left out on either side is counted."""
    found = samples.excerpt("x" * length, marks)
    assert (found["before"], len(found["text"]), found["marks"], found["after"]) == told


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run whose dropped and kept documents hold addresses and numbers of persons."""
    folder = tmp_path_factory.mktemp("private")
    texts = [f"{PRIVATE} {'word ' * 30}", *(f"{text} {PRIVATE}" for text in prose(2))]
    return run(written(folder / "in", text=texts, id=["a", "b", "c"]), folder / "out")


def test_personal_data_is_masked(private: Finished) -> None:
    """Neither page nor facts nor card hold what the edit `mask` finds, in dropped texts and kept ones, though the recipe masks nothing."""
    for name in ("report.html", "report.json", "report.md", "README.md"):
        assert not [secret for secret in ("jane.doe", "555 0123", "93.184.216.34") if secret in shown(private, name)], name
    assert "&lt;EMAIL&gt;" in shown(private)
    assert "remove them where that must not be passed on" in shown(private, "README.md")


def test_text_is_shown_as_asked_for(private: Finished, tmp_path: Path) -> None:
    """`tamis report` shows no text at all with no samples, and personal data only when told to; the page says which."""
    write(private, Show(samples=0))
    assert "kitten" not in shown(private) + shown(private, "report.json")
    assert "excerpts of documents" not in shown(private, "README.md")
    write(private, Show(masked=False))
    assert "jane.doe@example.com" in shown(private)
    assert "Personal data is <em>not</em> masked." in shown(private)
    write(private)
    assert "jane.doe" not in shown(private)


def test_a_report_is_drawn_again_when_the_shards_are_gone(tmp_path: Path) -> None:
    """Numbers need no text: the page has them all, and says why it shows no text."""
    folder = written(tmp_path / "in", text=[*prose(3), "too short"])
    done = run(folder, tmp_path / "out")
    before = report(done)
    Path(folder, "part-000.parquet").unlink()
    write(opened(done.out))
    after = report(done)
    assert "is gone" in after["samples"]["missing"]
    assert str(tmp_path) not in after["samples"]["missing"]
    assert "No text is shown" in "".join(Page(shown(done)).texts)
    assert after["documents"] == before["documents"]
    assert after["stages"][1]["rules"][0]["limit"] == before["stages"][1]["rules"][0]["limit"]


def test_samples_come_from_a_few_chunks(done: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a corpus of many chunks few are read, always the same ones, and the report says how many documents they hold."""
    monkeypatch.setattr(nearest, "CHUNKS", 2)
    found = facts_of.facts(done)
    assert (found["samples"]["chunks"], found["samples"]["of_chunks"]) == (2, 8)
    shards = {
        one["address"].split(":")[0]
        for step in found["stages"]
        for rule in step["rules"]
        for side in rule["samples"].values()
        for one in side
    }
    assert len(shards) == 2
    assert found["samples"]["documents"] == sum(one["rows"] for one in found["inputs"] if one["name"] in shards)
    assert facts_of.facts(done, workers=1) == found


def test_stages_that_nobody_could_load_have_samples(tmp_path: Path) -> None:
    """A filter that was written in a notebook is reported on like any other, though no recipe can name it."""

    @dataclass(frozen=True)
    class Shouting(tamis.Filter):
        """Not too loud."""

        max_marks: int | None = 2
        measured_by: ClassVar = ()
        reasons: ClassVar = {"max_marks": "too loud"}
        marks: ClassVar = {"max_marks": "!+"}

        def measure(self, docs: Any) -> pl.DataFrame:
            return pl.DataFrame({"marks": pl.Series("text", docs.column("text")).str.count_matches("!")})

    folder = written(tmp_path / "in", text=["calm", "so! so!!", "much! too! loud!"])
    tamis.run(tamis.Recipe("test", (Shouting(),)), [folder], str(tmp_path / "out"))
    (rule,) = facts_of.files.read_json(f"{tmp_path}/out/report.json")["stages"][0]["rules"]
    assert [one["text"] for one in rule["samples"]["dropped"]] == ["so! so!!", "much! too! loud!"]
    assert rule["samples"]["dropped"][0]["marks"] == [[2, 3], [6, 8]]


@pytest.mark.parametrize(("far", "finds"), [(1 << 60, 8), (0, 8), (0, 1), (30_000, 8)])
def test_rows_of_a_shard_are_found_however_they_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, far: int, finds: int) -> None:
    """Rows that are streamed to, or found by their pages, in any row group, are those of the file; what it lacks is left out."""
    texts = [f"{i} " + "word " * (i % 400) for i in range(900)]
    pq.write_table(pa.table({"text": texts, "n": range(900)}), tmp_path / "in.parquet", row_group_size=350, data_page_size=2_000)
    (chunk,) = shards.survey([str(tmp_path / "in.parquet")], text="text").chunks
    for name, value in {"FAR_BYTES": far, "MOST_FINDS": finds, "APART_BYTES": 10_000, "SOUGHT_BYTES": 5_000}.items():
        monkeypatch.setattr(reading, name, value)
    wanted = np.array([0, 3, 120, 348, 349, 350, 351, 699, 701, 830, 899])
    found = [(table, rows) for table, rows in reading.some(chunk, wanted, ["text", "absent"])]
    assert np.concatenate([rows for _, rows in found]).tolist() == wanted.tolist()
    assert [text for table, _ in found for text in table["text"].to_pylist()] == [texts[i] for i in wanted]
    assert {tuple(table.column_names) for table, _ in found} == {("text",)}


def test_samples_come_from_the_beginnings_of_chunks(done: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many documents of each chunk as hold an equal part of the bytes, and the one with which they hold more; all of a small one."""
    numbers = Numbers(done, 1)
    monkeypatch.setattr(nearest, "LOOKED_THROUGH", 8 * 5_000)
    first, wanted = 0, []
    for _, chunk in done.chunk_names():
        sizes = done.signals(chunk, [])["text.bytes"].to_list()
        inside = next((i for i in range(len(sizes)) if sum(sizes[: i + 1]) >= 5_000), len(sizes) - 1) + 1
        wanted.append((first, first + inside))
        first += len(sizes)
    assert list(nearest.sought(numbers, 3).ranges) == wanted
    assert sum(stop - start for start, stop in wanted) < numbers.documents
    assert nearest.sought(numbers, 0).ranges == ()
    found = facts_of.facts(done)
    assert found["samples"]["documents"] == sum(stop - start for start, stop in wanted)
    assert facts_of.facts(done, workers=1) == found
    shown_from = f"{found['samples']['documents']} documents at the beginnings of 8 of 8 parts of the corpus, drawn by a hash"
    assert shown_from in page_documents.samples(found)
    assert "all documents" in page_documents.samples(report(done))
