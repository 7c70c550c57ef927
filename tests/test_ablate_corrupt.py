"""Harm is done to the documents it should be done to, of the kind it is called, and the same every time."""

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.ablate.corrupt import _MISREAD, _READ, KINDS, Draws, corrupt
from tamis.errors import RecipeError

TEXT = (
    "The lighthouse stood at the end of the pier. Nobody had lit it for 20 years!\n\n"
    "\tWhen the storm came, the keeper's daughter climbed the stairs… She found oil, a wick and matches? Yes: all dry.\n"
    "Von Süden her näherte sich ein Schiff. 船来了。"
)
SAME_BYTES = ["shuffled words", "shuffled sentences", "boilerplate", "gibberish", "ocr noise"]


def one(text: str, kind: str, seed: int = 0) -> str:
    """What a kind makes of a text."""
    return corrupt(pa.array([text], pa.string()), kind, 1.0, seed=seed)[0][0].as_py()


def documents(n: int) -> list[str]:
    """Different texts of a few sentences."""
    return [f"Document {i} is about the number {i * i}. It has {i % 7} parts and ends here. {TEXT[: i % 50]}" for i in range(n)]


@pytest.mark.parametrize("kind", SAME_BYTES)
@given(st.text(max_size=300))
def test_bytes_stay(kind, text):
    """These kinds leave every document as many bytes as it had."""
    assert len(one(text, kind).encode()) == len(text.encode())


@given(st.text(max_size=300))
def test_bytes_that_go(text):
    """Repeated phrases lose 3 bytes at most, truncation takes half at least, and leaves a letter."""
    size = len(text.encode())
    phrases, cut = one(text, "repeated phrases"), one(text, "truncated")
    assert size - 3 <= len(phrases.encode()) <= size
    assert text.startswith(cut)
    assert min(1, len(text)) <= len(cut) <= max(1, len(text) // 2)


def test_shuffled_words_are_the_same_words():
    """The same words, in another order, with the same white space between them."""
    found = one(TEXT, "shuffled words")
    assert Counter(found.split()) == Counter(TEXT.split())
    assert re.findall(r"\s+", found) == re.findall(r"\s+", TEXT)
    assert sum(a != b for a, b in zip(found.split(), TEXT.split(), strict=True)) > 30


def test_shuffled_sentences_are_the_same_sentences():
    """Whole sentences in another order; what ends them, and the space between, stay."""
    sentences = [
        "The lighthouse stood at the end of the pier.",
        "Nobody had lit it for 20 years!",
        "Yes: all dry.",
        "Von Süden her näherte sich ein Schiff.",
        "船来了。",
    ]
    found = one(TEXT, "shuffled sentences")
    assert all(sentence in found for sentence in sentences)
    assert found != TEXT
    assert re.findall(r"\s+", found).count("\n\n\t") == 1
    assert one("First. Second.", "shuffled sentences") == "Second. First."
    assert one("Line one\nLine two", "shuffled sentences") == "Line two\nLine one"


def test_boilerplate_is_menus():
    """Lines that sites put on every page, over and over, in an order of the document's own."""
    found = one(TEXT * 20, "boilerplate").split("\n")
    assert len(set(found[:-1])) == 30
    assert len(found) > 90
    assert {"Home", "Accept all cookies"} < set(found)
    assert one(TEXT * 20 + ".", "boilerplate")[:200] != "\n".join(found)[:200]


def test_gibberish_has_no_words_of_the_text():
    """Small letters in words of 1 to 10, all about as frequent."""
    found = one(TEXT * 50, "gibberish")
    assert set(found) == set("abcdefghijklmnopqrstuvwxyz ")
    assert {len(word) for word in found.split(" ")[:-1]} == set(range(1, 11))
    counts = np.array(list(Counter(found.replace(" ", "")).values()))
    assert counts.min() > 0.8 * counts.mean()


def test_ocr_noise_misreads_a_tenth():
    """A tenth of letters and digits become ones that look alike; everything else stays."""
    text = TEXT * 50
    found = one(text, "ocr noise")
    changed = [(a, b) for a, b in zip(text, found, strict=True) if a != b]
    letters = sum(c in _READ for c in text)
    assert len(changed) / letters == pytest.approx(0.1, abs=0.01)
    assert {a for a, _ in changed} <= set(_READ)
    assert {("l", "1"), ("o", "0"), ("e", "c")} <= set(changed)
    assert len(_READ) == len(_MISREAD) == 62
    assert all(a != b for a, b in zip(_READ, _MISREAD, strict=True))


def test_repeated_phrases_repeat():
    """A text of 500 different words becomes one of 48 at most, every pair of which occurs again and again."""
    text = " ".join(f"w{i}" for i in range(500))
    words = one(text, "repeated phrases").split()[:-1]
    assert set(words) <= set(text.split())
    assert 6 <= len(set(words)) <= 48
    assert len(set(pairwise(words))) < len(words) / 4


def test_truncated_keeps_a_tenth_to_a_half():
    """Evenly drawn, so that about 30 % of the bytes are left."""
    texts = [f"{i} " + "x" * 998 for i in range(1000, 1400)]
    cut, _ = corrupt(pa.array(texts), "truncated", 1.0, seed=0)
    lengths = np.array([len(text) for text in cut.to_pylist()])
    assert (lengths.min() >= 100, lengths.max() <= 502, lengths.mean() / 1003) == (True, True, pytest.approx(0.3, abs=0.02))


@pytest.mark.parametrize("kind", KINDS)
def test_a_share_is_changed_in_place_and_nested(kind):
    """About the share of documents changes, those of a smaller share are among them with the same harm, the others are as they were."""
    given_texts = documents(800)
    whole = pa.array(given_texts)
    tenth, few = corrupt(whole, kind, 0.1, seed=4)
    third, many = corrupt(whole, kind, 0.3, seed=4)
    assert (few.mean(), many.mean()) == (pytest.approx(0.1, abs=0.04), pytest.approx(0.3, abs=0.05))
    assert not (few & ~many).any()
    assert tenth.filter(pa.array(few)).equals(third.filter(pa.array(few)))
    assert third.filter(pa.array(~many)).to_pylist() == [text for text, one in zip(given_texts, many, strict=True) if not one]
    assert all(a != b for a, b, one in zip(third.to_pylist(), given_texts, many, strict=True) if one)


def test_every_kind_harms_the_same_documents():
    """Kinds are compared on the same documents, but for what a kind cannot change; other seeds take others."""
    whole = pa.array(documents(400))
    changed = [corrupt(whole, kind, 0.3, seed=1)[1].tolist() for kind in KINDS]
    assert all(one == changed[0] for one in changed)
    assert 0.05 < np.mean(np.array(changed[0]) & corrupt(whole, "gibberish", 0.3, seed=2)[1]) < 0.14


@pytest.mark.parametrize("kind", KINDS)
def test_order_chunks_and_neighbours_do_not_matter(kind):
    """What becomes of a document depends on it, the seed and the kind alone."""
    texts = documents(60)
    straight, changed = corrupt(pa.array(texts), kind, 0.5, seed=9)
    order = np.random.default_rng(0).permutation(60)
    mixed = [texts[i] for i in order]
    shuffled, others = corrupt(
        pa.chunked_array([pa.array(mixed[:7], pa.large_string()), pa.array(mixed[7:], pa.large_string())]), kind, 0.5, seed=9
    )
    assert shuffled.to_pylist() == [straight[i].as_py() for i in order]
    assert others.tolist() == changed[order].tolist()
    assert corrupt(pa.array(texts), kind, 0.5, seed=10)[0] != straight


def test_what_cannot_be_harmed_counts_as_unchanged():
    """An empty text, and one word that is to be shuffled, stay, and the mask says so."""
    found, changed = corrupt(pa.array(["", "word", "two words"]), "shuffled words", 1.0, seed=0)
    assert (found.to_pylist(), changed.tolist()) == (["", "word", "words two"], [False, False, True])


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 50)])
def test_none_and_all(share, expected):
    """No share is nothing, the whole is everything, and no documents are no trouble."""
    assert corrupt(pa.array(documents(50)), "gibberish", share, seed=0)[1].sum() == expected
    assert corrupt(pa.array([], pa.string()), "gibberish", share, seed=0)[0].to_pylist() == []


def test_draws_are_splitmix64():
    """The first numbers from the seed 1234567 are those that the generator's authors publish, however many are drawn at a time."""
    draws = Draws(1234567)
    first = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert [*draws.integers(2).tolist(), *draws.integers(3).tolist()] == first


@pytest.mark.parametrize(
    ("kind", "share", "message"),
    [
        ("giberish", 0.3, 'there is no corruption "giberish". Did you mean "gibberish"?'),
        ("gibberish", 30, "corruption takes a share of the documents from 0 to 1, not 30.\nFix: write 0.3 for 30 %."),
        ("gibberish", float("nan"), "corruption takes a share of the documents from 0 to 1, not nan.\nFix: write 0.3 for 30 %."),
    ],
)
def test_mistakes_are_told(kind, share, message):
    """One sentence: what, the value seen, and how to mend it."""
    with pytest.raises(RecipeError) as caught:
        corrupt(pa.array(["a"]), kind, share, seed=0)
    assert str(caught.value) == message
