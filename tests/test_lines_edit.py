"""The edit "lines": both sides of every rule, the signals it leaves, and the rule that drops documents by them."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis import judge, make_stage
from tamis.edits.lines import Lines
from tamis.errors import StageError
from tamis.kernels.lines import DROPPED_BY

DATA = Path(__file__).parents[2] / "shared" / "data"
SHARES = ("removed_word_share", "removed_char_share")
SIGNALS = {"lines": pl.UInt32, "words": pl.UInt32, "removed_lines": pl.UInt32, "removed_words": pl.UInt32}
SIGNALS |= dict.fromkeys(SHARES, pl.Float64) | {"shortened_lines": pl.UInt32} | dict.fromkeys(DROPPED_BY, pl.UInt32)
OFF = {"max_uppercase_share": None, "max_digit_share": None, "counters": False, "min_words": None, "policy": False, "buttons": False}
OFF |= {"max_newlines": None}
C4 = {**OFF, "max_word_length": 1000, "citations": True, "end_mark": True, "min_words": 5, "javascript": True, "policy": True, "strip": True}


def table(*texts: str) -> pa.Table:
    """The documents as stages get them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


def edited(text: str, stage: Lines) -> tuple[str, dict]:
    """The new text, and the signals that are not 0."""
    texts, signals = stage.edit(table(text))
    return texts[0].as_py(), {name: value for name, value in signals.row(0, named=True).items() if value != 0}


def only(**rules: object) -> Lines:
    """The edit with some rules, and all others off."""
    return Lines(**{**OFF, **rules})


# rules -> a line that just stays, one that just goes, and the signal that counts it
LINES = [
    ({"max_uppercase_share": 0.5}, "AB cd", "ABC d", "uppercase_lines"),
    ({"max_uppercase_share": 0.5}, "ABcd", "ABCd", "uppercase_lines"),
    ({"max_uppercase_share": 0.5}, "ÉÜ éü", "ÉÜÄ é", "uppercase_lines"),
    ({"max_uppercase_share": 0.5}, " AB ", "AB", "uppercase_lines"),
    ({"max_uppercase_share": 0}, "ab", "aB", "uppercase_lines"),
    ({"max_digit_share": 0.999999}, "12 34", "1234", "digit_lines"),
    ({"max_digit_share": 0.999999}, "1,234", "٣٤", "digit_lines"),
    ({"counters": True}, "3 cats", "3 likes", "counter_lines"),
    ({"counters": True}, "3likes", "• 1.2K followers!", "counter_lines"),
    ({"counters": True}, "1 like", "1,024 VIEWS", "counter_lines"),
    ({"counters": True}, "over 3 shares", "(3 shares)", "counter_lines"),
    ({"counters": True}, "3 likes it", "3b\u00a0Downloads ▼", "counter_lines"),
    ({"min_words": 2}, "two words", "one-word", "short_lines"),
    ({"min_words": 2}, "• item", "Menu", "short_lines"),
    ({"policy": True}, "our policies use sugar cookies", "We USE COOKIES here", "policy_lines"),
    ({"policy": True}, "cookie policies", "Cookie Policy", "policy_lines"),
    ({"policy": True}, "{ privacy policy", "Privacy policy", "policy_lines"),
    ({"policy": True}, "lorem ipsum privacy policy", "lorem privacy policy ipsum", "policy_lines"),
    ({"javascript": True}, "java script", "enable JavaScript!", "javascript_lines"),
    ({"javascript": True}, "Lorem Ipsum javascript", "javascript {", "javascript_lines"),
    ({"end_mark": True}, "It ends.", "It ends", "unfinished_lines"),
    ({"end_mark": True}, 'He said "no"', "It goes on...", "unfinished_lines"),
    ({"end_mark": True}, "It ends..", "It goes on…", "unfinished_lines"),
    ({"end_mark": True}, "'It ends'", "(It ends.)", "unfinished_lines"),
    ({"end_mark": True}, "It ends. ", "It ends.,", "unfinished_lines"),
    ({"end_mark": True, "convention": "c4"}, "Does it?", "'It ends'", "unfinished_lines"),
    ({"max_word_length": 5}, "aaaaa ééééé", "aaaaaa", "long_word_lines"),
    ({"citations": True}, "[x]", "[12][edit] []", "citation_lines"),
    ({"citations": True, "min_words": 3}, "a b [1]", "a b", "short_lines"),
    ({"citations": True, "min_words": 3, "convention": "c4"}, "a b c [1]", "a b [1]", "short_lines"),
    ({"citations": True, "end_mark": True}, "Said so.[1]", "Said so. [1]", "unfinished_lines"),
    ({"buttons": True}, "3 items in the cart", " Items in Cart ", "button_lines"),
    ({"buttons": True}, "Read more…", "Read More...", "button_lines"),
    ({"buttons": True}, "Signing", "Sign-in", "button_lines"),
    ({"min_repeated_chars": 5}, "twin\ntwin", "twins\n twins", "repeated_lines"),
    ({"min_repeated_chars": 1}, "twin\nTwin", "x\nx", "repeated_lines"),
]


@pytest.mark.parametrize(("rules", "stays", "goes", "signal"), LINES)
def test_both_sides_of_a_rule(rules, stays, goes, signal):
    """At a limit a line stays, beyond it it goes, and is counted by its rule."""
    stage = only(**rules)
    stage.check()
    assert "removed_lines" not in edited(f"so it is above it.\n{stays}\n", stage)[1]
    assert edited(goes, stage)[1][signal] == 1


def test_every_rule_has_a_case():
    """No count of dropped lines is untested."""
    assert {case[-1] for case in LINES} == set(DROPPED_BY)


PAGE = "MENU OF SHOP\n\n\n\nHome\n3 likes\n2024\nThe cat sat on the mat.\nSign-in to see more [1]\n  Read our privacy policy\n\nJavaScript is a language"


def test_the_defaults_by_eye():
    """A bare `lines` takes menus, counters, notices and buttons, and no sentence for its style."""
    text, signals = edited(PAGE, Lines())
    assert text == "Home\nThe cat sat on the mat.\nto see more [1]\n\nJavaScript is a language"
    assert signals == {
        "lines": 8,
        "words": 26,
        "removed_lines": 4,
        "removed_words": 11,
        "removed_word_share": 11 / 26,
        "removed_char_share": (len(PAGE) - len(text)) / len(PAGE),
        "shortened_lines": 1,
        "uppercase_lines": 1,
        "digit_lines": 1,
        "counter_lines": 1,
        "policy_lines": 1,
    }


def test_c4_by_eye():
    """C4's own set keeps sentences alone, stripped, one a line."""
    page = PAGE + "\r\n\n  The dog looked at the cat[12] and left.  \nIt is so.\nEnable JavaScript to see this page.\n"
    assert edited(page, Lines(**C4, convention="c4"))[0] == "The cat sat on the mat.\nThe dog looked at the cat and left."


@pytest.mark.parametrize(
    ("text", "stage", "expected"),
    [
        ("a\n\n\n\nb", only(max_newlines=2), "a\n\nb"),
        ("a\n\n\nb", only(max_newlines=1), "a\nb"),
        ("a\n \n\t\nb", only(max_newlines=2), "a\n \nb"),
        ("a\r\n\r\n\r\nb", only(max_newlines=2), "a\r\n\r\nb"),
        ("a b\n\nx\n\nc d", only(min_words=2), "a b\n\n\nc d"),
        ("a b\n\nx\n\nc d", only(min_words=2, max_newlines=2), "a b\n\nc d"),
        ("x\n\n  a b  \n \n", only(min_words=2), "  a b  "),
        ("a\n \nb\n", only(min_words=2), ""),
        ("  a b  \n", only(min_words=2), "  a b  \n"),
        (" a \n\n b ", only(strip=True), "a\nb"),
        ("one [1] two[23].", only(citations=True), "one  two."),
        ("a 2 items in cart b\nc Read more...\nSign-in now", only(buttons=True), "a 2 b\nc\nnow"),
        ("one two three four five six seven eight nine ten eleven Read more...", only(buttons=True), None),
        ("a\nb\na\nb\nc", only(min_repeated_chars=1), "a\nb\nc"),
        ("a\u2028b c\u2028d", only(min_words=2), "b c"),
        ("", Lines(), None),
        (" \n \n", Lines(), None),
        ("漢字 漢字", Lines(), None),
    ],
)
def test_texts_by_eye(text, stage, expected):
    """What is left of some texts; None: all of it."""
    assert edited(text, stage)[0] == (text if expected is None else expected)


def test_shares_of_nothing_are_null():
    """A text without words has no share of words, an empty one none of characters; what loses all has shares of 1."""
    _, signals = Lines(min_words=2).edit(table("", " \n", "x", "?!\n"))
    assert signals["removed_word_share"].to_list() == [None, None, 1.0, 1.0]
    assert signals["removed_char_share"].to_list() == [None, 0.0, 1.0, 1.0]


def test_documents_that_lost_much_can_be_dropped():
    """DCLM's last rule: more than 5 % of the words gone; 1 in 20 is 5 %."""
    kept, dropped = "x\n" + "w " * 19, "x\n" + "w " * 18
    stages = [make_stage("lines", min_words=2), make_stage("rules", max={"lines.removed_word_share": 0.05})]
    assert judge(table(kept, dropped, ""), stages)["reasons"].to_list() == [
        [],
        ["lines.removed_word_share too high"],
        ["lines.removed_word_share not measurable"],
    ]


def test_texts_that_need_nothing_keep_their_bytes():
    """If no text needs a change, the edit returns the buffer it was given."""
    docs = table("plain words\n", "naïve café", "漢字 漢字", "")
    assert Lines().edit(docs)[0].buffers()[2].address == docs.column("text").chunk(0).buffers()[2].address


def test_one_text_among_many():
    """Only the text that needs it is changed, wherever it lies, also in a slice of a larger table."""
    texts = [f"text {i} é" for i in range(20)]
    docs = table(*texts[:7], "Menu\na b", *texts[7:])
    after, signals = Lines(min_words=2).edit(docs.slice(5, 5))
    assert after.to_pylist() == [*texts[5:7], "a b", *texts[7:9]]
    assert signals["short_lines"].to_list() == [0, 0, 1, 0, 0]


def test_zero_documents_have_the_same_columns():
    """No documents give no texts, of the same type, and signals of the same types."""
    for docs in (table(), table("a b"), table("a")):
        after, signals = Lines().edit(docs)
        assert (after.type, after.null_count, len(after)) == (pa.large_string(), 0, docs.num_rows)
        assert dict(signals.schema) == SIGNALS


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"convention": "dclm"}, 'lines: "convention" is "datatrove" or "c4", not "dclm".'),
        ({"max_digit_share": 1.5}, 'lines: "max_digit_share" is between 0 and 1 or null, not "1.5".'),
        ({"max_uppercase_share": -1}, 'lines: "max_uppercase_share" is between 0 and 1 or null, not "-1".'),
        ({"max_newlines": 0}, 'lines: "max_newlines" is at least 1 or null, not "0".'),
        ({"min_words": -1}, 'lines: "min_words" is at least 0 or null, not "-1".'),
        ({"max_word_length": 0}, 'lines: "max_word_length" is at least 1 or null, not "0".'),
        ({"min_repeated_chars": 0}, 'lines: "min_repeated_chars" is at least 1 or null, not "0".'),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    """The check says which parameter, what it holds and what it may hold."""
    with pytest.raises(StageError) as refused:
        Lines(**parameters).check()
    assert str(refused.value) == message


@pytest.mark.skipif(not DATA.exists(), reason="shared data is absent")
def test_real_pages_are_left_alone_the_second_time():
    """On raw web pages the defaults take a few words in a hundred, and find nothing more in what they left."""
    docs = pa.table({"text": pq.read_table(DATA / "wcxb/pages.parquet", columns=["text"]).column("text").cast(pa.large_string())})
    once, signals = Lines().edit(docs)
    assert 0.01 < signals["removed_words"].sum() / signals["words"].sum() < 0.05
    twice, again = Lines().edit(pa.table({"text": once}))
    assert (again["removed_lines"].sum(), twice.equals(once)) == (0, True)
