"""A finished run from Python: frames with the numbers of the report, charts that Altair takes, sentences for what cannot be meant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from report_runs import SAMPLE, report, run

import tamis
from tamis.errors import RunError
from tamis.folder import Finished
from tamis.report import notebook


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run over the sample data."""
    return run(SAMPLE, tmp_path_factory.mktemp("notebook") / "out", ["unicode", "gopher_quality", "exact_duplicates"])


@pytest.fixture(scope="module")
def opened(done: Finished) -> notebook.Run:
    """The run, as a notebook has it."""
    return tamis.open_run(done.out)


def test_the_funnel_is_that_of_the_report(opened: notebook.Run, done: Finished) -> None:
    """One row a stage, with the numbers of report.json."""
    frame = opened.funnel().frame
    assert frame["stage"].to_list() == ["unicode", "gopher_quality", "exact_duplicates"]
    assert frame.select("reached", "dropped", "dropped_bytes").rows() == [
        (step["reached"], step["dropped"], step["dropped_bytes"]) for step in report(done)["stages"]
    ]


def test_the_report_has_a_row_for_every_value(opened: notebook.Run, done: Finished) -> None:
    """Axes one below the other, each value with its share kept and the bounds of its interval."""
    frame = opened.report().frame
    rows = [(axis["axis"], row["value"], row["kept"], row["kept_share_interval"]) for axis in report(done)["axes"] for row in axis["rows"]]
    told = frame.select("axis", "value", "kept", "kept_share_low", "kept_share_high").rows()
    assert [(axis, value, kept, None if low is None else [low, high]) for axis, value, kept, low, high in told] == rows


def test_a_plain_prompt_shows_the_table(opened: notebook.Run) -> None:
    """What is no notebook prints the frame, and nothing of what the chart is made of."""
    shown = opened.histogram("gopher_quality.words")
    assert repr(shown) == repr(shown.frame)


@pytest.mark.parametrize("signal", ["gopher_quality.words", "gopher_quality.symbol_share"])
def test_histograms_count_every_measurable_document(opened: notebook.Run, done: Finished, signal: str) -> None:
    """Bins hold all documents whose signal is known, and those of them that were kept."""
    frame = opened.histogram(signal).frame
    values = pl.concat([done.signals(chunk, ["gopher_quality"]) for _, chunk in done.chunk_names()])[signal]
    copies = pl.concat(list(done.ledger(["copies"])))["copies"]
    assert frame.columns == ["low", "high", "documents", "kept"]
    assert frame["documents"].sum() == len(values.drop_nulls())
    assert frame["kept"].sum() == values.filter(copies > 0).drop_nulls().len()
    middle = frame.row(frame.height // 2, named=True)
    assert middle["documents"] == values.is_between(middle["low"], middle["high"], closed="left").sum()


@pytest.mark.parametrize("what", ["funnel", "report", "histogram"])
def test_charts_are_altairs(opened: notebook.Run, what: str) -> None:
    """Each has a chart that Altair turns into a valid description with real colours, and a notebook shows it by itself."""
    shown = opened.histogram("gopher_quality.words") if what == "histogram" else getattr(opened, what)()
    text = shown.chart.to_json()
    assert "var(--" not in text
    assert "#2f6fa8" in text
    assert "application/vnd.vegalite" in " ".join(shown._repr_mimebundle_()) or "text/html" in shown._repr_mimebundle_()


def test_what_is_no_signal_is_said(opened: notebook.Run, done: Finished, tmp_path: Path) -> None:
    """A wrong name gets the nearest right one; a folder that is no run gets what to do."""
    with pytest.raises(RunError) as error:
        opened.histogram("gopher_quality.word")
    assert str(error.value) == f'{done.out} has no signal "gopher_quality.word". Did you mean "gopher_quality.words"?'
    with pytest.raises(RunError, match="is not a run folder"):
        tamis.open_run(str(tmp_path))


def test_frames_need_no_altair(done: Finished) -> None:
    """Opening a run and looking at its numbers loads no chart package; a chart without it says how to get it."""
    code = (
        "import sys, tamis\nsys.modules['altair'] = None\nrun = tamis.open_run(sys.argv[1])\n"
        "print(run.funnel().frame.height, run.histogram('gopher_quality.words').frame['documents'].sum())\n"
        "try:\n    run.funnel().chart\nexcept tamis.MissingPackage as error:\n    print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code, done.out], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["3 2484", 'a chart needs the package "altair", which is not installed.', "Fix: pip install altair"]


def test_facts_are_counted_where_the_report_is_of_another_format(done: Finished, tmp_path: Path) -> None:
    """A folder whose report.json is older, or gone, still answers."""
    place = Path(done.out, "report.json")
    before, content = report(done)["stages"], place.read_bytes()
    place.write_text('{"format": 1}')
    try:
        assert tamis.open_run(done.out).facts["stages"] == before
    finally:
        place.write_bytes(content)
