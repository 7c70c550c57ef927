"""What stands beside a trained model: who it is, what it was trained on and how, what its scores are worth.

edu.bin          the model
edu.bin.json     the card: name, SHA-256 of the model, recipe, inputs, labels, calibration, validation, versions; no dates
edu.bin.texts    u64, little-endian, ascending: the low half of the 128-bit hash of every text it was trained on
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tamis.errors import DataError

TOPICS = "topic classifier"
"""What the card of `tamis train topics` calls its kind: its labels are percent-encoded, its calibration is of the largest probability."""


DEFAULT = "default"
"""What the model is called that ships with tamis; a file of that name in the folder of a recipe is "./default"."""


def located(model: str | Path) -> Path:
    """The file of a model: of "default" the one that ships, which `tools/train_default_quality.py` makes."""
    return Path(__file__).parent / "stages" / "models" / "default.bin" if model == DEFAULT else Path(os.path.expanduser(model))


def card_of(model: Path) -> Path:
    """Where the card of a model lies."""
    return model.with_name(model.name + ".json")


def texts_of(model: Path) -> Path:
    """Where the hashes of the texts lie that a model was trained on."""
    return model.with_name(model.name + ".texts")


def write(model: Path, keys: np.ndarray, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write card and hashes beside a model that is written already.

    Args:
        model: the file.
        keys: u64[n], the low half of the 128-bit hash of each training text.
        about: what else the card says.
    """
    from tamis import __version__

    hashes = np.unique(np.asarray(keys, np.uint64)).astype("<u8").tobytes()
    texts_of(model).write_bytes(hashes)
    card = {
        "name": model.stem,
        "sha256": sha256(model),
        "bytes": model.stat().st_size,
        "tamis": __version__,
        **about,
        "training_texts": {"file": texts_of(model).name, "texts": len(hashes) // 8, "sha256": hashlib.sha256(hashes).hexdigest()},
    }
    card_of(model).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return card


def read(model: Path) -> dict[str, Any] | None:
    """The card of a model; None if it has none.

    Raises:
        DataError: there is no such model, the card is not JSON, or it belongs to another model.
    """
    if not model.is_file():
        raise DataError(f'the model "{model}" does not exist.\nFix: give the path of the file itself.')
    if not card_of(model).is_file():
        return None
    try:
        card: dict[str, Any] = json.loads(card_of(model).read_text("utf-8"))
        of = card["sha256"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(f'"{card_of(model)}" is not the card of a model: {error}.\nFix: restore or remove it.') from error
    if of != (here := sha256(model)):
        raise DataError(
            f'"{card_of(model)}" is the card of another model: of {of[:12]}…, and "{model.name}" is {here[:12]}….\nFix: restore or remove it.'
        )
    return card


def training_texts(model: Path) -> np.ndarray:
    """u64[n], ascending: the low half of the 128-bit hash (MurmurHash3 x64) of every text a model was trained on.

    Raises:
        DataError: there is no card, or the file of hashes is gone or not the one that the card names.
    """
    card = read(model)
    if card is None or "training_texts" not in card:
        raise DataError(f'"{model}" has no card that says what it was trained on.')
    place = texts_of(model)
    content = place.read_bytes() if place.is_file() else b""
    if hashlib.sha256(content).hexdigest() != card["training_texts"]["sha256"]:
        raise DataError(f'"{place}" is gone or not what "{card_of(model).name}" names.\nFix: train again, or restore it.')
    return np.frombuffer(content, "<u8").astype(np.uint64)


def sha256(model: Path) -> str:
    """Of a file, 64 hexadecimal digits."""
    with model.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def calibrated(how: Mapping[str, Any], score: np.ndarray) -> np.ndarray:
    """The share of good documents among held-out ones of such a score.

    Args:
        how: {"method": "isotonic", "score": [...], "share": [...]}, straight between its points and level beyond; or {"method":
            "platt", "slope", "intercept"}, a line between log-odds.
        score: f64[n].

    Returns:
        f64[n] in [0, 1], rising with the score; NaN for NaN.
    """
    if how["method"] == "isotonic":
        return np.asarray(np.interp(score, how["score"], how["share"]))
    return np.asarray(1 / (1 + np.exp(-(how["slope"] * log_odds(score) + how["intercept"]))))


def log_odds(score: np.ndarray) -> np.ndarray:
    """f64[n]: of probabilities, within 1e-6 of 0 and 1."""
    inside = np.clip(np.asarray(score, np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))
