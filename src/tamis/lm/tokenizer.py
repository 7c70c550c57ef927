"""A byte-level BPE tokenizer: any text becomes token ids, and these the same text again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.errors import DataError
from tamis.lm.tokens import Tokens

_LETTERS = rb"A-Za-z\u00C0-\u1FFF\u2C00-\u2FFF\u3040-\uFEFF\uFF21-\U0001EFFF\U00020000-\U0010FFFF".decode("unicode_escape")
_SPACE = "\t-\r "
_PIECES = "|".join(
    (
        f" ?[{_LETTERS}]{{1,32}}",
        " ?[0-9]{1,32}",
        f" ?[^{_LETTERS}0-9{_SPACE}]{{1,32}}",
        f"[{_SPACE}]{{1,32}}(?= [^{_SPACE}])",
        f"[{_SPACE}]{{1,32}}",
    )
)
"""Runs of at most 32 characters of one kind, a space before them included, so that time is linear in the text, whatever it is."""


class Tokenizer:
    """Byte-level BPE without special tokens.

    Args:
        json: what `train` or `to_bytes` made.
    """

    def __init__(self, json: bytes) -> None:
        import tokenizers

        try:
            self._tokenizer = tokenizers.Tokenizer.from_buffer(json)
        except Exception as error:
            raise DataError("this is not a tokenizer.") from error
        self._json = json

    @staticmethod
    def train(texts: Iterable[str], vocabulary: int = 2048) -> Tokenizer:
        """Learn the most frequent byte sequences of some texts; the same texts in the same order give the same bytes.

        Args:
            texts: a few megabytes are enough for a small vocabulary.
            vocabulary: token ids, 256 for the bytes among them.
        """
        import tokenizers
        from tokenizers import decoders, models, pre_tokenizers, trainers

        made = tokenizers.Tokenizer(models.BPE())
        pieces = pre_tokenizers.Split(tokenizers.Regex(_PIECES), "isolated")
        made.pre_tokenizer = pre_tokenizers.Sequence([pieces, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False))
        return Tokenizer(made.to_str().encode())

    def to_bytes(self) -> bytes:
        """JSON as the package `tokenizers` writes and reads it."""
        return self._json

    @property
    def sha256(self) -> str:
        """Of `to_bytes`."""
        return hashlib.sha256(self._json).hexdigest()

    @property
    def vocabulary(self) -> int:
        """How many token ids there are."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, texts: pa.Array | pa.ChunkedArray, workers: int = 1) -> Tokens:
        """Token ids of each text.

        Args:
            texts: string or large_string[n], no nulls.
            workers: threads.
        """
        del workers
        parts: list[Any] = []
        for at in range(0, len(texts), 4096):
            parts += [np.array(one.ids, np.uint16) for one in self._tokenizer.encode_batch_fast(texts[at : at + 4096].to_pylist())]
        starts = np.cumsum([0, *map(len, parts)]).astype(np.int64)
        return Tokens(np.concatenate([np.zeros(0, np.uint16), *parts]), starts)

    def decode(self, ids: np.ndarray) -> str:
        """The text of some token ids."""
        return str(self._tokenizer.decode(ids.tolist(), skip_special_tokens=False))
