"""Which room may know which, and how light the door is; the table doubles as the paragraph in docs/design.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "tamis"

MAY_IMPORT = {
    # room: the rooms of tamis it may import; every room may import errors
    "kernels": {"kernels"},
    "errors": set(),
    "where": set(),
    "limits": {"stage"},
    "stage": {"limits", "where"},
    "synced": set(),
    "files": {"synced"},
    "formats": {"files"},
    "documents": {"kernels"},
    "columns": {"documents"},
    "measure": {"documents", "files", "kernels", "stage"},
    "preference": {"where"},
    "table": {"recipe", "stage"},
    "coerce": set(),
    "model_card": set(),
    "train": {"ablate", "classifier", "columns", "documents", "files", "formats", "kernels", "model_card", "shards", "where"},
    "failures": {"stage", "where"},
    "verdicts": {"failures"},
    "ledger": {"measure", "stage", "where"},
    "judging": {"failures", "ledger", "measure", "stage", "verdicts"},
    "memory": {"columns", "documents", "files", "judging", "ledger", "mappers", "measure", "stage"},
    "mappers": set(),
    "progress": set(),
    "keys": {"documents", "stage", "table"},
    "recipe": {"coerce", "documents", "ledger", "stage", "table"},
    "shards": {"columns", "documents", "files", "formats"},
    "plan": {"columns", "documents", "files", "keys", "ledger", "measure", "recipe", "shards", "stage"},
    "reading": {"files", "shards"},
    "work": {"documents", "files", "measure", "plan", "reading", "recipe", "shards", "stage"},
    "scattered": {"documents", "kernels"},
    "writing": {"documents", "files", "mappers", "measure", "plan", "reading", "recipe", "scattered", "shards", "stage", "work"},
    "fasttext_file": set(),
    "fasttext_features": {"kernels"},
    "fasttext_outputs": {"fasttext_file"},
    "classifier": {"documents", "fasttext_features", "fasttext_file", "fasttext_outputs", "kernels"},
    "disk": {"documents", "files", "mappers", "measure", "plan", "reading", "shards", "work"},
    "tally": {"failures", "stage", "verdicts"},
    "mix": {"failures", "measure", "stage"},
    "ledger_files": {"files", "judging"},
    "topics_found": {"files", "folder", "stage"},
    "begin": {"files", "keys", "plan", "recipe", "shards", "stage", "synced"},
    "runner": {
        "begin", "disk", "documents", "files", "folder", "judging", "keys", "ledger_files", "mappers", "measure", "mix", "plan", "progress",
        "recipe", "report", "shards", "stage", "tally", "work", "writing",
    },
    "folder": {"files", "keys", "plan", "recipe", "shards", "stage"},
    "simulate": {"files", "folder", "ledger", "mappers", "measure", "plan", "stage"},
    "changes": set(),
    "assignments": {"changes", "files", "folder", "keys", "ledger", "measure", "plan", "recipe", "stage", "table"},
    "firing": {"ledger", "measure", "stage", "tally", "where"},
    "what_if": {"assignments", "firing", "folder", "mappers", "mix", "plan", "simulate", "stage"},
    "levers": {"assignments", "ledger", "measure", "simulate", "stage", "what_if", "where"},
    "propose": {"assignments", "folder", "levers", "mappers", "simulate", "what_if"},
    "pairing": {"files", "folder", "mappers"},
    "diff": {"changes", "files", "folder", "mappers", "pairing", "plan", "recipe"},
    "conventions": {"documents", "ledger", "mappers", "measure", "progress", "reading", "recipe", "shards", "stage", "table", "where", "work"},
    "difference": {"folder", "reading", "work", "writing"},
    "clusters": {"folder"},
    "explain": {"difference", "files", "folder", "stage", "where"},
    "export": {"disk", "files", "folder", "keys", "mappers", "measure", "plan", "reading", "shards", "stage", "where", "work", "writing"},
    "warm": {"documents", "kernels", "mappers", "measure", "progress", "stage", "table"},
    "testing": {"documents", "keys", "memory", "stage"},
    "lm": {"columns", "documents", "files", "formats", "kernels", "mappers", "shards"},
    "json_lines": set(),
    "near_pairs": {"documents", "kernels", "stage"},
    "stages": {
        "classifier", "documents", "fasttext_features", "fasttext_file", "files", "json_lines", "kernels", "lm", "model_card", "near_pairs",
        "preference", "stage", "where",
    },
    "edits": {"documents", "kernels", "stage"},
    "ablate": {
        "begin", "documents", "files", "folder", "json_lines", "kernels", "keys", "lm", "mappers", "measure", "memory", "model_card",
        "near_pairs", "plan", "progress", "reading", "recipe", "shards", "simulate", "stage", "work",
    },
    "report": {
        "assignments", "difference", "documents", "explain", "files", "firing", "folder", "kernels", "ledger", "levers", "mappers",
        "measure", "mix", "plan", "reading", "recipe", "shards", "simulate", "stage", "table", "topics_found", "what_if", "where", "work",
    },
    "cli": set(),  # anything: see below
    "__init__": set(),
    "__main__": {"cli"},
}
"""kernels ← stages, edits ← recipe ← cli; nothing below the table of stages knows a particular stage."""


def _rooms() -> dict[str, set[str]]:
    """Room → rooms that any of its files imports, at any depth of the code."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tamis":
                parts = node.module.split(".")
                names = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
                found.setdefault(room, set()).update(name for name in names if (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").is_file())
    return found


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_rooms_know_only_what_the_table_allows(room: str) -> None:
    """Arrows point down; whoever wants a new one changes the table, in sight of the reviewer."""
    imported = _rooms().get(room, set()) - {"errors", room}
    if room not in ("cli", "__init__"):
        assert imported <= MAY_IMPORT[room]


def test_the_table_has_every_room() -> None:
    """A new module takes its place in the table."""
    rooms = {path.name.removesuffix(".py") for path in SOURCE.iterdir() if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")}
    assert rooms == set(MAY_IMPORT)


def test_nothing_but_the_table_names_a_stage() -> None:
    """`memory` and `runner` know `Stage`, never a particular stage."""
    for room, imported in _rooms().items():
        if room not in ("stages", "edits", "cli"):
            assert not imported & {"stages", "edits"}, room


def test_kernels_import_only_numpy_and_numba() -> None:
    """Kernels know nothing of tamis, Arrow or polars; llvmlite is the part of numba that masks are written in."""
    for path in (SOURCE / "kernels").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                top = str(module).split(".")[0]
                assert top in sys.stdlib_module_names | {"numpy", "numba", "llvmlite"} or str(module).startswith("tamis.kernels"), (path.name, module)


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import tamis", ["polars", "pyarrow", "numba", "typer", "torch", "ray", "sklearn", "scipy"]),
        ("from tamis import sift, judge, run, Filter, stage", ["numba", "typer", "torch", "ray", "sklearn", "scipy", "fsspec"]),
        ("from tamis import make_stage; make_stage('language', keep=['en'])", ["numba", "typer", "torch", "py3langid"]),
        ("from tamis.cli.app import app", ["polars", "pyarrow", "numba", "torch", "ray", "sklearn", "scipy"]),
    ],
)
def test_importing_is_light(code: str, heavy: list[str]) -> None:
    """Importing tamis, its public names or its command line loads nothing that is not needed yet."""
    check = f"{code}\nimport sys\nprint([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_is_long() -> None:
    """One idea a file: under 350 lines."""
    long = {path.name: len(path.read_text("utf-8").splitlines()) for path in SOURCE.rglob("*.py")}
    assert {name: lines for name, lines in long.items() if lines > 350} == {}


def test_no_function_is_long() -> None:
    """One level of abstraction a function: under 60 lines."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno < 60, f"{path.name}: {node.name}"
