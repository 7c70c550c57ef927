"""Importance: how much likelier each document is in a corpus that one would like to have than in the one that there is."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.documents import as_binary, as_text, ratio, utf8
from tamis.errors import DataError, StageError, suggest
from tamis.stage import Filter, Scan

PLACES = 10_000


@dataclass(frozen=True)
class Importance(Filter):
    """Measure how much likelier each document is in a wanted corpus than in this one, by its words and pairs of words.

    `rebalance: {importance: importance.log_ratio, budget: …}` then draws documents so that those which are kept read like
    the wanted corpus (importance resampling).

    Args:
        like: the wanted corpus: Parquet files with a column of texts, or .txt files, each one text.
        text: what that column is called.

    Signals:
        log_ratio: f64, the sum of ln(p wanted / p here) over all words and pairs; 0 for a text without words.
        mean_log_ratio: f64, the same for each of them, which a long document can be compared by; null for a text without words.

    Source:
        DSIR (Xie et al. 2023, arXiv:2302.03169): unigrams and bigrams of words and punctuation in lower case, hashed to 10,000 places,
        probabilities of a bag of them. There 1e-8 is added to each probability, here 1 to each count; the hash is another.
    """

    like: tuple[Path, ...]
    text: str = "text"
    min_mean_log_ratio: float | None = None

    measured_by: ClassVar = ("like", "text")
    reasons: ClassVar[Mapping[str, str]] = {"min_mean_log_ratio": "unlike the wanted corpus"}

    def check(self) -> None:
        """Refuse a wanted corpus of no files, or of files that cannot be read."""
        super().check()
        if not self.like:
            raise StageError(f'{self.name()}: "like" names no file.')
        for path in self.like:
            if path.suffix not in (".parquet", ".txt"):
                raise StageError(f'{self.name()}: "like" takes files that end in .parquet or .txt, not "{path}".')

    def fit(self, scan: Scan) -> bytes:
        """ln(p wanted / p here) of every place, f64[10000], as a NumPy file."""
        wanted = sum((_counted(docs) for docs in _wanted(self.like, self.text)), np.zeros(PLACES, np.int64))
        here = sum(scan.map(partial(_counted_in, "text")), np.zeros(PLACES, np.int64))
        shares = [(counts + 1) / (counts.sum() + PLACES) for counts in (wanted, here)]
        file = io.BytesIO()
        np.save(file, np.log(shares[0] / shares[1]), allow_pickle=False)
        return file.getvalue()

    def measure(self, docs: pa.Table, fitted: bytes = b"") -> pl.DataFrame:
        """Sum, and mean."""
        from tamis.kernels.ngrams import ngram_sums

        sums, counts = ngram_sums(*utf8(docs.column("text")), np.load(io.BytesIO(fitted), allow_pickle=False))
        return pl.DataFrame({"log_ratio": sums, "mean_log_ratio": ratio(sums, counts)})


def _counted_in(column: str, docs: pa.Table) -> np.ndarray:
    return _counted(docs.column(column))


def _counted(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    from tamis.kernels.ngrams import ngram_counts

    return ngram_counts(*utf8(texts), PLACES)


def _wanted(paths: tuple[Path, ...], column: str) -> Iterator[pa.Array]:
    """The texts of the wanted corpus, some at a time; rows that are no text are left out."""
    for path in paths:
        try:
            if path.suffix == ".txt":
                yield pa.array([path.read_text("utf-8")], pa.large_string())
                continue
            with pq.ParquetFile(path) as file:
                names = file.schema_arrow.names
                if column not in names:
                    raise DataError(f'importance: "{path}" lacks the column "{column}". {suggest(column, names, what="columns:")}')
                for batch in file.iter_batches(columns=[column]):
                    yield as_text(as_binary(batch.column(0), name=column, place=str(path)).drop_null())
        except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
            raise DataError(f"importance: {path} cannot be read: {str(error).splitlines()[0]}.\nFix: write the file again.") from error
