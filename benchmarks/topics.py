"""How fast documents are told apart by topic, format and tokens on one core, and how well known topics are found again.

python benchmarks/topics.py speed PAGES.parquet [--column text] [--classifier topics.bin]
python benchmarks/topics.py known TEXTS.parquet --topic topic [--seeds 3] [--embeddings vectors.vec]
python benchmarks/topics.py formats PAGES.parquet --column text --type page_type
python benchmarks/topics.py estimate TEXTS.parquet --tokenizer tokenizer.json

`known` compares adjusted mutual information with the column of topics: ours beside TF-IDF and k-means as scikit-learn has them.
`formats` shows the formats that pages of each known type are given. `estimate` shows how far the estimate of tokens is off.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from _one_core import FLOOR, best, read, show, split_all
from tamis import make_stage
from tamis.memory import Table
from tamis.stages.tokens import counted, estimated


def speed(path: Path, column: str, classifier: Path | None) -> None:
    """MB of text a second, beside `str.split`."""
    docs = read(path, column)
    texts = docs["text"].to_pylist()
    found = make_stage("topics", topics=24)
    fitted = found.fit(Table(docs))  # type: ignore[attr-defined]
    stages = {"axes: format": make_stage("axes"), "tokens, estimated": make_stage("tokens"), "rebalance": make_stage("rebalance")}
    stages |= {"topics, classifier": make_stage("topics", classifier=str(classifier))} if classifier else {}
    work = {name: (lambda stage=stage: stage.measure(docs)) for name, stage in stages.items()}
    work |= {"topics": lambda: found.measure(docs, fitted), FLOOR: lambda: split_all(texts)}  # type: ignore[call-arg]
    show(path.name, docs.nbytes / 1e6, best(work))


def known(path: Path, column: str, topic: str, seeds: int, embeddings: Path | None) -> None:
    """Adjusted mutual information, ours, by embeddings too if there are any, and that of plain TF-IDF and k-means."""
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics import adjusted_mutual_info_score

    frame = pl.read_parquet(path, columns=[column, topic]).drop_nulls()
    docs = pa.table({"text": frame[column].to_arrow().cast(pa.large_string())})
    wanted, clusters = frame[topic].to_list(), frame[topic].n_unique()
    print(f"{path.name}: {frame.height:,} texts of {clusters} topics")
    plain = TfidfVectorizer().fit_transform(frame[column].to_list())
    for name in ("ours", *(["embeddings"] if embeddings else []), "TF-IDF and k-means"):
        scores = []
        for seed in range(seeds):
            if name != "TF-IDF and k-means":
                how = {"embeddings": str(embeddings)} if name == "embeddings" else {}
                stage = make_stage("topics", topics=clusters, seed=seed, **how)
                label = stage.measure(docs, stage.fit(Table(docs)))["topic"].fill_null("none").to_list()  # type: ignore[attr-defined,call-arg]
            else:
                label = KMeans(clusters, n_init=1, random_state=seed).fit_predict(plain)
            scores.append(adjusted_mutual_info_score(wanted, label))
        print(f"  {name:<20} {np.mean(scores):.3f}  ({', '.join(f'{score:.3f}' for score in scores)})")
    free = make_stage("topics")
    print(f"  chosen without a number: {free.measure(docs, free.fit(Table(docs)))['topic'].n_unique()} topics")  # type: ignore[attr-defined,call-arg]


def formats(path: Path, column: str, kind: str) -> None:
    """Formats by known type."""
    frame = pl.read_parquet(path, columns=[column, kind]).drop_nulls()
    docs = pa.table({"text": frame[column].to_arrow().cast(pa.large_string())})
    found = frame.select(kind).hstack(make_stage("axes").measure(docs))
    with pl.Config(tbl_cols=-1, tbl_rows=-1, tbl_width_chars=160):
        print(found.pivot("format", index=kind, values="format", aggregate_function="len").fill_null(0).sort(kind))


def estimate(path: Path, column: str, tokenizer: Path) -> None:
    """The error of the estimate, of the whole and of single documents of 50 tokens or more."""
    docs = read(path, column)
    real, guessed = counted(docs["text"], tokenizer).astype(float), estimated(docs["text"]).astype(float)
    off = np.abs(guessed / np.maximum(real, 1) - 1)[real >= 50]
    print(
        f"{path.name}, {tokenizer.name}: {guessed.sum() / real.sum() - 1:+.1%} of the whole; of a document {np.median(off):.1%} (median), {np.quantile(off, 0.9):.1%} (one in ten)"
    )


def main() -> None:
    """One of the four."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "known", "formats", "estimate"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--column", default="text")
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--classifier", type=Path)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--topic", default="topic")
    parser.add_argument("--type", default="page_type")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    if given.what == "speed":
        speed(given.path, given.column, given.classifier)
    elif given.what == "known":
        known(given.path, given.column, given.topic, given.seeds, given.embeddings)
    elif given.what == "formats":
        formats(given.path, given.column, given.type)
    else:
        estimate(given.path, given.column, given.tokenizer)


if __name__ == "__main__":
    main()
