"""What the corpus is made of, stage by stage, beside what it should be made of; and its topics, with their most central documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tamis import topics_found
from tamis.folder import Finished
from tamis.mix import HOUSE, shortened
from tamis.report.groups import LONGEST
from tamis.report.intervals import share
from tamis.report.markup import cut
from tamis.report.texts import Texts, Wanted
from tamis.where import reference

Fact = dict[str, Any]
SHOWN = 50
"""Values of an axis that are listed; the manifest has more."""
TOPICS = 50
"""Topics that are listed with their words and central documents."""
CENTRAL = 2
"""Central documents of a topic that are shown."""
BEGINS = 300
"""Characters of a central document that are shown."""
WARNED = 3
"""Filters that a sentence names."""
MOVES = 0.005
"""What moves less of the text is not named."""


def mixes(manifest: Mapping[str, Any]) -> list[Fact]:
    """The mix of every axis with the share of each value raw, after each stage, as it should be, and as it is.

    Returns:
        See `tamis.mix.Mix.facts`; beside it, asked: whether a stage of the recipe made the axis or balances by it; stages: those that
        drop, in order; balanced: the stage that balances by this axis alone, null: none; movers: the filters that were not meant to move
        the mix and moved it most, as in `changes`; and for each value `after`: stage → documents, bytes, tokens; `shares` of the last
        measure: raw, after (stage → share), kept, target (null: none).
    """
    balance = manifest.get("balance", {})
    return [_told(shortened(axis, SHOWN), manifest, balance) for axis in manifest.get("mix", [])]


def _told(axis: Fact, manifest: Mapping[str, Any], balance: Mapping[str, Any]) -> Fact:
    measure, rows = axis["measures"][-1], [*axis["values"], *([axis["others"]] if axis["others"] else [])]
    dropping = {stage for row in rows for stage in row["dropped"]}
    stages = [step["stage"] for step in manifest["funnel"] if step["stage"] in dropping]
    balanced = {name: [reference(by) for by in account["by"]] for name, account in balance.items()}
    alone = next((name for name in reversed(balanced) if balanced[name] == [axis["axis"]]), None)
    targets = {one["group"]: one["target_share"] for one in balance[alone]["groups"]} if alone else {}
    after = [_after(row, stages, axis["measures"]) for row in rows]
    totals = {kind: sum(row[kind][measure] for row in rows) for kind in ("raw", "kept")}
    left = {stage: sum(one[stage][measure] for one in after) for stage in stages}
    told = [
        {
            **row,
            "after": one,
            "shares": {
                "raw": share(row["raw"][measure], totals["raw"]),
                "after": {stage: share(one[stage][measure], left[stage]) for stage in stages},
                "kept": share(row["kept"][measure], totals["kept"]),
                "target": targets.get("none" if row["value"] is None else row["value"]),
            },
        }
        for row, one in zip(rows, after, strict=True)
    ]
    movers = sorted((one for one in axis["changes"] if one["stage"] not in balance), key=lambda one: -one["moved"])
    return {
        **axis,
        "asked": axis["axis"] not in HOUSE or any(axis["axis"] in by for by in balanced.values()),
        "stages": stages,
        "balanced": alone,
        "values": told[: len(axis["values"])],
        "others": told[-1] if axis["others"] else None,
        "movers": [one for one in movers[:WARNED] if one["moved"] >= MOVES],
    }


def _after(row: Mapping[str, Any], stages: Iterable[str], measures: Sequence[str]) -> dict[str, dict[str, int]]:
    """What is left of a value after each stage; copies count once."""
    left, found = dict(row["raw"]), {}
    for stage in stages:
        gone = row["dropped"].get(stage, {})
        left = {name: left[name] - gone.get(name, 0) for name in measures}
        found[stage] = left
    return found


def topics(run: Finished, among: Sequence[tuple[int, int]]) -> Fact | None:
    """The topics of a run by their sizes, with words and addresses of central documents; None: no stage gives topics.

    Args:
        run: a finished run.
        among: ranges of documents in which central ones are looked for; (): all.
    """
    if topics_found.stage_of(run) is None:
        return None
    found = topics_found.topics(run, TOPICS, among)
    listed = [{**one, "topic": cut(one["topic"], LONGEST), "central": one["central"][:CENTRAL]} for one in found["topics"]]
    return {"stage": found["stage"], "without": found["without"], "topics": listed}


def wanted(found: Mapping[str, Any] | None) -> list[Wanted]:
    """The texts of the central documents, as the stage saw them."""
    return [(address, found["stage"]) for one in found["topics"] for address in one["central"]] if found else []


def with_texts(found: Mapping[str, Any] | None, texts: Texts | None) -> Fact | None:
    """The topics with the beginnings of their central documents; null where no text was read."""
    if found is None:
        return None

    def begins(address: str) -> str | None:
        text = texts.get(address, found["stage"]) if texts else None
        return None if text is None else cut(" ".join(text[: 4 * BEGINS].split()), BEGINS)

    listed = [
        {**one, "central": [{"address": address, "begins": begins(address)} for address in one["central"]]} for one in found["topics"]
    ]
    return {**found, "topics": listed}
