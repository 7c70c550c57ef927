"""Small models for tests, made once a process."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pyarrow as pa

from tamis.lm.model import Model
from tamis.lm.ngram import NGram
from tamis.lm.tokenizer import Tokenizer

ENGLISH = [
    f"{who} {did} {what} {where}, and {other} {saw} it."
    for who in ("The cat", "The dog", "A child", "My sister")
    for did in ("sat on", "looked at", "walked around", "painted")
    for what in ("the mat", "the wall", "a table")
    for where in ("in the kitchen", "in the garden")
    for other, saw in (("nobody", "saw"), ("the neighbours", "liked"))
]
FRENCH = [
    f"{who} {did} {what} {where}, et {other} l'a {saw}."
    for who in ("Le chat", "Le chien", "Un enfant", "Ma sœur")
    for did in ("regarde", "contourne", "a peint", "cherche")
    for what in ("le mur", "la table", "un tapis")
    for where in ("dans la cuisine", "au jardin")
    for other, saw in (("personne ne", "vu"), ("le voisin", "aimé"))
]


def trained(texts: list[str], name: str) -> Model:
    """A model of some texts."""
    tokenizer = Tokenizer.train(texts, 320)
    ngram = NGram(tokenizer.vocabulary)
    ngram.add(tokenizer.encode(pa.array(texts, pa.large_string())))
    return Model(tokenizer, ngram, {"name": name})


@cache
def english() -> str:
    """The path of a model of English, called "english"."""
    return _saved(trained(ENGLISH, "english"), "en.ngram")


@cache
def french() -> str:
    """The path of a model of French, called "french"."""
    return _saved(trained(FRENCH, "french"), "fr.ngram")


def _saved(model: Model, name: str) -> str:
    path = _folder() / name
    model.save(str(path))
    return str(path)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tamis-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
