"""How tasks are handed out: in order, a bounded number at a time, with what went wrong in its place."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from tamis import mappers
from tamis.errors import RunError


def noted(n: int, made: list[int], fails_at: int | None = None) -> Iterator[int]:
    """0 … n − 1, each noted when it is made."""
    for i in range(n):
        if i == fails_at:
            raise ValueError(f"item {i}")
        made.append(i)
        yield i


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_items_made_ahead_are_the_items(n: int) -> None:
    """Whatever there is comes, in order, and made in another thread."""
    threads = set()

    def items() -> Iterator[int]:
        for i in range(n):
            threads.add(threading.current_thread())
            yield i

    assert list(mappers.one_ahead(items())) == list(range(n))
    assert threading.current_thread() not in threads


def test_one_item_is_made_ahead_and_no_more() -> None:
    """While an item is in use the next one may be made, so that two at most are held."""
    made: list[int] = []
    for item in mappers.one_ahead(noted(20, made)):
        assert made[-1] <= item + 1


def test_an_item_that_cannot_be_made_raises_in_its_place() -> None:
    """What came before is not lost, and the error is the user's to see."""
    ahead = mappers.one_ahead(noted(9, [], fails_at=3))
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="item 3"):
        next(ahead)


def test_who_stops_asking_leaves_no_thread() -> None:
    """A writer that fails, as on a full disk, does not keep the process."""
    ahead = mappers.one_ahead(noted(9, []))
    next(ahead)
    ahead.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tamis-ahead")]


@pytest.mark.parametrize("name", ["serial", "threads"])
def test_tasks_are_taken_as_they_are_needed(name: str) -> None:
    """Results come in the order of the tasks, of which at most two more than workers are taken before they are needed."""
    taken: list[int] = []
    for i, result in enumerate(mappers.MAPPERS[name](lambda task: task * 2, noted(40, taken), 3)):
        assert result == 2 * i
        assert taken[-1] <= i + 3 + mappers.AHEAD


def test_without_ray_its_mapper_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapper that needs a package names it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match=r'needs Ray\.\nFix: pip install "tamis\[ray\]"'):
        mappers.default_workers("ray")
