"""A classifier of topics from a labelled column: trained, held to account, calibrated, described."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from tamis import classifier, model_card
from tamis.ablate.clusters import clusters
from tamis.ablate.folds import held_out
from tamis.documents import Columns
from tamis.errors import DataError, require
from tamis.train import fit, topic_validation
from tamis.train.examples import LEAST, Examples, labelled
from tamis.train.settings import PRESETS, Settings

LEAST_HELD_OUT = 20
"""Documents without which nothing can be said of a classifier."""
_UNSAYABLE = re.compile(r"[%\s\0-\x1f\x7f]")
"""What would end a label of fastText, and what stands for it."""


@dataclass(frozen=True)
class How:
    """What is asked for.

    Args:
        settings: of fastText.
        min_documents: of a topic; those of topics with fewer are left out.
        held_out: share of the bytes that validate, in whole clusters of near-duplicates.
        seed: of the split, fastText and the intervals.
        preset: where the settings come from, for the record.
    """

    settings: Settings = field(default_factory=lambda: PRESETS["topics"])
    min_documents: int = LEAST
    held_out: float = 0.2
    seed: int = 0
    preset: str = "topics"


def spelled(topic: str) -> str:
    """A topic as a label of fastText, which ends at white space: that is percent-encoded, and so is "%"; `unquote` undoes it."""
    return _UNSAYABLE.sub(lambda found: quote(found[0], safe=""), topic.strip())


def from_column(places: Sequence[str], column: str, columns: Columns) -> Examples:
    """Labelled texts, topics spelled as labels.

    Raises:
        DataError: a file cannot be read, or has no such column.
    """
    return labelled(places, column, columns, spelled)


def train(examples: Examples, how: How, model: Path) -> dict[str, Any]:
    """Train a classifier, validate it, and write it with its card.

    Args:
        examples: of `from_column`.
        how: what is asked for.
        model: where; `<model>.json` and `<model>.texts` come beside it.

    Returns:
        The report: what the card says, and under "validation" all of `topic_validation.validated`.

    Raises:
        DataError: too few topics, or too few documents on either side.
        MissingPackage: fastText or scikit-learn is not installed.
    """
    fit.library()
    require("sklearn", needed_by="training a classifier", extra="fasttext")
    if not 0 < how.held_out < 1:
        raise DataError(f"the share held out must be above 0 and below 1, not {how.held_out}.")
    examples = _frequent(examples, how.min_documents)
    grouped = clusters(examples.texts).cluster
    outside = _outside(examples, grouped, how)
    inside, held = examples.take(np.flatnonzero(~outside)), examples.take(np.flatnonzero(outside))
    _refuse_too_few(held)
    model.parent.mkdir(parents=True, exist_ok=True)
    fit.fit(inside, how.settings, how.seed, model)
    found = topic_validation.validated(classifier.load(model), inside, held, grouped[outside], how.seed)
    named = [unquote(label) for label in examples.labels]
    facts = {
        "kind": model_card.TOPICS,
        "labels": named,
        "recipe": asdict(how),
        "inputs": list(examples.inputs),
        "left_out": dict(examples.left_out),
        "split": {part: _counts(one, named) for part, one in (("training", inside), ("held_out", held))}
        | {"clusters": len(np.unique(grouped))},
        "packages": {fit.PACKAGE: fit.library()[1]},
        "calibration": found["calibration"],
        "topics": {name: _named(found)[name] for name in ("accuracy", "macro_f1", "majority")},
        "warnings": topic_validation.warnings(found),
    }
    return {**model_card.write(model, inside.keys, facts), "validation": _named(found)}


def _frequent(examples: Examples, least: int) -> Examples:
    """The documents of topics that are not rare.

    Raises:
        DataError: fewer than two topics are left.
    """
    if least < 2:
        raise DataError(f"a topic needs at least 2 documents, one to train and one to validate, and --min-documents is {least}.")
    counts = np.bincount(examples.label, minlength=len(examples.labels))
    if (counts >= least).sum() < 2:
        if not len(examples):
            raise DataError("no document has both text and a topic.\nFix: name the column of topics with --label-column.")
        best = int(counts.argmax())
        there = (
            f'all documents are of the topic "{unquote(examples.labels[best])}"'
            if (counts > 0).sum() == 1
            else f'of {len(examples.labels)}, the largest, "{unquote(examples.labels[best])}", has {counts[best]}'
        )
        raise DataError(f"a classifier needs two topics with at least {least} documents each, and {there}.\nFix: give more documents.")
    kept = examples.take(np.flatnonzero(counts[examples.label] >= least), f"of topics with fewer than {least} documents")
    frequent, label = np.unique(kept.label, return_inverse=True)
    return kept.relabelled(tuple(kept.labels[i] for i in frequent.tolist()), label.astype(np.int64))


def _outside(examples: Examples, cluster: np.ndarray, how: How) -> np.ndarray:
    """bool[n]: whole clusters that are held out; those of a topic of which nothing else would be left are learned from, not judged by."""
    outside = held_out(cluster, examples.keys, examples.sizes, share=how.held_out, seed=how.seed)
    gone = np.setdiff1d(np.arange(len(examples.labels)), examples.label[~outside])
    return np.asarray(outside & ~np.isin(cluster, cluster[np.isin(examples.label, gone)]))


def _refuse_too_few(held: Examples) -> None:
    if len(held) < LEAST_HELD_OUT:
        raise DataError(
            f"{len(held)} documents are held out, and at least {LEAST_HELD_OUT} are needed to validate.\nFix: give more, or hold out more."
        )


def _counts(examples: Examples, named: Sequence[str]) -> dict[str, Any]:
    counts = np.bincount(examples.label, minlength=len(named))
    return {"documents": dict(zip(named, counts.tolist(), strict=True)), "bytes": int(examples.sizes.sum())}


def _named(found: Any) -> Any:
    """What was found, with topics as the column has them."""
    if isinstance(found, list):
        return [_named(one) for one in found]
    if isinstance(found, dict):
        return {key: unquote(value) if key in ("topic", "said", "label") and value else _named(value) for key, value in found.items()}
    return found
