"""fastText models beside the library that trained them; skipped where it is not installed."""

import math
import random
import unicodedata
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from tamis import classifier

fasttext = pytest.importorskip("fasttext", reason="the package fasttext is not installed: models are not compared with the library")

RAW = Path(__file__).parents[1] / "sample_data" / "raw" / "*.parquet"
KINDS = {
    "bigrams": {"wordNgrams": 2, "bucket": 20_000},
    "characters": {"minn": 2, "maxn": 4, "bucket": 20_000, "wordNgrams": 3},
    "hs": {"loss": "hs", "minn": 2, "maxn": 3, "bucket": 20_000},
    "ova": {"loss": "ova", "wordNgrams": 2, "bucket": 20_000},
    "ns": {"loss": "ns", "dim": 3},
    "more labels than dimensions": {"dim": 3},
}
QUANTISED = {
    "quantised": {},
    "with norms": {"qnorm": True},
    "pruned": {"cutoff": 1000, "retrain": False},
    "pruned, with norms": {"cutoff": 1000, "qnorm": True},
}


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> Path:
    """Training text: sample documents, labelled by their source."""
    documents = pl.read_parquet(str(RAW)).filter(pl.col("source").is_not_null()).sample(1200, seed=1)
    rows = [f"__label__{source} {' '.join(text.split())[:2000]}\n" for text, source in documents.select("text", "source").rows()]
    path = tmp_path_factory.mktemp("lines") / "lines.txt"
    path.write_text("".join(rows), "utf-8")
    return path


@pytest.fixture(scope="module")
def texts() -> list[bytes]:
    """Texts to score: real ones of many languages, and those that have broken things before."""
    real = [text.encode() for text in pl.read_parquet(str(RAW))["text"].sample(300, seed=2).to_list()]
    hard = [
        "",
        "word",
        "\n\n\n",
        "a\nb\nc\n" * 50,
        "x </s> y",
        "before </s>after",
        "__label__apache2-doc the",
        "__label__none the",
        "é" * 500,
    ]
    hard += [
        "x" * 20_000,
        "\0a\x0bb\x0cc\rd",
        "</s>",
        unicodedata.normalize("NFD", "Zażółć gęślą jaźń"),
        " ".join(map(chr, range(33, 2000))),
    ]
    long = b" ".join(random.Random(3).choices(real, k=60))
    return [*real, *(text.encode() for text in hard), long, b"\xff\xfe bad \x80 bytes \xf0\x9f", bytes(range(1, 256))]


def train(lines: Path, quantised: dict | None = None, **kind) -> object:
    """A small model."""
    model = fasttext.train_supervised(str(lines), **({"dim": 12, "epoch": 5, "lr": 0.2, "thread": 1, "verbose": 0} | kind))
    if quantised is not None:
        model.quantize(str(lines), thread=1, verbose=0, **quantised)
    return model


def compare(model, path: Path, texts: list[bytes]) -> None:
    """Save a model, read it, and hold every probability of every text beside the library's."""
    model.save_model(str(path))
    read = classifier.load(path)
    names = [label.removeprefix("__label__") for label in model.get_labels()]
    assert list(read.labels) == names
    found = read.scores(pa.array(texts, pa.large_binary()))
    for text, scores in zip(texts, found.astype(np.float64), strict=True):
        said = model.f.predict(text.replace(b"\n", b" ") + b"\n", len(names), 0.0, "strict")
        wanted = {label.removeprefix("__label__"): p for p, label in said}
        if read.file.loss == "hs":
            # The library adds 1e-5 at every branch of the tree, and leaves out what is then too improbable.
            depth = math.log2(len(names)) * 4
            assert all(abs(scores[names.index(label)] - p) < 1e-5 * (1 + depth) for label, p in wanted.items())
            continue
        assert set(wanted) == set(names)
        assert max(abs(scores[i] - (wanted[name] - 1e-5)) for i, name in enumerate(names)) < 2e-5, text[:80]


@pytest.mark.parametrize("name", KINDS)
def test_probabilities_are_those_of_the_library(name, lines, texts, tmp_path):
    """Every kind of model gives every text the library's probabilities to 2e-5."""
    compare(train(lines, **KINDS[name]), tmp_path / "model.bin", texts)


@pytest.mark.slow  # the library takes seconds to find codebooks
@pytest.mark.parametrize("name", QUANTISED)
@pytest.mark.parametrize("kind", ["bigrams", "hs", "ova"])
def test_quantised_models_too(kind, name, lines, texts, tmp_path):
    """So do quantised models, with or without norms, pruned or whole."""
    compare(train(lines, QUANTISED[name], **KINDS[kind]), tmp_path / "model.ftz", texts)


def test_the_most_probable_label_is_the_same(lines, texts, tmp_path):
    """On every text the library's first label is ours."""
    model = train(lines, wordNgrams=2, bucket=20_000)
    model.save_model(str(tmp_path / "m.bin"))
    read = classifier.load(tmp_path / "m.bin")
    found = [read.labels[i] for i in read.scores(pa.array(texts, pa.large_binary())).argmax(axis=1)]
    assert found == [model.f.predict(text.replace(b"\n", b" ") + b"\n", 1, 0.0, "strict")[0][1].removeprefix("__label__") for text in texts]
