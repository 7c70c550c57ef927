"""Gopher's quality rules: both sides of every limit, by each convention and word rule."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.errors import StageError
from tamis.stages.gopher_quality import GopherQuality

WEB = Path(__file__).parents[2] / "shared" / "data" / "wcxb" / "pages.parquet"
SIGNALS = {
    "words": pl.UInt32,
    "mean_word_length": pl.Float64,
    "hash_share": pl.Float64,
    "ellipsis_share": pl.Float64,
    "symbol_share": pl.Float64,
    "bullet_line_share": pl.Float64,
    "ellipsis_line_share": pl.Float64,
    "alphabetic_share": pl.Float64,
    "stop_words": pl.UInt32,
}
UNMEASURABLE = [
    f"{signal} not measurable"
    for signal in ("mean word length", "symbol share", "bullet line share", "ellipsis line share", "alphabetic share")
]


def table(*texts: str) -> pa.Table:
    """The documents as stages get them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


def signals(text: str, stage: GopherQuality) -> dict[str, float | None]:
    """What a stage measures on one text."""
    return stage.measure(table(text)).row(0, named=True)


def reasons(text: str, stage: GopherQuality) -> list[str]:
    """Why a stage drops a text."""
    measured = stage.measure(table(text)).with_columns(copies=pl.lit(1, pl.UInt8)).lazy()
    verdict = stage.decide(measured).collect()
    assert (verdict["copies"][0] == 0) == (verdict["reasons"].list.len()[0] > 0)
    return verdict["reasons"][0].to_list()


def prose(words: int) -> str:
    """Words of four letters, with two stop words in front."""
    return " ".join(["that", "have", *["word"] * (words - 2)])


OFF = {f"{side}_{name}": None for side in ("min", "max") for name in ("words", "mean_word_length")}
OFF |= {"max_symbol_share": None, "max_bullet_line_share": None, "max_ellipsis_line_share": None}
OFF |= {"min_alphabetic_share": None, "min_stop_words": None}
LIMITS = {name: limit for name in OFF if (limit := getattr(GopherQuality(), name)) is not None}


def only(limit: str, **parameters: str) -> GopherQuality:
    """The stage with its default for one limit, and all others off."""
    return GopherQuality(**{**OFF, limit: LIMITS[limit]}, **parameters)


# limit -> for each (convention, word rule) that reads the text so: a text that is just kept, and one that is dropped
CONVENTIONS = ("paper", "datatrove", "dclm")
BOTH = [(convention, rule) for convention in CONVENTIONS for rule in ("unicode", "whitespace")]
SPLIT = [(convention, "whitespace") for convention in CONVENTIONS]
PAPER = [("paper", "unicode")]
MARKS = [("datatrove", "unicode"), ("dclm", "unicode")]
CASES = [
    ("min_words", BOTH, prose(50), prose(49), "too few words"),
    ("min_words", BOTH, prose(50), prose(49) + " ? - (", "too few words"),
    ("min_words", [*MARKS, *PAPER], prose(48) + " a,b", prose(48) + " a, -", "too few words"),
    ("min_words", SPLIT, prose(49) + " a,b", prose(48) + " a,b", "too few words"),
    ("min_words", [("datatrove", "whitespace")], prose(49) + ' "a"', prose(49) + ' "', "too few words"),
    ("min_words", [("dclm", "whitespace")], prose(49) + ' a"', prose(49) + ' "a"', "too few words"),
    ("max_words", BOTH, prose(100_000), prose(100_001), "too many words"),
    ("min_mean_word_length", BOTH, "aa bbbb ccc", "aa bbbb cc", "words too short on average"),
    ("min_mean_word_length", [("datatrove", "unicode")], "aaa! bbb!", "aa! bbb!", "words too short on average"),
    ("min_mean_word_length", [("dclm", "unicode")], "aaaaa !", "aaa !", "words too short on average"),
    ("min_mean_word_length", SPLIT, "aa! bbb", "a! bbb", "words too short on average"),
    ("min_mean_word_length", BOTH, "при вет", "пр вет", "words too short on average"),
    ("max_mean_word_length", BOTH, "a" * 10, "a" * 11, "words too long on average"),
    ("max_mean_word_length", BOTH, "é" * 10, "é" * 11, "words too long on average"),
    ("max_symbol_share", MARKS, "# " + "w " * 9, "# " + "w " * 8, "too many symbols"),
    ("max_symbol_share", PAPER, "# " + "w " * 10, "# " + "w " * 9, "too many symbols"),
    ("max_symbol_share", PAPER, "# ... " + "w " * 10, "... ... " + "w " * 10, "too many symbols"),
    ("max_symbol_share", SPLIT, "#w " + "w " * 9, "#w " + "w " * 8, "too many symbols"),
    ("max_symbol_share", [("datatrove", "whitespace")], "#w w... " + "w " * 8, "#w #w " + "w " * 8, "too many symbols"),
    ("max_symbol_share", [("dclm", "whitespace")], "#w w... " + "w " * 18, "#w w... " + "w " * 8, "too many symbols"),
    ("max_symbol_share", [("datatrove", "whitespace")], "w… w " * 5 + "w " * 40, "w… w... " * 3 + "w " * 40, "too many symbols"),
    ("max_symbol_share", [("dclm", "whitespace")], ". . . " + "w " * 7, ". . . " + "w " * 6, "too many symbols"),
    ("max_bullet_line_share", BOTH, "- w\n" * 9 + "w", "- w\n" * 10, "mostly bullet points"),
    ("max_bullet_line_share", BOTH, "  • w\n" * 9 + "w", "\t• w\n" * 19 + "w", "mostly bullet points"),
    ("max_bullet_line_share", [("datatrove", "unicode")], "* w\n● w\n" * 9, "• w\n- w\n" * 9, "mostly bullet points"),
    ("max_bullet_line_share", [("dclm", "unicode"), *PAPER], "* w\n" * 9 + "w", "* w\n● w\n" * 9, "mostly bullet points"),
    ("max_bullet_line_share", [("datatrove", "unicode")], "- w\n\n" * 9, "- w\n" * 9, "mostly bullet points"),
    ("max_bullet_line_share", [("dclm", "unicode"), *PAPER], "- w\n\n" * 9 + "w", "- w\n\n" * 9, "mostly bullet points"),
    ("max_bullet_line_share", [("datatrove", "unicode")], "- w\u2028w", "- w\u2028- w", "mostly bullet points"),
    ("max_ellipsis_line_share", BOTH, "w...\n" * 3 + "w\n" * 7, "w...\n" * 4 + "w\n" * 7, "too many lines end in an ellipsis"),
    ("max_ellipsis_line_share", BOTH, "w… \n" * 3 + "w\n" * 7, "w… \n" * 4 + "w\n" * 7, "too many lines end in an ellipsis"),
    ("max_ellipsis_line_share", [("dclm", "unicode"), *PAPER], "w\nw\nw\nw", "w\nw . . .", "too many lines end in an ellipsis"),
    ("max_ellipsis_line_share", [("datatrove", "unicode")], "w\nw . . .", "w\nw ...", "too many lines end in an ellipsis"),
    ("min_alphabetic_share", BOTH, "w w w w 1", "w w w 1", "too few words with a letter"),
    ("min_alphabetic_share", MARKS, "w, w w w", "w, w w", "too few words with a letter"),
    ("min_alphabetic_share", PAPER, "w, w; w! w? 1 (?)", "w, w; w! 1", "too few words with a letter"),
    ("min_alphabetic_share", SPLIT, "w, w w 1a é", "w, w w 1 %", "too few words with a letter"),
    ("min_stop_words", [("datatrove", "unicode"), *PAPER], "the, of.", "the the The THE", "too few stop words"),
    ("min_stop_words", [("dclm", "unicode")], "the The", "the theses", "too few stop words"),
    ("min_stop_words", [("datatrove", "whitespace")], "the of", "the of.", "too few stop words"),
    ("min_stop_words", [("dclm", "whitespace")], "THE the", "THE the.", "too few stop words"),
]
FLAT = [(limit, c, r, *texts) for limit, readings, *texts in CASES for c, r in readings]


@pytest.mark.parametrize(("limit", "convention", "word_rule", "kept", "dropped", "reason"), FLAT)
def test_both_sides_of_a_limit(limit, convention, word_rule, kept, dropped, reason):
    """At a limit a document is kept, beyond it dropped, for the reason a reader would give."""
    stage = only(limit, convention=convention, word_rule=word_rule)
    assert reasons(kept, stage) == []
    assert reasons(dropped, stage) == [reason]


def test_every_limit_has_a_case_for_each_convention():
    """No limit, convention or word rule is untested."""
    assert {(limit, c) for limit, c, *_ in FLAT} == {(limit, c) for limit in GopherQuality.reasons for c in CONVENTIONS}
    assert {case[1:3] for case in FLAT} == set(BOTH)
    assert {case[-1] for case in FLAT} == set(GopherQuality.reasons.values())


PAGE = "Don't panic... # of 42\n- The cat.\n\n* the  End . . .\n"
# unicode:    Don't panic ... # of 42 - The cat . * the End . . .
# whitespace: Don't panic... # of 42 - The cat. * the End . . .


@pytest.mark.parametrize(
    ("convention", "word_rule", "expected"),
    [
        ("paper", "unicode", [8, 26 / 8, 1 / 8, 1 / 8, 1 / 8, 2 / 3, 1 / 3, 7 / 8, 2]),
        ("paper", "whitespace", [8, 30 / 8, 1 / 8, 1 / 8, 1 / 8, 2 / 3, 1 / 3, 7 / 8, 2]),
        ("datatrove", "unicode", [8, 26 / 8, 1 / 16, 1 / 16, 1 / 16, 1 / 4, 0, 7 / 16, 2]),
        ("datatrove", "whitespace", [8, 30 / 8, 1 / 14, 1 / 14, 1 / 14, 1 / 4, 0, 7 / 14, 2]),
        ("dclm", "unicode", [8, 36 / 16, 1 / 16, 2 / 16, 3 / 16, 2 / 3, 1 / 3, 7 / 16, 3]),
        ("dclm", "whitespace", [8, 36 / 14, 1 / 14, 2 / 14, 3 / 14, 2 / 3, 1 / 3, 7 / 14, 3]),
    ],
)
def test_signals_by_eye(convention, word_rule, expected):
    """Every signal of a small page, counted by hand."""
    assert signals(PAGE, GopherQuality(convention=convention, word_rule=word_rule)) == dict(zip(SIGNALS, expected, strict=True))


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["too few words", "mean word length not measurable", *UNMEASURABLE[1:], "too few stop words"]),
        ("word", ["too few words", "too few stop words"]),
        (" \t\u3000", ["too few words", *UNMEASURABLE, "too few stop words"]),
    ],
)
def test_texts_of_next_to_nothing(convention, text, expected):
    """Texts without words, tokens or lines are dropped with every reason named, and break nothing."""
    found = reasons(text, GopherQuality(convention=convention))
    if text.isspace() and convention == "datatrove":  # a blank line is a line to str.splitlines()
        expected = [reason for reason in expected if "line" not in reason]
    assert sorted(found) == sorted(expected)


def test_punctuation_alone():
    """A text of marks alone has tokens and no words: what is asked of words cannot be measured."""
    by_tokens, by_words = (signals("?! ... #", GopherQuality(convention=convention)) for convention in ("datatrove", "paper"))
    assert (by_tokens["words"], by_tokens["mean_word_length"], by_tokens["symbol_share"]) == (0, None, 0.25)
    assert (by_words["words"], by_words["mean_word_length"], by_words["symbol_share"]) == (0, None, None)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_no_share_is_above_one(convention):
    """Where one token holds many symbols, or one word stands beside many, the share is 1."""
    measured = signals("a ######## ... … # ... … ... …", GopherQuality(convention=convention))
    assert measured["symbol_share"] == 1
    assert all(value <= 1 for name, value in measured.items() if name.endswith("_share"))


def test_limits_that_are_off_drop_nothing():
    """With every limit off any text is kept."""
    assert reasons("", GopherQuality(**OFF)) == []


def test_zero_is_a_limit_like_any_other():
    """max_symbol_share 0 forbids symbols; it does not switch the rule off."""
    stage = GopherQuality(**{**OFF, "max_symbol_share": 0})
    assert reasons("# word", stage) == ["too many symbols"]
    assert reasons("word", stage) == []


def test_stop_words_of_another_language():
    """Stop words can be named, in any script."""
    stage = GopherQuality(**{**OFF, "min_stop_words": 2}, stop_words=("и", "не"))
    assert reasons("война и мир", stage) == ["too few stop words"]
    assert reasons("и не мир", stage) == []


BY_LANGUAGE = {"lang": {"fr": ("le", "de"), "en": ("the", "of")}}


def test_stop_words_by_language():
    """Each document is asked for the stop words of its own language; one of another language for none."""
    stage = GopherQuality(**{**OFF, "by": {"lang": {"fr": {"min_stop_words": 2}, "en": {"min_stop_words": 1}}}}, stop_words=BY_LANGUAGE)
    texts = ["le pas de", "of the", "le pas de", "the le", "le pas", ""]
    docs = table(*texts).append_column("lang", pa.array(["fr", "en", "en", "de", "fr", None]).dictionary_encode())
    assert stage.columns_read() == ("text", "lang")
    measured = stage.measure(docs)
    assert measured["stop_words"].to_list() == [2, 2, 0, None, 1, None]
    assert measured.drop("stop_words").equals(GopherQuality().measure(docs).drop("stop_words"))
    verdicts = stage.decide(measured.with_columns(copies=pl.lit(1, pl.UInt8), **{"doc.lang": pl.from_arrow(docs["lang"])}).lazy()).collect()
    assert verdicts["copies"].to_list() == [1, 1, 0, 1, 0, 1]
    assert stage.measure(docs.slice(0, 0)).schema == measured.schema


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_zero_documents_have_the_same_columns(convention):
    """Signals of no documents have the names and types of any others."""
    stage = GopherQuality(convention=convention)
    assert dict(stage.measure(table()).schema) == dict(stage.measure(table("word", "")).schema) == SIGNALS


def test_no_signal_is_nan():
    """What cannot be measured is null, never NaN."""
    measured = GopherQuality().measure(table("", "...", " ", "a"))
    assert not measured.select(pl.col(pl.Float64).is_nan().any()).transpose().to_series().any()


def test_a_slice_is_measured_like_the_whole():
    """A document's signals do not depend on where it lies in Arrow's buffers."""
    docs = table("one # two", "", "- three...", "four of the five")
    whole = GopherQuality().measure(docs)
    assert whole[1:3].equals(GopherQuality().measure(docs.slice(1, 2)))


def test_a_long_document():
    """A document of 5 MB is measured as its parts are."""
    long = signals(PAGE * 100_000, GopherQuality())
    assert long == {**signals(PAGE, GopherQuality()), "words": 800_000}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"convention": "dolma"}, 'gopher_quality: "convention" is one of paper, datatrove, dclm, not "dolma".'),
        ({"word_rule": "unicod"}, 'gopher_quality: "word_rule" is one of unicode, whitespace, not "unicod".'),
        ({"stop_words": "the"}, 'gopher_quality: "stop_words" wants a list of words, not "the".'),
        ({"stop_words": ("a", "")}, """gopher_quality: "stop_words" wants a list of words, not "('a', '')"."""),
        ({"stop_words": ("a", "b", "a")}, 'gopher_quality: "stop_words" names "a" twice.'),
        (
            {"stop_words": tuple(f"w{i}" for i in range(65))},
            'gopher_quality: "stop_words" holds 65 words; 64 are the most.',
        ),
        ({"stop_words": {"lang": {"fr": ("le", "le")}}}, 'gopher_quality: "stop_words" names "le" twice.'),
        ({"stop_words": {}}, 'gopher_quality: "stop_words" wants one column with the words for its values, not 0.'),
        (
            {"min_words": 10, "max_words": 5},
            'gopher_quality: "min_words" is 10 and "max_words" is 5: nothing could pass.',
        ),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    """The check says which parameter, what it holds and what it may hold."""
    with pytest.raises(StageError) as refused:
        GopherQuality(**parameters).check()
    assert str(refused.value) == message


def test_check_accepts_the_defaults():
    """The paper's limits and the Gopher eight pass the check."""
    assert GopherQuality().check() is None


@pytest.mark.skipif(not WEB.exists(), reason="shared data is absent")
def test_real_pages_mostly_have_words():
    """On raw web pages the stage keeps most with its defaults, and no document breaks it."""
    column = pq.read_table(WEB, columns=["text"]).column("text")
    stage = GopherQuality()
    measured = stage.measure(pa.table({"text": column.cast(pa.large_string()).combine_chunks()}))
    verdict = stage.decide(measured.with_columns(copies=pl.lit(1, pl.UInt8)).lazy()).collect()
    assert 0.9 < verdict["copies"].mean() < 0.99
