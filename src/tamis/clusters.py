"""Clusters of duplicates of a finished run: the largest, and the most doubtful."""

from __future__ import annotations

from typing import Any

import polars as pl

from tamis.errors import RunError
from tamis.folder import Finished

WANTED = ("shard", "row", "id", "copies", "similarity", "cluster", "cluster_size")


def clusters(run: Finished, most: int = 10) -> dict[str, Any]:
    """Clusters of near-duplicates, from the ledger alone.

    Returns:
        clusters, removed: how many. not_compared: step → pairs that were left out.
        largest, doubtful: at most so many clusters, by size and by the least similarity of a removed document with its partner:
            cluster, size, kept (documents), least and median similarity, and the address and id of the least alike.

    Raises:
        RunError: no stage of the run makes clusters.
    """
    parts = [_clustered(frame) for frame in run.ledger()]
    if not any("cluster" in part.columns for part in parts):
        raise RunError(f"no stage of {run.out} makes clusters.\nFix: put near_duplicates into the recipe.")
    found = pl.concat(parts, how="diagonal_relaxed")
    removed = pl.col("similarity").is_not_null()
    least = pl.struct("address", "id").filter(removed).sort_by(pl.col("similarity").filter(removed)).first()
    table = found.group_by("cluster").agg(
        size=pl.len(),
        kept=(pl.col("copies") > 0).sum(),
        least=pl.col("similarity").filter(removed).min(),
        median=pl.col("similarity").filter(removed).median(),
        least_alike=least,
    )
    order = {"largest": (["size", "cluster"], [True, False]), "doubtful": (["least", "size", "cluster"], [False, True, False])}
    lists = {name: table.sort(by, descending=down, nulls_last=True).head(most).to_dicts() for name, (by, down) in order.items()}
    gone = int(found.select(removed.sum()).item())
    return {"clusters": table.height, "removed": gone, "not_compared": dict(run.manifest.get("not_compared", {})), **lists}


def _clustered(frame: pl.DataFrame) -> pl.DataFrame:
    """Documents of a part of the ledger that are in a cluster, and that reached the stage that made it."""
    if "cluster" not in frame.columns:
        return pl.DataFrame()
    some = frame.filter(pl.col("cluster").is_not_null()).select(one for one in WANTED if one in frame.columns)
    named = some if "id" in some.columns else some.with_columns(id=pl.lit(None, pl.String))
    return named.with_columns(address=pl.format("{}:{}", "shard", "row"))
