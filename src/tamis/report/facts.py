"""The facts of a run: report.json, every number that the page and the data card show.

The same input and recipe give the same bytes: no timings, no dates, no paths of this machine. Counts are of documents
and of bytes of text (UTF-8, as it was read, before edits). A share is a fraction in [0, 1], rounded to six digits,
named after its denominator, and null where that is zero. Readable documents are those of the ledger. Values that come
from the data are cut where they are long.

    format       1; raised when a key changes its meaning
    recipe       name; yaml: with every default, of paths only the last part; shortened: whether a path was
    tamis        version;  versions: of packages;  signals: stage → its folder, whose name ends in the stage's key
    documents    input, quarantined, readable, kept, dropped, written (rows of data/: copies count),
                 kept_share_of_readable, dropped_share_of_readable; files, unreadable_files
    bytes        readable, kept, dropped, kept_share_of_readable, dropped_share_of_readable
    stages       in order: stage, edits (rewrites text and drops nothing), reached, dropped, reached_bytes,
                 dropped_bytes; dropped_share_of_reached, dropped_bytes_share_of_reached; of all readable documents:
                 dropped_share_of_readable, left_share_of_readable (what leaves the stage)
      rules      reason; failed: documents that fail it, whoever dropped them; failed_share_of_readable; only: those
                 that fail nothing else; only_share_of_readable; examples
        examples up to 5 of the failed, the smallest hashes of the address: address ("shard:row"), id (null: none), fails (how
                 many rules in all). No text: what is private in it has not been masked.
    pairs        rules that documents fail together, the 10 most frequent: a, b (stage, reason), both, and
                 both_share_of_rarer (of the documents that fail the rarer of the two)
    axes         source, lang, license, topic where the data has them, and length: axis, column (its name in the data),
                 values (different ones; null: over a million, nothing counted), overall_kept_share_of_documents
      rows       the 12 values with the most documents, the smallest kept share first; of length all bands, in order:
                 value (null: none), documents, bytes, kept, kept_bytes, kept_share_of_documents, kept_share_of_bytes
      others     the same of all other values together, null where there are none
      curated    the 50 values with the most kept documents: value, documents, bytes (both kept), documents_share_of_kept
      curated_others   the same of all other values together, null where there are none; value: how many
    duplicates   stages that drop documents in favour of a partner: stage, removed; clusters (null: not to be told from the
                 ledger); largest: the 10 largest sizes: size, clusters, removed
    mix          what the corpus is made of, by topic, source and language, before and after each stage: see `tamis.mix.Mix.facts`; 50 values
    balance      stage that balances → its targets, and what became of them: see `tamis.stages._balance.account`
    quarantine   reason → documents;  unreadable_files: file → problem;  faults: stage → documents;  warnings
    inputs       files read: name, rows, bytes, fingerprint (SHA-256)
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import yaml

from tamis import files
from tamis import recipe as recipes
from tamis.folder import Finished
from tamis.mix import shortened
from tamis.report.gather import AXES, BANDS, COUNTED, LONGEST, Gathered, Groups, gather

Fact = dict[str, Any]
SHOWN_VALUES = 12
SHOWN_CURATED = 50
SHOWN_PAIRS = 10
SHOWN_SIZES = 10


def facts(run: Finished) -> Fact:
    """Everything that report.json holds, for a run folder that is complete but for its report and manifest."""
    manifest, counts = run.manifest, run.manifest["counts"]
    gathered = gather(run)
    content = recipes.from_yaml(files.read_bytes(files.join(run.out, "recipe.yaml")).decode())
    portable = without_places(content)
    text = yaml.safe_dump(portable, sort_keys=False, allow_unicode=True, width=120)
    return {
        "format": 1,
        "recipe": {"name": cut(manifest["recipe"]), "yaml": text, "shortened": portable != content},
        "tamis": manifest["tamis"],
        "versions": dict(manifest["versions"]),
        "signals": dict(manifest["signals"]),
        "documents": _documents(counts),
        "bytes": {
            "readable": counts["bytes"],
            "kept": counts["kept_bytes"],
            "dropped": counts["bytes"] - counts["kept_bytes"],
            "kept_share_of_readable": share(counts["kept_bytes"], counts["bytes"]),
            "dropped_share_of_readable": share(counts["bytes"] - counts["kept_bytes"], counts["bytes"]),
        },
        "stages": [_stage(step, counts["readable"], gathered) for step in manifest["funnel"]],
        "pairs": _pairs(gathered, manifest["funnel"]),
        "axes": _axes(gathered, counts, content.get("columns") or {}),
        "duplicates": _duplicates(gathered, manifest["funnel"]),
        "mix": [shortened(axis, SHOWN_CURATED) for axis in manifest.get("mix", [])],
        "balance": manifest.get("balance", {}),
        "quarantine": dict(counts["quarantined"]),
        "unreadable_files": dict(counts["unreadable_files"]),
        "faults": dict(counts["faults"]),
        "warnings": list(manifest["warnings"]),
        "inputs": [{key: one[key] for key in ("name", "rows", "bytes", "fingerprint")} for one in manifest["inputs"]],
    }


def share(part: int, whole: int) -> float | None:
    """A fraction with six digits; None of nothing."""
    return round(part / whole, 6) if whole else None


def cut(text: str) -> str:
    """A text of the data's or of a user's stage, of bounded length."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 4]}… ({len(text)} characters)"


def without_places(content: Any) -> Any:
    """A recipe's content with the last part only of every path of this machine."""
    if isinstance(content, Mapping):
        return {without_places(key): without_places(value) for key, value in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [without_places(value) for value in content]
    # "/wiki/.*" is a pattern of addresses and stays: a path of this machine begins with a folder that is there.
    if isinstance(content, str) and content.startswith("/") and content.count("/") > 1 and os.path.isdir(f"/{content.split('/')[1]}"):
        return content.rstrip("/").rsplit("/", 1)[-1] or content
    return content


def _documents(counts: Mapping[str, Any]) -> Fact:
    return {
        "input": counts["documents"],
        "quarantined": sum(counts["quarantined"].values()),
        "readable": counts["readable"],
        "kept": counts["kept"],
        "dropped": counts["readable"] - counts["kept"],
        "written": counts["written"],
        "kept_share_of_readable": share(counts["kept"], counts["readable"]),
        "dropped_share_of_readable": share(counts["readable"] - counts["kept"], counts["readable"]),
        "files": counts["files"],
        "unreadable_files": len(counts["unreadable_files"]),
    }


def _stage(step: Mapping[str, Any], readable: int, gathered: Gathered) -> Fact:
    rules = [
        {
            "reason": cut(rule["reason"]),
            "failed": rule["failed"],
            "failed_share_of_readable": share(rule["failed"], readable),
            "only": rule["only"],
            "only_share_of_readable": share(rule["only"], readable),
            "examples": _examples(f"{step['stage']}: {rule['reason']}", gathered),
        }
        for rule in step["rules"]
    ]
    return {
        "stage": cut(step["stage"]),
        "edits": step["edits"],
        "reached": step["reached"],
        "dropped": step["dropped"],
        "dropped_share_of_reached": share(step["dropped"], step["reached"]),
        "dropped_share_of_readable": share(step["dropped"], readable),
        "left_share_of_readable": share(step["reached"] - step["dropped"], readable),
        "reached_bytes": step["reached_bytes"],
        "dropped_bytes": step["dropped_bytes"],
        "dropped_bytes_share_of_reached": share(step["dropped_bytes"], step["reached_bytes"]),
        "rules": rules,
    }


def _examples(rule: str, gathered: Gathered) -> list[Fact]:
    chosen = gathered.examples.filter(pl.col("code") == gathered.rules.get(rule, -1))
    return [
        {"address": one["address"], "id": None if one["id"] is None else cut(one["id"]), "fails": one["fails"]}
        for one in chosen.iter_rows(named=True)
    ]


def _pairs(gathered: Gathered, funnel: Sequence[Mapping[str, Any]]) -> list[Fact]:
    names = [
        {"stage": cut(step["stage"]), "reason": cut(rule["reason"])}
        for step in funnel
        for rule in step["rules"]
        if f"{step['stage']}: {rule['reason']}" in gathered.rules
    ]
    together = gathered.together
    upper = np.triu(together, 1)
    order = np.argsort(-upper, axis=None, kind="stable")[:SHOWN_PAIRS]
    found = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, upper.shape), strict=True) if upper[i, j]] if upper.size else []
    return [
        {
            "a": names[i],
            "b": names[j],
            "both": int(together[i, j]),
            "both_share_of_rarer": share(int(together[i, j]), int(min(together[i, i], together[j, j]))),
        }
        for i, j in found
    ]


def _axes(gathered: Gathered, counts: Mapping[str, Any], columns: Mapping[str, str]) -> list[Fact]:
    overall = share(counts["kept"], counts["readable"])
    found = []
    for axis in AXES:
        if axis not in gathered.groups:
            continue
        groups = gathered.groups[axis]
        front = {"axis": axis, "column": columns.get(axis, axis), "overall_kept_share_of_documents": overall}
        found.append({**front, **(_uncounted() if groups.too_many else _values(groups.whole(), counts))})
    whole = gathered.groups.get("length", Groups()).whole()
    _check(whole, counts)
    return [*found, {"axis": "length", "column": None, "overall_kept_share_of_documents": overall, **_bands(whole)}]


def _check(whole: pl.DataFrame, counts: Mapping[str, Any]) -> None:
    """Nothing is lost between the ledger and the report: our own bug, not the user's."""
    seen = [int(whole[name].sum()) for name in COUNTED]
    told = [counts[name] for name in ("readable", "bytes", "kept", "kept_bytes")]
    assert seen == told, f"the report counts {seen} where the manifest has {told}"


def _uncounted() -> Fact:
    return {"values": None, "rows": [], "others": None, "curated": [], "curated_others": None}


def _values(whole: pl.DataFrame, counts: Mapping[str, Any]) -> Fact:
    rows = [_row(row) for row in whole.head(SHOWN_VALUES).iter_rows(named=True)]
    rows.sort(key=lambda row: (row["kept_share_of_documents"], -row["documents"], row["value"] is None, row["value"] or ""))
    kept = whole.filter(pl.col("kept") > 0).sort("kept", "value", descending=[True, False], nulls_last=True)
    left = kept.slice(SHOWN_CURATED)
    return {
        "values": whole.height,
        "rows": rows,
        "others": _sum(whole.slice(SHOWN_VALUES)),
        "curated": [
            _curated(row["value"], row["kept"], row["kept_bytes"], counts) for row in kept.head(SHOWN_CURATED).iter_rows(named=True)
        ],
        "curated_others": _curated(left.height, int(left["kept"].sum()), int(left["kept_bytes"].sum()), counts) if left.height else None,
    }


def _row(row: Mapping[str, Any]) -> Fact:
    shares = {
        "kept_share_of_documents": share(row["kept"], row["documents"]),
        "kept_share_of_bytes": share(row["kept_bytes"], row["bytes"]),
    }
    return {"value": row["value"], **{name: row[name] for name in COUNTED}, **shares}


def _sum(whole: pl.DataFrame) -> Fact | None:
    return _row({"value": None, **{name: int(whole[name].sum()) for name in COUNTED}}) if whole.height else None


def _curated(value: Any, documents: int, size: int, counts: Mapping[str, Any]) -> Fact:
    return {"value": value, "documents": documents, "bytes": size, "documents_share_of_kept": share(documents, counts["kept"])}


def _bands(whole: pl.DataFrame) -> Fact:
    counted = {row["value"]: row for row in whole.iter_rows(named=True)}
    none = dict.fromkeys(COUNTED, 0)
    rows = [_row({**counted.get(str(i), none), "value": name}) for i, name in enumerate(band_names())]
    return {"values": len(rows), "rows": rows, "others": None, "curated": [], "curated_others": None}


def band_names() -> list[str]:
    """What the bands of length are called, from short to long."""
    borders = [f"{border // 1000}" for border in BANDS]
    between = [f"{low} to {high} kB" for low, high in itertools.pairwise(borders)]
    return [f"under {borders[0]} kB", *between, f"{borders[-1]} kB and more"]


def _duplicates(gathered: Gathered, funnel: Sequence[Mapping[str, Any]]) -> list[Fact]:
    found = []
    for step in funnel:
        sizes = sorted(((size, n) for (stage, size), n in gathered.removed.items() if stage == step["stage"]), reverse=True)
        # All but one of a cluster go. A stage that goes by something else than one partner for all leaves another remainder.
        told = all(n % (size - 1) == 0 for size, n in sizes)
        largest = [{"size": size, "clusters": n // (size - 1) if told else None, "removed": n} for size, n in sizes[:SHOWN_SIZES]]
        clusters = sum(n // (size - 1) for size, n in sizes) if told else None
        if sizes:
            found.append({"stage": cut(step["stage"]), "removed": sum(n for _, n in sizes), "clusters": clusters, "largest": largest})
    return found
