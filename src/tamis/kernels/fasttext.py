"""Scoring texts with a supervised fastText model: its features, and the mean of their rows.

Features of a text, as fastText has them: it is cut at the seven separators (space, \\t, \\n, \\v, \\f, \\r, \\0), ends with the
word "</s>", and a literal "</s>" in it ends it there. A word of the vocabulary is a feature, with the n-grams of characters of
"<word>" if the model has any; of other words only these are. Labels are passed over. Runs of 2 to `ngrams` words, of the
vocabulary or not, are features hashed into buckets. Hashes are FNV-1a on signed bytes; those of runs are their sums.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tamis.kernels._jit import aligned, f32, f64, helper, i32, i64, kernel, reads, u8, u64, writes
from tamis.kernels.fasttext_rows import CUT, add, put, put_known_words
from tamis.kernels.fasttext_words import END, END_HASH, FNV, LABEL, RUN, find, first_bytes, hashed, is_separator

_ROWS = 512
"""Features whose rows are added in single precision before the sum is kept in double."""


@dataclass(frozen=True)
class Features:
    """What of a model finds the rows of a text.

    Args:
        slots: u64[2 ** bits, 2], the vocabulary and the labels as a hash table: first 8 bytes (0: free); length and entry.
        words: u8[:], the bytes of all entries.
        borders: i64[entries + 1].
        settings: i64[8]: words, buckets, ngrams, minn, maxn, entry of "</s>" (−1: none), whether a word's row already holds
            its n-grams of characters, whether rows are added in fastText's order and precision.
        kept: i32[buckets] of a pruned model, else i32[0].
        sizes: i32[words], features that each word's row holds.
    """

    slots: np.ndarray
    words: np.ndarray
    borders: np.ndarray
    settings: np.ndarray
    kept: np.ndarray
    sizes: np.ndarray


def fold(rows: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Rows times outputs, each sum in double precision and in one order: the same on any number of threads.

    Args:
        rows: f32[n, dim].
        outputs: f32[labels, dim].

    Returns:
        f32[n, labels].
    """
    found = np.empty((len(rows), len(outputs)), np.float32)
    sums = np.empty(len(outputs))
    _fold(aligned(rows, np.float32), aligned(outputs.T.astype(np.float64), np.float64), sums, found)
    return found


def mean_rows(
    data: np.ndarray, starts: np.ndarray, ends: np.ndarray, features: Features, table: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the rows of each text's features.

    Args:
        data: u8[:], any bytes.
        starts: i64[n], where each text begins.
        ends: i64[n], where each ends.
        features: of the model.
        table: f32[words + buckets, width].

    Returns:
        means: f32[n, width]; 0 for a text without features.
        features: i64[n], how many each text has.
    """
    n, longest, width = len(starts), int((ends - starts).max(initial=0)), table.shape[1]
    means, sizes = np.zeros((n, width), np.float32), np.zeros(n, np.int64)
    scratch = (
        *(np.empty(CUT // 2 + 2, np.int64) for _ in range(2)),
        np.empty(longest // 2 + 2, np.int32),
        np.empty(longest + 2, np.uint8),
        np.empty(_ROWS, np.int64),
    )
    sums = np.zeros(width, np.float32), np.zeros(width)
    texts = aligned(data, np.uint8), aligned(starts, np.int64), aligned(ends, np.int64)
    arguments: Any = *texts, *_arrays(features), aligned(table, np.float32), *scratch, *sums, means, sizes
    _mean_rows(*arguments)
    return means, sizes


def gather_words(features: Features, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each word of the vocabulary adds, with the n-grams of its characters.

    Args:
        features: of the model; its words' rows must not yet hold n-grams.
        table: f32[words + buckets, width].

    Returns:
        sums: f32[words, width].
        sizes: i32[words], how many features were added.
    """
    words, width = int(features.settings[0]), table.shape[1]
    sums, sizes = np.zeros((words, width), np.float32), np.zeros(words, np.int32)
    longest = int(np.diff(features.borders).max(initial=0))
    scratch = np.empty(longest + 2, np.uint8), np.empty(_ROWS, np.int64), np.zeros(width, np.float32), np.zeros(width)
    known = features.words, features.borders, features.settings, features.kept
    _gather_words(*known, aligned(table, np.float32), *scratch, sums, sizes)
    return sums, sizes


def multiply(means: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Means times outputs, added in fastText's order: one label's sum does not depend on how many texts there are.

    Args:
        means: f32[n, dim].
        outputs: f32[labels, dim].

    Returns:
        f32[n, labels].
    """
    found = np.zeros((len(means), len(outputs)), np.float32)
    _multiply(aligned(means, np.float32), aligned(np.ascontiguousarray(outputs.T), np.float32), found)
    return found


def _arrays(features: Features) -> Any:
    return features.slots, features.words, features.borders, features.settings, features.kept, features.sizes


@helper
def _put_bucket(h, settings, kept, n, rows, table, exact, block, total):
    """Take an n-gram by its hash, unless it was pruned; return how many features wait, and how many were found."""
    bucket = h % np.uint64(settings[1])
    place = np.int64(bucket) if len(kept) == 0 else np.int64(kept[bucket])
    if place < 0:
        return n, 0
    return put(settings[0] + place, n, rows, table, exact, block, total), 1


@helper
def _put_inside(data, i, length, settings, kept, wrapped, n, rows, table, exact, block, total):
    """Take the n-grams of the characters of "<word>"; return how many features wait, and how many were found."""
    minn, maxn = settings[3], settings[4]
    wrapped[0], wrapped[length + 1] = 60, 62
    for k in range(length):
        wrapped[k + 1] = data[i + k]
    found, size = 0, length + 2
    for begin in range(size):
        if wrapped[begin] & 0xC0 == 0x80:
            continue
        h, k, chars = FNV, begin, 0
        while k < size and chars < maxn:
            h = hashed(h, wrapped[k])
            k += 1
            while k < size and wrapped[k] & 0xC0 == 0x80:
                h = hashed(h, wrapped[k])
                k += 1
            chars += 1
            if chars >= minn and not (chars == 1 and (begin == 0 or k == size)):
                n, more = _put_bucket(h, settings, kept, n, rows, table, exact, block, total)
                found += more
    return n, found


@helper
def _put_word(data, i, length, entry, is_end, settings, kept, sizes, wrapped, n, rows, table, exact, block, total):
    """Take a word, in the vocabulary or not; return how many features wait, and how many were found."""
    found = np.int64(0)
    if entry >= 0:
        n = put(entry, n, rows, table, exact, block, total)
        found = np.int64(sizes[entry])
    inside = settings[4] > 0 and not is_end and (entry < 0 or settings[6] == 0)
    if inside:
        n, more = _put_inside(data, i, length, settings, kept, wrapped, n, rows, table, exact, block, total)
        found += more
    return n, found


@helper
def _put_runs(hashes, count, settings, kept, n, rows, table, exact, block, total):
    """Take the runs of 2 words and more; return how many features wait, and how many were found."""
    found = 0
    for i in range(count):
        h = np.uint64(np.int64(hashes[i]))
        for k in range(i + 1, min(i + settings[2], count)):
            h = h * RUN + np.uint64(np.int64(hashes[k]))
            n, more = _put_bucket(h, settings, kept, n, rows, table, exact, block, total)
            found += more
    return n, found


@helper
def _put_words(data, i, end, slots, words, borders, settings, kept, sizes, hashes, wrapped, rows, table, exact, block, total):
    """Take all words of a text; return how many features wait, how many were found, and how many words are hashed."""
    n = found = count = np.int64(0)
    is_end = False
    while not is_end:
        while i < end and is_separator(data[np.uint64(i)]):
            i += 1
        begin, h = i, FNV
        while i < end and not is_separator(data[np.uint64(i)]):
            h = hashed(h, data[np.uint64(i)])
            i += 1
        length, entry = i - begin, settings[5]
        if length == 0:
            is_end, h = True, np.uint64(END_HASH)
        else:
            first = first_bytes(data, begin, length)
            entry = find(data, begin, length, first, slots, words, borders)
            if entry >= settings[0] or (entry < 0 and first == LABEL and length > 8 and data[begin + 8] == 95):
                continue  # a label
            is_end = first == END
        n, more = _put_word(data, begin, length, entry, is_end, settings, kept, sizes, wrapped, n, rows, table, exact, block, total)
        found += more
        hashes[count] = np.int32(h)
        count += 1
    return n, found, count


_FEATURES = (reads(u64, 2), reads(u8), reads(i64), reads(i64), reads(i32), reads(i32))
_SCRATCH = (writes(i64), writes(f32), writes(f64))


@kernel(
    reads(u8), reads(i64), reads(i64), *_FEATURES, reads(f32, 2), writes(i64), writes(i64), writes(i32), writes(u8), *_SCRATCH,
    writes(f32, 2), writes(i64),
)  # fmt: skip
def _mean_rows(
    data, starts, ends, slots, words, borders, settings, kept, sizes, table,
    begins, until, hashes, wrapped, rows, block, total, means, counts,
):  # fmt: skip
    exact, only_words = settings[7] != 0, settings[2] <= 1 and settings[4] == 0
    for d in range(len(counts)):
        block[:] = 0
        total[:] = 0
        start, end = starts[d], ends[d]
        if only_words:
            n, found = put_known_words(data, start, end, slots, words, borders, settings, begins, until, rows, table, exact, block, total)
        else:
            n, found, count = _put_words(
                data, start, end, slots, words, borders, settings, kept, sizes, hashes, wrapped, rows, table, exact, block, total
            )
            if settings[2] > 1:
                n, more = _put_runs(hashes, count, settings, kept, n, rows, table, exact, block, total)
                found += more
        add(rows, n, table, exact, block, total)
        counts[d] = found
        if found and exact:
            share = np.float32(1.0 / found)
            for k in range(len(block)):
                means[d, k] = block[k] * share
        elif found:
            for k in range(len(total)):
                means[d, k] = total[k] / found


@kernel(*_FEATURES[1:-1], reads(f32, 2), writes(u8), *_SCRATCH, writes(f32, 2), writes(i32))
def _gather_words(words, borders, settings, kept, table, wrapped, rows, block, total, sums, sizes):
    for entry in range(len(sizes)):
        block[:] = 0
        total[:] = 0
        n, found, begin, length = put(entry, 0, rows, table, False, block, total), 1, borders[entry], borders[entry + 1] - borders[entry]
        if entry != settings[5] and settings[4] > 0:
            n, more = _put_inside(words, begin, length, settings, kept, wrapped, n, rows, table, False, block, total)
            found += more
        add(rows, n, table, False, block, total)
        sizes[entry] = found
        for k in range(len(total)):
            sums[entry, k] = total[k]


@kernel(reads(f32, 2), reads(f64, 2), writes(f64), writes(f32, 2))
def _fold(rows, outputs, sums, found):
    for i in range(len(rows)):
        sums[:] = 0
        for j in range(len(outputs)):
            for k in range(len(sums)):
                sums[k] += rows[i, j] * outputs[j, k]
        for k in range(len(sums)):
            found[i, k] = sums[k]


@kernel(reads(f32, 2), reads(f32, 2), writes(f32, 2))
def _multiply(means, outputs, found):
    for i in range(len(means)):
        for j in range(len(outputs)):
            factor = means[i, j]
            for k in range(found.shape[1]):
                found[i, k] += factor * outputs[j, k]
