"""Fit a supervised fastText model, the same bytes for the same examples, settings and seed."""

from __future__ import annotations

import os
import re
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from tamis.ablate.draws import ranks
from tamis.errors import MissingPackage, require
from tamis.train.examples import Examples
from tamis.train.settings import Settings

PACKAGE = "fasttext-community"
_LABEL = re.compile(r"(?<![^\s\0])__label__\S*")
"""In a text it would be taken for a class; when texts are scored, such words are passed over."""


def library() -> tuple[object, str]:
    """fastText, and the version of the build.

    Raises:
        MissingPackage: it is not installed, or one that cannot train stands in its place.
    """
    fasttext = require("fasttext", needed_by="training a classifier", extra="fasttext")
    if not hasattr(fasttext, "train_supervised"):
        raise MissingPackage(
            'the installed package "fasttext" cannot train: another one, such as "fasttext-predict", lies over it.\n'
            f'Fix: uninstall that, and pip install --force-reinstall "{PACKAGE}"'
        )
    try:
        return fasttext, version(PACKAGE)
    except PackageNotFoundError:
        return fasttext, "another build"


def fit(examples: Examples, settings: Settings, seed: int, model: Path) -> None:
    """Train on all examples, and write the model.

    One thread: with more, fastText's threads overwrite each other's sums, and no two models are alike. Examples come in an
    order drawn from (seed, text), since fastText takes them as they stand.
    """
    fasttext, _ = library()
    with tempfile.TemporaryDirectory() as folder:
        lines = os.path.join(folder, "examples.txt")
        _write(examples, seed, lines)
        trained = fasttext.train_supervised(  # type: ignore[attr-defined]
            lines,
            lr=settings.learning_rate,
            dim=settings.dim,
            epoch=settings.epochs,
            wordNgrams=settings.word_ngrams,
            bucket=settings.buckets,
            minCount=settings.min_count,
            minn=0,
            maxn=0,
            loss="softmax",
            seed=seed % 2**31,
            thread=1,
            verbose=0,
        )
        half = model.with_name(model.name + ".half")
        trained.save_model(str(half))
        os.replace(half, model)


def _write(examples: Examples, seed: int, place: str) -> None:
    with open(place, "w", encoding="utf-8", newline="\n") as file:
        for i in np.lexsort((examples.keys, ranks(examples.keys, seed, 1))):
            text = _LABEL.sub("", examples.texts[int(i)].as_py()).replace("\n", " ")
            file.write(f"__label__{examples.labels[examples.label[i]]} {text}\n")
