"""Texts in several arrays are, whatever is replaced and asked for, what a list of texts would be."""

from __future__ import annotations

from itertools import compress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.scattered import Scattered

TEXTS = st.text(max_size=6)
Case = tuple[list[list[str]], list[list[bool]], list[tuple[list[int], list[str]]], list[int]]
KINDS = [pa.string(), pa.large_string(), pa.string_view(), pa.large_binary(), pa.dictionary(pa.int32(), pa.string())]


@st.composite
def changes(draw: st.DrawFn) -> Case:
    """Texts in pieces, which of each are meant, what is replaced of these in turn, and rows to ask for."""
    pieces = draw(st.lists(st.lists(TEXTS, max_size=5), max_size=4))
    meant = [draw(st.lists(st.booleans(), min_size=len(piece), max_size=len(piece))) for piece in pieces]
    n = sum(map(sum, meant))
    rows = st.lists(st.integers(0, n - 1), unique=True, max_size=n) if n else st.just([])
    some = draw(st.lists(rows.map(sorted), max_size=4))
    return pieces, meant, [(which, draw(st.lists(TEXTS, min_size=len(which), max_size=len(which)))) for which in some], draw(rows)


def as_column(pieces: list[list[str]], kind: pa.DataType) -> pa.ChunkedArray:
    """The pieces, each a slice of a longer array."""
    return pa.chunked_array([pa.array(["before", *piece, "after"], pa.string()).cast(kind)[1:-1] for piece in pieces], kind)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(case=changes())
def test_texts_are_those_of_a_list(kind: pa.DataType, case: Case) -> None:
    """After any replacements, of the same rows too, all texts are in the pieces that were given, and any rows can be had in any order."""
    pieces, meant, replaced, asked = case
    rows = np.flatnonzero([mark for marks in meant for mark in marks])
    texts = Scattered(as_column(pieces, kind), rows if len(rows) < sum(map(len, pieces)) else None)
    expected = [text for piece, marks in zip(pieces, meant, strict=True) for text in compress(piece, marks)]
    for some, others in replaced:
        texts.replace(np.array(some, np.int64), as_column([others], pa.large_string()).chunk(0))
        for row, other in zip(some, others, strict=True):
            expected[row] = other
    whole = texts.whole()
    whole.validate(full=True)
    assert whole.type == pa.large_string()
    assert [len(chunk) for chunk in whole.chunks] == list(map(sum, meant))
    assert whole.to_pylist() == expected
    assert texts.gathered(np.array(asked, np.int64)).to_pylist() == [expected[row] for row in asked]
