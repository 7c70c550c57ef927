"""Run a function over tasks: serial, threads, processes, Ray; one signature, results in the order of the tasks.

    mapper(function, tasks, workers) -> iterator of results

Tasks are taken as they are needed, at most two more than workers, so that what they hold is bounded. Kernels release the
GIL, so threads are the default; processes are for stages written in plain Python, Ray is for many machines.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from importlib import import_module
from itertools import islice
from typing import Any, TypeVar

from tamis.errors import RunError, TamisError

AHEAD = 2
_END = object()
Task = TypeVar("Task")
Result = TypeVar("Result")
Mapper = Callable[[Callable[[Any], Any], Iterable[Any], int], Iterator[Any]]


def default_workers(mapper: str = "threads") -> int:
    """One worker for each processor this process may use; for Ray, each that the cluster has."""
    if mapper == "ray":
        return max(1, int(_cluster().cluster_resources().get("CPU", 1)))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def serial(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int = 1) -> Iterator[Result]:
    """One after the other, in this thread."""
    del workers
    return map(function, tasks)


def threads(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    """In threads of this process."""
    with ThreadPoolExecutor(workers, thread_name_prefix="tamis") as pool:
        yield from _ahead(pool, function, tasks, workers)


def processes(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    """In processes of their own; function and tasks are pickled."""
    # A forked pool hangs with polars, whose threads do not survive the fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield from _ahead(pool, function, tasks, workers)
        except BrokenProcessPool as error:
            raise _killed() from error


def on_ray(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    """On the Ray cluster that RAY_ADDRESS names, or on one of this machine alone; function and tasks are pickled.

    Every machine needs tamis, and the same paths (or URLs) of shards, recipe's files and run folder.

    Raises:
        RunError: Ray is not installed, or a worker died.
    """
    ray = _cluster()
    # Sent once, and not with every task.
    submit = partial(ray.remote(max_retries=0)(_called).remote, ray.put(function), os.getcwd())
    waiting, todo, problem = deque[Any](), iter(tasks), None
    try:
        waiting.extend(map(submit, islice(todo, workers + AHEAD)))
        while waiting:
            result, problem = ray.get(waiting.popleft())
            if problem is not None:
                break
            waiting.extend(map(submit, islice(todo, 1)))
            yield result
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError) as error:
        raise _killed() from error
    finally:
        for ref in waiting:
            ray.cancel(ref)
        if waiting:
            ray.wait(list(waiting), num_returns=len(waiting))  # nobody writes any more when this one has ended
    if problem is not None:
        raise problem


def _called(function: Callable[[Any], Any], folder: str, task: Any) -> tuple[Any, TamisError | None]:
    """What a worker of Ray does: relative paths mean what they mean here, and a sentence to the user comes back as one."""
    with suppress(OSError):
        os.chdir(folder)
    try:
        return function(task), None
    except TamisError as error:
        return None, error


def _cluster() -> Any:
    """Ray, begun."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would ask the network
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns of something that does not concern us
    try:
        ray: Any = import_module("ray")
    except ImportError as error:
        raise RunError('--mapper ray needs Ray.\nFix: pip install "tamis[ray]".') from error
    if not ray.is_initialized():
        here = {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
        ray.init(log_to_driver=False, logging_level="ERROR", **here)
    return ray


def _killed() -> RunError:
    return RunError(
        "a worker process was killed, perhaps because memory ran out. What was finished is kept.\n"
        "Fix: repeat the same command with fewer --workers."
    )


def _ahead(pool: Executor, function: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    todo = iter(tasks)
    try:
        waiting.extend(pool.submit(function, task) for task in islice(todo, workers + AHEAD))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, task) for task in islice(todo, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def one_ahead(items: Iterator[Task]) -> Iterator[Task]:
    """The items, each made in another thread while the one before is in use; never more than one waits."""
    with ThreadPoolExecutor(1, thread_name_prefix="tamis-ahead") as pool:
        coming: Future[Task | object] = pool.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, items, _END)
            yield item  # type: ignore[misc]
            del item


MAPPERS: dict[str, Mapper] = {"serial": serial, "threads": threads, "processes": processes, "ray": on_ray}
