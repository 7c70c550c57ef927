"""tamis train topics: topics with spaces come back as they were, validation is honest, and the stage uses model, card and calibration."""

from __future__ import annotations

import json
import random
import re
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fasttext")

from tamis import make_stage, model_card
from tamis.cli import models
from tamis.documents import Columns
from tamis.errors import DataError, MissingPackage
from tamis.train import fit, report, topic_validation
from tamis.train.settings import Settings
from tamis.train.topics import How, from_column, spelled, train

QUICK = Settings(dim=8, epochs=20, word_ngrams=1, buckets=1, min_count=1)
TOPICS = ("law & order", "100% sport", "音楽\u3000と", "cooking")
COMMON = [f"word{i}" for i in range(200)]


def rows(n: int, topics: tuple[str, ...] = TOPICS, share: float = 0.2, seed: int = 3) -> list[dict[str, str]]:
    """Documents of each topic: words of all, and some of its own."""
    rng = random.Random(seed)
    own = {topic: [f"own{i}x{j}" for j in range(20)] for i, topic in enumerate(topics)}
    made = [
        {"text": " ".join(rng.choice(own[topic] if rng.random() < share else COMMON) for _ in range(40)), "topic": topic}
        for topic in topics
        for _ in range(n)
    ]
    rng.shuffle(made)
    return made


def shard(folder: Path, made: list[dict[str, str]]) -> str:
    """A Parquet file of them."""
    pl.DataFrame(made).write_parquet(folder / "labelled.parquet")
    return str(folder / "labelled.parquet")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A model of four topics, and its report."""
    folder = tmp_path_factory.mktemp("topics")
    model = folder / "topics.bin"
    examples = from_column([shard(folder, rows(80, share=0.07))], "topic", Columns())
    made = train(examples, How(QUICK), model)
    report.write(model, made)
    return model, made


@given(st.text())
def test_any_topic_can_be_spelled(topic: str) -> None:
    """A label has nothing that would end it, and the topic comes back, without the space around it."""
    from urllib.parse import unquote

    label = spelled(topic)
    assert not any(c.isspace() or c == "\0" for c in label)
    assert unquote(label) == topic.strip()


def test_topics_come_back_as_they_were(trained: tuple[Path, dict]) -> None:
    """Report, card and the stage's signal name topics as the column does, spaces, signs and scripts too."""
    model, made = trained
    assert sorted(made["labels"]) == sorted(TOPICS)
    assert made["split"]["training"]["documents"].keys() == set(TOPICS)
    assert {one["topic"] for one in made["validation"]["topics"]} == set(TOPICS)
    assert {one["topic"] for one in made["validation"]["confused"]} <= set(TOPICS)
    assert made["topics"]["majority"]["label"] in TOPICS
    texts = pa.table({"text": pa.array([*(f"own{i}x1 own{i}x2 own{i}x3" for i in range(4)), " \n", ""], pa.large_string())})
    found = make_stage("topics", classifier=str(model)).measure(texts)
    assert found["topic"].to_list() == [*TOPICS, None, None]
    assert found["confidence"].is_null().to_list() == [False] * 4 + [True] * 2
    assert found["confidence"].drop_nulls().is_between(0, 1).all()


def test_confidence_is_calibrated_by_the_card(trained: tuple[Path, dict]) -> None:
    """With its card, confidence is the share of held-out documents that were told right; without, the bare probability; the card is part of the key."""
    model, made = trained
    stage = make_stage("topics", classifier=str(model))
    texts = pa.table({"text": pa.array([one["text"] for one in rows(30, share=0.07, seed=9)], pa.large_string())})
    told = stage.measure(texts)["confidence"].to_numpy()
    assert made["calibration"] is not None
    assert stage.files_beside() == (model_card.card_of(model),)
    alone = model.with_name("alone.bin")
    alone.write_bytes(model.read_bytes())
    bare = make_stage("topics", classifier=str(alone))
    assert bare.files_beside() == ()
    frame = bare.measure(texts)
    assert frame["topic"].to_list() == [spelled(one) for one in stage.measure(texts)["topic"].to_list()]
    assert told == pytest.approx(model_card.calibrated(made["calibration"], frame["confidence"].to_numpy()))
    assert not np.allclose(told, frame["confidence"].to_numpy())


def test_validation_counts_what_it_says() -> None:
    """Accuracy, macro-F1, the majority and the confused pairs, against counts by hand."""
    label = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    said = np.array([0, 0, 0, 1, 1, 0, 1, -1])
    hits, there, called = topic_validation._counts(label, said, 3)
    assert (hits.tolist(), there.tolist(), called.tolist()) == ([3, 1, 0], [4, 2, 2], [4, 3, 0])
    # F1: 6/8, 2/5, 0/2
    assert topic_validation._macro(hits, there, called) == pytest.approx((0.75 + 0.4 + 0) / 3)
    doubled = topic_validation._counts(label, said, 3, np.full(8, 2.0))
    assert topic_validation._macro(*doubled) == pytest.approx((0.75 + 0.4 + 0) / 3)
    listed = topic_validation._by_topic(("a", "b", "c"), hits, there, called)
    assert listed[2] == {"topic": "c", "documents": 2, "precision": None, "recall": 0.0, "f1": 0.0}
    assert listed[1] == {"topic": "b", "documents": 2, "precision": 0.333333, "recall": 0.5, "f1": 0.4}


def test_held_out_documents_were_not_seen(trained: tuple[Path, dict]) -> None:
    """Documents are trained on or held out, near-duplicates together; the majority is beside the classifier, which beats it."""
    model, made = trained
    inside, held = (sum(made["split"][part]["documents"].values()) for part in ("training", "held_out"))
    assert inside + held == 320
    assert 40 <= held <= 90
    assert len(model_card.training_texts(model)) == inside
    assert made["topics"]["accuracy"]["value"] > made["topics"]["majority"]["accuracy"] + 0.2
    assert made["warnings"] == []
    assert sum(one["documents"] for one in made["validation"]["calibration_table"]) == held


def test_near_duplicates_do_not_leak(tmp_path: Path) -> None:
    """Where topics differ by nothing but copies of texts, held-out copies would tell: whole clusters are held out, and nothing was learned."""
    rng = random.Random(5)
    made = []
    for i in range(60):
        base = " ".join(rng.choice(COMMON) for _ in range(60))
        made += [{"text": f"{base} copy{j}", "topic": "ab"[i % 2]} for j in range(4)]
    found = train(from_column([shard(tmp_path, made)], "topic", Columns()), How(QUICK), tmp_path / "m.bin")
    assert found["topics"]["accuracy"]["value"] < 0.75


def test_a_topic_of_near_duplicates_is_not_lost(tmp_path: Path) -> None:
    """All documents of a topic may be one cluster; where the draw would hold all of them out, they are learned from instead, and judged by nothing."""
    made = rows(60, ("a", "b"))
    made += [{"text": " ".join(f"copy{i}" for i in range(60)) + f" end{j}", "topic": "one text"} for j in range(25)]
    examples = from_column([shard(tmp_path, made)], "topic", Columns())
    held = []
    for seed in range(6):
        found = train(examples, How(QUICK, seed=seed), tmp_path / "m.bin")
        assert found["split"]["training"]["documents"]["one text"] == 25
        held.append(sum(found["split"]["held_out"]["documents"].values()))
    assert min(held) >= 20


def test_a_classifier_that_learned_nothing_says_so() -> None:
    """A warning where the interval of its accuracy reaches that of always saying the most frequent topic, and none above it."""
    usual = {"label": "a", "accuracy": 0.5, "macro_f1": 0.2}
    said = topic_validation.warnings({"accuracy": {"value": 0.55, "interval": [0.5, 0.6]}, "majority": usual})
    assert said == ["It does not beat always saying the most frequent topic: accuracy 0.550 (95 % interval 0.500 to 0.600) against 0.500."]
    assert topic_validation.warnings({"accuracy": {"value": 0.55, "interval": [0.501, 0.6]}, "majority": usual}) == []


def test_the_same_texts_give_the_same_bytes(trained: tuple[Path, dict], tmp_path: Path) -> None:
    """Rows in another order, in two files, one of them JSON lines: model and report are the same."""
    data = pl.read_parquet(trained[0].parent / "labelled.parquet").reverse()
    data[:100].write_parquet(tmp_path / "a.parquet")
    data[100:].write_ndjson(tmp_path / "b.jsonl")
    again = tmp_path / "topics.bin"
    made = train(from_column([str(tmp_path / "a.parquet"), str(tmp_path / "b.jsonl")], "topic", Columns()), How(QUICK), again)
    assert again.read_bytes() == trained[0].read_bytes()
    assert {k: v for k, v in made.items() if k != "inputs"} == {k: v for k, v in trained[1].items() if k != "inputs"}


def test_rare_topics_are_left_out_and_counted(tmp_path: Path) -> None:
    """Topics with fewer documents than asked for are not learned, and the report says how many documents that left out."""
    made = rows(60, ("a", "b")) + rows(19, ("rare one",), seed=4) + [{"text": "no topic", "topic": None}]
    found = train(from_column([shard(tmp_path, made)], "topic", Columns()), How(QUICK), tmp_path / "m.bin")
    assert found["labels"] == ["a", "b"]
    assert found["left_out"]["of topics with fewer than 20 documents"] == 19
    assert found["left_out"]["blank, or without a label"] == 1


def test_the_page_and_the_card(trained: tuple[Path, dict]) -> None:
    """`<model>.md` has every section, `tamis models` the topics and their worth."""
    model, made = trained
    page = Path(f"{model}.md").read_text("utf-8")
    heads = [line for line in page.splitlines() if line.startswith("#")]
    assert heads == [
        "# topics", "## Validation", "## By topic", "## What it confuses", "## What its confidence is worth", "## Inputs",
    ]  # fmt: skip
    assert "| classifier | 0." in page
    assert "| 音楽·と |" in page  # an ideographic space is no printable sign
    card = models.as_text(models.described(str(model)))
    assert "  kind      topic classifier" in card
    assert "100% sport" in card
    assert re.search(rf"classifier +{made['topics']['accuracy']['value']:.3f} ", card)
    assert f'always "{made["topics"]["majority"]["label"]}"' in card
    assert json.loads(Path(f"{model}.report.json").read_text("utf-8"))["validation"]["topics"] == made["validation"]["topics"]


MISTAKES = [
    (["-o", "m"], "--data is missing."),
    (["--data", "{data}"], "--out is missing."),
    (["--data", "{data}", "--label-column", "topik", "-o", "m"], 'reads the column "topik", which the data lacks. Did you mean "topic"?'),
    (["--data", "{nested}", "-o", "m"], 'the column "topic" holds large_list<element: large_string>, and one class is wanted.'),
    (["--data", "{one}", "-o", "m"], 'needs two topics with at least 20 documents each, and all documents are of the topic "law & order".'),
    (["--data", "{ten}", "-o", "m"], 'needs two topics with at least 20 documents each, and of 2, the largest, "100% sport", has 5.'),
    (["--data", "{none}", "-o", "m"], "no document has both text and a topic."),
    (["--data", "{data}", "--held-out", "1", "-o", "m"], "the share held out must be above 0 and below 1, not 1.0."),
    (["--data", "{data}", "--held-out", "0.01", "-o", "m"], "documents are held out, and at least 20 are needed to validate."),
    (["--data", "{data}", "--min-documents", "1", "-o", "m"], "a topic needs at least 2 documents"),
    (["--data", "{data}", "--preset", "topic", "-o", "m"], 'there is no preset "topic". Did you mean "topics"?'),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_mistakes_are_one_sentence(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be meant is refused in a sentence that says what was seen."""
    from tamis import cli

    frame = pl.DataFrame(rows(30, TOPICS[:2]))
    made = {
        "data": frame,
        "one": frame.filter(pl.col("topic") == TOPICS[0]),
        "ten": pl.concat([frame.filter(pl.col("topic") == topic).head(5) for topic in TOPICS[:2]]),
        "none": frame.with_columns(topic=pl.lit(None, pl.String)),
        "nested": frame.with_columns(pl.concat_list("topic")),
    }
    for name, content in made.items():
        content.write_parquet(tmp_path / f"{name}.parquet")
    places = {name: str(tmp_path / f"{name}.parquet") for name in made}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tamis", "train", "topics", *(one.format(**places) for one in arguments)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    error = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said in error
    assert "Traceback" not in error


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`tamis train topics` writes model, card, hashes and both reports, and says what to do next."""
    from tamis import cli

    data = shard(tmp_path, rows(40))
    monkeypatch.chdir(tmp_path)
    quick = ["--dim", "4", "--epochs", "10", "--min-count", "1", "--held-out", "0.3"]
    monkeypatch.setattr(sys, "argv", ["tamis", "train", "topics", "--data", data, "-o", "mine", *quick])
    with suppress(SystemExit):
        cli.main()
    assert capsys.readouterr().out.endswith(
        "mine.bin\nNext: read mine.bin.md, or label with `- topics: {classifier: mine.bin}` in a recipe.\n"
    )
    assert {path.name for path in tmp_path.glob("mine*")} == {f"mine.bin{end}" for end in ("", ".json", ".texts", ".report.json", ".md")}


def test_without_fasttext(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing library is said before anything is read twice, with the command that installs it."""
    monkeypatch.setitem(sys.modules, "fasttext", None)
    with pytest.raises(
        MissingPackage,
        match=r'training a classifier needs the package "fasttext", which is not installed\.\nFix: pip install "tamis\[fasttext\]"',
    ):
        train(from_column([shard(tmp_path, rows(30))], "topic", Columns()), How(QUICK), tmp_path / "m.bin")
    assert not (tmp_path / "m.bin").exists()


def test_a_card_of_another_model_is_refused(trained: tuple[Path, dict], tmp_path: Path) -> None:
    """Labels and calibration of another model would be wrong without a sign."""
    model = tmp_path / "m.bin"
    fit.fit(from_column([shard(tmp_path, rows(30, ("x", "y")))], "topic", Columns()), QUICK, 0, model)
    model_card.card_of(model).write_bytes(model_card.card_of(trained[0]).read_bytes())
    with pytest.raises(DataError, match="is the card of another model"):
        make_stage("topics", classifier=str(model)).measure(pa.table({"text": pa.array(["own0x1"], pa.large_string())}))
