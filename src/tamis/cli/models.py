"""What `tamis models` prints of a model: who it is, what it was trained on, what it is worth."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tamis import classifier, files, model_card
from tamis.cli import show
from tamis.errors import DataError
from tamis.lm.model import KIND, header
from tamis.plan import shown_bytes


def described(place: str) -> dict[str, Any]:
    """The card of a model, or what the file itself says.

    Raises:
        DataError: there is no such file, or it is neither a model of `tamis train lm` nor a fastText model.
    """
    if place != model_card.DEFAULT and _is_parquet(place):
        return _language_model(place)
    path = model_card.located(place)
    card = model_card.read(path)
    if card is not None:
        return {"file": place, **card}
    loaded = classifier.load(path)
    return {"file": place, "name": path.stem, "sha256": loaded.sha256, "bytes": path.stat().st_size, "kind": "fastText classifier without a card",
            **loaded.about, "labels": list(loaded.labels)}  # fmt: skip


def _is_parquet(place: str) -> bool:
    """Whether a file begins as models of `tamis train lm` do; False if there is none."""
    try:
        with files.open_read(place) as file:
            return bytes(file.read(4)) == b"PAR1"
    except (OSError, DataError):
        return False


def _language_model(place: str) -> dict[str, Any]:
    said = header(place)
    with files.open_read(place) as file:
        content = file.read()
    facts = {"training_bytes" if key == "bytes" else key: value for key, value in said["facts"].items()}
    whole = {key: said[key] for key in ("kind", "vocabulary", "order", "discounts", "tokens", "tokenizer")}
    return {"file": place, "name": "model", **facts, **whole, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def as_text(card: Mapping[str, Any]) -> str:
    """A card as lines for a terminal."""
    if card.get("kind") == KIND:
        return _language_model_as_text(card)
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


def _language_model_as_text(card: Mapping[str, Any]) -> str:
    rows = [(key, str(card[key])) for key in ("name", "kind", "sha256")] + [("bytes", f"{card['bytes']:,}")]
    rows.append(("counts", f"{card['order']}-grams of {card['vocabulary']:,} tokens, {card['tokens']:,} seen"))
    if "documents" in card:
        settings = card["settings"]
        asked = f"seed {settings['seed']}; at most {shown_bytes(settings['max_bytes'])}" + (f" a {settings['by']}" if settings["by"] else "")
        rows += [("trained", f"on {card['documents']:,} documents, {shown_bytes(card['training_bytes'])}; {asked}"), ("tamis", str(card["tamis"]))]
        rows += [("input", f"{one['file']}, {one['sha256'][:12]}…") for one in card["inputs"]]
        rows.append(("texts", f"hashes of all together: {card['texts_sha256'][:12]}…"))
        held = card["held_out"]
        thirds = f"better third up to {held['thirds'][0]:.3f}, worse third from {held['thirds'][1]:.3f}"
        rows.append(("held out", f"{held['documents']:,} documents at {held['bits_per_byte']:.3f} bits per byte; {thirds}"))
    return show.table(rows)


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
