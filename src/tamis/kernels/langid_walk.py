"""The walk of langid's automaton over a text, and how often each feature was emitted.

A byte's step is one load of 4 bytes. The eighths of a piece of text are walked side by side, so that these loads wait for memory
together. Each walk begins a few bytes early, which leaves this model's automaton in the state that it would have come to; where it does
not, the eighth is walked again from where the one before it ended, until both walks are in the same state. Where each byte led is written
down, and features are looked up and counted afterwards: counted at once, each count would wait for all walks.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper
from tamis.kernels.langid_model import SILENT

PIECE = 1 << 14
"""Bytes that are walked before their features are counted: where they led is still near."""
WALKS = 8
_SHORT = 64
"""Bytes of a piece that is walked in one go."""
_EARLY = 6
"""Bytes before its eighth at which a walk begins: after six, all states of py3langid's model have come together."""


@helper
def _step(data, i, row, moves):
    """Where a byte leads from a row."""
    return moves[np.uint64(row), np.uint64(data[np.uint64(i)])]


@helper
def _row(code):
    return np.uint64(code >> np.uint32(16))


@helper
def _alone(data, i, size, row, moves, codes, k):
    """Walk from byte k of a piece to its end."""
    while k < size:
        code = _step(data, i + k, row, moves)
        codes[np.uint64(k)] = code
        row = _row(code)
        k += 1


@helper
def _mend(data, i, k, end, row, wrong, moves, codes):
    """Walk the beginning of an eighth again, as far as it was walked from a wrong row; return the row it ends in."""
    while k < end and row != wrong:
        wrong = _row(codes[np.uint64(k)])
        code = _step(data, i + k, row, moves)
        codes[np.uint64(k)] = code
        row = _row(code)
        k += 1
    return _row(codes[np.uint64(end - 1)])


@helper
def walk(data, i, size, row, root, moves, codes, firsts):
    """Write down where each byte of a piece leads; return the row arrived at."""
    if size < _SHORT:
        _alone(data, i, size, row, moves, codes, 0)
        return _row(codes[np.uint64(size - 1)]) if size else row
    part = size // WALKS
    firsts[0] = row
    for lane in range(1, WALKS):
        early = root
        for k in range(lane * part - _EARLY, lane * part):
            early = _row(_step(data, i + k, early, moves))
        firsts[lane] = early
    a, b, c, d = firsts[0], firsts[1], firsts[2], firsts[3]
    e, f, g, h = firsts[4], firsts[5], firsts[6], firsts[7]
    for k in range(part):
        a_code, b_code = _step(data, i + k, a, moves), _step(data, i + part + k, b, moves)
        c_code, d_code = _step(data, i + 2 * part + k, c, moves), _step(data, i + 3 * part + k, d, moves)
        e_code, f_code = _step(data, i + 4 * part + k, e, moves), _step(data, i + 5 * part + k, f, moves)
        g_code, h_code = _step(data, i + 6 * part + k, g, moves), _step(data, i + 7 * part + k, h, moves)
        codes[np.uint64(k)], codes[np.uint64(part + k)] = a_code, b_code
        codes[np.uint64(2 * part + k)], codes[np.uint64(3 * part + k)] = c_code, d_code
        codes[np.uint64(4 * part + k)], codes[np.uint64(5 * part + k)] = e_code, f_code
        codes[np.uint64(6 * part + k)], codes[np.uint64(7 * part + k)] = g_code, h_code
        a, b, c, d = _row(a_code), _row(b_code), _row(c_code), _row(d_code)
        e, f, g, h = _row(e_code), _row(f_code), _row(g_code), _row(h_code)
    for lane in range(1, WALKS):
        a = _mend(data, i, lane * part, (lane + 1) * part, a, firsts[lane], moves, codes)
    _alone(data, i, size, a, moves, codes, WALKS * part)
    return _row(codes[np.uint64(size - 1)])


@helper
def _count(code, starts, features, counts, listed, n):
    """Count the feature of a state that emits one, and list it when it is new; return how many are listed."""
    feature = np.uint64(features[np.uint64(starts[_row(code)]) + np.uint64(code & np.uint32(0xFFFF))])
    listed[np.uint64(n)] = feature
    before = counts[feature]
    counts[feature] = before + np.uint32(1)
    return n + np.int64(before == 0)


@helper
def count(codes, i, end, starts, features, loud, counts, listed, n):
    """Count the features of bytes that were walked; return how many are listed."""
    written = np.int64(0)
    for k in range(i, end):
        code = codes[np.uint64(k)]
        loud[np.uint64(written)] = code
        written += np.int64(code & np.uint32(0xFFFF) != SILENT)
    for k in range(written):
        n = _count(loud[np.uint64(k)], starts, features, counts, listed, n)
    return n


@helper
def count_within(data, i, end, origin, codes, root, moves, starts, features, loud, counts, listed):
    """Count the features of a part, as if it were a text, of what was walked from `origin` on; return how many are listed.

    From the first byte after which both walks are in the same row on, they are the same.
    """
    n, row, same = np.int64(0), root, False
    while i < end and not same:
        code = _step(data, i, row, moves)
        row, same = _row(code), code == codes[np.uint64(i - origin)]
        if code & np.uint32(0xFFFF) != SILENT:
            n = _count(code, starts, features, counts, listed, n)
        i += 1
    return count(codes, i - origin, end - origin, starts, features, loud, counts, listed, n)
