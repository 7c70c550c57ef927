"""Random controls: documents of the same bytes as a curated arm, and of the same bytes in every source and length.

A *stratum* is the documents of one source whose bytes lie between two powers of 2. Powers of 2 rather than quantiles of the curated
bytes: strata then depend on the documents that may be drawn alone, and are the same for every arm and redraw of a fold; and
where documents are many, lengths in a stratum differ by less than a factor of 2. Where they are few, strata are put together.

That is needed because a draw that matches the curated arm stratum by stratum knows how many documents of each were kept. Of a
share p of bad documents that were dropped, strata of m documents draw p · (1 - 1/m): in a stratum of one, the draw is the kept
document itself. So of what quality brings, 1/m is taken for composition: a thirtieth where m is 30.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from tamis.ablate.draws import take

if TYPE_CHECKING:
    import polars as pl

LEAST = 30
"""Available documents of a stratum; fewer are put together with others."""
_POWERS = 64  # more than there are powers of 2 in the bytes of a text


class Matched(NamedTuple):
    """A random subset that has a curated arm's bytes in every stratum.

    Args:
        subset: bool[n].
        strata: one row a stratum, all u64 but the first: sources (list[str], several where small ones were put together),
            from_bytes, below_bytes (powers of 2), cells (of a source and a power: more than 1 where strata were put together),
            available (documents), available_bytes, wanted_bytes (of the curated arm), drawn (documents), drawn_bytes,
            short_bytes (wanted and not available).
    """

    subset: np.ndarray
    strata: pl.DataFrame


def random_subset(sizes: np.ndarray, available: np.ndarray, wanted: float, rank: np.ndarray) -> np.ndarray:
    """Whole documents of about so many bytes, to within half a document; all that are available, if those are too few.

    Args:
        sizes: i64[n], bytes.
        available: bool[n].
        wanted: bytes.
        rank: u64[n], of `draws.ranks`; the lowest are taken.

    Returns:
        bool[n]; a smaller `wanted` takes some of the same documents, as long as none has more than twice as much.
    """
    rows = np.flatnonzero(available)
    rows = rows[np.argsort(rank[rows], kind="stable")]
    subset = np.zeros(len(sizes), np.bool_)
    subset[rows[take(sizes[rows], wanted)]] = True
    return subset


def matched_subset(
    sizes: np.ndarray,
    available: np.ndarray,
    copies: np.ndarray,
    source: Sequence[str | None] | pa.Array,
    rank: np.ndarray,
    *,
    least: int = LEAST,
) -> Matched:
    """Whole documents with the bytes of a curated arm, source by source and length by length.

    In each source strata are put together from short to long until they have `least` available documents, what is left over
    going to the longest. Sources of fewer documents are put together as one, and if that is too few still, with the
    smallest of the others; of a source so small that a stage drops whole, a few may then be drawn. In each stratum documents
    are drawn as by `random_subset`; what a stratum got too much or too little, half a document, is made up for in the next
    longer one of its source, but not what there was too little of.

    Args:
        sizes: i64[n], bytes.
        available: bool[n], documents that may be drawn: those of the raw arm, curated or not.
        copies: u8[n], how often each stands in the curated arm.
        source: str[n], None is a source of its own; Arrow data is read fastest.
        rank: u64[n], of `draws.ranks`; the lowest are taken.
        least: documents of a stratum.
    """
    rows = np.flatnonzero(available | (copies > 0))  # of a large pool, those of a fold
    sizes, available, copies, rank = sizes[rows], available[rows], copies[rows], rank[rows]
    strata = _strata(sizes, available, pa.array(source, pa.large_string()).take(pa.array(rows)), least)
    wanted, there = (_total(strata, sizes * each) for each in (copies, available))
    drawn = _drawn(strata, sizes, available, rank, np.stack([wanted, there]))
    subset = np.zeros(len(source), np.bool_)
    subset[rows[drawn]] = True
    return Matched(subset, _told(strata, sizes, available, drawn, wanted))


class _Strata(NamedTuple):
    """The stratum of each document (i64[n]), and what each is made of, in the order of groups of sources and lengths.

    Args:
        group: i64[s], which sources; first, last: i64[s], powers of 2; cells: i64[s], of one source and power.
        sources: names of the sources of each group.
    """

    of: np.ndarray
    group: np.ndarray
    first: np.ndarray
    last: np.ndarray
    cells: np.ndarray
    sources: dict[int, list[str | None]]


def _strata(sizes: np.ndarray, available: np.ndarray, source: pa.Array, least: int) -> _Strata:
    """Put cells of source and power together until each has enough documents."""
    names, code = _codes(source)
    # Bytes are at least 2**(power - 1), and below 2**power; an empty text has power 0.
    power = np.frexp(sizes.astype(np.float64))[1].astype(np.int64)
    groups = _groups(np.bincount(code, weights=available, minlength=len(names)), least)
    cells, cell = np.unique(groups[code] * _POWERS + power, return_inverse=True)
    group, powers = np.divmod(cells, _POWERS)
    stratum = _put_together(group.tolist(), np.bincount(cell, weights=available, minlength=len(cells)).tolist(), least)
    first, last = np.searchsorted(stratum, np.unique(stratum)), np.searchsorted(stratum, np.unique(stratum), "right") - 1
    _, ones = np.unique(code * _POWERS + power, return_index=True)  # a document of each source and power
    sources: dict[int, list[str | None]] = {}
    for name, one in zip(names, groups.tolist(), strict=True):
        sources.setdefault(one, []).append(name)
    return _Strata(stratum[cell], group[first], powers[first], powers[last], np.bincount(stratum[cell[ones]]), sources)


def _codes(source: pa.Array) -> tuple[list[str | None], np.ndarray]:
    """The different sources by name, None last, and the place of each document's (i64[n])."""
    encoded = source.dictionary_encode(null_encoding="encode")
    found = encoded.dictionary.to_pylist()
    order = sorted(range(len(found)), key=lambda i: (found[i] is None, found[i] or ""))
    place = np.empty(len(found), np.int64)
    place[order] = np.arange(len(found))
    return [found[i] for i in order], place[encoded.indices.to_numpy()]


def _groups(counts: np.ndarray, least: int) -> np.ndarray:
    """The group of each source: from few documents to many, those of too few together, with another if need be."""
    order = np.argsort(counts, kind="stable")
    small, held = 0, 0
    while small < len(order) and (counts[order[small]] < least or (small and held < least)):
        held += counts[order[small]]
        small += 1
    group = np.zeros(len(order), np.int64)
    group[order] = np.maximum(0, np.arange(len(order)) - max(small - 1, 0))
    return group


def _put_together(groups: list[int], counts: list[float], least: int) -> np.ndarray:
    """i64[c], the stratum of each cell; cells come group by group, from short to long."""
    strata, begun, held = np.zeros(len(groups), np.int64), 0, 0.0
    for i, group in enumerate(groups):
        new = i > 0 and group != groups[i - 1]
        full = held >= least
        begun = i if new else begun
        strata[i] = strata[i - 1] + (new or full) if i else 0
        held = counts[i] + (0 if new or full else held)
        last = i + 1 == len(groups) or groups[i + 1] != group
        if last and held < least and strata[i] > strata[begun]:
            strata[begun : i + 1] = np.minimum(strata[begun : i + 1], strata[i] - 1)
    return strata


def _drawn(strata: _Strata, sizes: np.ndarray, available: np.ndarray, rank: np.ndarray, wanted_and_there: np.ndarray) -> np.ndarray:
    """bool[n]: documents drawn in each stratum, from short to long in each group."""
    rows = np.lexsort((rank, strata.of))
    rows = rows[available[rows]]
    borders = np.searchsorted(strata.of[rows], np.arange(len(strata.group) + 1))
    drawn, missing, before = np.zeros(len(sizes), np.bool_), 0.0, -1
    for i, (wanted, there) in enumerate(wanted_and_there.T.tolist()):
        here = rows[borders[i] : borders[i + 1]]
        possible = min(wanted + (missing if strata.group[i] == before else 0.0), there)
        here = here[take(sizes[here], possible)]
        drawn[here] = True
        missing, before = possible - float(sizes[here].sum()), strata.group[i]
    return drawn


def _total(strata: _Strata, values: np.ndarray) -> np.ndarray:
    """f64[s]: sums of integers below 2**53, exact."""
    return np.bincount(strata.of, weights=values, minlength=len(strata.group))


def _told(strata: _Strata, sizes: np.ndarray, available: np.ndarray, drawn: np.ndarray, wanted: np.ndarray) -> pl.DataFrame:
    import polars as pl

    there = _total(strata, available * sizes)
    numbers = {
        "from_bytes": np.where(strata.first > 0, 2.0 ** (strata.first - 1), 0),
        "below_bytes": 2.0**strata.last,
        "cells": strata.cells,
        "available": _total(strata, available),
        "available_bytes": there,
        "wanted_bytes": wanted,
        "drawn": _total(strata, drawn),
        "drawn_bytes": _total(strata, drawn * sizes),
        "short_bytes": np.maximum(wanted - there, 0),
    }
    sources = pl.Series("sources", [strata.sources[group] for group in strata.group.tolist()], pl.List(pl.String))
    return pl.DataFrame({"sources": sources, **{name: values.astype(np.uint64) for name, values in numbers.items()}})
