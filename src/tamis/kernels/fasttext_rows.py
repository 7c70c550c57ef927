"""The rows of a fastText model that a text's features stand for, as they are found and added."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper
from tamis.kernels.fasttext_words import END, cut, find, first_bytes

CUT = 1 << 12
"""Bytes that are cut into words before these are looked up."""


@helper
def add(rows, n, table, exact, block, total):
    """Add the rows of n features to the sums."""
    if table.shape[1] == 1 and not exact:
        # Four sums: one waits four cycles for each row.
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for i in range(0, n - 3, 4):
            a += table[np.uint64(rows[np.uint64(i)]), 0]
            b += table[np.uint64(rows[np.uint64(i + 1)]), 0]
            c += table[np.uint64(rows[np.uint64(i + 2)]), 0]
            d += table[np.uint64(rows[np.uint64(i + 3)]), 0]
        for i in range(n - n % 4, n):
            a += table[np.uint64(rows[np.uint64(i)]), 0]
        total[0] += a + b + (c + d)
        return
    four = n - n % 4
    for i in range(0, four, 4):
        a, b, c, d = table[rows[i]], table[rows[i + 1]], table[rows[i + 2]], table[rows[i + 3]]
        for k in range(len(a)):
            block[k] = block[k] + a[k] + b[k] + c[k] + d[k]  # one after the other, as fastText does
    for i in range(four, n):
        row = table[rows[i]]
        for k in range(len(row)):
            block[k] += row[k]
    if not exact:
        for k in range(len(block)):
            total[k] += block[k]
            block[k] = 0


@helper
def put(row, n, rows, table, exact, block, total):
    """Take one more feature, and add those that wait when there are enough; return how many wait."""
    rows[n] = row
    if n + 1 < len(rows):
        return n + 1
    add(rows, n + 1, table, exact, block, total)
    return 0


@helper
def put_known_words(data, i, end, slots, words, borders, settings, begins, ends, rows, table, exact, block, total):
    """Take the words of a text for a model without n-grams, where only those of the vocabulary count.

    Returns how many features wait, and how many were found.
    """
    n, found, begun, ended, inside, stop = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.uint64(0), False
    n_words = np.uint64(settings[0])
    while not stop:
        until = min(i + CUT, end)
        inside, begun, ended = cut(data, i, until, inside, begins, begun, ends, ended)
        i = until
        if i == end and inside != 0:
            ends[ended] = end
            ended += 1
        stop = i == end
        for k in range(ended):
            begin = begins[np.uint64(k)]
            length = ends[np.uint64(k)] - begin
            first = first_bytes(data, begin, length)
            if first == END:
                stop = True
                break
            entry = find(data, begin, length, first, slots, words, borders)
            known = np.int64(np.uint64(entry) < n_words)  # neither unknown, nor a label
            rows[np.uint64(n)] = entry
            n += known
            found += known
            if n == len(rows):
                add(rows, n, table, exact, block, total)
                n = np.int64(0)
        begins[0], begun, ended = begins[max(begun - 1, 0)], np.int64(inside), np.int64(0)
    if settings[5] >= 0:
        n = put(settings[5], n, rows, table, exact, block, total)
        found += 1
    return n, found
