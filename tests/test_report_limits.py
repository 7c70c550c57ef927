"""Histograms and sliders: every number is what a loop over the signals counts, and what `tamis what-if` says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_runs import SAMPLE, report, run, written

from tamis import what_if
from tamis.folder import Finished
from tamis.report import facts as facts_of
from tamis.report import gather
from tamis.report.grids import LIMITS, grid

LANG = {"lang": {"fr": {"min_words": 10, "min_stop_words": None}, "de": {"max_mean_word_length": 14}}}
STAGES = [
    "unicode",
    {"gopher_quality": {"min_words": 60, "by": LANG}},
    {"rules": {"min": {"gopher_quality.words": 40}, "block": {"source": ["shop"]}, "where": 'source != "udhr"'}},
    {"fineweb_quality": {"unpunctuated": "keep", "on_null": "keep"}},
    {"sample": {"share": 0.9}},
    {"near_duplicates": {"prefer": ["length"]}},
]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run with exceptions, conditions, lists, a draw and a stage that compares documents."""
    return run(SAMPLE, tmp_path_factory.mktemp("limits") / "out", STAGES)


def limits(done: Finished) -> list[dict[str, Any]]:
    """Every limit of a report."""
    return [rule["limit"] for step in report(done)["stages"] for rule in step["rules"] if rule["limit"]]


def test_sliders_say_what_what_if_says(done: Finished) -> None:
    """At any position of any slider: documents and bytes that pass are those that a run with that limit keeps, comparing stages left out."""
    moved = [limit for limit in limits(done) if limit["moved"]]
    assert {limit["parameter"] for limit in moved} >= {"min_words", "min_gopher_quality.words", "max_short_line_share", "share"}
    for limit in moved:
        table = limit["moved"]
        assert limit["now"] in table["limits"] == sorted(set(table["limits"]))
        for i in {0, len(table["limits"]) // 3, table["limits"].index(limit["now"]), len(table["limits"]) - 1}:
            answer = what_if.what_if(done, ["near_duplicates=off", f"{limit['place']}={json.dumps(table['limits'][i])}"])["kept"]["after"]
            assert (answer["documents"], answer["bytes"]) == (table["documents"][i], table["bytes"][i]), (
                limit["place"],
                table["limits"][i],
            )


def test_where_no_stage_compares_documents_sliders_are_what_if_itself(tmp_path: Path) -> None:
    """Nothing has to be switched off then: the slider at the recipe's limit is what the run kept."""
    done = run(SAMPLE, tmp_path / "out", ["gopher_quality", {"sample": {"share": 0.5}}])
    kept = report(done)["documents"]["kept"]
    for limit in limits(done):
        table = limit["moved"]
        assert table["documents"][table["limits"].index(limit["now"])] == kept
    table = limits(done)[0]["moved"]
    answer = what_if.what_if(done, [f"gopher_quality.min_words={table['limits'][-2]}"])["kept"]["after"]
    assert (answer["documents"], answer["bytes"]) == (table["documents"][-2], table["bytes"][-2])


def test_a_limit_alone_counts_whoever_meets_it(done: Finished) -> None:
    """Documents and bytes that meet one limit, or are not asked, whatever else they fail, are what a loop counts."""
    signals = pl.concat([done.signals(name, ["gopher_quality"]) for _, name in done.chunk_names()])
    rows = signals.select("text.bytes", "doc.lang", words="gopher_quality.words").to_dicts()
    table = next(limit for limit in limits(done) if limit["parameter"] == "min_words")["moved"]
    for i in (0, len(table["limits"]) // 2, len(table["limits"]) - 1):
        met = [row for row in rows if row["words"] >= (10 if row["doc.lang"] == "fr" else table["limits"][i])]
        assert (table["documents_alone"][i], table["bytes_alone"][i]) == (len(met), sum(row["text.bytes"] for row in met))


def test_histograms_hold_every_judged_document(done: Finished) -> None:
    """Bins are what numpy counts of the judged, measurable documents, and none is lost at either end."""
    signals = pl.concat([done.signals(name, ["gopher_quality", "fineweb_quality"]) for _, name in done.chunk_names()])
    counted = 0
    for limit in limits(done):
        if limit["signal"] not in signals.columns or limit["place"].startswith("rules"):
            continue
        values = signals[limit["signal"]]
        histogram = limit["histogram"]
        assert (limit["judged"], limit["not_measurable"]) == (signals.height, values.null_count())
        edges = np.array([-np.inf, *histogram["edges"][1:-1], np.inf])
        assert np.histogram(values.drop_nulls().to_numpy(), edges)[0].tolist() == histogram["documents"]
        assert all(left <= documents for left, documents in zip(histogram["left_to_this_rule"], histogram["documents"], strict=True))
        counted += 1
    assert counted > 10


def test_where_narrows_who_is_judged(done: Finished) -> None:
    """A condition leaves documents out of the histogram, and the slider lets them pass."""
    limit = next(one for one in limits(done) if one["place"] == "rules.min.gopher_quality.words")
    outside = sum(
        row["documents"] for axis in report(done)["axes"] if axis["axis"] == "source" for row in axis["rows"] if row["value"] == "udhr"
    )
    assert outside > 0
    assert limit["judged"] == report(done)["documents"]["readable"] - outside
    assert min(limit["moved"]["documents_alone"]) >= outside


def test_a_rule_that_is_not_its_limit_gets_no_slider(tmp_path: Path) -> None:
    """A stage of one's own whose rule says something else than its limit has a histogram, and no slider that would lie."""
    code = """
from dataclasses import dataclass
from typing import ClassVar
import polars as pl
from tamis import Filter

@dataclass(frozen=True)
class Odd(Filter):
    min_letters: float | None = 5
    measured_by: ClassVar = ()
    reasons: ClassVar = {"min_letters": "too few letters"}
    def measure(self, docs):
        return pl.DataFrame({"letters": pl.Series(docs.column("text").to_pylist(), dtype=pl.String).str.len_chars()})
    def rules(self):
        return {"too few letters": (pl.col("letters") >= 5) & (pl.col("letters") != 7)}
"""
    (tmp_path / "odd.py").write_text(code)
    folder = written(tmp_path / "in", text=["x" * n for n in range(1, 12)])
    (limit,) = limits(run(folder, tmp_path / "out", [f"{tmp_path}/odd.py:Odd"]))
    assert sum(limit["histogram"]["documents"]) == 11
    assert limit["moved"] is None


@pytest.mark.parametrize("size", [1, 50, 700])
def test_limits_do_not_depend_on_slabs(done: Finished, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """However many documents are counted at a time, the same numbers come out, and the same documents are shown."""
    monkeypatch.setattr(gather, "ROWS", size)
    assert facts_of.facts(done, workers=3)["stages"] == report(done)["stages"]


@given(st.lists(st.floats(-1e6, 1e9) | st.integers(0, 300).map(float), max_size=60), st.floats(0, 1e6), st.booleans())
def test_grids_cover_what_they_are_made_of(values: list[float], now: float, whole: bool) -> None:  # noqa: FBT001  drawn by hypothesis
    """Edges and limits ascend, the recipe's limit is among at most 200, and six digits behind the point say each exactly."""
    made = grid(np.array([round(value) if whole else value for value in values], np.float64), now, whole=whole)
    assert (np.diff(made.edges) > 0).all()
    assert (np.diff(made.limits) > 0).all()
    assert now in made.limits
    assert len(made.limits) <= LIMITS
    others = [limit for limit in made.limits.tolist() if limit != now]
    assert all(float(f"{limit:.6f}") == limit for limit in others)


@pytest.mark.parametrize(
    ("values", "whole", "scale", "edges"),
    [
        ([0, 1, 2, 3], True, "linear", [0, 1, 2, 3, 4]),
        ([5], True, "linear", [5, 6]),
        ([0.0, 0.0, 0.0, 1.0], False, "sqrt", None),
        ([1, 2, 3, 5000], True, "symlog", None),
        ([], True, "linear", None),
        ([-3.0, 1.0, 900.0], False, "linear", None),
    ],
)
def test_scales_fit_the_values(values: list[float], *, whole: bool, scale: str, edges: list[int] | None) -> None:
    """Few whole numbers have a bin each; small ones get room beside huge ones; nothing below zero goes on a logarithm."""
    made = grid(np.array(values, np.float64), 2.0, whole=whole)
    assert made.scale == scale
    assert edges is None or made.edges.tolist() == edges
