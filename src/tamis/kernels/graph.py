"""Who stays: the lexicographically first maximal independent set of a graph, and its connected components.

Nodes are numbered by rank, 0 best. A graph is its edges, each as two arrays.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import aligned, f64, helper, i64, kernel, reads, writes


def first_independent(nodes: int, winner: np.ndarray, loser: np.ndarray, similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Go through the nodes by rank; one that no kept node excludes is kept. There is one such set, whatever the order of edges.

    Args:
        nodes: how many.
        winner: i64[e], the better end of each edge.
        loser: i64[e], the other: out if the winner is kept.
        similarity: f64[e].

    Returns:
        keeper: i64[nodes], the most similar kept node that excludes a node, the best-ranked of equals; itself for a kept one.
        edge: i64[nodes], the edge to it; -1 for a kept one.
    """
    winner, loser = aligned(winner, np.int64), aligned(loser, np.int64)
    order = np.lexsort((winner, loser))
    starts = np.searchsorted(loser[order], np.arange(nodes + 1)).astype(np.int64)
    keeper, edge = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    _first_independent(winner, aligned(similarity, np.float64), order, starts, keeper, edge)
    return keeper, edge


def components(nodes: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """i64[nodes]: the least node of each node's connected component; edges a, b: i64[e] each."""
    least = np.arange(nodes, dtype=np.int64)
    _components(aligned(a, np.int64), aligned(b, np.int64), least)
    return least


@kernel(reads(i64), reads(f64), reads(i64), reads(i64), writes(i64), writes(i64))
def _first_independent(winner, similarity, order, starts, keeper, edge):
    for node in range(len(keeper)):
        keeper[node] = node
        edge[node] = -1
        for k in range(starts[node], starts[node + 1]):
            e = order[k]
            better = winner[e]
            if keeper[better] == better and (edge[node] < 0 or similarity[e] > similarity[edge[node]]):
                keeper[node] = better
                edge[node] = e


@helper
def _root(least, node):
    while least[node] != node:
        least[node] = least[least[node]]
        node = least[node]
    return node


@kernel(reads(i64), reads(i64), writes(i64))
def _components(a, b, least):
    for e in range(len(a)):
        x, y = _root(least, a[e]), _root(least, b[e])
        if x < y:
            least[y] = x
        elif y < x:
            least[x] = y
    for node in range(len(least)):
        least[node] = _root(least, node)
