"""The quality kernel counts what the obvious slow program counts."""

import numpy as np
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tamis.kernels.quality import COUNTS, quality_counts

STOPS = ("the", "be", "That", "и", "où", "ÇA", "K", "of")

# Written from the text of tamis.kernels.unicode, with the properties of `regex`.
_MARK = r"[[\p{M}\p{Cf}]--[\u200b]]"
_SEPARATOR = r"[\p{White_Space}\p{Cc}\u200b]"
_ALONE = r"[[\p{L}\p{Nl}]&&[\p{Script=Han}\p{Script=Hiragana}\p{Line_Break=SA}]]"
_RUN = rf"[[\p{{L}}\p{{N}}\p{{Pc}}]--{_ALONE}]"
_LETTER = rf"[\p{{L}}--{_ALONE}]"
_IN_WORDS = r"[\p{WB=MidLetter}\p{WB=MidNumLet}\p{WB=Single_Quote}]"
_IN_NUMBERS = r"[\p{WB=MidNum}\p{WB=MidNumLet}\p{WB=Single_Quote}]"
UNICODE_TOKEN = regex.compile(
    rf"""
      {_RUN}{_MARK}* (?: {_RUN}{_MARK}*
                       | (?<={_LETTER}{_MARK}*) {_IN_WORDS} (?={_LETTER})
                       | (?<=\p{{Nd}}{_MARK}*) {_IN_NUMBERS} (?=\p{{Nd}}) )*
    | {_ALONE}{_MARK}*
    | {_MARK}+
    | (?!{_SEPARATOR}|{_MARK}|{_ALONE}|{_RUN}) (?P<symbol>.){_MARK}* (?:(?P=symbol){_MARK}*)*
    """,
    flags=regex.VERSION1 | regex.VERBOSE | regex.DOTALL,
)


def slow_tokens(text: str, rule: str) -> list[str]:
    """The tokens of a text."""
    return text.split() if rule == "whitespace" else [match.group() for match in UNICODE_TOKEN.finditer(text)]


def slow_lower(word: str) -> str:
    """Lower case, one character to one."""
    return "".join(c.lower()[0] for c in word)


def slow_counts(text: str, rule: str, stops: tuple[str, ...] = STOPS) -> dict[str, int]:
    """All counts of a text."""
    tokens = slow_tokens(text, rule)
    words = [token for token in tokens if any(c.isalnum() for c in token)]
    lines = [line.strip() for line in text.splitlines()]
    paragraphs = [line.strip() for line in text.split("\n") if line.strip()]
    return {
        "tokens": len(tokens),
        "token_chars": sum(map(len, tokens)),
        "words": len(words),
        "word_chars": sum(map(len, words)),
        "letter_tokens": sum(any(c.isalpha() for c in token) for token in tokens),
        "alnum_first_tokens": sum(token[0].isalnum() for token in tokens),
        "hashes": text.count("#"),
        "dots": text.count("..."),
        "spaced_dots": text.count(". . ."),
        "ellipses": text.count("…"),
        "lines": len(lines),
        "bullet_lines": sum(line.startswith(("•", "-")) for line in lines),
        "ellipsis_lines": sum(line.endswith(("...", "…")) for line in lines),
        "paragraphs": len(paragraphs),
        "bullet_paragraphs": sum(line.startswith(("●", "•", "*", "-")) for line in paragraphs),
        "ellipsis_paragraphs": sum(line.endswith(("...", ". . .", "…")) for line in paragraphs),
        "stop_words": len(set(stops) & set(tokens)),
        "stop_word_tokens": sum(slow_lower(token) in set(map(slow_lower, stops)) for token in tokens),
    }


def buffers(texts: list[str], after: str = "...") -> tuple[np.ndarray, np.ndarray]:
    """(data, offsets), with bytes before and after that belong to no text."""
    pieces = [text.encode() for text in texts]
    return np.frombuffer(b"##" + b"".join(pieces) + after.encode(), np.uint8), np.cumsum([2, *map(len, pieces)])


def count(texts: list[str], rule: str, after: str = "...", stops: tuple[str, ...] = STOPS) -> list[dict[str, int]]:
    """What the kernel counts, one dict a text."""
    counts = quality_counts(*buffers(texts, after), stops, rule=rule)
    return [{name: int(counts[name][i]) for name in COUNTS} for i in range(len(texts))]


PIECES = ["the", "The", "THE", "be", "of", "That", "that", "и", "И", "où", "ça", "K", "k", "\u212a", "don't", "e.g.", "3.14"]
PIECES += ["1,000", "...", ". . .", ". . . . .", "....", "…", "#", "##", "'", "’", ".", ",", ":", ";", "-", "•", "●", "*", "_"]
PIECES += [" ", "  ", "\n", "\n\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\u2028", "\xa0", "\u3000", "\u200b"]
PIECES += ["\x00", "\u0301", "\u0323\u0307", "\u200d", "\ufeff", "漢字", "〇", "ひらがな", "カタカナ", "ー", "한국어", "ภาษาไทย"]
PIECES += ["ខ្មែរ", "မြန်မာ", "שלום", "عربي", "हिन्दी", "Ελλάδα", "ЖИЗНЬ", "１２", "Ａ", "٣.١", "👩\u200d💻", "🇫🇷", "İ", "ǅ", "Ⅷ"]
PIECES += ["½", "\U000e0001", "\U0010ffff"]
characters = st.characters(codec="utf-8", exclude_categories=["Cn"])
texts = st.lists(st.sampled_from(PIECES) | characters, max_size=25).map("".join)


# What follows the last text decides how much of it is counted 64 bytes at a time: almost nothing, or as much as is ASCII.
AFTER = ["...", "... . . the #\n" * 6]


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("rule", ["unicode", "whitespace"])
@settings(max_examples=200, deadline=None)
@given(batch=st.lists(texts, max_size=4))
@example(batch=["", " ", "\n", "\r\n", "...", "\u0301", "a\r", "\r\n\n\r", ". . . . . .", "- \x00- ", "\x00- "])
@example(batch=["a\r", "\nb", ". .", " .", "-", "…"])
def test_counts_are_those_of_the_slow_program(rule, after, batch):
    """On text of any script the kernel counts what plain Python counts, whatever lies around the text."""
    assert count(batch, rule, after) == [slow_counts(text, rule) for text in batch]


ASCII_PIECES = [piece for piece in PIECES if piece.isascii()] + ["word", "a.b:c;d,e'f", "1;2:3", "__", "((", "x" * 70, "-" * 70]
ASCII_PIECES += ["\x7f", "\t", "don''t", "a.", ".5", "however", "However", "HOWEVER", "through", "throughout"]
STOPS_OF_ALL_LENGTHS = ("the", "The", "a", "#", "...", "e.g", "don't", "however", "through", "throughout", "x" * 70, "\u212a", "ça")


@pytest.mark.parametrize("rule", ["unicode", "whitespace"])
@settings(max_examples=250, deadline=None)
@given(
    text=st.lists(st.sampled_from(ASCII_PIECES) | st.characters(max_codepoint=127), min_size=5, max_size=80).map("".join),
    foreign=st.sampled_from(["", "é", "“", " “", "\u0301", "\u2028", "…", "漢"]),
    place=st.integers(0, 300),
    stops=st.lists(st.sampled_from(STOPS_OF_ALL_LENGTHS), unique=True).map(tuple),
)
@example(text="so be it " * 9, foreign="", place=0, stops=("be",))
def test_counts_of_ascii_with_one_other_character(rule, text, foreign, place, stops):
    """What is counted 64 bytes at a time adds up with the rest, wherever another character stands."""
    text = text[:place] + foreign + text[place:]
    assert count([text, text], rule, AFTER[1], stops) == [slow_counts(text, rule, stops)] * 2


@pytest.mark.parametrize("rule", ["unicode", "whitespace"])
def test_counts_do_not_depend_on_where_64_bytes_end(rule):
    """Tokens, lines, dots and stop words are counted once, wherever they lie, up to a text of just 64 bytes."""
    piece = "the end... of e.g. it -- . . . #1\r\n- However, that's a1\n\n"
    texts = ["a" * n + " " + piece + "b" * m for n in range(70) for m in (0, 1, 62, 63, 64)]
    assert count(texts, rule, AFTER[1]) == [slow_counts(text, rule) for text in texts]


@pytest.mark.parametrize("rule", ["unicode", "whitespace"])
def test_every_ascii_character(rule):
    """Each pair of ASCII characters, between letters, between digits and alone, is read as the tables of Unicode say."""
    stops = ("a", "z", "{", "`", "A", "[ ", "#")
    pairs = [chr(a) + chr(b) for a in range(128) for b in range(128)]
    for texts in (pairs, [f"x{pair}y" for pair in pairs], [f"1{pair}2" for pair in pairs]):
        assert count(texts, rule, AFTER[1], stops) == [slow_counts(text, rule, stops) for text in texts]


def test_comparison_with_the_slow_program_can_fail(monkeypatch):
    """Meta-test: a kernel that took marks for symbols would be noticed."""
    from tamis.kernels import unicode

    flags = unicode.flags("unicode") & ~np.uint16(unicode.MARK)
    monkeypatch.setattr(unicode, "flags", lambda _: flags)
    assert count(["cafe\u0301"], "unicode") != [slow_counts("cafe\u0301", "unicode")]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't stop!", ["Don't", "stop", "!"]),
        ("word,word", ["word", ",", "word"]),
        ("3.14 or 1,000 at example.com", ["3.14", "or", "1,000", "at", "example.com"]),
        ("the end. Next", ["the", "end", ".", "Next"]),
        ("v1.x a''b", ["v1", ".", "x", "a", "''", "b"]),
        ("snake_case __init__", ["snake_case", "__init__"]),
        ("Wait... ---- ?!", ["Wait", "...", "----", "?", "!"]),
        ("cafe\u0301 \u0301x", ["cafe\u0301", "\u0301", "x"]),
        ("漢字かな", ["漢", "字", "か", "な"]),
        ("カタカナ 한국어", ["カタカナ", "한국어"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("ＡＢ１２", ["ＡＢ１２"]),
        ("a\x00b\u200bc\x1cd", ["a", "b", "c", "d"]),
        ("👍👍👍🏽", ["👍👍👍", "🏽"]),
        ("$5 50%", ["$", "5", "50", "%"]),
    ],
)
def test_tokens_by_eye(text, tokens):
    """The word rule "unicode" cuts text as its description says; the kernel counts those tokens."""
    assert slow_tokens(text, "unicode") == tokens
    assert count([text], "unicode")[0] == slow_counts(text, "unicode")


def test_repeated_symbols_are_counted_as_str_count_does():
    """Neither "..." nor ". . ." overlaps itself: five dots are one, six are two."""
    counts = quality_counts(*buffers([".....", "......", ". . . .", ". . . . . .", ".. .", ". . .."]))
    assert counts["dots"].tolist() == [1, 2, 0, 0, 0, 0]
    assert counts["spaced_dots"].tolist() == [0, 0, 1, 2, 0, 1]


def test_symbols_do_not_reach_over_the_border_of_a_text():
    """Two dots at the end of one text and one at the start of the next are no ellipsis."""
    assert quality_counts(*buffers(["a..", ".", ". .", " ."]))["dots"].tolist() == [0, 0, 0, 0]


def test_stop_words_of_any_number_script_and_length():
    """64 stop words, some longer than 64 characters, are each found."""
    stops = tuple(["x" * 70, "x" * 71, "ще", "有", "l'eau"] + [f"w{i}" for i in range(59)])
    text = " ".join([*stops, "X" * 70, "ЩЕ", "x" * 72, "w59"])
    for after in AFTER:
        counts = quality_counts(*buffers([text, stops[0], "x" * 69], after), stops)
        assert counts["stop_words"].tolist() == [64, 1, 0]
        assert counts["stop_word_tokens"].tolist() == [66, 1, 0]


@pytest.mark.parametrize("rule", ["unicode", "whitespace"])
def test_a_long_document(rule):
    """A document of 5 MB is counted as any other."""
    piece = "The cat... sat on 漢字 and the # mat.\r\n- be “good” ééé …\n"
    times = 5_000_000 // len(piece.encode())
    long, short = count([piece * times, piece], rule)
    assert long == {name: n if name == "stop_words" else n * times for name, n in short.items()}


def test_no_documents():
    """Zero documents give every count, with no rows."""
    counts = quality_counts(*buffers([]))
    assert [(name, column.dtype, len(column)) for name, column in counts.items()] == [(name, np.uint32, 0) for name in COUNTS]
