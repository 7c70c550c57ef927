"""Topics: what each document is about, from a column, a classifier, or found in the corpus itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tamis import model_card
from tamis.classifier import Classifier, load
from tamis.documents import one_piece
from tamis.errors import DataError, StageError
from tamis.files import plain, read_bytes
from tamis.stage import Filter, Scan


@dataclass(frozen=True)
class Topics(Filter):
    """Give each document a topic, from a column, by a classifier, or as found in the corpus without labels.

    Without `column`, `classifier` or `fitted`, topics are found: in a sample of the corpus, words are weighed by TF-IDF,
    reduced to 64 dimensions by latent semantic analysis, and clustered by k-means, all by scikit-learn
    (`pip install "tamis[topics]"`); every document then has the topic whose centre it is most like. A word is a run of three letters or
    more, in scripts without spaces two neighbouring letters. `tamis topics OUT` shows each with its words and its most
    central documents. What was found is kept in `fitted/` of the run folder: name that file as `fitted`, and next month's
    shards get the same topics.

    Args:
        column: a column that holds the topic.
        classifier: the path of a fastText classifier, as `tamis train topics` makes from a labelled column.
        fitted: the path of topics that another run found.
        embeddings: instead of TF-IDF, vectors of words by path: fastText's (.vec, .bin), or a static embedding (.safetensors, .npy) with its
            tokenizer.json beside it. A document is the mean of its words' vectors, made of length 1 and weighed as by TF-IDF, less what all
            documents share. What is found holds the vectors that it needs; the file is asked for once.
        topics: how many to find, 2 or more; null: of 4, 6, 8, 12, 16, 24, 32, 48, 64, 96 and 128 the smallest number whose mean
            silhouette is at least 0.9 of the best.
        sample: documents in which topics are looked for: those with the smallest hashes of their text, equal texts once.
        seed: of the clustering; null: the recipe's, and 0 in memory.

    Signals:
        topic: string; null where the column is null, for a blank text, and for one without any known word. Found topics are called by
            their three most telling words, "court law judge".
        confidence: f64 in [0, 1]: 1 for a column; a classifier's probability, and if `tamis train topics` made it, the share of held-out
            documents of such a probability that it told right; of a found topic the cosine similarity to its centre. Null where there is
            no topic.

    Ledger:
        topic.

    Source:
        TruncatedSVD of TF-IDF with 1 + ln(count) is latent semantic analysis (Deerwester et al. 1990). On 18,468 texts of 19 known
        domains the topics found have an adjusted mutual information of .66 to .68 with them, where plain TF-IDF and k-means have .56 to
        .58; on 1,974 web pages of 15 topics .34 to .35 against .29 to .32 (docs/topics.md).
    """

    column: str | None = None
    classifier: Path | None = None
    fitted: Path | None = None
    embeddings: Path | None = None
    topics: int | None = None
    sample: int = 30_000
    min_confidence: float | None = None
    seed: int | None = None

    measured_by: ClassVar = ("column", "classifier", "fitted", "embeddings", "topics", "sample", "seed")
    version: ClassVar = 2
    reasons: ClassVar[Mapping[str, str]] = {"min_confidence": "no clear topic"}

    def check(self) -> None:
        """Refuse two sources of topics, and numbers that cannot be meant."""
        super().check()
        given = [name for name in ("column", "classifier", "fitted") if getattr(self, name) is not None]
        if len(given) > 1:
            raise StageError(f'{self.name()}: topics come from one place, and both "{given[0]}" and "{given[1]}" are given.')
        if self.topics is not None and given:
            raise StageError(f'{self.name()}: "topics" says how many to find, and "{given[0]}" has them already.')
        if self.embeddings is not None and given:
            raise StageError(f'{self.name()}: "embeddings" says how to find topics, and "{given[0]}" has them already.')
        if self.topics is not None and self.topics < 2:
            raise StageError(f'{self.name()}: "topics" is at least 2, not {self.topics}.')
        if self.sample < 1:
            raise StageError(f'{self.name()}: "sample" is at least 1 document, not {self.sample}.')

    def columns_read(self) -> tuple[str, ...]:
        """The column of topics, or the text."""
        return ("text",) if self.column is None else (self.column,)

    def files_beside(self) -> tuple[Path, ...]:
        """The classifier's card, which says how its labels are spelled and what its probabilities are worth; the tokenizer of embeddings."""
        from tamis.stages import _embeddings

        card = () if self.classifier is None else (model_card.card_of(self.classifier),)
        return (*(one for one in card if one.is_file()), *(_embeddings.files_beside(self.embeddings) if self.embeddings else ()))

    def packages_used(self) -> tuple[str, ...]:
        """scikit-learn, where topics must be found; of its version they may depend."""
        return () if self.spares() else ("scikit-learn",)

    def spares(self) -> tuple[str, ...]:
        """`fit`, where topics are given."""
        return ("fit",) if any(place is not None for place in (self.column, self.classifier, self.fitted)) else ()

    def groups(self) -> tuple[str, ...]:
        """The topic."""
        return ("topic",)

    def fit(self, scan: Scan) -> bytes:
        """Find topics; see the class."""
        from tamis.stages import _topic_model

        return _topic_model.fit(
            scan, topics=self.topics, sample=self.sample, seed=self.seed or 0, needed_by=self.name(), embeddings=self.embeddings
        )

    def measure(self, docs: pa.Table, fitted: bytes = b"") -> pl.DataFrame:
        """The topic of each document, and how sure that is."""
        if self.column is not None:
            return _given(docs, self.column, self.name())
        if self.classifier is not None:
            return _classified(docs, self.classifier)
        from tamis.stages import _topic_model

        content = fitted if self.fitted is None else _content(self.fitted, _changed(self.fitted))
        try:
            return _topic_model.labels(content, docs.column("text"))
        except ValueError as error:
            place = "what it was fitted to" if self.fitted is None else f'"{self.fitted}"'
            raise DataError(f"{self.name()}: {place} holds no topics: {error}.\nFix: name a file that lies in fitted/ of a run.") from error

    def describe(self, fitted: bytes) -> list[dict[str, Any]]:
        """Each topic that was found: topic, words (most telling first), sampled (documents of the sample)."""
        from tamis.stages import _topic_model

        return list(_topic_model.described(_topic_model.load(fitted)))

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """Limits, and the topic for the ledger."""
        verdicts = super().decide(signals, relations)
        return pl.concat([verdicts, signals.select("topic")], how="horizontal")


def _changed(path: Path) -> int:
    """When a file was written.

    Raises:
        DataError: there is none.
    """
    if not path.is_file():
        raise DataError(
            f'topics: the file "{path}" does not exist.\nFix: give the path of a file that lies in fitted/ of a run, from the folder of the recipe.'
        )
    return path.stat().st_mtime_ns


@lru_cache(maxsize=2)
def _content(path: Path, _changed: int) -> bytes:
    return read_bytes(str(path))


def _given(docs: pa.Table, column: str, stage: str) -> pl.DataFrame:
    kind = docs.schema.field(column).type
    if pa.types.is_nested(kind):
        raise DataError(f'{stage}: a topic is a single value, and the column "{column}" holds {kind}.')
    topic = pl.DataFrame(pl.from_arrow(plain(docs.select([column])))).to_series().cast(pl.String)
    return pl.select(topic=topic, confidence=pl.when(topic.is_not_null()).then(pl.lit(1.0)))


def _classified(docs: pa.Table, path: Path) -> pl.DataFrame:
    model, card = _classifier(path)
    text = one_piece(docs.column("text"))
    scores = model.scores(text)
    best = scores.argmax(axis=1)  # of a text without known words all are NaN
    sure = np.clip(scores[np.arange(len(best)), best].astype(np.float64), 0, 1)
    if card.get("calibration"):
        sure = model_card.calibrated(card["calibration"], sure)
    names = [unquote(label) if card else label for label in model.labels]
    blank = pl.from_arrow(pc.or_(pc.utf8_is_space(text), pc.equal(pc.binary_length(text), 0)))
    known = pl.Series(~np.isnan(sure)) & ~pl.Series(blank)
    topic, confidence = pl.Series(names, dtype=pl.String).gather(best), pl.Series(sure, dtype=pl.Float64)
    return pl.select(topic=pl.when(known).then(topic), confidence=pl.when(known).then(confidence))


def _classifier(path: Path) -> tuple[Classifier, Mapping[str, Any]]:
    """A classifier, and its card if it is one of topics: nothing else says what its labels and probabilities mean."""
    model, beside = load(path), model_card.card_of(path)
    card = _card(path, model.sha256, beside.stat().st_mtime_ns if beside.is_file() else 0)
    return model, card if card and card.get("kind") == model_card.TOPICS else {}


@lru_cache(maxsize=16)
def _card(path: Path, _sha256: str, _changed: int) -> Mapping[str, Any] | None:
    return model_card.read(path)
