"""Texts in several arrays are, whatever is replaced and asked for, what a list of texts would be."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.scattered import Scattered

TEXTS = st.text(max_size=6)
KINDS = [pa.string(), pa.large_string(), pa.string_view(), pa.large_binary(), pa.dictionary(pa.int32(), pa.string())]


@st.composite
def changes(draw: st.DrawFn) -> tuple[list[list[str]], list[tuple[list[int], list[str]]], list[int]]:
    """Texts in pieces, what is replaced in turn, and rows to ask for."""
    pieces = draw(st.lists(st.lists(TEXTS, max_size=5), min_size=1, max_size=4))
    n = sum(map(len, pieces))
    rows = st.lists(st.integers(0, n - 1), unique=True, max_size=n) if n else st.just([])
    some = draw(st.lists(rows.map(sorted), max_size=4))
    return pieces, [(which, draw(st.lists(TEXTS, min_size=len(which), max_size=len(which)))) for which in some], draw(rows)


def as_column(pieces: list[list[str]], kind: pa.DataType) -> pa.ChunkedArray:
    """The pieces, each a slice of a longer array."""
    return pa.chunked_array([pa.array(["before", *piece, "after"], pa.string()).cast(kind)[1:-1] for piece in pieces], kind)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(case=changes())
def test_texts_are_those_of_a_list(kind: pa.DataType, case: tuple[list[list[str]], list[tuple[list[int], list[str]]], list[int]]) -> None:
    """After any replacements, of the same rows too, all texts are in the pieces that were given, and any rows can be had in any order."""
    pieces, replaced, asked = case
    texts, expected = Scattered(as_column(pieces, kind)), [text for piece in pieces for text in piece]
    for rows, others in replaced:
        texts.replace(np.array(rows, np.int64), as_column([others], pa.large_string()).chunk(0))
        for row, other in zip(rows, others, strict=True):
            expected[row] = other
    assert texts.whole().type == pa.large_string()
    assert [len(chunk) for chunk in texts.whole().chunks] == list(map(len, pieces))
    assert texts.whole().to_pylist() == expected
    assert texts.gathered(np.array(asked, np.int64)).to_pylist() == [expected[row] for row in asked]
    texts.whole().validate(full=True)
