"""Folds and held-out documents are whole clusters, of nearly equal bytes, and the same in any order of documents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.ablate.draws import apart, occurrences, ranks, seeded, take
from tamis.ablate.folds import Folds, folds, held_out
from tamis.kernels.deal import deal


@st.composite
def pools(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(cluster, keys, sizes) of some documents; equal keys only in one cluster."""
    n = draw(st.integers(0, 40))
    names = draw(st.lists(st.integers(0, 12), min_size=n, max_size=n))
    keys = [name * 1000 + draw(st.integers(0, 5)) for name in names]
    sizes = [(key * 7919) % 400 for key in keys]  # equal texts have equal bytes
    first = {name: names.index(name) for name in names}
    return np.array([first[name] for name in names], np.int64), np.array(keys, np.uint64), np.array(sizes, np.int64)


def web(n: int = 5_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(cluster, keys, sizes) as pages have them: bytes log-normal, one document in five in a cluster of five."""
    draw = np.random.default_rng(seed)
    cluster = np.arange(n)
    cluster[: n // 5] = cluster[: n // 5] // 5 * 5
    return cluster, draw.integers(0, 2**63, n).astype(np.uint64), np.exp(draw.normal(7, 1.2, n)).astype(np.int64)


@given(pools(), st.integers(1, 7), st.integers(-3, 3), st.randoms(use_true_random=False))
def test_folds_are_whole_clusters_in_any_order(pool, count, seed, random):
    """No cluster is parted, every document has a fold, and the order of documents changes nothing."""
    cluster, keys, sizes = pool
    found = folds(cluster, keys, sizes, count=count, seed=seed)
    for one in set(cluster.tolist()):
        assert len(set(found.fold[cluster == one].tolist())) == 1
    assert found.fold.dtype == np.int16
    assert found.sizes.tolist() == [sizes[found.fold == fold].sum() for fold in range(count)]
    order = random.sample(range(len(cluster)), len(cluster))
    # Another order gives clusters other numbers too.
    again = folds(cluster[order] * 3 % 41, keys[order], sizes[order], count=count, seed=seed)
    assert again.fold.tolist() == found.fold[order].tolist()
    kept = held_out(cluster, keys, sizes, share=0.3, seed=seed)
    assert held_out(cluster[order], keys[order], sizes[order], share=0.3, seed=seed).tolist() == kept[order].tolist()


def test_folds_have_equal_bytes_and_lengths():
    """20 folds of 5,000 pages differ by less than a thousandth in bytes, by a few in documents, and all have long ones."""
    cluster, keys, sizes = web()
    found = folds(cluster, keys, sizes, count=20, seed=1)
    mean = sizes.sum() / 20
    assert found.deviation == max(abs(one - mean) for one in found.sizes) / mean
    assert found.deviation < 0.001
    assert np.ptp(np.bincount(found.fold)) <= 60  # a cluster of five is one thing
    assert np.ptp(np.bincount(found.fold[sizes > 8000], minlength=20)) <= 10


def test_other_seeds_deal_anew():
    """Two seeds put a document into the same of 20 folds about once in 20 times, so their folds are other samples."""
    cluster, keys, sizes = web()
    first, second = (folds(cluster, keys, sizes, count=20, seed=seed).fold for seed in (1, 2))
    assert (first == second).mean() == pytest.approx(0.05, abs=0.02)


def test_a_cluster_larger_than_a_fold_is_told():
    """Where one cluster has half of the bytes, no fold is as large as it, and the deviation says by how much."""
    found = folds(np.array([0, 0, 1, 2]), np.array([1, 2, 3, 4], np.uint64), np.array([250, 250, 250, 250]), count=4, seed=0)
    assert sorted(found.sizes.tolist()) == [0, 250, 250, 500]
    assert found.deviation == 1.0


def test_folds_of_nothing():
    """An empty pool has empty folds, and nothing to hold out."""
    nothing = np.empty(0, np.int64), np.empty(0, np.uint64), np.empty(0, np.int64)
    found = folds(*nothing, count=3, seed=0)
    assert (found.fold.tolist(), found.sizes.tolist(), found.deviation) == ([], [0, 0, 0], 0.0)
    assert held_out(*nothing, share=0.5, seed=0).tolist() == []
    assert isinstance(folds(np.zeros(1), np.zeros(1), np.zeros(1), count=2, seed=0), Folds)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_held_out_has_its_share_of_bytes_in_whole_clusters(share):
    """The share is met to within half a cluster, and no cluster is parted."""
    cluster, keys, sizes = web()
    kept = held_out(cluster, keys, sizes, share=share, seed=5)
    whole = np.bincount(cluster, weights=sizes)
    assert abs(sizes[kept].sum() - share * sizes.sum()) <= whole.max() / 2
    assert all(len(set(kept[cluster == one].tolist())) == 1 for one in set(cluster[:1000].tolist()))


def test_held_out_is_random():
    """Another seed holds out others."""
    cluster, keys, sizes = web()
    first, second = (held_out(cluster, keys, sizes, share=0.1, seed=seed) for seed in (1, 2))
    assert (first & second).mean() < 0.03


@pytest.mark.parametrize(("large", "ever"), [(501, False), (499, True)])
def test_held_out_passes_over_what_is_too_large(large, ever):
    """A cluster of more than half of what is wanted is never held out, so that no text is most of the measure; a smaller one may be."""
    keys = np.random.default_rng(0).integers(0, 2**63, 951).astype(np.uint64)
    sizes = np.array([large, *[10] * 950])
    kept = [held_out(np.arange(951), keys, sizes, share=1000 / sizes.sum(), seed=seed) for seed in range(60)]
    assert any(one[0] for one in kept) is ever
    assert all(abs(sizes[one].sum() - 1000) <= 250 for one in kept)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 100)])
def test_held_out_of_none_and_of_all(share, expected):
    """No share is nothing and the whole is everything."""
    assert held_out(np.arange(100), np.arange(100, dtype=np.uint64), np.full(100, 7), share=share, seed=0).sum() == expected


@given(st.lists(st.integers(0, 50), max_size=30), st.floats(0, 500))
def test_take_is_within_half_a_thing(sizes, wanted):
    """What is taken differs from what is wanted by half of one thing that is not too large, unless there is too little."""
    given_sizes = np.array(sizes, np.int64)
    taken = take(given_sizes, wanted)
    able = given_sizes[given_sizes <= 2 * wanted]
    assert not taken[given_sizes > 2 * wanted].any()
    assert abs(given_sizes[taken].sum() - wanted) <= max(able.max(initial=0) / 2, wanted - able.sum()) + 1e-6


def test_ranks_part_equal_texts():
    """Half of a pool in which every text stands twice holds both copies of a quarter of them, as chance has it."""
    keys = np.tile(np.random.default_rng(0).integers(0, 2**63, 4000).astype(np.uint64), 2)
    half = ranks(keys, 1) < np.uint64(2**63)
    assert (half[:4000] & half[4000:]).mean() == pytest.approx(0.25, abs=0.03)
    assert half.mean() == pytest.approx(0.5, abs=0.03)


def test_ranks_depend_on_texts_and_every_seed():
    """The rank of a text is the same wherever it stands, and unrelated for another seed or redraw."""
    keys = np.random.default_rng(0).integers(0, 2**63, 3000).astype(np.uint64)
    order = np.random.default_rng(1).permutation(3000)
    assert np.array_equal(ranks(keys[order], 1, 2), ranks(keys, 1, 2)[order])
    others = [ranks(keys, *seeds).astype(np.float64) for seeds in ((1, 2), (2, 1), (1, 3), (1,), (-1,))]
    assert np.abs(np.corrcoef(others) - np.eye(5)).max() < 0.1
    assert np.array_equal(seeded(apart(keys), 1, 2), ranks(keys, 1, 2))


def test_occurrences_count_what_stands_before():
    """Equal keys are numbered in their order."""
    assert occurrences(np.array([7, 3, 7, 7, 3, 9], np.uint64)).tolist() == [0, 0, 1, 2, 1, 0]
    assert occurrences(np.empty(0, np.uint64)).tolist() == []


@given(st.lists(st.integers(0, 99), max_size=30), st.integers(1, 5))
def test_deal_gives_to_the_lightest(sizes, piles):
    """Each thing goes where a slow program would put it."""
    weights, expected = [0] * piles, []
    for size in sizes:
        expected.append(weights.index(min(weights)))
        weights[expected[-1]] += size
    assert deal(np.array(sizes, np.int64), piles).tolist() == expected
