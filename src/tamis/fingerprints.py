"""SHA-256 of local files, which may be begun while the packages that read them are still being loaded.

Hashing leaves Python alone, loading keeps one core busy with it. Nothing but the standard library is imported here.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress

READ_BYTES = 4_000_000
"""Read and hashed at once: after each a thread waits for its turn in Python, and of 16 MB none is left in the CPU's cache."""

_Found = tuple[tuple[int, int, int], str]
_begun: dict[str, Future[_Found]] = {}


def begin(paths: Iterable[str], threads: int) -> None:
    """Hash files in the background, in this order; the process may end without waiting for it."""
    todo = deque((os.path.abspath(path), Future[_Found]()) for path in paths)
    _begun.update(todo)
    for _ in range(min(threads, len(todo))):
        threading.Thread(target=_work, args=(todo,), daemon=True).start()


def sha256(path: str) -> str:
    """The SHA-256 of a file as it is now, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    begun = _begun.pop(os.path.abspath(path), None)
    if begun is not None and not begun.cancel():  # if it can be cancelled, nobody is at it yet
        with suppress(OSError):  # met again below, by the one who can say it
            state, digest = begun.result()
            if state == _state(path):
                return digest
    return _hashed(path)[1]


def _work(todo: deque[tuple[str, Future[_Found]]]) -> None:
    with suppress(IndexError):
        while True:
            path, future = todo.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(_hashed(path))
            except Exception as error:  # noqa: BLE001  whoever asks is told
                future.set_exception(error)


def _hashed(path: str) -> _Found:
    state, digest = _state(path), hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        held = memoryview(bytearray(min(READ_BYTES, max(1, state[0]))))
        while count := file.readinto(held):
            digest.update(held[:count])
    return state, digest.hexdigest()


def _state(path: str) -> tuple[int, int, int]:
    """What changes when a file is written again."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ino
