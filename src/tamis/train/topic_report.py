"""What is written about a classifier of topics, for people: `<model>.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = 200
"""Topics that the page lists; the report in JSON has all."""


def as_markdown(report: Mapping[str, Any]) -> str:
    """The report as a page."""
    found = report["validation"]
    parts = [
        f"# {report['name']}",
        _summary(report),
        *(f"**Warning.** {warning}" for warning in report["warnings"]),
        "## Validation",
        _split(report),
        table(("", "accuracy", "95 % interval", "macro-F1", "95 % interval"), _whole(found)),
        "Macro-F1 is the mean F1 of the topics that were held out. Intervals are bootstrapped over clusters of near-duplicates.",
        "## By topic",
        table(("topic", "held out", "precision", "recall", "F1"), _topics(found["topics"])),
        "## What it confuses",
        table(("topic", "called", "documents", "share of the topic"), _confused(found["confused"])),
        "## What its confidence is worth",
        _calibrated(report, found),
        table(("documents", "mean probability", "calibrated", "right"), [
            (f"{one['documents']:,}", f"{one['score']:.3f}", f"{one['calibrated']:.3f}", f"{one['good_share']:.3f}") for one in found["calibration_table"]
        ]),
        "A limit on it (`min_confidence`) leaves these documents with a topic, and of them so many right:",
        table(("confidence from", "documents", "right"), [
            (f"{one['confidence']:g}", f"{one['share']:.1%}", _share(one["accuracy"])) for one in found["limits"]
        ]),
        "## Inputs",
        table(("file", "documents", "SHA-256"), [(plain(one["file"]), f"{one['documents']:,}", f"`{one['sha256'][:16]}…`") for one in report["inputs"]]),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(report: Mapping[str, Any]) -> str:
    recipe = report["recipe"]
    return (
        f"A classifier of {len(report['labels']):,} topics (fastText), {report['bytes'] / 1e6:.1f} MB, SHA-256 `{report['sha256'][:16]}…`, trained by "
        f'tamis {report["tamis"]} with seed {recipe["seed"]} and the preset "{recipe["preset"]}".'
    )


def _split(report: Mapping[str, Any]) -> str:
    trained, held = (sum(report["split"][part]["documents"].values()) for part in ("training", "held_out"))
    left = ", ".join(f"{count:,} {why}" for why, count in report["left_out"].items() if count)
    return f"Trained on {trained:,} documents; {held:,} held out, in whole clusters of near-duplicates." + (
        f" Left out: {left}." if left else ""
    )


def _whole(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    usual = found["majority"]
    own = [f"{found[name]['value']:.3f}" for name in ("accuracy", "macro_f1")]
    ends = ["{:.3f} to {:.3f}".format(*found[name]["interval"]) for name in ("accuracy", "macro_f1")]
    return [
        ("classifier", own[0], ends[0], own[1], ends[1]),
        (f"always “{plain(usual['label'])}”", f"{usual['accuracy']:.3f}", "", f"{usual['macro_f1']:.3f}", ""),
    ]


def _topics(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (plain(one["topic"]), f"{one['documents']:,}", *(_share(one[name]) for name in ("precision", "recall", "f1")))
        for one in rows[:SHOWN]
    ]


def _confused(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (plain(one["topic"]), plain(one["said"] or "(no known word)"), f"{one['documents']:,}", _share(one["share_of_topic"]))
        for one in rows
    ]


def _calibrated(report: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    if not report["calibration"]:
        return "All held-out documents were told right, or none, so that there is nothing to calibrate by: confidence is the model's probability."
    error = found["calibration_error"]
    return (
        "The signal `confidence` is the model's probability, calibrated by "
        f"{report['calibration']['method']} on the held-out documents: the share of such documents that were told right. "
        f"Mean distance from that share: {error['raw']:.3f} before, {error['calibrated']:.3f} after, each half calibrated by the other."
    )


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def plain(text: str) -> str:
    """A name of the data's on one line of a table."""
    return "".join(c if c.isprintable() and c not in "`|" else "·" for c in text)[:80]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; nothing without rows."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)) if rows else ""
