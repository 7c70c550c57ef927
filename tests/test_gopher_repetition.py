"""Gopher's repetition rules: the worked figures, and both sides of every limit, by each convention."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.errors import StageError
from tamis.stages.gopher_repetition import GopherRepetition

WEB = Path(__file__).parents[2] / "shared" / "data" / "wcxb" / "pages.parquet"
CONVENTIONS = ("paper", "datatrove", "dclm", "dolma")
RULES = ("unicode", "whitespace")
GOPHER = {"max_duplicate_line_share": 0.3, "max_duplicate_paragraph_share": 0.3}  # the paper's, where the defaults are others
LIMITS = {name: getattr(GopherRepetition(), name) for name in GopherRepetition.reasons} | GOPHER
OFF = dict.fromkeys(LIMITS)
SIGNALS = [name.removeprefix("max_") for name in LIMITS]
OF_LINES = [f"{name.replace('_', ' ')} not measurable" for name in SIGNALS[:4]]


def table(*texts: str) -> pa.Table:
    """The documents as stages get them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


def signals(text: str, convention: str, word_rule: str = "unicode") -> dict[str, float | None]:
    """What a stage measures on one text."""
    return GopherRepetition(convention=convention, word_rule=word_rule).measure(table(text)).row(0, named=True)


def reasons(text: str, stage: GopherRepetition) -> list[str]:
    """Why a stage drops a text."""
    measured = stage.measure(table(text)).with_columns(copies=pl.lit(1, pl.UInt8)).lazy()
    verdict = stage.decide(measured).collect()
    assert (verdict["copies"][0] == 0) == (verdict["reasons"].list.len()[0] > 0)
    return verdict["reasons"][0].to_list()


TWICE = "the cat sat on the mat . the cat sat on the mat ."
SIX = "one two three four five six one two three four five six"
LETTERS = "a b c d e f g h i j k l m n o p"
WORKED = [
    # text, convention, signal -> what rules of the field measure, words being those of str.split()
    (TWICE, "paper", {"top_2gram_share": 0.353, "duplicate_5gram_share": 0.286}),
    (TWICE, "datatrove", {"top_2gram_share": 0.286, "duplicate_5gram_share": 0.286}),
    (TWICE, "dclm", {"top_2gram_share": 0.333, "duplicate_5gram_share": 1.000}),
    (TWICE, "dolma", {"top_2gram_share": 0.333, "duplicate_5gram_share": 0.615}),
    (SIX, "paper", {"top_2gram_share": 0.409, "duplicate_5gram_share": 0.345}),
    (SIX, "datatrove", {"top_2gram_share": 0.255, "duplicate_5gram_share": 0.345}),
    (SIX, "dclm", {"top_2gram_share": 0.409, "duplicate_5gram_share": 1.000}),
    (SIX, "dolma", {"top_2gram_share": 0.273, "duplicate_5gram_share": 0.514}),
    (LETTERS, "paper", {"top_2gram_share": 0.0, "duplicate_5gram_share": 0.0}),
    (LETTERS, "datatrove", {"top_2gram_share": 0.097, "duplicate_5gram_share": 0.0}),
    (LETTERS, "dclm", {"top_2gram_share": 0.0, "duplicate_5gram_share": 0.0}),
    (LETTERS, "dolma", {"top_2gram_share": 0.125, "duplicate_5gram_share": 0.0}),
    ("hello world\nhello world\n", "paper", {"duplicate_line_char_share": 0.500}),
    ("hello world\nhello world\n", "datatrove", {"duplicate_line_char_share": 0.458}),
    ("hello world\nhello world\n", "dclm", {"duplicate_line_char_share": 1.000}),
    # dolma itself: 22 characters of lines in 20 of words, 1.10; here in 22 of lines.
    ("hello world\nhello world\n", "dolma", {"duplicate_line_char_share": 1.000}),
]


@pytest.mark.parametrize(("text", "convention", "expected"), WORKED)
def test_worked_figures(text, convention, expected):
    """Texts that were worked out by the rules of each system have those figures to the last digit."""
    measured = signals(text, convention, "whitespace")
    assert {name: round(measured[name], 3) for name in expected} == expected


def test_dclm_leaves_punctuation_out_where_it_is_a_token():
    """By the rule "unicode" a full stop is no word of dclm's, and a word in quotes is the word."""
    assert signals(TWICE, "dclm")["top_2gram_share"] == 12 / 34
    assert signals(TWICE, "dclm", "whitespace")["top_2gram_share"] == 12 / 36
    assert signals('"no" no', "dclm")["top_2gram_share"] == 0
    assert signals('"no no" no no', "dclm")["top_2gram_share"] == 1
    assert signals('"no no" no no', "dclm", "whitespace")["top_2gram_share"] == 0


def test_words_of_the_paper_hold_a_letter_or_a_number():
    """By "paper" rows of marks are no phrases and no lines; a word in quotes is a word, and by white space has them."""
    for word_rule in RULES:
        assert set(signals("* * * * * * * * * * * *\n| - | - | - | - |\n" * 3 + "word", "paper", word_rule).values()) == {0}
    assert signals('"no no" no no', "paper")["top_2gram_share"] == 1
    assert signals('"no no" no no', "paper", "whitespace")["top_2gram_share"] == 0
    assert signals("(no (no", "paper", "whitespace")["top_2gram_share"] == 0
    assert signals("(no (no - (no (no", "paper", "whitespace")["top_2gram_share"] == 1


def test_phrases_of_the_paper_do_not_overlap_themselves():
    """By "paper" three equal words hold one pair, which is no repetition, and five hold two."""
    assert signals("no no no", "paper")["top_2gram_share"] == 0
    assert signals("no no no no no", "paper")["top_2gram_share"] == 4 / 5
    assert signals("no no no no no", "dclm")["top_2gram_share"] == 1


def distinct(n: int) -> list[str]:
    """So many different words of one letter."""
    return [chr(0x4E00 + i) for i in range(n)]


def phrase(n: int, letters: int) -> str:
    """A phrase of n different words that holds so many letters: all but the first have one."""
    return " ".join(["a" * (letters - n + 1), *"bcdefghij"[: n - 1]])


def around(words: str, filler: int) -> str:
    """The same words before and after one long word."""
    return f"{words} {'x' * filler} {words}"


COPIES, ALL_COPIES = ("paper", "datatrove"), ("dclm", "dolma")
CASES = [
    # limit, conventions that read the texts so, a text that is just kept, one that is dropped
    ("max_duplicate_line_share", COPIES, "\n".join(["a"] * 4 + distinct(6)), "\n".join(["a"] * 5 + distinct(6))),
    ("max_duplicate_line_share", ALL_COPIES, "\n".join(["a"] * 3 + distinct(7)), "\n".join(["a"] * 4 + distinct(7))),
    ("max_duplicate_paragraph_share", COPIES, "\n\n".join(["a"] * 4 + distinct(6)), "\n\n".join(["a"] * 5 + distinct(6))),
    ("max_duplicate_paragraph_share", ALL_COPIES, "\n\n".join(["a"] * 3 + distinct(7)), "\n\n".join(["a"] * 4 + distinct(7))),
    ("max_duplicate_line_char_share", ["datatrove"], "aaaaa\n" * 3 + "b" * 32, "aaaaa\n" * 3 + "b" * 31),
    ("max_duplicate_line_char_share", ["paper"], "aaaaa\n" * 2 + "b" * 15, "aaaaa\n" * 2 + "b" * 14),
    ("max_duplicate_line_char_share", ALL_COPIES, "aaaaa\n" * 2 + "b" * 40, "aaaaa\n" * 2 + "b" * 39),
    ("max_duplicate_paragraph_char_share", ["datatrove"], "aaaaa\n\n" * 3 + "b" * 29, "aaaaa\n\n" * 3 + "b" * 28),
    ("max_duplicate_paragraph_char_share", ["paper"], "aaaaa\n\n" * 2 + "b" * 15, "aaaaa\n \n" * 2 + "b" * 14),
    ("max_duplicate_paragraph_char_share", ALL_COPIES, "aaaaa\n\n" * 2 + "b" * 40, "aaaaa\n\n" * 2 + "b" * 39),
    *(
        # Twice 10, 9 or 8 characters in 100, spaces included: and twice 10, 9 or 8 letters in 100.
        (f"max_top_{n}gram_share", [convention], around(phrase(n, letters), filler), around(phrase(n, letters), filler - 1))
        for n in (2, 3, 4)
        for convention, letters, filler in (
            ("datatrove", 13 - 2 * n, 74 + 2 * n),
            ("paper", 12 - n, 76 + 2 * n),
            ("dclm", 12 - n, 76 + 2 * n),
            ("dolma", 12 - n, 76 + 2 * n),
        )
    ),
    *(
        # 20 - n letters in 100 characters; twice as many in 200 letters.
        (f"max_duplicate_{n}gram_share", [convention], around(phrase(n, 20 - n), filler), around(phrase(n, 20 - n), filler - 1))
        for n in range(5, 11)
        for convention, filler in (("paper", 60), ("datatrove", 60), ("dclm", 160 + 2 * n))
    ),
    *(
        # Of n + 2 phrases two are equal; each has n or n - 1 words of 20 - n letters.
        (f"max_duplicate_{n}gram_share", ["dolma"], around(words, filler), around(words, filler - 1))
        for n in range(5, 11)
        for words, filler in [(" ".join(c * (20 - n) for c in "abcdefghij"[:n]), 200 - (n + 1) * (20 - n))]
    ),
]
FLAT = [(limit, c, rule, *texts) for limit, conventions, *texts in CASES for c in conventions for rule in RULES]


@pytest.mark.parametrize(("limit", "convention", "word_rule", "kept", "dropped"), FLAT)
def test_both_sides_of_a_limit(limit, convention, word_rule, kept, dropped):
    """At a limit a document is kept, beyond it dropped, for the reason a reader would give."""
    stage = GopherRepetition(**{**OFF, limit: LIMITS[limit]}, convention=convention, word_rule=word_rule)
    assert signals(kept, convention, word_rule)[limit.removeprefix("max_")] == LIMITS[limit]
    assert reasons(kept, stage) == []
    assert reasons(dropped, stage) == [GopherRepetition.reasons[limit]]


def test_every_limit_has_a_case_for_each_convention():
    """No limit and no convention is untested."""
    assert {(limit, c) for limit, c, *_ in FLAT} == {(limit, c) for limit in LIMITS for c in CONVENTIONS}


PAGE = "so it is\nso it is\n\nand so it is\n\nso it is"  # 41 characters, 36 in four lines, 27 in thirteen words


@pytest.mark.parametrize("word_rule", RULES)
@pytest.mark.parametrize(
    ("convention", "lines", "top", "repeated"),
    [
        ("paper", [2 / 4, 0, 16 / 36, 0], [16 / 27, 24 / 27, 16 / 27], [10 / 41, 12 / 41]),
        ("datatrove", [2 / 4, 0, 16 / 41, 0], [20 / 41, 32 / 41, 22 / 41], [10 / 41, 12 / 41]),
        ("dclm", [3 / 4, 0, 24 / 36, 0], [16 / 27, 24 / 27, 16 / 27], [24 / 27, 24 / 27]),
        ("dolma", [3 / 4, 0, 24 / 36, 0], [16 / 27, 24 / 27, 16 / 27], [40 / 95, 24 / 102]),
    ],
)
def test_signals_by_eye(convention, word_rule, lines, top, repeated):
    """Every signal of a small page, counted by hand."""
    assert list(signals(PAGE, convention, word_rule).values()) == lines + top + repeated + [0] * 4


@pytest.mark.parametrize(
    ("text", "convention", "expected"),
    [
        # "" before the first and after the last "\n" are lines to datatrove and dolma.
        ("\na\nb\n", "datatrove", [1 / 4, 0, 0, 0]),
        ("\na\nb\n", "dolma", [2 / 4, 0, 0, 0]),
        ("\na\nb\n", "dclm", [0, 0, 0, 0]),
        # How many newlines there are does not matter, and one more paragraph is one more line.
        ("a\n\n\nb\n\na", "datatrove", [1 / 3, 1 / 3, 1 / 8, 1 / 8]),
        ("a\n\n\nb\n\na", "dclm", [2 / 3, 2 / 3, 2 / 3, 2 / 3]),
        ("a\n\n\nb\n\na", "dolma", [2 / 3, 2 / 3, 2 / 3, 2 / 3]),
        ("a\n\n\nb\n\na", "paper", [1 / 3, 1 / 3, 1 / 3, 1 / 3]),
        # To "paper" a line of white space parts paragraphs, and one without a letter or a number counts no more than that.
        ("\na\nb\n", "paper", [0, 0, 0, 0]),
        (" a\n \nbc\n\t\n\u3000\na ", "paper", [1 / 3, 1 / 3, 1 / 4, 1 / 4]),
        ("a\r\n\r\na\r\nb\r\n\r\na", "paper", [2 / 4, 1 / 3, 2 / 4, 1 / 6]),
        ("if\n}\n}\n---\n---\n|\n|\nelse", "paper", [0, 0, 0, 0]),
        ("if\n\n}\n\n}\n\n---\n\nelse\n\n---", "paper", [0, 0, 0, 0]),
        ("• 1\n• 1\n• x", "paper", [1 / 3, 0, 3 / 9, 0]),
        # dclm and "paper" look past white space around a line.
        ("a\n a\n\ta \n", "datatrove", [0, 0, 0, 0]),
        ("a\n a\n\ta \n", "dclm", [1, 0, 1, 0]),
        ("a\n a\n\ta \n", "paper", [2 / 3, 0, 2 / 3, 0]),
        ("a\r\na\r\nb", "datatrove", [1 / 3, 0, 2 / 7, 0]),
        ("é\né\n漢字", "datatrove", [1 / 3, 0, 1 / 6, 0]),
    ],
)
def test_lines_and_paragraphs_by_eye(text, convention, expected):
    """Where a text is cut, and what of it is compared, is as the convention says; characters are counted, not bytes."""
    assert list(signals(text, convention).values())[:4] == expected


@pytest.mark.parametrize("word_rule", RULES)
@pytest.mark.parametrize(
    ("text", "conventions", "expected"),
    [
        ("", CONVENTIONS, OF_LINES),
        (" \t\u3000", ["datatrove", "dolma"], []),
        (" \t\u3000", ["paper", "dclm"], OF_LINES),
        (" \n\n ", ["paper", "dclm"], OF_LINES),
        ("---\n---", ["paper"], OF_LINES),
        # Two lines of nothing are repeated lines, and hold no characters.
        ("\n", ["dolma"], ["too many repeated lines", OF_LINES[2]]),
        ("\n", ["datatrove"], ["too many repeated lines"]),
        ("\n", ["paper", "dclm"], OF_LINES),
        ("word", CONVENTIONS, []),
        ("a\n", CONVENTIONS, []),
        ("\u0301\u200d", ["datatrove", "dclm", "dolma"], []),
        ("\u0301\u200d", ["paper"], OF_LINES),
    ],
)
def test_texts_of_next_to_nothing(text, conventions, expected, word_rule):
    """What an empty, blank or one-word text is dropped for, if anything; nothing breaks."""
    for convention in conventions:
        assert reasons(text, GopherRepetition(**GOPHER, convention=convention, word_rule=word_rule)) == expected


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_text_shorter_than_a_phrase_repeats_none(convention):
    """Phrases are measured as 0, not as null, where a text has too few words."""
    for text in ("", " ", "word", "..."):
        assert list(signals(text, convention).values())[4:] == [0.0] * 9
    measured = signals("one two three four", convention)
    assert [measured[f"duplicate_{n}gram_share"] for n in range(5, 11)] == [0.0] * 6


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("text", ["no " * 50, "no no no", "漢" * 40, "ha!" * 20, "- " * 30])
def test_no_share_is_above_1(text, convention):
    """A phrase that overlaps itself has more characters in its occurrences than the text has; the share says 1."""
    measured = signals(text, convention)
    assert max(share for share in measured.values() if share is not None) <= 1
    if convention in ALL_COPIES and text != "- " * 30:
        assert measured["top_2gram_share"] == 1


def test_case_and_borders_of_words_matter():
    """Words are compared as they stand, and one by one: "ab c" is not "a bc"."""
    assert signals("The end is. the end is.", "dclm")["top_3gram_share"] == 0
    measured = signals("ab c d e f, a bc d e f", "datatrove", "whitespace")
    assert measured["duplicate_5gram_share"] == 0


def test_of_several_top_phrases_conventions_choose_differently():
    """datatrove and dolma take the first of equally frequent pairs, dclm and "paper" the one with most letters."""
    text = "a b then someone something a b then someone something"
    assert signals(text, "datatrove")["top_2gram_share"] == 6 / len(text)
    assert signals(text, "dolma")["top_2gram_share"] == 4 / 44
    assert signals(text, "dclm")["top_2gram_share"] == 32 / 44
    assert signals(text, "paper")["top_2gram_share"] == 32 / 44


def test_limits_that_are_off_drop_nothing():
    """With every limit off any text is kept."""
    assert reasons("", GopherRepetition(**OFF)) == []
    assert reasons("no\n" * 50, GopherRepetition(**OFF)) == []


def test_zero_is_a_limit_like_any_other():
    """A limit of 0 forbids any repeated line; it does not switch the rule off."""
    stage = GopherRepetition(**{**OFF, "max_duplicate_line_share": 0})
    assert reasons("a\nb\na", stage) == ["too many repeated lines"]
    assert reasons("a\nb", stage) == []


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_zero_documents_have_the_same_columns(convention):
    """Signals of no documents have the names and types of any others."""
    stage = GopherRepetition(convention=convention)
    assert dict(stage.measure(table()).schema) == dict(stage.measure(table("word", "")).schema) == dict.fromkeys(SIGNALS, pl.Float64)


def test_a_slice_is_measured_like_the_whole():
    """A document's signals do not depend on where it lies in Arrow's buffers."""
    docs = table("one two one two", "", "a\na", "so so so so")
    whole = GopherRepetition().measure(docs)
    assert whole[1:3].equals(GopherRepetition().measure(docs.slice(1, 2)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"convention": "nemo"}, 'gopher_repetition: "convention" is one of paper, datatrove, dclm, dolma, not "nemo".'),
        ({"word_rule": "split"}, 'gopher_repetition: "word_rule" is "unicode" or "whitespace", not "split".'),
        (
            {"by": {"lang": {"fr": {"max_top_5gram_share": 1}}}},
            'gopher_repetition: "by: lang: fr" names no limit "max_top_5gram_share". Did you mean "max_top_4gram_share"?',
        ),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    """The check says which parameter, what it holds and what it may hold."""
    with pytest.raises(StageError) as refused:
        GopherRepetition(**parameters).check()
    assert str(refused.value) == message


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_check_accepts_every_convention(convention):
    """The paper's limits pass the check by each convention."""
    assert GopherRepetition(convention=convention).check() is None


@pytest.mark.skipif(not WEB.exists(), reason="shared data is absent")
@pytest.mark.parametrize(("convention", "kept"), [("paper", 0.735), ("datatrove", 0.726), ("dclm", 0.468), ("dolma", 0.533)])
def test_real_pages(convention, kept):
    """On raw web pages every signal is a share; what the limits of the paper keep depends on the convention, much."""
    texts = [text for text in pq.read_table(WEB, columns=["text"]).column("text").to_pylist() if text.strip()]
    stage = GopherRepetition(**GOPHER, convention=convention)
    measured = stage.measure(table(*texts))
    assert sum(measured.null_count().row(0)) == 0
    assert all(0 <= low <= high <= 1 for low, high in zip(measured.min().row(0), measured.max().row(0), strict=True))
    verdict = stage.decide(measured.with_columns(copies=pl.lit(1, pl.UInt8)).lazy()).collect()
    assert verdict["copies"].mean() == pytest.approx(kept, abs=0.01)
