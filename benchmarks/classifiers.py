"""How fast one core tells languages and scores texts with fastText models, beside py3langid, the library and `str.split`.

    python benchmarks/classifiers.py pages.parquet [--column text] [--documents 3000]

Models of several shapes are trained on the pages themselves (labels are drawn, for only speed is asked), so it needs the package
`fasttext`; where it is missing, only languages are timed. All are timed in turns in one process, and the best counts. How often
a part of a text has the label of the whole is printed too, and the largest difference from the library's probabilities.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from _one_core import FLOOR, best, read, show, split_all
from tamis import classifier
from tamis.stages.language import Language
from tamis.stages.quality import Quality

SHAPES: dict[str, tuple[int, dict[str, Any]]] = {
    "2 labels, bigrams, 2 M buckets": (2, {"dim": 100, "wordNgrams": 2, "bucket": 2_000_000}),
    "4 labels, bigrams, 2 M buckets": (4, {"dim": 100, "wordNgrams": 2, "bucket": 2_000_000}),
    "176 labels, words": (176, {"dim": 100}),
    "176 labels, characters, tree": (176, {"dim": 16, "minn": 2, "maxn": 4, "bucket": 200_000, "loss": "hs"}),
    "4 labels by themselves, bigrams": (4, {"dim": 20, "wordNgrams": 2, "bucket": 200_000, "loss": "ova"}),
}
BUDGETS = (None, 8192, 4096, 2048, 1024)
Work = tuple[str, Callable[[], object]]


def defaults(docs: pa.Table, texts: list[str]) -> Iterator[Work]:
    """The stage on whole texts and on parts of them, py3langid, and what a run measures besides: `quality` by the model that ships."""
    from py3langid.langid import LanguageIdentifier

    peer = LanguageIdentifier.from_model_file("data/model.npz.xz", norm_probs=True)
    for most in BUDGETS:
        yield f"language, {most or 'all'} bytes", partial(Language(max_bytes=most).measure, docs)
    yield "py3langid", lambda: [peer.classify(text) for text in texts]
    yield "quality, default model", partial(Quality().measure, docs)


def parts(docs: pa.Table) -> None:
    """Print how often a part of a text has the language of the whole, and `keep: [en]` decides alike."""
    whole, known = (Language(mixed=mixed, max_bytes=None).measure(docs)["language"] for mixed in ("dominant", "unknown"))
    for most in BUDGETS[1:]:
        label, kept = (Language(mixed=mixed, max_bytes=most).measure(docs)["language"] for mixed in ("dominant", "unknown"))
        alike = (kept.fill_null("en") == "en") == (known.fill_null("en") == "en")
        print(f"  {most} bytes have the language of the whole in {label.eq_missing(whole).mean():.2%}, are kept alike in {alike.mean():.2%}")


def models(docs: pa.Table, texts: list[str], folder: Path) -> Iterator[Work]:
    """Each shape of model by the kernel and by the library."""
    import fasttext

    lines, lined = folder / "lines.txt", [" ".join(text.split("\n")) for text in texts]
    draw = random.Random(0)
    for name, (labels, shape) in SHAPES.items():
        lines.write_text("".join(f"__label__{draw.randrange(labels)} {' '.join(text.split())[:400]}\n" for text in texts), "utf-8")
        model = fasttext.train_supervised(str(lines), epoch=1, lr=0.05, thread=2, verbose=0, **shape)
        model.save_model(str(folder / "model.bin"))
        read_back = classifier.load(folder / "model.bin")
        said = predict(model, lined)
        ours = read_back.scores(docs.column("text"))
        wanted = [(read_back.labels.index(label.removeprefix("__label__")), p) for ((p, label),) in said]
        off = max(abs(float(ours[i, place]) - (p - 1e-5)) for i, (place, p) in enumerate(wanted))
        print(f"  {name}: at most {off:.1e} from the library")
        yield name, partial(read_back.scores, docs.column("text"))
        yield f"{name}, library", partial(predict, model, lined)


def predict(model: Any, lined: list[str]) -> list[Any]:
    """The library's best label of every text; its own `predict` looks for newlines first."""
    return [model.f.predict(f"{text}\n", 1, 0.0, "strict") for text in lined]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--column", default="text")
    parser.add_argument("--documents", type=int, default=3000)
    given = parser.parse_args()
    docs = read(given.path, given.column)
    chosen = np.sort(np.random.default_rng(0).permutation(docs.num_rows)[: given.documents])
    docs = docs.take(pa.array(chosen))
    texts = docs.column("text").to_pylist()
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    work: dict[str, Callable[[], object]] = {FLOOR: partial(split_all, texts), **dict(defaults(docs, texts))}
    parts(docs)
    with tempfile.TemporaryDirectory() as folder:
        if importlib.util.find_spec("fasttext"):
            work |= dict(models(docs, texts, Path(folder)))
        show(given.path.name, megabytes, best(work))


if __name__ == "__main__":
    main()
