"""What the model that ships is worth on pages that people labelled, none of which it was trained on.

    python benchmarks/default_quality.py CORPUS LABELLED [--model src/tamis/stages/models/default.bin]

CORPUS is what the model was made of (see tools/train_default_quality.py): length alone and topic alone learn from the same texts as it did.
LABELLED holds the folders `wcxb` (English pages; good: articles; others: products, collections, listings, forums), `turku_registers` (good:
narrative, information, opinion, how-to; others: advertising, machine-made; one main register) and `turku_linequality` (good: at least 70 % of
the bytes are in lines marked worth keeping). "Log bytes" is length itself, in the direction that suits the labels: nobody need learn it.
Intervals are bootstrapped over clusters of near-duplicates.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from train_default_quality import HELD_OUT, MATCH, drawn

from tamis import classifier, model_card
from tamis.ablate.clusters import clusters
from tamis.documents import Columns
from tamis.train import baselines, validation
from tamis.train.examples import Examples, from_column
from tamis.train.matching import matched
from tamis.train.quality import scores

GOOD_REGISTERS, OTHER_REGISTERS = ("NA", "IN", "OP", "HI"), ("IP", "MT")
SHOPS = ("product", "collection", "listing", "forum")
Labelled = tuple[str, pl.DataFrame]


def labelled(folder: Path) -> Iterator[Labelled]:
    """A name, and text with the column label, "positive" or "negative"."""
    pages = pl.read_parquet(folder / "wcxb" / "pages.parquet")
    for name, others in (("articles against shops, listings, forums", SHOPS), ("and against services", (*SHOPS, "service"))):
        chosen = pages.filter(pl.col("page_type").is_in(["article", *others]))
        yield name, _labelled(chosen, pl.col("page_type") == "article")
    pages = pl.read_parquet(folder / "turku_registers" / "web_registers.parquet")
    for langs in (("sv", "fr", "pt", "ca"), ("sv",), ("fr",)):
        chosen = pages.filter(pl.col("main_register").is_in([*GOOD_REGISTERS, *OTHER_REGISTERS]), pl.col("lang").is_in(langs))
        yield f"registers ({', '.join(langs)})", _labelled(chosen, pl.col("main_register").is_in(GOOD_REGISTERS))
    pages = pl.read_parquet(folder / "turku_linequality" / "lines.parquet")
    kept = [_kept_share(lines, marks) >= 0.7 for lines, marks in pages.select("lines", "line_labels").iter_rows()]
    pages = pages.with_columns(kept=pl.Series(kept))
    for langs in (("sv", "fr", "fi"), ("sv",), ("fr",)):
        yield f"lines worth keeping ({', '.join(langs)})", _labelled(pages.filter(pl.col("lang").is_in(langs)), pl.col("kept"))


def _labelled(pages: pl.DataFrame, good: pl.Expr) -> pl.DataFrame:
    return pages.select("text", label=pl.when(good).then(pl.lit("positive")).otherwise(pl.lit("negative")))


def _kept_share(lines: list[str], marks: list[str]) -> float:
    sizes = [len(line.encode()) for line in lines]
    return sum(size for size, mark in zip(sizes, marks, strict=True) if mark == "1") / max(1, sum(sizes))


def examples(frame: pl.DataFrame, folder: Path) -> Examples:
    """As `tamis train` reads them."""
    place = folder / "texts.parquet"
    frame.write_parquet(place)
    return from_column([str(place)], "label", Columns())


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("labelled", type=Path)
    parser.add_argument("--model", type=Path, default=model_card.located(model_card.DEFAULT))
    given = parser.parse_args()
    model, trained_on = classifier.load(given.model), model_card.training_texts(given.model)
    good = np.array([False, True])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = pl.read_parquet(given.corpus / "raw" / "*.parquet", columns=["id", "text", "lang"])
        train = matched(examples(drawn(corpus, 0).filter(pl.col("held_out") != HELD_OUT), folder), MATCH, 0)
        for what, frame in labelled(given.labelled):
            test = examples(frame, folder)
            logs = np.log(test.sizes)
            sign = 1 if validation.Ranked(logs, test.label == 1).auc() >= 0.5 else -1
            found = {
                "default": scores(model, test.texts, {"positive": 1.0, "negative": 0.0}),
                "log bytes": sign * logs,
                "length alone": baselines.length_alone(train, test, good),
                "topic alone": baselines.topic_alone(train, test, good, 0),
            }
            print(f"{what}: {len(test):,} pages, {(test.label == 1).mean():.0%} good, {np.isin(test.keys, trained_on).sum()} trained on")
            for one, said in validation.compared(found, test.label == 1, clusters(test.texts).cluster, 0).items():
                low, high = said.get("margin", {"interval": said["interval"]})["interval"]
                margin = f"default less this {said['margin']['difference']:+.3f}" if "margin" in said else "itself"
                print(f"  {one:14} {said['auc']:.3f}  {margin} ({low:.3f} to {high:.3f})", flush=True)


if __name__ == "__main__":
    main()
