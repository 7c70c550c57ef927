"""Runs to draw reports of, hostile ones too, and what reads a report without the code that drew it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tamis import runner
from tamis.folder import Finished, opened
from tamis.recipe import parse

SAMPLE = Path(__file__).parents[1] / "sample_data" / "raw"
ROLES = ("source", "lang", "license", "topic", "date")
STAGES = ["unicode", {"gopher_quality": {"min_words": 60}}, {"exact_duplicates": {"ignore": ["case", "white_space"]}}]
SCRIPT = "<script>alert(1)</script>"
HOSTILE = {
    "script": SCRIPT,
    "attribute": '"><img src=x onerror=alert(1)>',
    "right to left": "\u202egnp.exe\u2066\u200f",
    "null": "a\x00b\x1b[31m",
    "huge": "y" * 10_000_000,
    "wide": "W" * 300,
    "table": "a | b\n| c |\n\n# head\n- item",
    "link": "[x](javascript:alert(1)) ![y](http://evil.example/z.png) www.evil.example http://evil.example",
    "fence": "```\n~~~\n</bdi></td></table>",
    "yaml": "x: [y\n---\nlicense: stolen\n...",
    "line separators": "a\u2028b\u2029c\u0085d\re",
    "empty": "",
}


def run(inputs: str | Path, out: Path, stages: Any = STAGES, *, name: str = "test", workers: int = 2, **sections: Any) -> Finished:
    """A finished run."""
    recipe = parse({"stages": stages, **sections}, place="test", name=name)
    runner.run(recipe, [str(inputs)], str(out), runner.How(workers=workers))
    return opened(str(out))


def written(folder: Path, **columns: Any) -> str:
    """A shard with these columns."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "part-000.parquet")
    return str(folder)


def prose(n: int) -> list[str]:
    """Texts that the stages keep, each its own."""
    return [
        " ".join(f"the brown kitten number {i} rested upon that mattress with puppy {j} and went to sleep" for j in range(8))
        for i in range(n)
    ]


def report(done: Finished) -> dict[str, Any]:
    """What report.json holds."""
    return json.loads(Path(done.out, "report.json").read_text("utf-8"))


def shown(done: Finished, name: str = "report.html") -> str:
    """A file of the run folder."""
    return Path(done.out, name).read_text("utf-8")


def front(done: Finished) -> dict[str, Any]:
    """The data card's front matter."""
    return yaml.safe_load(shown(done, "README.md").split("---\n")[1])


def hostile_run(folder: Path) -> Finished:
    """A run over data, and with a recipe, that wish the reader ill."""
    values = list(HOSTILE.values())
    texts = prose(len(values)) + [value or "too short" for value in values]
    columns = dict.fromkeys(("id", "source", "lang", "license", "topic", "date"), values * 2)
    columns |= {SCRIPT: [2.0] * len(values) + [0.0] * len(values), "text": texts}
    name = "<img src=x onerror=alert(1)>\u202e.parquet"
    (folder / "in").mkdir()
    pq.write_table(pa.table(columns), folder / "in" / name)
    (folder / "in" / f"{name}.broken.parquet").write_text("no parquet")
    stages = [{"gopher_quality": {"by": {"source": {SCRIPT: {"min_words": 5}}}}}, {"rules": {"max": {SCRIPT: 3.0}}}, "exact_duplicates"]
    return run(folder / "in", folder / "out", stages, name=f"{SCRIPT}\n# injected\n---")


class Page(HTMLParser):
    """Every element of a page with its attributes; complains about tags that do not match."""

    VOID = ("meta", "wbr", "br", "link", "img", "input")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.texts.append(data)
        elif self.open[-1] == "script":
            self.scripts.append(data)

    def count(self, tag: str) -> int:
        return sum(one == tag for one, _ in self.elements)


class Rows:
    """Every document of a run, in plain Python: its verdict, its bytes, its columns."""

    def __init__(self, done: Finished, inputs: Path) -> None:
        tables = {path.name: pq.read_table(path).to_pylist() for path in sorted(inputs.glob("*.parquet"))}
        self.rows: list[dict[str, Any]] = []
        self.stages = [step["stage"] for step in done.manifest["funnel"] if not step["edits"]]
        for path in sorted(Path(done.out, "ledger").glob("*.parquet")):
            for verdict in pq.read_table(path).to_pylist():
                document = tables[verdict["shard"]][verdict["row"]]
                failed = {f"{verdict['stage']}: {reason}" for reason in verdict["reasons"]} | set(verdict["also"])
                own = {role: document.get(role) for role in ROLES}
                own["date"] = year(own["date"])
                self.rows.append({**verdict, **own, "bytes": len(document["text"].encode()), "failed": failed})

    def count(self, meets: Callable[[dict[str, Any]], bool]) -> int:
        return sum(map(meets, self.rows))

    def bytes(self, meets: Callable[[dict[str, Any]], bool]) -> int:
        return sum(row["bytes"] for row in self.rows if meets(row))

    def fact(self, value: Any, meets: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """A row of an axis."""

        def kept(row: dict[str, Any]) -> bool:
            return meets(row) and row["copies"] > 0

        counted = {"documents": self.count(meets), "bytes": self.bytes(meets), "kept": self.count(kept), "kept_bytes": self.bytes(kept)}
        whole, left = self.bytes(lambda row: True), self.bytes(lambda row: row["copies"] > 0)
        dropped = [
            (
                name,
                self.count(lambda row, name=name: meets(row) and row["stage"] == name),
                self.bytes(lambda row, name=name: meets(row) and row["stage"] == name),
            )
            for name in self.stages
        ]
        return {
            "value": value,
            **counted,
            "kept_share_of_documents": ratio(counted["kept"], counted["documents"]),
            "kept_share_interval": None
            if not counted["documents"]
            else pytest.approx(wilson(counted["kept"], counted["documents"]), abs=2e-6),
            "kept_share_of_bytes": ratio(counted["kept_bytes"], counted["bytes"]),
            "share_of_readable_bytes": ratio(counted["bytes"], whole),
            "share_of_kept_bytes": ratio(counted["kept_bytes"], left),
            "dropped": [
                {"stage": name, "documents": n, "bytes": size, "share_of_documents": ratio(n, counted["documents"])}
                for name, n, size in dropped
            ],
        }


def year(date: Any) -> str | None:
    """The year that a date begins with."""
    match = re.match(r"[12]\d{3}(?!\d)", str(date)) if date is not None else None
    return match[0] if match else None


def wilson(part: int, whole: int) -> list[float] | None:
    """The 95 % score interval, from the equation that defines it: the shares p for which (share - p)² = z² p (1 - p) / n."""
    if not whole:
        return None
    z, n, share = 1.959964, whole, part / whole
    a, b, c = 1 + z * z / n, -2 * share - z * z / n, share * share
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return [max(0.0, (-b - root) / (2 * a)), min(1.0, (-b + root) / (2 * a))]


def ratio(part: int, whole: int) -> float | None:
    """A share."""
    return None if whole == 0 else round(part / whole, 6)
