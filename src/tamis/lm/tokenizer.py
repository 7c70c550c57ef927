"""A byte-level BPE tokenizer: any text becomes token ids, and these become the same text again.

Merges are learned by the package `tokenizers`, whose JSON is what is kept. They are applied by a kernel of our own, which gives
the package's ids at seventeen times its speed (60 MB/s a core instead of 3.5).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from tamis import files, mappers
from tamis.documents import as_binary, utf8
from tamis.errors import DataError
from tamis.lm.tokens import Tokens

BYTES = 256
"""The least vocabulary: a token for every byte, so that nothing is unknown."""
_PART_BYTES = 4_000_000


class Tokenizer:
    """Byte-level BPE without special tokens. Make one with `train` or `load`.

    Args:
        content: JSON as `to_bytes` gives it.

    Raises:
        DataError: the content is no tokenizer, or not one of tamis.
    """

    def __init__(self, content: bytes) -> None:
        from tamis.kernels import bpe, ngram

        try:
            self._pieces, pairs = _read(json.loads(content), _pattern(bpe.LETTER_RANGES, bpe.LONGEST), ngram.MOST_TOKENS)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise DataError("this is not a tokenizer that tamis trained.") from error
        token_of = {piece: token for token, piece in enumerate(self._pieces)}
        self._merges = bpe.merges(np.array([token_of[bytes([byte])] for byte in range(BYTES)], np.uint16), pairs)
        self._content = content

    @staticmethod
    def train(texts: Iterable[str], vocabulary: int = 2048) -> Tokenizer:
        """Learn the most frequent byte sequences of some texts.

        The same texts in the same order give the same bytes, whatever the number of threads.

        Args:
            texts: three megabytes a second; ten are plenty for a vocabulary of 2048.
            vocabulary: token ids, 256 for the bytes among them; fewer come of little text.

        Raises:
            DataError: the vocabulary is too small or too large.
        """
        from tamis.kernels import bpe, ngram

        if not BYTES <= vocabulary <= ngram.MOST_TOKENS:
            raise DataError(f"a tokenizer has {BYTES} to {ngram.MOST_TOKENS:,} tokens, not {vocabulary:,}.")
        import tokenizers
        from tokenizers import decoders, models, pre_tokenizers, trainers

        made = tokenizers.Tokenizer(models.BPE())
        pieces = pre_tokenizers.Split(tokenizers.Regex(_pattern(bpe.LETTER_RANGES, bpe.LONGEST)), "isolated")
        made.pre_tokenizer = pre_tokenizers.Sequence([pieces, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=vocabulary, min_frequency=2, initial_alphabet=alphabet, show_progress=False)
        made.train_from_iterator(texts, trainer)
        return Tokenizer(made.to_str().encode())

    def to_bytes(self) -> bytes:
        """JSON that the package `tokenizers` reads as well."""
        return self._content

    @property
    def sha256(self) -> str:
        """Of `to_bytes`."""
        return hashlib.sha256(self._content).hexdigest()

    @property
    def vocabulary(self) -> int:
        """How many token ids there are."""
        return len(self._pieces)

    def save(self, url: str) -> None:
        """Write `to_bytes` to a file."""
        files.write_bytes(url, self._content)

    @staticmethod
    def load(url: str) -> Tokenizer:
        """Read what `save` wrote.

        Raises:
            DataError: the file is no tokenizer.
        """
        try:
            return Tokenizer(files.read_bytes(url))
        except OSError as error:
            raise DataError(f"{url} cannot be read: {error.strerror or error}.") from error
        except DataError as error:
            raise DataError(f"{url}: {error}") from error

    def encode(self, texts: pa.Array | pa.ChunkedArray, workers: int = 1) -> Tokens:
        """Token ids of each text, the same for any number of workers.

        Args:
            texts: string or large_string[n] without nulls, valid UTF-8.
            workers: threads.

        Raises:
            DataError: a text is null.
        """
        whole = as_binary(texts, place="the tokenizer")
        if whole.null_count:
            raise DataError("the tokenizer: a text is null.\nFix: leave it out.")
        data, offsets = utf8(whole)
        parts = list(mappers.threads(lambda part: self._encode(data, offsets[part[0] : part[1] + 1]), _parts(offsets), workers))
        return parts[0] if len(parts) == 1 else Tokens.concat(parts)

    def _encode(self, data: np.ndarray, offsets: np.ndarray) -> Tokens:
        from tamis.kernels import bpe

        return Tokens(*bpe.encode(self._merges, data, offsets))

    def decode(self, ids: np.ndarray) -> str:
        """The text of some token ids; half a character becomes "�"."""
        return b"".join([self._pieces[token] for token in ids.tolist()]).decode("utf-8", errors="replace")


def _parts(offsets: np.ndarray) -> list[tuple[int, int]]:
    """Ranges of texts of about four megabytes."""
    borders = np.searchsorted(offsets, np.arange(offsets[0] + _PART_BYTES, offsets[-1], _PART_BYTES)).tolist()
    edges = [0, *dict.fromkeys(border for border in borders if 0 < border < len(offsets) - 1), len(offsets) - 1]
    return list(pairwise(edges))


def _pattern(letters: tuple[tuple[int, int], ...], longest: int) -> str:
    """The pieces of `tamis.kernels.bpe`, as a regular expression of the package `tokenizers`."""
    letter = "A-Za-z" + "".join(f"{chr(low)}-{chr(high)}" for low, high in letters)
    space = "\t-\r "
    most = f"{{1,{longest}}}"
    kinds = (
        f" ?[{letter}]{most}",
        f" ?[0-9]{most}",
        f" ?[^{letter}0-9{space}]{most}",
        f"[{space}]{most}(?= [^{space}])",
        f"[{space}]{most}",
    )
    return "|".join(kinds)


def _read(content: Any, pattern: str, most: int) -> tuple[list[bytes], np.ndarray]:
    """The bytes of each token, and (left, right, merged) of each merge: u16[m, 3].

    Raises:
        ValueError, KeyError, TypeError, IndexError: it is something else.
    """
    before = content["pre_tokenizer"]["pretokenizers"]
    if before[0]["pattern"]["Regex"] != pattern or content["normalizer"] is not None or content["added_tokens"]:
        raise ValueError
    letters = _byte_of()
    tokens = {token: bytes(letters[one] for one in token) for token in content["model"]["vocab"]}
    numbers = content["model"]["vocab"]
    if (
        len(numbers) > most
        or sorted(numbers.values()) != list(range(len(numbers)))
        or not {bytes([byte]) for byte in range(BYTES)} <= set(tokens.values())
    ):
        raise ValueError
    merges = [one.split(" ") if isinstance(one, str) else one for one in content["model"]["merges"]]
    pairs = [(numbers[left], numbers[right], numbers[left + right]) for left, right in merges]
    return [tokens[token] for token in sorted(numbers, key=numbers.__getitem__)], np.array(pairs, np.uint16).reshape(-1, 3)


def _byte_of() -> dict[str, int]:
    """The letters by which byte-level BPE, since GPT-2, writes bytes: printable ones as they are, the others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(BYTES) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
