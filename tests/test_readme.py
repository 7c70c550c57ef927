"""The README is true: its commands print what it shows, its code runs, its files are where it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tamis import recipe
from tamis.cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
OUTPUT = re.compile(r"<!-- output: (?P<command>[^\n]*) -->\n```text\n(?P<shown>.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the README's recipes and sample data, and nothing else."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("pipelines", "sample_data"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def _printed(command: str, folder: Path) -> str:
    """What a command prints on stdout, with an ellipsis for the one number that no two runs share."""
    line = [sys.executable, "-m", *command.split()]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    return re.sub(r", \d+\.\d s(, \d+ MB/s)?", ", … s", done.stdout.strip("\n")) + "\n"


def test_commands_print_what_the_readme_shows(workplace: Path, pytestconfig: pytest.Config) -> None:
    """Every command with its output beside it prints exactly that, but for the seconds."""
    shown = {match["command"]: match["shown"] for match in OUTPUT.finditer(README)}
    assert len(shown) == 5
    printed = {command: _printed(command, workplace) for command in shown}
    if pytestconfig.getoption("--rewrite"):
        text = OUTPUT.sub(lambda match: f"<!-- output: {match['command']} -->\n```text\n{printed[match['command']]}```", README)
        (ROOT / "README.md").write_text(text, "utf-8")
        return
    assert printed == shown


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_python_of_the_readme_runs(workplace: Path) -> None:
    """The examples in memory run, and keep some documents and drop others."""
    code = next(block for block in _blocks("python") if "tamis.sift" in block)
    check = "assert 0 < kept.height < table.height\nassert verdicts.height == table.height\n"
    subprocess.run([sys.executable, "-c", code + check], cwd=workplace, check=True)


def test_the_filter_of_the_readme_runs_from_a_recipe(workplace: Path) -> None:
    """A stage copied out of the README obeys the contract, and works in a run with threads and with processes."""
    code = next(block for block in _blocks("python") if "class Digits" in block)
    (workplace / "my_rules.py").write_text(code)
    (workplace / "mine.yaml").write_text("stages:\n  - my_rules.py:Digits: {max_digit_share: 0.1}\n")
    check = code + "\nfrom tamis.testing import check_stage\ncheck_stage(Digits())\n"
    subprocess.run([sys.executable, "-c", check], cwd=workplace, check=True)
    for mapper in ("threads", "processes"):
        command = ["-m", "tamis", "run", "mine.yaml", "sample_data/raw", "-o", f"out/{mapper}", "--mapper", mapper, "--workers", "2"]
        subprocess.run([sys.executable, *command], cwd=workplace, check=True, capture_output=True)
    ledgers = [pl.read_parquet(workplace / f"out/{mapper}/ledger/*.parquet") for mapper in ("threads", "processes")]
    assert ledgers[0].equals(ledgers[1])
    assert ledgers[0].filter(pl.col("reasons").list.contains("too many digits")).height > 0


def test_the_recipe_of_the_readme_is_one() -> None:
    """The example of a recipe has only keys, stages and parameters that exist."""
    loaded = recipe.parse(recipe.from_yaml(_blocks("yaml")[0]), place="README.md")
    assert [name for name, _ in loaded.named()] == [
        "mojibake", "unicode", "lines", "rules", "rules_2", "gopher_quality", "gopher_repetition", "near_duplicates", "mask", "sample",
    ]  # fmt: skip


RECIPES = [path for path in sorted((ROOT / "pipelines").glob("*.yaml")) if path.name != "ablation.yaml"]  # which is a plan of another kind


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_recipe_loads_and_says_what_it_is_for(path: Path) -> None:
    """Each recipe is valid, and begins with what, why and how long."""
    assert recipe.load(path).stages
    head = path.read_text("utf-8").split("stages:")[0]
    assert all(word in head for word in ("# What:", "# Why:", "# How long:"))


def test_every_command_is_in_the_readme() -> None:
    """A command that the README does not name would be found by nobody."""
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert f"tamis {name}" in README, name


def test_every_file_of_the_tree_exists_and_is_named() -> None:
    """The tree names all modules of tamis, and only those."""
    tree = README.split("## What is where")[1].split("## Speed")[0]
    named = set(re.findall(r"\b(\w+\.py)\b", tree))
    there = {path.name for path in (ROOT / "src" / "tamis").glob("*.py")} - {"__init__.py", "__main__.py", "errors.py"}
    assert named == there


def test_every_python_module_has_a_docstring_that_says_what_lives_there() -> None:
    """A reviewer opens any file and knows in a minute what it is for."""
    for path in (ROOT / "src").rglob("*.py"):
        assert path.read_text("utf-8").lstrip().removeprefix("r").startswith('"""'), path
