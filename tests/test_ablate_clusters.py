"""Clusters hold together what is alike, and nothing else; a split that takes them whole leaks nothing."""

import random
import re
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.ablate.clusters import Clusters, clusters
from tamis.ablate.folds import folds
from tamis.documents import utf8
from tamis.kernels.graph import components
from tamis.kernels.hashing import murmur128


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of 5 words; of fewer, all of them."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4))} if words else set()


def jaccard(a: str, b: str) -> float:
    """Of the sets of shingles of two texts."""
    return similarities([a, b])[0, 1]


def similarities(texts: list[str]) -> dict[tuple[int, int], float]:
    """The similarity of every pair of rows."""
    sets = [shingles(text) for text in texts]
    found = {}
    for (i, a), (j, b) in combinations(enumerate(sets), 2):
        shared = len(a & b)
        found[i, j] = 1.0 if texts[i] == texts[j] else shared / max(1, len(a) + len(b) - shared)
    return found


def partition(cluster: np.ndarray, names: list[int]) -> set[frozenset[int]]:
    """The clusters as sets of names of documents."""
    return {frozenset(np.array(names)[cluster == one].tolist()) for one in set(cluster.tolist())}


def edited(words: list[str], share: float, draw: random.Random) -> list[str]:
    """A copy with a share of the words changed, at random places."""
    return [f"x{draw.random()}" if draw.random() < share else word for word in words]


def families(draw: random.Random, count: int = 12, size: int = 6, length: int = 150) -> list[str]:
    """Documents in families of copies, of which between none and 15 % of the words are edited."""
    found = []
    for _ in range(count):
        words = [f"w{draw.randrange(5000)}" for _ in range(draw.randrange(3, length))]
        found += [" ".join(edited(words, draw.choice([0, 0.01, 0.03, 0.15]), draw)) for _ in range(draw.randrange(1, size))]
    return found


def keys(texts: list[str]) -> np.ndarray:
    """Hashes of texts."""
    return murmur128(*utf8(pa.array(texts, pa.large_string())))[0]


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_clusters_are_components_of_alike_documents(seed):
    """Nothing is together that brute force parts at .5, and nothing parted that it joins at .8, where MinHash misses 1 in 10^10."""
    texts = families(random.Random(seed))
    alike = similarities(texts)
    found = clusters(pa.array(texts), most_share=1.0).cluster
    assert all(found[i] == found[j] for (i, j), share in alike.items() if share >= 0.8)
    pairs = np.array([pair for pair, share in alike.items() if share >= 0.5], np.int64).reshape(-1, 2)
    widest = components(len(texts), *pairs.T)
    assert np.array_equal(widest, widest[found])
    assert (found <= np.arange(len(texts))).all()


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_order_and_threads_do_not_matter(seed):
    """The same documents in another order, in other chunks and by other threads, are parted in the same way."""
    draw = random.Random(seed)
    texts = families(draw, count=6)
    order = draw.sample(range(len(texts)), len(texts))
    straight = clusters(pa.array(texts), workers=1)
    mixed = [texts[i] for i in order]
    shuffled = clusters(pa.chunked_array([mixed[:3], mixed[3:]]), workers=3)
    assert partition(straight.cluster, list(range(len(texts)))) == partition(shuffled.cluster, order)
    assert straight[1:] == shuffled[1:]


CASES = [
    ("equal texts", "a b c d e f g", "a b c d e f g", True),
    ("texts of equal words", "A b, c d e f g!", "a b c d e f g", True),
    ("blank texts that are equal", " \n", " \n", True),
    ("blank texts that differ", " ", "\n", False),
    ("empty texts", "", "", True),
    ("short texts that differ", "thank you", "thank me", False),
    ("a half shared: 4 of 8 shingles", "a b c d e f g h i j", "a b c d e f g h x y", True),
    ("less: 3 of 9", "a b c d e f g h i j", "a b c d e f g x y z", False),
    ("Chinese, a letter a word", "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少", "春眠不觉晓处处闻啼鸟夜来风雨声花落知多杪", True),
]


@pytest.mark.parametrize(("what", "first", "second", "together"), CASES)
def test_what_is_together(what, first, second, together):
    """On both sides of one half, and where there is nothing to compare."""
    found = clusters(pa.array([first, "something else that is long enough to have shingles", second]), most_share=1.0)
    assert found.cluster.tolist() == ([0, 1, 0] if together else [0, 1, 2])


def chain(links: int, step: int = 30, length: int = 120) -> list[str]:
    """Documents each of which begins `step` words after the one before: neighbours are alike by .59, others by less than .5."""
    words = [f"c{i}" for i in range(links * step + length)]
    return [" ".join(words[i * step : i * step + length]) for i in range(links)]


def test_a_chain_that_takes_too_much_is_broken_and_nothing_else_is():
    """Of a chain that holds most of the pool, pairs alike by .59 hold no longer; a pair alike by .55 elsewhere still does."""
    links, words = chain(20), [f"p{i}" for i in range(62)]
    pair = [" ".join(words), " ".join([*words[:40], *(f"q{i}" for i in range(8))])]
    assert [round(jaccard(*one), 2) for one in (links[:2], pair)] == [0.59, 0.55]
    found = clusters(pa.array([*links, *pair]), most_share=0.1)
    held, whole = sum(map(len, links)), sum(map(len, [*links, *pair]))
    assert found.cluster.tolist() == [*range(20), 20, 20]
    assert (found.threshold, found.raised) == (0.5, ((0.6, held / whole),))
    assert found.largest_share == max(*map(len, links), sum(map(len, pair))) / whole


def test_a_chain_within_its_share_stays_whole():
    """The same chain, where a cluster may hold all, is one cluster."""
    found = clusters(pa.array(chain(20)), most_share=1.0)
    assert found == Clusters(found.cluster, 0.5, 1.0, (), 0)
    assert set(found.cluster.tolist()) == {0}


def test_copies_are_never_parted():
    """Equal documents, and those alike by .8, stay together however much they hold, which is said."""
    words = [f"w{i}" for i in range(100)]
    texts = [" ".join(words), " ".join(words), " ".join(words[:90])]
    found = clusters(pa.array(texts), most_share=0.01)
    assert found.cluster.tolist() == [0, 0, 0]
    assert (found.largest_share, found.raised) == (1.0, ((0.6, 1.0), (0.7, 1.0), (0.8, 1.0)))


def test_one_large_document_is_no_crowd():
    """A document that is most of the pool by itself raises nothing."""
    found = clusters(pa.array([" ".join(f"w{i}" for i in range(1000)), "short one"]))
    assert (found.cluster.tolist(), found.raised) == ([0, 1], ())


def test_a_higher_threshold_asks_for_more():
    """At .9, a copy of which a tenth is cut is no copy; at .8 it is."""
    words = [f"w{i}" for i in range(204)]
    texts = pa.array([" ".join(words), " ".join(words[:174])])
    assert clusters(texts, 0.8, most_share=1.0).cluster.tolist() == [0, 0]
    assert clusters(texts, 0.9, most_share=1.0).cluster.tolist() == [0, 1]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_no_documents(kind):
    """An empty pool has no clusters."""
    found = clusters(pa.array([], kind))
    assert (found.cluster.tolist(), found.largest_share, found.raised) == ([], 0.0, ())
    assert clusters(pa.chunked_array([], kind)).cluster.tolist() == []


def leaks(texts: list[str], fold: np.ndarray) -> int:
    """Pairs of documents alike by .8 in different folds."""
    return sum(share >= 0.8 and fold[i] != fold[j] for (i, j), share in similarities(texts).items())


def test_a_split_by_document_leaks_and_one_by_cluster_does_not():
    """Folds of single documents have copies in other folds, folds of clusters have none."""
    texts = families(random.Random(4), count=40)
    sizes = np.array([len(text) for text in texts])
    whole = clusters(pa.array(texts), most_share=1.0).cluster
    by_document = folds(np.arange(len(texts)), keys(texts), sizes, count=4, seed=0)
    by_cluster = folds(whole, keys(texts), sizes, count=4, seed=0)
    assert leaks(texts, by_document.fold) > 20
    assert leaks(texts, by_cluster.fold) == 0
    assert by_cluster.deviation < 0.1
