"""SHA-256 of local files, which another process may begin while this one still loads the packages that read them.

Loading keeps one core busy; threads that hash beside it would wait for it, and it for them, at every piece of a file. Only the
standard library is imported here.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

MOST_FILES = 200
"""Whose names one command line takes without doubt, and whose hashes a pipe holds until somebody reads them."""
LEAST_BYTES = 20_000_000
"""Of all files: fewer are hashed before a process has begun."""

State = tuple[int, int, int]
_WORKER = """import hashlib, os, sys
from concurrent.futures import ThreadPoolExecutor
def tell(number):
    state = os.stat(sys.argv[number])
    with open(sys.argv[number], "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    os.write(1, f"{number} {state.st_size} {state.st_mtime_ns} {state.st_ino} {digest}\\n".encode())
with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    list(pool.map(tell, range(2, len(sys.argv))))
"""
_lock = threading.Lock()
_known: dict[str, tuple[State, str]] = {}
_beside: tuple[subprocess.Popen[bytes], list[str]] | None = None


def begin(paths: Sequence[str], threads: int) -> bool:
    """Let a new process hash files, in this order, until the first `sha256` is asked for; whether one was started."""
    global _beside  # noqa: PLW0603  one process at a time
    end()
    paths = list(map(os.path.abspath, paths))[:MOST_FILES]
    if getattr(sys, "frozen", False) or "python" not in Path(sys.executable or "").name.lower():
        return False
    with suppress(OSError):  # a file that went away, no room for a process: then nothing is begun
        if sum(map(os.path.getsize, paths)) < LEAST_BYTES:
            return False
        line = [sys.executable, "-I", "-S", "-c", _WORKER, str(threads), *paths]
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603  Python itself
        _beside = process, paths
        atexit.register(end)
    return _beside is not None


def end() -> None:
    """Stop what was begun; what is known by then is kept until it is asked for."""
    global _beside
    with _lock:
        if _beside is None:
            return
        (process, paths), _beside = _beside, None
        process.kill()
        for line in process.communicate()[0].decode().splitlines():
            number, size, changed, place, digest = line.split()
            _known[paths[int(number) - 2]] = (int(size), int(changed), int(place)), digest
        atexit.unregister(end)


def sha256(path: str) -> str:
    """The SHA-256 of a file as it is now, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    end()
    state, digest = _known.pop(os.path.abspath(path), (None, ""))
    found = os.stat(path)
    if state == (found.st_size, found.st_mtime_ns, found.st_ino):
        return digest
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
