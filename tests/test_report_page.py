"""The page: whole, harmless, and nothing on it that the facts do not have."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from report_runs import SAMPLE, SCRIPT, Page, hostile_run, prose, report, run, shown, written

from tamis.explain import shown as value_shown
from tamis.folder import Finished
from tamis.plan import shown_bytes
from tamis.report import charts, drawing, markup, page, scripts, write
from tamis.report.markup import percent, plain

DOCS = Path(__file__).parents[1] / "docs" / "report.md"
STAGES = ["unicode", "lines", {"gopher_quality": {"min_words": 60}}, "gopher_repetition", "near_duplicates"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run over the sample data."""
    return run(SAMPLE, tmp_path_factory.mktemp("page") / "out", STAGES)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run over data, and with a recipe, that wish the reader ill."""
    return hostile_run(tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize("which", ["done", "hostile"])
def test_page_is_whole_and_needs_nothing(which: str, request: pytest.FixtureRequest) -> None:
    """Tags match, nothing is fetched; tables have captions and heads with a scope, charts descriptions, controls labels, and links lead somewhere."""
    drawn = Page(shown(request.getfixturevalue(which)))
    attributes = [(name, value) for _, own in drawn.elements for name, value in own.items()]
    assert drawn.count("img") == drawn.count("iframe") == drawn.count("link") == 0
    assert not [name for name, _ in attributes if name.startswith("on") or name == "src"]
    targets = [value for name, value in attributes if name == "id"]
    assert len(targets) == len(set(targets))
    assert all((value or "").startswith("#") and (value or "")[1:] in targets for name, value in attributes if name == "href")
    assert drawn.count("table") == drawn.count("caption") > 5
    assert all(own.get("scope") in ("col", "row") for tag, own in drawn.elements if tag == "th")
    assert [drawn.count(tag) for tag in ("h1", "main", "header", "footer", "nav")] == [1, 1, 1, 1, 1]
    assert all(own["role"] == "img" and own["aria-label"] for tag, own in drawn.elements if own.get("class") == "plot")
    labelled = {own["for"] for tag, own in drawn.elements if tag == "label"}
    assert all(own["id"] in labelled for tag, own in drawn.elements if tag == "input")


@pytest.mark.parametrize("which", ["done", "hostile"])
def test_only_our_own_scripts_may_run(which: str, request: pytest.FixtureRequest) -> None:
    """The policy forbids every script, style sheet and picture from elsewhere, and allows scripts by their hash: the library and ours."""
    drawn = Page(shown(request.getfixturevalue(which)))
    policy = next(own["content"] for tag, own in drawn.elements if own.get("http-equiv") == "Content-Security-Policy")
    allowed = re.fullmatch(r"default-src 'none'; style-src 'unsafe-inline'; script-src (.*)", policy or "")
    assert allowed
    kinds = [own.get("type") for tag, own in drawn.elements if tag == "script"]
    running = [text for kind, text in zip(kinds, drawn.scripts, strict=True) if kind is None]
    assert set(kinds) == {None, "application/json"}
    assert len(running) == 2
    assert allowed[1].split() == [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in running]
    for kind, text in zip(kinds, drawn.scripts, strict=True):
        if kind:
            assert "<" not in text
            json.loads(text)


def test_page_shows_the_facts(done: Finished) -> None:
    """The first sentence, every rule, and a word for those that never fired."""
    found, html = report(done), shown(done)
    documents = found["documents"]
    text = "".join(Page(html).texts)
    assert f"{documents['kept']:,} of 2,484 readable documents were kept ({documents['kept_share_of_readable']:.1%})" in text
    rules = [rule for step in found["stages"] for rule in step["rules"]]
    assert all(rule["reason"] in text for rule in rules)
    assert text.count("never fired") == sum(rule["failed"] == 0 for rule in rules) > 0


def test_what_matters_comes_first(done: Finished) -> None:
    """Rules stand by what they fail, limits by what they alone decide, all but four of a stage folded; above them the rules that decide most of all."""
    found, html = report(done), shown(done)
    text = re.sub(r"<[^>]+>", "", html)
    dropping = sorted((step for step in found["stages"] if step["dropped"]), key=lambda step: -step["dropped"])
    said = next(line for line in text.splitlines() if line.startswith("Dropped most: "))
    assert [part.split(" (")[0].split(" ") for part in said.removeprefix("Dropped most: ").split("; ")] == [[step["stage"], f"{step['dropped']:,}"] for step in dropping[:3]]
    assert "gopher_quality 785 (mostly too few stop words)" in said
    section = html[html.index('<section id="rules"') : html.index('<section id="pairs"')]
    most = section[: section.index('id="stage-')]
    alone = sorted((rule["only"] for step in found["stages"] for rule in step["rules"]), reverse=True)
    assert [int(cells[1].replace(",", "")) for cells in (re.findall(r'number">([^<]*)</td>', row) for row in most.split("<tr>")[2:])] == alone[:8]
    step = next(step for step in found["stages"] if step["stage"] == "gopher_repetition")
    number = found["stages"].index(step) + 1
    stage = section[section.index(f'id="stage-{number}"') :].split('<h3 id="')[0]
    rows = [re.sub(r"<[^>]+>", "", head) for head in re.findall(r'<th scope="row">(.*?)</th>', stage[: stage.index("</table>")])]
    assert rows == [rule["reason"] for rule in sorted(step["rules"], key=lambda rule: -rule["failed"])]
    cards = [re.sub(r"<[^>]+>", "", head) for head in re.findall(r"<h4>(.*?)</h4>", stage)]
    drawn = [rule for rule in step["rules"] if rule["limit"]]
    assert cards == [rule["reason"] for rule in sorted(drawn, key=lambda rule: (-rule["only"], -rule["failed"]))]
    before, after = stage.split(f"<summary>{len(cards) - 4} more limits: ")
    assert (before.count("<h4>"), after.count("<h4>")) == (4, len(cards) - 4)
    assert ", ".join(cards[4:]) in re.sub(r"<[^>]+>", "", after)


class Told(HTMLParser):
    """What a page says in words and numbers, without texts of documents, names, code and the recipe."""

    LEFT_OUT = ("script", "style", "code", "pre", "bdi", "q", "del", "ins")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in Page.VOID:
            classes = dict(attrs).get("class") or ""
            self.open.append("script" if classes in ("excerpt", "difference") else tag)

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not set(self.open) & set(self.LEFT_OUT):
            self.texts.append(data)


def numbers_in(content: Any) -> Iterator[float]:
    """Every number of some JSON, and how long its lists are."""
    if isinstance(content, dict):
        for value in content.values():
            yield from numbers_in(value)
    elif isinstance(content, list):
        yield len(content)
        for value in content:
            yield from numbers_in(value)
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield content


def test_every_number_of_the_page_is_in_the_facts(done: Finished) -> None:
    """Each number that a reader sees is a number of report.json, as people write it; or of the page's own prose."""
    found = report(done)
    known = set(re.findall(r"\d[\d,.]*", "95% UTF-8 SHA-256 five 0 B 0 documents"))
    for number in numbers_in(found):
        forms = [
            f"{number:,}",
            f"{number:g}",
            value_shown(number),
            shown_bytes(abs(number)),
            f"{number:.3f}",
            f"{number:,.1f}",
            f"{number:,.0f}",
        ]
        forms += [plain(percent(number))] if 0 <= number <= 1 else []
        forms += [f"{number - 1:,.0f}"]  # the last whole number of a bin
        known |= {re.findall(r"\d[\d,.]*", form)[0].rstrip(".,") for form in forms if re.search(r"\d", form)}
    known |= {"0.1", "99.9"}  # of shares that are neither nothing nor all
    told = re.findall(r"(?<![\w.])\d[\d,.]*", " ".join(Told(shown(done)).texts))
    assert len(told) > 2_000
    assert sorted({number.rstrip(".,") for number in told} - known) == []


def test_every_key_of_the_facts_is_documented(done: Finished) -> None:
    """docs/report.md names each key of report.json, so that a program can rely on it."""
    named = set(re.findall(r"`(\w+)`", DOCS.read_text("utf-8")))
    by_name = ("versions", "signals", "quarantine", "unreadable_files", "faults", "seconds", "not_compared", "dropped", "after", "balance")  # whose keys are names

    def keys(content: Any) -> Iterator[str]:
        for one in content if isinstance(content, list) else [content]:
            if isinstance(one, dict):
                for key, value in one.items():
                    yield key
                    yield from () if key in by_name else keys(value)

    assert sorted(set(keys(report(done))) - named) == []


def test_hostile_values_are_shown_and_harmless(hostile: Finished) -> None:
    """Values and texts that would run, turn the line around, end a table or fill the screen are escaped, spelled out or cut."""
    html = shown(hostile)
    drawn = Page(html)
    own = html.replace(drawing._file("page.js"), "").replace(scripts.scripts().library, "") if scripts.scripts() else html
    assert len(own) < 500_000
    assert not set(own) & set("\u202e\u2066\u200f\x00\x1b\u2028\u2029\x85\r")
    text = "".join(drawn.texts)
    assert SCRIPT in text
    assert "\\u202egnp.exe\\u2066\\u200f" in text
    assert "a\\u0000b\\u001b[31m" in text
    assert f"{SCRIPT} too high" in text
    assert max(map(len, re.split(r"\s", text))) < 900
    assert len(shown(hostile, "report.json")) < 900_000


def test_problems_are_told_in_full(tmp_path: Path) -> None:
    """Quarantine, unreadable files and warnings stand at the top of the page, and the card has the warnings."""
    folder = written(tmp_path / "in", text=pa.array([b"\xff", None, *map(str.encode, prose(1))], pa.binary()))
    Path(folder, "zz.parquet").write_text("no parquet")
    done = run(folder, tmp_path / "out")
    found, text = report(done), "".join(Page(shown(done)).texts)
    assert found["quarantine"] == {"the text is not valid UTF-8": 1, "the text is null": 1}
    assert (found["documents"]["input"], found["documents"]["quarantined"], found["documents"]["readable"]) == (3, 2, 1)
    assert list(found["unreadable_files"]) == ["zz.parquet"]
    assert text.index("Look at this first") < text.index("zz.parquet cannot be read") < text.index("Stages in order")
    assert all("zz.parquet cannot be read" in shown(done, name) for name in ("README.md", "report.md"))


def test_a_page_without_charts_is_correct_and_says_so(done: Finished) -> None:
    """Where the packages for charts are missing, all tables and sliders are there, open, and the page says what is not."""
    whole = Page(shown(done))
    html = page.draw(report(done), drawing.Drawing(scripts=None))
    plain_page = Page(html)
    assert "drawn without charts" in "".join(plain_page.texts)
    assert "drawn without charts" not in "".join(whole.texts)
    assert plain_page.count("table") == whole.count("table")
    assert plain_page.count("figure") == 0 < whole.count("figure")
    assert [own["id"] for tag, own in plain_page.elements if tag == "input"] == [own["id"] for tag, own in whole.elements if tag == "input"]
    assert len(html) < 900_000 < len(shown(done))


def test_a_missing_package_costs_the_charts_and_nothing_else() -> None:
    """Without altair a report is drawn; nothing else of tamis wants it."""
    code = "import sys\nfor name in ('altair', 'vl_convert'):\n    sys.modules[name] = None\nfrom tamis.report import scripts\nprint(scripts._made())\nimport tamis.report.page"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "None"


def test_several_rungs_are_drawn(tmp_path: Path) -> None:
    """Multipliers by rung, a trend, a loss curve for each rung and one for what died; names are escaped, and text alone draws nothing."""
    pytest.importorskip("altair")
    done = run(written(tmp_path / "in", text=prose(2)), tmp_path / "out")
    ends = {"value": 1.3, "low": 1.2, "high": None, "reach": [0.5, 2.0]}
    verdict = {
        "line": "It helped.", "parts": ["All was told."], "worth": [], "curve": [],
        "rungs": [{"name": SCRIPT, "rung": rung, **ends} for rung in ("ngram", "gpt-32")],
        "trend": [{"rung": rung, "operations": size, "value": 1.3, "low": 1.2, "high": 1.4} for rung, size in (("gpt-32", 1e11), ("gpt-64", 1e12))],
        "losses": [{"rung": rung, "arm": arm, "tokens": 1000, "loss": 2.5} for rung in ("ngram", "gpt-32") for arm in ("raw", SCRIPT)],
        "died": [{"who": "raw, seed 0, gpt-32", "losses": [[0, 7.6], [1024, 9.9]]}],
    }  # fmt: skip
    Path(done.out, "verdict.json").write_text(json.dumps(verdict))
    write(done)
    page = shown(done)
    drawn = json.loads(page.split('id="charts">')[1].split("</script>")[0])
    drawn = [chart for chart in drawn if chart["kind"] in ("rungs", "trend", "losses")]
    assert [chart["kind"] for chart in drawn] == ["rungs", "trend", "losses", "losses", "losses"]
    assert [(row["high"], row["below"], row["beyond"], row["shown"]) for row in drawn[0]["rows"]] == [(2.0, False, True, "×1.3 (at least 1.2)")] * 2
    assert [row["tokens"] for row in drawn[4]["rows"]] == [1024]
    assert SCRIPT not in page
    del verdict["rungs"], verdict["trend"], verdict["losses"], verdict["died"]
    Path(done.out, "verdict.json").write_text(json.dumps(verdict))
    write(done)
    assert "All was told." in shown(done)


def test_an_ablation_stands_below_the_funnel_and_what_few_ask_for_is_folded(tmp_path: Path) -> None:
    """What was dropped comes first; of the ablation the tables that answer are open, and all else is there, folded."""
    done = run(written(tmp_path / "in", text=prose(2)), tmp_path / "out")
    open_table = [["stage", "gains", "verdict"], ["lines", "×1.1 (1.05 to 1.15)", "adopt"]]
    folded_table = [["control", "95% interval"], ["random", "-0.01 to +0.01"]]
    verdict = {"line": "It helped.", "parts": ["Said at length.", open_table, folded_table], "worth": [], "curve": []}
    Path(done.out, "verdict.json").write_text(json.dumps(verdict))
    write(done)
    page = shown(done)
    section = page[page.index('<section id="ablation"') :].split("</section>")[0]
    assert page.index('<section id="funnel"') < page.index('<section id="ablation"')
    assert section.index("×1.1 (1.05 to 1.15)") < section.index("<details>") < section.index("Said at length.") < section.index("-0.01 to +0.01")
    assert section.count('class="number interval"') == 4


def test_a_verdict_stands_at_the_head(tmp_path: Path) -> None:
    """What an ablation leaves in the run folder is in the facts, and its line on the page and in the summary, escaped."""
    done = run(written(tmp_path / "in", text=prose(2)), tmp_path / "out")
    assert report(done)["verdict"] is None
    verdict = {"line": f"It helped by 3% {SCRIPT}.", "multiplier": 1.03}
    Path(done.out, "verdict.json").write_text(json.dumps(verdict))
    write(done)
    assert report(done)["verdict"] == verdict
    text = "".join(Page(shown(done)).texts)
    assert text.index("were kept") < text.index(f"It helped by 3% {SCRIPT}.") < text.index("What came in")
    assert "It helped by 3%" in shown(done, "report.md")


@pytest.mark.parametrize(("value", "told"), [("</script><b>", "\\u003c/script\\u003e\\u003cb\\u003e"), ("a&b\u2028", "a\\u0026b\\u2028")])
def test_json_in_a_page_is_no_markup(value: str, told: str) -> None:
    """Whatever a value holds, it ends no script and opens no tag, and reads back as it was."""
    block = drawing.data("x", [value])
    assert told in block
    assert json.loads(block[block.index(">") + 1 : block.rindex("<")]) == [value]


def test_markup_keeps_numbers_readable() -> None:
    """What is written as HTML in tables is plain text in charts."""
    assert plain(percent(0.0001)) == "<0.1%"
    assert markup.plural(1, "rule") == "1 rule"


def test_colours_of_notebooks_are_those_of_pages() -> None:
    """Charts outside of a page have the colours of a light one; every name that a chart uses is defined for light, dark and paper."""
    css = drawing._file("page.css")
    light, dark, paper = (
        css.split("prefers-color-scheme: dark")[0],
        css.split("prefers-color-scheme: dark")[1].split("}\n}")[0],
        css.split("@media print")[1],
    )
    for name, colour in charts.COLOURS.items():
        assert f"--{name}: {colour};" in light
        assert f"--{name}: " in dark
        assert f"--{name}: " in paper
    used = set(re.findall(r"var\(--(\w+)\)", json.dumps(charts.specs())))
    assert used <= set(charts.COLOURS)
