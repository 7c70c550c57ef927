"""The command line: typer; parse, call, print."""

from __future__ import annotations

import sys
from io import TextIOWrapper

INTERRUPTED = 130
"""What typer makes of Ctrl-C; by convention 128 and the signal's number."""


def main() -> None:
    """Run a command; a user's mistake is one sentence on stderr and exit code 2."""
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
