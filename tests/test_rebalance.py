"""Rebalancing from a table or a recipe: shares are met, what cannot be met is said, and nothing depends on order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis import judge, make_stage, sift
from tamis.errors import TamisError
from tamis.stages import _balance

NAMES = ("law", "news", "science", "shop")


def documents(n: int = 4_000, seed: int = 0, odds: tuple[float, ...] = (0.05, 0.5, 0.3, 0.15)) -> pl.DataFrame:
    """Documents of 5 to 400 words, of four topics and two languages, with a score."""
    draw = np.random.default_rng(seed)
    long = draw.integers(5, 400, n)
    return pl.DataFrame(
        {
            "text": [f"word{i} " * int(k) for i, k in enumerate(long)],
            "topic": draw.choice(NAMES, n, p=odds),
            "lang": draw.choice(["en", "fr"], n, p=[0.8, 0.2]),
            "score": draw.random(n).round(4),
        }
    )


SMALL = documents()


def balanced(frame: pl.DataFrame = SMALL, **given_: Any) -> pl.DataFrame:
    """The documents with their copies, reasons, and bytes."""
    verdicts = judge(frame, [make_stage("rebalance", **given_)])
    return frame.hstack(verdicts.drop("row", "stage", "also")).with_columns(bytes=pl.col("text").str.len_bytes().cast(pl.Int64))


def amounts(found: pl.DataFrame, by: str | list[str] = "topic", unit: str = "bytes") -> dict[Any, int]:
    """Units written, by group."""
    size = {"bytes": pl.col("bytes"), "documents": pl.lit(1), "words": pl.col("text").str.count_matches(r"\S+").cast(pl.Int64)}[unit]
    summed = found.group_by(by).agg((size * pl.col("copies")).sum().alias("n"))
    return {row[0] if len(row) == 2 else row[:-1]: row[-1] for row in summed.iter_rows()}


def shares(found: pl.DataFrame, by: str | list[str] = "topic", unit: str = "bytes") -> dict[Any, float]:
    """Their shares."""
    counts = amounts(found, by, unit)
    return {group: count / sum(counts.values()) for group, count in counts.items()}


def near(found: dict[Any, float], wanted: dict[Any, float], within: float = 0.01) -> None:
    """Every share is within one percentage point of its target."""
    assert set(found) >= set(wanted)
    assert {group: share for group, share in found.items() if abs(share - wanted.get(group, 0.0)) > within} == {}


TARGETS: list[tuple[dict[str, Any], dict[str, float]]] = [
    ({"target": {"law": 0.1, "news": 0.4, "science": 0.3, "shop": 0.2}}, {"law": 0.1, "news": 0.4, "science": 0.3, "shop": 0.2}),
    ({"target": "uniform"}, dict.fromkeys(NAMES, 0.25)),
    ({"target": "natural"}, {"law": 0.05, "news": 0.5, "science": 0.3, "shop": 0.15}),
    ({"target": {"news": 0.2}}, {"law": 0.08, "news": 0.2, "science": 0.48, "shop": 0.24}),
    ({"target": {"news": 0.7, "shop": 0.3}}, {"law": 0, "news": 0.7, "science": 0, "shop": 0.3}),
    ({"exponent": 0.5}, {"law": 0.121, "news": 0.382, "science": 0.296, "shop": 0.209}),
    ({"target": "natural", "max_share": 0.4, "min_share": 0.1}, {"law": 0.1, "news": 0.4, "science": 0.333, "shop": 0.167}),
]


@pytest.mark.parametrize("unit", ["bytes", "documents", "words"])
@pytest.mark.parametrize("budget", [None, 0.3])
@pytest.mark.parametrize(("target", "wanted"), TARGETS, ids=lambda one: str(one) if "target" in one or "exponent" in one else "")
def test_targets_are_met_within_a_point_on_100_000_documents(
    target: dict[str, Any], wanted: dict[str, float], budget: float | None, unit: str
) -> None:
    """Every kind of target, in every unit, with and without a budget, within one percentage point of what it says."""
    there = sum(amounts(MANY, unit=unit).values())
    asked = {} if budget is None else {"budget": budget * there}
    found = balanced(LARGE, by="topic", unit=unit, **target, **asked)
    near(shares(found, unit=unit), wanted)
    if budget is not None:
        assert sum(amounts(found, unit=unit).values()) == pytest.approx(budget * there, rel=1e-3)


LARGE = documents(100_000, 1).with_columns(text=pl.format("{} {}", pl.int_range(pl.len()), pl.col("text").str.head(60)))
MANY = LARGE.with_columns(copies=pl.lit(1), bytes=pl.col("text").str.len_bytes().cast(pl.Int64))


def test_crossed_axes_are_raked() -> None:
    """Targets of two axes are met together, whatever their cross is."""
    found = balanced(by=["topic", "lang"], target={"topic": {"law": 0.1}, "lang": {"en": 0.5, "fr": 0.5}})
    near(shares(found, "lang"), {"en": 0.5, "fr": 0.5})
    assert shares(found)["law"] == pytest.approx(0.1, abs=0.01)
    cells = balanced(by=["topic", "lang"], target={"law / fr": 0.2, "news / en": 0.8}, budget=300_000)
    near(shares(cells.filter(pl.col("copies") > 0), ["topic", "lang"]), {("law", "fr"): 0.2, ("news", "en"): 0.8})


def test_a_scarce_group_is_repeated_up_to_max_copies() -> None:
    """A group that must grow is repeated evenly, never more often than it may be; the size gives way, or with a budget the shares."""
    free = balanced(by="topic", target="uniform", max_copies=3)
    law = free.filter(pl.col("topic") == "law")
    assert law["copies"].unique().to_list() == [3]
    near(shares(free), dict.fromkeys(NAMES, 0.25))
    asked = balanced(by="topic", target="uniform", max_copies=3, budget="all")
    assert amounts(asked)["law"] == amounts(free)["law"]
    assert sum(amounts(asked).values()) == pytest.approx(SMALL["text"].str.len_bytes().sum(), rel=1e-3)
    others = [share for topic, share in shares(asked).items() if topic != "law"]
    assert max(others) - min(others) < 0.001  # they fill up in proportion


def test_a_group_of_2_3_copies_has_two_or_three_of_each() -> None:
    """Repeats are spread evenly: no document is given four times where another is given once."""
    found = balanced(by="topic", target={"shop": 0.3}, budget=SMALL["text"].str.len_bytes().sum())
    assert set(found.filter(pl.col("topic") == "shop")["copies"]) == {1, 2} or set(found.filter(pl.col("topic") == "shop")["copies"]) == {
        2,
        3,
    }


def test_reasons_say_why() -> None:
    """A document of a group without a share is "not in the target", any other "not drawn"."""
    found = balanced(by="topic", target={"news": 1.0}, budget=10_000)
    said = found.group_by("topic").agg(pl.col("reasons").list.first().unique().drop_nulls())
    assert dict(said.iter_rows()) == {
        "law": ["not in the target"],
        "science": ["not in the target"],
        "shop": ["not in the target"],
        "news": ["not drawn"],
    }


def test_without_a_target_a_budget_is_a_sample() -> None:
    """No axis and no target: a share of everything, in whole documents."""
    found = balanced(budget=3_000_000)
    assert sum(amounts(found).values()) == pytest.approx(3_000_000, abs=2_000)
    near(shares(found), shares(SMALL.with_columns(copies=pl.lit(1), bytes=pl.col("text").str.len_bytes().cast(pl.Int64))), 0.02)


@settings(max_examples=25)
@given(st.integers(10, 90), st.integers(0, 9))
def test_a_little_more_of_a_group_keeps_what_it_had(share: int, more: int) -> None:
    """Where a group's quota grows, all its documents stay; where it shrinks, none is new."""
    first, then = (balanced(by="topic", unit="documents", target={"news": part / 100}, budget=1_000) for part in (share, share + more))
    change = then["copies"].cast(pl.Int16) - first["copies"].cast(pl.Int16)
    news = SMALL["topic"] == "news"
    assert change.filter(news).min() >= 0
    assert change.filter(~news).max() <= 0


def test_order_and_seed() -> None:
    """The order of documents changes nothing, another seed draws others, and equal texts are told apart by their other columns."""
    frame = pl.concat([SMALL.head(300), SMALL.head(300).with_columns(score=pl.col("score") + 1)])
    how = {"by": "topic", "target": "uniform", "budget": 30_000}
    one = balanced(frame, **how)
    turned = frame.sample(fraction=1.0, shuffle=True, seed=3)
    assert balanced(turned, **how).sort("text", "score").equals(one.sort("text", "score"))
    assert not balanced(frame, **how, seed=1)["copies"].equals(one["copies"])


def test_copies_compose() -> None:
    """A document that comes with copies has each of them as often, up to 255, and counts as so many units."""
    frame = pl.DataFrame({"text": [f"text number {i // 5}" for i in range(500)], "topic": [("a", "b")[i // 5 % 2] for i in range(500)]})
    near_ = make_stage("near_duplicates", keep_copies={1: 5})
    twice = judge(frame, [near_, make_stage("rebalance", by="topic", target={"a": 0.8}, max_copies=2, unit="documents")])
    kept = twice.filter(pl.col("copies") > 0)
    assert set(kept["copies"]) == {5, 10}
    most = judge(
        frame, [make_stage("near_duplicates", keep_copies={1: 100}), make_stage("rebalance", by="topic", budget=1e9, max_copies=9)]
    )
    assert most["copies"].max() == 255


def test_copies_count_as_units() -> None:
    """Text that comes three times is three times as much of its group: shares are those of what is written."""
    texts = [f"alpha {i}" for i in range(100) for _ in range(3)] + [f"beta {i}" for i in range(300)]
    frame = pl.DataFrame({"text": texts, "topic": ["a"] * 300 + ["b"] * 300})
    stages = [make_stage("near_duplicates", keep_copies={3: 3}), make_stage("rebalance", by="topic", target="uniform", unit="documents")]
    found = frame.hstack(judge(frame, stages).select("copies"))
    assert dict(found.group_by("topic").agg(pl.col("copies").sum()).iter_rows()) == {"a": 300, "b": 300}


def test_weights_are_accounted_for() -> None:
    """With `emit: weights` the account says what the weights come to, not what is written."""
    said = account(by="topic", target="uniform", budget="all", emit="weights", max_copies=9)
    assert said["farthest"] < 1e-6
    assert said["given"] == said["available"]


def test_best_first() -> None:
    """With `prefer` a group keeps its best documents, by signal, by "-" for less, or by values in order; nulls come last."""
    best = balanced(by="topic", unit="documents", budget=400, prefer=["score"])
    for topic in NAMES:
        group = best.filter(pl.col("topic") == topic)
        kept, gone = (group.filter((pl.col("copies") > 0) == is_kept)["score"] for is_kept in (True, False))
        assert kept.min() >= gone.max()
    worst = balanced(by="topic", unit="documents", budget=400, prefer=["-score"])
    assert worst.filter(pl.col("copies") > 0)["score"].max() < best.filter(pl.col("copies") > 0)["score"].min()
    french = balanced(by="topic", unit="documents", budget=400, prefer=[{"lang": ["fr", "en"]}, "score"])
    assert set(french.filter(pl.col("copies") > 0)["lang"]) == {"fr"}
    holes = balanced(SMALL.with_columns(score=pl.when(pl.col("score") < 0.9).then("score")), unit="documents", budget=400, prefer=["score"])
    assert holes.filter(pl.col("copies") > 0)["score"].null_count() == 0


def test_named_sources_are_favoured() -> None:
    """With weights, documents of a value are taken so many times as often as the others of their group, within the limits."""
    rates = {}
    found = balanced(by="topic", unit="documents", budget=2_000, weights={"lang": {"fr": 2.0}})
    for (topic, lang), part in found.group_by("topic", "lang"):
        rates[topic, lang] = part["copies"].sum() / part.height
    for topic in NAMES:
        assert rates[topic, "fr"] / rates[topic, "en"] == pytest.approx(2, rel=0.15)
    near(shares(found, unit="documents"), shares(SMALL.with_columns(copies=pl.lit(1)), unit="documents"))
    capped = balanced(by="topic", unit="documents", budget="all", weights={"lang": {"fr": 10.0}}, max_copies=2)
    assert set(capped.filter(pl.col("lang") == "fr")["copies"]) == {2}


def test_weights_instead_of_repeats() -> None:
    """With `emit: weights` every document that has a share is written once, and its weight is how often it should be given."""
    frame = SMALL.with_columns(bytes=pl.col("text").str.len_bytes())
    verdicts = judge(frame, [make_stage("rebalance", by="topic", target={"news": 0.5, "law": 0.5}, budget="all", emit="weights")])
    both = frame.hstack(verdicts.select("copies", weight="sampling_weight"))
    assert dict(both.group_by("topic").agg(pl.col("copies").unique()).iter_rows()) == {"law": [1], "news": [1], "science": [0], "shop": [0]}
    assert both.filter(pl.col("copies") == 0)["weight"].null_count() == both.filter(pl.col("copies") == 0).height
    given_ = dict(both.group_by("topic").agg((pl.col("bytes") * pl.col("weight")).sum()).iter_rows())
    assert given_["law"] == pytest.approx(4 * both.filter(pl.col("topic") == "law")["bytes"].sum())
    assert given_["news"] == pytest.approx(frame["bytes"].sum() - given_["law"])


def test_importance_draws_by_weight() -> None:
    """A document of twice the weight is drawn about twice as often, without replacement."""
    frame = pl.DataFrame({"text": [f"document {i}" for i in range(20_000)]})
    kept = Counter()
    stage = make_stage("rebalance", budget=1_000, unit="documents", importance="weigh.log_weight")
    signals = stage.measure(frame.to_arrow().cast(pa.schema([("text", pa.large_string())])))
    weight = np.log(np.where(np.arange(20_000) % 2, 2.0, 1.0))
    seen = signals.with_columns(
        pl.Series("weigh.log_weight", weight), copies=pl.lit(1, pl.UInt8), row=pl.int_range(20_000, dtype=pl.UInt64)
    ).with_columns(pl.lit(0, pl.UInt64).alias("text._rest"))
    for i in np.flatnonzero(stage.decide(seen.lazy()).collect()["copies"].to_numpy()).tolist():
        kept[i % 2] += 1
    assert kept[0] + kept[1] == 1_000
    assert kept[1] / kept[0] == pytest.approx(2, rel=0.2)


def test_none_is_a_group() -> None:
    """Documents without a value are a group that can be named."""
    frame = SMALL.with_columns(topic=pl.when(pl.col("topic") != "shop").then("topic"))
    found = balanced(frame, by="topic", target={"none": 0.0})
    assert found.filter(pl.col("topic").is_null())["copies"].sum() == 0


def test_where_leaves_the_others_alone() -> None:
    """Documents that do not meet the condition stay, beside target and budget."""
    found = balanced(by="topic", target={"law": 1.0}, where='lang == "en"')
    assert set(found.filter(pl.col("lang") == "fr")["copies"]) == {1}
    assert set(found.filter(pl.col("lang") == "en")["topic"].filter(found.filter(pl.col("lang") == "en")["copies"] > 0)) == {"law"}


def test_like_shards(tmp_path: Path) -> None:
    """The shares of given shards are taken over, by bytes of their text; a group that is not here is scarce, and said."""
    like = pl.DataFrame({"text": ["x" * 10, "y" * 30, "z" * 60], "topic": ["law", "news", "opera"]})
    like.write_parquet(tmp_path / "like.parquet")
    stage = make_stage("rebalance", by="topic", like=[str(tmp_path / "like.parquet")], budget=500_000)
    found = SMALL.hstack(judge(SMALL, [stage]).select("copies")).with_columns(bytes=pl.col("text").str.len_bytes().cast(pl.Int64))
    near(shares(found), {"law": 0.25, "news": 0.75, "science": 0, "shop": 0})
    like.head(2).drop("text").with_columns(copies=pl.Series([3, 1])).write_parquet(tmp_path / "counted.parquet")
    counted = balanced(by="topic", like=[str(tmp_path / "counted.parquet")], budget=400_000)
    near(shares(counted), {"law": 0.75, "news": 0.25})


def test_files_that_are_not_like_a_mix(tmp_path: Path) -> None:
    """A file without the column, no Parquet at all, and a manifest without the axis are one sentence each."""
    pl.DataFrame({"topics": ["x"]}).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_text("nonsense")
    (tmp_path / "c.json").write_text('{"mix": [{"axis": "doc.source"}]}')
    wanted = {
        "a.parquet": 'rebalance: "{}" lacks the column "topic". Did you mean "topics"?',
        "b.parquet": 'rebalance: "{}" cannot be read as Parquet: ',
        "c.json": 'rebalance: "{}" does not tell the mix by "topic".\nFix: name the manifest.json of a run that has it.',
    }
    for name, sentence in wanted.items():
        with pytest.raises(TamisError) as refused:
            balanced(by="topic", like=[str(tmp_path / name)])
        assert str(refused.value).startswith(sentence.format(tmp_path / name))


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"by": "topic", "target": {"laws": 0.5}},
        'rebalance: the target names "laws", and no document that reaches rebalance is of it. Did you mean "law"?',
    ),
    (
        {"by": "topic", "target": {"law": 1.5, "news": 0.5}},
        "rebalance: the targets sum to 2.000, not 1 (law 1.5, news 0.5).\nFix: scale them.",
    ),
    ({"by": "topic", "target": {"law": -0.1}}, 'rebalance: "target: law" is a share of at least 0, not -0.1.'),
    ({"by": "topic", "target": {}}, 'rebalance: "target" names no group.'),
    (
        {"by": ["topic", "lang"], "target": {"language": {"en": 1}}},
        'rebalance: the target names the axis "language", and "by" has none of that name. Did you mean "lang"?',
    ),
    (
        {"by": "topic", "target": "uniform", "exponent": 0.5},
        'rebalance: "target" and "exponent" both say what the shares should be.\nFix: give one of them.',
    ),
    (
        {"target": "uniform"},
        'rebalance: "target" says what the shares of groups should be, and "by" names none.\nFix: say by: topics.topic, or whatever makes a group.',
    ),
    ({"by": "topic", "exponent": -1}, 'rebalance: "exponent" is at least 0, not -1.0.'),
    (
        {"by": "topic", "unit": "byte"},
        'rebalance: "unit" is documents, bytes, words, tokens or a signal of a stage above, not "byte". Did you mean "bytes"?',
    ),
    ({"by": "topic", "budget": 0}, 'rebalance: "budget" must be above 0, not 0.0.'),
    ({"by": "topic", "budget": "10B"}, 'rebalance: "budget" is a number like 500M, 2GB or 10e9, or "all", not "10B".'),
    ({"by": "topic", "max_copies": 0}, 'rebalance: "max_copies" is 1 to 255, not 0.'),
    ({"by": "topic", "min_share": 0.5, "max_share": 0.4}, 'rebalance: "min_share" is 0.5 and "max_share" is 0.4: nothing could be both.'),
    (
        {"by": "topic", "weights": {"lang": {"fr": 0}}},
        'rebalance: "weights: lang: fr" must be above 0, not 0.0.\nFix: to leave documents out, use `rules` above.',
    ),
    (
        {"by": "topic", "prefer": ["score"], "importance": "a.b"},
        'rebalance: "prefer" and "importance" both say who is taken first.\nFix: give one of them.',
    ),
    ({"by": ["topic", "topic"]}, "rebalance: \"by\" names columns or signals, each once, not \"('topic', 'topic')\"."),
    (
        {"by": "topic", "unit": "tokens"},
        'rebalance decides by "tokens.tokens", which no stage above it measures. There are signals: text.bytes, rebalance.bytes, rebalance.words.',
    ),
]


@pytest.mark.parametrize(("how", "said"), REFUSED, ids=[str(how) for how, _ in REFUSED])
def test_what_cannot_be_meant_is_one_sentence(how: dict[str, Any], said: str) -> None:
    """Targets that name an unknown topic, sum to 2 or are negative, and their like: where, what, and the way out."""
    with pytest.raises(TamisError) as refused:
        balanced(**how)
    assert str(refused.value).removeprefix("make_stage, stage 1: ") == said


BUDGETS = {"500": 500, "2k": 2_000, "1.5 MB": 1_500_000, "2GB": 2e9, "3T": 3e12}


@pytest.mark.parametrize(("text", "units"), BUDGETS.items())
def test_budgets_are_read(text: str, units: float) -> None:
    """A budget is a number with a power of a thousand, and "B" if one likes."""
    from tamis.stages._targets import budget_of

    assert budget_of(make_stage("rebalance", budget=text)) == units


def account(**how: Any) -> dict[str, Any]:
    """What the stage says of its verdicts."""
    stage = make_stage("rebalance", **how)
    signals = stage.measure(SMALL.select("text").to_arrow().cast(pa.schema([("text", pa.large_string())])))
    seen = signals.hstack(SMALL.select(pl.col("topic", "lang", "score").name.prefix("doc."))).with_columns(
        pl.lit(0, pl.UInt64).alias("text._rest"), copies=pl.lit(1, pl.UInt8), row=pl.int_range(SMALL.height, dtype=pl.UInt64)
    )
    return stage.outcome(seen, stage.decide(seen.lazy()).collect()["copies"])


def test_the_account_counts_what_was_done() -> None:
    """Target and achieved, group by group, are those of the documents themselves; a target that is met warns of nothing."""
    how = {"by": "topic", "target": {"law": 0.1, "news": 0.3, "science": 0.4, "shop": 0.2}, "budget": 300_000}
    said, found = account(**how), balanced(**how)
    assert (said["met"], said["warnings"], said["unit"], said["budget"]) == (True, [], "bytes", 300_000)
    assert {one["group"]: one["given"] for one in said["groups"]} == amounts(found)
    assert {one["group"]: one["written"] for one in said["groups"]} == amounts(found, unit="documents")
    assert {one["group"]: one["target_share"] for one in said["groups"]} == how["target"]
    assert said["farthest"] == pytest.approx(max(abs(shares(found)[group] - share) for group, share in how["target"].items()), abs=1e-6)
    assert said["given"] == sum(amounts(found).values())
    assert said["available"] == SMALL["text"].str.len_bytes().sum()


def test_a_target_that_cannot_be_met_says_how_near_it_came() -> None:
    """The scarce group, what it should have and what there is; with `strict` it is an error, and says the way out."""
    law = SMALL.filter(pl.col("topic") == "law")["text"].str.len_bytes().sum()
    there = SMALL["text"].str.len_bytes().sum()
    said = account(by="topic", target={"law": 0.5}, budget="all", max_copies=2)
    wanted = (
        f'the target cannot be met with at most 2 copies of a document: "law" should have {-(-there // 2):,} bytes and has {law:,}; '
        f"{there:,} bytes are reached with other shares."
    )
    assert said["warnings"] == [wanted]
    assert [one["group"] for one in said["groups"] if one["scarce"]] == ["law"]
    assert not said["met"]
    with pytest.raises(TamisError) as refused:
        balanced(by="topic", target={"law": 0.5}, budget="all", max_copies=2, strict=True)
    assert str(refused.value) == f"rebalance: {wanted}\nFix: lower the budget or the shares, raise max_copies, or do without strict."
    assert balanced(by="topic", target={"law": 0.5}, max_copies=2, strict=True).height == SMALL.height  # the size gives way: met


def test_a_budget_of_more_than_there_is() -> None:
    """All copies that may be made are made, and the shortfall is said."""
    said = account(by="lang", budget=1e9, max_copies=2)
    there = SMALL["text"].str.len_bytes().sum()
    assert said["given"] == 2 * there
    assert said["warnings"][0].endswith(f"the mix comes to {2 * there:,} of 1,000,000,000 bytes.")


def test_a_scarce_group_that_makes_the_mix_small_is_said() -> None:
    """Without a budget, a mix that keeps less than half says whose fault it is."""
    (said,) = account(by="topic", target={"law": 0.9}, max_copies=1)["warnings"]
    assert said.startswith("the mix has 5.")
    assert '"law" has only' in said


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_documents(n: int) -> None:
    """None, one or two documents are balanced like any others."""
    found = balanced(SMALL.head(n), by="topic", exponent=0.5)
    assert found.height == n
    assert set(found["copies"]) <= {1}


def test_texts_without_words() -> None:
    """A group of which nothing counts in the unit has no share, and is dropped, not divided by."""
    frame = pl.DataFrame({"text": ["", " ", "a b", "c d"], "topic": ["x", "x", "y", "y"]})
    found = balanced(frame, by="topic", unit="words")
    assert found["copies"].to_list() == [0, 0, 1, 1]


def test_sift_repeats_documents() -> None:
    """What `sift` returns has the copies as rows."""
    kept = sift(SMALL, [make_stage("rebalance", by="topic", target="uniform")])
    assert kept.height == balanced(by="topic", target="uniform")["copies"].sum()
    assert isinstance(kept, pl.DataFrame)


def test_break_it_once() -> None:
    """Meta-test: the check of shares would notice a solver that ignores its target."""
    honest = _balance.taken
    try:
        _balance.taken = lambda _stage, frame, _solved: np.ones(frame.height, np.int64)
        with pytest.raises(AssertionError):
            near(shares(balanced(by="topic", target="uniform")), dict.fromkeys(NAMES, 0.25))
    finally:
        _balance.taken = honest
