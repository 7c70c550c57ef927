"""Random controls have the bytes they should, in all and in every stratum, and are blind to everything else."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.ablate.draws import ranks
from tamis.ablate.strata import LEAST, Matched, matched_subset, random_subset


def pool(n: int = 6000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(sizes, source, rank) of documents of four sources of different sizes and lengths."""
    draw = np.random.default_rng(seed)
    source = np.array(["books", "docs", "news", "web"])[draw.choice(4, n, p=[0.02, 0.18, 0.3, 0.5])]
    sizes = np.exp(draw.normal(np.where(source == "books", 10, 7), 1.0)).astype(np.int64)
    return sizes, source, ranks(draw.integers(0, 2**63, n).astype(np.uint64), seed)


def matched(sizes: list[int], source: str, curated: list[int], *, least: int = LEAST) -> Matched:
    """The matched subset of a hand-made pool: a letter a source, all available, ranked by row."""
    n = len(sizes)
    return matched_subset(
        np.array(sizes), np.ones(n, np.bool_), np.array(curated, np.uint8), list(source), np.arange(n, dtype=np.uint64), least=least
    )


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=25), st.integers(0, 400))
def test_random_subset_is_within_half_a_document(documents, wanted):
    """Equal bytes to within half a document, of what is available alone, the lowest ranks first."""
    sizes = np.array([size for size, _ in documents], np.int64)
    available = np.array([there for _, there in documents], np.bool_)
    rank = ranks(np.arange(len(sizes), dtype=np.uint64), wanted)
    subset = random_subset(sizes, available, wanted, rank)
    assert not (subset & ~available).any()
    able = available & (sizes <= 2 * wanted)
    assert abs(sizes[subset].sum() - wanted) <= max(sizes[able].max(initial=0) / 2, wanted - sizes[able].sum())
    assert not subset.any() or rank[subset].max() <= rank[able & ~subset].min(initial=np.uint64(2**64 - 1))


def test_redraws_are_other_documents():
    """Two redraws of half of the bytes share half of them, one redraw is the same again, and a smaller one is part of it."""
    sizes, _, _ = pool()
    keys, every = np.arange(len(sizes), dtype=np.uint64), np.ones(len(sizes), np.bool_)
    first, second, again = (random_subset(sizes, every, sizes.sum() / 2, ranks(keys, 7, redraw)) for redraw in (0, 1, 0))
    assert sizes[first & second].sum() / sizes.sum() == pytest.approx(0.25, abs=0.03)
    assert np.array_equal(first, again)
    assert not (random_subset(sizes, every, sizes.sum() / 4, ranks(keys, 7, 0)) & ~first).any()


def test_every_stratum_has_the_bytes_of_the_curated_arm():
    """Source by source and length by length, bytes agree to within one document; a source that was dropped is not drawn."""
    sizes, source, rank = pool()
    draw = np.random.default_rng(3)
    copies = ((draw.random(len(sizes)) < np.where(sizes < 1024, 0.2, 0.7)) & (source != "docs")).astype(np.uint8)
    found = matched_subset(sizes, np.ones(len(sizes), np.bool_), copies, source, rank)
    told = found.strata
    assert told["available"].min() >= LEAST
    assert told["short_bytes"].sum() == 0
    assert not found.subset[source == "docs"].any()
    power = np.frexp(sizes)[1]
    for row in told.iter_rows(named=True):
        here = np.isin(source, row["sources"]) & (2.0 ** (power - 1) >= row["from_bytes"]) & (2.0**power <= row["below_bytes"])
        assert (row["available"], row["available_bytes"]) == (here.sum(), sizes[here].sum())
        assert row["wanted_bytes"] == sizes[here & (copies > 0)].sum()
        assert (row["drawn"], row["drawn_bytes"]) == ((here & found.subset).sum(), sizes[here & found.subset].sum())
        assert abs(row["drawn_bytes"] - row["wanted_bytes"]) <= sizes[here].max()
    assert told["available"].sum() == len(sizes)
    assert sizes[found.subset].sum() == pytest.approx((sizes * copies).sum(), rel=0.005)


def test_a_matched_draw_does_not_see_what_was_kept():
    """Of the documents it draws, as many were kept as of all in their strata: it knows bytes, sources and lengths alone."""
    sizes, source, rank = pool()
    kept = np.random.default_rng(5).random(len(sizes)) < 0.5
    found = matched_subset(sizes, np.ones(len(sizes), np.bool_), kept.astype(np.uint8), source, rank)
    assert kept[found.subset].mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("documents", [1, 2, 4, 30])
def test_thin_strata_mistake_quality_for_composition(documents):
    """Where p of the documents are bad and dropped, a draw from strata of m has (1 - 1/m) p of them: why `least` is 30."""
    draw = np.random.default_rng(documents)
    strata, bad = 12_000 // documents, 0.4
    kept = draw.random((strata, documents)) >= bad
    source = np.repeat(np.arange(strata), documents).astype(str)
    n = strata * documents
    rank = ranks(draw.integers(0, 2**63, n).astype(np.uint64), 0)
    found = matched_subset(np.full(n, 1000), np.ones(n, np.bool_), kept.ravel().astype(np.uint8), source, rank, least=1)
    assert 1 - kept.ravel()[found.subset].mean() == pytest.approx(bad * (1 - 1 / documents), abs=0.02)


CASES = [
    ("enough in every power of 2", [10] * 3 + [20] * 3, "aaaaaa", [(["a"], 8, 16, 1, 3), (["a"], 16, 32, 1, 3)]),
    ("the shortest go with the next", [10] * 2 + [20] * 3, "aaaaa", [(["a"], 8, 32, 2, 5)]),
    ("what is left over goes with the longest", [10] * 3 + [20] * 2, "aaaaa", [(["a"], 8, 32, 2, 5)]),
    ("from short to long, as soon as there are enough", [1, 2, 4, 8, 16, 32, 64], "aaaaaaa", [(["a"], 1, 8, 3, 3), (["a"], 8, 128, 4, 4)]),
    ("small sources are one", [10] * 7, "aaaabbc", [(["b", "c"], 8, 16, 2, 3), (["a"], 8, 16, 1, 4)]),
    ("a small source goes with the smallest of the others", [10] * 12, "aaaaabbbbccd"[:12], [(["c", "d"], 8, 16, 2, 3), (["b"], 8, 16, 1, 4), (["a"], 8, 16, 1, 5)]),
    ("one small source", [10] * 8, "aaaabbbc", [(["b", "c"], 8, 16, 2, 4), (["a"], 8, 16, 1, 4)]),
    ("too few in all", [10, 300], "ab", [(["a", "b"], 8, 512, 2, 2)]),
    ("an empty text", [0, 0, 0, 1, 1, 1], "aaaaaa", [(["a"], 0, 1, 1, 3), (["a"], 1, 2, 1, 3)]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "sizes", "source", "expected"), CASES)
def test_thin_strata_are_put_together(what, sizes, source, expected):
    """Three documents a stratum: neighbours in length first, then sources."""
    found = matched(sizes, source, [1] * len(sizes), least=3)
    assert found.strata.select("sources", "from_bytes", "below_bytes", "cells", "available").rows() == expected


def test_unavailable_documents_do_not_count_as_available():
    """A stratum whose documents may not be drawn is thin, and what the curated arm has there is drawn beside it."""
    available = np.array([False, False, False, True, True, True])
    sizes, copies = np.array([10, 10, 10, 20, 20, 20]), np.array([1, 1, 0, 0, 0, 0], np.uint8)
    found = matched_subset(sizes, available, copies, ["a"] * 6, np.arange(6, dtype=np.uint64), least=3)
    assert found.strata.select("cells", "available", "wanted_bytes", "drawn_bytes").rows() == [(2, 3, 20, 20)]
    assert found.subset.tolist() == [False, False, False, True, False, False]


def test_a_stratum_with_too_little_says_so():
    """Copies may want more than there is: all is drawn, what is missing is told, and not drawn elsewhere."""
    found = matched([10, 10, 10, 20, 20, 20], "aaaaaa", [2, 2, 2, 1, 0, 0], least=3)
    assert found.strata.select("wanted_bytes", "drawn_bytes", "short_bytes").rows() == [(60, 30, 30), (20, 20, 0)]
    assert found.subset.tolist() == [True, True, True, True, False, False]


def test_half_documents_are_made_up_for_in_longer_ones_of_the_same_source():
    """Of 8 bytes wanted in documents of 15 one is drawn, 7 too many, so that of 17 wanted 10 are left, and 31 are too many."""
    sizes, curated = np.array([8, 15, 15, 17, 31, 31] * 2), np.array([1, 0, 0] * 4, np.uint8)
    rank = np.array([9, 1, 2, 8, 3, 4] * 2, np.uint64)
    found = matched_subset(sizes, np.ones(12, np.bool_), curated, list("aaaaaabbbbbb"), rank, least=3)
    told = found.strata.select("sources", "wanted_bytes", "drawn_bytes").rows()
    assert told == [(["a"], 8, 15), (["a"], 17, 17), (["b"], 8, 15), (["b"], 17, 17)]
    alone = matched_subset(sizes[3:6], np.ones(3, np.bool_), curated[3:6], list("aaa"), rank[3:6], least=3)
    assert alone.strata["drawn_bytes"].to_list() == [31]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 200), st.integers(0, 2), st.booleans()), max_size=30),
    st.integers(1, 6),
    st.randoms(),
)
def test_any_pool_is_answered_in_any_order(documents, least, random):
    """Every document has a stratum, strata add up, and the same documents are drawn whatever their order."""

    def run(some: list[tuple[int, tuple[str, int, int, bool]]]) -> tuple[set[int], list[tuple[object, ...]]]:
        sizes, copies = (np.array([one[i] for _, one in some], np.int64) for i in (1, 2))
        available = np.array([one[3] for _, one in some], np.bool_)
        rank = ranks(np.array([name for name, _ in some], np.uint64), 3)
        found = matched_subset(sizes, available, copies.astype(np.uint8), [one[0] for _, one in some], rank, least=least)
        assert not (found.subset & ~available).any()
        totals = found.strata.select(pl.col("available", "available_bytes", "wanted_bytes", "drawn_bytes").sum()).row(0)
        assert totals == (available.sum(), sizes[available].sum(), (copies * sizes).sum(), sizes[found.subset].sum())
        counts = found.strata["available"].to_list()
        assert min(counts, default=0) >= least or len(counts) <= 1 or sum(counts) < 2 * least
        return {some[i][0] for i in np.flatnonzero(found.subset)}, found.strata.rows()

    named = list(enumerate(documents))
    assert run(named) == run(random.sample(named, len(named)))


def test_sources_may_be_missing():
    """Documents without a source are a source of their own."""
    found = matched_subset(
        np.full(6, 10), np.ones(6, np.bool_), np.ones(6, np.uint8), [None] * 3 + ["a"] * 3, np.arange(6, dtype=np.uint64), least=3
    )  # type: ignore[list-item]
    assert found.strata.select("sources", "drawn").rows() == [(["a"], 3), ([None], 3)]
