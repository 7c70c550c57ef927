"""Trainings in processes of their own: one thread each, side by side; what they find does not depend on how many there are."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self

import numpy as np

from tamis.ablate.rungs import Rung
from tamis.errors import RunError
from tamis.lm.tokens import Tokens


def timed(rung: Rung, stream: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """What a rung finds, see `Rung.train`, and the processor seconds of this thread that it took."""
    began = time.thread_time()
    return rung.train(stream, budgets, held, first, seed), time.thread_time() - began


class Processes:
    """So many processes, begun when the first training wants one; ended with the block.

    Args:
        count: side by side.
    """

    def __init__(self, count: int) -> None:
        self._count, self._lock = count, threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        """Begin nothing yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End them, after what they are at."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def timed(
        self, rung: Rung, stream: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray, seed: int
    ) -> tuple[np.ndarray, float]:
        """`timed` in one of them, waited for.

        Raises:
            RunError: it was killed.
        """
        with self._lock:
            if self._pool is None:
                # A forked process hangs with polars, whose threads do not survive the fork.
                spawn = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self._count, mp_context=spawn, initializer=_end_with_parent)
        try:
            # No more of the stream than is trained on crosses over.
            return self._pool.submit(timed, rung, stream.head(max(budgets)), budgets, held, first, seed).result()
        except BrokenProcessPool as error:
            raise RunError(
                "a training process was killed, perhaps because memory ran out. What was finished is kept.\n"
                "Fix: repeat the same command, with fewer --jobs."
            ) from error


def _end_with_parent() -> None:
    """A process whose parent was killed would train on for minutes, and then wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
