"""The overlap kernels find what the obvious slow program finds."""

import numpy as np
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tamis.kernels.overlap import Overlaps, overlaps
from tamis.kernels.overlap_index import CHECKED, MONOTONOUS, REPEATED, SHORT, build
from tamis.kernels.overlap_words import word_hashes

# Written from the text of tamis.kernels.overlap_words, with the properties of `regex`.
_MARK = r"[[\p{M}\p{Cf}]--[\u200b]]"
_ALONE = r"[[\p{L}\p{Nl}]&&[\p{Script=Han}\p{Script=Hiragana}\p{Line_Break=SA}]]"
WORD = regex.compile(rf"(?:[[\p{{L}}\p{{N}}]--{_ALONE}]{_MARK}*)+ | {_ALONE}{_MARK}*", flags=regex.VERSION1 | regex.VERBOSE)
INVISIBLE = {0xAD, 0xFEFF, *range(0x2000, 0x2070)}


def slow_words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    found = [match.group() for match in WORD.finditer(text)]
    return ["".join(c.lower()[0] for c in word if ord(c) not in INVISIBLE) for word in found]


def slow_status(texts: list[list[str]], min_words: int, min_distinct: int) -> list[int]:
    """Why each text is not looked for."""
    found, seen = [], set()
    for words in texts:
        short, monotonous = len(words) < min_words, len(set(words)) < min_distinct
        found.append(SHORT if short else MONOTONOUS if monotonous else REPEATED if tuple(words) in seen else CHECKED)
        seen |= {tuple(words)} if found[-1] == CHECKED else set()
    return found


def longest_run(a: list[str], b: list[str]) -> int:
    """Words of the longest run in both."""
    best, above = 0, [0] * (len(b) + 1)
    for word in a:
        here = [0] * (len(b) + 1)
        for j, other in enumerate(b):
            here[j + 1] = above[j] + 1 if word == other else 0
        best, above = max(best, *here), here
    return best


def slow_overlap(document: list[str], texts: list[list[str]], status: list[int], ngram: int) -> tuple[int, int, int, int, int, int]:
    """What one document shares, in the order of `Overlaps`."""
    shared: set[int] = set()
    found = []
    for t, words in enumerate(texts):
        size = min(ngram, len(words))
        if status[t] != CHECKED:
            continue
        grams = [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
        held = [tuple(document[i : i + size]) for i in range(len(document) - size + 1)]
        shared |= {i for i, gram in enumerate(held) if gram in grams}
        covered = {i + k for i, gram in enumerate(grams) if gram in held for k in range(size)}
        if covered:
            found.append((t, len(covered), len(words), longest_run(document, words)))
    if not found:
        return 0, 0, -1, 0, 0, -1
    text, covered, size, _ = min(found, key=lambda one: (-one[1] / one[2], -one[3], one[0]))
    longest_text, _, _, longest = min(found, key=lambda one: (-one[3], -one[1] / one[2], one[0]))
    return len(shared), longest, longest_text, covered, size, text


def buffers(texts: list[str], after: str = "a ... ") -> tuple[np.ndarray, np.ndarray]:
    """(data, offsets), with bytes before and after that belong to no text."""
    pieces = [text.encode() for text in texts]
    return np.frombuffer(b"a " + b"".join(pieces) + after.encode(), np.uint8), np.cumsum([2, *map(len, pieces)])


def compare(documents: list[str], texts: list[str], ngram: int, min_words: int, min_distinct: int, after: str = "a ... ") -> Overlaps:
    """What the kernels find, having been compared with the slow program."""
    index = build(*buffers(texts), ngram=ngram, min_words=min_words, min_distinct=min_distinct)
    found = overlaps(*buffers(documents, after), index)
    words = [slow_words(text) for text in texts]
    status = slow_status(words, min_words, min_distinct)
    assert index.status.tolist() == status
    assert list(zip(*(column.tolist() for column in found), strict=True)) == [
        slow_overlap(slow_words(document), words, status, ngram) for document in documents
    ]
    return found


# What follows the last text decides how much of it is read 64 bytes at a time: almost nothing, or as much as is ASCII.
AFTER = ["a ... ", "a ... " * 20]
WORDS = [
    "a",
    "B",
    "b",
    "the",
    "The",
    "THE",
    "cat",
    "don't",
    "naïve",
    "NAÏVE",
    "nai\u0308ve",
    "к",
    "К",
    "Ⅷ",
    "K",
    "\u212a",
    "x" * 20,
    "X" * 20,
]
WORDS += [
    "漢字",
    "字",
    "ひら",
    "カタ",
    "ภา",
    "हिन्दी",
    "שלום",
    "exam\u00adple",
    "example",
    "٣",
    "３",
    "İ",
    "i",
    "_a_",
    "a_b",
    "e\u0301",
    "𝒳",
    "½",
    "x" * 8,
    "x" * 9,
]
BETWEEN = [" ", ", ", "\n", " — ", "\u200b", "\u200d", "“", "_", "\x00", ". ", "\u0301 ", "👩\u200d💻", "-", "'"]
characters = st.characters(codec="utf-8", exclude_categories=["Cn"])
texts = st.lists(st.tuples(st.sampled_from(WORDS) | characters, st.sampled_from(BETWEEN)), max_size=25).map(
    lambda pairs: "".join(map("".join, pairs))
)
# Few words, so that much is shared.
crowded = st.lists(st.sampled_from(["a", "b", "C", "é", "漢"]), max_size=40).map(" ".join)


@pytest.mark.parametrize("after", AFTER)
@settings(max_examples=200)
@given(batch=st.lists(texts, max_size=4))
@example(batch=["", " ", "_", "\u0301", "\u0301a", "a\u0301\u0301 b", "a\u00ad", "\u00ad", "a\u200bb", "漢a漢", "a" * 64, "a" * 65])
def test_words_are_those_of_the_slow_program(after, batch):
    """On text of any script, words begin where plain Python finds them, and have one hash if and only if they are the same."""
    data, offsets = buffers(batch, after)
    hashes, starts, borders = word_hashes(data, offsets)
    words = [slow_words(text) for text in batch]
    assert np.diff(borders).tolist() == [len(one) for one in words]
    assert [bytes(data[offsets[i] : start]).decode() for i, text in enumerate(batch) for start in starts[borders[i] : borders[i + 1]]] == [
        text[: match.start()] for text in batch for match in WORD.finditer(text)
    ]
    every = [word for one in words for word in one]
    called = dict(zip(hashes.tolist(), every, strict=True))
    assert [called[one] for one in hashes.tolist()] == every
    assert len(called) == len(set(every))


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("kind", [texts, crowded], ids=["scripts", "crowded"])
@settings(max_examples=200)
@given(data=st.data(), ngram=st.integers(1, 9), min_words=st.integers(1, 10), min_distinct=st.integers(1, 3))
def test_overlaps_are_those_of_the_slow_program(kind, after, data, ngram, min_words, min_distinct):
    """Everything shared is found, counted and named as plain Python does, for n-grams of any length and texts of any script."""
    items = data.draw(st.lists(kind, max_size=5))
    quoted = st.sampled_from(items).map(lambda item: item[len(item) // 3 :].upper()) if items else kind
    documents = data.draw(
        st.lists(st.lists(kind | quoted | (st.sampled_from(items) if items else kind), max_size=4).map("".join), max_size=4)
    )
    compare(documents, items, ngram, min_words, min_distinct, after)


LETTERS = [f"w{i}" for i in range(60)]


@pytest.mark.parametrize("ngram", [1, 2, 3, 5, 8, 12, 13, 20])
def test_every_run_is_found_wherever_it_lies(ngram):
    """A run of just `ngram` words is found at every place of a text, and one that is a word shorter is not."""
    text = " ".join(LETTERS)
    long = ["x " + " ".join(LETTERS[i : i + ngram]) + " y" for i in range(60 - ngram + 1)]
    short = ["x " + " ".join(LETTERS[i : i + ngram - 1]) + " y" for i in range(60 - ngram + 2)]
    for min_words in (1, min(8, ngram), ngram, 60):
        found = compare(long + short, [text], ngram, min_words, 1)
        assert found.longest.tolist() == [ngram] * len(long) + [0] * len(short)
        assert found.shared.tolist() == [1] * len(long) + [0] * len(short)


def test_equal_hashes_are_not_enough():
    """A text with the hashes of the index but other words shares nothing: what is found is compared word by word."""
    text, other = " ".join(LETTERS), " ".join(word.replace("w", "v") for word in LETTERS)
    index = build(*buffers([text]), ngram=13, min_words=8, min_distinct=4)
    assert overlaps(*buffers([text]), index).longest.tolist() == [60]
    forged = index._replace(vocabulary=index.vocabulary._replace(data=buffers([other])[0]))
    assert overlaps(*buffers([text]), forged).longest.tolist() == [0]
    some = text.replace(" w9 ", " v9 ").replace(" w50 ", " v50 ")
    forged = index._replace(vocabulary=index.vocabulary._replace(data=buffers([some])[0]))
    assert overlaps(*buffers([text]), forged).longest.tolist() == [40]


def test_of_equals_the_first_is_named():
    """Of texts that overlap alike the first is named; a longer run or a larger share comes before that."""
    three, five = "one two three", "one two three four five"
    assert compare([five], [three, five, "two three four", f"{five} six"], 3, 3, 3).longest_text.tolist() == [1]
    assert compare([three], [five, three, "three one two three"], 3, 3, 3).text.tolist() == [1]
    assert compare(["a b c d"], ["b c d", "a b c"], 3, 3, 3).text.tolist() == [0]


def test_a_run_ends_with_its_document_and_its_text():
    """Neither the end of one document and the start of the next, nor of two texts, make an n-gram together."""
    compare(["a b c", "d e f", "a b c d e f"], ["b c d e", "a b c", "d e f"], 4, 2, 1)


def test_texts_that_are_not_looked_for():
    """Short texts, texts of few different words and repeated ones are told apart, in this order."""
    texts = ["one two", "one one one one", "one two three", "One, two; THREE", "one", "", "three two one"]
    index = build(*buffers(texts), ngram=5, min_words=3, min_distinct=2)
    assert index.status.tolist() == [SHORT, MONOTONOUS, CHECKED, REPEATED, SHORT, SHORT, CHECKED]


def test_a_template_of_a_thousand_texts():
    """Texts that begin alike are each covered as far as they are held, and the one that is held whole is named."""
    texts = [f"which of the following is the best answer to question number {i} about the cat" for i in range(1000)]
    found = compare([texts[700] + " or not", texts[3][:60]] * 2, texts, 5, 5, 3)
    assert found.text.tolist() == [700, 0, 700, 0]


def test_no_documents_and_no_texts():
    """Zero documents give every column, with no rows; without texts nothing is found."""
    assert [len(column) for column in compare([], ["a b c"], 2, 2, 1)] == [0] * 6
    assert compare(["a b c", ""], [], 2, 2, 1).text.tolist() == [-1, -1]


def test_a_long_document():
    """A document of 3 MB is compared as any other, and its texts are counted once however often it holds them."""
    text = " ".join(LETTERS[:20])
    times = 3_000_000 // (len(text) + 3)
    found = overlaps(*buffers([f"{text} x " * times]), build(*buffers([text]), ngram=13, min_words=8, min_distinct=4))
    assert (found.shared.tolist(), found.longest.tolist(), found.covered.tolist()) == ([8 * times], [20], [20])
