"""Conventions compared: every count is that of judging with one convention at a time."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import command, split
from stages_for_tests import Length, Lower, StockLines

import tamis
from tamis import conventions
from tamis.cli.compared import conventions as as_text
from tamis.errors import RecipeError, StageError
from tamis.recipe import Recipe, parse
from tamis.table import TABLE, stage_class

SAMPLE = Path(__file__).parents[1] / "sample_data" / "raw"
QUALITY = {"gopher_quality": {"min_words": 20, "by": {"lang": {"fr": {"min_stop_words": None}}}, "where": "length.chars > 200"}}
STAGES = ["stages_for_tests:Lower", "stages_for_tests:Length", QUALITY, {"gopher_quality": {"on_null": "keep", "word_rule": "whitespace"}}]


@pytest.fixture(scope="module")
def sample() -> pa.Table:
    """Two shards of the sample data."""
    return pa.concat_tables([pq.read_table(path) for path in sorted(SAMPLE.glob("*.parquet"))[:2]])


def _slowly(table: pa.Table, recipe: Recipe, name: str, axes: dict[str, list[str]]) -> tuple[dict[str, Counter[str]], dict[tuple[str, str], Counter[str]]]:
    """Failures and flips by rule, judging once for each variant."""
    place = [one for one, _ in recipe.named()].index(name)
    variants: list[dict[str, str]] = [{}]
    for axis, values in axes.items():
        variants = [{**one, axis: value} for one in variants for value in values]
    failed: dict[str, list[set[str]]] = {}
    for values in variants:
        stages = list(recipe.stages)
        stages[place] = replace(stages[place], **values)
        verdicts = tamis.judge(table, stages)
        said = [[*(reason for reason in row["reasons"] if row["stage"] == name), *(one.removeprefix(f"{name}: ") for one in row["also"] if one.startswith(f"{name}: "))] for row in verdicts.iter_rows(named=True)]
        failed[", ".join(values.values())] = [set(reasons) for reasons in said]
    counts = {variant: Counter(reason for reasons in rows for reason in (*reasons, *(["any rule"] if reasons else []))) for variant, rows in failed.items()}
    flips = {}
    for a, b in combinations(failed, 2):
        flips[a, b] = Counter(reason for one, other in zip(failed[a], failed[b], strict=True) for reason in (*(one ^ other), *(["any rule"] if bool(one) != bool(other) else [])))
    return counts, flips


def _ours(one: dict[str, Any]) -> tuple[dict[str, Counter[str]], dict[tuple[str, str], Counter[str]]]:
    failed = {name: Counter({rule: by[name] for rule, by in one["failed"].items() if by[name]}) for name in one["variants"]}
    flips = {tuple(flip["between"]): Counter({rule: count for rule, count in flip["by_rule"].items() if count}) for flip in one["flips"]}
    return failed, flips


def _measurable(counts: dict[Any, Counter[str]]) -> dict[Any, Counter[str]]:
    """Without the reason for what is not measurable, which has no rule of its own."""
    return {name: Counter({rule: count for rule, count in found.items() if "not measurable" not in rule}) for name, found in counts.items()}


@pytest.mark.parametrize("word_rules", [False, True])
def test_counts_are_those_of_judging_with_each_convention(tmp_path: Path, sample: pa.Table, *, word_rules: bool) -> None:
    """By rule and in all, with edits, exceptions, a condition on another stage's signal and null signals; in any number of shards."""
    recipe = parse({"stages": STAGES}, place="test")
    axes = {"convention": ["paper", "datatrove", "dclm"]} | ({"word_rule": ["unicode", "whitespace"]} if word_rules else {})
    shards = split(tmp_path / "in", sample, 3, row_group_size=40)
    found = conventions.compare([shards], recipe, word_rules=word_rules, workers=2)
    assert (found["documents"], found["unreadable"], found["bytes"]) == (sample.num_rows, 0, sum(len(text.encode()) for text in sample.column("text").to_pylist()))
    assert [one["stage"] for one in found["stages"]] == ["gopher_quality", "gopher_quality_2"]
    for one in found["stages"]:
        (failed, flips), (slow, slow_flips) = _ours(one), _slowly(sample, recipe, one["stage"], axes)
        assert {name: count["any rule"] for name, count in failed.items()} == {name: count["any rule"] for name, count in slow.items()}
        assert {pair: count["any rule"] for pair, count in flips.items()} == {pair: count["any rule"] for pair, count in slow_flips.items()}
        if one["stage"] == "gopher_quality_2":
            assert (failed, flips) == (_measurable(slow), _measurable(slow_flips))


def test_what_is_not_measurable_fails_its_rules(tmp_path: Path) -> None:
    """As in a run, a text without words fails every rule that asks about its words, unless `on_null: keep`."""
    shards = split(tmp_path / "in", pa.table({"text": ["", " ", "\n"]}), 1)
    (dropping,) = conventions.compare([shards], conventions.defaults(["gopher_quality"]))["stages"]
    assert dropping["failed"]["words too short on average"] == {"paper": 3, "datatrove": 3, "dclm": 3}
    (keeping,) = conventions.compare([shards], parse({"stages": [{"gopher_quality": {"on_null": "keep"}}]}, place="x"))["stages"]
    assert keeping["failed"]["words too short on average"] == {"paper": 0, "datatrove": 0, "dclm": 0}


def test_every_built_in_stage_with_conventions_is_found() -> None:
    """Whoever adds a stage with a `convention` finds it here; each of its choices is a variant that `check` accepts."""
    names = [name for name, _ in conventions.defaults().named()]
    assert "gopher_quality" in names
    assert names == [name for name in TABLE if conventions.choices(stage_class(name), "convention")]
    for one in conventions.compared(conventions.defaults(), (), word_rules=True):
        assert len(one.variants) > 1
        for stage in one.variants.values():
            stage.check()


def test_rows_without_text_are_left_out(tmp_path: Path) -> None:
    """Rows that a run would set aside are counted apart."""
    shards = split(tmp_path / "in", pa.table({"text": ["a b c", None, "d e f"]}), 1)
    found = conventions.compare([shards], conventions.defaults(), workers=1)
    assert (found["documents"], found["unreadable"]) == (2, 1)


def test_no_documents(tmp_path: Path) -> None:
    """Empty shards give zeros."""
    found = conventions.compare([split(tmp_path / "in", pa.table({"text": pa.array([], pa.string())}), 1)], conventions.defaults())
    assert found["documents"] == 0
    assert "  any rule" in as_text(found)


def test_refusals(tmp_path: Path) -> None:
    """What has no conventions, and what would have to be fitted, is refused with a sentence."""
    shards = split(tmp_path / "in", pa.table({"text": ["a"]}), 1)
    with pytest.raises(RecipeError, match=r'^there is no stage "sample" with conventions\. There are stages: '):
        conventions.defaults(["sample"])
    with pytest.raises(RecipeError, match=r'^there is no stage "gopher_qualty" with conventions\. Did you mean "gopher_quality"\?$'):
        conventions.compare([shards], conventions.defaults(), ["gopher_qualty"])
    with pytest.raises(RecipeError, match=r"^mine has no stage with conventions\.\nFix: "):
        conventions.compare([shards], Recipe("mine", (Length(), Lower())))
    with pytest.raises(StageError, match=r"^stock_lines is fitted to the corpus, which comparing conventions does not do\.\nFix: "):
        conventions.compare([shards], Recipe("mine", (StockLines(), tamis.make_stage("gopher_quality"))))
    with pytest.raises(StageError, match=r"^gopher_quality cannot decide: "):
        conventions.compare([shards], Recipe("mine", (tamis.make_stage("gopher_quality", where="text.bytes > 'x'"),)))


PRINTED = """3 documents of 2 shards, 160 B; 1 row left out that hold no text
A document counts under each rule that it fails, or by which it flips, whatever the other rules say: a rule may have more than all together.

gopher_quality
  fails                                paper   datatrove     dclm   paper ↔ datatrove   paper ↔ dclm   datatrove ↔ dclm
  too few words                            1           1        1                   0              0                  0
  too many words                           0           0        0                   0              0                  0
  words too short on average               1           1        2                   0              1                  1
  words too long on average                0           0        0                   0              0                  0
  too many symbols                         0           0        0                   0              0                  0
  mostly bullet points                     1           1        1                   0              0                  0
  too many lines end in an ellipsis        1           1        1                   0              0                  0
  too few words with a letter              0           1        1                   1              1                  0
  too few stop words                       2           2        1                   0              1                  1
  any rule                                 3           3        3                   0              0                  0
  of all                              100.0%      100.0%   100.0%                0.0%           0.0%               0.0%
"""


def test_the_command(tmp_path: Path) -> None:
    """Failures and flips by rule as a person reads them; progress goes to stderr."""
    texts = ["• the cat\n* sat on the mat with that and of to be have ...", "THE cat, and the dog: " * 4, "the red bird", None]
    split(tmp_path / "in", pa.table({"text": texts}), 2)
    (tmp_path / "mine.yaml").write_text("stages: [unicode, {gopher_quality: {min_words: 4, min_stop_words: 5, max_bullet_line_share: 0.4}}, exact_duplicates]\n")
    done = command("compare-conventions", "in", "--recipe", "mine.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, PRINTED)
    assert "measure: 3 of 4 documents" in done.stderr
    as_json = json.loads(command("compare-conventions", "in", "--stage", "gopher_quality", "--word-rules", "--json", cwd=tmp_path).stdout)
    assert as_json["stages"][0]["variants"] == [f"{convention}, {rule}" for convention in ("paper", "datatrove", "dclm") for rule in ("unicode", "whitespace")]
    assert len(as_json["stages"][0]["flips"]) == 15
    pairs = command("compare-conventions", "in", "--stage", "gopher_quality", "--word-rules", cwd=tmp_path).stdout
    assert pairs.count(" ↔ ") == 15
    assert "most by, other rules aside" in pairs
    wrong = command("compare-conventions", "in", "--stage", "exact", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout, wrong.stderr[:60]) == (2, "", 'Error: there is no stage "exact" with conventions. There are')


def test_oracle_can_fail(sample: pa.Table) -> None:
    """Meta-test: conventions do differ on the sample, so that the comparison with the slow way says something."""
    recipe = parse({"stages": ["gopher_quality"]}, place="test")
    _, flips = _slowly(sample, recipe, "gopher_quality", {"convention": ["datatrove", "dclm"]})
    assert flips["datatrove", "dclm"]["any rule"] > 0
