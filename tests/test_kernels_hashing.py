"""Hashes are those of the reference, and what is made of them is pinned for ever."""

import unicodedata

import mmh3
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis import documents
from tamis.kernels.hashing import mix, murmur128, murmur128_folded, reduce_lists, unit


def buffers(pieces: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """(data, offsets), with bytes around that belong to no value."""
    return np.frombuffer(b"\xff\xfe" + b"".join(pieces) + b"\xfd\xfc", np.uint8), np.cumsum([2, *map(len, pieces)])


def hashes(pieces: list[bytes], seed: int = 0) -> list[tuple[int, int]]:
    """What the kernel says."""
    low, high = murmur128(*buffers(pieces), seed)
    return list(zip(low.tolist(), high.tolist(), strict=True))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(0, 2**32 - 1))
def test_hash_is_murmur3(pieces, seed):
    """The hash is MurmurHash3_x64_128, as the package mmh3 has it, for any bytes and seed."""
    assert hashes(pieces, seed) == [mmh3.hash64(piece, seed, signed=False) for piece in pieces]


def test_hash_of_every_length():
    """Every length from 0 to 64 bytes, so every kind of tail, is hashed as mmh3 does."""
    pieces = [bytes(range(200, 200 - n, -1)) for n in range(65)]
    assert hashes(pieces) == [mmh3.hash64(piece, signed=False) for piece in pieces]


def slow_fold(text: str, *, case: bool, white_space: bool, punctuation: bool) -> str:
    """The text without the differences that are ignored."""
    if punctuation:
        text = "".join(c for c in text if unicodedata.category(c)[0] not in "PS")
    if white_space:
        text = " ".join(text.split())
    return "".join(c.lower()[0] for c in text) if case else text


PIECES = [" ", "\n", "\u3000", "\x1f", " - ", "!", "…", "$", "👍", "\u0301"]
PIECES += ["İ", "Ⱥ", "ẞ", "Σ", "\u212a", "ǅ", "Straße", "ЖИЗНЬ", "漢字"]
texts = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8", exclude_categories=["Cn"]), max_size=20).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=4), st.booleans(), st.booleans(), st.booleans())
def test_folded_hash_is_the_hash_of_the_folded_text(batch, case, white_space, punctuation):
    """Hashing a folded view gives what folding and then hashing gives."""
    options = {"case": case, "white_space": white_space, "punctuation": punctuation}
    low, high = murmur128_folded(*buffers([text.encode() for text in batch]), **options)
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == hashes([slow_fold(text, **options).encode() for text in batch])


def test_comparison_with_the_folded_text_can_fail():
    """Meta-test: what is not ignored makes a difference."""
    everything = {"case": True, "white_space": True, "punctuation": True}
    for name, (a, b) in {"case": ("A", "a"), "white_space": ("a b", "a\n b "), "punctuation": ("ab", "a-b!")}.items():
        pair = buffers([a.encode(), b.encode()])
        same, other = murmur128_folded(*pair, **everything)[0], murmur128_folded(*pair, **{**everything, name: False})[0]
        assert (same[0] == same[1], other[0] == other[1]) == (True, False)


def test_text_that_grows_in_lower_case():
    """A text of letters whose lower case needs more bytes fits."""
    low, high = murmur128_folded(*buffers(["Ⱥ".encode() * 1000]), case=True, white_space=True, punctuation=True)
    assert [(low[0], high[0])] == hashes(["ⱥ".encode() * 1000])


def test_golden_values():
    """These numbers are stored in runs: they never change."""
    assert hashes([b"", b"tamis", "Ça va ?".encode()]) == [
        (0, 0),
        (5178734083600565616, 1181667219220443697),
        (2832599581904389818, 6359371435288283962),
    ]
    a, b = np.array([0, 1, 2**64 - 1], np.uint64), np.array([0, 2, 5], np.uint64)
    assert mix(a, b).tolist() == [13458936779294593667, 15245252219519468709, 13657549793456864016]
    assert reduce_lists(a, np.array([0, 0, 1, 3])).tolist() == [11286133854226296554, 12418408130193962546, 5524636905459050229]
    assert unit(7, a, b).tolist() == [0.6432359061307035, 0.3022408270431539, 0.15958329648374836]


def test_mixing_depends_on_order_and_on_both():
    """Every pair of small numbers gives another number, and swapping them does too."""
    a, b = (x.ravel().astype(np.uint64) for x in np.meshgrid(np.arange(300), np.arange(300)))
    assert len(np.unique(mix(a, b))) == 90_000


def test_lists_depend_on_order_length_and_border():
    """[1, 2], [2, 1], [1], [], [[1], [2]] and lists with zeros are all different."""
    lists = [[1, 2], [2, 1], [1], [], [0], [0, 0], [0, 0, 0], [1, 2, 0], [0, 1, 2]]
    offsets = np.cumsum([0, *map(len, lists)])
    reduced = reduce_lists(np.array([x for items in lists for x in items], np.uint64), offsets)
    assert len(set(reduced.tolist())) == len(lists)
    assert reduce_lists(np.array([9, 1, 2], np.uint64), np.array([1, 3])).tolist() == reduced[:1].tolist()


@pytest.fixture(scope="module")
def text_hashes():
    """Hashes of 200,000 short values, one after the other as ids are."""
    return murmur128(*buffers([b"%d" % i for i in range(200_000)]))


def test_draws_are_uniform(text_hashes):
    """Draws lie in [0, 1), and each of 256 equal bins gets its share (chi-square, 6 sigma)."""
    for low, high in (text_hashes, (np.arange(200_000, dtype=np.uint64), np.zeros(200_000, np.uint64))):
        for seed in (0, 1, 2**63):
            drawn = unit(seed, low, high)
            assert drawn.min() >= 0
            assert drawn.max() < 1
            bins = np.bincount((drawn * 256).astype(int), minlength=256)
            chi_square = ((bins - 200_000 / 256) ** 2).sum() / (200_000 / 256)
            assert abs(chi_square - 255) < 6 * np.sqrt(2 * 255)


def test_draws_of_different_seeds_are_independent(text_hashes):
    """Whether a document is drawn with one seed says nothing about another seed, even the next one."""
    drawn = [unit(seed, *text_hashes) for seed in (0, 1, 2, 3, -1, 2**32, 2**64 - 2)]
    correlations = np.corrcoef(drawn)[np.triu_indices(len(drawn), 1)]
    assert np.abs(correlations).max() < 6 / np.sqrt(200_000)


def test_draws_depend_on_both_halves_of_the_hash():
    """A change in either half of the hash changes the draw."""
    zeros, count = np.zeros(1000, np.uint64), np.arange(1000, dtype=np.uint64)
    assert len(np.unique(unit(0, zeros, count))) == len(np.unique(unit(0, count, zeros))) == 1000


def test_nothing_to_hash():
    """No values give no hashes."""
    empty = np.zeros(0, np.uint64)
    options = {"case": True, "white_space": True, "punctuation": True}
    assert [len(x) for x in (*murmur128(*buffers([])), *murmur128_folded(*buffers([]), **options))] == [0] * 4
    assert [len(x) for x in (mix(empty, empty), reduce_lists(empty, np.zeros(1, np.int64)), unit(0, empty, empty))] == [0] * 3


def test_hashes_are_remembered_for_the_text_they_are_of():
    """Where texts are hashed once, another text is not taken for one that lay in the same memory before."""
    texts = [f"{i} {'word ' * 50_000}" for i in range(20)]
    with documents.hashed_once():
        seen = [documents.hashes(pa.array([text], pa.large_string())) for text in texts]
        array = pa.array(texts, pa.large_string())
        assert documents.hashes(array)[0] is documents.hashes(pa.chunked_array([array]))[0]
    expected = [mmh3.hash64(text.encode(), 0, signed=False) for text in texts]
    assert [(int(low[0]), int(high[0])) for low, high in seen] == expected
    assert list(zip(*(half.tolist() for half in documents.hashes(array)), strict=True)) == expected
    assert documents.hashes(array)[0] is not documents.hashes(array)[0]
