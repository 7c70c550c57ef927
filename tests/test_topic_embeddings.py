"""Topics found by vectors of words: every kind of file gives the vectors that it holds, bad files one sentence, and topics are what the vectors say."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("sklearn")

from sklearn.preprocessing import normalize

from tamis import make_stage
from tamis.errors import DataError, RecipeError
from tamis.memory import Table
from tamis.stages._embeddings import vectors

WORDS = ["river", "water", "judge", "court"]
ROWS = np.array([[1, 0, 0.25], [0.9, 0.1, 0], [0, 1, 0.5], [0.1, 0.9, 0]], np.float32)


def vec(path: Path, words: list[str] = WORDS, rows: np.ndarray = ROWS, *, head: bool = True) -> Path:
    """A text file of vectors."""
    lines = [f"{len(words)} {rows.shape[1]}"] if head else []
    lines += [f"{word} {' '.join(map(str, row))}" for word, row in zip(words, rows.tolist(), strict=True)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def tokenizer(folder: Path, words: list[str]) -> None:
    """A tokenizer.json of whole words, the first of which stands for unknown ones."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=words[0]))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))


def safetensors(path: Path, **tensors: np.ndarray) -> Path:
    """A file of tensors, written by the letter of the format."""
    kinds = {"float32": "F32", "float16": "F16", "int64": "I64", "float64": "F64"}
    head: dict[str, Any] = {"__metadata__": {"made": "here"}}
    at, parts = 0, []
    for name, one in tensors.items():
        content = one.tobytes()
        head[name] = {"dtype": kinds[str(one.dtype)], "shape": list(one.shape), "data_offsets": [at, at + len(content)]}
        at += len(content)
        parts.append(content)
    said = json.dumps(head).encode()
    said += b" " * (-len(said) % 8)
    path.write_bytes(struct.pack("<Q", len(said)) + said + b"".join(parts))
    return path


@pytest.mark.parametrize("head", [True, False])
def test_a_file_of_text_is_read(tmp_path: Path, *, head: bool) -> None:
    """Each word asked for has its numbers, others none; capitals stand in where a word has no line of its own, and only there."""
    path = vec(
        tmp_path / "e.vec", ["River", "Paris", "paris", *WORDS[1:]], np.vstack([ROWS[:1], ROWS[1:2], ROWS[2:3], ROWS[1:]]), head=head
    )
    found = vectors(path, ["paris", "river", "court", "nothing"])
    assert found.tolist() == [ROWS[2].tolist(), ROWS[0].tolist(), ROWS[3].tolist(), [0, 0, 0]]
    assert found.dtype == np.float32


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_a_static_embedding_is_read(tmp_path: Path, kind: type) -> None:
    """The rows of tokens, by the tokenizer beside the file; with weights and a mapping of tokens to rows, as model2vec has them; unknown words have none."""
    tokenizer(tmp_path, ["[UNK]", *WORDS])
    rows = np.vstack([np.full((1, 3), 9), ROWS]).astype(kind)
    plain = safetensors(tmp_path / "plain.safetensors", **{"embedding.weight": rows})
    np.save(tmp_path / "plain.npy", rows)
    for path in (plain, tmp_path / "plain.npy"):
        assert vectors(path, ["court", "nothing", "river"]) == pytest.approx(np.array([ROWS[3], [0, 0, 0], ROWS[0]]), abs=1e-3)
    weights, mapping = np.array([1, 1, 2, 1, 1], np.float64), np.array([0, 4, 3, 2, 1], np.int64)
    mapped = safetensors(tmp_path / "m.safetensors", embeddings=rows, weights=weights, mapping=mapping)
    assert vectors(mapped, ["river", "water"]) == pytest.approx(np.array([ROWS[3], 2 * ROWS[2]]), abs=1e-3)


def test_fasttext_models_give_the_librarys_vectors(tmp_path: Path) -> None:
    """Of vectors with n-grams of characters, of words unknown to them too, and of classifiers without: the directions that the library has, some builds of which make them of length 1."""
    fasttext = pytest.importorskip("fasttext")
    rng = random.Random(1)
    lines = [" ".join(rng.choice(WORDS) for _ in range(8)) for _ in range(80)]
    (tmp_path / "text").write_text("\n".join(lines))
    (tmp_path / "labelled").write_text("\n".join(f"__label__{rng.choice('ab')} {line}" for line in lines))
    how = {"dim": 5, "minCount": 1, "thread": 1, "verbose": 0, "epoch": 2}
    grown = fasttext.train_unsupervised(str(tmp_path / "text"), model="skipgram", bucket=500, minn=2, maxn=4, **how)
    plain = fasttext.train_supervised(str(tmp_path / "labelled"), **how)
    grown.save_model(str(tmp_path / "grown.bin"))
    plain.save_model(str(tmp_path / "plain.bin"))
    asked = [*WORDS, "rivers"]
    for name, model in (("grown", grown), ("plain", plain)):
        library = np.array([model.get_word_vector(word) for word in asked])
        assert normalize(vectors(tmp_path / f"{name}.bin", asked)) == pytest.approx(normalize(library), abs=1e-5)
    rows = grown.get_input_matrix()[grown.get_subwords("river")[1]]
    assert vectors(tmp_path / "grown.bin", ["river"])[0] == pytest.approx(rows.mean(axis=0), abs=1e-6)
    with pytest.raises(DataError, match="is a fastText model of word vectors, not a classifier"):
        make_stage("topics", classifier=str(tmp_path / "grown.bin")).measure(pa.table({"text": ["river"]}))


def _bad(folder: Path) -> dict[str, Path]:
    """Files that hold no vectors, by what is wrong with them."""
    (folder / "empty.vec").write_text("")
    (folder / "prose.vec").write_text("river\nwater\n")
    (folder / "cut.vec").write_text("river 1 2 3\nwater 1 2\n")
    (folder / "one.vec").write_text("river 1 2 3\nwater 1\n")
    (folder / "letters.vec").write_text("river 1 x 3\n")
    (folder / "nan.vec").write_text("river 1 nan 3\n")
    (folder / "other.vec").write_text("fluss 1 2 3\n")
    (folder / "e.onnx").write_bytes(b"x")
    (folder / "noise.bin").write_bytes(b"noise, not a model")
    (folder / "noise.safetensors").write_bytes(b"noise, not tensors")
    (folder / "empty.safetensors").write_bytes(b"")
    (folder / "noise.npy").write_bytes(b"noise")
    np.save(folder / "whole.npy", np.arange(12).reshape(4, 3))
    np.save(folder / "few.npy", ROWS[:2])
    alone = folder / "alone"
    alone.mkdir()
    np.save(alone / "e.npy", ROWS)
    tokenizer(folder, ["[UNK]", *WORDS])
    safetensors(folder / "two.safetensors", a=ROWS, b=ROWS)
    safetensors(folder / "light.safetensors", a=np.vstack([ROWS, ROWS[:1]]), weights=np.ones(2, np.float32))
    safetensors(folder / "mapped.safetensors", a=np.vstack([ROWS, ROWS]), mapping=np.array([0, 1, 2, 3, 8]))
    return {path.name: path for path in folder.iterdir()} | {"alone": alone / "e.npy", "none": folder / "none.vec"}


BAD = {
    "none": "do not exist.",
    "empty.vec": "is no file of embeddings: it is empty.",
    "prose.vec": "its first line has 0 numbers after a word.",
    "cut.vec": "are damaged: line 2 does not hold 3 numbers.",
    "one.vec": "are damaged: line 2 does not hold 3 numbers.",
    "letters.vec": "are damaged: line 1 does not hold 3 numbers.",
    "nan.vec": "hold numbers that are not finite.",
    "other.vec": "know none of the 4 words of the corpus.",
    "e.onnx": 'it ends in ".onnx".',
    "noise.bin": "is not a fastText model",
    "noise.safetensors": "is no file of safetensors, or it is damaged",
    "empty.safetensors": "is no file of safetensors, or it is damaged",
    "noise.npy": "is no array of NumPy",
    "whole.npy": "a row of numbers for each token is wanted",
    "few.npy": "have 2 rows for the 5 tokens",
    "alone": "have no tokenizer.json beside them",
    "two.safetensors": "holds 2 matrices",
    "light.safetensors": "have weights of shape (2,) for 5 tokens",
    "mapped.safetensors": "tokens have rows that are not there",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_one_sentence(tmp_path: Path, name: str) -> None:
    """What was seen, and what would do."""
    with pytest.raises(DataError) as raised:
        vectors(_bad(tmp_path)[name], WORDS)
    assert BAD[name] in str(raised.value)
    assert "\nFix: " in str(raised.value)


def documents(n: int = 300) -> pa.Table:
    """Texts whose words never meet others of their subject: what joins them stands in the vectors alone."""
    rng = random.Random(2)
    subjects = [[f"{kind}{'abcdefghij'[i]}{'abcdefghij'[j]}" for i in range(10) for j in range(4)] for kind in ("flow", "rule")]
    texts = []
    for i in range(n):
        start = rng.randrange(0, 40, 4)
        texts.append(" ".join(rng.choices(subjects[i % 2][start : start + 4], k=12)))
    return pa.table({"text": pa.array(texts, pa.large_string())})


def test_topics_are_what_the_vectors_say(tmp_path: Path) -> None:
    """Of words that only their vectors join, two topics are found by embeddings; TF-IDF cannot know them. Without the file, later shards get the same."""
    docs, rng = documents(), np.random.default_rng(0)
    words = sorted({word for text in docs["text"].to_pylist() for word in text.split()})
    rows = np.array([[word.startswith("flow"), word.startswith("rule"), 1.0] for word in words]) + rng.normal(0, 0.05, (len(words), 3))
    path = vec(tmp_path / "e.vec", words, rows.astype(np.float32))
    truth = np.arange(300) % 2
    stage = make_stage("topics", topics=2, embeddings=str(path))
    fitted = stage.fit(Table(docs))
    frame = stage.measure(docs, fitted)
    found = frame["topic"].to_numpy() == frame["topic"][0]
    assert max((found == truth).mean(), (found != truth).mean()) == 1.0
    assert frame["confidence"].is_between(0, 1).all()
    (tmp_path / "kept").write_bytes(fitted)
    path.unlink()
    assert make_stage("topics", fitted=str(tmp_path / "kept")).measure(docs).equals(frame)
    blind = make_stage("topics", topics=2)
    label = blind.measure(docs, blind.fit(Table(docs)))["topic"].fill_null("none").to_numpy()
    assert max((label[truth == 0] == label[0]).mean(), (label[truth == 1] == label[1]).mean()) < 1.0


def test_wide_vectors_and_any_order_of_documents(tmp_path: Path) -> None:
    """Vectors of more than 64 numbers are turned into as many; the same documents in another order give the same bytes."""
    docs, rng = documents(), np.random.default_rng(0)
    words = sorted({word for text in docs["text"].to_pylist() for word in text.split()})
    path = vec(tmp_path / "e.vec", words, rng.normal(size=(len(words), 100)).astype(np.float32))
    stage = make_stage("topics", topics=3, embeddings=str(path))
    fitted = stage.fit(Table(docs))
    assert stage.fit(Table(docs.take(pa.array(range(299, -1, -1))))) == fitted
    from tamis.stages._topic_model import load

    assert load(fitted).table.shape[1] == 64


def test_embeddings_find_topics_and_do_not_give_them(tmp_path: Path) -> None:
    """Beside a classifier or fitted topics they are refused; the tokenizer beside them is part of the stage's key."""
    with pytest.raises(RecipeError, match='"embeddings" says how to find topics, and "column" has them already'):
        make_stage("topics", column="topic", embeddings="e.vec")
    tokenizer(tmp_path, ["[UNK]", *WORDS])
    np.save(tmp_path / "e.npy", np.vstack([ROWS, ROWS])[:5])
    assert make_stage("topics", embeddings=str(tmp_path / "e.npy")).files_beside() == (tmp_path / "tokenizer.json",)
    assert make_stage("topics", embeddings=str(vec(tmp_path / "e.vec"))).files_beside() == ()
