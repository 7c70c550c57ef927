"""The stage `quality`: scores of a model, what they mean, and what pushed them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from tamis import classifier, judge, make_stage, model_card
from tamis.documents import Columns
from tamis.errors import TamisError
from tamis.folder import opened
from tamis.keys import files_named, keys
from tamis.stages import quality

MODEL = Path(quality.__file__).parent / "quality_example.bin"
"""Forty lines of "the cat sat on the mat" against "click here, buy now"."""
GOOD, BAD = "the cat looked at the dog on the mat", "click here to buy now at a free price"


def docs(*texts: str) -> pa.Table:
    """Documents as a stage sees them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


@pytest.fixture
def carded(tmp_path: Path) -> Path:
    """The model with a card that calibrates it: the share is half of the score."""
    model = tmp_path / "edu.bin"
    model.write_bytes(MODEL.read_bytes())
    about = {
        "labels": ["bad", "good"],
        "score": {"bad": 0.0, "good": 1.0},
        "calibration": {"method": "isotonic", "score": [0.0, 1.0], "share": [0.0, 0.5]},
    }
    model_card.write(model, np.array([1, 2], np.uint64), about)
    return model


def test_the_score_is_the_models_probability() -> None:
    """Score and probability agree, and each text scores alone as among others; a blank text has none, though the model knows the end of a line."""
    stage = make_stage("quality", model=str(MODEL), label="good")
    texts = [GOOD, BAD, "unheard words", GOOD * 100]
    found = stage.measure(docs(*texts))
    model = classifier.load(MODEL)
    expected = model.scores(pa.array(texts))[:, model.labels.index("good")]
    assert found["score"].to_list() == pytest.approx(expected.tolist(), abs=1e-7)
    assert stage.measure(docs("", "  \n", "\u3000"))["score"].to_list() == [None, None, None]
    assert found["score"][0] > 0.8
    assert found["score"][1] < 0.4
    assert [stage.measure(docs(text))["score"][0] for text in texts] == found["score"].to_list()


def test_several_labels_and_values() -> None:
    """Of both labels' values the expected value; of one label its probability; and the other's is what is left of 1."""
    one = make_stage("quality", model=str(MODEL), label="good").measure(docs(GOOD, BAD))["score"]
    other = make_stage("quality", model=str(MODEL), label=["bad"]).measure(docs(GOOD, BAD))["score"]
    levels = make_stage("quality", model=str(MODEL), label={"good": 5.0, "bad": 1.0}).measure(docs(GOOD, BAD))["score"]
    assert (one + other).to_list() == pytest.approx([1.0, 1.0])
    assert levels.to_list() == pytest.approx([5 * p + (1 - p) for p in one])


def test_limits_keep_what_they_say() -> None:
    """A score at the limit is kept, on both sides of each."""
    score = make_stage("quality", model=str(MODEL), label="good").measure(docs(GOOD))["score"][0]
    for values, copies in (
        ({"min_score": score}, 1),
        ({"min_score": score + 1e-9}, 0),
        ({"max_score": score}, 1),
        ({"max_score": score - 1e-9}, 0),
    ):
        found = judge({"text": [GOOD]}, [make_stage("quality", model=str(MODEL), label="good", **values)])
        assert found["copies"].to_list() == [copies]
    found = judge({"text": [BAD, " "]}, [make_stage("quality", model=str(MODEL), label="good", min_score=0.5)])
    assert found["reasons"].to_list() == [["quality score too low"], ["score not measurable"]]


def test_a_card_says_what_is_good_and_calibrates(carded: Path) -> None:
    """With a card nothing need be named, and calibrated scores stand beside the raw ones; a label of one's own has none."""
    found = make_stage("quality", model=str(carded)).measure(docs(GOOD, BAD, ""))
    assert found["calibrated"].to_list()[:2] == pytest.approx([one / 2 for one in found["score"].to_list()[:2]])
    assert found["calibrated"][2] is None
    assert found.columns == ["score", "calibrated"]
    assert make_stage("quality", model=str(carded), label="bad").measure(docs(GOOD)).columns == ["score"]
    assert judge({"text": [GOOD]}, [make_stage("quality", model=str(carded), min_calibrated=0.6)])["reasons"].to_list() == [
        ["too unlikely to be good"]
    ]


def test_keys_hold_model_and_card(carded: Path) -> None:
    """Another calibration is another folder of signals, and so is another model; a limit is not."""

    def key(**values: object) -> str:
        stage = make_stage("quality", model=str(carded), **values)
        return keys([("quality", stage)], Columns(), [])["quality"]

    first = key()
    assert key(min_score=0.5) == first
    card = json.loads(model_card.card_of(carded).read_text())
    card["calibration"]["share"] = [0.0, 0.7]
    model_card.card_of(carded).write_text(json.dumps(card))
    assert key() != first
    named = files_named(make_stage("quality", model=str(carded)))
    assert named["edu.bin"] == card["sha256"]
    assert set(named) == {"edu.bin", "edu.bin.json"}


def test_what_pushes_a_score() -> None:
    """Words of the good lines push up, those of the bad ones down."""
    up, down = make_stage("quality", model=str(MODEL), label="good").account(f"{GOOD} {BAD}")
    assert up.startswith("up    ")
    assert down.startswith("down  ")
    assert '"mat"' in up
    assert '"price"' in down
    assert make_stage("quality", model=str(MODEL), label="good").account("") == []


def test_a_run_cites_its_model_and_explains_its_scores(tmp_path: Path, carded: Path) -> None:
    """The manifest names the model with its SHA-256; `tamis explain` shows score, limit, and the words, of the text as the edits left it."""
    pl.DataFrame({"id": ["a", "b"], "text": [GOOD, BAD]}).write_parquet(tmp_path / "d.parquet")
    (tmp_path / "r.yaml").write_text(
        "stages:\n  - unicode\n  - quality: {model: edu.bin, min_score: 0.5}\n  - best: {of: quality.score, share: 0.5}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tamis", "run", "r.yaml", "d.parquet", "-o", "out"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert opened(str(tmp_path / "out")).manifest["files"]["quality"]["edu.bin"] == model_card.sha256(carded)
    said = subprocess.run(
        [sys.executable, "-m", "tamis", "explain", "out", "b"], capture_output=True, text=True, cwd=tmp_path, check=True
    ).stdout
    assert "dropped by 2 quality: quality score too low" in said
    assert "must be at least 0.5  fails" in said
    assert '\n  down  "' in said
    kept = subprocess.run(
        [sys.executable, "-m", "tamis", "explain", "out", "a"], capture_output=True, text=True, cwd=tmp_path, check=True
    ).stdout
    assert "  better share  0" in kept
    assert '\n  up    "' in kept


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model": "nothing.bin"}, "nothing.bin"),
        ({"model": str(MODEL)}, "which of the labels of"),
        ({"model": str(MODEL), "label": "goood"}, 'has no label "goood". Did you mean "good"'),
        ({"model": str(MODEL), "label": ["good", "bad"]}, "the same value, so that it tells nothing apart"),
        ({"model": str(MODEL), "label": "good", "min_calibrated": 0.5}, '"min_calibrated" needs a calibration'),
        ({"model": str(Path(__file__)), "label": "good"}, "test_quality_stage.py"),
    ],
)
def test_mistakes(values: dict, said: str) -> None:
    """A model that is none, and labels that do not exist, are one sentence."""
    with pytest.raises(TamisError, match=said):
        make_stage("quality", **values)


def test_scoring_needs_no_library() -> None:
    """Where fastText is not installed, models are scored all the same."""
    code = "import sys; sys.modules['fasttext'] = None; sys.modules['sklearn'] = None\nfrom tamis import judge, make_stage\n"
    code += f"print(judge({{'text': ['the cat sat']}}, [make_stage('quality', model={str(MODEL)!r}, label='good', min_score=0.5)])['copies'].to_list())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[1]", 0), done.stderr
