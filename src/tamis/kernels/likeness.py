"""How alike documents are to known texts: the exact Jaccard similarity of their sets of shingles, with no pair missed.

A document is compared with texts only if enough of its shingles stand in any of them: what shares no more than a menu with a
thousand texts is told by one count.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tamis.kernels._jit import aligned, f64, helper, i32, i64, kernel, reads, u8, u16, u64, writes
from tamis.kernels.overlap_index import bits_of_places, fill, filter_mask, place
from tamis.kernels.shingles import Rule, scratch, shingles, shingles_of

NOWHERE = np.int64(-1)


class Known(NamedTuple):
    """Texts by their shingles.

    Args:
        filter: u64[2^j], three bits for every shingle in one of its words; most shingles of a document end here.
        keys: u64[2^k], shingles by place; begins, ends: i64[2^k], their postings; an end of 0: no shingle.
        texts: i64[p], postings: a text that holds the shingle.
        sizes: i64[t], different shingles of each text.
        bits: i64[2], j and k.
    """

    filter: np.ndarray
    keys: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    texts: np.ndarray
    sizes: np.ndarray
    bits: np.ndarray


class Likest(NamedTuple):
    """The text that each document is most like.

    Args:
        jaccard: f64[n], exact, 0 where none is like enough.
        text: i64[n]; of equals the first; -1: none.
    """

    jaccard: np.ndarray
    text: np.ndarray


def known(data: np.ndarray, offsets: np.ndarray, rule: Rule) -> Known:
    """Lay out texts for `likest`; it takes about 30 bytes of memory a byte of text.

    Args:
        data: u8[:], UTF-8.
        offsets: i64[t + 1].
        rule: what a shingle is.
    """
    hashes, borders = shingles(data, offsets, rule)
    sizes = np.diff(borders)
    order = np.argsort(hashes, kind="stable")
    keys, begins = np.unique(hashes[order], return_index=True)
    ends = np.append(begins[1:], len(order)).astype(np.int64)
    places = bits_of_places(keys)
    bits = places - 3
    firsts, lasts = np.zeros((2, 1 << places), np.int64)
    table = np.zeros(1 << bits, np.uint64), np.zeros(1 << places, np.uint64), firsts, lasts
    fill(keys, begins.astype(np.int64), ends, bits, places, *table)
    return Known(*table, np.repeat(np.arange(len(sizes)), sizes)[order], sizes, np.array([bits, places], np.int64))


def likest(data: np.ndarray, offsets: np.ndarray, texts: Known, rule: Rule, *, least: float) -> Likest:
    """For each document the known text that it is most like.

    Args:
        data: u8[:], UTF-8.
        offsets: i64[n + 1].
        texts: of `known`, by the same rule.
        rule: what a shingle is.
        least: above 0; a text less like is none.
    """
    n = len(offsets) - 1
    found = Likest(np.zeros(n), np.full(n, NOWHERE))
    notes = np.zeros(len(texts.sizes), np.int64), np.empty(len(texts.sizes), np.int64)
    _likest(aligned(data, np.uint8), aligned(offsets, np.int64), *rule.tables(), *scratch(offsets), *texts, least, *notes, *found)
    return found


@helper
def _slot(key, wanted, slots, ends, bits):
    """The place of a shingle in the table; NOWHERE if no text holds it."""
    mask = filter_mask(key)
    if wanted[place(key, bits[0])] & mask != mask:
        return NOWHERE
    at = place(key, bits[1])
    while ends[at] > 0 and slots[at] != key:
        at = (at + 1) & (len(slots) - 1)
    return at if ends[at] > 0 else NOWHERE


@helper
def _count(hashes, found, begins, ends, texts, counts, touched):
    """Count the shingles that each text shares, and return how many texts there are."""
    n = 0
    for j in range(found):
        at = np.int64(hashes[j])
        for p in range(begins[at], ends[at]):
            t = texts[p]
            if counts[t] == 0:
                touched[n] = t
                n += 1
            counts[t] += 1
    return n


_TEXT = (reads(u8), reads(i64), reads(u16), reads(i32), reads(u64), writes(u8), writes(u64), writes(u64))
_KNOWN = (reads(u64), reads(u64), reads(i64), reads(i64), reads(i64), reads(i64), reads(i64))


@kernel(*_TEXT, *_KNOWN, f64, writes(i64), writes(i64), writes(f64), writes(i64))
def _likest(
    data, offsets, flags, lower, settings, word, hashes, table,
    wanted, slots, begins, ends, texts, sizes, bits,
    least, counts, touched, jaccard, text,
):  # fmt: skip
    for d in range(len(text)):
        n = shingles_of(data, offsets[d], offsets[d + 1], flags, lower, settings, word, hashes, table)
        found = 0
        for j in range(n):
            at = _slot(hashes[j], wanted, slots, ends, bits)
            if at != NOWHERE:
                hashes[found] = at
                found += 1
        # Rounded down: |A ∩ B| / |A ∪ B| cannot reach `least` with fewer. The division below decides.
        if found == 0 or found < np.int64(least * n):
            continue
        for k in range(_count(hashes, found, begins, ends, texts, counts, touched)):
            t = touched[k]
            share = counts[t] / (n + sizes[t] - counts[t])
            counts[t] = 0
            if share >= least and (share > jaccard[d] or (share == jaccard[d] and t < text[d])):
                jaccard[d], text[d] = share, t
