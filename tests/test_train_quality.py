"""tamis train quality: the same model from the same texts, an honest validation, a card that says what it was trained on."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("fasttext")

from tamis import model_card
from tamis.cli import models
from tamis.documents import Columns
from tamis.errors import DataError, MissingPackage, TamisError
from tamis.train import baselines, fit, report, validation
from tamis.train.examples import from_classes, from_column
from tamis.train.matching import length_bands, matched
from tamis.train.quality import How, score_weights, train
from tamis.train.settings import Settings, preset

GOOD = [f"gud{i}" for i in range(40)]
BAD = [f"bad{i}" for i in range(40)]
BOTH = [f"word{i}" for i in range(300)]
QUICK = Settings(dim=4, epochs=25, word_ngrams=1, buckets=1_000, min_count=1)


def text(rng: random.Random, special: list[str], length: int = 60, share: float = 0.15) -> str:
    """Words of both classes, and some of one."""
    return " ".join(rng.choice(special if rng.random() < share else BOTH) for _ in range(length))


def corpus(path: Path, n: int = 150, *, short_bad: bool = False, signal: bool = True) -> str:
    """A shard with a label column: `n` documents of each class."""
    rng = random.Random(7)
    rows = [{"text": text(rng, GOOD if signal else BOTH), "label": "positive", "source": rng.choice("ab")} for _ in range(n)]
    rows += [
        {"text": text(rng, BAD if signal else BOTH, 20 if short_bad else 60), "label": "negative", "source": rng.choice("bc")}
        for _ in range(n)
    ]
    rng.shuffle(rows)
    pl.DataFrame(rows).write_parquet(path)
    return str(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A model, and its report."""
    folder = tmp_path_factory.mktemp("trained")
    model = folder / "edu.bin"
    made = train(from_column([corpus(folder / "data.parquet")], "label", Columns()), How(QUICK), model)
    report.write(model, made)
    return model, made


def test_the_same_texts_give_the_same_bytes(trained: tuple[Path, dict], tmp_path: Path) -> None:
    """Model, card and report are the same bytes for shards in another order and cut; another seed is another model."""
    data = pl.read_parquet(trained[0].parent / "data.parquet")
    data[200:].write_parquet(tmp_path / "a.parquet")
    data[:200].write_ndjson(tmp_path / "b.jsonl")
    again = tmp_path / "again" / "edu.bin"
    made = train(from_column([str(tmp_path / "a.parquet"), str(tmp_path / "b.jsonl")], "label", Columns()), How(QUICK), again)
    assert again.read_bytes() == trained[0].read_bytes()
    assert model_card.texts_of(again).read_bytes() == model_card.texts_of(trained[0]).read_bytes()
    assert {k: v for k, v in made.items() if k != "inputs"} == {k: v for k, v in trained[1].items() if k != "inputs"}
    other = tmp_path / "other.bin"
    train(from_column([str(trained[0].parent / "data.parquet")], "label", Columns()), How(QUICK, seed=1), other)
    assert other.read_bytes() != again.read_bytes()


def test_the_card_says_what_it_was_trained_on(trained: tuple[Path, dict]) -> None:
    """Name, SHA-256, recipe, inputs, versions; and the hash of each training text, of none that was held out."""
    model, made = trained
    card = model_card.read(model)
    assert card is not None
    assert card["name"] == "edu"
    assert card["sha256"] == model_card.sha256(model)
    assert card["recipe"]["settings"]["epochs"] == 25
    assert card["inputs"][0]["documents"] == 300
    assert set(card["packages"]) == {"fasttext-community"}
    keys = model_card.training_texts(model)
    assert len(keys) == sum(made["split"]["training"]["documents"].values())
    every = from_column([str(model.parent / "data.parquet")], "label", Columns()).keys
    held = np.setdiff1d(every, keys)
    assert len(held) == sum(made["split"]["held_out"]["documents"].values())
    assert 40 <= len(held) <= 80


def test_a_card_of_another_model_is_refused(trained: tuple[Path, dict], tmp_path: Path) -> None:
    """A model that was overwritten has no card; hashes that were cut are not believed."""
    model = tmp_path / "edu.bin"
    model.write_bytes(trained[0].read_bytes() + b"x")
    model_card.card_of(model).write_bytes(model_card.card_of(trained[0]).read_bytes())
    with pytest.raises(DataError, match="is the card of another model"):
        model_card.read(model)
    model.write_bytes(trained[0].read_bytes())
    model_card.texts_of(model).write_bytes(model_card.texts_of(trained[0]).read_bytes()[:-8])
    with pytest.raises(DataError, match="is gone or not what"):
        model_card.training_texts(model)
    model_card.card_of(model).write_text("{}")
    with pytest.raises(DataError, match="is not the card of a model"):
        model_card.read(model)


def test_a_classifier_that_sees_something_beats_length(trained: tuple[Path, dict]) -> None:
    """With words that tell, AUC is near 1 and length tells nothing; the words are found."""
    auc = trained[1]["auc"]
    assert auc["classifier"]["auc"] > 0.97
    assert 0.3 < auc["length alone"]["auc"] < 0.7
    assert auc["length alone"]["margin"]["interval"][0] > 0.1
    assert "source column alone" in auc
    assert sum(one["feature"].startswith("gud") for one in trained[1]["features"]["for"][:10]) >= 8
    assert sum(one["feature"].startswith("bad") for one in trained[1]["features"]["against"][:10]) >= 8


def test_a_classifier_that_sees_only_length_is_warned_of(tmp_path: Path) -> None:
    """Where classes differ in length alone, the report says that it does not beat length; matched in length, it is worth nothing."""
    examples = from_column([corpus(tmp_path / "d.parquet", short_bad=True, signal=False)], "label", Columns())
    made = train(examples, How(QUICK), tmp_path / "m.bin")
    assert made["auc"]["length alone"]["auc"] > 0.99
    assert any(warning.startswith("It does not beat length alone: AUC ") for warning in made["warnings"])
    with pytest.raises(DataError, match="the classes have no length in common"):
        train(examples, How(QUICK, match=("length",)), tmp_path / "n.bin")


def test_near_copies_are_on_one_side(tmp_path: Path) -> None:
    """Of documents that are alike, all train or all validate."""
    rng = random.Random(3)
    rows = []
    for i in range(120):
        special, label = (GOOD, "positive") if i % 2 else (BAD, "negative")
        original = text(rng, special)
        rows += [{"text": original, "label": label}, {"text": original + " and a word more", "label": label}]
    pl.DataFrame(rows).write_parquet(tmp_path / "d.parquet")
    examples = from_column([str(tmp_path / "d.parquet")], "label", Columns())
    train(examples, How(QUICK), tmp_path / "m.bin")
    keys = set(model_card.training_texts(tmp_path / "m.bin").tolist())
    inside = {t.as_py().removesuffix(" and a word more") for t, key in zip(examples.texts, examples.keys, strict=True) if int(key) in keys}
    outside = {
        t.as_py().removesuffix(" and a word more") for t, key in zip(examples.texts, examples.keys, strict=True) if int(key) not in keys
    }
    assert outside
    assert not inside & outside


def test_a_condition_holds_out_whole_sources(tmp_path: Path) -> None:
    """`held_out_where` holds out the documents that meet it."""
    examples = from_column([corpus(tmp_path / "d.parquet")], "label", Columns())
    made = train(examples, How(QUICK, held_out_where='source == "b"'), tmp_path / "m.bin")
    held = sum(one == "b" for one in examples.columns["source"].to_pylist())
    assert sum(made["split"]["held_out"]["documents"].values()) == held
    with pytest.raises(DataError, match='no column "site" in every file'):
        train(examples, How(QUICK, held_out_where='site == "b"'), tmp_path / "m.bin")


def test_levels_are_scored_by_their_values(tmp_path: Path) -> None:
    """Labels that are numbers count by their value, and those above the middle are good."""
    assert score_weights(["0", "1", "2"], ()) == {"0": 0.0, "1": 1.0, "2": 2.0}
    assert score_weights(["negative", "positive"], ()) == {"negative": 0.0, "positive": 1.0}
    assert score_weights(["a", "b", "c"], ("a", "c")) == {"a": 1.0, "b": 0.0, "c": 1.0}
    rng = random.Random(5)
    pl.DataFrame([{"text": text(rng, GOOD, share=level / 4), "label": level} for level in range(4) for _ in range(60)]).write_parquet(
        tmp_path / "d.parquet"
    )
    made = train(from_column([str(tmp_path / "d.parquet")], "label", Columns()), How(QUICK), tmp_path / "m.bin")
    assert made["recipe"]["good"] == ["2", "3"]
    assert made["auc"]["classifier"]["auc"] > 0.9


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=4, max_size=60).filter(
        lambda rows: len({good for _, good, _ in rows}) == 2
    )
)
@settings(max_examples=60, deadline=None)
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool, int]]) -> None:
    """AUC counts pairs, ties half, each as often as its weights say."""
    score, good, weight = (np.array(column) for column in zip(*rows, strict=True))
    pairs = [(g > b) + (g == b) / 2 for g in score[good] for b in score[~good]]
    assert validation.Ranked(score.astype(float), good).auc() == pytest.approx(float(np.mean(pairs)))
    heavy = [
        (v * w, ((g > b) + (g == b) / 2))
        for g, v in zip(score[good], weight[good], strict=True)
        for b, w in zip(score[~good], weight[~good], strict=True)
    ]
    total = sum(w for w, _ in heavy)
    if total:
        assert validation.Ranked(score.astype(float), good).auc(weight) == pytest.approx(sum(w * x for w, x in heavy) / total)


@pytest.mark.parametrize("n", [300, 3_000])
def test_calibration_says_how_many_are_good(n: int) -> None:
    """Of scores whose odds are off by a factor, isotonic and Platt's calibration give the true shares back, rising."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.02, 0.98, n)
    good = rng.uniform(size=n) < truth
    odds = truth / (1 - truth) * 5
    score = odds / (1 + odds)
    how = validation.calibration(score, good)
    assert how["method"] == ("isotonic" if n >= 1_000 else "platt")
    said = model_card.calibrated(how, score)
    assert float(np.abs(said - truth).mean()) < 0.06
    assert (np.diff(said[np.argsort(score)]) >= 0).all()
    table = validation.calibration_table(score, good, np.arange(n))
    assert sum(one["documents"] for one in table) == n
    assert float(np.mean([abs(one["calibrated"] - one["good_share"]) for one in table])) < 0.1


def test_curves_end_where_they_must() -> None:
    """All kept: recall and false share 1, precision the share of good; the best: precision 1."""
    score, good = np.array([0.9, 0.8, 0.7, 0.6, 0.6]), np.array([True, True, False, True, False])
    points = validation.curves(score, good)["points"]
    assert points[0] == {"threshold": 0.9, "kept_share": 0.2, "recall": 0.333333, "false_share": 0.0, "precision": 1.0}
    assert points[-1] == {"threshold": 0.6, "kept_share": 1.0, "recall": 1.0, "false_share": 1.0, "precision": 0.6}
    assert len(points) == 4


def test_matching_makes_classes_alike(tmp_path: Path) -> None:
    """Within each band of length and each source, as many of one class as of the other; drawn by seed."""
    examples = from_column([corpus(tmp_path / "d.parquet", short_bad=False)], "label", Columns())
    for by in (["length"], ["source"], ["length", "source"]):
        alike = matched(examples, by, 0)
        bands = length_bands(alike.sizes) if "length" in by else np.zeros(len(alike))
        places = alike.columns["source"].to_pylist() if "source" in by else [""] * len(alike)
        counts: dict[tuple, list[int]] = {}
        for band, place, label in zip(bands, places, alike.label, strict=True):
            counts.setdefault((band, place), [0, 0])[label] += 1
        assert alike.left_out[f"not matched in {' and '.join(by)}"] == len(examples) - len(alike)
        assert all(a == b for a, b in counts.values())
    assert set(matched(examples, ["source"], 0).columns["source"].to_pylist()) == {"b"}
    fewer = examples.take(np.flatnonzero((examples.label == 0) | (np.arange(len(examples)) % 2 == 0)))
    drawn = [matched(fewer, ["length"], seed).keys.tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_length_alone_need_not_be_monotone(tmp_path: Path) -> None:
    """Classes that differ in length with the good ones in the middle are told apart by length alone."""
    rng = random.Random(1)
    rows = [{"text": text(rng, BOTH, 60), "label": "positive"} for _ in range(60)]
    rows += [{"text": text(rng, BOTH, rng.choice([8, 500])), "label": "negative"} for _ in range(60)]
    pl.DataFrame(rows).write_parquet(tmp_path / "d.parquet")
    examples = from_column([str(tmp_path / "d.parquet")], "label", Columns())
    good = np.array([label == "positive" for label in examples.labels])
    assert validation.Ranked(baselines.length_alone(examples, examples, good), good[examples.label]).auc() > 0.99


def test_texts_that_fasttext_would_misread(tmp_path: Path) -> None:
    """A label in a text makes no class, a newline ends no example, and blank, contradictory and unlabelled texts are left out."""
    rng = random.Random(2)
    rows = [{"text": text(rng, GOOD) + "\n__label__evil </s> " + "x" * 5, "label": "very good"} for _ in range(40)]
    rows += [{"text": text(rng, BAD), "label": "bad"} for _ in range(60)]
    rows += [{"text": t, "label": label} for t, label in ((" \n", "bad"), ("same", "bad"), ("same", "very good"), ("no label", None))]
    pl.DataFrame(rows).write_parquet(tmp_path / "d.parquet")
    examples = from_column([str(tmp_path / "d.parquet")], "label", Columns())
    assert examples.labels == ("bad", "very_good")
    assert dict(examples.left_out) == {"unreadable": 0, "blank, or without a label": 2, "the same text in two classes": 2}
    made = train(examples, How(QUICK, good=("very_good",), held_out=0.4), tmp_path / "m.bin")
    assert made["labels"] == ["bad", "very_good"]
    assert models.described(str(tmp_path / "m.bin"))["labels"] == ["bad", "very_good"]


MISTAKES = [
    (["--positive", "{data}", "-o", "m"], "a classifier needs two classes, and there is no --negative."),
    (["--data", "{data}", "-o", "m"], "texts come with --positive and --negative, or with --data and --label-column."),
    (["--data", "{data}", "--label-column", "lable", "-o", "m"], 'reads the column "lable", which the data lacks. Did you mean "label"?'),
    (["--data", "{data}", "--label-column", "label", "--good", "postive", "-o", "m"], 'no document has the label "postive". Did you mean "positive"?'),
    (["--data", "{data}", "--label-column", "source", "-o", "m"], "which of the labels a, b, c is good?"),
    (["--data", "{one}", "--label-column", "label", "-o", "m"], 'a classifier needs two classes, and all documents are of the class "positive".'),
    (["--data", "{ten}", "--label-column", "label", "-o", "m"], "has 5 documents with text; at least 20 are needed to train and validate."),
    (["--positive", "{one}", "--negative", "{one}", "-o", "m"], 'the class "negative" has 0 documents with text of its own; at least 20 are needed to train and validate; 60 were set aside, for another class has the same texts.\nFix: give texts that no other class has.'),
    (["--data", "{data}", "--label-column", "label", "--preset", "dlcm", "-o", "m"], 'there is no preset "dlcm". Did you mean "dclm"?'),
    (["--data", "{data}", "--label-column", "label", "--epochs", "0", "-o", "m"], 'training: "epochs" must be above 0, not 0.'),
    (["--data", "{data}", "--label-column", "label", "--match", "site", "-o", "m"], 'the documents have no column "site" in every file.'),
    (["--data", "{broken}", "--label-column", "label", "-o", "m"], "cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_mistakes_are_one_sentence(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be meant is refused in a sentence that says what was seen."""
    from tamis import cli

    data = corpus(tmp_path / "data.parquet", 60)
    frame = pl.read_parquet(data)
    frame.filter(pl.col("label") == "positive").write_parquet(tmp_path / "one.parquet")
    pl.concat([frame.filter(pl.col("label") == label).head(5) for label in ("positive", "negative")]).write_parquet(
        tmp_path / "ten.parquet"
    )
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 nothing")
    places = {name: str(tmp_path / f"{name}.parquet") for name in ("data", "one", "ten", "broken")}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tamis", "train", "quality", *(one.format(**places) for one in arguments)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    error = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said in error
    assert "Traceback" not in error


def test_the_commands(tmp_path: Path) -> None:
    """`tamis train quality` writes model, card, hashes and report; `tamis models` prints the card."""
    frame = pl.read_parquet(corpus(tmp_path / "data.parquet"))
    for label in ("positive", "negative"):
        frame.filter(pl.col("label") == label).drop("label").write_parquet(tmp_path / f"{label}.parquet")
    quick = ["--dim", "4", "--epochs", "5", "--buckets", "1000", "--min-count", "1", "--match", "length"]
    command = [
        sys.executable,
        "-m",
        "tamis",
        "train",
        "quality",
        "--positive",
        "positive.parquet",
        "--negative",
        "negative.parquet",
        "-o",
        "edu",
        *quick,
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("edu.bin\nNext: read edu.bin.md, or score with `- quality: {model: edu.bin}` in a recipe.\n")
    assert {path.name for path in tmp_path.glob("edu*")} == {
        "edu.bin",
        "edu.bin.json",
        "edu.bin.texts",
        "edu.bin.report.json",
        "edu.bin.md",
    }
    page = (tmp_path / "edu.bin.md").read_text()
    assert page.startswith("# edu\n\nA quality classifier (fastText)")
    assert "## Calibration" in page
    assert len(json.loads((tmp_path / "edu.bin.report.json").read_text())["curve"]["points"]) > 10
    card = models.as_text(models.described(str(tmp_path / "edu.bin")))
    assert card in done.stdout
    assert "  good      positive" in card


def test_a_model_without_a_card_says_what_the_file_says() -> None:
    """Any fastText model can be asked."""
    said = models.as_text(models.described(str(Path(models.__file__).parents[1] / "stages" / "quality_example.bin")))
    assert "fastText classifier without a card" in said
    assert "bad, good" in said or "good, bad" in said
    with pytest.raises(TamisError, match="does not exist"):
        models.described("nothing.bin")


def test_without_a_library_that_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing fastText, and one that can only predict, are told apart, and how to get the right one is said."""
    monkeypatch.setitem(sys.modules, "fasttext", None)
    with pytest.raises(
        MissingPackage,
        match=r'training a classifier needs the package "fasttext", which is not installed\.\nFix: pip install "tamis\[fasttext\]"',
    ):
        fit.library()
    monkeypatch.setitem(sys.modules, "fasttext", ModuleType("fasttext"))
    with pytest.raises(MissingPackage, match='the installed package "fasttext" cannot train'):
        fit.library()


def test_presets() -> None:
    """DCLM's numbers are those of its training script."""
    assert preset("dclm") == Settings(dim=100, epochs=5, learning_rate=0.1, word_ngrams=1, buckets=2_000_000, min_count=1)
    with pytest.raises(TamisError, match=r'there is no preset "dclmm"\. Did you mean "dclm"'):
        preset("dclmm")


def test_classes_come_from_files_too(tmp_path: Path) -> None:
    """Files of one class each, JSON lines and Parquet alike."""
    data = pl.read_parquet(corpus(tmp_path / "d.parquet"))
    data.filter(pl.col("label") == "positive").write_ndjson(tmp_path / "p.jsonl")
    data.filter(pl.col("label") == "negative").write_parquet(tmp_path / "n.parquet")
    by_class = from_classes({"positive": [str(tmp_path / "p.jsonl")], "negative": [str(tmp_path / "n.parquet")]}, Columns())
    by_column = from_column([str(tmp_path / "d.parquet")], "label", Columns())
    assert (by_class.keys == by_column.keys).all()
    assert (by_class.label == by_column.label).all()
    assert [one["class"] for one in by_class.inputs] == ["negative", "positive"]
