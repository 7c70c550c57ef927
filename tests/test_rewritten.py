"""A run knows which documents each edit changed, whatever the edit gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.documents import Columns, large_string, utf8
from tamis.edits.lines import Lines
from tamis.edits.mask import Mask
from tamis.edits.mojibake import Mojibake
from tamis.edits.unicode import Unicode
from tamis.measure import REWRITTEN, Step, edited
from tamis.stage import Edit


def same(text: pa.Array) -> pa.Array:
    """The array itself."""
    return text


def as_column(text: pa.Array) -> pa.ChunkedArray:
    """The array as a column of a table."""
    return pa.chunked_array([text])


def same_buffers(text: pa.Array) -> pa.Array:
    """Another array over the same bytes."""
    return large_string(*utf8(text))


def copied(text: pa.Array) -> pa.Array:
    """Other bytes that are equal."""
    return pa.array(text.to_pylist(), pa.large_string())


def first_cut(text: pa.Array) -> pa.Array:
    """The same bytes, other borders: each text but the last also has the first byte of the next, if that is ASCII."""
    data, borders = utf8(text)
    moved = borders.copy()
    inner = moved[1:-1]
    inner += np.array([i < borders[-1] and data[i] < 128 and i < j for i, j in zip(inner, borders[2:], strict=True)], np.int64)
    return large_string(data, moved)


def other_bytes(text: pa.Array) -> pa.Array:
    """The same borders over other bytes: capitals for every "a"."""
    data, borders = utf8(text)
    return large_string(np.where(data == ord("a"), ord("A"), data).astype(np.uint8), borders)


def one_of_many(text: pa.Array) -> pa.Array:
    """The last text that has any "a" has capitals for them: as long as before."""
    texts = text.to_pylist()
    which = max((i for i, one in enumerate(texts) if "a" in one), default=None)
    return pa.array([one.replace("a", "A") if i == which else one for i, one in enumerate(texts)], pa.large_string())


def swapped(text: pa.Array) -> pa.Array:
    """The texts in reverse."""
    return pa.array(text.to_pylist()[::-1], pa.large_string())


WAYS = [same, as_column, same_buffers, copied, first_cut, other_bytes, one_of_many, swapped]


@dataclass(frozen=True)
class Way(Edit):
    """Somebody's own edit."""

    way: Any = same

    def edit(self, docs: pa.Table) -> tuple[pa.Array, pl.DataFrame]:
        """chars: u32, before."""
        text = docs.column("text").chunk(0)
        chars = pl.Series([len(one) for one in text.to_pylist()], dtype=pl.UInt32)
        return self.way(text), pl.DataFrame({"chars": chars})


TEXTS = st.lists(
    st.sampled_from(["", "a", "banana", "東京", "a line\n\n\n\nanother", "itâ\x80\x99s", "cafe\u0301\r\n", "a@example.com", "99 likes\nx"]),
    max_size=8,
)


@given(TEXTS, st.integers(0, 2), st.sampled_from([Way(way) for way in WAYS] + [Mojibake(), Unicode(), Lines(), Mask()]))
def test_the_mark_is_what_a_comparison_of_texts_says(texts: list[str], skipped: int, edit: Edit) -> None:
    """Of each document, also in the middle of a larger table, it is whether its text is another now."""
    table = pa.table({"text": pa.array(["before"] * skipped + texts, pa.large_string())}).slice(skipped)
    measured, after = edited(Step("edit", edit), table, Columns())
    wanted = [old != new for old, new in zip(texts, after.column("text").to_pylist(), strict=True)]
    assert measured.signals[REWRITTEN].to_list() == wanted
    assert measured.signals.schema[REWRITTEN] == pl.Boolean


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (same, [False, False, False]),
        (as_column, [False, False, False]),
        (same_buffers, [False, False, False]),
        (copied, [False, False, False]),
        (first_cut, [True, True, True]),
        (other_bytes, [False, True, False]),
        (one_of_many, [False, True, False]),
        (swapped, [True, False, True]),
    ],
)
def test_by_eye(way: Callable[[pa.Array], pa.Array], expected: list[bool]) -> None:
    """What is changed of three texts, by each way of giving texts back."""
    table = pa.table({"text": pa.array(["one", "banana", "three"], pa.large_string())})
    assert edited(Step("edit", Way(way)), table, Columns())[0].signals[REWRITTEN].to_list() == expected
