"""From the outputs of a fastText model to probabilities: softmax, each label by itself, or a tree of labels.

Outputs are one for each label; of two labels with softmax only the first less the second; with "hs" one for each branch.
"""

from __future__ import annotations

import numpy as np

from tamis.fasttext_file import Loss


def direction(loss: Loss, counts: np.ndarray, label: int) -> np.ndarray:
    """f64[k]: what to multiply the outputs with for the logit of a label, as `explain` has it."""
    if loss == "hs":
        return _way(counts, label)
    n = len(counts)
    if loss == "softmax" and n == 2:
        return np.array([1.0 if label == 0 else -1.0])
    others = 0.0 if loss != "softmax" or n == 1 else -1 / (n - 1)
    return np.where(np.arange(n) == label, 1.0, others)


def _way(counts: np.ndarray, label: int) -> np.ndarray:
    """f64[branches]: 1 where the way from the root to a label goes right, −1 where it goes left, else 0."""
    branches, way = tree(counts), np.zeros(len(counts) - 1)
    at = label
    for i in range(len(branches)):
        if at in branches[i]:
            way[i] = 1.0 if at == branches[i, 1] else -1.0
            at = i + len(counts)
    return way


def probabilities(loss: Loss, counts: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """f32 or f64[n, labels] from f32[n, k]."""
    if loss == "hs":
        return _leaves(counts, outputs)
    if loss != "softmax":
        steps = ((np.clip(outputs, -8, 8) + 8) * 32).astype(np.int64)
        return np.asarray(np.where(np.abs(outputs) > 8, outputs > 0, _SIGMOID[steps]))
    if len(counts) == 2:
        first = _sigmoid(outputs)
        return np.concatenate([first, _sigmoid(-outputs)], axis=1)
    powers = np.exp(outputs.astype(np.float64) - outputs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x.astype(np.float64))))


_SIGMOID = (1 / (1 + np.exp(-(np.arange(513, dtype=np.float32) / 32 - 8)).astype(np.float64))).astype(np.float32)
"""fastText's own steps: the sigmoid at −8, −8 + 1/32 … 8."""


def _leaves(counts: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """f64[n, labels]: the product of the branches from the root to each label."""
    branches = tree(counts)
    n, leaves = len(outputs), len(counts)
    reached = np.ones((2 * leaves - 1, n))
    for i in range(leaves - 2, -1, -1):
        right = _sigmoid(outputs[:, i])
        reached[branches[i, 0]] = reached[leaves + i] * (1 - right)
        reached[branches[i, 1]] = reached[leaves + i] * right
    return np.asarray(reached[:leaves].T)


def tree(counts: np.ndarray) -> np.ndarray:
    """fastText's Huffman tree of the labels.

    Args:
        counts: i64[labels], falling.

    Returns:
        i64[labels − 1, 2]: left and right child of the branch; below `labels` a label, else a branch by its number + `labels`. The
        last branch is the root.
    """
    leaves = len(counts)
    weights = [*counts.tolist(), *[10**15] * (leaves - 1)]
    leaf, node, children = leaves - 1, leaves, []
    for i in range(leaves, 2 * leaves - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        weights[i] = weights[pair[0]] + weights[pair[1]]
        children.append(pair)
    return np.array(children, np.int64).reshape(-1, 2)
