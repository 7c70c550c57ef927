"""Hashes of shards that another process may have begun."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tamis import fingerprints


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Three files worth a process."""
    monkeypatch.setattr(fingerprints, "LEAST_BYTES", 1)
    monkeypatch.setattr(fingerprints, "_known", {})
    paths = [tmp_path / f"odd name {i}\n.parquet" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(bytes([i]) * 100_000)
    yield paths
    fingerprints.end()


def finished(paths: list[Path], threads: int = 1) -> None:
    """Begin, and wait until all is hashed."""
    assert fingerprints.begin([str(path) for path in paths], threads)
    assert fingerprints._beside is not None
    fingerprints._beside[0].wait(60)


def expected(path: Path) -> str:
    """SHA-256, at once."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_hashes_without_a_beginning(files: list[Path]) -> None:
    """Of files that nobody began to hash the hash is found when it is asked for."""
    assert [fingerprints.sha256(str(path)) for path in files] == [expected(path) for path in files]


@pytest.mark.parametrize("threads", [1, 3])
def test_what_was_begun_is_used(files: list[Path], threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process found is taken, once, whatever the path is called from."""
    finished(files, threads)
    monkeypatch.chdir(files[0].parent)
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", None)
        assert [fingerprints.sha256(path.name) for path in files] == [expected(path) for path in files]
        with pytest.raises(TypeError):
            fingerprints.sha256(str(files[0]))


def test_a_file_that_changed_is_hashed_again(files: list[Path]) -> None:
    """A file that was written after it was hashed has the hash of what it holds now, also if its size is the same."""
    finished(files)
    before = files[1].stat()
    files[1].write_bytes(b"x" * before.st_size)
    os.utime(files[1], ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    other = files[2].with_suffix(".new")
    other.write_bytes(b"y" * before.st_size)
    os.utime(other, ns=(before.st_atime_ns, files[2].stat().st_mtime_ns))
    other.rename(files[2])  # same name, size and time
    assert [fingerprints.sha256(str(path)) for path in files] == [expected(path) for path in files]


def test_asking_does_not_wait(files: list[Path]) -> None:
    """Who asks while the process is at a file that takes long hashes by itself, and the process is gone."""
    long = files[0].with_suffix(".long")
    os.mkfifo(long)  # opening it takes until somebody writes
    assert fingerprints.begin([str(long), *map(str, files)], 1)
    assert fingerprints._beside is not None
    process = fingerprints._beside[0]
    rescue = threading.Timer(20, lambda: os.close(os.open(long, os.O_WRONLY)))
    rescue.start()
    began = time.monotonic()
    assert fingerprints.sha256(str(files[2])) == expected(files[2])
    assert time.monotonic() - began < 10
    assert process.poll() is not None
    assert fingerprints._beside is None
    rescue.cancel()


def test_a_file_that_cannot_be_read(files: list[Path]) -> None:
    """A file that goes away costs the others nothing, and is the asker's to report."""
    files[0].unlink()
    assert not fingerprints.begin([str(path) for path in files], 1)
    with pytest.raises(FileNotFoundError):
        fingerprints.sha256(str(files[0]))
    assert fingerprints.sha256(str(files[1])) == expected(files[1])


def test_little_is_not_worth_a_process(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """For few bytes, or without a Python to start, none is started."""
    with monkeypatch.context() as patch:
        patch.setattr(fingerprints, "LEAST_BYTES", 400_000)
        assert not fingerprints.begin([str(path) for path in files], 1)
    for program in ("", "/no/such/python", "/bin/false"):
        monkeypatch.setattr(sys, "executable", program)
        assert not fingerprints.begin([str(path) for path in files], 1)
    assert not fingerprints.begin([], 1)
