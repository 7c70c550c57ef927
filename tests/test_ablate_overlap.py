"""What a pool shares with evaluation text is found, whatever the set, and nothing is left behind."""

import random
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.ablate import overlap, texts
from tamis.ablate.overlap import assert_clean, shared
from tamis.documents import utf8
from tamis.kernels.likeness import known, likest
from tamis.kernels.shingles import Rule

NUMBERS = ["nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen"]


def words(n: int, first: str = "") -> str:
    """So many different words."""
    return " ".join(f"{first}{NUMBERS[i % 16]}{i // 16 or ''}" for i in range(n))


def slow_words(text: str) -> list[str]:
    """Words of a text of ASCII."""
    return re.findall(r"[a-z0-9]+", text.lower())


def grams(some: list[str], n: int) -> set[tuple[str, ...]]:
    """Runs of n words; of fewer words, all of them."""
    return {tuple(some[i : i + n]) for i in range(max(1, len(some) - n + 1))} if some else set()


def slow_jaccard(a: str, b: str) -> float:
    """Of sets of runs of 5 words."""
    x, y = grams(slow_words(a), 5), grams(slow_words(b), 5)
    return len(x & y) / len(x | y) if x and y else 0.0


def slow_shared(pool: list[str], targets: list[str], n: int) -> tuple[list[bool], list[bool], list[int]]:
    """(documents that hold a run, documents that are alike, words of each target that stand in runs in the pool)."""
    looked = [t for t in targets if len(slow_words(t)) >= min(8, n) and len(set(slow_words(t))) >= min(4, n)]

    def held(document: list[str], target: list[str]) -> set[int]:
        size = min(n, len(target))
        there = {tuple(document[i : i + size]) for i in range(len(document) - size + 1)}
        return {i + k for i in range(len(target) - size + 1) if tuple(target[i : i + size]) in there for k in range(size)}

    runs = [any(held(slow_words(d), slow_words(t)) for t in looked) for d in pool]
    alike = [any(slow_jaccard(d, t) >= 0.5 for t in targets) for d in pool]
    found = [len(set().union(*(held(slow_words(d), slow_words(t)) for d in pool))) if t in looked else 0 for t in targets]
    return runs, alike, found


@st.composite
def pools(draw: st.DrawFn) -> tuple[list[str], dict[str, list[str]]]:
    """Documents and sets of texts over few words, with pieces of the texts put into documents."""
    some = st.lists(st.sampled_from(NUMBERS[:7]), max_size=20).map(" ".join)
    sets = draw(st.dictionaries(st.sampled_from("abc"), st.lists(some, max_size=4), min_size=1))
    whole = [text for one in sets.values() for text in one] or [""]
    piece = st.tuples(st.sampled_from(whole), st.integers(0, 10)).map(lambda one: " ".join(one[0].split()[one[1] :]))
    return draw(st.lists(st.lists(some | piece, max_size=3).map(". ".join), max_size=5)), sets


@given(pools(), st.sampled_from([3, 9, 13]))
def test_shared_is_what_the_slow_program_finds(given, n):
    """Runs, likeness and words found agree, set by set, with a program of loops over sets of tuples."""
    pool, sets = given
    found = shared(pa.array(pool, pa.string()), {name: pa.array(some, pa.string()) for name, some in sets.items()}, words=n)
    for name, some in sets.items():
        target = found.targets[name]
        assert (target.runs.tolist(), target.alike.tolist(), target.found.tolist()) == slow_shared(pool, some, n)
        assert target.words.tolist() == [len(slow_words(text)) for text in some]
    assert found.documents.tolist() == np.any([found.targets[name].documents for name in sets], axis=0).tolist()


ITEM = "Which gas do plants take from the air when the sun shines on their green leaves?"  # 16 words
CASES = [
    ("verbatim, inside a page", f"Quiz of the week. {ITEM} Send answers by post.", True),
    ("in capitals and without punctuation", ITEM.upper().replace("?", ""), True),
    ("13 of its words", "plants take from the air when the sun shines on their green leaves", True),
    ("12 of its words, in a text of other words", "take from the air when the sun shines on their green leaves" + words(40), False),
    ("a word changed after every 12", ITEM.replace("shines", "stands") + words(40), False),
    ("two words added, so that 10 of 16 shingles are shared", ITEM.replace("plants", "most plants").replace("green", "bright green"), False),
    ("one word changed in the middle of a copy", ITEM.replace("air", "wind"), False),
    ("one word changed at its end", ITEM.replace("leaves", "needles"), True),
    ("unrelated", words(40), False),
    ("empty", "", False),
]


@pytest.mark.parametrize(("what", "text", "expected"), CASES)
def test_a_planted_item_is_caught(what, text, expected):
    """Contamination that a reader would call a copy is found, on both sides of 13 words."""
    assert shared(pa.array([text]), {"quiz": pa.array([ITEM])}).documents.tolist() == [expected]


@pytest.mark.parametrize(
    ("target", "checked", "expected"),
    [
        (words(7), False, False),
        (words(8), True, True),
        (words(12), True, True),
        ("we we we they we we we they us we they", False, False),
        ("we we we they we we we they us you they", True, True),
    ],
)
def test_short_items_are_found_whole_or_counted_as_unchecked(target, checked, expected):
    """Items of 8 to 12 words, 4 of them different, are found as a whole; shorter ones are not looked for, and that is said."""
    found = shared(pa.array([words(30, "x") + " " + target + " " + words(30, "y")]), {"items": pa.array([target])})
    assert (found.targets["items"].checked.tolist(), found.documents.tolist()) == ([checked], [expected])
    assert found.counts()[0]["checked"] == int(checked)


@pytest.mark.parametrize(("kept", "expected"), [(38, True), (37, False)])
def test_likeness_begins_at_one_half(kept, expected):
    """Two texts of 50 shingles that share 34 of 68, or fewer, on both sides of the limit; no run of 13 words is needed."""
    first, second = words(54), words(kept) + " " + words(54 - kept, "other")
    share = slow_jaccard(first, second)
    assert (share >= 0.5) is expected
    assert share == pytest.approx(0.5, abs=0.03)
    found = shared(pa.array([first]), {"target": pa.array([second])}, words=64)
    assert found.targets["target"].alike.tolist() == [expected]


def test_letters_written_in_two_ways_are_the_same():
    """A copy whose accents are characters of their own is a copy, whichever side has them."""
    target = "Où est la bibliothèque de la société des élèves du collège après la récréation"
    parted = target.replace("è", "e\u0300").replace("é", "e\u0301").replace("ù", "u\u0300")
    for pool, wanted in ((target, parted), (parted, target)):
        assert shared(pa.array([pool]), {"french": pa.array([wanted])}).targets["french"].runs.tolist() == [True]


def test_counts_say_what_is_removed_for_each_set():
    """Documents, their bytes, and how much of a set stands in the pool; a text given twice is found twice."""
    held, item = words(40, "held"), words(10, "item")
    pool = [words(20, "held") + " " + words(60, "own"), words(30), held, "Yes."]
    found = shared(pa.array(pool), {"held": pa.array([held, held, words(40, "else")]), "items": pa.array([item, "Yes"])})
    assert found.documents.tolist() == [True, False, True, True]
    assert found.counts() == [
        {
            "set": "held", "texts": 3, "checked": 3, "documents": 2, "bytes": len(pool[0]) + len(held), "runs": 2, "alike": 1,
            "texts_found": 2, "words": 120, "words_found": 80, "found_share": 2 / 3,
        },
        {
            "set": "items", "texts": 2, "checked": 1, "documents": 1, "bytes": 4, "runs": 0, "alike": 1,
            "texts_found": 0, "words": 10, "words_found": 0, "found_share": 0.0,
        },
    ]  # fmt: skip


def test_what_was_found_and_removed_leaves_nothing():
    """The second search is silent after removal, and before it says how many documents share text with which sets."""
    pool = pa.array([words(30), f"Now: {ITEM}", words(50, "b"), words(45, "b")])
    targets = {"quiz": pa.array([ITEM]), "held": pa.array([words(50, "b")])}
    with pytest.raises(AssertionError) as caught:
        assert_clean(pool, targets)
    assert str(caught.value) == '3 documents share text with what is evaluated: 1 with "quiz", 2 with "held".'
    assert_clean(pool.filter(pa.array(~shared(pool, targets).documents)), targets)


def test_parts_and_threads_change_nothing(monkeypatch):
    """A pool searched a document at a time by three threads gives what one search gives."""
    draw = random.Random(1)
    pool = [" ".join(draw.choices(NUMBERS, k=draw.randrange(200))) for _ in range(60)]
    targets = {"a": pa.array(pool[:5]), "b": pa.array([text[30:300] for text in pool[3:9]])}
    whole = shared(pa.array(pool), targets, workers=1)
    monkeypatch.setattr(texts, "AT_ONCE", 100)
    parts = shared(pa.chunked_array([pool[:7], [], pool[7:]]), targets, workers=3)
    assert whole.counts() == parts.counts()
    assert whole.documents.tolist() == parts.documents.tolist()
    assert 9 <= whole.documents.sum() < 60


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_nothing_to_search(kind):
    """No documents, no texts and no sets are answered; the share of no words is unknown."""
    nothing = pa.array([], kind)
    assert shared(nothing, {"a": pa.array([ITEM])}).documents.tolist() == []
    assert shared(pa.array([ITEM], kind), {}).documents.tolist() == [False]
    found = shared(pa.array([ITEM], kind), {"a": nothing, "b": pa.array(["", "a b"])})
    assert found.documents.tolist() == [False]
    assert [one["found_share"] for one in found.counts()] == [None, None]


@given(st.lists(st.lists(st.sampled_from(NUMBERS[:6]), max_size=14).map(" ".join), max_size=8), st.integers(0, 8), st.sampled_from([0.2, 0.5, 1.0]))
def test_likest_is_what_brute_force_finds(some, border, least):
    """The kernel names the most similar text, the first of equals, and its exact similarity."""
    documents, targets = some[:border], some[border:]
    rule = Rule(unit="auto")
    found = likest(*utf8(pa.array(documents, pa.large_string())), known(*utf8(pa.array(targets, pa.large_string())), rule), rule, least=least)
    for d, document in enumerate(documents):
        alike = [slow_jaccard(document, target) for target in targets]
        best = max(alike, default=0.0)
        assert (found.jaccard[d], found.text[d]) == ((best, alike.index(best)) if best >= least and best > 0 else (0.0, -1))


def test_a_menu_shared_by_all_is_not_likeness():
    """Documents that hold the same menu of 40 words as every target, in 200 words of their own, are not alike."""
    menu = words(40, "menu")
    pool, targets = ([f"{menu} {words(200, name)}" for name in names] for names in ("abcde", "vwxyz"))
    found = shared(pa.array(pool), {"pages": pa.array(targets)}).targets["pages"]
    assert (found.alike.any(), found.runs.all()) == (False, True)


def test_constants_are_those_of_contamination():
    """What counts as shared text is the same for the stage and for the runner."""
    from tamis.stages.contamination import Contamination

    stage = Contamination.__dataclass_fields__
    assert (overlap.WORDS, overlap.SHORTEST, overlap.DISTINCT) == tuple(stage[name].default for name in ("ngram", "min_item_words", "min_item_distinct"))
