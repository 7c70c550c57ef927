"""The command line: typer; parse, call, print."""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command; a user's mistake is one sentence on stderr and exit code 2."""
    from tamis.cli.app import app
    from tamis.errors import TamisError

    try:
        app(prog_name="tamis")
    except TamisError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("Stopped. The same command does what is left.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
