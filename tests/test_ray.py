"""Runs on a Ray cluster, of this machine alone, where Ray is installed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runs import corpus, recipe, run, snapshot, split
from stages_for_tests import Length, Lower, Openings, StockLines, Twins

from tamis import mappers
from tamis.errors import DataError, RunError

ray: Any = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def _cluster() -> Iterator[None]:
    """A cluster of two processors, whose workers find what tests import."""
    ray.shutdown()  # another test's
    here = os.path.dirname(__file__)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": f"{here}:{os.environ.get('PYTHONPATH', '')}"}})
    yield
    ray.shutdown()


pytestmark = pytest.mark.usefixtures("_cluster")


def mourn(task: int) -> int:
    """Doubles; on 3 it says what the user did wrong."""
    if task == 3:
        raise DataError("three is no number of shards.\nFix: take four.")
    return 2 * task


def die(task: int) -> int:
    """Dies of 3, as of too little memory."""
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * task


def test_the_same_bytes_as_with_threads(tmp_path: Path) -> None:
    """Fitted stages, edits and stages that compare documents write the same on a cluster; by default all its processors work."""
    stages = recipe(Length(min_chars=12), StockLines(), Lower(), Openings(max_openings=20), Twins())
    place = split(tmp_path / "in", corpus(60), 5)
    run(stages, place, tmp_path / "threads")
    run(stages, place, tmp_path / "ray", mapper="ray", workers=None)
    assert snapshot(tmp_path / "threads") == snapshot(tmp_path / "ray")
    assert mappers.default_workers("ray") == 2


def test_results_come_in_order_and_relative_paths_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However tasks end, results come in their order, and workers stand in the folder of who asked."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shard").write_text("there")
    assert list(mappers.on_ray(mourn, iter([5, 1, 4]), 2)) == [10, 2, 8]
    assert list(mappers.on_ray(os.path.exists, iter(["shard", "chard"]), 2)) == [True, False]


def test_a_sentence_to_the_user_comes_back_as_it_is() -> None:
    """What a worker finds wrong with the data is one sentence here too, after the results before it."""
    results = mappers.on_ray(mourn, iter(range(6)), 2)
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    with pytest.raises(DataError, match=r"^three is no number of shards\.\nFix: take four\.$"):
        next(results)


def test_a_worker_that_is_killed_is_said_to_be() -> None:
    """A machine that runs out of memory is one sentence, not a page of Ray's."""
    with pytest.raises(RunError, match="a worker process was killed"):
        list(mappers.on_ray(die, iter(range(6)), 2))


def late(task: tuple[str, int]) -> int:
    """Fails at 0; the others leave a file a little later."""
    folder, number = task
    if number == 0:
        raise DataError("zero is no number of shards.")
    time.sleep(0.7)
    Path(folder, str(number)).touch()
    return number


def test_nothing_is_at_work_after_a_mistake(tmp_path: Path) -> None:
    """When a sentence ends a run, no worker writes into its folder any more."""
    with pytest.raises(DataError):
        list(mappers.on_ray(late, iter([(str(tmp_path), i) for i in range(6)]), 2))
    there = sorted(tmp_path.iterdir())
    time.sleep(1.5)
    assert sorted(tmp_path.iterdir()) == there
