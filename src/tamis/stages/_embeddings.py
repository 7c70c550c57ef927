"""Vectors of words from a file: fastText's (.vec, .bin), or a static embedding (.safetensors, .npy) with its tokenizer.json beside it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tamis.errors import DataError, require

TOKENIZER = "tokenizer.json"
FIX = "\nFix: give a .vec or .bin of fastText, or the .safetensors or .npy of a static embedding with its tokenizer.json beside it."
WIDEST = 4_096
"""Numbers of a vector."""
_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}


def vectors(path: Path, words: Sequence[str]) -> np.ndarray:
    """f32[words, d]: the vector of each word; zeros for one that the file does not know.

    Args:
        path: of the file.
        words: in lower case; a file that has them in capitals alone ("Paris") knows them too.

    Raises:
        DataError: the file is not there, is none of these, or is damaged.
        MissingPackage: it needs a tokenizer, and tokenizers are not installed.
    """
    if not path.is_file():
        raise DataError(f'the embeddings "{path}" do not exist.{FIX}')
    read: Callable[[Path, Sequence[str]], np.ndarray] | None = {
        ".vec": _of_text, ".txt": _of_text, ".bin": _of_fasttext, ".safetensors": _of_tokens, ".npy": _of_tokens,
    }.get(path.suffix)  # fmt: skip
    if read is None:
        raise DataError(f'"{path}" is no file of embeddings: it ends in "{path.suffix}".{FIX}')
    found = np.ascontiguousarray(read(path, words), np.float32)
    if not np.isfinite(found).all():
        raise DataError(f'the embeddings "{path}" hold numbers that are not finite.\nFix: fetch or train them again.')
    if not found.any():
        raise DataError(f'the embeddings "{path}" know none of the {len(words):,} words of the corpus.\nFix: give those of its language.')
    return found


def files_beside(path: Path) -> tuple[Path, ...]:
    """The tokenizer of a static embedding."""
    beside = path.with_name(TOKENIZER)
    return (beside,) if path.suffix in (".safetensors", ".npy") and beside.is_file() else ()


def _of_text(path: Path, words: Sequence[str]) -> np.ndarray:
    """Lines of a word and its numbers, by spaces, the first line perhaps the counts of both; those of words that are not asked for are passed over."""
    place = {word.encode(): i for i, word in enumerate(words)}
    found, exact, width = np.zeros((len(words), 0), np.float32), np.zeros(len(words), np.bool_), 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            head, *numbers = line.rstrip().split(b" ")
            if number == 1 and len(numbers) == 1 and head.isdigit():
                continue
            if not width:
                width = len(numbers)
                if not 0 < width <= WIDEST:
                    raise DataError(f'"{path}" is no file of embeddings: its first line has {width} numbers after a word.{FIX}')
                found = np.zeros((len(words), width), np.float32)
            i = place.get(head, -1)
            other = i if i >= 0 else place.get(head.decode(errors="replace").lower().encode(), -1)
            if other < 0 or exact[other] or (i < 0 and found[other].any()):
                continue
            try:
                found[other] = np.array(numbers, np.float32).reshape(width)  # one number alone would fill the row
            except ValueError as error:
                raise DataError(f'the embeddings "{path}" are damaged: line {number} does not hold {width} numbers.{FIX}') from error
            exact[other] = i >= 0
    if not width:
        raise DataError(f'"{path}" is no file of embeddings: it is empty.{FIX}')
    return found


def _of_fasttext(path: Path, words: Sequence[str]) -> np.ndarray:
    """The mean of the rows of a word and of the n-grams of its characters, as fastText has it."""
    from tamis.fasttext_features import features
    from tamis.fasttext_file import read_vectors
    from tamis.kernels import fasttext, fasttext_words

    file = read_vectors(path)
    slots = fasttext_words.vocabulary(file.words, file.borders)
    settings = [file.n_words, file.buckets, 1, file.minn, file.maxn, -1, 0, 0]
    finding = fasttext.Features(slots, file.words, file.borders, np.array(settings, np.int64), file.kept, np.ones(file.n_words, np.int32))
    found = np.zeros((len(words), file.dim), np.float32)
    for i, word in enumerate(words):
        for spelled in (word, word.capitalize()):
            rows = next((rows for name, rows, _ in features(spelled.encode(), finding) if name == spelled), [])
            known = bool(rows) and (rows[0] < file.n_words or spelled == word)
            if known:
                found[i] = np.mean([file.input.rows(row, row + 1)[0] for row in rows], axis=0, dtype=np.float64)
                break
    return found


def _of_tokens(path: Path, words: Sequence[str]) -> np.ndarray:
    """The mean of the vectors of a word's tokens, each times its weight if the file has weights (model2vec)."""
    tokenizers = require("tokenizers", needed_by="topics", extra="tokens")
    beside = path.with_name(TOKENIZER)
    if not beside.is_file():
        raise DataError(f'the embeddings "{path}" have no {TOKENIZER} beside them, which says which row is whose.{FIX}')
    rows, weights, mapping = _rows(path)
    try:
        model = tokenizers.Tokenizer.from_file(str(beside))
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f'"{beside}" holds no tokenizer: {said}.') from error
    model.no_padding()
    model.no_truncation()
    if (tokens := model.get_vocab_size()) > (there := len(rows if mapping is None else mapping)):
        raise DataError(f'the embeddings "{path}" have {there:,} rows for the {tokens:,} tokens of their {TOKENIZER}.{FIX}')
    if weights is not None and weights.shape != (there,):
        raise DataError(f'the embeddings "{path}" have weights of shape {weights.shape} for {there:,} tokens.{FIX}')
    unknown = _unknown(beside, model)
    found = np.zeros((len(words), rows.shape[1]), np.float32)
    for i, one in enumerate(model.encode_batch_fast(list(words), add_special_tokens=False)):
        ids = np.array([token for token in one.ids if token != unknown], np.int64)
        if len(ids):
            own = rows[ids if mapping is None else mapping[ids]].astype(np.float64)
            found[i] = (own if weights is None else own * weights[ids][:, None]).mean(axis=0)
    return found


def _unknown(path: Path, model: Any) -> int | None:
    """The token of what the tokenizer does not know."""
    name = json.loads(path.read_text("utf-8")).get("model", {}).get("unk_token")
    return model.token_to_id(name) if isinstance(name, str) else None


def _rows(path: Path) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Vectors, [rows, d]; weights of tokens and rows of tokens, or None."""
    if path.suffix == ".npy":
        try:
            rows, weights, mapping = np.load(path, allow_pickle=False, mmap_mode="r"), None, None
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f'"{path}" is no array of NumPy: {error}.{FIX}') from error
    else:
        tensors = _safetensors(path)
        flat = [name for name, one in tensors.items() if one.ndim == 2]
        if len(flat) != 1:
            raise DataError(f'"{path}" holds {len(flat)} matrices, and the one of a static embedding is wanted.{FIX}')
        rows, weights, mapping = tensors[flat[0]], tensors.get("weights"), tensors.get("mapping")
    if rows.ndim != 2 or rows.dtype.kind != "f" or not 0 < rows.shape[1] <= WIDEST:
        raise DataError(f'"{path}" holds {rows.dtype} of shape {rows.shape}, and a row of numbers for each token is wanted.{FIX}')
    if mapping is not None and (mapping.dtype.kind != "i" or mapping.min(initial=0) < 0 or mapping.max(initial=0) >= len(rows)):
        raise DataError(f'the embeddings "{path}" are damaged: tokens have rows that are not there.{FIX}')
    return rows, weights, mapping


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file: 8 bytes of length, a head in JSON (name → dtype, shape, data_offsets), and the numbers, little-endian."""
    content = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)
    found = {}
    try:
        (length,) = struct.unpack("<Q", content[:8].tobytes())
        head = json.loads(content[8 : 8 + length].tobytes() if length <= len(content) else b"")
        for name, one in head.items():
            if name != "__metadata__" and one["dtype"] in _KINDS:
                begin, end = one["data_offsets"]
                found[name] = content[8 + length + begin : 8 + length + end].view(_KINDS[one["dtype"]]).reshape(one["shape"])
    except (struct.error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f'"{path}" is no file of safetensors, or it is damaged: {type(error).__name__}.{FIX}') from error
    return found
