"""FineWeb's rules: both sides of every limit, and the kernel against the obvious slow program."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_kernels_quality import slow_tokens

from tamis import judge
from tamis.errors import StageError
from tamis.kernels.line_shares import COUNTS, line_counts
from tamis.stages.fineweb_quality import FinewebQuality

DATA = Path(__file__).parents[2] / "shared" / "data"
SIGNALS = dict.fromkeys(["terminal_punctuation_line_share", "short_line_share", "duplicate_line_char_share", "newlines_per_token"], pl.Float64)
LIMITS = {name: getattr(FinewebQuality(), name) for name in FinewebQuality.reasons}
OFF = dict.fromkeys(LIMITS)
TERMINAL = regex.compile(r"[\p{Sentence_Terminal}\u17d6\u17d9\u17da]")


def table(*texts: str) -> pa.Table:
    """The documents as stages get them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


def only(limit: str, **parameters: object) -> FinewebQuality:
    """The stage with its default for one limit, and all others off."""
    return FinewebQuality(**{**OFF, limit: LIMITS[limit]}, **parameters)


def reasons(text: str, stage: FinewebQuality) -> list[str]:
    """Why a stage drops a text."""
    return judge(table(text), [stage])["reasons"][0].to_list()


def lines(n: int, line: str) -> str:
    """So many lines that differ."""
    return "".join(f"{line[:-1]}{chr(0x4E00 + i)}{line[-1:]}\n" for i in range(n))


FIRST, SHORT, TWICE, WIDE = LIMITS
CASES = [
    (FIRST, {}, lines(3, "w.") + lines(22, "w"), lines(2, "w.") + lines(22, "w"), "too few lines end as sentences do"),
    (FIRST, {}, "w。\nw؟\nw।\nw!", 'w"\nw\'\nw…\nw,', "too few lines end as sentences do"),
    (FIRST, {}, "w.\n\n \nw\n" * 2, "w. \nw.\t\nw.)", "too few lines end as sentences do"),
    (FIRST, {"unpunctuated": "keep"}, "w\nw", lines(1, "w.") + lines(22, "w"), "too few lines end as sentences do"),
    (SHORT, {}, lines(67, "w") + lines(33, "w" * 30), lines(68, "w") + lines(32, "w" * 30), "mostly short lines"),
    (SHORT, {}, "é" * 31, "é" * 30, "mostly short lines"),
    (SHORT, {"short_line_chars": 5}, "w" * 6, "w" * 5, "mostly short lines"),
    (TWICE, {}, "ab\nab\n" + "w" * 16, "ab\nab\n" + "w" * 15, "repeated lines"),
    (TWICE, {}, "ab \nab\n a\na\n\n\n", "ab\nab\n", "repeated lines"),
    (TWICE, {}, "éé\nw\néé\n" + "w" * 15, "éé\nw\néé\n" + "w" * 14, "repeated lines"),
    (WIDE, {}, "w\n" * 3 + "w " * 7, "w\n" * 3 + "w " * 6, "too few words per line"),
    (WIDE, {}, "w,\n" * 3 + "w " * 4, "w,\n" * 3 + "w " * 3, "too few words per line"),
    (WIDE, {"word_rule": "whitespace"}, "w,\n" * 3 + "w " * 7, "w,\n" * 3 + "w " * 6, "too few words per line"),
    (WIDE, {}, "w\r" * 9, "w\n\n", "too few words per line"),
]


@pytest.mark.parametrize(("limit", "parameters", "kept", "dropped", "reason"), CASES)
def test_both_sides_of_a_limit(limit, parameters, kept, dropped, reason):
    """At a limit a document is kept, beyond it dropped, for the reason a reader would give."""
    stage = only(limit, **parameters)
    stage.check()
    assert reasons(kept, stage) == []
    assert reasons(dropped, stage) == [reason]


def test_every_limit_has_a_case():
    """No limit is untested."""
    assert {case[0] for case in CASES} == set(FinewebQuality.reasons)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [None, None, None, None]),
        (" \n\t\n", [None, None, None, None]),
        ("word", [0, 1, 0, 0]),
        ("?!\n", [1, 1, 0, 1 / 2]),
        ("\n\n\nw", [0, 1, 0, 3]),
        ("w.\nw.\n\nww w.\n", [1, 1, 2 / 9, 4 / 7]),
        ("\u200b\n", [0, 1, 0, None]),
    ],
)
def test_signals_by_eye(text, expected):
    """Every signal of small texts, counted by hand; what cannot be measured is null."""
    measured = FinewebQuality().measure(table(text))
    assert measured.row(0) == tuple(expected)
    assert dict(measured.schema) == dict(FinewebQuality().measure(table()).schema) == SIGNALS


def test_texts_of_no_lines():
    """They are dropped because nothing can be measured, whether or not lines need marks."""
    for stage in (FinewebQuality(), FinewebQuality(unpunctuated="keep")):
        assert sorted(reasons(" \n", stage)) == sorted(f"{name.replace('_', ' ')} not measurable" for name in SIGNALS)


def test_limits_that_are_off_drop_nothing():
    """With every limit off any text is kept."""
    assert reasons("", FinewebQuality(**OFF)) == []


def slow_counts(text: str, short: int, rule: str) -> dict[str, int]:
    """All counts of a text."""
    kept = [line for line in text.split("\n") if line.strip()]
    return {
        "lines": len(kept),
        "terminal_lines": sum(bool(TERMINAL.match(line[-1])) for line in kept),
        "short_lines": sum(len(line) <= short for line in kept),
        "chars": len(text.replace("\n", "")),
        "repeated_chars": sum(len(line) for i, line in enumerate(kept) if line in kept[:i]),
        "newlines": text.count("\n"),
        "tokens": len(slow_tokens(text, rule)),
    }


def count(texts: list[str], short: int, rule: str, after: str = "") -> list[dict[str, int]]:
    """What the kernel counts, one dict a text."""
    pieces = [text.encode() for text in texts]
    data = np.frombuffer(b"a\n" + b"".join(pieces) + after.encode(), np.uint8)
    counts = line_counts(data, np.cumsum([2, *map(len, pieces)]), short=short, rule=rule)
    return [{name: int(counts[name][i]) for name in COUNTS} for i in range(len(texts))]


PIECES = ["\n", "\n", "\n\n", "\r", "\r\n", "\u2028", "\x85", "\x1c", " ", "\t", "\xa0", "\u3000", "a", "ab", "word", "don't", "3.14", ".", "!", "?", "…"]
PIECES += ['"', "'", "。", "؟", "।", "៖", "\u2024", "漢字", "é", "\u0301", "👍", "x" * 30, "é" * 31, "a\n", "a b.\n", "12345678\n", "123456789\n", "\x00"]
characters = st.characters(codec="utf-8", exclude_categories=["Cn"])
texts = st.lists(st.sampled_from(PIECES) | characters, max_size=40).map("".join)


@pytest.mark.parametrize("after", ["", "12345678\n...\n" * 12])
@pytest.mark.parametrize("rule", ["unicode", "whitespace"])
@settings(max_examples=300, deadline=None)
@given(batch=st.lists(texts, max_size=4), short=st.sampled_from([1, 3, 30]))
@example(batch=["", "\n", "a", "a", "a\na", "\na\n\na\n", " ", " \n ", "123456789\n12345678\n12345678"], short=30)
def test_counts_are_those_of_the_slow_program(rule, after, batch, short):
    """On text of any script the kernel counts what plain Python counts, whatever lies around the text."""
    assert count(batch, short, rule, after) == [slow_counts(text, short, rule) for text in batch]


def test_counts_do_not_depend_on_where_64_bytes_end():
    """Lines and tokens are counted once, wherever they lie."""
    piece = "The end.\n The end.\n\n- don't 3.14…\nThe end.\n 漢字。\n"
    texts = ["a" * n + " " + piece + "b" * m for n in range(70) for m in (0, 1, 63)]
    assert count(texts, 8, "unicode") == [slow_counts(text, 8, "unicode") for text in texts]


def test_the_comparison_can_fail(monkeypatch):
    """Meta-test: a kernel that took quotes for terminal marks would be noticed."""
    from tamis.kernels import unicode

    marks = unicode.sentences().copy()
    marks[ord('"')] |= unicode.TERMINAL
    monkeypatch.setattr(unicode, "sentences", lambda: marks)
    assert count(['He said "no"'], 30, "unicode") != [slow_counts('He said "no"', 30, "unicode")]


def test_a_long_document():
    """A document of 5 MB is counted as any other, of long lines, of short ones, or of one character a line."""
    piece = "The cat sat on 漢字 and the mat.\nMENU\n\n“Yes.” {…}\n"
    times = 5_000_000 // len(piece.encode())
    (long,), (short,) = count([piece * times], 30, "unicode"), count([piece], 30, "unicode")
    repeated = {"repeated_chars": short["chars"] * (times - 1)}
    assert long == {name: n * times for name, n in short.items()} | repeated
    assert count(["a\n" * 1_000_000], 30, "unicode")[0]["repeated_chars"] == 999_999
    distinct = "".join(f"{i}\n" for i in range(300_000))
    assert count([distinct], 30, "unicode")[0]["repeated_chars"] == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"word_rule": "spacy"}, 'fineweb_quality: "word_rule" is "unicode" or "whitespace", not "spacy".'),
        ({"unpunctuated": "drop"}, 'fineweb_quality: "unpunctuated" is "keep" or null, not "drop".'),
        ({"short_line_chars": 0}, 'fineweb_quality: "short_line_chars" is at least 1, not "0".'),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    """The check says which parameter, what it holds and what it may hold."""
    with pytest.raises(StageError) as refused:
        FinewebQuality(**parameters).check()
    assert str(refused.value) == message


@pytest.mark.skipif(not DATA.exists(), reason="shared data is absent")
@pytest.mark.parametrize("name", ["wcxb/pages", "turku_registers/web_registers"])
def test_real_pages(name):
    """On crawled pages of six languages the kernel counts what plain Python counts."""
    texts = [text[:4000] for text in pq.read_table(DATA / f"{name}.parquet", columns=["text"]).column("text").to_pylist()[::20]]
    assert count(texts, 30, "whitespace") == [slow_counts(text, 30, "whitespace") for text in texts]
