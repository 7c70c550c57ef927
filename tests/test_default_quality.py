"""The quality model that ships: what it is, what it tells, and how its texts are drawn."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pyarrow as pa
import pytest

from tamis import classifier, make_stage, model_card
from tamis.cli import models
from tamis.documents import Columns
from tamis.errors import TamisError
from tamis.keys import files_named, keys
from tamis.recipe import parse, spelled_out

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "src" / "tamis" / "stages" / "models" / "default.bin"
PROSE = (
    "When the river rose in the spring, the people of the village carried what they could to the church on the hill. Nobody had expected "
    "that the water would stay for three weeks, and by the end of the first they were sharing their bread with the animals. My grandmother, "
    "who was seven years old at the time, remembered above all how quiet it had been."
)
SPAM = (
    "Home | Shop | Cart (0) | Login\nCheap watches\nBest price online - 50% OFF\nFree shipping\nAdd to cart\n$19.99\nCheap shoes\nBuy now\n"
    "Sizes: S M L XL\nIn stock\nRelated products\nSort by: price\nShow 20 / 40 / 60\n« 1 2 3 4 »\nContact\nTerms\n© 2021 All rights reserved"
)


def docs(*texts: str) -> pa.Table:
    """Documents as a stage sees them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that made the model."""
    spec = importlib.util.spec_from_file_location("train_default_quality", ROOT / "tools" / "train_default_quality.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_model_is_small_and_the_one_its_card_names() -> None:
    """At most a megabyte; the card and the file of hashes belong to it, and neither names a machine."""
    assert MODEL.stat().st_size <= 1_000_000
    card = model_card.read(MODEL)
    assert card is not None
    assert card["bytes"] == MODEL.stat().st_size
    assert len(model_card.training_texts(MODEL)) == card["training_texts"]["texts"] > 10_000
    said = model_card.card_of(MODEL).read_text() + MODEL.with_name("default.bin.md").read_text()
    assert "/" not in json.dumps(card["inputs"])
    assert not [word for word in ("/tmp", "/root", "/work", "http") if word in said]


def test_prose_scores_above_a_shops_menu() -> None:
    """Both scores are calibrated, and `explain` says what pushed them."""
    stage = make_stage("quality")
    found = stage.measure(docs(PROSE, SPAM, ""))
    assert found["score"][0] > 0.9
    assert found["score"][1] < 0.1
    assert found["calibrated"][0] > 0.5 > found["calibrated"][1]
    assert found["score"][2] is None
    assert [line[:4].strip() for line in stage.account(PROSE)] == ["up", "down"]


def test_default_is_a_name_and_its_key_is_the_file() -> None:
    """`model: default` is the model that ships, in recipes and without a parameter; the run cites its hash, and its key holds it."""
    named, silent = (make_stage("quality", **given) for given in ({"model": "default"}, {}))
    assert named == silent
    assert files_named(named) == {"default.bin": model_card.sha256(MODEL), "default.bin.json": model_card.sha256(model_card.card_of(MODEL))}
    recipe = parse({"stages": [{"quality": {"model": "default", "min_score": 0.1}}]}, place="recipe", folder=Path("/elsewhere"))
    assert spelled_out(recipe)["stages"][0]["quality"]["model"] == "default"


def test_the_key_changes_with_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of tamis that ships another model never takes over its scores."""
    stage = make_stage("quality")
    before = keys([("quality", stage)], Columns(), [])
    other = tmp_path / "default.bin"
    other.write_bytes((ROOT / "src" / "tamis" / "stages" / "quality_example.bin").read_bytes())
    monkeypatch.setattr(model_card, "located", lambda _: other)
    assert keys([("quality", stage)], Columns(), []) != before


def test_a_file_may_be_called_default(tmp_path: Path) -> None:
    """A path is "./default", and one that is not there is refused in the same words as ever."""
    with pytest.raises(TamisError, match=r'/default" does not exist'):
        parse({"stages": [{"quality": {"model": "./default"}}]}, place="recipe", folder=tmp_path)


def test_it_scores_without_the_library() -> None:
    """Scoring needs no fastText, and no scikit-learn."""
    code = (
        "import sys; sys.modules['fasttext'] = sys.modules['sklearn'] = None\n"
        "import pyarrow as pa; from tamis import make_stage\n"
        "print(make_stage('quality').measure(pa.table({'text': pa.array(['It was a long day, and we were tired.'], pa.large_string())}))['score'][0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 <= float(done.stdout) <= 1


def test_tamis_models_default() -> None:
    """The card of the model that ships is printed by its name."""
    said = models.described("default")
    assert said["sha256"] == classifier.load(MODEL).sha256
    assert "quality classifier" in models.as_text(said)


def test_what_prose_is(script: ModuleType) -> None:
    """Wrapped lines are one paragraph; prose has twenty words, most of them letters, and an end."""
    wrapped = "The first line of this paragraph is long enough to be wrapped\nand so it goes on here until the end."
    assert script.paragraphs(f"Title\n{wrapped}\n\n  item\nitem") == ["Title", wrapped, "item", "item"]
    twenty = "one two three four five six seven eight nine ten " * 2
    assert script.is_prose(twenty.strip() + ".")
    assert not script.is_prose(twenty.strip())
    assert not script.is_prose(twenty.split(" ", 1)[1].strip() + ".")
    assert not script.is_prose("x = 1; " * 10 + ".")
    assert script.parted(f"Menu\n{PROSE}\n- item") == (PROSE, "Menu\n- item")


def test_the_draw_depends_on_the_documents_alone(script: ModuleType) -> None:
    """Whatever their order, the same texts are drawn; copies, variants and pages from a template never are; both sides of a package are held out or neither."""
    rows = [(f"{package}-{i:06d}", f"{PROSE} {package} {i}.\n" + f"{SPAM} {package} {i}", "en") for package in "abcdefgh" for i in range(5)]
    rows += [
        ("copy-0000001", PROSE + " Again.", "en"),
        ("a-000001~1", PROSE + " Anew.", "en"),
        ("template-00001", PROSE + " Thrice.", "en"),
    ]
    documents = pl.DataFrame(rows, schema=["id", "text", "lang"], orient="row")
    found = script.drawn(documents, 0)
    assert found.equals(script.drawn(documents.reverse(), 0))
    assert found["label"].value_counts(sort=True)["count"].to_list() == [40, 40]
    assert not found["text"].str.contains("Again|Anew|Thrice").any()
    assert set(found["source"]) == {f"{package} en" for package in "abcdefgh"}
    assert found.group_by("source").agg(pl.col("held_out").n_unique())["held_out"].to_list() == [1] * 8
