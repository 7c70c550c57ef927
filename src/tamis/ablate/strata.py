"""Random controls: documents of the same bytes as a curated arm, and of the same bytes in every source and length.

A *stratum* is the documents of one source whose bytes lie between two powers of 2. Powers of 2 rather than quantiles: their
borders are moved by no arm, fold or redraw, so that differences between arms are not differences of strata; and where
documents are many, lengths in a stratum differ by less than 2. Where they are few, strata are put together.

That is needed because a matched draw from a stratum of m documents, of which the curated arm has its share, is blind to
quality by the factor 1 - 1/m: in a stratum of one, the draw is the curated document itself. Of 30, a thirtieth of what
quality brings is taken for composition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tamis.ablate.draws import take

if TYPE_CHECKING:
    import polars as pl

LEAST = 30
"""Available documents of a stratum; fewer are put together with others."""


class Matched(NamedTuple):
    """A random subset that has a curated arm's bytes in every stratum.

    Args:
        subset: bool[n].
        strata: one row a stratum: sources (list[str], several where small ones were put together), from_bytes, below_bytes
            (u64, of its documents: powers of 2), cells (u32, source and power: more than 1 where strata were put together),
            available, available_bytes, wanted_bytes (of the curated arm), drawn, drawn_bytes (u64), short_bytes (u64, wanted
            and not available).
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
    sizes: np.ndarray, available: np.ndarray, copies: np.ndarray, source: Sequence[str], rank: np.ndarray, *, least: int = LEAST
) -> Matched:
    """Whole documents with the bytes of a curated arm, source by source and length by length.

    In each source strata are put together from short to long until they have `least` available documents, what is left over
    going to the longest. Sources of fewer documents are put together as one, and if that is too few still, with the
    smallest of the others. In each stratum documents are drawn as by `random_subset`; what a stratum got too much or too
    little, at most half a document, is made up for in the next longer one of its source.

    Args:
        sizes: i64[n], bytes.
        available: bool[n], documents that may be drawn: those of the raw arm, curated or not.
        copies: u8[n], how often each stands in the curated arm.
        source: str[n].
        rank: u64[n], of `draws.ranks`; the lowest are taken.
        least: documents of a stratum.
    """
    import polars as pl

    frame = pl.DataFrame({"source": pl.Series(source, dtype=pl.String), "power": _powers(sizes), "available": available})
    strata = _strata(frame, least)
    wanted = np.bincount(strata.of, weights=copies * sizes, minlength=strata.many)
    subset, carried = np.zeros(len(sizes), np.bool_), 0.0
    drawn = np.zeros(strata.many)
    rows = np.lexsort((rank, strata.of))
    rows = rows[available[rows]]
    borders = np.searchsorted(strata.of[rows], np.arange(strata.many + 1))
    for i in range(strata.many):
        here = rows[borders[i] : borders[i + 1]]
        carried = carried if i and strata.group[i] == strata.group[i - 1] else 0.0
        here = here[take(sizes[here], wanted[i] + carried)]
        subset[here] = True
        drawn[i] = sizes[here].sum()
        carried += wanted[i] - drawn[i]
    return Matched(subset, _told(strata, sizes, available, wanted, subset))


class _Strata(NamedTuple):
    """The stratum of each document (i64[n]); of each stratum its group of sources, and what it is made of."""

    of: np.ndarray
    group: np.ndarray
    table: pl.DataFrame

    @property
    def many(self) -> int:
        return self.table.height


def _powers(sizes: np.ndarray) -> np.ndarray:
    """i32[n]: bytes are at least 2**(power - 1), and below 2**power; 0 for none."""
    return np.frexp(sizes.astype(np.float64))[1].astype(np.int32)


def _strata(frame: pl.DataFrame, least: int) -> _Strata:
    """Put cells of source and power together until each has enough documents."""
    import polars as pl

    counts = frame.group_by("source").agg(n=pl.col("available").sum()).sort("n", "source", nulls_last=True)
    groups = _groups(counts["source"].to_list(), counts["n"].to_list(), least)
    named = pl.DataFrame({"source": list(groups), "group": list(groups.values())}, schema={"source": pl.String, "group": pl.Int64})
    grouped = frame.join(named, on="source", how="left", nulls_equal=True, maintain_order="left")
    cells = grouped.group_by("group", "power").agg(n=pl.col("available").sum(), cells=pl.col("source").n_unique()).sort("group", "power")
    cells = cells.with_columns(stratum=pl.Series(_put_together(cells["group"].to_list(), cells["n"].to_list(), least), dtype=pl.Int64))
    of = grouped.join(cells.select("group", "power", "stratum"), on=["group", "power"], how="left", maintain_order="left")
    made = cells.group_by("stratum").agg(
        pl.col("group").first(), pl.col("power").min().alias("first"), pl.col("power").max().alias("last"), pl.col("cells").sum()
    )
    sources = named.group_by("group").agg(sources=pl.col("source").sort())
    table = made.join(sources, on="group", how="left").sort("stratum")
    return _Strata(of["stratum"].to_numpy(), table["group"].to_numpy(), table)


def _groups(sources: list[str], counts: list[int], least: int) -> dict[str, int]:
    """source → group; sources come from few documents to many, and those of too few share group 0."""
    small, held = 0, 0
    while small < len(sources) and (counts[small] < least or 0 < held < least):
        held += counts[small]
        small += 1
    return {source: max(0, i - max(small, 1) + 1) for i, source in enumerate(sources)}


def _put_together(groups: list[int], counts: list[int], least: int) -> list[int]:
    """The stratum of each cell; cells come group by group, from short to long."""
    strata: list[int] = []
    held, begun = 0, 0
    for i, group in enumerate(groups):
        if i and (group != groups[i - 1] or held >= least):
            if group != groups[i - 1]:
                begun = i
            held = 0
            strata.append(strata[-1] + 1)
        else:
            strata.append(strata[-1] if strata else 0)
        held += counts[i]
        last = i + 1 == len(groups) or groups[i + 1] != group
        if last and held < least and strata[i] != strata[begun]:
            strata[begun:] = [min(stratum, strata[i] - 1) for stratum in strata[begun:]]
    return strata


def _told(strata: _Strata, sizes: np.ndarray, available: np.ndarray, wanted: np.ndarray, subset: np.ndarray) -> pl.DataFrame:
    import polars as pl

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(strata.of, weights=values, minlength=strata.many).astype(np.uint64)

    there = total(available * sizes)
    return strata.table.select(
        "sources",
        from_bytes=pl.when(pl.col("first") > 0).then(2 ** (pl.col("first") - 1)).otherwise(0).cast(pl.UInt64),
        below_bytes=(2 ** pl.col("last")).cast(pl.UInt64),
        cells=pl.col("cells").cast(pl.UInt32),
        available=total(available),
        available_bytes=there,
        wanted_bytes=wanted.astype(np.uint64),
        drawn=total(subset),
        drawn_bytes=total(subset * sizes),
        short_bytes=np.maximum(wanted - there, 0).astype(np.uint64),
    )
