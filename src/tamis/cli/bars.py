"""Progress on a terminal. Importing this loads rich, which takes 20 ms that a run in a script need not wait."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tamis.progress import Say, speed


@dataclass
class Bars(Say):
    """A progress bar with documents, MB/s and time left; a wheel that turns where nothing is counted."""

    console: Console = field(default_factory=lambda: Console(stderr=True))
    _bars: Progress | None = None
    _task: TaskID | None = None
    _size: int = 0
    _began: float = 0.0

    def phase(self, name: str, documents: int, size: int, unit: str = "documents") -> None:
        """A new bar."""
        del size
        counted = TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit), TextColumn("{task.fields[speed]}"), TimeRemainingColumn()
        columns = (BarColumn(), *counted) if documents else (SpinnerColumn("line", finished_text=" "), TimeElapsedColumn())
        self._bars = Progress(TextColumn("{task.description:<8}"), *columns, console=self.console)
        self._bars.start()
        self._task = self._bars.add_task(name, total=documents or None, speed="")
        self._size, self._began = 0, time.monotonic()

    def advance(self, documents: int, size: int) -> None:
        """Move the bar."""
        self._size += size
        if self._bars is not None and self._task is not None:
            told = speed(self._size, time.monotonic() - self._began).removeprefix(", ")
            self._bars.update(self._task, advance=documents, speed=told)

    def note(self, text: str, **facts: Any) -> None:
        """A line above the bar."""
        del facts
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def end(self) -> None:
        """Leave the bar as it is."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
