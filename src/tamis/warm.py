"""Compile kernels once for each machine, and say so while it lasts."""

from __future__ import annotations

import inspect
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa

from tamis.documents import Columns, canonical
from tamis.errors import TamisError
from tamis.kernels import ahead, cache
from tamis.mappers import default_workers
from tamis.measure import Step, base, walk
from tamis.progress import Say
from tamis.stage import Stage, has
from tamis.table import TABLE, is_built_in, stage_class

WORTH_SAYING = 1.0
"""Seconds below which a wait needs no word."""


def warm(stages: Sequence[Stage], say: Say) -> float:
    """Compile the kernels of some stages unless this machine has them already; seconds it took.

    Args:
        stages: that are about to measure; a user's own are left alone.
        say: told before the wait and after it, if there is one: what another recipe's kernels have in common with these is compiled already.
    """
    own, marks = _built_in(stages)
    return _compiled("the kernels of this recipe", lambda: _modules(own), own, marks, say)


def warm_all(say: Say) -> float:
    """Compile all kernels there are, those of trainings and ablations too; seconds it took."""
    own, marks = _built_in(examples())
    return _compiled("all kernels", cache.modules, own, ("all", *marks), say)


def _compiled(what: str, modules: Callable[[], list[str]], stages: Sequence[Stage], marks: Sequence[str], say: Say) -> float:
    """Compile kernel modules, and use the stages once; seconds it took."""
    began = time.monotonic()
    if cache.compiled("house", *marks):
        return 0.0
    missing, workers = [name for name in modules() if not cache.has(name)], default_workers()
    about = ahead.seconds(missing, workers)
    if about >= WORTH_SAYING:
        say.note(f"Compiling {what} for this processor, once; this takes about {math.ceil(about)} s …")
    ahead.compile_beside(missing, workers)
    for name in missing:  # those that no process could compile
        import_module(name)
    try:
        _use(stages)
        cache.mark_compiled("house", *marks)
    except TamisError:
        pass  # who checks the plan says it, and where
    seconds = time.monotonic() - began
    if about >= WORTH_SAYING:
        say.note(f"Compiled in {seconds:.1f} s.")
    return seconds


def load_beside(stages: Sequence[Stage]) -> threading.Thread:
    """Load what is compiled already in a thread of its own, while shards are surveyed; the thread, to wait for."""
    own, marks = _built_in(stages)
    thread = threading.Thread(target=_quietly, args=(own if cache.compiled("house", *marks) else (),))
    thread.start()
    return thread


def _quietly(stages: Sequence[Stage]) -> None:
    with suppress(Exception):  # whatever it is, the main thread will meet it and say it
        if stages:
            _use(stages)


def _built_in(stages: Sequence[Stage]) -> tuple[list[Stage], tuple[str, ...]]:
    """Those with kernels of ours, and the marks under which they are known to be compiled."""
    own = [stage for stage in stages if is_built_in(stage)]
    return own, tuple(dict.fromkeys(f"{type(stage).__module__}-{int(stage.needs_corpus)}" for stage in own))


def _modules(stages: Sequence[Stage]) -> list[str]:
    """The kernel modules that the house, some built-in stages and the facts of a report import, or what they import."""
    sources: list[Any] = [canonical, base, *map(type, stages)]
    return ahead.needed([*(Path(inspect.getfile(one)) for one in sources), Path(__file__).parent / "report" / "facts.py"])


def _use(stages: Sequence[Stage]) -> None:
    """Measure nothing with every stage that needs no fit: that loads its kernels, and its models."""
    stages = [stage for stage in stages if not has(stage, "fit")]
    columns = {name for stage in stages for name in stage.columns_read()} | {"text", "id"}
    table = pa.schema([pa.field(name, pa.string() if name == "text" else pa.null()) for name in sorted(columns)]).empty_table()
    batch = canonical(table, Columns())
    base(batch, Columns(), (), ties=True)
    steps = [Step(f"{number}", stage) for number, stage in enumerate(stages)]
    for _ in walk(batch.docs, steps, {step.name for step in steps}, Columns()):
        pass


def examples() -> list[Stage]:
    """Every built-in stage with its defaults, or, where it must be told something, with something harmless."""
    folder = Path(__file__).parent / "stages"
    needed: dict[str, dict[str, Any]] = {
        "rules": {"min": {"score": 0.0}},
        "contamination": {"against": {"example": folder / "evaluation_example.txt"}},
        "perplexity": {"model": Path("example.ngram")},  # no such file: it is not read for no documents
        "quality": {"model": folder / "quality_example.bin", "label": "good"},
        "best": {"of": "text.bytes"},
        "importance": {"like": [folder / "evaluation_example.txt"]},
    }
    return [stage_class(name)(**needed.get(name, {})) for name in TABLE]
