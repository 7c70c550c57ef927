"""Which rules fail together: the most frequent pairs, and a matrix of those that fired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tamis.report.gather import Gathered
from tamis.report.groups import LONGEST
from tamis.report.intervals import share

Fact = dict[str, Any]
SHOWN_PAIRS = 10
SHOWN_RULES = 40
"""Rules of the matrix, the most failed ones."""


def _names(gathered: Gathered, funnel: Sequence[Mapping[str, Any]]) -> list[Fact]:
    return [
        {"stage": step["stage"][:LONGEST], "reason": rule["reason"][:LONGEST]}
        for step in funnel
        for rule in step["rules"]
        if f"{step['stage']}: {rule['reason']}" in gathered.rules
    ]


def pairs(gathered: Gathered, funnel: Sequence[Mapping[str, Any]]) -> list[Fact]:
    """The pairs of rules that most documents fail together."""
    names, together = _names(gathered, funnel), gathered.failed.together
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


def matrix(gathered: Gathered, funnel: Sequence[Mapping[str, Any]]) -> Fact:
    """Documents that fail each two of the rules that fired, in the order of the funnel; on the diagonal, that fail the one."""
    names, together = _names(gathered, funnel), gathered.failed.together
    failed = np.diagonal(together)
    most = np.argsort(-failed, kind="stable")[:SHOWN_RULES]
    fired = np.sort(most[failed[most] > 0])
    return {"rules": [names[i] for i in fired.tolist()], "both": together[np.ix_(fired, fired)].tolist()}
