"""What a run says while it works: speeds of what was worked on, phases that count nothing, and in run.log what was done."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console
from runs import command, split

from tamis.cli.bars import Bars
from tamis.progress import Lines, Logged, Say, phase, speed


@pytest.mark.parametrize(
    ("size", "seconds", "said"),
    [(0, 1, ""), (999_999, 0.01, ""), (1_000_000, 0.01, ", 100 MB/s"), (10_000_000, 50, ""), (30_000_000, 60, ""), (31e6, 60, ", 1 MB/s")],
)
def test_speeds(size: float, seconds: float, said: str) -> None:
    """A speed is told of a megabyte and more, and never as 0."""
    assert speed(size, seconds) == said


def test_lines_name_a_phase_that_counts_nothing_when_it_begins() -> None:
    """A plain line says what goes on where nothing can be counted; a counted phase ends with its count."""
    out = io.StringIO()
    with phase(Lines(out), "relate near_duplicates", 0, 0):
        assert out.getvalue() == "relate near_duplicates …\n"
    with phase(Lines(out), "decide", 7, 0) as say:
        say.advance(7, 0)
    assert out.getvalue() == "relate near_duplicates …\ndecide: 7 of 7 documents\n"


def test_a_wheel_turns_where_nothing_is_counted() -> None:
    """On a terminal such a phase has its name and the time, and no "0 of 0"."""
    out = io.StringIO()
    with phase(Bars(Console(file=out, force_terminal=True, width=80)), "relate near_duplicates", 0, 0):
        pass
    assert "relate near_duplicates" in out.getvalue()
    assert "of" not in out.getvalue()


def test_the_log_says_at_the_end_what_was_done() -> None:
    """run.log has documents, bytes and seconds of a phase when it is over, and no bytes where none were counted."""
    lines: list[str] = []
    with phase(Logged(Say(), lines.append), "measure", 9, 0) as say:
        say.advance(4, 100)
        say.advance(5, 50)
    begun, ended = map(json.loads, lines)
    assert {key: begun[key] for key in begun if key != "time"} == {"event": "phase", "name": "measure", "documents": 9}
    assert ended.pop("seconds") >= 0
    assert {key: ended[key] for key in ended if key != "time"} == {"event": "end", "name": "measure", "documents": 9, "bytes": 150}


def test_no_speed_is_told_of_what_was_measured_before(tmp_path: Path) -> None:
    """A run with another limit takes signals over: neither its lines nor its last line nor its report tell a speed of that."""
    texts = [f"{number} " + "the cat sat on the mat and looked at the dog of the house. " * 400 for number in range(60)]
    split(tmp_path / "in", pa.table({"text": texts}), 1)
    (tmp_path / "a.yaml").write_text("stages:\n  - gopher_quality\n")
    (tmp_path / "b.yaml").write_text("stages:\n  - gopher_quality: {min_words: 5000}\n")
    first = command("run", "a.yaml", "in", "-o", "out", cwd=tmp_path)
    assert "a: 1 stage over 1 shard, 60 documents, " in first.stderr
    assert "kB of files" in first.stderr
    again = command("run", "b.yaml", "in", "-o", "out", "--fresh", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert next(line for line in again.stderr.splitlines() if line.startswith("measure")) == "measure: 60 of 60 documents"
    assert "MB/s" not in again.stdout
    assert "with signals that an earlier run had measured." in (tmp_path / "out" / "report.html").read_text()
    ends = [
        line
        for line in map(json.loads, (tmp_path / "out" / "run.log").read_text().splitlines())
        if line["event"] == "end" and line["name"] == "measure"
    ]
    assert [("bytes" in one, one["documents"]) for one in ends] == [(True, 60), (False, 60)]
