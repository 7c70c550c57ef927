"""The facts of a run: report.json, every number that the page and the data card show; docs/report.md says what each key holds.

The same input and recipe give the same bytes, but for `timings`, which come last: no dates, no paths of this machine. A
share is a fraction in [0, 1], rounded to six digits, named after its denominator, and null where that is zero.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tamis import files, mappers, simulate
from tamis import recipe as recipes
from tamis.errors import DataError
from tamis.folder import Finished
from tamis.plan import Plan
from tamis.report import duplicates, gather, groups, limits, mixes, overlap, samples, texts, totals, verdict
from tamis.report.counted import Counted
from tamis.report.gather import Gathered
from tamis.report.groups import LONGEST
from tamis.report.intervals import share
from tamis.report.nearest import Sought, sought
from tamis.simulate import Numbers

Fact = dict[str, Any]
FORMAT = 2


@dataclass(frozen=True)
class Show:
    """What of the documents themselves a report shows.

    Args:
        samples: documents on either side of each rule; 0: no text at all.
        masked: replace addresses and numbers of persons in texts, as the edit `mask` does by default.
    """

    samples: int = 3
    masked: bool = True


def facts(run: Finished, show: Show | None = None, plan: Plan | None = None, *, workers: int | None = None) -> Fact:
    """Everything that report.json holds but its timings, for a run folder that is complete but for its report and manifest.

    Args:
        run: with its manifest.
        show: what of the texts is shown.
        plan: of the run, if it is at hand.
        workers: side by side.
    """
    show, manifest, counts = show or Show(), run.manifest, run.manifest["counts"]
    numbers = Numbers(run, workers or mappers.default_workers(), gather.ROWS)
    fates = simulate.before(numbers)
    gathered, copies = gather.gather(run, fates, workers=numbers.workers), fates.copies
    looked_at = sought(numbers, show.samples)
    counted, notes = limits.count(numbers, copies, looked_at)
    summed = totals.totals(numbers, copies)
    stages = [step["stage"] for step in manifest["funnel"] if not step["edits"]]
    told = _Told(
        gathered,
        counted,
        notes,
        summed,
        called := samples.called(run, gathered, counted),
        samples.chosen(counted, called),
        duplicates.told(gathered.duplicates, stages),
        mixes.topics(run, looked_at.ranges),
    )
    read = _Read.of(run, told, looked_at, show, plan, numbers)
    content = recipes.from_yaml(files.read_bytes(files.join(run.out, "recipe.yaml")).decode())
    return {
        "format": FORMAT,
        "verdict": verdict.read(run.out),
        "recipe": _recipe(manifest, content),
        "tamis": manifest["tamis"],
        "versions": dict(manifest["versions"]),
        "signals": dict(manifest["signals"]),
        "documents": _documents(counts),
        "bytes": _bytes(counts),
        "words": summed.words,
        "tokens": _tokens(counts),
        "stages": [_stage(step, counts, told, read) for step in manifest["funnel"]],
        "pairs": overlap.pairs(gathered, manifest["funnel"]),
        "overlap": overlap.matrix(gathered, manifest["funnel"]),
        "axes": groups.axes(gathered.groups, counts, stages, content.get("columns") or {}),
        "scores": summed.scores,
        "duplicates": read.duplicates,
        "not_compared": dict(manifest.get("not_compared", {})),
        "samples": read.said,
        "mix": mixes.mixes(manifest),
        "topics": read.topics,
        "balance": manifest.get("balance", {}),
        "quarantine": dict(counts["quarantined"]),
        "unreadable_files": dict(counts["unreadable_files"]),
        "faults": dict(counts["faults"]),
        "warnings": list(manifest["warnings"]),
        "inputs": [{key: one[key] for key in ("name", "rows", "bytes", "fingerprint")} for one in manifest["inputs"]],
    }


@dataclass(frozen=True)
class _Told:
    """What was counted, and which documents to read."""

    gathered: Gathered
    counted: Mapping[str, Counted]
    notes: Sequence[Mapping[str, Any]]
    summed: totals.Totals
    called: Mapping[int, Fact]
    chosen: Mapping[str, Mapping[str, Sequence[Fact]]]
    duplicates: list[Fact]
    topics: Fact | None

    def note(self, stage: str, rule: str) -> Mapping[str, Any] | None:
        return next((one for one in self.notes if (one["stage"], one["rule"]) == (stage, rule)), None)


@dataclass(frozen=True)
class _Read:
    """What was read of the texts."""

    said: Fact
    samples: Mapping[str, Mapping[str, Sequence[Fact]]]
    duplicates: list[Fact]
    topics: Fact | None

    @classmethod
    def of(cls, run: Finished, told: _Told, looked_at: Sought, show: Show, plan: Plan | None, numbers: Numbers) -> _Read:
        said: Fact = {"each_side": show.samples, "masked": show.masked, "chunks": len(looked_at.ranges), "of_chunks": len(numbers.chunks)}
        said |= {"documents": looked_at.documents, "missing": None}
        wanted = samples.wanted(told.chosen, told.counted)
        wanted += [*samples.pairs_wanted(told.duplicates), *mixes.wanted(told.topics)] if show.samples else []
        try:
            found = texts.read(plan or run.plan(), wanted, masked=show.masked, workers=numbers.workers) if wanted else texts.Texts({})
        except DataError as error:  # the shards may be gone by the time somebody draws a report again
            said["missing"] = without_places(cut(str(error).splitlines()[0]))
            found = None
        if found is None or not show.samples:
            return cls(
                said,
                {},
                [{**one, "largest_pairs": [], "doubtful_pairs": []} for one in told.duplicates],
                mixes.with_texts(told.topics, None),
            )
        pairs = samples.compared(told.duplicates, found)
        return cls(said, samples.with_texts(told.chosen, told.counted, found), pairs, mixes.with_texts(told.topics, found))


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


def _recipe(manifest: Mapping[str, Any], content: Any) -> Fact:
    portable = without_places(content)
    shown = yaml.safe_dump(portable, sort_keys=False, allow_unicode=True, width=120)
    return {"name": cut(manifest["recipe"]), "yaml": shown, "shortened": portable != content}


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


def _bytes(counts: Mapping[str, Any]) -> Fact:
    return {
        "readable": counts["bytes"],
        "kept": counts["kept_bytes"],
        "dropped": counts["bytes"] - counts["kept_bytes"],
        "kept_share_of_readable": share(counts["kept_bytes"], counts["bytes"]),
        "dropped_share_of_readable": share(counts["bytes"] - counts["kept_bytes"], counts["bytes"]),
    }


def _tokens(counts: Mapping[str, Any]) -> Fact:
    return {
        "bytes_per_token": totals.TOKEN_BYTES,
        "readable": totals.tokens(counts["bytes"]),
        "kept": totals.tokens(counts["kept_bytes"]),
    }


def _stage(step: Mapping[str, Any], counts: Mapping[str, Any], told: _Told, read: _Read) -> Fact:
    readable = counts["readable"]
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
        "dropped_bytes_share_of_readable": share(step["dropped_bytes"], counts["bytes"]),
        "left_bytes_share_of_readable": share(step["reached_bytes"] - step["dropped_bytes"], counts["bytes"]),
        "edited": told.summed.edits.get(step["stage"], []),
        "rules": [_rule(step["stage"], rule, counts, told, read) for rule in step["rules"]],
    }


def _rule(stage: str, rule: Mapping[str, Any], counts: Mapping[str, Any], told: _Told, read: _Read) -> Fact:
    name = f"{stage}: {rule['reason']}"
    code, counted = told.gathered.rules.get(name), told.counted.get(name)
    only_bytes = int(told.gathered.failed.only_bytes[code]) if code is not None else 0
    note = told.note(stage, counted.rule.parameter or rule["reason"]) if counted else None
    return {
        "reason": cut(rule["reason"]),
        "failed": rule["failed"],
        "failed_share_of_readable": share(rule["failed"], counts["readable"]),
        "only": rule["only"],
        "only_share_of_readable": share(rule["only"], counts["readable"]),
        "only_bytes": only_bytes,
        "only_bytes_share_of_readable": share(only_bytes, counts["bytes"]),
        "note": {"fires": note["fires"], "extreme": note["extreme"]} if note else None,
        "limit": _limit(counted) if counted and counted.rule.parameter else None,
        "samples": read.samples.get(name, {side: [] for side in samples.SIDES}),
        "examples": _examples(code, told),
    }


def _limit(counted: Counted) -> Fact:
    rule, grid = counted.rule, counted.grid
    return {
        "parameter": rule.parameter,
        "signal": rule.signal if "." in str(rule.signal) else f"{rule.step.name}.{rule.signal}",
        "least": rule.least,
        "now": None if rule.now is None else limits.number(rule.now),
        "place": rule.place,
        "judged": counted.judged,
        "not_measurable": counted.null,
        "histogram": None
        if grid is None
        else {
            "scale": grid.scale,
            "whole": grid.whole,
            "edges": [limits.number(edge) for edge in grid.edges.tolist()],
            "documents": counted.bins[0].tolist(),
            "left_to_this_rule": counted.bins[1].tolist(),
        },
        "moved": None
        if grid is None or not counted.movable
        else {
            "limits": [limits.number(limit) for limit in grid.limits.tolist()],
            **dict(zip(("documents_alone", "bytes_alone", "documents", "bytes"), counted.passing.tolist(), strict=True)),
        },
    }


def _examples(code: int | None, told: _Told) -> list[Fact]:
    shown = [(told.called[row], fails) for row, fails in told.gathered.examples(code)] if code is not None else []
    return [{"address": one["address"], "id": None if one["id"] is None else cut(one["id"]), "fails": fails} for one, fails in shown]
