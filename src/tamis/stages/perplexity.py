"""How surprising a text is to a model of reference text."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.errors import DataError, StageError
from tamis.lm.model import Model, header
from tamis.stage import Filter


@dataclass(frozen=True)
class Perplexity(Filter):
    """Keep documents that are as predictable as they should be to an n-gram model of reference text.

    `tamis train lm` makes models, and says what they make of reference documents that they did not see. What is unlike the
    reference (another language, broken characters, tables, keywords) takes many bits a byte; what repeats itself takes few.
    Without a limit nothing is dropped, and `head_middle_tail` may cut the corpus into thirds as CCNet does.

    Signals:
        bits_per_byte: f64, above 0, -log2 of the model's probability of the text, divided by its bytes in UTF-8; null for an empty
            text, and where there is no model for the document's language. Perplexity a byte is 2 to this power, and a model's
            perplexity a word, at w bytes a word, 2 to w times this. A model of 30 MB gives about 1.7 to prose like its own, 2 to 3
            to other text of its language, 4 and more to other languages and noise.
        model: string, the model that was asked: its key in `model`, or its own name; null if none was.

    Args:
        model: the path of a model, or of one for each language: {en: en.ngram, fr: fr.ngram}.
        column: where there are several, the column that says which; null: the language that the stage `language` finds with its
            defaults, whether the recipe has it or not. A document of another language has no number. (A stage measures before anything is
            decided, so it cannot go by another stage's signal; what both find is the same.)

    Differences to CCNet, whose number this is: bits for each byte of the text, not perplexity for each token of a vocabulary, so
    that languages and vocabularies compare; bytes as they are, where CCNet lower-cases, maps digits to 0 and drops accents; 4 tokens of
    a byte-level vocabulary and Kneser-Ney with fixed discounts, where CCNet has 5-gram models by KenLM over SentencePiece.

    34 MB of text a second and core, about half the speed of `str.split`; the package `tokenizers` alone makes 3. A model of 30 MB of
    text is a file of 20 MB, takes 300 MB of memory once a process, and 1.5 s to load.

    Source:
        CCNet (Wenzek et al. 2020, arXiv:1911.00359, section 3.4).
    """

    model: Path | Mapping[str, Path]
    column: str | None = "lang"
    min_bits_per_byte: float | None = None
    max_bits_per_byte: float | None = None

    measured_by: ClassVar[tuple[str, ...] | None] = ("model", "column")
    version: ClassVar[int] = 2  # since `language` looks at a part of long texts
    packages: ClassVar[tuple[str, ...]] = ("py3langid",)
    reasons: ClassVar[dict[str, str]] = {
        "min_bits_per_byte": "too predictable",
        "max_bits_per_byte": "unlike the reference text",
    }

    def check(self) -> None:
        """Refuse files that are no models."""
        super().check()
        if not self._paths():
            raise StageError(f'{self.name()}: "model" names no model.\nFix: give a path, or one for each language: {{en: en.ngram}}.')
        for path in self._paths().values():
            try:
                header(str(path))
            except DataError as error:
                raise StageError(f"{self.name()}: {error}") from error

    def columns_read(self) -> tuple[str, ...]:
        """The text, and the column that says which model to ask."""
        return ("text", self.column) if isinstance(self.model, Mapping) and self.column else ("text",)

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Tokenise each text and look its n-grams up, in the model of its language."""
        from tamis.kernels import bpe, ngram  # noqa: F401  compiled here even if there is nothing to measure

        texts = docs.column("text")
        bits, asked = np.full(docs.num_rows, np.nan), np.full(docs.num_rows, None, object)
        for name, rows in self._rows(docs):
            if len(rows):
                model = loaded(str(self._paths()[name]))
                bits[rows] = model.bits_per_byte(texts if len(rows) == docs.num_rows else texts.take(pa.array(rows)))
                asked[rows] = name or model.name
        return pl.DataFrame(
            {"bits_per_byte": pl.Series(bits, dtype=pl.Float64).fill_nan(None), "model": pl.Series(asked.tolist(), dtype=pl.String)}
        )

    def _paths(self) -> Mapping[str, Path]:
        return self.model if isinstance(self.model, Mapping) else {"": self.model}

    def _rows(self, docs: pa.Table) -> Iterator[tuple[str, np.ndarray]]:
        """The rows of the documents of each model."""
        if not isinstance(self.model, Mapping):
            yield "", np.arange(docs.num_rows)
            return
        said = docs.column(self.column).cast(pa.large_string()).to_pylist() if self.column else _languages(docs)
        values = np.array(said, object)
        for name in self.model:
            yield name, np.flatnonzero(values == name)


def _languages(docs: pa.Table) -> list[str | None]:
    from tamis.stages.language import Language

    return Language().measure(docs)["language"].to_list()


_LOADING = threading.Lock()


def loaded(path: str) -> Model:
    """The model in a file, read once a process, and again when the file has changed.

    Raises:
        DataError: it is not a model.
    """
    with _LOADING:  # or two workers would read it at once
        stamp = os.stat(path).st_mtime_ns if os.path.exists(path) else 0
        return _loaded(path, stamp)


@lru_cache(maxsize=64)
def _loaded(path: str, stamp: int) -> Model:
    del stamp
    return Model.load(path)
