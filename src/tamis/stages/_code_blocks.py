"""Blocks of Python, JSON and XML in text, and whether they parse. Nothing is run, imported, fetched or expanded.

What cannot be judged is not counted: other languages, Python 2, parts left out ("..." in JSON), XML with a document type,
blocks that are not closed, too large or nested too deep.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
import warnings
from collections.abc import Iterator
from xml.parsers import expat

LARGEST = 50_000
"""Characters of a block that is parsed."""
DEEPEST = 50
"""Brackets inside brackets: parsers go down one level for each."""
LONGEST = 300
"""Operators, dots and calls that follow each other, and branches of one condition."""
MOST = 200
"""Blocks of one text that are looked at: the first ones."""

_FENCED = re.compile(
    r"^(?P<indent>[ ]{0,3})(?P<fence>`{3,}|~{3,})[ \t]*\{?\.?(?P<tag>[\w+-]*)[^\n`]*\n(?P<body>.*?)^[ ]{0,3}(?P=fence)[`~]*[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_INDENTED = re.compile(r"(?:\A|(?<=\n\n))(?P<body>(?:(?:[ ]{4}|\t)[^\n]*(?:\n|\Z)|[ \t]*\n(?=(?:[ ]{4}|\t)))+)")
_TAGS = {
    "python": "python",
    "python3": "python",
    "py": "python",
    "py3": "python",
    "pycon": "python",
    "json": "json",
    "xml": "xml",
    "svg": "xml",
}
_PYTHON = re.compile(
    r"^(?:def \w+\(.*\).*:|class \w+(?:\(.*\))?:$|from [\w.]+ import \w|import [a-z_]\w*(?:\.\w+)*(?: as \w+)?$)", re.MULTILINE
)
_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.)(?: |$)", re.MULTILINE)
_JSON = re.compile(r"\s*(?:\{\s*\"(?:[^\"\\\n]|\\.)*\"\s*:.*\}|\[\s*\{\s*\"(?:[^\"\\\n]|\\.)*\"\s*:.*\])\s*", re.DOTALL)
_PYTHON_2 = re.compile(
    r"^\s*(?:print\s*$|print\s+[^(\s=]|exec\s+['\"]|raise \w+,|except\s+\w[\w.]*\s*,)|\b0[0-7]+\b|\bur?['\"]|<>|`", re.MULTILINE
)
_NOT_JUDGED = re.compile(
    r"^\s*[%!]\w|\?\??\s*$|IndentationError|<[a-z][\w -]*>\s*$|\[, ?\w|^\s*(?:\.|\.\.\.|…)\s*$|^\s*\{\w+\}|:\s*\Z", re.MULTILINE
)
"""In Python that does not parse: commands of notebooks, errors on purpose, placeholders, omissions, directives of documentation tools."""
_OMITTED = re.compile(r"^([ \t]*)#[ ]*\(?(?:\.\.\.|…).*", re.MULTILINE)
"""A comment that stands for code."""
_PROSE = re.compile(r"^(?:\(?[A-Z‘“][\w’']*[,:]? (?:[\w’'‘“”,;()-]+ ){2}).*", re.MULTILINE | re.DOTALL)
_LEFT_OUT = re.compile(r"\.\.\.|…|//|/\*|^\s*#|<\w[\w -]*>|\$\{|\{\{", re.MULTILINE)
_NESTING = re.compile(r"[-+*/%.@&|^~<>=()\[\]{},\n]|\b(?:not|if|else|lambda|await|and|or)\b")
_ELIF = re.compile(r"^\s*elif\b", re.MULTILINE)
_QUIET = "a block of code"
"""The file name of blocks, for warnings of the parser are the author's business."""


class Unjudged(ValueError):
    """A block of which nobody can say whether it is right."""


def check(text: str) -> tuple[int, int]:
    """How many blocks of Python, JSON and XML a text has, and how many of them do not parse."""
    verdicts = [right for _, _, right in blocks(text)]
    return len(verdicts), verdicts.count(False)


def blocks(text: str) -> Iterator[tuple[str, str, bool]]:
    """The language, the code and whether it parses, of each block that can be judged, in order of kind and place."""
    marked = "```" in text or "~~~" in text
    fenced = [(match["tag"].lower(), match["body"]) for match in _FENCED.finditer(text)] if marked else []
    indented = [("", match["body"]) for match in _INDENTED.finditer(_FENCED.sub("\n", text) if fenced else text)]
    for tag, body in (fenced + indented)[:MOST]:
        code = textwrap.dedent(body.expandtabs(4))
        if not tag:  # of text without a mark, prose may be indented like the code above it
            code = _PROSE.sub("", code)
        language = _TAGS.get(tag, "") if tag else _language(code)
        if not language or not code.strip() or len(code) > LARGEST:
            continue
        try:
            yield language, code, _PARSES[language](code)
        except Unjudged:
            continue


def _language(code: str) -> str:
    """What a block without a tag is written in, if its first lines leave no doubt."""
    if _PROMPT.match(code) or _PYTHON.match(code):
        return "python"
    if code.startswith("<?xml"):
        return "xml"
    return "json" if _JSON.fullmatch(code) else ""


def _python(code: str) -> bool:
    if "SyntaxError" in code:
        raise Unjudged
    if _PROMPT.search(code):
        return all(_is_python(statement) for statement in _session(code))
    return _is_python(code)


def _session(code: str) -> Iterator[str]:
    """What was typed at prompts, one statement each; what was printed is left out."""
    typed: list[str] = []
    for line in code.splitlines():
        prompt, rest = line.lstrip()[:3], line.lstrip()[4:]
        if prompt == ">>>" and typed:
            yield "\n".join(typed)
            typed = []
        if prompt == ">>>" or (prompt == "..." and typed):
            typed.append(rest)
        elif typed:
            yield "\n".join(typed)
            typed = []
    if typed:
        yield "\n".join(typed)


def _is_python(code: str) -> bool:
    if _is_deep(code):
        raise Unjudged
    code = _OMITTED.sub(r"\1...", code)
    warnings.filterwarnings("ignore", module=_QUIET)  # "\d" and the like
    try:
        ast.parse(code, _QUIET)
    except SyntaxError:
        if _PYTHON_2.search(code) or _NOT_JUDGED.search(code):
            raise Unjudged from None
        return False
    except (ValueError, RecursionError, MemoryError):
        raise Unjudged from None
    return True


def _is_deep(code: str) -> bool:
    """Whether a parser might have to go down so far that the answer hung on how deep its caller stands.

    A tree is no deeper than brackets are nested and operators, dots and calls follow each other without a comma.
    """
    chains, total = [0], 0
    for match in _NESTING.finditer(code):
        mark = match.group()
        if mark in "([{":
            chains.append(0)
        elif mark in ")]}":
            total -= chains.pop() if len(chains) > 1 else 0
        elif mark == "," or (mark == "\n" and len(chains) == 1):
            total -= chains[-1]
            chains[-1] = 0
            continue
        elif mark == "\n":
            continue
        chains[-1] += 1
        total += 1
        if len(chains) > DEEPEST or total > LONGEST:
            return True
    return len(_ELIF.findall(code)) > LONGEST


def _json(code: str) -> bool:
    if _is_deep(code):
        raise Unjudged
    try:
        json.loads(code, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        if _are_json_lines(code) or _are_json_lines("{" + " ".join(code.split()) + "}"):
            return True
        if _LEFT_OUT.search(code):  # comments and omissions, which readers are used to
            raise Unjudged from None
        return False
    return True


def _are_json_lines(code: str) -> bool:
    try:
        for line in filter(str.strip, code.splitlines()):
            json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        return False
    return True


def _xml(code: str) -> bool:
    r"""Whether it is well-formed, as a document or as a piece of one.

    A document type, which may define entities and name files, is not judged; expat reads no file by itself.
    """
    body = re.sub(r"\A\s*<\?xml[^>]*\?>", "", code)
    if "<!" in body.replace("<!--", "").replace("<![CDATA[", ""):
        raise Unjudged
    parser = expat.ParserCreate("UTF-8")
    try:
        parser.Parse(f"<_>{body}</_>".encode("utf-8", "replace"), True)
    except expat.ExpatError:
        if re.search(r"\.\.\.|…|\$\{|\{\{|\{%|<%", body):
            raise Unjudged from None
        return False
    return True


_PARSES = {"python": _python, "json": _json, "xml": _xml}
