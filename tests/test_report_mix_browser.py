"""The section on the mix in a real browser; skipped where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is opened in a browser")

from report_runs import SAMPLE, run
from test_report_browser import CLIPPED, EMPTY, FAINT, OVERLAPPING, VIEWS, Opened, browser

from tamis.folder import Finished

__all__ = ["browser"]  # a fixture
STAGES = [
    {"topics": {"topics": 8}},
    "tokens",
    "gopher_quality",
    {"rebalance": {"by": "topics.topic", "target": "uniform", "budget": "all", "unit": "tokens.estimated_tokens", "max_copies": 2}},
]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run that finds topics in the sample data and balances them."""
    pytest.importorskip("sklearn")
    return run(SAMPLE, tmp_path_factory.mktemp("mix") / "out", STAGES)


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_the_section_is_fit_to_be_seen(browser: Any, done: Finished, view: str) -> None:
    """At any width, light or dark: every chart is drawn, with labels that are whole and apart; text stands out; the console is silent."""
    with Opened(browser, Path(done.out, "report.html"), view) as seen:
        assert seen.said == []
        assert seen.fits()
        section = seen.page.query_selector("#composition")
        assert section is not None
        assert len(section.query_selector_all(".plot svg")) == 1
        assert section.query_selector("h3").inner_text() == "By topics.topic"
        for wrong in (CLIPPED, OVERLAPPING, EMPTY):
            assert seen.page.evaluate(wrong) == []
        assert seen.page.evaluate(FAINT) == 0
