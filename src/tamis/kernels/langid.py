"""langid's model over texts: a byte automaton that emits features, and naive Bayes on how often each was emitted.

The model is that of langid.py (Lui and Baldwin 2012, "langid.py: An Off-the-shelf Language Identification Tool"), as py3langid
trains and weighs it: a feature seen c times adds log(1 + c) times its row of log probabilities.

`tamis.kernels.langid_walk` counts features. Rows of features that were seen equally often are added as 16-bit integers, which is exact,
and fetched ahead: to read them from memory is two fifths of the time. In the order of the model, rows of neighbouring features lie together;
sorted by how frequent they are, texts took as long or longer. A text that lies within the one before it, as a sample of it does, is not
walked again.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import math

import numpy as np

from tamis.kernels._exp import exp
from tamis.kernels._fetch import fetch
from tamis.kernels._jit import aligned, f64, helper, i32, i64, kernel, reads, u8, u16, u32, u64, writes
from tamis.kernels._lanes import LANES, add_eight
from tamis.kernels.langid_model import TOGETHER, Automaton
from tamis.kernels.langid_walk import PIECE, WALKS, count, count_within, walk

_GROUPS = 17
"""Features seen 1, 2 … 15 times are grouped; those seen more often are weighed one by one. Group 0 stays empty."""
_ALONE = _GROUPS - 1


def identify(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, model: Automaton) -> tuple[np.ndarray, np.ndarray]:
    """The two best labels of every text.

    Args:
        data: u8[:], texts in NFC; those wholly in upper case lower-cased.
        starts: i64[n], where each begins.
        ends: i64[n], where each ends; they may overlap, and parts of a text that follow it cost half as much as others.
        model: of `pack`.

    Returns:
        labels: i32[n, 2], the best and the second; the first of equals; −1 for a text without features.
        scores: f64[n, 2], their probabilities: the softmax of the outputs divided by the root of the text's bytes.
    """
    n, longest, n_features = len(starts), int((ends - starts).max(initial=0)), len(model.weights)
    labels, scores = np.full((n, 2), -1, np.int32), np.zeros((n, 2))
    most = min(longest, n_features)
    walking = np.empty(min(longest, PIECE), np.uint32), np.empty(min(longest, PIECE) + 1, np.uint32), np.empty(WALKS, np.uint64)
    counting = np.zeros(n_features, np.uint32), np.empty(most + 1, np.int32)
    grouping = np.empty((most + TOGETHER) * _GROUPS, np.int32), np.empty(_GROUPS + 8, np.int64)
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
        *walking,
        *counting,
        *grouping,
        *sums,
        labels,
        scores,
    )
    return labels, scores


@helper
def _group(listed, n, counts, none, ends, grouped):
    """Sort features by how often they were seen, and set all counts to 0.

    Group g, of those seen g times, is `grouped[g * room:ends[g]]`, filled up with `none` to a multiple of TOGETHER; returns room. Of
    the last group `listed` then holds how often each was seen.
    """
    room, ones, alone = n + TOGETHER, np.int64(n + TOGETHER), np.int64(0)
    for g in range(_GROUPS):
        ends[g] = g * room
    for g in range(_GROUPS, len(ends)):
        ends[g] = 0
    for k in range(n):
        feature = np.uint64(listed[np.uint64(k)])
        seen = np.int64(counts[feature])
        counts[feature] = 0
        # Most are seen once. Their place is counted in a register, for a counter in memory is ready after five cycles, and what
        # is written for them besides goes where nobody looks, which is cheaper than a branch that nobody can foresee.
        grouped[np.uint64(ones)] = feature
        ones += np.int64(seen == 1)
        group = np.uint64(min(seen, np.int64(_ALONE)) if seen > 1 else np.int64(_GROUPS + (k & 7)))
        grouped[np.uint64(ends[group])] = feature
        ends[group] += 1
        if seen >= _ALONE:
            listed[np.uint64(alone)] = seen
            alone += 1
    ends[1] = ones
    for g in range(1, _ALONE):
        while (ends[g] - g * room) % TOGETHER:
            grouped[ends[g]] = none
            ends[g] += 1
    return room


@helper
def _place(grouped, k, width):
    """Where the row of a feature begins."""
    return np.uint64(grouped[np.uint64(k)]) * np.uint64(width)


@helper
def _fetch_eight(grouped, k, j, width, flat):
    """Fetch a line of each of eight rows."""
    for ahead in range(k, k + TOGETHER):
        fetch(flat, _place(grouped, ahead, width) + np.uint64(j))


@helper
def _weigh(grouped, listed, room, ends, weights, flat, unit, outputs, block):
    """Add what every feature says."""
    width = weights.shape[1]
    for g in range(1, _ALONE):
        if ends[g] == g * room:
            continue
        block[:] = 0
        for k in range(g * room, ends[g], TOGETHER):
            # After the last eight of a group, the first of the next one, which most groups have.
            soon = k + TOGETHER if k + TOGETHER < ends[g] or g + 1 == _ALONE else (g + 1) * room
            a, b, c, d = (
                _place(grouped, k, width),
                _place(grouped, k + 1, width),
                _place(grouped, k + 2, width),
                _place(grouped, k + 3, width),
            )
            e, f, h, i = (
                _place(grouped, k + 4, width),
                _place(grouped, k + 5, width),
                _place(grouped, k + 6, width),
                _place(grouped, k + 7, width),
            )
            for j in range(0, width, LANES):
                at = np.uint64(j)
                _fetch_eight(grouped, soon, j, width, flat)
                add_eight(flat, a + at, b + at, c + at, d + at, e + at, f + at, h + at, i + at, block, at)
        factor = math.log1p(g) * unit
        for j in range(len(outputs)):
            outputs[j] += factor * block[j]
    first = _ALONE * room
    for k in range(first, ends[_ALONE]):
        row, factor = weights[grouped[k]], math.log1p(listed[k - first]) * unit
        for j in range(len(outputs)):
            outputs[j] += factor * row[j]


@helper
def _decide(outputs, columns, size, chances, labels, scores):
    """The two best labels, and their probabilities."""
    best = outputs[0]
    for j in range(len(columns)):
        best = max(best, outputs[j])
    share = 1 / math.sqrt(size)
    for j in range(len(outputs)):
        outputs[j] = exp((outputs[j] - best) * share)
    chances[:] = 0
    total = 0.0
    for j in range(len(columns)):
        chances[columns[j]] += outputs[j]
        total += outputs[j]
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
    writes(u32), writes(u32), writes(u64), writes(u32), writes(i32), writes(i32), writes(i64), writes(f64), writes(u32), writes(f64),
    writes(i32, 2), writes(f64, 2),
)  # fmt: skip
def _identify(
    data, begins, ends, moves, starts, features, weights, flat, priors, columns, root, unit,
    codes, loud, firsts, counts, listed, grouped, sizes, outputs, block, chances, labels, scores,
):  # fmt: skip
    none, first = np.uint64(len(weights) - 1), np.uint64(root)
    origin = walked = np.int64(0)
    for d in range(len(begins)):
        i, end = begins[d], ends[d]
        if origin <= i and end <= walked:
            n = count_within(data, i, end, origin, codes, first, moves, starts, features, loud, counts, listed)
        else:
            n, row = np.int64(0), first
            while i < end:
                origin, walked = i, min(i + PIECE, end)
                row = walk(data, i, walked - i, row, first, moves, codes, firsts)
                n = count(codes, 0, walked - i, starts, features, loud, counts, listed, n)
                i = walked
        if n == 0:
            continue
        room = _group(listed, n, counts, none, sizes, grouped)
        for j in range(len(priors)):
            outputs[j] = priors[j]
        _weigh(grouped, listed, room, sizes, weights, flat, unit, outputs, block)
        _decide(outputs, columns, end - begins[d], chances, labels[d], scores[d])
