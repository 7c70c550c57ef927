"""Count a ledger as it is written: the funnel, the rules, the ids; and check that nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from tamis.failures import coded
from tamis.stage import Edit, Filter, Stage
from tamis.verdicts import Failed

MOST = 0.99
"""A stage that drops a larger share of what reaches it is warned about."""
MOST_SAID = 8
"""Files and reasons that have a warning each: a thousand lines say less than a number."""
ENOUGH = 1_000
"""Documents that a rule must have judged before it is worth a word that it never fired."""


@dataclass
class Tally:
    """Documents and bytes by fate."""

    documents: int = 0
    bytes: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    dropped_bytes: Counter[str] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    only: Counter[tuple[str, str]] = field(default_factory=Counter)
    copies: Counter[int] = field(default_factory=Counter)
    kept_bytes: int = 0
    ids: list[np.ndarray] = field(default_factory=list)
    without_id: int = 0

    def add(self, ledger: pl.DataFrame, sizes: pl.Series, failed: Sequence[Failed]) -> None:
        """Count a slab of the ledger.

        Args:
            ledger: with the columns copies, stage and, where documents have one, id.
            sizes: bytes of each document's text.
            failed: every rule that any of its documents fails.
        """
        self.documents += ledger.height
        codes, stages = coded(ledger["stage"])
        # Sums of whole numbers below 2^53, which are exact.
        by_stage = zip(stages, np.bincount(codes).tolist(), np.bincount(codes, sizes.to_numpy()).tolist(), strict=True)
        for stage, documents, size in by_stage:
            self.bytes += int(size)
            if stage is None:
                self.kept_bytes += int(size)
            else:
                self.dropped[stage] += documents
                self.dropped_bytes[stage] += int(size)
        counts = np.bincount(ledger["copies"].to_numpy())
        self.copies.update({copies: int(counts[copies]) for copies in np.flatnonzero(counts).tolist()})
        for rule in failed:
            self.failed[rule.stage, rule.reason] += rule.documents
            self.only[rule.stage, rule.reason] += rule.alone
        if "id" in ledger.columns:
            known = ledger["id"].drop_nulls()
            self.without_id += ledger.height - len(known)
            self.ids.append(known.hash().to_numpy())

    @property
    def kept(self) -> int:
        """Documents with at least one copy."""
        return self.documents - self.copies[0]

    @property
    def written(self) -> int:
        """Rows of the curated shards."""
        return sum(copies * documents for copies, documents in self.copies.items())

    @cached_property
    def repeated_ids(self) -> int:
        """Documents whose id an earlier one has already; to be asked when all are counted."""
        hashes = pl.Series(np.concatenate([*self.ids, np.zeros(0, np.uint64)]))
        return len(hashes) - hashes.n_unique()

    def check(self, readable: int) -> None:
        """Nothing is lost between measuring and the ledger: our own bug, not the user's."""
        assert self.documents == readable, f"the ledger has {self.documents} rows for {readable} readable documents"
        assert self.kept + sum(self.dropped.values()) == self.documents, "documents are neither kept nor dropped"

    def funnel(self, named: Sequence[tuple[str, Stage]]) -> list[dict[str, Any]]:
        """Each stage in order: what reached it, what it dropped, and each of its rules.

        `failed` counts every document that fails a rule, whoever dropped it; `only` those that fail nothing else.
        """
        reached, reached_bytes = self.documents, self.bytes
        steps = []
        for name, stage in named:
            dropped, size = self.dropped[name], self.dropped_bytes[name]
            steps.append({
                "stage": name,
                "edits": isinstance(stage, Edit),
                "reached": reached,
                "dropped": dropped,
                "reached_bytes": reached_bytes,
                "dropped_bytes": size,
                "rules": self._rules(name, stage),
            })
            reached, reached_bytes = reached - dropped, reached_bytes - size
        return steps

    def _rules(self, name: str, stage: Stage) -> list[dict[str, Any]]:
        known = list(stage.rules()) if isinstance(stage, Filter) else []
        seen = sorted(reason for owner, reason in self.failed if owner == name and reason not in known)
        return [{"reason": reason, "failed": self.failed[name, reason], "only": self.only[name, reason]} for reason in (*known, *seen)]


def warnings(
    funnel: Sequence[Mapping[str, Any]],
    tally: Tally,
    quarantined: Mapping[str, int],
    unreadable: Mapping[str, str],
    faults: Mapping[str, int],
    not_compared: Mapping[str, int],
) -> list[str]:
    """What a person should look at before they use the data."""
    said = left_out(unreadable, "was left out") + _set_aside(quarantined)
    said += [f"{name} failed on {count:,} {_documents(count)}, measured as null; see faults/ beside its signals." for name, count in sorted(faults.items())]
    said += [f"{name} did not compare {count:,} pairs, in groups of too many documents that share much." for name, count in not_compared.items() if count]
    if tally.without_id and tally.ids:
        said.append(f"{tally.without_id:,} {_documents(tally.without_id)} without an id; their address is shard:row.")
    repeated = tally.repeated_ids
    if repeated:
        said.append(f"{repeated:,} {_documents(repeated)} with an id that an earlier one has; `tamis explain` shows all of an id.")
    if tally.documents and not tally.kept:
        said.append(f"No document is kept: the stages drop all {tally.documents:,}.")
    for step in funnel:
        if step["reached"] and step["dropped"] > MOST * step["reached"]:
            share = step["dropped"] / step["reached"]
            said.append(f"{step['stage']} drops {share:.1%} of what reaches it: are its limits meant for this text?")
    return said


def left_out(unreadable: Mapping[str, str], what: str) -> list[str]:
    """The files that cannot be read: the first few by name, all others as a number.

    Args:
        unreadable: name → problem.
        what: becomes of them: "was left out".
    """
    said = [f"{name} cannot be read and {what}: {problem}." for name, problem in [*unreadable.items()][:MOST_SAID]]
    if more := len(unreadable) - len(said):
        said.append(f"{more:,} more {'file' if more == 1 else 'files'} of {len(unreadable):,} cannot be read; quarantine/files.json lists them all.")
    return said


def _set_aside(quarantined: Mapping[str, int]) -> list[str]:
    """The rows that are no documents: the most frequent reasons by name, all others as a number."""
    frequent = dict(sorted(sorted(quarantined.items()), key=lambda reason: -reason[1])[:MOST_SAID])
    said = [f"{count:,} {_documents(count)} set aside, see quarantine/: {reason}." for reason, count in sorted(frequent.items())]
    if rest := sum(quarantined.values()) - sum(frequent.values()):
        others = len(quarantined) - len(frequent)
        said.append(f"{rest:,} more {_documents(rest)} set aside for {others:,} other {'reason' if others == 1 else 'reasons'}.")
    return said


def never_failed(funnel: Sequence[Mapping[str, Any]], documents: int) -> list[str]:
    """Rules that no document fails, as "stage: reason"; of few documents that would say nothing."""
    return [f"{step['stage']}: {rule['reason']}" for step in funnel for rule in step["rules"] if not rule["failed"]] if documents >= ENOUGH else []


def _documents(count: int) -> str:
    return "document" if count == 1 else "documents"
