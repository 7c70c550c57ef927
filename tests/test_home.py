"""The folder that "~" stands for: a shell expands it in `-o ~/out`, and not in `--out=~/out`, nor in a recipe or in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis import begin, model_card, recipe, table
from tamis.ablate import design, experiment, item_files, mixing
from tamis.coerce import coerce
from tamis.errors import DataError, RecipeError, RunError, TamisError
from tamis.lm import train as lm


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and another folder to work in."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "in").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def test_ablations_and_mixes_lie_at_home(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--out=~/abl` is the folder at home, for an ablation, for its explanation and for a mix; nothing is called "~" here."""
    seen: list[str] = []

    def alone(out: str) -> None:
        seen.append(out)
        raise RunError("far enough")

    monkeypatch.setattr(begin, "alone", alone)
    for ask in (lambda: experiment.ablate(["~/in"], "~/abl"), lambda: mixing.mix("~/in", "~/mix", mixing.Mixing("source"))):
        with pytest.raises(RunError, match="far enough"):
            ask()
    assert seen == [f"{at_home}/abl", f"{at_home}/mix"]
    with pytest.raises(RunError, match=f'"{at_home}/abl" is not an ablation'):
        experiment.opened("~/abl")
    with pytest.raises(RunError, match="is what is to be examined"):
        experiment.ablate(["~/in"], f"{at_home}/in")


def test_models_are_written_at_home(at_home: Path) -> None:
    """`tamis train` writes its models there, whether named as a text or as a path."""
    from tamis.cli.train import _model_file

    assert _model_file(Path("~/models/edu")) == at_home / "models" / "edu.bin"
    with pytest.raises(RunError, match=f'"{at_home}/in" is a folder'):
        lm.train(["x"], "~/in", lm.Settings(256, 1000))


def test_files_that_recipes_and_plans_name(at_home: Path) -> None:
    """A model, a stage of one's own, shards and items may lie at home."""
    assert coerce("~/edu.bin", Path, "r.yaml", RecipeError, Path("/recipes")) == at_home / "edu.bin"
    assert model_card.located("~/edu.bin") == at_home / "edu.bin"
    (at_home / "own.py").write_text("from tamis import Filter\nclass Own(Filter):\n    pass\n")
    assert table.stage_class("~/own.py:Own", Path("/recipes")).__name__ == "Own"
    plan = design.parse({"target": ["~/t"], "items": ["~/i.jsonl"], "mixes": {"m": ["~/m"]}}, folder=Path("/plans"))
    assert (plan.target, plan.items, plan.mixes) == ((f"{at_home}/t",), (f"{at_home}/i.jsonl",), {"m": (f"{at_home}/m",)})
    with pytest.raises(DataError, match=f"{at_home}/i.jsonl does not exist"):
        item_files.load_sets(["~/i.jsonl"])
    with pytest.raises(RecipeError, match=f'the plan "{at_home}/plan.yaml" does not exist'):
        design.load("~/plan.yaml")


@pytest.mark.parametrize("load", [recipe.load, design.load])
def test_a_home_that_nobody_has(load: object) -> None:
    """ "~nobody-of-that-name/r.yaml" is a file that does not exist, and no traceback."""
    with pytest.raises(TamisError, match="does not exist"):
        load("~nobody-of-that-name/r.yaml")  # type: ignore[operator]
