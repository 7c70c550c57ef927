"""Classifiers by path: labels, probabilities and reasons of any supervised fastText model, without the library.

quality = load("quality.bin")
quality.scores(table["text"])[:, quality.labels.index("good")]
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tamis.documents import as_binary, utf8
from tamis.errors import DataError, suggest
from tamis.fasttext_file import ModelFile, read
from tamis.fasttext_outputs import direction, probabilities

if TYPE_CHECKING:
    from tamis.kernels.fasttext import Features

_LOADING = threading.Lock()
_NUMBERS = 1 << 22
"""Probabilities that are worked out at once."""


def load(path: str | Path) -> Classifier:
    """A classifier; read once a process, and again when the file has changed.

    Raises:
        DataError: there is no such file, or it is no supervised fastText model, or it is damaged.
    """
    place = Path(path).absolute()
    facts = place.stat() if place.is_file() else None
    with _LOADING:  # or two threads would read the same gigabyte
        return _load(place, facts.st_mtime_ns if facts else 0, facts.st_size if facts else 0)


@lru_cache(maxsize=4)
def _load(path: Path, _changed: int, _size: int) -> Classifier:
    return Classifier(path, read(path))


@dataclass(frozen=True, eq=False)
class Classifier:
    """A model, ready to score texts from any number of threads at once.

    Args:
        path: of the file.
        file: what was read from it.
    """

    path: Path
    file: ModelFile
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _made: list[_Rows] = field(default_factory=list, repr=False)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Without `__label__`, the most frequent in training first."""
        return self.file.labels

    @property
    def rows(self) -> _Rows:
        """What a text's outputs are made of: the matrices, read when the first text is scored."""
        with self._lock:
            if not self._made:
                self._made.append(_Rows.of(self.path, self.file))
        return self._made[0]

    @cached_property
    def sha256(self) -> str:
        """Of the file, 64 hexadecimal digits."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """Settings of the model, and under "training" what the file beside it, `<path>.json`, says; None if there is none."""
        file = self.file
        known = {
            "labels": len(self.labels),
            "dim": file.dim,
            "words": file.n_words,
            "buckets": file.buckets,
            "word_ngrams": file.ngrams,
            "character_ngrams": (file.minn, file.maxn) if file.maxn else None,
            "loss": file.loss,
            "quantised": file.quantised,
            "pruned": len(file.kept) > 0,
        }
        return known | {"training": _sidecar(self.path)}

    def scores(self, texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Probabilities of every label.

        They are the model's own: the library's `predict` adds 1e-5 to each (with "hs" at every branch of the tree). With "ova"
        and "ns" every label has a probability of its own, in steps of 1/32 of the logit, as in the library's table.

        Args:
            texts: string, large_string or binary[n], no nulls. Newlines are spaces; bytes need not be UTF-8.

        Returns:
            f32[n, labels], in the order of `labels`; NaN for a text without a feature that the model knows, where the library
            answers nothing: a model that saw the end of a line in training has none.

        Raises:
            DataError: some texts are null, or the model holds numbers that are not finite.
        """
        array = as_binary(texts)
        if array.null_count:
            raise DataError(f"{array.null_count:,} of the texts to be scored are null.\nFix: leave them out.")
        data, offsets = utf8(array)
        return self.scores_between(data, offsets[:-1], offsets[1:])

    def scores_between(self, data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """`scores` of stretches of a buffer.

        Args:
            data: u8[:].
            starts: i64[n], where each begins.
            ends: i64[n], where each ends.
        """
        from tamis.kernels import fasttext

        rows, found = self.rows, np.empty((len(starts), len(self.labels)), np.float32)
        step = max(1, _NUMBERS // len(self.labels))
        for i in range(0, len(starts), step):
            means, sizes = fasttext.mean_rows(data, starts[i : i + step], ends[i : i + step], rows.features, rows.table)
            outputs = means if rows.folded else fasttext.multiply(means, rows.outputs)
            found[i : i + step] = probabilities(self.file.loss, self.file.counts, outputs)
            found[i : i + step][sizes == 0] = np.nan
        return found

    def explain(self, text: str, label: str) -> list[tuple[str, float]]:
        """What in a text speaks for a label, and what against it.

        The weights of a text sum up to the logit: with two labels, "ova" and "ns" the log-odds of the label; with more labels and
        softmax the label's output less the mean of the others'; with "hs" the sum of the branches' log-odds on the way to it.

        Args:
            text: of any length; it takes about a second for a megabyte.
            label: one of `labels`.

        Returns:
            (feature, weight), the strongest for the label first: words with the n-grams of their characters, runs of words, and
            "</s>", the end; each once, for all its places together.

        Raises:
            DataError: there is no such label.
        """
        from tamis.fasttext_features import features

        if label not in self.labels:
            raise DataError(f'"{self.path}" has no label "{label}". {suggest(label, self.labels, what="labels:")}')
        rows = self.rows
        found = features(text.encode(errors="replace"), rows.features)
        towards = direction(self.file.loss, self.file.counts, self.labels.index(label))
        weigh = towards if rows.folded else towards @ rows.outputs
        total = sum(size for _, _, size in found)
        weights: dict[str, float] = {}
        for name, places, _ in found:
            weights[name] = weights.get(name, 0.0) + float(rows.table[places].sum(axis=0, dtype=np.float64) @ weigh) / total
        return sorted(weights.items(), key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True, eq=False)
class _Rows:
    """What a text's outputs are made of: the mean of its features' rows, times `outputs` unless they were multiplied before.

    Args:
        features: what finds the rows.
        table: f32[words + buckets, outputs if folded, else dim]; of a word with the n-grams of its characters.
        outputs: f32[k, dim]: with softmax one for each label, or of two labels the difference; with "hs" one for each branch.
        folded: whether `table` is the input matrix times `outputs`, which is done where that makes it narrower.
    """

    features: Features
    table: np.ndarray
    outputs: np.ndarray
    folded: bool

    @classmethod
    def of(cls, path: Path, file: ModelFile) -> _Rows:
        """Read the matrices, and multiply them where that pays."""
        from tamis.kernels import fasttext

        # Their probabilities are steps: only sums rounded as fastText rounds them always fall on the same step.
        exact = file.loss in ("ova", "ns")
        outputs = _outputs(file)
        folded = not exact and len(outputs) <= file.dim
        table = np.empty((file.input.shape[0], len(outputs) if folded else file.dim), np.float32)
        for start, rows in file.chunks():
            if not np.isfinite(rows).all():
                raise DataError(f'the model "{path}" holds numbers that are not finite: its training failed.\nFix: train it again.')
            table[start : start + len(rows)] = fasttext.fold(rows, outputs) if folded else rows
        finding = _features(file, exact=exact)
        if file.maxn and not exact:
            sums, sizes = fasttext.gather_words(finding, table)
            table[: file.n_words] = sums
            finding = replace(finding, sizes=sizes, settings=np.where(np.arange(8) == 6, 1, finding.settings))
        return cls(finding, table, outputs, folded)


def _features(file: ModelFile, *, exact: bool) -> Features:
    from tamis.kernels import fasttext, fasttext_words

    slots = fasttext_words.vocabulary(file.words, file.borders)
    end = fasttext_words.entry_of(b"</s>", slots, file.words, file.borders)
    settings = [file.n_words, file.buckets, file.ngrams, file.minn, file.maxn, end, 0, int(exact)]
    sizes = np.ones(file.n_words, np.int32)
    return fasttext.Features(slots, file.words, file.borders, np.array(settings, np.int64), file.kept, sizes)


def _outputs(file: ModelFile) -> np.ndarray:
    if file.loss == "softmax" and len(file.output) == 2:
        return np.asarray(file.output[:1] - file.output[1:])
    return file.output[:-1] if file.loss == "hs" else file.output


def _sidecar(path: Path) -> Any:
    beside = path.with_name(path.name + ".json")
    try:
        return json.loads(beside.read_text("utf-8")) if beside.is_file() else None
    except ValueError as error:
        raise DataError(f'"{beside}" is not JSON: {error}.\nFix: restore or remove it.') from error
