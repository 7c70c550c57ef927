"""What the report says of the mix: counted again in plain Python, named where filters moved it, and safe whatever topics are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_runs import SCRIPT, prose, report, run, shown, written

from tamis.folder import Finished, opened
from tamis.report import write
from tamis.report.page_mix import chart_rows, sentence

TOPICS = ["law", "sport", SCRIPT, "a | b\n# head", None]
STAGES: list[Any] = [
    {"topics": {"column": "topic"}},
    "tokens",
    {"rules": {"min": {"score": 0.5}}},
    {"sample": {"share": 0.8}},
    {
        "rebalance": {
            "by": "topics.topic",
            "target": {"law": 0.4, "sport": 0.4},
            "unit": "tokens.estimated_tokens",
            "budget": "all",
            "max_copies": 2,
        }
    },
]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run whose filter drops law and little else, and which then asks for more law than there is."""
    folder = tmp_path_factory.mktemp("mix")
    n = 300
    topic = [TOPICS[i % 5] for i in range(n)]
    score = [0.0 if one == "law" and i % 4 else 1.0 for i, one in enumerate(topic)]
    return run(written(folder / "in", text=prose(n), topic=topic, score=score), folder / "out", STAGES)


@pytest.fixture(scope="module")
def mix(done: Finished) -> dict[str, Any]:
    """The facts on the axis of topics."""
    (found,) = [one for one in report(done)["mix"] if one["axis"] == "topics.topic"]
    return found


def test_shares_after_each_stage_are_counted_again(done: Finished, mix: dict[str, Any]) -> None:
    """Raw, after each stage and kept, in documents and tokens, as the ledger and the tokens of each document have it."""
    import polars as pl

    ledger = pl.concat([pl.read_parquet(path) for path in sorted(Path(done.out, "ledger").glob("*.parquet"))])
    tokens = pl.concat([pl.read_parquet(path) for path in sorted(Path(done.folder("tokens")).rglob("*.parquet"))])["estimated_tokens"]
    rows = list(zip(ledger["topic"], ledger["stage"], ledger["copies"], tokens, strict=True))
    assert mix["stages"] == ["rules", "sample", "rebalance"]
    assert mix["balanced"] == "rebalance"
    assert mix["asked"] is True
    for one in mix["values"]:
        own = [row for row in rows if row[0] == one["value"]]
        gone: set[str] = set()
        for stage in mix["stages"]:
            gone.add(stage)
            left = [row for row in own if row[1] not in gone]
            assert one["after"][stage] == {
                "documents": len(left),
                "bytes": one["after"][stage]["bytes"],
                "tokens": sum(row[3] for row in left),
            }
            everywhere = sum(row[3] for row in rows if row[1] not in gone)
            assert one["shares"]["after"][stage] == pytest.approx(sum(row[3] for row in left) / everywhere, abs=1e-6)
        assert one["shares"]["raw"] == pytest.approx(sum(row[3] for row in own) / sum(row[3] for row in rows), abs=1e-6)
        written_tokens = sum(row[2] * row[3] for row in own)
        assert one["shares"]["kept"] == pytest.approx(written_tokens / sum(row[2] * row[3] for row in rows), abs=1e-6)
    targets = {one["value"]: one["shares"]["target"] for one in mix["values"]}
    assert targets["law"] == targets["sport"] == 0.4
    assert sum(targets.values()) == pytest.approx(1)  # documents without a topic are the group "none", which has a target too


def test_the_filter_that_moved_the_mix_is_named(mix: dict[str, Any]) -> None:
    """With how much of the text, who gained and who lost; a stage that was meant to move it is not blamed."""
    (first, *_) = mix["movers"]
    assert first["stage"] == "rules"
    assert first["lost"]["value"] == "law"
    assert first["lost"]["before"] > first["lost"]["after"]
    assert "rebalance" not in [one["stage"] for one in mix["movers"]]
    (line, *_) = sentence(mix)
    assert line.startswith("rules moves 1")
    assert '"law" loses most, from 20.' in line
    # The total variation distance: half the sum of all differences.
    differences = [abs(one["shares"]["after"]["rules"] - one["shares"]["raw"]) for one in mix["values"]]
    assert first["moved"] == pytest.approx(sum(differences) / 2, abs=1e-5)


def test_targets_stand_beside_what_was_given(done: Finished) -> None:
    """For each group the target, what was achieved, how often its text is given, and what a budget asked for and the group lacks."""
    account = report(done)["balance"]["rebalance"]
    law = next(one for one in account["groups"] if one["group"] == "law")
    assert law["scarce"] is True
    assert law["copies"] == pytest.approx(2, abs=0.1)
    assert law["short"] == pytest.approx(0.4 * account["asked"] - 2 * law["available"], abs=1)
    page, card = shown(done), shown(done, "README.md")
    assert "<h3>Targets of <bdi>rebalance</bdi></h3>" in page
    assert "The target cannot be met" in page
    assert f"{law['short']:,}" in page
    assert "## Balance by topics.topic" in card
    assert f"| law | {law['available']:,} | 40.0% |" in card
    assert "## Mix by topics.topic" in card


def test_topics_have_their_central_documents(done: Finished) -> None:
    """Each topic with how many documents it has, and the beginning of the most central ones; with no samples, no text."""
    from tamis import report as reporting
    from tamis.report.facts import Show, facts

    found = report(done)["topics"]
    assert found["stage"] == "topics"
    assert found["without"] == 60
    assert {one["topic"]: one["documents"] for one in found["topics"]} == {name: 60 for name in TOPICS if name}
    assert all(len(one["central"]) == 2 for one in found["topics"])
    assert all(central["begins"].startswith("the brown kitten number") for one in found["topics"] for central in one["central"])
    silent = facts(done, Show(samples=0))
    assert all(central["begins"] is None for one in silent["topics"]["topics"] for central in one["central"])
    assert reporting.FILES


def test_charts_draw_what_the_facts_say(mix: dict[str, Any]) -> None:
    """A point for each value raw, after each stage, kept, and as it should be."""
    points = list(chart_rows(mix))
    law = {one["kind"] if one["kind"] != "after" else one["shown"].split(":")[0]: one["at"] for one in points if one["value"] == "law"}
    shares = next(one["shares"] for one in mix["values"] if one["value"] == "law")
    assert law == {
        "raw": shares["raw"],
        "kept": shares["kept"],
        "target": 0.4,
        **{f"after {name}": at for name, at in shares["after"].items()},
    }


def test_hostile_topics_do_nothing(done: Finished) -> None:
    """A topic that is a script, or a heading, is shown and does nothing, on the page and on the card."""
    page, card = shown(done), shown(done, "README.md")
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert SCRIPT not in card
    assert "\n# head" not in card


def test_without_groups_there_is_no_section(tmp_path: Path) -> None:
    """A recipe that groups documents by nothing of its own has no such section, though its data have sources; one that balances by them has."""
    place = written(tmp_path / "in", text=prose(40), source=["a", "b"] * 20)
    plain = run(place, tmp_path / "plain", ["exact_duplicates"])
    assert 'id="composition"' not in shown(plain)
    assert "## Mix by" not in shown(plain, "README.md")
    assert [one["asked"] for one in report(plain)["mix"]] == [False]
    assert report(plain)["topics"] is None
    balanced = run(place, tmp_path / "balanced", [{"rebalance": {"by": "source", "target": {"a": 0.7, "b": 0.3}}}])
    assert "<h3>By <code><bdi>doc.source</bdi></code></h3>" in shown(balanced)
    assert report(balanced)["mix"][0]["balanced"] == "rebalance"
    assert "## Mix by doc.source" in shown(balanced, "README.md")
    assert "The target is met" in shown(balanced)


def test_a_run_that_keeps_nothing_has_shares_of_nothing(tmp_path: Path) -> None:
    """No division by zero: shares of nothing are null, and the page is drawn."""
    place = written(tmp_path / "in", text=prose(10), topic=["x"] * 10)
    done = run(place, tmp_path / "out", [{"topics": {"column": "topic"}}, {"sample": {"share": 0.0}}])
    (axis,) = [one for one in report(done)["mix"] if one["axis"] == "topics.topic"]
    assert axis["values"][0]["shares"] == {"raw": 1.0, "after": {"sample": None}, "kept": None, "target": None}
    assert "<h3>By <code>" in shown(done)


def test_topics_of_a_stage_of_ones_own_may_be_numbers(tmp_path: Path) -> None:
    """Any stage with a topic and a confidence gives topics, whatever their type; the page is drawn, and the run is finished."""
    (tmp_path / "clusters.py").write_text(
        "from dataclasses import dataclass\nimport polars as pl\nfrom tamis import Filter\n\n\n@dataclass(frozen=True)\n"
        'class Clusters(Filter):\n    """Numbers."""\n\n    def measure(self, docs):\n'
        '        n = docs.num_rows\n        return pl.DataFrame({"topic": pl.Series([7] * n, dtype=pl.Int64), "confidence": [0.5] * n})\n'
    )
    done = run(written(tmp_path / "in", text=prose(10)), tmp_path / "out", [f"{tmp_path}/clusters.py:Clusters"])
    assert [one["topic"] for one in report(done)["topics"]["topics"]] == ["7"]


def test_a_page_is_drawn_again_without_the_fitted_file(tmp_path: Path) -> None:
    """Where the user has moved the file that topics came from, they have sizes and no words."""
    text, fitted = prose(60), tmp_path / "topics.fit"
    place = written(tmp_path / "in", text=text)
    first = run(place, tmp_path / "first", [{"topics": {"topics": 2}}])
    (found,) = Path(first.out, "fitted").iterdir()
    found.rename(fitted)
    done = run(place, tmp_path / "out", [{"topics": {"fitted": str(fitted)}}])
    assert all(one["words"] for one in report(done)["topics"]["topics"])
    fitted.rename(tmp_path / "elsewhere.fit")
    write(opened(done.out))
    assert [one["words"] for one in report(done)["topics"]["topics"]] == [[]] * len(report(done)["topics"]["topics"])


def test_a_page_of_an_older_run_is_drawn(done: Finished, mix: dict[str, Any]) -> None:
    """A manifest that says how far a filter moved the mix, and not where from, is told as far as it goes."""
    old = [{name: value for name, value in one.items() if name not in {"gained", "lost"}} for one in mix["movers"]]
    assert next(sentence({**mix, "movers": old})).endswith(" to other groups.")
