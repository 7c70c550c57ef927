"""What all tests share: the option that rewrites golden text, and hypothesis without a stopwatch, files that need not reach the disk."""

from __future__ import annotations

import os

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
