"""Limits, exceptions and conditions, checked by hand; every failed rule is known, the first stage that drops is named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from stages_for_tests import Length, Lower, Repeat, Twins

import tamis

TABLE = pa.table({
    "text": ["a", "abcd", "abcdefgh", "   ", "abcdefghijkl"],
    "lang": ["fr", "en", "fr", "en", None],
    "year": [2020, 2021, 2020, 2020, 2021],
    "web": [True, False, True, None, False],
    "level": [1.0, 2.5, 1.0, 2.5, None],
})


def reasons(stage: tamis.Stage, table: pa.Table = TABLE) -> list[list[str]]:
    """The reasons for each row."""
    return tamis.judge(table, [stage])["reasons"].to_list()


SHORT, LONG, NULL = ["too short"], ["too long"], ["chars not measurable"]
CASES: dict[str, tuple[Mapping[str, Any], list[list[str]]]] = {
    "off": ({}, [[], [], [], [], []]),
    "equality keeps": ({"min_chars": 4, "max_chars": 8}, [SHORT, [], [], NULL, LONG]),
    "on_null keep": ({"min_chars": 4, "on_null": "keep"}, [SHORT, [], [], [], []]),
    "0 is not off": ({"max_chars": 0}, [LONG, LONG, LONG, NULL, LONG]),
    "by one value": ({"min_chars": 5, "by": {"lang": {"en": {"min_chars": 3}}}}, [SHORT, [], [], NULL, []]),
    "by switches off": ({"min_chars": 9, "by": {"lang": {"fr": {"min_chars": None}}}}, [[], SHORT, [], NULL, []]),
    "off for one value: not asked, so not missed": ({"min_chars": 9, "by": {"lang": {"en": {"min_chars": None}}}}, [SHORT, [], SHORT, [], []]),
    "by switches on": ({"by": {"lang": {"fr": {"max_chars": 1}}}}, [[], [], LONG, [], []]),
    "a number": ({"by": {"year": {2020: {"min_chars": 5}}}}, [SHORT, [], [], NULL, []]),
    "a number as text": ({"by": {"year": {"2020": {"min_chars": 5}}}}, [SHORT, [], [], NULL, []]),
    "true and false": ({"by": {"web": {"true": {"min_chars": 5}, "false": {"max_chars": 5}}}}, [SHORT, [], [], [], LONG]),
    "a fraction": ({"by": {"level": {2.5: {"min_chars": 5}}}}, [[], SHORT, [], NULL, []]),
    "the later column wins": (
        {"min_chars": 2, "by": {"lang": {"fr": {"min_chars": 99}}, "year": {2020: {"min_chars": 1}}}},
        [[], [], [], NULL, []],
    ),
    "where": ({"min_chars": 99, "where": "lang == 'fr'"}, [SHORT, [], SHORT, [], []]),
    "where null is not met": ({"min_chars": 99, "where": "lang != 'fr'"}, [[], SHORT, [], NULL, []]),
    "where on an own signal": ({"min_chars": 99, "where": "length.chars > 4"}, [[], [], SHORT, [], SHORT]),
    "where and by": ({"where": "year == 2020", "by": {"lang": {"fr": {"min_chars": 5}}}}, [SHORT, [], [], [], []]),
}


@pytest.mark.parametrize("name", CASES)
def test_reasons(name: str) -> None:
    """A document is dropped for the reason a reader of the recipe would give."""
    given, wanted = CASES[name]
    stage = Length(**given)
    assert reasons(stage) == wanted


BAD: dict[str, tuple[Mapping[str, Any], str]] = {
    "limits exclude each other": ({"min_chars": 5, "max_chars": 4}, 'length: "min_chars" is 5 and "max_chars" is 4: nothing could pass.'),
    "no such limit": ({"by": {"lang": {"fr": {"min_char": 4}}}}, 'length: "by: lang: fr" names no limit "min_char". Did you mean "min_chars"?'),
    "no number": ({"by": {"lang": {"fr": {"min_chars": "4"}}}}, 'length: "by: lang: fr: min_chars" must be a number or null, not "4".'),
    "no end": ({"max_chars": math.inf}, 'length: "max_chars" is inf, which is no limit.\nFix: null switches a limit off.'),
    "no end of a group": ({"by": {"lang": {"fr": {"max_chars": math.inf}}}}, 'length: "by: lang: fr: max_chars" must be a number or null, not "inf".'),
    "no limits": ({"by": {"lang": {"fr": 4}}}, 'length: "by: lang: fr" wants limits by name, not "4".'),
    "no values": ({"by": {"lang": 4}}, 'length: "by" wants values of "lang" and limits for each, not "4".'),
    "on_null": ({"on_null": "ignore"}, 'length: "on_null" is "drop" or "keep", not "ignore".'),
    "where": (
        {"where": "lang =="},
        'the condition "lang ==" cannot be read: invalid syntax.\nFix: write it like lang == "fr" and quality.score > 0.5',
    ),
    "by a column that is not there": ({"by": {"language": {"fr": {"min_chars": 4}}}}, 'length decides by the column "language", which the data lacks. Did you mean "lang"?'),
    "where a column is not there": ({"where": "tongue == 'fr'"}, 'length decides by the column "tongue", which the data lacks.'),
    "where a signal is not there": ({"where": "lengths.chars > 4"}, 'length decides by "lengths.chars", which no stage above it measures. Did you mean "length.chars"?'),
}


@pytest.mark.parametrize("name", BAD)
def test_refused(name: str) -> None:
    """Parameters that cannot be meant are refused before anything is judged."""
    given, message = BAD[name]
    with pytest.raises(tamis.StageError) as caught:
        reasons(Length(**given))
    assert str(caught.value).startswith(message)


def test_every_rule_of_every_stage_is_known() -> None:
    """The first stage that drops is blamed with all its reasons; what later stages would say is in `also`."""
    stages = [Length(min_chars=2), Length(max_chars=0), Repeat()]
    verdicts = tamis.judge(TABLE, stages)
    assert verdicts["stage"].to_list() == ["length", "length_2", "length_2", "length", "length_2"]
    assert verdicts["reasons"].to_list() == [SHORT, LONG, LONG, NULL, LONG]
    assert verdicts["also"].to_list() == [
        ["length_2: too long"],
        ["repeat: a multiple of four"],
        ["repeat: a multiple of four"],
        ["length_2: chars not measurable"],
        ["repeat: a multiple of four"],
    ]
    assert verdicts["copies"].to_list() == [0] * 5


def test_an_edit_gives_no_verdict() -> None:
    """Edits drop nothing, whatever they change; later stages see the changed text."""
    verdicts = tamis.judge(pa.table({"text": ["ABC", "abc"]}), [Lower(), Twins()])
    assert verdicts["stage"].to_list() == [None, "twins"]
    assert verdicts["partner"].to_list() == [None, "0"]


def test_the_dead_are_nobodys_keeper() -> None:
    """A stage that needs the corpus chooses among those that the stages above left alive, and that meet its `where`."""
    table = pa.table({"text": ["same", "same", "same", "same"], "lang": ["fr", "en", "de", "en"], "n": [1, 2, 3, 4]})
    first = Length(by={"lang": {"fr": {"min_chars": 9}}})
    duplicates = tamis.make_stage("exact_duplicates", prefer=["n"], where="lang != 'de'")
    verdicts = tamis.judge(table, [first, duplicates])
    assert verdicts["stage"].to_list() == ["length", "exact_duplicates", None, None]
    assert verdicts["partner"].to_list() == [None, "3", None, None]
    assert verdicts["cluster_size"].to_list() == [None, 2, None, 2]


def test_copies_compose() -> None:
    """Copies survive the stages below that keep the document."""
    table = pa.table({"text": ["a", "bb", "ccc", "dddd", "bb"]})
    verdicts = tamis.judge(table, [Repeat(), Length(min_chars=2), Twins()])
    assert verdicts["copies"].to_list() == [0, 2, 3, 0, 0]
    assert verdicts["stage"].to_list() == ["length", None, None, "repeat", "twins"]


def test_types_of_the_ledger() -> None:
    """The columns and types of the ledger do not depend on the number of documents."""
    wanted = {"row": pl.Int64, "copies": pl.UInt8, "stage": pl.String, "reasons": pl.List(pl.String), "also": pl.List(pl.String)}
    stages = [Length(min_chars=2), Twins()]
    for table in (TABLE, TABLE.slice(0, 0), TABLE.slice(3, 1)):
        schema = tamis.judge(table, stages).schema
        assert dict(list(schema.items())[:5]) == wanted
        assert {name: schema[name] for name in ("partner", "similarity")} == {"partner": pl.String, "similarity": pl.Float64}
