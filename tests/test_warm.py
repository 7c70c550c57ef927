"""Kernels are compiled once, side by side, and loaded from then on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tamis.stages
from tamis.kernels import ahead, cache, hashing, limits, rules, splice, utf8
from tamis.progress import Say
from tamis.table import make_stage
from tamis.warm import warm, warm_all

SMALL = ["tamis.kernels.utf8", "tamis.kernels.splice"]
IMPORT = f"import {', '.join(SMALL)}"


@pytest.fixture(autouse=True)
def _forget_folder():
    """Each test asks anew where the folder is."""
    cache.folder.cache_clear()
    yield
    cache.folder.cache_clear()


def kept(folder: Path) -> set[str]:
    """What numba keeps in a cache folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*.nb[ic]")}


def python(code: str, **environment: str) -> str:
    """What a new Python prints."""
    return subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout


def test_side_by_side_leaves_what_one_alone_leaves(tmp_path, monkeypatch):
    """Processes that compile side by side fill the folder as one process would, and nothing compiles afterwards."""
    monkeypatch.setenv("TAMIS_CACHE_DIR", str(tmp_path / "many"))
    ahead.compile_beside(SMALL, 2)
    python(IMPORT, TAMIS_CACHE_DIR=str(tmp_path / "one"))
    assert kept(tmp_path / "many") == kept(tmp_path / "one") != set()
    assert all(map(cache.has, SMALL))
    count = "from numba.core import compiler; old = compiler.compile_extra; n = []; compiler.compile_extra = lambda *a, **k: n.append(a) or old(*a, **k)"
    assert python(f"{count}\n{IMPORT}\nprint(len(n))", TAMIS_CACHE_DIR=str(tmp_path / "many")) == "0\n"


def test_processes_see_nothing_of_the_user(tmp_path, monkeypatch):
    """A file of the user's in the working folder that is called like one of Python's is not run."""
    monkeypatch.setenv("TAMIS_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "hashlib.py").write_text("import pathlib; pathlib.Path('was_run').touch()")
    monkeypatch.chdir(tmp_path)
    ahead.compile_beside(SMALL, 2)
    assert not (tmp_path / "was_run").exists()
    assert all(map(cache.has, SMALL))


def test_without_processes_the_importer_compiles(tmp_path, monkeypatch):
    """Where no process can be started, or it dies at once, nothing is raised, and nothing is left."""
    monkeypatch.setenv("TAMIS_CACHE_DIR", str(tmp_path))
    for program in ("", "/no/such/python", "/bin/false"):
        monkeypatch.setattr(sys, "executable", program)
        ahead.compile_beside(SMALL, 2)
    assert kept(tmp_path) == set()


def test_interrupt_ends_the_processes(tmp_path, monkeypatch):
    """Ctrl-C while kernels compile leaves no process behind."""
    monkeypatch.setenv("TAMIS_CACHE_DIR", str(tmp_path))
    started: list[subprocess.Popen] = []
    start = ahead._start
    monkeypatch.setattr(ahead, "_start", lambda: started.append(start()) or started[-1])
    monkeypatch.setattr(ahead, "_feed", lambda *_: None)

    def interrupted(self, *_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ahead.threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ahead.compile_beside(SMALL, 2)
    assert [process.poll() is not None for process in started] == [True, True]


def test_needed_finds_what_stages_import_anywhere():
    """The modules of a stage are those that its source imports, in functions and by way of others too, and the costliest come first."""
    names = ahead.needed([Path(sys.modules[type(make_stage(name)).__module__].__file__) for name in ("mojibake", "lines")])
    assert set(names) == {f"tamis.kernels.{name}" for name in ("lines", "mojibake", "splice", "hashing", "utf8")}
    assert names[0] == "tamis.kernels.lines"
    for name, found in (("quality", "fasttext"), ("language", "langid"), ("perplexity", "ngram"), ("topics", "topics"), ("near_duplicates", "pairs")):
        stage = Path(tamis.stages.__file__).with_name(f"{name}.py")
        assert f"tamis.kernels.{found}" in ahead.needed([stage])
    assert ahead.seconds(names, 1) > ahead.seconds(names, 2) >= ahead.seconds(names[:1], 1)


def test_warm_says_so_once_and_only_for_what_is_missing(tmp_path, monkeypatch):
    """The first call tells what the wait is for and how long it was; the next has nothing to do or to say."""

    class Heard(Say):
        def note(self, text: str, **facts: object) -> None:
            said.append(text)

    said: list[str] = []
    given: list[list[str]] = []
    monkeypatch.setenv("TAMIS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(ahead, "compile_beside", lambda modules, _: given.append(list(modules)))
    stages = [make_stage("sample", share=0.5)]
    assert warm(stages, Heard()) > 0
    assert given == [[hashing.__name__, limits.__name__, rules.__name__, utf8.__name__, splice.__name__]]
    assert said[0] == "Compiling the kernels of this recipe for this processor, once; this takes about 4 s …"
    assert said[1].startswith("Compiled in ")
    assert warm(stages, Heard()) == 0
    assert len(said) == 2


def test_nothing_is_said_of_a_recipe_whose_kernels_are_there(tmp_path, monkeypatch):
    """Where another recipe has compiled all that this one needs, there is no wait, and no line on one."""

    class Heard(Say):
        def note(self, text: str, **facts: object) -> None:
            raise AssertionError(text)

    monkeypatch.setenv("TAMIS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "has", lambda _: True)
    assert warm([make_stage("sample", share=0.5)], Heard()) > 0


def test_the_wait_is_told_from_what_was_measured(monkeypatch):
    """Modules cost what the table says, others what their size does; the longest bounds the wait, and nothing costs nothing."""
    assert {f"tamis.kernels.{name}" for name in ahead._SECONDS} <= set(cache.modules())
    monkeypatch.setattr(ahead, "_SECONDS", {"lines": 4.0, "mojibake": 1.0, "utf8": 1.0})
    three = [f"tamis.kernels.{name}" for name in ("lines", "mojibake", "utf8")]
    assert [ahead.seconds(three, workers) for workers in (1, 2, 9)] == [8.0, 6.0, 6.0]
    assert ahead.seconds(["tamis.kernels.splice"], 1) == ahead._size(Path(ahead.__file__).with_name("splice.py")) / 24_000 + 2
    assert ahead.seconds([], 2) == 0


def test_warm_all_compiles_every_kernel_once(tmp_path, monkeypatch):
    """`tamis warm` has all kernel modules compiled, those of no stage too, and nothing is left for the next time."""
    given: list[list[str]] = []
    monkeypatch.setenv("TAMIS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(ahead, "compile_beside", lambda modules, _: given.append(list(modules)))
    monkeypatch.setattr("tamis.warm.import_module", lambda name: None)
    monkeypatch.setattr("tamis.warm._use", lambda stages: None)
    assert warm_all(Say()) > 0
    assert given == [cache.modules()]
    assert "tamis.kernels.deal" in given[0]  # of ablations alone
    assert warm_all(Say()) == 0
    assert warm([make_stage("near_duplicates")], Say()) == 0
