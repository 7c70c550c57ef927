"""HTML to text the way crawls do it, and long texts into pieces."""

import re
from html.parser import HTMLParser

from _dice import Dice

_PARAGRAPH = {
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "ul", "ol", "dl", "blockquote",
    "header", "section",
}  # fmt: skip
_LINE = {"br", "div", "li", "tr", "dt", "dd", "form", "option", "td", "th", "hr"}
_UNSEEN = {"script", "style", "head", "svg"}
_NAVIGATION = {
    "nosearch", "menu", "toplang", "bottomlang", "up", "page-header", "path", "quickview",
    "footer", "permalink",
}  # fmt: skip


class _Reader(HTMLParser):
    def __init__(self, *, navigation: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._navigation = navigation
        self._skipped: str | None = None  # the element being left out, and how deep we are in it
        self._depth = 0
        self._pre = 0

    def _left_out(self, tag: str, attributes: dict[str, str | None]) -> bool:
        names = {attributes.get("id"), *(attributes.get("class") or "").split()}
        return tag in _UNSEEN or (not self._navigation and bool(names & _NAVIGATION))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipped is not None:
            self._depth += tag == self._skipped
            return
        if self._left_out(tag, dict(attrs)):
            self._skipped, self._depth = tag, 1
            return
        self._pre += tag == "pre"
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._skipped is not None:
            self._depth -= tag == self._skipped
            if self._depth == 0:
                self._skipped = None
            return
        self._pre = max(0, self._pre - (tag == "pre"))
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPH:
            self.parts.append("\n\n")
        elif tag in _LINE:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._skipped is None:
            self.parts.append(data if self._pre else re.sub(r"\s+", " ", data))


def html_text(html: str, *, navigation: bool) -> str:
    """Turn a page into text: one line a block, a blank line between paragraphs.

    With navigation, menus and footers stay in, as they do in the text files of web crawls.
    """
    reader = _Reader(navigation=navigation)
    reader.feed(html)
    reader.close()
    lines = [line.strip(" ") for line in "".join(reader.parts).replace("\xa0", " ").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def paragraphs(text: str, sentences: int) -> str:
    """Break a text without paragraphs after every so many sentences."""
    said = re.split(r"(?<=[a-z][.!?]) +(?=[A-Z])", " ".join(text.split()))
    groups = [said[i : i + sentences] for i in range(0, len(said), sentences)]
    return "\n\n".join(" ".join(group) for group in groups)


def pieces(text: str, dice: Dice, low: int = 1200, high: int = 5200) -> list[str]:
    """Cut a text at paragraph borders into pieces of low to high characters, or a bit more.

    A last piece shorter than `low` is joined to the one before.
    """
    cut: list[list[str]] = []
    room = 0
    for paragraph in text.split("\n\n"):
        if room <= 0:
            cut.append([])
            room = dice.between(low, high)
        cut[-1].append(paragraph)
        room -= len(paragraph)
    texts = ["\n\n".join(piece) for piece in cut]
    if len(texts) > 1 and len(texts[-1]) < low:
        last = texts.pop()
        texts[-1] += "\n\n" + last
    return texts
