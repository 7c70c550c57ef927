"""What lets a command begin sooner and end at once: for processes that only run tamis, never for who imports it."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tamis import fingerprints

if TYPE_CHECKING:
    from tamis.stage import Stage


def hash_beside(inputs: Sequence[str], out: str) -> None:
    """Begin to hash local shards while packages are loaded; a folder that was begun knows most of them already."""
    if os.path.exists(os.path.join(out, "inputs.json")):
        return
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if processors > 1:
        fingerprints.begin([path for place in inputs if "://" not in place for path in _shards(place)], min(processors - 1, 4))


def _shards(place: str) -> list[str]:
    """What `shards.find` will find, about: what is forgotten or too much costs time alone."""
    if os.path.isfile(place):
        return [place]
    folder = os.path.join(place, "data") if os.path.exists(os.path.join(place, "inputs.json")) else place
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[:1] not in "._")
        found += [os.path.join(parent, name) for name in sorted(names) if name.endswith(".parquet") and name[:1] not in "._"]
    return found


@contextmanager
def loading() -> Iterator[None]:
    """Inside, packages are loaded: nothing of them becomes garbage, and looking for it takes a sixth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def spare_pandas(stages: Sequence[Stage]) -> None:
    """Let pyarrow take pandas for not installed until somebody asks for it by name: 0.2 s of CPU at the first array.

    pyarrow imports pandas to see whether it was given a series of its own. A user's stages may hand it one, and
    `contamination` may read times that only pandas can show: then nothing changes.
    """
    from tamis.table import is_built_in

    if "pandas" in sys.modules or not all(is_built_in(stage) and stage.name() != "contamination" for stage in stages):
        return
    import pyarrow as pa

    absent = _Absent("pandas")
    sys.meta_path.insert(0, absent)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(absent)


class _Absent:
    """Among the finders of modules: this thread does not find one of them."""

    def __init__(self, name: str) -> None:
        self._name, self._thread = name, threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Nothing, so that others look for it, but for the one."""
        del path, target
        if name == self._name and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is not asked for", name=name)
