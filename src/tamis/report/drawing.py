"""Charts on a page: figures that a script fills, each beside a table with the same numbers; and the frame of every page."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from typing import Any

from tamis.report.markup import cut, visible
from tamis.report.scripts import LICENSE, Scripts, scripts

NO_CHARTS = (
    '<p class="note">This page was drawn without charts: the packages altair and vl-convert-python are not installed there. Every number is in the '
    "tables. <code>pip install altair vl-convert-python</code>, then <code>tamis report OUT</code> draws it again.</p>\n"
)


@dataclass
class Drawing:
    """The charts and sliders of one page.

    Args:
        scripts: None: there are no charts.
    """

    scripts: Scripts | None = field(default_factory=scripts)
    charts: list[dict[str, Any]] = field(default_factory=list)
    sliders: dict[str, Any] = field(default_factory=dict)

    def figure(self, kind: str, rows: Sequence[Mapping[str, Any]], caption: str, described: str, **params: Any) -> str:
        """A chart; nothing where there are no scripts, or there is nothing to draw.

        Args:
            kind: of `charts.KINDS`.
            rows: what it wants as data; texts of others' are made harmless here.
            caption: HTML.
            described: one plain sentence for those who do not see it.
            params: values of the chart's parameters.
        """
        if self.scripts is None or not rows:
            return ""
        if "documents" in rows[0]:
            params["most"] = max(row["documents"] for row in rows)
        name = f"chart-{len(self.charts) + 1}"
        self.charts.append({"name": name, "kind": kind, "rows": [_harmless(row) for row in rows], "params": params})
        label = escape(visible(described))
        return f'<figure class="chart"><figcaption>{caption}</figcaption><div class="plot" id="{name}" role="img" aria-label="{label}"></div></figure>\n'

    def last(self) -> str | None:
        """The name of the chart that was drawn last."""
        return self.charts[-1]["name"] if self.charts else None


def _harmless(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: visible(cut(value)) if isinstance(value, str) else value for key, value in row.items()}


def data(name: str, content: Any) -> str:
    """A block of JSON that is no markup and no script, whatever it holds."""
    text = json.dumps(content, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def whole(title: str, body: str, drawing: Drawing) -> str:
    """A page that needs no network, and on which no script runs but its own.

    Args:
        title: plain text.
        body: HTML.
        drawing: what its figures and sliders need.
    """
    own = _file("page.js")
    library = drawing.scripts.library if drawing.scripts and drawing.charts else ""
    # The policy forbids what escaping has made impossible already; scripts are allowed by what they say, not by where they stand.
    allowed = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in (library, own) if text)
    kinds = {chart["kind"] for chart in drawing.charts}
    specs = {kind: spec for kind, spec in drawing.scripts.specs.items() if kind in kinds} if drawing.scripts else {}
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(visible(cut(title, 200)))}</title>\n<style>\n{_file('page.css')}</style>\n</head>\n<body>\n{body}"
        + data("specs", specs)
        + data("charts", drawing.charts)
        + data("sliders", drawing.sliders)
        + (f"<!--\n{LICENSE}\n-->\n<script>{library}</script>\n" if library else "")
        + f"<script>{own}</script>\n</body>\n</html>\n"
    )


def _file(name: str) -> str:
    return resources.files("tamis.report").joinpath(name).read_text("utf-8")
