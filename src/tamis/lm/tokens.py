"""Tokenised documents: one array of token ids, and where each document begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tamis import files
from tamis.errors import DataError

_TOKENIZER = b"tokenizer"


@dataclass(frozen=True)
class Tokens:
    """Documents as token ids, in order.

    Args:
        ids: u16[t], all tokens; may be mapped from a file, read-only.
        starts: i64[n + 1], ascending from 0 to t: document i is `ids[starts[i]:starts[i + 1]]`, perhaps empty.
    """

    ids: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        """How many documents."""
        return len(self.starts) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        """u16[:], the tokens of a document."""
        return self.ids[self.starts[i] : self.starts[i + 1]]

    @property
    def total(self) -> int:
        """How many tokens."""
        return len(self.ids)

    @property
    def lengths(self) -> np.ndarray:
        """i64[n], tokens of each document."""
        return np.diff(self.starts)

    def take(self, rows: np.ndarray) -> Tokens:
        """Some documents, in the order of their rows; a row that is named twice is there twice.

        Args:
            rows: integers[m], each in [0, n).
        """
        taken = _as_list(self).take(pa.array(np.asarray(rows, np.int64)))
        return _as_tokens(taken)

    def head(self, count: int) -> Tokens:
        """The first so many tokens, the last document cut; all documents if there are not more.

        Args:
            count: at least 0.
        """
        if count >= self.total:
            return self
        documents = int(np.searchsorted(self.starts[:-1], count, "left"))
        return Tokens(self.ids[:count], np.append(self.starts[:documents], count))

    @staticmethod
    def of(documents: Sequence[Sequence[int]]) -> Tokens:
        """Documents given as lists of ids."""
        starts = np.concatenate([[0], np.cumsum([len(one) for one in documents])]).astype(np.int64)
        return Tokens(np.array([one for document in documents for one in document], np.uint16), starts)

    @staticmethod
    def concat(parts: Sequence[Tokens]) -> Tokens:
        """Documents of several, one after the other."""
        ids = np.concatenate([np.zeros(0, np.uint16), *(part.ids for part in parts)])
        shifts = np.cumsum([0, *(part.total for part in parts)])
        starts = [part.starts[:-1] + shift for part, shift in zip(parts, shifts[:-1], strict=True)]
        return Tokens(ids, np.concatenate([*starts, shifts[-1:]]).astype(np.int64))

    def save(self, url: str, tokenizer: str) -> None:
        """Write an Arrow IPC file with one column, `ids`, a list for every document; whole or not at all.

        Args:
            url: path or URL.
            tokenizer: SHA-256 of the tokenizer that made the ids, kept in the file.
        """
        table = pa.table({"ids": _as_list(self)}).replace_schema_metadata({_TOKENIZER: tokenizer})
        with files.writing(url) as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)

    @staticmethod
    def load(url: str, tokenizer: str) -> Tokens:
        """Read what `save` wrote; a local file is mapped into memory and not copied.

        Raises:
            DataError: the file holds no tokens, or those of another tokenizer.
        """
        try:
            source = pa.memory_map(url) if files.is_local(url) else files.open_read(url)
            table = pa.ipc.open_file(source).read_all()
            found = _as_tokens(table.column("ids"))
        except (pa.ArrowInvalid, KeyError, TypeError) as error:
            raise DataError(f"{url} holds no tokens.\nFix: delete it, and repeat the same command.") from error
        made_by = (table.schema.metadata or {}).get(_TOKENIZER, b"").decode()
        if made_by != tokenizer:
            raise DataError(
                f'{url} was made by the tokenizer "{made_by[:16]}", not by "{tokenizer[:16]}".\nFix: delete it, and repeat the same command.'
            )
        return found


def _as_list(tokens: Tokens) -> pa.Array:
    """large_list<u16>[n] over the same arrays."""
    return pa.LargeListArray.from_arrays(pa.array(tokens.starts, pa.int64()), pa.array(tokens.ids, pa.uint16()))


def _as_tokens(column: pa.Array | pa.ChunkedArray) -> Tokens:
    """The way back, without a copy where the column is in one piece."""
    if isinstance(column, pa.ChunkedArray):
        column = (
            column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], pa.large_list(pa.uint16()))])
        )
    if column.type != pa.large_list(pa.uint16()):
        raise TypeError(column.type)
    starts = column.offsets.to_numpy()
    return Tokens(column.values.to_numpy()[starts[0] : starts[-1]], starts - starts[0])
