"""A tokenizer and an n-gram model in one file: what scores documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tamis import files
from tamis.errors import DataError
from tamis.lm.ngram import NGram
from tamis.lm.tokenizer import Tokenizer

KIND = "tamis n-gram model"
FORMAT = 1
"""Raised when older versions of tamis could not read a file."""

_SCHEMA = pa.schema([("key", pa.uint64()), ("times", pa.uint32())])


@dataclass(frozen=True)
class Model:
    """What `tamis train lm` makes.

    Args:
        tokenizer: from text to token ids.
        ngram: over these ids.
        facts: what is known of how it was made; JSON.
    """

    tokenizer: Tokenizer
    ngram: NGram
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it was called when it was made."""
        return str(self.facts.get("name", "model"))

    def bits_per_byte(self, texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Bits that each text takes, divided by its bytes in UTF-8.

        Args:
            texts: large_string[n], no nulls.

        Returns:
            f64[n], finite, more than 0; NaN for an empty text, which has no bytes.
        """
        bits = self.ngram.bits(self.tokenizer.encode(texts))
        sizes = pc.binary_length(texts).to_numpy(zero_copy_only=False)
        found: np.ndarray = np.divide(bits, sizes, out=np.full(len(bits), np.nan), where=sizes > 0)
        return found

    def save(self, url: str) -> None:
        """Write a Parquet file, whole or not at all: n-grams and counts, and in its metadata the tokenizer and all settings."""
        keys, times = self.ngram.grams()
        about = {
            "kind": KIND,
            "format": FORMAT,
            "vocabulary": self.ngram.vocabulary,
            "order": self.ngram.order,
            "discounts": list(self.ngram.discounts),
            "tokens": self.ngram.tokens,
            "tokenizer": self.tokenizer.sha256,
            "facts": dict(self.facts),
        }
        table = pa.table([pa.array(keys), pa.array(times)], schema=_SCHEMA).replace_schema_metadata(
            {"model": json.dumps(about, ensure_ascii=False), "tokenizer": self.tokenizer.to_bytes()}
        )
        with files.writing(url) as file:
            # Keys ascend, so that differences are short: 4.5 bytes an n-gram rather than 8.
            encodings = {"key": "DELTA_BINARY_PACKED", "times": "PLAIN"}
            pq.write_table(table, file, compression="zstd", use_dictionary=False, column_encoding=encodings, write_statistics=False)

    @staticmethod
    def load(url: str) -> Model:
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing, damaged, something else, or of a later version of tamis.
        """
        said = header(url)
        try:
            with files.open_read(url) as file:
                table = pq.ParquetFile(file).read(use_threads=False)
            tokenizer = Tokenizer((table.schema.metadata or {})[b"tokenizer"])
            arrays = table.column("key").to_numpy(), table.column("times").to_numpy()
            ngram = NGram.restored(said["vocabulary"], said["order"], said["discounts"], *arrays)
            whole = tokenizer.sha256 == said["tokenizer"] and tokenizer.vocabulary == ngram.vocabulary and ngram.tokens == said["tokens"]
        except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError, DataError) as error:
            raise _damaged(url) from error
        if not whole:
            raise _damaged(url)
        return Model(tokenizer, ngram, said["facts"])


def header(url: str) -> dict[str, Any]:
    """What a model file says of itself, without its counts: "vocabulary", "order", "tokens", "facts" and more.

    Raises:
        DataError: the file is missing, something else, or of a later version of tamis.
    """
    try:
        with files.open_read(url) as file:
            schema = pq.read_schema(file)
        found = json.loads((schema.metadata or {}).get(b"model", b"null"))
    except FileNotFoundError as error:
        raise DataError(f'the model "{url}" does not exist.\nFix: make one with `tamis train lm`.') from error
    except (OSError, pa.ArrowInvalid, ValueError) as error:
        raise _foreign(url) from error
    if not isinstance(found, dict) or found.get("kind") != KIND or not schema.equals(_SCHEMA):
        raise _foreign(url)
    if found.get("format") != FORMAT:
        raise DataError(f"{url} has the format {found.get('format')}, and this version of tamis reads {FORMAT}.\nFix: update tamis.")
    return found


def _foreign(url: str) -> DataError:
    return DataError(f"{url} is not a model of `tamis train lm`.\nFix: give the path of one.")


def _damaged(url: str) -> DataError:
    return DataError(f"{url} is damaged.\nFix: train the model again, or copy it again.")
