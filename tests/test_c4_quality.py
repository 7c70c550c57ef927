"""C4's page rules: both sides of every limit, and, with the edit `lines`, the one pass that C4 makes."""

import re

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_kernels_sentences import slow_sentences

from tamis import judge
from tamis.documents import utf8
from tamis.edits.lines import Lines
from tamis.errors import StageError
from tamis.kernels.phrases import phrase_counts
from tamis.stages.c4_quality import C4Quality

SIGNALS = {"sentences": pl.UInt32, "curly_brackets": pl.UInt32, "lorem_ipsum": pl.UInt32, "chars": pl.UInt32}
OFF = {"min_sentences": None, "max_curly_brackets": None, "max_lorem_ipsum": None, "max_bad_words": None}
OF_C4 = {"max_curly_brackets": 0, "max_lorem_ipsum": 0}
LIMITS = {name: getattr(C4Quality(), name) for name in OFF} | OF_C4 | {"max_chars": 10}


def table(*texts: str) -> pa.Table:
    """The documents as stages get them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


def reasons(text: str, *stages: object) -> list[str]:
    """Why stages drop a text."""
    return judge(table(text), list(stages))["reasons"][0].to_list()


@pytest.fixture
def listed(tmp_path):
    """A list of bad words."""
    path = tmp_path / "bad.txt"
    path.write_text("# not for children\nDarn\nbig fish  # a phrase\n\n性\nグロ\nça\nx\n")
    return path


CASES = [
    ("min_sentences", "One. Two. Three. Four. Five.", "One. Two. Three. Four. --- ...", "too few sentences"),
    ("min_sentences", "One\nTwo\n\nThree\nFour\n5", "e.g. one of it. 3.14 is. One.Two", "too few sentences"),
    ("max_curly_brackets", "no } here", "an { here", "curly brackets"),
    ("max_lorem_ipsum", "lorem, ipsum", "Lorem Ipsum dolor", "lorem ipsum"),
    ("max_chars", "é" * 10, "é" * 11, "too many characters"),
    ("max_bad_words", "darned, xx, a big, fish", "oh DARN!", "bad words"),
    ("max_bad_words", "fa ça_va", "Ça va", "bad words"),
    ("max_bad_words", "男女", "女性的", "bad words"),
]


@pytest.mark.parametrize(("limit", "kept", "dropped", "reason"), CASES)
def test_both_sides_of_a_limit(limit, kept, dropped, reason, listed):
    """At a limit a document is kept, beyond it dropped, for the reason a reader would give."""
    stage = C4Quality(**{**OFF, limit: LIMITS[limit]}, bad_words=listed)
    stage.check()
    assert reasons(kept, stage) == []
    assert reasons(dropped, stage) == [reason]


def test_every_limit_has_a_case():
    """No limit is untested."""
    assert {case[0] for case in CASES} == set(C4Quality.reasons)


@pytest.mark.parametrize(("text", "expected"), [("", [0, 0, 0, 0]), (" \n", [0, 0, 0, 2]), ("A {b}. C{", [2, 2, 0, 9])])
def test_signals_by_eye(text, expected):
    """Every signal of small texts, counted by hand."""
    measured = C4Quality().measure(table(text))
    assert measured.row(0) == tuple(expected)
    assert dict(measured.schema) == dict(C4Quality().measure(table()).schema) == SIGNALS


def test_without_a_list_no_rule_asks_for_bad_words(listed):
    """The limit is on by default and means nothing until a list is given; then there is one more signal."""
    assert "max_bad_words" not in C4Quality().limits()
    assert "max_bad_words" in C4Quality(bad_words=listed).limits()
    assert dict(C4Quality(bad_words=listed).measure(table()).schema) == SIGNALS | {"bad_words": pl.UInt32}


# text -> where bad words are found by datatrove's boundary, and by C4's
WORDS = [
    ("darn", 1, 0),
    ("a darn", 1, 0),
    ("a darn.", 1, 1),
    ("a darn\nDARN it", 2, 0),
    ("édarn darné", 0, 2),
    (" édarné ", 0, 1),
    ("_darn_ 1darn1", 0, 2),
    ("a big fish, Big Fish!", 2, 2),
    ("グロい 性", 2, 2),
    ("x x", 2, 0),
    ("(x)(x)", 2, 2),
]


@pytest.mark.parametrize(("text", "datatrove", "c4"), WORDS)
def test_bad_words_by_convention(text, datatrove, c4, listed):
    """Each convention has its own boundary of a word."""
    found = [C4Quality(bad_words=listed, convention=name).measure(table(text))["bad_words"][0] for name in ("datatrove", "c4")]
    assert found == [datatrove, c4]


PHRASES = ("darn", "big fish", "ça", "ÉTÉ", "x", "a.b", "性", "グロ", "xy", "fish", "🖕")
PIECES = [*PHRASES, "DARN", "Big Fish", "été", " ", "\n", ".", "_", "1", "a", "é", "Z", "\u212a", "漢", "\u2028", ""]


def slow_phrases(text: str, *, in_lines: bool) -> int:
    """Places where a phrase begins, tried one by one."""
    low = "".join(c.lower()[0] for c in text)
    free, bound = [], []
    for phrase in PHRASES:
        (free if phrase in ("性", "グロ") else bound).append(re.escape(phrase.lower()))
    ends = "[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]"
    before, after = (rf"(?<![a-z])(?<!{ends})(?<!^)", rf"(?![a-z]|{ends}|\Z)") if in_lines else (r"(?<!\w)", r"(?!\w)")
    pattern = re.compile(rf"(?:{'|'.join(free)})|{before}(?:{'|'.join(bound)}){after}")
    return sum(bool(pattern.match(low, i)) for i in range(len(low)))


@pytest.mark.parametrize("in_lines", [False, True])
@settings(max_examples=500, deadline=None)
@given(batch=st.lists(st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8", exclude_categories=["Cn"]), max_size=15).map("".join), max_size=4))
@example(batch=["", "x", "x", "darn", "xy x", "性x性", "big big fish", "fish"])
def test_phrases_are_those_of_the_slow_program(batch, in_lines):
    """On text of any script a phrase is found just where a regular expression finds it."""
    counts = phrase_counts(*utf8(pa.array(batch, pa.large_string())), PHRASES, in_lines=in_lines)
    assert counts.tolist() == [slow_phrases(text, in_lines=in_lines) for text in batch]


CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


def one_pass(text: str, convention: str, *, end_mark: bool) -> tuple[str, list[str]]:  # noqa: C901  as C4 has it
    """What C4's program makes of a page, line by line in one pass: (text, why it is dropped)."""
    least_words, least_sentences = (3, 5) if convention == "datatrove" else (5, 3)
    marks = (".", "?", "!", '"', "'") if convention == "datatrove" else (".", "?", "!", '"')
    kept, sentences = [], 0
    for whole in text.splitlines():
        line = whole.strip()
        words = line.split()
        if any(len(word) > 20 for word in words):
            continue
        line = CITATION.sub("", line)
        if end_mark and (not line.endswith(marks) or line.endswith("...")):
            continue
        if len(words if convention == "datatrove" else line.split()) < least_words:
            continue
        low = line.lower()
        if "lorem ipsum" in low:
            return "", ["lorem ipsum"]
        if "javascript" in low:
            continue
        if "{" in line:
            return "", ["curly brackets"]
        if any(phrase in low for phrase in POLICIES):
            continue
        sentences += len(slow_sentences(line))
        if line.strip():  # datatrove without `end_mark` keeps the blank rest of "[1] [2] [3]"
            kept.append(line)
    if sentences < least_sentences:
        return "", ["too few sentences"]
    return "\n".join(kept).strip(), []


WORDS_OF_PAGES = ["It is so.", "A cat sat on the mat.", "He left", "a", "b c", "[1]", "[edit]", ".", "...", "!", '"', "'", " ", "\n", "\n", "\n", "\r\n"]
WORDS_OF_PAGES += ["javascript", "JavaScript", "lorem ipsum", "Lorem", "ipsum", "{", "}", "privacy policy", "use cookies", "x" * 21, "y" * 20, "é", "漢"]
pages = st.lists(st.sampled_from(WORDS_OF_PAGES), min_size=5, max_size=60).map("".join)
SENTENCE = "The dog and the cat ran."


@pytest.mark.parametrize("end_mark", [True, False])
@pytest.mark.parametrize("convention", ["datatrove", "c4"])
@settings(max_examples=400, deadline=None)
@given(start=st.integers(0, 6), page=pages)
@example(start=5, page="lorem ipsum and javascript too.")
@example(start=5, page="It has javascript { and more.")
@example(start=5, page="It has a privacy policy { and more.")
@example(start=5, page="It has a lorem ipsum privacy policy.")
@example(start=5, page="lorem ipsum\nA { without an end")
@example(start=5, page="[1] [2] [3]\nSaid he. [1]")
def test_lines_and_c4_quality_are_the_one_pass_of_c4(convention, end_mark, start, page):
    """The pair keeps the pages that C4's one pass keeps, with the same text, and drops the others for a reason that it has."""
    text = "\n".join([SENTENCE] * start + [page])
    small, enough = (3, 5) if convention == "datatrove" else (5, 3)
    off = dict.fromkeys(("max_uppercase_share", "max_digit_share", "max_newlines"))
    lines = Lines(**off, counters=False, buttons=False, max_word_length=20, citations=True, end_mark=end_mark, min_words=small, javascript=True,
                  policy=True, strip=True, convention=convention)  # fmt: skip
    expected, why = one_pass(text, convention, end_mark=end_mark)
    found = reasons(text, lines, C4Quality(**OF_C4, min_sentences=enough, convention=convention))
    assert bool(found) == bool(why)
    assert set(why) <= set(found)
    if not why:
        assert lines.edit(table(text))[0][0].as_py() == expected


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"convention": "dclm"}, 'c4_quality: "convention" is "datatrove" or "c4", not "dclm".'),
        ({"sentence_rule": "punkt"}, 'c4_quality: "sentence_rule" is "unicode", not "punkt".'),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    """The check says which parameter, what it holds and what it may hold."""
    with pytest.raises(StageError) as refused:
        C4Quality(**parameters).check()
    assert str(refused.value) == message


def test_lists_that_say_nothing_are_refused(tmp_path):
    """A list that is empty, or is not there, could never tell documents apart."""
    empty = tmp_path / "empty.txt"
    empty.write_text("# nothing\n")
    with pytest.raises(StageError) as refused:
        C4Quality(bad_words=empty).check()
    assert str(refused.value) == f'c4_quality: the list "{empty}" is empty, so that its rule could never tell documents apart.'
    with pytest.raises(StageError, match=r'^c4_quality: the list ".*none.txt" cannot be read: '):
        C4Quality(bad_words=tmp_path / "none.txt").check()


def test_limits_that_are_off_drop_nothing():
    """With every limit off any text is kept."""
    assert reasons("lorem ipsum {", C4Quality(**OFF)) == []
