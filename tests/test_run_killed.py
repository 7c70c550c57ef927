"""A run that dies anywhere is finished by the same command, with the same bytes, and a half-finished folder never looks finished."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from runs import command, corpus, inodes, recipe, run, snapshot, split
from stages_for_tests import Length, Lower, Openings, Repeat, StockLines, Twins

import tamis
from tamis import folder
from tamis.recipe import dump

STAGES = [Length(min_chars=12), StockLines(), Lower(), Openings(max_openings=20), Twins(), Repeat()]
FUSE = '''
"""A stage whose module cuts the power at a rename: before it, or just after."""

import os
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tamis import Stage

fuse = Path(__file__).with_name("fuse")
left = int(fuse.read_text()) if fuse.exists() else 0
real = os.replace


def replace(source, target):
    global left
    left -= 1
    if left == 0:
        os._exit(9)
    real(source, target)
    if left == 1 and fuse.read_text().endswith(" "):
        os._exit(9)


if left:
    os.replace = replace


@dataclass(frozen=True)
class Idle(Stage):
    """Measures a constant."""

    def measure(self, docs):
        """one: f64."""
        return pl.DataFrame({"one": pl.Series([1.0] * docs.num_rows, dtype=pl.Float64)})
'''


class PowerCut(BaseException):
    """Nobody catches it."""


def left_behind(out: Path) -> list[str]:
    """Temporary files."""
    return [path.name for path in out.rglob(".*") if path.name != ".lock"]


def test_death_at_every_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run dies before every single file it would write, again and again, and in the end all bytes are as they should be."""
    place = split(tmp_path / "in", corpus(), 4)
    run(STAGES, place, tmp_path / "whole")
    real, renames = os.replace, [0]

    def replace(source: Any, target: Any) -> None:
        renames[0] += 1
        if renames[0] == allowed:
            raise PowerCut
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    deaths = 0
    for allowed in range(1, 200):  # noqa: B007  read by replace
        renames[0] = 0
        try:
            run(STAGES, place, tmp_path / "out", mapper="serial")
        except PowerCut:
            deaths += 1
            assert not (tmp_path / "out" / "manifest.json").exists()
            with pytest.raises(tamis.RunError):
                folder.opened(str(tmp_path / "out"))
        else:
            break
    assert deaths > 8
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")
    assert left_behind(tmp_path / "out") == []


def test_a_repeated_run_is_unfinished_until_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished run that is repeated and dies is not taken for finished; the same command mends it."""
    place = split(tmp_path / "in", corpus(), 2)
    run(STAGES, place, tmp_path / "out")
    before = snapshot(tmp_path / "out")
    (tmp_path / "out" / "report.html").unlink()
    with monkeypatch.context() as patched:

        def replace(source: str, target: str) -> None:
            if "/ledger/" in target:
                raise PowerCut
            os.rename(source, target)

        patched.setattr(os, "replace", replace)
        with pytest.raises(PowerCut):
            run(STAGES, place, tmp_path / "out")
    with pytest.raises(tamis.RunError, match="was not finished"):
        folder.opened(str(tmp_path / "out"))
    run(STAGES, place, tmp_path / "out")
    assert snapshot(tmp_path / "out") == before


def test_resuming_keeps_what_was_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks measured before a death are not measured again, not even read."""
    place = split(tmp_path / "in", corpus(), 6)
    with monkeypatch.context() as patched:
        renamed: list[str] = []

        def replace(source: str, target: str) -> None:
            if len(renamed) == 12:
                raise PowerCut
            os.rename(source, target)
            renamed.extend([target] * ("/signals/" in target))

        patched.setattr(os, "replace", replace)
        with pytest.raises(PowerCut):
            run(STAGES, place, tmp_path / "out", mapper="serial")
    half = inodes(tmp_path / "out", "signals", "fitted")
    run(STAGES, place, tmp_path / "out")
    assert len(half) >= 12
    assert half.items() <= inodes(tmp_path / "out", "signals", "fitted").items()


def test_power_cuts(tmp_path: Path) -> None:
    """Processes that end without a goodbye, at renames drawn at random: the same command makes the same bytes, and cleans up."""
    (tmp_path / "fused.py").write_text(FUSE)
    (tmp_path / "recipe.yaml").write_text("stages: [unicode, 'fused.py:Idle', exact_duplicates]\noutput: {shard_bytes: 2kB}\n")
    place = split(tmp_path / "in", corpus(), 5)
    line = ["run", tmp_path / "recipe.yaml", place, "--workers", 2, "-o"]
    draw = random.Random(0)
    for after in (" ", ""):
        (tmp_path / "fuse").write_text(f"{draw.randint(4, 12)}{after}")
        done = command(*line, tmp_path / "out")
        assert done.returncode == 9
        assert not (tmp_path / "out" / "manifest.json").exists()
    assert any(name.endswith("~") for name in left_behind(tmp_path / "out"))
    (tmp_path / "fuse").unlink()
    assert command(*line, tmp_path / "out").returncode == 0
    assert command(*line, tmp_path / "whole").returncode == 0
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")
    assert left_behind(tmp_path / "out") == []


def test_a_worker_that_dies(tmp_path: Path) -> None:
    """A worker process that is killed (as one is that takes too much memory) ends the run with a sentence; nothing finished is lost."""
    (tmp_path / "fused.py").write_text(FUSE)
    (tmp_path / "recipe.yaml").write_text("stages: ['fused.py:Idle']\n")
    place = split(tmp_path / "in", corpus(), 5)
    (tmp_path / "fuse").write_text("4")
    done = command("run", tmp_path / "recipe.yaml", place, "--workers", 1, "--mapper", "processes", "-o", tmp_path / "out")
    assert done.stderr.endswith("Error: a worker process was killed, perhaps because memory ran out. What was finished is kept.\nFix: repeat the same command with fewer --workers.\n")
    assert (done.returncode, done.stdout) == (2, "")


def test_killed_at_any_time(tmp_path: Path) -> None:
    """SIGKILL at times drawn at random, then the same command: the same bytes as without."""
    (tmp_path / "recipe.yaml").write_text(dump(recipe(tamis.make_stage("unicode"), tamis.make_stage("exact_duplicates"))))
    place = split(tmp_path / "in", corpus(400), 40)
    line = [sys.executable, "-m", "tamis", "run", str(tmp_path / "recipe.yaml"), place, "-o", str(tmp_path / "out")]
    draw = random.Random(0)
    for _ in range(2):
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begun = time.monotonic()
        while process.poll() is None and not (tmp_path / "out" / "inputs.json").exists():
            assert time.monotonic() - begun < 60
        try:
            process.wait(draw.random() * 0.3)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert command(*line[3:]).returncode == 0
    run(tamis.load_recipe(tmp_path / "recipe.yaml"), place, tmp_path / "whole")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")
    assert left_behind(tmp_path / "out") == []


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    """While a run is at work, a second one in its folder is refused in one sentence."""
    (tmp_path / "recipe.yaml").write_text("stages: [unicode]\n")
    place = split(tmp_path / "in", corpus(5), 1)
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = command("run", tmp_path / "recipe.yaml", place, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"Error: another run is at work in {tmp_path}/out.\nFix: wait for it to end, or choose another --out.\n")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".lock"]


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system knows no locks, as some of clusters do not, a run works all the same."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert run(recipe(Lower()), split(tmp_path / "in", corpus(5), 1), tmp_path / "out")["counts"]["kept"] == 5
