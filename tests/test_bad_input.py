"""Whatever a column holds: it passes through untouched, is set aside with a reason, or is refused in one sentence."""

from __future__ import annotations

import bz2
import datetime as dt
import decimal
import gzip
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import corpus, data, ledger, quarantine, run, split
from stages_for_tests import Length, Lower, Twins

import tamis
from tamis import Columns, files

TEXTS = ["One", "two", "one", "", "Ünï", "two"]
STAGES = [Lower(), Length(min_chars=3), Twins()]
KEPT = [0, 1, 4]
"""Of TEXTS: "one" is a twin of "One" in small letters, "" cannot be measured, "two" stands twice."""


def table(**columns: Any) -> pa.Table:
    """TEXTS and other columns."""
    return pa.table({"text": TEXTS, **columns})


def both(tmp_path: Path, given: pa.Table, *, columns: Columns | None = None, **how: Any) -> tuple[list[dict[str, Any]], pa.Table]:
    """The rows that `sift` keeps and those that a run over two shards keeps: equal; and the schema of the shards."""
    columns = columns or Columns()
    place = split(tmp_path / "in", given, 2, **how)
    run(tamis.Recipe("bad", tuple(STAGES), columns=columns), place, tmp_path / "out")
    written = pq.read_table(tmp_path / "out" / "data")
    sifted = tamis.sift(given, STAGES, columns=columns)
    assert sifted.schema == given.schema
    assert sifted.to_pylist() == written.to_pylist()
    return sifted.to_pylist(), written


KINDS: dict[str, Callable[[], pa.Array]] = {
    "null": lambda: pa.nulls(6),
    "bool": lambda: pa.array([True, None, False] * 2),
    "decimal": lambda: pa.array([decimal.Decimal("1.50"), None] * 3, pa.decimal128(10, 2)),
    "decimal256": lambda: pa.array([decimal.Decimal("1.50"), None] * 3, pa.decimal256(50, 2)),
    "timestamp": lambda: pa.array([dt.datetime(2020, 1, 2, tzinfo=dt.UTC), None] * 3, pa.timestamp("us", "Europe/Berlin")),
    "date": lambda: pa.array([dt.date(2020, 1, 2), None] * 3),
    "time": lambda: pa.array([dt.time(1, 2), None] * 3, pa.time64("us")),
    "duration": lambda: pa.array([1, None] * 3, pa.duration("s")),
    "float16": lambda: pa.array([1.0, None] * 3, pa.float16()),
    "nan": lambda: pa.array([1.5, 2.5, float("inf"), 0.0, -0.0, None]),
    "uint64": lambda: pa.array([2**64 - 1, None] * 3, pa.uint64()),
    "binary": lambda: pa.array([b"\xff\x00", None] * 3),
    "fixed": lambda: pa.array([b"ab", None] * 3, pa.binary(2)),
    "dictionary": lambda: pa.array(["x", None, "y"] * 2).dictionary_encode(),
    "string_view": lambda: pa.array(["x", None, "longer than twelve bytes"] * 2, pa.string_view()),
    "large_string": lambda: pa.array(["x", None] * 3, pa.large_string()),
    "struct": lambda: pa.array([{"a": 1, "b": ["x"]}, None] * 3),
    "list": lambda: pa.array([["x", None], [], None] * 2),
    "large_list": lambda: pa.array([["x"], None] * 3, pa.large_list(pa.string())),
    "fixed_list": lambda: pa.array([[1, 2], None] * 3, pa.list_(pa.int32(), 2)),
    "map": lambda: pa.array([[("k", 1)], None] * 3, pa.map_(pa.string(), pa.int64())),
    "uuid": lambda: pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.UUID(int=i).bytes for i in range(6)], pa.binary(16))),
    "tensor": lambda: pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.int32(), [2]), pa.array([[1, 2]] * 6, pa.list_(pa.int32(), 2))),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["anything", "id"])
def test_columns_pass_through(tmp_path: Path, kind: str, name: str) -> None:
    """A column of any type stays as it is, also where tamis would look at it for ids or reports."""
    given = table(**{name: KINDS[kind]()})
    rows, written = both(tmp_path, given)
    assert rows == [row | {"text": row["text"].lower()} for row in map(given.to_pylist().__getitem__, KEPT)]
    assert written.schema.field(name).type == given.schema.field(name).type


TEXT_KINDS = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    "binary_view": pa.binary_view(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "large dictionary": pa.dictionary(pa.int8(), pa.large_string()),
}


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_text_of_any_type(tmp_path: Path, kind: str) -> None:
    """Text in any Arrow form is read, edited, and written in the form it had."""
    texts = pa.array(TEXTS).dictionary_encode().cast(TEXT_KINDS[kind]) if "dict" in kind else pa.array(TEXTS, pa.string()).cast(TEXT_KINDS[kind])
    rows, written = both(tmp_path, pa.table({"text": texts, "n": range(6)}))
    assert [row["n"] for row in rows] == KEPT
    assert written.schema == pq.read_schema(tmp_path / "in" / "part-000.parquet")


@pytest.mark.parametrize("kind", [pa.int64(), pa.list_(pa.int8()), pa.binary(3)])
def test_text_that_is_none(tmp_path: Path, kind: pa.DataType) -> None:
    """A text column that holds something else is refused, and the message says what it holds."""
    given = pa.table({"text": pa.nulls(2, kind)})
    with pytest.raises(tamis.DataError, match=r'^the data: the column "text" holds .*, not text\.$'):
        tamis.judge(given, STAGES)
    with pytest.raises(tamis.DataError, match=r'part-000.parquet: the column "text" holds .*, not text\.$'):
        run(STAGES, split(tmp_path / "in", given, 1), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(tamis.DataError, match=r"not text\.\nFix: say which it is in the recipe: columns: \{text: body\}\.$"):
        run(STAGES, split(tmp_path / "in", given.append_column("body", pa.array(["a", "b"])), 1), tmp_path / "out")


def test_lists_of_texts(tmp_path: Path) -> None:
    """Lists of texts are refused from the schema, before anything is measured or written, with the way to make one text of each."""
    place = split(tmp_path / "in", pa.table({"text": pa.array([["a", "b"]])}), 1)
    with pytest.raises(tamis.DataError) as caught:
        run([Length()], place, tmp_path / "out")
    said = f'{place}/part-000.parquet: the column "text" holds list<element: string>, not text.'
    assert str(caught.value) == said + "\nFix: make one text of each list, as with polars' pl.col('text').list.join('\\n')."
    assert not (tmp_path / "out").exists()


def test_unreadable_texts(tmp_path: Path) -> None:
    """Null, invalid UTF-8 and half surrogate pairs are set aside, each with its reason and its bytes; their neighbours are judged."""
    texts = [b"good", None, b"\xff\xfe", b"\xed\xa0\xbd", b"x\xc3", b"\xf4\x90\x80\x80", b"\xc0\x80", "fine 😀".encode(), b"\x00"]
    given = pa.table({"id": [f"d{i}" for i in range(9)], "text": pa.array(texts, pa.binary())})
    reasons = {1: "the text is null", 3: "the text holds half a surrogate pair"} | dict.fromkeys((2, 4, 5, 6), "the text is not valid UTF-8")
    verdicts = tamis.judge(given, [Length()])
    assert {row["row"]: row["reasons"][0] for row in verdicts.iter_rows(named=True) if row["stage"] == "unreadable"} == reasons
    # The same bytes in a column that claims to be text.
    claimed = pa.Array.from_buffers(pa.string(), 9, pa.array(texts, pa.binary()).buffers())
    place = split(tmp_path / "in", given.set_column(1, "text", claimed), 2)
    manifest = run([Length()], place, tmp_path / "out")
    assert {row["id"]: (row["reason"], row["text"]) for row in quarantine(tmp_path / "out")} == {f"d{i}": (reason, texts[i]) for i, reason in reasons.items()}
    assert manifest["counts"]["quarantined"] == {"the text holds half a surrogate pair": 1, "the text is not valid UTF-8": 4, "the text is null": 1}
    assert manifest["warnings"] == [
        "1 document set aside, see quarantine/: the text holds half a surrogate pair.",
        "4 documents set aside, see quarantine/: the text is not valid UTF-8.",
        "1 document set aside, see quarantine/: the text is null.",
    ]
    assert [row["text"] for row in data(tmp_path / "out")] == ["good", "fine 😀", "\0"]


def test_only_unreadable_texts(tmp_path: Path) -> None:
    """A corpus without one readable text has an empty ledger and one empty shard with the schema of the input."""
    for name, given in {"nulls": pa.nulls(3, pa.string()), "null type": pa.nulls(3)}.items():
        place = split(tmp_path / name, pa.table({"text": given, "id": ["a", "b", "c"]}), 1)
        manifest = run(STAGES, place, tmp_path / f"out {name}")
        assert manifest["counts"]["quarantined"] == {"the text is null": 3}
        assert (ledger(tmp_path / f"out {name}"), data(tmp_path / f"out {name}")) == ([], [])
        assert pq.read_schema(tmp_path / f"out {name}" / "data" / "part-00000.parquet").names == ["text", "id"]


def test_one_null_typed_shard(tmp_path: Path) -> None:
    """A shard whose columns are all null, as many writers make them, takes the types of the others."""
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"text": pa.nulls(2), "lang": pa.nulls(2), "more": pa.nulls(2)}), tmp_path / "in" / "a.parquet")
    pq.write_table(pa.table({"text": ["x", "y"], "lang": ["en", None], "more": [{"a": 1}, None]}), tmp_path / "in" / "b.parquet")
    pq.write_table(pa.table({"text": ["z"]}), tmp_path / "in" / "c.parquet")
    manifest = run([Length(), Twins()], str(tmp_path / "in"), tmp_path / "out")
    assert manifest["counts"]["quarantined"] == {"the text is null": 2}
    assert [tuple(row.values()) for row in data(tmp_path / "out")] == [("x", "en", {"a": 1}), ("y", None, None), ("z", None, None)]


def test_a_column_that_must_not_be_null_is_missing_elsewhere(tmp_path: Path) -> None:
    """A column that is declared without nulls in one shard and missing in another is null there."""
    (tmp_path / "in").mkdir()
    schema = pa.schema([pa.field("text", pa.string(), nullable=False), pa.field("n", pa.int64(), nullable=False)])
    pq.write_table(pa.table({"text": ["x"], "n": [1]}, schema=schema), tmp_path / "in" / "a.parquet")
    pq.write_table(pa.table({"text": ["y"]}), tmp_path / "in" / "b.parquet")
    run([Length()], str(tmp_path / "in"), tmp_path / "out")
    assert [row["n"] for row in data(tmp_path / "out")] == [1, None]


def test_shards_that_disagree(tmp_path: Path) -> None:
    """Two shards with a column of types that have nothing in common are named in one sentence; nothing is written."""
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"text": ["x"], "n": [1]}), tmp_path / "in" / "a.parquet")
    pq.write_table(pa.table({"text": ["x"], "n": [["l"]]}), tmp_path / "in" / "b.parquet")
    with pytest.raises(tamis.DataError) as caught:
        run([Length()], str(tmp_path / "in"), tmp_path / "out")
    assert str(caught.value) == "a.parquet and b.parquet disagree about a column: Unable to merge: Field n has incompatible types: int64 vs list<element: string>.\nFix: give it one type in all shards."
    assert not (tmp_path / "out").exists()


def test_numbers_that_do_not_fit(tmp_path: Path) -> None:
    """Whole numbers in one shard and fractions in another are fractions, as long as no number changes by that."""
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"text": ["x"], "n": [0.5]}), tmp_path / "in" / "a.parquet")
    pq.write_table(pa.table({"text": ["y"], "n": [7]}), tmp_path / "in" / "b.parquet")
    run([Length()], str(tmp_path / "in"), tmp_path / "out")
    assert [row["n"] for row in data(tmp_path / "out")] == [0.5, 7.0]
    pq.write_table(pa.table({"text": ["y"], "n": [2**60 + 1]}), tmp_path / "in" / "c.parquet")
    with pytest.raises(tamis.DataError, match=r'^the column "n" holds double in some shards and in others int64 that does not fit: '):
        run([Length()], str(tmp_path / "in"), tmp_path / "new")


ODD_NAMES = ["row", "copies", "reasons", "stage", "shard", "text.bytes", "text._low", "doc.lang", "a b", "a.b", "length.chars", "", "_private", "Text", "ünï"]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("groups", [1, 1000])
def test_names_of_columns(tmp_path: Path, name: str, groups: int) -> None:
    """A column may have any name, also one that tamis uses for itself."""
    rows, _ = both(tmp_path, table(**{name: range(6)}), row_group_size=groups)
    assert [row[name] for row in rows] == KEPT


def test_the_text_is_called_otherwise(tmp_path: Path) -> None:
    """The text column may have any name while another column is called "text"; that one passes through."""
    for name in ("content", "a.b", "my text", "id"):
        given = pa.table({"text": [5, 4, 3, 2, 1, 0], name: TEXTS})
        columns = Columns(text=name, id="key")
        rows, written = both(tmp_path / name, given, columns=columns)
        assert rows == [{"text": 5 - i, name: TEXTS[i].lower()} for i in KEPT]
        assert written.schema.names == ["text", name]


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    """Two columns of one name are refused in a sentence, in memory and in shards."""
    given = pa.table([pa.array(["x"]), pa.array([1]), pa.array([2])], names=["text", "n", "n"])
    message = r'two columns are called "n"'
    with pytest.raises(tamis.DataError, match=message):
        tamis.judge(given, [Length()])
    with pytest.raises(tamis.DataError, match=message):
        run([Length()], split(tmp_path / "in", given, 1), tmp_path / "out")


LACKING = {  # columns of the data → the one that is proposed
    ("url", "contents"): "contents",
    ("url", "raw_content", "content"): "content",
    ("id", "title", "lang"): "title",
    ("body", "Text"): "Text",
    ("content", "text_clean"): "text_clean",
    ("id", "url"): "…",
}


@pytest.mark.parametrize("names", LACKING, ids=" ".join)
def test_missing_text_column(tmp_path: Path, names: tuple[str, ...]) -> None:
    """A missing text column is named, with those that exist and the one that is probably meant; nothing is written."""
    given = pa.table({**{name: ["x"] for name in names}, "n": [1]})
    place = split(tmp_path / "in", given, 1)
    with pytest.raises(tamis.DataError) as caught:
        run([Length()], place, tmp_path / "out")
    said, _, fix = str(caught.value).partition("\nFix: ")
    near = 'Did you mean "Text"?' if "Text" in names else f"There are columns: {', '.join([*names, 'n'])}."
    assert said == f'{place}/part-000.parquet: tamis reads the column "text", which the data lacks. {near}'
    add = "" if LACKING[names] != "…" else "add it to the shards, or "
    assert fix == f"{add}say which it is in the recipe: columns: {{text: {LACKING[names]}}}."
    assert not (tmp_path / "out").exists()
    with pytest.raises(tamis.DataError, match=f'^the data: tamis reads the column "text", .*\nFix: {add}say which it is: columns=tamis.Columns'):
        tamis.judge(given, [Length()])


ROW = b'{"text": "One"}\n{"text": "two"}\n'
OTHERS: dict[str, tuple[bytes, str]] = {  # name → content, what is said of it; the line that makes Parquet of it is tried
    "docs.jsonl": (ROW, "JSON Lines"),
    "docs.ndjson": (ROW, "JSON Lines"),
    "docs.json": (ROW, "JSON Lines"),
    "list.json": (b'[{"text": "One"}, {"text": "two"}]', "JSON"),
    "docs.csv": (b"text\nOne\ntwo\n", "CSV"),
    "docs.tsv": (b"n\ttext\n1\tOne\n2\ttwo\n", "CSV"),
    "docs.txt": (b"One", "plain text"),
    "my docs.txt": (b"One", "plain text"),
    "docs": (ROW, "JSON Lines"),
    "docs.jsonl.gz": (gzip.compress(ROW), "JSON Lines, packed with gzip"),
    "docs.txt.bz2": (bz2.compress(b"One"), "plain text, packed with bzip2"),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("whole", [True, False])
def test_other_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, whole: bool) -> None:  # noqa: FBT001  pytest passes by name
    """Of a file that is no Parquet it is said what it is, and the line that is given makes shards of it, also where a folder holds it."""
    monkeypatch.chdir(tmp_path)
    content, kind = OTHERS[name]
    Path("in").mkdir()
    Path("in", name).write_bytes(content)
    with pytest.raises(tamis.DataError) as caught:
        run([Length()], "in" if whole else f"in/{name}", "out")
    said, _, fix = str(caught.value).partition("\nFix: ")
    assert said == ('"in" holds no file that ends in ".parquet". ' if whole else "") + f"in/{name} is {kind}; tamis run reads Parquet."
    assert not Path("out").exists()
    if not whole and "csv" not in name:  # one program in two runs is enough
        done = subprocess.run(fix.replace("python", sys.executable, 1), shell=True, check=False, capture_output=True, text=True)
        assert done.stderr == ""
        assert pq.read_table(f"in/{name.split('.', maxsplit=1)[0]}.parquet").column("text").to_pylist() == ["One", "two"][: 1 if "txt" in name else 2]


def test_what_nobody_can_unpack(tmp_path: Path) -> None:
    """A format that Python cannot unpack, and one that is none, have their sentences too."""
    (tmp_path / "a.jsonl.zst").write_bytes(b"\x28\xb5\x2f\xfd...")
    (tmp_path / "b.parquet").write_bytes(b"\x00nothing of the kind")
    for name, wanted in {
        "a.jsonl.zst": "{0} is JSON Lines, packed with zstd; tamis run reads Parquet.\nFix: unpack it, as with `zstd -d a.jsonl.zst`, and make Parquet of what comes out.",
        "b.parquet": "{0} cannot be read: Parquet magic bytes not found in footer. Either the file is corrupted or this is not a parquet file.",
    }.items():
        with pytest.raises(tamis.DataError) as caught:
            run([Length()], str(tmp_path / name), tmp_path / "out")
        assert str(caught.value) == wanted.format(tmp_path / name)


def test_patterns_and_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns and "~" that no shell has resolved mean what they mean there; a pattern that fits nothing is said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    split(tmp_path / "in", table(), 3)
    (tmp_path / "r.yaml").write_text("stages: []")
    recipe = tamis.load_recipe("~/r.yaml")
    named = run(recipe, [f"{tmp_path}/in/part-00{i}.parquet" for i in (2, 0, 1)], tmp_path / "a")
    for place in ("~/in", f"{tmp_path}/in/*.parquet", "~/in/part-00[012].parquet", "~/*/*.parquet"):
        assert tamis.run(recipe, [place], "~/b")["inputs"] == named["inputs"]
        assert data(tmp_path / "b") == data(tmp_path / "a")
        files.remove(str(tmp_path / "b"))
    with pytest.raises(tamis.DataError) as caught:
        run(recipe, "~/in/*.parket", tmp_path / "c")
    assert str(caught.value) == f'nothing matches "{tmp_path}/in/*.parket".\nFix: name Parquet files, or folders that hold some.'


def test_ids(tmp_path: Path) -> None:
    """Integer ids are text in the ledger; missing and repeated ones are counted; no id column is no trouble."""
    ids = pa.array([7, 7, None, 8, 7, None])
    manifest = run([Length()], split(tmp_path / "in", table(id=ids), 2), tmp_path / "out")
    assert [row["id"] for row in ledger(tmp_path / "out")] == ["7", "7", None, "8", "7", None]
    assert (manifest["counts"]["without_id"], manifest["counts"]["repeated_ids"]) == (2, 2)
    assert manifest["warnings"] == [
        "2 documents without an id; their address is shard:row.",
        "2 documents with an id that an earlier one has; `tamis explain` shows all of an id.",
    ]
    manifest = run([Length()], split(tmp_path / "without", table(), 2), tmp_path / "out without")
    assert (manifest["counts"]["without_id"], manifest["warnings"], "id" in ledger(tmp_path / "out without")[0]) == (0, [], False)


def test_hugging_face_features_survive(tmp_path: Path) -> None:
    """The metadata in which Hugging Face keeps the features of a data set is in every curated shard."""
    given = corpus(6).replace_schema_metadata({"huggingface": '{"info": {"features": {}}}'})
    run([Length()], split(tmp_path / "in", given, 2), tmp_path / "out")
    for path in (tmp_path / "out" / "data").iterdir():
        assert pq.read_schema(path).metadata[b"huggingface"] == b'{"info": {"features": {}}}'


def test_a_document_of_50_mb(tmp_path: Path) -> None:
    """One enormous document among small ones is a document."""
    given = pa.table({"id": ["a", "b", "c"], "text": ["x", "word " * 10_000_000, "y"]})
    manifest = run([Lower(), tamis.make_stage("gopher_quality", max_words=100)], split(tmp_path / "in", given, 1), tmp_path / "out")
    assert [row["reasons"][0] for row in ledger(tmp_path / "out")][1] == "too many words"
    assert manifest["counts"]["bytes"] == 50_000_002


def test_shards_of_nothing(tmp_path: Path) -> None:
    """Files with zero rows, with or without a row group, are shards like others; the data tell the schema."""
    (tmp_path / "in").mkdir()
    empty = table(n=range(6)).slice(0, 0)
    pq.write_table(empty, tmp_path / "in" / "a.parquet")
    with pq.ParquetWriter(tmp_path / "in" / "b.parquet", empty.schema):
        pass
    for stages in ([], STAGES):
        manifest = run(stages, str(tmp_path / "in"), tmp_path / f"out{len(stages)}")
        assert (manifest["counts"]["files"], manifest["counts"]["documents"], manifest["warnings"]) == (2, 0, [])
        assert ledger(tmp_path / f"out{len(stages)}") == []
        assert pq.read_table(tmp_path / f"out{len(stages)}" / "data").schema.names == ["text", "n"]
    pq.write_table(table(n=range(6)), tmp_path / "in" / "c.parquet")
    assert run(STAGES, str(tmp_path / "in"), tmp_path / "out")["counts"]["kept"] == 3
