"""langid's model over texts: a byte automaton that emits features, and naive Bayes on how often each was emitted.

The model is that of langid.py (Lui and Baldwin 2012, "langid.py: An Off-the-shelf Language Identification Tool"), as py3langid
trains and weighs it: a feature seen c times adds log(1 + c) times its row of log probabilities.

A byte's step is one load of 4 bytes. The eighths of a text are walked side by side, so that these loads wait for memory together.
Each walk begins a few bytes early, which leaves this model's automaton in the state that it would have come to; where it does not,
the eighth is walked again from where the one before it ended, until both walks are in the same state. Features are written down
first and counted afterwards: counted at once, each count would wait for all walks. Rows of features that were seen
equally often are added as 16-bit integers, which is exact, and fetched ahead. In the order of the model, rows of neighbouring
features lie together; sorted by how frequent they are, texts took a seventh longer.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import math

import numpy as np

from tamis.kernels._fetch import fetch
from tamis.kernels._jit import aligned, f64, helper, i32, i64, kernel, reads, u8, u16, u32, writes
from tamis.kernels.langid_model import LINE, TOGETHER, Automaton

_GROUPS = 17
"""Features seen 1, 2 … 15 times are grouped; those seen more often are weighed one by one. Group 0 stays empty."""
_ALONE = _GROUPS - 1
_SHORT = 64
"""Bytes of a text that is walked in one piece."""
_EARLY = 6
"""Bytes before its eighth at which a walk begins: after six, all states of py3langid's model have come together."""


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
        np.empty(listed + TOGETHER * _GROUPS, np.int32),
        np.empty(2 * _GROUPS, np.int64),
    )
    width = model.weights.shape[1]
    sums = np.empty(width), np.empty(width, np.uint32), np.empty(model.n_labels)
    tables = model.moves, model.starts, model.features, model.weights, model.weights.reshape(-1), model.priors, model.labels
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
    """Walk an eighth's beginning again, as far as it was walked from a wrong state; return the row arrived at."""
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
def _emit(data, i, row, moves, starts, features, none, emitted, n):
    """A step whose feature is written down; return the next row, and how many are written."""
    row, feature = _step(data, i, row, moves, starts, features)
    emitted[np.uint64(n)] = feature
    return row, n + np.int64(feature != none)


@helper
def _early(data, i, row, moves, starts, features):
    """The row in which a walk that began a little early comes to a place."""
    for k in range(i - _EARLY, i):
        row, _ = _step(data, k, row, moves, starts, features)
    return row


@helper
def _count_features(data, i, end, root, moves, starts, features, counts, listed):
    """Count the features of a text; return how many are listed, some perhaps twice or with a count of 0."""
    n = np.int64(0)
    if end - i < _SHORT:
        _, n = _walk(data, i, end, root, moves, starts, features, counts, listed, n)
        return n
    size = (end - i) // 8
    b_at, c_at, d_at, e_at, f_at, g_at, h_at = i + size, i + 2 * size, i + 3 * size, i + 4 * size, i + 5 * size, i + 6 * size, i + 7 * size
    b_first = _early(data, b_at, root, moves, starts, features)
    c_first = _early(data, c_at, root, moves, starts, features)
    d_first = _early(data, d_at, root, moves, starts, features)
    e_first = _early(data, e_at, root, moves, starts, features)
    f_first = _early(data, f_at, root, moves, starts, features)
    g_first = _early(data, g_at, root, moves, starts, features)
    h_first = _early(data, h_at, root, moves, starts, features)
    a, b, c, d, e, f, g, h = root, b_first, c_first, d_first, e_first, f_first, g_first, h_first
    written, none = np.int64(0), np.uint64(len(counts) - 1)
    for k in range(size):
        a, written = _emit(data, i + k, a, moves, starts, features, none, listed, written)
        b, written = _emit(data, b_at + k, b, moves, starts, features, none, listed, written)
        c, written = _emit(data, c_at + k, c, moves, starts, features, none, listed, written)
        d, written = _emit(data, d_at + k, d, moves, starts, features, none, listed, written)
        e, written = _emit(data, e_at + k, e, moves, starts, features, none, listed, written)
        f, written = _emit(data, f_at + k, f, moves, starts, features, none, listed, written)
        g, written = _emit(data, g_at + k, g, moves, starts, features, none, listed, written)
        h, written = _emit(data, h_at + k, h, moves, starts, features, none, listed, written)
    for k in range(written):
        n = _count(np.uint64(listed[np.uint64(k)]), counts, listed, n)
    a, n = _mend(data, b_at, c_at, a, b_first, b, moves, starts, features, counts, listed, n)
    a, n = _mend(data, c_at, d_at, a, c_first, c, moves, starts, features, counts, listed, n)
    a, n = _mend(data, d_at, e_at, a, d_first, d, moves, starts, features, counts, listed, n)
    a, n = _mend(data, e_at, f_at, a, e_first, e, moves, starts, features, counts, listed, n)
    a, n = _mend(data, f_at, g_at, a, f_first, f, moves, starts, features, counts, listed, n)
    a, n = _mend(data, g_at, h_at, a, g_first, g, moves, starts, features, counts, listed, n)
    a, n = _mend(data, h_at, h_at + size, a, h_first, h, moves, starts, features, counts, listed, n)
    _, n = _walk(data, h_at + size, end, a, moves, starts, features, counts, listed, n)
    return n


@helper
def _group(listed, n, counts, none, sizes, grouped):
    """Sort features by how often they were seen, and set all counts to 0.

    Group g, of those seen g times, is `grouped[sizes[g]:sizes[_GROUPS + g]]`, filled up with `none` to a multiple of TOGETHER. Of
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
        begin += (size + TOGETHER - 1) // TOGETHER * TOGETHER
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
        while (sizes[_GROUPS + group] - sizes[group]) % TOGETHER:
            grouped[sizes[_GROUPS + group]] = none
            sizes[_GROUPS + group] += 1


@helper
def _fetch_rows(grouped, k, flat, width):
    """Fetch the rows that will be added next."""
    for ahead in range(k, k + TOGETHER):
        for j in range(0, width, LINE):
            fetch(flat, np.uint64(grouped[np.uint64(ahead)]) * np.uint64(width) + np.uint64(j))


@helper
def _weigh(grouped, listed, sizes, weights, flat, unit, outputs, block):
    """Add what every feature says."""
    for g in range(1, _ALONE):
        if sizes[_GROUPS + g] == sizes[g]:
            continue
        block[:] = 0
        for k in range(sizes[g], sizes[_GROUPS + g], TOGETHER):
            if k + 2 * TOGETHER <= sizes[_GROUPS + _ALONE]:
                _fetch_rows(grouped, k + TOGETHER, flat, weights.shape[1])
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
    for j in range(len(columns)):
        best = max(best, outputs[j])
    chances[:] = 0
    total, share = 0.0, 1 / math.sqrt(size)
    for j in range(len(columns)):
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
    reads(u8), reads(i64), reads(i64), reads(u32, 2), reads(i32), reads(i32), reads(u16, 2), reads(u16), reads(f64), reads(i32), i64, f64,
    writes(u32), writes(i32), writes(i32), writes(i64), writes(f64), writes(u32), writes(f64), writes(i32, 2), writes(f64, 2),
)  # fmt: skip
def _identify(
    data, begins, ends, moves, starts, features, weights, flat, priors, columns, root, unit,
    counts, listed, grouped, sizes, outputs, block, chances, labels, scores,
):  # fmt: skip
    none = np.uint64(len(weights) - 1)
    for d in range(len(begins)):
        i, end = begins[d], ends[d]
        n = _count_features(data, i, end, np.uint64(root), moves, starts, features, counts, listed)
        _group(listed, n, counts, none, sizes, grouped)
        if sizes[_GROUPS + _ALONE] == 0:
            continue
        for j in range(len(priors)):
            outputs[j] = priors[j]
        _weigh(grouped, listed, sizes, weights, flat, unit, outputs, block)
        _decide(outputs, columns, end - i, chances, labels[d], scores[d])
