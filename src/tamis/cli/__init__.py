"""The command line: typer; parse, call, print."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
"""What typer makes of Ctrl-C; by convention 128 and the signal's number."""


def main() -> None:
    """Run a command; a user's mistake is one sentence on stderr and exit code 2."""
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show "→" is no reason to fail
    code = 0
    try:
        code = _code()
    except KeyboardInterrupt:  # while packages were loaded; later ones are typer's
        code = INTERRUPTED
    if code == INTERRUPTED:
        print("Stopped. The same command does what is left.", file=sys.stderr)
    sys.exit(code)


def _open_streams() -> None:
    """Where a stream was closed (`>&-`, some daemons), print to nowhere: else the next file that is opened would be taken for it."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # the lowest that is free, until all three are taken
    os.close(number)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _code() -> int:
    """The exit code of the command."""
    from tamis.cli.app import app
    from tamis.errors import TamisError

    try:
        return app(prog_name="tamis", standalone_mode=False) or 0
    except TamisError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if not hasattr(error, "exit_code") or not hasattr(error, "show"):
            raise
        error.show()  # typer's own: a missing argument, an unknown option
        return int(error.exit_code)


def command() -> NoReturn:
    """`main` for a process that does nothing else: it ends at once instead of taking all it has loaded apart, 0.3 s after a run."""
    from tamis.cli import sooner

    sooner.steady_memory()
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, int) and _is_whole_process(sys._getframe(1)):  # noqa: SLF001  the one way to see callers
            _end(ended.code)
        raise
    raise AssertionError


def _is_whole_process(caller: FrameType | None) -> bool:
    """Whether nobody waits for the command to return: no debugger, profiler or program around it, but Python's own `-m`."""
    if sys.gettrace() or sys.getprofile() or sys.flags.interactive or sys.flags.inspect or caller is None:
        return False
    above = caller.f_back
    while above is not None and above.f_globals.get("__name__") == "runpy":
        above = above.f_back
    return above is None and caller.f_globals.get("__name__") == "__main__"


def _end(code: int) -> None:
    """What Python does at its end, in its order: wait for threads, call what asked for it, flush; and no more."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  as multiprocessing does
    atexit._run_exitfuncs()  # noqa: SLF001
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):  # nobody reads it any more: Python has words and a code of its own for that
        return
    os._exit(code)
