"""What the GPTs add to rung 0, in plain words and tables. Computes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tamis.ablate import tell_benchmark
from tamis.ablate.arms import REHYDRATED
from tamis.ablate.rungs import GPTS
from tamis.ablate.said import bits, part, worth

Table = Sequence[Sequence[str]]
STATES = {
    "confirmed": "confirms it",
    "reversed": "REVERSES it",
    "fades": "not certain any more",
    "appears": "certain here alone",
    "neither": "uncertain on both",
}


def told(verdict: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[str | Table]:
    """Paragraphs and tables."""
    across = verdict["across"]
    rungs = [name for name in verdict["rungs"] if any(one["rung"] == name for subject in across["subjects"] for one in subject["by_rung"])]
    yield _multipliers(across["subjects"], rungs)
    yield from _agreement(across["subjects"], rungs)
    yield from _barred(verdict, plan)
    if any(subject["subject"] == REHYDRATED for subject in across["subjects"]):
        yield (
            f"{REHYDRATED}: the curated documents, with copies by how many near-duplicates each stands for, against each of them once. Rung 0 is "
            "not asked, for it learns nothing else from a copy than more of it."
        )
    yield _trends(across["subjects"])
    yield _decades(across["decades"])
    yield from _repeats(across["repeats"])
    yield from _gate(across["gate"])
    yield _curves(across["curves"], rungs)
    if "ngram" in verdict["rungs"]:  # else it was said with all else of this rung
        largest = [name for name in verdict["rungs"] if name in GPTS][-1]
        yield from tell_benchmark.difficulty(verdict["rungs"][largest].get("difficulty"), largest)


def _multipliers(subjects: Sequence[Mapping[str, Any]], rungs: Sequence[str]) -> Table:
    rows = [("is worth, by rung", *rungs)]
    for subject in subjects:
        by = {one["rung"]: one for one in subject["by_rung"]}
        rows.append((subject["subject"], *(_cell(by.get(name)) for name in rungs)))
    return rows


def _cell(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return ""
    return worth(one["multiplier"]) or f"{bits(one['gain']['mean'])} bits ({bits(one['gain']['low'])} to {bits(one['gain']['high'])})"


def _agreement(subjects: Sequence[Mapping[str, Any]], rungs: Sequence[str]) -> Iterator[Table]:
    """What each GPT says of what rung 0 found; of a stage that rung 0 may not judge, nothing."""
    rows = [("what rung 0 found of", *(rung for rung in rungs if rung in GPTS))]
    for subject in subjects:
        said = {one["rung"]: STATES[one["state"]] for one in subject["agreement"]}
        if said:
            rows.append((subject["subject"], *(said.get(rung, "") for rung in rows[0][1:])))
    if len(rows) > 1:
        yield rows


def _barred(verdict: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[str]:
    """Stages that counts cannot judge: the verdicts of the largest GPT that was trained for them."""
    for stage, facts in plan["stages"].items():
        if not facts["needs_corpus"]:
            continue
        judged = [
            (name, one)
            for name, rung in verdict["rungs"].items()
            if not plan["rungs"][name]["order_blind"]
            for one in rung["stages"]
            if one["stage"] == stage and "facts" in one
        ]
        if judged:
            name, one = judged[-1]
            yield f"{stage}, judged by {name}: {one['outcome']}. {' '.join([one['because'], *one['cautions']])}"


def _trends(subjects: Sequence[Mapping[str, Any]]) -> Table:
    rows = [("as models grow, the gain", "trend", "changes a decade", "95% interval", "sign holds on the next size")]
    for subject in subjects:
        trend, sure = subject["trend"], f"{subject['holds']['probability']:.0%}"
        if "withheld" in trend:
            rows.append((subject["subject"], "withheld", "", trend["withheld"], sure))
            continue
        label = trend["label"] + (f" ({trend['because']})" if trend["because"] else "")
        change = trend["change"]
        ends = (
            ("", "")
            if change is None
            else (f"×{math.exp(change['mean']):.3g}", f"{math.exp(change['low']):.3g} to {math.exp(change['high']):.3g}")
        )
        form = trend["shape"]
        label += f"; {form['label']}" + (f" ({form['because']})" if form["because"] else "") if form["criteria"] else ""
        gone = f"; gone at {trend['gone_at']:.0e} operations" if trend["gone_at"] else ""
        rows.append((subject["subject"], label + gone, *ends, sure))
    return rows


def _decades(found: Mapping[str, Any]) -> str:
    ends = f"{found['smallest']:.1e} to {found['largest']:.1e} floating-point operations, {found['measured']:.1f} decades"
    measured = (
        f"The GPTs were trained with {ends}"
        if found["measured"]
        else f"One size of GPT was trained, with {found['largest']:.1e} floating-point operations"
    )
    if found["beyond"] is None:
        return f"{measured}; a frontier run takes 1e24 or more. A sign and a trend of it is what they can show, and no size at that scale."
    return f"{measured}; the run that this is for takes {found['target']:.1e}, {found['beyond']:.1f} decades beyond, and nothing is extrapolated there."


def _repeats(found: Mapping[str, Any] | None) -> Iterator[str | Table]:
    if found is None:
        return
    if "withheld" in found:
        yield f"What a repeat is worth: withheld. {found['withheld']}"
        return
    rows: list[tuple[str, ...]] = [
        (
            f"{found['unique']:,} curated tokens, {found['rung']}",
            "repeated",
            "fresh curated",
            "fresh raw",
            "repeated gains over raw",
            "95% interval",
        )
    ]
    for one in found["epochs"]:
        losses = (f"{one[key]:.3f}" if one[key] is not None else "" for key in ("loss", "fresh", "raw"))
        gain = ("", "") if one["against_raw"] is None else part("", one["against_raw"])[1:]
        rows.append((f"seen {one['epochs']} time{'' if one['epochs'] == 1 else 's'}", *losses, *gain))
    yield rows
    best = min(found["epochs"], key=lambda one: float(one["loss"]))
    if best["epochs"] < found["epochs"][-1]["epochs"]:
        yield f"Seen more than {best['epochs']} times it is learned by heart: the loss rises again, which no value of a repeat can say."
    crossing, value = found["crossover"], found["value"]
    if "withheld" not in crossing:
        better = "repeated curated" if crossing["favours"] == "curated" else "fresh raw"
        if crossing["state"] == "reached":
            ends = " to ".join("?" if crossing[end] is None else f"{crossing[end]:,.0f}" for end in ("low", "high"))
            yield f"From {crossing['size']:,.0f} tokens on ({ends}) {better} text is better."
        else:
            yield f"At the largest budget {better} text is better, and no crossover was seen."
    if "withheld" in value:
        yield f"The value of a repeat: withheld; {value['withheld']}"
        return
    worth = ", ".join(f"{epochs} times for {fresh:.2f}" for epochs, fresh in value["worth"].items() if int(epochs) > 1)
    ends = "no bounds" if value["low"] is None else f"{value['low']:.3g} to {value['high']:.3g}"
    yield f"Seen {worth} times as much fresh text (R* {value['rate']:.3g}, {ends}, fitted here)."


def _gate(gate: Mapping[str, Any] | None) -> Iterator[str]:
    if gate is None:
        return
    if "withheld" in gate:
        yield f"Other rates of learning: withheld. {gate['withheld']}"
        return
    gains = "; ".join(f"{name} {bits(one['mean'])} ({bits(one['low'])} to {bits(one['high'])})" for name, one in gate["gains"].items())
    outcome = (
        "The sign of the net gain holds at other rates"
        if gate["holds"]
        else "RECIPE-DEPENDENT: the sign of the net gain turns at another rate"
    )
    yield f"{outcome}, in bits per byte: {gains}."


def _curves(curves: Sequence[Mapping[str, Any]], rungs: Sequence[str]) -> Table:
    """Of raw and curated text; the other arms' are in verdict.json."""
    rows: list[tuple[str, ...]] = [("bits per byte after", "tokens", "raw", "curated")]
    for rung in rungs:
        by = {one["arm"]: {point["tokens"]: point["bits_per_byte"] for point in one["losses"]} for one in curves if one["rung"] == rung}
        raw, curated = by.get("raw", {}), by.get("curated", {})
        rows += [
            (rung, f"{tokens:,}", *(f"{arm[tokens]:.3f}" if tokens in arm else "" for arm in (raw, curated)))
            for tokens in sorted({*raw, *curated})
        ]
    return rows
