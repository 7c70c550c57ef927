"""Which documents fill a quota: conserved, stable when a target moves, blind to order, and as a slow program draws them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.stages._draws import codes, factors


def drawn_slowly(stratum: np.ndarray, sizes: np.ndarray, quotas: np.ndarray, draw: np.ndarray) -> list[int]:
    """What `factors` should give: group by group, document by document, in fractions."""
    taken = [0] * len(stratum)
    for group, quota in enumerate(quotas.tolist()):
        members = sorted((i for i in range(len(stratum)) if stratum[i] == group), key=lambda i: draw[i])
        held = sum(int(sizes[i]) for i in members)
        if not held:
            continue
        whole = int(quota // held)
        rest, before = Fraction(quota) - whole * held, 0
        for i in members:
            size = int(sizes[i])
            taken[i] = whole + (rest > 0 and Fraction(2 * before + size, 2) <= rest)
            before += size
    return taken


@st.composite
def corpora(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Strata, sizes (some of them 0), and draws, all different."""
    n = draw(st.integers(1, 40))
    stratum = np.unique(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), return_inverse=True)[1]
    sizes = np.array(draw(st.lists(st.one_of(st.integers(0, 5), st.integers(0, 100_000)), min_size=n, max_size=n)), np.int64)
    return stratum, sizes, np.random.default_rng(draw(st.integers(0, 1000))).permutation(n).astype(np.uint64)


def order(draw: np.ndarray) -> pl.DataFrame:
    """The order by draw alone."""
    return pl.DataFrame({"draw": draw})


def quotas_of(data: st.DataObject, stratum: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Quotas of up to four times what there is, in eighths, which floats hold exactly."""
    held = np.bincount(stratum, sizes)
    return np.array([data.draw(st.integers(0, 32 * int(one))) / 8 for one in held])


@settings(max_examples=300, deadline=None)
@given(corpora(), st.data())
def test_factors_are_the_slow_oracle(corpus: tuple[np.ndarray, np.ndarray, np.ndarray], data: st.DataObject) -> None:
    """Documents are taken as a program in fractions takes them, one by one."""
    stratum, sizes, draw = corpus
    quotas = quotas_of(data, stratum, sizes)
    held = np.bincount(stratum, sizes)
    near = np.abs(quotas / np.maximum(held, 1) - np.round(quotas / np.maximum(held, 1)))
    quotas = np.where((near > 0) & (near < 1e-5), np.round(quotas / np.maximum(held, 1)) * held, quotas)  # what counts as whole is
    assert factors(stratum, sizes, quotas, order(draw)).tolist() == drawn_slowly(stratum, sizes, quotas, draw)


@settings(max_examples=300, deadline=None)
@given(corpora(), st.data())
def test_every_stratum_is_filled_as_nearly_as_whole_documents_can(
    corpus: tuple[np.ndarray, np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    """What is given differs from the quota by no more than half of the largest document; rates of one stratum differ by one copy at most."""
    stratum, sizes, draw = corpus
    quotas = quotas_of(data, stratum, sizes)
    taken = factors(stratum, sizes, quotas, order(draw))
    given_ = np.bincount(stratum, sizes * taken)
    for group in range(len(quotas)):
        mine = stratum == group
        if sizes[mine].sum():
            assert abs(given_[group] - quotas[group]) <= sizes[mine].max() / 2 + 1e-5 * sizes[mine].sum()
            assert taken[mine].max() - taken[mine].min() <= 1


@settings(max_examples=300, deadline=None)
@given(corpora(), st.data())
def test_more_keeps_all_that_less_kept(corpus: tuple[np.ndarray, np.ndarray, np.ndarray], data: st.DataObject) -> None:
    """When a quota grows, no document is taken less often: which documents go is stable when a target moves a little."""
    stratum, sizes, draw = corpus
    less = quotas_of(data, stratum, sizes)
    more = less + np.array([data.draw(st.integers(0, 1 + int(one))) / 8 for one in np.bincount(stratum, sizes)])
    assert (factors(stratum, sizes, more, order(draw)) >= factors(stratum, sizes, less, order(draw))).all()


@settings(max_examples=200, deadline=None)
@given(corpora(), st.data())
def test_order_of_documents_does_not_matter(corpus: tuple[np.ndarray, np.ndarray, np.ndarray], data: st.DataObject) -> None:
    """The same documents are taken however they lie."""
    stratum, sizes, draw = corpus
    quotas = quotas_of(data, stratum, sizes)
    turned = np.array(data.draw(st.permutations(range(len(stratum)))))
    assert (
        factors(stratum[turned], sizes[turned], quotas, order(draw[turned])) == factors(stratum, sizes, quotas, order(draw))[turned]
    ).all()


@pytest.mark.parametrize(
    ("quota", "taken"),
    [
        (0, [0, 0, 0, 0]),
        (4.9, [0, 0, 0, 0]),  # the middle of the first document is at 5
        (5, [1, 0, 0, 0]),
        (14.9, [1, 0, 0, 0]),
        (15, [1, 1, 0, 0]),
        (40, [1, 1, 1, 1]),
        (44.9, [1, 1, 1, 1]),
        (45, [2, 1, 1, 1]),
        (100, [3, 3, 2, 2]),
        (160, [4, 4, 4, 4]),
    ],
)
def test_four_documents_of_ten_bytes(quota: float, taken: list[int]) -> None:
    """Whole rounds first, then the first documents of the order whose middle the rest reaches."""
    found = factors(np.zeros(4, np.int64), np.full(4, 10), np.array([quota], float), order(np.arange(4, dtype=np.uint64)))
    assert found.tolist() == taken


def test_thirds_are_whole_where_they_should_be() -> None:
    """A rate that is a whole number but for the last bit of a float is one."""
    found = factors(np.zeros(3, np.int64), np.array([7, 7, 7]), np.array([3 * 7 * (1 - 1e-15)]), order(np.arange(3, dtype=np.uint64)))
    assert found.tolist() == [1, 1, 1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", "none"]), st.sampled_from("12")), max_size=30))
def test_codes_are_groups(rows: list[tuple[str, str, str]]) -> None:
    """Rows have one code if and only if all their values are equal, and codes name just the groups that occur, in order."""
    columns = [pl.Series([row[i] for row in rows], dtype=pl.String) for i in range(3)]
    code, groups = codes(columns, len(rows))
    assert [groups[i] for i in code] == rows
    assert groups == sorted(set(rows))


def test_codes_of_no_axis() -> None:
    """Without an axis all rows are one group; without rows there is none."""
    code, groups = codes([], 3)
    assert (code.tolist(), groups) == ([0, 0, 0], [("all",)])
    assert codes([], 0)[1] == []
