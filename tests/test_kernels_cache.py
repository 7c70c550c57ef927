"""Compiled kernels are kept where they can be, and found again."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tamis.kernels import cache

LOAD = "import tamis.kernels.utf8 as u, numpy as n; print(u.valid(n.zeros(1, n.uint8), n.array([0, 1]))[0])"
NOWHERE = "/dev/null/there/is/no/such/folder"


@pytest.fixture(autouse=True)
def _forget_folder():
    """Each test asks anew where the folder is."""
    cache.folder.cache_clear()
    yield
    cache.folder.cache_clear()


def start(code: str, **environment: str) -> subprocess.Popen:
    """A new Python with these environment variables."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_folder_follows_the_environment(tmp_path, monkeypatch):
    """TAMIS_CACHE_DIR says where kernels are kept; otherwise the user's cache folder does."""
    monkeypatch.setenv("TAMIS_CACHE_DIR", str(tmp_path / "here"))
    assert cache.folder() == tmp_path / "here" / cache.key()
    assert cache.folder().is_dir()
    monkeypatch.delenv("TAMIS_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert cache.preferred() == tmp_path / "xdg" / "tamis"


def test_modules_are_known_without_importing_them():
    """Every module that holds a kernel is listed, and no other."""
    assert cache.modules() == [f"tamis.kernels.{name}" for name in KERNELS]


KERNELS = sorted(path.stem for path in Path(cache.__file__).parent.glob("*.py") if any(line.startswith("@kernel(") for line in path.open()))


def test_compiled_is_what_was_marked(tmp_path, monkeypatch):
    """A module counts as compiled once it was marked, and all of those asked for must be."""
    monkeypatch.setenv("TAMIS_CACHE_DIR", str(tmp_path))
    assert not cache.compiled("tamis.kernels.utf8")
    cache.mark_compiled("tamis.kernels.utf8")
    assert cache.compiled("tamis.kernels.utf8")
    assert not cache.compiled("tamis.kernels.utf8", "tamis.kernels.clean")


def test_key_changes_with_sources_versions_and_cpu(tmp_path, monkeypatch):
    """Code compiled from other sources, by another numba or for another CPU is never looked at."""
    keys = {cache.key()}
    shutil.copytree(cache._SHIPPED, tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    with monkeypatch.context() as patch:
        patch.setattr(cache, "_SHIPPED", tmp_path / "kernels")
        keys.add(cache.key())
        with (tmp_path / "kernels" / "_text.py").open("a") as file:
            file.write("# another\n")
        keys.add(cache.key())
    for name in ("_version", "_cpu"):
        with monkeypatch.context() as patch:
            patch.setattr(cache, name, lambda *_: "another")
            keys.add(cache.key())
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert len(keys | {cache.key()}) == 6


def test_home_that_cannot_be_written(tmp_path, monkeypatch):
    """Without a writable cache folder kernels are kept in a folder of this user's in the temporary folder."""
    monkeypatch.setenv("TAMIS_CACHE_DIR", NOWHERE)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = cache.folder()
    assert own.parent.parent == tmp_path
    assert own.is_dir()
    assert own.parent.stat().st_mode & 0o777 == 0o700


def test_no_home_at_all(tmp_path):
    """A process without a home folder still loads kernels."""
    environment = {"HOME": NOWHERE, "XDG_CACHE_HOME": "", "TAMIS_CACHE_DIR": "", "TMPDIR": str(tmp_path)}
    assert start(LOAD, **environment).communicate(timeout=120) == ("True\n", "")
    assert list(tmp_path.glob("tamis-*/kernels-*/kernels_*/*.nbc"))


def test_temporary_folder_of_another_is_not_trusted(tmp_path, monkeypatch):
    """A folder that others can write to is not used: what is loaded from there is executed."""
    monkeypatch.setenv("TAMIS_CACHE_DIR", NOWHERE)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    trap = tmp_path / f"tamis-{os.getuid()}"
    trap.mkdir()
    trap.chmod(0o777)
    assert trap not in cache.folder().parents


def test_read_only_folder_is_copied(tmp_path, monkeypatch):
    """Kernels that were compiled into an image are used by a user who cannot write there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TAMIS_CACHE_DIR", str(tmp_path / "image"))
    (tmp_path / "tmp").mkdir()
    cache.mark_compiled("tamis.kernels.utf8")
    (tmp_path / "image" / cache.key()).chmod(0o555)
    if os.getuid() == 0:  # root can write anywhere
        monkeypatch.setattr(cache, "_writable", lambda _: False)
    cache.folder.cache_clear()
    assert (tmp_path / "tmp") in cache.folder().parents
    assert cache.compiled("tamis.kernels.utf8")


def test_workers_that_compile_at_once(tmp_path):
    """Workers that start with an empty folder do not disturb each other, and leave it complete."""
    workers = [start(LOAD, TAMIS_CACHE_DIR=str(tmp_path)) for _ in range(3)]
    assert [worker.communicate(timeout=120) for worker in workers] == [("True\n", "")] * 3
    files = sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file())
    assert files == [".nbc", ".nbc", ".nbi", ".nbi"]
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}
    assert start(LOAD, TAMIS_CACHE_DIR=str(tmp_path)).communicate(timeout=120) == ("True\n", "")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")} == stamps


def test_folder_that_vanishes(tmp_path):
    """A cache folder that is lost while a process runs costs time, not the process, and nothing is put elsewhere."""
    code = (
        "from tamis.kernels import cache, _jit; import shutil, pathlib\n"
        "place = cache.folder().parent; shutil.rmtree(place); place.write_text('')\n" + LOAD
    )
    assert start(code, TAMIS_CACHE_DIR=str(tmp_path / "lost")).communicate(timeout=120) == ("True\n", "")
    assert list(Path(cache.__file__).parent.rglob("*.nb[ic]")) == []


def test_numba_is_left_as_it_was():
    """Compiling kernels leaves numba's own cache folder alone, for the user's functions."""
    code = "import tamis.kernels.utf8, numba; print(repr(numba.config.CACHE_DIR))"
    assert start(code, NUMBA_CACHE_DIR="").communicate(timeout=120) == ("''\n", "")
