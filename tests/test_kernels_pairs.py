"""Pairs and graphs: every kernel beside a slow, obvious program."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.kernels import graph, overlaps, pairs

SMALL = st.lists(st.integers(0, 5), max_size=40)


def u32(values) -> np.ndarray:
    """An array of numbers of documents."""
    return np.array(values, np.uint32)


def u64(values) -> np.ndarray:
    """An array of hashes."""
    return np.array(values, np.uint64)


def sieve(sizes, sketches=None, ratio=0.0, cut=0) -> pairs.Sieve:
    """A sieve that lets everything pass, unless told otherwise."""
    return pairs.Sieve(u32(sizes), u64(sketches if sketches is not None else [0] * len(sizes)), ratio, 64, cut)


def unpacked(found: np.ndarray) -> list[tuple[int, int]]:
    """Pairs as tuples, sorted."""
    return sorted((int(one) >> 32, int(one) & 0xFFFFFFFF) for one in found)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 1)), max_size=40))
def test_equal_sets_find_their_first(rows):
    """Every set names the first one with its hash; empty sets name themselves."""
    low, high, sizes = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    keys = [(x, y) if n else (i, None) for i, (x, y, n) in enumerate(rows)]
    assert pairs.first_equal(u64(low), u64(high), u32(sizes)).tolist() == [keys.index(key) for key in keys]


@given(st.lists(st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 3)), max_size=60))
def test_buckets_are_sorted(keys):
    """Members go by key, and among equal keys by number."""
    packed = pairs.buckets(u32(keys), np.arange(len(keys), dtype=np.uint32))
    assert pairs.members_of(packed).tolist() == np.argsort(u32(keys), kind="stable").tolist()
    assert (packed >> np.uint64(32)).tolist() == sorted(keys)


def bucketed(keys) -> np.ndarray:
    """Buckets of the members 0, 1, 2, …"""
    return pairs.buckets(u32(keys), np.arange(len(keys), dtype=np.uint32))


@given(SMALL, st.lists(st.integers(1, 9), min_size=40, max_size=40), st.sampled_from([0.0, 0.5, 0.8]), st.integers(2, 50))
def test_pairs_of_buckets(keys, sizes, ratio, most):
    """Exactly the pairs of equal keys and similar sizes, in buckets that are not too full; those are named."""
    keys = sorted(keys)
    found, crowded = pairs.within_buckets(bucketed(keys), sieve(sizes, ratio=ratio), most)
    full = {key for key in keys if keys.count(key) > most}
    wanted = [
        (i, j) for i, j in combinations(range(len(keys)), 2)
        if keys[i] == keys[j] and keys[i] not in full and min(sizes[i], sizes[j]) >= ratio * max(sizes[i], sizes[j])
    ]  # fmt: skip
    assert unpacked(found) == wanted
    assert [(keys[start], stop - start) for start, stop in crowded.tolist()] == [(key, keys.count(key)) for key in sorted(full)]


def test_many_pairs_in_little_room():
    """More pairs than the kernel has room for are all found, piece by piece."""
    keys = np.repeat(np.arange(3000, dtype=np.uint32), 12)
    found, _ = pairs.within_buckets(bucketed(keys), sieve(np.ones(len(keys))), 12)
    assert len(found) == 3000 * 66
    assert len(pairs.unique(found)) == 3000 * 66


@pytest.mark.parametrize(("differing", "passes"), [(9, True), (10, False)])
def test_sketches_sift(differing, passes):
    """A pair passes if as many bits agree as the cut says."""
    found, _ = pairs.within_buckets(bucketed([7, 7]), sieve([4, 4], [0, 2**differing - 1], cut=55), 10)
    assert len(found) == passes


@given(st.integers(1, 30), st.integers(0, 8))
def test_hubs_meet_everyone(members, hubs):
    """Each member is paired with each hub, once."""
    found = pairs.across(np.arange(members, dtype=np.uint32), u32(range(100, 100 + hubs)), sieve(np.ones(200)))
    assert unpacked(found) == [(i, j) for i in range(members) for j in range(100, 100 + hubs)]


@given(SMALL)
def test_pairs_are_counted_by_size(keys):
    """All pairs of equal keys are counted, under the bits of their number."""
    wanted = np.zeros(pairs.SIZES)
    for key in set(keys):
        n = keys.count(key)
        wanted[n.bit_length()] += n * (n - 1) / 2
    assert pairs.count_pairs(bucketed(keys)).tolist() == wanted.tolist()


@given(st.lists(st.integers(0, 9), max_size=50))
def test_unique(values):
    """Sorted, each once."""
    assert pairs.unique(u64(values)).tolist() == sorted(set(values))


SPREAD = 0x9E3779B97F4A7C15
SETS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 300), st.sets(st.integers(0, 400), max_size=20)), min_size=2, max_size=6)


@settings(max_examples=200)
@given(SETS, st.sampled_from([0.1, 0.5, 0.8, 1.0]), st.sampled_from([0.5, 0.9, 2.0]))
def test_overlaps_are_exact(drawn, jaccard, containment):
    """The overlap is exact, and given up only where neither limit can be met; bitmaps of different sizes tell no untruth."""
    sets = [{x * SPREAD % 2**64 for x in {*range(first, first + count), *others}} for first, count, others in drawn]
    flat, starts = u64([x for one in sets for x in sorted(one)]), np.cumsum([0, *map(len, sets)]).astype(np.int64)
    a, b = (np.array(column) for column in zip(*combinations(range(len(sets)), 2), strict=True))
    found = overlaps.overlaps(overlaps.with_bitmaps(flat, starts), a, b, least_jaccard=jaccard, least_containment=containment)
    for x, y, shared in zip(a, b, found.tolist(), strict=True):
        both = len(sets[x] & sets[y])
        alike = both / len(sets[x] | sets[y]) >= jaccard or both / min(len(sets[x]), len(sets[y])) >= containment
        assert shared == both or (shared == -1 and not alike)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40), st.lists(st.integers(1, 9), min_size=10, max_size=10), st.integers(18, 60))
def test_batches_fit(edges, sizes, most):
    """Every batch of pairs fits, with each document counted once, and batches follow each other."""
    a, b = ([one[k] for one in edges] for k in (0, 1))
    found = pairs.batches(np.array(a, np.int64), np.array(b, np.int64), np.array(sizes), most).tolist()
    assert found == sorted(found)
    for batch in set(found):
        members = {x for i, edge in enumerate(edges) if found[i] == batch for x in edge}
        assert sum(sizes[x] for x in members) <= most


EDGES = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14), st.sampled_from([0.8, 0.9, 0.95])), max_size=40)


@settings(max_examples=300)
@given(EDGES, st.randoms())
def test_the_first_independent_set(edges, shuffle):
    """Greedy by rank, as a person would do it; the order of edges does not matter; each one that goes has its best keeper."""
    edges = [(min(x, y), max(x, y), s) for x, y, s in edges if x != y]
    shuffle.shuffle(edges)
    kept: list[int] = []
    for node in range(15):
        if not any(edge[1] == node and edge[0] in kept for edge in edges):
            kept.append(node)
    columns = [np.array([edge[k] for edge in edges]) for k in range(3)]
    keeper, edge = graph.first_independent(15, *columns)
    assert [node for node in range(15) if keeper[node] == node] == kept
    for node in set(range(15)) - set(kept):
        best = max((s, -x) for x, y, s in edges if y == node and x in kept)
        assert (edges[edge[node]][2], -keeper[node]) == best
        assert edges[edge[node]][:2] == (keeper[node], node)


@settings(max_examples=200)
@given(EDGES)
def test_components(edges):
    """Every node knows the least node that it is connected with."""
    least = list(range(15))
    for _ in range(15):
        for x, y, _similarity in edges:
            least[x] = least[y] = min(least[x], least[y])
    columns = [np.array([edge[k] for edge in edges], np.int64) for k in (0, 1)]
    assert graph.components(15, *columns).tolist() == least
