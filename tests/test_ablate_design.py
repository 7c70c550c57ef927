"""A plan says what it seems to say: strict keys, checked values, profiles that give what is not set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tamis.ablate import design as designs
from tamis.ablate.design import Design, load, parse, spelled_out, with_options
from tamis.ablate.experiment import ablate
from tamis.errors import TamisError
from tamis.recipe import from_yaml

PLAN = Path(__file__).parents[1] / "pipelines" / "ablation.yaml"


def test_the_plan_in_pipelines_is_what_happens_without_one() -> None:
    """`pipelines/ablation.yaml` spells the standard profile out, every key of it."""
    assert load(PLAN) == Design()
    assert set(from_yaml(PLAN.read_text("utf-8"))) == set(spelled_out(Design()))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"fold": 3}, 'there is no key "fold"'),
        ({"profile": "smke"}, 'Did you mean "smoke"'),
        ({"redraws": "many"}, '"redraws" must be a whole number'),
        ({"redraws": 0}, '"redraws" is between 1 and 1,000, not 0'),
        ({"level": 1.5}, '"level" is between'),
        ({"random_drop": -0.1}, '"random_drop" is between'),
        ({"corrupt": {"boiler": 0.3}}, 'Did you mean "boilerplate"'),
        ({"corrupt": {"boilerplate": 1.5}}, "shares are above 0 and at most 1"),
        ({"ladders": {"a.b": [1.0]}}, "between 0 and 1"),
        ({"mixes": {"raw": "x"}}, 'cannot name a mix "raw"'),
        ({"rungs": ["gtp"]}, 'has no "gtp"'),
        ({"seed": -1}, '"seed" is between 0 and 4,294,967,295, not -1'),
        ({"most_folds": 3}, "fewer than the 6 of least_folds"),
        ({"pool": "12 apples"}, "a number of bytes"),
        ([], "must hold keys and values"),
        ({"columns": {"text": "body"}, "stages": ["lines"]}, 'the plan is a recipe and no plan of an ablation: it has the key "stages".\nFix: run it, tamis run the plan SHARDS… -o OUT, and ablate'),
    ],
)
def test_a_mistake_names_the_key_and_the_way_out(content: Any, said: str) -> None:
    """Unknown keys, wrong types and impossible values are one sentence."""
    with pytest.raises(TamisError) as caught:
        parse(content)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("place", "fix"), [("web.yaml", "run the recipe first, `tamis run web.yaml SHARDS… -o OUT`, then ablate OUT."), ("raw", "name the folder that `tamis run … -o` wrote, or add")]
)
def test_what_is_no_run_folder(tmp_path: Path, place: str, fix: str) -> None:
    """A recipe, or raw shards, where the folder of a run is meant: each has its way out."""
    with pytest.raises(TamisError) as caught:
        ablate([place], str(tmp_path / "out"))
    assert str(caught.value).startswith(f"{place} is no run folder, so there is nothing that it could be compared with.\nFix: {fix}")


def test_profiles_give_what_is_not_set() -> None:
    """A key that the file sets holds under any profile; one that it leaves out is the profile's."""
    smoke = parse({"profile": "smoke"})
    assert (smoke.pool, smoke.redraws) == (12_000_000, 2)
    assert parse({"profile": "smoke", "redraws": 5}).redraws == 5
    assert with_options(Design(), profile="smoke") == replace(smoke)
    assert with_options(parse({"redraws": 5}), profile="smoke").redraws == 5


def test_paths_of_a_file_begin_beside_it(tmp_path: Path) -> None:
    """Target, items and mixes; one place may stand for a list of one."""
    (tmp_path / "plan.yaml").write_text("target: mine\nitems: [a.jsonl]\nmixes: {theirs: other}\npool: 2MB\n")
    found = load(tmp_path / "plan.yaml")
    assert found.target == (str(tmp_path / "mine"),)
    assert found.items == (str(tmp_path / "a.jsonl"),)
    assert found.mixes == {"theirs": (str(tmp_path / "other"),)}
    assert found.pool == 2_000_000
    assert with_options(found, target="none").target == "none"
    assert with_options(found, target="shards").target == ("shards",)
    with pytest.raises(TamisError, match="does not exist"):
        load(tmp_path / "nowhere.yaml")


def test_every_default_is_spelled_out() -> None:
    """What a plan stores can be parsed again to the same design."""
    assert parse(spelled_out(Design())) == Design()
    assert parse(spelled_out(parse({"profile": "smoke"}))) == designs.parse({"profile": "smoke"})
