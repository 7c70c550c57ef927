"""The features of one text by name, for explanations: what `tamis.kernels.fasttext` finds by number, written to be read."""

from __future__ import annotations

import re

from tamis.kernels.fasttext import Features
from tamis.kernels.fasttext_words import entry_of

Named = tuple[str, list[int], int]
"""A feature's name, the rows that it adds, and for how many features they count."""


def features(text: bytes, model: Features) -> list[Named]:
    """The words of a text, each with the n-grams of its characters, then its runs of words.

    Args:
        text: any bytes.
        model: what finds the rows.
    """
    n_words, buckets, ngrams, *_ = model.settings.tolist()
    found, read = list[Named](), list[bytes]()
    for word in [*re.findall(rb"[^ \t\n\v\f\r\0]+", text), b"</s>"]:
        entry = entry_of(word, model.slots, model.words, model.borders)
        if entry >= n_words or (entry < 0 and word.startswith(b"__label__")):
            continue
        found.append(_word(word, entry, model))
        read.append(word)
        if word == b"</s>":
            break
    for i in range(len(read)):
        run = _signed(_hash(read[i]))
        for k in range(i + 1, min(i + ngrams, len(read))):
            run = (run * 116049371 + _signed(_hash(read[k]))) % 2**64
            row = _bucket_row(run % buckets, model)
            if row >= 0:
                found.append((_shown(b" ".join(read[i : k + 1])), [row], 1))
    return [one for one in found if one[1]]


def _word(word: bytes, entry: int, model: Features) -> Named:
    summed = bool(model.settings[6])
    rows = [entry] if entry >= 0 else []
    size = int(model.sizes[entry]) if entry >= 0 else 0
    if word != b"</s>" and (entry < 0 or not summed):
        inside = _inside(word, model)
        rows, size = rows + inside, size + len(inside)
    return _shown(word), rows, size


def _inside(word: bytes, model: Features) -> list[int]:
    """Rows of the n-grams of the characters of "<word>"."""
    buckets, minn, maxn = model.settings[[1, 3, 4]].tolist()
    wrapped = b"<" + word + b">"
    starts = [i for i, byte in enumerate(wrapped) if byte & 0xC0 != 0x80]
    borders = [*starts, len(wrapped)]
    rows = []
    for first in range(len(starts)):
        for chars in range(max(1, minn), min(maxn, len(starts) - first) + 1):
            begin, end = borders[first], borders[first + chars]
            if chars > 1 or (begin > 0 and end < len(wrapped)):
                rows.append(_bucket_row(_hash(wrapped[begin:end]) % buckets, model))
    return [row for row in rows if row >= 0]


def _bucket_row(bucket: int, model: Features) -> int:
    n_words = int(model.settings[0])
    if not len(model.kept):
        return n_words + bucket
    place = int(model.kept[bucket])
    return n_words + place if place >= 0 else -1


def _hash(word: bytes) -> int:
    h = 2166136261
    for byte in word:
        h = (h ^ byte ^ (0xFFFFFF00 if byte > 127 else 0)) * 16777619 % 2**32
    return h


def _signed(h: int) -> int:
    return h - 2**32 if h >= 2**31 else h


def _shown(word: bytes) -> str:
    return word.decode(errors="replace")
