"""The stages `rules`, `exact_duplicates` and `sample`: cases a person can check by eye, and slow oracles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import fates, fates_in_memory, run, split

from tamis import explain, folder, judge, make_stage
from tamis.errors import DataError, StageError

PAGES = pa.table({
    "text": ["one", "two", "three", "four", "five"],
    "score": [0.1, 0.5, 0.9, None, 0.5],
    "lang": ["en", "fr", "en", "fr", None],
    "license": ["MIT", "cc0-1.0 ", "All rights reserved", None, "CC0-1.0"],
    "url": ["https://www.bad.example/a", "http://fine.example/bad.example", "https://sub.bad.example:8080/x", "https://notbad.example/", None],
})


def reasons(data: Any, *stages: Any) -> list[list[str]]:
    """The reasons of each row."""
    return judge(data, list(stages))["reasons"].to_list()


RULES = [
    ({"min": {"score": 0.5}}, [["score too low"], [], [], ["score not measurable"], []]),
    ({"min": {"score": 0.5}, "on_null": "keep"}, [["score too low"], [], [], [], []]),
    ({"max": {"score": 0.5}, "on_null": "keep"}, [[], [], ["score too high"], [], []]),
    (
        {"min": {"score": 0.5}, "on_null": "keep", "by": {"lang": {"en": {"min_score": 0.95}, "fr": {"min_score": None}}}},
        [["score too low"], [], ["score too low"], [], []],
    ),
    ({"allow": {"license": ["CC0-1.0", "mit"]}}, [[], [], ["license not allowed"], ["license allowed not measurable"], []]),
    ({"block": {"domain": ["bad.example"]}, "on_null": "keep"}, [["domain blocked"], [], ["domain blocked"], [], []]),
    ({"block": {"url": ["bad.example/a/", "http://notbad.example"]}, "on_null": "keep"}, [["url blocked"], [], [], ["url blocked"], []]),
    ({"min": {"score": 0.5}, "where": 'lang == "en"'}, [["score too low"], [], [], [], []]),
]


@pytest.mark.parametrize(("given", "expected"), RULES)
def test_rules(given: dict[str, Any], expected: list[list[str]]) -> None:
    """A document is dropped for what its own columns say, and equality keeps."""
    assert reasons(PAGES, make_stage("rules", **given)) == expected


SIGNALS = [
    ({"max": {"lines.removed_word_share": 0.4}}, [["lines.removed_word_share too high"], [], ["lines.removed_word_share not measurable"]]),
    ({"max": {"lines.removed_word_share": 0.4}, "on_null": "keep"}, [["lines.removed_word_share too high"], [], []]),
    ({"min": {"lines.words": 1, "score": 0.5}}, [["score too low"], [], ["lines.words too low"]]),
    ({"max": {"text.bytes": 20}}, [["text.bytes too high"], [], []]),
    (
        {"max": {"lines.removed_lines": 0}, "by": {"lang": {"en": {"max_lines.removed_lines": 1}}}},
        [[], [], []],
    ),
    ({"max": {"lines.removed_lines": 0}, "where": "lines.words > 5"}, [["lines.removed_lines too high"], [], []]),
]


@pytest.mark.parametrize(("given", "expected"), SIGNALS)
def test_rules_on_signals(given: dict[str, Any], expected: list[list[str]]) -> None:
    """A name with a dot is a signal of what stands above; limits, exceptions and conditions hold for it as for a column."""
    pages = pa.table({"text": ["Menu\nWE ARE HERE\na cat sat", "one cat sat", ""], "score": [0.1, 0.6, 0.7], "lang": ["fr", "fr", None]})
    if "by" in given:
        pages = pa.table({"text": ["Menu\na cat sat", "one cat sat", ""], "lang": ["en", "fr", None]})
    assert reasons(pages, make_stage("lines"), make_stage("rules", **given)) == expected


def test_rules_on_signals_that_nobody_measures() -> None:
    """A signal that no stage above measures is named, with the nearest that exists."""
    for stages in ([make_stage("rules", max={"lines.removed_word_shares": 0.05})], [make_stage("rules", max={"lines.removed_word_share": 0.05}), make_stage("lines")]):
        with pytest.raises(StageError, match=r'^rules decides by "lines.removed_word_shares?", which no stage above it measures'):
            judge(PAGES, stages)
    with pytest.raises(StageError, match=r'Did you mean "lines\.removed_word_share"'):
        judge(PAGES, [make_stage("lines"), make_stage("rules", max={"lines.removed_word_shares": 0.05})])


def test_rules_on_signals_are_explained(tmp_path: Path) -> None:
    """The signal of another stage stands beside the limit of this one, and drops what a run drops in memory."""
    pages = pa.table({"id": ["a", "b"], "text": ["Menu\na cat sat", "one cat sat"]})
    stages = [make_stage("lines", min_words=2), make_stage("rules", max={"lines.removed_word_share": 0.05}, min={"lines.words": 2})]
    run(stages, split(tmp_path / "in", pages, 1), tmp_path / "out")
    assert fates(tmp_path / "out") == fates_in_memory(pages, judge(pages, stages))
    found = explain.as_text(explain.explain(folder.opened(str(tmp_path / "out")), "a")[0]).splitlines()
    assert found[0] == "a (part-000.parquet:0): dropped by 2 rules: lines.removed_word_share too high"
    assert [line.split() for line in found[found.index("2 rules") + 1 :]] == [
        ["lines.words", "4", "must", "be", "at", "least", "2", "ok"],
        ["lines.removed_word_share", "0.25", "must", "be", "at", "most", "0.05", "fails"],
    ]


def test_lists_by_path(tmp_path: Path) -> None:
    """A list in a file has one entry a line; comments, blank lines, case and space do not count."""
    listed = tmp_path / "domains.txt"
    listed.write_text("# spam\n\n  BAD.example  # all of it\n")
    assert reasons(PAGES, make_stage("rules", block={"domain": str(listed)}, on_null="keep"))[0] == ["domain blocked"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, StageError, 'make_stage, stage 1: rules has no rule.\nFix: give it "min", "max", "allow" or "block".'),
        ({"allow": {"lang": []}}, StageError, 'make_stage, stage 1: rules: the list for "lang" is empty, so that its rule could never tell documents apart.'),
        (
            {"allow": {"language.lang": ["en"]}},
            StageError,
            'make_stage, stage 1: rules: "allow" and "block" want columns of the data, and "language.lang" is a signal.',
        ),
        ({"min": {"score": 2}, "max": {"score": 1}}, StageError, 'make_stage, stage 1: rules: "min: score" is 2 and "max: score" is 1: nothing could pass.'),
    ],
)
def test_rules_that_make_no_sense(given: dict[str, Any], error: type[Exception], message: str) -> None:
    """Rules that cannot be meant are refused in one sentence."""
    with pytest.raises(Exception) as caught:
        make_stage("rules", **given)
    assert str(caught.value) == message


def test_rules_on_text_columns() -> None:
    """A limit on something that is no number says so."""
    with pytest.raises(DataError) as caught:
        judge(PAGES, [make_stage("rules", min={"lang": 1})])
    assert str(caught.value) == 'rules: "min" and "max" want numbers, and the column "lang" holds text.'


def survivors(data: pa.Table, **parameters: Any) -> list[int]:
    """Rows that stay."""
    return judge(data, [make_stage("exact_duplicates", **parameters)]).filter(pl.col("copies") > 0)["row"].to_list()


COPIES = pa.table({
    "text": ["A b.", "a  B", "A b.", "other", "A b.", ""],
    "score": [0.1, 0.9, 0.7, 0.0, None, 0.5],
    "source": ["web", "book", "forum", "web", "web", "web"],
    "date": ["2024-01-02", "2024-01-01", "2023-01-01", None, None, None],
})


@pytest.mark.parametrize(
    ("parameters", "stay"),
    [
        ({"prefer": ["score"]}, [1, 2, 3, 5]),
        ({"prefer": ["-score"]}, [0, 1, 3, 5]),
        ({"prefer": ["date"]}, [0, 1, 3, 5]),
        ({"prefer": [{"source": ["forum", "book"]}]}, [1, 2, 3, 5]),
        ({"ignore": ["case", "white_space", "punctuation"], "prefer": ["score"]}, [1, 3, 5]),
        ({"ignore": ["case", "white_space", "punctuation"], "prefer": [{"source": ["forum"]}]}, [2, 3, 5]),
        ({"where": 'source == "web"', "prefer": ["score"]}, [0, 1, 2, 3, 5]),
        ({"column": "date", "prefer": ["score"]}, [0, 1, 2, 3, 4, 5]),
        ({"column": "source", "prefer": ["score"]}, [1, 2, 5]),
    ],
)
def test_who_stays(parameters: dict[str, Any], stay: list[int]) -> None:
    """Of equal documents the preferred one stays; null is last; what is null in the column is like nothing."""
    assert survivors(COPIES, **parameters) == stay


def test_a_duplicate_names_its_partner() -> None:
    """The ledger says which document stayed, and how many there were."""
    ledger = judge(COPIES, [make_stage("exact_duplicates", prefer=["score"])])
    assert ledger.filter(pl.col("copies") == 0).select("row", "reasons", "partner", "similarity", "cluster_size").rows() == [
        (0, ["exact duplicate"], "2", 1.0, 3),
        (4, ["exact duplicate"], "2", 1.0, 3),
    ]


def test_a_dropped_document_is_nobodys_keeper() -> None:
    """A stage that compares chooses among those that the stages above left alive."""
    stages = [make_stage("rules", max={"score": 0.5}, on_null="keep"), make_stage("exact_duplicates", prefer=["score"])]
    ledger = judge(COPIES, stages)
    assert ledger["stage"].to_list() == [None, "rules", "rules", None, "exact_duplicates", None]


@settings(max_examples=60)
@given(texts=st.lists(st.sampled_from(["a", "A", "a ", "b", "é", "e\u0301", "", "a b", "a\nb"]), max_size=12), folded=st.booleans())
def test_exact_duplicates_match_python(texts: list[str], *, folded: bool) -> None:
    """One of each group stays, groups being those of a dictionary."""
    key = (lambda text: " ".join(text.lower().split())) if folded else (lambda text: text)
    data = pa.table({"text": pa.array(texts, pa.string())})
    stay = survivors(data, ignore=["case", "white_space"] if folded else [])
    assert sorted(key(texts[row]) for row in stay) == sorted({key(text) for text in texts})


def test_ties_do_not_depend_on_place() -> None:
    """Of documents with equal texts the other columns decide, whatever their order: the same document stays."""
    data = pa.table({"text": ["same"] * 6, "id": list("fbdace"), "n": [1, 1, 2, 2, 3, 3]})
    stays = {data["id"][row].as_py() for row in survivors(data)}
    for order in ([5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]):
        shuffled = data.take(pa.array(order))
        assert {shuffled["id"][row].as_py() for row in survivors(shuffled)} == stays


def test_sample_keeps_the_share_and_grows() -> None:
    """The share is met; a larger share keeps all of a smaller one; copies share their fate; another seed draws others."""
    data = pa.table({"text": [f"document {i % 2000}" for i in range(4000)]})
    drawn = {share: set(judge(data, [make_stage("sample", share=share)]).filter(pl.col("copies") > 0)["row"]) for share in (0.0, 0.3, 0.6, 1.0)}
    assert (len(drawn[0.0]), len(drawn[1.0])) == (0, 4000)
    assert abs(len(drawn[0.3]) / 4000 - 0.3) < 0.04
    assert drawn[0.3] < drawn[0.6]
    assert all((row + 2000) % 4000 in drawn[0.3] for row in drawn[0.3])
    other = set(judge(data, [make_stage("sample", share=0.3, seed=1)]).filter(pl.col("copies") > 0)["row"])
    assert abs(len(other & drawn[0.3]) / 4000 - 0.09) < 0.03


def test_sample_by_source() -> None:
    """A share may depend on a column, as any limit may."""
    data = pa.table({"text": [f"document {i}" for i in range(1000)], "source": ["web", "book"] * 500})
    ledger = judge(data, [make_stage("sample", share=0.0, by={"source": {"book": {"share": 1.0}}})])
    assert ledger["copies"].to_list() == [0, 1] * 500
