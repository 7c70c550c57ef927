"""Contamination: documents that hold what evaluation sets ask."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import utf8
from tamis.errors import DataError, StageError, suggest
from tamis.stage import Filter, no_reasons
from tamis.stages import evaluation_sets
from tamis.stages.evaluation_sets import FORMATS, Texts

_LOCK = threading.Lock()


@dataclass(frozen=True)
class Contamination(Filter):
    """Drop, or mark, documents that share long runs of words with items of evaluation sets.

    A *text* of an item is a question, a passage, an answer. An *n-gram* is `ngram` words in a row of a text; a text of fewer
    words is the only n-gram it has. Documents are searched for n-grams; what is found is compared word by word, so that no
    hash can accuse a document.

    Words are runs of letters and numbers with their marks; Han, Hiragana, Thai and other letters of scripts without spaces
    are one word each. They are compared in lower case. Punctuation, symbols and "_" only separate words; soft hyphens,
    joiners and direction marks do not count. Items are put into NFC, documents are taken as they are: have the edit
    `unicode` above. One word that differs parts a run: an item in other words, or translated, is not found.

    Signals:
        shared_ngrams: u32, words of the document at which an n-gram of any item begins.
        longest_overlap: u32, words of the longest run shared with one text that holds an n-gram of it; 0 if there is none.
        coverage: f64, the largest share of the words of one text that lie in n-grams of it which the document holds.
        item: the item of that text as "<set>:<row>", row + 1 being the line of a JSONL or text file; null if nothing is
            shared. Of several the one with the longer run, then the first by name of the set and row.
        longest_item: the item of the longest run, likewise; of several the one with more coverage, then the first.

    Args:
        against: name of a set → its file: Parquet or JSONL with an item a row, or a text file with an item a line (.parquet,
            .jsonl, .jsonl.gz, .txt).
        fields: name of a set → which fields of its items are text: {arc: [query, choices.text]}. All that hold text for
            sets that are not named, in lists and in other fields too.
        texts: "each" looks for every text of an item by itself: for a question, whichever answers follow it. "joined" makes
            one text of them, in the order of `fields`.
        ngram: words that must be shared in a row.
        min_item_words: texts of fewer words are not looked for: everybody writes them.
        min_item_distinct: nor are texts of fewer different words.
        action: "drop", or "mark" to drop nothing and only say in the ledger what would go.

    Ledger, for a document beyond a limit:
        item: the item at fault. overlap: u32, `longest_overlap`. coverage: f64.

    What others do:

    | | unit | a document goes if | nearest here |
    | --- | --- | --- | --- |
    | GPT-3 | 13 words; the 5th percentile of short sets, at least 8 | any is shared, which is cut out with what surrounds it | `max_shared_ngrams: 0` |
    | datatrove | 12 words | any is shared | `ngram: 12, max_shared_ngrams: 0` |
    | dolma | paragraphs of at least 13 words | any is shared | `min_item_words: 13, max_coverage: 0.99` |
    | marin | 13 words | more than half are shared | the default |
    | decon | 5 tokens, a few may differ; 20 tokens and 4 different words at least | score of 0.8 | `min_item_words: 15, max_coverage: 0.8` |

    Marin counts n-grams where `coverage` counts the words in them, for one edited word spoils 13 n-grams: of 200 passages put into
    web pages with every 20th word changed, none shares half of its n-grams, and 193 half of their words. Verbatim, in other case
    or punctuation, 200 of 200 go; with every tenth word changed, none does.

    On 120,787 documents (web and government pages, speeches, books, documentation; 399 MB) and the 78,507 items of eight sets, the
    default drops 7: all for an answer of just 8 words that others write too ("the level of carbon dioxide in the blood", the
    names of the planets). One more shares 23 words, both quoting a saying, and stays. With `min_item_words: 5` 112 would go.

    Source:
        13 words and 8 at least: GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C). Half: marin. 4 different words:
        decon. 50 words: Lee et al. 2022 (arXiv:2107.06499) take 50 tokens for too many to be chance.
    """

    against: Mapping[str, Path]
    max_coverage: float | None = 0.5
    max_longest_overlap: int | None = 50
    max_shared_ngrams: int | None = None
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    texts: Literal["each", "joined"] = "each"
    ngram: int = 13
    min_item_words: int = 8
    min_item_distinct: int = 4
    action: Literal["drop", "mark"] = "drop"

    measured_by: ClassVar[tuple[str, ...] | None] = ("against", "fields", "texts", "ngram", "min_item_words", "min_item_distinct")
    reasons: ClassVar[dict[str, str]] = {
        "max_coverage": "holds an evaluation item",
        "max_longest_overlap": "quotes an evaluation item at length",
        "max_shared_ngrams": "shares word sequences with evaluation items",
    }

    def check(self) -> None:
        """Refuse sets that cannot be read and numbers that cannot be counted."""
        super().check()
        name = self.name()
        if not self.against:
            raise StageError(f'{name}: "against" names no evaluation set.\nFix: give each a name and a file: {{arc: arc.jsonl}}.')
        for one, path in self.against.items():
            _check_file(name, one, path)
        for one in self.fields:
            if one not in self.against:
                raise StageError(f'{name}: "fields" names no set "{one}". {suggest(one, self.against, what="sets:")}')
        for parameter in ("ngram", "min_item_words", "min_item_distinct"):
            if getattr(self, parameter) < 1:
                raise StageError(f'{name}: "{parameter}" must be at least 1, not {getattr(self, parameter)}.')
        for parameter, allowed in (("texts", ("each", "joined")), ("action", ("drop", "mark"))):
            if (value := getattr(self, parameter)) not in allowed:
                raise StageError(f'{name}: "{parameter}" is "{allowed[0]}" or "{allowed[1]}", not "{value}".')

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Look up every run of words, and compare what is found."""
        from tamis.kernels.overlap import overlaps

        sets = self._sets()
        found = overlaps(*utf8(docs.column("text")), sets.index)
        return pl.DataFrame(
            {
                "shared_ngrams": found.shared,
                "longest_overlap": found.longest,
                "coverage": found.covered / np.maximum(found.words, 1),
                "item": _addresses(sets.texts, found.text),
                "longest_item": _addresses(sets.texts, found.longest_text),
            }
        )

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """Drop or mark what is beyond a limit, and name the item."""
        verdicts = super().decide(signals, relations) if self.action == "drop" else signals.select("copies", reasons=no_reasons())
        beyond = ~self.keeps()
        covered = (pl.col("coverage") > self.limit("max_coverage")).fill_null(value=False)
        blamed = signals.select(
            item=pl.when(beyond).then(pl.when(covered).then("item").otherwise("longest_item")),
            overlap=pl.when(beyond).then("longest_overlap"),
            coverage=pl.when(beyond).then("coverage"),
        )
        return pl.concat([verdicts, blamed], how="horizontal")

    def checked(self) -> pl.DataFrame:
        """What is looked for, and what is not.

        Returns:
            One row a set: set, items, checked (items of which any text is looked for), texts, and of these short (fewer
            words than `min_item_words`), monotonous (fewer different ones than `min_item_distinct`) and repeated (the words
            of an earlier text, under whose name they are found). u32.
        """
        from tamis.kernels.overlap_index import CHECKED, MONOTONOUS, REPEATED, SHORT

        texts, index = self._sets()
        status = pl.col("status")
        frame = pl.DataFrame({"set": pl.Series(texts.names).gather(texts.sets), "row": texts.rows, "status": index.status})
        looked_for = frame.filter(status.is_in([CHECKED, REPEATED])).group_by("set").agg(checked=pl.col("row").n_unique())
        counts = {name: (status == value).sum() for name, value in (("short", SHORT), ("monotonous", MONOTONOUS), ("repeated", REPEATED))}
        sets = frame.group_by("set").agg(items=pl.col("row").n_unique(), texts=pl.len(), **counts)
        return sets.join(looked_for, on="set").sort("set").select("set", "items", "checked", "texts", *counts)

    def _sets(self) -> _Sets:
        files = tuple((name, path, _fingerprint(path)) for name, path in sorted(self.against.items()))
        fields = tuple((name, tuple(some)) for name, some in sorted(self.fields.items()))
        with _LOCK:  # threads that begin together read the files once
            return _load(files, fields, self.texts, self.ngram, self.min_item_words, self.min_item_distinct)


class _Sets(NamedTuple):
    """The texts of all sets, and their index."""

    texts: Texts
    index: Any


@lru_cache(maxsize=4)
def _load(
    files: tuple[tuple[str, Path, tuple[int, ...]], ...],
    fields: tuple[tuple[str, tuple[str, ...]], ...],
    texts: Literal["each", "joined"],
    ngram: int,
    min_words: int,
    min_distinct: int,
) -> _Sets:
    from tamis.kernels.overlap_index import CHECKED, REPEATED, build

    against = {name: path for name, path, _ in files}
    read = evaluation_sets.read(against, dict(fields), texts)
    encoded = [text.encode("utf-8", "replace").decode() for text in read.texts]  # JSON may hold half a surrogate pair
    normal = pl.Series(encoded, dtype=pl.String).str.normalize("NFC").to_arrow().cast(pa.large_string())
    index = build(*utf8(normal), ngram=ngram, min_words=min_words, min_distinct=min_distinct)
    counted = np.bincount(read.sets[np.isin(index.status, (CHECKED, REPEATED))], minlength=len(read.names))
    for number, name in enumerate(read.names):
        if counted[number] == 0:
            raise DataError(
                f'{against[name]} has no text of {min_words} words, {min_distinct} of them different, so that nothing of "{name}" '
                f'could be found.\nFix: leave it out, lower "min_item_words", or join the texts of an item with "texts: joined".'
            )
    # Names and words are asked for from now on, never the texts themselves.
    return _Sets(read._replace(texts=[]), index)


def _check_file(name: str, one: str, path: Path) -> None:
    # Whether the file exists is asked when it is read: a finished run is explained without it.
    if not isinstance(path, Path):
        raise StageError(f'{name}: "against: {one}" wants a path, not "{path}".')
    if not evaluation_sets.known(path):
        raise StageError(f'{name}: "{path}" is in no format that can be read.\nFix: give an item a row or line in {", ".join(FORMATS)}.')


def _fingerprint(path: Path) -> tuple[int, ...]:
    """What changes when a file does."""
    try:
        stat = path.stat()
    except OSError as error:
        raise DataError(f'the file "{path}" does not exist.\nFix: give its path from the folder of the recipe.') from error
    return stat.st_mtime_ns, stat.st_size


def _addresses(texts: Texts, found: np.ndarray) -> pl.Series:
    """ "<set>:<row>" of each text; null for -1."""
    absent = found < 0
    places = np.where(absent, len(texts.names), texts.sets[found])
    names = pl.Series("set", [*texts.names, None], dtype=pl.String).gather(places)
    return pl.select(pl.concat_str(names, pl.lit(":"), pl.Series(texts.rows[found]))).to_series()
