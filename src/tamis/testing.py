"""check_stage: the contract that built-in and third-party stages are held to.

def test_my_stage():
check_stage(Digits(max_digit_share=0.2))
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import to_table
from tamis.errors import StageError
from tamis.keys import DECIDING
from tamis.memory import Table, judge
from tamis.stage import Edit, Stage, has, parameters

TEXTS = (
    "",
    " ",
    "\n\n",
    "word",
    "The cat sat on the mat, and the dog looked at the cat. It was a day to be happy with that.\n" * 6,
    "- a\n- b\n- c\n* d\n• e",
    "### # # ... … . . .",
    "Zażółć gęślą jaźń; ÅÄÖ, naïve façade, e\u0301 and \u00e9.\r\nNext line\u0085and\u2028another.",
    "我们走在大街上。 日本語のテキストです。 ภาษาไทยไม่มีช่องว่าง",
    "مرحبا بالعالم هذا نص عربي قصير",
    "\u0301\u200d\ufeff\x00\x1f",
    "👩‍👩‍👧‍👦 🇫🇷 ﬁ Ａｂｃ １２３",
    "0123456789 " * 9,
    "x" * 10_000,
    "word " * 3_000,
    "word",
)
"""Documents that have broken stages before: empty, blank, one word, bullets, marks alone, every kind of script, long, equal."""


def documents() -> pa.Table:
    """The documents that stages are tried on: text, id, source, lang, url, score."""
    n = len(TEXTS)
    return pa.table({
        "text": pa.array(TEXTS, pa.large_string()),
        "id": [f"d{i}" for i in range(n)],
        "source": [("web", "book", None)[i % 3] for i in range(n)],
        "lang": [("en", "fr", None)[i % 3] for i in range(n)],
        "url": [f"https://www.example.com/{i}" for i in range(n)],
        "score": [None if i % 4 == 3 else i / n for i in range(n)],
    })


def check_stage(stage: Stage, docs: Any = None, *, other_process: bool = True) -> None:
    """Hold a stage to its contract.

    Args:
        stage: to be tried.
        docs: documents to try it on, besides `documents()`; they must have the columns that the stage reads.
        other_process: also measure in another process under another hash seed; it takes about a second.

    Raises:
        StageError: names the law that is broken, and shows where.
    """
    table = documents() if docs is None else to_table(docs)
    stage.check()
    arguments = _arguments(stage, table)
    seen = _seen(stage, table)
    signals = stage.measure(seen, *arguments)
    _law_of_shape(stage, seen, signals, arguments)
    _law_of_locality(stage, seen, signals, arguments)
    _law_of_numbers(stage, signals)
    _law_of_repetition(stage, seen, signals, arguments, other_process=other_process)
    _law_of_parameters(stage, seen, signals, arguments)
    if isinstance(stage, Edit):
        _law_of_edits(stage, seen, arguments)
        return
    whole = judge(table, [stage])
    if not (stage.needs_corpus or has(stage, "fit") or has(stage, "relate")):
        _law_of_parts(stage, table, whole)
    _law_of_reasons(stage, whole)
    _law_of_order(stage, table, whole)


def _arguments(stage: Stage, table: pa.Table) -> tuple[bytes, ...]:
    return (stage.fit(Table(_seen(stage, table))) or b"",) if has(stage, "fit") else ()  # type: ignore[attr-defined]


def _seen(stage: Stage, table: pa.Table) -> pa.Table:
    missing = [name for name in stage.columns_read() if name not in table.column_names]
    if missing:
        _fail(stage, "cannot be tried", f'the documents lack the column "{missing[0]}"; pass `docs` that have it')
    return table.select(list(stage.columns_read()))


def _law_of_shape(stage: Stage, docs: pa.Table, signals: Any, arguments: Sequence[bytes]) -> None:
    if not isinstance(signals, pl.DataFrame):
        _fail(stage, "must measure a polars DataFrame", f"measure returned {type(signals).__name__}")
    if signals.width and signals.height != docs.num_rows:
        _fail(stage, "must measure one row a document", f"{signals.height} rows for {docs.num_rows} documents")
    empty = stage.measure(docs.slice(0, 0), *arguments)
    if empty.schema != signals.schema:
        _fail(stage, "must measure the same columns and types for zero documents", f"{dict(empty.schema)}, not {dict(signals.schema)}")


def _law_of_locality(stage: Stage, docs: pa.Table, signals: pl.DataFrame, arguments: Sequence[bytes]) -> None:
    for i in range(docs.num_rows):
        alone = stage.measure(docs.slice(i, 1), *arguments)
        if not alone.equals(signals[i : i + 1]):
            _fail(stage, "must measure a document by itself", f"document {i} is {alone.row(0)} alone and {signals.row(i)} among others")


def _law_of_numbers(stage: Stage, signals: pl.DataFrame) -> None:
    for name in signals.columns:
        if signals[name].dtype.is_float() and signals[name].is_nan().any():
            _fail(stage, "must not measure NaN; null says that something is not measurable", f'the signal "{name}"')


def _law_of_repetition(stage: Stage, docs: pa.Table, signals: pl.DataFrame, arguments: Sequence[bytes], *, other_process: bool) -> None:
    try:
        copied = pickle.loads(pickle.dumps(stage))  # noqa: S301  our own bytes
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        _fail(stage, "must pickle", str(error))
    if not copied.measure(docs, *arguments).equals(signals):
        _fail(stage, "must measure the same after pickling", "it does not")
    if other_process and type(stage).__module__ != "__main__" and not _elsewhere(stage, docs, arguments).equals(signals):
        _fail(stage, "must measure the same in another process, under another hash seed", "it does not")


_ELSEWHERE = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
stage, docs, arguments = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(pickle.dumps(stage.measure(docs, *arguments)))
"""


def _elsewhere(stage: Stage, docs: pa.Table, arguments: Sequence[bytes]) -> pl.DataFrame:
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    given = pickle.dumps(sys.path) + pickle.dumps((stage, docs, tuple(arguments)))
    command = [sys.executable, "-c", _ELSEWHERE]
    done = subprocess.run(command, input=given, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}, check=False)  # noqa: S603
    if done.returncode:
        _fail(stage, "must measure in another process", done.stderr.decode(errors="replace").strip().splitlines()[-1])
    frame: pl.DataFrame = pickle.loads(done.stdout)  # noqa: S301  our own bytes
    return frame


def _law_of_parameters(stage: Stage, docs: pa.Table, signals: pl.DataFrame, arguments: Sequence[bytes]) -> None:
    """A parameter that is said not to change `measure` does not."""
    if stage.measured_by is None:
        return
    for name in stage.measured_by:
        if name not in parameters(stage):
            _fail(stage, "must name its own parameters in measured_by", f'there is no "{name}"')
    for name, value in parameters(stage).items():
        if name in stage.measured_by or name in DECIDING:
            continue
        for other in _others(value):
            changed: Any = replace(stage, **{name: other})  # type: ignore[type-var]
            if not changed.measure(docs, *arguments).equals(signals):
                _fail(stage, "must name in measured_by all that changes measure", f'"{name}" does: {value} and {other} measure differently')


def _others(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value / 2)
    elif value is None:
        yield 1


def _law_of_edits(stage: Edit, docs: pa.Table, arguments: Sequence[bytes]) -> None:
    texts, _ = stage.edit(docs, *arguments)
    if len(texts) != docs.num_rows or texts.null_count or not pa.types.is_large_string(texts.type):
        _fail(stage, "must return a text for every document, as large_string without nulls", f"{len(texts)} of {texts.type}, {texts.null_count} nulls")
    for i in range(docs.num_rows):
        alone, _ = stage.edit(docs.slice(i, 1), *arguments)
        if alone[0].as_py() != texts[i].as_py():
            _fail(stage, "must edit a document by itself", f"document {i} differs alone")


def _law_of_parts(stage: Stage, table: pa.Table, whole: pl.DataFrame) -> None:
    half = table.num_rows // 2
    parts = pl.concat([judge(table.slice(0, half), [stage]), judge(table.slice(half), [stage])]).drop("row")
    if not parts.equals(whole.drop("row")):
        _fail(stage, "must decide on a batch as on its parts, or set needs_corpus", "verdicts differ when documents are judged in two halves")


def _law_of_reasons(stage: Stage, whole: pl.DataFrame) -> None:
    wrong = whole.filter((pl.col("copies") == 0) != (pl.col("reasons").list.len() > 0))
    if wrong.height:
        _fail(stage, "must give reasons if and only if it drops a document", f"document {wrong['row'][0]}")


def _law_of_order(stage: Stage, table: pa.Table, whole: pl.DataFrame) -> None:
    order = np.random.default_rng(0).permutation(table.num_rows)
    shuffled = judge(table.take(pa.array(order)), [stage])
    back = shuffled[np.argsort(order)].drop("row", "partner", strict=False)
    if not back.equals(whole.drop("row", "partner", strict=False)):
        where = next(i for i in range(whole.height) if back.row(i) != whole.drop("row", "partner", strict=False).row(i))
        _fail(stage, "must decide alike in any order of documents", f"document {where} differs")


def _fail(stage: Stage, law: str, found: str) -> None:
    raise StageError(f"{stage.name()} {law}: {found}.")


