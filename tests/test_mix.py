"""What a run says of the mix: by topic, before and after every stage, targets and what became of them, on paper and in what-if."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from runs import command, corpus, data, ledger, run, split
from stages_for_tests import Twins

from tamis import files, folder, make_stage, mix, what_if
from tamis.measure import Step

TOPICS = ("law", "news", "shop")


def table(n: int = 600, seed: int = 0) -> pa.Table:
    """Documents of three topics, of which those of shops are short."""
    draw = np.random.default_rng(seed)
    topic = [TOPICS[i] for i in draw.choice(3, n, p=[0.1, 0.5, 0.4])]
    long = [int(draw.integers(3, 12)) if one == "shop" else int(draw.integers(8, 60)) for one in topic]
    texts = [
        f"document number {i} of the {one} " + "the and of to that with be have " * k
        for i, (one, k) in enumerate(zip(topic, long, strict=True))
    ]
    return pa.table(
        {"id": [f"d{i}" for i in range(n)], "text": texts, "topic": topic, "source": [("web", None, "book")[i % 3] for i in range(n)]}
    )


STAGES: list[Any] = [
    make_stage("topics", column="topic"),
    make_stage("tokens"),
    make_stage("gopher_quality", min_words=80, max_symbol_share=None, min_mean_word_length=None),
    make_stage("rebalance", by="topics.topic", target={"law": 0.2, "shop": 0.2}, unit="tokens.estimated_tokens", max_copies=3),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run of them."""
    place = tmp_path_factory.mktemp("mix")
    return place / "out", run(STAGES, split(place / "in", table()), place / "out")


def counted_slowly(out: Path, column: str) -> dict[Any, dict[str, Any]]:
    """What the mix should say of a column, row by row of the ledger."""
    texts = dict(zip(table()["id"].to_pylist(), table()["text"].to_pylist(), strict=True))
    values = dict(zip(table()["id"].to_pylist(), table()[column].to_pylist(), strict=True))
    estimate = make_stage("tokens").measure(pa.table({"text": pa.array(list(texts.values()), pa.large_string())}))["estimated_tokens"]
    tokens = dict(zip(texts, estimate.to_list(), strict=True))
    found: dict[Any, dict[str, Any]] = {}
    for row in ledger(out):
        size = {"documents": 1, "bytes": len(texts[row["id"]].encode()), "tokens": tokens[row["id"]]}
        held = found.setdefault(values[row["id"]], {"raw": dict.fromkeys(size, 0), "kept": dict.fromkeys(size, 0), "dropped": {}})
        gone = held["dropped"].setdefault(row["stage"], dict.fromkeys(size, 0)) if row["stage"] else dict.fromkeys(size, 0)
        for name, amount in size.items():
            held["raw"][name] += amount
            held["kept"][name] += amount * row["copies"]
            gone[name] += amount
    return found


@pytest.mark.parametrize(("axis", "column"), [("topics.topic", "topic"), ("doc.source", "source")])
def test_the_mix_is_that_of_the_ledger(finished: tuple[Path, dict[str, Any]], axis: str, column: str) -> None:
    """Raw, dropped by each stage, and kept with copies, in documents, bytes and tokens: as the ledger has it, row by row."""
    out, manifest = finished
    (said,) = [one for one in manifest["mix"] if one["axis"] == axis]
    assert said["measures"] == ["documents", "bytes", "tokens"]
    assert said["tokens"] == "tokens.estimated_tokens"
    wanted = counted_slowly(out, column)
    assert {one["value"]: {name: one[name] for name in ("raw", "kept", "dropped")} for one in said["values"]} == wanted
    assert said["others"] is None
    sizes = [one["raw"]["bytes"] for one in said["values"]]
    assert sizes == sorted(sizes, reverse=True)


def test_a_filter_that_moves_the_mix_is_named(finished: tuple[Path, dict[str, Any]]) -> None:
    """The share of tokens that each stage moves between topics is said, and warned of, but for the stage that is meant to."""
    _, manifest = finished
    (said,) = [one for one in manifest["mix"] if one["axis"] == "topics.topic"]
    changes = {one["stage"]: one for one in said["changes"]}
    assert list(changes) == ["gopher_quality", "rebalance"]
    raw = {one["value"]: one["raw"]["tokens"] for one in said["values"]}
    left = {one["value"]: one["raw"]["tokens"] - one["dropped"].get("gopher_quality", {"tokens": 0})["tokens"] for one in said["values"]}
    before, after = ({value: amount / sum(some.values()) for value, amount in some.items()} for some in (raw, left))
    assert changes["gopher_quality"]["moved"] == pytest.approx(sum(abs(after[one] - before[one]) for one in before) / 2, abs=1e-6)
    assert changes["gopher_quality"]["value"] == "shop"
    warned = [one for one in manifest["warnings"] if "moves" in one]
    share = changes["gopher_quality"]["moved"]
    named = f'"shop", from {before["shop"]:.1%} to {after["shop"]:.1%}.'
    assert warned == [f"gopher_quality moves {share:.1%} of the tokens between groups of topics.topic, most of all {named}"]


def test_targets_and_what_became_of_them_are_told(finished: tuple[Path, dict[str, Any]]) -> None:
    """The manifest and report.json have the target and what was achieved, which is what the curated shards hold."""
    out, manifest = finished
    account = manifest["balance"]["rebalance"]
    assert account["met"]
    assert account["by"] == ["topics.topic"]
    written = defaultdict(int)
    for row in data(out):
        written[row["topic"]] += 1
    assert {one["group"]: one["written"] for one in account["groups"]} == written
    (said,) = [one for one in manifest["mix"] if one["axis"] == "topics.topic"]
    assert {one["group"]: one["given"] for one in account["groups"]} == {one["value"]: one["kept"]["tokens"] for one in said["values"]}
    report = json.loads((out / "report.json").read_text())
    assert report["balance"] == manifest["balance"]
    for shown, counted in zip(report["mix"], manifest["mix"], strict=True):
        assert shown | {"values": 0} == shown | counted | {"values": 0}
        assert [{key: one[key] for key in ("value", "raw", "kept", "dropped")} for one in shown["values"]] == counted["values"]


CHANGES = [
    ["rebalance.target.law=0.3"],
    ["rebalance.target=uniform", "rebalance.max_copies=2"],
    ["rebalance.target=null", "rebalance.exponent=0.5", "rebalance.budget=5k"],
    ["gopher_quality.min_words=90", "rebalance.unit=documents"],
    ["rebalance.prefer=[length]", "rebalance.budget=9000"],
]


@pytest.mark.parametrize("assignments", CHANGES, ids=" ".join)
def test_what_if_says_what_a_run_does(tmp_path: Path, finished: tuple[Path, dict[str, Any]], assignments: list[str]) -> None:
    """Other targets, limits, units and budgets: what what-if says, account and all, is what a run with them writes."""
    from tamis.assignments import changed

    out, _ = finished
    opened = folder.opened(str(out))
    answer = what_if.what_if(opened, assignments)
    steps, _ = changed(opened, assignments)
    manifest = run([step.stage for step in steps], split(tmp_path / "in", table()), tmp_path / "then")
    assert answer["balance"]["rebalance"]["after"] == manifest["balance"]["rebalance"]
    assert answer["kept"]["after"]["documents"] == manifest["counts"]["kept"]
    assert answer["kept"]["after"]["written"] == manifest["counts"]["written"]


RECIPE = """
stages:
  - topics: {column: topic}
  - rebalance: {by: topics.topic, target: {law: 0.5, news: 0.25, shop: 0.25}, budget: 400k, max_copies: 2}
"""


def test_commands_show_target_and_achieved(tmp_path: Path, tamis_command: Any) -> None:
    """`run` prints shares, targets and what was achieved, warns of a target that cannot be met, and with --strict exits with 2."""
    (tmp_path / "mix.yaml").write_text(RECIPE)
    place = split(tmp_path / "in", table())
    code, out, _ = tamis_command("run", tmp_path / "mix.yaml", place, "-o", tmp_path / "out")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    head = lines.index(["topics.topic", "documents", "written", "share", "target", "achieved"])
    rows = {line[0]: line[4:] for line in lines[head + 1 : head + 4]}
    assert {topic: row[0] for topic, row in rows.items()} == {"law": "50.0%", "news": "25.0%", "shop": "25.0%"}
    assert [topic for topic, row in rows.items() if row[2:] == ["scarce"]] == ["law"]
    assert "Warning: rebalance: the target cannot be met with at most 2 copies of a document: " in out
    code, out, said = tamis_command("run", tmp_path / "mix.yaml", place, "-o", tmp_path / "strict", "--strict")
    assert (code, out) == (2, "")
    assert "Error: rebalance: the target cannot be met with at most 2 copies of a document: " in said
    assert not (tmp_path / "strict" / "data").exists()
    code, out, _ = tamis_command("what-if", tmp_path / "out", "rebalance.budget=50k")
    assert code == 0
    assert "topics.topic   documents   written   share   target   before    then" in out


def test_like_a_run(tmp_path: Path, finished: tuple[Path, dict[str, Any]]) -> None:
    """The manifest of a run is a target: its shares by the same axis are taken over."""
    out, manifest = finished
    (said,) = [one for one in manifest["mix"] if one["axis"] == "topics.topic"]
    total = sum(one["kept"]["bytes"] for one in said["values"])
    stages = [make_stage("topics", column="topic"), make_stage("rebalance", by="topics.topic", like=[str(out / "manifest.json")])]
    then = run(stages, split(tmp_path / "in", table(300, 5)), tmp_path / "out")
    targets = {one["group"]: one["target_share"] for one in then["balance"]["rebalance"]["groups"]}
    assert targets == pytest.approx({one["value"]: one["kept"]["bytes"] / total for one in said["values"]}, abs=1e-6)


def test_weights_are_exported(tmp_path: Path) -> None:
    """With `emit: weights` each document is written once, and `tamis export` gives its weight beside it."""
    stages = [make_stage("rebalance", by="topic", target="uniform", emit="weights")]
    place = split(tmp_path / "in", table())
    manifest = run(stages, place, tmp_path / "out")
    assert manifest["counts"]["written"] == 600
    assert command("export", tmp_path / "out", "--where", "sampling_weight > 2", "-o", tmp_path / "more").returncode == 0
    exported = pl.concat([pl.read_parquet(path) for path in sorted((tmp_path / "more").glob("*.parquet"))])
    assert set(exported["topic"]) == {"law", "shop"}
    assert exported.select("topic", "tamis_sampling_weight").unique().height == 2
    assert 2 < exported["tamis_sampling_weight"].min() <= exported["tamis_sampling_weight"].max() <= 4


def test_many_values_are_summed_and_too_many_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many values the largest are listed and the others summed; an axis of more than can be counted is left out."""
    monkeypatch.setattr(mix, "SHOWN", 3)
    monkeypatch.setattr(mix, "PARTS", 2)
    steps = [Step("sample", make_stage("sample", share=0.5))]

    def of(n: int) -> list[dict[str, Any]]:
        made = mix.Mix(steps)
        for start in range(0, 60, 10):
            rows = np.arange(start, start + 10)
            frame = pl.DataFrame({"doc.source": [f"s{row % n:03}" for row in rows], "text.bytes": (rows % n + 1).astype(np.uint32)})
            made.add(
                pl.DataFrame({"stage": ["sample" if row % 2 else None for row in rows], "copies": (1 - rows % 2).astype(np.uint8)}), frame
            )
        return made.facts()

    (said,) = of(10)
    assert [one["value"] for one in said["values"]] == ["s009", "s008", "s007"]
    assert said["others"]["value"] == 7
    assert said["others"]["raw"] == {"documents": 42, "bytes": 6 * sum(range(1, 8))}
    assert said["others"]["dropped"] == {"sample": {"documents": 18, "bytes": 6 * (2 + 4 + 6)}}
    fewer = mix.shortened(said, 1)
    assert [one["value"] for one in fewer["values"]] == ["s009"]
    assert fewer["others"] == {
        "value": 9,
        "raw": {"documents": 54, "bytes": 6 * sum(range(1, 10))},
        "kept": {"documents": 30, "bytes": 6 * (1 + 3 + 5 + 7 + 9)},
        "dropped": {"sample": {"documents": 24, "bytes": 6 * (2 + 4 + 6 + 8)}},
    }
    assert mix.shortened(said, 3) == said
    monkeypatch.setattr(mix, "MOST_VALUES", 5)
    assert of(10) == []


def test_long_values_are_cut() -> None:
    """A value of a megabyte is told by its beginning and its length, in the mix and among the groups of a target."""
    made = mix.Mix([Step("sample", make_stage("sample"))])
    long = "é" * 600_000
    made.add(
        pl.DataFrame({"stage": [None], "copies": [1]}, schema={"stage": pl.String, "copies": pl.UInt8}),
        pl.DataFrame({"doc.source": [long], "text.bytes": [3]}),
    )
    assert made.facts()[0]["values"][0]["value"] == "é" * 50 + "… (1200000 bytes)"
    stage = make_stage("rebalance", by="source", unit="documents", budget=9)
    seen = pl.DataFrame({"doc.source": [long], "bytes": [1], "copies": [1], "row": [0], "_draw": [1], "text._rest": [1]})
    said = stage.outcome(seen.cast({"copies": pl.UInt8, "_draw": pl.UInt64}), pl.Series([1]))
    assert said["groups"][0]["group"] == "é" * 50 + "… (600000 characters)"


def test_facts_are_written_as_json(finished: tuple[Path, dict[str, Any]]) -> None:
    """What a run returns is what it wrote, so that nothing in it is of a type that JSON lacks."""
    out, manifest = finished
    assert files.read_json(f"{out}/manifest.json")["mix"] == manifest["mix"]


@dataclass(frozen=True)
class Speaks(Twins):
    """Says something of its own of its verdicts as a whole."""

    def outcome(self, signals: pl.DataFrame, copies: pl.Series) -> dict[str, Any]:
        """kept, and a warning."""
        return {"kept": int(copies.sum()), "warnings": ["mind the twins"]}


def test_what_a_stage_says_of_itself_is_no_balance(tmp_path: Path) -> None:
    """The outcome of a user's stage is in the manifest as it is, its warnings among the warnings; neither report nor what-if takes it for a balance."""
    manifest = run([Speaks()], split(tmp_path / "in", corpus(30), 2), tmp_path / "out")
    assert manifest["balance"] == {}
    assert manifest["outcomes"] == {"speaks": {"kept": manifest["counts"]["kept"], "warnings": ["mind the twins"]}}
    assert "speaks: mind the twins" in manifest["warnings"]
