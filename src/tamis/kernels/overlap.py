"""Which documents share runs of words with known texts, how long those are, and how much of the texts they cover.

A document's runs of a few words are looked up by hash. Where one is found, the document's words are looked up in the
vocabulary and compared letter by letter, then runs word by word: nothing depends on hashes being different.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tamis.kernels import unicode
from tamis.kernels._jit import aligned, helper, i32, i64, kernel, reads, u8, u16, u32, u64, writes
from tamis.kernels.overlap_index import BASE, Index, filter_mask, place, word_id
from tamis.kernels.overlap_words import most_words, take_words


class Overlaps(NamedTuple):
    """What each document shares with the texts of an index.

    An n-gram is a run of `ngram` words of a text; a shorter text is the only n-gram it has.

    Args:
        shared: u32[n], words of the document at which an n-gram of any text begins.
        longest: u32[n], words of the longest run that the document and one text share, of those that hold an n-gram of that text.
        longest_text: i64[n], the text of that run; of several the one of which more is covered, then the first; -1: none.
        covered: u32[n], words of `text` that lie in n-grams of it which the document holds.
        words: u32[n], words that `text` has.
        text: i64[n], the text of whose words the largest share is covered; of several the one with the longer run, then the first; -1: none.
    """

    shared: np.ndarray
    longest: np.ndarray
    longest_text: np.ndarray
    covered: np.ndarray
    words: np.ndarray
    text: np.ndarray


def overlaps(data: np.ndarray, offsets: np.ndarray, index: Index) -> Overlaps:
    """Compare documents with the texts of an index.

    Args:
        data: u8[:], UTF-8.
        offsets: i64[n + 1].
        index: what to look for.
    """
    return overlaps_and_places(data, offsets, index)[0]


def overlaps_and_places(data: np.ndarray, offsets: np.ndarray, index: Index) -> tuple[Overlaps, np.ndarray]:
    """Compare documents with the texts of an index, and say which words of the texts stand in any of the documents.

    Args:
        data: u8[:], UTF-8.
        offsets: i64[n + 1].
        index: what to look for.

    Returns:
        What each document shares, and i64[m]: words, numbered as `index.ids` has them, that lie in n-grams which a document
        holds, ascending.
    """
    n, texts = len(offsets) - 1, len(index.status)
    found = Overlaps(*(np.zeros(n, kind) for kind in (np.uint32, np.uint32, np.int64, np.uint32, np.uint32, np.int64)))
    most = most_words(int(np.diff(offsets).max(initial=0))) + 1
    words = np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int32), np.zeros(most, np.uint32)
    # Pages of zeros that no document touches cost nothing.
    notes = np.zeros(len(index.ids), np.uint32), np.zeros(texts, np.uint32), np.zeros(texts, np.uint32), np.empty(texts, np.int64)
    known = index.ids, index.borders, *index[4:]
    # Texts touched, words at which an n-gram begins, and whether the document's words were looked up.
    tables, counts = (unicode.flags(), unicode.lower()), np.empty(3, np.int64)
    _overlaps(aligned(data, np.uint8), aligned(offsets, np.int64), *tables, *index.vocabulary, *known, *words, *notes, counts, *found)
    return found, np.flatnonzero(notes[0])


@helper
def _least(ngram, borders, t):
    """Words of an n-gram of a text."""
    return min(ngram, borders[t + 1] - borders[t])


@helper
def _name_words(doc, n, vocabulary, names):
    """Look up all words of a document."""
    data, end, flags, lower, hashes, starts = doc
    for j in range(n):
        names[j] = word_id(data, starts[j], end, hashes[j], vocabulary, flags, lower)


@helper
def _run_at(names, n, j, ids, first, last, p, anchor, stride):
    """The longest run that the document and a text share around an anchor, at word j of the one and p of the other.

    Returns:
        Its first word in the document, and how many words it has; 0 if the anchor was found by hash alone, or if the run
        holds the anchor before, from which it was found already.
    """
    for k in range(anchor):
        if names[j + k] != ids[p + k]:
            return j, 0
    back, length = 0, anchor
    while back < stride and back < j and p - back > first and names[j - back - 1] == ids[p - back - 1]:
        back += 1
    if back == stride:
        return j, 0
    while j + length < n and p + length < last and names[j + length] == ids[p + length]:
        length += 1
    return j - back, back + length


@helper
def _note(i, p, t, length, least, d, places, notes, counts):
    """Remember a run of a text, which begins at word i of document d and at word p of the text."""
    marks, covered, longest, touched = notes
    if longest[t] == 0:
        touched[counts[0]] = t
        counts[0] += 1
    longest[t] = max(longest[t], length)
    for k in range(length):
        if marks[p + k] != d + 1:
            marks[p + k] = d + 1
            covered[t] += 1
    for k in range(length - least + 1):
        if places[i + k] != d + 1:
            places[i + k] = d + 1
            counts[1] += 1


@helper
def _follow(key, doc, n, j, vocabulary, known, d, words, notes, counts):
    """Compare the document at word j with every text that has an anchor of this hash."""
    ids, borders, slots, begins, ends, anchors, texts, settings = known
    names, places = words
    ngram, anchor, stride = settings[0], settings[1], settings[2]
    at = place(key, settings[4])
    while ends[at] > 0 and slots[at] != key:
        at = (at + 1) & (len(slots) - 1)
    if ends[at] == 0:
        return
    if counts[2] == 0:
        _name_words(doc, n, vocabulary, names)
        counts[2] = 1
    for k in range(begins[at], ends[at]):
        p, t = anchors[k], texts[k]
        i, length = _run_at(names, n, j, ids, borders[t], borders[t + 1], p, anchor, stride)
        least = _least(ngram, borders, t)
        if length >= least:
            _note(i, p - (j - i), t, length, least, d, places, notes, counts)


@helper
def _choose(d, borders, notes, counts, found):
    """Name the texts that overlap most, and forget the others."""
    _, covered, longest, touched = notes
    shared, best, best_text, most, of, text = found
    shared[d] = counts[1]
    best_text[d] = text[d] = -1
    best_covered, best_of, length = np.int64(0), np.int64(1), np.int64(0)
    for k in range(counts[0]):
        t = touched[k]
        here, run = np.int64(covered[t]), np.int64(longest[t])
        whole = borders[t + 1] - borders[t]
        share = here * np.int64(of[d]) - np.int64(most[d]) * whole
        if text[d] < 0 or share > 0 or (share == 0 and (run > length or (run == length and t < text[d]))):
            text[d], most[d], of[d], length = t, here, whole, run
        share = here * best_of - best_covered * whole
        if run > best[d] or (run == best[d] and (share > 0 or (share == 0 and t < best_text[d]))):
            best_text[d], best[d], best_covered, best_of = t, run, here, whole
        covered[t] = longest[t] = 0


_VOCABULARY = (reads(u8), reads(u64), reads(i64), reads(i64), reads(i64), reads(i64))
_KNOWN = (reads(i32), reads(i64), reads(u64), reads(u64), reads(i64), reads(i64), reads(i64), reads(i64), reads(i64))
_WORDS = (writes(u64), writes(i64), writes(i32), writes(u32))
_NOTES = (writes(u32), writes(u32), writes(u32), writes(i64))
_FOUND = (writes(u32), writes(u32), writes(i64), writes(u32), writes(u32), writes(i64))


@kernel(reads(u8), reads(i64), reads(u16), reads(i32), *_VOCABULARY, *_KNOWN, *_WORDS, *_NOTES, writes(i64), *_FOUND)
def _overlaps(
    data, offsets, flags, lower,
    other, other_hashes, other_starts, other_ends, other_places, other_bits,
    ids, borders, wanted, slots, begins, ends, words, texts, settings,
    hashes, starts, names, places, marks, covered, longest, touched, counts,
    shared, best, best_text, most, of, text,
):  # fmt: skip
    vocabulary = other, other_hashes, other_starts, other_ends, other_places, other_bits
    known = ids, borders, slots, begins, ends, words, texts, settings
    notes, found = (marks, covered, longest, touched), (shared, best, best_text, most, of, text)
    anchor, bits = settings[1], settings[3]
    outgoing = np.uint64(1)
    for _ in range(anchor):
        outgoing *= BASE
    for d in range(len(shared)):
        n = take_words(data, offsets[d], offsets[d + 1], flags, lower, hashes, starts, 0)
        doc = data, offsets[d + 1], flags, lower, hashes, starts
        counts[:] = 0
        key = np.uint64(0)
        for j in range(n):
            key = key * BASE + hashes[j]
            if j >= anchor:
                key -= hashes[j - anchor] * outgoing
            elif j < anchor - 1:
                continue
            mask = filter_mask(key)
            if wanted[place(key, bits)] & mask == mask:
                _follow(key, doc, n, j - anchor + 1, vocabulary, known, d, (names, places), notes, counts)
        _choose(d, borders, notes, counts, found)
