"""langid's model over texts: a byte automaton that emits features, and naive Bayes on how often each was emitted.

The model is that of langid.py (Lui and Baldwin 2012, "langid.py: An Off-the-shelf Language Identification Tool"), as py3langid
trains and weighs it: a feature seen c times adds log(1 + c) times its row of log probabilities.

A byte's step is one load of 4 bytes. The four quarters of a text are walked side by side, so that these loads wait for memory
together; a quarter's beginning is then walked again from where the one before it ended, until both walks are in the same
state. Rows of features that were seen equally often are added as 16-bit integers, which is exact.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tamis.kernels._jit import aligned, f64, helper, i32, i64, kernel, reads, u8, u16, u32, writes

_TOGETHER = 8
"""Rows that are added at once; their sum must not pass 16 bits."""
_GROUPS = 17
"""Features seen 1, 2 … 15 times are grouped; those seen more often are weighed one by one. Group 0 stays empty."""
_ALONE = _GROUPS - 1
_SHORT = 64
"""Bytes of a text that is walked in one piece."""


@dataclass(frozen=True)
class Automaton:
    """A model, laid out for the walk.

    Args:
        moves: u32[rows, 256], where a byte leads from a state of this row: the next state's row in the upper 16 bits, and its
            place among the states of that row in the lower.
        starts: i32[rows], the number of the first state of each row.
        features: i32[states], the feature that arriving emits; `len(weights) - 1`, a row of zeros, for none.
        root: the row of the state to begin in.
        weights: u16[features + 1, columns], of each feature the log probability in every column, from its lowest on.
        unit: what one of `weights` stands for.
        priors: f64[columns].
        labels: i32[columns], the label that a column counts for.
        n_labels: how many labels there are.
    """

    moves: np.ndarray
    starts: np.ndarray
    features: np.ndarray
    root: int
    weights: np.ndarray
    unit: float
    priors: np.ndarray
    labels: np.ndarray
    n_labels: int


def pack(moves: np.ndarray, rows: np.ndarray, features: np.ndarray, weights: np.ndarray, priors: np.ndarray, names: list[str]) -> Automaton:
    """Lay out a model as it is published.

    Args:
        moves: unsigned[rows · 256], the next state.
        rows: unsigned[states], the row of each state; states may share one.
        features: int[states], −1 for none.
        weights: float16[features, columns], log probabilities.
        priors: float32[columns].
        names: of the columns; columns of one name count together.

    Raises:
        ValueError: the model has more rows than can be numbered here, or finer weights.
    """
    n_rows = len(moves) // 256
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(n_rows)).astype(np.int32)
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows))
    place -= starts[rows]
    if n_rows > 1 << 16 or place.max() >= 1 << 16:
        raise ValueError(f"{n_rows:,} rows of states")
    code = rows.astype(np.uint32) << np.uint32(16) | place.astype(np.uint32)
    emitted = np.where(features < 0, len(weights), features)[order].astype(np.int32)
    whole, unit = _whole(weights)
    labels = list(dict.fromkeys(names))
    columns = np.array([labels.index(name) for name in names], np.int32)
    return Automaton(
        code[moves].reshape(n_rows, 256), starts, emitted, int(rows[0]), whole, unit, priors.astype(np.float64), columns, len(labels)
    )


def _whole(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """The weights from the lowest of each row on, as multiples of a unit; a row of zeros after the last."""
    # As half-precision floats between 2 and 16 they are multiples of 2 ** -9; a little room for other models.
    for bits in range(9, 12):
        scaled = weights.astype(np.float32) * np.float32(1 << bits)
        above = scaled - scaled.min(axis=1, keepdims=True)
        if np.array_equal(scaled, np.rint(scaled)) and above.max() * _TOGETHER <= 0xFFFF:
            return np.concatenate([above, np.zeros_like(above[:1])]).astype(np.uint16), 1 / (1 << bits)
    raise ValueError("weights that 16 bits do not hold")


def identify(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, model: Automaton) -> tuple[np.ndarray, np.ndarray]:
    """The two best labels of every text.

    Args:
        data: u8[:], texts in NFC; those wholly in upper case lower-cased.
        starts: i64[n], where each begins.
        ends: i64[n], where each ends.
        model: of `pack`.

    Returns:
        labels: i32[n, 2], the best and the second; the first of equals; −1 for a text without features.
        scores: f64[n, 2], their probabilities: the softmax of the outputs divided by the root of the text's bytes.
    """
    n, longest, n_features = len(starts), int((ends - starts).max(initial=0)), len(model.weights)
    labels, scores = np.full((n, 2), -1, np.int32), np.zeros((n, 2))
    # A feature is listed when its count leaves 0, which walking a beginning again may cause once more.
    listed = min(longest, n_features) + longest + _GROUPS
    scratch = (
        np.zeros(n_features, np.uint32),
        np.empty(listed, np.int32),
        np.empty(listed + _TOGETHER * _GROUPS, np.int32),
        np.empty(2 * _GROUPS, np.int64),
    )
    sums = np.empty(len(model.priors)), np.empty(len(model.priors), np.uint32), np.empty(model.n_labels)
    tables = aligned(model.moves, np.uint32), model.starts, model.features, model.weights, model.priors, model.labels
    _identify(
        aligned(data, np.uint8),
        aligned(starts, np.int64),
        aligned(ends, np.int64),
        *tables,
        model.root,
        model.unit,
        *scratch,
        *sums,
        labels,
        scores,
    )
    return labels, scores


@helper
def _step(data, i, row, moves, starts, features):
    """The next row, and the feature emitted."""
    code = moves[np.uint64(row), np.uint64(data[np.uint64(i)])]
    row = np.uint64(code >> np.uint32(16))
    return row, np.uint64(features[np.uint64(starts[row]) + np.uint64(code & np.uint32(0xFFFF))])


@helper
def _count(feature, counts, listed, n):
    """Count a feature, and list it when it is new; return how many are listed."""
    listed[np.uint64(n)] = feature
    before = counts[feature]
    counts[feature] = before + np.uint32(1)
    return n + np.int64(before == 0)


@helper
def _walk(data, i, end, row, moves, starts, features, counts, listed, n):
    """Walk one piece; return the row arrived at, and how many features are listed."""
    while i < end:
        row, feature = _step(data, i, row, moves, starts, features)
        n = _count(feature, counts, listed, n)
        i += 1
    return row, n


@helper
def _mend(data, i, end, row, wrong, arrived, moves, starts, features, counts, listed, n):
    """Walk a quarter's beginning again, as far as it was walked from a wrong state; return the row arrived at."""
    while i < end:
        if row == wrong:
            return arrived, n
        wrong, feature = _step(data, i, wrong, moves, starts, features)
        counts[feature] -= np.uint32(1)
        row, feature = _step(data, i, row, moves, starts, features)
        n = _count(feature, counts, listed, n)
        i += 1
    return row, n


@helper
def _count_features(data, i, end, root, moves, starts, features, counts, listed):
    """Count the features of a text; return how many are listed, some perhaps twice or with a count of 0."""
    n = np.int64(0)
    if end - i < _SHORT:
        _, n = _walk(data, i, end, root, moves, starts, features, counts, listed, n)
        return n
    quarter = (end - i) // 4
    second, third, fourth = i + quarter, i + 2 * quarter, i + 3 * quarter
    a = b = c = d = root
    for k in range(quarter):
        a, feature = _step(data, i + k, a, moves, starts, features)
        n = _count(feature, counts, listed, n)
        b, feature = _step(data, second + k, b, moves, starts, features)
        n = _count(feature, counts, listed, n)
        c, feature = _step(data, third + k, c, moves, starts, features)
        n = _count(feature, counts, listed, n)
        d, feature = _step(data, fourth + k, d, moves, starts, features)
        n = _count(feature, counts, listed, n)
    a, n = _mend(data, second, third, a, root, b, moves, starts, features, counts, listed, n)
    a, n = _mend(data, third, fourth, a, root, c, moves, starts, features, counts, listed, n)
    a, n = _mend(data, fourth, fourth + quarter, a, root, d, moves, starts, features, counts, listed, n)
    a, n = _walk(data, fourth + quarter, end, a, moves, starts, features, counts, listed, n)
    return n


@helper
def _group(listed, n, counts, none, sizes, grouped):
    """Sort features by how often they were seen, and set all counts to 0.

    Group g, of those seen g times, is `grouped[sizes[g]:sizes[_GROUPS + g]]`, filled up with `none` to a multiple of _TOGETHER. Of
    the last group `listed` then holds how often each was seen.
    """
    sizes[:] = 0
    counts[none] = 0
    for k in range(n):
        sizes[_GROUPS + min(np.int64(counts[np.uint64(listed[k])]), np.int64(_ALONE))] += 1
    begin = np.int64(0)
    for group in range(1, _GROUPS):
        size = sizes[_GROUPS + group]
        sizes[group] = sizes[_GROUPS + group] = begin
        begin += (size + _TOGETHER - 1) // _TOGETHER * _TOGETHER
    alone = 0
    for k in range(n):
        feature = np.uint64(listed[np.uint64(k)])
        seen = np.int64(counts[feature])
        if seen == 0:
            continue
        g = min(seen, np.int64(_ALONE))
        grouped[np.uint64(sizes[_GROUPS + g])] = feature
        sizes[_GROUPS + g] += 1
        counts[feature] = 0
        if seen >= _ALONE:
            listed[np.uint64(alone)] = seen
            alone += 1
    for group in range(1, _ALONE):
        while (sizes[_GROUPS + group] - sizes[group]) % _TOGETHER:
            grouped[sizes[_GROUPS + group]] = none
            sizes[_GROUPS + group] += 1


@helper
def _weigh(grouped, listed, sizes, weights, unit, outputs, block):
    """Add what every feature says."""
    for g in range(1, _ALONE):
        if sizes[_GROUPS + g] == sizes[g]:
            continue
        block[:] = 0
        for k in range(sizes[g], sizes[_GROUPS + g], _TOGETHER):
            a, b, c, d = weights[grouped[k]], weights[grouped[k + 1]], weights[grouped[k + 2]], weights[grouped[k + 3]]
            e, f, h, i = weights[grouped[k + 4]], weights[grouped[k + 5]], weights[grouped[k + 6]], weights[grouped[k + 7]]
            for j in range(len(block)):
                # Kept to 16 bits on purpose: twice as many are added by one instruction.
                block[j] += np.uint16(a[j] + b[j] + c[j] + d[j] + e[j] + f[j] + h[j] + i[j])
        factor = math.log1p(g) * unit
        for j in range(len(outputs)):
            outputs[j] += factor * block[j]
    for k in range(sizes[_ALONE], sizes[_GROUPS + _ALONE]):
        row, factor = weights[grouped[k]], math.log1p(listed[k - sizes[_ALONE]]) * unit
        for j in range(len(outputs)):
            outputs[j] += factor * row[j]


@helper
def _decide(outputs, columns, size, chances, labels, scores):
    """The two best labels, and their probabilities."""
    best = outputs[0]
    for j in range(len(outputs)):
        best = max(best, outputs[j])
    chances[:] = 0
    total, share = 0.0, 1 / math.sqrt(size)
    for j in range(len(outputs)):
        chance = math.exp((outputs[j] - best) * share)
        chances[columns[j]] += chance
        total += chance
    first, second = (0, 1) if chances[0] >= chances[1] else (1, 0)
    for k in range(2, len(chances)):
        if chances[k] > chances[first]:
            first, second = k, first
        elif chances[k] > chances[second]:
            second = k
    labels[0], labels[1] = first, second
    scores[0], scores[1] = chances[first] / total, chances[second] / total


@kernel(
    reads(u8), reads(i64), reads(i64), reads(u32, 2), reads(i32), reads(i32), reads(u16, 2), reads(f64), reads(i32), i64, f64,
    writes(u32), writes(i32), writes(i32), writes(i64), writes(f64), writes(u32), writes(f64), writes(i32, 2), writes(f64, 2),
)  # fmt: skip
def _identify(
    data, begins, ends, moves, starts, features, weights, priors, columns, root, unit,
    counts, listed, grouped, sizes, outputs, block, chances, labels, scores,
):  # fmt: skip
    none = np.uint64(len(weights) - 1)
    for d in range(len(begins)):
        i, end = begins[d], ends[d]
        n = _count_features(data, i, end, np.uint64(root), moves, starts, features, counts, listed)
        _group(listed, n, counts, none, sizes, grouped)
        if sizes[_GROUPS + _ALONE] == 0:
            continue
        for j in range(len(outputs)):
            outputs[j] = priors[j]
        _weigh(grouped, listed, sizes, weights, unit, outputs, block)
        _decide(outputs, columns, end - i, chances, labels[d], scores[d])
