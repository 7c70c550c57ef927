"""Which documents of a pool share text with what models are evaluated on; they are taken out of every arm.

A document overlaps with a target text if

- a run of `words` words stands in both, or the whole text where it has fewer, or
- their sets of word 5-grams are alike, Jaccard similarity `likeness` or more.

Words and their comparison are those of the stage `contamination`, in NFC and in lower case, and runs are compared word by word.
Texts of fewer than `SHORTEST` words or `DISTINCT` different ones are not looked for inside documents, for everybody writes
them; they are counted as unchecked. Both searches are exact: what is taken out leaves nothing behind that a second search finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from tamis.ablate.texts import by_parts, in_one_piece
from tamis.documents import utf8

if TYPE_CHECKING:
    from tamis.kernels.likeness import Known
    from tamis.kernels.overlap_index import Index
    from tamis.kernels.shingles import Rule

WORDS = 13
"""Words of a run. Source: GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C)."""
LIKENESS = 0.5
"""Jaccard similarity of word 5-grams: low on purpose, a document lost to every arm costs less than one that gives the answers away."""
SHORTEST = 8
"""Words of a text that is looked for. Source: GPT-3, which takes 8 words at least."""
DISTINCT = 4
"""Different words of a text that is looked for, as in the stage `contamination`."""


@dataclass(frozen=True)
class Target:
    """What a pool shares with one set of target texts.

    Args:
        runs: bool[n], documents of the pool that hold a run of words, or all words, of a text.
        alike: bool[n], documents that are like a text.
        words: i64[t], words of each target text.
        found: i64[t], how many of them lie in runs that a document of the pool holds.
        checked: bool[t], whether the text was looked for inside documents.
    """

    runs: np.ndarray
    alike: np.ndarray
    words: np.ndarray
    found: np.ndarray
    checked: np.ndarray

    @property
    def documents(self) -> np.ndarray:
        """bool[n]: documents of the pool that share text with the set in either way."""
        return np.asarray(self.runs | self.alike)

    @property
    def found_share(self) -> float | None:
        """The share of the checked texts' words that stand in the pool, in runs; None if no text is checked."""
        whole = int(self.words[self.checked].sum())
        return int(self.found[self.checked].sum()) / whole if whole else None


@dataclass(frozen=True)
class Overlap:
    """What a pool shares with all sets of target texts.

    Args:
        targets: name of the set → what it shares.
        sizes: i64[n], bytes of each document of the pool.
    """

    targets: Mapping[str, Target]
    sizes: np.ndarray

    @property
    def documents(self) -> np.ndarray:
        """bool[n]: documents of the pool that share text with any set."""
        found = np.zeros(len(self.sizes), np.bool_)
        for target in self.targets.values():
            found |= target.documents
        return found

    def counts(self) -> list[dict[str, str | int | float | None]]:
        """One row a set, in the order given.

        Returns:
            set; texts, checked; documents, bytes: of the pool, that share text with it; runs, alike: documents by either way;
            texts_found: texts of which a run stands in the pool; words, words_found: of checked texts; found_share: the share.
        """
        return [{"set": name, **self._counts(target)} for name, target in self.targets.items()]

    def _counts(self, target: Target) -> dict[str, str | int | float | None]:
        return {
            "texts": len(target.words),
            "checked": int(target.checked.sum()),
            "documents": int(target.documents.sum()),
            "bytes": int(self.sizes[target.documents].sum()),
            "runs": int(target.runs.sum()),
            "alike": int(target.alike.sum()),
            "texts_found": int((target.found > 0).sum()),
            "words": int(target.words[target.checked].sum()),
            "words_found": int(target.found[target.checked].sum()),
            "found_share": target.found_share,
        }


class _Sought(NamedTuple):
    """Target texts, laid out for both searches."""

    runs: Index
    shingles: Known


def shared(
    texts: pa.ChunkedArray | pa.Array,
    targets: Mapping[str, pa.ChunkedArray | pa.Array],
    *,
    words: int = WORDS,
    likeness: float = LIKENESS,
    workers: int | None = None,
) -> Overlap:
    """Which documents share text with target texts, set by set, and how much of the targets they hold.

    Args:
        texts: the pool, n documents without nulls, any Arrow type of text.
        targets: name of a set → its texts, t of them: items of an evaluation set, documents to be held out.
        words: of a run, at least 1.
        likeness: Jaccard similarity of word 5-grams, above 0.
        workers: threads; None: one a processor. The result does not depend on them.
    """
    from tamis.kernels.shingles import Rule

    pool, rule = in_one_piece(texts), Rule(unit="auto")
    normal = {name: _normal(in_one_piece(some)) for name, some in targets.items()}
    sets = {name: _sought(some, words, rule) for name, some in normal.items()}
    # Most documents share nothing with any set: they are looked at once, however many sets there are.
    first = _sought(pa.concat_arrays(list(normal.values())), words, rule) if len(sets) > 1 else None
    parts = list(by_parts(lambda some: _search(_normal(some), first, sets, rule, likeness), pool, workers))
    return Overlap({name: _target(one, [part[name] for part in parts]) for name, one in sets.items()}, np.diff(utf8(pool)[1]))


def assert_clean(
    texts: pa.ChunkedArray | pa.Array,
    targets: Mapping[str, pa.ChunkedArray | pa.Array],
    *,
    words: int = WORDS,
    likeness: float = LIKENESS,
    workers: int | None = None,
) -> None:
    """Search documents once more, after those that `shared` found were taken out.

    Raises:
        AssertionError: a document still shares text with a target; it says how many, and with which sets.
    """
    left = shared(texts, targets, words=words, likeness=likeness, workers=workers)
    if left.documents.any():
        sets = ", ".join(f'{one["documents"]:,} with "{one["set"]}"' for one in left.counts() if one["documents"])
        raise AssertionError(f"{int(left.documents.sum()):,} documents share text with what is evaluated: {sets}.")


def _sought(texts: pa.Array, words: int, rule: Rule) -> _Sought:
    from tamis.kernels import likeness, overlap_index

    view = utf8(texts)
    index = overlap_index.build(*view, ngram=words, min_words=min(SHORTEST, words), min_distinct=min(DISTINCT, words))
    return _Sought(index, likeness.known(*view, rule))


class _Part(NamedTuple):
    """What some documents share with a set: bool[k] twice, and which words of the set they hold (i64[:])."""

    runs: np.ndarray
    alike: np.ndarray
    places: np.ndarray


def _search(texts: pa.Array, first: _Sought | None, sets: Mapping[str, _Sought], rule: Rule, least: float) -> dict[str, _Part]:
    """Search some documents for the texts of every set; with `first`, those that share something with it."""
    if first is None:
        return {name: _compared(texts, one, rule, least) for name, one in sets.items()}
    any_set = _compared(texts, first, rule, least)
    hit = any_set.runs | any_set.alike
    some, parts = texts.filter(pa.array(hit)), {}
    for name, one in sets.items():
        part = _compared(some, one, rule, least)
        runs, alike = np.zeros((2, len(texts)), np.bool_)
        runs[hit], alike[hit] = part.runs, part.alike
        parts[name] = _Part(runs, alike, part.places)
    return parts


def _compared(texts: pa.Array, sought: _Sought, rule: Rule, least: float) -> _Part:
    from tamis.kernels.likeness import likest
    from tamis.kernels.overlap import overlaps_and_places

    view = utf8(texts)
    found, places = overlaps_and_places(*view, sought.runs)
    return _Part(found.shared > 0, likest(*view, sought.shingles, rule, least=least).text >= 0, places)


def _target(sought: _Sought, parts: Sequence[_Part]) -> Target:
    """What all documents share with a set, put together from parts in their order."""
    from tamis.kernels.hashing import reduce_lists
    from tamis.kernels.overlap_index import CHECKED, REPEATED
    from tamis.kernels.pairs import first_equal

    ids, borders, status = sought.runs.ids.astype(np.uint64), sought.runs.borders, sought.runs.status
    stands = np.zeros(len(ids), np.bool_)
    for part in parts:
        stands[part.places] = True
    counted = np.concatenate([[0], np.cumsum(stands)])
    found, words = counted[borders[1:]] - counted[borders[:-1]], np.diff(borders)
    # A text of the words of an earlier one is looked for under its name.
    same = first_equal(reduce_lists(ids, borders), reduce_lists(~ids, borders), words.astype(np.uint32))
    runs, alike = (np.concatenate([np.zeros(0, np.bool_), *(part[i] for part in parts)]) for i in (0, 1))
    return Target(runs, alike, words, found[same], np.isin(status, (CHECKED, REPEATED)))


def _normal(texts: pa.Array) -> pa.Array:
    """In NFC: one word, however its letters are written."""
    import polars as pl

    return pl.Series(texts, dtype=pl.String).str.normalize("NFC").to_arrow().cast(pa.large_string())
