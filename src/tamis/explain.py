"""Why a document was kept or dropped: every signal beside its limit, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import polars as pl

from tamis import files
from tamis.difference import difference, text_at
from tamis.errors import DataError
from tamis.folder import Finished
from tamis.stage import Edit, Filter, Stage
from tamis.where import condition

NOTHING = {True: "no signals to show", False: "not asked: the document was dropped above"}
SHOWN = ("better_share", "partner", "similarity", "containment", "verified", "cluster", "cluster_size")


def explain(run: Finished, document: str) -> list[dict[str, Any]]:
    """All documents with this id, or the one at an address "shard:row", each with its verdict and every signal.

    Raises:
        DataError: there is none.
    """
    found = [_explained(run, row) for row in _rows(run, document)] + list(_quarantined(run, document))
    if not found:
        raise DataError(
            f'{run.out} has no document "{document}".\nFix: give an id of the data, or an address like "{run.shards[0].name}:0".'
        )
    return found


def _rows(run: Finished, document: str) -> Iterator[dict[str, Any]]:
    shard, _, row = document.rpartition(":")
    at_address = (pl.col("shard") == shard) & (pl.col("row") == int(row)) if shard and row.isdecimal() else pl.lit(value=False)
    for frame in run.ledger():
        has_id = pl.col("id") == document if "id" in frame.columns else pl.lit(value=False)
        yield from frame.filter(has_id | at_address).iter_rows(named=True)


def _quarantined(run: Finished, document: str) -> Iterator[dict[str, Any]]:
    place = files.join(run.out, "quarantine", "part-00000.parquet")
    if not files.exists(place):
        return
    shard, _, row = document.rpartition(":")
    number = int(row) if row.isdecimal() else -1
    inside = (pl.col("shard") == shard) & (pl.col("row") <= number) & (number < pl.col("row") + pl.col("rows"))
    for one in files.read_frame(place).filter((pl.col("id") == document) | inside).iter_rows(named=True):
        yield {"address": f"{one['shard']}:{one['row']}", "id": one["id"], "verdict": "quarantine", "reasons": [one["reason"]], "stages": []}


def _explained(run: Finished, row: dict[str, Any]) -> dict[str, Any]:
    signals = run.document(row["shard"], row["row"])
    stages, alive = [], True
    for number, (name, stage) in enumerate(run.named, 1):
        asked = alive or not stage.needs_corpus
        lines = list(_lines(name, stage, signals, row)) if asked else []
        account = _account(run, name, stage, f"{row['shard']}:{row['row']}") if asked else []
        told = {"account": account} if account else {}
        stages.append({"number": number, "stage": name, "edits": isinstance(stage, Edit), "asked": asked, "lines": lines, **told})
        alive = alive and row["stage"] != name
    return {
        "address": f"{row['shard']}:{row['row']}",
        "id": row.get("id"),
        "verdict": "kept" if row["copies"] else "dropped",
        "copies": row["copies"],
        "stage": row["stage"],
        "reasons": row["reasons"],
        "also": row["also"],
        "bytes": signals["text.bytes"][0],
        **{name: row[name] for name in SHOWN if row.get(name) is not None},
        **({"difference": _difference(run, row)} if row.get("verified") and row.get("partner") else {}),
        "stages": stages,
    }


def _difference(run: Finished, row: dict[str, Any]) -> list[str]:
    try:
        return difference(run, row["partner"], f"{row['shard']}:{row['row']}")
    except DataError as error:
        return [f"not shown: {str(error).splitlines()[0]}"]


def _account(run: Finished, name: str, stage: Stage, address: str) -> list[str]:
    """What a stage has to say of the text itself; most have nothing, and then it is not read."""
    if type(stage).account is Stage.account:
        return []
    try:
        return stage.account(text_at(run, address, name))
    except DataError as error:
        return [f"not shown: {str(error).splitlines()[0]}"]


def _lines(name: str, stage: Stage, signals: pl.DataFrame, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One line for each signal of the stage, and each of others that it limits: its value, the limits, whether it meets them."""
    prefix = f"{name}."
    own = signals.select(pl.all(), *(pl.col(one).alias(one[len(prefix) :]) for one in signals.columns if one.startswith(prefix)))
    own = own.with_columns(copies=pl.lit(row["copies"], pl.UInt8))
    limits = _limits(stage, own)
    where = getattr(stage, "where", None)
    judged = where is None or own.select(condition(where)).item()
    if not judged:
        yield {"signal": "where", "value": where, "must": "not judged by this stage", "ok": None}
    elsewhere = {signal for signal, _ in limits if signal in signals.columns}
    for column in signals.columns:
        signal = column.removeprefix(prefix)
        if not (column.startswith(prefix) and not signal.startswith("_")) and column not in elsewhere:
            continue
        low, high = limits.get((signal, "min")), limits.get((signal, "max"))
        value = own[signal].to_list()[0]
        if value is None and own.schema[signal] == pl.String:  # a name that there is none of
            value = "none"
        yield {"signal": signal, "value": value, "must": _must(low, high), "ok": _ok(value, low, high, stage) if judged else None}
    if isinstance(stage, Filter) and judged:
        yield from _other_rules(stage, own)


def _limits(stage: Stage, own: pl.DataFrame) -> dict[tuple[str, str], float]:
    if not isinstance(stage, Filter):
        return {}
    found = {}
    for parameter, (signal, limit) in stage.limits().items():
        value = own.select(limit.alias("limit")).item()
        if value is not None:
            found[signal, "min" if parameter.startswith("min_") else "max"] = value
    return found


def _other_rules(stage: Filter, own: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Rules that are not a limit on a signal: a list, or an expression of a user's own."""
    limited = {stage.reasons[parameter] for parameter in stage.limits() if parameter in stage.reasons}
    for reason, keep in stage.rules().items():
        if reason not in limited:
            met = own.select(keep.alias("keep")).item()
            yield {"signal": reason, "value": None if met is None else not met, "must": "must not be true", "ok": met}


def _must(low: float | None, high: float | None) -> str | None:
    if low is not None and high is not None:
        return f"must be between {shown(low)} and {shown(high)}"
    if low is not None:
        return f"must be at least {shown(low)}"
    return None if high is None else f"must be at most {shown(high)}"


def _ok(value: Any, low: float | None, high: float | None, stage: Stage) -> bool | None:
    if low is None and high is None:
        return None
    if value is None:
        return isinstance(stage, Filter) and stage.on_null == "keep"
    return (low is None or value >= low) and (high is None or value <= high)


def shown(value: Any) -> str:
    """A value as people read it: whole numbers with separators, others with four significant digits."""
    if value is None:
        return "not measurable"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and (not math.isfinite(value) or value != int(value)):
        return f"{value:.4g}"
    return f"{int(value):,}" if isinstance(value, int | float) else str(value)


def as_text(one: dict[str, Any]) -> str:
    """An explanation as lines for a terminal."""
    name = f"{one['id']} ({one['address']})" if one["id"] is not None else one["address"]
    if one["verdict"] == "quarantine":
        return f"{name}: in quarantine: {one['reasons'][0]}"
    numbers = {stage["stage"]: stage["number"] for stage in one["stages"]}
    by = f" by {numbers[one['stage']]} {one['stage']}: {', '.join(one['reasons'])}" if one["stage"] else ""
    copies = f", {one['copies']} copies" if one["copies"] > 1 else ""
    lines = [f"{name}: {one['verdict']}{by}{copies}"]
    if one["also"]:
        lines.append(f"  would also fail {'; '.join(one['also'])}")
    lines += [f"  {key.replace('_', ' ')}  {shown(one[key])}" for key in SHOWN if key in one]
    if "difference" in one:
        lines += ["", f"Compared with {one['partner']}, [-words-] only there, {{+words+}} only here:", *(f"  {line}" for line in one["difference"])]
    for stage in one["stages"]:
        lines += ["", f"{stage['number']} {stage['stage']}", *_block(stage)]
    return "\n".join(lines)


def _block(stage: dict[str, Any]) -> list[str]:
    """The signals of a stage; of an edit only what it did."""
    if not stage["edits"]:
        told = [f"  {line}" for line in stage.get("account", ())]
        return [*(_table(stage["lines"]) or [f"  {NOTHING[stage['asked']]}"]), *told]
    done = [line for line in stage["lines"] if line["value"]]
    return [*_table(done), "  all else 0"] if done else ["  nothing to do"]


def _table(lines: list[dict[str, Any]]) -> list[str]:
    rows = [(line["signal"], shown(line["value"]), line["must"] or "", {True: "ok", False: "fails", None: ""}[line["ok"]]) for line in lines]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    return [f"  {a:<{widths[0]}}  {b:>{widths[1]}}  {c:<{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]
