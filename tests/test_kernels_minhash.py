"""Sets of shingles and their MinHash: beside Python's sets, and bit for bit beside datasketch."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.kernels import minhash, shingles, unicode
from tamis.kernels.shingles import Rule

SCRIPTS = "aBcZ_09ΣςσΑβİ -.\n'éÉİßﬁKſаБЯ中文字ひらカナกขഅ漢½Ⅷ٣e\u0301\u200d👩"


def buffers(texts: list[str], tail: bytes = b"") -> tuple[np.ndarray, np.ndarray]:
    """(data, offsets), with bytes around that belong to no text."""
    pieces = [text.encode() for text in texts]
    return np.frombuffer(b"ab" + b"".join(pieces) + tail, np.uint8), np.cumsum([2, *map(len, pieces)]).astype(np.int64)


def slow_words(text: str, rule: Rule) -> list[str]:
    """The words of a text, by Python's regular expressions."""
    text = text.lower().replace("ς", "σ") if rule.lower else text
    if rule.unit == "words":
        return re.findall(r"\w+", text)
    if rule.unit == "characters":
        return re.findall(r"\w", text)
    alone = "".join(c if not unicode.flags()[ord(c)] & unicode.ALONE else f" {c} " for c in text)
    return re.findall(r"\w+", alone)


def slow_set(text: str, rule: Rule) -> set[tuple[str, ...]]:
    """The set of shingles of a text."""
    words = slow_words(text, rule)
    return {tuple(words[i : i + rule.size]) for i in range(max(1, len(words) - rule.size + 1))} if words else set()


RULES = st.builds(Rule, st.sampled_from([1, 2, 3, 5, 9]), st.sampled_from(shingles.UNITS), st.booleans())
TEXTS = st.lists(st.one_of(st.text(SCRIPTS, max_size=120), st.text("ab \n", max_size=300), st.sampled_from(["", "word " * 70, "x" * 200])), min_size=1, max_size=5)


def as_sets(texts: list[str], rule: Rule, tail: bytes = b"") -> list[set[int]]:
    """What the kernel says, after a look at its order."""
    hashes, borders = shingles.shingles(*buffers(texts, tail), rule)
    parts = [hashes[a:b].tolist() for a, b in pairwise(borders)]
    assert all(part == sorted(set(part)) for part in parts)
    return [set(part) for part in parts]


@settings(max_examples=300, deadline=None)
@given(TEXTS, RULES, st.booleans())
def test_shingles_are_those_of_python(texts, rule, padded):
    """Texts share as many shingles as Python's sets of word tuples do, whatever stands behind them in memory."""
    found, wanted = as_sets(texts, rule, b"word A_1 " * 20 if padded else b""), [slow_set(text, rule) for text in texts]
    for i in range(len(texts)):
        for j in range(i, len(texts)):
            assert len(found[i] & found[j]) == len(wanted[i] & wanted[j])


WORDS = [
    ("The CAT, the cat; ", "words", ["the", "cat", "the", "cat"]),
    ("don't 3.14 a_b é", "words", ["don", "t", "3", "14", "a_b", "é"]),
    ("我们走。Ab 東京", "words", ["我们走", "ab", "東京"]),
    ("我们走。Ab 東京", "auto", ["我", "们", "走", "ab", "東", "京"]),
    ("a-B c", "characters", ["a", "b", "c"]),
    ("ΌΠΩΣ όπως, İki", "words", ["όπωσ", "όπωσ", "i", "ki"]),
    ("!… \n", "auto", []),
]


@pytest.mark.parametrize(("text", "unit", "words"), WORDS)
def test_words(text, unit, words):
    """What a word is, by eye: a text has the same shingles as its words with spaces between."""
    assert slow_words(text, Rule(unit=unit)) == words
    assert as_sets([text], Rule(2, unit)) == as_sets([" ".join(words)], Rule(2, unit))


LENGTHS = [("", 0), ("…", 0), ("one", 1), ("one two three four", 1), ("a b c d e", 1), ("a b c d e f", 2), ("a " * 50, 1), ("a b " * 50, 2)]


@pytest.mark.parametrize(("text", "count"), LENGTHS)
def test_number_of_shingles(text, count):
    """A text shorter than a shingle is one, a text without words has none, and each counts once."""
    found = minhash.measured(*buffers([text]), Rule(), 4, 2)
    assert found.shingles.tolist() == [count]
    assert [len(one) for one in as_sets([text], Rule())] == [count]


def test_order_and_words_matter():
    """Neither swapped words nor words run together make the same shingle; case and punctuation do not count."""
    texts = ["a b", "b a", "ab", "a  B.", "a b b"]
    found = as_sets(texts, Rule())
    assert [found[0] == one for one in found] == [True, False, False, True, False]


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.sampled_from([1, 8, 23, 96, 128]), st.integers(20, 400))
def test_signatures_are_those_of_datasketch(texts, count, long):
    """The minima are datasketch's, bit for bit, for the same 32-bit shingles."""
    datasketch = pytest.importorskip("datasketch", minversion="2.0.0")
    texts = [*texts, " ".join(f"{i}th" for i in range(long))]
    found = minhash.signatures(*buffers(texts), Rule(), count)
    for signature, hashes in zip(found, as_sets(texts, Rule()), strict=True):
        theirs = datasketch.MinHash(count, scheme="affine32", hashfunc=int)
        theirs.update_batch([one >> 32 for one in hashes])
        assert np.array_equal(theirs.hashvalues, signature)


@settings(max_examples=100, deadline=None)
@given(TEXTS, RULES)
def test_hashes_of_sets_tell_sets_apart(texts, rule):
    """Two texts have the same 128-bit hash if and only if their sets are equal, and then everything else is equal too."""
    found = minhash.measured(*buffers(texts), rule, 5, 3)
    wanted = [slow_set(text, rule) for text in texts]
    for i in range(len(texts)):
        for j in range(i):
            same = (found.low[i], found.high[i]) == (found.low[j], found.high[j])
            assert same == (wanted[i] == wanted[j])
            if same:
                assert found.bands[:, i].tolist() == found.bands[:, j].tolist()
                assert found.sketch[i] == found.sketch[j]


def overlapping(similarity: float, size: int, n: int, seed: int) -> list[str]:
    """n pairs of texts of single-letter words' sets, with about this Jaccard similarity of words."""
    draw = np.random.default_rng(seed)
    shared = round(2 * size * similarity / (1 + similarity))
    texts = []
    for pair in range(n):
        words = [f"p{pair}w{i}" for i in range(2 * size - shared)]
        draw.shuffle(words)
        texts += [" ".join(words[:size]), " ".join(words[size - shared :])]
    return texts


@pytest.mark.parametrize(("similarity", "bands", "rows"), [(0.8, 16, 6), (0.6, 16, 6), (0.5, 8, 2)])
def test_pairs_meet_as_often_as_theory_says(similarity, bands, rows):
    """Of pairs of a similarity the expected share has a band in common, and sketches agree in (1 + s) / 2 of their bits."""
    found = minhash.measured(*buffers(overlapping(similarity, 80 if similarity == 0.6 else 90, 3000, 0)), Rule(1), bands, rows)
    met = (found.bands[:, ::2] == found.bands[:, 1::2]).any(axis=0).mean()
    assert met == pytest.approx(minhash.recall(similarity, bands, rows), abs=0.03)
    bits = min(64, bands * rows)
    agree = 1 - np.bitwise_count(found.sketch[::2] ^ found.sketch[1::2]).mean() / bits
    assert agree == pytest.approx((1 + similarity) / 2, abs=0.02)


def test_short_sets_meet_no_more_than_others():
    """Sketches of texts of one shingle are unlike: a permutation's lowest bit alone would make half of them equal."""
    found = minhash.measured(*buffers([f"word{i}" for i in range(500)]), Rule(), 16, 6)
    agree = 64 - np.bitwise_count(found.sketch[:, None] ^ found.sketch[None, :])
    np.fill_diagonal(agree, 0)
    assert agree.max() < minhash.sketch_cut(0.8, 96) + 14
    assert agree.sum() / (500 * 499) == pytest.approx(32, abs=0.5)


@pytest.mark.parametrize(("similarity", "bands"), [(0.8, (16, 6)), (0.5, (35, 3)), (0.7, (17, 4)), (0.95, (8, 16))])
def test_banding(similarity, bands):
    """The longest rows that still nominate 99 % at the threshold; one band less would not."""
    assert minhash.banding(similarity, 0.99) == bands
    assert minhash.recall(similarity, *bands) >= 0.99 > minhash.recall(similarity, bands[0] - 1, bands[1])


def test_datasketch_bands():
    """The opt-in choice of bands is datasketch's own."""
    lsh = pytest.importorskip("datasketch.lsh")
    for similarity in (0.5, 0.7, 0.8, 0.9):
        assert minhash.balanced(similarity) == lsh._optimal_param(similarity, 128, 0.5, 0.5)
    assert minhash.recall(0.8, *minhash.balanced(0.8)) == pytest.approx(0.40, abs=0.01)


def test_the_cut_of_sketches_loses_next_to_nothing():
    """Of pairs at the threshold fewer than one in 100,000 agree in fewer bits."""
    draw = np.random.default_rng(0)
    agree = draw.binomial(64, 0.9, 1_000_000)
    assert (agree < minhash.sketch_cut(0.8, 96)).mean() < 2e-5
    assert (agree < minhash.sketch_cut(0.8, 96) + 2).mean() > 1e-5


def test_golden_values():
    """These numbers are stored in runs: they change only with the stage's version."""
    found = minhash.measured(*buffers(["The quick brown fox jumps over the lazy dog", "我们走 café"]), Rule(5, "auto"), 2, 3)
    assert [one.tolist() for one in found] == [
        [[822844677, 1893653072], [3003713262, 140752040]],
        [54, 12],
        [17144629028918716494, 6933233080087732127],
        [13293687812708321958, 16798163991252601743],
        [5, 1],
    ]
