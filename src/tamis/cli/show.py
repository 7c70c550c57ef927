"""What commands print: plain tables, left-aligned words, right-aligned numbers, no colour that carries meaning."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from shlex import quote
from typing import TYPE_CHECKING, Any

from tamis.errors import DataError, RunError
from tamis.plan import Plan, shown_bytes
from tamis.progress import speed
from tamis.tally import left_out, never_failed

if TYPE_CHECKING:
    from tamis.progress import Say

MOST_RULES = 8
"""Rules that are named one by one in a line."""


def out(text: str) -> None:
    """Print a result; a reader that does not wait for its end, as `head` may, is no error.

    Raises:
        RunError: it cannot be written where it was sent, as on a full disk.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would try again at its end
        if isinstance(error, BrokenPipeError):
            sys.exit(0)
        raise RunError(f"what the command found could not be printed: {error.strerror}.\nFix: repeat it with its output elsewhere.") from error


def progress() -> Say:
    """Bars on a terminal, plain lines elsewhere; on stderr."""
    from tamis.progress import Lines

    if not sys.stderr.isatty():
        return Lines(sys.stderr)
    from tamis.cli.bars import Bars

    return Bars()


def counted(count: int, what: str) -> str:
    """ "1 document", "2 documents"."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def beginning(plan: Plan) -> str:
    """One line on what is about to happen."""
    shards = plan.corpus.shards
    documents, size = sum(shard.rows for shard in shards), sum(shard.bytes for shard in shards)
    return (
        f"{plan.recipe.name}: {counted(len(plan.named), 'stage')} over {counted(len(shards), 'shard')}, "
        f"{counted(documents, 'document')}, {shown_bytes(size)} of files"
    )


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Rows under each other, the columns in `right` flush right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        "   ".join(cell.rjust(widths[i]) if i in right else cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows
    )
    return "\n".join("  " + line for line in lines)


def share(part: int, whole: int) -> str:
    """A share as a percentage with one digit; of nothing it is a dash."""
    return f"{part / whole:.1%}" if whole else "-"


def short(name: str, most: int = 40) -> str:
    """On one line, and not too long."""
    one_line = " ".join(name.split())
    return one_line if len(one_line) <= most else one_line[: most - 1] + "…"


def funnel(manifest: Mapping[str, Any], out: str) -> str:
    """Where the documents went, warnings, and what to do next."""
    counts = manifest["counts"]
    rows = [("stage", "dropped", "share", "most common reason")]
    for number, step in enumerate(manifest["funnel"], 1):
        worst = max(step["rules"], key=lambda rule: rule["failed"], default=None)
        reason = worst["reason"] if worst and worst["failed"] and step["dropped"] else ""
        rows.append((f"{number} {step['stage']}", f"{step['dropped']:,}", "edits" if step["edits"] else share(step["dropped"], step["reached"]), reason))
    rows.append(("kept", f"{counts['kept']:,}", share(counts["kept"], counts["readable"]), ""))
    lines = ["", table(rows, right=(1, 2)), ""]
    if manifest["balance"]:
        from tamis.cli.mixes import balance

        lines += [line for name, account in manifest["balance"].items() for line in (balance(name, account), "")]
    lines += [f"Warning: {warning}" for warning in manifest["warnings"]]
    if manifest["warnings"]:
        lines.append("")
    if never := never_failed(manifest["funnel"], counts["readable"]):
        more = f"; and {len(never) - MOST_RULES} more" if len(never) > MOST_RULES else ""
        by_stage = groupby((one.split(": ", 1) for one in never[:MOST_RULES]), key=lambda pair: pair[0])
        said = "; ".join(f"{stage}: {', '.join(reason for _, reason in pairs)}" for stage, pairs in by_stage)
        lines += [f"No document fails {said}{more}.", ""]
    told = "" if manifest.get("reused") else speed(counts["bytes"], manifest["seconds"]["all"])
    lines.append(f"{out}/data   {counted(counts['written'], 'document')} in {counted(counts['shards_written'], 'shard')}, {manifest['seconds']['all']:.1f} s{told}")
    lines.append(f"Next: open {quote(f'{out}/report.html')}, or ask `tamis explain {quote(out)} ID` about a document.")
    return "\n".join(lines)


def refuse_nothing(manifest: Mapping[str, Any], out: str) -> None:
    """Refuse to call a run done in which documents were read and none of them is a text; all that was written stays.

    Raises:
        DataError: says why, and where the documents are.
    """
    counts = manifest["counts"]
    if counts["documents"] and not counts["readable"]:
        why = ", ".join(f"{reason} ({count:,})" for reason, count in counts["quarantined"].items())
        column = "the column that the recipe calls text"
        raise DataError(f"none of {counted(counts['documents'], 'document')} can be read: {why}.\nFix: see {out}/quarantine, and whether {column} holds the text.")


def clusters(found: Mapping[str, Any], out: str) -> str:
    """The largest and the most doubtful clusters."""
    lines = [f"{counted(found['clusters'], 'cluster')}, {counted(found['removed'], 'document')} removed"]
    lines += [f"{name} did not compare {counted(count, 'pair')}" for name, count in found["not_compared"].items() if count]
    for title, name in (("largest", "largest"), ("least alike", "doubtful")):
        rows = [(title, "documents", "kept", "least", "median", "least alike")]
        for one in found[name]:
            least = one["least_alike"]
            who = "" if least is None else f"{least['id']} ({least['address']})" if least["id"] is not None else least["address"]
            similarities = ("" if one[key] is None else f"{one[key]:.3f}" for key in ("least", "median"))
            rows.append((one["cluster"], f"{one['size']:,}", f"{one['kept']:,}", *similarities, who))
        if found[name]:
            lines += ["", table(rows, right=(1, 2, 3, 4))]
    if found["clusters"]:
        lines += ["", f"Next: tamis explain {quote(out)} ID shows where a document differs from the one that stayed."]
    return "\n".join(lines)


def plan(described: Mapping[str, Any]) -> str:
    """A plan, for `--dry-run`."""
    rows = [("stage", "reads", "decides by", "measured")]
    for number, step in enumerate(described["stages"], 1):
        done = f"{step['chunks_measured']} of {counted(described['chunks'], 'chunk')}"
        uses = ", ".join(step["uses"]) + (" (whole corpus)" if step["whole_corpus"] else "")
        rows.append((f"{number} {step['stage']}", ", ".join(step["reads"]), uses.strip(), done))
    columns = ", ".join(f"{name} ({kind})" for name, kind in described["columns"].items())
    free = "" if described["disk_free"] is None else f", {shown_bytes(described['disk_free'])} free"
    size = f"{shown_bytes(described['bytes'])}, {counted(described['chunks'], 'chunk')}"
    lines = [
        f"{described['recipe']}: {counted(described['shards'], 'shard')}, {counted(described['documents'], 'document')}, {size}",
        f"columns: {columns}",
        "",
        table(rows),
        "",
        *(f"Warning: {warning}" for warning in left_out(described["unreadable_files"], "would be left out")),
        f"disk: up to {shown_bytes(described['disk_needed'])} for {described['out']}{free}",
        "Nothing was written.",
    ]
    return "\n".join(lines)
