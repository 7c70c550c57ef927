"""Commands begin and end quickly, and give up nothing for it."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tamis.cli import sooner

CALL = "import sys; sys.argv[0] = 'tamis'\nfrom tamis import cli\n"
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # so that something is left to flush


def python(code: str, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """A new Python, with arguments."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT, **options}
    return subprocess.run([sys.executable, "-c", code, *words], text=True, check=False, timeout=120, **given)


@pytest.mark.parametrize("words", [("--version",), ("stages", "sample"), ("explain", "nope", "x"), ("run",)])
@pytest.mark.parametrize("where", ["pipe", "closed pipe", "full disk", "none"])
def test_the_end_is_that_of_any_python(words: tuple[str, ...], where: str) -> None:
    """Exit code, stdout and stderr are those of a process that Python takes apart, whoever reads them, or nobody."""
    ends = []
    for way in ("main", "command"):
        options: dict[str, object] = {}
        if where == "closed pipe":
            reading, options["stdout"] = os.pipe()
            os.close(reading)
        elif where == "full disk":
            options["stdout"] = os.open("/dev/full", os.O_WRONLY)
        elif where == "none":
            options["preexec_fn"] = lambda: os.close(1)
        done = python(f"{CALL}cli.{way}()", *words, **options)
        ends.append((done.returncode, done.stdout, done.stderr.replace("cli.command()", "cli.main()").splitlines()[-1:]))
        if isinstance(options.get("stdout"), int):
            os.close(options["stdout"])
    assert ends[0] == ends[1]
    assert where != "pipe" or ends[0][0] == (0 if words[-1] in ("--version", "sample") else 2)


def test_what_asked_to_be_called_at_the_end_is_called() -> None:
    """Threads are waited for, functions registered with `atexit` are called, and what they print arrives."""
    code = (
        f"{CALL}import atexit, threading, time, weakref\n"
        "class Thing: pass\n"
        "thing = Thing()\n"
        "atexit.register(print, 'registered')\n"
        "weakref.finalize(thing, print, 'finalized')\n"
        "threading.Thread(target=lambda: (threading.main_thread().join(), time.sleep(0.1), print('waited for'))).start()\n"
        "cli.command()"
    )
    done = python(code, "--version")
    assert (done.returncode, done.stdout.splitlines()[1:], done.stderr) == (0, ["waited for", "finalized", "registered"], "")


@pytest.mark.skipif(sys.platform != "linux", reason="one of Arrow's pools is everywhere else the only one")
def test_arrow_has_one_pool_unless_told_otherwise() -> None:
    """What reads and writes Parquet takes its memory where all of Arrow does, in a process of tamis' own; a user's setting stands."""
    ask = "import atexit\natexit.register(lambda: print(__import__('pyarrow').default_memory_pool().backend_name))\n"
    for chosen, way, told in [(None, "command", "jemalloc"), ("system", "command", "system"), (None, "main", "mimalloc")]:
        environment = {name: value for name, value in ENVIRONMENT.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
        environment |= {"ARROW_DEFAULT_MEMORY_POOL": chosen} if chosen else {}
        done = python(f"{CALL}{ask}cli.{way}()", "--version", env=environment)
        assert (done.stdout.splitlines()[1:], done.stderr) == ([told], "")


def test_nothing_is_taken_apart() -> None:
    """A command ends without looking at what it has loaded: an object that would speak then is not asked."""
    code = f"{CALL}class Loud:\n    def __del__(self): print('taken apart')\nloud = Loud()\ncli.{{}}()"
    assert python(code.format("main"), "--version").stdout.splitlines()[1:] == ["taken apart"]
    assert python(code.format("command"), "--version").stdout.splitlines()[1:] == []


@pytest.mark.parametrize(
    "code",
    [
        f"{CALL}def around():\n    try: cli.command()\n    finally: print('after')\naround()",  # a program of its own, or a profiler
        f"{CALL}sys.setprofile(lambda *_: None)\ntry: cli.command()\nfinally: print('after')",
        f"{CALL}sys.settrace(lambda *_: None)\ntry: cli.command()\nfinally: print('after')",
    ],
)
def test_others_have_their_turn(code: str) -> None:
    """Where a program, a profiler or a debugger stands around the command, it goes on after it."""
    done = python(code, "--version")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["after"])


def test_our_own_faults_have_their_traceback() -> None:
    """An error that is no user's mistake is shown whole, with exit code 1."""
    done = python(f"{CALL}import tamis.cli.app\ntamis.cli.app.app = lambda **_: 1 / 0\ncli.command()")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "ZeroDivisionError: division by zero")


def test_interrupted(tmp_path: Path) -> None:
    """Ctrl-C ends a run with its sentence, exit code 130, and what is begun beside it ends too."""
    (tmp_path / "slow.py").write_text(
        "import sys, time, polars as pl\nfrom dataclasses import dataclass\nfrom tamis import Stage\n"
        "@dataclass(frozen=True)\nclass Slow(Stage):\n"
        "    def measure(self, docs):\n"
        "        if docs.num_rows:\n            print('measuring', file=sys.stderr, flush=True)\n            time.sleep(1)\n"
        "        return pl.DataFrame({'one': [1] * docs.num_rows})\n"
    )
    (tmp_path / "slow.yaml").write_text("stages: [{slow.py:Slow: {}}]")
    data = Path(__file__).parents[1] / "sample_data" / "raw"
    line = [sys.executable, "-m", "tamis", "run", "slow.yaml", str(data), "-o", "out"]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stderr is not None
        said = ""
        while "measuring" not in said:
            said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 130
    assert rest.splitlines()[-1] == "Stopped. The same command does what is left."


def test_garbage_is_collected_again() -> None:
    """Nothing is collected while packages are loaded, and everything afterwards, also after an error."""
    for error in (ValueError, None):
        try:
            with sooner.loading():
                assert not gc.isenabled()
                if error:
                    raise error
        except ValueError:
            pass
        assert gc.isenabled()
    gc.unfreeze()


def test_kernels_load_without_what_compiles() -> None:
    """A kernel that was compiled before is used without numba's rules for compiling; a function of the user's still finds them."""
    load = "import numpy as np, sys\nfrom tamis.kernels import hashing, quality\n"
    python(load)  # compiles, where nobody has
    code = (
        f"{load}print('numba.np.arraymath' in sys.modules)\n"
        "print(int(hashing.murmur128(np.frombuffer(b'abc', np.uint8), np.array([0, 3]))[0][0]) > 0)\n"
        "import numba\nsquared = numba.njit(lambda a: np.dot(a, a) + len(str(a.size)))\n"
        "print(squared(np.array([1.0, 2.0])), 'numba.np.arraymath' in sys.modules)"
    )
    assert python(code).stdout.splitlines() == ["False", "True", "6.0 True"]


def test_a_run_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    """A run of ours in a script loads no package that only others use: they would cost it half a second."""
    (tmp_path / "recipe.yaml").write_text("stages: [gopher_quality, gopher_repetition, exact_duplicates]")
    words = ["run", "recipe.yaml", str(Path(__file__).parents[1] / "sample_data" / "raw"), "-o"]
    assert python(f"{CALL}cli.command()", *words, "first", cwd=tmp_path).returncode == 0  # compiles, where nobody has
    heavy = ("scipy.linalg", "rich", "fsspec", "torch", "sklearn", "altair", "ftfy", "py3langid", "tokenizers")
    code = f"{CALL}try: cli.main()\nfinally: print([name for name in {heavy} if name in sys.modules])"
    done = python(code, *words, "second", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]")
