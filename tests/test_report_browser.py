"""The page in a real browser: charts and sliders work from disk, nothing overlaps or is clipped, nothing hostile runs.

Skipped where playwright or a Chromium (`TAMIS_TEST_BROWSER`, `chromium` on the path, or playwright's own) is not installed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from report_runs import SAMPLE, hostile_run, report, run

from tamis import diff
from tamis.folder import Finished
from tamis.report import comparison, scripts, write

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is opened in a browser")
VIEWS = {
    "desktop, light": (1280, 900, "light"),
    "desktop, dark": (1280, 900, "dark"),
    "telephone, light": (390, 844, "light"),
    "telephone, dark": (390, 844, "dark"),
}
STAGES = ["unicode", "lines", "gopher_quality", "gopher_repetition", {"near_duplicates": {"prefer": ["length"]}}]
CLIPPED = """() => [...document.querySelectorAll('.plot svg')].filter((svg) => {
    const frame = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].some((text) => {
        const box = text.getBoundingClientRect();
        return box.width > 0 && (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1);
    });
}).map((svg) => svg.closest('.plot').id)"""
OVERLAPPING = """() => [...document.querySelectorAll('.plot svg')].filter((svg) => {
    const boxes = [...svg.querySelectorAll('.role-axis-label text')].filter((text) => text.getAttribute('opacity') !== '0' && text.textContent)
        .map((text) => text.getBoundingClientRect());
    return boxes.some((a, i) => boxes.slice(i + 1).some((b) => a.left < b.right - 2 && b.left < a.right - 2 && a.top < b.bottom - 3 && b.top < a.bottom - 3));
}).map((svg) => svg.closest('.plot').id)"""
EMPTY = """() => [...document.querySelectorAll('.plot')].filter((plot) => {
    const marks = [...plot.querySelectorAll('.mark-rect path, .mark-symbol path, .mark-rule line')].filter((mark) => mark.closest('.role-mark'));
    return !marks.some((mark) => { const box = mark.getBoundingClientRect(); return box.width > 0 || box.height > 0; });
}).map((plot) => plot.id)"""
FAINT = """() => {
    const light = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((x) => { x /= 255; return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const paper = light(getComputedStyle(document.documentElement).backgroundColor);
    const contrast = (element, what) => { const own = light(getComputedStyle(element)[what]); return (Math.max(own, paper) + 0.05) / (Math.min(own, paper) + 0.05); };
    const said = [...document.querySelectorAll('p, th, td, figcaption, summary, a, label')].filter((one) => contrast(one, 'color') < 4.5).length;
    const drawn = [...document.querySelectorAll('.plot svg .role-axis-label text')].filter((one) => contrast(one, 'fill') < 4.5).length;
    return said + drawn;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, or none: then these tests are skipped."""
    found = (
        os.environ.get("TAMIS_TEST_BROWSER")
        or shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    with api.sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except api.Error:
            pytest.skip("no Chromium is installed: no page is opened in a browser")
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of edits, filters and near-duplicates over the sample data."""
    return run(SAMPLE, tmp_path_factory.mktemp("browser") / "out", STAGES)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run over data, and with a recipe, that wish the reader ill."""
    return hostile_run(tmp_path_factory.mktemp("hostile"))


class Opened:
    """A page on the screen, everything drawn, and what it complained of."""

    def __init__(self, browser: Any, place: str | Path, view: str = "desktop, light") -> None:
        width, height, scheme = VIEWS[view]
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, offline=True)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append("dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(Path(place).resolve().as_uri())
        self.page.wait_for_selector("html[data-drawn=yes]", timeout=120_000)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def unfold(self) -> None:
        """Open all that is folded, and wait until it is drawn."""
        self.page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        self.page.wait_for_function("document.querySelectorAll('.plot:not(:has(svg))').length === 0", timeout=120_000)

    def fits(self) -> bool:
        """Whether nothing is wider than the screen."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("view", VIEWS)
def test_the_page_is_fit_to_be_seen(browser: Any, done: Finished, view: str) -> None:
    """At any width, light or dark: every chart is drawn, with labels that are whole and apart; text stands out; the console is silent."""
    with Opened(browser, Path(done.out, "report.html"), view) as seen:
        assert seen.said == []
        assert len(seen.asked) == 1
        assert seen.fits()
        folded = len(seen.page.query_selector_all("details .plot"))
        assert len(seen.page.query_selector_all("details .plot svg")) == 0 < folded
        seen.unfold()
        charts = len(seen.page.query_selector_all(".plot"))
        assert charts == len(seen.page.query_selector_all(".plot svg")) > 30
        assert seen.page.evaluate(EMPTY) == []
        assert seen.page.evaluate(CLIPPED) == []
        assert seen.page.evaluate(OVERLAPPING) == []
        assert seen.page.evaluate(FAINT) == 0
        assert (seen.said, seen.fits()) == ([], True)


def multiplier(**said: Any) -> dict[str, Any]:
    """What a verdict has of one that is open above."""
    return {"value": 2.2, "low": 1.98, "high": None, "reach": [0.5, 2.4]} | said


@pytest.mark.parametrize("view", ["desktop, light", "telephone, dark"])
def test_charts_of_an_ablation_are_fit_to_be_seen(browser: Any, tmp_path: Path, view: str) -> None:
    """Long names are whole, labels apart, each budget labelled, ends that are open drawn as arrows; 100 % is on the axis; the console is silent."""
    done = run(SAMPLE, tmp_path / "out", ["gopher_repetition"])
    names = ("the recipe", "gopher_repetition")
    worth = [multiplier(name=name, outcome="adopt") for name in names] + [multiplier(name="edit lines", high=2.3, outcome="adopt")]
    verdict = {"line": "It helped.", "parts": [], "worth": worth, "curve": [multiplier(tokens=tokens) for tokens in (45_000, 63_640, 90_000)]}
    Path(done.out, "verdict.json").write_text(json.dumps(verdict))
    write(done)
    with Opened(browser, Path(done.out, "report.html"), view) as seen:
        assert (seen.said, seen.fits()) == ([], True)
        assert (seen.page.evaluate(CLIPPED), seen.page.evaluate(OVERLAPPING)) == ([], [])
        labels = seen.page.evaluate("[...document.querySelectorAll('.plot svg .role-axis-label text')].filter((one) => one.getAttribute('opacity') !== '0').map((one) => one.textContent)")
        assert {"gopher_repetition", "45k", "63.6k", "90k", "100%"} <= set(labels)
        arrows = "[...document.querySelectorAll('#ablation .plot')].map((plot) => [...plot.querySelectorAll('.mark-symbol.role-mark path')].filter((one) => one.getAttribute('opacity') !== '0' && !one.getAttribute('d').includes('A')).length)"
        assert seen.page.evaluate(arrows) == [2, 3]


@pytest.mark.parametrize("view", ["telephone, light", "telephone, dark"])
def test_a_table_that_scrolls_shows_that_it_does(browser: Any, done: Finished, view: str) -> None:
    """Every table that is wider than its place has a shade at the edge, painted behind it."""
    scrolling = "[...document.querySelectorAll('.wide')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
    with Opened(browser, Path(done.out, "report.html"), view) as seen:
        assert seen.page.evaluate(f"{scrolling}.length") > 0
        assert seen.page.evaluate(f"{scrolling}.every((one) => getComputedStyle(one).backgroundAttachment === 'local, local, scroll, scroll')")


def test_sliders_work_by_keyboard(browser: Any, done: Finished) -> None:
    """An arrow key moves the limit; the numbers, the line in the chart and the command follow; the button brings it back."""
    (limit,) = (rule["limit"] for step in report(done)["stages"] for rule in step["rules"] if rule["reason"] == "too few words")
    moved = limit["moved"]
    at = moved["limits"].index(limit["now"])
    with Opened(browser, Path(done.out, "report.html")) as seen:
        card = seen.page.query_selector(".rule:has(bdi:text-is('too few words'))")
        box = card.query_selector(".slider")
        card.evaluate("(card) => { card.id = 'card'; }")
        line = "() => document.querySelector('#card .plot .mark-rule.role-mark line').getBoundingClientRect().left"
        before = seen.page.evaluate(line)
        box.query_selector("input").focus()
        for _ in range(30):
            seen.page.keyboard.press("ArrowRight")
        i = at + 30
        assert box.query_selector(".limit").inner_text() == f"{moved['limits'][i]:,}"
        assert box.query_selector(".others").inner_text().startswith(f"{moved['documents'][i]:,} documents (")
        assert box.query_selector(".alone").inner_text().startswith(f"{moved['documents_alone'][i]:,} documents (")
        assert box.query_selector("code").inner_text() == f"tamis what-if OUT {limit['place']}={moved['limits'][i]}"
        assert f"{moved['documents'][i] - moved['documents'][at]:+,}".replace("-", "−") in box.query_selector(".change").inner_text()
        assert box.query_selector("input").get_attribute("aria-valuetext") == f"{moved['limits'][i]:,}: {moved['documents'][i]:,} documents"
        seen.page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        assert seen.page.evaluate(line) > before
        box.query_selector("button").click()
        assert box.query_selector(".limit").inner_text() == f"{limit['now']:,}"
        assert box.query_selector(".change").inner_text() == "as in the recipe"


def test_samples_are_searched(browser: Any, done: Finished) -> None:
    """Words narrow the samples to those that hold them all, and none are lost when they are taken away."""
    with Opened(browser, Path(done.out, "report.html")) as seen:
        count = "document.querySelectorAll('.sample:not([hidden])').length"
        everything = seen.page.evaluate(count)
        word = seen.page.evaluate("document.querySelector('.sample .excerpt').textContent.split(/\\s+/)[0]")
        seen.page.fill("#search", f"{word.upper()} zzzz-no-such-word")
        assert (seen.page.evaluate(count), seen.page.inner_text("#found")) == (0, f"0 of {everything} samples")
        seen.page.fill("#search", word.upper())
        left = seen.page.evaluate(count)
        assert 0 < left < everything
        assert seen.page.inner_text("#found") == f"{left} of {everything} samples"
        assert seen.page.evaluate("[...document.querySelectorAll('.sample:not([hidden])')].every((one) => one.closest('details').open)")
        seen.page.fill("#search", "")
        assert seen.page.evaluate(count) == everything


@pytest.mark.parametrize("view", ["desktop, light", "telephone, dark"])
def test_hostile_text_does_nothing(browser: Any, hostile: Finished, view: str) -> None:
    """Scripts, overrides of direction, huge lines and null bytes in texts, names and values neither run nor widen the page."""
    with Opened(browser, Path(hostile.out, "report.html"), view) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        assert seen.said == []
        assert len(seen.asked) == 1
        assert seen.fits()
        heights = seen.page.evaluate("[...document.querySelectorAll('.excerpt')].map((one) => one.getBoundingClientRect().height)")
        assert max(heights) <= 260


def test_a_page_without_charts_works(browser: Any, done: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sliders and search need no library."""
    from tamis.report import drawing, page

    (tmp_path / "report.html").write_text(page.draw(report(done), drawing.Drawing(scripts=None)), "utf-8")
    with Opened(browser, tmp_path / "report.html", "telephone, light") as seen:
        assert seen.said == []
        assert seen.fits()
        assert "documents (" in seen.page.inner_text(".slider .others")


def test_the_page_prints(browser: Any, done: Finished) -> None:
    """On paper everything is open, black on white, and charts are there."""
    with Opened(browser, Path(done.out, "report.html"), "desktop, dark") as seen:
        seen.page.emulate_media(media="print", color_scheme="dark")
        assert seen.page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        assert seen.page.evaluate("getComputedStyle(document.querySelector('.plot svg text')).fill") == "rgb(68, 68, 68)"
        assert seen.page.evaluate("getComputedStyle(document.querySelector('.slider input')).display") == "none"
        seen.page.evaluate("addEventListener('afterprint', () => { window.printed = document.querySelectorAll('.plot svg').length; })")
        assert len(seen.page.pdf()) > 100_000
        assert seen.page.evaluate("window.printed") == len(seen.page.query_selector_all(".plot"))


@pytest.mark.parametrize("view", ["desktop, light", "telephone, dark"])
def test_a_comparison_is_fit_to_be_seen(browser: Any, done: Finished, view: str, tmp_path: Path) -> None:
    """The page of two runs is drawn as well, in full."""
    other = run(SAMPLE, tmp_path / "other", ["unicode", "lines", {"gopher_quality": {"min_words": 90}}, {"sample": {"share": 0.9}}])
    found = comparison.facts(done, other, diff.diff(done, other))
    (tmp_path / "diff.html").write_text(comparison.draw(found), "utf-8")
    with Opened(browser, tmp_path / "diff.html", view) as seen:
        assert seen.said == []
        assert seen.fits()
        assert len(seen.page.query_selector_all(".plot svg")) == len(seen.page.query_selector_all(".plot")) > 4
        assert [seen.page.evaluate(one) for one in (EMPTY, CLIPPED, OVERLAPPING)] == [[], [], []]
        assert seen.page.evaluate(FAINT) == 0


def test_scripts_are_there_to_be_drawn_with() -> None:
    """Where this file runs, the packages for charts are installed: tamis depends on them."""
    assert scripts.scripts() is not None
