"""The repetition kernel counts what the obvious slow program counts."""

from __future__ import annotations

import re
from collections import Counter

import numba
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_kernels_quality import AFTER, PIECES, buffers, slow_tokens

from tamis.kernels import repetition_table, unicode
from tamis.kernels.repetition import CONVENTIONS, COUNTS, repetition_counts

RULES = ["unicode", "whitespace"]
ALL = [(convention, rule) for convention in CONVENTIONS for rule in RULES]


def holds_word(text: str) -> bool:
    """Whether there is a letter or a number."""
    return any(c.isalnum() for c in text)


def slow_words(text: str, convention: str, rule: str) -> list[str]:
    """The words of a text."""
    tokens = slow_tokens(text, rule)
    if convention == "paper":
        return [token for token in tokens if holds_word(token)]
    return [token for token in tokens if token[0].isalnum()] if (convention, rule) == ("dclm", "unicode") else tokens


def slow_segments(text: str, convention: str, what: str) -> list[str]:
    """The lines or paragraphs of a text."""
    if convention == "paper":
        pieces = text.split("\n") if what == "line" else re.split(r"\n\s*\n", text)
        return [piece.strip() for piece in pieces if holds_word(piece)]
    if convention == "datatrove" and what == "paragraph":
        text = text.strip()
    pieces = re.split(r"\n+" if what == "line" else r"\n{2,}", text)
    return [piece.strip() for piece in pieces if piece.strip()] if convention == "dclm" else pieces


def slow_repeats(pieces: list[str], convention: str) -> list[str]:
    """The pieces that repeat an earlier one, or that occur more than once."""
    if convention in ("paper", "datatrove"):
        return [piece for i, piece in enumerate(pieces) if piece in pieces[:i]]
    return [piece for piece in pieces if pieces.count(piece) > 1]


def slow_apart(phrases: list[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    """How often each phrase is met by a reader who looks for it alone, and goes on behind it."""
    counts, free = Counter(), {}
    for i, phrase in enumerate(phrases):
        if i >= free.get(phrase, 0):
            counts[phrase] += 1
            free[phrase] = i + len(phrase)
    return counts


def slow_top(phrases: list[tuple[str, ...]], convention: str) -> int:
    """Occurrences × characters of the most frequent phrase."""
    if not phrases:
        return 0
    counts = slow_apart(phrases) if convention == "paper" else Counter(phrases)
    phrase, n = counts.most_common(1)[0]
    if convention == "datatrove":
        return len(" ".join(phrase)) * n
    if convention == "dolma":
        return len("".join(phrase)) * n
    return 0 if n == 1 else n * max(len("".join(one)) for one in counts if counts[one] == n)


def slow_duplicates(words: list[str], n: int, convention: str) -> int:
    """Characters in the phrases of n words that occur more than once."""
    phrases = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    counts = Counter(phrases)
    if convention == "dolma":
        return sum(len("".join(phrase)) for phrase in phrases if counts[phrase] > 1)
    if convention == "dclm":
        inside = {i + k for i, phrase in enumerate(phrases) if counts[phrase] > 1 for k in range(n)}
        return sum(len(words[i]) for i in inside)
    met, chars, i = set(), 0, 0
    while i < len(phrases):
        again = phrases[i] in met
        met.add(phrases[i])
        chars += again * len("".join(phrases[i]))
        i += n if again else 1
    return chars


def slow_counts(text: str, convention: str, rule: str) -> dict[str, int]:
    """All counts of a text."""
    words = slow_words(text, convention, rule)
    counts = {"chars": len(text), "words": len(words), "word_chars": len("".join(words))}
    for what in ("line", "paragraph"):
        pieces = slow_segments(text, convention, what)
        repeats = slow_repeats(pieces, convention)
        counts |= {f"{what}s": len(pieces), f"{what}_chars": len("".join(pieces))}
        counts |= {f"duplicate_{what}s": len(repeats), f"duplicate_{what}_chars": len("".join(repeats))}
    phrases = {n: [tuple(words[i : i + n]) for i in range(len(words) - n + 1)] for n in range(2, 11)}
    counts |= {f"top_{n}gram_chars": slow_top(phrases[n], convention) for n in range(2, 5)}
    counts |= {f"duplicate_{n}gram_chars": slow_duplicates(words, n, convention) for n in range(5, 11)}
    return counts | {f"{n}gram_chars": sum(len("".join(phrase)) for phrase in phrases[n]) for n in range(5, 11)}


def count(texts: list[str], convention: str, rule: str, after: str = "...") -> list[dict[str, int]]:
    """What the kernel counts, one dict a text."""
    counts = repetition_counts(*buffers(texts, after), convention=convention, rule=rule)
    return [{name: int(counts[name][i]) for name in COUNTS} for i in range(len(texts))]


characters = st.characters(codec="utf-8", exclude_categories=["Cn"])
lines = st.lists(st.sampled_from([*PIECES, " ", " ", " ", "\n", "\n"]) | characters, max_size=25).map("".join)
# Few different pieces, so that there is much to be found.
stuck = st.lists(st.sampled_from(["a ", "bb ", "a ", "é ", "漢", "the cat ", ", ", "\n", "\n\n", "so it went on. "]), max_size=60).map(
    "".join
)


@st.composite
def repeating(draw: st.DrawFn) -> str:
    """A text that quotes itself, now and then with a mistake."""
    text = draw(lines | stuck)
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, len(text)))
        text += draw(st.sampled_from(["", " ", "\n", "\n\n", "x"])) + text[begin : begin + draw(st.integers(0, 80))]
    return text


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize(("convention", "rule"), ALL)
@settings(max_examples=120, deadline=None)
@given(batch=st.lists(lines | stuck | repeating(), max_size=4))
@example(batch=["", " ", "\n", "\n\n", "\n\n\na\n\n\na\n\n", "\r\n\r\n", "a\n", "\na", "a\n\n\nb\n\n a\n b", "\u3000a\n\na\x85"])
@example(batch=["a\n \nb\n\t\u3000\n\na", "a\r\n\r\na\r\n-\r\n-", "a\n ", "\n \na\n \n", "•\n\n•\n\n! a\n\n! a", "_ _ _a _a '_' (a (a)"])
@example(batch=["a\n" * 9, "\n" * 70, "word", "two words", "a a a a a a a a a a a a", "a b " * 8 + "b a " * 8, "\u0301 \u0301 \u0301"])
def test_counts_are_those_of_the_slow_program(convention, rule, after, batch):
    """On text of any script the kernel counts what plain Python counts, whatever lies around the text."""
    assert count(batch, convention, rule, after) == [slow_counts(text, convention, rule) for text in batch]


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=200, deadline=None)
@given(text=lines | stuck | repeating())
def test_no_part_of_the_paper_exceeds_its_whole(rule, text):
    """By "paper" shares need no cap: what is counted twice is counted in the whole twice."""
    (found,) = count([text], "paper", rule)
    assert all(found[f"duplicate_{what}"] <= found[what] for what in ("lines", "line_chars", "paragraphs", "paragraph_chars"))
    assert max(found[f"top_{n}gram_chars"] for n in (2, 3, 4)) <= found["word_chars"]
    assert max(found[f"duplicate_{n}gram_chars"] for n in range(5, 11)) <= found["word_chars"] <= found["chars"]


ASCII = [piece for piece in PIECES if piece.isascii()] + [
    "seven77",
    "eight888",
    "nine99999",
    "x" * 70,
    "-" * 70,
    "\t",
    " the cat sat on the mat ",
]


@pytest.mark.parametrize(("convention", "rule"), ALL)
@settings(max_examples=80, deadline=None)
@given(
    text=st.lists(st.sampled_from([*ASCII, " ", " ", " "]), min_size=5, max_size=80).map("".join),
    foreign=st.sampled_from(["", "é", "“", "\u0301", "\u2028", "漢"]),
    place=st.integers(0, 300),
)
def test_counts_of_ascii_with_one_other_character(convention, rule, text, foreign, place):
    """Words that are taken from 64 bytes at a time are those that are taken one by one."""
    text = text[:place] + foreign + text[place:] + "\n" + text
    assert count([text, text], convention, rule, AFTER[1]) == [slow_counts(text, convention, rule)] * 2


@pytest.mark.parametrize(("convention", "rule"), ALL)
def test_counts_do_not_depend_on_where_64_bytes_end(convention, rule):
    """Words, lines and newlines are counted once, wherever they lie, up to a text of just 64 bytes."""
    piece = "the end... of it -- the end... of\n\nthe end... of it\n\n\nHowever, extraordinarily\n"
    texts = ["a" * n + "\n" + piece + "b" * m for n in range(70) for m in (0, 1, 62, 63, 64)]
    assert count(texts, convention, rule, AFTER[1]) == [slow_counts(text, convention, rule) for text in texts]


@pytest.mark.parametrize("length", range(1, 26))
def test_words_of_any_length_are_told_apart(length):
    """Two words that differ in one letter are two, whichever letter it is, and a word is not its beginning."""
    for k in range(length):
        word = "a" * length
        other = word[:k] + "b" + word[k + 1 :]
        for text in (f"{word} x {other} x", f"{word} x {word}a x", f"x {word}\0 x {word}"):
            assert count([text], "dclm", "whitespace", AFTER[1])[0]["top_2gram_chars"] == 0
            assert count([text], "dclm", "whitespace", "")[0]["top_2gram_chars"] == 0


def test_the_order_of_words_matters():
    """The pair "b a" is not the pair "a b", nor "aa b" the pair "a ab"."""
    assert count(["a b b a", "aa b a ab"], "dclm", "whitespace") == [
        slow_counts(text, "dclm", "whitespace") for text in ("a b b a", "aa b a ab")
    ]
    assert count(["a b b a"], "dclm", "whitespace")[0]["top_2gram_chars"] == 0


def test_hashes_of_many_words_differ():
    """Among the 900,000 pairs of a text without repeated ones, none is taken for another."""
    words = [f"{i:x}" for i in range(300_000)]
    text = " ".join(words + words[::2] + words[::3] + words[::-1])
    found = count([text], "dolma", "whitespace")[0]
    assert found["words"] == 850_000
    assert found["top_2gram_chars"] == len(words[0] + words[1])
    assert found["duplicate_5gram_chars"] == 0


def test_comparison_with_the_slow_program_can_fail(monkeypatch):
    """Meta-test: a kernel that took marks for symbols would be noticed."""
    flags = unicode.flags("unicode") & ~np.uint16(unicode.MARK)
    monkeypatch.setattr(unicode, "flags", lambda _: flags)
    text = "cafe\u0301 cafe\u0301"
    assert count([text], "datatrove", "unicode") != [slow_counts(text, "datatrove", "unicode")]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_million_equal_words(convention):
    """A text that got stuck has one pair, seen a million times, and takes no longer than others."""
    n = 1_000_000
    found = count(["a " * n], convention, "unicode")[0]
    # The first 10-gram is new, the one that begins a word later is met again, and so on behind it.
    again = (n - 1) // 10 * 10
    again = {"paper": again, "datatrove": again, "dclm": n, "dolma": (n - 9) * 10}[convention]
    top = {"paper": n, "datatrove": (n - 1) * 3}.get(convention, (n - 1) * 2)
    assert (found["top_2gram_chars"], found["duplicate_10gram_chars"], found["lines"]) == (top, again, 1)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_million_lines_of_one_character(convention):
    """As many lines as a text can have find their places."""
    lines = [chr(0x4E00 + i % 20_000) for i in range(1_000_000)]
    found = count(["\n".join(lines), "\n".join("ab" * 500_000)], convention, "whitespace")
    assert [one["lines"] for one in found] == [1_000_000] * 2
    repeats = [980_000, 999_998] if convention in ("paper", "datatrove") else [1_000_000] * 2
    assert [one["duplicate_line_chars"] for one in found] == repeats


@pytest.mark.parametrize("character", ["\n", "!", "漢", " ", "?!"])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_texts_that_are_all_words_or_all_lines(convention, character):
    """Room is made for as many words and lines as there are, the first time and the next."""
    texts = ["word", character * 3_000, "a b", character * 200, "\n!" * 2_000]
    assert count(texts, convention, "unicode") == [slow_counts(text, convention, "unicode") for text in texts]


def test_a_long_document():
    """A document of 50 MB is counted, in the order of its words."""
    words = [f"{i % 5_000_011:x}" for i in range(7_000_000)]
    text = " ".join(words)
    found = count([text], "dclm", "whitespace")[0]
    assert found["words"] == 7_000_000
    repeated = sum(map(len, words[: 7_000_000 - 5_000_011])) * 2
    assert {found[f"duplicate_{n}gram_chars"] for n in range(5, 11)} == {repeated}


@pytest.mark.parametrize(("convention", "rule"), ALL)
def test_no_documents(convention, rule):
    """Zero documents give every count, with no rows."""
    counts = repetition_counts(*buffers([]), convention=convention, rule=rule)
    assert [(name, column.dtype, len(column)) for name, column in counts.items()] == [(name, np.uint64, 0) for name in COUNTS]


@numba.njit
def _bits_for(n):
    return repetition_table.bits_for(n)  # a piece, which only compiled code can call


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 63, 64, 65, 2**20 - 1, 2**20])
def test_tables_are_large_enough(n):
    """A table holds its keys and is at most half full, and no larger than what is set aside for a power of two of them."""
    places = 1 << _bits_for(n)
    assert 2 * n <= places <= max(2, 4 * n - 2)
