"""Words as places, lines by their looks, characters by script, sums over pairs of words: each as a slow program has it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.documents import utf8
from tamis.kernels import characters, layout, ngrams, topics, unicode

PIECES = ["the", "Court", "ÉCOLE", "naïve", "a", "of", "x1y", "42", "1.", "- ", "* ", "• ", "\n", "\n\n", " ", "\t", "...", "?", "!", "“yes.”", "¿", "€ 5", "$9", "9 £", "₹", "{", "};", "foo(bar[0]);", "Q: ", "A1. ", "Question", "Answer 3", "北京大学", "ひらがな", "カタカナ", "ไทย", "слово", "हिन्दी", "한국어", "שלום", "👍", "e\u0301", "_", "'", "Q", "A", "12) "]  # fmt: skip
TEXTS = st.lists(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=30).map("".join), max_size=6)


def bytes_of(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Texts as kernels take them, in the middle of a larger array."""
    padded = pa.array(["¡", *texts, "!"], pa.large_string())
    return utf8(padded.slice(1, len(texts)))


def flag(letter: str) -> int:
    """What the tables say of a character."""
    return int(unicode.flags()[ord(letter)])


def words_slowly(text: str) -> list[str]:
    """Words of three letters or more in lower case, pairs of letters that stand alone."""
    found, run, letters = [], "", 0
    alone = [bool(flag(c) & unicode.ALONE and flag(c) & unicode.LETTER) for c in text]
    for i, c in enumerate(text + " "):
        kind = flag(c)
        if kind & unicode.LETTER and not (i < len(text) and alone[i]):
            run += chr(int(unicode.lower()[ord(c)]))
            letters += 1
            continue
        if kind & unicode.MARK and run:
            run += c
            continue
        if letters >= topics.LEAST_LETTERS:
            found.append(run)
        run, letters = "", 0
        if i + 1 < len(text) and alone[i] and alone[i + 1]:
            found.append(c + text[i + 1])
    return found


@settings(max_examples=200)
@given(TEXTS)
def test_words_are_those_of_the_slow_program(texts: list[str]) -> None:
    """There are as many as a slow program finds, and equal words have equal places, in whatever text."""
    places, borders = topics.words(*bytes_of(texts), 1_000_000)
    slow = [words_slowly(text) for text in texts]
    assert np.diff(borders).tolist() == [len(words) for words in slow]
    place = {}
    for word, where in zip([word for words in slow for word in words], places.tolist(), strict=True):
        assert 0 <= where < topics.PLACES
        assert place.setdefault(word, where) == where


def test_words_up_to_a_number() -> None:
    """Only the first words of a long text are looked at."""
    places, borders = topics.words(*bytes_of(["one two three four", "five six"]), 3)
    assert borders.tolist() == [0, 3, 5]
    assert len(places) == 5


@settings(max_examples=100)
@given(TEXTS)
def test_nearest_is_the_sum_of_rows(texts: list[str]) -> None:
    """The centre of the largest product of the summed rows, each 1 + ln(how often) times."""
    draw = np.random.default_rng(0)
    table = draw.normal(size=(topics.PLACES, 5)).astype(np.float32)
    used = (draw.random(topics.PLACES) < 0.7).astype(np.uint8)
    centres = draw.normal(size=(5, 4))
    centres = (centres / np.linalg.norm(centres, axis=0)).astype(np.float32)
    centre, cosine = topics.nearest(*bytes_of(texts), table, used, centres)
    places, borders = topics.words(*bytes_of(texts), 1_000_000)
    for i in range(len(texts)):
        counts = Counter(place for place in places[borders[i] : borders[i + 1]].tolist() if used[place])
        if not counts:
            assert (centre[i], cosine[i]) == (-1, 0)
            continue
        total = sum((1 + np.log(n)) * table[place].astype(float) for place, n in counts.items())
        scores = total @ centres / np.linalg.norm(total)
        assert scores[centre[i]] == pytest.approx(scores.max(), abs=1e-5)
        assert cosine[i] == pytest.approx(np.clip(scores.max(), 0, 1), abs=1e-5)


SYMBOLS = set("{}()[]<>;=_\\|&+$#@^~`")


def layout_slowly(text: str) -> dict[str, int]:
    """Lines by their looks, by regular expressions; lengths in bytes."""
    lines = [line.strip("".join(map(chr, range(33)))) for line in text.split("\n")]
    lines = [line for line in lines if line]
    sizes = [len(line.encode()) for line in lines]
    end = r"[\"')\]*_”’]*$"
    sentences = [bool(re.search(rf"[.!?。！？]{end}", line)) for line in lines]
    price = r"[$€£¥₹]"
    return {
        "lines": len(lines),
        "item_lines": sum(bool(re.match(r"([-*•]|[0-9]{1,3}[.)]) .", line, re.DOTALL)) and len(line.encode()) > 2 for line in lines),
        "question_lines": sum(bool(re.search(rf"[?？]{end}", line)) for line in lines),
        "answer_lines": sum(bool(re.match(r"[QA][0-9]*[:.] |Questio|Answer", line)) for line in lines),
        "code_lines": sum(
            line[-1] in "{};" or 8 * sum(c in SYMBOLS for c in line) >= size for line, size in zip(lines, sizes, strict=True)
        ),
        "line_bytes": sum(sizes),
        "sentence_bytes": sum(size for size, told in zip(sizes, sentences, strict=True) if told),
        "prices": sum(len(re.findall(rf"(?<=[0-9]){price}|(?<=[0-9] ){price}|{price}(?= ?[0-9])", line)) for line in lines),
    }


@settings(max_examples=300)
@given(TEXTS)
def test_layout_is_that_of_regular_expressions(texts: list[str]) -> None:
    """Every count is what a slow program with regular expressions counts."""
    found = layout.layout_counts(*bytes_of(texts))
    for i, text in enumerate(texts):
        assert {name: int(values[i]) for name, values in found.items()} == layout_slowly(text), text


def classes_slowly(text: str) -> dict[str, int]:
    """Characters by class, one by one; words and late letters by a regular expression."""
    kinds = characters._classes()
    counts = Counter(characters.CLASSES[kinds[ord(c)]] for c in text if kinds[ord(c)] != 255)
    latin = r"(?:[a-zA-Z]|[\u00C0-\u024F\u1E00-\u1EFF\u0300-\u036F])+"
    words = re.findall(latin, text)
    return {
        **dict.fromkeys(characters.CLASSES, 0),
        **counts,
        "words": len(words),
        "late_letters": sum(max(0, len(word) - characters.EARLY) for word in words),
    }


@settings(max_examples=200)
@given(TEXTS)
def test_classes_of_characters(texts: list[str]) -> None:
    """Counts by class are those of a slow program; words between spaces are those of a regular expression, at any length."""
    found = characters.class_counts(*bytes_of(texts))
    assert [dict(zip(characters.CLASSES, row, strict=True)) for row in found.tolist()] == [classes_slowly(text) for text in texts]
    long = [" ".join(texts) * k for k in (1, 7, 40)]
    assert characters.word_counts(*bytes_of(long)).tolist() == [len(re.findall(rb"[^\x00-\x20]+", text.encode())) for text in long]


@pytest.mark.parametrize(
    ("letter", "name"),
    [("a", "letters"), ("Z", "letters"), ("é", "accented"), ("ạ", "accented"), ("7", "digits"), (".", "marks"), ("_", "marks"), ("ж", "greek_cyrillic"), ("λ", "greek_cyrillic"), ("ש", "hebrew_arabic"), ("ع", "hebrew_arabic"), ("ह", "indic"), ("ก", "southeast_asian"), ("ក", "southeast_asian"), ("京", "han"), ("の", "kana"), ("カ", "kana"), ("한", "hangul"), ("👍", "others"), ("×", "accented"), ("—", "others")],
)  # fmt: skip
def test_class_of_a_character(letter: str, name: str) -> None:
    """Each script has its class."""
    assert classes_slowly(letter)[name] == 1
    assert characters.class_counts(*bytes_of([letter]))[0, characters.CLASSES.index(name)] == 1


def ngrams_slowly(text: str) -> list[Any]:
    """Words and pairs of neighbouring words."""
    words: list[str] = []
    kind_before = 0
    for c in text:
        bits = flag(c)
        if bits & unicode.SPACE:
            kind_before = 0
            continue
        if bits & unicode.ALONE and bits & unicode.LETTER:
            kind = 3
        elif bits & (unicode.LETTER | unicode.NUMBER) or c == "_" or (bits & unicode.MARK and kind_before == 1):
            kind = 1
        else:
            kind = 2
        lowered = chr(int(unicode.lower()[ord(c)]))
        if kind == kind_before and kind != 3:
            words[-1] += lowered
        else:
            words.append(lowered)
        kind_before = kind
    return [*words, *itertools.pairwise(words)]


@settings(max_examples=200)
@given(TEXTS)
def test_ngrams_are_words_and_pairs(texts: list[str]) -> None:
    """There are as many as a slow program finds; their places are those of the whole corpus; sums are of their places' values."""
    slow = [ngrams_slowly(text) for text in texts]
    table = np.random.default_rng(0).normal(size=97)
    sums, counts = ngrams.ngram_sums(*bytes_of(texts), table)
    assert counts.tolist() == [len(some) for some in slow]
    total = ngrams.ngram_counts(*bytes_of(texts), 97)
    assert total.sum() == sum(len(some) for some in slow)
    assert sums.sum() == pytest.approx(float(total @ table))
    alone = [ngrams.ngram_counts(*bytes_of([text]), 97) for text in texts]
    assert sum(alone, np.zeros(97, np.int64)).tolist() == total.tolist()
    assert sums == pytest.approx([float(one @ table) for one in alone])


def test_pairs_have_an_order() -> None:
    """ "a b" is not "b a", and words differ from pairs."""
    one, other = (ngrams.ngram_counts(*bytes_of([text]), 100_003) for text in ("alpha beta", "beta alpha"))
    assert one.sum() == other.sum() == 3
    assert (np.minimum(one, other)).sum() == 2
