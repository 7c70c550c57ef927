"""A quality classifier from two or more classes of text: trained, held to account, calibrated, described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tamis import classifier, model_card
from tamis.ablate.clusters import clusters
from tamis.ablate.folds import held_out
from tamis.errors import DataError
from tamis.train import baselines, fit, validation
from tamis.train.examples import Examples, refuse_unknown
from tamis.train.matching import matched
from tamis.train.settings import Settings
from tamis.where import condition, names_in

LEAST_HELD_OUT = 10
"""Good documents, and others, without which nothing can be said of a classifier."""
EXPLAINED_BYTES = 300_000
"""Characters of held-out text whose scores are taken apart: a second."""
SHOWN = 25
"""Features on either side."""
LENGTH, TOPIC = "length alone", "topic alone"


@dataclass(frozen=True)
class How:
    """What is asked for.

    Args:
        settings: of fastText.
        good: the classes that a good document may have; (): the one class called "positive", or numbers above the middle.
        match: "length", "source" or both: make the classes alike before training.
        held_out: share of the documents that validate, in whole clusters of near-duplicates.
        held_out_where: instead, hold out the documents that meet this condition on their columns, and their near-duplicates.
        seed: of the sampling, the split, fastText and the intervals.
        preset: where the settings come from, for the record.
    """

    settings: Settings = field(default_factory=Settings)
    good: tuple[str, ...] = ()
    match: tuple[str, ...] = ()
    held_out: float = 0.2
    held_out_where: str | None = None
    seed: int = 0
    preset: str = "default"


def train(examples: Examples, how: How, model: Path) -> dict[str, Any]:
    """Train a classifier, validate it, and write it with its card and its report.

    Args:
        examples: of at least two classes.
        how: what is asked for.
        model: where; `<model>.json`, `<model>.texts`, `<model>.report.json` and `<model>.md` come beside it.

    Returns:
        The report, see `tamis.train.report`.

    Raises:
        DataError: too little text on either side, or a label or column that does not exist.
        MissingPackage: fastText or scikit-learn is not installed.
    """
    fit.library()
    weights = score_weights(examples.labels, how.good)
    _refuse_missing(examples, how)
    examples = matched(examples, how.match, how.seed)
    grouped = clusters(examples.texts).cluster
    outside = _held_out(examples, grouped, how)
    good = np.array([label in _good(weights) for label in examples.labels])
    inside, held = examples.take(np.flatnonzero(~outside)), examples.take(np.flatnonzero(outside))
    _refuse_too_few(inside, held, good)
    model.parent.mkdir(parents=True, exist_ok=True)
    fit.fit(inside, how.settings, how.seed, model)
    validated = _validated(inside, held, grouped[outside], good, weights, model, how.seed)
    split = {"training": _counts(inside), "held_out": _counts(held), "clusters": len(np.unique(grouped))}
    recipe = {**asdict(how), "good": sorted(_good(weights)), "match": list(how.match)}
    facts = {
        "kind": "quality classifier",
        "labels": list(examples.labels),
        "score": weights,
        "recipe": recipe,
        "inputs": list(examples.inputs),
    }
    packages = {fit.PACKAGE: fit.library()[1]}
    summary = {name: one for name, one in validated.items() if name not in ("curve", "calibration_table", "features")}
    card = model_card.write(
        model, inside.keys, {**facts, "left_out": dict(examples.left_out), "split": split, "packages": packages, **summary}
    )
    return {**card, "curve": validated["curve"], "calibration_table": validated["calibration_table"], "features": validated["features"]}


def score_weights(labels: Sequence[str], good: Sequence[str]) -> dict[str, float]:
    """What each label's probability counts for in the score: a good one 1, others 0; where all labels are numbers, their values.

    Raises:
        DataError: nobody said which labels are good, and none is called "positive" or all are numbers.
    """
    refuse_unknown(good, labels)
    if good and len(set(good)) == len(labels):
        raise DataError("all labels are called good, so that there is nothing to tell them from.\nFix: name fewer.")
    if not good and all(_is_number(label) for label in labels):
        return {label: float(label) for label in labels}
    if not good and "positive" not in labels:
        raise DataError(f"which of the labels {', '.join(labels)} is good?\nFix: name one or more with --good.")
    return {label: float(label in (good or ("positive",))) for label in labels}


def _is_number(label: str) -> bool:
    return label.removeprefix("-").replace(".", "", 1).isdigit()


def _good(weights: dict[str, float]) -> set[str]:
    """Labels that count as good in the report: those above the middle."""
    middle = (min(weights.values()) + max(weights.values())) / 2
    return {label for label, weight in weights.items() if weight > middle}


def _refuse_missing(examples: Examples, how: How) -> None:
    wanted = [what for what in how.match if what != "length"]
    wanted += [name.removeprefix("doc.") for name in (names_in(how.held_out_where) if how.held_out_where else ())]
    for name in wanted:
        if name not in examples.columns:
            there = ", ".join(examples.columns) or "none but the text"
            raise DataError(f'the documents have no column "{name}" in every file. There are columns: {there}.')
    if not how.held_out_where and not 0 < how.held_out < 1:
        raise DataError(f"the share held out must be above 0 and below 1, not {how.held_out}.")


def _held_out(examples: Examples, cluster: np.ndarray, how: How) -> np.ndarray:
    """bool[n]: whole clusters; by a condition, those of which any document meets it."""
    if how.held_out_where is None:
        return held_out(cluster, examples.keys, np.ones(len(examples), np.int64), share=how.held_out, seed=how.seed)
    import polars as pl

    frame = pl.DataFrame(pl.from_arrow(pa.table({f"doc.{name}": column for name, column in examples.columns.items()})))
    asked = frame.select(asked=condition(how.held_out_where))["asked"].to_numpy()
    return np.isin(cluster, cluster[asked])


def _refuse_too_few(inside: Examples, held: Examples, good: np.ndarray) -> None:
    for name, part, least in (("to train on", inside, 1), ("held out", held, LEAST_HELD_OUT)):
        positive = int(good[part.label].sum())
        if min(positive, len(part) - positive) < least:
            raise DataError(
                f"of the documents {name}, {positive} are good and {len(part) - positive} are not; at least {least} of each are needed.\n"
                "Fix: give more documents, hold out more, or match them less strictly."
            )
    if missing := [label for i, label in enumerate(inside.labels) if not (inside.label == i).any()]:
        raise DataError(f'all documents of the class "{missing[0]}" are held out.\nFix: hold out fewer, or give more of them.')


def _counts(examples: Examples) -> dict[str, Any]:
    counts = np.bincount(examples.label, minlength=len(examples.labels))
    return {"documents": dict(zip(examples.labels, counts.tolist(), strict=True)), "bytes": int(examples.sizes.sum())}


def _validated(
    inside: Examples, held: Examples, cluster: np.ndarray, good: np.ndarray, weights: dict[str, float], model: Path, seed: int
) -> dict[str, Any]:
    scored = classifier.load(model)
    score, positive = scores(scored, held.texts, weights), good[held.label]
    found = {
        "classifier": score,
        LENGTH: baselines.length_alone(inside, held, good),
        TOPIC: baselines.topic_alone(inside, held, good, seed),
    }
    for column in ("source", "topic"):
        if column in held.columns and len(set(inside.columns[column].to_pylist())) > 1:
            found[f"{column} column alone"] = baselines.column_alone(inside, held, good, column)
    auc = validation.compared(found, positive, cluster, seed)
    unit = _in_unit(score, weights)
    return {
        "calibration": validation.calibration(unit, positive),
        "auc": auc,
        "warnings": warnings(auc),
        "curve": validation.curves(score, positive),
        "calibration_table": validation.calibration_table(unit, positive, cluster),
        "features": _features(scored, held, weights),
    }


def scores(model: classifier.Classifier, texts: pa.Array, weights: dict[str, float]) -> np.ndarray:
    """f64[n]: the sum of the labels' probabilities times their weights; of a text without a known feature, the least weight."""
    score = model.scores(texts).astype(np.float64) @ np.array([weights[label] for label in model.labels])
    return np.where(np.isnan(score), min(weights.values()), score)


def _in_unit(score: np.ndarray, weights: dict[str, float]) -> np.ndarray:
    """Scores between the least and the largest weight as numbers in [0, 1]."""
    least, most = min(weights.values()), max(weights.values())
    return (score - least) / (most - least)


def warnings(auc: dict[str, Any]) -> list[str]:
    """What a reader must know before using the classifier."""
    said = []
    own = auc["classifier"]["auc"]
    for name, one in auc.items():
        if name == "classifier":
            continue
        low, high = one["margin"]["interval"]
        if low <= 0:
            said.append(
                f"It does not beat {name}: AUC {own:.3f} against {one['auc']:.3f}, a difference of {one['margin']['difference']:+.3f} (95 % interval {low:+.3f} to {high:+.3f})."
            )
    return said


def _features(model: classifier.Classifier, held: Examples, weights: dict[str, float]) -> dict[str, list[dict[str, Any]]]:
    """The words and runs of words that carry the scores of held-out documents: their weights, summed over documents."""
    best = max(weights, key=lambda label: weights[label])
    sums: dict[str, float] = {}
    documents: dict[str, int] = {}
    left = EXPLAINED_BYTES
    for text in held.texts:
        left -= len(text.as_py())
        if left < 0:
            break
        for name, weight in model.explain(text.as_py(), best):
            sums[name] = sums.get(name, 0.0) + weight
            documents[name] = documents.get(name, 0) + 1
    ordered = sorted(sums, key=lambda name: (-sums[name], name))

    def listed(names: Sequence[str]) -> list[dict[str, Any]]:
        return [{"feature": name, "weight": round(sums[name], 4), "documents": documents[name]} for name in names]

    return {
        "for": listed([name for name in ordered[:SHOWN] if sums[name] > 0]),
        "against": listed([name for name in ordered[::-1][:SHOWN] if sums[name] < 0]),
    }
