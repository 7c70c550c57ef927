"""What-if says what a run with these parameters would do, to the document, and proposes limits that do what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import command, corpus, run, split

from tamis import folder, propose, simulate, what_if
from tamis.assignments import changed
from tamis.cli import answers
from tamis.errors import TamisError
from tamis.recipe import parse
from tamis.simulate import Numbers

HERE = str(Path(__file__).with_name("stages_for_tests.py"))
STAGES: list[Any] = [
    f"{HERE}:Lower",
    {"rules": {"min": {"score": 0.1}, "on_null": "keep"}},
    {f"{HERE}:Length": {"min_chars": 12, "max_chars": 160, "by": {"lang": {"fr": {"min_chars": 30}}}}},
    {"exact_duplicates": {"prefer": ["score"]}},
    {f"{HERE}:Openings": {"max_openings": 30, "where": 'lang == "en"'}},
    {f"{HERE}:Twins": {}},
    {f"{HERE}:Repeat": {}},
    {"sample": {"share": 0.9, "seed": 3}},
    {"exact_duplicates": {"column": "score", "where": 'lang == "fr"'}},
]
NAMES = ["lower", "rules", "length", "exact_duplicates", "openings", "twins", "repeat", "sample", "exact_duplicates_2"]


def _table(n: int = 90, seed: int = 1) -> pa.Table:
    table = corpus(n, seed).append_column("source", pa.array([("web", "book", None)[i % 3] for i in range(n)]))
    scores = [None if i % 11 == 3 else round(score, 1) for i, score in enumerate(table.column("score").to_pylist())]
    texts = [None if i % 29 == 7 else "  " if i % 31 == 5 else text for i, text in enumerate(table.column("text").to_pylist())]
    place = table.column_names.index("score")
    table = table.set_column(place, "score", pa.array(scores, pa.float64()))
    return table.set_column(table.column_names.index("text"), "text", pa.array(texts, pa.string()))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of stages of every kind, over three shards with rows that are no text."""
    home = tmp_path_factory.mktemp("what_if")
    split(home / "in", _table(), 3)
    run(parse({"stages": STAGES}, place="test"), str(home / "in"), home / "out")
    return home


number = st.one_of(st.none(), st.integers(0, 200), st.floats(0, 200, allow_nan=False).map(lambda x: round(x, 1)))
share = st.floats(0, 1).map(lambda x: round(x, 2))
WHERE = st.sampled_from(["null", 'lang == "fr"', "text.bytes > 40", 'source == "web" or lang is None', "length.chars > 40"])
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "rules.min.score": st.one_of(share, st.just(0)),
    "rules.on_null": st.sampled_from(["keep", "drop"]),
    "length.min_chars": st.one_of(st.none(), st.integers(0, 60)),
    "length.max_chars": st.one_of(st.none(), st.integers(60, 200)),
    "length.by.lang.en.max_chars": number,
    "length.by.lang.fr.min_chars": number,
    "length.by.source.web.min_chars": number,
    "length.on_null": st.sampled_from(["keep", "drop"]),
    "exact_duplicates.prefer": st.sampled_from(["[score]", "[length]", "[-length, score]", "[{source: [web, book]}]", "[]", "[length.chars]"]),
    "exact_duplicates.where": WHERE,
    "openings.max_openings": number,
    "openings.where": WHERE,
    "sample.share": share,
    "exact_duplicates_2.where": WHERE,
}
OFF = st.lists(st.sampled_from([name for name in NAMES[1:] if name != "length"]), max_size=2, unique=True)


def _stages_with(assignments: dict[str, Any], off: list[str]) -> list[Any]:
    """The recipe as a person would change it."""
    listed = []
    for name, stage in zip(NAMES, STAGES, strict=True):
        reference, values = (stage, {}) if isinstance(stage, str) else next(iter(stage.items()))
        values = json.loads(json.dumps(values))
        for place, value in assignments.items():
            owner, *keys = place.split(".")
            if owner == name:
                inner = values
                for key in keys[:-1]:
                    inner = inner.setdefault(key, {})
                inner[keys[-1]] = value
        if name not in off:
            listed.append({reference: values})
    return listed


def _yaml(value: Any) -> Any:
    from tamis.recipe import from_yaml

    return from_yaml(value) if isinstance(value, str) else value


def _ledger(out: str) -> pl.DataFrame:
    return pl.concat(list(folder.opened(out).ledger()))


@settings(max_examples=40)
@given(st.data())
def test_what_if_is_what_a_run_does(base: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Copies and the dropping stage of every document, and all counts, are those of a fresh run with these parameters."""
    places = data.draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=4, unique=True))
    given_values = {place: data.draw(CHANGES[place], label=place) for place in places}
    off = data.draw(OFF)
    places = [place for place in given_values if place.split(".")[0] not in off]
    assignments = [f"{place}={'null' if given_values[place] is None else given_values[place]}" for place in places] + [f"{name}=off" for name in off]
    try:
        recipe = parse({"stages": _stages_with({place: _yaml(given_values[place]) for place in places}, off)}, place="test")
    except TamisError:
        with pytest.raises(TamisError):
            what_if.what_if(folder.opened(str(base / "out")), assignments)
        return
    out = tmp_path_factory.mktemp("fresh") / "out"
    run(recipe, str(base / "in"), out)
    fresh = _ledger(str(out))

    numbers = Numbers(folder.opened(str(base / "out")), 2)
    steps, _ = changed(numbers.run, assignments)
    fates = simulate.fates(numbers, steps)
    names = [*(name for name in NAMES if name not in off)]
    called = dict(zip([name for name, _ in recipe.named()], names, strict=True))  # rules_2 of the recipe without rules is rules
    stages = [called.get(stage) for stage in fresh["stage"].to_list()]
    assert fates.copies.tolist() == fresh["copies"].to_list()
    assert [NAMES[i - 1] if i else None for i in fates.stage.tolist()] == stages
    _same_counts(what_if.what_if(numbers.run, assignments, workers=2), fresh.with_columns(pl.Series("stage", stages, pl.String)), str(base / "out"))


def _same_counts(answer: dict[str, Any], fresh: pl.DataFrame, out: str) -> None:
    """The answer's sums, counted anew in plain Python."""
    rows = {(row["shard"], row["row"]): row for row in _sizes(out)}
    after = [(row, rows[row["shard"], row["row"]]) for row in fresh.iter_rows(named=True)]
    kept = [size for row, size in after if row["copies"]]
    assert answer["kept"]["after"] == {"documents": len(kept), "bytes": sum(size["bytes"] for size in kept), "written": int(fresh["copies"].sum())}
    dropped = Counter(row["stage"] for row, _ in after if row["stage"])
    assert {step["stage"]: step["after"]["documents"] for step in answer["stages"]} == {name: dropped[name] for name in NAMES}
    for axis in ("source", "lang"):
        by = Counter(size[axis] for size in kept)
        sizes = {value: sum(size["bytes"] for size in kept if size[axis] == value) for value in {size[axis] for size in rows.values()}}
        assert {one["value"]: one["after"] for one in answer[axis]} == {value: {"documents": by[value], "bytes": size} for value, size in sizes.items()}


def _sizes(out: str) -> list[dict[str, Any]]:
    table = pl.concat([pl.read_parquet(path) for path in sorted(Path(out, "..", "in").glob("*.parquet"))])
    rows = pl.concat([pl.DataFrame({"shard": [path.name] * (height := pl.read_parquet(path).height), "row": range(height)}) for path in sorted(Path(out, "..", "in").glob("*.parquet"))])
    return rows.hstack(table.select("source", "lang", bytes=pl.col("text").str.len_bytes())).filter(pl.col("bytes").is_not_null()).to_dicts()


def test_without_assignments_it_is_the_run(base: Path) -> None:
    """Simulating the very recipe gives the ledger of the run; nothing moves."""
    numbers = Numbers(folder.opened(str(base / "out")), 2)
    steps, changes = changed(numbers.run, [])
    simulated, was = simulate.fates(numbers, steps), simulate.before(numbers)
    assert changes == []
    assert (simulated.copies == was.copies).all()
    assert (simulated.stage == was.stage).all()
    answer = what_if.what_if(numbers.run, [])
    assert answer["mix_change"] == 0
    assert answer["moved"]["only_before"]["documents"] == answer["moved"]["only_after"]["documents"] == 0


def test_words_are_counted_where_a_stage_counts_them(tmp_path: Path) -> None:
    """`words` is the first signal of that name; without one it is left out."""
    shards = split(tmp_path / "in", corpus(40), 2)
    run(parse({"stages": [{"gopher_quality": {"min_words": 5, "min_stop_words": None}}]}, place="test"), shards, tmp_path / "out")
    answer = what_if.what_if(folder.opened(str(tmp_path / "out")), ["gopher_quality.min_words=20"])
    signals = pl.concat([pl.read_parquet(path) for path in (tmp_path / "out" / "signals").glob("gopher_quality*/*.parquet")])
    assert answer["words"] == "gopher_quality.words"
    assert answer["readable"]["words"] == signals["words"].sum()
    assert answer["kept"]["after"]["words"] <= answer["kept"]["before"]["words"] <= answer["readable"]["words"]


REFUSED = {
    "length.min_char=3": f'what-if, stage 3: "{HERE}:Length" has no parameter "min_char". Did you mean "min_chars"?',
    "lenght.min_chars=3": 'OUT has no stage "lenght". Did you mean "length"?',
    "length.min_chars=many": f'what-if, stage 3: "{HERE}:Length" "min_chars" must be a number or null, not "many".',
    "length.min_chars": '"length.min_chars" is no assignment.\nFix: write it like gopher_quality.min_words=30, or exact_duplicates=off.',
    "length.min_chars=170": 'what-if, stage 3: length: "min_chars" is 170 and "max_chars" is 160: nothing could pass.',
    "length.min_chars=[": '"length.min_chars=[": "[" is no value.\nFix: write it as in a recipe, like 30, 0.5, null or "[length]".',
    "length.by.lang.fr.max_words=3": 'what-if, stage 3: length: "by: lang: fr" names no limit "max_words". Did you mean "max_chars"?',
    "length.min_chars.x=3": '"length.min_chars.x=3": length has no parameter "min_chars.x": "min_chars" holds "12.0".',
    "length.by.lang.fr=null": '"length.by.lang.fr=null": length.by has no "lang.fr". Did you mean "lang"?',
    "length=3": '"length=3": a whole stage can only be "off".\nFix: name one of its parameters, like length.where=null.',
    "length=off": 'exact_duplicates decides by "length.chars", which no stage above it measures. ',
    "sample.seed=4": "sample.seed changes what is measured, so that OUT does not hold the answer.\nFix: change it in the recipe and repeat `tamis run`.",
    "exact_duplicates.ignore=[case]": "exact_duplicates.ignore changes what is measured, so that OUT does not hold the answer.\nFix: change it in the recipe and repeat `tamis run`.",
    "rules.min.id=4": "rules.min changes what is measured, so that OUT does not hold the answer.\nFix: change it in the recipe and repeat `tamis run`.",
    "rules.allow.lang=[fr]": "rules.allow changes what is measured, so that OUT does not hold the answer.\nFix: change it in the recipe and repeat `tamis run`.",
    "twins.buckets=3": "twins.buckets changes what is measured, so that OUT does not hold the answer.\nFix: change it in the recipe and repeat `tamis run`.",
    "lower=off": "lower is an edit: without it the stages below would measure another text, which OUT does not hold.\nFix: take it out of the recipe and repeat `tamis run`.",
    "length.where=url == 'x'": 'length would decide by the column "url", which OUT does not keep. There are columns: id, lang, score, source.\nFix: change it in the recipe and repeat `tamis run`.',
    "length.where=lang ==": 'what-if, stage 3: the condition "lang ==" cannot be read: ',
    "length.where=words.words > 3": 'length decides by "words.words", which no stage above it measures. ',
    "length.where=lang > 3": "length cannot decide: ",
}


@pytest.mark.parametrize("assignment", REFUSED)
def test_refusals(base: Path, assignment: str) -> None:
    """What cannot be meant, or not be answered from numbers, is one clear sentence."""
    before = ["exact_duplicates.prefer=[length.chars]"] if assignment == "length=off" else []
    with pytest.raises(TamisError) as refused:
        what_if.what_if(folder.opened(str(base / "out")), [*before, assignment])
    said = str(refused.value).replace(str(base / "out"), "OUT")
    assert said[: len(REFUSED[assignment])] == REFUSED[assignment]


def test_a_value_that_is_none_changes_nothing(base: Path) -> None:
    """A measuring parameter may be repeated as it is."""
    assert what_if.what_if(folder.opened(str(base / "out")), ["sample.seed=3"])["changes"] == []


OWN = '''
"""Rules of a user who does not say what measures."""

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from tamis import Filter


@dataclass(frozen=True)
class Vowels(Filter):
    """Keep documents with few vowels."""

    max_vowels: float | None = 9

    reasons: ClassVar = {"max_vowels": "too many vowels"}

    def measure(self, docs):
        """vowels: u32."""
        return pl.DataFrame({"vowels": pl.Series([sum(text.count(one) for one in "aeiou") for text in docs.column("text").to_pylist()], dtype=pl.UInt32)})
'''


def test_a_stage_that_does_not_say_what_measures(tmp_path: Path) -> None:
    """A limit of a user's filter without `measured_by` might change its numbers: refused, with the way out, and never proposed."""
    (tmp_path / "own.py").write_text(OWN)
    shards = split(tmp_path / "in", corpus(40), 1)
    run(parse({"stages": ["own.py:Vowels", {"sample": {"share": 1.0}}]}, place="test", folder=tmp_path), shards, tmp_path / "out")
    opened = folder.opened(str(tmp_path / "out"))
    with pytest.raises(TamisError) as refused:
        what_if.what_if(opened, ["vowels.max_vowels=3"])
    assert str(refused.value) == "vowels does not say which parameters change what it measures, so that vowels.max_vowels might.\nFix: declare `measured_by` in its class, and repeat `tamis run` once."
    assert what_if.what_if(opened, ["vowels.on_null=keep", "vowels=off"])["kept"]["after"]["documents"] == 40
    proposed = propose.propose(opened, 0.1)
    assert all(one["assignments"][0].startswith("sample.share=") for one in proposed["proposals"])


@pytest.mark.parametrize("texts", [[], [None, None]])
def test_without_documents(tmp_path: Path, texts: list[str | None]) -> None:
    """A run that read nothing has nothing to say, and says so."""
    shards = split(tmp_path / "in", pa.table({"text": pa.array(texts, pa.string()), "lang": pa.array([None] * len(texts), pa.string())}), 1)
    run(parse({"stages": ["gopher_quality", "exact_duplicates"]}, place="test"), shards, tmp_path / "out")
    answer = what_if.what_if(folder.opened(str(tmp_path / "out")), ["gopher_quality.min_words=3"])
    assert (answer["readable"]["documents"], answer.get("lang", []), answer["rules"], answer["mix_change"]) == (0, [], [], 0)
    assert answers.what_if(answer).startswith("gopher_quality.min_words: 50 → 3\n")
    with pytest.raises(TamisError, match="has no readable document"):
        propose.propose(folder.opened(str(tmp_path / "out")), 0.5)


def test_the_mix_of_lengths(tmp_path: Path) -> None:
    """Data without source and language has a mix of lengths."""
    shards = split(tmp_path / "in", pa.table({"text": ["x" * 10] * 5 + ["y" * 1000] * 5}), 1)
    run(parse({"stages": [f"{HERE}:Length"]}, place="test"), shards, tmp_path / "out")
    answer = what_if.what_if(folder.opened(str(tmp_path / "out")), ["length.max_chars=100"])
    assert answer["mix_change"] == pytest.approx(1000 / 1010)


def test_shards_that_disagree_about_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that was null in the first shards and is text in those added later is read as text."""
    stages = {"stages": [{f"{HERE}:Length": {"min_chars": 30}}]}
    plain = corpus(40)
    (tmp_path / "in").mkdir()
    languages = plain.column("lang")
    place = plain.column_names.index("lang")
    split(tmp_path / "in", plain.set_column(place, "lang", pa.nulls(40, pa.null())), 1)
    run(parse(stages, place="test"), str(tmp_path / "in"), tmp_path / "out")
    (tmp_path / "in" / "part-001.parquet").write_bytes(b"")
    split(tmp_path / "more", plain.set_column(place, "lang", languages), 1)
    (tmp_path / "in" / "part-001.parquet").write_bytes((tmp_path / "more" / "part-000.parquet").read_bytes())
    run(parse(stages, place="test"), str(tmp_path / "in"), tmp_path / "out", add=True)
    monkeypatch.setattr(simulate, "SLAB_ROWS", 1)
    one_by_one = what_if.what_if(folder.opened(str(tmp_path / "out")), ["length.by.lang.fr.min_chars=60"])
    monkeypatch.setattr(simulate, "SLAB_ROWS", 1_000)
    assert what_if.what_if(folder.opened(str(tmp_path / "out")), ["length.by.lang.fr.min_chars=60"]) == one_by_one
    assert {one["value"] for one in one_by_one["lang"]} == {None, "en", "fr"}


def test_on_an_object_store(base: Path, tmp_path: Path) -> None:
    """A run folder behind a URL answers as one on the disk does."""
    from fsspec import filesystem

    memory = filesystem("memory")
    for path in (base / "out").rglob("*"):
        if path.is_file():
            memory.pipe_file(f"/what-if/{path.relative_to(base / 'out')}", path.read_bytes())
    there, here = (what_if.what_if(folder.opened(place), ["length.min_chars=40"]) for place in ("memory://what-if", str(base / "out")))
    assert {**there, "run": ""} == {**here, "run": ""}
    memory.rm("/what-if", recursive=True)


def test_many_values_do_not_divide(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column with more values than can be told apart is left out; all other counts stay."""
    whole = what_if.what_if(folder.opened(str(base / "out")), ["length.min_chars=40"])
    monkeypatch.setattr(what_if, "MOST_GROUPS", 20)
    some = what_if.what_if(folder.opened(str(base / "out")), ["length.min_chars=40"])
    assert {"source", "lang"} - set(some)
    assert all(some[name] == whole[name] for name in ("kept", "readable", "stages", "moved"))


def test_the_run_names_rules_that_no_document_fails(many: str, tmp_path: Path) -> None:
    """At its end a run mentions, in one line, rules that never fired; of few documents it says nothing."""
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"stages: [{{{HERE}:Length: {{min_chars: 20, max_chars: 500}}}}, {{rules: {{min: {{score: 0.0}}}}}}]\n")
    done = command("run", recipe, f"{many}/../in", "-o", tmp_path / "out")
    assert "\n\nNo document fails length: too long; rules: score too low.\n\n" in done.stdout
    few = split(tmp_path / "few", corpus(40), 1)
    assert "No document fails" not in command("run", recipe, few, "-o", tmp_path / "out few").stdout


# --- rules that never fire -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished run over 1,200 documents without duplicates, of 10 to 129 characters."""
    home = tmp_path_factory.mktemp("many")
    table = pa.table({
        "text": [f"{i:>9} " + "x" * (i % 120) for i in range(1_200)],
        "lang": [("en", "fr")[i % 120 > 90] for i in range(1_200)],
        "score": [i / 1_200 for i in range(1_200)],
    })
    stages = [{f"{HERE}:Length": {"min_chars": 20, "max_chars": 500}}, {"rules": {"min": {"score": 0.0}}}, "gopher_quality", "exact_duplicates"]
    run(parse({"stages": stages}, place="test"), split(home / "in", table, 2), home / "out")
    return str(home / "out")


def test_rules_that_do_not_tell_documents_apart(many: str) -> None:
    """Rules that never fire, cannot fire, or fire on everything are called out, with the value nearest to failing."""
    found = what_if.what_if(folder.opened(many), ["gopher_quality.max_bullet_line_share=1", "gopher_quality.min_stop_words=0", "length.min_chars=129"])["rules"]
    said = {f"{one['stage']}.{one['rule']}": (one["fires"], one["failed"], one["extreme"]) for one in found}
    assert said["length.min_chars"] == ("always", 1_190, 10)
    assert said["length.max_chars"] == ("never", 0, 129)
    assert said["rules.min_score"] == ("never", 0, 0.0)
    assert said["gopher_quality.max_bullet_line_share"] == ("cannot", 0, 0.0)
    assert said["gopher_quality.min_stop_words"] == ("cannot", 0, 0)
    assert said["gopher_quality.min_words"][0] == "always"
    assert "gopher_quality.max_mean_word_length" not in said


def test_few_documents_say_nothing_of_a_rule(base: Path) -> None:
    """Below a thousand documents only what cannot fire is called out."""
    assert what_if.what_if(folder.opened(str(base / "out")), ["length.max_chars=1000"])["rules"] == []
    (found,) = what_if.what_if(folder.opened(str(base / "out")), ["length.min_chars=0", "length.by={}"])["rules"]
    assert (found["rule"], found["fires"]) == ("min_chars", "cannot")


# --- proposals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.15, 0.4, 0.8])
def test_proposals_keep_what_they_say(many: str, share: float) -> None:
    """Each proposal, typed as it is printed, keeps what is printed beside it; those that reach the target come within 1 %."""
    opened = folder.opened(many)
    loose = ["gopher_quality=off"]
    proposed = propose.propose(opened, share, loose)
    assert proposed["reached"]
    assert [one["mix_change"] for one in proposed["proposals"]] == sorted(one["mix_change"] for one in proposed["proposals"])
    for one in proposed["proposals"]:
        answer = what_if.what_if(opened, [*loose, *one["assignments"]])
        assert answer["kept"]["after"] == one["kept"]
        assert answer["mix_change"] == one["mix_change"]
        assert abs(one["share"] - share) <= 0.01
        assert one["share"] == answer["kept"]["after"]["bytes"] / answer["readable"]["bytes"]


@pytest.mark.parametrize("loose", [[], ["length.max_chars=null"], ["repeat=off", "length.where=lang == 'en'"]], ids=str)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.9])
def test_proposals_among_stages_of_every_kind(base: Path, share: float, loose: list[str]) -> None:
    """With stages that need the corpus, exceptions, conditions and copies, a proposal still keeps what is printed beside it."""
    opened = folder.opened(str(base / "out"))
    proposed = propose.propose(opened, share, loose)
    for one in proposed["proposals"]:
        answer = what_if.what_if(opened, [*loose, *one["assignments"]])
        assert (answer["kept"]["after"], answer["mix_change"]) == (one["kept"], one["mix_change"])
        assert (abs(one["share"] - share) <= 0.01) == proposed["reached"]


def test_a_target_out_of_reach(base: Path) -> None:
    """Where other stages decide, the nearest is given and it is said that nothing reaches."""
    opened = folder.opened(str(base / "out"))
    proposed = propose.propose(opened, 1.0)
    assert not proposed["reached"]
    (one,) = proposed["proposals"]
    assert proposed["now"]["share"] < one["share"] < 0.99
    assert what_if.what_if(opened, one["assignments"])["kept"]["after"] == one["kept"]


@pytest.mark.parametrize(("value", "digits", "whole", "wanted"), [(12345.6, 3, True, [12300, 12400]), (0.012345, 3, False, [0.0123, 0.0124]), (7.2, 3, True, [7, 8]), (7.2, 3, False, [7.2, 7.2]), (-0.5, 3, False, [-0.5, -0.5]), (0, 3, False, [0]), (999.6, 3, True, [999, 1000]), (0.8, 6, False, [0.8])])
def test_rounded_limits(*, value: float, digits: int, whole: bool, wanted: list[float]) -> None:
    """Limits have few digits, and those of counts are whole."""
    assert sorted(set(propose.options(value, digits, whole=whole))) == sorted(set(wanted))


# --- the command -------------------------------------------------------------------------------------------------------

PRINTED = """length.min_chars: 20 → 30
length.by.lang.fr.min_chars: null → 120
gopher_quality: on → off

  stage                dropped   then   change     bytes      then
  1 length                 100    390     +290    1.4 kB   24.8 kB
  2 rules                    0      0        0       0 B       0 B
  3 gopher_quality       1,100      0   -1,100   82.0 kB       0 B
  4 exact_duplicates         0      0        0       0 B       0 B

  kept        before             then             change
  documents        0   0.0%       810   67.5%       +810
  bytes          0 B   0.0%   58.6 kB   70.3%   +58.6 kB
  words            0   0.0%     1,620   67.8%     +1,620

  language   documents   then   bytes      then   share of kept    then
  en                 0    710     0 B   46.1 kB               -   78.8%
  fr                 0    100     0 B   12.4 kB               -   21.2%

The mix of language and length moves by 100.0% of the bytes.

Rules to look at:
  length.max_chars   500   never fires here: the largest value is 129
  rules.min_score      0   never fires here: the smallest value is 0

Next: change the recipe and repeat `tamis run`; nothing is measured again.
"""
PROPOSED = """To keep 40.0% of the bytes, 33.4 kB; now 98.3%, 82.0 kB.

  1  keeps 40.0%, 33.4 kB, 290 documents; the mix moves by 100.0%
     length.min_chars=101

  2  keeps 39.5%, 33.0 kB, 640 documents; the mix moves by 100.0%
     length.max_chars=83

  3  keeps 39.9%, 33.3 kB, 444 documents; the mix moves by 100.0%
     rules.min.score=0.596

Next: tamis what-if OUT gopher_quality=off length.min_chars=101
"""


def test_the_command(many: str, tamis_command: Callable[..., tuple[int, str, str]]) -> None:
    """What changes, by stage, source and language, and rules to look at, as a person reads it."""
    code, out, err = tamis_command("what-if", many, "length.min_chars=30", "length.by.lang.fr.min_chars=120", "gopher_quality=off")
    assert (code, err) == (0, "")
    assert out == PRINTED


def test_the_command_that_proposes(many: str, tamis_command: Callable[..., tuple[int, str, str]]) -> None:
    """Ready lists of limits with what they keep; bytes may be given instead of a share."""
    code, out, err = tamis_command("what-if", many, "gopher_quality=off", "--keep", 0.4)
    assert (code, err, out.replace(many, "OUT")) == (0, "", PROPOSED)
    in_bytes = json.loads(tamis_command("what-if", many, "--target-bytes", "33.4kB", "--json")[1])
    assert in_bytes["target"]["bytes"] == 33_400


def test_mistakes(base: Path, tamis_command: Callable[..., tuple[int, str, str]]) -> None:
    """A user's mistake is one sentence on stderr and exit code 2."""
    assert tamis_command("what-if", base / "out", "lenght=off")[:2] == (2, "")
    assert tamis_command("what-if", base / "out", "--keep", 0.5, "--target-bytes", "1kB") == (2, "", "Error: --keep and --target-bytes both say how much to keep.\nFix: give one of them.\n")
    assert tamis_command("what-if", base / "out", "--keep", 1.5) == (2, "", "Error: the share to keep must be above 0 and at most 1, not 1.5.\n")
    assert tamis_command("what-if", base / "out", "--target-bytes", "2GB")[2].endswith("bytes of text: it cannot keep 2,000,000,000.\n")


def test_kernels_are_not_loaded(many: str) -> None:
    """Answering loads no kernel and no compiler: it must be quick."""
    check = "import sys; sys.argv = ['tamis', 'what-if', sys.argv[1], 'length.min_chars=30']\nfrom tamis.cli import main\ntry: main()\nexcept SystemExit: pass\nprint([name for name in ('numba', 'fsspec', 'rich') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check, many], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_as_json(many: str) -> None:
    """--json prints everything, for programs."""
    done = command("what-if", many, "length.min_chars=30", "--json")
    answer = json.loads(done.stdout)
    assert set(answer) == {"run", "changes", "readable", "kept", "moved", "stages", "mix_change", "lang", "rules", "balance", "words"}
    assert answer["changes"] == [{"place": "length.min_chars", "before": 20.0, "after": 30.0}]
