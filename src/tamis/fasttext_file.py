"""Reading a supervised fastText model (.bin or .ftz) with numpy alone, every number checked against the file's size.

The format (version 11 and 12 of fastText 0.1 to 0.9): settings, the dictionary (words by falling frequency, then labels), for a
pruned model which buckets of n-grams were kept, the input matrix (a row for every word, then one for every bucket) and the
output matrix (a row for every label). A matrix is dense, or quantised: a row is then its norm times a chain of pieces from a
codebook, and is unfolded when it is read.
"""

from __future__ import annotations

import itertools
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from tamis.errors import DataError, suggest

Loss = Literal["hs", "ns", "softmax", "ova"]
LABEL = b"__label__"
"""What a label begins with; a model does not store another prefix it may have been trained with."""
_MAGIC, _OLD, _NEW = 793712314, 11, 12
_LOSSES: tuple[Loss, ...] = ("hs", "ns", "softmax", "ova")
_SUPERVISED = 3
_VECTORS = (1, 2, _SUPERVISED)
_CODES = 256
_MOST_BUCKETS = 1 << 27
"""Of a pruned model, which has 4 bytes here for each; fastText's default is 2,000,000."""
_CHUNK = 1 << 24
"""Numbers of a matrix that are unfolded at once."""


class Matrix(Protocol):
    """Rows that are read a few at a time."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    def rows(self, start: int, stop: int) -> np.ndarray:
        """f32[stop - start, columns]."""
        ...


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds.

    Args:
        dim: numbers in the vector of a word.
        ngrams: the longest run of words that is a feature.
        buckets: into which n-grams of words and characters are hashed.
        minn, maxn: characters of the n-grams inside words; maxn 0: none.
        loss: how outputs become probabilities: "hs" (a tree), "ns" and "ova" (each label by itself) or "softmax".
        quantised: whether the input matrix is.
        words: bytes of all words, then of all labels, without separators; one after the other.
        borders: i64[entries + 1], into `words`.
        n_words: how many of the entries are words.
        counts: i64[labels], how often each was met in training.
        kept: of a pruned model i32[buckets], the bucket's place among those kept, −1 if it was not; else i32[0].
        input: the matrix of features.
        output: f32[labels, dim].
    """

    dim: int
    ngrams: int
    buckets: int
    minn: int
    maxn: int
    loss: Loss
    quantised: bool
    words: np.ndarray
    borders: np.ndarray
    n_words: int
    counts: np.ndarray
    kept: np.ndarray
    input: Matrix
    output: np.ndarray

    @property
    def labels(self) -> tuple[str, ...]:
        """Without `__label__`, the most frequent first."""
        blob = self.words.tobytes()
        ends = self.borders[self.n_words :].tolist()
        return tuple(blob[a:b].removeprefix(LABEL).decode(errors="replace") for a, b in itertools.pairwise(ends))

    def chunks(self) -> Iterator[tuple[int, np.ndarray]]:
        """The input matrix in pieces: (first row, f32[rows, dim])."""
        step = max(1, _CHUNK // max(1, self.dim))
        for start in range(0, self.input.shape[0], step):
            yield start, self.input.rows(start, min(start + step, self.input.shape[0]))


def read(path: Path) -> ModelFile:
    """Read a model.

    Raises:
        DataError: there is no such file, or it is no supervised fastText model, or it is damaged.
    """
    return _reader(path).model(_SUPERVISED)


def read_vectors(path: Path) -> ModelFile:
    """Read a model of word vectors (cbow or skipgram), which has no labels, or of a classifier, for its words alone.

    Raises:
        DataError: as for `read`.
    """
    return _reader(path).model(*_VECTORS)


def _reader(path: Path) -> _Reader:
    if not path.is_file():
        near = [one.name for one in path.parent.glob("*") if one.suffix in (".bin", ".ftz")] if path.parent.is_dir() else []
        said = f" {suggest(path.name, near, what='models:')}" if near else "\nFix: name a file that `tamis train` or fastText wrote."
        raise DataError(f'the model "{path}" does not exist.{said}')
    with path.open("rb") as file:
        try:
            content: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file cannot be mapped
            content = b""
    return _Reader(path, content)


class _Reader:
    """A place in a file, which no read may pass."""

    def __init__(self, path: Path, content: Any) -> None:
        self.path, self.content, self.at = path, content, 0

    def model(self, *kinds: int) -> ModelFile:
        if len(self.content) < 8 or self.take("i") != _MAGIC:
            raise DataError(f'"{self.path}" is not a fastText model: it does not begin as one.\nFix: give the path of a .bin or .ftz file.')
        version = self.take("i")
        if version not in (_OLD, _NEW):
            raise DataError(f'"{self.path}" is a fastText model of version {version}; versions {_OLD} and {_NEW} are understood.')
        dim, _, _, _, _, ngrams, loss, kind, buckets, minn, maxn, _, _ = self.takes("12id")
        if kind not in kinds:
            raise DataError(
                f'"{self.path}" is a fastText model of word vectors, not a classifier.\nFix: train one with labels: `fasttext supervised`.'
            )
        if not (dim > 0 and 0 < loss <= len(_LOSSES) and buckets >= 0 and maxn >= 0 and (buckets or (ngrams < 2 and not maxn))):
            self.damaged("its settings are impossible")
        if version == _OLD:  # trained n-grams of characters but never used them
            maxn = 0
        words, borders, n_words, counts, kept = self.dictionary(buckets, labelled=kind == _SUPERVISED)
        quantised = bool(self.take("?"))
        n_rows = n_words + (int(kept.max(initial=-1)) + 1 if len(kept) else buckets)
        entered = self.matrix(dim, quantised=quantised)
        output = self.matrix(dim, quantised=bool(self.take("?")) and quantised)
        if entered.shape[0] < n_rows or output.shape[0] < len(counts):
            self.damaged(
                f"its matrices have {entered.shape[0]:,} and {output.shape[0]:,} rows for {n_rows:,} features and {len(counts):,} labels"
            )
        rows = np.ascontiguousarray(output.rows(0, len(counts)))
        return ModelFile(
            dim,
            max(1, ngrams),
            buckets,
            max(0, minn),
            maxn,
            _LOSSES[loss - 1],
            quantised,
            words,
            borders,
            n_words,
            counts,
            kept,
            entered,
            rows,
        )

    def dictionary(self, buckets: int, *, labelled: bool) -> tuple[np.ndarray, np.ndarray, int, np.ndarray, np.ndarray]:
        size, n_words, n_labels, _, pruned = self.takes("3i2q")
        if min(n_words, n_labels) < 0 or size != n_words + n_labels or pruned < -1 or size * 10 > len(self.content):
            self.damaged("its dictionary is impossible")
        if labelled and not n_labels:
            raise DataError(f'"{self.path}" is a classifier without labels.\nFix: train it on lines that begin with "__label__".')
        entries, counts = [], np.zeros(n_labels, np.int64)
        for i in range(size):
            end = self.content.find(b"\0", self.at)
            if end < 0:
                self.damaged("its dictionary does not end")
            entries.append(self.content[self.at : end])
            self.at = end + 1
            count, kind = self.takes("qb")
            if kind != (i >= n_words) or not entries[-1]:
                self.damaged("its dictionary is not in order")
            if i >= n_words:
                counts[i - n_words] = count
        borders = np.concatenate([[0], np.cumsum([len(one) for one in entries])]).astype(np.int64)
        return np.frombuffer(b"".join(entries), np.uint8), borders, n_words, counts, self.pruning(pruned, buckets)

    def pruning(self, pruned: int, buckets: int) -> np.ndarray:
        if pruned < 0:
            return np.zeros(0, np.int32)
        pairs = self.array(np.int32, pruned * 2).reshape(-1, 2)
        if buckets > _MOST_BUCKETS or (pruned and (pairs.min() < 0 or pairs[:, 0].max() >= buckets)):
            self.damaged("its list of kept n-grams is impossible")
        kept = np.full(max(buckets, 1), -1, np.int32)
        kept[pairs[:, 0]] = pairs[:, 1]
        return kept

    def matrix(self, dim: int, *, quantised: bool) -> Matrix:
        found = self.quantised_matrix() if quantised else self.dense_matrix()
        if found.shape[1] != dim:
            self.damaged(f"a matrix is {found.shape[1]} numbers wide and its vectors {dim}")
        return found

    def dense_matrix(self) -> Matrix:
        rows, columns = self.takes("2q")
        if rows < 0 or columns < 0:
            self.damaged("a matrix has an impossible size")
        return _Dense(self.array(np.float32, rows * columns).reshape(rows, columns))

    def quantised_matrix(self) -> Matrix:
        (normed, rows, columns, size) = self.takes("?2qi")
        codes = self.array(np.uint8, size)
        books, width = self.codebooks(columns)
        if rows < 0 or size != rows * len(books):
            self.damaged("a quantised matrix has an impossible size")
        norms = np.ones(rows, np.float32)
        if normed:
            steps = self.array(np.uint8, rows)
            (book,), _ = self.codebooks(1)
            norms = book[steps, 0]
        return _Quantised((rows, width), codes.reshape(rows, len(books)), books, norms)

    def codebooks(self, columns: int) -> tuple[list[np.ndarray], int]:
        """One f32[256, width] for each piece of a row; the last may be narrower."""
        dim, pieces, width, last = self.takes("4i")
        if dim != columns or pieces < 1 or width < 1 or not 0 < last <= width or (pieces - 1) * width + last != dim:
            self.damaged("a codebook has an impossible size")
        numbers = self.array(np.float32, dim * _CODES)
        borders = [min(i * width, dim) * _CODES for i in range(pieces + 1)]
        return [numbers[a:b].reshape(_CODES, -1) for a, b in itertools.pairwise(borders)], dim

    def take(self, kind: str) -> Any:
        return self.takes(kind)[0]

    def takes(self, kinds: str) -> tuple[Any, ...]:
        form = struct.Struct("<" + kinds)
        self.need(form.size)
        values = form.unpack_from(self.content, self.at)
        self.at += form.size
        return values

    def array(self, dtype: Any, count: int) -> np.ndarray:
        """A view of the file, which need not be aligned."""
        size = np.dtype(dtype).itemsize * count
        self.need(size)
        values = np.frombuffer(self.content, np.dtype(dtype).newbyteorder("<"), count, self.at)
        self.at += size
        return values

    def need(self, size: int) -> None:
        left = len(self.content) - self.at
        if size < 0 or size > left:
            self.damaged(f"it ends after {len(self.content):,} bytes, and {size - left:,} more should follow")

    def damaged(self, why: str) -> None:
        raise DataError(f'the model "{self.path}" is damaged: {why}.\nFix: fetch or train it again.')


@dataclass(frozen=True)
class _Dense:
    values: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape[0], self.values.shape[1]

    def rows(self, start: int, stop: int) -> np.ndarray:
        return np.require(self.values[start:stop], np.float32, ["C", "A"])


@dataclass(frozen=True)
class _Quantised:
    shape: tuple[int, int]
    codes: np.ndarray
    books: list[np.ndarray]
    norms: np.ndarray

    def rows(self, start: int, stop: int) -> np.ndarray:
        pieces = [book[self.codes[start:stop, i]] for i, book in enumerate(self.books)]
        with np.errstate(invalid="ignore", over="ignore"):  # who reads them looks whether they are finite
            unfolded: np.ndarray = np.concatenate(pieces, axis=1) * self.norms[start:stop, None]
        return np.require(unfolded, np.float32, ["C", "A"])
