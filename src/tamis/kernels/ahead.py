"""Compile kernel modules in processes of their own, side by side: numba holds a lock while it compiles.

All of them write to the same folder, see `tamis.kernels.cache`; what they leave out, for whatever reason, is compiled by
the one who imports it. They see neither the program that starts them nor its working folder.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache as remembered
from pathlib import Path

from tamis.kernels import cache

_WORKER = """import sys
sys.path[:] = sys.argv[1:]
from importlib import import_module
for line in sys.stdin:
    import_module(line.strip())
    print(flush=True)
"""
_PACKAGE = Path(__file__).parents[1]
_BYTES_PER_SECOND = 13_000
"""Of kernel sources, with what they import, that one processor compiles."""


@remembered
def imported(path: Path) -> frozenset[Path]:
    """The sources of tamis that a source file imports, wherever in it, and those that they import."""
    found: set[Path] = set()
    todo = [path]
    while todo:
        new = _imports(todo.pop()) - found
        found |= new
        todo += new
    return frozenset(found)


@remembered
def _imports(path: Path) -> frozenset[Path]:
    """The sources of tamis that a file itself imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == _PACKAGE.name:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(source for name in names if (source := _PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py")).exists())


def needed(paths: Iterable[Path]) -> list[str]:
    """The kernel modules that some source files import, by way of others too, those that take longest first."""
    sources = frozenset().union(*map(imported, paths))
    names = {f"{__package__}.{path.stem}": path for path in sources if path.parent == Path(__file__).parent}
    return sorted((name for name in cache.modules() if name in names), key=lambda name: (-_size(names[name]), name))


def seconds(modules: Sequence[str], workers: int) -> float:
    """About how long it takes to compile these."""
    sizes = [_size(Path(__file__).parent / f"{name.rpartition('.')[2]}.py") for name in modules]
    return max([sum(sizes) / max(1, min(workers, len(sizes))), *sizes]) / _BYTES_PER_SECOND


def _size(path: Path) -> int:
    """Bytes of a source with all that are compiled with it: those that hold kernels themselves are not."""
    own = set(cache.modules())
    return sum(one.stat().st_size for one in {path, *imported(path)} if one == path or f"{__package__}.{one.stem}" not in own)


def compile_beside(modules: Sequence[str], workers: int) -> None:
    """Import kernel modules in so many new processes; does nothing where none can be started."""
    count = min(workers, len(modules))
    if count < 2 or getattr(sys, "frozen", False) or "python" not in Path(sys.executable or "").name.lower():
        return
    todo, started = list(reversed(modules)), list[subprocess.Popen[str]]()
    try:
        for _ in range(count):
            with suppress(OSError):
                started.append(_start())
        threads = [threading.Thread(target=_feed, args=(process, todo), daemon=True) for process in started]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for process in started:
            process.kill()
            process.wait()


def _start() -> subprocess.Popen[str]:
    places = [str(Path(place).absolute()) for place in sys.path if place]
    return subprocess.Popen(  # noqa: S603  Python itself
        [sys.executable, "-c", _WORKER, *places],
        env={**os.environ, "TAMIS_CACHE_DIR": str(cache.folder().parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _feed(process: subprocess.Popen[str], todo: list[str]) -> None:
    """Give a process one module after the other, until none is left or it dies."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError, ValueError):
        while todo:
            print(todo.pop(), file=process.stdin, flush=True)
            if not process.stdout.readline():
                return
