"""Held-out documents: which sets, by which domains, and what is said of a model's bits on them.

The primary set is the target, which no verdict under test chose. Raw documents that were held out, those of them that the recipe keeps
and those that it drops are secondary. All bits are per byte of the text as it was read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tamis.ablate.draws import take
from tamis.ablate.item_scores import per_item, scores
from tamis.ablate.items import ItemSet
from tamis.lm.tokens import Tokens

TARGET, RAW, KEPT, REMOVED = "target", "raw", "kept", "removed"
OTHERS = "(others)"
LEAST_BYTES = 4_000
"""Held-out text of a domain that stands for itself; smaller domains are one, for a handful of documents is no average."""


@dataclass(frozen=True)
class HeldSet:
    """Documents that are averaged.

    Args:
        name: "target", "raw", "kept" or "removed".
        rows: i64[n], sequences of the whole.
        domain: str[n].
        size: i64[n], bytes.
    """

    name: str
    rows: np.ndarray
    domain: np.ndarray
    size: np.ndarray


@dataclass(frozen=True)
class Held:
    """Everything that a training is evaluated on, in one go.

    Args:
        tokens: sequences: documents of the sets, then those of evaluation items.
        first: i64[n], from which token on a sequence is scored.
        sets: of documents.
        items: evaluation sets, each with the first of its sequences and the one after its last.
    """

    tokens: Tokens
    first: np.ndarray
    sets: Sequence[HeldSet]
    items: Sequence[tuple[ItemSet, int, int]] = field(default_factory=tuple)

    def measures(self, bits: np.ndarray) -> pl.DataFrame:
        """What is said of one model.

        Args:
            bits: f64[n], of every sequence.

        Returns:
            set, by ("set": the whole of it, of documents the mean over their domains; "domain", "paradigm" …), group, measure, better
            ("lower", "higher"), value (f64), chance (f64, null where there is none).
        """
        frames = [_of_documents(bits[one.rows], one) for one in self.sets]
        frames += [scores(item_set, bits[start:stop]).select(list(SCHEMA)) for item_set, start, stop in self.items]
        return pl.concat([pl.DataFrame(schema=SCHEMA), *frames])

    def each(self, bits: np.ndarray) -> pl.DataFrame:
        """What is said of one model and each document of the sets, and each evaluation item: `EACH`.

        Args:
            bits: f64[n], of every sequence.

        Returns:
            As `measures`; by: "document" or "item", group: its number in the set, from 0.
        """
        found = [(one.name, "document", bits[one.rows] / np.maximum(one.size, 1)) for one in self.sets if one.name in (TARGET, RAW)]
        found += [(one.name, "item", per_item(one, bits[start:stop])["gold_bits_per_byte"].values) for one, start, stop in self.items]
        rows = [(name, by, str(i), EACH, "lower", value, None) for name, by, values in found for i, value in enumerate(values.tolist())]
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")

    def sampled(self, most: int) -> Held:
        """Fewer documents, and no items: for models that are slow to ask.

        Args:
            most: tokens, half of them of the target and half of raw documents, of each domain as many; but of each domain the smallest
                document at least. Which documents is drawn by their tokens.
        """
        leading = [one for one in self.sets if one.name in (TARGET, RAW)]
        keep = np.zeros(len(self.tokens), np.bool_)
        for one in leading:
            names, which = np.unique(one.domain.astype(str), return_inverse=True)
            for i in range(len(names)):
                keep[self._drawn(one.rows[which == i], most / len(leading) / len(names))] = True
        place = np.cumsum(keep) - 1
        sets = []
        for one in self.sets:
            here = keep[one.rows]
            if one.size[here].sum():
                sets.append(HeldSet(one.name, place[one.rows[here]], one.domain[here], one.size[here]))
        return Held(self.tokens.take(np.flatnonzero(keep)), self.first[keep], sets)

    def _drawn(self, rows: np.ndarray, wanted: float) -> np.ndarray:
        lengths = self.tokens.lengths[rows]
        order = np.argsort([hashlib.blake2b(self.tokens[row].tobytes(), digest_size=8).digest() for row in rows.tolist()], kind="stable")
        taken = take(lengths[order], wanted)
        return rows[order[taken]] if taken.any() else rows[[int(np.argmin(lengths))]]


SCHEMA = {
    "set": pl.String,
    "by": pl.String,
    "group": pl.String,
    "measure": pl.String,
    "better": pl.String,
    "value": pl.Float64,
    "chance": pl.Float64,
}
BITS = "bits per byte"
EACH = "bits per byte of each"
"""Of one document, or of the gold continuation of one item."""


def _of_documents(bits: np.ndarray, one: HeldSet) -> pl.DataFrame:
    by_domain = losses(bits, one)
    rows = [(one.name, "domain", domain, BITS, "lower", value, None) for domain, value in by_domain.items()]
    rows.append((one.name, "set", one.name, BITS, "lower", float(np.mean(list(by_domain.values()))), None))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def losses(bits: np.ndarray, one: HeldSet) -> Mapping[str, float]:
    """Bits per byte by domain: all bits over all bytes of the domain."""
    names, inverse = np.unique(one.domain.astype(str), return_inverse=True)
    all_bits, size = np.bincount(inverse, bits, len(names)), np.bincount(inverse, one.size, len(names))
    return {str(name): float(total / count) for name, total, count in zip(names, all_bits, size, strict=True) if count}


def merged(domain: np.ndarray, size: np.ndarray, least: int = LEAST_BYTES) -> np.ndarray:
    """Domains of which too little is held out as one.

    Args:
        domain: str[n].
        size: i64[n], bytes.
        least: bytes that make a domain.
    """
    names, inverse = np.unique(domain.astype(str), return_inverse=True)
    small = np.bincount(inverse, size, len(names)) < least
    return np.where(small[inverse], OTHERS, domain).astype(object) if small.sum() > 1 else domain
