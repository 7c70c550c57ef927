"""What is written about a trained classifier: for programs, and for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tamis.train import topic_report

BASELINES = (
    "Length alone is a logistic regression on the logarithm of the bytes, its square and its cube; topic alone one on 24 topics that were found without the labels. "
    "Intervals are bootstrapped over clusters of near-duplicates."
)


def write(model: Path, report: Mapping[str, Any]) -> None:
    """`<model>.report.json` and `<model>.md`."""
    model.with_name(model.name + ".report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    page = topic_report.as_markdown if "validation" in report else as_markdown
    model.with_name(model.name + ".md").write_text(page(report), "utf-8")


def as_markdown(report: Mapping[str, Any]) -> str:
    """The report as a page."""
    parts = [
        f"# {report['name']}",
        _summary(report),
        *(f"**Warning.** {warning}" for warning in report["warnings"]),
        "## Validation",
        _split(report),
        _table(("score", "AUC", "95 % interval", "classifier less this", "95 % interval"), [_row(name, one) for name, one in report["auc"].items()]),
        BASELINES,
        "## Keeping the best",
        _table(("kept", "threshold", "of the good", "of the others", "precision"), _kept(report["curve"]["points"])),
        "## Calibration",
        f"By {report['calibration']['method']}, on the held-out documents; in the table, each half by a calibration fitted on the other.",
        _table(("documents", "mean score", "calibrated", "good"), [
            (f"{one['documents']:,}", f"{one['score']:.3f}", f"{one['calibrated']:.3f}", f"{one['good_share']:.3f}") for one in report["calibration_table"]
        ]),
        "## What carries it",
        "Words and runs of words, by the sum of their weights over held-out documents (log-odds).",
        _table(("for", "weight", "documents", "against", "weight", "documents"), _features(report["features"])),
        "## Inputs",
        _table(("file", "class", "documents", "SHA-256"), [(one["file"], one["class"] or "by column", f"{one['documents']:,}", f"`{one['sha256'][:16]}…`") for one in report["inputs"]]),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _summary(report: Mapping[str, Any]) -> str:
    recipe = report["recipe"]
    return (
        f"A quality classifier (fastText), {report['bytes'] / 1e6:.1f} MB, SHA-256 `{report['sha256'][:16]}…`, trained by tamis {report['tamis']} "
        f'with seed {recipe["seed"]} and the preset "{recipe["preset"]}"; good: {", ".join(recipe["good"])}.'
    )


def _split(report: Mapping[str, Any]) -> str:
    split, recipe = report["split"], report["recipe"]
    counts = [", ".join(f"{count:,} {label}" for label, count in split[part]["documents"].items()) for part in ("training", "held_out")]
    by = f"where {recipe['held_out_where']}" if recipe["held_out_where"] else "drawn"
    left = ", ".join(f"{count:,} {why}" for why, count in report["left_out"].items() if count)
    alike = f" Classes were made alike in {' and '.join(recipe['match'])}." if recipe["match"] else ""
    return f"Trained on {counts[0]}; held out, {by}, in whole clusters of near-duplicates: {counts[1]}.{alike}" + (
        f" Left out: {left}." if left else ""
    )


def _row(name: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    margin = one.get("margin")
    return (
        name,
        f"{one['auc']:.3f}",
        _interval(one["interval"]),
        *((f"{margin['difference']:+.3f}", _interval(margin["interval"])) if margin else ("", "")),
    )


def _interval(bounds: list[float]) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _kept(points: list[Mapping[str, float]]) -> list[tuple[str, ...]]:
    wanted = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
    chosen = {min(range(len(points)), key=lambda i: abs(points[i]["kept_share"] - share)) for share in wanted}
    return [
        (f"{p['kept_share']:.1%}", f"{p['threshold']:.4g}", f"{p['recall']:.1%}", f"{p['false_share']:.1%}", f"{p['precision']:.1%}")
        for p in (points[i] for i in sorted(chosen))
    ]


def _features(features: Mapping[str, list[Mapping[str, Any]]]) -> list[tuple[str, ...]]:
    sides = [
        [(f"`{_plain(one['feature'])}`", f"{one['weight']:+.2f}", f"{one['documents']:,}") for one in features[side]]
        for side in ("for", "against")
    ]
    longest = max(map(len, sides))
    padded = [side + [("", "", "")] * (longest - len(side)) for side in sides]
    return [(*a, *b) for a, b in zip(*padded, strict=True)]


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() and c not in "`|" else "·" for c in text)[:60]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))
