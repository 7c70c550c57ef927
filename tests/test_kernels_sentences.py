"""Sentences are those of UAX #29, as the obvious slow program cuts them."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tamis.kernels.sentences import COUNTS, page_counts
from tamis.kernels.unicode import SENTENCE_BREAKS

DATA = Path(__file__).parents[2] / "shared" / "data"
KINDS = [(name, regex.compile(rf"\p{{SB={name}}}")) for name in SENTENCE_BREAKS[1:]]
LINE_END = ("CR", "LF", "Sep")
TERM = ("ATerm", "STerm")


def kind_of(c: str) -> str:
    """Sentence_Break of a character, as `regex` knows it."""
    return next((name for name, pattern in KINDS if pattern.match(c)), "Other")


def slow_breaks(text: str) -> list[int]:
    """Places between characters where the rules SB3 to SB998, taken one by one, allow a break."""
    kinds = [kind_of(c) for c in text]
    return [i for i in range(1, len(text)) if may_break(kinds, i)]


def may_break(kinds: list[str], i: int) -> bool:  # noqa: C901  one rule after the other
    """Whether there is a break before character i."""
    if kinds[i - 1] == "CR" and kinds[i] == "LF":
        return False  # SB3
    if kinds[i - 1] in LINE_END:
        return True  # SB4
    if kinds[i] in ("Extend", "Format"):
        return False  # SB5
    before = [kind for j, kind in enumerate(kinds[:i]) if kind not in ("Extend", "Format") or j == 0 or kinds[j - 1] in LINE_END]
    after = [kind for kind in kinds[i:] if kind not in ("Extend", "Format")]
    one, two, following = before[-1], before[-2] if len(before) > 1 else "", after[0]
    if one == "ATerm" and following == "Numeric":
        return False  # SB6
    if two in ("Upper", "Lower") and one == "ATerm" and following == "Upper":
        return False  # SB7
    spaces = before[: len(before) - count_back(before, "Sp")]
    closed = spaces[: len(spaces) - count_back(spaces, "Close")]
    term = closed[-1] if closed and closed[-1] in TERM else None
    if term == "ATerm":
        stopping = ("OLetter", "Upper", "Lower", *LINE_END, *TERM)
        if next((kind for kind in after if kind in stopping), None) == "Lower":
            return False  # SB8
    if term and following in ("SContinue", *TERM):
        return False  # SB8a
    if term and len(before) == len(spaces) and following in ("Close", "Sp", *LINE_END):
        return False  # SB9
    if term and following in ("Sp", *LINE_END):
        return False  # SB10
    return bool(term)  # SB11, SB998; after a line end SB4 came before


def count_back(kinds: list[str], wanted: str) -> int:
    """How many of these stand at the end."""
    n = 0
    while n < len(kinds) and kinds[-1 - n] == wanted:
        n += 1
    return n


def slow_sentences(text: str) -> list[str]:
    """The sentences of a text: those that hold a letter or a number."""
    borders = [0, *slow_breaks(text), len(text)]
    pieces = [text[a:b] for a, b in pairwise(borders)]
    return [piece for piece in pieces if any(c.isalnum() for c in piece)]


def slow_counts(text: str) -> dict[str, int]:
    """All counts of a text."""
    folded = "".join(c.lower() if c.isascii() else c for c in text)
    return {
        "sentences": len(slow_sentences(text)),
        "chars": len(text),
        "curly_brackets": text.count("{"),
        "lorem_ipsum": folded.count("lorem ipsum"),
    }


def buffers(texts: list[str], after: str = "") -> tuple[np.ndarray, np.ndarray]:
    """(data, offsets), with bytes before and after that belong to no text."""
    pieces = [text.encode() for text in texts]
    return np.frombuffer(b"a{" + b"".join(pieces) + after.encode(), np.uint8), np.cumsum([2, *map(len, pieces)])


def count(texts: list[str], after: str = "") -> list[dict[str, int]]:
    """What the kernel counts, one dict a text."""
    counts = page_counts(*buffers(texts, after))
    return [{name: int(counts[name][i]) for name in COUNTS} for i in range(len(texts))]


PIECES = [".", "..", "?", "!", "…", "。", "؟", "．", "।", "\u2024", '"', "”", "’", "'", ")", "(", "«", "[", " ", "  ", "\t", "\xa0", "\u3000"]
PIECES += ["\n", "\r", "\r\n", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", ",", "-", ":", ";", "—", "\u3001", "{", "}", "*", "#", "$"]
PIECES += ["a", "word", "A", "Word", "U.S.", "e.g. this", "3.14", "1", "१", "漢字", "ا", "é", "É", "ß", "ǅ", "ⅷ", "ª", "\u0301", "\u200d", "\xad"]
PIECES += ["\ufeff", "\uff9e", "\u0345", "👍", "Dr. Smith", "lorem ipsum", "Lorem IPSUM", "lorem", "ipsum", "½", "²", "\U0001d400", "x" * 62]
characters = st.characters(codec="utf-8", exclude_categories=["Cn"])
texts = st.lists(st.sampled_from(PIECES) | characters, max_size=25).map("".join)
AFTER = ["", " and More. {lorem ipsum}\n" * 8]


@pytest.mark.parametrize("after", AFTER)
@settings(max_examples=500, deadline=None)
@given(batch=st.lists(texts, max_size=4))
@example(batch=["", " ", "\n", "\r\n", ".", "a.", ".a", "\u0301", "\n\u0301a", "a.\u0301B", "a\u0301.B", "1.\u03011", "a.\r\nb", "a. \u0301 B"])
@example(batch=["lorem ips", "um", "lorem ipsum", "orem ipsum", "a.", "B.", "\uff9e.", ".\uff9e", "a. (1) b", "a.) B", "a. ,b", "A.B", "1.B"])
def test_counts_are_those_of_the_slow_program(after, batch):
    """On text of any script the kernel counts what the rules of UAX #29 give one by one, whatever lies around the text."""
    assert count(batch, after) == [slow_counts(text) for text in batch]


@settings(max_examples=200, deadline=None)
@given(
    text=st.lists(st.sampled_from([piece for piece in PIECES if piece.isascii()]), min_size=20, max_size=120).map("".join),
    foreign=st.sampled_from(["", "é", "”", " “", "\u0301", "\u2028", "…", "漢", "。"]),
    place=st.integers(0, 300),
)
def test_counts_of_long_ascii_with_one_other_character(text, foreign, place):
    """What is asked 64 bytes at a time adds up with the rest, wherever another character stands."""
    text = text[:place] + foreign + text[place:]
    assert count([text, text], AFTER[1]) == [slow_counts(text)] * 2


def test_counts_do_not_depend_on_where_64_bytes_end():
    """A sentence is counted once, wherever it lies."""
    piece = 'He said "No." (She left.) Lorem ipsum… v. 3.14 {x}\r\nU.S. e.g. that ok?! End'
    texts = ["a" * n + " " + piece + "b" * m for n in range(70) for m in (0, 1, 63)]
    assert count(texts) == [slow_counts(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two? Three!", ["One. ", "Two? ", "Three!"]),
        ('He said "No." Then he left.', ['He said "No." ', "Then he left."]),
        ("Pi is 3.14 or so.", ["Pi is 3.14 or so."]),
        ("The U.S. Army.", ["The U.S. ", "Army."]),
        ("In the U.S. people vote.", ["In the U.S. people vote."]),
        ("See e.g. this, etc., and that.", ["See e.g. this, etc., and that."]),
        ("Dr. Smith came.", ["Dr. ", "Smith came."]),
        ("Wait... what? Yes!!! No", ["Wait... what? ", "Yes!!! ", "No"]),
        ("a hard\nline break", ["a hard\n", "line break"]),
        ("a title\r\n\r\n---\r\nText", ["a title\r\n", "Text"]),
        ("我来了。你呢？", ["我来了。", "你呢？"]),
        ("example.com is up. It works.", ["example.com is up. ", "It works."]),
        ("No space.Next one", ["No space.Next one"]),
        ("Version 2.Next one", ["Version 2.", "Next one"]),
        ("هل أنت هنا؟ نعم.", ["هل أنت هنا؟ ", "نعم."]),
        ("...", []),
        ("", []),
        (" \n \n", []),
        ("word", ["word"]),
    ],
)
def test_sentences_by_eye(text, sentences):
    """The rule cuts as its description says; the kernel counts those sentences."""
    assert slow_sentences(text) == sentences
    assert count([text])[0] == slow_counts(text)


def test_the_comparison_can_fail(monkeypatch):
    """Meta-test: a kernel that took every full stop for an end would be noticed."""
    from tamis.kernels import unicode

    breaks = unicode.sentences().copy()
    breaks[ord(".")] = SENTENCE_BREAKS.index("STerm")
    monkeypatch.setattr(unicode, "sentences", lambda: breaks)
    assert count(["Pi is 3.14."]) != [slow_counts("Pi is 3.14.")]


def test_a_long_document():
    """A document of 5 MB is counted as any other, also one of nothing but full stops and commas."""
    piece = "The cat sat on 漢字 and the mat. Did it? “Yes.” {…}\r\n"
    times = 5_000_000 // len(piece.encode())
    long, short = count([piece * times, piece])
    assert long == {name: n * times for name, n in short.items()}
    assert count([".," * 2_000_000 + "a"])[0]["sentences"] == 1


def test_no_documents():
    """Zero documents give every count, with no rows."""
    assert [(name, column.dtype, len(column)) for name, column in page_counts(*buffers([])).items()] == [(name, np.uint32, 0) for name in COUNTS]


@pytest.mark.skipif(not DATA.exists(), reason="shared data is absent")
@pytest.mark.parametrize("name", ["wcxb/pages", "turku_registers/web_registers"])
def test_real_pages(name):
    """On crawled pages of six languages the kernel counts what the slow program counts."""
    texts = [text[:400] for text in pq.read_table(DATA / f"{name}.parquet", columns=["text"]).column("text").to_pylist()[::20]]
    assert count(texts) == [slow_counts(text) for text in texts]
