"""Contamination: what is found, what is not, and who is named."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import ledger, run

from tamis import folder, judge, make_stage
from tamis.documents import Columns
from tamis.errors import DataError, RecipeError, StageError
from tamis.explain import as_text, explain
from tamis.keys import description
from tamis.stages.contamination import Contamination
from tamis.testing import check_stage

DATA = Path(__file__).parents[2] / "shared" / "data"
SETS = {path.stem: path for path in sorted(DATA.glob("eval_icl_llmfoundry/*.jsonl"))} | {"blimp": DATA / "eval_blimp" / "blimp.parquet"}
SIGNALS = {"shared_ngrams": pl.UInt32, "longest_overlap": pl.UInt32, "coverage": pl.Float64, "item": pl.String, "longest_item": pl.String}
OFF = {"max_coverage": None, "max_longest_overlap": None, "max_shared_ngrams": None}


def words(start: int, stop: int) -> str:
    """The words w<start> to w<stop - 1>."""
    return " ".join(f"w{i}" for i in range(start, stop))


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """A text file of items: 0 has 30 words and 18 n-grams, 1 is empty, 2 has 9 words, 3 has 7, 4 has 9 but only three different ones."""
    path = tmp_path / "items.txt"
    path.write_text("\n".join([words(0, 30), "", "The quick brown fox jumps over the lazy dog!", words(100, 107), "yes no maybe " * 3]))
    return path


def stage(path: Path, **given: Any) -> Contamination:
    """The stage with one set, "quiz"."""
    return Contamination({"quiz": path}, **given)


def measured(text: str, one: Contamination) -> tuple[Any, ...]:
    """What a stage measures on a text."""
    return one.measure(pa.table({"text": pa.array([text], pa.large_string())})).row(0)


def reasons(text: str, one: Contamination) -> list[str]:
    """Why a stage drops a text."""
    return judge({"text": [text]}, [one])["reasons"][0].to_list()


NOTHING = (0, 0, 0.0, None, None)
MEASURED = [
    ("", NOTHING),
    ("...", NOTHING),
    (words(0, 12), NOTHING),
    (words(0, 13), (1, 13, 13 / 30, "quiz:0", "quiz:0")),
    (words(10, 30), (8, 20, 20 / 30, "quiz:0", "quiz:0")),
    (f"so {words(0, 30)} end", (18, 30, 1.0, "quiz:0", "quiz:0")),
    (f"{words(0, 14)} then {words(16, 30)}", (4, 14, 28 / 30, "quiz:0", "quiz:0")),
    (f"{words(0, 13)} and {words(0, 13)}", (2, 13, 13 / 30, "quiz:0", "quiz:0")),
    ("THE quick—brown «fox» jumps, over_the lazy\n\ndog", (1, 9, 1.0, "quiz:2", "quiz:2")),
    ("the quick brown fo\u00adx jumps over the la\u200dzy dog", (1, 9, 1.0, "quiz:2", "quiz:2")),
    ("the quick brown fox jumps over the lazy", NOTHING),
    (words(100, 107), NOTHING),
    ("yes no maybe yes no maybe yes no maybe", NOTHING),
    (f"{words(0, 29)} the quick brown fox jumps over the lazy dog", (18, 29, 1.0, "quiz:2", "quiz:0")),
]


@pytest.mark.parametrize(("text", "expected"), MEASURED)
def test_signals(items: Path, text: str, expected: tuple[Any, ...]) -> None:
    """A document shares what a reader would mark in it; punctuation, case and line ends do not count, short texts are nobody's."""
    assert measured(text, stage(items)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("limit", "kept", "dropped", "reason"),
    [
        ({"max_coverage": 0.5}, words(0, 15), words(0, 16), "holds an evaluation item"),
        ({"max_longest_overlap": 20}, words(5, 25), words(5, 26), "quotes an evaluation item at length"),
        ({"max_shared_ngrams": 0}, words(5, 17), words(5, 18), "shares word sequences with evaluation items"),
        ({"max_shared_ngrams": 3}, words(0, 15), words(0, 16), "shares word sequences with evaluation items"),
        ({}, words(0, 30), None, ""),
    ],
)
def test_limits(items: Path, limit: dict[str, float], kept: str, dropped: str | None, reason: str) -> None:
    """Each limit limits what its name says; equality keeps."""
    one = stage(items, **{**OFF, **limit})
    assert reasons(kept, one) == []
    assert dropped is None or reasons(dropped, one) == [reason]


def test_the_defaults(items: Path) -> None:
    """More than half of an item's words, or more than 50 words in a row, drop a document."""
    assert reasons(words(0, 15), stage(items)) == []
    assert reasons(words(0, 16), stage(items)) == ["holds an evaluation item"]
    long = items.with_name("long.txt")
    long.write_text(words(0, 400))
    assert reasons(words(0, 50), stage(long)) == []
    assert reasons(words(0, 51), stage(long)) == ["quotes an evaluation item at length"]


@pytest.mark.parametrize(
    ("given", "text", "coverage"),
    [
        ({"ngram": 5}, words(3, 8), 5 / 30),
        ({"ngram": 5}, words(3, 7), 0),
        ({"min_item_words": 7}, words(100, 107), 1),
        ({"min_item_words": 10}, "The quick brown fox jumps over the lazy dog", 0),
        ({"min_item_words": 14}, words(0, 13), 13 / 30),
        ({"min_item_distinct": 3}, "yes no maybe " * 3, 1),
        ({"min_item_distinct": 9}, "The quick brown fox jumps over the lazy dog", 0),
    ],
)
def test_measuring_parameters(items: Path, given: dict[str, int], text: str, coverage: float) -> None:
    """How long an n-gram is, and which texts are looked for, may be said."""
    assert measured(text, stage(items, **given))[2] == pytest.approx(coverage)


ITEMS = [
    {
        "id": "question 1 of the set of all the questions in here",
        "q": words(0, 20),
        "choices": {"text": [words(40, 49), "no"], "label": ["A", "B"]},
        "gold": 1,
    },
    {"id": "q2", "q": words(20, 40), "choices": {"text": ["yes"], "label": ["A"]}, "gold": None},
    {"id": "q3", "q": None, "choices": None, "gold": 0},
]


def written(path: Path) -> Path:
    """The items in the format that the name says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ITEMS), path)
    else:
        lines = "\n\n".join(map(json.dumps, ITEMS)) + "\n"
        path.write_bytes(gzip.compress(lines.encode()) if path.suffix == ".GZ" else lines.encode())
    return path


@pytest.mark.parametrize("name", ["set.parquet", "set.jsonl", "SET.JSONL.GZ"])
def test_formats_and_fields(tmp_path: Path, name: str) -> None:
    """Items are rows of Parquet or lines of JSONL; their texts are all there are, or those of the named fields; blank lines count."""
    path = written(tmp_path / name)
    second = 1 if path.suffix == ".parquet" else 2
    everything, some = stage(path), stage(path, fields={"quiz": ("choices.text", "q")})
    joined = stage(path, fields={"quiz": ("choices.text", "q")}, texts="joined")
    for one in (everything, some, joined):
        assert measured(words(20, 40), one)[3] == f"quiz:{second}"
    assert measured(words(40, 49), everything)[2:4] == (1.0, "quiz:0")
    assert measured("Question 1 of the set: of all the questions in here!", everything)[3] == "quiz:0"
    assert measured("Question 1 of the set: of all the questions in here!", some) == NOTHING
    assert measured(words(40, 49), joined) == NOTHING
    assert measured(f"{words(40, 49)}. No! {words(0, 20)}", joined)[1:4] == (30, 1.0, "quiz:0")


def test_what_is_not_looked_for_is_counted(items: Path, tmp_path: Path) -> None:
    """How many items and texts are looked for, and why the others are not, can be asked."""
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"a": words(0, 30), "b": words(50, 60), "c": "no"}))
    table = Contamination({"zebra": other, "quiz": items}).checked()
    assert table.rows() == [("quiz", 4, 2, 4, 1, 1, 0), ("zebra", 1, 1, 3, 1, 0, 1)]
    assert table.columns == ["set", "items", "checked", "texts", "short", "monotonous", "repeated"]


def test_the_order_of_sets_does_not_matter(items: Path, tmp_path: Path) -> None:
    """What two sets hold is called by the first name, however they are listed; more coverage or a longer run comes before names."""
    other = tmp_path / "other.txt"
    other.write_text(f"{words(0, 25)}\n{words(0, 30)}")
    for against in ({"b": items, "a": other}, {"a": other, "b": items}):
        assert measured(words(0, 30), Contamination(against))[3:] == ("a:1", "a:1")
        assert measured(words(0, 20), Contamination(against))[3:] == ("a:0", "a:0")
        assert measured(words(10, 25), Contamination(against))[3:] == ("a:0", "a:0")
    assert measured(words(0, 30), Contamination({"b": items, "c": other}))[3:] == ("b:0", "b:0")
    assert measured(words(0, 20), Contamination({"b": items, "c": other}))[3:] == ("c:0", "c:0")
    assert measured(f"{words(3, 30)} the quick brown fox jumps over the lazy dog", Contamination({"b": items, "c": other}))[3:] == (
        "b:2",
        "b:0",
    )


def test_mark_drops_nothing(items: Path) -> None:
    """ "mark" keeps every document, and the ledger names the item as it does for a dropped one."""
    data = {"text": [words(0, 30), words(0, 13), "no"], "source": ["web", "web", "book"]}
    blamed = [("quiz:0", 30, 1.0), (None, None, None), (None, None, None)]
    for action, copies in (("drop", [0, 1, 1]), ("mark", [1, 1, 1])):
        verdicts = judge(data, [stage(items, action=action)])
        assert verdicts["copies"].to_list() == copies
        assert verdicts.select("item", "overlap", "coverage").rows() == blamed


def test_where_and_by(items: Path) -> None:
    """Documents that are not judged are not blamed; limits may depend on a column."""
    data = {"text": [words(0, 30)] * 3, "source": ["web", "book", "exam"]}
    one = stage(items, where='source != "book"', by={"source": {"exam": {"max_coverage": None}}})
    verdicts = judge(data, [one])
    assert verdicts["copies"].to_list() == [0, 1, 1]
    assert verdicts["item"].to_list() == ["quiz:0", None, None]


def test_the_contract(items: Path) -> None:
    """The stage obeys the contract with any of its parameters, on documents that hold items."""
    texts = [words(0, 30), words(5, 22), "the quick brown fox jumps over the lazy dog", "", words(0, 13) * 3]
    docs = pa.table({"text": pa.array(texts, pa.large_string()), "source": ["web", "book", None, "web", "web"]})
    for given in (
        {},
        {"action": "mark"},
        {"max_shared_ngrams": 0, "by": {"source": {"book": {"max_coverage": 0.1}}}},
        {"ngram": 3, "texts": "joined"},
    ):
        check_stage(stage(items, **given), docs, other_process=False)
    empty = stage(items).measure(pa.table({"text": pa.array([], pa.large_string())}))
    assert dict(empty.schema) == SIGNALS


def test_a_run_explains(items: Path, tmp_path: Path) -> None:
    """`explain` shows what is shared beside the limits, and names the item; so does the ledger. Neither needs the items again."""
    pq.write_table(pa.table({"id": ["a", "b"], "text": [f"so {words(0, 30)}", "nothing"]}), tmp_path / "in.parquet")
    run([stage(items)], str(tmp_path / "in.parquet"), tmp_path / "out")
    assert [(row["item"], row["overlap"], row["coverage"]) for row in ledger(tmp_path / "out")] == [("quiz:0", 30, 1.0), (None, None, None)]
    items.unlink()
    (dropped,), (kept,) = (explain(folder.opened(str(tmp_path / "out")), name) for name in "ab")
    assert as_text(dropped) == (
        "a (in.parquet:0): dropped by 1 contamination: holds an evaluation item\n\n"
        "1 contamination\n"
        "  shared_ngrams        18\n"
        "  longest_overlap      30  must be at most 50   ok\n"
        "  coverage              1  must be at most 0.5  fails\n"
        "  item             quiz:0\n"
        "  longest_item     quiz:0"
    )
    assert as_text(kept).splitlines()[-2:] == ["  item             none", "  longest_item     none"]


def test_a_changed_file_is_another_key_and_is_read_again(items: Path) -> None:
    """Signals are stored by what the files hold; a limit, or `action`, changes nothing that is measured."""
    keyed = [
        description(stage(items, **given), Columns(), [], []) for given in ({}, {"max_coverage": 0.1, "action": "mark"}, {"ngram": 12})
    ]
    assert keyed[0] == keyed[1] != keyed[2]
    assert measured(words(60, 80), stage(items)) == NOTHING
    items.write_text(words(60, 90))
    assert measured(words(60, 80), stage(items))[1] == 20
    assert description(stage(items), Columns(), [], []) != keyed[0]


BAD_FILES = [
    (
        "a.jsonl",
        b'{"q": "x"}\n{"q": "x"\n',
        "{path}, line 2: this is not JSON: Expecting ',' delimiter at character 11.\nFix: write one item a line, each a JSON object.",
    ),
    (
        "a.jsonl",
        b"[" * 100_000,
        "{path}, line 1: this is not JSON: values inside values too deep.\nFix: write one item a line, each a JSON object.",
    ),
    ("a.txt", b"fine\n\xff\n", "{path}, line 2: this is not UTF-8.\nFix: save the file as UTF-8."),
    ("a.jsonl.gz", b"not gzip", "{path} cannot be read: Not a gzipped file (b'no').\nFix: write the file again."),
    ("a.parquet", b"PAR1 but no more", "{path} cannot be read as Parquet: …\nFix: write the file again."),
    (
        "a.txt",
        b"two words\n\n",
        (
            '{path} has no text of 8 words, 4 of them different, so that nothing of "quiz" could be found.\n'
            'Fix: leave it out, lower "min_item_words", or join the texts of an item with "texts: joined".'
        ),
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES, ids=[f"{one[0]} {i}" for i, one in enumerate(BAD_FILES)])
def test_malformed_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """A file that cannot be used is one sentence: which file, which line, what to do."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        judge({"text": ["a"]}, [stage(path)])
    said = re.sub(r"Parquet: .*\n", "Parquet: …\n", str(caught.value))
    assert said == message.format(path=path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is told before anything is measured, in memory and by a run."""
    one = stage(tmp_path / "gone.jsonl")
    for use in (lambda: judge({"text": ["a"]}, [one]), lambda: description(one, Columns(), [], [])):
        with pytest.raises(DataError) as caught:
            use()
        assert str(caught.value) == f'the file "{tmp_path}/gone.jsonl" does not exist.\nFix: give its path from the folder of the recipe.'


def test_a_field_that_no_item_has(tmp_path: Path) -> None:
    """A misspelt field is told apart from one that some items lack."""
    path = written(tmp_path / "set.jsonl")
    with pytest.raises(DataError) as caught:
        measured("a", stage(path, fields={"quiz": ("choices.text", "choice")}))
    assert str(caught.value) == f'{path}: no item has the field "choice". Did you mean "choices"?'


def test_half_a_surrogate_pair_in_an_item(tmp_path: Path) -> None:
    """What JSON can write and UTF-8 cannot parts words, and stops nothing."""
    path = tmp_path / "set.jsonl"
    path.write_text('{"q": "one two three four five six seven\\ud800eight nine"}')
    assert measured("one two three four five six seven eight nine", stage(path))[2] == 1


WRONG = [
    ({"against": {}}, 'contamination: "against" names no evaluation set.\nFix: give each a name and a file: {arc: arc.jsonl}.'),
    ({"fields": {"quizz": ["q"]}}, 'contamination: "fields" names no set "quizz". Did you mean "quiz"?'),
    ({"ngram": 0}, 'contamination: "ngram" must be at least 1, not 0.'),
    (
        {"against": {"quiz": "{folder}/items.csv"}},
        'contamination: "{folder}/items.csv" is in no format that can be read.\nFix: give an item a row or line in .parquet, .jsonl, .jsonl.gz, .txt.',
    ),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_parameters_that_make_no_sense(items: Path, given: dict[str, Any], message: str) -> None:
    """What cannot be meant is refused before anything is read."""
    items.with_name("items.csv").write_text("a,b")
    given = {"against": {"quiz": str(items)}, **given}
    given["against"] = {name: path.format(folder=items.parent) for name, path in given["against"].items()}
    with pytest.raises(RecipeError) as caught:
        make_stage("contamination", **given)
    assert str(caught.value) == "make_stage, stage 1: " + message.replace("{folder}", str(items.parent))


def test_parameters_that_no_recipe_could_hold(items: Path) -> None:
    """A class made by hand is checked as well: a path that is a text would not be part of the key."""
    for one, message in (
        (Contamination({"quiz": str(items)}), f'contamination: "against: quiz" wants a path, not "{items}".'),  # type: ignore[dict-item]
        (stage(items, action="delete"), 'contamination: "action" is "drop" or "mark", not "delete".'),
        (stage(items, texts="all"), 'contamination: "texts" is "each" or "joined", not "all".'),
    ):
        with pytest.raises(StageError) as caught:
            one.check()
        assert str(caught.value) == message


real = pytest.mark.skipif(not all(path.exists() for path in SETS.values()), reason="needs the evaluation sets of the reference data")
PAGES = DATA / "wcxb" / "pages.parquet"


def planted(change: Any) -> pl.DataFrame:
    """Verdicts on web pages into which LAMBADA's passages were put, each changed, and whether the passage has 26 words or more."""
    contexts = [json.loads(line)["context"] for line in SETS["lambada_openai"].read_text("utf-8").splitlines()][:200]
    pages = pq.read_table(PAGES).column("text").to_pylist()[:200]
    texts = [
        page[: len(page) // 2] + "\n\n" + change(context) + "\n\n" + page[len(page) // 2 :]
        for page, context in zip(pages, contexts, strict=True)
    ]
    one = Contamination(SETS, fields={"blimp": ("sentence_good", "sentence_bad")})
    ledger = judge({"text": texts}, [one])
    return ledger.hstack(one.measure(pa.table({"text": pa.array(texts, pa.large_string())})).select("shared_ngrams", "longest_item"))


@real
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        str.upper,
        lambda text: re.sub(r"[^\w\s]", " ", text),
        lambda text: text.replace(" ", "\n> "),
        lambda text: text.replace(" ", "  *").replace(".", " …"),
    ],
    ids=["verbatim", "upper case", "no punctuation", "a word a line", "marked up"],
)
def test_planted_items_are_found(change: Any) -> None:
    """Every item that is put into a web page is found and named, however its words are set."""
    verdicts = planted(change)
    assert verdicts["copies"].to_list() == [0] * 200
    assert verdicts["item"].to_list() == [f"lambada_openai:{i}" for i in range(200)]


@real
def test_planted_edited_items() -> None:
    """An item of which each 20th word is another is mostly found; of one with each tenth another, 13 words are never shared."""
    assert planted(lambda text: changed(text, 30))["copies"].sum() == 0
    assert planted(lambda text: changed(text, 20))["copies"].sum() == 7
    verdicts = planted(lambda text: changed(text, 10))
    assert verdicts["copies"].to_list() == [1] * 200
    assert verdicts["shared_ngrams"].to_list() == [0] * 200


def changed(text: str, each: int) -> str:
    """The text with another word in each place that is a multiple of a number, less half of it."""
    return " ".join("tamis" if i % each == each // 2 else word for i, word in enumerate(text.split()))


@real
def test_planted_parts_of_items() -> None:
    """A third of an item is seen and stays, six tenths of one are enough to go."""
    third = planted(lambda text: text[: len(text) // 3])
    assert ((third["shared_ngrams"] > 0).sum(), third["copies"].sum()) == (199, 200)
    assert planted(lambda text: text[: len(text) * 6 // 10])["copies"].sum() == 0


@real
def test_real_pages_share_next_to_nothing() -> None:
    """Of 1,354 web pages and 3,067 government pages, one holds a text of a set: the 8 words of an answer, which anybody may write."""
    one = Contamination(SETS)
    for path, expected in ((PAGES, [("arc_easy:474", 8)]), (DATA / "usgov_web_cc0" / "pages.parquet", [])):
        verdicts = judge(pq.read_table(path, columns=["text"]), [one])
        assert verdicts.filter(pl.col("copies") == 0).select("item", "overlap").rows() == expected
