"""What `tamis what-if` prints."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from tamis.cli.mixes import balance
from tamis.cli.show import share, short, table
from tamis.explain import shown
from tamis.plan import shown_bytes

MOST_VALUES = 12
"""Sources or languages that are listed one by one."""
CALLED = {"source": "source", "lang": "language"}


def what_if(answer: Mapping[str, Any]) -> str:
    """What changes, by stage, source and language, and rules that a person should look at."""
    parts = [_changes(answer["changes"]), _stages(answer), _kept(answer)]
    parts += [_groups(answer, axis) for axis in CALLED if axis in answer]
    if any(axis in answer for axis in CALLED):
        over = ", ".join(CALLED[axis] for axis in CALLED if axis in answer) + " and length"
        parts.append(f"The mix of {over} moves by {answer['mix_change']:.1%} of the bytes.")
    parts += [balance(name, one["after"], one["before"]) for name, one in answer["balance"].items()]
    parts += [_rules(answer["rules"])] if answer["rules"] else []
    if answer["changes"]:
        parts.append("Next: change the recipe and repeat `tamis run`; nothing is measured again.")
    return "\n\n".join(parts)


def proposals(proposed: Mapping[str, Any], out: str, assignments: Sequence[str]) -> str:
    """Ready lists of limits, best first, with what each keeps."""
    target, now = proposed["target"], proposed["now"]
    lines = [
        f"To keep {target['share']:.1%} of the bytes, {shown_bytes(target['bytes'])}; now {now['share']:.1%}, {shown_bytes(now['bytes'])}.",
        "",
    ]
    if not proposed["proposals"]:
        return "\n".join([*lines, "Moving limits does not reach that: nothing comes nearer than what is kept now."])
    if not proposed["reached"]:
        lines += ["Moving limits does not reach that: other stages decide, or too many documents have equal values. The nearest:", ""]
    for number, one in enumerate(proposed["proposals"], 1):
        kept = f"keeps {one['share']:.1%}, {shown_bytes(one['kept']['bytes'])}, {one['kept']['documents']:,} documents; the mix moves by {one['mix_change']:.1%}"
        lines += [f"  {number}  {kept}", f"     {shlex.join(one['assignments'])}", ""]
    best = shlex.join([*assignments, *proposed["proposals"][0]["assignments"]])
    return "\n".join([*lines, f"Next: tamis what-if {shlex.quote(out)} {best}"])


def _changes(changes: Sequence[Mapping[str, Any]]) -> str:
    if not changes:
        return "Nothing is changed."
    return "\n".join(f"{one['place']}: {value(one['before'])} → {value(one['after'])}" for one in changes)


def value(given: Any) -> str:
    """A parameter as a recipe has it, on one line."""
    if isinstance(given, str):
        return given
    if isinstance(given, int | float) and not isinstance(given, bool):
        if isinstance(given, int):
            return f"{given:,}"
        return f"{given:,g}" if given == float(f"{given:g}") else repr(given)
    return str(yaml.safe_dump(given, default_flow_style=True, allow_unicode=True, width=10_000)).removesuffix("\n...\n").strip()


def _signed(count: int) -> str:
    return f"{count:+,}" if count else "0"


def _signed_bytes(count: int) -> str:
    return f"{'-' if count < 0 else '+'}{shown_bytes(abs(count))}" if count else "0"


def _stages(answer: Mapping[str, Any]) -> str:
    rows = [("stage", "dropped", "then", "change", "bytes", "then")]
    for number, step in enumerate(answer["stages"], 1):
        a, b = step["before"], step["after"]
        counts = (
            f"{a['documents']:,}",
            f"{b['documents']:,}",
            _signed(b["documents"] - a["documents"]),
            shown_bytes(a["bytes"]),
            shown_bytes(b["bytes"]),
        )
        rows.append((f"{number} {step['stage']}", *(("edits", "", "", "", "") if step["edits"] else counts)))
    return table(rows, right=(1, 2, 3, 4, 5))


def _kept(answer: Mapping[str, Any]) -> str:
    before, after, whole = answer["kept"]["before"], answer["kept"]["after"], answer["readable"]
    rows = [("kept", "before", "", "then", "", "change")]
    for name in whole:
        a, b = before[name], after[name]
        as_text = shown_bytes if name == "bytes" else "{:,}".format
        rows.append(
            (
                name,
                as_text(a),
                share(a, whole[name]),
                as_text(b),
                share(b, whole[name]),
                (_signed_bytes if name == "bytes" else _signed)(b - a),
            )
        )
    if (before["written"], after["written"]) != (before["documents"], after["documents"]):
        rows.append(("written", f"{before['written']:,}", "", f"{after['written']:,}", "", _signed(after["written"] - before["written"])))
    moved = answer["moved"]
    lines = [table(rows, right=(1, 2, 3, 4, 5))]
    if moved["only_before"]["documents"] and moved["only_after"]["documents"]:
        lines.append(
            f"  {moved['only_before']['documents']:,} that were kept are dropped, {moved['only_after']['documents']:,} that were dropped are kept."
        )
    return "\n".join(lines)


def _groups(answer: Mapping[str, Any], axis: str) -> str:
    """Documents and bytes kept, and the share of a value in all that is kept."""
    rows = [(CALLED[axis], "documents", "then", "bytes", "then", "share of kept", "then")]
    kept = [one for one in answer[axis] if one["before"]["documents"] or one["after"]["documents"]]
    listed = kept or list(answer[axis])
    shown_rows = [(str(one["value"]) if one["value"] is not None else "(none)", one) for one in listed[:MOST_VALUES]]
    if rest := listed[MOST_VALUES:]:
        summed = {when: {name: sum(one[when][name] for one in rest) for name in ("documents", "bytes")} for when in ("before", "after")}
        shown_rows.append((f"({len(rest):,} more)", summed))
    totals = {when: answer["kept"][when]["bytes"] for when in ("before", "after")}
    for name, one in shown_rows:
        a, b = one["before"], one["after"]
        shares = (share(a["bytes"], totals["before"]), share(b["bytes"], totals["after"]))
        rows.append((short(name), f"{a['documents']:,}", f"{b['documents']:,}", shown_bytes(a["bytes"]), shown_bytes(b["bytes"]), *shares))
    return table(rows, right=(1, 2, 3, 4, 5, 6))


def _rules(rules: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(
        [
            "Rules to look at:",
            table(
                [
                    (f"{one['stage']}.{one['rule']}" if one["limit"] is not None else f"{one['stage']}: {one['rule']}", *_said(one))
                    for one in rules
                ],
                right=(1,),
            ),
        ]
    )


def _said(one: Mapping[str, Any]) -> Iterator[str]:
    yield "" if one["limit"] is None else shown(one["limit"])
    least = one["rule"].startswith("min_")
    if one["fires"] == "cannot":
        yield "can never fire: no value is " + ("below it" if least else "above it")
    elif one["fires"] == "never":
        extreme = f": the {'smallest' if least else 'largest'} value is {shown(one['extreme'])}" if one["extreme"] is not None else ""
        yield f"never fires here{extreme}"
    else:
        yield f"fires on {one['failed'] / one['judged']:.1%} of what it judges"
