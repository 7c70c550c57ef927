"""What an ablation found, in plain words and tables. Computes nothing: every number is in verdict.json or plan.json."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tamis.ablate import tell_benchmark, tell_ladder
from tamis.ablate.conclusions import RECIPE
from tamis.ablate.experiment import Told
from tamis.ablate.said import headline, part, worth
from tamis.plan import shown_bytes

Table = Sequence[Sequence[str]]
UNDRAWN = ("without", "edit", "ladder")
"""Kinds of arms whose losses hide each other behind that of curated text; the tables have them."""
PARTS = {
    "quality": "better documents of the same {}s and lengths",
    "composition": "another mix of {}s and lengths",
    "quantity_cost": "less the cost of fewer bytes",
}
"""By the last word of what mixes are matched by: source, topic."""
LIMITS = {
    "ngram": "Trained were counts of n-grams: blind to the order of documents and to all beyond four tokens, one epoch, small. What they find at this "
    "size may fade, or turn, at a larger one.",
}


def told(found: Told) -> Iterator[str | Table]:
    """Paragraphs and tables, in the order in which a person wants them; the first row of a table is its head."""
    verdict, plan = found.verdict, found.plan
    if verdict["exploratory"]:
        yield "EXPLORATORY: the plan was changed after the first training; nothing here was registered before."
    if verdict["died"]:
        who = ", ".join(f"{one['arm']} (seed {one['seed']}: {one['error']})" for one in verdict["died"][:3])
        yield f"{len(verdict['died'])} trainings died: {who}. They are left out of no mean; repeat the command to try them again."
    counted = any(plan["rungs"][name]["order_blind"] for name in verdict["rungs"])
    for name, rung in verdict["rungs"].items():
        # Where rung 0 has said everything, GPTs say what they add to it.
        if plan["rungs"][name]["order_blind"] or not counted:
            yield from _rung(name, rung, plan)
        else:
            asked = plan["rungs"][name]["evaluated"]
            yield f"{_head(name, rung, plan)} Of that {asked['documents']:,} documents were asked for, {asked['tokens']:,} tokens with the raw ones."
    if verdict["across"]:
        yield from tell_ladder.told(verdict, plan)
    yield from (f"Note: {note}" for note in verdict["notes"])
    yield f"The plan, {plan['hash'][:12]}, was written before the first training."


def _rung(name: str, rung: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[str | Table]:
    yield _head(name, rung, plan)
    if "net" in rung:
        yield from _net(rung, plan["design"]["domain"].rsplit(".", 1)[-1])
    yield from _stages(rung, plan)
    for title, key in (("edit, on the curated documents", "edits"), ("ladder", "ladders"), ("mix", "mixes")):
        if rung.get(key):
            yield _arms(title, rung[key])
    yield from _controls(rung)
    if isinstance(rung.get("items"), list):
        yield from _items(rung["items"])
    yield from tell_benchmark.line_shift(rung.get("line_shift"))
    yield from tell_benchmark.difficulty(rung.get("difficulty"), name)
    yield LIMITS.get(name, "")


def _head(name: str, rung: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    target = plan["prepared"]["target"]
    domains = len(target["domains"])
    on = (
        f"{target['name']} ({domains} domain{'' if domains == 1 else 's'}, {shown_bytes(target['bytes'])})"
        if rung["primary"] == "target"
        else "raw held-out documents"
    )
    folds = f"{rung['folds']} {'subsamples that overlap' if rung['overlap'] else 'folds'}"
    spent = rung["trainings"]
    return f"{name}: {spent['count']} models, {spent['cpu_seconds']:.1f} s of CPU; {folds} of {rung['tokens']:,} tokens; measured on {on}."


def _net(rung: Mapping[str, Any], domain: str) -> Iterator[str | Table]:
    net = rung["net"]
    if "withheld" in net:
        yield f"Curated against raw: withheld. {net['withheld']}"
        return
    yield headline(rung)
    yield from net["cautions"]
    yield _sets(net["gains"])
    if len(net["facts"]["domains"]) > 1:
        rows = [("domain of the target", "raw", "gained", "95% interval")]
        yield [
            *rows,
            *(
                (one["name"], f"{one['loss']:.3f}", *part("", one["gain"])[1:])
                for one in sorted(net["facts"]["domains"], key=lambda one: -one["gain"]["mean"])
            ),
        ]
    for key, title in (("equal", f"at equal tokens, {net['tokens']:,} a fold"), ("own", "each with all it has of a fold")):
        parts = rung["parts"][key]
        if "withheld" in parts:
            yield f"Parts {title}: withheld. {parts['withheld']}"
            continue
        table: list[Sequence[str]] = [("curated against raw, " + title, "bits per byte", "95% interval")]
        table.append(part("net gain", parts["net"]))
        table += [part(f"  {said.format(domain)}", parts[term], minus=term == "quantity_cost") for term, said in PARTS.items()]
        yield table
    yield from _quantity(rung)


def _sets(gains: Mapping[str, Mapping[str, Any]]) -> Table:
    """The estimand is the held-out set, so each has its say."""
    called = {
        "target": "the target",
        "raw": "raw documents held out",
        "kept": "  those that the recipe keeps",
        "removed": "  those that it drops",
    }
    return [
        ("curated against raw, measured on", "bits per byte gained", "95% interval"),
        *(part(called.get(name, name), one) for name, one in gains.items()),
    ]


def _quantity(rung: Mapping[str, Any]) -> Iterator[str | Table]:
    curve = rung["curve"]
    if isinstance(curve, list) and curve:
        yield [("tokens of curated text", "are worth, of raw text"), *((f"{one['budget']:,.0f}", one["said"]) for one in curve)]
    crossing = rung["crossover"]
    if "withheld" in crossing:
        return
    sizes = f"{shown_bytes(crossing['sizes'][0])} to {shown_bytes(crossing['sizes'][-1])}"
    if crossing["state"] == "reached":
        ends = [shown_bytes(crossing[end]) if crossing[end] else None for end in ("low", "high")]
        yield f"Quality against quantity: with all that each has, the {crossing['favours']} text is better from a raw pool of {shown_bytes(crossing['size'])} on ({_between(*ends)}); measured were {sizes}."
    else:
        yield f"Quality against quantity: with all that each has, the {crossing['favours']} text is better at the largest pool; measured were {sizes}, and no crossover in between."


def _between(low: str | None, high: str | None) -> str:
    if low is None or high is None:
        return f"at most {high}" if high else f"at least {low}" if low else "no bounds within what was measured"
    return f"{low} to {high}"


def _stages(rung: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[str | Table]:
    if not rung["stages"]:
        return
    ahead = {one["stage"]: one for one in plan["prospects"]}
    rows = [("stage", "alone removes", "could gain", "can be found", "gains", "verdict")]
    for one in rung["stages"]:
        before = ahead[one["stage"]]
        most, least = before["most"], before["detectable"]
        row = [
            one["stage"],
            f"{before['removed_share']:.1%}",
            "" if most is None else f"×{most:.3g}",
            "" if least is None else f"×{least:.3g}",
        ]
        rows.append((*row, "withheld" if "withheld" in one else _worth(one), one.get("outcome", one.get("withheld", ""))))
    yield rows
    for one in rung["stages"]:
        if "withheld" not in one:
            yield f"{one['stage']}: {' '.join([one['because'], *one['cautions']])}"


def _worth(one: Mapping[str, Any]) -> str:
    multiplier = one["facts"]["multiplier"] if "facts" in one else one["multiplier"]
    return worth(multiplier)


def _arms(title: str, arms: Sequence[Mapping[str, Any]]) -> Table:
    rows = [(title, "is worth", "bits per byte gained", "95% interval")]
    for one in arms:
        if "withheld" in one:
            rows.append((one.get("stage", one["arm"]), "withheld", one["withheld"], ""))
        else:
            gain = one["facts"]["gain"] if "facts" in one else one["gain"]
            rows.append((one["arm"], _worth(one), *part("", gain)[1:]))
    return rows


def _controls(rung: Mapping[str, Any]) -> Iterator[str | Table]:
    rows = [("control", "expected", "bits per byte gained", "95% interval", "")]
    for one in rung["controls"]:
        if "withheld" in one:
            rows.append((one["arm"], "", one["withheld"], "", ""))
            continue
        gain = one["gain"]
        fine = gain["low"] <= 0 <= gain["high"]
        expected = "nothing" if one["arm"] in ("null", "random") else "the mix alone"
        rows.append(
            (one["arm"], expected, *part("", gain)[1:], "" if one["arm"] == "matched" else "as expected" if fine else "NOT as expected")
        )
    for one in rung["corrupted"]:
        if "withheld" in one:
            rows.append((one["arm"], "a loss", one["withheld"], "", ""))
            continue
        seen = "found" if one["gain"]["high"] < 0 else "not found"
        buys = f"; raw is worth {_worth(one)}" if one["multiplier"] is not None else ""
        rows.append((one["arm"], "a loss", *part("", one["gain"])[1:], seen + buys + (", so it does harm" if one.get("harmful") else "")))
    if len(rows) > 1:
        yield rows


def _items(items: Sequence[Mapping[str, Any]]) -> Iterator[str | Table]:
    """Scores that may decide something, and in one paragraph those that may not."""
    rows = [("evaluation items", "measure", "curated gains", "95% interval")]
    fit = [one for one in items if one["fit"]]
    rows += [(one["set"], one["measure"].replace("_", " "), *(part("", one["gain"])[1:] if one["gain"] else ("", ""))) for one in fit]
    if len(rows) > 1:
        yield rows
    barred: dict[str, list[str]] = {}
    for one in items:
        if not one["fit"]:
            barred.setdefault(one["reason"], []).append(f"{one['set']} {one['measure'].replace('_', ' ')}")
    for reason, scores in barred.items():
        yield f"Barred from deciding, {reason}: {', '.join(scores)}."


def for_report(found: Told) -> dict[str, Any]:
    """What a run's report draws of its ablation.

    Returns:
        line: one sentence. plan: its hash. exploratory. parts: texts, and tables as lists of rows whose first is the head. worth: of the
        recipe, its stages and edits, name, value, low, high (multipliers; null: outside what was measured), outcome; curve: tokens of
        curated text, value, low, high: what they are worth of raw text. Of the cheapest rung that has them. Beside GPTs: losses: rung, arm,
        tokens, loss (bits per byte); rungs: name, rung, value, low, high; trend: of the recipe by operations. died: who, losses (tokens, nats).
    """
    drawn: dict[str, Any] = {"worth": [], "curve": [], **_ladder(found.verdict["across"])}
    drawn["died"] = [
        {"who": f"{one['arm']}, seed {one['seed']}, {one['rung']}", "losses": one["losses"]}
        for one in found.verdict["died"]
        if one["losses"]
    ]
    line = "An ablation was run, and nothing could be said."
    # Verdicts are those of the cheapest rung, that has the folds for them; larger ones confirm or reverse its signs.
    for rung in [rung for rung in found.verdict["rungs"].values() if "withheld" not in rung.get("net", {"withheld": ""})][:1]:
        net = rung["net"]
        line = headline(rung)
        told_of = [one for one in [net, *rung["stages"], *rung["edits"]] if "withheld" not in one]
        drawn["worth"] = [{"name": one["stage"], "outcome": one["outcome"], **_ends(one["facts"]["multiplier"])} for one in told_of]
        if isinstance(rung["curve"], list):
            drawn["curve"] = [{"tokens": one["budget"], **_ends(one)} for one in rung["curve"]]
    parts = [part if isinstance(part, str) else [list(row) for row in part] for part in told(found) if part]
    return {"line": line, "plan": found.plan["hash"], "exploratory": found.verdict["exploratory"], "parts": parts, **drawn}


def _ladder(across: Mapping[str, Any] | None) -> dict[str, list[dict[str, Any]]]:
    """What more than one rung says together, for charts."""
    if across is None:
        return {}
    losses = [
        {"rung": one["rung"], "arm": one["arm"], "tokens": point["tokens"], "loss": point["bits_per_byte"]}
        for one in across["curves"]
        if one["kind"] not in UNDRAWN
        for point in one["losses"]
    ]
    rungs = [
        {"name": subject["subject"], "rung": one["rung"], **_ends(one["multiplier"])}
        for subject in across["subjects"]
        for one in subject["by_rung"]
        if one["multiplier"] is not None
    ]
    trends = [subject for subject in across["subjects"] if subject["subject"] == RECIPE and "withheld" not in subject["trend"]]
    trend = [
        {
            "rung": one["rung"],
            "operations": one["flops"],
            **{end: math.exp(logs[key]) for end, key in (("value", "mean"), ("low", "low"), ("high", "high"))},
        }
        for subject in trends
        for one, logs in zip([one for one in subject["by_rung"] if one["flops"]], subject["trend"]["by_rung"], strict=True)
    ]
    return {"losses": losses, "rungs": rungs, "trend": trend}


def _ends(multiplier: Mapping[str, Any]) -> dict[str, Any]:
    return {end: multiplier[end] for end in ("value", "low", "high")} | {"reach": [multiplier["smallest"], multiplier["largest"]]}
