"""What a run says while it works: plain lines, JSON lines in run.log; `tamis.cli` has bars for a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

EVERY = 10.0
"""Seconds between two plain lines of one phase."""
SPEED_BYTES = 1_000_000
"""Of less text a speed would say how long a run takes to begin."""


def speed(size: float, seconds: float) -> str:
    """ ", 35 MB/s"; nothing of little text, which includes all that was not read anew, or of a speed that rounds to nothing."""
    rate = f"{size / 1e6 / max(seconds, 1e-6):.0f}"
    return f", {rate} MB/s" if size >= SPEED_BYTES and rate != "0" else ""


@dataclass
class Say:
    """Sink of a run's messages; this one says nothing."""

    def phase(self, name: str, documents: int, size: int, unit: str = "documents") -> None:
        """A phase begins that will pass over so many documents, or whatever it counts, and bytes; 0: it does not count."""

    def advance(self, documents: int, size: int) -> None:
        """So much more of the phase is done; bytes are those that were worked on, and not found done already."""

    def note(self, text: str, **facts: Any) -> None:
        """Something a person should know."""

    def end(self) -> None:
        """The phase is over."""


@dataclass
class Lines(Say):
    """Plain lines, for logs and pipes."""

    out: TextIO = field(default_factory=lambda: sys.stderr)
    _name: str = ""
    _documents: int = 0
    _size: int = 0
    _unit: str = "documents"
    _done: tuple[int, int] = (0, 0)
    _began: float = 0.0
    _said: float = 0.0

    def phase(self, name: str, documents: int, size: int, unit: str = "documents") -> None:
        """Begin counting."""
        self._name, self._documents, self._size, self._unit = name, documents, size, unit
        self._done, self._began = (0, 0), time.monotonic()
        self._said = self._began
        if not documents:
            print(f"{name} …", file=self.out, flush=True)

    def advance(self, documents: int, size: int) -> None:
        """A line now and then."""
        self._done = (self._done[0] + documents, self._done[1] + size)
        if time.monotonic() - self._said >= EVERY:
            self._said = time.monotonic()
            self._line()

    def note(self, text: str, **facts: Any) -> None:
        """A line."""
        del facts
        print(text, file=self.out, flush=True)

    def end(self) -> None:
        """A last line."""
        if self._documents:
            self._line()

    def _line(self) -> None:
        seconds = max(time.monotonic() - self._began, 1e-6)
        share = self._done[0] / self._documents if self._documents else 1.0
        left = f", {seconds * (1 - share) / share:.0f} s left" if 0 < share < 1 else ""
        told = f"{self._name}: {self._done[0]:,} of {self._documents:,} {self._unit}{speed(self._done[1], seconds)}{left}"
        print(told, file=self.out, flush=True)


@dataclass
class Logged(Say):
    """Another sink, and each message as a line of JSON: time, event, and its facts."""

    sink: Say
    write: Callable[[str], None]
    _name: str = ""
    _unit: str = "documents"
    _done: tuple[int, int] = (0, 0)
    _began: float = 0.0

    def _log(self, event: str, **facts: Any) -> None:
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}
        self.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")

    def phase(self, name: str, documents: int, size: int, unit: str = "documents") -> None:
        """Log and pass on."""
        self._name, self._unit, self._done, self._began = name, unit, (0, 0), time.monotonic()
        self._log("phase", name=name, **({unit: documents} if documents else {}), **({"bytes": size} if size else {}))
        self.sink.phase(name, documents, size, unit)

    def advance(self, documents: int, size: int) -> None:
        """Count for the end of the phase, and pass on: progress is not for logs."""
        self._done = (self._done[0] + documents, self._done[1] + size)
        self.sink.advance(documents, size)

    def note(self, text: str, **facts: Any) -> None:
        """Log and pass on."""
        self._log("note", text=text, **facts)
        self.sink.note(text, **facts)

    def end(self) -> None:
        """Log what was done, as far as it was counted, and in which time; pass on."""
        documents, size = self._done
        counted = ({self._unit: documents} if documents else {}) | ({"bytes": size} if size else {})
        self._log("end", name=self._name, **counted, seconds=round(time.monotonic() - self._began, 3))
        self.sink.end()


@contextmanager
def phase(say: Say, name: str, documents: int, size: int, unit: str = "documents") -> Iterator[Say]:
    """A phase that ends however its block ends."""
    say.phase(name, documents, size, unit)
    try:
        yield say
    finally:
        say.end()
