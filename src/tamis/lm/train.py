"""Train an n-gram model on reference text, and say what it makes of text that it did not see."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tamis import files
from tamis.errors import DataError, RunError
from tamis.lm.model import Model
from tamis.lm.ngram import NGram
from tamis.lm.reference import Chosen, Reference, choose
from tamis.lm.tokenizer import Tokenizer

ENDING = ".ngram"
LEAST_DOCUMENTS = 20
LEAST_BYTES = 100_000
"""Of reference text. Of less, a model knows little more than which language it is."""
HELD_SHARE = 0.05
HELD_BYTES = 1_000_000
LEAST_HELD = 3
"""Of the reference text, at most so much is not counted, and is what the model is tried on."""
TOKENIZER_BYTES = 10_000_000


@dataclass(frozen=True)
class Settings:
    """How a model is trained.

    Args:
        vocabulary: token ids. Of 30 MB, 8192 are as good as 32,768 and .02 bits a byte better than 2048.
        max_bytes: of reference text for each model, drawn by a hash of the text. 30 MB take 300 MB of memory to score with.
        order: tokens of the longest n-grams.
        seed: of the draw.
        text: the column of the text.
        by: the column that has a model for each of its values, such as the language; None: one model.
    """

    vocabulary: int = 8192
    max_bytes: int = 30_000_000
    order: int = 4
    seed: int = 0
    text: str = "text"
    by: str | None = None


def train(places: Sequence[str], out: str, settings: Settings, *, workers: int = 1) -> list[dict[str, Any]]:
    """Read reference text and write a model file, or one for each value of a column.

    The same text and settings give the same bytes, in whatever order and files it comes.

    Args:
        places: Parquet or JSON Lines files, folders of Parquet; paths or URLs.
        out: a file; with `by` a folder, in which models are called by their value, such as "fr.ngram".
        settings: how.
        workers: threads.

    Returns:
        For each model what it says of itself, with "file".

    Raises:
        DataError: the text cannot be read, or there is too little of it.
        RunError: the output cannot be written.
    """
    out = files.home(out)
    if settings.by is None and files.is_folder(out):
        raise RunError(f'"{out}" is a folder, and a model is a file.\nFix: give a name in it: -o {files.join(out, "prose" + ENDING)}.')
    reference = choose(places, text=settings.text, by=settings.by, max_bytes=settings.max_bytes, seed=settings.seed)
    enough = {name: one for name, one in reference.groups.items() if _is_enough(one)}
    if not enough:
        documents, size = max(
            ((len(one), int(one.sizes.sum())) for one in reference.groups.values()), default=(0, 0), key=lambda pair: pair[1]
        )
        raise DataError(
            f"{documents:,} documents with {size:,} bytes of text are too little for a model: it takes {LEAST_DOCUMENTS} documents "
            f"and {LEAST_BYTES:,} bytes.\nFix: give more reference text."
        )
    made = []
    for name, chosen in enough.items():
        url = files.join(out, _file_name(name) + ENDING) if settings.by else out
        label = name if settings.by else re.sub(rf"\{ENDING}$", "", files.normal(out).rsplit("/", 1)[-1])
        model = trained(chosen, settings, {"name": label, **_origin(reference, settings)}, workers=workers)
        model.save(url)
        made.append({"file": url, **model.facts})
    return made


def trained(chosen: Chosen, settings: Settings, facts: dict[str, Any], *, workers: int = 1) -> Model:
    """A model of some text, tried on a part that was held out.

    Args:
        chosen: in the order of the draw; the first ones are held out.
        settings: how.
        facts: what else the model shall say of itself.
        workers: threads.
    """
    sizes = np.cumsum(chosen.sizes)
    held_out = max(LEAST_HELD, int(np.searchsorted(sizes, min(HELD_BYTES, HELD_SHARE * sizes[-1]), "right")))
    held, rest = chosen.part(0, held_out), chosen.part(held_out, len(chosen))
    sample = rest.part(0, max(1, int(np.searchsorted(np.cumsum(rest.sizes), TOKENIZER_BYTES, "right"))))
    tokenizer = Tokenizer.train(sample.texts.to_pylist(), settings.vocabulary)
    ngram = NGram(tokenizer.vocabulary, settings.order)
    ngram.add(tokenizer.encode(rest.texts, workers))
    model = Model(tokenizer, ngram)
    told = {"documents": len(rest), "bytes": int(rest.sizes.sum()), "tokens": ngram.tokens, "texts_sha256": _hash_of(rest.keys)}
    return Model(tokenizer, ngram, {**facts, **told, "held_out": _tried(model, held)})


def _is_enough(chosen: Chosen) -> bool:
    return len(chosen) >= LEAST_DOCUMENTS and int(chosen.sizes.sum()) >= LEAST_BYTES


def _origin(reference: Reference, settings: Settings) -> dict[str, Any]:
    from tamis import __version__

    return {"tamis": __version__, "settings": asdict(settings), "inputs": list(reference.inputs), "left_out": dict(reference.left_out)}


def _hash_of(keys: np.ndarray) -> str:
    """SHA-256 of the hashes of the training texts, ascending, as little-endian words: equal for the same texts in any order."""
    return hashlib.sha256(np.sort(keys).astype("<u8").tobytes()).hexdigest()


def _tried(model: Model, held: Chosen) -> dict[str, Any]:
    """Bits per byte of documents that were not counted: over all, and the limits of the better and the worse third of them."""
    scores = model.bits_per_byte(held.texts)
    thirds = np.quantile(scores, [1 / 3, 2 / 3]).tolist()
    whole = float((scores * held.sizes).sum() / held.sizes.sum())
    return {
        "documents": len(held),
        "bytes": int(held.sizes.sum()),
        "bits_per_byte": round(whole, 4),
        "thirds": [round(one, 4) for one in thirds],
    }


def _file_name(value: str) -> str:
    """A value as a name of a file, different for different values."""
    from urllib.parse import quote

    return quote(value, safe=" ")
