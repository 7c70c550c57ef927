"""What commands print about mixes: targets and what became of them, and topics with their words."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Any

from tamis.cli.show import counted, share, short, table

MOST_GROUPS = 12
"""Groups that are listed one by one."""


def balance(name: str, account: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> str:
    """One balancing stage: the share of each group, its target, and what was achieved.

    Args:
        name: of the stage.
        account: see `tamis.stages._balance.account`.
        before: the account of the run, where this one answers what if.
    """
    groups = account["groups"]
    was = {one["group"]: one["given_share"] for one in before["groups"]} if before else {}
    rows = [
        (
            " × ".join(account["by"]) or "group",
            "documents",
            "written",
            "share",
            "target",
            *(["before", "then"] if before else ["achieved"]),
            "",
        )
    ]
    for one in groups[:MOST_GROUPS]:
        shares = [one["share"], one["target_share"], *([was.get(one["group"], 0.0)] if before else []), one["given_share"]]
        rows.append(
            (
                short(one["group"]),
                f"{one['documents']:,}",
                f"{one['written']:,}",
                *(f"{value:.1%}" for value in shares),
                "scarce" if one["scarce"] else "",
            )
        )
    more = len(groups) - MOST_GROUPS + account["more_groups"]
    reached = f"{account['given']:,} of {account['available']:,} {account['unit'].rsplit('.', 1)[-1].replace('_', ' ')}" + (
        f", budget {account['budget']:,.0f}" if account["budget"] else ""
    )
    within = f"{100 * account['farthest']:.2f} percentage points off at most"
    lines = [table(rows, right=(1, 2, 3, 4, 5, 6) if before else (1, 2, 3, 4, 5))]
    lines += [f"  and {counted(more, 'group')} more"] if more > 0 else []
    return "\n".join([*lines, f"  {name}: {reached}; {within}"])


def topics(found: Mapping[str, Any], out: str) -> str:
    """The topics of a run, largest first."""
    rows = [("topic", "documents", "kept", "share of kept", "words", "most central")]
    kept = sum(one["kept"] for one in found["topics"])
    for one in found["topics"]:
        central = ", ".join(one["central"])
        rows.append(
            (
                short(one["topic"]),
                f"{one['documents']:,}",
                f"{one['kept']:,}",
                share(one["kept"], kept),
                " ".join(one["words"][:8]),
                central,
            )
        )
    lines = [table(rows, right=(1, 2, 3))]
    if found["without"]:
        lines.append(f"  {counted(found['without'], 'document')} without a topic")
    fitted = f"\n\nTo give other shards these topics: topics: {{fitted: {found['fitted']}}}" if found["fitted"] else ""
    return (
        "\n".join(lines)
        + fitted
        + f"\n\nNext: tamis explain {quote(out)} {quote(found['topics'][0]['central'][0]) if found['topics'] else 'ID'}"
    )
