"""Folds and held-out documents: whole duplicate clusters, chosen by what they say and not by where they stand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tamis.ablate.draws import seeded, take


class Folds(NamedTuple):
    """Disjoint parts of a pool.

    Args:
        fold: i16[n], 0 to count - 1.
        sizes: i64[count], bytes of each.
        deviation: the largest difference of a fold's bytes from their mean, as a share of the mean; 0 of an empty pool.
    """

    fold: np.ndarray
    sizes: np.ndarray
    deviation: float


def folds(cluster: np.ndarray, keys: np.ndarray, sizes: np.ndarray, *, count: int, seed: int) -> Folds:
    """Deal whole clusters to folds of nearly equal bytes and lengths.

    Clusters are dealt from large to small by the powers of 2 of their bytes, among those of one power in an order drawn from
    (seed, the least text hash in the cluster), each to the fold that has least. So folds differ by no more than a cluster of
    the smallest, and each has its share of long and of short documents.

    Args:
        cluster: i64[n], a number for each document, the same in one cluster.
        keys: u64[n], hashes of the texts.
        sizes: i64[n], bytes.
        count: folds, 1 to 32,767.
        seed: any integer; others deal anew.
    """
    from tamis.kernels.deal import deal

    which, key, size = _by_cluster(cluster, keys, sizes)
    order = np.lexsort((size, seeded(key, seed), -np.frexp(size.astype(np.float64))[1]))
    pile = np.empty(len(size), np.int64)
    pile[order] = deal(size[order], count)
    weights = np.bincount(pile, weights=size, minlength=count).astype(np.int64)
    mean = weights.mean()
    return Folds(pile[which].astype(np.int16), weights, float(np.abs(weights - mean).max() / mean) if mean else 0.0)


def held_out(cluster: np.ndarray, keys: np.ndarray, sizes: np.ndarray, *, share: float, seed: int) -> np.ndarray:
    """Whole clusters that hold about a share of the bytes, to within half of one of them.

    They are the first in an order drawn from (seed, the least text hash in the cluster). A cluster of more than half of the
    wanted bytes is passed over: one text would be most of what is measured.

    Args:
        cluster: i64[n], a number for each document, the same in one cluster.
        keys: u64[n], hashes of the texts.
        sizes: i64[n], bytes.
        share: of the bytes, in [0, 1].
        seed: any integer.

    Returns:
        bool[n]; none if all clusters are too large.
    """
    which, key, size = _by_cluster(cluster, keys, sizes)
    order = np.lexsort((size, seeded(key, seed)))
    taken = np.zeros(len(size), np.bool_)
    taken[order] = take(size[order], share * size.sum(), largest=0.5)
    return np.asarray(taken[which])


def _by_cluster(cluster: np.ndarray, keys: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each document's cluster (i64[n]), and each cluster's least key (u64[m]) and bytes (i64[m])."""
    names, which = np.unique(cluster, return_inverse=True)
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(len(names)))
    if not len(names):
        return which, np.empty(0, np.uint64), np.empty(0, np.int64)
    return (
        which,
        np.minimum.reduceat(np.asarray(keys, np.uint64)[order], starts),
        np.add.reduceat(np.asarray(sizes, np.int64)[order], starts),
    )
