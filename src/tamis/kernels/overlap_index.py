"""Texts to be looked for, laid out so that one look a word finds every long enough run of words that a document shares.

A run of `ngram` words holds `ngram - anchor + 1` runs of `anchor` words, of which one begins at a multiple of that number:
so it is enough to know the *anchors* of a text, its runs of `anchor` words at those places. For 13 words, 8 and 6: a
sixth of the n-grams, which then fit the cache.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, b1, helper, i32, i64, kernel, reads, u8, u16, u64, writes
from tamis.kernels.hashing import reduce_lists
from tamis.kernels.overlap_words import same_word, word_hashes

CHECKED, SHORT, MONOTONOUS, REPEATED = range(4)
UNKNOWN = -1  # no word of any text
BASE = np.uint64(0xD1342543DE82EF95)  # of the polynomial that hashes a run of words
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Vocabulary(NamedTuple):
    """The different words of all texts.

    Args:
        data: u8[:], the texts.
        hashes: u64[v], ascending.
        starts, ends: i64[v], where in `data` a word of this hash begins, and where its text ends.
        places: i64[2^k], numbers of words by the place of their hashes, from 1; 0: none.
        bits: i64[1], k.
    """

    data: np.ndarray
    hashes: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    places: np.ndarray
    bits: np.ndarray


class Index(NamedTuple):
    """Texts, their words and their anchors.

    Args:
        vocabulary: the words.
        ids: i32[w], all words of all texts, as places in the vocabulary.
        borders: i64[t + 1], the words of each text.
        status: u8[t], CHECKED, or why a text is not: SHORT, MONOTONOUS, REPEATED.
        filter: u64[2^k], three bits for every anchor's hash in one of its words; most runs of a document end here.
        keys: u64[2^k], hashes of anchors by place; begins, ends: i64[2^k], their postings; an end of 0: no anchor.
        words: i64[p], postings: the word at which the anchor begins. texts: i64[p]: its text.
        settings: i64[5]: words of an n-gram, words of an anchor, words between anchors, bits of a place in the filter and in the table.
    """

    vocabulary: Vocabulary
    ids: np.ndarray
    borders: np.ndarray
    status: np.ndarray
    filter: np.ndarray
    keys: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    words: np.ndarray
    texts: np.ndarray
    settings: np.ndarray


def build(data: np.ndarray, offsets: np.ndarray, *, ngram: int, min_words: int, min_distinct: int) -> Index:
    """Index texts.

    A text of fewer than `min_words` words, of fewer than `min_distinct` different ones, or of the same words as an earlier
    text, is not looked for.

    Args:
        data: u8[:], UTF-8.
        offsets: i64[t + 1].
        ngram: at least 1; what is shared must be as long, or a whole text.
        min_words: at least 1; may be more than `ngram`.
        min_distinct: at least 1.
    """
    data, offsets = aligned(data, np.uint8), aligned(offsets, np.int64)
    hashes, starts, borders = word_hashes(data, offsets)
    vocabulary, ids = _vocabulary(data, offsets, hashes, starts, borders)
    status = _status(hashes, borders, min_words, min_distinct)
    anchor = min(min_words, ngram, (ngram + 3) // 2)
    stride = ngram - anchor + 1
    sizes = np.diff(borders)
    anchors = np.where(sizes < ngram, 1, (sizes - anchor) // stride + 1) * (status == CHECKED)
    keys, words, texts = np.empty(anchors.sum(), np.uint64), np.empty(anchors.sum(), np.int64), np.empty(anchors.sum(), np.int64)
    _anchors(hashes, borders, anchors, anchor, stride, keys, words, texts)
    order = np.argsort(keys, kind="stable")
    keys, begins = np.unique(keys[order], return_index=True)
    ends = np.append(begins[1:], len(order)).astype(np.int64)
    places = bits_of_places(keys)
    bits = places - 3  # words of 64 bits: 16 to 32 bits for each of them
    firsts, lasts = np.zeros((2, 1 << places), np.int64)
    table = np.zeros(1 << bits, np.uint64), np.zeros(1 << places, np.uint64), firsts, lasts
    fill(keys, begins.astype(np.int64), ends, bits, places, *table)
    settings = np.array([ngram, anchor, stride, bits, places], np.int64)
    return Index(vocabulary, ids, borders, status, *table, words[order], texts[order], settings)


def bits_of_places(keys: np.ndarray) -> int:
    """The bits of a place in a table of which these keys take half the places at most."""
    return max(len(keys), 16).bit_length() + 1


def _vocabulary(
    data: np.ndarray, offsets: np.ndarray, hashes: np.ndarray, starts: np.ndarray, borders: np.ndarray
) -> tuple[Vocabulary, np.ndarray]:
    """The different words, and each word of the texts as a place among them (i32[w])."""
    different, first, ids = np.unique(hashes, return_index=True, return_inverse=True)
    ends = np.repeat(offsets[1:], np.diff(borders))
    bits = bits_of_places(different)
    places = np.zeros(1 << bits, np.int64)
    _place_words(different, bits, places)
    known = Vocabulary(data, different, starts[first], ends[first], places, np.array([bits], np.int64))
    # Two words of one hash: the later one is in no document, rather than in those that hold the other.
    same = np.empty(len(ids), np.bool_)
    _are_same(data, starts, ends, starts[first[ids]], ends[first[ids]], unicode.flags(), unicode.lower(), same)
    return known, np.where(same, ids, len(different)).astype(np.int32)


def _status(hashes: np.ndarray, borders: np.ndarray, min_words: int, min_distinct: int) -> np.ndarray:
    """u8[t]: which texts are checked, and why the others are not."""
    status = np.zeros(len(borders) - 1, np.uint8)
    monotonous = np.zeros(len(status), np.uint8)
    _monotonous(hashes, borders, min_distinct, np.empty(min_distinct, np.uint64), monotonous)
    status[monotonous > 0] = MONOTONOUS
    status[np.diff(borders) < min_words] = SHORT
    # Two hashes of 64 bits that have nothing to do with each other.
    pairs = np.stack([reduce_lists(hashes, borders), reduce_lists(hashes * _SPREAD ^ BASE, borders)], axis=1)
    rows = np.flatnonzero(status == CHECKED)
    order = rows[np.lexsort((rows, pairs[rows, 1], pairs[rows, 0]))]
    status[order[1:][(pairs[order[1:]] == pairs[order[:-1]]).all(axis=1)]] = REPEATED
    return status


@helper
def place(key, bits):
    """Where in a table of 2^bits places a hash belongs."""
    return np.int64((key * _SPREAD) >> np.uint64(64 - bits))


@helper
def filter_mask(key):
    """The three bits of a hash in its word of the filter.

    One bit lets every 28th run through to the table, which is too large for the cache: 179 MB/s beside 273.
    """
    spread = key * _SPREAD
    mask = np.uint64(1) << (spread >> np.uint64(20) & np.uint64(63)) | np.uint64(1) << (spread >> np.uint64(26) & np.uint64(63))
    return mask | np.uint64(1) << (spread >> np.uint64(32) & np.uint64(63))


@helper
def word_id(data, i, end, key, vocabulary, flags, lower):
    """The place in the vocabulary of the word at data[i], whose hash is given; UNKNOWN if it is not there."""
    other, hashes, starts, ends, places, bits = vocabulary
    at = place(key, bits[0])
    while places[at] > 0:
        w = places[at] - 1
        if hashes[w] == key:
            return w if same_word(data, i, end, other, starts[w], ends[w], flags, lower) else UNKNOWN
        at = (at + 1) & (len(places) - 1)
    return UNKNOWN


@kernel(reads(u64), i64, writes(i64))
def _place_words(hashes, bits, places):
    for w in range(len(hashes)):
        at = place(hashes[w], bits)
        while places[at] > 0:
            at = (at + 1) & (len(places) - 1)
        places[at] = w + 1


@kernel(reads(u8), reads(i64), reads(i64), reads(i64), reads(i64), reads(u16), reads(i32), writes(b1))
def _are_same(data, starts, ends, others, other_ends, flags, lower, same):
    for w in range(len(same)):
        same[w] = same_word(data, starts[w], ends[w], data, others[w], other_ends[w], flags, lower)


@kernel(reads(u64), reads(i64), i64, writes(u64), writes(u8))
def _monotonous(hashes, borders, least, seen, found):
    for t in range(len(found)):
        different = 0
        for i in range(borders[t], borders[t + 1]):
            if different == least:
                break
            new = True
            for k in range(different):
                new = new and seen[k] != hashes[i]
            if new:
                seen[different] = hashes[i]
                different += 1
        found[t] = different < least


@kernel(reads(u64), reads(i64), reads(i64), i64, i64, writes(u64), writes(i64), writes(i64))
def _anchors(hashes, borders, counts, anchor, stride, keys, words, texts):
    n = 0
    for t in range(len(counts)):
        for k in range(counts[t]):
            first = borders[t] + k * stride
            key = np.uint64(0)
            for i in range(first, first + anchor):
                key = key * BASE + hashes[i]
            keys[n], words[n], texts[n] = key, first, t
            n += 1


@kernel(reads(u64), reads(i64), reads(i64), i64, i64, writes(u64), writes(u64), writes(i64), writes(i64))
def fill(keys, begins, ends, bits, places, wanted, slots, firsts, lasts):
    """Put different keys, with the borders of their postings, into a filter of 2^bits words and a table of 2^places places."""
    for k in range(len(keys)):
        wanted[place(keys[k], bits)] |= filter_mask(keys[k])
        at = place(keys[k], places)
        while lasts[at] > 0:
            at = (at + 1) & (len(slots) - 1)
        slots[at], firsts[at], lasts[at] = keys[k], begins[k], ends[k]
