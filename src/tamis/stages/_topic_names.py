"""Names for clusters of documents: the words that stand in many of a cluster's documents, and in few others."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

WORDS = 10
"""Words that are kept for each cluster."""
NAMED = 3
"""Words that make a name."""
SHARED = 4
"""Letters at the beginning by which two words are of one stem, as "court" and "courts"."""
_WORD = r"\p{Han}{2}|[\p{L}\p{M}]{3,}"


def words_of(texts: pa.Array, least: int) -> pl.DataFrame:
    """The words that stand in so many of the texts or more: word, documents; the most frequent first."""
    held = pl.DataFrame({"text": pl.from_arrow(texts)})
    each = held.select(word=pl.col("text").str.to_lowercase().str.extract_all(_WORD).list.unique()).explode("word").drop_nulls()
    counted = each.group_by("word").agg(documents=pl.len()).filter(pl.col("documents") >= least)
    return counted.sort("documents", "word", descending=[True, False])


def names_of(texts: pa.Array, label: np.ndarray, clusters: int) -> tuple[list[str], list[tuple[str, ...]]]:
    """A name for each cluster, no two alike, and its most telling words, best first.

    A word is as telling as the share of the cluster's texts that hold it, times the logarithm of how much more frequent
    it is there than in all texts.

    Args:
        texts: large_string[n].
        label: i64[n], the cluster of each.
        clusters: how many.
    """
    held = pl.DataFrame({"text": pl.from_arrow(texts), "cluster": label})
    pairs = held.select("cluster", word=pl.col("text").str.to_lowercase().str.extract_all(_WORD).list.unique()).explode("word").drop_nulls()
    overall = pairs.group_by("word").agg(everywhere=pl.len())
    sizes = held.group_by("cluster").agg(size=pl.len())
    inside = (
        pairs.group_by("cluster", "word").agg(here=pl.len()).filter(pl.col("here") >= 2).join(overall, on="word").join(sizes, on="cluster")
    )
    share = pl.col("here") / pl.col("size")
    lift = share / (pl.col("everywhere") / max(1, held.height))
    ranked = inside.with_columns(telling=share * lift.log()).sort("cluster", "telling", "word", descending=[False, True, False])
    best = ranked.group_by("cluster", maintain_order=True).agg(pl.col("word").head(5 * WORDS))
    lists = dict(zip(best["cluster"].to_list(), best["word"].to_list(), strict=True))
    words = [_different(lists.get(i, [])) for i in range(clusters)]
    return _unlike(words), [tuple(some[:WORDS]) for some in words]


def _different(words: list[str]) -> list[str]:
    """The words without those that begin as a better one does."""
    kept: list[str] = []
    for word in words:
        if not any(word[:SHARED] == other[:SHARED] for other in kept):
            kept.append(word)
    return kept


def _unlike(words: list[list[str]]) -> list[str]:
    """The first words of each list as a name; more of them, or a number, where two would be alike."""
    names: list[str] = []
    for i, some in enumerate(words):
        name = next((" ".join(some[:n]) for n in range(NAMED, len(some) + 1) if " ".join(some[:n]) not in names), " ".join(some[:NAMED]))
        names.append(name if name and name not in names else f"{name} {i + 1}".strip() if name else f"topic {i + 1}")
    return names
