"""The kernel of lines keeps, shortens and drops what the obvious slow program does."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tamis.kernels.lines import COUNTS, DROPPED_BY, Rules, edit_lines

DATA = Path(__file__).parents[2] / "shared" / "data"
POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
COUNTED = "likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers"
CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
COUNTER = re.compile(rf"\W*\d[,.\d]*[kmb]?\s+({COUNTED})\W*")


def folded(text: str) -> str:
    """ASCII letters in lower case, all else as it is."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def slow_buttons(line: str) -> str:
    """A line without labels of buttons."""
    line = cut(line, r"\s?items in cart")
    body = line.strip()
    start = line.find(body) if body else 0
    left, right = line[:start], line[start + len(body) :]
    if folded(body).endswith("read more..."):
        line = cut(left + body[:-12] + "\0", r"\s?\0") + right
        body = line.strip()
        start = line.find(body) if body else 0
        left, right = line[:start], line[start + len(body) :]
    if folded(body).startswith("sign-in"):
        rest = body[7:] + right
        line = left + (rest[1:] if rest[:1].isspace() else rest)
    return line


def cut(line: str, pattern: str) -> str:
    """A line without what a pattern matches in the folded one, which has its length."""
    pieces, end = [], 0
    for match in re.finditer(pattern, folded(line)):
        pieces.append(line[end : match.start()])
        end = match.end()
    return "".join(pieces) + line[end:]


def slow_rule(line: str, words: int, rules: Rules, mark: str) -> str | None:
    """The first rule that drops a line, of those that only look at it."""
    low = folded(line)
    doomed = "lorem ipsum" in low
    marks = (".", "?", "!", '"', "'") if rules.apostrophe_ends else (".", "?", "!", '"')
    if rules.max_uppercase_share is not None and sum(map(bool, regex.findall(r"\p{Uppercase}", line))) / len(line) > rules.max_uppercase_share:
        return "uppercase_lines"
    if rules.max_digit_share is not None and sum(c.isdecimal() for c in line) / len(line) > rules.max_digit_share:
        return "digit_lines"
    if rules.counters and COUNTER.fullmatch(low):
        return "counter_lines"
    if rules.end_mark and (not mark.endswith(marks) or mark.endswith("...")):
        return "unfinished_lines"
    if words < (rules.min_words or 0):
        return "short_lines"
    if rules.javascript and "javascript" in low and not doomed:
        return "javascript_lines"
    if rules.policy and any(phrase in low for phrase in POLICIES) and not doomed and "{" not in line:
        return "policy_lines"
    return None


def slow_line(line: str, rules: Rules) -> tuple[str, str | None]:
    """(what is left of a line, which rule drops it)."""
    if rules.max_word_length is not None and max(map(len, line.split())) > rules.max_word_length:
        return line, "long_word_lines"
    if rules.strip:
        line = line.strip()
    words, tail = len(line.split()), line[len(line.rstrip()) :]
    body = line[: len(line) - len(tail)]
    if rules.citations:
        body = CITATION.sub("", body)
        if not (body + tail).strip() and body + tail != line:
            return "", "citation_lines"
        line = body + tail
    if not rules.words_with_citations:
        words = len(line.split())
    dropped = slow_rule(line, words, rules, body)
    if dropped is None and rules.buttons and words <= 10:
        left = slow_buttons(line)
        if not left.strip():
            return left, "button_lines"
        line = left
    return line, dropped


def slow_edit(text: str, rules: Rules) -> tuple[str, dict[str, int]]:
    """The text as the rules leave it, and all counts."""
    counts = dict.fromkeys(COUNTS, 0) | {"words": len(text.split()), "chars": len(text)}
    kept, before, newlines = [], set(), 0
    for whole in text.splitlines(keepends=True):
        line = whole.splitlines()[0]
        end = whole[len(line) :]
        if not line.strip():
            if not rules.strip and not (rules.max_newlines is not None and newlines >= rules.max_newlines):
                kept.append(whole)
                newlines += 1
            continue
        counts["lines"] += 1
        left, dropped = slow_line(line, rules)
        if dropped is None and rules.min_repeated_chars and len(left.strip()) >= rules.min_repeated_chars:
            dropped = "repeated_lines" if left.strip() in before else None
            before.add(left.strip())
        if dropped:
            counts[dropped] += 1
            continue
        counts["kept_lines"] += 1
        counts["shortened_lines"] += len(left) < len(line.strip() if rules.strip else line)
        kept.append(left + ("\n" if rules.strip else end))
        newlines = 1
    joined = "".join(kept)
    if rules.strip:
        joined = joined.strip()
    elif joined != text:
        inked = [i for i, line in enumerate(kept) if line.strip()]
        some = kept[inked[0] : inked[-1] + 1] if inked else [""]
        joined = "".join([*some[:-1], *some[-1].splitlines()])
    return joined, counts | {"kept_words": len(joined.split()), "kept_chars": len(joined)}


def buffers(texts: list[str], after: str = "") -> tuple[np.ndarray, np.ndarray]:
    """(data, offsets), with bytes before and after that belong to no text."""
    pieces = [text.encode() for text in texts]
    return np.frombuffer(b"A\n" + b"".join(pieces) + after.encode(), np.uint8), np.cumsum([2, *map(len, pieces)])


def fast_edit(texts: list[str], rules: Rules, after: str = "") -> list[tuple[str, dict[str, int]]]:
    """The same from the kernel."""
    data, offsets, counts = edit_lines(*buffers(texts, after), rules)
    written = [data[a:b].tobytes().decode() for a, b in pairwise(offsets)]
    return [(text, {name: int(counts[name][i]) for name in COUNTS}) for i, text in enumerate(written)]


PIECES = [" ", "  ", "\t", "\n", "\n", "\n\n\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\xa0", "\u3000", "\x1f"]
PIECES += [".", "...", "…", "?", "!", '"', "'", ",", "a", "word", "WORD", "É", "ñ", "漢字", "ǅ", "Ⅷ", "𝐀", "1", "12", "²", "٣", "é" * 40, "x" * 70]
PIECES += ["[12]", "[]", "[edit]", "[citation needed]", "[٣]", "[", "]", "[1", "[Edit]", "[1][2]", "[ 1]", "java[1]script", "JavaScript"]
PIECES += ["privacy policy", "Privacy Policy", "terms of use", "cookie policy", "uses cookies", "use of cookies", "use cookies", "cookies"]
PIECES += ["cookie", "privacy", "lorem ipsum", "Lorem Ipsum", "{", "3 likes", "1.2K followers", "• 5 Comments", "7,000m  views!", "_ 3 likes", "likes"]
PIECES += ["items in cart", "Items in Cart", "read more...", "Read More...", "Sign-in", "sign-in", "\u0301", "\ufeff", "👍"]
characters = st.characters(codec="utf-8", exclude_categories=["Cn"])
texts = st.lists(st.sampled_from(PIECES) | characters, max_size=25).map("".join)
rules = st.builds(
    Rules,
    strip=st.booleans(),
    max_word_length=st.sampled_from([None, None, 1, 5, 69, 70]),
    citations=st.booleans(),
    max_uppercase_share=st.sampled_from([None, 0.0, 0.5]),
    max_digit_share=st.sampled_from([None, 0.5, 0.999999]),
    counters=st.booleans(),
    end_mark=st.sampled_from([False, False, True]),
    apostrophe_ends=st.booleans(),
    min_words=st.sampled_from([None, None, 1, 2, 5]),
    words_with_citations=st.booleans(),
    javascript=st.booleans(),
    policy=st.booleans(),
    buttons=st.booleans(),
    min_repeated_chars=st.sampled_from([None, 1, 3]),
    max_newlines=st.sampled_from([None, 1, 2]),
)
AFTER = ["", " policy cookies javascript\n" * 9]
ALL = Rules(False, 70, True, 0.5, 0.999999, True, False, True, 2, True, True, True, True, 1, 2)


@pytest.mark.parametrize("after", AFTER)
@settings(max_examples=1000, deadline=None)
@given(batch=st.lists(texts, max_size=4), rules=rules)
@example(batch=["", " ", "\n", "\n\n\n\na", "a\n", " a", "a\n\n\n\nb\n \n\nc", "1\n", "\n1\n\na b", "a\r\n\r\n\r\nb"], rules=ALL)
@example(batch=["a\nb\n a \na", "a b\n\nc d", "[1] [2] [3]", "text. [1]", "text.[1]", " [edit] ", "a [1] "], rules=Rules(strip=True, citations=True, end_mark=True))
def test_texts_and_counts_are_those_of_the_slow_program(after, batch, rules):
    """On text of any script, under any rules, text and counts are those of plain Python, whatever lies around the text."""
    assert fast_edit(batch, rules, after) == [slow_edit(text, rules) for text in batch]


@settings(max_examples=300, deadline=None)
@given(lines=st.lists(st.lists(st.sampled_from(PIECES) | st.characters(max_codepoint=127), max_size=12).map("".join), max_size=30), rules=rules)
def test_long_texts(lines, rules):
    """Texts of many lines, longer than 64 bytes, are edited as those of few."""
    text = "\n".join([*lines, *lines])
    assert fast_edit([text, text], rules) == [slow_edit(text, rules)] * 2


@settings(max_examples=300, deadline=None)
@given(batch=st.lists(texts, max_size=4), rules=rules)
def test_nothing_is_ever_added(batch, rules):
    """What is kept is never more than what was there, so that no share can exceed 1."""
    for _, counts in fast_edit(batch, rules):
        assert all(counts[f"kept_{name}"] <= counts[name] for name in ("lines", "words", "chars"))
        assert counts["kept_lines"] + sum(counts[name] for name in DROPPED_BY) == counts["lines"]


def test_edits_do_not_depend_on_where_64_bytes_end():
    """A phrase, a citation or a line end is found wherever it lies."""
    piece = "our privacy policy\nA[12] b JavaScript\n3 likes\r\n\nget 2 items in cart now\né\u2028WE USE COOKIES\n{ terms of use"
    texts = ["a" * n + " " + piece + "b" * m for n in range(70) for m in (0, 1, 63)]
    for one in (ALL, Rules(strip=True, citations=True, javascript=True), Rules(policy=True, min_repeated_chars=2)):
        assert fast_edit(texts, one) == [slow_edit(text, one) for text in texts]


def test_the_comparison_can_fail():
    """Meta-test: with another rule the two differ, for every rule."""
    text = "WE\n12\n3 likes\nx y\nwe USE cookies\nx y z [1].\njavascript here.\n" + "x" * 80 + " a\n\n\n\n items in cart\nx y\nis it'\n cut \na [1] [2]\n"
    for name, off in Rules().__dict__.items():
        other = Rules(**{**ALL.__dict__, name: off if getattr(ALL, name) != off else True})
        tail = "it is'" if name == "apostrophe_ends" else ""
        base = Rules(**{**ALL.__dict__, "end_mark": True}) if tail else ALL
        other = Rules(**{**other.__dict__, "end_mark": True}) if tail else other
        assert fast_edit([tail or text], other) != [slow_edit(tail or text, base)], name


def test_arrays_are_returned_where_nothing_changed():
    """The very arrays that were given come back, and no copy of them."""
    data, offsets = buffers(["A line of words.\n\nAnother one.\n", "", "漢字 and more"])
    given_back = edit_lines(data, offsets, ALL)
    assert given_back[0] is data
    assert given_back[1] is offsets


def test_a_long_document():
    """A document of 5 MB, of many lines or of one, is edited as any other."""
    piece = "The cat sat on 漢字 and the mat[1].\r\nMENU\n3 likes\n“Yes.” {…}\n"
    times = 5_000_000 // len(piece.encode())
    one = Rules(**{**ALL.__dict__, "min_repeated_chars": None})
    (long, counts), (short, few) = fast_edit([piece * times, piece], one)
    assert long == (short + "\n") * (times - 1) + short
    assert counts["kept_lines"] == few["kept_lines"] * times
    (same, counts), _ = fast_edit([piece * times, piece], ALL)
    assert (same, counts["repeated_lines"]) == (short, (times - 1) * 2)
    assert fast_edit(["x y " * 1_000_000], ALL)[0][1]["kept_words"] == 2_000_000


def test_no_documents():
    """Zero documents give every count, with no rows."""
    _, offsets, counts = edit_lines(*buffers([]), ALL)
    assert len(offsets) == 1
    assert [(name, column.dtype, len(column)) for name, column in counts.items()] == [(name, np.uint32, 0) for name in COUNTS]


@pytest.mark.skipif(not DATA.exists(), reason="shared data is absent")
@pytest.mark.parametrize("name", ["wcxb/pages", "turku_registers/web_registers"])
def test_real_pages(name):
    """On crawled pages of six languages the kernel does what plain Python does."""
    texts = [text[:3000] for text in pq.read_table(DATA / f"{name}.parquet", columns=["text"]).column("text").to_pylist()[::10]]
    c4 = Rules(strip=True, max_word_length=1000, citations=True, end_mark=True, min_words=5, javascript=True, policy=True)
    for one in (ALL, c4):
        assert fast_edit(texts, one) == [slow_edit(text, one) for text in texts]
