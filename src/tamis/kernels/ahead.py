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
_SECONDS = {
    "bpe": 1.4, "candidates": 0.9, "characters": 0.3, "clean": 0.6, "deal": 0.1, "fasttext": 2.4, "fasttext_words": 0.5, "graph": 0.3,
    "hashing": 1.1, "langid": 1.6, "layout": 1.6, "likeness": 0.8, "line_shares": 1.9, "lines": 4.5, "mask": 6.0, "minhash": 0.8,
    "mojibake": 0.4, "ngram": 2.1, "ngram_table": 0.1, "ngrams": 0.5, "overlap": 1.7, "overlap_index": 0.8, "overlap_words": 0.8,
    "overlaps": 0.5, "pairs": 0.9, "phrases": 0.6, "quality": 3.0, "repetition": 3.1, "scripts": 0.4, "sentences": 1.4, "shingles": 1.5,
    "splice": 0.2, "topics": 1.0, "utf8": 0.4,
}  # fmt: skip
"""Of a processor, to compile each module with all else loaded: one core of an EPYC, Python 3.11, numba 0.68.1. Others may take twice as long, or half."""
_BYTES_PER_SECOND = 24_000
"""Of kernel sources, with what they import: the mean of these, for a module that the table lacks."""
_BEGIN = 2.0
"""Seconds until processes have begun, and the kernels were loaded and used once."""


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
    return sorted((name for name in cache.modules() if name in names), key=lambda name: (-_cost(name), name))


def seconds(modules: Sequence[str], workers: int) -> float:
    """About how long it takes to compile these and to begin with them; 0 of none."""
    costs = [_cost(name) for name in modules]
    return max(sum(costs) / max(1, min(workers, len(costs))), *costs) + _BEGIN if costs else 0.0


def _cost(name: str) -> float:
    stem = name.rpartition(".")[2]
    return _SECONDS[stem] if stem in _SECONDS else _size(Path(__file__).parent / f"{stem}.py") / _BYTES_PER_SECOND


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
