"""Documents from packages of HTML pages: two manuals, and one declaration in many languages."""

import re
from collections.abc import Iterator
from pathlib import Path

from _dice import Dice
from _documents import PUBLIC_DOMAIN, Document
from _text import html_text, pieces

# Indexes and contracts, and texts that SQLite's site shows but did not write
_NOT_SQLITE = re.compile(
    r"crossref|sitemap|keyword_index|changes|requirements|consortium|toc|syntax/|famous|codeofcond"
    r"|matrix|copyright-release|objlist|constlist|funclist|_stmt|download|books|search|oldnews"
)
# Only these are translated as a whole; the rest of a language's folder links to English pages
_APACHE_LANGUAGES = {"fr": 34, "ja": 30, "ko": 26, "tr": 22, "es": 22, "de": 20, "zh-cn": 12}
# Languages of which the sample shows more than the first page
_WHOLE = {
    "ar", "de", "el", "en", "es", "fa", "fr", "he", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt",
    "ru", "sv", "th", "tr", "uk", "ur", "vi", "zh",
}  # fmt: skip


def held_out(name: str, share: float) -> bool:
    """Tell whether a page, and all of its pieces, belongs to the reference set."""
    return Dice("held out", name).share() < share


def sqlite(folder: Path) -> Iterator[Document]:
    """Read SQLite's documentation: guides, C interface, release notes."""
    root = folder / "usr/share/doc/sqlite3"
    pages = [p for p in sorted(root.rglob("*.html")) if not _NOT_SQLITE.search(_under(p, root))]
    guides = [p for p in pages if p.parent == root]
    interface = [p for p in pages if p.parent.name in {"c3ref", "session"}]
    releases = [p for p in pages if p.parent.name == "releaselog"]
    dice = Dice("sqlite")
    for page in guides + dice.some(interface, 110) + dice.some(releases, 50):
        name = _under(page, root)
        reference = page in guides and held_out(name, 0.22)
        navigation = not reference and dice.share() < 0.4
        text = html_text(page.read_text(encoding="utf-8"), navigation=navigation)
        for number, piece in enumerate(pieces(text, dice)[: 4 if reference else 2]):
            if len(piece) >= 300:
                yield Document(
                    text=piece,
                    url=f"https://www.sqlite.org/{name}{_part(number)}",
                    source="sqlite3-doc",
                    license=PUBLIC_DOMAIN,
                    lang="en",
                    topic="databases",
                    what="with_navigation" if navigation else "clean",
                    held_out=reference,
                )


def apache(folder: Path) -> Iterator[Document]:
    """Read the manual of the Apache web server, in eight languages, and untranslated pages.

    A page that nobody translated is the English page under the folder of another language: the
    natural duplicates of many a real site.
    """
    root = folder / "usr/share/doc/apache2-doc/manual"
    dice = Dice("apache")
    english = dice.some(sorted((root / "en").rglob("*.html")), 130)
    chosen = [(page, "en", page) for page in english]
    for lang, n in _APACHE_LANGUAGES.items():
        own = [p for p in sorted((root / lang).rglob("*.html")) if not p.is_symlink()]
        chosen += [(page, lang[:2], page) for page in dice.some(own, n)]
    for page in dice.some(english, 30):
        other = root / dice.pick(["da", "ru", "pt-br"]) / page.relative_to(root / "en")
        if other.is_symlink():
            chosen.append((page, "en", other))
    for page, lang, seen_as in chosen:
        # Pages that are one file are cut alike, but navigation may have been left in one only
        own_dice = Dice("apache", _under(page, root))
        navigation = Dice("navigation", _under(seen_as, root)).share() < 0.4
        charset = re.search(rb"charset=([\w-]+)", page.read_bytes())
        html = page.read_text(encoding=charset[1].decode() if charset else "utf-8")
        text = html_text(html, navigation=navigation)
        low, high = (500, 2000) if lang in {"ja", "ko", "zh"} else (1200, 5200)
        yield Document(
            text=pieces(text, own_dice, low, high)[0],
            url=f"https://httpd.apache.org/docs/2.4/{_under(seen_as, root)}",
            source="apache2-doc",
            license="Apache-2.0",
            lang=lang,
            topic="web servers",
            what="with_navigation" if navigation else "clean",
        )


def udhr(folder: Path) -> Iterator[Document]:
    """Read the Universal Declaration of Human Rights in every language with a two-letter code.

    Some languages come in two spellings or scripts, and those are near-duplicates. From the third
    piece on, a page is "spare": material for the generator of junk.
    """
    for page in sorted((folder / "declaration").glob("*.html")):
        html = page.read_text(encoding="utf-8")
        lang = re.search(r'<html[^>]* lang="([a-z]{2})[-"]', html)
        if lang is None:
            continue
        text = html_text(html, navigation=True)
        parts = pieces(text, Dice("udhr"), 2400, 2400)
        for number, piece in enumerate(parts if lang[1] in _WHOLE else parts[:1]):
            yield Document(
                text=piece,
                url=f"https://github.com/wooorm/udhr/blob/main/declaration/{page.name}{_part(number)}",
                source="udhr",
                license="MIT",
                lang=lang[1],
                topic="human rights",
                what="clean" if number < 2 else "spare",
            )


def _under(page: Path, root: Path) -> str:
    return page.relative_to(root).as_posix()


def _part(number: int) -> str:
    return f"#part-{number + 1}" if number else ""
