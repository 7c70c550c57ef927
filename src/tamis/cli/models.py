"""What `tamis models` prints of a model: who it is, what it was trained on, what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tamis import classifier, model_card
from tamis.cli import show


def described(place: str) -> dict[str, Any]:
    """The card of a model, or what the file itself says.

    Raises:
        DataError: there is no such file, or it is neither a fastText model nor has a card.
    """
    path = Path(place)
    card = model_card.read(path)
    if card is not None:
        return {"file": place, **card}
    loaded = classifier.load(path)
    return {"file": place, "name": path.stem, "sha256": loaded.sha256, "bytes": path.stat().st_size, "kind": "fastText classifier without a card",
            **loaded.about, "labels": list(loaded.labels)}  # fmt: skip


def as_text(card: Mapping[str, Any]) -> str:
    """A card as lines for a terminal."""
    rows = [
        ("name", str(card["name"])),
        ("kind", str(card.get("kind", "unknown"))),
        ("sha256", str(card["sha256"])),
        ("bytes", f"{card['bytes']:,}"),
    ]
    labels = [str(label) for label in card.get("labels", ())]
    if labels:
        rows.append(("labels", ", ".join(labels[:10]) + (f" and {len(labels) - 10} more" if len(labels) > 10 else "")))
    if "recipe" in card:
        rows += [("good", ", ".join(card["recipe"]["good"]))] if "good" in card["recipe"] else []
        rows += [("trained", _trained(card)), ("tamis", str(card["tamis"]))]
    for one in card.get("inputs", ()):
        rows.append(
            ("input", f"{one['file']}, {one['documents']:,} documents, {one['class'] or 'classes by column'}, {one['sha256'][:12]}…")
        )
    if "training_texts" in card:
        rows.append(
            (
                "texts",
                f"{card['training_texts']['texts']:,} hashes in {card['training_texts']['file']}, {card['training_texts']['sha256'][:12]}…",
            )
        )
    lines = [show.table(rows)]
    if "auc" in card:
        lines += [
            "",
            show.table(
                [("held-out documents", "AUC", "95 % interval", "classifier less this", "95 % interval"), *_auc(card["auc"])], right=(1, 3)
            ),
        ]
    if "topics" in card:
        lines += [
            "",
            show.table(
                [("held-out documents", "accuracy", "95 % interval", "macro-F1", "95 % interval"), *_topics(card["topics"])], right=(1, 3)
            ),
        ]
    lines += ["", *(f"Warning: {warning}" for warning in card["warnings"])] if card.get("warnings") else []
    return "\n".join(lines)


def _trained(card: Mapping[str, Any]) -> str:
    recipe, split = card["recipe"], card["split"]
    settings = ", ".join(f"{name} {value:,}" for name, value in recipe["settings"].items())
    counts = [sum(split[part]["documents"].values()) for part in ("training", "held_out")]
    alike = f"; classes alike in {' and '.join(recipe['match'])}" if recipe.get("match") else ""
    return f"on {counts[0]:,} documents, {counts[1]:,} held out{alike}; seed {recipe['seed']}; preset {recipe['preset']}: {settings}"


def _auc(auc: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, one in auc.items():
        margin = one.get("margin")
        difference = (f"{margin['difference']:+.3f}", _between(margin["interval"], "+")) if margin else ("", "")
        rows.append((name, f"{one['auc']:.3f}", _between(one["interval"], ""), *difference))
    return rows


def _topics(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    own = [(f"{found[name]['value']:.3f}", _between(found[name]["interval"], "")) for name in ("accuracy", "macro_f1")]
    usual = found["majority"]
    return [
        ("classifier", *own[0], *own[1]),
        (f'always "{usual["label"]}"', f"{usual['accuracy']:.3f}", "", f"{usual['macro_f1']:.3f}", ""),
    ]


def _between(bounds: list[float], sign: str) -> str:
    return f"{bounds[0]:{sign}.3f} to {bounds[1]:{sign}.3f}"
