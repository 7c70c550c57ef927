"""The texts of a pool: in one layout, and in parts for threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pyarrow as pa

from tamis.documents import as_binary, as_text, utf8
from tamis.mappers import default_workers, threads

Result = TypeVar("Result")
AT_ONCE = 4_000_000
"""Bytes of text that a thread takes at a time."""


def in_one_piece(texts: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Texts of any Arrow type, without nulls, as one large_string array."""
    array = as_text(as_binary(texts))
    assert not array.null_count, "a pool holds readable documents"
    return array


def by_parts(function: Callable[[pa.Array], Result], texts: pa.Array, workers: int | None) -> Iterator[Result]:
    """`function` of neighbouring texts of about `AT_ONCE` bytes, by threads, in order; nothing for no text.

    Args:
        function: called side by side.
        texts: large_string[n].
        workers: None: one a processor.
    """
    offsets = utf8(texts)[1]
    marks = np.searchsorted(offsets, np.arange(offsets[0], offsets[-1], AT_ONCE))
    borders = np.unique(np.concatenate([[0], marks, [len(texts)]]))
    parts = (texts.slice(start, stop - start) for start, stop in pairwise(borders.tolist()))
    return threads(function, parts, workers or default_workers())
