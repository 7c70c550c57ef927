"""What all tests share: the option that rewrites golden text, and hypothesis without a stopwatch, files that need not reach the disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest

# Kernels compile once, and machines are shared: how long an example takes says nothing.
hypothesis.settings.register_profile("tamis", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tamis")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rewrite` brings golden text up to date; its difference is reviewed like code."""
    parser.addoption("--rewrite", action="store_true", help="write what is printed now as what should be printed")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of small files are written and read again; that they survive a loss of power is the system's affair."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def tamis_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process: exit code, stdout, stderr."""
    from tamis.cli import main

    def call(*words: Any) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tamis", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return call
