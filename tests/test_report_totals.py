"""Sums in a report: words, tokens, what edits did, scores before and after, and rules that fail together are what a loop counts."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from report_runs import SAMPLE, Page, Rows, prose, ratio, report, run, shown, written

import tamis
from tamis.folder import Finished, opened
from tamis.report import totals
from tamis.report.notebook import open_run


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of edits and filters over the sample data."""
    return run(SAMPLE, tmp_path_factory.mktemp("totals") / "out", ["unicode", "lines", "gopher_quality", "gopher_repetition", "mask"])


@pytest.fixture(scope="module")
def signals(done: Finished) -> pl.DataFrame:
    """All numbers of that run, with the copies of its ledger."""
    found = pl.concat([done.signals(chunk, ["unicode", "lines", "gopher_quality", "mask"]) for _, chunk in done.chunk_names()])
    return found.hstack(pl.concat(list(done.ledger(["copies"]))))


def test_words_are_summed(done: Finished, signals: pl.DataFrame) -> None:
    """Words are those of the first stage that counts them, readable and kept."""
    words = list(zip(signals["lines.words"].to_list(), signals["copies"].to_list(), strict=True))
    readable, kept = sum(count for count, _ in words), sum(count for count, copies in words if copies)
    assert report(done)["words"] == {
        "signal": "lines.words",
        "readable": readable,
        "kept": kept,
        "kept_share_of_readable": ratio(kept, readable),
    }


def test_no_words_are_made_up(tmp_path: Path) -> None:
    """Where no stage counts words, none are told."""
    done = run(written(tmp_path / "in", text=prose(2)), tmp_path / "out", ["exact_duplicates"])
    assert report(done)["words"] is None
    assert "words" not in "".join(Page(shown(done)).texts).split("Read from")[0].split("tokens")[0]


@pytest.mark.parametrize(("size", "told"), [(0, 0), (4, 1), (399, 100), (4_000, 1_000), (123_456_789, 31_000_000)])
def test_tokens_are_an_estimate_of_two_digits(size: int, told: int) -> None:
    """Four bytes a token, rounded so that nobody takes it for a count."""
    assert totals.tokens(size) == told


def test_what_edits_did_is_summed(done: Finished, signals: pl.DataFrame) -> None:
    """Of each count of each edit the documents that have any, and the sum; shares and private signals are left out."""
    seen = 0
    for step in report(done)["stages"]:
        for one in step["edited"]:
            values = signals[f"{step['stage']}.{one['signal']}"].to_list()
            some = sum(value > 0 for value in values)
            assert (one["documents"], one["sum"]) == (some, sum(values))
            assert one["documents_share_of_readable"] == ratio(some, len(values))
            assert "share" not in one["signal"]
            seen += 1
        assert bool(step["edited"]) == step["edits"]
    assert seen > 15


def test_rules_that_fail_together_are_counted(done: Finished) -> None:
    """The matrix holds every rule that fired, with the documents that fail it and any other."""
    found = report(done)["overlap"]
    names = [f"{rule['stage']}: {rule['reason']}" for rule in found["rules"]]
    rows, together = Rows(done, SAMPLE).rows, Counter[tuple[str, str]]()
    for row in rows:
        together.update((a, b) for a in row["failed"] for b in row["failed"])
    assert set(names) == {a for a, _ in together}
    assert found["both"] == [[together[a, b] for b in names] for a in names]


@dataclass(frozen=True)
class Judge(tamis.Filter):
    """A score in [0, 1] for every document but those that say nothing."""

    min_score: float | None = 0.4
    on_null: str = "keep"

    measured_by: ClassVar = ()
    reasons: ClassVar = {"min_score": "too bad"}

    def measure(self, docs: Any) -> pl.DataFrame:
        texts = docs.column("text").to_pylist()
        return pl.DataFrame({"score": [len(text) / 10 if text else None for text in texts]}, schema={"score": pl.Float32})


def test_scores_are_told_before_and_after(tmp_path: Path) -> None:
    """Every signal called `score` has a histogram of readable and of kept documents, and both means; what has none is left out."""
    lengths = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10]
    folder = written(tmp_path / "in", text=["x" * n for n in lengths])
    tamis.run(tamis.Recipe("test", (Judge(),)), [folder], str(tmp_path / "out"))
    (found,) = report(opened_without_stages(tmp_path / "out"))["scores"]
    scores = np.array([n / 10 for n in lengths if n], np.float32).astype(np.float64)
    edges = np.array([-np.inf, *found["edges"][1:-1], np.inf])
    assert found["signal"] == "judge.score"
    assert found["documents"] == np.histogram(scores, edges)[0].tolist()
    assert found["kept"] == np.histogram(scores[scores >= 0.4], edges)[0].tolist()
    assert (found["mean_of_readable"], found["mean_of_kept"]) == (
        pytest.approx(scores.mean(), abs=1e-6),
        pytest.approx(scores[scores >= 0.4].mean(), abs=1e-6),
    )
    assert "Scores before and after" in shown(opened_without_stages(tmp_path / "out"))


def test_infinite_scores_are_in_no_bin(tmp_path: Path) -> None:
    """A score that is infinite, or no number, leaves the report the JSON that browsers read, and the mean that of the others."""
    scores = [0.5, 0.25, 0.75, np.inf, -np.inf, np.nan, None]
    done = run(written(tmp_path / "in", text=prose(7), score=scores), tmp_path / "out", [{"rules": {"min": {"score": 0.4}}}])

    def refuse(said: str) -> None:
        raise AssertionError(f"{said} is no JSON")

    content = json.loads(shown(done, "report.json"), parse_constant=refuse)
    (found,) = content["scores"]
    assert (sum(found["documents"]), sum(found["kept"])) == (3, 2)
    assert (found["mean_of_readable"], found["mean_of_kept"]) == (0.5, 0.625)
    assert open_run(done.out).histogram("rules.score").frame["documents"].sum() == 3


def opened_without_stages(out: Path) -> Finished:
    """A run folder whose files alone are looked at."""
    return opened(str(out))
