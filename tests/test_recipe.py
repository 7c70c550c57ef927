"""A recipe says what it seems to say: strict keys, checked types, no surprises of YAML, every default written out again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stages_for_tests import Length, Lower, Twins

import tamis
from tamis.recipe import byte_count, dump, from_yaml, parse, spelled_out
from tamis.stage import parameters


def load(tmp_path: Path, text: str) -> tamis.Recipe:
    """A recipe from its text."""
    (tmp_path / "web.yaml").write_text(text, "utf-8")
    return tamis.load_recipe(tmp_path / "web.yaml")


MESSAGES = {
    "stage: [unicode]": '{0}: there is no key "stage". Did you mean "stages"?',
    "stages: [unicode]\nx: 1": '{0}: there is no key "x". There are keys: columns, seed, stages, output.',
    "": '{0} must hold the key "stages" with a list of stages.',
    "- unicode": '{0} must hold the key "stages" with a list of stages.',
    "seed: 1": '{0}: "stages" must be a list of stages, like "- gopher_quality".',
    "stages: unicode": '{0}: "stages" must be a list of stages, like "- gopher_quality".',
    "stages: {unicode: {}}": '{0}: "stages" must be a list of stages, like "- gopher_quality".',
    "stages: [gopher_qualty]": '{0}, stage 1: there is no stage "gopher_qualty". Did you mean "gopher_quality"?',
    "stages: [unicode, {gopher_quality: {min_word: 3}}]": '{0}, stage 2: "gopher_quality" has no parameter "min_word". Did you mean "min_words"?',
    "stages: [{gopher_quality: 3}]": '{0}, stage 1: "gopher_quality" wants parameters by name, like "{{share: 0.5}}", not "3".',
    "stages: [{gopher_quality: {min_words: many}}]": '{0}, stage 1: "gopher_quality" "min_words" must be a whole number or null, not "many".',
    "stages: [{gopher_quality: {min_words: true}}]": '{0}, stage 1: "gopher_quality" "min_words" must be a whole number or null, not "true".',
    "stages: [{stages_for_tests:Length: {min_chars: .nan}}]": '{0}, stage 1: "stages_for_tests:Length" "min_chars" must be a number or null, not "nan".',
    "stages: [{stages_for_tests:Length: {max_chars: .inf}}]": '{0}, stage 1: "stages_for_tests:Length" "max_chars" must be a number or null, not "inf".',
    f"stages: [{{stages_for_tests:Length: {{max_chars: 1{'0' * 400}}}}}]": '{0}, stage 1: "stages_for_tests:Length" "max_chars" must be a number or null, not "1' + "0" * 400 + '".',
    "stages: [{rules: {min: {score: .inf}}}]": """{0}, stage 1: "rules" "min" must be keys and values, each a number, not "{{'score': inf}}".""",
    "stages: [{gopher_quality: {min_words: [1]}}]": '{0}, stage 1: "gopher_quality" "min_words" must be a whole number or null, not "[1]".',
    "stages: [{gopher_quality: {on_null: maybe}}]": '{0}, stage 1: "gopher_quality" "on_null" must be "drop" or "keep", not "maybe".',
    "stages: [{gopher_quality: {where: 3}}]": '{0}, stage 1: "gopher_quality" "where" must be a text or null, not "3".',
    "stages: [{gopher_quality: {where: lang ==}}]": '{0}, stage 1: the condition "lang ==" cannot be read: invalid syntax.\nFix: write it like lang == "fr" and quality.score > 0.5',
    "stages: [{gopher_quality: {min_words: 9, max_words: 8}}]": '{0}, stage 1: gopher_quality: "min_words" is 9 and "max_words" is 8: nothing could pass.',
    "stages: [{exact_duplicates: {ignore: case}}]": '{0}, stage 1: "exact_duplicates" "ignore" must be a list of',
    "stages: [{sample: {share: 2}}]": '{0}, stage 1: sample: "share" is 2; shares lie between 0 and 1.\nFix: 0.02, if you meant 2 %.',
    "stages: [{sample: {share: null}}]": '{0}, stage 1: "sample" "share" must be a number, not "null".',
    "stages: [{unicode: {}, sample: {}}]": '{0}, stage 1: a stage is a name, or a name with parameters like "sample: {{share: 0.5}}", not ',
    "stages: [3]": '{0}, stage 1: a stage is a name, or a name with parameters like "sample: {{share: 0.5}}", not "3".',
    "stages: [{my.py:Mine: {}}]": '{0}, stage 1: the file "my.py" does not exist in "{1}". There are no Python files.',
    "stages: [{gopher_quality: {max_symbol_share: 3}}]": '{0}, stage 1: gopher_quality: "max_symbol_share" is 3; shares lie between 0 and 1.\nFix: 0.03, if you meant 3 %.',
    "stages: [{gopher_quality: {max_symbol_share: -0.1}}]": '{0}, stage 1: gopher_quality: "max_symbol_share" is -0.1; shares lie between 0 and 1.',
    "stages: [{gopher_repetition: {max_duplicate_line_share: 30}}]": '{0}, stage 1: gopher_repetition: "max_duplicate_line_share" is 30; shares lie between 0 and 1.\nFix: 0.3, if you meant 30 %.',
    "stages: [{gopher_quality: {by: {lang: {fr: {min_alphabetic_share: 80}}}}}]": '{0}, stage 1: gopher_quality: "by: lang: fr: min_alphabetic_share" is 80; shares lie between 0 and 1.\nFix: 0.8, if you meant 80 %.',
    "stages: [{rules: {max: {lines.removed_word_share: 5}}}]": '{0}, stage 1: rules: "max: lines.removed_word_share" is 5; shares lie between 0 and 1.\nFix: 0.05, if you meant 5 %.',
    "stages: [{test_recipe:Market: {max_market_share: 50}}]": '{0}, stage 1: market: "max_market_share" is 50; shares lie between 0 and 1.\nFix: 0.5, if you meant 50 %.',
    "stages: [{gopher_quality: {min_words: -3}}]": '{0}, stage 1: gopher_quality: "min_words" is -3; a count is never below 0.\nFix: null switches a limit off.',
    "stages: [{gopher_quality: {min_words: 1.5}}]": '{0}, stage 1: "gopher_quality" "min_words" must be a whole number or null, not "1.5".',
    "stages: [{rules: {min: {n: 3}, max: {n: 1}}}]": '{0}, stage 1: rules: "min: n" is 3 and "max: n" is 1: nothing could pass.',
    "stages: ['stages_for_tests:Filter']": '{0}, stage 1: "stages_for_tests" holds no stage "Filter" of its own. There are stages: ',
    "stages: ['mine.py:Filter']": '{0}, stage 1: "mine.py" holds no stage "Filter" of its own. There are stages: Mine.',
    "stages: ['mine.py:Lower']": '{0}, stage 1: "mine.py" holds no stage "Lower" of its own. There are stages: Mine.',
    "stages: ['tamis:Stage']": '{0}, stage 1: "tamis" holds no stage "Stage" of its own. There are no stages.',
    "stages: [{near_duplicate: {}}]": '{0}, stage 1: there is no stage "near_duplicate". Did you mean "near_duplicates"?',
    "profile: smoke\npool: 20MB": '{0} is the plan of an ablation and no recipe: it has the key "profile".\nFix: tamis ablate OUT --plan {0} -o ABLATION',
    "stages: [x]": '{0}, stage 1: there is no stage "x". There are stages: mojibake, unicode, lines, mask, rules, language, gopher_quality, gopher_repetition and 16 more.',
    "stages: ['no_such_module:Mine']": '{0}, stage 1: the module "no_such_module" cannot be imported: ',
    "stages: ['stages_for_tests:Lenght']": '{0}, stage 1: "stages_for_tests" holds no stage "Lenght". Did you mean "Length"?',
    "stages: ['stages_for_tests:texts']": '{0}, stage 1: "stages_for_tests:texts" is not a stage: it must be a class derived from tamis.Stage, Filter or Edit.',
    "stages: []\nseed: x": '{0}: "seed" must be a whole number, not "x".',
    "stages: []\nseed: 1.5": '{0}: "seed" must be a whole number, not "1.5".',
    "stages: []\ncolumns: {txt: body}": '{0}, columns: there is no key "txt". Did you mean "text"?',
    "stages: []\ncolumns: {text: 3}": '{0}, columns: "text" must be a text, not "3".',
    "stages: []\ncolumns: body": '{0}, columns: expected keys and values, not "body".',
    "stages: []\noutput: {compression: brotli}": '{0}, output: "compression" must be "zstd" or "gzip" or "snappy" or "lz4" or "none", not "brotli".',
    "stages: []\noutput: {shard_bytes: lots}": '{0}, output: shard_bytes must be a number of bytes like "256MB", not "lots".',
    "stages: []\noutput: {shard_bytes: 0}": '{0}, output: "shard_bytes" must be at least 1, not 0.',
    "stages: []\noutput: {shard_bytes: 0 MB}": '{0}, output: "shard_bytes" must be at least 1, not 0.',
    "stages: []\noutput: {shard_bytes: -5}": '{0}, output: "shard_bytes" must be at least 1, not -5.',
    "stages: []\noutput: {compression: snappy, level: 3}": '{0}, output: the "level" of snappy must be null: it has none, not 3.',
    "stages: []\noutput: {compression: zstd, level: 99}": '{0}, output: the "level" of zstd must be between 1 and 22, not 99.',
    "stages: []\noutput: [zstd]": "{0}, output: expected keys and values, not ",
    "stages: []\nstages: []": '{0}: line 2: the key "stages" stands twice.',
    "stages:\n  - sample: {share: 0.1, share: 0.2}": '{0}: line 2: the key "share" stands twice.',
    "stages: [": "{0}: line 1: ",
    "stages: [{[a]: b}]": "{0}: line 1: ",
    "stages: !!python/name:os.system": "{0}: line 1: could not determine a constructor for the tag",
}


@pytest.mark.parametrize("text", MESSAGES)
def test_messages(tmp_path: Path, text: str) -> None:
    """A recipe that cannot be meant is refused with its place, what is wrong, and what was probably meant."""
    if "mine.py" in text:
        (tmp_path / "mine.py").write_text("from stages_for_tests import Lower\nfrom tamis import Filter\n\nclass Mine(Filter):\n    pass\n")
    with pytest.raises(tamis.RecipeError) as caught:
        load(tmp_path, text)
    wanted = MESSAGES[text].format(tmp_path / "web.yaml", tmp_path)
    assert str(caught.value)[: len(wanted)] == wanted
    assert str(caught.value) == wanted or wanted[-1] != "."


def test_missing_file(tmp_path: Path) -> None:
    """A recipe that is not there is named, with the nearest that is."""
    load(tmp_path, "stages: []")
    with pytest.raises(tamis.RecipeError) as caught:
        tamis.load_recipe(tmp_path / "wep.yaml")
    assert str(caught.value) == f'the recipe "{tmp_path}/wep.yaml" does not exist. Did you mean "{tmp_path}/web.yaml"?'
    with pytest.raises(tamis.RecipeError) as caught:
        tamis.load_recipe(tmp_path / "deep" / "web.yaml")
    assert str(caught.value) == f'the recipe "{tmp_path}/deep/web.yaml" does not exist.'
    with pytest.raises(tamis.RecipeError) as caught:
        tamis.load_recipe(tmp_path)
    first = "Fix: name the recipe first, then the shards: tamis run RECIPE SHARDS… -o OUT"
    assert str(caught.value) == f'the recipe "{tmp_path}" is a folder.\n{first}'
    (tmp_path / "part.parquet").write_bytes(b"PAR1\xa0\xff")
    with pytest.raises(tamis.RecipeError) as caught:
        tamis.load_recipe(tmp_path / "part.parquet")
    assert str(caught.value) == f'the recipe "{tmp_path}/part.parquet" is a Parquet file.\n{first}'
    for i in range(12):
        (tmp_path / f"c{i:02}.yaml").write_text("stages: []")
    (tmp_path / "web.yaml").unlink()
    listed = ", ".join(f"{tmp_path}/c{i:02}.yaml" for i in range(8))
    for name in ("nosuch.yaml", "-"):
        with pytest.raises(tamis.RecipeError) as caught:
            tamis.load_recipe(tmp_path / name)
        assert str(caught.value) == f'the recipe "{tmp_path}/{name}" does not exist. There are recipes: {listed} and 4 more.'
    (tmp_path / "latin.yaml").write_bytes(b"stages: [\xe9]")
    with pytest.raises(tamis.RecipeError, match=r"latin\.yaml: "):
        tamis.load_recipe(tmp_path / "latin.yaml")


VALUES = {
    "no": "no", "NO": "NO", "on": "on", "yes": "yes", "true": True, "false": False, "True": "True",
    "1e-3": 0.001, "1E3": 1000.0, "2.": 2.0, "-1.5e-7": -1.5e-7, "1": 1, "1.0": 1.0, "2024-01-02": "2024-01-02", "null": None, "~": None, "'1'": "1",
}  # fmt: skip


@pytest.mark.parametrize("text", VALUES)
def test_values_of_yaml(text: str) -> None:
    """Norway is a country, a date is text, 1e-3 is a number."""
    found = from_yaml(f"key: {text}")["key"]
    assert (found, type(found)) == (VALUES[text], type(VALUES[text]))


def test_norway(tmp_path: Path) -> None:
    """`no` stays a text wherever it stands, also as a key."""
    loaded = load(tmp_path, "stages: [{gopher_quality: {by: {lang: {no: {min_words: 3}}}, where: lang == 'no'}}]")
    assert loaded.stages[0].by == {"lang": {"no": {"min_words": 3}}}


LIMITS = {
    "gopher_quality: {min_words: 1e3, min_alphabetic_share: 0, max_symbol_share: 1}": ("min_words", 1000),
    "gopher_quality: {max_words: null, max_symbol_share: null}": ("max_words", None),
    "rules: {max: {market_share: 30, lines.removed_word_share: 1}, min: {market_share: -5}}": ("max", {"market_share": 30.0, "lines.removed_word_share": 1.0}),
    "test_recipe:Market: {max_market_share: 1, min_balance: -3}": ("min_balance", -3),
}


@pytest.mark.parametrize("stage", LIMITS)
def test_limits_that_can_be_meant(tmp_path: Path, stage: str) -> None:
    """0 and 1 are shares, 1e3 is a whole number, a user's column or signal may be below 0, and a column a percentage."""
    parameter, value = LIMITS[stage]
    found = getattr(load(tmp_path, f"stages: [{{{stage}}}]").stages[0], parameter)
    assert (found, type(found)) == (value, type(value))


@dataclass(frozen=True)
class Market(tamis.Filter):
    """Signals of a user, one of which may be negative."""

    max_market_share: float | None = None
    min_balance: int | None = None

    reasons: ClassVar = {"max_market_share": "too large", "min_balance": "in debt"}


@dataclass(frozen=True)
class Typed(tamis.Stage):
    """A parameter of each type."""

    file: Path
    number: float = 1.0
    whole: int | None = None
    either: int | float | None = None
    names: tuple[str, ...] = ()
    table: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    flag: bool = False
    seed: int | None = None

    measured_by: ClassVar = ()


def test_types(tmp_path: Path) -> None:
    """Values become what the parameters are declared as; paths lie beside the recipe; a stage without a seed has the recipe's."""
    line = "test_recipe:Typed: {file: lists/a.txt, number: 2, whole: 3, either: 4, names: [a, b], table: {2020: [1, 2.5]}, flag: true}"
    (stage,) = load(tmp_path, f"seed: 7\nstages: [{{{line}}}]").stages
    assert parameters(stage) == {
        "file": tmp_path / "lists" / "a.txt", "number": 2.0, "whole": 3, "either": 4, "names": ("a", "b"), "table": {"2020": (1.0, 2.5)}, "flag": True, "seed": 7,
    }  # fmt: skip
    assert [type(parameters(stage)[name]) for name in ("number", "whole", "either")] == [float, int, int]
    with pytest.raises(tamis.RecipeError, match=r'web.yaml, stage 1: "test_recipe:Typed" needs the parameter "file"\.$'):
        load(tmp_path, "stages: ['test_recipe:Typed']")
    for bad, wanted in {"whole: 3.5": "a whole number or null", "flag: 1": "true or false", "names: a": "a list of texts", "file: 3": "a path", "table: [1]": "keys and values"}.items():
        with pytest.raises(tamis.RecipeError, match=f'"{bad.split(":")[0]}" must be {wanted}, not '):
            load(tmp_path, f"stages: [{{test_recipe:Typed: {{file: x, {bad}}}}}]" if "file" not in bad else f"stages: [{{test_recipe:Typed: {{{bad}}}}}]")


SPECIMENS: list[dict[str, Any]] = [
    {"stages": ["unicode", {"gopher_quality": {"min_words": 3, "by": {"lang": {"no": {"min_words": None}}}}}, "exact_duplicates"], "seed": 3},
    {"stages": [{"sample": {"share": 1e-5}}, {"sample": {"share": 0.5, "seed": 9}}], "output": {"shard_bytes": "1.5GiB", "level": 7}},
    {"stages": [{"rules": {"min": {"score": 0.1}, "allow": {"lang": ["no", "on", "1"]}}}], "columns": {"text": "inhalt é", "id": "1"}},
    {"stages": [{"stages_for_tests:Length": {"min_chars": 4, "where": 'lang == "fr" and doc.x > 1'}}, "stages_for_tests:Lower", "stages_for_tests:Twins"]},
]


@pytest.mark.parametrize("content", SPECIMENS, ids=str)
def test_spelled_out(content: dict[str, Any]) -> None:
    """The recipe with every default, written as YAML and read again, is the same recipe."""
    first = parse(content, place="here")
    again = parse(from_yaml(dump(first)), place="there")
    assert again == first
    assert spelled_out(again) == spelled_out(first)
    said = [values for entry in spelled_out(first)["stages"] for values in entry.values()]
    assert [list(values) for values in said] == [list(parameters(stage)) for stage in first.stages]


@given(st.text("abcdefghno~:#-{}[]!&*'\"|>%@` \n1e.", max_size=8).filter(lambda text: text.strip()))
def test_any_text_survives(text: str) -> None:
    """A parameter of any text comes back as that text."""
    first = parse({"stages": [], "columns": {"source": text}}, place="here")
    assert parse(from_yaml(dump(first)), place="there").columns.source == text


def test_names_of_stages() -> None:
    """The second stage of a kind has a name of its own; nobody may take the names of the house."""
    recipe = tamis.Recipe("r", (Length(), Lower(), Length(), Twins(), Length()))
    assert [name for name, _ in recipe.named()] == ["length", "lower", "length_2", "twins", "length_3"]


@dataclass(frozen=True)
class Documents(Length):
    """Called like the folder of what the house keeps."""


@dataclass(frozen=True)
class Doc(Length):
    """Called like columns of the data."""


@pytest.mark.parametrize("stage", [Documents, Doc])
def test_names_of_the_house_are_refused(tmp_path: Path, stage: type[Length]) -> None:
    """In a recipe with its place, and in Python too: its signals would be taken for those of tamis."""
    said = f'a stage cannot be called "{stage.name()}": tamis keeps its own signals under that name.\nFix: rename its class.'
    with pytest.raises(tamis.RecipeError) as written:
        load(tmp_path, f"stages: ['test_recipe:{stage.__name__}']")
    assert str(written.value) == f"{tmp_path}/web.yaml, stage 1: {said}"
    for judged in (lambda: tamis.judge({"text": ["x"]}, stage()), lambda: tamis.Recipe("r", (stage(),)).named()):
        with pytest.raises(tamis.StageError) as given:
            judged()
        assert str(given.value) == said


@pytest.mark.parametrize(("text", "count"), [("256MB", 256_000_000), ("1.5 GB", 1_500_000_000), ("1GiB", 2**30), ("10k", 10_000), ("12", 12), ("3 KiB", 3072), ("1TB", 10**12)])
def test_bytes(text: str, count: int) -> None:
    """Bytes as people write them."""
    assert byte_count(text, "here") == count


def test_make_stage() -> None:
    """`make_stage` checks names and types as a recipe does."""
    assert tamis.make_stage("sample", share=1).share == 1.0
    with pytest.raises(tamis.RecipeError, match=r'"sample" has no parameter "shares"\. Did you mean "share"\?$'):
        tamis.make_stage("sample", shares=1)


def test_numbers_stay_numbers_as_keys() -> None:
    """A parameter whose keys are numbers is written so that the run folder's recipe can be read again."""
    made = parse({"stages": [{"near_duplicates": {"keep_copies": {1: 1, 100: 8}}}]}, place="test")
    again = parse(from_yaml(dump(made)), place="test")
    assert again.stages == made.stages
