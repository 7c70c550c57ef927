"""Evaluation items: read from files, made into sequences."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.ablate.item_files import load_sets
from tamis.ablate.items import ItemSet
from tamis.errors import DataError
from tamis.lm.tokens import Tokens

SETS = Path(__file__).parents[2] / "shared" / "data"
CHOICE = {"query": "Cows eat", "choices": ["meat", "green grass", "stones"], "gold": 1}
QUESTION = {"query": "Question: What do cows eat?\n", "choices": ["Grass.", "Meat."], "gold": 0}
CONTINUATION = {"context": "The cow went into the ", "continuation": "barn"}
SCHEMA = {
    "context_options": ["The cow fled from the dog because the cow", "The cow fled from the dog because the dog"],
    "continuation": "barked.",
    "gold": 1,
}
PAIR = {"sentence_good": "Cows eat grass.", "sentence_bad": "Cows eats grass.", "UID": "agreement", "linguistics_term": "subject_verb"}


class Bytes:
    """A tokenizer: each byte is a token."""

    def encode(self, texts: pa.Array, workers: int = 1) -> Tokens:
        return Tokens.of([text.encode() for text in texts.to_pylist()])


class Words:
    """A tokenizer that would make one token of two words across a boundary: "in to"."""

    def encode(self, texts: pa.Array, workers: int = 1) -> Tokens:
        ids = {"in": 1, " to": 2, "in to": 3}
        return Tokens.of([[ids[text]] for text in texts.to_pylist()])


def write(path: Path, items: list[object]) -> Path:
    """A JSONL file of some items."""
    path.write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    return path


def read(tmp_path: Path, *items: object) -> ItemSet:
    """The set that some items make."""
    return load_sets([write(tmp_path / "set.jsonl", list(items))])[0]


def options(items: ItemSet) -> list[tuple[str, str, int, bool]]:
    """Context, continuation, item and whether it is gold, of every option."""
    sequences = items.sequences
    return list(
        zip(
            sequences.contexts.to_pylist(),
            sequences.continuations.to_pylist(),
            sequences.items.tolist(),
            sequences.is_gold.tolist(),
            strict=True,
        )
    )


KINDS = {
    "choice": (CHOICE, [("Cows eat", " meat", 0, False), ("Cows eat", " green grass", 0, True), ("Cows eat", " stones", 0, False)]),
    "question": (
        QUESTION,
        [("Question: What do cows eat?\nAnswer:", " Grass.", 0, True), ("Question: What do cows eat?\nAnswer:", " Meat.", 0, False)],
    ),
    "continuation": (CONTINUATION, [("The cow went into the", " barn", 0, True)]),
    "schema": (
        SCHEMA,
        [
            ("The cow fled from the dog because the cow", " barked.", 0, False),
            ("The cow fled from the dog because the dog", " barked.", 0, True),
        ],
    ),
    "pairs": (PAIR, [("", "Cows eat grass.", 0, True), ("", "Cows eats grass.", 0, False)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_options(kind: str, tmp_path: Path) -> None:
    """Each kind of item gives its contexts and continuations, with a space between that is scored, and knows the gold one."""
    item, expected = KINDS[kind]
    items = read(tmp_path, item)
    assert items.kind == {"question": "choice"}.get(kind, kind)
    assert options(items) == expected


def test_items_are_numbered_and_addressed(tmp_path: Path) -> None:
    """Options of an item share its number; blank lines are no items, and count in the addresses."""
    (tmp_path / "set.jsonl").write_text(f"{json.dumps(CHOICE)}\n\n{json.dumps(QUESTION)}\n", "utf-8")
    [items] = load_sets([tmp_path / "set.jsonl"])
    assert items.sequences.items.tolist() == [0, 0, 0, 1, 1]
    assert items.rows == ["set:0", "set:2"]
    assert len(items) == 2
    assert items.sequences.scored_bytes().tolist() == [5, 12, 7, 7, 6]


def test_pairs_are_grouped(tmp_path: Path) -> None:
    """Minimal pairs carry their paradigm and phenomenon, under BLiMP's names or ours, from JSONL or Parquet."""
    pq.write_table(
        pa.Table.from_pylist([{"sentence_good": "a b", "sentence_bad": "b a", "uid": "p", "term": "f", "pair_id": 3}]),
        tmp_path / "copy.parquet",
    )
    first, second = load_sets([write(tmp_path / "own.jsonl", [PAIR]), tmp_path / "copy.parquet"])
    assert first.groups == {"phenomenon": ["subject_verb"], "paradigm": ["agreement"]}
    assert second.groups == {"phenomenon": ["f"], "paradigm": ["p"]}


def test_pairs_in_one_folder_are_one_set(tmp_path: Path) -> None:
    """Files of minimal pairs in a folder are its paradigms; other files beside them stay sets of their own; what is no set is passed over."""
    folder = tmp_path / "blimp"
    folder.mkdir()
    bare = {"sentence_good": "Cows eat grass.", "sentence_bad": "Cows eats grass."}
    write(folder / "b.jsonl", [bare])
    write(folder / "a.jsonl", [bare, bare])
    write(folder / "c.jsonl", [CHOICE])
    (folder / "README.md").write_text("about", "utf-8")
    choice, pairs = load_sets([folder])
    assert (choice.name, pairs.name) == ("c", "blimp")
    assert pairs.groups == {"paradigm": ["a", "a", "b"]}
    assert pairs.rows == ["a:0", "a:1", "b:0"]


def test_gzipped_files_are_read(tmp_path: Path) -> None:
    """A set may be compressed; its name is that of the file without the format."""
    (tmp_path / "arc.jsonl.gz").write_bytes(gzip.compress(json.dumps(CHOICE).encode()))
    assert load_sets([tmp_path / "arc.jsonl.gz"])[0].name == "arc"


BROKEN = {
    "not JSON": ('{"query": ', "{path}, line 2: this is not JSON: Expecting value at character 12.\nFix: write one item a line, each a JSON object."),
    "no object": ("[1]", "{path}, line 2: an item of this file needs the fields query, choices, gold, and this one has none."),
    "another kind": (json.dumps(CONTINUATION), "{path}, line 2: an item of this file needs the fields query, choices, gold, and this one has context, continuation."),
    "gold beyond": (json.dumps({**CHOICE, "gold": 3}), '{path}, line 2: "gold" is 3, not the place of one of the 3 choices, counted from 0.'),
    "gold below": (json.dumps({**CHOICE, "gold": -1}), '{path}, line 2: "gold" is -1, not the place of one of the 3 choices, counted from 0.'),
    "gold a letter": (json.dumps({**CHOICE, "gold": "B"}), "{path}, line 2: \"gold\" is 'B', not the place of one of the 3 choices, counted from 0."),
    "gold a truth": (json.dumps({**CHOICE, "gold": True}), '{path}, line 2: "gold" is True, not the place of one of the 3 choices, counted from 0.'),
    "one choice": (json.dumps({**CHOICE, "choices": ["a"]}), "{path}, line 2: \"choices\" is ['a'], not a list of two texts or more."),
    "blank choice": (json.dumps({**CHOICE, "choices": ["a", " "]}), "{path}, line 2: \"choices\" is ['a', ' '], not a list of two texts or more."),
    "blank query": (json.dumps({**CHOICE, "query": "\n"}), "{path}, line 2: \"query\" is '\\n', not a text."),
    "null query": (json.dumps({**CHOICE, "query": None}), '{path}, line 2: "query" is None, not a text.'),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_line_is_named(case: str, tmp_path: Path) -> None:
    """A line that is no item stops the reading, with file, line, what was seen and what belongs there."""
    line, message = BROKEN[case]
    path = tmp_path / "set.jsonl"
    path.write_text(f"{json.dumps(CHOICE)}\n{line}\n", "utf-8")
    with pytest.raises(DataError) as error:
        load_sets([path])
    assert str(error.value) == message.format(path=path)


def test_a_broken_row_of_parquet_is_named(tmp_path: Path) -> None:
    """In Parquet the place is the row, from 0."""
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.Table.from_pylist([PAIR, {**PAIR, "sentence_bad": None}]), path)
    with pytest.raises(DataError) as error:
        load_sets([path])
    assert str(error.value) == f'{path}, row 1: "sentence_bad" is None, not a text.'


def test_letters_are_refused(tmp_path: Path) -> None:
    """A file that asks for letters is refused, for a small model answers at chance; a few one-letter answers among words are not."""
    lettered = {"query": "Question: Who barks?\nA. cow\nB. dog\nAnswer:", "choices": ["A", "B"], "gold": 1}
    path = write(tmp_path / "siqa.jsonl", [lettered, lettered, CHOICE])
    with pytest.raises(DataError) as error:
        load_sets([path])
    assert str(error.value) == (
        f'{path}: the choices of 2 of 3 items are letters ("A", "B"), which a small model answers at chance.\n'
        'Fix: write the answers themselves into "choices".'
    )
    assert len(load_sets([write(tmp_path / "chemistry.jsonl", [lettered, CHOICE])])[0]) == 2


def test_what_is_no_set_is_refused(tmp_path: Path) -> None:
    """A path that is absent, empty, of no known format or of no known kind is named; so are two sets of one name, and one called as held-out documents are."""
    write(tmp_path / "other.jsonl", [{"question": "?", "answer": "!"}])
    (tmp_path / "empty.jsonl").write_text("\n", "utf-8")
    (tmp_path / "set.csv").write_text("a,b\n", "utf-8")
    (tmp_path / "folder").mkdir()
    write(tmp_path / "set.jsonl", [CHOICE])
    (tmp_path / "set.jsonl.gz").write_bytes(gzip.compress(json.dumps(CHOICE).encode()))
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    wrong = {
        "absent.jsonl": "{path} does not exist, so no evaluation set can be read from it.",
        "other.jsonl": (
            "{path}, line 1: this is no item of a kind that can be scored: it has fields question, answer.\nFix: give it the fields of one kind: "
            "sentence_good, sentence_bad; context_options, continuation, gold; query, choices, gold; context, continuation."
        ),
        "empty.jsonl": "{path} holds no item.\nFix: leave the file out, or write one item a line.",
        "set.csv": '{path} is no evaluation set: its name ends in ".csv".\nFix: name a file that ends in .jsonl, .jsonl.gz or .parquet.',
        "folder": "{path} holds no evaluation set.\nFix: name a folder with files that end in .jsonl, .jsonl.gz or .parquet.",
    }
    for name, message in wrong.items():
        with pytest.raises(DataError) as error:
            load_sets([tmp_path / name])
        assert str(error.value) == message.format(path=tmp_path / name)
    with pytest.raises(DataError, match=r"torn\.parquet cannot be read as Parquet"):
        load_sets([tmp_path / "torn.parquet"])
    with pytest.raises(DataError) as error:
        load_sets([tmp_path / "set.jsonl", tmp_path / "set.jsonl.gz"])
    assert str(error.value) == 'Two evaluation sets are named "set".\nFix: rename a file, for a set is named after its file.'
    write(tmp_path / "raw.jsonl", [CHOICE])
    with pytest.raises(DataError, match='An evaluation set is named "raw", as held-out documents are'):
        load_sets([tmp_path / "raw.jsonl"])


@pytest.mark.parametrize("kind", KINDS)
def test_encoded_sequences_are_context_and_continuation(kind: str, tmp_path: Path) -> None:
    """Every sequence decodes to context and continuation, and is scored from the continuation's first token on."""
    items = read(tmp_path, KINDS[kind][0], KINDS[kind][0])
    encoded = items.encode(Bytes())
    assert len(encoded.tokens) == len(items.sequences)
    for i, (context, continuation, _, _) in enumerate(options(items)):
        assert bytes(encoded.tokens[i].astype(np.uint8)).decode() == context + continuation
        assert encoded.first[i] == len(context.encode())


def test_no_token_crosses_the_boundary(tmp_path: Path) -> None:
    """Context and continuation are made into tokens apart: "in" and " to" stay two, of which the second is scored."""
    encoded = read(tmp_path, {"context": "in", "continuation": "to"}).encode(Words())
    assert encoded.tokens.ids.tolist() == [1, 2]
    assert encoded.tokens.starts.tolist() == [0, 2]
    assert encoded.first.tolist() == [1]


def test_overlap_texts_are_context_and_gold(tmp_path: Path) -> None:
    """Training text must not hold what is asked together with the right answer: one text an item, with its address."""
    expected = {
        "choice": "Cows eat green grass",
        "question": "Question: What do cows eat?\nAnswer: Grass.",
        "continuation": "The cow went into the barn",
        "schema": "The cow fled from the dog because the dog barked.",
        "pairs": "Cows eat grass.",
    }
    for kind, text in expected.items():
        assert read(tmp_path, KINDS[kind][0]).overlap_texts().to_pylist() == [{"item": "set:0", "text": text}]


def test_thinned_keeps_so_many_of_each_group(tmp_path: Path) -> None:
    """Of each paradigm at most so many pairs stay, whole, in their order; the same ones if the file is in another order."""
    pairs = [{**PAIR, "sentence_good": f"good {i}", "sentence_bad": f"bad {i}", "UID": f"p{i % 3}"} for i in range(30)]
    whole = read(tmp_path, *pairs)
    thin = whole.thinned(4)
    assert sorted(thin.groups["paradigm"]) == ["p0"] * 4 + ["p1"] * 4 + ["p2"] * 4
    rows = [int(row.removeprefix("set:")) for row in thin.rows]
    assert rows == sorted(rows)
    assert [c for _, c, _, _ in options(thin)] == [text for row in rows for text in (f"good {row}", f"bad {row}")]
    assert thin.sequences.items.tolist() == [i for i in range(12) for _ in range(2)]
    backwards = read(tmp_path, *pairs[::-1]).thinned(4)
    assert set(backwards.overlap_texts()["text"].to_pylist()) == set(thin.overlap_texts()["text"].to_pylist())
    assert whole.thinned(4, seed=1).rows != thin.rows
    assert whole.thinned(100).rows == whole.rows


@pytest.mark.skipif(not SETS.exists(), reason="shared data is absent")
def test_sets_of_llm_foundry_and_blimp_are_read() -> None:
    """The sets as they are published are read whole: kind, items and options."""
    sets = {one.name: one for one in load_sets([SETS / "eval_icl_llmfoundry", SETS / "eval_blimp"])}
    assert {name: (one.kind, len(one), len(one.sequences)) for name, one in sets.items()} == {
        "arc_easy": ("choice", 2376, 9504),
        "copa": ("choice", 100, 200),
        "lambada_openai": ("continuation", 5153, 5153),
        "openbook_qa": ("choice", 500, 2000),
        "piqa": ("choice", 1838, 3676),
        "winograd_wsc": ("schema", 273, 546),
        "winogrande": ("schema", 1267, 2534),
        "blimp": ("pairs", 67_000, 134_000),
    }
    assert {by: len(set(names)) for by, names in sets["blimp"].groups.items()} == {"phenomenon": 13, "paradigm": 67}
    for one in sets.values():
        thin = one.thinned(5)
        encoded = thin.encode(Bytes())
        for i, (context, continuation, _, _) in enumerate(options(thin)):
            assert bytes(encoded.tokens[i].astype(np.uint8)).decode() == context + continuation
        assert np.bincount(one.sequences.items, one.sequences.is_gold).tolist() == [1.0] * len(one)
